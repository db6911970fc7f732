/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/session.h"

#include "core/uuid.h"

/* Decimal text, without a library's locale and format; returns its end. */
static char *
put_number(char *to, int64_t number)
{
    char digits[20];
    uint32_t count = 0;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    if (number < 0) {
        *to++ = '-';
    }
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    return to;
}

struct uuid
session_make_id(struct uuid tenant_namespace, struct uuid canonical, struct event_ms opened)
{
    char name[8 + UUID_TEXT_BYTES + 20];
    char *end = name + 8 + UUID_TEXT_BYTES;

    memcpy(name, "session:", 8);
    uuid_format(canonical, name + 8);
    end[-1] = ':'; /* over the NUL */
    end = put_number(end, opened.ms);
    return uuid_v5(tenant_namespace, (struct text){.data = name, .bytes = (uint32_t)(end - name)});
}

int
session_compare(const struct session *a, const struct session *b)
{
    if (a->start.ms != b->start.ms) {
        return a->start.ms < b->start.ms ? -1 : 1;
    }
    return memcmp(a->session_id.byte, b->session_id.byte, sizeof(a->session_id.byte));
}

void
session_prefetch(const struct session *session, uint32_t step)
{
    if (step == 0) {
        prefetch_lines(session, sizeof(*session));
        return;
    }
    if (session->page_count > 0) {
        __builtin_prefetch(&session->pages[0]);
        __builtin_prefetch(&session->pages[session->page_count - 1]);
    }
    __builtin_prefetch(session->event_types.rows);
    __builtin_prefetch(session->sources);
    __builtin_prefetch(short_text(&session->exit_page.text).data);
}

struct session *
session_create(struct memory *memory, struct uuid session_id, const struct applied_event *event)
{
    struct session *session = memory_take_zero(memory, sizeof(*session));

    session->session_id = session_id;
    session->person = event->person;
    session->start = event->record->event_time;
    session->end = event->record->event_time;
    session->first = (struct stamp){.event_time = event->record->event_time, .position = event->position};
    memcpy(session->code, event->code, sizeof(session->code));
    session_add_event(memory, session, event);
    return session;
}

void
session_destroy(struct memory *memory, struct session *session)
{
    for (uint32_t i = 0; i < session->page_count; i++) {
        short_text_put(memory, &session->pages[i].page);
    }
    memory_put(memory, session->pages, (uint64_t)session->page_capacity * sizeof(*session->pages));
    short_text_put(memory, &session->exit_page.text);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        short_text_put(memory, &session->latest[i].text);
    }
    counts_clear(memory, &session->event_types);
    memory_put(memory, session->sources, (uint64_t)session->source_capacity * sizeof(*session->sources));
    memory_put(memory, session, sizeof(*session));
}

static void
remove_page(struct memory *memory, struct session *session, uint32_t at)
{
    short_text_put(memory, &session->pages[at].page);
    session->page_count--;
    memmove(&session->pages[at], &session->pages[at + 1],
            (session->page_count - at) * sizeof(*session->pages));
}

/* Linear: at most 100 pages, and lengths and last bytes tell most of them apart. */
static void
add_page(struct memory *memory, struct session *session, struct text page, struct stamp visit)
{
    struct short_text lent = short_text_lend(page);
    uint32_t count = session->page_count;

    for (uint32_t i = 0; i < count; i++) {
        if (short_text_equal(&session->pages[i].page, &lent)) {
            if (!stamp_is_after(session->pages[i].first, visit)) {
                return;
            }
            remove_page(memory, session, i);
            break;
        }
    }
    uint32_t at = session->page_count;

    while (at > 0 && stamp_is_after(session->pages[at - 1].first, visit)) {
        at--;
    }
    if (at == SESSION_PAGE_COUNT_MAX) {
        return;
    }
    if (session->page_count == SESSION_PAGE_COUNT_MAX) {
        remove_page(memory, session, SESSION_PAGE_COUNT_MAX - 1);
    }
    session->pages = memory_grow(memory, session->pages, &session->page_capacity, session->page_count,
                                 sizeof(*session->pages));
    memmove(&session->pages[at + 1], &session->pages[at],
            (session->page_count - at) * sizeof(*session->pages));
    session->pages[at] = (struct session_page){.page = short_text_take(memory, page), .first = visit};
    session->page_count++;
}

bool
session_has_source(const struct session *session, uint32_t person)
{
    for (uint32_t i = 0; i < session->source_count; i++) {
        if (session->sources[i] == person) {
            return true;
        }
    }
    return false;
}

void
session_add_source(struct memory *memory, struct session *session, uint32_t person)
{
    if (session_has_source(session, person)) {
        return;
    }
    session->sources = memory_grow(memory, session->sources, &session->source_capacity, session->source_count,
                                   sizeof(*session->sources));
    uint32_t at = session->source_count++;

    for (; at > 0 && session->sources[at - 1] > person; at--) {
        session->sources[at] = session->sources[at - 1];
    }
    session->sources[at] = person;
}

static void
take_first(struct session *session, struct stamp first, const uint32_t *code)
{
    if (stamp_is_after(session->first, first)) {
        session->first = first;
        memcpy(session->code, code, sizeof(session->code));
    }
}

static void
stretch(struct session *session, struct event_ms start, struct event_ms end)
{
    session->start = start.ms < session->start.ms ? start : session->start;
    session->end = end.ms > session->end.ms ? end : session->end;
}

void
session_add_event(struct memory *memory, struct session *session, const struct applied_event *event)
{
    static const enum event_text latest_texts[SESSION_LATEST_COUNT] = {
        [SESSION_DEVICE_TYPE] = EVENT_DEVICE_TYPE,
        [SESSION_BROWSER] = EVENT_BROWSER,
        [SESSION_OS] = EVENT_OS,
        [SESSION_COUNTRY] = EVENT_COUNTRY,
    };
    const struct event_record *record = event->record;
    struct stamp at = {.event_time = record->event_time, .position = event->position};
    struct text page = event_text(record, EVENT_PAGE_URL);

    stretch(session, record->event_time, record->event_time);
    take_first(session, at, event->code);
    session->event_count++;
    if (page.bytes > 0) {
        add_page(memory, session, page, at);
        latest_offer(memory, &session->exit_page, page, at);
    }
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        latest_offer(memory, &session->latest[i], event_text(record, latest_texts[i]), at);
    }
    counts_add(memory, &session->event_types, event_text(record, EVENT_EVENT_TYPE), 1);
    session_add_source(memory, session, event->person);
}

void
session_absorb(struct memory *memory, struct session *session, struct session *other)
{
    stretch(session, other->start, other->end);
    take_first(session, other->first, other->code);
    session->event_count += other->event_count;
    for (uint32_t i = 0; i < other->page_count; i++) {
        add_page(memory, session, short_text(&other->pages[i].page), other->pages[i].first);
    }
    latest_take(memory, &session->exit_page, &other->exit_page);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        latest_take(memory, &session->latest[i], &other->latest[i]);
    }
    for (uint32_t i = 0; i < other->event_types.count; i++) {
        counts_add(memory, &session->event_types, short_text(&other->event_types.rows[i].name),
                   other->event_types.rows[i].count);
    }
    for (uint32_t i = 0; i < other->source_count; i++) {
        session_add_source(memory, session, other->sources[i]);
    }
    session_destroy(memory, other);
}
