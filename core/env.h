/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * env - the world as a shard sees it: clock, dice, disk, waiting and waking
 *
 * Everything that could make two runs differ enters here, through one table of functions with three
 * implementations: io_uring (env_uring.c), epoll (env_epoll.c), and simulated (env_sim.c). Durable writes are
 * made by writer threads in both of the real ones (env_real.c says why). Code above core never calls the system
 * for any of this.
 *
 * There are two halves. `struct disk` is blocking file work: at boot, and from side tasks. `struct env`
 * belongs to one shard and is asynchronous: an operation is embedded in its owner, started once, and
 * its `done` is called exactly once, from env_turn(), never from the call that started it.
 *
 * Threads  A struct env belongs to its home shard; env_wake() is for any shard. struct disk: any thread.
 * Memory   The owner keeps the operation and its buffer until `done`. Buffers, offsets and sizes of
 *          env_read and env_write are multiples of DISK_SECTOR_BYTES.
 * Limits   ENV_OPS_MAX operations outstanding for each shard; 1 GiB an operation.
 * Errors   `done` gets a negative errno, or 0 (all the bytes were moved; of a write that was cut short the
 *          rest had no room, -ENOSPC; a short read is -EIO).
 */

#include "core/base.h"

#define DISK_SECTOR_BYTES 4096u
#define DISK_NAME_BYTES_MAX 256u
#define ENV_OPS_MAX 512u

/* Files: blocking half. */

struct disk_file {
    int32_t n; /* -1 is none */
};
#define DISK_FILE_NONE ((struct disk_file){.n = -1})

enum disk_open {
    DISK_OPEN_EXISTING, /* -ENOENT when it is not there */
    DISK_OPEN_CREATE,   /* -EEXIST when it is there */
};

struct disk;

/* Names are relative to the data directory, at most one folder deep ("log/00000001.seg"). */
struct disk_ops {
    int (*make_folder)(struct disk *disk, const char *name); /* 0 when it exists already */
    int (*open)(struct disk *disk, const char *name, enum disk_open how, struct disk_file *out_file);
    void (*close)(struct disk *disk, struct disk_file file);
    int (*size)(struct disk *disk, struct disk_file file, uint64_t *out_bytes);
    /* Reads exactly `bytes`, or -EIO; past the end of the file is -EIO too. Any alignment. */
    int (*read)(struct disk *disk, struct disk_file file, void *buffer, uint64_t bytes, uint64_t offset);
    /* Not durable until sync(). Any alignment. */
    int (*write)(struct disk *disk, struct disk_file file, const void *buffer, uint64_t bytes,
                 uint64_t offset);
    /* Gives the file exactly this size, every byte on disk and zero, durably. -ENOSPC when there is no room. */
    int (*zero_fill)(struct disk *disk, struct disk_file file, uint64_t bytes);
    int (*sync)(struct disk *disk, struct disk_file file);
    int (*rename)(struct disk *disk, const char *from, const char *to);
    int (*unlink)(struct disk *disk, const char *name);
    /* Makes creations, renames and unlinks in a folder durable ("" is the data directory). */
    int (*sync_folder)(struct disk *disk, const char *name);
    /* Calls `found` for each file of a folder, in no particular order. */
    int (*list)(struct disk *disk, const char *folder, void (*found)(void *context, const char *name),
                void *context);
    /* How many bytes more there is room for, in all files together; others may take it. */
    int (*room)(struct disk *disk, uint64_t *out_bytes);
};

struct disk {
    const struct disk_ops *ops;
    bool is_direct; /* O_DIRECT works here; else writes are buffered with RWF_DSYNC */
};

/* The real disk. Boot. -EBUSY when another process holds the directory's LOCK. Creates the directory. */
MUST_USE int disk_real_open(const char *directory, struct disk **out_disk);
/* Boot. The same on a file system where O_DIRECT must not be used (tests). */
MUST_USE int disk_real_open_buffered(const char *directory, struct disk **out_disk);
/* Boot. Only to be read: nothing is made or changed, and writing is -EBADF. -ENOENT when there is no such directory,
   -EBUSY as above. */
MUST_USE int disk_real_open_reading(const char *directory, struct disk **out_disk);
void disk_real_close(struct disk *disk);

