/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/partition.h"

#include "core/uuid.h"
#include "shards/sort.h"

#include <errno.h>

/*
 * Most questions are answered in one piece. Those about many things stop at their time and go on where they were:
 * resume[1] is the next one, resume[2] the merges that the tenant had when they began.
 */

#define TURN_COUNT 64u /* items between two looks at the clock */

static bool
is_time_up(uint64_t index, const struct time_slice *time)
{
    return index % TURN_COUNT == 0 && time_slice_is_over(time);
}

static struct tenant_row
tenant_row(const struct partition *partition, const struct tenant *tenant, struct arena *arena)
{
    return (struct tenant_row){
        .tenant_id = arena_text(arena, tenant->name),
        .reading = partition_reading(partition, tenant),
        .total_events = tenant->total_events,
        .total_profiles = identity_living_count(&tenant->identity),
    };
}

static enum step
answer_tenants(const struct partition *partition, struct question *question, const struct time_slice *time)
{
    struct arena *arena = &question->arena;
    struct tenants_answer *answer = question->resume_pointer;

    if (answer == NULL) {
        answer = arena_take_zero(arena, sizeof(*answer));
        question->resume[2] = partition->tenants.count;
        struct tenant_row *rows = arena_take(arena, question->resume[2] * sizeof(*rows) + 1);
        if (answer == NULL || rows == NULL) {
            return STEP_DONE;
        }
        answer->rows = rows;
        question->resume_pointer = answer;
    }
    struct tenant_row *rows = (struct tenant_row *)(uintptr_t)answer->rows; /* ours until it is answered */

    while (question->resume[1] < question->resume[2]) {
        const struct tenant *tenant = partition_tenant_at(partition, (uint32_t)question->resume[1]++);

        if (tenant->total_events > 0) {
            rows[answer->count++] = tenant_row(partition, tenant, arena);
        }
        if (is_time_up(question->resume[1], time)) {
            return STEP_MORE;
        }
    }
    question->answer.tenants = answer;
    return STEP_DONE;
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
        } else if (tenant == NULL) {
            value->code = CODE_UNKNOWN;
        } else {
            const struct dictionary *dictionary = &tenant->dictionaries[value->dimension];

            value->code = dictionary_find(dictionary, value->equals);
            value->is_unseen = dictionary_is_unseen(dictionary, value->equals);
        }
    }
    question->answer.stamp = answer;
}

static struct member
member_of(const struct partition *partition, struct who who)
{
    return (struct member){
        .person = who.person,
        .slice = node_slice(partition->node, who.uuid),
        .canonical = who.uuid,
    };
}

/* For a look-up. `question->resume_pointer` leads to what is left to do, until nothing is. */
static void
waits(struct partition *partition, struct question *question)
{
    ASSERT(question->resume_pointer != NULL);
    question->next = partition->late;
    partition->late = question;
}

static void
is_answered(struct partition *partition, struct question *question)
{
    question->resume_pointer = NULL;
    question->fault = arena_fault(&question->arena);
    partition->late_answered_count++;
}

struct merged {
    uint32_t person;
    uint32_t merged_by;
};

/* Everything that was ever merged into a person, through however many merges; the person itself first. */
static uint32_t
collect_merged(const struct identity *identity, uint32_t person, struct merged *found)
{
    uint32_t count = 0;
    uint32_t next = 0;

    found[count++] = (struct merged){.person = person, .merged_by = UINT32_MAX};
    while (next < count) {
        uint32_t by = merges_newest(&identity->merges, found[next++].person);

        while (by != IDENTITY_NONE) {
            const struct merge *merge = merges_at(&identity->merges, by);

            found[count++] = (struct merged){.person = merge->loser, .merged_by = by};
            by = merge->before;
        }
    }
    return count;
}

static int
compare_merged(const void *a, const void *b)
{
    const struct merged *left = a;
    const struct merged *right = b;

    return (left->merged_by > right->merged_by) - (left->merged_by < right->merged_by);
}

