/* SPDX-License-Identifier: Apache-2.0 */
#include "query/introspection.h"

#include "tests/check.h"
#include "tests/unit/written.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_plan plan;
static struct json_out out;

static void
prepare(const char *query)
{
    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    if (graphql_prepare(&arena, text_of(query), (struct text){0}, NULL, &plan) != 0) {
        check_failed(__FILE__, __LINE__, "refused: %s: %.*s", query, (int)plan.errors.first->message.bytes,
                     plan.errors.first->message.data);
    }
    json_out_init(&out, &arena);
}

/* What the first field of the query is answered. */
static struct text
ask(const char *query)
{
    prepare(query);
    CHECK(introspection_write(&out, plan.selections));
    return json_out_finish(&out);
}

TEST(other_fields_are_not_ours)
{
    prepare("{__typename}");
    CHECK(!introspection_write(&out, plan.selections));
    prepare("{tenants{id}}");
    CHECK(!introspection_write(&out, plan.selections));
    CHECK_EQ(json_out_bytes(&out), 0);
}

TEST(a_type_that_is_not_there_is_null)
{
    CHECK_TEXT(ask("{__type(name:\"Nobody\"){name}}"), "null");
    CHECK_TEXT(ask("{__type(name:\"\"){name}}"), "null");
    CHECK_TEXT(ask("{__type(name:\"query\"){name}}"), "null");
    CHECK_TEXT(ask("{__type(name:\"[Int]\"){name}}"), "null");
}

TEST(a_type_says_what_its_kind_can_say)
{
    CHECK_TEXT(
        ask("{__type(name:\"Long\"){kind name description specifiedByURL fields{name} interfaces{name} "
            "possibleTypes{name} enumValues{name} inputFields{name} ofType{name} isOneOf}}"),
        "{\"kind\":\"SCALAR\",\"name\":\"Long\",\"description\":\"A 64-bit integer, as a JSON "
        "number.\",\"specifiedByURL\":null,\"fields\":null,\"interfaces\":null,\"possibleTypes\":null,"
        "\"enumValues\":null,\"inputFields\":null,\"ofType\":null,\"isOneOf\":null}");
    CHECK_TEXT(
        ask("{__type(name:\"Count\"){kind description fields{name} interfaces{name} inputFields{name}}}"),
        "{\"kind\":\"OBJECT\",\"description\":null,\"fields\":[{\"name\":\"key\"},{\"name\":\"count\"}],"
        "\"interfaces\":[],\"inputFields\":null}");
    CHECK_TEXT(ask("{__type(name:\"Interval\"){kind enumValues{name isDeprecated deprecationReason}}}"),
               "{\"kind\":\"ENUM\",\"enumValues\":[{\"name\":\"MINUTE\",\"isDeprecated\":false,"
               "\"deprecationReason\":null},{\"name\":\"HOUR\",\"isDeprecated\":false,"
               "\"deprecationReason\":null},{\"name\":\"DAY\",\"isDeprecated\":false,"
               "\"deprecationReason\":null}]}");
    CHECK_TEXT(
        ask("{__type(name:\"DimensionValue\"){kind isOneOf inputFields{name type{kind ofType{name}} "
            "defaultValue}}}"),
        "{\"kind\":\"INPUT_OBJECT\",\"isOneOf\":false,\"inputFields\":[{\"name\":\"by\",\"type\":"
        "{\"kind\":\"NON_NULL\",\"ofType\":{\"name\":\"Dimension\"}},\"defaultValue\":null},"
        "{\"name\":\"equals\",\"type\":{\"kind\":\"SCALAR\",\"ofType\":null},\"defaultValue\":null}]}");
}

TEST(wrappers_are_told_from_the_outside_in)
{
    CHECK_TEXT(ask("{__type(name:\"Series\"){fields{type{kind name ofType{kind name ofType{kind name "
                   "ofType{kind name ofType{kind}}}}}}}}"),
               "{\"fields\":[{\"type\":{\"kind\":\"NON_NULL\",\"name\":null,\"ofType\":{\"kind\":\"SCALAR\","
               "\"name\":\"String\",\"ofType\":null}}},{\"type\":{\"kind\":\"NON_NULL\",\"name\":null,"
               "\"ofType\":{\"kind\":\"LIST\",\"name\":null,\"ofType\":{\"kind\":\"NON_NULL\",\"name\":null,"
               "\"ofType\":{\"kind\":\"OBJECT\",\"name\":\"TimePoint\",\"ofType\":null}}}}}]}");
}

TEST(arguments_have_their_defaults)
{
    CHECK_TEXT(
        ask("{__type(name:\"__Type\"){fields{name args{__typename name defaultValue}}}}"),
        "{\"fields\":[{\"name\":\"kind\",\"args\":[]},{\"name\":\"name\",\"args\":[]},"
        "{\"name\":\"description\",\"args\":[]},{\"name\":\"specifiedByURL\",\"args\":[]},"
        "{\"name\":\"fields\",\"args\":[{\"__typename\":\"__InputValue\",\"name\":\"includeDeprecated\","
        "\"defaultValue\":\"false\"}]},{\"name\":\"interfaces\",\"args\":[]},"
        "{\"name\":\"possibleTypes\",\"args\":[]},{\"name\":\"enumValues\",\"args\":[{\"__typename\":"
        "\"__InputValue\",\"name\":\"includeDeprecated\",\"defaultValue\":\"false\"}]},"
        "{\"name\":\"inputFields\",\"args\":[{\"__typename\":\"__InputValue\",\"name\":"
        "\"includeDeprecated\",\"defaultValue\":\"false\"}]},{\"name\":\"ofType\",\"args\":[]},"
        "{\"name\":\"isOneOf\",\"args\":[]}]}");
}

