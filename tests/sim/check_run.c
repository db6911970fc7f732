/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check_run.h"

#include "query/query.h"
#include "tests/sim/log_tap.h"

#include <stdio.h>
#include <stdlib.h>

#define WHY_BYTES 512u
#define ANSWER_BYTES_MAX (32u << 20)
#define PAGES_MAX 400u

struct run {
    struct cluster *cluster;
    struct traffic *traffic;
    struct model *model;
    struct arena_pool arenas;
    char *why;
    uint32_t asked;
};

struct asked {
    bool is_answered;
    bool is_finished;
    enum query_answer_kind kind;
    char *response; /* malloc'd copy */
    uint32_t bytes;
};

static void
answered(void *context, enum query_answer_kind kind, struct text response)
{
    struct asked *asked = context;

    asked->is_answered = true;
    asked->kind = kind;
    asked->bytes = response.bytes;
    asked->response = malloc(response.bytes + 1);
    memcpy(asked->response, response.data, response.bytes);
    asked->response[response.bytes] = '\0';
}

static void
finished(void *context)
{
    ((struct asked *)context)->is_finished = true;
}

/* Asks the node; the answer is the caller's to free. False: it died or gave none. */
static bool
ask(struct run *run, const char *text, const char *variables, struct asked *asked)
{
    struct cluster *cluster = run->cluster;
    struct shard *shard = &cluster->shards[dice_below(&cluster->dice, cluster->shard_count)];
    struct arena arena;
    struct json_tree *tree = NULL;

    *asked = (struct asked){.is_answered = false};
    arena_init(&arena, &run->arenas, ANSWER_BYTES_MAX);
    if (variables != NULL && json_tree_parse(&arena, text_of(variables), &tree) != 0) {
        base_die("ASSERT", "variables are JSON", __FILE__, __LINE__);
    }
    struct query_request request = {
        .shard = shard,
        .arena = &arena,
        .text = text_of(text),
        .variables = tree,
        .principal = principal_open(),
        .now_ms = cluster->clock.wall.ms,
        .answered = answered,
        .finished = finished,
        .context = asked,
    };
    here = shard->id;
    query_start(&request);
    if (!cluster_drain(cluster) || !asked->is_finished || !asked->is_answered) {
        snprintf(run->why, WHY_BYTES, "no answer to %.80s %.120s (%.80s)", text,
                 variables == NULL ? "" : variables, cluster->failure);
        return false;
    }
    run->asked++;
    arena_reset(&arena);
    return true;
}

/* "data":<this> of a response, "null" when there is none. */
static struct text
data_of(const struct asked *asked, struct arena *arena, struct json_tree **out_tree)
{
    static const char key[] = "\"data\":";
    const char *at = strstr(asked->response, key);
    struct text data = TEXT("null");

    if (json_tree_parse(arena, (struct text){.data = asked->response, .bytes = asked->bytes}, out_tree) !=
        0) {
        base_die("ASSERT", "an answer is JSON", __FILE__, __LINE__);
    }
    if (at != NULL) {
        const char *end = asked->response + asked->bytes - 1; /* the closing brace */
        const char *errors = strstr(at, ",\"errors\":[{\"message\":");

        at += sizeof(key) - 1;
        end = errors != NULL ? errors : end;
        data = (struct text){.data = at, .bytes = (uint32_t)(end - at)};
    }
    return data;
}

static uint32_t
error_count(const struct json_tree *response)
{
    const struct json_tree *errors = json_tree_member(response, TEXT("errors"));

    return errors == NULL ? 0 : errors->count;
}

static void
show_difference(struct run *run, const char *shape, const char *variables, struct text want, struct text got)
{
    uint32_t same = 0;

    while (same < want.bytes && same < got.bytes && want.data[same] == got.data[same]) {
        same++;
    }
    uint32_t from = same < 60 ? 0 : same - 60;
    snprintf(run->why, WHY_BYTES, "%s %.100s: at %u want ...%.*s... got ...%.*s...", shape, variables, same,
             (int)(want.bytes - from < 110 ? want.bytes - from : 110), want.data + from,
             (int)(got.bytes > from ? (got.bytes - from < 110 ? got.bytes - from : 110) : 0),
             got.data + from);
}

