/* setting_transform.c - a setting's transformKql, compiled: when it is saved, to check it; when a plan
 * is built, to run it. */
#include "control/settings.h"

static bool
is_listed(const struct control *c, const struct setting *x, const char *name)
{
    struct span table = catalog_category_table(c->catalog, span_of(name));

    for (size_t i = 0; i < x->category_count; i++)
        if (span_equal(catalog_category_table(c->catalog, span_of(x->categories[i])), table))
            return true;
    return x->all_categories;
}

enum status
setting_transform(const struct control *c, const struct setting *x,
                  enum kql_stream_strictness strictness, transform_told *told, void *app,
                  struct transform **out, struct err *err)
{
    const struct transform_source source = {
        .catalog = c->catalog,
        .group_mode = x->group_mode,
        .queries = x->transforms,
        .query_count = x->transform_count,
        .categories = x->categories,
        .category_count = x->all_categories ? 0 : x->category_count,
        .strictness = strictness,
    };

    *out = NULL;
    if (x->transform_count == 0)
        return ST_OK;
    for (size_t i = 0; i < x->transform_count; i++)
        if (x->transforms[i].table != NULL && !is_listed(c, x, x->transforms[i].table))
            return err_set(err, ST_INVALID,
                           "penstock.transformKql: '%.100s' is not enabled under logs",
                           x->transforms[i].table);
    return transform_make(&source, told, app, out, err);
}
