/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/slice_record.h"

#include "shards/profile_codec.h"
#include "shards/share.h"

struct slice_head
slice_record_head(const struct share *share, enum slice_record_kind kind)
{
    return (struct slice_head){
        .kind = (uint8_t)kind,
        .version = SLICE_RECORD_VERSION,
        .partition = share->partition,
        .tenant_no = share->tenant_no,
    };
}

uint32_t
slice_record_write_person(const struct person *person, struct slice_person *to, uint32_t room)
{
    const struct profile_label label = {
        .canonical = person->canonical, .person = person->number, .tenant_no = person->share->tenant_no};
    uint64_t bytes = 0;

    REQUIRE(room >= sizeof(*to));
    *to = (struct slice_person){.head = slice_record_head(person->share, SLICE_PERSON),
                                .number = person->number};
    ASSERT(!person->is_away);
    if (person->profile != NULL) {
        bytes = profile_codec_encode(person->profile, label, to->profile, room - sizeof(*to));
        to->profile_bytes = (uint32_t)bytes;
    }
    ASSERT(bytes < UINT32_MAX - sizeof(*to));
    return (uint32_t)(sizeof(*to) + bytes);
}

uint32_t
slice_record_session_bytes(struct session_at at)
{
    uint64_t bytes = profile_codec_session_bytes(at);

    ASSERT(bytes < UINT32_MAX - sizeof(struct slice_session));
    return (uint32_t)(sizeof(struct slice_session) + bytes);
}

void
slice_record_write_session(const struct share *share, struct session_at at, struct slice_session *to)
{
    *to = (struct slice_session){
        .head = slice_record_head(share, SLICE_SESSION),
        .session_bytes = (uint32_t)profile_codec_session_bytes(at),
    };
    profile_codec_encode_session(at, to->session);
}

/* The first one is the beginning of the whole, each later one has a head and what comes next. */
static uint32_t
part_begin(uint32_t bytes_max, uint32_t number)
{
    return number == 0 ? 0 : bytes_max + (number - 1) * (bytes_max - (uint32_t)sizeof(struct slice_part));
}

uint32_t
slice_record_part_count(uint32_t bytes, uint32_t bytes_max)
{
    uint32_t each = bytes_max - (uint32_t)sizeof(struct slice_part);

    return bytes <= bytes_max ? 1 : 1 + (bytes - bytes_max + each - 1) / each;
}

uint32_t
slice_record_write_part(const void *whole, uint32_t bytes, uint32_t bytes_max, uint32_t number, void *to)
{
    uint32_t begin = part_begin(bytes_max, number);
    uint32_t end = part_begin(bytes_max, number + 1);
    uint32_t count = (end < bytes ? end : bytes) - begin;
    const struct slice_head *head = whole;
    struct slice_part *part = to;

    if (number == 0) {
        if (to != NULL) {
            memcpy(to, whole, count);
        }
        return count;
    }
    if (to != NULL) {
        *part = (struct slice_part){.head = *head, .part = number, .bytes = count};
        part->head.kind = SLICE_PART;
        memcpy(part->data, (const uint8_t *)whole + begin, count);
    }
    return (uint32_t)sizeof(*part) + count;
}

uint64_t
slice_record_whole_bytes(const struct slice_part *last, uint32_t bytes_max)
{
    return (uint64_t)part_begin(bytes_max, last->part) + last->bytes;
}

void
slice_record_read_part(const void *record, uint32_t bytes_max, void *whole)
{
    const struct slice_part *part = record;

    if (part->head.kind == SLICE_PART) {
        memcpy((uint8_t *)whole + part_begin(bytes_max, part->part), part->data, part->bytes);
    } else {
        memcpy(whole, record, bytes_max);
    }
}

/* The version (4 bits) and variant (2 bits) of a UUID, but for those of version 5, say the number, and where they do not
   suffice, another byte differs from the canonical's. */
