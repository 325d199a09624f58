/* eval_test.c - compiled expressions: null rules, laziness, order, sharing, loading, folding, and
 * the nodes for common shapes against the functions they stand for. */
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/eval_inner.h"
#include <stdlib.h>

static struct pool pool;
static jmp_buf escape;

/* ---- small expressions ---- */

static const struct kql_expr *
keep(struct kql_expr like)
{
    struct kql_expr *e = pool_take(&pool, sizeof *e);

    *e = like;
    return e;
}

static const struct kql_expr *
value(enum kql_type type, struct kql_value v)
{
    return keep((struct kql_expr){.kind = KQL_EXPR_CONST, .type = (uint8_t)type, .value = v});
}

static const struct kql_expr *
text(const char *s)
{
    return value(KQL_STRING, kql_string(span_of(s)));
}

static const struct kql_expr *
whole(int64_t i)
{
    return value(KQL_LONG, kql_integer(KQL_LONG, i));
}

/* b: 't', 'f', 'n' (null) */
static const struct kql_expr *
flag(char b)
{
    return value(KQL_BOOL, b == 'n' ? kql_null(KQL_BOOL) : kql_bool(b == 't'));
}

static const struct kql_expr *
column(enum kql_type type, uint32_t index)
{
    return keep((struct kql_expr){.kind = KQL_EXPR_COLUMN, .type = (uint8_t)type, .column = index});
}

static const struct kql_expr *
call_of(const struct kql_function *f, enum kql_type type, uint32_t count,
        const struct kql_expr *const *arguments)
{
    const struct kql_expr **copy = pool_take(&pool, (count + 1) * sizeof *copy);

    if (f == NULL) {
        printf("a function is missing\n");
        exit(1);
    }
    memcpy(copy, arguments, count * sizeof *copy);
    return keep((struct kql_expr){.kind = KQL_EXPR_CALL,
                                  .type = (uint8_t)type,
                                  .function = f,
                                  .arguments = copy,
                                  .count = count});
}
#define CALL(name, type, ...)                                                                      \
    call_of(find(name), (type), COUNT_OF(((const struct kql_expr *[]){__VA_ARGS__})),              \
            (const struct kql_expr *[]){__VA_ARGS__})

static const struct kql_function *
find(const char *name)
{
    const struct kql_function *f = kql_operator_find(name);

    return f != NULL ? f : kql_function_find(span_of(name), KQL_SCALAR);
}

/* ---- functions of the test's own ---- */

static unsigned calls;

static void
count_call(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    calls++;
    *result = args[0];
}

static void
call_now(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)args;
    *result = kql_integer(KQL_DATETIME, call->now);
}

static void
call_types(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)args;
    *result = kql_string(pool_printf(call->pool, "%u:%s,%s", call->count,
                                     kql_type_name((enum kql_type)call->types[0]),
                                     kql_type_name((enum kql_type)call->types[1])));
}

static int prepared_count;

static void *
prepare_failing(struct pool *p, const struct kql_value *const *constants, uint32_t count,
                struct err *err)
{
    (void)p, (void)count;
    if (constants[0] != NULL && kql_text(constants[0]).n == 3) {
        err_set(err, ST_INVALID, "no good");
        return NULL;
    }
    prepared_count++;
    return malloc(1);
}

static void
release(void *prepared)
{
    prepared_count--;
    free(prepared);
}

static const struct kql_function counted = {
    .name = "counted", .kind = KQL_SCALAR, .call = count_call};
static const struct kql_function rolled = {
    .name = "rolled", .kind = KQL_SCALAR, .flags = KQL_F_VOLATILE, .call = count_call};
static const struct kql_function now = {
    .name = "now", .kind = KQL_SCALAR, .flags = KQL_F_NOW, .call = call_now};
static const struct kql_function types = {.name = "types",
                                          .kind = KQL_SCALAR,
                                          .flags = KQL_F_TAKES_NULLS | KQL_F_ARRAY_LIST,
                                          .call = call_types};
