/* import_test.c - the importers against reports of each kind: what comes of a sample, that the same state is the same
 * bytes, what is covered, and what each fault is called. With file names as arguments (the output of real scanners, see
 * test/e2e) it checks those in place of its tables, and says what came of them. */
#include "base/file.h"
#include "base/test.h"
#include "posture/import_play.h"
#include <fcntl.h>
#include <unistd.h>

#define SEEDS "src/posture/import_"
#define RG "/subscriptions/" PLAY_SUBSCRIPTION "/resourceGroups/rg/providers/"

static const struct import_options plain = {.subscription = PLAY_SUBSCRIPTION,
                                            .resource_group = "rg"};
static const struct import_options on_web = {
    .subscription = PLAY_SUBSCRIPTION, .resource_group = "rg", .target = "web-01"};
static const struct import_options everything = {.subscription = PLAY_SUBSCRIPTION,
                                                 .resource_group = "rg",
                                                 .target = "web-01",
                                                 .cover = IMPORT_COVER_ALL};
static const struct import_options nothing = {.subscription = PLAY_SUBSCRIPTION,
                                              .resource_group = "rg",
                                              .target = "web-01",
                                              .cover = IMPORT_COVER_NONE};
static const struct import_options fixed = {.subscription = PLAY_SUBSCRIPTION,
                                            .resource_id = "/subscriptions/" PLAY_SUBSCRIPTION
                                                           "/resourceGroups/x/providers/A.B/c/d",
                                            .part = "nightly"};

/* ---- samples ---- */

