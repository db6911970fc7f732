/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/history.h"

#include "shards/slice_state.h"

static_assert(sizeof(struct hash128) == sizeof(struct store_key), "an ID's hash is a key");

int
history_init(struct history *history, struct memory *memory, struct slice_state *state,
             const uint64_t seed[2])
{
    *history = (struct history){.memory = memory, .state = state};
    return fault_up(log_index_init(&history->by_id, memory->region, seed));
}

uint32_t
history_event_bytes(const struct applied_event *applied)
{
    static_assert(EVENT_TRAITS == EVENT_TEXT_COUNT - 2 && EVENT_CONTEXT == EVENT_TEXT_COUNT - 1,
                  "they are the last");
    uint32_t end = applied->record->text_end[EVENT_TRAITS - 1];

    return (uint32_t)(sizeof(struct kept_event) + align_up(offsetof(struct event_record, texts) + end, 8));
}

static void
copy_event(struct kept_event *event, const struct applied_event *applied, bool is_in_session)
{
    const struct event_record *record = applied->record;
    uint32_t end = record->text_end[EVENT_TRAITS - 1];
    uint64_t bytes = history_event_bytes(applied) - sizeof(*event);
    struct event_record *copy = (struct event_record *)(void *)(event + 1);

    *event = (struct kept_event){
        .head = {.kind = SLICE_EVENT,
                 .version = SLICE_RECORD_VERSION,
                 .partition = record->partition,
                 .tenant_no = applied->tenant_no},
        .position = applied->position,
        .person = applied->person,
        .is_late = applied->is_late,
        .is_in_session = is_in_session,
    };
    memcpy(event->code, applied->code, sizeof(event->code));
    memcpy(copy, record, offsetof(struct event_record, texts));
    memcpy(copy->texts, record->texts, end);
    memset(copy->texts + end, 0, bytes - offsetof(struct event_record, texts) - end);
    copy->header.bytes = (uint32_t)bytes;
    copy->text_end[EVENT_TRAITS] = (uint16_t)end;
    copy->text_end[EVENT_CONTEXT] = (uint16_t)end;
}

static uint64_t
hash_of(const struct history *history, struct hash128 id_hash)
{
    struct store_key key;

    memcpy(&key, &id_hash, sizeof(key));
    return log_index_hash(&history->by_id, key);
}

/* The last one of those that share what the index knows of a hash. */
static uint64_t *
find_last(const struct history *history, uint64_t hash)
{
    struct log_probe probe = log_index_probe(&history->by_id, hash);

    return log_index_next(&probe);
}

static void
note_last(struct history *history, uint64_t hash, uint64_t *last, uint64_t address)
{
    if (last != NULL) {
        log_index_move(last, address);
        return;
    }
    if (log_index_reserve(&history->by_id, hash) != 0) {
        memory_exhausted(history->memory);
    }
    log_index_insert(&history->by_id, hash, address);
}

void
history_add(struct history *history, struct order *tenant_events, struct order *person_events,
            const struct applied_event *applied, bool is_in_session)
{
    uint64_t hash = hash_of(history, applied->record->id_hash);
    uint64_t *last = find_last(history, hash);
    uint64_t before = last != NULL ? log_index_address(*last) : 0;
    struct store_key key = {0};
    struct order_entry entry = {.time = applied->record->event_time.ms, .key = applied->position};

    memcpy(&key, &before, sizeof(before));
    copy_event(slice_state_append(history->state, key, history_event_bytes(applied), &entry.item), applied,
               is_in_session);
    order_insert(history->memory, tenant_events, entry);
    order_insert(history->memory, person_events, entry);
    note_last(history, hash, last, entry.item);
}

void
history_restore(struct history *history, struct hash128 id_hash, uint64_t address)
{
    uint64_t hash = hash_of(history, id_hash);

    note_last(history, hash, find_last(history, hash), address);
}

void
history_prefetch(const struct history *history, struct hash128 id_hash, uint32_t step)
{
    if (step == 0) {
        log_index_prefetch_directory(&history->by_id, hash_of(history, id_hash));
    } else if (step == 1) {
        log_index_prefetch(&history->by_id, hash_of(history, id_hash));
    }
}

const struct kept_event *
history_at(const struct history *history, uint64_t address)
{
    uint32_t bytes;

    return log_store_at(history->state->journal, address, &bytes);
}

uint64_t
history_last(const struct history *history, struct hash128 id_hash)
{
    const uint64_t *last = find_last(history, hash_of(history, id_hash));

    return last != NULL ? log_index_address(*last) : 0;
}

uint64_t
history_before(const struct kept_event *event)
{
    struct store_key key = log_store_key_of(event);
    uint64_t before;

    memcpy(&before, &key, sizeof(before));
    return before;
}
