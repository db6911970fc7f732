/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/pager.h"

#include "query/query.h"
#include "tests/sim/traffic.h"

#include <stdio.h>
#include <stdlib.h>

#define WHY_BYTES 512u
#define FIRST_MAX 1000u
#define FIRST_DICE 40u
#define CURSOR_BYTES (sizeof(((struct pager *)NULL)->cursor))

/*
 * A value that only grows or only shrinks is the same at the end only if it never changed. The number of sessions
 * goes both ways, so there it is only asked that nobody comes twice.
 */
static const struct list {
    const char *field;
    const char *arguments;
    bool is_one_way;
} lists[] = {
    {"events", "", true},
    {"sessions", "", true},
    {"merges", "", true},
    {"profiles", "orderBy:LAST_SEEN_DESC", true},
    {"profiles", "orderBy:FIRST_SEEN_DESC", true},
    {"profiles", "orderBy:TOTAL_EVENTS_DESC", true},
    {"profiles", "orderBy:TOTAL_SESSIONS_DESC", false},
};

static const char *
place_at(const struct pager_places *places, uint32_t index)
{
    return &places->texts[index * CURSOR_BYTES];
}

static void
add_place(struct pager_places *places, struct text cursor)
{
    ASSERT(cursor.bytes < CURSOR_BYTES);
    if (places->count == places->count_max) {
        places->count_max = places->count_max * 2 + 64;
        places->texts = realloc(places->texts, places->count_max * CURSOR_BYTES);
        ASSERT(places->texts != NULL);
    }
    memset(&places->texts[places->count * CURSOR_BYTES], 0, CURSOR_BYTES);
    memcpy(&places->texts[places->count * CURSOR_BYTES], cursor.data, cursor.bytes);
    places->count++;
}

static uint32_t
count_place(const struct pager_places *places, const char *cursor)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < places->count; i++) {
        count += strcmp(place_at(places, i), cursor) == 0;
    }
    return count;
}

static void
complain(struct pager *pager, const char *what, const char *detail)
{
    if (pager->why[0] == '\0') {
        snprintf(pager->why, WHY_BYTES, "paging %s %s of t%u by %u: %s: %.300s", lists[pager->list].field,
                 lists[pager->list].arguments, pager->tenant, pager->first, what, detail);
    }
}

static void
begin_list(struct pager *pager)
{
    struct dice *dice = &pager->cluster->dice;

    pager->stage = PAGER_BEFORE;
    pager->list = dice_below(dice, COUNT_OF(lists));
    pager->tenant = dice_below(dice, TRAFFIC_TENANT_COUNT);
    pager->first = 1 + dice_below(dice, FIRST_DICE);
    pager->cursor[0] = '\0';
    pager->before.count = 0;
    pager->pages.count = 0;
}

void
pager_init(struct pager *pager, struct cluster *cluster, struct arena_pool *arenas, char *why)
{
    *pager = (struct pager){.cluster = cluster, .why = why, .arenas = arenas};
    arena_init(&pager->arena, arenas, 0);
    begin_list(pager);
}

void
pager_deinit(struct pager *pager)
{
    pager_forget(pager);
    free(pager->before.texts);
    free(pager->pages.texts);
    pager->before.texts = NULL;
    pager->pages.texts = NULL;
}

/* The list was read once more: what has its place still was on one page. */
static void
check_list(struct pager *pager, const struct pager_places *after)
{
    for (uint32_t i = 0; i < pager->before.count; i++) {
        const char *cursor = place_at(&pager->before, i);

        if (lists[pager->list].is_one_way && count_place(after, cursor) > 0 &&
            count_place(&pager->pages, cursor) != 1) {
            complain(pager, "missed", cursor);
        }
    }
    for (uint32_t i = 0; i < pager->pages.count; i++) {
        if (count_place(&pager->pages, place_at(&pager->pages, i)) != 1) {
            complain(pager, "told twice", place_at(&pager->pages, i));
        }
    }
    pager->lists_read++;
}

static void
take_edges(struct pager_places *places, const struct json_tree *edges)
{
    for (const struct json_tree *edge = edges->children; edge != NULL; edge = edge->next) {
        add_place(places, json_tree_member(edge, TEXT("cursor"))->text);
    }
}

