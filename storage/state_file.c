/* SPDX-License-Identifier: Apache-2.0 */

/*
 * On disk: a head, then sections one behind the other, the last of them empty in meaning (SECTION_END). Each write is a
 * whole number of sectors, filled up by a section that means nothing (SECTION_FILL); the end fills its own. So a
 * reader walks from section to section and needs to know nothing of writes.
 */

#include "storage/state_file.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"
#include "core/here.h"

#define STATE_MAGIC UINT32_C(0x5453524d)
#define SECTION_MAGIC UINT32_C(0x4345534d)
#define SECTION_END 0u
#define SECTION_FILL UINT16_MAX
#define BUFFER_COUNT 2u
#define WINDOW_BYTES (2u * STATE_BUFFER_BYTES)

/* The same in every version. */
struct head {
    uint32_t magic;
    uint16_t version;
    uint16_t reserved;
    struct uuid store_id;
    uint64_t checkpoint;
    uint32_t reserved_too;
    uint32_t checksum; /* of this, the field zero */
};

struct section_head {
    uint32_t magic;
    uint16_t type;
    uint16_t version;
    uint32_t count;
    uint32_t bytes;    /* of the items */
    uint32_t sequence; /* in the file: 0, 1, 2 ... */
    uint32_t checksum; /* of this, the field zero, and the items */
};

static_assert(sizeof(struct head) == 40 && sizeof(struct section_head) == 24, "on disk");
static_assert(STATE_ITEM_BYTES_MAX + sizeof(struct head) + 2 * sizeof(struct section_head) <=
                  STATE_BUFFER_BYTES,
              "an item fits into an empty buffer, with what fills it up");

static uint32_t
head_checksum(struct head head)
{
    head.checksum = 0;
    return checksum32(&head, sizeof(head));
}

static uint32_t
section_checksum(const struct section_head *section)
{
    struct section_head head = *section;

    head.checksum = 0;
    return checksum32_more(checksum32(&head, sizeof(head)), section + 1, section->bytes);
}

/* ---- Writing. ---- */

struct buffer {
    struct env_op op;
    struct state_writer *writer;
    uint8_t *bytes;
    uint32_t used;
    bool is_writing;
};

struct state_writer {
    struct env *env;
    struct disk *disk; /* outlives the env */
    struct buffer buffers[BUFFER_COUNT];
    uint32_t now; /* the buffer that is filled */
    struct env_op open_op;
    struct disk_file file;
    char name[STATE_NAME_BYTES];
    struct uuid store_id;
    uint64_t checkpoint;
    bool is_begun;
    bool is_opening;
    bool is_ended;
    int fault;
    uint64_t offset; /* in the file, of the next buffer */
    uint32_t checksum;
    uint32_t sequence;
    struct section_head *open; /* in the buffer; NULL: none */
};

int
state_writer_create(struct env *env, struct state_writer **out_writer)
{
    struct state_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL) {
        return fault_new(-ENOMEM);
    }
    writer->env = env;
    writer->disk = env->disk;
    writer->file = DISK_FILE_NONE;
    for (uint32_t i = 0; i < BUFFER_COUNT; i++) {
        writer->buffers[i].writer = writer;
        writer->buffers[i].bytes = aligned_alloc(DISK_SECTOR_BYTES, STATE_BUFFER_BYTES);
        if (writer->buffers[i].bytes == NULL) {
            state_writer_destroy(writer);
            return fault_new(-ENOMEM);
        }
    }
    *out_writer = writer;
    return 0;
}

void
state_writer_destroy(struct state_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->file.n >= 0) {
        writer->disk->ops->close(writer->disk, writer->file);
    }
    for (uint32_t i = 0; i < BUFFER_COUNT; i++) {
        free(writer->buffers[i].bytes);
    }
    free(writer);
}

/* Side. */
static int
open_run(void *context)
{
    struct state_writer *writer = context;

    return writer->disk->ops->open(writer->disk, writer->name, DISK_OPEN_CREATE, &writer->file);
}

static void
open_done(struct env_op *op, int result)
{
    struct state_writer *writer = CONTAINER_OF(op, struct state_writer, open_op);

    writer->is_opening = false;
    if (result != 0) {
        writer->fault = fault_new(result);
        writer->file = DISK_FILE_NONE;
    }
}

