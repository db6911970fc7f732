/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "core/uuid.h"
#include "shards/session.h"

static struct pack *pack;

TEST(the_id_is_made_of_tenant_canonical_and_opening_time)
{
    struct uuid canonical = uuid_v5(UUID_NAMESPACE_OID, TEXT("somebody"));
    struct uuid space = uuid_v5(UUID_NAMESPACE_OID, TEXT("millrace/acme"));
    char name[128];

    memcpy(name, "session:", 8);
    uuid_format(canonical, name + 8);
    memcpy(name + 44, ":1780315200000", 15);
    CHECK(
        uuid_equal(session_make_id(space, canonical, (struct event_ms){T0}), uuid_v5(space, text_of(name))));
}

TEST(closed_and_final_begin_one_millisecond_past_their_time)
{
    struct session session = {.end = {.ms = T0}};
    struct session_rules rules = {.gap_ms = 10, .horizon_ms = 100};

    CHECK(!session_is_closed(&session, NO_WATERMARK, 10));
    CHECK(!session_is_closed(&session, (struct event_ms){.ms = T0 + 10}, 10));
    CHECK(session_is_closed(&session, (struct event_ms){.ms = T0 + 11}, 10));
    CHECK(!session_is_final(&session, (struct event_ms){.ms = T0 + 110}, rules));
    CHECK(session_is_final(&session, (struct event_ms){.ms = T0 + 111}, rules));
}

/* What a profile does with the texts of an event. */
static void
add_event(struct session *session, const struct applied_event *event)
{
    struct session_texts texts = {
        .type = pack_keep(pack, event_text(event->record, EVENT_EVENT_TYPE)),
        .page = pack_keep(pack, event_text(event->record, EVENT_PAGE_URL)),
    };
    uint32_t used = pack->used;
    uint64_t need = session_need(session, NULL, 0);

    session_add_event(pack, session, event, &texts);
    CHECK(pack->used - used <= need);
}

static struct session
a_session(struct uuid id, const struct applied_event *event)
{
    struct session session = session_begin(id, event->person, event);

    add_event(&session, event);
    return session;
}

static struct text
page_at(const struct session *session, uint32_t index)
{
    return pack_text(pack, &session_pages(pack, session)[index].page);
}

TEST(of_equal_times_the_later_position_is_the_latest_and_the_earlier_the_first)
{
    struct applied_event events[2];
    struct session session;

    given_memory();
    pack = given_pack();
    events[0] = an_event(T0, "click", "/a", NULL);
    events[1] = an_event(T0, "login", "/b", NULL);
    events[1].code[0] = 9;
    session = a_session((struct uuid){0}, &events[1]);
    add_event(&session, &events[0]);
    CHECK_TEXT(page_at(&session, 0), "/a");
    CHECK_TEXT(pack_text(pack, &session.exit_page.text), "/b");
    CHECK_EQ(session.code[0], 0);
    CHECK_EQ(session.event_types.rows.count, 2);
    CHECK_EQ(session.sources.count, 1);
    then_memory_ends();
}

TEST(what_is_absorbed_is_all_there)
{
    struct applied_event events[3];
    struct session sessions[2];
    struct session_at at = {.session = &sessions[0]};

    given_memory();
    pack = given_pack();
    at.pack = pack;
    for (int i = 0; i < 3; i++) {
        events[i] = an_event(T0 + i * MINUTE, i == 1 ? "login" : "click", i == 1 ? "/b" : "/a", NULL);
        events[i].person = 5 - (uint32_t)i;
    }
    sessions[0] = a_session((struct uuid){0}, &events[1]);
    sessions[1] = a_session((struct uuid){{1}}, &events[2]);
    add_event(&sessions[1], &events[0]);
    uint64_t need = session_need(&sessions[0], &sessions[1], 1);
    uint32_t used = pack->used;
    session_absorb(pack, &sessions[0], &sessions[1], 1);
    CHECK(pack->used - used <= need);
    CHECK_EQ(sessions[0].start.ms, T0);
    CHECK_EQ(sessions[0].end.ms, T0 + 2 * MINUTE);
    CHECK_EQ(sessions[0].event_count, 3);
    CHECK_EQ(sessions[0].pages.count, 2);
    CHECK_TEXT(page_at(&sessions[0], 0), "/a");
    CHECK_TEXT(pack_text(pack, &sessions[0].exit_page.text), "/a");
    CHECK_EQ(counts_find(pack, &sessions[0].event_types, TEXT("click"))->count, 2);
    CHECK_EQ(sessions[0].sources.count, 3);
    CHECK_EQ(session_sources(pack, &sessions[0])[0], 3);
    CHECK(session_has_source(at, 5));
    CHECK(!session_has_source(at, 6));
    then_memory_ends();
}
