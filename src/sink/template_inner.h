/* template_inner.h - what a template is once it is read: per variant a list of pieces, to be written
 * one behind the other. Private to template.c and template_render.c. */
#pragma once
#include "sink/template.h"
#include "wire/json_find.h"

enum filter_kind {
    FILTER_DEFAULT,
    FILTER_OR,
    FILTER_MAP,
    FILTER_TRUNCATE,
    FILTER_UPPER,
    FILTER_LOWER,
    FILTER_HASH,
    FILTER_JOIN,
    FILTER_PLAIN,
    FILTER_SLACK,
    FILTER_MARKDOWN,
    FILTER_RAW,
    FILTER_KINDS
};

struct template_map {
    const char *name;
    size_t count;
    struct {
        const char *from, *to;
    } * entries;
    const char *rest; /* of "*"; NULL: none */
};

enum source_kind { SOURCE_PATH, SOURCE_TEXT, SOURCE_ID, SOURCE_CATEGORY, SOURCE_TENANT };
struct template_source {
    enum source_kind kind;
    struct json_path path;
    struct span text; /* SOURCE_TEXT: plain */
};

struct template_filter {
    enum filter_kind kind;
    struct span text; /* default, join */
    size_t number;    /* truncate */
    struct template_source other;
    const struct template_map *map;
};

struct template_piece {
    struct span literal; /* JSON text; p == NULL: a placeholder */
    struct template_source source;
    struct template_filter filters[TEMPLATE_FILTERS_MAX];
    size_t filter_count;
    bool is_raw;
};

struct template_block { /* of memory; all that a template holds lies in such */
    struct template_block *next;
    size_t size;
    max_align_t bytes[];
};

struct template
{
    struct {
        struct template_piece *pieces;
        size_t count, room;
        bool is_there;
    } variants[TEMPLATE_VARIANTS];
    struct template_map *maps;
    size_t map_count;
    struct template_block *blocks;
};
