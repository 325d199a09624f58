/* import_trivy.c - Trivy's JSON (schema version 2): one assessment for each kind of result, with the results
 * as its findings. An assessment is written before its first finding, or at the end when there was none.
 *
 *   {"SchemaVersion":2, "CreatedAt":..., "ArtifactName":..., "ArtifactType":..., "Metadata":{...},
 *    "Results":[{"Target":..., "Class":..., "Type":..., "Vulnerabilities":[...], ...}]}
 * trivy k8s: {"ClusterName":..., "Resources":[{"Namespace":..., "Kind":..., "Name":..., "Results":[...]}]} */
#include "posture/import_trivy_inner.h"

const struct trivy_class trivy_classes[CLASSES] = {
    {"Vulnerabilities",   "vulnerabilities",
     "Update each package to the version that its finding names.",                            "High"  },
    {"Misconfigurations", "misconfigurations",
     "Change each file or resource as its finding says, and scan again.",                     "Medium"},
    {"Secrets",           "secrets",
     "Withdraw each secret where it is valid, then take it out of the file and its history.", "High"  },
};

bool
trivy_knows(struct span head)
{
    size_t at = 0;

    if (head.n >= 3 && memcmp(head.p, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (at < head.n && strchr(" \t\r\n", head.p[at]) != NULL && head.p[at] != '\0')
        at++;
    return at < head.n && head.p[at] == '{' &&
           (import_holds(head, "\"SchemaVersion\"") || import_holds(head, "\"ArtifactName\"") ||
            import_holds(head, "\"ClusterName\""));
}

/* ---- the assessment ---- */

struct wording {
    struct import_recommendation m;
    char display_name[400], description[600];
};

static void
recommendation(struct trivy *t, int class, struct wording *x)
{
    const struct trivy_class *c = &trivy_classes[class];

    snprintf(x->display_name, sizeof x->display_name,
             "%s should have the %s that Trivy finds resolved%s%.200s", t->noun, c->name,
             t->path[0] != '\0' ? ": " : "", t->path);
    snprintf(x->description, sizeof x->description,
             "Trivy looked for %s. Each of its results is a finding of this recommendation.",
             c->name);
    x->m = (struct import_recommendation){
        .producer = t->producer,
        .key = t->keys[class],
        .display_name = span_of(x->display_name),
        .description = span_of(x->description),
        .remediation = span_of(c->remediation),
        .severity = c->severity,
        .category = t->is_image || t->cluster[0] != '\0' ? "Container" : "Compute",
    };
}

static bool
open_class(struct trivy *t, int class, int code)
{
    struct wording x;
    struct import_state state = {code, NULL, {0}};

    unsigned char digest[16];
    char key[KEY_SIZE];
    struct seen_slot *slot;

    if (t->is_open[class])
        return true;
    t->is_open[class] = true;
    /* a workload may come twice, each time with some of its results */
    import_key(t->r, (struct span[]){span_of(t->resource.id), span_of(t->keys[class])}, 2, key,
               digest);
    slot = import_seen_at(&t->assessments, digest, "assessments", t->r->err);
    if (slot == NULL)
        return trivy_fine(t, ST_FULL);
    if (slot->count++ > 0)
        return true;
    recommendation(t, class, &x);
    if (!trivy_fine(t, import_metadata(t->r, &t->resource, &x.m)))
        return false;
    import_assessment_begin(t->r, &t->resource, &x.m, &state);
    import_line_string(&t->r->line, "scanner", "trivy");
    import_line_string(&t->r->line, "artifact",
                       t->owner[0] != '\0'  ? t->owner
                       : t->path[0] != '\0' ? t->path
                                            : t->resource.native);
    return trivy_fine(t, import_end(t->r));
}

/* At the end of an artifact: the kinds without a finding are healthy, and all are covered. */
static bool
close_artifact(struct trivy *t)
{
    bool is_all = t->r->options->cover == IMPORT_COVER_ALL && t->cluster[0] == '\0';

    for (int i = 0; i < CLASSES; i++) {
        if (!t->is_shown[i] && !is_all)
            continue;
        if (!trivy_know_resource(t) || !open_class(t, i, CODE_HEALTHY) ||
            !trivy_fine(t, import_scope(t->r, t->producer,
                                        "%s/providers/Microsoft.Security/assessments/%s",
                                        t->resource.id, t->keys[i])))
            return false;
    }
    memset(t->is_shown, 0, sizeof t->is_shown);
    memset(t->is_open, 0, sizeof t->is_open);
    t->is_resource_known = false;
    return true;
}

static trivy_writer *const writers[CLASSES] = {trivy_vulnerability, trivy_misconfiguration,
                                               trivy_secret};

/* ---- the walk ---- */

static bool
items(struct trivy *t, int class, size_t index)
{
    struct walk *w = &t->w;
    struct walk_list list = {0};
    struct wording x;
    char path[120];

    if (import_walk_peek(w) == 'n') /* null */
        return import_walk_skip(w);
    if (!trivy_know_resource(t))
        return false;
    if (t->target[0] == '\0')
        return import_walk_fault(
            w, import_walk_place(w),
            "Target does not stand before %s: its members were sorted; give the report "
            "as Trivy writes it",
            trivy_classes[class].member);
    if (!import_walk_enter(w, '['))
        return false;
    t->is_shown[class] = true;
    recommendation(t, class, &x);
    snprintf(path, sizeof path, "%.100s", w->path);
    for (size_t i = 0; import_walk_element(w, &list); i++) {
        json_t *item;
        bool is_fine;

        snprintf(w->path, sizeof w->path, "Results[%zu].%s[%zu]", index,
                 trivy_classes[class].member, i);
        item = import_walk_tree(w, JSON_OBJECT, "an object");
        if (item == NULL)
            return false;
        /* a passed check is no reason to open the assessment */
        is_fine = (class == MISCONFIGURATION && import_tree_text(item, "Status").n > 0 &&
                   !import_word_is(import_tree_text(item, "Status"), "FAIL")) ||
                  open_class(t, class, CODE_UNHEALTHY);
        is_fine = is_fine && writers[class](t, &x.m, item);
        json_decref(item);
        if (!is_fine)
            return false;
    }
    snprintf(w->path, sizeof w->path, "%s", path);
    return w->st == ST_OK;
}

static const struct {
    const char *name; /* a result's Class */
    int class;
} class_names[] = {
    {"os-pkgs",   VULNERABILITY   },
    {"lang-pkgs", VULNERABILITY   },
    {"config",    MISCONFIGURATION},
    {"secret",    SECRET          }
};

static bool
result(struct trivy *t, size_t index)
{
    struct walk *w = &t->w;
    struct walk_list list = {0};
    char key[WALK_KEY_SIZE], class_name[32];

    t->target[0] = t->result_type[0] = '\0';
    t->is_system = false;
    if (!import_walk_enter(w, '{'))
        return false;
    while (import_walk_member(w, &list, key)) {
        int class = CLASSES;

        for (int i = 0; i < CLASSES; i++)
            if (strcmp(key, trivy_classes[i].member) == 0)
                class = i;
        if (class < CLASSES) {
            if (!items(t, class, index))
                return false;
        } else if (strcmp(key, "Target") == 0) {
            if (!import_walk_string(w, t->target, sizeof t->target))
                return false;
        } else if (strcmp(key, "Type") == 0) {
            if (!import_walk_string(w, t->result_type, sizeof t->result_type))
                return false;
        } else if (strcmp(key, "Class") == 0) {
            if (!import_walk_string(w, class_name, sizeof class_name))
                return false;
            t->is_system = strcmp(class_name, "os-pkgs") == 0;
            for (size_t i = 0; i < COUNT_OF(class_names); i++)
                if (strcmp(class_name, class_names[i].name) == 0)
                    t->is_shown[class_names[i].class] = true;
        } else {
            t->r->summary->ignored_count += strcmp(key, "Licenses") == 0;
            if (!import_walk_skip(w))
                return false;
        }
    }
    return w->st == ST_OK;
}

static bool
results(struct trivy *t)
{
    struct walk_list list = {0};

    if (import_walk_peek(&t->w) == 'n')
        return import_walk_skip(&t->w);
    if (!import_walk_enter(&t->w, '['))
        return false;
    for (size_t i = 0; import_walk_element(&t->w, &list); i++) {
        snprintf(t->w.path, sizeof t->w.path, "Results[%zu]", i);
        if (!result(t, i))
            return false;
    }
    return t->w.st == ST_OK;
}

/* One workload of a cluster. */
static bool
workload(struct trivy *t)
{
    struct walk *w = &t->w;
    struct walk_list list = {0};
    char key[WALK_KEY_SIZE], names[3][256] = {{0}};
    static const char *const members[3] = {"Namespace", "Kind", "Name"};

    if (!import_walk_enter(w, '{'))
        return false;
    while (import_walk_member(w, &list, key)) {
        int i = 0;

        while (i < 3 && strcmp(key, members[i]) != 0)
            i++;
        if (i < 3) {
            if (!import_walk_string(w, names[i], sizeof names[i]))
                return false;
        } else if (strcmp(key, "Results") == 0) {
            snprintf(t->owner, sizeof t->owner, "%.160s/%.100s/%.240s", names[0], names[1],
                     names[2]);
            if (!results(t))
                return false;
        } else if (!import_walk_skip(w)) {
            return false;
        }
    }
    return w->st == ST_OK && close_artifact(t);
}

static bool
workloads(struct trivy *t)
{
    struct walk_list list = {0};

    if (t->cluster[0] == '\0')
        snprintf(t->cluster, sizeof t->cluster, "cluster");
    if (import_walk_peek(&t->w) == 'n')
        return import_walk_skip(&t->w);
    if (!import_walk_enter(&t->w, '['))
        return false;
    for (size_t i = 0; import_walk_element(&t->w, &list); i++) {
        snprintf(t->w.path, sizeof t->w.path, "Resources[%zu]", i);
        if (!workload(t))
            return false;
    }
    return t->w.st == ST_OK;
}

static bool
metadata(struct trivy *t)
{
    json_t *tree = import_walk_tree(&t->w, JSON_OBJECT, "an object");

    if (tree == NULL)
        return false;
    snprintf(t->repo_tag, sizeof t->repo_tag, "%s",
             json_is_string(json_array_get(json_object_get(tree, "RepoTags"), 0))
                 ? json_string_value(json_array_get(json_object_get(tree, "RepoTags"), 0))
                 : "");
    json_decref(tree);
    return true;
}

/* A full scan of a cluster tells, too, which workloads are gone. */
static bool
close_cluster(struct trivy *t)
{
    char name[NAME_SIZE];
    struct import_resource cluster = {0};

    if (t->r->options->cover != IMPORT_COVER_ALL)
        return true;
    import_name(span_of(t->r->options->target != NULL ? t->r->options->target : t->cluster), name);
    return trivy_fine(t, import_resource(t->r, &cluster,
                                         "Microsoft.Kubernetes/connectedClusters/%s", name)) &&
           trivy_fine(t, import_scope(t->r, t->producer, "%s", cluster.id));
}

static bool
report(struct trivy *t)
{
    struct walk *w = &t->w;
    struct walk_list list = {0};
    char key[WALK_KEY_SIZE];

    if (import_walk_peek(w) == '[')
        return import_walk_fault(w, import_walk_place(w),
                                 "an array is schema version 1: scan with Trivy 0.20 or later");
    if (!import_walk_enter(w, '{'))
        return false;
    while (import_walk_member(w, &list, key)) {
        bool is_fine;

        snprintf(w->path, sizeof w->path, "%s", key);
        if (strcmp(key, "ArtifactName") == 0)
            is_fine = import_walk_string(w, t->artifact, sizeof t->artifact);
        else if (strcmp(key, "ArtifactType") == 0)
            is_fine = import_walk_string(w, t->type, sizeof t->type);
        else if (strcmp(key, "ClusterName") == 0)
            is_fine = import_walk_string(w, t->cluster, sizeof t->cluster);
        else if (strcmp(key, "CreatedAt") == 0)
            is_fine =
                import_walk_string(w, t->r->summary->scan_time, sizeof t->r->summary->scan_time);
        else if (strcmp(key, "Metadata") == 0)
            is_fine = metadata(t);
        else if (strcmp(key, "Results") == 0)
            is_fine = results(t);
        else if (strcmp(key, "Resources") == 0 || strcmp(key, "Findings") == 0)
            is_fine = workloads(t);
        else
            is_fine = import_walk_skip(w);
        if (!is_fine)
            return false;
        w->path[0] = '\0';
    }
    if (w->st != ST_OK)
        return false;
    if (import_walk_peek(w) >= 0)
        return import_walk_fault(w, import_walk_place(w),
                                 "something stands behind the report: give one report a file");
    if (w->st != ST_OK)
        return false;
    return t->cluster[0] == '\0' ? close_artifact(t) : close_cluster(t);
}

enum status
trivy_run(struct import_run *r)
{
    struct trivy t = {.r = r, .path = ""};

    import_producer(r, t.producer, "trivy");
    if (import_walk_open(&t.w, r) && report(&t) && t.artifact[0] == '\0' && t.cluster[0] == '\0')
        import_walk_fault(&t.w, 1, "ArtifactName is missing: this is no report of Trivy's");
    import_walk_close(&t.w);
    import_seen_free(&t.findings);
    import_seen_free(&t.assessments);
    return t.w.st;
}
