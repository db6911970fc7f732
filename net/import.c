/* SPDX-License-Identifier: Apache-2.0 */
#include "net/import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/random.h>
#include <unistd.h>

#include "core/hash.h"
#include "net/field.h"
#include "net/import_file.h"
#include "net/import_position.h"
#include "net/ingest_answer.h"
#include "net/produce_client.h"
#include "net/progress.h"
#include "net/stop_signal.h"

/*
 *   fill()      reads a batch behind the position, and gives it an Idempotency-Key: the file's hash, the place, and
 *               the hash of the batch. One is under way at a time.
 *   answered()  the position moves to its end; it is written down while the node has the next one
 *   refused()   413: the position stays, batches are half as large from here on; 400: no row of it was JSON
 */

#define PATH "/v1/events"
#define ROW_COUNT 1000u
#define BYTES_MAX (1u << 20)
#define BYTES_MIN (16u << 10) /* a node takes at least 64 KiB */
#define ANSWER_BYTES_BASE 8192u
#define ANSWER_BYTES_REJECT 320u
#define REJECTS_SHOWN 20u
#define KEY_BYTES 80u
#define TURN_NS (100 * NS_PER_MS)
#define PATIENCE_STOPPED_NS (2 * NS_PER_S)

static const char help[] =
    "millrace import [OPTION...] FILE...\n"
    "\n"
    "Sends files of events to a node: NDJSON, one event a line, plain or gzip. - is standard input.\n"
    "\n"
    "  --url URL          the node (http://127.0.0.1:8080)\n"
    "  --tenant TENANT    whose the events are that name no tenant\n"
    "  --key KEY          a write key, for a node that has some; --key-file keeps it out of ps\n"
    "  --key-file FILE    reads the key from there\n"
    "  --batch N          events in a request, at most (1000); who goes on keeps the old number\n"
    "  --state DIR        where positions are kept (beside each file: FILE.millrace-position)\n"
    "  --restart          forgets the position, and begins at the beginning\n"
    "  --rejects N        shows the first N rejects (20)\n"
    "  --quiet            no bar, no line now and then\n"
    "  --help             this\n"
    "\n"
    "After a crash, a kill or Ctrl-C the same command goes on where it was, and each event counts once,\n"
    "with or without an ID. A file that has changed meanwhile is refused. Standard input and pipes have no\n"
    "position. A node that is stopped, busy or full is waited for.\n"
    "\n"
    "Exit status: 0 every event was accepted, now or before; 1 some were not, or it was stopped; 2 wrong "
    "usage.\n";

struct options {
    const char *url;
    const char *tenant;
    const char *state;
    char key[KEY_BYTES];
    uint32_t row_count;
    uint64_t rejects_shown;
    bool is_restart;
    bool is_quiet;
    bool is_help;
};

struct importer {
    struct options options;
    struct produce_client *client;
    struct json_in *json;
    struct progress progress;
    uint64_t reject_count; /* of all files, here */
    char problem[IMPORT_PROBLEM_BYTES];

    /* The file that is under way. */
    const char *path;
    struct import_file *file;
    bool has_position;
    char position_path[PATH_MAX];
    struct import_position position;
    uint64_t key_hash;
    uint32_t bad_told; /* of the batch */
    bool is_dirty;     /* the position is not written down yet */
    bool is_out;       /* `batch` is on its way */
    bool is_at_end;
    bool has_failed; /* with `problem` */
    struct mono_ns began;
    uint64_t lines_began;
    struct import_batch batch;
};

/* Options. */

PRINTF_LIKE(1, 2)
static int
wrong(const char *format, ...)
{
    va_list arguments;

    fputs("millrace import: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\nmillrace import --help says more\n", stderr);
    return 2;
}

