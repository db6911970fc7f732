/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/profile_codec.h"
#include "shards/share.h"
#include "shards/slice_state.h"

#include <stdio.h>

static struct share share;
static struct slice_state state; /* with the journal, in memory */
static struct person person;
static const struct profile_label label = {.canonical = {{1, 2, 3}}, .person = 7, .tenant_no = 9};

static void
given_a_rich_profile(uint32_t event_count)
{
    char name[32];
    char page[32];
    char traits[64];

    given_memory();
    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    share = (struct share){.state = &state};
    person = (struct person){.number = 7, .share = &share, .profile = profile_create(&memory, 0)};
    for (uint32_t i = 0; i < event_count; i++) {
        snprintf(name, sizeof(name), "type %u", i * 7 % 80);
        snprintf(page, sizeof(page), "/%u", i * 13 % 90);
        snprintf(traits, sizeof(traits), "{\"k%u\":%s}", i % 40, i % 3 == 0 ? "null" : "\"v\"");
        struct applied_event event = an_event(T0 + (int64_t)(i * 29 % 100) * 17 * MINUTE, name, page, traits);
        struct profile_change change = {.memory = &memory,
                                        .rules = {.gap_ms = 30 * MINUTE, .horizon_ms = 10 * MS_PER_HOUR},
                                        .watermark = event.watermark};
        event.person = 7 + i % 2;
        (void)profile_apply(&person, &change, &event);
    }
    person.profile->is_identified = event_count > 100;
}

/* The profile's bytes; free() them. */
static uint8_t *
encode(const struct profile *profile, uint64_t *out_bytes)
{
    *out_bytes = profile_codec_bytes(profile);
    uint8_t *bytes = malloc(*out_bytes);

    CHECK(bytes != NULL);
    CHECK_EQ(profile_codec_encode(profile, label, bytes, *out_bytes), *out_bytes);
    return bytes;
}

TEST(nonsense_is_refused_and_leaves_nothing)
{
    struct profile_label out_label;
    struct profile *profile;
    uint64_t bytes;
    uint64_t used;
    uint64_t dice = 1;
    uint8_t *encoded;

    given_a_rich_profile(120);
    encoded = encode(person.profile, &bytes);
    used = region_used(&kept_region);
    for (uint64_t cut = 0; cut < bytes; cut += 1 + cut / 50) {
        CHECK_EQ(profile_codec_decode(&memory, encoded, cut, &out_label, &profile), PROFILE_CODEC_BAD);
    }
    for (uint32_t i = 0; i < 3000; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1;
        uint64_t at = (dice >> 33) % bytes;
        uint8_t was = encoded[at];
        encoded[at] ^= (uint8_t)(1u << (dice >> 61));
        if (profile_codec_decode(&memory, encoded, bytes, &out_label, &profile) == 0) {
            profile_destroy(&memory, profile);
        }
        encoded[at] = was;
    }
    CHECK_EQ(region_used(&kept_region), used);
    free(encoded);
    then_memory_ends();
}

TEST(a_profile_comes_back_as_it_was)
{
    for (uint32_t count = 0; count < 400; count += 97) {
        struct profile_label out_label;
        struct profile *profile;
        uint64_t bytes;
        uint64_t bytes_again;

        given_a_rich_profile(count);
        uint8_t *encoded = encode(person.profile, &bytes);
        CHECK_EQ(profile_codec_decode(&memory, encoded, bytes, &out_label, &profile), 0);
        CHECK_EQ(out_label.person, 7);
        CHECK(uuid_equal(out_label.canonical, label.canonical));
        uint8_t *again = encode(profile, &bytes_again);
        CHECK_EQ(bytes_again, bytes);
        CHECK_BYTES(again, encoded, bytes);
        CHECK_EQ(profile->is_identified, count > 100);
        CHECK_EQ(profile->sessions.archived_count, person.profile->sessions.archived_count);
        profile_destroy(&memory, profile);
        free(encoded);
        free(again);
        then_memory_ends();
    }
}

/* The bytes of a profile are a profile, wherever they are, and one made anew has the same answers in fewer bytes. */
TEST(a_profile_is_the_same_elsewhere_and_anew)
{
    for (uint32_t count = 0; count < 400; count += 57) {
        uint64_t bytes;

        given_a_rich_profile(count);
        uint8_t *encoded = encode(person.profile, &bytes);
        for (uint32_t round = 0; round < 3; round++) {
            struct profile *profile = round == 1 ? profile_renew(&memory, person.profile, 0)
                                                 : profile_copy(&memory, person.profile);
            uint32_t used = person.profile->pack.used;
            uint64_t bytes_again;
            memset(person.profile, 0xa5, used);
            uint8_t *again = encode(profile, &bytes_again);
            CHECK_EQ(bytes_again, bytes);
            CHECK_BYTES(again, encoded, bytes);
            CHECK(profile->pack.used <= used);
            CHECK(profile->pack.used <= profile->pack.capacity);
            free(again);
            person.profile = profile;
        }
        free(encoded);
        then_memory_ends();
    }
}
