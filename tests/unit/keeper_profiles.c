/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/keeper_world.h"

#include <errno.h>

#define PEOPLE_COUNT 40u /* all in slice 0 */

static struct profile_scan
all(enum profile_order order, uint32_t count_max)
{
    return (struct profile_scan){
        .order = order, .seen_from = {INT64_MIN}, .seen_to = {INT64_MAX}, .count_max = count_max};
}

static struct question
ask_profiles(uint16_t slice, struct profile_scan *scan)
{
    struct question question = {.kind = QUESTION_PROFILES, .target = slice, .ask.profiles = scan};

    ask(&question);
    return question;
}

static bool
is_of(struct profile_place place, uint32_t person)
{
    return uuid_equal(place.canonical, canonical_of(person));
}

/* Of the slice 0: person 4 * i has i + 1 events, the first i minutes and the last up to 7 minutes after T0. */
static void
given_people(void)
{
    given_a_world(1, 8192, 8);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        for (uint32_t k = 0; k <= i; k++) {
            send_event(4 * i, T0 + (k == 0 ? i : i + i % 7) * MINUTE, "click",
                       (struct extra){.country = i % 2 == 0 ? "NO" : "SE",
                                      .device = i % 3 == 0 ? "tv" : NULL,
                                      .is_anonymous = i % 5 == 0});
        }
    }
    send_progress(0);
    run_until_quiet();
}

