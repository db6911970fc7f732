/* SPDX-License-Identifier: Apache-2.0 */

/* the semantics: the parts of a profile that depend on the order of the log. */

#include "tests/sim/model_state.h"

#include <stdlib.h>

int
model_event_order(const struct model_event *a, const struct model_event *b)
{
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    return (a->position > b->position) - (a->position < b->position);
}

static int
by_count(const void *a, const void *b)
{
    const struct model_counter *left = a;
    const struct model_counter *right = b;

    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return text_compare(left->name, right->name);
}

void
model_counters_sort(struct model_counter *counters, uint32_t count)
{
    if (count > 1) {
        qsort(counters, count, sizeof(*counters), by_count);
    }
}

static struct model_counter *
counter_find(struct model_counter *counters, uint32_t count, struct text name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (text_equal(counters[i].name, name)) {
            return &counters[i];
        }
    }
    return NULL;
}

/* ---- space-saving ---- */

static void
top_add(struct model_counter *counters, uint32_t *count, struct text name)
{
    struct model_counter *found = counter_find(counters, *count, name);
    struct model_counter *least = &counters[0];

    if (found != NULL) {
        found->count++;
        return;
    }
    if (*count < MODEL_COUNTERS_MAX) {
        counters[(*count)++] = (struct model_counter){.name = name, .count = 1};
        return;
    }
    for (uint32_t i = 1; i < *count; i++) {
        if (counters[i].count < least->count ||
            (counters[i].count == least->count && text_compare(counters[i].name, least->name) > 0)) {
            least = &counters[i];
        }
    }
    *least = (struct model_counter){.name = name, .count = least->count + 1};
}

static void
top_combine(struct model_counter *to, uint32_t *to_count, const struct model_counter *from,
            uint32_t from_count)
{
    struct model_counter all[2 * MODEL_COUNTERS_MAX];
    uint32_t count = *to_count;

    memcpy(all, to, count * sizeof(*all));
    for (uint32_t i = 0; i < from_count; i++) {
        struct model_counter *found = counter_find(all, count, from[i].name);
        if (found != NULL) {
            found->count += from[i].count;
        } else {
            all[count++] = from[i];
        }
    }
    model_counters_sort(all, count);
    *to_count = count < MODEL_COUNTERS_MAX ? count : MODEL_COUNTERS_MAX;
    memcpy(to, all, *to_count * sizeof(*all));
}

/* ---- counts by event type ---- */

static void
type_add(struct model_person *person, struct text name, uint64_t by)
{
    struct model_counter *found = counter_find(person->types, person->type_count, name);

    if (found != NULL) {
        found->count += by;
    } else if (text_equal(name, TEXT("other")) || person->type_count == MODEL_COUNTERS_MAX) {
        person->other_count += by;
    } else {
        person->types[person->type_count++] = (struct model_counter){.name = name, .count = by};
    }
}

/* ---- traits ---- */

static uint32_t
trait_bytes(const struct model_trait *trait)
{
    return trait->key.bytes + trait->raw.bytes;
}

static void
trait_put(struct model *model, struct model_person *person, const struct model_trait *trait)
{
    uint32_t at = 0;
    struct model_trait *old;

    while (at < person->trait_count && text_compare(person->traits[at].key, trait->key) < 0) {
        at++;
    }
    old = &person->traits[at];
    if (at < person->trait_count && text_equal(old->key, trait->key)) {
        if (trait->time < old->time || (trait->time == old->time && trait->position < old->position)) {
            return;
        }
        if (person->trait_bytes - trait_bytes(old) + trait_bytes(trait) > MODEL_TRAIT_BYTES_MAX) {
            model->totals.traits_ignored++;
            return;
        }
        person->trait_bytes += trait_bytes(trait) - trait_bytes(old);
        *old = *trait;
        return;
    }
    if (person->trait_count == MODEL_TRAITS_MAX ||
        person->trait_bytes + trait_bytes(trait) > MODEL_TRAIT_BYTES_MAX) {
        model->totals.traits_ignored++;
        return;
    }
    memmove(old + 1, old, (person->trait_count - at) * sizeof(*old));
    *old = *trait;
    person->trait_count++;
    person->trait_bytes += trait_bytes(trait);
}

/* What the client sent was validated, so these walk without looking left and right. */
static const char *
skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') {
        at++;
    }
    return at;
}

static const char *
skip_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
    }
    return at + 1;
}

