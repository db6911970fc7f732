/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "core/disk_real.h"
#include "core/here.h"
#include "tests/check.h"

#define BYTES (4 * DISK_SECTOR_BYTES)
#define WATCHDOG_NS (60 * NS_PER_S)
#define LONG ((struct mono_ns){.ns = WATCHDOG_NS})

#if defined(__SANITIZE_THREAD__)
#define WAKE_COUNT 20000u
#else
#define WAKE_COUNT 100000u
#endif

static char directory[64];
static struct disk *disk;
static struct env *env;
static alignas(DISK_SECTOR_BYTES) uint8_t written[64][BYTES];
static alignas(DISK_SECTOR_BYTES) uint8_t seen[BYTES];

struct note {
    struct env_op op;
    uint32_t done_count;
    int result;
};

static void
note_done(struct env_op *op, int result)
{
    struct note *note = CONTAINER_OF(op, struct note, op);

    note->done_count++;
    note->result = result;
}

static struct note
fresh_note(void)
{
    return (struct note){.op.done = note_done};
}

static void
given_a_directory(void)
{
    (void)snprintf(directory, sizeof(directory), "/tmp/millrace-env-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
}

static void
given_a_disk(void)
{
    given_a_directory();
    CHECK_EQ(disk_real_open(directory, &disk), 0);
}

static int
remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat;
    (void)kind;
    (void)place;
    return remove(path);
}

