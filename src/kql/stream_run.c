/* stream_run.c - records through streams.
 *
 *   set    all streams' conditions and columns in one program (so equal ones are one), and the names
 *          that any of them looks for
 *   run    one pass over a record's members finds those names (by size, then by a fingerprint of
 *          the text); a column's value is made when an expression first asks for it
 *
 * What leaves is written into one buffer that grows and stays. Members that nothing changes are
 * copied in runs, commas included.
 *
 * A record's evaluation may run out of its memory. Then a condition counts as met, and in a second
 * go all computed columns are null: what was to be dropped is dropped, nothing is lost, and the same
 * record gives the same bytes again. */
#include "kql/cell.h"
#include "kql/dynamic.h"
#include "kql/eval_inner.h"
#include "kql/stream_inner.h"
#include "kql/text.h"
#include <stdlib.h>

enum {
    MEMORY_DEFAULT = 64 << 20,
    PATIENCE_MS = 2000,       /* with one record; only what has long loops ever reads the clock */
    MEMORY_MIN = 512 << 10,   /* so that the longest name always fits */
    SCRATCH_FIRST = 64 << 10, /* kept from record to record */
    OUT_FIRST = 4096,
    NONE = -1,
};

/* ---- the set ---- */

enum action { ACTION_KEEP, ACTION_DROP, ACTION_WRITE /* a column in its place */ };

/* What one stream does with a member that has a known name. */
struct member {
    uint8_t action;
    uint32_t column; /* of WRITE */
};

struct key {
    struct span name;
    uint64_t print; /* of the text; see fingerprint */
    int32_t next;   /* of the same size */
};

struct entry { /* one stream of the set */
    const struct kql_stream *stream;
    uint32_t filter;        /* root; UINT32_MAX: none */
    uint32_t *roots;        /* by column: of the program; UINT32_MAX: as it came */
    struct member *members; /* by key */
    uint32_t *sources;      /* by column: key of the source column; UINT32_MAX: computed */
    uint32_t *homes;        /* by column: key of its own name; UINT32_MAX: none is looked for */
    uint8_t *is_renamed;    /* by column: written where it stood, and only if it is there */
    bool has_computed;
};

struct kql_stream_set {
    struct kql_program *program;
    struct kql_schema source;
    struct entry *entries;
    uint32_t count;
    struct key *keys;
    uint32_t key_count;
    size_t key_room;
    int32_t by_size[64];   /* first key of that size; the last one: and of larger ones */
    uint64_t sizes;        /* bit per size there is */
    uint32_t *column_keys; /* by source column; UINT32_MAX: nobody asks */
    uint32_t column_max;   /* of any stream */
};

/* The first and last eight bytes: names of one table that have one size nearly always differ in
 * them. */
static uint64_t
fingerprint(const char *p, size_t n)
{
    uint64_t first = 0, last = 0;

    if (n >= 8) {
        memcpy(&first, p, 8);
        memcpy(&last, p + n - 8, 8);
        return first ^ (last << 13 | last >> 51);
    }
    for (size_t i = 0; i < n; i++)
        first = first << 8 | (unsigned char)p[i];
    return first;
}

static int32_t
key_find(const struct kql_stream_set *set, const char *p, size_t n)
{
    size_t size = n < 63 ? n : 63;
    uint64_t print;

    if (!(set->sizes >> size & 1))
        return NONE;
    print = fingerprint(p, n);
    for (int32_t k = set->by_size[size]; k != NONE; k = set->keys[k].next)
        if (set->keys[k].print == print && set->keys[k].name.n == n &&
            memcmp(set->keys[k].name.p, p, n) == 0)
            return k;
    return NONE;
}

static uint32_t
key_add(struct kql_stream_set *set, struct pool *pool, struct span name)
{
    int32_t known = key_find(set, name.p, name.n);
    size_t size = name.n < 63 ? name.n : 63;

    if (known != NONE)
        return (uint32_t)known;
    set->keys =
        pool_grow(pool, set->keys, &set->key_room, (size_t)set->key_count + 1, sizeof *set->keys);
    set->keys[set->key_count] = (struct key){name, fingerprint(name.p, name.n),
                                             set->sizes >> size & 1 ? set->by_size[size] : NONE};
    set->by_size[size] = (int32_t)set->key_count;
    set->sizes |= UINT64_C(1) << size;
    return set->key_count++;
}

