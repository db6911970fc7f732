/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/dedup.h"

#include "storage/state_file.h"

#include <errno.h>

#define RING_COUNT_FIRST 1024u
#define AHEAD_COUNT 8u     /* entries that are fetched from memory ahead */
#define ROWS_A_LOOK 256u   /* between two looks at the clock */
#define COPIES_FIRST 1024u /* room for copies of entries that leave */
#define HASH_ENTRY_COUNT 64u

/* The newest events of a tenant that the ring has already let go: a ring of DEDUP_TENANT_COUNT_MIN. */
struct dedup_tenant {
    uint64_t accepted; /* events ever */
    struct dedup_entry *kept;
    uint32_t head;
    uint32_t count;
};

/* A tenant's small ring as it was. */
struct kept_copy {
    uint32_t count;
    struct dedup_entry entries[];
};

/*
 * Entries of the ring have numbers, in the order in which they came. Those of the cut are written from the oldest on, and
 * they leave the ring from the oldest on, so what has left and is not written yet is one run of numbers.
 */
struct dedup_cut {
    uint32_t tenant_count;
    uint32_t tenant_next; /* whose small ring is written next */
    uint32_t kept_next;   /* in it */
    uint64_t *accepted;   /* [tenant_count] */
    struct kept_copy **kept;
    uint64_t next; /* number of the entry that is written next */
    uint64_t end;
    struct dedup_entry *copies; /* entries from number copy_first on, which have left */
    uint64_t copy_first;
    uint32_t copy_count;
    uint32_t copy_room;
    bool has_failed;
};

static uint64_t
kept_copy_bytes(uint32_t count)
{
    return sizeof(struct kept_copy) + count * sizeof(struct dedup_entry);
}

/* The tenant's small ring is about to change. */
static void
copy_kept(struct dedup *dedup, const struct dedup_tenant *tenant, uint32_t tenant_no)
{
    struct dedup_cut *cut = dedup->cut;
    struct kept_copy *copy;

    if (tenant_no < cut->tenant_next || tenant_no >= cut->tenant_count || cut->kept[tenant_no] != NULL) {
        return;
    }
    copy = region_take(dedup->region, kept_copy_bytes(tenant->count));
    if (copy == NULL) {
        cut->has_failed = true;
        return;
    }
    copy->count = tenant->count;
    for (uint32_t i = 0; i < tenant->count; i++) {
        copy->entries[i] = tenant->kept[(tenant->head + i) % DEDUP_TENANT_COUNT_MIN];
    }
    cut->kept[tenant_no] = copy;
}

/* The oldest entry of the ring is about to leave it. */
static void
copy_oldest(struct dedup *dedup)
{
    struct dedup_cut *cut = dedup->cut;

    if (dedup->left < cut->next || dedup->left >= cut->end || cut->has_failed) {
        return;
    }
    if (cut->copy_count == 0 || cut->copy_first + cut->copy_count <= cut->next) {
        cut->copy_first = dedup->left;
        cut->copy_count = 0;
    }
    if (cut->copy_count == cut->copy_room) {
        uint32_t room = cut->copy_room == 0 ? COPIES_FIRST : cut->copy_room * 2;
        struct dedup_entry *copies = region_resize(dedup->region, cut->copies,
                                                   cut->copy_room * sizeof(*copies), room * sizeof(*copies));

        if (copies == NULL) {
            cut->has_failed = true;
            return;
        }
        cut->copies = copies;
        cut->copy_room = room;
    }
    cut->copies[cut->copy_count++] = dedup->ring[dedup->head];
}

void
dedup_init(struct dedup *dedup, struct region *region)
{
    *dedup = (struct dedup){.region = region};
    map_init(&dedup->index, region);
    table_init(&dedup->tenants, region, sizeof(struct dedup_tenant));
}

