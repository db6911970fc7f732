/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stop_signal.h"

#include <signal.h>
#include <stdlib.h>

static volatile sig_atomic_t stop_count;
static volatile sig_atomic_t status;

static void
signalled(int signal_number)
{
    (void)signal_number;
    stop_count++;
    if (stop_count > 1) {
        _Exit(status);
    }
}

void
stop_signal_take(int status_at_once)
{
    struct sigaction action = {.sa_handler = signalled};

    stop_count = 0;
    status = status_at_once;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool
stop_signal_has_come(void)
{
    return stop_count > 0;
}
