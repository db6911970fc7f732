/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/history.h"

static_assert(sizeof(struct hash128) == sizeof(struct store_key), "an ID's hash is a key");

#define ID_HASH_OFFSET ((uint32_t)(sizeof(struct kept_event) + offsetof(struct event_record, id_hash)))

void
history_init(struct history *history, struct memory *memory, const uint64_t seed[2])
{
    *history = (struct history){0};
    store_init(&history->by_id, (struct store_options){
                                    .region = memory->region,
                                    .seed = {seed[0], seed[1]},
                                    .key_offset = ID_HASH_OFFSET,
                                });
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

static void
note_id(struct memory *memory, struct history *history, struct kept_event *event)
{
    void *known;
    int r = store_add_new(&history->by_id, event, &known);

    if (r == STORE_THERE) {
        if (((const struct kept_event *)known)->position < event->position) {
            (void)store_replace(&history->by_id, event);
        }
    } else if (r != 0) {
        memory_exhausted(memory);
    }
}

void
history_add(struct memory *memory, struct history *history, struct order *person_events,
            struct kept_event *event, const struct applied_event *applied, bool is_in_session)
{
    struct order_entry entry = {
        .time = applied->record->event_time.ms, .key = applied->position, .item = order_item(event)};

    copy_event(event, applied, is_in_session);
    order_insert(memory, &history->events, entry);
    order_insert(memory, person_events, entry);
    note_id(memory, history, event);
}

void
history_restore(struct memory *memory, struct history *history, struct kept_event *event)
{
    note_id(memory, history, event);
}

static struct store_key
key_of(struct hash128 id_hash)
{
    struct store_key key;

    memcpy(&key, &id_hash, sizeof(key));
    return key;
}

void
history_prefetch(const struct history *history, struct hash128 id_hash, uint32_t step)
{
    order_prefetch(&history->events, step);
    if (step == 0) {
        store_prefetch_directory(&history->by_id, key_of(id_hash));
    } else if (step == 1) {
        store_prefetch(&history->by_id, key_of(id_hash));
    }
}

const struct kept_event *
history_find(const struct history *history, struct hash128 id_hash)
{
    return store_peek(&history->by_id, key_of(id_hash));
}