static uint32_t
column_key(struct kql_stream_set *set, struct pool *pool, uint32_t column)
{
    if (set->column_keys[column] == UINT32_MAX)
        set->column_keys[column] = key_add(set, pool, set->source.columns[column].name);
    return set->column_keys[column];
}

static bool
is_home(const struct kql_stream *s, uint32_t column)
{
    const struct stream_column *c = &s->columns[column];

    return c->source != UINT32_MAX && span_equal(c->name, s->source.columns[c->source].name);
}

/* Names that the stream touches: those of columns it reads or moves, of columns it drops, and of
 * new ones, which a member that no column names may have already. */
static void
entry_keys(struct kql_stream_set *set, struct pool *pool, struct entry *e)
{
    const struct kql_stream *s = e->stream;
    uint8_t *stays = pool_zeroed(pool, (size_t)s->source.count + 1, 1);

    for (uint32_t i = 0; i < s->column_count; i++) {
        const struct stream_column *c = &s->columns[i];
        bool home = is_home(s, i);

        if (c->source != UINT32_MAX && (!home || !s->is_open || s->is_ordered))
            e->sources[i] = column_key(set, pool, c->source);
        if (home)
            stays[c->source] = 1;
        else if (s->is_open)
            e->homes[i] = key_add(set, pool, c->name);
    }
    for (uint32_t c = 0; s->is_open && c < s->source.count; c++)
        if (!stays[c])
            (void)column_key(set, pool, c);
}

static uint32_t
source_named(const struct kql_stream *s, struct span name)
{
    for (uint32_t c = 0; c < s->source.count; c++)
        if (span_equal(s->source.columns[c].name, name))
            return c;
    return UINT32_MAX;
}

static bool
is_kept(const struct kql_stream *s, uint32_t source)
{
    for (uint32_t i = 0; i < s->column_count; i++)
        if (s->columns[i].source == source && is_home(s, i))
            return true;
    return false;
}

/* Where a column that is not at home is written: in place of the source column of its name; if it
 * is a renamed one, where it stood; else in place of an unknown member of its name, or last. */
static void
place_column(struct kql_stream_set *set, struct entry *e, uint32_t i)
{
    const struct stream_column *c = &e->stream->columns[i];
    struct member *home = &e->members[e->homes[i]];

    if (source_named(e->stream, c->name) == UINT32_MAX && c->source != UINT32_MAX &&
        !is_kept(e->stream, c->source)) {
        struct member *old = &e->members[set->column_keys[c->source]];

        if (old->action == ACTION_DROP) {
            *old = (struct member){ACTION_WRITE, i};
            home->action = ACTION_DROP;
            e->is_renamed[i] = 1;
            return;
        }
    }
    *home = (struct member){ACTION_WRITE, i};
}

/* Once all names are known. */
static void
entry_members(struct kql_stream_set *set, struct pool *pool, struct entry *e)
{
    const struct kql_stream *s = e->stream;

    e->members = pool_zeroed(pool, (size_t)set->key_count + 1, sizeof *e->members);
    e->is_renamed = pool_zeroed(pool, (size_t)s->column_count + 1, 1);
    if (!s->is_open)
        return;
    for (uint32_t c = 0; c < s->source.count; c++)
        if (set->column_keys[c] != UINT32_MAX && (s->is_ordered || !is_kept(s, c)))
            e->members[set->column_keys[c]].action = ACTION_DROP;
    for (uint32_t i = 0; i < s->column_count; i++)
        if (e->homes[i] == UINT32_MAX)
            continue;
        else if (s->is_ordered)
            e->members[e->homes[i]].action = ACTION_DROP;
        else if (source_named(s, s->columns[i].name) != UINT32_MAX)
            e->members[e->homes[i]] = (struct member){ACTION_WRITE, i};
    for (uint32_t i = 0; i < s->column_count && !s->is_ordered; i++)
        if (e->homes[i] != UINT32_MAX && source_named(s, s->columns[i].name) == UINT32_MAX)
            place_column(set, e, i);
}

static void
entry_exprs(struct entry *e, struct pool *pool, const struct kql_expr ***exprs, size_t *count,
            size_t *room)
{
    const struct kql_stream *s = e->stream;

    *exprs = pool_grow(pool, *exprs, room, *count + s->column_count + 1, sizeof **exprs);
    e->filter = UINT32_MAX;
    if (s->filter != NULL) {
        e->filter = (uint32_t)*count;
        (*exprs)[(*count)++] = s->filter;
    }
    for (uint32_t i = 0; i < s->column_count; i++) {
        e->roots[i] = e->sources[i] = e->homes[i] = UINT32_MAX;
        if (s->columns[i].source != UINT32_MAX)
            continue;
        e->has_computed = true;
        e->roots[i] = (uint32_t)*count;
        (*exprs)[(*count)++] = s->columns[i].expr;
    }
}