/* One query, node against model. out_end: the endCursor of `list`, malloc'd, or NULL. */
static bool
compare(struct run *run, enum model_shape shape, struct model_variables *variables, const char *list,
        char **out_end, bool *out_more)
{
    char *text = model_query_variables(shape, variables);
    struct model_answer expected;
    struct asked asked;
    struct arena arena;
    struct json_tree *tree = NULL;
    bool is_good;

    if (!ask(run, model_query(shape), text, &asked)) {
        free(text);
        return false;
    }
    arena_init(&arena, &run->arenas, ANSWER_BYTES_MAX);
    struct text got = data_of(&asked, &arena, &tree);
    if (list != NULL) {
        const struct json_tree *connection =
            json_tree_member(json_tree_member(tree, TEXT("data")), text_of(list));
        const struct json_tree *page =
            connection == NULL ? NULL : json_tree_member(connection, TEXT("pageInfo"));
        const struct json_tree *end = page == NULL ? NULL : json_tree_member(page, TEXT("endCursor"));
        const struct json_tree *more = page == NULL ? NULL : json_tree_member(page, TEXT("hasNextPage"));

        *out_more = more != NULL && more->kind == JSON_TRUE;
        *out_end = end != NULL && end->kind == JSON_STRING ? strndup(end->text.data, end->text.bytes) : NULL;
        variables->end_cursor = text_of(*out_end);
    }
    expected = model_answer(run->model, shape, variables);
    is_good = text_equal(text_of(expected.data), got) && expected.error_count == error_count(tree);
    if (!is_good) {
        char name[32];

        snprintf(name, sizeof(name), "shape %d, %u errors", (int)shape, error_count(tree));
        show_difference(run, name, text, text_of(expected.data), got);
    }
    model_answer_free(&expected);
    arena_reset(&arena);
    free(asked.response);
    free(text);
    return is_good;
}

static bool
compare_list(struct run *run, enum model_shape shape, struct model_variables variables, const char *list)
{
    char *after = NULL;
    bool is_good = true;

    variables.skip = 0;
    for (uint32_t page = 0; page < PAGES_MAX && is_good; page++) {
        char *end = NULL;
        bool has_more = false;

        variables.after = text_of(after);
        is_good = compare(run, shape, &variables, list, &end, &has_more);
        variables.skip += variables.first;
        free(after);
        after = end;
        if (!has_more) {
            break;
        }
    }
    free(after);
    return is_good;
}

static void
take_census(struct census *census, const struct event_record *event)
{
    struct text id = event_text(event, EVENT_EVENT_ID);
    uint64_t number = strtoull(id.data + 1, NULL, 10);

    ASSERT(number < census->count);
    struct census_row *row = &census->rows[number];
    /* After a day, and when its tenant has had 256 newer ones, an ID may come again. */
    bool is_again = row->times > 0 && event->received_at.ms - row->received_at.ms <= MS_PER_DAY;
    row->times = (uint8_t)(is_again ? 2 : 1);
    row->received_at = event->received_at;
}

static void
begin_census(struct census *census, const struct traffic *traffic)
{
    census->rows = realloc(census->rows, (traffic->sent + 1) * sizeof(*census->rows));
    census->count = traffic->sent;
    memset(census->rows, 0, (traffic->sent + 1) * sizeof(*census->rows));
    census->log_hash = 0;
}

/* Counts every event of the log, and shows everything to the model when there is one. */
static void
feed(struct cluster *cluster, struct model *model, const struct log_tap *tap, struct census *census)
{
    uint32_t partition_count = cluster->node.partition_count;

    for (uint32_t b = 0; b < tap->count; b++) {
        const struct log_block_header *header = tap->blocks[b].header;
        uint32_t stream_count = log_tap_stream_count(tap, header->epoch);
        const struct log_section *section;
        const uint8_t *records;
        uint32_t cursor = 0;

        census->log_hash = log_tap_hash(census->log_hash, header);
        for (uint32_t p = header->stream; model != NULL && p < partition_count; p += stream_count) {
            model_see(model, p, header->wall_ms);
        }
        while (log_block_next_section(header, &cursor, &section, &records)) {
            for (uint32_t i = 0; i < section->count; i++) {
                const struct record_header *record = (const void *)records;

                if (model != NULL) {
                    model_apply(model, section->partition, section->first_position + i, record,
                                header->wall_ms);
                }
                if (record->kind == RECORD_EVENT) {
                    take_census(census, (const void *)record);
                }
                records += record->bytes;
            }
        }
    }
}

