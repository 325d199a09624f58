#include "penstock/cmd_token.h"
#include "base/clock.h"
#include "control/control.h"
#include "control/secrets.h"
#include "control/store.h"
#include "control/tokens.h"
#include "model/arm_id.h"
#include "model/datetime.h"
#include "penstock/client.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "usage: penstock token create --role ROLE[,ROLE] [--tenant GUID|*] [--name TEXT]\n"
    "                             [--expires 30d|12h|2027-01-31]\n"
    "       penstock token list\n"
    "       penstock token revoke ID\n"
    "\n"
    "Bearer tokens. They are kept in the store of the data folder, as hashes: a token's text is\n"
    "shown once, when it is made. The daemon need not run; if it does, it knows within seconds.\n"
    "\n"
    "Roles:\n";
static const char options_help[] =
    "\n"
    "Options:\n"
    "  --tenant GUID   whose token it is ($PENSTOCK_TENANT; the only tenant, if there is but\n"
    "                  one); * is for Operator, and for ingest by a forwarder of all tenants\n"
    "  --name TEXT     for the list\n"
    "  --expires WHEN  after so many days (d) or hours (h), or at a date\n"
    "  --data DIR      the daemon's data folder ($PENSTOCK_DATA; /var/lib/penstock,\n"
    "                  ./penstock-data)\n"
    "  --json          print JSON\n";

struct token_options {
    const char *tenant, *roles, *name, *expires, *data;
    bool json;
};

static void
usage_print(FILE *out)
{
    fputs(help, out);
    for (const struct role_row *r = role_rows; r->name != NULL; r++)
        fprintf(out, "  %-22s %s\n", r->name, r->help);
    fputs(options_help, out);
}

static int refuse(const char *format, ...) PRINTF_LIKE(1, 2);

