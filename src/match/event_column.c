/* event_column.c - the seven workspace tables of continuous export, column by column
 * (continuous-export.md section 2.9). Rows, the list of columns and the manual are made from here. */
#include "match/event_row_inner.h"
#include <assert.h>

#define RESOURCE_STANDARD_ID                                                                       \
    {                                                                                              \
        "_ResourceId", "string", COLUMN_LOWER, 0, "id", NULL, false                                \
    }
#define SHRUNK                                                                                     \
    {                                                                                              \
        "ShrunkColumns", "string", COLUMN_SHRUNK, 0, NULL, NULL, true                              \
    }
#define BILLED_SIZE                                                                                \
    {                                                                                              \
        "_BilledSize", "real", COLUMN_SIZE, 0, NULL, NULL, false                                   \
    }
#define IS_BILLABLE                                                                                \
    {                                                                                              \
        "_IsBillable", "string", COLUMN_TEXT, 0, "true", NULL, false                               \
    }
#define SUBSCRIPTION(name)                                                                         \
    {                                                                                              \
        name, "string", COLUMN_SEGMENT, 0, "subscriptions", NULL, false                            \
    }
#define SOURCE_SYSTEM                                                                              \
    {                                                                                              \
        "SourceSystem", "string", COLUMN_TEXT, 0, "Azure", NULL, false                             \
    }
#define TENANT_ID                                                                                  \
    {                                                                                              \
        "TenantId", "string", COLUMN_WORKSPACE, 0, NULL, NULL, false                               \
    }
#define TYPE                                                                                       \
    {                                                                                              \
        "Type", "string", COLUMN_TABLE, 0, NULL, NULL, false                                       \
    }
#define IS_SNAPSHOT                                                                                \
    {                                                                                              \
        "IsSnapshot", "bool", COLUMN_SNAPSHOT, 0, NULL, NULL, false                                \
    }
#define EXPORTED                                                                                   \
    {                                                                                              \
        "TimeGenerated", "datetime", COLUMN_EXPORTED, 0, NULL, NULL, false                         \
    }
#define PROPERTIES                                                                                 \
    {                                                                                              \
        "Properties", "dynamic", COLUMN_PATH, SHRINK_PROPERTIES, "properties", NULL, false         \
    }
/* name, type, path */
#define PATH(name, type, path)                                                                     \
    {                                                                                              \
        name, type, COLUMN_PATH, 0, path, NULL, false                                              \
    }
#define EITHER(name, type, path, other)                                                            \
    {                                                                                              \
        name, type, COLUMN_PATH, 0, path, other, false                                             \
    }
#define JSON(name, type, path)                                                                     \
    {                                                                                              \
        name, type, COLUMN_PATH, SHRINK_JSON, path, NULL, false                                    \
    }
#define DESCRIPTION(path)                                                                          \
    {                                                                                              \
        "Description", "string", COLUMN_PATH, SHRINK_DESCRIPTION, path, NULL, false                \
    }
#define MADE(name, type, how)                                                                      \
    {                                                                                              \
        name, type, how, 0, NULL, NULL, false                                                      \
    }

/* clang-format off */
static const struct event_column alert[] = {
    PATH("AlertLink", "string", "AlertUri"),
    PATH("AlertName", "string", "AlertDisplayName"),
    PATH("AlertSeverity", "string", "Severity"),
    PATH("AlertType", "string", "AlertType"),
    BILLED_SIZE,
    PATH("CompromisedEntity", "string", "CompromisedEntity"),
    PATH("ConfidenceLevel", "string", "ConfidenceLevel"),
    PATH("ConfidenceScore", "real", "ConfidenceScore"),
    DESCRIPTION("Description"),
    PATH("DisplayName", "string", "AlertDisplayName"),
    PATH("EndTime", "datetime", "EndTimeUtc"),
    JSON("Entities", "string", "Entities"),
    JSON("ExtendedLinks", "string", "ExtendedLinks"),
    JSON("ExtendedProperties", "string", "ExtendedProperties"),
    IS_BILLABLE,
    PATH("IsIncident", "bool", "IsIncident"),
    PATH("ProcessingEndTime", "datetime", "ProcessingEndTime"),
    EITHER("ProductComponentName", "string", "ExtendedProperties.ProductComponentName", "ProductComponentName"),
    PATH("ProductName", "string", "ProductName"),
    PATH("ProviderName", "string", "ProviderName"),
    JSON("RemediationSteps", "string", "RemediationSteps"),
    PATH("ResourceId", "string", "AzureResourceId"),
    PATH("SourceComputerId", "string", "AgentId"),
    PATH("StartTime", "datetime", "StartTimeUtc"),
    PATH("Status", "string", "Status"),
    {"SubTechniques", "string", COLUMN_PATH_OR, 0, "SubTechniques", "", false},
    PATH("SystemAlertId", "string", "SystemAlertId"),
    PATH("Tactics", "string", "Intent"),
    {"Techniques", "string", COLUMN_PATH_OR, 0, "Techniques", "", false},
    {"TimeGenerated", "datetime", COLUMN_EXPORTED, 0, "TimeGenerated", NULL, false},
    TYPE,
    PATH("VendorName", "string", "VendorName"),
    MADE("VendorOriginalId", "string", COLUMN_NONE),
    PATH("WorkspaceResourceGroup", "string", "WorkspaceResourceGroup"),
    PATH("WorkspaceSubscriptionId", "string", "WorkspaceSubscriptionId"),
    SHRUNK,
};

