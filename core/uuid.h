/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * uuid - names of 16 bytes that need no registry (RFC 4122)
 *
 * struct uuid itself is in base.h. Version 5 makes the same UUID of the same name everywhere and always;
 * version 4 is dice.
 *
 * Threads  Any thread; everything here is pure.
 */

#include "core/base.h"

/* With the NUL at the end. */
#define UUID_TEXT_BYTES 37u

/* 6ba7b812-9dad-11d1-80b4-00c04fd430c8 */
extern const struct uuid UUID_NAMESPACE_OID;

/* Any thread. Version 5: the first 16 bytes of SHA-1(space, name). */
struct uuid uuid_v5(struct uuid space, struct text name);
/* Any thread. Version 4, of two random numbers. */
struct uuid uuid_random(uint64_t hi, uint64_t lo);

/* Any thread. Exactly 36 characters, letters of either case; any version. False and nothing written otherwise. */
MUST_USE bool uuid_parse(struct text text, struct uuid *out_uuid);
/* Any thread. Small letters, 36 characters and a NUL. */
void uuid_format(struct uuid uuid, char out_text[UUID_TEXT_BYTES]);
