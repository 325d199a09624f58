/* yaml_fuzz.c - no text crashes the reader, and what it takes can be written as JSON and read again
 * to the same tree. */
#include "wire/yaml.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_tree tree, again;
    struct err err = {""};

    if (yaml_tree_read((struct span){(const char *)data, size}, "fuzz", &tree, &err) != ST_OK) {
        assert(err.text[0] != '\0' && tree.root == NULL && tree.places == NULL);
        return 0;
    }
    /* Only in ASCII is JSON also YAML 1.1, to which U+0085, U+2028 and U+2029 are ends of lines. */
    char *text = json_dumps(tree.root, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    if (text != NULL && yaml_tree_read(span_of(text), "again", &again, &err) == ST_OK) {
        assert(json_equal(tree.root, again.root));
        yaml_tree_free(&again);
    }
    free(text);
    yaml_tree_free(&tree);
    return 0;
}