/* The first line that is neither blank nor a comment, as in a node's key files. What is in it is never said. */
static struct text
first_key(struct text text)
{
    struct text line = {.bytes = 0};

    while (text.bytes > 0 && line.bytes == 0) {
        const char *end = memchr(text.data, '\n', text.bytes);
        uint32_t bytes = end != NULL ? (uint32_t)(end - text.data) + 1 : text.bytes;

        line = field_trim((struct text){.data = text.data, .bytes = bytes});
        if (line.bytes > 0 && line.data[0] == '#') {
            line.bytes = 0;
        }
        text = (struct text){.data = text.data + bytes, .bytes = text.bytes - bytes};
    }
    return line;
}

static int
read_key_file(struct options *options, const char *path)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
    struct text key;

    if (got < 0) {
        int r = wrong("--key-file: %s: %s", path, strerror(errno));

        if (fd >= 0) {
            close(fd);
        }
        return r;
    }
    close(fd);
    key = first_key((struct text){.data = text, .bytes = (uint32_t)got});
    if (!field_is_tenant(key)) {
        return wrong("--key-file: %s: its first line is no write key", path);
    }
    snprintf(options->key, sizeof(options->key), "%.*s", (int)key.bytes, key.data);
    return 0;
}

static int
read_number(const char *name, const char *value, uint64_t min, uint64_t max, uint64_t *out_number)
{
    char *end;
    uint64_t number;

    errno = 0;
    number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number < min || number > max) {
        return wrong("%s: %s is no number from %" PRIu64 " to %" PRIu64, name, value, min, max);
    }
    *out_number = number;
    return 0;
}

/* One option that takes a value. */
static int
read_value(struct options *options, const char *name, const char *value)
{
    uint64_t number;
    int r;

    if (strcmp(name, "--url") == 0) {
        options->url = value;
    } else if (strcmp(name, "--state") == 0) {
        options->state = value;
    } else if (strcmp(name, "--tenant") == 0) {
        options->tenant = value;
        if (!field_is_tenant(text_of(value))) {
            return wrong("--tenant: %s is no tenant (1 to 64 of A-Z a-z 0-9 . _ -)", value);
        }
    } else if (strcmp(name, "--key") == 0) {
        if (!field_is_tenant(text_of(value))) {
            return wrong("--key: that is no write key (1 to 64 of A-Z a-z 0-9 . _ -)");
        }
        snprintf(options->key, sizeof(options->key), "%s", value);
    } else if (strcmp(name, "--key-file") == 0) {
        return read_key_file(options, value);
    } else if (strcmp(name, "--batch") == 0) {
        r = read_number(name, value, 1, IMPORT_ROW_COUNT_MAX, &number);
        if (r != 0) {
            return r;
        }
        options->row_count = (uint32_t)number;
    } else if (strcmp(name, "--rejects") == 0) {
        return read_number(name, value, 0, UINT64_MAX, &options->rejects_shown);
    } else {
        return wrong("what is %s?", name);
    }
    return 0;
}

static bool
read_flag(struct options *options, const char *word)
{
    if (strcmp(word, "--restart") == 0) {
        options->is_restart = true;
    } else if (strcmp(word, "--quiet") == 0) {
        options->is_quiet = true;
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        options->is_help = true;
    } else {
        return false;
    }
    return true;
}

/* Files come to the front of argv. 0, or the exit status 2. */
static int
read_options(int argc, char **argv, struct options *options, int *out_file_count)
{
    int file_count = 0;
    bool is_over = false;

    *options = (struct options){
        .url = "http://127.0.0.1:8080", .row_count = ROW_COUNT, .rejects_shown = REJECTS_SHOWN};
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        const char *value = strchr(word, '=');
        char name[32];
        int r;

        if (is_over || word[0] != '-' || strcmp(word, "-") == 0) {
            argv[file_count++] = word;
            continue;
        }
        is_over = strcmp(word, "--") == 0;
        if (is_over || read_flag(options, word)) {
            continue;
        }
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
        if (value == NULL && i + 1 >= argc) {
            return wrong("%s: it needs a value, or is unknown", name);
        }
        r = read_value(options, name, value != NULL ? value + 1 : argv[++i]);
        if (r != 0) {
            return r;
        }
    }
    if (!options->is_help && file_count == 0) {
        return wrong("which file?");
    }
    if (options->tenant != NULL && options->key[0] != '\0') {
        return wrong("--tenant: a write key belongs to its tenant already");
    }
    *out_file_count = file_count;
    return 0;
}

