/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/json_out.h"

#define MESSAGE_BYTES_MAX 256u

void
graphql_errors_init(struct graphql_errors *errors, struct arena *arena)
{
    *errors = (struct graphql_errors){.arena = arena};
}

void
graphql_errors_full(struct graphql_errors *errors)
{
    errors->is_full = true;
}

PRINTF_LIKE(5, 0)
static void
add(struct graphql_errors *errors, struct graphql_place place, const struct graphql_path *path,
    const char *code, const char *format, va_list arguments)
{
    char message[MESSAGE_BYTES_MAX];
    struct graphql_error *error;
    int bytes;

    if (errors->count == GRAPHQL_ERRORS_MAX) {
        errors->dropped_count++;
        return;
    }
    bytes = vsnprintf(message, sizeof(message), format, arguments);
    if (bytes < 0) {
        bytes = 0;
    }
    if (bytes >= (int)sizeof(message)) {
        bytes = sizeof(message) - 1;
    }
    error = arena_take_zero(errors->arena, sizeof(*error));
    if (error == NULL) {
        errors->is_full = true;
        return;
    }
    error->message = arena_text(errors->arena, (struct text){.data = message, .bytes = (uint32_t)bytes});
    error->place = place;
    error->path = path;
    error->code = text_of(code);
    if (error->message.data == NULL) {
        errors->is_full = true;
        return;
    }
    if (errors->last != NULL) {
        errors->last->next = error;
    } else {
        errors->first = error;
    }
    errors->last = error;
    errors->count++;
}

void
graphql_error_add(struct graphql_errors *errors, struct graphql_place place, const char *code,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(errors, place, NULL, code, format, arguments);
    va_end(arguments);
}

void
graphql_error_add_at(struct graphql_errors *errors, struct graphql_place place,
                     const struct graphql_path *path, const char *code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(errors, place, path, code, format, arguments);
    va_end(arguments);
}

/* Outermost first. A path is as deep as the plan and its lists, a few dozen at most. */
static void
write_path(const struct graphql_path *path, struct json_out *out)
{
    if (path->parent != NULL) {
        write_path(path->parent, out);
    }
    if (path->key.data != NULL) {
        json_out_text(out, path->key);
    } else {
        json_out_int(out, path->index);
    }
}

static void
write_place(struct graphql_place place, struct json_out *out)
{
    json_out_key(out, TEXT("locations"));
    json_out_array_begin(out);
    json_out_object_begin(out);
    json_out_key(out, TEXT("line"));
    json_out_int(out, place.line);
    json_out_key(out, TEXT("column"));
    json_out_int(out, place.column);
    json_out_object_end(out);
    json_out_array_end(out);
}

static void
write_error(const struct graphql_error *error, struct json_out *out)
{
    json_out_object_begin(out);
    json_out_key(out, TEXT("message"));
    json_out_text(out, error->message);
    if (error->place.line > 0) {
        write_place(error->place, out);
    }
    if (error->path != NULL) {
        json_out_key(out, TEXT("path"));
        json_out_array_begin(out);
        write_path(error->path, out);
        json_out_array_end(out);
    }
    json_out_key(out, TEXT("extensions"));
    json_out_object_begin(out);
    json_out_key(out, TEXT("code"));
    json_out_text(out, error->code);
    json_out_object_end(out);
    json_out_object_end(out);
}

void
graphql_errors_write(const struct graphql_errors *errors, struct json_out *out)
{
    static const struct graphql_error memory = {
        .message = {.data = "The request needs more memory than one request may use.", .bytes = 55},
        .code = {.data = GRAPHQL_CODE_MEMORY, .bytes = sizeof(GRAPHQL_CODE_MEMORY) - 1},
    };

    REQUIRE(graphql_errors_any(errors));

    json_out_array_begin(out);
    for (const struct graphql_error *error = errors->first; error != NULL; error = error->next) {
        write_error(error, out);
    }
    if (errors->is_full) {
        write_error(&memory, out);
    }
    json_out_array_end(out);
}
