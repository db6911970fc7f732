/* SPDX-License-Identifier: Apache-2.0 */
#include "query/load.h"

#include "tests/unit/fake_shards.h"

TEST(a_tenant_is_stamped_once_for_the_whole_query)
{
    given_shards();
    ask("{a:tenant(id:\"acme\"){id} b:tenant(id:\"acme\"){id} c:tenant(id:\"other\"){id} "
        "events(tenantId:\"acme\"){nodes{eventId}} merges(tenantId:\"acme\"){nodes{loser}}}",
        NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_STAMP], 2);
}

TEST(a_person_is_looked_for_once)
{
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_event(X, 6000, 2, "click");
    fake_session(10, ANN, 5000, 5000);
    fake_session(11, X, 6000, 6000);
    ask("{a:profile(tenantId:\"acme\" userId:\"ann\"){userId} b:profile(tenantId:\"acme\" "
        "userId:\"ann\"){userIds} "
        "c:profile(tenantId:\"acme\" anonymousId:\"x\"){userId}}",
        NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_RESOLVE], 2);
    /* Both events are ann's. */
    ask("{events(tenantId:\"acme\"){nodes{session{canonicalId}}}}", NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_RESOLVE], 3);
}

TEST(people_are_asked_for_once_a_round_and_never_again)
{
    given_shards();
    for (uint32_t i = 0; i < 6; i++) {
        fake_event(i % FAKE_PERSON_COUNT, 5000 + i, i, "click");
    }
    fake_session(10, BOB, 5000, 5005);
    ask("{a:events(tenantId:\"acme\"){nodes{canonicalId}} b:events(tenantId:\"acme\"){nodes{canonicalId}} "
        "sessions(tenantId:\"acme\"){nodes{canonicalId events{nodes{canonicalId}}}}}",
        NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_PEOPLE], 1);
    CHECK(strstr(said(), "errors") == NULL);
}

TEST(every_slice_is_asked_of_a_tenant_and_only_the_members_of_a_person)
{
    given_shards();
    ask("{sessions(tenantId:\"acme\"){nodes{open}}}", NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_SESSIONS], FAKE_SLICES);
    ask("{profile(tenantId:\"acme\" userId:\"bob\"){sessions{nodes{open}}}}", NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_SESSIONS], FAKE_SLICES + 1);
}
