/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_world - one simulated node with a commit log, for the tests of commit_log, recovery and log_reader
 *
 * Records carry a number of their own (`value`) and a pattern made from it; world.seen is what became durable since
 * the world began, world.sent what was ever appended. world_read() replays into world.found.
 */

#include "core/env_sim.h"
#include "storage/recovery.h"
#include "storage/segment.h"
#include "tests/check.h"

#include <errno.h>
#include <stdlib.h>

#define WORLD_BLOCK_BYTES (LOG_RECORD_BYTES_MAX + DISK_SECTOR_BYTES)
#define WORLD_SEGMENT_BYTES (8u * WORLD_BLOCK_BYTES)
#define WORLD_VALUE_COUNT_MAX 65536u
#define WORLD_PARTITION_COUNT 4u

struct world {
    struct sim_disk *disk;
    struct sim_clock clock;
    struct timers timers;
    struct manifest manifest;
    struct recovery_report report;
    struct env *env;
    struct commit_log *log;
    struct commit_log_options options;
    uint64_t dice;
    uint64_t value_next;

    uint64_t seen[WORLD_VALUE_COUNT_MAX]; /* values that became durable, in order */
    uint32_t seen_count;
    uint64_t found[WORLD_VALUE_COUNT_MAX]; /* values that were read back, in order */
    uint32_t found_count;
    uint64_t found_blocks;
    char reason[MANIFEST_REASON_BYTES];

    struct log_block *kept; /* durable ones that were not released */
    bool keeps;
    uint32_t fatal_count;
    int fatal_fault;
    char fatal_text[256];
    uint32_t room_count;

    const struct disk_ops *real_ops;
    struct disk_ops ops; /* with what fails */
    int zero_fill_fault;
    int sync_fault;
};

static struct world world;

static inline uint64_t
world_dice(void *context)
{
    (void)context;
    world.dice = world.dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return world.dice >> 11;
}

static inline uint64_t
world_roll(uint64_t limit)
{
    return world_dice(NULL) % limit;
}

static inline int
world_zero_fill(struct disk *disk, struct disk_file file, uint64_t bytes)
{
    return world.zero_fill_fault != 0 ? world.zero_fill_fault : world.real_ops->zero_fill(disk, file, bytes);
}

static inline int
world_sync(struct disk *disk, struct disk_file file)
{
    return world.sync_fault != 0 ? world.sync_fault : world.real_ops->sync(disk, file);
}

/* Records: the value and the size in one number, then a pattern. */

#define WORLD_VALUE_BITS 40

static inline void
world_fill(void *record, uint64_t value, uint32_t bytes)
{
    uint64_t head = value | (uint64_t)bytes << WORLD_VALUE_BITS;

    memcpy(record, &head, sizeof(head));
    memset((uint8_t *)record + sizeof(head), (int)(value * 31 + 7) & 0xff, bytes - sizeof(head));
}

/* Reads one record, checks it, returns its bytes. */
static inline uint32_t
world_record(const uint8_t *record, uint64_t *out_value)
{
    uint8_t expected[LOG_RECORD_BYTES_MAX];
    uint64_t head;
    uint32_t bytes;

    memcpy(&head, record, sizeof(head));
    bytes = (uint32_t)(head >> WORLD_VALUE_BITS);
    *out_value = head & ((UINT64_C(1) << WORLD_VALUE_BITS) - 1);
    CHECK(bytes >= sizeof(head));
    CHECK(bytes <= LOG_RECORD_BYTES_MAX);
    world_fill(expected, *out_value, bytes);
    CHECK(memcmp(record, expected, bytes) == 0);
    return bytes;
}

static inline uint32_t
world_values(const struct log_block *block, uint64_t *values, uint32_t count)
{
    const struct log_section *section;
    const uint8_t *records;
    uint32_t cursor = 0;

    while (log_block_next_section(block->header, &cursor, &section, &records)) {
        uint32_t offset = 0;

        for (uint32_t i = 0; i < section->count; i++) {
            offset += world_record(records + offset, &values[count]);
            count++;
            CHECK(count < WORLD_VALUE_COUNT_MAX);
        }
        CHECK_EQ(offset, section->bytes);
    }
    return count;
}

static inline void
world_on_durable(void *context, struct log_block *block)
{
    (void)context;
    CHECK(block->is_durable);
    world.seen_count = world_values(block, world.seen, world.seen_count);
    if (world.keeps) {
        block->next = world.kept;
        world.kept = block;
        return;
    }
    commit_log_release(world.log, block);
}

static inline void
world_on_fatal(void *context, int fault, const char *what)
{
    (void)context;
    world.fatal_count++;
    world.fatal_fault = fault;
    strncpy(world.fatal_text, what, sizeof(world.fatal_text) - 1);
}

