/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_people.h"

#include "tests/unit/normalised.h"

#include <math.h>

#define EVENT_COUNT 4000u
#define MANY 1000000u
#define PERSON_COUNT 20000u
#define VISIT_COUNT_MAX 200000u
#define BEGIN ((struct event_ms){.ms = RECEIVED_AT - 100 * MS_PER_DAY})
#define SIGMAS 4.5 /* what is drawn may be off by; of a thousand checks less than one fails by chance */
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

    CHECK((uint64_t)count * produce_people_bytes_max(people) <= sizeof(body));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t more = produce_people_next(people, TIME, body + bytes, NULL);

        CHECK(more <= produce_people_bytes_max(people));
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

/* Of the whole: a million events of people who come and go as they do. */

enum visitor { STRANGER, HAS_ACCOUNT, NAMED, VISITOR_COUNT };

struct seen_visit {
    int64_t began_ms;
    int64_t ms;
    uint32_t person;
    uint32_t event_count;
    uint8_t page;
    uint8_t done;
    bool is_over;
    bool is_at_sign_up; /* its last event saw the page, and nobody has an account */
};

static struct seen_visit visits[VISIT_COUNT_MAX];
static uint32_t visit_count;
static uint32_t device_bits[PERSON_COUNT];
static uint32_t visits_of[PERSON_COUNT];
static uint32_t moves[VISITOR_COUNT][PRODUCE_PAGE_COUNT][PRODUCE_PAGE_COUNT];
static uint32_t landings[VISITOR_COUNT][PRODUCE_PAGE_COUNT];
static uint32_t asked[PRODUCE_PERSONA_COUNT];
static uint32_t signed_up[PRODUCE_PERSONA_COUNT];
static uint64_t thought_count[PRODUCE_PERSONA_COUNT];
static uint64_t thought_short[PRODUCE_PERSONA_COUNT]; /* below the middle */
static double thought_ms[PRODUCE_PERSONA_COUNT];
static int64_t end_ms;

static void
check_share(const char *what, uint32_t which, double count, double total, double wanted)
{
    double spread = SIGMAS * sqrt(wanted * (1 - wanted) / total) + 1 / total;

    if (!(fabs(count / total - wanted) <= spread)) {
        check_failed(__FILE__, __LINE__, "%s %u: %.5f of %.0f, and not %.5f (+- %.5f)", what, which,
                     count / total, total, wanted, spread);
    }
}

static void
check_mean(const char *what, uint32_t which, double mean, double wanted, double spread)
{
    if (!(fabs(mean - wanted) <= spread)) {
        check_failed(__FILE__, __LINE__, "%s %u: %.3f, and not %.3f (+- %.3f)", what, which, mean, wanted,
                     spread);
    }
}

static enum visitor
visitor_of(const struct produce_event *event)
{
    return event->is_named ? NAMED : event->had_account ? HAS_ACCOUNT : STRANGER;
}

static void
see(const struct produce_event *event)
{
    struct seen_visit *visit = &visits[event->visit];
    int64_t thought = event->time.ms - visit->ms;

    if (event->is_first) {
        CHECK_EQ(event->visit, visit_count);
        CHECK(visit_count < VISIT_COUNT_MAX);
        *visit = (struct seen_visit){.began_ms = event->time.ms, .person = event->person};
        visit_count++;
        visits_of[event->person]++;
        landings[visitor_of(event)][event->page]++;
    } else {
        CHECK_EQ(visit->person, event->person);
        CHECK(thought >= 0);
        thought_count[event->persona]++;
        thought_ms[event->persona] += (double)thought;
        thought_short[event->persona] +=
            (double)thought < produce_persona_rows[event->persona].think_s * 1000;
        asked[event->persona] += visit->is_at_sign_up;
        signed_up[event->persona] += event->done == PRODUCE_SIGNED_UP;
        CHECK(event->done != PRODUCE_SIGNED_UP || visit->is_at_sign_up);
        if (event->done == PRODUCE_SAW && visit->done != PRODUCE_SIGNED_UP &&
            visit->done != PRODUCE_LOGGED_IN) {
            moves[visitor_of(event)][visit->page][event->page]++;
        }
    }
    visit->event_count++;
    visit->ms = event->time.ms;
    visit->page = event->page;
    visit->done = event->done;
    visit->is_over = event->is_last;
    visit->is_at_sign_up = event->done == PRODUCE_SAW && event->page == PRODUCE_SIGNUP && !event->is_named &&
                           !event->had_account;
    device_bits[event->person] |= 1u << event->device;
}

