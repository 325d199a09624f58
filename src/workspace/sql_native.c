/* sql_native.c - the functions and operators that SQL has in KQL's own meaning: a table of them, and a form for each kind.
 *
 * What decides: columns of string are never NULL; "==" with one null is false and with two is null, which SQL's "=" is not;
 * where only truth counts (a condition of where, a FILTER) null and false are one, so that plain comparisons
 * do, and DuckDB can hand them to the scan and skip what its zone maps rule out. Reals are compared with constants only,
 * because DuckDB's NaN equals itself and exceeds all. Sums of long wrap around in KQL and end the statement in
 * SQL: they are programs. */
#include "workspace/sql_inner.h"
#include <math.h>

static void
put_whole(struct sql_text *t, enum kql_type type, int64_t i)
{
    struct kql_value v = kql_integer(type, i);

    sql_put_span(t, cell_literal(t->pool, type, &v));
}

/* Whether it can be null. */
bool
sql_is_nullable(const struct kql_expr *e)
{
    return e->type != KQL_STRING && !(e->kind == KQL_EXPR_CONST && !e->value.is_null);
}

bool
sql_is_constant(const struct kql_expr *e)
{
    return e->kind == KQL_EXPR_CONST && !e->is_concealed;
}

/* ---- pieces ---- */

/* A part of a native expression as a text of its own, to be written more than once. False: it is not native, or long. */
bool
sql_piece(struct sql_scope *s, const struct kql_expr *e, struct sql_text *out)
{
    *out = (struct sql_text){.pool = s->b->pool};
    return sql_native(s, out, e, SQL_EXACT) && out->n <= SQL_EXPR_TEXT_MAX;
}

static bool
is_whole(enum kql_type t)
{
    return t == KQL_INT || t == KQL_LONG;
}

/* Whether SQL compares the two as KQL does, nulls left aside. */
static bool
is_comparable(const struct kql_expr *a, const struct kql_expr *b, bool is_ordered)
{
    if (a->type != b->type)
        return is_whole((enum kql_type)a->type) && is_whole((enum kql_type)b->type);
    switch (a->type) {
    case KQL_BOOL:
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return true;
    case KQL_STRING:
    case KQL_GUID:
        return !is_ordered;
    case KQL_REAL:
        return sql_is_constant(b) && !b->value.is_null && !isnan(b->value.r);
    default:
        return false;
    }
}

/* ---- the operators, one form each; 'how' is the table's ---- */

typedef bool native_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e,
                         enum sql_mode mode, const char *how);

static bool
equal_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
           const char *how)
{
    const struct kql_expr *a = e->arguments[0], *b = e->arguments[1];
    bool is_not = how[0] == '!', both = sql_is_nullable(a) && sql_is_nullable(b);
    struct sql_text x, y;

    if (!is_comparable(a, b, false) && !is_comparable(b, a, false))
        return false;
    if (!sql_piece(s, a, &x) || !sql_piece(s, b, &y))
        return false;
    if (is_not && (mode == SQL_TRUTH || !both))
        sql_put(t, "(%s IS DISTINCT FROM %s)", x.p, y.p);
    else if (mode == SQL_TRUTH || (!sql_is_nullable(a) && !sql_is_nullable(b)))
        sql_put(t, "(%s = %s)", x.p, y.p);
    else if (!both)
        sql_put(t, "(%s IS NOT DISTINCT FROM %s)", x.p, y.p);
    else
        sql_put(t, "(CASE WHEN %s IS NOT NULL OR %s IS NOT NULL THEN %s IS %sDISTINCT FROM %s END)",
                x.p, y.p, x.p, is_not ? "" : "NOT ", y.p);
    return true;
}

static bool
order_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
           const char *how)
{
    const struct kql_expr *a = e->arguments[0], *b = e->arguments[1];
    bool is_real = a->type == KQL_REAL;
    struct sql_text x, y;

    (void)mode;
    if (!is_comparable(a, b, true) || !sql_piece(s, a, &x) || !sql_piece(s, b, &y))
        return false;
    if (is_real && how[0] == '>')
        sql_put(t, "(%s %s %s AND NOT isnan(%s))", x.p, how, y.p, x.p);
    else
        sql_put(t, "(%s %s %s)", x.p, how, y.p);
    return true;
}

