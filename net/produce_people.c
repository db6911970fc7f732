/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_people.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"
#include "core/time_text.h"
#include "core/uuid.h"

/*
 * An event is put together from pieces that are ready: what is constant for the visit (tenant, visitor, device),
 * its ID and time, what is constant for the thing done on this page, a number, and filler up to the wanted size.
 *
 * The dice are splitmix64: one roll for each event, of which different bits decide different things, and another
 * one where a visit begins. An event's ID is the visit's own dice and the number of the event.
 */

#define HEAD_BYTES_MAX 448u
#define TAIL_BYTES_MAX 512u
#define STEP_SLOTS 64u
#define THING_COUNT 4u /* elements or features of a page */
#define FILLER_COUNT 16u
#define NOTE_FRAME_BYTES 11u /* ,"note":"" and at least one letter */
#define TENANT_NAME_BYTES 24u
#define FILLER_BYTES_MAX (2 * PRODUCE_EVENT_BYTES_MAX)

enum page {
    PAGE_HOME,
    PAGE_PRICING,
    PAGE_FEATURES,
    PAGE_DOCS,
    PAGE_QUICKSTART,
    PAGE_BLOG,
    PAGE_POST,
    PAGE_SIGNUP,
    PAGE_LOGIN,
    PAGE_DASHBOARD,
    PAGE_REPORTS,
    PAGE_AUDIENCES,
    PAGE_SETTINGS,
    PAGE_BILLING,
    PAGE_COUNT,
    PAGE_LEAVE = PAGE_COUNT,
};

struct edge {
    uint8_t to;
    uint8_t weight; /* 0 ends the list */
};

struct page_row {
    const char *path;
    const char *title;
    const char *element[THING_COUNT];
    const char *feature[THING_COUNT]; /* NULL: a page without features */
    struct edge edge[8];
};