TEST(people_read_from_before_a_merge_are_stale)
{
    struct profile_scan scan = all(PROFILE_ORDER_LAST_SEEN, 10);
    struct question question = {.kind = QUESTION_PROFILES, .ask.profiles = &scan};

    given_a_world(2, 64, 8);
    send_event(4, T0, "click", (struct extra){0});
    send_event(8, T0, "click", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    question.reading = reading_of(0);
    send_merge(0, 4, 8);
    send_event(8, T0 + 1, "login", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    ask(&question);
    CHECK_EQ(question.fault, -ESTALE);

    question = ask_profiles(0, &scan); /* who was merged away is not there */
    CHECK_EQ(question.answer.profiles->count, 1);
    CHECK_EQ(question.answer.profiles->total, 1);
    CHECK(is_of(question.answer.profiles->rows[0], 8));
    CHECK_EQ(question.answer.profiles->rows[0].value, T0 + 1);
    release(&question);
    then_the_world_ends();
}

TEST(a_slice_or_a_tenant_without_people_has_none)
{
    struct profile_scan scan = all(PROFILE_ORDER_FIRST_SEEN, 10);
    struct question question;

    given_a_world(1, 64, 8);
    send_event(4, T0, "click", (struct extra){0});
    send_progress(0);
    question = ask_profiles(1, &scan);
    CHECK_EQ(question.answer.profiles->count, 0);
    CHECK_EQ(question.answer.profiles->total, 0);
    CHECK(!question.answer.profiles->has_previous);
    release(&question);
    then_the_world_ends();
}

TEST(filters_are_anded_and_the_total_counts_what_passes)
{
    struct profile_scan scan = all(PROFILE_ORDER_TOTAL_EVENTS, 2);
    struct question question;

    given_people();
    scan.country = TEXT("NO");
    question = ask_profiles(0, &scan);
    CHECK_EQ(question.answer.profiles->total, 20);
    CHECK_EQ(question.answer.profiles->count, 2);
    CHECK(is_of(question.answer.profiles->rows[0], 4 * 38));
    CHECK(is_of(question.answer.profiles->rows[1], 4 * 36));
    release(&question);

    scan.device_type = TEXT("tv");
    question = ask_profiles(0, &scan);
    CHECK_EQ(question.answer.profiles->total, 7);
    CHECK(is_of(question.answer.profiles->rows[0], 4 * 36));
    release(&question);

    scan.identified = TRI_NO; /* 0 and 30 */
    question = ask_profiles(0, &scan);
    CHECK_EQ(question.answer.profiles->total, 2);
    CHECK(is_of(question.answer.profiles->rows[0], 4 * 30));
    CHECK(is_of(question.answer.profiles->rows[1], 0));
    release(&question);

    scan.identified = TRI_YES;
    question = ask_profiles(0, &scan);
    CHECK_EQ(question.answer.profiles->total, 5);
    release(&question);

    scan = all(PROFILE_ORDER_LAST_SEEN, 100); /* from is included, to is not */
    scan.seen_from.ms = T0 + 11 * MINUTE;
    scan.seen_to.ms = T0 + 14 * MINUTE;
    question = ask_profiles(0, &scan);
    CHECK_EQ(question.answer.profiles->count, 3); /* those seen at 13, 12 and 11; another at 14 */
    CHECK(is_of(question.answer.profiles->rows[0], 4 * 10));
    CHECK(is_of(question.answer.profiles->rows[1], 4 * 6));
    CHECK(is_of(question.answer.profiles->rows[2], 4 * 9));
    release(&question);
    then_the_world_ends();
}

/* All of them, by pages of `count_max` in pieces of one look at the clock. */
static uint32_t
page_through(enum profile_order order, uint32_t count_max, struct profile_place *places)
{
    struct profile_scan scan = all(order, count_max);
    uint32_t count = 0;

    for (;;) {
        struct question question = ask_profiles(0, &scan);
        const struct profiles_answer *answer = question.answer.profiles;
        uint32_t rows = answer->count;

        CHECK_EQ(answer->total, PEOPLE_COUNT);
        CHECK_EQ(answer->has_previous, count > 0);
        for (uint32_t i = 0; i < rows; i++) {
            CHECK(count < PEOPLE_COUNT);
            places[count++] = answer->rows[i];
        }
        release(&question);
        if (rows < count_max) {
            return count;
        }
        scan.has_after = true;
        scan.after = places[count - 1];
    }
}

TEST(pages_in_every_order_join_without_gap_or_overlap)
{
    given_people();
    world.ns_per_look = 200 * NS_PER_US;
    for (uint32_t order = PROFILE_ORDER_LAST_SEEN; order <= PROFILE_ORDER_TOTAL_SESSIONS; order++) {
        for (uint32_t size = 1; size < 50; size += 6) {
            struct profile_place places[PEOPLE_COUNT];

            CHECK_EQ(page_through((enum profile_order)order, size, places), PEOPLE_COUNT);
            for (uint32_t i = 1; i < PEOPLE_COUNT; i++) {
                CHECK(places[i - 1].value > places[i].value ||
                      (places[i - 1].value == places[i].value &&
                       memcmp(&places[i - 1].canonical, &places[i].canonical, sizeof(struct uuid)) > 0));
            }
        }
    }
    then_the_world_ends();
}

TEST(a_page_costs_the_same_memory_however_many_people_there_are)
{
    struct profile_scan scan = all(PROFILE_ORDER_LAST_SEEN, 10);
    uint64_t bytes = 0;

    given_a_world(1, 8192, 8);
    for (uint32_t i = 0; i < 4000; i++) {
        send_event(4 * i, T0 + i, "click", (struct extra){0});
        if (i == 10 || i == 3999) {
            send_progress(0);
            struct question question = ask_profiles(0, &scan);

            CHECK_EQ(question.answer.profiles->count, 10);
            CHECK(is_of(question.answer.profiles->rows[0], 4 * i));
            CHECK(is_of(question.answer.profiles->rows[9], 4 * (i - 9)));
            CHECK_EQ(question.answer.profiles->total, i + 1);
            CHECK(bytes == 0 || world.arenas[0].bytes_taken == bytes);
            bytes = world.arenas[0].bytes_taken;
            release(&question);
        }
    }
    then_the_world_ends();
}

TEST(who_does_not_change_is_listed_once_while_others_come_and_move)
{
    struct profile_scan scan = all(PROFILE_ORDER_LAST_SEEN, 300);
    struct question question = {.kind = QUESTION_PROFILES, .ask.profiles = &scan};
    struct subquery message;
    uint32_t seen[400] = {0};

    given_a_world(1, 8192, 8);
    for (uint32_t i = 0; i < 300; i++) {
        send_event(4 * i, T0 + i, "click", (struct extra){0});
    }
    send_progress(0);
    run_until_quiet();
    world.ns_per_look = 200 * NS_PER_US; /* the scan stops at every look */
    question.reading = reading_of(0);
    keeper_ask_one(0, &message, &question);
    world.answered = NULL;
    for (uint32_t i = 0; world.answered == NULL; i++) {
        CHECK(i < 1000);
        send_event(4 * (299 - i % 100), T0 + MS_PER_HOUR + i, "click", (struct extra){0}); /* moves */
        send_event(4 * (300 + i % 100), T0 + MS_PER_HOUR + i, "click", (struct extra){0}); /* comes */
        publish();
        (void)turn(0);
    }
    for (uint32_t i = 0; i < question.answer.profiles->count; i++) {
        uint32_t person = 0;

        while (!is_of(question.answer.profiles->rows[i], 4 * person)) {
            person++;
        }
        CHECK(person < COUNT_OF(seen));
        CHECK_EQ(seen[person]++, 0);
    }
    CHECK_EQ(question.answer.profiles->count, 300);
    for (uint32_t i = 100; i < 200; i++) {
        CHECK_EQ(seen[i], 1);
    }
    release(&question);
    send_progress(0);
    run_until_quiet();
    then_the_world_ends();
}
