/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_persona.h"

#include <math.h>

#include "net/produce_line.h"

#define THINK_ONE 65536u
#define TRAIT_PERSONA PRODUCE_TRAIT_FREE
#define TRAIT_DEVICES (PRODUCE_TRAIT_FREE + 1)

const struct produce_persona_row produce_persona_rows[PRODUCE_PERSONA_COUNT] = {
#define PERSONA(PERSONA, name, share, events, think_s, signup, days, two, three) \
    [PRODUCE_##PERSONA] = {name, share, events, think_s, signup, days, two, three},
#include "net/produce_people.def"
};
static const uint32_t hour_weights[] = {
#define HOUR(weight) weight,
#include "net/produce_people.def"
};
static_assert(COUNT_OF(hour_weights) == 24, "a day has 24 hours");

/* 0 <= result < count, from 32 bits of dice. */
static uint32_t
below(uint64_t dice, uint32_t count)
{
    return (uint32_t)(((dice & UINT32_MAX) * count) >> 32);
}

/* The z below which so much of a standard normal distribution lies. */
static double
normal_quantile(double part)
{
    double low = -8;
    double high = 8;

    for (uint32_t i = 0; i < 60; i++) {
        double middle = (low + high) / 2;

        *(erfc(-middle / sqrt(2)) / 2 < part ? &low : &high) = middle;
    }
    return low;
}

void
produce_personas_init(struct produce_personas *personas, uint64_t people_seed)
{
    uint32_t slot = 0;

    *personas = (struct produce_personas){.people_seed = people_seed, .days_min = INFINITY};
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        personas->days_min = fmin(personas->days_min, produce_persona_rows[i].days);
    }
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        const struct produce_persona_row *row = &produce_persona_rows[i];

        personas->leave[i] = (uint32_t)lround(65536 / row->events);
        personas->think_ms[i] = (uint32_t)lround(row->think_s * 1000);
        personas->taken[i] = (uint64_t)llround(personas->days_min / row->days * 4294967296.0);
        for (uint32_t n = 0; n < row->share; n++) {
            ASSERT(slot < COUNT_OF(personas->of));
            personas->of[slot++] = (uint8_t)i;
        }
    }
    ASSERT(slot == COUNT_OF(personas->of));
    for (uint32_t i = 0; i < PRODUCE_THINK_COUNT; i++) {
        double z = normal_quantile((i + 0.5) / PRODUCE_THINK_COUNT);

        personas->think[i] = (uint32_t)lround(exp(PRODUCE_THINK_SIGMA * z) * THINK_ONE);
    }
}

enum produce_persona
produce_persona_of(const struct produce_personas *personas, uint32_t person)
{
    uint64_t dice = produce_line_trait(personas->people_seed, person, TRAIT_PERSONA);

    return personas->of[below(dice, COUNT_OF(personas->of))];
}

uint32_t
produce_persona_devices(const struct produce_personas *personas, uint32_t person)
{
    const struct produce_persona_row *row = &produce_persona_rows[produce_persona_of(personas, person)];
    uint32_t chance = below(produce_line_trait(personas->people_seed, person, TRAIT_DEVICES), 100);

    return 1 + (chance < row->two + row->three) + (chance < row->three);
}

bool
produce_persona_leaves(const struct produce_personas *personas, enum produce_persona persona, uint64_t dice)
{
    return (dice & UINT16_MAX) < personas->leave[persona];
}

int64_t
produce_persona_think_ms(const struct produce_personas *personas, enum produce_persona persona, uint64_t dice)
{
    uint64_t part = personas->think[dice & (PRODUCE_THINK_COUNT - 1)];

    return (int64_t)(personas->think_ms[persona] * part / THINK_ONE);
}

bool
produce_persona_comes(const struct produce_personas *personas, uint32_t person, uint64_t dice)
{
    return (dice >> 32) < personas->taken[produce_persona_of(personas, person)];
}

double
produce_persona_hour(uint32_t hour)
{
    double total = 0;

    REQUIRE(hour < COUNT_OF(hour_weights));
    for (uint32_t i = 0; i < COUNT_OF(hour_weights); i++) {
        total += hour_weights[i];
    }
    return hour_weights[hour] * (double)COUNT_OF(hour_weights) / total;
}

/* So much of the time that an average hour would need is used up, hour by hour. */
double
produce_persona_proposal(const struct produce_personas *personas, uint32_t person_count, double ms,
                         uint64_t dice)
{
    double part = ((double)(dice >> 11) + 0.5) / 9007199254740992.0; /* of 2^53 */
    double left = -log(part) * personas->days_min * (double)MS_PER_DAY / person_count;

    for (;;) {
        int64_t hour = (int64_t)floor(ms / (double)MS_PER_HOUR);
        double busy = produce_persona_hour((uint32_t)(((hour % 24) + 24) % 24));
        double end_ms = (double)(hour + 1) * (double)MS_PER_HOUR;

        if (left <= (end_ms - ms) * busy) {
            return ms + left / busy;
        }
        left -= (end_ms - ms) * busy;
        ms = end_ms;
    }
}

double
produce_persona_visits(double events_a_second)
{
    double events = 0;
    double seconds = 0;

    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        const struct produce_persona_row *row = &produce_persona_rows[i];
        double part = row->share / row->days * row->events;

        events += part;
        seconds += part * row->think_s * exp(PRODUCE_THINK_SIGMA * PRODUCE_THINK_SIGMA / 2);
    }
    return events_a_second * seconds / events;
}
