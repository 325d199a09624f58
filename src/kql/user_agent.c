/* user_agent.c - the rules of uap-core as its specification has them (docs/specification.md there):
 * of each kind the first rule that matches counts; a field is its replacement, with $1 to $9 put
 * in, or the group of its place; blanks around it are cut off.
 *
 * Names come again and again: a log's thousands of rows hold some tens of them. So each thread keeps
 * what it found for the last ones, as the rule and the places of its groups in the name. */
#include "kql/user_agent.h"
#include "kql/regex_list.h"
#include <pthread.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { NOT_ASKED = -2, NO_RULE = -1 };

struct found {    /* what one kind's rules say of a name */
    int16_t rule; /* from the kind's first */
    uint16_t begins[USER_AGENT_GROUPS_MAX], sizes[USER_AGENT_GROUPS_MAX]; /* of the groups */
};
struct kept {
    uint16_t size; /* of the name; 0: nothing is kept here */
    char text[USER_AGENT_KEPT_SIZE];
    struct found found[USER_AGENT_KINDS];
};

static struct rules {
    pthread_once_t once;
    const struct user_agent_rule *first;
    struct kql_regex_list *list; /* NULL: err says why */
    struct err err;
} rules[USER_AGENT_KINDS] = {
    {.once = PTHREAD_ONCE_INIT},
    {.once = PTHREAD_ONCE_INIT},
    {.once = PTHREAD_ONCE_INIT},
};
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;
static pthread_key_t memory_key; /* frees a thread's memory at its end */
static bool has_memory;
static _Thread_local struct kept *memory;

/* ---- Rules ---- */

static void
compile(enum user_agent_kind kind)
{
    struct kql_regex_item items[KQL_REGEX_LIST_MAX];
    struct rules *r = &rules[kind];
    uint32_t count = 0;

    for (uint32_t i = 0; i < user_agent_rule_count && count < COUNT_OF(items); i++) {
        const struct user_agent_rule *rule = &user_agent_rules[i];

        if (rule->kind != kind)
            continue;
        if (count == 0)
            r->first = rule;
        items[count++] = (struct kql_regex_item){rule->regex, rule->ignores_case};
    }
    r->list = kql_regex_list_new(items, count, &r->err);
}

static void
compile_browser(void)
{
    compile(USER_AGENT_BROWSER);
}

static void
compile_os(void)
{
    compile(USER_AGENT_OS);
}

static void
compile_device(void)
{
    compile(USER_AGENT_DEVICE);
}

static const struct rules *
rules_of(enum user_agent_kind kind)
{
    static void (*const hooks[])(void) = {compile_browser, compile_os, compile_device};

    pthread_once(&rules[kind].once, hooks[kind]);
    return &rules[kind];
}

bool
user_agent_prepare(enum user_agent_kind kind, struct err *err)
{
    const struct rules *r = rules_of(kind);

    if (r->list == NULL && err != NULL)
        *err = r->err;
    return r->list != NULL;
}

uint32_t
user_agent_field_count(enum user_agent_kind kind)
{
    static const uint8_t counts[] = {4, 5, 3};

    return counts[kind];
}

/* ---- Memory ---- */

static void
make_key(void)
{
    has_memory = pthread_key_create(&memory_key, free) == 0;
}

/* The place of the name in the thread's memory; NULL: it is not remembered. */
static struct kept *
remember(struct span text)
{
    struct kept *k;

    if (text.n == 0 || text.n > USER_AGENT_KEPT_SIZE)
        return NULL;
    if (memory == NULL) {
        pthread_once(&memory_once, make_key);
        if (!has_memory || (memory = calloc(USER_AGENT_KEPT, sizeof *memory)) == NULL)
            return NULL;
        if (pthread_setspecific(memory_key, memory) != 0) {
            free(memory);
            memory = NULL;
            return NULL;
        }
    }
    k = &memory[XXH3_64bits(text.p, text.n) % USER_AGENT_KEPT];
    if (k->size != text.n || memcmp(k->text, text.p, text.n) != 0) {
        memcpy(k->text, text.p, text.n);
        k->size = (uint16_t)text.n;
        for (int kind = 0; kind < USER_AGENT_KINDS; kind++)
            k->found[kind].rule = NOT_ASKED;
    }
    return k;
}

