/* generate.c - see generate.h. A column's values are templates, found by the column's name in one
 * table; a template's marks are filled from the record's context: its device, user, programs and
 * time. */
#include "penstock/generate.h"
#include "model/datetime.h"
#include <fnmatch.h>

/* ---- The world */

enum { DEVICES = 2000, USERS = 3000, ROLES = 3, ALTERNATIVES = 10, COLUMNS_MAX = 256 };

/* In JSON's escapes, since that is how they are written. */
struct image {
    const char *file, *folder, *company, *product, *version, *description, *arguments;
};
static const struct image images[] = {
    {"svchost.exe",     "C:\\\\Windows\\\\System32\\\\svchost.exe",                                   "Microsoft Corporation",
     "Microsoft® Windows® Operating System",                                                                                                                           "10.0.26100.4652",     "Host Process for Windows Services",
     "-k netsvcs -p -s Schedule"                                                                                                                                                                                                                                                                                           },
    {"chrome.exe",      "C:\\\\Program Files\\\\Contoso\\\\Browser\\\\chrome.exe",
     "Contoso GmbH & Co. KG",                                                                                                  "Contoso Browser",                        "141.0.7390.55",       "Contoso Browser",
     "--type=renderer --extension-process --origin-trial-disabled-features=CanvasTextNg "
     "--lang=de --num-raster-threads=4 --field-trial-handle=1720,i,%9,262144 /prefetch:2"                                                                                                                                                                                                                                  },
    {"powershell.exe",  "C:\\\\Windows\\\\System32\\\\WindowsPowerShell\\\\v1.0\\\\powershell.exe",
     "Microsoft Corporation",                                                                                                  "Microsoft® Windows® Operating System", "10.0.26100.4652",
     "Windows PowerShell",                                                                                                                                                                                                           "-NoProfile -ExecutionPolicy RemoteSigned -File \\\"C:\\\\ops\\\\inventory-%n.ps1\\\""},
    {"explorer.exe",    "C:\\\\Windows\\\\explorer.exe",                                              "Microsoft Corporation",
     "Microsoft® Windows® Operating System",                                                                                                                           "10.0.26100.4652",     "Windows Explorer",
     "/LOADSAVEDWINDOWS"                                                                                                                                                                                                                                                                                                   },
    {"teams.exe",       "C:\\\\Program Files\\\\WindowsApps\\\\MSTeams_25241.203\\\\ms-teams.exe",
     "Microsoft Corporation",                                                                                                  "Microsoft Teams",                        "25241.203.3947.4411", "Microsoft Teams",
     "msteams:system-initiated"                                                                                                                                                                                                                                                                                            },
    {"outlook.exe",     "C:\\\\Program Files\\\\Microsoft Office\\\\root\\\\Office16\\\\OUTLOOK.EXE",
     "Microsoft Corporation",                                                                                                  "Microsoft Outlook",                      "16.0.19127.20240",    "Microsoft Outlook",
     "/select \\\"outlook:\\\\\\\\Posteingang\\\\%n\\\""                                                                                                                                                                                                                                                                   },
    {"MsMpEng.exe",
     "C:\\\\ProgramData\\\\Microsoft\\\\Windows "
     "Defender\\\\Platform\\\\4.18.25080.5-0\\\\MsMpEng.exe",                                         "Microsoft Corporation", "Microsoft® Windows® Operating System", "4.18.25080.5",
     "Antimalware Service Executable",                                                                                                                                                                                               ""                                                                                    },
    {"cmd.exe",         "C:\\\\Windows\\\\System32\\\\cmd.exe",                                       "Microsoft Corporation",
     "Microsoft® Windows® Operating System",                                                                                                                           "10.0.26100.4652",     "Windows Command Processor",
     "/d /s /c \\\"schtasks /query /fo csv /tn \\\\Contoso\\\\Sync%n > %%TEMP%%\\\\t%n.csv "
     "2>&1\\\""                                                                                                                                                                                                                                                                                                            },
    {"conhost.exe",     "C:\\\\Windows\\\\System32\\\\conhost.exe",                                   "Microsoft Corporation",
     "Microsoft® Windows® Operating System",                                                                                                                           "10.0.26100.4652",     "Console Window Host",
     "0xffffffff -ForceV1"                                                                                                                                                                                                                                                                                                 },
    {"lsass.exe",       "C:\\\\Windows\\\\System32\\\\lsass.exe",                                     "Microsoft Corporation",
     "Microsoft® Windows® Operating System",                                                                                                                           "10.0.26100.4652",     "Local Security Authority Process",
     ""                                                                                                                                                                                                                                                                                                                    },
    {"code.exe",        "C:\\\\Users\\\\%U\\\\AppData\\\\Local\\\\Programs\\\\Editor\\\\Code.exe",
     "Fabrikam, Inc.",                                                                                                         "Fabrikam Editor",                        "1.104.2",             "Editor",
     "--type=utility --utility-sub-type=node.mojom.NodeService "
     "--user-data-dir=\\\"C:\\\\Users\\\\%U\\\\AppData\\\\Roaming\\\\Editor\\\" --lang=de"                                                                                                                                                                                                                                 },
    {"python3.12",      "/usr/bin/python3.12",                                                        "",                      "",                                       "",                    "",
     "/opt/contoso/bin/collect.py --interval %n"                                                                                                                                                                                                                                                                           },
    {"sshd",            "/usr/sbin/sshd",                                                             "",                      "",                                       "",                    "",                                  "-D -R"                                                                               },
    {"überwacher.exe", "D:\\\\Geräte\\\\Überwachung\\\\überwacher.exe",                           "Wide World Importers",
     "Überwachung für Geräte™",                                                                                                                                     "3.1.0",               "Überwachungsdienst",               "--dienst --größe %n"                                                               },
};

