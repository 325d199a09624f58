#include "match/event_inner.h"

static json_t *
explain_scope(const struct event_filter *f, const struct event *e, bool *matches)
{
    json_t *json = json_object(), *paths = json_array();
    const char *why;

    *matches = event_filter_covers_event(f, e);
    why = event_filter_covers(f, e->scope) ? "the event's resource is in a scope"
          : *matches                       ? "one end of the attack path is in a scope"
                                           : "the event's resource is in none of the scopes";
    for (size_t i = 0; i < f->scope_count; i++)
        if (json_array_append_new(paths, json_stringn(f->scopes[i].p, f->scopes[i].n)) != 0)
            goto fail;
    if (json_object_set_new(json, "matches", json_boolean(*matches)) != 0 ||
        json_object_set_new(json, "event", json_stringn(e->scope.p, e->scope.n)) != 0 ||
        json_object_set(json, "scopePaths", paths) != 0 ||
        json_object_set_new(json, "why", json_string(why)) != 0)
        goto fail;
    json_decref(paths);
    return json;

fail:
    json_decref(paths);
    json_decref(json);
    return NULL;
}

static json_t *
explain_source(const struct event_filter_source *s, const struct event *e, bool *matches)
{
    json_t *json = json_object();
    bool is_same = s->source == e->source;
    json_t *sets = is_same ? rule_sets_explain(s->rules, &e->tree) : json_array();
    char why[160];

    *matches = is_same && rule_sets_pass(s->rules, &e->tree);
    if (!is_same)
        snprintf(why, sizeof why, "the event is of source %s", event_source_rows[e->source].name);
    else if (json_array_size(sets) == 0)
        snprintf(why, sizeof why, "there are no rule sets: every event passes");
    else
        snprintf(why, sizeof why, "%s of %zu rule set%s passes", *matches ? "at least one" : "none",
                 json_array_size(sets), json_array_size(sets) == 1 ? "" : "s");
    if (json_object_set_new(json, "eventSource", json_string(event_source_rows[s->source].name)) !=
            0 ||
        json_object_set_new(json, "matches", json_boolean(*matches)) != 0 ||
        json_object_set_new(json, "why", json_string(why)) != 0 ||
        (is_same && json_object_set(json, "ruleSets", sets) != 0)) {
        json_decref(json);
        json = NULL;
    }
    json_decref(sets);
    return json;
}

json_t *
event_filter_explain(const struct event_filter *f, const struct event *e)
{
    json_t *json = json_object(), *sources = json_array();
    bool is_covered = false, is_source = event_filter_wants(f, e->source), passes = false;
    json_t *scope = explain_scope(f, e, &is_covered);
    const char *why;

    for (size_t i = 0; i < f->source_count; i++) {
        bool matches;

        if (json_array_append_new(sources, explain_source(&f->sources[i], e, &matches)) != 0)
            goto fail;
        passes |= matches;
    }
    why = !is_source    ? "no source is the event's"
          : !is_covered ? "the event is in none of the scopes"
          : !passes     ? "no rule set passes"
                        : "a source, a scope and its rules match";
    if (json_object_set_new(json, "matches", json_boolean(passes && is_covered)) != 0 ||
        json_object_set_new(json, "why", json_string(why)) != 0 ||
        json_object_set(json, "scope", scope) != 0 ||
        json_object_set(json, "sources", sources) != 0)
        goto fail;
    json_decref(scope);
    json_decref(sources);
    return json;

fail:
    json_decref(scope);
    json_decref(sources);
    json_decref(json);
    return NULL;
}
