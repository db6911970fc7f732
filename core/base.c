/* SPDX-License-Identifier: Apache-2.0 */

#include "core/base.h"

#include <stdio.h>
#include <stdlib.h>

#include <unistd.h>

#define FRAME_COUNT_MAX 8u
#define FRAME_BYTES_MAX 96u /* "storage/log_structured_store.c:900 < " and room */

struct frame {
    const char *file; /* a literal */
    int line;
};

static _Thread_local struct frame trail[FRAME_COUNT_MAX];
static _Thread_local uint32_t trail_count;
static _Thread_local char trail_text[FRAME_COUNT_MAX * FRAME_BYTES_MAX];

/* Meson compiles with paths like "../../core/base.c". */
static const char *
from_the_root(const char *file)
{
    while (strncmp(file, "../", 3) == 0) {
        file += 3;
    }
    return file;
}

/* One write, so that lines of two dying threads do not mix. */
void
base_die(const char *kind, const char *condition, const char *file, int line)
{
    char said[512];
    int bytes = snprintf(said, sizeof(said), "millrace: %s(%s) failed at %s:%d%s%s\n", kind, condition,
                         from_the_root(file), line, trail_count > 0 ? ", last fault at " : "", fault_path());

    if (bytes >= (int)sizeof(said)) {
        bytes = (int)sizeof(said) - 1;
        said[bytes - 1] = '\n';
    }
    if (bytes > 0) {
        ssize_t written = write(STDERR_FILENO, said, (size_t)bytes);
        (void)written; /* Nobody is left to tell. */
    }
    abort();
}

int
fault_note(int code, const char *file, int line, bool is_first)
{
    REQUIRE(code < 0 || !is_first);

    if (code >= 0) {
        return code; /* An answer travels without a trail. */
    }
    if (is_first) {
        trail_count = 0;
    }
    if (trail_count < FRAME_COUNT_MAX) {
        trail[trail_count] = (struct frame){.file = from_the_root(file), .line = line};
        trail_count++;
    }
    return code;
}

const char *
fault_path(void)
{
    size_t used = 0;

    trail_text[0] = '\0';
    for (uint32_t i = 0; i < trail_count && used < sizeof(trail_text); i++) {
        int bytes = snprintf(trail_text + used, sizeof(trail_text) - used, "%s%s:%d", i > 0 ? " < " : "",
                             trail[i].file, trail[i].line);
        used += bytes > 0 ? (size_t)bytes : 0;
    }
    return trail_text;
}