static const char *const first_names[] = {"dana",     "zoë",  "łukasz", "mia",  "josé",  "ben",
                                          "françois", "ayşe", "li",     "noah", "søren", "eva",
                                          "omar",     "ines", "kai",    "ana"};
static const char *const last_names[] = {"weber",   "müller", "nowak",  "garcía",
                                         "schmidt", "novák",  "rossi",  "yılmaz",
                                         "wang",    "smith",  "jensen", "fischer"};

struct device {
    char name[40], id[41];
    uint8_t group;
    bool is_linux;
};

struct role { /* one of a record's programs */
    const struct image *image;
    uint64_t hash; /* of the file */
    uint32_t id;
    uint32_t user; /* 0: the system */
    int64_t began;
};
enum { TARGET, INITIATING, PARENT };

/* ---- Columns */

/* clang-format off */
struct rule {
    const char *table,
        *column; /* fnmatch; the column without InitiatingProcess or InitiatingProcessParent */
    const char *values[ALTERNATIVES];
};
#define NONE "null"
#define BLANK "\"\""
/* The first that fits counts. Marks: see put_mark. */
static const struct rule rules[] = {
    {"*", "Timestamp", {"\"%t\""}},
    {"*", "CreationTime", {"\"%e\""}},
    {"*", "ProcessCreationTime", {"\"%e\""}},
    {"Device*", "DeviceId", {"\"%I\""}},
    {"*", "DeviceId", {"\"%I\"", "\"%I\"", NONE}},
    {"Device*", "DeviceName", {"\"%D\""}},
    {"*", "*DeviceName", {"\"%D\"", NONE, NONE, BLANK}},
    {"DeviceInfo", "ReportId", {"%9"}},
    {"DeviceNetworkInfo", "ReportId", {"%9"}},
    {"Device*", "ReportId", {"%q", "%q", "%q", "%9"}},
    {"CloudAppEvents", "ReportId", {"\"%x_%n_%g\""}},
    {"*", "ReportId", {"\"%g-%9-1\""}},
    {"DeviceProcessEvents", "ActionType", {"\"ProcessCreated\"", "\"ProcessCreated\"", "\"OpenProcess\""}},
    {"DeviceNetworkEvents", "ActionType", {"\"ConnectionSuccess\"", "\"ConnectionSuccess\"", "\"ConnectionFailed\"", "\"DnsConnectionInspected\"", "\"InboundConnectionAccepted\""}},
    {"DeviceFileEvents", "ActionType", {"\"FileCreated\"", "\"FileModified\"", "\"FileRenamed\"", "\"FileDeleted\"", "\"FileCreated\""}},
    {"DeviceRegistryEvents", "ActionType", {"\"RegistryValueSet\"", "\"RegistryValueSet\"", "\"RegistryKeyCreated\"", "\"RegistryValueDeleted\""}},
    {"DeviceImageLoadEvents", "ActionType", {"\"ImageLoaded\""}},
    {"DeviceLogonEvents", "ActionType", {"\"LogonSuccess\"", "\"LogonSuccess\"", "\"LogonFailed\"", "\"LogonAttempted\""}},
    {"IdentityLogonEvents", "ActionType", {"\"LogonSuccess\"", "\"LogonSuccess\"", "\"LogonFailed\""}},
    {"DeviceEvents", "ActionType", {"\"PowerShellCommand\"", "\"NamedPipeEvent\"", "\"GetClipboardData\"", "\"AntivirusScanCompleted\"", "\"UsbDriveMounted\"", "\"ScheduledTaskCreated\""}},
    {"UrlClickEvents", "ActionType", {"\"ClickAllowed\"", "\"ClickAllowed\"", "\"ClickBlocked\""}},
    {"CloudAppEvents", "ActionType", {"\"FileDownloaded\"", "\"FileAccessed\"", "\"MailItemsAccessed\"", "\"MessageSent\""}},
    {"AlertEvidence", "AdditionalFields", {"\"{\\\"HostName\\\":\\\"%H\\\",\\\"DnsDomain\\\":\\\"contoso.example\\\",\\\"Type\\\":\\\"host\\\",\\\"Role\\\":0}\"", "\"{\\\"Url\\\":\\\"https://%w/a.ps1\\\",\\\"Type\\\":\\\"url\\\",\\\"Role\\\":1}\""}},
    {"DeviceEvents", "AdditionalFields", {"\"{\\\"Command\\\":\\\"Get-ChildItem -Path \\\\\\\"C:\\\\\\\\Users\\\\\\\\%U\\\\\\\\Documents\\\\\\\" -Recurse\\\"}\"", "\"{\\\"PipeName\\\":\\\"\\\\\\\\Device\\\\\\\\NamedPipe\\\\\\\\mojo.%q.%n\\\",\\\"FileOperation\\\":\\\"File opened\\\",\\\"NamedPipeEnd\\\":\\\"Server\\\"}\"", "\"{\\\"TaskName\\\":\\\"\\\\\\\\Contoso\\\\\\\\Aktualisierung für Geräte\\\"}\"", NONE}},
    {"DeviceNetworkEvents", "AdditionalFields", {"\"{\\\"direction\\\":\\\"Out\\\",\\\"conn_state\\\":\\\"SF\\\",\\\"duration\\\":%n.%n,\\\"orig_bytes\\\":%q,\\\"uid\\\":\\\"C%x\\\"}\"", NONE, NONE}},
    {"DeviceLogonEvents", "AdditionalFields", {"\"{\\\"IsLocalLogon\\\":true}\"", NONE}},
    {"Device*", "AdditionalFields", {NONE, NONE, "\"{\\\"FileType\\\":\\\"PortableExecutable\\\",\\\"Signer\\\":\\\"Contoso™\\\"}\""}},
    {"CloudAppEvents", "AdditionalFields", {"{\"IsSatelliteProvider\":false}", "{}"}},
    {"CloudAppEvents", "ActivityObjects", {"[{\"Type\":\"File\",\"Role\":\"Target object\",\"Name\":\"Plan %n für Zürich.docx\",\"Id\":\"%g\",\"ApplicationId\":20892,\"ApplicationInstance\":0}]", "[]"}},
    {"CloudAppEvents", "RawEventData", {"{\"CreationTime\":\"%t\",\"Id\":\"%g\",\"Operation\":\"FileDownloaded\",\"UserId\":\"%M\",\"ClientIP\":\"%r\",\"Workload\":\"SharePoint\",\"ObjectId\":\"https://contoso.example/sites/%n/Freigegebene Dokumente/Plan.docx\",\"Size\":%q,\"Parts\":[{\"Name\":\"IsManaged\",\"Value\":true},{\"Name\":\"Score\",\"Value\":-%n.%n},null]}"}},
    {"IdentityLogonEvents", "AdditionalFields", {"{\"ARG.CLOUD_SERVICE\":\"Portal\",\"Request ID\":\"%g\",\"Pass-through authentication\":\"false\"}"}},
    {"*", "LastSeenForUser", {"{\"ActionType\":0,\"ISP\":%n}", "{\"ISP\":0}"}},
    {"*", "UncommonForUser", {"[]", "[]", "[\"ISP\",\"ActionType\"]"}},
    {"*", "IPTags", {NONE, "[\"Corporate\"]"}},
    {"EmailEvents", "To", {"[\"%M\"]", "[\"%M\",\"team-%n@contoso.example\"]"}},
    {"EmailEvents", "Cc", {"[]", "[\"team-%n@contoso.example\"]"}},
    {"*", "AuthenticationDetails", {"\"{\\\"SPF\\\":\\\"pass\\\",\\\"DKIM\\\":\\\"pass\\\",\\\"DMARC\\\":\\\"pass\\\",\\\"CompAuth\\\":\\\"pass\\\"}\"", "\"{\\\"SPF\\\":\\\"fail\\\",\\\"DKIM\\\":\\\"none\\\",\\\"DMARC\\\":\\\"none\\\"}\""}},
    {"*", "Subject", {"\"Quarterly update – Zürich 🚀 %n\"", "\"Re: Angebot Nr. %q für Größe \\\"XL\\\"\"", "\"Rechnung %q\"", "\"会議の件 (%n)\"", "\"Fwd: lunch?\""}},
    {"*", "InternetMessageId", {"\"<%x.%x@mail.fabrikam.example>\""}},
    {"*", "NetworkMessageId", {"\"%g\""}},
    {"*", "Sender*Address", {"\"news-%n@fabrikam.example\"", "\"%M\""}},
    {"*", "Sender*Domain", {"\"fabrikam.example\"", "\"contoso.example\""}},
    {"*", "SenderDisplayName", {"\"Fabrikam News\"", "\"%N\""}},
    {"*", "SenderIPv4", {"\"%r\""}},
    {"*", "RecipientEmailAddress", {"\"%M\""}},
    {"*", "RecipientDomain", {"\"contoso.example\""}},
    {"*", "EmailDirection", {"\"Inbound\"", "\"Inbound\"", "\"Outbound\"", "\"Intra-org\""}},
    {"*", "*DeliveryAction", {"\"Delivered\"", "\"Delivered\"", "\"Blocked\"", "\"Junked\""}},
    {"*", "*DeliveryLocation", {"\"Inbox/folder\"", "\"Inbox/folder\"", "\"Quarantine\""}},
    {"*", "EmailClusterId", {"%9"}},
    {"*", "UrlChain", {"\"[\\\"https://%w/c?u=%n\\\", \\\"https://www.fabrikam.example/q%n\\\"]\""}},
    {"*", "*Categories", {"\"[\\\"Execution\\\"]\"", "\"[\\\"Persistence\\\",\\\"DefenseEvasion\\\"]\""}},
    {"*", "Category", {"\"Execution\"", "\"SuspiciousActivity\"", "\"Malware\""}},
    {"*", "AttackTechniques", {BLANK, "\"[\\\"PowerShell (T1059.001)\\\",\\\"Ingress Tool Transfer (T1105)\\\"]\""}},
    {"*", "AlertId", {"\"da63924998%q%n_-%q\""}},
    {"*", "Title", {"\"Suspicious PowerShell download\"", "\"'Emotet' malware was prevented\"", "\"Anomalous token – Übernahme?\""}},
    {"*", "Severity", {"\"Medium\"", "\"Low\"", "\"High\"", "\"Informational\""}},
    {"*", "ServiceSource", {"\"Microsoft Defender for Endpoint\"", "\"Microsoft Defender XDR\""}},
    {"*", "DetectionSource", {"\"EDR\"", "\"Antivirus\""}},
    {"*", "EntityType", {"\"Machine\"", "\"Url\"", "\"Process\"", "\"User\""}},
    {"*", "LoggedOnUsers", {"\"[{\\\"UserName\\\":\\\"%U\\\",\\\"DomainName\\\":\\\"CONTOSO\\\",\\\"Sid\\\":\\\"%S\\\"}]\"", "\"[]\""}},
    {"*", "IPAddresses", {"\"[{\\\"IPAddress\\\":\\\"%l\\\",\\\"SubnetPrefix\\\":24,\\\"AddressType\\\":\\\"Private\\\"},{\\\"IPAddress\\\":\\\"fe80::%n:%x\\\",\\\"SubnetPrefix\\\":64,\\\"AddressType\\\":\\\"LinkLocal\\\"}]\""}},
    {"*", "ConnectedNetworks", {"\"[{\\\"Name\\\":\\\"contoso.example\\\",\\\"Description\\\":\\\"Büro %n\\\",\\\"IsConnectedToInternet\\\":true,\\\"Category\\\":\\\"Domain\\\"}]\"", NONE}},
    {"*", "DnsAddresses", {"\"[\\\"192.0.2.%n\\\",\\\"192.0.2.53\\\"]\""}},
    {"*", "DefaultGateways", {"\"[\\\"192.0.2.1\\\"]\""}},
    {"*", "FileName", {"\"%F\""}},
    {"*", "*FileName", {NONE, "\"%F\"", BLANK}},
    {"*", "*VersionInfoCompanyName", {"\"%C\"", "\"%C\"", BLANK, NONE}},
    {"*", "*VersionInfoProductName", {"\"%V\"", "\"%V\"", BLANK, NONE}},
    {"*", "*VersionInfoProductVersion", {"\"%v\"", NONE}},
    {"*", "*VersionInfoInternalFileName", {"\"%F\"", BLANK, NONE}},
    {"*", "*VersionInfoOriginalFileName", {"\"%F\"", BLANK, NONE}},
    {"*", "*VersionInfoFileDescription", {"\"%T\"", NONE}},
    {"*", "FolderPath", {"\"%L\""}},
    {"*", "*FolderPath", {NONE, "\"%L\""}},
    {"*", "*CommandLine", {"\"%F %K\"", "\"%F\"", "\"\\\"%L\\\" %K\"", "\"%F %K\""}},
    {"*", "SHA1", {"\"%1\""}},
    {"*", "SHA256", {"\"%2\"", NONE}},
    {"*", "MD5", {"\"%5\"", "\"%5\"", NONE}},
    {"*", "FileSize", {"%Z"}},
    {"*", "EmailSize", {"%Z"}},
    {"*", "Id", {"%q"}},
    {"*", "*ProcessId", {"%q"}},
    {"*", "*UniqueId", {"\"1407374883%q\""}},
    {"*", "*LogonId", {"%q", "999"}},
    {"*", "LogonID", {"%q"}},
    {"*", "*SessionId", {"%n", "0", "1"}},
    {"*", "*IntegrityLevel", {"\"Medium\"", "\"High\"", "\"System\"", "\"Low\""}},
    {"*", "*TokenElevation", {"\"TokenElevationTypeLimited\"", "\"TokenElevationTypeDefault\"", "\"TokenElevationTypeFull\""}},
    {"*", "SignatureStatus", {"\"Valid\"", "\"Unknown\""}},
    {"*", "SignerType", {"\"OsVendor\"", "\"Unknown\""}},
    {"*", "AppGuardContainerId", {BLANK, BLANK, NONE}},
    {"*", "RequestAccount*", {NONE, BLANK, NONE}},
    {"*", "*AccountName", {"%A"}},
    {"*", "*AccountDomain", {"%B"}},
    {"*", "*AccountSid", {"\"%S\""}},
    {"*", "*AccountUpn", {"%P", NONE}},
    {"*", "*ObjectId", {"%O", NONE}},
    {"*", "AccountId", {"%P"}},
    {"*", "*AccountDisplayName", {"\"%N\""}},
    {"*", "RegistryKey", {"\"HKEY_LOCAL_MACHINE\\\\SOFTWARE\\\\Contoso\\\\Agent\\\\%n\"", "\"HKEY_CURRENT_USER\\\\%S\\\\SOFTWARE\\\\Microsoft\\\\Windows\\\\CurrentVersion\\\\Run\""}},
    {"*", "PreviousRegistryKey", {BLANK, "\"HKEY_LOCAL_MACHINE\\\\SOFTWARE\\\\Contoso\\\\Agent\\\\%n\""}},
    {"*", "*RegistryValueName", {"\"LastRun\"", "\"Größe\"", "\"(Default)\"", NONE}},
    {"*", "*RegistryValueData", {"\"%t\"", "\"C:\\\\Program Files\\\\Contoso\\\\agent.exe /s\"", "\"%q\"", NONE}},
    {"*", "RegistryValueType", {"\"String\"", "\"Dword\"", "\"ExpandString\"", NONE}},
    {"*", "*LocalIP", {"\"%l\""}},
    {"*", "*RemoteIP", {"\"%r\"", "\"%r\"", "\"2001:db8::%x\""}},
    {"*", "PublicIP", {"\"%r\""}},
    {"*", "IPAddress", {"\"%r\""}},
    {"*", "*SourceIP", {NONE, "\"%l\""}},
    {"*", "LocalIPType", {"\"Private\""}},
    {"*", "RemoteIPType", {"\"Public\"", "\"Private\"", "\"FourToSixMapping\""}},
    {"*", "RemotePort", {"443", "443", "80", "53", "%p"}},
    {"*", "LocalPort", {"%p"}},
    {"*", "Protocol", {"\"Tcp\"", "\"Tcp\"", "\"Udp\""}},
    {"*", "*Url", {"\"https://%w/api/v%n?q=%x&lang=de\"", "\"%w\"", NONE}},
    {"*", "UrlDomain", {"\"%w\""}},
    {"*", "*RemoteSession*", {NONE}},
    {"*", "MachineGroup", {"%G"}},
    {"*", "OSPlatform", {"\"Windows11\"", "\"Windows10\"", "\"Linux\""}},
    {"*", "OSBuild", {"26100", "22631", NONE}},
    {"*", "ClientVersion", {"\"10.8805.26100.%q\""}},
    {"*", "UserAgent", {"\"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\"", NONE}},
    {"*", "Application", {"\"Microsoft SharePoint Online\"", "\"Microsoft 365\"", "\"Microsoft Teams\""}},
    {"*", "LogonType", {"\"Network\"", "\"Interactive\"", "\"OAuth2:Authorize\"", "\"Unlock\""}},
    {"*", "CountryCode", {"\"CH\"", "\"DE\"", NONE}},
    {"*", "City", {"\"Zürich\"", "\"Köln\"", "\"São Paulo\""}},
    {"*", "ISP", {"\"Contoso Telecom\""}},
};
/* clang-format on */

