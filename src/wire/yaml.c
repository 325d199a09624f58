/* yaml.c - libyaml's events to a jansson tree, without recursion: a stack of open containers, at
 * most YAML_DEPTH_MAX. */
#include "wire/yaml.h"
#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

struct place {
    const json_t *parent;
    size_t ordinal; /* among the parent's children */
    struct yaml_place at;
};

struct yaml_places {
    struct place *items;
    size_t count, room;
};

struct reading {
    const char *name;
    yaml_parser_t parser;
    json_t *open[YAML_DEPTH_MAX];
    size_t depth;
    char *key; /* of the object on top, read but not yet given a value */
    size_t node_count;
    struct yaml_tree *tree;
};

static enum status
fault(const struct reading *r, yaml_mark_t at, struct err *err, const char *what)
{
    return err_set(err, ST_INVALID, "%s:%zu:%zu: %s", r->name, at.line + 1, at.column + 1, what);
}

static bool
place_add(struct yaml_places *places, const json_t *parent, size_t ordinal, yaml_mark_t at)
{
    if (places->count == places->room) {
        size_t room = places->room == 0 ? 64 : places->room * 2;
        struct place *larger = realloc(places->items, room * sizeof *larger);

        if (larger == NULL)
            return false;
        places->items = larger;
        places->room = room;
    }
    places->items[places->count++] = (struct place){
        parent, ordinal, {(unsigned)at.line + 1, (unsigned)at.column + 1}
    };
    return true;
}

/* Puts a value where the reading stands; takes it in any case. */
static enum status
value_add(struct reading *r, json_t *value, yaml_mark_t at, struct err *err)
{
    json_t *parent = r->depth > 0 ? r->open[r->depth - 1] : NULL;
    size_t ordinal = 0;
    int failed;

    if (value == NULL)
        return err_set(err, ST_FULL, "%s: no memory", r->name);
    if (parent == NULL) {
        r->tree->root = value;
        return ST_OK;
    }
    if (json_is_object(parent)) {
        ordinal = json_object_size(parent);
        failed = json_object_set_new(parent, r->key, value);
        free(r->key);
        r->key = NULL;
    } else {
        ordinal = json_array_size(parent);
        failed = json_array_append_new(parent, value);
    }
    if (failed || !place_add(r->tree->places, parent, ordinal, at))
        return err_set(err, ST_FULL, "%s: no memory", r->name);
    return ST_OK;
}

