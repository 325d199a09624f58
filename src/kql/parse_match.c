#include "kql/parse_match.h"
#include "kql/dynamic.h"
#include "kql/regex.h"
#include "kql/text.h"

struct kql_matcher {
    const struct kql_op *op;
    uint32_t *columns; /* of the result, by capture */
    uint8_t *types;
    uint32_t count;
    struct kql_regex *regex; /* NULL: none */
    int *groups;             /* regex mode: by capture */
};

uint32_t
kql_matcher_count(const struct kql_matcher *m)
{
    return m->count;
}

uint32_t
kql_matcher_column(const struct kql_matcher *m, uint32_t capture)
{
    return m->columns[capture];
}

/* ---- captures ---- */

static struct kql_value
converted(struct pool *p, struct span text, enum kql_type type)
{
    struct kql_value v = kql_string(text);

    if (type == KQL_STRING)
        return v;
    if (type == KQL_DYNAMIC)
        return kql_parse_json(p, text);
    return kql_convert(p, KQL_STRING, &v, type);
}

static void
clear(const struct kql_matcher *m, struct kql_value *captures)
{
    for (uint32_t i = 0; i < m->count; i++)
        captures[i] = kql_null(m->types[i]);
}

/* Whether what was captured is what its column asks for: only typed ones can fail. */
static bool
take(const struct kql_matcher *m, struct pool *p, uint32_t capture, struct span text,
     struct kql_value *captures)
{
    captures[capture] = converted(p, text, m->types[capture]);
    return !captures[capture].is_null || m->types[capture] == KQL_DYNAMIC;
}

/* ---- parse, simple and relaxed ---- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t
digits(struct span s, size_t at)
{
    size_t start = at;

    while (at < s.n && is_digit(s.p[at]))
        at++;
    return at - start;
}

static size_t
number_prefix(struct span s, bool has_fraction)
{
    size_t at = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0, more = digits(s, at);

    if (more == 0)
        return 0;
    at += more;
    if (!has_fraction)
        return at;
    if (at + 1 < s.n && s.p[at] == '.' && is_digit(s.p[at + 1]))
        at += 1 + digits(s, at + 1);
    if (at + 1 < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        size_t sign = s.p[at + 1] == '-' || s.p[at + 1] == '+';

        more = digits(s, at + 1 + sign);
        if (more > 0)
            at += 1 + sign + more;
    }
    return at;
}

/* Of a type with many forms: the longest beginning that converts, ending where a word does. */
static size_t
word_prefix(struct pool *p, struct span s, enum kql_type type)
{
    size_t longest = s.n < 40 ? s.n : 40;

    for (size_t n = longest; n > 0; n--) {
        bool ends = n == s.n || (unsigned char)s.p[n] <= ' ' || strchr(",;)]}\"'|", s.p[n]) != NULL;
        struct kql_value v;

        if (!ends)
            continue;
        v = converted(p, (struct span){s.p, n}, type);
        if (!v.is_null)
            return n;
    }
    return 0;
}

static size_t
typed_prefix(struct pool *p, struct span s, enum kql_type type)
{
    switch (type) {
    case KQL_STRING:
    case KQL_DYNAMIC:
        return s.n;
    case KQL_INT:
    case KQL_LONG:
        return number_prefix(s, false);
    case KQL_REAL:
    case KQL_DECIMAL:
        return number_prefix(s, true);
    default:
        return word_prefix(p, s, type);
    }
}

/* Where a number may begin behind a '*'. */
static size_t
skip_to_number(struct span s, size_t at)
{
    while (at < s.n && !is_digit(s.p[at]) &&
           !(s.p[at] == '-' && at + 1 < s.n && is_digit(s.p[at + 1])))
        at++;
    return at;
}

struct scan {
    const struct kql_matcher *m;
    struct pool *pool;
    struct span text;
    struct kql_value *captures;
    size_t at;
    uint32_t next;               /* capture */
    bool is_open, is_star;       /* a column, a '*' waits for what ends it */
    bool is_relaxed, has_failed; /* a capture did not convert */
};

static void
close_column(struct scan *x, size_t end)
{
    struct span text = {x->text.p + x->at, end - x->at};

    if (!take(x->m, x->pool, x->next, text, x->captures))
        x->has_failed = true;
    x->next++;
    x->at = end;
    x->is_open = false;
}

/* What comes next does not say where the column ends. */
static void
close_by_type(struct scan *x)
{
    struct span rest = {x->text.p + x->at, x->text.n - x->at};

    close_column(x, x->at + typed_prefix(x->pool, rest, x->m->types[x->next]));
}

