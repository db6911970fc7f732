/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "shards/metrics_table.h"

#include <ctype.h>

static bool
ends_in(const char *name, const char *end)
{
    size_t bytes = strlen(name);

    return bytes >= strlen(end) && strcmp(name + bytes - strlen(end), end) == 0;
}

TEST(names_keep_the_conventions)
{
    for (uint32_t i = 0; i < metrics_table.row_count; i++) {
        const struct metric_row *row = &metrics_table.row[i];

        CHECK(row->name != NULL);
        CHECK_EQ(ends_in(row->name, "_total"), row->kind == METRIC_KIND_COUNTER);
        if (row->unit != METRIC_UNIT_ONE) {
            CHECK(ends_in(row->name, "_seconds") || ends_in(row->name, "_seconds_total"));
        }
        for (const char *c = row->name; *c != '\0'; c++) {
            CHECK(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
        }
        CHECK(strncmp(row->name, "millrace_", 9) != 0);
    }
}

TEST(help_is_a_sentence_on_one_line)
{
    for (uint32_t i = 0; i < metrics_table.row_count; i++) {
        const char *help = metrics_table.row[i].help;

        CHECK(isupper((unsigned char)help[0]));
        CHECK(ends_in(help, "."));
        CHECK(strpbrk(help, "\n\\") == NULL);
    }
}

TEST(rows_of_one_name_stand_together_and_differ_in_labels)
{
    for (uint32_t i = 0; i < metrics_table.row_count; i++) {
        const struct metric_row *row = &metrics_table.row[i];

        for (uint32_t j = i + 1; j < metrics_table.row_count; j++) {
            const struct metric_row *other = &metrics_table.row[j];
            if (strcmp(row->name, other->name) != 0) {
                continue;
            }
            CHECK(strcmp(other->name, metrics_table.row[j - 1].name) == 0);
            CHECK(strcmp(row->labels, other->labels) != 0);
            CHECK(strcmp(row->help, other->help) == 0);
            CHECK_EQ(row->kind, other->kind);
            CHECK_EQ(row->unit, other->unit);
        }
    }
}

TEST(every_status_counts_somewhere)
{
    CHECK_EQ(metrics_ingest_status(200), METRIC_INGEST_REQUESTS_200);
    CHECK_EQ(metrics_ingest_status(507), METRIC_INGEST_REQUESTS_507);
    CHECK_EQ(metrics_ingest_status(418), METRIC_INGEST_REQUESTS_400);
    CHECK_EQ(metrics_ingest_status(500), METRIC_INGEST_REQUESTS_503);
}

TEST(the_table_fits_a_page)
{
    static char text[65536];
    struct metrics_page page = {.data = text, .bytes_max = sizeof(text)};
    struct metrics set;
    const struct metrics *const sets[] = {&set};

    CHECK_EQ(metrics_init(&set, &metrics_table), 0);
    metrics_add(&set, METRIC_MERGES, 3);
    metrics_render(&page, sets, 1);
    CHECK(!page.is_cut);
    CHECK(strstr(text, "\nmillrace_merges_total 3\n") != NULL);
    metrics_deinit(&set);
}
