/* SPDX-License-Identifier: Apache-2.0 */
#include "query/execute.h"

#include "query/connection.h"
#include "query/load_object.h"
#include "query/profile_page.h"
#include "query/rollup.h"

/* LOAD_ROOT: none, the value is in the parent's row. */
static enum load_kind
kind_of(enum graphql_field field)
{
    switch ((int)field) {
    case FIELD_QUERY_TENANTS:
        return LOAD_TENANTS;
    case FIELD_QUERY_TENANT:
        return LOAD_TENANT;
    case FIELD_QUERY_PROFILE:
        return LOAD_PROFILE;
    case FIELD_QUERY_PROFILES:
        return LOAD_PROFILES;
    case FIELD_QUERY_EVENT:
        return LOAD_EVENT;
    case FIELD_QUERY_EVENTS:
    case FIELD_PROFILE_EVENTS:
    case FIELD_SESSION_EVENTS:
        return LOAD_EVENTS;
    case FIELD_QUERY_SESSIONS:
    case FIELD_PROFILE_SESSIONS:
        return LOAD_SESSIONS;
    case FIELD_QUERY_MERGES:
        return LOAD_MERGES;
    case FIELD_EVENT_SESSION:
        return LOAD_EVENT_SESSION;
    case FIELD_PROFILE_CURRENT_SESSION:
        return LOAD_CURRENT_SESSION;
    case FIELD_QUERY_SUMMARY:
    case FIELD_QUERY_TIME_SERIES:
    case FIELD_QUERY_TIME_SERIES_BY:
    case FIELD_QUERY_BREAKDOWN:
        return LOAD_ROLLUP;
    default:
        return LOAD_ROOT;
    }
}

/* ---- what lies below ---- */

/* The fields of one object type, for all rows of the parent. False: arena full. */
static bool
expand_fields(struct execute *execute, struct load *parent, const struct graphql_selection *fields,
              const struct graphql_selection *list, const struct graphql_selection *node)
{
    for (const struct graphql_selection *at = fields; at != NULL; at = at->next) {
        enum load_kind kind = kind_of(at->field);
        struct load_branch *branch;

        if (kind == LOAD_ROOT) {
            continue;
        }
        branch = load_branch_add(&execute->loads, parent, kind, at, parent->row_count);
        if (branch == NULL) {
            return false;
        }
        branch->list = list;
        branch->node = node;
        if (kind == LOAD_EVENT_SESSION && parent->kind == LOAD_EVENTS) {
            load_object_bracket(&execute->loads, branch);
        }
    }
    return true;
}

static bool
expand_page(struct execute *execute, struct load *page)
{
    for (const struct graphql_selection *at = page->selection->children; at != NULL; at = at->next) {
        switch ((int)at->field) {
        case FIELD_EVENT_CONNECTION_NODES:
        case FIELD_SESSION_CONNECTION_NODES:
            if (!expand_fields(execute, page, at->children, at, NULL)) {
                return false;
            }
            break;
        case FIELD_EVENT_CONNECTION_EDGES:
        case FIELD_SESSION_CONNECTION_EDGES:
            for (const struct graphql_selection *node = at->children; node != NULL; node = node->next) {
                if (!expand_fields(execute, page, node->children, at, node)) {
                    return false;
                }
            }
            break;
        default:
            break;
        }
    }
    return true;
}

/* A load for each profile of the page. */
static bool
add_rows(struct execute *execute, struct load *page, const struct graphql_selection *list,
         const struct graphql_selection *node)
{
    struct load_branch *branch = load_branch_add(&execute->loads, page, LOAD_PROFILE, node, page->row_count);

    if (branch == NULL) {
        return false;
    }
    branch->list = list;
    return true;
}

