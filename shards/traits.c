/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/traits.h"

#include "core/utf8.h"
#include "shards/sort.h"

/*
 * The object was validated when it came in, so the scanner only has to find where members end. It still stops at
 * the end of the text whatever stands there: a log is read again years later.
 */

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
unescape(struct traits_members *members, struct text text)
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
scan_object(struct traits_members *members, struct text object)
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
        members->rows[members->count] = (struct traits_member){
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
    const struct traits_member *member_a = a;
    const struct traits_member *member_b = b;
    int order = text_compare(member_a->key, member_b->key);

    return order != 0 ? order : (member_a->index > member_b->index) - (member_a->index < member_b->index);
}

/* The last of equals counts. */
static void
keep_last(struct traits_members *members)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < members->count; i++) {
        if (i + 1 == members->count || !text_equal(members->rows[i].key, members->rows[i + 1].key)) {
            members->rows[count++] = members->rows[i];
        }
    }
    members->count = count;
}

void
traits_members_begin(struct memory *memory, struct traits_members *members, struct text object)
{
    uint64_t count_max = object.bytes / 4 + 1; /* `"":0,` takes five bytes, the last one four */

    members->rows = members->few;
    members->keys = members->few_keys;
    members->count = 0;
    members->key_bytes = 0;
    members->rows_bytes = 0;
    members->keys_bytes = 0;
    if (count_max > TRAITS_FEW) {
        members->rows_bytes = count_max * sizeof(*members->rows);
        members->rows = memory_take(memory, members->rows_bytes);
    }
    if (object.bytes > TRAITS_FEW_BYTES) {
        members->keys_bytes = object.bytes;
        members->keys = memory_take(memory, members->keys_bytes);
    }
    scan_object(members, object);
    sort_items(members->rows, members->count, sizeof(*members->rows), compare_members);
    keep_last(members);
}

void
traits_members_end(struct memory *memory, struct traits_members *members)
{
    if (members->keys_bytes > 0) {
        memory_put(memory, members->keys, members->keys_bytes);
    }
    if (members->rows_bytes > 0) {
        memory_put(memory, members->rows, members->rows_bytes);
    }
}

static uint32_t
find_place(const struct pack *pack, const struct traits *traits, struct text key)
{
    const struct trait *rows = traits_rows(pack, traits);
    uint32_t low = 0;
    uint32_t high = traits->rows.count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (text_compare(pack_text(pack, &rows[middle].key), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* How many rows an object may add. */
static uint32_t
count_new(const struct pack *pack, const struct traits *traits, const struct traits_members *members)
{
    const struct trait *rows = traits_rows(pack, traits);
    uint32_t room = TRAIT_COUNT_MAX - traits->rows.count;
    uint32_t count = 0;

    for (uint32_t i = 0; i < members->count && count < room; i++) {
        uint32_t place = find_place(pack, traits, members->rows[i].key);
        if (place == traits->rows.count ||
            !text_equal(pack_text(pack, &rows[place].key), members->rows[i].key)) {
            count++;
        }
    }
    return count;
}

uint64_t
traits_need(const struct pack *pack, const struct traits *traits, const struct traits_members *members)
{
    uint64_t bytes = pack_list_need(&traits->rows, count_new(pack, traits, members), sizeof(struct trait));

    for (uint32_t i = 0; i < members->count; i++) {
        bytes += pack_keep_need(members->rows[i].key) + pack_keep_need(members->rows[i].value);
    }
    return bytes;
}

uint32_t
traits_apply(struct pack *pack, struct traits *traits, const struct traits_members *members, struct stamp at)
{
    uint32_t ignored = 0;

    pack_list_reserve(pack, &traits->rows, count_new(pack, traits, members), sizeof(struct trait));
    for (uint32_t i = 0; i < members->count; i++) {
        const struct traits_member *member = &members->rows[i];
        if (!traits_put(pack, traits, member->key, member->value, at)) {
            ignored++;
        }
    }
    return ignored;
}

/* A mark counts as the null that it was sent as. */
static uint32_t
counted_bytes(uint32_t key_bytes, uint32_t value_bytes)
{
    return key_bytes + (value_bytes > 0 ? value_bytes : MARK_BYTES);
}

static bool
add_trait(struct pack *pack, struct traits *traits, uint32_t place, struct text key, struct text value,
          struct stamp at)
{
    uint32_t bytes = counted_bytes(key.bytes, value.bytes);

    if (traits->rows.count >= TRAIT_COUNT_MAX || bytes > TRAIT_BYTES_MAX - traits->bytes) {
        return false;
    }
    struct trait *row = pack_list_insert(pack, &traits->rows, place, sizeof(*row));

    *row = (struct trait){.key = pack_keep(pack, key), .value = pack_keep(pack, value), .at = at};
    traits->bytes += bytes;
    return true;
}

bool
traits_put(struct pack *pack, struct traits *traits, struct text key, struct text value, struct stamp at)
{
    uint32_t place = find_place(pack, traits, key);
    struct trait *trait = &traits_rows(pack, traits)[place];

    if (place == traits->rows.count || !text_equal(pack_text(pack, &trait->key), key)) {
        return add_trait(pack, traits, place, key, value, at);
    }
    if (!stamp_is_after(at, trait->at)) {
        return true;
    }
    uint32_t bytes = traits->bytes - counted_bytes(trait->key.bytes, trait->value.bytes);
    uint32_t more = counted_bytes(key.bytes, value.bytes);

    if (more > TRAIT_BYTES_MAX - bytes) {
        return false;
    }
    if (!text_equal(pack_text(pack, &trait->value), value)) {
        trait->value = pack_keep(pack, value);
    }
    trait->at = at;
    traits->bytes = bytes + more;
    return true;
}

uint32_t
traits_combine(struct pack *pack, struct traits *traits, const struct pack *from, const struct traits *other)
{
    const struct trait *rows = traits_rows(from, other);
    uint32_t ignored = 0;

    for (uint32_t i = 0; i < other->rows.count; i++) {
        if (!traits_put(pack, traits, pack_text(from, &rows[i].key), pack_text(from, &rows[i].value),
                        rows[i].at)) {
            ignored++;
        }
    }
    return ignored;
}

void
traits_move(struct pack *to, struct pack *from, struct traits *traits)
{
    struct trait *rows = pack_move_list(to, from, &traits->rows, sizeof(*rows));

    for (uint32_t i = 0; i < traits->rows.count; i++) {
        pack_move_text(to, from, &rows[i].key);
        pack_move_text(to, from, &rows[i].value);
    }
}
