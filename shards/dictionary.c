/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/dictionary.h"

#include "shards/question.h"
#include "shards/short_text.h"

#include <errno.h>

/* Most events are of the newest day on which their value was seen: that day is kept with the value, so that
   the common case costs one look-up. */
struct dictionary_value {
    struct short_text text;
    int64_t newest_day; /* admitted on it */
};

/* A value on its way to be found. */
struct wanted {
    struct short_text text; /* lent */
    uint64_t hash;
};

struct dictionary_day {
    int64_t day;
    uint32_t count; /* values admitted */
};

struct admission {
    int64_t day;
    uint32_t code;
};

void
dictionary_init(struct dictionary *dictionary, struct region *region, uint32_t day_count_max)
{
    *dictionary = (struct dictionary){.region = region, .day_count_max = day_count_max};
    table_init(&dictionary->values, region, sizeof(struct dictionary_value));
    table_init(&dictionary->days, region, sizeof(struct dictionary_day));
    table_init(&dictionary->admitted, region, sizeof(struct admission));
    map_init(&dictionary->by_text, region);
    map_init(&dictionary->by_day, region);
    map_init(&dictionary->by_admission, region);
}

void
dictionary_deinit(struct dictionary *dictionary)
{
    for (uint32_t i = 0; i < dictionary->values.count; i++) {
        struct dictionary_value *value = table_at(&dictionary->values, i);

        if (value->text.bytes > SHORT_TEXT_ROOM) {
            struct text text = short_text(&value->text);
            region_put(dictionary->region, (void *)(uintptr_t)text.data, text.bytes);
        }
    }
    table_deinit(&dictionary->values);
    table_deinit(&dictionary->days);
    table_deinit(&dictionary->admitted);
    map_deinit(&dictionary->by_text);
    map_deinit(&dictionary->by_day);
    map_deinit(&dictionary->by_admission);
}

static bool
is_same_text(const void *owner, uint32_t number, const void *key)
{
    const struct dictionary *dictionary = owner;
    const struct dictionary_value *value = table_at(&dictionary->values, number);

    return short_text_equal(&value->text, &((const struct wanted *)key)->text);
}

static bool
is_same_day(const void *owner, uint32_t number, const void *key)
{
    const struct dictionary *dictionary = owner;
    const struct dictionary_day *day = table_at(&dictionary->days, number);

    return day->day == *(const int64_t *)key;
}

static bool
is_same_admission(const void *owner, uint32_t number, const void *key)
{
    const struct dictionary *dictionary = owner;
    const struct admission *admission = table_at(&dictionary->admitted, number);
    const struct admission *wanted = key;

    return admission->day == wanted->day && admission->code == wanted->code;
}

/* The dictionary is not placement, but its keys come from clients: keyed by where it lives. */
static struct wanted
want(const struct dictionary *dictionary, struct text text)
{
    struct wanted wanted = {.text = short_text_lend(text)};
    uint64_t key = (uint64_t)(uintptr_t)dictionary;
    uint64_t word[2];

    if (text.bytes > SHORT_TEXT_ROOM) {
        wanted.hash = hash64(key, text);
        return wanted;
    }
    memcpy(word, &wanted.text, sizeof(word));
    wanted.hash = hash_mix(hash_mix(word[0] ^ key) ^ word[1]);
    return wanted;
}

static uint64_t
admission_hash(struct admission admission)
{
    return hash_mix((uint64_t)admission.day * UINT64_C(0x9e3779b97f4a7c15) + admission.code);
}

static struct dictionary_day *
day_of(struct dictionary *dictionary, int64_t day)
{
    uint32_t number = map_find(&dictionary->by_day, hash_mix((uint64_t)day), is_same_day, dictionary, &day);
    struct dictionary_day *row;

    if (number != MAP_NONE) {
        return table_at(&dictionary->days, number);
    }
    row = table_add(&dictionary->days);
    if (row == NULL ||
        map_insert(&dictionary->by_day, hash_mix((uint64_t)day), dictionary->days.count - 1) != 0) {
        return NULL;
    }
    row->day = day;
    return row;
}

