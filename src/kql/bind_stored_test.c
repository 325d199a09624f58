/* bind_stored_test.c - functions that the environment stores: called, shadowed, refused; where what is
 * wrong in them is said to be; what may be stored. */
#include "base/test.h"
#include "kql/bind_bed.h"
#include <stdlib.h>

/* clang-format off */
static const struct { const char *name, *parameters, *body; } stored[] = {
    {"Plus", "a:long, b:long=1", "a + b"},
    {"Twice", "a:long", "let one = Plus(a, 0);\none + one"},
    {"Big", "", "T | where l > 100"},
    {"Above", "n:long", "Big\n| where l > n // all of them"},
    {"Of", "t:(s:string), n:long=1", "t | take n | project s"},
    {"Any", "t:(*), x:string", "t | extend Y = strcat(x, tostring(Plus(1)))"},
    {"View", "", "let inner = T | project s, l;\ninner | summarize n = count() by s"},
    {"Self", "n:long", "Self(n)"},
    {"Ping", "n:long", "Pong(n)"},
    {"Pong", "n:long", "Ping(n)"},
    {"Broken", "", "T | where (l >"},
    {"Wrong", "", "T\n  | where nope > 1"},
    {"Outer", "", "Wrong\n| take 1"},
    {"Secret", "", "T | where nope == h\"swordfish\" and strlen(swordfish) > 1"},
    {"Outside", "", "x + 1"},
    {"FileProfile", "t:(*), column:string=\"SHA1\", limit:long=1000",
     "t | extend Signer = \"nobody\", Limit = limit"},
    {"Shadow", "", "1"},
    {"strlen", "s:string", "\"mine\""},
    {"Typed", "a:dynamic=dynamic(1)", "a"},
    {"Drawn", "", "T | summarize n = count() by s | render piechart with (title=\"x y\", ymax=5)"},
    {"Loop", "", "Loop | take 1"},
    {"Deep0", "a:long", "a + 1"},
};

static const struct bed_case cases[] = {
    {"print x = Plus(1), y = Plus(1, 2)", "x:long y:long"},
    {"T | project x = Plus(l, 2), s", "x:long s:string"},
    {"T | where Plus(l) > 3 | project l", "l:long"},
    {"print Twice(2)", "print_0:long"},
    {"Big | project l", "l:long"},
    {"Big() | project l", "l:long"},
    {"Above(5) | project l", "l:long"},
    {"Above(n = 5) | project l", "l:long"},
    {"View", "s:string n:long"},
    {"T | join kind=inner (View) on s | project s, n", "s:string n:long"},
    {"union View, (Big | project s) | project s", "s:string"},
    {"union isfuzzy=true View, Nowhere | project s", "s:string"},
    {"T | where s in (View) | project l", "l:long"},
    {"print x = toscalar(View | count)", "x:long"},
    {"let v = View; v | project n", "n:long"},
    {"T | invoke Of(5)", "s:string"},
    {"Of(T)", "s:string"},
    {"Of(datatable(s:string)[\"a\"], 2)", "s:string"},
    {"T | project l | invoke Any(\"x\")", "l:long Y:string"},
    {"T | project l | invoke FileProfile(\"SHA1\", 500)", "l:long Signer:string Limit:long"},
    {"T | project l | invoke FileProfile()", "l:long Signer:string Limit:long"},
    {"print Typed()", "print_0:dynamic"},
    {"Drawn", "s:string n:long"},
    {"T | extend Plus = l | project Plus", "Plus:long"},
    /* declared in the query: that one; of the language: that one */
    {"let Plus = (a:string) { a }; print Plus(\"x\")", "print_0:string"},
    {"let Big = T | project s; Big", "s:string"},
    {"print strlen(\"x\")", "print_0:long"},
    /* a scope of its own */
    {"let x = 1; print Outside()", "!KQL102 Outside()"},
    {"let T = print only = 1; Big | project l", "l:long"},
    /* refused */
    {"print Plus()", "!KQL104 Plus()"},
    {"print Plus(1, 2, 3)", "!KQL104 Plus(1, 2, 3)"},
    {"print Plus(1, c = 2)", "!KQL104 c"},
    {"print Self(1)", "!KQL103 Self(1)"},
    {"print Ping(1)", "!KQL103 Ping(1)"},
    {"print Pong(1), Ping(2)", "!KQL103 Pong(1) !KQL103 Ping(2)"},
    {"Loop", "!KQL103 Loop"},
    {"Broken | take 1", "!KQL103 Broken !KQL101 Broken"},
    {"Wrong | take 1", "!KQL102 Wrong"},
    {"T | join (Outer) on s | where other > 1", "!KQL102 Outer !KQL102 other"},
    {"plus(1)", "!KQL103 plus"},
    {"T | where s == Big()", "!KQL105 Big()"},
    {"Plus(1) | take 1", "!KQL105 Plus(1)"},
    {"T | invoke Plus()", "!KQL105 Plus()"},
    {"T | invoke Nope()", "!KQL103 Nope()"},
    {"table(\"Big\")", "!KQL101 table(\"Big\")"},
    {"union Bi*", "!KQL101 Bi*"},
};