/* With bounds that are not null: else a null bound makes null what SQL makes false. */
static bool
between_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
             const char *how)
{
    const struct kql_expr *v = e->arguments[0], *low = e->arguments[1], *high = e->arguments[2];
    struct sql_text x, y, z;
    int64_t end;

    (void)mode;
    if (!sql_is_constant(low) || !sql_is_constant(high) || low->value.is_null ||
        high->value.is_null || !is_comparable(v, low, true) || !sql_piece(s, v, &x) ||
        !sql_piece(s, low, &y))
        return false;
    if (v->type == KQL_DATETIME && high->type == KQL_TIMESPAN) {
        if (__builtin_add_overflow(low->value.i, high->value.i, &end))
            return false;
        z = (struct sql_text){.pool = t->pool};
        put_whole(&z, KQL_DATETIME, end);
    } else if (!is_comparable(v, high, true) || !sql_piece(s, high, &z)) {
        return false;
    }
    if (how[0] == '!')
        sql_put(t, "(NOT (%s BETWEEN %s AND %s))", x.p, y.p, z.p);
    else
        sql_put(t, "(%s >= %s AND %s <= %s)", x.p, y.p, x.p, z.p);
    return true;
}

/* Of one column and constants: its program is asked once for each of the column's different values. */
static bool
is_of_one_column(const struct kql_expr *e)
{
    const struct kql_expr *v;

    if (e->kind != KQL_EXPR_CALL || e->function->kind != KQL_OPERATOR || e->count < 2)
        return false;
    v = e->arguments[0];
    if (v->kind == KQL_EXPR_CALL && v->count == 1 && (v->function->flags & KQL_F_VOLATILE) == 0)
        v = v->arguments[0];
    for (uint32_t i = 1; i < e->count; i++)
        if (e->arguments[i]->kind != KQL_EXPR_CONST)
            return false;
    return v->kind == KQL_EXPR_COLUMN;
}

/* A chain of the same operator without its parentheses. */
static bool
chain(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e,
      const struct kql_function *f, enum sql_mode mode, const char *how, bool *is_first)
{
    if (e->kind == KQL_EXPR_CALL && e->function == f) {
        for (uint32_t i = 0; i < e->count; i++)
            if (!chain(s, t, e->arguments[i], f, mode, how, is_first))
                return false;
        return true;
    }
    sql_put(t, "%s", *is_first ? "" : how);
    *is_first = false;
    return is_of_one_column(e) ? sql_value(s, t, e) : sql_native(s, t, e, mode);
}

static bool
logic_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
           const char *how)
{
    bool is_first = true;

    sql_put(t, "(");
    if (e->weight > SQL_LIST_MAX || !chain(s, t, e, e->function, mode, how, &is_first))
        return false;
    sql_put(t, ")");
    return true;
}

static bool
not_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
         const char *how)
{
    (void)mode, (void)how;
    sql_put(t, "(NOT ");
    if (!sql_native(s, t, e->arguments[0], SQL_EXACT))
        return false;
    sql_put(t, ")");
    return true;
}

/* how: "" null, "!" not null; of what has "" beside null: 'e', 'E'. */
static bool
null_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
          const char *how)
{
    const struct kql_expr *v = e->arguments[0];
    bool is_not = how[1] == '!', asks_empty = how[0] == 'e';

    (void)mode;
    if (v->type == KQL_DYNAMIC && (asks_empty || v->kind != KQL_EXPR_COLUMN))
        return false;
    sql_put(t, "(");
    if (!sql_native(s, t, v, SQL_EXACT))
        return false;
    if (v->type != KQL_STRING)
        sql_put(t, " IS %sNULL)", is_not ? "NOT " : "");
    else if (asks_empty)
        sql_put(t, " %s '')", is_not ? "<>" : "=");
    else
        sql_put(t, " IS %sNULL)", is_not ? "NOT " : "");
    return true;
}

/* The values of a list of constants, arrays for their elements. False: one is of another type than 'type'. */
static bool
put_items(struct sql_text *t, enum kql_type type, const struct kql_value *v, uint32_t *count)
{
    if (v->is_null)
        return true;
    if (v->type == KQL_ARRAY) {
        for (uint32_t i = 0; i < v->array->count; i++)
            if (v->array->items[i].type == KQL_ARRAY ||
                !put_items(t, type, &v->array->items[i], count))
                return false;
        return true;
    }
    if (v->type != type && !(is_whole(type) && is_whole((enum kql_type)v->type)))
        return false;
    if (++*count > SQL_LIST_MAX)
        return false;
    sql_put(t, "%s", *count == 1 ? "" : ", ");
    sql_put_span(t, cell_literal(t->pool, is_whole(type) ? KQL_LONG : type, v));
    return true;
}

