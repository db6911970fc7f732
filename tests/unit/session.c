/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "core/uuid.h"
#include "shards/session.h"

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

TEST(of_equal_times_the_later_position_is_the_latest_and_the_earlier_the_first)
{
    struct applied_event events[2];
    struct session *session;

    given_memory();
    events[0] = an_event(T0, "click", "/a", NULL);
    events[1] = an_event(T0, "login", "/b", NULL);
    events[1].code[0] = 9;
    session = session_create(&memory, (struct uuid){0}, &events[1]);
    session_add_event(&memory, session, &events[0]);
    CHECK_TEXT(short_text(&session->pages[0].page), "/a");
    CHECK_TEXT(short_text(&session->exit_page.text), "/b");
    CHECK_EQ(session->code[0], 0);
    CHECK_EQ(session->event_types.count, 2);
    CHECK_EQ(session->source_count, 1);
    session_destroy(&memory, session);
    then_nothing_is_left();
}

TEST(what_is_absorbed_is_all_there_and_destroyed)
{
    struct applied_event events[3];
    struct session *session;
    struct session *other;

    given_memory();
    for (int i = 0; i < 3; i++) {
        events[i] = an_event(T0 + i * MINUTE, i == 1 ? "login" : "click", i == 1 ? "/b" : "/a", NULL);
        events[i].person = 5 - (uint32_t)i;
    }
    session = session_create(&memory, (struct uuid){0}, &events[1]);
    other = session_create(&memory, (struct uuid){{1}}, &events[2]);
    session_add_event(&memory, other, &events[0]);
    session_absorb(&memory, session, other);
    CHECK_EQ(session->start.ms, T0);
    CHECK_EQ(session->end.ms, T0 + 2 * MINUTE);
    CHECK_EQ(session->event_count, 3);
    CHECK_EQ(session->page_count, 2);
    CHECK_TEXT(short_text(&session->pages[0].page), "/a");
    CHECK_TEXT(short_text(&session->exit_page.text), "/a");
    CHECK_EQ(counts_find(&session->event_types, TEXT("click"))->count, 2);
    CHECK_EQ(session->source_count, 3);
    CHECK_EQ(session->sources[0], 3);
    CHECK(session_has_source(session, 5));
    CHECK(!session_has_source(session, 6));
    session_destroy(&memory, session);
    then_nothing_is_left();
}