static bool
match_literal(struct scan *x, struct span literal)
{
    if (x->is_open || x->is_star) {
        ptrdiff_t found = kql_find(x->text, literal, x->at);

        if (found < 0)
            return false;
        if (x->is_open)
            close_column(x, (size_t)found);
        x->at = (size_t)found + literal.n;
    } else {
        struct span rest = {x->text.p + x->at, x->text.n - x->at};

        if (rest.n < literal.n || (literal.n > 0 && memcmp(rest.p, literal.p, literal.n) != 0))
            return false;
        x->at += literal.n;
    }
    x->is_star = false;
    return true;
}

static bool
match_simple(const struct kql_matcher *m, struct pool *pool, struct span text,
             struct kql_value *captures)
{
    struct scan x = {.m = m, .pool = pool, .text = text, .captures = captures};

    x.is_relaxed = m->op->u.parse.mode == KQL_PARSE_RELAXED;
    for (uint32_t i = 0; i < m->op->u.parse.count; i++) {
        const struct kql_parse_piece *piece = &m->op->u.parse.pieces[i];

        switch (piece->kind) {
        case KQL_PIECE_STAR:
            if (x.is_open)
                close_by_type(&x);
            x.is_star = true;
            break;
        case KQL_PIECE_COLUMN:
            if (x.is_open)
                close_by_type(&x);
            if (x.is_star && kql_type_is_number(m->types[x.next]))
                x.at = skip_to_number(text, x.at);
            x.is_star = false;
            x.is_open = true;
            break;
        case KQL_PIECE_TEXT:
            if (!match_literal(&x, piece->text))
                return false;
            break;
        }
        if (x.has_failed && !x.is_relaxed)
            return false;
    }
    if (x.is_open)
        close_column(&x, text.n);
    return !x.has_failed || x.is_relaxed;
}

/* ---- parse, regex ---- */

struct text_builder {
    struct pool *pool;
    char *text;
    size_t size, room;
};

static void
put(struct text_builder *b, struct span text)
{
    b->text = pool_grow(b->pool, b->text, &b->room, b->size + text.n, 1);
    if (text.n > 0)
        memcpy(b->text + b->size, text.p, text.n);
    b->size += text.n;
}

/* Groups of ours have names, since literals may hold groups of their own. */
static bool
regex_make(struct kql_matcher *m, struct pool *pool, struct err *err)
{
    const struct kql_op *op = m->op;
    struct span flags = op->u.parse.flags;
    bool is_turned = flags.n > 0 && memchr(flags.p, 'U', flags.n) != NULL;
    struct text_builder b = {.pool = pool};
    uint32_t capture = 0;

    put(&b, SPAN_LITERAL("\\A"));
    for (uint32_t i = 0; i < op->u.parse.count; i++) {
        const struct kql_parse_piece *piece = &op->u.parse.pieces[i];
        bool is_whole = false;

        switch (piece->kind) {
        case KQL_PIECE_STAR:
            put(&b, is_turned ? SPAN_LITERAL(".*") : SPAN_LITERAL(".*?"));
            break;
        case KQL_PIECE_TEXT:
            put(&b, SPAN_LITERAL("(?:"));
            put(&b, piece->text);
            put(&b, SPAN_LITERAL(")"));
            break;
        case KQL_PIECE_COLUMN:
            is_whole = m->types[capture] == KQL_INT || m->types[capture] == KQL_LONG;
            put(&b, pool_printf(pool, "(?P<capture%u>%s)", capture, is_whole ? "-?\\d+" : ".*"));
            capture++;
            break;
        }
    }
    /* A lazy capture at the very end would take nothing. */
    if (is_turned && op->u.parse.count > 0 &&
        op->u.parse.pieces[op->u.parse.count - 1].kind == KQL_PIECE_COLUMN)
        put(&b, SPAN_LITERAL("\\z"));
    m->groups = pool_zeroed(pool, (size_t)m->count + 1, sizeof *m->groups);
    m->regex = kql_regex_new((struct span){b.text, b.size}, flags, err);
    if (m->regex == NULL)
        return false;
    if (kql_regex_group_count(m->regex) >= KQL_REGEX_GROUPS_MAX) {
        err_set(err, ST_INVALID, "the pattern has more than %d groups", KQL_REGEX_GROUPS_MAX - 1);
        kql_matcher_free(m);
        return false;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        char name[24];

        snprintf(name, sizeof name, "capture%u", i);
        m->groups[i] = kql_regex_group(m->regex, span_of(name));
    }
    return true;
}

static bool
match_regex(const struct kql_matcher *m, struct pool *pool, struct span text,
            struct kql_value *captures)
{
    struct span groups[KQL_REGEX_GROUPS_MAX + 1];
    uint32_t count = kql_regex_group_count(m->regex) + 1;

    if (!kql_regex_match(m->regex, text, 0, groups, count))
        return false;
    for (uint32_t i = 0; i < m->count; i++) {
        struct span found = {"", 0};

        if (m->groups[i] >= 0 && (uint32_t)m->groups[i] < count && groups[m->groups[i]].p != NULL)
            found = groups[m->groups[i]];
        if (!take(m, pool, i, found, captures))
            return false;
    }
    return true;
}

