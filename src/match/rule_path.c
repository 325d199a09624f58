/* rule_path.c - propertyJPath: read once, then followed in documents. What people write of JSON path
 * beyond names and numbers (wildcards, filters, "..") is refused by name, since it would never match. */
#include "match/rule_inner.h"

struct path_reader {
    struct pool *pool;
    struct span text;
    size_t at;
    struct rule_step steps[RULE_PATH_STEPS_MAX];
    uint32_t count;
    const char *wrong;
};

static bool
fails(struct path_reader *r, const char *what)
{
    r->wrong = what;
    return false;
}

static bool
is_at(const struct path_reader *r, char c)
{
    return r->at < r->text.n && r->text.p[r->at] == c;
}

static bool
add_step(struct path_reader *r, struct rule_step step)
{
    if (r->count == RULE_PATH_STEPS_MAX)
        return fails(r, "more than 32 steps");
    r->steps[r->count++] = step;
    return true;
}

static bool
read_name(struct path_reader *r)
{
    size_t start = r->at;

    for (; r->at < r->text.n && !is_at(r, '.') && !is_at(r, '['); r->at++) {
        char c = r->text.p[r->at];

        if (c == '*')
            return fails(r, "'*' is not supported; name the members");
        if (c == ']')
            return fails(r, "']' without '['");
        if (c == '(' || c == ')' || c == '?' || c == '@' || c == ',')
            return fails(r, "filters and expressions are not supported; write special names as "
                            "['a name']");
        if (c == '\'' || c == '"' || (unsigned char)c <= ' ')
            return fails(r, "write names with blanks or quotes as ['a name']");
    }
    if (r->at == start)
        return fails(r, is_at(r, '.') && start > 0 && r->text.p[start - 1] == '.'
                            ? "'..' is not supported; a name is missing"
                            : "a name is missing");
    return add_step(r, (struct rule_step){
                           .name = {r->text.p + start, r->at - start}
    });
}

/* 'a name' or "a name", in which \ takes the next character as it is. */
static bool
read_quoted(struct path_reader *r)
{
    char quote = r->text.p[r->at++], *name = pool_take(r->pool, r->text.n);
    size_t n = 0;

    while (r->at < r->text.n && !is_at(r, quote)) {
        if (is_at(r, '\\') && r->at + 1 < r->text.n)
            r->at++;
        name[n++] = r->text.p[r->at++];
    }
    if (r->at == r->text.n)
        return fails(r, "the quote has no end");
    r->at++;
    return add_step(r, (struct rule_step){
                           .name = {name, n}
    });
}

static bool
read_index(struct path_reader *r)
{
    uint64_t index = 0;
    size_t start = r->at;

    for (; r->at < r->text.n && r->text.p[r->at] >= '0' && r->text.p[r->at] <= '9'; r->at++) {
        if (r->at - start == 9)
            return fails(r, "the number is too large");
        index = index * 10 + (uint64_t)(r->text.p[r->at] - '0');
    }
    if (r->at == start)
        return fails(r, "a number from 0 on or a quoted name must follow '['");
    return add_step(r, (struct rule_step){.index = index});
}

static bool
read_bracket(struct path_reader *r)
{
    r->at++;
    if (is_at(r, '*') || is_at(r, '?'))
        return fails(r, "wildcards and filters are not supported");
    if (!(is_at(r, '\'') || is_at(r, '"') ? read_quoted(r) : read_index(r)))
        return false;
    if (!is_at(r, ']'))
        return fails(r, "']' is missing");
    r->at++;
    return true;
}

static bool
read_path(struct path_reader *r)
{
    bool is_name_due = true;

    if (is_at(r, '$') && (r->text.n == 1 || r->text.p[1] == '.' || r->text.p[1] == '[')) {
        r->at = 1;
        if (r->text.n == 1)
            return fails(r, "a name must follow '$'");
        is_name_due = is_at(r, '.');
        r->at += is_name_due;
    } else if (is_at(r, '[')) {
        is_name_due = false;
    }
    do {
        if (is_name_due ? !read_name(r) : !read_bracket(r))
            return false;
        if (r->at == r->text.n)
            break;
        if (!is_at(r, '.') && !is_at(r, '['))
            return fails(r, "'.' or '[' must follow ']'");
        is_name_due = is_at(r, '.');
        r->at += is_name_due;
    } while (true);
    return true;
}

bool
rule_path_read(struct pool *pool, struct span text, struct rule_path *out, const char **what,
               size_t *at)
{
    struct path_reader r = {.pool = pool, .text = pool_text(pool, text)};
    struct rule_step *steps;

    if (text.n > RULE_PATH_SIZE_MAX ? !fails(&r, "longer than 1024 bytes") : !read_path(&r)) {
        *what = r.wrong;
        *at = r.at;
        return false;
    }
    steps = pool_take(pool, r.count * sizeof *steps);
    memcpy(steps, r.steps, r.count * sizeof *steps);
    *out = (struct rule_path){r.text, steps, r.count};
    return true;
}

static bool
names_alike(struct span a, struct span b)
{
    return span_equal(a, b) || kql_compare_ci(a, b) == 0;
}

bool
rule_path_equal(const struct rule_path *a, const struct rule_path *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct rule_step *x = &a->steps[i], *y = &b->steps[i];

        if ((x->name.p == NULL) != (y->name.p == NULL) ||
            (x->name.p == NULL ? x->index != y->index : !names_alike(x->name, y->name)))
            return false;
    }
    return true;
}

/* Cheap first: most names differ in size or in a letter, and ASCII is settled here. */
static bool
may_be_alike(struct span a, struct span b)
{
    if (a.n != b.n) /* other sizes may be alike only if something is not ASCII */
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (((a.p[i] ^ b.p[i]) & ~0x20) != 0)
            return false;
    return true;
}

static bool
is_ascii(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

uint32_t
rule_member(const struct tree *t, uint32_t node, struct span name)
{
    uint32_t alike = TREE_NONE;
    bool is_plain = is_ascii(name);

    if (t->nodes[node].kind != SCAN_OBJECT)
        return TREE_NONE;
    for (uint32_t i = tree_first(node), end = tree_next(t, node); i < end; i = tree_next(t, i)) {
        struct span key = tree_key(t, i);

        if (is_plain && !may_be_alike(name, key))
            continue;
        if (span_equal(name, key))
            return i;
        if (alike == TREE_NONE && kql_compare_ci(name, key) == 0)
            alike = i;
    }
    return alike;
}

uint32_t
rule_path_find(const struct rule_path *path, const struct tree *t, uint32_t node)
{
    for (uint32_t i = 0; i < path->count; i++) {
        const struct rule_step *s = &path->steps[i];

        node = s->name.p != NULL ? rule_member(t, node, s->name) : tree_item(t, node, s->index);
        if (node == TREE_NONE)
            break;
    }
    return node;
}
