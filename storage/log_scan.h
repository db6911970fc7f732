/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_scan - what a log_store has on disk, read from the beginning and believed in nothing
 *
 * The format, and a walk over all records of a cut: every run is read where the cut's description says that it is,
 * and its header and each record must be what they claim, in their place, of this page and no earlier one.
 *
 * Threads  Boot, or side: blocking. The functions that look at bytes are pure.
 * Memory   From malloc.
 * Errors   -EUCLEAN damaged, -ENOTSUP of a newer version, -ENOMEM, and the disk's; out_reason says where and what.
 */

#include "core/env.h"
#include "core/hash.h"
#include "storage/log_store.h"

#include <assert.h>

#define LOG_RUN_MAGIC UINT32_C(0x4e55524c)
#define LOG_DESCRIPTION_MAGIC UINT32_C(0x5344534c)
#define LOG_STORE_FORMAT_VERSION 1u

struct log_run_header {
    uint32_t magic;
    uint16_t version;
    uint16_t reserved;
    struct uuid store_id;
    uint32_t number; /* of the store */
    uint32_t slot;
    uint32_t offset; /* in the page */
    uint32_t bytes;  /* header and records */
    uint64_t sequence;
    uint64_t stamp;
    uint32_t record_count;
    uint32_t checksum; /* of this struct, this field zero */
};
static_assert(sizeof(struct log_run_header) == 64, "on disk");

struct log_record {
    uint32_t checksum; /* of what follows, begun with the page's stamp and this offset */
    uint32_t size;     /* log_record_bytes() and the like */
    struct store_key key;
    uint8_t payload[];
};
static_assert(sizeof(struct log_record) == 24, "on disk");

/* What a cut is, for the manifest: this, pages, runs. */
struct log_description_head {
    uint32_t magic;
    uint32_t version;  /* these two, and `bytes` and `checksum`, are in every version */
    uint64_t bytes;    /* of all */
    uint32_t checksum; /* of all, this field zero */
    uint32_t is_indexed;
    struct uuid store_id;
    uint32_t number;
    uint32_t slot_count; /* the cut's pages are in slots before this */
    uint64_t page_bytes;
    uint64_t cut;
    uint64_t sequence; /* the highest of a run */
    uint64_t opened;   /* the highest of a page */
    uint64_t key_count;
    uint32_t page_count;
    uint32_t run_count;
};
static_assert(sizeof(struct log_description_head) == 96, "on disk");

struct log_description_page {
    uint64_t stamp;
    uint64_t opened;
    uint32_t slot;
    uint32_t run_count;
    uint32_t stream;
    uint32_t reserved;
};
static_assert(sizeof(struct log_description_page) == 32, "on disk");

/* Of a page, in order. Also what memory knows of a run. */
struct log_run {
    uint64_t sequence;
    uint32_t offset;
    uint32_t bytes;
};
static_assert(sizeof(struct log_run) == 16, "on disk");

/* A record's size: 24 bits of bytes, 7 of slack (in 8 bytes, behind the padded payload), and a mark. */
#define LOG_RECORD_DEAD UINT32_C(0x80000000)
#define LOG_RECORD_BYTES_MAX UINT32_C(0xffffff)
#define LOG_RECORD_SLACK_MAX 127u
#define LOG_RECORD_ALIGN 8u

static inline uint32_t
log_record_bytes(uint32_t size)
{
    return size & LOG_RECORD_BYTES_MAX;
}

/* From this record to the next one. */
static inline uint32_t
log_record_stride(uint32_t size)
{
    uint32_t padded = (log_record_bytes(size) + LOG_RECORD_ALIGN - 1) & ~(LOG_RECORD_ALIGN - 1);

    return (uint32_t)sizeof(struct log_record) + padded +
           (size >> 24 & LOG_RECORD_SLACK_MAX) * LOG_RECORD_ALIGN;
}

static inline bool
log_record_is_dead(uint32_t size)
{
    return (size & LOG_RECORD_DEAD) != 0;
}

/* What checksums of a page's records begin with. */
uint32_t log_page_seed(uint32_t number, uint64_t stamp);
/* `stride` bytes of the record are there. */
uint32_t log_record_checksum(const struct log_record *record, uint32_t seed, uint32_t offset,
                             uint32_t stride);
uint32_t log_run_checksum(const struct log_run_header *header);
/* Of a head and what follows it in `bytes`, `count` with the head's place. */
uint32_t log_description_checksum(const struct log_description_head *head, const void *bytes, uint64_t count);
/* What of a slot is used: the rest is what a frame loses to its alignment. */
static inline uint32_t
log_page_room(uint64_t page_bytes)
{
    return (uint32_t)(page_bytes - DISK_SECTOR_BYTES);
}

/* "slices/007.pages at offset 4096: what (fault)". `what` has LOG_STORE_REASON_BYTES. */
void log_store_say(char *what, const char *name, uint64_t offset, const char *doing, int fault);

struct log_description {
    struct log_description_head head;
    struct log_description_page *pages; /* [head.page_count], by slot */
    uint32_t *age;                      /* [head.page_count], pages from the oldest to the newest */
    struct log_run *runs;               /* [head.run_count], page by page */
    uint32_t *run_pages;                /* [head.run_count] */
    uint32_t *order;                    /* [head.run_count], runs by sequence */
};

/* Any origin of bytes. `name` is for the reason. log_description_deinit() is allowed after a fault, and twice. */
MUST_USE int log_description_read(const char *name, const void *bytes, uint64_t count,
                                  struct log_description *out_description, char *out_reason);
void log_description_deinit(struct log_description *description);

/* A record of a run whose place is known; its bytes are any. 0, or LOG_RECORD_BAD. */
enum log_record_answer {
    LOG_RECORD_BAD = 1,
};
MUST_USE int log_record_check(const struct log_record *record, uint32_t seed, uint32_t offset, uint32_t end);

struct log_scan {
    struct disk *disk;
    struct disk_file file;
    const char *name;
    struct uuid store_id;
    const struct log_description *description;
    uint64_t file_bytes;
    char *out_reason;
};

/* A run into a buffer that has room for its whole sectors. */
MUST_USE int log_scan_read(const struct log_scan *scan, uint32_t run_index, uint8_t *buffer);
/* Its header and its records; `found` (or NULL) gets those that are not dead, with their offset in the page. Its faults end the walk. */
MUST_USE int log_scan_check(const struct log_scan *scan, uint32_t run_index, uint8_t *run_bytes,
                            int (*found)(void *context, struct log_record *record, uint32_t offset),
                            void *context);
