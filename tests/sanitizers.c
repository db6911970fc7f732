/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the sanitizers do in every program of a sanitized build, however it is started. The exit
 * status is not an abort on purpose: CHECK_DIES() must not take a sanitizer's report for an
 * assertion.
 */

#define FOR_EVERYONE "exitcode=66:abort_on_error=0:halt_on_error=1:"

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__tsan_default_options(void);
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *
__asan_default_options(void)
{
    return FOR_EVERYONE "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:"
                        "check_initialization_order=1:allocator_may_return_null=1";
}

__attribute__((visibility("default"))) const char *
__ubsan_default_options(void)
{
    return FOR_EVERYONE "print_stacktrace=1";
}

/* die_after_fork=0: CHECK_DIES() forks. */
__attribute__((visibility("default"))) const char *
__tsan_default_options(void)
{
    return FOR_EVERYONE "die_after_fork=0:second_deadlock_stack=1";
}

/* h2o keeps buffers for what a thread will need next, and knows no end of a thread. */
__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void)
{
    return "leak:libh2o-evloop\n";
}