/* Columns that no rule names, by their type. */
static const struct rule fallbacks[] = {
    [COLUMN_STRING] = {NULL, NULL, {NONE, NONE, NONE, BLANK, NONE, "\"Unknown\""}              },
    [COLUMN_DATETIME] = {NULL, NULL, {"\"%e\"", NONE}                                            },
    [COLUMN_INT] = {NULL, NULL, {"%n", "0", NONE}                                           },
    [COLUMN_LONG] = {NULL, NULL, {"%q", NONE}                                                },
    [COLUMN_REAL] = {NULL, NULL, {"%n.%n", "-0.5", NONE}                                     },
    [COLUMN_BOOL] = {NULL, NULL, {"false", "true", "false", NONE}                            },
    [COLUMN_DYNAMIC] = {NULL, NULL, {NONE, "{}", "[]", "{\"Count\":%n,\"Items\":[\"%x\",null]}"}},
    [COLUMN_GUID] = {NULL, NULL, {"\"%g\"", NONE}                                            },
    [COLUMN_TIMESPAN] = {NULL, NULL, {"\"00:00:%n.5000000\"", NONE}                              },
    [COLUMN_DECIMAL] = {NULL, NULL, {"%n.%n", NONE}                                             },
};

struct column_plan {
    const struct rule *rule;
    struct span head; /* ,"Name": */
    uint8_t role, count;
};

