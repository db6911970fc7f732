/* SPDX-License-Identifier: Apache-2.0 */

/*
 * crash_points - a run that is cut after every disk operation
 *
 *     crash_points [SEED [OPERATIONS]]
 *
 * A node with small segments and a checkpoint every now and then is sent hostile batches, dies, is killed and comes
 * back, until it has made OPERATIONS disk operations. Before each change of the disk (an operation that begins, a durable write that ends) four pictures are
 * taken of the disk as a crash could leave it: everything written, nothing that was not synced, some of it, and
 * everything but half of the last sector. A node is started on each, with any number of shards. Every event that was
 * answered by then is in its log exactly once, and its answers equal the model's.
 *
 * Thousands of pictures hold some hundreds of different logs, and state follows from the log alone: whatever the way a
 * node came by a log, the hash of its state is the same. A fifth of the nodes that are the first with a log, and some
 * others, are asked everything, which takes ten times as long as all the rest; the first of the other logs crash once
 * more, and come back with another number of shards to the same state. Some lose their newest checkpoint and come back
 * to it from the one before.
 */

#include "core/log_line.h"
#include "storage/log_store.h"
#include "tests/sim/check_run.h"
#include "tests/sim/clients.h"
#include "tests/sim/damage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEGMENT_BYTES (256u << 10)
#define OPERATION_COUNT 2000u
#define PARTITION_COUNT 3u
#define SLICE_COUNT 2u /* so that pages of their stores are filled, die, and serve again */
#define CHECKPOINT_EVENTS 20u
#define NEW_ASKED_PERMILLE 200u
#define KNOWN_ASKED_PERMILLE 10u
#define CRASHED_AGAIN_PERMILLE 60u
#define DAMAGED_PERMILLE 100u
#define SHARDS_MAX 4u
#define BATCH_MAX 3u /* so that the log is written often and is not long */
#define BURST_PERCENT 3u

static const enum sim_crash ways[] = {SIM_CRASH_ALL_WRITTEN, SIM_CRASH_UNSYNCED_LOST, SIM_CRASH_SUBSET,
                                      SIM_CRASH_LAST_TORN};
static const char *const way_names[] = {"all written", "unsynced lost", "some written", "last sector torn"};

/* What a node with this log is. */
struct known {
    uint64_t log_hash;
    uint64_t state_hash;
};

struct run {
    struct cluster cluster; /* that is cut */
    struct traffic traffic;
    struct arena_pool arenas;
    struct clients clients;
    struct cluster picture; /* that is started on what is left */
    struct dice dice;       /* of the pictures: what they do leaves the run as it is */
    struct census census;
    struct known *knowns;
    uint32_t known_count;
    uint64_t operations;
    uint64_t points;
    uint64_t pictures;
    uint64_t asked;
    uint64_t crashed_again;
    uint64_t damaged;
    uint64_t cut_in_checkpoints;
    uint64_t reused_pages;
    uint32_t lives;
    char why[CLIENT_WHY_BYTES];
};

/* Pictures. */

static const struct known *
find_known(const struct run *run, uint64_t log_hash)
{
    for (uint32_t i = run->known_count; i > 0; i--) {
        if (run->knowns[i - 1].log_hash == log_hash) {
            return &run->knowns[i - 1];
        }
    }
    return NULL;
}

static bool
is_permille(struct run *run, uint32_t permille)
{
    return dice_below(&run->dice, 1000) < permille;
}

/* Every answer, against the model. */
static bool
ask_everything(struct run *run)
{
    run->asked++;
    return check_run(&run->picture, &run->traffic, &run->census, run->why);
}

static bool
start_picture(struct run *run)
{
    struct cluster *picture = &run->picture;

    if (!cluster_start(picture, 1 + dice_below(&run->dice, 1 + dice_below(&run->dice, SHARDS_MAX))) ||
        !cluster_drain(picture)) {
        snprintf(run->why, sizeof(run->why), "%s", picture->failure);
        return false;
    }
    return check_log(picture, &run->traffic, &run->census, run->why) &&
           clients_check(&run->clients, &run->census, run->why);
}

