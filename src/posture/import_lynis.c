/* import_lynis.c - lynis-report.dat: lines of key=value, written as the audit goes.
 *
 *   suggestion[]=TEST|text|details|solution|     warning[] the same; "-" and "" say nothing
 *   details[]=TEST|service|desc:..;field:..;prefval:..;value:..;|
 *   vulnerable_package[]=name                    tests_executed=TEST|TEST|...
 *
 * A test is an assessment from its first finding on; tests that ran and said nothing are healthy at the end. */
#include "posture/import_inner.h"
#include <ctype.h>
#include <stdlib.h>

enum { LINE_SIZE_MAX = 256 << 10, CHUNK_SIZE = 64 << 10, TEST_SIZE = 48 };

/* What a test's name begins with. */
static const struct area {
    const char *prefix, *name, *category;
} areas[] = {
    {"ACCT",               "Accounting", "Compute"},
    {"AUTH",           "Users and authentication", "IdentityAndAccess"},
    {"BANN",               "Banners", "Compute"},
    {"BOOT", "Boot and services", "Compute"},
    {"CONT",               "Containers", "Compute"},
    {"CORE",           "Basics", "Compute"},
    {"CRYP",               "Cryptography", "Data"},
    {"DBS",           "Databases", "Data"},
    {"DEB",               "Debian", "Compute"},
    {"DNS",           "Name service", "Networking"},
    {"FILE",               "File systems", "Data"},
    {"FINT",           "File integrity", "Compute"},
    {"FIRE",               "Firewall", "Networking"},
    {"HOME",              "Home folders", "Data"},
    {"HRDN",                "Hardening", "Compute"},
    {"HTTP",              "Web server", "Networking"},
    {"INSE",                "Insecure services", "Networking"},
    {"KRNL",           "Kernel", "Compute"},
    {"LDAP",                "Directory service", "IdentityAndAccess"},
    {"LOGG",        "Logging", "Compute"},
    {"LYNIS",               "Lynis itself", "Compute"},
    {"MACF",              "Mandatory access control", "IdentityAndAccess"},
    {"MAIL",               "Mail", "Networking"},
    {"MALW",           "Malware", "Compute"},
    {"NAME",               "Name service", "Networking"},
    {"NETW",        "Network", "Networking"},
    {"PHP",               "PHP", "Compute"},
    {"PKGS",              "Packages", "Compute"},
    {"PRNT",               "Printing", "Compute"},
    {"PROC",           "Processes", "Compute"},
    {"RBAC",               "Role-based access", "IdentityAndAccess"},
    {"SCHD",        "Scheduled tasks", "Compute"},
    {"SHLL",               "Shells", "IdentityAndAccess"},
    {"SNMP",        "SNMP", "Networking"},
    {"SQD",               "Squid", "Networking"},
    {"SSH",           "SSH", "Networking"},
    {"STRG",               "Storage", "Data"},
    {"TIME", "Time", "Compute"},
    {"TOOL",               "Tools", "Compute"},
    {"USB",           "USB", "Compute"},
    {"VIRT",              "Virtualization", "Compute"},
    {0          },
};

struct test {
    char name[TEST_SIZE];
    bool is_open, has_run;
};

struct lynis {
    struct import_run *r;
    char *line; /* LINE_SIZE_MAX bytes and a NUL */
    size_t size;
    bool is_cut;
    uint64_t at, number; /* of the line: byte, from 1 */
    struct import_resource machine;
    char producer[IMPORT_PRODUCER_SIZE];
    struct test *tests;
    size_t test_count;
    struct seen names, findings;
    bool is_partial, is_finished, is_any;
};

/* The packages that an audit tool named: which test asked it differs from system to system. */
static const char vulnerable[] = "PKGS-VULNERABLE";

