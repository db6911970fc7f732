/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/node_world.h"

#define QUERIES_MAX 700u

static struct query {
    struct scatter scatter;
    struct arena arena;
    struct question questions[WORLD_PARTITION_COUNT];
    uint32_t done_count;
} queries[QUERIES_MAX];

static void
query_done(struct scatter *scatter)
{
    struct query *query = scatter->context;

    query->done_count++;
}

static void
begin(struct query *query, uint32_t from)
{
    memset(query, 0, sizeof(*query));
    here = world.shards[from].id;
    arena_init(&query->arena, &world.shards[from].arenas, 0);
    CHECK(scatter_begin(&query->scatter, &world.shards[from], &query->arena, query_done, query));
}

static void
add(struct query *query, uint16_t partition)
{
    struct question *question = &query->questions[partition];

    *question = (struct question){.kind = QUESTION_TENANTS, .target = partition};
    CHECK(scatter_add(&query->scatter, question));
}

static void
end(struct query *query)
{
    here = query->scatter.shard->id;
    scatter_end(&query->scatter);
    arena_reset(&query->arena);
}

static void
then_all_memory_is_back(void)
{
    world_rest();
    for (uint32_t i = 0; i < world.shard_count; i++) {
        CHECK_EQ(world.shards[i].arenas.bytes_taken, 0);
        CHECK_EQ(world.shards[i].answers.bytes_taken, 0);
        CHECK_EQ(world.shards[i].queries_out, 0);
        for (uint32_t to = 0; to < world.shard_count; to++) {
            CHECK_EQ(world.shards[i].messages_out[to], 0);
        }
    }
    then_the_world_ends();
}

TEST(a_round_of_nothing_is_not_sent)
{
    given_a_world();
    given_a_node(2);
    begin(&queries[0], 0);
    CHECK_EQ(scatter_go(&queries[0].scatter), 0);
    CHECK_EQ(queries[0].done_count, 0);
    end(&queries[0]);
    then_all_memory_is_back();
}

TEST(questions_that_were_not_sent_are_forgotten)
{
    given_a_world();
    given_a_node(2);
    begin(&queries[0], 0);
    add(&queries[0], 1);
    end(&queries[0]);
    then_all_memory_is_back();
}

TEST(a_scatter_with_questions_out_does_not_end)
{
    given_a_world();
    given_a_node(2);
    begin(&queries[0], 0);
    add(&queries[0], 1);
    CHECK_EQ(scatter_go(&queries[0].scatter), 1);
    CHECK_DIES(scatter_end(&queries[0].scatter));
    world_rest();
    CHECK_EQ(queries[0].done_count, 1);
    end(&queries[0]);
    then_all_memory_is_back();
}

TEST(a_full_arena_takes_no_question)
{
    struct arena tiny;
    struct scatter scatter;
    struct question question = {.kind = QUESTION_TENANTS};

    given_a_world();
    given_a_node(2);
    here = world.shards[0].id;
    arena_init(&tiny, &world.shards[0].arenas, 8);
    CHECK(!scatter_begin(&scatter, &world.shards[0], &tiny, query_done, NULL));
    arena_reset(&tiny);
    arena_init(&tiny, &world.shards[0].arenas, 32);
    CHECK(scatter_begin(&scatter, &world.shards[0], &tiny, query_done, NULL));
    CHECK(!scatter_add(&scatter, &question));
    CHECK_EQ(scatter_go(&scatter), 0);
    scatter_end(&scatter);
    arena_reset(&tiny);
    then_all_memory_is_back();
}

TEST(done_is_called_once_when_the_last_answer_is_back)
{
    given_a_world();
    given_a_node(3);
    for (uint16_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        world_send(p % 3, (struct world_event){.tenant = world_tenant_of(p), .id = "1"}, 1);
    }
    begin(&queries[0], 1);
    for (uint16_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        add(&queries[0], p);
    }
    CHECK_EQ(scatter_go(&queries[0].scatter), 3); /* one message a shard */
    world_turn(1);
    world_turn(0);
    world_turn(1);
    CHECK_EQ(queries[0].done_count, 0); /* the third has not spoken */
    world_rest();
    CHECK_EQ(queries[0].done_count, 1);
    for (uint16_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        const struct question *question = &queries[0].questions[p];

        CHECK_EQ(question->fault, 0);
        CHECK_EQ(question->answer.tenants->count, 1);
        CHECK_TEXT(question->answer.tenants->rows[0].tenant_id, world_tenant_of(p));
    }

    /* A second round; the answers of the first stay. */
    static struct question again;
    again = (struct question){.kind = QUESTION_TENANTS, .target = 4};
    here = world.shards[1].id;
    CHECK(scatter_add(&queries[0].scatter, &again));
    CHECK_EQ(scatter_go(&queries[0].scatter), 1);
    world_rest();
    CHECK_EQ(queries[0].done_count, 2);
    CHECK_TEXT(again.answer.tenants->rows[0].tenant_id, world_tenant_of(4));
    CHECK_TEXT(queries[0].questions[5].answer.tenants->rows[0].tenant_id, world_tenant_of(5));
    end(&queries[0]);
    then_all_memory_is_back();
}

