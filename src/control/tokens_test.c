/* tokens_test.c - who is let in, who is not and why, and what each role may. */
#include "base/crc32c.h"
#include "base/file.h"
#include "base/test.h"
#include "control/store.h"
#include "control/tokens.h"
#include <sys/stat.h>
#include <unistd.h>

#define TENANT_A "aaaaaaaa-1111-4222-8333-444444444444"
#define TENANT_B "bbbbbbbb-1111-4222-8333-444444444444"

static char folder[] = "/tmp/penstock-tokens-XXXXXX";
static struct store *store;

static const char *
path(const char *name)
{
    static char text[200];

    snprintf(text, sizeof text, "%s/%s", folder, name);
    return text;
}

static const struct {
    const char *name, *tenant;
    unsigned roles;
    const char *asked; /* NULL: every tenant */
    enum role role;
    bool may;
} rights[] = {
    {"a sender sends for its own",          TENANT_A, ROLE_INGEST,                   TENANT_A, ROLE_INGEST,                 true },
    {"a sender does not send for others",   TENANT_A, ROLE_INGEST,                   TENANT_B, ROLE_INGEST,                 false},
    {"a sender does not read",              TENANT_A, ROLE_INGEST,                   TENANT_A, ROLE_SECURITY_READER,        false},
    {"a sender is not everywhere",          TENANT_A, ROLE_INGEST,                   NULL,     ROLE_INGEST,                 false},
    {"a forwarder sends for everyone",      "*",      ROLE_INGEST,                   TENANT_B, ROLE_INGEST,                 true },
    {"a forwarder sends envelopes of all",  "*",      ROLE_INGEST,                   NULL,     ROLE_INGEST,                 true },
    {"a forwarder does not read",           "*",      ROLE_INGEST,                   TENANT_B, ROLE_HUB_READER,             false},
    {"a reader reads",                      TENANT_A, ROLE_SECURITY_READER,          TENANT_A, ROLE_SECURITY_READER,        true },
    {"a reader does not write",             TENANT_A, ROLE_SECURITY_READER,          TENANT_A,
     ROLE_SECURITY_ADMINISTRATOR,                                                                                           false},
    {"an administrator reads",              TENANT_A, ROLE_SECURITY_ADMINISTRATOR,   TENANT_A,
     ROLE_SECURITY_READER,                                                                                                  true },
    {"an administrator of another",         TENANT_B, ROLE_SECURITY_ADMINISTRATOR,   TENANT_A,
     ROLE_SECURITY_READER,                                                                                                  false},
    {"an administrator does not send",      TENANT_A, ROLE_SECURITY_ADMINISTRATOR,   TENANT_A, ROLE_INGEST,
     false                                                                                                                       },
    {"an administrator does not read hubs", TENANT_A, ROLE_SECURITY_ADMINISTRATOR,   TENANT_A,
     ROLE_HUB_READER,                                                                                                       false},
    {"a hub reader reads hubs",             TENANT_A, ROLE_HUB_READER,               TENANT_A, ROLE_HUB_READER,             true },
    {"a hub reader reads no settings",      TENANT_A, ROLE_HUB_READER,               TENANT_A, ROLE_SECURITY_READER,
     false                                                                                                                       },
    {"two roles",                           TENANT_A, ROLE_HUB_READER | ROLE_INGEST, TENANT_A, ROLE_INGEST,                 true },
    {"an operator does all",                "*",      ROLE_OPERATOR,                 TENANT_B, ROLE_SECURITY_ADMINISTRATOR, true },
    {"an operator operates",                "*",      ROLE_OPERATOR,                 NULL,     ROLE_OPERATOR,               true },
    {"an administrator does not operate",   TENANT_A, ROLE_SECURITY_ADMINISTRATOR,   NULL,
     ROLE_OPERATOR,                                                                                                         false},
    {"an operator of one tenant is none",   TENANT_A, ROLE_OPERATOR,                 TENANT_B, ROLE_SECURITY_READER,
     false                                                                                                                       },
    {"nobody may nothing",                  "",       0,                             TENANT_A, ROLE_SECURITY_READER,        false},
    {"nobody matches no empty tenant",      "",       ROLE_INGEST,                   NULL,     ROLE_INGEST,                 false},
};

