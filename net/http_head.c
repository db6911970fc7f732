/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_head.h"

#include <strings.h>

#define LENGTH_DIGITS_MAX 18u

/* Letters, digits, and what else a name may be made of. */
static const bool is_token_byte[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

static bool
is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Offset of the first control character (a tab is none) from `at` on, or `end`. */
static uint32_t
find_control(const char *bytes, uint32_t at, uint32_t end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones << 7;

    for (;;) {
        /* Eight at a time, as long as none is under a blank (which a tab is) or DEL. */
        while (end - at >= 8) {
            uint64_t word;
            uint64_t deleted;

            memcpy(&word, bytes + at, sizeof(word));
            deleted = word ^ (ones * 0x7f);
            if (((((word - ones * 0x20) & ~word) | ((deleted - ones) & ~deleted)) & tops) != 0) {
                break;
            }
            at += 8;
        }
        for (uint32_t stop = end - at < 8 ? end : at + 8; at < stop; at++) {
            if (is_control(bytes[at])) {
                return at;
            }
        }
        if (at == end) {
            return end;
        }
    }
}

static bool
is_equal(struct text a, struct text b)
{
    return a.bytes == b.bytes && strncasecmp(a.data, b.data, a.bytes) == 0;
}

static int
bad(struct http_head *head, const char *reason)
{
    head->reason = reason;
    return HTTP_HEAD_BAD;
}

void
http_head_begin(struct http_head *head)
{
    *head = (struct http_head){.reason = ""};
}

/* Up to the next blank, which goes too. */
static struct text
take_word(struct text *line)
{
    const char *blank = line->bytes > 0 ? memchr(line->data, ' ', line->bytes) : NULL;
    struct text word = *line;

    if (blank == NULL) {
        *line = (struct text){.data = line->data + line->bytes, .bytes = 0};
        return word;
    }
    word.bytes = (uint32_t)(blank - word.data);
    *line = (struct text){.data = blank + 1, .bytes = line->bytes - word.bytes - 1};
    return word;
}

static bool
is_token(struct text text)
{
    for (uint32_t i = 0; i < text.bytes; i++) {
        if (!is_token_byte[(unsigned char)text.data[i]]) {
            return false;
        }
    }
    return text.bytes > 0;
}

static bool
is_target(struct text target)
{
    struct text path = target;
    struct text authority;

    if (target.bytes == 0 || memchr(target.data, '\t', target.bytes) != NULL) {
        return false;
    }
    return target.data[0] == '/' || text_equal(target, TEXT("*")) ||
           http_head_split_target(&path, &authority);
}

/* METHOD TARGET HTTP/1.1 */
static int
read_request_line(struct http_head *head, struct text line)
{
    struct text method = take_word(&line);
    struct text target = take_word(&line);

    head->is_http_1_0 = text_equal(line, TEXT("HTTP/1.0"));
    if (!is_token(method) || (!head->is_http_1_0 && !text_equal(line, TEXT("HTTP/1.1")))) {
        return bad(head, "not a request of HTTP/1.1 or 1.0");
    }
    if (!is_target(target)) {
        return bad(head, "the target of a request is a path");
    }
    head->has_request_line = true;
    return 0;
}

static int
read_length(struct http_head *head, struct text value)
{
    if (head->has_length) {
        return bad(head, "Content-Length: more than one");
    }
    if (value.bytes == 0) {
        return bad(head, "Content-Length: not a number");
    }
    for (uint32_t i = 0; i < value.bytes; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return bad(head, "Content-Length: not a number");
        }
        head->content_bytes =
            i < LENGTH_DIGITS_MAX ? head->content_bytes * 10 + (uint64_t)(value.data[i] - '0') : UINT64_MAX;
    }
    head->has_length = true;
    return 0;
}

static struct text
trim(struct text text)
{
    while (text.bytes > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = (struct text){.data = text.data + 1, .bytes = text.bytes - 1};
    }
    while (text.bytes > 0 && (text.data[text.bytes - 1] == ' ' || text.data[text.bytes - 1] == '\t')) {
        text.bytes--;
    }
    return text;
}

