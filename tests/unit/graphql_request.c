/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_request.h"

#include <stdio.h>

#include "core/arena.h"
#include "tests/check.h"
#include "tests/unit/written.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_plan plan;
static char source[100000];

static int
prepare_named(const char *query, const char *name, const char *variables)
{
    struct json_tree *tree = NULL;

    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    if (variables != NULL) {
        CHECK_EQ(json_tree_parse(&arena, text_of(variables), &tree), 0);
    }
    return graphql_prepare(&arena, text_of(query), text_of(name), tree, &plan);
}

static void
accepts(const char *query, const char *variables)
{
    if (prepare_named(query, NULL, variables) != 0) {
        check_failed(__FILE__, __LINE__, "refused: %s: %.*s", query, (int)plan.errors.first->message.bytes,
                     plan.errors.first->message.data);
    }
}

static void
refuses(const char *query, const char *variables, const char *code)
{
    if (prepare_named(query, NULL, variables) != GRAPHQL_REFUSED) {
        check_failed(__FILE__, __LINE__, "accepted: %s", query);
    }
    CHECK_TEXT(plan.errors.first->code, code);
    CHECK(plan.selections == NULL);
}

/* The plan as keys: "a b{c d}". */
static struct text
keys(void)
{
    static char out[4096];
    const struct graphql_selection *stack[GRAPHQL_DEPTH_META_MAX + 1];
    struct written written = {.to = out, .room = sizeof(out)};
    uint32_t depth = 0;

    stack[0] = plan.selections;
    for (;;) {
        const struct graphql_selection *at = stack[depth];

        if (at == NULL) {
            if (depth == 0) {
                return (struct text){.data = out, .bytes = (uint32_t)written.bytes};
            }
            write_on(&written, "}");
            depth--;
            continue;
        }
        write_on(&written, "%s%.*s", written.bytes > 0 && out[written.bytes - 1] != '{' ? " " : "",
                 (int)at->response_key.bytes, at->response_key.data);
        stack[depth] = at->next;
        if (at->children != NULL) {
            write_on(&written, "{");
            stack[++depth] = at->children;
        }
    }
}

TEST(what_is_wrong_has_its_code)
{
    refuses("{", NULL, "GRAPHQL_PARSE_FAILED");
    refuses("{x}", NULL, "GRAPHQL_VALIDATION_FAILED");
    refuses("{__schema{x}}", NULL, "GRAPHQL_VALIDATION_FAILED");
    refuses("mutation{mergeProfiles(tenantId:1 loser:2 winner:3){userId}}", NULL, "NOT_SUPPORTED");
    CHECK(plan.has_operation);
    CHECK_EQ(plan.operation, GRAPHQL_MUTATION);
    refuses("subscription s{pulse(tenantId:1){time}}", NULL, "NOT_SUPPORTED");
    CHECK_EQ(plan.operation, GRAPHQL_SUBSCRIPTION);
    CHECK_TEXT(plan.operation_name, "s");
    refuses("fragment a on Query{__typename}", NULL, "GRAPHQL_VALIDATION_FAILED");
    CHECK(!plan.has_operation);
}

TEST(an_operation_is_picked_by_its_name)
{
    CHECK_EQ(prepare_named("query a{__typename} query b{x:__typename}", "c", NULL), GRAPHQL_REFUSED);
    CHECK_TEXT(plan.errors.first->code, "OPERATION_RESOLUTION_FAILURE");
    CHECK_EQ(prepare_named("query a{__typename} query b{x:__typename}", NULL, NULL), GRAPHQL_REFUSED);
    CHECK_TEXT(plan.errors.first->code, "OPERATION_RESOLUTION_FAILURE");
    CHECK_EQ(prepare_named("query a{__typename} query b{x:__typename}", "b", NULL), 0);
    CHECK_TEXT(keys(), "x");
    CHECK_EQ(prepare_named("query a{__typename}", "", NULL), 0);
    CHECK_EQ(prepare_named("query a{__typename} mutation b{deleteProfile(tenantId:1){events}}", "a", NULL),
             0);
}

TEST(variables_that_do_not_fit_are_refused)
{
    refuses("query($a:ID!){tenant(id:$a){id}}", NULL, "BAD_USER_INPUT");
    refuses("query($a:ID!){tenant(id:$a){id}}", "{}", "BAD_USER_INPUT");
    refuses("query($a:ID!){tenant(id:$a){id}}", "{\"a\":null}", "BAD_USER_INPUT");
    refuses("query($a:ID!){tenant(id:$a){id}}", "{\"a\":true}", "BAD_USER_INPUT");
    refuses("query($a:ID!){tenant(id:$a){id}}", "[]", "BAD_USER_INPUT");
    refuses("query($a:ID=1){tenant(id:$a){id}}", "{\"a\":null}", "BAD_USER_INPUT");
    refuses("query($a:ID! $b:Int!){tenant(id:$a){id @skip(if:true) profiles:id} p:profiles(tenantId:1 "
            "first:$b){totalCount}}",
            "{}", "BAD_USER_INPUT");
    CHECK_EQ(plan.errors.count, 2);
    accepts("query($a:ID!){tenant(id:$a){id}}", "{\"a\":1,\"unknown\":{}}");
    accepts("query($a:ID=1){tenant(id:$a){id}}", "null");
}

