/* SPDX-License-Identifier: Apache-2.0 */
#include "net/import_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "core/hash.h"

#define HEAD_BYTES (64u << 10)
#define BUFFER_BYTES (2 * IMPORT_LINE_BYTES_MAX)
#define INPUT_BYTES (256u << 10) /* that zlib reads at once */

struct import_file {
    gzFile input;
    bool is_seekable;
    bool is_at_end; /* of the input; what is in the buffer is left */
    const char *path;
    struct import_identity identity;
    struct import_place place; /* of what is at `begin` */
    uint32_t begin;            /* in the buffer: what was read and not given yet */
    uint32_t end;
    char buffer[BUFFER_BYTES];
};

static int
say(char *problem, const char *path, const char *what)
{
    snprintf(problem, IMPORT_PROBLEM_BYTES, "%s: %s", path, what);
    return IMPORT_FILE_BAD;
}

/* A plain file says which one it is, and is kept from others. */
static int
look_at(struct import_file *file, int fd, char *problem)
{
    static char head[HEAD_BYTES];
    struct stat status;
    ssize_t got;

    if (fstat(fd, &status) != 0) {
        return say(problem, file->path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return say(problem, file->path, strerror(EISDIR));
    }
    if (!S_ISREG(status.st_mode) || fd == STDIN_FILENO) {
        return 0;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return say(problem, file->path, "somebody else is importing it");
    }
    got = pread(fd, head, sizeof(head), 0);
    if (got < 0) {
        return say(problem, file->path, strerror(errno));
    }
    file->is_seekable = true;
    file->identity = (struct import_identity){
        .bytes = (uint64_t)status.st_size,
        .inode = (uint64_t)status.st_ino,
        .changed_ns = (int64_t)status.st_mtim.tv_sec * (int64_t)NS_PER_S + status.st_mtim.tv_nsec,
        .head_hash = hash64(0, (struct text){.data = head, .bytes = (uint32_t)got}),
    };
    return 0;
}

int
import_file_open(const char *path, struct import_file **out_file, char *problem)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct import_file *file = malloc(sizeof(*file));
    int fd;
    int r;

    if (file == NULL) {
        return fault_new(-ENOMEM);
    }
    memset(file, 0, offsetof(struct import_file, buffer));
    file->path = is_stdin ? "standard input" : path;
    fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        r = say(problem, path, strerror(errno));
        goto fail;
    }
    r = look_at(file, fd, problem);
    if (r != 0) {
        goto fail;
    }
    file->input = gzdopen(fd, "rb"); /* takes what is no gzip as it is */
    if (file->input == NULL) {
        r = fault_new(-ENOMEM);
        goto fail;
    }
    gzbuffer(file->input, INPUT_BYTES);
    *out_file = file;
    return 0;

fail:
    if (fd > STDIN_FILENO) {
        close(fd);
    }
    import_file_close(file);
    return r < 0 ? fault_up(r) : r;
}

void
import_file_close(struct import_file *file)
{
    if (file != NULL) {
        if (file->input != NULL) {
            gzclose(file->input);
        }
        free(file);
    }
}

bool
import_file_is_seekable(const struct import_file *file)
{
    return file->is_seekable;
}

const struct import_identity *
import_file_identity(const struct import_file *file)
{
    return &file->identity;
}

static int
say_input(struct import_file *file, char *problem)
{
    int number = Z_OK;
    const char *what = gzerror(file->input, &number);

    if (number == Z_ERRNO) {
        return say(problem, file->path, strerror(errno));
    }
    return say(problem, file->path,
               number == Z_BUF_ERROR ? "it ends in the middle of its compressed data" : what);
}

/* More into the buffer, behind what is there. */
static int
read_more(struct import_file *file, char *problem)
{
    int number = Z_OK;
    int got;

    if (file->begin > 0) {
        memmove(file->buffer, file->buffer + file->begin, file->end - file->begin);
        file->end -= file->begin;
        file->begin = 0;
    }
    got = gzread(file->input, file->buffer + file->end, BUFFER_BYTES - file->end);
    if (got < 0) {
        return say_input(file, problem);
    }
    if (got == 0) {
        gzerror(file->input, &number);
        file->is_at_end = true;
        return number == Z_OK || number == Z_STREAM_END ? 0 : say_input(file, problem);
    }
    file->end += (uint32_t)got;
    return 0;
}

int
import_file_seek(struct import_file *file, struct import_place place, char *problem)
{
    char first;

    REQUIRE(file->is_seekable);
    /* zlib jumps in a plain file, if it has found out already that it is one. */
    if (gzrewind(file->input) != 0 || gzread(file->input, &first, 1) < 0 ||
        gzseek(file->input, (z_off_t)place.offset, SEEK_SET) < 0) {
        return say_input(file, problem);
    }
    file->begin = 0;
    file->end = 0;
    file->is_at_end = false;
    file->place = place;
    return 0;
}

