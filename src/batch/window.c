/* window.c - rows are written straight into their lane's bytes in final form: the framing is
 * written as rows come, so that a parcel is a slice and never copied again.
 *
 *   lane bytes   | parcel 0 | parcel 1 | open parcel ...
 *   lines        row CR LF row CR LF ...
 *   records      {"records":[row,row,...        and ]} when it is closed
 *   row          row, and closed when the next one comes */
#include "batch/window.h"
#include "base/clock.h"
#include <assert.h>
#include <stdlib.h>

static const char records_head[] = "{\"records\":[", records_tail[] = "]}";
enum {
    HEAD_SIZE = sizeof records_head - 1,
    TAIL_SIZE = sizeof records_tail - 1,
    LANE_ROOM_FIRST = 16 << 10,
    LANE_ROOM_KEPT = 64 << 10, /* per lane, by window_shrink */
    LANES_KEPT = 16,
};

struct window {
    struct window_limits limits;
    struct window_lane *lanes;
    size_t lane_count, lane_room, lane_made; /* lanes[lane_count..lane_made) keep their memory */
    struct window_parcel *parcels;
    size_t parcel_count, parcel_room;
    size_t *lane_parcel; /* per lane: index of its open parcel */
    uint64_t row_count;
    size_t size;
    struct window_oversized oversized;
    char *oversized_bytes;
    size_t oversized_room;
    /* where each stream of the block at hand goes; by stream index */
    struct {
        int64_t hour;
        uint32_t lane;
        bool wanted, known;
    } * routes;
    size_t route_room;
    struct transform_run *transform; /* NULL: none */
    size_t transform_index;
    bool transform_is_begun;
    uint64_t filtered;
};

enum status
window_make(struct window **window, struct err *err)
{
    *window = calloc(1, sizeof **window);
    return *window != NULL ? ST_OK : err_set(err, ST_FULL, "no memory for a window");
}

void
window_free(struct window *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->lane_made; i++)
        free(w->lanes[i].bytes);
    free(w->lanes);
    free(w->lane_parcel);
    free(w->parcels);
    free(w->oversized_bytes);
    free(w->routes);
    free(w);
}

void
window_reset(struct window *w, const struct window_limits *limits)
{
    w->limits = *limits;
    w->lane_count = 0;
    w->parcel_count = 0;
    w->row_count = 0;
    w->size = 0;
    w->oversized = (struct window_oversized){
        {NULL, 0},
        NULL, 0
    };
}

void
window_transform(struct window *w, struct transform_run *run, size_t index, bool is_begun)
{
    w->transform = run;
    w->transform_index = index;
    w->transform_is_begun = is_begun;
}

uint64_t
window_filtered(const struct window *w)
{
    return w->filtered;
}

void
window_shrink(struct window *w)
{
    assert(w->lane_count == 0);
    for (size_t i = 0; i < w->lane_made; i++) {
        if (w->lanes[i].room <= LANE_ROOM_KEPT && i < LANES_KEPT)
            continue;
        free(w->lanes[i].bytes);
        w->lanes[i].bytes = NULL;
        w->lanes[i].room = 0;
    }
    free(w->oversized_bytes);
    w->oversized_bytes = NULL;
    w->oversized_room = 0;
}

/* Memory is asked for in doubling steps; having none means the process is beyond help: the daemon's
 * sizes are all limited by settings, so this is a configuration that the machine cannot carry. */
static void *
grown(void *array, size_t *room, size_t needed, size_t element)
{
    size_t wanted = *room < 16 ? 16 : *room;

    while (wanted < needed)
        wanted *= 2;
    void *larger = realloc(array, wanted * element);

    if (larger == NULL)
        abort();
    *room = wanted;
    return larger;
}

static uint32_t
lane_find(struct window *w, const struct block_stream *stream, int64_t hour)
{
    for (size_t i = w->lane_count; i-- > 0;) {
        struct window_lane *l = &w->lanes[i];

        if (l->hour == hour && strcmp(l->category, stream->category) == 0 &&
            strcmp(l->tenant, stream->tenant) == 0)
            return (uint32_t)i;
    }
    if (w->lane_count >= w->limits.lanes_max)
        return UINT32_MAX;
    if (w->lane_count == w->lane_room) {
        size_t room = w->lane_room;

        w->lanes = grown(w->lanes, &room, room + 1, sizeof *w->lanes);
        w->lane_parcel = grown(w->lane_parcel, &w->lane_room, room, sizeof *w->lane_parcel);
        w->lane_room = room;
    }
    struct window_lane *l = &w->lanes[w->lane_count];

    if (w->lane_count == w->lane_made) {
        *l = (struct window_lane){.bytes = NULL};
        w->lane_made++;
    }
    memcpy(l->tenant, stream->tenant, sizeof l->tenant);
    memcpy(l->category, stream->category, sizeof l->category);
    memcpy(l->table, stream->table, sizeof l->table);
    l->hour = hour;
    l->size = 0;
    l->parcel_rows = 0;
    l->is_open = false;
    return (uint32_t)w->lane_count++;
}