TEST(more_variables_than_a_document_can_name_are_refused)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{\"a\":1");
    for (uint32_t i = 0; i < GRAPHQL_VARIABLES_MAX; i++) {
        write_on(&written, ",\"b%u\":1", i);
    }
    write_on(&written, "}");
    refuses("query($a:ID!){tenant(id:$a){id}}", source, "TOO_MANY_VARIABLES");
}

TEST(arguments_are_found_by_their_number)
{
    const struct graphql_selection *at;
    const struct graphql_value *filter;

    accepts(
        "query($f:Int $l:Boolean $t:ID!){events(filter:{late:$l from:\"1970-01-01T00:00:01Z\"} tenantId:$t "
        "first:$f){nodes{eventId}}}",
        "{\"t\":7}");
    at = plan.selections;
    CHECK_EQ(at->field, FIELD_QUERY_EVENTS);
    CHECK_EQ(at->parent, TYPE_QUERY);
    CHECK_EQ(at->ref.type, TYPE_EVENT_CONNECTION);
    CHECK_EQ(at->argument_count, 4);
    CHECK_TEXT(graphql_argument(at, ARGUMENT_QUERY_EVENTS_TENANT_ID)->text, "7");
    CHECK_EQ(graphql_argument(at, ARGUMENT_QUERY_EVENTS_FIRST)->integer, 50);
    CHECK_EQ(graphql_argument(at, ARGUMENT_QUERY_EVENTS_AFTER)->kind, GRAPHQL_VALUE_ABSENT);
    filter = graphql_argument(at, ARGUMENT_QUERY_EVENTS_FILTER);
    CHECK_EQ(filter->kind, GRAPHQL_VALUE_OBJECT);
    CHECK_EQ(graphql_value_field(filter, INPUT_EVENT_FILTER_FROM)->time.ms, 1000);
    CHECK_EQ(graphql_value_field(filter, INPUT_EVENT_FILTER_LATE)->kind, GRAPHQL_VALUE_ABSENT);
    CHECK_DIES(graphql_argument(at, ARGUMENT_QUERY_MERGES_FIRST));
}

TEST(null_for_an_argument_with_a_default_is_the_default)
{
    accepts("query($n:Int){profiles(tenantId:1 first:$n orderBy:null filter:null){totalCount}}",
            "{\"n\":null}");
    CHECK_EQ(graphql_argument(plan.selections, ARGUMENT_QUERY_PROFILES_FIRST)->integer, 25);
    CHECK_EQ(graphql_argument(plan.selections, ARGUMENT_QUERY_PROFILES_ORDER_BY)->enumerator,
             ENUM_PROFILE_ORDER_LAST_SEEN_DESC);
    CHECK_EQ(graphql_argument(plan.selections, ARGUMENT_QUERY_PROFILES_FILTER)->kind, GRAPHQL_VALUE_NULL);
}

TEST(first_is_1_to_1000)
{
    refuses("{profiles(tenantId:1 first:0){totalCount}}", NULL, "INVALID_FIRST");
    refuses("{profiles(tenantId:1 first:-1){totalCount}}", NULL, "INVALID_FIRST");
    refuses("{profiles(tenantId:1 first:1001){totalCount}}", NULL, "INVALID_FIRST");
    refuses("query($n:Int!){profile(tenantId:1){topPages(first:$n){key}}}", "{\"n\":1001}", "INVALID_FIRST");
    accepts("{profiles(tenantId:1 first:1000){totalCount}}", NULL);
    accepts("{profiles(tenantId:1 first:1){totalCount}}", NULL);
}

TEST(conditions_decide_what_is_in_the_plan)
{
    accepts("query($y:Boolean! $n:Boolean=false){a:__typename @skip(if:$y) b:__typename @include(if:$y) "
            "c:__typename "
            "@skip(if:$n) d:__typename @include(if:$n) e:__typename @skip(if:false) @include(if:false) "
            "f:__typename "
            "@skip(if:true) @include(if:true) ...@include(if:$n){g:__typename} ...@skip(if:$n){h:__typename} "
            "...F "
            "@include(if:$n) ...F @include(if:$y)} fragment F on Query{i:__typename}",
            "{\"y\":true}");
    CHECK_TEXT(keys(), "b c h i");
    accepts("{tenants{id @skip(if:true)}}", NULL);
    CHECK(plan.selections->children == NULL);
    CHECK_EQ(plan.selections->child_count, 0);
    accepts("{__typename @skip(if:true)}", NULL);
    CHECK(plan.selections == NULL);
}

