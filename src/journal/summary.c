#include "journal/summary.h"
#include "base/crc32c.h"
#include "base/file.h"
#include <stdlib.h>

static const char summary_magic[8] = "PSTKSUMM";
enum { SUMMARY_VERSION = 1, SUMMARY_MAY_GO_ON = 1, SUMMARY_WHOLE_BAD = 2 };
enum { SUMMARY_SIZE_MAX = 512 << 20 };

struct summary_head {
    char magic[8];
    uint32_t version, crc; /* of all that follows */
    uint64_t base, span, epoch, end;
    uint64_t rows_bias, rows_first, rows_end, previous_end;
    uint64_t block_count, row_count, body_bytes, seq, durable_mark;
    int64_t admitted_min, admitted_max;
    uint32_t flags, hole_count, id_count, reserved;
};
_Static_assert(sizeof(struct summary_head) == 152, "no holes in what goes to disk");
_Static_assert(sizeof(struct hole) == 32, "no holes in what goes to disk");
_Static_assert(sizeof(struct request_entry) == 40, "no holes in what goes to disk");

enum status
summary_write(const char *folder, const struct segment *s, bool may_go_on, struct err *err)
{
    size_t holes_size = s->hole_count * sizeof *s->holes, ids_size = s->id_count * sizeof *s->ids;
    size_t size = sizeof(struct summary_head) + holes_size + ids_size;
    char path[PATH_SIZE], *text = malloc(size);
    enum status st;

    if (text == NULL)
        return err_set(err, ST_FULL, "no memory for a segment's summary");
    struct summary_head h = {
        .version = SUMMARY_VERSION,
        .base = s->base,
        .span = s->span,
        .epoch = s->epoch,
        .end = s->end,
        .rows_bias = s->rows_bias,
        .rows_first = s->rows_first,
        .rows_end = s->rows_end,
        .previous_end = s->previous_end,
        .block_count = s->block_count,
        .row_count = s->row_count,
        .body_bytes = s->body_bytes,
        .seq = s->seq,
        .durable_mark = s->durable_mark,
        .admitted_min = s->admitted_min,
        .admitted_max = s->admitted_max,
        .flags = (may_go_on ? SUMMARY_MAY_GO_ON : 0u) | (s->is_whole_bad ? SUMMARY_WHOLE_BAD : 0u),
        .hole_count = (uint32_t)s->hole_count,
        .id_count = (uint32_t)s->id_count,
    };

    memcpy(h.magic, summary_magic, sizeof h.magic);
    memcpy(text, &h, sizeof h);
    if (holes_size > 0)
        memcpy(text + sizeof h, s->holes, holes_size);
    if (ids_size > 0)
        memcpy(text + sizeof h + holes_size, s->ids, ids_size);
    h.crc = crc32c(text + 16, size - 16);
    memcpy(text, &h, sizeof h);
    segment_path(path, folder, s->base, ".sum");
    st = file_replace(path, (struct span){text, size}, 0640, err);
    free(text);
    return st;
}

static bool
summary_is_good(const char *text, size_t size, uint64_t base, uint64_t epoch)
{
    struct summary_head h;

    if (size < sizeof h)
        return false;
    memcpy(&h, text, sizeof h);
    return memcmp(h.magic, summary_magic, sizeof h.magic) == 0 && h.version == SUMMARY_VERSION &&
           h.crc == crc32c(text + 16, size - 16) && h.base == base &&
           (epoch == 0 || h.epoch == epoch) && h.hole_count <= HOLES_MAX &&
           size == sizeof h + h.hole_count * sizeof(struct hole) +
                       (size_t)h.id_count * sizeof(struct request_entry) &&
           h.span >= SEGMENT_HEAD_SIZE && h.end >= base + SEGMENT_HEAD_SIZE &&
           h.end <= base + h.span;
}

enum status
summary_read(const char *folder, uint64_t epoch, struct segment *s, struct err *err)
{
    char path[PATH_SIZE], *text;
    struct hole *holes = NULL;
    struct request_entry *ids = NULL;
    struct summary_head h;
    size_t size;
    enum status st;

    segment_path(path, folder, s->base, ".sum");
    st = file_read(path, SUMMARY_SIZE_MAX, &text, &size, err);
    if (st != ST_OK)
        return st == ST_END ? ST_END : ST_INVALID;
    if (!summary_is_good(text, size, s->base, epoch)) {
        free(text);
        return err_set(err, ST_INVALID, "%s is damaged", path);
    }
    memcpy(&h, text, sizeof h);
    holes = malloc((h.hole_count + 1) * sizeof *holes);
    ids = malloc((h.id_count + (size_t)1) * sizeof *ids);
    if (holes == NULL || ids == NULL) {
        free(holes);
        free(ids);
        free(text);
        return err_set(err, ST_INVALID, "no memory for %s", path);
    }
    memcpy(holes, text + sizeof h, h.hole_count * sizeof *holes);
    memcpy(ids, text + sizeof h + h.hole_count * sizeof *holes, h.id_count * sizeof *ids);
    free(text);
    free(s->holes);
    free(s->ids);
    s->holes = holes;
    s->hole_count = h.hole_count;
    s->ids = ids;
    s->id_count = h.id_count;
    s->id_room = h.id_count + (size_t)1;
    s->span = h.span;
    s->epoch = h.epoch;
    s->end = h.end;
    s->rows_bias = h.rows_bias;
    s->rows_first = h.rows_first;
    s->rows_end = h.rows_end;
    s->previous_end = h.previous_end;
    s->block_count = h.block_count;
    s->row_count = h.row_count;
    s->body_bytes = h.body_bytes;
    s->seq = h.seq;
    s->durable_mark = h.durable_mark;
    s->admitted_min = h.admitted_min;
    s->admitted_max = h.admitted_max;
    s->may_go_on = (h.flags & SUMMARY_MAY_GO_ON) != 0;
    s->is_whole_bad = (h.flags & SUMMARY_WHOLE_BAD) != 0;
    s->reserved = h.end - s->base;
    s->state = SEGMENT_SEALED;
    return ST_OK;
}
