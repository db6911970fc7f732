/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_people.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"

/*
 * Visits that are under way are in a heap by the time of their next event. The rest of the people are a byte each: who
 * comes next is drawn, see produce_persona.
 *
 * Dice are splitmix64: a roll for each event, of which different bits decide different things, and some where a visit
 * begins. An event's ID is its number and its dice.
 */

#define STEP_SLOTS 64u
#define HEAP_WAYS 4u
#define TRAIT_CLOCK(device) (PRODUCE_TRAIT_FREE + 2 + (device))
#define NOBODY UINT32_MAX

struct edge {
    uint8_t from;
    uint8_t to;
    uint8_t weight;
};
static const struct edge edges[] = {
#define EDGE(PAGE, TO, weight) {PRODUCE_##PAGE, PRODUCE_##TO, weight},
#include "net/produce_people.def"
};
enum visitor { STRANGER, KNOWN, VISITOR_COUNT };
static const struct edge landings[] = {
#define LANDING(VISITOR, PAGE, weight) {VISITOR, PRODUCE_##PAGE, weight},
#include "net/produce_people.def"
};

/* Of a person, in a byte. */
#define HAS_ACCOUNT 1u
#define IS_KNOWN_ON(device) (2u << (device)) /* stayed logged in */
#define IS_HERE (2u << PRODUCE_DEVICE_COUNT) /* on a visit */

struct visit {
    uint32_t person;
    uint32_t device_person;
    uint32_t number;
    uint16_t tricks;
    uint16_t head_bytes;
    int64_t skew_ms;
    const char *blocked;
    uint8_t persona;
    uint8_t device;
    uint8_t page;
    uint8_t referrer; /* a page, or PRODUCE_PAGE_COUNT + origin */
    bool has_seen;    /* the page it is on */
    bool was_asked;   /* at the door: once a sight */
    bool is_named;    /* logged in */
    bool is_second;   /* the person is here already */
    bool has_begun;
    alignas(CACHE_LINE_BYTES) char head[PRODUCE_HEAD_BYTES_MAX];
};

struct due {
    int64_t ms;
    uint32_t slot;
};

struct tenant_row {
    uint32_t person_end; /* persons below, and not of a tenant before, are its */
    char name[PRODUCE_TENANT_BYTES];
};

struct produce_people {
    struct produce_people_options options;
    struct produce_line *line;
    struct produce_personas personas;
    struct produce_tricks *tricks; /* NULL: polite */
    uint64_t trick_count[PRODUCE_TRICK_COUNT];
    uint64_t dice;
    uint64_t event_count;
    uint32_t visit_number;

    uint8_t next_page[PRODUCE_PAGE_COUNT][STEP_SLOTS];
    uint8_t landing[VISITOR_COUNT][STEP_SLOTS];

    struct tenant_row *tenants;
    uint8_t *persons;

    struct visit *visits;
    uint32_t visit_count_max;
    uint32_t slot_count; /* ever used */
    uint32_t *free_slots;
    uint32_t free_count;
    struct due *heap;
    uint32_t heap_count;

    /* Who comes next, when visits come as they do. */
    double arrival_ms;
    uint32_t arrival_person;
};

static uint64_t
roll(struct produce_people *people)
{
    return hash_mix(people->dice += UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t
trait(const struct produce_people *people, uint32_t person, uint32_t which)
{
    return produce_line_trait(people->options.people_seed, person, which);
}

/* 0 <= result < count, from 32 bits of dice. */
static uint32_t
below(uint64_t dice, uint32_t count)
{
    return (uint32_t)(((dice & UINT32_MAX) * count) >> 32);
}

/* The same from 16 bits. */
static uint32_t
below_short(uint64_t dice, uint32_t count)
{
    return (uint32_t)((dice & UINT16_MAX) * count >> 16);
}

/* Making the tables. */

/* Weights become slots, and leave none. */
static void
spread(const struct edge *list, uint32_t count, uint8_t from, uint8_t slots[STEP_SLOTS])
{
    uint32_t slot = 0;

    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t n = 0; list[i].from == from && n < list[i].weight; n++) {
            ASSERT(slot < STEP_SLOTS);
            slots[slot++] = list[i].to;
        }
    }
    ASSERT(slot == STEP_SLOTS);
}

