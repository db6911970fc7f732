/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * segment_call - one call of a Segment SDK, or of one that speaks like it
 *
 * Fields of the call itself are as strict as native ones. What lies deeper, in `properties` and `context`, belongs to
 * the customer as much as to us: where such a member is not a string it is as if it were not there, so `feature:
 * true` in somebody's properties does not cost him the event.
 *
 * Threads  Home shard only.
 * Memory   As in draft.h; the batch's envelope is lent by the body's json_in.
 * Limits   SEGMENT_CONTEXT_MEMBERS_MAX members of a batch's context. Properties with more members than
 *          JSON_IN_MEMBERS_MAX are stored, but page, feature and element are not looked for in them.
 */

#include "net/draft.h"
#include "net/geoip.h"
#include "net/user_agent.h"

/* Each member is looked for in the context of every event of the batch. */
#define SEGMENT_CONTEXT_MEMBERS_MAX 256u

enum segment_type {
    SEGMENT_TYPE_OF_EVENT, /* what its `type` says */
    SEGMENT_TRACK,
    SEGMENT_IDENTIFY,
    SEGMENT_PAGE,
    SEGMENT_SCREEN,
    SEGMENT_GROUP,
    SEGMENT_ALIAS,
};

/* What we look for in a context; bytes 0: not there. */
struct segment_context {
    struct text raw;
    struct text page_path;
    struct text page_url;
    struct text page_referrer;
    struct text device_type;
    struct text browser;
    struct text os;
    struct text user_agent;
    struct text country;
    struct text ip;
    struct text traits; /* raw */
};

/* What surrounds the events of a request. */
struct segment_envelope {
    enum segment_type type;         /* of the route */
    struct text user_agent;         /* the header, on browser routes */
    struct text address;            /* the client's, on browser routes */
    const struct geoip *geoip;      /* NULL: no database */
    struct json_value sent_at;      /* of the batch; JSON_NULL: none */
    struct text sent_at_header;     /* unreadable is as good as none */
    struct segment_context context; /* of the batch */
    const struct json_value *context_members;
    uint32_t context_member_count;
    struct text write_key; /* of the body, or nothing */
    struct user_agent_cache *user_agents;
    char *scratch; /* FIELD_EVENT_BYTES_MAX bytes, for the contexts of events */
};

/*
 * Home. Reads what is beside the events: of a batch, or of a single call (which has a write key only). False: the
 * body has not the shape of its route; draft->reason says why.
 */
MUST_USE bool segment_open_batch(struct draft *draft, struct segment_envelope *envelope,
                                 const struct json_value *body, struct json_cursor *out_events);
MUST_USE bool segment_open_call(struct draft *draft, struct segment_envelope *envelope,
                                const struct json_value *body);

/* Home. 0, or DRAFT_REJECT with draft->reason. */
MUST_USE int segment_read(struct draft *draft, const struct segment_envelope *envelope,
                          const struct json_value *event, uint32_t index);