/* Where the complaint is said to be. */
static const struct { const char *query, *holds[3]; } told[] = {
    {"T | take 1\n| join (Outer) on s", {"query:2:9:", "in function 'Wrong' (line 2, column 11), called by function 'Outer' (line 1, column 1): no column or variable 'nope'"}},
    {"Wrong", {"query:1:1:", "in function 'Wrong' (line 2, column 11)"}},
    {"print Ping(1)", {"in function 'Pong' (line 1, column 1), called by function 'Ping' (line 1, column 1)", "Ping -> Pong -> Ping"}},
    {"Broken", {"the stored function 'Broken' cannot be read"}},
    {"Secret", {"in function 'Secret'", "'*********'"}},
    {"T | invoke SeenBy()", {"penstock saved"}},
};

static const struct {
    const char *name, *parameters, *body;
    const char *line; /* "table", "value", or the complaints */
} checked[] = {
    {"F", "", "T | take 1", "table"},
    {"F", "n:long, s:string=\"x\"", "T | take n | where s == s", "table"},
    {"F", "n:long", "n * 2 + Plus(n)", "value"},
    {"F", "t:(s:string)", "t | where s has \"x\"", "table"},
    {"F", "t:(s:string)", "t | where l > 1", "!KQL102 l"},
    {"F", "t:(*)", "t | where anything > 1", "table"},
    {"F", "t:(s:string, *)", "t | where anything > 1 and s == \"\"", "table"},
    {"F", "", "T | where nope > 1", "!KQL102 nope"},
    {"F", "", "F | take 1", "!KQL103 F"},
    {"Pong", "n:long", "Ping(n)", "!KQL103 Ping(n)"},
    {"F", "", "Wrong", "!KQL102 Wrong"},
    {"F", "n:lng", "n", "!KQL001 lng"},
    {"F", "", "T | where (", "!KQL001 }"},
    {"F", "", "1 }; let g = () { 2", "!KQL001 "},
    {"F", "a:long) { a } ; let g = (", "1", "!KQL001 "},
    {"F", "", "let x = 1;", "!KQL001 "},
    {"F", "", "T | take 1 // the end", "table"},
    {"F", "a:long,\n  b:long", "a + b", "value"},
};

static const struct { const char *name; bool is_free; } names[] = {
    {"MyFn", true}, {"_Im_Dns", true}, {"FileProfile", true}, {"SeenBy", true}, {"DeviceFromIP", true},
    {"", false}, {"1a", false}, {"a b", false}, {"a-b", false}, {"T", false}, {"count", false},
    {"strlen", false}, {"ago", false}, {"case", false}, {"table", false}, {"materialize", false},
    {"where", false}, {"let", false}, {"datetime", false}, {"print", false}, {"database", false}, {"row_number", false}, {"bag_unpack", false},
};
/* clang-format on */

static bool
function(void *context, struct span name, struct span *text)
{
    for (size_t i = 0; i < COUNT_OF(stored); i++) {
        if (!span_is(name, stored[i].name))
            continue;
        *text = kql_function_text(context, name, span_of(stored[i].parameters),
                                  span_of(stored[i].body));
        return true;
    }
    return false;
}

