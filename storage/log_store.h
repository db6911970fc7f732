/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_store - records by 16-byte key, more of them than fit in memory
 *
 * Records lie in append-only pages: the newest can be changed in place (the mutable tail), older ones are read only
 * and are copied to the tail when they change, sealed ones are on disk and may have left memory. A hash index of
 * 8-byte entries (24 bits of hash, 40 of address) says where the newest version of a key is. A look-up answers now,
 * or LOG_STORE_LATER: the record is read, copied to the tail, and the waiter told. Garbage is collected page by page,
 * by cost and benefit, at a bounded pace; what survives goes to a stream of pages of its own (cold).
 *
 * A cut makes everything so far read only: what a checkpoint contains. The pages of a cut stay on disk until
 * log_store_release() says that no manifest needs them. The index is not on disk: a start scans the pages of the cut,
 * and the newest version of each key wins.
 *
 * On disk: one file, `<name>`, of slots of page_bytes, made before the first write. A page holds runs, each written by
 * one write and never rewritten: a header sector-aligned (magic, version, store, page, offset, bytes, checksum) and
 * records. Each record has a checksum of its own, begun with where it stands and with its page's stamp, so that flipped
 * bits, lost and misdirected writes are found when it is read alone.
 *
 * With `is_indexed` false it is a journal: records are only appended, and never move. They are found by their address,
 * which the owner remembers; their keys are his to use. Without an env it is in memory alone.
 *
 * With `place_of` there is no index: the owner, who knows all keys, has a word for each that says where its newest version
 * is and how long, and which the store keeps up to date. So log_store_put() replaces a record without reading it, and
 * what is read goes to who waits for it, and not to the tail.
 *
 * Threads  Home shard only.
 * Memory   Pages and index from the region. log_store_step() keeps pages within log_store_set_memory(), as far as writes
 *          keep up: log_store_is_behind().
 * Lent     A record's place in memory holds until the next log_store_step(), or log_store_change() of the same key.
 *          Only what log_store_add() and log_store_change() returned, and no cut since, may be written to.
 * Limits   log_store_record_bytes_max(); 8 TiB on disk.
 * Errors   on_fatal once: a write failed, or a record is damaged (-EUCLEAN, with file and offset). No room on disk is
 *          not fatal: log_store_is_disk_full(), nothing leaves memory meanwhile, and it is tried again.
 */

#include "core/env.h"
#include "core/region.h"
#include "storage/store.h" /* struct store_key */

#define LOG_STORE_PAGE_BYTES_MIN (UINT64_C(16) << 10)
#define LOG_STORE_PAGE_BYTES_MAX (UINT64_C(4) << 20)
#define LOG_STORE_REASON_BYTES 256u

struct log_store;

enum log_store_answer {
    LOG_STORE_ABSENT = 1,
    LOG_STORE_LATER = 2,
};

struct log_store_waiter {
    /* The key can be found now, or is absent: look it up again. May use the store. */
    void (*arrived)(struct log_store_waiter *waiter);
    /* Of a store with places, or of a journal: what was found, lent for the call; NULL: it is absent. */
    const void *record;
    uint32_t record_bytes;
    struct log_store_waiter *next; /* private, as is all below */
    union {
        struct store_key key;
        uint64_t address; /* of a journal */
    };
};

/* Where the newest version of a record is; 0: there is none. */
typedef uint64_t log_store_place;

