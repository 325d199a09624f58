/* import_trivy.c - Trivy's JSON (schema version 2): one assessment for each kind of result, with the results
 * as its findings. An assessment is written before its first finding, or at the end when there was none.
 *
 *   {"SchemaVersion":2, "CreatedAt":..., "ArtifactName":..., "ArtifactType":..., "Metadata":{...},
 *    "Results":[{"Target":..., "Class":..., "Type":..., "Vulnerabilities":[...], ...}]}
 * trivy k8s: {"ClusterName":..., "Resources":[{"Namespace":..., "Kind":..., "Name":..., "Results":[...]}]} */
#include "posture/import_walk.h"

enum { VULNERABILITY, MISCONFIGURATION, SECRET, CLASSES };

static const struct trivy_class {
    const char *member; /* of a result */
    const char *name, *remediation, *severity;
} classes[CLASSES] = {
    {"Vulnerabilities",   "vulnerabilities",
     "Update each package to the version that its finding names.",                            "High"  },
    {"Misconfigurations", "misconfigurations",
     "Change each file or resource as its finding says, and scan again.",                     "Medium"},
    {"Secrets",           "secrets",
     "Withdraw each secret where it is valid, then take it out of the file and its history.", "High"  },
};

struct trivy {
    struct import_run *r;
    struct walk w;
    char producer[IMPORT_PRODUCER_SIZE];
    char artifact[1024], type[64], cluster[256];
    char repo_tag[512];
    char owner[512]; /* k8s: "namespace/kind/name"; else empty */
    char target[1024], result_type[64];
    bool is_system; /* packages of the operating system: the target is the machine, not a file */
    bool is_resource_known;
    struct import_resource resource;
    const char *noun; /* "Container images" */
    const char *path; /* within a machine; "": all of it */
    bool is_image;
    char keys[CLASSES][KEY_SIZE];
    bool is_shown[CLASSES], is_open[CLASSES];
    struct seen findings, assessments;
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

/* ---- what was scanned ---- */

/* [registry/]path[:tag][@digest], with Docker's defaults. */
static enum status
image_resource(struct trivy *t, const char *image)
{
    const char *slash = strchr(image, '/');
    size_t first = slash == NULL ? 0 : (size_t)(slash - image);
    bool has_registry =
        first > 0 && (memchr(image, '.', first) != NULL || memchr(image, ':', first) != NULL ||
                      (first == 9 && memcmp(image, "localhost", 9) == 0));
    struct span registry = has_registry ? (struct span){image, first} : span_of("docker.io");
    const char *path = has_registry ? slash + 1 : image;
    char text[1100], registry_name[NAME_SIZE], image_name[NAME_SIZE];
    bool is_tagged = strchr(path, ':') != NULL || strchr(path, '@') != NULL;

    snprintf(text, sizeof text, "%s%s%s",
             !has_registry && strchr(path, '/') == NULL ? "library/" : "", path,
             is_tagged ? "" : ":latest");
    /* an Azure registry's resource is named without its host's domain */
    if (registry.n > 11 && memcmp(registry.p + registry.n - 11, ".azurecr.io", 11) == 0)
        registry.n -= 11;
    import_name(registry, registry_name);
    import_name(span_of(text), image_name);
    t->noun = "Container images";
    t->is_image = true;
    return import_resource(t->r, &t->resource,
                           "Microsoft.ContainerRegistry/registries/%s/images/%s", registry_name,
                           image_name);
}

/* scheme://host/path or host/path */
static enum status
repository_resource(struct trivy *t, const char *url)
{
    const char *scheme = strstr(url, "://"), *host = scheme == NULL ? url : scheme + 3;
    const char *at = strchr(host, '@'), *slash = strchr(host, '/');
    char path[512], names[2][NAME_SIZE];
    char *inner;
    size_t n;

    if (at != NULL && slash != NULL &&
        at < slash) /* a token before the host is nobody's business */
        host = at + 1;
    if (slash == NULL)
        slash = host + strlen(host);
    snprintf(path, sizeof path, "%s", slash[0] == '/' ? slash + 1 : "");
    for (n = strlen(path); n > 0 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    if (n > 4 && strcmp(path + n - 4, ".git") == 0)
        path[n - 4] = '\0';
    t->noun = "Repositories";
    snprintf(t->resource.native, sizeof t->resource.native, "%.*s/%s", (int)(slash - host), host,
             path);
    inner = strchr(path, '/');
    if (import_word_is((struct span){host, (size_t)(slash - host)}, "github.com") &&
        inner != NULL) {
        *inner++ = '\0';
        import_name(span_of(path), names[0]);
        import_name(span_of(inner), names[1]);
        return import_resource(t->r, &t->resource,
                               "Microsoft.SecurityDevOps/gitHubConnectors/%s/repos/%s", names[0],
                               names[1]);
    }
    import_name((struct span){host, (size_t)(slash - host)}, names[0]);
    import_name(span_of(path), names[1]);
    return import_resource(t->r, &t->resource, "Microsoft.VisualStudio/account/%s/project/%s",
                           names[0], names[1]);
}

static enum status
path_resource(struct trivy *t)
{
    const struct import_options *o = t->r->options;
    bool is_vm = strcmp(t->type, "vm") == 0;

    t->noun = "Machines";
    t->path = is_vm || strcmp(t->artifact, "/") == 0 ? "" : t->artifact;
    if (o->target == NULL && o->resource_id == NULL && !is_vm)
        return err_set(
            t->r->err, ST_INVALID,
            "%s: ArtifactName: a scan of the path '%.100s' does not say on which machine: "
            "give the target (its name) or a resource id",
            t->r->in->name, t->artifact);
    return import_machine(t->r, &t->resource, span_of(t->artifact));
}

static enum status
workload_resource(struct trivy *t)
{
    char names[2][NAME_SIZE];

    t->noun = "Kubernetes workloads";
    import_name(span_of(t->r->options->target != NULL ? t->r->options->target : t->cluster),
                names[0]);
    import_name(span_of(t->owner), names[1]);
    snprintf(t->resource.native, sizeof t->resource.native, "%s", t->owner);
    return import_resource(t->r, &t->resource,
                           "Microsoft.Kubernetes/connectedClusters/%s/workloads/%s", names[0],
                           names[1]);
}

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum status
artifact_resource(struct trivy *t)
{
    const char *name = t->artifact;
    bool is_path = name[0] == '/' || name[0] == '.' || strchr(name, '/') == NULL;

    if (strcmp(t->type, "container_image") == 0) {
        bool is_archive = ends_with(name, ".tar") || ends_with(name, ".tar.gz") ||
                          ends_with(name, ".tgz") || name[0] == '/' || name[0] == '.';

        snprintf(t->resource.native, sizeof t->resource.native, "%s", name);
        return image_resource(t, is_archive && t->repo_tag[0] != '\0' ? t->repo_tag : name);
    }
    if (strcmp(t->type, "repository") == 0 &&
        (strstr(name, "://") != NULL ||
         (!is_path && strchr(name, '.') < strchr(name, '/') && strchr(name, '.') != NULL)))
        return repository_resource(t, name);
    return path_resource(t);
}

/* Makes the resource that the next findings are about, once what names it has been read. */
static bool
know_resource(struct trivy *t)
{
    enum status st;

    if (t->is_resource_known)
        return true;
    memset(&t->resource, 0, sizeof t->resource);
    t->path = "";
    if (t->cluster[0] != '\0')
        st = workload_resource(t);
    else if (t->artifact[0] == '\0')
        return walk_fault(&t->w, walk_place(&t->w),
                          "ArtifactName does not stand before Results: a report of Trivy 0.20 or "
                          "later is needed, as it writes it");
    else
        st = artifact_resource(t);
    if (st != ST_OK) {
        t->w.st = st;
        return false;
    }
    for (size_t i = 0; i < CLASSES; i++)
        import_key(t->r,
                   (struct span[]){span_of("trivy"), span_of(classes[i].name), span_of(t->noun),
                                   span_of(t->path)},
                   4, t->keys[i], NULL);
    t->is_resource_known = true;
    return true;
}

/* ---- the assessment ---- */

static bool
fine(struct trivy *t, enum status st)
{
    if (st != ST_OK && t->w.st == ST_OK)
        t->w.st = st;
    return st == ST_OK;
}

struct wording {
    struct import_recommendation m;
    char display_name[400], description[600];
};

static void
recommendation(struct trivy *t, int class, struct wording *x)
{
    const struct trivy_class *c = &classes[class];

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
    slot = seen_at(&t->assessments, digest, "assessments", t->r->err);
    if (slot == NULL)
        return fine(t, ST_FULL);
    if (slot->count++ > 0)
        return true;
    recommendation(t, class, &x);
    if (!fine(t, import_metadata(t->r, &t->resource, &x.m)))
        return false;
    import_assessment_begin(t->r, &t->resource, &x.m, &state);
    line_string(&t->r->line, "scanner", "trivy");
    line_string(&t->r->line, "artifact", t->owner[0] != '\0' ? t->owner : t->resource.native);
    return fine(t, import_end(t->r));
}

/* At the end of an artifact: the kinds without a finding are healthy, and all are covered. */
static bool
close_artifact(struct trivy *t)
{
    bool is_all = t->r->options->cover == IMPORT_COVER_ALL && t->cluster[0] == '\0';

    for (int i = 0; i < CLASSES; i++) {
        if (!t->is_shown[i] && !is_all)
            continue;
        if (!know_resource(t) || !open_class(t, i, CODE_HEALTHY) ||
            !fine(t,
                  import_scope(t->r, t->producer, "%s/providers/Microsoft.Security/assessments/%s",
                               t->resource.id, t->keys[i])))
            return false;
    }
    memset(t->is_shown, 0, sizeof t->is_shown);
    memset(t->is_open, 0, sizeof t->is_open);
    t->is_resource_known = false;
    return true;
}

/* ---- findings ---- */

/* A finding's key; the n-th of the same kind gets its own. False: it is met again and is to be left out, or
 * the walk failed. */
static bool
finding_key(struct trivy *t, struct span *parts, size_t count, bool is_counted, char key[KEY_SIZE])
{
    unsigned char digest[16];
    struct seen_slot *slot;
    char number[16];

    parts[count] = span_of(t->resource.id);
    import_key(t->r, parts, count + 1, key, digest);
    slot = seen_at(&t->findings, digest, "findings", t->r->err);
    if (slot == NULL)
        return fine(t, ST_FULL);
    if (slot->count++ == 0) {
        import_key(t->r, parts, count, key, NULL);
        return true;
    }
    if (!is_counted) {
        t->r->summary->ignored_count++;
        return false;
    }
    snprintf(number, sizeof number, "%u", slot->count);
    parts[count] = span_of(number);
    import_key(t->r, parts, count + 1, key, NULL);
    return true;
}

static void
put_cvss(struct trivy *t, const json_t *item)
{
    const json_t *all = json_object_get(item, "CVSS");
    struct span source = tree_text(item, "SeveritySource");
    const json_t *one = source.n > 0 ? json_object_get(all, source.p) : NULL, *score;
    struct line *l = &t->r->line;
    struct span vector;
    char version[8] = "3.0", number[32];

    score = json_object_get(one, "V3Score");
    if (score == NULL) {
        one = json_object_get(all, "nvd");
        score = json_object_get(one, "V3Score");
    }
    if (!json_is_number(score) || json_number_value(score) <= 0)
        return;
    vector = tree_text(one, "V3Vector");
    if (vector.n > 8 && memcmp(vector.p, "CVSS:", 5) == 0)
        snprintf(version, sizeof version, "%.3s", vector.p + 5);
    snprintf(number, sizeof number, "%.1f", json_number_value(score));
    line_open(l, "cvss", '{');
    line_open(l, version, '{');
    line_json(l, "base", number);
    line_text(l, "vector", vector, 200);
    line_close(l, '}');
    line_close(l, '}');
}

static void
put_severity(struct trivy *t, const json_t *item)
{
    line_string(&t->r->line, "scanner", "trivy");
    line_text(&t->r->line, "scannerSeverity", tree_text(item, "Severity"), 32);
}

static bool
vulnerability(struct trivy *t, const struct import_recommendation *m, const json_t *item)
{
    struct span id = tree_text(item, "VulnerabilityID"), package = tree_text(item, "PkgName"),
                version = tree_text(item, "InstalledVersion"), path = tree_text(item, "PkgPath"),
                fixed = tree_text(item, "FixedVersion"), title = tree_text(item, "Title"),
                link = tree_text(item, "PrimaryURL");
    bool is_of_file = !t->is_system;
    struct span parts[7] = {SPAN_LITERAL("trivy"),
                            id,
                            package,
                            version,
                            path,
                            is_of_file ? span_of(t->target) : (struct span){0}};
    char key[KEY_SIZE], display_name[600], remediation[700];
    struct line *l = &t->r->line;

    if (id.n == 0 || package.n == 0)
        return walk_fault(&t->w, 0, "%s is missing: this is no finding of Trivy's",
                          id.n == 0 ? "VulnerabilityID" : "PkgName");
    if (!finding_key(t, parts, 6, false, key))
        return t->w.st == ST_OK;
    snprintf(display_name, sizeof display_name, "%.*s in %.*s %.*s%s%.*s", (int)id.n, id.p,
             (int)package.n, package.p, (int)version.n, version.p, title.n > 0 ? ": " : "",
             (int)title.n, title.p);
    if (fixed.n > 0)
        snprintf(remediation, sizeof remediation, "Update %.*s from %.*s to %.*s.", (int)package.n,
                 package.p, (int)version.n, version.p, (int)fixed.n, fixed.p);
    else
        snprintf(remediation, sizeof remediation, "No fixed version of %.*s is known (%s).",
                 (int)package.n, package.p,
                 tree_text(item, "Status").n > 0 ? tree_text(item, "Status").p : "affected");

    struct import_finding f = {
        .key = key,
        .id = id,
        .display_name = span_of(display_name),
        .description = tree_text(item, "Description"),
        .remediation = span_of(remediation),
        .impact = title,
        .category = t->result_type,
        .severity = import_severity(tree_text(item, "Severity")),
        .state = {CODE_UNHEALTHY, NULL, {0}},
        .assessed = t->is_image             ? "ContainerRegistryVulnerability"
                    : t->cluster[0] != '\0' ? "GeneralVulnerability"
                                            : "ServerVulnerabilityAssessment",
    };

    import_finding_begin(t->r, &t->resource, m, &f);
    line_string(l, "type", "Vulnerability");
    put_severity(t, item);
    line_text(l, "packageName", package, 500);
    line_text(l, "installedVersion", version, 500);
    line_text(l, "fixedVersion", fixed, 500);
    line_text(l, "path", path.n > 0 || !is_of_file ? path : span_of(t->target), 1000);
    line_text(l, "packageUrl", tree_text_in(item, "PkgIdentifier", "PURL"), 1000);
    line_bool(l, "patchable", fixed.n > 0);
    put_cvss(t, item);
    line_open(l, "cve", '[');
    line_open(l, NULL, '{');
    line_text(l, "title", id, 500);
    line_text(l, "link", link, 1000);
    line_close(l, '}');
    line_close(l, ']');
    line_text(l, "publishedTime", tree_text(item, "PublishedDate"), 40);
    return fine(t, import_end(t->r));
}

static void
put_number(struct line *l, const char *key, int64_t value)
{
    char text[24];

    if (value <= 0)
        return;
    snprintf(text, sizeof text, "%lld", (long long)value);
    line_json(l, key, text);
}

static bool
misconfiguration(struct trivy *t, const struct import_recommendation *m, const json_t *item)
{
    struct span id = tree_text(item, "AVDID"), message = tree_text(item, "Message"),
                status = tree_text(item, "Status");
    const json_t *cause = json_object_get(item, "CauseMetadata");
    struct span resource = tree_text(cause, "Resource");
    char key[KEY_SIZE];
    struct line *l = &t->r->line;

    if (id.n == 0)
        id = tree_text(item, "ID");
    if (id.n == 0)
        return walk_fault(&t->w, 0, "ID is missing: this is no misconfiguration of Trivy's");
    if (status.n > 0 && !import_word_is(status, "FAIL")) {
        t->r->summary->ignored_count++;
        return true;
    }

    struct span parts[6] = {SPAN_LITERAL("trivy"), id, span_of(t->target), resource, message};

    if (!finding_key(t, parts, 5, true, key))
        return t->w.st == ST_OK;

    struct import_finding f = {
        .key = key,
        .id = id,
        .display_name = tree_text(item, "Title"),
        .description = tree_text(item, "Description"),
        .remediation = tree_text(item, "Resolution"),
        .impact = message,
        .category = t->result_type,
        .severity = import_severity(tree_text(item, "Severity")),
        .state = {CODE_UNHEALTHY, NULL, message},
        .assessed = "GeneralVulnerability",
    };

    import_finding_begin(t->r, &t->resource, m, &f);
    line_string(l, "type", "Misconfiguration");
    put_severity(t, item);
    line_string(l, "path", t->target);
    line_text(l, "resource", resource, 1000);
    put_number(l, "startLine", tree_integer(cause, "StartLine", 0));
    put_number(l, "endLine", tree_integer(cause, "EndLine", 0));
    line_text(l, "link", tree_text(item, "PrimaryURL"), 1000);
    return fine(t, import_end(t->r));
}

/* Match and Code quote the file, at times with a neighbouring secret in clear: neither is looked at. */
static bool
secret(struct trivy *t, const struct import_recommendation *m, const json_t *item)
{
    struct span id = tree_text(item, "RuleID"), title = tree_text(item, "Title");
    struct span parts[4] = {SPAN_LITERAL("trivy"), id, span_of(t->target)};
    char key[KEY_SIZE], display_name[600];
    struct line *l = &t->r->line;

    if (id.n == 0)
        return walk_fault(&t->w, 0, "RuleID is missing: this is no secret of Trivy's");
    if (!finding_key(t, parts, 3, true, key))
        return t->w.st == ST_OK;
    snprintf(display_name, sizeof display_name, "%.*s in %.500s",
             (int)(title.n > 0 ? title.n : id.n), title.n > 0 ? title.p : id.p, t->target);

    struct import_finding f = {
        .key = key,
        .id = id,
        .display_name = span_of(display_name),
        .description =
            SPAN_LITERAL("A secret stands in a file, where everybody who can read the file "
                         "can use it."),
        .remediation = span_of(classes[SECRET].remediation),
        .category = tree_text(item, "Category").p,
        .severity = import_severity(tree_text(item, "Severity")),
        .state = {CODE_UNHEALTHY, NULL, {0}},
        .assessed = "GeneralVulnerability",
    };

    import_finding_begin(t->r, &t->resource, m, &f);
    line_string(l, "type", "Secret");
    put_severity(t, item);
    line_string(l, "path", t->target);
    put_number(l, "startLine", tree_integer(item, "StartLine", 0));
    put_number(l, "endLine", tree_integer(item, "EndLine", 0));
    return fine(t, import_end(t->r));
}

static bool (*const writers[CLASSES])(struct trivy *, const struct import_recommendation *,
                                      const json_t *) = {vulnerability, misconfiguration, secret};

/* ---- the walk ---- */

static bool
items(struct trivy *t, int class, size_t index)
{
    struct walk *w = &t->w;
    struct walk_list list = {0};
    struct wording x;
    char path[120];

    if (walk_peek(w) == 'n') /* null */
        return walk_skip(w);
    if (!know_resource(t))
        return false;
    if (t->target[0] == '\0')
        return walk_fault(
            w, walk_place(w),
            "Target does not stand before %s: its members were sorted; give the report "
            "as Trivy writes it",
            classes[class].member);
    if (!walk_enter(w, '['))
        return false;
    t->is_shown[class] = true;
    recommendation(t, class, &x);
    snprintf(path, sizeof path, "%.100s", w->path);
    for (size_t i = 0; walk_element(w, &list); i++) {
        json_t *item;
        bool is_fine;

        snprintf(w->path, sizeof w->path, "Results[%zu].%s[%zu]", index, classes[class].member, i);
        item = walk_tree(w, JSON_OBJECT, "an object");
        if (item == NULL)
            return false;
        /* a passed check is no reason to open the assessment */
        is_fine = (class == MISCONFIGURATION && tree_text(item, "Status").n > 0 &&
                   !import_word_is(tree_text(item, "Status"), "FAIL")) ||
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
    if (!walk_enter(w, '{'))
        return false;
    while (walk_member(w, &list, key)) {
        int class = CLASSES;

        for (int i = 0; i < CLASSES; i++)
            if (strcmp(key, classes[i].member) == 0)
                class = i;
        if (class < CLASSES) {
            if (!items(t, class, index))
                return false;
        } else if (strcmp(key, "Target") == 0) {
            if (!walk_string(w, t->target, sizeof t->target))
                return false;
        } else if (strcmp(key, "Type") == 0) {
            if (!walk_string(w, t->result_type, sizeof t->result_type))
                return false;
        } else if (strcmp(key, "Class") == 0) {
            if (!walk_string(w, class_name, sizeof class_name))
                return false;
            t->is_system = strcmp(class_name, "os-pkgs") == 0;
            for (size_t i = 0; i < COUNT_OF(class_names); i++)
                if (strcmp(class_name, class_names[i].name) == 0)
                    t->is_shown[class_names[i].class] = true;
        } else {
            t->r->summary->ignored_count += strcmp(key, "Licenses") == 0;
            if (!walk_skip(w))
                return false;
        }
    }
    return w->st == ST_OK;
}

static bool
results(struct trivy *t)
{
    struct walk_list list = {0};

    if (walk_peek(&t->w) == 'n')
        return walk_skip(&t->w);
    if (!walk_enter(&t->w, '['))
        return false;
    for (size_t i = 0; walk_element(&t->w, &list); i++) {
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

    if (!walk_enter(w, '{'))
        return false;
    while (walk_member(w, &list, key)) {
        int i = 0;

        while (i < 3 && strcmp(key, members[i]) != 0)
            i++;
        if (i < 3) {
            if (!walk_string(w, names[i], sizeof names[i]))
                return false;
        } else if (strcmp(key, "Results") == 0) {
            snprintf(t->owner, sizeof t->owner, "%.160s/%.100s/%.240s", names[0], names[1],
                     names[2]);
            if (!results(t))
                return false;
        } else if (!walk_skip(w)) {
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
    if (walk_peek(&t->w) == 'n')
        return walk_skip(&t->w);
    if (!walk_enter(&t->w, '['))
        return false;
    for (size_t i = 0; walk_element(&t->w, &list); i++) {
        snprintf(t->w.path, sizeof t->w.path, "Resources[%zu]", i);
        if (!workload(t))
            return false;
    }
    return t->w.st == ST_OK;
}

static bool
metadata(struct trivy *t)
{
    json_t *tree = walk_tree(&t->w, JSON_OBJECT, "an object");

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
    return fine(t, import_resource(t->r, &cluster, "Microsoft.Kubernetes/connectedClusters/%s",
                                   name)) &&
           fine(t, import_scope(t->r, t->producer, "%s", cluster.id));
}

static bool
report(struct trivy *t)
{
    struct walk *w = &t->w;
    struct walk_list list = {0};
    char key[WALK_KEY_SIZE];

    if (walk_peek(w) == '[')
        return walk_fault(w, walk_place(w),
                          "an array is schema version 1: scan with Trivy 0.20 or later");
    if (!walk_enter(w, '{'))
        return false;
    while (walk_member(w, &list, key)) {
        bool is_fine;

        snprintf(w->path, sizeof w->path, "%s", key);
        if (strcmp(key, "ArtifactName") == 0)
            is_fine = walk_string(w, t->artifact, sizeof t->artifact);
        else if (strcmp(key, "ArtifactType") == 0)
            is_fine = walk_string(w, t->type, sizeof t->type);
        else if (strcmp(key, "ClusterName") == 0)
            is_fine = walk_string(w, t->cluster, sizeof t->cluster);
        else if (strcmp(key, "CreatedAt") == 0)
            is_fine = walk_string(w, t->r->summary->scan_time, sizeof t->r->summary->scan_time);
        else if (strcmp(key, "Metadata") == 0)
            is_fine = metadata(t);
        else if (strcmp(key, "Results") == 0)
            is_fine = results(t);
        else if (strcmp(key, "Resources") == 0 || strcmp(key, "Findings") == 0)
            is_fine = workloads(t);
        else
            is_fine = walk_skip(w);
        if (!is_fine)
            return false;
        w->path[0] = '\0';
    }
    if (w->st != ST_OK)
        return false;
    if (walk_peek(w) >= 0)
        return walk_fault(w, walk_place(w),
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
    if (walk_open(&t.w, r) && report(&t) && t.artifact[0] == '\0' && t.cluster[0] == '\0')
        walk_fault(&t.w, 1, "ArtifactName is missing: this is no report of Trivy's");
    walk_close(&t.w);
    seen_free(&t.findings);
    seen_free(&t.assessments);
    return t.w.st;
}