/* Where one goes from here, of those without an account to name and of those with one alike. */
static const struct page_row page_rows[PAGE_COUNT] = {
    [PAGE_HOME] = {"/",
                   "Home",
                   {"hero-cta", "nav-pricing", "video-play", "footer-blog"},
                   {NULL},
                   {{PAGE_PRICING, 20},
                    {PAGE_FEATURES, 22},
                    {PAGE_DOCS, 10},
                    {PAGE_BLOG, 8},
                    {PAGE_SIGNUP, 8},
                    {PAGE_LOGIN, 14},
                    {PAGE_LEAVE, 18}}},
    [PAGE_PRICING] = {"/pricing",
                      "Pricing",
                      {"plan-team", "plan-business", "yearly-toggle", "talk-to-sales"},
                      {NULL},
                      {{PAGE_SIGNUP, 24},
                       {PAGE_FEATURES, 18},
                       {PAGE_HOME, 14},
                       {PAGE_LOGIN, 10},
                       {PAGE_DOCS, 8},
                       {PAGE_LEAVE, 26}}},
    [PAGE_FEATURES] =
        {"/features",
         "Features",
         {"tab-profiles", "tab-sessions", "tab-analytics", "cta-try"},
         {NULL},
         {{PAGE_PRICING, 34}, {PAGE_DOCS, 16}, {PAGE_SIGNUP, 12}, {PAGE_HOME, 14}, {PAGE_LEAVE, 24}}},
    [PAGE_DOCS] =
        {"/docs",
         "Documentation",
         {"toc", "search", "copy-code", "edit-page"},
         {NULL},
         {{PAGE_QUICKSTART, 36}, {PAGE_DOCS, 20}, {PAGE_HOME, 6}, {PAGE_LOGIN, 14}, {PAGE_LEAVE, 24}}},
    [PAGE_QUICKSTART] = {"/docs/quickstart",
                         "Quickstart",
                         {"copy-code", "next", "tab-node", "tab-browser"},
                         {NULL},
                         {{PAGE_DOCS, 36}, {PAGE_SIGNUP, 16}, {PAGE_LOGIN, 18}, {PAGE_LEAVE, 30}}},
    [PAGE_BLOG] = {"/blog",
                   "Blog",
                   {"post-1", "post-2", "subscribe", "older"},
                   {NULL},
                   {{PAGE_POST, 56}, {PAGE_HOME, 14}, {PAGE_LEAVE, 30}}},
    [PAGE_POST] = {"/blog/one-profile-for-everyone",
                   "One profile for everyone",
                   {"share", "subscribe", "author", "related"},
                   {NULL},
                   {{PAGE_BLOG, 24}, {PAGE_HOME, 14}, {PAGE_FEATURES, 12}, {PAGE_LEAVE, 50}}},
    [PAGE_SIGNUP] = {"/signup",
                     "Sign up",
                     {"with-google", "with-github", "terms", "show-password"},
                     {NULL},
                     {{PAGE_PRICING, 26}, {PAGE_HOME, 20}, {PAGE_LOGIN, 20}, {PAGE_LEAVE, 34}}},
    [PAGE_LOGIN] = {"/login",
                    "Log in",
                    {"forgot-password", "with-google", "remember-me", "show-password"},
                    {NULL},
                    {{PAGE_SIGNUP, 40}, {PAGE_HOME, 30}, {PAGE_LEAVE, 30}}},
    [PAGE_DASHBOARD] = {"/app/dashboard",
                        "Dashboard",
                        {"refresh", "card-revenue", "date-range", "help"},
                        {"pin-card", "compare-periods", "share-dashboard", "full-screen"},
                        {{PAGE_REPORTS, 34},
                         {PAGE_AUDIENCES, 28},
                         {PAGE_SETTINGS, 10},
                         {PAGE_DASHBOARD, 8},
                         {PAGE_DOCS, 4},
                         {PAGE_LEAVE, 16}}},
    [PAGE_REPORTS] = {"/app/reports",
                      "Reports",
                      {"new-report", "row-open", "sort-column", "filter"},
                      {"export-csv", "schedule-report", "funnel", "retention"},
                      {{PAGE_REPORTS, 34}, {PAGE_DASHBOARD, 26}, {PAGE_AUDIENCES, 20}, {PAGE_LEAVE, 20}}},
    [PAGE_AUDIENCES] = {"/app/audiences",
                        "Audiences",
                        {"new-audience", "row-open", "preview", "filter"},
                        {"build-audience", "sync-audience", "duplicate-audience", "estimate-size"},
                        {{PAGE_AUDIENCES, 30}, {PAGE_DASHBOARD, 28}, {PAGE_REPORTS, 22}, {PAGE_LEAVE, 20}}},
    [PAGE_SETTINGS] = {"/app/settings",
                       "Settings",
                       {"save", "tab-team", "tab-keys", "danger-zone"},
                       {"invite-member", "rotate-key", "change-theme", "enable-sso"},
                       {{PAGE_BILLING, 26}, {PAGE_DASHBOARD, 44}, {PAGE_SETTINGS, 10}, {PAGE_LEAVE, 20}}},
    [PAGE_BILLING] = {"/app/billing",
                      "Billing",
                      {"change-plan", "invoices", "update-card", "cancel"},
                      {"upgrade-plan", "download-invoice", "add-seat", "apply-coupon"},
                      {{PAGE_SETTINGS, 36}, {PAGE_DASHBOARD, 36}, {PAGE_LEAVE, 28}}},
};

/* Where visits begin, of strangers and of those that their device still knows. */
static const struct edge landings[] = {
    {PAGE_HOME, 44}, {PAGE_PRICING, 10}, {PAGE_DOCS, 12}, {PAGE_QUICKSTART, 8},
    {PAGE_BLOG, 6},  {PAGE_POST, 14},    {PAGE_LOGIN, 6}, {0, 0}};
static const struct edge landings_known[] = {
    {PAGE_DASHBOARD, 70}, {PAGE_REPORTS, 16}, {PAGE_AUDIENCES, 14}, {0, 0}};

static const char *const origins[] = {"https://www.google.com/",
                                      "https://duckduckgo.com/",
                                      "https://news.ycombinator.com/",
                                      "https://www.linkedin.com/",
                                      "https://github.com/",
                                      "https://t.co/",
                                      "",
                                      ""};
