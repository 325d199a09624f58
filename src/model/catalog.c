/* catalog.c - look-ups in the sorted table of tables, nearest spellings, and additions.
 *
 * A hundred tables need seven comparisons to find one; callers on the hot path keep the last table
 * they had. */
#include "model/catalog.h"
#include "base/spelling.h"

static const char *const type_names[] = {"string", "datetime", "int",  "long",     "real",
                                         "bool",   "dynamic",  "guid", "timespan", "decimal"};
static const char *const data_types[] = {"System.String",   "System.DateTime",
                                         "System.Int32",    "System.Int64",
                                         "System.Double",   "System.SByte",
                                         "System.Object",   "System.Guid",
                                         "System.TimeSpan", "System.Data.SqlTypes.SqlDecimal"};
static const char *const status_names[] = {"no", "planned", "category", "captured", "ga"};
static const char *const group_names[] = {"none", "decorated", "column", "workspace"};

static const struct {
    const char *name;
    enum column_type type;
} type_aliases[] = {
    {"boolean",  COLUMN_BOOL    },
    {"integer",  COLUMN_INT     },
    {"double",   COLUMN_REAL    },
    {"date",     COLUMN_DATETIME},
    {"time",     COLUMN_TIMESPAN},
    {"uuid",     COLUMN_GUID    },
    {"uniqueid", COLUMN_GUID    },
    {"object",   COLUMN_DYNAMIC },
    {"array",    COLUMN_DYNAMIC },
};

static const char hunting_prefix[] = "AdvancedHunting-";

