/* bind_op_search.c - search and find: texts in every column, of the rows so far or of many tables.
 * Both become unions of tables whose rows are filtered. */
#include "kql/bind_op_inner.h"

/* A predicate of texts and comparisons; '*' and a text alone mean every column of 'rows'. */
static const struct kql_expr *
bind_predicate(struct bind *b, const struct kql_syntax *s, const struct kql_op *rows,
               bool is_case_sensitive)
{
    const struct kql_op *input = b->input;
    const struct kql_expr *e;

    b->input = rows;
    b->is_search = b->is_predicate_all = true;
    b->is_case_sensitive = is_case_sensitive;
    if (s->kind == SYN_STAR) /* search *: every row */
        e = bind_const(b, KQL_BOOL, kql_bool(true), s);
    else
        e = bind_expr(b, s);
    b->is_search = b->is_predicate_all = b->is_case_sensitive = false;
    b->input = input;
    if (bind_op_is_good(e) && e->type != KQL_BOOL)
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                     "what is searched for is a text or a condition, not a %s",
                     kql_type_name(e->type));
    return e;
}

const struct kql_op *
bind_search(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    static const char *const kinds[] = {"default", "case_insensitive", "case_sensitive", NULL};
    const struct kql_syntax *predicate = bind_op_child(s, 0), *in = bind_op_child(s, 1);
    bool is_case_sensitive = bind_option_choice(b, s, "kind", kinds, 0) == 2;
    struct bind_tables tables = {.b = b, .unnamed = "search_arg"};
    const struct kql_op *rows;
    struct kql_schema searched;
    struct kql_op *op, *fake;

    if (in != NULL) {
        if (input != NULL)
            kql_complain(b->d, KQL_E_PLACE, in->at, in->size,
                         "search in (...) stands at the start of a query only");
        for (uint32_t i = 0; i < in->child_count; i++)
            bind_tables_add(&tables, in->children[i], false);
    } else if (input != NULL) {
        bind_tables_put(&tables, input, bind_table_name(b, NULL, input));
    } else {
        bind_tables_all(&tables, s);
    }
    if (tables.count == 0 || predicate == NULL) {
        if (tables.count == 0 && b->d->error_count == 0)
            kql_complain(b->d, KQL_E_TABLE, s->at, s->size, "there is no table to search");
        return bind_op_nothing(b, s);
    }
    rows = bind_union_of(b, s, tables.items, tables.names, (uint32_t)tables.count,
                         SPAN_LITERAL("$table"), false);
    searched = rows->schema;
    searched.columns++; /* not the name of the table */
    searched.count--;
    fake = bind_op_make(b, KQL_ROWS_INPUT, s, NULL, searched);
    op = bind_op_make(b, KQL_OP_WHERE, s, rows, rows->schema);
    op->u.predicate = bind_op_shifted(b, bind_predicate(b, predicate, fake, is_case_sensitive));
    return op;
}

/* ---- find ---- */

struct find {
    struct bind *b;
    const struct kql_syntax *s, *predicate;
    struct bind_tables tables;
    struct bind_list united; /* every column by name; of one type, or dynamic */
    struct bind_names index; /* of united */
    struct bind_list result; /* map: index in united; BIND_NO_COLUMN: pack_ */
    struct span source_column;
    bool has_pack;
};

static void
unite_by_name(struct find *f)
{
    bind_names_init(&f->index, f->b->pool);
    for (size_t i = 0; i < f->tables.count; i++) {
        const struct kql_schema *schema = &f->tables.items[i]->schema;

        for (uint32_t c = 0; c < schema->count; c++) {
            const struct kql_column *column = &schema->columns[c];
            struct bind_names_item *item = bind_names_find(&f->index, column->name);
            uint8_t *type;

            if (item == NULL) {
                bind_names_add(&f->index, column->name, (uint32_t)f->united.count);
                bind_list_add(&f->united, column->name, column->type, NULL, 0);
                continue;
            }
            type = &f->united.columns[item->value].type;
            if (*type != column->type) {
                enum kql_type common = bind_common_type(*type, column->type);

                *type = (uint8_t)(common == KQL_UNKNOWN ? KQL_DYNAMIC : common);
            }
        }
    }
}

/* Marks the columns that the predicate names; true if it means every column. */
static bool
mark_named(const struct find *f, const struct kql_syntax *s, uint8_t *marks, uint32_t depth,
           bool is_term)
{
    bool means_all = false;

    if (s == NULL || depth > KQL_NEST_MAX)
        return false;
    if (s->kind == SYN_STAR || (is_term && s->kind == SYN_LITERAL && s->value.type == KQL_STRING))
        return true;
    if (s->kind == SYN_NAME) {
        const struct bind_names_item *item = bind_names_find(&f->index, s->name);

        if (item != NULL)
            marks[item->value] = 1;
        else if (is_term)
            return true; /* let text = "..."; find in (T) where text */
    }
    is_term = is_term && s->kind == SYN_BINARY && (s->op == KQL_OP_AND || s->op == KQL_OP_OR);
    for (uint32_t i = 0; i < s->child_count; i++)
        means_all |= mark_named(f, s->children[i], marks, depth + 1, is_term);
    return means_all;
}