static void
parcel_close(struct window *w, struct window_lane *l, struct window_parcel *p)
{
    if (w->limits.framing == WINDOW_RECORDS) {
        memcpy(l->bytes + l->size, records_tail, TAIL_SIZE);
        l->size += TAIL_SIZE;
        w->size += TAIL_SIZE;
    }
    p->size = l->size - p->at;
    p->row_count = l->parcel_rows;
    l->is_open = false;
}

static void
parcel_open(struct window *w, uint32_t lane, uint64_t position, uint32_t row)
{
    struct window_lane *l = &w->lanes[lane];

    if (w->parcel_count == w->parcel_room)
        w->parcels = grown(w->parcels, &w->parcel_room, w->parcel_count + 1, sizeof *w->parcels);
    w->parcels[w->parcel_count] = (struct window_parcel){
        .lane = lane,
        .at = l->size,
        .position = position,
        .row = row,
    };
    w->lane_parcel[lane] = w->parcel_count++;
    l->parcel_at = l->size;
    l->parcel_rows = 0;
    l->is_open = true;
    if (w->limits.framing == WINDOW_RECORDS) {
        memcpy(l->bytes + l->size, records_head, HEAD_SIZE);
        l->size += HEAD_SIZE;
        w->size += HEAD_SIZE;
    }
}

static size_t
frame_size(const struct window *w, enum profile profile)
{
    if (w->limits.framing == WINDOW_RECORDS)
        return HEAD_SIZE + TAIL_SIZE;
    if (w->limits.framing == WINDOW_ROW)
        return 0;
    return profile == PROFILE_WIRE ? 2 : 1;
}

static void
oversized_set(struct window *w, const struct block *block, uint32_t index, struct span bytes)
{
    if (bytes.n > w->oversized_room)
        w->oversized_bytes = grown(w->oversized_bytes, &w->oversized_room, bytes.n, 1);
    memcpy(w->oversized_bytes, bytes.p, bytes.n);
    w->oversized = (struct window_oversized){
        {w->oversized_bytes, bytes.n},
        &block->streams[block->rows[index].stream], index
    };
}

/* Shapes one row behind the lane's bytes; false: it fits no parcel. 'object': what a transformation
 * made of it; NULL: itself. */
static bool
row_add(struct window *w, const struct plan_route *route, const struct block *block,
        uint64_t position, uint32_t index, uint32_t lane, const struct span *object)
{
    const struct block_row *row = &block->rows[index];
    struct window_lane *l = &w->lanes[lane];
    size_t room_of_row = object != NULL ? object->n + SHAPE_OVERHEAD_MAX : shape_room(row);
    size_t needed = l->size + room_of_row + 2 * (HEAD_SIZE + TAIL_SIZE) + 2;

    if (needed > l->room) {
        size_t room = l->room < LANE_ROOM_FIRST ? LANE_ROOM_FIRST : l->room;

        l->bytes = grown(l->bytes, &room, needed, 1);
        l->room = room;
    }
    /* The row is written where it stands if it goes into the open parcel. */
    bool records = w->limits.framing == WINDOW_RECORDS;
    size_t lead = records ? (l->is_open ? 1 : HEAD_SIZE) : 0;
    char *at = l->bytes + l->size + lead;
    size_t size = object != NULL ? shape_row_of(route, block, row, *object, at)
                                 : shape_row(route, block, row, at);
    size_t frame = frame_size(w, route->profile);

    if (size + frame > w->limits.parcel_max) {
        oversized_set(w, block, index, (struct span){at, size});
        return false;
    }
    size_t tail = records ? TAIL_SIZE : frame;

    if (l->is_open && (w->limits.framing == WINDOW_ROW ||
                       l->size + lead + size + tail - l->parcel_at > w->limits.parcel_max)) {
        /* It opens the next parcel: behind the tail of this one and its own head. */
        size_t shift = records ? TAIL_SIZE + HEAD_SIZE - lead : 0;

        memmove(at + shift, at, size);
        parcel_close(w, l, &w->parcels[w->lane_parcel[lane]]);
    }
    if (!l->is_open)
        parcel_open(w, lane, position, index);
    else if (records)
        l->bytes[l->size++] = ',', w->size++;
    l->size += size;
    if (w->limits.framing == WINDOW_LINES) {
        if (route->profile == PROFILE_WIRE)
            l->bytes[l->size++] = '\r';
        l->bytes[l->size++] = '\n';
        size += frame;
    }
    l->parcel_rows++;
    w->row_count++;
    w->size += size;
    return true;
}

bool
window_is_full(const struct window *w)
{
    return w->size >= w->limits.bytes_max || w->row_count >= w->limits.rows_max;
}

