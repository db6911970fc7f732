/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/partition_world.h"

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

TEST(one_identifier_of_two_tenants_stands_for_two_people)
{
    struct uuid other;

    given_a_partition();
    other = event((struct sent){.tenant = "b", .device = "d", .user = "v", .event_time = T0})->canonical;
    resolve(RESOLVE_ANONYMOUS, "d");
    CHECK(!question.answer.resolve->is_known);
    event((struct sent){.device = "d", .user = "u", .event_time = T0});
    CHECK_EQ(outcome.event.person, 0);
    resolve(RESOLVE_ANONYMOUS, "d");
    CHECK_TEXT(question.answer.resolve->owner, "u");
    resolve(RESOLVE_USER, "v");
    CHECK(!question.answer.resolve->is_known);

    char canonical[UUID_TEXT_BYTES];
    uuid_format(other, canonical);
    resolve(RESOLVE_CANONICAL, canonical);
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
        CHECK_EQ(partition_answer(&partition, &question, NULL), 0);
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
    CHECK_EQ(partition_answer(&partition, &question, NULL), 0);
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.users[0], 3);
    CHECK_EQ(question.answer.users[1], 1);
    CHECK_EQ(question.answer.users[2], 0);
    then_nothing_is_left();
}

/* Time that is over whenever somebody looks. */
static struct mono_ns
late(void *context)
{
    (void)context;
    return (struct mono_ns){.ns = 1};
}

static const struct time_slice no_time = {.until = {.ns = 0}, .now = late};

#define MANY 1000u

static uint32_t many[MANY];

static void
given_many_people(void)
{
    given_a_partition();
    event((struct sent){.device = "a", .event_time = T0});
    event((struct sent){.user = "u", .event_time = T0});
    event((struct sent){.user = "v", .event_time = T0});
    for (uint32_t i = 0; i < MANY; i++) {
        many[i] = i % 3;
    }
}

static uint32_t
pieces_until_answered(void)
{
    uint32_t count = 1;

    while (partition_answer(&partition, &question, &no_time) == PARTITION_MORE) {
        count++;
    }
    return count;
}

static void
ask_for_users(struct person_set *sets, uint32_t count)
{
    question = (struct question){.kind = QUESTION_USERS};
    question.ask.users.sets = sets;
    question.ask.users.count = count;
    arena_init(&question.arena, &pool, 0);
}

TEST(users_are_counted_in_pieces)
{
    struct person_set sets[] = {
        {.persons = many, .count = MANY}, {.persons = many, .count = 2}, {.persons = many, .count = MANY}};

    given_many_people();
    ask_for_users(sets, COUNT_OF(sets));
    CHECK(pieces_until_answered() >= 4 * (MANY / 64));
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.users[0], 3);
    CHECK_EQ(question.answer.users[1], 2);
    CHECK_EQ(question.answer.users[2], 3);
    then_nothing_is_left();
}

TEST(a_merge_between_two_pieces_makes_counted_users_stale)
{
    struct person_set sets[] = {{.persons = many, .count = MANY}};

    given_many_people();
    ask_for_users(sets, COUNT_OF(sets));
    CHECK_EQ(partition_answer(&partition, &question, &no_time), PARTITION_MORE);
    event((struct sent){.device = "a", .user = "u", .event_time = T0});
    CHECK_EQ(pieces_until_answered(), 1);
    CHECK_EQ(question.fault, -ESTALE);
    CHECK(question.answer.users == NULL);

    ask_for_users(sets, COUNT_OF(sets));
    CHECK(pieces_until_answered() > 1);
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.users[0], 2);
    then_nothing_is_left();
}

TEST(counting_that_is_forgotten_leaves_nothing)
{
    struct person_set sets[] = {{.persons = many, .count = MANY}};

    given_many_people();
    ask_for_users(sets, COUNT_OF(sets));
    CHECK_EQ(partition_answer(&partition, &question, &no_time), PARTITION_MORE);
    partition_forget(&partition, &question);
    CHECK_EQ(question.fault, -ETIMEDOUT);
    then_nothing_is_left();
}

