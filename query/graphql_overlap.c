/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_overlap.h"

#include "core/arena.h"
#include "query/graphql_words.h"

/*
 * A selection set becomes a set: its fields by response key, those of inline fragments with them, and the
 * fragments that it spreads. Then
 *
 *   within a set      each pair of fields of one key; the set and each of its fragments; each pair of those
 *   set and fragment  each pair of fields of one key, one from each; the set and the fragments of the fragment
 *   two fragments     the same; each with the fragments of the other
 *   two fields        their names and arguments, what they return, and then the two sets below them
 *
 * A set and a fragment, and two fragments, are compared once. What may still grow is the number of pairs:
 * each takes from a budget, and so does each byte of arguments that is compared.
 */

#define BUCKET_COUNT 16u
#define CONFLICT_FIELDS_MAX 20u /* places that an error names, for each side */
#define CONFLICTS_BELOW_MAX 24u /* conflicts that a sentence tells of; no message has room for more */
#define REASON_BYTES_MAX 1000u
#define COMPARED_BYTES_PER_UNIT 64u

struct overlap_field {
    struct graphql_ast_selection *node;
    struct overlap_field *next;
};

struct overlap_key {
    struct text key;
    uint32_t hash;
    struct overlap_field *first;
    struct overlap_field **end;
    struct overlap_key *next;
    struct overlap_key *next_in_bucket;
};

struct overlap_spread {
    struct graphql_ast_definition *fragment;
    struct overlap_spread *next;
};

/* Whether a set and a fragment, or two fragments, were compared. */
enum compared {
    COMPARED_NOT,
    COMPARED_EXCLUSIVE,
    COMPARED_TOGETHER, /* which tells more */
};

struct graphql_overlap_set {
    struct overlap_key *keys;
    struct overlap_key **keys_end;
    struct overlap_key *buckets[BUCKET_COUNT];
    struct overlap_spread *spreads;
    struct overlap_spread **spreads_end;
    uint32_t spread_count;
    uint8_t *compared; /* enum compared, for each fragment; NULL: with none */
};

struct conflict {
    struct text key;
    struct text reason;
    struct graphql_place left[CONFLICT_FIELDS_MAX];
    struct graphql_place right[CONFLICT_FIELDS_MAX];
    uint32_t left_count;
    uint32_t right_count;
    struct conflict *next;
};

struct conflicts {
    struct conflict *first;
    struct conflict *last;
    uint32_t count;
    uint32_t count_max;
};

struct overlap {
    struct graphql_errors *errors;
    uint32_t fragment_count;
    uint8_t *compared; /* enum compared, for each pair of fragments */
    uint32_t left;     /* of the budget */
    uint32_t depth;
    bool is_over; /* the budget, the depth or the memory */
};

/* How two places relate: EXCLUSIVE ones are never there at the same time. */
enum relation {
    TOGETHER,
    EXCLUSIVE,
};

static void compare_sets(struct overlap *overlap, struct conflicts *conflicts, enum relation relation,
                         struct graphql_overlap_set *left, struct graphql_overlap_set *right);

static void *
take(struct overlap *overlap, uint64_t bytes)
{
    void *memory = graphql_errors_take(overlap->errors, bytes);

    overlap->is_over |= memory == NULL;
    return memory;
}

static void
give_up(struct overlap *overlap)
{
    if (!overlap->is_over) {
        overlap->is_over = true;
        graphql_error_add(overlap->errors, (struct graphql_place){0}, GRAPHQL_CODE_COMPLEX,
                          "The document has too many fields of one name to be compared.");
    }
}

/* False: stop. */
static bool
spend(struct overlap *overlap, uint32_t units)
{
    if (overlap->is_over) {
        return false;
    }
    if (units > overlap->left) {
        give_up(overlap);
        return false;
    }
    overlap->left -= units;
    return true;
}

