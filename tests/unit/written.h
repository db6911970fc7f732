/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * written - a text that grows by printf() and knows its room
 *
 *     written = (struct written){.to = source, .room = sizeof(source)};
 *     write_on(&written, "{");
 *     write_on(&written, "a%u", i);
 *
 * The text ends with a NUL after each call. One that does not fit fails the test.
 */

#include "tests/check.h"

#include <stdio.h>

struct written {
    char *to;
    size_t room; /* with the NUL */
    size_t bytes;
};

PRINTF_LIKE(2, 3)
static inline void
write_on(struct written *written, const char *format, ...)
{
    size_t room = written->room - written->bytes;
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(written->to + written->bytes, room, format, arguments);
    va_end(arguments);
    CHECK(bytes >= 0 && (size_t)bytes < room);
    written->bytes += (size_t)bytes;
}
