#include "deliver/verdicts.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* Who has which condition: known by tenant, table and identity. */
struct unit {
    struct unit *next; /* in its bucket */
    struct kql_stream_identity identity;
    uint64_t place; /* hash of tenant and table */
    char tenant[40], table[72];
    unsigned users; /* references */
};

/* The verdicts on one block's rows by one condition. */
struct entry {
    uint64_t position;
    struct kql_stream_identity identity;
    _Atomic unsigned char *bytes; /* NULL: the place is free */
    uint32_t row_count;
    unsigned pins; /* users that have it at hand */
    bool is_claimed;
    struct entry *next;          /* in its bucket, or of the free ones */
    struct entry *older, *newer; /* by last use */
};

enum { UNIT_BUCKETS = 1024, ENTRY_BUCKETS = 4096 };

struct verdicts {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a claim was given up */
    unsigned sleepers;
    struct unit *units[UNIT_BUCKETS];
    struct entry *entries; /* VERDICTS_ENTRIES_MAX */
    struct entry *buckets[ENTRY_BUCKETS];
    struct entry *unused, *oldest, *newest;
    size_t size;
};

struct user_table {
    const char *name; /* the transform's */
    struct unit *units[TRANSFORM_CONDITIONS_MAX];
    struct kql_stream_identity identities[TRANSFORM_CONDITIONS_MAX];
    size_t count;
};

struct verdicts_user {
    struct verdicts *verdicts;
    const struct plan_route *route;
    struct transform_run *run;
    struct user_table *tables;
    size_t table_count;
    struct verdicts_counts counts;
    /* of the block at hand */
    const struct block *block;                   /* NULL: none of its conditions is shared */
    struct transform_shared *shared;             /* by stream */
    uint8_t (*places)[TRANSFORM_CONDITIONS_MAX]; /* by stream and condition: which of 'used' */
    size_t shared_room;
    struct entry *used[VERDICTS_USED_MAX];
    unsigned used_count;
};

static uint64_t
hash_text(uint64_t h, const char *text)
{
    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

enum status
verdicts_make(struct verdicts **verdicts, struct err *err)
{
    struct verdicts *v = calloc(1, sizeof *v);

    if (v == NULL || (v->entries = calloc(VERDICTS_ENTRIES_MAX, sizeof *v->entries)) == NULL) {
        free(v);
        return err_set(err, ST_FULL, "no memory for verdicts");
    }
    for (size_t i = 0; i < VERDICTS_ENTRIES_MAX; i++) {
        v->entries[i].next = v->unused;
        v->unused = &v->entries[i];
    }
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->changed, NULL);
    *verdicts = v;
    return ST_OK;
}

void
verdicts_free(struct verdicts *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < UNIT_BUCKETS; i++)
        assert(v->units[i] == NULL);
    for (uint32_t i = 0; i < VERDICTS_ENTRIES_MAX; i++)
        free(v->entries[i].bytes);
    pthread_mutex_destroy(&v->lock);
    pthread_cond_destroy(&v->changed);
    free(v->entries);
    free(v);
}

size_t
verdicts_size(struct verdicts *v)
{
    pthread_mutex_lock(&v->lock);
    size_t size = v->size;

    pthread_mutex_unlock(&v->lock);
    return size;
}

/* ---- who has which ---- */

static bool
is_identified(struct kql_stream_identity i)
{
    return (i.low | i.high) != 0;
}

static bool
is_same(struct kql_stream_identity a, struct kql_stream_identity b)
{
    return a.low == b.low && a.high == b.high;
}

static struct unit **
unit_place(struct verdicts *v, const char *tenant, const char *table,
           struct kql_stream_identity identity)
{
    uint64_t place = hash_text(hash_text(UINT64_C(14695981039346656037), tenant), table);
    struct unit **at = &v->units[(place ^ identity.low) % UNIT_BUCKETS];