/* What people see. */

PRINTF_LIKE(2, 3)
static void
fail(struct importer *importer, const char *format, ...)
{
    va_list arguments;

    if (!importer->has_failed) {
        va_start(arguments, format);
        vsnprintf(importer->problem, sizeof(importer->problem), format, arguments);
        va_end(arguments);
    }
    importer->has_failed = true;
}

static void
say_reject(struct importer *importer, uint64_t line, struct text why)
{
    importer->reject_count++;
    if (importer->reject_count <= importer->options.rejects_shown) {
        progress_break(&importer->progress);
        fprintf(stderr, "%s:%" PRIu64 ": %.*s\n", importer->path, line, (int)why.bytes, why.data);
    }
}

/* Lines that were left out, up to this one, so that all are told in their order. */
static void
say_bad_lines(struct importer *importer, uint64_t line_end)
{
    const struct import_batch *batch = &importer->batch;

    while (importer->bad_told < batch->bad_count && batch->bad[importer->bad_told].line < line_end) {
        const struct import_bad_line *bad = &batch->bad[importer->bad_told++];

        say_reject(importer, bad->line, text_of(bad->why));
    }
}

/* A row of the batch. */
static void
say_row(struct importer *importer, uint64_t index, struct text why)
{
    say_bad_lines(importer, importer->batch.line[index]);
    say_reject(importer, importer->batch.line[index], why);
}

static void
say_progress(struct importer *importer)
{
    struct mono_ns now = produce_client_now();
    struct produce_client_counts counts;
    double seconds = (double)(now.ns - importer->began.ns) / 1e9;
    uint64_t lines = importer->position.place.lines - importer->lines_began;
    char number[2][PROGRESS_NUMBER_BYTES];
    char note[96] = "";
    char what[PROGRESS_TEXT_BYTES];

    if (!progress_is_due(&importer->progress, now)) {
        return;
    }
    counts = produce_client_counts(importer->client);
    if (counts.connected == 0) {
        snprintf(note, sizeof(note), "  (nobody answers)");
    } else if (counts.unanswered > counts.in_flight && counts.later > 0) {
        snprintf(note, sizeof(note), "  (the node said %u: waiting)", counts.status_later);
    }
    snprintf(what, sizeof(what), "%s  %s lines, %s/s%s", importer->path,
             progress_number(importer->position.place.lines, number[0]),
             progress_number(seconds > 0 ? (uint64_t)((double)lines / seconds) : 0, number[1]), note);
    progress_say(&importer->progress, now, import_file_part(importer->file), what);
}

static void
say_result(struct importer *importer, bool is_done)
{
    const struct import_position *position = &importer->position;
    double seconds = (double)(produce_client_now().ns - importer->began.ns) / 1e9;
    char number[4][PROGRESS_NUMBER_BYTES];

    progress_break(&importer->progress);
    fprintf(stderr, "%s: %s, %s lines: accepted %s, duplicates %s, rejected %s; %.1f s\n", importer->path,
            is_done ? "done" : "not done", progress_number(position->place.lines, number[0]),
            progress_number(position->accepted, number[1]), progress_number(position->duplicates, number[2]),
            progress_number(position->rejected, number[3]), seconds);
    if (!is_done && importer->has_position) {
        fprintf(stderr, "%s: the same command goes on behind line %" PRIu64 "\n", importer->path,
                position->place.lines);
    }
}

/* The way of a batch. */

static void
move_on(struct importer *importer)
{
    say_bad_lines(importer, UINT64_MAX);
    importer->position.place = importer->batch.end;
    importer->position.rejected += importer->batch.bad_count;
    importer->is_dirty = true;
    importer->is_out = false;
}

