/* client_file.h - files that a command is given: "-" is standard input. One thread. */
#pragma once
#include "base/base.h"
#include "wire/yaml.h"

/* The whole file, at most 'size_max' bytes, malloc'd, a zero behind it. ST_INVALID: there is none. */
MUST_CHECK enum status client_file_read(const char *path, size_t size_max, char **text,
                                        size_t *size, struct err *err);
/* What JSON or YAML in it says. The text is wiped: it may hold a connection string. */
MUST_CHECK enum status client_file_tree(const char *path, size_t size_max, struct yaml_tree *tree,
                                        struct err *err);
/* The same where it must be an object: 'what' it is to hold, for the error ("automation"). */
MUST_CHECK enum status client_file_object(const char *path, size_t size_max, const char *what,
                                          struct yaml_tree *tree, struct err *err);
