/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_lexer.h"

#include <assert.h>

#include "core/arena.h"
#include "core/utf8.h"

static_assert(GRAPHQL_NAME_BYTES_MAX == 256, "a message says so");

static bool
is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/*
 * The byte `ahead` of the next one, NUL behind the end. A NUL in the source is refused like any control
 * character.
 */
static char
peek(const struct graphql_lexer *lexer, uint32_t ahead)
{
    uint64_t at = (uint64_t)lexer->offset + ahead;

    return at < lexer->source.bytes ? lexer->source.data[at] : '\0';
}

static bool
is_at_end(const struct graphql_lexer *lexer)
{
    return lexer->offset >= lexer->source.bytes;
}

static bool
starts_with(const struct graphql_lexer *lexer, struct text prefix)
{
    return lexer->source.bytes - lexer->offset >= prefix.bytes &&
           memcmp(lexer->source.data + lexer->offset, prefix.data, prefix.bytes) == 0;
}

static struct graphql_place
place_here(const struct graphql_lexer *lexer)
{
    return (struct graphql_place){
        .line = lexer->line,
        .column = lexer->offset - lexer->line_offset - lexer->line_extra_bytes + 1,
    };
}

/* Over one line terminator: LF, CR, or CR LF. */
static void
skip_line_end(struct graphql_lexer *lexer)
{
    lexer->offset += starts_with(lexer, TEXT("\r\n")) ? 2 : 1;
    lexer->line++;
    lexer->line_offset = lexer->offset;
    lexer->line_extra_bytes = 0;
}

/* Over one character that ends no line. The source is valid UTF-8. */
static void
skip_character(struct graphql_lexer *lexer)
{
    uint32_t code;
    uint32_t bytes =
        utf8_decode(lexer->source.data + lexer->offset, lexer->source.bytes - lexer->offset, &code);

    ASSERT(bytes > 0);
    lexer->offset += bytes;
    lexer->line_extra_bytes += bytes - 1;
}

int
graphql_lexer_init(struct graphql_lexer *lexer, struct text source, struct graphql_errors *errors)
{
    *lexer = (struct graphql_lexer){.source = source, .arena = errors->arena, .errors = errors, .line = 1};

    if (!utf8_is_valid(source)) {
        graphql_error_add(errors, (struct graphql_place){.line = 1, .column = 1}, GRAPHQL_CODE_SYNTAX,
                          "Syntax Error: The document is not UTF-8.");
        return GRAPHQL_LEXER_BAD;
    }
    return 0;
}

static int
bad(struct graphql_lexer *lexer, struct graphql_place place, const char *what)
{
    graphql_error_add(lexer->errors, place, GRAPHQL_CODE_SYNTAX, "Syntax Error: %s", what);
    return GRAPHQL_LEXER_BAD;
}

static int
bad_character(struct graphql_lexer *lexer)
{
    uint32_t code = 0;

    if (is_at_end(lexer)) {
        return bad(lexer, place_here(lexer), "Unexpected end of the document.");
    }
    (void)utf8_decode(lexer->source.data + lexer->offset, lexer->source.bytes - lexer->offset, &code);
    if (code >= 0x20 && code < 0x7f) {
        graphql_error_add(lexer->errors, place_here(lexer), GRAPHQL_CODE_SYNTAX,
                          "Syntax Error: Unexpected character \"%c\".", (char)code);
    } else {
        graphql_error_add(lexer->errors, place_here(lexer), GRAPHQL_CODE_SYNTAX,
                          "Syntax Error: Unexpected character U+%04X.", code);
    }
    return GRAPHQL_LEXER_BAD;
}

static void
skip_ignored(struct graphql_lexer *lexer)
{
    while (!is_at_end(lexer)) {
        char c = peek(lexer, 0);

        if (c == ' ' || c == '\t' || c == ',') {
            lexer->offset++;
        } else if (c == '\n' || c == '\r') {
            skip_line_end(lexer);
        } else if (starts_with(lexer, TEXT("\xef\xbb\xbf"))) {
            skip_character(lexer);
        } else if (c == '#') {
            /* A control character ends the comment here, and is then refused as what it is. */
            while (!is_at_end(lexer) && ((unsigned char)peek(lexer, 0) >= 0x20 || peek(lexer, 0) == '\t')) {
                skip_character(lexer);
            }
        } else {
            return;
        }
    }
}

/* The text from `begin` to here. */
static struct text
text_since(const struct graphql_lexer *lexer, uint32_t begin)
{
    return (struct text){.data = lexer->source.data + begin, .bytes = lexer->offset - begin};
}

