/* SPDX-License-Identifier: Apache-2.0 */
#include "query/cursor.h"

#include "tests/fuzz/fuzz.h"

static uint32_t kinds;

/* What is a cursor of some list is spelled in one way, and is none of another list or order. */
static void
took(const char *again, struct text cursor)
{
    REQUIRE(text_equal(text_of(again), cursor));
    REQUIRE(kinds++ == 0);
}

FUZZ(data, bytes)
{
    const struct text cursor = fuzz_copy(data, bytes, 0);
    char again[CURSOR_TEXT_BYTES];
    struct event_place event;
    struct session_place session;
    struct profile_place profile;
    uint64_t ordinal;

    kinds = 0;
    if (cursor_to_event(cursor, &event)) {
        cursor_of_event(event, again);
        took(again, cursor);
    }
    if (cursor_to_session(cursor, &session)) {
        cursor_of_session(session, again);
        took(again, cursor);
    }
    if (cursor_to_merge(cursor, &ordinal)) {
        cursor_of_merge(ordinal, again);
        took(again, cursor);
    }
    for (uint32_t order = PROFILE_ORDER_LAST_SEEN; order <= PROFILE_ORDER_TOTAL_SESSIONS; order++) {
        if (cursor_to_profile(cursor, (enum profile_order)order, &profile)) {
            cursor_of_profile(profile, (enum profile_order)order, again);
            took(again, cursor);
        }
    }
    fuzz_free(cursor);
    return 0;
}
