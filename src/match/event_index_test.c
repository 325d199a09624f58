/* event_index_test.c - the index gives exactly what asking each filter gives, on filters and events
 * made at random from few words, so that they meet. */
#include "base/test.h"
#include "match/event.h"
#include "wire/json.h"

enum { FILTERS_MAX = 300, ROUNDS = 120, EVENTS = 60, TEXT_SIZE = 4096 };

static uint64_t seed;
static bool is_narrow; /* all filters look at the same few places */

static uint32_t
pick(uint32_t count)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % count;
}

#define PICK(array) (array)[pick((uint32_t)COUNT_OF(array))]
#define PICK_PLACE(array) (array)[is_narrow ? pick(2) : pick((uint32_t)COUNT_OF(array))]

static const char *const subscriptions[] = {"/subscriptions/aaaaaaaa-0000-0000-0000-000000000001",
                                            "/subscriptions/aaaaaaaa-0000-0000-0000-000000000002",
                                            "/SUBSCRIPTIONS/AAAAAAAA-0000-0000-0000-000000000003"};
static const char *const groups[] = {"", "", "/resourceGroups/rg", "/resourcegroups/RG-2",
                                     "/resourceGroups/rg-web"};
static const enum event_source sources[] = {EVENT_ALERTS, EVENT_ASSESSMENTS, EVENT_ATTACK_PATHS};
static const char *const paths[] = {"Severity",        "name",    "properties.status.code",
                                    "$.properties.n",  "list[1]", "['a name']",
                                    "attackPath.risk", "id",      "properties",
                                    "n\xc3\xa4me"};
static const char *const members[] = {"severity", "Name", "properties", "list",
                                      "a name",   "id",   "N\xc3\x84ME"};
static const char *const types[] = {"String", "String", "String", "Number", "Boolean"};
static const char *const text_operators[] = {"Equals",   "Equals",   "NotEquals", "StartsWith",
                                             "EndsWith", "Contains", "Contains"};
static const char *const number_operators[] = {"Equals", "NotEquals", "GreaterThan", "LesserThan"};
static const char *const words[] = {"High",
                                    "high",
                                    "Medium",
                                    "",
                                    "he",
                                    "healthy",
                                    "Unhealthy",
                                    "\xc3\xa4hnlich",
                                    "\xc3\x84hnlich",
                                    "K",
                                    "\xe2\x84\xaa",
                                    "/assessments/00000000-0000-0000-0000-000000000001/",
                                    "/assessments/00000000-0000-0000-0000-000000000002/",
                                    "00000000-0000-0000-0000-000000000002",
                                    "\"code\":\"Healthy\"",
                                    "aaaaaaaa",
                                    "aaaaaaaaaaaa",
                                    "null",
                                    "7"};
static const char *const numbers[] = {"0", "1", "1.0", "2.5", "-3", "1e1"};

/* A word, sometimes with a number, so that there are many. */
static void
word(char *out, size_t room)
{
    const char *w = PICK(words);

    if (pick(3) == 0)
        snprintf(out, room, "%s-key-%03u", w, pick(60));
    else
        snprintf(out, room, "%s", w);
}

static json_t *
random_rule(void)
{
    const char *type = PICK(types), *how = PICK(text_operators), *path = PICK_PLACE(paths);
    char value[128];

    word(value, sizeof value);
    if (strcmp(type, "Number") == 0) {
        how = PICK(number_operators);
        snprintf(value, sizeof value, "%s", PICK(numbers));
    } else if (strcmp(type, "Boolean") == 0) {
        snprintf(value, sizeof value, "%s", pick(2) == 0 ? "true" : "False");
    }
    return json_pack("{s:s,s:s,s:s,s:s}", "propertyJPath", path, "propertyType", type,
                     "expectedValue", value, "operator", how);
}

static struct rule_sets *
random_sets(void)
{
    json_t *json = json_array();
    struct rule_sets *r = NULL;
    struct err err = {""};
    uint32_t set_count = pick(4);

    for (uint32_t i = 0; i < set_count; i++) {
        json_t *rules = json_array();
        uint32_t rule_count = pick(12) == 0 ? 0 : 1 + pick(3);

        for (uint32_t j = 0; j < rule_count; j++)
            json_array_append_new(rules, random_rule());
        json_array_append_new(json, json_pack("{s:o}", "rules", rules));
    }
    CHECK(rule_sets_make(json, "t", NULL, NULL, &r, &err) == ST_OK, "%s", err.text);
    json_decref(json);
    return r;
}

static void
random_scope(char *out, size_t room)
{
    snprintf(out, room, "%s%s", PICK_PLACE(subscriptions), PICK_PLACE(groups));
}

struct made {
    struct event_filter *filter;
    struct rule_sets *rules[2];
};