static void
check_rights(void)
{
    for (size_t i = 0; i < COUNT_OF(rights); i++) {
        struct principal p = {.roles = rights[i].roles};

        snprintf(p.tenant, sizeof p.tenant, "%s", rights[i].tenant);
        CHECK(principal_may(&p, rights[i].asked, rights[i].role) == rights[i].may, "%s",
              rights[i].name);
    }
}

static const struct {
    const char *name, *tenant, *label;
    unsigned roles;
    int64_t expires;
    const char *fault; /* NULL: made */
} requests[] = {
    {"a sender",               TENANT_A,     "x",    ROLE_INGEST,          0,  NULL                },
    {"an operator",            "*",          "x",    ROLE_OPERATOR,        0,  NULL                },
    {"a forwarder",            "*",          "x",    ROLE_INGEST,          0,  NULL                },
    {"expires later",          TENANT_A,     "x",    ROLE_INGEST,          11, NULL                },
    {"no role",                TENANT_A,     "x",    0,                    0,  "at least one role" },
    {"no name",                TENANT_A,     "",     ROLE_INGEST,          0,  "1 to 100 bytes"    },
    {"a line end in the name", TENANT_A,     "x\ny", ROLE_INGEST,          0,  "control characters"},
    {"expires at once",        TENANT_A,     "x",    ROLE_INGEST,          10, "before it is made" },
    {"reader of everything",   "*",          "x",    ROLE_SECURITY_READER, 0,  "only the roles"    },
    {"operator of one",        TENANT_A,     "x",    ROLE_OPERATOR,        0,  "tenant is \"*\""   },
    {"a tenant that is not",   TENANT_A "0", "x",    ROLE_INGEST,          0,  "there is no tenant"},
    {"a tenant that is off",   TENANT_B,     "x",    ROLE_INGEST,          0,  "not active"        },
};

static void
check_requests(void)
{
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct token_request r = {requests[i].tenant, requests[i].roles, requests[i].label, 10,
                                  requests[i].expires};
        char text[TOKEN_TEXT_SIZE] = "";
        struct err err = {""};
        enum status st = token_create(store, &r, text, &err);

        CHECK(st == (requests[i].fault ? ST_INVALID : ST_OK) &&
                  (requests[i].fault == NULL || strstr(err.text, requests[i].fault)),
              "%s: %d '%s'", requests[i].name, st, err.text);
        CHECK(token_text_is(span_of(text), NULL) == (st == ST_OK), "%s: '%s'", requests[i].name,
              text);
    }
}

static void
make(char text[TOKEN_TEXT_SIZE], int64_t expires)
{
    struct token_request r = {TENANT_A, ROLE_INGEST | ROLE_HUB_READER, "sensor", 10, expires};
    struct err err = {""};

    CHECK(token_create(store, &r, text, &err) == ST_OK, "%s", err.text);
}

