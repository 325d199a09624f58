/* query_functions.c - penstock query --functions: what the language has, from the one table of
 * functions. */
#include "penstock/query_functions.h"
#include "kql/function.h"
#include "penstock/commands.h"

static const char *
kind_name(const struct kql_function *f)
{
    switch (f->kind) {
    case KQL_AGGREGATE:
        return "aggregate";
    case KQL_WINDOW:
        return "window";
    case KQL_PLUGIN:
        return "plugin";
    case KQL_OPERATOR:
        return "operator";
    default:
        return "function";
    }
}

static bool
is_shown(const struct kql_function *f)
{
    return (f->flags & (KQL_F_LEGACY | KQL_F_NOT_BUILT)) == 0;
}

static void
print_function(const struct kql_function *f)
{
    const char *at = f->signature;

    while (at != NULL && *at != '\0') { /* an overload a line */
        size_t n = strcspn(at, "\n");

        printf("%s%.*s\n", f->name, (int)n, at);
        at += n + (at[n] == '\n');
    }
    if (f->signature == NULL)
        printf("%s\n", f->name);
    printf("    %s%s\n", f->doc == NULL ? "" : f->doc,
           (f->flags & KQL_F_TRANSFORM) != 0 ? " (also in transformations)" : "");
}

int
query_functions(const char *group)
{
    const struct kql_function *f, *g;
    bool found = false;

    for (f = kql_function_next(NULL); f != NULL; f = kql_function_next(f)) {
        const char *name = f->group == NULL ? kind_name(f) : f->group;

        if (!is_shown(f) || (group != NULL && strcmp(group, name) != 0))
            continue;
        for (g = kql_function_next(NULL); g != f; g = kql_function_next(g)) /* the group's first */
            if (is_shown(g) && strcmp(g->group == NULL ? kind_name(g) : g->group, name) == 0)
                break;
        if (g != f)
            continue;
        printf("%s%s\n\n", found ? "\n" : "", name);
        found = true;
        for (; g != NULL; g = kql_function_next(g))
            if (is_shown(g) && strcmp(g->group == NULL ? kind_name(g) : g->group, name) == 0)
                print_function(g);
    }
    if (found)
        return EXIT_DONE;
    fprintf(stderr, "penstock query: no group '%s' of functions; --functions lists all\n", group);
    return EXIT_USAGE;
}
