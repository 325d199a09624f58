/* security_text_test.c - records as CEF and LEEF: every kind, escapes, and what a receiver reads back. */
#include "base/file.h"
#include "base/test.h"
#include "sink/security_play.h"
#include "sink/security_text.h"
#include "wire/json.h"

enum { ALERTS, INFO, EVIDENCE, NETWORK, ASSESSMENTS };

#define V PENSTOCK_VERSION
#define ENVELOPE(category, properties)                                                             \
    "{\"time\":\"2026-09-14T08:14:25.2820995Z\",\"tenantId\":\"" PLAY_TENANT                       \
    "\",\"operationName\":\"Publish\",\"category\":\"" category "\",\"properties\":" properties    \
    ",\"Tenant\":\"DefaultTenant\"}"

static const struct {
    const char *name;
    int lane;
    const char *row, *cef, *leef;
} cases[] = {
    {"an alert",                                                      ALERTS,
     "{\"VendorName\":\"Penstock\",\"AlertType\":\"PSTK_X\",\"ProductName\":\"Shield\","
     "\"TimeGenerated\":\"2026-05-12T09:00:02.485Z\",\"StartTimeUtc\":\"2026-05-12T08:58:11."
     "0170422Z\","
     "\"Severity\":\"High\",\"Status\":\"New\",\"ConfidenceScore\":null,\"SystemAlertId\":\"a_1\","
     "\"Intent\":\"InitialAccess, CredentialAccess\",\"CompromisedEntity\":\"vm-1\","
     "\"AlertDisplayName\":\"Odd|sign-in\",\"Description\":\"One=two.\\nThree\","
     "\"Entities\":[{\"$id\":\"4\",\"HostName\":\"vm-1\",\"Type\":\"Host\"},"
     "{\"$ref\":\"4\"},{\"Address\":\"192.0.2.44\",\"Type\":\"ip\"},"
     "{\"Name\":\"svc\",\"Type\":\"account\"}],"
     "\"ExtendedProperties\":{\"ProductComponentName\":\"Servers\"}}",                            "CEF:0|Penstock|Shield|" V "|PSTK_X|Odd\\|sign-in|8|rt=1778576402485 start=1778576291017 "
     "externalId=a_1 cat=Alerts msg=One\\=two.\\nThree src=192.0.2.44 suser=svc dhost=vm-1 "
     "cs1=InitialAccess, CredentialAccess cs1Label=Tactics cs2=Servers "
     "cs2Label=ProductComponentName cs3=vm-1 cs3Label=CompromisedEntity "
     "cs5=[{\"$id\":\"4\",\"HostName\":\"vm-1\",\"Type\":\"Host\"},{\"$ref\":\"4\"},"
     "{\"Address\":\"192.0.2.44\",\"Type\":\"ip\"},{\"Name\":\"svc\",\"Type\":\"account\"}] "
     "cs5Label=Entities cs6={\"ProductComponentName\":\"Servers\"} cs6Label=ExtendedProperties "
     "flexString2=New flexString2Label=Status",                                                                                                    "LEEF:2.0|Penstock|Shield|" V "|PSTK_X|x09|name=Odd|sign-in\tsev=8\tdevTime=1778576402485\t"
     "StartTimeUtc=1778576291017\tSystemAlertId=a_1\tcat=Alerts\tmsg=One=two.\\nThree\t"
     "src=192.0.2.44\tusrName=svc\tidentHostName=vm-1\tIntent=InitialAccess, CredentialAccess\t"
     "ProductComponentName=Servers\tCompromisedEntity=vm-1\t"
     "Entities=[{\"$id\":\"4\",\"HostName\":\"vm-1\",\"Type\":\"Host\"},{\"$ref\":\"4\"},"
     "{\"Address\":\"192.0.2.44\",\"Type\":\"ip\"},{\"Name\":\"svc\",\"Type\":\"account\"}]\t"
     "ExtendedProperties={\"ProductComponentName\":\"Servers\"}\tStatus=New"},
    {"an alert without anything",                                     ALERTS, "{}",
     "CEF:0|penstock|penstock|" V "|Alerts|Alerts|0|cat=Alerts",
     "LEEF:2.0|penstock|penstock|" V "|Alerts|x09|name=Alerts\tcat=Alerts"                                                                                                                       },
    {"an IPv6 address",                                               ALERTS,
     "{\"Severity\":\"low\",\"Entities\":[{\"Type\":\"ip\",\"Address\":\"2001:db8::1\"}]}",       "CEF:0|penstock|penstock|" V "|Alerts|Alerts|3|cat=Alerts c6a2=2001:db8::1 "
     "c6a2Label=Source IPv6 Address cs5=[{\"Type\":\"ip\",\"Address\":\"2001:db8::1\"}] "
     "cs5Label=Entities",                                                                                                     "LEEF:2.0|penstock|penstock|" V "|Alerts|x09|name=Alerts\tsev=3\tcat=Alerts\tsrc=2001:db8::1\t"
     "Entities=[{\"Type\":\"ip\",\"Address\":\"2001:db8::1\"}]"              },
    {"a header's escapes",                                            ALERTS,
     "{\"VendorName\":\"a\\\\b|c\",\"AlertType\":\"x\\ty|z\",\"AlertDisplayName\":\"one\\r\\ntwo\","
     "\"Severity\":\"Informational\"}",                                                           "CEF:0|a\\\\b\\|c|penstock|" V "|x y\\|z|one  two|1|cat=Alerts",
     "LEEF:2.0|a\\b/c|penstock|" V "|x y/z|x09|name=one\\r\\ntwo\tsev=1\tcat=Alerts"                                                                                                             },
    {"a value's escapes",                                             ALERTS,
     "{\"Description\":\"a\\\\b=c\\td\\u0000\\u001be|\\u00e4\\ud83d\"}",                          "CEF:0|penstock|penstock|" V "|Alerts|Alerts|0|cat=Alerts "
     "msg=a\\\\b\\=c\td\\\\u0000\\\\u001be|\xc3\xa4\\\\ud83d",                                                                                   "LEEF:2.0|penstock|penstock|" V "|Alerts|x09|name=Alerts\tcat=Alerts\t"
     "msg=a\\b=c\\td\\u0000\\u001be|\xc3\xa4\\ud83d"       },
    {"an alert's information, in an envelope",                        INFO,
     ENVELOPE(
         "AdvancedHunting-AlertInfo",                                                             "{\"Timestamp\":\"2026-09-14T08:12:35.9003059Z\",\"AlertId\":\"da1\",\"Title\":\"Bad\","
         "\"Category\":\"Execution\",\"Severity\":\"Medium\",\"ServiceSource\":\"MDE\","
         "\"DetectionSource\":\"EDR\",\"MachineGroup\":null,\"AttackTechniques\":\"\"}"),
     "CEF:0|penstock|MDE|" V
     "|AlertInfo|Bad|6|rt=1789373555900 externalId=da1 cat=Execution cs2=EDR "
     "cs2Label=DetectionSource cs3=MDE cs3Label=ServiceSource",                                                                                                                                    "LEEF:2.0|penstock|MDE|" V
     "|AlertInfo|x09|name=Bad\tsev=6\tdevTime=1789373555900\tAlertId=da1\t"
     "cat=Execution\tDetectionSource=EDR\tServiceSource=MDE"},
    {"and bare",                                                               INFO,                                                            "{\"AlertId\":\"da1\",\"Title\":\"Bad\",\"Timestamp\":\"yesterday\"}",
     "CEF:0|penstock|penstock|" V "|AlertInfo|Bad|0|externalId=da1",
     "LEEF:2.0|penstock|penstock|" V "|AlertInfo|x09|name=Bad\tAlertId=da1"                                                                                                                              },
    {"evidence",                                                               EVIDENCE,
     "{\"Timestamp\":\"2026-09-14T08:12:35Z\",\"AlertId\":\"da1\",\"EntityType\":\"Ip\","
     "\"RemoteIP\":"
     "\"198.51.100.7\",\"LocalIP\":\"fe80::1\",\"RemoteUrl\":\"https://x.example/"
     "?a=1\",\"FileSize\":17,"
     "\"AdditionalFields\":\"{\\\"a\\\":1}\",\"Severity\":\"Critical\"}",        "CEF:0|penstock|penstock|" V
     "|AlertEvidence|AdvancedHunting-AlertEvidence|10|rt=1789373555000 "
     "externalId=da1 cat=Ip c6a2=fe80::1 c6a2Label=Source IPv6 Address dst=198.51.100.7 "
     "request=https://x.example/?a\\=1 fsize=17 cs6={\"a\":1} cs6Label=AdditionalFields",                                                                                                                                                "LEEF:2.0|penstock|penstock|" V
     "|AlertEvidence|x09|name=AdvancedHunting-AlertEvidence\tsev=10\t"
     "devTime=1789373555000\tAlertId=da1\tcat=Ip\tsrc=fe80::1\tdst=198.51.100.7\t"
     "url=https://x.example/?a=1\tFileSize=17\tAdditionalFields={\"a\":1}"                                },
    {"a device's event",                                                               NETWORK,
     ENVELOPE(
         "AdvancedHunting-DeviceNetworkEvents", "{\"ActionType\":\"ConnectionSuccess\",\"RemoteIP\":\"no address\",\"RemotePort\":443,"
         "\"Big\":12345678901234567890}"),
     "CEF:0|penstock|penstock|" V "|ConnectionSuccess|AdvancedHunting-DeviceNetworkEvents|0|"
     "rt=1789373665282 externalId=g-4096-7-f cat=AdvancedHunting-DeviceNetworkEvents "
     "act=ConnectionSuccess dpt=443 cs1=" PLAY_TENANT " cs1Label=TenantId "
     "msg={\"ActionType\":\"ConnectionSuccess\",\"RemoteIP\":\"no address\",\"RemotePort\":443,"
     "\"Big\":12345678901234567890}",                                                                                                          "LEEF:2.0|penstock|penstock|" V
     "|ConnectionSuccess|x09|name=AdvancedHunting-DeviceNetworkEvents\t"
     "devTime=1789373665282\texternalId=g-4096-7-f\tcat=AdvancedHunting-DeviceNetworkEvents\t"
     "ActionType=ConnectionSuccess\tdstPort=443\tTenantId=" PLAY_TENANT
     "\tmsg={\"ActionType\":\"ConnectionSuccess\",\"RemoteIP\":\"no address\",\"RemotePort\":443,"
     "\"Big\":12345678901234567890}"},
    {"a recommendation",                            ASSESSMENTS,
     "{\"id\":\"/x\",\"properties\":{\"displayName\":\"MFA\",\"metadata\":{\"severity\":\"High\"},"
     "\"status\":{\"code\":\"Unhealthy\",\"statusChangeDate\":\"2026-05-12T08:41:07.4410233Z\"}}}",                                   "CEF:0|penstock|penstock|" V
     "|Assessments|Assessments|8|rt=1778575267441 externalId=g-4096-7-f "
     "cat=Assessments cs1=" PLAY_TENANT " cs1Label=TenantId cs3=MFA cs3Label=DisplayName "
     "cs4=Unhealthy cs4Label=Status msg={\"id\":\"/x\",\"properties\":{\"displayName\":\"MFA\","
     "\"metadata\":{\"severity\":\"High\"},\"status\":{\"code\":\"Unhealthy\","
     "\"statusChangeDate\":\"2026-05-12T08:41:07.4410233Z\"}}}",                                                                                                                  "LEEF:2.0|penstock|penstock|" V
     "|Assessments|x09|name=Assessments\tsev=8\tdevTime=1778575267441\t"
     "externalId=g-4096-7-f\tcat=Assessments\tTenantId=" PLAY_TENANT
     "\tDisplayName=MFA\tStatus=Unhealthy\tmsg={\"id\":\"/"
     "x\",\"properties\":{\"displayName\":\"MFA\","
     "\"metadata\":{\"severity\":\"High\"},\"status\":{\"code\":\"Unhealthy\","
     "\"statusChangeDate\":\"2026-05-12T08:41:07.4410233Z\"}}}"                                                                                               },
    {"no JSON", NETWORK,       "nonsense|a=b\n",
     "CEF:0|penstock|penstock|" V "|DeviceNetworkEvents|AdvancedHunting-DeviceNetworkEvents|0|"
     "externalId=g-4096-7-f cat=AdvancedHunting-DeviceNetworkEvents cs1=" PLAY_TENANT
     " cs1Label=TenantId msg=nonsense|a\\=b\\n",                                                                                                                               "LEEF:2.0|penstock|penstock|" V "|DeviceNetworkEvents|x09|"
     "name=AdvancedHunting-DeviceNetworkEvents\texternalId=g-4096-7-f\t"
     "cat=AdvancedHunting-DeviceNetworkEvents\tTenantId=" PLAY_TENANT "\tmsg=nonsense|a=b\\n"},
};