    while (*at != NULL && !(is_same((*at)->identity, identity) && (*at)->place == place &&
                            strcmp((*at)->table, table) == 0 && strcmp((*at)->tenant, tenant) == 0))
        at = &(*at)->next;
    return at;
}

/* One more user; NULL: no memory, or a name that no block can have. */
static struct unit *
unit_hold(struct verdicts *v, const char *tenant, const char *table,
          struct kql_stream_identity identity)
{
    struct unit **at = unit_place(v, tenant, table, identity), *u = *at;

    if (u != NULL) {
        u->users++;
        return u;
    }
    u = calloc(1, sizeof *u);
    if (u == NULL || strlen(tenant) >= sizeof u->tenant || strlen(table) >= sizeof u->table) {
        free(u);
        return NULL;
    }
    strcpy(u->tenant, tenant);
    strcpy(u->table, table);
    u->place = hash_text(hash_text(UINT64_C(14695981039346656037), tenant), table);
    u->identity = identity;
    u->users = 1;
    *at = u;
    return u;
}

static void
unit_drop(struct verdicts *v, struct unit *u)
{
    struct unit **at = unit_place(v, u->tenant, u->table, u->identity);

    assert(*at == u && u->users > 0);
    if (--u->users > 0)
        return;
    *at = u->next;
    free(u);
}

enum status
verdicts_join(struct verdicts *v, const struct plan_route *route, struct transform_run *run,
              struct verdicts_user **user, struct err *err)
{
    size_t count = transform_table_count(route->transform);
    struct verdicts_user *u = calloc(1, sizeof *u);

    if (u == NULL || (u->tables = calloc(count + 1, sizeof *u->tables)) == NULL) {
        free(u);
        return err_set(err, ST_FULL, "no memory for shared verdicts");
    }
    *u = (struct verdicts_user){
        .verdicts = v, .route = route, .run = run, .tables = u->tables, .table_count = count};
    pthread_mutex_lock(&v->lock);
    for (size_t t = 0; t < count; t++) {
        struct user_table *table = &u->tables[t];

        table->name = transform_table_name(route->transform, t);
        table->count = transform_conditions(route->transform, t, table->identities);
        for (size_t i = 0; i < table->count; i++)
            if (route->tenant != NULL && is_identified(table->identities[i]))
                table->units[i] = unit_hold(v, route->tenant, table->name, table->identities[i]);
    }
    pthread_mutex_unlock(&v->lock);
    *user = u;
    return ST_OK;
}

void
verdicts_leave(struct verdicts_user *u)
{
    if (u == NULL)
        return;
    pthread_mutex_lock(&u->verdicts->lock);
    for (size_t t = 0; t < u->table_count; t++)
        for (size_t i = 0; i < u->tables[t].count; i++)
            if (u->tables[t].units[i] != NULL)
                unit_drop(u->verdicts, u->tables[t].units[i]);
    pthread_mutex_unlock(&u->verdicts->lock);
    free(u->tables);
    free(u->shared);
    free(u->places);
    free(u);
}

/* ---- entries: all under the lock ---- */

static struct entry **
bucket_of(struct verdicts *v, uint64_t position, struct kql_stream_identity identity)
{
    uint64_t h = (position ^ identity.low) * UINT64_C(0x9e3779b97f4a7c15);

    return &v->buckets[(h >> 32) % ENTRY_BUCKETS];
}

static void
age_add(struct verdicts *v, struct entry *e)
{
    e->newer = NULL;
    e->older = v->newest;
    *(v->newest != NULL ? &v->newest->newer : &v->oldest) = e;
    v->newest = e;
}

static void
age_remove(struct verdicts *v, struct entry *e)
{
    *(e->older != NULL ? &e->older->newer : &v->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &v->newest) = e->older;
}

static void
evict(struct verdicts *v, struct entry *e)
{
    struct entry **at = bucket_of(v, e->position, e->identity);

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    age_remove(v, e);
    v->size -= e->row_count;
    free(e->bytes);
    e->bytes = NULL;
    e->next = v->unused;
    v->unused = e;
}

