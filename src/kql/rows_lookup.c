/* rows_lookup.c - plugins that join by more than equality (ipv4_lookup, ipv6_lookup,
 * geo_polygon_lookup, geo_line_lookup), and dcount_intersect. */
#include "kql/rows_plugin_inner.h"
#include <arpa/inet.h>
#include <stdlib.h>

/* ---- ipv4_lookup, ipv6_lookup: networks by their length ---- */

enum { ADDRESS_SIZE = 16, PREFIX_MAX = 128 };
struct network {
    uint8_t address[ADDRESS_SIZE];
    uint8_t prefix;
};

/* "a.b.c.d/n" or IPv6, an IPv4 address as the last 32 of ::ffff:0:0/96. */
static bool
read_network(const struct kql_value *v, bool takes_v6, struct network *out)
{
    char text[64];
    struct in_addr four;
    struct in6_addr six;
    char *slash, *end;
    unsigned long prefix;
    unsigned base = 0;

    if (v->is_null || v->type != KQL_STRING || v->size == 0 || v->size >= sizeof text)
        return false;
    memcpy(text, v->text, v->size);
    text[v->size] = '\0';
    slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &four) == 1) {
        out->address[10] = out->address[11] = 0xff;
        memcpy(out->address + 12, &four, 4);
        base = 96;
    } else if (takes_v6 && inet_pton(AF_INET6, text, &six) == 1) {
        memcpy(out->address, &six, ADDRESS_SIZE);
    } else {
        return false;
    }
    prefix = PREFIX_MAX - base;
    if (slash != NULL) {
        prefix = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0' || prefix > PREFIX_MAX - base)
            return false;
    }
    out->prefix = (uint8_t)(base + prefix);
    return true;
}

static void
mask(struct network *n, unsigned prefix)
{
    for (unsigned i = 0; i < ADDRESS_SIZE; i++) {
        unsigned kept = prefix <= 8 * i ? 0 : prefix - 8 * i; /* bits of this byte and on */

        if (kept < 8)
            n->address[i] &= (uint8_t)(0xff00 >> kept);
    }
    n->prefix = (uint8_t)prefix;
}

static struct kql_value
network_key(const struct network *n)
{
    return kql_string((struct span){(const char *)n, sizeof *n});
}

static bool
extra_keys_match(struct plugin_call *c, const struct kql_value *row, const struct kql_value *there)
{
    for (uint32_t k = 4; k + 1 < c->op->u.plugin.count; k += 2)
        if (!kql_value_same(&row[plugin_column(c, k)], &there[plugin_column(c, k + 1)]))
            return false;
    return true;
}

/* The input's row, and the lookup table's behind it without its extra keys; NULL: none. */
static void
give_lookup(struct plugin_call *c, const struct kql_value *here, const struct kql_value *there)
{
    const struct kql_schema *in = &c->op->input->schema,
                            *lookup = &plugin_argument(c, 0)->table->schema;
    struct kql_value *row = plugin_row(c);
    uint32_t at = in->count;

    memcpy(row, here, in->count * sizeof *row);
    for (uint32_t i = 0; i < lookup->count && at < c->out->schema.count; i++) {
        bool is_key = false;

        for (uint32_t k = 5; k < c->op->u.plugin.count; k += 2)
            is_key |= plugin_column(c, k) == i;
        if (!is_key) {
            row[at] = there == NULL ? kql_null(c->out->schema.columns[at].type) : there[i];
            at++;
        }
    }
}

static uint32_t
lookup_width(const struct plugin_call *c)
{
    const struct kql_schema *there = &plugin_argument(c, 0)->table->schema;
    uint32_t width = c->op->input->schema.count + there->count;

    for (uint32_t i = 0; i < there->count; i++)
        for (uint32_t k = 5; k < c->op->u.plugin.count; k += 2)
            if (plugin_column(c, k) == i) {
                width--;
                break;
            }
    return width;
}

