/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/history.h"

#include "shards/slice_state.h"

#define ADDRESS_BITS 40u
#define ADDRESS_MAX ((UINT64_C(1) << ADDRESS_BITS) - 1)
#define TAG_BITS 24u
#define GROUP_BITS 7u
#define GROUP_COUNT (1u << GROUP_BITS)

/* A filter: 7 and 16 of the 24 bits of each. One ID in seven thousand may be in it, and is not. */
struct history_run {
    uint64_t list;              /* its address */
    uint16_t ends[GROUP_COUNT]; /* in `marks` */
    uint16_t marks[];
};
static_assert(sizeof(struct history_run) + HISTORY_RUN_EVENTS * sizeof(uint16_t) == 2560,
              "it fills its piece");

void
history_init(struct history *history, struct memory *memory, struct slice_state *state, uint32_t run_events)
{
    REQUIRE(run_events > 0);
    REQUIRE(run_events <= HISTORY_RUN_EVENTS);
    *history = (struct history){.memory = memory, .state = state, .run_events = run_events};
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

/* IDs. A hash is keyed by a secret: nobody can make IDs that look alike. */

static uint64_t
entry_of(struct hash128 id_hash, uint64_t address)
{
    return id_hash.lo << ADDRESS_BITS | address;
}

static uint32_t
tag_of(uint64_t entry)
{
    return (uint32_t)(entry >> ADDRESS_BITS);
}

static uint32_t
group_of(uint32_t tag)
{
    return tag >> (TAG_BITS - GROUP_BITS);
}

static uint64_t
run_bytes(const struct history *history)
{
    return sizeof(struct history_run) + history->run_events * sizeof(uint16_t);
}

static uint64_t
list_bytes(const struct history *history)
{
    return history->run_events * sizeof(uint64_t);
}

static void
run_fill(struct history_run *run, const uint64_t *entries, uint32_t count)
{
    uint16_t counts[GROUP_COUNT] = {0};
    uint16_t end = 0;

    for (uint32_t i = 0; i < count; i++) {
        counts[group_of(tag_of(entries[i]))]++;
    }
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        end = (uint16_t)(end + counts[i]);
        run->ends[i] = end;
        counts[i] = (uint16_t)(end - counts[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        run->marks[counts[group_of(tag_of(entries[i]))]++] = (uint16_t)tag_of(entries[i]);
    }
}

static bool
run_may_have(const struct history_run *run, uint32_t tag)
{
    uint32_t group = group_of(tag);

    for (uint32_t i = group == 0 ? 0 : run->ends[group - 1]; i < run->ends[group]; i++) {
        if (run->marks[i] == (uint16_t)tag) {
            return true;
        }
    }
    return false;
}

/* Of the first in `newest`, whose list is at this address. */
static void
add_run(struct history *history, uint64_t list)
{
    struct history_run *run = memory_take(history->memory, run_bytes(history));

    run->list = list;
    run_fill(run, history->newest, history->run_events);
    history->newest_count -= history->run_events;
    memmove(history->newest, &history->newest[history->run_events],
            history->newest_count * sizeof(*history->newest));
    history->runs = memory_grow(history->memory, history->runs, &history->run_capacity, history->run_count,
                                sizeof(struct history_run *));
    history->runs[history->run_count++] = run;
}

static void
write_list(struct history *history)
{
    uint64_t address;
    struct slice_list *list = slice_state_append(history->state, (struct store_key){0},
                                                 (uint32_t)(sizeof(*list) + list_bytes(history)), &address);

    *list = (struct slice_list){
        .head = {.kind = SLICE_LIST, .version = SLICE_RECORD_VERSION},
        .count = history->run_events,
    };
    memcpy(list->entries, history->newest, list_bytes(history));
    add_run(history, address);
}

void
history_add(struct history *history, struct order *tenant_events, struct order *person_events,
            const struct applied_event *applied, bool is_in_session)
{
    struct order_entry entry = {.time = applied->record->event_time.ms, .key = applied->position};

    copy_event(
        slice_state_append(history->state, (struct store_key){0}, history_event_bytes(applied), &entry.item),
        applied, is_in_session);
    order_insert(history->memory, tenant_events, entry);
    order_insert(history->memory, person_events, entry);
    history_restore(history, applied->record->id_hash, entry.item);
    if (UNLIKELY(history->newest_count >= history->run_events)) {
        write_list(history);
    }
}

void
history_restore(struct history *history, struct hash128 id_hash, uint64_t address)
{
    if (UNLIKELY(history->newest_count == history->newest_capacity)) {
        history->newest = memory_grow(history->memory, history->newest, &history->newest_capacity,
                                      history->newest_count, sizeof(*history->newest));
    }
    history->newest[history->newest_count++] = entry_of(id_hash, address);
}

bool
history_restore_list(struct history *history, const struct slice_list *list, uint64_t address)
{
    if (list->count != history->run_events || history->newest_count < history->run_events ||
        memcmp(list->entries, history->newest, list_bytes(history)) != 0) {
        return false;
    }
    add_run(history, address);
    return true;
}

void
history_prefetch(const struct history *history)
{
    if (history->newest_count < history->newest_capacity) {
        prefetch_line_to_write(&history->newest[history->newest_count]);
    }
}

uint64_t
history_bytes(const struct history *history)
{
    return history->run_count * run_bytes(history) + history->run_capacity * sizeof(struct history_run *) +
           history->newest_capacity * sizeof(*history->newest);
}

const struct kept_event *
history_at(const struct history *history, uint64_t address)
{
    uint32_t bytes;

    return log_store_at(history->state->journal, address, &bytes);
}

struct history_search
history_search_begin(const struct history *history, struct hash128 id_hash)
{
    return (struct history_search){
        .id_hash = id_hash,
        .left = (uint64_t)history->run_count * history->run_events + history->newest_count,
    };
}

/* The next one of a list that begins behind `before` events. What is left ends with the one after it, so that the list need
   not be read again when there is none. */
static uint64_t
seek_in_list(struct history_search *search, const uint64_t *entries, uint64_t before)
{
    uint32_t tag = tag_of(entry_of(search->id_hash, 0));
    uint64_t found = 0;

    for (; search->left > before; search->left--) {
        uint64_t entry = entries[search->left - before - 1];
        if (tag_of(entry) == tag && found != 0) {
            break;
        }
        found = tag_of(entry) == tag ? entry & ADDRESS_MAX : found;
    }
    return found;
}

uint64_t
history_search_next(const struct history *history, struct history_search *search,
                    const struct slice_list *list)
{
    uint32_t tag = tag_of(entry_of(search->id_hash, 0));
    uint64_t before_newest = (uint64_t)history->run_count * history->run_events;
    uint64_t found = 0;

    search->list = 0;
    if (list != NULL) {
        found = seek_in_list(search, list->entries,
                             (search->left - 1) / history->run_events * history->run_events);
    } else if (search->left > before_newest) {
        found = seek_in_list(search, history->newest, before_newest);
    }
    while (found == 0 && search->left > 0) {
        uint64_t index = (search->left - 1) / history->run_events;
        const struct history_run *run = history->runs[index];
        if (run_may_have(run, tag)) {
            search->list = run->list;
            return 0;
        }
        search->left = index * history->run_events;
    }
    return found;
}
