/* SPDX-License-Identifier: Apache-2.0 */
#include "query/write_profile.h"

#include "tests/unit/fake_shards.h"

static const struct text_count counts[] = {{{"b", 1}, 5}, {{"a", 1}, 4}, {{"c", 1}, 4}};

TEST(a_profile_is_written_whole)
{
    static const struct trait_row traits[] = {{{"a\"b", 3}, {"[1, 2]", 6}}, {{"c", 1}, {"1e5", 3}}};

    given_shards();
    fake.profile = (struct profile_answer){
        .is_known = true,
        .first_seen = {1000},
        .last_seen = {2000},
        .total_events = 7,
        .total_sessions = 3,
        .closed_sessions = 2,
        .closed_duration_ms = 5000,
        .event_counts = counts,
        .event_count_count = 3,
        .page_views = 1,
        .clicks = 2,
        .signups = 3,
        .logins = 4,
        .feature_uses = 5,
        .top_pages = counts,
        .top_page_count = 3,
        .top_features = counts,
        .top_feature_count = 1,
        .last_page = TEXT("/"),
        .traits = traits,
        .trait_count = 2,
    };
    ask("{profile(tenantId:\"acme\" userId:\"ann\" asOf:\"1970-01-01T00:00:00Z\"){firstSeen lastSeen "
        "totalEvents "
        "totalSessions avgSessionDurationSec eventCounts{count} pageViews clicks signups logins featureUses "
        "topPages(first:2){key} topFeatures{key} lastPage lastCountry lastDevice lastBrowser lastOs traits}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"profile\":{\"firstSeen\":\"1970-01-01T00:00:01.000Z\","
               "\"lastSeen\":\"1970-01-01T00:00:02.000Z\",\"totalEvents\":7,\"totalSessions\":3,"
               "\"avgSessionDurationSec\":2.5,\"eventCounts\":[{\"count\":5},{\"count\":4},{\"count\":4}],"
               "\"pageViews\":1,\"clicks\":2,\"signups\":3,\"logins\":4,\"featureUses\":5,"
               "\"topPages\":[{\"key\":\"b\"},{\"key\":\"a\"}],\"topFeatures\":[{\"key\":\"b\"}],"
               "\"lastPage\":\"/\",\"lastCountry\":null,\"lastDevice\":null,\"lastBrowser\":null,"
               "\"lastOs\":null,\"traits\":{\"a\\\"b\":[1, 2],\"c\":1e5}}}}");
}

TEST(a_window_that_is_not_kept_is_null_with_an_error)
{
    given_shards();
    fake.hours[0] = (struct bucket){.index = 240, .events = 3, .sessions = 2};
    fake.days[0] = (struct bucket){.index = 10, .events = 4, .sessions = 1};
    fake.profile.hours = fake.hours;
    fake.profile.hour_count = 1;
    fake.profile.days = fake.days;
    fake.profile.day_count = 1;
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){events1d events7d events30d events90d sessions1d "
        "sessions7d "
        "sessions30d sessions90d}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"profile\":{\"events1d\":3,\"events7d\":4,\"events30d\":4,\"events90d\":4,"
               "\"sessions1d\":2,\"sessions7d\":1,\"sessions30d\":1,\"sessions90d\":1}}}");
    ask("{p:profile(tenantId:\"acme\" userId:\"ann\" asOf:\"1970-01-05T00:00:00Z\"){a:events1d "
        "b:sessions7d}}",
        NULL);
    CHECK(said_begins("{\"data\":{\"p\":{\"a\":null,\"b\":0}},\"errors\":[{"));
    CHECK(said_error("AS_OF_TOO_EARLY", "[\"p\",\"a\"]"));
    CHECK(!said_error("AS_OF_TOO_EARLY", "[\"p\",\"b\"]"));
}
