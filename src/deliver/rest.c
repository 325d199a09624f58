#include "deliver/rest.h"
#include "base/file.h"
#include <inttypes.h>
#include <stdlib.h>

enum { FORMAT = 1, FILE_SIZE_MAX = 16 << 20 };
static const char title[] = "penstock routes of events at rest, format ";

static void
path_of(const char *folder, char out[4096])
{
    snprintf(out, 4096, "%s/events.rest", folder);
}

/* Where the id is, or is to be. */
static size_t
place_of(const struct rest *r, const char *id)
{
    size_t from = 0, to = r->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(r->entries[middle].id, id) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct rest_entry *
rest_find(const struct rest *r, const char *id)
{
    size_t at = place_of(r, id);

    return at < r->count && strcmp(r->entries[at].id, id) == 0 ? &r->entries[at] : NULL;
}

struct rest_entry *
rest_add(struct rest *r, const char *id)
{
    size_t at = place_of(r, id);
    char *copy;

    if (at < r->count && strcmp(r->entries[at].id, id) == 0)
        return &r->entries[at];
    if (r->count == r->room) {
        size_t room = r->room == 0 ? 64 : r->room * 2;
        struct rest_entry *larger = realloc(r->entries, room * sizeof *larger);

        if (larger == NULL)
            return NULL;
        r->entries = larger;
        r->room = room;
    }
    copy = strdup(id);
    if (copy == NULL)
        return NULL;
    memmove(&r->entries[at + 1], &r->entries[at], (r->count - at) * sizeof *r->entries);
    r->entries[at] = (struct rest_entry){.id = copy};
    r->count++;
    return &r->entries[at];
}

void
rest_remove(struct rest *r, const char *id)
{
    struct rest_entry *e = rest_find(r, id);

    if (e == NULL)
        return;
    free(e->id);
    r->count--;
    memmove(e, e + 1, (size_t)(r->entries + r->count - e) * sizeof *e);
}

void
rest_free(struct rest *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->entries[i].id);
    free(r->entries);
    *r = (struct rest){.count = 0};
}

/* Ids hold what users typed: what is not plainly printable is written as %xx. */
static bool
id_decode(char *id)
{
    char *to = id;

    for (const char *p = id; *p != '\0'; p++) {
        unsigned byte;

        if (*p != '%') {
            *to++ = *p;
        } else if (sscanf(p + 1, "%2x", &byte) == 1 && byte != 0) {
            *to++ = (char)byte;
            p += 2;
        } else {
            return false;
        }
    }
    *to = '\0';
    return to > id;
}

static bool
line_read(struct rest *r, char *line)
{
    struct rest_entry found, *e;
    int at = 0;

    if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &found.position, &found.off_from,
               &found.off_to, &at) != 3 ||
        at == 0 || !id_decode(line + at))
        return false;
    e = rest_add(r, line + at);
    if (e == NULL)
        return false;
    e->position = found.position;
    e->off_from = found.off_from;
    e->off_to = found.off_to;
    return true;
}

/* The last line says so, so that no part of a file is taken for the whole. */
static bool
lines_read(struct rest *r, char *text)
{
    char *rest = text, *line = strsep(&rest, "\n");
    int at = 0;

    line = strsep(&rest, "\n");
    if (line == NULL || sscanf(line, "position %" SCNu64 "%n", &r->position, &at) != 1 || at == 0)
        return false;
    while ((line = strsep(&rest, "\n")) != NULL && strcmp(line, "end") != 0)
        if (!line_read(r, line))
            return false;
    return line != NULL;
}

enum status
rest_load(struct rest *r, const char *folder, struct err *err)
{
    char path[4096], *text;
    unsigned format;
    size_t size;

    *r = (struct rest){.count = 0};
    *err = (struct err){""};
    path_of(folder, path);
    enum status st = file_read(path, FILE_SIZE_MAX, &text, &size, err);

    if (st == ST_END)
        *err = (struct err){""};
    if (st != ST_OK)
        return ST_OK;
    if (strncmp(text, title, sizeof title - 1) != 0 ||
        sscanf(text + sizeof title - 1, "%u", &format) != 1) {
        err_set(err, ST_INVALID, "%s is damaged", path);
    } else if (format > FORMAT) {
        free(text);
        return err_set(err, ST_INVALID,
                       "%s has format %u, this program knows up to %d: use a newer one", path,
                       format, FORMAT);
    } else if (!lines_read(r, text)) {
        rest_free(r);
        err_set(err, ST_INVALID, "%s is damaged", path);
    } else {
        r->is_placed = r->position != UINT64_MAX;
    }
    free(text);
    return ST_OK;
}

static void
id_write(FILE *f, const char *id)
{
    for (const unsigned char *p = (const unsigned char *)id; *p != '\0'; p++)
        if (*p <= 0x20 || *p >= 0x7f || *p == '%')
            fprintf(f, "%%%02x", *p);
        else
            fputc(*p, f);
}

enum status
rest_save(const struct rest *r, const char *folder, struct err *err)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    enum status st;

    if (f == NULL)
        return err_set(err, ST_FULL, "no memory to write down where routes rest");
    fprintf(f, "%s%d\nposition %" PRIu64 "\n", title, FORMAT,
            r->is_placed ? r->position : UINT64_MAX);
    for (size_t i = 0; i < r->count; i++) {
        const struct rest_entry *e = &r->entries[i];

        fprintf(f, "%" PRIu64 " %" PRIu64 " %" PRIu64 " ", e->position, e->off_from, e->off_to);
        id_write(f, e->id);
        fputc('\n', f);
    }
    fputs("end\n", f);
    if (fclose(f) != 0) {
        free(text);
        return err_set(err, ST_FULL, "no memory to write down where routes rest");
    }
    path_of(folder, path);
    st = file_replace(path, (struct span){text, size}, 0640, err);
    free(text);
    return st;
}
