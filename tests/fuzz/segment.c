/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/segment.h"

#include "shards/record.h"
#include "storage/commit_log.h"
#include "tests/fuzz/fuzz.h"

static const struct block_place place = {.epoch = 3, .stream = 1, .segment = 2};

/* As replay reads them. */
static void
read_records(const struct log_section *section, const uint8_t *records)
{
    const uint8_t *end = records + section->bytes;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < section->count; i++) {
        const struct event_record *event = (const void *)records;

        if (!record_is_sound(records, (uint32_t)(end - records))) {
            return;
        }
        for (uint32_t t = 0; event->header.kind == RECORD_EVENT && t < EVENT_TEXT_COUNT; t++) {
            const struct text text = event_text(event, t);
            for (uint32_t k = 0; k < text.bytes; k++) {
                sum += (uint8_t)text.data[k];
            }
        }
        records += event->header.bytes;
        REQUIRE(records <= end);
    }
    REQUIRE(sum < UINT64_MAX);
}

/*
 * A block as it could stand on a disk. Nobody forges a checksum by chance, so the place and the checksum are made
 * right, unless the first byte is odd.
 */
FUZZ(data, bytes)
{
    if (bytes < 1 || bytes > LOG_BLOCK_BYTES_MAX) {
        return 0;
    }
    const uint64_t block_bytes =
        align_up(bytes < DISK_SECTOR_BYTES ? DISK_SECTOR_BYTES : bytes, DISK_SECTOR_BYTES);
    uint8_t *block = aligned_alloc(DISK_SECTOR_BYTES, block_bytes);
    struct log_block_header *header = (void *)block;
    const struct log_section *section;
    const uint8_t *records;
    uint32_t cursor = 0;

    REQUIRE(block != NULL);
    memset(block, 0, block_bytes);
    memcpy(block, data + 1, bytes - 1);
    if (data[0] % 2 == 0) {
        header->magic = LOG_BLOCK_MAGIC;
        header->version = LOG_FORMAT_VERSION;
        header->store_id = place.store_id;
        header->epoch = place.epoch;
        header->stream = place.stream;
        header->segment = place.segment;
        if (header->length >= sizeof(*header) && header->length <= block_bytes) {
            header->checksum = block_checksum(header);
        }
    }
    if (block_check(header, block_bytes, &place) == 0) {
        while (log_block_next_section(header, &cursor, &section, &records)) {
            read_records(section, records);
        }
    }
    free(block);
    return 0;
}
