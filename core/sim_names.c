/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sim_names.h"

#include <stdlib.h>

static struct name *
find_name(const struct names *names, const char *text)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->name[i].text, text) == 0) {
            return &names->name[i];
        }
    }
    return NULL;
}

struct sim_file *
names_file(const struct names *names, const char *text)
{
    struct name *name = find_name(names, text);

    return name != NULL ? name->file : NULL;
}

void
names_set(struct names *names, const char *text, struct sim_file *file)
{
    struct name *name = find_name(names, text);

    if (name == NULL) {
        names->name = realloc(names->name, (names->count + UINT64_C(1)) * sizeof(*names->name));
        ASSERT(names->name != NULL);
        name = &names->name[names->count++];
        name_copy(name->text, text);
    }
    name->file = file;
}

void
names_clear(struct names *names, const char *text)
{
    struct name *name = find_name(names, text);

    if (name != NULL) {
        names->count--;
        memmove(name, name + 1, (size_t)(&names->name[names->count] - name) * sizeof(*name));
    }
}

void
name_copy(char to[DISK_NAME_BYTES_MAX], const char *text)
{
    size_t bytes = strlen(text);

    REQUIRE(bytes < DISK_NAME_BYTES_MAX);
    memcpy(to, text, bytes + 1);
}

void
name_folder(const char *text, char out_folder[DISK_NAME_BYTES_MAX])
{
    const char *slash = strchr(text, '/');
    size_t bytes = slash != NULL ? (size_t)(slash - text) : 0;

    REQUIRE(bytes < DISK_NAME_BYTES_MAX);
    memcpy(out_folder, text, bytes);
    out_folder[bytes] = '\0';
}

bool
name_is_in(const char *text, const char *folder)
{
    char own[DISK_NAME_BYTES_MAX];

    name_folder(text, own);
    return strcmp(own, folder) == 0;
}