static bool
read_log(struct cluster *cluster, struct log_tap *tap, char *out_why)
{
    log_tap_read(tap, cluster->disk, &cluster->archive);
    if (tap->problem[0] != '\0') {
        snprintf(out_why, WHY_BYTES, "log: %s", tap->problem);
        log_tap_free(tap);
        return false;
    }
    return true;
}

bool
check_log(struct cluster *cluster, struct traffic *traffic, struct census *census, char *out_why)
{
    struct log_tap tap;

    if (!read_log(cluster, &tap, out_why)) {
        return false;
    }
    begin_census(census, traffic);
    feed(cluster, NULL, &tap, census);
    log_tap_free(&tap);
    return true;
}

/* Every order, page by page; and with filters. */
static bool
check_profiles(struct run *run, struct text tenant)
{
    struct dice *dice = &run->cluster->dice;
    int64_t now = run->cluster->clock.wall.ms;

    for (uint32_t order = 0; order < MODEL_ORDER_COUNT; order++) {
        struct model_variables variables = {.tenant_id = tenant,
                                            .now_ms = now,
                                            .order = (enum model_order)order,
                                            .first = 1 + dice_below(dice, 30)};

        if (!compare_list(run, MODEL_PROFILES, variables, "profiles")) {
            return false;
        }
        variables.identified = (enum model_maybe)dice_below(dice, 3);
        variables.country = dice_chance(dice, 30) ? TEXT("DE") : (struct text){0};
        variables.device_type = dice_chance(dice, 30) ? TEXT("mobile") : (struct text){0};
        variables.has_from = dice_chance(dice, 50);
        variables.from_ms = now - (int64_t)(dice_roll(dice) % (uint64_t)(10 * MS_PER_DAY));
        variables.has_to = dice_chance(dice, 50);
        variables.to_ms = now - (int64_t)(dice_roll(dice) % (uint64_t)(2 * MS_PER_DAY));
        if (!compare_list(run, MODEL_PROFILES, variables, "profiles")) {
            return false;
        }
    }
    return true;
}