static const char *const tenant_names[] = {"acme",  "globex", "initech", "umbrella",
                                           "hooli", "stark",  "wayne",   "soylent"};
static const char *const given_names[] = {"mia",   "noah", "lena", "omar", "ines", "yuki", "ada",  "luca",
                                          "sofia", "ravi", "emma", "jan",  "zoe",  "ali",  "nina", "tom"};
static const char *const family_names[] = {"keller", "okafor", "silva", "tanaka", "novak", "haddad",
                                           "jensen", "rossi",  "kumar", "moreau", "weber", "garcia",
                                           "larsen", "chen",   "kaya",  "brown"};
static const char *const countries[] = {"US", "US", "US", "US", "DE", "DE", "GB", "GB",
                                        "FR", "IN", "IN", "BR", "JP", "CA", "NL", "PL"};

struct device_row {
    const char *type, *browser, *os;
};
static const struct device_row device_rows[] = {
    {"desktop", "Chrome", "Windows"}, {"desktop", "Chrome", "macOS"}, {"desktop", "Safari", "macOS"},
    {"desktop", "Firefox", "Linux"},  {"desktop", "Edge", "Windows"}, {"mobile", "Safari", "iOS"},
    {"mobile", "Chrome", "Android"},  {"tablet", "Safari", "iPadOS"},
};
#define DEVICE_FIRST_MOBILE 5u

static const char *const fillers[FILLER_COUNT] = {
    ",\"plan\":\"team\"",
    ",\"campaign\":\"autumn-launch\"",
    ",\"viewport\":\"1440x900\"",
    ",\"locale\":\"en-GB\"",
    ",\"experiment\":\"pricing-b\"",
    ",\"scroll_percent\":62.5",
    ",\"is_returning\":true",
    ",\"app_version\":\"4.18.2\"",
    ",\"utm_source\":\"newsletter\"",
    ",\"network\":\"4g\"",
    ",\"items\":3",
    ",\"value\":129.9",
    ",\"currency\":\"EUR\"",
    ",\"section\":\"above the fold\"",
    ",\"tags\":[\"new\",\"eu\"]",
    ",\"latency_ms\":48",
};

/* Of a person, in a byte. */
#define HAS_ACCOUNT 1u
#define IS_KNOWN_ON(device) (2u << (device)) /* stayed logged in */

struct visit {
    uint32_t person;
    uint32_t label; /* the client's own, of this visit */
    uint16_t head_bytes;
    uint8_t page;
    uint8_t referrer; /* a page, or PAGE_COUNT + origin */
    uint8_t device;   /* the person's first or second */
    bool has_seen;    /* the page it is on */
    bool is_named;    /* logged in */
    char head[HEAD_BYTES_MAX];
};

struct tenant_row {
    uint32_t person_end; /* persons below, and not of a tenant before, are its */
    char name[TENANT_NAME_BYTES];
};

struct produce_people {
    struct produce_people_options options;
    uint64_t dice;
    uint64_t event_count;
    int64_t bytes_owed; /* what filler has yet to make up for */

    /* The time rendered last. */
    struct event_ms time;
    char time_text[TIME_TEXT_BYTES];

    uint8_t next_page[PAGE_COUNT][STEP_SLOTS];
    uint8_t landing[2][STEP_SLOTS];
    struct text seen[PAGE_COUNT]; /* pieces up to the number in their properties */
    struct text clicked[PAGE_COUNT][THING_COUNT];
    struct text used[PAGE_COUNT][THING_COUNT];
    struct text signed_up;
    struct text logged_in;
    struct text referred[PAGE_COUNT + COUNT_OF(origins)];
    struct text filler[FILLER_COUNT];
    char note[FILLER_BYTES_MAX]; /* letters */

    char *pieces; /* what seen, clicked, ... point to */
    uint32_t pieces_bytes;
    struct tenant_row *tenants;
    uint8_t *persons;
    struct visit *visits;
    uint32_t next_visit; /* drawn one event ahead, so that its lines are on their way */
};

