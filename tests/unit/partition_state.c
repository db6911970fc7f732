/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/partition_world.h"

#include "core/env_sim.h"
#include "core/here.h"
#include "shards/partition_state.h"

#define NAME "partitions/002-00000001.state"

static struct sim_disk *sim;
static struct disk *disk;
static struct env *env;
static struct sim_clock sim_now;
static struct state_writer *writer;
static char reason[MANIFEST_REASON_BYTES];
static uint64_t roll;

/* What the log holds, in order: settings where `is_settings`, else the next of `records`. */
static bool is_settings[RECORDS_MAX * 2];
static struct settings_record all_settings[RECORDS_MAX * 2];
static const struct event_record *events[RECORDS_MAX * 2];
static int64_t walls[RECORDS_MAX * 2];
static uint32_t log_count;

static uint32_t
below(uint32_t count)
{
    roll = hash_mix(roll + UINT64_C(0x9e3779b97f4a7c15));
    return (uint32_t)((roll >> 20) % count);
}

static void
given_a_disk(void)
{
    here = (struct shard_id){.n = 0};
    sim = sim_disk_create((struct sim_disk_options){.seed = 1});
    disk = sim_disk_interface(sim);
    CHECK_EQ(disk->ops->make_folder(disk, "partitions"), 0);
    CHECK_EQ(store_env->disk->ops->make_folder(store_env->disk, "partitions"), 0);
    env = env_sim_create(sim, &sim_now, 5);
    CHECK_EQ(state_writer_create(env, &writer), 0);
}

static void
let_it_write(void)
{
    (void)log_store_step(partition.identities, MONO_NEVER);
    env_sim_release(store_env, UINT32_MAX);
    env_turn(store_env, (struct mono_ns){.ns = 0});
    env_sim_release(env, UINT32_MAX);
    env_turn(env, (struct mono_ns){.ns = 0});
}

static void
then_all_is_left(void)
{
    env_close(env);
    state_writer_destroy(writer);
    sim_disk_destroy(sim);
    then_nothing_is_left();
}

/* A random event, or sometimes settings; into the log, and sequenced. */
static void
sequence_something(void)
{
    static const char *const tenants[] = {"acme", "bolt", "a-tenant-with-a-long-name", "late"};
    char user[64];
    char device[64];
    char country[64];
    uint32_t what = below(100);
    uint32_t tenant = log_count < 150 ? below(3) : below(4);

    if (what < 2 && record_count > 0) {
        settings.out_of_orderness_ms = MINUTE * (1 + below(3));
        settings.dedup_events = 4 * (20 + below(200));
        all_settings[log_count] = settings;
        is_settings[log_count] = true;
        walls[log_count] = T0 + log_count * 1000;
        CHECK_EQ(partition_sequence(&partition, &settings.header, 0), 0);
        log_count++;
        return;
    }
    snprintf(user, sizeof(user), "user %u", below(12));
    snprintf(device, sizeof(device), "a device with a longer name %u", below(30));
    snprintf(country, sizeof(country), "%s %u", below(2) == 0 ? "land" : "some country far away", below(8));
    is_settings[log_count] = false;
    walls[log_count] = T0 + log_count * 1000;
    events[log_count] = sequence((struct sent){
        .tenant = tenants[tenant],
        .type = what < 10   ? "alias"
                : what < 50 ? "click"
                            : "view",
        .user = what < 40 ? user : NULL,
        .device = what >= 30 || what < 10 ? device : NULL,
        .previous = what < 10 ? device : NULL,
        .country = country,
        .event_time = T0 + log_count * 60000 - below(3) * MS_PER_DAY,
        .received_at = T0 + log_count * 60000,
    });
    log_count++;
}

/* The next record of the log that is sequenced. */
static void
apply_next(void)
{
    uint64_t position = partition.applied_count;

    if (is_settings[position]) {
        CHECK_EQ(partition_apply_settings(&partition, &all_settings[position],
                                          (struct wall_ms){.ms = walls[position]}),
                 0);
        partition.applied_count++;
        return;
    }
    apply(events[position], walls[position]);
    partition_see(&partition, (struct wall_ms){.ms = walls[position]});
}

static void
apply_up_to(uint64_t count)
{
    while (partition.applied_count < count) {
        apply_next();
    }
}

