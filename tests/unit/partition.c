/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/arena.h"
#include "core/uuid.h"
#include "shards/partition.h"

#include <errno.h>
#include <stdio.h>

#define T0 INT64_C(1780315200000)
#define MINUTE INT64_C(60000)
#define OUT_OF_ORDERNESS MINUTE
#define GAP (30 * MINUTE)
#define LIVE (10 * MINUTE)
#define RECORDS_MAX 512u

static struct node node;
static struct region region;
static struct arena_pool pool;
static struct partition partition;
static struct partition_outcome outcome;
static struct question question;
static struct settings_record settings;

/* As the log does, records stay where they are until the test ends. */
static alignas(8) uint8_t records[RECORDS_MAX][1024];
static uint32_t record_count;

static void
given_a_store(uint8_t secret, uint64_t dedup_events)
{
    memset(&node, 0, sizeof(node));
    memset(node.secret, secret, sizeof(node.secret));
    node.shard_count = 1;
    node.partition_count = 4;
    node.slice_count = 8;
    node.dictionary_day_count_max = 3;
    CHECK_EQ(region_init(&region, 64 << 20), 0);
    arena_pool_init(&pool, 1 << 20);
    partition_init(&partition, &node, &region, 2);
    settings = (struct settings_record){
        .header = {.bytes = sizeof(settings), .kind = RECORD_SETTINGS, .version = 1},
        .out_of_orderness_ms = OUT_OF_ORDERNESS,
        .session_gap_ms = GAP,
        .session_horizon_ms = MS_PER_DAY,
        .dedup_events = dedup_events,
    };
    record_count = 0;
}

static void
apply_settings(void)
{
    CHECK_EQ(partition_sequence(&partition, &settings.header, 0), 0);
    partition_apply_settings(&partition, &settings);
    partition.applied_count++;
}

static void
given_a_partition(void)
{
    given_a_store(1, 4000);
    apply_settings();
}

