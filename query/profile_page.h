/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * profile_page - one page of profiles
 *
 * Every slice is asked for the places of one person more than the page holds, behind the place that `after` names;
 * the places of all slices are merged in their order. They say where people stood when their slice looked at them.
 * What the rows show is loaded for those on the page alone, by a load of kind LOAD_PROFILE each, and may be newer
 * than the place. Who is merged away in between makes the query begin again.
 *
 * Threads  Home shard only.
 */

#include "query/load.h"

/* Home. A load of kind LOAD_PROFILES. True: it got further. */
bool profile_page_step(struct loads *loads, struct load *load);