/* As after a start: everything behind what is there is sequenced and applied again. */
static void
replay(uint64_t count)
{
    for (uint64_t i = partition.next_position; i < count; i++) {
        CHECK_EQ(
            partition_sequence(&partition, is_settings[i] ? &all_settings[i].header : &events[i]->header, 0),
            0);
    }
    apply_up_to(count);
}

static void
given_a_log(uint64_t seed)
{
    roll = seed;
    given_a_store(1, 4000);
    node.epoch = 9;
    all_settings[0] = settings;
    is_settings[0] = true;
    CHECK_EQ(partition_sequence(&partition, &settings.header, 0), 0);
    log_count = 1;
    given_a_disk();
}

static void
given_a_new_partition(void)
{
    partition_deinit(&partition);
    CHECK_EQ(region_used(&region), 0);
    make_partition();
}

static uint64_t
hash_of_log(uint64_t count)
{
    given_a_new_partition();
    replay(count);
    partition_see(&partition, (struct wall_ms){.ms = T0 + MS_PER_DAY * 400});
    return partition_state_hash(&partition);
}

static struct mono_ns
tick(void *context)
{
    uint64_t *now = context;

    return (struct mono_ns){.ns = ++*now};
}

/* Writes the cut while `meanwhile` records go on, some in each step. */
static struct manifest_file
write_state(uint32_t meanwhile)
{
    struct manifest_file file;
    uint64_t now = 0;
    int r;

    for (uint32_t i = meanwhile / 2; i > 0; i--, meanwhile--) {
        sequence_something();
        apply_next();
    }
    state_writer_begin(writer, NAME, (struct uuid){{1}}, 1);
    for (;;) {
        struct time_slice slice = {.until = {.ns = now + 1}, .now = tick, .context = &now};

        r = partition_state_ops.write(&partition, writer, &slice);
        CHECK(r >= 0);
        if (r == STEP_DONE) {
            break;
        }
        for (uint32_t i = 0; i < 3 && meanwhile > 0; i++, meanwhile--) {
            sequence_something();
            apply_next();
        }
        let_it_write();
    }
    while (!state_writer_may_end(writer)) {
        let_it_write();
    }
    state_writer_end(writer);
    while ((r = state_writer_result(writer, &file)) == STATE_LATER) {
        let_it_write();
    }
    CHECK_EQ(r, 0);
    CHECK(state_writer_leave(writer));
    return file;
}

static int
restore(const struct manifest_file *file)
{
    struct state_reader *reader;
    int r = state_reader_open(disk, file, (struct uuid){{1}}, 1, reason, &reader);

    if (r == 0) {
        r = partition_state_ops.restore(&partition, reader, 1);
        state_reader_close(reader);
    }
    return r;
}

TEST(a_partition_that_has_nothing_is_saved_and_restored)
{
    given_a_store(1, 4000);
    given_a_disk();
    uint64_t hash = partition_state_hash(&partition);

    CHECK_EQ(partition_state_ops.cut(&partition, 1), 0);
    struct manifest_file file = write_state(0);
    partition_state_ops.end(&partition, 1, false);
    given_a_new_partition();
    CHECK_EQ(restore(&file), 0);
    CHECK_EQ(partition_state_hash(&partition), hash);
    then_all_is_left();
}

TEST(a_restored_partition_goes_on_as_one_that_read_the_whole_log)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        given_a_log(seed);
        late_percent = seed % 3 * 20;
        uint32_t before = 50 + below(250);
        uint32_t ahead = seed % 2 == 0 ? 0 : below(40); /* sequenced and not applied at the cut */

        while (log_count < before + ahead) {
            sequence_something();
        }
        apply_up_to(before);
        CHECK_EQ(partition_state_ops.cut(&partition, 1), 0);
        struct manifest_file file = write_state(60);

        partition_state_ops.end(&partition, 1, false);
        apply_up_to(log_count);
        uint64_t now_bytes = region_used(&region);

        partition_state_ops.end(&partition, 1, true); /* once more does nothing */
        CHECK_EQ(region_used(&region), now_bytes);

        uint64_t whole = hash_of_log(log_count);
        uint64_t prefix = hash_of_log(before);

        given_a_new_partition();
        CHECK_EQ(restore(&file), 0);
        CHECK_EQ(partition.applied_count, before);
        CHECK_EQ(partition.durable_count, before);
        CHECK_EQ(partition.epoch, 9);
        partition_see(&partition, (struct wall_ms){.ms = T0 + MS_PER_DAY * 400});
        if (ahead == 0) { /* else a full window has let go of its oldest for them */
            CHECK_EQ(partition_state_hash(&partition), prefix);
        }

        /* And it can be saved again, and all of its IDs are known that should be. */
        replay(log_count);
        CHECK_EQ(partition_state_hash(&partition), whole);
        for (uint64_t i = log_count - 1, known = 0; i > 0 && known < 20; i--) {
            if (!is_settings[i]) {
                CHECK(dedup_find(&partition.dedup, events[i]->id_hash, partition.last_received) != NULL);
                known++;
            }
        }
        then_all_is_left();
    }
}

