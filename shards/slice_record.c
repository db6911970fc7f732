/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/slice_record.h"

#include "shards/profile_codec.h"
#include "shards/share.h"

static struct slice_head
head_of(const struct share *share, enum slice_record_kind kind)
{
    return (struct slice_head){
        .kind = (uint8_t)kind,
        .version = SLICE_RECORD_VERSION,
        .partition = share->partition,
        .tenant_no = share->tenant_no,
    };
}

uint32_t
slice_record_person_bytes(const struct person *person)
{
    uint64_t bytes = person->profile != NULL ? profile_codec_bytes(person->profile) : 0;

    ASSERT(bytes < UINT32_MAX - sizeof(struct slice_person));
    return (uint32_t)(sizeof(struct slice_person) + bytes);
}

void
slice_record_write_person(const struct person *person, struct slice_person *to)
{
    *to = (struct slice_person){.head = head_of(person->share, SLICE_PERSON), .number = person->number};
    if (person->profile != NULL) {
        to->profile_bytes = (uint32_t)profile_codec_bytes(person->profile);
        profile_codec_encode(person->profile,
                             (struct profile_label){.canonical = person->canonical,
                                                    .person = person->number,
                                                    .tenant_no = person->share->tenant_no},
                             to->profile);
    }
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
        .head = head_of(share, SLICE_SESSION),
        .session_bytes = (uint32_t)profile_codec_session_bytes(at),
    };
    profile_codec_encode_session(at, to->session);
}

static bool
has_room(uint32_t bytes, uint64_t fixed, uint32_t behind)
{
    return bytes >= fixed && bytes - fixed >= behind;
}

uint8_t
slice_record_kind(const void *record, uint32_t bytes)
{
    const struct slice_head *head = record;
    const struct slice_person *person = record;
    const struct slice_session *session = record;
    const struct kept_event *event = record;
    bool is_sound = false;

    if (bytes < sizeof(*head) || head->version != SLICE_RECORD_VERSION) {
        return 0;
    }
    switch (head->kind) {
    case SLICE_PERSON:
        is_sound = bytes >= sizeof(*person) && has_room(bytes, sizeof(*person), person->profile_bytes);
        break;
    case SLICE_EVENT:
        is_sound = bytes > sizeof(*event) &&
                   record_is_sound(kept_event_record(event), bytes - (uint32_t)sizeof(*event));
        break;
    case SLICE_SESSION:
        is_sound = bytes >= sizeof(*session) && has_room(bytes, sizeof(*session), session->session_bytes);
        break;
    default:
        break;
    }
    return is_sound ? head->kind : 0;
}
