/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/recall.h"

#include <stdlib.h>

struct recalled {
    struct log_store_waiter waiter;
    struct recall *recall;
    uint64_t address;
    uint8_t *copy; /* the key, and behind it the record; NULL: not kept */
    uint64_t bytes;
};

struct recall {
    struct memory *memory;
    struct log_store *journal;
    void (*arrived)(void *context);
    void *context;
    uint64_t first; /* the address that must be there next */
    uint64_t bytes;
    uint32_t awaited;
    uint32_t count;
    struct recalled records[RECALL_COUNT_MAX]; /* by address */
};

struct recall *
recall_create(struct memory *memory, struct log_store *journal, void (*arrived)(void *context), void *context)
{
    struct recall *recall = memory_take(memory, sizeof(*recall));

    recall->memory = memory;
    recall->journal = journal;
    recall->arrived = arrived;
    recall->context = context;
    recall->bytes = 0;
    recall->awaited = 0;
    recall->count = 0;
    return recall;
}

static void
forget(struct recall *recall)
{
    for (uint32_t i = 0; i < recall->count; i++) {
        struct recalled *recalled = &recall->records[i];
        if (recalled->copy != NULL) {
            memory_put(recall->memory, recalled->copy, recalled->bytes);
        }
    }
    recall->count = 0;
    recall->bytes = 0;
}

void
recall_destroy(struct memory *memory, struct recall *recall)
{
    if (recall == NULL) {
        return;
    }
    REQUIRE(recall->awaited == 0);
    forget(recall);
    memory_put(memory, recall, sizeof(*recall));
}

const void *
recall_find(const struct recall *recall, uint64_t address)
{
    uint32_t bytes;
    const void *record = log_store_at(recall->journal, address, &bytes);
    uint32_t low = 0;
    uint32_t high = recall->count;

    if (record != NULL) {
        return record;
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (recall->records[middle].address < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == recall->count || recall->records[low].address != address ||
        recall->records[low].copy == NULL) {
        return NULL;
    }
    return recall->records[low].copy + sizeof(struct store_key);
}

static void
keep(struct recall *recall, struct recalled *recalled, const struct log_store_waiter *waiter)
{
    struct store_key key = log_store_key_of(waiter->record);
    uint64_t bytes = sizeof(key) + waiter->record_bytes;

    if (recalled->address != recall->first && recall->bytes + bytes > RECALL_BYTES_MAX) {
        return;
    }
    recalled->copy = memory_take(recall->memory, bytes);
    recalled->bytes = bytes;
    recall->bytes += bytes;
    memcpy(recalled->copy, &key, sizeof(key));
    memcpy(recalled->copy + sizeof(key), waiter->record, waiter->record_bytes);
}

static void
record_arrived(struct log_store_waiter *waiter)
{
    struct recalled *recalled = CONTAINER_OF(waiter, struct recalled, waiter);
    struct recall *recall = recalled->recall;

    keep(recall, recalled, waiter);
    if (--recall->awaited == 0) {
        recall->arrived(recall->context);
    }
}

static int
compare_addresses(const void *a, const void *b)
{
    const struct recalled *first = a;
    const struct recalled *second = b;

    return (first->address > second->address) - (first->address < second->address);
}

uint32_t
recall_ask(struct recall *recall, const uint64_t *addresses, uint32_t count)
{
    uint32_t bytes;

    REQUIRE(recall->awaited == 0);
    REQUIRE(count > 0);
    REQUIRE(count <= RECALL_COUNT_MAX);
    REQUIRE(log_store_at(recall->journal, addresses[0], &bytes) == NULL);
    forget(recall);
    recall->first = addresses[0];
    for (uint32_t i = 0; i < count; i++) {
        if (log_store_at(recall->journal, addresses[i], &bytes) == NULL) {
            recall->records[recall->count++] = (struct recalled){
                .waiter = {.arrived = record_arrived}, .recall = recall, .address = addresses[i]};
        }
    }
    qsort(recall->records, recall->count, sizeof(recall->records[0]), compare_addresses);
    recall->awaited = recall->count; /* none comes before this returns */
    for (uint32_t i = 0; i < recall->count; i++) {
        log_store_read(recall->journal, recall->records[i].address, &recall->records[i].waiter);
    }
    return recall->count;
}
