/* filter.c - a recursive descent over the text into an array of nodes, which refer to each other by index;
 * the deepest comes first. Names and text compare without regard to case of ASCII letters, as everywhere
 * in these interfaces. */
#include "posture/filter.h"
#include "posture/posture.h"
#include <stdlib.h>
#include <strings.h>

const char posture_filter_help[] =
    "A comparison is PATH OPERATOR VALUE with eq, ne, gt, ge, lt or le, or contains(PATH,'text'), "
    "startswith(PATH,'text') or endswith(PATH,'text'); they are joined by and, or, not and "
    "parentheses. A path names members with '/' or '.' between them: properties/status/code. A "
    "value is "
    "'text' (a quote is written twice), a number, true, false or null. What is not there is null: "
    "it "
    "is ne to everything else, and all other comparisons with it are false. Case does not matter.";

enum node_type {
    NODE_AND,
    NODE_OR,
    NODE_NOT,
    NODE_EQ,
    NODE_NE,
    NODE_GT,
    NODE_GE,
    NODE_LT,
    NODE_LE,
    NODE_CONTAINS,
    NODE_STARTS_WITH,
    NODE_ENDS_WITH,
};

struct node {
    enum node_type type;
    uint16_t left, right;                         /* AND, OR; NOT: left */
    struct span path;                             /* as written */
    enum { IS_TEXT, IS_NUMBER, IS_WORD } literal; /* WORD: true, false, null */
    struct span value;                            /* text: decoded, in lower case */
};

struct filter {
    struct node nodes[FILTER_NODES_MAX];
    size_t count;
    uint16_t root;
    char *text, *decoded; /* copies of the source; decoded text values lie one behind the other */
};

struct parser {
    struct filter *f;
    const char *p, *start, *end;
    char *decoded_at;
    struct err *err;
};

static enum status
fault(const struct parser *x, const char *what)
{
    return err_set(x->err, ST_INVALID, "$filter, character %zu: %s", (size_t)(x->p - x->start) + 1,
                   what);
}

static void
blanks(struct parser *x)
{
    while (x->p < x->end && (*x->p == ' ' || *x->p == '\t'))
        x->p++;
}

static bool
is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '$' || (unsigned char)c >= 0x80;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* A word of letters, if it is this one. */
static bool
take_word(struct parser *x, const char *word)
{
    size_t n = strlen(word);

    blanks(x);
    if ((size_t)(x->end - x->p) < n || strncasecmp(x->p, word, n) != 0 ||
        (x->p + n < x->end && is_name_byte(x->p[n])))
        return false;
    x->p += n;
    return true;
}

static bool
take_byte(struct parser *x, char c)
{
    blanks(x);
    if (x->p >= x->end || *x->p != c)
        return false;
    x->p++;
    return true;
}

static enum status
add(struct parser *x, const struct node *n, uint16_t *index)
{
    if (x->f->count == FILTER_NODES_MAX)
        return fault(x, "the filter has too many parts");
    *index = (uint16_t)x->f->count;
    x->f->nodes[x->f->count++] = *n;
    return ST_OK;
}

static enum status
path(struct parser *x, struct span *out)
{
    blanks(x);
    const char *from = x->p;
    bool wants_name = true;

    while (x->p < x->end) {
        if (is_name_byte(*x->p))
            wants_name = false;
        else if ((*x->p == '/' || *x->p == '.') && !wants_name)
            wants_name = true;
        else
            break;
        x->p++;
    }
    *out = (struct span){from, (size_t)(x->p - from)};
    if (out->n == 0)
        return fault(x, "a path such as properties/status/code should stand here");
    return wants_name ? fault(x, "a name is missing in the path") : ST_OK;
}

static enum status
quoted(struct parser *x, struct node *n)
{
    const char *from = x->decoded_at;

    for (x->p++; x->p < x->end; x->p++) {
        if (*x->p == '\'') {
            if (x->end - x->p < 2 || x->p[1] != '\'') {
                x->p++;
                n->literal = IS_TEXT;
                n->value = (struct span){from, (size_t)(x->decoded_at - from)};
                return ST_OK;
            }
            x->p++;
        }
        *x->decoded_at++ = lower(*x->p); /* nothing looks at its case */
    }
    return fault(x, "the text has no closing quote");
}

