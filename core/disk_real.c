/* SPDX-License-Identifier: Apache-2.0 */
#include "core/disk_real.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOCK_NAME "LOCK"
#define PROBE_NAME ".direct"
#define ZEROS_BYTES (1u << 20)
#define DIRECT_READ_BYTES_MIN (UINT64_C(256) << 10)

struct open_file {
    int fd;        /* -1: the place is free */
    int fd_direct; /* -1: there is none, fd serves for all */
};

struct disk_real {
    struct disk disk;
    bool is_reading; /* and nothing else */
    int directory;
    int lock;
    pthread_mutex_t mutex; /* guards which places are free */
    struct open_file files[DISK_FILE_COUNT_MAX];
};

static const struct disk_ops real_ops;

static struct disk_real *
real_of(struct disk *disk)
{
    REQUIRE(disk->ops == &real_ops);
    return CONTAINER_OF(disk, struct disk_real, disk);
}

static const struct open_file *
file_at(struct disk *disk, struct disk_file file)
{
    const struct disk_real *real = real_of(disk);

    REQUIRE(file.n >= 0);
    REQUIRE((uint32_t)file.n < DISK_FILE_COUNT_MAX);
    REQUIRE(real->files[file.n].fd >= 0);
    return &real->files[file.n];
}

static void
check_name(const char *name)
{
    const char *slash = strchr(name, '/');

    REQUIRE(name[0] != '\0');
    REQUIRE(name[0] != '/');
    REQUIRE(name[0] != '.');
    REQUIRE(strlen(name) < DISK_NAME_BYTES_MAX);
    REQUIRE(slash == NULL || (slash[1] != '\0' && slash[1] != '.' && strchr(slash + 1, '/') == NULL));
}

int
disk_real_descriptor(struct disk *disk, struct disk_file file)
{
    const struct open_file *open_file = file_at(disk, file);

    return open_file->fd_direct >= 0 ? open_file->fd_direct : open_file->fd;
}

static int
sync_descriptor(int fd)
{
    int r;

    do {
        r = fsync(fd);
    } while (r != 0 && errno == EINTR);
    return r != 0 ? fault_new(-errno) : 0;
}

static int
make_folder(struct disk *disk, const char *name)
{
    check_name(name);
    if (mkdirat(real_of(disk)->directory, name, 0700) == 0 || errno == EEXIST) {
        return 0;
    }
    return fault_new(-errno);
}

