/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/dictionary.h"

#include "shards/question.h"
#include "shards/short_text.h"
#include "storage/state_file.h"

#include <errno.h>

#define ROWS_A_LOOK 256u /* between two looks at the clock */

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

/* The newest day of a value, as the cut has it. */
struct noted_day {
    int64_t day;
    uint32_t number;
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
    dictionary_cut_end(dictionary);
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

static struct dictionary_value *
value_at(const struct dictionary *dictionary, uint32_t number)
{
    return table_at(&dictionary->values, number);
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
static inline struct wanted
want(const struct dictionary *dictionary, struct text text)
{
    struct wanted wanted = {.text = short_text_lend(text)};
    uint64_t key = (uint64_t)(uintptr_t)dictionary * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word[2];

    if (text.bytes > SHORT_TEXT_ROOM) {
        wanted.hash = hash64(key, text);
        return wanted;
    }
    memcpy(word, &wanted.text, sizeof(word));
    unsigned __int128 product = (unsigned __int128)(word[0] ^ key) * (word[1] ^ UINT64_C(0xd6e8feb86659fd93));
    wanted.hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    return wanted;
}

/* "(none)" and "(other)" are groups of their own; CODE_UNKNOWN for everything else. */
static inline uint32_t
reserved_code(struct text text)
{
    if (LIKELY(text.data[0] != '(')) {
        return CODE_UNKNOWN;
    }
    if (text_equal(text, TEXT("(none)"))) {
        return CODE_NONE;
    }
    return text_equal(text, TEXT("(other)")) ? CODE_OTHER : CODE_UNKNOWN;
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

static bool
is_same_noted(const void *owner, uint32_t number, const void *key)
{
    const struct noted_day *noted = table_at(&((const struct dictionary_cut *)owner)->noted, number);

    return noted->number == *(const uint32_t *)key;
}

static const struct noted_day *
find_noted(const struct dictionary_cut *cut, uint32_t number)
{
    uint32_t row = map_find(&cut->by_noted, hash_mix(number), is_same_noted, cut, &number);

    return row == MAP_NONE ? NULL : table_at(&cut->noted, row);
}

/* The newest day of this value is about to change. */
static void
note_newest_day(struct dictionary_cut *cut, uint32_t number, int64_t day)
{
    struct noted_day *noted;

    if (number < cut->value_next || number >= cut->value_count || find_noted(cut, number) != NULL) {
        return;
    }
    noted = table_add(&cut->noted);
    if (noted == NULL || map_insert(&cut->by_noted, hash_mix(number), cut->noted.count - 1) != 0) {
        cut->has_failed = true;
        return;
    }
    *noted = (struct noted_day){.day = day, .number = number};
}

/* A value that has a code, on a day which is not its newest: was it, or can it be, admitted? */
static __attribute__((noinline)) int
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
        if (UNLIKELY(dictionary->cut != NULL)) {
            note_newest_day(dictionary->cut, code - CODE_FIRST, value->newest_day);
        }
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

/* A value that is not there gets the next number. */
static int
put_value(struct dictionary *dictionary, struct text text, uint64_t hash, int64_t newest_day)
{
    struct dictionary_value *value = table_add(&dictionary->values);

    if (value == NULL) {
        return fault_new(-ENOMEM);
    }
    if (text.bytes > SHORT_TEXT_ROOM) {
        text = region_text(dictionary->region, text);
        if (text.data == NULL) {
            return fault_new(-ENOMEM);
        }
    }
    *value = (struct dictionary_value){.text = short_text_lend(text), .newest_day = newest_day};
    return map_insert(&dictionary->by_text, hash, dictionary->values.count - 1);
}

/* A value that has no code yet. */
static __attribute__((noinline)) int
add_value(struct dictionary *dictionary, struct text text, uint64_t hash, int64_t day, uint32_t *out_code)
{
    struct dictionary_day *row = day_of(dictionary, day);

    if (row == NULL) {
        return fault_new(-ENOMEM);
    }
    if (row->count >= dictionary->day_count_max) {
        dictionary->has_refused = true;
        *out_code = CODE_OTHER;
        return 0;
    }
    row->count++;
    *out_code = dictionary->values.count + CODE_FIRST;
    return put_value(dictionary, text, hash, day);
}

/* Of one value whose code cannot be said at once. */
static __attribute__((noinline)) int
code_of(struct dictionary *dictionary, struct text text, const struct wanted *wanted, int64_t day,
        uint32_t *out_code)
{
    uint32_t number = map_find(&dictionary->by_text, wanted->hash, is_same_text, dictionary, wanted);

    if (number == MAP_NONE) {
        return add_value(dictionary, text, wanted->hash, day, out_code);
    }
    struct dictionary_value *value = value_at(dictionary, number);

    *out_code = number + CODE_FIRST;
    return value->newest_day == day ? 0 : admit(dictionary, value, number + CODE_FIRST, day, out_code);
}

int
dictionary_codes(struct dictionary *dictionaries, const struct text *texts, uint32_t count, int64_t day,
                 uint32_t *out_codes)
{
    struct wanted wanted[DICTIONARY_TOGETHER_MAX];
    const struct dictionary_value
        *guesses[DICTIONARY_TOGETHER_MAX]; /* whom the maps alone name; NULL: nobody */

    REQUIRE(count <= DICTIONARY_TOGETHER_MAX);
    for (uint32_t i = 0; i < count; i++) {
        out_codes[i] = texts[i].bytes == 0 ? CODE_NONE : reserved_code(texts[i]);
        if (out_codes[i] == CODE_UNKNOWN) {
            wanted[i] = want(&dictionaries[i], texts[i]);
            map_prefetch(&dictionaries[i].by_text, wanted[i].hash);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number =
            out_codes[i] == CODE_UNKNOWN ? map_guess(&dictionaries[i].by_text, wanted[i].hash) : MAP_NONE;

        guesses[i] = NULL;
        if (number != MAP_NONE) {
            guesses[i] = value_at(&dictionaries[i], number);
            prefetch_line(guesses[i]);
            out_codes[i] = number + CODE_FIRST;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (guesses[i] != NULL && texts[i].bytes > SHORT_TEXT_ROOM) {
            prefetch_line(short_text(&guesses[i]->text).data);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        bool is_known = guesses[i] == NULL ? out_codes[i] != CODE_UNKNOWN
                                           : guesses[i]->newest_day == day &&
                                                 short_text_equal(&guesses[i]->text, &wanted[i].text);
        int r = LIKELY(is_known) ? 0 : code_of(&dictionaries[i], texts[i], &wanted[i], day, &out_codes[i]);

        if (r != 0) {
            return fault_up(r);
        }
    }
    return 0;
}

uint32_t
dictionary_find(const struct dictionary *dictionary, struct text text)
{
    struct wanted wanted = want(dictionary, text);
    uint32_t number = map_find(&dictionary->by_text, wanted.hash, is_same_text, dictionary, &wanted);

    if (number != MAP_NONE) {
        return number + CODE_FIRST;
    }
    return text.bytes == 0 ? CODE_UNKNOWN : reserved_code(text);
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

/* ---- A cut. ---- */

void
dictionary_cut_begin(struct dictionary *dictionary, uint64_t of, struct dictionary_cut *cut,
                     struct dictionary_day_row *days)
{
    REQUIRE(dictionary->cut == NULL);
    *cut = (struct dictionary_cut){
        .value_count = dictionary->values.count,
        .admitted_count = dictionary->admitted.count,
        .days = days,
        .day_count = dictionary->days.count,
    };
    table_init(&cut->noted, dictionary->region, sizeof(struct noted_day));
    map_init(&cut->by_noted, dictionary->region);
    for (uint32_t i = 0; i < cut->day_count; i++) {
        const struct dictionary_day *day = table_at(&dictionary->days, i);

        days[i] = (struct dictionary_day_row){.of = of, .day = day->day, .count = day->count};
    }
    dictionary->cut = cut;
}

/* False: the writer has no room now. */
static bool
write_day(struct dictionary_cut *cut, struct state_writer *writer, uint16_t type, uint16_t version)
{
    struct dictionary_day_row *row = state_writer_add(writer, type, version, sizeof(*row));

    if (row != NULL) {
        *row = cut->days[cut->day_next];
    }
    return row != NULL;
}

static bool
write_admission(const struct dictionary *dictionary, uint64_t of, struct state_writer *writer, uint16_t type,
                uint16_t version)
{
    const struct admission *admission = table_at(&dictionary->admitted, dictionary->cut->admitted_next);
    struct dictionary_admission_row *row = state_writer_add(writer, type, version, sizeof(*row));

    if (row != NULL) {
        *row = (struct dictionary_admission_row){.of = of, .day = admission->day, .code = admission->code};
    }
    return row != NULL;
}

static bool
write_value(const struct dictionary *dictionary, uint64_t of, struct state_writer *writer, uint16_t type,
            uint16_t version)
{
    uint32_t number = dictionary->cut->value_next;
    const struct dictionary_value *value = table_at(&dictionary->values, number);
    const struct noted_day *noted = find_noted(dictionary->cut, number);
    struct text text = short_text(&value->text);
    uint32_t bytes = (uint32_t)align_up(text.bytes, 8);
    struct dictionary_value_row *row =
        state_writer_add(writer, type, version, (uint32_t)sizeof(*row) + bytes);

    if (row == NULL) {
        return false;
    }
    *row = (struct dictionary_value_row){
        .of = of, .newest_day = noted != NULL ? noted->day : value->newest_day, .bytes = text.bytes};
    memcpy(row + 1, text.data, text.bytes);
    memset((uint8_t *)(row + 1) + text.bytes, 0, bytes - text.bytes);
    return true;
}

enum step
dictionary_cut_write(struct dictionary *dictionary, uint64_t of, struct state_writer *writer, uint16_t type,
                     uint16_t version, const struct time_slice *time)
{
    struct dictionary_cut *cut = dictionary->cut;

    for (uint32_t count = 1; !cut->has_failed; count++) {
        bool is_added;

        if (cut->day_next < cut->day_count) {
            is_added = write_day(cut, writer, type, version);
            cut->day_next += is_added;
        } else if (cut->admitted_next < cut->admitted_count) {
            is_added = write_admission(dictionary, of, writer, (uint16_t)(type + 1), version);
            cut->admitted_next += is_added;
        } else if (cut->value_next < cut->value_count) {
            is_added = write_value(dictionary, of, writer, (uint16_t)(type + 2), version);
            cut->value_next += is_added;
        } else {
            break;
        }
        if (!is_added || (count % ROWS_A_LOOK == 0 && time_slice_is_over(time))) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

void
dictionary_cut_end(struct dictionary *dictionary)
{
    if (dictionary->cut != NULL) {
        table_deinit(&dictionary->cut->noted);
        map_deinit(&dictionary->cut->by_noted);
        dictionary->cut = NULL;
    }
}

int
dictionary_restore_day(struct dictionary *dictionary, const struct dictionary_day_row *row)
{
    uint32_t count = dictionary->days.count;
    struct dictionary_day *day = day_of(dictionary, row->day);

    if (day == NULL) {
        return fault_new(-ENOMEM);
    }
    if (dictionary->days.count == count) {
        return fault_new(-EINVAL); /* it was there */
    }
    day->count = row->count;
    return 0;
}

int
dictionary_restore_admission(struct dictionary *dictionary, const struct dictionary_admission_row *row)
{
    struct admission *admission = table_add(&dictionary->admitted);

    if (admission == NULL) {
        return fault_new(-ENOMEM);
    }
    *admission = (struct admission){.day = row->day, .code = row->code};
    return map_insert(&dictionary->by_admission, admission_hash(*admission), dictionary->admitted.count - 1);
}

int
dictionary_restore_value(struct dictionary *dictionary, const struct dictionary_value_row *row,
                         struct text text)
{
    struct wanted wanted = want(dictionary, text);

    if (text.bytes == 0 ||
        map_find(&dictionary->by_text, wanted.hash, is_same_text, dictionary, &wanted) != MAP_NONE) {
        return fault_new(-EINVAL);
    }
    return put_value(dictionary, text, wanted.hash, row->newest_day);
}

uint64_t
dictionary_state_hash(const struct dictionary *dictionary)
{
    uint64_t hash = hash_mix(dictionary->values.count);

    for (uint32_t i = 0; i < dictionary->values.count; i++) {
        const struct dictionary_value *value = table_at(&dictionary->values, i);

        hash = hash_mix(hash + hash64(i, short_text(&value->text)) + (uint64_t)value->newest_day);
    }
    for (uint32_t i = 0; i < dictionary->days.count; i++) {
        const struct dictionary_day *day = table_at(&dictionary->days, i);

        hash = hash_mix(hash + hash_mix((uint64_t)day->day) + day->count);
    }
    for (uint32_t i = 0; i < dictionary->admitted.count; i++) {
        const struct admission *admission = table_at(&dictionary->admitted, i);

        hash = hash_mix(hash + hash_mix((uint64_t)admission->day) + admission->code);
    }
    return hash;
}
