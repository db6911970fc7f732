/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/answer_row.h"
#include "shards/keeper_state.h"
#include "shards/metrics_table.h"

/*
 * Questions about events: pages of a tenant's or of some people's, and one by its ID.
 *
 * Events that are on disk are read a few at a time, and the question waits meanwhile; then it looks at the first of them
 * again. So each wait is a step on, whatever leaves memory in between.
 */

#define STRETCH_BYTES (ORDER_CHUNK_COUNT * sizeof(struct order_entry))

static void
add_event_row(struct asked *asked, const struct kept_event *event, uint32_t texts)
{
    struct event_row *row = keeper_add_row(asked, sizeof(*row));

    if (row != NULL) {
        *row = (struct event_row){
            .position = event->position,
            .person = event->person,
            .is_late = event->is_late,
            .is_in_session = event->is_in_session,
            .record = answer_row_record(&asked->question->arena, kept_event_record(event), texts),
        };
    }
}

static void
finish_events(struct keeper *keeper, struct asked *asked, bool has_more)
{
    struct events_answer *answer = arena_take(&asked->question->arena, sizeof(*answer));

    if (answer != NULL) {
        *answer =
            (struct events_answer){.rows = asked->rows, .count = asked->row_count, .has_more = has_more};
    }
    asked->question->answer.events = answer;
    keeper_finish(keeper, asked, 0);
}

/* What is asked for begins in front of `to` and behind `after`. */
static void
start_events(struct scan *scan, const struct event_scan *ask)
{
    if (ask->has_after && ask->after.event_time.ms < ask->to.ms) {
        scan_start_at(scan, ask->after.event_time.ms, ask->after.position);
    } else {
        scan_start_at(scan, ask->to.ms, 0);
    }
}

bool
keeper_scan_events(struct asked *asked, const struct share *share)
{
    asked->scan = scan_create(&asked->question->arena, 2);
    if (asked->scan == NULL) {
        return false;
    }
    scan_add_shelf(asked->scan, &share->shelf);
    scan_add_order(asked->scan, &share->events);
    return true;
}

/* False: the arena is full. */
static bool
begin_events(struct keeper *keeper, struct asked *asked, const struct share *share)
{
    struct question *question = asked->question;
    const struct event_scan *ask = question->ask.events;

    if (ask->members == NULL) {
        if (!keeper_scan_events(asked, share)) {
            return false;
        }
        start_events(asked->scan, ask);
        return true;
    }
    asked->scan = scan_create(&question->arena, ask->member_count > 0 ? ask->member_count : 1);
    if (asked->scan == NULL) {
        return false;
    }
    start_events(asked->scan, ask);
    for (uint32_t i = 0; i < ask->member_count; i++) {
        const struct person *person = keeper_person_of(keeper, question, &ask->members[i]);
        if (person != NULL) {
            scan_add_order(asked->scan, &person->events);
        }
    }
    return true;
}

static bool
text_takes(struct text wanted, struct text is)
{
    return wanted.bytes == 0 || text_equal(wanted, is);
}

static bool
takes_event(const struct event_scan *ask, const struct kept_event *event)
{
    const struct event_record *record = kept_event_record(event);

    return tri_takes(ask->late, event->is_late) && (!ask->only_in_session || event->is_in_session) &&
           text_takes(ask->event_type, event_text(record, EVENT_EVENT_TYPE)) &&
           text_takes(ask->device_type, event_text(record, EVENT_DEVICE_TYPE)) &&
           text_takes(ask->country, event_text(record, EVENT_COUNTRY));
}

static void
events_arrived(void *context)
{
    struct asked *asked = context;

    keeper_make_ready(asked->question->subquery->answerer, asked);
}

const void *
keeper_record_at(const struct asked *asked, const struct history *history, uint64_t address)
{
    return asked->recall != NULL ? recall_find(asked->recall, address) : history_at(history, address);
}

