/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ingest_answer.h"

#include "tests/check.h"

static struct json_in *json;
static struct ingest_answer answer;

static struct text
padded(const char *said)
{
    static char room[1024];

    CHECK(strlen(said) + JSON_IN_PADDING < sizeof(room));
    memset(room, 0, sizeof(room));
    memcpy(room, said, strlen(said));
    return (struct text){.data = room, .bytes = (uint32_t)strlen(said)};
}

static bool
read_answer(const char *said)
{
    if (json == NULL) {
        CHECK_EQ(json_in_create(4096, &json), 0);
    }
    return ingest_answer_read(json, padded(said), &answer);
}

TEST(what_no_node_says_is_none)
{
    CHECK(!read_answer(""));
    CHECK(!read_answer("[]"));
    CHECK(!read_answer("{}"));
    CHECK(!read_answer("{\"accepted\":1,\"duplicates\":0}"));
    CHECK(!read_answer("{\"accepted\":-1,\"duplicates\":0,\"rejected\":[]}"));
    CHECK(!read_answer("{\"accepted\":\"1\",\"duplicates\":0,\"rejected\":[]}"));
    CHECK(!read_answer("{\"accepted\":1,\"duplicates\":0,\"rejected\":3}"));
    CHECK(!read_answer("{\"accepted\":1,\"duplicates\":0,\"rejected\":[]"));
}

TEST(counts_and_rejects_are_read)
{
    struct ingest_reject reject;

    CHECK(read_answer(
        "{\"success\":true,\"accepted\":48,\"duplicates\":1,\"rejected\":["
        "{\"index\":7,\"error\":\"event_time: \\\"x\\\" is none\"},{\"index\":9,\"error\":\"no\"}]}"));
    CHECK_EQ(answer.accepted, 48);
    CHECK_EQ(answer.duplicates, 1);
    CHECK(ingest_answer_reject(&answer, &reject));
    CHECK_EQ(reject.index, 7);
    CHECK_TEXT(reject.error, "event_time: \"x\" is none");
    CHECK(ingest_answer_reject(&answer, &reject));
    CHECK_EQ(reject.index, 9);
    CHECK(!ingest_answer_reject(&answer, &reject));
}

TEST(rejects_that_are_none_end_the_list)
{
    struct ingest_reject reject;

    CHECK(read_answer("{\"accepted\":0,\"duplicates\":0,\"rejected\":[7]}"));
    CHECK(!ingest_answer_reject(&answer, &reject));
    CHECK(read_answer("{\"accepted\":0,\"duplicates\":0,\"rejected\":[{\"index\":\"7\"}]}"));
    CHECK(!ingest_answer_reject(&answer, &reject));
}

TEST(a_refusal_says_why)
{
    CHECK(!read_answer(""));
    CHECK_TEXT(ingest_answer_error(json, padded("{\"success\":false,\"error\":\"busy\"}")), "busy");
    CHECK_TEXT(ingest_answer_error(json, padded("<html>")), "<html>");
    CHECK_TEXT(ingest_answer_error(json, padded("{}")), "{}");
}