static void
set_make(struct kql_stream_set *set, struct pool *pool, const struct kql_stream *const *streams,
         struct err *err)
{
    const struct kql_expr **exprs = NULL;
    size_t expr_count = 0, expr_room = 0;
    const uint32_t *read;
    uint32_t read_count;

    set->source = streams[0]->source;
    set->entries = pool_zeroed(pool, set->count, sizeof *set->entries);
    set->column_keys = pool_take(pool, ((size_t)set->source.count + 1) * sizeof(uint32_t));
    memset(set->column_keys, 0xff, set->source.count * sizeof(uint32_t));
    for (uint32_t i = 0; i < set->count; i++) {
        struct entry *e = &set->entries[i];
        size_t columns = (size_t)streams[i]->column_count + 1;

        e->stream = streams[i];
        e->roots = pool_zeroed(pool, columns, sizeof *e->roots);
        e->sources = pool_zeroed(pool, columns, sizeof *e->sources);
        e->homes = pool_zeroed(pool, columns, sizeof *e->homes);
        entry_exprs(e, pool, &exprs, &expr_count, &expr_room);
        entry_keys(set, pool, e);
        if (streams[i]->column_count > set->column_max)
            set->column_max = streams[i]->column_count;
    }
    set->program = kql_program_new(pool, exprs, (uint32_t)expr_count, err);
    if (set->program == NULL)
        return;
    read = kql_program_columns(set->program, &read_count);
    for (uint32_t i = 0; i < read_count; i++)
        (void)column_key(set, pool, read[i]);
    for (uint32_t i = 0; i < set->count; i++)
        entry_members(set, pool, &set->entries[i]);
}

struct kql_stream_set *
kql_stream_set_new(struct pool *pool, const struct kql_stream *const *streams, uint32_t count,
                   struct err *err)
{
    jmp_buf *outer = pool->escape, here;
    struct kql_stream_set *volatile set = NULL;

    if (setjmp(here) != 0) {
        pool->escape = outer;
        if (set != NULL)
            kql_program_free(set->program);
        err_set(err, ST_FULL, "%s", pool->reason.text);
        return NULL;
    }
    pool->escape = &here;
    set = pool_zeroed(pool, 1, sizeof *set);
    set->count = count;
    set_make(set, pool, streams, err);
    pool->escape = outer;
    return set->program != NULL ? set : NULL;
}

void
kql_stream_set_free(struct kql_stream_set *set)
{
    if (set != NULL)
        kql_program_free(set->program);
}

const uint32_t *
stream_set_columns(const struct kql_stream_set *set, uint32_t *count)
{
    return kql_program_columns(set->program, count);
}

/* ---- a record ---- */

struct hit { /* a member that has a known name */
    uint32_t value, key;
};

struct kql_stream_run {
    const struct kql_stream_set *set;
    struct pool keep, scratch;
    struct pool_mark mark;
    struct kql_run run;
    uint64_t exhausted;
    bool is_counted; /* this record already is */
    bool has_nulls;  /* second go: computed columns are null */
    /* the record */
    const char *record;
    size_t object_at, object_size;
    const struct scan_value *values; /* of the object's members, in the text's order */
    uint32_t count;
    bool is_resolved;
    struct hit *hits; /* SCAN_VALUES_MAX */
    uint32_t hit_count;
    uint32_t *last;   /* by key: value + 1 of its last member; 0: none */
    uint8_t *written; /* by column of the stream at hand */
    char *out;
    size_t out_size, out_room;
};

static struct span
decoded_key(struct kql_stream_run *r, const struct scan_value *v)
{
    struct span literal = {r->record + v->key_at - 1, (size_t)v->key_size + 2};

    return kql_cell_text(&r->scratch, literal, true);
}