static enum status
literal(struct parser *x, struct node *n)
{
    static const char *const words[] = {"true", "false", "null"};

    blanks(x);
    if (x->p < x->end && *x->p == '\'')
        return quoted(x, n);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (take_word(x, words[i])) {
            n->literal = IS_WORD;
            n->value = span_of(words[i]);
            return ST_OK;
        }
    const char *from = x->p;
    size_t digits = 0;

    while (x->p < x->end && strchr("+-.0123456789eE", *x->p) != NULL && *x->p != '\0') {
        digits += *x->p >= '0' && *x->p <= '9';
        x->p++;
    }
    n->literal = IS_NUMBER;
    n->value = (struct span){from, (size_t)(x->p - from)};
    if (digits == 0 || n->value.n > 60)
        return fault(x, "a value should stand here: 'text', a number, true, false or null");
    return ST_OK;
}

static enum status
function(struct parser *x, enum node_type type, uint16_t *index)
{
    struct node n = {.type = type};

    if (!take_byte(x, '('))
        return fault(x, "'(' is missing behind the function");
    enum status st = path(x, &n.path);

    if (st == ST_OK && !take_byte(x, ','))
        st = fault(x, "',' is missing between path and text");
    if (st == ST_OK)
        st = literal(x, &n);
    if (st == ST_OK && n.literal != IS_TEXT)
        st = fault(x, "the function looks for 'text'");
    if (st == ST_OK && !take_byte(x, ')'))
        st = fault(x, "')' is missing behind the function");
    return st == ST_OK ? add(x, &n, index) : st;
}

static enum status
comparison(struct parser *x, uint16_t *index)
{
    static const struct {
        const char *word;
        enum node_type type;
    } operators[] = {
        {"eq", NODE_EQ},
        {"ne", NODE_NE},
        {"gt", NODE_GT},
        {"ge", NODE_GE},
        {"lt", NODE_LT},
        {"le", NODE_LE}
    };
    static const struct {
        const char *word;
        enum node_type type;
    } functions[] = {
        {"contains",   NODE_CONTAINS   },
        {"startswith", NODE_STARTS_WITH},
        {"endswith",   NODE_ENDS_WITH  }
    };

    for (size_t i = 0; i < COUNT_OF(functions); i++)
        if (take_word(x, functions[i].word))
            return function(x, functions[i].type, index);
    struct node n = {0};
    enum status st = path(x, &n.path);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (take_word(x, operators[i].word)) {
            n.type = operators[i].type;
            st = literal(x, &n);
            if (st == ST_OK && n.literal == IS_WORD && n.type != NODE_EQ && n.type != NODE_NE)
                st = fault(x, "true, false and null are compared with eq or ne");
            return st == ST_OK ? add(x, &n, index) : st;
        }
    return fault(x, "one of eq, ne, gt, ge, lt, le should stand here");
}

static enum status either(struct parser *x, unsigned depth, uint16_t *index);

static enum status
term(struct parser *x, unsigned depth, uint16_t *index)
{
    enum status st;

    if (depth > FILTER_DEPTH_MAX)
        return fault(x, "the filter nests too deep");
    if (take_word(x, "not")) {
        struct node n = {.type = NODE_NOT};

        st = term(x, depth + 1, &n.left);
        return st == ST_OK ? add(x, &n, index) : st;
    }
    if (!take_byte(x, '('))
        return comparison(x, index);
    st = either(x, depth + 1, index);
    if (st == ST_OK && !take_byte(x, ')'))
        st = fault(x, "')' is missing");
    return st;
}

static enum status
joined(struct parser *x, unsigned depth, const char *word, enum node_type type, uint16_t *index,
       enum status (*part)(struct parser *x, unsigned depth, uint16_t *index))
{
    enum status st = part(x, depth, index);

    while (st == ST_OK && take_word(x, word)) {
        struct node n = {.type = type, .left = *index};

        st = part(x, depth, &n.right);
        if (st == ST_OK)
            st = add(x, &n, index);
    }
    return st;
}

static enum status
both(struct parser *x, unsigned depth, uint16_t *index)
{
    return joined(x, depth, "and", NODE_AND, index, term);
}

static enum status
either(struct parser *x, unsigned depth, uint16_t *index)
{
    return joined(x, depth, "or", NODE_OR, index, both);
}

enum status
filter_make(struct span text, struct filter **out, struct err *err)
{
    if (text.n > FILTER_SIZE_MAX)
        return err_set(err, ST_INVALID, "$filter has %zu bytes, at most %d are allowed", text.n,
                       FILTER_SIZE_MAX);
    struct filter *f = calloc(1, sizeof *f);

    if (f == NULL || (f->text = malloc(2 * text.n + 2)) == NULL) {
        filter_free(f);
        return err_set(err, ST_FULL, "no memory for $filter");
    }
    memcpy(f->text, text.p, text.n);
    f->decoded = f->text + text.n;
    struct parser x = {.f = f,
                       .p = f->text,
                       .start = f->text,
                       .end = f->text + text.n,
                       .decoded_at = f->decoded,
                       .err = err};
    enum status st = either(&x, 1, &f->root);

    blanks(&x);
    if (st == ST_OK && x.p != x.end)
        st = fault(&x, "'and', 'or' or the end should stand here");
    if (st != ST_OK) {
        filter_free(f);
        return st;
    }
    *out = f;
    return ST_OK;
}

