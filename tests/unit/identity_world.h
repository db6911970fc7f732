/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * identity_world - one tenant's identity and the store it is in, on a simulated disk, for its tests
 *
 * event() and alias() apply one event each; `late_percent` of the look-ups on their way are late, and arrive at once.
 */

#include "core/env_sim.h"
#include "core/hash.h"
#include "core/uuid.h"
#include "shards/identity.h"
#include "tests/check.h"

#include <errno.h>
#include <stdio.h>

static struct region region;
static struct sim_disk *disk;
static struct sim_clock sim_clock;
static struct env *env;
static struct log_store *store;
static struct identity identity;
static struct identity_case looked_up;
static struct identity_outcome outcome;
static uint64_t position;
static uint32_t late_percent;
static uint64_t dice;

static inline bool
is_late(void *context)
{
    (void)context;
    dice = hash_mix(dice + 1);
    return dice % 100 < late_percent;
}

static inline void
on_fatal(void *context, int fault, const char *what)
{
    (void)context;
    (void)fault;
    check_failed(__FILE__, __LINE__, "%s", what);
}

/* False: so little that there is not even a store. */
static inline bool
has_memory(uint64_t bytes_max, uint64_t secret)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
    disk = sim_disk_create((struct sim_disk_options){.seed = secret});
    env = env_sim_create(disk, &sim_clock, secret);
    int r = log_store_open((struct log_store_options){.env = env,
                                                      .region = &region,
                                                      .name = "partitions/000.pages",
                                                      .seed = {1, 2},
                                                      .page_bytes = LOG_STORE_PAGE_BYTES_MIN,
                                                      .is_indexed = true,
                                                      .on_fatal = on_fatal,
                                                      .is_late = is_late},
                           &store);
    if (r != 0) {
        CHECK_EQ(r, -ENOMEM);
        env_close(env);
        sim_disk_destroy(disk);
        CHECK_EQ(region_used(&region), 0);
        region_deinit(&region);
        return false;
    }
    identity_init(&identity, &region, store, TEXT("acme"), (struct hash_key){.lo = secret, .hi = 7});
    looked_up = (struct identity_case){0};
    position = 0;
    late_percent = 0;
    return true;
}

static inline void
given_memory(uint64_t bytes_max, uint64_t secret)
{
    CHECK(has_memory(bytes_max, secret));
}

static inline void
given_nobody(void)
{
    given_memory(64 << 20, 99);
}

static inline void
then_the_store_ends(void)
{
    env_close(env);
    log_store_close(store);
    sim_disk_destroy(disk);
    identity_deinit(&identity);
}

