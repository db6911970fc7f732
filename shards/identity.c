/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/identity.h"

#include "core/hash.h"
#include "core/uuid.h"

#include <errno.h>
#include <stdio.h>

/*
 * The way of an event:
 *
 *   IDENTIFIERS   those it names are looked up, all at once
 *   CANONICALS    of everybody they stand for, if they are not all known and one person already
 *   NAME          of whom it makes, if it makes somebody: names are tried until one was never used
 *   COMPLETE      identity_apply() may follow
 *
 * A stage begins when everything of the one before is there. Most events are complete after the first: they change
 * nothing, because all that they name stands for one person.
 */

#define NAME_BYTES_MAX 320u

void
identity_init(struct identity *identity, struct region *region, struct store *store, struct text tenant_id,
              struct hash_key secret)
{
    static const char *const kinds[IDENTITY_KIND_COUNT] = {
        [IDENTITY_USER] = "user identifiers",
        [IDENTITY_ANONYMOUS] = "anonymous identifiers",
        [IDENTITY_CANONICAL] = "canonicals",
    };
    char name[128];
    int bytes = snprintf(name, sizeof(name), "millrace/%.*s", (int)tenant_id.bytes, tenant_id.data);

    *identity = (struct identity){.region = region, .store = store};
    identity->tenant_namespace =
        uuid_v5(UUID_NAMESPACE_OID, (struct text){.data = name, .bytes = (uint32_t)bytes});
    for (uint32_t i = 0; i < IDENTITY_KIND_COUNT; i++) {
        struct hash128 key = hash128_keyed(secret, text_of(kinds[i]), tenant_id);

        identity->keys[i] = (struct hash_key){.lo = key.lo, .hi = key.hi};
    }
    table_init(&identity->persons, region, sizeof(struct identity_person));
    table_init(&identity->merges, region, sizeof(struct merge));
}

void
identity_deinit(struct identity *identity)
{
    table_deinit(&identity->persons);
    table_deinit(&identity->merges);
}

static uint64_t
canonical_bytes(uint32_t identifier_room)
{
    return sizeof(struct canonical) + identifier_room * sizeof(struct store_key);
}

void
identity_free_record(struct region *region, void *record)
{
    const struct identifier *identifier = record;
    const struct canonical *canonical = record;

    region_put(region, record,
               identifier->kind == IDENTITY_CANONICAL ? canonical_bytes(canonical->identifier_room)
                                                      : sizeof(*identifier) + identifier->bytes);
}

/* A UUID is a hash of its tenant and name already, so it needs no more than the secret. */
struct store_key
identity_key(const struct identity *identity, enum identity_kind kind, struct text value)
{
    struct hash_key secret = identity->keys[kind];
    struct hash128 hash;
    struct store_key key;

    if (kind == IDENTITY_CANONICAL) {
        REQUIRE(value.bytes == sizeof(hash));
        memcpy(&hash, value.data, sizeof(hash));
        hash.lo ^= secret.lo;
        hash.hi ^= secret.hi;
    } else {
        hash = hash128_keyed_one(secret, value);
    }
    static_assert(sizeof(key) == sizeof(hash), "a keyed hash is a key");
    memcpy(&key, &hash, sizeof(key));
    return key;
}

static struct text
uuid_value(const struct uuid *uuid)
{
    return (struct text){.data = (const char *)uuid->byte, .bytes = sizeof(uuid->byte)};
}

/* Two values of one key would take 2^64 of them, or the store's secret. */
static inline bool
is_of(const struct identity *identity, const void *record, enum identity_kind kind, struct text value)
{
    const struct identifier *identifier = record;

    if (identifier->kind != kind) {
        return false;
    }
    return text_equal(value, kind == IDENTITY_CANONICAL
                                 ? uuid_value(&identity_person(identity, identifier->person)->uuid)
                                 : (struct text){.data = identifier->value, .bytes = identifier->bytes});
}

uint32_t
identity_living(const struct identity *identity, uint32_t number)
{
    struct identity_person *person = identity_person(identity, number);

    while (person->merged_into != IDENTITY_NONE) {
        const struct identity_person *into = identity_person(identity, person->merged_into);

        if (into->merged_into != IDENTITY_NONE) {
            /* Halve the way for the next look; where it ends stays the same. */
            person->merged_into = into->merged_into;
        }
        number = person->merged_into;
        person = identity_person(identity, number);
    }
    return number;
}

