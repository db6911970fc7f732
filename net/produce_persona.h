/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_persona - how people who do not exist behave: the numbers of produce_people.def, and draws of them
 *
 * How long a visit is, is geometric; a think time is log-normal; somebody comes back after an exponential time that the
 * hour of the day stretches. So a person may come at every moment with the same likelihood, and all people together are
 * one Poisson process: proposals at the rate of the busiest persona, of which as many are taken as theirs is less busy.
 *
 * Threads  Any; what is drawn depends on nothing but the arguments.
 */

#include "core/base.h"

#define PRODUCE_THINK_COUNT 1024u /* quantiles of a think time */
#define PRODUCE_THINK_SIGMA 0.9 /* of its logarithm; cut at 3.3 sigma, which is less than any session's gap */

enum produce_persona {
#define PERSONA(PERSONA, name, share, events, think_s, signup, days, two, three) PRODUCE_##PERSONA,
#include "net/produce_people.def"
    PRODUCE_PERSONA_COUNT,
};

struct produce_persona_row {
    const char *name;
    uint32_t share;
    double events;
    double think_s;
    uint32_t signup;
    double days;
    uint32_t two;
    uint32_t three;
};
extern const struct produce_persona_row produce_persona_rows[PRODUCE_PERSONA_COUNT];

struct produce_personas {
    uint64_t people_seed;
    uint8_t of[100];
    uint32_t leave[PRODUCE_PERSONA_COUNT];    /* of 65,536 */
    uint32_t think_ms[PRODUCE_PERSONA_COUNT]; /* in the middle */
    uint64_t taken[PRODUCE_PERSONA_COUNT];    /* of 2^32 proposals */
    double days_min;
    uint32_t think[PRODUCE_THINK_COUNT]; /* of 65,536 */
};

/* Boot. */
void produce_personas_init(struct produce_personas *personas, uint64_t people_seed);

/* Of a person, the same every day. */
enum produce_persona produce_persona_of(const struct produce_personas *personas, uint32_t person);
/* 1 to 3. */
uint32_t produce_persona_devices(const struct produce_personas *personas, uint32_t person);

/* Is this event the visit's last? Of the lowest 16 bits. */
bool produce_persona_leaves(const struct produce_personas *personas, enum produce_persona persona,
                            uint64_t dice);
/* To the next event. Of the lowest 10 bits. */
int64_t produce_persona_think_ms(const struct produce_personas *personas, enum produce_persona persona,
                                 uint64_t dice);
/* Does a person who is proposed come? Of the highest 32 bits. */
bool produce_persona_comes(const struct produce_personas *personas, uint32_t person, uint64_t dice);
/* When the next of so many people is proposed, after `ms` (Unix time). */
double produce_persona_proposal(const struct produce_personas *personas, uint32_t person_count, double ms,
                                uint64_t dice);

/* How busy an hour of the day (UTC) is; 1 on average. */
double produce_persona_hour(uint32_t hour);
/* Visits that make so many events a second when people think as long as they do. */
double produce_persona_visits(double events_a_second);