static void
resolve(struct kql_stream_run *r)
{
    const struct kql_stream_set *set = r->set;

    r->is_resolved = true;
    r->hit_count = 0;
    memset(r->last, 0, set->key_count * sizeof *r->last);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct scan_value *v = &r->values[i];
        int32_t key;

        if (__builtin_expect(v->key_escaped, 0)) {
            struct pool_mark mark = pool_mark(&r->scratch);
            struct span name = decoded_key(r, v);

            key = key_find(set, name.p, name.n);
            pool_return(&r->scratch, mark);
        } else {
            key = key_find(set, r->record + v->key_at, v->key_size);
        }
        if (key == NONE)
            continue;
        r->hits[r->hit_count++] = (struct hit){i, (uint32_t)key};
        r->last[key] = i + 1;
    }
}

static void
load(void *context, uint32_t column, struct kql_value *cell)
{
    struct kql_stream_run *r = context;
    enum kql_type type = r->set->source.columns[column].type;
    const struct scan_value *v;
    uint32_t at;

    if (!r->is_resolved)
        resolve(r);
    at = r->last[r->set->column_keys[column]];
    if (at == 0) {
        *cell = kql_null(type);
        return;
    }
    v = &r->values[at - 1];
    *cell = kql_cell_read(&r->scratch, type, (struct span){r->record + v->value_at, v->value_size},
                          v->value_escaped);
}

/* ---- writing ---- */

static void
put(struct kql_stream_run *r, const char *p, size_t n)
{
    if (n > r->out_room - r->out_size) {
        size_t room = r->out_room * 2 > r->out_size + n ? r->out_room * 2 : r->out_size + n;
        char *larger = realloc(r->out, room);

        if (larger == NULL)
            abort(); /* as the window does: sizes are limited by settings */
        r->out = larger;
        r->out_room = room;
    }
    memcpy(r->out + r->out_size, p, n);
    r->out_size += n;
}

#define PUT_LITERAL(r, text) put((r), (text), sizeof(text) - 1)

/* Behind the code point at 'at'; a byte that is no UTF-8 is written as U+FFFD: *from is behind it. */
static size_t
put_wide(struct kql_stream_run *r, struct span s, size_t at, size_t *from)
{
    size_t next = at;

    (void)kql_code_point(s, &next);
    if (next > at + 1)
        return next;
    put(r, s.p + *from, at - *from);
    PUT_LITERAL(r, "\xef\xbf\xbd");
    *from = next;
    return next;
}

static void
put_string(struct kql_stream_run *r, struct span s)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0;

    PUT_LITERAL(r, "\"");
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        char escape[6] = {'\\', (char)c};
        size_t size = 2;

        if (c >= 0x80) {
            i = put_wide(r, s, i, &from);
            continue;
        }
        i++;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        put(r, s.p + from, i - 1 - from);
        from = i;
        if (c == '\n' || c == '\r' || c == '\t') {
            escape[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else if (c < 0x20) {
            memcpy(escape + 1, "u00", 3);
            escape[4] = hex[c >> 4];
            escape[5] = hex[c & 15];
            size = 6;
        }
        put(r, escape, size);
    }
    put(r, s.p + from, s.n - from);
    PUT_LITERAL(r, "\"");
}

static void
put_value(struct kql_stream_run *r, const struct kql_value *v)
{
    char text[64];
    struct span json;

    if (v->is_null) {
        PUT_LITERAL(r, "null");
        return;
    }
    switch ((enum kql_type)v->type) {
    case KQL_STRING:
        put_string(r, kql_text(v));
        return;
    case KQL_BOOL:
        put(r, v->i != 0 ? "true" : "false", v->i != 0 ? 4 : 5);
        return;
    case KQL_INT:
    case KQL_LONG:
        put(r, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v->i));
        return;
    case KQL_DATETIME:
        text[0] = '"';
        json.n = kql_print_datetime(v->i, text + 1) + 1;
        text[json.n] = '"';
        put(r, text, json.n + 1);
        return;
    default:
        json = kql_json_print(&r->scratch, v);
        put(r, json.p, json.n);
        return;
    }
}

static bool
has_member(const struct kql_stream_run *r, uint32_t key)
{
    return r->last[key] != 0;
}

/* "name":value of a column, with a comma before all but the first. */
static void
put_column(struct kql_stream_run *r, const struct entry *e, uint32_t i)
{
    const struct stream_column *c = &e->stream->columns[i];
    struct kql_value v;

    if (r->out_size > 1)
        PUT_LITERAL(r, ",");
    put(r, c->quoted.p, c->quoted.n);
    r->written[i] = 1;
    if (c->source == UINT32_MAX) {
        if (r->has_nulls)
            v = kql_null(KQL_DYNAMIC);
        else
            kql_eval(&r->run, r->set->program, e->roots[i], &v);
        put_value(r, &v);
    } else if (has_member(r, e->sources[i])) {
        const struct scan_value *member = &r->values[r->last[e->sources[i]] - 1];

        put(r, r->record + member->value_at, member->value_size);
    } else {
        PUT_LITERAL(r, "null");
    }
}