TEST(a_start_fills_memory_with_identifiers_only_as_far_as_it_may)
{
    given_a_log(5);
    while (log_count < 300) {
        sequence_something();
    }
    apply_up_to(log_count);
    CHECK_EQ(partition_state_ops.cut(&partition, 1), 0);
    struct manifest_file file = write_state(0);
    partition_state_ops.end(&partition, 1, false);

    given_a_new_partition();
    CHECK_EQ(restore(&file), 0);
    CHECK(log_store_counts(partition.identities).resident_bytes > 0);
    node.has_checkpoints = true;
    node.memory_bytes_max = NODE_START_PART * 1000;
    given_a_new_partition();
    CHECK_EQ(restore(&file), 0);
    CHECK_EQ(log_store_counts(partition.identities).resident_bytes, 0);
    node.has_checkpoints = false;
    then_all_is_left();
}

TEST(a_cut_that_is_given_up_leaves_nothing_behind)
{
    given_a_log(7);
    while (log_count < 300) {
        sequence_something();
    }
    apply_up_to(250);
    CHECK_EQ(partition_state_ops.cut(&partition, 1), 0);
    CHECK_DIES((void)partition_state_ops.cut(&partition, 2));
    apply_up_to(280);
    partition_state_ops.end(&partition, 1, true);
    apply_up_to(log_count);
    uint64_t hash = partition_state_hash(&partition);

    CHECK_EQ(partition_state_ops.cut(&partition, 2), -ENOMEM); /* pages of the first are not written yet */
    while (!log_store_is_cut_durable(partition.identities)) {
        let_it_write();
    }
    CHECK_EQ(partition_state_ops.cut(&partition, 2), 0);
    partition_deinit(&partition); /* in the middle of it */
    CHECK_EQ(region_used(&region), 0);
    make_partition();
    replay(log_count);
    CHECK_EQ(partition_state_hash(&partition), hash);
    then_all_is_left();
}

/* Good checksums, so that the owner itself is reached. */
TEST(a_file_that_makes_no_sense_is_refused_and_does_no_harm)
{
    static uint8_t item[4096];

    for (uint64_t seed = 0; seed < 400; seed++) {
        struct manifest_file file;
        int r;

        given_a_store(1, 4000);
        given_a_disk();
        roll = seed;
        state_writer_begin(writer, NAME, (struct uuid){{1}}, 1);
        let_it_write();
        for (uint32_t i = 0; i < 1 + below(6); i++) {
            uint32_t bytes = 8 * (1 + below(20));

            for (uint32_t k = 0; k < bytes; k++) {
                item[k] = below(3) == 0 ? (uint8_t)below(256) : 0;
            }
            item[0] = below(2) == 0 ? 2 : item[0];
            void *to =
                state_writer_add(writer, (uint16_t)(1 + below(12)), (uint16_t)(1 + (below(9) == 0)), bytes);
            CHECK(to != NULL);
            memcpy(to, item, bytes);
        }
        state_writer_end(writer);
        let_it_write();
        CHECK_EQ(state_writer_result(writer, &file), 0);
        CHECK(state_writer_leave(writer));
        r = restore(&file);
        CHECK(r == -EUCLEAN || r == -ENOTSUP || r == -ENOMEM);
        CHECK(r == -ENOMEM || strstr(reason, NAME " at offset ") != NULL);
        then_all_is_left();
    }
}