static void
remove_directory(void)
{
    CHECK_EQ(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void
end_disk(void)
{
    disk_real_close(disk);
    disk = NULL;
    remove_directory();
}

static struct disk_file
must_create(const char *name, uint64_t bytes)
{
    struct disk_file file = DISK_FILE_NONE;

    CHECK_EQ(disk->ops->open(disk, name, DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(disk->ops->zero_fill(disk, file, bytes), 0);
    return file;
}

/* Turns until `*count` is at least `wanted`; fails when that takes longer than any machine is slow. */
static void
turn_until(const uint32_t *count, uint32_t wanted)
{
    uint64_t deadline = env_mono(env).ns + WATCHDOG_NS;

    while (*count < wanted) {
        (void)env_turn(env, (struct mono_ns){.ns = NS_PER_S});
        CHECK(env_mono(env).ns < deadline);
    }
}

/* The same table of tests for each backend. */

static void
with_each_backend(void (*test)(void))
{
    static const enum env_backend backends[] = {ENV_URING, ENV_EPOLL};

    for (uint32_t i = 0; i < COUNT_OF(backends) * 2; i++) {
        char reason[128];
        given_a_directory();
        CHECK_EQ((i < 2 ? disk_real_open : disk_real_open_buffered)(directory, &disk), 0);
        int r = env_open(backends[i % 2], disk, &env, reason);
        if (r != 0 && backends[i % 2] == ENV_URING) {
            fprintf(stderr, "no io_uring here: %s\n", strerror(-r));
            end_disk();
            continue;
        }
        CHECK_EQ(r, 0);
        CHECK_EQ(env->backend, backends[i % 2]);
        test();
        env_close(env);
        end_disk();
    }
}

static void
nothing_is_moved_past_the_end(void)
{
    struct disk_file file = must_create("a", BYTES);
    struct note note = fresh_note();

    env_read(env, &note.op, file, seen, BYTES, DISK_SECTOR_BYTES);
    CHECK_EQ(note.done_count, 0);
    turn_until(&note.done_count, 1);
    CHECK_EQ(note.result, -EIO);
}

TEST(a_short_read_is_an_error)
{
    with_each_backend(nothing_is_moved_past_the_end);
}

static void
no_room_is_said(void)
{
    char path[128];
    struct disk_file file;
    struct note note = fresh_note();

    if (disk->is_direct) {
        return; /* /dev/full has no O_DIRECT */
    }
    (void)snprintf(path, sizeof(path), "%s/full", directory);
    CHECK_EQ(symlink("/dev/full", path), 0);
    CHECK_EQ(disk->ops->open(disk, "full", DISK_OPEN_EXISTING, &file), 0);
    env_write(env, &note.op, file, written[0], BYTES, 0);
    turn_until(&note.done_count, 1);
    CHECK_EQ(note.result, -ENOSPC);
}

TEST(a_write_without_room_says_so)
{
    with_each_backend(no_room_is_said);
}

static void
half_a_write_is_no_room(void)
{
    struct disk_file file = must_create("a", 0);
    struct note note = fresh_note();
    struct rlimit before;
    struct rlimit half = {.rlim_cur = BYTES / 2, .rlim_max = RLIM_INFINITY};

    CHECK(BYTES / 2 % DISK_SECTOR_BYTES == 0);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    half.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &half), 0);
    env_write(env, &note.op, file, written[0], BYTES, 0);
    turn_until(&note.done_count, 1);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK_EQ(note.result, -ENOSPC);
}

TEST(a_write_that_was_cut_short_had_no_room)
{
    with_each_backend(half_a_write_is_no_room);
}

static void
contracts_are_checked(void)
{
    struct disk_file file = must_create("a", BYTES);
    struct note note = fresh_note();

    CHECK_DIES(env_write(env, &note.op, file, written[0], 100, 0));
    CHECK_DIES(env_write(env, &note.op, file, written[0] + 8, DISK_SECTOR_BYTES, 0));
    CHECK_DIES(env_read(env, &note.op, file, seen, DISK_SECTOR_BYTES, 8));
    CHECK_DIES(env_read(env, &note.op, file, seen, 0, 0));
    CHECK_DIES(env_read(env, &note.op, DISK_FILE_NONE, seen, BYTES, 0));
    note.op.done = NULL;
    CHECK_DIES(env_read(env, &note.op, file, seen, BYTES, 0));
}

TEST(contracts_of_operations_are_checked)
{
    with_each_backend(contracts_are_checked);
}

static void
bytes_come_back(void)
{
    struct disk_file file = must_create("a", BYTES * 4);
    struct note note = fresh_note();

    memset(written[0], 0xa7, BYTES);
    env_write(env, &note.op, file, written[0], BYTES, BYTES);
    CHECK_EQ(note.done_count, 0);
    CHECK_EQ(env->ops_outstanding, 1);
    turn_until(&note.done_count, 1);
    CHECK_EQ(note.result, 0);
    CHECK_EQ(env->ops_outstanding, 0);

    memset(seen, 0, BYTES);
    note = fresh_note();
    env_read(env, &note.op, file, seen, BYTES, BYTES);
    turn_until(&note.done_count, 1);
    CHECK_EQ(note.result, 0);
    CHECK_BYTES(seen, written[0], BYTES);

    /* The blocking half sees the same, and the other way round. */
    memset(seen, 0, BYTES);
    CHECK_EQ(disk->ops->read(disk, file, seen, BYTES, BYTES), 0);
    CHECK_BYTES(seen, written[0], BYTES);
    CHECK_EQ(disk->ops->write(disk, file, "other", 5, BYTES + 100), 0);
    note = fresh_note();
    env_read(env, &note.op, file, seen, BYTES, BYTES);
    turn_until(&note.done_count, 1);
    CHECK_BYTES(seen + 100, "other", 5);
    CHECK_EQ(seen[99], 0xa7);
    CHECK_EQ(seen[105], 0xa7);

    /* Again after both halves have looked, for the cache. */
    memset(written[0], 0x3c, BYTES);
    note = fresh_note();
    env_write(env, &note.op, file, written[0], BYTES, BYTES);
    turn_until(&note.done_count, 1);
    CHECK_EQ(disk->ops->read(disk, file, seen, BYTES, BYTES), 0);
    CHECK_BYTES(seen, written[0], BYTES);
}

TEST(what_is_written_is_read)
{
    with_each_backend(bytes_come_back);
}

static void
as_many_as_allowed(void)
{
    static struct note notes[ENV_OPS_MAX];
    struct disk_file file = must_create("a", BYTES * 64);
    struct note one_more = fresh_note();

    for (uint32_t i = 0; i < 64; i++) {
        memset(written[i], (int)(i + 1), BYTES);
    }
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < ENV_OPS_MAX; i++) {
            notes[i] = fresh_note();
            env_write(env, &notes[i].op, file, written[i % 64], BYTES, (i % 64) * BYTES);
        }
        CHECK_EQ(env->ops_outstanding, ENV_OPS_MAX);
        if (round == 0) {
            CHECK_DIES(env_write(env, &one_more.op, file, written[0], BYTES, 0));
        }
        for (uint32_t i = 0; i < ENV_OPS_MAX; i++) {
            turn_until(&notes[i].done_count, 1);
        }
        CHECK_EQ(env->ops_outstanding, 0);
        for (uint32_t i = 0; i < ENV_OPS_MAX; i++) {
            CHECK_EQ(notes[i].done_count, 1);
            CHECK_EQ(notes[i].result, 0);
        }
    }
    for (uint32_t i = 0; i < 64; i++) {
        CHECK_EQ(disk->ops->read(disk, file, seen, BYTES, i * BYTES), 0);
        CHECK_BYTES(seen, written[i], BYTES);
    }
}

