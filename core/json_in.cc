/* SPDX-License-Identifier: Apache-2.0 */

/*
 * simdjson's first stage finds, 64 bytes at a time, where everything begins: each of {}[]:, and the first byte
 * of each string, number and word, none of them inside a string. It also checks UTF-8, control characters in
 * strings, and that the last string ends. That list of offsets is `tokens`; what lies between two of them is
 * blank, or the rest of the first one. The grammar is left to us: walk() goes over the tokens once.
 *
 *   value --{--> key --:--> value          after a value:  , --> key or value
 *         --[--> value                                     } or ] --> close --> after
 *
 * For later readers the walk leaves a note with each token:
 *   1. of { and [: the token that closes it, so that a sub-object is stepped over at once;
 *   2. of a string with a backslash: where its unescaped copy is in `scratch`, plus 1; without one: 0.
 * Other tokens have no note. Listing an object reads tokens and notes, and checks nothing again.
 *
 * Lines are indexed many at a time (a window), because a call for each line costs more than its bytes. No string
 * goes over a line's end in a window that stage 1 accepts, so its lines are as independent as if each had been
 * indexed alone. When stage 1 refuses a window, or a line of it is bad, (the rest of) the window is indexed line
 * by line.
 *
 * Machines write JSON without blanks between tokens, and what they write is good. json_in_list_dense() reads objects that are like
 * that and lists their members on the way; of all others it says no more than that it is not for them, and they are walked.
 *
 * Cost: a 680-byte track event is about 110 tokens: 60 ns in stage 1, and 125 to check and list it; with blanks, 150 in the
 * walk and 80 to list its members (On-Demand takes 220 for the members but leaves the sub-objects unchecked, the DOM 290
 * without raw text).
 */

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <simdjson.h>

extern "C" {
#include "core/json_in_state.h"
#include "core/utf8.h"
}

#define JSON_IN_MAGIC 0x6e69736au
#define WINDOW_BYTES_MAX (256u << 10) /* its tokens and notes fit the second-level cache */

using indexer = simdjson::internal::dom_parser_implementation;

static inline bool
is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline indexer *
stage_1_of(const struct json_in *json)
{
    return (indexer *)json->stage_1;
}

int
json_in_create(uint32_t bytes_max, struct json_in **out_json)
{
    std::unique_ptr<indexer> stage_1;
    struct json_in *json;
    uint64_t token_count_max = (uint64_t)bytes_max + 64;

    REQUIRE(bytes_max > 0);
    REQUIRE(bytes_max <= JSON_IN_BYTES_MAX);

    json = (struct json_in *)calloc(1, sizeof(*json));
    if (json == nullptr) {
        return fault_new(-ENOMEM);
    }
    json->magic = JSON_IN_MAGIC;
    json->bytes_max = bytes_max;
    json->reason = "";
    json->notes = (uint32_t *)malloc(token_count_max * sizeof(uint32_t));
    /* A string's copy with its length takes at most one byte more than the string and what follows it. */
    json->scratch = (char *)calloc(1, (uint64_t)bytes_max + sizeof(uint32_t) + JSON_IN_PADDING);
    json->listed = (struct json_value *)malloc(JSON_IN_LISTED_MAX * sizeof(struct json_value));
    if (json->notes == nullptr || json->scratch == nullptr || json->listed == nullptr) {
        goto fail;
    }
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(
            bytes_max, JSON_IN_DEPTH_MAX, stage_1) != simdjson::SUCCESS) {
        goto fail;
    }
    json->tokens = stage_1->structural_indexes.get();
    json->stage_1 = stage_1.release();
    *out_json = json;
    return 0;

fail:
    json_in_destroy(json);
    return fault_new(-ENOMEM);
}

void
json_in_destroy(struct json_in *json)
{
    if (json == nullptr) {
        return;
    }
    REQUIRE(json->magic == JSON_IN_MAGIC);
    delete stage_1_of(json);
    free(json->listed);
    free(json->scratch);
    free(json->notes);
    json->magic = 0;
    free(json);
}

const char *
json_in_reason(const struct json_in *json)
{
    return json->reason;
}

/* Everything lent so far ends. */
static void
begin(struct json_in *json)
{
    REQUIRE(json->magic == JSON_IN_MAGIC);
    json->opened++;
    json->listed_count = 0;
    json->dense_count = 0;
    json->scratch_bytes = 0;
}

