/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/metrics.h"

#include <pthread.h>
#include <stdlib.h>

enum { APPLES_RED, APPLES_GREEN, BASKETS, SPACE, WAIT, AGE, ROW_COUNT };

static const struct metric_row rows[] = {
    [APPLES_RED] = {"apples_total", "color=\"red\"", "Apples.", METRIC_KIND_COUNTER, METRIC_UNIT_ONE},
    [APPLES_GREEN] = {"apples_total", "color=\"green\"", "Apples.", METRIC_KIND_COUNTER, METRIC_UNIT_ONE},
    [BASKETS] = {"baskets", "", "Baskets.", METRIC_KIND_GAUGE, METRIC_UNIT_ONE},
    [SPACE] = {"space_seconds", "", "Space.", METRIC_KIND_GAUGE_LEAST, METRIC_UNIT_MS},
    [WAIT] = {"wait_seconds", "kind=\"long\"", "Wait.", METRIC_KIND_HISTOGRAM, METRIC_UNIT_NS},
    [AGE] = {"age_bytes", "", "Age.", METRIC_KIND_HISTOGRAM, METRIC_UNIT_ONE},
};
static const struct metric_table table = {.row = rows, .row_count = ROW_COUNT};

static struct metrics set[2];
static const struct metrics *const sets[] = {&set[0], &set[1]};
static char text[65536];

static void
given_two_sets(void)
{
    CHECK_EQ(metrics_init(&set[0], &table), 0);
    CHECK_EQ(metrics_init(&set[1], &table), 0);
}

static void
then_no_more_sets(void)
{
    metrics_deinit(&set[0]);
    metrics_deinit(&set[1]);
    metrics_deinit(&set[1]);
}

static struct metrics_page
rendered(uint64_t bytes_max)
{
    struct metrics_page page = {.data = text, .bytes_max = bytes_max};

    metrics_render(&page, sets, 2);
    return page;
}

TEST(a_histogram_is_not_asked_of_a_counter)
{
    given_two_sets();
    CHECK_DIES(metrics_observe(&set[0], APPLES_RED, 1));
    CHECK_DIES(metrics_observe(&set[0], ROW_COUNT, 1));
    then_no_more_sets();
}

TEST(a_page_too_small_says_so_at_every_size)
{
    uint64_t bytes;

    given_two_sets();
    bytes = rendered(sizeof(text)).bytes;
    for (uint64_t bytes_max = 1; bytes_max <= bytes; bytes_max += 13) {
        CHECK(rendered(bytes_max).is_cut);
    }
    CHECK(rendered(bytes).is_cut); /* vsnprintf wants room for its NUL */
    CHECK(!rendered(bytes + 1).is_cut);
    then_no_more_sets();
}

TEST(sets_are_summed)
{
    given_two_sets();
    metrics_add(&set[0], APPLES_RED, 2);
    metrics_add(&set[1], APPLES_RED, 3);
    metrics_add(&set[1], BASKETS, 1);
    metrics_sub(&set[0], BASKETS, 3);
    metrics_set(&set[0], SPACE, 90500);
    CHECK_EQ(metrics_value(sets, 2, APPLES_RED), 5);

    CHECK(!rendered(sizeof(text)).is_cut);
    CHECK(strstr(text,
                 "# HELP millrace_apples_total Apples.\n# TYPE millrace_apples_total counter\n"
                 "millrace_apples_total{color=\"red\"} 5\nmillrace_apples_total{color=\"green\"} 0\n"
                 "# HELP millrace_baskets Baskets.\n# TYPE millrace_baskets gauge\nmillrace_baskets -2\n"
                 "# HELP millrace_space_seconds Space.\n# TYPE millrace_space_seconds gauge\n"
                 "millrace_space_seconds 90.500\n") == text);
    then_no_more_sets();
}

TEST(the_least_counts_those_that_were_set)
{
    given_two_sets();
    CHECK_EQ(metrics_value(sets, 2, SPACE), 0);
    metrics_set(&set[1], SPACE, 7);
    CHECK_EQ(metrics_value(sets, 2, SPACE), 7);
    metrics_set(&set[0], SPACE, 3);
    CHECK_EQ(metrics_value(sets, 2, SPACE), 3);
    then_no_more_sets();
}

