/* SPDX-License-Identifier: Apache-2.0 */

#include "shards/budget.h"

#include "tests/check.h"

#define MIB (UINT64_C(1) << 20)

TEST(nobody_is_asked_for_the_last_of_it)
{
    struct budget budget = {
        .bytes_max = 80 * MIB, .used_bytes = 800 * MIB, .own_bytes = 800 * MIB, .leavable_bytes = 2 * MIB};

    CHECK_EQ(budget_limit(&budget, 2 * MIB), BUDGET_PART_BYTES_MIN);
    CHECK_EQ(budget_limit(&budget, 0), BUDGET_PART_BYTES_MIN);
    budget.leavable_bytes = 0;
    CHECK_EQ(budget_limit(&budget, 0), BUDGET_PART_BYTES_MIN);
}

TEST(while_there_is_room_a_part_may_have_it)
{
    struct budget budget = {
        .bytes_max = 80 * MIB, .used_bytes = 30 * MIB, .own_bytes = 10 * MIB, .leavable_bytes = 8 * MIB};

    CHECK_EQ(budget_limit(&budget, 8 * MIB), 48 * MIB);
    budget.used_bytes = 70 * MIB;
    CHECK_EQ(budget_limit(&budget, 8 * MIB), 8 * MIB);
}

TEST(an_excess_is_shared_by_size)
{
    struct budget budget = {
        .bytes_max = 80 * MIB, .used_bytes = 80 * MIB, .own_bytes = 40 * MIB, .leavable_bytes = 20 * MIB};

    CHECK_EQ(budget_limit(&budget, 16 * MIB), 12 * MIB); /* five of the ten are ours, four fifths of that */
    CHECK_EQ(budget_limit(&budget, 4 * MIB), 3 * MIB);
    budget = (struct budget){.bytes_max = UINT64_MAX / 2,
                             .used_bytes = UINT64_MAX / 2,
                             .own_bytes = UINT64_MAX / 4,
                             .leavable_bytes = UINT64_MAX / 8};
    CHECK(budget_limit(&budget, UINT64_MAX / 8) < UINT64_MAX / 8);
}

/* Two shards, of which one has most of what can leave; other state grows all the time. */
TEST(turn_by_turn_what_can_leave_makes_room)
{
    uint64_t other[2] = {10 * MIB, 10 * MIB};
    uint64_t parts[2] = {10 * MIB, 30 * MIB};
    const uint64_t most = 80 * MIB;

    for (uint32_t i = 0; i < 400; i++) {
        uint64_t used = other[0] + parts[0] + other[1] + parts[1];
        if (i > 30) {
            CHECK(used <= most - most / 16);
        }
        for (uint32_t k = 0; k < 2; k++) {
            struct budget budget = {.bytes_max = most,
                                    .used_bytes = used,
                                    .own_bytes = other[k] + parts[k],
                                    .leavable_bytes = parts[k]};
            uint64_t limit = budget_limit(&budget, parts[k]);
            parts[k] += MIB / 2; /* more is wanted than there is room for */
            parts[k] = parts[k] > limit ? limit : parts[k];
            other[k] += MIB / 20;
        }
    }
    CHECK(parts[0] < 30 * MIB);
    CHECK(parts[1] < 30 * MIB);
}
