/* SPDX-License-Identifier: Apache-2.0 */
#include "query/execute.h"

#include <errno.h>

#include "tests/unit/fake_shards.h"

TEST(tenants_that_one_may_not_read_are_forbidden)
{
    given_shards();
    fake.principal =
        (struct principal){.may_read = true, .tenants = fake.principal_tenants, .tenant_count = 1};
    fake.principal_tenants[0] = TEXT("b");
    ask("{tenant(id:\"acme\"){id} tenants{id}}", NULL);
    CHECK(said_begins("{\"data\":{\"tenant\":null,\"tenants\":[{\"id\":\"b\"}]},\"errors\":["));
    CHECK(said_error("FORBIDDEN", "[\"tenant\"]"));
    CHECK_EQ(fake.kind_counts[QUESTION_STAMP], 0);
    ask("{events(tenantId:\"acme\"){nodes{eventId}} tenants{id}}", NULL);
    CHECK(said_begins("{\"data\":null,\"errors\":["));
    CHECK(said_error("FORBIDDEN", "[\"events\"]"));
    fake.principal.may_read = false;
    ask("{tenants{id}}", NULL);
    CHECK(said_error("FORBIDDEN", "[\"tenants\"]"));
}

TEST(an_error_makes_the_nearest_nullable_parent_null)
{
    given_shards();
    ask("{__typename p:profile(tenantId:\"acme\" userId:\"ann\"){canonicalId "
        "events(after:\"?\"){nodes{eventId}}} "
        "tenant(id:\"acme\"){id}}",
        NULL);
    CHECK(said_begins(
        "{\"data\":{\"__typename\":\"Query\",\"p\":null,\"tenant\":{\"id\":\"acme\"}},\"errors\":["));
    CHECK(said_error("INVALID_CURSOR", "[\"p\",\"events\"]"));
}

TEST(an_error_in_a_list_has_its_index)
{
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_event(BOB, 4000, 2, "click");
    fake_session(10, ANN, 4500, 5500);
    fake_session(11, BOB, 3500, 4500);
    fake.fault_kind = QUESTION_EVENT_SESSION;
    fake.fault = -E2BIG;
    fake.fault_count = 1;
    ask("{events(tenantId:\"acme\"){edges{n:node{eventId session{sessionId}}} again:nodes{eventId}}}", NULL);
    CHECK(strstr(said(), "{\"n\":{\"eventId\":\"e1\",\"session\":null}}") != NULL);
    CHECK(strstr(said(), "{\"n\":{\"eventId\":\"e2\",\"session\":{\"sessionId\":\"0c0c0c0c-") != NULL);
    CHECK(said_error("TOO_LARGE", "[\"events\",\"edges\",0,\"n\",\"session\"]"));
    CHECK(strstr(said(), "\"again\":[{\"eventId\":\"e1\"},{\"eventId\":\"e2\"}]") != NULL);
}

TEST(a_required_list_below_a_nullable_object_takes_only_that)
{
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_session(10, ANN, 4500, 5500);
    ask("{events(tenantId:\"acme\"){nodes{eventId session{events(after:\"?\"){nodes{eventId}}}}}}", NULL);
    CHECK(said_begins("{\"data\":{\"events\":{\"nodes\":[{\"eventId\":\"e1\",\"session\":null}]}},"));
    CHECK(said_error("INVALID_CURSOR", "[\"events\",\"nodes\",0,\"session\",\"events\"]"));
    ask("{sessions(tenantId:\"acme\"){nodes{events(after:\"?\"){nodes{eventId}}}}}", NULL);
    CHECK(said_begins("{\"data\":null,"));
}