static int
open_descriptor(int directory, const char *name, int access, int flags)
{
    int fd;

    do {
        fd = openat(directory, name, access | flags | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : fault_new(-errno);
}

static int
take_place(struct disk_real *real, struct open_file opened)
{
    int place = -EMFILE;

    (void)pthread_mutex_lock(&real->mutex);
    for (uint32_t i = 0; i < DISK_FILE_COUNT_MAX; i++) {
        if (real->files[i].fd < 0) {
            real->files[i] = opened;
            place = (int)i;
            break;
        }
    }
    (void)pthread_mutex_unlock(&real->mutex);
    return place;
}

static int
open_file(struct disk *disk, const char *name, enum disk_open how, struct disk_file *out_file)
{
    struct disk_real *real = real_of(disk);
    struct open_file opened = {.fd = -1, .fd_direct = -1};
    int r;

    check_name(name);
    if (real->is_reading && how == DISK_OPEN_CREATE) {
        return fault_new(-EROFS);
    }
    opened.fd = open_descriptor(real->directory, name, real->is_reading ? O_RDONLY : O_RDWR,
                                how == DISK_OPEN_CREATE ? O_CREAT | O_EXCL : 0);
    if (opened.fd < 0) {
        r = opened.fd;
        goto fail;
    }
    if (disk->is_direct) {
        opened.fd_direct = open_descriptor(real->directory, name, O_RDWR, O_DIRECT);
        if (opened.fd_direct < 0) {
            r = opened.fd_direct;
            goto fail;
        }
    }
    r = take_place(real, opened);
    if (r < 0) {
        goto fail;
    }
    *out_file = (struct disk_file){.n = r};
    return 0;

fail:
    if (opened.fd >= 0) {
        (void)close(opened.fd);
    }
    if (opened.fd_direct >= 0) {
        (void)close(opened.fd_direct);
    }
    return fault_up(r);
}

static void
close_file(struct disk *disk, struct disk_file file)
{
    struct disk_real *real = real_of(disk);
    struct open_file closed = *file_at(disk, file);

    if (closed.fd_direct >= 0) {
        (void)close(closed.fd_direct);
    }
    (void)close(closed.fd);
    (void)pthread_mutex_lock(&real->mutex);
    real->files[file.n] = (struct open_file){.fd = -1, .fd_direct = -1};
    (void)pthread_mutex_unlock(&real->mutex);
}

static int
size_of_file(struct disk *disk, struct disk_file file, uint64_t *out_bytes)
{
    struct stat stat;

    if (fstat(file_at(disk, file)->fd, &stat) != 0) {
        return fault_new(-errno);
    }
    *out_bytes = (uint64_t)stat.st_size;
    return 0;
}

static int
read_whole(int fd, uint8_t *buffer, uint64_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        ssize_t count = pread(fd, buffer, bytes, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return fault_new(count < 0 ? -errno : -EIO);
        }
        buffer += count;
        bytes -= (uint64_t)count;
        offset += (uint64_t)count;
    }
    return 0;
}

static int
write_whole(int fd, const uint8_t *buffer, uint64_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        ssize_t count = pwrite(fd, buffer, bytes, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return fault_new(count < 0 ? -errno : -EIO);
        }
        buffer += count;
        bytes -= (uint64_t)count;
        offset += (uint64_t)count;
    }
    return 0;
}

/* Large aligned reads spare the kernel's cache and a copy; what they leave is read as everything else. */
static uint64_t
read_direct(const struct open_file *file, uint8_t *buffer, uint64_t bytes, uint64_t offset)
{
    if (file->fd_direct < 0 || bytes < DIRECT_READ_BYTES_MIN || (uintptr_t)buffer % DISK_SECTOR_BYTES != 0 ||
        bytes % DISK_SECTOR_BYTES != 0 || offset % DISK_SECTOR_BYTES != 0) {
        return 0;
    }
    ssize_t count = pread(file->fd_direct, buffer, bytes, (off_t)offset);
    return count > 0 ? (uint64_t)count : 0;
}

static int
read_file(struct disk *disk, struct disk_file file, void *buffer, uint64_t bytes, uint64_t offset)
{
    const struct open_file *open_file = file_at(disk, file);
    uint64_t count = read_direct(open_file, buffer, bytes, offset);

    return read_whole(open_file->fd, (uint8_t *)buffer + count, bytes - count, offset + count);
}

static int
write_file(struct disk *disk, struct disk_file file, const void *buffer, uint64_t bytes, uint64_t offset)
{
    return write_whole(file_at(disk, file)->fd, buffer, bytes, offset);
}

static int
resize(int fd, uint64_t bytes)
{
    int r;

    do {
        r = ftruncate(fd, (off_t)bytes);
    } while (r != 0 && errno == EINTR);
    return r != 0 ? fault_new(-errno) : 0;
}

static int
write_zeros(const struct open_file *file, uint64_t bytes)
{
    static alignas(DISK_SECTOR_BYTES)
        uint8_t zeros[ZEROS_BYTES]; /* nobody ever writes it, so it is no memory */
    uint64_t offset = 0;
    int r = 0;

    while (r == 0 && offset < bytes) {
        uint64_t count = bytes - offset < ZEROS_BYTES ? bytes - offset : ZEROS_BYTES;
        bool is_direct = file->fd_direct >= 0 && count % DISK_SECTOR_BYTES == 0;
        r = write_whole(is_direct ? file->fd_direct : file->fd, zeros, count, offset);
        offset += count;
    }
    return r != 0 ? fault_up(r) : 0;
}

