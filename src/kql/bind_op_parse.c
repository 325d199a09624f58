/* bind_op_parse.c - parse, parse-where and parse-kv: columns out of a text. */
#include "kql/bind_op_inner.h"

/* The input's columns; a parsed one takes the place of its namesake, others go behind. */
struct parsed {
    struct bind_list list;
    struct bind_names names;
};

static void
parsed_init(struct parsed *p, struct bind *b, const struct kql_schema *input)
{
    *p = (struct parsed){.list = {.pool = b->pool}};
    bind_list_all(&p->list, input);
    bind_names_init(&p->names, b->pool);
}

/* The result column; complains of a name that comes twice. */
static uint32_t
parsed_add(struct parsed *p, struct bind *b, const struct kql_syntax *s, enum kql_type type)
{
    struct kql_schema so_far = bind_list_schema(&p->list, false);
    uint32_t column = bind_find_column(&so_far, s->name);

    if (!bind_names_add(&p->names, s->name, 0)) {
        kql_complain(b->d, KQL_E_NAME, s->name_at, s->name_size, "column '%.*s' is parsed twice",
                     (int)s->name.n, s->name.p);
        return column;
    }
    if (column == BIND_NO_COLUMN)
        return bind_list_add(&p->list, s->name, type, NULL, BIND_NO_COLUMN);
    p->list.columns[column].type = (uint8_t)type;
    p->list.map[column] = BIND_NO_COLUMN;
    return column;
}

/* What is parsed: a string; others by their text. */
static const struct kql_expr *
bind_text(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_expr *e = bind_expr(b, s);
    const struct kql_function *f;

    if (!bind_op_is_good(e) || e->type == KQL_STRING)
        return e;
    f = kql_function_find(SPAN_LITERAL("tostring"), KQL_SCALAR);
    return f == NULL ? e : bind_call(b, f, &e, 1, s);
}

/* ---- parse ---- */

static bool
is_text_piece(const struct kql_syntax *s)
{
    return s != NULL && s->kind == SYN_LITERAL;
}

static enum kql_type
piece_type(const struct kql_syntax *s)
{
    const struct kql_syntax *type = bind_op_child(s, 0);

    return type != NULL && type->kind == SYN_TYPE ? (enum kql_type)type->value.type : KQL_STRING;
}

/* Complains of pieces that cannot stand beside each other. */
static void
check_piece(struct bind *b, const struct kql_syntax *s, const struct kql_syntax *before,
            const struct kql_syntax *after)
{
    if (s->kind == SYN_STAR) {
        if (after != NULL && !is_text_piece(after))
            kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                         "behind '*' comes a text, not a column");
        if (before != NULL && before->kind == SYN_COLUMN_DECLARATION &&
            piece_type(before) == KQL_STRING)
            kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                         "'*' behind a string column: where the column ends is not known");
    } else if (s->kind == SYN_COLUMN_DECLARATION) {
        if (before != NULL && !is_text_piece(before))
            kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                         "between '%.*s' and what is before it comes a text", (int)s->name.n,
                         s->name.p);
    } else if (!is_text_piece(s) || s->value.type != KQL_STRING) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "a pattern is of texts, columns and '*'");
    }
}

const struct kql_op *
bind_parse(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    static const char *const kinds[] = {"simple", "relaxed", "regex", NULL};
    struct kql_parse_piece *pieces = pool_take(b->pool, (s->child_count + 1) * sizeof *pieces);
    const struct kql_expr *text = bind_text(b, bind_op_child(s, 0));
    uint32_t count = 0;
    struct parsed p;
    struct kql_op *op;

    parsed_init(&p, b, &input->schema);
    for (uint32_t i = 1; i < s->child_count; i++) {
        const struct kql_syntax *piece = s->children[i];
        struct kql_parse_piece *to = &pieces[count];

        if (piece == NULL || piece->kind == SYN_MISSING)
            continue;
        check_piece(b, piece, i > 1 ? s->children[i - 1] : NULL, bind_op_child(s, i + 1));
        *to = (struct kql_parse_piece){.kind = KQL_PIECE_STAR};
        if (piece->kind == SYN_COLUMN_DECLARATION) {
            to->kind = KQL_PIECE_COLUMN;
            to->column = parsed_add(&p, b, piece, piece_type(piece));
        } else if (is_text_piece(piece) && piece->value.type == KQL_STRING) {
            to->kind = KQL_PIECE_TEXT;
            to->text = kql_text(&piece->value);
            to->is_concealed = (piece->op & 1) != 0;
        }
        count++;
    }
    op = bind_op_make(b, KQL_OP_PARSE_TEXT, s, input,
                      bind_list_schema(&p.list, input->schema.is_open));
    op->u.parse.expr = text;
    switch (bind_option_choice(b, s, "kind", kinds, 0)) {
    case 1:
        op->u.parse.mode = KQL_PARSE_RELAXED;
        break;
    case 2:
        op->u.parse.mode = KQL_PARSE_REGEX;
        break;
    default:
        op->u.parse.mode = KQL_PARSE_SIMPLE;
    }
    op->u.parse.flags = bind_option_word(bind_option(s, "flags"));
    if (op->u.parse.flags.p == NULL)
        op->u.parse.flags = (struct span){"", 0};
    op->u.parse.pieces = pieces;
    op->u.parse.count = count;
    op->u.parse.drops_failed = s->kind == SYN_PARSE_WHERE;
    op->u.parse.map = p.list.map;
    return op;
}

