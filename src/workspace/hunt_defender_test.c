/* hunt_defender_test.c - Defender's own functions (data/functions) over a workspace's rows: what they tell, whose rows they see,
 * in both shapes and by both engines; a stored function of the same name goes before. */
#include "kql/bind.h"
#include "workspace/hunt_bed.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHA_C "cccccccccccccccccccccccccccccccccccccccc"
#define SHA_D "dddddddddddddddddddddddddddddddddddddddd"

static struct workspace *w;
static const char *const one[] = {ONE};

static const struct {
    const char *query, *expected;
} cases[] = {
  /* on two devices as a file, on a third as the process that did something; TWO's device is not counted */
    {"DeviceFileEvents | where DeviceId == 'd1' | invoke FileProfile(SHA1, 500)"
     " | project GlobalPrevalence, GlobalFirstSeen, GlobalLastSeen, Signer, SignatureState, "
     "IsExecutable, ThreatName, Publisher,"
     " SoftwareName, ProfileAvailability",                                                 "3|2026-03-01T10:00:00.0000000Z|2026-03-03T10:00:00.0000000Z|Acme|SignedValid|True|Bad!x|Acme "
     "Ltd|Acme Tool|Available;"                                            },
    {"DeviceFileEvents | where DeviceId == 'd1' | invoke FileProfile() | project SHA1, SHA256, "
     "MD5, FileSize",                                                                      SHA_A "|a256|5|100;"      },
    {"DeviceFileEvents | where DeviceId == 'd1' | invoke FileProfile(\"SHA256\") | project "
     "GlobalPrevalence",                                                                   "2;"                      },
 /* one that was only written, without a certificate */
    {"DeviceFileEvents | where DeviceId == 'd2' and SHA1 == '" SHA_B
     "' | invoke FileProfile('SHA1', 10)"
     " | project GlobalPrevalence, Signer, SignatureState, IsExecutable, ThreatName, "
     "ProfileAvailability",                                                                "1||Unknown|~||Available;"},
 /* of no row; of an empty hash; behind the limit */
    {"datatable(SHA1:string)['" SHA_D "', ''] | invoke FileProfile(SHA1)"
     " | project SHA1, GlobalPrevalence, ProfileAvailability | sort by SHA1 desc",         SHA_D "|~|Missing;|~|;"   },
    {"DeviceFileEvents | distinct SHA1 | invoke FileProfile(SHA1, 1) | summarize "
     "countif(ProfileAvailability == 'Available'), count()",                               "1|2;"                    },
    {"datatable(H:string)['" SHA_B
     "'] | invoke FileProfile(H) | where GlobalPrevalence < 500 | project H, SHA1",        SHA_B "|" SHA_B ";"       },
    {"datatable(IP:string)['10.0.0.2', '10.9.9.9'] | invoke DeviceFromIP()",                    "10.0.0.2|d2;"            },
    {"datatable(Local:string)['10.0.0.7'] | invoke DeviceFromIP(Local)",                        ""                        },
    {"datatable(Local:string)['10.0.0.7'] | invoke DeviceFromIP(Local, "
     "datetime(2026-03-01T12:00:00Z))",                                                    "10.0.0.7|d2;"            },
    {"AssignedIPAddresses('D2') | project Timestamp, IPAddress, IPType, NetworkAdapterType | sort "
     "by IPAddress asc",                                                                   "2026-03-02T10:00:00.0000000Z|10.0.0.2|Private|Ethernet;2026-03-02T10:00:00.0000000Z|8.8.8.8|"
     "Public|Ethernet;"                                                                      },
    {"AssignedIPAddresses('name2', datetime(2026-03-01T12:00:00Z)) | project IPAddress",
     "10.0.0.7;"                                                                                                          },
    {"datatable(DeviceId:string)['d2', 'd1'] | invoke SeenBy() | project DeviceId, SeenBy | sort "
     "by DeviceId asc",                                                                    "d1|[];d2|[\"d3\"];"      },
    {"datatable(Other:string)['d2'] | invoke SeenBy(Other) | project n = array_length(SeenBy)",
     "1;"                                                                                                                 },
};

