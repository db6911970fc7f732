/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sim_disk.h"

#include <errno.h>
#include <stdlib.h>

#include "core/sim_file.h"
#include "core/sim_names.h"

/*
 * What becomes of the bytes of a file is told in core/sim_file.h. Names work the same: the live and the durable set of
 * (name, file), and pending changes between them, each of which a crash keeps or loses on its own. One change sets at
 * most one name and clears at most one, so a rename shows the old file or the new one and nothing between.
 *
 * Nothing is ordered by an address and nothing asks for the time: a run depends on its seed.
 */

#define BOUNDLESS_BYTES (UINT64_C(1) << 50)
#define DEATH_NEVER UINT64_MAX

struct name_change {
    char folder[DISK_NAME_BYTES_MAX]; /* whose sync makes it durable */
    char set[DISK_NAME_BYTES_MAX];    /* "" for none */
    char clear[DISK_NAME_BYTES_MAX];  /* "" for none */
    struct sim_file *file;
};

struct sim_disk {
    struct disk disk;
    struct sim_disk_options options;
    uint64_t dice;
    uint64_t operation_count;
    uint64_t death;
    bool is_dead;
    uint64_t fault_at; /* the next write or sync fails */
    bool has_failed;
    uint64_t bytes_max;      /* in all files together; UINT64_MAX: there is no limit */
    struct sim_file **files; /* all there are, by age */
    uint32_t file_count;
    struct sim_file **handles; /* by number; numbers are never used again */
    uint32_t handle_count;
    struct names live;
    struct names durable;
    struct name_change *changes;
    uint32_t change_count;
    void (*watcher)(void *context, enum sim_change change);
    void *watcher_context;
};

/* Memory: a simulator that has none has nothing to say. */

static void *
grown(void *memory, uint64_t count, uint64_t item_bytes)
{
    memory = realloc(memory, (count > 0 ? count : 1) * item_bytes);
    ASSERT(memory != NULL);
    return memory;
}

static uint64_t
dice_below(struct sim_disk *disk, uint64_t limit)
{
    return sim_dice(&disk->dice) % limit;
}

/* Once. */
static bool
is_fault_due(struct sim_disk *disk)
{
    if (disk->operation_count <= disk->fault_at) {
        return false;
    }
    disk->fault_at = DEATH_NEVER;
    disk->has_failed = true;
    return true;
}

static bool
dice_permille(struct sim_disk *disk, uint32_t permille)
{
    return permille > 0 && dice_below(disk, 1000) < permille;
}

/* Room. What lost its name takes up none. */

static uint64_t
used_bytes(const struct sim_disk *disk)
{
    uint64_t used = 0;

    for (uint32_t i = 0; i < disk->live.count; i++) {
        used += disk->live.name[i].file->live.bytes;
    }
    return used;
}

static uint64_t
room_left(const struct sim_disk *disk)
{
    uint64_t used = disk->bytes_max != UINT64_MAX ? used_bytes(disk) : 0;

    return disk->bytes_max > used ? disk->bytes_max - used : 0;
}

static bool
has_room(const struct sim_disk *disk, const struct sim_file *file, uint64_t end)
{
    return end <= file->live.bytes || end - file->live.bytes <= room_left(disk);
}

/* Files. */

static struct sim_file *
file_create(struct sim_disk *disk, bool is_folder)
{
    struct sim_file *file = sim_file_create(is_folder);

    disk->files = grown(disk->files, disk->file_count + 1, sizeof(*disk->files));
    disk->files[disk->file_count++] = file;
    return file;
}

/* Names. */

static void
check_name(const char *text)
{
    const char *slash = strchr(text, '/');

    REQUIRE(text[0] != '\0');
    REQUIRE(text[0] != '/');
    REQUIRE(text[0] != '.');
    REQUIRE(strlen(text) < DISK_NAME_BYTES_MAX);
    REQUIRE(slash == NULL || (slash[1] != '\0' && strchr(slash + 1, '/') == NULL));
}

