/* rows_reduce.c - reduce: texts that share most of their terms as one pattern.
 *
 * The reduce operator's page names its source: R. Vaarandi, "A Data Clustering Algorithm for Mining
 * Patterns From Event Logs" (2003). Each text is cut into terms at the separators. A term that
 * stands at its place in more than threshold * rows texts (and in two at least) is frequent. A
 * text's pattern has its frequent terms and '*' for what lies between them; patterns of more texts
 * than that are answered with one of their texts, all others together as "others". */
#include "kql/rows_inner.h"
#include "kql/text.h"

enum { TERMS_MAX = 256 }; /* of one text; what is behind them is '*' */

struct reduce_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_eval eval;
    struct rows_list rows; /* with keeps_rows */
    struct span *texts;
    struct kql_value *patterns; /* of each text */
    size_t count, room;
    struct rows_groups words, found; /* found: state struct reduced */
    struct rows_list out;
    size_t at;
    bool is_ready;
};
struct reduced {
    int64_t count;
    struct span representative;
};

static bool
is_separator(const struct reduce_cursor *r, int32_t character)
{
    struct span list = r->c.op->u.reduce.characters;
    size_t at = 0;

    if (list.n == 0)
        return !((character >= '0' && character <= '9') ||
                 ((character | 0x20) >= 'a' && (character | 0x20) <= 'z' && character < 0x80));
    while (at < list.n)
        if (kql_code_point(list, &at) == character)
            return true;
    return false;
}

struct term {
    size_t at, end;
};

static uint32_t
cut(const struct reduce_cursor *r, struct span text, struct term terms[TERMS_MAX])
{
    uint32_t count = 0;
    bool is_inside = false;
    size_t at = 0;

    while (at < text.n) {
        size_t start = at;

        if (is_separator(r, kql_code_point(text, &at))) {
            is_inside = false;
            continue;
        }
        if (!is_inside) {
            if (count == TERMS_MAX)
                break;
            terms[count++] = (struct term){start, at};
            is_inside = true;
        }
        terms[count - 1].end = at;
    }
    return count;
}

/* The place and the term as one key. */
static void
word_key(struct span text, const struct term *t, uint32_t place, struct kql_value keys[2])
{
    keys[0] = kql_integer(KQL_LONG, place);
    keys[1] = kql_string((struct span){text.p + t->at, t->end - t->at});
}

static void
count_words(struct reduce_cursor *r)
{
    struct term terms[TERMS_MAX];

    for (size_t i = 0; i < r->count; i++) {
        uint32_t count = cut(r, r->texts[i], terms);

        for (uint32_t t = 0; t < count; t++) {
            struct kql_value keys[2];
            struct rows_group *word;
            bool is_new;

            word_key(r->texts[i], &terms[t], t, keys);
            word = rows_groups_add(&r->words, keys, true, &is_new);
            if (is_new)
                word->state = pool_zeroed(r->words.pool, 1, sizeof(int64_t));
            ++*(int64_t *)word->state;
        }
        if ((i & 1023) == 0)
            pool_check(r->words.pool);
    }
}

static bool
is_frequent(const struct reduce_cursor *r, int64_t count)
{
    return count > 1 && (double)count > r->c.op->u.reduce.threshold * (double)r->count;
}

/* Blanks beside a '*' stay, other separators go. */
static struct kql_value
pattern_of(struct reduce_cursor *r, struct span text)
{
    struct term terms[TERMS_MAX];
    uint32_t count = cut(r, text, terms);
    char *out = pool_take(r->words.pool, 2 * text.n + 4);
    size_t n = 0, from = 0;
    bool has_star = false, has_word = false;

    for (uint32_t t = 0; t <= count; t++) {
        size_t until = t < count ? terms[t].at : text.n;
        struct kql_value keys[2];
        const struct rows_group *word = NULL;
        bool is_word;

        if (t < count) {
            word_key(text, &terms[t], t, keys);
            word = rows_groups_find(&r->words, keys);
        }
        is_word = word != NULL && is_frequent(r, *(const int64_t *)word->state);
        for (; from < until; from++)
            if (text.p[from] == ' ' ? !has_star || is_word || t < count
                                    : !has_star && (is_word || t == count))
                out[n++] = text.p[from];
        if (t == count)
            break;
        if (is_word) {
            memcpy(out + n, text.p + terms[t].at, terms[t].end - terms[t].at);
            n += terms[t].end - terms[t].at;
            has_word = true;
        } else if (!has_star || n == 0 || out[n - 1] != '*') {
            while (has_star && n > 0 && out[n - 1] == ' ') /* a * right behind a * */
                n--;
            if (n == 0 || out[n - 1] != '*')
                out[n++] = '*';
        }
        has_star = !is_word;
        from = terms[t].end;
    }
    if (!has_word)
        return kql_string(SPAN_LITERAL("others"));
    return kql_string((struct span){out, n});
}