static void
then_nothing_is_left(void)
{
    arena_reset(&question.arena);
    arena_pool_deinit(&pool);
    partition_deinit(&partition);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

struct sent {
    const char *tenant;
    const char *type;
    const char *device;
    const char *user;
    const char *previous;
    const char *country;
    int64_t event_time;
    int64_t received_at; /* 0: the event time */
    int64_t wall;        /* of the block; 0: the receipt */
};

static struct event_record *
sequence(struct sent sent)
{
    struct event_draft draft = {
        .event_time = {.ms = sent.event_time},
        .received_at = {.ms = sent.received_at != 0 ? sent.received_at : sent.event_time},
    };
    char id[32];

    CHECK(record_count < RECORDS_MAX);
    snprintf(id, sizeof(id), "event %u", record_count);
    draft.text[EVENT_TENANT_ID] = text_of(sent.tenant != NULL ? sent.tenant : "acme");
    draft.text[EVENT_EVENT_ID] = text_of(id);
    draft.text[EVENT_EVENT_TYPE] = text_of(sent.type != NULL ? sent.type : "click");
    draft.text[EVENT_ANONYMOUS_ID] = text_of(sent.device == NULL && sent.user == NULL ? "d" : sent.device);
    draft.text[EVENT_USER_ID] = text_of(sent.user);
    draft.text[EVENT_PREVIOUS_ID] = text_of(sent.previous);
    draft.text[EVENT_COUNTRY] = text_of(sent.country);
    CHECK(record_event_bytes(&draft) <= sizeof(records[0]));
    record_write_event(records[record_count], &draft, node.secret, node.partition_count);

    struct event_record *record = (void *)records[record_count++];
    CHECK_EQ(partition_sequence(&partition, &record->header, 7), 0);
    return record;
}

static const struct applied_event *
apply(const struct event_record *record, int64_t wall)
{
    CHECK_EQ(partition_apply_event(&partition, record, partition.applied_count, (struct wall_ms){.ms = wall},
                                   &outcome),
             0);
    partition.applied_count++;
    return &outcome.event;
}

/* Sequenced and applied in a block of its own. */
static const struct applied_event *
event(struct sent sent)
{
    const struct event_record *record = sequence(sent);
    int64_t wall = sent.wall != 0 ? sent.wall : record->received_at.ms;

    apply(record, wall);
    partition_see(&partition, (struct wall_ms){.ms = wall});
    return &outcome.event;
}

static int64_t
watermark_at(int64_t wall)
{
    partition_see(&partition, (struct wall_ms){.ms = wall});
    return partition_watermark(&partition, partition_tenant(&partition, TEXT("acme"))).ms;
}

static bool
needs_clock_at(int64_t wall)
{
    partition_see(&partition, (struct wall_ms){.ms = wall});
    return partition_needs_clock(&partition);
}

/* Lateness and the watermark. */

TEST(a_tenants_first_event_is_never_late)
{
    given_a_partition();
    CHECK(!event((struct sent){.event_time = -T0, .received_at = T0})->is_late);
    CHECK_EQ(outcome.event.watermark_before.ms, INT64_MIN);
    CHECK_EQ(outcome.event.watermark.ms, -T0 - OUT_OF_ORDERNESS);
    then_nothing_is_left();
}

TEST(an_event_before_the_watermark_is_late)
{
    given_a_partition();
    event((struct sent){.event_time = T0, .received_at = T0 + MS_PER_DAY}); /* not live */
    CHECK(
        !event((struct sent){.event_time = T0 - OUT_OF_ORDERNESS, .received_at = T0 + MS_PER_DAY})->is_late);
    CHECK(event((struct sent){.event_time = T0 - OUT_OF_ORDERNESS - 1, .received_at = T0 + MS_PER_DAY})
              ->is_late);
    CHECK_EQ(outcome.event.watermark_before.ms, T0 - OUT_OF_ORDERNESS);
    CHECK_EQ(outcome.event.watermark.ms, T0 - OUT_OF_ORDERNESS); /* it does not go back */
    then_nothing_is_left();
}

TEST(allowed_lateness_moves_the_line_by_itself)
{
    given_a_store(1, 4000);
    settings.allowed_lateness_ms = 5000;
    apply_settings();
    event((struct sent){.event_time = T0, .received_at = T0 + MS_PER_DAY});
    CHECK(!event((struct sent){.event_time = T0 - OUT_OF_ORDERNESS - 5000, .received_at = T0 + MS_PER_DAY})
               ->is_late);
    CHECK(event((struct sent){.event_time = T0 - OUT_OF_ORDERNESS - 5001, .received_at = T0 + MS_PER_DAY})
              ->is_late);
    then_nothing_is_left();
}

TEST(an_event_is_judged_before_it_moves_the_watermark)
{
    given_a_partition();
    event((struct sent){.event_time = T0, .received_at = T0 + MS_PER_DAY});
    CHECK(!event((struct sent){.event_time = T0 + 5 * MINUTE, .received_at = T0 + MS_PER_DAY})->is_late);
    CHECK_EQ(outcome.event.watermark_before.ms, T0 - OUT_OF_ORDERNESS);
    CHECK_EQ(outcome.event.watermark.ms, T0 + 4 * MINUTE);
    CHECK(event((struct sent){.event_time = T0, .received_at = T0 + MS_PER_DAY})->is_late);
    then_nothing_is_left();
}

TEST(each_tenant_has_its_own_watermark)
{
    given_a_partition();
    event((struct sent){.tenant = "a", .event_time = T0, .received_at = T0 + MS_PER_DAY});
    CHECK(!event((struct sent){.tenant = "b", .event_time = T0 - MS_PER_DAY, .received_at = T0 + MS_PER_DAY})
               ->is_late);
    CHECK_EQ(outcome.event.watermark_before.ms, INT64_MIN);
    CHECK_EQ(outcome.event.tenant_no, 1);
    then_nothing_is_left();
}

/* Silence. */

TEST(a_live_tenants_watermark_goes_with_the_wall_after_ten_seconds_behind_the_disorder)
{
    given_a_partition();
    event((struct sent){.event_time = T0});
    CHECK_EQ(watermark_at(T0), T0 - OUT_OF_ORDERNESS);
    CHECK_EQ(watermark_at(T0 + 1), T0 - OUT_OF_ORDERNESS);
    CHECK_EQ(watermark_at(T0 + 10000), T0 - OUT_OF_ORDERNESS);
    CHECK_EQ(watermark_at(T0 + 10001), T0 - OUT_OF_ORDERNESS + 1);
    CHECK_EQ(watermark_at(T0 + MINUTE), T0 - 10000);
    CHECK_EQ(watermark_at(T0 + MS_PER_DAY), T0 + MS_PER_DAY - OUT_OF_ORDERNESS - 10000); /* down for a day */
    then_nothing_is_left();
}

TEST(silence_never_passes_the_wall_less_the_disorder)
{
    given_a_partition();
    /* A clock that runs ahead: W0 is nearer to the wall than the disorder allows. */
    event((struct sent){.event_time = T0 + 5 * MINUTE, .received_at = T0});
    CHECK_EQ(watermark_at(T0), T0 + 4 * MINUTE);
    CHECK_EQ(watermark_at(T0 + MINUTE), T0 + 4 * MINUTE);
    CHECK_EQ(watermark_at(T0 + 5 * MINUTE), T0 + 4 * MINUTE);
    CHECK_EQ(watermark_at(T0 + 5 * MINUTE + 1), T0 + 4 * MINUTE + 1);
    then_nothing_is_left();
}

TEST(ten_minutes_behind_is_live_and_a_millisecond_more_is_not)
{
    given_a_partition();
    event((struct sent){.event_time = T0, .received_at = T0 + LIVE});
    CHECK(watermark_at(T0 + LIVE + MINUTE) > T0 - OUT_OF_ORDERNESS);
    then_nothing_is_left();

    given_a_partition();
    event((struct sent){.event_time = T0, .received_at = T0 + LIVE + 1});
    CHECK_EQ(watermark_at(T0 + LIVE + MS_PER_DAY), T0 - OUT_OF_ORDERNESS);
    CHECK(!needs_clock_at(T0 + LIVE + MS_PER_DAY));
    then_nothing_is_left();
}

TEST(the_newest_event_says_who_is_live)
{
    given_a_partition();
    event((struct sent){.event_time = T0});
    event((struct sent){.event_time = T0 - MS_PER_DAY, .received_at = T0 + 1}); /* an old one comes late */
    CHECK(watermark_at(T0 + MINUTE) > T0 - OUT_OF_ORDERNESS);
    event((struct sent){.event_time = T0,
                        .received_at = T0 + MS_PER_DAY}); /* as new, but received much later */
    CHECK_EQ(watermark_at(T0 + 2 * MS_PER_DAY), outcome.event.watermark.ms);
    event((struct sent){.event_time = T0 + 2 * MS_PER_DAY,
                        .received_at = T0 + 2 * MS_PER_DAY}); /* live again */
    CHECK(watermark_at(T0 + 3 * MS_PER_DAY) > T0 + 2 * MS_PER_DAY);
    then_nothing_is_left();
}

TEST(after_silence_an_event_may_be_late_by_the_clock_of_its_block)
{
    given_a_partition();
    event((struct sent){.event_time = T0});
    CHECK(event((struct sent){.event_time = T0, .received_at = T0 + 5 * MINUTE, .wall = T0 + 5 * MINUTE})
              ->is_late);
    CHECK_EQ(outcome.event.watermark_before.ms, T0 + 5 * MINUTE - OUT_OF_ORDERNESS - 10000);
    CHECK_EQ(outcome.event.watermark.ms, outcome.event.watermark_before.ms);
    then_nothing_is_left();
}

TEST(the_silence_begins_anew_with_each_event)
{
    given_a_partition();
    event((struct sent){.event_time = T0});
    event((struct sent){.event_time = T0 + 9000});
    CHECK_EQ(watermark_at(T0 + 19000), T0 + 9000 - OUT_OF_ORDERNESS);
    CHECK_EQ(watermark_at(T0 + 19001), T0 + 9001 - OUT_OF_ORDERNESS);
    then_nothing_is_left();
}

TEST(the_wall_does_not_go_back)
{
    given_a_partition();
    event((struct sent){.event_time = T0});
    int64_t watermark = watermark_at(T0 + 5 * MINUTE);
    CHECK(watermark > T0);
    CHECK_EQ(watermark_at(T0), watermark);
    then_nothing_is_left();
}

TEST(before_any_block_is_seen_silence_has_no_length)
{
    given_a_partition();
    apply(sequence((struct sent){.event_time = T0}), T0);
    CHECK_EQ(partition_watermark(&partition, partition_tenant(&partition, TEXT("acme"))).ms,
             T0 - OUT_OF_ORDERNESS);
    CHECK(partition_needs_clock(&partition));
    then_nothing_is_left();
}

/* Who needs the clock. */

TEST(a_live_tenant_needs_the_clock_until_its_last_session_can_be_closed)
{
    /* W passes end + gap at: wall - disorder - 10 s > T0 + gap. */
    int64_t closes_at = T0 + GAP + OUT_OF_ORDERNESS + 10000;

    given_a_partition();
    CHECK(!needs_clock_at(T0));
    event((struct sent){.event_time = T0});
    CHECK(needs_clock_at(T0));
    CHECK(needs_clock_at(closes_at));
    CHECK(!needs_clock_at(closes_at + 1));
    CHECK(!needs_clock_at(closes_at + 1));
    event((struct sent){.event_time = closes_at + 5}); /* and on again */
    CHECK(needs_clock_at(closes_at + 5));
    then_nothing_is_left();
}

TEST(the_wall_is_progress_only_while_somebody_needs_it)
{
    given_a_partition();
    event((struct sent){.event_time = T0, .received_at = T0 + MS_PER_DAY});
    partition.has_progress = false;
    partition_see(&partition, (struct wall_ms){.ms = T0 + MS_PER_DAY + 1});
    CHECK(!partition.has_progress);

    event((struct sent){.event_time = T0 + 2 * MS_PER_DAY});
    partition.has_progress = false;
    partition_see(&partition, (struct wall_ms){.ms = T0 + 2 * MS_PER_DAY});
    CHECK(!partition.has_progress); /* not later than before */
    partition_see(&partition, (struct wall_ms){.ms = T0 + 2 * MS_PER_DAY + 1});
    CHECK(partition.has_progress);
    then_nothing_is_left();
}

TEST(many_tenants_come_and_leave_the_list_of_those_that_need_the_clock)
{
    given_a_partition();
    for (uint32_t round = 0; round < 3; round++) {
        int64_t now = T0 + round * MS_PER_DAY;

        for (uint32_t i = 0; i < 100; i++) {
            char tenant[16];

            snprintf(tenant, sizeof(tenant), "t%u", i);
            event((struct sent){
                .tenant = tenant, .event_time = now + i * MINUTE, .received_at = now + i * MINUTE});
        }
        CHECK_EQ(partition.watched_count, 100);
        CHECK_EQ(partition.moved_count, 100);
        CHECK(needs_clock_at(now + 99 * MINUTE));
        CHECK(partition.watched_count < 100); /* the first ones are over */
        CHECK(!needs_clock_at(now + 200 * MINUTE));
        CHECK_EQ(partition.watched_count, 0);
    }
    then_nothing_is_left();
}

/* Settings. */

TEST(settings_size_this_partitions_share_of_the_window)
{
    given_a_store(1, 4000);
    apply_settings();
    CHECK_EQ(partition.dedup.capacity, 1000);
    settings.dedup_events = 3;
    apply_settings();
    CHECK_EQ(partition.dedup.capacity, 1);
    CHECK_EQ(partition.next_position, 2);
    CHECK(memcmp(&partition.newest_settings, &settings, sizeof(settings)) == 0);
    then_nothing_is_left();
}

TEST(settings_hold_from_their_place_in_the_log_on)
{
    const struct event_record *before;
    const struct event_record *after;

    given_a_partition();
    before = sequence((struct sent){.event_time = T0});
    settings.out_of_orderness_ms = 1000;
    CHECK_EQ(partition_sequence(&partition, &settings.header, 0), 0);
    after = sequence((struct sent){.event_time = T0 + 1});

    /* All three are sequenced; now they become durable. */
    CHECK_EQ(apply(before, T0)->watermark.ms, T0 - OUT_OF_ORDERNESS);
    partition_apply_settings(&partition, &settings);
    CHECK_EQ(apply(after, T0)->watermark.ms, T0 + 1 - 1000);
    then_nothing_is_left();
}

/* Tenants. */

TEST(a_tenant_that_is_not_applied_yet_is_not_seen)
{
    const struct event_record *record;

    given_a_partition();
    record = sequence((struct sent){.event_time = T0});
    CHECK(partition_tenant(&partition, TEXT("acme")) != NULL);
    CHECK(!partition_reading(&partition, partition_tenant(&partition, TEXT("acme"))).is_known);

    question = (struct question){.kind = QUESTION_TENANTS};
    arena_init(&question.arena, &pool, 0);
    partition_answer(&partition, &question);
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.tenants->count, 0);
    arena_reset(&question.arena);

    apply(record, T0);
    question = (struct question){.kind = QUESTION_TENANTS};
    arena_init(&question.arena, &pool, 0);
    partition_answer(&partition, &question);
    CHECK_EQ(question.answer.tenants->count, 1);
    CHECK_TEXT(question.answer.tenants->rows[0].tenant_id, "acme");
    CHECK_EQ(question.answer.tenants->rows[0].total_events, 1);
    CHECK_EQ(question.answer.tenants->rows[0].total_profiles, 1);
    CHECK_EQ(question.answer.tenants->rows[0].reading.position, 1);
    then_nothing_is_left();
}

