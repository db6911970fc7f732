/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/parse_alone.h"

#include <simdjson.h>

static simdjson::dom::parser &
the_parser()
{
    static simdjson::dom::parser parser;

#ifdef SIMDJSON_THREADS_ENABLED
    parser.threaded = false; /* CPU is what is counted here, not time */
#endif
    return parser;
}

uint32_t
parse_alone_many(struct text lines)
{
    simdjson::dom::document_stream events;
    uint32_t count = 0;

    if (the_parser().parse_many(lines.data, lines.bytes, lines.bytes).get(events) != simdjson::SUCCESS) {
        return 0;
    }
    for (auto event : events) {
        if (event.error() != simdjson::SUCCESS) {
            return 0;
        }
        count++;
    }
    return count;
}

uint32_t
parse_alone_each(struct text lines)
{
    uint32_t count = 0;

    for (uint32_t begin = 0; begin < lines.bytes;) {
        const char *line = lines.data + begin;
        const char *end = (const char *)memchr(line, '\n', lines.bytes - begin);
        uint32_t bytes = end != nullptr ? (uint32_t)(end - line) : lines.bytes - begin;

        if (the_parser().parse(line, bytes, false).error() != simdjson::SUCCESS) {
            return 0;
        }
        begin += bytes + 1;
        count++;
    }
    return count;
}
