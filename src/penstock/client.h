/* client.h - how the commands that talk to a running daemon find it, ask it, and say what went
 * wrong. One client belongs to one thread.
 *
 * Where: --url, PENSTOCK_URL, or http://127.0.0.1:7780. With which token: --token, --token-file,
 * PENSTOCK_TOKEN, or the file operator.token in the data folder, which is --data, PENSTOCK_DATA,
 * /var/lib/penstock if that exists, or ./penstock-data. For https on this machine the daemon's own
 * certificate in the data folder is trusted. */
#pragma once
#include "base/base.h"
#include "wire/http_client.h"
#include "wire/json.h"
#include <getopt.h>
#include <stdatomic.h>

/* Exit codes, as documented in penstock(1). */
enum { CLIENT_DONE = 0, CLIENT_REFUSED = 1, CLIENT_USAGE = 2, CLIENT_UNREACHABLE = 3 };

/* The options that all such commands have: put CLIENT_OPTIONS into the getopt_long table, hand what
 * getopt_long returns to client_option, and print CLIENT_HELP. */
enum {
    CLIENT_URL = 1000,
    CLIENT_TOKEN,
    CLIENT_TOKEN_FILE,
    CLIENT_TENANT,
    CLIENT_DATA,
    CLIENT_CA_FILE,
    CLIENT_INSECURE,
    CLIENT_JSON,
};
/* clang-format off */
#define CLIENT_OPTIONS                                                                             \
    {"url",        required_argument, NULL, CLIENT_URL},                                           \
    {"token",      required_argument, NULL, CLIENT_TOKEN},                                         \
    {"token-file", required_argument, NULL, CLIENT_TOKEN_FILE},                                    \
    {"tenant",     required_argument, NULL, CLIENT_TENANT},                                        \
    {"data",       required_argument, NULL, CLIENT_DATA},                                          \
    {"ca-file",    required_argument, NULL, CLIENT_CA_FILE},                                       \
    {"insecure",   no_argument,       NULL, CLIENT_INSECURE},                                      \
    {"json",       no_argument,       NULL, CLIENT_JSON}
/* clang-format on */
#define CLIENT_HELP                                                                                \
    "  --url URL          the daemon ($PENSTOCK_URL; http://127.0.0.1:7780)\n"                     \
    "  --token TEXT       bearer token ($PENSTOCK_TOKEN; others on this machine may see it "       \
    "here)\n"                                                                                      \
    "  --token-file FILE  file with the token; default: operator.token in the data folder\n"       \
    "  --tenant GUID      tenant ($PENSTOCK_TENANT)\n"                                             \
    "  --data DIR         the daemon's data folder ($PENSTOCK_DATA; /var/lib/penstock,\n"          \
    "                     ./penstock-data)\n"                                                      \
    "  --ca-file FILE     authorities to trust for https, instead of the system's\n"               \
    "  --insecure         do not verify the daemon's certificate\n"                                \
    "  --json             print JSON\n"

enum { CLIENT_TOKEN_MAX = 8192, CLIENT_PATH_MAX = 4096, CLIENT_RESPONSE_MAX = 64 << 20 };

struct client_settings { /* zeroed; borrows what is given to client_option */
    const char *url, *token, *token_file, *tenant, *data, *ca_file;
    bool insecure, json;
    const atomic_bool *stop; /* NULL or a flag: requests end early once it is true */
};
/* True: it was one of CLIENT_OPTIONS and is noted. */
bool client_option(struct client_settings *s, int option, const char *value);

/* The data folder: 'given' (--data; NULL: not given), $PENSTOCK_DATA, /var/lib/penstock if there is
 * one, or ./penstock-data. The daemon and every command take it from here, so that they mean the
 * same. */
const char *client_data_folder(const char *given);

struct client {
    const char *command;                       /* for errors: "penstock export" */
    char url[2048];                            /* without a slash at the end */
    char tenant[37];                           /* lower case; "" if none was given */
    char authorization[CLIENT_TOKEN_MAX + 32]; /* header; "" if there is no token */
    char ca_file[CLIENT_PATH_MAX];             /* "": the system's authorities */
    bool insecure, json;
    const atomic_bool *stop;
    struct http_client *http;
};

/* Finds the daemon; does not connect yet. ST_INVALID: a setting is wrong, err says which. 'c' holds
 * resources only after ST_OK. */
MUST_CHECK enum status client_open(struct client *c, const char *command,
                                   const struct client_settings *s, struct err *err);
/* Another connection to the same daemon. 'c' borrows nothing of 'other'. */
MUST_CHECK enum status client_open_again(struct client *c, const struct client *other,
                                         struct err *err);
void client_close(struct client *c);

/* Percent-encodes one path segment or query value. False: it does not fit. */
MUST_CHECK bool client_encode(const char *text, char *out, size_t room);

/* One request for JSON. 'path' begins with '/', its parts encoded; the tenant, if one was given, is
 * added as tenantId. 'body' may be NULL. The result is an exit code: CLIENT_DONE with *answer (the
 * caller's; NULL if the answer has no body; 'answer' may be NULL), else what went wrong was
 * printed. */
MUST_CHECK int client_call(struct client *c, const char *method, const char *path,
                           const json_t *body, json_t **answer);
/* The same without a tenant and with the raw answer: lends until the next request. Exit code. */
MUST_CHECK int client_fetch(struct client *c, const char *method, const char *path,
                            struct span body, const char *content_type, struct http_exchange *x);
/* The same with a header Prefer; NULL: without. */
MUST_CHECK int client_fetch_preferring(struct client *c, const char *method, const char *path,
                                       struct span body, const char *content_type,
                                       const char *prefer, struct http_exchange *x);
/* Prints what the daemon said of a request that it did not do; the exit code for it. */
int client_complain(const struct client *c, const char *what, const struct http_exchange *x);
/* Prints "command: text" with the usual advice and gives CLIENT_USAGE back. */
PRINTF_LIKE(2, 3) int client_usage_error(const char *command, const char *format, ...);

/* A member of an answer as text; NULL: it is not there, or no text. */
const char *client_text_at(const json_t *object, const char *key);
/* What a resource id ends with; NULL of NULL. */
const char *client_last_segment(const char *resource_id);

/* ---- output for people */

/* Prints a table: the first row are the titles; columns are as wide as needed. 'cells' has
 * row_count * column_count texts; NULL is shown as "-". */
void client_print_table(const char *const *cells, size_t row_count, size_t column_count);
/* Any JSON for people: plain members as lines, arrays of objects as tables, deeper ones
 * indented. */
void client_print_tree(const json_t *tree);
/* Indented JSON and a line end on standard output. */
void client_print_json(const json_t *tree);
/* "12.3 MB", "4.5 GB". */
void client_size_text(uint64_t bytes, char *out, size_t room);