/* ---- names ---- */

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool
equal_ignoring_case(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

const char *
column_type_name(enum column_type t)
{
    return type_names[t];
}

const char *
column_type_data_type(enum column_type t)
{
    return data_types[t];
}

const char *
stream_status_name(enum stream_status s)
{
    return status_names[s];
}

const char *
machine_group_name(enum machine_group g)
{
    return group_names[g];
}

bool
column_type_read(struct span name, enum column_type *t)
{
    for (size_t i = 0; i < COUNT_OF(type_names); i++) {
        if (equal_ignoring_case(name, span_of(type_names[i]))) {
            *t = (enum column_type)i;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(type_aliases); i++) {
        if (equal_ignoring_case(name, span_of(type_aliases[i].name))) {
            *t = type_aliases[i].type;
            return true;
        }
    }
    return false;
}

static bool
is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

bool
catalog_name_is_safe(struct span name, size_t size_max)
{
    if (name.n == 0 || name.n > size_max)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_letter_or_digit(name.p[i]) && name.p[i] != '_' && name.p[i] != '-')
            return false;
    return true;
}

bool
catalog_container(struct span category, char out[64])
{
    size_t n = sizeof "insights-logs-" - 1;

    if (!catalog_name_is_safe(category, CATALOG_CATEGORY_MAX))
        return false;
    memcpy(out, "insights-logs-", n);
    for (size_t i = 0; i < category.n; i++) {
        char c = category.p[i] == '_' ? '-' : lower(category.p[i]);

        if (c == '-' && out[n - 1] == '-')
            continue;
        if (n == 63)
            return false;
        out[n++] = c;
    }
    if (out[n - 1] == '-')
        n--;
    out[n] = '\0';
    return n > sizeof "insights-logs-" - 1;
}

/* ---- finding ---- */

/* memcmp order with the shorter one first, which is the order the data is sorted in. */
static int
compare(struct span a, const char *b)
{
    size_t n = strlen(b);
    int order = memcmp(a.p, b, a.n < n ? a.n : n);

    return order != 0 ? order : (a.n > n) - (a.n < n);
}

const struct catalog_table *
catalog_find(const struct catalog *c, struct span table)
{
    size_t low = 0, high = c->table_count;

    if (table.n == 0)
        return NULL;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(table, c->tables[middle].name);

        if (order == 0)
            return &c->tables[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool
has_hunting_prefix(struct span category)
{
    size_t n = sizeof hunting_prefix - 1;

    return category.n > n && memcmp(category.p, hunting_prefix, n) == 0;
}

static struct span
without_hunting_prefix(struct span category)
{
    size_t n = sizeof hunting_prefix - 1;

    return (struct span){category.p + n, category.n - n};
}

/* Nearly every category is the prefix and the table's name; the few others are searched for. */
const struct catalog_table *
catalog_find_category(const struct catalog *c, struct span category)
{
    if (has_hunting_prefix(category)) {
        const struct catalog_table *t = catalog_find(c, without_hunting_prefix(category));

        if (t != NULL && t->category != NULL && span_is(category, t->category))
            return t;
    }
    for (size_t i = 0; i < c->table_count; i++)
        if (c->tables[i].category != NULL && span_is(category, c->tables[i].category))
            return &c->tables[i];
    return NULL;
}

bool
catalog_has_category(const struct catalog *c, struct span category)
{
    for (size_t i = 0; i < c->category_count; i++)
        if (span_is(category, c->categories[i]))
            return true;
    return false;
}

struct span
catalog_category_table(const struct catalog *c, struct span category)
{
    const struct catalog_table *t = catalog_find_category(c, category);

    if (t != NULL)
        return span_of(t->name);
    return has_hunting_prefix(category) ? without_hunting_prefix(category) : category;
}

const struct catalog_column *
catalog_column_find(const struct catalog_column *columns, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_is(name, columns[i].name))
            return &columns[i];
    return NULL;
}

/* ---- nearest spelling ---- */

/* Keeps the nearest of the names offered one after the other. A third of the letters may be wrong,
 * no more. */
struct nearest {
    struct span wanted;
    size_t best; /* steps; what is offered must be nearer */
    const char *name;
};

static struct nearest
nearest_begin(struct span wanted)
{
    return (struct nearest){wanted, wanted.n > CATALOG_CATEGORY_MAX ? 0 : wanted.n / 3 + 1, NULL};
}

static bool
nearest_offer(struct nearest *n, const char *name)
{
    struct span offered = span_of(name);
    size_t apart = offered.n > n->wanted.n ? offered.n - n->wanted.n : n->wanted.n - offered.n;

    if (apart >= n->best || offered.n > CATALOG_CATEGORY_MAX)
        return false;
    size_t steps = spelling_distance(n->wanted, offered);

    if (steps >= n->best)
        return false;
    n->best = steps;
    n->name = name;
    return true;
}

const struct catalog_table *
catalog_find_near(const struct catalog *c, struct span table)
{
    const struct catalog_table *found = NULL;
    struct nearest n = nearest_begin(table);

    for (size_t i = 0; i < c->table_count; i++)
        if (nearest_offer(&n, c->tables[i].name))
            found = &c->tables[i];
    return found;
}

const char *
catalog_category_near(const struct catalog *c, struct span category)
{
    struct nearest n = nearest_begin(category);

    for (size_t i = 0; i < c->category_count; i++)
        (void)nearest_offer(&n, c->categories[i]);
    return n.name;
}

/* ---- additions ---- */

/* Every addition copies the columns that its table has by then, the base's and those of earlier
 * additions. */
size_t
catalog_extend_size(const struct catalog *base, const struct catalog_addition *additions,
                    size_t count)
{
    size_t size = (base->table_count + count) * sizeof *base->tables +
                  (base->category_count + count) * sizeof *base->categories + 32;

    for (size_t i = 0; i < count; i++) {
        const char *name = additions[i].table.name;
        const struct catalog_table *known = name == NULL ? NULL : catalog_find(base, span_of(name));
        size_t columns = known == NULL ? 0 : known->column_count + known->workspace_column_count;

        for (size_t k = 0; k <= i; k++) {
            const struct catalog_table *t = &additions[k].table;

            if (k == i || (name != NULL && t->name != NULL && strcmp(t->name, name) == 0))
                columns += t->column_count + t->workspace_column_count;
        }
        size += columns * sizeof(struct catalog_column) + 32;
    }
    return size;
}

static bool
is_column_name(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > CATALOG_COLUMN_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_letter_or_digit(name[i]) && name[i] != '_')
            return false;
    return true;
}

static const struct catalog_column *
column_find_ignoring_case(const struct catalog_column *columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (equal_ignoring_case(span_of(columns[i].name), span_of(name)))
            return &columns[i];
    return NULL;
}

/* *columns grows by those of 'more' that it lacks; the joined list lives in 'a'. */
static enum status
join_columns(const char *table, const struct catalog_column **columns, size_t *count,
             const struct catalog_column *more, size_t more_count, struct arena *a, struct err *err)
{
    struct catalog_column *joined;
    size_t n = *count;

    if (more_count == 0)
        return ST_OK;
    if (more_count > CATALOG_COLUMNS_MAX || n + more_count > CATALOG_COLUMNS_MAX)
        return err_set(err, ST_INVALID, "table %s: more than %d columns", table,
                       CATALOG_COLUMNS_MAX);
    joined = arena_take(a, (n + more_count) * sizeof *joined);
    if (joined == NULL)
        return err_set(err, ST_FULL, "table %s: no room for its columns", table);
    if (n > 0)
        memcpy(joined, *columns, n * sizeof *joined);
    for (size_t i = 0; i < more_count; i++) {
        const struct catalog_column *known;

        if (more[i].name == NULL || !is_column_name(more[i].name))
            return err_set(err, ST_INVALID,
                           "table %s: column name '%.64s' is not 1 to %d letters, digits and '_'",
                           table, more[i].name == NULL ? "" : more[i].name,
                           CATALOG_COLUMN_NAME_MAX);
        known = column_find_ignoring_case(joined, n, more[i].name);
        if (known == NULL) {
            joined[n] = more[i];
            if (joined[n].origin == NULL)
                joined[n].origin = "configuration";
            n++;
        } else if (strcmp(known->name, more[i].name) != 0) {
            return err_set(err, ST_INVALID, "table %s: column %s differs only in case from %s",
                           table, more[i].name, known->name);
        } else if (known->type != more[i].type) {
            return err_set(err, ST_INVALID, "table %s: column %s is known as %s, not %s", table,
                           known->name, column_type_name(known->type),
                           column_type_name(more[i].type));
        }
    }
    *columns = joined;
    *count = n;
    return ST_OK;
}

/* Sets what the table lacks; what it has must be the same. */
static enum status
set_text(const char *table, const char *what, const char **text, const char *added, struct err *err)
{
    if (added == NULL)
        return ST_OK;
    if (*text != NULL && strcmp(*text, added) != 0)
        return err_set(err, ST_INVALID, "table %s: its %s is %.100s, not %.100s", table, what,
                       *text, added);
    *text = added;
    return ST_OK;
}

static enum status
check_time_column(const struct catalog_table *t, const char *time_column,
                  const struct catalog_column *columns, size_t count, struct err *err)
{
    if (time_column != NULL && catalog_column_find(columns, count, span_of(time_column)) == NULL)
        return err_set(err, ST_INVALID, "table %s: the time column %.100s is not a column of it",
                       t->name, time_column);
    return ST_OK;
}

static enum status
check_category(const struct catalog *c, const struct catalog_table *t, struct err *err)
{
    char container[64], other[64];

    if (t->category == NULL)
        return ST_OK;
    if (!catalog_container(span_of(t->category), container))
        return err_set(err, ST_INVALID,
                       "table %s: category '%.96s' does not make a container name: use letters, "
                       "digits, '_' and '-', at most 49",
                       t->name, t->category);
    for (size_t i = 0; i < c->table_count; i++) {
        const struct catalog_table *o = &c->tables[i];

        if (o != t && o->category != NULL && catalog_container(span_of(o->category), other) &&
            strcmp(container, other) == 0)
            return err_set(err, ST_INVALID,
                           "table %s: its category has the same container %s as %s", t->name,
                           container, o->name);
    }
    return ST_OK;
}

/* Joins 'more' into t, which is an entry of c->tables. */
static enum status
join_table(const struct catalog *c, struct catalog_table *t, const struct catalog_table *more,
           struct arena *a, struct err *err)
{
    enum status st = join_columns(t->name, &t->columns, &t->column_count, more->columns,
                                  more->column_count, a, err);

    if (st == ST_OK)
        st = join_columns(t->name, &t->workspace_columns, &t->workspace_column_count,
                          more->workspace_columns, more->workspace_column_count, a, err);
    if (st == ST_OK)
        st = set_text(t->name, "category", &t->category, more->category, err);
    if (st == ST_OK)
        st = set_text(t->name, "time column", &t->time_column, more->time_column, err);
    if (st == ST_OK)
        st = set_text(t->name, "workspace time column", &t->workspace_time_column,
                      more->workspace_time_column, err);
    if (st == ST_OK)
        st = check_time_column(t, t->time_column, t->columns, t->column_count, err);
    if (st == ST_OK)
        st = check_time_column(t, t->workspace_time_column, t->workspace_columns,
                               t->workspace_column_count, err);
    if (st != ST_OK)
        return st;
    if (more->is_streamable && t->category == NULL)
        return err_set(err, ST_INVALID, "table %s: it streams but has no category", t->name);
    t->is_streamable = t->category != NULL;
    t->is_device_scoped |= more->is_device_scoped;
    if (more->stream > t->stream)
        t->stream = more->stream;
    if (t->is_streamable && t->stream < STREAM_CATEGORY)
        t->stream = STREAM_CATEGORY;
    if (t->machine_group == GROUP_NONE)
        t->machine_group = more->machine_group;
    return check_category(c, t, err);
}

/* The entry for the addition: the known one, or a new one put where the order wants it. */
static enum status
place_table(struct catalog_table *tables, size_t *count, const struct catalog_table *added,
            struct catalog_table **entry, struct err *err)
{
    const char *name = added->name == NULL ? "" : added->name;
    size_t at = 0;

    if (!catalog_name_is_safe(span_of(name), CATALOG_TABLE_NAME_MAX))
        return err_set(err, ST_INVALID,
                       "table name '%.80s' is not 1 to %d letters, digits, '_' and '-'", name,
                       CATALOG_TABLE_NAME_MAX);
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(tables[i].name, name) == 0) {
            *entry = &tables[i];
            return ST_OK;
        }
        if (equal_ignoring_case(span_of(tables[i].name), span_of(name)))
            return err_set(err, ST_INVALID, "table %s differs only in case from %s", name,
                           tables[i].name);
        if (strcmp(tables[i].name, name) < 0)
            at = i + 1;
    }
    if (*count == CATALOG_TABLES_MAX)
        return err_set(err, ST_INVALID, "table %s: more than %d tables", name, CATALOG_TABLES_MAX);
    memmove(tables + at + 1, tables + at, (*count - at) * sizeof *tables);
    (*count)++;
    tables[at] = *added;
    tables[at].columns = tables[at].workspace_columns = NULL; /* joined, and so checked, later */
    tables[at].column_count = tables[at].workspace_column_count = 0;
    if (added->family == NULL)
        tables[at].family = "configuration";
    if (added->product == NULL)
        tables[at].product = "configuration";
    *entry = &tables[at];
    return ST_OK;
}

enum status
catalog_extend(const struct catalog *base, const struct catalog_addition *additions, size_t count,
               struct arena *a, struct catalog *out, struct err *err)
{
    struct catalog_table *tables = arena_take(a, (base->table_count + count) * sizeof *tables);
    const char **categories = arena_take(a, (base->category_count + count) * sizeof *categories);
    struct catalog c = {tables, base->table_count, categories, base->category_count};

    if (tables == NULL || categories == NULL)
        return err_set(err, ST_FULL, "no room for %zu more tables", count);
    if (base->table_count > 0)
        memcpy(tables, base->tables, base->table_count * sizeof *tables);
    if (base->category_count > 0)
        memcpy(categories, base->categories, base->category_count * sizeof *categories);
    for (size_t i = 0; i < count; i++) {
        struct catalog_table *entry = NULL;
        enum status st = place_table(tables, &c.table_count, &additions[i].table, &entry, err);

        if (st == ST_OK)
            st = join_table(&c, entry, &additions[i].table, a, err);
        if (st != ST_OK)
            return st;
        if (entry->category != NULL && !catalog_has_category(&c, span_of(entry->category)))
            categories[c.category_count++] = entry->category;
    }
    *out = c;
    return ST_OK;
}
