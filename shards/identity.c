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
 *   NAME          of whom it makes, if it makes somebody: names are tried until one was never used; and the record that
 *                 gets its UUID
 *   COMPLETE      identity_apply() may follow
 *
 * A stage begins when everything of the one before is there. What had to be waited for may have pushed out what was
 * there before it, so when it has come all begins anew. Most events are complete after the first stage: they change
 * nothing, because all that they name stands for one person.
 */

#define NAME_BYTES_MAX 320u
#define PEOPLE_ROOM_MIN 4u
#define PEOPLE_ROOM_GROWTH 4u

void
identity_init(struct identity *identity, struct region *region, struct log_store *store,
              struct text tenant_id, struct hash_key secret)
{
    static const char *const kinds[IDENTITY_KIND_COUNT] = {
        [IDENTITY_USER] = "user identifiers",
        [IDENTITY_ANONYMOUS] = "anonymous identifiers",
        [IDENTITY_CANONICAL] = "canonicals",
        [IDENTITY_PEOPLE] = "people by number",
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
    merges_init(&identity->merges, region);
}

void
identity_deinit(struct identity *identity)
{
    merges_deinit(&identity->merges);
}

static uint32_t
canonical_bytes(uint32_t identifier_count)
{
    return (uint32_t)(sizeof(struct canonical) + identifier_count * sizeof(struct store_key));
}

static uint32_t
people_bytes(uint32_t room)
{
    return (uint32_t)(sizeof(struct identity_people) + room * sizeof(struct uuid));
}

static struct store_key
key_of_hash(struct hash128 hash)
{
    struct store_key key;

    static_assert(sizeof(key) == sizeof(hash), "a keyed hash is a key");
    memcpy(&key, &hash, sizeof(key));
    return key;
}

/* A UUID is a hash of its tenant and name already, so it needs no more than the secret. */
struct store_key
identity_canonical_key(const struct identity *identity, struct uuid uuid)
{
    struct hash_key secret = identity->keys[IDENTITY_CANONICAL];
    struct hash128 hash;

    memcpy(&hash, &uuid, sizeof(hash));
    hash.lo ^= secret.lo;
    hash.hi ^= secret.hi;
    return key_of_hash(hash);
}

/* Numbers are not chosen by anybody. */
struct store_key
identity_people_key(const struct identity *identity, uint32_t person)
{
    struct hash_key secret = identity->keys[IDENTITY_PEOPLE];

    return key_of_hash((struct hash128){.lo = secret.lo + person / IDENTITY_PEOPLE_COUNT, .hi = secret.hi});
}

struct store_key
identity_key(const struct identity *identity, enum identity_kind kind, struct text value)
{
    struct uuid uuid;

    if (kind == IDENTITY_CANONICAL) {
        REQUIRE(value.bytes == sizeof(uuid));
        memcpy(&uuid, value.data, sizeof(uuid));
        return identity_canonical_key(identity, uuid);
    }
    return key_of_hash(hash128_keyed_one(identity->keys[kind], value));
}

struct uuid
identity_uuid(const void *record, uint32_t person)
{
    const struct identity_people *people = record;

    ASSERT(people->kind == IDENTITY_PEOPLE);
    ASSERT(person % IDENTITY_PEOPLE_COUNT < people->room);
    return people->uuids[person % IDENTITY_PEOPLE_COUNT];
}

/* Two values of one key would take 2^64 of them, or the store's secret. */
static inline bool
is_of(const void *record, enum identity_kind kind, struct text value)
{
    const struct identifier *identifier = record;

    return identifier->kind == kind &&
           (kind == IDENTITY_CANONICAL ||
            text_equal(value, (struct text){.data = identifier->value, .bytes = identifier->bytes}));
}

void
identity_restore(struct identity *identity, uint32_t person_count)
{
    REQUIRE(identity->person_count == 0);
    identity->person_count = person_count;
}

int
identity_restore_merges(struct identity *identity, const struct merge *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t loser = rows[i].loser;
        uint32_t winner = rows[i].winner;
        int r;

        if (loser >= identity->person_count || winner >= identity->person_count || loser == winner ||
            merges_living(&identity->merges, loser) != loser ||
            merges_living(&identity->merges, winner) != winner) {
            return fault_new(-EUCLEAN);
        }
        r = merges_add(&identity->merges, rows[i]);
        if (r != 0) {
            return fault_up(r);
        }
    }
    return 0;
}

