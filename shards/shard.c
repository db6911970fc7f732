/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/shard.h"

#include "core/log_line.h"
#include "core/metrics.h"
#include "shards/budget.h"
#include "shards/metrics_table.h"

#include <errno.h>
#include <time.h>

#define TIMERS_A_TURN 256u
#define ARENA_BYTES_KEPT (16u << 20)
#define MESSAGES_A_TURN 256u
#define DECAY_NS (10 * NS_PER_MS)
#define DECAYS_A_TURN 8u
#define BUDGET_TURNS 8u /* between two looks at what may stay in memory */
#define STALL_SAMPLE_NS (10 * NS_PER_MS)
#define GRACE_NS (8 * NS_PER_S)
#define STOPPING_WAIT_NS (5 * NS_PER_MS)

static struct mono_ns
shard_now(void *context)
{
    struct shard *shard = context;

    return env_mono(shard->env);
}

/* A question of some coordinator has its answer here; when it was the last of its message, the message goes back. */
static void
question_answered(void *context, struct question *question)
{
    struct shard *shard = context;
    struct subquery *subquery = question->subquery;

    ASSERT(subquery->unanswered > 0);
    subquery->answer_bytes += question->arena.bytes_held;
    if (--subquery->unanswered == 0) {
        struct message *message =
            (void *)lane_claim(mesh_lane(&shard->node->mesh, STAGE_REPLY, shard->id.n, subquery->from));

        ASSERT(message != NULL); /* a coordinator has no more outstanding than the reply lane holds */
        *message = (struct message){.kind = MESSAGE_ANSWER, .payload = subquery};
    }
}

static uint64_t
share_of(const struct node *node, uint64_t bytes)
{
    uint64_t share = bytes / node->shard_count;

    return share > SHARD_ARENAS_BYTES_MIN ? share : SHARD_ARENAS_BYTES_MIN;
}

int
shard_open(struct shard *shard, struct shard_options options)
{
    const uint64_t at_start = node_bytes_at_start(options.node);
    int r;

    *shard = (struct shard){
        .node = options.node,
        .id = options.id,
        .env = options.env,
        .metrics = options.metrics,
    };
    here = options.id;
    timers_init(&shard->timers);
    run_queue_init(&shard->queries, shard_now, shard);
    r = arena_pool_init_reserve(&shard->arenas, ARENA_BYTES_KEPT,
                                share_of(options.node, SHARD_REQUESTS_BYTES_NODE));
    if (r != 0) {
        goto fail;
    }
    r = arena_pool_init_reserve(&shard->answers, ARENA_BYTES_KEPT,
                                share_of(options.node, SHARD_ANSWERS_BYTES_NODE));
    if (r != 0) {
        goto fail;
    }
    r = region_init(&shard->region, options.region_bytes);
    if (r != 0) {
        goto fail;
    }
    shard->now = env_mono(shard->env);
    r = keeper_open(
        (struct keeper_options){
            .node = options.node,
            .home = options.id,
            .env = options.node->has_checkpoints ? shard->env : NULL,
            .region = &shard->region,
            .arenas = &shard->answers,
            .metrics = options.metrics,
            .people_bytes_max = options.people_bytes_max > 0 ? options.people_bytes_max : at_start,
            .journal_bytes_max = options.journal_bytes_max > 0 ? options.journal_bytes_max : at_start,
            .now = shard_now,
            .answered = question_answered,
            .is_late = options.is_late,
            .people_page_bytes = options.people_page_bytes,
            .run_events = options.run_events,
            .context = shard,
        },
        &shard->keeper);
    if (r != 0) {
        goto fail;
    }
    r = sequencer_open(
        (struct sequencer_options){
            .node = options.node,
            .home = options.id,
            .env = shard->env,
            .timers = &shard->timers,
            .region = &shard->region,
            .arenas = &shard->answers,
            .metrics = options.metrics,
            .segment_bytes = options.segment_bytes,
            .block_bytes = options.block_bytes,
            .wall_floor = options.wall_floor,
            .answered = question_answered,
            .is_late = options.is_late,
            .context = shard,
        },
        &shard->sequencer);
    if (r != 0) {
        goto fail;
    }
    r = checkpoint_open(shard, shard->reason, &shard->checkpoint);
    if (r != 0) {
        goto fail;
    }
    options.node->shards[options.id.n] = shard;
    mesh_join(&options.node->mesh, options.id, shard->env);
    return 0;

fail:
    shard_close(shard);
    return fault_up(r);
}

