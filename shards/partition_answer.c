/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/partition.h"

#include "core/uuid.h"

#include <errno.h>
#include <stdlib.h>

static struct tenant_row
tenant_row(const struct partition *partition, const struct tenant *tenant, struct arena *arena)
{
    return (struct tenant_row){
        .tenant_id = arena_text(arena, tenant->name),
        .reading = partition_reading(partition, tenant),
        .total_events = tenant->total_events,
        .total_profiles = tenant->identity.living,
    };
}

static void
answer_tenants(const struct partition *partition, struct question *question)
{
    struct arena *arena = &question->arena;
    struct tenants_answer *answer = arena_take_zero(arena, sizeof(*answer));
    struct tenant_row *rows = arena_take(arena, (uint64_t)partition->tenants.count * sizeof(*rows) + 1);

    if (answer == NULL || rows == NULL) {
        return;
    }
    for (uint32_t i = 0; i < partition->tenants.count; i++) {
        const struct tenant *tenant = partition_tenant_at(partition, i);

        if (tenant->total_events > 0) {
            rows[answer->count++] = tenant_row(partition, tenant, arena);
        }
    }
    answer->rows = rows;
    question->answer.tenants = answer;
}

static void
answer_stamp(const struct partition *partition, struct question *question)
{
    const struct tenant *tenant = partition_tenant(partition, question->ask.stamp.tenant_id);
    struct stamp_answer *answer = arena_take_zero(&question->arena, sizeof(*answer));

    if (answer == NULL) {
        return;
    }
    answer->row.reading = partition_reading(partition, tenant);
    answer->out_of_orderness_ms = partition->settings.out_of_orderness_ms;
    if (tenant != NULL && tenant->total_events > 0) {
        answer->row = tenant_row(partition, tenant, &question->arena);
    }
    for (uint32_t i = 0; i < question->ask.stamp.value_count; i++) {
        struct dimension_value *value = &question->ask.stamp.values[i];

        if (value->is_missing) {
            value->code = CODE_NONE;
        } else {
            value->code = tenant == NULL
                              ? CODE_UNKNOWN
                              : dictionary_find(&tenant->dictionaries[value->dimension], value->equals);
        }
    }
    question->answer.stamp = answer;
}

static struct member
member_of(const struct partition *partition, const struct tenant *tenant, uint32_t person)
{
    struct uuid uuid = identity_canonical(&tenant->identity, person)->uuid;

    return (struct member){
        .person = person,
        .slice = node_slice(partition->node, uuid),
        .canonical = uuid,
    };
}

static uint32_t
find_person(const struct tenant *tenant, const struct question *question)
{
    struct uuid uuid;

    switch (question->ask.resolve.by) {
    case RESOLVE_USER:
        return identity_find(&tenant->identity, IDENTIFIER_USER, question->ask.resolve.value);
    case RESOLVE_ANONYMOUS:
        return identity_find(&tenant->identity, IDENTIFIER_ANONYMOUS, question->ask.resolve.value);
    case RESOLVE_CANONICAL:
        break;
    }
    return uuid_parse(question->ask.resolve.value, &uuid) ? identity_find_uuid(&tenant->identity, uuid)
                                                          : IDENTITY_NONE;
}

/* Everything that was ever merged into a person, through however many merges. */
static uint32_t
collect_merged(const struct identity *identity, uint32_t person, uint32_t *found)
{
    uint32_t count = 0;
    uint32_t next = 0;

    found[count++] = person;
    while (next < count) {
        const struct canonical *canonical = identity_canonical(identity, found[next++]);

        for (uint32_t merged = canonical->first_merged; merged != IDENTITY_NONE;
             merged = identity_canonical(identity, merged)->next_merged) {
            found[count++] = merged;
        }
    }
    return count;
}

struct merged {
    struct member member;
    uint32_t merged_by;
};

static int
compare_merged(const void *a, const void *b)
{
    const struct merged *left = a;
    const struct merged *right = b;

    return (left->merged_by > right->merged_by) - (left->merged_by < right->merged_by);
}