static void
read_all(struct reduce_cursor *r)
{
    struct rows_run *run = r->c.run;
    struct kql_value *row = rows_cells_new(run->keep, r->input->width), text;

    for (;;) {
        struct pool_mark mark = pool_mark(run->scratch);

        if (!rows_next(r->input, row))
            return;
        rows_eval_row(&r->eval, row);
        rows_eval_cell(&r->eval, 0, &text);
        r->texts = pool_grow(run->keep, r->texts, &r->room, r->count + 1, sizeof *r->texts);
        r->texts[r->count++] = text.is_null || text.type != KQL_STRING
                                   ? (struct span){"", 0}
                                   : pool_text(run->keep, kql_text(&text));
        if (r->c.op->u.reduce.keeps_rows)
            rows_list_add(run->keep, &r->rows,
                          rows_copy(run->keep, row, r->input->width, r->input->is_lasting));
        pool_return(run->scratch, mark);
    }
}

static int
compare_found(const void *context, const void *a, const void *b)
{
    const struct reduced *x = ((const struct rows_group *)a)->state,
                         *y = ((const struct rows_group *)b)->state;

    (void)context;
    return x->count > y->count ? -1 : x->count < y->count;
}

static void
add_out(struct reduce_cursor *r, struct kql_value pattern, const struct reduced *found)
{
    struct kql_value *row = rows_cells_new(r->words.pool, 3);

    row[0] = pattern;
    row[1] = kql_integer(KQL_LONG, found->count);
    row[2] = kql_string(found->representative);
    rows_list_add(r->words.pool, &r->out, row);
}

static void
reduce_all(struct reduce_cursor *r)
{
    struct pool *keep = r->words.pool;
    struct reduced others = {
        0, {"", 0}
    };

    read_all(r);
    count_words(r);
    r->patterns = pool_take(keep, (r->count + 1) * sizeof *r->patterns);
    for (size_t i = 0; i < r->count; i++) {
        struct rows_group *group;
        struct reduced *found;
        bool is_new;

        r->patterns[i] = pattern_of(r, r->texts[i]);
        group = rows_groups_add(&r->found, &r->patterns[i], true, &is_new);
        if (is_new)
            group->state = pool_zeroed(keep, 1, sizeof *found);
        found = group->state;
        if (found->count++ == 0)
            found->representative = r->texts[i];
        if ((i & 1023) == 0)
            pool_check(keep);
    }
    if (r->c.op->u.reduce.keeps_rows)
        return;
    rows_sort(keep, (void **)r->found.items, r->found.count, compare_found, NULL);
    for (size_t i = 0; i < r->found.count; i++) {
        const struct reduced *found = r->found.items[i]->state;

        if (is_frequent(r, found->count) &&
            !span_is(kql_text(&r->found.items[i]->keys[0]), "others"))
            add_out(r, r->found.items[i]->keys[0], found);
        else
            others.count += found->count;
    }
    if (others.count > 0)
        add_out(r, kql_string(SPAN_LITERAL("others")), &others);
}

static bool
reduce_next(struct rows_cursor *c, struct kql_value *row)
{
    struct reduce_cursor *r = (struct reduce_cursor *)c;
    uint32_t width = r->input->width;

    if (!r->is_ready) {
        r->is_ready = true;
        reduce_all(r);
    }
    if (!c->op->u.reduce.keeps_rows) {
        if (r->at == r->out.count)
            return false;
        memcpy(row, r->out.items[r->at++], c->width * sizeof *row);
        return true;
    }
    if (r->at == r->rows.count)
        return false;
    memcpy(row, r->rows.items[r->at], (width < c->width ? width : c->width) * sizeof *row);
    if (c->width > width) {
        const struct rows_group *group = rows_groups_find(&r->found, &r->patterns[r->at]);

        row[width] = is_frequent(r, ((const struct reduced *)group->state)->count)
                         ? r->patterns[r->at]
                         : kql_string(SPAN_LITERAL("others"));
    }
    r->at++;
    return true;
}

struct rows_cursor *
rows_open_reduce(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct reduce_cursor *r = rows_cursor_new(run, op, sizeof *r, reduce_next);

    (void)wanted;
    rows_eval_init(&r->eval, run, op, 0, &op->u.reduce.expr, 1);
    r->input = rows_open(run, op->input, NULL);
    rows_groups_init(&r->words, run->keep, 2);
    rows_groups_init(&r->found, run->keep, 1);
    r->c.is_lasting = true;
    return &r->c;
}