static bool
resolve_members(const struct partition *partition, const struct tenant *tenant,
                const struct canonical *canonical, struct resolve_answer *answer, struct arena *arena)
{
    const struct merges *merges = &tenant->identity.merges;
    uint32_t room = canonical->merged_count + 1;
    struct merged *merged = arena_take(arena, room * sizeof(*merged));
    struct member *members = arena_take(arena, room * sizeof(*members));

    if (merged == NULL || members == NULL) {
        return false;
    }
    answer->member_count = collect_merged(&tenant->identity, canonical->person, merged);
    ASSERT(answer->member_count == room);
    sort_items(merged, room, sizeof(*merged), compare_merged);
    for (uint32_t i = 0; i + 1 < room; i++) {
        const struct merge *merge = merges_at(merges, merged[i].merged_by);

        members[i] = member_of(partition, (struct who){.person = merge->loser, .uuid = merge->loser_uuid});
    }
    members[room - 1] = answer->winner;
    answer->members = members;
    return true;
}

/*
 * A person is resolved in three look-ups: what was asked for, then the canonical of whom that stands for now, then all
 * its identifiers at once. Each may be late, and the log goes on meanwhile. The answer is of the moment in which the
 * canonical is there: who was merged before, or does not have what was asked for any more, is looked up again; and
 * the value of an identifier never changes. What had to be waited for is looked up again when it has come.
 */
struct resolving {
    struct partition *partition;
    const struct tenant *tenant;
    struct question *question;
    struct resolve_answer *answer;
    struct log_store_waiter waiter;
    enum identity_kind kind; /* of what was asked for */
    struct uuid uuid;
    struct text value;
    struct store_key key;
    struct who who;
    struct resolved *identifiers;
    uint32_t identifier_count;
    uint32_t left; /* those that are not there yet, and one until all are asked for */
    bool is_done;
};

struct resolved {
    struct log_store_waiter waiter;
    struct resolving *resolving;
    struct store_key key;
    enum identity_kind kind;
    struct text value;
};

static void
resolving_done(struct resolving *resolving)
{
    struct question *question = resolving->question;

    resolving->is_done = true;
    if (question->resume_pointer != NULL) {
        is_answered(resolving->partition, question);
    }
}

static void
tell_identifiers(struct resolving *resolving)
{
    struct resolve_answer *answer = resolving->answer;
    struct arena *arena = &resolving->question->arena;
    uint32_t count = resolving->identifier_count;
    struct text *users = arena_take(arena, count * sizeof(*users));
    struct text *anonymous = arena_take(arena, count * sizeof(*anonymous));

    if (users == NULL || anonymous == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (resolving->identifiers[i].kind == IDENTITY_USER) {
            users[answer->user_id_count++] = resolving->identifiers[i].value;
        } else {
            anonymous[answer->anonymous_id_count++] = resolving->identifiers[i].value;
        }
    }
    answer->user_ids = users;
    answer->anonymous_ids = anonymous;
    if (answer->user_id_count > 0) {
        answer->has_owner = true;
        answer->owner = users[0];
    }
    answer->is_known = true;
}

static void
one_less(struct resolving *resolving)
{
    if (--resolving->left == 0) {
        tell_identifiers(resolving);
        resolving_done(resolving);
    }
}

static void resolve_identifier(struct resolved *resolved);

static void
identifier_arrived(struct log_store_waiter *waiter)
{
    resolve_identifier(CONTAINER_OF(waiter, struct resolved, waiter));
}

static void
resolve_identifier(struct resolved *resolved)
{
    struct resolving *resolving = resolved->resolving;
    const struct identifier *identifier;
    void *record;
    uint32_t bytes;
    int r;

    resolved->waiter.arrived = identifier_arrived;
    r = log_store_find(resolving->partition->identities, resolved->key, &resolved->waiter, &record, &bytes);
    if (r == LOG_STORE_LATER) {
        return;
    }
    ASSERT(r == 0); /* a canonical's identifiers stay */
    identifier = record;
    resolved->kind = identifier->kind;
    resolved->value = arena_text(&resolving->question->arena,
                                 (struct text){.data = identifier->value, .bytes = identifier->bytes});
    one_less(resolving);
}

