/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_overlap.h"

#include "tests/unit/validated.h"

static char source[20000];

static void
refuses_with(const char *code)
{
    CHECK(!validate(source));
    CHECK_TEXT(errors.first->code, code);
}

TEST(fields_of_one_key_are_the_same)
{
    refuses("{a:tenants{id} a:tenant(id:1){id}}",
            "Fields \"a\" conflict because \"tenants\" and \"tenant\" are different fields. Use different "
            "aliases on the fields to fetch both if this was intentional. 1:2 1:16");
    CHECK_TEXT(errors.first->code, "FIELDS_CONFLICT");
    refuses("{tenant(id:1){id} tenant(id:2){id}}",
            "Fields \"tenant\" conflict because they have differing arguments. Use different aliases on the "
            "fields to fetch both if this was intentional. 1:2 1:19");
    refuses("{tenants{a:id ...{...on Tenant{a:watermark}}}}",
            "Fields \"a\" conflict because \"id\" and \"watermark\" are different fields. Use different "
            "aliases on the fields to fetch both if this was intentional. 1:10 1:32");
    accepts("{tenant(id:1){id} tenant(id:1){id x:id} ...{tenant(id:1){totalEvents}}}");
}

TEST(what_differs_below_is_told_with_its_way)
{
    refuses(
        "{profile(tenantId:1){s:currentSession{a:open b:revision}} profile(tenantId:1){s:currentSession{a:"
        "revision b:open}}}",
        "Fields \"profile\" conflict because subfields \"s\" conflict because subfields \"a\" conflict "
        "because \"open\" and \"revision\" are different fields and subfields \"b\" conflict because "
        "\"revision\" and \"open\" are different fields. Use different aliases on the fields to fetch "
        "both if this was intentional. 1:2 1:22 1:39 1:46 1:59 1:79 1:96 1:107");
}

TEST(fragments_are_compared_with_fields_and_with_each_other)
{
    CHECK(!validate("{x:__typename ...A} fragment A on Query{x:tenants{id}}"));
    CHECK(!validate("{...A ...B} fragment A on Query{x:__typename} fragment B on Query{...C} fragment C on "
                    "Query{x:tenants{id}}"));
    CHECK(!validate(
        "{tenants{...A} tenants{...B}} fragment A on Tenant{x:id} fragment B on Tenant{x:watermark}"));
    CHECK(!validate("{...A} fragment A on Query{x:__typename ...B} fragment B on Query{tenants{...C} ...D} "
                    "fragment C on Tenant{id} fragment D on Query{x:tenants{id}}"));
    accepts("{...A ...B} fragment A on Query{x:__typename ...B} fragment B on Query{tenants{...C} ...D} "
            "fragment C on Tenant{id} fragment D on Query{x:__typename}");
}

/* Such a document is refused for its fragments; what is compared is their shape. */
TEST(fields_of_different_parents_need_only_the_same_shape)
{
    CHECK(!validate("{tenants{...on Event{a:late} ...on Tenant{a:id}}}"));
    CHECK_EQ(errors.count, 2);
    CHECK_TEXT(errors.last->message,
               "Fields \"a\" conflict because they return conflicting types \"Boolean!\" and \"ID!\". Use "
               "different aliases on the fields to fetch both if this was intentional.");
    CHECK(!validate("{tenants{...on Event{a:eventId} ...on Tenant{a:id}}}"));
    CHECK_EQ(errors.count, 1);
}

TEST(a_cycle_ends)
{
    CHECK(!validate(
        "{a:__typename ...A} fragment A on Query{tenants{id} ...B} fragment B on Query{a:tenants{id} "
        "...A}"));
    CHECK_EQ(errors.count, 2);
}

TEST(too_many_pairs_are_refused_by_name)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{");
    for (int i = 0; i < 1000; i++) {
        write_on(&written, "__typename ");
    }
    write_on(&written, "}");
    refuses_with("TOO_COMPLEX");
}

TEST(too_many_sets_in_each_other_are_refused_by_name)
{
    struct written written = {.to = source, .room = sizeof(source)};

    /* Each fragment spreads two others, on another key: pairs of them meet on every way. */
    write_on(&written, "{profile(tenantId:1){currentSession{...f0 ...f1}}}");
    for (int i = 0; i < 60; i++) {
        write_on(&written, " fragment f%d on Session{a:events{nodes{session{...f%d ...f%d}}} ...f%d}", i,
                 (i + 1) % 60, (i * 7 + 3) % 60, (i + 2) % 60);
    }
    CHECK(!validate(source));
}

TEST(errors_beyond_the_limit_end_it)
{
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "{");
    for (int i = 0; i < 150; i++) {
        write_on(&written, "a:tenant(id:%d){id}", i);
    }
    write_on(&written, "}");
    refuses_with("FIELDS_CONFLICT");
    CHECK_EQ(errors.count, GRAPHQL_ERRORS_MAX);
}