TEST(who_people_are_is_told_of_one_moment_however_many_pieces_it_takes)
{
    given_many_people();
    question = (struct question){.kind = QUESTION_PEOPLE};
    question.ask.people.persons = many;
    question.ask.people.count = MANY;
    arena_init(&question.arena, &pool, 0);
    CHECK_EQ(partition_answer(&partition, &question, &no_time), PARTITION_MORE);
    event((struct sent){.device = "a", .user = "u", .event_time = T0}); /* person 0 becomes 1 */
    CHECK(pieces_until_answered() > 10);
    CHECK_EQ(question.fault, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK_EQ(question.answer.people->winners[i].person, i % 3 == 2 ? 2 : 1);
    }
    then_nothing_is_left();
}

TEST(tenants_are_listed_in_pieces)
{
    char names[300][16];

    given_a_partition();
    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(names[i], sizeof(names[i]), "tenant %u", i);
        event((struct sent){.tenant = names[i], .event_time = T0});
    }
    question = (struct question){.kind = QUESTION_TENANTS};
    arena_init(&question.arena, &pool, 0);
    CHECK(pieces_until_answered() > 3);
    CHECK_EQ(question.answer.tenants->count, COUNT_OF(names));
    CHECK_TEXT(question.answer.tenants->rows[299].tenant_id, "tenant 299");
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
        CHECK_EQ(partition_answer(&partition, &question, NULL), 0);
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
        {.dimension = DIMENSION_COUNTRY, .equals = TEXT("(other)")},
    };

    given_a_partition();
    event((struct sent){.country = "DE", .event_time = T0});
    for (uint32_t i = 0; i < 2; i++) {
        question = (struct question){.kind = QUESTION_STAMP};
        question.ask.stamp.tenant_id = TEXT("acme");
        question.ask.stamp.values = values;
        question.ask.stamp.value_count = COUNT_OF(values);
        arena_init(&question.arena, &pool, 0);
        CHECK_EQ(partition_answer(&partition, &question, NULL), 0);
        CHECK_EQ(question.answer.stamp->row.total_events, 1);
        CHECK_EQ(question.answer.stamp->out_of_orderness_ms, OUT_OF_ORDERNESS);
        CHECK_EQ(values[0].code, CODE_FIRST);
        CHECK_EQ(values[1].code, CODE_UNKNOWN);
        CHECK_EQ(values[2].code, CODE_NONE);
        CHECK_EQ(values[3].code, CODE_UNKNOWN);
        CHECK_EQ(values[4].code, CODE_OTHER);
        for (uint32_t v = 0; v < COUNT_OF(values); v++) {
            CHECK_EQ(values[v].is_unseen, values[v].code == CODE_UNKNOWN);
        }
        arena_reset(&question.arena);
    }
    then_nothing_is_left();
}

