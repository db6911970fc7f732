/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_literal.h"

#include "tests/unit/validated.h"

#define BREAKDOWN \
    "{breakdown(tenantId:1 metric:USERS by:OS from:\"2026-01-01T00:00:00Z\" to:\"2026-01-01T00:00:00Z\" "

TEST(scalars_fit_their_place)
{
    refuses("{tenant(id:1.5){id}}", "ID cannot represent a non-string and non-integer value: 1.5 1:12");
    refuses("{tenant(id:[1]){id}}", "ID cannot represent a non-string and non-integer value: [1] 1:12");
    refuses("{tenant(id:null){id}}", "Expected value of type \"ID!\", found null. 1:12");
    refuses("{events(tenantId:1 first:\"5\"){nodes{eventId}}}",
            "Int cannot represent non-integer value: \"5\" 1:26");
    refuses("{events(tenantId:1 first:2147483648){nodes{eventId}}}",
            "Int cannot represent non 32-bit signed integer value: 2147483648 1:26");
    refuses("{events(tenantId:1 after:7){nodes{eventId}}}",
            "String cannot represent a non string value: 7 1:26");
    refuses("{__typename @skip(if:1)}", "Boolean cannot represent a non boolean value: 1 1:22");
    CHECK(!validate("query($a:Float=X){__typename}")); /* nor is it used */
    CHECK_TEXT(errors.first->message, "Float cannot represent non numeric value: X");
}

TEST(our_own_scalars_fit_their_place)
{
    refuses("{events(tenantId:1 filter:{from:\"2026\"}){nodes{eventId}}}",
            "Expected value of type \"DateTime\", found \"2026\". 1:33");
    CHECK(!validate("query($a:Long=1.5){__typename}"));
    CHECK_TEXT(errors.first->message, "Expected value of type \"Long\", found 1.5.");
    CHECK(!validate("query($a:JSON={b:[1 X null]}){__typename}"));
    CHECK_EQ(errors.count, 1); /* that nobody uses it */
    accepts("query($a:String){...@skip(if:true){...F}} fragment F on Query{events(tenantId:1 after:$a){nodes{"
            "late}}}");
}

TEST(enumerators_are_known)
{
    refuses("{breakdown(tenantId:1 metric:\"USERS\" by:OS from:\"2026-01-01T00:00:00Z\" "
            "to:\"2026-01-01T00:00:00Z\"){key}}",
            "Enum \"Metric\" cannot represent non-enum value: \"USERS\". Did you mean the enum value "
            "\"USERS\"? 1:30");
    refuses(BREAKDOWN "where:{by:COUNTRI}){key}}",
            "Value \"COUNTRI\" does not exist in \"Dimension\" enum. Did you mean the enum value "
            "\"COUNTRY\"? 1:106");
}

TEST(input_objects_have_what_they_need_and_no_more)
{
    refuses("{events(tenantId:1 filter:1){nodes{eventId}}}",
            "Expected value of type \"EventFilter\", found 1. 1:27");
    refuses("{events(tenantId:1 filter:{lat:1}){nodes{eventId}}}",
            "Field \"lat\" is not defined by type \"EventFilter\". Did you mean \"late\"? 1:28");
    refuses("{events(tenantId:1 filter:{late:true late:true}){nodes{eventId}}}",
            "There can be only one input field named \"late\". 1:28 1:38");
    refuses(BREAKDOWN "where:[{equals:\"x\"}]){key}}",
            "Field \"DimensionValue.by\" of required type \"Dimension!\" was not provided. 1:103");
    refuses(BREAKDOWN "where:[null]){key}}", "Expected value of type \"DimensionValue!\", found null. 1:103");
    accepts(BREAKDOWN "where:{by:OS equals:null}){key}}");
}

TEST(one_value_is_a_list_but_a_list_is_not_a_value)
{
    refuses("{events(tenantId:1 filter:[{late:1}]){nodes{eventId}}}",
            "Expected value of type \"EventFilter\", found [{late: 1}]. 1:27");
    refuses(BREAKDOWN "where:[[{by:OS}]]){key}}",
            "Expected value of type \"DimensionValue\", found [{by: OS}]. 1:103");
    accepts(BREAKDOWN "where:[]){key}}");
}

/* Where a type is not known, names are still looked at. */
TEST(below_what_is_unknown_only_names_count)
{
    CHECK(!validate("{nothing(a:{b:[X 1.5 {c:null c:$d}]})}"));
    CHECK_EQ(errors.count, 3);
    CHECK_TEXT(errors.first->message, "Cannot query field \"nothing\" on type \"Query\".");
    CHECK_TEXT(errors.first->next->message, "There can be only one input field named \"c\".");
    CHECK_TEXT(errors.first->next->next->message, "Variable \"$d\" is not defined.");
}
