/* SPDX-License-Identifier: Apache-2.0 */
#include "net/config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include <unistd.h>

#include "net/settings_files.h"
#include "net/settings_flags.h"
#include "shards/dedup.h"
#include "shards/shard.h"

#define EXIT_GOOD 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

enum {
    OPTION_HELP = 'h',
    OPTION_CHECK = 1000,
    OPTION_CONFIG,
    OPTION_SETTING, /* and the flag's place */
};

struct arguments {
    const char *check;
    const char *config;
    struct settings_flags flags;
    bool has_flag;
};

static void
print_usage(FILE *out)
{
    fputs("millrace config [OPTION...]     prints the configuration that a node would have: defaults, "
          "--config,\n"
          "                                environment (MILLRACE_...), flags; and where each value is from;\n"
          "                                then what memory the node may take, in MiB\n"
          "millrace config --check FILE    says whether the file is good, and all files that it names: "
          "nothing\n"
          "                                else counts, and the first problem is said with its line\n"
          "\n"
          "  --config FILE      settings (YAML)\n" SETTINGS_FLAGS_USAGE "  --help             this\n"
          "\n"
          "Secrets are in files of their own, and never printed. Exit status: 0 good, 1 something is wrong,\n"
          "2 wrong usage.\n",
          out);
}

/* -1: go on. */
static int
read_arguments(struct arguments *arguments, int argc, char **argv)
{
    struct option options[SETTINGS_FLAG_COUNT + 4] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {"check", required_argument, NULL, OPTION_CHECK},
        {"config", required_argument, NULL, OPTION_CONFIG},
    };
    int option;

    settings_flags_options(options + 3, OPTION_SETTING);
    optind = 0; /* argv is not that of the process */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case OPTION_HELP:
            print_usage(stdout);
            return EXIT_GOOD;
        case OPTION_CHECK:
            arguments->check = optarg;
            break;
        case OPTION_CONFIG:
            arguments->config = optarg;
            break;
        case '?':
            fputs("millrace config --help says more\n", stderr);
            return EXIT_USAGE;
        default:
            arguments->flags.value[option - OPTION_SETTING] = optarg != NULL ? optarg : "true";
            arguments->has_flag = true;
            break;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "millrace config: what is %s?\nmillrace config --help says more\n", argv[optind]);
        return EXIT_USAGE;
    }
    if (arguments->check != NULL && (arguments->config != NULL || arguments->has_flag)) {
        fputs("millrace config: --check goes alone: it looks at one file\n", stderr);
        return EXIT_USAGE;
    }
    return -1;
}

/* 0 is good; what conf.h answers otherwise. */
static int
complain(const struct settings *settings, const char *file, int r)
{
    if (r < 0) {
        fprintf(stderr, "millrace: %s: %s\n", file, strerror(-r));
    } else if (r > 0) {
        fprintf(stderr, "millrace: %s\n", settings->conf.problem);
    }
    return r == 0 ? EXIT_GOOD : EXIT_FAILED;
}

static int
check(struct settings *settings, const char *file)
{
    char *nothing[] = {NULL};
    char problem[SETTINGS_FILES_PROBLEM_BYTES] = "";
    struct settings_files files;
    int r = settings_load(settings, file, nothing);

    r = r == 0 ? settings_check(settings) : r;
    if (r != 0) {
        return complain(settings, file, r);
    }
    if (!settings_files_open(settings, (struct hash_key){.lo = 0}, &files, problem)) {
        fprintf(stderr, "millrace: %s\n", problem);
        return EXIT_FAILED;
    }
    settings_files_close(&files);
    printf("%s: good\n", file);
    return EXIT_GOOD;
}

/* Comments, so that it is a configuration still. */
static void
print_memory(const struct settings *settings)
{
    uint32_t partitions = (uint32_t)settings->storage_partitions;
    uint64_t window = partitions * dedup_memory_bytes_max((uint32_t)(settings->dedup_events / partitions));

    printf("#\n"
           "# Memory of this node, at most, in MiB:\n"
           "# %8" PRIu64 "  state (storage.memory); of it up to %" PRIu64
           " the window of duplicates (dedup.events)\n"
           "# %8" PRIu64 "  bodies that are being received (net.body_memory)\n"
           "# %8" PRIu64 "  requests\n"
           "# %8" PRIu64 "  answers\n"
           "# %s\n"
           "# What is in use, part by part: /metrics, millrace_memory_part_bytes.\n",
           settings_memory_bytes(settings) >> 20, window >> 20, settings->net_body_memory_bytes >> 20,
           SHARD_REQUESTS_BYTES_NODE >> 20, SHARD_ANSWERS_BYTES_NODE >> 20,
           settings->storage_checkpoint_interval_ms > 0
               ? "When 7/8 of state is in use, profiles, identifiers and kept events leave for the disk."
               : "Without checkpoints (storage.checkpoint_interval) all of state stays in memory.");
}

static int
print(struct settings *settings, const struct arguments *arguments)
{
    char said[256];
    uint32_t at = 0;
    int r = settings_load(settings, arguments->config, environ);

    r = r == 0 ? settings_flags_set(&arguments->flags, &settings->conf) : r;
    r = r == 0 ? settings_check(settings) : r;
    if (r != 0) {
        return complain(settings, arguments->config, r);
    }
    while (conf_next_unknown(&settings->conf, environ, &at, said, sizeof(said))) {
        fprintf(stderr, "millrace: warning: %s\n", said);
    }
    conf_print(&settings->conf, stdout);
    print_memory(settings);
    return EXIT_GOOD;
}

int
config_main(int argc, char **argv)
{
    static struct settings settings;
    struct arguments arguments = {.check = NULL};
    int status = read_arguments(&arguments, argc, argv);

    if (status >= 0) {
        return status;
    }
    settings_open(&settings);
    status = arguments.check != NULL ? check(&settings, arguments.check) : print(&settings, &arguments);
    settings_close(&settings);
    return status;
}
