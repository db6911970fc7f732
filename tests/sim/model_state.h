/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * model_state - what the model remembers; private to model*.c
 *
 * Memory   All of it in one arena that dies with the model; arrays that grow leave their old self behind.
 */

#include <assert.h>

#include "core/arena.h"
#include "core/json_out.h"
#include "shards/record.h"
#include "tests/sim/model.h"

#define MODEL_NEVER INT64_MIN
#define MODEL_COUNTERS_MAX 64u
#define MODEL_TRAITS_MAX 256u
#define MODEL_TRAIT_BYTES_MAX 32768u
#define MODEL_IDENTIFIERS_MAX 500u
#define MODEL_MERGES_MAX 1000u
#define MODEL_SESSION_PAGES_MAX 100u

struct model_list {
    void **at;
    uint32_t count;
    uint32_t count_max;
};

struct model_map_slot {
    struct text key; /* data NULL: free */
    void *value;
};
struct model_map {
    struct model_map_slot *slots;
    uint32_t count;
    uint32_t slot_count;
};

struct model_counter {
    struct text name;
    uint64_t count;
};

struct model_trait {
    struct text key; /* decoded */
    struct text raw; /* "null": a mark */
    int64_t time;
    uint64_t position;
};

struct model_session {
    struct uuid id;
    uint32_t revision;
    bool is_gone;                /* it joined another one */
    struct model_person *person; /* the living one */
    int64_t start;
    int64_t end;
    struct model_list events; /* in order of arrival */
};

enum model_kind { MODEL_USER = 'u', MODEL_ANON = 'a' };

struct model_identifier {
    enum model_kind kind;
    struct text value;
    struct model_person *person; /* always a living one */
};

struct model_person {
    struct uuid id;
    uint32_t number;
    struct model_person *merged_into; /* NULL while it lives */
    const struct model_identifier *owner;
    uint32_t merges_won;
    struct model_list identifiers;
    struct model_list events;   /* merged ones included */
    struct model_list sessions; /* the same */
    /* What depends on the order of the log. */
    struct model_counter types[MODEL_COUNTERS_MAX];
    uint32_t type_count;
    uint64_t other_count;
    struct model_counter pages[MODEL_COUNTERS_MAX];
    uint32_t page_count;
    struct model_counter features[MODEL_COUNTERS_MAX];
    uint32_t feature_count;
    struct model_trait traits[MODEL_TRAITS_MAX]; /* by key */
    uint32_t trait_count;
    uint32_t trait_bytes;
};

struct model_event {
    const struct event_record *record;
    uint64_t position;
    int64_t time;
    bool is_late;
    struct model_person *person;     /* chase merged_into */
    struct model_session *session;   /* NULL: takes part in none */
    struct text key[MODEL_BY_COUNT]; /* after the dictionary */
};

struct model_merge {
    struct model_person *loser;
    struct model_person *winner; /* as it was */
    int64_t time;
};

struct model_tenant {
    struct text id;
    struct uuid space;
    uint32_t partition;
    int64_t watermark;      /* W, as last looked at */
    int64_t watermark_then; /* W0 */
    int64_t wall_then;      /* w0 */
    int64_t newest_time;
    int64_t newest_received;
    struct model_list events;   /* struct model_event, in log order */
    struct model_list persons;  /* by number */
    struct model_list sessions; /* gone ones too */
    struct model_list merges;   /* oldest first */
    struct model_map identifiers;
    struct model_map canonicals;        /* by the ID's text, merged ones included */
    struct model_map event_ids;         /* the later of equals */
    struct model_map dictionary;        /* dimension, day, value */
    struct model_map dictionary_counts; /* dimension, day; the value is a uint32_t */
    uint32_t living_count;
};

struct model_partition {
    int64_t wall;
    bool has_record;
    uint64_t position;
    struct settings_record settings;
    struct model_list tenants;
};

struct model {
    struct arena_pool pool;
    struct arena arena;   /* until the end */
    struct arena scratch; /* until the answer is out */
    uint32_t partition_count;
    struct model_partition *partitions;
    struct model_map tenants;
    struct model_list tenant_list;
    uint32_t dictionary_values_max;
    struct model_totals totals;
};

/* model.c: containers. All memory comes from the arena given. */
void *model_take(struct arena *arena, uint64_t bytes);
struct text model_text(struct arena *arena, struct text text);
void model_list_add(struct arena *arena, struct model_list *list, void *item);
void model_list_remove(struct model_list *list, const void *item);
void *model_map_find(const struct model_map *map, struct text key);
/* Adds or replaces; the key's bytes are copied when it is new. */
void model_map_put(struct arena *arena, struct model_map *map, struct text key, void *value);
struct uuid model_uuid5(struct uuid space, const struct text *parts, uint32_t part_count);
struct text model_uuid_text(struct uuid uuid, char to[37]);
struct model_tenant *model_tenant_find(const struct model *model, struct text id);
const struct settings_record *model_settings(const struct model *model, const struct model_tenant *tenant);

/* model_identity.c: step 2. `watermark` is that of step 1. */
struct model_person *model_identity_apply(struct model *model, struct model_tenant *tenant,
                                          const struct model_event *event, int64_t watermark);
struct model_person *model_person_find(const struct model_tenant *tenant, enum model_kind kind,
                                       struct text value);
struct model_person *model_person_now(struct model_person *person);

/* model_session.c */
bool model_session_is_closed(const struct model *model, const struct model_tenant *tenant,
                             const struct model_session *session, int64_t watermark);
void model_session_add(struct model *model, struct model_tenant *tenant, struct model_event *event,
                       int64_t watermark_before, int64_t watermark_after);
/* The winner gets the loser's, joined. */
void model_session_combine(struct model *model, struct model_tenant *tenant, struct model_person *loser,
                           struct model_person *winner, int64_t watermark);
const struct model_event *model_session_first(const struct model_session *session);

/* model_profile.c */
void model_profile_add(struct model *model, struct model_person *person, const struct model_event *event);
void model_profile_combine(struct model *model, struct model_person *loser, struct model_person *winner);
/* By count desc, then name. */
void model_counters_sort(struct model_counter *counters, uint32_t count);
/* Events by (event_time, position). */
int model_event_order(const struct model_event *a, const struct model_event *b);

/* model_rollup.c: the value of one field, after its key. False: an error, data is null. */
void model_write_summary(struct model *model, struct json_out *out, const struct model_variables *variables);
void model_write_breakdown(struct model *model, struct json_out *out,
                           const struct model_variables *variables);
bool model_write_time_series(struct model *model, struct json_out *out,
                             const struct model_variables *variables);
bool model_write_time_series_by(struct model *model, struct json_out *out,
                                const struct model_variables *variables);

/* model_people.c: the value of `profiles`. */
void model_write_profiles(struct model *model, struct json_out *out, const struct model_variables *variables);

/* model_answer.c: a key and its value; a text without bytes is null. */
void model_put_text(struct json_out *out, struct text key, struct text value);
void model_put_int(struct json_out *out, struct text key, uint64_t value);
void model_put_bool(struct json_out *out, struct text key, bool value);
void model_put_time(struct json_out *out, struct text key, int64_t value);
/* Gives a malloc'd string and ends the scratch memory. */
char *model_finish(struct model *model, struct json_out *out);