/* clang-format off */
static const struct sample {
    const char *name, *file;
    const struct import_options *options;
    unsigned metadata, assessments, findings, scopes, ignored;
    const char *has[8]; /* in the text that came back */
    const char *lacks[3];
} samples[] = {
    {"an image",
     SEEDS "trivy_fuzz/image.json",
     &plain,
     1,  1,
     4,  1,
     2, {RG
      "Microsoft.ContainerRegistry/registries/registry.penstock.example~5000/images/team~web~1.4/",
      "\"displayName\":\"Container images should have the vulnerabilities that Trivy finds "
      "resolved\"",
      "\"code\":\"Unhealthy\",\"severity\":\"High\"},\"remediation\":\"Update libsample from "
      "1.0.0-r0 to "
      "1.0.1-r0.\"",
      "\"cvss\":{\"3.1\":{\"base\":9.8,",
      "\\\"libsample\\\" < 1.0.1.\\nSecond line, with caf\xc3\xa9.",
      "\"scannerSeverity\":\"UNKNOWN\"",
      "\"assessedResourceType\":\"ContainerRegistryVulnerability\"", "SCOPE trivy /"},
     {"2026-05-12", "2026-05-02", "sha256"}         },
    {"an image, all kinds covered",
     SEEDS "trivy_fuzz/image.json",
     &everything,
     3,  3,
     4,  3,
     2, {"\"code\":\"Healthy\"", "have the secrets that Trivy"},
     {0}                                            },
    {"a folder of one machine",
     SEEDS "trivy_fuzz/config.json",
     &on_web,
     1,  1,
     3,  1,
     1, {RG "Microsoft.HybridCompute/machines/web-01/", "resolved: deploy\"",
      "\"source\":\"OnPremise\"", "\"machineName\":\"web-01\"", "\"id\":\"AVD-SMP-0001\"",
      "\"id\":\"SMP-0002\"", "\"startLine\":20", "Set 'allowPrivilegeEscalation' to false."},
     {"A check that passed", "name: web"}           },
    {"a repository's secrets",
     SEEDS "trivy_fuzz/secret.json",
     &plain,
     1,  1,
     2,  1,
     0, {RG "Microsoft.SecurityDevOps/gitHubConnectors/penstock-example/repos/shop/",
      "\"displayName\":\"AWS Access Key ID in deploy.sh\"", "\"startLine\":9"},
     {"in-clear", "AWS_ACCESS", "****"}             },
    {"a cluster",
     SEEDS "trivy_fuzz/k8s.json",
     &plain,
     2,  2,
     1,  2,
     0, {RG "Microsoft.Kubernetes/connectedClusters/prod/workloads/shop~Deployment~web/",
      "shop~Deployment~cart/", "\"status\":{\"code\":\"Healthy\"}"},
     {0}                                            },
    {"a resource that is told",
     SEEDS "trivy_fuzz/k8s.json",
     &fixed,
     2,  2,
     1,  2,
     0, {"/resourceGroups/x/providers/A.B/c/d/providers/Microsoft.Security/assessments/",
      "SCOPE trivy#nightly /"},
     {"Kubernetes/"}                                },
    {"XCCDF results",
     SEEDS "openscap_fuzz/xccdf.xml",
     &plain,
     5,  5,
     0,  1,
     0, {RG "Microsoft.HybridCompute/machines/web-01/",
      "\"displayName\":\"The system is a Windows & no Unix\",\"status\":{\"code\":\"Unhealthy\"}",
      "\"status\":{\"code\":\"NotApplicable\",\"cause\":\"NotChecked\",\"description\":\"No "
      "candidate or "
      "applicable check found.\"}",
      "reinstall --as windows", "not wanted here.\\n\\nThe sample needs a rule that passes.",
      "\"severity\":\"High\"", "\"identifier\":\"PSTK-0002\"",
      "SCOPE "
      "openscap/xccdf_example.penstock_benchmark_sample/xccdf_example.penstock_profile_all " RG
      "Microsoft.HybridCompute/machines/web-01\n"},
     {"Nobody asked", "not for a person", "2026-11"}},
    {"an ARF collection",
     SEEDS "openscap_fuzz/arf.xml",
     &plain,
     5,  5,
     0,  1,
     0, {"\"displayName\":\"The mainframe is "
      "locked\",\"status\":{\"code\":\"NotApplicable\",\"cause\":"
      "\"NotApplicable\"}"},
     {0}                                            },
    {"an audit of Lynis",
     SEEDS "lynis_fuzz/lynis-report.dat",
     &plain,
     10, 10,
     12, 1,
     3, {RG "Microsoft.HybridCompute/machines/web-01/",
      "\"displayName\":\"Users and authentication: Lynis test AUTH-9286 should find nothing to "
      "mend\"",
      "\"displayName\":\"sshd X11Forwarding is YES and should be NO\"",
      "\"displayName\":\"The package libsample2 has a known vulnerability\"",
      "\"remediation\":\"Run apt-get upgrade\"", "https://wiki.penstock.example/CUST-0001",
      "\"status\":{\"code\":\"Healthy\"},\"additionalData\":{\"scanner\":\"lynis\",\"test\":\"KRNL-"
      "5820\"}",
      "SCOPE lynis " RG "Microsoft.HybridCompute/machines/web-01\n"},
     {"MALW-3288", "2026-05", "somebody looks"}     },
    {"a run that covers nothing",
     SEEDS "lynis_fuzz/lynis-report.dat",
     &nothing,
     10, 10,
     12, 0,
     3, {0},
     {"SCOPE"}                                      },
    {"Prowler on AWS",
     SEEDS "ocsf_fuzz/aws.json",
     &plain,
     2,  3,
     1,  2,
     0, {RG "Microsoft.HybridConnectivity/publicCloudConnectors/aws-123456789012/regions/eu-west-1/"
         "resources/"
         "arn~aws~s3~~~penstock-logs/",
      "\"displayName\":\"Buckets are not open to the public\",\"status\":{\"code\":\"Healthy\"}",
      "\"status\":{\"code\":\"NotApplicable\",\"cause\":\"Exempt\",\"description\":\"User deploy "
      "has an old "
      "key.\"}",
      "\"displayName\":\"Key 1 of user ci was not rotated in 120 days.\"",
      "\"compliance\":\"CIS-3.0: 2.1.4; SOC2: cc_6_1\"", "Everybody can read what is in it.",
      "\"categories\":[\"IdentityAndAccess\"]",
      "SCOPE prowler/aws " RG
      "Microsoft.HybridConnectivity/publicCloudConnectors/aws-123456789012/regions/us-east-1\n"},
     {"2026-05-12", "scan_id", "Key 2"}             },
    {"Prowler on AWS, whole accounts",
     SEEDS "ocsf_fuzz/aws.json",
     &everything,
     2,  3,
     1,  1,
     0, {"publicCloudConnectors/aws-123456789012\n"},
     {0}                                            },
    {"Prowler on Azure",
     SEEDS "ocsf_fuzz/azure.ndjson",
     &plain,
     3,  3,
     0,  2,
     0, {"{\"id\":\"/subscriptions/5b2f8c10-0a4d-4e6b-9c31-8d7e6f5a4b3c/providers/Microsoft.Security/"
      "assessments/",
      "\"id\":\"/subscriptions/5b2f8c10-0a4d-4e6b-9c31-8d7e6f5a4b3c/resourceGroups/rg/providers/"
      "Microsoft.Storage/storageAccounts/"
      "st\",\"resourceName\":\"st\",\"resourceType\":\"storageAccounts\","
      "\"resourceProvider\":\"Microsoft.Storage\"",
      "{\"id\":\"/subscriptions/" PLAY_SUBSCRIPTION "/providers/Microsoft.Security/assessments/",
      "\"cause\":\"Manual\"",
      "SCOPE prowler/azure /subscriptions/5b2f8c10-0a4d-4e6b-9c31-8d7e6f5a4b3c\n"},
     {"/subscriptions/7c1e0b54"}                    },
    {"other writers of OCSF",
     SEEDS "ocsf_fuzz/other.ndjson",
     &plain,
     2,  2,
     0,  2,
     0, {RG "Microsoft.Kubernetes/connectedClusters/prod/workloads/kube-system~Pod~kube-apiserver/",
      "SCOPE prowler/kubernetes/CIS-1.10 ", "\"displayName\":\"Images are pulled\"",
      RG "Microsoft.HybridCompute/machines/db-01", "SCOPE some-audit/host/rules "},
     {0}                                            },
};
/* clang-format on */

