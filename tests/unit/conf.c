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
    struct conf_items doors;
};

struct door {
    const char *where;
    const char *name;
    struct conf_texts guests;
    int64_t until_ms;
    uint64_t width;
};

static const struct conf_row door_rows[] = {
    {"name", CONF_TEXT, offsetof(struct door, name), NULL, "", 0, 0, "Which.", NULL},
    {"guests", CONF_TEXTS, offsetof(struct door, guests), "", "", 0, 0, "For whom.", NULL},
    {"until", CONF_TIME, offsetof(struct door, until_ms), "never", "", 0, 0, "How long.", NULL},
    {"width", CONF_COUNT, offsetof(struct door, width), "1", "", 0, 9, "How wide.", NULL},
};
static const struct conf_list doors = {
    .row = door_rows, .row_count = COUNT_OF(door_rows), .item_bytes = sizeof(struct door)};

static const struct conf_row rows[] = {
    {"name", CONF_TEXT, offsetof(struct values, name), "nobody", "", 0, 0, "Who.", NULL},
    {"shop.open", CONF_FLAG, offsetof(struct values, is_open), "false", "", 0, 0, "Is it?", NULL},
    {"shop.apples", CONF_COUNT, offsetof(struct values, apples), "3", "apples", 1, 100, "How many.", NULL},
    {"shop.room_max", CONF_BYTES, offsetof(struct values, room_bytes), "4KiB", "bytes", 0, 0, "How large.",
     NULL},
    {"shop.wait", CONF_DURATION, offsetof(struct values, wait_ms), "30m", "", 0, 0, "How long.", NULL},
    {"paint.color", CONF_CHOICE, offsetof(struct values, color), "red", "red|green|blue", 0, 0, "Which.",
     NULL},
    {"paint.friends", CONF_TEXTS, offsetof(struct values, friends), "", "", 0, 0, "With whom.", NULL},
    {"house.doors", CONF_ITEMS, offsetof(struct values, doors), "", "", 0, 0, "Into it.", &doors},
};
static const char *const others[] = {"APP_TESTS", NULL};
static const struct conf_table table = {
    .row = rows, .row_count = COUNT_OF(rows), .environment_prefix = "APP_", .others = others};

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

TEST(items_are_refused_by_line)
{
    CHECK_REFUSED("house:\n  doors: front\n", "f:2: house.doors is a list: [{name: ...}]");
    CHECK_REFUSED("house:\n  doors: {name: front}\n", "f:2: house.doors is not a group of keys");
    CHECK_REFUSED("house:\n  doors: [front]\n", "f:2: an item of house.doors is a group of keys");
    CHECK_REFUSED("house:\n  doors: [[]]\n", "f:2: house.doors is not a list of lists");
    CHECK_REFUSED("house:\n  doors:\n    - name: a\n    - width: 2\n", "f:4: house.doors.name is missing");
    CHECK_REFUSED("house:\n  doors:\n    - name: a\n      widht: 2\n",
                  "f:4: unknown key house.doors.widht; did you mean house.doors.width?");
    CHECK_REFUSED("house:\n  doors:\n    - name: a\n      name: b\n",
                  "f:4: house.doors.name is there twice; it is on line 3 too");
    CHECK_REFUSED("house:\n  doors:\n    - name: a\n      guests: b\n",
                  "f:4: house.doors.guests is a list: [a, b]");
    CHECK_REFUSED("house:\n  doors:\n    - name: a\n      guests: [b, [c]]\n",
                  "f:4: house.doors.guests is not a list of lists");
    CHECK_REFUSED("house:\n  doors:\n    - name: [a]\n", "f:3: house.doors.name is not a list");
    CHECK_REFUSED("house:\n  doors:\n    - name: {a: b}\n", "f:3: house.doors.name is not a group of keys");
    CHECK_REFUSED("house:\n  doors:\n    - name: a\n      width: 10\n", "f:4: width: 10 is not from 0 to 9");
    CHECK_REFUSED("house:\n  doors:\n    - name: a\n      until: soon\n",
                  "f:4: until: \"soon\" is not a time like 2027-01-31, 2027-01-31T12:00:00Z or never");
    CHECK_REFUSED("house:\n  doors: []\n  doors: []\n",
                  "f:3: house.doors is there twice; it is on line 2 too");
    CHECK_REFUSED("house:\n  doors.name: a\n", "f:2: unknown key house.doors.name");
}

TEST(items_have_keys_of_their_own)
{
    const struct door *door;

    given_defaults();
    CHECK_EQ(values.doors.count, 0);
    CHECK_EQ(read_yaml("house:\n  doors:\n    - name: front\n      guests: [a, b]\n      until: 2027-01-31\n"
                       "    - {width: 3, name: back}\nname: x\n"),
             0);
    CHECK_EQ(values.doors.count, 2);
    door = values.doors.item;
    CHECK_TEXT(door[0].where, "f:3");
    CHECK_TEXT(door[0].name, "front");
    CHECK_EQ(door[0].guests.count, 2);
    CHECK_TEXT(door[0].guests.item[1], "b");
    CHECK_EQ(door[0].until_ms, INT64_C(1801353600000));
    CHECK_EQ(door[0].width, 1);
    CHECK_TEXT(door[1].where, "f:6");
    CHECK_TEXT(door[1].name, "back");
    CHECK_EQ(door[1].guests.count, 0);
    CHECK_EQ(door[1].until_ms, CONF_NEVER);
    CHECK_EQ(door[1].width, 3);
    CHECK_TEXT(values.name, "x");
    CHECK_TEXT(conf_where(&conf, "name"), "f:7");
    CHECK_TEXT(conf_where(&conf, "shop.wait"), "default");

    CHECK_EQ(read_yaml("house: {doors: []}"), 0);
    CHECK_EQ(values.doors.count, 0);
}

