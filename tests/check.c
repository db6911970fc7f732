/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_TEST_COUNT_MAX 1024
#define EXIT_LIVED 67
#define EXIT_SKIPPED 77

static struct check_test *first;
static struct check_test **end = &first;

/* Constructors of a file run in its order, so the list is in the file's order too. */
void
check_register(struct check_test *check)
{
    *end = check;
    end = &check->next;
}

void
check_failed(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprint_error(format, arguments);
    va_end(arguments);
    print_error("\n");
    _fail(file, line);
    abort(); /* _fail() jumps. */
}

void
check_equal(uint64_t a, uint64_t b, const char *a_said, const char *b_said, const char *file, int line)
{
    if (a != b) {
        check_failed(file, line, "CHECK_EQ(%s, %s): %lld (0x%llx) is not %lld (0x%llx)", a_said, b_said,
                     (long long)a, (unsigned long long)a, (long long)b, (unsigned long long)b);
    }
}

void
check_text(struct text a, struct text b, const char *a_said, const char *b_said, const char *file, int line)
{
    if (!text_equal(a, b)) {
        check_failed(file, line, "CHECK_TEXT(%s, %s):\n  \"%.*s\"\nis not\n  \"%.*s\"", a_said, b_said,
                     (int)a.bytes, a.bytes > 0 ? a.data : "", (int)b.bytes, b.bytes > 0 ? b.data : "");
    }
}

void
check_bytes(const void *a, const void *b, uint64_t bytes, const char *a_said, const char *b_said,
            const char *file, int line)
{
    const uint8_t *left = a;
    const uint8_t *right = b;

    for (uint64_t i = 0; i < bytes; i++) {
        if (left[i] != right[i]) {
            check_failed(file, line, "CHECK_BYTES(%s, %s): byte %llu of %llu is 0x%02x, not 0x%02x", a_said,
                         b_said, (unsigned long long)i, (unsigned long long)bytes, left[i], right[i]);
        }
    }
}

struct text
check_text_of_text(struct text text)
{
    return text;
}

pid_t
check_fork(void)
{
    pid_t child;
    int nowhere;

    fflush(NULL);
    child = fork();
    if (child != 0) {
        return child;
    }

    /* No core file and no last words: the death is meant. */
    prctl(PR_SET_DUMPABLE, 0);
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) {
        dup2(nowhere, STDERR_FILENO);
        dup2(nowhere, STDOUT_FILENO);
    }
    return 0;
}

void
check_child_lived(void)
{
    _exit(EXIT_LIVED);
}

void
check_child_died(pid_t child, const char *said, const char *file, int line)
{
    int status = 0;

    if (child < 0 || waitpid(child, &status, 0) != child) {
        check_failed(file, line, "CHECK_DIES(%s): no child process", said);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LIVED) {
        check_failed(file, line, "CHECK_DIES(%s): lived", said);
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        check_failed(file, line, "CHECK_DIES(%s): died otherwise, wait status 0x%x", said, status);
    }
}

void
check_child_exited(pid_t child, int exit_status, const char *file, int line)
{
    int status = 0;

    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != exit_status) {
        check_failed(file, line, "the child's wait status is 0x%x, not exit %d", status, exit_status);
    }
}

/* Case does not matter: words come from a person. */
static bool
has_words(const char *noun, const char *name, char *const words[], int word_count)
{
    char both[512];

    snprintf(both, sizeof(both), "%s %s", noun, name);
    for (int i = 0; i < word_count; i++) {
        if (strcasestr(both, words[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void
run_one(void **state)
{
    const struct check_test *check = *state;

    check->run();
}

int
main(int argc, char **argv)
{
    static struct CMUnitTest chosen[CHECK_TEST_COUNT_MAX];
    const char *noun = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    size_t count = 0;

    if (strncmp(noun, "unit_", 5) == 0) {
        noun += 5;
    }
    for (struct check_test *check = first; check != NULL; check = check->next) {
        if (!has_words(noun, check->name, argv + 1, argc - 1)) {
            continue;
        }
        if (count == CHECK_TEST_COUNT_MAX) {
            fprintf(stderr, "%s: more than %d tests\n", noun, CHECK_TEST_COUNT_MAX);
            return EXIT_FAILURE;
        }
        chosen[count] =
            (struct CMUnitTest){.name = check->name, .test_func = run_one, .initial_state = check};
        count++;
    }
    if (count == 0) {
        return EXIT_SKIPPED;
    }
    return _cmocka_run_group_tests(noun, chosen, count, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