static void
test_sample(const struct sample *s)
{
    char *text;
    size_t size;
    struct err err = {""};
    struct play p, again, single;

    if (file_read(s->file, 1 << 20, &text, &size, &err) != ST_OK) {
        CHECK(false, "%s: %s", s->name, err.text);
        return;
    }
    play_run(&p, NULL, (struct span){text, size}, 0, s->options);
    play_run(&again, NULL, (struct span){text, size}, 0, s->options);
    play_run(&single, NULL, (struct span){text, size}, 1, s->options);
    CHECK(p.st == ST_OK && p.why[0] == '\0', "%s: %d %s%s", s->name, p.st, p.err.text, p.why);
    CHECK(strcmp(p.text, again.text) == 0 && strcmp(p.text, single.text) == 0,
          "%s: not the same bytes", s->name);
    CHECK(p.summary.metadata_count == s->metadata && p.summary.assessment_count == s->assessments &&
              p.summary.finding_count == s->findings && p.summary.scope_count == s->scopes &&
              p.summary.ignored_count == s->ignored,
          "%s: %llu metadata, %llu assessments, %llu findings, %llu scopes, %llu ignored", s->name,
          (unsigned long long)p.summary.metadata_count,
          (unsigned long long)p.summary.assessment_count,
          (unsigned long long)p.summary.finding_count, (unsigned long long)p.summary.scope_count,
          (unsigned long long)p.summary.ignored_count);
    for (size_t i = 0; i < COUNT_OF(s->has) && s->has[i] != NULL; i++)
        CHECK(strstr(p.text, s->has[i]) != NULL, "%s: lacks %s", s->name, s->has[i]);
    for (size_t i = 0; i < COUNT_OF(s->lacks) && s->lacks[i] != NULL; i++)
        CHECK(strstr(p.text, s->lacks[i]) == NULL, "%s: has %s", s->name, s->lacks[i]);
    play_free(&p);
    play_free(&again);
    play_free(&single);
    free(text);
}

/* A report that ends early is a fault at any byte, and never says that something is covered. */
static void
test_cut(const char *file, const char *kind)
{
    char *text;
    size_t size, faults = 0, cuts = 0, scopes = 0;
    struct err err = {""};

    if (file_read(file, 1 << 20, &text, &size, &err) != ST_OK) {
        CHECK(false, "%s", err.text);
        return;
    }
    while (size > 0 && text[size - 1] == '\n')
        size--;
    for (size_t n = 0; n < size; n += 1 + size / 400) {
        struct play p;

        play_run(&p, kind, (struct span){text, n}, 0, &on_web);
        cuts++;
        faults += p.st == ST_INVALID;
        scopes += p.summary.scope_count;
        CHECK(p.why[0] == '\0', "%s cut at %zu: %s", file, n, p.why);
        play_free(&p);
    }
    CHECK(scopes == 0, "%s: cut, and covers %zu", file, scopes);
    if (strcmp(kind, "lynis") != 0) /* lines: what stands there is good */
        CHECK(faults == cuts, "%s: %zu of %zu cuts are faults", file, faults, cuts);
    free(text);
}

/* ---- faults ---- */

#define XCCDF "xmlns='http://checklists.nist.gov/xccdf/1.2'"
#define RESULT(inner) "<TestResult " XCCDF ">" inner "</TestResult>"