static bool
enter(struct overlap *overlap)
{
    if (overlap->depth == GRAPHQL_OVERLAP_DEPTH_MAX) {
        give_up(overlap);
        return false;
    }
    overlap->depth++;
    return true;
}

/* ---- sets ---- */

static struct overlap_key *
find_key(const struct graphql_overlap_set *set, uint32_t hash, struct text key)
{
    struct overlap_key *at = set->buckets[hash % BUCKET_COUNT];

    while (at != NULL && !(at->hash == hash && text_equal(at->key, key))) {
        at = at->next_in_bucket;
    }
    return at;
}

static void
add_field(struct overlap *overlap, struct graphql_overlap_set *set, struct graphql_ast_selection *node)
{
    struct text name = graphql_ast_response_key(node);
    struct overlap_field *field = take(overlap, sizeof(*field));
    struct overlap_key *key = find_key(set, node->key_hash, name);

    if (field == NULL) {
        return;
    }
    field->node = node;
    if (key == NULL) {
        key = take(overlap, sizeof(*key));
        if (key == NULL) {
            return;
        }
        *key = (struct overlap_key){.key = name,
                                    .hash = node->key_hash,
                                    .end = &key->first,
                                    .next_in_bucket = set->buckets[node->key_hash % BUCKET_COUNT]};
        set->buckets[node->key_hash % BUCKET_COUNT] = key;
        *set->keys_end = key;
        set->keys_end = &key->next;
    }
    *key->end = field;
    key->end = &field->next;
}

/* Each fragment once. */
static void
add_spread(struct overlap *overlap, struct graphql_overlap_set *set, struct graphql_ast_definition *fragment)
{
    struct overlap_spread *spread;

    if (fragment == NULL) {
        return;
    }
    for (spread = set->spreads; spread != NULL; spread = spread->next) {
        if (spread->fragment == fragment) {
            return;
        }
    }
    spread = take(overlap, sizeof(*spread));
    if (spread != NULL) {
        spread->fragment = fragment;
        *set->spreads_end = spread;
        set->spreads_end = &spread->next;
        set->spread_count++;
    }
}

/* As deep as the parser lets it be. */
static void
collect(struct overlap *overlap, struct graphql_overlap_set *set, struct graphql_ast_selection *selections)
{
    for (struct graphql_ast_selection *at = selections; at != NULL; at = at->next) {
        switch (at->kind) {
        case GRAPHQL_AST_FIELD:
            add_field(overlap, set, at);
            break;
        case GRAPHQL_AST_INLINE:
            collect(overlap, set, at->selections);
            break;
        case GRAPHQL_AST_SPREAD:
            add_spread(overlap, set, at->fragment);
            break;
        }
    }
}

/* NULL: no memory. */
static struct graphql_overlap_set *
set_of(struct overlap *overlap, struct graphql_overlap_set **set, struct graphql_ast_selection *selections)
{
    if (*set != NULL) {
        return *set;
    }
    *set = take(overlap, sizeof(**set));
    if (*set != NULL) {
        (*set)->keys_end = &(*set)->keys;
        (*set)->spreads_end = &(*set)->spreads;
        collect(overlap, *set, selections);
    }
    return overlap->is_over ? NULL : *set;
}

/* ---- conflicts ---- */

/* NULL: no memory, or nobody would read of it. */
static struct conflict *
add_conflict(struct overlap *overlap, struct conflicts *conflicts, struct text key,
             const struct graphql_ast_selection *left, const struct graphql_ast_selection *right,
             struct text reason)
{
    struct conflict *conflict;

    if (conflicts->count == conflicts->count_max) {
        return NULL;
    }
    conflict = take(overlap, sizeof(*conflict));
    if (conflict == NULL) {
        return NULL;
    }
    *conflict = (struct conflict){.key = key, .left_count = 1, .right_count = 1};
    conflict->left[0] = left->place;
    conflict->right[0] = right->place;
    conflict->reason = arena_text(overlap->errors->arena, reason);
    if (conflict->reason.data == NULL) {
        graphql_errors_full(overlap->errors);
        overlap->is_over = true;
        return NULL;
    }
    if (conflicts->last != NULL) {
        conflicts->last->next = conflict;
    } else {
        conflicts->first = conflict;
    }
    conflicts->last = conflict;
    conflicts->count++;
    return conflict;
}

