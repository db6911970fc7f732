/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * geoip - in which country an address is
 *
 * A database in MaxMind's format, mapped into memory: a look-up is some thirty steps in a tree, and asks nobody. The
 * answer is the country's ISO 3166-1 code ("DE"), of whichever of the fields has it that such databases have:
 * country.iso_code or country_code.
 *
 * Threads  Boot opens; then any shard looks up.
 * Memory   Codes are lent until geoip_close(). The file must not be written to while it is open: put a new one in
 *          its place by renaming, and start the node anew.
 * Errors   What a damaged file says is nothing, never a crash: the library checks its every step.
 */

#include "core/base.h"

#define GEOIP_CODE_BYTES_MAX 8u

struct geoip;

/* Boot. 0, or a fault and why, in words that lend for ever. */
MUST_USE int geoip_open(const char *path, struct geoip **out_geoip, const char **out_why);
/* Boot. NULL is nothing to do. */
void geoip_close(struct geoip *geoip);

/* Any shard. `address` is an IPv4 or IPv6 address as text. Nothing: it is none, or nobody knows. */
struct text geoip_country(const struct geoip *geoip, struct text address);