/* Of the bytes from `base` on. 0, JSON_IN_BAD, or JSON_IN_END when there are only blanks. */
static int
run_stage_1(struct json_in *json, const char *base, uint64_t bytes)
{
    json->base = base;
    json->escape_next = 0;
    if (bytes > json->bytes_max) {
        json->reason = "too long";
        return JSON_IN_BAD;
    }
    json->end = (uint32_t)bytes;
    json->indexed_bytes = (uint32_t)bytes;

    switch (stage_1_of(json)->stage1((const uint8_t *)base, bytes, simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS:
        for (uint32_t i = 0; i < JSON_IN_END_TOKENS; i++) {
            json->tokens[stage_1_of(json)->n_structural_indexes + i] = (uint32_t)bytes;
        }
        return 0;
    case simdjson::EMPTY:
        json->reason = "no value";
        return JSON_IN_END;
    case simdjson::UTF8_ERROR:
        json->reason = "not UTF-8";
        break;
    case simdjson::UNESCAPED_CHARS:
        json->reason = "a control character in a string";
        break;
    case simdjson::UNCLOSED_STRING:
        json->reason = "a string without an end";
        break;
    default:
        json->reason = "not JSON";
        break;
    }
    return JSON_IN_BAD;
}

/* What the escapes of one letter mean; 0 is not one of them. */
static inline char
escape_meaning(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
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
    }
    return 0;
}

/* Copies what is between the quotes into the scratch. False with a reason. */
static bool
unescape(struct json_in *json, const char *at, const char *end, uint32_t *out_note)
{
    char *piece = json->scratch + json->scratch_bytes;
    char *to = piece + sizeof(uint32_t);
    uint32_t bytes;
    uint32_t code;

    while (at < end) {
        const char *backslash = (const char *)memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((backslash != nullptr ? backslash : end) - at);
        char meaning;

        memcpy(to, at, plain);
        to += plain;
        if (backslash == nullptr) {
            break;
        }
        at = backslash + 2;
        if (at > end) {
            json->reason = "an unknown escape";
            return false;
        }
        meaning = escape_meaning(backslash[1]);
        if (meaning != 0) {
            *to++ = meaning;
            continue;
        }
        if (backslash[1] != 'u') {
            json->reason = "an unknown escape";
            return false;
        }
        code = utf8_of_escape(&at, end);
        if (code == UINT32_MAX) {
            json->reason = "a \\u without four hexadecimal digits";
            return false;
        }
        to += utf8_encode(code, to);
    }
    bytes = (uint32_t)(to - piece) - (uint32_t)sizeof(uint32_t);
    memcpy(piece, &bytes, sizeof(bytes));
    *out_note = json->scratch_bytes + 1;
    json->scratch_bytes += (uint32_t)sizeof(bytes) + bytes;
    return true;
}

/* Offset of the first backslash from `at` on, or the end of what is indexed. */
__attribute__((noinline)) static uint32_t
find_escape(const struct json_in *json, uint32_t at)
{
    const void *found = memchr(json->base + at, '\\', json->indexed_bytes - at);

    return found != nullptr ? (uint32_t)((const char *)found - json->base) : json->indexed_bytes;
}

bool
json_in_unescape(struct json_in *json, uint32_t at, uint32_t close, uint32_t *out_note)
{
    if (json->escape_next < at) {
        json->escape_next = find_escape(json, at);
        if (json->escape_next >= close) {
            return true;
        }
    }
    json->escape_next = find_escape(json, close);
    return unescape(json, json->base + at + 1, json->base + close, out_note);
}

/* The offset behind the last byte of the token at `at` that ends before `limit`. */
static inline uint32_t
trim(const char *base, uint32_t limit)
{
    while (UNLIKELY(is_blank(base[limit - 1]))) {
        limit--;
    }
    return limit;
}

static inline bool
walk_string(struct json_in *json, uint32_t at, uint32_t limit, uint32_t *out_note)
{
    uint32_t close = trim(json->base, limit) - 1;

    *out_note = 0;
    /* Always a quote, but from simdjson's portable kernel, which steps over an escaped line feed. */
    if (UNLIKELY(close <= at || json->base[close] != '"')) {
        json->reason = "a string without an end";
        return false;
    }
    return LIKELY(json->escape_next >= close) || json_in_unescape(json, at, close, out_note);
}