static void
add_places(struct graphql_place *to, uint32_t *to_count, const struct graphql_place *from,
           uint32_t from_count)
{
    uint32_t room = CONFLICT_FIELDS_MAX - *to_count;
    uint32_t count = from_count < room ? from_count : room;

    /* The deepest ones, which are the last. */
    for (uint32_t i = from_count - count; i < from_count; i++) {
        to[(*to_count)++] = from[i];
    }
}

/* What is in conflict below two fields is one conflict of theirs. */
static void
add_conflict_below(struct overlap *overlap, struct conflicts *conflicts, struct text key,
                   const struct graphql_ast_selection *left, const struct graphql_ast_selection *right,
                   const struct conflicts *below)
{
    struct graphql_words words = {.bytes = 0};
    struct conflict *conflict;

    for (const struct conflict *at = below->first; at != NULL && words.bytes <= REASON_BYTES_MAX;
         at = at->next) {
        graphql_words_add(&words, "%ssubfields \"%.*s\" conflict because %.*s",
                          at == below->first ? "" : " and ", GRAPHQL_NAME(at->key), (int)at->reason.bytes,
                          at->reason.data);
    }
    if (words.bytes > REASON_BYTES_MAX) {
        words.bytes = REASON_BYTES_MAX;
        graphql_words_add(&words, "...");
    }
    conflict = add_conflict(overlap, conflicts, key, left, right, graphql_words_text(&words));
    for (const struct conflict *at = below->first; conflict != NULL && at != NULL; at = at->next) {
        add_places(conflict->left, &conflict->left_count, at->left, at->left_count);
        add_places(conflict->right, &conflict->right_count, at->right, at->right_count);
    }
}

/* Nothing more is to be found out, or nobody would read of it. */
static bool
is_enough(const struct overlap *overlap, const struct conflicts *conflicts)
{
    return overlap->is_over || conflicts->count == conflicts->count_max;
}

/* ---- two fields ---- */

static struct graphql_type_ref
return_type(const struct graphql_ast_selection *node)
{
    const struct graphql_field_info *info =
        node->field != FIELD_NONE ? graphql_field_info(node->field) : NULL;

    if (info == NULL || node->field == FIELD_TYPENAME) {
        return (struct graphql_type_ref){.type = TYPE_NONE};
    }
    return info->ref;
}

/* Their lists and "!" must be alike; and the types too, unless both have fields, which are compared then. */
static bool
is_shape_equal(struct graphql_type_ref a, struct graphql_type_ref b)
{
    bool are_objects;

    if (a.type == TYPE_NONE || b.type == TYPE_NONE) {
        return true;
    }
    are_objects = graphql_type_info(a.type)->kind == GRAPHQL_KIND_OBJECT &&
                  graphql_type_info(b.type)->kind == GRAPHQL_KIND_OBJECT;
    return a.list_depth == b.list_depth && a.non_null == b.non_null && (a.type == b.type || are_objects);
}

static bool
is_simple(const struct graphql_ast_selection *node)
{
    return node->arguments == NULL && !node->has_selections;
}

enum difference {
    DIFFERENT_NOT,
    DIFFERENT_FIELDS,
    DIFFERENT_ARGUMENTS,
    DIFFERENT_TYPES,
};