static void
check_verify(void)
{
    char good[TOKEN_TEXT_SIZE], expiring[TOKEN_TEXT_SIZE], revoked[TOKEN_TEXT_SIZE], bearer[100],
        id[TOKEN_ID_SIZE];
    struct tokens *t = NULL;
    struct principal p;
    struct err err = {""};

    make(good, 0);
    make(expiring, 100);
    make(revoked, 0);
    CHECK(token_text_is(span_of(revoked), id), "%s", revoked);
    CHECK(tokens_open(store, &t, &err) == ST_OK, "%s", err.text);
    CHECK(token_verify(t, span_of(good), 50, &p) == TOKEN_GOOD && strcmp(p.tenant, TENANT_A) == 0 &&
              p.roles == (ROLE_INGEST | ROLE_HUB_READER) && strcmp(p.name, "sensor") == 0 &&
              strlen(p.token_id) == 12 && strncmp(p.token_id, good + 4, 12) == 0,
          "%s %s", p.tenant, p.name);
    snprintf(bearer, sizeof bearer, "bearer  %s ", good);
    CHECK(token_verify(t, span_of(bearer), 50, &p) == TOKEN_GOOD, "as a header's value");
    snprintf(bearer, sizeof bearer, "Basic %s", good);
    CHECK(token_verify(t, span_of(bearer), 50, &p) == TOKEN_MALFORMED, "another scheme");
    CHECK(token_verify(t, span_of("Bearer "), 50, &p) == TOKEN_MISSING, "nothing behind it");
    CHECK(token_verify(t, (struct span){NULL, 0}, 50, &p) == TOKEN_MISSING, "nothing");
    CHECK(token_verify(t, span_of(expiring), 99, &p) == TOKEN_GOOD, "before its end");
    CHECK(token_verify(t, span_of(expiring), 100, &p) == TOKEN_EXPIRED && p.roles == 0,
          "at its end");
    CHECK(store_token_revoke(store, id, 60, &err) == ST_OK, "%s", err.text);
    CHECK(tokens_refresh(t, &err) == ST_OK, "%s", err.text);
    CHECK(token_verify(t, span_of(revoked), 61, &p) == TOKEN_REVOKED && p.tenant[0] == '\0',
          "revoked");
    for (size_t i = 0; i < TOKEN_TEXT_SIZE - 1; i++) {
        char wrong[TOKEN_TEXT_SIZE];

        memcpy(wrong, good, sizeof wrong);
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        CHECK(token_verify(t, span_of(wrong), 50, &p) == TOKEN_MALFORMED, "letter %zu changed", i);
        CHECK(token_verify(t, (struct span){good, i}, 50, &p) ==
                  (i == 0 ? TOKEN_MISSING : TOKEN_MALFORMED),
              "cut to %zu", i);
    }
    /* Well-formed, of a known id, but with another secret; the check part is computed here anew. */
    struct store_token forged = {.id = "AAAAAAAAAAAA", .tenant = TENANT_A, .name = "f", .roles = 1};
    char text[TOKEN_TEXT_SIZE + 1] = "pst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    CHECK(store_token_add(store, &forged, &err) == ST_OK && tokens_refresh(t, &err) == ST_OK, "%s",
          err.text);
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t crc = crc32c(text, 47);

    for (int i = 0; i < 5; i++)
        text[47 + i] = letters[crc >> (26 - 6 * i) & 63];
    text[52] = letters[(crc << 4) & 63];
    text[53] = '\0';
    CHECK(token_text_is(span_of(text), NULL) &&
              token_verify(t, span_of(text), 50, &p) == TOKEN_UNKNOWN,
          "a known id with another secret");
    tokens_close(t);
}

