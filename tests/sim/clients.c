/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/clients.h"

#include "query/query.h"

#include <stdio.h>
#include <stdlib.h>

#define LARGE_BYTES 6000u
#define LARGE_COUNT 10u

void
clients_init(struct clients *clients, struct cluster *cluster, struct traffic *traffic,
             struct arena_pool *arenas, char *why)
{
    *clients = (struct clients){
        .cluster = cluster, .traffic = traffic, .arenas = arenas, .why = why, .batch_max = CLIENT_BATCH_MAX};
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        clients->client[i].clients = clients;
        arena_init(&clients->client[i].arena, arenas, 0);
        arena_init(&clients->client[i].query_arena, arenas, 0);
    }
}

void
clients_forget(struct clients *clients)
{
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        struct client *client = &clients->client[i];

        client->is_sent = false;
        client->is_reading = false;
        arena_reset(&client->arena);
        arena_reset(&client->query_arena);
    }
}

void
clients_deinit(struct clients *clients)
{
    clients_forget(clients);
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        for (uint32_t e = 0; e < clients->client[i].batch_count; e++) {
            free(clients->client[i].batch[e].texts);
        }
    }
    free(clients->acked);
}

static void
batch_done(struct ingest_request *request)
{
    struct client *client = request->context;
    struct clients *clients = client->clients;

    ASSERT(request->accepted + request->duplicates == client->batch_count);
    for (uint32_t i = 0; i < client->batch_count; i++) {
        uint64_t number = client->batch[i].number;

        if (number >= clients->acked_count_max) {
            uint64_t count = number * 2 + 64;

            clients->acked = realloc(clients->acked, count);
            memset(clients->acked + clients->acked_count_max, 0, count - clients->acked_count_max);
            clients->acked_count_max = count;
        }
        clients->acked[number] = 1;
        traffic_event_id(number, client->wanted);
        free(client->batch[i].texts);
    }
    clients->answered += client->batch_count;
    client->batch_count = 0;
    client->is_sent = false;
    client->is_answered = true;
}

/* Large ones fill blocks, so that more than one is written in a turn. */
static void
make_batch(struct clients *clients, struct client *client)
{
    static char large[LARGE_BYTES];
    struct cluster *cluster = clients->cluster;
    bool is_burst = dice_chance(&cluster->dice, clients->burst_percent);
    uint32_t batch_max = dice_chance(&cluster->dice, 95) ? clients->batch_max : CLIENT_BATCH_MAX;

    client->batch_count = dice_chance(&cluster->dice, 30) ? 1 : 1 + dice_below(&cluster->dice, batch_max);
    if (is_burst) {
        client->batch_count = LARGE_COUNT;
        snprintf(large, sizeof(large), "{\"large\":\"%*s\"}", (int)sizeof(large) - 20, "");
    }
    for (uint32_t i = 0; i < client->batch_count; i++) {
        client->batch[i] = traffic_event(clients->traffic, cluster->clock.wall);
        if (is_burst) {
            client->batch[i].draft.text[EVENT_PROPERTIES] = text_of(large);
        }
    }
}

static void
send_batch(struct clients *clients, struct client *client)
{
    struct cluster *cluster = clients->cluster;
    struct shard *shard = &cluster->shards[dice_below(&cluster->dice, cluster->shard_count)];

    if (client->batch_count == 0) {
        make_batch(clients, client);
    }
    here = shard->id;
    arena_reset(&client->arena);
    arena_init(&client->arena, clients->arenas, 0);
    if (!ingest_begin(&client->request, shard, &client->arena)) {
        return;
    }
    for (uint32_t i = 0; i < client->batch_count; i++) {
        struct event_draft draft = client->batch[i].draft;

        draft.received_at = cluster->clock.wall;
        if (!ingest_add(&client->request, &draft, i)) {
            return;
        }
    }
    int r = ingest_submit(&client->request, batch_done, client);

    client->is_sent = r == 0;
    clients->refused_full += r == INGEST_DISK_FULL;
}