static struct security_record record;

/* Into room for 'size' bytes at 'out', behind which a NUL is put. */
static bool
written(int lane, struct span row, bool is_cef, char *out, size_t size)
{
    struct text t = {.p = out, .room = size - 1};

    security_record_read(&record, &play_lanes[lane], row, "g-4096-7-f");
    if (is_cef)
        cef_write(&record, &t);
    else
        leef_write(&record, &t);
    out[t.n] = '\0';
    return !t.is_cut;
}

static void
rows(void)
{
    char out[8192];

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int is_cef = 0; is_cef < 2; is_cef++) {
            const char *expected = is_cef ? cases[i].cef : cases[i].leef;
            size_t n = strlen(expected);

            CHECK(written(cases[i].lane, span_of(cases[i].row), is_cef, out, sizeof out) &&
                      strcmp(out, expected) == 0,
                  "%s:\n  %s\n  %s", cases[i].name, out, expected);
            /* every smaller room cuts, and is never overrun */
            char *small = malloc(n);

            for (size_t room = 1; room <= n; room += 1 + room / 7)
                CHECK(!written(cases[i].lane, span_of(cases[i].row), is_cef, small, room),
                      "%s: fits %zu bytes", cases[i].name, room);
            free(small);
        }
}

/* A receiver that knows only the formats' rules finds what JSON says, whatever characters it holds. */
static void
read_back(void)
{
    static const char *const values[] = {
        "plain",
        "a=b c=d",
        "back\\slash",
        "pipe|pipe",
        "two\nlines\r\nmore",
        " leading and trailing ",
        "src=10.0.0.1 msg=forged",
        "\\n is no line break",
        "\xc3\xa4\xe2\x80\xa8 unicode",
        "=",
        "\\",
    };
    char out[8192];

    for (size_t i = 0; i < COUNT_OF(values); i++) {
        json_t *row = json_pack("{ss,ss}", "Description", values[i], "SystemAlertId", "id");
        char *text = json_dumps(row, JSON_COMPACT);
        char *msg, *id;

        CHECK(written(ALERTS, span_of(text), true, out, sizeof out), "%s", text);
        msg = play_value(out, "msg", true);
        id = play_value(out, "externalId", true);
        CHECK(msg != NULL && strcmp(msg, values[i]) == 0 && id != NULL && strcmp(id, "id") == 0,
              "'%s' came as '%s' in %s", values[i], msg == NULL ? "" : msg, out);
        CHECK(strpbrk(out, "\r\n") == NULL, "a line break in %s", out);
        free(msg);
        free(id);
        free(text);
        json_decref(row);
    }
}