static bool
expand_profiles(struct execute *execute, struct load *page)
{
    for (const struct graphql_selection *at = page->selection->children; at != NULL; at = at->next) {
        if (at->field == FIELD_PROFILE_CONNECTION_NODES && !add_rows(execute, page, at, at)) {
            return false;
        }
        if (at->field != FIELD_PROFILE_CONNECTION_EDGES) {
            continue;
        }
        for (const struct graphql_selection *node = at->children; node != NULL; node = node->next) {
            if (node->field == FIELD_PROFILE_EDGE_NODE && !add_rows(execute, page, at, node)) {
                return false;
            }
        }
    }
    return true;
}

static bool
expand(struct execute *execute, struct load *load)
{
    load->is_expanded = true;
    if (load->error_code != NULL || load->row_count == 0) {
        return true;
    }
    switch (load->kind) {
    case LOAD_PROFILE:
    case LOAD_EVENT:
    case LOAD_EVENT_SESSION:
    case LOAD_CURRENT_SESSION:
        return expand_fields(execute, load, load->selection->children, NULL, NULL);
    case LOAD_EVENTS:
    case LOAD_SESSIONS:
        return expand_page(execute, load);
    case LOAD_PROFILES:
        return expand_profiles(execute, load);
    case LOAD_ROOT:
    case LOAD_TENANTS:
    case LOAD_TENANT:
    case LOAD_MERGES:
    case LOAD_ROLLUP:
        break;
    }
    return true;
}

/* ---- rounds ---- */

/* Whose data the field is of, and whether they may be read. Its tenant is the first argument of every root field. */
static bool
begin_root_field(struct execute *execute, struct load *load)
{
    struct loads *loads = &execute->loads;
    struct text tenant_id;

    if (load->kind == LOAD_TENANTS) {
        if (!loads->principal->may_read) {
            load_refuse(load, LOAD_CODE_FORBIDDEN, "You may not read.");
        }
        return true;
    }
    ASSERT(load->selection->argument_count > 0);
    ASSERT(load->selection->arguments[0].kind == GRAPHQL_VALUE_TEXT);
    tenant_id = load->selection->arguments[0].text;
    if (!principal_may_read(loads->principal, tenant_id)) {
        load_refuse(load, LOAD_CODE_FORBIDDEN, "You may not read this tenant.");
        return true;
    }
    load->tenant = load_tenant_get(loads, tenant_id);
    return load->tenant != NULL;
}

bool
execute_begin(struct execute *execute, const struct execute_options *options)
{
    *execute = (struct execute){
        .plan = options->plan, .may_restart = options->may_restart, .may_wait = options->may_wait};
    graphql_errors_init(&execute->errors, options->arena);
    if (!loads_begin(&execute->loads, options->shard, options->arena, options->principal, options->now,
                     options->done, options->context)) {
        return false;
    }
    if (!expand_fields(execute, &execute->loads.root, options->plan->selections, NULL, NULL)) {
        return false;
    }
    for (struct load_branch *branch = execute->loads.root.branches; branch != NULL; branch = branch->next) {
        if (!begin_root_field(execute, &branch->loads[0])) {
            return false;
        }
    }
    return true;
}

static bool
step(struct loads *loads, struct load *load)
{
    switch (load->kind) {
    case LOAD_TENANTS:
    case LOAD_TENANT:
    case LOAD_PROFILE:
    case LOAD_EVENT:
    case LOAD_EVENT_SESSION:
    case LOAD_CURRENT_SESSION:
        return load_object_step(loads, load);
    case LOAD_EVENTS:
    case LOAD_SESSIONS:
    case LOAD_MERGES:
        return connection_step(loads, load);
    case LOAD_PROFILES:
        return profile_page_step(loads, load);
    case LOAD_ROLLUP:
        return rollup_step(loads, load);
    case LOAD_ROOT:
        break;
    }
    base_die("ASSERT", "a load that waits", __FILE__, __LINE__);
}

