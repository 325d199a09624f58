/* workspace_remote.c - "penstock workspace" where a daemon has the file: its routes are asked. */
#include "base/file.h"
#include "kql/value.h"
#include "penstock/workspace_command.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_ROOM = 8192 };

static int64_t
time_at(const json_t *object, const char *key)
{
    const char *text = client_text_at(object, key);
    int64_t ticks = 0;

    return text != NULL && kql_read_datetime(span_of(text), &ticks) ? ticks : 0;
}

static int
list(const struct workspace_command *o, struct client *c, const char *name)
{
    char path[PATH_ROOM];
    json_t *answer = NULL, *one;
    size_t i;
    int code;

    snprintf(path, sizeof path, "/api/workspaces/%s/tables", name);
    code = client_call(c, "GET", path, NULL, &answer);
    json_array_foreach(json_object_get(answer, "value"), i, one)
    {
        const char *table = client_text_at(one, "name");

        workspace_size_print(
            o, &(struct workspace_size){
                   .table = table != NULL ? table : "",
                   .rows = (uint64_t)json_integer_value(json_object_get(one, "rows")),
                   .bytes = (uint64_t)json_integer_value(json_object_get(one, "bytes")),
                   .oldest = time_at(one, "oldest"),
                   .newest = time_at(one, "newest")});
    }
    json_decref(answer);
    return code;
}

static void
put_text(json_t *body, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(body, key, json_string(text));
}

static int
purge(const struct workspace_command *o, struct client *c, const char *name)
{
    char path[PATH_ROOM];
    json_t *body = json_object(), *answer = NULL;
    int code;

    put_text(body, "table", o->table);
    put_text(body, "from", o->from_text);
    put_text(body, "before", o->before_text);
    put_text(body, "where", o->where);
    json_object_set_new(body, "dryRun", json_boolean(o->dry_run));
    snprintf(path, sizeof path, "/api/workspaces/%s/purge", name);
    code = client_call(c, "POST", path, body, &answer);
    if (code == CLIENT_DONE)
        printf("%" JSON_INTEGER_FORMAT " rows %s\n",
               json_integer_value(json_object_get(answer, "rows")),
               o->dry_run ? "would go" : "taken out");
    json_decref(answer);
    json_decref(body);
    return code;
}

/* Appends "&key=value". False: it does not fit. */
static bool
put_query(char path[PATH_ROOM], const char *key, const char *value)
{
    size_t n = strlen(path);

    if (value == NULL)
        return true;
    n += (size_t)snprintf(path + n, PATH_ROOM - n, "&%s=", key);
    return n < PATH_ROOM && client_encode(value, path + n, PATH_ROOM - n);
}

static int
file_write(const struct workspace_command *o, struct span bytes)
{
    FILE *out = fopen(o->to, "wbe");
    bool is_good = out != NULL && fwrite(bytes.p, 1, bytes.n, out) == bytes.n;

    if (out != NULL && fclose(out) != 0)
        is_good = false;
    if (!is_good) {
        fprintf(stderr, "penstock workspace: cannot write %s: %s\n", o->to, strerror(errno));
        if (out != NULL)
            unlink(o->to);
        return EXIT_UNREACHABLE;
    }
    printf("%zu bytes written to %s\n", bytes.n, o->to);
    return EXIT_DONE;
}

static int
export_file(const struct workspace_command *o, struct client *c, const char *name)
{
    char path[PATH_ROOM], table[300];
    struct http_exchange x;
    int code;

    if (!client_encode(o->table, table, sizeof table))
        return client_usage_error(c->command, "the table's name is too long");
    snprintf(path, sizeof path, "/api/workspaces/%s/tables/%s/export?format=parquet", name, table);
    if (!put_query(path, "from", o->from_text) || !put_query(path, "until", o->before_text) ||
        !put_query(path, "where", o->where) || !put_query(path, "shape", o->shape) ||
        !put_query(path, "ticks", o->plain ? "false" : NULL) ||
        !put_query(path, "tenantId", c->tenant[0] != '\0' ? c->tenant : NULL))
        return client_usage_error(c->command, "the predicate is too long");
    code = client_fetch(c, "GET", path, (struct span){NULL, 0}, NULL, &x);
    if (code != CLIENT_DONE)
        return code;
    return x.status == 200 ? file_write(o, x.response) : client_complain(c, o->table, &x);
}

int
workspace_remote(const struct workspace_command *o)
{
    struct client c;
    char name[700];
    struct err err;
    int code;

    if (client_open(&c, "penstock workspace", &o->client, &err) != ST_OK)
        return client_usage_error("penstock workspace", "%s", err.text);
    if (!client_encode(o->name, name, sizeof name))
        code = client_usage_error("penstock workspace", "the name is too long");
    else if (o->verb == WORKSPACE_LIST)
        code = list(o, &c, name);
    else if (o->verb == WORKSPACE_PURGE)
        code = purge(o, &c, name);
    else
        code = export_file(o, &c, name);
    client_close(&c);
    return code;
}