void
shard_close(struct shard *shard)
{
    env_close(shard->env); /* first: nothing completes any more */
    shard->env = NULL;
    checkpoint_close(shard->checkpoint);
    shard->checkpoint = NULL;
    sequencer_close(shard->sequencer);
    shard->sequencer = NULL;
    keeper_close(shard->keeper);
    shard->keeper = NULL;
    region_deinit(&shard->region);
    if (shard->arenas.bytes_taken == 0) { /* else, at the end of a process, somebody's request is not over */
        arena_pool_deinit(&shard->arenas);
    }
    arena_pool_drop(&shard->answers); /* of questions that nobody came to give back */
    arena_pool_deinit(&shard->answers);
}

bool
node_is_ready(const struct node *node)
{
    for (uint32_t i = 0; i < node->shard_count; i++) {
        if (!atomic_load_explicit(&node->words[i].is_ready, memory_order_acquire)) {
            return false;
        }
    }
    return true;
}

static bool
take_replies(struct shard *shard)
{
    struct node *node = shard->node;
    uint32_t taken = 0;

    for (uint32_t from = 0; from < node->shard_count; from++) {
        struct lane *lane = mesh_lane(&node->mesh, STAGE_REPLY, from, shard->id.n);
        const struct message *message;

        while (taken < MESSAGES_A_TURN && (message = (const void *)lane_fetch(lane)) != NULL) {
            void *payload = (void *)(uintptr_t)message->payload;

            taken++;
            if (message->kind == MESSAGE_PART_DONE) {
                ingest_part_done(payload);
            } else {
                ASSERT(message->kind == MESSAGE_ANSWER);
                scatter_answered(payload);
            }
        }
        lane_release(lane);
    }
    return taken == MESSAGES_A_TURN;
}

static void
take_message(struct shard *shard, struct subquery *subquery)
{
    if (subquery->first->kind < QUESTION_PROFILE) {
        sequencer_ask(shard->sequencer, subquery);
    } else {
        keeper_ask(shard->keeper, subquery);
    }
}

static bool
take_questions(struct shard *shard)
{
    struct node *node = shard->node;
    uint32_t taken = 0;

    for (uint32_t from = 0; from < node->shard_count; from++) {
        struct lane *lane = mesh_lane(&node->mesh, STAGE_QUERY, from, shard->id.n);
        const struct message *message;

        while (taken < MESSAGES_A_TURN && (message = (const void *)lane_fetch(lane)) != NULL) {
            taken++;
            if (message->kind == MESSAGE_RELEASE) {
                arena_pool_adopt(&shard->answers, (void *)(uintptr_t)message->payload, message->bytes);
                continue;
            }
            ASSERT(message->kind == MESSAGE_ASK);
            take_message(shard, (void *)(uintptr_t)message->payload);
        }
        lane_release(lane);
    }
    return taken == MESSAGES_A_TURN;
}

/* What lies free between pieces counts where it is more than a fifth of all. */
static uint64_t
own_bytes(const struct shard *shard)
{
    uint64_t used = region_used(&shard->region);
    uint64_t held = region_held(&shard->region) / 5 * 4;

    return used > held ? used : held;
}

/*
 * State is bounded for the node, not for each shard: people move with the number of shards, and what was admitted on
 * two must fit on three. Relaxed: admission may be a turn late, and a sixteenth is kept for that.
 */
static uint64_t
memory_used(struct shard *shard)
{
    const struct node *node = shard->node;
    uint64_t used = 0;

    atomic_store_explicit(&shard->node->words[shard->id.n].memory_used_bytes, own_bytes(shard),
                          memory_order_relaxed);
    for (uint32_t i = 0; i < node->shard_count; i++) {
        used += atomic_load_explicit(&node->words[i].memory_used_bytes, memory_order_relaxed);
    }
    return used;
}

static bool
is_memory_tight(const struct shard *shard, uint64_t used_bytes)
{
    const struct node *node = shard->node;

    return region_is_tight(&shard->region) ||
           (node->memory_bytes_max > 0 && used_bytes > node->memory_bytes_max - node->memory_bytes_max / 16);
}

/* What can leave makes room before memory is tight. */
static void
keep_to_budget(struct shard *shard, uint64_t used_bytes)
{
    struct budget budget = {
        .bytes_max = shard->node->memory_bytes_max,
        .used_bytes = used_bytes,
        .own_bytes = own_bytes(shard),
    };

    if (budget.bytes_max == 0 || shard->turn_count % BUDGET_TURNS != 0) {
        return;
    }
    budget.leavable_bytes = keeper_leavable_bytes(shard->keeper) + sequencer_leavable_bytes(shard->sequencer);
    keeper_keep_to(shard->keeper, &budget);
    sequencer_keep_to(shard->sequencer, &budget);
}

/* Memory of requests that are over goes back to the system at an even pace: where nothing happens, a turn a second. */
static void
decay(struct shard *shard)
{
    uint64_t steps = (shard->now.ns - shard->decayed.ns) / DECAY_NS;

    for (uint64_t i = 0; i < steps && i < DECAYS_A_TURN; i++) {
        arena_pool_decay(&shard->arenas);
        arena_pool_decay(&shard->answers);
    }
    shard->decayed = steps > 0 ? shard->now : shard->decayed;
}

