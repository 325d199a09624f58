/* import_openscap.c - XCCDF results (1.1, 1.2), alone or in an ARF collection. A benchmark's rules come
 * before the results that name them; their texts are kept, those of rules that were selected are written when the
 * TestResult ends. Everything else (OVAL results, assets, values) is passed over.
 *
 *   Benchmark id > (Group >)* Rule id severity > title description rationale fixtext fix[system] ident
 *   TestResult end-time > benchmark[id] profile[idref] target
 *                         rule-result idref severity > result message instance */
#include "posture/import_inner.h"
#include <ctype.h>
#include <expat.h>
#include <stdlib.h>

enum { CHUNK_SIZE = 64 << 10, TEXTS = 6 };
enum { TITLE, DESCRIPTION, RATIONALE, FIXTEXT, FIX, IDENT };

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

static const struct result_row {
    const char *word;
    int rank; /* of several results for one rule the highest counts; 0: is left out */
    int code;
    const char *cause;
} result_rows[] = {
    {"fail",          8, CODE_UNHEALTHY,      NULL           },
    {"error",         7, CODE_NOT_APPLICABLE, "ScanError"    },
    {"unknown",       6, CODE_NOT_APPLICABLE, "Unknown"      },
    {"fixed",         5, CODE_HEALTHY,        NULL           },
    {"pass",          4, CODE_HEALTHY,        NULL           },
    {"notchecked",    3, CODE_NOT_APPLICABLE, "NotChecked"   },
    {"informational", 2, CODE_NOT_APPLICABLE, "Informational"},
    {"notapplicable", 1, CODE_NOT_APPLICABLE, "NotApplicable"},
    {"notselected",   0, 0,                   NULL           },
};

struct rule {
    char *id, *severity;
    char *texts[TEXTS];
    char *benchmark;
};
struct outcome { /* of a rule in the TestResult under way */
    size_t rule;
    const struct result_row *row;
    char severity[16];
    char *message; /* NULL: none */
};
struct text {
    char *p;
    size_t n, max; /* max: bytes kept; 0: not gathering */
};

