/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/gather.h"

#include <errno.h>

#include "tests/check.h"

static const char said[] = "twelve bytes";
#define SAID_BYTES (sizeof(said) - 1)

TEST(a_piece_before_the_beginning_an_empty_one_and_one_too_long_are_refused)
{
    struct gather gather = {0};

    CHECK_EQ(gather_add(&gather, said, 1), -EINVAL);
    CHECK_EQ(gather_begin(&gather, 0), -EINVAL);
    CHECK_EQ(gather_begin(&gather, SAID_BYTES), 0);
    CHECK_EQ(gather_begin(&gather, SAID_BYTES), -EINVAL);
    CHECK_EQ(gather_add(&gather, said, 0), -EINVAL);
    CHECK_EQ(gather_add(&gather, said, SAID_BYTES + 1), -EINVAL);
    CHECK_EQ(gather_add(&gather, said, 5), 0);
    CHECK_EQ(gather_add(&gather, said + 5, SAID_BYTES - 4), -EINVAL);
    CHECK_EQ(gather_add(&gather, said, UINT64_MAX), -EINVAL);
    CHECK(!gather_is_whole(&gather));
    gather_end(&gather);
    gather_end(&gather);
    CHECK(!gather_is_whole(&gather));
}

TEST(more_than_the_region_can_have_is_no_memory)
{
    struct region region;
    struct gather gather = {.region = &region};

    CHECK_EQ(region_init(&region, 65536), 0);
    CHECK_EQ(gather_begin(&gather, UINT64_C(1) << 62), -ENOMEM);
    CHECK_EQ(gather_begin(&gather, 65537), -ENOMEM);
    CHECK(!gather_is_whole(&gather));
    gather_end(&gather);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

TEST(pieces_are_together_in_the_region_or_on_the_heap)
{
    struct region region;

    CHECK_EQ(region_init(&region, 65536), 0);
    for (int has_region = 0; has_region < 2; has_region++) {
        struct gather gather = {.region = has_region ? &region : NULL};

        CHECK_EQ(gather_begin(&gather, SAID_BYTES), 0);
        for (uint64_t i = 0; i < SAID_BYTES; i += 3) {
            CHECK(!gather_is_whole(&gather));
            CHECK_EQ(gather_add(&gather, said + i, 3), 0);
        }
        CHECK(gather_is_whole(&gather));
        CHECK(memcmp(gather.bytes, said, SAID_BYTES) == 0);
        CHECK_EQ(region_used(&region) > 0, has_region);
        gather_end(&gather);
        CHECK_EQ(region_used(&region), 0);
    }
    region_deinit(&region);
}
