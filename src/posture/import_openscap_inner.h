/* import_openscap_inner.h - what the files of the OpenSCAP importer share; for import_openscap*.c only. */
#pragma once
#include "posture/import_inner.h"
#include <expat.h>

enum { TITLE, DESCRIPTION, RATIONALE, FIXTEXT, FIX, IDENT, TEXTS }; /* of a rule */

struct result_row {
    const char *word;
    int rank; /* of several results for one rule the highest counts; 0: is left out */
    int code;
    const char *cause;
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

/* ---- import_openscap.c ---- */

void openscap_stop(struct openscap *o, enum status st);
void openscap_fault(struct openscap *o, const char *format, ...) PRINTF_LIKE(2, 3);
/* A copy that counts against IMPORT_RULES_SIZE_MAX; NULL: stopped. */
char *openscap_copy(struct openscap *o, const char *p, size_t n);
/* Room for one more entry, zeroed; false: stopped. */
bool openscap_grow(struct openscap *o, void **array, size_t count, size_t *room, size_t size,
                   const char *what);
/* Adds a rule, or finds it; its index + 1; 0: stopped. */
size_t openscap_rule(struct openscap *o, const char *benchmark, const char *id,
                     const char *severity);

/* ---- import_openscap_result.c ---- */

/* At the end of a rule-result: notes what it says of its rule. */
void openscap_result_end(struct openscap *o);
/* At the end of a TestResult: writes its rules' metadata and assessments. */
void openscap_test_end(struct openscap *o);
void openscap_outcomes_clear(struct openscap *o);