/* Why the two cannot be one. */
static enum difference
difference_of(struct overlap *overlap, enum relation relation, const struct graphql_ast_selection *left,
              const struct graphql_ast_selection *right)
{
    if (relation == TOGETHER && !text_equal(left->name, right->name)) {
        return DIFFERENT_FIELDS;
    }
    if (relation == TOGETHER && left->arguments != right->arguments) {
        if (!spend(overlap, left->arguments_bytes / COMPARED_BYTES_PER_UNIT)) {
            return DIFFERENT_NOT;
        }
        if (!graphql_ast_arguments_equal(left->arguments, right->arguments)) {
            return DIFFERENT_ARGUMENTS;
        }
    }
    return is_shape_equal(return_type(left), return_type(right)) ? DIFFERENT_NOT : DIFFERENT_TYPES;
}

static void
report_difference(struct overlap *overlap, struct conflicts *conflicts, struct text key,
                  enum difference difference, const struct graphql_ast_selection *left,
                  const struct graphql_ast_selection *right)
{
    struct graphql_words words = {.bytes = 0};
    char from[GRAPHQL_REF_BYTES_MAX];
    char to[GRAPHQL_REF_BYTES_MAX];

    switch (difference) {
    case DIFFERENT_NOT:
        return;
    case DIFFERENT_FIELDS:
        graphql_words_add(&words, "\"%.*s\" and \"%.*s\" are different fields", GRAPHQL_NAME(left->name),
                          GRAPHQL_NAME(right->name));
        break;
    case DIFFERENT_ARGUMENTS:
        graphql_words_add(&words, "they have differing arguments");
        break;
    case DIFFERENT_TYPES:
        graphql_words_add(&words, "they return conflicting types \"%s\" and \"%s\"",
                          graphql_ref_print(return_type(left), from),
                          graphql_ref_print(return_type(right), to));
        break;
    }
    (void)add_conflict(overlap, conflicts, key, left, right, graphql_words_text(&words));
}

static bool
have_different_parents(const struct graphql_ast_selection *left, const struct graphql_ast_selection *right)
{
    return left->parent != TYPE_NONE && right->parent != TYPE_NONE && left->parent != right->parent;
}

static void
compare_fields(struct overlap *overlap, struct conflicts *conflicts, enum relation relation, struct text key,
               struct graphql_ast_selection *left, struct graphql_ast_selection *right)
{
    struct conflicts below = {.count_max = CONFLICTS_BELOW_MAX};
    struct graphql_overlap_set *left_set;
    struct graphql_overlap_set *right_set;
    enum difference difference;

    if (!spend(overlap, 1)) {
        return;
    }
    if (left->field == right->field && left->field != FIELD_NONE && is_simple(left) && is_simple(right)) {
        return;
    }
    if (have_different_parents(left, right)) {
        relation = EXCLUSIVE;
    }
    difference = difference_of(overlap, relation, left, right);
    if (difference != DIFFERENT_NOT) {
        report_difference(overlap, conflicts, key, difference, left, right);
        return;
    }
    if (!left->has_selections || !right->has_selections || !enter(overlap)) {
        return;
    }
    left_set = set_of(overlap, &left->set, left->selections);
    right_set = set_of(overlap, &right->set, right->selections);
    if (left_set != NULL && right_set != NULL) {
        compare_sets(overlap, &below, relation, left_set, right_set);
    }
    if (below.count > 0) {
        add_conflict_below(overlap, conflicts, key, left, right, &below);
    }
    overlap->depth--;
}

/* ---- sets and fragments ---- */

/* Each pair of fields of one key, one from each. */
static void
compare_keys(struct overlap *overlap, struct conflicts *conflicts, enum relation relation,
             const struct graphql_overlap_set *left, const struct graphql_overlap_set *right)
{
    for (const struct overlap_key *key = left->keys; key != NULL && spend(overlap, 1); key = key->next) {
        const struct overlap_key *other = find_key(right, key->hash, key->key);

        if (other == NULL) {
            continue;
        }
        for (const struct overlap_field *a = key->first; a != NULL && !is_enough(overlap, conflicts);
             a = a->next) {
            for (const struct overlap_field *b = other->first; b != NULL && !is_enough(overlap, conflicts);
                 b = b->next) {
                compare_fields(overlap, conflicts, relation, key->key, a->node, b->node);
            }
        }
    }
}