void
state_writer_begin(struct state_writer *writer, const char *name, struct uuid store_id, uint64_t checkpoint)
{
    struct head *head = (struct head *)(void *)writer->buffers[0].bytes;

    REQUIRE(!writer->is_begun);
    REQUIRE(strlen(name) < sizeof(writer->name));
    snprintf(writer->name, sizeof(writer->name), "%s", name);
    writer->store_id = store_id;
    writer->checkpoint = checkpoint;
    writer->is_begun = true;
    writer->is_opening = true;
    writer->is_ended = false;
    writer->fault = 0;
    writer->offset = 0;
    writer->checksum = 0;
    writer->sequence = 0;
    writer->open = NULL;
    writer->now = 0;
    *head = (struct head){
        .magic = STATE_MAGIC,
        .version = STATE_FORMAT_VERSION,
        .store_id = store_id,
        .checkpoint = checkpoint,
    };
    head->checksum = head_checksum(*head);
    writer->buffers[0].used = sizeof(*head);
    writer->open_op = (struct env_op){.done = open_done};
    env_side(writer->env, &writer->open_op, open_run, writer);
}

static void
write_done(struct env_op *op, int result)
{
    struct buffer *buffer = CONTAINER_OF(op, struct buffer, op);

    buffer->is_writing = false;
    buffer->used = 0;
    if (result != 0 && buffer->writer->fault == 0) {
        buffer->writer->fault = fault_new(result);
    }
}

static struct section_head *
begin_section(struct state_writer *writer, struct buffer *buffer, uint16_t type, uint16_t version)
{
    struct section_head *section = (struct section_head *)(void *)(buffer->bytes + buffer->used);

    *section = (struct section_head){
        .magic = SECTION_MAGIC, .type = type, .version = version, .sequence = writer->sequence++};
    buffer->used += (uint32_t)sizeof(*section);
    return section;
}

static void
close_section(struct state_writer *writer)
{
    if (writer->open != NULL) {
        writer->open->checksum = section_checksum(writer->open);
        writer->open = NULL;
    }
}

/* A last section takes up what is left of the last sector. */
static void
fill_up(struct state_writer *writer, struct buffer *buffer, uint16_t type)
{
    struct section_head *section;
    uint32_t end = (uint32_t)align_up(buffer->used + sizeof(*section), DISK_SECTOR_BYTES);

    ASSERT(end <= STATE_BUFFER_BYTES);
    section = begin_section(writer, buffer, type, 0);
    section->bytes = end - buffer->used;
    memset(section + 1, 0, section->bytes);
    section->checksum = section_checksum(section);
    buffer->used = end;
}

/* The buffer is full, or the last. */
static void
submit(struct state_writer *writer, uint16_t filler)
{
    struct buffer *buffer = &writer->buffers[writer->now];

    close_section(writer);
    fill_up(writer, buffer, filler);
    writer->checksum = checksum32_more(writer->checksum, buffer->bytes, buffer->used);
    buffer->is_writing = true;
    buffer->op = (struct env_op){.done = write_done};
    env_write(writer->env, &buffer->op, writer->file, buffer->bytes, buffer->used, writer->offset);
    writer->offset += buffer->used;
    writer->now = (writer->now + 1) % BUFFER_COUNT;
}

void *
state_writer_add(struct state_writer *writer, uint16_t type, uint16_t version, uint32_t bytes)
{
    const uint32_t heads =
        2 * (uint32_t)sizeof(struct section_head); /* of a new section, and of what fills up */
    struct buffer *buffer = &writer->buffers[writer->now];
    void *item;

    REQUIRE(writer->is_begun && !writer->is_ended);
    REQUIRE(type != SECTION_END && type != SECTION_FILL);
    REQUIRE(bytes % 8 == 0 && bytes <= STATE_ITEM_BYTES_MAX);
    if (writer->fault != 0 || writer->is_opening || buffer->is_writing) {
        return NULL;
    }
    if (buffer->used + heads + bytes > STATE_BUFFER_BYTES) {
        submit(writer, SECTION_FILL);
        buffer = &writer->buffers[writer->now];
        if (buffer->is_writing) {
            return NULL;
        }
    }
    if (writer->open == NULL || writer->open->type != type || writer->open->version != version) {
        close_section(writer);
        writer->open = begin_section(writer, buffer, type, version);
    }
    item = buffer->bytes + buffer->used;
    buffer->used += bytes;
    writer->open->bytes += bytes;
    writer->open->count++;
    return item;
}

static bool
is_under_way(const struct state_writer *writer)
{
    return writer->is_opening || writer->buffers[0].is_writing || writer->buffers[1].is_writing;
}

void
state_writer_end(struct state_writer *writer)
{
    REQUIRE(writer->is_begun && !writer->is_ended);
    REQUIRE(!writer->is_opening);
    REQUIRE(!writer->buffers[writer->now].is_writing);
    writer->is_ended = true;
    if (writer->fault == 0) {
        submit(writer, SECTION_END);
    }
}

