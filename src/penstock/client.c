#include "penstock/client.h"
#include "base/file.h"
#include "model/arm_id.h"
#include <ctype.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool
client_option(struct client_settings *s, int option, const char *value)
{
    switch (option) {
    case CLIENT_URL:
        s->url = value;
        return true;
    case CLIENT_TOKEN:
        s->token = value;
        return true;
    case CLIENT_TOKEN_FILE:
        s->token_file = value;
        return true;
    case CLIENT_TENANT:
        s->tenant = value;
        return true;
    case CLIENT_DATA:
        s->data = value;
        return true;
    case CLIENT_CA_FILE:
        s->ca_file = value;
        return true;
    case CLIENT_INSECURE:
        s->insecure = true;
        return true;
    case CLIENT_JSON:
        s->json = true;
        return true;
    default:
        return false;
    }
}

/* ---- finding the daemon */

static const char *
either(const char *given, const char *name)
{
    const char *value = given != NULL ? given : getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

const char *
client_data_folder(const char *given)
{
    const char *data = either(given, "PENSTOCK_DATA");
    struct stat info;

    if (data != NULL)
        return data;
    return stat("/var/lib/penstock", &info) == 0 && S_ISDIR(info.st_mode) ? "/var/lib/penstock"
                                                                          : "penstock-data";
}

static enum status
set_token(struct client *c, const char *token, const char *where, struct err *err)
{
    size_t n = strlen(token);

    while (n > 0 && isspace((unsigned char)token[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++)
        if (token[i] <= ' ' || token[i] == 0x7f)
            return err_set(err, ST_INVALID, "%s is to hold one token and nothing else", where);
    if (n == 0 || n > CLIENT_TOKEN_MAX)
        return err_set(err, ST_INVALID, "%s holds no token", where);
    snprintf(c->authorization, sizeof c->authorization, "Authorization: Bearer %.*s", (int)n,
             token);
    return ST_OK;
}

static enum status
find_token(struct client *c, const struct client_settings *s, struct err *err)
{
    const char *token = either(s->token, "PENSTOCK_TOKEN");
    char path[CLIENT_PATH_MAX], *text = NULL;
    size_t size;

    if (s->token != NULL || (token != NULL && s->token_file == NULL))
        return set_token(c, token == NULL ? "" : token,
                         s->token != NULL ? "--token" : "PENSTOCK_TOKEN", err);
    snprintf(path, sizeof path, "%s%s",
             s->token_file != NULL ? s->token_file : client_data_folder(s->data),
             s->token_file != NULL ? "" : "/operator.token");
    enum status st = file_read(path, CLIENT_TOKEN_MAX, &text, &size, err);

    if (st == ST_OK) {
        st = set_token(c, text, path, err);
        explicit_bzero(text, size);
        free(text);
        return st;
    }
    /* without a token the daemon may still answer, or say that it wants one */
    return s->token_file == NULL ? ST_OK : ST_INVALID;
}

static bool
is_this_machine(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = url + strlen("https://");

    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t n = strlen(hosts[i]);

        if (strncmp(host, hosts[i], n) == 0 &&
            (host[n] == ':' || host[n] == '/' || host[n] == '\0'))
            return true;
    }
    return false;
}

static void
find_authorities(struct client *c, const struct client_settings *s)
{
    if (s->ca_file != NULL) {
        snprintf(c->ca_file, sizeof c->ca_file, "%s", s->ca_file);
        return;
    }
    if (strncmp(c->url, "https://", 8) != 0 || !is_this_machine(c->url))
        return;
    snprintf(c->ca_file, sizeof c->ca_file, "%s/tls-certificate.pem", client_data_folder(s->data));
    if (access(c->ca_file, R_OK) != 0)
        c->ca_file[0] = '\0';
}

static enum status
open_http(struct client *c, struct err *err)
{
    struct http_client_options o = {
        .connect_ms_max = 10000,
        .total_ms_max = 600000,
        .stall_ms_max = 120000,
        .ca_file = c->ca_file[0] != '\0' ? c->ca_file : NULL,
        .insecure = c->insecure,
        .response_size_max = CLIENT_RESPONSE_MAX,
        .stop = c->stop,
    };

    return http_client_open(&o, &c->http, err);
}

enum status
client_open(struct client *c, const char *command, const struct client_settings *s, struct err *err)
{
    const char *url = either(s->url, "PENSTOCK_URL"),
               *tenant = either(s->tenant, "PENSTOCK_TENANT");

    memset(c, 0, sizeof *c);
    c->command = command;
    c->insecure = s->insecure;
    c->json = s->json;
    c->stop = s->stop;
    if (url == NULL)
        url = "http://127.0.0.1:7780";
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        strlen(url) >= sizeof c->url)
        return err_set(err, ST_INVALID, "the URL '%.80s' does not begin with http:// or https://",
                       url);
    snprintf(c->url, sizeof c->url, "%s", url);
    for (size_t n = strlen(c->url); n > 0 && c->url[n - 1] == '/';)
        c->url[--n] = '\0';
    if (tenant != NULL && !guid_copy(span_of(tenant), c->tenant))
        return err_set(
            err, ST_INVALID,
            "the tenant '%.60s' is no GUID, such as 7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef", tenant);
    enum status st = find_token(c, s, err);

    if (st != ST_OK)
        return st;
    find_authorities(c, s);
    return open_http(c, err);
}

enum status
client_open_again(struct client *c, const struct client *other, struct err *err)
{
    *c = *other;
    c->http = NULL;
    return open_http(c, err);
}

void
client_close(struct client *c)
{
    if (c->http != NULL)
        http_client_close(c->http);
    c->http = NULL;
    explicit_bzero(c->authorization, sizeof c->authorization);
}

/* ---- asking */

bool
client_encode(const char *text, char *out, size_t room)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        bool is_plain = isalnum(*p) || strchr("-._~", *p) != NULL;

        if (n + (is_plain ? 1 : 3) >= room)
            return false;
        if (is_plain) {
            out[n++] = (char)*p;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[*p >> 4];
        out[n++] = hex[*p & 15];
    }
    out[n] = '\0';
    return true;
}