/* True: nothing new would come of it. Else it counts as done from now on. */
static bool
is_compared(uint8_t *compared, enum relation relation)
{
    enum compared wanted = relation == EXCLUSIVE ? COMPARED_EXCLUSIVE : COMPARED_TOGETHER;

    if (*compared >= wanted) {
        return true;
    }
    *compared = (uint8_t)wanted;
    return false;
}

/* Recursion: a fragment for each level, and no more than enter() lets. */
static void
compare_with_fragment(struct overlap *overlap, struct conflicts *conflicts, enum relation relation,
                      struct graphql_overlap_set *set, struct graphql_ast_definition *fragment)
{
    struct graphql_overlap_set *other;

    if (!spend(overlap, 1) || set->keys == NULL) {
        return;
    }
    if (set->compared == NULL) {
        set->compared = take(overlap, overlap->fragment_count);
    }
    if (set->compared == NULL || is_compared(&set->compared[fragment->index], relation)) {
        return;
    }
    other = set_of(overlap, &fragment->set, fragment->selections);
    if (other == NULL || other == set || !enter(overlap)) {
        return;
    }
    compare_keys(overlap, conflicts, relation, set, other);
    for (const struct overlap_spread *at = other->spreads; at != NULL && !is_enough(overlap, conflicts);
         at = at->next) {
        compare_with_fragment(overlap, conflicts, relation, set, at->fragment);
    }
    overlap->depth--;
}

/* The same for the two ways round. */
static uint8_t *
pair_of(const struct overlap *overlap, const struct graphql_ast_definition *left,
        const struct graphql_ast_definition *right)
{
    uint32_t low = left->index < right->index ? left->index : right->index;
    uint32_t high = left->index < right->index ? right->index : left->index;

    return &overlap->compared[(uint64_t)low * overlap->fragment_count + high];
}

/* Recursion: as above. */
static void
compare_fragments(struct overlap *overlap, struct conflicts *conflicts, enum relation relation,
                  struct graphql_ast_definition *left, struct graphql_ast_definition *right)
{
    struct graphql_overlap_set *left_set;
    struct graphql_overlap_set *right_set;

    if (!spend(overlap, 2) || left == right || is_compared(pair_of(overlap, left, right), relation)) {
        return;
    }
    left_set = set_of(overlap, &left->set, left->selections);
    right_set = set_of(overlap, &right->set, right->selections);
    if (left_set == NULL || right_set == NULL || !enter(overlap)) {
        return;
    }
    compare_keys(overlap, conflicts, relation, left_set, right_set);
    for (const struct overlap_spread *at = right_set->spreads; at != NULL && !is_enough(overlap, conflicts);
         at = at->next) {
        compare_fragments(overlap, conflicts, relation, left, at->fragment);
    }
    for (const struct overlap_spread *at = left_set->spreads; at != NULL && !is_enough(overlap, conflicts);
         at = at->next) {
        compare_fragments(overlap, conflicts, relation, at->fragment, right);
    }
    overlap->depth--;
}

static void
compare_sets(struct overlap *overlap, struct conflicts *conflicts, enum relation relation,
             struct graphql_overlap_set *left, struct graphql_overlap_set *right)
{
    compare_keys(overlap, conflicts, relation, left, right);
    for (const struct overlap_spread *at = right->spreads; at != NULL && !is_enough(overlap, conflicts);
         at = at->next) {
        compare_with_fragment(overlap, conflicts, relation, left, at->fragment);
    }
    for (const struct overlap_spread *at = left->spreads; at != NULL && !is_enough(overlap, conflicts);
         at = at->next) {
        compare_with_fragment(overlap, conflicts, relation, right, at->fragment);
    }
    for (const struct overlap_spread *a = left->spreads; a != NULL && !is_enough(overlap, conflicts);
         a = a->next) {
        for (const struct overlap_spread *b = right->spreads; b != NULL && !is_enough(overlap, conflicts);
             b = b->next) {
            compare_fragments(overlap, conflicts, relation, a->fragment, b->fragment);
        }
    }
}