static inline void
then_nothing_is_left(void)
{
    then_the_store_ends();
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static inline const struct event_record *
write_event(const char *type, const char *anonymous_id, const char *user_id, const char *previous_id)
{
    static const uint8_t secret[32];
    static alignas(8) uint8_t bytes[4096];
    struct event_draft draft = {.event_time = {.ms = 1000 + (int64_t)position}};

    draft.text[EVENT_TENANT_ID] = TEXT("acme");
    draft.text[EVENT_EVENT_ID] = TEXT("e");
    draft.text[EVENT_EVENT_TYPE] = text_of(type);
    draft.text[EVENT_ANONYMOUS_ID] = text_of(anonymous_id);
    draft.text[EVENT_USER_ID] = text_of(user_id);
    draft.text[EVENT_PREVIOUS_ID] = text_of(previous_id);
    CHECK(record_event_bytes(&draft) <= sizeof(bytes));
    record_write_event(bytes, &draft, secret, 1);
    return (const void *)bytes;
}

static inline int
look_up(const struct event_record *record)
{
    struct identity_keys keys = identity_keys(&identity, record);

    return identity_look_up(&identity, &looked_up, record, &keys);
}

static inline int
try_event(const char *type, const char *anonymous_id, const char *user_id, const char *previous_id)
{
    const struct event_record *record = write_event(type, anonymous_id, user_id, previous_id);

    while (look_up(record) == LOG_STORE_LATER) {
        CHECK_EQ(log_store_arrive(store, 1), 1);
    }
    return identity_apply(&identity, &looked_up, position++, &outcome);
}

static inline const void *record_at(struct store_key key);

static inline struct uuid
uuid_of(uint32_t person)
{
    return identity_uuid(record_at(identity_people_key(&identity, person)), person);
}

/* An event of a device and a user; where it goes. */
static inline uint32_t
event(const char *anonymous_id, const char *user_id)
{
    CHECK_EQ(try_event("click", anonymous_id, user_id, NULL), 0);
    CHECK_EQ(outcome.who.person, merges_living(&identity.merges, outcome.who.person));
    CHECK(uuid_equal(outcome.who.uuid, uuid_of(outcome.who.person)));
    return outcome.who.person;
}

static inline uint32_t
alias(const char *previous_id, const char *user_id, const char *anonymous_id)
{
    CHECK_EQ(try_event("alias", anonymous_id, user_id, previous_id), 0);
    return outcome.who.person;
}

static inline const void *
record_at(struct store_key key)
{
    uint32_t bytes;

    return log_store_peek(store, key, &bytes);
}

static inline const void *
record_of(enum identity_kind kind, struct text value)
{
    return record_at(identity_key(&identity, kind, value));
}

static inline uint32_t
of_user(const char *user_id)
{
    struct text value = text_of(user_id);

    return identity_found(&identity, record_of(IDENTITY_USER, value), IDENTITY_USER, value).person;
}

static inline uint32_t
of_device(const char *anonymous_id)
{
    struct text value = text_of(anonymous_id);

    return identity_found(&identity, record_of(IDENTITY_ANONYMOUS, value), IDENTITY_ANONYMOUS, value).person;
}

static inline uint32_t
of_uuid(struct uuid uuid)
{
    struct text value = {.data = (const char *)uuid.byte, .bytes = sizeof(uuid.byte)};

    return identity_found(&identity, record_of(IDENTITY_CANONICAL, value), IDENTITY_CANONICAL, value).person;
}

static inline const struct canonical *
canonical_of(uint32_t person)
{
    const struct canonical *canonical = record_at(identity_canonical_key(&identity, uuid_of(person)));

    CHECK(canonical != NULL);
    CHECK_EQ(canonical->person, person);
    return canonical;
}

static inline const char *
owner_of(uint32_t person)
{
    static char owner[300];
    const struct canonical *canonical = canonical_of(person);

    for (uint32_t i = 0; i < canonical->identifier_count; i++) {
        const struct identifier *identifier = record_at(canonical->identifiers[i]);

        if (identifier->kind == IDENTITY_USER) {
            CHECK(canonical->has_owner);
            snprintf(owner, sizeof(owner), "%.*s", (int)identifier->bytes, identifier->value);
            return owner;
        }
    }
    CHECK(!canonical->has_owner);
    return "";
}

/* Its identifiers in order of linking: "u1 d2 d3"; each of them says the same. */
static inline const char *
names_of(uint32_t person)
{
    static char names[1024];
    const struct canonical *canonical = canonical_of(person);
    int bytes = 0;

    names[0] = 0;
    for (uint32_t i = 0; i < canonical->identifier_count; i++) {
        const struct identifier *identifier = record_at(canonical->identifiers[i]);

        CHECK(identifier != NULL);
        struct who who = merges_winner(&identity.merges,
                                       (struct who){.person = identifier->person, .uuid = identifier->uuid});

        CHECK_EQ(who.person, person);
        CHECK(uuid_equal(who.uuid, uuid_of(person)));
        if (bytes < 900) {
            bytes += snprintf(names + bytes, sizeof(names) - (uint32_t)bytes, "%s%.*s", i == 0 ? "" : " ",
                              (int)identifier->bytes, identifier->value);
        }
    }
    return names;
}