static void
make_filter(struct made *m)
{
    char texts[12][128];
    struct span scopes[12];
    size_t scope_count = pick(10) == 0 ? 12 : 1 + pick(2), source_count = 1 + pick(2);
    struct event_filter_source of[2];
    struct err err = {""};

    for (size_t i = 0; i < scope_count; i++) {
        random_scope(texts[i], sizeof texts[i]);
        scopes[i] = span_of(texts[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        m->rules[i] = pick(15) == 0 ? NULL : random_sets();
        of[i] = (struct event_filter_source){PICK_PLACE(sources), m->rules[i]};
    }
    CHECK(event_filter_make(scopes, scope_count, of, source_count, &m->filter, &err) == ST_OK, "%s",
          err.text);
}

static json_t *
random_value(void)
{
    char text[160], more[128];

    switch (pick(8)) {
    case 0:
        return json_integer(pick(3));
    case 1:
        return json_real(2.5);
    case 2:
        return json_boolean(pick(2));
    case 3:
        return json_null();
    case 4:
        return json_pack("[i,s]", 1, PICK(words));
    default:
        word(more, sizeof more);
        snprintf(text, sizeof text, "%s%s", pick(3) == 0 ? "x" : "", more);
        return json_string(text);
    }
}

static void
random_event(char *out, char *scope, enum event_source *source)
{
    json_t *json = json_object();
    char id[160];
    char *text;

    for (uint32_t i = 0, count = pick(6); i < count; i++)
        json_object_set_new(json, PICK_PLACE(members), random_value());
    if (pick(2) == 0)
        json_object_set_new(
            json, "properties",
            json_pack("{s:{s:o},s:o}", "status", "code", random_value(), "n", random_value()));
    if (pick(2) == 0) {
        random_scope(id, 128);
        strcat(id, "/providers/x");
        json_object_set_new(json, "attackPath",
                            json_pack("{s:o,s:s}", "risk", random_value(), "targetId", id));
    }
    text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    snprintf(out, TEXT_SIZE, "%s", text);
    free(text);
    json_decref(json);
    random_scope(scope, 128);
    for (char *p = scope; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p |= 0x20;
    *source = PICK_PLACE(sources);
}

struct hits {
    size_t numbers[FILTERS_MAX];
    size_t count;
};

static void
hit(void *app, size_t filter)
{
    struct hits *h = app;

    if (h->count < FILTERS_MAX)
        h->numbers[h->count] = filter;
    h->count++;
}

static void
try_event(const struct event_index *x, const struct made *made, size_t count, const char *name,
          struct event *e, size_t *total)
{
    struct hits h = {.count = 0};
    size_t at = 0;
    bool is_same = true;

    event_index_match(x, e, hit, &h);
    for (size_t i = 0; i < count; i++)
        if (event_filter_passes(made[i].filter, e))
            is_same &= at < h.count && h.numbers[at++] == i;
    is_same &= at == h.count;
    CHECK(is_same, "%s: %zu hits, %zu filters pass, event %.*s", name, h.count, at, (int)e->text.n,
          e->text.p);
    *total += h.count;
}

static void
try_round(int round, size_t *total)
{
    static const size_t counts[] = {0, 1, 3, 40, FILTERS_MAX};
    struct made made[FILTERS_MAX];
    const struct event_filter *filters[FILTERS_MAX];
    size_t count = counts[round % 5];
    struct event_index *x = NULL;
    struct err err = {""};
    char name[32];

    seed = (uint64_t)round;
    is_narrow = round % 10 >= 5;
    snprintf(name, sizeof name, "round %d", round);
    for (size_t i = 0; i < count; i++) {
        make_filter(&made[i]);
        filters[i] = made[i].filter;
    }
    CHECK(event_index_make(filters, count, &x, &err) == ST_OK, "%s", err.text);
    for (int i = 0; i < EVENTS; i++) {
        char text[TEXT_SIZE], scope[128];
        enum event_source source;
        struct event e;

        random_event(text, scope, &source);
        CHECK(event_open_text(&e, source, span_of(scope), span_of(text), &err) == ST_OK, "%s: %s",
              text, err.text);
        try_event(x, made, count, name, &e, total);
        event_close(&e);
    }
    event_index_free(x);
    for (size_t i = 0; i < count; i++) {
        event_filter_free(made[i].filter);
        rule_sets_free(made[i].rules[0]);
        rule_sets_free(made[i].rules[1]);
    }
}

static void
ignore(void *app, size_t filter)
{
    (void)app;
    (void)filter;
}

/* As many as may be, and one more. */
static void
try_limit(void)
{
    struct span scope = span_of(subscriptions[0]);
    struct event_filter_source source = {EVENT_ALERTS, NULL};
    const struct event_filter **filters =
        malloc((EVENT_INDEX_FILTERS_MAX + 1) * sizeof(const struct event_filter *));
    struct event_filter *f = NULL;
    struct event_index *x = NULL;
    struct err err = {""};
    struct event e;

    CHECK(event_filter_make(&scope, 1, &source, 1, &f, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i <= EVENT_INDEX_FILTERS_MAX; i++)
        filters[i] = f;
    CHECK(event_index_make(filters, EVENT_INDEX_FILTERS_MAX + 1, &x, &err) == ST_FULL && x == NULL,
          "one too many");
    CHECK(event_index_make(filters, EVENT_INDEX_FILTERS_MAX, &x, &err) == ST_OK, "%s", err.text);
    CHECK(event_open_text(&e, EVENT_ALERTS, scope, SPAN_LITERAL("{}"), &err) == ST_OK, "open");
    event_index_match(x, &e, ignore, NULL);
    event_close(&e);
    event_index_free(x);
    event_filter_free(f);
    free(filters);
}

int
main(void)
{
    size_t total = 0;

    for (int i = 0; i < ROUNDS; i++)
        try_round(i, &total);
    CHECK(total > 10000, "only %zu hits in all: the cases say little", total);
    try_limit();
    return test_end();
}
