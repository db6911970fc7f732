/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"
#include "core/time_text.h"
#include "core/uuid.h"

#define TAIL_BYTES_MAX 512u
#define FILLER_COUNT 16u
#define NOTE_FRAME_BYTES 11u /* ,"note":"" and at least one letter */
#define FILLER_BYTES_MAX (2 * PRODUCE_EVENT_BYTES_MAX)
#define PIECES_BYTES_MAX (64u << 10)

/* Of produce_line_trait(). */
#define TRAIT_NAME 0u
#define TRAIT_COUNTRY 1u
#define TRAIT_MODEL(device) (2u + (device))
#define TRAIT_ANONYMOUS(device) (8u + 2u * (device))

struct page_row {
    const char *path;
    const char *title;
};
static const struct page_row page_rows[PRODUCE_PAGE_COUNT] = {
#define PAGE(PAGE, path, title) [PRODUCE_##PAGE] = {path, title},
#include "net/produce_people.def"
};
static const char *const elements[PRODUCE_PAGE_COUNT][PRODUCE_THING_COUNT] = {
#define ELEMENTS(PAGE, a, b, c, d) [PRODUCE_##PAGE] = {a, b, c, d},
#include "net/produce_people.def"
};
static const char *const features[PRODUCE_PAGE_COUNT][PRODUCE_THING_COUNT] = {
#define FEATURES(PAGE, a, b, c, d) [PRODUCE_##PAGE] = {a, b, c, d},
#include "net/produce_people.def"
};

