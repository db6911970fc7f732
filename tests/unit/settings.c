/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "net/settings.h"

#include <errno.h>
#include <stdlib.h>

#include <unistd.h>

static struct settings settings;
static char *const nothing[] = {NULL};

static void
given_yaml(const char *yaml)
{
    settings_close(&settings);
    settings_open(&settings);
    CHECK_EQ(conf_read(&settings.conf, "f", text_of(yaml)), 0);
}

TEST(an_open_node_listens_on_loopback_only)
{
    given_yaml("listen: 0.0.0.0:8080");
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);
    CHECK(strstr(settings.conf.problem, "insecure") != NULL);
    given_yaml("listen: 127.0.0.1.example.org:80");
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);
    given_yaml("listen: \"[::]:80\"");
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);

    given_yaml("{listen: 0.0.0.0:8080, insecure: true}");
    CHECK_EQ(settings_check(&settings), 0);
    given_yaml("listen: \"[::1]:80\"");
    CHECK_EQ(settings_check(&settings), 0);
    given_yaml("listen: localhost:80");
    CHECK_EQ(settings_check(&settings), 0);
    given_yaml("listen: 127.9.9.9:0");
    CHECK_EQ(settings_check(&settings), 0);
}

TEST(a_node_with_keys_may_listen_everywhere)
{
    given_yaml("{listen: 0.0.0.0:8080, keys: {write: [{key_file: f, tenant: t}]}}");
    CHECK(settings_have_keys(&settings));
    CHECK_EQ(settings_check(&settings), 0);
    given_yaml("{listen: 0.0.0.0:8080, keys: {read: [{token_file: f, tenants: [t]}]}}");
    CHECK_EQ(settings_check(&settings), 0);
    given_yaml("{listen: 0.0.0.0:8080, keys: {write: [], read: []}}");
    CHECK(!settings_have_keys(&settings));
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);
}

TEST(what_does_not_fit_is_said_with_its_line)
{
    given_yaml("net:\n  body_memory: 16MiB\n  body_bytes_max: 16MiB\nlog:\n  block_bytes: 262145\n");
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);
    CHECK_TEXT(settings.conf.problem, "f:5: log.block_bytes: not a whole multiple of 4KiB");
    given_yaml("storage:\n  memory: 1MiB\n");
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);
    CHECK_TEXT(settings.conf.problem, "f:2: storage.memory: less than 16MiB, and not 0");
    given_yaml("storage: {memory: 16MiB}");
    CHECK_EQ(settings_check(&settings), 0);
}

TEST(names_that_nothing_could_match_are_refused)
{
    static const char *const bad[] = {"net: {hosts: [\"cdp.example.org:443\"]}",
                                      "net: {hosts: [\"https://cdp.example.org\"]}",
                                      "net: {hosts: [\"[fd00::1]\"]}",
                                      "net: {hosts: [a/b]}",
                                      "net: {origins: [cdp.example.org]}",
                                      "net: {origins: [\"*\"]}",
                                      "net: {origins: [\"https://\"]}",
                                      "net: {origins: [\"https://cdp.example.org/\"]}",
                                      "net: {origins: [\"https://cdp.example.org/app\"]}",
                                      "net: {origins: [\"ftp://cdp.example.org\"]}"};

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        given_yaml(bad[i]);
        CHECK_EQ(settings_check(&settings), CONF_REFUSED);
        CHECK(strstr(settings.conf.problem, "f:1: net.") == settings.conf.problem);
    }
    given_yaml(
        "net: {hosts: [cdp.example.org, fd00::1, 10.0.0.1], origins: [\"https://a.b:8443\", \"http://c\"]}");
    CHECK_EQ(settings_check(&settings), 0);
}

TEST(a_key_says_who_and_until_when)
{
    const struct settings_write_key *key;
    const struct settings_read_token *token;

    given_yaml("keys:\n  write:\n    - {key_file: f, tenant: t}\n"
               "  read:\n    - {token_file: g, tenants: [a, b], expires: 2027-01-31}\n");
    key = settings.keys_write.item;
    token = settings.keys_read.item;
    CHECK_EQ(settings.keys_write.count, 1);
    CHECK_TEXT(key->where, "f:3");
    CHECK_EQ(key->expires_ms, CONF_NEVER);
    CHECK_EQ(settings.keys_read.count, 1);
    CHECK_TEXT(token->where, "f:5");
    CHECK_EQ(token->tenants.count, 2);
    CHECK_EQ(token->rights.count, 1);
    CHECK_TEXT(token->rights.item[0], "read");
    CHECK_EQ(token->expires_ms, INT64_C(1801353600000));
}

