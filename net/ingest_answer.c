/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ingest_answer.h"

static bool
read_count(const struct json_value *value, uint64_t *out_count)
{
    int64_t number;

    if (value->kind != JSON_NUMBER || !json_number_int64(value->raw, &number) || number < 0) {
        return false;
    }
    *out_count = (uint64_t)number;
    return true;
}

bool
ingest_answer_read(struct json_in *json, struct text text, struct ingest_answer *out_answer)
{
    struct ingest_answer answer = {.json = json};
    const struct json_value *members;
    uint32_t count;
    uint32_t found = 0;

    if (json_in_object(json, text, &members, &count) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool is_good;

        if (text_equal(members[i].key, TEXT("accepted"))) {
            is_good = read_count(&members[i], &answer.accepted);
        } else if (text_equal(members[i].key, TEXT("duplicates"))) {
            is_good = read_count(&members[i], &answer.duplicates);
        } else if (text_equal(members[i].key, TEXT("rejected"))) {
            is_good = json_in_elements(json, &members[i], &answer.rejects) == 0;
        } else {
            continue;
        }
        if (!is_good) {
            return false;
        }
        found++;
    }
    if (found != 3) {
        return false;
    }
    *out_answer = answer;
    return true;
}

bool
ingest_answer_reject(struct ingest_answer *answer, struct ingest_reject *out_reject)
{
    struct ingest_reject reject = {.index = 0};
    const struct json_value *members;
    struct json_value element;
    uint32_t count;

    if (!json_in_next_element(answer->json, &answer->rejects, &element) ||
        json_in_members(answer->json, &element, &members, &count) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (text_equal(members[i].key, TEXT("index")) && !read_count(&members[i], &reject.index)) {
            return false;
        }
        if (text_equal(members[i].key, TEXT("error"))) {
            reject.error = members[i].text;
        }
    }
    *out_reject = reject;
    return true;
}

struct text
ingest_answer_error(struct json_in *json, struct text text)
{
    const struct json_value *members;
    uint32_t count;

    if (json_in_object(json, text, &members, &count) != 0) {
        return text;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (text_equal(members[i].key, TEXT("error")) && members[i].kind == JSON_STRING) {
            return members[i].text;
        }
    }
    return text;
}