static const struct import_options no_subscription = {.resource_group = "rg"};
static const struct import_options no_group = {.subscription = PLAY_SUBSCRIPTION};
static const struct import_options bad_group = {.subscription = PLAY_SUBSCRIPTION,
                                                .resource_group = "a/b"};
static const struct import_options bad_id = {.subscription = PLAY_SUBSCRIPTION,
                                             .resource_id = "web"};
static const struct import_options bad_end = {.subscription = PLAY_SUBSCRIPTION,
                                              .resource_id = "/subscriptions/x/"};

#define FAULT(name, kind, report, options, ...)                                                    \
    {                                                                                              \
        name, kind, report, options, ST_INVALID,                                                   \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define FINE(name, kind, report, options)                                                          \
    {                                                                                              \
        name, kind, report, options, ST_OK,                                                        \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }
static const struct fault {
    const char *name, *kind, *report;
    const struct import_options *options;
    enum status st;
    const char *says[3];
} faults[] = {
    FAULT("empty", NULL, "", &plain, "empty"),
    FAULT("something else", NULL, "hello", &plain, "report: byte 0", "Trivy"),
    FAULT("gzip", NULL, "\x1f\x8b\x08", &plain, "gzip", "unpack"),
    FAULT("UTF-16", NULL, "\xff\xfe{", &plain, "UTF-16"),
    FAULT("no subscription", "lynis", "a=b\n", &no_subscription, "subscription", "GUID"),
    FAULT("no resource group", "lynis", "a=b\n", &no_group, "resource group"),
    FAULT("a bad resource group", "lynis", "a=b\n", &bad_group, "resource group", "a/b"),
    FAULT("a bad resource id", "lynis", "a=b\n", &bad_id, "resource id", "'web'"),
    FAULT("a slash at its end", "lynis", "a=b\n", &bad_end, "resource id"),

    FAULT("Trivy: version 1", "trivy", "[{\"Target\":\"x\"}]", &plain, "schema version 1"),
    FAULT("Trivy: nothing", "trivy", "{}", &plain, "ArtifactName is missing"),
    FAULT("Trivy: no place", "trivy",
          "{\"ArtifactName\":\".\",\"ArtifactType\":\"filesystem\",\"Results\":[{\"Target\":\"a\","
          "\"Class\":\"config\","
          "\"Misconfigurations\":[]}]}",
          &plain, "'.' does not say on which machine", "target"),
    FAULT("Trivy: results first", "trivy",
          "{\"Results\":[{\"Target\":\"a\",\"Secrets\":[]}],\"ArtifactName\":\"a\"}", &plain,
          "Results[0]", "ArtifactName does not stand before"),
    FAULT("Trivy: target last", "trivy",
          "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{"
          "\"Secrets\":[],\"Target\":\"a\"}]}",
          &plain, "byte 77: Results[0]: Target does not stand before Secrets"),
    FAULT("Trivy: no id", "trivy",
          "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Target\":"
          "\"a\","
          "\"Vulnerabilities\":[{\"PkgName\":\"p\"}]}]}",
          &plain, "byte 99: Results[0].Vulnerabilities[0]: VulnerabilityID is missing"),
    FAULT("Trivy: not an object", "trivy",
          "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Target\":"
          "\"a\","
          "\"Secrets\":[7]}]}",
          &plain, "Results[0].Secrets[0]", "where an object belongs"),
    FAULT("Trivy: bad JSON in a finding", "trivy",
          "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Target\":"
          "\"a\","
          "\"Secrets\":[{\"RuleID\":01}]}]}",
          &plain, "Secrets[0]", "not valid JSON"),
    FAULT("Trivy: brackets do not match", "trivy", "{\"ArtifactName\":\"a\",\"x\":[}", &plain,
          "byte 25: x: '}' stands where a value belongs"),
    FAULT("Trivy: two reports", "trivy", "{\"ArtifactName\":\"a\"}{}", &plain, "one report a file"),

    FAULT("XML: a document type", "openscap", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", &plain,
          "line 1: a document type"),
    FAULT("XML: no results", "openscap", "<Benchmark " XCCDF "/>", &plain, "no TestResult"),
    FAULT("XML: broken", "openscap", "<a><b></a>", &plain, "byte 8", "mismatched tag"),
    FAULT("XML: no target", "openscap", RESULT(""), &plain, "target is missing"),
    FAULT("XML: a result nobody knows", "openscap",
          RESULT("<target>w</target><rule-result idref='r'><result>maybe</result></rule-result>"),
          &plain, "rule-result r: result is 'maybe'"),
    FAULT("XML: no rule", "openscap", RESULT("<rule-result/>"), &plain, "idref is missing"),

    FAULT("Lynis: no lines", "lynis", "# Lynis Report\n", &plain, "no line is key=value"),
    FAULT("Lynis: no host", "lynis", "a=b\nsuggestion[]=A-1|x|-|-|\n", &plain,
          "byte 4: line 2: no hostname="),
    FAULT("Lynis: no test", "lynis", "hostname=h\nwarning[]=|x|\n", &plain, "line 2", "AUTH-9286"),

    FAULT("OCSF: no finding", "ocsf", "[{\"class_uid\":2004}]", &plain,
          "byte 1: finding 1: metadata.event_code"),
    FAULT("OCSF: no place", "ocsf",
          "{\"metadata\":{\"event_code\":\"c\"},\"status_code\":\"FAIL\"}", &plain, "finding 1",
          "cloud.account.uid", "target"),
    FAULT("OCSF: no cluster", "ocsf",
          "{\"metadata\":{\"event_code\":\"c\"},\"resources\":[{\"namespace\":\"n\"}]}", &plain,
          "finding 1", "target"),
    FAULT("OCSF: not an object", "ocsf", "[1]", &plain, "finding 1", "object"),
    FAULT("OCSF: more behind the array", "ocsf", "[] x", &plain, "one report a file"),
    FINE("OCSF: an array of nothing is fine", NULL, "[ ]", &plain),
};

static void
test_fault(const struct fault *f)
{
    struct play p;

    play_run(&p, f->kind, span_of(f->report), 0, f->options);
    CHECK(p.st == f->st && p.why[0] == '\0', "%s: %d %s%s", f->name, p.st, p.err.text, p.why);
    for (size_t i = 0; i < COUNT_OF(f->says) && f->says[i] != NULL; i++)
        CHECK(strstr(p.err.text, f->says[i]) != NULL, "%s: '%s' does not say %s", f->name,
              p.err.text, f->says[i]);
    CHECK(p.summary.scope_count == 0, "%s: covers something", f->name);
    play_free(&p);
}

/* ---- what stays and what changes ---- */

#define SAME(name, kind, before, after)                                                            \
    {                                                                                              \
        name, kind, before, after, true                                                            \
    }
#define OTHER(name, kind, before, after)                                                           \
    {                                                                                              \
        name, kind, before, after, false                                                           \
    }
static const struct pair {
    const char *name, *kind, *before, *after;
    bool is_same; /* the ids that come of them */
} pairs[] = {
    SAME("Lynis: a number in a text is no other finding", "lynis",
         "hostname=h\nsuggestion[]=FILE-6354|Check 20 files|-|-|\n",
         "hostname=h\nsuggestion[]=FILE-6354|Check 3141 files|-|-|\n"),
    OTHER("Lynis: another text is", "lynis", "hostname=h\nsuggestion[]=A-1|one|-|-|\n",
          "hostname=h\nsuggestion[]=A-1|two|-|-|\n"),
    OTHER("Lynis: fields that differ by a number are two", "lynis",
          "hostname=h\ndetails[]=A-1|s|field:tcp4;value:1;|\n",
          "hostname=h\ndetails[]=A-1|s|field:tcp6;value:1;|\n"),
    SAME("Trivy: a line number is no other finding", "trivy",
         "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Target\":"
         "\"f\",\"Secrets\":["
         "{\"RuleID\":\"r\",\"StartLine\":1}]}]}",
         "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Target\":"
         "\"f\",\"Secrets\":["
         "{\"RuleID\":\"r\",\"StartLine\":7}]}]}"),
    OTHER("Trivy: an image's tag is another image", "trivy",
          "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Class\":"
          "\"os-pkgs\"}]}",
          "{\"ArtifactName\":\"a:2\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Class\":"
          "\"os-pkgs\"}]}"),
    SAME("Trivy: Docker's defaults are said or not", "trivy",
         "{\"ArtifactName\":\"a\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Class\":"
         "\"os-pkgs\"}]}",
         "{\"ArtifactName\":\"docker.io/library/"
         "a:latest\",\"ArtifactType\":\"container_image\",\"Results\":[{\"Class\":"
         "\"os-pkgs\"}]}"),
};

/* The ids of all documents, one a line. */
static char *
ids_of(const struct play *p)
{
    char *out = calloc(1, p->size + 1), *to = out;

    for (const char *at = p->text; (at = strstr(at, "{\"id\":\"")) != NULL; at++) {
        const char *end = strstr(at, "\",\"properties\"");
        size_t n = end == NULL ? 0 : (size_t)(end - at);

        if (at != p->text && at[-1] != '\n')
            continue;
        memcpy(to, at, n);
        to += n;
        *to++ = '\n';
    }
    return out;
}

static void
test_pair(const struct pair *x)
{
    struct play before, after;
    char *ids[2];

    play_run(&before, x->kind, span_of(x->before), 0, &plain);
    play_run(&after, x->kind, span_of(x->after), 0, &plain);
    ids[0] = ids_of(&before);
    ids[1] = ids_of(&after);
    CHECK(before.st == ST_OK && after.st == ST_OK && ids[0][0] != '\0', "%s: %s%s", x->name,
          before.err.text, after.err.text);
    CHECK((strcmp(ids[0], ids[1]) == 0) == x->is_same, "%s:\n%s%s", x->name, ids[0], ids[1]);
    free(ids[0]);
    free(ids[1]);
    play_free(&before);
    play_free(&after);
}

/* Rows that need a report longer than a literal. */
static void
test_worst(void)
{
    static const char report[] =
        "<TestResult " XCCDF "><target>w</target>"
        "<rule-result idref='r' severity='low'><result>pass</result></rule-result>"
        "<rule-result idref='r' severity='high'><result>fail</result><message>m</message>"
        "<instance>/dev/sda</instance></rule-result>"
        "<rule-result idref='r'><result>notapplicable</result></rule-result></TestResult>";
    struct play p;

    play_run(&p, NULL, span_of(report), 0, &plain);
    CHECK(p.st == ST_OK && p.summary.assessment_count == 1 &&
              strstr(p.text, "\"Unhealthy\",\"description\":\"m; /dev/sda\"") != NULL,
          "the worst of several results: %s%s", p.err.text, p.text);
    play_free(&p);
}

/* One resource in two spellings is one; what no JSON reader takes does not come out. */
static void
test_spellings(void)
{
#define OPEN(group, uid)                                                                           \
    "{\"metadata\":{\"event_code\":\"open\",\"product\":{\"uid\":\"prowler\"}},\"status_code\":"   \
    "\"FAIL\","                                                                                    \
    "\"finding_info\":{\"title\":\"t\",\"uid\":\"" uid "\"},\"cloud\":{\"provider\":\"azure\"},"   \
    "\"resources\":[{\"uid\":\"/subscriptions/" PLAY_SUBSCRIPTION "/" group                        \
    "/rg/providers/Microsoft.Storage/storageAccounts/st\"}]}"
    static const char report[] = OPEN("resourceGroups", "one") "\n" OPEN("RESOURCEGROUPS", "two"),
                      odd[] = "hostname=h\nwarning[]=A-1|a\0b \xff c|-|-|\n",
                      odd_name[] = "hostname=h\nwarning[]=A\0b|c|-|-|\n";
    struct play p;

    play_run(&p, "ocsf", SPAN_LITERAL(report), 0, &plain);
    CHECK(p.st == ST_OK && p.why[0] == '\0' && p.summary.assessment_count == 1 &&
              p.summary.finding_count == 2,
          "ids in two spellings: %s%s%s", p.err.text, p.why, p.text);
    play_free(&p);
    play_run(&p, "lynis", SPAN_LITERAL(odd), 0, &plain);
    CHECK(p.st == ST_OK && p.why[0] == '\0' &&
              strstr(p.text, "\"a\xef\xbf\xbd"
                             "b \xef\xbf\xbd c\"") != NULL,
          "NUL and bad UTF-8: %s%s%s", p.err.text, p.why, p.text);
    play_free(&p);
    play_run(&p, "lynis", SPAN_LITERAL(odd_name), 0, &plain);
    CHECK(p.st == ST_INVALID, "a NUL in a test's name: %d", p.st);
    play_free(&p);
}

static void
test_long_texts(void)
{
    size_t size = 3 << 20, at;
    char *report = malloc(size + 400);
    struct play p;

    at = (size_t)sprintf(
        report,
        "{\"ArtifactName\":\"a:1\",\"ArtifactType\":\"container_image\",\"Results\":[{"
        "\"Target\":\"t\",\"Vulnerabilities\":[{\"VulnerabilityID\":\"C\",\"PkgName\":\"p\","
        "\"Description\":\"");
    for (size_t i = 0; i < size / 2; i++, at += 2)
        memcpy(report + at, "\xc3\xa9", 2);
    at += (size_t)sprintf(report + at, "\"}]}]}");
    play_run(&p, NULL, (struct span){report, at}, 0, &plain);
    CHECK(p.st == ST_OK && p.why[0] == '\0' && p.size < 4 * IMPORT_TEXT_MAX &&
              strstr(p.text, "\xc3\xa9...\"") != NULL,
          "a long text is cut: %d %s%s, %zu bytes", p.st, p.err.text, p.why, p.size);
    play_free(&p);

    at = (size_t)sprintf(report, "{\"ArtifactName\":\"a:1\",\"x\":");
    memset(report + at, '[', 200);
    play_run(&p, "trivy", (struct span){report, at + 200}, 0, &plain);
    CHECK(p.st == ST_INVALID && strstr(p.err.text, "nested deeper than 128") != NULL, "depth: %s",
          p.err.text);
    play_free(&p);
    free(report);
}

static void
test_item_limit(void)
{
    size_t size = IMPORT_ITEM_MAX + 1000;
    char *report = malloc(size);
    struct play p;

    memset(report, 'x', size);
    memcpy(report, "[{\"metadata\":{\"event_code\":\"", 29);
    play_run(&p, "ocsf", (struct span){report, size}, 0, &on_web);
    CHECK(p.st == ST_INVALID &&
              strstr(p.err.text, "byte 1: finding 1: longer than 16777216") != NULL,
          "a finding over the limit: %s", p.err.text);
    play_free(&p);
    free(report);
}

/* What a report of Lynis covers depends on what was asked for, and whether it came to its end. */
static const struct covering {
    const char *name, *report;
    enum import_cover cover;
    unsigned scopes;
    bool is_complete;
    const char *has;
} coverings[] = {
    {"a full audit",              "hostname=h\ntests_executed=A-1|CORE-1000|\nfinish=true\n",                 IMPORT_COVER_SHOWN,
     1,                                                                                                                              true,  "/machines/h\n"                                                  },
    {"chosen tests",              "hostname=h\ntests_executed=A-1|A-2|\nfinish=true\n",                       IMPORT_COVER_SHOWN, 2,
     true,                                                                                                                                  "SCOPE lynis " RG "Microsoft.HybridCompute/machines/h/providers/"},
    {"chosen tests, vouched for", "hostname=h\ntests_executed=A-1|A-2|\nfinish=true\n",
     IMPORT_COVER_ALL,                                                                                                            1, true,  "/machines/h\n"                                                  },
    {"one group",                 "hostname=h\ntest_group=ssh\ntests_executed=A-1|CORE-1000|\nfinish=true\n",
     IMPORT_COVER_SHOWN,                                                                                                          2, true,  "SCOPE"                                                          },
    {"an audit that was ended",   "hostname=h\nsuggestion[]=A-1|x|-|-|\n",                                    IMPORT_COVER_ALL,   0, false,
     "subAssessments"                                                                                                                                                                                        },
};

static void
test_covering(const struct covering *c)
{
    struct import_options options = plain;
    struct play p;

    options.cover = c->cover;
    play_run(&p, "lynis", span_of(c->report), 0, &options);
    CHECK(p.st == ST_OK && p.why[0] == '\0' && p.summary.scope_count == c->scopes &&
              p.summary.is_complete == c->is_complete && strstr(p.text, c->has) != NULL,
          "%s: %s%s %llu scopes:\n%s", c->name, p.err.text, p.why,
          (unsigned long long)p.summary.scope_count, p.text);
    play_free(&p);
}

/* A run without documents gives the same scopes: for callers that need them first. */
static void
test_scopes_alone(void)
{
    static const char report[] = "hostname=h\ntests_executed=CORE-1000|\nfinish=true\n";
    struct import_memory memory = {SPAN_LITERAL(report), 0, 0};
    struct import_input in = import_input_memory(&memory, "report");
    struct play p = {.ids = json_object()};
    struct import_output out = {&p, NULL, play_scope};

    play_put(&p, "", 0);
    p.st = import_run(NULL, &in, &plain, &out, &p.summary, &p.err);
    CHECK(p.st == ST_INVALID, "the kind is not told by these lines: %s", p.err.text);
    p.st = import_run(import_find("lynis"), &in, &plain, &out, &p.summary, &p.err);
    CHECK(p.st == ST_OK && strncmp(p.text, "SCOPE lynis /subscriptions/", 27) == 0 &&
              p.summary.assessment_count == 1,
          "scopes alone: %s", p.text);
    CHECK(import_find("nessus") == NULL, "a kind that is not there");
    play_free(&p);
}

/* A reader or taker that fails ends the run with its own status. */
static enum status
refuse(void *context, const struct import_document *d, struct err *err)
{
    int *left = context;

    return (*left)-- > 0 ? ST_OK : err_set(err, ST_FULL, "no room for %.*s", (int)d->id.n, d->id.p);
}

static enum status
bad_read(void *context, char *buffer, size_t size, size_t *got, struct err *err)
{
    (void)context;
    (void)buffer;
    (void)size;
    *got = 0;
    return err_set(err, ST_IO, "the disk is gone");
}

static void
test_failing(void)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        char *text;
        size_t size;
        struct err err = {""};

        if (file_read(samples[i].file, 1 << 20, &text, &size, &err) != ST_OK)
            continue;
        for (unsigned after = 0; after < samples[i].metadata; after++) {
            int left = (int)after;
            struct import_memory memory = {
                {text, size},
                0, 0
            };
            struct import_input in = import_input_memory(&memory, "report");
            struct import_output out = {&left, refuse, NULL};
            struct import_summary summary;
            enum status st = import_run(NULL, &in, samples[i].options, &out, &summary, &err);

            CHECK(st == ST_FULL && strncmp(err.text, "no room for /", 13) == 0 && left == -1,
                  "%s: refused document %u: %d %s", samples[i].name, after, st, err.text);
        }

        struct import_memory memory = {
            {text, size},
            0, 0
        };
        struct import_input in = import_input_memory(&memory, "report");
        struct import_summary summary;
        struct import_output out = {0};

        in.read = bad_read;
        for (const struct import_kind *k = import_kinds; k->name != NULL; k++)
            CHECK(import_run(k, &in, samples[i].options, &out, &summary, &err) == ST_IO &&
                      strcmp(err.text, "the disk is gone") == 0,
                  "%s: a read that fails: %s", k->name, err.text);
        free(text);
    }
}