/* Real zeros, because the first write into space that is only reserved costs half as much again. */
static int
zero_fill(struct disk *disk, struct disk_file file, uint64_t bytes)
{
    const struct open_file *open_file = file_at(disk, file);
    uint64_t bytes_before;

    int r = size_of_file(disk, file, &bytes_before);
    if (r != 0) {
        return fault_up(r);
    }
    if (bytes < bytes_before) {
        r = resize(open_file->fd, bytes);
        if (r != 0) {
            return fault_up(r);
        }
    }

    /* Asks for all the room first: it gives one piece where there is one, and says no before it takes long. */
    if (bytes > 0 && fallocate(open_file->fd, 0, 0, (off_t)bytes) != 0 && errno == ENOSPC) {
        r = fault_new(-ENOSPC);
        goto fail;
    }
    r = write_zeros(open_file, bytes);
    if (r != 0) {
        r = r == -EDQUOT ? -ENOSPC : r; /* the same to whoever has to wait for room */
        goto fail;
    }
    r = sync_descriptor(open_file->fd);
    if (r != 0) {
        goto fail;
    }
    return 0;

fail:
    if (bytes > bytes_before) {
        (void)resize(open_file->fd, bytes_before); /* whoever needs room now shall have it */
    }
    return fault_up(r);
}

static int
sync_file(struct disk *disk, struct disk_file file)
{
    return sync_descriptor(file_at(disk, file)->fd);
}

static int
rename_file(struct disk *disk, const char *from, const char *to)
{
    int directory = real_of(disk)->directory;

    check_name(from);
    check_name(to);
    return renameat(directory, from, directory, to) != 0 ? fault_new(-errno) : 0;
}

static int
unlink_file(struct disk *disk, const char *name)
{
    check_name(name);
    return unlinkat(real_of(disk)->directory, name, 0) != 0 ? fault_new(-errno) : 0;
}

static int
open_folder(struct disk *disk, const char *name)
{
    int fd;

    do {
        fd = openat(real_of(disk)->directory, name[0] != '\0' ? name : ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : fault_new(-errno);
}

static int
sync_folder(struct disk *disk, const char *name)
{
    int fd = open_folder(disk, name);

    if (fd < 0) {
        return fault_up(fd);
    }
    int r = sync_descriptor(fd);
    (void)close(fd);
    return r != 0 ? fault_up(r) : 0;
}

static bool
is_listed(int folder, const struct dirent *entry)
{
    struct stat stat;

    if (entry->d_name[0] == '.' || strcmp(entry->d_name, LOCK_NAME) == 0) {
        return false;
    }
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_REG;
    }
    return fstatat(folder, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode);
}

static int
list_folder(struct disk *disk, const char *folder, void (*found)(void *context, const char *name),
            void *context)
{
    int fd = open_folder(disk, folder);

    if (fd < 0) {
        return fault_up(fd);
    }
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int r = fault_new(-errno);
        (void)close(fd);
        return r;
    }

    const struct dirent *entry;
    errno = 0;
    while ((entry = readdir(stream)) != NULL) {
        if (is_listed(fd, entry)) {
            found(context, entry->d_name);
        }
        errno = 0;
    }
    int r = errno != 0 ? fault_new(-errno) : 0;
    (void)closedir(stream);
    return r;
}

static int
room(struct disk *disk, uint64_t *out_bytes)
{
    struct statvfs stat;

    if (fstatvfs(real_of(disk)->directory, &stat) != 0) {
        return fault_new(-errno);
    }
    *out_bytes = (uint64_t)stat.f_bavail * stat.f_frsize;
    return 0;
}

