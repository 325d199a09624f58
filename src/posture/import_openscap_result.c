/* import_openscap_result.c - what a TestResult says of the rules, as metadata and assessments. */
#include "posture/import_openscap_inner.h"
#include <stdlib.h>

static const struct result_row result_rows[] = {
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

void
openscap_result_end(struct openscap *o)
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
        openscap_fault(o,
                       "rule-result %.80s: result is '%s': XCCDF knows pass, fail, error, unknown, "
                       "notapplicable, notchecked, notselected, informational, fixed",
                       o->rule_id, o->result);
        return;
    }
    if (row->rank == 0)
        return;

    size_t rule = openscap_rule(o, o->test_benchmark, o->rule_id, o->severity);

    if (rule == 0)
        return;
    import_key(o->r, (struct span[]){span_of(o->rule_id)}, 1, key, digest);
    slot = import_seen_at(&o->outcome_names, digest, "rules", o->r->err);
    if (slot == NULL) {
        openscap_stop(o, ST_FULL);
        return;
    }
    if (slot->count == 0) {
        if (!openscap_grow(o, (void **)&o->outcomes, o->outcome_count, &o->outcome_room,
                           sizeof *o->outcomes, "results"))
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
        x->message = openscap_copy(o, o->message, strlen(o->message));
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
        import_line_string(l, "scanner", "openscap");
        import_line_string(l, "scannerSeverity", severity);
        import_line_string(l, "result", x->row->word);
        import_line_string(l, "rule", rule->id);
        import_line_string(l, "identifier", rule->texts[IDENT]);
        import_line_string(l, "benchmark", o->test_benchmark);
        import_line_string(l, "profile", o->profile);
        st = import_end(o->r);
    }
    free(texts);
    return st;
}

void
openscap_outcomes_clear(struct openscap *o)
{
    for (size_t i = 0; i < o->outcome_count; i++)
        free(o->outcomes[i].message);
    o->outcome_count = 0;
    import_seen_free(&o->outcome_names);
}

void
openscap_test_end(struct openscap *o)
{
    struct import_resource machine = {0};
    char producer[IMPORT_PRODUCER_SIZE], names[2][NAME_SIZE];
    enum status st;

    o->test_depth = 0;
    if (o->target[0] == '\0' && o->r->options->target == NULL &&
        o->r->options->resource_id == NULL) {
        openscap_fault(
            o,
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
        openscap_stop(o, st);
    openscap_outcomes_clear(o);
}
