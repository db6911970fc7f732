/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <unistd.h>

struct values {
    const char *name;
    bool is_open;
    uint64_t apples;
    uint64_t room_bytes;
    int64_t wait_ms;
    uint32_t color;
    struct conf_texts friends;
};

static const struct conf_row rows[] = {
    {"name", CONF_TEXT, offsetof(struct values, name), "nobody", "", 0, 0, "Who."},
    {"shop.open", CONF_FLAG, offsetof(struct values, is_open), "false", "", 0, 0, "Is it?"},
    {"shop.apples", CONF_COUNT, offsetof(struct values, apples), "3", "apples", 1, 100, "How many."},
    {"shop.room_max", CONF_BYTES, offsetof(struct values, room_bytes), "4KiB", "bytes", 0, 0, "How large."},
    {"shop.wait", CONF_DURATION, offsetof(struct values, wait_ms), "30m", "", 0, 0, "How long."},
    {"paint.color", CONF_CHOICE, offsetof(struct values, color), "red", "red|green|blue", 0, 0, "Which."},
    {"paint.friends", CONF_TEXTS, offsetof(struct values, friends), "", "", 0, 0, "With whom."},
};
static const struct conf_table table = {
    .row = rows, .row_count = COUNT_OF(rows), .environment_prefix = "APP_"};

static struct conf conf;
static struct values values;

static void
given_defaults(void)
{
    conf_close(&conf);
    memset(&values, 0xff, sizeof(values));
    conf_open(&conf, &table, &values);
}

static int
read_yaml(const char *yaml)
{
    return conf_read(&conf, "f", text_of(yaml));
}

#define CHECK_REFUSED(yaml, why) \
    do { \
        given_defaults(); \
        CHECK_EQ(read_yaml(yaml), CONF_REFUSED); \
        CHECK_TEXT(conf.problem, why); \
    } while (0)

TEST(an_unknown_key_names_its_line_and_what_was_meant)
{
    CHECK_REFUSED("name: x\nshop:\n  apples: 4\n  aples: 5\n",
                  "f:4: unknown key shop.aples; did you mean shop.apples?");
    CHECK_REFUSED("nothing_like_it: 1\n", "f:1: unknown key nothing_like_it");
    CHECK_REFUSED("# a\n\nshop: {apples: 4,\n bogus_thing: 1}\n", "f:4: unknown key shop.bogus_thing");
    CHECK_REFUSED("apples: 1\n", "f:1: unknown key apples");
    CHECK_REFUSED("sho:\n  apples: 1\n", "f:1: unknown key sho");
    CHECK_REFUSED("paint:\n  friends: [a]\n  colour: red\n",
                  "f:3: unknown key paint.colour; did you mean paint.color?");
}

TEST(a_duplicate_key_names_both_lines)
{
    CHECK_REFUSED("name: a\nshop: {}\nname: b\n", "f:3: name is there twice; it is on line 1 too");
    CHECK_REFUSED("shop:\n  wait: 1s\nshop:\n  apples: 2\n", "f:3: shop is there twice");
    CHECK_REFUSED("shop.wait: 1s\nshop:\n  wait: 2s\n", "f:3: shop.wait is there twice; it is on line 1 too");
}

TEST(what_is_not_yaml_is_refused)
{
    CHECK_REFUSED("hello", "f:1: no `key: value` here");
    CHECK_REFUSED("- a\n- b\n", "f:1: no `key: value` here");
    CHECK_REFUSED("name: x\n\tshop: y\n", "f:2: not YAML: found a tab character that violates indentation");
    CHECK_REFUSED("name: [\n", "f:1: name is not a list");
    CHECK_REFUSED("paint:\n  friends: [a,\n", "f:3: not YAML: did not find expected node content");
    CHECK_REFUSED("name: \"\xff\"\n", "f:1: not YAML: invalid leading UTF-8 octet");
    CHECK_REFUSED("? [a]\n: b\n", "f:1: no `key: value` here");
    CHECK_REFUSED("? {a: b}\n: b\n", "f:1: that is not a key");
    CHECK_REFUSED("name: a\n---\nname: b\n", "f:2: a second document");
    CHECK_REFUSED("name: &a x\npaint:\n  color: *a\n", "f:3: an alias; write the value out");
    CHECK_REFUSED("\"\": 1\n", "f:1: that is not a key");
}

