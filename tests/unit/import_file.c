/* SPDX-License-Identifier: Apache-2.0 */
#include "net/import_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "tests/check.h"

static char path[] = "/tmp/millrace-import-XXXXXX";
static char problem[IMPORT_PROBLEM_BYTES];
static struct import_file *file;
static struct import_batch batch;
static struct import_limits limits;
static char body[IMPORT_LINE_BYTES_MAX + 2];

static void
given_bytes(const char *text, size_t bytes)
{
    int fd;

    import_file_close(file);
    file = NULL;
    snprintf(path, sizeof(path), "/tmp/millrace-import-XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, bytes), bytes);
    CHECK_EQ(close(fd), 0);
    limits = (struct import_limits){.row_count = 3, .bytes = 1000};
    problem[0] = '\0';
}

static void
given_text(const char *text)
{
    given_bytes(text, strlen(text));
}

static int
open_it(void)
{
    int r = import_file_open(path, &file, problem);

    unlink(path);
    return r;
}

static int
next(void)
{
    int r = import_file_next(file, &limits, body, &batch, problem);

    body[batch.bytes] = '\0';
    return r;
}

TEST(what_is_no_file_is_refused)
{
    CHECK_EQ(import_file_open("/nowhere/at/all", &file, problem), IMPORT_FILE_BAD);
    CHECK_TEXT(problem, "/nowhere/at/all: No such file or directory");
    CHECK_EQ(import_file_open("/tmp", &file, problem), IMPORT_FILE_BAD);
    CHECK_TEXT(problem, "/tmp: Is a directory");
}

TEST(nothing_has_no_batches)
{
    given_text("");
    CHECK_EQ(open_it(), 0);
    CHECK_EQ(next(), IMPORT_FILE_END);
    CHECK_EQ(next(), IMPORT_FILE_END);
    CHECK(import_file_part(file) < 0);
}

TEST(compressed_data_that_ends_too_early_is_said)
{
    static char text[200000];
    static char packed[200000];
    z_stream stream = {.next_in = (Bytef *)text,
                       .avail_in = sizeof(text),
                       .next_out = (Bytef *)packed,
                       .avail_out = sizeof(packed)};
    int r;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 100 == 99 ? '\n' : i % 100 == 0 ? '{' : (char)('a' + i * i % 23);
    }
    CHECK_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);

    given_bytes(packed, stream.total_out);
    limits = (struct import_limits){.row_count = 10000, .bytes = 1u << 20};
    CHECK_EQ(open_it(), 0);
    CHECK_EQ(next(), 0);
    CHECK_EQ(batch.row_count, 2000);
    CHECK_EQ(batch.bytes, sizeof(text));
    CHECK_BYTES(body, text, sizeof(text));
    CHECK_EQ(next(), IMPORT_FILE_END);

    given_bytes(packed, stream.total_out / 2);
    limits = (struct import_limits){.row_count = 10, .bytes = 1u << 20};
    CHECK_EQ(open_it(), 0);
    do {
        r = next();
    } while (r == 0);
    CHECK_EQ(r, IMPORT_FILE_BAD);
    CHECK(strstr(problem, "ends in the middle") != NULL);

    packed[stream.total_out / 2] ^= 0x55;
    given_bytes(packed, stream.total_out);
    limits = (struct import_limits){.row_count = 10000, .bytes = 1u << 20};
    CHECK_EQ(open_it(), 0);
    do {
        r = next();
    } while (r == 0);
    CHECK_EQ(r, IMPORT_FILE_BAD);
}

TEST(rows_have_the_numbers_of_their_lines)
{
    given_text("\xef\xbb\xbf{1}\n\n \t\r\n  {2}\r\nno\n{3}\n[4]\n{5}");
    CHECK_EQ(open_it(), 0);
    CHECK_EQ(next(), 0);
    CHECK_TEXT(body, "{1}\n{2}\n{3}\n");
    CHECK_EQ(batch.line[0], 1);
    CHECK_EQ(batch.line[1], 4);
    CHECK_EQ(batch.line[2], 6);
    CHECK_EQ(batch.bad_count, 1);
    CHECK_EQ(batch.bad[0].line, 5);
    CHECK_EQ(batch.end.lines, 6);
    CHECK_EQ(next(), 0);
    CHECK_TEXT(body, "{5}\n");
    CHECK_EQ(batch.line[0], 8);
    CHECK_EQ(batch.bad[0].line, 7);
    CHECK_EQ(batch.end.lines, 8);
    CHECK_EQ(batch.end.offset, 33);
    CHECK_EQ(next(), IMPORT_FILE_END);
    CHECK(import_file_part(file) == 1);
}

