/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * slice_state - how a slice survives: the two stores that hold its records
 *
 * `slices/NNN.people` has the newest state of each person, `slices/NNN.journal` the kept events and archived sessions.
 * The journal's copy of these is the only one: they are named by their addresses there, and pages beyond the limit of
 * memory are on disk alone.
 *
 * A person in memory may be newer than the one in the store. Who changed since the last cut is on a list, once; a cut
 * takes that list, and its people are encoded afterwards, a little at a time. One of them who is about to change
 * before that is encoded first: so the store has everybody as they were at the cut.
 *
 *   clean --touch--> changed --cut--> to be saved --save, or touch--> clean, or changed
 *                       +-- let go, while no cut of the store is to come --> clean
 *
 * A profile whose state is in the store may leave memory, and is fetched when it is wanted again. The store keeps only
 * a few pages in memory; where somebody's record is stands in their row, so that it is replaced without being read.
 *
 * Threads  Home shard only.
 * Memory   Pages and lists from the region. Of who is too large for a page, and never leaves, where each part is.
 * Errors   Without memory to encode somebody the cut is spoiled: slice_state_save() says so, and nothing is lost.
 *          Without memory for the journal the node ends, as for everything that was admitted.
 */

#include "core/run_queue.h"
#include "shards/profile.h"
#include "storage/log_store.h"

#define SLICE_PAGE_BYTES (UINT64_C(256) << 10)

struct changed_people {
    struct person **rows;
    uint32_t count;
    uint32_t capacity;
};

struct slice_state {
    struct memory *memory;
    const struct store *persons;
    struct store large; /* struct large_places: of those who do not fit into a page */
    uint64_t people_page_bytes;
    void (*on_fatal)(void *context, int fault, const char *what);
    void *context;
    struct log_store *people;  /* NULL: nothing is saved, and the journal is in memory alone */
    struct log_store *journal; /* of records as slice_record.h has them */
    uint32_t generation;       /* of those who change now; ascends with each cut */
    struct changed_people changed;
    struct changed_people saving; /* those before `saved_count` are in the store */
    uint32_t saved_count;
    uint64_t cut;
    bool is_saving;
    bool is_spoiled;
    bool has_all_people; /* the people of this cut are in the store, which was cut itself */
};

/* A session that is in several records, as they come. */
struct slice_parts {
    uint64_t address; /* 0: none */
    uint64_t next;    /* to come; 0: it is whole */
    struct slice_session *whole;
    uint64_t bytes; /* of that */
};

struct slice_state_options {
    struct memory *memory;
    const struct store *persons; /* struct person by canonical: everybody of the slice; borrowed */
    struct env *env;             /* NULL: nothing is saved */
    struct uuid store_id;
    uint64_t seed[2];
    uint16_t slice;
    uint64_t people_page_bytes; /* 0: SLICE_PAGE_BYTES; the same whenever it is restored */
    uint64_t journal_bytes_max; /* of memory for its pages; 0: no limit */
    void (*on_fatal)(void *context, int fault, const char *what);
    void *context;
};

/* Boot. Empty stores. -ENOMEM. */
MUST_USE int slice_state_open(struct slice_state *state, struct slice_state_options options);

struct slice_description {
    const void *people; /* see log_store_describe() */
    uint64_t people_bytes;
    const void *journal;
    uint64_t journal_bytes;
};

struct slice_visitor {
    void (*person)(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place);
    void (*kept)(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place);
    void *context;
};

/* Boot. The same with the stores of a cut, whose records are visited: people first. As log_store_restore(). */
MUST_USE int slice_state_restore(struct slice_state *state, struct slice_state_options options,
                                 const struct slice_description *description, struct slice_visitor visitor,
                                 char *out_reason);
/* Side or boot, for a checker: reads the pages of a cut. As log_store_verify(), of the first store that is damaged. */
MUST_USE int slice_state_verify(struct disk *disk, struct uuid store_id, uint16_t slice,
                                const struct slice_description *description, char *out_reason);
/* Boot. May be called twice. */
void slice_state_close(struct slice_state *state);

void slice_state_note(struct slice_state *state, struct person *person);
/* Home. This person is new, or changes next. */
static inline void
slice_state_touch(struct slice_state *state, struct person *person)
{
    if (person->changed_in != state->generation) {
        slice_state_note(state, person);
    }
    person->is_changed = true;
}

/* Home. True: the store has this person as they are, and the profile may leave memory. Else not now, or never. */
MUST_USE bool slice_state_let_go(struct slice_state *state, struct person *person);
/* Home. The newest record of somebody, by the waiter (see log_store_find(), with places): 0, or LOG_STORE_LATER. */
MUST_USE int slice_state_fetch(struct slice_state *state, const struct person *person,
                               struct log_store_waiter *waiter);
/* Home, blocking: for tests. As log_store_read_now() of state->people. */
MUST_USE int slice_state_fetch_now(struct slice_state *state, const struct person *person,
                                   struct log_piece *out_piece);
/* Boot. Where the number-th part of somebody's record is, which was visited. -EUCLEAN: it has not this key. */
MUST_USE int slice_state_place_part(struct slice_state *state, struct store_key part_key, uint32_t number,
                                    log_store_place place);
/* Home. More came, or was let go, than the disk takes, though it has room: change nobody until it is false. */
bool slice_state_is_behind(const struct slice_state *state);

/* Home. Room for a record of the journal, under a key that says nothing to it; and its address. Never NULL. */
void *slice_state_append(struct slice_state *state, struct store_key key, uint32_t bytes,
                         uint64_t *out_address);
/* Home. The address of the session's record. */
uint64_t slice_state_keep_session(struct slice_state *state, const struct share *share, struct session_at at);

/* Home. Records of the journal become the session that is kept at this address: first that one, then the one at `next`,
   until that is 0. Then there is the whole of it, until slice_parts_end(), which may be called at any time, and twice. */
void slice_parts_begin(struct slice_parts *parts, uint64_t address);
void slice_parts_add(struct slice_state *state, struct slice_parts *parts, const void *record);
void slice_parts_end(struct memory *memory, struct slice_parts *parts);
/* Home, blocking: for tests. */
void slice_parts_add_all_now(struct slice_state *state, struct slice_parts *parts);

/* Home, once a turn. True: there is more to do now. */
bool slice_state_step(struct slice_state *state, struct mono_ns until);
/* Home, at a quiet point. -EBUSY: what was cut before is not on disk yet; nothing happened. */
MUST_USE int slice_state_cut(struct slice_state *state, uint64_t cut);
/* Home. Goes on encoding the cut's people. STEP_DONE: they are all in the store. -ENOMEM: the cut is spoiled. */
MUST_USE int slice_state_save(struct slice_state *state, const struct time_slice *time);
/* Home. The last cut is on disk, and can be described. */
bool slice_state_is_durable(const struct slice_state *state);
/* Home. The cut is no more of interest: durable, or given up at any point. */
void slice_state_end(struct slice_state *state);
/* Home. Pages that only cuts before this one need may go. */
void slice_state_release(struct slice_state *state, uint64_t cut);