static void
read_answered(void *context, enum query_answer_kind kind, struct text response)
{
    struct client *client = context;
    struct clients *clients = client->clients;
    char key[64];

    snprintf(key, sizeof(key), "\"eventId\":\"%s\"", client->wanted);
    if (kind != QUERY_OK || memmem(response.data, response.bytes, key, strlen(key)) == NULL) {
        snprintf(clients->why, CLIENT_WHY_BYTES, "%s was answered but cannot be read: %.*s", client->wanted,
                 (int)(response.bytes < 300 ? response.bytes : 300), response.data);
    }
    /* Whoever an identifier stands for has it, at whatever point of the log that was. */
    snprintf(key, sizeof(key), "\"%s\"", client->identifier);
    if (memmem(response.data, response.bytes, "\"profile\":null", 14) == NULL &&
        memmem(response.data, response.bytes, key, strlen(key)) == NULL) {
        snprintf(clients->why, CLIENT_WHY_BYTES, "%s stands for somebody who has it not: %.*s",
                 client->identifier, (int)(response.bytes < 300 ? response.bytes : 300), response.data);
    }
    clients->answered_read++;
}

static void
read_finished(void *context)
{
    struct client *client = context;

    client->is_reading = false;
    client->is_read = true;
}

/* On any shard: what was answered must be there. */
static void
read_back(struct clients *clients, struct client *client)
{
    struct cluster *cluster = clients->cluster;
    struct shard *shard = &cluster->shards[dice_below(&cluster->dice, cluster->shard_count)];
    uint64_t number = strtoull(client->wanted + 1, NULL, 10);
    bool by_user = dice_chance(&cluster->dice, 30);
    char text[512];

    client->is_answered = false;
    client->is_reading = true;
    arena_reset(&client->query_arena);
    arena_init(&client->query_arena, clients->arenas, 0);
    if (by_user) {
        traffic_user_id(clients->traffic, client->identifier);
    } else {
        traffic_anonymous_id(clients->traffic, client->identifier);
    }
    snprintf(text, sizeof(text),
             "{event(tenantId:\"t%u\",eventId:\"%s\"){eventId canonicalId session{sessionId}}"
             "profile(tenantId:\"t%u\",%s:\"%s\"){userIds anonymousIds}}",
             (uint32_t)(number % 7 % TRAFFIC_TENANT_COUNT), client->wanted,
             (uint32_t)(number % 7 % TRAFFIC_TENANT_COUNT), by_user ? "userId" : "anonymousId",
             client->identifier);
    struct query_request request = {
        .shard = shard,
        .arena = &client->query_arena,
        .text = arena_text(&client->query_arena, text_of(text)),
        .principal = principal_open(),
        .now_ms = cluster->clock.wall.ms,
        .answered = read_answered,
        .finished = read_finished,
        .context = client,
    };
    here = shard->id;
    query_start(&request);
}

void
clients_act(struct clients *clients)
{
    struct cluster *cluster = clients->cluster;
    struct client *client = &clients->client[dice_below(&cluster->dice, CLIENT_COUNT)];

    if (client->is_sent || client->is_reading) {
        return;
    }
    if (client->is_answered && dice_chance(&cluster->dice, 50)) {
        read_back(clients, client);
        return;
    }
    send_batch(clients, client);
}

bool
clients_check(const struct clients *clients, const struct census *census, char *out_why)
{
    for (uint64_t i = 0; i < census->count; i++) {
        bool is_acked = i < clients->acked_count_max && clients->acked[i] != 0;

        if (census->rows[i].times > 1 || (is_acked && census->rows[i].times != 1)) {
            snprintf(out_why, CLIENT_WHY_BYTES, "event %llu is in the log %u times%s", (unsigned long long)i,
                     census->rows[i].times, is_acked ? ", and was answered" : "");
            return false;
        }
    }
    return true;
}
