/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/json_out.h"

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

void *
graphql_errors_take(struct graphql_errors *errors, uint64_t bytes)
{
    void *memory = arena_take_zero(errors->arena, bytes);

    if (memory == NULL) {
        graphql_errors_full(errors);
    }
    return memory;
}

static void
add(struct graphql_errors *errors, const struct graphql_place *places, uint32_t place_count,
    const struct graphql_path *path, const char *code, struct text message)
{
    struct graphql_error *error;
    struct graphql_place *copies;

    if (errors->count == GRAPHQL_ERRORS_MAX) {
        errors->dropped_count++;
        return;
    }
    error = arena_take_zero(errors->arena, sizeof(*error));
    copies = arena_take_zero(errors->arena, (place_count + 1) * sizeof(*copies));
    if (error == NULL || copies == NULL) {
        errors->is_full = true;
        return;
    }
    for (uint32_t i = 0; i < place_count; i++) {
        copies[i] = places[i];
    }
    error->message = arena_text(errors->arena, message);
    error->places = copies;
    error->place_count = place_count;
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

PRINTF_LIKE(5, 0)
static void
add_formatted(struct graphql_errors *errors, struct graphql_place place, const struct graphql_path *path,
              const char *code, const char *format, va_list arguments)
{
    char message[GRAPHQL_MESSAGE_BYTES_MAX + 1];
    int bytes = vsnprintf(message, sizeof(message), format, arguments);

    if (bytes < 0) {
        bytes = 0;
    }
    if (bytes > (int)GRAPHQL_MESSAGE_BYTES_MAX) {
        bytes = GRAPHQL_MESSAGE_BYTES_MAX;
    }
    add(errors, &place, place.line > 0 ? 1 : 0, path, code,
        (struct text){.data = message, .bytes = (uint32_t)bytes});
}

void
graphql_error_add(struct graphql_errors *errors, struct graphql_place place, const char *code,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_formatted(errors, place, NULL, code, format, arguments);
    va_end(arguments);
}

void
graphql_error_add_all(struct graphql_errors *errors, const struct graphql_place *places, uint32_t place_count,
                      const char *code, struct text message)
{
    add(errors, places, place_count, NULL, code, message);
}

void
graphql_error_add_at(struct graphql_errors *errors, struct graphql_place place,
                     const struct graphql_path *path, const char *code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_formatted(errors, place, path, code, format, arguments);
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
write_places(const struct graphql_error *error, struct json_out *out)
{
    json_out_key(out, TEXT("locations"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < error->place_count; i++) {
        json_out_object_begin(out);
        json_out_key(out, TEXT("line"));
        json_out_int(out, error->places[i].line);
        json_out_key(out, TEXT("column"));
        json_out_int(out, error->places[i].column);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void
write_error(const struct graphql_error *error, struct json_out *out)
{
    json_out_object_begin(out);
    json_out_key(out, TEXT("message"));
    json_out_text(out, error->message);
    if (error->place_count > 0) {
        write_places(error, out);
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