#define PIECES_BYTES_MAX (64u << 10)

static uint64_t
roll(struct produce_people *people)
{
    return hash_mix(people->dice += UINT64_C(0x9e3779b97f4a7c15));
}

/* A fixed property of a person: the same on every day. */
static uint64_t
trait(const struct produce_people *people, uint32_t person, uint32_t which)
{
    return hash_mix(people->options.people_seed + hash_mix(((uint64_t)which << 32) + person + 1));
}

/* 0 <= result < count, from 32 bits of dice. */
static uint32_t
below(uint64_t dice, uint32_t count)
{
    return (uint32_t)(((dice & UINT32_MAX) * count) >> 32);
}

static char *
put(char *to, struct text text)
{
    memcpy(to, text.data, text.bytes);
    return to + text.bytes;
}

static char *
put_number(char *to, uint32_t value)
{
    char digits[10];
    uint32_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    return to;
}

static char *
put_uuid(char *to, uint64_t hi, uint64_t lo)
{
    uuid_format(uuid_random(hi, lo), to);
    return to + UUID_TEXT_BYTES - 1;
}

/* Making the tables. */

PRINTF_LIKE(2, 3)
static struct text
piece(struct produce_people *people, const char *format, ...)
{
    char *to = people->pieces + people->pieces_bytes;
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(to, PIECES_BYTES_MAX - people->pieces_bytes, format, arguments);
    va_end(arguments);
    ASSERT(bytes >= 0 && (uint32_t)bytes < PIECES_BYTES_MAX - people->pieces_bytes);
    people->pieces_bytes += (uint32_t)bytes;
    return (struct text){.data = to, .bytes = (uint32_t)bytes};
}

/* Weights become shares of STEP_SLOTS slots. */
static void
spread(const struct edge *edges, uint8_t slots[STEP_SLOTS])
{
    uint32_t total = 0;
    uint32_t passed = 0;
    uint32_t slot = 0;

    for (const struct edge *edge = edges; edge->weight > 0; edge++) {
        total += edge->weight;
    }
    for (const struct edge *edge = edges; edge->weight > 0; edge++) {
        passed += edge->weight;
        for (; slot < STEP_SLOTS * passed / total; slot++) {
            slots[slot] = edge->to;
        }
    }
    ASSERT(slot == STEP_SLOTS);
}

static void
make_pages(struct produce_people *people)
{
    for (uint32_t page = 0; page < PAGE_COUNT; page++) {
        const struct page_row *row = &page_rows[page];

        spread(row->edge, people->next_page[page]);
        people->seen[page] = piece(
            people,
            ",\"event_type\":\"page_view\",\"page_url\":\"%s\",\"properties\":{\"title\":\"%s\",\"load_ms\":",
            row->path, row->title);
        people->referred[page] = piece(people, ",\"referrer\":\"%s\"", row->path);
        for (uint32_t i = 0; i < THING_COUNT; i++) {
            people->clicked[page][i] = piece(
                people,
                ",\"event_type\":\"click\",\"page_url\":\"%s\",\"element_id\":\"%s\",\"properties\":{\"x\":",
                row->path, row->element[i]);
            if (row->feature[i] != NULL) {
                people->used[page][i] = piece(people,
                                              ",\"event_type\":\"feature_used\",\"page_url\":\"%s\","
                                              "\"feature_name\":\"%s\",\"properties\":{\"duration_ms\":",
                                              row->path, row->feature[i]);
            }
        }
    }
    spread(landings, people->landing[0]);
    spread(landings_known, people->landing[1]);
}

