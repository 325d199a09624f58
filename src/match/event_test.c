/* event_test.c - which events are for which filter: sources, scopes, rules; and the table of truth
 * that comes with the contract, if it is there. */
#include "base/test.h"
#include "match/event.h"
#include "match/shared_play.h"

#define SUB_A "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
#define SUB_B "/subscriptions/00000000-6b1e-4c55-9d0e-7a41c2b9e610"

static struct rule_sets *
rules_of(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    struct rule_sets *r = NULL;
    struct err err = {""};
    enum status st = rule_sets_make(json, "t", NULL, NULL, &r, &err);

    CHECK(st == ST_OK, "%s: %s", text, err.text);
    json_decref(json);
    return r;
}

/* ---- scopes ---- */

static const struct {
    const char *name, *scope, *event;
    bool covers;
} scopes[] = {
    {"its own subscription",           SUB_A,                                                                   SUB_A,                       true },
    {"a group in it",                  SUB_A,                                                                   SUB_A "/resourcegroups/rg",  true },
    {"another subscription",           SUB_B,                                                                   SUB_A,                       false},
    {"the group itself",               SUB_A "/resourceGroups/RG",                                              SUB_A "/resourcegroups/rg",  true },
    {"in any case",                    "/SUBSCRIPTIONS/3F0D8A52-6b1e-4c55-9d0e-7a41c2b9e610/ResourceGroups/Rg",
     SUB_A "/resourcegroups/rg",                                                                                                             true },
    {"a group that begins alike",      SUB_A "/resourcegroups/rg",                                              SUB_A "/resourcegroups/rg2", false},
    {"the subscription above a group", SUB_A "/resourcegroups/rg",                                              SUB_A,                       false},
    {"with a slash at the end",        SUB_A "/",                                                               SUB_A "/resourcegroups/rg",  true },
};

static void
try_scopes(void)
{
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        struct span scope = span_of(scopes[i].scope);
        struct event_filter_source source = {EVENT_SECURE_SCORES, NULL};
        struct event_filter *f = NULL;
        struct event e;
        struct err err = {""};

        CHECK(event_filter_make(&scope, 1, &source, 1, &f, &err) == ST_OK, "%s", err.text);
        CHECK(event_open_text(&e, EVENT_SECURE_SCORES, span_of(scopes[i].event), SPAN_LITERAL("{}"),
                              &err) == ST_OK,
              "%s", err.text);
        CHECK(event_filter_passes(f, &e) == scopes[i].covers, "%s", scopes[i].name);
        CHECK(event_filter_covers(f, e.scope) == scopes[i].covers, "%s: covers", scopes[i].name);
        event_close(&e);
        event_filter_free(f);
    }
}

static void
try_attack_path(void)
{
    static const char text[] = "{\"attackPath\":{\"entryPointId\":\"" SUB_B
                               "/resourceGroups/Web/providers/x\",\"targetId\":\"" SUB_A
                               "/resourceGroups/Vault/providers/y\"}}";
    static const struct {
        const char *scope;
        bool passes;
    } rows[] = {
        {SUB_A,                         true },
        {SUB_B,                         true },
        {SUB_B "/resourceGroups/web",   true },
        {SUB_A "/resourceGroups/vault", true },
        {SUB_A "/resourceGroups/web",   false},
        {SUB_A "/resourceGroups/vaul",  false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span scope = span_of(rows[i].scope);
        struct event_filter_source source = {EVENT_ATTACK_PATHS_SNAPSHOT, NULL};
        struct event_filter *f = NULL;
        struct event e;
        struct err err = {""};

        CHECK(event_filter_make(&scope, 1, &source, 1, &f, &err) == ST_OK, "%s", err.text);
        CHECK(event_open_text(&e, EVENT_ATTACK_PATHS_SNAPSHOT, SPAN_LITERAL(SUB_A), span_of(text),
                              &err) == ST_OK,
              "%s", err.text);
        CHECK(event_filter_passes(f, &e) == rows[i].passes, "%s", rows[i].scope);
        event_close(&e);
        event_filter_free(f);
    }
}

static void
try_refusals(void)
{
    static const char *const wrong[] = {"",
                                        "/",
                                        "/subscriptions",
                                        "/subscriptions/",
                                        "/subscriptions//",
                                        "subscriptions/x",
                                        SUB_A "/resourceGroups",
                                        SUB_A "/resourceGroups/",
                                        SUB_A "/resourceGroupsX/rg",
                                        SUB_A "/resourceGroups/rg/providers",
                                        SUB_A "/providers/x"};
    struct event_filter_source source = {EVENT_ALERTS, NULL}, many[EVENT_SOURCES_MAX + 1];
    struct span fine = SPAN_LITERAL(SUB_A), lots[EVENT_SCOPES_MAX + 1];
    struct event_filter *f;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct span scope = span_of(wrong[i]);

        err.text[0] = '\0';
        CHECK(event_filter_make(&scope, 1, &source, 1, &f, &err) == ST_INVALID && f == NULL &&
                  err.text[0] != '\0',
              "scope '%s' is taken", wrong[i]);
    }
    for (size_t i = 0; i < COUNT_OF(lots); i++)
        lots[i] = fine;
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = source;
    CHECK(event_filter_make(&fine, 0, &source, 1, &f, &err) == ST_INVALID, "no scope");
    CHECK(event_filter_make(&fine, 1, &source, 0, &f, &err) == ST_INVALID, "no source");
    CHECK(event_filter_make(lots, COUNT_OF(lots), &source, 1, &f, &err) == ST_INVALID, "scopes");
    CHECK(event_filter_make(&fine, 1, many, COUNT_OF(many), &f, &err) == ST_INVALID, "sources");
    CHECK(event_filter_make(lots, EVENT_SCOPES_MAX, many, EVENT_SOURCES_MAX, &f, &err) == ST_OK,
          "as many as may be: %s", err.text);
    event_filter_free(f);
}