static int
read_name(struct graphql_lexer *lexer, struct graphql_token *token)
{
    uint32_t begin = lexer->offset;

    while (is_name_start(peek(lexer, 0)) || is_digit(peek(lexer, 0))) {
        lexer->offset++;
    }
    token->kind = GRAPHQL_TOKEN_NAME;
    token->text = text_since(lexer, begin);
    if (token->text.bytes > GRAPHQL_NAME_BYTES_MAX) {
        return bad(lexer, token->place, "A name is longer than 256 characters.");
    }
    return 0;
}

static int
read_digits(struct graphql_lexer *lexer)
{
    if (!is_digit(peek(lexer, 0))) {
        return bad_character(lexer);
    }
    while (is_digit(peek(lexer, 0))) {
        lexer->offset++;
    }
    return 0;
}

static int
read_fraction_and_exponent(struct graphql_lexer *lexer, struct graphql_token *token)
{
    if (peek(lexer, 0) == '.') {
        token->kind = GRAPHQL_TOKEN_FLOAT;
        lexer->offset++;
        if (read_digits(lexer) != 0) {
            return GRAPHQL_LEXER_BAD;
        }
    }
    if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
        token->kind = GRAPHQL_TOKEN_FLOAT;
        lexer->offset++;
        if (peek(lexer, 0) == '+' || peek(lexer, 0) == '-') {
            lexer->offset++;
        }
        if (read_digits(lexer) != 0) {
            return GRAPHQL_LEXER_BAD;
        }
    }
    return 0;
}

static int
read_number(struct graphql_lexer *lexer, struct graphql_token *token)
{
    uint32_t begin = lexer->offset;

    token->kind = GRAPHQL_TOKEN_INT;
    if (peek(lexer, 0) == '-') {
        lexer->offset++;
    }
    if (peek(lexer, 0) == '0') {
        lexer->offset++;
    } else if (read_digits(lexer) != 0) {
        return GRAPHQL_LEXER_BAD;
    }
    if (read_fraction_and_exponent(lexer, token) != 0) {
        return GRAPHQL_LEXER_BAD;
    }
    /* "01", "1.2.3" and "1a" would otherwise fall apart into two tokens. */
    if (is_digit(peek(lexer, 0)) || is_name_start(peek(lexer, 0)) || peek(lexer, 0) == '.') {
        return bad_character(lexer);
    }
    token->text = text_since(lexer, begin);
    return 0;
}

/* "{1F600}" after "\u". Any number of digits, as long as the value is a character. */
static bool
read_braced_code(struct graphql_lexer *lexer, uint32_t *out_code)
{
    uint32_t code = 0;
    uint32_t digit;

    lexer->offset++;
    if (peek(lexer, 0) == '}') {
        return false;
    }
    while (peek(lexer, 0) != '}') {
        char c = peek(lexer, 0);

        if (!utf8_hex(&c, 1, &digit)) {
            return false;
        }
        code = code << 4 | digit;
        if (code > 0x10ffff) {
            return false;
        }
        lexer->offset++;
    }
    lexer->offset++;
    *out_code = code;
    return code < 0xd800 || code > 0xdfff;
}

/* "XXXX", four hexadecimal digits. */
static bool
read_four(struct graphql_lexer *lexer, uint32_t *out_code)
{
    if (lexer->source.bytes - lexer->offset < 4 ||
        !utf8_hex(lexer->source.data + lexer->offset, 4, out_code)) {
        return false;
    }
    lexer->offset += 4;
    return true;
}