/* ---- parse-kv ---- */

static struct span
trimmed(struct span s)
{
    while (s.n > 0 && (unsigned char)s.p[0] <= ' ')
        s.p++, s.n--;
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

static void
keep_pair(const struct kql_matcher *m, struct pool *p, struct span key, struct span value,
          bool is_quoted, uint8_t *seen, struct kql_value *captures)
{
    key = trimmed(key);
    for (uint32_t i = 0; i < m->count; i++)
        if (!seen[i] && span_equal(m->op->u.parse_kv.keys[i], key)) {
            seen[i] = 1;
            captures[i] = converted(p, is_quoted ? value : trimmed(value), m->types[i]);
        }
}

static void
pairs_by_regex(const struct kql_matcher *m, struct pool *p, struct span text, uint8_t *seen,
               struct kql_value *captures)
{
    struct span groups[3];
    size_t at = 0;

    while (at <= text.n && kql_regex_match(m->regex, text, at, groups, 3)) {
        size_t end = (size_t)(groups[0].p - text.p) + groups[0].n;

        pool_check(p);
        if (groups[1].p != NULL && groups[2].p != NULL)
            keep_pair(m, p, groups[1], groups[2], false, seen, captures);
        at = groups[0].n == 0 ? end + 1 : end;
    }
}

/* Without delimiters every run of letters and digits is a word, and the word behind a key its
 * value. */
static struct span
next_word(struct span text, size_t *at)
{
    size_t i = *at, start;

    for (;;) { /* to where one begins */
        size_t before = i;

        if (i >= text.n)
            break;
        if (kql_is_term_character(kql_code_point(text, &i))) {
            i = before;
            break;
        }
    }
    start = i;
    while (i < text.n) {
        size_t before = i;

        if (!kql_is_term_character(kql_code_point(text, &i))) {
            i = before;
            break;
        }
    }
    *at = i;
    return (struct span){text.p + start, i - start};
}

static void
pairs_of_words(const struct kql_matcher *m, struct pool *p, struct span text, uint8_t *seen,
               struct kql_value *captures)
{
    size_t at = 0;
    struct span word = next_word(text, &at);

    while (word.n > 0) {
        struct span after = next_word(text, &at);
        bool is_key = false;

        for (uint32_t i = 0; i < m->count && !is_key; i++)
            is_key = span_equal(m->op->u.parse_kv.keys[i], word);
        if (is_key && after.n > 0) {
            keep_pair(m, p, word, after, false, seen, captures);
            after = next_word(text, &at);
        }
        word = after;
    }
}

static size_t
find_or_end(struct span text, struct span what, size_t from)
{
    ptrdiff_t found = what.n == 0 ? -1 : kql_find(text, what, from);

    return found < 0 ? text.n : (size_t)found;
}

/* A quoted value at 'at': its content, escapes undone; *end is behind the closing quote. */
static bool
read_quoted(const struct kql_matcher *m, struct pool *p, struct span text, size_t at,
            struct span *value, size_t *end)
{
    const struct kql_op *op = m->op;
    struct span open, closing, escape = op->u.parse_kv.escape;

    if (op->u.parse_kv.quote_count == 0)
        return false;
    open = op->u.parse_kv.quotes[0];
    closing = op->u.parse_kv.quotes[op->u.parse_kv.quote_count - 1];
    if (open.n == 0 || closing.n == 0 || text.n - at < open.n ||
        memcmp(text.p + at, open.p, open.n) != 0)
        return false;
    at += open.n;
    char *copy = NULL;
    size_t size = 0, start = at;

    while (at < text.n) {
        if (escape.n > 0 && text.n - at > escape.n &&
            memcmp(text.p + at, escape.p, escape.n) == 0) {
            if (copy == NULL) {
                copy = pool_take(p, text.n - start);
                size = at - start;
                memcpy(copy, text.p + start, size);
            }
            at += escape.n;
            copy[size++] = text.p[at++];
            continue;
        }
        if (text.n - at >= closing.n && memcmp(text.p + at, closing.p, closing.n) == 0) {
            *value = copy != NULL ? (struct span){copy, size}
                                  : (struct span){text.p + start, at - start};
            *end = at + closing.n;
            return true;
        }
        if (copy != NULL)
            copy[size++] = text.p[at];
        at++;
    }
    return false; /* never closed: no quote then */
}

/* Where an unquoted value ends. Greedy: before the pair delimiter that the next key follows. */
static size_t
value_end(const struct kql_matcher *m, struct span text, size_t at)
{
    const struct kql_op *op = m->op;
    struct span pair = op->u.parse_kv.pair_delimiter, kv = op->u.parse_kv.kv_delimiter;
    size_t end = find_or_end(text, pair, at), next_kv;

    if (!op->u.parse_kv.is_greedy || end == text.n)
        return end;
    next_kv = find_or_end(text, kv, at);
    if (next_kv == text.n)
        return text.n;
    for (;;) {
        size_t later = find_or_end(text, pair, end + pair.n);

        if (later >= next_kv)
            return end;
        end = later;
    }
}

static void
pairs_delimited(const struct kql_matcher *m, struct pool *p, struct span text, uint8_t *seen,
                struct kql_value *captures)
{
    struct span pair = m->op->u.parse_kv.pair_delimiter, kv = m->op->u.parse_kv.kv_delimiter;
    size_t at = 0;

    while (at < text.n) {
        size_t end = find_or_end(text, pair, at), split = find_or_end(text, kv, at), start;
        struct span key, value;
        bool is_quoted;

        if (split == text.n)
            return;
        if (end < split) { /* no key in this piece */
            at = end + pair.n;
            continue;
        }
        key = (struct span){text.p + at, split - at};
        start = split + kv.n;
        while (start < text.n && text.p[start] == ' ' && m->op->u.parse_kv.quote_count > 0)
            start++;
        is_quoted = read_quoted(m, p, text, start, &value, &end);
        if (is_quoted) {
            end = find_or_end(text, pair, end);
        } else {
            start = split + kv.n;
            end = value_end(m, text, start);
            value = (struct span){text.p + start, end - start};
        }
        keep_pair(m, p, key, value, is_quoted, seen, captures);
        at = end + pair.n;
        if (pair.n == 0)
            return; /* one pair, to the end */
    }
}

static void
match_pairs(const struct kql_matcher *m, struct pool *p, struct span text,
            struct kql_value *captures)
{
    uint8_t *seen = pool_zeroed(p, (size_t)m->count + 1, 1);

    if (m->regex != NULL)
        pairs_by_regex(m, p, text, seen, captures);
    else if (m->op->u.parse_kv.kv_delimiter.n == 0)
        pairs_of_words(m, p, text, seen, captures);
    else
        pairs_delimited(m, p, text, seen, captures);
}

/* ---- */

static void
columns_set(struct kql_matcher *m, struct pool *pool)
{
    const struct kql_op *op = m->op;
    uint32_t room = op->kind == KQL_OP_PARSE_TEXT ? op->u.parse.count : op->u.parse_kv.column_count;

    m->columns = pool_zeroed(pool, (size_t)room + 1, sizeof *m->columns);
    m->types = pool_zeroed(pool, (size_t)room + 1, sizeof *m->types);
    for (uint32_t i = 0; i < room; i++) {
        if (op->kind == KQL_OP_PARSE_PAIRS)
            m->columns[m->count] = op->u.parse_kv.first_column + i;
        else if (op->u.parse.pieces[i].kind == KQL_PIECE_COLUMN)
            m->columns[m->count] = op->u.parse.pieces[i].column;
        else
            continue;
        m->types[m->count] = op->schema.columns[m->columns[m->count]].type;
        m->count++;
    }
}

struct kql_matcher *
kql_matcher_new(struct pool *pool, const struct kql_op *op, struct err *err)
{
    struct kql_matcher *m = pool_zeroed(pool, 1, sizeof *m);

    m->op = op;
    columns_set(m, pool);
    if (op->kind == KQL_OP_PARSE_TEXT && op->u.parse.mode == KQL_PARSE_REGEX)
        return regex_make(m, pool, err) ? m : NULL;
    if (op->kind != KQL_OP_PARSE_PAIRS || op->u.parse_kv.regex.n == 0)
        return m;
    m->regex = kql_regex_new(op->u.parse_kv.regex, (struct span){"", 0}, err);
    if (m->regex == NULL)
        return NULL;
    if (kql_regex_group_count(m->regex) < 2) {
        err_set(err, ST_INVALID, "parse-kv: the regex needs two groups, a key's and a value's");
        kql_matcher_free(m);
        return NULL;
    }
    return m;
}

void
kql_matcher_free(struct kql_matcher *m)
{
    if (m == NULL || m->regex == NULL)
        return;
    kql_regex_free(m->regex);
    m->regex = NULL;
}

bool
kql_matcher_match(const struct kql_matcher *m, struct pool *pool, struct span text,
                  struct kql_value *captures)
{
    bool matches;

    clear(m, captures);
    if (m->op->kind == KQL_OP_PARSE_PAIRS) {
        match_pairs(m, pool, text, captures);
        return true;
    }
    matches = m->op->u.parse.mode == KQL_PARSE_REGEX ? match_regex(m, pool, text, captures)
                                                     : match_simple(m, pool, text, captures);
    if (!matches)
        clear(m, captures);
    return matches;
}
