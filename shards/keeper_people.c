/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

#include "shards/away.h"
#include "shards/budget.h"
#include "shards/metrics_table.h"
#include "shards/profile_codec.h"
#include "shards/slice_record.h"

/*
 * The way of a profile:
 *
 *            keeper_relieve: saved if it changed                  keeper_fetch
 *   here ------------------------------------------> away -------------------------> being read
 *    ^                                                                                 |
 *    +------------------------------- keeper_return -----------------------------------+
 *
 * Who leaves is chosen as by a clock: the hand goes round over all who are here, takes the mark of use from who has
 * one, and lets go who has none. Nothing that is derived from the log depends on who is where: only the memory it takes
 * does, and how long an answer waits.
 *
 * Nobody leaves who is pinned: a queue or a question has waited for them and did not run yet. Leaving is done between
 * batches and never while a profile is in somebody's hands.
 */

#define LEAVE_COUNT 128u /* profiles that leave at a time: more than a batch brings */
#define LOOK_COUNT 1024u /* people looked at for that, */
#define STAY_COUNT 64u   /* unless so many may not leave now */
#define STORAGE_STATUS 74

uint64_t
keeper_profile_bytes(const struct person *person)
{
    return person != NULL && person_profile(person) != NULL ? person->profile->pack.capacity : 0;
}

void
keeper_note_profile(struct keeper *keeper, struct person *person, uint64_t bytes_before)
{
    keeper->people_bytes += keeper_profile_bytes(person) - bytes_before;
    if (person == NULL || person_profile(person) == NULL) {
        return;
    }
    person->is_used = true;
    if (UNLIKELY(!person->is_resident) && keeper->options.env != NULL) {
        person->is_resident = true;
        keeper->residents = memory_grow(&keeper->memory, keeper->residents, &keeper->resident_capacity,
                                        keeper->resident_count, sizeof(*keeper->residents));
        keeper->residents[keeper->resident_count++] = person;
    }
}

struct profile *
keeper_read_profile(struct memory *memory, const void *bytes, uint32_t byte_count,
                    const struct person *person)
{
    const struct slice_person *record = bytes;
    struct profile_label label;
    struct profile *profile;

    if (byte_count < sizeof(*record) || byte_count - sizeof(*record) != record->profile_bytes ||
        profile_codec_decode(memory, record->profile, record->profile_bytes, &label, &profile) != 0) {
        return NULL;
    }
    if (label.person != person->number ||
        memcmp(&label.canonical, &person->canonical, sizeof(label.canonical)) != 0) {
        profile_destroy(memory, profile);
        return NULL;
    }
    return profile;
}

/* Leaving. */

static void
leave(struct keeper *keeper, struct person *person)
{
    struct profile *profile = person->profile;

    keeper->people_bytes -= keeper_profile_bytes(person);
    person->away = away_create(&keeper->memory, profile);
    person->is_away = true;
    profile_destroy(&keeper->memory, profile);
    keeper->people_left++;
    if (keeper->options.metrics != NULL) {
        metrics_add(keeper->options.metrics, METRIC_PROFILES_LEFT, 1);
    }
}

void
keeper_let_go_early(struct keeper *keeper, struct person *person)
{
    if (keeper->people_bytes_max > 0 && keeper->people_bytes > keeper->people_bytes_max &&
        person_profile(person) != NULL) {
        leave(keeper, person);
    }
}

static void
unlist(struct keeper *keeper, uint32_t index)
{
    keeper->residents[index]->is_resident = false;
    keeper->residents[index] = keeper->residents[--keeper->resident_count];
}

/* Whoever the hand points at. False: they are not wanted here, and may not leave. */
static bool
look_at(struct keeper *keeper)
{
    keeper->hand = keeper->hand < keeper->resident_count ? keeper->hand : 0;
    struct person *person = keeper->residents[keeper->hand];

    if (person_profile(person) == NULL) { /* merged into somebody else, or it left early */
        unlist(keeper, keeper->hand);
        return true;
    }
    if (person->is_used) {
        person->is_used = false;
        keeper->hand++;
        return true;
    }
    if (person->pin_count > 0 || !slice_state_let_go(person->share->state, person)) {
        keeper->hand++;
        return false;
    }
    leave(keeper, person);
    unlist(keeper, keeper->hand);
    return true;
}

static void
prefetch(const struct keeper *keeper)
{
    if (keeper->hand + 16 < keeper->resident_count) {
        prefetch_line(keeper->residents[keeper->hand + 16]);
    }
    if (keeper->hand + 8 < keeper->resident_count) {
        const struct person *person = keeper->residents[keeper->hand + 8];
        if (!person->is_used && person_profile(person) != NULL) {
            profile_prefetch(person->profile, person->profile_bytes, 0);
            profile_prefetch(person->profile, person->profile_bytes, 1);
        }
    }
}