/* After "\u". The first half of a surrogate pair needs the second; alone, neither is a character. */
static bool
read_unicode_escape(struct graphql_lexer *lexer, uint32_t *out_code)
{
    uint32_t low;

    if (peek(lexer, 0) == '{') {
        return read_braced_code(lexer, out_code);
    }
    if (!read_four(lexer, out_code)) {
        return false;
    }
    if (*out_code < 0xd800 || *out_code > 0xdfff) {
        return true;
    }
    if (*out_code > 0xdbff || !starts_with(lexer, TEXT("\\u"))) {
        return false;
    }
    lexer->offset += 2;
    if (!read_four(lexer, &low) || low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    *out_code = 0x10000 + ((*out_code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* At the backslash. */
static int
read_escape(struct graphql_lexer *lexer, char **out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    struct graphql_place place = place_here(lexer);
    char c = peek(lexer, 1);
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    uint32_t code;

    if (letter != NULL) {
        *(*out)++ = meanings[letter - letters];
        lexer->offset += 2;
        return 0;
    }
    if (c != 'u') {
        return bad(lexer, place, "Unknown escape in a string.");
    }
    lexer->offset += 2;
    if (!read_unicode_escape(lexer, &code)) {
        return bad(lexer, place, "Invalid Unicode escape in a string.");
    }
    *out += utf8_encode(code, *out);
    return 0;
}

/* Where the closing quote is, and whether there are escapes. A line's end or the document's says: nowhere. */
static bool
find_quote(const struct graphql_lexer *lexer, uint32_t *out_bytes, bool *out_has_escapes)
{
    uint32_t ahead = 0;

    *out_has_escapes = false;
    for (;;) {
        char c = peek(lexer, ahead);

        if (c == '"') {
            *out_bytes = ahead;
            return true;
        }
        if (c == '\n' || c == '\r' || lexer->offset + ahead >= lexer->source.bytes) {
            return false;
        }
        if (c == '\\') {
            *out_has_escapes = true;
            ahead++;
        }
        ahead++;
    }
}

static int
read_string(struct graphql_lexer *lexer, struct graphql_token *token)
{
    uint32_t bytes;
    bool has_escapes;
    uint32_t begin;
    char *copy = NULL;
    char *out = NULL;

    lexer->offset++;
    begin = lexer->offset;
    if (!find_quote(lexer, &bytes, &has_escapes)) {
        return bad(lexer, token->place, "Unterminated string.");
    }
    if (has_escapes) {
        copy = arena_take(lexer->arena, bytes); /* an escape is never shorter than what it means */
        if (copy == NULL) {
            graphql_errors_full(lexer->errors);
            return GRAPHQL_LEXER_BAD;
        }
        out = copy;
    }
    while (lexer->offset < begin + bytes) {
        uint32_t from = lexer->offset;

        if (peek(lexer, 0) == '\\') {
            if (read_escape(lexer, &out) != 0) {
                return GRAPHQL_LEXER_BAD;
            }
            continue;
        }
        if ((unsigned char)peek(lexer, 0) < 0x20 && peek(lexer, 0) != '\t') {
            return bad_character(lexer);
        }
        skip_character(lexer);
        if (has_escapes) {
            memcpy(out, lexer->source.data + from, lexer->offset - from);
            out += lexer->offset - from;
        }
    }
    token->kind = GRAPHQL_TOKEN_STRING;
    token->text =
        has_escapes ? (struct text){.data = copy, .bytes = (uint32_t)(out - copy)} : text_since(lexer, begin);
    lexer->offset++;
    return 0;
}

/* The raw text of a block string, its lines ended by LF and its one escape resolved. */
static int
read_block_raw(struct graphql_lexer *lexer, struct graphql_place place, char *out, uint32_t *out_bytes)
{
    char *begin = out;

    for (;;) {
        uint32_t from = lexer->offset;
        char c = peek(lexer, 0);

        if (starts_with(lexer, TEXT("\"\"\""))) {
            lexer->offset += 3;
            *out_bytes = (uint32_t)(out - begin);
            return 0;
        }
        if (is_at_end(lexer)) {
            return bad(lexer, place, "Unterminated string.");
        }
        if (starts_with(lexer, TEXT("\\\"\"\""))) {
            lexer->offset += 4;
            memcpy(out, "\"\"\"", 3);
            out += 3;
        } else if (c == '\n' || c == '\r') {
            skip_line_end(lexer);
            *out++ = '\n';
        } else if ((unsigned char)c < 0x20 && c != '\t') {
            return bad_character(lexer);
        } else {
            skip_character(lexer);
            memcpy(out, lexer->source.data + from, lexer->offset - from);
            out += lexer->offset - from;
        }
    }
}

/* The next line of `rest`, without its end; `rest` goes on behind it. */
static struct text
take_line(struct text *rest)
{
    const char *end = rest->bytes > 0 ? memchr(rest->data, '\n', rest->bytes) : NULL;
    struct text line = {.data = rest->data,
                        .bytes = end != NULL ? (uint32_t)(end - rest->data) : rest->bytes};
    uint32_t taken = end != NULL ? line.bytes + 1 : line.bytes;

    rest->data += taken;
    rest->bytes -= taken;
    return line;
}

static uint32_t
indent_of(struct text line)
{
    uint32_t indent = 0;

    while (indent < line.bytes && (line.data[indent] == ' ' || line.data[indent] == '\t')) {
        indent++;
    }
    return indent;
}

/* BlockStringValue() of the specification, in place: text only gets shorter. */
static struct text
strip_block(char *data, uint32_t bytes)
{
    struct text raw = {.data = data, .bytes = bytes};
    uint32_t indent_common = UINT32_MAX;
    uint32_t out_bytes = 0;
    uint32_t out_bytes_kept = 0; /* up to the last line that is not blank */
    bool is_first = true;
    bool has_begun = false;

    for (struct text rest = raw; rest.bytes > 0; is_first = false) {
        struct text line = take_line(&rest);
        uint32_t indent = indent_of(line);

        if (!is_first && indent < line.bytes && indent < indent_common) {
            indent_common = indent;
        }
    }
    is_first = true;
    for (struct text rest = raw; rest.bytes > 0; is_first = false) {
        struct text line = take_line(&rest);
        bool is_blank = indent_of(line) == line.bytes;
        uint32_t cut = is_first || indent_common == UINT32_MAX ? 0
                       : line.bytes < indent_common            ? line.bytes
                                                               : indent_common;

        if (is_blank && !has_begun) {
            continue;
        }
        if (has_begun) {
            data[out_bytes++] = '\n';
        }
        has_begun = true;
        memmove(data + out_bytes, line.data + cut, line.bytes - cut);
        out_bytes += line.bytes - cut;
        if (!is_blank) {
            out_bytes_kept = out_bytes;
        }
    }
    return (struct text){.data = data, .bytes = out_bytes_kept};
}

/* Where the block ends at the latest, so that the copy is not as long as the rest of the document. */
static uint32_t
block_bytes_max(const struct graphql_lexer *lexer)
{
    const char *from = lexer->source.data + lexer->offset;
    uint32_t left = lexer->source.bytes - lexer->offset;

    for (uint32_t i = 0; i + 3 <= left; i++) {
        if (from[i] == '\\' && i + 4 <= left && memcmp(from + i, "\\\"\"\"", 4) == 0) {
            i += 3;
        } else if (from[i] == '"' && memcmp(from + i, "\"\"\"", 3) == 0) {
            return i;
        }
    }
    return left;
}

static int
read_block_string(struct graphql_lexer *lexer, struct graphql_token *token)
{
    uint32_t bytes = 0;
    char *copy;

    lexer->offset += 3;
    copy = arena_take(lexer->arena, (uint64_t)block_bytes_max(lexer) + 1);
    if (copy == NULL) {
        graphql_errors_full(lexer->errors);
        return GRAPHQL_LEXER_BAD;
    }
    if (read_block_raw(lexer, token->place, copy, &bytes) != 0) {
        return GRAPHQL_LEXER_BAD;
    }
    token->kind = GRAPHQL_TOKEN_STRING;
    token->is_block = true;
    token->text = strip_block(copy, bytes);
    return 0;
}

static int
read_punctuator(struct graphql_lexer *lexer, struct graphql_token *token)
{
    uint32_t begin = lexer->offset;
    char c = peek(lexer, 0);

    if (starts_with(lexer, TEXT("..."))) {
        lexer->offset += 3;
    } else if (c != '\0' && strchr("!$&():=@[]{|}", c) != NULL) {
        lexer->offset += 1;
    } else {
        return bad_character(lexer);
    }
    token->kind = GRAPHQL_TOKEN_PUNCTUATOR;
    token->text = text_since(lexer, begin);
    return 0;
}

static int
read_token(struct graphql_lexer *lexer, struct graphql_token *token)
{
    char c = peek(lexer, 0);

    if (is_name_start(c)) {
        return read_name(lexer, token);
    }
    if (is_digit(c) || c == '-') {
        return read_number(lexer, token);
    }
    if (starts_with(lexer, TEXT("\"\"\""))) {
        return read_block_string(lexer, token);
    }
    if (c == '"') {
        return read_string(lexer, token);
    }
    return read_punctuator(lexer, token);
}

int
graphql_lexer_next(struct graphql_lexer *lexer, struct graphql_token *out_token)
{
    struct graphql_token token = {.kind = GRAPHQL_TOKEN_END};

    skip_ignored(lexer);
    token.place = place_here(lexer);
    if (is_at_end(lexer)) {
        *out_token = token;
        return 0;
    }
    if (lexer->token_count == GRAPHQL_TOKENS_MAX) {
        graphql_error_add(lexer->errors, token.place, GRAPHQL_CODE_TOKENS,
                          "The document has more than %u tokens.", GRAPHQL_TOKENS_MAX);
        return GRAPHQL_LEXER_BAD;
    }
    if (read_token(lexer, &token) != 0) {
        return GRAPHQL_LEXER_BAD;
    }
    lexer->token_count++;
    *out_token = token;
    return 0;
}