static inline void
world_on_room(void *context)
{
    (void)context;
    world.room_count++;
}

/* sim_disk_crash() before the first open() would memset(NULL, 0, 0), which the sanitizer does not like. */
static inline void
world_touch(void)
{
    struct disk *disk = sim_disk_interface(world.disk);
    struct disk_file file;

    CHECK_EQ(disk->ops->open(disk, "touched", DISK_OPEN_CREATE, &file), 0);
    disk->ops->close(disk, file);
    CHECK_EQ(disk->ops->unlink(disk, "touched"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
}

/* A new, empty disk. */
static inline void
world_begin_with(struct sim_disk_options options)
{
    if (world.disk != NULL) { /* A test before this one failed. */
        env_close(world.env);
        commit_log_close(world.log);
        manifest_deinit(&world.manifest);
        sim_disk_destroy(world.disk);
    }
    memset(&world, 0, sizeof(world));
    world.disk = sim_disk_create(options);
    world.dice = options.seed;
    world.clock = (struct sim_clock){.mono = {.ns = 1000}, .wall = {.ms = 1000000}};
    world.options = (struct commit_log_options){
        .segment_bytes = WORLD_SEGMENT_BYTES,
        .block_bytes = WORLD_BLOCK_BYTES,
        .block_count = 8,
        .in_flight_max = 4,
        .segments_ahead = 2,
        .on_durable = world_on_durable,
        .on_fatal = world_on_fatal,
        .on_room = world_on_room,
    };
    world.real_ops = sim_disk_interface(world.disk)->ops;
    world.ops = *world.real_ops;
    world.ops.zero_fill = world_zero_fill;
    world.ops.sync = world_sync;
    sim_disk_interface(world.disk)->ops = &world.ops;
    world_touch();
}

static inline void
world_begin(uint64_t seed)
{
    world_begin_with((struct sim_disk_options){.seed = seed});
}

static inline void
world_end(void)
{
    env_close(world.env);
    world.env = NULL;
    commit_log_close(world.log);
    world.log = NULL;
    manifest_deinit(&world.manifest);
    sim_disk_destroy(world.disk);
    world.disk = NULL;
}

/* Manifest and settling. */
static inline int
world_settle(uint32_t stream_count, bool accept_loss)
{
    struct disk *disk = sim_disk_interface(world.disk);
    int r;

    manifest_deinit(&world.manifest);
    r = manifest_load(disk, &world.manifest, world.reason);
    if (r == MANIFEST_NONE) {
        r = manifest_create(&world.manifest, WORLD_PARTITION_COUNT, 4, world_dice, NULL);
    }
    if (r != 0) {
        return r;
    }
    r = recovery_settle(disk, &world.manifest, stream_count, accept_loss, &world.report);
    return r;
}

static inline void
world_env(void)
{
    CHECK(world.env == NULL);
    timers_init(&world.timers);
    world.env = env_sim_create(world.disk, &world.clock, world_dice(NULL));
}

static inline int
world_open(uint32_t stream)
{
    return commit_log_open(world.env, &world.timers, &world.manifest, world.report.epoch, stream,
                           world.report.wall_floor, world.options, &world.log);
}

/* A start with one stream. */
static inline int
world_start(void)
{
    int r = world_settle(1, false);

    if (r != 0) {
        return r;
    }
    world_env();
    return world_open(0);
}

/* Everything that can complete does. */
static inline void
world_drain(void)
{
    commit_log_flush(world.log);
    while (env_sim_pending(world.env) > 0) {
        env_sim_release(world.env, 1000);
        (void)env_turn(world.env, (struct mono_ns){0});
        if (world.log != NULL && !sim_disk_is_dead(world.disk)) {
            commit_log_flush(world.log);
        }
    }
}

static inline void
world_close(void)
{
    env_close(world.env);
    world.env = NULL;
    commit_log_close(world.log);
    world.log = NULL;
    world.kept = NULL;
}

static inline void
world_crash(void)
{
    world_close();
    sim_disk_crash(world.disk);
}

/* False when every buffer is busy. */
static inline bool
world_append(uint32_t partition, uint32_t bytes)
{
    struct log_block *block;
    void *record = commit_log_append(world.log, partition, world.value_next, bytes, &block);

    if (record == NULL) {
        return false;
    }
    world_fill(record, world.value_next, bytes);
    world.value_next++;
    return true;
}

/* One record in a block of its own, durable on return. */
static inline void
world_put(uint32_t partition, uint32_t bytes)
{
    CHECK(commit_log_room(world.log) >= commit_log_cost(bytes));
    CHECK(world_append(partition, bytes));
    world_drain();
}

static inline bool
world_wants_all(void *context, uint32_t partition)
{
    (void)context;
    (void)partition;
    return true;
}

static inline bool
world_wants_one(void *context, uint32_t partition)
{
    return partition == *(const uint32_t *)context;
}

/* Replays; 0 or the fault. Uses the world's env, or one of its own. */
static inline int
world_read_wanted(bool (*wants)(void *context, uint32_t partition), void *context, uint32_t lent_max)
{
    struct log_reader *reader;
    struct log_block *lent[LOG_READER_BLOCK_COUNT_MAX];
    struct log_block *block;
    uint32_t lent_count = 0;
    bool is_own = world.env == NULL;
    int r;

    world.found_count = 0;
    world.found_blocks = 0;
    if (is_own) {
        world_env();
    }
    r = log_reader_open(world.env, &world.manifest, world.report.epoch, wants, context, &reader);
    CHECK_EQ(r, 0);
    for (;;) {
        r = log_reader_next(reader, &block);
        if (r == 0) {
            world.found_count = world_values(block, world.found, world.found_count);
            world.found_blocks++;
            lent[lent_count] = block;
            lent_count++;
        }
        if (lent_count > 0 && (lent_count >= lent_max || r == LOG_READER_WAIT)) {
            log_reader_release(reader, lent[0]);
            lent_count--;
            memmove(&lent[0], &lent[1], lent_count * sizeof(lent[0]));
        }
        if (r == LOG_READER_WAIT) {
            env_sim_release(world.env, 1 + (uint32_t)world_roll(2));
            (void)env_turn(world.env, (struct mono_ns){0});
        }
        if (r < 0 || r == LOG_READER_END) {
            break;
        }
    }
    strncpy(world.reason, log_reader_reason(reader), sizeof(world.reason) - 1);
    log_reader_close(reader);
    if (is_own) {
        env_close(world.env);
        world.env = NULL;
    }
    return r == LOG_READER_END ? 0 : r;
}

static inline int
world_read(void)
{
    return world_read_wanted(world_wants_all, NULL, 1 + (uint32_t)world_roll(8));
}

/* All that became durable was found, in order, and then at most what was sent after it. */
static inline void
world_check_found(void)
{
    CHECK(world.found_count >= world.seen_count);
    CHECK(world.found_count <= world.value_next);
    for (uint32_t i = 0; i < world.found_count; i++) {
        CHECK_EQ(world.found[i], i);
    }
}

/* Settled and read, what was found counts as durable, and the next value follows. */
static inline void
world_go_on_from_found(void)
{
    memcpy(world.seen, world.found, sizeof(world.seen));
    world.seen_count = world.found_count;
    world.value_next = world.found_count;
}

/* Where a stream's segment is. */
static inline uint32_t
world_segment(uint64_t epoch, uint32_t stream, uint32_t index)
{
    struct segment_list list;
    uint32_t number = 0;

    CHECK_EQ(segment_list_read(sim_disk_interface(world.disk), &world.manifest.store_id, 1, 0, &list), 0);
    for (uint32_t i = 0; i < list.count; i++) {
        const struct segment_header *header = &list.segments[i].header;

        if (list.segments[i].state == SEGMENT_OURS && header->epoch == epoch && header->stream == stream &&
            header->index == index) {
            number = list.segments[i].number;
        }
    }
    segment_list_deinit(&list);
    return number;
}

static inline uint32_t
world_file_count(void)
{
    struct segment_list list;
    uint32_t count;

    CHECK_EQ(segment_list_read(sim_disk_interface(world.disk), &world.manifest.store_id, 1, 0, &list), 0);
    count = list.count;
    segment_list_deinit(&list);
    return count;
}

static inline void
world_flip(uint32_t number, uint64_t offset)
{
    char name[SEGMENT_NAME_BYTES];

    segment_name(number, name);
    CHECK(sim_disk_flip(world.disk, name, offset, 3));
}

/* Durably, behind everybody's back. */
static inline void
world_write(uint32_t number, const void *bytes, uint64_t count, uint64_t offset)
{
    struct disk *disk = sim_disk_interface(world.disk);
    struct disk_file file;
    char name[SEGMENT_NAME_BYTES];

    segment_name(number, name);
    CHECK_EQ(disk->ops->open(disk, name, DISK_OPEN_EXISTING, &file), 0);
    CHECK_EQ(disk->ops->write(disk, file, bytes, count, offset), 0);
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    disk->ops->close(disk, file);
}

static inline void
world_unlink(uint32_t number)
{
    struct disk *disk = sim_disk_interface(world.disk);
    char name[SEGMENT_NAME_BYTES];

    segment_name(number, name);
    CHECK_EQ(disk->ops->unlink(disk, name), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, SEGMENT_FOLDER), 0);
}
