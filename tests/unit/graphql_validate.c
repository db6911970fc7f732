/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_validate.h"

#include <stdio.h>

#include "core/arena.h"
#include "query/graphql_parser.h"
#include "tests/check.h"
#include "tests/unit/written.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_errors errors;
static struct graphql_ast_document document;

static bool
validate(const char *source)
{
    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    graphql_errors_init(&errors, &arena);
    if (graphql_parse(text_of(source), &errors, &document) != 0) {
        check_failed(__FILE__, __LINE__, "does not parse: %s", source);
    }
    return graphql_validate(&document, &errors);
}

static void
accepts(const char *source)
{
    if (!validate(source)) {
        check_failed(__FILE__, __LINE__, "refused: %s: %.*s", source, (int)errors.first->message.bytes,
                     errors.first->message.data);
    }
}

/* With exactly these words. */
static void
refuses(const char *source, const char *message)
{
    if (validate(source)) {
        check_failed(__FILE__, __LINE__, "accepted: %s", source);
    }
    CHECK_TEXT(errors.first->message, message);
    CHECK_TEXT(errors.first->code, "GRAPHQL_VALIDATION_FAILED");
}

TEST(names_of_definitions_are_unique)
{
    refuses("query a{__typename} query a{__typename}", "There can be only one operation named \"a\".");
    refuses("{__typename} query a{__typename}", "An operation without a name must be the only one.");
    refuses("{__typename} {__typename}", "An operation without a name must be the only one.");
    refuses("{...a} fragment a on Query{__typename} fragment a on Query{__typename}",
            "There can be only one fragment named \"a\".");
    accepts("query a{...a} fragment a on Query{__typename}");
}

TEST(fields_are_known_and_leaves_are_leaves)
{
    refuses("{x}", "Cannot query field \"x\" on type \"Query\".");
    refuses("{tenants{x}}", "Cannot query field \"x\" on type \"Tenant\".");
    refuses("{tenants{__schema}}", "Cannot query field \"__schema\" on type \"Tenant\".");
    refuses("{tenants{x @skip(if:true)}}", "Cannot query field \"x\" on type \"Tenant\".");
    refuses("{tenants}",
            "Field \"tenants\" of type \"[Tenant!]!\" must have a selection of subfields. Did you mean "
            "\"tenants { ... }\"?");
    refuses("{tenants{id{x}}}",
            "Field \"id\" must not have a selection since type \"ID!\" has no subfields.");
    refuses("{__typename{x}}",
            "Field \"__typename\" must not have a selection since type \"String!\" has no subfields.");
    accepts("{__typename tenants{__typename id}}");
}

TEST(arguments_are_known_unique_and_there)
{
    refuses("{tenants(x:1){id}}", "Unknown argument \"x\" on field \"tenants\".");
    refuses("{__typename(x:1)}", "Unknown argument \"x\" on field \"__typename\".");
    refuses("{tenant(id:1 id:1){id}}", "There can be only one argument named \"id\".");
    refuses("{tenant{id}}",
            "Field \"tenant\" argument \"id\" of type \"ID!\" is required, but it was not provided.");
    refuses("{tenant(id:null){id}}", "Expected a value of type \"ID!\", found null: null.");
    accepts("{events(tenantId:1){pageInfo{hasNextPage}}}");
}