static inline bool
number_is_good(const char *at, const char *limit)
{
    const char *end = json_in_skip_number(at, limit);

    return end != nullptr && (end == limit || is_blank(*end));
}

static inline bool
word_is_good(const char *at, const char *limit, const char *word, uint32_t bytes)
{
    return limit - at >= (ptrdiff_t)bytes && memcmp(at, word, bytes) == 0 &&
           (limit - at == (ptrdiff_t)bytes || is_blank(at[bytes]));
}

/*
 * Checks the value that begins at `token` and leaves notes. The token behind it, or 0 with a reason.
 * Reads one token past json->end at most.
 */
static uint32_t
walk(struct json_in *json, uint32_t token)
{
    const char *const base = json->base;
    const uint32_t *const tokens = json->tokens;
    uint32_t *const notes = json->notes;
    const uint32_t end = json->end;
    uint32_t open[JSON_IN_DEPTH_MAX];
    unsigned __int128 are_objects = 0; /* a bit for each level, the deepest one last */
    uint32_t depth = 0;
    uint32_t at;
    uint32_t limit;
    bool is_good;

    static_assert(JSON_IN_DEPTH_MAX <= 128, "are_objects has a bit for each level");

value:
    at = tokens[token];
    if (UNLIKELY(at >= end)) {
        goto ended;
    }
    limit = tokens[token + 1] < end ? tokens[token + 1] : end;
    /* Most are: a branch that is nearly always taken costs less than one to many places. */
    if (LIKELY(base[at] == '"')) {
        if (UNLIKELY(!walk_string(json, at, limit, &notes[token]))) {
            return 0;
        }
        token++;
        goto after;
    }
    switch (base[at]) {
    case '{':
        if (UNLIKELY(depth == JSON_IN_DEPTH_MAX)) {
            goto deep;
        }
        open[depth++] = token++;
        are_objects = are_objects << 1 | 1;
        if (limit < end && base[limit] == '}') {
            goto close;
        }
        goto key;
    case '[':
        if (UNLIKELY(depth == JSON_IN_DEPTH_MAX)) {
            goto deep;
        }
        open[depth++] = token++;
        are_objects <<= 1;
        if (limit < end && base[limit] == ']') {
            goto close;
        }
        goto value;
    case 't':
        is_good = word_is_good(base + at, base + limit, "true", 4);
        break;
    case 'f':
        is_good = word_is_good(base + at, base + limit, "false", 5);
        break;
    case 'n':
        is_good = word_is_good(base + at, base + limit, "null", 4);
        break;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        if (UNLIKELY(!number_is_good(base + at, base + limit))) {
            json->reason = "not a number";
            return 0;
        }
        token++;
        goto after;
    default:
        is_good = false;
    }
    if (UNLIKELY(!is_good)) {
        json->reason = "not a value";
        return 0;
    }
    token++;

after:
    if (depth == 0) {
        return token;
    }
    at = tokens[token];
    if (UNLIKELY(at >= end)) {
        goto ended;
    }
    if (LIKELY(base[at] == ',')) {
        token++;
        if ((are_objects & 1) != 0) {
            goto key;
        }
        goto value;
    }
    if (UNLIKELY(base[at] != ((are_objects & 1) != 0 ? '}' : ']'))) {
        json->reason =
            (are_objects & 1) != 0 ? "neither , nor } after a member" : "neither , nor ] after an element";
        return 0;
    }

close:
    notes[open[--depth]] = token++;
    are_objects >>= 1;
    goto after;

key:
    at = tokens[token];
    if (UNLIKELY(at >= end)) {
        goto ended;
    }
    if (UNLIKELY(base[at] != '"')) {
        json->reason = "a member without a key";
        return 0;
    }
    limit = tokens[token + 1];
    if (UNLIKELY(limit >= end)) {
        goto ended;
    }
    if (UNLIKELY(!walk_string(json, at, limit, &notes[token]))) {
        return 0;
    }
    if (UNLIKELY(base[limit] != ':')) {
        json->reason = "no : after a key";
        return 0;
    }
    token += 2;
    goto value;

ended:
    json->reason = "ends too early";
    return 0;
deep:
    json->reason = "deeper than 128 levels";
    return 0;
}

