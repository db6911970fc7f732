/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_store_state - what the files of log_store share: its state, and how it lies on disk
 *
 * An address is a place in the file in units of 8 bytes: slot × page_bytes + offset. A slot serves one page after the
 * other; each page has a stamp of its own, by dice, in which the checksums of its records begin, so that whatever an
 * earlier page left in the slot is no record of this one.
 *
 * A page is filled by runs, each behind the other on whole sectors:
 *
 *   | header | record record ... | zeros to the sector | header | record ... |  free  |
 *   0                                          closed -'                  used -'
 *
 * What is before `closed` is read only; the run behind it is open, and its records may change in place.
 *
 * The newest version of a key is the one in the run with the highest sequence. Sequences are given when runs are
 * closed, and a record that is replaced while its own run is open is marked as dead there, so of two versions that
 * are both on disk and alive the older one lies in a run that was closed before the newer one was written.
 *
 * Threads  As log_store.
 */

#include "core/table.h"
#include "storage/log_index.h"
#include "storage/log_scan.h"
#include "storage/log_store.h"

#include <errno.h>

/* In memory. */

#define LOG_SLOT_NONE UINT32_MAX
#define LOG_WRITE_COUNT 4u
#define LOG_READ_COUNT_MAX 32u
#define LOG_READ_BYTES 8192u        /* of most reads of a record */
#define LOG_READ_PIECE_BYTES 12288u /* of the region: a buffer and its alignment */
#define LOG_OPS_LEFT 128u           /* of ENV_OPS_MAX, for others */
#define LOG_TIME_EVERY 32u          /* records between looks at the clock */
#define LOG_RETRY_NS NS_PER_S
#define LOG_SURE_COUNT 64u /* keys that is_late() is not asked about: those that arrived last */

enum log_stream {
    LOG_STREAM_HOT,
    LOG_STREAM_COLD,
    LOG_STREAM_COUNT,
};

enum log_page_state {
    LOG_PAGE_FREE, /* the slot serves nobody, or only what memory does not know of (a cut before a restore) */
    LOG_PAGE_USED,
    LOG_PAGE_DEAD, /* nothing in it is the newest; kept cuts need it */
};

struct log_page {
    uint64_t stamp;
    uint64_t opened;        /* pages by age */
    uint64_t needed_before; /* DEAD: the release of this cut, or of a later one, frees it */
    void *piece;            /* of the region, NULL: not in memory; its frame is in store->frames */
    struct log_run *runs;   /* closed ones */
    uint32_t run_count;
    uint32_t run_count_max;
    uint32_t live_bytes; /* of newest versions, headers included */
    uint32_t closed;     /* offsets, see above */
    uint32_t used;
    uint32_t started_count; /* runs whose write was begun */
    uint32_t sealed;        /* of the run that is next: records before this have their checksums; 0: none */
    uint32_t sealed_count;
    uint32_t unwritten_count;
    uint32_t seed;
    uint32_t resident_next; /* slots, by age */
    uint32_t resident_prev;
    uint32_t list_next; /* of free, dead, or unwritten ones */
    uint32_t dying_next;
    uint8_t state;
    uint8_t stream;
    bool is_open; /* has an open run */
    bool is_tail; /* records are added to it */
    bool is_queued;
    bool is_dying;
};

struct log_list {
    uint32_t first;
    uint32_t last;
};

struct log_write {
    struct env_op op;
    struct log_store *store;
    uint32_t slot;
    uint32_t run_index;
    bool is_used;
    bool is_failed; /* there was no room: to be tried again */
};

struct log_read {
    struct env_op op;
    struct log_store *store;
    struct log_read *next;
    struct log_store_waiter *first;
    struct log_store_waiter *last;
    uint64_t address;
    uint64_t stamp; /* of the page when the read began */
    void *piece;
    uint64_t piece_bytes;
    uint8_t *buffer;
    uint64_t from; /* in the page, of the buffer */
    uint64_t bytes;
    bool is_stuck;
    struct log_store_waiter
        ahead; /* the first one, of a read that nobody waited for when it began; never called */
};

enum log_collect_state {
    LOG_COLLECT_IDLE,
    LOG_COLLECT_READING,
    LOG_COLLECT_MOVING,
};