bool
state_writer_may_end(const struct state_writer *writer)
{
    return writer->fault == 0 && !writer->is_opening && !writer->buffers[writer->now].is_writing;
}

int
state_writer_result(const struct state_writer *writer, struct manifest_file *out_file)
{
    if (writer->fault != 0) {
        return writer->fault;
    }
    if (!writer->is_ended || is_under_way(writer)) {
        return STATE_LATER;
    }
    *out_file = (struct manifest_file){.bytes = writer->offset, .checksum = writer->checksum};
    memcpy(out_file->name, writer->name, sizeof(out_file->name));
    return 0;
}

bool
state_writer_leave(struct state_writer *writer)
{
    if (!writer->is_begun) {
        return true;
    }
    if (is_under_way(writer)) {
        return false;
    }
    if (writer->file.n >= 0) {
        writer->disk->ops->close(writer->disk, writer->file);
        writer->file = DISK_FILE_NONE;
    }
    writer->is_begun = false;
    writer->open = NULL;
    return true;
}

/* ---- Reading. ---- */

struct state_reader {
    struct disk *disk;
    struct disk_file file;
    struct manifest_file said;
    char *reason;
    uint8_t *window; /* [WINDOW_BYTES] */
    uint32_t from;   /* in the window: what was not looked at yet */
    uint32_t to;
    uint64_t loaded; /* bytes of the file that are or were in the window */
    uint32_t checksum;
    uint32_t sequence;
    uint64_t at; /* offset of the section that was read last */
    bool is_at_end;
};

static int
damaged(struct state_reader *reader, uint64_t offset, const char *why)
{
    snprintf(reader->reason, MANIFEST_REASON_BYTES, "%s at offset %llu: %s", reader->said.name,
             (unsigned long long)offset, why);
    return fault_new(-EUCLEAN);
}

static int
newer(struct state_reader *reader, uint64_t offset)
{
    snprintf(reader->reason, MANIFEST_REASON_BYTES,
             "%s at offset %llu was written by a newer version: use a newer program", reader->said.name,
             (unsigned long long)offset);
    return fault_new(-ENOTSUP);
}

/* As much as the window holds. */
static int
load(struct state_reader *reader)
{
    uint64_t room;
    uint64_t bytes;
    int r;

    memmove(reader->window, reader->window + reader->from, reader->to - reader->from);
    reader->to -= reader->from;
    reader->from = 0;
    room = WINDOW_BYTES - reader->to;
    bytes = reader->said.bytes - reader->loaded < room ? reader->said.bytes - reader->loaded : room;
    if (bytes == 0) {
        return 0;
    }
    r = reader->disk->ops->read(reader->disk, reader->file, reader->window + reader->to, bytes,
                                reader->loaded);
    if (r != 0) {
        return fault_new(r);
    }
    reader->checksum = checksum32_more(reader->checksum, reader->window + reader->to, bytes);
    reader->to += (uint32_t)bytes;
    reader->loaded += bytes;
    return 0;
}

/* So many bytes are in the window, if the file has them. */
static int
look_ahead(struct state_reader *reader, uint32_t bytes)
{
    if (reader->to - reader->from >= bytes) {
        return 0;
    }
    return load(reader);
}

static int
check_head(struct state_reader *reader, struct uuid store_id, uint64_t checkpoint)
{
    struct head head;
    int r = look_ahead(reader, sizeof(head));

    if (r != 0) {
        return fault_up(r);
    }
    if (reader->to - reader->from < sizeof(head)) {
        return damaged(reader, 0, "it is too short");
    }
    memcpy(&head, reader->window, sizeof(head));
    if (head.magic != STATE_MAGIC || head.checksum != head_checksum(head)) {
        return damaged(reader, 0, "its first bytes are bad");
    }
    if (head.version != STATE_FORMAT_VERSION) {
        return newer(reader, 0);
    }
    if (!uuid_equal(head.store_id, store_id) || head.checkpoint != checkpoint) {
        return damaged(reader, 0, "it belongs to another store or checkpoint");
    }
    reader->from += (uint32_t)sizeof(head);
    return 0;
}

static int
open_file(struct state_reader *reader)
{
    uint64_t bytes;
    int r = reader->disk->ops->open(reader->disk, reader->said.name, DISK_OPEN_EXISTING, &reader->file);

    if (r == -ENOENT) {
        reader->file = DISK_FILE_NONE;
        return damaged(reader, 0, "the file is missing");
    }
    if (r != 0) {
        reader->file = DISK_FILE_NONE;
        return fault_new(r);
    }
    r = reader->disk->ops->size(reader->disk, reader->file, &bytes);
    if (r != 0) {
        return fault_new(r);
    }
    return bytes == reader->said.bytes ? 0 : damaged(reader, bytes, "its size is wrong");
}

