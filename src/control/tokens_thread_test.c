/* tokens_thread_test.c - tokens are verified by many threads while the table is replaced and tokens
 * are made and revoked. */
#include "base/test.h"
#include "control/store.h"
#include "control/tokens.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { VERIFIERS = 3, CHANGES = 40 };

static struct store *store;
static struct tokens *tokens;
static char lasting[TOKEN_TEXT_SIZE];
static atomic_bool is_over;
static atomic_uint wrong, verified;

static void *
verify(void *app)
{
    struct principal p;

    (void)app;
    while (!atomic_load(&is_over)) {
        if (token_verify(tokens, span_of(lasting), 20, &p) != TOKEN_GOOD ||
            strcmp(p.name, "lasting") != 0)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&verified, 1);
    }
    return NULL;
}

static void *
refresh(void *app)
{
    struct err err = {""};

    (void)app;
    while (!atomic_load(&is_over))
        if (tokens_refresh(tokens, &err) != ST_OK)
            atomic_fetch_add(&wrong, 1);
    return NULL;
}

int
main(void)
{
    char folder[] = "/tmp/penstock-tokens-XXXXXX", path[200], text[TOKEN_TEXT_SIZE],
         id[TOKEN_ID_SIZE];
    struct token_request r = {"*", ROLE_OPERATOR, "lasting", 10, 0};
    pthread_t threads[VERIFIERS + 2];
    struct principal p;
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "no folder");
    snprintf(path, sizeof path, "%s/store.db", folder);
    CHECK(store_open(path, &store, &err) == ST_OK &&
              token_create(store, &r, lasting, &err) == ST_OK &&
              tokens_open(store, &tokens, &err) == ST_OK,
          "%s", err.text);
    if (test_failed > 0)
        return test_end();
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_create(&threads[i], NULL, i < VERIFIERS ? verify : refresh, NULL);
    r.name = "passing";
    for (int i = 0; i < CHANGES; i++) {
        CHECK(token_create(store, &r, text, &err) == ST_OK && token_text_is(span_of(text), id) &&
                  tokens_refresh(tokens, &err) == ST_OK &&
                  token_verify(tokens, span_of(text), 20, &p) == TOKEN_GOOD,
              "made: %s", err.text);
        CHECK(store_token_revoke(store, id, 30, &err) == ST_OK &&
                  tokens_refresh(tokens, &err) == ST_OK &&
                  token_verify(tokens, span_of(text), 40, &p) == TOKEN_REVOKED,
              "revoked: %s", err.text);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&wrong) == 0 && atomic_load(&verified) > 0, "%u wrong of %u",
          atomic_load(&wrong), atomic_load(&verified));
    tokens_close(tokens);
    store_close(store);
    unlink(path);
    rmdir(folder);
    return test_end();
}