struct log_collect {
    struct env_op op;
    enum log_collect_state state;
    uint32_t victim;
    void *piece; /* when the victim was not in memory */
    uint8_t *frame;
    uint32_t run_index;
    uint32_t offset;  /* of the next record; 0: the run is to be begun */
    uint32_t look_at; /* where the search for victims goes on */
    int64_t credit;   /* bytes that may be gone through */
};

enum log_file_state {
    LOG_FILE_NONE,
    LOG_FILE_OPENING,
    LOG_FILE_OPEN,
};

struct log_store {
    struct log_store_options options;
    char name[DISK_NAME_BYTES_MAX];
    struct region *region;
    struct disk *disk;
    struct log_index index;
    uint8_t **frames; /* [frame_count_max], by slot; NULL: not in memory */
    uint32_t frame_count_max;
    uint32_t page_shift;
    uint32_t room;          /* of a page */
    uint64_t second_chance; /* what is found in pages opened before this goes to the tail */

    struct table pages; /* struct log_page, by slot */
    uint32_t tails[LOG_STREAM_COUNT];
    struct log_list resident[LOG_STREAM_COUNT]; /* oldest first */
    struct log_list unwritten;
    uint32_t free;
    uint32_t dead;
    uint32_t dying;
    uint32_t resident_count;
    uint32_t open_count; /* pages with an open run */
    uint32_t used_count;
    uint32_t dead_count;
    uint64_t limit_count; /* of resident pages; UINT64_MAX: none */
    uint64_t sequence;
    uint64_t opened;

    uint64_t placed_count; /* keys, when the owner has their places */
    uint64_t cut;
    uint64_t cut_sequence;
    uint64_t cut_key_count;
    uint64_t cut_opened;
    uint64_t cut_unwritten_count;
    bool has_cut;

    struct disk_file file;
    enum log_file_state file_state;
    struct env_op file_op;
    struct log_write writes[LOG_WRITE_COUNT];
    uint32_t write_count; /* under way */
    uint32_t write_failed_count;
    uint64_t unwritten_count; /* closed runs */
    struct mono_ns retry_at;
    bool is_disk_full;
    bool is_fatal;

    struct log_read *reads; /* under way, newest first */
    struct log_read *spare;
    uint32_t read_count;
    uint32_t stuck_count; /* of those: they have come, and there was no memory for the record */
    struct log_store_waiter *waiting_first; /* for their turn to read */
    struct log_store_waiter *waiting_last;

    /* Simulation. */
    struct log_store_waiter *late_first;
    struct log_store_waiter *late_last;
    struct store_key sure[LOG_SURE_COUNT];
    uint32_t sure_next;

    struct log_collect collect;
    struct log_store_counts counts;
};

static inline struct log_page *
log_page_at(const struct log_store *store, uint32_t slot)
{
    return table_at(&store->pages, slot);
}

static inline uint32_t
log_slot_of(const struct log_store *store, uint64_t address)
{
    return (uint32_t)(address * LOG_RECORD_ALIGN >> store->page_shift);
}

static inline uint32_t
log_offset_of(const struct log_store *store, uint64_t address)
{
    return (uint32_t)(address * LOG_RECORD_ALIGN & (store->options.page_bytes - 1));
}

static inline uint64_t
log_address_of(const struct log_store *store, uint32_t slot, uint32_t offset)
{
    return (((uint64_t)slot << store->page_shift) + offset) / LOG_RECORD_ALIGN;
}

/* NULL: not in memory. */
static inline struct log_record *
log_record_at(const struct log_store *store, uint64_t address)
{
    uint8_t *frame = store->frames[log_slot_of(store, address)];

    return frame == NULL ? NULL : (struct log_record *)(void *)(frame + log_offset_of(store, address));
}

static inline uint64_t
log_place_in_file(const struct log_store *store, uint32_t slot, uint32_t offset)
{
    return ((uint64_t)slot << store->page_shift) + offset;
}

/* Once. `offset` is in the file. */
void log_store_fatal(struct log_store *store, int fault, uint64_t offset, const char *doing);

/* log_store_pages.c */

/* Room for a record at the end of a stream; its size is `stride`, live. NULL: no memory, nothing changed. */
struct log_record *log_pages_place(struct log_store *store, enum log_stream stream, uint32_t stride,
                                   uint64_t *out_address);