static void
make_pieces(struct produce_people *people)
{
    make_pages(people);
    for (uint32_t i = 0; i < COUNT_OF(origins); i++) {
        if (origins[i][0] != '\0') {
            people->referred[PAGE_COUNT + i] = piece(people, ",\"referrer\":\"%s\"", origins[i]);
        }
    }
    people->signed_up =
        TEXT(",\"event_type\":\"signup\",\"page_url\":\"/"
             "signup\",\"traits\":{\"plan\":\"free\"},\"properties\":{\"method\":\"email\",\"form_ms\":");
    people->logged_in = TEXT(",\"event_type\":\"login\",\"page_url\":\"/"
                             "login\",\"properties\":{\"method\":\"password\",\"form_ms\":");
    for (uint32_t i = 0; i < FILLER_COUNT; i++) {
        people->filler[i] = text_of(fillers[i]);
    }
    for (uint32_t i = 0; i < sizeof(people->note); i++) {
        people->note[i] = "the quick brown fox jumps over the lazy dog "[i % 44];
    }
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
        if (i < COUNT_OF(tenant_names)) {
            snprintf(tenant->name, sizeof(tenant->name), "%s", tenant_names[i]);
        } else {
            snprintf(tenant->name, sizeof(tenant->name), "tenant-%u", i + 1);
        }
    }
    people->tenants[tenant_count - 1].person_end = people->options.person_count; /* whatever fractions say */
}

/* Visits. */

static const struct tenant_row *
tenant_of(const struct produce_people *people, uint32_t person)
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
    return &people->tenants[low];
}

/* Half of the first devices are desktops, most of the second are not. */
static const struct device_row *
device_of(const struct produce_people *people, const struct visit *visit)
{
    uint64_t dice = trait(people, visit->person, 2 + visit->device);

    if (visit->device == 1) {
        return &device_rows[DEVICE_FIRST_MOBILE + below(dice, COUNT_OF(device_rows) - DEVICE_FIRST_MOBILE)];
    }
    return &device_rows[below(dice, COUNT_OF(device_rows))];
}

static bool
has_two_devices(const struct produce_people *people, uint32_t person)
{
    return trait(people, person, 4) % 3 == 0;
}

static char *
put_name(const struct produce_people *people, uint32_t person, char *to)
{
    uint64_t dice = trait(people, person, 5);

    to = put(to, text_of(given_names[dice % COUNT_OF(given_names)]));
    *to++ = '.';
    to = put(to, text_of(family_names[(dice >> 8) % COUNT_OF(family_names)]));
    *to++ = '.';
    return put_number(to, person);
}

static char *
put_field(char *to, struct text name, const char *value)
{
    to = put(to, name);
    to = put(to, text_of(value));
    *to++ = '"';
    return to;
}

/* What every event of the visit begins with, from now on. */
static void
render_head(const struct produce_people *people, struct visit *visit)
{
    const struct device_row *device = device_of(people, visit);
    uint64_t country = trait(people, visit->person, 6);
    uint32_t anonymous = 8 + 2u * visit->device;
    char *to = visit->head;

    to = put_field(to, TEXT("{\"tenant_id\":\""), tenant_of(people, visit->person)->name);
    to = put(to, TEXT(",\"anonymous_id\":\""));
    to = put_uuid(to, trait(people, visit->person, anonymous), trait(people, visit->person, anonymous + 1));
    if (visit->is_named) {
        to = put(to, TEXT("\",\"user_id\":\""));
        to = put_name(people, visit->person, to);
    }
    to = put(to, TEXT("\",\"session_id\":\"s-"));
    to = put_number(to, visit->label);
    *to++ = '"';
    to = put_field(to, TEXT(",\"country\":\""), countries[country % COUNT_OF(countries)]);
    to = put_field(to, TEXT(",\"device_type\":\""), device->type);
    to = put_field(to, TEXT(",\"browser\":\""), device->browser);
    to = put_field(to, TEXT(",\"os\":\""), device->os);
    to = put(to, TEXT(",\"event_id\":\""));
    ASSERT((size_t)(to - visit->head) <= sizeof(visit->head));
    visit->head_bytes = (uint16_t)(to - visit->head);
}