struct table_plan {
    const struct catalog_table *table;
    const struct column_plan *columns;
    size_t column_count;
    uint32_t weight;   /* of all before and this */
    bool is_decorated; /* MachineGroup is added */
};

struct generator {
    struct generate_options options;
    uint64_t random;
    int64_t now; /* ticks */
    size_t table_count;
    struct table_plan tables[GENERATE_TABLES_MAX];
    struct device devices[DEVICES];
    /* of the record being made */
    const struct device *device;
    struct role roles[ROLES];
    unsigned role;
};

/* ---- Chance */

static uint64_t
mix(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static uint32_t
chance(struct generator *g, uint32_t below)
{
    g->random += 0x9e3779b97f4a7c15;
    return (uint32_t)((mix(g->random) >> 32) * below >> 32);
}

/* A sixteenth of all has half of the draws. */
static uint32_t
skewed(struct generator *g, uint32_t below)
{
    uint64_t u = chance(g, UINT32_MAX);

    u = u * u >> 32;
    u = u * u >> 32;
    return (uint32_t)(u * below >> 32);
}

/* ---- Text */

static char *
put(char *out, const char *text)
{
    size_t size = strlen(text);

    memcpy(out, text, size);
    return out + size;
}

static char *
put_number(char *out, uint64_t n)
{
    char digits[20];
    size_t size = 0;

    do
        digits[sizeof digits - ++size] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    memcpy(out, digits + sizeof digits - size, size);
    return out + size;
}

static char *
put_hex(char *out, uint64_t seed, unsigned digits)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < digits; i++, bits >>= 4) {
        if (i % 16 == 0)
            bits = mix(seed + i);
        *out++ = "0123456789abcdef"[bits & 15];
    }
    return out;
}

