/* bind_op_project.c - operators that keep, make, rename and order columns: where, extend, project
 * and its kin, serialize. */
#include "kql/bind_op_inner.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

const struct kql_op *
bind_where(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *predicate = bind_op_child(s, 0);
    struct kql_op *op = bind_op_make(b, KQL_OP_WHERE, s, input, input->schema);

    b->is_predicate_all = true;
    op->u.predicate = bind_expr(b, predicate);
    if (bind_op_is_good(op->u.predicate) && op->u.predicate->type != KQL_BOOL)
        kql_complain(b->d, KQL_E_TYPE, predicate->at, predicate->size,
                     "the condition of where is a %s, not a bool",
                     kql_type_name(op->u.predicate->type));
    return op;
}

static const struct kql_op *
bind_columns_op(struct bind *b, const struct kql_syntax *s, const struct kql_op *input,
                enum bind_naming naming, enum kql_project_form form)
{
    struct bind_columns c;
    struct kql_op *op;

    bind_columns_init(&c, b, naming);
    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *item = s->children[i];

        if (item == NULL)
            continue;
        if (item->kind == SYN_STAR) {
            kql_complain(b->d, KQL_E_SYNTAX, item->at, item->size,
                         "'*' is not a column: project has no need of columns that stay as they "
                         "are, use extend");
            continue;
        }
        bind_columns_add(&c, item, bind_expr(b, bind_op_value(item)));
    }
    op = bind_op_make(b, KQL_OP_PROJECT, s, input, bind_columns_schema(&c));
    op->schema.is_open = c.is_open || (input->schema.is_open && naming != NAMING_PROJECT);
    op->u.project.form = form;
    op->u.project.exprs = c.exprs;
    return op;
}

const struct kql_op *
bind_extend(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    return bind_columns_op(b, s, input, NAMING_EXTEND, KQL_FORM_EXTEND);
}

const struct kql_op *
bind_serialize(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    if (s->child_count == 0)
        return bind_op_make(b, KQL_OP_SERIALIZE_ROWS, s, input, input->schema);
    return bind_columns_op(b, s, input, NAMING_EXTEND, KQL_FORM_SERIALIZE);
}

const struct kql_op *
bind_project(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    return bind_columns_op(b, s, input, NAMING_PROJECT, KQL_FORM_PROJECT);
}

/* ---- columns picked by name ---- */

/* A list of the input's columns under new names or places. */
struct picked {
    struct bind *b;
    const struct kql_op *input;
    struct bind_list list;
};

static void
pick(struct picked *p, uint32_t index, struct span name, const struct kql_syntax *at)
{
    bind_list_add(&p->list, name, p->input->schema.columns[index].type,
                  bind_column(p->b, &p->input->schema, index, at), index);
}

static const struct kql_op *
picked_op(struct picked *p, const struct kql_syntax *s, enum kql_project_form form)
{
    bool is_open = p->input->schema.is_open && form != KQL_FORM_KEEP;
    struct kql_op *op =
        bind_op_make(p->b, KQL_OP_PROJECT, s, p->input, bind_list_schema(&p->list, is_open));

    op->u.project.form = form;
    op->u.project.exprs = p->list.exprs;
    return op;
}

static bool
matches(const struct kql_syntax *s, struct span name)
{
    if (s->kind == SYN_STAR)
        return true;
    return s->kind == SYN_NAME &&
           ((s->op & 2) != 0 ? bind_matches_wildcard(s->name, name) : span_equal(s->name, name));
}

/* Marks what the name or pattern means; complains when it means nothing. */
static void
mark(struct bind *b, const struct kql_syntax *s, const struct kql_schema *schema, uint8_t *marks)
{
    bool is_any = false;

    if (s == NULL || s->kind == SYN_MISSING)
        return;
    if (s->kind != SYN_NAME && s->kind != SYN_STAR) {
        kql_complain(b->d, KQL_E_COLUMN, s->at, s->size, "a column's name is wanted here");
        return;
    }
    for (uint32_t i = 0; i < schema->count; i++)
        if (matches(s, schema->columns[i].name)) {
            marks[i] = 1;
            is_any = true;
        }
    if (is_any || schema->is_open || s->kind == SYN_STAR)
        return;
    if ((s->op & 2) != 0)
        kql_complain(b->d, KQL_E_COLUMN, s->at, s->size, "no column matches '%.*s'", (int)s->name.n,
                     s->name.p);
    else
        bind_no_column(b, schema, s);
}

