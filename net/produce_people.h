/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_people - people who do not exist, and what they do on a site
 *
 * Each has a persona, one to three devices, and perhaps an account. On a visit they see pages of a Markov chain, think,
 * click, use features, sign up, log in and leave; after days they come back, more often when it is day. Tenants have a
 * size: the n-th has 1/n of the people of the first. The numbers are in produce_people.def.
 *
 * People have a time of their own, which the next event says. Visits either come by themselves (visit_count 0: a history
 * with all its days, hours and pauses), or so many are always under way, and somebody comes when another one leaves:
 * people who keep a rate busy, with the same personas, thoughts and pages, but without days.
 *
 * Two seeds, so that the same people can come back another day: people_seed says who there is and on which devices,
 * walk_seed what they do and which IDs their events have. The same seeds and options give the same rows; their times are
 * the caller's.
 *
 * Threads  One.
 * Memory   All at creation: a byte a person, 0.5 KiB a visit that is under way.
 * Limits   PRODUCE_TENANT_COUNT_MAX and so on; a call makes at most produce_people_bytes_max() bytes.
 */

#include "core/base.h"
#include "net/produce_keys.h"
#include "net/produce_line.h"
#include "net/produce_persona.h"
#include "net/produce_trick.h"

#define PRODUCE_TENANT_COUNT_MAX 4096u
#define PRODUCE_PERSON_COUNT_MAX 100000000u
#define PRODUCE_VISIT_COUNT_MAX 65536u      /* of those that are asked for */
#define PRODUCE_VISIT_COUNT_NATURAL 262144u /* of those that come; more turn round at the door */
#define PRODUCE_LOGIN_PERCENT 80u           /* who has an account and stays on the log-in page */

struct produce_people_options {
    uint64_t people_seed;
    uint64_t walk_seed;
    uint32_t tenant_count;
    const struct produce_key *tenants; /* their names, so many; NULL: made ones */
    uint32_t person_count;             /* of all tenants together; each has at least one */
    uint32_t visit_count; /* under way at one time; at most half of the people, rounded up; 0: as they come */
    struct event_ms begin; /* of their time */
    uint32_t event_bytes;  /* on average, newline included; 0: as they come */
    bool is_hostile;
};

/* What one call made: somebody did something, and perhaps a row more (--hostile). */
struct produce_event {
    struct event_ms time; /* as the row says it */
    uint32_t person;
    uint32_t visit; /* counts from 0 */
    uint8_t persona;
    uint8_t device;
    uint8_t done;  /* enum produce_done */
    uint8_t page;  /* enum produce_page */
    bool is_first; /* of its visit */
    bool is_last;
    bool is_named;           /* the row has a user ID that is one */
    bool had_account;        /* before */
    uint16_t tricks;         /* PRODUCE_TRICK_BIT() of each */
    uint8_t row_count;       /* 1, or with another one behind it: */
    uint8_t duplicate_count; /* that is known already */
    uint8_t rejected_count;  /* or that nobody will take */
};

struct produce_people;

/* Boot. -ENOMEM. Options are within the limits. */
MUST_USE int produce_people_create(const struct produce_people_options *options,
                                   struct produce_people **out_people);
/* Boot. NULL is nothing to do. */
void produce_people_destroy(struct produce_people *people);

/* When the next event happens, in their time. */
struct event_ms produce_people_time(const struct produce_people *people);
/* The next event, said to be at `time`, as rows of NDJSON. Returns their bytes. out_event may be NULL. */
uint32_t produce_people_next(struct produce_people *people, struct event_ms time, char *to,
                             struct produce_event *out_event);
/* So many visits are under way from now on; of people that were made with some. Fewer when others have left. */
void produce_people_set_visits(struct produce_people *people, uint32_t visit_count);

/* Room that one call needs. */
uint32_t produce_people_bytes_max(const struct produce_people *people);
/* "acme", ...; lent until the end of the people. */
struct text produce_people_tenant(const struct produce_people *people, uint32_t index);
uint32_t produce_people_tenant_of(const struct produce_people *people, uint32_t person);
const struct produce_personas *produce_people_personas(const struct produce_people *people);
/* Rows in which a trick was played, so far. */
uint64_t produce_people_trick_count(const struct produce_people *people, enum produce_trick trick);
