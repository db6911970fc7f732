/* SPDX-License-Identifier: Apache-2.0 */

/* the semantics, row by row. */

#include "tests/unit/identity_world.h"

static const struct merge *
newest_merge(void)
{
    CHECK(merges_count(&identity.merges) > 0);
    return merges_at(&identity.merges, merges_count(&identity.merges) - 1);
}

static void
then_it_was_quiet(void)
{
    CHECK_EQ(outcome.merge_count, 0);
    CHECK(!outcome.alias_refused);
    CHECK(!outcome.limit_reached);
}

static uint32_t
fill_with_devices(const char *user_id, uint32_t until)
{
    uint32_t person = event(NULL, user_id);
    char device[300];

    for (uint32_t i = canonical_of(person)->identifier_count; i < until; i++) {
        snprintf(device, sizeof(device), "device %u of %s", i, user_id);
        CHECK_EQ(event(device, user_id), person);
        then_it_was_quiet();
    }
    CHECK_EQ(canonical_of(person)->identifier_count, until);
    return person;
}

TEST(memory_failing_at_every_point_is_said)
{
    uint32_t opened_count = 0;

    for (uint64_t limit = 32 * 1024; limit <= 512 * 1024; limit += 4096) {
        uint32_t count = 0;
        int r = 0;

        if (!has_memory(limit, 1)) {
            continue;
        }
        opened_count++;
        while (r == 0) {
            char device[32];
            char user[32];

            snprintf(device, sizeof(device), "d%u", count);
            snprintf(user, sizeof(user), "u%u", count);
            r = try_event("click", device, count % 3 == 0 ? user : NULL, NULL);
            count++;
            CHECK(count < 10000);
        }
        CHECK_EQ(r, -ENOMEM);
        then_nothing_is_left();
    }
    CHECK(opened_count > 50);
}

TEST(an_event_of_nobody_is_refused)
{
    given_nobody();
    CHECK_DIES(CHECK_EQ(try_event("click", NULL, NULL, "p"), 0));
    then_nothing_is_left();
}

TEST(nobody_is_found_before_the_first_event)
{
    struct uuid uuid = uuid_v5(identity.tenant_namespace, TEXT("user:u"));

    given_nobody();
    CHECK_EQ(of_user("u"), IDENTITY_NONE);
    CHECK_EQ(of_device(""), IDENTITY_NONE);
    CHECK_EQ(of_uuid(uuid), IDENTITY_NONE);
    CHECK_EQ(identity_living_count(&identity), 0);
    then_nothing_is_left();
}

/* The table. */

TEST(an_unknown_device_makes_a_person_without_owner)
{
    given_nobody();
    CHECK_EQ(event("d", NULL), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "d");
    CHECK_TEXT(owner_of(0), "");
    CHECK_EQ(identity_living_count(&identity), 1);
    then_nothing_is_left();
}

TEST(a_known_device_is_its_person)
{
    given_nobody();
    event("d", NULL);
    CHECK_EQ(event("d", NULL), 0);
    then_it_was_quiet();
    CHECK_EQ(event("e", NULL), 1);
    CHECK_EQ(event("d", NULL), 0);
    CHECK_EQ(identity_living_count(&identity), 2);
    then_nothing_is_left();
}