static char *
put_guid(char *out, uint64_t seed)
{
    char hex[32];

    put_hex(hex, seed, 32);
    hex[12] = '4';
    for (unsigned i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *out++ = '-';
        *out++ = hex[i];
    }
    return out;
}

/* 0 to 7 fraction digits, trailing zeros trimmed, as in the hunting columns (streaming-api.md
 * section 6). */
static char *
put_time(char *out, int64_t ticks)
{
    char *end = out + DATETIME_TEXT_SIZE - 1;

    datetime_write(out, ticks);
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.')
        end--;
    *end = 'Z';
    return end + 1;
}

static char *
put_user(char *out, uint32_t user)
{
    out = put(out, first_names[user % COUNT_OF(first_names)]);
    *out++ = '.';
    out = put(out, last_names[user / COUNT_OF(first_names) % COUNT_OF(last_names)]);
    return user < 192 ? out : put_number(out, user);
}

static char *put_template(struct generator *g, char *out, const char *text);

/* A mark that says something of the record's programs. */
static char *
put_program(struct generator *g, char *out, char mark)
{
    const struct role *r = &g->roles[g->role];

    switch (mark) {
    case 'F':
        return put(out, r->image->file);
    case 'L':
        return put_template(g, out, r->image->folder);
    case 'C':
        return put(out, r->image->company);
    case 'V':
        return put(out, r->image->product);
    case 'v':
        return put(out, r->image->version);
    case 'T':
        return put(out, r->image->description);
    case 'K':
        return put_template(g, out, r->image->arguments);
    case '1':
        return put_hex(out, r->hash, 40);
    case '2':
        return put_hex(out, r->hash + 1000, 64);
    case '5':
        return put_hex(out, r->hash + 2000, 32);
    case 'Z':
        return put_number(out, 4096 + (r->hash >> 44));
    case 'q':
        return put_number(out, r->id + g->role);
    default: /* e */
        return put_time(out, r->began);
    }
}