/* ---- sources and synthetic members ---- */

#define RULES(path, value)                                                                         \
    "[{\"rules\":[{\"propertyJPath\":\"" path                                                      \
    "\",\"propertyType\":\"String\",\"expectedValue\":\"" value "\",\"operator\":\"Equals\"}]}]"

static const struct {
    const char *name;
    enum event_source sources[2];
    const char *rules[2]; /* NULL: none */
    enum event_source source;
    const char *event;
    bool passes;
} filters[] = {
    {"the source",                               {EVENT_ALERTS, EVENT_ALERTS}, {"[]", NULL}, EVENT_ALERTS,      "{}",                                                                                         true },
    {"another",                                  {EVENT_ALERTS, EVENT_ALERTS}, {"[]", "[]"}, EVENT_ASSESSMENTS, "{}",                                                                                         false},
    {"a snapshot is another",
     {EVENT_ASSESSMENTS, EVENT_ASSESSMENTS},
     {"[]", "[]"},
     EVENT_ASSESSMENTS_SNAPSHOT,                                                                                "{}",
     false                                                                                                                                                                                                         },
    {"twice the same: the second holds",
     {EVENT_ALERTS, EVENT_ALERTS},
     {RULES("a", "1"), RULES("a", "2")},
     EVENT_ALERTS,                                                                                              "{\"a\":2}",
     true                                                                                                                                                                                                          },
    {"the rules of another source do not count",
     {EVENT_ALERTS, EVENT_ASSESSMENTS},
     {RULES("a", "1"), RULES("a", "2")},
     EVENT_ALERTS,                                                                                              "{\"a\":2}",
     false                                                                                                                                                                                                         },
    {"version",
     {EVENT_ALERTS, EVENT_ALERTS},
     {RULES("Version", "3.0"), RULES("x", "1")},
     EVENT_ALERTS,                                                                                              "{}",
     true                                                                                                                                                                                                          },
    {"a version that is there counts",
     {EVENT_ALERTS, EVENT_ALERTS},
     {RULES("Version", "3.0"), RULES("x", "1")},
     EVENT_ALERTS,                                                                                              "{\"version\":\"4\"}",
     false                                                                                                                                                                                                         },
    {"other sources have no version",
     {EVENT_ASSESSMENTS, EVENT_ASSESSMENTS},
     {RULES("Version", "3.0"), RULES("x", "1")},
     EVENT_ASSESSMENTS,                                                                                         "{}",
     false                                                                                                                                                                                                         },
    {"the component's name",
     {EVENT_ALERTS, EVENT_ALERTS},
     {RULES("ProductComponentName", "servers"), RULES("x", "1")},
     EVENT_ALERTS,                                                                                              "{\"ExtendedProperties\":{\"productcomponentname\":\"Servers\"}}",
     true                                                                                                                                                                                                          },
    {"one that is there counts",
     {EVENT_ALERTS, EVENT_ALERTS},
     {RULES("ProductComponentName", "servers"), RULES("x", "1")},
     EVENT_ALERTS,                                                                                              "{\"ExtendedProperties\":{\"ProductComponentName\":\"Servers\"},\"ProductComponentName\":1}",
     false                                                                                                                                                                                                         },
};

