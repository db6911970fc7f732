/* SPDX-License-Identifier: Apache-2.0 */
#include "query/write_value.h"

void
write_value_text(struct json_out *out, struct text text)
{
    if (text.bytes > 0) {
        json_out_text(out, text);
    } else {
        json_out_null(out);
    }
}

void
write_value_count(struct json_out *out, uint64_t count)
{
    json_out_int(out, (int64_t)count);
}

void
write_value_typename(struct json_out *out, const struct graphql_selection *at)
{
    json_out_text(out, graphql_type_info(at->parent)->name);
}

void
write_value_texts(struct json_out *out, const struct text *texts, uint32_t count)
{
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_out_text(out, texts[i]);
    }
    json_out_array_end(out);
}

void
write_value_counts(struct json_out *out, const struct graphql_selection *selection,
                   const struct text_count *counts, uint32_t count)
{
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_out_object_begin(out);
        for (const struct graphql_selection *at = selection->children; at != NULL; at = at->next) {
            json_out_key(out, at->response_key);
            switch ((int)at->field) {
            case FIELD_COUNT_KEY:
                json_out_text(out, counts[i].key);
                break;
            case FIELD_COUNT_COUNT:
                write_value_count(out, counts[i].count);
                break;
            default:
                write_value_typename(out, at);
                break;
            }
        }
        json_out_object_end(out);
    }
    json_out_array_end(out);
}
