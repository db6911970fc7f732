/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/gather.h"

#include <errno.h>
#include <stdlib.h>

int
gather_begin(struct gather *gather, uint64_t total_bytes)
{
    if (gather->bytes != NULL || total_bytes == 0) {
        return fault_new(-EINVAL);
    }
    gather->bytes = gather->region != NULL ? region_take(gather->region, total_bytes) : malloc(total_bytes);
    if (gather->bytes == NULL) {
        return fault_new(-ENOMEM);
    }
    gather->total_bytes = total_bytes;
    return 0;
}

int
gather_add(struct gather *gather, const void *piece, uint64_t bytes)
{
    if (gather->bytes == NULL || bytes == 0 || bytes > gather->total_bytes - gather->gathered_bytes) {
        return fault_new(-EINVAL);
    }
    memcpy(gather->bytes + gather->gathered_bytes, piece, bytes);
    gather->gathered_bytes += bytes;
    return 0;
}

bool
gather_is_whole(const struct gather *gather)
{
    return gather->bytes != NULL && gather->gathered_bytes == gather->total_bytes;
}

void
gather_end(struct gather *gather)
{
    if (gather->region != NULL) {
        region_put(gather->region, gather->bytes, gather->total_bytes);
    } else {
        free(gather->bytes);
    }
    *gather = (struct gather){.region = gather->region};
}