TEST(rows_that_are_too_many_bytes_together_are_two_batches)
{
    given_text("{123}\n{456}\n{789}\n");
    limits.bytes = 12;
    CHECK_EQ(open_it(), 0);
    CHECK_EQ(next(), 0);
    CHECK_TEXT(body, "{123}\n{456}\n");
    CHECK_EQ(next(), 0);
    CHECK_TEXT(body, "{789}\n");
    limits.bytes = 1; /* one row is always a batch */
    CHECK_EQ(import_file_seek(file, (struct import_place){.offset = 6, .lines = 1}, problem), 0);
    CHECK_EQ(next(), 0);
    CHECK_TEXT(body, "{456}\n");
    CHECK_EQ(batch.line[0], 2);
}

TEST(a_line_of_any_length_is_stepped_over)
{
    static char text[5u << 20];
    uint32_t bytes = (5u << 20) - 5;

    memset(text, 'x', sizeof(text));
    text[0] = '{';
    memcpy(text + bytes, "\n{1}\n", 5);
    given_bytes(text, sizeof(text));
    CHECK_EQ(open_it(), 0);
    CHECK_EQ(next(), 0);
    CHECK_TEXT(body, "{1}\n");
    CHECK_EQ(batch.bad_count, 1);
    CHECK_EQ(batch.bad[0].line, 1);
    CHECK_EQ(batch.line[0], 2);
    CHECK_EQ(batch.end.offset, sizeof(text));

    given_bytes(text, IMPORT_LINE_BYTES_MAX); /* exactly so long, and nothing behind it */
    CHECK_EQ(open_it(), 0);
    CHECK_EQ(next(), 0);
    CHECK_EQ(batch.row_count, 1);
    CHECK_EQ(batch.bytes, IMPORT_LINE_BYTES_MAX + 1);
    given_bytes(text, IMPORT_LINE_BYTES_MAX + 1);
    CHECK_EQ(open_it(), 0);
    CHECK_EQ(next(), 0);
    CHECK_EQ(batch.row_count, 0);
    CHECK_EQ(batch.bad_count, 1);
    CHECK_EQ(next(), IMPORT_FILE_END);
}

TEST(from_the_same_place_the_same_batch_comes_again)
{
    static char text[4u << 20];
    static char first[IMPORT_LINE_BYTES_MAX + 1];
    static struct import_batch seen[4096];
    uint32_t bytes = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; bytes < sizeof(text) - 4000; i++) {
        uint32_t length = i * 2654435761u % 3500;

        memset(text + bytes, 'a' + (int)(i % 26), length + 2);
        text[bytes] = i % 7 == 3 ? '[' : '{';
        bytes += length + 1;
        text[bytes++] = '\n';
    }
    given_bytes(text, bytes);
    limits = (struct import_limits){.row_count = 20, .bytes = 30000};
    CHECK_EQ(open_it(), 0);
    while (next() == 0) {
        CHECK(count < COUNT_OF(seen));
        seen[count++].end = batch.end;
    }
    CHECK_EQ(batch.end.offset, bytes);
    CHECK(count > 50);
    for (uint32_t i = count - 1; i > 0; i--) { /* backwards, so that nothing is in the buffer by chance */
        uint32_t body_bytes;

        CHECK_EQ(import_file_seek(file, seen[i - 1].end, problem), 0);
        CHECK_EQ(next(), 0);
        CHECK_EQ(batch.end.offset, seen[i].end.offset);
        CHECK_EQ(batch.end.lines, seen[i].end.lines);
        body_bytes = batch.bytes;
        memcpy(first, body, body_bytes);
        CHECK_EQ(import_file_seek(file, seen[i - 1].end, problem), 0);
        CHECK_EQ(next(), 0);
        CHECK_EQ(batch.bytes, body_bytes);
        CHECK_BYTES(body, first, body_bytes);
    }
}

TEST(a_file_is_one_importer_s)
{
    struct import_file *other;

    given_text("{1}\n");
    CHECK_EQ(import_file_open(path, &file, problem), 0);
    CHECK(import_file_is_seekable(file));
    CHECK_EQ(import_file_identity(file)->bytes, 4);
    CHECK_EQ(import_file_open(path, &other, problem), IMPORT_FILE_BAD);
    CHECK(strstr(problem, "somebody else") != NULL);
    unlink(path);
    import_file_close(file);
    file = NULL;
}