/* The line at the beginning of the buffer. */
struct line {
    struct text text;
    uint32_t bytes; /* with its end */
    bool is_long;   /* and its text is only the beginning of it */
};

/* IMPORT_FILE_END: there is none. */
static int
find_line(struct import_file *file, char *problem, struct line *out_line)
{
    uint32_t looked = 0;

    for (;;) {
        uint32_t there = file->end - file->begin;
        const char *begin = file->buffer + file->begin;
        const char *end = memchr(begin + looked, '\n', there - looked);
        int r;

        if (end != NULL || there > IMPORT_LINE_BYTES_MAX || file->is_at_end) {
            uint32_t bytes = end != NULL ? (uint32_t)(end - begin) : there;

            *out_line = (struct line){
                .text = {.data = begin, .bytes = bytes},
                .bytes = bytes + (end != NULL),
                .is_long = bytes > IMPORT_LINE_BYTES_MAX,
            };
            return there == 0 ? IMPORT_FILE_END : 0;
        }
        looked = there;
        r = read_more(file, problem);
        if (r != 0) {
            return r;
        }
    }
}

/* Steps over a line, which may be longer than the buffer. */
static int
pass_line(struct import_file *file, const struct line *line, char *problem)
{
    bool has_end = line->bytes > line->text.bytes;

    file->begin += line->bytes;
    file->place.offset += line->bytes;
    file->place.lines++;
    while (line->is_long && !has_end && !file->is_at_end) {
        const char *begin;
        const char *end;
        uint32_t bytes;
        int r = read_more(file, problem);

        if (r != 0) {
            return r;
        }
        begin = file->buffer + file->begin;
        end = memchr(begin, '\n', file->end - file->begin);
        bytes = end != NULL ? (uint32_t)(end - begin) + 1 : file->end - file->begin;
        has_end = end != NULL;
        file->begin += bytes;
        file->place.offset += bytes;
    }
    return 0;
}

/* What JSON allows around a value goes, and a byte order mark at the beginning of the file. */
static struct text
trim(const struct import_file *file, struct text text)
{
    if (file->place.offset == 0 && text.bytes >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text = (struct text){.data = text.data + 3, .bytes = text.bytes - 3};
    }
    while (text.bytes > 0 && strchr(" \t\r", text.data[0]) != NULL && text.data[0] != '\0') {
        text.data++;
        text.bytes--;
    }
    while (text.bytes > 0 && strchr(" \t\r", text.data[text.bytes - 1]) != NULL &&
           text.data[text.bytes - 1] != '\0') {
        text.bytes--;
    }
    return text;
}

int
import_file_next(struct import_file *file, const struct import_limits *limits, char *body,
                 struct import_batch *out_batch, char *problem)
{
    struct import_batch *batch = out_batch;

    REQUIRE(limits->row_count > 0 && limits->row_count <= IMPORT_ROW_COUNT_MAX);
    batch->begin = file->place;
    batch->row_count = 0;
    batch->bytes = 0;
    batch->bad_count = 0;
    while (batch->row_count < limits->row_count && batch->bad_count < limits->row_count) {
        struct line line;
        struct text row;
        int r = find_line(file, problem, &line);

        if (r == IMPORT_FILE_END) {
            break;
        }
        if (r != 0) {
            return r;
        }
        row = trim(file, line.text);
        if (batch->row_count > 0 && batch->bytes + row.bytes + 1 > limits->bytes && !line.is_long) {
            break;
        }
        if (line.is_long || (row.bytes > 0 && row.data[0] != '{')) {
            batch->bad[batch->bad_count++] = (struct import_bad_line){
                .line = file->place.lines + 1,
                .why = line.is_long ? "longer than 1 MiB" : "not an object",
            };
        } else if (row.bytes > 0) {
            memcpy(body + batch->bytes, row.data, row.bytes);
            batch->bytes += row.bytes;
            body[batch->bytes++] = '\n';
            batch->line[batch->row_count++] = file->place.lines + 1;
        }
        r = pass_line(file, &line, problem);
        if (r != 0) {
            return r;
        }
    }
    batch->end = file->place;
    return batch->end.offset == batch->begin.offset ? IMPORT_FILE_END : 0;
}

double
import_file_part(const struct import_file *file)
{
    if (!file->is_seekable || file->identity.bytes == 0) {
        return -1;
    }
    /* Of a plain file the place is exact; of a compressed one zlib reads ahead, and by how much does not matter. */
    return (double)(gzdirect(file->input) ? (uint64_t)file->place.offset : (uint64_t)gzoffset(file->input)) /
           (double)file->identity.bytes;
}
