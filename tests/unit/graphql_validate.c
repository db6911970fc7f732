/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_validate.h"

#include "tests/unit/validated.h"

/* With so many errors, one of which has exactly these words. */
static void
refuses_among(const char *source, uint32_t count, const char *message)
{
    const struct graphql_error *at;

    CHECK(!validate(source));
    CHECK_EQ(errors.count, count);
    for (at = errors.first; at != NULL && !text_equal(at->message, text_of(message)); at = at->next) {
    }
    if (at == NULL) {
        check_failed(__FILE__, __LINE__, "not said: %s", message);
    }
    CHECK_TEXT(at->code, "GRAPHQL_VALIDATION_FAILED");
}

TEST(names_of_definitions_are_unique)
{
    refuses("query a{__typename} query a{__typename}",
            "There can be only one operation named \"a\". 1:7 1:27");
    refuses("{__typename} query a{__typename}",
            "This anonymous operation must be the only defined operation. 1:1");
    refuses_among("{__typename} {__typename}", 2,
                  "This anonymous operation must be the only defined operation.");
    refuses("{...a} fragment a on Query{__typename} fragment a on Query{__typename}",
            "There can be only one fragment named \"a\". 1:17 1:49");
    accepts("query a{...a} fragment a on Query{__typename}");
}

TEST(fields_are_known_and_leaves_are_leaves)
{
    refuses("{x}", "Cannot query field \"x\" on type \"Query\". 1:2");
    refuses("{tenants{totalEvent}}",
            "Cannot query field \"totalEvent\" on type \"Tenant\". Did you mean \"totalEvents\"? 1:10");
    refuses("{tenants{__schema{types{name}}}}", "Cannot query field \"__schema\" on type \"Tenant\". 1:10");
    refuses("{tenants{x @skip(if:true)}}", "Cannot query field \"x\" on type \"Tenant\". 1:10");
    refuses("{tenants}",
            "Field \"tenants\" of type \"[Tenant!]!\" must have a selection of subfields. Did you mean "
            "\"tenants { ... }\"? 1:2");
    refuses("{tenants{id{x}}}",
            "Field \"id\" must not have a selection since type \"ID!\" has no subfields. 1:12");
    refuses("{__typename{x}}",
            "Field \"__typename\" must not have a selection since type \"String!\" has no subfields. 1:12");
    accepts("{__typename tenants{__typename id}}");
}

/* Everything at once, also below what is unknown. */
TEST(all_that_is_wrong_is_told)
{
    refuses_among("query q($a:Nobody){x(b:1 b:2)@y{...z} tenants} fragment w on Query{__typename}", 8,
                  "Unknown fragment \"z\".");
}

TEST(arguments_are_known_unique_and_there)
{
    refuses("{tenants(x:1){id}}", "Unknown argument \"x\" on field \"Query.tenants\". 1:10");
    refuses("{__typename(x:1)}", "Unknown argument \"x\" on field \"Query.__typename\". 1:13");
    refuses_among("{tenant(di:1){id}}", 2,
                  "Unknown argument \"di\" on field \"Query.tenant\". Did you mean \"id\"?");
    refuses("{tenant(id:1 id:1 id:2){id}}", "There can be only one argument named \"id\". 1:9 1:14 1:19");
    refuses("{tenant{id}}",
            "Field \"tenant\" argument \"id\" of type \"ID!\" is required, but it was not provided. 1:2");
    accepts("{events(tenantId:1){pageInfo{hasNextPage}}}");
}

TEST(directives_are_known_and_in_their_place)
{
    refuses("{__typename @x}", "Unknown directive \"@x\". 1:13");
    refuses("{__typename @__typename}", "Unknown directive \"@__typename\". 1:13");
    refuses("query @skip(if:true){__typename}", "Directive \"@skip\" may not be used on QUERY. 1:7");
    refuses("{...a} fragment a on Query @include(if:true){__typename}",
            "Directive \"@include\" may not be used on FRAGMENT_DEFINITION. 1:28");
    refuses("query($a:Boolean! @skip(if:true)){__typename @skip(if:$a)}",
            "Directive \"@skip\" may not be used on VARIABLE_DEFINITION. 1:19");
    refuses("{__typename @deprecated}", "Directive \"@deprecated\" may not be used on FIELD. 1:13");
    refuses("{__typename @skip(if:true) @skip(if:true)}",
            "The directive \"@skip\" can only be used once at this location. 1:13 1:28");
    refuses("{__typename @skip}",
            "Directive \"@skip\" argument \"if\" of type \"Boolean!\" is required, but it was not provided. "
            "1:13");
    refuses("{__typename @skip(if:null)}", "Expected value of type \"Boolean!\", found null. 1:22");
    refuses("{__typename @skip(if:true x:1)}", "Unknown argument \"x\" on directive \"@skip\". 1:27");
    accepts("{__typename @skip(if:true) @include(if:false) ...@skip(if:true){__typename}}");
}

TEST(fragments_are_known_and_possible)
{
    refuses("{...a}", "Unknown fragment \"a\". 1:5");
    refuses("{...on X{id}}", "Unknown type \"X\". 1:8");
    refuses("{...on Tennant{id}}", "Unknown type \"Tennant\". Did you mean \"Tenant\"? 1:8");
    refuses("{...on Metric{id}}", "Fragment cannot condition on non composite type \"Metric\". 1:8");
    refuses("{...a} fragment a on EventFilter{id}",
            "Fragment \"a\" cannot condition on non composite type \"EventFilter\". 1:22");
    refuses("{...on Tenant{id}}",
            "Fragment cannot be spread here as objects of type \"Query\" can never be of "
            "type \"Tenant\". 1:2");
    refuses("{...a} fragment a on Tenant{id}",
            "Fragment \"a\" cannot be spread here as objects of type \"Query\" can never be of type "
            "\"Tenant\". 1:2");
    refuses("{...a} fragment a on X{id}", "Unknown type \"X\". 1:22");
}

TEST(variables_are_defined_once_and_of_input_types)
{
    refuses("query($a:ID! $a:ID! $a:ID!){tenant(id:$a){id}}",
            "There can be only one variable named \"$a\". 1:8 1:15 1:22");
    refuses_among("query($a:X){__typename}", 2, "Unknown type \"X\".");
    refuses_among("query($a:[Tenant!]){__typename}", 2,
                  "Variable \"$a\" cannot be non-input type \"[Tenant!]\".");
    refuses("query($a:ID!=true){tenant(id:$a){id}}",
            "ID cannot represent a non-string and non-integer value: true 1:14");
}

TEST(a_full_arena_is_told_at_every_n)
{
    static const char query[] =
        "query q($a:ID! $f:EventFilter={late:true}){tenant(id:$a){id ...T} tenant(id:$a){...T} "
        "events(tenantId:$a filter:$f first:2){nodes{...E ...D}}} fragment T on Tenant{totalEvents} "
        "fragment E on Event{late session{open}} fragment D on Event{session{open revision}}";
    bool has_succeeded = false;

    for (uint64_t bytes = 1; bytes < 40000; bytes += 16) {
        if (arena.pool != NULL) {
            arena_reset(&arena);
        }
        arena_init(&arena, &pool, bytes);
        graphql_errors_init(&errors, &arena);
        if (graphql_parse(text_of(query), &errors, &document) == 0 && graphql_validate(&document, &errors)) {
            has_succeeded = true;
        } else {
            CHECK(errors.is_full);
        }
    }
    CHECK(has_succeeded);
}