TEST(tenants_are_numbered_as_they_come)
{
    given_a_partition();
    CHECK_EQ(event((struct sent){.tenant = "b", .event_time = T0})->tenant_no, 0);
    CHECK_EQ(event((struct sent){.tenant = "a", .event_time = T0})->tenant_no, 1);
    CHECK_EQ(event((struct sent){.tenant = "b", .event_time = T0})->tenant_no, 0);
    CHECK(partition_tenant(&partition, TEXT("A")) == NULL);
    CHECK(partition_tenant(&partition, TEXT("")) == NULL);
    then_nothing_is_left();
}

TEST(an_empty_partition_has_no_position)
{
    given_a_store(1, 4000);
    CHECK_EQ(partition_reading(&partition, NULL).position, NO_POSITION);
    CHECK_EQ(partition_reading(&partition, NULL).watermark.ms, INT64_MIN);
    CHECK(!partition_reading(&partition, NULL).is_known);
    then_nothing_is_left();
}

/* What an event carries. */

TEST(codes_are_of_the_events_own_day)
{
    int64_t midnight = T0 / MS_PER_DAY * MS_PER_DAY;

    given_a_partition();
    for (uint32_t i = 0; i < 3; i++) {
        char country[8];

        snprintf(country, sizeof(country), "c%u", i);
        CHECK_EQ(event((struct sent){.country = country, .event_time = midnight})->code[DIMENSION_COUNTRY],
                 CODE_FIRST + i);
    }
    CHECK_EQ(event((struct sent){.country = "c3", .event_time = midnight})->code[DIMENSION_COUNTRY],
             CODE_OTHER);
    event((struct sent){.country = "c3", .event_time = midnight - 1, .received_at = midnight});
    CHECK_EQ(outcome.event.code[DIMENSION_COUNTRY], CODE_FIRST + 3);
    CHECK_EQ(event((struct sent){.event_time = midnight})->code[DIMENSION_COUNTRY], CODE_NONE);
    CHECK_EQ(outcome.event.code[DIMENSION_EVENT_TYPE], CODE_FIRST);
    CHECK_EQ(outcome.event.code[DIMENSION_PAGE_URL], CODE_NONE);
    then_nothing_is_left();
}