struct openscap {
    struct import_run *r;
    XML_Parser parser;
    enum status st;
    int depth;
    int rule_depth, result_depth, test_depth, text_depth; /* of the element under way; 0: none */
    char *benchmark;
    struct rule *rules; /* by index; names: digest of benchmark and id to index + 1 */
    size_t rule_count, rule_room, rules_size;
    struct seen rule_names;
    struct text text;
    int text_of; /* a rule's; -1: of a result */
    /* the TestResult under way */
    char test_benchmark[512], profile[512], target[512];
    struct outcome *outcomes;
    size_t outcome_count, outcome_room;
    struct seen outcome_names;
    char rule_id[512], severity[16], result[32], message[1100];
    char *message_into; /* where the text goes */
    size_t message_room;
    size_t test_count;
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

static void
stop(struct openscap *o, enum status st)
{
    if (o->st == ST_OK)
        o->st = st;
    XML_StopParser(o->parser, XML_FALSE);
}

PRINTF_LIKE(2, 3)
static void
fault(struct openscap *o, const char *format, ...)
{
    char text[240];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (o->st == ST_OK)
        import_fault(o->r, (uint64_t)XML_GetCurrentByteIndex(o->parser), "line %lu: %s",
                     (unsigned long)XML_GetCurrentLineNumber(o->parser), text);
    stop(o, ST_INVALID);
}

/* A copy that counts against IMPORT_RULES_SIZE_MAX; NULL: stopped. */
static char *
copy(struct openscap *o, const char *p, size_t n)
{
    char *out;

    if (n > IMPORT_RULES_SIZE_MAX - o->rules_size) {
        err_set(o->r->err, ST_FULL, "%s: the rules' texts are over %d bytes; split the report",
                o->r->in->name, IMPORT_RULES_SIZE_MAX);
        stop(o, ST_FULL);
        return NULL;
    }
    out = malloc(n + 1);
    if (out == NULL) {
        err_set(o->r->err, ST_IO, "%s: no memory for its rules", o->r->in->name);
        stop(o, ST_IO);
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

static bool
grow(struct openscap *o, void **array, size_t count, size_t *room, size_t size, const char *what)
{
    size_t wanted = *room == 0 ? 256 : *room * 2;
    void *more;

    if (count < *room)
        return true;
    if (count >= IMPORT_RULES_MAX) {
        err_set(o->r->err, ST_FULL, "%s: more than %d %s; split the report", o->r->in->name,
                IMPORT_RULES_MAX, what);
        stop(o, ST_FULL);
        return false;
    }
    more = realloc(*array, wanted * size);
    if (more == NULL) {
        err_set(o->r->err, ST_IO, "%s: no memory for its %s", o->r->in->name, what);
        stop(o, ST_IO);
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
    slot = seen_at(&o->rule_names, digest, "rules", o->r->err);
    if (slot == NULL)
        stop(o, ST_FULL);
    return slot;
}

/* Adds a rule, or finds it; its index + 1; 0: stopped. */
static size_t
rule_of(struct openscap *o, const char *benchmark, const char *id, const char *severity)
{
    struct seen_slot *slot = rule_slot(o, benchmark, id);
    struct rule *rule;

    if (slot == NULL)
        return 0;
    if (slot->count != 0)
        return slot->note;
    if (!grow(o, (void **)&o->rules, o->rule_count, &o->rule_room, sizeof *o->rules, "rules"))
        return 0;
    rule = &o->rules[o->rule_count];
    *rule = (struct rule){0};
    slot->count = 1;
    slot->note = (uint32_t)++o->rule_count;
    rule->id = copy(o, id, strlen(id));
    rule->severity = copy(o, severity, strlen(severity));
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
            fault(o, "rule-result: idref is missing: it must name the rule");
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

static void
result_end(struct openscap *o)
{
    const struct result_row *row = NULL;
    struct seen_slot *slot;
    struct outcome *x;
    unsigned char digest[16];
    char key[KEY_SIZE];

    for (size_t i = 0; i < COUNT_OF(result_rows); i++)
        if (strcmp(o->result, result_rows[i].word) == 0)
            row = &result_rows[i];
    if (row == NULL) {
        fault(o,
              "rule-result %.80s: result is '%s': XCCDF knows pass, fail, error, unknown, "
              "notapplicable, notchecked, notselected, informational, fixed",
              o->rule_id, o->result);
        return;
    }
    if (row->rank == 0)
        return;

    size_t rule = rule_of(o, o->test_benchmark, o->rule_id, o->severity);

    if (rule == 0)
        return;
    import_key(o->r, (struct span[]){span_of(o->rule_id)}, 1, key, digest);
    slot = seen_at(&o->outcome_names, digest, "rules", o->r->err);
    if (slot == NULL) {
        stop(o, ST_FULL);
        return;
    }
    if (slot->count == 0) {
        if (!grow(o, (void **)&o->outcomes, o->outcome_count, &o->outcome_room, sizeof *o->outcomes,
                  "results"))
            return;
        slot->count = 1;
        slot->note = (uint32_t)o->outcome_count++;
        o->outcomes[slot->note] = (struct outcome){.rule = rule - 1, .row = row};
    }
    x = &o->outcomes[slot->note];
    if (row->rank < x->row->rank)
        return;
    x->row = row;
    memcpy(x->severity, o->severity, sizeof x->severity);
    if (o->message[0] != '\0' && x->message == NULL)
        x->message = copy(o, o->message, strlen(o->message));
}

/* "description\n\nrationale"; what a person reads first of the two is enough for a description alone. */
static enum status
write_outcome(struct openscap *o, const struct import_resource *machine, const char *producer,
              const struct outcome *x)
{
    const struct rule *rule = &o->rules[x->rule];
    const char *severity = x->severity[0] != '\0' ? x->severity : rule->severity;
    const char *description = rule->texts[DESCRIPTION], *why = rule->texts[RATIONALE];
    static const char script[] = "This script mends it; read it before it is run as root:\n";
    char *texts = malloc(4 * (size_t)IMPORT_TEXT_MAX + sizeof script), *fix;
    struct import_state state = {x->row->code, x->row->cause, {0}};
    struct line *l = &o->r->line;
    char key[KEY_SIZE];
    enum status st;

    if (texts == NULL)
        return err_set(o->r->err, ST_IO, "%s: no memory for a rule", o->r->in->name);
    snprintf(texts, 2 * (size_t)IMPORT_TEXT_MAX + 8, "%s%s%s",
             description == NULL ? "" : description,
             description != NULL && why != NULL ? "\n\n" : "", why == NULL ? "" : why);
    fix = texts + 2 * (size_t)IMPORT_TEXT_MAX + 8;
    if (rule->texts[FIXTEXT] != NULL)
        snprintf(fix, IMPORT_TEXT_MAX + 1, "%s", rule->texts[FIXTEXT]);
    else
        snprintf(fix, IMPORT_TEXT_MAX + sizeof script, "%s%s",
                 rule->texts[FIX] == NULL ? "" : script,
                 rule->texts[FIX] == NULL ? "" : rule->texts[FIX]);
    import_key(o->r,
               (struct span[]){SPAN_LITERAL("openscap"), span_of(o->test_benchmark),
                               span_of(o->profile), span_of(rule->id)},
               4, key, NULL);

    struct import_recommendation m = {
        .producer = producer,
        .key = key,
        .display_name = span_of(rule->texts[TITLE] != NULL ? rule->texts[TITLE] : rule->id),
        .description = span_of(texts),
        .remediation = span_of(fix),
        .severity = import_severity(span_of(severity)),
        .category = "Compute",
    };

    if (x->row->code != CODE_HEALTHY && x->message != NULL)
        state.description = span_of(x->message);
    st = import_metadata(o->r, machine, &m);
    if (st == ST_OK) {
        import_assessment_begin(o->r, machine, &m, &state);
        line_string(l, "scanner", "openscap");
        line_string(l, "scannerSeverity", severity);
        line_string(l, "result", x->row->word);
        line_string(l, "rule", rule->id);
        line_string(l, "identifier", rule->texts[IDENT]);
        line_string(l, "benchmark", o->test_benchmark);
        line_string(l, "profile", o->profile);
        st = import_end(o->r);
    }
    free(texts);
    return st;
}

static void
outcomes_clear(struct openscap *o)
{
    for (size_t i = 0; i < o->outcome_count; i++)
        free(o->outcomes[i].message);
    o->outcome_count = 0;
    seen_free(&o->outcome_names);
}

static void
test_end(struct openscap *o)
{
    struct import_resource machine = {0};
    char producer[IMPORT_PRODUCER_SIZE], names[2][NAME_SIZE];
    enum status st;

    o->test_depth = 0;
    if (o->target[0] == '\0' && o->r->options->target == NULL &&
        o->r->options->resource_id == NULL) {
        fault(o,
              "TestResult: target is missing: give the machine's name as target, or a resource id");
        return;
    }
    import_name(span_of(o->test_benchmark), names[0]);
    import_name(span_of(o->profile[0] != '\0' ? o->profile : "default"), names[1]);
    import_producer(o->r, producer, "openscap/%s/%s", names[0], names[1]);
    st = import_machine(o->r, &machine, span_of(o->target));
    for (size_t i = 0; st == ST_OK && i < o->outcome_count; i++)
        st = write_outcome(o, &machine, producer, &o->outcomes[i]);
    if (st == ST_OK)
        st = import_scope(o->r, producer, "%s", machine.id);
    if (st != ST_OK)
        stop(o, st);
    outcomes_clear(o);
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
        fault(o, "elements stand in each other deeper than %d", IMPORT_DEPTH_MAX);
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
        o->benchmark = copy(o, id, strlen(id));
    } else if (strcmp(name, "Rule") == 0) {
        size_t before = o->rule_count;

        if (attribute(attributes, "id")[0] == '\0')
            fault(o, "Rule: id is missing");
        else if (rule_of(o, o->benchmark == NULL ? "" : o->benchmark, attribute(attributes, "id"),
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
            o->rules[o->rule_count - 1].texts[o->text_of] = copy(o, text.p, text.n);
        else
            copy_cut(o->message_into, o->message_room, text);
    } else if (o->depth == o->result_depth) {
        o->result_depth = 0;
        result_end(o);
    } else if (o->depth == o->test_depth) {
        test_end(o);
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
    fault(context, "a document type stands here: scanners write none; take it out");
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
    outcomes_clear(o);
    seen_free(&o->rule_names);
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
