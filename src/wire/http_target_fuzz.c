/* http_target_fuzz.c - no target breaks the decoding of segments and queries, and what they decode
 * is what was escaped. The query's decoder is of the server's file alone: it is included, with its
 * connections left out. */
#include "wire/http_server.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The segment with every byte escaped comes back as it was. */
static void
check_escaped(const char *decoded)
{
    char escaped[3 * 128], again[128];
    size_t size = 0;
    struct err err = {""};

    for (const char *c = decoded; *c != '\0'; c++)
        size += (size_t)snprintf(escaped + size, 4, "%%%02x", (unsigned char)*c);
    assert(http_decode_segment((struct span){escaped, size}, again, sizeof again, &err) == ST_OK);
    assert(strcmp(again, decoded) == 0);
}

static void
check_segment(const char *target, size_t size)
{
    size_t room = size == 0 ? 1 : 1 + (unsigned char)target[0] % 128;
    char *exact = malloc(size + 1), *out = malloc(room);
    struct err err = {""};

    memcpy(exact, target, size); /* its end is the allocation's, nearly: an overrun is seen */
    if (http_decode_segment((struct span){exact, size}, out, room, &err) == ST_OK) {
        assert(strlen(out) < room && strlen(out) <= size && strchr(out, '/') == NULL);
        check_escaped(out);
    } else {
        assert(err.text[0] != '\0');
    }
    free(exact);
    free(out);
}

/* As on_uri does it, in the same room. */
static void
check_query(const char *target, size_t size)
{
    const char *path = target_path(target), *fault;
    char *query;
    struct exchange *x;

    assert(path[0] != '\0' || target[0] == '\0');
    size = strlen(path);
    x = calloc(1, sizeof *x + 2 * size + 2 * PARAMETERS_MAX + 2);
    memcpy(x->text, path, size + 1);
    query = strchr(x->text, '?');
    fault = query_parse(x, query == NULL ? "" : query + 1, x->text + size + 1);
    assert(x->parameter_count <= PARAMETERS_MAX);
    if (fault == NULL)
        for (size_t i = 0; i < x->parameter_count; i++)
            assert(strlen(x->parameters[i].name) + strlen(x->parameters[i].value) <= size &&
                   http_query(&x->request, x->parameters[i].name) != NULL);
    free(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *target = malloc(size + 1);

    memcpy(target, data, size);
    target[size] = '\0';
    check_segment(target, size);
    check_query(target, strlen(target));
    free(target);
    return 0;
}
