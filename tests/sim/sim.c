/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sim - days in the life of a node, each from one seed
 *
 *     sim SEED            one seed, twice: prints what happened and the state's hash, which must be equal
 *     sim FROM COUNT      many; prints the first that goes wrong
 *
 * A day: three clients send hostile batches to a node of 1 to 4 shards and send again what was not answered; the
 * node is killed at dice's whim, also at any disk operation of its start, and comes back with another number of
 * shards. Writes and syncs fail and end it with 74, the disk is full for a while, and while it is down copies of its
 * disk are damaged. What was answered can be read at once. Somebody pages through lists all the while. At rest every
 * answer equals the model's, and every answered event is in the log exactly once.
 */

#include "core/log_line.h"
#include "tests/sim/check_run.h"
#include "tests/sim/clients.h"
#include "tests/sim/damage.h"
#include "tests/sim/pager.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STARTS_MAX 200u
#define EVENTS_LEAST 1000u
#define PAGER_PERCENT 6u
#define SETTINGS_PERCENT 30u
#define DAMAGES_A_STOP 1u
#define FAILURE_STEPS 300u /* by then every shard has had its turns */
#define FULL_STEPS 30000u
#define FULL_REFUSED 20u
#define FULL_BYTES_MAX (4u << 20) /* that are left, at most */
#define SMALL_SEGMENT_BYTES (256u << 10)

struct day {
    uint64_t seed;
    struct cluster cluster;
    struct traffic traffic;
    struct arena_pool arenas;
    struct clients clients;
    struct pager pager;
    struct census census;
    uint32_t crashes;
    uint32_t starts;
    uint32_t shard_counts; /* a bit for each number of shards */
    struct damage_counts damage;
    uint32_t failures; /* writes and syncs that failed, and ended the node */
    uint32_t fillings;
    bool may_fail; /* in this life */
    bool may_be_full;
    uint64_t hash;
    char why[512];
};

static void
forget_requests(struct day *day)
{
    clients_forget(&day->clients);
    pager_forget(&day->pager);
}

/* A failed write or sync of the log ends the node with 74; one of a start is a start that failed. */
static bool
has_failed_as_it_must(struct day *day, bool is_start)
{
    struct cluster *cluster = &day->cluster;

    bool is_good = is_start ? strncmp(cluster->failure, "start: -5", 9) == 0 ||
                                  strncmp(cluster->failure, "shard: -5", 9) == 0
                            : strncmp(cluster->failure, "74: ", 4) == 0;

    if (!day->may_fail || !is_good) {
        snprintf(day->why, sizeof(day->why), "%s", cluster->failure);
        return false;
    }
    day->failures++;
    return true;
}

/* For the next start and the life after it. */
static void
give_faults(struct day *day)
{
    struct cluster *cluster = &day->cluster;
    uint64_t now = sim_disk_operation_count(cluster->disk);

    day->may_fail = dice_chance(&cluster->dice, 15);
    if (day->may_fail) {
        sim_disk_fail_at(cluster->disk,
                         now + dice_below(&cluster->dice, dice_chance(&cluster->dice, 50) ? 20 : 150));
    }
    day->may_be_full = dice_chance(&cluster->dice, 15);
    sim_disk_limit(cluster->disk,
                   !day->may_be_full ? UINT64_MAX : dice_below(&cluster->dice, FULL_BYTES_MAX));
    day->fillings += day->may_be_full;
}

/* What a disk may do to a node that is down, each to a copy of it. */
static bool
damage(struct day *day)
{
    if (day->cluster.checkpoint_interval_ns > 0) {
        return true; /* What a checkpoint holds is not needed of the log, and may be damaged unseen. */
    }
    for (uint32_t i = 0; i < DAMAGES_A_STOP; i++) {
        if (!damage_try(&day->cluster, &day->traffic, &day->cluster.dice, &day->damage, day->why)) {
            return false;
        }
    }
    return true;
}