/* The n-th tenant has 1/n of the people of the first, and at least one. */
static void
make_tenants(struct produce_people *people)
{
    uint32_t tenant_count = people->options.tenant_count;
    uint32_t spare = people->options.person_count - tenant_count;
    double total = 0;
    double passed = 0;

    for (uint32_t i = 0; i < tenant_count; i++) {
        total += 1.0 / (i + 1);
    }
    for (uint32_t i = 0; i < tenant_count; i++) {
        struct tenant_row *tenant = &people->tenants[i];

        passed += 1.0 / (i + 1);
        tenant->person_end = i + 1 + (uint32_t)(spare * (passed / total));
        if (people->options.tenants != NULL) {
            snprintf(tenant->name, sizeof(tenant->name), "%s", people->options.tenants[i].tenant);
        } else {
            produce_line_tenant(i, tenant->name);
        }
    }
    people->tenants[tenant_count - 1].person_end = people->options.person_count; /* whatever fractions say */
}

/* Of a person, the same on every day. */

uint32_t
produce_people_tenant_of(const struct produce_people *people, uint32_t person)
{
    uint32_t low = 0;
    uint32_t high = people->options.tenant_count - 1;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (people->tenants[middle].person_end > person) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Mostly the first one. */
static uint8_t
choose_device(const struct produce_people *people, uint32_t person, uint64_t dice)
{
    uint32_t count = produce_persona_devices(&people->personas, person);
    uint32_t chance = below_short(dice, 100);

    if (count == 1 || chance < 60) {
        return 0;
    }
    return count == 2 || chance < 85 ? 1 : 2;
}

/* The heap: who is next on top. */

static void
sift_up(struct due *heap, uint32_t at)
{
    struct due due = heap[at];

    while (at > 0 && heap[(at - 1) / HEAP_WAYS].ms > due.ms) {
        heap[at] = heap[(at - 1) / HEAP_WAYS];
        at = (at - 1) / HEAP_WAYS;
    }
    heap[at] = due;
}

static void
sift_down(struct due *heap, uint32_t count, uint32_t at)
{
    struct due due = heap[at];

    for (;;) {
        uint32_t first = at * HEAP_WAYS + 1;
        uint32_t end = first + HEAP_WAYS < count ? first + HEAP_WAYS : count;
        uint32_t least = first;

        if (first >= count) {
            break;
        }
        for (uint32_t i = first + 1; i < end; i++) {
            least = heap[i].ms < heap[least].ms ? i : least;
        }
        if (heap[least].ms >= due.ms) {
            break;
        }
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = due;
}

/* Visits. */

static void
render_head(const struct produce_people *people, struct visit *visit)
{
    const struct produce_visitor visitor = {
        .tenant = people->tenants[produce_people_tenant_of(people, visit->person)].name,
        .person = visit->person,
        .device_person = visit->device_person,
        .device = visit->device,
        .is_named = visit->is_named,
        .label = (uint32_t)hash_mix(people->options.walk_seed + visit->number),
        .blocked = visit->blocked,
    };

    visit->head_bytes = (uint16_t)produce_line_head(people->line, &visitor, visit->head);
}

/* Who is logged in has no business at the door; the others find the half of it that is for them. */
static uint8_t
door(const struct produce_people *people, const struct visit *visit, uint8_t page)
{
    if (page != PRODUCE_SIGNUP && page != PRODUCE_LOGIN) {
        return page;
    }
    if (visit->is_named) {
        return PRODUCE_DASHBOARD;
    }
    return (people->persons[visit->person] & HAS_ACCOUNT) != 0 ? PRODUCE_LOGIN : PRODUCE_SIGNUP;
}

/* What only --hostile does with a visit. */
static void
play_with_visit(struct produce_people *people, struct visit *visit)
{
    uint64_t dice = roll(people);
    uint32_t neighbour = visit->person ^ 1;
    uint64_t clock;

    if (visit->is_second) {
        visit->tricks |= PRODUCE_TRICK_BIT(PRODUCE_TRICK_OVERLAP);
    }
    if (produce_trick_happens(PRODUCE_TRICK_SHARED, dice) && neighbour < people->options.person_count &&
        produce_people_tenant_of(people, neighbour) == produce_people_tenant_of(people, visit->person)) {
        visit->tricks |= PRODUCE_TRICK_BIT(PRODUCE_TRICK_SHARED);
        visit->device_person = neighbour;
        visit->device = 0;
        visit->is_named = false;
        visit->page = door(people, visit, PRODUCE_LOGIN);
    }
    if (produce_trick_happens(PRODUCE_TRICK_BLOCKED, dice >> 16) && !visit->is_named) {
        visit->blocked = produce_trick_blocked(dice >> 32);
    }
    clock = trait(people, visit->device_person, TRAIT_CLOCK(visit->device));
    if (produce_trick_happens(PRODUCE_TRICK_SKEW, clock)) {
        visit->tricks |= PRODUCE_TRICK_BIT(PRODUCE_TRICK_SKEW);
        visit->skew_ms = produce_trick_shift(people->tricks, PRODUCE_TRICK_SKEW, clock >> 16);
    }
}

static void
begin_visit(struct produce_people *people, uint32_t slot, uint32_t person, bool is_second)
{
    struct visit *visit = &people->visits[slot];
    uint64_t dice = roll(people);
    enum visitor visitor;

    visit->person = person;
    visit->device_person = person;
    visit->number = people->visit_number++;
    visit->tricks = 0;
    visit->skew_ms = 0;
    visit->blocked = NULL;
    visit->persona = (uint8_t)produce_persona_of(&people->personas, person);
    visit->device = choose_device(people, person, dice);
    visit->is_named = (people->persons[person] & IS_KNOWN_ON(visit->device)) != 0;
    visitor = visit->is_named ? KNOWN : STRANGER;
    visit->page = door(people, visit, people->landing[visitor][dice >> 16 & (STEP_SLOTS - 1)]);
    visit->referrer = (uint8_t)(PRODUCE_PAGE_COUNT + (dice >> 24) % PRODUCE_ORIGIN_COUNT);
    visit->has_seen = false;
    visit->was_asked = false;
    visit->is_second = is_second;
    visit->has_begun = false;
    if (people->tricks != NULL) {
        play_with_visit(people, visit);
    }
    if (!is_second) {
        people->persons[person] |= IS_HERE;
    }
    render_head(people, visit);
}

/* Somebody who is on a visit already, seldom; else NOBODY. */
static uint32_t
choose_second(struct produce_people *people)
{
    uint64_t dice;
    uint32_t person;

    if (people->tricks == NULL || people->heap_count < 2) {
        return NOBODY;
    }
    dice = roll(people);
    if (!produce_trick_happens(PRODUCE_TRICK_OVERLAP, dice)) {
        return NOBODY;
    }
    person = people->visits[people->heap[below(dice >> 16, people->heap_count)].slot].person;
    return (people->persons[person] & IS_HERE) != 0 ? person : NOBODY;
}

/* Somebody comes, because there is room. */
static void
fill_slot(struct produce_people *people, uint32_t slot)
{
    uint32_t person = choose_second(people);
    uint64_t dice;

    if (person != NOBODY) {
        begin_visit(people, slot, person, true);
        return;
    }
    do {
        dice = roll(people);
        person = below(dice, people->options.person_count);
    } while ((people->persons[person] & IS_HERE) != 0 ||
             !produce_persona_comes(&people->personas, person, dice));
    begin_visit(people, slot, person, false);
}

static uint32_t
take_slot(struct produce_people *people)
{
    return people->free_count > 0 ? people->free_slots[--people->free_count] : people->slot_count++;
}

static void
push(struct produce_people *people, uint32_t slot, int64_t ms)
{
    ASSERT(people->heap_count < people->visit_count_max);
    people->heap[people->heap_count++] = (struct due){.ms = ms, .slot = slot};
    sift_up(people->heap, people->heap_count - 1);
}

static void
await_arrival(struct produce_people *people)
{
    uint64_t dice;

    do {
        people->arrival_ms = produce_persona_proposal(&people->personas, people->options.person_count,
                                                      people->arrival_ms, roll(people));
        dice = roll(people);
        people->arrival_person = below(dice, people->options.person_count);
    } while (!produce_persona_comes(&people->personas, people->arrival_person, dice));
}

/*
 * Who has come begins another visit soon, seldom. Where people come and go as they do, there may be nobody else on a
 * visit for hours, so it is not left to those who happen to be here.
 */
static void
let_in_again(struct produce_people *people, uint32_t person)
{
    uint32_t slot;

    if (people->tricks == NULL || !produce_trick_happens(PRODUCE_TRICK_OVERLAP, roll(people)) ||
        people->heap_count >= people->visit_count_max) {
        return;
    }
    slot = take_slot(people);
    begin_visit(people, slot, person, true);
    push(people, slot,
         (int64_t)people->arrival_ms +
             produce_persona_think_ms(&people->personas, people->visits[slot].persona, roll(people)));
}

/* Who comes before the next event happens is let in, so that the top of the heap is what happens next. */
static void
let_in(struct produce_people *people)
{
    while (people->heap_count == 0 || people->arrival_ms <= (double)people->heap[0].ms) {
        uint32_t person = people->arrival_person;

        if (people->heap_count < people->visit_count_max && (people->persons[person] & IS_HERE) == 0) {
            uint32_t slot = take_slot(people);

            begin_visit(people, slot, person, false);
            push(people, slot, (int64_t)people->arrival_ms);
            let_in_again(people, person);
        }
        await_arrival(people);
    }
}

static void
end_visit(struct produce_people *people, uint32_t slot)
{
    const struct visit *visit = &people->visits[slot];

    if (!visit->is_second) {
        people->persons[visit->person] &= (uint8_t)~IS_HERE;
    }
    if (people->options.visit_count > 0 && people->heap_count <= people->options.visit_count) {
        fill_slot(people, slot);
        people->heap[0].ms +=
            produce_persona_think_ms(&people->personas, people->visits[slot].persona, roll(people));
    } else {
        people->free_slots[people->free_count++] = slot;
        people->heap[0] = people->heap[--people->heap_count];
    }
}

void
produce_people_set_visits(struct produce_people *people, uint32_t visit_count)
{
    uint32_t half = people->options.person_count / 2 + 1;
    int64_t now = people->heap_count > 0 ? people->heap[0].ms : people->options.begin.ms;

    REQUIRE(people->options.visit_count > 0);
    REQUIRE(visit_count > 0);
    visit_count = visit_count < half ? visit_count : half;
    visit_count = visit_count < people->visit_count_max ? visit_count : people->visit_count_max;
    people->options.visit_count = visit_count;
    while (people->heap_count < visit_count) {
        uint32_t slot = take_slot(people);

        fill_slot(people, slot);
        push(people, slot,
             now + produce_persona_think_ms(&people->personas, people->visits[slot].persona, roll(people)));
    }
}

/* Events. */

static void
go_to(struct visit *visit, uint8_t page)
{
    visit->referrer = visit->page;
    visit->page = page;
    visit->has_seen = false;
    visit->was_asked = false;
}

/* The person is known here from now on; two of three stay logged in when they leave their own device. */
static void
name_visitor(struct produce_people *people, struct visit *visit, uint64_t dice)
{
    people->persons[visit->person] |= HAS_ACCOUNT;
    if (below_short(dice, 3) > 0 && visit->device_person == visit->person) {
        people->persons[visit->person] |= (uint8_t)IS_KNOWN_ON(visit->device);
    }
    visit->is_named = true;
    render_head(people, visit);
}

/* At the door, once: does this one go in? */
static bool
goes_in(const struct produce_people *people, const struct visit *visit, uint64_t dice)
{
    bool has_account = (people->persons[visit->person] & HAS_ACCOUNT) != 0;
    uint32_t chance = below_short(dice, 100);

    if (visit->is_named || visit->was_asked) {
        return false;
    }
    if (visit->page == PRODUCE_SIGNUP) {
        return !has_account && chance < produce_persona_rows[visit->persona].signup;
    }
    return visit->page == PRODUCE_LOGIN && has_account && chance < PRODUCE_LOGIN_PERCENT;
}

/* One step of a visit. */
static void
step(struct produce_people *people, struct visit *visit, uint64_t dice, struct produce_deed *deed)
{
    uint32_t chance = below_short(dice, 100);

    deed->thing = dice >> 16 & (PRODUCE_THING_COUNT - 1);
    deed->page = visit->page;
    deed->referrer = visit->referrer;
    deed->done = PRODUCE_SAW;
    if (visit->has_seen && goes_in(people, visit, dice >> 24)) {
        deed->done = visit->page == PRODUCE_SIGNUP ? PRODUCE_SIGNED_UP : PRODUCE_LOGGED_IN;
        name_visitor(people, visit, dice >> 40);
        go_to(visit, PRODUCE_DASHBOARD);
        return;
    }
    if (visit->has_seen) {
        visit->was_asked = true;
        if (chance < 25) {
            deed->done = PRODUCE_CLICKED;
            return;
        }
        if (chance < 50 && produce_line_has_features(people->line, visit->page)) {
            deed->done = PRODUCE_USED;
            return;
        }
        go_to(visit, door(people, visit, people->next_page[visit->page][dice >> 18 & (STEP_SLOTS - 1)]));
        deed->page = visit->page;
        deed->referrer = visit->referrer;
    }
    visit->has_seen = true;
}

/* What only --hostile does with the time of a row. */
static void
play_with_time(struct produce_people *people, const struct visit *visit, uint64_t dice,
               struct produce_event *event)
{
    if (visit->blocked != NULL && !visit->is_named) {
        event->tricks |= PRODUCE_TRICK_BIT(PRODUCE_TRICK_BLOCKED);
    }
    if (visit->skew_ms != 0) {
        event->time.ms += visit->skew_ms;
        return;
    }
    if (produce_trick_happens(PRODUCE_TRICK_LATE, dice)) {
        event->tricks |= PRODUCE_TRICK_BIT(PRODUCE_TRICK_LATE);
        event->time.ms += produce_trick_shift(people->tricks, PRODUCE_TRICK_LATE, dice >> 32);
    } else if (produce_trick_happens(PRODUCE_TRICK_DISORDER, dice >> 16)) {
        event->tricks |= PRODUCE_TRICK_BIT(PRODUCE_TRICK_DISORDER);
        event->time.ms += produce_trick_shift(people->tricks, PRODUCE_TRICK_DISORDER, dice >> 32);
    }
}

/* And behind it. Returns the bytes of a row more. */
static uint32_t
add_row(struct produce_people *people, const struct visit *visit, struct text line, char *to,
        struct produce_event *event)
{
    const char *tenant = people->tenants[produce_people_tenant_of(people, visit->person)].name;
    enum produce_trick trick;
    uint32_t bytes = produce_tricks_row(people->tricks, roll(people), tenant, line, to, &trick);

    if (bytes > 0) {
        event->tricks |= PRODUCE_TRICK_BIT(trick);
        event->row_count++;
        event->duplicate_count = trick == PRODUCE_TRICK_DUPLICATE;
        event->rejected_count = trick != PRODUCE_TRICK_DUPLICATE;
    }
    for (uint32_t i = 0; i < PRODUCE_TRICK_COUNT; i++) {
        people->trick_count[i] += event->tricks >> i & 1;
    }
    return bytes;
}

/* The one on top has had its event: when is its next, or does it end? */
static void
go_on(struct produce_people *people, uint32_t slot, uint64_t dice, bool is_last)
{
    if (is_last) {
        end_visit(people, slot);
    } else {
        people->heap[0].ms +=
            produce_persona_think_ms(&people->personas, people->visits[slot].persona, dice >> 16);
    }
    if (people->heap_count > 1) {
        sift_down(people->heap, people->heap_count, 0);
    }
    if (people->options.visit_count == 0) {
        let_in(people);
    }
    for (uint32_t i = 0; i < sizeof(struct visit); i += CACHE_LINE_BYTES) {
        prefetch_line((const char *)&people->visits[people->heap[0].slot] + i);
    }
}

uint32_t
produce_people_next(struct produce_people *people, struct event_ms time, char *to,
                    struct produce_event *out_event)
{
    uint32_t slot = people->heap[0].slot;
    struct visit *visit = &people->visits[slot];
    uint64_t dice = roll(people);
    uint64_t more = hash_mix(dice ^ people->options.walk_seed);
    struct produce_deed deed;
    struct produce_event event = {
        .time = time,
        .person = visit->person,
        .visit = visit->number,
        .persona = visit->persona,
        .device = visit->device,
        .is_first = !visit->has_begun,
        .is_last = produce_persona_leaves(&people->personas, visit->persona, more),
        .had_account = (people->persons[visit->person] & HAS_ACCOUNT) != 0,
        .tricks = visit->tricks,
        .row_count = 1,
    };
    uint32_t bytes;

    visit->has_begun = true;
    step(people, visit, dice, &deed);
    if (people->tricks != NULL) {
        play_with_time(people, visit, roll(people), &event);
    }
    event.done = deed.done;
    event.page = deed.page;
    event.is_named = visit->is_named;
    deed.time = event.time;
    people->event_count++;
    deed.id_hi = hash_mix(people->options.walk_seed + people->event_count);
    deed.id_lo = dice;
    deed.dice = more >> 26;
    deed.number = (uint32_t)(more >> 40) % 4000;
    bytes = produce_line_put(people->line, (struct text){.data = visit->head, .bytes = visit->head_bytes},
                             &deed, to);
    if (people->tricks != NULL) {
        bytes += add_row(people, visit, (struct text){.data = to, .bytes = bytes}, to + bytes, &event);
    }
    go_on(people, slot, more, event.is_last);
    if (out_event != NULL) {
        *out_event = event;
    }
    return bytes;
}

struct event_ms
produce_people_time(const struct produce_people *people)
{
    return (struct event_ms){.ms = people->heap[0].ms};
}

/* The whole. */

static int
take_memory(struct produce_people *people)
{
    const struct produce_people_options *options = &people->options;
    int r = produce_line_create(options->people_seed, options->event_bytes, &people->line);

    if (r == 0 && options->is_hostile) {
        r = produce_tricks_create(produce_line_bytes_max(people->line), options->visit_count == 0,
                                  &people->tricks);
    }
    if (r != 0) {
        return fault_up(r);
    }
    people->visit_count_max =
        options->visit_count > 0 ? PRODUCE_VISIT_COUNT_MAX : PRODUCE_VISIT_COUNT_NATURAL;
    people->tenants = calloc(options->tenant_count, sizeof(*people->tenants));
    people->persons = calloc(options->person_count, sizeof(*people->persons));
    people->free_slots = calloc(people->visit_count_max, sizeof(*people->free_slots));
    people->heap = calloc(people->visit_count_max, sizeof(*people->heap));
    people->visits =
        aligned_alloc(CACHE_LINE_BYTES, (size_t)people->visit_count_max * sizeof(*people->visits));
    if (people->tenants == NULL || people->persons == NULL || people->free_slots == NULL ||
        people->heap == NULL || people->visits == NULL) {
        return fault_new(-ENOMEM);
    }
    return 0;
}

int
produce_people_create(const struct produce_people_options *options, struct produce_people **out_people)
{
    struct produce_people *people;
    int r;

    REQUIRE(options->tenant_count > 0);
    REQUIRE(options->tenant_count <= PRODUCE_TENANT_COUNT_MAX);
    REQUIRE(options->person_count >= options->tenant_count);
    REQUIRE(options->person_count <= PRODUCE_PERSON_COUNT_MAX);
    REQUIRE(options->visit_count <= PRODUCE_VISIT_COUNT_MAX);
    REQUIRE(options->visit_count <= (options->person_count + 1) / 2);
    REQUIRE(options->event_bytes <= PRODUCE_EVENT_BYTES_MAX);

    people = calloc(1, sizeof(*people));
    if (people == NULL) {
        return fault_new(-ENOMEM);
    }
    people->options = *options;
    r = take_memory(people);
    if (r != 0) {
        produce_people_destroy(people);
        return fault_up(r);
    }
    people->dice = hash_mix(options->walk_seed);
    produce_personas_init(&people->personas, options->people_seed);
    make_tenants(people);
    for (uint32_t page = 0; page < PRODUCE_PAGE_COUNT; page++) {
        spread(edges, COUNT_OF(edges), (uint8_t)page, people->next_page[page]);
    }
    for (uint32_t i = 0; i < VISITOR_COUNT; i++) {
        spread(landings, COUNT_OF(landings), (uint8_t)i, people->landing[i]);
    }
    if (options->visit_count > 0) {
        produce_people_set_visits(people, options->visit_count);
    } else {
        people->arrival_ms = (double)options->begin.ms;
        await_arrival(people);
        let_in(people);
    }
    *out_people = people;
    return 0;
}

void
produce_people_destroy(struct produce_people *people)
{
    if (people != NULL) {
        produce_line_destroy(people->line);
        produce_tricks_destroy(people->tricks);
        free(people->tenants);
        free(people->persons);
        free(people->free_slots);
        free(people->heap);
        free(people->visits);
        free(people);
    }
}

uint32_t
produce_people_bytes_max(const struct produce_people *people)
{
    uint32_t line_bytes = produce_line_bytes_max(people->line);

    return people->tricks == NULL ? line_bytes : 2 * line_bytes + PRODUCE_TRICK_BYTES_MAX;
}

struct text
produce_people_tenant(const struct produce_people *people, uint32_t index)
{
    REQUIRE(index < people->options.tenant_count);
    return text_of(people->tenants[index].name);
}

uint64_t
produce_people_trick_count(const struct produce_people *people, enum produce_trick trick)
{
    return people->trick_count[trick];
}

const struct produce_personas *
produce_people_personas(const struct produce_people *people)
{
    return &people->personas;
}