static void
begin_visit(struct produce_people *people, struct visit *visit)
{
    uint64_t dice = roll(people);
    uint8_t person_word;
    uint64_t landing;

    visit->person = below(dice, people->options.person_count);
    person_word = people->persons[visit->person];
    visit->device = has_two_devices(people, visit->person) && (dice >> 32 & 3) == 0;
    visit->is_named = (person_word & IS_KNOWN_ON(visit->device)) != 0;
    landing = dice >> 34 & (STEP_SLOTS - 1);
    visit->page = people->landing[visit->is_named][landing];
    visit->referrer = (uint8_t)(PAGE_COUNT + (dice >> 40) % COUNT_OF(origins));
    visit->has_seen = false;
    visit->label = (uint32_t)(dice >> 32);
    render_head(people, visit);
}

/* The person is known here from now on; two of three stay logged in when they leave. */
static void
name_visitor(struct produce_people *people, struct visit *visit, uint64_t dice)
{
    people->persons[visit->person] |= HAS_ACCOUNT;
    if (dice % 3 != 0) {
        people->persons[visit->person] |= (uint8_t)IS_KNOWN_ON(visit->device);
    }
    visit->is_named = true;
    render_head(people, visit);
}

static void
go_to(struct visit *visit, uint8_t page)
{
    visit->referrer = visit->page;
    visit->page = page;
    visit->has_seen = false;
}

static struct text
see(struct produce_people *people, struct visit *visit)
{
    visit->has_seen = true;
    return people->seen[visit->page];
}

/* Who is logged in has no business at the door, and who is not cannot come in. */
static uint8_t
door(const struct produce_people *people, const struct visit *visit, uint8_t page)
{
    if (page != PAGE_SIGNUP && page != PAGE_LOGIN) {
        return page;
    }
    if (visit->is_named) {
        return PAGE_DASHBOARD;
    }
    return (people->persons[visit->person] & HAS_ACCOUNT) != 0 ? PAGE_LOGIN : PAGE_SIGNUP;
}

/* One step of a visit; returns the piece that says what was done. */
static struct text
step(struct produce_people *people, struct visit *visit, uint64_t dice)
{
    uint32_t chance = below(dice, 100);
    uint32_t thing = dice >> 32 & (THING_COUNT - 1);
    uint8_t next;

    if (!visit->has_seen) {
        return see(people, visit);
    }
    if ((visit->page == PAGE_SIGNUP || visit->page == PAGE_LOGIN) && !visit->is_named && chance < 75) {
        bool has_account = (people->persons[visit->person] & HAS_ACCOUNT) != 0;

        name_visitor(people, visit, dice >> 40);
        go_to(visit, PAGE_DASHBOARD);
        return has_account ? people->logged_in : people->signed_up;
    }
    if (chance < 25) {
        return people->clicked[visit->page][thing];
    }
    if (chance < 50 && people->used[visit->page][0].bytes > 0) {
        return people->used[visit->page][thing];
    }
    next = people->next_page[visit->page][dice >> 34 & (STEP_SLOTS - 1)];
    if (next == PAGE_LEAVE) {
        begin_visit(people, visit);
    } else {
        go_to(visit, door(people, visit, next));
    }
    return see(people, visit);
}

/* Properties for `want` bytes, as a site would send them, and the rest in a note. */
static char *
put_filler(const struct produce_people *people, char *to, uint32_t want, uint32_t first)
{
    for (uint32_t i = first;; i++) {
        struct text filler = people->filler[i % FILLER_COUNT];

        if (want < filler.bytes + NOTE_FRAME_BYTES || i == first + 2 * FILLER_COUNT) {
            break;
        }
        to = put(to, filler);
        want -= filler.bytes;
    }
    if (want >= NOTE_FRAME_BYTES) {
        to = put(to, TEXT(",\"note\":\""));
        to = put(to, (struct text){.data = people->note, .bytes = want - (NOTE_FRAME_BYTES - 1)});
        *to++ = '"';
    }
    return to;
}

/* The balance of all events so far, spread: half of it to one and a half of it. */
static uint32_t
filler_bytes(struct produce_people *people, uint32_t natural_bytes, uint64_t dice)
{
    int64_t want;
    int64_t most = 2 * (int64_t)people->options.event_bytes;

    people->bytes_owed += (int64_t)people->options.event_bytes - natural_bytes;
    want = people->bytes_owed * (int64_t)(64 + (dice & 127)) / 128;
    if (want < (int64_t)NOTE_FRAME_BYTES) {
        return 0;
    }
    return (uint32_t)(want < most ? want : most);
}