/* A mark that says something of the role's user. A, B, P and O are whole values, since the system
 * has no account in the directory. */
static char *
put_account(struct generator *g, char *out, char mark)
{
    uint32_t user = g->roles[g->role].user;

    if (user == 0 && mark != 'U' && mark != 'M' && mark != 'N')
        return put(out, mark == 'A'   ? "\"system\""
                        : mark == 'B' ? "\"nt authority\""
                        : mark == 'S' ? "S-1-5-18"
                                      : NONE);
    switch (mark) {
    case 'B':
        return put(out, "\"contoso\"");
    case 'S':
        return put_number(put(out, "S-1-5-21-1004336348-1177238915-682003330-"), 1000 + user);
    case 'O':
        *out++ = '"';
        out = put_guid(out, user);
        break;
    case 'A':
    case 'P':
        *out++ = '"';
        /* fall through */
    default: /* U, M, N */
        out = put_user(out, user);
    }
    if (mark == 'P' || mark == 'M')
        out = put(out, "@contoso.example");
    if (mark == 'A' || mark == 'P' || mark == 'O')
        *out++ = '"';
    return out;
}

static char *
put_mark(struct generator *g, char *out, char mark)
{
    static const char *const groups[] = {"\"EU Workstations\"", "\" US Servers\"",
                                         "\"UnassignedGroup\"", "\"Büro Zürich\""};
    static const char *const hosts[] = {"cdn.fabrikam.example",        "login.contoso.example",
                                        "updates.wingtiptoys.example", "xn--brse-5qa.example",
                                        "telemetry.fabrikam.example",  "api.adatum.example"};

    switch (mark) {
    case 'D': /* device's full name; H: short; I: id; G: MachineGroup, a whole value */
        return put(put(out, g->device->name), ".contoso.example");
    case 'H':
        return put(out, g->device->name);
    case 'I':
        return put(out, g->device->id);
    case 'G':
        return put(out, groups[g->device->group % COUNT_OF(groups)]);
    case 'A':
    case 'B':
    case 'S':
    case 'P':
    case 'O':
    case 'U':
    case 'M':
    case 'N':
        return put_account(g, out, mark);
    case 't':
        return put_time(out, g->now);
    case 'g':
        return put_guid(out, g->random += 0x9e3779b97f4a7c15);
    case 'x': /* 8 hexadecimal digits */
        return put_hex(out, g->random += 0x9e3779b97f4a7c15, 8);
    case '9': /* 18 digits; too many for a double */
        return put_number(out, 639249987000000000 + chance(g, UINT32_MAX));
    case 'n':
        return put_number(out, 1 + chance(g, 99));
    case 'p':
        return put_number(out, 49152 + chance(g, 16384));
    case 'l': /* addresses for documentation, RFC 5737 */
        return put_number(put(out, "192.0.2."), g->device->group);
    case 'r':
        return put_number(put(out, chance(g, 2) ? "198.51.100." : "203.0.113."), skewed(g, 256));
    case 'w':
        return put(out, hosts[skewed(g, COUNT_OF(hosts))]);
    case '%':
        *out = '%';
        return out + 1;
    default:
        return put_program(g, out, mark);
    }
}