/* As every node with this log; the first of them is asked, or has to come to the same state once more. */
static bool
is_as_known(struct run *run, bool *out_is_new)
{
    const struct known *known = find_known(run, run->census.log_hash);
    uint64_t hash = cluster_state_hash(&run->picture);

    *out_is_new = known == NULL;
    if (known == NULL) {
        run->knowns = realloc(run->knowns, (run->known_count + 1) * sizeof(*run->knowns));
        run->knowns[run->known_count++] =
            (struct known){.log_hash = run->census.log_hash, .state_hash = hash};
        return true;
    }
    if (hash != known->state_hash) {
        snprintf(run->why, sizeof(run->why), "the state differs from that of another node with the same log");
        return false;
    }
    return true;
}

/* Once more from what is on the disk now: the same log, the same state. */
static bool
is_same_again(struct run *run)
{
    uint64_t log_hash = run->census.log_hash;
    bool is_new;

    if (!start_picture(run) || !is_as_known(run, &is_new)) {
        return false;
    }
    if (run->census.log_hash != log_hash) {
        snprintf(run->why, sizeof(run->why), "the log differs after one more crash");
        return false;
    }
    return true;
}

static bool
is_picture_good(struct run *run)
{
    bool is_new;

    if (!start_picture(run) || !is_as_known(run, &is_new)) {
        return false;
    }
    if (is_permille(run, DAMAGED_PERMILLE)) {
        run->damaged += run->picture.node.manifest->checkpoint_count == MANIFEST_CHECKPOINT_COUNT_MAX;
        cluster_crash(&run->picture);
        return damage_newest_checkpoint(&run->picture, run->why) && is_same_again(run);
    }
    if (is_permille(run, is_new ? NEW_ASKED_PERMILLE : KNOWN_ASKED_PERMILLE)) {
        return ask_everything(run);
    }
    if (!is_new && !is_permille(run, CRASHED_AGAIN_PERMILLE)) {
        return true;
    }
    run->crashed_again++;
    cluster_crash(&run->picture);
    return is_same_again(run);
}

static void
look_at_picture(struct run *run, uint32_t way)
{
    char why[CLIENT_WHY_BYTES];
    struct sim_disk *disk;
    bool is_good;

    if (run->why[0] != '\0') {
        return;
    }
    disk = sim_disk_copy(run->cluster.disk, dice_roll(&run->dice));
    sim_disk_crash_as(disk, ways[way]);
    cluster_init_copy(&run->picture, &run->cluster, disk, dice_roll(&run->dice));
    is_good = is_picture_good(run);
    cluster_deinit(&run->picture);
    run->pictures++;
    if (!is_good) {
        memcpy(why, run->why, sizeof(why));
        snprintf(run->why, sizeof(run->why), "cut before operation %llu, %s: %.400s",
                 (unsigned long long)sim_disk_operation_count(run->cluster.disk), way_names[way], why);
    }
}

/* The disk is about to change. */
static void
cut(void *context, enum sim_change change)
{
    struct run *run = context;
    struct shard_id home = here;

    if (change == SIM_CHANGE_WRITE_ENDS || sim_disk_is_settled(run->cluster.disk)) {
        /* What has not ended was there when it began; or all pictures are the same one. */
        look_at_picture(run, dice_below(&run->dice, COUNT_OF(ways)));
    } else {
        for (uint32_t way = 0; way < COUNT_OF(ways); way++) {
            look_at_picture(run, way);
        }
    }
    run->points++;
    run->cut_in_checkpoints += cluster_is_in_checkpoint(&run->cluster);
    here = home;
}

/* The run. */

static bool
start(struct run *run)
{
    struct cluster *cluster = &run->cluster;

    if (run->lives > 0 && dice_chance(&cluster->dice, 25)) { /* a start that does not get far */
        sim_disk_die_at(cluster->disk,
                        sim_disk_operation_count(cluster->disk) + 1 + dice_below(&cluster->dice, 12));
    }
    while (!cluster_start(cluster, 1 + dice_below(&cluster->dice, SHARDS_MAX))) {
        if (cluster->has_failed) {
            snprintf(run->why, sizeof(run->why), "%s", cluster->failure);
            return false;
        }
        sim_disk_crash(cluster->disk);
    }
    run->lives++;
    return true;
}

