/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/checker.h"

#include <errno.h>
#include <stdio.h>

#include "storage/recovery.h"
#include "storage/segment.h"
#include "storage/state_file.h"

struct checking {
    struct disk *disk;
    const struct checker *checker;
    struct checker_report *report;
    struct manifest manifest;
    bool has_manifest;
    bool has_log;
};

static void
found(struct checking *checking, const char *what)
{
    checking->report->found_count++;
    checking->checker->found(checking->checker->context, what);
}

/* The manifest. */

static int
check_manifest(struct checking *checking)
{
    struct checker_report *report = checking->report;
    int r = manifest_load(checking->disk, &checking->manifest, report->reason);

    if (r == MANIFEST_NONE) {
        if (checking->has_log) {
            found(checking, "the manifest is missing: nothing can be read without it");
        }
        return checking->has_log ? CHECKER_DAMAGED : CHECKER_NO_STORE;
    }
    if (r == -EUCLEAN) {
        found(checking, report->reason);
        return CHECKER_DAMAGED;
    }
    if (r != 0) {
        if (report->reason[0] == '\0') {
            snprintf(report->reason, sizeof(report->reason), "the manifest cannot be read");
        }
        return fault_up(r);
    }
    checking->has_manifest = true;
    for (uint32_t c = 0; c < checking->manifest.checkpoint_count; c++) {
        const struct manifest_checkpoint *checkpoint = &checking->manifest.checkpoints[c];

        for (uint32_t i = 0; i < checkpoint->file_count; i++) {
            report->bytes_all += checkpoint->files[i].bytes;
        }
    }
    return 0;
}

/* The log. */

static void
log_found(void *context, const char *what)
{
    found(context, what);
}

static void
log_noted(void *context, const char *what)
{
    struct checking *checking = context;

    checking->checker->noted(checking->checker->context, what);
}

static void
log_read(void *context, uint64_t bytes)
{
    struct checking *checking = context;

    checking->checker->read(checking->checker->context, bytes);
}

static int
check_log(struct checking *checking)
{
    struct checker_report *report = checking->report;
    const struct recovery_watch watch = {
        .found = log_found, .noted = log_noted, .read = log_read, .context = checking};
    struct recovery_report recovered;
    int r = recovery_verify(checking->disk, &checking->manifest, &watch, &recovered);

    report->blocks = recovered.blocks;
    report->bytes = recovered.bytes;
    memcpy(report->reason, recovered.reason, sizeof(report->reason));
    if (r == -EUCLEAN) {
        return CHECKER_DAMAGED;
    }
    return r != 0 ? fault_up(r) : 0;
}

/* Checkpoints. */

/* `has_pages`: those that it describes are to be read too. */
static int
check_state_file(struct checking *checking, const struct manifest_checkpoint *checkpoint, uint32_t index,
                 bool has_pages)
{
    struct checker_report *report = checking->report;
    const struct manifest_file *file = &checkpoint->files[index];
    int r = state_file_verify(checking->disk, file, checking->manifest.store_id, checkpoint->number,
                              report->reason);

    checking->checker->read(checking->checker->context, file->bytes);
    if (r == 0 && has_pages) {
        r = checking->checker->stores(checking->disk, &checking->manifest, checkpoint, index, report->reason);
    }
    if (r == -EUCLEAN) {
        found(checking, report->reason);
        return CHECKER_DAMAGED;
    }
    if (r != 0 && report->reason[0] == '\0') {
        snprintf(report->reason, sizeof(report->reason), "%s cannot be read", file->name);
    }
    return fault_up(r);
}

/* The newest first: where it is damaged, pages that both have would be named twice. */
static int
check_checkpoints(struct checking *checking)
{
    int answer = 0;

    for (uint32_t i = 0; i < MANIFEST_FILE_COUNT_MAX; i++) {
        bool has_pages = checking->checker->stores != NULL;
        bool has_more = false;

        for (uint32_t c = checking->manifest.checkpoint_count; c > 0; c--) {
            const struct manifest_checkpoint *checkpoint = &checking->manifest.checkpoints[c - 1];

            if (i >= checkpoint->file_count) {
                continue;
            }
            int r = check_state_file(checking, checkpoint, i, has_pages);

            if (r < 0) {
                return fault_up(r);
            }
            has_more = true;
            has_pages = has_pages && r == 0;
            answer = r != 0 ? r : answer;
        }
        if (!has_more) {
            break;
        }
    }
    return answer;
}

/* The whole. */

static const struct kind {
    int (*check)(struct checking *checking); /* 0, CHECKER_DAMAGED, CHECKER_NO_STORE, or a fault */
} kinds[] = {
    {check_manifest},
    {check_log},
    {check_checkpoints},
};

/* How much there is to read, and whether there is a log. */
static int
take_stock(struct checking *checking)
{
    struct uuid nobody = {0};
    struct segment_list list;
    int r = segment_list_read(checking->disk, &nobody, 1, 0, &list);

    if (r != 0) {
        snprintf(checking->report->reason, sizeof(checking->report->reason), "%s/ cannot be read",
                 SEGMENT_FOLDER);
        return fault_up(r);
    }
    for (uint32_t i = 0; i < list.count; i++) {
        checking->report->bytes_all += list.segments[i].bytes;
    }
    checking->has_log = list.count > 0;
    segment_list_deinit(&list);
    return 0;
}

int
checker_run(struct disk *disk, const struct checker *checker, struct checker_report *out_report)
{
    struct checking checking = {.disk = disk, .checker = checker, .report = out_report};
    int r;

    *out_report = (struct checker_report){.bytes_all = 0};
    r = take_stock(&checking);
    for (uint32_t i = 0; i < COUNT_OF(kinds) && r >= 0; i++) {
        int answer = kinds[i].check(&checking);

        r = answer != 0 ? answer : r;
        if (!checking.has_manifest) {
            break;
        }
    }
    if (checking.has_manifest) {
        manifest_deinit(&checking.manifest);
    }
    return r < 0 ? fault_up(r) : r;
}
