/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * profile_codec - a profile as flat bytes
 *
 * Canonical: two profiles that give the same answers now and after any further record have the same bytes, so
 * that a hash of them can be compared between runs. Little-endian, no pointers, no padding. Used for hand-over and
 * for the state hash.
 *
 * Threads  Home shard only.
 * Errors   PROFILE_CODEC_BAD: the bytes are not such a profile; nothing was made.
 */

#include "shards/profile.h"

#define PROFILE_CODEC_VERSION 2u

enum profile_codec_answer {
    PROFILE_CODEC_BAD = 1,
};

/* Whose profile travels. */
struct profile_label {
    struct uuid canonical;
    uint32_t person;
    uint32_t tenant_no;
};

/* Home. */
uint64_t profile_codec_bytes(const struct profile *profile);
/* Home. Writes profile_codec_bytes() bytes. */
void profile_codec_encode(const struct profile *profile, struct profile_label label, void *to);
/* Home. Sessions of the new profile are in no share. */
MUST_USE int profile_codec_decode(struct memory *memory, const void *from, uint64_t bytes,
                                  struct profile_label *out_label, struct profile **out_profile);

/* Home. The same for one session (archived ones are kept and hashed alone). */
uint64_t profile_codec_session_bytes(const struct session *session);
void profile_codec_encode_session(const struct session *session, void *to);
MUST_USE int profile_codec_decode_session(struct memory *memory, const void *from, uint64_t bytes,
                                          struct session **out_session);