static void
check_refresh(void)
{
    struct store *tool = NULL;
    struct tokens *t = NULL;
    struct principal p;
    struct err err = {""};
    char text[TOKEN_TEXT_SIZE] = "", id[TOKEN_ID_SIZE];
    struct token_request r = {TENANT_A, ROLE_INGEST, "cli", 10, 0};
    struct store_tenant off = {TENANT_A, "a", false, true, 1};

    CHECK(tokens_open(store, &t, &err) == ST_OK, "%s", err.text);
    CHECK(store_open(path("store.db"), &tool, &err) == ST_OK, "%s", err.text);
    CHECK(token_create(tool, &r, text, &err) == ST_OK, "%s", err.text);
    CHECK(token_verify(t, span_of(text), 20, &p) == TOKEN_UNKNOWN, "before the refresh");
    CHECK(tokens_refresh(t, &err) == ST_OK && token_verify(t, span_of(text), 20, &p) == TOKEN_GOOD,
          "made by another process: %s", err.text);
    CHECK(token_text_is(span_of(text), id) && store_token_revoke(tool, id, 30, &err) == ST_OK &&
              tokens_refresh(t, &err) == ST_OK &&
              token_verify(t, span_of(text), 40, &p) == TOKEN_REVOKED,
          "revoked by another process: %s", err.text);
    CHECK(token_create(tool, &r, text, &err) == ST_OK &&
              store_tenant_set(tool, &off, NULL, &err) == ST_OK && tokens_refresh(t, &err) == ST_OK,
          "%s", err.text);
    CHECK(token_verify(t, span_of(text), 20, &p) == TOKEN_TENANT_OFF,
          "its tenant was switched off");
    store_close(tool);
    tokens_close(t);
}

static char *
content(void)
{
    struct err err = {""};
    char *text = NULL;
    size_t size = 0;

    CHECK(file_read(path("operator.token"), 100, &text, &size, &err) == ST_OK, "%s", err.text);
    return text;
}

static void
check_file(void)
{
    struct err err = {""};
    struct stat info;
    struct tokens *t = NULL;
    struct principal p;

    CHECK(token_file_make(store, path("operator.token"), 10, &err) == ST_OK, "%s", err.text);
    char *first = content();

    CHECK(stat(path("operator.token"), &info) == 0 && (info.st_mode & 0777) == 0600, "mode");
    CHECK(token_file_make(store, path("operator.token"), 20, &err) == ST_OK, "%s", err.text);
    char *second = content();

    CHECK(strcmp(first, second) == 0, "a good file was replaced");
    CHECK(chmod(path("operator.token"), 0644) == 0, "chmod");
    CHECK(token_file_make(store, path("operator.token"), 30, &err) == ST_OK, "%s", err.text);
    char *third = content();

    CHECK(strcmp(first, third) != 0, "a file that others could read was kept");
    CHECK(tokens_open(store, &t, &err) == ST_OK, "%s", err.text);
    first[strcspn(first, "\n")] = '\0';
    third[strcspn(third, "\n")] = '\0';
    CHECK(token_verify(t, span_of(first), 40, &p) == TOKEN_REVOKED, "the old one still opens");
    CHECK(token_verify(t, span_of(third), 40, &p) == TOKEN_GOOD &&
              principal_may(&p, TENANT_A, ROLE_SECURITY_ADMINISTRATOR),
          "the new one does not open");
    tokens_close(t);
    free(first);
    free(second);
    free(third);
    unlink(path("operator.token"));
}

static void
check_names(void)
{
    char names[120];

    roles_write(ROLE_INGEST | ROLE_OPERATOR, names);
    CHECK(strcmp(names, "ingest,Operator") == 0, "%s", names);
    roles_write(31, names);
    CHECK(strcmp(names, "ingest,SecurityReader,SecurityAdministrator,HubReader,Operator") == 0,
          "%s", names);
    CHECK(role_read(span_of("SENDER")) == ROLE_INGEST && role_read(span_of("hubreader")) == 8 &&
              role_read(span_of("")) == 0 && role_read(span_of("Hub")) == 0,
          "role_read");
}

int
main(void)
{
    struct store_tenant a = {TENANT_A, "a", true, true, 1}, b = {TENANT_B, "b", false, true, 1};
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "no folder");
    CHECK(store_open(path("store.db"), &store, &err) == ST_OK &&
              store_tenant_set(store, &a, NULL, &err) == ST_OK &&
              store_tenant_set(store, &b, NULL, &err) == ST_OK,
          "%s", err.text);
    check_rights();
    check_names();
    check_requests();
    check_verify();
    check_file();
    check_refresh();
    store_close(store);
    unlink(path("store.db"));
    rmdir(folder);
    return test_end();
}
