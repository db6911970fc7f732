/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

/*
 * What the messages of a batch will touch is fetched from memory ahead, for all of them at once.
 *
 * An event touches about fifty cache lines, most of them where nobody was for a long time. One after the other they
 * would be 100 ns each, and they hang on each other: page, person, profile. So each step asks,
 * for every event of the batch, for what is known where to find after the step before, and by the next step it has
 * come. All of these are hints: what is not there now is found when its turn comes.
 *
 *   step  person                         its share of the tenant
 *   0     -                              -                          the message's event
 *   1     page of the person             -                          its record
 *   2     person                         share
 *   3     its events                     its events and history
 *   4     all of the profile; its events ..
 *   5     its events                     ..
 */

#define STEP_COUNT 6u
#define STEP_OF_SHARE 3u /* the first step of what is in it */

struct ahead {
    const struct message *message;
    const struct applied_event *event;
    struct person **person; /* NULL: not there now */
    const struct share *share;
};

static struct store_key
key_of(const struct applied_event *event)
{
    struct store_key key;

    memcpy(&key, &event->canonical, sizeof(key));
    return key;
}

static const struct share *
find_share(const struct keeper *keeper, const struct ahead *ahead)
{
    const struct keeper_tenant *tenant =
        keeper_known_tenant(keeper, ahead->message->partition, ahead->event->tenant_no);

    return tenant != NULL && tenant->shares != NULL ? tenant->shares[ahead->message->slice] : NULL;
}

static void
fetch_share(struct ahead *ahead, uint32_t step)
{
    if (ahead->share == NULL) {
        return;
    }
    order_prefetch(&ahead->share->events, step);
    if (step == 0) {
        history_prefetch(ahead->share->history);
    }
}

static void
fetch_person(const struct ahead *ahead, uint32_t step)
{
    const struct person *person = *ahead->person;

    if (person == NULL) {
        return;
    }
    order_prefetch(&person->events, step);
    if (step == 1 && person->profile != NULL) {
        profile_prefetch(person->profile, person->profile_bytes);
    }
}

static void
fetch(const struct keeper *keeper, struct ahead *ahead, uint32_t step)
{
    const struct store *persons = &keeper->persons[ahead->message->slice];

    switch (step) {
    case 0:
        prefetch_lines(ahead->event, sizeof(*ahead->event));
        return;
    case 1:
        prefetch_lines(ahead->event->record, sizeof(*ahead->event->record));
        store_prefetch(persons, key_of(ahead->event));
        return;
    case 2:
        store_prefetch_record(persons, key_of(ahead->event), sizeof(struct person));
        ahead->share = find_share(keeper, ahead);
        if (ahead->share != NULL) {
            prefetch_lines(ahead->share, sizeof(*ahead->share));
        }
        return;
    case STEP_OF_SHARE:
        *ahead->person = store_peek(persons, key_of(ahead->event));
        break;
    default:
        break;
    }
    fetch_share(ahead, step - STEP_OF_SHARE);
    fetch_person(ahead, step - STEP_OF_SHARE);
}

void
keeper_prefetch(const struct keeper *keeper, const struct message *batch, uint32_t count,
                struct person **out_people)
{
    struct ahead ahead[KEEPER_BATCH_COUNT];
    uint32_t event_count = 0;

    ASSERT(count <= KEEPER_BATCH_COUNT);
    for (uint32_t i = 0; i < count; i++) {
        out_people[i] = NULL;
        if (batch[i].kind == MESSAGE_EVENT) {
            struct ahead *row = &ahead[event_count++];
            row->message = &batch[i];
            row->event = batch[i].payload;
            row->person = &out_people[i];
            row->share = NULL;
        }
    }
    for (uint32_t step = 0; step < STEP_COUNT; step++) {
        for (uint32_t i = 0; i < event_count; i++) {
            fetch(keeper, &ahead[i], step);
        }
    }
}
