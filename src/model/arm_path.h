/* arm_path.h - an Azure Resource Manager id of any depth, split at its last provider:
 *
 *   /subscriptions/{guid}/resourceGroups/{rg}/providers/Microsoft.Compute/virtualMachines/vm-1
 *   `------------------------------------ scope --------------------------------------------'
 *       /providers/Microsoft.Security/assessments/{key}/subAssessments/{key}
 *                  `--- provider ---' `-- pair --'     `----- pair -------'
 *
 * Ids compare without regard to case (of ASCII letters). Pure; any thread. */
#pragma once
#include "base/base.h"

enum {
    ARM_PATH_SIZE_MAX = 2048,   /* bytes of an id */
    ARM_PATH_SEGMENT_MAX = 512, /* bytes between two slashes */
    ARM_PATH_PAIRS_MAX = 6,     /* type/name pairs behind the last provider */
};

struct arm_path {                             /* spans into the text that was parsed */
    struct span text;                         /* without a trailing slash */
    struct span subscription, resource_group; /* empty if absent */
    struct span subscription_id, group_id;    /* "/subscriptions/{s}", ".../resourceGroups/{rg}" */
    struct span scope;                        /* before the last "/providers/"; may be empty */
    struct span provider;                     /* "Microsoft.Security"; empty: there is none */
    struct arm_path_pair {
        struct span type, name;
    } pairs[ARM_PATH_PAIRS_MAX];
    size_t pair_count; /* 1 or more if there is a provider */
};

/* {scope}[/providers/{namespace}(/{type}/{name})+]... where scope is "", a subscription, a resource group of
 * one, or such an id itself. Refused: empty segments, "." and "..", control characters, bytes that
 * are no UTF-8, and % ? # \ < > " which have a meaning of their own in URLs and shells. On ST_INVALID 'path' is
 * untouched and err says which part is wrong and how it should look. */
MUST_CHECK enum status arm_path_parse(struct span text, struct arm_path *path, struct err *err);

/* The types behind the last provider with '/' between: "assessments/subAssessments", cut at 'room'. */
void arm_path_type(const struct arm_path *path, char *out, size_t room);
/* Lower-case (ASCII) copy of 'text' in 'out', which has text.n bytes. */
void arm_path_fold(struct span text, char *out);
/* Whether 'text' is 'scope' or continues it at a '/'; any case. An empty scope holds everything. */
bool arm_path_is_below(struct span text, struct span scope);
/* Ignoring case of ASCII letters. */
bool arm_path_equal(struct span a, struct span b);
