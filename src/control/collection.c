/* collection.c - a rule, compiled: its streams, each with the flows that its rows take. */
#include "control/collection_inner.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

struct collection {
    atomic_uint references;
    struct collection_stream *streams;
    size_t count, room;
    json_t *names; /* what the streams' names lie in */
};

struct collection *
collection_new(void)
{
    struct collection *x = calloc(1, sizeof *x);

    if (x == NULL)
        return NULL;
    atomic_init(&x->references, 1);
    x->names = json_array();
    if (x->names == NULL) {
        free(x);
        return NULL;
    }
    return x;
}

struct collection *
collection_hold(struct collection *x)
{
    atomic_fetch_add(&x->references, 1);
    return x;
}

void
collection_release(struct collection *x)
{
    if (x == NULL || atomic_fetch_sub(&x->references, 1) > 1)
        return;
    for (size_t i = 0; i < x->count; i++) {
        for (size_t k = 0; k < x->streams[i].flow_count; k++)
            collect_free(x->streams[i].flows[k]);
        free((void *)(uintptr_t)x->streams[i].flows);
    }
    free(x->streams);
    json_decref(x->names);
    free(x);
}

const struct collection_stream *
collection_stream_find(const struct collection *x, const char *name)
{
    for (size_t i = 0; i < x->count; i++)
        if (strcasecmp(x->streams[i].name, name) == 0)
            return &x->streams[i];
    return NULL;
}

const struct collection_stream *
collection_streams(const struct collection *x, size_t *count)
{
    *count = x->count;
    return x->streams;
}

bool
collection_add(struct collection *x, const char *stream, struct collect *flow)
{
    struct collection_stream *s =
        (struct collection_stream *)(uintptr_t)collection_stream_find(x, stream);
    struct collect **flows;

    if (s == NULL) {
        json_t *name = json_string(stream);
        struct collection_stream *streams =
            realloc(x->streams, (x->count + 1) * sizeof *x->streams);

        if (streams != NULL)
            x->streams = streams;
        if (name == NULL || streams == NULL || json_array_append_new(x->names, name) != 0)
            goto fail;
        s = &x->streams[x->count++];
        *s = (struct collection_stream){.name = json_string_value(name)};
    }
    flows = realloc((void *)(uintptr_t)s->flows, (s->flow_count + 1) * sizeof *flows);
    if (flows == NULL)
        goto fail;
    flows[s->flow_count++] = flow;
    s->flows = flows;
    return true;

fail:
    collect_free(flow);
    return false;
}