uint32_t
identity_found(const struct identity *identity, const void *record, enum identity_kind kind,
               struct text value)
{
    const struct identifier *identifier = record;

    if (record == NULL) {
        return IDENTITY_NONE;
    }
    AUDIT(is_of(identity, record, kind, value));
    return identity_living(identity, identifier->person);
}

/* ---- What an event will probably touch is fetched from memory. ---- */

struct identity_keys
identity_keys(const struct identity *identity, const struct event_record *event)
{
    struct text user = event_text(event, EVENT_USER_ID);
    struct text device = event_text(event, EVENT_ANONYMOUS_ID);
    struct identity_keys keys = {0};

    if (user.bytes > 0) {
        keys.user = identity_key(identity, IDENTITY_USER, user);
    }
    if (device.bytes > 0) {
        keys.device = identity_key(identity, IDENTITY_ANONYMOUS, device);
    }
    return keys;
}

static void
prefetch_identifier(const struct identity *identity, struct store_key key, uint32_t step)
{
    const struct identifier *identifier;

    switch (step) {
    case 0:
        store_prefetch(identity->store, key);
        break;
    case 1:
        store_prefetch_record(identity->store, key);
        break;
    default:
        identifier = store_peek(identity->store, key);
        if (identifier != NULL) {
            __builtin_prefetch(identity_person(identity, identifier->person));
        }
        break;
    }
}

void
identity_prefetch(const struct identity *identity, const struct event_record *event,
                  const struct identity_keys *keys, uint32_t step)
{
    if (event_has(event, EVENT_USER_ID)) {
        prefetch_identifier(identity, keys->user, step);
    }
    if (event_has(event, EVENT_ANONYMOUS_ID)) {
        prefetch_identifier(identity, keys->device, step);
    }
}

/* ---- Everything an event can touch is looked up first. ---- */

static void
look_up_done(struct store_waiter *waiter, void *record)
{
    struct identity_look_up *look_up = CONTAINER_OF(waiter, struct identity_look_up, waiter);

    ASSERT(look_up->of->late_count > 0);
    look_up->record = record;
    look_up->of->late_count--;
}

static void
look_up_key(struct identity_case *of, struct identity_look_up *look_up, struct store_key key)
{
    look_up->key = key;
    look_up->record = NULL;
    look_up->of = of;
    look_up->waiter.arrived = look_up_done;
    if (store_find(of->identity->store, look_up->key, &look_up->waiter, &look_up->record) == STORE_LATER) {
        of->late_count++;
    }
}

static void
look_up(struct identity_case *of, struct identity_look_up *look_up, enum identity_kind kind,
        struct text value)
{
    look_up_key(of, look_up, identity_key(of->identity, kind, value));
}

static void
look_up_identifiers(struct identity_case *of, const struct identity_keys *keys)
{
    bool is_alias = event_has(of->event, EVENT_PREVIOUS_ID) &&
                    text_equal(event_text(of->event, EVENT_EVENT_TYPE), TEXT("alias"));

    of->user_id = event_text(of->event, EVENT_USER_ID);
    of->anonymous_id = event_text(of->event, EVENT_ANONYMOUS_ID);
    of->previous_id = is_alias ? event_text(of->event, EVENT_PREVIOUS_ID) : (struct text){0};
    REQUIRE(of->anonymous_id.bytes + of->user_id.bytes > 0);
    if (of->user_id.bytes == 0 || text_equal(of->previous_id, of->user_id)) {
        of->previous_id = (struct text){0};
    }
    of->user.record = NULL;
    of->device.record = NULL;
    of->previous_user.record = NULL;
    of->previous_device.record = NULL;
    if (of->user_id.bytes > 0) {
        look_up_key(of, &of->user, keys->user);
    }
    if (of->anonymous_id.bytes > 0) {
        look_up_key(of, &of->device, keys->device);
    }
    if (of->previous_id.bytes > 0) {
        look_up(of, &of->previous_user, IDENTITY_USER, of->previous_id);
        look_up(of, &of->previous_device, IDENTITY_ANONYMOUS, of->previous_id);
    }
}