static inline struct text
string_text(const struct json_in *json, uint32_t token, uint32_t close)
{
    uint32_t at = json->tokens[token];
    uint32_t note = json->notes[token];
    uint32_t bytes;

    if (LIKELY(note == 0)) {
        return {json->base + at + 1, close - at - 1};
    }
    memcpy(&bytes, json->scratch + note - 1, sizeof(bytes));
    return {json->scratch + note - 1 + sizeof(bytes), bytes};
}

/* Of a walked value; all but the key. The token behind it. */
static inline uint32_t
read_value(const struct json_in *json, uint32_t token, struct json_value *value)
{
    const char *base = json->base;
    const uint32_t *tokens = json->tokens;
    uint32_t at = tokens[token];
    uint32_t last = token;
    uint32_t behind;

    value->token = token;
    value->opened = json->opened;
    if (LIKELY(base[at] == '"')) {
        behind = trim(base, tokens[token + 1] < json->end ? tokens[token + 1] : json->end);
        value->kind = JSON_STRING;
        value->text = string_text(json, token, behind - 1);
        value->raw = {base + at, behind - at};
        return token + 1;
    }
    value->text = {nullptr, 0};
    switch (base[at]) {
    case '{':
    case '[':
        value->kind = base[at] == '{' ? JSON_OBJECT : JSON_ARRAY;
        last = json->notes[token];
        behind = tokens[last] + 1;
        break;
    case 't':
        value->kind = JSON_TRUE;
        behind = at + 4;
        break;
    case 'f':
        value->kind = JSON_FALSE;
        behind = at + 5;
        break;
    case 'n':
        value->kind = JSON_NULL;
        behind = at + 4;
        break;
    default:
        behind = trim(base, tokens[token + 1] < json->end ? tokens[token + 1] : json->end);
        value->kind = JSON_NUMBER;
    }
    value->raw = {base + at, behind - at};
    return last + 1;
}

/* Before the value is walked. */
static void
forget_dense(struct json_in *json, uint32_t escape_next)
{
    json->escape_next = escape_next;
    json->scratch_bytes = 0;
    json->listed_count = 0;
    json->dense_count = 0;
}

/* The value at `token` and nothing after it. 0 or JSON_IN_BAD. */
static int
take_value(struct json_in *json, uint32_t token, struct json_value *out_value, uint32_t *out_token)
{
    uint32_t behind = walk(json, token);

    if (behind == 0) {
        return JSON_IN_BAD;
    }
    if (json->tokens[behind] < json->end) {
        json->reason = "more after the value";
        return JSON_IN_BAD;
    }
    out_value->key = {nullptr, 0};
    read_value(json, token, out_value);
    *out_token = behind;
    return 0;
}

/* All that was indexed. */
static int
take_whole(struct json_in *json, struct json_value *out_value)
{
    const uint32_t *tokens = json->tokens;
    uint32_t behind = json_in_list_dense(json, 0);

    if (behind != 0 && tokens[behind] == json->indexed_bytes) {
        out_value->key = {nullptr, 0};
        read_value(json, 0, out_value);
        return 0;
    }
    forget_dense(json, 0);
    return take_value(json, 0, out_value, &behind);
}

/* The next line of a window, if there is no more in it than a dense object. */
static bool
take_dense_line(struct json_in *json, struct json_value *out_value)
{
    const uint32_t *tokens = json->tokens;
    uint32_t escape_next = json->escape_next;
    uint32_t behind = json_in_list_dense(json, json->token);

    if (behind != 0) {
        uint32_t at = tokens[behind - 1] + 1;

        json->end = at;
        while (at < tokens[behind] && json->base[at] != '\n') {
            at++;
        }
        if (at < tokens[behind] || at == json->indexed_bytes) {
            out_value->key = {nullptr, 0};
            read_value(json, json->token, out_value);
            json->token = behind;
            json->line = at < json->indexed_bytes ? json->base + at + 1 : json->window_end;
            return true;
        }
    }
    forget_dense(json, escape_next);
    return false;
}