static int
touch(void *page)
{
    region_touch(page);
    return 0;
}

static void
touch_done(struct env_op *op, int result)
{
    (void)result; /* then it is touched when it is used */
    op->done = NULL;
}

/* The first touch of a page may take longer than all else that a turn does. */
static void
touch_ahead(struct shard *shard)
{
    void *page = shard->ahead.done == NULL ? region_ahead(&shard->region) : NULL;

    if (page != NULL) {
        shard->ahead = (struct env_op){.done = touch_done};
        env_spare(shard->env, &shard->ahead, touch, page);
    }
}

static void
note_state(struct shard *shard)
{
    struct shard_word *word = &shard->node->words[shard->id.n];
    uint64_t used_bytes = memory_used(shard);
    bool is_tight = is_memory_tight(shard, used_bytes);

    keep_to_budget(shard, used_bytes);

    if (is_tight != atomic_load_explicit(&word->is_memory_tight, memory_order_relaxed)) {
        atomic_store_explicit(&word->is_memory_tight, is_tight, memory_order_relaxed);
        if (is_tight) {
            log_warn_seldom("memory is full: events are refused; raise storage.memory",
                            LOG_UINT("shard_used_bytes", region_used(&shard->region)));
        }
    }
    if (!atomic_load_explicit(&word->is_ready, memory_order_relaxed) &&
        sequencer_is_ready(shard->sequencer)) {
        atomic_store_explicit(&word->is_ready, true, memory_order_release);
    }
    if (shard->metrics != NULL) {
        metrics_set(shard->metrics, METRIC_MEMORY_USED, region_used(&shard->region));
        metrics_set(shard->metrics, METRIC_MEMORY_TOUCHED, region_touched(&shard->region));
        metrics_set(shard->metrics, METRIC_LOG_HELD, sequencer_log_bytes(shard->sequencer));
    }
}

static void
note_time(struct shard *shard, const char *what)
{
    struct mono_ns now = env_mono(shard->env);

    if (now.ns - shard->noted.ns > shard->longest_ns) {
        shard->longest = what;
        shard->longest_ns = now.ns - shard->noted.ns;
    }
    shard->noted = now;
}

bool
shard_turn(struct shard *shard)
{
    struct mono_ns until;
    bool is_busy = false;

    here = shard->id;
    shard->now = env_mono(shard->env);
    until = (struct mono_ns){.ns = shard->now.ns + SHARD_TURN_NS};
    shard->turn_count++;
    shard->noted = shard->now;
    shard->longest_ns = 0;

    is_busy |= timer_run(&shard->timers, shard->now, TIMERS_A_TURN) == TIMERS_A_TURN;
    note_time(shard, "timers");
    is_busy |= checkpoint_step(shard->checkpoint);
    note_time(shard, "checkpoint");
    is_busy |= take_replies(shard);
    note_time(shard, "replies");
    is_busy |= take_questions(shard);
    note_time(shard, "questions");
    is_busy |= run_queue_run(&shard->queries) == STEP_MORE;
    note_time(shard, "queries");
    is_busy |= sequencer_step(shard->sequencer, until) == STEP_MORE;
    note_time(shard, "sequencer");
    is_busy |= keeper_step(shard->keeper, until) == STEP_MORE;
    note_time(shard, "keeper");
    if (shard->outside != NULL) {
        is_busy |= shard->outside(shard->outside_context, shard->now);
        note_time(shard, "http");
        is_busy |= !run_queue_is_empty(&shard->queries);
    }
    scatter_flush(shard);
    decay(shard);
    touch_ahead(shard);
    note_state(shard);
    mesh_publish(&shard->node->mesh, shard->id);
    return is_busy;
}

static uint64_t
thread_cpu_ns(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec;
}

/* How long there is nothing to do, if nothing comes from elsewhere. */
static struct mono_ns
time_to_wait(struct shard *shard)
{
    struct mono_ns due = timer_next_due(&shard->timers);
    uint64_t now = env_mono(shard->env).ns;

    if (shard->outside_due != NULL) {
        struct mono_ns outside = shard->outside_due(shard->outside_context);

        due = outside.ns < due.ns ? outside : due;
    }
    /* Shards that stop wait for each other, and nobody tells. */
    if (atomic_load_explicit(&shard->node->is_stopping, memory_order_relaxed) &&
        due.ns > now + STOPPING_WAIT_NS) {
        due.ns = now + STOPPING_WAIT_NS;
    }
    if (due.ns == UINT64_MAX) {
        return due;
    }
    return (struct mono_ns){.ns = due.ns > now ? due.ns - now : 0};
}