static bool
resolve_members(const struct partition *partition, const struct tenant *tenant, uint32_t person,
                struct resolve_answer *answer, struct arena *arena)
{
    const struct identity *identity = &tenant->identity;
    uint32_t room = identity_canonical(identity, person)->merged_count + 1;
    uint32_t *found = arena_take(arena, room * sizeof(*found));
    struct merged *merged = arena_take(arena, room * sizeof(*merged));
    struct member *members = arena_take(arena, room * sizeof(*members));

    if (found == NULL || merged == NULL || members == NULL) {
        return false;
    }
    answer->member_count = collect_merged(identity, person, found);
    ASSERT(answer->member_count == room);
    for (uint32_t i = 0; i < answer->member_count; i++) {
        merged[i].member = member_of(partition, tenant, found[i]);
        merged[i].merged_by =
            found[i] == person ? UINT32_MAX : identity_canonical(identity, found[i])->merged_by;
    }
    qsort(merged, answer->member_count, sizeof(*merged), compare_merged);
    for (uint32_t i = 0; i < answer->member_count; i++) {
        members[i] = merged[i].member;
    }
    answer->members = members;
    return true;
}

static void
answer_resolve(const struct partition *partition, struct question *question)
{
    struct arena *arena = &question->arena;
    const struct tenant *tenant = partition_tenant(partition, question->ask.resolve.tenant_id);
    uint32_t person = tenant == NULL ? IDENTITY_NONE : find_person(tenant, question);
    struct resolve_answer *answer = arena_take_zero(arena, sizeof(*answer));

    if (answer == NULL) {
        return;
    }
    answer->reading = partition_reading(partition, tenant);
    question->answer.resolve = answer;
    if (person == IDENTITY_NONE) {
        return;
    }

    const struct canonical *canonical = identity_canonical(&tenant->identity, person);
    struct text *users = arena_take(arena, canonical->identifier_count * sizeof(*users));
    struct text *anonymous = arena_take(arena, canonical->identifier_count * sizeof(*anonymous));
    if (users == NULL || anonymous == NULL || !resolve_members(partition, tenant, person, answer, arena)) {
        return;
    }
    answer->is_known = true;
    answer->winner = member_of(partition, tenant, person);
    for (const struct identifier *i = canonical->first; i != NULL; i = i->next) {
        struct text value = arena_text(arena, (struct text){.data = i->value, .bytes = i->bytes});

        if (i->kind == IDENTIFIER_USER) {
            users[answer->user_id_count++] = value;
        } else {
            anonymous[answer->anonymous_id_count++] = value;
        }
        if (i == canonical->owner) {
            answer->has_owner = true;
            answer->owner = value;
        }
    }
    answer->user_ids = users;
    answer->anonymous_ids = anonymous;
}

static void
answer_people(const struct partition *partition, struct question *question)
{
    const struct tenant *tenant = partition_tenant_at(partition, question->reading.tenant_no);
    uint32_t count = question->ask.people.count;
    struct people_answer *answer = arena_take_zero(&question->arena, sizeof(*answer));
    struct member *winners = arena_take(&question->arena, count * sizeof(*winners) + 1);

    if (answer == NULL || winners == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        winners[i] =
            member_of(partition, tenant, identity_living(&tenant->identity, question->ask.people.persons[i]));
    }
    answer->winners = winners;
    question->answer.people = answer;
}

static void
answer_merges(const struct partition *partition, struct question *question)
{
    const struct identity *identity = &partition_tenant_at(partition, question->reading.tenant_no)->identity;
    uint32_t room = question->ask.merges.count_max < identity->merges.count ? question->ask.merges.count_max
                                                                            : identity->merges.count;
    struct merges_answer *answer = arena_take_zero(&question->arena, sizeof(*answer));
    struct merge_row *rows = arena_take(&question->arena, room * sizeof(*rows) + 1);
    uint32_t end = identity->merges.count;

    if (answer == NULL || rows == NULL) {
        return;
    }
    if (question->ask.merges.before < end) {
        end = (uint32_t)question->ask.merges.before;
    }
    while (end > 0 && answer->count < room) {
        const struct merge *merge = table_at(&identity->merges, --end);

        rows[answer->count++] = (struct merge_row){
            .loser = identity_canonical(identity, merge->loser)->uuid,
            .winner = identity_canonical(identity, merge->winner)->uuid,
            .event_time = merge->event_time,
            .ordinal = end,
        };
    }
    answer->rows = rows;
    question->answer.merges = answer;
}