static const struct event_column recommendation[] = {
    MADE("AssessedResourceId", "string", COLUMN_RESOURCE),
    BILLED_SIZE,
    DESCRIPTION("properties.metadata.description"),
    MADE("DeviceId", "string", COLUMN_NONE),
    MADE("DiscoveredTimeUTC", "datetime", COLUMN_ASSESSED),
    MADE("Environment", "string", COLUMN_ENVIRONMENT),
    PATH("FirstEvaluationDate", "datetime", "properties.status.firstEvaluationDate"),
    IS_BILLABLE,
    IS_SNAPSHOT,
    PATH("PolicyDefinitionId", "string", "properties.metadata.policyDefinitionId"),
    PROPERTIES,
    {"ProviderName", "string", COLUMN_TEXT, 0, "AzureSecurityCenter", NULL, false},
    JSON("RecommendationAdditionalData", "dynamic", "properties.additionalData"),
    PATH("RecommendationDisplayName", "string", "properties.displayName"),
    PATH("RecommendationId", "string", "name"),
    PATH("RecommendationName", "string", "properties.displayName"),
    PATH("RecommendationSeverity", "string", "properties.metadata.severity"),
    {"RecommendationState", "string", COLUMN_STATE, 0, "properties.status.code", NULL, false},
    MADE("ResolvedTimeUTC", "datetime", COLUMN_RESOLVED),
    MADE("ResourceRegion", "string", COLUMN_NONE),
    PATH("StatusChangeDate", "datetime", "properties.status.statusChangeDate"),
    MADE("TimeGenerated", "datetime", COLUMN_ASSESSED),
    TYPE,
    {"RemediationDescription", "string", COLUMN_PATH, 0, "properties.metadata.remediationDescription", NULL, true},
    {"NotApplicableReason", "string", COLUMN_PATH, 0, "properties.status.cause", NULL, true},
    SHRUNK,
};

static const struct event_column nested[] = {
    {"AdditionalData", "dynamic", COLUMN_PASCAL, SHRINK_JSON, "properties.additionalData", NULL, false},
    MADE("AssessedResourceId", "string", COLUMN_RESOURCE),
    BILLED_SIZE,
    PATH("Category", "string", "properties.category"),
    PATH("Cause", "string", "properties.status.cause"),
    DESCRIPTION("properties.description"),
    PATH("Id", "string", "id"),
    PATH("Impact", "string", "properties.impact"),
    IS_BILLABLE,
    IS_SNAPSHOT,
    PATH("NestedRecommendationId", "string", "name"),
    {"ParentRecommendationId", "string", COLUMN_SEGMENT, 0, "assessments", NULL, false},
    {"RecommendationLink", "string", COLUMN_LINK, 0, "properties.links.azurePortal", "assessments", false},
    PATH("RecommendationName", "string", "properties.displayName"),
    PATH("RecommendationSeverity", "string", "properties.status.severity"),
    {"RecommendationState", "string", COLUMN_STATE, 0, "properties.status.code", NULL, false},
    SUBSCRIPTION("RecommendationSubscriptionId"),
    PATH("RemediationDescription", "string", "properties.remediation"),
    PATH("RemidiationDescription", "string", "properties.remediation"),
    JSON("ResourceDetails", "dynamic", "properties.resourceDetails"),
    {"ResourceGroup", "string", COLUMN_SEGMENT, 0, "resourceGroups", NULL, false},
    MADE("_ResourceId", "string", COLUMN_RESOURCE_LOWER),
    PATH("ResourceProviderType", "string", "type"),
    SOURCE_SYSTEM,
    PATH("SubAssessmentTimeGeneration", "datetime", "properties.timeGenerated"),
    SUBSCRIPTION("_SubscriptionId"),
    TENANT_ID,
    EXPORTED,
    TYPE,
    PATH("VulnerabilityId", "string", "properties.id"),
    SHRUNK,
};