/* What is open in the page becomes read only, and will be written. */
void log_pages_close_run(struct log_store *store, uint32_t slot);
/* A record of that size in the page is not the newest any more. */
void log_pages_lose(struct log_store *store, uint64_t address, uint32_t stride);
/* Something changed of which a page may die. */
void log_pages_check(struct log_store *store, uint32_t slot);
/* Frees what is dead. Nothing is lent. */
void log_pages_bury(struct log_store *store);
/* Closes and evicts, so that the limit is kept. Nothing is lent. */
void log_pages_relieve(struct log_store *store);
/* A frame, and what is to be given back. */
uint8_t *log_frame_take(struct log_store *store, void **out_piece);
void log_frame_put(struct log_store *store, void *piece);
/* For log_store_restore(): slots before `count`, free; a page in one of them. */
MUST_USE int log_pages_make(struct log_store *store, uint32_t count);
MUST_USE int log_pages_set_runs(struct log_store *store, struct log_page *page, const struct log_run *runs,
                                uint32_t count);
void log_pages_add_resident(struct log_store *store, uint32_t slot, void *piece, uint8_t *frame);
void log_pages_deinit(struct log_store *store);

/* log_store_write.c */

/* A run was closed. */
void log_writes_add(struct log_store *store, uint32_t slot);
/* True: there is more to do now. */
bool log_writes_step(struct log_store *store, struct mono_ns until);

/* log_store_read.c */

/* Queues of waiters, in order of their coming. */
static inline void
log_waiter_add(struct log_store_waiter **first, struct log_store_waiter **last,
               struct log_store_waiter *waiter)
{
    waiter->next = NULL;
    if (*last != NULL) {
        (*last)->next = waiter;
    } else {
        *first = waiter;
    }
    *last = waiter;
}

static inline struct log_store_waiter *
log_waiter_take(struct log_store_waiter **first, struct log_store_waiter **last)
{
    struct log_store_waiter *waiter = *first;

    *first = waiter->next;
    if (*first == NULL) {
        *last = NULL;
    }
    waiter->next = NULL;
    return waiter;
}

/* Reads the record at this address, or lets the waiter wait for its turn to. */
void log_reads_wait(struct log_store *store, struct log_store_waiter *waiter, struct store_key key,
                    uint64_t address);
/* Reads the record at this address for who will look it up, if a read may begin now. */
void log_reads_ahead(struct log_store *store, struct store_key key, uint64_t address);
void log_reads_step(struct log_store *store);
void log_reads_deinit(struct log_store *store);

/* The owner has the places: words of strides (24 bits, in units) and addresses. */
static inline bool
log_store_has_places(const struct log_store *store)
{
    return store->options.place_of != NULL;
}

static inline log_store_place
log_place_make(uint64_t address, uint32_t stride)
{
    return (uint64_t)(stride / LOG_RECORD_ALIGN) << LOG_INDEX_ADDRESS_BITS | address;
}

static inline uint32_t
log_place_stride(log_store_place place)
{
    return (uint32_t)(place >> LOG_INDEX_ADDRESS_BITS) * LOG_RECORD_ALIGN;
}

/* Keys there are. */
static inline uint64_t
log_store_key_count(const struct log_store *store)
{
    return log_store_has_places(store) ? store->placed_count : store->index.count;
}

/* The word, of the index or the owner, that says that the newest version of the key is here; NULL: it is not. */
uint64_t *log_store_entry(const struct log_store *store, struct store_key key, uint64_t hash,
                          uint64_t address);
/* 0 and the record (NULL: it is on disk, out_cold says where), or LOG_STORE_ABSENT. */
int log_store_seek(const struct log_store *store, struct store_key key, uint64_t hash, uint64_t **out_entry,
                   struct log_record **out_record, uint64_t *out_cold);

/* Makes a copy of a read-only record at the end of a stream the newest. NULL: no memory, nothing changed. */
struct log_record *log_store_copy(struct log_store *store, enum log_stream stream, uint64_t *entry,
                                  const struct log_record *record);

/* log_store_collect.c */

/* So much was added: so much more may be collected. */
void log_collect_pay(struct log_store *store, enum log_stream stream, uint32_t bytes);
bool log_collect_step(struct log_store *store, struct mono_ns until);
void log_collect_deinit(struct log_store *store);
