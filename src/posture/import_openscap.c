/* import_openscap.c - XCCDF results (1.1, 1.2), alone or in an ARF collection. A benchmark's rules come
 * before the results that name them; their texts are kept, those of rules that were selected are written when the
 * TestResult ends. Everything else (OVAL results, assets, values) is passed over.
 *
 *   Benchmark id > (Group >)* Rule id severity > title description rationale fixtext fix[system] ident
 *   TestResult end-time > benchmark[id] profile[idref] target
 *                         rule-result idref severity > result message instance */
#include "posture/import_openscap_inner.h"
#include <ctype.h>
#include <stdlib.h>

enum { CHUNK_SIZE = 64 << 10 };

static const struct {
    const char *name;
    size_t max; /* bytes kept */
} rule_texts[TEXTS] = {
    {"title",       500            },
    {"description", IMPORT_TEXT_MAX},
    {"rationale",   IMPORT_TEXT_MAX},
    {"fixtext",     IMPORT_TEXT_MAX},
    {"fix",         IMPORT_TEXT_MAX},
    {"ident",       64             },
};

bool
openscap_knows(struct span head)
{
    size_t at = 0;

    while (at < head.n &&
           (isspace((unsigned char)head.p[at]) || strchr("\xef\xbb\xbf", head.p[at]) != NULL) &&
           head.p[at] != '\0')
        at++;
    return at < head.n && head.p[at] == '<' &&
           (import_holds(head, "asset-report-collection") ||
            import_holds(head, "checklists.nist.gov/xccdf"));
}

/* ---- small things ---- */

void
openscap_stop(struct openscap *o, enum status st)
{
    if (o->st == ST_OK)
        o->st = st;
    XML_StopParser(o->parser, XML_FALSE);
}

void
openscap_fault(struct openscap *o, const char *format, ...)
{
    char text[240];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (o->st == ST_OK)
        import_fault(o->r, (uint64_t)XML_GetCurrentByteIndex(o->parser), "line %lu: %s",
                     (unsigned long)XML_GetCurrentLineNumber(o->parser), text);
    openscap_stop(o, ST_INVALID);
}

char *
openscap_copy(struct openscap *o, const char *p, size_t n)
{
    char *out;

    if (n > IMPORT_RULES_SIZE_MAX - o->rules_size) {
        err_set(o->r->err, ST_FULL, "%s: the rules' texts are over %d bytes; split the report",
                o->r->in->name, IMPORT_RULES_SIZE_MAX);
        openscap_stop(o, ST_FULL);
        return NULL;
    }
    out = malloc(n + 1);
    if (out == NULL) {
        err_set(o->r->err, ST_IO, "%s: no memory for its rules", o->r->in->name);
        openscap_stop(o, ST_IO);
        return NULL;
    }
    memcpy(out, p, n);
    out[n] = '\0';
    o->rules_size += n;
    return out;
}

