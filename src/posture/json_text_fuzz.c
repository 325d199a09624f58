/* json_text_fuzz.c - text that passes the check is compacted, hashes alike then, and is walked to its
 * end; jansson agrees on what is JSON where it can. */
#include "posture/json_text.h"
#include "wire/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct span value, unsigned depth)
{
    struct json_walk w = json_walk_begin(value);
    struct span key, inner;
    struct text plain = {0};

    if (depth > JSON_TEXT_DEPTH_MAX)
        abort();
    while (json_walk_next(&w, &key, &inner))
        walk(inner, depth + 1);
    text_decode(&plain, value);
    text_free(&plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const skip[] = {"id", "a.b", "a.b.c", NULL};
    struct span text = {(const char *)data, size};
    struct text compact = {0};
    struct err err = {""};
    uint64_t hash, again;
    json_error_t why;
    enum status st = json_text_check(text, skip, 7, &hash, &err);
    json_t *tree = memchr(data, 0, size) == NULL && size > 0
                       ? json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why)
                       : NULL; /* jansson takes a NUL for the end */

    if (tree != NULL && st != ST_OK && strstr(err.text, "too deep") == NULL)
        abort(); /* we are stricter than jansson in nothing but depth */
    json_decref(tree);
    if (st != ST_OK) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    while (text.n > 0 && strchr(" \t\r\n", text.p[0]) != NULL)
        text = (struct span){text.p + 1, text.n - 1};
    text_compact(&compact, text);
    if (json_text_check(text_span(&compact), skip, 7, &again, &err) != ST_OK || again != hash)
        abort();
    walk(text_span(&compact), 0);
    (void)json_at(text_span(&compact), "a.b.c");
    text_free(&compact);
    return 0;
}