static bool
has_folder(const struct names *names, const char *text)
{
    char folder[DISK_NAME_BYTES_MAX];

    name_folder(text, folder);
    if (folder[0] == '\0') {
        return true;
    }
    struct sim_file *file = names_file(names, folder);
    return file != NULL && file->is_folder;
}

static void
apply_change(struct names *names, const struct name_change *change)
{
    if (change->clear[0] != '\0') {
        names_clear(names, change->clear);
    }
    if (change->set[0] != '\0') {
        names_set(names, change->set, change->file);
    }
}

static void
change_names(struct sim_disk *disk, const char *set, struct sim_file *file, const char *clear)
{
    disk->changes = grown(disk->changes, disk->change_count + 1, sizeof(*disk->changes));
    struct name_change *change = &disk->changes[disk->change_count++];

    *change = (struct name_change){.file = file};
    name_folder(set[0] != '\0' ? set : clear, change->folder);
    name_copy(change->set, set);
    name_copy(change->clear, clear);
    apply_change(&disk->live, change);
}

/* Files that no name, handle, pending change or operation knows any more go away. */
static void
sweep(struct sim_disk *disk)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < disk->file_count; i++) {
        disk->files[i]->is_marked = disk->files[i]->held_count > 0;
    }
    for (uint32_t i = 0; i < disk->handle_count; i++) {
        if (disk->handles[i] != NULL) {
            disk->handles[i]->is_marked = true;
        }
    }
    for (uint32_t i = 0; i < disk->live.count; i++) {
        disk->live.name[i].file->is_marked = true;
    }
    for (uint32_t i = 0; i < disk->durable.count; i++) {
        disk->durable.name[i].file->is_marked = true;
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (disk->changes[i].file != NULL) {
            disk->changes[i].file->is_marked = true;
        }
    }
    for (uint32_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i]->is_marked) {
            disk->files[kept_count++] = disk->files[i];
        } else {
            sim_file_destroy(disk->files[i]);
        }
    }
    disk->file_count = kept_count;
}

/* The disk as the node sees it. */

static void
tell_watcher(struct sim_disk *disk, enum sim_change change)
{
    if (disk->watcher != NULL && !disk->is_dead) {
        disk->watcher(disk->watcher_context, change);
    }
}

bool
sim_disk_begin(struct sim_disk *disk)
{
    tell_watcher(disk, SIM_CHANGE_BEGINS);
    if (!disk->is_dead && disk->operation_count >= disk->death) {
        disk->is_dead = true;
    }
    if (disk->is_dead) {
        return false;
    }
    disk->operation_count++;
    return true;
}

static struct sim_disk *
sim_of(struct disk *disk)
{
    return CONTAINER_OF(disk, struct sim_disk, disk);
}

static struct sim_file *
file_at(struct sim_disk *disk, struct disk_file file)
{
    REQUIRE(file.n >= 0);
    REQUIRE((uint32_t)file.n < disk->handle_count);
    REQUIRE(disk->handles[file.n] != NULL);
    return disk->handles[file.n];
}

struct sim_file *
sim_file_hold(struct sim_disk *disk, struct disk_file file)
{
    struct sim_file *held = file_at(disk, file);

    held->held_count++;
    return held;
}

void
sim_file_drop(struct sim_file *file)
{
    REQUIRE(file->held_count > 0);
    file->held_count--;
}

int
sim_disk_write_end(struct sim_disk *disk, struct sim_file *file, struct sim_write *write)
{
    tell_watcher(disk, SIM_CHANGE_WRITE_ENDS);
    if (!has_room(disk, file, sim_write_end(write))) {
        sim_file_write_abandon(write);
        return -ENOSPC;
    }
    if (dice_permille(disk, disk->options.write_fails_permille) || is_fault_due(disk)) {
        sim_file_write_abandon(write);
        return -EIO;
    }
    sim_file_write_end(file, write);
    return 0;
}