static bool
one_of(const char *text, const char *const words[3])
{
    for (int i = 0; i < 3; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static size_t
digits(const char *p, const char *set)
{
    return strspn(p, set);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?   (YAML 1.2.2, section
 * 10.3.2) */
static bool
float_is(const char *p)
{
    static const char decimal[] = "0123456789";
    size_t whole, fraction = 0;

    if (*p == '-' || *p == '+')
        p++;
    whole = digits(p, decimal);
    p += whole;
    if (*p == '.') {
        p++;
        fraction = digits(p, decimal);
        p += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '-' || *p == '+')
            p++;
        if (digits(p, decimal) == 0)
            return false;
        p += digits(p, decimal);
    }
    return *p == '\0';
}

/* 0: not an integer. Else where its digits begin and their base. */
static int
integer_base(const char *text, const char **at)
{
    static const struct {
        const char *prefix, *set;
        int base;
    } forms[] = {
        {"0x", "0123456789abcdefABCDEF", 16},
        {"0o", "01234567",               8 },
    };
    const char *p = text + (*text == '-' || *text == '+');

    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (strncmp(text, forms[i].prefix, 2) == 0 && text[2] != '\0' &&
            text[2 + digits(text + 2, forms[i].set)] == '\0') {
            *at = text + 2;
            return forms[i].base;
        }
    if (*p != '\0' && p[digits(p, "0123456789")] == '\0') {
        *at = text;
        return 10;
    }
    return 0;
}

static bool
infinite_is(const char *p)
{
    static const char *const inf[3] = {".inf", ".Inf", ".INF"};
    static const char *const nan[3] = {".nan", ".NaN", ".NAN"};

    return one_of(p + (*p == '-' || *p == '+'), inf) || one_of(p, nan);
}

/* A plain scalar by the core schema; 'text' holds no NUL. */
static enum status
plain_value(const struct reading *r, const char *text, size_t size, yaml_mark_t mark,
            json_t **value, struct err *err)
{
    static const char *const nulls[3] = {"null", "Null", "NULL"};
    static const char *const trues[3] = {"true", "True", "TRUE"};
    static const char *const falses[3] = {"false", "False", "FALSE"};
    const char *at;
    int base;

    if (size == 0 || strcmp(text, "~") == 0 || one_of(text, nulls)) {
        *value = json_null();
    } else if (one_of(text, trues) || one_of(text, falses)) {
        *value = json_boolean(one_of(text, trues));
    } else if ((base = integer_base(text, &at)) != 0) {
        errno = 0;
        long long n = strtoll(at, NULL, base);

        if (errno != 0)
            return fault(r, mark, err, "the integer does not fit in 64 bits; quote it");
        *value = json_integer(n);
    } else if (infinite_is(text)) {
        return fault(r, mark, err, "infinities and NaN have no place here");
    } else if (float_is(text)) {
        double n = strtod(text, NULL);

        if (n - n != 0) /* infinite */
            return fault(r, mark, err, "the number is too large; quote it");
        *value = json_real(n);
    } else {
        *value = json_stringn(text, size);
    }
    return ST_OK;
}

static enum status
key_take(struct reading *r, const yaml_event_t *e, struct err *err)
{
    const char *text = (const char *)e->data.scalar.value;

    if (e->data.scalar.length > YAML_KEY_SIZE_MAX)
        return fault(r, e->start_mark, err, "the key is longer than 1024 bytes");
    if (json_object_get(r->open[r->depth - 1], text) != NULL)
        return err_set(err, ST_INVALID, "%s:%zu:%zu: the key '%.64s' is here twice", r->name,
                       e->start_mark.line + 1, e->start_mark.column + 1, text);
    r->key = strdup(text);
    return r->key != NULL ? ST_OK : err_set(err, ST_FULL, "%s: no memory", r->name);
}

static enum status
scalar_take(struct reading *r, const yaml_event_t *e, struct err *err)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t size = e->data.scalar.length;
    json_t *value = NULL;
    enum status st;

    if (e->data.scalar.anchor != NULL)
        return fault(r, e->start_mark, err, "anchors and aliases are not allowed; repeat the text");
    if (e->data.scalar.tag != NULL)
        return fault(r, e->start_mark, err, "tags are not allowed");
    if (memchr(text, '\0', size) != NULL)
        return fault(r, e->start_mark, err, "a NUL in a string is not allowed");
    if (r->depth > 0 && json_is_object(r->open[r->depth - 1]) && r->key == NULL)
        return key_take(r, e, err);
    if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        st = plain_value(r, text, size, e->start_mark, &value, err);
        if (st != ST_OK)
            return st;
    } else {
        value = json_stringn(text, size);
    }
    return value_add(r, value, e->start_mark, err);
}

static enum status
container_open(struct reading *r, json_t *container, const yaml_char_t *anchor,
               const yaml_char_t *tag, yaml_mark_t at, struct err *err)
{
    const char *wrong = NULL;
    enum status st;

    if (anchor != NULL)
        wrong = "anchors and aliases are not allowed; repeat the text";
    else if (tag != NULL)
        wrong = "tags are not allowed";
    else if (r->depth == YAML_DEPTH_MAX)
        wrong = "nested deeper than 32";
    else if (r->depth > 0 && json_is_object(r->open[r->depth - 1]) && r->key == NULL)
        wrong = "a key must be a plain word or a string";
    if (wrong != NULL) {
        json_decref(container);
        return fault(r, at, err, wrong);
    }
    st = value_add(r, container, at, err);
    if (st == ST_OK)
        r->open[r->depth++] = container;
    return st;
}

static enum status
event_take(struct reading *r, const yaml_event_t *e, struct err *err)
{
    if (e->type == YAML_ALIAS_EVENT)
        return fault(r, e->start_mark, err, "anchors and aliases are not allowed; repeat the text");
    if (e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT ||
        e->type == YAML_SCALAR_EVENT) {
        if (++r->node_count > YAML_NODES_MAX)
            return fault(r, e->start_mark, err, "more than 200000 values");
    }
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->tree->root != NULL)
            return fault(r, e->start_mark, err, "a second document; only one is allowed");
        return ST_OK;
    case YAML_MAPPING_START_EVENT:
        return container_open(r, json_object(), e->data.mapping_start.anchor,
                              e->data.mapping_start.tag, e->start_mark, err);
    case YAML_SEQUENCE_START_EVENT:
        return container_open(r, json_array(), e->data.sequence_start.anchor,
                              e->data.sequence_start.tag, e->start_mark, err);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        r->depth--;
        return ST_OK;
    case YAML_SCALAR_EVENT:
        return scalar_take(r, e, err);
    default:
        return ST_OK;
    }
}

