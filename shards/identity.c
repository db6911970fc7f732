/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/identity.h"

#include "core/hash.h"
#include "core/uuid.h"

#include <errno.h>
#include <stdio.h>

#define NAME_BYTES_MAX 320u

struct identifier_key {
    enum identifier_kind kind;
    struct text value;
};

void
identity_init(struct identity *identity, struct region *region, struct text tenant_id, uint64_t seed)
{
    char name[128];
    int bytes = snprintf(name, sizeof(name), "millrace/%.*s", (int)tenant_id.bytes, tenant_id.data);

    *identity = (struct identity){.region = region, .seed = seed};
    identity->tenant_namespace =
        uuid_v5(UUID_NAMESPACE_OID, (struct text){.data = name, .bytes = (uint32_t)bytes});
    table_init(&identity->canonicals, region, sizeof(struct canonical));
    table_init(&identity->identifiers, region, sizeof(struct identifier *));
    table_init(&identity->merges, region, sizeof(struct merge));
    map_init(&identity->by_identifier, region);
    map_init(&identity->by_uuid, region);
}

static struct identifier *
identifier_at(const struct identity *identity, uint32_t number)
{
    return *(struct identifier **)table_at(&identity->identifiers, number);
}

void
identity_deinit(struct identity *identity)
{
    for (uint32_t i = 0; i < identity->identifiers.count; i++) {
        struct identifier *identifier = identifier_at(identity, i);

        region_put(identity->region, identifier, sizeof(*identifier) + identifier->bytes);
    }
    table_deinit(&identity->canonicals);
    table_deinit(&identity->identifiers);
    table_deinit(&identity->merges);
    map_deinit(&identity->by_identifier);
    map_deinit(&identity->by_uuid);
}

static uint64_t
identifier_hash(const struct identity *identity, struct identifier_key key)
{
    return hash64(identity->seed + (uint64_t)key.kind, key.value);
}

static uint64_t
uuid_hash(const struct identity *identity, struct uuid uuid)
{
    /* Keyed: a SHA-1 of text that clients choose is theirs to search. */
    return hash64(identity->seed, (struct text){.data = (const char *)uuid.byte, .bytes = sizeof(uuid.byte)});
}

static bool
is_same_identifier(const void *owner, uint32_t number, const void *key)
{
    const struct identifier *identifier = identifier_at(owner, number);
    const struct identifier_key *wanted = key;

    return identifier->kind == wanted->kind && identifier->bytes == wanted->value.bytes &&
           memcmp(identifier->value, wanted->value.data, identifier->bytes) == 0;
}

static bool
is_same_uuid(const void *owner, uint32_t number, const void *key)
{
    return uuid_equal(identity_canonical(owner, number)->uuid, *(const struct uuid *)key);
}

static struct identifier *
find_identifier(const struct identity *identity, enum identifier_kind kind, struct text value)
{
    struct identifier_key key = {.kind = kind, .value = value};
    uint32_t number = map_find(&identity->by_identifier, identifier_hash(identity, key), is_same_identifier,
                               identity, &key);

    return number == MAP_NONE ? NULL : identifier_at(identity, number);
}

uint32_t
identity_living(const struct identity *identity, uint32_t person)
{
    struct canonical *canonical = identity_canonical(identity, person);

    while (canonical->merged_into != IDENTITY_NONE) {
        struct canonical *into = identity_canonical(identity, canonical->merged_into);

        if (into->merged_into != IDENTITY_NONE) {
            /* Halve the way for the next look; where it ends stays the same. */
            canonical->merged_into = into->merged_into;
        }
        person = canonical->merged_into;
        canonical = identity_canonical(identity, person);
    }
    return person;
}

uint32_t
identity_find(const struct identity *identity, enum identifier_kind kind, struct text value)
{
    const struct identifier *identifier = find_identifier(identity, kind, value);

    return identifier == NULL ? IDENTITY_NONE : identity_living(identity, identifier->canonical);
}

uint32_t
identity_find_uuid(const struct identity *identity, struct uuid uuid)
{
    uint32_t person = map_find(&identity->by_uuid, uuid_hash(identity, uuid), is_same_uuid, identity, &uuid);

    return person == MAP_NONE ? IDENTITY_NONE : identity_living(identity, person);
}

/* The first unused of "user:U", "user/1:U", "user/2:U" ... */
static struct uuid
unused_uuid(const struct identity *identity, const char *kind, struct text value)
{
    char name[NAME_BYTES_MAX];
    int bytes = snprintf(name, sizeof(name), "%s:", kind);

    for (uint32_t generation = 1;; generation++) {
        struct uuid uuid;

        memcpy(name + bytes, value.data, value.bytes);
        uuid = uuid_v5(identity->tenant_namespace,
                       (struct text){.data = name, .bytes = (uint32_t)bytes + value.bytes});
        if (map_find(&identity->by_uuid, uuid_hash(identity, uuid), is_same_uuid, identity, &uuid) ==
            MAP_NONE) {
            return uuid;
        }
        bytes = snprintf(name, sizeof(name), "%s/%u:", kind, generation);
    }
}

