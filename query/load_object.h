/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * load_object - fields that are one object, or the list of tenants
 *
 * tenants, tenant, profile, event, an event's session, a profile's current session.
 *
 * Threads  Home shard only.
 */

#include "query/load.h"

/* Home. A load of one of those kinds. True: it got further. */
bool load_object_step(struct loads *loads, struct load *load);
/*
 * Home. Spares questions for the sessions of a page of events: somebody's events within a short time are mostly of
 * one session, and if the first and the last of them are, so are those between. The page's branch of sessions.
 */
void load_object_bracket(struct loads *loads, struct load_branch *branch);