static void
test_calls(struct pool *pool)
{
    struct kql_environment e = bed_environment;

    e.context = pool;
    e.function = function;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span seen;
        bool is_same = bed_check(pool, cases[i].query, cases[i].line, &e, &seen);

        CHECK(is_same, "%s\n    gives    %.*s\n    and not  %s", cases[i].query, (int)seen.n,
              seen.p, cases[i].line);
    }
}

static void
test_told(struct pool *pool)
{
    struct kql_environment e = bed_environment;

    e.context = pool;
    e.function = function;
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        struct span query = span_of(told[i].query), text;
        struct kql_diagnostics d;
        struct kql_bound bound;

        pool_reset(pool);
        kql_diagnostics_init(&d, pool, query);
        CHECK(!kql_bind(pool, query, &e, &d, &bound), "%s binds", told[i].query);
        text = kql_diagnostics_print(pool, &d, true);
        for (size_t k = 0; k < COUNT_OF(told[i].holds) && told[i].holds[k] != NULL; k++)
            CHECK(memmem(text.p, text.n, told[i].holds[k], strlen(told[i].holds[k])) != NULL,
                  "%s\n%.*shas no '%s'", told[i].query, (int)text.n, text.p, told[i].holds[k]);
        CHECK(memmem(text.p, text.n, "swordfish", 9) == NULL, "%s shows a secret", told[i].query);
    }
}

static void
test_checked(struct pool *pool)
{
    struct kql_environment e = bed_environment;
    struct err err;

    e.context = pool;
    e.function = function;
    for (size_t i = 0; i < COUNT_OF(checked); i++) {
        struct kql_diagnostics d;
        struct span text, line = {"", 0}, name = span_of(checked[i].name);
        bool is_table = false;

        pool_reset(pool);
        text =
            kql_function_text(pool, name, span_of(checked[i].parameters), span_of(checked[i].body));
        kql_diagnostics_init(&d, pool, text);
        if (kql_bind_function(pool, name, text, &e, &d, &is_table))
            line = span_of(is_table ? "table" : "value");
        else if (d.count > 0)
            line = pool_printf(pool, "!%s %.*s", kql_code_name(d.items[0].code),
                               (int)d.items[0].size, text.p + d.items[0].at);
        CHECK(span_is(line, checked[i].line), "%.*s\n    gives    %.*s\n    and not  %s",
              (int)text.n, text.p, (int)line.n, line.p, checked[i].line);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(kql_function_name_is_free(span_of(names[i].name), &e, &err) == names[i].is_free,
              "the name '%s'", names[i].name);
}

/* A chain of functions, each calling the next: as deep as the limit lets it, then refused. */
static bool
chained(void *context, struct span name, struct span *text)
{
    unsigned n;

    if (name.n < 2 || name.p[0] != 'f' || sscanf(name.p + 1, "%u", &n) != 1)
        return false;
    *text = kql_function_text(context, pool_printf(context, "f%u", n), SPAN_LITERAL("a:long"),
                              n == 0 ? SPAN_LITERAL("a")
                                     : pool_printf(context, "f%u(a) + f%u(a)", n - 1, n - 1));
    return true;
}

static void
test_limits(struct pool *pool)
{
    struct kql_environment e = bed_environment;
    struct span seen;

    e.context = pool;
    e.function = chained;
    CHECK(bed_check(pool, "print f5(1)", "print_0:long", &e, &seen), "%.*s", (int)seen.n, seen.p);
    CHECK(bed_check(pool, "print f30(1)", "!KQL003 f30(1)", &e, &seen), "%.*s", (int)seen.n,
          seen.p);
    CHECK(bed_check(pool, "print f60(1)", "!KQL003 f60(1)", &e, &seen), "%.*s", (int)seen.n,
          seen.p);
}

int
main(void)
{
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 64 << 20);
    test_calls(&pool);
    if (setjmp(escape) != 0)
        abort();
    pool.escape = &escape;
    test_told(&pool);
    test_checked(&pool);
    test_limits(&pool);
    pool_free(&pool);
    return test_end();
}