void
dedup_deinit(struct dedup *dedup)
{
    dedup_cut_end(dedup);
    for (uint32_t i = 0; i < dedup->tenants.count; i++) {
        struct dedup_tenant *tenant = table_at(&dedup->tenants, i);

        region_put(dedup->region, tenant->kept, DEDUP_TENANT_COUNT_MIN * sizeof(struct dedup_entry));
    }
    region_put(dedup->region, dedup->ring, (uint64_t)dedup->ring_count_max * sizeof(struct dedup_entry));
    dedup->ring = NULL;
    dedup->ring_count_max = 0;
    dedup->capacity = 0;
    map_deinit(&dedup->index);
    table_deinit(&dedup->tenants);
}

static struct dedup_entry *
entry_at(const struct dedup *dedup, uint32_t number)
{
    if (number < dedup->capacity) {
        return &dedup->ring[number];
    }
    number -= dedup->capacity;
    struct dedup_tenant *tenant = table_at(&dedup->tenants, number / DEDUP_TENANT_COUNT_MIN);
    return &tenant->kept[number % DEDUP_TENANT_COUNT_MIN];
}

static bool
is_same_id(const void *owner, uint32_t number, const void *key)
{
    const struct hash128 *id_hash = key;
    const struct dedup_entry *entry = entry_at(owner, number);

    return entry->id_hash.lo == id_hash->lo && entry->id_hash.hi == id_hash->hi;
}

static uint32_t
kept_number(const struct dedup *dedup, uint32_t tenant_no, uint32_t slot)
{
    return dedup->capacity + tenant_no * DEDUP_TENANT_COUNT_MIN + slot;
}

static bool
is_among_newest(const struct dedup_tenant *tenant, const struct dedup_entry *entry)
{
    return tenant->accepted - entry->order < DEDUP_TENANT_COUNT_MIN;
}

/* Lets go of kept entries that are no longer among the tenant's newest. */
static void
trim_kept(struct dedup *dedup, struct dedup_tenant *tenant, uint32_t tenant_no)
{
    while (tenant->count > 0 && !is_among_newest(tenant, &tenant->kept[tenant->head])) {
        if (UNLIKELY(dedup->cut != NULL)) {
            copy_kept(dedup, tenant, tenant_no);
        }
        map_remove(&dedup->index, tenant->kept[tenant->head].id_hash.lo,
                   kept_number(dedup, tenant_no, tenant->head));
        tenant->head = (tenant->head + 1) % DEDUP_TENANT_COUNT_MIN;
        tenant->count--;
    }
}

static int
pop_oldest(struct dedup *dedup)
{
    struct dedup_entry entry = dedup->ring[dedup->head];
    struct dedup_tenant *tenant = table_at(&dedup->tenants, entry.tenant_no);

    if (is_among_newest(tenant, &entry) && tenant->kept == NULL) {
        tenant->kept = region_take(dedup->region, DEDUP_TENANT_COUNT_MIN * sizeof(entry));
        if (tenant->kept == NULL) {
            return fault_new(-ENOMEM);
        }
    }
    if (UNLIKELY(dedup->cut != NULL)) {
        copy_oldest(dedup);
        copy_kept(dedup, tenant, entry.tenant_no);
    }
    map_remove(&dedup->index, entry.id_hash.lo, dedup->head);
    dedup->head = dedup->head + 1 == dedup->ring_count_max ? 0 : dedup->head + 1;
    dedup->count--;
    dedup->left++;
    if (is_among_newest(tenant, &entry)) {
        uint32_t slot = (tenant->head + tenant->count) % DEDUP_TENANT_COUNT_MIN;

        ASSERT(tenant->count < DEDUP_TENANT_COUNT_MIN);
        tenant->kept[slot] = entry;
        tenant->count++;
        return map_insert(&dedup->index, entry.id_hash.lo, kept_number(dedup, entry.tenant_no, slot));
    }
    return 0;
}

