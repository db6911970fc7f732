/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_people - people who do not exist, and what they do on a site
 *
 * A fixed number of visits is under way. Each event is one step of a random one of them: the visitor sees a page,
 * clicks, uses a feature, signs up, logs in, or goes on to the next page of a Markov chain. When a visit ends another
 * person's begins in its place, without a name until the log-in. Some people have two devices, so that a log-in on
 * the second one joins two profiles. Tenants have a size: the n-th has 1/n of the people of the first.
 *
 * Two seeds, so that the same people can come back another day: people_seed says who there is and on which
 * devices, walk_seed what they do and which IDs their events have. The same seeds and options give the same
 * events, except for the times, which are the caller's.
 *
 * What is constant during a visit is rendered when it begins, so that an event costs a few copies.
 *
 * Threads  One.
 * Memory   All at creation: a byte a person, 0.5 KiB a visit.
 * Limits   PRODUCE_TENANT_COUNT_MAX and so on; an event has at most produce_people_event_bytes_max() bytes.
 */

#include "core/base.h"

#define PRODUCE_TENANT_COUNT_MAX 4096u
#define PRODUCE_PERSON_COUNT_MAX 100000000u
#define PRODUCE_VISIT_COUNT_MAX 65536u
#define PRODUCE_EVENT_BYTES_MIN 500u
#define PRODUCE_EVENT_BYTES_MAX 16384u

struct produce_people_options {
    uint64_t people_seed;
    uint64_t walk_seed;
    uint32_t tenant_count;
    uint32_t person_count; /* of all tenants together; each has at least one */
    uint32_t visit_count;  /* at one time */
    uint32_t event_bytes;  /* on average, newline included; 0: as they come */
};

struct produce_people;

/* Boot. -ENOMEM. Options are within the limits. */
MUST_USE int produce_people_create(const struct produce_people_options *options,
                                   struct produce_people **out_people);
/* Boot. NULL is nothing to do. */
void produce_people_destroy(struct produce_people *people);

/* The next event, as a line of NDJSON with its newline. Returns its bytes. */
uint32_t produce_people_next(struct produce_people *people, struct event_ms time, char *to);

/* Room that an event needs. */
uint32_t produce_people_event_bytes_max(const struct produce_people *people);
/* "acme", ...; lent until the end of the people. */
struct text produce_people_tenant(const struct produce_people *people, uint32_t index);
