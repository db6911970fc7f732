/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sim_content.h"

#include <stdlib.h>

#define CHUNK_BYTES 65536u

void
content_clear(struct content *content)
{
    for (uint64_t i = 0; i < content->chunk_count; i++) {
        free(content->chunks[i]);
    }
    free(content->chunks);
    *content = (struct content){0};
}

void
content_resize(struct content *content, uint64_t bytes)
{
    uint64_t chunk_count = (bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;

    for (uint64_t i = chunk_count; i < content->chunk_count; i++) {
        free(content->chunks[i]);
    }
    if (chunk_count != content->chunk_count) {
        content->chunks = realloc(content->chunks, (chunk_count + 1) * sizeof(*content->chunks));
        ASSERT(content->chunks != NULL);
        for (uint64_t i = content->chunk_count; i < chunk_count; i++) {
            content->chunks[i] = NULL;
        }
        content->chunk_count = chunk_count;
    }
    /* What is beyond the end of the last chunk stays zero, so that growing shows zeros. */
    if (bytes < content->bytes && bytes % CHUNK_BYTES != 0 && content->chunks[bytes / CHUNK_BYTES] != NULL) {
        memset(content->chunks[bytes / CHUNK_BYTES] + bytes % CHUNK_BYTES, 0,
               CHUNK_BYTES - bytes % CHUNK_BYTES);
    }
    content->bytes = bytes;
}

void
content_write(struct content *content, const uint8_t *data, uint64_t bytes, uint64_t offset)
{
    if (bytes > 0 && offset + bytes > content->bytes) {
        content_resize(content, offset + bytes);
    }
    while (bytes > 0) {
        uint8_t **chunk = &content->chunks[offset / CHUNK_BYTES];
        uint64_t at = offset % CHUNK_BYTES;
        uint64_t count = bytes < CHUNK_BYTES - at ? bytes : CHUNK_BYTES - at;
        if (data == NULL && count == CHUNK_BYTES) {
            free(*chunk);
            *chunk = NULL;
        } else if (data != NULL || *chunk != NULL) {
            if (*chunk == NULL) {
                *chunk = calloc(1, CHUNK_BYTES);
                ASSERT(*chunk != NULL);
            }
            if (data != NULL) {
                memcpy(*chunk + at, data, count);
            } else {
                memset(*chunk + at, 0, count);
            }
        }
        data = data != NULL ? data + count : NULL;
        offset += count;
        bytes -= count;
    }
}

void
content_read(const struct content *content, uint8_t *buffer, uint64_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        const uint8_t *chunk = content->chunks[offset / CHUNK_BYTES];
        uint64_t at = offset % CHUNK_BYTES;
        uint64_t count = bytes < CHUNK_BYTES - at ? bytes : CHUNK_BYTES - at;
        if (chunk != NULL) {
            memcpy(buffer, chunk + at, count);
        } else {
            memset(buffer, 0, count);
        }
        buffer += count;
        offset += count;
        bytes -= count;
    }
}

void
content_copy(struct content *to, const struct content *from)
{
    content_clear(to);
    content_resize(to, from->bytes);
    for (uint64_t i = 0; i < from->chunk_count; i++) {
        if (from->chunks[i] != NULL) {
            to->chunks[i] = malloc(CHUNK_BYTES);
            ASSERT(to->chunks[i] != NULL);
            memcpy(to->chunks[i], from->chunks[i], CHUNK_BYTES);
        }
    }
}