bool
lynis_knows(struct span head)
{
    size_t at = head.n >= 3 && memcmp(head.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    static const char title[] = "# Lynis Report", first[] = "report_version_major=";

    return (head.n - at >= sizeof title - 1 && memcmp(head.p + at, title, sizeof title - 1) == 0) ||
           (head.n - at >= sizeof first - 1 && memcmp(head.p + at, first, sizeof first - 1) == 0);
}

/* ---- tests ---- */

static enum status
test_of(struct lynis *y, struct span name, struct test **test)
{
    unsigned char digest[16];
    char key[KEY_SIZE];
    struct seen_slot *slot;
    bool is_name = name.n > 0 && name.n < TEST_SIZE;

    for (size_t i = 0; is_name && i < name.n; i++)
        is_name = isgraph((unsigned char)name.p[i]) != 0;
    if (!is_name)
        return import_fault(y->r, y->at,
                            "line %llu: '%.*s' is no test: an id such as AUTH-9286 "
                            "belongs there",
                            (unsigned long long)y->number, (int)(name.n < 60 ? name.n : 60),
                            name.p);
    import_key(y->r, &name, 1, key, digest);
    slot = import_seen_at(&y->names, digest, "tests", y->r->err);
    if (slot == NULL)
        return ST_FULL;
    if (slot->count == 0) {
        if (y->test_count == IMPORT_TESTS_MAX)
            return err_set(y->r->err, ST_FULL, "%s: more than %d tests", y->r->in->name,
                           IMPORT_TESTS_MAX);
        slot->count = 1;
        slot->note = (uint32_t)y->test_count++;
        y->tests[slot->note] = (struct test){0};
        memcpy(y->tests[slot->note].name, name.p, name.n);
    }
    *test = &y->tests[slot->note];
    return ST_OK;
}

struct wording {
    struct import_recommendation m;
    char key[KEY_SIZE], display_name[200], description[300];
};

static void
recommendation(struct lynis *y, const struct test *test, struct wording *x)
{
    const struct area *area = areas;
    size_t n = strcspn(test->name, "-");

    while (area->prefix != NULL &&
           (strlen(area->prefix) != n || memcmp(area->prefix, test->name, n) != 0))
        area++;
    import_key(y->r, (struct span[]){SPAN_LITERAL("lynis"), span_of(test->name)}, 2, x->key, NULL);
    if (strcmp(test->name, vulnerable) == 0)
        snprintf(x->display_name, sizeof x->display_name,
                 "Packages: Lynis should find no vulnerable package");
    else
        snprintf(x->display_name, sizeof x->display_name,
                 "%s: Lynis test %s should find nothing to mend",
                 area->prefix != NULL ? area->name : "Other", test->name);
    snprintf(x->description, sizeof x->description,
             "What the test %s of a Lynis audit warns of or suggests is a finding of this "
             "recommendation.",
             test->name);
    x->m = (struct import_recommendation){
        .producer = y->producer,
        .key = x->key,
        .display_name = span_of(x->display_name),
        .description = span_of(x->description),
        .remediation =
            SPAN_LITERAL("Do as the findings say, and audit again. 'lynis show details TEST' "
                         "tells what the test looked at."),
        .severity = "Medium",
        .category = area->prefix != NULL ? area->category : "Compute",
    };
}

static enum status
open_test(struct lynis *y, struct test *test, int code)
{
    struct wording x;
    struct import_state state = {code, NULL, {0}};
    enum status st;

    if (test->is_open)
        return ST_OK;
    if (y->machine.id[0] == '\0' && y->r->options->target == NULL &&
        y->r->options->resource_id == NULL)
        return import_fault(y->r, y->at,
                            "line %llu: no hostname= stands before it: give the "
                            "machine's name as target, or a resource id",
                            (unsigned long long)y->number);
    if (y->machine.id[0] == '\0') {
        st = import_machine(y->r, &y->machine, (struct span){0});
        if (st != ST_OK)
            return st;
    }
    test->is_open = true;
    recommendation(y, test, &x);
    st = import_metadata(y->r, &y->machine, &x.m);
    if (st != ST_OK)
        return st;
    import_assessment_begin(y->r, &y->machine, &x.m, &state);
    import_line_string(&y->r->line, "scanner", "lynis");
    import_line_string(&y->r->line, "test", test->name);
    return import_end(y->r);
}

/* ---- findings ---- */

/* Numbers in a text change from audit to audit ("Check 20 files"): they are no part of what it is. */
static void
without_numbers(struct span text, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n && n + 1 < room; i++)
        if (!isdigit((unsigned char)text.p[i]))
            out[n++] = text.p[i];
        else if (n == 0 || out[n - 1] != '#')
            out[n++] = '#';
    out[n] = '\0';
}

