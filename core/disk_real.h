/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * disk_real - the real disk, as the real envs need it
 *
 * disk_real_open() and its kin are in core/env.h. A file has two descriptors where O_DIRECT works: a
 * buffered one for the blocking half and a direct one for env_read and env_write. The kernel keeps them
 * coherent, as long as no two operations on the same bytes overlap in time: a direct write throws away
 * the cached pages it covers, a direct read writes dirty ones back first.
 *
 * Threads  Any.
 * Limits   DISK_FILE_COUNT_MAX open files: -EMFILE.
 */

#include "core/env.h"

#define DISK_FILE_COUNT_MAX 4096u

/* Any thread. The descriptor for asynchronous operations, lent until the file is closed. */
int disk_real_descriptor(struct disk *disk, struct disk_file file);
