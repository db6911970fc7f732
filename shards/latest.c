/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/latest.h"

void
latest_take(struct memory *memory, struct latest *latest, struct latest *other)
{
    if (other->text.bytes > 0 && (latest->text.bytes == 0 || stamp_is_after(other->at, latest->at))) {
        short_text_put(memory, &latest->text);
        *latest = *other;
        *other = (struct latest){0};
        return;
    }
    short_text_put(memory, &other->text);
    *other = (struct latest){0};
}