static bool
start(struct day *day)
{
    struct cluster *cluster = &day->cluster;

    while (day->starts < STARTS_MAX) {
        uint32_t shard_count = 1 + dice_below(&cluster->dice, 4);

        day->starts++;
        if (day->starts > 1) {
            give_faults(day);
        }
        if (day->starts > 1 && dice_chance(&cluster->dice, 25)) { /* a start that does not get far */
            sim_disk_die_at(cluster->disk,
                            sim_disk_operation_count(cluster->disk) + 1 + dice_below(&cluster->dice, 12));
        }
        if (day->starts > 1 && dice_chance(&cluster->dice, SETTINGS_PERCENT)) {
            cluster->rules.out_of_orderness_ms = dice_below(&cluster->dice, 180000);
            cluster->rules.allowed_lateness_ms = dice_below(&cluster->dice, 120000);
        }
        if (dice_chance(&cluster->dice, 10)) {
            cluster->clock.wall.ms += dice_below(&cluster->dice, 40 * 60 * 1000); /* time while it was down */
        }
        if (cluster_start(cluster, shard_count)) {
            day->shard_counts |= 1u << shard_count;
            if (sim_disk_has_failed(cluster->disk)) {
                snprintf(day->why, sizeof(day->why), "a write or sync of a start failed, and it starts");
                return false;
            }
            return true;
        }
        /* Without room it starts as long as what it keeps for that lasts. */
        bool is_full = day->may_be_full && strncmp(cluster->failure, "start: -28", 10) == 0;
        if (cluster->has_failed && !is_full && !has_failed_as_it_must(day, true)) {
            return false;
        }
        day->crashes++;
        sim_disk_crash(cluster->disk);
    }
    snprintf(day->why, sizeof(day->why), "the node never starts");
    return false;
}

static void
somebody_acts(struct day *day)
{
    struct cluster *cluster = &day->cluster;

    if (dice_chance(&cluster->dice, 2)) { /* a quiet while, or a long one */
        cluster->clock.wall.ms +=
            dice_below(&cluster->dice, dice_chance(&cluster->dice, 20) ? 7200000 : 60000);
    }
    if (dice_chance(&cluster->dice, PAGER_PERCENT)) {
        pager_act(&day->pager);
    }
    clients_act(&day->clients);
}

/* Sends until `events` were answered; dies on the way when it is to. False: something is wrong. */
static bool
work(struct day *day, uint64_t events, bool is_mortal)
{
    struct cluster *cluster = &day->cluster;
    uint64_t steps = 0;
    uint64_t steps_since_failure = 0;
    uint64_t refused = day->clients.refused_full;
    uint64_t last_step = is_mortal ? 200 + dice_below(&cluster->dice, 12000) : UINT64_MAX;

    if (!is_mortal) {
        sim_disk_die_at(cluster->disk, UINT64_MAX); /* what was meant for the start has missed it */
        sim_disk_fail_at(cluster->disk, UINT64_MAX);
    } else if (dice_chance(&cluster->dice, 50)) {
        sim_disk_die_at(cluster->disk,
                        sim_disk_operation_count(cluster->disk) + 1 + dice_below(&cluster->dice, 150));
    }
    while (day->clients.answered < events && day->why[0] == '\0') {
        if (!cluster_step(cluster)) {
            return sim_disk_is_dead(cluster->disk) || has_failed_as_it_must(day, false);
        }
        if (sim_disk_has_failed(cluster->disk) && ++steps_since_failure > FAILURE_STEPS) {
            snprintf(day->why, sizeof(day->why), "a write or sync of the log failed, and the node goes on");
        }
        if (day->may_be_full &&
            (steps == FULL_STEPS || day->clients.refused_full >= refused + FULL_REFUSED)) {
            sim_disk_fill(cluster->disk, false); /* and it goes on by itself */
            day->may_be_full = false;
        }
        if (steps % 8 == 0) {
            somebody_acts(day);
        }
        if (++steps > last_step) {
            return true;
        }
        if (steps > 20000000) {
            snprintf(day->why, sizeof(day->why), "no progress: %llu answered",
                     (unsigned long long)day->clients.answered);
        }
    }
    return day->why[0] == '\0';
}