static enum status
events_read(struct reading *r, struct err *err)
{
    enum status st = ST_OK;
    bool is_end = false;

    while (st == ST_OK && !is_end) {
        yaml_event_t e;

        if (!yaml_parser_parse(&r->parser, &e)) {
            const char *problem = r->parser.problem;

            if (r->parser.error == YAML_MEMORY_ERROR)
                return err_set(err, ST_FULL, "%s: no memory", r->name);
            if (r->parser.error == YAML_READER_ERROR) /* it has no mark, only an offset */
                return err_set(err, ST_INVALID, "%s: byte %zu: %s", r->name,
                               r->parser.problem_offset, problem);
            return fault(r, r->parser.problem_mark, err, problem);
        }
        is_end = e.type == YAML_STREAM_END_EVENT;
        st = event_take(r, &e, err);
        yaml_event_delete(&e);
    }
    return st;
}

/* What is left to JSON where YAML differs: surrogate pairs in escapes, tabs as indentation. */
static bool
json_read(struct span text, struct yaml_tree *tree)
{
    size_t depth = 0, depth_max = 0;
    bool in_string = false;

    if (text.n == 0 || (text.p[0] != '{' && text.p[0] != '['))
        return false;
    for (size_t i = 0; i < text.n; i++) { /* depth before jansson recurses */
        char c = text.p[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth_max = ++depth > depth_max ? depth : depth_max;
        else if (!in_string && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    if (depth_max > YAML_DEPTH_MAX)
        return false;
    tree->root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    return tree->root != NULL;
}

static struct span
trimmed(struct span text)
{
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = (struct span){text.p + 3, text.n - 3};
    return text;
}

static void
reading_free(struct reading *r)
{
    yaml_parser_delete(&r->parser);
    free(r->key);
}

enum status
yaml_tree_read(struct span text, const char *name, struct yaml_tree *tree, struct err *err)
{
    struct reading r = {.name = name, .tree = tree};
    enum status st;

    *tree = (struct yaml_tree){0};
    if (text.n > YAML_SIZE_MAX)
        return err_set(err, ST_INVALID, "%s: larger than 4 MiB", name);
    text = trimmed(text);
    tree->places = calloc(1, sizeof *tree->places);
    if (tree->places == NULL)
        return err_set(err, ST_FULL, "%s: no memory", name);
    if (!yaml_parser_initialize(&r.parser)) {
        yaml_tree_free(tree);
        return err_set(err, ST_FULL, "%s: no memory", name);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
    st = events_read(&r, err);
    reading_free(&r);
    if (st == ST_OK && tree->root == NULL)
        tree->root = json_object();
    if (st == ST_OK && tree->root == NULL)
        st = err_set(err, ST_FULL, "%s: no memory", name);
    if (st == ST_OK)
        return ST_OK;
    json_decref(tree->root);
    tree->root = NULL;
    tree->places->count = 0;
    while (text.n > 0 && memchr(" \t\r\n", text.p[0], 4) != NULL)
        text = (struct span){text.p + 1, text.n - 1};
    if (st == ST_INVALID && json_read(text, tree))
        return ST_OK;
    yaml_tree_free(tree);
    return st;
}

struct yaml_place
yaml_tree_place(const struct yaml_tree *tree, const json_t *parent, const char *key, size_t index)
{
    const struct yaml_places *p = tree->places;

    if (key != NULL) {
        void *at = json_object_iter((json_t *)(uintptr_t)parent);

        for (index = 0; at != NULL && strcmp(json_object_iter_key(at), key) != 0; index++)
            at = json_object_iter_next((json_t *)(uintptr_t)parent, at);
    }
    for (size_t i = 0; p != NULL && i < p->count; i++)
        if (p->items[i].parent == parent && p->items[i].ordinal == index)
            return p->items[i].at;
    return (struct yaml_place){0, 0};
}

void
yaml_tree_free(struct yaml_tree *tree)
{
    json_decref(tree->root);
    if (tree->places != NULL)
        free(tree->places->items);
    free(tree->places);
    *tree = (struct yaml_tree){0};
}