static const struct kql_op *
bind_marked(struct bind *b, const struct kql_syntax *s, const struct kql_op *input, bool is_kept,
            enum kql_project_form form)
{
    struct picked p = {b, input, {.pool = b->pool}};
    uint8_t *marks = pool_zeroed(b->pool, input->schema.count + 1, 1);

    for (uint32_t i = 0; i < s->child_count; i++)
        mark(b, s->children[i], &input->schema, marks);
    for (uint32_t i = 0; i < input->schema.count; i++)
        if ((marks[i] != 0) == is_kept)
            pick(&p, i, input->schema.columns[i].name, s);
    return picked_op(&p, s, form);
}

const struct kql_op *
bind_project_away(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    return bind_marked(b, s, input, false, KQL_FORM_AWAY);
}

const struct kql_op *
bind_project_keep(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    return bind_marked(b, s, input, true, KQL_FORM_KEEP);
}

static void
rename_one(struct bind *b, const struct kql_syntax *s, const struct kql_schema *schema,
           struct bind_names *taken, struct span *names)
{
    const struct kql_syntax *old = bind_op_value(s);
    uint32_t index;

    if (s->kind != SYN_NAMED) {
        kql_complain(b->d, KQL_E_SYNTAX, s->at, s->size, "project-rename wants new = old");
        return;
    }
    if (!bind_op_is_plain_name(old)) {
        kql_complain(b->d, KQL_E_COLUMN, old != NULL ? old->at : s->at, old != NULL ? old->size : 0,
                     "a column's name is wanted here");
        return;
    }
    index = bind_find_column(schema, old->name);
    if (index == BIND_NO_COLUMN) {
        if (!schema->is_open)
            bind_no_column(b, schema, old);
        return;
    }
    if (!bind_names_add(taken, s->name, index)) {
        kql_complain(b->d, KQL_E_NAME, s->name_at, s->name_size, "there is a column '%.*s' already",
                     (int)s->name.n, s->name.p);
        return;
    }
    names[index] = s->name;
}

const struct kql_op *
bind_project_rename(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct picked p = {b, input, {.pool = b->pool}};
    const struct kql_schema *schema = &input->schema;
    struct span *names = pool_take(b->pool, (schema->count + 1) * sizeof *names);
    struct bind_names taken;

    bind_names_init(&taken, b->pool);
    for (uint32_t i = 0; i < schema->count; i++) {
        names[i] = schema->columns[i].name;
        bind_names_add(&taken, names[i], i);
    }
    for (uint32_t i = 0; i < s->child_count; i++)
        if (s->children[i] != NULL && s->children[i]->kind != SYN_MISSING)
            rename_one(b, s->children[i], schema, &taken, names);
    for (uint32_t i = 0; i < schema->count; i++)
        pick(&p, i, names[i], s);
    return picked_op(&p, s, KQL_FORM_RENAME);
}

/* ---- project-reorder ---- */

static int
compare_names(const void *a, const void *b)
{
    struct span x = ((const struct kql_column *)a)->name, y = ((const struct kql_column *)b)->name;
    int order = strncasecmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    return order != 0 ? order : x.n < y.n ? -1 : x.n > y.n;
}

/* Runs of digits count as numbers: a9 before a10. */
static int
compare_names_granny(const void *a, const void *b)
{
    struct span x = ((const struct kql_column *)a)->name, y = ((const struct kql_column *)b)->name;
    size_t i = 0, j = 0;

    while (i < x.n && j < y.n) {
        if (isdigit((unsigned char)x.p[i]) && isdigit((unsigned char)y.p[j])) {
            size_t k, l, size;
            int order;

            for (; i + 1 < x.n && x.p[i] == '0' && isdigit((unsigned char)x.p[i + 1]); i++)
                ;
            for (; j + 1 < y.n && y.p[j] == '0' && isdigit((unsigned char)y.p[j + 1]); j++)
                ;
            for (k = i; k < x.n && isdigit((unsigned char)x.p[k]); k++)
                ;
            for (l = j; l < y.n && isdigit((unsigned char)y.p[l]); l++)
                ;
            size = k - i;
            if (size != l - j)
                return size < l - j ? -1 : 1;
            order = memcmp(x.p + i, y.p + j, size);
            if (order != 0)
                return order;
            i = k;
            j = l;
        } else {
            int order = tolower((unsigned char)x.p[i]) - tolower((unsigned char)y.p[j]);

            if (order != 0)
                return order;
            i++;
            j++;
        }
    }
    return x.n - i < y.n - j ? -1 : x.n - i > y.n - j;
}