struct remark {
    struct span test;
    const char *kind; /* warning, suggestion, detail, package */
    struct span text, details, identity, remediation;
    const char *severity;
};

static enum status
write_remark(struct lynis *y, const struct remark *k)
{
    char identity[2048], number[16], key[KEY_SIZE], description[3000];
    unsigned char digest[16];
    struct span parts[5] = {SPAN_LITERAL("lynis"), k->test, span_of(k->kind)};
    struct seen_slot *slot;
    struct wording x;
    struct test *test;
    enum status st = test_of(y, k->test, &test);

    if (st == ST_OK)
        st = open_test(y, test, CODE_UNHEALTHY);
    if (st != ST_OK)
        return st;
    without_numbers(k->identity, identity, sizeof identity);
    parts[3] = span_of(identity);
    import_key(y->r, parts, 4, key, digest);
    slot = import_seen_at(&y->findings, digest, "findings", y->r->err);
    if (slot == NULL)
        return ST_FULL;
    if (slot->count++ > 0) {
        snprintf(number, sizeof number, "%u", slot->count);
        parts[4] = span_of(number);
        import_key(y->r, parts, 5, key, NULL);
    }
    recommendation(y, test, &x);
    snprintf(description, sizeof description, "%.*s%s%.*s",
             (int)(k->text.n < 1400 ? k->text.n : 1400), k->text.p, k->details.n > 0 ? "\n" : "",
             (int)(k->details.n < 1400 ? k->details.n : 1400), k->details.p);

    struct import_finding f = {
        .key = key,
        .id = k->test,
        .display_name = k->text,
        .description = span_of(description),
        .remediation = k->remediation.n > 0 ? k->remediation : k->text,
        .category = "Configuration",
        .severity = k->severity,
        .state = {CODE_UNHEALTHY, NULL, {0}},
        .assessed = "ServerVulnerabilityAssessment",
    };

    import_finding_begin(y->r, &y->machine, &x.m, &f);
    import_line_string(&y->r->line, "scanner", "lynis");
    import_line_string(&y->r->line, "scannerSeverity", k->kind);
    import_line_text(&y->r->line, "details", k->details, 2000);
    return import_end(y->r);
}

/* The next field of a line's value, up to '|'; "-" is empty. */
static struct span
field(struct span *rest)
{
    const char *bar = memchr(rest->p, '|', rest->n);
    size_t n = bar == NULL ? rest->n : (size_t)(bar - rest->p);
    struct span out = {rest->p, n};

    rest->p += n + (bar != NULL);
    rest->n -= n + (bar != NULL);
    return out.n == 1 && out.p[0] == '-' ? (struct span){out.p, 0} : out;
}

static enum status
remark(struct lynis *y, struct span value, const char *kind)
{
    struct remark k = {.kind = kind, .severity = import_severity(span_of(kind))};

    k.test = field(&value);
    k.text = field(&value);
    k.details = field(&value);
    k.remediation = field(&value);
    for (size_t i = 0; i < 2; i++) { /* "text:Do this", "url:https://..." */
        const char *tag = i == 0 ? "text:" : "url:";

        if (k.remediation.n > strlen(tag) && memcmp(k.remediation.p, tag, strlen(tag)) == 0) {
            k.remediation.p += strlen(tag);
            k.remediation.n -= strlen(tag);
        }
    }
    if (k.text.n == 0)
        k.text = k.test;
    k.identity = k.text;
    return write_remark(y, &k);
}