/* What was answered before the crash is there now, before anybody sends it again. */
static bool
check_survivors(struct day *day)
{
    return check_log(&day->cluster, &day->traffic, &day->census, day->why) &&
           clients_check(&day->clients, &day->census, day->why);
}

static bool
check(struct day *day)
{
    if (!cluster_drain(&day->cluster)) {
        if (!sim_disk_is_dead(day->cluster.disk)) {
            snprintf(day->why, sizeof(day->why), "%s", day->cluster.failure);
        }
        return false;
    }
    return day->why[0] == '\0' && check_run(&day->cluster, &day->traffic, &day->census, day->why) &&
           clients_check(&day->clients, &day->census, day->why);
}

/* Told to accept the loss of the newest checkpoint, a start takes the one before and knows the same. */
static bool
start_without_newest_checkpoint(struct day *day, uint64_t walls)
{
    struct cluster *cluster = &day->cluster;

    cluster_crash(cluster);
    forget_requests(day);
    if (!damage_newest_checkpoint(cluster, day->why)) {
        return false;
    }
    if (!cluster_start(cluster, 1 + dice_below(&cluster->dice, 4)) || !check(day)) {
        return false;
    }
    if (cluster_wall_sum(cluster) == walls && cluster_state_hash(cluster) != day->hash) {
        snprintf(day->why, sizeof(day->why), "the state differs after a start from the checkpoint before");
        return false;
    }
    return true;
}

static bool
live(struct day *day)
{
    struct cluster *cluster = &day->cluster;
    uint32_t lives = 3 + dice_below(&cluster->dice, 2);
    uint64_t walls;

    if (!start(day)) {
        return false;
    }
    for (uint32_t life = 0; life < lives; life++) {
        bool is_last = life + 1 == lives;
        uint64_t goal = EVENTS_LEAST * (life + 1) / lives;

        if (!work(day, goal, !is_last)) {
            return false;
        }
        if (is_last || (!cluster_is_dead(cluster) && dice_chance(&cluster->dice, 30))) {
            sim_disk_die_at(cluster->disk, UINT64_MAX);
            sim_disk_fail_at(cluster->disk, UINT64_MAX);
            sim_disk_fill(cluster->disk, false);
            if (!check(day)) {
                return false;
            }
        }
        if (!is_last) {
            day->crashes++;
            cluster_crash(cluster);
            forget_requests(day);
            if (!damage(day) || !start(day) || !check_survivors(day)) {
                return false;
            }
        }
    }
    day->hash = cluster_state_hash(cluster);
    walls = cluster_wall_sum(cluster);

    /* A restart with another number of shards knows the same, unless a beat came meanwhile, which ends visits. */
    uint32_t before = cluster->shard_count;
    cluster_crash(cluster);
    forget_requests(day);
    if (!damage(day) || !cluster_start(cluster, before % 4 + 1) || !check(day)) {
        return false;
    }
    if (cluster_wall_sum(cluster) == walls && cluster_state_hash(cluster) != day->hash) {
        snprintf(day->why, sizeof(day->why), "the state differs after a restart with %u shards",
                 before % 4 + 1);
        return false;
    }
    return start_without_newest_checkpoint(day, walls);
}

static bool
run_day(uint64_t seed, struct day *day)
{
    bool is_good;

    memset(day, 0, sizeof(*day));
    day->seed = seed;
    cluster_init(&day->cluster, seed);
    if (dice_chance(&day->cluster.dice, 50)) {
        day->cluster.segment_bytes = SMALL_SEGMENT_BYTES;
    }
    traffic_init(&day->traffic, &day->cluster.dice, day->cluster.clock.wall);
    arena_pool_init(&day->arenas, 4u << 20);
    clients_init(&day->clients, &day->cluster, &day->traffic, &day->arenas, day->why);
    pager_init(&day->pager, &day->cluster, &day->arenas, day->why);
    is_good = live(day);
    cluster_stop(&day->cluster);
    forget_requests(day);
    pager_deinit(&day->pager);
    clients_deinit(&day->clients);
    arena_pool_deinit(&day->arenas);
    cluster_deinit(&day->cluster);
    free(day->census.rows);
    if (!is_good && day->why[0] == '\0') {
        snprintf(day->why, sizeof(day->why), "%s", day->cluster.failure);
    }
    return is_good;
}