/* Only tables that have a column which the predicate names, unless it means every column. */
static void
drop_unconcerned(struct find *f, const uint8_t *marks, bool means_all)
{
    size_t kept = 0;

    if (means_all || f->tables.count < 2)
        return;
    for (size_t i = 0; i < f->tables.count; i++) {
        const struct kql_schema *schema = &f->tables.items[i]->schema;
        bool is_concerned = schema->is_open;

        for (uint32_t c = 0; c < schema->count && !is_concerned; c++)
            is_concerned = marks[bind_names_find(&f->index, schema->columns[c].name)->value] != 0;
        if (!is_concerned)
            continue;
        f->tables.items[kept] = f->tables.items[i];
        f->tables.names[kept++] = f->tables.names[i];
    }
    f->tables.count = kept;
}

static bool
is_common(const struct find *f, struct span name, uint8_t type)
{
    for (size_t i = 0; i < f->tables.count; i++) {
        uint32_t c = bind_find_column(&f->tables.items[i]->schema, name);

        if (c == BIND_NO_COLUMN || f->tables.items[i]->schema.columns[c].type != type)
            return false;
    }
    return f->tables.count > 0;
}

static void
add_result(struct find *f, uint32_t united, enum kql_type type)
{
    for (size_t i = 0; i < f->result.count; i++)
        if (f->result.map[i] == united)
            return;
    bind_list_add(&f->result, f->united.columns[united].name, type, NULL, united);
}

/* What all tables have, what the predicate names, and a bag of the rest. */
static void
project_smart(struct find *f, const uint8_t *marks)
{
    bool has_rest = false;

    for (uint32_t i = 0; i < f->united.count; i++)
        if (is_common(f, f->united.columns[i].name, f->united.columns[i].type))
            add_result(f, i, f->united.columns[i].type);
    for (uint32_t i = 0; i < f->united.count; i++)
        if (marks[i])
            add_result(f, i, f->united.columns[i].type);
    for (size_t i = 0; i < f->tables.count && !has_rest; i++) {
        const struct kql_schema *schema = &f->tables.items[i]->schema;
        struct kql_schema result = bind_list_schema(&f->result, false);

        for (uint32_t c = 0; c < schema->count && !has_rest; c++)
            has_rest = bind_find_column(&result, schema->columns[c].name) == BIND_NO_COLUMN;
    }
    if (has_rest)
        bind_list_add(&f->result, SPAN_LITERAL("pack_"), KQL_DYNAMIC, NULL, BIND_NO_COLUMN);
    f->has_pack = has_rest;
}

static void
project_listed(struct find *f, const struct kql_syntax *list)
{
    struct bind *b = f->b;

    for (uint32_t i = 0; i < list->child_count; i++) {
        const struct kql_syntax *c = list->children[i], *type;
        struct bind_names_item *item;

        if (c == NULL || c->kind == SYN_MISSING)
            continue;
        if (c->kind == SYN_CALL && (span_is(c->name, "pack") || span_is(c->name, "pack_all"))) {
            if (i + 1 < list->child_count)
                kql_complain(b->d, KQL_E_PLACE, c->at, c->size, "pack(*) comes last");
            bind_list_add(&f->result, SPAN_LITERAL("pack_"), KQL_DYNAMIC, NULL, BIND_NO_COLUMN);
            f->has_pack = true;
            continue;
        }
        item = bind_names_find(&f->index, c->name);
        if (item == NULL) {
            struct kql_schema schema = bind_list_schema(&f->united, false);

            bind_no_column(b, &schema, c);
            continue;
        }
        type = c->kind == SYN_COLUMN_DECLARATION ? bind_op_child(c, 0) : NULL;
        add_result(f, item->value,
                   type != NULL ? (enum kql_type)type->value.type
                                : (enum kql_type)f->united.columns[item->value].type);
    }
}

static void
drop_listed(struct find *f, const struct kql_syntax *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->result.count; i++) {
        bool is_listed = false;

        for (uint32_t k = 0; k < list->child_count && !is_listed; k++) {
            const struct kql_syntax *c = list->children[k];

            is_listed = c != NULL &&
                        (c->kind == SYN_STAR || span_equal(c->name, f->result.columns[i].name));
        }
        if (is_listed)
            continue;
        f->result.columns[kept] = f->result.columns[i];
        f->result.map[kept++] = f->result.map[i];
    }
    f->result.count = kept;
}

static const struct kql_expr *
as_type(struct bind *b, const struct kql_expr *e, enum kql_type type, const struct kql_syntax *at)
{
    const struct kql_expr *converted = e->type == type ? e : bind_convert(b, e, type);
    const struct kql_function *f;

    if (converted != NULL)
        return converted;
    if (type == KQL_DYNAMIC) { /* a cell of any type is one of dynamic */
        struct kql_expr *any = pool_take(b->pool, sizeof *any);

        *any = *e;
        any->type = KQL_DYNAMIC;
        return any;
    }
    f = kql_function_find(pool_printf(b->pool, "to%s", kql_type_name(type)), KQL_SCALAR);
    return f == NULL ? e : bind_call(b, f, &e, 1, at);
}