/* "name:" of "desc:..;field:..;prefval:..;value:..;" */
static struct span
detail_part(struct span text, const char *name)
{
    while (text.n > 0) {
        const char *end = memchr(text.p, ';', text.n);
        size_t n = end == NULL ? text.n : (size_t)(end - text.p), m = strlen(name);

        if (n > m && memcmp(text.p, name, m) == 0)
            return (struct span){text.p + m, n - m};
        text.p += n + (end != NULL);
        text.n -= n + (end != NULL);
    }
    return (struct span){"", 0};
}

static enum status
detail(struct lynis *y, struct span value)
{
    struct remark k = {.kind = "detail", .severity = "Low"};
    struct span service, text, part[4];
    static const char *const names[4] = {"field:", "value:", "prefval:", "desc:"};
    char title[1200], identity[1200];

    k.test = field(&value);
    service = field(&value);
    text = field(&value);
    for (size_t i = 0; i < 4; i++) {
        part[i] = detail_part(text, names[i]);
        part[i].n = part[i].n < 250 ? part[i].n : 250;
    }
    snprintf(title, sizeof title, "%.*s %.*s is %.*s%s%.*s",
             (int)(service.n < 200 ? service.n : 200), service.p, (int)part[0].n, part[0].p,
             (int)part[1].n, part[1].p, part[2].n > 0 ? " and should be " : "", (int)part[2].n,
             part[2].p);
    /* numbers belong to the field's name here (tcp6) */
    snprintf(identity, sizeof identity, "%.*s", (int)part[0].n, part[0].p);
    for (char *p = identity; *p != '\0'; p++)
        if (isdigit((unsigned char)*p))
            *p = (char)('A' + *p - '0');
    k.text = span_of(title);
    k.details = part[3];
    k.identity = span_of(part[0].n > 0 ? identity : title);
    return write_remark(y, &k);
}

static enum status
package(struct lynis *y, struct span name)
{
    struct remark k = {.kind = "package", .severity = "High", .test = span_of(vulnerable)};
    char title[400], identity[400];
    size_t n = name.n < 300 ? name.n : 300;

    if (n == 0)
        return ST_OK;
    snprintf(title, sizeof title, "The package %.*s has a known vulnerability", (int)n, name.p);
    snprintf(identity, sizeof identity, "%.*s", (int)n, name.p);
    for (char *p = identity; *p != '\0'; p++)
        if (isdigit((unsigned char)*p))
            *p = (char)(*p - '0' + 1);
    k.text = span_of(title);
    k.identity = span_of(identity);
    k.remediation = SPAN_LITERAL("Update the package, or the whole system.");
    return write_remark(y, &k);
}

/* ---- lines ---- */

static enum status
executed(struct lynis *y, struct span value)
{
    if (y->is_cut)
        return import_fault(y->r, y->at, "line %llu: tests_executed is over %d bytes",
                            (unsigned long long)y->number, LINE_SIZE_MAX);
    while (value.n > 0) {
        struct span name = field(&value);
        struct test *test;
        enum status st = name.n == 0 ? ST_END : test_of(y, name, &test);

        if (st == ST_OK)
            test->has_run = true;
        else if (st != ST_END)
            return st;
    }
    return ST_OK;
}