static const struct kql_function held = {.name = "held",
                                         .kind = KQL_SCALAR,
                                         .call = count_call,
                                         .prepare = prepare_failing,
                                         .release = release};

/* ---- running ---- */

static struct kql_value cells[8];

static struct kql_value
run_one(const struct kql_expr *e)
{
    struct err err = {""};
    struct kql_program *p = kql_program_new(&pool, &e, 1, &err);
    struct kql_run run = {.pool = &pool, .now = 77, .cells = cells};
    struct kql_value v;

    if (p == NULL) {
        printf("refused: %s\n", err.text);
        exit(1);
    }
    kql_run_begin(&run, p);
    kql_run_row(&run, p);
    kql_eval(&run, p, 0, &v);
    if (e->type == KQL_BOOL) {
        kql_run_row(&run, p);
        CHECK(kql_test(&run, p, 0) == kql_is_true(&v), "value and test differ");
    }
    kql_program_free(p);
    return v;
}

static char
letter(struct kql_value v)
{
    return v.is_null ? 'n' : v.i != 0 ? 't' : 'f';
}

static void
three_valued(void)
{
    static const char *const and_rows[] = {"ttt", "tff", "ftf", "fff", "tnn",
                                           "ntn", "fnf", "nff", "nnn"};
    static const char *const or_rows[] = {"ttt", "tft", "ftt", "fff", "tnt",
                                          "ntt", "fnn", "nfn", "nnn"};

    for (size_t i = 0; i < COUNT_OF(and_rows); i++)
        for (int constant = 0; constant < 2; constant++) {
            const char *rows[] = {and_rows[i], or_rows[i]};

            for (int k = 0; k < 2; k++) {
                cells[0] = flag(rows[k][0])->value;
                cells[1] = flag(rows[k][1])->value;
                const struct kql_expr *e =
                    CALL(k == 0 ? "and" : "or", KQL_BOOL,
                         constant ? flag(rows[k][0]) : column(KQL_BOOL, 0), column(KQL_BOOL, 1));

                CHECK(letter(run_one(e)) == rows[k][2], "%s %s", k == 0 ? "and" : "or", rows[k]);
            }
        }
}

static void
lazy_ones(void)
{
    const struct kql_expr *a = whole(1), *b = whole(2), *c = whole(3);

    cells[0] = kql_null(KQL_BOOL);
    cells[1] = kql_bool(true);
    cells[2] = kql_null(KQL_LONG);
    CHECK(run_one(CALL("iff", KQL_LONG, column(KQL_BOOL, 0), a, b)).i == 2, "iff(null)");
    CHECK(run_one(CALL("iff", KQL_LONG, column(KQL_BOOL, 1), a, b)).i == 1, "iff(true)");
    CHECK(run_one(CALL("iff", KQL_LONG, flag('f'), a, b)).i == 2, "iff of a constant");
    CHECK(run_one(CALL("case", KQL_LONG, column(KQL_BOOL, 0), a, column(KQL_BOOL, 1), b, c)).i == 2,
          "case takes the first that is true");
    CHECK(run_one(CALL("case", KQL_LONG, column(KQL_BOOL, 0), a, flag('f'), b, c)).i == 3,
          "case: else");
    CHECK(run_one(CALL("coalesce", KQL_LONG, column(KQL_LONG, 2), b)).i == 2, "coalesce");
    CHECK(run_one(CALL("coalesce", KQL_LONG, column(KQL_LONG, 2), column(KQL_LONG, 2))).is_null,
          "coalesce of nulls");
    struct kql_value v = run_one(CALL("coalesce", KQL_STRING, text(""), text("x")));

    CHECK(span_is(kql_text(&v), "x"), "coalesce passes over empty text");
    calls = 0;
    cells[3] = kql_integer(KQL_LONG, 5);
    const struct kql_expr *one = column(KQL_LONG, 3);
    const struct kql_expr *costly = call_of(&counted, KQL_LONG, 1, &one);

    (void)run_one(CALL("iff", KQL_LONG, column(KQL_BOOL, 1), a, costly));
    CHECK(calls == 0, "the branch that is not taken is not computed");
}