static char *
put_template(struct generator *g, char *out, const char *text)
{
    for (const char *mark; (mark = strchr(text, '%')) != NULL; text = mark + 2) {
        memcpy(out, text, (size_t)(mark - text));
        out = put_mark(g, out + (mark - text), mark[1]);
    }
    return put(out, text);
}

/* ---- Plans */

static const char *
strip_role(const char *column, uint8_t *role)
{
    static const struct {
        const char *prefix;
        uint8_t role;
    } prefixes[] = {
        {"InitiatingProcessParent", PARENT    },
        {"InitiatingProcess",       INITIATING}
    };

    *role = TARGET;
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        size_t size = strlen(prefixes[i].prefix);

        if (strncmp(column, prefixes[i].prefix, size) == 0) {
            *role = prefixes[i].role;
            return column + size;
        }
    }
    return column;
}

static const struct rule *
find_rule(const char *table, const struct catalog_column *column, uint8_t *role)
{
    const char *name = strip_role(column->name, role);
    bool is_text = column->type == COLUMN_STRING || column->type == COLUMN_DATETIME ||
                   column->type == COLUMN_GUID;

    for (const struct rule *r = rules; r < rules + COUNT_OF(rules); r++) {
        bool quotes = r->values[0][0] == '"' || strchr("ABPOG", r->values[0][1]) != NULL;

        /* the same name has other types in other tables: ReportId, AdditionalFields */
        if (fnmatch(r->table, table, 0) != 0 || fnmatch(r->column, name, 0) != 0)
            continue;
        if (strcmp(r->values[0], NONE) == 0 || quotes == is_text)
            return r;
    }
    return &fallbacks[column->type];
}

static enum status
plan_columns(struct generator *g, struct table_plan *plan, struct arena *a, struct err *err)
{
    const struct catalog_table *t = plan->table;
    struct column_plan *columns = arena_take(a, t->column_count * sizeof *columns);
    uint8_t role;

    if (columns == NULL)
        return err_set(err, ST_FULL, "no room for a generator");
    for (size_t i = 0; i < t->column_count; i++) {
        struct column_plan *c = &columns[plan->column_count];
        size_t size = strlen(t->columns[i].name) + 4;
        char *head;

        if (g->options.form == GENERATE_ROWS && strcmp(t->columns[i].name, "MachineGroup") == 0)
            continue;
        if ((head = arena_take(a, size + 1)) == NULL)
            return err_set(err, ST_FULL, "no room for a generator");
        snprintf(head, size + 1, ",\"%s\":", t->columns[i].name);
        c->rule = find_rule(t->name, &t->columns[i], &role);
        c->role = role;
        c->head = (struct span){head, size};
        while (c->count < ALTERNATIVES && c->rule->values[c->count] != NULL)
            c->count++;
        plan->column_count++;
    }
    plan->columns = columns;
    plan->is_decorated =
        g->options.form == GENERATE_ENVELOPES && t->machine_group == GROUP_DECORATED;
    return ST_OK;
}

static const struct {
    const char *table;
    uint32_t weight;
} usual[] = {
  /* comes to the contract's median size of 2.3 KB */
    {"DeviceNetworkEvents",   270},
    {"DeviceFileEvents",      150},
    {"DeviceProcessEvents",   120},
    {"DeviceRegistryEvents",  90 },
    {"EmailEvents",           70 },
    {"DeviceImageLoadEvents", 60 },
    {"DeviceLogonEvents",     60 },
    {"IdentityLogonEvents",   60 },
    {"DeviceEvents",          40 },
    {"CloudAppEvents",        30 },
    {"DeviceInfo",            20 },
    {"DeviceNetworkInfo",     20 },
    {"AlertEvidence",         6  },
    {"AlertInfo",             4  }
};

