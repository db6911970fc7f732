/* SPDX-License-Identifier: Apache-2.0 */
#include "core/uuid.h"
#include "shards/keeper_state.h"
#include "shards/metrics_table.h"

/*
 * A kept event goes through the consumers in this order: profile (with its sessions, which decide whether the event
 * takes part), history, cube. A merge is two jobs: GIVE archives what is final, takes the loser's sessions out of
 * its slice and sends the profile's bytes; TAKE waits for them and combines. Hand-overs of a shard to itself go by
 * its lane to itself, so that there is one way.
 */

void
keeper_name_tenant(struct keeper *keeper, struct keeper_tenant *tenant, struct text name)
{
    char text[128];

    if (LIKELY(tenant->name.bytes > 0)) {
        return;
    }
    REQUIRE(name.bytes > 0 && name.bytes <= TENANT_NAME_BYTES_MAX);
    tenant->name = memory_text(&keeper->memory, name);
    memcpy(text, "millrace/", 9);
    memcpy(text + 9, name.data, name.bytes);
    tenant->namespace = uuid_v5(UUID_NAMESPACE_OID, (struct text){.data = text, .bytes = 9 + name.bytes});
}

/* The person with a profile, both made when they are not there, about to change. */
static struct person *
living_person(struct keeper *keeper, const struct job *job, struct uuid canonical, uint32_t number,
              uint32_t tenant_no, struct person **person)
{
    if (*person == NULL) {
        struct person *new = memory_take_zero(&keeper->memory, sizeof(*new));
        new->canonical = canonical;
        new->number = number;
        new->share = keeper_share(keeper, job->partition, tenant_no, job->slice);
        if (store_add(&keeper->persons[job->slice], new) != 0) {
            memory_exhausted(&keeper->memory);
        }
        share_add_person(&keeper->memory, new->share, new);
        *person = new;
    }
    slice_state_touch((*person)->share->state, *person);
    ASSERT(!(*person)->is_away);
    if ((*person)->profile == NULL) {
        (*person)->profile = profile_create(&keeper->memory, PROFILE_FIRST_BYTES);
        keeper->profile_count++;
    }
    return *person;
}

static struct profile_change
profile_change(struct keeper *keeper, const struct job *job, const struct keeper_tenant *tenant,
               struct event_ms watermark)
{
    return (struct profile_change){
        .memory = &keeper->memory,
        .rules = job->rules,
        .tenant_namespace = tenant->namespace,
        .watermark = watermark,
    };
}

static void
count_ignored(struct keeper *keeper, uint64_t traits)
{
    if (traits > 0 && keeper->options.metrics != NULL) {
        metrics_add(keeper->options.metrics, METRIC_TRAITS_IGNORED, traits);
    }
}

/* An event on its way through the consumers. */
struct kept {
    const struct applied_event *event;
    struct person *person;
    struct profile_change change;
    bool is_in_session; /* said by the first consumer, which holds the sessions */
};

static void
keep_profile(struct keeper *keeper, struct kept *kept)
{
    kept->is_in_session = profile_apply(kept->person, &kept->change, kept->event);
    count_ignored(keeper, kept->change.traits_ignored);
}

static void
keep_history(struct keeper *keeper, struct kept *kept)
{
    struct share *share = kept->person->share;
    uint32_t full_before = order_full_count(&share->events);

    history_add(share->history, &share->events, &kept->person->events, kept->event, kept->is_in_session);
    keeper_note_order(keeper, share, full_before);
}

static void
keep_cube(struct keeper *keeper, struct kept *kept)
{
    cube_add_event(&keeper->memory, &kept->person->share->cube, kept->event->record->event_time,
                   kept->event->code, kept->event->person);
}

/* What happens to a kept event, in this order. Live streams, views and cold files take their places here. */
static void (*const consumers[])(struct keeper *keeper, struct kept *kept) = {
    keep_profile,
    keep_history,
    keep_cube,
};

static void
apply_event(struct keeper *keeper, const struct job *job, struct person **out_person)
{
    struct kept kept = {.event = job->event};
    struct keeper_tenant *tenant = keeper_tenant(keeper, job->partition, kept.event->tenant_no);

    keeper_name_tenant(keeper, tenant, event_text(kept.event->record, EVENT_TENANT_ID));
    keeper_raise(tenant, kept.event->watermark);
    kept.person = living_person(keeper, job, kept.event->canonical, kept.event->person, kept.event->tenant_no,
                                out_person);
    kept.change = profile_change(keeper, job, tenant, kept.event->watermark);
    for (uint32_t i = 0; i < COUNT_OF(consumers); i++) {
        consumers[i](keeper, &kept);
    }
    keeper->event_count++;
}

static struct handover *
find_handover(const struct keeper *keeper, struct uuid loser)
{
    struct store_key key;

    memcpy(&key, &loser, sizeof(key));
    return store_peek(&keeper->handovers, key);
}

static void
note_merge(struct keeper_tenant *tenant, const struct applied_merge *merge)
{
    if (merge->position >= tenant->merged_until) {
        tenant->merged_until = merge->position + 1;
    }
}

static enum job_answer
apply_take(struct keeper *keeper, const struct job *job, struct person **out_person)
{
    const struct applied_merge *merge = job->merge;
    struct handover *handover = find_handover(keeper, merge->loser);

    if (handover == NULL) {
        return JOB_BLOCKED;
    }
    struct keeper_tenant *tenant = keeper_tenant(keeper, job->partition, merge->tenant_no);

    keeper_name_tenant(keeper, tenant, merge->tenant_id);
    keeper_raise(tenant, merge->watermark);
    struct person *person =
        living_person(keeper, job, merge->winner, merge->winner_person, merge->tenant_no, out_person);
    struct profile_change change = profile_change(keeper, job, tenant, merge->watermark);

    note_merge(tenant, merge);
    profile_combine(person, &change, handover->profile);
    count_ignored(keeper, change.traits_ignored);
    store_remove(&keeper->handovers, handover);
    memory_put(&keeper->memory, handover, sizeof(*handover));
    return JOB_DONE;
}