static void
sharing(void)
{
    const struct kql_expr *one = column(KQL_LONG, 0);
    const struct kql_expr *shared = call_of(&counted, KQL_LONG, 1, &one);
    const struct kql_expr *again = call_of(&counted, KQL_LONG, 1, &one);
    const struct kql_expr *dice = call_of(&rolled, KQL_LONG, 1, &one);
    const struct kql_expr *dice_again = call_of(&rolled, KQL_LONG, 1, &one);
    const struct kql_expr *exprs[] = {CALL("+", KQL_LONG, shared, again), again,
                                      CALL("+", KQL_LONG, dice, dice_again)};
    struct err err = {""};
    struct kql_program *p = kql_program_new(&pool, exprs, 3, &err);
    struct kql_run run = {.pool = &pool, .cells = cells};
    struct kql_value v;

    cells[0] = kql_integer(KQL_LONG, 21);
    kql_run_begin(&run, p);
    calls = 0;
    for (int row = 1; row <= 3; row++) {
        cells[0].i = 20 + row;
        kql_run_row(&run, p);
        kql_eval(&run, p, 0, &v);
        CHECK(v.i == 2 * cells[0].i, "row %d", row);
        kql_eval(&run, p, 1, &v);
        CHECK(v.i == cells[0].i && calls == (unsigned)row, "row %d: %u calls", row, calls);
    }
    calls = 0;
    kql_eval(&run, p, 2, &v);
    CHECK(calls == 2, "what is volatile is computed each time: %u", calls);
    kql_program_free(p);
}

static unsigned loads;

static void
load(void *context, uint32_t column_index, struct kql_value *cell)
{
    (void)context;
    loads |= 1u << column_index;
    *cell = kql_integer(KQL_LONG, column_index);
}

static void
loading(void)
{
    const struct kql_expr *exprs[] = {CALL("and", KQL_BOOL,
                                           CALL("==", KQL_BOOL, column(KQL_LONG, 4), whole(5)),
                                           CALL("==", KQL_BOOL, column(KQL_LONG, 2), whole(2))),
                                      column(KQL_LONG, 2), column(KQL_LONG, 6)};
    struct err err = {""};
    struct kql_program *p = kql_program_new(&pool, exprs, 2, &err);
    uint8_t loaded[8] = {0};
    struct kql_run run = {.pool = &pool, .cells = cells, .loaded = loaded, .load = load};
    const uint32_t *columns;
    uint32_t count;

    columns = kql_program_columns(p, &count);
    CHECK(count == 2 && columns[0] == 2 && columns[1] == 4, "columns: %u", count);
    kql_run_begin(&run, p);
    kql_run_row(&run, p);
    loads = 0;
    CHECK(!kql_test(&run, p, 0), "4 is not 5");
    CHECK(loads == 1u << 4, "what does not decide is not loaded: %x", loads);
    kql_program_free(p);
}

/* What is cheap and decides often comes first, whatever the order of the text. */
static void
ordering(void)
{
    const struct kql_expr *one = column(KQL_BOOL, 1);
    const struct kql_expr *costly = call_of(&counted, KQL_BOOL, 1, &one);
    const struct kql_expr *e =
        CALL("and", KQL_BOOL, CALL("and", KQL_BOOL, costly, column(KQL_BOOL, 1)),
             CALL("==", KQL_BOOL, column(KQL_LONG, 0), whole(9)));

    cells[0] = kql_integer(KQL_LONG, 8);
    cells[1] = kql_bool(true);
    calls = 0;
    CHECK(letter(run_one(e)) == 'f' && calls == 0, "the comparison comes first: %u", calls);
}