TEST(a_merge_says_who_and_where_and_the_watermark_before)
{
    given_a_partition();
    event((struct sent){.device = "d", .event_time = T0});
    event((struct sent){.user = "u", .event_time = T0 + 1});
    event((struct sent){.device = "d", .user = "u", .event_time = T0 + MINUTE});

    const struct applied_merge *merge = &outcome.merges[0];
    CHECK_EQ(outcome.merge_count, 1);
    CHECK_EQ(merge->position, 3);
    CHECK_EQ(merge->loser_person, 0);
    CHECK_EQ(merge->winner_person, 1);
    CHECK_EQ(merge->watermark.ms, outcome.event.watermark_before.ms);
    CHECK_EQ(merge->loser_slice, node_slice(&node, merge->loser));
    CHECK_EQ(merge->winner_slice, node_slice(&node, merge->winner));
    CHECK_TEXT(merge->tenant_id, "acme");
    CHECK(uuid_equal(outcome.event.canonical, merge->winner));
    CHECK_EQ(outcome.event.person, 1);
    then_nothing_is_left();
}

/* Questions. */

static void
resolve(int by, const char *value)
{
    arena_reset(&question.arena);
    question = (struct question){.kind = QUESTION_RESOLVE};
    question.ask.resolve.tenant_id = TEXT("acme");
    question.ask.resolve.by = by;
    question.ask.resolve.value = text_of(value);
    arena_init(&question.arena, &pool, 0);
    partition_answer(&partition, &question);
    CHECK_EQ(question.fault, 0);
}

