/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stop_signal.h"

#include "tests/check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(the_second_signal_ends_the_program_with_its_status)
{
    int status = 0;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        stop_signal_take(3);
        raise(SIGTERM);
        raise(SIGINT);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 3);
}

TEST(the_first_signal_asks)
{
    stop_signal_take(3);
    CHECK(!stop_signal_has_come());
    raise(SIGINT);
    CHECK(stop_signal_has_come());
    stop_signal_take(3);
    CHECK(!stop_signal_has_come());
    raise(SIGTERM);
    CHECK(stop_signal_has_come());
}
