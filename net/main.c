/* SPDX-License-Identifier: Apache-2.0 */

/*
 * main - the program: one binary, subcommands
 *
 * A subcommand is a function of (argc, argv), with its own name at argv[0],
 * that returns the exit status: 0 good, 1 failed, 2 wrong usage, 74 storage
 * failed. Each says --help.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/utsname.h>
#include <unistd.h>

#include "core/env.h"
#include "core/version.h"
#include "net/check.h"
#include "net/config.h"
#include "net/import.h"
#include "net/produce.h"
#include "net/serve.h"

/* For jemalloc, which reads it by this name: what was needed once goes back to the system, also while we are idle, and
   within a second: uploads that come and go in waves would else hold a third more than net.body_memory. */
extern const char *malloc_conf;
const char *malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";

#define EXIT_GOOD 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

static int version_main(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does;
} commands[] = {
    {"serve", serve_main, "runs a node"},
    {"produce", produce_main, "sends the events of people who do not exist"},
    {"import", import_main, "sends files of events to a node"},
    {"check", check_main, "says whether a data directory is as it was written"},
    {"config", config_main, "prints the configuration, or checks a file"},
    {"version", version_main, "says which program this is, and what this machine offers it"},
};

static void
print_usage(FILE *out)
{
    fputs("millrace COMMAND [OPTION...]     a customer data platform in one "
          "program\n\n",
          out);
    for (uint32_t i = 0; i < COUNT_OF(commands); i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].does);
    }
    fputs("\nmillrace COMMAND --help says more. Exit status: 0 good, 1 failed, 2 "
          "wrong usage, 74 storage failed.\n",
          out);
}

/* ---- version ---- */

static int
version_main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct utsname machine;
    struct env *env;
    char reason[128] = "";
    int option;

    optind = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        fputs("millrace version     says which program this is, and what this "
              "machine offers it\n",
              option == 'h' ? stdout : stderr);
        return option == 'h' ? EXIT_GOOD : EXIT_USAGE;
    }
    printf("millrace %s (%s), %s\n", version_number, version_commit, version_build);
    if (uname(&machine) == 0) {
        printf("kernel   %s %s, %s\n", machine.sysname, machine.release, machine.machine);
    }
    if (env_open(ENV_AUTO, NULL, &env, reason) == 0) {
        printf("io       %s%s%s\n", env->backend == ENV_URING ? "io_uring" : "epoll",
               reason[0] != '\0' ? ": " : "", reason);
        env_close(env);
    }
    return EXIT_GOOD;
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_GOOD;
    }
    if (strcmp(name, "--version") == 0) {
        return version_main(1, argv);
    }
    for (uint32_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        fprintf(stderr, "millrace: no command %s\n\n", name);
    }
    print_usage(stderr);
    return EXIT_USAGE;
}