TEST(nobody_is_resolved_from_nothing)
{
    given_a_partition();
    resolve(RESOLVE_USER, "u");
    CHECK(!question.answer.resolve->is_known);
    CHECK(!question.answer.resolve->reading.is_known);
    event((struct sent){.user = "u", .event_time = T0});
    resolve(RESOLVE_ANONYMOUS, "u");
    CHECK(!question.answer.resolve->is_known);
    CHECK(question.answer.resolve->reading.is_known);
    resolve(RESOLVE_CANONICAL, "not a canonical");
    CHECK(!question.answer.resolve->is_known);
    resolve(RESOLVE_CANONICAL, "00000000-0000-0000-0000-000000000000");
    CHECK(!question.answer.resolve->is_known);
    then_nothing_is_left();
}

TEST(merged_people_are_listed_oldest_merge_first_and_the_winner_last)
{
    const struct resolve_answer *answer;

    given_a_partition();
    event((struct sent){.device = "a", .event_time = T0});
    event((struct sent){.device = "b", .event_time = T0});
    event((struct sent){.device = "c", .event_time = T0});
    event((struct sent){.user = "u", .event_time = T0});
    event((struct sent){.device = "c", .user = "u", .event_time = T0});
    event((struct sent){.device = "a", .user = "u", .event_time = T0});
    event((struct sent){.device = "b", .user = "u", .event_time = T0});
    resolve(RESOLVE_ANONYMOUS, "c");
    answer = question.answer.resolve;
    CHECK(answer->is_known);
    CHECK_EQ(answer->winner.person, 3);
    CHECK_TEXT(answer->owner, "u");
    CHECK_EQ(answer->user_id_count, 1);
    CHECK_EQ(answer->anonymous_id_count, 3);
    CHECK_TEXT(answer->anonymous_ids[0], "c");
    CHECK_EQ(answer->member_count, 4);
    CHECK_EQ(answer->members[0].person, 2);
    CHECK_EQ(answer->members[1].person, 0);
    CHECK_EQ(answer->members[2].person, 1);
    CHECK_EQ(answer->members[3].person, 3);

    char canonical[UUID_TEXT_BYTES];
    uuid_format(answer->members[0].canonical, canonical);
    resolve(RESOLVE_CANONICAL, canonical); /* a merged one: the winner */
    CHECK_EQ(question.answer.resolve->winner.person, 3);
    then_nothing_is_left();
}