struct log_store_options {
    struct env *env; /* NULL: a journal that is never written */
    struct region *region;
    const char *name;      /* of its file: "slices/007.pages"; copied */
    struct uuid store_id;  /* of the data directory: a page of another one is not ours */
    uint32_t number;       /* of this store in the directory; in every run's header */
    uint64_t seed[2];      /* secret, so that nobody can make keys that fall together */
    uint64_t page_bytes;   /* a power of two, 16 KiB to 4 MiB */
    uint64_t memory_bytes; /* see log_store_set_memory(); 0: no limit */
    bool is_indexed;
    /* The owner's word for a key that was put or visited, NULL: it has none. Else NULL: the index is the store's own. */
    log_store_place *(*place_of)(void *context, struct store_key key);
    uint32_t prefetch_bytes; /* of a record, that log_store_prefetch_record() asks for; 0: four cache lines */
    void (*on_fatal)(void *context, int fault, const char *what);
    /* Simulation: true makes this look-up LATER, although its record is in memory or absent, until log_store_arrive().
       Keys that arrived lately are not asked about. Not with places, which wait for a disk. NULL: never. */
    bool (*is_late)(void *context);
    void *context;
};

/* Home, at boot. An empty store; nothing is on disk before the first page is written. -ENOMEM. */
MUST_USE int log_store_open(struct log_store_options options, struct log_store **out_store);
/* Home, at boot, blocking. The store as the cut had it that this is the description of (log_store_describe()). `visit`
   (or NULL) gets every live record (of a journal: each, in order), lent for the call, to be read only, and its place,
   which is what place_of() is about from then on. -EUCLEAN: damaged; -ENOTSUP: of a newer version; out_reason
   (LOG_STORE_REASON_BYTES) says where. */
MUST_USE int log_store_restore(struct log_store_options options, const void *description, uint64_t bytes,
                               void (*visit)(void *context, struct store_key key, void *record,
                                             uint32_t record_bytes, log_store_place place),
                               void *context, struct log_store **out_store, char *out_reason);
/* Home. After env_close(), or when nothing is under way. NULL is allowed. */
void log_store_close(struct log_store *store);

/* Side or boot, blocking: for a checker. Reads all that a cut has and compares it with its checksums. 0, or as
   log_store_restore(). */
struct log_store_verified {
    uint64_t page_count;
    uint64_t run_count;
    uint64_t record_count; /* of all versions */
    uint64_t bytes;
};
MUST_USE int log_store_verify(struct disk *disk, const char *name, const struct uuid *store_id,
                              const void *description, uint64_t bytes,
                              struct log_store_verified *out_verified, char *out_reason);

/* Any thread. The longest record there can be. */
uint32_t log_store_record_bytes_max(uint64_t page_bytes);

/* Home. 0 and the record, ABSENT, or LATER: the waiter is borrowed until it is called. Several may wait for a key. */
MUST_USE int log_store_find(struct log_store *store, struct store_key key, struct log_store_waiter *waiter,
                            void **out_record, uint32_t *out_bytes);
/* Home. A look-up of this key will follow soon: its index page; then, when that has come, its record, from disk too. Many
   asked for at once are read at once, and who looks them up one after the other waits for all of them once. */
void log_store_prefetch(const struct log_store *store, struct store_key key);
void log_store_prefetch_record(struct log_store *store, struct store_key key);
/* Home. The record if it is in memory, to be read only, else NULL. */
const void *log_store_peek(const struct log_store *store, struct store_key key, uint32_t *out_bytes);
/* A record, and the memory into which it was read, if it was. */
struct log_piece {
    const void *record;
    uint32_t record_bytes;
    uint64_t bytes;
    void *piece;
};
/* Home, blocking: for tests. The record of a key, wherever it is; until the next log_store_step(), and to be put back.
   0, LOG_STORE_ABSENT, -EUCLEAN, -ENOMEM, or what the disk said. */
MUST_USE int log_store_read_now(struct log_store *store, struct store_key key, struct log_piece *out_piece);
void log_piece_put(struct log_store *store, struct log_piece *piece);
/* Simulation. Lets up to `count` look-ups arrive that is_late() made late, oldest first; returns how many did. */
uint64_t log_store_arrive(struct log_store *store, uint64_t count);
/* Home. A new record of a key that is not there, not zeroed, 8-byte aligned. NULL: -ENOMEM, the region is full. */
MUST_USE void *log_store_add(struct log_store *store, struct store_key key, uint32_t bytes);
/* Home. A found record, to be changed now: the same place when that is mutable and has room for `bytes`, else a copy
   at the tail with the first min(old, new) bytes kept. NULL as above. */
