#include "sink/layout.h"
#include "model/catalog.h"
#include "model/datetime.h"
#include <ctype.h>
#include <stdlib.h>

static bool
is_guid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_hyphen ? text[i] != '-' : !strchr("0123456789abcdef", text[i]) || text[i] == '\0')
            return false;
    }
    return text[36] == '\0';
}

enum status
layout_container(const char *category, enum layout_rules rules, char out[128], struct err *err)
{
    static const char prefix[] = "insights-logs-";
    size_t n = sizeof prefix - 1;

    if (!catalog_name_is_safe(span_of(category), CATALOG_CATEGORY_MAX))
        return err_set(err, ST_INVALID,
                       "the category '%.100s' cannot name a container: letters, digits, '_' and "
                       "'-' only, at most %d",
                       category, CATALOG_CATEGORY_MAX);
    memcpy(out, prefix, n);
    for (const char *c = category; *c != '\0'; c++) {
        char low = (char)tolower((unsigned char)*c);

        if (rules == LAYOUT_AZURE && (low == '_' || low == '-')) {
            if (out[n - 1] == '-') /* no two hyphens in a row there */
                continue;
            low = '-';
        }
        out[n++] = low;
    }
    while (rules == LAYOUT_AZURE && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    if (rules == LAYOUT_AZURE && n > 63)
        return err_set(err, ST_INVALID,
                       "the category %s gives a container name of %zu characters, Azure takes 63: "
                       "shorten the table's name",
                       category, n);
    return ST_OK;
}

enum status
layout_name(const struct lane *lane, enum layout_rules rules, unsigned index,
            char name[LAYOUT_NAME_MAX], struct err *err)
{
    char container[128], suffix[16] = "";
    struct datetime_parts t;
    enum status st = layout_container(lane->category, rules, container, err);

    if (st != ST_OK)
        return st;
    if (!is_guid(lane->tenant))
        return err_set(err, ST_INVALID, "the tenant '%.40s' is no lower-case GUID", lane->tenant);
    if (lane->hour <= 0 || lane->hour % TICKS_PER_HOUR != 0)
        return err_set(err, ST_INVALID, "the lane %s has no full hour", lane->category);
    t = datetime_split(lane->hour);
    if (index > 0)
        snprintf(suffix, sizeof suffix, "_%u", index);
    snprintf(name, LAYOUT_NAME_MAX, "%s/tenantId=%s/y=%04d/m=%02d/d=%02d/h=%02d/m=00/PT1H%s.json",
             container, lane->tenant, t.year, t.month, t.day, t.hour, suffix);
    return ST_OK;
}

enum status
layout_check(const struct lane *lane, enum layout_rules rules, const char *name, struct err *err)
{
    const char *slash = strrchr(name, '/');
    unsigned long index = 0;
    char expected[LAYOUT_NAME_MAX];
    enum status st;

    if (slash != NULL && strncmp(slash, "/PT1H_", 6) == 0)
        index = strtoul(slash + 6, NULL, 10);
    if (index >= LAYOUT_OBJECTS_MAX)
        index = 0;
    st = layout_name(lane, rules, (unsigned)index, expected, err);
    if (st == ST_OK && strcmp(expected, name) != 0)
        st = err_set(err, ST_INVALID, "'%.160s' is no object of the lane %s", name, lane->category);
    return st;
}