int
json_in_open(struct json_in *json, struct text input, struct json_value *out_value)
{
    begin(json);
    json->line = json->window_end = json->lines_end = nullptr;
    if (run_stage_1(json, input.data, input.bytes) != 0) {
        return JSON_IN_BAD;
    }
    return take_whole(json, out_value);
}

void
json_in_open_lines(struct json_in *json, struct text input)
{
    begin(json);
    json->line = json->window_end = input.data;
    json->lines_end = input.bytes > 0 ? input.data + input.bytes : input.data;
}

/* As many whole lines as a window holds, or one longer line. */
static void
open_window(struct json_in *json)
{
    uint64_t left = (uint64_t)(json->lines_end - json->line);
    uint64_t bytes = WINDOW_BYTES_MAX < json->bytes_max ? WINDOW_BYTES_MAX : json->bytes_max;
    const void *newline;

    json->window_end = json->lines_end;
    if (left > bytes) {
        newline = memrchr(json->line, '\n', bytes);
        if (newline == nullptr) {
            newline = memchr(json->line + bytes, '\n', left - bytes);
        }
        if (newline != nullptr) {
            json->window_end = (const char *)newline + 1;
        }
    }
    json->token = 0;
    json->is_indexed = run_stage_1(json, json->line, (uint64_t)(json->window_end - json->line)) == 0;
}

int
json_in_next_line(struct json_in *json, struct json_value *out_value)
{
    int r;

    begin(json);
    for (;;) {
        const char *line = json->line;
        const char *newline;

        if (line == json->window_end) {
            if (line == json->lines_end) {
                return JSON_IN_END;
            }
            open_window(json);
        }
        if (json->is_indexed && take_dense_line(json, out_value)) {
            return 0;
        }
        newline = (const char *)memchr(line, '\n', (size_t)(json->window_end - line));
        json->line = newline != nullptr ? newline + 1 : json->window_end;

        if (json->is_indexed) {
            json->end = (uint32_t)(json->line - json->base);
            if (json->tokens[json->token] >= json->end) {
                continue;
            }
            if (take_value(json, json->token, out_value, &json->token) == 0) {
                return 0;
            }
            json->is_indexed = false;
            return JSON_IN_BAD;
        }
        r = run_stage_1(json, line, (uint64_t)((newline != nullptr ? newline : json->line) - line));
        if (r == JSON_IN_END) {
            continue;
        }
        return r != 0 ? r : take_whole(json, out_value);
    }
}

int
json_in_members(struct json_in *json, const struct json_value *object, const struct json_value **out_members,
                uint32_t *out_count)
{
    const uint32_t *tokens = json->tokens;
    struct json_value *members = json->listed + json->listed_count;
    uint32_t count_max = JSON_IN_LISTED_MAX - json->listed_count;
    uint32_t count = 0;
    uint32_t token = object->token + 1;
    uint32_t last;

    REQUIRE(json->magic == JSON_IN_MAGIC);
    REQUIRE(object->opened == json->opened);
    if (object->kind != JSON_OBJECT) {
        return JSON_IN_TYPE;
    }
    if (json->dense_count > 0 && object->token == json->dense_token) {
        *out_members = json->listed;
        *out_count = json->dense_count;
        return 0;
    }
    if (count_max > JSON_IN_MEMBERS_MAX) {
        count_max = JSON_IN_MEMBERS_MAX;
    }
    last = json->notes[object->token];
    while (token < last) {
        struct json_value *member = &members[count];

        if (UNLIKELY(count == count_max)) {
            json->reason = "more than 1024 members";
            return JSON_IN_BAD;
        }
        member->key = string_text(json, token, trim(json->base, tokens[token + 1]) - 1);
        /* Behind the value is a comma, or the closing brace. */
        token = read_value(json, token + 2, member) + 1;
        count++;
    }
    json->listed_count += count;
    *out_members = members;
    *out_count = count;
    return 0;
}

/* Each level has two tokens at least. */
uint32_t
json_in_levels_max(const struct json_in *json, const struct json_value *value)
{
    REQUIRE(json->magic == JSON_IN_MAGIC);
    REQUIRE(value->opened == json->opened);
    if (value->kind != JSON_OBJECT && value->kind != JSON_ARRAY) {
        return 0;
    }
    return (json->notes[value->token] - value->token + 1) / 2;
}

