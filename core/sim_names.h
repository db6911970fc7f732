/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sim_names - which name is which file on a simulated disk
 *
 * A list in the order in which the names were set, so that a run depends on its seed only. Linear: a simulated
 * disk has some dozens of names.
 *
 * Threads  One.
 * Memory   From malloc: this is test machinery. Zeroed is empty; free(names->name) ends it. Files are borrowed.
 * Limits   A name has fewer than DISK_NAME_BYTES_MAX bytes.
 */

#include "core/env.h"

struct sim_file;

struct name {
    char text[DISK_NAME_BYTES_MAX];
    struct sim_file *file;
};

struct names {
    struct name *name;
    uint32_t count;
};

/* NULL: there is no such name. */
struct sim_file *names_file(const struct names *names, const char *text);
/* Makes the name, or gives it another file. */
void names_set(struct names *names, const char *text, struct sim_file *file);
/* One that is not there is nothing to do. */
void names_clear(struct names *names, const char *text);

void name_copy(char to[DISK_NAME_BYTES_MAX], const char *text);
/* "log/1.seg" is in "log"; "manifest" and "log" are in "". */
void name_folder(const char *text, char out_folder[DISK_NAME_BYTES_MAX]);
bool name_is_in(const char *text, const char *folder);
