/* SPDX-License-Identifier: Apache-2.0 */
#include "net/import_position.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/check.h"

static char directory[] = "/tmp/millrace-import-XXXXXX";
static char path[256];
static char problem[IMPORT_PROBLEM_BYTES];
static struct import_position loaded;
static const struct import_position some = {
    .identity = {.bytes = UINT64_MAX, .inode = 7, .changed_ns = -5, .head_hash = 9},
    .target = "http://127.0.0.1:8080 tenant shop",
    .limits = {.row_count = 1000, .bytes = 1 << 20},
    .place = {.offset = 12345678901, .lines = 17},
    .accepted = 1,
    .duplicates = 2,
    .rejected = 3,
};

static void
given_a_directory(void)
{
    snprintf(directory, sizeof(directory), "/tmp/millrace-import-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/position", directory);
    problem[0] = '\0';
}

static void
remove_all(void)
{
    unlink(path);
    CHECK_EQ(rmdir(directory), 0);
}

static void
write_text(const char *text, size_t bytes)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    CHECK_EQ(fwrite(text, 1, bytes, file), bytes);
    CHECK_EQ(fclose(file), 0);
}

TEST(nothing_is_none)
{
    given_a_directory();
    CHECK_EQ(import_position_load(path, &loaded, problem), IMPORT_POSITION_NONE);
    remove_all();
}

TEST(what_nobody_can_write_is_said)
{
    given_a_directory();
    CHECK_EQ(import_position_save("/nowhere/at/all", &some, problem), IMPORT_POSITION_BAD);
    CHECK(strstr(problem, "/nowhere/at/all: No such file") != NULL);
    CHECK_EQ(import_position_load("/", &loaded, problem), IMPORT_POSITION_BAD);
    remove_all();
}

TEST(a_position_comes_back_as_it_was)
{
    given_a_directory();
    CHECK_EQ(import_position_save(path, &some, problem), 0);
    CHECK_EQ(import_position_load(path, &loaded, problem), 0);
    CHECK_EQ(loaded.identity.bytes, some.identity.bytes);
    CHECK_EQ(loaded.identity.inode, 7);
    CHECK_EQ(loaded.identity.changed_ns, -5);
    CHECK_EQ(loaded.identity.head_hash, 9);
    CHECK_TEXT(loaded.target, some.target);
    CHECK_EQ(loaded.limits.row_count, 1000);
    CHECK_EQ(loaded.limits.bytes, 1 << 20);
    CHECK_EQ(loaded.place.offset, 12345678901);
    CHECK_EQ(loaded.place.lines, 17);
    CHECK_EQ(loaded.accepted, 1);
    CHECK_EQ(loaded.duplicates, 2);
    CHECK_EQ(loaded.rejected, 3);
    CHECK(!loaded.is_done);
    remove_all();
}

TEST(a_position_that_is_torn_or_changed_anywhere_is_none)
{
    char text[2048];
    FILE *file;
    size_t bytes;

    given_a_directory();
    CHECK_EQ(import_position_save(path, &some, problem), 0);
    file = fopen(path, "r");
    CHECK(file != NULL);
    bytes = fread(text, 1, sizeof(text), file);
    fclose(file);
    for (size_t cut = 0; cut + 1 < bytes; cut++) { /* the newline at the end may lack */
        write_text(text, cut);
        CHECK_EQ(import_position_load(path, &loaded, problem), IMPORT_POSITION_BAD);
    }
    for (size_t i = 0; i + 1 < bytes; i++) {
        text[i] ^= 1;
        write_text(text, bytes);
        CHECK_EQ(import_position_load(path, &loaded, problem), IMPORT_POSITION_BAD);
        text[i] ^= 1;
    }
    write_text(text, bytes);
    CHECK_EQ(import_position_load(path, &loaded, problem), 0);
    remove_all();
}

TEST(what_was_begun_and_not_renamed_is_nothing)
{
    char new_path[300];
    struct import_position later = some;

    given_a_directory();
    CHECK_EQ(import_position_save(path, &some, problem), 0);
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    close(open(new_path, O_CREAT | O_WRONLY, 0600));
    CHECK_EQ(import_position_load(path, &loaded, problem), 0);
    CHECK_EQ(loaded.place.lines, 17);
    later.place.lines = 18;
    later.is_done = true;
    CHECK_EQ(import_position_save(path, &later, problem), 0);
    CHECK_EQ(import_position_load(path, &loaded, problem), 0);
    CHECK_EQ(loaded.place.lines, 18);
    CHECK(loaded.is_done);
    CHECK(access(new_path, F_OK) != 0);
    remove_all();
}