void
plugin_lookup(struct plugin_call *c)
{
    bool takes_v6 = c->op->u.plugin.function->name[3] == '6', lengths[PREFIX_MAX + 1] = {false};
    struct rows_list *there =
        rows_collect(c->pool, rows_open(c->run, plugin_argument(c, 0)->table, NULL));
    struct kql_value unmatched = plugin_constant(c, 3);
    struct rows_groups networks;
    struct network n;

    plugin_use_schema(c, lookup_width(c));
    rows_groups_init(&networks, c->pool, 1);
    for (size_t i = 0; i < there->count; i++) {
        struct rows_group *group;
        struct kql_value key;
        bool is_new;

        if (!read_network(&there->items[i][plugin_column(c, 2)], takes_v6, &n))
            continue;
        mask(&n, n.prefix);
        lengths[n.prefix] = true;
        key = network_key(&n);
        group = rows_groups_add(&networks, &key, false, &is_new);
        if (is_new)
            group->state = pool_zeroed(c->pool, 1, sizeof(struct rows_list));
        rows_list_add(c->pool, group->state, there->items[i]);
    }
    for (size_t i = 0; i < c->input->count; i++) {
        const struct kql_value *here = c->input->items[i];
        bool found = false, is_address = read_network(&here[plugin_column(c, 1)], takes_v6, &n);
        unsigned own = is_address ? n.prefix : 0;

        for (unsigned prefix = own + 1; is_address && prefix-- > 0;) {
            struct rows_group *group = NULL;
            const struct rows_list *rows;
            struct kql_value key;

            if (lengths[prefix]) {
                mask(&n, prefix);
                key = network_key(&n);
                group = rows_groups_find(&networks, &key);
            }
            rows = group == NULL ? NULL : group->state;
            for (size_t k = 0; rows != NULL && k < rows->count; k++)
                if (extra_keys_match(c, here, rows->items[k])) {
                    give_lookup(c, here, rows->items[k]);
                    found = true;
                }
        }
        if (!found && kql_is_true(&unmatched))
            give_lookup(c, here, NULL);
    }
}

/* ---- dcount_intersect: by inclusion and exclusion of the unions ---- */

enum { SETS_MAX = 10 };

static struct kql_value
call_scalar(struct plugin_call *c, const char *name, const struct kql_value *args, uint32_t count,
            enum kql_type result)
{
    const struct kql_function *f = kql_function_find(span_of(name), KQL_SCALAR);
    uint8_t types[SETS_MAX];
    struct kql_call call = {.pool = c->pool,
                            .types = types,
                            .result_type = (uint8_t)result,
                            .count = count,
                            .now = c->run->engine->now,
                            .random = &c->run->engine->random};
    struct kql_value v = kql_null(result);

    if (f == NULL || f->call == NULL)
        pool_abandon(c->run->engine->pool, "%s: %s() is not built here",
                     c->op->u.plugin.function->name, name);
    memset(types, KQL_DYNAMIC, sizeof types);
    f->call(&call, args, &v);
    return v;
}

void
plugin_dcount_intersect(struct plugin_call *c)
{
    uint32_t sets = c->op->u.plugin.count, width = c->op->input->schema.count;
    struct kql_value sketches[SETS_MAX], chosen[SETS_MAX];
    struct rows_eval eval;

    if (sets > SETS_MAX)
        pool_abandon(c->run->engine->pool, "dcount_intersect: more than %d sets", SETS_MAX);
    plugin_use_schema(c, width + sets);
    rows_eval_init(&eval, c->run, c->op, 1, c->op->u.plugin.arguments, sets);
    for (size_t i = 0; i < c->input->count; i++) {
        struct kql_value *row = plugin_row(c);

        memcpy(row, c->input->items[i], width * sizeof *row);
        rows_eval_row(&eval, row);
        for (uint32_t k = 0; k < sets; k++)
            rows_eval_cell(&eval, k, &sketches[k]);
        for (uint32_t k = 0; k < sets; k++) {
            int64_t sum = 0;

            for (uint32_t subset = 1; subset < 2u << k; subset++) {
                uint32_t count = 0;
                struct kql_value all, size;

                for (uint32_t s = 0; s <= k; s++)
                    if ((subset >> s & 1) != 0)
                        chosen[count++] = sketches[s];
                all = count == 1 ? chosen[0]
                                 : call_scalar(c, "hll_merge", chosen, count, KQL_DYNAMIC);
                size = call_scalar(c, "dcount_hll", &all, 1, KQL_LONG);
                sum += size.is_null ? 0 : count % 2 == 1 ? size.i : -size.i;
            }
            row[width + k] = kql_integer(KQL_LONG, sum < 0 ? 0 : sum);
        }
    }
}