static int
make_folder(struct disk *interface, const char *name)
{
    struct sim_disk *disk = sim_of(interface);

    check_name(name);
    REQUIRE(strchr(name, '/') == NULL);
    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    struct sim_file *file = names_file(&disk->live, name);
    if (file != NULL) {
        return file->is_folder ? 0 : fault_new(-EEXIST);
    }
    if (room_left(disk) == 0) {
        return fault_new(-ENOSPC);
    }
    change_names(disk, name, file_create(disk, true), "");
    return 0;
}

static int
open_file(struct disk *interface, const char *name, enum disk_open how, struct disk_file *out_file)
{
    struct sim_disk *disk = sim_of(interface);
    struct sim_file *file = names_file(&disk->live, name);

    check_name(name);
    switch (how) {
    case DISK_OPEN_CREATE:
        if (!sim_disk_begin(disk)) {
            return fault_new(-EIO);
        }
        if (file != NULL) {
            return fault_new(-EEXIST);
        }
        if (!has_folder(&disk->live, name)) {
            return fault_new(-ENOENT);
        }
        if (room_left(disk) == 0) {
            return fault_new(-ENOSPC);
        }
        file = file_create(disk, false);
        change_names(disk, name, file, "");
        break;
    case DISK_OPEN_EXISTING:
        if (disk->is_dead) {
            return fault_new(-EIO);
        }
        if (file == NULL) {
            return fault_new(-ENOENT);
        }
        if (file->is_folder) {
            return fault_new(-EISDIR);
        }
        break;
    }
    disk->handles = grown(disk->handles, disk->handle_count + 1, sizeof(*disk->handles));
    *out_file = (struct disk_file){.n = (int32_t)disk->handle_count};
    disk->handles[disk->handle_count++] = file;
    return 0;
}

static void
close_file(struct disk *interface, struct disk_file file)
{
    struct sim_disk *disk = sim_of(interface);

    (void)file_at(disk, file);
    disk->handles[file.n] = NULL;
}

static int
size_of_file(struct disk *interface, struct disk_file file, uint64_t *out_bytes)
{
    struct sim_disk *disk = sim_of(interface);
    const struct sim_file *open = file_at(disk, file);

    if (disk->is_dead) {
        return fault_new(-EIO);
    }
    *out_bytes = open->live.bytes;
    return 0;
}

static int
read_file(struct disk *interface, struct disk_file file, void *buffer, uint64_t bytes, uint64_t offset)
{
    struct sim_disk *disk = sim_of(interface);
    const struct sim_file *open = file_at(disk, file);

    if (disk->is_dead || sim_file_read(open, buffer, bytes, offset) != 0) {
        return fault_new(-EIO);
    }
    return 0;
}

static int
write_file(struct disk *interface, struct disk_file file, const void *buffer, uint64_t bytes, uint64_t offset)
{
    struct sim_disk *disk = sim_of(interface);
    struct sim_file *open = file_at(disk, file);

    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    if (!has_room(disk, open, offset + bytes)) {
        return fault_new(-ENOSPC);
    }
    if (dice_permille(disk, disk->options.write_fails_permille) || is_fault_due(disk)) {
        sim_file_write_failed(open, buffer, bytes, offset);
        return fault_new(-EIO);
    }
    sim_file_write(open, buffer, bytes, offset);
    return 0;
}

/* Two operations, so that the disk can die between the zeros and their durability. */
static int
zero_fill(struct disk *interface, struct disk_file file, uint64_t bytes)
{
    struct sim_disk *disk = sim_of(interface);
    struct sim_file *open = file_at(disk, file);

    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    if (dice_permille(disk, disk->options.zero_fill_fails_permille) || !has_room(disk, open, bytes)) {
        return fault_new(-ENOSPC);
    }
    if (disk->watcher != NULL || disk->operation_count >= disk->death) {
        sim_file_write(open, NULL, bytes, 0); /* some of the zeros may be there after a crash */
    }
    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    sim_file_zero(open, bytes);
    return 0;
}

