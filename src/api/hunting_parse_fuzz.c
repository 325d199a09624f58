/* hunting_parse_fuzz.c - whatever a hunting client writes: a time span lies in the calendar and does not end before it begins, preferences are
 * bounded, a path that stands for another stands for it only once, and a body gives texts that lie in it. The first byte chooses. */
#include "api/hunting_parse.h"
#include "kql/value.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_period(struct span text)
{
    const int64_t now = INT64_C(638760000000000000);
    struct hunting_period p;
    struct err err = {""};

    if (hunting_period_read(text, now, &p, &err))
        assert(p.from >= 0 && p.from <= p.to && p.to <= KQL_DATETIME_MAX);
    else
        assert(err.text[0] != '\0');
}

static void
try_path(const char *text)
{
    char once[2048], twice[2048];

    if (hunting_path_plain(text, once, sizeof once)) {
        assert(hunting_path_plain(once, twice, sizeof twice));
        assert(strcmp(once, twice) == 0);
    }
}

static void
try_body(struct span text)
{
    static struct hunting_query q;
    struct err err = {""};
    json_t *tree = hunting_json_read(text, &err);

    if (tree == NULL || !hunting_query_read(tree, 1, &q, &err)) {
        assert(err.text[0] != '\0');
    } else {
        assert(q.text.n > 0 && q.text.p[q.text.n] == '\0');
        assert(q.period.from <= q.period.to && q.workspace_count <= HUNTING_ADDITIONAL_MAX);
    }
    json_decref(tree);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    text = malloc(size);
    if (text == NULL)
        abort();
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 5) {
    case 0:
        try_period((struct span){text, size - 1});
        break;
    case 1: {
        struct hunting_prefer p = hunting_prefer_read(text);

        assert(p.wait_ms == 0 || (p.wait_ms >= 1000 && p.wait_ms <= INT64_C(999999999000)));
        break;
    }
    case 2:
        (void)hunting_takes_gzip(text);
        break;
    case 3:
        try_path(text);
        break;
    default:
        try_body((struct span){text, size - 1});
    }
    free(text);
    return 0;
}
