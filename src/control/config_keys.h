/* config_keys.h - private to config*.c: the table of keys, and what the readers of its parts
 * share. */
#pragma once
#include "control/config.h"
#include "control/heap.h"
#include "wire/yaml.h"

enum key_type {
    KEY_TEXT,
    KEY_PATH,
    KEY_YES_NO,
    KEY_COUNT,
    KEY_SIZE,
    KEY_DURATION,
    KEY_CHOICE,
    /* from here on: read by a function of its own (config_origins.c); no default */
    KEY_ORIGINS,
    KEY_PREFIXES /* the same */
};

/* One key with a single value. Integers of any width are set by offset and size. */
struct key_row {
    const char *section, *name; /* "" for the top level */
    enum key_type type;
    size_t offset, size;
    const char *default_value; /* NULL: stays NULL */
    uint64_t min, max;
    const char *const *choices; /* ends at NULL; the value is the index */
    bool needs_restart;
    const char *help;
};
extern const struct key_row config_keys[]; /* ends at a NULL name */

/* One key inside the entries of a list. */
struct item_row {
    const char *list, *name, *type, *default_value;
    bool is_required, is_secret;
    const char *help;
};
extern const struct item_row config_items[];

struct config_whole {
    struct config c; /* first: config_free gets its address */
    struct heap heap;
};

struct config_reader {
    struct config_whole *whole;
    const char *origin;
    const char *folder; /* of the file, for relative paths; "" : the working folder */
    const struct control_kinds *kinds;
    struct yaml_tree tree;
    struct err *err;
};

/* err: "origin:line:column: path: ..." of the member 'key' (or element 'index') of 'parent'; parent
 * NULL: of the file as a whole. */
PRINTF_LIKE(6, 7)
enum status config_fault(const struct config_reader *r, const json_t *parent, const char *key,
                         size_t index, const char *path, const char *format, ...);
enum status config_no_memory(const struct config_reader *r);
/* Refuses members of 'object' that 'names' does not hold, naming the nearest. */
MUST_CHECK enum status config_unknown(const struct config_reader *r, const json_t *object,
                                      const char *path, const char *const *names);
/* Absolute: counted from the reader's folder. */
char *config_path(const struct config_reader *r, const char *path);
/* Whether there is such a PEM file; one that may not be looked at may be there for the daemon's user.
 * ST_INVALID: err says what is there instead, without a place. */
MUST_CHECK enum status config_pem_check(const char *path, struct err *err);

/* The lists; each checks its part in full. In this order. */
MUST_CHECK enum status config_read_tenants(struct config_reader *r, const json_t *list);
MUST_CHECK enum status config_read_resources(struct config_reader *r, const json_t *list);
MUST_CHECK enum status config_read_groups(struct config_reader *r, const json_t *list);
MUST_CHECK enum status config_read_tables(struct config_reader *r, const json_t *list);
MUST_CHECK enum status config_read_kept(struct config_reader *r, const json_t *list);
MUST_CHECK enum status config_read_origins(struct config_reader *r, const json_t *list);
MUST_CHECK enum status config_read_prefixes(struct config_reader *r, const json_t *list);
MUST_CHECK enum status config_read_sources(struct config_reader *r, const json_t *list);

/* A single value as one would write it. */
void config_value_write(const struct config *c, const struct key_row *row, char out[4200]);
/* "7 d", "64 MiB" and the other way. */
MUST_CHECK bool config_duration_read(const char *text, uint64_t *ms);
MUST_CHECK bool config_size_read(const char *text, uint64_t *bytes);
void config_duration_write(uint64_t ms, char *out, size_t room);
void config_size_write(uint64_t bytes, char *out, size_t room);