static int
sync_file(struct disk *interface, struct disk_file file)
{
    struct sim_disk *disk = sim_of(interface);
    struct sim_file *open = file_at(disk, file);

    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    if (is_fault_due(disk)) { /* what was to be synced may be on the disk or not */
        return fault_new(-EIO);
    }
    sim_file_sync(open);
    return 0;
}

static int
rename_file(struct disk *interface, const char *from, const char *to)
{
    struct sim_disk *disk = sim_of(interface);

    check_name(from);
    check_name(to);
    struct sim_file *file = names_file(&disk->live, from);
    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    if (file == NULL || !has_folder(&disk->live, to)) {
        return fault_new(-ENOENT);
    }
    REQUIRE(!file->is_folder);
    struct sim_file *replaced = names_file(&disk->live, to);
    if (replaced != NULL && replaced->is_folder) {
        return fault_new(-EISDIR);
    }
    if (replaced != file) {
        change_names(disk, to, file, from);
    }
    return 0;
}

static int
unlink_file(struct disk *interface, const char *name)
{
    struct sim_disk *disk = sim_of(interface);
    struct sim_file *file = names_file(&disk->live, name);

    check_name(name);
    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    if (file == NULL) {
        return fault_new(-ENOENT);
    }
    if (file->is_folder) {
        return fault_new(-EISDIR);
    }
    change_names(disk, "", NULL, name);
    return 0;
}

static int
sync_folder(struct disk *interface, const char *name)
{
    struct sim_disk *disk = sim_of(interface);
    struct sim_file *folder = name[0] != '\0' ? names_file(&disk->live, name) : NULL;
    uint32_t kept_count = 0;

    if (!sim_disk_begin(disk)) {
        return fault_new(-EIO);
    }
    if (name[0] != '\0' && (folder == NULL || !folder->is_folder)) {
        return fault_new(-ENOENT);
    }
    if (is_fault_due(disk)) {
        return fault_new(-EIO);
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (strcmp(disk->changes[i].folder, name) == 0) {
            apply_change(&disk->durable, &disk->changes[i]);
        } else {
            disk->changes[kept_count++] = disk->changes[i];
        }
    }
    disk->change_count = kept_count;
    sweep(disk);
    return 0;
}

static int
list_folder(struct disk *interface, const char *folder, void (*found)(void *context, const char *name),
            void *context)
{
    struct sim_disk *disk = sim_of(interface);
    struct sim_file *file = folder[0] != '\0' ? names_file(&disk->live, folder) : NULL;
    size_t skip = folder[0] != '\0' ? strlen(folder) + 1 : 0;
    char(*texts)[DISK_NAME_BYTES_MAX] = NULL;
    uint32_t count = 0;

    if (disk->is_dead) {
        return fault_new(-EIO);
    }
    if (folder[0] != '\0' && (file == NULL || !file->is_folder)) {
        return fault_new(-ENOENT);
    }
    /* A copy, as `found` may open and unlink; in an order by dice, as nobody may rely on one. */
    for (uint32_t i = 0; i < disk->live.count; i++) {
        const struct name *name = &disk->live.name[i];
        if (name->file->is_folder || !name_is_in(name->text, folder)) {
            continue;
        }
        texts = grown(texts, count + 1, sizeof(*texts));
        uint64_t at = dice_below(disk, count + 1);
        if (at < count) {
            memcpy(texts[count], texts[at], sizeof(*texts));
        }
        name_copy(texts[at], name->text + skip);
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        found(context, texts[i]);
    }
    free(texts);
    return 0;
}

static int
room(struct disk *interface, uint64_t *out_bytes)
{
    const struct sim_disk *disk = sim_of(interface);

    if (disk->is_dead) {
        return fault_new(-EIO);
    }
    *out_bytes = disk->bytes_max != UINT64_MAX ? room_left(disk) : BOUNDLESS_BYTES;
    return 0;
}