TEST(hundreds_of_operations_end_once_each)
{
    with_each_backend(as_many_as_allowed);
}

struct chain {
    struct env_op op;
    struct disk_file file;
    uint32_t done_count;
    uint32_t depth;
    uint32_t depth_max;
};

static void
chain_done(struct env_op *op, int result)
{
    struct chain *chain = CONTAINER_OF(op, struct chain, op);

    CHECK_EQ(result, 0);
    chain->depth++;
    chain->depth_max = chain->depth > chain->depth_max ? chain->depth : chain->depth_max;
    chain->done_count++;
    if (chain->done_count < 200) {
        env_read(env, op, chain->file, seen, DISK_SECTOR_BYTES, 0);
    }
    chain->depth--;
}

static void
a_chain_of_reads(void)
{
    struct chain chain = {.op.done = chain_done, .file = must_create("a", BYTES)};

    env_read(env, &chain.op, chain.file, seen, DISK_SECTOR_BYTES, 0);
    turn_until(&chain.done_count, 200);
    CHECK_EQ(chain.depth_max, 1);
    CHECK_EQ(env->ops_outstanding, 0);
}

TEST(a_handler_may_start_the_next_operation)
{
    with_each_backend(a_chain_of_reads);
}

static uint32_t side_order;

static int
run_side(void *context)
{
    uint32_t mine = *(const uint32_t *)context;

    if (here.n != SHARD_NONE.n) {
        return -1;
    }
    return side_order++ == mine ? (int)mine * 10 : -2;
}

static void
sides_in_order(void)
{
    static struct note notes[100];
    static uint32_t numbers[COUNT_OF(notes)];

    side_order = 0;
    here = (struct shard_id){.n = 1};
    for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
        notes[i] = fresh_note();
        numbers[i] = i;
        env_side(env, &notes[i].op, run_side, &numbers[i]);
        CHECK_EQ(notes[i].done_count, 0);
    }
    turn_until(&notes[COUNT_OF(notes) - 1].done_count, 1);
    here = SHARD_NONE;
    for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
        CHECK_EQ(notes[i].done_count, 1);
        CHECK_EQ(notes[i].result, i * 10);
    }
    CHECK_EQ(env->ops_outstanding, 0);
}

TEST(side_tasks_run_elsewhere_and_in_order)
{
    with_each_backend(sides_in_order);
}

/* What a helper runs with. */
struct helper {
    cpu_set_t cpus;
    int nice;
};

static int
note_helper(void *context)
{
    struct helper *helper = context;

    helper->nice = getpriority(PRIO_PROCESS, 0);
    return sched_getaffinity(0, sizeof(helper->cpus), &helper->cpus) == 0 && here.n == SHARD_NONE.n ? 7 : -1;
}

static void
helped(void (*start)(struct env *home, struct env_op *op, int (*run)(void *context), void *context),
       struct helper *out_helper)
{
    struct note note = fresh_note();

    start(env, &note.op, note_helper, out_helper);
    CHECK_EQ(note.done_count, 0);
    turn_until(&note.done_count, 1);
    CHECK_EQ(note.result, 7);
}