/* Evicts until there is a place and room for so many bytes. False: all that is kept is at hand. */
static bool
room_for(struct verdicts *v, size_t size)
{
    struct entry *e = v->oldest, *newer;

    for (; e != NULL && (v->unused == NULL || v->size + size > VERDICTS_SIZE_MAX); e = newer) {
        newer = e->newer;
        if (e->pins == 0)
            evict(v, e);
    }
    return v->unused != NULL && v->size + size <= VERDICTS_SIZE_MAX;
}

static struct entry *
entry_take(struct verdicts *v, uint64_t position, struct kql_stream_identity identity,
           uint32_t row_count)
{
    struct entry **bucket = bucket_of(v, position, identity), *e;
    _Atomic unsigned char *bytes;

    for (e = *bucket; e != NULL; e = e->next)
        if (e->position == position && is_same(e->identity, identity)) {
            age_remove(v, e);
            age_add(v, e);
            return e->row_count == row_count ? e : NULL;
        }
    if (!room_for(v, row_count) || (bytes = calloc(row_count, 1)) == NULL) /* TRANSFORM_UNKNOWN */
        return NULL;
    e = v->unused;
    v->unused = e->next;
    *e = (struct entry){
        .position = position, .identity = identity, .row_count = row_count, .bytes = bytes};
    e->next = *bucket;
    *bucket = e;
    age_add(v, e);
    v->size += row_count;
    return e;
}

/* ---- a block ---- */

static const struct user_table *
table_of(const struct verdicts_user *u, const char *name)
{
    for (size_t i = 0; i < u->table_count; i++)
        if (strcmp(u->tables[i].name, name) == 0)
            return &u->tables[i];
    return NULL;
}

/* Which of the user's entries at hand; VERDICTS_USED_MAX: it is not to be had. */
static unsigned
use(struct verdicts_user *u, uint64_t position, struct kql_stream_identity identity)
{
    struct entry *e;

    for (unsigned i = 0; i < u->used_count; i++)
        if (is_same(u->used[i]->identity, identity))
            return i;
    if (u->used_count == VERDICTS_USED_MAX)
        return VERDICTS_USED_MAX;
    e = entry_take(u->verdicts, position, identity, u->block->head->row_count);
    if (e == NULL)
        return VERDICTS_USED_MAX;
    e->pins++;
    u->used[u->used_count] = e;
    return u->used_count++;
}

static void
share_stream(struct verdicts_user *u, size_t stream, uint64_t position)
{
    const struct block_stream *s = &u->block->streams[stream];
    const struct user_table *t = table_of(u, s->table);
    bool any = false;

    u->shared[stream] = (struct transform_shared){0};
    if (t == NULL || !plan_route_wants(u->route, s))
        return;
    for (size_t i = 0; i < t->count; i++) {
        unsigned place = VERDICTS_USED_MAX;

        if (t->units[i] != NULL && t->units[i]->users > 1)
            place = use(u, position, t->identities[i]);
        u->places[stream][i] = (uint8_t)place;
        u->shared[stream].verdicts[i] = place == VERDICTS_USED_MAX ? NULL : u->used[place]->bytes;
        any |= place != VERDICTS_USED_MAX;
    }
    u->shared[stream].count = any ? t->count : 0;
}

static void
room_make(struct verdicts_user *u, size_t streams)
{
    if (streams <= u->shared_room)
        return;
    u->shared = realloc(u->shared, streams * sizeof *u->shared);
    u->places = realloc(u->places, streams * sizeof *u->places);
    if (u->shared == NULL || u->places == NULL)
        abort(); /* see window.c, grown */
    u->shared_room = streams;
}