TEST(two_merges_of_one_alias_are_listed_in_their_order)
{
    given_a_partition();
    event((struct sent){.device = "d", .event_time = T0});
    event((struct sent){.device = "p", .event_time = T0});
    event((struct sent){.user = "u", .event_time = T0});
    event((struct sent){.type = "alias", .device = "d", .user = "u", .previous = "p", .event_time = T0});
    CHECK_EQ(outcome.merge_count, 2);
    CHECK_EQ(outcome.merges[0].loser_person, 1);
    CHECK_EQ(outcome.merges[1].loser_person, 0);

    resolve(RESOLVE_USER, "u");
    CHECK_EQ(question.answer.resolve->member_count, 3);
    CHECK_EQ(question.answer.resolve->members[0].person, 1);
    CHECK_EQ(question.answer.resolve->members[1].person, 0);
    CHECK_EQ(question.answer.resolve->members[2].person, 2);
    then_nothing_is_left();
}

TEST(merges_are_answered_newest_first_page_by_page)
{
    given_a_partition();
    event((struct sent){.user = "u", .event_time = T0});
    for (uint32_t i = 0; i < 5; i++) {
        char device[8];

        snprintf(device, sizeof(device), "d%u", i);
        event((struct sent){.device = device, .event_time = T0});
        event((struct sent){.device = device, .user = "u", .event_time = T0 + i});
    }
    uint64_t before = UINT64_MAX;
    uint32_t seen = 0;
    for (;;) {
        question = (struct question){.kind = QUESTION_MERGES};
        question.ask.merges.count_max = 2;
        question.ask.merges.before = before;
        arena_init(&question.arena, &pool, 0);
        partition_answer(&partition, &question);
        CHECK_EQ(question.fault, 0);
        const struct merges_answer *answer = question.answer.merges;
        for (uint32_t i = 0; i < answer->count; i++) {
            CHECK_EQ(answer->rows[i].event_time.ms, T0 + 4 - seen);
            CHECK_EQ(answer->rows[i].ordinal, 4 - seen);
            before = answer->rows[i].ordinal;
            seen++;
        }
        bool is_over = answer->count == 0;
        arena_reset(&question.arena);
        if (is_over) {
            break;
        }
    }
    CHECK_EQ(seen, 5);
    then_nothing_is_left();
}

