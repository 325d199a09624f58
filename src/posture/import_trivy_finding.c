/* import_trivy_finding.c - the results of Trivy as findings: keys, texts, additionalData. */
#include "posture/import_trivy_inner.h"

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
    slot = import_seen_at(&t->findings, digest, "findings", t->r->err);
    if (slot == NULL)
        return trivy_fine(t, ST_FULL);
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
    struct span source = import_tree_text(item, "SeveritySource");
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
    vector = import_tree_text(one, "V3Vector");
    if (vector.n > 8 && memcmp(vector.p, "CVSS:", 5) == 0)
        snprintf(version, sizeof version, "%.3s", vector.p + 5);
    snprintf(number, sizeof number, "%.1f", json_number_value(score));
    import_line_open(l, "cvss", '{');
    import_line_open(l, version, '{');
    import_line_json(l, "base", number);
    import_line_text(l, "vector", vector, 200);
    import_line_close(l, '}');
    import_line_close(l, '}');
}

static void
put_severity(struct trivy *t, const json_t *item)
{
    import_line_string(&t->r->line, "scanner", "trivy");
    import_line_text(&t->r->line, "scannerSeverity", import_tree_text(item, "Severity"), 32);
}

bool
trivy_vulnerability(struct trivy *t, const struct import_recommendation *m, const json_t *item)
{
    struct span id = import_tree_text(item, "VulnerabilityID"),
                package = import_tree_text(item, "PkgName"),
                version = import_tree_text(item, "InstalledVersion"),
                path = import_tree_text(item, "PkgPath"),
                fixed = import_tree_text(item, "FixedVersion"),
                title = import_tree_text(item, "Title"),
                link = import_tree_text(item, "PrimaryURL");
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
        return import_walk_fault(&t->w, 0, "%s is missing: this is no finding of Trivy's",
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
                 import_tree_text(item, "Status").n > 0 ? import_tree_text(item, "Status").p
                                                        : "affected");

    struct import_finding f = {
        .key = key,
        .id = id,
        .display_name = span_of(display_name),
        .description = import_tree_text(item, "Description"),
        .remediation = span_of(remediation),
        .impact = title,
        .category = t->result_type,
        .severity = import_severity(import_tree_text(item, "Severity")),
        .state = {CODE_UNHEALTHY, NULL, {0}},
        .assessed = t->is_image             ? "ContainerRegistryVulnerability"
                    : t->cluster[0] != '\0' ? "GeneralVulnerability"
                                            : "ServerVulnerabilityAssessment",
    };

    import_finding_begin(t->r, &t->resource, m, &f);
    import_line_string(l, "type", "Vulnerability");
    put_severity(t, item);
    import_line_text(l, "packageName", package, 500);
    import_line_text(l, "installedVersion", version, 500);
    import_line_text(l, "fixedVersion", fixed, 500);
    import_line_text(l, "path", path.n > 0 || !is_of_file ? path : span_of(t->target), 1000);
    import_line_text(l, "packageUrl", import_tree_text_in(item, "PkgIdentifier", "PURL"), 1000);
    import_line_bool(l, "patchable", fixed.n > 0);
    put_cvss(t, item);
    import_line_open(l, "cve", '[');
    import_line_open(l, NULL, '{');
    import_line_text(l, "title", id, 500);
    import_line_text(l, "link", link, 1000);
    import_line_close(l, '}');
    import_line_close(l, ']');
    import_line_text(l, "publishedTime", import_tree_text(item, "PublishedDate"), 40);
    return trivy_fine(t, import_end(t->r));
}

static void
put_number(struct line *l, const char *key, int64_t value)
{
    char text[24];

    if (value <= 0)
        return;
    snprintf(text, sizeof text, "%lld", (long long)value);
    import_line_json(l, key, text);
}

bool
trivy_misconfiguration(struct trivy *t, const struct import_recommendation *m, const json_t *item)
{
    struct span id = import_tree_text(item, "AVDID"), message = import_tree_text(item, "Message"),
                status = import_tree_text(item, "Status");
    const json_t *cause = json_object_get(item, "CauseMetadata");
    struct span resource = import_tree_text(cause, "Resource");
    char key[KEY_SIZE];
    struct line *l = &t->r->line;

    if (id.n == 0)
        id = import_tree_text(item, "ID");
    if (id.n == 0)
        return import_walk_fault(&t->w, 0, "ID is missing: this is no misconfiguration of Trivy's");
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
        .display_name =
            import_tree_text(item, "Title").n > 0 ? import_tree_text(item, "Title") : id,
        .description = import_tree_text(item, "Description"),
        .remediation = import_tree_text(item, "Resolution"),
        .impact = message,
        .category = t->result_type,
        .severity = import_severity(import_tree_text(item, "Severity")),
        .state = {CODE_UNHEALTHY, NULL, message},
        .assessed = "GeneralVulnerability",
    };

    import_finding_begin(t->r, &t->resource, m, &f);
    import_line_string(l, "type", "Misconfiguration");
    put_severity(t, item);
    import_line_string(l, "path", t->target);
    import_line_text(l, "resource", resource, 1000);
    put_number(l, "startLine", import_tree_integer(cause, "StartLine", 0));
    put_number(l, "endLine", import_tree_integer(cause, "EndLine", 0));
    import_line_text(l, "link", import_tree_text(item, "PrimaryURL"), 1000);
    return trivy_fine(t, import_end(t->r));
}

/* Match and Code quote the file, at times with a neighbouring secret in clear: neither is looked at. */
bool
trivy_secret(struct trivy *t, const struct import_recommendation *m, const json_t *item)
{
    struct span id = import_tree_text(item, "RuleID"), title = import_tree_text(item, "Title");
    struct span parts[4] = {SPAN_LITERAL("trivy"), id, span_of(t->target)};
    char key[KEY_SIZE], display_name[600];
    struct line *l = &t->r->line;

    if (id.n == 0)
        return import_walk_fault(&t->w, 0, "RuleID is missing: this is no secret of Trivy's");
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
        .remediation = span_of(trivy_classes[SECRET].remediation),
        .category = import_tree_text(item, "Category").p,
        .severity = import_severity(import_tree_text(item, "Severity")),
        .state = {CODE_UNHEALTHY, NULL, {0}},
        .assessed = "GeneralVulnerability",
    };

    import_finding_begin(t->r, &t->resource, m, &f);
    import_line_string(l, "type", "Secret");
    put_severity(t, item);
    import_line_string(l, "path", t->target);
    put_number(l, "startLine", import_tree_integer(item, "StartLine", 0));
    put_number(l, "endLine", import_tree_integer(item, "EndLine", 0));
    return trivy_fine(t, import_end(t->r));
}
