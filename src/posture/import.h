/* import.h - reports of security scanners as posture documents: Trivy's JSON, OpenSCAP's ARF and XCCDF
 * results, Lynis' report file, OCSF findings as Prowler writes them. A report is read as a stream, once or
 * twice, and what it says comes back by callback as lines of the bulk form, one JSON object each:
 *
 *   {"id":"<ARM id>","properties":{...}}
 *
 * whose id tells what it is: assessment metadata (assessmentMetadata/{key} of the subscription,
 * CustomerManaged), an assessment ({resource}/providers/Microsoft.Security/assessments/{key}) or a finding
 * ({assessment}/subAssessments/{key}). Metadata comes before its first assessment, an assessment before its
 * findings; nothing is named twice in one run. Pure apart from the callbacks: no clock, no random
 * source, no file; one thread per run, any number of runs side by side.
 *
 * The same state is the same bytes, whoever scans and whenever:
 *   keys    GUIDs (version 8) hashed from the scanner and its rule or check; a finding's from what it is
 *           about: vulnerability, package, version and path; rule, file, resource and message; test and text.
 *   times   no time of the run is in a document. A finding's timeGenerated (continuous-export.md 2.4) is the
 *           store's to set when a finding appears or changes: summary.scan_time is the report's time for it.
 *   text    as the scanner gives it, cut to IMPORT_TEXT_MAX bytes; a text that counts days changes daily, so a
 *           passed check carries none.
 *   secrets what Trivy quotes of files (Match, Code) is never taken over.
 *
 * What is whose, where (R: the resource; {S}, {RG}: options' subscription and resource group)
 *   Trivy     one assessment for each of vulnerabilities, misconfigurations, secrets; findings one each.
 *             R: image    ContainerRegistry/registries/{registry}/images/{path~tag}
 *                machine, path   HybridCompute/machines/{target}; a path other than / is part of the key
 *                repository      SecurityDevOps/gitHubConnectors/{owner}/repos/{repo} on github.com, else
 *                                VisualStudio/account/{host}/project/{path}
 *                cluster (trivy k8s)   Kubernetes/connectedClusters/{name}/workloads/{namespace~kind~name}
 *             Licences, packages and passed checks are counted in summary.ignored_count.
 *   OpenSCAP  a selected rule is an assessment; several results of one rule: the worst. No findings.
 *             R: HybridCompute/machines/{target}
 *   Lynis     a test that ran is an assessment; warnings, suggestions, details and vulnerable packages are
 *             findings. R: HybridCompute/machines/{hostname}
 *   OCSF      a check is an assessment on every resource it looked at; where it says several things of one
 *             resource, the worst counts and each failure is a finding besides.
 *             R: the ARM id that the finding names, in its own subscription, else the subscription; else
 *                HybridConnectivity/publicCloudConnectors/{provider-account}/regions/{region}/resources/{uid};
 *                Kubernetes/connectedClusters/{name}/workloads/{namespace~type~name}
 * '/' and ':' in a name become '~' there; other characters that ARM refuses '_', and a hash is added.
 *
 * Results   Healthy: pass, fixed, PASS; Unhealthy: fail, FAIL; NotApplicable, with the reason as cause:
 *           notapplicable, notchecked, informational, error, unknown; MANUAL; muted or excepted (Exempt).
 * Severity  High: critical, high, Lynis' warnings; Medium: medium; Low: low, info, unknown, Lynis'
 *           suggestions. The scanner's own word stands in additionalData.scannerSeverity. */
#pragma once
#include "base/base.h"

struct import_run; /* private */

enum {
    IMPORT_TEXT_MAX = 8 << 10,   /* bytes of one text in a document; the rest is cut, with "..." */
    IMPORT_LINE_MAX = 512 << 10, /* bytes of a document */
    IMPORT_ITEM_MAX = 16 << 20,  /* bytes of one finding in a JSON report */
    IMPORT_RULES_MAX = 50000,    /* rules of all the benchmarks in one file */
    IMPORT_RULES_SIZE_MAX = 96 << 20, /* bytes of their texts */
    IMPORT_TESTS_MAX = 10000,         /* tests in a Lynis report */
    IMPORT_SEEN_MAX = 2000000,        /* distinct keys in a report (96 MiB of memory at most) */
    IMPORT_SCOPES_MAX = 20000,
    IMPORT_DEPTH_MAX = 128,      /* nesting of JSON and XML */
    IMPORT_HEAD_SIZE = 64 << 10, /* bytes that import_detect looks at, at most */
    IMPORT_PRODUCER_SIZE = 400,  /* with the NUL */
};

