/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/scatter.h"

#include "shards/shard.h"

bool
scatter_begin(struct scatter *scatter, struct shard *shard, struct arena *arena,
              void (*done)(struct scatter *scatter), void *context)
{
    *scatter = (struct scatter){.shard = shard, .arena = arena, .done = done, .context = context};
    scatter->open = arena_take_zero(arena, shard->node->shard_count * sizeof(scatter->open[0]));
    return scatter->open != NULL;
}

static uint16_t
owner_of(const struct node *node, const struct question *question)
{
    return question->kind < QUESTION_PROFILE ? node_partition_owner(node, question->target)
                                             : node_slice_owner(node, question->target);
}

bool
scatter_add(struct scatter *scatter, struct question *question)
{
    uint16_t to = owner_of(scatter->shard->node, question);
    struct subquery *subquery = scatter->open[to];

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
        scatter->open[to] = subquery;
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

        ASSERT(message != NULL); /* the lane holds every message outstanding and every release */
        shard->first_unsent[to] = subquery->next_out;
        if (shard->first_unsent[to] == NULL) {
            shard->last_unsent[to] = NULL;
        }
        subquery->is_sent = true;
        shard->messages_out[to]++;
        *message = (struct message){.kind = MESSAGE_ASK, .from = shard->id.n, .payload = subquery};
    }
}

uint32_t
scatter_go(struct scatter *scatter)
{
    struct shard *shard = scatter->shard;
    uint32_t sent = 0;

    REQUIRE_HERE(shard->id);
    for (uint16_t to = 0; to < shard->node->shard_count; to++) {
        struct subquery *subquery = scatter->open[to];

        if (subquery == NULL) {
            continue;
        }
        scatter->open[to] = NULL;
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

/* Home. A message came back with all its answers (shard.c). */
void
scatter_answered(struct subquery *subquery)
{
    struct scatter *scatter = subquery->scatter;

    scatter->shard->queries_out--;
    if (--scatter->outstanding == 0) {
        scatter->done(scatter);
    }
}

void
scatter_end(struct scatter *scatter)
{
    struct shard *shard = scatter->shard;

    REQUIRE(scatter->outstanding == 0);
    for (struct subquery *subquery = scatter->subqueries; subquery != NULL; subquery = subquery->next) {
        struct arena *whole = NULL;
        struct message *message;

        if (!subquery->is_sent) {
            continue; /* added, but the round was never begun */
        }
        /* The answers' memory goes back in one message, whose slot outlives everything here. */
        for (struct question *question = subquery->first; question != NULL; question = question->sibling) {
            if (whole == NULL) {
                whole = &question->arena;
            } else {
                arena_join(whole, &question->arena);
            }
        }
        message = (void *)lane_claim(mesh_lane(&shard->node->mesh, STAGE_QUERY, shard->id.n, subquery->to));
        ASSERT(message != NULL);
        *message = (struct message){.kind = MESSAGE_RELEASE, .from = shard->id.n};
        message->payload = arena_detach(whole, &message->bytes);
        shard->messages_out[subquery->to]--;
        send_unsent(shard, subquery->to);
    }
    scatter->subqueries = NULL;
}