static void
take_list(struct pager *pager, const struct json_tree *list)
{
    const struct json_tree *edges = json_tree_member(list, TEXT("edges"));
    const struct json_tree *page = json_tree_member(list, TEXT("pageInfo"));
    const struct json_tree *end = json_tree_member(page, TEXT("endCursor"));
    bool has_more = json_tree_member(page, TEXT("hasNextPage"))->kind == JSON_TRUE;
    struct pager_places after = {0};

    switch (pager->stage) {
    case PAGER_BEFORE:
        take_edges(&pager->before, edges);
        if (has_more) { /* too long for this */
            begin_list(pager);
        } else {
            pager->stage = PAGER_PAGES;
        }
        return;
    case PAGER_PAGES:
        take_edges(&pager->pages, edges);
        if (edges->count > pager->first || (has_more && edges->count != pager->first)) {
            complain(pager, "a page of another size", "");
        }
        if (!has_more) {
            pager->stage = PAGER_AFTER;
            return;
        }
        snprintf(pager->cursor, CURSOR_BYTES, "%.*s", (int)end->text.bytes, end->text.data);
        if (strcmp(pager->cursor, place_at(&pager->pages, pager->pages.count - 1)) != 0) {
            complain(pager, "endCursor is not the last edge's", pager->cursor);
        }
        return;
    case PAGER_AFTER:
        take_edges(&after, edges);
        check_list(pager, &after);
        free(after.texts);
        begin_list(pager);
        return;
    }
}

static void
answered(void *context, enum query_answer_kind kind, struct text response)
{
    struct pager *pager = context;
    struct json_tree *tree = NULL;
    struct arena arena;

    if (kind == QUERY_DEADLINE) {
        return; /* once more */
    }
    arena_init(&arena, pager->arenas, 0);
    if (json_tree_parse(&arena, response, &tree) != 0) {
        base_die("ASSERT", "an answer is JSON", __FILE__, __LINE__);
    }
    if (json_tree_member(tree, TEXT("errors")) == NULL) {
        take_list(pager, json_tree_member(json_tree_member(tree, TEXT("data")), TEXT("list")));
    } else if (memmem(response.data, response.bytes, "\"UNAVAILABLE\"", 13) == NULL) {
        char text[256];

        snprintf(text, sizeof(text), "%.*s", (int)(response.bytes < 250 ? response.bytes : 250),
                 response.data);
        complain(pager, "refused", text);
    }
    arena_reset(&arena);
}

static void
finished(void *context)
{
    ((struct pager *)context)->is_asking = false;
}

void
pager_act(struct pager *pager)
{
    struct cluster *cluster = pager->cluster;
    char text[512];
    char after[96] = "";

    if (pager->is_asking) {
        return;
    }
    struct shard *shard = &cluster->shards[dice_below(&cluster->dice, cluster->shard_count)];

    if (pager->stage == PAGER_PAGES && pager->cursor[0] != '\0') {
        snprintf(after, sizeof(after), "after:\"%s\"", pager->cursor);
    }
    snprintf(text, sizeof(text),
             "{list:%s(tenantId:\"t%u\" first:%u %s %s){edges{cursor node{tenantId}} "
             "pageInfo{hasNextPage endCursor}}}",
             lists[pager->list].field, pager->tenant, pager->stage == PAGER_PAGES ? pager->first : FIRST_MAX,
             after, lists[pager->list].arguments);
    pager->is_asking = true;
    arena_reset(&pager->arena);
    arena_init(&pager->arena, pager->arenas, 0);
    struct query_request request = {
        .shard = shard,
        .arena = &pager->arena,
        .text = arena_text(&pager->arena, text_of(text)),
        .principal = principal_open(),
        .now_ms = cluster->clock.wall.ms,
        .answered = answered,
        .finished = finished,
        .context = pager,
    };
    here = shard->id;
    query_start(&request);
}

void
pager_forget(struct pager *pager)
{
    pager->is_asking = false;
    arena_reset(&pager->arena);
}