static bool
in_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
        const char *how)
{
    const struct kql_expr *v = e->arguments[0];
    bool is_not = how[0] == '!', needs_all = sql_is_nullable(v) && (is_not || mode == SQL_EXACT);
    uint32_t count = 0;

    if (v->type == KQL_REAL || v->type == KQL_DECIMAL || v->type == KQL_DYNAMIC)
        return false;
    sql_put(t, "%s", needs_all ? "COALESCE(" : "(");
    if (!sql_native(s, t, v, SQL_EXACT))
        return false;
    sql_put(t, " %sIN (", is_not ? "NOT " : "");
    for (uint32_t i = 1; i < e->count; i++)
        if (!sql_is_constant(e->arguments[i]) ||
            !put_items(t, (enum kql_type)v->type, &e->arguments[i]->value, &count))
            return false;
    if (count == 0)
        return false;
    sql_put(t, ")%s)", !needs_all ? "" : is_not ? ", true" : ", false");
    return true;
}

/* By bytes; the right side is what is looked for. */
static bool
text_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
          const char *how)
{
    (void)mode;
    if (e->arguments[0]->type != KQL_STRING || !sql_is_constant(e->arguments[1]) ||
        e->arguments[1]->type != KQL_STRING || e->arguments[1]->value.size == 0)
        return false;
    sql_put(t, "(%s(", how);
    if (!sql_native(s, t, e->arguments[0], SQL_EXACT))
        return false;
    sql_put(t, ", ");
    if (!sql_native(s, t, e->arguments[1], SQL_EXACT))
        return false;
    sql_put(t, "))");
    return true;
}

/* iff and case: conditions, values behind them, the last one else. */
static bool
case_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
          const char *how)
{
    uint32_t i;

    (void)mode, (void)how;
    if (e->count < 3 || e->count % 2 == 0)
        return false;
    sql_put(t, "(CASE");
    for (i = 0; i < e->count; i++) {
        bool is_condition = i % 2 == 0 && i + 1 < e->count;

        if (!is_condition && e->arguments[i]->type != e->type)
            return false;
        sql_put(t, is_condition ? " WHEN " : i + 1 < e->count ? " THEN " : " ELSE ");
        if (!sql_native(s, t, e->arguments[i], is_condition ? SQL_TRUTH : SQL_EXACT))
            return false;
    }
    sql_put(t, " END)");
    return true;
}

/* A conversion to what it is already. */
static bool
same_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
          const char *how)
{
    (void)mode, (void)how;
    return e->count == 1 && e->arguments[0]->type == e->type && e->type != KQL_DYNAMIC &&
           sql_native(s, t, e->arguments[0], SQL_EXACT);
}

/* A datetime is not below 0: what is left of it is its remainder. */
static bool
put_bin(struct sql_scope *s, struct sql_text *t, const struct kql_expr *v, int64_t size)
{
    struct sql_text x;

    if (v->type != KQL_DATETIME || size <= 0 || !sql_piece(s, v, &x))
        return false;
    sql_put(t, "(%s - %s %% ", x.p, x.p);
    put_whole(t, KQL_LONG, size);
    sql_put(t, ")");
    return true;
}

static bool
bin_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
         const char *how)
{
    const struct kql_expr *size = e->arguments[1];

    (void)mode, (void)how;
    return e->count == 2 && sql_is_constant(size) && size->type == KQL_TIMESPAN &&
           !size->value.is_null && put_bin(s, t, e->arguments[0], size->value.i);
}

static bool
day_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
         const char *how)
{
    (void)mode, (void)how;
    return e->count == 1 && put_bin(s, t, e->arguments[0], kql_ticks_per_day);
}