static int
create(struct identity *identity, const char *kind, struct text value, uint32_t *out_person)
{
    struct uuid uuid = unused_uuid(identity, kind, value);
    struct canonical *canonical = table_add(&identity->canonicals);

    if (canonical == NULL) {
        return fault_new(-ENOMEM);
    }
    *canonical = (struct canonical){
        .uuid = uuid,
        .merged_into = IDENTITY_NONE,
        .first_merged = IDENTITY_NONE,
        .next_merged = IDENTITY_NONE,
    };
    *out_person = identity->canonicals.count - 1;
    identity->living++;
    return map_insert(&identity->by_uuid, uuid_hash(identity, uuid), *out_person);
}

/* At the end of its canonical's list. */
static void
attach(struct identity *identity, struct identifier *identifier, uint32_t person)
{
    struct canonical *canonical = identity_canonical(identity, person);

    identifier->canonical = person;
    identifier->next = NULL;
    identifier->previous = canonical->last;
    if (canonical->last != NULL) {
        canonical->last->next = identifier;
    } else {
        canonical->first = identifier;
    }
    canonical->last = identifier;
    canonical->identifier_count++;
    if (identifier->kind == IDENTIFIER_USER && canonical->owner == NULL) {
        canonical->owner = identifier;
    }
}

static int
link_new(struct identity *identity, enum identifier_kind kind, struct text value, uint32_t person)
{
    struct identifier_key key = {.kind = kind, .value = value};
    struct identifier *identifier = region_take(identity->region, sizeof(*identifier) + value.bytes);
    struct identifier **slot = identifier == NULL ? NULL : table_add(&identity->identifiers);

    if (slot == NULL) {
        return fault_new(-ENOMEM);
    }
    *slot = identifier;
    *identifier = (struct identifier){.bytes = (uint16_t)value.bytes, .kind = (uint8_t)kind};
    memcpy(identifier->value, value.data, value.bytes);
    attach(identity, identifier, person);
    return map_insert(&identity->by_identifier, identifier_hash(identity, key),
                      identity->identifiers.count - 1);
}

/* Only anonymous IDs change hands: an owner never loses the user ID it is named after. */
static void
relink(struct identity *identity, struct identifier *identifier, uint32_t person)
{
    struct canonical *from = identity_canonical(identity, identity_living(identity, identifier->canonical));

    ASSERT(identifier->kind == IDENTIFIER_ANONYMOUS);
    if (identifier->previous != NULL) {
        identifier->previous->next = identifier->next;
    } else {
        from->first = identifier->next;
    }
    if (identifier->next != NULL) {
        identifier->next->previous = identifier->previous;
    } else {
        from->last = identifier->previous;
    }
    from->identifier_count--;
    attach(identity, identifier, person);
}

static int
merge(struct identity *identity, uint32_t loser, uint32_t winner, const struct event_record *event,
      uint64_t position, struct identity_outcome *outcome)
{
    struct canonical *from = identity_canonical(identity, loser);
    struct canonical *into = identity_canonical(identity, winner);
    struct merge *row = table_add(&identity->merges);

    if (row == NULL) {
        return fault_new(-ENOMEM);
    }
    *row = (struct merge){
        .loser = loser, .winner = winner, .position = position, .event_time = event->event_time};
    if (from->first != NULL) {
        from->first->previous = into->last;
        if (into->last != NULL) {
            into->last->next = from->first;
        } else {
            into->first = from->first;
        }
        into->last = from->last;
        into->identifier_count += from->identifier_count;
        from->first = NULL;
        from->last = NULL;
        from->identifier_count = 0;
    }
    from->merged_into = winner;
    from->merged_by =
        identity->merges.count - 1; /* one event may merge twice, so its position is not enough */
    from->next_merged = into->first_merged;
    into->first_merged = loser;
    into->merge_count++;
    into->merged_count += from->merged_count + 1;
    identity->living--;
    outcome->merge_count++;
    return 0;
}

static bool
has_room(const struct identity *identity, uint32_t person, uint32_t identifiers)
{
    return identity_canonical(identity, person)->identifier_count + identifiers <= IDENTITY_IDENTIFIERS_MAX;
}

static bool
may_merge(const struct identity *identity, uint32_t loser, uint32_t winner)
{
    return has_room(identity, winner, identity_canonical(identity, loser)->identifier_count) &&
           identity_canonical(identity, winner)->merge_count < IDENTITY_MERGES_MAX;
}

/* Creates the canonical of a user ID that nobody has yet, and links it. */
static int
create_user(struct identity *identity, struct text user_id, uint32_t *out_person)
{
    int r = create(identity, "user", user_id, out_person);

    if (r != 0) {
        return fault_up(r);
    }
    return link_new(identity, IDENTIFIER_USER, user_id, *out_person);
}

/* The identifier half of an alias call: joins what P stands for to U, where that is allowed. */
static int
apply_alias(struct identity *identity, const struct event_record *event, uint64_t position,
            struct identity_outcome *outcome)
{
    struct text user_id = event_text(event, EVENT_USER_ID);
    struct text previous_id = event_text(event, EVENT_PREVIOUS_ID);
    uint32_t user = identity_find(identity, IDENTIFIER_USER, user_id);
    uint32_t previous = identity_find(identity, IDENTIFIER_USER, previous_id);
    int r;