void
verdicts_begin(struct verdicts_user *u, const struct block *block, uint64_t position)
{
    size_t streams = block->head->stream_count;

    assert(u->used_count == 0);
    room_make(u, streams);
    transform_block(u->run, block);
    u->block = block;
    pthread_mutex_lock(&u->verdicts->lock);
    for (size_t i = 0; i < streams; i++)
        share_stream(u, i, position);
    pthread_mutex_unlock(&u->verdicts->lock);
    if (u->used_count > 0)
        transform_share(u->run, u->shared);
    else
        u->block = NULL;
}

void
verdicts_end(struct verdicts_user *u)
{
    pthread_mutex_lock(&u->verdicts->lock);
    while (u->used_count > 0)
        u->used[--u->used_count]->pins--;
    pthread_mutex_unlock(&u->verdicts->lock);
    u->block = NULL;
}

/* Which condition of the row stands in the way; NULL: none. */
static struct entry *
wanted_for(const struct verdicts_user *u, uint32_t row)
{
    uint16_t stream = u->block->rows[row].stream;
    size_t condition;

    if (u->shared[stream].count == 0)
        return NULL;
    condition = transform_unknown(u->run, row);
    return condition == TRANSFORM_CONDITIONS_MAX ? NULL : u->used[u->places[stream][condition]];
}

/* Claims 'first', sleeping while another has it (then all may have changed: false), and what else of
 * the user's is free. */
static bool
claim(struct verdicts_user *u, struct entry *first, bool mine[VERDICTS_USED_MAX])
{
    struct verdicts *v = u->verdicts;
    bool is_free;

    pthread_mutex_lock(&v->lock);
    is_free = !first->is_claimed;
    if (!is_free) {
        v->sleepers++;
        pthread_cond_wait(&v->changed, &v->lock);
        v->sleepers--;
    }
    for (unsigned i = 0; i < u->used_count; i++) {
        mine[i] = is_free && !u->used[i]->is_claimed;
        u->used[i]->is_claimed |= mine[i];
    }
    pthread_mutex_unlock(&v->lock);
    return is_free;
}

static void
give_up(struct verdicts_user *u, const bool mine[VERDICTS_USED_MAX])
{
    struct verdicts *v = u->verdicts;

    pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; i < u->used_count; i++)
        if (mine[i])
            u->used[i]->is_claimed = false;
    if (v->sleepers > 0)
        pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
}

/* True: it evaluated something. */
static bool
judge(struct verdicts_user *u, uint32_t row, const bool mine[VERDICTS_USED_MAX])
{
    uint16_t stream = u->block->rows[row].stream;
    unsigned conditions = 0;
    size_t first;

    if (u->shared[stream].count == 0)
        return false;
    for (size_t i = 0; i < u->shared[stream].count; i++)
        if (u->places[stream][i] != VERDICTS_USED_MAX && mine[u->places[stream][i]])
            conditions |= 1u << i;
    first = transform_unknown(u->run, row);
    if (first == TRANSFORM_CONDITIONS_MAX || !(conditions >> first & 1))
        return false;
    transform_judge(u->run, u->route, row, conditions);
    return true;
}

uint32_t
verdicts_know(struct verdicts_user *u, uint32_t from, uint32_t to)
{
    bool mine[VERDICTS_USED_MAX], evaluated[VERDICTS_STEP] = {false};
    uint32_t row = from;

    if (u->block == NULL)
        return to;
    if (to - from > VERDICTS_STEP)
        to = from + VERDICTS_STEP;
    while (row < to) {
        struct entry *wanted = wanted_for(u, row);

        if (wanted == NULL) {
            row++;
            continue;
        }
        if (!claim(u, wanted, mine))
            continue;
        for (uint32_t i = row; i < to; i++)
            evaluated[i - from] |= judge(u, i, mine);
        give_up(u, mine);
    }
    for (uint32_t i = from; i < to; i++) {
        u->counts.rows += u->shared[u->block->rows[i].stream].count > 0;
        u->counts.evaluated += evaluated[i - from];
    }
    return to;
}

struct verdicts_counts
verdicts_counts(const struct verdicts_user *u)
{
    return u->counts;
}