/* The numbers of kept entries are counted from the capacity, so the index is made anew. */
static int
index_all(struct dedup *dedup)
{
    int r;

    map_deinit(&dedup->index);
    for (uint32_t i = 0; i < dedup->count; i++) {
        r = map_insert(&dedup->index, dedup->ring[i].id_hash.lo, i);
        if (r != 0) {
            return fault_up(r);
        }
    }
    for (uint32_t t = 0; t < dedup->tenants.count; t++) {
        struct dedup_tenant *tenant = table_at(&dedup->tenants, t);

        for (uint32_t i = 0; i < tenant->count; i++) {
            uint32_t slot = (tenant->head + i) % DEDUP_TENANT_COUNT_MIN;

            r = map_insert(&dedup->index, tenant->kept[slot].id_hash.lo, kept_number(dedup, t, slot));
            if (r != 0) {
                return fault_up(r);
            }
        }
    }
    return 0;
}

/* The ring in another size, beginning at slot 0; the caller makes the index anew. */
static int
move_ring(struct dedup *dedup, uint32_t ring_count_max)
{
    struct dedup_entry *ring = region_take(dedup->region, (uint64_t)ring_count_max * sizeof(*ring));

    if (ring == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < dedup->count; i++) {
        ring[i] = dedup->ring[((uint64_t)dedup->head + i) % dedup->ring_count_max];
    }
    region_put(dedup->region, dedup->ring, (uint64_t)dedup->ring_count_max * sizeof(*ring));
    dedup->ring = ring;
    dedup->ring_count_max = ring_count_max;
    dedup->head = 0;
    return 0;
}

int
dedup_resize(struct dedup *dedup, uint32_t capacity)
{
    uint32_t ring_count_max;
    int r;

    REQUIRE(capacity > 0);
    if (capacity == dedup->capacity) {
        return 0;
    }
    while (dedup->count > capacity) {
        r = pop_oldest(dedup);
        if (r != 0) {
            return fault_up(r);
        }
    }

    ring_count_max = dedup->ring_count_max > 0 ? dedup->ring_count_max : RING_COUNT_FIRST;
    r = move_ring(dedup, ring_count_max < capacity ? ring_count_max : capacity);
    if (r != 0) {
        return fault_up(r);
    }
    dedup->capacity = capacity;
    return index_all(dedup);
}

/* Linear, but only each time the window doubles. While nothing has left it, all stay in their slots. */
static int
grow_ring(struct dedup *dedup)
{
    uint64_t doubled = (uint64_t)dedup->ring_count_max * 2;
    bool is_renumbered = dedup->head != 0;
    int r = move_ring(dedup, doubled < dedup->capacity ? (uint32_t)doubled : dedup->capacity);

    if (r != 0) {
        return fault_up(r);
    }
    return is_renumbered ? index_all(dedup) : 0;
}

void
dedup_prefetch(const struct dedup *dedup, struct hash128 id_hash)
{
    map_prefetch(&dedup->index, id_hash.lo);
}

const struct dedup_entry *
dedup_find(struct dedup *dedup, struct hash128 id_hash, struct wall_ms now)
{
    uint32_t number;

    while (dedup->count > 0 && now.ms - dedup->ring[dedup->head].received_at.ms > DEDUP_WINDOW_MS) {
        if (pop_oldest(dedup) != 0) {
            break; /* kept a little longer than it must be */
        }
    }
    number = map_find_inline(&dedup->index, id_hash.lo, is_same_id, dedup, &id_hash);
    return number == MAP_NONE ? NULL : entry_at(dedup, number);
}

/* Of the entry so far behind the oldest; any number will do. */
static inline uint32_t
slot_at(const struct dedup *dedup, uint32_t number)
{
    uint64_t slot = (uint64_t)dedup->head + number;

    return (uint32_t)(slot < dedup->ring_count_max ? slot : slot % dedup->ring_count_max);
}