/* ---- Reading ---- */

static void
look(enum user_agent_kind kind, struct span text, struct found *found)
{
    struct span groups[USER_AGENT_GROUPS_MAX + 1];
    const struct rules *r = rules_of(kind);

    found->rule = NO_RULE;
    if (r->list == NULL)
        return;
    found->rule = (int16_t)kql_regex_list_first(r->list, text, groups, COUNT_OF(groups));
    if (found->rule < 0)
        return;
    for (int i = 0; i < USER_AGENT_GROUPS_MAX; i++) {
        const struct span *g = &groups[i + 1];

        found->begins[i] = g->p != NULL ? (uint16_t)(g->p - text.p) : 0;
        found->sizes[i] = (uint16_t)g->n;
    }
}

static struct span
trimmed(struct span text)
{
    while (text.n > 0 && text.p[0] == ' ')
        text.p++, text.n--;
    while (text.n > 0 && text.p[text.n - 1] == ' ')
        text.n--;
    return text;
}

static struct span
group_of(const struct found *found, uint32_t i, struct span text)
{
    return (struct span){text.p + found->begins[i], found->sizes[i]};
}

/* The replacement with the groups put in for $1 to $9. */
static struct span
filled(struct pool *p, const char *replacement, const struct found *found, struct span text)
{
    size_t size = strlen(replacement), n = 0;
    char *out;

    if (strchr(replacement, '$') == NULL)
        return (struct span){replacement, size};
    for (const char *at = replacement; *at != '\0'; at++)
        if (at[0] == '$' && at[1] >= '1' && at[1] <= '9')
            size += found->sizes[at[1] - '1'];
    out = pool_take(p, size);
    for (const char *at = replacement; *at != '\0'; at++) {
        if (at[0] == '$' && at[1] >= '1' && at[1] <= '9') {
            struct span group = group_of(found, (uint32_t)(*++at - '1'), text);

            memcpy(out + n, group.p, group.n);
            n += group.n;
        } else
            out[n++] = *at;
    }
    return (struct span){out, n};
}

/* Cut to what is looked at, and not within a character. */
static struct span
cut(struct span text)
{
    if (text.n <= USER_AGENT_TEXT_MAX)
        return text;
    text.n = USER_AGENT_TEXT_MAX;
    while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
        text.n--;
    return text;
}

void
user_agent_read(struct pool *p, enum user_agent_kind kind, struct span text,
                struct span fields[USER_AGENT_FIELDS_MAX])
{
    uint32_t count = user_agent_field_count(kind);
    struct found here = {.rule = NOT_ASKED}, *found = &here;
    struct kept *kept;

    text = text.n > 0 ? cut(text) : SPAN_LITERAL("");
    kept = remember(text);
    if (kept != NULL)
        found = &kept->found[kind];
    if (found->rule == NOT_ASKED)
        look(kind, text, found);
    for (uint32_t i = 0; i < count; i++)
        fields[i] = SPAN_LITERAL("");
    if (found->rule >= 0) {
        const struct user_agent_rule *rule = rules_of(kind)->first + found->rule;

        here = *found; /* taking from the pool may leave this call; the memory is whole by now */
        for (uint32_t i = 0; i < count; i++) {
            const char *replacement = rule->replacements[i];
            /* a device's model is the first group too, and its brand none */
            uint32_t group = kind == USER_AGENT_DEVICE ? 0 : i;

            if (replacement != NULL)
                fields[i] = trimmed(filled(p, replacement, &here, text));
            else if (kind != USER_AGENT_DEVICE || i != 1)
                fields[i] = trimmed(group_of(&here, group, text));
        }
    }
    if (fields[0].n == 0)
        fields[0] = SPAN_LITERAL("Other");
}