TEST(fields_of_one_key_are_merged_in_the_order_of_their_first)
{
    accepts(
        "{tenants{id} __typename ...F ...on Query{tenants{w:watermark ...G}} x:tenants{id}} fragment F on "
        "Query{tenants{totalEvents id ...G}} fragment G on Tenant{totalProfiles w:watermark}",
        NULL);
    CHECK_TEXT(keys(), "tenants{id totalEvents totalProfiles w} __typename x{id}");
    CHECK_EQ(plan.selection_count, 3);
    CHECK_EQ(plan.selections->child_count, 4);
    CHECK_EQ(plan.depth, 2);
    accepts("query($a:ID!){tenant(id:$a){id} tenant(id:$a){totalEvents}}", "{\"a\":1}");
    CHECK_TEXT(keys(), "tenant{id totalEvents}");
}

TEST(different_fields_of_one_key_conflict)
{
    refuses("{a:tenants{id} a:tenant(id:1){id}}", NULL, "FIELDS_CONFLICT");
    refuses("{tenant(id:1){id} tenant(id:2){id}}", NULL, "FIELDS_CONFLICT");
    refuses("{tenants{a:id} ...{tenants{a:watermark}}}", NULL, "FIELDS_CONFLICT");
    refuses(
        "{profile(tenantId:1){topPages{key}} ...F} fragment F on Query{profile(tenantId:1){topPages(first:5)"
        "{key}}}",
        NULL, "FIELDS_CONFLICT");
}

/* {profile{currentSession{events{nodes{session{events{nodes...}}}}}}}, `levels` of fields deep. */
static const char *
deep_query(uint32_t levels)
{
    static const char *const cycle[] = {"events(first:1){", "nodes{", "session{"};
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{profile(tenantId:1){currentSession{");
    for (uint32_t i = 0; i + 3 < levels; i++) {
        write_on(&written, "%s", cycle[i % 3]);
    }
    write_on(&written, "__typename");
    for (uint32_t i = 0; i < levels; i++) {
        write_on(&written, "}");
    }
    return source;
}

TEST(depth_12_is_allowed_and_13_is_not)
{
    accepts(deep_query(12), NULL);
    CHECK_EQ(plan.depth, 12);
    refuses(deep_query(13), NULL, "TOO_DEEP");
}

/* {__type{ofType{ofType...}}}, `levels` of fields deep. */
static const char *
deep_introspection(uint32_t levels)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{__type(name:\"Query\"){");
    for (uint32_t i = 0; i + 2 < levels; i++) {
        write_on(&written, "ofType{");
    }
    write_on(&written, "name");
    for (uint32_t i = 0; i < levels; i++) {
        write_on(&written, "}");
    }
    return source;
}

TEST(in_introspection_depth_20_is_allowed_and_21_is_not)
{
    accepts(deep_introspection(20), NULL);
    CHECK_EQ(plan.depth, 20);
    refuses(deep_introspection(21), NULL, "TOO_DEEP");
}

TEST(introspection_enters_types_by_fields_three_times_on_a_path)
{
    accepts("{__schema{types{fields{type{fields{type{fields{name}}}}}}}}", NULL);
    accepts("{__schema{types{fields{type{fields{name} ofType{fields{name}} x:fields{type{fields{name}}}}}}}}",
            NULL);
    refuses("{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}", NULL, "TOO_DEEP");
    refuses("{__schema{types{...F}}} fragment F on __Type{fields{type{...G}}} fragment G on __Type{a:fields{"
            "type{ofType{b:fields{type{...H}}}}}} fragment H on __Type{fields{name}}",
            NULL, "TOO_DEEP");
}

TEST(introspection_costs_nothing)
{
    accepts("{__schema{types{name fields{name args{name type{name}} type{fields{name type{name}}}}}}}", NULL);
    CHECK_EQ(plan.cost, 0);
    accepts("{__typename __type(name:\"Event\"){__typename name} tenants{id}}", NULL);
    CHECK_EQ(plan.cost, 1 + 1 + 10);
    /* By what it is, not by what it is called. */
    refuses("{__schema:profiles(tenantId:1 first:1000){nodes{events(first:19){nodes{eventId}}}}}", NULL,
            "TOO_COSTLY");
}

TEST(a_field_costs_the_product_of_the_pages_above_it)
{
    accepts("{__typename}", NULL);
    CHECK_EQ(plan.cost, 1);
    accepts("{tenants{id totalEvents}}", NULL);
    CHECK_EQ(plan.cost, 1 + 10 * 2);
    accepts("{profiles(tenantId:1 first:20){totalCount nodes{userId topPages{key}}}}", NULL);
    CHECK_EQ(plan.cost, 1 + 20 * 2 + 20 * 2 + 20 * 5);
    accepts("{profiles(tenantId:1 first:1000){nodes{a:userId b:userId c:userId d:userId e:userId f:userId "
            "g:userId "
            "h:userId i:userId j:userId k:userId l:userId m:userId n:userId o:userId p:userId q:userId "
            "r:userId}}}",
            NULL);
    CHECK_EQ(plan.cost, 19001);
    refuses("{profiles(tenantId:1 first:1000){nodes{events(first:19){nodes{eventId}}}}}", NULL, "TOO_COSTLY");
    refuses(
        "{profiles(tenantId:1 first:1000){nodes{events(first:1000){nodes{session{events(first:1000){nodes{"
        "eventId}}}}}}}}",
        NULL, "TOO_COSTLY");
}

/* Each fragment spreads the next under 40 keys: 64 000 fields from a page of text. */
TEST(a_fragment_bomb_is_refused_before_it_explodes)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{profile(tenantId:1){a:currentSession{...f0}b:currentSession{...f0}}}");
    for (int i = 0; i < 3; i++) {
        write_on(&written, " fragment f%d on Session{", i);
        for (int j = 0; j < 40; j++) {
            write_on(&written, "a%d:events(first:1){...g%d}", j, i);
        }
        write_on(&written, "} fragment g%d on EventConnection{nodes{session{...f%d}}}", i, i + 1);
    }
    write_on(&written, " fragment f3 on Session{__typename}");
    refuses(source, NULL, "TOO_COMPLEX");
}

/* NAME0ITEM NAME1ITEM ... */
static const char *
repeated(const char *before, const char *name, const char *item, int count, const char *after)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "%s", before);
    for (int i = 0; i < count; i++) {
        write_on(&written, "%s%d%s ", name, i, item);
    }
    write_on(&written, "%s", after);
    return source;
}

