/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_line - what somebody of produce_people did, as a line of NDJSON
 *
 * What is constant during a visit is rendered once, as its head; what is constant for a thing done on a page lies
 * ready; so a line costs a few copies.
 *
 * Threads  One.
 * Memory   All at creation.
 * Limits   A line has at most produce_line_bytes_max() bytes, a head PRODUCE_HEAD_BYTES_MAX.
 */

#include "core/base.h"

#define PRODUCE_HEAD_BYTES_MAX 512u
#define PRODUCE_THING_COUNT 4u  /* elements or features of a page */
#define PRODUCE_ORIGIN_COUNT 8u /* where visits come from */
#define PRODUCE_DEVICE_COUNT 3u /* of a person, at most */
#define PRODUCE_EVENT_BYTES_MIN 500u
#define PRODUCE_EVENT_BYTES_MAX 16384u

enum produce_page {
#define PAGE(PAGE, path, title) PRODUCE_##PAGE,
#include "net/produce_people.def"
    PRODUCE_PAGE_COUNT,
};

enum produce_done {
    PRODUCE_SAW,
    PRODUCE_CLICKED,
    PRODUCE_USED,
    PRODUCE_SIGNED_UP,
    PRODUCE_LOGGED_IN,
};

/* Who is on a visit, and with what. */
struct produce_visitor {
    const char *tenant;
    uint32_t person;
    uint32_t device_person; /* whose device it is: `person`, unless it is shared */
    uint8_t device;         /* that person's first, second or third */
    bool is_named;          /* logged in */
    uint32_t label;         /* the client's own, of this visit */
    const char *blocked;    /* a user ID that is none; NULL: no such thing */
};

/* What was done; `head` says who did it. */
struct produce_deed {
    struct event_ms time;
    uint64_t id_hi;
    uint64_t id_lo;
    uint64_t dice; /* for what is filled in */
    uint32_t number;
    uint8_t done; /* enum produce_done */
    uint8_t page; /* enum produce_page */
    uint8_t thing;
    uint8_t referrer; /* a page, or PRODUCE_PAGE_COUNT + origin */
};

struct produce_line;

/* Boot. -ENOMEM. event_bytes: of a line on average, newline included; 0: as they come. */
MUST_USE int produce_line_create(uint64_t people_seed, uint32_t event_bytes, struct produce_line **out_line);
/* Boot. NULL is nothing to do. */
void produce_line_destroy(struct produce_line *line);

/* What every line of a visit begins with; returns its bytes. */
uint32_t produce_line_head(const struct produce_line *line, const struct produce_visitor *visitor, char *to);
/* A whole line and its newline; returns its bytes. */
uint32_t produce_line_put(struct produce_line *line, struct text head, const struct produce_deed *deed,
                          char *to);

uint32_t produce_line_bytes_max(const struct produce_line *line);
/* A page with something to use. */
bool produce_line_has_features(const struct produce_line *line, uint8_t page);
/* "acme", ...; `to` has PRODUCE_TENANT_BYTES. */
#define PRODUCE_TENANT_BYTES 65u
void produce_line_tenant(uint32_t index, char *to);
/* Dice of a person that fall the same way every day. `which` from PRODUCE_TRAIT_FREE on is for others. */
#define PRODUCE_TRAIT_FREE 32u
uint64_t produce_line_trait(uint64_t people_seed, uint32_t person, uint32_t which);
