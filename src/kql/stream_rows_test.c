/* stream_rows_test.c - the two back ends give the same answers: queries over inline tables are run by
 * the row engine, and by a stream whose records are the table's rows. Besides the queries below,
 * those of ../shared/kql (or PENSTOCK_SHARED) that are marked as row by row, if they are there. */
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/rows.h"
#include "kql/stream.h"
#include "wire/json.h"
#include <stdlib.h>

static const char *const queries[] = {
    "print a = 1, b = 'x', c = datetime(2020-01-01), d = 1d, e = dynamic({'a':[1,2.5,null]})",
    "datatable(a:long, s:string)[1, 'x', long(null), '', 3, 'zz'] | where a > 1 or isempty(s) | "
    "extend b = a * 2",
    "datatable(a:long, s:string)[1, 'x', long(null), '', 3, 'zz'] | extend a = a + 1, s = "
    "strcat(s, tostring(a)) | where a != 2",
    "datatable(t:datetime, d:timespan)[datetime(2020-02-03 04:05:06.7), 1h, datetime(null), "
    "timespan(null)] "
    "| project x = t + d, y = bin(t, 1h), z = t - datetime(2020-01-01), t",
    "datatable(r:real)[1.5, real(nan), real(+inf), real(null), -0.0] | extend q = r * 2, w = r == "
    "r, v = round(r, 0)",
    "datatable(d:dynamic)[dynamic({'a':{'b':[1,2]}}), dynamic([1,'x']), dynamic(null), "
    "dynamic('s')] "
    "| project d.a.b, d[0], x = tostring(d), l = array_length(d), k = bag_keys(d)",
    "datatable(b:bool, i:int, g:guid)[true, 1, guid(74be27de-1e4e-49d9-b579-fe0b331d3642), "
    "bool(null), int(null), guid(null)] "
    "| extend n = not(b), j = i + 1, h = tostring(g), c = case(b, 'yes', i > 0, 'maybe', 'no')",
    "datatable(p:decimal)[1.50, decimal(null)] | extend q = p * 2",
    "datatable(s:string)['a=1;b=2', 'b=3', ''] | parse-kv s as (a:long, b:long) with "
    "(pair_delimiter=';', kv_delimiter='=') | where b > 0",
    "datatable(s:string)['x id=4 y', 'none', 'x id=q y'] | parse s with * 'id=' id:long ' ' rest | "
    "extend ok = isnotnull(id)",
    "datatable(s:string)['x id=4 y', 'none', 'x id=q y'] | parse kind=relaxed s with * 'id=' "
    "id:long ' ' rest",
    "datatable(s:string)['x id=4 y', 'none', 'x id=q y'] | parse-where s with * 'id=' id:long ' ' "
    "rest | project-away s",
    "datatable(s:string)['ab12', 'zz'] | parse kind=regex s with '[a-z]+' n:long",
    "datatable(a:long, b:long, c:long)[1, 2, 3, 4, 5, 6] | project-rename x = a | project-reorder "
    "c, b | extend y = x + c | project-away b",
    "datatable(a:long, b:long, c:long)[1, 2, 3] | project-keep b, c | project c, b, d = c",
    "datatable(a:long, b:long)[1, 2, 3, 4] | extend a = b, b = a",
    "let n = 2; let f = (x:long) { x * n }; datatable(a:long)[1, 2, 3] | where f(a) > 2 | extend "
    "f(a)",
    "datatable(s:string)['PowerShell -Enc', 'cmd'] | where s has 'powershell' and s !contains "
    "'zzz' and s matches regex 'E[a-z]+'",
    "datatable(s:string)['a', 'B', 'c'] | where s in~ ('A', 'b') or s has_any ('C')",
    "datatable(a:long)[1, 5, 9] | where a between (2 .. 9) and a !in (9)",
    "datatable(s:string)['{\"a\":1}', 'x'] | extend d = parse_json(s) | extend a = tolong(d.a) | "
    "where isnull(a) or a == 1",
    "datatable(s:string)['a,b,c'] | extend p = split(s, ',') | project head = p[0], tail = p[-1], "
    "n = array_length(p)",
};

static size_t equal, different, refused;

static struct span
printed(struct pool *p, const struct kql_value *v)
{
    return v->is_null ? SPAN_LITERAL("null") : kql_json_print(p, v);
}

static const char *
record_of(struct pool *p, const struct kql_op *leaf, size_t row)
{
    struct span text = SPAN_LITERAL("{");

    for (uint32_t i = 0; leaf->kind == KQL_ROWS_INLINE && i < leaf->schema.count; i++) {
        struct span name = kql_json_quote(p, leaf->schema.columns[i].name);
        struct span cell = printed(p, &leaf->u.rows.cells[row * leaf->schema.count + i]);

        text = pool_printf(p, "%.*s%s%.*s:%.*s", (int)text.n, text.p, i > 0 ? "," : "", (int)name.n,
                           name.p, (int)cell.n, cell.p);
    }
    return pool_printf(p, "%.*s}%64s", (int)text.n, text.p, "").p;
}

/* The stream's record against the engine's row. */
static bool
is_same(struct pool *p, const struct kql_answer *answer, size_t row, struct span object,
        const char *query)
{
    struct kql_value bag;
    size_t at;

    if (row >= answer->row_count || !kql_json_read(p, object, false, &bag, &at) ||
        bag.type != KQL_BAG) {
        printf("%s\n  %s: %.*s\n", query, row >= answer->row_count ? "too many" : "no object",
               (int)object.n, object.p);
        return false;
    }
    for (uint32_t i = 0; i < answer->schema.count; i++) {
        struct kql_value member = kql_member(&bag, answer->schema.columns[i].name);
        struct span got = printed(p, &member), wanted = printed(p, &answer->rows[row][i]);

        if (span_equal(got, wanted))
            continue;
        printf("%s\n  row %zu, column %.*s: %.*s, the engine has %.*s\n", query, row,
               (int)answer->schema.columns[i].name.n, answer->schema.columns[i].name.p, (int)got.n,
               got.p, (int)wanted.n, wanted.p);
        return false;
    }
    return bag.bag->count == answer->schema.count;
}

