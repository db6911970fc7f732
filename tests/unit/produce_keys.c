/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/check.h"

static struct produce_keys keys;
static char problem[256];

static int
read_file(const char *text, size_t bytes)
{
    char path[] = "/tmp/millrace-keys-XXXXXX";
    int fd = mkstemp(path);
    int r;

    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, bytes), (ssize_t)bytes);
    close(fd);
    problem[0] = '\0';
    r = produce_keys_open(path, &keys, problem, sizeof(problem));
    unlink(path);
    return r;
}

static int
read_text(const char *text)
{
    return read_file(text, strlen(text));
}

TEST(what_is_no_such_file_is_refused_by_its_line_and_never_quoted)
{
    static char large[PRODUCE_KEYS_FILE_BYTES_MAX + 1];
    char many[16 * (PRODUCE_KEYS_MAX + 1) + 1];
    size_t bytes = 0;

    CHECK_EQ(produce_keys_open("/nowhere/keys", &keys, problem, sizeof(problem)), PRODUCE_KEYS_BAD);
    CHECK(strstr(problem, "/nowhere/keys: No such file") != NULL);
    CHECK_EQ(produce_keys_open("/", &keys, problem, sizeof(problem)), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_text(""), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_text("# nothing\n\n"), PRODUCE_KEYS_BAD);
    CHECK(strstr(problem, "there is no line TENANT: KEY") != NULL);
    CHECK_EQ(read_text("shop: k1\nsecret\n"), PRODUCE_KEYS_BAD);
    CHECK(strstr(problem, "line 2 is not TENANT: KEY") != NULL);
    CHECK(strstr(problem, "secret") == NULL);
    CHECK_EQ(read_text("shop:\n"), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_text(": k1\n"), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_text("shop: k 1\n"), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_text("a shop: k1\n"), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_text("shop: k\r1\n"), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_file("shop: k\0\n", 9), PRODUCE_KEYS_BAD);
    CHECK_EQ(read_text("shop: k1\nblog: k2\n#\nshop: k3\n"), PRODUCE_KEYS_BAD);
    CHECK(strstr(problem, "line 4: shop has a key already") != NULL);
    memset(large, '#', sizeof(large));
    CHECK_EQ(read_file(large, sizeof(large)), PRODUCE_KEYS_BAD);
    for (uint32_t i = 0; i <= PRODUCE_KEYS_MAX; i++) {
        bytes += (size_t)snprintf(many + bytes, sizeof(many) - bytes, "t%u: k\n", i);
    }
    CHECK_EQ(read_text(many), PRODUCE_KEYS_BAD);
    CHECK(strstr(problem, "more than 256 tenants") != NULL);
}

TEST(a_file_is_a_line_for_each_tenant)
{
    CHECK_EQ(
        read_text("# demo\n\n shop : abc.DEF-1 \r\nblog:x\nlast: 0123456789012345678901234567890123456789"
                  "012345678901234567890123"),
        0);
    CHECK_EQ(keys.count, 3);
    CHECK_TEXT(text_of(keys.rows[0].tenant), "shop");
    CHECK_TEXT(text_of(keys.rows[0].key), "abc.DEF-1");
    CHECK_TEXT(text_of(keys.rows[1].tenant), "blog");
    CHECK_EQ(strlen(keys.rows[2].key), 64);
    CHECK_EQ(produce_keys_find(&keys, TEXT("blog"), 7), 1);
    CHECK_EQ(produce_keys_find(&keys, TEXT("blo"), 7), 7);
    CHECK_EQ(produce_keys_find(&keys, TEXT(""), 7), 7);
    produce_keys_close(&keys);
    produce_keys_close(&keys);
}
