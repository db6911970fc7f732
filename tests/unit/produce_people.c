/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_people.h"

#include "tests/unit/normalised.h"

#define EVENT_COUNT 4000u
#define TIME ((struct event_ms){.ms = RECEIVED_AT - 1000})

static struct produce_people *people;

static void
given_people(uint64_t people_seed, uint64_t walk_seed, uint32_t event_bytes)
{
    produce_people_destroy(people);
    people = NULL;
    CHECK_EQ(produce_people_create(
                 &(struct produce_people_options){
                     .people_seed = people_seed,
                     .walk_seed = walk_seed,
                     .tenant_count = 5,
                     .person_count = 300,
                     .visit_count = 50,
                     .event_bytes = event_bytes,
                 },
                 &people),
             0);
}

/* The next events, one after the other; lent until the next call. */
static struct text
events(uint32_t count)
{
    static char body[4u << 20];
    uint32_t bytes = 0;

    CHECK((uint64_t)count * produce_people_event_bytes_max(people) <= sizeof(body));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t more = produce_people_next(people, TIME, body + bytes);

        CHECK(more <= produce_people_event_bytes_max(people));
        bytes += more;
        CHECK_EQ(body[bytes - 1], '\n');
    }
    return (struct text){.data = body, .bytes = bytes};
}

TEST(every_event_is_a_good_one)
{
    uint32_t count = 0;
    uint32_t named = 0;
    const struct event_draft *draft;

    given_people(1, 1, 0);
    given(NORMALISER_EVENTS, NULL, 0, false);
    CHECK_EQ(begin(events(EVENT_COUNT)), 0);
    while (normaliser_next(normaliser, &draft) == 0) {
        count++;
        named += draft->text[EVENT_USER_ID].bytes > 0;
        CHECK_EQ(draft->event_time.ms, TIME.ms);
        CHECK_EQ(draft->text[EVENT_EVENT_ID].bytes, 36);
        CHECK(draft->text[EVENT_ANONYMOUS_ID].bytes > 0);
        CHECK(draft->text[EVENT_PAGE_URL].bytes > 0);
        CHECK(draft->text[EVENT_COUNTRY].bytes == 2);
        CHECK(draft->text[EVENT_PROPERTIES].bytes > 2);
    }
    CHECK_EQ(count, EVENT_COUNT);
    CHECK(named > EVENT_COUNT / 4);
    CHECK(named < EVENT_COUNT);
}

TEST(people_do_all_the_things_that_people_do)
{
    static const char *const types[] = {"page_view", "click", "feature_used", "signup", "login"};
    struct text all;

    given_people(1, 1, 0);
    all = events(EVENT_COUNT);
    for (uint32_t i = 0; i < COUNT_OF(types); i++) {
        const char *wanted = print("\"event_type\":\"%s\"", types[i]);

        CHECK(memmem(all.data, all.bytes, wanted, strlen(wanted)) != NULL);
    }
}

TEST(a_seed_gives_the_same_events_again)
{
    char *first;
    struct text again;
    uint32_t bytes;

    given_people(7, 7, 700);
    again = events(1000);
    bytes = again.bytes;
    first = malloc(bytes);
    CHECK(first != NULL);
    memcpy(first, again.data, bytes);

    given_people(7, 7, 700);
    again = events(1000);
    CHECK_EQ(again.bytes, bytes);
    CHECK_BYTES(again.data, first, bytes);

    given_people(7, 8, 700);
    again = events(1000);
    CHECK(again.bytes != bytes || memcmp(again.data, first, bytes) != 0);
    free(first);
}

static int
compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, 36);
}

TEST(no_two_events_have_the_same_id)
{
    static char ids[EVENT_COUNT][36];
    static const char name[] = "\"event_id\":\"";
    struct text all;
    const char *at;

    given_people(1, 1, 0);
    all = events(EVENT_COUNT);
    at = all.data;
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        at = memmem(at, (size_t)(all.data + all.bytes - at), name, sizeof(name) - 1);
        CHECK(at != NULL);
        at += sizeof(name) - 1;
        memcpy(ids[i], at, 36);
    }
    qsort(ids, EVENT_COUNT, 36, compare_ids);
    for (uint32_t i = 1; i < EVENT_COUNT; i++) {
        CHECK(memcmp(ids[i - 1], ids[i], 36) != 0);
    }
}

TEST(events_have_the_wanted_size_on_average)
{
    static const uint32_t wanted[] = {600, 900, 1500};

    for (uint32_t i = 0; i < COUNT_OF(wanted); i++) {
        uint64_t bytes = 0;

        given_people(3, 3, wanted[i]);
        for (uint32_t round = 0; round < 8; round++) {
            bytes += events(500).bytes;
        }
        CHECK(bytes / 4000 >= wanted[i] - wanted[i] / 50);
        CHECK(bytes / 4000 <= wanted[i] + wanted[i] / 50);
    }
}

TEST(the_first_tenant_is_the_largest)
{
    struct text all;
    uint32_t count[5] = {0};

    given_people(1, 1, 0);
    all = events(EVENT_COUNT);
    for (uint32_t i = 0; i < 5; i++) {
        char wanted[64];
        struct text name = produce_people_tenant(people, i);
        const char *at = all.data;

        snprintf(wanted, sizeof(wanted), "\"tenant_id\":\"%.*s\"", (int)name.bytes, name.data);
        while ((at = memmem(at, (size_t)(all.data + all.bytes - at), wanted, strlen(wanted))) != NULL) {
            count[i]++;
            at++;
        }
    }
    CHECK(count[0] > 2 * count[4]);
    CHECK(count[4] > 0);
    CHECK_EQ(count[0] + count[1] + count[2] + count[3] + count[4], EVENT_COUNT);
}