TEST(faults_have_their_codes)
{
    static const struct {
        enum question_kind kind;
        int fault;
        const char *code;
    } faults[] = {
        {QUESTION_STAMP, -EAGAIN, "UNAVAILABLE"},   {QUESTION_RESOLVE, -E2BIG, "TOO_LARGE"},
        {QUESTION_PROFILE, -EAGAIN, "UNAVAILABLE"}, {QUESTION_PROFILE, -EIO, "INTERNAL"},
        {QUESTION_STAMP, -E2BIG, "TOO_LARGE"},
    };

    for (uint32_t i = 0; i < COUNT_OF(faults); i++) {
        given_shards();
        fake.fault_kind = faults[i].kind;
        fake.fault = faults[i].fault;
        fake.fault_count = 99;
        ask("{profile(tenantId:\"acme\" userId:\"ann\"){totalEvents}}", NULL);
        CHECK(said_begins("{\"data\":{\"profile\":null},"));
        CHECK(said_error(faults[i].code, "[\"profile\"]"));
        CHECK_EQ(fake.kind, QUERY_OK);
    }
    given_shards();
    fake_event(BOB, 1, 1, "click");
    fake.fault_kind = QUESTION_PEOPLE;
    fake.fault = -E2BIG;
    fake.fault_count = 99;
    ask("{events(tenantId:\"acme\"){nodes{canonicalId}}}", NULL);
    CHECK(said_error("TOO_LARGE", "[\"events\"]"));
    given_shards();
    fake_event(BOB, 1, 1, "click");
    fake.fault_kind = QUESTION_PEOPLE;
    fake.fault = -E2BIG;
    fake.fault_count = 99;
    ask("{event(tenantId:\"acme\" eventId:\"e1\"){canonicalId}}", NULL);
    CHECK(said_error("TOO_LARGE", "[\"event\"]"));
}

TEST(who_was_merged_away_meanwhile_is_looked_for_again)
{
    given_shards();
    fake.fault_kind = QUESTION_PROFILE;
    fake.fault = -ESTALE;
    fake.fault_count = EXECUTE_STARTS_MAX - 1;
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){totalEvents}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"profile\":{\"totalEvents\":0}}}");
    CHECK_EQ(fake.kind_counts[QUESTION_RESOLVE], EXECUTE_STARTS_MAX);
    CHECK_EQ(fake.ended_count, EXECUTE_STARTS_MAX);
}

TEST(but_not_for_ever)
{
    given_shards();
    fake.fault_kind = QUESTION_PROFILE;
    fake.fault = -ESTALE;
    fake.fault_count = UINT32_MAX;
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){totalEvents}}", NULL);
    CHECK(said_error("UNAVAILABLE", "[\"profile\"]"));
    CHECK_EQ(fake.kind_counts[QUESTION_PROFILE], EXECUTE_STARTS_MAX);
}

TEST(a_round_carries_all_questions_that_can_be_asked)
{
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_session(10, ANN, 4500, 5500);
    /* Who is ann; her pages; the sessions of her events. */
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){totalEvents sessions{nodes{canonicalId}} "
        "events{nodes{canonicalId session{sessionId canonicalId}}}} tenant(id:\"acme\"){activeSessions}}",
        NULL);
    CHECK_EQ(fake.round_count, 3);
    CHECK_EQ(fake.kind_counts[QUESTION_STAMP], 1);
    CHECK_EQ(fake.kind_counts[QUESTION_RESOLVE], 1);
    CHECK_EQ(fake.kind_counts[QUESTION_PEOPLE], 0);
    CHECK(strstr(said(), "errors") == NULL);
}

TEST(pages_nest)
{
    given_shards();
    fake_event(BOB, 5000, 1, "click");
    fake_event(BOB, 5100, 2, "click");
    fake_event(BOB, 9000, 3, "click");
    fake_session(10, BOB, 5000, 5100);
    ask("{sessions(tenantId:\"acme\"){nodes{events(first:1){nodes{session{events{nodes{eventId}}}}}}}}",
        NULL);
    CHECK_TEXT(
        said(),
        "{\"data\":{\"sessions\":{\"nodes\":[{\"events\":{\"nodes\":[{\"session\":{\"events\":{\"nodes\":["
        "{\"eventId\":\"e2\"},{\"eventId\":\"e1\"}]}}}]}}]}}}");
}