static const struct event_column score[] = {
    PATH("AssessedResourceId", "string", "id"),
    BILLED_SIZE,
    PATH("CurrentScore", "real", "properties.score.current"),
    PATH("DisplayName", "string", "properties.displayName"),
    MADE("Environment", "string", COLUMN_ENVIRONMENT),
    IS_BILLABLE,
    IS_SNAPSHOT,
    PATH("MaxScore", "int", "properties.score.max"),
    PATH("PercentageScore", "real", "properties.score.percentage"),
    PROPERTIES,
    RESOURCE_STANDARD_ID,
    PATH("ResourceProviderType", "string", "type"),
    SUBSCRIPTION("SecureScoresSubscriptionId"),
    SOURCE_SYSTEM,
    SUBSCRIPTION("_SubscriptionId"),
    TENANT_ID,
    EXPORTED,
    TYPE,
    PATH("Weight", "long", "properties.weight"),
    SHRUNK,
};

static const struct event_column control[] = {
    PATH("AssessedResourceId", "string", "id"),
    BILLED_SIZE,
    PATH("ControlId", "string", "name"),
    PATH("ControlName", "string", "properties.displayName"),
    PATH("ControlType", "string", "properties.definition.properties.source.sourceType"),
    PATH("CurrentScore", "real", "properties.score.current"),
    DESCRIPTION("properties.definition.properties.description"),
    MADE("Environment", "string", COLUMN_ENVIRONMENT),
    PATH("HealthyResources", "int", "properties.healthyResourceCount"),
    IS_BILLABLE,
    IS_SNAPSHOT,
    PATH("MaxScore", "int", "properties.score.max"),
    PATH("NotApplicableResources", "int", "properties.notApplicableResourceCount"),
    PATH("PercentageScore", "real", "properties.score.percentage"),
    PROPERTIES,
    JSON("RecommendationResourceIds", "dynamic", "properties.definition.properties.assessmentDefinitions"),
    RESOURCE_STANDARD_ID,
    PATH("ResourceProviderType", "string", "type"),
    SUBSCRIPTION("SecureScoresSubscriptionId"),
    SOURCE_SYSTEM,
    SUBSCRIPTION("_SubscriptionId"),
    TENANT_ID,
    EXPORTED,
    TYPE,
    PATH("UnhealthyResources", "int", "properties.unhealthyResourceCount"),
    PATH("Weight", "long", "properties.weight"),
    SHRUNK,
};

static const struct event_column compliance[] = {
    PATH("AssessedResourceId", "string", "id"),
    BILLED_SIZE,
    {"ComplianceControl", "string", COLUMN_SEGMENT, 0, "regulatoryComplianceControls", NULL, false},
    {"ComplianceStandard", "string", COLUMN_SEGMENT, 0, "regulatoryComplianceStandards", NULL, false},
    PATH("FailedResources", "int", "properties.failedResources"),
    IS_BILLABLE,
    IS_SNAPSHOT,
    PATH("PassedResources", "int", "properties.passedResources"),
    PROPERTIES,
    PATH("RecommendationId", "string", "name"),
    PATH("RecommendationLink", "string", "properties.assessmentDetailsLink"),
    PATH("RecommendationName", "string", "properties.description"),
    SUBSCRIPTION("RegulatoryComplianceSubscriptionId"),
    RESOURCE_STANDARD_ID,
    PATH("ResourceProviderType", "string", "type"),
    PATH("SkippedResources", "int", "properties.skippedResources"),
    SOURCE_SYSTEM,
    PATH("State", "string", "properties.state"),
    SUBSCRIPTION("_SubscriptionId"),
    TENANT_ID,
    EXPORTED,
    TYPE,
    SHRUNK,
};

static const struct event_column attack_path[] = {
    PATH("AdditionalRemediationSteps", "string", "attackPath.additionalRemediationSteps"),
    JSON("Assessments", "dynamic", "attackPath.assessments"),
    EITHER("AttackPathId", "string", "attackPath.attackPathId", "name"),
    PATH("AttackStory", "string", "attackPath.attackStory"),
    BILLED_SIZE,
    DESCRIPTION("attackPath.description"),
    PATH("DisplayName", "string", "attackPath.displayName"),
    PATH("EntrypointId", "string", "attackPath.entryPointId"),
    IS_BILLABLE,
    PATH("Mitre", "string", "attackPath.mitre"),
    JSON("Path", "dynamic", "attackPath.path"),
    PATH("PotentialImpact", "string", "attackPath.potentialImpact"),
    RESOURCE_STANDARD_ID,
    JSON("RiskFactors", "dynamic", "attackPath.riskFactors"),
    PATH("RiskLevel", "string", "attackPath.riskLevel"),
    SOURCE_SYSTEM,
    SUBSCRIPTION("_SubscriptionId"),
    PATH("TargetId", "string", "attackPath.targetId"),
    TENANT_ID,
    EXPORTED,
    TYPE,
    SHRUNK,
};