bool
keeper_relieve(struct keeper *keeper)
{
    uint64_t left_before = keeper->people_left;
    uint32_t stay_count = 0;

    if (keeper->people_bytes_max == 0 || keeper->people_bytes <= keeper->people_bytes_max ||
        keeper_is_behind(keeper)) {
        return false;
    }
    for (uint32_t looked = 0;
         looked < LOOK_COUNT && stay_count < STAY_COUNT && keeper->people_left - left_before < LEAVE_COUNT &&
         keeper->resident_count > 0 && keeper->people_bytes > keeper->people_bytes_max;
         looked++) {
        prefetch(keeper);
        if (!look_at(keeper)) {
            stay_count = keeper_is_behind(keeper) ? STAY_COUNT : stay_count + 1;
        }
    }
    return keeper->people_left > left_before && keeper->people_bytes > keeper->people_bytes_max;
}

bool
keeper_is_behind(const struct keeper *keeper)
{
    const struct node *node = keeper->options.node;

    if (keeper->people_bytes_max == 0) {
        return false;
    }
    for (uint32_t i = keeper->options.home.n; i < node->slice_count; i += node->shard_count) {
        if (slice_state_is_behind(&keeper->slices[i].state)) {
            return true;
        }
    }
    return false;
}

void
keeper_set_people_memory(struct keeper *keeper, uint64_t bytes)
{
    REQUIRE_HERE(keeper->options.home);
    keeper->people_bytes_max = bytes;
}

uint64_t
keeper_leavable_bytes(const struct keeper *keeper)
{
    const struct node *node = keeper->options.node;
    uint64_t bytes = keeper->people_bytes + keeper_order_bytes(keeper);

    if (keeper->options.env == NULL) {
        return 0;
    }
    for (uint32_t i = keeper->options.home.n; i < node->slice_count; i += node->shard_count) {
        bytes += log_store_counts(keeper->slices[i].state.journal).resident_bytes;
    }
    return bytes;
}

void
keeper_keep_to(struct keeper *keeper, const struct budget *budget)
{
    const struct node *node = keeper->options.node;

    if (keeper->options.env == NULL) {
        return;
    }
    keeper_set_people_memory(keeper, budget_limit(budget, keeper->people_bytes));
    keeper->order_bytes_max = budget_limit(budget, keeper_order_bytes(keeper));
    for (uint32_t i = keeper->options.home.n; i < node->slice_count; i += node->shard_count) {
        struct log_store *journal = keeper->slices[i].state.journal;

        log_store_set_memory(journal, budget_limit(budget, log_store_counts(journal).resident_bytes));
    }
}

/* Coming back. */

void
keeper_return(struct keeper *keeper, struct person *person, const struct log_store_waiter *waiter)
{
    if (!person->is_away) {
        return; /* another one has waited for them, too */
    }
    struct profile *profile =
        keeper_read_profile(&keeper->memory, waiter->record, waiter->record_bytes, person);

    if (profile == NULL || !away_return(person->away, profile)) {
        keeper->options.node->fatal(keeper->options.node, STORAGE_STATUS,
                                    "the record of a person is not what it was");
        base_die("REQUIRE", "the record of a person is what it was", __FILE__, __LINE__);
    }
    away_destroy(&keeper->memory, person->away);
    person->is_away = false;
    person->profile = profile;
    person->profile_bytes = profile->pack.used;
    keeper_note_profile(keeper, person, 0);
}

bool
keeper_fetch(struct keeper *keeper, struct person *person, struct log_store_waiter *waiter)
{
    if (slice_state_fetch(person->share->state, person, waiter) == LOG_STORE_LATER) {
        keeper->people_read++;
        if (keeper->options.metrics != NULL) {
            metrics_add(keeper->options.metrics, METRIC_PROFILES_READ, 1);
        }
        return false;
    }
    keeper_return(keeper, person, waiter);
    return true;
}

void
keeper_pin(struct person *person)
{
    person->pin_count++;
}

void
keeper_unpin(struct person *person)
{
    ASSERT(person->pin_count > 0);
    person->pin_count--;
}

static void
awaited_arrived(struct log_store_waiter *waiter)
{
    struct asked *asked = CONTAINER_OF(waiter, struct asked, waiter);
    struct keeper *keeper = asked->question->subquery->answerer;

    keeper_return(keeper, asked->awaited, waiter);
    keeper_pin(asked->awaited);
    keeper_make_ready(keeper, asked);
}

bool
keeper_await(struct keeper *keeper, struct asked *asked, struct person *person)
{
    if (!person->is_away) {
        return false;
    }
    asked->waiter.arrived = awaited_arrived;
    if (keeper_fetch(keeper, person, &asked->waiter)) {
        return false;
    }
    asked->awaited = person;
    return true;
}