    if (previous == IDENTITY_NONE) {
        previous = identity_find(identity, IDENTIFIER_ANONYMOUS, previous_id);
    }
    if (previous == IDENTITY_NONE) {
        if (user == IDENTITY_NONE) {
            r = create_user(identity, user_id, &user);
            if (r != 0) {
                return fault_up(r);
            }
        }
        if (!has_room(identity, user, 1)) {
            outcome->limit_reached = true;
            return 0;
        }
        return link_new(identity, IDENTIFIER_ANONYMOUS, previous_id, user);
    }

    bool has_owner = identity_canonical(identity, previous)->owner != NULL;
    if (user == IDENTITY_NONE) {
        if (!has_owner && has_room(identity, previous, 1)) {
            return link_new(identity, IDENTIFIER_USER, user_id, previous);
        }
        outcome->alias_refused |= has_owner;
        outcome->limit_reached |= !has_owner;
        return create_user(identity, user_id, &user);
    }
    if (user == previous) {
        return 0;
    }
    if (has_owner) {
        outcome->alias_refused = true;
        return 0;
    }
    if (!may_merge(identity, previous, user)) {
        outcome->limit_reached = true;
        return 0;
    }
    return merge(identity, previous, user, event, position, outcome);
}

/* The rows of the table that have both A and U. */
static int
apply_both(struct identity *identity, const struct event_record *event, uint64_t position,
           struct identity_outcome *outcome)
{
    struct text anonymous_id = event_text(event, EVENT_ANONYMOUS_ID);
    struct text user_id = event_text(event, EVENT_USER_ID);
    struct identifier *device = find_identifier(identity, IDENTIFIER_ANONYMOUS, anonymous_id);
    uint32_t anonymous = device == NULL ? IDENTITY_NONE : identity_living(identity, device->canonical);
    uint32_t user = identity_find(identity, IDENTIFIER_USER, user_id);
    bool has_owner = device != NULL && identity_canonical(identity, anonymous)->owner != NULL;
    int r;

    if (user == IDENTITY_NONE) {
        if (device != NULL && !has_owner && has_room(identity, anonymous, 1)) {
            outcome->person = anonymous;
            return link_new(identity, IDENTIFIER_USER, user_id, anonymous);
        }
        r = create_user(identity, user_id, &user);
        if (r != 0) {
            return fault_up(r);
        }
        outcome->person = user;
        if (device == NULL) {
            return link_new(identity, IDENTIFIER_ANONYMOUS, anonymous_id, user);
        }
        if (has_owner) {
            relink(identity, device, user); /* the device changed hands */
        } else {
            outcome->limit_reached = true;
        }
        return 0;
    }

    outcome->person = user;
    if (anonymous == user) {
        return 0;
    }
    if (device != NULL && !has_owner) {
        if (may_merge(identity, anonymous, user)) {
            return merge(identity, anonymous, user, event, position, outcome);
        }
        outcome->limit_reached = true;
        return 0;
    }
    if (!has_room(identity, user, 1)) {
        outcome->limit_reached = true;
        return 0;
    }
    if (device == NULL) {
        return link_new(identity, IDENTIFIER_ANONYMOUS, anonymous_id, user);
    }
    relink(identity, device, user);
    return 0;
}

static int
apply_one(struct identity *identity, enum identifier_kind kind, struct text value,
          struct identity_outcome *outcome)
{
    int r;

    outcome->person = identity_find(identity, kind, value);
    if (outcome->person != IDENTITY_NONE) {
        return 0;
    }
    r = create(identity, kind == IDENTIFIER_USER ? "user" : "anon", value, &outcome->person);
    if (r != 0) {
        return fault_up(r);
    }
    return link_new(identity, kind, value, outcome->person);
}

int
identity_apply(struct identity *identity, const struct event_record *event, uint64_t position,
               struct identity_outcome *out_outcome)
{
    struct text anonymous_id = event_text(event, EVENT_ANONYMOUS_ID);
    struct text user_id = event_text(event, EVENT_USER_ID);
    struct text previous_id = event_text(event, EVENT_PREVIOUS_ID);

    REQUIRE(anonymous_id.bytes + user_id.bytes > 0);
    *out_outcome = (struct identity_outcome){.person = IDENTITY_NONE};

    if (previous_id.bytes > 0 && user_id.bytes > 0 && !text_equal(previous_id, user_id) &&
        text_equal(event_text(event, EVENT_EVENT_TYPE), TEXT("alias"))) {
        int r = apply_alias(identity, event, position, out_outcome);
        if (r != 0) {
            return fault_up(r);
        }
    }
    if (user_id.bytes == 0) {
        return apply_one(identity, IDENTIFIER_ANONYMOUS, anonymous_id, out_outcome);
    }
    if (anonymous_id.bytes == 0) {
        return apply_one(identity, IDENTIFIER_USER, user_id, out_outcome);
    }
    return apply_both(identity, event, position, out_outcome);
}