int
client_usage_error(const char *command, const char *format, ...)
{
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s: %s; see: %s --help\n", command, text, command);
    return CLIENT_USAGE;
}

/* Texts of a peer go to a terminal: without control characters. */
static void
print_safely(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        fputc(c < 0x20 || c == 0x7f ? ' ' : c, stderr);
    }
}

static int
exit_code_of(unsigned http_status)
{
    if (http_status == 401 || http_status == 403)
        return CLIENT_USAGE;
    return http_status == 429 || http_status >= 500 ? CLIENT_UNREACHABLE : CLIENT_REFUSED;
}

/* What an error is made of, a line each: the places of a query that are wrong. */
static void
print_details(const json_t *details)
{
    for (size_t i = 0; i < json_array_size(details); i++) {
        const json_t *one = json_array_get(details, i);
        const char *message = json_string_value(json_object_get(one, "message"));
        const char *target = json_string_value(json_object_get(one, "target"));

        if (message == NULL)
            continue;
        fputs("  ", stderr);
        if (target != NULL)
            print_safely(target, strlen(target));
        if (json_object_get(one, "line") != NULL)
            fprintf(stderr, ":%lld:%lld",
                    (long long)json_integer_value(json_object_get(one, "line")),
                    (long long)json_integer_value(json_object_get(one, "column")));
        fputs(": ", stderr);
        print_safely(message, strlen(message));
        fputc('\n', stderr);
    }
}

int
client_complain(const struct client *c, const char *what, const struct http_exchange *x)
{
    json_t *tree = json_loadb(x->response.p, x->response.n, 0, NULL);
    const char *message =
        json_string_value(json_object_get(json_object_get(tree, "error"), "message"));

    fprintf(stderr, "%s: %s: HTTP %u", c->command, what, x->status);
    if (message != NULL || x->response.n > 0) {
        fputs(": ", stderr);
        if (message != NULL)
            print_safely(message, strlen(message));
        else
            print_safely(x->response.p, x->response.n < 500 ? x->response.n : 500);
    }
    fputc('\n', stderr);
    print_details(json_object_get(json_object_get(tree, "error"), "details"));
    if (x->status == 401 || x->status == 403)
        fprintf(stderr,
                "%s: %s; give one by --token-file or PENSTOCK_TOKEN, or run as who may read "
                "operator.token in the daemon's data folder (--data)\n",
                c->command,
                c->authorization[0] == '\0' ? "no token was found"
                                            : "the token is not good for this");
    json_decref(tree);
    return exit_code_of(x->status);
}

