/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_schema.h"

#include "query/graphql_value.h"
#include "tests/check.h"

TEST(names_that_are_not_there_are_not_found)
{
    CHECK_EQ(graphql_type_find(TEXT("")), TYPE_NONE);
    CHECK_EQ(graphql_type_find(TEXT("query")), TYPE_NONE);
    CHECK_EQ(graphql_field_find(TYPE_QUERY, TEXT("deleteProfile")), FIELD_NONE);
    CHECK_EQ(graphql_argument_find(FIELD_QUERY_TENANTS, TEXT("first")), ARGUMENT_NONE);
    CHECK_EQ(graphql_argument_find(FIELD_TYPENAME, TEXT("first")), ARGUMENT_NONE);
    CHECK_EQ(graphql_input_find(TYPE_EVENT_FILTER, TEXT("open")), INPUT_NONE);
    CHECK_EQ(graphql_enum_find(TYPE_METRIC, TEXT("DAY")), ENUM_NONE);
}

TEST(numbers_that_are_none_die)
{
    CHECK_DIES(graphql_type_info(TYPE_NONE));
    CHECK_DIES(graphql_field_info(FIELD_ROWS));
    CHECK_DIES(graphql_field_find(TYPE_METRIC, TEXT("a")));
}

/* Each row is found by its own name, under its own parent, in a place that counts from the parent's first. */
TEST(every_row_is_found_by_its_name)
{
    for (uint32_t i = TYPE_NONE + 1; i <= GRAPHQL_TYPE_LAST; i++) {
        CHECK_EQ(graphql_type_find(graphql_type_info((enum graphql_type)i)->name), i);
    }
    for (uint32_t i = FIELD_TYPENAME + 1; i < FIELD_ROWS; i++) {
        const struct graphql_field_info *info = graphql_field_info((enum graphql_field)i);
        uint32_t first = graphql_type_info(info->parent)->first;

        CHECK_EQ(graphql_field_find(info->parent, info->name), i);
        CHECK(i >= first && i - first < graphql_field_count(info->parent));
        CHECK(info->ref.type != TYPE_NONE);
    }
    for (uint32_t i = ARGUMENT_NONE + 1; i < ARGUMENT_ROWS; i++) {
        const struct graphql_argument_info *info = graphql_argument_info((enum graphql_argument)i);
        uint32_t first = graphql_field_info(info->field)->first;

        CHECK_EQ(graphql_argument_find(info->field, info->name), i);
        CHECK(i >= first && i - first < graphql_argument_count(info->field));
    }
    for (uint32_t i = INPUT_NONE + 1; i < INPUT_ROWS; i++) {
        const struct graphql_input_info *info = graphql_input_info((enum graphql_input)i);
        uint32_t first = graphql_type_info(info->parent)->first;

        CHECK_EQ(graphql_input_find(info->parent, info->name), i);
        CHECK(i >= first && i - first < graphql_input_count(info->parent));
    }
    for (uint32_t i = ENUM_NONE + 1; i < ENUM_ROWS; i++) {
        const struct graphql_enum_info *info = graphql_enum_info((enum graphql_enum)i);
        uint32_t first = graphql_type_info(info->parent)->first;

        CHECK_EQ(graphql_enum_find(info->parent, info->name), i);
        CHECK(i >= first && i - first < graphql_enum_count(info->parent));
    }
}

/* Values rely on it: a bad default would die while a request is prepared. */
TEST(every_default_is_a_value_of_its_type)
{
    for (uint32_t i = ARGUMENT_NONE + 1; i < ARGUMENT_ROWS; i++) {
        const struct graphql_argument_info *info = graphql_argument_info((enum graphql_argument)i);
        struct graphql_value value = graphql_value_default(info->ref, info->default_literal);

        CHECK_EQ(graphql_value_is_given(&value), info->default_literal.bytes > 0);
    }
    for (uint32_t i = INPUT_NONE + 1; i < INPUT_ROWS; i++) {
        const struct graphql_input_info *info = graphql_input_info((enum graphql_input)i);
        struct graphql_value value = graphql_value_default(info->ref, info->default_literal);

        CHECK_EQ(graphql_value_is_given(&value), info->default_literal.bytes > 0);
    }
}

/* The cost of a page relies on it. */
TEST(every_first_is_an_int_with_a_default)
{
    for (uint32_t i = ARGUMENT_NONE + 1; i < ARGUMENT_ROWS; i++) {
        const struct graphql_argument_info *info = graphql_argument_info((enum graphql_argument)i);

        if (text_equal(info->name, TEXT("first"))) {
            CHECK_EQ(info->ref.type, TYPE_INT);
            CHECK_EQ(info->ref.list_depth, 0);
            CHECK(info->default_literal.bytes > 0);
        }
    }
}

TEST(the_tables_say_what_the_schema_says)
{
    char type[GRAPHQL_REF_BYTES_MAX];

    CHECK_TEXT(graphql_ref_print(graphql_field_info(FIELD_QUERY_TENANTS)->ref, type), "[Tenant!]!");
    CHECK_TEXT(graphql_ref_print(graphql_field_info(FIELD_QUERY_TENANT)->ref, type), "Tenant");
    CHECK_TEXT(graphql_ref_print(graphql_argument_info(ARGUMENT_QUERY_TIME_SERIES_WHERE)->ref, type),
               "[DimensionValue!]");
    CHECK_TEXT(
        graphql_ref_print((struct graphql_type_ref){.type = TYPE_INT, .list_depth = 2, .non_null = 5}, type),
        "[[Int!]]!");
    CHECK_EQ(graphql_argument_count(FIELD_QUERY_TIME_SERIES_BY), 8);
    CHECK_EQ(graphql_field_count(TYPE_QUERY), 14); /* with __schema and __type */
    CHECK_EQ(graphql_enum_count(TYPE_UPDATE_TRIGGER), 7);
    CHECK(graphql_type_info(TYPE_MUTATION)->is_unsupported);
    CHECK(graphql_type_info(TYPE_EVENT_CONNECTION)->is_connection);
    CHECK(!graphql_type_info(TYPE_EVENT)->is_connection);
    CHECK_TEXT(graphql_argument_info(ARGUMENT_MUTATION_DELETE_PROFILE_SUPPRESS)->default_literal, "false");
}

TEST(directives_are_no_type_and_say_where_they_may_stand)
{
    CHECK_EQ(TYPE_DIRECTIVES, TYPE_ROWS - 1);
    CHECK_EQ(graphql_field_find(TYPE_DIRECTIVES, TEXT("skip")), FIELD_DIRECTIVES_SKIP);
    CHECK_EQ(graphql_argument_find(FIELD_DIRECTIVES_SKIP, TEXT("if")), ARGUMENT_DIRECTIVES_SKIP_IF);
    CHECK((graphql_directive_places(FIELD_DIRECTIVES_SKIP) &
           graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_FIELD)) != 0);
    CHECK((graphql_directive_places(FIELD_DIRECTIVES_SKIP) &
           graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_QUERY)) == 0);
    CHECK_DIES(graphql_directive_places(FIELD_QUERY_TENANTS));
}

TEST(the_fields_of_introspection_are_known_and_hidden)
{
    CHECK_EQ(graphql_field_find(TYPE_QUERY, TEXT("__type")), FIELD_QUERY_TYPE);
    CHECK_EQ(graphql_field_find(TYPE_TENANT, TEXT("__schema")), FIELD_NONE);
    CHECK(graphql_field_is_hidden(graphql_field_info(FIELD_QUERY_SCHEMA)));
    CHECK(!graphql_field_is_hidden(graphql_field_info(FIELD_QUERY_TENANT)));
}