static uint32_t
user_of(const struct identity_case *of)
{
    return identity_found(of->identity, of->user.record, IDENTITY_USER, of->user_id);
}

static uint32_t
device_of(const struct identity_case *of)
{
    return identity_found(of->identity, of->device.record, IDENTITY_ANONYMOUS, of->anonymous_id);
}

/* A previous ID is a user before it is a device. */
static uint32_t
previous_of(const struct identity_case *of)
{
    uint32_t user = identity_found(of->identity, of->previous_user.record, IDENTITY_USER, of->previous_id);

    return user != IDENTITY_NONE ? user
                                 : identity_found(of->identity, of->previous_device.record,
                                                  IDENTITY_ANONYMOUS, of->previous_id);
}

static bool
add_once(uint32_t *people, uint32_t *count, uint32_t person)
{
    if (person == IDENTITY_NONE) {
        return false;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (people[i] == person) {
            return true;
        }
    }
    people[(*count)++] = person;
    return true;
}

static void
look_up_canonicals(struct identity_case *of)
{
    uint32_t people[COUNT_OF(of->canonicals)];
    uint32_t count = 0;
    bool is_known = true;

    if (of->user_id.bytes > 0) {
        is_known &= add_once(people, &count, user_of(of));
    }
    if (of->anonymous_id.bytes > 0) {
        is_known &= add_once(people, &count, device_of(of));
    }
    if (of->previous_id.bytes > 0) {
        is_known &= add_once(people, &count, previous_of(of));
    }
    if (is_known && count == 1) {
        of->person = people[0];
        of->stage = CASE_COMPLETE;
        return;
    }
    of->person = IDENTITY_NONE;
    of->stage = CASE_CANONICALS;
    of->canonical_count = count;
    for (uint32_t i = 0; i < count; i++) {
        look_up(of, &of->canonicals[i], IDENTITY_CANONICAL,
                uuid_value(&identity_person(of->identity, people[i])->uuid));
    }
}

static struct identity_look_up *
canonical_look_up(struct identity_case *of, uint32_t person)
{
    uint32_t i = 0;

    for (;; i++) {
        ASSERT(i < of->canonical_count);
        const struct canonical *canonical = of->canonicals[i].record;
        ASSERT(canonical != NULL);
        if (canonical->person == person) {
            return &of->canonicals[i];
        }
    }
}

static struct canonical *
canonical_of(struct identity_case *of, uint32_t person)
{
    return canonical_look_up(of, person)->record;
}

static bool
has_room(const struct canonical *canonical, uint32_t identifiers)
{
    return canonical->identifier_count + identifiers <= IDENTITY_IDENTIFIERS_MAX;
}

static bool
may_own(struct identity_case *of, uint32_t person)
{
    return !canonical_of(of, person)->has_owner && has_room(canonical_of(of, person), 1);
}

/* An unknown user ID is linked to whom the event speaks of, where the rules allow that. */
static bool
makes_somebody(struct identity_case *of)
{
    uint32_t other = of->previous_id.bytes > 0 ? previous_of(of) : device_of(of);

    if (of->user_id.bytes == 0) {
        return other == IDENTITY_NONE;
    }
    return of->user.record == NULL && (other == IDENTITY_NONE || !may_own(of, other));
}

/* "user:U", then "user/1:U", "user/2:U" ... */
static void
look_up_name(struct identity_case *of)
{
    struct text value = of->user_id.bytes > 0 ? of->user_id : of->anonymous_id;
    const char *kind = of->user_id.bytes > 0 ? "user" : "anon";
    char name[NAME_BYTES_MAX];
    int bytes = of->name_generation == 0 ? snprintf(name, sizeof(name), "%s:", kind)
                                         : snprintf(name, sizeof(name), "%s/%u:", kind, of->name_generation);

    memcpy(name + bytes, value.data, value.bytes);
    of->uuid = uuid_v5(of->identity->tenant_namespace,
                       (struct text){.data = name, .bytes = (uint32_t)bytes + value.bytes});
    look_up(of, &of->name, IDENTITY_CANONICAL, uuid_value(&of->uuid));
}