static void
try_filters(void)
{
    struct span scope = SPAN_LITERAL(SUB_A);

    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        struct event_filter_source sources[2];
        struct rule_sets *rules[2] = {NULL, NULL};
        struct event_filter *f = NULL;
        struct event e;
        struct err err = {""};
        json_t *why;

        for (size_t j = 0; j < 2; j++) {
            if (filters[i].rules[j] != NULL)
                rules[j] = rules_of(filters[i].rules[j]);
            sources[j] = (struct event_filter_source){filters[i].sources[j], rules[j]};
        }
        CHECK(event_filter_make(&scope, 1, sources, 2, &f, &err) == ST_OK, "%s", err.text);
        CHECK(event_open_text(&e, filters[i].source, scope, span_of(filters[i].event), &err) ==
                  ST_OK,
              "%s", err.text);
        CHECK(event_filter_passes(f, &e) == filters[i].passes, "%s", filters[i].name);
        why = event_filter_explain(f, &e);
        CHECK(json_is_true(json_object_get(why, "matches")) == filters[i].passes,
              "%s: the explanation disagrees", filters[i].name);
        CHECK(json_string_length(json_object_get(why, "why")) > 0 &&
                  json_array_size(json_object_get(why, "sources")) == 2,
              "%s: no reasons", filters[i].name);
        json_decref(why);
        event_close(&e);
        event_filter_free(f);
        rule_sets_free(rules[0]);
        rule_sets_free(rules[1]);
    }
}

static void
hear(void *app, const char *code, const char *target, const char *message, bool is_warning)
{
    CHECK(strcmp(code, "NeverTrue") == 0 && strcmp(target, "t") == 0 && message[0] != '\0' &&
              is_warning,
          "%s %s", code, target);
    ++*(int *)app;
}

static void
try_source_check(void)
{
    struct rule_sets *wrong = rules_of(RULES("properties.metadata.severity", "High")),
                     *right = rules_of(RULES("Severity", "High"));
    int count = 0;

    event_source_check(EVENT_ALERTS, right, "t", hear, &count);
    event_source_check(EVENT_ALERTS, NULL, "t", hear, &count);
    event_source_check(EVENT_ASSESSMENTS, wrong, "t", hear, &count);
    CHECK(count == 0, "%d warnings for nothing", count);
    event_source_check(EVENT_ALERTS, wrong, "t", hear, &count);
    CHECK(count == 1, "no warning");
    rule_sets_free(wrong);
    rule_sets_free(right);
}

/* ---- from blocks ---- */

static void
try_block(void)
{
    static const char body[] = "{\"a\":1}[2]";
    static char memory[1 << 20] __attribute__((aligned(16)));
    static char index_room[64 << 10] __attribute__((aligned(8)));
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct block block;
    struct block_row *r;
    struct span index;
    struct err err = {""};
    struct event e;
    uint16_t alerts, other, scope;

    CHECK(block_builder_init(&b, &a, 16, &err) == ST_OK, "%s", err.text);
    block_builder_reset(&b);
    b.head.kind = BLOCK_EVENTS;
    CHECK(block_stream_index(&b, SPAN_LITERAL("3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"),
                             SPAN_LITERAL("Alerts"), SPAN_LITERAL("Alerts"), &alerts) == ST_OK &&
              block_stream_index(&b, SPAN_LITERAL("3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"),
                                 SPAN_LITERAL("Alarms"), SPAN_LITERAL("Alarms"), &other) == ST_OK &&
              block_string_index(&b, SPAN_LITERAL(SUB_A), &scope) == ST_OK,
          "streams");
    for (int i = 0; i < 4; i++) {
        r = block_row_add(&b);
        r->at = r->properties_at = i == 3 ? 7 : 0;
        r->size = r->properties_size = i == 3 ? 3 : 7;
        r->stream = i == 1 ? other : alerts;
        r->group = i == 2 ? ROW_GROUP_AS_IS : scope;
    }
    CHECK(block_seal(&b, sizeof body - 1, 1, 1, index_room, sizeof index_room, &index, &err) ==
                  ST_OK &&
              block_open(&block, index, SPAN_LITERAL(body), &err) == ST_OK,
          "%s", err.text);
    CHECK(event_open(&e, &block, 0, &err) == ST_OK && e.source == EVENT_ALERTS &&
              span_is(e.scope, SUB_A) && span_is(e.text, "{\"a\":1}"),
          "%s", err.text);
    event_close(&e);
    for (uint32_t i = 1; i < 4; i++) {
        err.text[0] = '\0';
        CHECK(event_open(&e, &block, i, &err) == ST_INVALID && err.text[0] != '\0', "row %u", i);
    }
}