/* Not when one ends: it may be of the message that is being answered, whose task must not be queued now. */
void
keeper_wake_recalling(struct keeper *keeper)
{
    while (keeper_can_wake_recalling(keeper)) {
        struct asked *asked = keeper->recalling.first;

        keeper->recalling.first = asked->next;
        keeper->recalling.last = asked->next != NULL ? keeper->recalling.last : NULL;
        asked->may_recall = true;
        keeper->recall_count++;
        keeper_make_ready(keeper, asked);
    }
}

bool
keeper_can_wake_recalling(const struct keeper *keeper)
{
    return keeper->recalling.first != NULL && keeper->recall_count < KEEPER_RECALL_COUNT_MAX;
}

/* False: it waits until others have ended. */
static bool
may_recall(struct keeper *keeper, struct asked *asked)
{
    if (asked->may_recall) {
        return true;
    }
    if (keeper->recalling.first != NULL || keeper->recall_count == KEEPER_RECALL_COUNT_MAX) {
        asked->next = NULL;
        *(keeper->recalling.last != NULL ? &keeper->recalling.last->next : &keeper->recalling.first) = asked;
        keeper->recalling.last = asked;
        return false;
    }
    asked->may_recall = true;
    keeper->recall_count++;
    return true;
}

enum step
keeper_read_records(struct keeper *keeper, struct asked *asked, const struct history *history,
                    const uint64_t *addresses, uint32_t count)
{
    if (!may_recall(keeper, asked)) {
        return STEP_LATER;
    }
    if (asked->recall == NULL) {
        asked->recall = recall_create(&keeper->memory, history->state->journal, events_arrived, asked);
    }
    uint32_t read_count = recall_ask(asked->recall, addresses, count);

    if (keeper->options.metrics != NULL) {
        metrics_add(keeper->options.metrics, METRIC_EVENTS_READ, read_count);
    }
    return STEP_LATER;
}

enum step
keeper_read_ahead(struct keeper *keeper, struct asked *asked, const struct history *history,
                  const struct read_ahead *ahead)
{
    uint32_t most = ahead->wanted < KEEPER_READ_COUNT_MIN ? KEEPER_READ_COUNT_MIN : ahead->wanted;
    uint64_t addresses[RECALL_COUNT_MAX] = {ahead->missing};
    uint32_t count = 1;
    struct order_entry next;

    for (uint32_t i = 1; i < most && i < RECALL_COUNT_MAX; i++) {
        if (!scan_next(asked->scan, &next) || next.time < ahead->from_ms || next.item == 0) {
            break;
        }
        uint64_t address = ahead->address_of(&next);
        if (address != 0) {
            addresses[count++] = address;
        }
    }
    return keeper_read_records(keeper, asked, history, addresses, count);
}

void
keeper_end_stretch(struct keeper *keeper, struct asked *asked)
{
    memory_put(&keeper->memory, asked->stretch, STRETCH_BYTES);
}

enum step
keeper_read_stretch(struct keeper *keeper, struct asked *asked, const struct history *history)
{
    const struct slice_stretch *stretch = keeper_record_at(asked, history, asked->scan->missing);

    if (stretch == NULL) {
        return keeper_read_records(keeper, asked, history, &asked->scan->missing, 1);
    }
    if (asked->stretch == NULL) {
        asked->stretch = memory_take(&keeper->memory, STRETCH_BYTES);
    }
    scan_give(asked->scan, stretch, asked->stretch);
    return STEP_DONE;
}

uint64_t
keeper_event_address(const struct order_entry *entry)
{
    return entry->item;
}