/* The columns that the pattern means and that are not taken yet, in its order. */
static void
reorder_one(struct picked *p, const struct kql_syntax *s, uint8_t *taken)
{
    const struct kql_schema *schema = &p->input->schema;
    const struct kql_syntax *name = s->kind == SYN_ORDERED ? bind_op_child(s, 0) : s;
    uint32_t order = s->kind == SYN_ORDERED ? s->op : 0, count = 0;
    uint8_t *marks = pool_zeroed(p->b->pool, schema->count + 1, 1);
    /* the type's place holds nothing: what is sorted is names with their index behind */
    struct found {
        struct kql_column column;
        uint32_t index;
    } *found = pool_take(p->b->pool, (schema->count + 1) * sizeof *found);

    mark(p->b, name, schema, marks);
    for (uint32_t i = 0; i < schema->count; i++)
        if (marks[i] && !taken[i])
            found[count++] = (struct found){schema->columns[i], i};
    if ((order & (KQL_ORDER_ASC | KQL_ORDER_DESC | KQL_ORDER_GRANNY)) != 0)
        qsort(found, count, sizeof *found,
              (order & KQL_ORDER_GRANNY) != 0 ? compare_names_granny : compare_names);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = found[(order & KQL_ORDER_DESC) != 0 ? count - 1 - i : i].index;

        taken[index] = 1;
        pick(p, index, schema->columns[index].name, s);
    }
}

const struct kql_op *
bind_project_reorder(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct picked p = {b, input, {.pool = b->pool}};
    uint8_t *taken = pool_zeroed(b->pool, input->schema.count + 1, 1);

    for (uint32_t i = 0; i < s->child_count; i++)
        if (s->children[i] != NULL)
            reorder_one(&p, s->children[i], taken);
    for (uint32_t i = 0; i < input->schema.count; i++)
        if (!taken[i])
            pick(&p, i, input->schema.columns[i].name, s);
    return picked_op(&p, s, KQL_FORM_REORDER);
}

/* ---- project-by-names ---- */

static void
pick_by_text(struct picked *p, struct span pattern, const struct kql_syntax *at, uint8_t *taken)
{
    const struct kql_schema *schema = &p->input->schema;
    bool is_pattern = pattern.n > 0 && memchr(pattern.p, '*', pattern.n) != NULL;

    for (uint32_t i = 0; i < schema->count; i++) {
        struct span name = schema->columns[i].name;

        if (taken[i] ||
            !(is_pattern ? bind_matches_wildcard(pattern, name) : span_equal(pattern, name)))
            continue;
        taken[i] = 1;
        pick(p, i, name, at);
    }
}

const struct kql_op *
bind_project_by_names(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct picked p = {b, input, {.pool = b->pool}};
    uint8_t *taken = pool_zeroed(b->pool, input->schema.count + 1, 1);

    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *item = s->children[i];
        struct kql_value v;

        if (item == NULL || item->kind == SYN_MISSING)
            continue;
        if (!bind_constant(b, item, KQL_UNKNOWN, "a column's name", &v) || v.is_null)
            continue;
        if (v.type == KQL_STRING) {
            pick_by_text(&p, kql_text(&v), item, taken);
        } else if (v.type == KQL_ARRAY) {
            for (uint32_t k = 0; k < v.array->count; k++)
                if (v.array->items[k].type == KQL_STRING && !v.array->items[k].is_null)
                    pick_by_text(&p, kql_text(&v.array->items[k]), item, taken);
        } else {
            kql_complain(b->d, KQL_E_TYPE, item->at, item->size,
                         "project-by-names takes texts and arrays of texts");
        }
    }
    return picked_op(&p, s, KQL_FORM_KEEP);
}