TEST(literals_fit_their_place)
{
    refuses("{tenant(id:1.5){id}}", "Expected a value of type \"ID!\", found a number: 1.5.");
    refuses("{tenant(id:true){id}}", "Expected a value of type \"ID!\", found a boolean: true.");
    refuses("{tenant(id:X){id}}", "Expected a value of type \"ID!\", found a name: X.");
    refuses("{tenant(id:[1]){id}}", "Expected a value of type \"ID!\", found a list.");
    refuses("{events(tenantId:1 first:\"5\"){nodes{eventId}}}",
            "Expected a value of type \"Int\", found a string: 5.");
    refuses("{events(tenantId:1 first:5.0){nodes{eventId}}}",
            "Expected a value of type \"Int\", found a number: 5.0.");
    refuses("{events(tenantId:1 first:2147483648){nodes{eventId}}}",
            "Expected a value of type \"Int\", found a whole number: 2147483648.");
    refuses("{events(tenantId:1 filter:1){nodes{eventId}}}",
            "Expected a value of type \"EventFilter\", found a whole number: 1.");
    refuses("{events(tenantId:1 filter:{x:1}){nodes{eventId}}}",
            "Field \"x\" is not defined by type \"EventFilter\".");
    refuses("{events(tenantId:1 filter:{late:true late:true}){nodes{eventId}}}",
            "There can be only one input field named \"late\".");
    refuses("{events(tenantId:1 filter:{from:\"2026\"}){nodes{eventId}}}",
            "Expected a value of type \"DateTime\", found a string: 2026.");
    refuses("{breakdown(tenantId:1 metric:\"USERS\" by:OS from:\"2026-01-01T00:00:00Z\" "
            "to:\"2026-01-01T00:00:00Z\"){key}}",
            "Expected a value of type \"Metric!\", found a string: USERS.");
    refuses(
        "{breakdown(tenantId:1 metric:USERS by:OS from:\"2026-01-01T00:00:00Z\" to:\"2026-01-01T00:00:00Z\" "
        "where:[{equals:\"x\"}]){key}}",
        "Field \"DimensionValue.by\" of required type \"Dimension!\" was not provided.");
    refuses(
        "{breakdown(tenantId:1 metric:USERS by:OS from:\"2026-01-01T00:00:00Z\" to:\"2026-01-01T00:00:00Z\" "
        "where:[null]){key}}",
        "Expected a value of type \"DimensionValue!\", found null: null.");
    accepts("{breakdown(tenantId:1 metric:USERS by:OS from:\"2026-01-01T00:00:00Z\" "
            "to:\"2026-01-01T00:00:00+01:00\" "
            "where:{by:OS equals:null}){key}}");
}

TEST(directives_are_known_and_in_their_place)
{
    refuses("{__typename @x}", "Unknown directive \"@x\".");
    refuses("query @skip(if:true){__typename}", "Directive \"@skip\" may not be used on QUERY.");
    refuses("{...a} fragment a on Query @include(if:true){__typename}",
            "Directive \"@include\" may not be used on FRAGMENT_DEFINITION.");
    refuses("query($a:Boolean! @skip(if:true)){__typename @skip(if:$a)}",
            "Directive \"@skip\" may not be used on VARIABLE_DEFINITION.");
    refuses("{__typename @deprecated}", "Directive \"@deprecated\" may not be used on a selection.");
    refuses("{__typename @skip(if:true) @skip(if:true)}",
            "The directive \"@skip\" can be used only once at this place.");
    refuses("{__typename @skip}",
            "Directive \"@skip\" argument \"if\" of type \"Boolean!\" is required, but it was not provided.");
    refuses("{__typename @skip(if:1)}", "Expected a value of type \"Boolean!\", found a whole number: 1.");
    refuses("{__typename @skip(if:null)}", "Expected a value of type \"Boolean!\", found null: null.");
    refuses("{__typename @skip(if:true x:1)}", "Unknown argument \"x\" on directive \"@skip\".");
    accepts("{__typename @skip(if:true) @include(if:false) ...@skip(if:true){__typename}}");
}

TEST(fragments_are_known_possible_used_and_without_cycles)
{
    refuses("{...a}", "Unknown fragment \"a\".");
    refuses("{...on X{id}}", "Unknown type \"X\".");
    refuses("{...on Metric{id}}", "A fragment cannot condition on the type \"Metric\", which has no fields.");
    refuses("{...on Tenant{id}}", "A fragment on type \"Tenant\" can never be part of type \"Query\".");
    refuses("{...a} fragment a on Tenant{id}",
            "A fragment on type \"Tenant\" can never be part of type \"Query\".");
    refuses("{...a} fragment a on X{id}", "Unknown type \"X\".");
    refuses("{__typename} fragment a on Query{__typename}", "Fragment \"a\" is never used.");
    refuses("{...a} fragment a on Query{...a}", "Cannot spread fragment \"a\" within itself.");
    refuses("{...a} fragment a on Query{...b} fragment b on Query{...c} fragment c on Query{__typename ...a}",
            "Cannot spread fragment \"a\" within itself.");
    refuses("{__typename} fragment a on Query{...b} fragment b on Query{...b}",
            "Cannot spread fragment \"b\" within itself.");
    refuses("{tenants{...a}} fragment a on Session{events{nodes{session{...a}}}}",
            "A fragment on type \"Session\" can never be part of type \"Tenant\".");
    refuses("{profile(tenantId:1){currentSession{...a}}} fragment a on Session{events{nodes{session{...a}}}}",
            "Cannot spread fragment \"a\" within itself.");
    accepts(
        "{...a ...b} fragment a on Query{...c} fragment b on Query{...c} fragment c on Query{__typename}");
}