static enum status
plan_table(struct generator *g, const char *name, struct arena *a, struct err *err)
{
    const struct catalog *catalog = g->options.catalog;
    const struct catalog_table *table = catalog_find(catalog, span_of(name)), *near;
    struct table_plan *plan = &g->tables[g->table_count];
    uint32_t weight = 20;

    if (table == NULL) {
        near = catalog_find_near(catalog, span_of(name));
        return err_set(err, ST_INVALID, "no table is called %s%s%s%s", name,
                       near != NULL ? "; did you mean " : "", near != NULL ? near->name : "",
                       near != NULL ? "?" : "; see penstock schema");
    }
    if (table->category == NULL && g->options.form == GENERATE_ENVELOPES)
        return err_set(err, ST_INVALID,
                       "%s does not stream, so it has no envelope; use --form rows", name);
    for (size_t i = 0; i < COUNT_OF(usual); i++)
        if (strcmp(usual[i].table, name) == 0)
            weight = usual[i].weight;
    *plan = (struct table_plan){.table = table,
                                .weight = weight + (g->table_count > 0 ? plan[-1].weight : 0)};
    g->table_count++;
    return plan_columns(g, plan, a, err);
}

enum status
generator_make(const struct generate_options *o, struct arena *a, struct generator **made,
               struct err *err)
{
    struct generator *g = arena_take(a, sizeof *g);
    size_t count = o->table_count > 0 ? o->table_count : COUNT_OF(usual);
    enum status st;

    if (g == NULL)
        return err_set(err, ST_FULL, "no room for a generator");
    if (count > GENERATE_TABLES_MAX)
        return err_set(err, ST_INVALID, "%zu tables are too many; name at most %d", count,
                       GENERATE_TABLES_MAX);
    g->options = *o;
    g->random = mix(o->seed);
    g->now = INT64_C(639249696000000000); /* 2026-09-14T08:00:00Z */
    for (uint32_t i = 0; i < DEVICES; i++) {
        struct device *d = &g->devices[i];

        d->is_linux = i % 11 == 0;
        d->group = (uint8_t)(mix(o->seed + i) >> 56);
        snprintf(d->name, sizeof d->name, "%s-%04u",
                 d->is_linux  ? "lx-web"
                 : i % 7 == 0 ? "srv"
                              : "ws",
                 i);
        put_hex(d->id, o->seed * DEVICES + i, 40);
    }
    for (size_t i = 0; i < count; i++)
        if ((st = plan_table(g, o->table_count > 0 ? o->tables[i] : usual[i].table, a, err)) !=
            ST_OK)
            return st;
    *made = g;
    return ST_OK;
}

/* ---- Records */

static void
begin_record(struct generator *g)
{
    uint32_t device = skewed(g, DEVICES);

    g->now += 1 + chance(g, 40000); /* 2 ms on average */
    g->device = &g->devices[device];
    for (unsigned i = 0; i < ROLES; i++) {
        struct role *r = &g->roles[i];
        uint32_t image = skewed(g, 12), version = skewed(g, 40);

        if (chance(g, 30) == 0)
            image = 13;
        if (g->device->is_linux)
            image = 11 + image % 2;
        r->image = &images[image];
        r->hash = mix(image * 64 + version);
        r->id = 400 + chance(g, 60000);
        r->user = chance(g, 4) == 0 ? 0 : 1 + (device * 7 + chance(g, 3)) % (USERS - 1);
        r->began = g->now - (int64_t)(1 + skewed(g, 1u << 31)) * (i + 1);
    }
}

static char *
put_row(struct generator *g, const struct table_plan *plan, char *out)
{
    char *first = out;

    for (const struct column_plan *c = plan->columns; c < plan->columns + plan->column_count; c++) {
        memcpy(out, c->head.p, c->head.n);
        g->role = c->role;
        out = put_template(g, out + c->head.n,
                           c->rule->values[c->count > 1 ? chance(g, c->count) : 0]);
    }
    if (plan->is_decorated)
        out = put_template(g, out, ",\"MachineGroup\":%G");
    *first = '{'; /* for the first comma */
    *out++ = '}';
    return out;
}

static char *
put_envelope(struct generator *g, const struct table_plan *plan, char *out)
{
    int64_t received = g->now + 100000000 + chance(g, 500000000);

    out = put(out, "{\"time\":\"");
    datetime_write(out, received + 500000000 + chance(g, 1000));
    out = put(out + DATETIME_TEXT_SIZE, "\",\"tenantId\":\"");
    out = put(out, g->options.tenant);
    out = put(out, "\",\"operationName\":\"Publish\",\"category\":\"");
    out = put(out, plan->table->category);
    out = put(out, "\",\"_TimeReceivedBySvc\":\"");
    datetime_write(out, received);
    out = put(out + DATETIME_TEXT_SIZE, "\",\"properties\":");
    out = put_row(g, plan, out);
    return put(out, ",\"Tenant\":\"DefaultTenant\"}");
}

size_t
generate_next(struct generator *g, char *out)
{
    uint32_t draw = chance(g, g->tables[g->table_count - 1].weight);
    const struct table_plan *plan = g->tables;
    char *end;

    while (draw >= plan->weight)
        plan++;
    begin_record(g);
    end = g->options.form == GENERATE_ROWS ? put_row(g, plan, out) : put_envelope(g, plan, out);
    *end++ = '\n';
    return (size_t)(end - out);
}
