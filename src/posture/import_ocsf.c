/* import_ocsf.c - OCSF findings (Detection 2004, Compliance 2003 and their like), as Prowler writes them and
 * others do: a JSON array, or one object after another. The file is read twice: a check may say several
 * things of one resource, whose state is the worst of them, and the assessment comes before all of them.
 *
 * Read of a finding: metadata.event_code and product, finding_info, severity, status_code, status_id, status_detail,
 * compliance, resources[0], cloud, remediation, risk_details, unmapped. */
#include "posture/import_walk.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { IS_GIVEN = 4, CODE_MASK = 3 }; /* in a slot's note */

struct ocsf {
    struct import_run *r;
    struct walk w;
    struct seen pairs; /* of resource and check: how often, the worst state */
    struct seen findings;
    bool is_second;
    uint64_t count;
};

struct view { /* what one finding says */
    const json_t *tree, *resource;
    struct span check, title, description, detail, account, region, provider, uid;
    char product[NAME_SIZE], standard[NAME_SIZE], producer[IMPORT_PRODUCER_SIZE];
    char key[KEY_SIZE];
    int code;
    const char *cause;
    struct span severity;
    struct import_resource at;
    char scope[ARM_ID_MAX + 1];
};

bool
ocsf_knows(struct span head)
{
    size_t at = head.n >= 3 && memcmp(head.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    while (at < head.n && isspace((unsigned char)head.p[at]))
        at++;
    if (at < head.n && head.p[at] == '[') { /* Prowler writes "[]" when it found nothing */
        size_t next = at + 1;

        while (next < head.n && isspace((unsigned char)head.p[next]))
            next++;
        if (next + 1 >= head.n && next < head.n && head.p[next] == ']')
            return true;
    }
    return at < head.n && (head.p[at] == '[' || head.p[at] == '{') &&
           (import_holds(head, "\"class_uid\"") || import_holds(head, "\"finding_info\"") ||
            import_holds(head, "\"event_code\""));
}

/* ---- what a finding says ---- */

static struct span
first_of(struct span a, struct span b)
{
    return a.n > 0 ? a : b;
}

static const json_t *
first_check(const json_t *tree)
{
    return json_array_get(json_object_get(json_object_get(tree, "compliance"), "checks"), 0);
}

static const struct {
    const char *word;
    int code;
    const char *cause;
} state_words[] = {
    {"PASS",           CODE_HEALTHY,        NULL           },
    {"PASSED",         CODE_HEALTHY,        NULL           },
    {"FAIL",           CODE_UNHEALTHY,      NULL           },
    {"FAILED",         CODE_UNHEALTHY,      NULL           },
    {"WARNING",        CODE_UNHEALTHY,      NULL           },
    {"MANUAL",         CODE_NOT_APPLICABLE, "Manual"       },
    {"MUTED",          CODE_NOT_APPLICABLE, "Exempt"       },
    {"NOT_APPLICABLE", CODE_NOT_APPLICABLE, "NotApplicable"},
};

/* status_code is the scanner's word; else compliance.status_id: 1 pass, 2 warning, 3 fail; else the
 * finding's own status_id: 3 suppressed, 4 resolved; else a finding is one. */
static void
view_state(struct view *v)
{
    const json_t *compliance = json_object_get(v->tree, "compliance");
    struct span word =
        first_of(import_tree_text(v->tree, "status_code"), import_tree_text(compliance, "status"));
    int64_t status = import_tree_integer(v->tree, "status_id", 0),
            passed = import_tree_integer(compliance, "status_id", 0);

    v->code = status == 4 ? CODE_HEALTHY : CODE_UNHEALTHY;
    v->cause = NULL;
    if (passed >= 1 && passed <= 3)
        v->code = passed == 1 ? CODE_HEALTHY : CODE_UNHEALTHY;
    for (size_t i = 0; i < COUNT_OF(state_words); i++)
        if (import_word_is(word, state_words[i].word)) {
            v->code = state_words[i].code;
            v->cause = state_words[i].cause;
        }
    if (status == 3 && v->code == CODE_UNHEALTHY) {
        v->code = CODE_NOT_APPLICABLE;
        v->cause = "Exempt";
    }
}

static struct span
severity_of(const json_t *tree)
{
    static const char *const words[] = {"Unknown", "Informational", "Low",  "Medium",
                                        "High",    "Critical",      "Fatal"};
    struct span word = import_tree_text(tree, "severity");
    int64_t id = import_tree_integer(tree, "severity_id", 0);

    return word.n > 0 ? word : span_of(id >= 0 && id <= 6 ? words[id] : words[0]);
}

static void
lower_name(struct span text, char out[NAME_SIZE])
{
    import_name(text, out);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == ' ' || *p == '/' ? '-' : (char)tolower((unsigned char)*p);
}

/* ---- where it is ---- */

/* Whether the text is an ARM id that may stand for a resource: its subscription goes to 'subscription'. */
static bool
arm_resource(struct span uid, char subscription[KEY_SIZE])
{
    enum { PREFIX = sizeof "/subscriptions/" - 1, GUID = 36 };

    if (uid.n <= PREFIX + GUID || strncasecmp(uid.p, "/subscriptions/", PREFIX) != 0 ||
        uid.p[PREFIX + GUID] != '/' || uid.n > ARM_ID_MAX - 150)
        return false;
    for (size_t i = 0; i < uid.n; i++)
        if ((unsigned char)uid.p[i] < ' ' || strchr("<>%&\\?\"", uid.p[i]) != NULL)
            return false;
    return guid_copy((struct span){uid.p + PREFIX, GUID}, subscription);
}

/* An ARM id of its own, else the subscription that it names, else the one of the options. Settings of the
 * service itself (Microsoft.Security) are the subscription's. */
static enum status
azure_resource(struct ocsf *o, struct view *v)
{
    struct span uid = v->uid, tenant = import_tree_text_in(v->tree, "metadata", "tenant_uid");
    char subscription[KEY_SIZE];

    if (o->r->options->resource_id != NULL) {
        snprintf(v->scope, sizeof v->scope, "%s", o->r->options->resource_id);
        return import_resource(o->r, &v->at, "%s", "");
    }
    while (uid.n > 1 && uid.p[uid.n - 1] == '/')
        uid.n--;
    if (arm_resource(uid, subscription)) {
        if (strcasestr(uid.p, "/providers/microsoft.security/") == NULL)
            snprintf(v->at.id, sizeof v->at.id, "%.*s", (int)uid.n, uid.p);
    } else if (!guid_copy(v->account, subscription) || span_equal(v->account, tenant)) {
        snprintf(subscription, sizeof subscription, "%s", o->r->options->subscription);
    }
    snprintf(v->scope, sizeof v->scope, "/subscriptions/%s", subscription);
    if (v->at.id[0] == '\0')
        memcpy(v->at.id, v->scope, sizeof v->at.id);
    return ST_OK;
}

static enum status
cloud_resource(struct ocsf *o, struct view *v)
{
    char account[NAME_SIZE], region[NAME_SIZE], name[NAME_SIZE], text[400];
    bool is_all = o->r->options->cover == IMPORT_COVER_ALL;
    struct import_resource scope = {0};
    enum status st;

    snprintf(text, sizeof text, "%.*s-%.*s", (int)v->provider.n, v->provider.p,
             (int)(v->account.n < 300 ? v->account.n : 300), v->account.p);
    import_name(span_of(text), account);
    import_name(first_of(v->region, span_of("global")), region);
    import_name(first_of(v->uid, span_of("account")), name);
    st = import_resource(o->r, &scope, "Microsoft.HybridConnectivity/publicCloudConnectors/%s%s%s",
                         account, is_all ? "" : "/regions/", is_all ? "" : region);
    if (st != ST_OK)
        return st;
    memcpy(v->scope, scope.id, sizeof v->scope);
    return import_resource(
        o->r, &v->at,
        "Microsoft.HybridConnectivity/publicCloudConnectors/%s/regions/%s/resources/%s", account,
        region, name);
}

static enum status
cluster_resource(struct ocsf *o, struct view *v)
{
    char cluster[NAME_SIZE], name[NAME_SIZE], text[700];
    struct span named =
                    first_of(v->account, import_tree_text_in(v->tree, "unmapped", "provider_uid")),
                space = import_tree_text(v->resource, "namespace"),
                type = import_tree_text(v->resource, "type"),
                own = first_of(import_tree_text(v->resource, "name"), v->uid);
    struct import_resource scope = {0};
    enum status st;

    if (o->r->options->target != NULL)
        named = span_of(o->r->options->target);
    if (named.n == 0 && o->r->options->resource_id == NULL) {
        import_walk_fault(
            &o->w, 0,
            "no cluster is named (cloud.account.uid, unmapped.provider_uid): give its "
            "name as target");
        return ST_INVALID;
    }
    import_name(named, cluster);
    snprintf(text, sizeof text, "%.*s/%.*s/%.*s", (int)(space.n < 200 ? space.n : 200), space.p,
             (int)(type.n < 200 ? type.n : 200), type.p, (int)(own.n < 250 ? own.n : 250), own.p);
    import_name(span_of(text), name);
    st = import_resource(o->r, &scope, "Microsoft.Kubernetes/connectedClusters/%s", cluster);
    if (st != ST_OK)
        return st;
    memcpy(v->scope, scope.id, sizeof v->scope);
    return import_resource(o->r, &v->at, "Microsoft.Kubernetes/connectedClusters/%s/workloads/%s",
                           cluster, name);
}

/* ST_END: it is about nothing that can be named, and asks a person. */
static enum status
view_resource(struct ocsf *o, struct view *v)
{
    struct span host = import_tree_text_in(v->tree, "device", "hostname");
    enum status st;

    snprintf(v->at.native, sizeof v->at.native, "%.*s", (int)(v->uid.n < 1000 ? v->uid.n : 1000),
             v->uid.p);
    if (import_word_is(v->provider, "azure"))
        return azure_resource(o, v);
    if (import_word_is(v->provider, "kubernetes"))
        return cluster_resource(o, v);
    if (v->account.n > 0)
        return cloud_resource(o, v);
    if (host.n == 0 && o->r->options->target == NULL && o->r->options->resource_id == NULL) {
        if (v->code == CODE_NOT_APPLICABLE)
            return ST_END;
        import_walk_fault(
            &o->w, 0,
            "neither cloud.account.uid nor device.hostname says what was scanned: give "
            "its name as target, or a resource id");
        return ST_INVALID;
    }
    st = import_machine(o->r, &v->at, host);
    if (st == ST_OK)
        memcpy(v->scope, v->at.id, sizeof v->scope);
    return st;
}

static struct span
provider_of(const struct view *v)
{
    struct span provider = first_of(import_tree_text_in(v->tree, "cloud", "provider"),
                                    import_tree_text_in(v->tree, "unmapped", "provider"));

    if (provider.n == 0)
        provider = import_tree_text(json_object_get(json_object_get(v->tree, "unmapped"), "cloud"),
                                    "provider");
    if (provider.n == 0 && import_tree_text(v->resource, "namespace").n > 0)
        provider = SPAN_LITERAL("kubernetes");
    return provider;
}

static enum status
view_make(struct ocsf *o, const json_t *tree, struct view *v)
{
    const json_t *metadata = json_object_get(tree, "metadata"),
                 *info = json_object_get(tree, "finding_info");
    const json_t *product = json_object_get(metadata, "product"), *check = first_check(tree);
    const json_t *cloud = json_object_get(tree, "cloud");
    const json_t *standard =
        json_array_get(json_object_get(json_object_get(tree, "compliance"), "standards"), 0);
    char provider[NAME_SIZE];

    *v = (struct view){.tree = tree,
                       .resource = json_array_get(json_object_get(tree, "resources"), 0)};
    if (cloud == NULL)
        cloud = json_object_get(json_object_get(tree, "unmapped"), "cloud");
    v->title = first_of(import_tree_text(check, "name"), import_tree_text(info, "title"));
    v->description = first_of(import_tree_text(check, "desc"), import_tree_text(info, "desc"));
    v->check = first_of(import_tree_text(metadata, "event_code"), import_tree_text(check, "uid"));
    v->check = first_of(v->check, import_tree_text_in(info, "analytic", "uid"));
    v->check = first_of(v->check, v->title);
    v->detail =
        first_of(import_tree_text(tree, "status_detail"), import_tree_text(tree, "message"));
    v->account = import_tree_text_in(cloud, "account", "uid");
    v->region =
        first_of(import_tree_text(v->resource, "region"), import_tree_text(cloud, "region"));
    v->uid = first_of(import_tree_text(v->resource, "uid"), import_tree_text(v->resource, "name"));
    v->provider = provider_of(v);
    v->severity = severity_of(tree);
    view_state(v);
    if (v->check.n == 0) {
        import_walk_fault(&o->w, 0,
                          "metadata.event_code and finding_info.title are both missing: this is no "
                          "OCSF finding");
        return ST_INVALID;
    }
    lower_name(first_of(import_tree_text(product, "uid"),
                        first_of(import_tree_text(product, "name"), span_of("ocsf"))),
               v->product);
    lower_name(first_of(v->provider, span_of("host")), provider);
    if (json_is_string(standard))
        import_name(span_of(json_string_value(standard)), v->standard);
    import_producer(o->r, v->producer, "%.100s/%.100s%s%.100s", v->product, provider,
                    v->standard[0] != '\0' ? "/" : "", v->standard);
    import_key(
        o->r,
        (struct span[]){SPAN_LITERAL("ocsf"), span_of(v->product), span_of(v->standard), v->check},
        4, v->key, NULL);
    return view_resource(o, v);
}

/* ---- documents ---- */

/* What the check is about, by the service's name. */
static const struct {
    const char *word, *category;
} services[] = {
    {"iam",      "IdentityAndAccess"},
    {"entra",    "IdentityAndAccess"},
    {"cognito",  "IdentityAndAccess"},
    {"rbac",     "IdentityAndAccess"},
    {"s3",       "Data"             },
    {"storage",  "Data"             },
    {"sql",      "Data"             },
    {"rds",      "Data"             },
    {"dynamo",   "Data"             },
    {"kms",      "Data"             },
    {"vault",    "Data"             },
    {"database", "Data"             },
    {"vpc",      "Networking"       },
    {"network",  "Networking"       },
    {"elb",      "Networking"       },
    {"dns",      "Networking"       },
    {"route53",  "Networking"       },
    {"app",      "AppServices"      },
    {"lambda",   "AppServices"      },
    {"iot",      "IoT"              },
};

static const char *
category_of(struct span service)
{
    for (size_t i = 0; i < COUNT_OF(services); i++)
        if (service.n > 0 && strcasestr(service.p, services[i].word) != NULL)
            return services[i].category;
    return "Compute";
}

/* "CIS-3.0: 2.1.14; ENS-RD2022: op.mon.3" */
static void
compliance_text(const json_t *tree, char *out, size_t room)
{
    json_t *all = json_object_get(json_object_get(tree, "unmapped"), "compliance"), *list, *item;
    const char *name;
    size_t n = 0, i;

    out[0] = '\0';
    json_object_foreach(all, name, list)
    {
        n += (size_t)snprintf(out + n, room - n, "%s%s:", n > 0 ? "; " : "", name);
        if (n >= room)
            return;
        json_array_foreach(list, i, item)
        {
            n += (size_t)snprintf(out + n, room - n, " %s",
                                  json_is_string(item) ? json_string_value(item) : "");
            if (n >= room)
                return;
        }
    }
}

static void
put_data(struct ocsf *o, const struct view *v)
{
    struct line *l = &o->r->line;
    char compliance[2000];

    import_line_string(l, "scanner", v->product);
    import_line_text(l, "scannerSeverity", v->severity, 32);
    import_line_text(l, "check", v->check, 500);
    import_line_text(l, "provider", v->provider, 100);
    import_line_text(l, "account", v->account, 300);
    import_line_text(l, "region", v->region, 100);
    import_line_text(l, "service", import_tree_text_in(v->resource, "group", "name"), 200);
    import_line_text(l, "resourceType", import_tree_text(v->resource, "type"), 200);
    import_line_string(l, "standard", v->standard);
    compliance_text(v->tree, compliance, sizeof compliance);
    import_line_string(l, "compliance", compliance);
}

static void
remediation_text(const json_t *tree, char *out, size_t room)
{
    const json_t *remediation = json_object_get(tree, "remediation");
    const json_t *link = json_array_get(json_object_get(remediation, "references"), 0);
    struct span text = import_tree_text(remediation, "desc");

    snprintf(out, room, "%.*s%s%s", (int)(text.n < room - 600 ? text.n : room - 600), text.p,
             text.n > 0 && json_is_string(link) ? "\n" : "",
             json_is_string(link) && json_string_length(link) < 500 ? json_string_value(link) : "");
}

static enum status
write_finding(struct ocsf *o, const struct view *v, const struct import_recommendation *m)
{
    struct span own = import_tree_text_in(v->tree, "finding_info", "uid");
    struct span parts[4] = {SPAN_LITERAL("ocsf"), span_of(m->key), first_of(own, v->detail),
                            v->uid};
    unsigned char digest[16];
    char key[KEY_SIZE], ignored[KEY_SIZE], lower[ARM_ID_MAX + 1];
    struct seen_slot *slot;

    import_key(o->r, parts, 4, key, NULL);
    import_key(o->r, (struct span[]){import_lower(span_of(v->at.id), lower), span_of(key)}, 2,
               ignored, digest);
    slot = import_seen_at(&o->findings, digest, "findings", o->r->err);
    if (slot == NULL)
        return ST_FULL;
    if (slot->count++ > 0) {
        o->r->summary->ignored_count++;
        return ST_OK;
    }

    struct import_finding f = {
        .key = key,
        .id = v->check,
        .display_name = first_of(v->detail, v->title),
        .description = v->description,
        .remediation = m->remediation,
        .impact = import_tree_text(v->tree, "risk_details"),
        .category = m->category,
        .severity = m->severity,
        .state = {v->code, v->cause, v->detail},
        .assessed = "GeneralVulnerability",
    };

    import_finding_begin(o->r, &v->at, m, &f);
    put_data(o, v);
    return import_end(o->r);
}

static enum status
write_view(struct ocsf *o, const struct view *v, struct seen_slot *pair)
{
    struct span risk = import_tree_text(v->tree, "risk_details");
    char *description = malloc(3 * (size_t)IMPORT_TEXT_MAX), *remediation;
    bool is_one = pair->count == 1, is_given = (pair->note & IS_GIVEN) != 0;
    enum status st = ST_OK;

    if (description == NULL)
        return err_set(o->r->err, ST_IO, "%s: no memory for a finding", o->r->in->name);
    remediation = description + 2 * (size_t)IMPORT_TEXT_MAX;
    remediation_text(v->tree, remediation, IMPORT_TEXT_MAX);
    snprintf(description, 2 * (size_t)IMPORT_TEXT_MAX, "%s%s%s", v->description.p,
             v->description.n > 0 && risk.n > 0 ? "\n\n" : "", risk.p);

    struct import_recommendation m = {
        .producer = v->producer,
        .key = v->key,
        .display_name = first_of(v->title, v->check),
        .description = span_of(description),
        .remediation = span_of(remediation),
        .severity = import_severity(v->severity),
        .category = category_of(import_tree_text_in(v->resource, "group", "name")),
    };
    struct import_state state = {(int)(pair->note & CODE_MASK), NULL, {0}};

    if (is_one && v->code != CODE_HEALTHY)
        state = (struct import_state){v->code, v->cause, v->detail};
    if (!is_given) {
        pair->note |= IS_GIVEN;
        st = import_metadata(o->r, &v->at, &m);
        if (st == ST_OK) {
            import_assessment_begin(o->r, &v->at, &m, &state);
            put_data(o, v);
            st = import_end(o->r);
        }
        if (st == ST_OK)
            st = import_scope(o->r, v->producer, "%s", v->scope);
    }
    if (st == ST_OK && !is_one && v->code == CODE_UNHEALTHY)
        st = write_finding(o, v, &m);
    free(description);
    return st;
}

/* ---- the walk ---- */

static void
note_time(struct ocsf *o, const json_t *tree)
{
    struct import_summary *s = o->r->summary;
    struct span time = import_tree_text(tree, "time_dt");

    if (time.n > 0 && time.n < sizeof s->scan_time && strcmp(time.p, s->scan_time) > 0)
        snprintf(s->scan_time, sizeof s->scan_time, "%s", time.p);
}

static enum status
finding(struct ocsf *o, const json_t *tree)
{
    struct view *v = malloc(sizeof *v);
    struct seen_slot *slot;
    unsigned char digest[16];
    char key[KEY_SIZE], lower[ARM_ID_MAX + 1];
    enum status st;

    if (v == NULL)
        return err_set(o->r->err, ST_IO, "%s: no memory for a finding", o->r->in->name);
    st = view_make(o, tree, v);
    if (st != ST_OK) {
        o->r->summary->ignored_count += st == ST_END && o->is_second;
        free(v);
        return st == ST_END ? ST_OK : st;
    }
    note_time(o, tree);
    import_key(o->r, (struct span[]){import_lower(span_of(v->at.id), lower), span_of(v->key)}, 2,
               key, digest);
    slot = import_seen_at(&o->pairs, digest, "assessments", o->r->err);
    if (slot == NULL) {
        st = ST_FULL;
    } else if (o->is_second) {
        st = slot->count == 0 ? err_set(o->r->err, ST_INVALID,
                                        "%s: the file changed while it was read: "
                                        "load it again",
                                        o->r->in->name)
                              : write_view(o, v, slot);
    } else {
        slot->count++;
        if ((uint32_t)v->code > slot->note)
            slot->note = (uint32_t)v->code;
    }
    free(v);
    return st;
}

static bool
one(struct ocsf *o)
{
    json_t *tree;
    enum status st;

    snprintf(o->w.path, sizeof o->w.path, "finding %llu", (unsigned long long)++o->count);
    tree = import_walk_tree(&o->w, JSON_OBJECT, "a finding (an object)");
    if (tree == NULL)
        return false;
    st = finding(o, tree);
    if (o->w.st == ST_OK)
        o->w.st = st;
    json_decref(tree);
    return o->w.st == ST_OK;
}

static enum status
pass(struct ocsf *o)
{
    struct walk *w = &o->w;
    struct walk_list list = {0};

    o->count = 0;
    if (!import_walk_open(w, o->r))
        return w->st;
    if (import_walk_peek(w) == '[') {
        bool is_fine = import_walk_enter(w, '[');

        while (is_fine && import_walk_element(w, &list))
            is_fine = one(o);
        if (w->st == ST_OK && import_walk_peek(w) >= 0)
            import_walk_fault(w, import_walk_place(w),
                              "something stands behind the array: give one report a file");
    } else {
        while (import_walk_record(w) && one(o))
            ;
        if (w->st == ST_OK && o->count == 0)
            import_walk_fault(w, import_walk_place(w), "holds no finding, not even an empty array");
    }
    import_walk_close(w);
    return w->st;
}

enum status
ocsf_run(struct import_run *r)
{
    struct ocsf o = {.r = r};
    enum status st = pass(&o);

    o.is_second = true;
    if (st == ST_OK)
        st = r->in->rewind(r->in->context, r->err);
    if (st == ST_OK)
        st = pass(&o);
    import_seen_free(&o.pairs);
    import_seen_free(&o.findings);
    return st;
}