/* At the young end of the ring. */
static int
push_newest(struct dedup *dedup, const struct dedup_entry *entry)
{
    if (dedup->count == dedup->ring_count_max) {
        int r = dedup->ring_count_max < dedup->capacity ? grow_ring(dedup) : pop_oldest(dedup);
        if (r != 0) {
            return fault_up(r);
        }
    }

    uint32_t slot = slot_at(dedup, dedup->count);
    dedup->ring[slot] = *entry;
    dedup->count++;
    prefetch_line_to_write(&dedup->ring[slot_at(dedup, dedup->count + AHEAD_COUNT)]);
    return map_insert(&dedup->index, entry->id_hash.lo, slot);
}

int
dedup_add(struct dedup *dedup, struct hash128 id_hash, uint32_t tenant_no, struct wall_ms received_at,
          uint64_t durable_when)
{
    REQUIRE(dedup->capacity > 0);

    while (dedup->tenants.count <= tenant_no) {
        if (table_add(&dedup->tenants) == NULL) {
            return fault_new(-ENOMEM);
        }
    }
    struct dedup_tenant *tenant = table_at(&dedup->tenants, tenant_no);

    tenant->accepted++;
    trim_kept(dedup, tenant, tenant_no);
    return push_newest(dedup, &(struct dedup_entry){
                                  .id_hash = id_hash,
                                  .received_at = received_at,
                                  .durable_when = durable_when,
                                  .order = tenant->accepted,
                                  .tenant_no = tenant_no,
                              });
}

uint64_t
dedup_memory_bytes(const struct dedup *dedup)
{
    uint64_t bytes = region_piece_bytes((uint64_t)dedup->ring_count_max * sizeof(*dedup->ring)) +
                     (uint64_t)dedup->index.capacity * sizeof(*dedup->index.entries);

    for (uint64_t i = 0; i < dedup->tenants.count; i++) {
        const struct dedup_tenant *tenant = table_at(&dedup->tenants, (uint32_t)i);
        bytes += tenant->kept != NULL ? DEDUP_TENANT_COUNT_MIN * sizeof(*tenant->kept) : 0;
    }
    return bytes;
}

uint64_t
dedup_memory_bytes_max(uint32_t capacity)
{
    return region_piece_bytes((uint64_t)capacity * sizeof(struct dedup_entry)) + map_memory_bytes(capacity);
}

int64_t
dedup_window_ms(const struct dedup *dedup, struct wall_ms now)
{
    int64_t age;

    if (dedup->count < dedup->capacity || dedup->count == 0) {
        return DEDUP_WINDOW_MS;
    }
    age = now.ms - dedup->ring[dedup->head].received_at.ms;
    return age < 0 ? 0 : age < DEDUP_WINDOW_MS ? age : DEDUP_WINDOW_MS;
}

/* ---- A cut. ---- */

int
dedup_cut_begin(struct dedup *dedup, uint32_t tenant_count)
{
    struct dedup_cut *cut = region_take_zero(dedup->region, sizeof(*cut));

    REQUIRE(dedup->cut == NULL);
    if (cut == NULL) {
        return fault_new(-ENOMEM);
    }
    dedup->cut = cut;
    cut->tenant_count = tenant_count;
    cut->accepted = region_take_zero(dedup->region, tenant_count * sizeof(*cut->accepted));
    cut->kept = region_take_zero(dedup->region, tenant_count * sizeof(struct kept_copy *));
    if (cut->accepted == NULL || cut->kept == NULL) {
        dedup_cut_end(dedup);
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < tenant_count && i < dedup->tenants.count; i++) {
        cut->accepted[i] = ((const struct dedup_tenant *)table_at(&dedup->tenants, i))->accepted;
    }
    cut->next = dedup->left;
    cut->end = dedup->left + dedup->count;
    return 0;
}

void
dedup_cut_without(struct dedup *dedup, uint32_t tenant_no)
{
    if (tenant_no < dedup->cut->tenant_count) {
        REQUIRE(dedup->cut->accepted[tenant_no] > 0);
        dedup->cut->accepted[tenant_no]--;
    }
}