int
client_fetch(struct client *c, const char *method, const char *path, struct span body,
             const char *content_type, struct http_exchange *x)
{
    return client_fetch_preferring(c, method, path, body, content_type, NULL, x);
}

int
client_fetch_preferring(struct client *c, const char *method, const char *path, struct span body,
                        const char *content_type, const char *prefer, struct http_exchange *x)
{
    char url[8192], type[128], preferred[200];
    const char *headers[4] = {NULL};
    struct err err = {""};
    size_t n = 0;

    if ((size_t)snprintf(url, sizeof url, "%s%s", c->url, path) >= sizeof url)
        return client_usage_error(c->command, "the path is too long");
    snprintf(type, sizeof type, "Content-Type: %s", content_type == NULL ? "" : content_type);
    if (content_type != NULL)
        headers[n++] = type;
    if (c->authorization[0] != '\0')
        headers[n++] = c->authorization;
    snprintf(preferred, sizeof preferred, "Prefer: %s", prefer == NULL ? "" : prefer);
    if (prefer != NULL)
        headers[n++] = preferred;
    *x = (struct http_exchange){.method = method,
                                .url = url,
                                .headers = headers,
                                .body = body.p == NULL ? NULL : &body,
                                .body_count = body.p == NULL ? 0 : 1};
    enum status st = http_client_send(c->http, x, &err);

    /* what was lent for the call is gone when it returns */
    x->url = NULL;
    x->headers = NULL;
    x->body = NULL;
    if (st == ST_OK)
        return CLIENT_DONE;
    fprintf(stderr, "%s: cannot reach %s: %s\n", c->command, c->url, err.text);
    if (st == ST_IO)
        fprintf(stderr, "%s: is the daemon running? start it: penstock serve\n", c->command);
    return st == ST_INVALID ? CLIENT_USAGE : CLIENT_UNREACHABLE;
}

int
client_call(struct client *c, const char *method, const char *path, const json_t *body,
            json_t **answer)
{
    char full[4096], what[256];
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    struct http_exchange x;

    if (answer != NULL)
        *answer = NULL;
    if (body != NULL && text == NULL) {
        fprintf(stderr, "%s: no memory\n", c->command);
        return CLIENT_UNREACHABLE;
    }
    snprintf(full, sizeof full, "%s%s%s%s", path,
             c->tenant[0] == '\0'        ? ""
             : strchr(path, '?') != NULL ? "&"
                                         : "?",
             c->tenant[0] == '\0' ? "" : "tenantId=", c->tenant);
    int code = client_fetch(c, method, full, text == NULL ? (struct span){0} : span_of(text),
                            text == NULL ? NULL : "application/json", &x);

    free(text);
    if (code != CLIENT_DONE)
        return code;
    snprintf(what, sizeof what, "%s %s", method, path);
    if (x.status < 200 || x.status >= 300)
        return client_complain(c, what, &x);
    if (answer != NULL && x.response.n > 0) {
        json_error_t why;

        *answer = json_loadb(x.response.p, x.response.n, 0, &why);
        if (*answer == NULL) {
            fprintf(stderr, "%s: %s answered no JSON to %s: %s\n", c->command, c->url, what,
                    why.text);
            return CLIENT_UNREACHABLE;
        }
    }
    return CLIENT_DONE;
}

/* ---- output */

/* Columns that a terminal gives the text: one for each character, as good as without a table. */
static size_t
width_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void
client_print_table(const char *const *cells, size_t row_count, size_t column_count)
{
    for (size_t row = 0; row < row_count; row++) {
        for (size_t column = 0; column < column_count; column++) {
            const char *text = cells[row * column_count + column];
            size_t widest = 0;

            text = text == NULL ? "-" : text;
            for (size_t i = 0; i < row_count; i++) {
                const char *other = cells[i * column_count + column];
                size_t width = width_of(other == NULL ? "-" : other);

                widest = width > widest ? width : widest;
            }
            for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
                putchar(*p < 0x20 || *p == 0x7f ? '?' : *p);
            if (column + 1 < column_count)
                printf("%*s", (int)(widest - width_of(text) + 2), "");
        }
        putchar('\n');
    }
}