/* Once: all tests below look at the same million. */
static void
given_a_million_events(void)
{
    static char line[4096];
    static bool is_there;
    struct produce_event event;

    if (is_there) {
        return;
    }
    is_there = true;
    produce_people_destroy(people);
    people = NULL;
    CHECK_EQ(produce_people_create(
                 &(struct produce_people_options){
                     .people_seed = 1,
                     .walk_seed = 1,
                     .tenant_count = 5,
                     .person_count = PERSON_COUNT,
                     .begin = BEGIN,
                 },
                 &people),
             0);
    CHECK(produce_people_bytes_max(people) <= sizeof(line));
    for (uint32_t i = 0; i < MANY; i++) {
        struct event_ms time = produce_people_time(people);

        CHECK(time.ms >= end_ms);
        end_ms = time.ms;
        produce_people_next(people, time, line, &event);
        CHECK_EQ(event.time.ms, time.ms);
        CHECK_EQ(event.row_count, 1);
        see(&event);
    }
}

static enum produce_persona
persona_of(uint32_t person)
{
    return produce_persona_of(produce_people_personas(people), person);
}

TEST(a_million_personas_and_devices_are_as_configured)
{
    struct produce_personas personas;
    uint32_t count[PRODUCE_PERSONA_COUNT] = {0};
    uint32_t devices[PRODUCE_PERSONA_COUNT][PRODUCE_DEVICE_COUNT + 1] = {{0}};

    produce_personas_init(&personas, 1);
    for (uint32_t person = 0; person < MANY; person++) {
        enum produce_persona persona = produce_persona_of(&personas, person);

        count[persona]++;
        devices[persona][produce_persona_devices(&personas, person)]++;
    }
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        const struct produce_persona_row *row = &produce_persona_rows[i];

        check_share("persona", i, count[i], MANY, row->share / 100.0);
        CHECK_EQ(devices[i][0], 0);
        check_share("two devices", i, devices[i][2], count[i], row->two / 100.0);
        check_share("three devices", i, devices[i][3], count[i], row->three / 100.0);
    }
}

TEST(in_a_million_events_people_use_the_devices_that_they_have)
{
    uint32_t seen = 0;
    uint32_t owned = 0;

    given_a_million_events();
    for (uint32_t person = 0; person < PERSON_COUNT; person++) {
        uint32_t count = produce_persona_devices(produce_people_personas(people), person);

        CHECK(device_bits[person] < 1u << count);
        if (visits_of[person] >= 20) {
            seen += (uint32_t)__builtin_popcount(device_bits[person]);
            owned += count;
        }
    }
    CHECK(owned > 500);
    CHECK(seen * 100 >= owned * 97); /* the third one is taken by one visit of seven */
}

TEST(in_a_million_events_visits_are_as_long_as_configured)
{
    double visit_total[PRODUCE_PERSONA_COUNT] = {0};
    double event_total[PRODUCE_PERSONA_COUNT] = {0};
    double single[PRODUCE_PERSONA_COUNT] = {0};

    given_a_million_events();
    for (uint32_t i = 0; i < visit_count; i++) {
        enum produce_persona persona = persona_of(visits[i].person);

        if (visits[i].began_ms < end_ms - MS_PER_DAY) { /* the others are cut off by the end */
            CHECK(visits[i].is_over);
            visit_total[persona]++;
            event_total[persona] += visits[i].event_count;
            single[persona] += visits[i].event_count == 1;
        }
    }
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        double wanted = produce_persona_rows[i].events;

        CHECK(visit_total[i] > 1000);
        check_mean("events of a visit", i, event_total[i] / visit_total[i], wanted,
                   SIGMAS * wanted / sqrt(visit_total[i]));
        check_share("visits of one event", i, single[i], visit_total[i], 1 / wanted);
    }
}