/* ---- geo_polygon_lookup, geo_line_lookup: what lies within a distance ---- */

static bool
shape_is_near(struct plugin_call *c, const struct kql_value *longitude,
              const struct kql_value *latitude, const struct kql_value *shape,
              const struct kql_value *radius)
{
    bool is_line = strcmp(c->op->u.plugin.function->name, "geo_line_lookup") == 0;
    struct kql_value args[3] = {*longitude, *latitude, *shape}, v;

    if (longitude->is_null || latitude->is_null || shape->is_null)
        return false;
    if (!is_line) {
        v = call_scalar(c, "geo_point_in_polygon", args, 3, KQL_BOOL);
        if (kql_is_true(&v) || radius->is_null)
            return kql_is_true(&v);
    }
    v = call_scalar(c, is_line ? "geo_distance_point_to_line" : "geo_distance_point_to_polygon",
                    args, 3, KQL_REAL);
    return !v.is_null && !radius->is_null && v.r <= radius->r;
}

static struct kql_value
real_constant(struct plugin_call *c, uint32_t i)
{
    struct kql_value v = plugin_constant(c, i);

    return v.is_null || v.type == KQL_REAL ? v : kql_convert(c->pool, v.type, &v, KQL_REAL);
}

void
plugin_geo_lookup(struct plugin_call *c)
{
    const struct kql_schema *in = &c->op->input->schema,
                            *lookup = &plugin_argument(c, 0)->table->schema;
    uint32_t shape = plugin_column(c, 1);
    struct kql_value keeps_key = plugin_constant(c, 7), unmatched = plugin_constant(c, 5),
                     radius = real_constant(c, 4), place[2];
    struct rows_list *there =
        rows_collect(c->pool, rows_open(c->run, plugin_argument(c, 0)->table, NULL));
    const struct kql_expr *exprs[] = {plugin_argument(c, 2), plugin_argument(c, 3)};
    struct rows_eval eval;

    plugin_use_schema(c, in->count + lookup->count - !kql_is_true(&keeps_key));
    rows_eval_init(&eval, c->run, c->op, 1, exprs, 2);
    for (size_t i = 0; i < c->input->count; i++) {
        bool found = false;

        memcpy(c->row, c->input->items[i], in->count * sizeof *c->row);
        rows_eval_row(&eval, c->row);
        for (uint32_t k = 0; k < 2; k++) {
            rows_eval_cell(&eval, k, &place[k]);
            if (!place[k].is_null && place[k].type != KQL_REAL)
                place[k] = kql_convert(c->pool, place[k].type, &place[k], KQL_REAL);
        }
        for (size_t t = 0; t <= there->count; t++) {
            const struct kql_value *with = t < there->count ? there->items[t] : NULL;
            uint32_t at = in->count;
            struct kql_value *row;

            if (with == NULL ? found || !kql_is_true(&unmatched)
                             : !shape_is_near(c, &place[0], &place[1], &with[shape], &radius))
                continue;
            found = true;
            row = plugin_row(c);
            memcpy(row, c->row, in->count * sizeof *row);
            for (uint32_t k = 0; k < lookup->count; k++)
                if (k != shape || kql_is_true(&keeps_key)) {
                    row[at] = with == NULL ? kql_null(c->out->schema.columns[at].type) : with[k];
                    at++;
                }
        }
    }
}