/* The world of one shard. */

enum env_backend {
    ENV_AUTO,
    ENV_URING,
    ENV_EPOLL,
    ENV_SIMULATED,
};

struct env_op {
    void (*done)(struct env_op *op, int result);
    struct env_op *next; /* private to the implementation, as is all below */
    int (*run)(void *context);
    void *context;
    void *buffer;
    uint64_t bytes;
    uint64_t offset;
    struct disk_file file;
    int32_t result;
    uint32_t kind;
};

struct env;

struct env_ops {
    struct mono_ns (*mono)(struct env *env);
    struct wall_ms (*wall)(struct env *env);
    uint64_t (*random)(struct env *env);
    /* Durable when done: one RWF_DSYNC write. */
    void (*write)(struct env *env, struct env_op *op, struct disk_file file, const void *buffer,
                  uint64_t bytes, uint64_t offset);
    void (*read)(struct env *env, struct env_op *op, struct disk_file file, void *buffer, uint64_t bytes,
                 uint64_t offset);
    /* Runs `run(context)` on a side thread, in order of submission; its return value is the result.
       `here` is SHARD_NONE there. */
    void (*side)(struct env *env, struct env_op *op, int (*run)(void *context), void *context);
    /* The same for what nobody waits for: it gets a core when nothing else wants one, and may be long in coming. */
    void (*spare)(struct env *env, struct env_op *op, int (*run)(void *context), void *context);
    /* Calls ready(context) from env_turn() whenever fd is readable (level-triggered, re-armed each turn).
       Until close; at most 16 of them, then -ENOSPC. -EOPNOTSUPP when simulated. */
    int (*watch)(struct env *env, int fd, void (*ready)(void *context), void *context);
    /* Submits, waits for at most `wait` (0: not at all; UINT64_MAX: until something happens), runs
       completions copied from the queue first. Returns how many ran; may be back early with 0. */
    uint32_t (*turn)(struct env *env, struct mono_ns wait);
    /* Any shard. Ends the current or the next wait of this env's home shard. */
    void (*wake)(struct env *env);
    /* Home. Waits for what is under way (in the real world); `done` is not called any more. Nobody may wake it now. */
    void (*close)(struct env *env);
};

struct env {
    const struct env_ops *ops;
    struct disk *disk;
    enum env_backend backend;
    uint32_t ops_outstanding;
};

/*
 * Home (the thread that will use it). ENV_AUTO takes io_uring when its self-test passes, else epoll, and
 * out_reason then says why in words ("" otherwise; at least 128 bytes). ENV_URING fails with the errno.
 */
MUST_USE int env_open(enum env_backend backend, struct disk *disk, struct env **out_env, char *out_reason);

static inline struct mono_ns
env_mono(struct env *env)
{
    return env->ops->mono(env);
}
static inline struct wall_ms
env_wall(struct env *env)
{
    return env->ops->wall(env);
}
static inline uint64_t
env_random(struct env *env)
{
    return env->ops->random(env);
}
static inline void
env_write(struct env *env, struct env_op *op, struct disk_file file, const void *buffer, uint64_t bytes,
          uint64_t offset)
{
    env->ops->write(env, op, file, buffer, bytes, offset);
}
static inline void
env_read(struct env *env, struct env_op *op, struct disk_file file, void *buffer, uint64_t bytes,
         uint64_t offset)
{
    env->ops->read(env, op, file, buffer, bytes, offset);
}
static inline void
env_side(struct env *env, struct env_op *op, int (*run)(void *context), void *context)
{
    env->ops->side(env, op, run, context);
}
static inline void
env_spare(struct env *env, struct env_op *op, int (*run)(void *context), void *context)
{
    env->ops->spare(env, op, run, context);
}
static inline int
env_watch(struct env *env, int fd, void (*ready)(void *context), void *context)
{
    return env->ops->watch(env, fd, ready, context);
}
static inline uint32_t
env_turn(struct env *env, struct mono_ns wait)
{
    return env->ops->turn(env, wait);
}
static inline void
env_wake(struct env *env)
{
    env->ops->wake(env);
}
static inline void
env_close(struct env *env)
{
    if (env != NULL) {
        env->ops->close(env);
    }
}