/* As a shard is that has a core of its own. */
static void *
bound_to_one_core(void *context)
{
    cpu_set_t all;
    cpu_set_t one;
    uint32_t first = 0;
    struct helper helper;

    (void)context;
    CHECK_EQ(sched_getaffinity(getpid(), sizeof(all), &all), 0);
    while (!CPU_ISSET(first, &all)) {
        first++;
    }
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
        CHECK_EQ(env_open(i == 0 ? ENV_AUTO : ENV_EPOLL, disk, &env, NULL), 0);
        helped(env_side, &helper);
        CHECK(CPU_EQUAL(&helper.cpus, &all));
        CHECK_EQ(helper.nice, getpriority(PRIO_PROCESS, 0));
        helped(env_spare, &helper);
        CHECK(CPU_EQUAL(&helper.cpus, &all));
        CHECK_EQ(helper.nice, 19);
        env_close(env);
    }
    return NULL;
}

TEST(helpers_are_not_bound_to_the_core_of_their_shard)
{
    pthread_t thread;

    given_a_disk();
    CHECK_EQ(pthread_create(&thread, NULL, bound_to_one_core, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    end_disk();
}

static uint64_t
clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* A millisecond: long enough for the one who waits to fall asleep. */
static int
take_a_moment(void *context)
{
    uint64_t end = clock_ns() + NS_PER_MS;

    (void)context;
    while (clock_ns() < end) {
        (void)sched_yield();
    }
    return 5;
}

static void
one_side_while_we_sleep(void)
{
    for (uint32_t i = 0; i < 20; i++) {
        struct note note = fresh_note();
        env_side(env, &note.op, take_a_moment, NULL);
        turn_until(&note.done_count, 1); /* a second's wait would hide nothing: see the deadline below */
        CHECK_EQ(note.result, 5);
    }
}

TEST(the_end_of_a_side_task_wakes_the_sleeper)
{
    static struct note note;

    with_each_backend(one_side_while_we_sleep);

    /* Until something happens: when it does not, the alarm ends the program. */
    given_a_disk();
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_EQ(env_open(i == 0 ? ENV_AUTO : ENV_EPOLL, disk, &env, NULL), 0);
        note = fresh_note();
        env_side(env, &note.op, take_a_moment, NULL);
        (void)alarm(60);
        while (note.done_count == 0) {
            (void)env_turn(env, MONO_NEVER);
        }
        (void)alarm(0);
        env_close(env);
    }
    end_disk();
}

struct pipe_watch {
    int fd[2];
    uint32_t ready_count;
    uint32_t leave_count; /* turns in which we do not read */
};

static void
pipe_ready(void *context)
{
    struct pipe_watch *watch = context;
    char byte;

    watch->ready_count++;
    if (watch->leave_count > 0) {
        watch->leave_count--;
        return;
    }
    CHECK_EQ(read(watch->fd[0], &byte, 1), 1);
}

static void
pipes_are_watched(void)
{
    struct pipe_watch watch = {0};
    struct pipe_watch quiet = {0};

    CHECK_EQ(pipe(watch.fd), 0);
    CHECK_EQ(pipe(quiet.fd), 0);
    CHECK_EQ(env_watch(env, watch.fd[0], pipe_ready, &watch), 0);
    CHECK_EQ(env_watch(env, quiet.fd[0], pipe_ready, &quiet), 0);

    CHECK_EQ(env_turn(env, (struct mono_ns){.ns = NS_PER_MS}), 0);
    CHECK_EQ(write(watch.fd[1], "ab", 2), 2);
    turn_until(&watch.ready_count, 2); /* one byte each: it is level-triggered */
    CHECK_EQ(watch.ready_count, 2);
    CHECK_EQ(env_turn(env, (struct mono_ns){.ns = NS_PER_MS}), 0);

    watch.leave_count = 5;
    CHECK_EQ(write(watch.fd[1], "c", 1), 1);
    turn_until(&watch.ready_count, 8); /* left alone it says so again each turn */
    CHECK_EQ(env_turn(env, (struct mono_ns){0}), 0);
    CHECK_EQ(watch.ready_count, 8);
    CHECK_EQ(quiet.ready_count, 0);

    for (uint32_t i = 2; i < 16; i++) {
        CHECK_EQ(env_watch(env, quiet.fd[0], pipe_ready, &quiet) == 0, env->backend == ENV_URING);
        if (env->backend == ENV_EPOLL) {
            break; /* a second watch of one descriptor is refused there */
        }
    }
    if (env->backend == ENV_URING) {
        CHECK_EQ(env_watch(env, quiet.fd[0], pipe_ready, &quiet), -ENOSPC);
    }
    for (uint32_t i = 0; i < 2; i++) {
        close(watch.fd[i]);
        close(quiet.fd[i]);
    }
}

TEST(a_readable_pipe_calls_its_watcher)
{
    with_each_backend(pipes_are_watched);
}

/* Ping-pong between a sleeper and a waker: each wake must end one wait, 100 000 times. */

struct wakes {
    struct env *env;
    _Atomic uint32_t asked;
    _Atomic uint32_t answered;
    _Atomic uint32_t is_over;
};

static void *
wake_again_and_again(void *context)
{
    struct wakes *wakes = context;

    for (uint32_t i = 1; i <= WAKE_COUNT; i++) {
        atomic_store(&wakes->asked, i);
        env_wake(wakes->env);
        if (i % 3 == 0) {
            env_wake(wakes->env); /* once too often does no harm */
        }
        while (atomic_load(&wakes->answered) < i && atomic_load(&wakes->is_over) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void
wakes_end_waits(void)
{
    struct wakes wakes = {.env = env};
    pthread_t thread;
    bool was_lost = false;

    CHECK_EQ(pthread_create(&thread, NULL, wake_again_and_again, &wakes), 0);
    while (atomic_load(&wakes.answered) < WAKE_COUNT && !was_lost) {
        uint32_t before = atomic_load(&wakes.answered);
        uint64_t slept_at = env_mono(env).ns;
        (void)env_turn(env, LONG);
        atomic_store(&wakes.answered, atomic_load(&wakes.asked));
        was_lost = env_mono(env).ns - slept_at >= WATCHDOG_NS && before < WAKE_COUNT;
    }
    atomic_store(&wakes.is_over, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(!was_lost);
}

TEST(each_wake_from_another_thread_ends_a_wait)
{
    with_each_backend(wakes_end_waits);
}

static void
woken_before(void)
{
    uint64_t before = env_mono(env).ns;

    env_wake(env);
    CHECK_EQ(env_turn(env, LONG), 0); /* the next wait counts too */
    CHECK(env_mono(env).ns - before < WATCHDOG_NS);
}

TEST(a_wake_before_the_wait_ends_it_too)
{
    with_each_backend(woken_before);
}

static void
waits_end(void)
{
    for (uint64_t wait = 0; wait <= 4 * NS_PER_MS; wait += NS_PER_MS + 123) {
        uint64_t before = env_mono(env).ns;
        uint32_t early_count = 0;
        CHECK_EQ(env_turn(env, (struct mono_ns){wait}), 0);
        /* A ring closed just before may interrupt it once or twice. */
        while (env_mono(env).ns - before < wait) {
            CHECK(early_count++ < 10);
            CHECK_EQ(env_turn(env, (struct mono_ns){wait}), 0);
        }
        CHECK(env_mono(env).ns - before < WATCHDOG_NS);
    }
}

TEST(a_wait_ends_by_itself)
{
    with_each_backend(waits_end);
}

static _Atomic uint32_t signal_count;

static void
on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signal_count, 1);
}

static void
signals_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
    struct itimerval often = {.it_interval = {.tv_usec = 300}, .it_value = {.tv_usec = 300}};
    struct itimerval never = {0};
    struct disk_file file = must_create("a", BYTES * 64);

    atomic_store(&signal_count, 0);
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    uint64_t deadline = env_mono(env).ns + WATCHDOG_NS;
    for (uint32_t i = 0; i < 200 || atomic_load(&signal_count) < 100; i++) {
        struct note note = fresh_note();
        env_write(env, &note.op, file, written[i % 64], BYTES, (i % 64) * BYTES);
        turn_until(&note.done_count, 1);
        CHECK_EQ(note.result, 0);
        (void)env_turn(env, (struct mono_ns){.ns = NS_PER_MS});
        CHECK(env_mono(env).ns < deadline);
    }
    CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    (void)signal(SIGALRM, SIG_DFL);
}

TEST(signals_never_fail_a_turn)
{
    with_each_backend(signals_interrupt);
}

static void
closed_in_the_middle(void)
{
    static struct note notes[64];
    struct disk_file file = must_create("a", BYTES * 64);

    for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
        notes[i] = fresh_note();
        if (i % 8 == 0) {
            env_side(env, &notes[i].op, take_a_moment, NULL);
        } else if (i % 8 == 1) {
            env_spare(env, &notes[i].op, take_a_moment, NULL);
        } else {
            env_write(env, &notes[i].op, file, written[i], BYTES, i * BYTES);
        }
    }
    (void)env_turn(env, (struct mono_ns){0}); /* under way; with_each_backend() closes */
}

TEST(closing_waits_for_what_is_under_way)
{
    with_each_backend(closed_in_the_middle);
}

static void
clocks_and_dice(void)
{
    uint64_t mono = env_mono(env).ns;
    uint64_t before = env_random(env);
    uint32_t same = 0;

    CHECK(env_wall(env).ms > INT64_C(1700000000000));
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t random = env_random(env);
        same += random == before;
        before = random;
        CHECK(env_mono(env).ns >= mono);
        mono = env_mono(env).ns;
    }
    CHECK_EQ(same, 0);
}