/* Of more members than are found at once, those behind are found too. */
static void
many_members(void)
{
    size_t room = 64 * 1024, n = 1;
    char *row = malloc(room), out[4096];

    row[0] = '{';
    for (int i = 0; i < 600; i++)
        n += (size_t)snprintf(row + n, room - n, "\"c%d\":%d,", i, i);
    snprintf(row + n, room - n, "\"AlertId\":\"behind\"}");
    CHECK(written(INFO, span_of(row), true, out, sizeof out) &&
              strstr(out, "externalId=behind") != NULL,
          "%s", out);
    free(row);
}

/* The contract's own example, if it is there. */
static void
example(void)
{
    const char *shared = getenv("PENSTOCK_SHARED");
    char path[1024], *text = NULL, out[16384];
    size_t size;
    struct err err;
    json_t *row;

    snprintf(path, sizeof path, "%s/contracts/examples/continuous-export/event-alerts.json",
             shared != NULL ? shared : "../shared");
    if (file_read(path, 1 << 20, &text, &size, &err) != ST_OK) {
        printf("skipped: the contract's example of an alert is not there\n");
        return;
    }
    row = json_loadb(text, size, 0, NULL);
    free(text);
    text = json_dumps(row, JSON_COMPACT);
    for (int is_cef = 0; is_cef < 2; is_cef++) {
        static const char *const facts[][3] = {
            {"externalId",  "SystemAlertId",     "SystemAlertId"    },
            {"msg",         "msg",               "Description"      },
            {"cs3",         "CompromisedEntity", "CompromisedEntity"},
            {"cs1",         "Intent",            "Intent"           },
            {"flexString1", "resource",          "AzureResourceId"  },
            {"request",     "url",               "AlertUri"         },
        };

        CHECK(written(ALERTS, span_of(text), is_cef, out, sizeof out), "it fits");
        for (size_t i = 0; i < COUNT_OF(facts); i++) {
            const char *expected = json_string_value(json_object_get(row, facts[i][2]));
            char *found = play_value(out, facts[i][is_cef ? 0 : 1], is_cef);

            CHECK(found != NULL && expected != NULL && strcmp(found, expected) == 0, "%s: '%s'",
                  facts[i][2], found == NULL ? "" : found);
            free(found);
        }
        CHECK(strstr(out, "src=192.0.2.44") != NULL && strstr(out, "=svc-web") != NULL &&
                  strstr(out, "Servers") != NULL,
              "entities: %s", out);
    }
    free(text);
    json_decref(row);
}