uint64_t
dedup_cut_accepted(const struct dedup *dedup, uint32_t tenant_no)
{
    return dedup->cut->accepted[tenant_no];
}

/* False: the writer has no room now. */
static bool
write_row(const struct dedup_cut *cut, struct state_writer *writer, uint16_t type, uint16_t version,
          const struct dedup_entry *entry)
{
    struct dedup_row *row;

    if (entry->tenant_no >= cut->tenant_count || entry->order > cut->accepted[entry->tenant_no]) {
        return true; /* it came later, or was not to be part of it */
    }
    row = state_writer_add(writer, type, version, sizeof(*row));
    if (row == NULL) {
        return false;
    }
    *row = (struct dedup_row){
        .id_hash = entry->id_hash,
        .received_at = entry->received_at,
        .tenant_no = entry->tenant_no,
        .age = (uint32_t)(cut->accepted[entry->tenant_no] - entry->order),
    };
    return true;
}

/* The small ring of the next tenant. False: the writer has no room now. */
static bool
write_kept(const struct dedup *dedup, struct state_writer *writer, uint16_t type, uint16_t version)
{
    struct dedup_cut *cut = dedup->cut;
    const struct kept_copy *copy = cut->kept[cut->tenant_next];
    const struct dedup_tenant *tenant =
        cut->tenant_next < dedup->tenants.count ? table_at(&dedup->tenants, cut->tenant_next) : NULL;
    uint32_t count = copy != NULL ? copy->count : tenant != NULL ? tenant->count : 0;

    for (; cut->kept_next < count; cut->kept_next++) {
        const struct dedup_entry *entry =
            copy != NULL ? &copy->entries[cut->kept_next]
                         : &tenant->kept[(tenant->head + cut->kept_next) % DEDUP_TENANT_COUNT_MIN];

        if (!write_row(cut, writer, type, version, entry)) {
            /* It may change until we come back, and rows of it are written. */
            if (cut->kept_next > 0 && copy == NULL) {
                copy_kept((struct dedup *)(uintptr_t)dedup, tenant, cut->tenant_next);
            }
            return false;
        }
    }
    cut->tenant_next++;
    cut->kept_next = 0;
    return true;
}

static const struct dedup_entry *
numbered(const struct dedup *dedup, uint64_t number)
{
    const struct dedup_cut *cut = dedup->cut;

    if (number < dedup->left) {
        return &cut->copies[number - cut->copy_first];
    }
    return &dedup->ring[((uint64_t)dedup->head + (number - dedup->left)) % dedup->ring_count_max];
}

