/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/dedup.h"

#include <errno.h>

#define RING_COUNT_FIRST 1024u

/* The newest events of a tenant that the ring has already let go: a ring of DEDUP_TENANT_COUNT_MIN. */
struct dedup_tenant {
    uint64_t accepted; /* events ever */
    struct dedup_entry *kept;
    uint32_t head;
    uint32_t count;
};

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
    map_remove(&dedup->index, entry.id_hash.lo, dedup->head);
    dedup->head = dedup->head + 1 == dedup->ring_count_max ? 0 : dedup->head + 1;
    dedup->count--;
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
    if (dedup->count == dedup->ring_count_max) {
        int r = dedup->ring_count_max < dedup->capacity ? grow_ring(dedup) : pop_oldest(dedup);
        if (r != 0) {
            return fault_up(r);
        }
    }

    uint32_t slot = (uint32_t)(((uint64_t)dedup->head + dedup->count) % dedup->ring_count_max);
    dedup->ring[slot] = (struct dedup_entry){
        .id_hash = id_hash,
        .received_at = received_at,
        .durable_when = durable_when,
        .order = tenant->accepted,
        .tenant_no = tenant_no,
    };
    dedup->count++;
    return map_insert(&dedup->index, id_hash.lo, slot);
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
