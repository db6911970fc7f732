/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * slice_record - what stands on disk of a slice
 *
 * Of each person the newest state, by canonical; in a journal, in the order in which they came, what never changes: kept
 * events (history.h has their form), lists of their IDs, parts of their orders, and archived sessions; and with each checkpoint a few rows of what the keeper knows
 * of partitions and tenants. All else that a slice answers from is made of these.
 *
 * Records of people and of the journal begin with a head that says what they are and of which tenant. One that is too
 * long for a page goes on in parts: of a session the next records of the journal, each of which has the address of the
 * one before it as its key, so that the last one's finds all; of a person under keys of their own.
 * Little-endian, read in place from 8-byte aligned memory.
 *
 * Threads  Home shard only.
 * Limits   SLICE_PART_COUNT_MAX parts of a person, the first one included.
 */

#include "shards/order.h"
#include "storage/store.h"

#define SLICE_RECORD_VERSION 1u
#define SLICE_PART_COUNT_MAX 16129u
#define TENANT_NAME_BYTES_MAX 64u

enum slice_record_kind {
    SLICE_PERSON = 1,
    SLICE_EVENT = 2,
    SLICE_SESSION = 3,
    SLICE_PART = 4,
    SLICE_LIST = 5, /* belongs to no tenant */
    SLICE_STRETCH = 6,
};

struct slice_head {
    uint8_t kind; /* enum slice_record_kind */
    uint8_t version;
    uint16_t partition;
    uint32_t tenant_no;
};

struct slice_person {
    struct slice_head head;
    uint32_t number;
    uint32_t profile_bytes; /* 0: merged into somebody else */
    uint8_t profile[];      /* as profile_codec.h writes it */
};

struct slice_session {
    struct slice_head head;
    uint32_t session_bytes;
    uint32_t reserved;
    uint8_t session[]; /* likewise */
};
/* What did not fit into the record before. */
struct slice_part {
    struct slice_head head;
    uint32_t part; /* from 1 on */
    uint32_t bytes;
    uint8_t data[];
};

/* Of events that came one after the other: 24 bits of the hash of each one's ID, and 40 of its address. */
struct slice_list {
    struct slice_head head;
    uint32_t count;
    uint32_t reserved;
    uint64_t entries[];
};

/* A part of the order of a tenant's events (shelf.h). */
struct slice_stretch {
    struct slice_head head;
    uint32_t count;
    uint32_t reserved;
    struct order_entry entries[]; /* ascending */
};

/* How far a partition is applied, and its rules. The same in every slice. */
struct slice_partition {
    uint32_t partition;
    uint32_t tenant_count;
    int64_t gap_ms;
    int64_t horizon_ms;
    int64_t out_of_orderness_ms;
    int64_t wall_ms;
    uint64_t sent_count;
};

/* A tenant of whom there is somebody in the slice. */
struct slice_tenant {
    uint16_t partition;
    uint8_t has_clock;
    uint8_t is_live;
    uint32_t tenant_no;
    int64_t watermark;
    int64_t clock_watermark;
    int64_t clock_wall_ms;
    uint64_t name_bytes;
    char name[TENANT_NAME_BYTES_MAX];
};
static_assert(sizeof(struct slice_head) == 8, "on disk");
static_assert(sizeof(struct slice_person) == 16, "on disk");
static_assert(sizeof(struct slice_session) == 16, "on disk");
static_assert(sizeof(struct slice_part) == 16, "on disk");
static_assert(sizeof(struct slice_list) == 16, "on disk");
static_assert(sizeof(struct slice_stretch) == 16, "on disk");
static_assert(sizeof(struct order_entry) == 24, "on disk");
static_assert(sizeof(struct slice_partition) == 48, "on disk");
static_assert(sizeof(struct slice_tenant) == 104, "on disk");

static_assert(sizeof(struct slice_person) == sizeof(struct slice_session), "both are split alike");

struct person;
struct session_at;
struct share;

/* Home. The head of a record of the share's tenant. */
struct slice_head slice_record_head(const struct share *share, enum slice_record_kind kind);
/* Home. How many bytes somebody's record has; it is whole when there was room for them. */
uint32_t slice_record_write_person(const struct person *person, struct slice_person *to, uint32_t room);
uint32_t slice_record_session_bytes(struct session_at at);
void slice_record_write_session(const struct share *share, struct session_at at, struct slice_session *to);
/* Home. Into how many records of so many bytes a longer one is split, and the number-th of them (its bytes; `to` NULL:
   these alone). */
uint32_t slice_record_part_count(uint32_t bytes, uint32_t bytes_max);
uint32_t slice_record_write_part(const void *whole, uint32_t bytes, uint32_t bytes_max, uint32_t number,
                                 void *to);
/* Home. The way back: how long the whole is that ends with this part; and copies any part, or the first record, to where it
   belongs in the whole. */
uint64_t slice_record_whole_bytes(const struct slice_part *last, uint32_t bytes_max);
void slice_record_read_part(const void *record, uint32_t bytes_max, void *whole);
/* Any thread. Keys of a person's parts: canonicals are UUIDs of version 5, these are of none. 0 is the canonical. */
struct store_key slice_record_part_key(struct store_key canonical, uint32_t number);
bool slice_record_is_part_key(struct store_key key);
/* Any thread. What a canonical and the keys of all its parts have in common, and next to no two canonicals have. */
struct store_key slice_record_common_key(struct store_key key);
/* Any thread. Which part of somebody this is the key of; and whose: true if it can be a key of the number-th part. */
uint32_t slice_record_part_number(struct store_key canonical, struct store_key part_key);
bool slice_record_part_canonical(struct store_key part_key, uint32_t number, struct store_key *out_canonical);
/* Home. The kind of a record, of a version that is known, with no more or less than may be of it here; 0: it is none. */
uint8_t slice_record_kind(const void *record, uint32_t bytes);
