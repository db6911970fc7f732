/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_trick.h"

#include "tests/check.h"

#define LINE TEXT("{\"tenant_id\":\"acme\",\"event_id\":\"1\"}\n")

static struct produce_tricks *tricks;
static char row[4096];
static enum produce_trick trick;

static uint32_t
row_of(uint64_t dice)
{
    return produce_tricks_row(tricks, dice, "acme", LINE, row, &trick);
}

static void
given_tricks(bool is_past)
{
    produce_tricks_destroy(tricks);
    tricks = NULL;
    CHECK_EQ(produce_tricks_create(LINE.bytes, is_past, &tricks), 0);
}

TEST(the_first_row_may_be_sent_again_already)
{
    given_tricks(false);
    CHECK_EQ(row_of(0), LINE.bytes);
    CHECK_EQ(trick, PRODUCE_TRICK_DUPLICATE);
    CHECK_BYTES(row, LINE.data, LINE.bytes);
}

TEST(mostly_there_is_no_other_row)
{
    given_tricks(false);
    CHECK_EQ(row_of(UINT64_MAX), 0);
    CHECK_EQ(row_of(UINT16_MAX / 2), 0);
}

TEST(every_row_ends_its_line_and_is_short)
{
    uint32_t seen = 0;

    given_tricks(false);
    for (uint64_t dice = 0; dice < UINT64_C(1) << 32; dice += 65539 * 3) {
        uint32_t bytes = row_of(dice);

        if (bytes > 0) {
            CHECK(bytes <= LINE.bytes + PRODUCE_TRICK_BYTES_MAX);
            CHECK_EQ(row[bytes - 1], '\n');
            CHECK(memchr(row, '\n', bytes) == row + bytes - 1);
            seen |= PRODUCE_TRICK_BIT(trick);
        }
    }
    CHECK_EQ(seen, PRODUCE_TRICK_BIT(PRODUCE_TRICK_DUPLICATE) | PRODUCE_TRICK_BIT(PRODUCE_TRICK_MALFORMED) |
                       PRODUCE_TRICK_BIT(PRODUCE_TRICK_NOBODY));
}

TEST(times_are_moved_as_far_as_the_table_says)
{
    for (uint64_t dice = 0; dice < 1 << 17; dice += 7) {
        int64_t ms;

        given_tricks(false);
        ms = produce_trick_shift(tricks, PRODUCE_TRICK_LATE, dice);
        CHECK(ms <= -120000 && ms >= -6 * MS_PER_HOUR);
        ms = produce_trick_shift(tricks, PRODUCE_TRICK_DISORDER, dice);
        CHECK(ms <= 0 && ms > -50000);
        ms = produce_trick_shift(tricks, PRODUCE_TRICK_SKEW, dice);
        CHECK(ms % 60000 == 0 && (ms >= MS_PER_HOUR || ms <= -MS_PER_HOUR));
        CHECK(ms <= 12 * MS_PER_HOUR && ms >= -12 * MS_PER_HOUR);
    }
    given_tricks(true); /* where nobody cuts it off, no clock is ahead */
    for (uint64_t dice = 0; dice < 1 << 17; dice += 7) {
        CHECK(produce_trick_shift(tricks, PRODUCE_TRICK_SKEW, dice) < 0);
    }
}