/* A datetime and a constant span; null outside of its range. Two datetimes: never outside. */
static bool
shift_form(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode,
           const char *how)
{
    const struct kql_expr *a = e->arguments[0], *b = e->arguments[1];
    bool is_minus = how[0] == '-';
    struct sql_text x, y;
    int64_t by;

    (void)mode;
    if (!is_minus && a->type == KQL_TIMESPAN) {
        const struct kql_expr *other = a;

        a = b;
        b = other;
    }
    if (a->type != KQL_DATETIME || !sql_piece(s, a, &x))
        return false;
    if (is_minus && b->type == KQL_DATETIME) {
        if (!sql_piece(s, b, &y))
            return false;
        sql_put(t, "(%s - %s)", x.p, y.p);
        return true;
    }
    if (b->type != KQL_TIMESPAN || !sql_is_constant(b) || b->value.is_null ||
        b->value.i > KQL_DATETIME_MAX || b->value.i < -KQL_DATETIME_MAX)
        return false;
    by = is_minus ? -b->value.i : b->value.i;
    sql_put(t, "(CASE WHEN %s BETWEEN ", x.p);
    put_whole(t, KQL_LONG, by < 0 ? -by : 0);
    sql_put(t, " AND ");
    put_whole(t, KQL_LONG, by < 0 ? KQL_DATETIME_MAX : KQL_DATETIME_MAX - by);
    sql_put(t, " THEN %s + ", x.p);
    put_whole(t, KQL_LONG, by);
    sql_put(t, " END)");
    return true;
}

static const struct native {
    const char *name;
    enum kql_function_kind kind;
    uint32_t count; /* of arguments; 0: any */
    native_form *form;
    const char *how;
} natives[] = {
    {"==",            KQL_OPERATOR, 2, equal_form,   "="          },
    {"!=",            KQL_OPERATOR, 2, equal_form,   "!"          },
    {"<",             KQL_OPERATOR, 2, order_form,   "<"          },
    {"<=",            KQL_OPERATOR, 2, order_form,   "<="         },
    {">",             KQL_OPERATOR, 2, order_form,   ">"          },
    {">=",            KQL_OPERATOR, 2, order_form,   ">="         },
    {"between",       KQL_OPERATOR, 3, between_form, ""           },
    {"!between",      KQL_OPERATOR, 3, between_form, "!"          },
    {"and",           KQL_OPERATOR, 2, logic_form,   " AND "      },
    {"or",            KQL_OPERATOR, 2, logic_form,   " OR "       },
    {"in",            KQL_OPERATOR, 0, in_form,      ""           },
    {"!in",           KQL_OPERATOR, 0, in_form,      "!"          },
    {"+",             KQL_OPERATOR, 2, shift_form,   "+"          },
    {"-",             KQL_OPERATOR, 2, shift_form,   "-"          },
    {"contains_cs",   KQL_OPERATOR, 2, text_form,    "contains"   },
    {"startswith_cs", KQL_OPERATOR, 2, text_form,    "starts_with"},
    {"endswith_cs",   KQL_OPERATOR, 2, text_form,    "ends_with"  },
    {"not",           KQL_SCALAR,   1, not_form,     ""           },
    {"isnull",        KQL_SCALAR,   1, null_form,    "n "         },
    {"isnotnull",     KQL_SCALAR,   1, null_form,    "n!"         },
    {"notnull",       KQL_SCALAR,   1, null_form,    "n!"         },
    {"isempty",       KQL_SCALAR,   1, null_form,    "e "         },
    {"isnotempty",    KQL_SCALAR,   1, null_form,    "e!"         },
    {"notempty",      KQL_SCALAR,   1, null_form,    "e!"         },
    {"iff",           KQL_SCALAR,   3, case_form,    ""           },
    {"iif",           KQL_SCALAR,   3, case_form,    ""           },
    {"case",          KQL_SCALAR,   0, case_form,    ""           },
    {"bin",           KQL_SCALAR,   2, bin_form,     ""           },
    {"floor",         KQL_SCALAR,   2, bin_form,     ""           },
    {"startofday",    KQL_SCALAR,   1, day_form,     ""           },
    {"tostring",      KQL_SCALAR,   1, same_form,    ""           },
    {"tolong",        KQL_SCALAR,   1, same_form,    ""           },
    {"toint",         KQL_SCALAR,   1, same_form,    ""           },
    {"tobool",        KQL_SCALAR,   1, same_form,    ""           },
    {"todatetime",    KQL_SCALAR,   1, same_form,    ""           },
    {"totimespan",    KQL_SCALAR,   1, same_form,    ""           },
    {"toguid",        KQL_SCALAR,   1, same_form,    ""           },
    {"toreal",        KQL_SCALAR,   1, same_form,    ""           },
    {"todouble",      KQL_SCALAR,   1, same_form,    ""           },
};

bool
sql_call(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode)
{
    for (size_t i = 0; i < COUNT_OF(natives); i++)
        if (e->function->kind == natives[i].kind &&
            (natives[i].count == 0 || natives[i].count == e->count) &&
            strcmp(e->function->name, natives[i].name) == 0)
            return natives[i].form(s, t, e, mode, natives[i].how);
    return false;
}
