/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * stop_signal - SIGINT and SIGTERM for programs that send
 *
 * The first asks to stop, which the program does when what is on its way has arrived; the second ends it at once.
 *
 * Threads  One.
 */

#include "core/base.h"

/* Nobody has asked yet. The second signal ends the program with this status. */
void stop_signal_take(int status_at_once);
bool stop_signal_has_come(void);
