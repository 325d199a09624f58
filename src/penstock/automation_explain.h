/* automation_explain.h - "penstock automation test": an automation of a file and an event of a file, held against each
 * other here, without a daemon. */
#pragma once
#include "base/base.h"
#include "wire/json.h"

/* 'automation': the resource as for PUT. 'event': a document as it is delivered. 'source': name, NULL: told from the
 * document. 'scope': ARM id, NULL: of the document. *result: as event_filter_explain, with "enabled" and "source"
 * before it; new reference. *faults (may be NULL): what is wrong with the automation, as text. ST_INVALID. */
MUST_CHECK enum status automation_explain(const json_t *automation, struct span event,
                                          const char *source, const char *scope, json_t **result,
                                          struct err *err);
/* For people. */
void automation_explain_print(const json_t *result);