static void
tell(const struct day *day, bool is_good)
{
    printf("seed %llu: %s, %llu events answered, %llu read back, %llu lists paged, %u crashes, %u starts, "
           "%u failed writes, %u full disks, %llu batches refused, %llu damages (%llu refused, %llu unseen), "
           "%llu checkpoints, %llu cold reads, %llu steps, state %016llx%s%s\n",
           (unsigned long long)day->seed, is_good ? "ok" : "FAILED",
           (unsigned long long)day->clients.answered, (unsigned long long)day->clients.answered_read,
           (unsigned long long)day->pager.lists_read, day->crashes, day->starts, day->failures, day->fillings,
           (unsigned long long)day->clients.refused_full, (unsigned long long)day->damage.tried,
           (unsigned long long)day->damage.refused, (unsigned long long)day->damage.unseen,
           (unsigned long long)day->cluster.checkpoints, (unsigned long long)day->cluster.cold_reads,
           (unsigned long long)day->cluster.steps, (unsigned long long)day->hash, is_good ? "" : "\n  ",
           is_good ? "" : day->why);
}

/* Without the leak check: a process that dies in the middle leaves memory lent, and so does its simulation. */
__attribute__((noreturn)) static void
leave(int status)
{
    fflush(stdout);
    _exit(status);
}

int
main(int argc, char **argv)
{
    log_open(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_ERROR); /* a full disk is said often */
    static struct day day;
    uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct {
        uint64_t crashes, events, lists, failures, refused_full, damages, damages_refused, damages_unseen;
        uint64_t people_left, people_read, cold_reads;
    } sum = {0};

    if (argc <= 2) {
        bool is_good = run_day(from, &day);
        uint64_t hash = day.hash;

        tell(&day, is_good);
        if (is_good) {
            is_good = run_day(from, &day) && day.hash == hash;
            printf("again: state %016llx, %s\n", (unsigned long long)day.hash,
                   is_good ? "equal" : "NOT EQUAL");
        }
        leave(is_good ? 0 : 1);
    }
    for (uint64_t seed = from; seed < from + count; seed++) {
        if (!run_day(seed, &day)) {
            tell(&day, false);
            leave(1);
        }
        sum.crashes += day.crashes;
        sum.events += day.clients.answered;
        sum.lists += day.pager.lists_read;
        sum.failures += day.failures;
        sum.refused_full += day.clients.refused_full;
        sum.people_left += day.cluster.people_left;
        sum.people_read += day.cluster.people_read;
        sum.cold_reads += day.cluster.cold_reads;
        sum.damages += day.damage.tried;
        sum.damages_refused += day.damage.refused;
        sum.damages_unseen += day.damage.unseen;
    }
    printf("%llu seeds, %llu events, %llu crashes, %llu lists paged, %llu failed writes, %llu batches "
           "refused by a full "
           "disk, %llu damages (%llu refused, %llu unseen), %llu profiles left and %llu were read, "
           "%llu events were read: every answer equal to the model's\n",
           (unsigned long long)count, (unsigned long long)sum.events, (unsigned long long)sum.crashes,
           (unsigned long long)sum.lists, (unsigned long long)sum.failures,
           (unsigned long long)sum.refused_full, (unsigned long long)sum.damages,
           (unsigned long long)sum.damages_refused, (unsigned long long)sum.damages_unseen,
           (unsigned long long)sum.people_left, (unsigned long long)sum.people_read,
           (unsigned long long)sum.cold_reads);
    leave(0);
}