/* The report. read: the next bytes, at most 'size'; *got is 0 at the end. rewind: back to the first. */
struct import_input {
    const char *name; /* for error texts */
    void *context;
    enum status (*read)(void *context, char *buffer, size_t size, size_t *got, struct err *err);
    enum status (*rewind)(void *context, struct err *err);
};

/* What of the state before is to be taken for gone where the report does not name it. */
enum import_cover {
    IMPORT_COVER_SHOWN, /* what the report itself shows to be looked at:
                         *   Trivy: the kinds of result in it (a clean secret scan shows nothing)
                         *   OpenSCAP: the machine, for this benchmark and profile
                         *   Lynis: the machine; of an audit of a category, a group or chosen tests those that ran.
                         *          An audit that did not finish covers nothing
                         *   OCSF: the accounts' regions, and subscriptions, that it names */
    IMPORT_COVER_ALL, /* the caller vouches for a full run: every kind of result (Trivy), the machine (Lynis),
                         * whole accounts (OCSF) */
    IMPORT_COVER_NONE, /* a partial run: nothing */
};

struct import_options {
    const char *subscription;   /* a GUID; needed */
    const char *resource_group; /* needed unless resource_id is given */
    const char *resource_id;    /* all is about this ARM id; NULL: made from what was scanned */
    /* name of the machine or cluster scanned; goes before what the report says; NULL: what the report says. Needed for
     * Trivy's scans of paths: they do not say where */
    const char *target;
    /* tells slices of one scanner's work apart, so that each replaces its own only ("s3" of a Prowler run
     * per service); NULL: there is one */
    const char *part;
    enum import_cover cover;
};

enum import_what { IMPORT_METADATA, IMPORT_ASSESSMENT, IMPORT_FINDING };
struct import_document {
    enum import_what what;
    const char
        *producer; /* "trivy", "openscap/{benchmark}/{profile}", "lynis", "prowler", ...[#part] */
    struct span id, line; /* line: no line feed */
};
/* What the producer put at or below 'id' (an assessment, a resource, or what holds resources) and did not
 * give in this run is gone. */
struct import_scope {
    const char *producer;
    struct span id;
};
/* Everything is lent for the call. Another result than ST_OK ends the run with it. Scopes come when all
 * documents have; a caller that needs them before makes a run with document NULL first. */
struct import_output {
    void *context;
    enum status (*document)(void *context, const struct import_document *d, struct err *err);
    enum status (*scope)(void *context, const struct import_scope *s,
                         struct err *err); /* NULL: no */
};

struct import_summary {
    uint64_t metadata_count, assessment_count, finding_count, scope_count;
    uint64_t
        ignored_count; /* results in the report that are no posture: licences, notes, passed ones */
    char scan_time[40]; /* when the scan ended, as the report writes it; "": it does not say */
    bool is_complete;   /* false: the scan was cut short; no scopes were given */
};

struct import_kind {
    const char *name; /* "trivy" */
    const char *help; /* one line: which files, and how they are made */
    /* private */
    bool (*knows)(struct span head);
    enum status (*run)(struct import_run *r);
};
extern const struct import_kind import_kinds[]; /* ends at a NULL name */

/* The kind by name; NULL: no such. */
const struct import_kind *import_find(const char *name);
/* The kind from a file's first bytes (all, or IMPORT_HEAD_SIZE); NULL: none; err says what it looks like and what is
 * known. */
const struct import_kind *import_detect(struct span head, const char *name, struct err *err);

/* Reads the report from its first byte ('rewind' is called). 'kind' NULL: detected. ST_INVALID: the
 * options, or a report that is none; err names byte, element and what to do. What was given before stays
 * given: withdraw nothing then. ST_FULL: a limit above, named. ST_IO: reading, memory. */
MUST_CHECK enum status import_run(const struct import_kind *kind, const struct import_input *in,
                                  const struct import_options *options,
                                  const struct import_output *out, struct import_summary *summary,
                                  struct err *err);

/* An input over an open file that can seek, or over bytes in memory; both lend from what they are given. */
struct import_file {
    int fd;
};
struct import_input import_input_file(struct import_file *file, const char *name);
struct import_memory {
    struct span text;
    size_t at;
    size_t step; /* bytes a read gives at most; 0: any */
};
struct import_input import_input_memory(struct import_memory *memory, const char *name);
