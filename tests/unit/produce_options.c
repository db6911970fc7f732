/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_options.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/produce_client.h"
#include "tests/check.h"

#define NOW ((struct wall_ms){.ms = INT64_C(1780315200000)}) /* 2026-06-01T12:00:00Z */

static struct produce_options options;
static char problem[PRODUCE_PROBLEM_BYTES];

/* Up to three words. */
static int
read_words(const char *first, const char *second, const char *third)
{
    const char *words[] = {"produce", first, second, third};
    int count = 1;

    while (count < 4 && words[count] != NULL) {
        count++;
    }
    problem[0] = '\0';
    return produce_options_read(count, (char **)(uintptr_t)words, NOW, &options, problem);
}

TEST(a_history_that_makes_no_sense_is_refused)
{
    CHECK_EQ(read_words("--from", NULL, NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--from=", NULL, NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--from=yesterday", NULL, NULL), PRODUCE_WRONG);
    CHECK(strstr(problem, "--from: yesterday is no time") != NULL);
    CHECK_EQ(read_words("--from=2026-02-30", NULL, NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--to=2026-01-01", NULL, NULL), PRODUCE_WRONG);
    CHECK(strstr(problem, "there is no --from") != NULL);
    CHECK_EQ(read_words("--from=2026-01-02", "--to=2026-01-01", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--from=2026-01-02", "--to=2026-01-02", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--from=2026-01-02", "--to=2026-06-01T12:00:00.001Z", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--from=2026-06-02", NULL, NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--from=2026-01-02", "--rate=5", NULL), PRODUCE_WRONG);
    CHECK(strstr(problem, "--users says how much") != NULL);
}

static void
write_keys(char path[32], const char *text)
{
    int fd;

    snprintf(path, 32, "/tmp/millrace-keys-XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

TEST(a_key_file_says_who_the_tenants_are)
{
    char path[32];

    CHECK_EQ(read_words("--key-file", "/nowhere/keys", NULL), PRODUCE_WRONG);
    CHECK(strstr(problem, "--key-file: /nowhere/keys: No such file") != NULL);
    write_keys(path, "shop: k1\nblog: k2\n");
    CHECK_EQ(read_words("--key-file", path, "--tenants=3"), PRODUCE_WRONG);
    CHECK(strstr(problem, "--tenants: --key-file has 2") != NULL);
    CHECK_EQ(read_words("--key-file", path, "--users=1"), PRODUCE_WRONG);
    CHECK_EQ(read_words("--key-file", path, NULL), 0);
    CHECK_EQ(options.tenant_count, 2);
    CHECK_EQ(options.keys.count, 2);
    produce_keys_close(&options.keys);
    CHECK_EQ(read_words("--tenants=1", "--key-file", path), 0);
    CHECK_EQ(options.tenant_count, 1);
    produce_keys_close(&options.keys);
    unlink(path);
    write_keys(path, "secret\n");
    CHECK_EQ(read_words("--key-file", path, NULL), PRODUCE_WRONG);
    CHECK(strstr(problem, "line 1") != NULL);
    CHECK(strstr(problem, "secret") == NULL);
    unlink(path);
}

TEST(nonsense_is_refused)
{
    CHECK_EQ(read_words("--rte", "5", NULL), PRODUCE_WRONG);
    CHECK(strstr(problem, "--rte") != NULL);
    CHECK_EQ(read_words("5", NULL, NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--rate", "fast", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--rate", "-1", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--rate", "nan", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--rate", "200/m", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--rate", NULL, NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--tenants", "0", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--batch", "10001", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--connections", "-4", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--count", "1e6", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--seed", "99999999999999999999", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--duration", "60", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--duration", "s", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--event-bytes", "100", NULL), PRODUCE_WRONG);
    CHECK_EQ(read_words("--users=2", NULL, NULL), PRODUCE_WRONG);     /* of three tenants */
    CHECK_EQ(read_words("--batch=10000", NULL, NULL), PRODUCE_WRONG); /* no node takes that */
}

TEST(no_options_are_a_demo)
{
    CHECK_EQ(read_words(NULL, NULL, NULL), 0);
    CHECK_TEXT(options.url, "http://127.0.0.1:8080");
    CHECK(options.rate == 200);
    CHECK(options.is_daily);
    CHECK(!options.has_seed);
    CHECK(!options.is_history);
    CHECK(!options.is_hostile);
    CHECK_EQ(options.batch_count, 100);
    CHECK_EQ(options.connection_count, 4);
    CHECK_EQ(options.event_count, 0);
    CHECK_EQ(options.duration_ns, 0);
}

TEST(values_come_behind_a_blank_or_an_equals_sign)
{
    CHECK_EQ(read_words("--rate=0", "--seed", "42"), 0);
    CHECK(options.rate == 0);
    CHECK(options.has_seed);
    CHECK_EQ(options.seed, 42);
    CHECK_EQ(read_words("--rate", "1500.5/s", "--quiet"), 0);
    CHECK(options.rate == 1500.5);
    CHECK(options.is_quiet);
    CHECK_EQ(read_words("--duration=1.5m", "--count=7", "--event-bytes=600"), 0);
    CHECK_EQ(options.duration_ns, 90 * NS_PER_S);
    CHECK_EQ(options.event_count, 7);
    CHECK_EQ(options.event_bytes, 600);
}

TEST(a_history_goes_on_until_now_in_order)
{
    CHECK_EQ(read_words("--from=2026-01-02", "--hostile", "--print"), 0);
    CHECK(options.is_history);
    CHECK(options.is_hostile);
    CHECK(options.is_print);
    CHECK_EQ(options.from.ms, INT64_C(1767312000000));
    CHECK_EQ(options.to.ms, NOW.ms);
    CHECK_EQ(options.batch_count, 1000);
    CHECK_EQ(options.connection_count, 1);
    CHECK_EQ(read_words("--from", "2026-01-02T03:04:05.678Z", "--to=2026-01-03"), 0);
    CHECK_EQ(options.from.ms, INT64_C(1767323045678));
    CHECK_EQ(options.to.ms, INT64_C(1767398400000));
}

TEST(an_even_rate_is_one_that_was_asked_for)
{
    CHECK_EQ(read_words("--rate=200", NULL, NULL), 0);
    CHECK(!options.is_daily);
}

TEST(help_names_every_trick)
{
    char said[8192];
    FILE *out = fmemopen(said, sizeof(said), "w");

    CHECK(out != NULL);
    produce_options_help(out);
    CHECK_EQ(fclose(out), 0);
    CHECK(strstr(said, "--hostile") != NULL);
    CHECK(strstr(said, "shared device") != NULL);
    CHECK(strstr(said, "malformed") != NULL);
}