static bool
check_tenant(struct run *run, struct text tenant)
{
    struct dice *dice = &run->cluster->dice;
    struct model_variables base = {.tenant_id = tenant, .now_ms = run->cluster->clock.wall.ms, .first = 25};
    struct model_variables variables = base;
    char buffer[32];
    int64_t now = run->cluster->clock.wall.ms;

    if (!compare(run, MODEL_TENANT, &variables, NULL, NULL, NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < run->traffic->person_count * 2; i++) {
        variables = base;
        if (i % 2 == 0) {
            snprintf(buffer, sizeof(buffer), "u%u", i / 2);
            variables.user_id = text_of(buffer);
        } else {
            snprintf(buffer, sizeof(buffer), "a%u", i / 2);
            variables.anonymous_id = text_of(buffer);
        }
        if (dice_chance(dice, 40)) {
            variables.has_as_of = true;
            variables.as_of_ms = now - (int64_t)(dice_roll(dice) % (uint64_t)(100 * MS_PER_DAY));
        }
        if (!compare(run, MODEL_PROFILE, &variables, NULL, NULL, NULL)) {
            return false;
        }
    }

    variables = base;
    variables.first = 1 + dice_below(dice, 300);
    if (!compare_list(run, MODEL_EVENTS, variables, "events") ||
        !compare_list(run, MODEL_SESSIONS, variables, "sessions") ||
        !compare_list(run, MODEL_MERGES, variables, "merges")) {
        return false;
    }
    if (!check_profiles(run, tenant)) {
        return false;
    }
    variables.late = MODEL_YES;
    variables.open = MODEL_YES;
    variables.country = TEXT("DE");
    variables.has_from = true;
    variables.from_ms = now - 2 * MS_PER_DAY;
    if (!compare_list(run, MODEL_EVENTS, variables, "events") ||
        !compare_list(run, MODEL_SESSIONS, variables, "sessions")) {
        return false;
    }
    for (uint32_t i = 0; i < 3 && run->traffic->sent > 0; i++) {
        uint64_t number = dice_roll(dice) % run->traffic->sent;

        variables = base;
        variables.event_id = traffic_event_id(number, buffer);
        if (!compare(run, MODEL_EVENT, &variables, NULL, NULL, NULL)) {
            return false;
        }
    }
    return true;
}

static bool
check_roll_ups(struct run *run, struct text tenant)
{
    struct dice *dice = &run->cluster->dice;
    int64_t now = run->cluster->clock.wall.ms;

    for (uint32_t i = 0; i < 8; i++) {
        int64_t range =
            (int64_t[]){3600000, 20 * 3600000, 5 * MS_PER_DAY, 130 * MS_PER_DAY}[dice_below(dice, 4)];
        struct model_where where[3];
        struct model_variables variables = {
            .tenant_id = tenant,
            .now_ms = now,
            .has_from = true,
            .has_to = true,
            .to_ms = now + 60000 - (int64_t)dice_below(dice, 3) * 3600000,
            .metric = (enum model_metric)dice_below(dice, MODEL_METRIC_COUNT),
            .by = (enum model_by)dice_below(dice, MODEL_BY_COUNT),
            .first = 1 + dice_below(dice, 20),
            .interval = range <= 20 * 3600000 ? (enum model_interval)dice_below(dice, 2)
                                              : (range > 10 * MS_PER_DAY ? MODEL_DAY : MODEL_HOUR),
        };

        variables.from_ms = variables.to_ms - range;
        if (dice_chance(dice, 40)) {
            variables.where = where;
            variables.where_count = 1 + dice_below(dice, 3);
            for (uint32_t w = 0; w < variables.where_count; w++) {
                static const char *const values[] = {"DE",      "FR", "mobile", "Chrome",  "page_view",
                                                     "(other)", "",   "Linux",  "/page/1", "never seen"};

                where[w].by = (enum model_by)dice_below(dice, MODEL_BY_COUNT);
                where[w].equals = text_of(values[dice_below(dice, COUNT_OF(values))]);
            }
        }
        if (!compare(run, MODEL_SUMMARY, &variables, NULL, NULL, NULL) ||
            !compare(run, MODEL_BREAKDOWN, &variables, NULL, NULL, NULL) ||
            !compare(run, MODEL_TIME_SERIES, &variables, NULL, NULL, NULL) ||
            !compare(run, MODEL_TIME_SERIES_BY, &variables, NULL, NULL, NULL)) {
            return false;
        }
    }
    return true;
}

bool
check_run(struct cluster *cluster, struct traffic *traffic, struct census *census, char *out_why)
{
    struct run run = {.cluster = cluster, .traffic = traffic, .why = out_why};
    struct log_tap tap;
    struct model_variables none = {.now_ms = cluster->clock.wall.ms};
    bool is_good;

    /* No time passes from now on, but a look at the clock may take some: what is due within one, a block with the wall
       clock say, comes before the log is read, and not between two answers. */
    cluster->is_frozen = true;
    if (!cluster_drain(cluster)) {
        snprintf(out_why, WHY_BYTES, "before the check: %s", cluster->failure);
        cluster->is_frozen = false;
        return false;
    }
    if (!read_log(cluster, &tap, out_why)) {
        cluster->is_frozen = false;
        return false;
    }
    arena_pool_init(&run.arenas, 1u << 20);
    run.model = model_create(cluster->node.partition_count);
    model_dictionary_values_max(run.model, cluster->node.dictionary_day_count_max);
    begin_census(census, traffic);
    feed(cluster, run.model, &tap, census);

    is_good = compare(&run, MODEL_TENANTS, &none, NULL, NULL, NULL);
    for (uint32_t t = 0; is_good && t < TRAFFIC_TENANT_COUNT; t++) {
        is_good = check_tenant(&run, traffic_tenant(t)) && check_roll_ups(&run, traffic_tenant(t));
    }
    model_destroy(run.model);
    log_tap_free(&tap);
    arena_pool_deinit(&run.arenas);
    cluster->is_frozen = false;
    return is_good;
}