/* Members 'from' up to 'to' as they are. */
static void
put_members(struct kql_stream_run *r, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    size_t at = r->values[from].key_at - 1;
    size_t end = r->values[to - 1].value_at + r->values[to - 1].value_size;

    if (r->out_size > 1)
        PUT_LITERAL(r, ",");
    put(r, r->record + at, end - at);
}

static void
put_spliced(struct kql_stream_run *r, const struct entry *e)
{
    uint32_t from = 0;

    for (uint32_t h = 0; h < r->hit_count; h++) {
        const struct member *m = &e->members[r->hits[h].key];

        if (m->action == ACTION_KEEP)
            continue;
        put_members(r, from, r->hits[h].value);
        from = r->hits[h].value + 1;
        if (m->action == ACTION_WRITE && !r->written[m->column])
            put_column(r, e, m->column);
    }
    put_members(r, from, r->count);
    for (uint32_t i = 0; i < e->stream->column_count; i++) {
        if (e->homes[i] == UINT32_MAX || r->written[i])
            continue;
        if (!e->is_renamed[i] || has_member(r, e->sources[i]))
            put_column(r, e, i);
    }
}

/* The columns in their order, those that the record has; then what no column names. */
static void
put_ordered(struct kql_stream_run *r, const struct entry *e)
{
    uint32_t from = 0;

    for (uint32_t i = 0; i < e->stream->column_count; i++)
        if (e->sources[i] == UINT32_MAX || has_member(r, e->sources[i]))
            put_column(r, e, i);
    for (uint32_t h = 0; h < r->hit_count; h++) {
        if (e->members[r->hits[h].key].action == ACTION_KEEP)
            continue;
        put_members(r, from, r->hits[h].value);
        from = r->hits[h].value + 1;
    }
    put_members(r, from, r->count);
}

static void
put_record(struct kql_stream_run *r, const struct entry *e)
{
    r->out_size = 0;
    memset(r->written, 0, e->stream->column_count);
    PUT_LITERAL(r, "{");
    if (!e->stream->is_open)
        for (uint32_t i = 0; i < e->stream->column_count; i++)
            put_column(r, e, i);
    else if (e->stream->is_ordered)
        put_ordered(r, e);
    else
        put_spliced(r, e);
    PUT_LITERAL(r, "}");
}

/* Whether an open stream without computed columns has anything to do here. */
static bool
is_touched(const struct kql_stream_run *r, const struct entry *e)
{
    if (!e->stream->is_open || e->stream->is_ordered || e->has_computed)
        return true;
    for (uint32_t h = 0; h < r->hit_count; h++)
        if (e->members[r->hits[h].key].action != ACTION_KEEP)
            return true;
    for (uint32_t i = 0; i < e->stream->column_count; i++)
        if (e->homes[i] != UINT32_MAX && !e->is_renamed[i])
            return true; /* extend y = x */
    return false;
}

/* ---- asking ---- */

static void
forget(struct kql_stream_run *r)
{
    pool_return(&r->scratch, r->mark);
    kql_run_row(&r->run, r->set->program);
    memset(r->run.loaded, 0, r->set->source.count);
}

void
kql_stream_record(struct kql_stream_run *run, const char *record, size_t object_at,
                  size_t object_size, const struct scan_value *values, uint32_t count,
                  uint32_t depth, int64_t now)
{
    uint32_t first = 0;

    forget(run);
    if (depth > 1) { /* the members of one object among others stand together */
        while (first < count && (values[first].depth != depth || values[first].key_at < object_at))
            first++;
        for (uint32_t i = first; i < count; i++)
            if (values[i].depth != depth || values[i].key_at >= object_at + object_size) {
                count = i;
                break;
            }
    }
    run->record = record;
    run->object_at = object_at;
    run->object_size = object_size;
    run->values = values + first;
    run->count = count - first;
    run->run.now = now;
    run->is_resolved = run->is_counted = false;
    run->scratch.deadline_ms = 0;
}