static const char *const origins[PRODUCE_ORIGIN_COUNT] = {"https://www.google.com/",
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

struct produce_line {
    uint64_t people_seed;
    uint32_t event_bytes;
    int64_t bytes_owed; /* what filler has yet to make up for */

    /* The time rendered last. */
    bool has_time;
    struct event_ms time;
    char time_text[TIME_TEXT_BYTES];

    /* Pieces up to the number in their properties. */
    struct text seen[PRODUCE_PAGE_COUNT];
    struct text clicked[PRODUCE_PAGE_COUNT][PRODUCE_THING_COUNT];
    struct text used[PRODUCE_PAGE_COUNT][PRODUCE_THING_COUNT];
    struct text referred[PRODUCE_PAGE_COUNT + PRODUCE_ORIGIN_COUNT];
    struct text filler[FILLER_COUNT];
    char note[FILLER_BYTES_MAX]; /* letters */

    uint32_t pieces_bytes;
    char pieces[PIECES_BYTES_MAX]; /* what seen, clicked, ... point to */
};

uint64_t
produce_line_trait(uint64_t people_seed, uint32_t person, uint32_t which)
{
    return hash_mix(people_seed + hash_mix(((uint64_t)which << 32) + person + 1));
}

static uint64_t
trait(const struct produce_line *line, uint32_t person, uint32_t which)
{
    return produce_line_trait(line->people_seed, person, which);
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

/* Making the pieces. */

PRINTF_LIKE(2, 3)
static struct text
piece(struct produce_line *line, const char *format, ...)
{
    char *to = line->pieces + line->pieces_bytes;
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(to, PIECES_BYTES_MAX - line->pieces_bytes, format, arguments);
    va_end(arguments);
    ASSERT(bytes >= 0 && (uint32_t)bytes < PIECES_BYTES_MAX - line->pieces_bytes);
    line->pieces_bytes += (uint32_t)bytes;
    return (struct text){.data = to, .bytes = (uint32_t)bytes};
}

static void
make_page(struct produce_line *line, uint32_t page)
{
    const struct page_row *row = &page_rows[page];

    line->seen[page] = piece(
        line,
        ",\"event_type\":\"page_view\",\"page_url\":\"%s\",\"properties\":{\"title\":\"%s\",\"load_ms\":",
        row->path, row->title);
    line->referred[page] = piece(line, ",\"referrer\":\"%s\"", row->path);
    for (uint32_t i = 0; i < PRODUCE_THING_COUNT; i++) {
        line->clicked[page][i] = piece(
            line,
            ",\"event_type\":\"click\",\"page_url\":\"%s\",\"element_id\":\"%s\",\"properties\":{\"x\":",
            row->path, elements[page][i]);
        if (features[page][i] != NULL) {
            line->used[page][i] = piece(line,
                                        ",\"event_type\":\"feature_used\",\"page_url\":\"%s\","
                                        "\"feature_name\":\"%s\",\"properties\":{\"duration_ms\":",
                                        row->path, features[page][i]);
        }
    }
}

int
produce_line_create(uint64_t people_seed, uint32_t event_bytes, struct produce_line **out_line)
{
    struct produce_line *line = calloc(1, sizeof(*line));

    if (line == NULL) {
        return fault_new(-ENOMEM);
    }
    line->people_seed = people_seed;
    line->event_bytes = event_bytes;
    for (uint32_t page = 0; page < PRODUCE_PAGE_COUNT; page++) {
        make_page(line, page);
    }
    for (uint32_t i = 0; i < PRODUCE_ORIGIN_COUNT; i++) {
        if (origins[i][0] != '\0') {
            line->referred[PRODUCE_PAGE_COUNT + i] = piece(line, ",\"referrer\":\"%s\"", origins[i]);
        }
    }
    for (uint32_t i = 0; i < FILLER_COUNT; i++) {
        line->filler[i] = text_of(fillers[i]);
    }
    for (uint32_t i = 0; i < sizeof(line->note); i++) {
        line->note[i] = "the quick brown fox jumps over the lazy dog "[i % 44];
    }
    *out_line = line;
    return 0;
}

void
produce_line_destroy(struct produce_line *line)
{
    free(line);
}

/* Heads. */

/* Half of the first devices are desktops; the others are not. */
static const struct device_row *
model_of(const struct produce_line *line, uint32_t person, uint8_t device)
{
    uint64_t dice = trait(line, person, TRAIT_MODEL(device)) >> 8;

    if (device > 0) {
        return &device_rows[DEVICE_FIRST_MOBILE + dice % (COUNT_OF(device_rows) - DEVICE_FIRST_MOBILE)];
    }
    return &device_rows[dice % COUNT_OF(device_rows)];
}

static char *
put_name(const struct produce_line *line, uint32_t person, char *to)
{
    uint64_t dice = trait(line, person, TRAIT_NAME);

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

uint32_t
produce_line_head(const struct produce_line *line, const struct produce_visitor *visitor, char *to)
{
    const struct device_row *model = model_of(line, visitor->device_person, visitor->device);
    uint64_t country = trait(line, visitor->device_person, TRAIT_COUNTRY);
    uint32_t anonymous = TRAIT_ANONYMOUS(visitor->device);
    char *begin = to;

    to = put_field(to, TEXT("{\"tenant_id\":\""), visitor->tenant);
    to = put(to, TEXT(",\"anonymous_id\":\""));
    to = put_uuid(to, trait(line, visitor->device_person, anonymous),
                  trait(line, visitor->device_person, anonymous + 1));
    if (visitor->is_named) {
        to = put(to, TEXT("\",\"user_id\":\""));
        to = put_name(line, visitor->person, to);
    } else if (visitor->blocked != NULL) {
        to = put(to, TEXT("\",\"user_id\":\""));
        to = put(to, text_of(visitor->blocked));
    }
    to = put(to, TEXT("\",\"session_id\":\"s-"));
    to = put_number(to, visitor->label);
    *to++ = '"';
    to = put_field(to, TEXT(",\"country\":\""), countries[country % COUNT_OF(countries)]);
    to = put_field(to, TEXT(",\"device_type\":\""), model->type);
    to = put_field(to, TEXT(",\"browser\":\""), model->browser);
    to = put_field(to, TEXT(",\"os\":\""), model->os);
    to = put(to, TEXT(",\"event_id\":\""));
    ASSERT((size_t)(to - begin) <= PRODUCE_HEAD_BYTES_MAX);
    return (uint32_t)(to - begin);
}

/* Lines. */

/* Properties for `want` bytes, as a site would send them, and the rest in a note. */
static char *
put_filler(const struct produce_line *line, char *to, uint32_t want, uint32_t first)
{
    for (uint32_t i = first;; i++) {
        struct text filler = line->filler[i % FILLER_COUNT];

        if (want < filler.bytes + NOTE_FRAME_BYTES || i == first + 2 * FILLER_COUNT) {
            break;
        }
        to = put(to, filler);
        want -= filler.bytes;
    }
    if (want >= NOTE_FRAME_BYTES) {
        to = put(to, TEXT(",\"note\":\""));
        to = put(to, (struct text){.data = line->note, .bytes = want - (NOTE_FRAME_BYTES - 1)});
        *to++ = '"';
    }
    return to;
}

/* The balance of all events so far, spread: half of it to one and a half of it. */
static uint32_t
filler_bytes(struct produce_line *line, uint32_t natural_bytes, uint64_t dice)
{
    int64_t want;
    int64_t most = 2 * (int64_t)line->event_bytes;

    line->bytes_owed += (int64_t)line->event_bytes - natural_bytes;
    want = line->bytes_owed * (int64_t)(64 + (dice & 127)) / 128;
    if (want < (int64_t)NOTE_FRAME_BYTES) {
        return 0;
    }
    return (uint32_t)(want < most ? want : most);
}

static struct text
deed_text(const struct produce_line *line, const struct produce_deed *deed)
{
    switch ((enum produce_done)deed->done) {
    case PRODUCE_SAW:
        return line->seen[deed->page];
    case PRODUCE_CLICKED:
        return line->clicked[deed->page][deed->thing];
    case PRODUCE_USED:
        return line->used[deed->page][deed->thing];
    case PRODUCE_SIGNED_UP:
        return TEXT(",\"event_type\":\"signup\",\"page_url\":\"/signup\",\"traits\":{\"plan\":\"free\"},"
                    "\"properties\":{\"method\":\"email\",\"form_ms\":");
    case PRODUCE_LOGGED_IN:
        return TEXT(",\"event_type\":\"login\",\"page_url\":\"/login\","
                    "\"properties\":{\"method\":\"password\",\"form_ms\":");
    }
    return (struct text){.bytes = 0};
}

uint32_t
produce_line_put(struct produce_line *line, struct text head, const struct produce_deed *deed, char *to)
{
    struct text referred = line->referred[deed->referrer];
    char *begin = to;

    if (line->time.ms != deed->time.ms || !line->has_time) {
        line->has_time = true;
        line->time = deed->time;
        time_text_format(deed->time.ms, line->time_text);
    }
    to = put(to, head);
    to = put_uuid(to, deed->id_hi, deed->id_lo);
    to = put(to, TEXT("\",\"event_time\":\""));
    to = put(to, (struct text){.data = line->time_text, .bytes = TIME_TEXT_BYTES - 1});
    *to++ = '"';
    if (referred.bytes > 0) {
        to = put(to, referred);
    }
    to = put(to, deed_text(line, deed));
    to = put_number(to, deed->number);
    if (line->event_bytes > 0) {
        char *filled = to;
        uint32_t want = filler_bytes(line, (uint32_t)(to - begin) + 3, deed->dice);

        to = put_filler(line, to, want, (uint32_t)(deed->dice >> 7));
        line->bytes_owed -= to - filled;
    }
    return (uint32_t)(put(to, TEXT("}}\n")) - begin);
}

uint32_t
produce_line_bytes_max(const struct produce_line *line)
{
    return PRODUCE_HEAD_BYTES_MAX + TAIL_BYTES_MAX + 2 * line->event_bytes;
}

bool
produce_line_has_features(const struct produce_line *line, uint8_t page)
{
    return line->used[page][0].bytes > 0;
}

void
produce_line_tenant(uint32_t index, char *to)
{
    if (index < COUNT_OF(tenant_names)) {
        snprintf(to, PRODUCE_TENANT_BYTES, "%s", tenant_names[index]);
    } else {
        snprintf(to, PRODUCE_TENANT_BYTES, "tenant-%u", index + 1);
    }
}
