/* security_map.c - which column goes into which field of CEF (ArcSight Common Event Format, revision 25)
 * and LEEF (version 2.0), for each kind of record. The manual's tables are made from these.
 *
 * Keys are those of the two dictionaries where one fits; else CEF's custom strings with a label, and
 * in LEEF the column's own name, which its rules allow. CEF has six custom strings and two flex
 * strings: what is left over of an alert is in the JSON of Entities and ExtendedProperties. */
#include "sink/security_record.h"

const struct security_severity_row security_severity_rows[SECURITY_SEVERITIES] = {
    [SECURITY_NONE] = {"",              6, 0 },
      [SECURITY_INFORMATIONAL] = {"Informational", 6, 1 },
    [SECURITY_LOW] = {"Low",           5, 3 },
      [SECURITY_MEDIUM] = {"Medium",        4, 6 },
    [SECURITY_HIGH] = {"High",          3, 8 },
      [SECURITY_CRITICAL] = {"Critical",      2, 10},
};

#define TEXT SECURITY_TEXT
#define TIME SECURITY_TIME
#define ADDRESS SECURITY_ADDRESS

/* continuous-export.md section 2.3 */
static const struct security_field alert_fields[] = {
    {"@time",                      TIME, "rt", NULL, "devTime"},
    {"StartTimeUtc",                        TIME, "start", NULL, "StartTimeUtc"},
    {"EndTimeUtc",                   TIME, "end", NULL, "EndTimeUtc"},
    {"SystemAlertId",               TEXT, "externalId", NULL, "SystemAlertId"},
    {"@category",                     TEXT, "cat", NULL, "cat"},
    {"Description",              TEXT, "msg", NULL, "msg"},
    {"Entities[ip].Address",                 ADDRESS, "src", NULL, "src"},
    {"Entities[account].Name",                       TEXT, "suser", NULL, "usrName"},
    {"Entities[account].NTDomain",                TEXT, "sntdom", NULL, "domain"},
    {"Entities[host].HostName",              TEXT, "dhost", NULL, "identHostName"},
    {"Entities[process].CommandLine",                TEXT, "dproc", NULL, "CommandLine"},
    {"Entities[file].Name",             TEXT, "fname", NULL, "FileName"},
    {"Entities[file].Directory",                  TEXT, "filePath", NULL, "FolderPath"},
    {"Entities[filehash].Value",                       TEXT, "fileHash", NULL, "FileHash"},
    {"AlertUri",                       TEXT, "request", NULL, "url"},
    {"AgentId",                TEXT, "deviceExternalId", NULL, "AgentId"},
    {"Intent",                       TEXT, "cs1", "Tactics", "Intent"},
    {"ExtendedProperties.ProductComponentName",                       TEXT, "cs2", "ProductComponentName",
     "ProductComponentName"},
    {"CompromisedEntity",       TEXT, "cs3", "CompromisedEntity", "CompromisedEntity"},
    {"RemediationSteps",                       TEXT, "cs4", "RemediationSteps", "RemediationSteps"},
    {"Entities",                       TEXT, "cs5", "Entities", "Entities"},
    {"ExtendedProperties",     TEXT, "cs6", "ExtendedProperties", "ExtendedProperties"},
    {"AzureResourceId",                     TEXT, "flexString1", "AzureResourceId", "resource"},
    {"Status",                   TEXT, "flexString2", "Status", "Status"},
    {0},
};

static const struct security_field alert_info_fields[] = {
    {"@time",       TIME, "rt", NULL, "devTime"},
    {"AlertId",         TEXT, "externalId", NULL, "AlertId"},
    {"Category",    TEXT, "cat", NULL, "cat"},
    {"AttackTechniques",     TEXT, "cs1", "AttackTechniques", "AttackTechniques"},
    {"DetectionSource", TEXT, "cs2", "DetectionSource", "DetectionSource"},
    {"ServiceSource",    TEXT, "cs3", "ServiceSource", "ServiceSource"},
    {"MachineGroup",    TEXT, "cs4", "MachineGroup", "MachineGroup"},
    {0       },
};

