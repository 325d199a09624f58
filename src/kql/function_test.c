/* function_test.c - the function table as a whole: every row is fit to be bound, listed and
 * explained; and the reader of signatures. */
#include "base/test.h"
#include "kql/function.h"
#include <stdlib.h>

static void
test_rows(void)
{
    size_t count = 0;

    for (const struct kql_function *f = kql_function_next(NULL); f != NULL;
         f = kql_function_next(f), count++) {
        struct kql_signature s;
        uint32_t overloads = 0, lines = 1;
        char what[160];

        for (const char *at = f->signature; at != NULL && *at != '\0'; at++)
            lines += *at == '\n';
        while (kql_signature_read(f, overloads, &s))
            overloads++;
        snprintf(what, sizeof what, "%s: overload %u of %u reads", f->name, overloads + 1, lines);
        CHECK(f->signature != NULL && overloads == lines, "%s", what);
        snprintf(what, sizeof what, "%s: is the one of its name and kind", f->name);
        CHECK(kql_function_find(span_of(f->name), f->kind) == f, "%s", what);
        snprintf(what, sizeof what, "%s: has a line for the manual that ends with a point",
                 f->name);
        CHECK((f->flags & KQL_F_NOT_BUILT) != 0 ||
                  (f->doc != NULL && f->doc[0] != '\0' && f->doc[strlen(f->doc) - 1] == '.'),
              "%s", what);
        snprintf(what, sizeof what, "%s: is built, or says that it is not", f->name);
        CHECK((f->flags & KQL_F_NOT_BUILT) != 0 || f->kind == KQL_WINDOW || f->kind == KQL_PLUGIN ||
                  f->call != NULL || f->aggregate != NULL || (f->flags & KQL_F_LAZY) != 0,
              "%s", what);
        snprintf(what, sizeof what, "%s: has a heading to stand under", f->name);
        CHECK(f->group != NULL && f->group[0] != '\0', "%s", what);
        snprintf(what, sizeof what, "%s: an aggregate has its hooks", f->name);
        CHECK(
            f->kind != KQL_AGGREGATE || (f->flags & KQL_F_NOT_BUILT) != 0 ||
                (f->aggregate != NULL && f->aggregate->add != NULL && f->aggregate->finish != NULL),
            "%s", what);
    }
    CHECK(count > 300, "%zu rows", count);
}

static const struct {
    const char *name, *signature;
    bool reads;
    uint32_t count, repeat_first;
    uint8_t result, result_of;
} signatures[] = {
    {"no parameters",       "() -> real",                                           true,  0, 0, KQL_REAL,    0},
    {"one",                 "(text: string) -> long",                               true,  1, 1, KQL_LONG,    0},
    {"optional",            "(text: string, start: long, length?: long) -> string", true,  3, 3, KQL_STRING,  0},
    {"constant",            "(regex: const string, text: string) -> string",        true,  2, 2, KQL_STRING,  0},
    {"last repeats",        "(first: any, more: any...) -> string",                 true,  2, 1, KQL_STRING,  0},
    {"group repeats",       "(key: string..., value: any) -> dynamic",              true,  2, 0, KQL_DYNAMIC, 0},
    {"type of an argument", "(a: number, b: number) -> = 2",                        true,  2, 2, KQL_P_ANY,   2},
    {"type variable",       "(a: T, b: T) -> T",                                    true,  2, 2, KQL_P_T,     0},
    {"no arrow",            "(a: long)",                                            false, 0, 0, 0,           0},
    {"no type",             "(a) -> long",                                          false, 0, 0, 0,           0},
    {"unknown type",        "(a: text) -> long",                                    false, 0, 0, 0,           0},
    {"unknown result",      "(a: long) -> text",                                    false, 0, 0, 0,           0},
    {"no parenthesis",      "(a: long -> long",                                     false, 0, 0, 0,           0},
    {"something behind",    "(a: long) -> long;",                                   false, 0, 0, 0,           0},
    {"empty",               "",                                                     false, 0, 0, 0,           0},
};

static void
test_reader(void)
{
    for (size_t i = 0; i < COUNT_OF(signatures); i++) {
        const struct kql_function f = {.name = "f", .signature = signatures[i].signature};
        struct kql_signature s;
        bool reads = kql_signature_read(&f, 0, &s);

        CHECK(reads == signatures[i].reads, "%s", signatures[i].name);
        if (!reads || !signatures[i].reads)
            continue;
        CHECK(s.count == signatures[i].count && s.repeat_first == signatures[i].repeat_first, "%s",
              signatures[i].name);
        CHECK(s.result == signatures[i].result && s.result_of == signatures[i].result_of, "%s",
              signatures[i].name);
        CHECK(!kql_signature_read(&f, 1, &s), "%s", signatures[i].name);
    }
}

static void
test_overloads(void)
{
    const struct kql_function f = {.name = "f",
                                   .signature = "(a: long) -> long\n(a: const real) -> real"};
    struct kql_signature s;

    CHECK(kql_signature_read(&f, 1, &s) && s.count == 1 && s.result == KQL_REAL,
          "finding and reading");
    CHECK(s.parameters[0].is_constant && s.parameters[0].type == KQL_REAL, "finding and reading");
    CHECK(span_is(s.parameters[0].name, "a"), "finding and reading");
    CHECK(!kql_signature_read(&f, 2, &s), "finding and reading");
}

static void
test_finding(void)
{
    CHECK(kql_function_find(SPAN_LITERAL("no_such_function"), KQL_SCALAR) == NULL,
          "finding and reading");
    CHECK(kql_function_find(SPAN_LITERAL(""), KQL_SCALAR) == NULL, "finding and reading");
    CHECK(kql_function_find(SPAN_LITERAL("strlen"), KQL_SCALAR) != NULL, "finding and reading");
    CHECK(kql_function_find(SPAN_LITERAL("strlen"), KQL_AGGREGATE) == NULL, "finding and reading");
    CHECK(kql_operator_find("+") != NULL, "finding and reading");
    CHECK(kql_operator_find("has_cs") != NULL, "finding and reading");
}

int
main(void)
{
    test_rows();
    test_reader();
    test_overloads();
    test_finding();
    return test_end();
}