static void
folding(void)
{
    struct kql_value v;
    const struct kql_expr *c = column(KQL_LONG, 0), *none = NULL;

    CHECK(kql_fold(&pool, 0, CALL("+", KQL_LONG, whole(40), whole(2)), &v) && v.i == 42, "40 + 2");
    CHECK(!kql_fold(&pool, 0, CALL("+", KQL_LONG, whole(40), c), &v), "a column is no constant");
    CHECK(kql_fold(&pool, 99, call_of(&now, KQL_DATETIME, 0, &none), &v) && v.i == 99, "now");
    CHECK(run_one(call_of(&now, KQL_DATETIME, 0, &none)).i == 77, "now is the run's");
    const struct kql_expr *one = whole(1);

    CHECK(!kql_fold(&pool, 0, call_of(&rolled, KQL_LONG, 1, &one), &v), "volatile");
    const struct kql_expr *null = value(KQL_LONG, kql_null(KQL_LONG));

    CHECK(kql_fold(&pool, 0, call_of(&counted, KQL_LONG, 1, &null), &v) && v.is_null,
          "a null argument makes it null");
}

/* Texts for prepare: what it gives is released whether or not the program comes to be. */
static void
preparing(void)
{
    const struct kql_expr *good[] = {text("ab"), column(KQL_STRING, 0)};
    const struct kql_expr *bad[] = {text("abc"), column(KQL_STRING, 0)};
    const struct kql_expr *exprs[] = {call_of(&held, KQL_STRING, 2, good),
                                      call_of(&held, KQL_STRING, 2, bad)};
    struct err err = {""};
    struct kql_program *p = kql_program_new(&pool, exprs, 2, &err);

    CHECK(p == NULL && strcmp(err.text, "no good") == 0, "%s", err.text);
    CHECK(prepared_count == 0, "%d are held", prepared_count);
    p = kql_program_new(&pool, exprs, 1, &err);
    CHECK(p != NULL && prepared_count == 1, "%d are held", prepared_count);
    kql_program_free(p);
    CHECK(prepared_count == 0, "%d are held", prepared_count);

    /* The pool is spent on the way. */
    struct pool small;
    jmp_buf small_escape;

    for (size_t limit = 16 * 1024; limit < 400 * 1024; limit += 16 * 1024) {
        const struct kql_expr *many[600];

        pool_init(&small, limit);
        small.escape = &small_escape;
        for (size_t i = 0; i < COUNT_OF(many); i++)
            many[i] = exprs[0]->arguments != NULL ? keep(*exprs[0]) : NULL;
        for (size_t i = 1; i < COUNT_OF(many); i++) {
            const struct kql_expr *arguments[] = {text(i % 2 ? "x" : "y"),
                                                  column(KQL_STRING, (uint32_t)(i % 7))};

            many[i] = call_of(&held, KQL_STRING, 2, arguments);
        }
        p = NULL;
        if (setjmp(small_escape) == 0) {
            p = kql_program_new(&small, many, COUNT_OF(many), &err);
            kql_program_free(p);
        }
        CHECK(prepared_count == 0, "limit %zu: %d are held", limit, prepared_count);
        pool_free(&small);
    }
}

static void
lists(void)
{
    struct kql_value items[2] = {kql_string(span_of("a")), kql_string(span_of("b"))};
    struct kql_array array = {.count = 2, .items = items};
    struct kql_value list = {.type = KQL_ARRAY, .array = &array};
    const struct kql_expr *constant[] = {column(KQL_STRING, 0), value(KQL_DYNAMIC, list)};
    const struct kql_expr *varies[] = {column(KQL_STRING, 0), column(KQL_DYNAMIC, 1)};
    struct kql_value v;

    cells[0] = kql_string(span_of("a"));
    cells[1] = list;
    v = run_one(call_of(&types, KQL_STRING, 2, constant));
    CHECK(span_is(kql_text(&v), "3:string,dynamic"), "%.*s", (int)v.size, v.text);
    v = run_one(call_of(&types, KQL_STRING, 2, varies));
    CHECK(span_is(kql_text(&v), "3:string,dynamic"), "%.*s", (int)v.size, v.text);
}

