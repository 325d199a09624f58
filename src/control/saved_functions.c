/* saved_functions.c - what a query finds of the stored functions: each is read when its name is met, and
 * kept until the query is bound. */
#include "control/saved_queries.h"
#include "control/saved_store.h"
#include <stdlib.h>

struct saved_function {
    struct saved_function *older;
    struct span name, text; /* text.p NULL: there is none */
    char bytes[];
};

void
saved_functions_begin(struct saved_functions *f, const struct control *c, const char *tenant,
                      const char *workspace)
{
    *f = (struct saved_functions){.store = c->store, .tenant = tenant, .workspace = workspace};
}

void
saved_functions_end(struct saved_functions *f)
{
    while (f->found != NULL) {
        struct saved_function *older = f->found->older;

        free(f->found);
        f->found = older;
    }
}

/* The text as kql_function_text has it, in memory of its own; no pool is at hand where it is read. */
static struct saved_function *
function_make(struct span name, const struct saved_row *x)
{
    size_t room = name.n * 2 + strlen("let  = () {\n\n}") + 1, n;
    struct saved_function *f;
    char *at;

    if (x != NULL)
        room += x->parameters.n + x->text.n;
    f = malloc(sizeof *f + room);
    if (f == NULL)
        return NULL;
    *f = (struct saved_function){
        .name = {f->bytes, name.n}
    };
    memcpy(f->bytes, name.p, name.n);
    if (x == NULL)
        return f;
    n = (size_t)snprintf(f->bytes + name.n, room - name.n, "let %.*s = (%.*s) {\n%.*s\n}",
                         (int)name.n, name.p, (int)x->parameters.n, x->parameters.p, (int)x->text.n,
                         x->text.p);
    at = f->bytes + name.n + strlen("let  = (") + name.n;
    for (size_t i = 0; i < x->parameters.n; i++) /* the body begins on the second line */
        if (at[i] == '\n' || at[i] == '\r' || at[i] == '\t')
            at[i] = ' ';
    f->text = (struct span){f->bytes + name.n, n};
    return f;
}

struct finding {
    struct span name;
    struct saved_function *made;
    const char *tenant; /* of an operator: the one that has it */
    char tenant_text[40];
    bool is_for_all, is_ambiguous, has_no_memory;
};

static bool
function_visit(void *app, const struct saved_row *x)
{
    struct finding *f = app;

    if (f->made == NULL) {
        f->made = function_make(f->name, x);
        f->has_no_memory = f->made == NULL;
        snprintf(f->tenant_text, sizeof f->tenant_text, "%s", x->tenant);
        return !f->has_no_memory;
    }
    f->is_ambiguous = f->is_ambiguous || strcmp(f->tenant_text, x->tenant) != 0;
    return !f->is_ambiguous;
}

bool
saved_functions_find(void *context, struct span name, struct span *text)
{
    struct saved_functions *f = context;
    struct finding finding = {.name = name};
    enum status st;

    for (struct saved_function *i = f->found; i != NULL; i = i->older) {
        if (!span_equal(i->name, name))
            continue;
        *text = i->text;
        return i->text.p != NULL;
    }
    if (f->err.text[0] != '\0' || name.n > SAVED_NAME_MAX)
        return false;
    st = saved_row_function(f->store, f->tenant, f->workspace, name, function_visit, &finding,
                            &f->err);
    if (st != ST_OK || finding.is_ambiguous) {
        free(finding.made);
        finding.made = NULL;
    }
    if (finding.has_no_memory)
        (void)err_set(&f->err, ST_FULL, "no memory for a stored function");
    if (finding.made == NULL)
        finding.made = function_make(name, NULL);
    if (finding.made == NULL)
        return false;
    finding.made->older = f->found;
    f->found = finding.made;
    *text = finding.made->text;
    return text->p != NULL;
}
