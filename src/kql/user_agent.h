/* user_agent.h - what a user agent's name tells of browser, system and device, by the rules of
 * uap-core (data/user-agents.txt). Any thread.
 *
 * The rules of a kind are compiled when it is first asked for and stay for the life of the process:
 * 50 ms and 10 MB for all three, which grow to 30 MB with many different names, and by RE2's own
 * limits to 100 MB at most. Each thread that asks remembers its last names: 350 kB. */
#pragma once
#include "kql/pool.h"

enum user_agent_kind {
    USER_AGENT_BROWSER, /* family, major, minor, patch */
    USER_AGENT_OS,      /* family, major, minor, patch, minor patch */
    USER_AGENT_DEVICE,  /* family, brand, model */
    USER_AGENT_KINDS,
};
enum {
    USER_AGENT_FIELDS_MAX = 5,
    USER_AGENT_GROUPS_MAX = 9, /* of a rule: $1 to $9 */
    USER_AGENT_TEXT_MAX =
        8192,              /* bytes of a name that are looked at: no server takes a longer header */
    USER_AGENT_KEPT = 512, /* names a thread remembers */
    USER_AGENT_KEPT_SIZE = 512, /* longer ones are not remembered */
};

/* Compiles the rules of the kind if that is not done yet. False: err says why. */
MUST_CHECK bool user_agent_prepare(enum user_agent_kind kind, struct err *err);
uint32_t user_agent_field_count(enum user_agent_kind kind);
/* What the name tells: the first field is "Other" where no rule fits, others are empty where they
 * are not known. Fields lie in the pool, in 'text' or in the rules. */
void user_agent_read(struct pool *p, enum user_agent_kind kind, struct span text,
                     struct span fields[USER_AGENT_FIELDS_MAX]);

/* ---- the table, made by script/generate-user-agents: by kind, in the order of trying ---- */

struct user_agent_rule {
    uint8_t kind;
    bool ignores_case;
    const char *regex;
    const char *replacements[USER_AGENT_FIELDS_MAX]; /* NULL: the group of the field's place */
};
extern const struct user_agent_rule user_agent_rules[];
extern const uint32_t user_agent_rule_count;
