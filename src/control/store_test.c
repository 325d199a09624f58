/* store_test.c - what the store said ST_OK to is there after a crash, and its limits hold. */
#include "base/file.h"
#include "base/test.h"
#include "control/store.h"
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TENANT_A "aaaaaaaa-1111-4222-8333-444444444444"
#define TENANT_B "bbbbbbbb-1111-4222-8333-444444444444"

static char folder[] = "/tmp/penstock-store-XXXXXX";
static char path[200];

static void
clean(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[300];

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static struct store *
opened(void)
{
    struct store *s = NULL;
    struct err err = {""};
    enum status st = store_open(path, &s, &err);

    CHECK(st == ST_OK, "open: %s", err.text);
    if (st != ST_OK)
        exit(1);
    return s;
}

/* What the visits saw, as text. */
static char seen[4000];

static bool
see_tenant(void *app, const struct store_tenant *t)
{
    size_t n = strlen(seen);

    (void)app;
    snprintf(seen + n, sizeof seen - n, "%.8s %s %d %d %lld;", t->id, t->name, t->is_active,
             t->is_configured, (long long)t->created);
    return true;
}

static bool
see_token(void *app, const struct store_token *t)
{
    size_t n = strlen(seen);

    (void)app;
    snprintf(seen + n, sizeof seen - n, "%s %s %s %u %02x%02x %lld %lld %lld;", t->id, t->tenant,
             t->name, t->roles, t->hash[0], t->hash[31], (long long)t->created,
             (long long)t->expires, (long long)t->revoked);
    return true;
}

static bool
see_setting(void *app, const struct store_setting *x)
{
    size_t n = strlen(seen);

    (void)app;
    snprintf(seen + n, sizeof seen - n, "%.1s/%s %.*s %.*s %lld %lld;", x->tenant, x->id,
             (int)x->json.n, x->json.p, (int)x->secret.n, x->secret.p, (long long)x->created,
             (long long)x->modified);
    return true;
}

static bool
see_parked(void *app, const struct store_parked *row)
{
    size_t n = strlen(seen);

    snprintf(seen + n, sizeof seen - n, "%lld %.1s/%s %s %llu.%u x%u '%s' %lld %llu[%.*s];",
             (long long)row->id, row->tenant, row->owner, row->category,
             (unsigned long long)row->position, row->row, row->count, row->reason,
             (long long)row->time, (unsigned long long)row->bytes_size, (int)row->bytes.n,
             row->bytes.p);
    return app == NULL;
}

static bool
see_cursor(void *app, const struct store_cursor *c)
{
    size_t n = strlen(seen);

    (void)app;
    snprintf(seen + n, sizeof seen - n, "%.1s %s %s %llu.%u;", c->tenant, c->hub, c->group,
             (unsigned long long)c->position, c->row);
    return true;
}

static void
check_seen(int line, const char *want)
{
    CHECK(strcmp(seen, want) == 0, "line %d saw '%s'", line, seen);
    seen[0] = '\0';
}
#define SEEN(want) check_seen(__LINE__, want)

static void
check_tenants_and_tokens(void)
{
    struct store *s = opened();
    struct err err = {""};
    struct store_tenant a = {TENANT_A, "one", true, true, 5}, b = {TENANT_B, "two", true, false, 6};
    struct store_token t = {.id = "abc", .tenant = TENANT_A, .name = "n", .roles = 3, .created = 7};
    bool is_new = false, is_active = false;

    t.hash[0] = 0xab;
    t.hash[31] = 0xcd;
    CHECK(store_tenant_set(s, &b, &is_new, &err) == ST_OK && is_new, "%s", err.text);
    CHECK(store_tenant_set(s, &a, &is_new, &err) == ST_OK && is_new, "%s", err.text);
    a = (struct store_tenant){TENANT_A, "uno", false, true, 99};
    CHECK(store_tenant_set(s, &a, &is_new, &err) == ST_OK && !is_new, "%s", err.text);
    CHECK(store_tenants(s, see_tenant, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("aaaaaaaa uno 0 1 5;bbbbbbbb two 1 0 6;");
    CHECK(store_tenant_find(s, TENANT_A, &is_active, &err) == ST_OK && !is_active, "%s", err.text);
    CHECK(store_tenant_find(s, TENANT_B, &is_active, &err) == ST_OK && is_active, "%s", err.text);
    CHECK(store_tenant_find(s, "nobody", &is_active, &err) == ST_END, "nobody was found");
    CHECK(store_token_add(s, &t, &err) == ST_OK, "%s", err.text);
    CHECK(store_token_add(s, &t, &err) != ST_OK, "a token's id twice");
    CHECK(store_token_revoke(s, "abc", 11, &err) == ST_OK, "%s", err.text);
    CHECK(store_token_revoke(s, "abc", 12, &err) == ST_OK, "%s", err.text);
    CHECK(store_token_revoke(s, "abd", 12, &err) == ST_END, "no such token");
    CHECK(store_tokens(s, see_token, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("abc " TENANT_A " n 3 abcd 7 0 11;");
    store_close(s);
    clean();
}

static void
check_settings(void)
{
    struct store *s = opened();
    struct err err = {""};
    struct store_setting x = {TENANT_A, "one", SPAN_LITERAL("{1}"), SPAN_LITERAL("hush"), 10, 10};
    bool is_new = false;
    const struct span any = {0};

    CHECK(store_setting_put(s, &x, any, 2, &is_new, &err) == ST_OK && is_new, "%s", err.text);
    x = (struct store_setting){TENANT_A, "one", SPAN_LITERAL("{2}"), {0}, 20, 20};
    CHECK(store_setting_put(s, &x, span_of("{3}"), 2, &is_new, &err) == ST_INVALID,
          "wrong only_if");
    CHECK(store_setting_put(s, &x, span_of("{1}"), 2, &is_new, &err) == ST_OK && !is_new, "%s",
          err.text);
    x.id = "two";
    CHECK(store_setting_put(s, &x, span_of("{1}"), 2, &is_new, &err) == ST_INVALID,
          "only_if on what is not there");
    CHECK(store_setting_put(s, &x, any, 2, &is_new, &err) == ST_OK && is_new, "%s", err.text);
    x.id = "three";
    CHECK(store_setting_put(s, &x, any, 2, &is_new, &err) == ST_FULL, "a third of two");
    x.tenant = TENANT_B;
    CHECK(store_setting_put(s, &x, any, 2, &is_new, &err) == ST_OK, "%s", err.text);
    x = (struct store_setting){TENANT_A, "two", SPAN_LITERAL("{4}"), {0}, 30, 30};
    CHECK(store_setting_put(s, &x, any, 2, &is_new, &err) == ST_OK && !is_new, "at the limit: %s",
          err.text);
    CHECK(store_settings(s, NULL, see_setting, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("a/one {2}  10 20;a/two {4}  20 30;b/three {2}  20 20;");
    CHECK(store_settings(s, TENANT_B, see_setting, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("b/three {2}  20 20;");
    CHECK(store_setting_find(s, TENANT_B, "one", see_setting, NULL, &err) == ST_END,
          "another tenant's setting was found");
    CHECK(store_setting_find(s, TENANT_A, "one", see_setting, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("a/one {2}  10 20;");
    CHECK(store_setting_delete(s, TENANT_A, "one", span_of("{9}"), &err) == ST_INVALID, "only_if");
    CHECK(store_setting_delete(s, TENANT_B, "one", any, &err) == ST_END, "another tenant's");
    CHECK(store_setting_delete(s, TENANT_A, "one", span_of("{2}"), &err) == ST_OK, "%s", err.text);
    CHECK(store_setting_delete(s, TENANT_A, "one", any, &err) == ST_END, "deleted twice");
    store_close(s);
    clean();
}

static struct store_parked
row_of(const char *tenant, const char *owner, const char *bytes)
{
    return (struct store_parked){.tenant = tenant,
                                 .owner = owner,
                                 .category = "c",
                                 .position = UINT64_MAX - 1,
                                 .row = 7,
                                 .count = 2,
                                 .reason = "why",
                                 .time = 3,
                                 .bytes = span_of(bytes)};
}

static void
check_parked(void)
{
    struct store *s = opened();
    struct err err = {""};
    struct store_parked rows[3] = {row_of(TENANT_A, "x", "one"), row_of(TENANT_B, "x", "two"),
                                   row_of(TENANT_A, STORE_PARKED_INGEST, "three")};
    struct store_parked_totals totals = {0};
    struct store_parked_filter all = {0}, of_a = {.tenant = TENANT_A},
                               of_x = {.tenant = TENANT_A, .owner = "x"};
    uint64_t dropped = 0;

    CHECK(store_park(s, rows, 3, &err) == ST_OK, "%s", err.text);
    CHECK(rows[0].id == 1 && rows[2].id == 3, "ids %lld %lld", (long long)rows[0].id,
          (long long)rows[2].id);
    CHECK(store_parked_list(s, &of_a, see_parked, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("1 a/x c 18446744073709551614.7 x2 'why' 3 3[];"
         "3 a/ingest c 18446744073709551614.7 x2 'why' 3 5[];");
    CHECK(store_parked_list(s, &(struct store_parked_filter){.after = 1, .count_max = 1},
                            see_parked, NULL, &err) == ST_OK,
          "%s", err.text);
    SEEN("2 b/x c 18446744073709551614.7 x2 'why' 3 3[];");
    CHECK(store_parked_show(s, TENANT_A, 2, see_parked, NULL, &err) == ST_END,
          "another tenant's row was shown");
    CHECK(store_parked_show(s, TENANT_B, 2, see_parked, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("2 b/x c 18446744073709551614.7 x2 'why' 3 3[two];");
    CHECK(store_parked_drop(s, 2, &of_a, &dropped, &err) == ST_END && dropped == 0,
          "another tenant's row was dropped");
    CHECK(store_parked_drop(s, 0, &all, &dropped, &err) == ST_INVALID, "all tenants' were dropped");
    CHECK(store_parked_drop(s, 0, &of_x, &dropped, &err) == ST_OK && dropped == 1, "%s", err.text);
    CHECK(store_parked_drop(s, 3, &of_a, &dropped, &err) == ST_OK && dropped == 1, "%s", err.text);
    CHECK(store_parked_count(s, NULL, NULL, &totals, &err) == ST_OK && totals.entries == 1 &&
              totals.rows == 2,
          "%llu entries", (unsigned long long)totals.entries);
    CHECK(store_parked_count(s, TENANT_A, NULL, &totals, &err) == ST_OK && totals.entries == 0,
          "%llu entries of a", (unsigned long long)totals.entries);

    store_parked_limit(s, totals.size_bytes + 3000);
    rows[0] = row_of(TENANT_A, "x", "one");
    uint64_t before = 0, taken = 0;
    enum status st = ST_OK;

    CHECK(store_parked_count(s, NULL, NULL, &totals, &err) == ST_OK, "%s", err.text);
    before = totals.entries;
    for (; st == ST_OK && taken < 100; taken += st == ST_OK)
        st = store_park(s, rows, 2, &err);
    CHECK(st == ST_FULL && taken >= 1 && taken <= 3, "%d after %llu: %s", st,
          (unsigned long long)taken, err.text);
    CHECK(store_parked_count(s, NULL, NULL, &totals, &err) == ST_OK &&
              totals.entries == before + 2 * taken,
          "all or none: %llu entries", (unsigned long long)totals.entries);
    struct store_parked_filter of_b = {.tenant = TENANT_B};

    CHECK(store_parked_drop(s, 0, &of_a, &dropped, &err) == ST_OK &&
              store_parked_drop(s, 0, &of_b, &dropped, &err) == ST_OK &&
              store_parked_count(s, NULL, NULL, &totals, &err) == ST_OK && totals.entries == 0 &&
              totals.size_bytes == 0,
          "%llu bytes are left", (unsigned long long)totals.size_bytes);
    CHECK(store_park(s, rows, 1, &err) == ST_OK && rows[0].id > 3, "an id was used again: %lld",
          (long long)rows[0].id);
    seen[0] = '\0';
    store_close(s);
    clean();
}

static void
check_cursors_and_values(void)
{
    struct store *s = opened();
    struct err err = {""};
    uint64_t position = 0;
    uint32_t row = 0;
    char *value = NULL;
    size_t size = 0;
    static char large[65537];
    struct store_cursor c = {TENANT_A, "events", "g", UINT64_C(1) << 40, 3, 1};

    CHECK(store_cursor_get(s, TENANT_A, "events", "g", &position, &row, &err) == ST_END, "there");
    CHECK(store_cursor_set(s, &c, &err) == ST_OK, "%s", err.text);
    c.row = 4;
    CHECK(store_cursor_set(s, &c, &err) == ST_OK, "%s", err.text);
    CHECK(store_cursor_get(s, TENANT_A, "events", "g", &position, &row, &err) == ST_OK &&
              position == c.position && row == 4,
          "%s", err.text);
    CHECK(store_cursor_get(s, TENANT_B, "events", "g", &position, &row, &err) == ST_END,
          "another tenant's cursor");
    CHECK(store_cursors(s, TENANT_A, see_cursor, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("a events g 1099511627776.4;");
    CHECK(store_cursor_delete(s, TENANT_A, "events", "h", &err) == ST_END, "no such group");
    CHECK(store_cursor_delete(s, TENANT_A, "events", "g", &err) == ST_OK, "%s", err.text);

    CHECK(store_value_get(s, "k", &value, &size, &err) == ST_END, "there");
    CHECK(store_value_set(s, "k", (struct span){"a\0b", 3}, &err) == ST_OK, "%s", err.text);
    CHECK(store_value_get(s, "k", &value, &size, &err) == ST_OK && size == 3 &&
              memcmp(value, "a\0b", 4) == 0,
          "%s", err.text);
    free(value);
    CHECK(store_value_set(s, "k", (struct span){large, sizeof large}, &err) == ST_INVALID, "large");
    CHECK(store_groups_get(s, TENANT_A, &value, &err) == ST_END, "there");
    CHECK(store_groups_set(s, TENANT_A, span_of("[]"), 1, &err) == ST_OK, "%s", err.text);
    CHECK(store_groups_get(s, TENANT_A, &value, &err) == ST_OK && strcmp(value, "[]") == 0, "%s",
          err.text);
    free(value);
    store_close(s);
    clean();
}

static void
check_two_processes(void)
{
    struct store *daemon_side = opened(), *tool_side = opened();
    struct err err = {""};
    struct store_token t = {.id = "abc", .tenant = TENANT_A, .name = "n"};
    uint64_t before = store_changed(daemon_side), after;

    CHECK(store_changed(daemon_side) == before, "it changed by itself");
    CHECK(store_token_add(tool_side, &t, &err) == ST_OK, "%s", err.text);
    after = store_changed(daemon_side);
    CHECK(after != before, "the other side's token went unseen");
    CHECK(store_token_revoke(daemon_side, "abc", 1, &err) == ST_OK, "%s", err.text);
    CHECK(store_changed(daemon_side) != after, "its own change went unseen");
    after = store_changed(daemon_side);
    CHECK(store_token_revoke(daemon_side, "nope", 1, &err) == ST_END, "nope");
    CHECK(store_value_set(daemon_side, "k", span_of("v"), &err) == ST_OK, "%s", err.text);
    CHECK(store_changed(daemon_side) == after, "a value of its own counts as a change");
    store_close(tool_side);
    store_close(daemon_side);
    clean();
}

/* A process that dies right after ST_OK: what it kept is there. */
static void
check_crash(void)
{
    struct err err = {""};
    pid_t child = fork();

    if (child == 0) {
        struct store *s = NULL;
        struct store_parked row = row_of(TENANT_A, "x", "kept");

        if (store_open(path, &s, &err) != ST_OK || store_park(s, &row, 1, &err) != ST_OK)
            _exit(1);
        raise(SIGKILL);
    }
    int how = 0;

    CHECK(waitpid(child, &how, 0) == child && WIFSIGNALED(how), "the child did not get so far");
    struct store *s = opened();

    CHECK(store_parked_show(s, TENANT_A, 1, see_parked, NULL, &err) == ST_OK, "%s", err.text);
    SEEN("1 a/x c 18446744073709551614.7 x2 'why' 3 4[kept];");
    store_close(s);
    clean();
}

/* Files may not grow: parking fails as a whole, and works again when there is room. */
static void
check_disk_full(void)
{
    struct store *s = opened();
    struct err err = {""};
    struct rlimit old, small;
    size_t size = 1 << 20;
    char *large = malloc(size + 1);
    struct store_parked rows[2] = {row_of(TENANT_A, "x", "small"), row_of(TENANT_A, "x", "")};
    struct store_parked_totals totals = {0};

    memset(large, 'x', size);
    large[size] = '\0';
    rows[1].bytes = (struct span){large, size};
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){200000, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    enum status st = store_park(s, rows, 2, &err);

    setrlimit(RLIMIT_FSIZE, &old);
    CHECK((st == ST_IO || st == ST_FULL) && strstr(err.text, "park rows") != NULL, "%d '%s'", st,
          err.text);
    CHECK(store_parked_count(s, NULL, NULL, &totals, &err) == ST_OK && totals.entries == 0,
          "half of it was kept");
    CHECK(store_park(s, rows, 2, &err) == ST_OK, "%s", err.text);
    free(large);
    store_close(s);
    clean();
}

static void
run_sql(const char *sql)
{
    sqlite3 *db = NULL;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, sql, NULL, NULL, NULL) == 0,
          "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void
check_open(void)
{
    struct store *s = NULL;
    struct err err = {""};
    struct stat info;

    s = opened();
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600, "mode %o", info.st_mode);
    store_close(s);
    run_sql("PRAGMA user_version = 999");
    CHECK(store_open(path, &s, &err) == ST_INVALID && strstr(err.text, "newer penstock"), "%s",
          err.text);
    clean();
    run_sql("CREATE TABLE x (y)");
    CHECK(store_open(path, &s, &err) == ST_INVALID && strstr(err.text, "not one of penstock"), "%s",
          err.text);
    clean();
    CHECK(file_replace(path,
                       SPAN_LITERAL("this is no database, but some text or other: more than "
                                    "a header's hundred bytes, to be sure of that......"),
                       0600, &err) == ST_OK,
          "%s", err.text);
    CHECK(store_open(path, &s, &err) == ST_IO, "text was taken: %s", err.text);
    clean();
    CHECK(store_open("/no/such/folder/x.db", &s, &err) == ST_IO, "%s", err.text);
    store_close(NULL);
}

static void *
park_many(void *app)
{
    struct err err = {""};
    struct store_parked row = row_of(TENANT_A, "x", "bytes");
    uintptr_t failed = 0;

    for (int i = 0; i < 20; i++)
        failed += store_park(app, &row, 1, &err) != ST_OK;
    return (void *)failed;
}

static void
check_threads(void)
{
    struct store *s = opened(), *other = opened();
    struct err err = {""};
    struct store_parked_totals totals = {0};
    pthread_t threads[4];
    void *failed;

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_create(&threads[i], NULL, park_many, i % 2 ? s : other);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        pthread_join(threads[i], &failed);
        CHECK(failed == NULL, "some were not parked");
    }
    CHECK(store_parked_count(s, NULL, NULL, &totals, &err) == ST_OK && totals.entries == 80,
          "%llu entries", (unsigned long long)totals.entries);
    store_close(other);
    store_close(s);
    clean();
}

int
main(void)
{
    CHECK(mkdtemp(folder) != NULL, "no folder");
    snprintf(path, sizeof path, "%s/store.db", folder);
    check_open();
    check_tenants_and_tokens();
    check_settings();
    check_parked();
    check_cursors_and_values();
    check_two_processes();
    check_crash();
    check_disk_full();
    check_threads();
    rmdir(folder);
    return test_end();
}