static void
fill(void)
{
    static const char of[] =
        "\"SHA1\":\"" SHA_A "\",\"SHA256\":\"a256\",\"MD5\":\"5\",\"FileSize\":100";
    char text[2048];

    snprintf(text, sizeof text,
             "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"DeviceId\":\"d1\",%s}\n"
             "{\"Timestamp\":\"2026-03-02T10:00:00Z\",\"DeviceId\":\"d2\",%s}\n"
             "{\"Timestamp\":\"2026-03-02T10:00:00Z\",\"DeviceId\":\"d2\",\"SHA1\":\"" SHA_B
             "\"}\n",
             of, of);
    bed_write(w, ONE, "DeviceFileEvents", text, 3);
    snprintf(text, sizeof text, "{\"Timestamp\":\"2026-02-01T10:00:00Z\",\"DeviceId\":\"d9\",%s}\n",
             of);
    bed_write(w, TWO, "DeviceFileEvents", text, 1);
    bed_write(
        w, ONE, "DeviceNetworkEvents",
        "{\"Timestamp\":\"2026-03-03T10:00:00Z\",\"DeviceId\":\"d3\",\"RemoteIP\":\"10.0.0.2\","
        "\"InitiatingProcessSHA1\":\"" SHA_A
        "\",\"InitiatingProcessVersionInfoCompanyName\":\"Acme Ltd\","
        "\"InitiatingProcessVersionInfoProductName\":\"Acme Tool\"}\n"
        "{\"Timestamp\":\"2026-03-03T10:00:00Z\",\"DeviceId\":\"d2\",\"RemoteIP\":\"10.0.0.2\"}\n"
        "{\"Timestamp\":\"2026-03-03T10:00:00Z\",\"DeviceId\":\"d1\",\"RemoteIP\":\"127.0.0.1\"}\n",
        3);
    bed_write(w, ONE, "DeviceFileCertificateInfo",
              "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"SHA1\":\"" SHA_A
              "\",\"Signer\":\"Acme\",\"IsSigned\":true,\"IsTrusted\":true}\n",
              1);
    bed_write(w, ONE, "DeviceEvents",
              "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"DeviceId\":\"d1\",\"ActionType\":"
              "\"AntivirusDetection\",\"SHA1\":\"" SHA_A
              "\",\"AdditionalFields\":\"{\\\"ThreatName\\\":\\\"Bad!x\\\"}\"}\n",
              1);
    bed_write(
        w, ONE, "DeviceNetworkInfo",
        "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"DeviceId\":\"d2\",\"DeviceName\":\"name2\","
        "\"NetworkAdapterName\":\"e0\","
        "\"NetworkAdapterType\":\"Ethernet\",\"IPAddresses\":\"[{\\\"IPAddress\\\":\\\"10.0.0."
        "7\\\"}]\"}\n"
        "{\"Timestamp\":\"2026-03-02T10:00:00Z\",\"DeviceId\":\"d2\",\"DeviceName\":\"name2\","
        "\"NetworkAdapterName\":\"e0\","
        "\"NetworkAdapterType\":\"Ethernet\",\"IPAddresses\":\"[{\\\"IPAddress\\\":\\\"10.0.0."
        "2\\\",\\\"AddressType\\\":"
        "\\\"Private\\\"},{\\\"IPAddress\\\":\\\"8.8.8.8\\\",\\\"AddressType\\\":\\\"Public\\\"}]"
        "\"}\n"
        "{\"Timestamp\":\"2026-03-02T10:00:00Z\",\"DeviceId\":\"d1\",\"NetworkAdapterName\":\"lo\","
        "\"IPAddresses\":\"[{\\\"IPAddress\\\":\\\"127.0.0.1\\\"}]\"}\n",
        3);
}

static void
ask(const struct hunt_request *r, const char *expected)
{
    static char text[65536];
    struct hunt h;
    struct err err = {""};

    if (hunt_run(w, r, &h, &err) == ST_OK)
        bed_print(&h, text, sizeof text);
    else
        snprintf(text, sizeof text, "%d: %s", (int)h.outcome, err.text);
    CHECK(strcmp(text, expected) == 0, "shape %d, engine %d: %.*s:\n  '%s' is not\n  '%s'",
          (int)r->shape, (int)r->engine, (int)r->text.n, r->text.p, text, expected);
    hunt_end(&h);
}

static bool
own_function(void *context, struct span name, struct span *text)
{
    (void)context;
    *text = SPAN_LITERAL("let SeenBy = (T:(*), x:string=\"DeviceId\") { T | extend SeenBy = x }");
    return span_equal(name, SPAN_LITERAL("SeenBy"));
}

int
main(void)
{
    static const enum hunt_shape shapes[] = {HUNT_HUNTING, HUNT_WORKSPACE, HUNT_BOTH};

    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    w = bed_open_with(&catalog_builtin);
    fill();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t k = 0; k < COUNT_OF(shapes); k++)
            for (int engine = HUNT_BEST; engine <= HUNT_ROWS_ONLY; engine++) {
                struct hunt_request r = bed_request(cases[i].query, one, 1);

                r.shape = shapes[k];
                r.engine = (enum hunt_engine)engine;
                ask(&r, cases[i].expected);
            }
    struct hunt_request r = bed_request("datatable(a:string)['d2'] | invoke SeenBy(a)", one, 1);

    r.function = own_function;
    ask(&r, "d2|a;");
    workspace_close(w);
    bed_remove();
    return test_end();
}