static enum status
one_line(struct lynis *y)
{
    struct span line = {y->line, y->size};
    const char *equals = memchr(line.p, '=', line.n);
    struct span key, value;
    struct test *test;
    enum status st;

    while (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (equals == NULL)
        return ST_OK; /* titles and comments */
    key = (struct span){line.p, (size_t)(equals - line.p)};
    value = (struct span){equals + 1, line.n - key.n - 1};
    y->is_any = true;
    if (span_is(key, "suggestion[]") || span_is(key, "warning[]"))
        return remark(y, value, key.p[0] == 's' ? "suggestion" : "warning");
    if (span_is(key, "details[]"))
        return detail(y, value);
    if (span_is(key, "vulnerable_package[]"))
        return package(y, value);
    if (span_is(key, "vulnerable_packages_found")) {
        st = test_of(y, span_of(vulnerable), &test);
        if (st == ST_OK)
            test->has_run = true;
        return st;
    }
    if (span_is(key, "hostname") && y->machine.id[0] == '\0')
        return value.n == 0 ? ST_OK : import_machine(y->r, &y->machine, value);
    if (span_is(key, "tests_executed"))
        return executed(y, value);
    if (span_is(key, "report_datetime_end"))
        snprintf(y->r->summary->scan_time, sizeof y->r->summary->scan_time, "%.*s",
                 (int)(value.n < 39 ? value.n : 39), value.p);
    else if (span_is(key, "test_category") || span_is(key, "test_group"))
        y->is_partial |= !span_is(value, "all");
    else if (span_is(key, "finish"))
        y->is_finished = span_is(value, "true");
    else if (span_is(key, "manual[]") || span_is(key, "manual_event[]") ||
             span_is(key, "exception_event[]"))
        y->r->summary->ignored_count++;
    return ST_OK;
}

/* An audit of chosen tests (--tests) writes the others as skipped, like those that do not fit the system; but only
 * then it goes without the first of all tests. */
static bool
has_all(const struct lynis *y)
{
    for (size_t i = 0; i < y->test_count; i++)
        if (y->tests[i].has_run && strcmp(y->tests[i].name, "CORE-1000") == 0)
            return true;
    return false;
}

static enum status
close_tests(struct lynis *y)
{
    bool is_whole = y->r->options->cover == IMPORT_COVER_ALL || (!y->is_partial && has_all(y));
    enum status st = ST_OK;

    if (!y->is_any)
        return import_fault(y->r, y->at, "no line is key=value: this is no report of Lynis");
    y->r->summary->is_complete = y->is_finished;
    for (size_t i = 0; st == ST_OK && i < y->test_count; i++) {
        struct wording x;

        st = open_test(y, &y->tests[i], CODE_HEALTHY);
        if (st != ST_OK || is_whole)
            continue;
        recommendation(y, &y->tests[i], &x);
        st = import_scope(y->r, y->producer, "%s/providers/Microsoft.Security/assessments/%s",
                          y->machine.id, x.key);
    }
    if (st == ST_OK && is_whole && y->machine.id[0] != '\0')
        st = import_scope(y->r, y->producer, "%s", y->machine.id);
    return st;
}

/* Cuts the input into lines; a longer one keeps its first LINE_SIZE_MAX bytes. */
static enum status
lines(struct lynis *y, char *chunk)
{
    uint64_t offset = 0;
    size_t got = 1;
    enum status st = ST_OK;

    y->number = 1;
    while (got > 0) {
        st = y->r->in->read(y->r->in->context, chunk, CHUNK_SIZE, &got, y->r->err);
        if (st != ST_OK)
            return st;
        for (size_t i = 0; i < got; i++) {
            if (chunk[i] != '\n' && y->size < LINE_SIZE_MAX) {
                y->line[y->size++] = chunk[i];
                continue;
            }
            if (chunk[i] != '\n') {
                y->is_cut = true;
                continue;
            }
            st = one_line(y);
            if (st != ST_OK)
                return st;
            y->size = 0;
            y->is_cut = false;
            y->number++;
            y->at = offset + i + 1;
        }
        offset += got;
    }
    return y->size > 0 ? one_line(y) : ST_OK;
}

enum status
lynis_run(struct import_run *r)
{
    struct lynis y = {.r = r};
    char *chunk = malloc(CHUNK_SIZE);
    enum status st;

    y.line = malloc(LINE_SIZE_MAX + 1);
    y.tests = calloc(IMPORT_TESTS_MAX, sizeof *y.tests);
    import_producer(r, y.producer, "lynis");
    if (chunk == NULL || y.line == NULL || y.tests == NULL)
        st = err_set(r->err, ST_IO, "%s: no memory to read it", r->in->name);
    else
        st = lines(&y, chunk);
    if (st == ST_OK)
        st = close_tests(&y);
    import_seen_free(&y.names);
    import_seen_free(&y.findings);
    free(y.tests);
    free(y.line);
    free(chunk);
    return st;
}
