#include "penstock/posture_spool.h"
#include "model/arm_id.h"
#include "wire/json.h"
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static void
write_text(FILE *out, struct span text)
{
    json_t *string = json_stringn(text.p, text.n);
    char *quoted = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY);

    fputs(quoted == NULL ? "null" : quoted, out);
    free(quoted);
    json_decref(string);
}

/* The body of the subscription that an id is in; NULL: there are too many, or no file. */
static struct posture_spool_body *
body_of(struct posture_spool *all, struct span id, struct err *err)
{
    static const char head[] = "/subscriptions/";
    size_t at = sizeof head - 1;
    char subscription[37];
    struct posture_spool_body *b;

    if (id.n < at + 36 || strncasecmp(id.p, head, at) != 0 ||
        !guid_copy((struct span){id.p + at, 36}, subscription))
        snprintf(subscription, sizeof subscription, "%s", all->subscription);
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->bodies[i].subscription, subscription) == 0)
            return &all->bodies[i];
    if (all->count == POSTURE_SPOOL_SUBSCRIPTIONS_MAX) {
        (void)err_set(err, ST_FULL, "the report is about more than %d subscriptions",
                      POSTURE_SPOOL_SUBSCRIPTIONS_MAX);
        return NULL;
    }
    b = &all->bodies[all->count++];
    *b = (struct posture_spool_body){.head = tmpfile(), .lines = tmpfile(), .is_empty = true};
    snprintf(b->subscription, sizeof b->subscription, "%s", subscription);
    if (b->head != NULL && b->lines != NULL)
        return b;
    (void)err_set(err, ST_IO, "cannot make a temporary file: %s", strerror(errno));
    return NULL;
}

enum status
posture_spool_document(void *context, const struct import_document *d, struct err *err)
{
    struct posture_spool_body *b = body_of(context, d->id, err);

    if (b == NULL)
        return ST_IO;
    if (strcmp(b->producer, d->producer) != 0) {
        snprintf(b->producer, sizeof b->producer, "%s", d->producer);
        fputs("{\"producer\":", b->lines);
        write_text(b->lines, span_of(d->producer));
        fputs("}\n", b->lines);
    }
    b->is_empty = false;
    fwrite(d->line.p, 1, d->line.n, b->lines);
    fputc('\n', b->lines);
    return ferror(b->lines)
               ? err_set(err, ST_IO, "cannot write a temporary file: %s", strerror(errno))
               : ST_OK;
}

enum status
posture_spool_scope(void *context, const struct import_scope *s, struct err *err)
{
    struct posture_spool_body *b = body_of(context, s->id, err);

    if (b == NULL)
        return ST_IO;
    fputs("{\"producer\":", b->head);
    write_text(b->head, span_of(s->producer));
    fputs(",\"complete\":", b->head);
    write_text(b->head, s->id);
    fputs("}\n", b->head);
    return ferror(b->head)
               ? err_set(err, ST_IO, "cannot write a temporary file: %s", strerror(errno))
               : ST_OK;
}

enum status
posture_spool_flush(struct posture_spool *all, struct err *err)
{
    for (size_t i = 0; i < all->count; i++)
        if (fflush(all->bodies[i].head) != 0 || fflush(all->bodies[i].lines) != 0)
            return err_set(err, ST_IO, "cannot write a temporary file: %s", strerror(errno));
    return ST_OK;
}

void
posture_spool_close(struct posture_spool *all)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->bodies[i].head != NULL)
            fclose(all->bodies[i].head);
        if (all->bodies[i].lines != NULL)
            fclose(all->bodies[i].lines);
    }
    all->count = 0;
}
