/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/latest.h"

void
latest_take(struct pack *pack, struct latest *latest, struct pack *from, const struct latest *other)
{
    struct pack_text text = other->text;

    if (text.bytes == 0 || (latest->text.bytes > 0 && !stamp_is_after(other->at, latest->at))) {
        return;
    }
    pack_move_text(pack, from, &text);
    *latest = (struct latest){.text = text, .at = other->at};
}