static const struct disk_ops real_ops = {
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

/* Only doing it tells: some file systems accept the flag and refuse the write. */
static bool
can_write_direct(int directory)
{
    void *sector;
    bool can = false;

    if (posix_memalign(&sector, DISK_SECTOR_BYTES, DISK_SECTOR_BYTES) != 0) {
        return false;
    }
    memset(sector, 0x5a, DISK_SECTOR_BYTES);
    int fd = open_descriptor(directory, PROBE_NAME, O_RDWR, O_CREAT | O_TRUNC | O_DIRECT);
    if (fd >= 0) {
        can = write_whole(fd, sector, DISK_SECTOR_BYTES, 0) == 0;
        memset(sector, 0, DISK_SECTOR_BYTES);
        can = can && read_whole(fd, sector, DISK_SECTOR_BYTES, 0) == 0;
        can = can && *(const uint8_t *)sector == 0x5a;
        (void)close(fd);
    }
    (void)unlinkat(directory, PROBE_NAME, 0);
    free(sector);
    return can;
}

static int
make_directory(const char *path)
{
    if (mkdir(path, 0700) != 0) {
        return errno == EEXIST ? 0 : fault_new(-errno);
    }

    /* Its name must be as durable as what will be in it. */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int parent = fd >= 0 ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = parent >= 0 ? sync_descriptor(parent) : fault_new(-errno);
    if (parent >= 0) {
        (void)close(parent);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

static int
take_lock(struct disk_real *real)
{
    int how = real->is_reading ? LOCK_SH : LOCK_EX;

    real->lock = real->is_reading ? open_descriptor(real->directory, LOCK_NAME, O_RDONLY, 0)
                                  : open_descriptor(real->directory, LOCK_NAME, O_RDWR, O_CREAT);
    if (real->is_reading && real->lock == -ENOENT) {
        return 0; /* A copy, and nobody has used it. */
    }
    if (real->lock < 0) {
        return fault_up(real->lock);
    }
    while (flock(real->lock, how | LOCK_NB) != 0) {
        if (errno != EINTR) {
            return fault_new(errno == EWOULDBLOCK ? -EBUSY : -errno);
        }
    }
    return 0;
}

static int
open_disk(const char *path, bool may_be_direct, bool is_reading, struct disk **out_disk)
{
    int r = 0;

    struct disk_real *real = malloc(sizeof(*real));
    if (real == NULL) {
        return fault_new(-ENOMEM);
    }
    *real =
        (struct disk_real){.disk = {.ops = &real_ops}, .is_reading = is_reading, .directory = -1, .lock = -1};
    for (uint32_t i = 0; i < DISK_FILE_COUNT_MAX; i++) {
        real->files[i] = (struct open_file){.fd = -1, .fd_direct = -1};
    }
    (void)pthread_mutex_init(&real->mutex, NULL);

    if (!is_reading) {
        r = make_directory(path);
    }
    if (r != 0) {
        goto fail;
    }
    real->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (real->directory < 0) {
        r = fault_new(-errno);
        goto fail;
    }
    r = take_lock(real);
    if (r != 0) {
        goto fail;
    }
    real->disk.is_direct = may_be_direct && can_write_direct(real->directory);
    *out_disk = &real->disk;
    return 0;

fail:
    disk_real_close(&real->disk);
    return fault_up(r);
}

int
disk_real_open(const char *directory, struct disk **out_disk)
{
    return open_disk(directory, true, false, out_disk);
}

int
disk_real_open_buffered(const char *directory, struct disk **out_disk)
{
    return open_disk(directory, false, false, out_disk);
}

int
disk_real_open_reading(const char *directory, struct disk **out_disk)
{
    return open_disk(directory, false, true, out_disk);
}

void
disk_real_close(struct disk *disk)
{
    if (disk == NULL) {
        return;
    }
    struct disk_real *real = real_of(disk);

    for (uint32_t i = 0; i < DISK_FILE_COUNT_MAX; i++) {
        if (real->files[i].fd >= 0) {
            close_file(disk, (struct disk_file){.n = (int32_t)i});
        }
    }
    if (real->lock >= 0) {
        (void)close(real->lock); /* and unlocked */
    }
    if (real->directory >= 0) {
        (void)close(real->directory);
    }
    (void)pthread_mutex_destroy(&real->mutex);
    free(real);
}