TEST(in_a_million_events_people_think_as_long_as_configured)
{
    given_a_million_events();
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        double median = produce_persona_rows[i].think_s * 1000;
        double variance = PRODUCE_THINK_SIGMA * PRODUCE_THINK_SIGMA;
        double mean = median * exp(variance / 2);
        double deviation = mean * sqrt(exp(variance) - 1);

        check_share("thoughts below the middle", i, (double)thought_short[i], (double)thought_count[i], 0.5);
        /* The tail is cut, which takes less than a hundredth from the mean. */
        check_mean("think time", i, thought_ms[i] / (double)thought_count[i], mean,
                   mean / 100 + SIGMAS * deviation / sqrt((double)thought_count[i]));
    }
}

TEST(in_a_million_events_strangers_sign_up_as_often_as_configured)
{
    given_a_million_events();
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        CHECK(asked[i] > 20);
        check_share("sign-ups", i, signed_up[i], asked[i], produce_persona_rows[i].signup / 100.0);
    }
}

TEST(in_a_million_events_people_come_back_as_often_as_configured)
{
    double people_of[PRODUCE_PERSONA_COUNT] = {0};
    double visits_total[PRODUCE_PERSONA_COUNT] = {0};
    double days = 0; /* of an average day's business */

    given_a_million_events();
    for (int64_t ms = BEGIN.ms; ms < end_ms; ms += MS_PER_HOUR / 60) {
        days += produce_persona_hour((uint32_t)(ms / MS_PER_HOUR % 24)) / (24 * 60);
    }
    for (uint32_t person = 0; person < PERSON_COUNT; person++) {
        people_of[persona_of(person)]++;
        visits_total[persona_of(person)] += visits_of[person];
    }
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        const struct produce_persona_row *row = &produce_persona_rows[i];
        double think_s = row->think_s * exp(PRODUCE_THINK_SIGMA * PRODUCE_THINK_SIGMA / 2);
        double away = row->days;
        double here = row->events * think_s / 86400; /* who is here does not come */
        double wanted = people_of[i] * days / (away + here);

        check_mean("visits", i, visits_total[i], wanted, SIGMAS * sqrt(wanted) + wanted / 200);
    }
}

TEST(in_a_million_events_nobody_is_on_two_visits)
{
    static int64_t left_ms[PERSON_COUNT];

    given_a_million_events();
    for (uint32_t i = 0; i < visit_count; i++) {
        CHECK(visits[i].began_ms >= left_ms[visits[i].person]);
        left_ms[visits[i].person] = visits[i].ms;
    }
}

TEST(in_a_million_events_a_day_has_its_shape)
{
    double begun[24] = {0};
    double total = 0;
    int64_t days_end;

    given_a_million_events();
    days_end = BEGIN.ms + (end_ms - BEGIN.ms) / MS_PER_DAY * MS_PER_DAY;
    CHECK(days_end - BEGIN.ms >= 7 * MS_PER_DAY);
    for (uint32_t i = 0; i < visit_count; i++) {
        if (visits[i].began_ms < days_end) {
            begun[visits[i].began_ms / MS_PER_HOUR % 24]++;
            total++;
        }
    }
    for (uint32_t hour = 0; hour < 24; hour++) {
        check_share("visits of an hour", hour, begun[hour], total, produce_persona_hour(hour) / 24);
    }
    CHECK(begun[3] * 5 < begun[11]);
}

