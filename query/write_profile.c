/* SPDX-License-Identifier: Apache-2.0 */
#include "query/write_profile.h"

#include "query/rollup.h"
#include "query/window.h"
#include "query/write_value.h"
#include "shards/sort.h"

struct writer {
    struct execute *execute;
    struct json_out *out;
};

static int
compare_texts(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

/* They come in the order in which they were linked. */
static void
put_sorted(struct writer *writer, const struct text *texts, uint32_t count)
{
    struct text *sorted = arena_take(writer->execute->loads.arena, count * sizeof(*sorted));

    if (sorted == NULL) {
        writer->out->is_full = true;
        return;
    }
    if (count > 0) {
        memcpy(sorted, texts, count * sizeof(*sorted));
    }
    sort_items(sorted, count, sizeof(*sorted), compare_texts);
    write_value_texts(writer->out, sorted, count);
}

static void
put_merged_ids(struct json_out *out, const struct resolve_answer *person)
{
    json_out_array_begin(out);
    /* The winner comes last. */
    for (uint32_t i = 0; i + 1 < person->member_count; i++) {
        json_out_uuid(out, person->members[i].canonical);
    }
    json_out_array_end(out);
}

static void
put_traits(struct json_out *out, const struct profile_answer *profile)
{
    json_out_object_begin(out);
    for (uint32_t i = 0; i < profile->trait_count; i++) {
        json_out_key(out, profile->traits[i].key);
        json_out_raw(out, profile->traits[i].value);
    }
    json_out_object_end(out);
}

static void
put_window(struct writer *writer, const struct load *load, const struct graphql_selection *at,
           enum window window,
           int (*count_window)(const struct profile_answer *, enum window, struct event_ms, uint64_t *))
{
    struct graphql_path *path;
    uint64_t count;

    if (count_window(load->profile, window, load->as_of, &count) == 0) {
        write_value_count(writer->out, count);
        return;
    }
    json_out_null(writer->out);
    path = arena_take_zero(writer->execute->loads.arena, sizeof(*path));
    if (path == NULL) {
        writer->out->is_full = true;
        return;
    }
    *path = (struct graphql_path){.parent = execute_path(writer->execute, load), .key = at->response_key};
    graphql_error_add_at(&writer->execute->errors, at->place, path, LOAD_CODE_EARLY,
                         "The window begins before the buckets that are kept.");
}

static void
put_counts_first(struct json_out *out, const struct graphql_selection *at, enum graphql_argument argument,
                 const struct text_count *counts, uint32_t count)
{
    uint64_t first = (uint64_t)graphql_argument(at, argument)->integer;

    write_value_counts(out, at, counts, count < first ? count : (uint32_t)first);
}

/* What the sequencer knows. False: not one of those. */
static bool
write_identity_field(struct writer *writer, const struct load *load, const struct graphql_selection *at)
{
    const struct resolve_answer *person = load->person->answer;
    struct json_out *out = writer->out;

    switch ((int)at->field) {
    case FIELD_PROFILE_TENANT_ID:
        json_out_text(out, load->tenant->tenant_id);
        return true;
    case FIELD_PROFILE_CANONICAL_ID:
        json_out_uuid(out, person->winner.canonical);
        return true;
    case FIELD_PROFILE_USER_ID:
        if (person->has_owner) {
            json_out_text(out, person->owner);
        } else {
            json_out_null(out);
        }
        return true;
    case FIELD_PROFILE_USER_IDS:
        put_sorted(writer, person->user_ids, person->user_id_count);
        return true;
    case FIELD_PROFILE_ANONYMOUS_IDS:
        put_sorted(writer, person->anonymous_ids, person->anonymous_id_count);
        return true;
    case FIELD_PROFILE_MERGED_IDS:
        put_merged_ids(out, person);
        return true;
    default:
        return false;
    }
}

/* False: not one of those. */
static bool
write_window_field(struct writer *writer, const struct load *load, const struct graphql_selection *at)
{
    switch ((int)at->field) {
    case FIELD_PROFILE_EVENTS_1D:
        put_window(writer, load, at, WINDOW_1D, window_events);
        return true;
    case FIELD_PROFILE_EVENTS_7D:
        put_window(writer, load, at, WINDOW_7D, window_events);
        return true;
    case FIELD_PROFILE_EVENTS_30D:
        put_window(writer, load, at, WINDOW_30D, window_events);
        return true;
    case FIELD_PROFILE_EVENTS_90D:
        put_window(writer, load, at, WINDOW_90D, window_events);
        return true;
    case FIELD_PROFILE_SESSIONS_1D:
        put_window(writer, load, at, WINDOW_1D, window_sessions);
        return true;
    case FIELD_PROFILE_SESSIONS_7D:
        put_window(writer, load, at, WINDOW_7D, window_sessions);
        return true;
    case FIELD_PROFILE_SESSIONS_30D:
        put_window(writer, load, at, WINDOW_30D, window_sessions);
        return true;
    case FIELD_PROFILE_SESSIONS_90D:
        put_window(writer, load, at, WINDOW_90D, window_sessions);
        return true;
    default:
        return false;
    }
}

/* What the slice knows. */
static void
write_kept_field(struct writer *writer, const struct load *load, const struct graphql_selection *at)
{
    const struct profile_answer *profile = load->profile;
    struct json_out *out = writer->out;

    switch ((int)at->field) {
    case FIELD_PROFILE_FIRST_SEEN:
        json_out_time(out, profile->first_seen.ms);
        break;
    case FIELD_PROFILE_LAST_SEEN:
        json_out_time(out, profile->last_seen.ms);
        break;
    case FIELD_PROFILE_TOTAL_EVENTS:
        write_value_count(out, profile->total_events);
        break;
    case FIELD_PROFILE_TOTAL_SESSIONS:
        write_value_count(out, profile->total_sessions);
        break;
    case FIELD_PROFILE_AVG_SESSION_DURATION_SEC:
        json_out_double(out, rollup_mean_seconds(profile->closed_duration_ms, profile->closed_sessions));
        break;
    case FIELD_PROFILE_EVENT_COUNTS:
        write_value_counts(out, at, profile->event_counts, profile->event_count_count);
        break;
    case FIELD_PROFILE_PAGE_VIEWS:
        write_value_count(out, profile->page_views);
        break;
    case FIELD_PROFILE_CLICKS:
        write_value_count(out, profile->clicks);
        break;
    case FIELD_PROFILE_SIGNUPS:
        write_value_count(out, profile->signups);
        break;
    case FIELD_PROFILE_LOGINS:
        write_value_count(out, profile->logins);
        break;
    case FIELD_PROFILE_FEATURE_USES:
        write_value_count(out, profile->feature_uses);
        break;
    case FIELD_PROFILE_TOP_PAGES:
        put_counts_first(out, at, ARGUMENT_PROFILE_TOP_PAGES_FIRST, profile->top_pages,
                         profile->top_page_count);
        break;
    case FIELD_PROFILE_TOP_FEATURES:
        put_counts_first(out, at, ARGUMENT_PROFILE_TOP_FEATURES_FIRST, profile->top_features,
                         profile->top_feature_count);
        break;
    case FIELD_PROFILE_LAST_PAGE:
        write_value_text(out, profile->last_page);
        break;
    case FIELD_PROFILE_LAST_COUNTRY:
        write_value_text(out, profile->last_country);
        break;
    case FIELD_PROFILE_LAST_DEVICE:
        write_value_text(out, profile->last_device);
        break;
    case FIELD_PROFILE_LAST_BROWSER:
        write_value_text(out, profile->last_browser);
        break;
    case FIELD_PROFILE_LAST_OS:
        write_value_text(out, profile->last_os);
        break;
    case FIELD_PROFILE_TRAITS:
        put_traits(out, profile);
        break;
    default:
        write_value_typename(out, at);
        break;
    }
}

void
write_profile_field(struct execute *execute, struct json_out *out, const struct load *load,
                    const struct graphql_selection *at)
{
    struct writer writer = {.execute = execute, .out = out};

    if (!write_identity_field(&writer, load, at) && !write_window_field(&writer, load, at)) {
        write_kept_field(&writer, load, at);
    }
}
