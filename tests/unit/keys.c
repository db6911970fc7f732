/* SPDX-License-Identifier: Apache-2.0 */
#include "net/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <unistd.h>

#include "tests/check.h"

static struct settings settings;
static struct keys *keys;
static char problem[KEYS_PROBLEM_BYTES];
static char directory[64];

static const char *
path_of(const char *name)
{
    static char path[4][128];
    static uint32_t next;

    next = (next + 1) % COUNT_OF(path);
    snprintf(path[next], sizeof(path[next]), "%s/%s", directory, name);
    return path[next];
}

static void
write_file(const char *name, const char *text, size_t bytes)
{
    FILE *file = fopen(path_of(name), "w");

    CHECK(file != NULL);
    CHECK_EQ(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
}

#define WRITE(name, text) write_file((name), (text), sizeof(text) - 1)

/* Files in a directory of their own; in the YAML a % is the directory. */
static int
open_keys(const char *yaml)
{
    static char text[20000];
    size_t bytes = 0;

    keys_close(keys);
    keys = NULL;
    settings_close(&settings);
    settings_open(&settings);
    for (; *yaml != '\0'; yaml++) {
        char one[2] = {*yaml, '\0'};

        bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s", *yaml == '%' ? directory : one);
    }
    CHECK_EQ(conf_read(&settings.conf, "f", text_of(text)), 0);
    problem[0] = '\0';
    return keys_open(&settings, (struct hash_key){.lo = 7, .hi = 11}, &keys, problem);
}

static void
given_files(void)
{
    snprintf(directory, sizeof(directory), "/tmp/unit_keys.XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    WRITE("shop", "shop-key\n");
    WRITE("shop2", "# the new one, and the old one\n\n  shop-new \r\nshop-old");
    WRITE("other", "other-key");
    WRITE("reader", "r/e+a~d=");
    WRITE("admin", "admin-token\n");
}

static void
when_they_are_gone(void)
{
    static const char *const names[] = {"shop", "shop2", "other", "reader", "admin", "bad"};

    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        unlink(path_of(names[i]));
    }
    CHECK_EQ(rmdir(directory), 0);
}

static void
check_refused(const char *yaml, const char *said)
{
    if (open_keys(yaml) != KEYS_BAD || strstr(problem, said) == NULL) {
        check_failed(__FILE__, __LINE__, "%s\nsaid: %s\nnot: %s", yaml, problem, said);
    }
    CHECK(keys == NULL);
}

static void
check_bad_file(const char *content, size_t bytes, const char *said)
{
    write_file("bad", content, bytes);
    check_refused("keys:\n  write: [{key_file: %/bad, tenant: shop}]", said);
}

#define CHECK_BAD(content, said) check_bad_file((content), sizeof(content) - 1, (said))

TEST(a_file_that_cannot_be_read_is_named_with_its_setting)
{
    given_files();
    check_refused("\nkeys:\n  write:\n    - {key_file: %/nothing, tenant: shop}", "f:4: /tmp/unit_keys.");
    CHECK(strstr(problem, "/nothing: No such file or directory") != NULL);
    check_refused("keys: {read: [{token_file: %, tenants: [a]}]}", "Is a directory");
    when_they_are_gone();
}

TEST(a_file_without_a_good_secret_is_refused_and_nothing_of_it_is_said)
{
    static char large[KEYS_FILE_BYTES_MAX + 1];

    given_files();
    CHECK_BAD("", "no write key in it");
    CHECK_BAD("# only words\n\n \n", "no write key in it");
    CHECK_BAD("good\nhid den\n", "line 2: a write key is 1 to 64 of");
    CHECK(strstr(problem, "hid") == NULL);
    CHECK_BAD("a\0b", "line 1: a write key is");
    CHECK_BAD("caf\xc3\xa9", "line 1: a write key is");
    memset(large, 'a', sizeof(large));
    check_bad_file(large, 65, "line 1: a write key is");
    memset(large, '\n', sizeof(large));
    check_bad_file(large, sizeof(large), "larger than 65536 bytes");
    memset(large, 'a', sizeof(large));
    write_file("bad", large, 513);
    check_refused("keys:\n  read: [{token_file: %/bad, tenants: [a]}]", "line 1: a token is up to 512");
    when_they_are_gone();
}

TEST(what_settings_say_must_mean_something)
{
    given_files();
    check_refused("keys: {write: [{key_file: %/shop, tenant: a b}]}", "keys.write.tenant: not 1 to 64");
    check_refused("keys: {read: [{token_file: %/reader, tenants: []}]}", "keys.read.tenants: empty");
    check_refused("keys: {read: [{token_file: %/reader, tenants: [a b]}]}",
                  "\"a b\" is neither a tenant nor");
    check_refused("keys: {read: [{token_file: %/reader, tenants: [a], rights: [write]}]}",
                  "\"write\" is neither read nor admin");
    check_refused("keys: {read: [{token_file: %/reader, tenants: [a], rights: []}]}",
                  "keys.read.rights: empty");
    when_they_are_gone();
}

TEST(a_secret_that_two_have_is_nobodys)
{
    given_files();
    check_refused(
        "keys:\n  write:\n  - {key_file: %/shop, tenant: shop}\n  - {key_file: %/shop, tenant: other}\n",
        "is there twice");
    check_refused("keys:\n  write: [{key_file: %/shop, tenant: shop}]\n"
                  "  read: [{token_file: %/shop, tenants: [shop]}]\n",
                  "is there twice");
    WRITE("bad", "a\nb\na\n");
    check_refused("keys: {write: [{key_file: %/bad, tenant: shop}]}",
                  "f:1: a key or token of its file is there twice");
    when_they_are_gone();
}

TEST(each_key_is_who_it_is)
{
    const struct key *key = NULL;
    struct wall_ms now = {.ms = 1};

    given_files();
    CHECK_EQ(open_keys("keys:\n  write:\n"
                       "  - {key_file: %/shop, tenant: shop}\n"
                       "  - {key_file: %/other, tenant: other}\n"
                       "  - {key_file: %/shop2, tenant: shop}\n"
                       "  read:\n"
                       "  - {token_file: %/reader, tenants: [shop, third]}\n"
                       "  - {token_file: %/admin, tenants: [\"*\"], rights: [admin]}\n"),
             0);
    CHECK_EQ(keys_tenant_count(keys), 2);
    CHECK_EQ(keys_find(keys, TEXT(""), now, &key), KEYS_UNKNOWN);
    CHECK_EQ(keys_find(keys, TEXT("shop"), now, &key), KEYS_UNKNOWN);
    CHECK_EQ(keys_find(keys, TEXT("shop-ke"), now, &key), KEYS_UNKNOWN);
    CHECK_EQ(keys_find(keys, TEXT("shop-key2"), now, &key), KEYS_UNKNOWN);
    CHECK_EQ(keys_find(keys, TEXT("# the new one, and the old one"), now, &key), KEYS_UNKNOWN);

    CHECK_EQ(keys_find(keys, TEXT("other-key"), now, &key), 0);
    CHECK_TEXT(key->principal.tenant_id, "other");
    CHECK_EQ(key->tenant_number, 1);
    CHECK_EQ(keys_find(keys, TEXT("shop-old"), now, &key), 0);
    CHECK_EQ(keys_find(keys, TEXT("shop-new"), now, &key), 0);
    CHECK_TEXT(key->principal.tenant_id, "shop");
    CHECK_EQ(key->tenant_number, 0);
    CHECK(key->principal.may_write);
    CHECK(!key->principal.may_read);
    CHECK(!key->principal.may_administer);
    CHECK(!key->principal.is_any_tenant);
    CHECK(!principal_may_read(&key->principal, TEXT("shop")));

    CHECK_EQ(keys_find(keys, TEXT("r/e+a~d="), now, &key), 0);
    CHECK(!key->principal.may_write);
    CHECK(!key->principal.may_administer);
    CHECK(principal_may_read(&key->principal, TEXT("shop")));
    CHECK(principal_may_read(&key->principal, TEXT("third")));
    CHECK(!principal_may_read(&key->principal, TEXT("other")));
    CHECK_EQ(keys_find(keys, TEXT("admin-token"), now, &key), 0);
    CHECK(!key->principal.may_write);
    CHECK(key->principal.may_administer);
    CHECK(principal_may_read(&key->principal, TEXT("other")));
    when_they_are_gone();
}

TEST(a_key_is_good_until_it_expires)
{
    const struct key *key = NULL;
    int64_t end = INT64_C(1801353600000); /* 2027-01-31 */
    uint32_t at = 0;

    given_files();
    CHECK_EQ(open_keys("keys:\n  write:\n"
                       "  - {key_file: %/shop, tenant: shop, expires: 2027-01-31}\n"
                       "  - {key_file: %/other, tenant: other}\n"),
             0);
    CHECK_EQ(keys_find(keys, TEXT("shop-key"), (struct wall_ms){.ms = end - 1}, &key), 0);
    CHECK(keys_next_expired(keys, (struct wall_ms){.ms = end - 1}, &at) == NULL);
    key = NULL;
    CHECK_EQ(keys_find(keys, TEXT("shop-key"), (struct wall_ms){.ms = end}, &key), KEYS_EXPIRED);
    CHECK(key == NULL);
    CHECK_EQ(keys_find(keys, TEXT("other-key"), (struct wall_ms){.ms = end}, &key), 0);
    at = 0;
    key = keys_next_expired(keys, (struct wall_ms){.ms = end}, &at);
    CHECK(key != NULL);
    CHECK_TEXT(key->where, "f:3");
    CHECK(keys_next_expired(keys, (struct wall_ms){.ms = end}, &at) == NULL);
    when_they_are_gone();
}
