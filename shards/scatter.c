/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/scatter.h"

#include "shards/shard.h"

bool
scatter_begin(struct scatter *scatter, struct shard *shard, struct arena *arena,
              void (*done)(struct scatter *scatter), void *context)
{
    *scatter = (struct scatter){.shard = shard, .arena = arena, .done = done, .context = context};
    scatter->open = arena_take_zero(arena, 2 * shard->node->shard_count * sizeof(scatter->open[0]));
    return scatter->open != NULL;
}

static bool
is_to_partition(const struct question *question)
{
    return question->kind < QUESTION_PROFILE;
}

bool
scatter_add(struct scatter *scatter, struct question *question)
{
    const struct node *node = scatter->shard->node;
    bool is_first_half = is_to_partition(question);
    uint16_t to = is_first_half ? node_partition_owner(node, question->target)
                                : node_slice_owner(node, question->target);
    struct subquery **open = &scatter->open[is_first_half ? to : node->shard_count + to];
    struct subquery *subquery = *open;

    if (subquery == NULL) {
        subquery = arena_take_zero(scatter->arena, sizeof(*subquery));
        if (subquery == NULL) {
            return false;
        }
        *subquery = (struct subquery){
            .scatter = scatter,
            .next = scatter->subqueries,
            .from = scatter->shard->id.n,
            .to = to,
        };
        scatter->subqueries = subquery;
        *open = subquery;
    }
    question->subquery = subquery;
    question->sibling = NULL;
    question->fault = 0;
    question->arena = (struct arena){.pool = NULL};
    memset(question->resume, 0, sizeof(question->resume));
    question->resume_pointer = NULL;
    if (subquery->last != NULL) {
        subquery->last->sibling = question;
    } else {
        subquery->first = question;
    }
    subquery->last = question;
    subquery->unanswered++;
    return true;
}

/* Sends what may be sent to one shard. */
static void
send_unsent(struct shard *shard, uint16_t to)
{
    while (shard->first_unsent[to] != NULL && shard->messages_out[to] < SCATTER_MESSAGES_MAX) {
        struct subquery *subquery = shard->first_unsent[to];
        struct message *message =
            (void *)lane_claim(mesh_lane(&shard->node->mesh, STAGE_QUERY, shard->id.n, to));

        if (message == NULL) {
            return; /* full of memory going back: the next turn tries again */
        }
        shard->first_unsent[to] = subquery->next_out;
        if (shard->first_unsent[to] == NULL) {
            shard->last_unsent[to] = NULL;
        }
        shard->messages_out[to]++;
        *message = (struct message){.kind = MESSAGE_ASK, .from = shard->id.n, .payload = subquery};
    }
}

static void
send_released(struct shard *shard, uint16_t to)
{
    struct message *message;

    if (shard->to_release[to].chunk == NULL) {
        return;
    }
    message = (void *)lane_claim(mesh_lane(&shard->node->mesh, STAGE_QUERY, shard->id.n, to));
    if (message != NULL) {
        *message = (struct message){.kind = MESSAGE_RELEASE, .from = shard->id.n};
        message->payload = arena_detach(&shard->to_release[to], &message->bytes);
    }
}

void
scatter_flush(struct shard *shard)
{
    for (uint16_t to = 0; to < shard->node->shard_count; to++) {
        send_released(shard, to);
        send_unsent(shard, to);
    }
}

bool
scatter_is_flushed(const struct shard *shard)
{
    for (uint16_t to = 0; to < shard->node->shard_count; to++) {
        if (shard->to_release[to].chunk != NULL || shard->first_unsent[to] != NULL) {
            return false;
        }
    }
    return true;
}

uint32_t
scatter_go(struct scatter *scatter)
{
    struct shard *shard = scatter->shard;
    uint32_t sent = 0;

    REQUIRE_HERE(shard->id);
    for (uint32_t i = 0; i < 2 * shard->node->shard_count; i++) {
        struct subquery *subquery = scatter->open[i];
        uint16_t to;

        if (subquery == NULL) {
            continue;
        }
        to = subquery->to;
        scatter->open[i] = NULL;
        scatter->outstanding++;
        sent++;
        subquery->next_out = NULL;
        if (shard->last_unsent[to] != NULL) {
            shard->last_unsent[to]->next_out = subquery;
        } else {
            shard->first_unsent[to] = subquery;
        }
        shard->last_unsent[to] = subquery;
        send_unsent(shard, to);
    }
    shard->queries_out += sent;
    return sent;
}

void
scatter_answered(struct subquery *subquery)
{
    struct scatter *scatter = subquery->scatter;
    struct shard *shard = scatter->shard;

    shard->messages_out[subquery->to]--;
    shard->queries_out--;
    subquery->is_answered = true;
    if (--scatter->outstanding == 0) {
        scatter->done(scatter);
    }
}

void
scatter_abandon(struct scatter *scatter)
{
    atomic_store_explicit(&scatter->is_unwanted, true, memory_order_relaxed);
}

void
scatter_open_answer(struct question *question, struct arena_pool *pool)
{
    struct subquery *subquery = question->subquery;

    if (subquery->common.pool == NULL) {
        arena_init(&subquery->common, pool, UINT64_MAX); /* what one answer may take there is limited */
    }
    arena_init_in(&question->arena, &subquery->common, 0);
    subquery->common.bytes_before = subquery->answer_bytes;
    question->arena.bytes_before = subquery->answer_bytes + subquery->common.bytes_held;
}

bool
scatter_is_unwanted(const struct scatter *scatter)
{
    return scatter != NULL && atomic_load_explicit(&scatter->is_unwanted, memory_order_relaxed);
}

void
scatter_end(struct scatter *scatter)
{
    struct shard *shard = scatter->shard;

    REQUIRE(scatter->outstanding == 0);
    for (struct subquery *subquery = scatter->subqueries; subquery != NULL; subquery = subquery->next) {
        if (!subquery->is_answered) {
            continue; /* it was added, but its round was never begun */
        }
        arena_join(&shard->to_release[subquery->to], &subquery->common);
        for (struct question *question = subquery->first; question != NULL; question = question->sibling) {
            arena_join(&shard->to_release[subquery->to], &question->arena);
        }
    }
    scatter->subqueries = NULL;
}