static const char *
attribute(const char **attributes, const char *name)
{
    for (; attributes[0] != NULL; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return "";
}

/* The name within XCCDF's namespaces ("http://checklists.nist.gov/xccdf/1.2|Rule"); "": another's. */
static const char *
xccdf_name(const char *name)
{
    static const char space[] = "http://checklists.nist.gov/xccdf/";
    const char *bar = strrchr(name, '|');

    return bar != NULL && strncmp(name, space, sizeof space - 1) == 0 ? bar + 1 : "";
}

bool
openscap_grow(struct openscap *o, void **array, size_t count, size_t *room, size_t size,
              const char *what)
{
    size_t wanted = *room == 0 ? 256 : *room * 2;
    void *more;

    if (count < *room)
        return true;
    if (count >= IMPORT_RULES_MAX) {
        err_set(o->r->err, ST_FULL, "%s: more than %d %s; split the report", o->r->in->name,
                IMPORT_RULES_MAX, what);
        openscap_stop(o, ST_FULL);
        return false;
    }
    more = realloc(*array, wanted * size);
    if (more == NULL) {
        err_set(o->r->err, ST_IO, "%s: no memory for its %s", o->r->in->name, what);
        openscap_stop(o, ST_IO);
        return false;
    }
    memset((char *)more + count * size, 0, (wanted - count) * size);
    *array = more;
    *room = wanted;
    return true;
}

/* ---- rules ---- */

/* The slot of a rule's name; NULL: stopped. */
static struct seen_slot *
rule_slot(struct openscap *o, const char *benchmark, const char *id)
{
    unsigned char digest[16];
    char key[KEY_SIZE];
    struct seen_slot *slot;

    import_key(o->r, (struct span[]){span_of(benchmark), span_of(id)}, 2, key, digest);
    slot = import_seen_at(&o->rule_names, digest, "rules", o->r->err);
    if (slot == NULL)
        openscap_stop(o, ST_FULL);
    return slot;
}

size_t
openscap_rule(struct openscap *o, const char *benchmark, const char *id, const char *severity)
{
    struct seen_slot *slot = rule_slot(o, benchmark, id);
    struct rule *rule;

    if (slot == NULL)
        return 0;
    if (slot->count != 0)
        return slot->note;
    if (!openscap_grow(o, (void **)&o->rules, o->rule_count, &o->rule_room, sizeof *o->rules,
                       "rules"))
        return 0;
    rule = &o->rules[o->rule_count];
    *rule = (struct rule){0};
    slot->count = 1;
    slot->note = (uint32_t)++o->rule_count;
    rule->id = openscap_copy(o, id, strlen(id));
    rule->severity = openscap_copy(o, severity, strlen(severity));
    return o->st == ST_OK ? o->rule_count : 0;
}

static void
text_begin(struct openscap *o, int of, size_t max)
{
    o->text_depth = o->depth;
    o->text_of = of;
    o->text.n = 0;
    o->text.max = max;
}

static void
text_add(struct openscap *o, const char *p, size_t n)
{
    struct text *t = &o->text;

    if (n > t->max - t->n)
        n = t->max - t->n;
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

static struct span
trimmed(const struct text *t)
{
    size_t from = 0, to = t->n;

    while (from < to && isspace((unsigned char)t->p[from]))
        from++;
    while (to > from && isspace((unsigned char)t->p[to - 1]))
        to--;
    return (struct span){t->p + from, to - from};
}

static void
rule_child(struct openscap *o, const char *name, const char **attributes)
{
    struct rule *rule = &o->rules[o->rule_count - 1];

    for (int i = 0; i < TEXTS; i++) {
        if (strcmp(name, rule_texts[i].name) != 0 || rule->texts[i] != NULL)
            continue;
        /* of the ready-made fixes the shell script is for a person to read and run */
        if (i == FIX && strcmp(attribute(attributes, "system"), "urn:xccdf:fix:script:sh") != 0)
            continue;
        text_begin(o, i, rule_texts[i].max);
    }
}

/* ---- results ---- */

static void
copy_cut(char *out, size_t room, struct span text)
{
    size_t n = text.n < room ? text.n : room - 1;

    memcpy(out, text.p, n);
    out[n] = '\0';
}

static void
test_begin(struct openscap *o, const char **attributes)
{
    struct import_summary *s = o->r->summary;

    o->test_depth = o->depth;
    o->test_count++;
    o->profile[0] = o->target[0] = '\0';
    snprintf(o->test_benchmark, sizeof o->test_benchmark, "%s",
             o->benchmark != NULL ? o->benchmark : "");
    if (attribute(attributes, "end-time")[0] != '\0')
        snprintf(s->scan_time, sizeof s->scan_time, "%s", attribute(attributes, "end-time"));
}

static void
test_child(struct openscap *o, const char *name, const char **attributes)
{
    if (strcmp(name, "benchmark") == 0 && attribute(attributes, "id")[0] != '\0')
        snprintf(o->test_benchmark, sizeof o->test_benchmark, "%s", attribute(attributes, "id"));
    else if (strcmp(name, "profile") == 0)
        snprintf(o->profile, sizeof o->profile, "%s", attribute(attributes, "idref"));
    else if (strcmp(name, "target") == 0 && o->target[0] == '\0') {
        o->message_into = o->target;
        o->message_room = sizeof o->target;
        text_begin(o, -1, sizeof o->target - 1);
    } else if (strcmp(name, "rule-result") == 0) {
        o->result_depth = o->depth;
        snprintf(o->rule_id, sizeof o->rule_id, "%s", attribute(attributes, "idref"));
        snprintf(o->severity, sizeof o->severity, "%s", attribute(attributes, "severity"));
        o->result[0] = o->message[0] = '\0';
        if (o->rule_id[0] == '\0')
            openscap_fault(o, "rule-result: idref is missing: it must name the rule");
    }
}

static void
result_child(struct openscap *o, const char *name)
{
    bool is_instance = strcmp(name, "instance") == 0;

    if (strcmp(name, "result") == 0) {
        o->message_into = o->result;
        o->message_room = sizeof o->result;
        text_begin(o, -1, sizeof o->result - 1);
    } else if (is_instance || strcmp(name, "message") == 0) {
        size_t used = strlen(o->message);

        if (used > 0 && used < sizeof o->message - 3)
            used += (size_t)snprintf(o->message + used, 3, "; ");
        o->message_into = o->message + used;
        o->message_room = sizeof o->message - used;
        text_begin(o, -1, o->message_room - 1);
    }
}

/* ---- elements ---- */

static void
inline_begin(struct openscap *o, const char *name, const char **attributes)
{
    const char *bar = strrchr(name, '|'), *local = bar == NULL ? name : bar + 1;

    if (strcmp(local, "br") == 0 || strcmp(local, "p") == 0 || strcmp(local, "li") == 0 ||
        strcmp(local, "pre") == 0)
        text_add(o, "\n", 1);
    if (strcmp(local, "sub") == 0 && attribute(attributes, "idref")[0] != '\0') {
        const char *idref = attribute(attributes, "idref");

        text_add(o, "(", 1);
        text_add(o, idref, strlen(idref));
        text_add(o, ")", 1);
    }
}

static void XMLCALL
element_begin(void *context, const char *full, const char **attributes)
{
    struct openscap *o = context;
    const char *name = xccdf_name(full);

    if (o->st != ST_OK)
        return;
    if (++o->depth > IMPORT_DEPTH_MAX) {
        openscap_fault(o, "elements stand in each other deeper than %d", IMPORT_DEPTH_MAX);
        return;
    }
    if (o->text_depth != 0) {
        inline_begin(o, full, attributes);
    } else if (o->result_depth != 0) {
        if (o->depth == o->result_depth + 1)
            result_child(o, name);
    } else if (o->test_depth != 0) {
        if (o->depth == o->test_depth + 1)
            test_child(o, name, attributes);
    } else if (o->rule_depth != 0) {
        if (o->depth == o->rule_depth + 1)
            rule_child(o, name, attributes);
    } else if (strcmp(name, "Benchmark") == 0) {
        const char *id = attribute(attributes, "id");

        free(o->benchmark);
        o->benchmark = openscap_copy(o, id, strlen(id));
    } else if (strcmp(name, "Rule") == 0) {
        size_t before = o->rule_count;

        if (attribute(attributes, "id")[0] == '\0')
            openscap_fault(o, "Rule: id is missing");
        else if (openscap_rule(o, o->benchmark == NULL ? "" : o->benchmark,
                               attribute(attributes, "id"),
                               attribute(attributes, "severity")) != 0 &&
                 o->rule_count > before)
            o->rule_depth = o->depth;
    } else if (strcmp(name, "TestResult") == 0) {
        test_begin(o, attributes);
    }
}

static void XMLCALL
element_end(void *context, const char *full)
{
    struct openscap *o = context;

    (void)full;
    if (o->st != ST_OK)
        return;
    if (o->depth == o->text_depth) {
        struct span text = trimmed(&o->text);

        o->text_depth = 0;
        if (o->text_of >= 0)
            o->rules[o->rule_count - 1].texts[o->text_of] = openscap_copy(o, text.p, text.n);
        else
            copy_cut(o->message_into, o->message_room, text);
    } else if (o->depth == o->result_depth) {
        o->result_depth = 0;
        openscap_result_end(o);
    } else if (o->depth == o->test_depth) {
        openscap_test_end(o);
    } else if (o->depth == o->rule_depth) {
        o->rule_depth = 0;
    }
    o->depth--;
}

static void XMLCALL
characters(void *context, const char *p, int n)
{
    struct openscap *o = context;

    if (o->st == ST_OK && o->text_depth != 0)
        text_add(o, p, (size_t)n);
}

/* Entities are declared in a document type alone: without one nothing expands and nothing is fetched. */
static void XMLCALL
doctype(void *context, const char *name, const char *system, const char *public, int has_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    openscap_fault(context, "a document type stands here: scanners write none; take it out");
}

/* ---- the run ---- */

static enum status
feed(struct openscap *o)
{
    char *chunk = malloc(CHUNK_SIZE);
    size_t got = 1;

    if (chunk == NULL)
        return err_set(o->r->err, ST_IO, "%s: no memory to read it", o->r->in->name);
    while (o->st == ST_OK && got > 0) {
        o->st = o->r->in->read(o->r->in->context, chunk, CHUNK_SIZE, &got, o->r->err);
        if (o->st != ST_OK)
            break;
        if (XML_Parse(o->parser, chunk, (int)got, got == 0) == XML_STATUS_ERROR && o->st == ST_OK) {
            enum XML_Error code = XML_GetErrorCode(o->parser);

            o->st = import_fault(
                o->r, (uint64_t)XML_GetCurrentByteIndex(o->parser), "line %lu: %s%s",
                (unsigned long)XML_GetCurrentLineNumber(o->parser), XML_ErrorString(code),
                code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN
                    ? ": the file was cut off; write the report again"
                    : "");
        }
    }
    free(chunk);
    return o->st;
}

static void
release(struct openscap *o)
{
    for (size_t i = 0; i < o->rule_count; i++) {
        free(o->rules[i].id);
        free(o->rules[i].severity);
        for (int j = 0; j < TEXTS; j++)
            free(o->rules[i].texts[j]);
    }
    openscap_outcomes_clear(o);
    import_seen_free(&o->rule_names);
    free(o->rules);
    free(o->outcomes);
    free(o->benchmark);
    free(o->text.p);
}

enum status
openscap_run(struct import_run *r)
{
    struct openscap o = {.r = r, .parser = XML_ParserCreateNS(NULL, '|')};
    enum status st;

    o.text.p = malloc(IMPORT_TEXT_MAX + 1);
    if (o.parser == NULL || o.text.p == NULL) {
        st = err_set(r->err, ST_IO, "%s: no memory to read it", r->in->name);
    } else {
        XML_SetUserData(o.parser, &o);
        XML_SetElementHandler(o.parser, element_begin, element_end);
        XML_SetCharacterDataHandler(o.parser, characters);
        XML_SetStartDoctypeDeclHandler(o.parser, doctype);
        st = feed(&o);
        if (st == ST_OK && o.test_count == 0)
            st = import_fault(r, 0,
                              "holds no TestResult: it is a benchmark, not its results; scan with "
                              "oscap xccdf eval --results-arf FILE");
    }
    release(&o);
    if (o.parser != NULL)
        XML_ParserFree(o.parser);
    return st;
}