static const char *
skip_value(const char *at)
{
    uint32_t depth = 0;

    if (*at == '"') {
        return skip_string(at);
    }
    if (*at != '{' && *at != '[') {
        while (strchr(",}] \t\r\n", *at) == NULL) {
            at++;
        }
        return at;
    }
    for (;;) {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
        if (depth == 0) {
            return at;
        }
    }
}

static uint32_t
hex4(const char *at)
{
    char digits[5] = {at[0], at[1], at[2], at[3], '\0'};

    return (uint32_t)strtoul(digits, NULL, 16);
}

static uint32_t
put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The text between the quotes, decoded. */
static struct text
decode(struct arena *arena, const char *at, const char *end)
{
    char *to = model_take(arena, (uint64_t)(end - at) + 1);
    uint32_t bytes = 0;

    while (at < end) {
        static const char escapes[] = "\"\\/bfnrt";
        static const char meanings[] = "\"\\/\b\f\n\r\t";
        uint32_t c;
        if (*at != '\\') {
            to[bytes++] = *at++;
            continue;
        }
        if (at[1] != 'u') {
            to[bytes++] = meanings[strchr(escapes, at[1]) - escapes];
            at += 2;
            continue;
        }
        c = hex4(at + 2);
        at += 6;
        if (c >= 0xd800 && c < 0xdc00 && at + 6 <= end && at[0] == '\\' && at[1] == 'u' &&
            hex4(at + 2) >= 0xdc00 && hex4(at + 2) < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (hex4(at + 2) - 0xdc00);
            at += 6;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        bytes += put_utf8(to + bytes, c);
    }
    return (struct text){.data = to, .bytes = bytes};
}

struct keyed {
    struct model_trait trait;
    uint32_t place;
};

static int
by_key(const void *a, const void *b)
{
    const struct keyed *left = a;
    const struct keyed *right = b;
    int order = text_compare(left->trait.key, right->trait.key);

    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

/* An event's traits in byte order of their keys; of a key twice the last. */
static void
traits_add(struct model *model, struct model_person *person, const struct model_event *event)
{
    const char *at =
        model_text(&model->arena, event_text(event->record, EVENT_TRAITS)).data; /* now NUL-terminated */
    struct keyed *found = NULL;
    uint32_t count = 0;

    at = skip_blanks(at);
    if (*at == '\0') {
        return;
    }
    REQUIRE(*at == '{');
    found = model_take(&model->arena, (strlen(at) / 4 + 1) * sizeof(*found)); /* "":0 is the shortest */
    at = skip_blanks(at + 1);
    while (*at != '}') {
        const char *key = at + 1;
        struct keyed *here = &found[count];
        at = skip_string(at);
        *here = (struct keyed){.place = count++};
        here->trait.key = decode(&model->arena, key, at - 1);
        at = skip_blanks(skip_blanks(at) + 1); /* the colon */
        here->trait.raw.data = at;
        at = skip_value(at);
        here->trait.raw.bytes = (uint32_t)(at - here->trait.raw.data);
        here->trait.time = event->time;
        here->trait.position = event->position;
        at = skip_blanks(at);
        if (*at == ',') {
            at = skip_blanks(at + 1);
        }
    }
    qsort(found, count, sizeof(*found), by_key);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 == count || !text_equal(found[i].trait.key, found[i + 1].trait.key)) {
            trait_put(model, person, &found[i].trait);
        }
    }
}

/* ---- together ---- */

void
model_profile_add(struct model *model, struct model_person *person, const struct model_event *event)
{
    struct text page = event_text(event->record, EVENT_PAGE_URL);
    struct text feature = event_text(event->record, EVENT_FEATURE_NAME);

    type_add(person, event_text(event->record, EVENT_EVENT_TYPE), 1);
    if (page.bytes > 0) {
        top_add(person->pages, &person->page_count, page);
    }
    if (feature.bytes > 0) {
        top_add(person->features, &person->feature_count, feature);
    }
    traits_add(model, person, event);
}

void
model_profile_combine(struct model *model, struct model_person *loser, struct model_person *winner)
{
    top_combine(winner->pages, &winner->page_count, loser->pages, loser->page_count);
    top_combine(winner->features, &winner->feature_count, loser->features, loser->feature_count);
    model_counters_sort(loser->types, loser->type_count);
    for (uint32_t i = 0; i < loser->type_count; i++) {
        type_add(winner, loser->types[i].name, loser->types[i].count);
    }
    winner->other_count += loser->other_count;
    for (uint32_t i = 0; i < loser->trait_count; i++) {
        trait_put(model, winner, &loser->traits[i]);
    }
}
