/* syslog_message_test.c - the header of RFC 5424 and the framing of RFC 6587, byte for byte. */
#include "base/test.h"
#include "sink/syslog_message.h"
#include <stdlib.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define SD(category)                                                                               \
    "[penstock@32473 tenant=\"" TENANT "\" category=\"" category "\" id=\"g-81920-3-f\"]"

static const struct {
    const char *name;
    struct lane lane;
    enum syslog_format format;
    int facility;
    const char *hostname, *row, *out; /* without the framing */
} cases[] = {
    {"an alert",
     {TENANT, "Alerts", "Alerts", 0},
     SYSLOG_JSON, 16,
     "siem-1.test", "{\"TimeGenerated\":\"2026-05-12T09:00:02.485Z\",\"Severity\":\"High\"}",
     "<131>1 2026-05-12T09:00:02.485000Z siem-1.test penstock - Alerts " SD(
         "Alerts") " {\"TimeGenerated\":\"2026-05-12T09:00:02.485Z\",\"Severity\":\"High\"}"                                                                                         },
    {"an envelope: the event's time, the row as it is",
     {TENANT, "AdvancedHunting-AlertInfo", "AlertInfo", 0},
     SYSLOG_JSON, 10,
     "h",           "{\"time\":\"2026-09-14T08:14:25.2820995Z\",\"category\":\"AdvancedHunting-AlertInfo\","
     "\"properties\":{\"Timestamp\":\"2026-09-14T08:12:35.9003059Z\",\"Severity\":\"medium\"}}",      "<84>1 2026-09-14T08:12:35.900305Z h penstock - AlertInfo " SD(
         "AdvancedHunting-AlertInfo") " {\"time\":\"2026-09-14T08:14:25.2820995Z\",\"category\":"
                                      "\"AdvancedHunting-AlertInfo\","
                                      "\"properties\":{\"Timestamp\":\"2026-09-14T08:12:35."
                                      "9003059Z\",\"Severity\":\"medium\"}}"},
    {"the envelope's time, where there is no other",
     {TENANT, "X", "X", 0},
     SYSLOG_JSON, 0,
     "h",           "{\"time\":\"2026-09-14T08:14:25.2820995Z\",\"category\":\"X\",\"properties\":{\"n\":1}}",
     "<6>1 2026-09-14T08:14:25.282099Z h penstock - X " SD(
         "X") " {\"time\":\"2026-09-14T08:14:25.2820995Z\",\"category\":\"X\",\"properties\":{"
              "\"n\":1}}"                                                                                                                                                            },
    {"a time with a zone",
     {TENANT, "X", "X", 0},
     SYSLOG_JSON, 23,
     "h",           "{\"Timestamp\":\"2026-01-01T00:30:00+01:00\",\"Severity\":\"Critical\"}",
     "<186>1 2025-12-31T23:30:00.000000Z h penstock - X " SD(
         "X") " {\"Timestamp\":\"2026-01-01T00:30:00+01:00\",\"Severity\":\"Critical\"}"                                                                                             },
    {"nothing known",
     {TENANT, "X", "X", 0},
     SYSLOG_JSON, 16,
     "",            "{\"Severity\":\"odd\"}",
     "<134>1 - - penstock - X " SD("X") " {\"Severity\":\"odd\"}"                                                                                                                    },
    {"no such day",
     {TENANT, "X", "X", 0},
     SYSLOG_JSON, 16,
     "h",           "{\"Timestamp\":\"2026-02-30T00:00:00Z\"}",
     "<134>1 - h penstock - X " SD("X") " {\"Timestamp\":\"2026-02-30T00:00:00Z\"}"                                                                                                  },
    {"a long table is cut in MSGID alone",
     {TENANT, "AdvancedHunting-DeviceTvmSecureConfigurationAssessmentKB",
      "DeviceTvmSecureConfigurationAssessmentKB", 0},
     SYSLOG_JSON, 16,
     "h",           "{}",
     "<134>1 - h penstock - DeviceTvmSecureConfigurationAsse " SD(
         "AdvancedHunting-DeviceTvmSecureConfigurationAssessmentKB") " {}"                                                                                                           },
    {"odd characters of a category",
     {TENANT, "a\"b]c\\d", "t \xc3\xa4", 0},
     SYSLOG_JSON, 16,
     "h",           "{}",
     "<134>1 - h penstock - t___ " SD("a\\\"b\\]c\\\\d") " {}"                                                                                                                       },
    {"CEF",
     {TENANT, "Alerts", "Alerts", 0},
     SYSLOG_CEF,  16,
     "h",           "{\"TimeGenerated\":\"2026-05-12T09:00:02.485Z\",\"Severity\":\"Low\"}",
     "<133>1 2026-05-12T09:00:02.485000Z h penstock - Alerts " SD(
         "Alerts") " CEF:0|penstock|penstock|" PENSTOCK_VERSION
                   "|Alerts|Alerts|3|rt=1778576402485 cat=Alerts"                                                                                                                    },
    {"LEEF has milliseconds",
     {TENANT, "Alerts", "Alerts", 0},
     SYSLOG_LEEF, 16,
     "h",           "{\"TimeGenerated\":\"2026-05-12T09:00:02.4859Z\"}",
     "<134>1 2026-05-12T09:00:02.485Z h penstock - Alerts " SD(
         "Alerts") " LEEF:2.0|penstock|penstock|" PENSTOCK_VERSION
                   "|Alerts|x09|name=Alerts\tdevTime=1778576402485\tcat=Alerts"                                                                                                      },
};

