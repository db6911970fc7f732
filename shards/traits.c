/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/traits.h"

#include "core/utf8.h"
#include "shards/sort.h"

/*
 * The object was validated when it came in, so the scanner only has to find where members end. It still stops at
 * the end of the text whatever stands there: a log is read again years later.
 */

#define MEMBER_COUNT_SMALL 64u
#define KEY_BYTES_SMALL 2048u

struct member {
    struct text key;
    struct text value; /* bytes 0: null */
    uint32_t index;
};

/* Members of one object, and room for keys that had to be unescaped. */
struct members {
    struct member *rows;
    uint32_t count;
    char *keys;
    uint32_t key_bytes;
};

struct scanner {
    const char *at;
    const char *end;
};

#define MARK_BYTES 4u

static void
skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->end &&
           (*scanner->at == ' ' || *scanner->at == '\t' || *scanner->at == '\n' || *scanner->at == '\r' ||
            *scanner->at == ',' || *scanner->at == ':')) {
        scanner->at++;
    }
}

/* From the opening quote to behind the closing one; the text between them. */
static struct text
scan_string(struct scanner *scanner, bool *out_is_escaped)
{
    const char *begin = ++scanner->at;

    *out_is_escaped = false;
    while (scanner->at < scanner->end && *scanner->at != '"') {
        if (*scanner->at == '\\') {
            *out_is_escaped = true;
            scanner->at++;
        }
        scanner->at++;
    }
    if (scanner->at > scanner->end) {
        scanner->at = scanner->end;
    }
    struct text text = {.data = begin, .bytes = (uint32_t)(scanner->at - begin)};

    if (scanner->at < scanner->end) {
        scanner->at++;
    }
    return text;
}

static struct text
scan_value(struct scanner *scanner)
{
    const char *begin = scanner->at;
    uint32_t depth = 0;
    bool is_escaped;

    while (scanner->at < scanner->end) {
        char c = *scanner->at;
        if (c == '"') {
            (void)scan_string(scanner, &is_escaped);
            if (depth == 0) {
                break;
            }
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            break;
        }
        scanner->at++;
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            break;
        }
    }
    return (struct text){.data = begin, .bytes = (uint32_t)(scanner->at - begin)};
}

static char
simple_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* An unescaped text is never longer than its source. */
static struct text
unescape(struct members *members, struct text text)
{
    char *begin = members->keys + members->key_bytes;
    const char *at = text.data;
    const char *end = text.data + text.bytes;
    char *to = begin;

    while (at < end) {
        if (*at != '\\' || end - at < 2) {
            *to++ = *at++;
            continue;
        }
        at += 2;
        if (at[-1] == 'u') {
            uint32_t code = utf8_of_escape(&at, end);
            to += code != UINT32_MAX ? utf8_encode(code, to) : 0; /* it was validated when it came */
        } else {
            *to++ = simple_escape(at[-1]);
        }
    }
    members->key_bytes += (uint32_t)(to - begin);
    return (struct text){.data = begin, .bytes = (uint32_t)(to - begin)};
}

static void
scan_object(struct members *members, struct text object)
{
    struct scanner scanner = {.at = object.data, .end = object.data + object.bytes};
    bool is_escaped;

    skip_blanks(&scanner);
    if (scanner.at < scanner.end) {
        scanner.at++; /* { */
    }
    for (;;) {
        skip_blanks(&scanner);
        if (scanner.at >= scanner.end || *scanner.at != '"') {
            return;
        }
        struct text key = scan_string(&scanner, &is_escaped);
        skip_blanks(&scanner);
        struct text value = scan_value(&scanner);
        members->rows[members->count] = (struct member){
            .key = is_escaped ? unescape(members, key) : key,
            .value = text_equal(value, TEXT("null")) ? (struct text){0} : value,
            .index = members->count,
        };
        members->count++;
    }
}

static int
compare_members(const void *a, const void *b)
{
    const struct member *member_a = a;
    const struct member *member_b = b;
    int order = text_compare(member_a->key, member_b->key);

    return order != 0 ? order : (member_a->index > member_b->index) - (member_a->index < member_b->index);
}

