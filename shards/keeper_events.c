/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/answer_row.h"
#include "shards/keeper_state.h"

/* Questions about events: pages of a tenant's or of some people's, and one by its ID. */

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

/* False: the arena is full. */
static bool
begin_events(struct keeper *keeper, struct asked *asked, const struct share *share)
{
    struct question *question = asked->question;
    const struct event_scan *ask = question->ask.events;
    uint32_t count = ask->members != NULL ? ask->member_count : 1;

    asked->scan = scan_create(&question->arena, count > 0 ? count : 1);
    if (asked->scan == NULL) {
        return false;
    }
    start_events(asked->scan, ask);
    if (ask->members == NULL) {
        scan_add_order(asked->scan, &share->history.events);
        return true;
    }
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
        const struct kept_event *event = scan_next_event(asked->scan);
        if (event == NULL || kept_event_record(event)->event_time.ms < ask->from.ms) {
            finish_events(keeper, asked, false);
            return STEP_DONE;
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

enum step
keeper_answer_event(struct keeper *keeper, struct asked *asked)
{
    struct question *question = asked->question;
    const struct share *share = keeper_share_of(keeper, question);

    if (share != NULL) {
        struct text event_id = question->ask.event.event_id;
        const struct keeper_tenant *tenant =
            keeper_known_tenant(keeper, question->reading.partition, question->reading.tenant_no);
        const struct kept_event *event =
            history_find(&share->history, hash128_keyed(keeper->id_key, tenant->name, event_id));
        if (event != NULL && text_equal(event_text(kept_event_record(event), EVENT_EVENT_ID), event_id)) {
            add_event_row(asked, event, question->ask.event.texts);
        }
    }
    finish_events(keeper, asked, false);
    return STEP_DONE;
}
