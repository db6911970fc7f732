/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/partition_world.h"

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
    CHECK_EQ(partition_apply_settings(&partition, &settings, (struct wall_ms){.ms = T0}), 0);
    CHECK_EQ(apply(after, T0)->watermark.ms, T0 + 1 - 1000);
    then_nothing_is_left();
}

TEST(a_watermark_that_silence_moved_stays_when_more_disorder_is_allowed)
{
    const struct event_record *event;
    struct tenant *tenant;

    given_a_partition();
    event = sequence((struct sent){.event_time = T0});
    settings.out_of_orderness_ms = OUT_OF_ORDERNESS + 20000;
    CHECK_EQ(partition_sequence(&partition, &settings.header, 0), 0);

    CHECK_EQ(apply(event, T0)->watermark.ms, T0 - OUT_OF_ORDERNESS);
    tenant = partition_tenant_at(&partition, 0);
    partition.moved_count = 0;
    tenant->has_moved = false;
    CHECK_EQ(partition_apply_settings(&partition, &settings, (struct wall_ms){.ms = T0 + 25000}), 0);
    CHECK_EQ(partition.moved_count, 1);
    partition_see(&partition, (struct wall_ms){.ms = T0 + 25000});
    CHECK_EQ(partition_watermark(&partition, tenant).ms, T0 - OUT_OF_ORDERNESS + 15000);
    partition_see(&partition, (struct wall_ms){.ms = T0 + 34000});
    CHECK_EQ(partition_watermark(&partition, tenant).ms,
             T0 - OUT_OF_ORDERNESS + 15000); /* the bound holds it */
    partition_see(&partition, (struct wall_ms){.ms = T0 + 40000});
    CHECK_EQ(partition_watermark(&partition, tenant).ms, T0 + 40000 - OUT_OF_ORDERNESS - 20000);
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
    CHECK_EQ(partition_answer(&partition, &question, NULL), 0);
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.tenants->count, 0);
    arena_reset(&question.arena);

    apply(record, T0);
    question = (struct question){.kind = QUESTION_TENANTS};
    arena_init(&question.arena, &pool, 0);
    CHECK_EQ(partition_answer(&partition, &question, NULL), 0);
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

/* The same log. */

/* The next events, `fetched` at a time. */
static void
prefetch(const struct event_record **waiting, uint32_t count, uint32_t fetched)
{
    struct event_ahead batch[PARTITION_AHEAD_COUNT];

    if (fetched == 0 || partition_is_prefetched(&partition)) {
        return;
    }
    count = count < fetched ? count : fetched;
    for (uint32_t i = 0; i < count; i++) {
        batch[i] = (struct event_ahead){.partition = &partition, .record = waiting[i], .before = i};
    }
    partition_prefetch(batch, count);
    CHECK(partition_is_prefetched(&partition));
}

static uint64_t
hash_of_a_log(uint8_t secret, uint32_t ahead, uint32_t percent, uint32_t fetched)
{
    static const struct event_record *waiting[RECORDS_MAX];
    uint64_t roll = 5;
    uint64_t hash;
    uint32_t applied = 0;

    given_a_store(secret, 4000);
    late_percent = percent;
    apply_settings();
    for (uint32_t i = 0; i < 300; i++) {
        char tenant[8];
        char device[8];
        char user[8];
        char country[8];

        roll = hash_mix(roll + i);
        snprintf(tenant, sizeof(tenant), "t%u", (uint32_t)(roll % 3));
        snprintf(device, sizeof(device), "d%u", (uint32_t)((roll >> 8) % 20));
        snprintf(user, sizeof(user), "u%u", (uint32_t)((roll >> 16) % 12));
        snprintf(country, sizeof(country), "c%u", (uint32_t)((roll >> 24) % 6));
        waiting[i] = sequence((struct sent){
            .tenant = tenant,
            .type = roll % 11 == 0 ? "alias" : "click",
            .device = roll % 5 == 0 ? NULL : device,
            .user = roll % 5 < 3 ? user : NULL,
            .previous = roll % 11 == 0 ? "d1" : NULL,
            .country = country,
            .event_time = T0 + (int64_t)(roll % 7000) * 1000,
            .received_at = T0 + MS_PER_DAY + i,
        });
        while (applied + ahead < i + 1) {
            prefetch(&waiting[applied], i + 1 - applied, fetched);
            apply(waiting[applied], T0 + MS_PER_DAY);
            applied++;
        }
    }
    while (applied < 300) {
        prefetch(&waiting[applied], 300 - applied, fetched);
        apply(waiting[applied], T0 + MS_PER_DAY);
        applied++;
    }
    hash = partition_state_hash(&partition);
    then_nothing_is_left();
    return hash;
}