static const struct disk_ops sim_disk_ops = {
    .make_folder = make_folder,
    .open = open_file,
    .close = close_file,
    .size = size_of_file,
    .read = read_file,
    .write = write_file,
    .zero_fill = zero_fill,
    .sync = sync_file,
    .rename = rename_file,
    .unlink = unlink_file,
    .sync_folder = sync_folder,
    .list = list_folder,
    .room = room,
};

/* The disk as the test sees it. */

struct sim_disk *
sim_disk_create(struct sim_disk_options options)
{
    struct sim_disk *disk = calloc(1, sizeof(*disk));

    ASSERT(disk != NULL);
    disk->disk = (struct disk){.ops = &sim_disk_ops, .is_direct = true};
    disk->options = options;
    disk->dice = options.seed;
    disk->death = DEATH_NEVER;
    disk->fault_at = DEATH_NEVER;
    disk->bytes_max = UINT64_MAX;
    return disk;
}

void
sim_disk_destroy(struct sim_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    for (uint32_t i = 0; i < disk->file_count; i++) {
        REQUIRE(disk->files[i]->held_count == 0); /* its envs are closed */
        sim_file_destroy(disk->files[i]);
    }
    free(disk->files);
    free(disk->handles);
    free(disk->live.name);
    free(disk->durable.name);
    free(disk->changes);
    free(disk);
}

struct disk *
sim_disk_interface(struct sim_disk *disk)
{
    return &disk->disk;
}

/* Another disk with the same names, of its own copies of the files. */
static void
copy_names(struct names *to, const struct names *from, struct sim_file **files)
{
    for (uint32_t i = 0; i < from->count; i++) {
        names_set(to, from->name[i].text, files[from->name[i].file->index]);
    }
}

struct sim_disk *
sim_disk_copy(const struct sim_disk *disk, uint64_t seed)
{
    struct sim_disk *copy = sim_disk_create((struct sim_disk_options){.seed = seed});

    copy->files = grown(NULL, disk->file_count, sizeof(struct sim_file *));
    for (uint32_t i = 0; i < disk->file_count; i++) {
        disk->files[i]->index = i;
        copy->files[i] = sim_file_copy(disk->files[i]);
    }
    copy->file_count = disk->file_count;
    copy_names(&copy->live, &disk->live, copy->files);
    copy_names(&copy->durable, &disk->durable, copy->files);
    copy->changes = grown(NULL, disk->change_count, sizeof(*copy->changes));
    copy->change_count = disk->change_count;
    for (uint32_t i = 0; i < disk->change_count; i++) {
        copy->changes[i] = disk->changes[i];
        if (disk->changes[i].file != NULL) {
            copy->changes[i].file = copy->files[disk->changes[i].file->index];
        }
    }
    return copy;
}

static bool
is_change_kept(struct sim_disk *disk, enum sim_crash how)
{
    switch (how) {
    case SIM_CRASH_ALL_WRITTEN:
    case SIM_CRASH_LAST_TORN:
        return true;
    case SIM_CRASH_UNSYNCED_LOST:
        return false;
    case SIM_CRASH_BY_DICE:
    case SIM_CRASH_SUBSET:
        break;
    }
    return dice_below(disk, 2) == 0;
}

static void
crash_names(struct sim_disk *disk, enum sim_crash how)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (is_change_kept(disk, how)) {
            apply_change(&disk->durable, &disk->changes[i]);
        }
    }
    disk->change_count = 0;

    /* What is in a folder that is lost is lost. */
    for (uint32_t i = 0; i < disk->durable.count; i++) {
        if (has_folder(&disk->durable, disk->durable.name[i].text)) {
            disk->durable.name[kept_count++] = disk->durable.name[i];
        }
    }
    disk->durable.count = kept_count;

    disk->live.count = 0;
    for (uint32_t i = 0; i < disk->durable.count; i++) {
        names_set(&disk->live, disk->durable.name[i].text, disk->durable.name[i].file);
    }
}

