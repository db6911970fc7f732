/* SPDX-License-Identifier: Apache-2.0 */
#include "core/disk_real.h"

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

static char directory[64];
static struct disk *disk;
static alignas(DISK_SECTOR_BYTES) uint8_t seen[DISK_SECTOR_BYTES];

static void
given_a_directory(void)
{
    (void)snprintf(directory, sizeof(directory), "/tmp/millrace-env-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
}

static void
given_a_disk(void)
{
    given_a_directory();
    CHECK_EQ(disk_real_open(directory, &disk), 0);
}

static int
remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat;
    (void)kind;
    (void)place;
    return remove(path);
}

static void
remove_directory(void)
{
    CHECK_EQ(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void
end_disk(void)
{
    disk_real_close(disk);
    disk = NULL;
    remove_directory();
}

static struct disk_file
must_create(const char *name, uint64_t bytes)
{
    struct disk_file file = DISK_FILE_NONE;

    CHECK_EQ(disk->ops->open(disk, name, DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(disk->ops->zero_fill(disk, file, bytes), 0);
    return file;
}

TEST(a_directory_in_use_is_refused)
{
    struct disk *other;

    given_a_disk();
    CHECK_EQ(disk_real_open(directory, &other), -EBUSY);
    disk_real_close(disk);
    CHECK_EQ(disk_real_open(directory, &disk), 0);
    end_disk();
    CHECK_EQ(disk_real_open("/nowhere/at/all", &other), -ENOENT);
    CHECK_EQ(disk_real_open("/dev/null", &other), -ENOTDIR);
    disk_real_close(NULL);
}

TEST(a_directory_is_created_once)
{
    char path[128];
    struct disk *inner;

    given_a_directory();
    (void)snprintf(path, sizeof(path), "%s/data", directory);
    CHECK_EQ(disk_real_open(path, &inner), 0);
    disk_real_close(inner);
    CHECK_EQ(disk_real_open_buffered(path, &inner), 0);
    CHECK(!inner->is_direct);
    disk_real_close(inner);
    remove_directory();
}

static void
count_name(void *context, const char *name)
{
    uint32_t *bits = context;

    CHECK_EQ(strlen(name), 1);
    CHECK(name[0] >= 'a' && name[0] <= 'd');
    *bits |= 1u << (name[0] - 'a');
}

TEST(the_disk_refuses_what_a_disk_refuses)
{
    struct disk_file file;

    given_a_disk();
    CHECK_EQ(disk->ops->open(disk, "nothing", DISK_OPEN_EXISTING, &file), -ENOENT);
    CHECK_EQ(disk->ops->open(disk, "no/folder", DISK_OPEN_CREATE, &file), -ENOENT);
    CHECK_EQ(disk->ops->unlink(disk, "nothing"), -ENOENT);
    CHECK_EQ(disk->ops->rename(disk, "nothing", "something"), -ENOENT);
    CHECK_EQ(disk->ops->sync_folder(disk, "nothing"), -ENOENT);
    CHECK_EQ(disk->ops->list(disk, "nothing", count_name, NULL), -ENOENT);
    file = must_create("a", 10);
    CHECK_EQ(disk->ops->read(disk, file, seen, 1, 10), -EIO);
    CHECK_EQ(disk->ops->read(disk, file, seen, 11, 0), -EIO);
    struct disk_file again;
    CHECK_EQ(disk->ops->open(disk, "a", DISK_OPEN_CREATE, &again), -EEXIST);
    disk->ops->close(disk, file);
    CHECK_DIES(disk->ops->close(disk, file));
    CHECK_DIES((void)disk->ops->unlink(disk, "../x"));
    CHECK_DIES((void)disk->ops->unlink(disk, "a/../x"));
    CHECK_DIES((void)disk->ops->unlink(disk, "/x"));
    end_disk();
}

/* A file system of 1 MiB that only this process sees: asking the real one for more than it has would take all
 * room for a moment, from everybody. Root only; tests/e2e fills a disk for others too. */
static bool
is_on_a_small_file_system(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", directory, "tmpfs", 0, "size=1m") == 0;
}

/* The step that went wrong, or 0. In a child, where CHECK cannot fail the test. */
static int
grow_past_the_room(void)
{
    struct disk_file file;
    uint64_t bytes = 0;

    if (disk_real_open_buffered(directory, &disk) != 0 ||
        disk->ops->open(disk, "a", DISK_OPEN_CREATE, &file) != 0 ||
        disk->ops->zero_fill(disk, file, 10) != 0) {
        return 1;
    }
    if (disk->ops->zero_fill(disk, file, 2 << 20) != -ENOSPC) {
        return 2;
    }
    if (disk->ops->size(disk, file, &bytes) != 0 || bytes != 10) {
        return 3;
    }
    if (disk->ops->zero_fill(disk, file, 512 << 10) != 0) { /* the refused one kept nothing */
        return 4;
    }
    disk->ops->close(disk, file);
    disk_real_close(disk);
    return 0;
}

TEST(a_file_for_which_there_is_no_room_stays_as_it_was)
{
    int status = -1;

    given_a_directory();
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        _exit(is_on_a_small_file_system() ? grow_past_the_room() : 0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    remove_directory();
}

TEST(files_are_made_listed_renamed_and_removed)
{
    uint32_t bits = 0;
    uint64_t bytes;
    struct disk_file file;

    given_a_disk();
    CHECK_EQ(disk->ops->make_folder(disk, "log"), 0);
    CHECK_EQ(disk->ops->make_folder(disk, "log"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
    disk->ops->close(disk, must_create("log/a", 1));
    disk->ops->close(disk, must_create("log/b", 0));
    file = must_create("c", 3000000); /* not a multiple of anything */
    CHECK_EQ(disk->ops->size(disk, file, &bytes), 0);
    CHECK_EQ(bytes, 3000000);
    CHECK_EQ(disk->ops->write(disk, file, "hello", 5, 2999995), 0);
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    CHECK_EQ(disk->ops->rename(disk, "c", "log/d"), 0);
    CHECK_EQ(disk->ops->unlink(disk, "log/a"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, "log"), 0);
    CHECK_EQ(disk->ops->list(disk, "log", count_name, &bits), 0);
    CHECK_EQ(bits, (1u << 1) | (1u << 3));
    bits = 0;
    CHECK_EQ(disk->ops->list(disk, "", count_name, &bits), 0); /* neither LOCK nor folders */
    CHECK_EQ(bits, 0);
    disk->ops->close(disk, file);
    CHECK_EQ(disk->ops->open(disk, "log/d", DISK_OPEN_EXISTING, &file), 0);
    CHECK_EQ(disk->ops->read(disk, file, seen, 6, 2999994), 0);
    CHECK_BYTES(seen, "\0hello", 6);

    CHECK_EQ(disk->ops->zero_fill(disk, file, 2999999), 0); /* smaller, and nothing of before */
    CHECK_EQ(disk->ops->size(disk, file, &bytes), 0);
    CHECK_EQ(bytes, 2999999);
    CHECK_EQ(disk->ops->read(disk, file, seen, 5, 2999994), 0);
    CHECK_BYTES(seen, "\0\0\0\0\0", 5);
    end_disk();
}

TEST(a_large_aligned_read_sees_what_was_only_just_written)
{
    enum { BYTES = 1 << 20 };
    uint8_t *written = aligned_alloc(DISK_SECTOR_BYTES, BYTES + DISK_SECTOR_BYTES);
    uint8_t *read_back = aligned_alloc(DISK_SECTOR_BYTES, BYTES + DISK_SECTOR_BYTES);
    struct disk_file file;

    given_a_directory();
    CHECK_EQ(disk_real_open(directory, &disk), 0);
    file = must_create("a", 1);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < BYTES; i++) {
            written[i] = (uint8_t)(i * 7 + i / 4096 + round);
        }
        CHECK_EQ(disk->ops->write(disk, file, written, BYTES - 100 * round, 0), 0);
        memset(read_back, 0, BYTES);
        CHECK_EQ(disk->ops->read(disk, file, read_back, BYTES - DISK_SECTOR_BYTES, 0), 0);
        CHECK_BYTES(read_back, written, BYTES - DISK_SECTOR_BYTES);
    }
    CHECK_EQ(disk->ops->read(disk, file, read_back, BYTES, 0), 0);
    CHECK_EQ(disk->ops->read(disk, file, read_back, BYTES, DISK_SECTOR_BYTES), -EIO); /* past the end */
    CHECK_EQ(disk->ops->read(disk, file, read_back, BYTES, BYTES), -EIO);
    disk->ops->close(disk, file);
    end_disk();
    free(written);
    free(read_back);
}

TEST(more_files_than_the_limit_are_refused)
{
    static struct disk_file files[DISK_FILE_COUNT_MAX];
    uint32_t count = 0;
    int r = 0;

    given_a_directory();
    CHECK_EQ(disk_real_open_buffered(directory, &disk), 0);
    disk->ops->close(disk, must_create("a", 1));
    while (count < COUNT_OF(files) &&
           (r = disk->ops->open(disk, "a", DISK_OPEN_EXISTING, &files[count])) == 0) {
        count++;
    }
    struct disk_file one_more;
    CHECK_EQ(r != 0 ? r : disk->ops->open(disk, "a", DISK_OPEN_EXISTING, &one_more), -EMFILE);
    disk->ops->close(disk, files[0]);
    CHECK_EQ(disk->ops->open(disk, "a", DISK_OPEN_EXISTING, &one_more), 0);
    end_disk(); /* closes the rest */
}

TEST(room_is_what_the_file_system_says)
{
    struct statvfs stat;
    uint64_t room = 0;

    given_a_directory();
    CHECK_EQ(disk_real_open(directory, &disk), 0);
    CHECK_EQ(disk->ops->room(disk, &room), 0);
    CHECK_EQ(statvfs(directory, &stat), 0);
    uint64_t said = (uint64_t)stat.f_bavail * stat.f_frsize;
    CHECK(room < 2 * said + 1); /* others write there too */
    CHECK(said < 2 * room + 1);
    end_disk();
}