TEST(a_listen_that_is_no_host_and_port_is_refused)
{
    const char *bad[] = {
        "8080",         ":8080",  "localhost", "localhost:", "localhost:x",      "localhost:65536",
        "localhost:-1", "::1:80", "[::1:80",   "[]:80",      "localhost:080808", "localhost:80 "};
    struct text host;
    uint16_t port;

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!settings_listen_parts(bad[i], &host, &port));
    }
    CHECK(settings_listen_parts("[fe80::1]:65535", &host, &port));
    CHECK_TEXT(host, "fe80::1");
    CHECK_EQ(port, 65535);
}

TEST(values_must_fit_each_other)
{
    given_yaml("log: {block_bytes: 512KiB, segment_bytes: 4MiB}");
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);
    given_yaml("log: {block_bytes: 262145}");
    CHECK_EQ(settings_check(&settings), CONF_REFUSED);
}

TEST(an_unknown_key_is_refused_by_line)
{
    settings_close(&settings);
    settings_open(&settings);
    CHECK_EQ(conf_read(&settings.conf, "millrace.yaml", TEXT("sessions:\n  gap: 10m\n  horizn: 1h\n")),
             CONF_REFUSED);
    CHECK_TEXT(settings.conf.problem,
               "millrace.yaml:3: unknown key sessions.horizn; did you mean sessions.horizon?");
    CHECK_EQ(settings_load(&settings, "/nowhere.yaml", nothing), -ENOENT);
}

TEST(the_defaults_are_those_of_the_documents)
{
    settings_close(&settings);
    settings_open(&settings);
    CHECK_EQ(settings_load(&settings, NULL, nothing), 0);
    CHECK_EQ(settings_check(&settings), 0);

    CHECK_TEXT(settings.listen, "127.0.0.1:8080");
    CHECK(!settings.insecure);
    CHECK_EQ(settings.io, SETTINGS_IO_AUTO);
    CHECK_TEXT(settings.storage_data_dir, "./millrace-data");
    CHECK_EQ(settings.storage_partitions, 16);
    CHECK_EQ(settings.storage_slices, 16);
    CHECK_EQ(settings.storage_checkpoint_interval_ms, 30000);
    CHECK_EQ(settings.log_segment_bytes, 32 << 20);
    CHECK_EQ(settings.log_block_bytes, 256 << 10);
    CHECK_EQ(settings.event_time_out_of_orderness_ms, 60000);
    CHECK_EQ(settings.event_time_allowed_lateness_ms, 0);
    CHECK_EQ(settings.sessions_gap_ms, 1800000);
    CHECK_EQ(settings.sessions_horizon_ms, 86400000);
    CHECK_EQ(settings.dedup_events, 4194304);
    CHECK(!settings.ingest_keep_query);
    CHECK_EQ(settings.identity_blocked.count, 0);
    CHECK_EQ(settings.net_body_memory_bytes, 256 << 20);
    CHECK_EQ(settings.net_body_bytes_max, 4 << 20);
    CHECK_EQ(settings.query_deadline_ms, 5000);
    CHECK_EQ(settings.ingest_rate_limit, 0);
    CHECK(!settings_have_keys(&settings));
}

TEST(the_environment_names_them_all)
{
    char *environment[] = {(char[]){"MILLRACE_STORAGE_DATA_DIR=/data"}, (char[]){"MILLRACE_IO=epoll"},
                           (char[]){"MILLRACE_IDENTITY_BLOCKED=guest, none"},
                           (char[]){"MILLRACE_EVENT_TIME_OUT_OF_ORDERNESS=5s"}, NULL};

    settings_close(&settings);
    settings_open(&settings);
    CHECK_EQ(settings_load(&settings, NULL, environment), 0);
    CHECK_TEXT(settings.storage_data_dir, "/data");
    CHECK_EQ(settings.io, SETTINGS_IO_EPOLL);
    CHECK_EQ(settings.identity_blocked.count, 2);
    CHECK_EQ(settings.event_time_out_of_orderness_ms, 5000);
}

TEST(nought_is_what_the_machine_has)
{
    given_yaml("");
    CHECK(settings_shard_count(&settings) >= 1);
    CHECK(settings_memory_bytes(&settings) > 64 << 20);
    given_yaml("{shards: 3, storage: {memory: 1GiB}}");
    CHECK_EQ(settings_shard_count(&settings), 3);
    CHECK_EQ(settings_memory_bytes(&settings), 1 << 30);
}

TEST(groups_stand_together_and_help_is_a_sentence)
{
    for (uint32_t i = 0; i < settings_table.row_count; i++) {
        const struct conf_row *row = &settings_table.row[i];
        size_t group_bytes = strcspn(row->key, ".");

        CHECK(row->help[strlen(row->help) - 1] == '.');
        for (uint32_t j = i + 1; j < settings_table.row_count; j++) {
            if (strncmp(row->key, settings_table.row[j].key, group_bytes + 1) == 0) {
                CHECK(strncmp(row->key, settings_table.row[j - 1].key, group_bytes + 1) == 0 || j == i + 1);
            }
            CHECK(strcmp(row->key, settings_table.row[j].key) != 0);
        }
    }
}
