/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_origin - whose page asks
 *
 * What reads customer data must not be reachable from any page that a browser on this machine happens to show. A page
 * of another site says so in Origin; a page whose name was re-bound to our address says its name in Host.
 *
 * Threads  Everything here is pure.
 */

#include "core/conf.h"

/* Any thread. Host is this machine's loopback by name or number, `listen_host`, or one of the configured names; with
   or without a port. */
bool http_host_is_ours(struct text host, struct text listen_host, const struct conf_texts *names);
/* Any thread. `origin` is http(s)://host. */
bool http_origin_is_same(struct text origin, struct text host);
/* Any thread. One of the configured ones, whole: scheme, host, port. */
bool http_origin_is_one_of(struct text origin, const struct conf_texts *origins);
