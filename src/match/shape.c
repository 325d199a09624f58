#include "match/shape.h"
#include "model/datetime.h"

/* The longest string that is written escaped here; block strings are group names. */
enum { GROUP_NAME_MAX = 256 };

static char *
put(char *out, const char *text, size_t size)
{
    memcpy(out, text, size);
    return out + size;
}

#define PUT_LITERAL(out, text) put((out), (text), sizeof(text) - 1)

/* JSON text of a group's name. Names are UTF-8 and almost always need no escape. */
static char *
put_quoted(char *out, struct span text)
{
    size_t n = text.n < GROUP_NAME_MAX ? text.n : GROUP_NAME_MAX;

    *out++ = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = (char)c;
        } else if (c < 0x20) {
            static const char hex[] = "0123456789abcdef";

            out = PUT_LITERAL(out, "\\u00");
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        } else {
            *out++ = (char)c;
        }
    }
    *out++ = '"';
    return out;
}

/* Copies JSON text without the white space between its tokens. */
static char *
put_compact(char *out, const char *text, size_t size)
{
    bool in_string = false;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];

        if (in_string) {
            *out++ = c;
            if (c == '\\' && i + 1 < size)
                *out++ = text[++i];
            else if (c == '"')
                in_string = false;
        } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            *out++ = c;
            in_string = c == '"';
        }
    }
    return out;
}

static char *
put_json(char *out, const char *text, size_t size, bool compact)
{
    return compact ? put_compact(out, text, size) : put(out, text, size);
}

static char *
put_group(char *out, const struct block *block, const struct block_row *row)
{
    if (row->group == ROW_GROUP_AS_IS || row->group == ROW_GROUP_NULL)
        return PUT_LITERAL(out, "null");
    return put_quoted(out, block_string(block, row->group));
}

enum splice { SPLICE_NONE, SPLICE_REPLACE, SPLICE_APPEND };

/* What MachineGroup asks for: streaming-api.md section 5.1; group_mode: design, wire decisions. */
static enum splice
group_splice(const struct plan_route *route, const struct block_row *row)
{
    bool wanted = route->group_mode == GROUP_ALWAYS || (row->flags & ROW_DECORATE);

    if (!wanted)
        return SPLICE_NONE;
    if (row->group_value_at == 0)
        return SPLICE_APPEND;
    if (row->group == ROW_GROUP_AS_IS || row->group == ROW_GROUP_NULL)
        return SPLICE_NONE; /* the key is there: with a value of its source, or null already */
    return SPLICE_REPLACE;
}

static char *
put_properties(char *out, const struct block *block, const struct block_row *row,
               enum splice splice)
{
    const char *properties = block->body.p + row->properties_at;
    size_t size = row->properties_size;
    bool compact = row->flags & ROW_LINE_BREAK;

    switch (splice) {
    case SPLICE_REPLACE: {
        size_t before = row->group_value_at - row->properties_at;
        size_t after = before + row->group_value_size;

        out = put_json(out, properties, before, compact);
        out = put_group(out, block, row);
        return put_json(out, properties + after, size - after, compact);
    }
    case SPLICE_APPEND:
        out = put_json(out, properties, size - 1, compact);
        out = row->flags & ROW_EMPTY ? PUT_LITERAL(out, "\"MachineGroup\":")
                                     : PUT_LITERAL(out, ",\"MachineGroup\":");
        out = put_group(out, block, row);
        *out++ = '}';
        return out;
    case SPLICE_NONE:
        break;
    }
    return put_json(out, properties, size, compact);
}

static char *
put_time(char *out, const struct block *block, uint32_t at, uint8_t size, int64_t ticks)
{
    if (at != 0)
        return put(out, block->body.p + at, size);
    datetime_write(out, ticks);
    return out + DATETIME_TEXT_SIZE;
}

bool
shape_decorates(const struct plan_route *route, const struct block_row *row)
{
    return group_splice(route, row) != SPLICE_NONE;
}

size_t
shape_properties(const struct plan_route *route, const struct block *block,
                 const struct block_row *row, char *out)
{
    return (size_t)(put_properties(out, block, row, group_splice(route, row)) - out);
}

/* The envelope up to its properties. */
static char *
put_head(char *out, const struct plan_route *route, const struct block *block,
         const struct block_row *row)
{
    const struct block_stream *stream = &block->streams[row->stream];

    out = PUT_LITERAL(out, "{\"time\":\"");
    out = put_time(out, block, row->time_at, row->time_size, row->time);
    out = PUT_LITERAL(out, "\",\"tenantId\":\"");
    out = put(out, stream->tenant, strlen(stream->tenant));
    if (route->profile == PROFILE_WIRE)
        out = PUT_LITERAL(out, "\",\"operationName\":\"Publish");
    out = PUT_LITERAL(out, "\",\"category\":\"");
    out = put(out, stream->category, strlen(stream->category));
    if (route->profile == PROFILE_WIRE) {
        out = PUT_LITERAL(out, "\",\"_TimeReceivedBySvc\":\"");
        out = put_time(out, block, row->received_at, row->received_size, block->head->received);
    }
    return PUT_LITERAL(out, "\",\"properties\":");
}

static char *
put_tail(char *out, const struct plan_route *route)
{
    if (route->profile == PROFILE_WIRE)
        out = PUT_LITERAL(out, ",\"Tenant\":\"DefaultTenant\"");
    *out++ = '}';
    return out;
}

size_t
shape_row(const struct plan_route *route, const struct block *block, const struct block_row *row,
          char *out)
{
    enum splice splice = group_splice(route, row);
    char *start = out;

    if (route->profile == PROFILE_BARE)
        return (size_t)(put_properties(out, block, row, splice) - start);
    if (route->profile == PROFILE_WIRE && splice == SPLICE_NONE &&
        (row->flags & (ROW_WIRE_ENVELOPE | ROW_LINE_BREAK)) == ROW_WIRE_ENVELOPE) {
        memcpy(out, block->body.p + row->at, row->size);
        return row->size;
    }
    out = put_head(out, route, block, row);
    out = put_properties(out, block, row, splice);
    out = put_tail(out, route);
    return (size_t)(out - start);
}

size_t
shape_row_of(const struct plan_route *route, const struct block *block, const struct block_row *row,
             struct span object, char *out)
{
    bool compact = row->flags & ROW_LINE_BREAK;
    char *start = out;

    if (route->profile == PROFILE_BARE)
        return (size_t)(put_json(out, object.p, object.n, compact) - start);
    out = put_head(out, route, block, row);
    out = put_json(out, object.p, object.n, compact);
    out = put_tail(out, route);
    return (size_t)(out - start);
}

size_t
shape_compact(const char *text, size_t size, char *out)
{
    return (size_t)(put_compact(out, text, size) - out);
}