static void
wait_for_work(struct shard *shard, uint64_t *idle_since)
{
    uint64_t now = env_mono(shard->env).ns;
    struct mono_ns wait = time_to_wait(shard);

    if (*idle_since == 0) {
        *idle_since = now;
    }
    /* Waking a sleeping thread costs as much as several requests: who expects an answer stays awake a moment. */
    bool expects = shard->requests_out > 0 || shard->queries_out > 0;
    if (wait.ns == 0 || (expects && now - *idle_since < SHARD_SPIN_NS)) {
        env_turn(shard->env, (struct mono_ns){.ns = 0});
        return;
    }
    if (mesh_may_sleep(&shard->node->mesh, shard->id)) {
        env_turn(shard->env, wait);
        mesh_awake(&shard->node->mesh, shard->id);
    } else {
        env_turn(shard->env, (struct mono_ns){.ns = 0});
    }
    *idle_since = 0;
}

bool
shard_is_idle(const struct shard *shard)
{
    return sequencer_is_idle(shard->sequencer) && keeper_is_idle(shard->keeper) && shard->requests_out == 0 &&
           shard->queries_out == 0 && run_queue_is_empty(&shard->queries) && scatter_is_flushed(shard);
}

static bool
is_at_rest(const struct shard *shard)
{
    if (shard->outside != NULL && !shard->outside_is_at_rest(shard->outside_context)) {
        return false;
    }
    /* What a replay has not reached is still in the log. */
    return !sequencer_is_ready(shard->sequencer) || shard_is_idle(shard);
}

/*
 * What is in flight began at some shard and passes through others. Each says once that nothing of its own is left, and
 * none leaves before all have: until then it works for the others.
 */
static bool
may_leave(struct shard *shard, uint64_t *stopping_since)
{
    struct node *node = shard->node;
    struct shard_word *word = &node->words[shard->id.n];
    uint64_t now = env_mono(shard->env).ns;

    *stopping_since = *stopping_since == 0 ? now : *stopping_since;
    if (!atomic_load_explicit(&word->has_left, memory_order_relaxed) && is_at_rest(shard)) {
        atomic_store_explicit(&word->has_left, true, memory_order_release);
    }
    for (uint32_t i = 0; i < node->shard_count; i++) {
        if (!atomic_load_explicit(&node->words[i].has_left, memory_order_acquire)) {
            return now - *stopping_since > GRACE_NS;
        }
    }
    return checkpoint_may_leave(shard->checkpoint) || now - *stopping_since > GRACE_NS;
}

/* Reading a thread's CPU time is a system call, so it is read seldom: now and then, and when a turn took long. */
struct stall_watch {
    uint64_t sampled_ns; /* when `cpu_ns` was read */
    uint64_t cpu_ns;
};

static void
watch_stall(struct shard *shard, struct stall_watch *watch, uint64_t began_ns)
{
    uint64_t now = env_mono(shard->env).ns;
    uint64_t cpu;
    uint64_t before;

    if (now - began_ns <= SHARD_STALL_NS && now - watch->sampled_ns <= STALL_SAMPLE_NS) {
        return;
    }
    cpu = thread_cpu_ns();
    /* At most this much of it was spent before the turn. */
    before = began_ns - watch->sampled_ns;
    if (cpu - watch->cpu_ns > before + SHARD_STALL_NS && shard->turn_count > 1) {
        if (shard->metrics != NULL) {
            metrics_add(shard->metrics, METRIC_STALLS, 1);
        }
        log_warn("a turn took long", LOG_INT("cpu_us", (int64_t)((cpu - watch->cpu_ns - before) / 1000)),
                 LOG_TEXT("where", shard->longest), LOG_UINT("where_us", shard->longest_ns / 1000));
    }
    *watch = (struct stall_watch){.sampled_ns = now, .cpu_ns = cpu};
}

void
shard_run(struct shard *shard)
{
    struct node *node = shard->node;
    uint64_t stopping_since = 0;
    uint64_t idle_since = 0;
    struct stall_watch watch = {.sampled_ns = env_mono(shard->env).ns, .cpu_ns = thread_cpu_ns()};

    for (;;) {
        uint64_t began = env_mono(shard->env).ns;
        bool is_busy = shard_turn(shard);

        watch_stall(shard, &watch, began);
        if (is_busy) {
            idle_since = 0;
            env_turn(shard->env, (struct mono_ns){.ns = 0});
        } else {
            wait_for_work(shard, &idle_since);
        }
        if (atomic_load_explicit(&node->is_stopping, memory_order_acquire) &&
            may_leave(shard, &stopping_since)) {
            break;
        }
    }
}

void
shard_wake(struct node *node, struct shard_id id)
{
    struct env *env = atomic_load(&node->mesh.bells[id.n].env);

    if (env != NULL) {
        env_wake(env);
    }
}