static int
refuse(const char *format, ...)
{
    va_list args;

    fputs("penstock token: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return CLIENT_REFUSED;
}

static int
open_store(const struct token_options *o, struct store **store)
{
    const char *data = client_data_folder(o->data);
    char path[4200];
    struct err err = {""};

    snprintf(path, sizeof path, "%s/store.db", data);
    if (access(path, F_OK) != 0)
        return refuse("there is no store %s: name the daemon's data folder with --data, or start "
                      "the daemon once",
                      path);
    if (store_open(path, store, &err) != ST_OK)
        return refuse("%s", err.text);
    return CLIENT_DONE;
}

/* ---- create ---- */

struct only_tenant {
    char id[40];
    unsigned count;
};

static bool
note_active(void *app, const struct store_tenant *t)
{
    struct only_tenant *only = app;

    if (t->is_active) {
        snprintf(only->id, sizeof only->id, "%s", t->id);
        only->count++;
    }
    return true;
}

static int
find_tenant(struct store *store, const struct token_options *o, unsigned roles, char tenant[40])
{
    const char *given = o->tenant != NULL ? o->tenant : getenv("PENSTOCK_TENANT");
    struct only_tenant only = {0};
    struct err err = {""};

    if (given == NULL && (roles & ROLE_OPERATOR) != 0)
        given = CONTROL_EVERY_TENANT;
    if (given != NULL) {
        char guid[37];

        if (strcmp(given, CONTROL_EVERY_TENANT) != 0 && !guid_copy(span_of(given), guid))
            return refuse("--tenant %.60s is neither a GUID nor *", given);
        snprintf(tenant, 40, "%s", strcmp(given, CONTROL_EVERY_TENANT) == 0 ? given : guid);
        return CLIENT_DONE;
    }
    if (store_tenants(store, note_active, &only, &err) != ST_OK)
        return refuse("%s", err.text);
    if (only.count != 1)
        return refuse("there are %u tenants: say which with --tenant", only.count);
    snprintf(tenant, 40, "%s", only.id);
    return CLIENT_DONE;
}

static int
read_roles(const char *text, unsigned *roles)
{
    *roles = 0;
    while (text != NULL && *text != '\0') {
        struct span name = {text, strcspn(text, ",")};
        unsigned role = role_read(name);

        if (role == 0)
            return refuse("there is no role '%.*s'; see penstock token --help",
                          name.n < 60 ? (int)name.n : 60, name.p);
        *roles |= role;
        text += name.n + (text[name.n] == ',');
    }
    return *roles != 0 ? CLIENT_DONE : client_usage_error("penstock token", "--role is missing");
}

static int
read_expiry(const char *text, int64_t now, int64_t *expires)
{
    char *end, date[64];
    unsigned long long n;

    *expires = 0;
    if (text == NULL)
        return CLIENT_DONE;
    n = strtoull(text, &end, 10);
    if (end != text && n > 0 && n <= 36500 && strcmp(end, "d") == 0) {
        *expires = now + (int64_t)n * 24 * TICKS_PER_HOUR;
        return CLIENT_DONE;
    }
    if (end != text && n > 0 && n <= 876000 && strcmp(end, "h") == 0) {
        *expires = now + (int64_t)n * TICKS_PER_HOUR;
        return CLIENT_DONE;
    }
    snprintf(date, sizeof date, "%s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
    if (datetime_read(span_of(date), expires) && *expires > now)
        return CLIENT_DONE;
    return refuse("--expires %.40s is not like 30d, 12h or a date to come like 2027-01-31", text);
}

static void
moment_write(int64_t ticks, char out[32])
{
    char text[DATETIME_TEXT_SIZE];

    if (ticks == 0) {
        snprintf(out, 32, "-");
        return;
    }
    datetime_write(text, ticks);
    snprintf(out, 32, "%.19sZ", text);
}

static json_t *
roles_tree(unsigned roles)
{
    json_t *list = json_array();

    for (const struct role_row *r = role_rows; r->name != NULL; r++)
        if (roles & r->role)
            json_array_append_new(list, json_string(r->name));
    return list;
}

static json_t *
moment_tree(int64_t ticks)
{
    char text[32];

    moment_write(ticks, text);
    return ticks == 0 ? json_null() : json_string(text);
}

static int
create(struct store *store, const struct token_options *o)
{
    char text[TOKEN_TEXT_SIZE], id[TOKEN_ID_SIZE] = "", tenant[40], roles[120];
    struct token_request r = {.tenant = tenant,
                              .name = o->name != NULL ? o->name : "made on the command line",
                              .created = clock_ticks()};
    struct err err = {""};
    int code = read_roles(o->roles, &r.roles);

    if (code == CLIENT_DONE)
        code = read_expiry(o->expires, r.created, &r.expires);
    if (code == CLIENT_DONE)
        code = find_tenant(store, o, r.roles, tenant);
    if (code != CLIENT_DONE)
        return code;
    if (token_create(store, &r, text, &err) != ST_OK)
        return refuse("%s", err.text);
    (void)token_text_is(span_of(text), id);
    roles_write(r.roles, roles);
    if (o->json) {
        json_t *tree = json_pack("{s:s, s:s, s:s, s:o, s:s, s:o}", "id", id, "token", text,
                                 "tenant", tenant, "roles", roles_tree(r.roles), "name", r.name,
                                 "expires", moment_tree(r.expires));

        client_print_json(tree);
        json_decref(tree);
    } else {
        fprintf(stderr, "token %s of tenant %s: %s. Its text is not shown again:\n", id, tenant,
                roles);
        printf("%s\n", text);
    }
    secrets_wipe(text, sizeof text);
    return CLIENT_DONE;
}

/* ---- list ---- */

struct token_list {
    json_t *rows;
    int64_t now;
};

static const char *
state_of(const struct store_token *t, int64_t now)
{
    if (t->revoked != 0)
        return "revoked";
    return t->expires != 0 && now >= t->expires ? "expired" : "good";
}

static bool
note_token(void *app, const struct store_token *t)
{
    struct token_list *list = app;

    json_array_append_new(list->rows,
                          json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:s}", "id", t->id, "tenant",
                                    t->tenant, "roles", roles_tree(t->roles), "name", t->name,
                                    "created", moment_tree(t->created), "expires",
                                    moment_tree(t->expires), "state", state_of(t, list->now)));
    return true;
}