static struct security_record record;

static void
messages(void)
{
    char room[4096];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct syslog_style style = {
            .format = cases[i].format,
            .facility = cases[i].facility,
            .enterprise = 32473,
            .hostname = cases[i].hostname,
            .app_name = "penstock",
        };
        struct text out = {.p = room, .n = 2, .room = sizeof room - 1};
        size_t n = strlen(cases[i].out);
        char expected[4096];

        memcpy(room, "--", 2);
        security_record_read(&record, &cases[i].lane, span_of(cases[i].row), "g-81920-3-f");
        CHECK(syslog_message_put(&style, &record, n, &out), "%s: %zu bytes", cases[i].name, n);
        room[out.n] = '\0';
        snprintf(expected, sizeof expected, "--%zu %s", n, cases[i].out);
        CHECK(strcmp(room, expected) == 0, "%s:\n  %s\n  %s", cases[i].name, room, expected);
        out.n = 2;
        CHECK(!syslog_message_put(&style, &record, n - 1, &out) && out.n == 2 && !out.is_cut,
              "%s: a byte too long", cases[i].name);
        for (size_t room_size = 2; room_size < n; room_size += 7) {
            struct text small = {.p = malloc(room_size), .room = room_size};

            CHECK(!syslog_message_put(&style, &record, n, &small) && small.n == 0,
                  "%s: in %zu bytes", cases[i].name, room_size);
            free(small.p);
        }
    }
}

static void
words(void)
{
    static const struct {
        const char *text;
        int facility; /* -1: none */
    } facilities[] = {
        {"kern",     0 },
        {"authpriv", 10},
        {"audit",    13},
        {"local0",   16},
        {"local7",   23},
        {"0",        0 },
        {"23",       23},
        {"24",       -1},
        {"-1",       -1},
        {"",         -1},
        {"LOCAL0",   -1},
        {"local8",   -1},
        {"1x",       -1},
    };

    for (size_t i = 0; i < COUNT_OF(facilities); i++) {
        int facility = -1;
        bool is_one = syslog_facility_read(facilities[i].text, &facility);

        CHECK(is_one == (facilities[i].facility >= 0) &&
                  (!is_one || facility == facilities[i].facility),
              "facility '%s': %d", facilities[i].text, facility);
    }
    CHECK(syslog_word_is("a-b.c", 5) && !syslog_word_is("a-b.cd", 5) && !syslog_word_is("", 5) &&
              !syslog_word_is("a b", 5) && !syslog_word_is("\xc3\xa4", 5),
          "words");
}

static void
newlines(void)
{
    static const char *const texts[] = {"{}", "{\n\"a\":\r\n1}"};
    static const char *const expected[] = {"{}\n", "{ \"a\":\r 1}\n"};
    struct syslog_style style = {.ends_in_newline = true, .hostname = "h", .app_name = "a"};
    char room[512];
    struct text out = {.p = room, .room = sizeof room - 1};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t begin = out.n;

        security_record_read(&record, &cases[0].lane, span_of(texts[i]), "id");
        CHECK(syslog_message_put(&style, &record, 200, &out), "it fits");
        room[out.n] = '\0';
        CHECK(strncmp(room + begin, "<6>1 - h a - Alerts [penstock@0 ", 32) == 0 &&
                  strcmp(strstr(room + begin, "] ") + 2, expected[i]) == 0,
              "'%s'", room + begin);
    }
}

int
main(void)
{
    messages();
    newlines();
    words();
    return test_end();
}