TEST(variables_are_defined_once_used_and_of_input_types)
{
    refuses("{tenant(id:$a){id}}", "Variable \"$a\" is not defined.");
    refuses("query a($a:ID!){...f} query b{...f} fragment f on Query{tenant(id:$a){id}}",
            "Variable \"$a\" is not defined.");
    refuses("query($a:ID! $a:ID!){tenant(id:$a){id}}", "There can be only one variable named \"$a\".");
    refuses("query($a:X){__typename}", "Unknown type \"X\".");
    refuses("query($a:Tenant){__typename}", "Variable \"$a\" cannot be of the output type \"Tenant\".");
    refuses("query($a:Int){__typename}", "Variable \"$a\" is never used.");
    refuses("query($a:ID!=true){tenant(id:$a){id}}",
            "Expected a value of type \"ID!\", found a boolean: true.");
    refuses("{__typename @skip(if:$a)}", "Variable \"$a\" is not defined.");
    accepts("query($a:ID!){...f} fragment f on Query{tenant(id:$a){id}}");
}

TEST(a_variable_fits_the_place_where_it_is_used)
{
    refuses("query($a:ID){tenant(id:$a){id}}",
            "Variable \"$a\" of type \"ID\" used in position expecting type \"ID!\".");
    refuses("query($a:ID=null){tenant(id:$a){id}}",
            "Variable \"$a\" of type \"ID\" used in position expecting type \"ID!\".");
    refuses("query($a:String!){tenant(id:$a){id}}",
            "Variable \"$a\" of type \"String!\" used in position expecting type \"ID!\".");
    refuses("query($a:[ID!]!){tenant(id:$a){id}}",
            "Variable \"$a\" of type \"[ID!]!\" used in position expecting type \"ID!\".");
    refuses("query($a:Boolean){__typename @skip(if:$a)}",
            "Variable \"$a\" of type \"Boolean\" used in position expecting type \"Boolean!\".");
    refuses("query($a:String){events(tenantId:1 filter:{late:$a}){nodes{eventId}}}",
            "Variable \"$a\" of type \"String\" used in position expecting type \"Boolean\".");
    refuses("query($m:Metric! $b:Dimension! $t:DateTime! $a:[DimensionValue]){breakdown(tenantId:1 metric:$m "
            "by:$b "
            "from:$t to:$t where:$a){key}}",
            "Variable \"$a\" of type \"[DimensionValue]\" used in position expecting type "
            "\"[DimensionValue!]\".");
    accepts("query($a:ID=\"x\"){tenant(id:$a){id}}");
    accepts("query($m:Metric! $b:Dimension! $t:DateTime! $a:DimensionValue!){breakdown(tenantId:1 metric:$m "
            "by:$b "
            "from:$t to:$t where:[$a {by:$b}]){key}}");
    accepts("query($a:Int!){events(tenantId:1 first:$a){nodes{eventId}}}");
}

TEST(a_chain_of_fragments_is_followed_to_its_end)
{
    static char source[40000];
    struct written written = {.to = source, .room = sizeof(source)};
    size_t chain_bytes;

    write_on(&written, "{...f0}");
    for (int i = 0; i < 200; i++) {
        write_on(&written, " fragment f%d on Query{...f%d}", i, i + 1);
    }
    chain_bytes = written.bytes;
    write_on(&written, " fragment f200 on Query{__typename}");
    accepts(source);
    written.bytes = chain_bytes; /* the last link again, to the first */
    write_on(&written, " fragment f200 on Query{...f0}");
    refuses(source, "Cannot spread fragment \"f0\" within itself.");
}
