/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * fuzz - what the fuzz targets share
 *
 * Each target is FUZZ(data, bytes), called again and again in one process with bytes of any kind. It fails by dying: by
 * a sanitizer, by a REQUIRE, or by taking too long.
 */

#include "core/base.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ(data, bytes) \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes); \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)

/* A copy that ends where its memory ends, so that reading past it is seen; `padding` zero bytes follow. */
static inline struct text
fuzz_copy(const uint8_t *data, size_t bytes, size_t padding)
{
    char *copy = calloc(1, bytes + padding + 1);

    REQUIRE(copy != NULL);
    if (bytes > 0) {
        memcpy(copy, data, bytes);
    }
    return (struct text){.data = copy, .bytes = (uint32_t)bytes};
}

static inline void
fuzz_free(struct text copy)
{
    free((void *)(uintptr_t)copy.data);
}