int
state_reader_open(struct disk *disk, const struct manifest_file *file, struct uuid store_id,
                  uint64_t checkpoint, char *out_reason, struct state_reader **out_reader)
{
    struct state_reader *reader = calloc(1, sizeof(*reader));
    int r;

    out_reason[0] = '\0';
    if (reader == NULL) {
        return fault_new(-ENOMEM);
    }
    reader->disk = disk;
    reader->file = DISK_FILE_NONE;
    reader->said = *file;
    reader->reason = out_reason;
    reader->window = aligned_alloc(DISK_SECTOR_BYTES, WINDOW_BYTES);
    r = reader->window == NULL ? fault_new(-ENOMEM) : open_file(reader);
    if (r == 0) {
        r = check_head(reader, store_id, checkpoint);
    }
    if (r != 0) {
        state_reader_close(reader);
        return fault_up(r);
    }
    *out_reader = reader;
    return 0;
}

/* The next section of whatever type is whole and in the window. */
static int
next_whole(struct state_reader *reader, const struct section_head **out_section)
{
    const struct section_head *section;
    uint64_t offset = reader->loaded - (reader->to - reader->from);
    int r = look_ahead(reader, sizeof(*section));

    reader->at = offset;
    if (r != 0) {
        return fault_up(r);
    }
    if (reader->to - reader->from < sizeof(*section)) {
        return damaged(reader, offset, "it ends too soon");
    }
    section = (const void *)(reader->window + reader->from);
    if (section->magic != SECTION_MAGIC || section->bytes % 8 != 0 || section->bytes > STATE_BUFFER_BYTES) {
        return damaged(reader, offset, "no section begins where one should");
    }
    r = look_ahead(reader, (uint32_t)sizeof(*section) + section->bytes);
    if (r != 0) {
        return fault_up(r);
    }
    section = (const void *)(reader->window + reader->from);
    if (reader->to - reader->from < sizeof(*section) + section->bytes) {
        return damaged(reader, offset, "it ends in the middle of a section");
    }
    if (section->checksum != section_checksum(section)) {
        return damaged(reader, offset, "the checksum of a section is wrong");
    }
    if (section->sequence != reader->sequence) {
        return damaged(reader, offset, "a section is not in its place");
    }
    reader->sequence++;
    reader->from += (uint32_t)sizeof(*section) + section->bytes;
    *out_section = section;
    return 0;
}

int
state_reader_next(struct state_reader *reader, struct state_section *out_section)
{
    const struct section_head *section = NULL;
    int r;

    do {
        if (reader->is_at_end) {
            return STATE_END;
        }
        r = next_whole(reader, &section);
        if (r != 0) {
            return fault_up(r);
        }
    } while (section->type == SECTION_FILL);
    if (section->type != SECTION_END) {
        *out_section = (struct state_section){
            .type = section->type,
            .version = section->version,
            .count = section->count,
            .items = (const uint8_t *)(section + 1),
            .bytes = section->bytes,
            .offset = reader->at,
        };
        return 0;
    }
    if (reader->from != reader->to || reader->loaded != reader->said.bytes) {
        return damaged(reader, reader->at, "there is something behind its end");
    }
    if (reader->checksum != reader->said.checksum) {
        return damaged(reader, 0, "it is not the file that the manifest names");
    }
    reader->is_at_end = true;
    return STATE_END;
}

int
state_reader_bad(struct state_reader *reader, const char *why)
{
    return damaged(reader, reader->at, why);
}

int
state_reader_newer(struct state_reader *reader)
{
    return newer(reader, reader->at);
}

void
state_reader_say(struct state_reader *reader, const char *reason)
{
    snprintf(reader->reason, MANIFEST_REASON_BYTES, "%s", reason);
}

void
state_reader_close(struct state_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->file.n >= 0) {
        reader->disk->ops->close(reader->disk, reader->file);
    }
    free(reader->window);
    free(reader);
}

int
state_file_verify(struct disk *disk, const struct manifest_file *file, struct uuid store_id,
                  uint64_t checkpoint, char *out_reason)
{
    struct state_reader *reader;
    struct state_section section;
    int r = state_reader_open(disk, file, store_id, checkpoint, out_reason, &reader);

    if (r != 0) {
        return fault_up(r);
    }
    do {
        r = state_reader_next(reader, &section);
    } while (r == 0);
    state_reader_close(reader);
    return r == STATE_END ? 0 : fault_up(r);
}