TEST(merged_people_count_once)
{
    static const uint32_t all[] = {2, 0, 1, 1, 3, 2};
    static const uint32_t two[] = {0, 1};
    struct person_set sets[] = {
        {.persons = all, .count = COUNT_OF(all)}, {.persons = two, .count = 2}, {.count = 0}};

    given_a_partition();
    event((struct sent){.device = "a", .event_time = T0});
    event((struct sent){.user = "u", .event_time = T0});
    event((struct sent){.device = "b", .event_time = T0});
    event((struct sent){.device = "c", .event_time = T0});
    event((struct sent){.device = "a", .user = "u", .event_time = T0});
    question = (struct question){.kind = QUESTION_USERS};
    question.ask.users.sets = sets;
    question.ask.users.count = COUNT_OF(sets);
    arena_init(&question.arena, &pool, 0);
    partition_answer(&partition, &question);
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.users[0], 3);
    CHECK_EQ(question.answer.users[1], 1);
    CHECK_EQ(question.answer.users[2], 0);
    then_nothing_is_left();
}

TEST(an_answer_that_does_not_fit_is_too_big)
{
    given_a_partition();
    event((struct sent){.event_time = T0});
    for (uint64_t bytes_max = 0; bytes_max < 300; bytes_max += 16) {
        question = (struct question){.kind = QUESTION_RESOLVE};
        question.ask.resolve.tenant_id = TEXT("acme");
        question.ask.resolve.by = RESOLVE_ANONYMOUS;
        question.ask.resolve.value = TEXT("d");
        arena_init(&question.arena, &pool, bytes_max == 0 ? 1 : bytes_max);
        partition_answer(&partition, &question);
        CHECK(question.fault == -E2BIG || question.answer.resolve->member_count == 1);
        CHECK(bytes_max > 48 || question.fault == -E2BIG);
        arena_reset(&question.arena);
    }
    then_nothing_is_left();
}