static uint32_t
apply_members(struct memory *memory, struct traits *traits, struct members *members, struct stamp at)
{
    uint32_t ignored = 0;

    sort_items(members->rows, members->count, sizeof(*members->rows), compare_members);
    for (uint32_t i = 0; i < members->count; i++) {
        const struct member *member = &members->rows[i];
        if (i + 1 < members->count && text_equal(member->key, members->rows[i + 1].key)) {
            continue; /* the last of equals counts */
        }
        if (!traits_put(memory, traits, member->key, member->value, at)) {
            ignored++;
        }
    }
    return ignored;
}

uint32_t
traits_apply(struct memory *memory, struct traits *traits, struct text object, struct stamp at)
{
    struct member few[MEMBER_COUNT_SMALL];
    char short_keys[KEY_BYTES_SMALL];
    struct members members = {.rows = few, .keys = short_keys};
    uint64_t count_max = object.bytes / 4 + 1; /* `"":0,` takes five bytes, the last one four */
    uint64_t rows_bytes = count_max * sizeof(struct member);
    uint32_t ignored;

    if (count_max > MEMBER_COUNT_SMALL) {
        members.rows = memory_take(memory, rows_bytes);
    }
    if (object.bytes > KEY_BYTES_SMALL) {
        members.keys = memory_take(memory, object.bytes);
    }
    scan_object(&members, object);
    ignored = apply_members(memory, traits, &members, at);
    if (members.keys != short_keys) {
        memory_put(memory, members.keys, object.bytes);
    }
    if (members.rows != few) {
        memory_put(memory, members.rows, rows_bytes);
    }
    return ignored;
}

static uint32_t
find_place(const struct traits *traits, struct text key)
{
    uint32_t low = 0;
    uint32_t high = traits->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (text_compare(traits->rows[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A mark counts as the null that it was sent as. */
static uint32_t
counted_bytes(struct text key, struct text value)
{
    return key.bytes + (value.bytes > 0 ? value.bytes : MARK_BYTES);
}

static bool
add_trait(struct memory *memory, struct traits *traits, uint32_t place, const struct trait *trait)
{
    uint32_t bytes = counted_bytes(trait->key, trait->value);

    if (traits->count >= TRAIT_COUNT_MAX || bytes > TRAIT_BYTES_MAX - traits->bytes) {
        return false;
    }
    traits->rows = memory_grow(memory, traits->rows, &traits->capacity, traits->count, sizeof(*traits->rows));
    memmove(&traits->rows[place + 1], &traits->rows[place], (traits->count - place) * sizeof(*traits->rows));
    traits->rows[place] = (struct trait){
        .key = memory_text(memory, trait->key),
        .value = memory_text(memory, trait->value),
        .at = trait->at,
    };
    traits->count++;
    traits->bytes += bytes;
    return true;
}

bool
traits_put(struct memory *memory, struct traits *traits, struct text key, struct text value, struct stamp at)
{
    uint32_t place = find_place(traits, key);

    if (place == traits->count || !text_equal(traits->rows[place].key, key)) {
        return add_trait(memory, traits, place, &(struct trait){.key = key, .value = value, .at = at});
    }
    struct trait *trait = &traits->rows[place];

    if (!stamp_is_after(at, trait->at)) {
        return true;
    }
    uint32_t bytes = traits->bytes - counted_bytes(trait->key, trait->value);
    uint32_t more = counted_bytes(key, value);

    if (more > TRAIT_BYTES_MAX - bytes) {
        return false;
    }
    memory_text_set(memory, &trait->value, value);
    trait->at = at;
    traits->bytes = bytes + more;
    return true;
}

uint32_t
traits_combine(struct memory *memory, struct traits *traits, struct traits *other)
{
    uint32_t ignored = 0;

    for (uint32_t i = 0; i < other->count; i++) {
        const struct trait *trait = &other->rows[i];
        if (!traits_put(memory, traits, trait->key, trait->value, trait->at)) {
            ignored++;
        }
    }
    traits_clear(memory, other);
    return ignored;
}

void
traits_clear(struct memory *memory, struct traits *traits)
{
    for (uint32_t i = 0; i < traits->count; i++) {
        memory_text_put(memory, &traits->rows[i].key);
        memory_text_put(memory, &traits->rows[i].value);
    }
    memory_put(memory, traits->rows, (uint64_t)traits->capacity * sizeof(*traits->rows));
    *traits = (struct traits){0};
}