TEST(a_bucket_holds_its_end_and_not_one_more)
{
    given_two_sets();
    metrics_observe(&set[0], WAIT, 0);
    metrics_observe(&set[0], WAIT, 1024);
    metrics_observe(&set[0], WAIT, 1025);
    metrics_observe(&set[1], WAIT, 2048);
    metrics_observe(&set[1], WAIT, 2049);
    metrics_observe(&set[1], WAIT, UINT64_C(1) << 36);
    metrics_observe(&set[1], WAIT, (UINT64_C(1) << 36) + 1);

    CHECK(!rendered(sizeof(text)).is_cut);
    CHECK(strstr(text, "millrace_wait_seconds_bucket{kind=\"long\",le=\"0.000001024\"} 2\n"
                       "millrace_wait_seconds_bucket{kind=\"long\",le=\"0.000002048\"} 4\n"
                       "millrace_wait_seconds_bucket{kind=\"long\",le=\"0.000004096\"} 5\n") != NULL);
    CHECK(strstr(text, "millrace_wait_seconds_bucket{kind=\"long\",le=\"68.719476736\"} 6\n"
                       "millrace_wait_seconds_bucket{kind=\"long\",le=\"+Inf\"} 7\n"
                       "millrace_wait_seconds_sum{kind=\"long\"} 137.438959619\n"
                       "millrace_wait_seconds_count{kind=\"long\"} 7\n") != NULL);
    CHECK(strstr(text, "millrace_age_bytes_sum 0\nmillrace_age_bytes_count 0\n") != NULL);
    then_no_more_sets();
}

TEST(a_quantile_is_at_most_a_quarter_too_high)
{
    for (uint64_t value = 1025; value < UINT64_C(1) << 36; value += value / 7) {
        uint64_t told;

        given_two_sets();
        metrics_observe(&set[0], WAIT, value);
        told = metrics_quantile(sets, 2, WAIT, 990);
        CHECK(told >= value);
        CHECK(told <= value + value / 4);
        then_no_more_sets();
    }
}

TEST(quantiles_of_nothing_of_all_and_beyond)
{
    given_two_sets();
    CHECK_EQ(metrics_quantile(sets, 2, WAIT, 500), 0);
    for (int i = 0; i < 99; i++) {
        metrics_observe(&set[i % 2], WAIT, 1000);
    }
    metrics_observe(&set[0], WAIT, UINT64_MAX);
    CHECK_EQ(metrics_observed_count(sets, 2, WAIT), 100);
    CHECK_EQ(metrics_quantile(sets, 2, WAIT, 0), 1024);
    CHECK_EQ(metrics_quantile(sets, 2, WAIT, 990), 1024);
    CHECK_EQ(metrics_quantile(sets, 2, WAIT, 991), UINT64_MAX);
    CHECK_EQ(metrics_quantile(sets, 2, WAIT, 1000), UINT64_MAX);
    then_no_more_sets();
}

TEST(the_process_tells_of_itself)
{
    struct metrics_page page = {.data = text, .bytes_max = sizeof(text)};
    const char *found;

    metrics_render_process(&page);
    metrics_render_build(&page, "1.2.3", "abc", "epoll");
    CHECK(!page.is_cut);

    found = strstr(text, "\nprocess_resident_memory_bytes ");
    CHECK(found != NULL && strtoull(found + 31, NULL, 10) > 100000);
    found = strstr(text, "\nprocess_open_fds ");
    CHECK(found != NULL && strtoull(found + 18, NULL, 10) >= 3 && strtoull(found + 18, NULL, 10) < 1000);
    found = strstr(text, "\nprocess_start_time_seconds ");
    CHECK(found != NULL && strtoull(found + 28, NULL, 10) > 1700000000);
    CHECK(strstr(text, "\nprocess_cpu_seconds_total ") != NULL);
    CHECK(strstr(text, "\nmillrace_build_info{version=\"1.2.3\",commit=\"abc\",io=\"epoll\"} 1\n") != NULL);
}

static void *
count_to_100000(void *metrics)
{
    for (uint64_t i = 0; i < 100000; i++) {
        metrics_add(metrics, APPLES_RED, 1);
        metrics_observe(metrics, WAIT, i);
    }
    return NULL;
}

TEST(a_reader_may_look_while_writers_count)
{
    pthread_t writers[2];

    given_two_sets();
    CHECK_EQ(pthread_create(&writers[0], NULL, count_to_100000, &set[0]), 0);
    CHECK_EQ(pthread_create(&writers[1], NULL, count_to_100000, &set[1]), 0);
    for (int i = 0; i < 20; i++) {
        CHECK(!rendered(sizeof(text)).is_cut);
    }
    CHECK_EQ(pthread_join(writers[0], NULL), 0);
    CHECK_EQ(pthread_join(writers[1], NULL), 0);
    CHECK_EQ(metrics_value(sets, 2, APPLES_RED), 200000);
    CHECK_EQ(metrics_observed_count(sets, 2, WAIT), 200000);
    then_no_more_sets();
}
