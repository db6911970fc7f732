/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * connection - one page of events, sessions or merges
 *
 * Every slice concerned is asked for one row more than the page holds, behind the place that `after` names; the
 * rows of all slices are merged in their order. The row too many says that there is a next page. Whether something
 * precedes the page is asked, too, when somebody wants to know and `after` is given: the first row of the whole
 * list tells.
 *
 * Threads  Home shard only.
 */

#include "query/load.h"

/* Home. A load of kind LOAD_EVENTS, LOAD_SESSIONS or LOAD_MERGES. True: it got further. */
bool connection_step(struct loads *loads, struct load *load);
