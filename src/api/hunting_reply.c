/* hunting_reply.c - an answer on its way out: compressed if the client takes that, and counted until the client has read it. */
#include "api/hunting.h"
#include "api/hunting_parse.h"
#include "wire/gzip.h"
#include <stdlib.h>

enum { PACK_SIZE_MIN = 1024 /* bytes; smaller ones fit a packet anyway */ };

/* Replaces the text by its gzip; leaves it where there is no memory for that, or no gain in it. */
static bool
pack(struct hunting_text *t)
{
    size_t room = gzip_bound(t->n), size;
    char *work = malloc(GZIP_WORK_SIZE), *packed = malloc(room), *fitted;
    struct err ignored;
    bool is_done =
        work != NULL && packed != NULL &&
        gzip_pack((struct span){t->p, t->n}, work, packed, room, &size, &ignored) == ST_OK &&
        size < t->n;

    free(work);
    if (!is_done) {
        free(packed);
        return false;
    }
    fitted = realloc(packed, size);
    free(t->p);
    t->p = fitted != NULL ? fitted : packed;
    t->n = t->room = size;
    return true;
}

void
hunting_reply(struct call *c, struct http_reply *reply, unsigned status, struct hunting_text *t)
{
    bool is_packed;
    char *fitted;

    if (t->is_spent || t->is_over || t->p == NULL) {
        hunting_text_free(t);
        http_reply_error(reply, 503, "ServiceUnavailable", "no memory for the answer; come again");
        reply->retry_after_s = HUNTING_RETRY_S;
        return;
    }
    is_packed = t->n >= PACK_SIZE_MIN &&
                hunting_takes_gzip(http_header(c->request, "Accept-Encoding")) && pack(t);
    if (t->room > t->n + t->n / 8 && (fitted = realloc(t->p, t->n)) != NULL)
        t->p = fitted;
    if (!hunting_hold(c, t->n)) {
        hunting_text_free(t);
        http_reply_error(reply, 429, "TooManyRequests",
                         "the answers that clients have not read yet are too large together: read "
                         "them, then ask again");
        reply->retry_after_s = HUNTING_RETRY_S;
        return;
    }
    reply->status = status;
    reply->content_type = "application/json; charset=utf-8";
    reply->body = t->p;
    reply->body_size = t->n;
    *t = (struct hunting_text){.limit = 0};
    if (is_packed)
        call_header(reply, "Content-Encoding", "gzip");
    call_header(reply, "Cache-Control", "no-store");
    call_header(reply, "Vary", "Accept-Encoding");
}