/* A value that has a code, on a day which is not its newest: was it, or can it be, admitted? */
static int
admit(struct dictionary *dictionary, struct dictionary_value *value, uint32_t code, int64_t day,
      uint32_t *out_code)
{
    struct admission wanted = {.day = day, .code = code};
    struct admission *admission;
    struct dictionary_day *row;

    if (map_find(&dictionary->by_admission, admission_hash(wanted), is_same_admission, dictionary, &wanted) !=
        MAP_NONE) {
        *out_code = code;
        return 0;
    }
    row = day_of(dictionary, day);
    if (row == NULL) {
        return fault_new(-ENOMEM);
    }
    if (row->count >= dictionary->day_count_max) {
        dictionary->has_refused = true;
        *out_code = CODE_OTHER;
        return 0;
    }
    row->count++;
    if (day > value->newest_day) {
        wanted.day = value->newest_day;
        value->newest_day = day;
    }
    admission = table_add(&dictionary->admitted);
    if (admission == NULL) {
        return fault_new(-ENOMEM);
    }
    *admission = wanted;
    *out_code = code;
    return map_insert(&dictionary->by_admission, admission_hash(wanted), dictionary->admitted.count - 1);
}

int
dictionary_code(struct dictionary *dictionary, struct text text, int64_t day, uint32_t *out_code)
{
    struct dictionary_day *row;
    struct dictionary_value *value;

    if (text.bytes == 0 || text_equal(text, TEXT("(none)"))) {
        *out_code = CODE_NONE;
        return 0;
    }
    if (text_equal(text, TEXT("(other)"))) {
        *out_code = CODE_OTHER; /* one group of that name, not two */
        return 0;
    }
    struct wanted wanted = want(dictionary, text);
    uint32_t number = map_find_inline(&dictionary->by_text, wanted.hash, is_same_text, dictionary, &wanted);

    if (number != MAP_NONE) {
        value = table_at(&dictionary->values, number);
        *out_code = number + CODE_FIRST;
        return value->newest_day == day ? 0 : admit(dictionary, value, number + CODE_FIRST, day, out_code);
    }

    row = day_of(dictionary, day);
    if (row == NULL) {
        return fault_new(-ENOMEM);
    }
    if (row->count >= dictionary->day_count_max) {
        dictionary->has_refused = true;
        *out_code = CODE_OTHER;
        return 0;
    }
    value = table_add(&dictionary->values);
    if (value == NULL) {
        return fault_new(-ENOMEM);
    }
    if (text.bytes > SHORT_TEXT_ROOM) {
        text = region_text(dictionary->region, text);
        if (text.data == NULL) {
            return fault_new(-ENOMEM);
        }
    }
    *value = (struct dictionary_value){.text = short_text_lend(text), .newest_day = day};
    row->count++;
    *out_code = dictionary->values.count - 1 + CODE_FIRST;
    return map_insert(&dictionary->by_text, wanted.hash, dictionary->values.count - 1);
}

uint32_t
dictionary_find(const struct dictionary *dictionary, struct text text)
{
    struct wanted wanted = want(dictionary, text);
    uint32_t number = map_find(&dictionary->by_text, wanted.hash, is_same_text, dictionary, &wanted);

    if (number != MAP_NONE) {
        return number + CODE_FIRST;
    }
    if (text_equal(text, TEXT("(none)"))) {
        return CODE_NONE;
    }
    return text_equal(text, TEXT("(other)")) ? CODE_OTHER : CODE_UNKNOWN;
}

bool
dictionary_is_unseen(const struct dictionary *dictionary, struct text text)
{
    return !dictionary->has_refused && dictionary_find(dictionary, text) == CODE_UNKNOWN;
}

struct text
dictionary_text(const struct dictionary *dictionary, uint32_t code)
{
    if (code == CODE_NONE) {
        return TEXT("(none)");
    }
    if (code == CODE_OTHER) {
        return TEXT("(other)");
    }
    const struct dictionary_value *value = table_at(&dictionary->values, code - CODE_FIRST);
    return short_text(&value->text);
}
