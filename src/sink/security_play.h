/* security_play.h - what the tests and the fuzz target of CEF, LEEF and syslog messages share: lanes, and
 * parsers written from the formats' own texts, to read back what was written. Tests only. */
#pragma once
#include "sink/syslog_message.h"
#include <stdlib.h>

#define PLAY_TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

static const struct lane play_lanes[] = {
    {PLAY_TENANT, "Alerts",                              "Alerts",              0},
    {PLAY_TENANT, "AdvancedHunting-AlertInfo",           "AlertInfo",           0},
    {PLAY_TENANT, "AdvancedHunting-AlertEvidence",       "AlertEvidence",       0},
    {PLAY_TENANT, "AdvancedHunting-DeviceNetworkEvents", "DeviceNetworkEvents", 0},
    {PLAY_TENANT, "Assessments",                         "Assessments",         0},
};

/* The value of a key of CEF's extension or of LEEF's attributes as a receiver sees it, escapes taken
 * back; NULL: there is none. 'line' is NUL-terminated. malloc'd. */
static inline char *
play_value(const char *line, const char *key, bool is_cef)
{
    const char *at = line;
    size_t n = strlen(key), size = 0;
    char *out;

    for (int pipes = is_cef ? 7 : 6; pipes > 0 && *at != '\0'; at++) {
        if (is_cef && *at == '\\')
            at++;
        else if (*at == '|')
            pipes--;
    }
    while (strncmp(at, key, n) != 0 || at[n] != '=') {
        at = strpbrk(at, is_cef ? " " : "\t");
        if (at == NULL)
            return NULL;
        at++;
    }
    at += n + 1;
    out = calloc(1, strlen(at) + 1);
    for (; *at != '\0' && (is_cef || *at != '\t'); at++) {
        if (is_cef && *at == '=') { /* unescaped: it begins the next value, whose key came before */
            while (size > 0 && out[size - 1] != ' ')
                size--;
            out[size > 0 ? size - 1 : 0] = '\0';
            return out;
        }
        if (is_cef && *at == '\\') {
            at++;
            out[size++] = *at == 'n' ? '\n' : *at == 'r' ? '\r' : *at;
        } else {
            out[size++] = *at;
        }
        out[size] = '\0';
    }
    return out;
}