enum { TREE_CELL_MAX = 160, TREE_COLUMNS_MAX = 12, TREE_ROWS_MAX = 10000, TREE_DEPTH_MAX = 8 };

/* A plain value as text; false for objects and arrays that hold something. */
static bool
plain_text(const json_t *value, char out[TREE_CELL_MAX])
{
    if (json_is_string(value))
        snprintf(out, TREE_CELL_MAX, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(out, TREE_CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, TREE_CELL_MAX, "%.6g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(out, TREE_CELL_MAX, "%s", json_is_true(value) ? "yes" : "no");
    else if (value == NULL || json_is_null(value) ||
             json_object_size(value) + json_array_size(value) == 0)
        snprintf(out, TREE_CELL_MAX, "-");
    else
        return false;
    return true;
}

/* Columns: the plain members of the first object. */
static void
print_rows(const json_t *array)
{
    size_t rows = json_array_size(array), columns = 0;
    const char *names[TREE_COLUMNS_MAX], *key;
    json_t *value;

    rows = rows < TREE_ROWS_MAX ? rows : TREE_ROWS_MAX;
    json_object_foreach(json_array_get(array, 0), key, value)
    {
        char text[TREE_CELL_MAX];

        if (columns < TREE_COLUMNS_MAX && plain_text(value, text))
            names[columns++] = key;
    }
    const char **cells = calloc((rows + 1) * columns + 1, sizeof *cells);
    char(*texts)[TREE_CELL_MAX] = calloc(rows * columns + 1, sizeof *texts);

    for (size_t i = 0; cells != NULL && texts != NULL && i <= rows; i++)
        for (size_t k = 0; k < columns; k++) {
            if (i == 0) {
                cells[k] = names[k];
                continue;
            }
            const json_t *row = json_array_get(array, i - 1);
            char *text = texts[(i - 1) * columns + k];

            if (!plain_text(json_object_get(row, names[k]), text))
                snprintf(text, TREE_CELL_MAX, "...");
            cells[i * columns + k] = text;
        }
    if (cells != NULL && texts != NULL && columns > 0)
        client_print_table(cells, rows + 1, columns);
    free(cells);
    free(texts);
}

static void
print_level(const json_t *tree, int depth)
{
    const char *key;
    json_t *value;
    size_t widest = 0;
    char text[TREE_CELL_MAX];

    json_object_foreach((json_t *)(uintptr_t)tree, key,
                        value) if (plain_text(value, text) && strlen(key) > widest) widest =
        strlen(key);
    json_object_foreach((json_t *)(uintptr_t)tree, key, value)
    {
        if (!plain_text(value, text))
            continue;
        printf("%*s%-*s  ", depth * 2, "", (int)widest, key);
        for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
            putchar(*p < 0x20 || *p == 0x7f ? '?' : *p);
        putchar('\n');
    }
    json_object_foreach((json_t *)(uintptr_t)tree, key, value)
    {
        if (plain_text(value, text) || depth >= TREE_DEPTH_MAX)
            continue;
        printf("\n%*s%s:\n", depth * 2, "", key);
        if (json_is_object(value))
            print_level(value, depth + 1);
        else if (json_is_object(json_array_get(value, 0)))
            print_rows(value);
        else
            for (size_t i = 0; i < json_array_size(value); i++)
                printf("%*s%s\n", depth * 2 + 2, "",
                       plain_text(json_array_get(value, i), text) ? text : "...");
    }
}

void
client_print_tree(const json_t *tree)
{
    if (json_is_array(tree))
        print_rows(tree);
    else
        print_level(tree, 0);
}

void
client_print_json(const json_t *tree)
{
    json_dumpf(tree, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    putchar('\n');
}

void
client_size_text(uint64_t bytes, char *out, size_t room)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < COUNT_OF(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(out, room, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

const char *
client_text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *
client_last_segment(const char *resource_id)
{
    const char *slash = resource_id == NULL ? NULL : strrchr(resource_id, '/');

    return slash == NULL ? resource_id : slash + 1;
}
