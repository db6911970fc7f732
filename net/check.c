/* SPDX-License-Identifier: Apache-2.0 */
#include "net/check.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "net/progress.h"
#include "shards/checkpoint_start.h"
#include "storage/checker.h"

#define EXIT_GOOD 0
#define EXIT_DAMAGED 1
#define EXIT_USAGE 2
#define EXIT_STORAGE 74

struct check {
    struct progress progress;
    struct checker_report report;
    uint64_t bytes_read;
    bool is_quiet;
};

static void
print_usage(FILE *out)
{
    fputs(
        "millrace check [OPTION...] DIR     says whether a data directory is as it was written\n"
        "\n"
        "Reads the manifest, the log and the checkpoints, and changes nothing. Of a state file, and of the\n"
        "pages that it describes, the first damaged place is named. No node may use it meanwhile: stop the\n"
        "node, or check a copy.\n"
        "Each damaged place is a line on standard output: the file, the offset in it (bytes), what is "
        "wrong;\n"
        "then how many there are. A line that begins with \"note:\" is no damage.\n"
        "\n"
        "  --quiet            no bar, and nothing when all is good\n"
        "  --help             this\n"
        "\n"
        "Exit status: 0 good; 1 something is damaged; 2 wrong usage, a directory that holds no store, or "
        "one\n"
        "that a node uses; 74 it cannot be read, or was written by a newer version.\n",
        out);
}

static struct mono_ns
mono_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct mono_ns){.ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec};
}

static void
say_progress(struct check *check)
{
    char number[PROGRESS_NUMBER_BYTES];
    char what[64];
    uint64_t all = check->report.bytes_all;

    if (!check->progress.is_terminal) {
        return; /* a short command, whose output is read by programs */
    }
    snprintf(what, sizeof(what), "%s MiB read", progress_number(check->bytes_read >> 20, number));
    progress_say(&check->progress, mono_now(), all == 0 ? 1.0 : (double)check->bytes_read / (double)all,
                 what);
}

static void
print_found(void *context, const char *what)
{
    struct check *check = context;

    progress_break(&check->progress);
    printf("%s\n", what);
}

static void
print_note(void *context, const char *what)
{
    struct check *check = context;

    if (!check->is_quiet) {
        progress_break(&check->progress);
        printf("note: %s\n", what);
    }
}

static void
count_read(void *context, uint64_t bytes)
{
    struct check *check = context;

    check->bytes_read += bytes;
    say_progress(check);
}

/* -1: go on. */
static int
read_arguments(struct check *check, int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    int option;

    optind = 0; /* argv is not that of the process */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'h':
            print_usage(stdout);
            return EXIT_GOOD;
        case 'q':
            check->is_quiet = true;
            break;
        default:
            fputs("millrace check --help says more\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (argc - optind != 1) {
        fprintf(stderr, "millrace check: %s\nmillrace check --help says more\n",
                optind == argc ? "which directory?" : "one directory at a time");
        return EXIT_USAGE;
    }
    return -1;
}

static int
open_directory(const char *directory, struct disk **out_disk)
{
    int r = disk_real_open_reading(directory, out_disk);

    if (r == 0) {
        return EXIT_GOOD;
    }
    if (r == -EBUSY) {
        fprintf(stderr, "millrace check: a node uses %s: stop it, or check a copy\n", directory);
        return EXIT_USAGE;
    }
    fprintf(stderr, "millrace check: %s: %s\n", directory, strerror(-r));
    return r == -ENOENT || r == -ENOTDIR ? EXIT_USAGE : EXIT_STORAGE;
}

static int
tell(const struct check *check, const char *directory, int r)
{
    const struct checker_report *report = &check->report;
    char blocks[PROGRESS_NUMBER_BYTES];
    char found[PROGRESS_NUMBER_BYTES];

    if (r == CHECKER_NO_STORE) {
        fprintf(stderr, "millrace check: %s holds no store: there is neither a manifest nor a log\n",
                directory);
        return EXIT_USAGE;
    }
    if (r < 0) {
        fprintf(stderr, "millrace check: %s: %s\n", directory,
                report->reason[0] != '\0' && r == -ENOTSUP ? report->reason : strerror(-r));
        if (report->reason[0] != '\0' && r != -ENOTSUP) {
            fprintf(stderr, "millrace check: %s\n", report->reason);
        }
    }
    if (report->found_count > 0) {
        printf("%s: %s damaged place%s\n", directory, progress_number(report->found_count, found),
               report->found_count == 1 ? "" : "s");
    } else if (r == 0 && !check->is_quiet) {
        printf("%s: good, %s blocks of the log\n", directory, progress_number(report->blocks, blocks));
    }
    if (r < 0) {
        return EXIT_STORAGE;
    }
    return r == CHECKER_DAMAGED ? EXIT_DAMAGED : EXIT_GOOD;
}

int
check_main(int argc, char **argv)
{
    struct check check = {.bytes_read = 0};
    const struct checker checker = {
        .found = print_found,
        .noted = print_note,
        .read = count_read,
        .stores = checkpoint_verify_pages,
        .context = &check,
    };
    struct disk *disk;
    int status = read_arguments(&check, argc, argv);
    int r;

    if (status >= 0) {
        return status;
    }
    status = open_directory(argv[optind], &disk);
    if (status != EXIT_GOOD) {
        return status;
    }
    progress_begin(&check.progress, stderr, check.is_quiet, mono_now(), 0);
    r = checker_run(disk, &checker, &check.report);
    progress_break(&check.progress);
    disk_real_close(disk);
    return tell(&check, argv[optind], r);
}