/* As far as this load gets now. */
static enum step
advance(struct execute *execute, struct load *load, const struct time_slice *time)
{
    struct loads *loads = &execute->loads;

    while (!load->is_done && load->round_due <= loads->round && !loads->arena->is_full && step(loads, load)) {
        execute->has_moved = true;
        if (time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    if (load->has_rows && !load->is_expanded && !expand(execute, load)) {
        ASSERT(loads->arena->is_full);
    }
    return STEP_DONE;
}

/* A pass over every load that waits, and those that come up on the way. */
static enum step
advance_all(struct execute *execute, const struct time_slice *time)
{
    struct loads *loads = &execute->loads;

    if (execute->at == NULL) {
        execute->at = &loads->first_pending;
        execute->before = NULL;
        execute->has_moved = false;
    }
    while (*execute->at != NULL) {
        struct load *load = *execute->at;

        if (advance(execute, load, time) == STEP_MORE) {
            return STEP_MORE;
        }
        if (load->is_done) {
            *execute->at = load->next_pending;
            execute->has_moved = true;
        } else {
            execute->before = load;
            execute->at = &load->next_pending;
        }
        if (*execute->at == NULL) {
            loads->last_pending = execute->before;
        }
    }
    execute->at = NULL;
    return STEP_DONE;
}

/* ---- errors ---- */

const struct graphql_path *
execute_path(struct execute *execute, const struct load *load)
{
    struct arena *arena = execute->loads.arena;
    const struct load_branch *branch = load->branch;
    struct graphql_path *path;
    struct graphql_path *item;

    if (branch == NULL) {
        return NULL;
    }
    path = arena_take_zero(arena, 4 * sizeof(*path));
    if (path == NULL) {
        return NULL;
    }
    /* Recursion: as deep as the plan. */
    item = path;
    *item = (struct graphql_path){.parent = execute_path(execute, load->parent),
                                  .key = load->selection->response_key};
    if (branch->list != NULL) {
        path[1] = (struct graphql_path){.parent = item->parent, .key = branch->list->response_key};
        path[2] = (struct graphql_path){.parent = &path[1], .index = load->row};
        item->parent = &path[2];
        if (branch->list == branch->selection) {
            return &path[2]; /* it is the row itself */
        }
    }
    if (branch->node != NULL) {
        path[3] = (struct graphql_path){.parent = item->parent, .key = branch->node->response_key};
        item->parent = &path[3];
    }
    return item;
}

/* Recursion: as deep as the plan. */
static void
settle(struct execute *execute, struct load *load)
{
    if (load->error_code != NULL) {
        graphql_error_add_at(&execute->errors, load->selection->place, execute_path(execute, load),
                             load->error_code, "%s", load->error_message);
        load->is_null = true;
        return;
    }
    for (struct load_branch *branch = load->branches; branch != NULL; branch = branch->next) {
        bool is_required = graphql_ref_is_non_null(branch->selection->ref);

        for (uint32_t i = 0; i < branch->count; i++) {
            settle(execute, &branch->loads[i]);
            load->is_null |= is_required && branch->loads[i].is_null;
        }
    }
}

int
execute_round(struct execute *execute, const struct time_slice *time)
{
    struct loads *loads = &execute->loads;

    do {
        if (loads->arena->is_full) {
            return EXECUTE_FULL;
        }
        if (advance_all(execute, time) == STEP_MORE) {
            return EXECUTE_MORE;
        }
    } while (execute->has_moved);
    if (loads->is_stale && execute->may_restart) {
        return EXECUTE_STALE;
    }
    if (loads->is_starved && execute->may_wait) {
        return EXECUTE_STARVED;
    }
    if (loads_send(loads) > 0) {
        return 0;
    }
    if (loads->arena->is_full) {
        return EXECUTE_FULL;
    }
    ASSERT(loads->first_pending == NULL); /* who waits has asked */
    settle(execute, &loads->root);
    return loads->arena->is_full ? EXECUTE_FULL : EXECUTE_READY;
}

void
execute_arrived(struct execute *execute)
{
    loads_arrived(&execute->loads);
}