static void
depth(void)
{
    const struct kql_expr *e = column(KQL_LONG, 0), *flat = column(KQL_BOOL, 1);
    struct err err = {""};

    for (int i = 0; i < 100000; i++)
        flat = CALL("or", KQL_BOOL, flat, CALL("==", KQL_BOOL, column(KQL_LONG, 0), whole(i)));
    cells[0] = kql_integer(KQL_LONG, 99999);
    cells[1] = kql_bool(false);
    CHECK(letter(run_one(flat)) == 't', "a long chain is no depth");
    for (int i = 0; i < 5000; i++)
        e = CALL("+", KQL_LONG, e, whole(1));
    CHECK(kql_program_new(&pool, &e, 1, &err) == NULL && strstr(err.text, "deep") != NULL,
          "depth is refused: %s", err.text);
}

/* ---- nodes for common shapes ---- */

static const char *const texts[] = {
    "",
    "a",
    "alpha",
    "ALPHA",
    "alpha beta",
    "x alpha_beta",
    "alphabet",
    "powershell.exe -enc AAAA",
    "PowerShell -ENC",
    "naïve Ünïcode",
    "NAÏVE ÜNÏCODE",
    "12.3.4",
    "a b",
    "tail alpha",
    "a text of more than sixty-four bytes, so that its size is in the last bucket of sizes"};

static struct kql_value
plainly(const struct kql_function *f, struct kql_value a, struct kql_value b, uint8_t type)
{
    struct kql_value args[2] = {a, b}, v = kql_null(KQL_BOOL);
    uint8_t both[2] = {type, type};
    struct kql_call call = {.pool = &pool, .types = both, .result_type = KQL_BOOL, .count = 2};

    if (!(f->flags & KQL_F_TAKES_NULLS) && (a.is_null || b.is_null))
        return v;
    f->call(&call, args, &v);
    return v;
}

static void
fast_texts(void)
{
    static const char *const names[] = {"==",
                                        "!=",
                                        "=~",
                                        "!~",
                                        "has",
                                        "!has",
                                        "has_cs",
                                        "!has_cs",
                                        "contains",
                                        "!contains",
                                        "contains_cs",
                                        "!contains_cs",
                                        "startswith",
                                        "!startswith",
                                        "startswith_cs",
                                        "!startswith_cs",
                                        "endswith",
                                        "!endswith",
                                        "endswith_cs",
                                        "!endswith_cs",
                                        "hasprefix",
                                        "!hasprefix",
                                        "hasprefix_cs",
                                        "!hasprefix_cs",
                                        "hassuffix",
                                        "!hassuffix",
                                        "hassuffix_cs",
                                        "!hassuffix_cs",
                                        "in",
                                        "!in",
                                        "has_any",
                                        "has_all"};

    for (size_t n = 0; n < COUNT_OF(names); n++) {
        const struct kql_function *f = find(names[n]);

        CHECK(f != NULL, "%s is missing", names[n]);
        for (size_t k = 0; f != NULL && k < COUNT_OF(texts); k++) {
            const struct kql_expr *arguments[] = {column(KQL_STRING, 0), text(texts[k])};
            const struct kql_expr *e = call_of(f, KQL_BOOL, 2, arguments);
            struct err err = {""};
            struct kql_program *p = kql_program_new(&pool, &e, 1, &err);
            struct kql_run run = {.pool = &pool, .cells = cells};

            CHECK(p != NULL && p->roots[0]->compute == eval_from_test, "%s has its own node",
                  names[n]);
            kql_run_begin(&run, p);
            for (size_t i = 0; i < COUNT_OF(texts); i++) {
                cells[0] = kql_string(span_of(texts[i]));
                struct kql_value expected =
                    plainly(f, cells[0], kql_string(span_of(texts[k])), KQL_STRING);

                kql_run_row(&run, p);
                CHECK(kql_test(&run, p, 0) == kql_is_true(&expected), "'%s' %s '%s'", texts[i],
                      names[n], texts[k]);
            }
            kql_program_free(p);
        }
    }
}

