/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/buckets.h"

/* The list's unit, and how many of them there are up to the newest. */
struct reach {
    int64_t unit_ms;
    int64_t count;
};

static const struct reach hour_reach = {.unit_ms = MS_PER_HOUR, .count = BUCKET_HOURS};
static const struct reach day_reach = {.unit_ms = MS_PER_DAY, .count = BUCKET_DAYS};

/* Without a division: nearly everything that is asked is within. */
static inline bool
is_in_reach(struct reach reach, int64_t index, struct event_ms newest)
{
    return newest.ms < (index + reach.count) * reach.unit_ms;
}

static inline void
expire(struct pack *pack, struct pack_list *list, struct reach reach, struct event_ms newest)
{
    const struct bucket *rows = buckets_rows(pack, list);
    uint32_t old = 0;

    while (old < list->count && !is_in_reach(reach, rows[old].index, newest)) {
        old++;
    }
    if (UNLIKELY(old > 0)) {
        pack_list_remove(pack, list, 0, old, sizeof(*rows));
    }
}

void
buckets_expire(struct pack *pack, struct buckets *buckets, struct event_ms newest)
{
    expire(pack, &buckets->hours, hour_reach, newest);
    expire(pack, &buckets->days, day_reach, newest);
}

static void
count_at(struct pack *pack, struct pack_list *list, int64_t index, uint32_t events, int32_t sessions)
{
    struct bucket *rows = buckets_rows(pack, list);
    uint32_t at = list->count;

    /* From the end: most events are new. */
    while (at > 0 && rows[at - 1].index > index) {
        at--;
    }
    struct bucket *row;

    if (at == 0 || rows[at - 1].index != index) {
        row = pack_list_insert(pack, list, at, sizeof(*row));
        *row = (struct bucket){.index = index};
        at++;
    } else {
        row = &rows[at - 1];
    }
    ASSERT((int64_t)row->sessions + sessions >= 0);
    row->events += events;
    row->sessions += (uint32_t)sessions;
    if (row->events == 0 && row->sessions == 0) {
        pack_list_remove(pack, list, at - 1, 1, sizeof(*row));
    }
}

static inline void
count(struct pack *pack, struct pack_list *list, struct reach reach, struct event_ms newest,
      struct event_ms at, uint32_t events, int32_t sessions)
{
    struct bucket *last = list->count > 0 ? &buckets_rows(pack, list)[list->count - 1] : NULL;

    /* Nearly always the last one. */
    if (last != NULL && (uint64_t)at.ms - (uint64_t)(last->index * reach.unit_ms) < (uint64_t)reach.unit_ms &&
        sessions >= 0 && is_in_reach(reach, last->index, newest)) {
        last->events += events;
        last->sessions += (uint32_t)sessions;
        return;
    }
    int64_t index = floor_div(at.ms, reach.unit_ms);

    if (is_in_reach(reach, index, newest)) {
        count_at(pack, list, index, events, sessions);
    }
}

void
buckets_count(struct pack *pack, struct buckets *buckets, struct event_ms newest, struct event_ms at,
              uint32_t events, int32_t sessions)
{
    count(pack, &buckets->hours, hour_reach, newest, at, events, sessions);
    count(pack, &buckets->days, day_reach, newest, at, events, sessions);
}

uint64_t
buckets_need(const struct buckets *buckets)
{
    return pack_list_need(&buckets->hours, 1, sizeof(struct bucket)) +
           pack_list_need(&buckets->days, 1, sizeof(struct bucket));
}

static void
combine(struct pack *pack, struct pack_list *list, const struct pack *from, const struct pack_list *other,
        struct reach reach, struct event_ms newest)
{
    const struct bucket *rows = buckets_rows(from, other);

    for (uint32_t i = 0; i < other->count; i++) {
        if (is_in_reach(reach, rows[i].index, newest)) {
            count_at(pack, list, rows[i].index, rows[i].events, (int32_t)rows[i].sessions);
        }
    }
}

void
buckets_combine(struct pack *pack, struct buckets *buckets, struct event_ms newest, const struct pack *from,
                const struct buckets *other)
{
    buckets_expire(pack, buckets, newest);
    combine(pack, &buckets->hours, from, &other->hours, hour_reach, newest);
    combine(pack, &buckets->days, from, &other->days, day_reach, newest);
}

void
buckets_restore(struct pack *pack, struct pack_list *list, struct bucket row)
{
    struct bucket *new = pack_list_insert(pack, list, list->count, sizeof(*new));

    *new = row;
}

void
buckets_move(struct pack *to, const struct pack *from, struct buckets *buckets)
{
    (void)pack_move_list(to, from, &buckets->hours, sizeof(struct bucket));
    (void)pack_move_list(to, from, &buckets->days, sizeof(struct bucket));
}