void
filter_free(struct filter *f)
{
    if (f == NULL)
        return;
    free(f->text);
    free(f);
}

/* ---- trying it ---- */

static struct span
find(struct span object, struct span path)
{
    while (path.n > 0) {
        size_t n = 0;

        while (n < path.n && path.p[n] != '/' && path.p[n] != '.')
            n++;
        struct json_walk w = json_walk_begin(object);
        struct span key, value, found = {NULL, 0};

        if (!json_text_is_object(object))
            return found;
        while (found.n == 0 && json_walk_next(&w, &key, &value))
            if (key.n == n && strncasecmp(key.p, path.p, n) == 0)
                found = value;
        object = found;
        path = n < path.n ? (struct span){path.p + n + 1, path.n - n - 1} : (struct span){NULL, 0};
    }
    return object;
}

/* < 0, 0, > 0 as memcmp, ignoring case. */
static int
text_order(struct span a, struct span b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        unsigned char x = (unsigned char)lower(a.p[i]), y = (unsigned char)lower(b.p[i]);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

/* 'a' is folded where it stands. In linear time: whoever asks chooses both texts. */
static bool
text_holds(struct text *a, struct span part, enum node_type type)
{
    struct span all = text_span(a);

    if (part.n > all.n || a->is_short)
        return false;
    if (type == NODE_STARTS_WITH)
        return text_order((struct span){all.p, part.n}, part) == 0;
    if (type == NODE_ENDS_WITH)
        return text_order((struct span){all.p + all.n - part.n, part.n}, part) == 0;
    for (size_t i = 0; i < a->n; i++)
        a->p[i] = lower(a->p[i]);
    return part.n == 0 || memmem(all.p, all.n, part.p, part.n) != NULL;
}

static double
number_of(struct span s)
{
    char text[64];

    snprintf(text, sizeof text, "%.*s", (int)(s.n < 63 ? s.n : 63), s.p);
    return strtod(text, NULL);
}

/* Sets *order; false: they cannot be compared. */
static bool
compare(const struct node *n, struct span value, struct text *scratch, int *order)
{
    if (n->literal == IS_WORD) {
        bool is_null = json_text_is_null(value), is_wanted_null = n->value.p[0] == 'n';

        *order =
            is_wanted_null || is_null ? is_null != is_wanted_null : !span_equal(value, n->value);
        return true;
    }
    if (n->literal == IS_NUMBER) {
        if (!json_text_is_number(value))
            return false;
        double a = number_of(value), b = number_of(n->value);

        *order = a < b ? -1 : a > b;
        return true;
    }
    if (!json_text_is_string(value))
        return false;
    text_reset(scratch);
    text_decode(scratch, value);
    *order = text_order(text_span(scratch), n->value);
    return true;
}

static bool
node_passes(const struct filter *f, uint16_t index, struct span resource, struct text *scratch)
{
    const struct node *n = &f->nodes[index];
    int order = 0;

    switch (n->type) {
    case NODE_AND:
        return node_passes(f, n->left, resource, scratch) &&
               node_passes(f, n->right, resource, scratch);
    case NODE_OR:
        return node_passes(f, n->left, resource, scratch) ||
               node_passes(f, n->right, resource, scratch);
    case NODE_NOT:
        return !node_passes(f, n->left, resource, scratch);
    default:
        break;
    }
    struct span value = find(resource, n->path);

    if (n->type >= NODE_CONTAINS) {
        text_reset(scratch);
        text_decode(scratch, value);
        return json_text_is_string(value) && text_holds(scratch, n->value, n->type);
    }
    if (!compare(n, value, scratch, &order))
        return n->type == NODE_NE;
    switch (n->type) {
    case NODE_EQ:
        return order == 0;
    case NODE_NE:
        return order != 0;
    case NODE_GT:
        return order > 0;
    case NODE_GE:
        return order >= 0;
    case NODE_LT:
        return order < 0;
    default:
        return order <= 0;
    }
}

bool
filter_passes(const struct filter *f, struct span resource)
{
    struct text scratch = {0};
    bool passes = node_passes(f, f->root, resource, &scratch);

    text_free(&scratch);
    return passes;
}