enum status
window_add(struct window *w, const struct plan_route *route, const struct block *block,
           uint64_t position, uint32_t *row, uint32_t row_end, uint32_t *wanted)
{
    uint32_t streams = block->head->stream_count;
    bool any = false;

    if (streams > w->route_room)
        w->routes = grown(w->routes, &w->route_room, streams, sizeof *w->routes);
    for (uint32_t i = 0; i < streams; i++) {
        w->routes[i].wanted = plan_route_wants(route, &block->streams[i]);
        w->routes[i].known = false;
        any |= w->routes[i].wanted;
    }
    if (!any) {
        *row = row_end;
        return ST_OK;
    }
    if (w->transform != NULL && !w->transform_is_begun)
        transform_block(w->transform, block);
    for (; *row < row_end; ++*row) {
        const struct block_row *r = &block->rows[*row];
        enum kql_stream_result result = KQL_STREAM_SAME;
        struct span object;

        if (!w->routes[r->stream].wanted)
            continue;
        if (window_is_full(w))
            return ST_FULL;
        if (w->transform != NULL) {
            result = transform_row(w->transform, w->transform_index, route, *row, &object);
            if (result == KQL_STREAM_DROP) {
                w->filtered++;
                continue;
            }
        }
        /* Hours differ within a stream only around the full hour and in late data. */
        if (!w->routes[r->stream].known ||
            (w->limits.by_hour &&
             (uint64_t)(r->time - w->routes[r->stream].hour) >= (uint64_t)TICKS_PER_HOUR)) {
            int64_t hour = w->limits.by_hour ? r->time - r->time % TICKS_PER_HOUR : 0;
            uint32_t lane = lane_find(w, &block->streams[r->stream], hour);

            if (lane == UINT32_MAX)
                return ST_FULL;
            w->routes[r->stream].hour = hour;
            w->routes[r->stream].lane = lane;
            w->routes[r->stream].known = true;
        }
        if (!row_add(w, route, block, position, *row, w->routes[r->stream].lane,
                     result == KQL_STREAM_CHANGED ? &object : NULL)) {
            ++*row;
            return ST_INVALID;
        }
        ++*wanted;
    }
    return ST_OK;
}

enum status
window_add_row(struct window *w, const struct plan_route *route, const struct block *block,
               uint64_t position, uint32_t row, const struct span *object, const char *table)
{
    const struct block_row *r = &block->rows[row];
    struct block_stream stream = block->streams[r->stream];
    int64_t hour = w->limits.by_hour ? r->time - r->time % TICKS_PER_HOUR : 0;
    uint32_t lane;

    if (window_is_full(w))
        return ST_FULL;
    if (table != NULL)
        snprintf(stream.table, sizeof stream.table, "%s", table);
    lane = lane_find(w, &stream, hour);
    if (lane == UINT32_MAX)
        return ST_FULL;
    return row_add(w, route, block, position, row, lane, object) ? ST_OK : ST_INVALID;
}

void
window_set_aside(struct window *w, const struct block *block, uint32_t row)
{
    const struct block_row *r = &block->rows[row];

    oversized_set(w, block, row,
                  (struct span){block->body.p + r->properties_at, r->properties_size});
}

struct window_oversized
window_oversized(const struct window *w)
{
    return w->oversized;
}

void
window_seal(struct window *w)
{
    for (size_t i = 0; i < w->lane_count; i++)
        if (w->lanes[i].is_open)
            parcel_close(w, &w->lanes[i], &w->parcels[w->lane_parcel[i]]);
}

size_t
window_lane_count(const struct window *w)
{
    return w->lane_count;
}

const struct window_lane *
window_lane(const struct window *w, size_t index)
{
    assert(index < w->lane_count);
    return &w->lanes[index];
}

size_t
window_parcel_count(const struct window *w)
{
    return w->parcel_count;
}

const struct window_parcel *
window_parcel(const struct window *w, size_t index)
{
    assert(index < w->parcel_count);
    return &w->parcels[index];
}

struct span
window_parcel_body(const struct window *w, const struct window_parcel *p)
{
    return (struct span){w->lanes[p->lane].bytes + p->at, p->size};
}

uint64_t
window_row_count(const struct window *w)
{
    return w->row_count;
}

size_t
window_size(const struct window *w)
{
    return w->size;
}

/* The end of the JSON object that starts at 'at'; the body is our own, so it is well-formed. */
static size_t
object_end(struct span body, size_t at)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = at; i < body.n; i++) {
        char c = body.p[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return body.n;
}

void
window_split(enum window_framing framing, struct span body,
             void (*visit)(void *app, struct span row), void *app)
{
    size_t at = framing == WINDOW_RECORDS ? HEAD_SIZE : 0;

    if (framing == WINDOW_ROW) {
        visit(app, body);
        return;
    }
    while (at < body.n && body.p[at] == '{') {
        size_t end = object_end(body, at);

        visit(app, (struct span){body.p + at, end - at});
        at = end;
        while (at < body.n && (body.p[at] == ',' || body.p[at] == '\r' || body.p[at] == '\n'))
            at++;
    }
}