#define TABLE(columns) {columns, COUNT_OF(columns)}
static const struct {
    const struct event_column *columns;
    size_t count;
} tables[EVENT_SOURCES] = {
    [EVENT_ALERTS] = TABLE(alert),
    [EVENT_ASSESSMENTS] = TABLE(recommendation),
    [EVENT_SUB_ASSESSMENTS] = TABLE(nested),
    [EVENT_SECURE_SCORES] = TABLE(score),
    [EVENT_SECURE_SCORE_CONTROLS] = TABLE(control),
    [EVENT_COMPLIANCE] = TABLE(compliance),
    [EVENT_ATTACK_PATHS] = TABLE(attack_path),
};
/* clang-format on */

const struct event_column *
event_columns(enum event_source source, size_t *count)
{
    enum event_source streaming = event_source_rows[source].streaming;

    assert(tables[streaming].columns != NULL);
    *count = tables[streaming].count;
    return tables[streaming].columns;
}

/* How a column is filled, for people: %1 is its path, %2 the other; NULL parts are left out. */
static const struct {
    const char *before, *between, *after;
} words[] = {
    [COLUMN_NONE] = {"always null",                                                    NULL,      NULL                                                          },
    [COLUMN_PATH] = {"",                                                               "; else ", ""                                                            },
    [COLUMN_TEXT] = {"always '",                                                       NULL,      "'"                                                           },
    [COLUMN_PATH_OR] = {"",                                                               NULL,      "; else empty"                                                },
    [COLUMN_ENVIRONMENT] = {"properties.environment; else properties.resourceDetails.source; else "
                            "'Azure'",                            NULL,      NULL                                                          },
    [COLUMN_LOWER] = {"",                                                               NULL,      ", lower-case"                                                },
    [COLUMN_SEGMENT] = {"id: what follows '",                                             NULL,      "'"                                                           },
    [COLUMN_PASCAL] = {"",                                                               NULL,      ", names in PascalCase"                                       },
    [COLUMN_RESOURCE] = {"properties.resourceDetails.id; else id up to "
                         "'/providers/Microsoft.Security/'",      NULL,      NULL                                                          },
    [COLUMN_RESOURCE_LOWER] = {"the assessed resource's id, lower-case",                         NULL,      NULL                                                          },
    [COLUMN_STATE] = {"",                                                               NULL,      "; 'Removed' when deleted"                                    },
    [COLUMN_ASSESSED] = {"properties.status.statusChangeDate; time of export for snapshots and "
                         "deletions",                             NULL,      NULL                                                          },
    [COLUMN_RESOLVED] = {"properties.status.statusChangeDate if healthy; else 0001-01-01", NULL,
                     NULL                                                                                                                                       },
    [COLUMN_EXPORTED] = {"time of export",                                                 NULL,      NULL                                                          },
    [COLUMN_SNAPSHOT] = {"securityEventDataEnrichment.isSnapshot",                         NULL,      NULL                                                          },
    [COLUMN_LINK] = {"",                                                               NULL,      "; else a link to the recommendation, where a portal is known"},
    [COLUMN_WORKSPACE] = {"id of the workspace",                                            NULL,      NULL                                                          },
    [COLUMN_TABLE] = {"name of the table",                                              NULL,      NULL                                                          },
    [COLUMN_SIZE] = {"bytes of the values, standard columns aside",                    NULL,      NULL                                                          },
    [COLUMN_SHRUNK] = {"columns that were shrunk to keep the row within 32 KiB",         NULL,      NULL                                                          },
};

const char *
event_column_origin(const struct event_column *c, char out[256])
{
    bool has_path = c->path != NULL && words[c->how].after != NULL,
         has_other = c->other != NULL && words[c->how].between != NULL;

    snprintf(out, 256, "%s%s%s%s%s%s", words[c->how].before, has_path ? c->path : "",
             has_path && c->how == COLUMN_EXPORTED ? "; else " : "",
             has_other ? words[c->how].between : "", has_other ? c->other : "",
             words[c->how].after != NULL ? words[c->how].after : "");
    return out;
}