TEST(what_is_too_much_of_one_thing_is_refused_by_name)
{
    refuses(repeated("{", "a", ":__typename", 700, "}"), NULL, "TOO_MANY_TOKENS");
    refuses(repeated("{", "a", ":events(tenantId:1 first:1000){nodes{late}}", 100, "}"), NULL, "TOO_COSTLY");
    refuses(repeated("{__typename ", "@skip(if:", ")", 270, "}"), NULL, "GRAPHQL_VALIDATION_FAILED");
    refuses(repeated("{__typename ", "@a", "", 900, "}"), NULL, "GRAPHQL_VALIDATION_FAILED");
    CHECK_EQ(plan.errors.count, GRAPHQL_ERRORS_MAX);
    refuses(repeated("{...F} fragment F on Query{", "a", ":__typename ...F", 200, "}"), NULL,
            "GRAPHQL_VALIDATION_FAILED");
    CHECK_EQ(plan.errors.count, GRAPHQL_ERRORS_MAX);
}

TEST(equal_long_arguments_are_merged)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{");
    for (int i = 0; i < 100; i++) {
        write_on(&written, "...{event(tenantId:\"%0800d\" eventId:1){eventId}}", 0);
    }
    write_on(&written, "}");
    accepts(source, NULL);
    CHECK_TEXT(keys(), "event{eventId}");
}

TEST(spreads_of_one_fragment_in_one_set_count_once)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{...f0 ...f0}");
    for (int i = 0; i < 100; i++) {
        write_on(&written, " fragment f%d on Query{...f%d ...f%d}", i, i + 1, i + 1);
    }
    write_on(&written, " fragment f100 on Query{__typename}");
    accepts(source, NULL);
    CHECK_TEXT(keys(), "__typename");
}

TEST(a_full_arena_is_a_refusal_at_every_n)
{
    struct text query =
        TEXT("query($a:ID! $f:EventFilter={late:true}){tenant(id:$a){id} tenant(id:$a){...F} "
             "events(tenantId:$a filter:$f first:2){nodes{eventId}}} fragment F on Tenant{totalEvents}");
    bool has_succeeded = false;
    struct arena variables_arena;
    struct json_tree *variables;

    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&variables_arena, &pool, 0);
    CHECK_EQ(json_tree_parse(&variables_arena, TEXT("{\"a\":\"x\"}"), &variables), 0);
    for (uint64_t bytes = 1; bytes < 20000; bytes += 16) {
        arena_init(&arena, &pool, bytes);
        if (graphql_prepare(&arena, query, (struct text){0}, variables, &plan) == 0) {
            has_succeeded = true;
        } else {
            CHECK(plan.errors.is_full);
        }
        arena_reset(&arena);
    }
    arena_reset(&variables_arena);
    CHECK(has_succeeded);
}