TEST(the_schema_names_its_roots_and_directives)
{
    CHECK_TEXT(
        ask("{__schema{__typename description queryType{name} mutationType{name} "
            "subscriptionType{name} directives{name isRepeatable locations args{name type{kind} "
            "defaultValue}}}}"),
        "{\"__typename\":\"__Schema\",\"description\":null,\"queryType\":{\"name\":\"Query\"},"
        "\"mutationType\":{\"name\":\"Mutation\"},\"subscriptionType\":{\"name\":\"Subscription\"},"
        "\"directives\":[{\"name\":\"include\",\"isRepeatable\":false,\"locations\":[\"FIELD\","
        "\"FRAGMENT_SPREAD\",\"INLINE_FRAGMENT\"],\"args\":[{\"name\":\"if\",\"type\":{\"kind\":"
        "\"NON_NULL\"},\"defaultValue\":null}]},{\"name\":\"skip\",\"isRepeatable\":false,\"locations\":"
        "[\"FIELD\",\"FRAGMENT_SPREAD\",\"INLINE_FRAGMENT\"],\"args\":[{\"name\":\"if\",\"type\":"
        "{\"kind\":\"NON_NULL\"},\"defaultValue\":null}]},{\"name\":\"deprecated\",\"isRepeatable\":"
        "false,\"locations\":[\"FIELD_DEFINITION\",\"ARGUMENT_DEFINITION\",\"ENUM_VALUE\","
        "\"INPUT_FIELD_DEFINITION\",\"DIRECTIVE_DEFINITION\"],\"args\":[{\"name\":\"reason\",\"type\":"
        "{\"kind\":\"SCALAR\"},\"defaultValue\":\"\\\"No longer supported\\\"\"}]},{\"name\":"
        "\"specifiedBy\",\"isRepeatable\":false,\"locations\":[\"SCALAR\"],\"args\":[{\"name\":\"url\","
        "\"type\":{\"kind\":\"NON_NULL\"},\"defaultValue\":null}]},{\"name\":\"oneOf\",\"isRepeatable\":"
        "false,\"locations\":[\"INPUT_OBJECT\"],\"args\":[]}]}");
}

/* Nothing in the answer begins with what is hidden, and everything has a kind. */
TEST(what_is_hidden_is_not_shown)
{
    struct text types = ask("{__schema{types{name fields{name}}}}");

    CHECK(types.bytes > 1000);
    CHECK(memmem(types.data, types.bytes, "\"name\":\"__schema\"", 17) == NULL);
    CHECK(memmem(types.data, types.bytes, "\"name\":\"__typename\"", 19) == NULL);
    CHECK(memmem(types.data, types.bytes, "\"name\":\"\"", 9) == NULL);
    CHECK(memmem(types.data, types.bytes, "\"name\":null", 11) == NULL);
    CHECK(memmem(types.data, types.bytes, "\"name\":\"__DirectiveLocation\"", 28) != NULL);
}

TEST(a_full_arena_ends_it_early)
{
    prepare("{__schema{types{fields{type{ofType{fields{type{ofType{fields{name type{name} a:type{name} "
            "b:type{name} c:type{name} d:type{name} e:type{name} f:type{name}}}}}}}}}}}");
    arena.bytes_max = arena.bytes_used + 5000;
    CHECK(introspection_write(&out, plan.selections));
    CHECK(out.is_full);
    CHECK(json_out_finish(&out).data == NULL);
}

TEST(an_answer_out_of_proportion_is_refused)
{
    static char query[20000];
    struct written written = {.to = query, .room = sizeof(query)};

    write_on(&written, "{__schema{types{...A}}} fragment A on __Type{fields{type{...B ofType{...B}}}} "
                       "fragment B on __Type{fields{type{...C ofType{...C}}}} fragment C on __Type{fields{");
    for (int i = 0; i < 500; i++) {
        write_on(&written, "a%d:name ", i);
    }
    write_on(&written, "}}");
    prepare(query);
    CHECK(introspection_write(&out, plan.selections));
    CHECK(out.is_full);
    CHECK_EQ(json_out_bytes(&out), 0);
    CHECK(json_out_finish(&out).data == NULL);
}

TEST(what_stands_before_it_does_not_count)
{
    static char filler[INTROSPECTION_BYTES_MAX];

    memset(filler, ' ', sizeof(filler));
    prepare("{__type(name:\"Count\"){name}}");
    json_out_raw(&out, (struct text){.data = filler, .bytes = sizeof(filler)});
    CHECK(introspection_write(&out, plan.selections));
    CHECK_EQ(json_out_finish(&out).bytes, sizeof(filler) + strlen(",{\"name\":\"Count\"}"));
}