enum step
keeper_answer_events(struct keeper *keeper, struct asked *asked, const struct time_slice *time)
{
    const struct event_scan *ask = asked->question->ask.events;
    const struct share *share = keeper_share_of(keeper, asked->question);

    if (share == NULL || (asked->scan == NULL && !begin_events(keeper, asked, share))) {
        finish_events(keeper, asked, false);
        return STEP_DONE;
    }
    scan_resume(asked->scan);
    for (uint32_t count = 1; !keeper_has_enough(asked, ask->count_max, ask->bytes_max); count++) {
        int64_t before_time = asked->scan->time;
        uint64_t before_key = asked->scan->key;
        struct order_entry entry;
        if (!scan_next(asked->scan, &entry) || entry.time < ask->from.ms) {
            finish_events(keeper, asked, false);
            return STEP_DONE;
        }
        if (entry.item == 0) {
            if (keeper_read_stretch(keeper, asked, share->history) == STEP_LATER) {
                return STEP_LATER;
            }
            continue;
        }
        const struct kept_event *event = keeper_record_at(asked, share->history, entry.item);
        if (event == NULL) {
            enum step step =
                keeper_read_ahead(keeper, asked, share->history,
                                  &(struct read_ahead){.missing = entry.item,
                                                       .from_ms = ask->from.ms,
                                                       .wanted = ask->count_max - asked->row_count,
                                                       .address_of = keeper_event_address});
            scan_start_at(asked->scan, before_time, before_key);
            return step;
        }
        if (takes_event(ask, event)) {
            add_event_row(asked, event, ask->texts);
        }
        if (keeper_is_time_up(asked, count, time)) {
            return STEP_MORE;
        }
    }
    finish_events(keeper, asked, true);
    return STEP_DONE;
}

/* One that may have the ID. STEP_DONE: asked->candidate, 0: there is none left. STEP_LATER: a list must be read. */
static enum step
find_candidate(struct keeper *keeper, struct asked *asked, const struct history *history)
{
    struct history_search *search = &asked->search;

    while (asked->candidate == 0 && search->left > 0) {
        const struct slice_list *list = NULL;
        if (search->list != 0) {
            list = keeper_record_at(asked, history, search->list);
            if (list == NULL) {
                return keeper_read_records(keeper, asked, history, &search->list, 1);
            }
        }
        asked->candidate = history_search_next(history, search, list);
    }
    return STEP_DONE;
}

/* Goes through those that may have the ID. STEP_LATER: something must be read. */
static enum step
find_newest(struct keeper *keeper, struct asked *asked, const struct history *history, struct hash128 id_hash)
{
    for (;;) {
        if (find_candidate(keeper, asked, history) == STEP_LATER) {
            return STEP_LATER;
        }
        if (asked->candidate == 0) {
            return STEP_DONE;
        }
        const struct kept_event *event = keeper_record_at(asked, history, asked->candidate);
        if (event == NULL) {
            return keeper_read_records(keeper, asked, history, &asked->candidate, 1);
        }
        if (hash128_equal(kept_event_record(event)->id_hash, id_hash) &&
            (asked->best == 0 || event->position > asked->best_position)) {
            asked->best = asked->candidate;
            asked->best_position = event->position;
        }
        asked->candidate = 0;
    }
}

enum step
keeper_answer_event(struct keeper *keeper, struct asked *asked)
{
    struct question *question = asked->question;
    const struct share *share = keeper_share_of(keeper, question);

    if (share == NULL) {
        finish_events(keeper, asked, false);
        return STEP_DONE;
    }
    struct text event_id = question->ask.event.event_id;
    const struct keeper_tenant *tenant =
        keeper_known_tenant(keeper, question->reading.partition, question->reading.tenant_no);
    struct hash128 id_hash = hash128_keyed(keeper->id_key, tenant->name, event_id);

    if (!asked->is_searching) {
        asked->is_searching = true;
        asked->search = history_search_begin(share->history, id_hash);
    }
    if (find_newest(keeper, asked, share->history, id_hash) == STEP_LATER) {
        return STEP_LATER;
    }
    if (asked->best != 0) {
        const struct kept_event *event = keeper_record_at(asked, share->history, asked->best);
        if (event == NULL) {
            return keeper_read_records(keeper, asked, share->history, &asked->best, 1);
        }
        if (text_equal(event_text(kept_event_record(event), EVENT_EVENT_ID), event_id)) {
            add_event_row(asked, event, question->ask.event.texts);
        }
    }
    finish_events(keeper, asked, false);
    return STEP_DONE;
}