static const struct security_field alert_evidence_fields[] = {
    {"@time",         TIME, "rt", NULL, "devTime"},
    {"AlertId",           TEXT, "externalId", NULL, "AlertId"},
    {"EntityType",      TEXT, "cat", NULL, "cat"},
    {"LocalIP",       ADDRESS, "src", NULL, "src"},
    {"RemoteIP",   ADDRESS, "dst", NULL, "dst"},
    {"RemoteUrl",      TEXT, "request", NULL, "url"},
    {"AccountName",    TEXT, "suser", NULL, "usrName"},
    {"AccountDomain",          TEXT, "sntdom", NULL, "domain"},
    {"AccountSid",          TEXT, "suid", NULL, "AccountSid"},
    {"DeviceName",       TEXT, "dvchost", NULL, "identHostName"},
    {"DeviceId",          TEXT, "deviceExternalId", NULL, "DeviceId"},
    {"FileName",          TEXT, "fname", NULL, "FileName"},
    {"FolderPath",      TEXT, "filePath", NULL, "FolderPath"},
    {"FileSize",          TEXT, "fsize", NULL, "FileSize"},
    {"SHA256",          TEXT, "fileHash", NULL, "SHA256"},
    {"EvidenceRole",     TEXT, "cs1", "EvidenceRole", "EvidenceRole"},
    {"AttackTechniques",      TEXT, "cs2", "AttackTechniques", "AttackTechniques"},
    {"ProcessCommandLine",          TEXT, "cs3", "ProcessCommandLine", "ProcessCommandLine"},
    {"RegistryKey",   TEXT, "cs4", "RegistryKey", "RegistryKey"},
    {"AccountUpn",        TEXT, "cs5", "AccountUpn", "AccountUpn"},
    {"AdditionalFields",      TEXT, "cs6", "AdditionalFields", "AdditionalFields"},
    {"ThreatFamily", TEXT, "flexString1", "ThreatFamily", "ThreatFamily"},
    {"EmailSubject",       TEXT, "flexString2", "EmailSubject", "EmailSubject"},
    {0      },
};

/* Any other: the columns that most tables share, and the whole record in msg. */
static const struct security_field other_fields[] = {
    {"@time",             TIME, "rt", NULL, "devTime"},
    {"@id",               TEXT, "externalId", NULL, "externalId"},
    {"@category",          TEXT, "cat", NULL, "cat"},
    {"ActionType",               TEXT, "act", NULL, "ActionType"},
    {"DeviceName",       TEXT, "dvchost", NULL, "identHostName"},
    {"DeviceId",       TEXT, "deviceExternalId", NULL, "DeviceId"},
    {"LocalIP",         ADDRESS, "src", NULL, "src"},
    {"LocalPort",              TEXT, "spt", NULL, "srcPort"},
    {"RemoteIP",              ADDRESS, "dst", NULL, "dst"},
    {"RemotePort",        TEXT, "dpt", NULL, "dstPort"},
    {"Protocol",              TEXT, "proto", NULL, "proto"},
    {"RemoteUrl",       TEXT, "request", NULL, "url"},
    {"AccountName",        TEXT, "duser", NULL, "usrName"},
    {"AccountDomain",          TEXT, "dntdom", NULL, "domain"},
    {"InitiatingProcessAccountName",    TEXT, "suser", NULL, "InitiatingProcessAccountName"},
    {"InitiatingProcessFileName",          TEXT, "sproc", NULL, "InitiatingProcessFileName"},
    {"FileName", TEXT, "fname", NULL, "FileName"},
    {"FolderPath",         TEXT, "filePath", NULL, "FolderPath"},
    {"FileSize",           TEXT, "fsize", NULL, "FileSize"},
    {"SHA256",              TEXT, "fileHash", NULL, "SHA256"},
    {"@tenant",              TEXT, "cs1", "TenantId", "TenantId"},
    {"ProcessCommandLine",         TEXT, "cs2", "ProcessCommandLine", "ProcessCommandLine"},
    {"properties.displayName",              TEXT, "cs3", "DisplayName", "DisplayName"},
    {"properties.status.code",          TEXT, "cs4", "Status", "Status"},
    {"properties.resourceDetails.id",          TEXT, "cs5", "ResourceId", "resource"},
    {"attackPath.displayName",              TEXT, "cs6", "AttackPath", "AttackPath"},
    {"@record",              TEXT, "msg", NULL, "msg"},
    {0       },
};

const struct security_kind security_kinds[] = {
    {
     .name = "alerts of continuous export",
     .tables = {"Alerts"},
     .vendor = "VendorName",
     .product = "ProductName",
     .event = "AlertType",
     .title = "AlertDisplayName",
     .fields = alert_fields,
     },
    {
     .name = "AlertInfo",
     .tables = {"AlertInfo"},
     .vendor = "=penstock",
     .product = "ServiceSource",
     .event = "@table",
     .title = "Title",
     .fields = alert_info_fields,
     },
    {
     .name = "AlertEvidence",
     .tables = {"AlertEvidence"},
     .vendor = "=penstock",
     .product = "ServiceSource",
     .event = "@table",
     .title = "Title",
     .fields = alert_evidence_fields,
     },
    {
     .name = "any other record",
     .vendor = "=penstock",
     .product = "=penstock",
     .event = "ActionType",
     .title = "@category",
     .fields = other_fields,
     },
    {0                                          },
};
