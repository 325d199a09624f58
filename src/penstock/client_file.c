#include "penstock/client_file.h"
#include "base/file.h"
#include <stdlib.h>

enum status
client_file_read(const char *path, size_t size_max, char **text, size_t *size, struct err *err)
{
    enum status st =
        file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, size_max, text, size, err);

    return st == ST_END ? err_set(err, ST_INVALID, "there is no file %.200s", path) : st;
}

enum status
client_file_tree(const char *path, size_t size_max, struct yaml_tree *tree, struct err *err)
{
    char *text;
    size_t size;
    enum status st = client_file_read(path, size_max, &text, &size, err);

    if (st != ST_OK)
        return st;
    st = yaml_tree_read((struct span){text, size}, strcmp(path, "-") == 0 ? "(input)" : path, tree,
                        err);
    explicit_bzero(text, size);
    free(text);
    return st;
}

enum status
client_file_object(const char *path, size_t size_max, const char *what, struct yaml_tree *tree,
                   struct err *err)
{
    enum status st = client_file_tree(path, size_max, tree, err);

    if (st == ST_OK && !json_is_object(tree->root)) {
        yaml_tree_free(tree);
        return err_set(err, ST_INVALID, "%.200s holds no %s", path, what);
    }
    return st;
}