static void
name_batch(const struct importer *importer, const char *body, struct produce_batch *out_batch)
{
    const struct import_batch *batch = &importer->batch;

    snprintf(out_batch->idempotency_key, sizeof(out_batch->idempotency_key),
             "import-%016" PRIx64 "-%" PRIx64 "-%016" PRIx64, importer->key_hash, batch->begin.offset,
             hash64(0, (struct text){.data = body, .bytes = batch->bytes}));
}

static uint32_t
fill(void *context, char *body, struct produce_batch *out_batch)
{
    struct importer *importer = context;

    while (!importer->is_out && !importer->is_at_end && !importer->has_failed && !stop_signal_has_come()) {
        int r = import_file_next(importer->file, &importer->position.limits, body, &importer->batch,
                                 importer->problem);

        importer->bad_told = 0;

        if (r == IMPORT_FILE_BAD) {
            importer->has_failed = true;
            return 0;
        }
        if (r == IMPORT_FILE_END) {
            importer->is_at_end = true;
            return 0;
        }
        if (importer->batch.row_count > 0) {
            importer->is_out = true;
            out_batch->count = importer->batch.row_count;
            out_batch->ready_at = produce_client_now();
            name_batch(importer, body, out_batch);
            return importer->batch.bytes;
        }
        move_on(importer);
    }
    return 0;
}

static void
answered(void *context, const struct produce_batch *sent, struct text text)
{
    struct importer *importer = context;
    struct ingest_answer answer;
    struct ingest_reject reject;
    uint64_t rejected = 0;

    if (!ingest_answer_read(importer->json, text, &answer)) {
        fail(importer, "the answer is not what a node says: %.*s", (int)(text.bytes > 300 ? 300 : text.bytes),
             text.data);
        return;
    }
    while (ingest_answer_reject(&answer, &reject) && reject.index < importer->batch.row_count) {
        say_row(importer, reject.index, reject.error);
        rejected++;
    }
    if (answer.accepted + answer.duplicates + rejected != sent->count) {
        fail(importer, "the node counts otherwise: %u rows behind line %" PRIu64 ", and it said %.*s",
             sent->count, importer->batch.begin.lines, (int)(text.bytes > 300 ? 300 : text.bytes), text.data);
        return;
    }
    importer->position.accepted += answer.accepted;
    importer->position.duplicates += answer.duplicates;
    importer->position.rejected += rejected;
    move_on(importer);
}

/* Less at once from here on, if that is possible. Nothing of what was too large has been counted. */
static bool
take_less(struct importer *importer)
{
    struct import_limits *limits = &importer->position.limits;

    if (importer->batch.row_count == 1 || !importer->has_position ||
        (limits->bytes <= BYTES_MIN && limits->row_count == 1)) {
        return false;
    }
    limits->row_count = (limits->row_count + 1) / 2;
    limits->bytes = limits->bytes / 2 > BYTES_MIN ? limits->bytes / 2 : BYTES_MIN;
    /* Before anything goes out: who goes on must make the same batches. */
    if (import_position_save(importer->position_path, &importer->position, importer->problem) != 0 ||
        import_file_seek(importer->file, importer->position.place, importer->problem) != 0) {
        importer->has_failed = true;
    }
    importer->is_out = false;
    return true;
}

static bool
refused(void *context, const struct produce_batch *sent, uint32_t status, struct text text)
{
    struct importer *importer = context;
    struct text why = ingest_answer_error(importer->json, text);
    bool is_of_node = why.data != text.data;

    if (status == 413 && take_less(importer)) {
        return true;
    }
    if (!is_of_node || (status != 400 && !(status == 413 && sent->count == 1))) {
        return false;
    }
    for (uint32_t i = 0; i < importer->batch.row_count; i++) {
        say_row(importer, i, why);
    }
    importer->position.rejected += sent->count;
    move_on(importer);
    return true;
}

/* A file. */