int
identity_look_up(const struct identity *identity, struct identity_case *of, const struct event_record *event,
                 const struct identity_keys *keys)
{
    if (of->event == NULL) {
        of->event = event;
        of->identity = identity;
        of->late_count = 0;
        of->stage = CASE_IDENTIFIERS;
        look_up_identifiers(of, keys);
    }
    REQUIRE(of->event == event);
    while (of->late_count == 0) {
        switch (of->stage) {
        case CASE_IDENTIFIERS:
            look_up_canonicals(of);
            break;
        case CASE_CANONICALS:
            of->stage = CASE_COMPLETE;
            if (makes_somebody(of)) {
                of->stage = CASE_NAME;
                of->name_generation = 0;
                look_up_name(of);
            }
            break;
        case CASE_NAME:
            if (of->name.record == NULL) {
                of->stage = CASE_COMPLETE;
                break;
            }
            AUDIT(is_of(identity, of->name.record, IDENTITY_CANONICAL, uuid_value(&of->uuid)));
            of->name_generation++;
            look_up_name(of);
            break;
        case CASE_COMPLETE:
            return 0;
        }
    }
    return STORE_LATER;
}

/* ---- The rules. ---- */

static int
add_record(struct identity *identity, void *record)
{
    int r = store_add(identity->store, record);

    if (r != 0) {
        identity_free_record(identity->region, record);
        return fault_up(r);
    }
    return 0;
}

/* Makes the canonical whose name was looked up. */
static int
create(struct identity *identity, struct identity_case *of, uint32_t *out_person)
{
    struct identity_person *person = table_add(&identity->persons);
    struct canonical *canonical = region_take(identity->region, canonical_bytes(1));
    struct identity_look_up *look_up = &of->canonicals[of->canonical_count];

    ASSERT(of->name.record == NULL);
    ASSERT(of->canonical_count < COUNT_OF(of->canonicals));
    if (person == NULL || canonical == NULL) {
        region_put(identity->region, canonical, canonical_bytes(1));
        return fault_new(-ENOMEM);
    }
    *person = (struct identity_person){
        .uuid = of->uuid, .merged_into = IDENTITY_NONE, .newest_merge = IDENTITY_NONE};
    *canonical = (struct canonical){
        .key = of->name.key,
        .person = identity->persons.count - 1,
        .kind = IDENTITY_CANONICAL,
        .identifier_room = 1,
    };
    *out_person = canonical->person;
    identity->living++;
    look_up->record = canonical;
    of->canonical_count++;
    return add_record(identity, canonical);
}

/* Makes room for more identifiers; the record is another one then. */
static int
widen(struct identity *identity, struct identity_look_up *look_up, uint32_t identifier_count)
{
    struct canonical *canonical = look_up->record;
    uint32_t room = canonical->identifier_room;
    struct canonical *wider;

    ASSERT(identifier_count <= IDENTITY_IDENTIFIERS_MAX);
    if (identifier_count <= room) {
        return 0;
    }
    while (room < identifier_count) {
        room *= 2;
    }
    wider = region_take(identity->region, canonical_bytes(room));
    if (wider == NULL) {
        return fault_new(-ENOMEM);
    }
    memcpy(wider, canonical, canonical_bytes(canonical->identifier_count));
    wider->identifier_room = (uint16_t)room;
    look_up->record = wider;
    identity_free_record(identity->region, store_replace(identity->store, wider));
    return 0;
}

/* At the end of its canonical's list. */
static int
attach(struct identity *identity, struct identity_case *of, struct identifier *identifier, uint32_t person)
{
    struct identity_look_up *look_up = canonical_look_up(of, person);
    struct canonical *canonical = look_up->record;
    int r = widen(identity, look_up, canonical->identifier_count + 1u);

    if (r != 0) {
        return fault_up(r);
    }
    canonical = look_up->record;
    canonical->identifiers[canonical->identifier_count++] = identifier->key;
    canonical->has_owner |= identifier->kind == IDENTITY_USER;
    identifier->person = person;
    return 0;
}