/* The half of the door that this visitor finds. */
static uint32_t
door(enum visitor visitor, uint32_t page)
{
    if (page != PRODUCE_SIGNUP && page != PRODUCE_LOGIN) {
        return page;
    }
    return visitor == NAMED ? PRODUCE_DASHBOARD : visitor == HAS_ACCOUNT ? PRODUCE_LOGIN : PRODUCE_SIGNUP;
}

static void
check_pages(const char *what, const uint32_t counts[PRODUCE_PAGE_COUNT],
            const double wanted[PRODUCE_PAGE_COUNT])
{
    double total = 0;

    for (uint32_t to = 0; to < PRODUCE_PAGE_COUNT; to++) {
        total += counts[to];
        CHECK(wanted[to] > 0 || counts[to] == 0);
    }
    for (uint32_t to = 0; total > 100 && to < PRODUCE_PAGE_COUNT; to++) {
        check_share(what, to, counts[to], total, wanted[to]);
    }
}

TEST(in_a_million_events_pages_follow_each_other_as_configured)
{
    double wanted[VISITOR_COUNT][PRODUCE_PAGE_COUNT][PRODUCE_PAGE_COUNT] = {{{0}}};

    given_a_million_events();
    for (enum visitor visitor = STRANGER; visitor < VISITOR_COUNT; visitor++) {
#define EDGE(PAGE, TO, weight) \
    wanted[visitor][PRODUCE_##PAGE][door(visitor, PRODUCE_##TO)] += (weight) / 64.0;
#include "net/produce_people.def"
        for (uint32_t from = 0; from < PRODUCE_PAGE_COUNT; from++) {
            check_pages("page", moves[visitor][from], wanted[visitor][from]);
        }
    }
    CHECK(moves[STRANGER][PRODUCE_HOME][PRODUCE_PRICING] > 1000);
    CHECK(moves[NAMED][PRODUCE_DASHBOARD][PRODUCE_REPORTS] > 10000);
}

TEST(in_a_million_events_visits_land_as_configured)
{
    double stranger[PRODUCE_PAGE_COUNT] = {0};
    double has_account[PRODUCE_PAGE_COUNT] = {0};
    double known[PRODUCE_PAGE_COUNT] = {0};

    given_a_million_events();
#define LANDING(VISITOR, PAGE, weight) LANDING_##VISITOR(PAGE, weight)
#define LANDING_STRANGER(PAGE, weight) \
    stranger[door(STRANGER, PRODUCE_##PAGE)] += (weight) / 64.0; \
    has_account[door(HAS_ACCOUNT, PRODUCE_##PAGE)] += (weight) / 64.0;
#define LANDING_KNOWN(PAGE, weight) known[PRODUCE_##PAGE] += (weight) / 64.0;
#include "net/produce_people.def"
    check_pages("landing of strangers", landings[STRANGER], stranger);
    check_pages("landing of who is not logged in", landings[HAS_ACCOUNT], has_account);
    check_pages("landing of who is", landings[NAMED], known);
}

TEST(tenants_have_people_and_visits_by_their_size)
{
    double people_of[5] = {0};
    double visits_total[5] = {0};
    double sizes = 1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4 + 1.0 / 5;

    given_a_million_events();
    for (uint32_t person = 0; person < PERSON_COUNT; person++) {
        uint32_t owner = produce_people_tenant_of(people, person);

        people_of[owner]++;
        visits_total[owner] += visits_of[person];
    }
    for (uint32_t i = 0; i < 5; i++) {
        double wanted = 1.0 / (i + 1) / sizes;

        check_mean("people", i, people_of[i], wanted * PERSON_COUNT, 5);
        /* Who the busy ones are is thrown too, so visits vary more than they would alone. */
        check_mean("visits", i, visits_total[i] / visit_count, wanted, wanted / 10);
    }
}

TEST(people_who_keep_a_rate_busy_have_the_same_personas)
{
    static char line[4096];
    double begun[PRODUCE_PERSONA_COUNT] = {0};
    double total = 0;
    double wanted_total = 0;
    struct produce_event event;
    int64_t began_ms;
    double rate;

    produce_people_destroy(people);
    people = NULL;
    CHECK_EQ(produce_people_create(
                 &(struct produce_people_options){
                     .people_seed = 1,
                     .walk_seed = 1,
                     .tenant_count = 5,
                     .person_count = 50 * PERSON_COUNT,
                     .visit_count = (uint32_t)produce_persona_visits(100),
                 },
                 &people),
             0);
    for (uint32_t i = 0; i < 50000; i++) {
        produce_people_next(people, TIME, line, &event);
    }
    began_ms = produce_people_time(people).ms;
    for (uint32_t i = 0; i < 200000; i++) {
        produce_people_next(people, TIME, line, &event);
        begun[event.persona] += event.is_first;
        total += event.is_first;
    }
    rate = 200000 * 1000.0 / (double)(produce_people_time(people).ms - began_ms);
    check_mean("rate", 0, rate, 100, 4);
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        wanted_total += produce_persona_rows[i].share / produce_persona_rows[i].days;
    }
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        double wanted = produce_persona_rows[i].share / produce_persona_rows[i].days / wanted_total;

        check_mean("visits of a persona", i, begun[i] / total, wanted, 0.02);
    }
    produce_people_destroy(people);
    people = NULL;
}

TEST(fewer_visits_are_fewer_when_others_have_left)
{
    static char line[4096];
    uint32_t before = 0;
    uint32_t after = 0;
    struct produce_event event;

    given_people(1, 1, 0);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        produce_people_next(people, TIME, line, &event);
        before += event.is_first;
    }
    produce_people_set_visits(people, 1);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        int64_t ms = produce_people_time(people).ms;

        produce_people_next(people, TIME, line, &event);
        after += event.is_first && i > EVENT_COUNT / 2;
        CHECK(produce_people_time(people).ms >= ms);
    }
    CHECK(before > 0);
    CHECK(after > 0);
    produce_people_set_visits(people, 1000); /* half of the people at most */
    events(100);
}

/* Hostile people. */

#define HOSTILE_COUNT 30000u

struct ids {
    uint32_t count;
    char id[2 * HOSTILE_COUNT][36];
};
static struct ids ids;

static bool
was_sent(struct text id)
{
    for (uint32_t i = ids.count; i > 0 && i + 1000 > ids.count; i--) {
        if (id.bytes == 36 && memcmp(ids.id[i - 1], id.data, 36) == 0) {
            return true;
        }
    }
    return false;
}

/* Each row is what the event says: good and new, known already, or nothing that a node takes. */
static void
check_rows(struct text rows, const struct produce_event *event)
{
    const struct event_draft *draft;
    uint32_t good = 0;
    uint32_t known = 0;
    uint32_t rejected = 0;
    int r;

    CHECK_EQ(begin(rows), 0);
    while ((r = normaliser_next(normaliser, &draft)) != NORMALISER_END) {
        if (r == NORMALISER_REJECT) {
            rejected++;
            continue;
        }
        CHECK_EQ(r, 0);
        if (was_sent(draft->text[EVENT_EVENT_ID])) {
            known++;
        } else {
            good++;
            memcpy(ids.id[ids.count++], draft->text[EVENT_EVENT_ID].data, 36);
            CHECK_EQ(draft->text[EVENT_USER_ID].bytes > 0, event->is_named);
            /* The normaliser takes what is ahead for now. */
            CHECK(draft->event_time.ms == event->time.ms || event->time.ms > RECEIVED_AT);
        }
    }
    CHECK_EQ(good, 1);
    CHECK_EQ(known, event->duplicate_count);
    CHECK_EQ(rejected, event->rejected_count);
    CHECK_EQ(good + known + rejected, event->row_count);
}

static void
given_hostile_people(uint32_t person_count, uint32_t visits_at_a_time)
{
    produce_people_destroy(people);
    people = NULL;
    ids.count = 0;
    given(NORMALISER_EVENTS, NULL, 0, false);
    CHECK_EQ(produce_people_create(
                 &(struct produce_people_options){
                     .people_seed = 3,
                     .walk_seed = 4,
                     .tenant_count = 3,
                     .person_count = person_count,
                     .visit_count = visits_at_a_time,
                     .begin = BEGIN,
                     .is_hostile = true,
                 },
                 &people),
             0);
}

static void
check_hostile(uint32_t visits_at_a_time)
{
    static char rows[8192];
    uint64_t played[PRODUCE_TRICK_COUNT] = {0};
    struct produce_event event;

    given_hostile_people(2000, visits_at_a_time);
    CHECK(produce_people_bytes_max(people) <= sizeof(rows));
    for (uint32_t i = 0; i < HOSTILE_COUNT; i++) {
        struct event_ms time = visits_at_a_time > 0 ? TIME : produce_people_time(people);
        uint32_t bytes = produce_people_next(people, time, rows, &event);

        CHECK(bytes <= produce_people_bytes_max(people));
        check_rows((struct text){.data = rows, .bytes = bytes}, &event);
        for (uint32_t trick = 0; trick < PRODUCE_TRICK_COUNT; trick++) {
            played[trick] += event.tricks >> trick & 1;
        }
    }
    for (uint32_t trick = 0; trick < PRODUCE_TRICK_COUNT; trick++) {
        CHECK_EQ(played[trick], produce_people_trick_count(people, trick));
        if (played[trick] == 0) {
            CHECK_TEXT(produce_trick_rows[trick].name, "was played");
        }
        if (strcmp(produce_trick_rows[trick].per, "rows") == 0 && trick != PRODUCE_TRICK_LATE &&
            trick != PRODUCE_TRICK_DISORDER) {
            check_share("trick", trick, (double)played[trick], HOSTILE_COUNT,
                        produce_trick_rows[trick].rate / 1000.0);
        }
    }
    /* Where a clock is wrong nothing else moves the time. */
    CHECK(played[PRODUCE_TRICK_LATE] > HOSTILE_COUNT * produce_trick_rows[PRODUCE_TRICK_LATE].rate / 1200);
    CHECK(played[PRODUCE_TRICK_DISORDER] >
          HOSTILE_COUNT * produce_trick_rows[PRODUCE_TRICK_DISORDER].rate / 1200);
}

TEST(hostile_people_play_every_trick_live)
{
    check_hostile(100);
}

TEST(hostile_people_play_every_trick_in_history)
{
    check_hostile(0);
}

static void
check_that_few_overlap(uint32_t person_count, uint32_t visits_at_a_time)
{
    static char rows[8192];
    uint32_t begun = 0;
    uint32_t overlapping = 0;

    given_hostile_people(person_count, visits_at_a_time);
    for (uint32_t i = 0; i < HOSTILE_COUNT; i++) {
        struct produce_event event;

        produce_people_next(people, produce_people_time(people), rows, &event);
        begun += event.is_first;
        overlapping += event.is_first && (event.tricks & PRODUCE_TRICK_BIT(PRODUCE_TRICK_OVERLAP)) != 0;
    }
    CHECK(begun > 1000);
    CHECK(overlapping > begun * produce_trick_rows[PRODUCE_TRICK_OVERLAP].rate / 2000);
    CHECK(overlapping < begun * produce_trick_rows[PRODUCE_TRICK_OVERLAP].rate / 500);
}

TEST(a_few_hostile_people_are_on_two_visits_as_often_as_many)
{
    check_that_few_overlap(300, 0);
    check_that_few_overlap(300, 150);
    check_that_few_overlap(12, 0);
}

TEST(polite_people_play_none)
{
    struct produce_event event;
    char line[4096];

    given_people(1, 1, 0);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        produce_people_next(people, TIME, line, &event);
        CHECK_EQ(event.tricks, 0);
        CHECK_EQ(event.row_count, 1);
        CHECK_EQ(event.time.ms, TIME.ms);
    }
}