/* ---- parse-kv ---- */

/* quote= takes one text, or two: its characters are the opening and the closing one. */
static void
bind_quotes(struct bind *b, const struct kql_syntax *s, struct kql_op *op)
{
    struct span *quotes = pool_take(b->pool, 2 * sizeof *quotes);
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->option_count; i++) {
        struct kql_value v;

        if (!span_is(s->options[i].name, "quote") || s->options[i].value == NULL ||
            !bind_constant(b, s->options[i].value, KQL_STRING, "quote", &v))
            continue;
        if (count == 2) {
            kql_complain(b->d, KQL_E_OPTION, s->options[i].at, s->options[i].size,
                         "quote= may come twice: the opening and the closing one");
            break;
        }
        quotes[count++] = kql_text(&v);
    }
    if (count == 1 && quotes[0].n == 2) {
        quotes[1] = (struct span){quotes[0].p + 1, 1};
        quotes[0].n = 1;
        count = 2;
    }
    op->u.parse_kv.quotes = quotes;
    op->u.parse_kv.quote_count = count;
}

const struct kql_op *
bind_parse_kv(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *keys = bind_op_child(s, 1);
    const struct kql_expr *text = bind_text(b, bind_op_child(s, 0));
    struct kql_schema wanted = bind_op_schema(b, keys);
    struct bind_list l = {.pool = b->pool};
    struct span *names = pool_take(b->pool, (wanted.count + 1) * sizeof *names);
    const struct span none = {"", 0};
    struct kql_op *op;

    /* The keys stand together behind the input's columns, of which namesakes go. */
    for (uint32_t i = 0; i < input->schema.count; i++)
        if (bind_find_column(&wanted, input->schema.columns[i].name) == BIND_NO_COLUMN)
            bind_list_add(&l, input->schema.columns[i].name, input->schema.columns[i].type, NULL,
                          i);
    for (uint32_t i = 0; i < wanted.count; i++) {
        bind_list_add(&l, wanted.columns[i].name, wanted.columns[i].type, NULL, BIND_NO_COLUMN);
        names[i] = wanted.columns[i].name;
    }
    op = bind_op_make(b, KQL_OP_PARSE_PAIRS, s, input, bind_list_schema(&l, input->schema.is_open));
    op->u.parse_kv.expr = text;
    op->u.parse_kv.first_column = (uint32_t)l.count - wanted.count;
    op->u.parse_kv.column_count = wanted.count;
    op->u.parse_kv.keys = names;
    op->u.parse_kv.pair_delimiter = bind_option_text(b, s, "pair_delimiter", none);
    op->u.parse_kv.kv_delimiter = bind_option_text(b, s, "kv_delimiter", none);
    op->u.parse_kv.escape = bind_option_text(b, s, "escape", none);
    op->u.parse_kv.regex = bind_option_text(b, s, "regex", none);
    op->u.parse_kv.is_greedy = bind_option_bool(b, s, "greedy", false);
    op->u.parse_kv.map = l.map;
    bind_quotes(b, s, op);
    if (op->u.parse_kv.regex.n > 0 &&
        (bind_option(s, "pair_delimiter") != NULL || bind_option(s, "kv_delimiter") != NULL))
        kql_complain(b->d, KQL_E_OPTION, s->at, s->size,
                     "parse-kv works with regex=, or with delimiters, not with both");
    return op;
}