TEST(a_value_of_another_shape_is_refused)
{
    CHECK_REFUSED("name:\n", "f:1: name has no value; leave the key out for its default");
    CHECK_REFUSED("name: null\n", "f:1: name has no value; leave the key out for its default");
    CHECK_REFUSED("name: {a: b}\n", "f:1: name is not a group of keys");
    CHECK_REFUSED("shop: 5\n", "f:1: shop is a group of keys");
    CHECK_REFUSED("shop: [5]\n", "f:1: shop is not a list");
    CHECK_REFUSED("paint:\n  friends: a\n", "f:2: paint.friends is a list: [a, b]");
    CHECK_REFUSED("paint:\n  friends: [a, [b]]\n", "f:2: paint.friends is not a list of lists");
    CHECK_REFUSED("paint:\n  friends: [a, {b: c}]\n", "f:2: paint.friends is not a group of keys");
    CHECK_REFUSED("name: \"\"\n",
                  "f:1: name: \"\" is not a text: empty, too long, or with control characters");
    CHECK_REFUSED("name: \"a\\0b\"\n",
                  "f:1: name: \"\" is not a text: empty, too long, or with control characters");
    CHECK_REFUSED("shop:\n  open: maybe\n", "f:2: shop.open: \"maybe\" is not true or false");
    CHECK_REFUSED("paint:\n  color: pink\n", "f:2: paint.color: \"pink\" is not one of red|green|blue");
    CHECK_REFUSED("paint:\n  color: red|green\n",
                  "f:2: paint.color: \"red|green\" is not one of red|green|blue");
}

TEST(a_bad_duration_is_refused)
{
    const char *bad[] = {"30x",
                         "s",
                         "-5s",
                         "1.5h",
                         "5 5s",
                         "0x10",
                         "1e3",
                         "30 minutes",
                         "5S",
                         "18446744073709551616",
                         "18446744073709551615h",
                         "99999999999999999999999s"};

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        char yaml[100];

        given_defaults();
        snprintf(yaml, sizeof(yaml), "shop:\n  wait: %s\n", bad[i]);
        CHECK_EQ(read_yaml(yaml), CONF_REFUSED);
        CHECK(strstr(conf.problem, "f:2: shop.wait: \"") == conf.problem);
        CHECK(strstr(conf.problem, "is not a duration like 500ms") != NULL);
    }
    CHECK_REFUSED("shop:\n  wait: 36501d\n", "f:2: shop.wait: 36501d is not from 0ms to 36500d");
}

TEST(a_count_out_of_its_range_is_refused)
{
    CHECK_REFUSED("shop:\n  apples: 0\n", "f:2: shop.apples: 0 is not from 1 to 100");
    CHECK_REFUSED("shop:\n  apples: 101\n", "f:2: shop.apples: 101 is not from 1 to 100");
    CHECK_REFUSED("shop:\n  apples: 5KiB\n", "f:2: shop.apples: \"5KiB\" is not a whole number");
    CHECK_REFUSED("shop:\n  room_max: 5MB\n",
                  "f:2: shop.room_max: \"5MB\" is not a size like 4096, 256KiB, 32MiB or 1GiB");
    CHECK_REFUSED("shop:\n  room_max: 16777216TiB\n",
                  "f:2: shop.room_max: \"16777216TiB\" is not a size like 4096, 256KiB, 32MiB or 1GiB");
}

TEST(a_file_too_large_is_refused)
{
    static char yaml[CONF_FILE_BYTES_MAX + 1];

    memset(yaml, '#', sizeof(yaml));
    given_defaults();
    CHECK_EQ(conf_read(&conf, "f", (struct text){.data = yaml, .bytes = sizeof(yaml)}), CONF_REFUSED);
    CHECK_TEXT(conf.problem, "f: larger than 1048576 bytes");
}