/* Until the disk has made so many operations, or is dead. */
static bool
work(struct run *run, uint64_t operations)
{
    struct cluster *cluster = &run->cluster;

    while (sim_disk_operation_count(cluster->disk) < operations && run->why[0] == '\0') {
        if (!cluster_step(cluster)) {
            if (sim_disk_is_dead(cluster->disk)) {
                return true;
            }
            snprintf(run->why, sizeof(run->why), "%s", cluster->failure);
        }
        if (cluster->steps % 8 == 0) {
            if (dice_chance(&cluster->dice, 1)) {
                cluster->clock.wall.ms += dice_below(&cluster->dice, 1200000);
            }
            clients_act(&run->clients);
        }
    }
    return run->why[0] == '\0';
}

static bool
live(struct run *run, uint64_t operations)
{
    struct cluster *cluster = &run->cluster;

    for (;;) {
        uint64_t now = sim_disk_operation_count(cluster->disk);

        if (now >= operations) {
            break;
        }
        if (!start(run) || !work(run, now + 50 + dice_below(&cluster->dice, 400))) {
            return false;
        }
        run->reused_pages += cluster_reused_pages(cluster);
        if (dice_chance(&cluster->dice, 40) && !sim_disk_is_dead(cluster->disk)) {
            cluster_kill(cluster);
        } else {
            cluster_crash(cluster);
        }
        clients_forget(&run->clients);
    }
    cut(run, SIM_CHANGE_BEGINS);
    return run->why[0] == '\0';
}

int
main(int argc, char **argv)
{
    static struct run run;
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t operations = argc > 2 ? strtoull(argv[2], NULL, 10) : OPERATION_COUNT;
    bool is_good;

    log_open(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_ERROR); /* a lost checkpoint is said often */
    cluster_init(&run.cluster, seed);
    run.cluster.segment_bytes = SEGMENT_BYTES;
    run.cluster.partition_count = PARTITION_COUNT;
    run.cluster.slice_count = SLICE_COUNT;
    run.cluster.people_page_bytes = LOG_STORE_PAGE_BYTES_MIN;
    run.cluster.checkpoint_interval_ns = UINT64_MAX / 4;
    run.cluster.checkpoint_events = CHECKPOINT_EVENTS;
    run.dice.state = seed * 2;
    traffic_init(&run.traffic, &run.cluster.dice, run.cluster.clock.wall);
    arena_pool_init(&run.arenas, 4u << 20);
    clients_init(&run.clients, &run.cluster, &run.traffic, &run.arenas, run.why);
    run.clients.batch_max = BATCH_MAX;
    run.clients.burst_percent = BURST_PERCENT;
    sim_disk_watch(run.cluster.disk, cut, &run);
    is_good = live(&run, operations);
    if (is_good && operations >= OPERATION_COUNT &&
        (run.cut_in_checkpoints == 0 || run.reused_pages == 0 || run.damaged == 0)) {
        snprintf(run.why, sizeof(run.why), "no checkpoint was cut, no page reused, or no checkpoint lost");
        is_good = false;
    }
    printf(
        "seed %llu: %llu operations in %u lives, cut %llu times, %llu of them in %llu checkpoints: %llu "
        "pictures, %u logs, %llu asked everything, %llu crashed again, %llu without the newest checkpoint, "
        "%llu pages reused, %llu events answered: %s%s\n",
        (unsigned long long)seed, (unsigned long long)sim_disk_operation_count(run.cluster.disk), run.lives,
        (unsigned long long)run.points, (unsigned long long)run.cut_in_checkpoints,
        (unsigned long long)run.cluster.checkpoints, (unsigned long long)run.pictures, run.known_count,
        (unsigned long long)run.asked, (unsigned long long)run.crashed_again, (unsigned long long)run.damaged,
        (unsigned long long)run.reused_pages, (unsigned long long)run.clients.answered,
        is_good ? "every answer equal to the model's" : "FAILED\n  ", is_good ? "" : run.why);
    /* Without the leak check: a process that dies in the middle leaves memory lent, and so does its simulation. */
    fflush(stdout);
    _exit(is_good ? 0 : 1);
}