uint32_t
produce_people_next(struct produce_people *people, struct event_ms time, char *to)
{
    struct visit *visit = &people->visits[people->next_visit];
    uint64_t dice = roll(people);
    uint64_t more = hash_mix(dice ^ people->options.walk_seed);
    struct text done = step(people, visit, dice);
    struct text referred = people->referred[visit->referrer];
    char *begin = to;
    char *filled;

    people->next_visit = below(more, people->options.visit_count);
    for (uint32_t i = 0; i < HEAD_BYTES_MAX; i += CACHE_LINE_BYTES) {
        __builtin_prefetch((const char *)&people->visits[people->next_visit] + i);
    }
    if (people->time.ms != time.ms || people->event_count == 0) {
        people->time = time;
        time_text_format(time.ms, people->time_text);
    }
    people->event_count++;

    to = put(to, (struct text){.data = visit->head, .bytes = visit->head_bytes});
    to = put_uuid(to, hash_mix(people->options.walk_seed + people->event_count), dice);
    to = put(to, TEXT("\",\"event_time\":\""));
    to = put(to, (struct text){.data = people->time_text, .bytes = TIME_TEXT_BYTES - 1});
    *to++ = '"';
    if (referred.bytes > 0) {
        to = put(to, referred);
    }
    to = put(to, done);
    to = put_number(to, (uint32_t)(more >> 32) % 4000);
    filled = to;
    if (people->options.event_bytes > 0) {
        uint32_t want = filler_bytes(people, (uint32_t)(to - begin) + 3, dice >> 50);

        filled = put_filler(people, to, want, (uint32_t)(dice >> 57));
        people->bytes_owed -= filled - to;
    }
    return (uint32_t)(put(filled, TEXT("}}\n")) - begin);
}

int
produce_people_create(const struct produce_people_options *options, struct produce_people **out_people)
{
    struct produce_people *people;

    REQUIRE(options->tenant_count > 0);
    REQUIRE(options->tenant_count <= PRODUCE_TENANT_COUNT_MAX);
    REQUIRE(options->person_count >= options->tenant_count);
    REQUIRE(options->person_count <= PRODUCE_PERSON_COUNT_MAX);
    REQUIRE(options->visit_count > 0);
    REQUIRE(options->visit_count <= PRODUCE_VISIT_COUNT_MAX);
    REQUIRE(options->event_bytes <= PRODUCE_EVENT_BYTES_MAX);

    people = calloc(1, sizeof(*people));
    if (people == NULL) {
        return fault_new(-ENOMEM);
    }
    people->options = *options;
    people->pieces = malloc(PIECES_BYTES_MAX);
    people->tenants = calloc(options->tenant_count, sizeof(*people->tenants));
    people->persons = calloc(options->person_count, sizeof(*people->persons));
    people->visits = calloc(options->visit_count, sizeof(*people->visits));
    if (people->pieces == NULL || people->tenants == NULL || people->persons == NULL ||
        people->visits == NULL) {
        produce_people_destroy(people);
        return fault_new(-ENOMEM);
    }
    people->dice = hash_mix(options->walk_seed);
    make_pieces(people);
    make_tenants(people);
    for (uint32_t i = 0; i < options->visit_count; i++) {
        begin_visit(people, &people->visits[i]);
    }
    *out_people = people;
    return 0;
}

void
produce_people_destroy(struct produce_people *people)
{
    if (people != NULL) {
        free(people->pieces);
        free(people->tenants);
        free(people->persons);
        free(people->visits);
        free(people);
    }
}

uint32_t
produce_people_event_bytes_max(const struct produce_people *people)
{
    return HEAD_BYTES_MAX + TAIL_BYTES_MAX + 2 * people->options.event_bytes;
}

struct text
produce_people_tenant(const struct produce_people *people, uint32_t index)
{
    REQUIRE(index < people->options.tenant_count);
    return text_of(people->tenants[index].name);
}