static int
choose_position_path(struct importer *importer)
{
    const char *state = importer->options.state;
    const char *name = strrchr(importer->path, '/');
    char whole[PATH_MAX];
    int bytes;

    if (state == NULL) {
        bytes = snprintf(importer->position_path, PATH_MAX, "%s.millrace-position", importer->path);
    } else if (realpath(importer->path, whole) == NULL) {
        return -errno;
    } else {
        bytes = snprintf(importer->position_path, PATH_MAX, "%s/%s-%016" PRIx64 ".millrace-position", state,
                         name != NULL ? name + 1 : importer->path, hash64(0, text_of(whole)));
    }
    return bytes < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool
is_same(const struct import_identity *a, const struct import_identity *b)
{
    return a->bytes == b->bytes && a->inode == b->inode && a->changed_ns == b->changed_ns &&
           a->head_hash == b->head_hash;
}

/* The old position, or a new one. IMPORT_POSITION_BAD. */
static int
find_position(struct importer *importer)
{
    const struct import_identity *identity = import_file_identity(importer->file);
    struct import_position new = {
        .identity = *identity,
        .limits = {.row_count = importer->options.row_count, .bytes = BYTES_MAX},
    };
    int r = IMPORT_POSITION_NONE;

    snprintf(new.target, sizeof(new.target), "%s%s%s", importer->options.url,
             importer->options.tenant != NULL ? " tenant " : "",
             importer->options.tenant != NULL ? importer->options.tenant : "");
    importer->has_position = import_file_is_seekable(importer->file);
    if (importer->has_position && !importer->options.is_restart) {
        r = import_position_load(importer->position_path, &importer->position, importer->problem);
    }
    if (r == IMPORT_POSITION_BAD) {
        return r;
    }
    if (r == IMPORT_POSITION_NONE) {
        importer->position = new;
        return importer->has_position
                   ? import_position_save(importer->position_path, &importer->position, importer->problem)
                   : 0;
    }
    if (!is_same(&importer->position.identity, identity)) {
        fail(importer, "%s: it has changed since its import began; --restart begins again", importer->path);
        return IMPORT_POSITION_BAD;
    }
    if (strcmp(importer->position.target, new.target) != 0) {
        fail(importer, "%s: its import went to %s; --restart begins again", importer->path,
             importer->position.target);
        return IMPORT_POSITION_BAD;
    }
    return 0;
}

/* Events without an ID get theirs from the content and its place in the file, wherever the file lies. */
static uint64_t
hash_of_file(const struct importer *importer)
{
    const struct import_identity *identity = import_file_identity(importer->file);
    uint64_t dice;

    if (importer->has_position) {
        return hash_mix(identity->head_hash + identity->bytes);
    }
    return getrandom(&dice, sizeof(dice), 0) == sizeof(dice) ? dice : produce_client_now().ns;
}

static int
begin_file(struct importer *importer)
{
    int r = import_file_open(importer->path, &importer->file, importer->problem);

    if (r < 0) {
        fail(importer, "%s: %s", importer->path, strerror(-r));
    }
    if (r != 0) {
        return r;
    }
    if (import_file_is_seekable(importer->file)) {
        r = choose_position_path(importer);
        if (r != 0) {
            fail(importer, "%s: %s", importer->path, strerror(-r));
            return r;
        }
    }
    r = find_position(importer);
    if (r != 0) {
        return r;
    }
    importer->key_hash = hash_of_file(importer);
    importer->lines_began = importer->position.place.lines;
    return importer->position.place.offset > 0
               ? import_file_seek(importer->file, importer->position.place, importer->problem)
               : 0;
}

static void
write_down(struct importer *importer)
{
    if (importer->is_dirty && importer->has_position &&
        import_position_save(importer->position_path, &importer->position, importer->problem) != 0) {
        importer->has_failed = true;
    }
    importer->is_dirty = false;
}

/* Until the file is sent and answered, or something ends it. */
static void
send_file(struct importer *importer)
{
    struct mono_ns stopped = {.ns = 0};

    while (!importer->has_failed && (!importer->is_at_end || importer->is_out)) {
        struct mono_ns now = produce_client_now();
        /* What was answered is written down while the node has the next batch. */
        uint64_t patience_ns = importer->is_dirty ? 0 : TURN_NS;
        int r;

        if (stop_signal_has_come()) {
            stopped.ns = stopped.ns == 0 ? now.ns : stopped.ns;
            if (!importer->is_out || now.ns - stopped.ns > PATIENCE_STOPPED_NS) {
                break;
            }
        }
        r = produce_client_turn(importer->client, (struct mono_ns){.ns = now.ns + patience_ns});
        if (r != 0) {
            fail(importer, "%s", r < 0 ? strerror(-r) : produce_client_problem(importer->client));
        }
        if (patience_ns == 0) {
            write_down(importer);
        }
        say_progress(importer);
    }
    write_down(importer);
}

/* True when all of it was sent and answered, now or before. */
static bool
import_one(struct importer *importer, const char *path)
{
    bool is_done = false;

    importer->path = path;
    importer->file = NULL;
    importer->is_dirty = false;
    importer->is_out = false;
    importer->is_at_end = false;
    importer->has_failed = false;
    importer->problem[0] = '\0';
    importer->began = produce_client_now();
    if (begin_file(importer) != 0) {
        importer->has_failed = true;
    } else if (importer->position.is_done) {
        fprintf(stderr, "%s: was imported before; --restart sends it again\n", path);
        is_done = true;
    } else {
        progress_begin(&importer->progress, stderr, importer->options.is_quiet, importer->began,
                       import_file_part(importer->file));
        send_file(importer);
        is_done = !importer->has_failed && importer->is_at_end && !importer->is_out;
        if (is_done && importer->has_position) {
            importer->position.is_done = true;
            importer->is_dirty = true;
            write_down(importer);
        }
        is_done = is_done && !importer->has_failed;
        say_result(importer, is_done);
    }
    if (importer->has_failed) {
        fprintf(stderr, "millrace import: %s\n", importer->problem);
    }
    import_file_close(importer->file);
    return is_done;
}

static int
open_client(struct importer *importer)
{
    struct options *options = &importer->options;
    uint32_t answer_bytes = ANSWER_BYTES_BASE + IMPORT_ROW_COUNT_MAX * ANSWER_BYTES_REJECT;
    int r = json_in_create(answer_bytes, &importer->json);

    if (r != 0) {
        return fault_up(r);
    }
    return produce_client_open(
        &(struct produce_client_options){
            .url = options->url,
            .path = PATH,
            .key = options->key[0] != '\0' ? options->key : options->tenant,
            .connection_count = 1,
            .body_bytes_max = IMPORT_LINE_BYTES_MAX + 1,
            .answer_bytes_max = answer_bytes,
            .fill = fill,
            .answered = answered,
            .refused = refused,
            .context = importer,
        },
        &importer->client, importer->problem);
}

static int
import_all(struct importer *importer, char **paths, int count)
{
    bool is_good = true;
    int r = open_client(importer);

    if (r != 0) {
        fprintf(stderr, "millrace import: %s\n", r < 0 ? strerror(-r) : importer->problem);
        return r < 0 ? 1 : 2;
    }
    for (int i = 0; i < count && !stop_signal_has_come(); i++) {
        is_good &= import_one(importer, paths[i]) && importer->position.rejected == 0;
        /* What is wrong with a file is not wrong with the next; what the node refuses is. */
        if (importer->has_failed && importer->is_out) {
            break;
        }
    }
    if (importer->reject_count > importer->options.rejects_shown) {
        fprintf(stderr, "rejected: %" PRIu64 " in all, the first %" PRIu64 " are shown\n",
                importer->reject_count, importer->options.rejects_shown);
    }
    return is_good && !stop_signal_has_come() ? 0 : 1;
}

int
import_main(int argc, char **argv)
{
    static struct importer importer; /* its batch is large */
    int file_count = 0;
    int status;

    importer = (struct importer){.client = NULL};
    status = read_options(argc, argv, &importer.options, &file_count);
    if (status != 0) {
        return status;
    }
    if (importer.options.is_help) {
        fputs(help, stdout);
        return 0;
    }
    stop_signal_take(1);
    status = import_all(&importer, argv, file_count);
    produce_client_close(importer.client);
    json_in_destroy(importer.json);
    return status;
}