int
json_in_elements(struct json_in *json, const struct json_value *array, struct json_cursor *out_cursor)
{
    REQUIRE(json->magic == JSON_IN_MAGIC);
    REQUIRE(array->opened == json->opened);
    if (array->kind != JSON_ARRAY) {
        return JSON_IN_TYPE;
    }
    *out_cursor = {array->token + 1, json->opened, json->listed_count};
    return 0;
}

bool
json_in_next_element(struct json_in *json, struct json_cursor *cursor, struct json_value *out_element)
{
    REQUIRE(cursor->opened == json->opened);
    REQUIRE(cursor->listed_count <= json->listed_count);
    json->listed_count = cursor->listed_count;
    if (json->base[json->tokens[cursor->token]] == ']') {
        return false;
    }
    out_element->key = {nullptr, 0};
    cursor->token = read_value(json, cursor->token, out_element);
    if (json->base[json->tokens[cursor->token]] == ',') {
        cursor->token++;
    }
    return true;
}

int
json_in_object(struct json_in *json, struct text input, const struct json_value **out_members,
               uint32_t *out_count)
{
    struct json_value value;
    int r = json_in_open(json, input, &value);

    return r != 0 ? r : json_in_members(json, &value, out_members, out_count);
}

int
json_in_validate(struct json_in *json, struct text input, enum json_kind *out_kind)
{
    struct json_value value;
    int r = json_in_open(json, input, &value);

    if (r == 0) {
        *out_kind = value.kind;
    }
    return r;
}

/* Doubles are here because C has no shortest text, and its strtod() depends on the locale. */

bool
json_number_double(struct text raw, double *out_value)
{
    const char *end = raw.data + raw.bytes;
    double value = 0;

    if (raw.bytes == 0 || json_in_skip_number(raw.data, end) != end) {
        return false;
    }
    if (std::from_chars(raw.data, end, value).ec == std::errc::result_out_of_range) {
        /* Of what is too large and what is too small, only the latter fits an integer (0). */
        int64_t zero;
        if (!json_number_int64(raw, &zero)) {
            return false;
        }
        value = 0;
    }
    if (!std::isfinite(value)) {
        return false;
    }
    *out_value = value;
    return true;
}

struct text
json_double_text(double value, char out_buffer[JSON_NUMBER_BYTES_MAX])
{
    char digits[JSON_NUMBER_BYTES_MAX];
    char *to = out_buffer;
    char *exponent;
    char *end;
    int digit_count;
    int point = 0; /* the value is 0.DIGITS times 10 to the power of this */

    if (!std::isfinite(value)) {
        return {out_buffer, 0};
    }
    if (value == 0) {
        *to++ = '0';
        return {out_buffer, 1};
    }
    if (value < 0) {
        *to++ = '-';
        value = -value;
    }
    /* "d.ddde+xx" */
    end = std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::scientific).ptr;
    exponent = (char *)memchr(digits, 'e', (size_t)(end - digits));
    std::from_chars(exponent[1] == '+' ? exponent + 2 : exponent + 1, end, point);
    point++;
    digit_count = 1;
    if (digits[1] == '.') {
        digit_count = (int)(exponent - digits) - 1;
        memmove(digits + 1, digits + 2, (size_t)digit_count - 1);
    }

    if (point > 21 || point <= -6) {
        *to++ = digits[0];
        if (digit_count > 1) {
            *to++ = '.';
            memcpy(to, digits + 1, (size_t)digit_count - 1);
            to += digit_count - 1;
        }
        *to++ = 'e';
        *to++ = point > 0 ? '+' : '-';
        to = std::to_chars(to, out_buffer + JSON_NUMBER_BYTES_MAX, point > 0 ? point - 1 : 1 - point).ptr;
        return {out_buffer, (uint32_t)(to - out_buffer)};
    }
    if (point <= 0) {
        memcpy(to, "0.000000", (size_t)(2 - point));
        to += 2 - point;
    }
    for (int i = 0; i < digit_count || i < point; i++) {
        if (i == point && i > 0) {
            *to++ = '.';
        }
        *to++ = i < digit_count ? digits[i] : '0';
    }
    return {out_buffer, (uint32_t)(to - out_buffer)};
}
