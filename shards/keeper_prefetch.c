/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

/*
 * What a message will touch is fetched from memory while those before it are applied.
 *
 * An event touches about fifty cache lines, most of them where nobody was for a long time. One after the other they
 * would be 100 ns each, and they hang on each other: page, person, profile. So it is looked at several times before its
 * turn comes: each time for what is known where to find after the time before. Between two looks a message is applied,
 * which takes longer than the memory; and so little is fetched ahead that it is still in the first cache when it is
 * wanted. All of these are hints: what is not there now is found when its turn comes.
 *
 *   step  person                         its share of the tenant
 *   0     -                              -                          the message's event
 *   1     page of the person             -                          its record
 *   2     person                         share
 *   3     its events                     its events and history
 *   4     the profile; its events        ..
 *   5     the rest of both               ..
 */

#define STEP_OF_SHARE 3u /* the first step of what is in it */

static struct store_key
key_of(const struct applied_event *event)
{
    struct store_key key;

    memcpy(&key, &event->canonical, sizeof(key));
    return key;
}

static const struct share *
find_share(const struct keeper *keeper, const struct message *message, const struct applied_event *event)
{
    const struct keeper_tenant *tenant = keeper_known_tenant(keeper, message->partition, event->tenant_no);

    return tenant != NULL && tenant->shares != NULL ? tenant->shares[message->slice] : NULL;
}

static void
fetch_share(const struct share *share, uint32_t step)
{
    if (share == NULL) {
        return;
    }
    order_prefetch(&share->events, step);
    if (step == 0) {
        history_prefetch(share->history);
    }
}

static void
fetch_person(const struct person *person, uint32_t step)
{
    if (person == NULL) {
        return;
    }
    order_prefetch(&person->events, step);
    if (step > 0 && person_profile(person) != NULL) {
        profile_prefetch(person->profile, person->profile_bytes, step - 1);
    }
}

static void
fetch(const struct keeper *keeper, struct keeper_ahead *ahead, uint32_t step)
{
    const struct message *message = &ahead->message;
    const struct applied_event *event = message->payload;
    const struct store *persons = &keeper->persons[message->slice];

    if (message->kind != MESSAGE_EVENT) {
        return;
    }
    switch (step) {
    case 0:
        prefetch_lines(event, sizeof(*event));
        return;
    case 1:
        prefetch_lines(event->record, sizeof(*event->record));
        store_prefetch(persons, key_of(event));
        return;
    case 2:
        ahead->person = store_prefetch_record(persons, key_of(event), sizeof(struct person));
        ahead->share = find_share(keeper, message, event);
        if (ahead->share != NULL) {
            prefetch_lines(ahead->share, sizeof(*ahead->share));
        }
        return;
    case STEP_OF_SHARE:
        if (ahead->person != NULL &&
            memcmp(&ahead->person->canonical, &event->canonical, sizeof(event->canonical)) != 0) {
            ahead->person = store_peek(persons, key_of(event));
        }
        break;
    default:
        break;
    }
    fetch_share(ahead->share, step - STEP_OF_SHARE);
    fetch_person(ahead->person, step - STEP_OF_SHARE);
}

void
keeper_prefetch(const struct keeper *keeper, struct keeper_ahead *batch, uint32_t count, uint32_t turn)
{
    for (uint32_t step = 0; step < KEEPER_STEP_COUNT; step++) {
        uint32_t at = turn - step; /* beyond all when there is none */

        if (at < count) {
            fetch(keeper, &batch[at], step);
        }
    }
}
