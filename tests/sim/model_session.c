/* SPDX-License-Identifier: Apache-2.0 */

/* the semantics. A session is its events; start and end are kept beside them. */

#include "tests/sim/model_state.h"

#include <stdio.h>
#include <stdlib.h>

bool
model_session_is_closed(const struct model *model, const struct model_tenant *tenant,
                        const struct model_session *session, int64_t watermark)
{
    return watermark != MODEL_NEVER &&
           watermark > session->end + model_settings(model, tenant)->session_gap_ms;
}

static bool
is_final(const struct model *model, const struct model_tenant *tenant, const struct model_session *session,
         int64_t watermark)
{
    const struct settings_record *settings = model_settings(model, tenant);

    return watermark != MODEL_NEVER &&
           watermark > session->end + settings->session_gap_ms + settings->session_horizon_ms;
}

static bool
keeps_its_id(const struct model_session *a, const struct model_session *b)
{
    if (a->start != b->start) {
        return a->start < b->start;
    }
    return memcmp(a->id.byte, b->id.byte, sizeof(a->id.byte)) < 0;
}

static void
put_event(struct model *model, struct model_session *session, struct model_event *event)
{
    model_list_add(&model->arena, &session->events, event);
    event->session = session;
    session->start = event->time < session->start ? event->time : session->start;
    session->end = event->time > session->end ? event->time : session->end;
}

/* One or more sessions become the one that keeps its ID. */
static struct model_session *
join(struct model *model, const struct model_tenant *tenant, struct model_session **sessions, uint32_t count,
     int64_t watermark)
{
    struct model_session *kept = sessions[0];
    uint32_t revision = 0;
    bool was_closed = false;

    for (uint32_t i = 0; i < count; i++) {
        kept = keeps_its_id(sessions[i], kept) ? sessions[i] : kept;
        revision = sessions[i]->revision > revision ? sessions[i]->revision : revision;
        was_closed = was_closed || model_session_is_closed(model, tenant, sessions[i], watermark);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (sessions[i] == kept) {
            continue;
        }
        for (uint32_t j = 0; j < sessions[i]->events.count; j++) {
            put_event(model, kept, sessions[i]->events.at[j]);
        }
        sessions[i]->is_gone = true;
        model_list_remove(&sessions[i]->person->sessions, sessions[i]);
        model->totals.sessions_joined++;
    }
    kept->revision = revision + (was_closed ? 1 : 0);
    model->totals.sessions_revised += was_closed;
    return kept;
}

static struct model_session *
open_session(struct model *model, struct model_tenant *tenant, struct model_person *person,
             int64_t event_time)
{
    struct model_session *session = model_take(&model->arena, sizeof(*session));
    char id[37];
    char time[24];

    snprintf(time, sizeof(time), "%lld", (long long)event_time);
    *session = (struct model_session){.person = person, .start = event_time, .end = event_time};
    session->id = model_uuid5(
        tenant->space,
        (struct text[]){TEXT("session:"), model_uuid_text(person->id, id), TEXT(":"), text_of(time)}, 4);
    model_list_add(&model->arena, &tenant->sessions, session);
    model_list_add(&model->arena, &person->sessions, session);
    return session;
}

void
model_session_add(struct model *model, struct model_tenant *tenant, struct model_event *event,
                  int64_t watermark_before, int64_t watermark_after)
{
    const struct settings_record *settings = model_settings(model, tenant);
    struct model_person *person = event->person;
    struct model_list near = {0};
    struct model_session *session;

    if (watermark_before != MODEL_NEVER && event->time < watermark_before - settings->session_horizon_ms) {
        return;
    }
    for (uint32_t i = 0; i < person->sessions.count; i++) {
        session = person->sessions.at[i];
        if (event->time >= session->start - settings->session_gap_ms &&
            event->time <= session->end + settings->session_gap_ms &&
            !is_final(model, tenant, session, watermark_after)) {
            model_list_add(&model->arena, &near, session);
        }
    }
    if (near.count > 0) {
        session = join(model, tenant, (struct model_session **)near.at, near.count, watermark_after);
    } else {
        session = open_session(model, tenant, person, event->time);
    }
    put_event(model, session, event);
}

static int
by_start(const void *a, const void *b)
{
    const struct model_session *left = *(struct model_session *const *)a;
    const struct model_session *right = *(struct model_session *const *)b;

    return keeps_its_id(left, right) ? -1 : 1;
}

void
model_session_combine(struct model *model, struct model_tenant *tenant, struct model_person *loser,
                      struct model_person *winner, int64_t watermark)
{
    int64_t gap = model_settings(model, tenant)->session_gap_ms;
    struct model_list candidates = {0};

    for (uint32_t i = 0; i < loser->sessions.count; i++) {
        struct model_session *session = loser->sessions.at[i];
        session->person = winner;
        model_list_add(&model->arena, &winner->sessions, session);
    }
    loser->sessions.count = 0;

    for (uint32_t i = 0; i < winner->sessions.count; i++) {
        struct model_session *session = winner->sessions.at[i];
        if (!is_final(model, tenant, session, watermark)) {
            model_list_add(&model->arena, &candidates, session);
        }
    }
    if (candidates.count == 0) {
        return;
    }
    qsort(candidates.at, candidates.count, sizeof(*candidates.at), by_start);
    for (uint32_t first = 0; first < candidates.count;) {
        struct model_session **chain = (struct model_session **)&candidates.at[first];
        int64_t end = chain[0]->end;
        uint32_t count = 1;
        while (first + count < candidates.count && chain[count]->start <= end + gap) {
            end = chain[count]->end > end ? chain[count]->end : end;
            count++;
        }
        if (count > 1) {
            join(model, tenant, chain, count, watermark);
        }
        first += count;
    }
}

const struct model_event *
model_session_first(const struct model_session *session)
{
    const struct model_event *first = session->events.at[0];

    for (uint32_t i = 1; i < session->events.count; i++) {
        const struct model_event *event = session->events.at[i];
        first = model_event_order(event, first) < 0 ? event : first;
    }
    return first;
}
