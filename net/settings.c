/* SPDX-License-Identifier: Apache-2.0 */

#include "net/settings.h"

#include <sched.h>
#include <stdlib.h>

#include <fcntl.h>
#include <unistd.h>

#include "core/here.h"

#define MEMORY_BYTES_MIN (16u << 20)
#define MEMORY_PERCENT 60u

static const struct conf_row write_key_rows[] = {
    {.key = "key_file", .type = CONF_TEXT, .offset = offsetof(struct settings_write_key, key_file)},
    {.key = "tenant", .type = CONF_TEXT, .offset = offsetof(struct settings_write_key, tenant)},
    {.key = "expires",
     .type = CONF_TIME,
     .offset = offsetof(struct settings_write_key, expires_ms),
     .initial = "never"},
};

static const struct conf_row read_token_rows[] = {
    {.key = "token_file", .type = CONF_TEXT, .offset = offsetof(struct settings_read_token, token_file)},
    {.key = "tenants", .type = CONF_TEXTS, .offset = offsetof(struct settings_read_token, tenants)},
    {.key = "rights",
     .type = CONF_TEXTS,
     .offset = offsetof(struct settings_read_token, rights),
     .initial = "read"},
    {.key = "expires",
     .type = CONF_TIME,
     .offset = offsetof(struct settings_read_token, expires_ms),
     .initial = "never"},
};

static const struct conf_list write_keys = {
    .row = write_key_rows,
    .row_count = COUNT_OF(write_key_rows),
    .item_bytes = sizeof(struct settings_write_key),
};

static const struct conf_list read_tokens = {
    .row = read_token_rows,
    .row_count = COUNT_OF(read_token_rows),
    .item_bytes = sizeof(struct settings_read_token),
};

/* clang-format off: one row is one expression. */
static const struct conf_row rows[] = {
#define SETTING(field, row_key, row_type, row_initial, row_unit, row_min, row_max, row_help) \
    {.key = (row_key), \
     .type = CONF_##row_type, \
     .offset = offsetof(struct settings, field), \
     .initial = (row_initial), \
     .unit = (row_unit), \
     .min = (row_min), \
     .max = (row_max), \
     .help = (row_help)},
#define SETTING_LIST(field, row_key, row_list, row_help) \
    {.key = (row_key), \
     .type = CONF_ITEMS, \
     .offset = offsetof(struct settings, field), \
     .initial = "", \
     .unit = "", \
     .help = (row_help), \
     .list = &(row_list)},
#include "net/settings.def"
#undef SETTING
#undef SETTING_LIST
};
/* clang-format on */

/* Of our tools and tests, which start nodes with what they were given. */
static const char *const others[] = {"MILLRACE_BUILD", "MILLRACE_LONG", "MILLRACE_SEED", "MILLRACE_SHARED",
                                     NULL};

const struct conf_table settings_table = {
    .row = rows,
    .row_count = COUNT_OF(rows),
    .environment_prefix = "MILLRACE_",
    .others = others,
};

void
settings_open(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    conf_open(&settings->conf, &settings_table, settings);
}

void
settings_close(struct settings *settings)
{
    conf_close(&settings->conf);
}

int
settings_load(struct settings *settings, const char *file, char *const environment[])
{
    int r;

    if (file != NULL) {
        r = conf_read_file(&settings->conf, file);
        if (r != 0) {
            return fault_up(r);
        }
    }
    return fault_up(conf_read_environment(&settings->conf, environment));
}

bool
settings_listen_parts(const char *listen, struct text *out_host, uint16_t *out_port)
{
    const char *colon = strrchr(listen, ':');
    struct text host;
    unsigned long port;
    char *end;

    if (colon == NULL || colon == listen || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port > UINT16_MAX || end - colon > 6) {
        return false;
    }
    host = (struct text){.data = listen, .bytes = (uint32_t)(colon - listen)};
    if (host.data[0] == '[') {
        if (host.bytes < 3 || host.data[host.bytes - 1] != ']') {
            return false;
        }
        host = (struct text){.data = host.data + 1, .bytes = host.bytes - 2};
    } else if (memchr(host.data, ':', host.bytes) != NULL) {
        return false; /* an IPv6 address without brackets: where does it end? */
    }
    *out_host = host;
    *out_port = (uint16_t)port;
    return true;
}

static bool
is_loopback(struct text host)
{
    if (text_equal(host, TEXT("localhost")) || text_equal(host, TEXT("::1"))) {
        return true;
    }
    if (host.bytes < 4 || memcmp(host.data, "127.", 4) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < host.bytes; i++) { /* 127.0.0.1.example.org is a name, and anywhere */
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9')) {
            return false;
        }
    }
    return true;
}