static void
answer_codes(const struct partition *partition, struct question *question)
{
    const struct tenant *tenant = partition_tenant_at(partition, question->reading.tenant_no);
    const struct dictionary *dictionary = &tenant->dictionaries[question->ask.codes.dimension];
    struct text *texts = arena_take(&question->arena, question->ask.codes.count * sizeof(*texts) + 1);

    if (texts == NULL) {
        return;
    }
    for (uint32_t i = 0; i < question->ask.codes.count; i++) {
        texts[i] = arena_text(&question->arena, dictionary_text(dictionary, question->ask.codes.codes[i]));
    }
    question->answer.codes = texts;
}

static int
compare_persons(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* How many different living people a set of numbers stands for; `scratch` has room for all of them. */
static uint64_t
count_people(const struct identity *identity, struct person_set set, uint32_t *scratch)
{
    uint64_t distinct = 0;
    bool is_sorted = true;

    for (uint64_t i = 0; i < set.count; i++) {
        scratch[i] = identity_living(identity, set.persons[i]);
        is_sorted &= i == 0 || scratch[i - 1] <= scratch[i];
    }
    if (!is_sorted) {
        qsort(scratch, set.count, sizeof(*scratch), compare_persons);
    }
    for (uint64_t i = 0; i < set.count; i++) {
        distinct += i == 0 || scratch[i] != scratch[i - 1];
    }
    return distinct;
}

static void
answer_users(const struct partition *partition, struct question *question)
{
    const struct tenant *tenant = partition_tenant_at(partition, question->reading.tenant_no);
    uint64_t *counts = arena_take(&question->arena, question->ask.users.count * sizeof(*counts) + 1);
    uint64_t most = 0;
    uint32_t *scratch;

    for (uint32_t i = 0; i < question->ask.users.count; i++) {
        most = question->ask.users.sets[i].count > most ? question->ask.users.sets[i].count : most;
    }
    scratch = region_take(partition->region, most * sizeof(*scratch) + 1);
    if (counts == NULL || scratch == NULL) {
        question->arena.is_full = true;
        region_put(partition->region, scratch, most * sizeof(*scratch) + 1);
        return;
    }
    for (uint32_t i = 0; i < question->ask.users.count; i++) {
        counts[i] = count_people(&tenant->identity, question->ask.users.sets[i], scratch);
    }
    region_put(partition->region, scratch, most * sizeof(*scratch) + 1);
    question->answer.users = counts;
}

void
partition_answer(struct partition *partition, struct question *question)
{
    switch (question->kind) {
    case QUESTION_TENANTS:
        answer_tenants(partition, question);
        break;
    case QUESTION_STAMP:
        answer_stamp(partition, question);
        break;
    case QUESTION_RESOLVE:
        answer_resolve(partition, question);
        break;
    case QUESTION_PEOPLE:
        answer_people(partition, question);
        break;
    case QUESTION_MERGES:
        answer_merges(partition, question);
        break;
    case QUESTION_CODES:
        answer_codes(partition, question);
        break;
    case QUESTION_USERS:
        answer_users(partition, question);
        break;
    case QUESTION_PROFILE:
    case QUESTION_PROFILES:
    case QUESTION_EVENTS:
    case QUESTION_EVENT:
    case QUESTION_SESSIONS:
    case QUESTION_EVENT_SESSION:
    case QUESTION_CUBE:
    case QUESTION_OPEN_SESSIONS:
        base_die("REQUIRE", "a question to a partition", __FILE__, __LINE__);
    }
    question->fault = question->arena.is_full ? -E2BIG : 0;
}