static void
resolve_identifiers(struct resolving *resolving, const struct canonical *canonical)
{
    struct arena *arena = &resolving->question->arena;
    uint32_t count = canonical->identifier_count;
    struct resolved *identifiers = arena_take_zero(arena, count * sizeof(*identifiers));

    if (identifiers == NULL) {
        resolving_done(resolving);
        return;
    }
    resolving->identifiers = identifiers;
    resolving->identifier_count = count;
    resolving->left = count + 1;
    for (uint32_t i = 0; i < count; i++) {
        identifiers[i].resolving = resolving;
        identifiers[i].key = canonical->identifiers[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        resolve_identifier(&identifiers[i]);
    }
    one_less(resolving);
}

static void resolve_asked_for(struct resolving *resolving);

/* Linear: a canonical has 500 identifiers at most, and only who waited has to look. */
static bool
has_asked_for(const struct resolving *resolving, const struct canonical *canonical)
{
    if (resolving->kind == IDENTITY_CANONICAL || resolving->question->resume_pointer == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < canonical->identifier_count; i++) {
        if (memcmp(&canonical->identifiers[i], &resolving->key, sizeof(resolving->key)) == 0) {
            return true;
        }
    }
    return false;
}

static void resolve_canonical(struct resolving *resolving);

static void
canonical_arrived(struct log_store_waiter *waiter)
{
    resolve_canonical(CONTAINER_OF(waiter, struct resolving, waiter));
}

/* Of whom it is now: that may be another one each time. */
static void
resolve_canonical(struct resolving *resolving)
{
    const struct tenant *tenant = resolving->tenant;
    struct resolve_answer *answer = resolving->answer;
    void *record;
    uint32_t bytes;
    int r;

    resolving->who = merges_winner(&tenant->identity.merges, resolving->who);
    resolving->waiter.arrived = canonical_arrived;
    r = log_store_find(resolving->partition->identities,
                       identity_canonical_key(&tenant->identity, resolving->who.uuid), &resolving->waiter,
                       &record, &bytes);
    if (r == LOG_STORE_LATER) {
        return;
    }
    ASSERT(r == 0);
    if (!has_asked_for(resolving, record)) {
        resolve_asked_for(resolving); /* changed hands meanwhile */
        return;
    }
    answer->reading = partition_reading(resolving->partition, tenant);
    answer->merge_count = merges_count(&tenant->identity.merges);
    answer->winner = member_of(resolving->partition, resolving->who);
    if (!resolve_members(resolving->partition, tenant, record, answer, &resolving->question->arena)) {
        resolving_done(resolving);
        return;
    }
    resolve_identifiers(resolving, record);
}

static void
asked_for_arrived(struct log_store_waiter *waiter)
{
    resolve_asked_for(CONTAINER_OF(waiter, struct resolving, waiter));
}

static void
resolve_asked_for(struct resolving *resolving)
{
    const struct tenant *tenant = resolving->tenant;
    void *record = NULL;
    uint32_t bytes;

    resolving->waiter.arrived = asked_for_arrived;
    if (log_store_find(resolving->partition->identities, resolving->key, &resolving->waiter, &record,
                       &bytes) == LOG_STORE_LATER) {
        return;
    }
    resolving->who = identity_found(&tenant->identity, record, resolving->kind, resolving->value);
    if (resolving->who.person == IDENTITY_NONE) {
        resolving->answer->reading = partition_reading(resolving->partition, tenant);
        resolving->answer->merge_count = merges_count(&tenant->identity.merges);
        resolving_done(resolving);
        return;
    }
    resolve_canonical(resolving);
}

static bool
read_asked_for(struct resolving *resolving)
{
    struct question *question = resolving->question;

    resolving->value = question->ask.resolve.value;
    switch (question->ask.resolve.by) {
    case RESOLVE_USER:
        resolving->kind = IDENTITY_USER;
        return true;
    case RESOLVE_ANONYMOUS:
        resolving->kind = IDENTITY_ANONYMOUS;
        return true;
    case RESOLVE_CANONICAL:
        break;
    }
    resolving->kind = IDENTITY_CANONICAL;
    if (!uuid_parse(question->ask.resolve.value, &resolving->uuid)) {
        return false;
    }
    resolving->value =
        (struct text){.data = (const char *)resolving->uuid.byte, .bytes = sizeof(resolving->uuid.byte)};
    return true;
}

static int
answer_resolve(struct partition *partition, struct question *question)
{
    const struct tenant *tenant = partition_tenant(partition, question->ask.resolve.tenant_id);
    struct resolve_answer *answer = arena_take_zero(&question->arena, sizeof(*answer));
    struct resolving *resolving = arena_take_zero(&question->arena, sizeof(*resolving));

    if (answer == NULL || resolving == NULL) {
        return 0;
    }
    *resolving =
        (struct resolving){.partition = partition, .tenant = tenant, .question = question, .answer = answer};
    answer->reading = partition_reading(partition, tenant);
    answer->merge_count = tenant != NULL ? merges_count(&tenant->identity.merges) : 0;
    question->answer.resolve = answer;
    if (tenant == NULL || !read_asked_for(resolving)) {
        return 0;
    }
    resolving->key = identity_key(&tenant->identity, resolving->kind, resolving->value);
    resolve_asked_for(resolving);
    if (resolving->is_done) {
        return 0;
    }
    question->resume_pointer = resolving;
    waits(partition, question);
    return LOG_STORE_LATER;
}

static void
set_fault(struct question *question, int fault)
{
    arena_reset(&question->arena);
    memset(&question->answer, 0, sizeof(question->answer));
    question->fault = fault;
}

struct question *
partition_answered(struct partition *partition)
{
    struct question **at = &partition->late;

    if (partition->late_answered_count == 0) {
        return NULL;
    }
    while ((*at)->resume_pointer != NULL) {
        at = &(*at)->next;
    }
    struct question *question = *at;

    *at = question->next;
    question->next = NULL;
    partition->late_answered_count--;
    if (question->fault != 0) {
        set_fault(question, question->fault);
    }
    return question;
}

/*
 * PEOPLE: who each number stands for now. Their UUIDs are in records, those of people whose numbers are near each other
 * in one. As many look-ups as fit are out at once; who was merged is looked at when the last one is there, so that all
 * are of the same moment.
 */
#define PEOPLE_LOOK_UP_COUNT 64u

struct finding_people;

struct people_look_up {
    struct log_store_waiter waiter;
    struct finding_people *finding;
    uint32_t first; /* of the numbers asked for, one after the other in one record */
    uint32_t count;
};

struct finding_people {
    struct partition *partition;
    const struct tenant *tenant;
    struct question *question;
    struct who *found;
    uint32_t next;
    uint32_t left; /* those that are not there yet, and one until all of a batch are asked for */
    struct people_look_up look_ups[PEOPLE_LOOK_UP_COUNT];
};

static void
tell_people(struct finding_people *finding)
{
    struct question *question = finding->question;
    uint32_t count = question->ask.people.count;
    struct people_answer *answer = arena_take_zero(&question->arena, sizeof(*answer));
    struct member *winners = arena_take(&question->arena, count * sizeof(*winners) + 1);

    if (answer == NULL || winners == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        winners[i] = member_of(finding->partition,
                               merges_winner(&finding->tenant->identity.merges, finding->found[i]));
    }
    answer->winners = winners;
    question->answer.people = answer;
}

static void people_arrived(struct log_store_waiter *waiter);

static void
look_up_people(struct people_look_up *look_up)
{
    struct finding_people *finding = look_up->finding;
    const struct identity *identity = &finding->tenant->identity;
    struct who *found = &finding->found[look_up->first];
    void *record;
    uint32_t bytes;
    int r;

    look_up->waiter.arrived = people_arrived;
    r = log_store_find(identity->store, identity_people_key(identity, found->person), &look_up->waiter,
                       &record, &bytes);
    if (r == LOG_STORE_LATER) {
        return;
    }
    ASSERT(r == 0); /* whoever has a number stays */
    for (uint32_t i = 0; i < look_up->count; i++) {
        found[i].uuid = identity_uuid(record, found[i].person);
    }
    finding->left--;
}

/* The next ones, as many as are in one record. */
static void
look_up_next(struct finding_people *finding, struct people_look_up *look_up)
{
    const uint32_t *persons = finding->question->ask.people.persons;
    uint32_t record_number = persons[finding->next] / IDENTITY_PEOPLE_COUNT;
    uint32_t end = finding->next + TURN_COUNT;

    *look_up = (struct people_look_up){.finding = finding, .first = finding->next};
    end = end < finding->question->ask.people.count ? end : finding->question->ask.people.count;
    while (finding->next < end && persons[finding->next] / IDENTITY_PEOPLE_COUNT == record_number) {
        finding->found[finding->next].person = persons[finding->next];
        finding->next++;
    }
    look_up->count = finding->next - look_up->first;
    finding->left++;
    look_up_people(look_up);
}

/* 0: all are found. PARTITION_MORE, or LOG_STORE_LATER: some are out, and the last of them goes on. */
static int
find_people(struct finding_people *finding, const struct time_slice *time)
{
    while (finding->next < finding->question->ask.people.count) {
        finding->left = 1;
        for (uint32_t i = 0; i < PEOPLE_LOOK_UP_COUNT && finding->next < finding->question->ask.people.count;
             i++) {
            look_up_next(finding, &finding->look_ups[i]);
            if (finding->left == 1 && time_slice_is_over(time)) {
                return PARTITION_MORE; /* nothing is out that nobody could come back to */
            }
        }
        if (--finding->left > 0) {
            return LOG_STORE_LATER;
        }
    }
    return 0;
}

static void
people_arrived(struct log_store_waiter *waiter)
{
    struct people_look_up *look_up = CONTAINER_OF(waiter, struct people_look_up, waiter);
    struct finding_people *finding = look_up->finding;

    look_up_people(look_up);
    if (finding->left == 0 && find_people(finding, NULL) == 0) {
        tell_people(finding);
        is_answered(finding->partition, finding->question);
    }
}

static int
answer_people(struct partition *partition, struct question *question, const struct time_slice *time)
{
    uint32_t count = question->ask.people.count;
    struct finding_people *finding = question->resume_pointer;
    int r;

    if (finding == NULL) {
        finding = arena_take_zero(&question->arena, sizeof(*finding));
        struct who *found = arena_take(&question->arena, count * sizeof(*found) + 1);

        if (finding == NULL || found == NULL) {
            return 0;
        }
        finding->partition = partition;
        finding->tenant = partition_tenant_at(partition, question->reading.tenant_no);
        finding->question = question;
        finding->found = found;
        question->resume_pointer = finding;
    }
    r = find_people(finding, time);
    if (r == LOG_STORE_LATER) {
        waits(partition, question);
    }
    if (r == 0) {
        tell_people(finding);
        question->resume_pointer = NULL;
    }
    return r;
}

static void
answer_merges(const struct partition *partition, struct question *question)
{
    const struct identity *identity = &partition_tenant_at(partition, question->reading.tenant_no)->identity;
    uint32_t room = question->ask.merges.count_max < merges_count(&identity->merges)
                        ? question->ask.merges.count_max
                        : merges_count(&identity->merges);
    struct merges_answer *answer = arena_take_zero(&question->arena, sizeof(*answer));
    struct merge_row *rows = arena_take(&question->arena, room * sizeof(*rows) + 1);
    uint32_t end = merges_count(&identity->merges);

    if (answer == NULL || rows == NULL) {
        return;
    }
    if (question->ask.merges.before < end) {
        end = (uint32_t)question->ask.merges.before;
    }
    while (end > 0 && answer->count < room) {
        const struct merge *merge = merges_at(&identity->merges, --end);

        rows[answer->count++] = (struct merge_row){
            .loser = merge->loser_uuid,
            .winner = merge->winner_uuid,
            .event_time = merge->event_time,
            .ordinal = end,
        };
    }
    answer->rows = rows;
    question->answer.merges = answer;
}

static enum step
answer_codes(const struct partition *partition, struct question *question, const struct time_slice *time)
{
    const struct tenant *tenant = partition_tenant_at(partition, question->reading.tenant_no);
    const struct dictionary *dictionary = &tenant->dictionaries[question->ask.codes.dimension];
    struct text *texts = question->resume_pointer;

    if (texts == NULL) {
        texts = arena_take(&question->arena, question->ask.codes.count * sizeof(*texts) + 1);
        if (texts == NULL) {
            return STEP_DONE;
        }
        question->resume_pointer = texts;
    }
    while (question->resume[1] < question->ask.codes.count) {
        uint64_t i = question->resume[1]++;

        texts[i] = arena_text(&question->arena, dictionary_text(dictionary, question->ask.codes.codes[i]));
        if (is_time_up(question->resume[1], time)) {
            return STEP_MORE;
        }
    }
    question->answer.codes = texts;
    return STEP_DONE;
}

/*
 * USERS: how many different living people each set of numbers stands for. A bit for each person of the tenant is set
 * when the person is seen; behind each set the same way is gone again, and the bits are cleared. When somebody is
 * merged between two pieces the bits are no longer what they were set for: the question begins again (-ESTALE).
 */
struct users_work {
    uint64_t bytes; /* of all of it */
    uint64_t *counts;
    uint32_t merge_count;
    uint32_t set;
    uint64_t index; /* in the set */
    bool is_clearing;
    uint64_t seen[]; /* a bit for each person */
};

static void
users_work_destroy(struct partition *partition, struct question *question)
{
    struct users_work *work = question->resume_pointer;

    if (work != NULL) {
        region_put(partition->region, work, work->bytes);
        question->resume_pointer = NULL;
    }
}

static struct users_work *
create_users_work(struct partition *partition, struct question *question, const struct identity *identity)
{
    uint64_t *counts = arena_take_zero(&question->arena, question->ask.users.count * sizeof(*counts) + 1);
    uint64_t word_count = identity->person_count / 64 + 1;
    uint64_t bytes = sizeof(struct users_work) + word_count * sizeof(uint64_t);
    struct users_work *work = region_take_zero(partition->region, bytes);

    if (work == NULL) {
        question->arena.is_full = true;
        return NULL;
    }
    work->bytes = bytes;
    work->counts = counts;
    work->merge_count = merges_count(&identity->merges);
    question->resume_pointer = work;
    return counts != NULL ? work : NULL;
}

/* The rest of the set that is being looked at. */
static enum step
count_set(const struct identity *identity, struct users_work *work, const struct person_set *set,
          const struct time_slice *time)
{
    while (work->index < set->count) {
        uint32_t person = merges_living(&identity->merges, set->persons[work->index++]);
        uint64_t *word = &work->seen[person / 64];
        uint64_t bit = UINT64_C(1) << person % 64;

        if (work->is_clearing) {
            *word &= ~bit;
        } else {
            work->counts[work->set] += (*word & bit) == 0;
            *word |= bit;
        }
        if (is_time_up(work->index, time)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

static enum step
answer_users(struct partition *partition, struct question *question, const struct time_slice *time)
{
    const struct identity *identity = &partition_tenant_at(partition, question->reading.tenant_no)->identity;
    struct users_work *work = question->resume_pointer;

    if (work == NULL) {
        work = create_users_work(partition, question, identity);
        if (work == NULL) {
            users_work_destroy(partition, question);
            return STEP_DONE;
        }
    }
    if (work->merge_count != merges_count(&identity->merges)) {
        users_work_destroy(partition, question);
        question->fault = -ESTALE;
        return STEP_DONE;
    }
    for (; work->set < question->ask.users.count; work->set++) {
        const struct person_set *set = &question->ask.users.sets[work->set];

        do {
            if (count_set(identity, work, set, time) == STEP_MORE) {
                return STEP_MORE;
            }
            work->index = 0;
            work->is_clearing = !work->is_clearing;
        } while (work->is_clearing);
        if (is_time_up(work->set + 1, time)) {
            work->set++;
            return STEP_MORE;
        }
    }
    question->answer.users = work->counts;
    users_work_destroy(partition, question);
    return STEP_DONE;
}

/* 0, PARTITION_MORE or LOG_STORE_LATER. */
static int
answer(struct partition *partition, struct question *question, const struct time_slice *time)
{
    enum step step = STEP_DONE;

    switch (question->kind) {
    case QUESTION_TENANTS:
        step = answer_tenants(partition, question, time);
        break;
    case QUESTION_STAMP:
        answer_stamp(partition, question);
        break;
    case QUESTION_RESOLVE:
        return answer_resolve(partition, question);
    case QUESTION_PEOPLE:
        return answer_people(partition, question, time);
    case QUESTION_MERGES:
        answer_merges(partition, question);
        break;
    case QUESTION_CODES:
        step = answer_codes(partition, question, time);
        break;
    case QUESTION_USERS:
        step = answer_users(partition, question, time);
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
    return step == STEP_MORE ? PARTITION_MORE : 0;
}

int
partition_answer(struct partition *partition, struct question *question, const struct time_slice *time)
{
    int r = answer(partition, question, time);

    if (r != 0) {
        return r;
    }
    if (question->fault != 0) {
        set_fault(question, question->fault);
    } else if (question->arena.is_full) {
        set_fault(question, arena_fault(&question->arena));
    }
    return 0;
}

void
partition_forget(struct partition *partition, struct question *question)
{
    if (question->kind == QUESTION_USERS) {
        users_work_destroy(partition, question);
    }
    set_fault(question, -ETIMEDOUT);
}