#define VERSION_5_CODE (5u << 2 | 2u)
#define CODE_COUNT 63u /* without that one */
#define MORE_AT 15u
static_assert(SLICE_PART_COUNT_MAX == 1 + CODE_COUNT * 256, "more is a byte");

static uint32_t
key_code(struct store_key key)
{
    return (uint32_t)(key.byte[6] >> 4) << 2 | key.byte[8] >> 6;
}

static struct store_key
with_code(struct store_key key, uint32_t code)
{
    key.byte[6] = (uint8_t)((key.byte[6] & 0x0f) | code >> 2 << 4);
    key.byte[8] = (uint8_t)((key.byte[8] & 0x3f) | (code & 3) << 6);
    return key;
}

struct store_key
slice_record_part_key(struct store_key canonical, uint32_t number)
{
    uint32_t code = (number - 1) % CODE_COUNT;

    REQUIRE(number < SLICE_PART_COUNT_MAX);
    REQUIRE(key_code(canonical) == VERSION_5_CODE);
    if (number == 0) {
        return canonical;
    }
    canonical.byte[MORE_AT] ^= (uint8_t)((number - 1) / CODE_COUNT);
    return with_code(canonical, code < VERSION_5_CODE ? code : code + 1);
}

bool
slice_record_is_part_key(struct store_key key)
{
    return key_code(key) != VERSION_5_CODE;
}

struct store_key
slice_record_common_key(struct store_key key)
{
    key.byte[MORE_AT] = 0;
    return with_code(key, VERSION_5_CODE);
}

uint32_t
slice_record_part_number(struct store_key canonical, struct store_key part_key)
{
    uint32_t more = canonical.byte[MORE_AT] ^ part_key.byte[MORE_AT];
    uint32_t code = key_code(part_key);

    if (code == VERSION_5_CODE) {
        return 0;
    }
    return more * CODE_COUNT + (code < VERSION_5_CODE ? code : code - 1) + 1;
}

bool
slice_record_part_canonical(struct store_key part_key, uint32_t number, struct store_key *out_canonical)
{
    *out_canonical = with_code(part_key, VERSION_5_CODE);
    if (number == 0 || number >= SLICE_PART_COUNT_MAX) {
        return false;
    }
    out_canonical->byte[MORE_AT] ^= (uint8_t)((number - 1) / CODE_COUNT);
    return slice_record_part_number(*out_canonical, part_key) == number;
}

uint8_t
slice_record_kind(const void *record, uint32_t bytes)
{
    const struct slice_head *head = record;
    const struct slice_person *person = record;
    const struct slice_session *session = record;
    const struct slice_part *part = record;
    const struct slice_list *list = record;
    const struct slice_stretch *stretch = record;
    const struct kept_event *event = record;
    bool is_sound = false;

    if (bytes < sizeof(*head) || head->version != SLICE_RECORD_VERSION) {
        return 0;
    }
    switch (head->kind) {
    case SLICE_PERSON:
        is_sound = bytes >= sizeof(*person) && bytes - sizeof(*person) <= person->profile_bytes;
        break;
    case SLICE_EVENT:
        is_sound = bytes > sizeof(*event) &&
                   record_is_sound(kept_event_record(event), bytes - (uint32_t)sizeof(*event));
        break;
    case SLICE_SESSION:
        is_sound = bytes > sizeof(*session) && bytes - sizeof(*session) <= session->session_bytes;
        break;
    case SLICE_PART:
        is_sound = bytes > sizeof(*part) && bytes - sizeof(*part) == part->bytes && part->part > 0;
        break;
    case SLICE_STRETCH:
        is_sound = bytes > sizeof(*stretch) && stretch->count <= ORDER_CHUNK_COUNT &&
                   bytes - sizeof(*stretch) == stretch->count * sizeof(stretch->entries[0]);
        break;
    case SLICE_LIST:
        is_sound = bytes > sizeof(*list) &&
                   bytes - sizeof(*list) == (uint64_t)list->count * sizeof(list->entries[0]);
        break;
    default:
        break;
    }
    return is_sound ? head->kind : 0;
}