TEST(a_stamp_looks_values_up_and_adds_none)
{
    struct dimension_value values[] = {
        {.dimension = DIMENSION_COUNTRY, .equals = TEXT("DE")},
        {.dimension = DIMENSION_COUNTRY, .equals = TEXT("FR")},
        {.dimension = DIMENSION_COUNTRY, .is_missing = true},
        {.dimension = DIMENSION_OS, .equals = TEXT("DE")},
    };

    given_a_partition();
    event((struct sent){.country = "DE", .event_time = T0});
    for (uint32_t i = 0; i < 2; i++) {
        question = (struct question){.kind = QUESTION_STAMP};
        question.ask.stamp.tenant_id = TEXT("acme");
        question.ask.stamp.values = values;
        question.ask.stamp.value_count = COUNT_OF(values);
        arena_init(&question.arena, &pool, 0);
        partition_answer(&partition, &question);
        CHECK_EQ(question.answer.stamp->row.total_events, 1);
        CHECK_EQ(question.answer.stamp->out_of_orderness_ms, OUT_OF_ORDERNESS);
        CHECK_EQ(values[0].code, CODE_FIRST);
        CHECK_EQ(values[1].code, CODE_UNKNOWN);
        CHECK_EQ(values[2].code, CODE_NONE);
        CHECK_EQ(values[3].code, CODE_UNKNOWN);
        arena_reset(&question.arena);
    }
    then_nothing_is_left();
}

TEST(a_question_of_a_slice_is_not_for_a_partition)
{
    given_a_partition();
    question = (struct question){.kind = QUESTION_PROFILE};
    CHECK_DIES(partition_answer(&partition, &question));
    then_nothing_is_left();
}

/* The same log. */

static uint64_t
hash_of_a_log(uint8_t secret, uint32_t ahead)
{
    static struct event_record *waiting[RECORDS_MAX];
    uint64_t dice = 5;
    uint64_t hash;
    uint32_t applied = 0;

    given_a_store(secret, 4000);
    apply_settings();
    for (uint32_t i = 0; i < 300; i++) {
        char tenant[8];
        char device[8];
        char user[8];
        char country[8];

        dice = hash_mix(dice + i);
        snprintf(tenant, sizeof(tenant), "t%u", (uint32_t)(dice % 3));
        snprintf(device, sizeof(device), "d%u", (uint32_t)((dice >> 8) % 20));
        snprintf(user, sizeof(user), "u%u", (uint32_t)((dice >> 16) % 12));
        snprintf(country, sizeof(country), "c%u", (uint32_t)((dice >> 24) % 6));
        waiting[i] = sequence((struct sent){
            .tenant = tenant,
            .type = dice % 11 == 0 ? "alias" : "click",
            .device = dice % 5 == 0 ? NULL : device,
            .user = dice % 5 < 3 ? user : NULL,
            .previous = dice % 11 == 0 ? "d1" : NULL,
            .country = country,
            .event_time = T0 + (int64_t)(dice % 7000) * 1000,
            .received_at = T0 + MS_PER_DAY + i,
        });
        while (applied + ahead < i + 1) {
            apply(waiting[applied], T0 + MS_PER_DAY);
            applied++;
        }
    }
    while (applied < 300) {
        apply(waiting[applied], T0 + MS_PER_DAY);
        applied++;
    }
    hash = partition_state_hash(&partition);
    then_nothing_is_left();
    return hash;
}

TEST(neither_the_secret_nor_how_far_sequencing_is_ahead_reaches_the_state)
{
    uint64_t hash = hash_of_a_log(1, 0);

    CHECK_EQ(hash_of_a_log(1, 0), hash);
    CHECK_EQ(hash_of_a_log(2, 0), hash);
    CHECK_EQ(hash_of_a_log(1, 100), hash);
    CHECK_EQ(hash_of_a_log(77, 300), hash);
}

/* A tenant's merges are many, a person's are few. */
TEST(an_answer_about_a_person_has_the_size_of_the_person)
{
    given_a_partition();
    event((struct sent){.user = "v", .event_time = T0});
    for (uint32_t i = 0; i < 120; i++) {
        char device[8];

        snprintf(device, sizeof(device), "d%u", i);
        event((struct sent){.device = device, .event_time = T0});
        event((struct sent){.device = device, .user = "v", .event_time = T0});
    }
    event((struct sent){.user = "u", .event_time = T0});
    event((struct sent){.device = "e", .event_time = T0});
    event((struct sent){.device = "e", .user = "u", .event_time = T0});
    resolve(RESOLVE_USER, "u");
    CHECK_EQ(question.answer.resolve->member_count, 2);
    CHECK(question.arena.bytes_used < 1024);
    then_nothing_is_left();
}
