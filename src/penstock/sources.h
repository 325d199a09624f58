/* sources.h - the sources of the configuration, running: file tails and Kafka consumers beside
 * HTTP. One thread starts and stops them; any may ask. */
#pragma once
#include "base/base.h"
#include "journal/journal.h"

struct sources;
struct config;
struct admitter;

/* Starts all of config->sources; checkpoints lie below DATA/sources. */
MUST_CHECK enum status sources_start(const struct config *config, struct admitter *admitter,
                                     struct sources **sources, struct err *err);
void sources_stop(struct sources *s); /* NULL is fine */
/* False: one waits for a person; 'text' says which and why. */
bool sources_are_healthy(struct sources *s, char *text, size_t text_size);
/* "sources":[...],"recovery":{...} as members for /api/status; malloc'd. NULL: no memory. */
char *sources_status_json(struct sources *s, const struct journal_recovery *recovery);
