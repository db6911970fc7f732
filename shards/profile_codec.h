/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * profile_codec - a profile as flat bytes
 *
 * Canonical: two profiles that give the same answers now and after any further record have the same bytes, so
 * that a hash of them can be compared between runs. Little-endian, no pointers, no padding. Used for the state hash
 * and for what lasts. (A profile is one relocatable piece of memory already, but the same profile in many forms.)
 *
 * Threads  Home shard only.
 * Errors   PROFILE_CODEC_BAD: the bytes are not such a profile; nothing was made.
 */

#include "shards/profile.h"

#define PROFILE_CODEC_VERSION 2u

enum profile_codec_answer {
    PROFILE_CODEC_BAD = 1,
};

/* Home. */
uint64_t profile_codec_bytes(const struct profile *profile);
/* Home. Returns profile_codec_bytes(), and has written so many when there was room for them. */
uint64_t profile_codec_encode(const struct profile *profile, struct profile_label label, void *to,
                              uint64_t room);
/* Home. Sessions of the new profile are in no share. */
MUST_USE int profile_codec_decode(struct memory *memory, const void *from, uint64_t bytes,
                                  struct profile_label *out_label, struct profile **out_profile);

/* What the bytes of a session begin with, read in place from 8-byte aligned memory. */
struct profile_codec_session {
    struct uuid session_id;
    uint32_t revision;
    uint32_t person;
    struct event_ms start;
    struct event_ms end;
    uint64_t event_count;
    struct stamp first;
    uint32_t code[DIMENSION_COUNT];
    /* Lists and texts follow. */
};

/* Home. The same for one session (archived ones are kept and hashed alone). It is archived when it is read. */
uint64_t profile_codec_session_bytes(struct session_at at);
void profile_codec_encode_session(struct session_at at, void *to);
MUST_USE int profile_codec_decode_session(struct memory *memory, const void *from, uint64_t bytes,
                                          struct session_block **out_session);
