/* SPDX-License-Identifier: Apache-2.0 */
#include "net/settings_flags.h"

static const struct {
    const char *flag;
    const char *key;
    bool is_alone; /* takes no value */
} flags_known[] = {
    {"--data", "storage.data_dir", false}, {"--listen", "listen", false},
    {"--shards", "shards", false},         {"--io", "io", false},
    {"--log-format", "log.format", false}, {"--insecure", "insecure", true},
};

static_assert(COUNT_OF(flags_known) == SETTINGS_FLAG_COUNT, "each flag has its place");

void
settings_flags_options(struct option options[SETTINGS_FLAG_COUNT], int first)
{
    for (uint32_t i = 0; i < SETTINGS_FLAG_COUNT; i++) {
        options[i] = (struct option){
            .name = flags_known[i].flag + strlen("--"),
            .has_arg = flags_known[i].is_alone ? no_argument : required_argument,
            .val = first + (int)i,
        };
    }
}

int
settings_flags_set(const struct settings_flags *flags, struct conf *conf)
{
    for (uint32_t i = 0; i < SETTINGS_FLAG_COUNT; i++) {
        int r = flags->value[i] != NULL
                    ? conf_set(conf, flags_known[i].key, flags->value[i], flags_known[i].flag)
                    : 0;
        if (r != 0) {
            return r;
        }
    }
    return 0;
}
