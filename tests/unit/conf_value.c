/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/conf_value.h"

#include <stdlib.h>

static const struct conf_table nothing = {.row = NULL, .row_count = 0, .environment_prefix = "APP_"};
static struct conf conf;

static const struct conf_row until = {.key = "until", .type = CONF_TIME};
static const struct conf_row names = {.key = "names", .type = CONF_TEXTS};

static void
given_a_conf(void)
{
    conf_close(&conf);
    conf_open(&conf, &nothing, &conf);
}

TEST(what_is_no_time_is_refused)
{
    static const char *const bad[] = {"",           "soon",       "2027",       "2027-13-01",
                                      "2027-02-30", "2027-1-1",   "01.02.2027", "2027-01-01T00:00:00",
                                      "Never",      "1801353600", "2027-01-01 "};
    int64_t time;

    given_a_conf();
    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_EQ(conf_value_set(&conf, "f:1", &until, text_of(bad[i]), &time), CONF_REFUSED);
        CHECK(strstr(conf.problem, "f:1: until: \"") == conf.problem);
    }
}

TEST(a_time_is_a_day_or_a_moment_or_never)
{
    int64_t time = 0;

    given_a_conf();
    CHECK_EQ(conf_value_set(&conf, "f", &until, TEXT("2027-01-31"), &time), 0);
    CHECK_EQ(time, INT64_C(1801353600000));
    CHECK_EQ(conf_value_set(&conf, "f", &until, TEXT("2027-01-31T01:00:00.5+01:00"), &time), 0);
    CHECK_EQ(time, INT64_C(1801353600500));
    CHECK_EQ(conf_value_set(&conf, "f", &until, TEXT("never"), &time), 0);
    CHECK_EQ(time, CONF_NEVER);
}

TEST(a_list_has_its_limit_and_not_one_more)
{
    struct conf_texts texts = {.count = 0};

    given_a_conf();
    for (uint32_t i = 0; i < CONF_ITEM_COUNT_MAX; i++) {
        CHECK_EQ(conf_value_add(&conf, "f", &names, TEXT("a"), &texts), 0);
    }
    CHECK_EQ(conf_value_add(&conf, "f", &names, TEXT("b"), &texts), CONF_REFUSED);
    CHECK_TEXT(conf.problem, "f: names: more than 4096 items");
    CHECK_EQ(texts.count, CONF_ITEM_COUNT_MAX);
    CHECK_TEXT(texts.item[texts.count - 1], "a");
}

TEST(what_is_printed_reads_back)
{
    static const int64_t times[] = {0, INT64_C(1801353600500), CONF_NEVER};

    for (uint32_t i = 0; i < COUNT_OF(times); i++) {
        char *printed = NULL;
        size_t bytes = 0;
        FILE *out = open_memstream(&printed, &bytes);
        int64_t time = -1;

        given_a_conf();
        conf_value_print(&until, &times[i], out);
        fclose(out);
        CHECK_EQ(conf_value_set(&conf, "f", &until, text_of(printed), &time), 0);
        CHECK_EQ(time, times[i]);
        free(printed);
    }
}
