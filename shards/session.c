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

struct session
session_begin(struct uuid session_id, uint32_t person, const struct applied_event *event)
{
    struct session session = {
        .session_id = session_id,
        .person = person,
        .start = event->record->event_time,
        .end = event->record->event_time,
        .first = {.event_time = event->record->event_time, .position = event->position},
    };

    memcpy(session.code, event->code, sizeof(session.code));
    return session;
}

/* Linear: at most 100 pages, and lengths and last bytes tell most of them apart. */
static void
add_page(struct pack *pack, struct session *session, const struct pack_text *page, struct stamp visit)
{
    struct session_page *pages = session_pages(pack, session);

    for (uint32_t i = 0; i < session->pages.count; i++) {
        if (pack_text_equal(pack, &pages[i].page, page)) {
            if (!stamp_is_after(pages[i].first, visit)) {
                return;
            }
            pack_list_remove(pack, &session->pages, i, 1, sizeof(*pages));
            break;
        }
    }
    uint32_t at = session->pages.count;

    while (at > 0 && stamp_is_after(pages[at - 1].first, visit)) {
        at--;
    }
    if (at == SESSION_PAGE_COUNT_MAX) {
        return;
    }
    if (session->pages.count == SESSION_PAGE_COUNT_MAX) {
        session->pages.count--;
    }
    struct session_page *row = pack_list_insert(pack, &session->pages, at, sizeof(*row));

    *row = (struct session_page){.page = *page, .first = visit};
}

bool
session_has_source(struct session_at at, uint32_t person)
{
    const uint32_t *sources = session_sources(at.pack, at.session);

    for (uint32_t i = 0; i < at.session->sources.count; i++) {
        if (sources[i] == person) {
            return true;
        }
    }
    return false;
}

void
session_add_source(struct pack *pack, struct session *session, uint32_t person)
{
    const uint32_t *sources = session_sources(pack, session);
    uint32_t at = session->sources.count;

    if (session_has_source((struct session_at){.pack = pack, .session = session}, person)) {
        return;
    }
    while (at > 0 && sources[at - 1] > person) {
        at--;
    }
    uint32_t *row = pack_list_insert(pack, &session->sources, at, sizeof(*row));

    *row = person;
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
session_add_event(struct pack *pack, struct session *session, const struct applied_event *event,
                  const struct session_texts *texts)
{
    struct event_ms time = event->record->event_time;
    struct stamp at = {.event_time = time, .position = event->position};

    stretch(session, time, time);
    take_first(session, at, event->code);
    session->event_count++;
    if (texts->page.bytes > 0) {
        add_page(pack, session, &texts->page, at);
        latest_offer(&session->exit_page, &texts->page, at);
    }
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        latest_offer(&session->latest[i], &texts->latest[i], at);
    }
    counts_add(pack, &session->event_types, &texts->type, 1);
    session_add_source(pack, session, event->person);
}

/* How many rows others have, and those of an event. */
struct more {
    uint32_t pages;
    uint32_t types;
    uint32_t sources;
};

static struct more
count_more(const struct session *others, uint32_t count)
{
    struct more more = {.pages = 1, .types = 1, .sources = 1};

    for (uint32_t i = 0; i < count; i++) {
        more.pages += others[i].pages.count;
        more.types += others[i].event_types.rows.count;
        more.sources += others[i].sources.count;
    }
    return more;
}

uint64_t
session_need(const struct session *session, const struct session *others, uint32_t count)
{
    if (LIKELY(count == 0)) {
        return pack_list_need(&session->pages, 1, sizeof(struct session_page)) +
               pack_list_need(&session->event_types.rows, 1, sizeof(struct counts_row)) +
               pack_list_need(&session->sources, 1, sizeof(uint32_t));
    }
    struct more more = count_more(others, count);

    return pack_list_need(&session->pages, more.pages, sizeof(struct session_page)) +
           pack_list_need(&session->event_types.rows, more.types, sizeof(struct counts_row)) +
           pack_list_need(&session->sources, more.sources, sizeof(uint32_t));
}

static void
absorb(struct pack *pack, struct session *session, const struct session *other)
{
    const struct session_page *pages = session_pages(pack, other);
    const struct counts_row *types = counts_rows(pack, &other->event_types);
    const uint32_t *sources = session_sources(pack, other);

    stretch(session, other->start, other->end);
    take_first(session, other->first, other->code);
    session->event_count += other->event_count;
    for (uint32_t i = 0; i < other->pages.count; i++) {
        add_page(pack, session, &pages[i].page, pages[i].first);
    }
    latest_offer(&session->exit_page, &other->exit_page.text, other->exit_page.at);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        latest_offer(&session->latest[i], &other->latest[i].text, other->latest[i].at);
    }
    for (uint32_t i = 0; i < other->event_types.rows.count; i++) {
        counts_add(pack, &session->event_types, &types[i].name, types[i].count);
    }
    for (uint32_t i = 0; i < other->sources.count; i++) {
        session_add_source(pack, session, sources[i]);
    }
}

void
session_absorb(struct pack *pack, struct session *session, const struct session *others, uint32_t count)
{
    struct more more = count_more(others, count);

    /* At once: growing row by row would leave one list after the other behind. */
    pack_list_reserve(pack, &session->pages, more.pages, sizeof(struct session_page));
    pack_list_reserve(pack, &session->event_types.rows, more.types, sizeof(struct counts_row));
    pack_list_reserve(pack, &session->sources, more.sources, sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++) {
        absorb(pack, session, &others[i]);
    }
}

void
session_move(struct pack *to, struct pack *from, struct session *session)
{
    struct session_page *pages = pack_move_list(to, from, &session->pages, sizeof(*pages));

    for (uint32_t i = 0; i < session->pages.count; i++) {
        pack_move_text(to, from, &pages[i].page);
    }
    pack_move_text(to, from, &session->exit_page.text);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        pack_move_text(to, from, &session->latest[i].text);
    }
    counts_move(to, from, &session->event_types);
    (void)pack_move_list(to, from, &session->sources, sizeof(uint32_t));
}

void
session_block_destroy(struct memory *memory, struct session_block *block)
{
    memory_put(memory, block, block->pack.capacity);
}