TEST(a_question_of_a_slice_is_not_for_a_partition)
{
    given_a_partition();
    question = (struct question){.kind = QUESTION_PROFILE};
    CHECK_DIES((void)!partition_answer(&partition, &question, NULL));
    then_nothing_is_left();
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

/* Look-ups that answer later. */

static struct question second;

TEST(a_question_waits_for_its_key_and_holds_up_no_other)
{
    given_a_partition();
    event((struct sent){.device = "d", .user = "u", .event_time = T0});
    late_percent = 100;
    CHECK(partition_answered(&partition) == NULL);
    CHECK_EQ(ask_resolve(&question, RESOLVE_USER, "u"), LOG_STORE_LATER);
    CHECK(partition_answered(&partition) == NULL);
    late_percent = 0;
    CHECK_EQ(ask_resolve(&second, RESOLVE_ANONYMOUS, "d"), 0); /* came later, and is answered */
    CHECK_EQ(second.answer.resolve->winner.person, 0);
    arena_reset(&second.arena);

    /* The first goes on by three look-ups: the identifier, the canonical, its other identifier. */
    late_percent = 100;
    CHECK_EQ(log_store_arrive(partition.identities, 9), 1 + 1 + 1);
    CHECK(partition_answered(&partition) == &question);
    CHECK(partition_answered(&partition) == NULL);
    CHECK_EQ(question.fault, 0);
    CHECK(question.answer.resolve->is_known);
    CHECK_TEXT(question.answer.resolve->owner, "u");
    CHECK_EQ(question.answer.resolve->user_id_count, 1);
    CHECK_TEXT(question.answer.resolve->anonymous_ids[0], "d");
    then_nothing_is_left();
}

TEST(who_people_are_waits_for_their_uuids_and_is_of_one_moment)
{
    static char devices[150][8];
    static uint32_t persons[2 * COUNT_OF(devices)];
    uint64_t arrived;

    given_a_partition();
    for (uint32_t i = 0; i < COUNT_OF(devices); i++) {
        snprintf(devices[i], sizeof(devices[i]), "d%u", i);
        CHECK_EQ(event((struct sent){.device = devices[i], .event_time = T0})->person, i);
        persons[i] = i;
        persons[COUNT_OF(devices) + i] = i * 77 % COUNT_OF(devices);
    }
    event((struct sent){.user = "u", .event_time = T0});
    question = (struct question){.kind = QUESTION_PEOPLE};
    question.ask.people.persons = persons;
    question.ask.people.count = COUNT_OF(persons);
    arena_init(&question.arena, &pool, 0);
    late_percent = 100;
    CHECK_EQ(partition_answer(&partition, &question, &no_time), LOG_STORE_LATER);
    late_percent = 0;
    event((struct sent){.device = "d3", .user = "u", .event_time = T0});
    CHECK_EQ(outcome.merge_count, 1);
    for (arrived = 0; partition_answered(&partition) != &question; arrived++) {
        CHECK_EQ(log_store_arrive(partition.identities, 1), 1);
    }
    CHECK(arrived > 3);
    CHECK_EQ(question.fault, 0);
    for (uint32_t i = 0; i < COUNT_OF(persons); i++) {
        const struct member *winner = &question.answer.people->winners[i];

        CHECK_EQ(winner->person, persons[i] == 3 ? 150 : persons[i]);
        CHECK_EQ(winner->slice, node_slice(&node, winner->canonical));
    }
    for (uint32_t i = 0; i < COUNT_OF(devices); i += 49) {
        struct uuid canonical = question.answer.people->winners[i].canonical;

        CHECK_EQ(ask_resolve(&second, RESOLVE_ANONYMOUS, devices[i]), 0);
        CHECK(uuid_equal(second.answer.resolve->winner.canonical, canonical));
        arena_reset(&second.arena);
    }
    then_nothing_is_left();
}

TEST(questions_that_wait_are_answered_as_their_keys_come)
{
    given_a_partition();
    event((struct sent){.user = "u", .event_time = T0});
    event((struct sent){.user = "v", .event_time = T0});
    late_percent = 100;
    CHECK_EQ(ask_resolve(&question, RESOLVE_USER, "u"), LOG_STORE_LATER);
    CHECK_EQ(ask_resolve(&second, RESOLVE_USER, "nobody"), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(partition.identities, 2), 2);
    CHECK(partition_answered(&partition) == &second);
    CHECK(!second.answer.resolve->is_known);
    CHECK(second.answer.resolve->reading.is_known);
    arena_reset(&second.arena);
    CHECK(partition_answered(&partition) == NULL);

    CHECK_EQ(ask_resolve(&second, RESOLVE_USER, "v"), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(partition.identities, 99), 3);
    CHECK(partition_answered(&partition) != NULL);
    CHECK(partition_answered(&partition) != NULL);
    CHECK(partition_answered(&partition) == NULL);
    CHECK_EQ(question.answer.resolve->winner.person, 0);
    CHECK_EQ(second.answer.resolve->winner.person, 1);
    arena_reset(&second.arena);
    then_nothing_is_left();
}

/* The log goes on while a question waits: its answer is of one moment all the same. */
TEST(who_is_merged_while_a_question_waits_answers_with_the_winner)
{
    const struct resolve_answer *answer;

    given_a_partition();
    event((struct sent){.device = "d", .event_time = T0});
    event((struct sent){.user = "u", .event_time = T0});
    late_percent = 100;
    CHECK_EQ(ask_resolve(&question, RESOLVE_ANONYMOUS, "d"), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(partition.identities, 1), 1); /* it is person 0, whose canonical is asked for */
    late_percent = 0;
    event((struct sent){.device = "d", .user = "u", .event_time = T0 + 1});
    CHECK_EQ(outcome.merge_count, 1);
    CHECK_EQ(log_store_arrive(partition.identities, 1), 1); /* arrives as one that was merged */
    CHECK(partition_answered(&partition) == &question);
    answer = question.answer.resolve;
    CHECK_EQ(answer->winner.person, 1);
    CHECK_EQ(answer->member_count, 2);
    CHECK_EQ(answer->user_id_count, 1);
    CHECK_EQ(answer->anonymous_id_count, 1);
    CHECK_EQ(answer->reading.position, 3);
    then_nothing_is_left();
}

TEST(what_changes_hands_while_a_question_waits_is_looked_up_again)
{
    const struct resolve_answer *answer;

    given_a_partition();
    event((struct sent){.device = "d", .user = "u", .event_time = T0});
    late_percent = 100;
    CHECK_EQ(ask_resolve(&question, RESOLVE_ANONYMOUS, "d"), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(partition.identities, 1), 1); /* it is u, whose canonical is asked for */
    late_percent = 0;
    event((struct sent){.device = "d", .user = "v", .event_time = T0 + 1});
    CHECK_EQ(log_store_arrive(partition.identities, 1), 1);
    CHECK(partition_answered(&partition) == &question);
    answer = question.answer.resolve;
    CHECK_EQ(answer->reading.position, 2);
    CHECK_TEXT(answer->owner, "v");
    CHECK_TEXT(answer->anonymous_ids[0], "d");
    then_nothing_is_left();
}

TEST(who_changes_while_the_last_look_ups_wait_is_answered_as_it_was)
{
    const struct resolve_answer *answer;

    given_a_partition();
    event((struct sent){.device = "d", .user = "u", .event_time = T0});
    late_percent = 100;
    CHECK_EQ(ask_resolve(&question, RESOLVE_USER, "u"), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(partition.identities, 1), 1);
    CHECK_EQ(log_store_arrive(partition.identities, 1), 1);
    late_percent = 0;
    event((struct sent){.device = "e", .user = "u", .event_time = T0 + 1}); /* its record moves, too */
    event((struct sent){.device = "d", .user = "v", .event_time = T0 + 2}); /* changes hands */
    CHECK_EQ(log_store_arrive(partition.identities, 9), 1);
    CHECK(partition_answered(&partition) == &question);
    answer = question.answer.resolve;
    CHECK_EQ(answer->reading.position, 1);
    CHECK_EQ(answer->user_id_count, 1);
    CHECK_EQ(answer->anonymous_id_count, 1);
    CHECK_TEXT(answer->anonymous_ids[0], "d");
    then_nothing_is_left();
}

TEST(an_answer_that_does_not_fit_is_too_big_however_late_it_is)
{
    given_a_partition();
    event((struct sent){.event_time = T0});
    late_percent = 100;
    for (uint64_t bytes_max = 16; bytes_max < 600; bytes_max += 16) {
        int r;

        question = (struct question){.kind = QUESTION_RESOLVE};
        question.ask.resolve.tenant_id = TEXT("acme");
        question.ask.resolve.by = RESOLVE_ANONYMOUS;
        question.ask.resolve.value = TEXT("d");
        arena_init(&question.arena, &pool, bytes_max);
        r = partition_answer(&partition, &question, NULL);
        if (r == LOG_STORE_LATER) {
            CHECK(log_store_arrive(partition.identities, 9) > 0);
            CHECK(partition_answered(&partition) == &question);
        }
        CHECK((question.fault == -E2BIG) == (question.answer.resolve == NULL));
        CHECK(question.fault == -E2BIG || question.answer.resolve->is_known);
        CHECK(bytes_max > 48 || question.fault == -E2BIG);
        arena_reset(&question.arena);
    }
    CHECK(question.fault == 0);
    then_nothing_is_left();
}