TEST(many_items_are_kept_as_they_grow)
{
    static char yaml[200000];
    const struct door *door;
    int bytes = snprintf(yaml, sizeof(yaml), "house:\n  doors:\n");

    for (int i = 0; i < 4096; i++) {
        bytes += snprintf(yaml + bytes, sizeof(yaml) - (size_t)bytes, "  - {name: n%d, guests: [g]}\n", i);
    }
    given_defaults();
    CHECK_EQ(read_yaml(yaml), 0);
    CHECK_EQ(values.doors.count, 4096);
    door = values.doors.item;
    CHECK_TEXT(door[0].name, "n0");
    CHECK_TEXT(door[8].name, "n8");
    CHECK_TEXT(door[4095].name, "n4095");
    CHECK_TEXT(door[77].guests.item[0], "g");
    snprintf(yaml + bytes, sizeof(yaml) - (size_t)bytes, "  - {name: more}\n");
    CHECK_EQ(read_yaml(yaml), CONF_REFUSED);
    CHECK_TEXT(conf.problem, "f:4099: house.doors: more than 4096 items");
}

TEST(items_come_from_the_environment_and_flags_too)
{
    char *environment[] = {(char[]){"APP_HOUSE_DOORS=[{name: a, guests: [b]}, {name: c}]"}, NULL};
    char *bad[] = {(char[]){"APP_HOUSE_DOORS=a,b"}, NULL};

    given_defaults();
    CHECK_EQ(conf_read_environment(&conf, bad), CONF_REFUSED);
    CHECK_TEXT(conf.problem, "APP_HOUSE_DOORS:1: house.doors is a list: [{name: ...}]");
    CHECK_EQ(conf_set(&conf, "house.doors", "[{nme: a}]", "--doors"), CONF_REFUSED);
    CHECK_TEXT(conf.problem, "--doors:1: unknown key house.doors.nme; did you mean house.doors.name?");
    CHECK_EQ(conf_read_environment(&conf, environment), 0);
    CHECK_EQ(values.doors.count, 2);
    CHECK_TEXT(((struct door *)values.doors.item)[1].name, "c");
    CHECK_EQ(conf_origin_of(&conf, "house.doors"), CONF_FROM_ENVIRONMENT);
    CHECK_TEXT(conf_where(&conf, "house.doors"), "APP_HOUSE_DOORS");
}

TEST(a_variable_that_is_no_key_is_named)
{
    char *environment[] = {(char[]){"APP_SHOP_APLES=7"},    (char[]){"PATH=/bin"},
                           (char[]){"APP_SHOP_APPLES="},    (char[]){"APP_SHOP_PORT_8080_TCP=tcp://x"},
                           (char[]){"APP_PAINT.COLOR=red"}, NULL};
    char said[200];
    uint32_t at = 0;

    given_defaults();
    CHECK(conf_next_unknown(&conf, environment, &at, said, sizeof(said)));
    CHECK_TEXT(said, "APP_SHOP_APLES is no setting; did you mean that of shop.apples?");
    CHECK(conf_next_unknown(&conf, environment, &at, said, sizeof(said)));
    CHECK_TEXT(said, "APP_SHOP_PORT_8080_TCP is no setting");
    CHECK(conf_next_unknown(&conf, environment, &at, said, sizeof(said)));
    CHECK_TEXT(said, "APP_PAINT.COLOR is no setting; did you mean that of paint.color?");
    CHECK(!conf_next_unknown(&conf, environment, &at, said, sizeof(said)));
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
        "name: x\nshop: {open: yes, apples: 7}\npaint:\n  friends: [\"a\", 'b', &c d]\n  color: blue\n"
        "house:\n  doors:\n    - name: a\n      guests: [b]\n    - {name: c, width: 2}\n";
    char yaml[300];
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
    static const struct conf_row bad_rows[] = {{"a", CONF_COUNT, 0, "x", "", 0, 0, "", NULL}};
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
    CHECK_EQ(read_yaml("name: 'a \"quoted\\\" one'\nshop: {wait: 90s, room_max: 5}\npaint: {friends: [a, "
                       "\"b,c\"]}\nhouse:\n  doors: [{name: d, until: 2027-01-31}, {name: e}]\n"),
             0);
    conf_print(&conf, out);
    fclose(out);
    CHECK(strstr(printed, "shop:\n  # Is it?\n  open: false # default\n") != NULL);
    CHECK(strstr(printed, "  wait: 90s # file f:2\n") != NULL);
    CHECK(strstr(printed, "  friends: [\"a\", \"b,c\"] # file f:3\n") != NULL);
    CHECK_TEXT(row->key, "shop.wait");

    given_defaults();
    CHECK_EQ(conf_read(&conf, "printed", (struct text){.data = printed, .bytes = (uint32_t)bytes}), 0);
    CHECK_TEXT(values.name, "a \"quoted\\\" one");
    CHECK_EQ(values.wait_ms, 90000);
    CHECK_EQ(values.room_bytes, 5);
    CHECK_EQ(values.friends.count, 2);
    CHECK_EQ(values.doors.count, 2);
    CHECK_EQ(((struct door *)values.doors.item)[0].until_ms, INT64_C(1801353600000));
    CHECK_TEXT(((struct door *)values.doors.item)[1].name, "e");
    free(printed);
}

TEST(closing_twice_is_once)
{
    given_defaults();
    conf_close(&conf);
    conf_close(&conf);
}
