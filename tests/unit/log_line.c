/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/log_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>
#include <unistd.h>

static char said[3 * LOG_LINE_BYTES_MAX];
static int pipe_fds[2];

static void
given_a_log(enum log_format format)
{
    CHECK_EQ(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
    log_open(pipe_fds[1], format, LOG_LEVEL_INFO);
    log_shard(-1);
}

/* What was written, without the time in front; ends the log. */
static const char *
what_was_said(void)
{
    ssize_t bytes = read(pipe_fds[0], said, sizeof(said) - 1);
    char *rest;

    said[bytes > 0 ? bytes : 0] = '\0';
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    log_open(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
    rest = strstr(said, "\"level\"");
    if (rest == NULL && said[0] != '\0') {
        rest = strchr(said, ' ') + 1;
    }
    return rest != NULL ? rest : said;
}

TEST(what_is_under_the_level_is_not_said)
{
    given_a_log(LOG_FORMAT_JSON);
    log_debug("nothing");
    CHECK_TEXT(what_was_said(), "");
}

TEST(a_line_that_cannot_be_written_is_lost_and_errno_stays)
{
    log_open(-1, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    errno = ENOENT;
    log_info("into the void");
    CHECK_EQ(errno, ENOENT);
    log_open(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
}

TEST(a_json_line_has_its_fields)
{
    given_a_log(LOG_FORMAT_JSON);
    log_info("started", LOG_TEXT("io", "uring"), LOG_INT("shards", -2), LOG_UINT("most", UINT64_MAX),
             LOG_BOOL("good", true));
    CHECK_TEXT(what_was_said(), "\"level\":\"info\",\"msg\":\"started\",\"io\":\"uring\",\"shards\":-2,"
                                "\"most\":18446744073709551615,\"good\":true}\n");
    CHECK_EQ(said[0], '{');
    CHECK_BYTES(said, "{\"ts\":\"20", 9);
}

TEST(a_text_line_is_for_people)
{
    given_a_log(LOG_FORMAT_TEXT);
    log_warn("slow", LOG_TEXT("where", "a b"), LOG_TEXT("empty", ""), LOG_TEXT("io", "epoll"),
             LOG_INT("ms", 3));
    CHECK_TEXT(what_was_said(), "warn  slow where=\"a b\" empty=\"\" io=epoll ms=3\n");
}

TEST(a_message_needs_no_fields)
{
    given_a_log(LOG_FORMAT_TEXT);
    log_error("alone");
    CHECK_TEXT(what_was_said(), "error alone\n");
}

TEST(nonsense_stays_well_formed)
{
    given_a_log(LOG_FORMAT_JSON);
    log_info("x", LOG_TEXT("a", "\"\\\n\x1b[31m\x7f"), LOG_TEXT("b", "\xff\xc3(\xed\xa0\x80\xc3"),
             LOG_TEXT("c", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc2\x9b"),
             LOG_TEXT("d", (const char *)NULL));
    CHECK_TEXT(what_was_said(), "\"level\":\"info\",\"msg\":\"x\",\"a\":\"\\\"\\\\\\n\\u001b[31m\\u007f\","
                                "\"b\":\"\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd\\ufffd\","
                                "\"c\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\\u009b\",\"d\":\"\"}\n");
}

TEST(a_text_that_is_no_string_is_not_overrun)
{
    char *letters = malloc(3);

    memcpy(letters, "ab\xc3", 3);
    given_a_log(LOG_FORMAT_TEXT);
    log_info("x", LOG_TEXT("a", ((struct text){.data = letters, .bytes = 3})));
    free(letters);
    CHECK_TEXT(what_was_said(), "info  x a=\"ab\\ufffd\"\n");
}

TEST(a_long_text_is_cut_and_fields_without_room_are_dropped)
{
    static char long_text[5000];
    const char *line;

    memset(long_text, 'a', sizeof(long_text) - 1);
    given_a_log(LOG_FORMAT_JSON);
    log_info("x", LOG_TEXT("a", long_text), LOG_TEXT("b", long_text), LOG_TEXT("c", long_text),
             LOG_TEXT("d", long_text), LOG_INT("e", 5));
    line = what_was_said();
    CHECK(strstr(line, "aaa...\",\"b\":\"aaa") != NULL);
    CHECK(strstr(line, "\"d\"") == NULL);
    CHECK(strstr(line, "...\",\"e\":5,\"cut\":true}\n") != NULL);
    CHECK(strlen(said) <= LOG_LINE_BYTES_MAX);
}

TEST(the_largest_line_of_escapes_fits)
{
    static char long_text[LOG_TEXT_BYTES_MAX + 1];

    memset(long_text, 1, sizeof(long_text) - 1);
    given_a_log(LOG_FORMAT_JSON);
    log_info(long_text, LOG_TEXT(long_text, long_text));
    CHECK(strstr(what_was_said(), "\\u0001\",\"cut\":true}\n") != NULL);
    CHECK(strlen(said) <= LOG_LINE_BYTES_MAX);
}

TEST(a_fault_says_where_it_was)
{
    given_a_log(LOG_FORMAT_TEXT);
    log_error("write failed", LOG_FAULT(fault_new(-ENOSPC)));
    CHECK(strstr(what_was_said(), "error write failed fault=ENOSPC at=tests/unit/log_line.c:") != NULL);
}

TEST(a_shard_signs_its_lines)
{
    given_a_log(LOG_FORMAT_JSON);
    log_shard(3);
    log_info("x", LOG_INT("y", 1));
    log_shard(-1);
    CHECK_TEXT(what_was_said(), "\"level\":\"info\",\"msg\":\"x\",\"shard\":3,\"y\":1}\n");
}

TEST(seldom_says_it_once_a_second)
{
    given_a_log(LOG_FORMAT_TEXT);
    for (int i = 0; i < 100; i++) {
        log_warn_seldom("again", LOG_INT("i", i));
    }
    CHECK_TEXT(what_was_said(), "warn  again i=0 silent=0\n");
}
