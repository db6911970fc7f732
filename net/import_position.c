/* SPDX-License-Identifier: Apache-2.0 */
#include "net/import_position.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include <unistd.h>

#include "core/hash.h"

#define TEXT_BYTES 2048u
#define NEW ".new"

/* One format for both directions; a blank line ends it, and a checksum follows. */
#define FORMAT(u64, i64, u32, target) \
    "millrace import position 1\n" \
    "file_bytes %" u64 "\nfile_inode %" u64 "\nfile_changed_ns %" i64 "\nfile_head_hash %" u64 "\n" \
    "to %" target "\n" \
    "batch_rows %" u32 "\nbatch_bytes %" u32 "\n" \
    "offset %" u64 "\nlines %" u64 "\n" \
    "accepted %" u64 "\nduplicates %" u64 "\nrejected %" u64 "\n" \
    "done %" u32 "\n"

static int
say(char *problem, const char *path, const char *what)
{
    snprintf(problem, IMPORT_PROBLEM_BYTES, "%s: %s", path, what);
    return IMPORT_POSITION_BAD;
}

static bool
parse(char *text, struct import_position *position)
{
    const char *sum = strstr(text, "checksum ");
    uint32_t checksum;
    uint32_t is_done;

    if (sum == NULL || sscanf(sum, "checksum %8" SCNx32, &checksum) != 1 ||
        checksum != checksum32(text, (uint64_t)(sum - text))) {
        return false;
    }
    if (sscanf(text, FORMAT(SCNu64, SCNd64, SCNu32, "511[^\n]"), &position->identity.bytes,
               &position->identity.inode, &position->identity.changed_ns, &position->identity.head_hash,
               position->target, &position->limits.row_count, &position->limits.bytes,
               &position->place.offset, &position->place.lines, &position->accepted, &position->duplicates,
               &position->rejected, &is_done) != 13) {
        return false;
    }
    position->is_done = is_done == 1;
    return position->limits.row_count > 0 && position->limits.row_count <= IMPORT_ROW_COUNT_MAX &&
           position->limits.bytes <= IMPORT_LINE_BYTES_MAX;
}

int
import_position_load(const char *path, struct import_position *out_position, char *problem)
{
    struct import_position position;
    char text[TEXT_BYTES];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT ? IMPORT_POSITION_NONE : say(problem, path, strerror(errno));
    }
    got = read(fd, text, sizeof(text) - 1);
    if (got < 0) {
        int code = errno;

        close(fd);
        return say(problem, path, strerror(code));
    }
    close(fd);
    text[got] = '\0';
    if (!parse(text, &position)) {
        return say(problem, path, "not a position that this program has written");
    }
    *out_position = position;
    return 0;
}

/* A new name is durable with its directory. */
static int
sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;
    int r;

    if (slash == NULL) {
        snprintf(directory, sizeof(directory), ".");
    } else {
        snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path + 1), path);
    }
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    r = fsync(fd) != 0 ? -errno : 0;
    close(fd);
    return r;
}

static int
write_whole(const char *path, const char *text, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ssize_t put;
    int r = 0;

    if (fd < 0) {
        return -errno;
    }
    put = write(fd, text, bytes);
    if (put != (ssize_t)bytes) {
        r = put < 0 ? -errno : -ENOSPC;
    } else if (fdatasync(fd) != 0) {
        r = -errno;
    }
    close(fd);
    return r;
}

int
import_position_save(const char *path, const struct import_position *position, char *problem)
{
    char text[TEXT_BYTES];
    char new_path[PATH_MAX];
    bool is_first = access(path, F_OK) != 0;
    int bytes =
        snprintf(text, sizeof(text), FORMAT(PRIu64, PRId64, PRIu32, "s"), position->identity.bytes,
                 position->identity.inode, position->identity.changed_ns, position->identity.head_hash,
                 position->target, position->limits.row_count, position->limits.bytes, position->place.offset,
                 position->place.lines, position->accepted, position->duplicates, position->rejected,
                 (uint32_t)position->is_done);
    int r;

    ASSERT(bytes > 0 && (size_t)bytes + 32 < sizeof(text));
    bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "checksum %08" PRIx32 "\n",
                      checksum32(text, (uint64_t)bytes));
    if (snprintf(new_path, sizeof(new_path), "%s" NEW, path) >= (int)sizeof(new_path)) {
        return say(problem, path, strerror(ENAMETOOLONG));
    }
    r = write_whole(new_path, text, (size_t)bytes);
    if (r == 0 && rename(new_path, path) != 0) {
        r = -errno;
    }
    if (r == 0 && is_first) {
        r = sync_directory(path);
    }
    return r == 0 ? 0 : say(problem, path, strerror(-r));
}