static void
fast_wholes(void)
{
    static const char *const names[] = {"==", "!=", "<", ">", "<=", ">="};
    static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 42};
    static const enum kql_type kinds[] = {KQL_LONG, KQL_INT, KQL_DATETIME, KQL_TIMESPAN};

    for (size_t n = 0; n < COUNT_OF(names); n++)
        for (size_t t = 0; t < COUNT_OF(kinds); t++)
            for (size_t k = 0; k < COUNT_OF(numbers); k++)
                for (size_t i = 0; i <= COUNT_OF(numbers); i++) {
                    cells[0] = i == COUNT_OF(numbers) ? kql_null(kinds[t])
                                                      : kql_integer(kinds[t], numbers[i]);
                    const struct kql_expr *right =
                        value(kinds[t], kql_integer(kinds[t], numbers[k]));
                    const struct kql_expr *e = CALL(names[n], KQL_BOOL, column(kinds[t], 0), right);
                    struct kql_value expected =
                        plainly(find(names[n]), cells[0], right->value, (uint8_t)kinds[t]);

                    CHECK(letter(run_one(e)) == letter(expected), "%zu %s %zu of %s", i, names[n],
                          k, kql_type_name(kinds[t]));
                }
}

static void
big_list(void)
{
    const struct kql_expr *arguments[3001] = {column(KQL_STRING, 0)};
    char *names = pool_take(&pool, 3000 * 16);

    for (int i = 0; i < 3000; i++) {
        snprintf(names + i * 16, 16, "item%d", i);
        arguments[i + 1] = text(names + i * 16);
    }
    const struct kql_expr *e = call_of(find("in"), KQL_BOOL, 3001, arguments);
    struct err err = {""};
    struct kql_program *p = kql_program_new(&pool, &e, 1, &err);
    struct kql_run run = {.pool = &pool, .cells = cells};
    unsigned found = 0;

    kql_run_begin(&run, p);
    for (int i = 0; i < 3000; i++) {
        kql_run_row(&run, p);
        cells[0] = kql_string(span_of(names + i * 16));
        found += kql_test(&run, p, 0);
    }
    CHECK(found == 3000, "%u of 3000", found);
    kql_run_row(&run, p);
    cells[0] = kql_string(span_of("item3000"));
    CHECK(!kql_test(&run, p, 0), "what is not in it");
    kql_program_free(p);
}

static void
conversions(void)
{
    struct kql_value v;
    const struct kql_expr *dynamic = column(KQL_DYNAMIC, 0);
    const struct kql_expr *to_long = keep((struct kql_expr){
        .kind = KQL_EXPR_CONVERT, .type = KQL_LONG, .arguments = &dynamic, .count = 1});
    const struct kql_expr *to_text = keep((struct kql_expr){
        .kind = KQL_EXPR_CONVERT, .type = KQL_STRING, .arguments = &dynamic, .count = 1});
    const struct kql_expr *to_bool = keep((struct kql_expr){
        .kind = KQL_EXPR_CONVERT, .type = KQL_BOOL, .arguments = &dynamic, .count = 1});

    cells[0] = kql_integer(KQL_LONG, 7);
    CHECK(run_one(to_long).i == 7, "a dynamic long is one");
    CHECK(run_one(to_bool).is_null, "a number is no bool");
    v = run_one(to_text);
    CHECK(span_is(kql_text(&v), "7"), "its text");
    cells[0] = kql_string(span_of("12"));
    CHECK(run_one(to_long).is_null, "text is no number");
    cells[0] = kql_null(KQL_DYNAMIC);
    v = run_one(to_text);
    CHECK(!v.is_null && v.size == 0, "null is empty text");
}

int
main(void)
{
    pool_init(&pool, (size_t)2 << 30);
    pool.escape = &escape;
    if (setjmp(escape) != 0) {
        printf("the pool is spent: %s\n", pool.reason.text);
        return 1;
    }
    three_valued();
    lazy_ones();
    sharing();
    loading();
    ordering();
    folding();
    preparing();
    lists();
    depth();
    fast_texts();
    fast_wholes();
    big_list();
    conversions();
    pool_free(&pool);
    return test_end();
}