struct who
identity_found(const struct identity *identity, const void *record, enum identity_kind kind,
               struct text value)
{
    struct who who = {.person = IDENTITY_NONE};
    const struct identifier *identifier = record;
    const struct canonical *canonical = record;

    if (record == NULL) {
        return who;
    }
    AUDIT(is_of(record, kind, value));
    if (kind == IDENTITY_CANONICAL) {
        who.person = canonical->person;
        memcpy(&who.uuid, value.data, sizeof(who.uuid));
    } else {
        who.person = identifier->person;
        who.uuid = identifier->uuid;
    }
    return merges_winner(&identity->merges, who);
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
    if (step == 0) {
        log_store_prefetch(identity->store, key);
    } else {
        log_store_prefetch_record(identity->store, key);
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
look_up_done(struct log_store_waiter *waiter)
{
    struct identity_look_up *look_up = CONTAINER_OF(waiter, struct identity_look_up, waiter);

    ASSERT(look_up->of->late_count > 0);
    look_up->of->late_count--;
}

static void
look_up(struct identity_case *of, struct identity_look_up *look_up, struct store_key key)
{
    look_up->key = key;
    look_up->record = NULL;
    look_up->of = of;
    look_up->waiter.arrived = look_up_done;
    if (log_store_find(of->identity->store, look_up->key, &look_up->waiter, &look_up->record,
                       &look_up->bytes) == LOG_STORE_LATER) {
        of->late_count++;
    }
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
        look_up(of, &of->user, keys->user);
    }
    if (of->anonymous_id.bytes > 0) {
        look_up(of, &of->device, keys->device);
    }
    if (of->previous_id.bytes > 0) {
        look_up(of, &of->previous_user, identity_key(of->identity, IDENTITY_USER, of->previous_id));
        look_up(of, &of->previous_device, identity_key(of->identity, IDENTITY_ANONYMOUS, of->previous_id));
    }
}

static struct who
user_now(const struct identity_case *of)
{
    return identity_found(of->identity, of->user.record, IDENTITY_USER, of->user_id);
}

static struct who
device_now(const struct identity_case *of)
{
    return identity_found(of->identity, of->device.record, IDENTITY_ANONYMOUS, of->anonymous_id);
}

/* A previous ID is a user before it is a device. */
static struct who
previous_now(const struct identity_case *of)
{
    return of->previous_user.record != NULL
               ? identity_found(of->identity, of->previous_user.record, IDENTITY_USER, of->previous_id)
               : identity_found(of->identity, of->previous_device.record, IDENTITY_ANONYMOUS,
                                of->previous_id);
}

static uint32_t
user_of(const struct identity_case *of)
{
    return user_now(of).person;
}

static uint32_t
device_of(const struct identity_case *of)
{
    return device_now(of).person;
}

static uint32_t
previous_of(const struct identity_case *of)
{
    return previous_now(of).person;
}

static bool
add_once(struct identity_case *of, struct who who)
{
    if (who.person == IDENTITY_NONE) {
        return false;
    }
    for (uint32_t i = 0; i < of->canonical_count; i++) {
        if (of->people[i].person == who.person) {
            return true;
        }
    }
    ASSERT(of->canonical_count < COUNT_OF(of->people));
    of->people[of->canonical_count++] = who;
    return true;
}

/* True: they are one person, who is known already, and nothing changes. */
static bool
look_up_canonicals(struct identity_case *of)
{
    bool is_known = true;

    of->canonical_count = 0;
    if (of->user_id.bytes > 0) {
        is_known &= add_once(of, user_now(of));
    }
    if (of->anonymous_id.bytes > 0) {
        is_known &= add_once(of, device_now(of));
    }
    if (of->previous_id.bytes > 0) {
        is_known &= add_once(of, previous_now(of));
    }
    if (is_known && of->canonical_count == 1) {
        of->who = of->people[0];
        return true;
    }
    of->who = (struct who){.person = IDENTITY_NONE};
    for (uint32_t i = 0; i < of->canonical_count; i++) {
        look_up(of, &of->canonicals[i], identity_canonical_key(of->identity, of->people[i].uuid));
    }
    return false;
}

static struct identity_look_up *
canonical_look_up(struct identity_case *of, uint32_t person)
{
    for (uint32_t i = 0;; i++) {
        ASSERT(i < of->canonical_count);
        if (of->people[i].person == person) {
            ASSERT(of->canonicals[i].record != NULL);
            return &of->canonicals[i];
        }
    }
}

static struct uuid
uuid_of(const struct identity_case *of, uint32_t person)
{
    for (uint32_t i = 0;; i++) {
        ASSERT(i < of->canonical_count);
        if (of->people[i].person == person) {
            return of->people[i].uuid;
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
    look_up(of, &of->name, identity_canonical_key(of->identity, of->uuid));
}

/* Name after name. */
static void
look_up_whom_it_makes(struct identity_case *of)
{
    of->name_generation = 0;
    look_up_name(of);
    while (of->late_count == 0 && of->name.record != NULL) {
        of->name_generation++;
        look_up_name(of);
    }
    look_up(of, &of->numbers, identity_people_key(of->identity, of->identity->person_count));
}

int
identity_look_up(const struct identity *identity, struct identity_case *of, const struct event_record *event,
                 const struct identity_keys *keys)
{
    if (of->event == NULL) {
        of->event = event;
        of->identity = identity;
        of->late_count = 0;
        of->is_complete = false;
    }
    REQUIRE(of->event == event);
    if (of->late_count > 0) {
        return LOG_STORE_LATER;
    }
    look_up_identifiers(of, keys);
    if (of->late_count == 0 && !look_up_canonicals(of) && of->late_count == 0 && makes_somebody(of)) {
        look_up_whom_it_makes(of);
    }
    of->is_complete = of->late_count == 0;
    return of->is_complete ? 0 : LOG_STORE_LATER;
}

/* ---- The rules. ---- */

static int
add(struct identity *identity, struct identity_look_up *look_up, uint32_t bytes)
{
    ASSERT(look_up->record == NULL);
    look_up->record = log_store_add(identity->store, look_up->key, bytes);
    look_up->bytes = bytes;
    return look_up->record == NULL ? fault_new(-ENOMEM) : 0;
}

/* Before anything in a record is written. It has `bytes` then. */
static int
change(struct identity *identity, struct identity_look_up *look_up, uint32_t bytes)
{
    look_up->record = log_store_change(identity->store, look_up->key, look_up->record, bytes);
    look_up->bytes = bytes;
    return look_up->record == NULL ? fault_new(-ENOMEM) : 0;
}

/* The next number is the UUID's. */
static int
add_number(struct identity *identity, struct identity_look_up *look_up, struct uuid uuid)
{
    uint32_t at = identity->person_count % IDENTITY_PEOPLE_COUNT;
    struct identity_people *people = look_up->record;
    uint32_t room = people == NULL ? 0 : people->room;
    int r;

    ASSERT(at <= room);
    if (at == room) {
        room = room == 0 ? PEOPLE_ROOM_MIN : room * PEOPLE_ROOM_GROWTH;
    }
    r = people == NULL ? add(identity, look_up, people_bytes(room))
                       : change(identity, look_up, people_bytes(room));
    if (r != 0) {
        return fault_up(r);
    }
    people = look_up->record;
    if (at == 0) {
        *people = (struct identity_people){.kind = IDENTITY_PEOPLE};
    }
    if (people->room != room) {
        memset(&people->uuids[at], 0, (room - at) * sizeof(people->uuids[0]));
        people->room = (uint8_t)room;
    }
    people->uuids[at] = uuid;
    identity->person_count++;
    return 0;
}

/* Makes the canonical whose name was looked up. */
static int
create(struct identity *identity, struct identity_case *of, uint32_t *out_person)
{
    struct who who = {.person = identity->person_count, .uuid = of->uuid};
    struct identity_look_up *look_up = &of->canonicals[of->canonical_count];
    int r;

    ASSERT(of->canonical_count < COUNT_OF(of->canonicals));
    r = add_number(identity, &of->numbers, of->uuid);
    if (r != 0) {
        return fault_up(r);
    }
    look_up->key = of->name.key;
    look_up->record = NULL;
    r = add(identity, look_up, canonical_bytes(1)); /* it is about to have one */
    if (r != 0) {
        return fault_up(r);
    }
    memset(look_up->record, 0, canonical_bytes(1));
    *(struct canonical *)look_up->record =
        (struct canonical){.kind = IDENTITY_CANONICAL, .person = who.person};
    of->people[of->canonical_count++] = who;
    *out_person = who.person;
    return 0;
}

/* To be changed, with room for so many identifiers. */
static int
change_canonical(struct identity *identity, struct identity_look_up *look_up, uint32_t identifier_count)
{
    uint32_t bytes = canonical_bytes(identifier_count);

    ASSERT(identifier_count <= IDENTITY_IDENTIFIERS_MAX);
    return change(identity, look_up, bytes > look_up->bytes ? bytes : look_up->bytes);
}

/* At the end of its canonical's list. The identifier can be changed. */
static int
attach(struct identity *identity, struct identity_case *of, const struct identity_look_up *linked,
       uint32_t person)
{
    struct identity_look_up *look_up = canonical_look_up(of, person);
    struct canonical *canonical = look_up->record;
    struct identifier *identifier = linked->record;
    int r = change_canonical(identity, look_up, canonical->identifier_count + 1u);

    if (r != 0) {
        return fault_up(r);
    }
    canonical = look_up->record;
    canonical->identifiers[canonical->identifier_count++] = linked->key;
    canonical->has_owner |= identifier->kind == IDENTITY_USER;
    identifier->person = person;
    identifier->uuid = uuid_of(of, person);
    return 0;
}

static int
link_new(struct identity *identity, struct identity_case *of, struct identity_look_up *look_up,
         enum identity_kind kind, struct text value, uint32_t person)
{
    struct identifier *identifier;
    int r = add(identity, look_up, (uint32_t)sizeof(*identifier) + value.bytes);

    if (r != 0) {
        return fault_up(r);
    }
    identifier = look_up->record;
    *identifier = (struct identifier){.kind = (uint8_t)kind, .bytes = (uint16_t)value.bytes};
    memcpy(identifier->value, value.data, value.bytes);
    return attach(identity, of, look_up, person);
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
        of->device.bytes = of->previous_device.bytes;
    }
    return 0;
}

/* Only anonymous IDs change hands: an owner never loses the user ID it is named after. */
static int
relink(struct identity *identity, struct identity_case *of, uint32_t person)
{
    struct identity_look_up *linked = &of->device;
    struct identity_look_up *look_up = canonical_look_up(of, device_of(of));
    struct canonical *from;
    uint32_t at = 0;
    int r = change(identity, look_up, look_up->bytes);

    if (r == 0) {
        r = change(identity, linked, linked->bytes);
    }
    if (r != 0) {
        return fault_up(r);
    }
    from = look_up->record;
    while (memcmp(&from->identifiers[at], &linked->key, sizeof(linked->key)) != 0) {
        at++;
        ASSERT(at < from->identifier_count);
    }
    from->identifier_count--;
    memmove(&from->identifiers[at], &from->identifiers[at + 1],
            (from->identifier_count - at) * sizeof(from->identifiers[0]));
    return attach(identity, of, linked, person);
}

static int
merge(struct identity *identity, struct identity_case *of, uint32_t loser, uint32_t winner, uint64_t position,
      struct identity_outcome *outcome)
{
    struct identity_look_up *from_look_up = canonical_look_up(of, loser);
    struct identity_look_up *into_look_up = canonical_look_up(of, winner);
    struct canonical *from = from_look_up->record;
    struct canonical *into = into_look_up->record;
    int r =
        change_canonical(identity, into_look_up, (uint32_t)into->identifier_count + from->identifier_count);

    if (r != 0) {
        return fault_up(r);
    }
    into = into_look_up->record;
    memcpy(&into->identifiers[into->identifier_count], from->identifiers,
           from->identifier_count * sizeof(from->identifiers[0]));
    into->identifier_count += from->identifier_count;
    into->merge_count++;
    into->merged_count += from->merged_count + 1;

    r = change(identity, from_look_up, canonical_bytes(0));
    if (r != 0) {
        return fault_up(r);
    }
    from = from_look_up->record;
    from->identifier_count = 0;
    r = merges_add(&identity->merges, (struct merge){
                                          .loser = loser,
                                          .winner = winner,
                                          .position = position,
                                          .event_time = of->event->event_time,
                                          .loser_uuid = uuid_of(of, loser),
                                          .winner_uuid = uuid_of(of, winner),
                                      });
    if (r != 0) {
        return fault_up(r);
    }
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

    outcome->who.person = user;
    if (user != IDENTITY_NONE && device == user) {
        return 0;
    }

    bool has_owner = device != IDENTITY_NONE && canonical_of(of, device)->has_owner;
    if (user == IDENTITY_NONE) {
        if (device != IDENTITY_NONE && may_own(of, device)) {
            outcome->who.person = device;
            return link_user(identity, of, device);
        }
        r = create_user(identity, of, &user);
        if (r != 0) {
            return fault_up(r);
        }
        outcome->who.person = user;
        if (device == IDENTITY_NONE) {
            return link_device(identity, of, user);
        }
        if (has_owner) {
            return relink(identity, of, user); /* the device changed hands */
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
    return relink(identity, of, user);
}

static int
apply_one(struct identity *identity, struct identity_case *of, struct identity_outcome *outcome)
{
    bool is_user = of->user_id.bytes > 0;
    int r;

    outcome->who.person = is_user ? user_of(of) : device_of(of);
    if (outcome->who.person != IDENTITY_NONE) {
        return 0;
    }
    r = create(identity, of, &outcome->who.person);
    if (r != 0) {
        return fault_up(r);
    }
    return is_user ? link_user(identity, of, outcome->who.person)
                   : link_device(identity, of, outcome->who.person);
}

/* Whom an identifier stood for has lost: the winner stands in it from now on, and the next event need not ask. */
static int
catch_up(struct identity *identity, struct identity_look_up *linked, struct who who)
{
    struct identifier *identifier = linked->record;
    int r;

    if (LIKELY(identifier == NULL || identifier->person == who.person)) {
        return 0;
    }
    r = change(identity, linked, linked->bytes);
    if (r != 0) {
        return fault_up(r);
    }
    identifier = linked->record;
    identifier->person = who.person;
    identifier->uuid = who.uuid;
    return 0;
}

int
identity_apply(struct identity *identity, struct identity_case *of, uint64_t position,
               struct identity_outcome *out_outcome)
{
    int r = 0;

    REQUIRE(of->event != NULL);
    REQUIRE(of->identity == identity);
    REQUIRE(of->is_complete);
    *out_outcome = (struct identity_outcome){.who = of->who};
    if (of->who.person != IDENTITY_NONE) {
        r = catch_up(identity, &of->user, of->who);
        r = r != 0 ? r : catch_up(identity, &of->device, of->who);
    } else {
        r = of->previous_id.bytes > 0 ? apply_alias(identity, of, position, out_outcome) : 0;
        if (r == 0) {
            r = of->user_id.bytes > 0 && of->anonymous_id.bytes > 0
                    ? apply_both(identity, of, position, out_outcome)
                    : apply_one(identity, of, out_outcome);
        }
        if (r == 0) {
            out_outcome->who.uuid = uuid_of(of, out_outcome->who.person);
        }
    }
    of->event = NULL;
    return r;
}
