/* SPDX-License-Identifier: Apache-2.0 */

#include "shards/metrics_table.h"

#include <assert.h>

static_assert(METRIC_COUNT <= METRIC_ROW_COUNT_MAX, "a set has room for every row");

/* clang-format off: one row is one expression. */
static const struct metric_row rows[] = {
#define METRIC(id, row_name, row_kind, row_unit, row_labels, row_help) \
    [METRIC_##id] = {.name = (row_name), \
                     .labels = (row_labels), \
                     .help = (row_help), \
                     .kind = METRIC_KIND_##row_kind, \
                     .unit = METRIC_UNIT_##row_unit},
#include "shards/metrics.def"
#undef METRIC
};
/* clang-format on */

const struct metric_table metrics_table = {.row = rows, .row_count = COUNT_OF(rows)};

enum metric
metrics_ingest_status(int status)
{
    switch (status) {
    case 200:
        return METRIC_INGEST_REQUESTS_200;
    case 401:
        return METRIC_INGEST_REQUESTS_401;
    case 403:
        return METRIC_INGEST_REQUESTS_403;
    case 413:
        return METRIC_INGEST_REQUESTS_413;
    case 429:
        return METRIC_INGEST_REQUESTS_429;
    case 507:
        return METRIC_INGEST_REQUESTS_507;
    default:
        return status < 500 ? METRIC_INGEST_REQUESTS_400 : METRIC_INGEST_REQUESTS_503;
    }
}