/* ---- the whole document ---- */

static void
compare_within(struct overlap *overlap, struct conflicts *conflicts, struct graphql_overlap_set *set)
{
    for (const struct overlap_key *key = set->keys; key != NULL; key = key->next) {
        for (const struct overlap_field *a = key->first; a != NULL && !is_enough(overlap, conflicts);
             a = a->next) {
            for (const struct overlap_field *b = a->next; b != NULL && !is_enough(overlap, conflicts);
                 b = b->next) {
                compare_fields(overlap, conflicts, TOGETHER, key->key, a->node, b->node);
            }
        }
    }
    if (set->keys == NULL && set->spread_count < 2) {
        return;
    }
    for (const struct overlap_spread *a = set->spreads; a != NULL && !is_enough(overlap, conflicts);
         a = a->next) {
        compare_with_fragment(overlap, conflicts, TOGETHER, set, a->fragment);
        for (const struct overlap_spread *b = a->next; b != NULL && !is_enough(overlap, conflicts);
             b = b->next) {
            compare_fragments(overlap, conflicts, TOGETHER, a->fragment, b->fragment);
        }
    }
}

static void
report(struct overlap *overlap, const struct conflict *conflict)
{
    struct graphql_place places[2 * CONFLICT_FIELDS_MAX];
    struct graphql_words words = {.bytes = 0};
    uint32_t count = 0;

    for (uint32_t i = 0; i < conflict->left_count; i++) {
        places[count++] = conflict->left[i];
    }
    for (uint32_t i = 0; i < conflict->right_count; i++) {
        places[count++] = conflict->right[i];
    }
    graphql_words_add(
        &words,
        "Fields \"%.*s\" conflict because %.*s. Use different aliases on the fields to fetch both if "
        "this was intentional.",
        GRAPHQL_NAME(conflict->key), (int)conflict->reason.bytes, conflict->reason.data);
    graphql_error_add_all(overlap->errors, places, count, GRAPHQL_CODE_FIELDS_CONFLICT,
                          graphql_words_text(&words));
}

static void
check_set(struct overlap *overlap, struct graphql_overlap_set **set, struct graphql_ast_selection *selections)
{
    struct conflicts conflicts = {.count_max = GRAPHQL_ERRORS_MAX};
    bool is_one = selections->next == NULL && selections->kind != GRAPHQL_AST_INLINE;

    if (is_one || overlap->is_over || set_of(overlap, set, selections) == NULL) {
        return;
    }
    compare_within(overlap, &conflicts, *set);
    for (const struct conflict *at = conflicts.first; at != NULL; at = at->next) {
        report(overlap, at);
    }
}

/* As deep as the parser lets it be. */
static void
check_below(struct overlap *overlap, struct graphql_ast_selection *selections)
{
    for (struct graphql_ast_selection *at = selections; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_FIELD && at->has_selections) {
            check_set(overlap, &at->set, at->selections);
        }
        if (at->has_selections) {
            check_below(overlap, at->selections);
        }
    }
}

void
graphql_overlap_check(struct graphql_ast_document *document, struct graphql_errors *errors)
{
    struct overlap overlap = {.errors = errors, .left = GRAPHQL_COMPARISONS_MAX};

    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_FRAGMENT) {
            at->index = overlap.fragment_count++;
        }
    }
    overlap.compared = take(&overlap, (uint64_t)overlap.fragment_count * overlap.fragment_count);
    for (struct graphql_ast_definition *at = document->definitions;
         at != NULL && !overlap.is_over && !graphql_errors_enough(errors); at = at->next) {
        check_set(&overlap, &at->set, at->selections);
        check_below(&overlap, at->selections);
    }
}
