/* import_trivy_inner.h - what the files of the Trivy importer share; for import_trivy*.c only. */
#pragma once
#include "posture/import_walk.h"

enum { VULNERABILITY, MISCONFIGURATION, SECRET, CLASSES };

struct trivy_class {
    const char *member; /* of a result */
    const char *name, *remediation, *severity;
};
extern const struct trivy_class trivy_classes[CLASSES];

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

/* ---- import_trivy_place.c ---- */

/* Makes the resource that the next findings are about, once what names it has been read. */
bool trivy_know_resource(struct trivy *t);
/* Keeps the status for the walk, which ends with it. */
bool trivy_fine(struct trivy *t, enum status st);

/* ---- import_trivy_finding.c ---- */

/* Writes one result as a finding of its kind. */
typedef bool trivy_writer(struct trivy *t, const struct import_recommendation *m,
                          const json_t *item);
trivy_writer trivy_vulnerability, trivy_misconfiguration, trivy_secret;