static void
try_fingerprints(void)
{
    struct span scopes_of[] = {SPAN_LITERAL(SUB_A), SPAN_LITERAL(SUB_B)};
    struct rule_sets *rules = rules_of(RULES("a", "1"));
    struct event_filter_source sources[] = {
        {EVENT_ALERTS,      NULL },
        {EVENT_ASSESSMENTS, NULL },
        {EVENT_ALERTS,      rules}
    };
    uint64_t seen[5];
    struct err err;

    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        struct event_filter *f;

        CHECK(event_filter_make(scopes_of, i == 3 ? 2 : 1, &sources[i < 3 ? i : 0], i == 4 ? 2 : 1,
                                &f, &err) == ST_OK,
              "%s", err.text);
        seen[i] = event_filter_fingerprint(f);
        for (size_t j = 0; j < i; j++)
            CHECK(seen[i] != seen[j], "%zu and %zu are alike", i, j);
        event_filter_free(f);
    }
    rule_sets_free(rules);
}

/* ---- the contract's own table ---- */

static enum event_source
source_of(const char *file)
{
    static const struct {
        const char *part;
        enum event_source source;
    } parts[] = {
        {"event-alerts",               EVENT_ALERTS               },
        {"event-assessments-snapshot", EVENT_ASSESSMENTS_SNAPSHOT },
        {"event-assessments",          EVENT_ASSESSMENTS          },
        {"event-subassessments",       EVENT_SUB_ASSESSMENTS      },
        {"event-securescorecontrols",  EVENT_SECURE_SCORE_CONTROLS},
        {"event-securescores",         EVENT_SECURE_SCORES        },
        {"event-regulatorycompliance", EVENT_COMPLIANCE           },
        {"event-attackpaths",          EVENT_ATTACK_PATHS         },
    };

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (strncmp(file, parts[i].part, strlen(parts[i].part)) == 0)
            return parts[i].source;
    CHECK(false, "%s: which source?", file);
    return EVENT_ALERTS;
}

static void
try_vector(const json_t *v)
{
    const char *name = json_string_value(json_object_get(v, "name")),
               *file = json_string_value(json_object_get(v, "event"));
    char *text = shared_text(file);
    struct span scope = SPAN_LITERAL(SUB_A);
    struct event_filter_source source = {source_of(file), NULL};
    struct rule_sets *rules = NULL;
    struct event_filter *f = NULL;
    struct event e;
    struct err err = {""};
    bool is_open;

    CHECK(text != NULL && rule_sets_make(json_object_get(v, "ruleSets"), "t", NULL, NULL, &rules,
                                         &err) == ST_OK,
          "%s: %s", name, err.text);
    source.rules = rules;
    CHECK(event_filter_make(&scope, 1, &source, 1, &f, &err) == ST_OK, "%s", err.text);
    is_open = event_open_text(&e, source.source, scope, span_of(text), &err) == ST_OK;
    CHECK(is_open && event_filter_passes(f, &e) == json_is_true(json_object_get(v, "expect")),
          "%s: %s", name, err.text);
    if (is_open)
        event_close(&e);
    event_filter_free(f);
    rule_sets_free(rules);
    free(text);
}

static void
try_vectors(void)
{
    json_t *all = shared_example("rule-evaluation-vectors.json"),
           *vectors = json_object_get(all, "vectors"), *v;
    size_t i;

    if (all == NULL) {
        printf("skipped: rule-evaluation-vectors.json is not there\n");
        return;
    }
    CHECK(json_array_size(vectors) >= 35, "%zu vectors", json_array_size(vectors));
    json_array_foreach(vectors, i, v)
    {
        try_vector(v);
    }
    json_decref(all);
}

int
main(void)
{
    try_scopes();
    try_attack_path();
    try_refusals();
    try_filters();
    try_source_check();
    try_block();
    try_fingerprints();
    try_vectors();
    return test_end();
}
