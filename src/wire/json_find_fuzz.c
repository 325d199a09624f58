/* json_find_fuzz.c - a path, a NUL, a text: what is found lies within the text, and in valid JSON it
 * is what a parser finds. */
#include "wire/json.h"
#include "wire/json_find.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
    size_t n = end == NULL ? 0 : (size_t)(end - data), used, at = 0;
    struct span json = {(const char *)data + n + 1, end == NULL ? 0 : size - n - 1}, value;
    struct json_path path;
    struct err err = {""};
    json_t *tree, *found;

    if (end == NULL ||
        json_path_read((struct span){(const char *)data, n}, &path, &used, &err) != ST_OK)
        return 0;
    if (used > n)
        abort();
    tree = json_loadb(json.p, json.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (json_find(json, &path, &value)) {
        char *text = malloc(value.n + 1);

        if (value.p < json.p || value.p + value.n > json.p + json.n || value.n == 0)
            abort();
        if (value.p[0] == '"' && json_text(value, text) > value.n)
            abort();
        free(text);
        while (json_next(value, &at, &json))
            if (json.p < value.p || json.p + json.n > value.p + value.n)
                abort();
        found = json_loadb(value.p, value.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (tree != NULL && found == NULL)
            abort();
        json_decref(found);
    }
    json_decref(tree);
    return 0;
}
