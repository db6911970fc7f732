/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/stores_rocksdb.h"

#ifdef HAS_ROCKSDB

#include <stdio.h>
#include <stdlib.h>

#include <rocksdb/c.h>

#define BATCH_MAX 64u

struct rocks {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *family;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    rocksdb_writebatch_t *batch;
};

static void
no_error(char *error)
{
    if (error != NULL) {
        fprintf(stderr, "rocksdb: %s\n", error);
        abort();
    }
}

/* github.com/facebook/rocksdb/wiki: "Setup Options and Basic Tuning", "RocksDB Bloom Filter", "Direct IO", "Memory usage
   in RocksDB". Blocks are cached as they are: compressing 300 bytes of noise would only cost it time. */
struct rocks *
rocks_open(struct rocks_options options, const char **out_why)
{
    struct rocks *rocks = calloc(1, sizeof(*rocks));
    uint64_t memtables =
        options.memory_bytes / 8 < UINT64_C(512) << 20 ? options.memory_bytes / 8 : UINT64_C(512) << 20;
    char *error = NULL;

    (void)out_why;
    REQUIRE(rocks != NULL);
    rocks->options = rocksdb_options_create();
    rocks->table = rocksdb_block_based_options_create();
    rocks->cache = rocksdb_cache_create_lru(options.memory_bytes - memtables);
    rocksdb_block_based_options_set_block_cache(rocks->table, rocks->cache);
    rocksdb_block_based_options_set_filter_policy(rocks->table, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(rocks->table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(rocks->table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(rocks->table, 1);
    rocksdb_block_based_options_set_data_block_index_type(rocks->table,
                                                          1); /* and a hash index in each block */
    rocksdb_block_based_options_set_data_block_hash_ratio(rocks->table, 0.75);
    rocksdb_block_based_options_set_format_version(rocks->table, 5);
    rocksdb_options_set_block_based_table_factory(rocks->options, rocks->table);
    rocksdb_options_set_create_if_missing(rocks->options, 1);
    rocksdb_options_set_compression(rocks->options, rocksdb_no_compression);
    rocksdb_options_set_write_buffer_size(rocks->options, memtables / 3);
    rocksdb_options_set_max_write_buffer_number(rocks->options, 3);
    rocksdb_options_set_max_background_jobs(rocks->options, 4);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(rocks->options, 1);
    rocksdb_options_set_bytes_per_sync(rocks->options, 1 << 20);
    rocksdb_options_set_memtable_whole_key_filtering(rocks->options, 1);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(rocks->options, 0.1);
    rocksdb_options_set_use_direct_reads(rocks->options, 1);
    rocksdb_options_set_use_direct_io_for_flush_and_compaction(rocks->options, 1);
    rocks->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->write, !options.is_logged);
    rocks->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(rocks->read, 1);
    rocks->batch = rocksdb_writebatch_create();
    const char *const names[] = {"default"};
    const rocksdb_options_t *const family_options[] = {rocks->options};
    rocks->db = rocksdb_open_column_families(rocks->options, options.directory, 1, names, family_options,
                                             &rocks->family, &error);
    no_error(error);
    return rocks;
}

void
rocks_close(struct rocks *rocks)
{
    rocksdb_column_family_handle_destroy(rocks->family);
    rocksdb_close(rocks->db);
    rocksdb_writebatch_destroy(rocks->batch);
    rocksdb_readoptions_destroy(rocks->read);
    rocksdb_writeoptions_destroy(rocks->write);
    rocksdb_options_destroy(rocks->options);
    rocksdb_block_based_options_destroy(rocks->table);
    rocksdb_cache_destroy(rocks->cache);
    free(rocks);
}

void
rocks_put(struct rocks *rocks, const struct uuid *keys, uint32_t count, const uint8_t *values, uint32_t bytes)
{
    char *error = NULL;

    rocksdb_writebatch_clear(rocks->batch);
    for (uint32_t i = 0; i < count; i++) {
        rocksdb_writebatch_put(rocks->batch, (const char *)keys[i].byte, sizeof(keys[i]),
                               (const char *)values + (size_t)i * bytes, bytes);
    }
    rocksdb_write(rocks->db, rocks->write, rocks->batch, &error);
    no_error(error);
}

void
rocks_get(struct rocks *rocks, const struct uuid *keys, uint32_t count, uint8_t *values, uint32_t bytes)
{
    const char *key_list[BATCH_MAX] = {0};
    size_t key_bytes[BATCH_MAX] = {0};
    rocksdb_pinnableslice_t *found[BATCH_MAX];
    char *errors[BATCH_MAX];

    REQUIRE(count <= BATCH_MAX);
    for (uint32_t i = 0; i < count; i++) {
        key_list[i] = (const char *)keys[i].byte;
        key_bytes[i] = sizeof(keys[i]);
    }
    rocksdb_batched_multi_get_cf(rocks->db, rocks->read, rocks->family, count, key_list, key_bytes, found,
                                 errors, false);
    for (uint32_t i = 0; i < count; i++) {
        size_t length;

        no_error(errors[i]);
        REQUIRE(found[i] != NULL);
        const char *value = rocksdb_pinnableslice_value(found[i], &length);
        REQUIRE(length == bytes);
        memcpy(values + (size_t)i * bytes, value, bytes);
        rocksdb_pinnableslice_destroy(found[i]);
    }
}

void
rocks_flush(struct rocks *rocks)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    char *error = NULL;

    rocksdb_flushoptions_set_wait(options, 0);
    rocksdb_flush(rocks->db, options, &error);
    no_error(error);
    rocksdb_flushoptions_destroy(options);
}

void
rocks_settle(struct rocks *rocks)
{
    char *error = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();

    rocksdb_flush(rocks->db, options, &error);
    no_error(error);
    rocksdb_flushoptions_destroy(options);
    rocksdb_compact_range(rocks->db, NULL, 0, NULL, 0);
}

#else

struct rocks *
rocks_open(struct rocks_options options, const char **out_why)
{
    (void)options;
    *out_why =
        "no RocksDB here: apt-get install librocksdb-dev, then configure and build build/release again";
    return NULL;
}

void
rocks_close(struct rocks *rocks)
{
    (void)rocks;
}

void
rocks_put(struct rocks *rocks, const struct uuid *keys, uint32_t count, const uint8_t *values, uint32_t bytes)
{
    (void)rocks;
    (void)keys;
    (void)count;
    (void)values;
    (void)bytes;
}

void
rocks_get(struct rocks *rocks, const struct uuid *keys, uint32_t count, uint8_t *values, uint32_t bytes)
{
    rocks_put(rocks, keys, count, values, bytes);
}

void
rocks_flush(struct rocks *rocks)
{
    (void)rocks;
}

void
rocks_settle(struct rocks *rocks)
{
    (void)rocks;
}

#endif