static int
link_new(struct identity *identity, struct identity_case *of, struct identity_look_up *look_up,
         enum identity_kind kind, struct text value, uint32_t person)
{
    struct identifier *identifier = region_take(identity->region, sizeof(*identifier) + value.bytes);
    int r;

    if (identifier == NULL) {
        return fault_new(-ENOMEM);
    }
    *identifier =
        (struct identifier){.key = look_up->key, .kind = (uint8_t)kind, .bytes = (uint16_t)value.bytes};
    memcpy(identifier->value, value.data, value.bytes);
    look_up->record = identifier;
    r = add_record(identity, identifier);
    if (r != 0) {
        return fault_up(r);
    }
    return attach(identity, of, identifier, person);
}

static int
link_user(struct identity *identity, struct identity_case *of, uint32_t person)
{
    return link_new(identity, of, &of->user, IDENTITY_USER, of->user_id, person);
}

static int
link_device(struct identity *identity, struct identity_case *of, uint32_t person)
{
    return link_new(identity, of, &of->device, IDENTITY_ANONYMOUS, of->anonymous_id, person);
}

/* The event's own device may be the same identifier. */
static int
link_previous(struct identity *identity, struct identity_case *of, uint32_t person)
{
    int r = link_new(identity, of, &of->previous_device, IDENTITY_ANONYMOUS, of->previous_id, person);

    if (r != 0) {
        return fault_up(r);
    }
    if (text_equal(of->previous_id, of->anonymous_id)) {
        of->device.record = of->previous_device.record;
    }
    return 0;
}

/* Only anonymous IDs change hands: an owner never loses the user ID it is named after. */
static int
relink(struct identity *identity, struct identity_case *of, struct identifier *identifier, uint32_t person)
{
    struct canonical *from = canonical_of(of, identity_living(identity, identifier->person));
    uint32_t at = 0;

    ASSERT(identifier->kind == IDENTITY_ANONYMOUS);
    while (memcmp(&from->identifiers[at], &identifier->key, sizeof(identifier->key)) != 0) {
        at++;
        ASSERT(at < from->identifier_count);
    }
    from->identifier_count--;
    memmove(&from->identifiers[at], &from->identifiers[at + 1],
            (from->identifier_count - at) * sizeof(from->identifiers[0]));
    return attach(identity, of, identifier, person);
}

static int
merge(struct identity *identity, struct identity_case *of, uint32_t loser, uint32_t winner, uint64_t position,
      struct identity_outcome *outcome)
{
    struct canonical *from = canonical_of(of, loser);
    struct identity_look_up *look_up = canonical_look_up(of, winner);
    struct canonical *into = look_up->record;
    struct merge *row = table_add(&identity->merges);
    int r = row == NULL ? fault_new(-ENOMEM)
                        : widen(identity, look_up, (uint32_t)into->identifier_count + from->identifier_count);

    if (r != 0) {
        return fault_up(r);
    }
    into = look_up->record;
    *row = (struct merge){
        .loser = loser,
        .winner = winner,
        .position = position,
        .event_time = of->event->event_time,
        .before = identity_person(identity, winner)->newest_merge,
    };
    memcpy(&into->identifiers[into->identifier_count], from->identifiers,
           from->identifier_count * sizeof(from->identifiers[0]));
    into->identifier_count += from->identifier_count;
    into->merge_count++;
    into->merged_count += from->merged_count + 1;
    from->identifier_count = 0;
    identity_person(identity, loser)->merged_into = winner;
    identity_person(identity, winner)->newest_merge = identity->merges.count - 1;
    identity->living--;
    outcome->merge_count++;
    return 0;
}

static bool
may_merge(struct identity_case *of, uint32_t loser, uint32_t winner)
{
    const struct canonical *into = canonical_of(of, winner);

    return has_room(into, canonical_of(of, loser)->identifier_count) &&
           into->merge_count < IDENTITY_MERGES_MAX;
}

/* Creates the canonical of a user ID that nobody has yet, and links it. */
static int
create_user(struct identity *identity, struct identity_case *of, uint32_t *out_person)
{
    int r = create(identity, of, out_person);

    if (r != 0) {
        return fault_up(r);
    }
    return link_user(identity, of, *out_person);
}