TEST(clocks_go_forward_and_dice_differ)
{
    with_each_backend(clocks_and_dice);
}

TEST(auto_takes_what_there_is_and_says_why)
{
    char reason[128] = "x";

    given_a_disk();
    CHECK_EQ(env_open(ENV_AUTO, disk, &env, reason), 0);
    CHECK(env->backend == ENV_URING || (env->backend == ENV_EPOLL && reason[0] != '\0'));
    CHECK(env->backend != ENV_URING || reason[0] == '\0');
    env_close(env);
    CHECK_EQ(env_open(ENV_SIMULATED, disk, &env, reason), -EINVAL);
    CHECK_EQ(env_open(ENV_EPOLL, NULL, &env, reason), 0); /* no disk is needed to wait */
    CHECK_EQ(env_turn(env, (struct mono_ns){1}), 0);
    env_close(env);
    env_close(NULL);
    end_disk();
}

/* As in a container: the system call is refused, in one thread of ours. */

struct refusal {
    int answer;
    int uring_result;
    int auto_result;
    bool is_epoll;
    bool is_working;
    char reason[128];
};

static bool
refuse_io_uring(int answer)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT_OF(filter), .filter = filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void *
open_without_uring(void *context)
{
    struct refusal *refusal = context;
    struct env *mine;

    if (!refuse_io_uring(refusal->answer)) {
        return NULL;
    }
    refusal->uring_result = env_open(ENV_URING, NULL, &mine, NULL);
    refusal->auto_result = env_open(ENV_AUTO, NULL, &mine, refusal->reason);
    if (refusal->auto_result == 0) {
        refusal->is_epoll = mine->backend == ENV_EPOLL;
        env_wake(mine);
        refusal->is_working = env_turn(mine, LONG) == 0;
        env_close(mine);
    }
    return NULL;
}

TEST(where_io_uring_is_forbidden_epoll_serves_and_says_why)
{
    struct refusal refusals[] = {{.answer = EPERM}, {.answer = ENOSYS}, {.answer = ENOMEM}};
    static const char *const words[] = {"not permitted", "no io_uring", "RLIMIT_MEMLOCK"};

    for (uint32_t i = 0; i < COUNT_OF(refusals); i++) {
        struct refusal *refusal = &refusals[i];
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, open_without_uring, refusal), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(refusal->uring_result, -refusal->answer);
        CHECK_EQ(refusal->auto_result, 0);
        CHECK(refusal->is_epoll);
        CHECK(refusal->is_working);
        CHECK(strstr(refusal->reason, words[i]) != NULL);
    }
}