MUST_USE void *log_store_change(struct log_store *store, struct store_key key, void *record, uint32_t bytes);
/* Home. With places: the newest version of a key, whose word is `place`; not zeroed, 8-byte aligned. NULL as
   above. */
MUST_USE void *log_store_put(struct log_store *store, struct store_key key, log_store_place *place,
                             uint32_t bytes);

/* Home. Of a journal: a new record, not zeroed, 8-byte aligned, and its address (40 bits, not 0). NULL as above. */
MUST_USE void *log_store_append(struct log_store *store, struct store_key key, uint32_t bytes,
                                uint64_t *out_address);
/* Home. Of a journal: the record if it is in memory, to be read only, else NULL. */
const void *log_store_at(const struct log_store *store, uint64_t address, uint32_t *out_bytes);
/* Home. Of a journal: reads a record that is not in memory. The waiter is borrowed until it is called; those whose
   records lie close to each other share a read, best asked for in the order of their addresses. */
void log_store_read(struct log_store *store, uint64_t address, struct log_store_waiter *waiter);
/* Simulation. Of a journal: its newest page is full from now on, however little is in it, and may leave memory soon. */
void log_store_end_page(struct log_store *store);
/* Home, blocking: for tests. Of a journal: the record at this address, wherever it is. As log_store_read_now(). */
MUST_USE int log_store_read_at_now(struct log_store *store, uint64_t address, struct log_piece *out_piece);
/* Any thread. Of a journal: the address in a place that was visited; and the key of a record that is lent, which stands
   in front of it, in as many bytes as it has. */
uint64_t log_store_address(log_store_place place);
struct store_key log_store_key_of(const void *record);

/* Home. At most this much memory for pages (not less than four pages, of a journal one; 0: no limit); log_store_step()
   keeps to it. */
void log_store_set_memory(struct log_store *store, uint64_t bytes);
/* Home. Once a turn, when no record is lent: evicts, starts writes and reads, collects garbage for at most `until`.
   True: there is more to do now. */
bool log_store_step(struct log_store *store, struct mono_ns until);

/* Home. All that was added and changed so far is the cut; numbers ascend. The cut before is durable. */
void log_store_cut(struct log_store *store, uint64_t cut);
/* Home. The last cut is on disk. */
bool log_store_is_cut_durable(const struct log_store *store);
/* Home. Then: what log_store_restore() needs, a piece of `region` that is the caller's to put back. -ENOMEM. */
MUST_USE int log_store_describe(struct log_store *store, struct region *region, void **out_bytes,
                                uint64_t *out_count);
/* Home. Pages that only cuts before this one need may be overwritten. */
void log_store_release(struct log_store *store, uint64_t cut);

/* Home. More is in memory than may be, because writes do not keep up: add and change nothing until it is false. */
bool log_store_is_behind(const struct log_store *store);
/* Home. */
bool log_store_is_disk_full(const struct log_store *store);
/* Home. No read or write is under way. */
bool log_store_is_idle(const struct log_store *store);

struct log_store_counts {
    uint64_t keys;
    uint64_t live_bytes;     /* of newest versions, headers included */
    uint64_t page_bytes;     /* of all pages that are not garbage as a whole */
    uint64_t kept_bytes;     /* of those that are, but kept cuts need them */
    uint64_t resident_bytes; /* pages in memory */
    uint64_t index_bytes;
    uint64_t file_bytes;
    uint64_t written_bytes; /* to disk, ever */
    uint64_t changed_bytes; /* by the owner, ever: written / changed is write amplification */
    uint64_t cold_reads;
    uint64_t reused_pages; /* opened where another one was before, since the start */
    uint64_t late;         /* look-ups that wait for log_store_arrive() */
};
struct log_store_counts log_store_counts(const struct log_store *store);
