/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * check - tests are sentences
 *
 * A test file is `#include "tests/check.h"` and TEST()s; they register themselves, and main() is
 * provided. Run without arguments the program runs all of them, with words it runs those whose
 * "noun name" contains every word: `unit_lane full` runs lane's tests with "full" in their name.
 * Exit status: 0 good, 1 failed, 77 no test was meant.
 *
 * Threads  The thread that runs the test. Another thread reports by a variable the test CHECKs.
 * Memory   A failed CHECK leaves the test by a long jump; what the test held is then lost.
 */

#include "core/base.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/types.h>

#include <cmocka.h>

struct check_test {
    const char *name;
    void (*run)(void);
    struct check_test *next;
};

/* TEST(a_full_lane_says_no) { ... } */
#define TEST(sentence) \
    static void test_##sentence(void); \
    __attribute__((constructor)) static void check_register_##sentence(void) \
    { \
        static struct check_test check = {.name = #sentence, .run = test_##sentence}; \
        check_register(&check); \
    } \
    static void test_##sentence(void)

/* The condition holds. */
#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            check_failed(__FILE__, __LINE__, "CHECK(%s)", #condition); \
        } \
    } while (0)

/* Two integers, or two pointers, are equal. */
#define CHECK_EQ(a, b) \
    do { \
        static_assert(CHECK_IS_EXACT(a) && CHECK_IS_EXACT(b), "CHECK_EQ would cut a fraction off"); \
        check_equal((uint64_t)(a), (uint64_t)(b), #a, #b, __FILE__, __LINE__); \
    } while (0)

/* Two texts are equal; each is a struct text or a string. */
#define CHECK_TEXT(a, b) check_text(CHECK_TEXT_OF(a), CHECK_TEXT_OF(b), #a, #b, __FILE__, __LINE__)

/* `bytes` bytes are equal. */
#define CHECK_BYTES(a, b, bytes) check_bytes((a), (b), (bytes), #a, #b, __FILE__, __LINE__)

/* The statement aborts, as a broken REQUIRE or ASSERT does. It runs in a child process. */
#define CHECK_DIES(...) \
    do { \
        pid_t check_child = check_fork(); \
        if (check_child == 0) { \
            __VA_ARGS__; \
            check_child_lived(); \
        } \
        check_child_died(check_child, #__VA_ARGS__, __FILE__, __LINE__); \
    } while (0)

#define CHECK_IS_EXACT(a) _Generic((a), float : 0, double : 0, long double : 0, default : 1)
#define CHECK_TEXT_OF(a) \
    _Generic((a), struct text : check_text_of_text, char * : text_of, const char * : text_of)(a)

/* What the macros above are made of. */
void check_register(struct check_test *check);
__attribute__((noreturn))
PRINTF_LIKE(3, 4) void check_failed(const char *file, int line, const char *format, ...);
void check_equal(uint64_t a, uint64_t b, const char *a_said, const char *b_said, const char *file, int line);
void check_text(struct text a, struct text b, const char *a_said, const char *b_said, const char *file,
                int line);
void check_bytes(const void *a, const void *b, uint64_t bytes, const char *a_said, const char *b_said,
                 const char *file, int line);
struct text check_text_of_text(struct text text);
MUST_USE pid_t check_fork(void);
__attribute__((noreturn)) void check_child_lived(void);
/* For deaths that are not an abort: the child ends with this exit status. */
void check_child_exited(pid_t child, int exit_status, const char *file, int line);
void check_child_died(pid_t child, const char *said, const char *file, int line);
