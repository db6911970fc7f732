/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sim_content.h"

#include <stdlib.h>

#define CHUNK_BYTES 65536u

struct content_chunk {
    uint64_t share_count; /* contents that have it; only one that has it alone may write to it */
    uint8_t bytes[CHUNK_BYTES];
};

static void
chunk_drop(struct content_chunk *chunk)
{
    if (chunk != NULL && --chunk->share_count == 0) {
        free(chunk);
    }
}

/* This content's own, to be written to. */
static struct content_chunk *
chunk_own(struct content *content, uint64_t index)
{
    struct content_chunk *shared = content->chunks[index];
    struct content_chunk *own;

    if (shared != NULL && shared->share_count == 1) {
        return shared;
    }
    own = shared != NULL ? malloc(sizeof(*own)) : calloc(1, sizeof(*own));
    ASSERT(own != NULL);
    if (shared != NULL) {
        memcpy(own->bytes, shared->bytes, CHUNK_BYTES);
        chunk_drop(shared);
    }
    own->share_count = 1;
    content->chunks[index] = own;
    return own;
}

void
content_clear(struct content *content)
{
    for (uint64_t i = 0; i < content->chunk_count; i++) {
        chunk_drop(content->chunks[i]);
    }
    free(content->chunks);
    *content = (struct content){0};
}

void
content_resize(struct content *content, uint64_t bytes)
{
    uint64_t chunk_count = (bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;

    for (uint64_t i = chunk_count; i < content->chunk_count; i++) {
        chunk_drop(content->chunks[i]);
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
        memset(chunk_own(content, bytes / CHUNK_BYTES)->bytes + bytes % CHUNK_BYTES, 0,
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
        uint64_t index = offset / CHUNK_BYTES;
        uint64_t at = offset % CHUNK_BYTES;
        uint64_t count = bytes < CHUNK_BYTES - at ? bytes : CHUNK_BYTES - at;
        if (data != NULL) {
            memcpy(chunk_own(content, index)->bytes + at, data, count);
        } else if (count == CHUNK_BYTES) {
            chunk_drop(content->chunks[index]);
            content->chunks[index] = NULL;
        } else if (content->chunks[index] != NULL) {
            memset(chunk_own(content, index)->bytes + at, 0, count);
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
        const struct content_chunk *chunk = content->chunks[offset / CHUNK_BYTES];
        uint64_t at = offset % CHUNK_BYTES;
        uint64_t count = bytes < CHUNK_BYTES - at ? bytes : CHUNK_BYTES - at;
        if (chunk != NULL) {
            memcpy(buffer, chunk->bytes + at, count);
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
        to->chunks[i] = from->chunks[i];
        if (to->chunks[i] != NULL) {
            to->chunks[i]->share_count++;
        }
    }
}

uint64_t
content_used_bytes(const struct content *content)
{
    uint64_t count = content->chunk_count;

    while (count > 0 && content->chunks[count - 1] == NULL) {
        count--;
    }
    return count * CHUNK_BYTES < content->bytes ? count * CHUNK_BYTES : content->bytes;
}
