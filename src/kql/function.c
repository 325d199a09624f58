/* function.c - the function table as one: rows found by name, signatures read.
 *
 * The rows stand in one constant array per domain. An index over all of them (open addressing, by
 * name and kind) is made once, at the first look-up, and never changes afterwards. */
#include "kql/function.h"
#include <assert.h>
#include <pthread.h>

static const struct kql_function *const tables[] = {
    kql_functions_operator,   kql_functions_convert,   kql_functions_math,
    kql_functions_datetime,   kql_functions_string,    kql_functions_parse,
    kql_functions_user_agent, kql_functions_encode,    kql_functions_network,
    kql_functions_place,      kql_functions_geo,       kql_functions_dynamic,
    kql_functions_series,     kql_functions_aggregate, kql_functions_series_model,
    kql_functions_sketch,     kql_functions_window,    kql_functions_plugin,
    kql_functions_other,
};

/* ---- finding ---- */

enum { SLOT_COUNT = 4096 }; /* a power of two, more than twice as many as there are rows */
static const struct kql_function *slots[SLOT_COUNT];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static uint32_t
name_hash(const char *name, size_t size, enum kql_function_kind kind)
{
    uint32_t h = 2166136261u ^ (uint32_t)kind; /* FNV-1a */

    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    return h ^ (h >> 15);
}

static void
make_slots(void)
{
    uint32_t count = 0;

    for (size_t t = 0; t < COUNT_OF(tables); t++) {
        for (const struct kql_function *f = tables[t]; f->name != NULL; f++) {
            uint32_t at = name_hash(f->name, strlen(f->name), f->kind) % SLOT_COUNT;

            while (slots[at] != NULL &&
                   (slots[at]->kind != f->kind || strcmp(slots[at]->name, f->name) != 0))
                at = (at + 1) % SLOT_COUNT;
            if (slots[at] == NULL) /* of two rows alike the first one counts */
                slots[at] = f;
            count++;
            assert(count < SLOT_COUNT / 2);
        }
    }
}

const struct kql_function *
kql_function_find(struct span name, enum kql_function_kind kind)
{
    uint32_t at = name_hash(name.p, name.n, kind) % SLOT_COUNT;

    pthread_once(&slots_once, make_slots);
    for (; slots[at] != NULL; at = (at + 1) % SLOT_COUNT)
        if (slots[at]->kind == kind && span_is(name, slots[at]->name))
            return slots[at];
    return NULL;
}

const struct kql_function *
kql_operator_find(const char *name)
{
    return kql_function_find(span_of(name), KQL_OPERATOR);
}

const struct kql_function *
kql_function_next(const struct kql_function *after)
{
    size_t t = 0;

    if (after != NULL) {
        const struct kql_function *end = after + 1;

        if (end->name != NULL)
            return end;
        for (; t < COUNT_OF(tables); t++) { /* whose end is it? */
            const struct kql_function *f = tables[t];

            while (f->name != NULL)
                f++;
            if (f == end)
                break;
        }
        t++;
    }
    for (; t < COUNT_OF(tables); t++)
        if (tables[t]->name != NULL)
            return tables[t];
    return NULL;
}

/* ---- signatures ---- */

static const struct {
    const char *name;
    enum kql_parameter_type type;
} classes[] = {
    {"any",      KQL_P_ANY     },
    {"number",   KQL_P_NUMBER  },
    {"integer",  KQL_P_INTEGER },
    {"summable", KQL_P_SUMMABLE},
    {"ordered",  KQL_P_ORDERED },
    {"T",        KQL_P_T       },
    {"U",        KQL_P_U       },
    {"column",   KQL_P_COLUMN  },
    {"array",    KQL_P_ARRAY   },
    {"bag",      KQL_P_BAG     },
};

struct reader {
    const char *at, *end;
};

static void
skip_blanks(struct reader *r)
{
    while (r->at < r->end && *r->at == ' ')
        r->at++;
}

static bool
take(struct reader *r, const char *text)
{
    size_t n = strlen(text);

    skip_blanks(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
        return false;
    r->at += n;
    return true;
}

static struct span
take_word(struct reader *r)
{
    struct span word;

    skip_blanks(r);
    word.p = r->at;
    while (r->at < r->end &&
           ((*r->at >= 'a' && *r->at <= 'z') || (*r->at >= 'A' && *r->at <= 'Z') ||
            (*r->at >= '0' && *r->at <= '9') || *r->at == '_'))
        r->at++;
    word.n = (size_t)(r->at - word.p);
    return word;
}

static bool
take_type(struct reader *r, uint8_t *type)
{
    struct span word = take_word(r);
    enum kql_type t;

    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        if (span_is(word, classes[i].name)) {
            *type = (uint8_t)classes[i].type;
            return true;
        }
    }
    if (!kql_type_read(word, &t))
        return false;
    *type = (uint8_t)t;
    return true;
}

static bool
read_parameter(struct reader *r, struct kql_signature *out)
{
    struct kql_parameter *p = &out->parameters[out->count];

    *p = (struct kql_parameter){.name = take_word(r)};
    if (p->name.n == 0)
        return false;
    p->is_optional = take(r, "?");
    if (!take(r, ":"))
        return false;
    p->is_constant = take(r, "const ");
    if (!take_type(r, &p->type))
        return false;
    if (take(r, "...")) {
        if (out->repeat_first == KQL_PARAMETERS_MAX)
            out->repeat_first = out->count;
    }
    out->count++;
    return true;
}

static bool
read_result(struct reader *r, struct kql_signature *out)
{
    if (!take(r, "->"))
        return false;
    if (take(r, "=")) {
        struct span word = take_word(r);

        if (word.n != 1 || word.p[0] < '1' || word.p[0] > '9')
            return false;
        out->result_of = (uint8_t)(word.p[0] - '0');
        out->result = KQL_P_ANY;
    } else if (!take_type(r, &out->result)) {
        return false;
    }
    skip_blanks(r);
    return r->at == r->end;
}

bool
kql_signature_read(const struct kql_function *f, uint32_t index, struct kql_signature *out)
{
    const char *line = f->signature, *end;
    struct reader r;

    if (line == NULL)
        return false;
    for (; index > 0; index--) {
        line = strchr(line, '\n');
        if (line == NULL)
            return false;
        line++;
    }
    end = strchrnul(line, '\n');
    r = (struct reader){line, end};
    out->count = 0;
    out->result_of = 0;
    out->repeat_first = KQL_PARAMETERS_MAX; /* none so far */
    if (!take(&r, "("))
        return false;
    if (!take(&r, ")")) {
        do {
            if (out->count == KQL_PARAMETERS_MAX || !read_parameter(&r, out))
                return false;
        } while (take(&r, ","));
        if (!take(&r, ")"))
            return false;
    }
    if (out->repeat_first > out->count)
        out->repeat_first = out->count;
    return read_result(&r, out);
}
