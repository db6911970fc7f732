/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_reach.h"

#include "tests/unit/validated.h"

TEST(no_fragment_reaches_itself)
{
    refuses("{...a} fragment a on Query{...a}", "Cannot spread fragment \"a\" within itself. 1:28");
    refuses("{...a} fragment a on Query{...b} fragment b on Query{...c} fragment c on Query{__typename ...a}",
            "Cannot spread fragment \"a\" within itself via \"b\", \"c\". 1:28 1:54 1:91");
    refuses("{profile(tenantId:1){currentSession{...a}}} fragment a on Session{events{nodes{session{...a}}}}",
            "Cannot spread fragment \"a\" within itself. 1:88");
    CHECK(!validate("{__typename} fragment a on Query{...b} fragment b on Query{...b}"));
    CHECK_EQ(errors.count, 3); /* and nobody uses them */
    accepts(
        "{...a ...b} fragment a on Query{...c} fragment b on Query{...c} fragment c on Query{__typename}");
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
    CHECK(!validate(source));
    CHECK_EQ(errors.count, 1);
    CHECK_EQ(errors.first->place_count, 64);
}

TEST(every_fragment_is_used)
{
    refuses("{__typename} fragment a on Query{__typename}", "Fragment \"a\" is never used. 1:14");
    accepts("query a{...a} fragment a on Query{__typename}");
}

TEST(variables_are_defined_where_they_are_used)
{
    refuses("{tenant(id:$a){id}}", "Variable \"$a\" is not defined. 1:12 1:1");
    refuses("query a($a:ID!){...f} query b{...f} fragment f on Query{tenant(id:$a){id}}",
            "Variable \"$a\" is not defined by operation \"b\". 1:67 1:23");
    refuses("{__typename @skip(if:$a)}", "Variable \"$a\" is not defined. 1:22 1:1");
    accepts("query($a:ID!){...f} fragment f on Query{tenant(id:$a){id}}");
}

TEST(variables_are_used)
{
    refuses("query($a:Int){__typename}", "Variable \"$a\" is never used. 1:7");
    refuses("query q($a:Int){__typename}", "Variable \"$a\" is never used in operation \"q\". 1:9");
}

TEST(a_variable_fits_the_place_where_it_is_used)
{
    refuses("query($a:ID){tenant(id:$a){id}}",
            "Variable \"$a\" of type \"ID\" used in position expecting type \"ID!\". 1:7 1:24");
    refuses("query($a:ID=null){tenant(id:$a){id}}",
            "Variable \"$a\" of type \"ID\" used in position expecting type \"ID!\". 1:7 1:29");
    refuses("query($a:[ID!]!){tenant(id:$a){id}}",
            "Variable \"$a\" of type \"[ID!]!\" used in position expecting type \"ID!\". 1:7 1:28");
    refuses("query($a:String){events(tenantId:1 filter:{late:$a}){nodes{eventId}}}",
            "Variable \"$a\" of type \"String\" used in position expecting type \"Boolean\". 1:7 1:49");
    refuses("query($m:Metric! $b:Dimension! $t:DateTime! $a:[DimensionValue]){breakdown(tenantId:1 metric:$m "
            "by:$b from:$t to:$t where:$a){key}}",
            "Variable \"$a\" of type \"[DimensionValue]\" used in position expecting type "
            "\"[DimensionValue!]\". 1:45 1:123");
    accepts("query($a:ID=\"x\"){tenant(id:$a){id}}");
    accepts("query($m:Metric! $b:Dimension! $t:DateTime! $a:DimensionValue!){breakdown(tenantId:1 metric:$m "
            "by:$b from:$t to:$t where:[$a {by:$b}]){key}}");
    accepts("query($a:Boolean){__schema{directives(includeDeprecated:$a){name}}}");
}

TEST(a_subscription_is_to_one_thing)
{
    refuses("subscription s{pulse(tenantId:1){time} events(tenantId:1){missed} a:pulse(tenantId:1){time}}",
            "Subscription \"s\" must select only one top level field. 1:40 1:67");
    refuses("subscription{...F} fragment F on Subscription{pulse(tenantId:1){time} "
            "...{p:pulse(tenantId:2){time}}}",
            "Anonymous Subscription must select only one top level field. 1:75");
    refuses("subscription{__typename}",
            "Anonymous Subscription must not select an introspection top level field. 1:14");
    refuses(
        "subscription($a:Boolean!){pulse(tenantId:1)@skip(if:$a){time}}",
        "Anonymous Subscription must not use variables in @skip and @include of its top level field. 1:1");
    accepts(
        "subscription{pulse(tenantId:1){time} a:__typename @skip(if:true) b:__typename @include(if:false)}");
    accepts("subscription{pulse(tenantId:1){time} ...{pulse(tenantId:1){totalEvents}}}");
}