/* The identifier half of an alias call: joins what P stands for to U, where that is allowed. */
static int
apply_alias(struct identity *identity, struct identity_case *of, uint64_t position,
            struct identity_outcome *outcome)
{
    uint32_t user = user_of(of);
    uint32_t previous = previous_of(of);
    int r;

    if (previous == IDENTITY_NONE) {
        if (user == IDENTITY_NONE) {
            r = create_user(identity, of, &user);
            if (r != 0) {
                return fault_up(r);
            }
        }
        if (!has_room(canonical_of(of, user), 1)) {
            outcome->limit_reached = true;
            return 0;
        }
        return link_previous(identity, of, user);
    }
    if (user == previous) {
        return 0;
    }

    bool has_owner = canonical_of(of, previous)->has_owner;
    if (user == IDENTITY_NONE) {
        if (may_own(of, previous)) {
            return link_user(identity, of, previous);
        }
        outcome->alias_refused |= has_owner;
        outcome->limit_reached |= !has_owner;
        return create_user(identity, of, &user);
    }
    if (has_owner) {
        outcome->alias_refused = true;
        return 0;
    }
    if (!may_merge(of, previous, user)) {
        outcome->limit_reached = true;
        return 0;
    }
    return merge(identity, of, previous, user, position, outcome);
}

/* The rows of the table that have both A and U. */
static int
apply_both(struct identity *identity, struct identity_case *of, uint64_t position,
           struct identity_outcome *outcome)
{
    uint32_t device = device_of(of);
    uint32_t user = user_of(of);
    int r;

    outcome->person = user;
    if (user != IDENTITY_NONE && device == user) {
        return 0;
    }

    bool has_owner = device != IDENTITY_NONE && canonical_of(of, device)->has_owner;
    if (user == IDENTITY_NONE) {
        if (device != IDENTITY_NONE && may_own(of, device)) {
            outcome->person = device;
            return link_user(identity, of, device);
        }
        r = create_user(identity, of, &user);
        if (r != 0) {
            return fault_up(r);
        }
        outcome->person = user;
        if (device == IDENTITY_NONE) {
            return link_device(identity, of, user);
        }
        if (has_owner) {
            return relink(identity, of, of->device.record, user); /* the device changed hands */
        }
        outcome->limit_reached = true;
        return 0;
    }

    if (device != IDENTITY_NONE && !has_owner) {
        if (may_merge(of, device, user)) {
            return merge(identity, of, device, user, position, outcome);
        }
        outcome->limit_reached = true;
        return 0;
    }
    if (!has_room(canonical_of(of, user), 1)) {
        outcome->limit_reached = true;
        return 0;
    }
    if (device == IDENTITY_NONE) {
        return link_device(identity, of, user);
    }
    return relink(identity, of, of->device.record, user);
}

static int
apply_one(struct identity *identity, struct identity_case *of, struct identity_outcome *outcome)
{
    bool is_user = of->user_id.bytes > 0;
    int r;

    outcome->person = is_user ? user_of(of) : device_of(of);
    if (outcome->person != IDENTITY_NONE) {
        return 0;
    }
    r = create(identity, of, &outcome->person);
    if (r != 0) {
        return fault_up(r);
    }
    return is_user ? link_user(identity, of, outcome->person) : link_device(identity, of, outcome->person);
}

int
identity_apply(struct identity *identity, struct identity_case *of, uint64_t position,
               struct identity_outcome *out_outcome)
{
    int r = 0;

    REQUIRE(of->event != NULL);
    REQUIRE(of->identity == identity);
    REQUIRE(of->stage == CASE_COMPLETE);
    *out_outcome = (struct identity_outcome){.person = of->person};
    if (of->previous_id.bytes > 0 && of->person == IDENTITY_NONE) {
        r = apply_alias(identity, of, position, out_outcome);
    }
    if (r == 0 && of->person == IDENTITY_NONE) {
        r = of->user_id.bytes > 0 && of->anonymous_id.bytes > 0
                ? apply_both(identity, of, position, out_outcome)
                : apply_one(identity, of, out_outcome);
    }
    of->event = NULL;
    return r;
}