static void
print_list(const json_t *rows)
{
    static const char *const titles[] = {"ID", "TENANT", "ROLES", "NAME", "EXPIRES", "STATE"};
    static const char *const keys[] = {"id", "tenant", "roles", "name", "expires", "state"};
    size_t count = json_array_size(rows), columns = COUNT_OF(titles);
    const char **cells = calloc((count + 1) * columns, sizeof *cells);
    char(*roles)[120] = calloc(count + 1, sizeof *roles);

    for (size_t i = 0; i < columns && cells != NULL; i++)
        cells[i] = titles[i];
    for (size_t i = 0; i < count && cells != NULL && roles != NULL; i++) {
        const json_t *row = json_array_get(rows, i), *list = json_object_get(row, "roles");
        unsigned bits = 0;

        for (size_t k = 0; k < json_array_size(list); k++)
            bits |= role_read(span_of(json_string_value(json_array_get(list, k))));
        roles_write(bits, roles[i]);
        for (size_t k = 0; k < columns; k++)
            cells[(i + 1) * columns + k] = strcmp(keys[k], "roles") == 0
                                               ? roles[i]
                                               : json_string_value(json_object_get(row, keys[k]));
    }
    if (cells != NULL && roles != NULL)
        client_print_table(cells, count + 1, columns);
    free(cells);
    free(roles);
}

static int
list_all(struct store *store, const struct token_options *o)
{
    struct token_list list = {.rows = json_array(), .now = clock_ticks()};
    struct err err = {""};
    int code = CLIENT_DONE;

    if (store_tokens(store, note_token, &list, &err) != ST_OK)
        code = refuse("%s", err.text);
    else if (o->json)
        client_print_json(list.rows);
    else
        print_list(list.rows);
    json_decref(list.rows);
    return code;
}

static int
revoke_one(struct store *store, const char *given)
{
    char id[TOKEN_ID_SIZE];
    struct err err = {""};

    /* The whole text is taken as well: whoever has to revoke it has that at hand. */
    if (!token_text_is(span_of(given), id))
        snprintf(id, sizeof id, "%s", strlen(given) < sizeof id ? given : "");
    if (store_token_revoke(store, id, clock_ticks(), &err) != ST_OK)
        return refuse("%s; see penstock token list", err.text);
    fprintf(stderr, "token %s is revoked\n", id);
    return CLIENT_DONE;
}

static int
run(const char *verb, const char *argument, const struct token_options *o)
{
    bool is_create = strcmp(verb, "create") == 0, is_list = strcmp(verb, "list") == 0;
    bool is_revoke = strcmp(verb, "revoke") == 0;
    struct store *store = NULL;
    int code;

    if (!is_create && !is_list && !is_revoke)
        return client_usage_error("penstock token", "'%.40s' is not create, list or revoke", verb);
    if (is_revoke != (argument != NULL))
        return client_usage_error(
            "penstock token",
            is_revoke ? "revoke needs a token's id" : "'%.40s' is one word too many", argument);
    code = open_store(o, &store);
    if (code != CLIENT_DONE)
        return code;
    code = is_create ? create(store, o)
           : is_list ? list_all(store, o)
                     : revoke_one(store, argument);
    store_close(store);
    return code;
}

int
cmd_token(int argc, char **argv)
{
    enum { TENANT = 1000, ROLE, NAME, EXPIRES, DATA, JSON };
    static const struct option table[] = {
        {"tenant",  required_argument, NULL, TENANT },
        {"role",    required_argument, NULL, ROLE   },
        {"name",    required_argument, NULL, NAME   },
        {"expires", required_argument, NULL, EXPIRES},
        {"data",    required_argument, NULL, DATA   },
        {"json",    no_argument,       NULL, JSON   },
        {"help",    no_argument,       NULL, 'h'    },
        {NULL,      0,                 NULL, 0      },
    };
    struct token_options o = {0};
    char roles[200] = "";
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (option) {
        case TENANT:
            o.tenant = optarg;
            break;
        case ROLE: { /* may be given several times */
            size_t n = strlen(roles);

            snprintf(roles + n, sizeof roles - n, "%s%s", n > 0 ? "," : "", optarg);
            o.roles = roles;
            break;
        }
        case NAME:
            o.name = optarg;
            break;
        case EXPIRES:
            o.expires = optarg;
            break;
        case DATA:
            o.data = optarg;
            break;
        case JSON:
            o.json = true;
            break;
        case 'h':
            usage_print(stdout);
            return CLIENT_DONE;
        default:
            return CLIENT_USAGE; /* getopt has said why */
        }
    }
    if (optind == argc) {
        usage_print(stderr);
        return CLIENT_USAGE;
    }
    if (argc - optind > 2)
        return client_usage_error("penstock token", "'%.40s' is one word too many",
                                  argv[optind + 2]);
    return run(argv[optind], argc - optind == 2 ? argv[optind + 1] : NULL, &o);
}