TEST(a_text_may_have_its_limit_and_not_one_more)
{
    static char yaml[CONF_TEXT_BYTES_MAX + 10];
    int bytes = snprintf(yaml, sizeof(yaml), "name: %0*d", (int)CONF_TEXT_BYTES_MAX, 1);

    given_defaults();
    CHECK_EQ(read_yaml(yaml), 0);
    CHECK_EQ(strlen(values.name), CONF_TEXT_BYTES_MAX);
    yaml[bytes] = '1';
    CHECK_EQ(read_yaml(yaml), CONF_REFUSED);
}

TEST(nonsense_never_hurts)
{
    const char *good =
        "name: x\nshop: {open: yes, apples: 7}\npaint:\n  friends: [\"a\", 'b', &c d]\n  color: blue\n";
    char yaml[200];
    uint64_t dice = 1;

    for (int round = 0; round < 5000; round++) {
        size_t bytes = strlen(good);

        memcpy(yaml, good, bytes);
        for (int i = 0; i < 3; i++) {
            dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
            yaml[(dice >> 33) % bytes] = "\n\t :[]{}&*#'\"-?,!|>%@`a1\xff"[(dice >> 20) % 26];
        }
        given_defaults();
        (void)!conf_read(&conf, "f", (struct text){.data = yaml, .bytes = (uint32_t)((dice >> 40) % bytes)});
        (void)!conf_read(&conf, "f", (struct text){.data = yaml, .bytes = (uint32_t)bytes});
    }
}

TEST(a_missing_file_is_a_fault)
{
    given_defaults();
    CHECK_EQ(conf_read_file(&conf, "/nowhere/at/all.yaml"), -ENOENT);
    CHECK_EQ(conf_read_file(&conf, "/"), -EISDIR);
}

TEST(a_bad_default_dies)
{
    static const struct conf_row bad_rows[] = {{"a", CONF_COUNT, 0, "x", "", 0, 0, ""}};
    static const struct conf_table bad = {.row = bad_rows, .row_count = 1, .environment_prefix = ""};

    CHECK_DIES(conf_open(&conf, &bad, &values));
}

TEST(defaults_hold_until_something_is_said)
{
    given_defaults();
    CHECK_TEXT(values.name, "nobody");
    CHECK(!values.is_open);
    CHECK_EQ(values.apples, 3);
    CHECK_EQ(values.room_bytes, 4096);
    CHECK_EQ(values.wait_ms, 1800000);
    CHECK_EQ(values.color, 0);
    CHECK_EQ(values.friends.count, 0);

    CHECK_EQ(read_yaml(""), 0);
    CHECK_EQ(read_yaml("# only words\n"), 0);
    CHECK_EQ(read_yaml("---\n...\n"), 0);
    CHECK_EQ(read_yaml("{}"), 0);
    CHECK_EQ(read_yaml("shop:\n  # apples: 4\npaint: {}\n"), 0);
    CHECK_EQ(values.apples, 3);
    CHECK_EQ(conf_origin_of(&conf, "shop.apples"), CONF_DEFAULT);
}

TEST(a_file_sets_every_type)
{
    given_defaults();
    CHECK_EQ(read_yaml("name: \"some one\"\n"
                       "shop:\n  open: Yes\n  apples: 100\n  room_max: 2 GiB\n  wait: 90s\n"
                       "paint:\n  color: blue\n  friends:\n    - a, b\n    - 'null'\n"),
             0);
    CHECK_TEXT(values.name, "some one");
    CHECK(values.is_open);
    CHECK_EQ(values.apples, 100);
    CHECK_EQ(values.room_bytes, INT64_C(2) << 30);
    CHECK_EQ(values.wait_ms, 90000);
    CHECK_EQ(values.color, 2);
    CHECK_EQ(values.friends.count, 2);
    CHECK_TEXT(values.friends.item[0], "a, b");
    CHECK_TEXT(values.friends.item[1], "null");
    CHECK_EQ(conf_origin_of(&conf, "paint.friends"), CONF_FROM_FILE);
}