TEST(neither_the_secret_nor_how_far_sequencing_is_ahead_nor_lateness_nor_fetching_reaches_the_state)
{
    uint64_t hash = hash_of_a_log(1, 0, 0, 0);

    CHECK_EQ(hash_of_a_log(1, 0, 0, 0), hash);
    CHECK_EQ(hash_of_a_log(2, 0, 0, 0), hash);
    CHECK_EQ(hash_of_a_log(1, 100, 0, 0), hash);
    CHECK_EQ(hash_of_a_log(77, 300, 0, 0), hash);
    CHECK_EQ(hash_of_a_log(1, 0, 100, 0), hash);
    CHECK_EQ(hash_of_a_log(3, 100, 30, 0), hash);
    CHECK_EQ(hash_of_a_log(1, 0, 0, 1), hash);
    CHECK_EQ(hash_of_a_log(1, 100, 0, 32), hash);
    CHECK_EQ(hash_of_a_log(5, 300, 30, 7), hash);
}

/* Look-ups that answer later. */

TEST(nothing_of_an_event_happens_before_its_keys_are_there)
{
    const struct event_record *record;

    given_a_partition();
    record = sequence((struct sent){.device = "d", .user = "u", .event_time = T0});
    late_percent = 100;
    CHECK_EQ(try_apply(record, T0), LOG_STORE_LATER);
    CHECK_EQ(try_apply(record, T0), LOG_STORE_LATER);
    CHECK_EQ(partition_tenant(&partition, TEXT("acme"))->total_events, 0);
    CHECK_EQ(partition_tenant(&partition, TEXT("acme"))->clock.watermark.ms, INT64_MIN);
    CHECK_EQ(partition.moved_count, 0);
    late_percent = 0;
    resolve(RESOLVE_USER, "u");
    CHECK(!question.answer.resolve->is_known);
    apply(record, T0);
    CHECK_EQ(partition_tenant(&partition, TEXT("acme"))->total_events, 1);
    then_nothing_is_left();
}

TEST(two_events_of_one_key_are_applied_in_their_order)
{
    const struct event_record *first_record;
    const struct event_record *second_record;

    given_a_partition();
    late_percent = 100;
    first_record = sequence((struct sent){.device = "d", .event_time = T0});
    second_record = sequence((struct sent){.device = "d", .user = "u", .event_time = T0});
    CHECK_EQ(try_apply(first_record, T0), LOG_STORE_LATER);
    CHECK_DIES((void)!try_apply(second_record, T0)); /* the first is not over */
    CHECK_EQ(apply(first_record, T0)->person, 0);
    CHECK_EQ(apply(second_record, T0)->person, 0);
    late_percent = 0;
    resolve(RESOLVE_USER, "u");
    CHECK_EQ(question.answer.resolve->winner.person, 0); /* linked to the device's, because it was first */
    then_nothing_is_left();
}

TEST(an_events_tenant_is_that_of_its_place_in_the_log)
{
    const struct event_record *waiting[200];

    given_a_partition();
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100 + round * 20; i++) {
            waiting[i] = sequence((struct sent){.tenant = i % 3 == 0   ? "a"
                                                          : i % 3 == 1 ? "b"
                                                                       : "c",
                                                .event_time = T0 + round});
        }
        for (uint32_t i = 0; i < 100 + round * 20; i++) {
            CHECK_EQ(apply(waiting[i], T0)->tenant_no, i % 3);
        }
        CHECK_EQ(partition.unapplied_count, 0);
        record_count = 0;
    }
    CHECK_DIES((void)!try_apply(waiting[0], T0)); /* not sequenced */
    then_nothing_is_left();
}

TEST(a_partition_may_end_while_look_ups_are_out)
{
    const struct event_record *record;

    given_a_partition();
    event((struct sent){.device = "d", .user = "u", .event_time = T0});
    record = sequence((struct sent){.device = "e", .user = "u", .event_time = T0});
    late_percent = 100;
    CHECK_EQ(try_apply(record, T0), LOG_STORE_LATER);
    CHECK_EQ(ask_resolve(&question, RESOLVE_USER, "u"), LOG_STORE_LATER);
    then_nothing_is_left();
}