/* A bag of the table's columns that the result has not. */
static const struct kql_expr *
packed(struct find *f, const struct kql_schema *own, const struct kql_schema *rows)
{
    struct bind *b = f->b;
    struct kql_schema result = bind_list_schema(&f->result, false);
    const struct kql_function *pack = kql_function_find(SPAN_LITERAL("bag_pack"), KQL_SCALAR);
    const struct kql_expr **arguments =
        pool_take(b->pool, (2 * (size_t)own->count + 1) * sizeof(const struct kql_expr *));
    uint32_t count = 0;

    for (uint32_t i = 0; i < own->count; i++) {
        struct span name = own->columns[i].name;

        if (bind_find_column(&result, name) != BIND_NO_COLUMN)
            continue;
        arguments[count++] = bind_const(b, KQL_STRING, kql_string(name), f->s);
        arguments[count++] = bind_column(b, rows, bind_names_find(&f->index, name)->value, f->s);
    }
    if (count == 0 || pack == NULL)
        return bind_const(b, KQL_DYNAMIC, kql_null(KQL_DYNAMIC), f->s);
    return bind_call(b, pack, arguments, count, f->s);
}

/* One table: its rows with all columns, those that satisfy, with the result's columns. */
static const struct kql_op *
find_in(struct find *f, const struct kql_op *table)
{
    struct bind *b = f->b;
    struct kql_schema united = bind_list_schema(&f->united, false);
    size_t width = f->united.count > f->result.count ? f->united.count : f->result.count;
    const struct kql_expr **exprs =
        pool_take(b->pool, (width + 1) * sizeof(const struct kql_expr *));
    struct kql_op *rows = bind_op_make(b, KQL_OP_PROJECT, f->s, table, united), *op, *found;

    for (uint32_t i = 0; i < united.count; i++) {
        uint32_t own = bind_find_column(&table->schema, united.columns[i].name);
        enum kql_type type = united.columns[i].type;

        exprs[i] = own == BIND_NO_COLUMN
                       ? bind_const(b, type, kql_null(type), f->s)
                       : as_type(b, bind_column(b, &table->schema, own, f->s), type, f->s);
    }
    rows->u.project.exprs = exprs;
    op = bind_op_make(b, KQL_OP_WHERE, f->s, rows, united);
    op->u.predicate = bind_predicate(b, f->predicate, rows, false);
    found = bind_op_make(b, KQL_OP_PROJECT, f->s, op, bind_list_schema(&f->result, false));
    exprs = pool_take(b->pool, (width + 1) * sizeof(const struct kql_expr *));
    for (uint32_t i = 0; i < found->schema.count; i++)
        exprs[i] = f->result.map[i] == BIND_NO_COLUMN
                       ? packed(f, &table->schema, &united)
                       : as_type(b, bind_column(b, &united, f->result.map[i], f->s),
                                 found->schema.columns[i].type, f->s);
    found->u.project.exprs = exprs;
    return found;
}

const struct kql_op *
bind_find(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *in = bind_op_child(s, 0), *list = bind_op_child(s, 2);
    const struct kql_option *with = bind_option(s, "withsource");
    struct find f = {.b = b, .s = s, .predicate = bind_op_child(s, 1), .tables = {.b = b}};
    const struct kql_op **found;
    bool means_all;
    uint8_t *marks;

    (void)input;
    if (f.predicate == NULL)
        return bind_op_nothing(b, s);
    if (with == NULL)
        with = bind_option(s, "with_source");
    f.source_column = with != NULL ? bind_option_word(with) : SPAN_LITERAL("source_");
    f.united.pool = f.result.pool = b->pool;
    if (in != NULL)
        for (uint32_t i = 0; i < in->child_count; i++)
            bind_tables_add(&f.tables, in->children[i], false);
    else
        bind_tables_all(&f.tables, s);
    unite_by_name(&f);
    marks = pool_zeroed(b->pool, f.united.count + 1, 1);
    means_all = mark_named(&f, f.predicate, marks, 0, true);
    drop_unconcerned(&f, marks, means_all);
    if (list == NULL || (s->op & 2) != 0)
        project_smart(&f, marks);
    else
        project_listed(&f, list);
    if (list != NULL && (s->op & 2) != 0)
        drop_listed(&f, list);
    if (f.tables.count == 0) {
        struct kql_op *none;

        /* no table: no rows, but the name's column */
        bind_list_add(&f.result, f.source_column, KQL_STRING, NULL, 0);
        none = bind_op_make(b, KQL_ROWS_INLINE, s, NULL, bind_list_schema(&f.result, false));
        return none;
    }
    found = pool_take(b->pool, f.tables.count * sizeof(const struct kql_op *));
    for (size_t i = 0; i < f.tables.count; i++) {
        found[i] = find_in(&f, f.tables.items[i]);
        pool_check(b->pool);
    }
    return bind_union_of(b, s, found, f.tables.names, (uint32_t)f.tables.count, f.source_column,
                         false);
}