TEST(durations_have_units_or_are_milliseconds)
{
    given_defaults();
    CHECK_EQ(read_yaml("shop: {wait: 1500}"), 0);
    CHECK_EQ(values.wait_ms, 1500);
    CHECK_EQ(read_yaml("shop: {wait: 500ms}"), 0);
    CHECK_EQ(values.wait_ms, 500);
    CHECK_EQ(read_yaml("shop: {wait: 24h}"), 0);
    CHECK_EQ(values.wait_ms, 86400000);
    CHECK_EQ(read_yaml("shop: {wait: 7d}"), 0);
    CHECK_EQ(values.wait_ms, 604800000);
    CHECK_EQ(read_yaml("shop: {wait: 0}"), 0);
    CHECK_EQ(values.wait_ms, 0);
}

TEST(later_voices_win)
{
    char *environment[] = {(char[]){"APP_SHOP_APPLES=7"},
                           (char[]){"APP_SHOP_ROOM_MAX=1MiB"},
                           (char[]){"APP_NAME="},
                           (char[]){"APP_SOMEBODY_ELSES=tcp://x"},
                           (char[]){"APP_PAINT_FRIENDS=a, b,,c "},
                           (char[]){"PATH=/bin"},
                           (char[]){"APP_SHOP"},
                           NULL};

    given_defaults();
    CHECK_EQ(read_yaml("name: file\nshop: {apples: 5, wait: 1s}\npaint: {friends: [x]}\n"), 0);
    CHECK_EQ(conf_read_environment(&conf, environment), 0);
    CHECK_EQ(conf_set(&conf, "shop.wait", "2s", "--wait"), 0);

    CHECK_TEXT(values.name, "file");
    CHECK_EQ(values.apples, 7);
    CHECK_EQ(values.room_bytes, 1 << 20);
    CHECK_EQ(values.wait_ms, 2000);
    CHECK_EQ(values.friends.count, 3);
    CHECK_TEXT(values.friends.item[2], "c");
    CHECK_EQ(conf_origin_of(&conf, "shop.apples"), CONF_FROM_ENVIRONMENT);
    CHECK_EQ(conf_origin_of(&conf, "shop.wait"), CONF_FROM_FLAG);
}

TEST(a_bad_variable_and_a_bad_flag_are_named)
{
    char *environment[] = {(char[]){"APP_SHOP_WAIT=soon"}, NULL};

    given_defaults();
    CHECK_EQ(conf_read_environment(&conf, environment), CONF_REFUSED);
    CHECK_TEXT(conf.problem,
               "APP_SHOP_WAIT: shop.wait: \"soon\" is not a duration like 500ms, 60s, 30m, 24h or 7d");
    CHECK_EQ(conf_set(&conf, "shop.apples", "many", "--apples"), CONF_REFUSED);
    CHECK_TEXT(conf.problem, "--apples: shop.apples: \"many\" is not a whole number");
    CHECK_EQ(conf_set(&conf, "shop.aples", "1", "--aples"), CONF_REFUSED);
}

TEST(what_is_printed_reads_back)
{
    char *printed = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&printed, &bytes);
    struct conf_row const *row = &rows[4];

    given_defaults();
    CHECK_EQ(
        read_yaml(
            "name: 'a \"quoted\\\" one'\nshop: {wait: 90s, room_max: 5}\npaint: {friends: [a, \"b,c\"]}\n"),
        0);
    conf_print(&conf, out);
    fclose(out);
    CHECK(strstr(printed, "shop:\n  # Is it?\n  open: false # default\n") != NULL);
    CHECK(strstr(printed, "  wait: 90s # file\n") != NULL);
    CHECK(strstr(printed, "  friends: [\"a\", \"b,c\"] # file\n") != NULL);
    CHECK_TEXT(row->key, "shop.wait");

    given_defaults();
    CHECK_EQ(conf_read(&conf, "printed", (struct text){.data = printed, .bytes = (uint32_t)bytes}), 0);
    CHECK_TEXT(values.name, "a \"quoted\\\" one");
    CHECK_EQ(values.wait_ms, 90000);
    CHECK_EQ(values.room_bytes, 5);
    CHECK_EQ(values.friends.count, 2);
    free(printed);
}

TEST(closing_twice_is_once)
{
    given_defaults();
    conf_close(&conf);
    conf_close(&conf);
}