bool
settings_have_keys(const struct settings *settings)
{
    return settings->keys_write.count > 0 || settings->keys_read.count > 0;
}

/* Where the value of `key` is from, the key, and what is wrong with it. */
static int
refuse(struct settings *settings, const char *key, const char *why)
{
    snprintf(settings->conf.problem, sizeof(settings->conf.problem), "%s: %s: %s",
             conf_where(&settings->conf, key), key, why);
    return CONF_REFUSED;
}

static int
check_listen(struct settings *settings)
{
    struct text host;
    uint16_t port;

    if (!settings_listen_parts(settings->listen, &host, &port)) {
        return refuse(settings, "listen", "not host:port, like 127.0.0.1:8080 or [::1]:8080");
    }
    if (!is_loopback(host) && !settings->insecure && !settings_have_keys(settings)) {
        return refuse(settings, "listen",
                      "without keys (keys.write, keys.read) anybody could read and write: loopback only, "
                      "unless insecure is set (--insecure)");
    }
    return 0;
}

static uint32_t
count_of(struct text text, char wanted)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < text.bytes; i++) {
        count += text.data[i] == wanted;
    }
    return count;
}

/* What no Host and no Origin could ever be. An IPv6 address has more colons than one. */
static int
check_names(struct settings *settings)
{
    const struct conf_texts *hosts = &settings->net_hosts;
    const struct conf_texts *origins = &settings->net_origins;

    for (uint32_t i = 0; i < hosts->count; i++) {
        if (count_of(hosts->item[i], '/') > 0 || count_of(hosts->item[i], '[') > 0 ||
            count_of(hosts->item[i], ':') == 1) {
            return refuse(settings, "net.hosts", "a name or an address, without scheme and port");
        }
    }
    for (uint32_t i = 0; i < origins->count; i++) {
        const char *origin = origins->item[i].data;
        bool has_scheme = strncmp(origin, "http://", 7) == 0 || strncmp(origin, "https://", 8) == 0;

        if (!has_scheme || count_of(origins->item[i], '/') != 2 ||
            origin[origins->item[i].bytes - 1] == '/') {
            return refuse(settings, "net.origins",
                          "scheme, host and port alone, like https://cdp.example.org");
        }
    }
    return 0;
}

int
settings_check(struct settings *settings)
{
    int r = check_listen(settings);

    r = r == 0 ? check_names(settings) : r;
    if (r != 0) {
        return r;
    }
    if (settings->storage_memory_bytes != 0 && settings->storage_memory_bytes < MEMORY_BYTES_MIN) {
        return refuse(settings, "storage.memory", "less than 16MiB, and not 0");
    }
    if (settings->log_block_bytes > settings->log_segment_bytes / 16) {
        return refuse(settings, "log.block_bytes", "more than a sixteenth of log.segment_bytes");
    }
    if (settings->log_block_bytes % 4096 != 0) {
        return refuse(settings, "log.block_bytes", "not a whole multiple of 4KiB");
    }
    if (settings->log_segment_bytes % 4096 != 0) {
        return refuse(settings, "log.segment_bytes", "not a whole multiple of 4KiB");
    }
    if (settings->net_body_bytes_max > settings->net_body_memory_bytes) {
        return refuse(settings, "net.body_bytes_max", "more than net.body_memory");
    }
    return 0;
}

uint32_t
settings_shard_count(const struct settings *settings)
{
    cpu_set_t set;
    int count = 1;

    if (settings->shards != 0) {
        return (uint32_t)settings->shards;
    }
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        count = CPU_COUNT(&set);
    }
    return count < (int)SHARD_COUNT_MAX ? (uint32_t)count : SHARD_COUNT_MAX;
}

/* The limit of the control group that a container is, UINT64_MAX when there is none. */
static uint64_t
group_memory_bytes(void)
{
    static const char *const paths[] = {"/sys/fs/cgroup/memory.max",
                                        "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < COUNT_OF(paths); i++) {
        char said[64];
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        ssize_t bytes = fd >= 0 ? read(fd, said, sizeof(said) - 1) : -1;

        if (fd >= 0) {
            close(fd);
        }
        if (bytes > 0 && said[0] >= '0' && said[0] <= '9') {
            uint64_t limit;

            said[bytes] = '\0';
            limit = strtoull(said, NULL, 10);
            least = limit < least ? limit : least;
        }
    }
    return least;
}

uint64_t
settings_memory_bytes(const struct settings *settings)
{
    uint64_t machine_bytes;
    uint64_t group_bytes;

    if (settings->storage_memory_bytes != 0) {
        return settings->storage_memory_bytes;
    }
    machine_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    group_bytes = group_memory_bytes();
    return (group_bytes < machine_bytes ? group_bytes : machine_bytes) / 100 * MEMORY_PERCENT;
}
