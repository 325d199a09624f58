/* import_play.h - for import_test.c and the fuzz targets only: runs a report through an importer, writes all that
 * comes back as text, and checks what import.h promises of any report. */
#pragma once
#include "posture/import.h"
#include "wire/json.h"
#include <ctype.h>
#include <stdlib.h>

#define PLAY_SUBSCRIPTION "3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"

struct play {
    char *text; /* a line each; scopes as "SCOPE producer id" */
    size_t size, room;
    json_t *ids;   /* given so far */
    char why[400]; /* the first promise that was broken */
    struct import_summary summary;
    struct err err;
    enum status st;
};

PRINTF_LIKE(2, 3)
static inline void
play_broken(struct play *p, const char *format, ...)
{
    va_list args;

    if (p->why[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(p->why, sizeof p->why, format, args);
    va_end(args);
}

static inline void
play_put(struct play *p, const char *bytes, size_t n)
{
    if (n + 1 > p->room - p->size) {
        p->room = p->room * 2 + n + 4096;
        p->text = realloc(p->text, p->room);
    }
    memcpy(p->text + p->size, bytes, n);
    p->size += n;
    p->text[p->size] = '\0';
}

/* Cuts an id behind the last "/name/" and what follows it; gives what was cut. */
static inline const char *
play_cut(char *id, const char *name)
{
    char *p = NULL;

    for (char *at = id; (at = strstr(at, name)) != NULL; at++)
        p = at;
    if (p == NULL)
        return "";
    *p = '\0';
    return p + strlen(name);
}

/* Ids compare without regard to case. */
static inline void
play_lower(char *id)
{
    for (; *id != '\0'; id++)
        *id = (char)tolower((unsigned char)*id);
}

static inline void
play_order(struct play *p, const struct import_document *d, const char *id)
{
    char *parent = strdup(id), wanted[300];
    const char *key;

    if (d->what == IMPORT_FINDING) {
        play_cut(parent, "/subassessments/");
        if (json_object_get(p->ids, parent) == NULL)
            play_broken(p, "%.200s comes before its assessment", id);
    } else if (d->what == IMPORT_ASSESSMENT) {
        key = play_cut(parent, "/providers/microsoft.security/assessments/");
        snprintf(wanted, sizeof wanted, "%.51s/providers/microsoft.security/assessmentmetadata/%s",
                 id, key);
        if (json_object_get(p->ids, wanted) == NULL && strncmp(id, "/subscriptions/", 15) == 0)
            play_broken(p, "%.200s comes before its metadata", id);
    }
    free(parent);
}

static inline enum status
play_document(void *context, const struct import_document *d, struct err *err)
{
    struct play *p = context;
    json_error_t error;
    json_t *tree = json_loadb(d->line.p, d->line.n, JSON_REJECT_DUPLICATES, &error);
    const char *given = json_string_value(json_object_get(tree, "id"));
    char *id = given == NULL ? NULL : strdup(given);

    (void)err;
    if (id != NULL)
        play_lower(id);
    if (tree == NULL || id == NULL || !json_is_object(json_object_get(tree, "properties")))
        play_broken(p, "no document: %s: %.150s", tree == NULL ? error.text : "", d->line.p);
    else if (!span_is(d->id, given))
        play_broken(p, "the id is not the document's: %.200s", id);
    else if (json_object_get(p->ids, id) != NULL)
        play_broken(p, "given twice: %.200s", id);
    else
        play_order(p, d, id);
    if (memchr(d->line.p, '\n', d->line.n) != NULL || d->line.n > IMPORT_LINE_MAX ||
        d->producer[0] == '\0')
        play_broken(p, "not a line, or nobody's: %.150s", d->line.p);
    if (id != NULL)
        json_object_set_new(p->ids, id, json_true());
    free(id);
    json_decref(tree);
    play_put(p, d->line.p, d->line.n);
    play_put(p, "\n", 1);
    return ST_OK;
}

static inline enum status
play_scope(void *context, const struct import_scope *s, struct err *err)
{
    struct play *p = context;

    (void)err;
    play_put(p, "SCOPE ", 6);
    play_put(p, s->producer, strlen(s->producer));
    play_put(p, " ", 1);
    play_put(p, s->id.p, s->id.n);
    play_put(p, "\n", 1);
    return ST_OK;
}

/* 'step': bytes a read gives; 0: as many as asked for. */
static inline void
play_run(struct play *p, const char *kind, struct span report, size_t step,
         const struct import_options *options)
{
    struct import_memory memory = {report, 0, step};
    struct import_input in = import_input_memory(&memory, "report");
    struct import_output out = {p, play_document, play_scope};

    *p = (struct play){.ids = json_object()};
    play_put(p, "", 0);
    p->st = import_run(kind == NULL ? NULL : import_find(kind), &in, options, &out, &p->summary,
                       &p->err);
    if ((p->st == ST_OK) != (p->err.text[0] == '\0'))
        play_broken(p, "status %d with the error '%s'", p->st, p->err.text);
}

static inline void
play_free(struct play *p)
{
    json_decref(p->ids);
    free(p->text);
}

/* For a fuzz target: whatever the bytes, the promises hold, and how they are cut does not matter. */
static inline int
play_fuzz(const char *kind, const uint8_t *data, size_t size)
{
    static const struct import_options options = {
        .subscription = PLAY_SUBSCRIPTION, .resource_group = "rg", .target = "web-01"};
    struct span report = {(const char *)data, size};
    struct play whole, cut;

    play_run(&whole, kind, report, 0, &options);
    play_run(&cut, kind, report, 3, &options);
    if (whole.why[0] != '\0' || whole.st != cut.st || strcmp(whole.text, cut.text) != 0 ||
        strcmp(whole.err.text, cut.err.text) != 0) {
        fprintf(stderr, "%s\nwhole: %d %s\ncut: %d %s\n", whole.why, whole.st, whole.err.text,
                cut.st, cut.err.text);
        abort();
    }
    play_free(&whole);
    play_free(&cut);
    return 0;
}
