/* syntax_print.c - a tree as one line of nested brackets. */
#include "kql/dynamic.h"
#include "kql/syntax.h"

struct out {
    struct pool *pool;
    char *text;
    size_t size, room;
};

static void
put(struct out *o, struct span s)
{
    o->text = pool_grow(o->pool, o->text, &o->room, o->size + s.n, 1);
    memcpy(o->text + o->size, s.p, s.n);
    o->size += s.n;
}

static void
put_text(struct out *o, const char *text)
{
    put(o, span_of(text));
}

static void print(struct out *o, const struct kql_syntax *s);

static void
put_value(struct out *o, const struct kql_value *v)
{
    char text[64];

    if (v->is_null) {
        put(o, pool_printf(o->pool, "%s(null)", kql_type_name((enum kql_type)v->type)));
        return;
    }
    switch (v->type) {
    case KQL_BOOL:
        put_text(o, v->i ? "true" : "false");
        return;
    case KQL_LONG:
        put(o, pool_printf(o->pool, "%lld", (long long)v->i));
        return;
    case KQL_INT:
        put(o, pool_printf(o->pool, "int(%lld)", (long long)v->i));
        return;
    case KQL_REAL:
        put(o, (struct span){text, kql_print_real(v->r, text)});
        return;
    case KQL_DECIMAL:
        put_text(o, "decimal(");
        put(o, (struct span){text, kql_print_decimal(v->decimal, text)});
        break;
    case KQL_DATETIME:
        put_text(o, "datetime(");
        put(o, (struct span){text, kql_print_datetime(v->i, text)});
        break;
    case KQL_TIMESPAN:
        put_text(o, "time(");
        put(o, (struct span){text, kql_print_timespan(v->i, text)});
        break;
    case KQL_GUID:
        put_text(o, "guid(");
        put(o, (struct span){text, kql_print_guid(v->guid, text)});
        break;
    case KQL_STRING:
        put(o, kql_json_quote(o->pool, kql_text(v)));
        return;
    default:
        put_text(o, "dynamic(");
        put(o, kql_json_print(o->pool, v));
        break;
    }
    put_text(o, ")");
}

static void
put_name(struct out *o, const struct kql_syntax *s)
{
    if (s->kind != SYN_NAME || s->op != 1) {
        put(o, s->name);
        return;
    }
    put_text(o, "['");
    put(o, s->name);
    put_text(o, "']");
}

static void
put_children(struct out *o, const struct kql_syntax *s)
{
    for (uint32_t i = 0; i < s->child_count; i++) {
        put_text(o, " ");
        print(o, s->children[i]);
    }
}

/* "(word child child)" */
static void
put_form(struct out *o, const char *word, const struct kql_syntax *s)
{
    put_text(o, "(");
    put_text(o, word);
    put_children(o, s);
    put_text(o, ")");
}

static void
put_order(struct out *o, const struct kql_syntax *s)
{
    static const struct {
        uint32_t bit;
        const char *text;
    } words[] = {
        {KQL_ORDER_GRANNY,      "granny-"     },
        {KQL_ORDER_ASC,         "asc"         },
        {KQL_ORDER_DESC,        "desc"        },
        {KQL_ORDER_NULLS_FIRST, "+nulls-first"},
        {KQL_ORDER_NULLS_LAST,  "+nulls-last" }
    };

    put_text(o, "(by");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (s->op & words[i].bit) {
            if (words[i].bit <= KQL_ORDER_DESC && !(s->op & KQL_ORDER_GRANNY))
                put_text(o, "-");
            else if (words[i].bit == KQL_ORDER_GRANNY)
                put_text(o, "-");
            put_text(o, words[i].text);
        }
    put_children(o, s);
    put_text(o, ")");
}

static void
put_declaration(struct out *o, const struct kql_syntax *s)
{
    put(o, s->name);
    for (uint32_t i = 0; i < s->child_count; i++)
        if (s->children[i] != NULL) {
            put_text(o, i == 0 ? ":" : "=");
            print(o, s->children[i]);
        }
}

/* "(kind:name#op {option=value} child child)" */
static void
put_operator(struct out *o, const struct kql_syntax *s)
{
    put_text(o, "(");
    put_text(o, kql_syntax_name(s->kind));
    if (s->name.n > 0) {
        put_text(o, ":");
        put(o, s->name);
    }
    if (s->op != 0)
        put(o, pool_printf(o->pool, "#%u", s->op));
    for (uint32_t i = 0; i < s->option_count; i++) {
        put_text(o, i == 0 ? " {" : " ");
        put(o, s->options[i].name);
        if (s->options[i].value != NULL) {
            put_text(o, "=");
            print(o, s->options[i].value);
        }
    }
    if (s->option_count > 0)
        put_text(o, "}");
    put_children(o, s);
    put_text(o, ")");
}

static void
print(struct out *o, const struct kql_syntax *s)
{
    if (s == NULL) {
        put_text(o, "_");
        return;
    }
    switch (s->kind) {
    case SYN_MISSING:
        put_text(o, "?");
        break;
    case SYN_LITERAL:
        if (s->op == 1)
            put_text(o, "h\"****\"");
        else
            put_value(o, &s->value);
        break;
    case SYN_NAME:
        put_name(o, s);
        break;
    case SYN_STAR:
        put_text(o, "*");
        break;
    case SYN_TYPE:
        put_text(o, kql_type_name((enum kql_type)s->value.type));
        break;
    case SYN_PARAMETER:
    case SYN_COLUMN_DECLARATION:
        put_declaration(o, s);
        break;
    case SYN_SCHEMA:
        put_form(o, s->op ? "schema*" : "schema", s);
        break;
    case SYN_PATH:
        put_form(o, ".", s);
        break;
    case SYN_ELEMENT:
        put_form(o, "[]", s);
        break;
    case SYN_LIST:
        put_form(o, "list", s);
        break;
    case SYN_PIPE:
        put_form(o, "|", s);
        break;
    case SYN_CONTEXT:
        put_text(o, "@rows");
        break;
    case SYN_UNARY:
    case SYN_BINARY:
    case SYN_IN:
    case SYN_BETWEEN:
        put_form(o, kql_operator_name((enum kql_operator)s->op), s);
        break;
    case SYN_ORDERED:
        put_order(o, s);
        break;
    case SYN_CALL:
        put_text(o, "(");
        put(o, s->name);
        put_text(o, "()");
        put_children(o, s);
        put_text(o, ")");
        break;
    case SYN_NAMED:
        put_text(o, "(=");
        if (s->op == 0) {
            put_text(o, " ");
            put(o, s->name);
        }
        put_children(o, s);
        put_text(o, ")");
        break;
    default:
        put_operator(o, s);
        break;
    }
}

struct span
kql_syntax_print(struct pool *p, const struct kql_syntax *s)
{
    struct out o = {.pool = p};

    print(&o, s);
    put(&o, (struct span){"", 1});
    return (struct span){o.text, o.size - 1};
}