enum step
dedup_cut_write(struct dedup *dedup, struct state_writer *writer, uint16_t kept_type, uint16_t ring_type,
                uint16_t version, const struct time_slice *time)
{
    struct dedup_cut *cut = dedup->cut;
    uint32_t count = 0;

    while (cut->tenant_next < cut->tenant_count && !cut->has_failed) {
        if (!write_kept(dedup, writer, kept_type, version) ||
            (++count % ROWS_A_LOOK == 0 && time_slice_is_over(time))) {
            return STEP_MORE;
        }
    }
    while (cut->next < cut->end && !cut->has_failed) {
        if (!write_row(cut, writer, ring_type, version, numbered(dedup, cut->next))) {
            return STEP_MORE;
        }
        cut->next++;
        if (++count % ROWS_A_LOOK == 0 && time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

bool
dedup_cut_has_failed(const struct dedup *dedup)
{
    return dedup->cut->has_failed;
}

void
dedup_cut_end(struct dedup *dedup)
{
    struct dedup_cut *cut = dedup->cut;

    if (cut == NULL) {
        return;
    }
    for (uint32_t i = 0; cut->kept != NULL && i < cut->tenant_count; i++) {
        if (cut->kept[i] != NULL) {
            region_put(dedup->region, cut->kept[i], kept_copy_bytes(cut->kept[i]->count));
        }
    }
    region_put(dedup->region, cut->kept, cut->tenant_count * sizeof(struct kept_copy *));
    region_put(dedup->region, cut->accepted, cut->tenant_count * sizeof(*cut->accepted));
    region_put(dedup->region, cut->copies, cut->copy_room * sizeof(*cut->copies));
    region_put(dedup->region, cut, sizeof(*cut));
    dedup->cut = NULL;
}

int
dedup_restore_tenant(struct dedup *dedup, uint64_t accepted)
{
    struct dedup_tenant *tenant = table_add(&dedup->tenants);

    if (tenant == NULL) {
        return fault_new(-ENOMEM);
    }
    tenant->accepted = accepted;
    return 0;
}

/* 0 and the entry that was written. */
static int
entry_of(const struct dedup *dedup, const struct dedup_row *row, struct dedup_entry *out_entry)
{
    const struct dedup_tenant *tenant;

    if (row->tenant_no >= dedup->tenants.count) {
        return fault_new(-EINVAL);
    }
    tenant = table_at(&dedup->tenants, row->tenant_no);
    if (row->age >= tenant->accepted) {
        return fault_new(-EINVAL);
    }
    *out_entry = (struct dedup_entry){
        .id_hash = row->id_hash,
        .received_at = row->received_at,
        .order = tenant->accepted - row->age,
        .tenant_no = row->tenant_no,
    };
    return 0;
}

int
dedup_restore_kept(struct dedup *dedup, const struct dedup_row *row)
{
    struct dedup_tenant *tenant;
    struct dedup_entry entry;
    uint32_t slot;
    int r = entry_of(dedup, row, &entry);

    if (r != 0) {
        return fault_up(r);
    }
    tenant = table_at(&dedup->tenants, row->tenant_no);
    if (!is_among_newest(tenant, &entry) || tenant->count == DEDUP_TENANT_COUNT_MIN) {
        return fault_new(-EINVAL);
    }
    if (tenant->kept == NULL) {
        tenant->kept = region_take(dedup->region, DEDUP_TENANT_COUNT_MIN * sizeof(entry));
        if (tenant->kept == NULL) {
            return fault_new(-ENOMEM);
        }
    }
    slot = tenant->count;
    tenant->kept[slot] = entry;
    tenant->count++;
    return map_insert(&dedup->index, entry.id_hash.lo, kept_number(dedup, entry.tenant_no, slot));
}

int
dedup_restore(struct dedup *dedup, const struct dedup_row *row)
{
    struct dedup_entry entry;
    int r = entry_of(dedup, row, &entry);

    if (r != 0) {
        return fault_up(r);
    }
    if (dedup->count == dedup->capacity) {
        return fault_new(-EINVAL);
    }
    return push_newest(dedup, &entry);
}

/* Not all: what is older than 24 hours leaves when somebody looks, and a start from the log alone does not look.
   Nor the IDs, which are hashed with the store's secret. */
uint64_t
dedup_state_hash(const struct dedup *dedup)
{
    uint64_t hash = hash_mix(dedup->capacity);
    int64_t newest = INT64_MIN;

    for (uint32_t i = 0; i < dedup->tenants.count; i++) {
        hash = hash_mix(hash + ((const struct dedup_tenant *)table_at(&dedup->tenants, i))->accepted);
    }
    for (uint32_t i = 0; i < dedup->count && i < HASH_ENTRY_COUNT; i++) {
        const struct dedup_entry *entry =
            &dedup->ring[((uint64_t)dedup->head + dedup->count - 1 - i) % dedup->ring_count_max];

        newest = i == 0 ? entry->received_at.ms : newest;
        if (newest - entry->received_at.ms > DEDUP_WINDOW_MS / 2) {
            break;
        }
        hash = hash_mix(hash + entry->order) + entry->tenant_no + (uint64_t)entry->received_at.ms;
    }
    return hash;
}
