/* tree_fuzz.c - any bytes: what a tree takes is what jansson takes (which refuses more: half a pair of
 * surrogates, numbers that no double or long holds, other depths), its compact text is the same document,
 * and its strings say the same. */
#include "wire/json.h"
#include "wire/tree.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
compare(const struct tree *t, uint32_t node, const json_t *json)
{
    uint32_t i = tree_first(node);

    switch ((enum scan_kind)t->nodes[node].kind) {
    case SCAN_STRING:
        if (!json_is_string(json) ||
            !span_equal(tree_text(t, node),
                        (struct span){json_string_value(json), json_string_length(json)}))
            abort();
        break;
    case SCAN_ARRAY:
        if (!json_is_array(json) || json_array_size(json) != t->nodes[node].count)
            abort();
        for (size_t n = 0; n < json_array_size(json); n++, i = tree_next(t, i))
            compare(t, i, json_array_get(json, n));
        break;
    case SCAN_OBJECT:
        if (!json_is_object(json))
            abort();
        break;
    default:
        if (json_is_object(json) || json_is_array(json) || json_is_string(json))
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct tree t, again;
    struct err err = {""};
    json_error_t error;
    json_t *json = NULL;

    if (memchr(data, '\0', size) != NULL) /* jansson ends there */
        return 0;
    json = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (tree_parse(&t, text, &err) == ST_OK) {
        enum json_error_code code = json != NULL ? json_error_unknown : json_error_code(&error);

        if (json == NULL && code != json_error_numeric_overflow &&
            code != json_error_stack_overflow && code != json_error_invalid_syntax &&
            code != json_error_null_byte_in_key)
            abort();
        if (tree_parse(&again, tree_raw(&t, 0), &err) != ST_OK || again.count != t.count ||
            !span_equal(tree_raw(&again, 0), tree_raw(&t, 0)))
            abort();
        if (json != NULL)
            compare(&t, 0, json);
        tree_free(&again);
    } else if (json != NULL || err.text[0] == '\0') {
        abort();
    }
    tree_free(&t);
    json_decref(json);
    return 0;
}
