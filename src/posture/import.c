/* import.c - the kinds of report, which of them a file is, and a run from its options to its scopes. */
#include "posture/import.h"
#include "posture/import_inner.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Asked in this order: what a report quotes may look like another kind. */
const struct import_kind import_kinds[] = {
    {"lynis",                                                                         "lynis-report.dat of lynis audit system", lynis_knows, lynis_run},
    {"openscap",                                                                    "ARF or XCCDF results: oscap xccdf eval --results-arf FILE, or --results FILE",
     openscap_knows, openscap_run},
    {"trivy",
     "JSON of trivy image, fs, rootfs, repo, config, vm or k8s: --format json --output FILE", trivy_knows, trivy_run},
    {"ocsf","OCSF findings, a JSON array or a line each: prowler -M json-ocsf", ocsf_knows,
     ocsf_run},
    {0                                                                  },
};

const struct import_kind *
import_find(const char *name)
{
    for (const struct import_kind *k = import_kinds; k->name != NULL; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

const struct import_kind *
import_detect(struct span head, const char *name, struct err *err)
{
    const char *looks = "no report that is known here";
    const unsigned char *p = (const unsigned char *)head.p;

    for (const struct import_kind *k = import_kinds; k->name != NULL; k++)
        if (k->knows(head))
            return k;
    if (head.n == 0)
        looks = "empty";
    else if (head.n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
        looks = "packed with gzip: unpack it first";
    else if (head.n >= 2 && (p[0] ^ p[1]) == (0xff ^ 0xfe) && (p[0] == 0xff || p[0] == 0xfe))
        looks = "UTF-16 text: write it as UTF-8";
    err_set(err, ST_INVALID,
            "%s: byte 0: %s; known are Trivy's JSON (trivy), ARF and XCCDF results (openscap), "
            "lynis-report.dat (lynis), OCSF findings (ocsf): give the kind if it is one of them",
            name, looks);
    return NULL;
}

static enum status
check_options(const struct import_run *r)
{
    const struct import_options *o = r->options;
    struct arm_id id;
    struct err why = {""};

    if (o->subscription == NULL || !guid_is(span_of(o->subscription)))
        return err_set(r->err, ST_INVALID,
                       "subscription: '%.60s' is none: give its GUID (8-4-4-4-12 hex digits)",
                       o->subscription == NULL ? "" : o->subscription);
    if (o->part != NULL && strlen(o->part) > 64)
        return err_set(r->err, ST_INVALID, "part: over 64 bytes: give a short word");
    if (o->target != NULL && (o->target[0] == '\0' || strlen(o->target) > 255))
        return err_set(r->err, ST_INVALID, "target: give a name of 1 to 255 bytes");
    if (o->resource_id != NULL) {
        size_t n = strlen(o->resource_id);

        /* the assessment's and finding's ends must fit behind it */
        if (o->resource_id[0] != '/' || n < 2 || o->resource_id[n - 1] == '/' ||
            n > ARM_ID_MAX - 150)
            return err_set(r->err, ST_INVALID,
                           "resource id: '%.60s' is none: give /subscriptions/.../providers/... "
                           "of at most %d bytes, without a slash at its end",
                           o->resource_id, ARM_ID_MAX - 150);
        return ST_OK;
    }
    if (o->resource_group == NULL || o->resource_group[0] == '\0')
        return err_set(r->err, ST_INVALID,
                       "resource group: none is given; it is needed unless a resource id is");

    char text[512];
    int n = snprintf(text, sizeof text, "/subscriptions/%s/resourceGroups/%s/providers/M.M/t/n",
                     o->subscription, o->resource_group);

    if ((size_t)n >= sizeof text ||
        arm_id_parse((struct span){text, (size_t)n}, &id, &why) != ST_OK)
        return err_set(r->err, ST_INVALID, "resource group: '%.90s' is no name for one: %.150s",
                       o->resource_group, why.text);
    return ST_OK;
}

static enum status
read_head(const struct import_input *in, char *head, size_t *size, struct err *err)
{
    enum status st = in->rewind(in->context, err);
    size_t got = 1;

    for (*size = 0; st == ST_OK && got > 0 && *size < IMPORT_HEAD_SIZE; *size += got)
        st = in->read(in->context, head + *size, IMPORT_HEAD_SIZE - *size, &got, err);
    return st;
}

static enum status
give_scopes(struct import_run *r)
{
    const char *p = r->scope_texts.base, *end;
    enum status st = ST_OK;

    if (!r->summary->is_complete || r->options->cover == IMPORT_COVER_NONE || p == NULL)
        return ST_OK;
    end = p + r->scope_texts.size;
    while (st == ST_OK && p < end) {
        const char *producer = p, *id = p + strlen(p) + 1;

        p = id + strlen(id) + 1;
        r->summary->scope_count++;
        if (r->out->scope != NULL)
            st = r->out->scope(r->out->context, &(struct import_scope){producer, span_of(id)},
                               r->err);
    }
    return st;
}

enum status
import_run(const struct import_kind *kind, const struct import_input *in,
           const struct import_options *options, const struct import_output *out,
           struct import_summary *summary, struct err *err)
{
    struct import_run r = {
        .in = in, .options = options, .out = out, .summary = summary, .err = err};
    enum status st;

    *summary = (struct import_summary){.is_complete = true};
    st = check_options(&r);
    if (st != ST_OK)
        return st;
    r.line.room = IMPORT_LINE_MAX;
    r.line.base = malloc(IMPORT_LINE_MAX);
    if (r.line.base == NULL)
        return err_set(err, ST_IO, "%s: no memory to read it", in->name);
    if (kind == NULL) {
        size_t size = 0;

        st = read_head(in, r.line.base, &size, err);
        if (st == ST_OK)
            kind = import_detect((struct span){r.line.base, size}, in->name, err);
        if (st == ST_OK && kind == NULL)
            st = ST_INVALID;
    }
    if (st == ST_OK)
        st = in->rewind(in->context, err);
    if (st == ST_OK)
        st = kind->run(&r);
    if (st == ST_OK)
        st = give_scopes(&r);
    import_seen_free(&r.metadata);
    import_seen_free(&r.scopes);
    free(r.scope_texts.base);
    free(r.line.base);
    return st;
}

/* ---- inputs ---- */

static enum status
file_read_some(void *context, char *buffer, size_t size, size_t *got, struct err *err)
{
    const struct import_file *f = context;
    ssize_t n;

    do
        n = read(f->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(err, ST_IO, "the report cannot be read: %s", strerror(errno));
    *got = (size_t)n;
    return ST_OK;
}

static enum status
file_rewind(void *context, struct err *err)
{
    const struct import_file *f = context;

    if (lseek(f->fd, 0, SEEK_SET) < 0)
        return err_set(err, ST_IO, "the report cannot be read twice: %s; give a file, not a pipe",
                       strerror(errno));
    return ST_OK;
}

struct import_input
import_input_file(struct import_file *file, const char *name)
{
    return (struct import_input){name, file, file_read_some, file_rewind};
}

static enum status
memory_read(void *context, char *buffer, size_t size, size_t *got, struct err *err)
{
    struct import_memory *m = context;
    size_t n = m->text.n - m->at;

    (void)err;
    if (n > size)
        n = size;
    if (m->step > 0 && n > m->step)
        n = m->step;
    if (n > 0)
        memcpy(buffer, m->text.p + m->at, n);
    m->at += n;
    *got = n;
    return ST_OK;
}

static enum status
memory_rewind(void *context, struct err *err)
{
    struct import_memory *m = context;

    (void)err;
    m->at = 0;
    return ST_OK;
}

struct import_input
import_input_memory(struct import_memory *memory, const char *name)
{
    return (struct import_input){name, memory, memory_read, memory_rewind};
}
