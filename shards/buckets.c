/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/buckets.h"

static int64_t
first_hour(struct event_ms newest)
{
    return floor_div(newest.ms, MS_PER_HOUR) - (int64_t)BUCKET_HOURS + 1;
}

static int64_t
first_day(struct event_ms newest)
{
    return floor_div(newest.ms, MS_PER_DAY) - (int64_t)BUCKET_DAYS + 1;
}

static void
expire(struct pack *pack, struct pack_list *list, int64_t first)
{
    const struct bucket *rows = buckets_rows(pack, list);
    uint32_t old = 0;

    while (old < list->count && rows[old].index < first) {
        old++;
    }
    if (old > 0) {
        pack_list_remove(pack, list, 0, old, sizeof(*rows));
    }
}

void
buckets_expire(struct pack *pack, struct buckets *buckets, struct event_ms newest)
{
    expire(pack, &buckets->hours, first_hour(newest));
    expire(pack, &buckets->days, first_day(newest));
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

void
buckets_count(struct pack *pack, struct buckets *buckets, struct event_ms newest, struct event_ms at,
              uint32_t events, int32_t sessions)
{
    int64_t hour = floor_div(at.ms, MS_PER_HOUR);
    int64_t day = floor_div(at.ms, MS_PER_DAY);

    if (hour >= first_hour(newest)) {
        count_at(pack, &buckets->hours, hour, events, sessions);
    }
    if (day >= first_day(newest)) {
        count_at(pack, &buckets->days, day, events, sessions);
    }
}

uint64_t
buckets_need(const struct buckets *buckets)
{
    return pack_list_need(&buckets->hours, 1, sizeof(struct bucket)) +
           pack_list_need(&buckets->days, 1, sizeof(struct bucket));
}

static void
combine(struct pack *pack, struct pack_list *list, const struct pack *from, const struct pack_list *other,
        int64_t first)
{
    const struct bucket *rows = buckets_rows(from, other);

    for (uint32_t i = 0; i < other->count; i++) {
        if (rows[i].index >= first) {
            count_at(pack, list, rows[i].index, rows[i].events, (int32_t)rows[i].sessions);
        }
    }
}

void
buckets_combine(struct pack *pack, struct buckets *buckets, struct event_ms newest, const struct pack *from,
                const struct buckets *other)
{
    buckets_expire(pack, buckets, newest);
    combine(pack, &buckets->hours, from, &other->hours, first_hour(newest));
    combine(pack, &buckets->days, from, &other->days, first_day(newest));
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
