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
remove_rows(struct bucket_list *list, uint32_t at, uint32_t count)
{
    memmove(&list->rows[at], &list->rows[at + count], (list->count - at - count) * sizeof(*list->rows));
    list->count -= count;
}

static void
expire(struct bucket_list *list, int64_t first)
{
    uint32_t old = 0;

    while (old < list->count && list->rows[old].index < first) {
        old++;
    }
    if (old > 0) {
        remove_rows(list, 0, old);
    }
}

void
buckets_expire(struct buckets *buckets, struct event_ms newest)
{
    expire(&buckets->hours, first_hour(newest));
    expire(&buckets->days, first_day(newest));
}

static void
count_at(struct memory *memory, struct bucket_list *list, int64_t index, uint32_t events, int32_t sessions)
{
    uint32_t at = list->count;

    /* From the end: most events are new. */
    while (at > 0 && list->rows[at - 1].index > index) {
        at--;
    }
    if (at == 0 || list->rows[at - 1].index != index) {
        list->rows = memory_grow(memory, list->rows, &list->capacity, list->count, sizeof(*list->rows));
        memmove(&list->rows[at + 1], &list->rows[at], (list->count - at) * sizeof(*list->rows));
        list->rows[at] = (struct bucket){.index = index};
        list->count++;
        at++;
    }
    struct bucket *row = &list->rows[at - 1];

    ASSERT((int64_t)row->sessions + sessions >= 0);
    row->events += events;
    row->sessions += (uint32_t)sessions;
    if (row->events == 0 && row->sessions == 0) {
        remove_rows(list, at - 1, 1);
    }
}

void
buckets_count(struct memory *memory, struct buckets *buckets, struct event_ms newest, struct event_ms at,
              uint32_t events, int32_t sessions)
{
    int64_t hour = floor_div(at.ms, MS_PER_HOUR);
    int64_t day = floor_div(at.ms, MS_PER_DAY);

    if (hour >= first_hour(newest)) {
        count_at(memory, &buckets->hours, hour, events, sessions);
    }
    if (day >= first_day(newest)) {
        count_at(memory, &buckets->days, day, events, sessions);
    }
}

void
buckets_combine(struct memory *memory, struct buckets *buckets, struct event_ms newest, struct buckets *other)
{
    buckets_expire(buckets, newest);
    buckets_expire(other, newest);
    for (uint32_t i = 0; i < other->hours.count; i++) {
        const struct bucket *row = &other->hours.rows[i];
        count_at(memory, &buckets->hours, row->index, row->events, (int32_t)row->sessions);
    }
    for (uint32_t i = 0; i < other->days.count; i++) {
        const struct bucket *row = &other->days.rows[i];
        count_at(memory, &buckets->days, row->index, row->events, (int32_t)row->sessions);
    }
    buckets_clear(memory, other);
}

void
buckets_restore(struct memory *memory, struct bucket_list *list, struct bucket row)
{
    list->rows = memory_grow(memory, list->rows, &list->capacity, list->count, sizeof(*list->rows));
    list->rows[list->count++] = row;
}

static void
clear(struct memory *memory, struct bucket_list *list)
{
    memory_put(memory, list->rows, (uint64_t)list->capacity * sizeof(*list->rows));
    *list = (struct bucket_list){0};
}

void
buckets_clear(struct memory *memory, struct buckets *buckets)
{
    clear(memory, &buckets->hours);
    clear(memory, &buckets->days);
}