TEST(an_unknown_user_makes_a_person_and_owns_it)
{
    given_nobody();
    CHECK_EQ(event(NULL, "u"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u");
    CHECK_TEXT(owner_of(0), "u");
    CHECK_EQ(event(NULL, "u"), 0);
    then_it_was_quiet();
    then_nothing_is_left();
}

TEST(a_device_and_a_user_of_the_same_value_are_two)
{
    given_nobody();
    CHECK_EQ(event("x", NULL), 0);
    CHECK_EQ(event(NULL, "x"), 1);
    CHECK_EQ(of_device("x"), 0);
    CHECK_EQ(of_user("x"), 1);
    CHECK_EQ(event("X", NULL), 2); /* bytes, not letters */
    then_nothing_is_left();
}

TEST(an_unknown_device_and_an_unknown_user_are_one_new_person)
{
    given_nobody();
    CHECK_EQ(event("d", "u"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u d");
    CHECK_TEXT(owner_of(0), "u");
    then_nothing_is_left();
}

TEST(an_unknown_device_is_linked_to_its_known_user)
{
    given_nobody();
    event(NULL, "u");
    CHECK_EQ(event("d", "u"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u d");
    CHECK_EQ(event("e", "u"), 0);
    CHECK_TEXT(names_of(0), "u d e");
    then_nothing_is_left();
}

TEST(an_unknown_user_takes_an_ownerless_device_as_it_is)
{
    given_nobody();
    event("d", NULL);
    CHECK_EQ(event("d", "u"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "d u");
    CHECK_TEXT(owner_of(0), "u");
    CHECK_EQ(identity_living_count(&identity), 1);
    then_nothing_is_left();
}

TEST(an_unknown_user_on_an_owned_device_is_a_new_person_and_takes_the_device)
{
    given_nobody();
    event("d", "u");
    event("e", "u");
    CHECK_EQ(event("d", "v"), 1);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u e");
    CHECK_TEXT(names_of(1), "v d");
    CHECK_TEXT(owner_of(0), "u");
    CHECK_TEXT(owner_of(1), "v");
    CHECK_EQ(event("d", NULL), 1); /* who signed in last */
    then_nothing_is_left();
}

TEST(a_device_and_its_own_user_change_nothing)
{
    given_nobody();
    event("d", "u");
    CHECK_EQ(event("d", "u"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u d");
    then_nothing_is_left();
}

TEST(an_ownerless_person_is_merged_into_the_user)
{
    given_nobody();
    event("d", NULL);
    event(NULL, "u");
    CHECK_EQ(event("d", "u"), 1);
    CHECK_EQ(outcome.merge_count, 1);
    CHECK(!outcome.limit_reached);
    CHECK_EQ(newest_merge()->loser, 0);
    CHECK_EQ(newest_merge()->winner, 1);
    CHECK_EQ(newest_merge()->position, 2);
    CHECK_EQ(newest_merge()->event_time.ms, 1002);
    CHECK_TEXT(names_of(1), "u d");
    CHECK_TEXT(names_of(0), "");
    CHECK_EQ(identity_living_count(&identity), 1);
    CHECK_EQ(event("d", NULL), 1);
    then_it_was_quiet();
    CHECK_EQ(of_uuid(uuid_of(0)), 1);
    then_nothing_is_left();
}

TEST(an_owned_device_is_relinked_to_another_known_user_without_a_merge)
{
    given_nobody();
    event("d", "u");
    event("e", "v");
    CHECK_EQ(event("d", "v"), 1);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u");
    CHECK_TEXT(names_of(1), "v e d");
    CHECK_EQ(event("d", "u"), 0); /* and back */
    CHECK_TEXT(names_of(0), "u d");
    CHECK_TEXT(names_of(1), "v e");
    CHECK_EQ(identity_living_count(&identity), 2);
    then_nothing_is_left();
}

TEST(first_middle_and_last_devices_change_hands)
{
    given_nobody();
    event("a", NULL);
    event("b", NULL);
    event("c", NULL);
    event(NULL, "u");
    event(NULL, "v");
    event("a", "u");
    event("b", "u");
    event("c", "u");
    CHECK_TEXT(names_of(of_user("u")), "u a b c");
    event("b", "v");
    CHECK_TEXT(names_of(of_user("u")), "u a c");
    event("c", "v");
    CHECK_TEXT(names_of(of_user("u")), "u a");
    event("a", "v");
    CHECK_TEXT(names_of(of_user("u")), "u");
    CHECK_TEXT(names_of(of_user("v")), "v b c a");

    /* A person that began as a device: its first identifier goes. */
    event("z", NULL);
    event("z", "w");
    CHECK_TEXT(names_of(of_user("w")), "z w");
    event("z", "v");
    CHECK_TEXT(names_of(of_user("w")), "w");
    CHECK_TEXT(names_of(of_user("v")), "v b c a z");
    then_nothing_is_left();
}

TEST(a_device_of_merged_people_can_be_relinked)
{
    given_nobody();
    event("d", NULL);
    event(NULL, "u");
    event("d", "u"); /* 0 merged into 1; d still says 0 */
    CHECK_EQ(event("d", "v"), 2);
    CHECK_TEXT(names_of(1), "u");
    CHECK_TEXT(names_of(2), "v d");
    CHECK_EQ(event("d", NULL), 2);
    CHECK_EQ(of_uuid(uuid_of(0)), 1); /* the merged stay merged */
    then_nothing_is_left();
}

static uint32_t
written_in_device(const char *anonymous_id)
{
    const struct identifier *identifier = record_of(IDENTITY_ANONYMOUS, text_of(anonymous_id));

    CHECK(uuid_equal(identifier->uuid, uuid_of(identifier->person)));
    return identifier->person;
}

TEST(a_device_of_the_merged_names_the_winner_from_its_next_event_on)
{
    given_nobody();
    event("d", NULL);
    event(NULL, "u");
    event("d", "u");
    CHECK_EQ(written_in_device("d"), 0);
    CHECK_EQ(event("d", "u"), 1);
    CHECK_EQ(written_in_device("d"), 1);
    CHECK_EQ(event("d", NULL), 1);
    CHECK_TEXT(names_of(1), "u d");
    CHECK_EQ(event("d", "v"), 2); /* and can change hands as before */
    CHECK_TEXT(names_of(1), "u");
    CHECK_TEXT(names_of(2), "v d");
    then_nothing_is_left();
}

/* Alias. */

TEST(an_alias_without_a_user_is_an_ordinary_event)
{
    given_nobody();
    CHECK_EQ(alias("p", NULL, "d"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "d");
    CHECK_EQ(of_device("p"), IDENTITY_NONE);
    then_nothing_is_left();
}

TEST(an_alias_without_a_previous_id_or_to_itself_is_an_ordinary_event)
{
    given_nobody();
    event("u", NULL);
    CHECK_EQ(alias(NULL, "u", NULL), 1);
    then_it_was_quiet();
    CHECK_EQ(alias("u", "u", NULL), 1);
    then_it_was_quiet();
    CHECK_EQ(identity_living_count(&identity), 2); /* the device "u" was not asked */
    then_nothing_is_left();
}

TEST(only_an_alias_uses_the_previous_id)
{
    given_nobody();
    event("p", NULL);
    CHECK_EQ(try_event("Alias", NULL, "u", "p"), 0);
    then_it_was_quiet();
    CHECK(of_device("p") != of_user("u"));
    then_nothing_is_left();
}

TEST(an_alias_of_two_unknown_makes_one_person)
{
    given_nobody();
    CHECK_EQ(alias("p", "u", NULL), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u p");
    CHECK_TEXT(owner_of(0), "u");
    CHECK_EQ(of_device("p"), 0);
    CHECK_EQ(of_user("p"), IDENTITY_NONE);
    then_nothing_is_left();
}

TEST(an_alias_of_an_unknown_id_links_it_to_the_known_user)
{
    given_nobody();
    event("d", "u");
    CHECK_EQ(alias("p", "u", NULL), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "u d p");
    then_nothing_is_left();
}

TEST(an_alias_gives_an_ownerless_person_its_owner)
{
    given_nobody();
    event("p", NULL);
    CHECK_EQ(alias("p", "u", NULL), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "p u");
    CHECK_TEXT(owner_of(0), "u");
    then_nothing_is_left();
}

TEST(an_alias_of_an_owned_person_to_an_unknown_user_is_refused)
{
    given_nobody();
    event("p", "v");
    CHECK_EQ(alias("p", "u", NULL), 1);
    CHECK(outcome.alias_refused);
    CHECK_EQ(outcome.merge_count, 0);
    CHECK_TEXT(names_of(0), "v p");
    CHECK_TEXT(names_of(1), "u");
    then_nothing_is_left();
}

TEST(an_alias_merges_an_ownerless_person_into_the_user)
{
    given_nobody();
    event("p", NULL);
    event(NULL, "u");
    CHECK_EQ(alias("p", "u", NULL), 1);
    CHECK_EQ(outcome.merge_count, 1);
    CHECK(!outcome.alias_refused);
    CHECK_EQ(newest_merge()->loser, 0);
    CHECK_EQ(newest_merge()->winner, 1);
    CHECK_TEXT(names_of(1), "u p");
    then_nothing_is_left();
}

TEST(an_alias_of_two_owned_people_is_refused)
{
    given_nobody();
    event(NULL, "v");
    event(NULL, "u");
    CHECK_EQ(alias("v", "u", NULL), 1);
    CHECK(outcome.alias_refused);
    CHECK_EQ(outcome.merge_count, 0);
    CHECK_EQ(identity_living_count(&identity), 2);
    then_nothing_is_left();
}

TEST(an_alias_within_one_person_changes_nothing)
{
    given_nobody();
    event("p", "u");
    CHECK_EQ(alias("p", "u", NULL), 0);
    then_it_was_quiet();
    then_nothing_is_left();
}

TEST(a_previous_id_is_a_user_before_it_is_a_device)
{
    given_nobody();
    event("p", NULL); /* 0, ownerless: could be merged */
    event(NULL, "p"); /* 1, owned: cannot */
    event(NULL, "u");
    CHECK_EQ(alias("p", "u", NULL), 2);
    CHECK(outcome.alias_refused);
    CHECK_EQ(of_device("p"), 0);
    then_nothing_is_left();
}

TEST(an_aliased_events_device_takes_part_by_the_table)
{
    given_nobody();
    event("p", NULL);
    event("d", NULL);
    event(NULL, "u");
    CHECK_EQ(alias("p", "u", "d"), 2);
    CHECK_EQ(outcome.merge_count, 2); /* first the previous, then the device */
    const struct merge *first = merges_at(&identity.merges, 0);
    const struct merge *second = merges_at(&identity.merges, 1);
    CHECK_EQ(first->loser, 0);
    CHECK_EQ(second->loser, 1);
    CHECK_TEXT(names_of(2), "u p d");
    CHECK_EQ(identity_living_count(&identity), 1);

    event("e", "v");
    CHECK_EQ(alias("q", "w", "e"), 4); /* both unknown, and the device changes hands */
    then_it_was_quiet();
    CHECK_TEXT(names_of(4), "w q e");
    CHECK_TEXT(names_of(3), "v");
    then_nothing_is_left();
}

TEST(an_alias_of_its_own_device_is_the_table_once)
{
    given_nobody();
    event("p", NULL);
    CHECK_EQ(alias("p", "u", "p"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "p u");
    CHECK_EQ(alias("q", "u", "q"), 0);
    then_it_was_quiet();
    CHECK_TEXT(names_of(0), "p u q");
    then_nothing_is_left();
}

/* Limits. */

TEST(a_user_with_500_identifiers_takes_no_new_device)
{
    uint32_t person;

    given_nobody();
    person = fill_with_devices("u", 499);
    CHECK_EQ(event("the last", "u"), person);
    then_it_was_quiet();
    CHECK_EQ(event("one more", "u"), person);
    CHECK(outcome.limit_reached);
    CHECK_EQ(of_device("one more"), IDENTITY_NONE);
    CHECK_EQ(event("the last", "u"), person);
    then_it_was_quiet();
    CHECK_EQ(event("one more", NULL), person + 1); /* a person of its own */
    then_it_was_quiet();
    then_nothing_is_left();
}

TEST(a_user_with_500_identifiers_takes_no_device_of_others)
{
    uint32_t person;

    given_nobody();
    person = fill_with_devices("u", 500);
    event("d", "v");
    event("e", NULL);
    CHECK_EQ(event("d", "u"), person);
    CHECK(outcome.limit_reached);
    CHECK_EQ(of_device("d"), of_user("v"));

    CHECK_EQ(event("e", "u"), person);
    CHECK(outcome.limit_reached);
    CHECK_EQ(outcome.merge_count, 0);
    CHECK(of_device("e") != person);
    CHECK_EQ(alias("e", "u", NULL), person);
    CHECK(outcome.limit_reached);
    CHECK_EQ(outcome.merge_count, 0);
    CHECK_EQ(alias("unheard of", "u", NULL), person);
    CHECK(outcome.limit_reached);
    CHECK_EQ(of_device("unheard of"), IDENTITY_NONE);
    CHECK_EQ(canonical_of(person)->identifier_count, 500);
    then_nothing_is_left();
}

/* An ownerless person has one identifier: whoever links a second one owns it. */
TEST(a_merge_needs_room_for_the_losers_identifier)
{
    uint32_t person;

    given_nobody();
    person = fill_with_devices("u", 498);
    event("a", NULL);
    CHECK_EQ(event("a", "u"), person); /* 499 */
    CHECK_EQ(outcome.merge_count, 1);

    event("b", NULL);
    CHECK_EQ(event("b", "u"), person); /* 500, exactly full */
    CHECK_EQ(outcome.merge_count, 1);
    CHECK(!outcome.limit_reached);
    CHECK_EQ(canonical_of(person)->identifier_count, 500);
    event("c", NULL);
    CHECK_EQ(event("c", "u"), person);
    CHECK_EQ(outcome.merge_count, 0);
    CHECK(outcome.limit_reached);
    then_nothing_is_left();
}

TEST(a_full_user_gives_room_back_when_a_device_changes_hands)
{
    uint32_t person;

    given_nobody();
    person = fill_with_devices("u", 499);
    event("d", "u");
    event("d", "v");
    CHECK_EQ(event("e", "u"), person);
    then_it_was_quiet();
    CHECK_EQ(of_device("e"), person);
    then_nothing_is_left();
}

TEST(a_person_wins_1000_merges_and_no_more)
{
    uint32_t person;

    given_nobody();
    person = event(NULL, "u");
    for (uint32_t i = 0; i < IDENTITY_MERGES_MAX; i++) {
        char device[32];
        char other[32];

        snprintf(device, sizeof(device), "d%u", i);
        snprintf(other, sizeof(other), "w%u", i);
        event(device, NULL);
        CHECK_EQ(event(device, "u"), person);
        CHECK_EQ(outcome.merge_count, 1);
        event(device, other); /* goes on, so that the limit of identifiers is not what ends it */
    }
    event("late", NULL);
    CHECK_EQ(event("late", "u"), person);
    CHECK_EQ(outcome.merge_count, 0);
    CHECK(outcome.limit_reached);
    CHECK(of_device("late") != person);
    CHECK_EQ(alias("late", "u", NULL), person);
    CHECK(outcome.limit_reached);
    CHECK_EQ(event("linked", "u"), person); /* a link is not a merge */
    then_it_was_quiet();
    then_nothing_is_left();
}

/* Names. */

static void
then_canonical_is(uint32_t person, const char *name)
{
    struct uuid space = uuid_v5(UUID_NAMESPACE_OID, TEXT("millrace/acme"));
    struct uuid expected = uuid_v5(space, text_of(name));

    CHECK_BYTES(uuid_of(person).byte, expected.byte, 16);
    CHECK_EQ(of_uuid(expected), merges_living(&identity.merges, person));
}

TEST(a_person_is_named_after_the_user_else_the_device_that_made_it)
{
    given_nobody();
    then_canonical_is(event("d", NULL), "anon:d");
    then_canonical_is(event("d", "u"), "anon:d"); /* the name stays */
    then_canonical_is(event(NULL, "v"), "user:v");
    then_canonical_is(event("e", "w"), "user:w");
    then_canonical_is(event("d", "x"), "user:x");
    then_canonical_is(alias("p", "y", NULL), "user:y");
    then_nothing_is_left();
}

TEST(a_known_canonical_id)
{
    char text[UUID_TEXT_BYTES];

    given_nobody();
    event(NULL, "42");
    uuid_format(uuid_of(0), text);
    /* python3: uuid5(uuid5(NAMESPACE_OID, "millrace/acme"), "user:42") */
    CHECK_TEXT(text, "35af7816-d6d6-5973-af60-d67490c27e0e");
    then_nothing_is_left();
}

TEST(the_longest_identifiers_have_names_too)
{
    char device[257];
    char user[257];
    char name[300];

    given_nobody();
    memset(device, 'd', 256);
    memset(user, 'u', 256);
    device[256] = 0;
    user[256] = 0;
    event(device, user);
    snprintf(name, sizeof(name), "user:%s", user);
    then_canonical_is(0, name);
    CHECK_EQ(of_device(device), 0);
    then_nothing_is_left();
}

/* As a deletion would leave it: the canonical stays behind, its identifiers are gone. */
static void
given_the_name_was_used(const char *name)
{
    struct uuid uuid = uuid_v5(uuid_v5(UUID_NAMESPACE_OID, TEXT("millrace/acme")), text_of(name));
    struct canonical *canonical =
        log_store_add(store, identity_canonical_key(&identity, uuid), sizeof(*canonical));

    CHECK(canonical != NULL);
    *canonical = (struct canonical){.kind = IDENTITY_CANONICAL, .person = 12345};
}

TEST(a_name_that_was_used_is_counted_on)
{
    given_nobody();
    given_the_name_was_used("user:u");
    given_the_name_was_used("anon:d");
    given_the_name_was_used("user:v");
    given_the_name_was_used("user/1:v");
    then_canonical_is(event(NULL, "u"), "user/1:u");
    then_canonical_is(event("d", NULL), "anon/1:d");
    late_percent = 100;
    then_canonical_is(event("e", "v"), "user/2:v");
    then_nothing_is_left();
}

/* Chains of merges. */

TEST(a_chain_of_merges_ends_at_the_one_that_lives)
{
    uint32_t last;

    given_nobody();
    /* Whom an event merges into has an owner, and is merged into nobody: only an administrative merge makes chains. */
    for (uint32_t i = 0; i < 200; i++) {
        char device[16];

        snprintf(device, sizeof(device), "d%u", i);
        CHECK_EQ(event(device, NULL), i);
    }
    for (uint32_t i = 0; i + 1 < 200; i++) {
        CHECK_EQ(merges_add(&identity.merges, (struct merge){.loser = i,
                                                             .winner = i + 1,
                                                             .loser_uuid = uuid_of(i),
                                                             .winner_uuid = uuid_of(i + 1)}),
                 0);
    }
    last = 199;
    CHECK_EQ(of_device("d100"), last);
    CHECK_EQ(of_device("d0"), last);
    for (uint32_t i = 0; i < 200; i++) {
        CHECK_EQ(merges_living(&identity.merges, i), last);
    }
    then_nothing_is_left();
}

static uint32_t
loser_of(uint32_t merge)
{
    return merges_at(&identity.merges, merge)->loser;
}

TEST(the_merged_are_listed_newest_first)
{
    uint32_t merge;

    given_nobody();
    event("a", NULL);
    event("b", NULL);
    event("c", NULL);
    event(NULL, "u");
    event("b", "u");
    event("a", "u");
    event("c", "u");
    CHECK_EQ(canonical_of(3)->merge_count, 3);
    CHECK_EQ(canonical_of(3)->merged_count, 3);
    merge = merges_newest(&identity.merges, 3);
    CHECK_EQ(loser_of(merge), 2);
    merge = merges_at(&identity.merges, merge)->before;
    CHECK_EQ(loser_of(merge), 0);
    merge = merges_at(&identity.merges, merge)->before;
    CHECK_EQ(loser_of(merge), 1);
    CHECK_EQ(merges_at(&identity.merges, merge)->before, IDENTITY_NONE);
    CHECK_TEXT(names_of(3), "u b a c");
    then_nothing_is_left();
}

TEST(a_uuid_is_found_by_its_number)
{
    given_nobody();
    for (uint32_t i = 0; i < 3 * IDENTITY_PEOPLE_COUNT + 1; i++) {
        char device[16];

        snprintf(device, sizeof(device), "d%u", i);
        CHECK_EQ(event(device, NULL), i);
        for (uint32_t other = 0; other <= i; other++) {
            CHECK_EQ(of_uuid(uuid_of(other)), other);
        }
    }
    then_nothing_is_left();
}

/* Checkpoints. */

static struct identity restored;

static void
when_it_is_restored(uint32_t portion)
{
    identity_init(&restored, &region, store, TEXT("acme"), (struct hash_key){.lo = 99, .hi = 7});
    identity_restore(&restored, identity.person_count);
    for (uint32_t i = 0; i < merges_count(&identity.merges); i += portion) {
        struct merge rows[8];
        uint32_t count = 0;

        while (count < portion && i + count < merges_count(&identity.merges)) {
            rows[count] = *merges_at(&identity.merges, i + count);
            rows[count++].before = 12345;
        }
        CHECK_EQ(identity_restore_merges(&restored, rows, count), 0);
    }
}

TEST(who_is_restored_knows_what_was_known)
{
    given_nobody();
    for (uint32_t i = 0; i < 2000; i++) {
        char device[16];
        char user[16];

        snprintf(device, sizeof(device), "d%u", (i * 7) % 400);
        snprintf(user, sizeof(user), "u%u", (i * 13) % 90);
        event(i % 3 == 0 ? NULL : device, i % 3 == 1 ? NULL : user);
    }
    CHECK(merges_count(&identity.merges) > 20);
    for (uint32_t portion = 1; portion <= 8; portion += 7) {
        when_it_is_restored(portion);
        CHECK_EQ(identity_living_count(&restored), identity_living_count(&identity));
        for (uint32_t i = 0; i < identity.person_count; i++) {
            struct who who = {.person = i, .uuid = uuid_of(i)};
            struct who before = merges_winner(&identity.merges, who);
            struct who now = merges_winner(&restored.merges, who);

            CHECK_EQ(now.person, before.person);
            CHECK(uuid_equal(now.uuid, before.uuid));
            CHECK_EQ(merges_newest(&restored.merges, i), merges_newest(&identity.merges, i));
        }
        for (uint32_t i = 0; i < merges_count(&identity.merges); i++) {
            CHECK_EQ(
                memcmp(merges_at(&restored.merges, i), merges_at(&identity.merges, i), sizeof(struct merge)),
                0);
        }
        identity_deinit(&restored);
    }
    then_nothing_is_left();
}

TEST(merges_that_make_no_sense_are_not_restored)
{
    static const struct merge wrong[][2] = {
        {{.loser = 1, .winner = 1}},
        {{.loser = 3, .winner = 1}},
        {{.loser = 1, .winner = 3}},
        {{.loser = 0, .winner = 1}, {.loser = 0, .winner = 2}},
        {{.loser = 0, .winner = 1}, {.loser = 2, .winner = 0}},
    };

    given_nobody();
    event("a", NULL);
    event("b", NULL);
    event("c", NULL);
    for (uint32_t i = 0; i < COUNT_OF(wrong); i++) {
        when_it_is_restored(1);
        CHECK_EQ(identity_restore_merges(&restored, wrong[i], i < 3 ? 1 : 2), -EUCLEAN);
        identity_deinit(&restored);
    }
    then_nothing_is_left();
}

/* The secret keys the store, nothing else. */
TEST(two_secrets_give_the_same_people)
{
    for (uint64_t seed = 0; seed < 2; seed++) {
        given_memory(64 << 20, seed * 12345);
        for (uint32_t i = 0; i < 2000; i++) {
            char device[16];
            char user[16];

            snprintf(device, sizeof(device), "d%u", (i * 7) % 50);
            snprintf(user, sizeof(user), "u%u", (i * 13) % 40);
            event(i % 3 == 0 ? NULL : device, i % 3 == 1 ? NULL : user);
        }
        static uint32_t people[50];
        for (uint32_t i = 0; i < 50; i++) {
            char device[16];

            snprintf(device, sizeof(device), "d%u", i);
            if (seed > 0) {
                CHECK_EQ(of_device(device), people[i]);
            }
            people[i] = of_device(device);
        }
        then_nothing_is_left();
    }
}