/* ---- real reports ---- */

static int
check_file(const char *path)
{
    struct import_file file = {open(path, O_RDONLY | O_CLOEXEC)};
    struct import_input in = import_input_file(&file, path);
    struct play p[2];

    for (int i = 0; i < 2; i++) {
        struct import_output out = {&p[i], play_document, play_scope};

        p[i] = (struct play){.ids = json_object()};
        play_put(&p[i], "", 0);
        p[i].st = import_run(NULL, &in, &plain, &out, &p[i].summary, &p[i].err);
    }
    printf("%s: %llu metadata, %llu assessments, %llu findings, %llu scopes, %s\n", path,
           (unsigned long long)p[0].summary.metadata_count,
           (unsigned long long)p[0].summary.assessment_count,
           (unsigned long long)p[0].summary.finding_count,
           (unsigned long long)p[0].summary.scope_count, p[0].summary.scan_time);
    CHECK(p[0].st == ST_OK && p[0].why[0] == '\0', "%s%s", p[0].err.text, p[0].why);
    CHECK(strcmp(p[0].text, p[1].text) == 0, "%s: not the same bytes again", path);
    CHECK(p[0].summary.assessment_count > 0 && p[0].summary.scope_count > 0 &&
              p[0].summary.is_complete && p[0].summary.scan_time[0] != '\0',
          "%s: too little came of it", path);
    for (int i = 0; i < 2; i++)
        play_free(&p[i]);
    close(file.fd);
    return 0;
}

int
main(int count, char **names)
{
    for (int i = 1; i < count; i++)
        check_file(names[i]);
    if (count > 1)
        return test_end();
    for (size_t i = 0; i < COUNT_OF(samples); i++)
        test_sample(&samples[i]);
    for (size_t i = 0; i < COUNT_OF(faults); i++)
        test_fault(&faults[i]);
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        test_pair(&pairs[i]);
    test_cut(SEEDS "trivy_fuzz/image.json", "trivy");
    test_cut(SEEDS "trivy_fuzz/k8s.json", "trivy");
    test_cut(SEEDS "openscap_fuzz/xccdf.xml", "openscap");
    test_cut(SEEDS "lynis_fuzz/lynis-report.dat", "lynis");
    test_cut(SEEDS "ocsf_fuzz/aws.json", "ocsf");
    test_worst();
    test_spellings();
    test_long_texts();
    test_item_limit();
    for (size_t i = 0; i < COUNT_OF(coverings); i++)
        test_covering(&coverings[i]);
    test_scopes_alone();
    test_failing();
    return test_end();
}