static void
count_exhausted(struct kql_stream_run *r)
{
    r->exhausted += !r->is_counted;
    r->is_counted = true;
    r->scratch.deadline_ms = 0;
    forget(r);
    r->is_resolved = false;
}

/* True: it may leave. */
static bool
passes(struct kql_stream_run *r, const struct entry *e)
{
    jmp_buf here;

    if (e->filter == UINT32_MAX)
        return true;
    if (setjmp(here) != 0) {
        count_exhausted(r);
        return true;
    }
    r->scratch.escape = &here;
    return kql_test(&r->run, r->set->program, e->filter);
}

/* False: the memory was spent on the way. */
static bool
shape(struct kql_stream_run *r, const struct entry *e, bool *is_same)
{
    jmp_buf here;

    if (setjmp(here) != 0) {
        count_exhausted(r);
        return false;
    }
    r->scratch.escape = &here;
    if (!r->is_resolved)
        resolve(r);
    *is_same = !is_touched(r, e);
    if (!*is_same)
        put_record(r, e);
    return true;
}

bool
kql_stream_passes(struct kql_stream_run *run, uint32_t index)
{
    return passes(run, &run->set->entries[index]);
}

enum kql_stream_result
kql_stream_ask(struct kql_stream_run *run, uint32_t index, struct span *out)
{
    const struct entry *e = &run->set->entries[index];
    bool is_same = true;

    if (!passes(run, e))
        return KQL_STREAM_DROP;
    if (e->stream->is_filter)
        return KQL_STREAM_SAME;
    if (!shape(run, e, &is_same)) {
        /* Needs no more than a name's text at a time. */
        run->has_nulls = true;
        run->scratch.patience_ms = 0;
        if (!shape(run, e, &is_same))
            abort(); /* the machine itself has none */
        run->scratch.patience_ms = PATIENCE_MS;
        run->has_nulls = false;
    }
    if (is_same)
        return KQL_STREAM_SAME;
    *out = (struct span){run->out, run->out_size};
    return KQL_STREAM_CHANGED;
}

/* ---- one thread's memory ---- */

static bool
run_make(struct kql_stream_run *r)
{
    const struct kql_stream_set *set = r->set;
    struct kql_run *run = &r->run;
    jmp_buf here;

    if (setjmp(here) != 0)
        return false;
    r->keep.escape = r->scratch.escape = &here;
    r->hits = pool_take(&r->keep, SCAN_VALUES_MAX * sizeof *r->hits);
    r->last = pool_zeroed(&r->keep, (size_t)set->key_count + 1, sizeof *r->last);
    r->written = pool_zeroed(&r->keep, (size_t)set->column_max + 1, 1);
    run->cells = pool_zeroed(&r->keep, (size_t)set->source.count + 1, sizeof *run->cells);
    run->loaded = pool_zeroed(&r->keep, (size_t)set->source.count + 1, 1);
    run->load = load;
    run->context = r;
    run->pool = &r->keep;
    kql_run_begin(run, set->program);
    run->pool = &r->scratch;
    /* A first piece of this size stays from record to record. */
    (void)pool_take(&r->scratch, SCRATCH_FIRST);
    pool_reset(&r->scratch);
    r->mark = pool_mark(&r->scratch);
    return true;
}

struct kql_stream_run *
kql_stream_run_new(const struct kql_stream_set *set, size_t memory_max, struct err *err)
{
    struct kql_stream_run *r = calloc(1, sizeof *r);

    if (r == NULL || (r->out = malloc(OUT_FIRST)) == NULL) {
        free(r);
        err_set(err, ST_FULL, "no memory for a transformation");
        return NULL;
    }
    r->out_room = OUT_FIRST;
    r->set = set;
    pool_init(&r->keep, SIZE_MAX / 2);
    pool_init(&r->scratch, memory_max != 0 ? memory_max : MEMORY_DEFAULT);
    if (r->scratch.limit < MEMORY_MIN)
        r->scratch.limit = MEMORY_MIN;
    r->scratch.patience_ms = PATIENCE_MS;
    if (!run_make(r)) {
        err_set(err, ST_FULL, "no memory for a transformation");
        kql_stream_run_free(r);
        return NULL;
    }
    return r;
}

void
kql_stream_run_free(struct kql_stream_run *run)
{
    if (run == NULL)
        return;
    pool_free(&run->keep);
    pool_free(&run->scratch);
    free(run->out);
    free(run);
}

uint64_t
kql_stream_exhausted(const struct kql_stream_run *run)
{
    return run->exhausted;
}
