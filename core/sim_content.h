/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sim_content - the bytes of a simulated file
 *
 * Chunks of 64 KiB, and a chunk of zeros is NULL, so that a large zero-filled file costs little. A copy shares the
 * chunks until one of the two is written to, so that a picture of a disk costs little too.
 *
 * Threads  One.
 * Memory   From malloc: this is test machinery. Zeroed is empty; content_clear() makes it so again.
 */

#include "core/base.h"

struct content_chunk;

struct content {
    uint64_t bytes;
    struct content_chunk **chunks; /* NULL: all zeros */
    uint64_t chunk_count;
};

void content_clear(struct content *content);
/* What it grows by is zeros. */
void content_resize(struct content *content, uint64_t bytes);
/* Grows it when need be. data NULL writes zeros. */
void content_write(struct content *content, const uint8_t *data, uint64_t bytes, uint64_t offset);
/* Within its bytes. */
void content_read(const struct content *content, uint8_t *buffer, uint64_t bytes, uint64_t offset);
void content_copy(struct content *to, const struct content *from);
/* What is behind is zeros. */
uint64_t content_used_bytes(const struct content *content);