static void
post(struct keeper *keeper, struct lane *lane, uint16_t to, struct outgoing *outgoing,
     const struct message *message)
{
    struct outbox *outbox = &keeper->outboxes[to];

    outgoing->next = NULL;
    outgoing->lane_index = lane_index(lane);
    struct lane_slot *slot = lane_claim(lane);

    ASSERT(slot != NULL);
    memcpy(slot, message, sizeof(*message));
    if (outbox->last != NULL) {
        outbox->last->next = outgoing;
    } else {
        outbox->first = outgoing;
    }
    outbox->last = outgoing;
    keeper->outgoing_count++;
}

/* Behind it, the label and the profile as it is. */
static struct outgoing *
pack_up(struct keeper *keeper, const struct person *person, const struct applied_merge *merge)
{
    uint64_t bytes = sizeof(struct outgoing) + sizeof(struct profile_label) + person->profile->pack.used;
    struct outgoing *outgoing = memory_take(&keeper->memory, bytes);
    struct profile_label *label = (struct profile_label *)(outgoing + 1);

    outgoing->bytes = bytes;
    *label = (struct profile_label){
        .canonical = person->canonical, .person = person->number, .tenant_no = merge->tenant_no};
    static_assert(sizeof(*label) % 8 == 0, "the profile behind it is aligned");
    memcpy(label + 1, person->profile, person->profile->pack.used);
    return outgoing;
}

static enum job_answer
apply_give(struct keeper *keeper, const struct job *job, struct person **out_person)
{
    const struct applied_merge *merge = job->merge;
    uint16_t to = node_slice_owner(keeper->options.node, merge->winner_slice);
    struct lane *lane = mesh_lane(&keeper->options.node->mesh, STAGE_HANDOVER, keeper->options.home.n, to);

    if (lane_room(lane) == 0) {
        return JOB_BLOCKED;
    }
    struct keeper_tenant *tenant = keeper_tenant(keeper, job->partition, merge->tenant_no);

    keeper_name_tenant(keeper, tenant, merge->tenant_id);
    keeper_raise(tenant, merge->watermark);
    struct person *person =
        living_person(keeper, job, merge->loser, merge->loser_person, merge->tenant_no, out_person);
    struct profile_change change = profile_change(keeper, job, tenant, merge->watermark);

    note_merge(tenant, merge);
    profile_detach(person, &change);
    struct outgoing *outgoing = pack_up(keeper, person, merge);
    post(keeper, lane, to, outgoing,
         &(struct message){
             .kind = MESSAGE_HANDOVER,
             .slice = merge->winner_slice,
             .partition = job->partition,
             .from = keeper->options.home.n,
             .position = job->position,
             .payload = outgoing + 1,
             .bytes = outgoing->bytes - sizeof(*outgoing),
             .canonical = merge->winner,
         });
    profile_destroy(&keeper->memory, person->profile);
    person->profile = NULL;
    keeper->profile_count--;
    return JOB_DONE;
}

static enum job_answer
apply(struct keeper *keeper, const struct job *job, struct person **person)
{
    switch (job->kind) {
    case JOB_EVENT:
        apply_event(keeper, job, person);
        return JOB_DONE;
    case JOB_TAKE:
        return apply_take(keeper, job, person);
    case JOB_GIVE:
        return apply_give(keeper, job, person);
    case JOB_QUESTION:
        break;
    }
    keeper_answer_profile(keeper, job->asked, *person);
    return JOB_DONE;
}

enum job_answer
keeper_apply(struct keeper *keeper, const struct job *job, struct person **person)
{
    uint64_t bytes_before = keeper_profile_bytes(*person);
    enum job_answer answer = apply(keeper, job, person);

    keeper_note_profile(keeper, *person, bytes_before);
    return answer;
}

void
keeper_receive(struct keeper *keeper, const struct message *message)
{
    const struct profile_label *label = message->payload;
    struct handover *handover = memory_take(&keeper->memory, sizeof(*handover));

    memcpy(&handover->loser, &label->canonical, sizeof(handover->loser));
    handover->profile = profile_copy(&keeper->memory, (const struct profile *)(label + 1));
    if (store_add(&keeper->handovers, handover) != 0) {
        memory_exhausted(&keeper->memory);
    }
    keeper_wake(keeper, message->canonical);
}

void
keeper_free_outgoing(struct keeper *keeper)
{
    const struct node *node = keeper->options.node;

    for (uint32_t to = 0; keeper->outgoing_count > 0 && to < node->shard_count; to++) {
        struct outbox *outbox = &keeper->outboxes[to];
        if (outbox->first == NULL) {
            continue;
        }
        uint64_t passed =
            lane_passed(mesh_lane(&keeper->options.node->mesh, STAGE_HANDOVER, keeper->options.home.n, to));
        while (outbox->first != NULL && passed > outbox->first->lane_index) {
            struct outgoing *outgoing = outbox->first;
            outbox->first = outgoing->next;
            if (outbox->first == NULL) {
                outbox->last = NULL;
            }
            memory_put(&keeper->memory, outgoing, outgoing->bytes);
            keeper->outgoing_count--;
        }
    }
}