/* What decides where the request ends, and whom it is for. */
static int
read_field(struct http_head *head, struct text name, struct text value)
{
    if (is_equal(name, TEXT("content-length"))) {
        return read_length(head, value);
    }
    if (is_equal(name, TEXT("transfer-encoding"))) {
        if (head->is_chunked || !is_equal(value, TEXT("chunked"))) {
            return bad(head, "Transfer-Encoding: only chunked, once");
        }
        head->is_chunked = true;
        return 0;
    }
    if (is_equal(name, TEXT("host"))) {
        if (head->has_host) {
            return bad(head, "Host: more than one");
        }
        head->has_host = true;
        return 0;
    }
    if (is_equal(name, TEXT("expect"))) {
        head->has_expectation = true;
    }
    return 0;
}

static int
read_line(struct http_head *head, struct text line)
{
    struct text name = line;
    const char *colon;

    if (!head->has_request_line) {
        return read_request_line(head, line);
    }
    if (head->field_count == HTTP_HEAD_FIELDS_MAX) {
        head->reason = "more than 100 headers";
        return HTTP_HEAD_TOO_LONG;
    }
    head->field_count++;
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return bad(head, "a header over two lines");
    }
    colon = memchr(line.data, ':', line.bytes);
    if (colon == NULL) {
        return bad(head, "a header without a colon");
    }
    name.bytes = (uint32_t)(colon - line.data);
    if (!is_token(name)) {
        return bad(head, "a header's name");
    }
    return read_field(head, name,
                      trim((struct text){.data = colon + 1, .bytes = line.bytes - name.bytes - 1}));
}

/* The empty line. */
static int
finish(struct http_head *head, uint64_t body_bytes_max)
{
    if (head->is_chunked && head->has_length) {
        return bad(head, "Content-Length beside Transfer-Encoding");
    }
    if (head->is_chunked && head->is_http_1_0) {
        return bad(head, "Transfer-Encoding in HTTP/1.0");
    }
    if (!head->has_host && !head->is_http_1_0) {
        return bad(head, "Host: missing");
    }
    if (head->has_length && head->content_bytes > body_bytes_max) {
        head->reason = "body: over the limit";
        return HTTP_HEAD_BODY_LARGE;
    }
    return 0;
}

int
http_head_read(struct http_head *head, struct text bytes, uint64_t body_bytes_max)
{
    uint32_t end = bytes.bytes < HTTP_HEAD_BYTES_MAX ? bytes.bytes : HTTP_HEAD_BYTES_MAX;

    for (;;) {
        uint32_t at = find_control(bytes.data, head->searched, end);
        struct text line = {.data = bytes.data + head->line, .bytes = at - head->line};
        int r;

        head->searched = at;
        if (at == end || (bytes.data[at] == '\r' && at + 1 == end)) {
            if (end == HTTP_HEAD_BYTES_MAX) {
                head->reason = "the head is over 65536 bytes";
                return HTTP_HEAD_TOO_LONG;
            }
            return HTTP_HEAD_MORE;
        }
        if (bytes.data[at] != '\r' || bytes.data[at + 1] != '\n') {
            return bad(head, bytes.data[at] == '\n' ? "a line that ends in LF alone" : "a control character");
        }
        head->line = head->searched = at + 2;
        if (line.bytes > 0) {
            r = read_line(head, line);
            if (r != 0) {
                return r;
            }
        } else if (head->has_request_line) {
            return finish(head, body_bytes_max);
        } else if (head->has_blank_line) {
            return bad(head, "not a request of HTTP/1.1 or 1.0");
        } else {
            head->has_blank_line = true;
        }
    }
}

bool
http_head_split_target(struct text *target, struct text *out_authority)
{
    static const struct text schemes[] = {{"http://", 7}, {"https://", 8}};

    for (uint32_t i = 0; i < COUNT_OF(schemes); i++) {
        struct text rest = *target;
        uint32_t bytes = 0;

        if (rest.bytes <= schemes[i].bytes ||
            strncasecmp(rest.data, schemes[i].data, schemes[i].bytes) != 0) {
            continue;
        }
        rest = (struct text){.data = rest.data + schemes[i].bytes, .bytes = rest.bytes - schemes[i].bytes};
        while (bytes < rest.bytes && rest.data[bytes] != '/' && rest.data[bytes] != '?') {
            bytes++;
        }
        if (bytes == 0) {
            return false;
        }
        *out_authority = (struct text){.data = rest.data, .bytes = bytes};
        *target = bytes < rest.bytes ? (struct text){.data = rest.data + bytes, .bytes = rest.bytes - bytes}
                                     : TEXT("/");
        return true;
    }
    return false;
}
