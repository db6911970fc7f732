/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * env_sim - a disk and a clock played from a seed
 *
 * The simulated disk keeps, for every file, what is durable and what was written but not synced. A
 * crash keeps the durable part and, for each unsynced write, by dice: all, nothing, a prefix of sectors
 * or one torn sector; names created, renamed or unlinked since the last sync_folder may or may not
 * survive. Asynchronous operations complete when the dice say so, in any order. Time moves only when
 * told. Everything runs in one thread.
 *
 * Threads  One.
 * Memory   From malloc: this is test machinery, it is not part of a running node.
 */

#include "core/env.h"

struct sim_disk_options {
    uint64_t seed;
    /* Out of 1000, for each operation. 0 unless a test wants them. */
    uint32_t write_fails_permille;     /* -EIO */
    uint32_t zero_fill_fails_permille; /* -ENOSPC */
};

/* What a crash leaves of what was not durable yet: writes, and names that were made, changed or taken away. */
enum sim_crash {
    SIM_CRASH_BY_DICE, /* of each write all, nothing, some sectors, or one of them torn; of the names any */
    SIM_CRASH_ALL_WRITTEN,
    SIM_CRASH_UNSYNCED_LOST,
    SIM_CRASH_SUBSET,    /* each write whole or not at all; of the names any */
    SIM_CRASH_LAST_TORN, /* all written, but that of the last write to each file the last sector is half there */
};

struct sim_disk;

struct sim_disk *sim_disk_create(struct sim_disk_options options);
void sim_disk_destroy(struct sim_disk *disk);
/* The disk as the node sees it. */
struct disk *sim_disk_interface(struct sim_disk *disk);
/* The machine stops. Ends every open file. Envs of the dead node must be closed first. */
void sim_disk_crash(struct sim_disk *disk); /* SIM_CRASH_BY_DICE */
void sim_disk_crash_as(struct sim_disk *disk, enum sim_crash how);
/* The process alone stops (kill -9): what it wrote can be read, what was under way may be, and neither is durable yet.
   Envs as above. */
void sim_disk_kill(struct sim_disk *disk);
/* The same disk as it is now, in other hands: no file is open and nothing is under way, though what was may still be
   written by a crash. Costs little. No faults but those of its own options. */
struct sim_disk *sim_disk_copy(const struct sim_disk *disk, uint64_t seed);
/* Nothing is pending: a crash leaves the same whatever it is like. */
bool sim_disk_is_settled(const struct sim_disk *disk);
/* Called before every change of the disk; NULL: nobody. */
enum sim_change {
    SIM_CHANGE_BEGINS, /* an operation */
    SIM_CHANGE_WRITE_ENDS,
};
void sim_disk_watch(struct sim_disk *disk, void (*watcher)(void *context, enum sim_change change),
                    void *context);
/* How many operations that change the disk were begun; and a bomb: from operation `at` on (the first ever is 0)
   nothing reaches the disk any more, blocking calls are -EIO, operations never complete, and sim_disk_is_dead()
   is true, until sim_disk_crash(). A zero_fill() is two operations: it may die with some of its zeros written. */
uint64_t sim_disk_operation_count(const struct sim_disk *disk);
void sim_disk_die_at(struct sim_disk *disk, uint64_t at);
bool sim_disk_is_dead(const struct sim_disk *disk);
/* The first write, sync or sync of a folder that ends behind operation `at` fails, -EIO, and none after it. Whether it
   reached the disk is known after a crash. UINT64_MAX: none will. */
void sim_disk_fail_at(struct sim_disk *disk, uint64_t at);
/* It has. */
bool sim_disk_has_failed(const struct sim_disk *disk);
/* There is room for so many bytes more than all files have now; UINT64_MAX: for any number. Then -ENOSPC for whatever
   asks for room: new names, and files that would grow. */
void sim_disk_limit(struct sim_disk *disk, uint64_t more_bytes);
/* There is none, or any. */
void sim_disk_fill(struct sim_disk *disk, bool is_full);
/* Flips one bit of durable data (tests of corruption). False when the file is shorter. */
bool sim_disk_flip(struct sim_disk *disk, const char *name, uint64_t offset, uint32_t bit);
/* Durable and unsynced bytes as a reader would see them now; 0 or -ENOENT. For the checker that reads the log. */
int sim_disk_snapshot(struct sim_disk *disk, const char *name, uint8_t **out_bytes, uint64_t *out_count);
/* The same without zeros at the end, most of them. */
int sim_disk_snapshot_used(struct sim_disk *disk, const char *name, uint8_t **out_bytes, uint64_t *out_count);

struct sim_clock {
    struct mono_ns mono;
    struct wall_ms wall;
    uint64_t ns_per_look; /* the first goes on by this when it is looked at: work takes time */
};

/* An env for one simulated shard; clock is borrowed and shared by all shards of the run. */
struct env *env_sim_create(struct sim_disk *disk, struct sim_clock *clock, uint64_t seed);
/* Operations outstanding that could complete. */
uint32_t env_sim_pending(struct env *env);
/* Lets up to `count` outstanding operations, chosen by dice, complete; `done` is called by the next env_turn().
   They take effect now: a write is durable, and a side task runs (with `here` SHARD_NONE, as on its thread). */
void env_sim_release(struct env *env, uint32_t count);
/* True once since env_wake() was last called, then false. */
bool env_sim_was_woken(struct env *env);