/* Nobody has a file open any more. */
static void
end_process(struct sim_disk *disk)
{
    if (disk->handle_count > 0) {
        memset(disk->handles, 0, disk->handle_count * sizeof(*disk->handles));
    }
    sweep(disk);
    disk->is_dead = false;
    disk->death = DEATH_NEVER;
    sim_disk_fail_at(disk, DEATH_NEVER);
}

void
sim_disk_crash_as(struct sim_disk *disk, enum sim_crash how)
{
    for (uint32_t i = 0; i < disk->file_count; i++) {
        sim_file_crash(disk->files[i], how, &disk->dice);
    }
    crash_names(disk, how);
    end_process(disk);
}

void
sim_disk_crash(struct sim_disk *disk)
{
    sim_disk_crash_as(disk, SIM_CRASH_BY_DICE);
}

void
sim_disk_kill(struct sim_disk *disk)
{
    for (uint32_t i = 0; i < disk->file_count; i++) {
        sim_file_kill(disk->files[i], &disk->dice);
    }
    end_process(disk);
}

void
sim_disk_watch(struct sim_disk *disk, void (*watcher)(void *context, enum sim_change change), void *context)
{
    disk->watcher = watcher;
    disk->watcher_context = context;
}

uint64_t
sim_disk_operation_count(const struct sim_disk *disk)
{
    return disk->operation_count;
}

void
sim_disk_die_at(struct sim_disk *disk, uint64_t at)
{
    disk->death = at;
}

void
sim_disk_fail_at(struct sim_disk *disk, uint64_t at)
{
    disk->fault_at = at;
    disk->has_failed = false;
}

bool
sim_disk_has_failed(const struct sim_disk *disk)
{
    return disk->has_failed;
}

void
sim_disk_limit(struct sim_disk *disk, uint64_t more_bytes)
{
    disk->bytes_max = more_bytes != UINT64_MAX ? used_bytes(disk) + more_bytes : UINT64_MAX;
}

void
sim_disk_fill(struct sim_disk *disk, bool is_full)
{
    sim_disk_limit(disk, is_full ? 0 : UINT64_MAX);
}

bool
sim_disk_is_dead(const struct sim_disk *disk)
{
    return disk->is_dead;
}

static void
flip(struct content *content, uint64_t offset, uint32_t bit)
{
    uint8_t byte;

    content_read(content, &byte, 1, offset);
    byte ^= (uint8_t)(1u << bit % 8);
    content_write(content, &byte, 1, offset);
}

bool
sim_disk_flip(struct sim_disk *disk, const char *name, uint64_t offset, uint32_t bit)
{
    struct sim_file *file = names_file(&disk->live, name);

    if (file == NULL || file->is_folder || offset >= file->durable.bytes) {
        return false;
    }
    flip(&file->durable, offset, bit);
    if (offset < file->live.bytes) {
        flip(&file->live, offset, bit);
    }
    return true;
}

bool
sim_disk_is_settled(const struct sim_disk *disk)
{
    for (uint32_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i]->pending_count > 0) {
            return false;
        }
    }
    return disk->change_count == 0;
}

static int
snapshot(const struct sim_file *file, uint64_t count, uint8_t **out_bytes)
{
    uint8_t *bytes = grown(NULL, count, 1);

    content_read(&file->live, bytes, count, 0);
    *out_bytes = bytes;
    return 0;
}

int
sim_disk_snapshot(struct sim_disk *disk, const char *name, uint8_t **out_bytes, uint64_t *out_count)
{
    struct sim_file *file = names_file(&disk->live, name);

    if (file == NULL || file->is_folder) {
        return -ENOENT;
    }
    *out_count = file->live.bytes;
    return snapshot(file, file->live.bytes, out_bytes);
}

int
sim_disk_snapshot_used(struct sim_disk *disk, const char *name, uint8_t **out_bytes, uint64_t *out_count)
{
    struct sim_file *file = names_file(&disk->live, name);

    if (file == NULL || file->is_folder) {
        return -ENOENT;
    }
    *out_count = content_used_bytes(&file->live);
    return snapshot(file, *out_count, out_bytes);
}