TEST(small_answers_of_a_message_lie_together)
{
    given_a_world();
    given_a_node(1);
    begin(&queries[0], 0);
    for (uint16_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        add(&queries[0], p);
    }
    CHECK_EQ(scatter_go(&queries[0].scatter), 1);
    world_rest();
    CHECK_EQ(queries[0].done_count, 1);
    for (uint16_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        CHECK_EQ(queries[0].questions[p].fault, 0);
        CHECK_EQ(queries[0].questions[p].arena.bytes_held, 0);
    }
    CHECK(world.shards[0].answers.bytes_taken > 0);
    CHECK(world.shards[0].answers.bytes_taken <= ARENA_CHUNK_BYTES);
    end(&queries[0]);
    then_all_memory_is_back();
}

TEST(what_is_over_the_limit_waits_until_answers_come)
{
    uint32_t done = 0;

    given_a_world();
    given_a_node(2);
    world_send(0, (struct world_event){.tenant = world_tenant_of(1), .id = "1"}, 1);
    for (uint32_t i = 0; i < QUERIES_MAX; i++) {
        begin(&queries[i], 0);
        add(&queries[i], 1);
        CHECK_EQ(scatter_go(&queries[i].scatter), 1);
    }
    CHECK_EQ(world.shards[0].messages_out[1], SCATTER_MESSAGES_MAX);
    for (uint32_t round = 0; done < QUERIES_MAX; round++) {
        CHECK(round < 1000);
        world_round();
        for (uint32_t i = 0; i < QUERIES_MAX; i++) {
            if (queries[i].done_count == 1) {
                CHECK_EQ(queries[i].questions[1].answer.tenants->count, 1);
                end(&queries[i]);
                queries[i].done_count = 2;
                done++;
            }
            CHECK(world.shards[0].messages_out[1] <= SCATTER_MESSAGES_MAX);
        }
    }
    then_all_memory_is_back();
}

TEST(queries_that_hold_answers_all_get_their_second_round)
{
    given_a_world();
    given_a_node(2);
    for (uint32_t i = 0; i < QUERIES_MAX; i++) {
        begin(&queries[i], 0);
        add(&queries[i], 1);
        CHECK_EQ(scatter_go(&queries[i].scatter), 1);
    }
    world_rest();
    here = world.shards[0].id;
    for (uint32_t i = 0; i < QUERIES_MAX; i++) {
        CHECK_EQ(queries[i].done_count, 1);
        add(&queries[i], 3);
        CHECK_EQ(scatter_go(&queries[i].scatter), 1);
    }
    world_rest();
    for (uint32_t i = 0; i < QUERIES_MAX; i++) {
        CHECK_EQ(queries[i].done_count, 2);
        end(&queries[i]);
    }
    then_all_memory_is_back();
}

TEST(answers_held_by_one_query_do_not_stop_the_others_answers)
{
    given_a_world();
    given_a_node(2);
    for (uint32_t i = 0; i < SCATTER_MESSAGES_MAX; i++) {
        begin(&queries[i], 0);
        add(&queries[i], 1);
        CHECK_EQ(scatter_go(&queries[i].scatter), 1);
    }
    begin(&queries[600], 1); /* the other way */
    add(&queries[600], 0);
    CHECK_EQ(scatter_go(&queries[600].scatter), 1);
    world_rest();
    CHECK_EQ(queries[600].done_count, 1);
    end(&queries[600]);
    for (uint32_t i = 0; i < SCATTER_MESSAGES_MAX; i++) {
        CHECK_EQ(queries[i].done_count, 1);
        end(&queries[i]);
    }
    then_all_memory_is_back();
}

TEST(a_node_that_ends_in_the_middle_of_answers_leaves_nothing)
{
    static struct question questions[40];

    given_a_world();
    given_a_node(2);
    world_send(0, (struct world_event){.tenant = world_tenant_of(1), .id = "1"}, 1);
    begin(&queries[0], 0);
    for (uint32_t i = 0; i < COUNT_OF(questions); i++) {
        questions[i] = (struct question){.kind = QUESTION_TENANTS, .target = 1};
        CHECK(scatter_add(&queries[0].scatter, &questions[i]));
    }
    CHECK_EQ(scatter_go(&queries[0].scatter), 1);
    world_turn(0);
    world.clock.ns_per_look = RUN_QUEUE_SLICE_NS;
    world_turn(1);
    world.clock.ns_per_look = 0;
    CHECK(questions[0].answer.tenants != NULL);                       /* some are answered, */
    CHECK(questions[COUNT_OF(questions) - 1].answer.tenants == NULL); /* some are not */
    CHECK_EQ(queries[0].done_count, 0);
    CHECK(world.shards[1].answers.bytes_taken > 0);
    world_stop();
    CHECK_EQ(world.shards[1].answers.bytes_taken, 0);
    arena_reset(&queries[0].arena);
    then_the_world_ends();
}
