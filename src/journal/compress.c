/* compress.c - bodies on their way to the disk. Each appender takes a free compressor or makes one;
 * there are at most as many as COMPRESSORS_MAX, and who finds none stores the body as it is rather
 * than wait. */
#include "journal/state.h"
#include <stdlib.h>
#include <zstd.h>

enum { COMPRESSORS_MAX = 16 };

struct compressor {
    struct compressor *next;
    ZSTD_CCtx *zstd;
    char *out;
    size_t room;
};

static void
compressor_free(struct compressor *c)
{
    ZSTD_freeCCtx(c->zstd);
    free(c->out);
    free(c);
}

static struct compressor *
compressor_take(struct journal *j)
{
    struct compressor *c;
    bool may_make = false;

    pthread_mutex_lock(&j->lock);
    c = j->compressors;
    if (c != NULL) {
        j->compressors = c->next;
    } else if (j->compressor_count < COMPRESSORS_MAX) {
        j->compressor_count++;
        may_make = true;
    }
    pthread_mutex_unlock(&j->lock);
    if (!may_make)
        return c;
    c = calloc(1, sizeof *c);
    if (c != NULL && (c->zstd = ZSTD_createCCtx()) == NULL) {
        free(c);
        c = NULL;
    }
    if (c == NULL) {
        pthread_mutex_lock(&j->lock);
        j->compressor_count--;
        pthread_mutex_unlock(&j->lock);
    }
    return c;
}

struct span
compress_body(struct journal *j, struct span body, struct compressor **taken)
{
    struct compressor *c;
    size_t n;

    *taken = NULL;
    if (j->options.zstd_level == 0 || body.n < 64 || (c = compressor_take(j)) == NULL)
        return body;
    *taken = c;
    if (c->room < body.n) { /* what does not shrink is not wanted, so no more room than this */
        char *larger = realloc(c->out, body.n);

        if (larger == NULL)
            return body;
        c->out = larger;
        c->room = body.n;
    }
    n = ZSTD_compressCCtx(c->zstd, c->out, body.n - body.n / 64, body.p, body.n,
                          j->options.zstd_level);
    return ZSTD_isError(n) ? body : (struct span){c->out, n};
}

void
compressed_done(struct journal *j, struct compressor *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&j->lock);
    c->next = j->compressors;
    j->compressors = c;
    pthread_mutex_unlock(&j->lock);
}

void
compressors_free(struct journal *j)
{
    while (j->compressors != NULL) {
        struct compressor *c = j->compressors;

        j->compressors = c->next;
        compressor_free(c);
    }
}
