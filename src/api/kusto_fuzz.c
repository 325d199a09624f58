/* kusto_fuzz.c - a request's body: read or refused with a reason; the literals that its parameters become stand for one value each;
 * the words of a command lie within it. */
#include "api/hunting_parse.h"
#include "api/kusto.h"
#include "api/kusto_words.h"
#include "kql/syntax.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const patterns[] = {".show tables", ".show databases LIST schema as json",
                                       ".show table NAME cslschema", ".show database NAME"};

static void
play_words(struct span csl)
{
    struct kusto_words w = {.count = 0};

    if (!kusto_words_read(csl, &w))
        return;
    if (w.size > csl.n || w.count > KUSTO_WORDS_MAX)
        abort();
    for (size_t i = 0; i < w.count; i++)
        if (w.words[i].text.p < csl.p || w.words[i].text.p + w.words[i].text.n > csl.p + w.size)
            abort();
    for (size_t i = 0; i < COUNT_OF(patterns); i++)
        if (kusto_words_match(&w, patterns[i]) && w.name_count > KUSTO_NAMES_MAX)
            abort();
}

static void
play_ask(struct pool *pool, const json_t *body)
{
    struct kusto_ask *ask = pool_take(pool, sizeof *ask);
    struct err err = {""};
    enum status st = kusto_ask_read(pool, body, ask, &err);

    if ((st == ST_OK) != (err.text[0] == '\0'))
        abort();
    if (st != ST_OK)
        return;
    if (ask->rows_max == 0 || ask->size_max == 0 || ask->time_ms < 0 ||
        ask->parameter_count > KUSTO_PARAMETERS_MAX || ask->workspace.n > ask->db.n)
        abort();
    play_words(ask->csl);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool pool;
    struct err err;
    json_t *body = hunting_json_read((struct span){(const char *)data, size}, &err);
    jmp_buf here;

    play_words((struct span){(const char *)data, size});
    if (body == NULL)
        return 0;
    pool_init(&pool, 64 << 20);
    if (setjmp(here) == 0) {
        pool.escape = &here;
        play_ask(&pool, body);
    }
    pool_free(&pool);
    json_decref(body);
    return 0;
}