static struct scanner scanner;
static char memory[512 * 1024];

static bool
compare(struct pool *p, const struct kql_op *leaf, const struct kql_stream *s,
        const struct kql_answer *answer, int64_t now, const char *query)
{
    struct scan_limits limits = {8 << 20, 512, SCAN_VALUES_MAX};
    struct arena a = {memory, sizeof memory, 0};
    size_t count = leaf->kind == KQL_ROWS_INLINE ? leaf->u.rows.row_count : 1, left = 0;
    struct err err = {""};
    struct kql_stream_set *set = kql_stream_set_new(p, &s, 1, &err);
    struct kql_stream_run *run = kql_stream_run_new(set, 0, &err);
    bool same = scanner_init(&scanner, &a, SCAN_ROWS, &limits, &err) == ST_OK;

    for (size_t row = 0; row < count && same; row++) {
        const char *text = record_of(p, leaf, row);
        struct scan_record record;
        struct scan_fault fault;
        struct span out;

        scanner_reset(&scanner, SCAN_ROWS, &limits);
        if (scan_next(&scanner, text, strlen(text), true, &record, &fault) != SCAN_RECORD) {
            printf("%s\n  %s: %s\n", query, text, fault.text);
            same = false;
            break;
        }
        out = (struct span){text, record.size};
        kql_stream_record(run, text, 0, record.size, record.values, record.value_count, 1, now);
        if (kql_stream_ask(run, 0, &out) != KQL_STREAM_DROP)
            same = is_same(p, answer, left++, out, query);
    }
    if (same && left != answer->row_count) {
        printf("%s\n  %zu rows, the engine has %zu\n", query, left, answer->row_count);
        same = false;
    }
    kql_stream_run_free(run);
    kql_stream_set_free(set);
    return same;
}

static void
tell_refused(const char *query, const struct kql_diagnostics *d)
{
    refused++;
    if (getenv("PENSTOCK_SHOW") != NULL)
        printf("refused: %s\n  %s\n", query, d->count > 0 ? d->items[0].text : "");
}

static void
play_bound(struct pool *p, struct pool *engine, const char *query, const struct kql_op *plan,
           const struct kql_environment *environment)
{
    const struct kql_op *leaf = plan;
    struct kql_diagnostics d;
    struct kql_answers answers;
    struct kql_stream *s;
    struct err err = {""};

    while (leaf->input != NULL)
        leaf = leaf->input;
    kql_diagnostics_init(&d, p, span_of(query));
    s = kql_stream_of_plan(p, plan, leaf->kind == KQL_ROWS_INLINE ? leaf : NULL, &d);
    if (s == NULL) {
        tell_refused(query, &d);
        return;
    }
    kql_diagnostics_init(&d, engine, span_of(query));
    if (!kql_rows_query(engine, span_of(query), environment, NULL, &kql_rows_limits_default, &d,
                        &answers, &err)) {
        printf("%s\n  the engine refuses it: %s\n", query,
               d.count > 0 ? d.items[0].text : err.text);
        different++;
    } else if (answers.count > 0 &&
               compare(p, leaf, s, &answers.items[answers.count - 1], environment->now, query)) {
        equal++;
    } else {
        different++;
    }
    kql_stream_free(s);
}

static void
play(const char *query)
{
    struct kql_environment environment = {.now = INT64_C(638000000000000000)};
    struct pool p, engine;
    struct kql_diagnostics d;
    struct kql_bound bound;
    jmp_buf escape;

    pool_init(&p, (size_t)512 << 20);
    pool_init(&engine, (size_t)512 << 20);
    p.escape = &escape;
    if (setjmp(escape) == 0) {
        kql_diagnostics_init(&d, &p, span_of(query));
        if (kql_bind(&p, span_of(query), &environment, &d, &bound))
            play_bound(&p, &engine, query, bound.plan, &environment);
        else
            tell_refused(query, &d);
    } else {
        printf("%s\n  %s\n", query, p.reason.text);
        different++;
    }
    pool_free(&p);
    pool_free(&engine);
}

/* Cases of the shared folder, as far as they are there. */
static void
play_file(const char *folder, const char *name)
{
    char path[4096], *line = NULL;
    size_t room = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/kql/cases-%s-public.jsonl", folder, name);
    file = fopen(path, "re");
    if (file == NULL) {
        printf("skipped: %s\n", name);
        return;
    }
    while (getline(&line, &room, file) > 0) {
        json_t *one = json_loads(line, 0, NULL);

        if (json_is_true(json_object_get(one, "rowwise")))
            play(json_string_value(json_object_get(one, "query")));
        json_decref(one);
    }
    free(line);
    fclose(file);
}

int
main(void)
{
    const char *shared = getenv("PENSTOCK_SHARED");

    for (size_t i = 0; i < COUNT_OF(queries); i++)
        play(queries[i]);
    CHECK(equal == COUNT_OF(queries), "%zu of %zu alike, %zu refused", equal, COUNT_OF(queries),
          refused);
    equal = refused = different = 0;
    if (shared == NULL)
        shared = "../shared";
    play_file(shared, "kustainer");
    play_file(shared, "docs");
    play_file(shared, "loco");
    CHECK(different == 0, "%zu differ", different);
    printf("shared cases: %zu alike, %zu not for streams\n", equal, refused);
    return test_end();
}