/* The tables keep to the dictionaries' rules. */
static void
tables(void)
{
    for (const struct security_kind *k = security_kinds; k->name != NULL; k++)
        for (const struct security_field *f = k->fields; f->from != NULL; f++) {
            CHECK(f->cef != NULL || f->leef != NULL, "%s: %s goes nowhere", k->name, f->from);
            CHECK(f->cef == NULL || (strpbrk(f->cef, " =|") == NULL && strlen(f->cef) < 64),
                  "%s: %s", k->name, f->cef);
            CHECK(f->leef == NULL || strpbrk(f->leef, " =\t") == NULL, "%s: %s", k->name, f->leef);
            CHECK((f->cef != NULL &&
                   (strncmp(f->cef, "cs", 2) == 0 || strncmp(f->cef, "flexString", 10) == 0)) ==
                      (f->cef_label != NULL),
                  "%s: %s and its label", k->name, f->from);
            CHECK(f->form != SECURITY_ADDRESS || strcmp(f->cef, "src") == 0 ||
                      strcmp(f->cef, "dst") == 0,
                  "%s: %s: IPv6 has no field", k->name, f->from);
            for (const struct security_field *g = k->fields; g != f; g++)
                CHECK((f->cef == NULL || g->cef == NULL || strcmp(f->cef, g->cef) != 0) &&
                          (f->leef == NULL || g->leef == NULL || strcmp(f->leef, g->leef) != 0),
                      "%s: %s and %s share a field", k->name, f->from, g->from);
        }
}

int
main(void)
{
    rows();
    read_back();
    many_members();
    example();
    tables();
    return test_end();
}
