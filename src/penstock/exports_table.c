#include "penstock/exports_table.h"
#include "penstock/client.h"
#include <stdlib.h>

/* What one wants to see of each export at a glance. */
static const struct {
    const char *title, *object, *key; /* object: NULL or a member that holds the key */
} glance[] = {
    {"ID",         NULL,        "id"             },
    {"TENANT",     NULL,        "tenantId"       },
    {"STATE",      NULL,        "state"          },
    {"LAG",        "progress",  "lagRecords"     },
    {"LAG s",      "progress",  "lagSeconds"     },
    {"EXPORTED",   "progress",  "recordsExported"},
    {"FILTERED",   "progress",  "recordsFiltered"},
    {"FAILURES",   "progress",  "exportFailures" },
    {"REFUSED",    "progress",  "recordsRefused" },
    {"LOST",       "progress",  "recordsLost"    },
    {"LAST ERROR", "lastError", "message"        },
};

void
exports_table_print(const json_t *exports)
{
    enum { COLUMNS = COUNT_OF(glance), CELL = 128 };
    size_t count = json_array_size(exports);
    const char **cells = calloc((count + 1) * COLUMNS, sizeof *cells);
    char(*texts)[CELL] = calloc(count * COLUMNS + 1, sizeof *texts);

    for (size_t i = 0; cells != NULL && texts != NULL && i <= count; i++)
        for (size_t k = 0; k < COLUMNS; k++) {
            const json_t *row = json_array_get(exports, i - 1), *value;

            if (i == 0) {
                cells[k] = glance[k].title;
                continue;
            }
            if (glance[k].object != NULL)
                row = json_object_get(row, glance[k].object);
            value = json_object_get(row, glance[k].key);
            char *text = texts[(i - 1) * COLUMNS + k];

            if (json_is_string(value))
                snprintf(text, CELL, "%s", json_string_value(value));
            else if (json_is_integer(value))
                snprintf(text, CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
            else if (json_is_real(value))
                snprintf(text, CELL, "%.1f", json_real_value(value));
            else
                snprintf(text, CELL, "-");
            cells[i * COLUMNS + k] = text;
        }
    if (cells != NULL && texts != NULL)
        client_print_table(cells, count + 1, COLUMNS);
    free(cells);
    free(texts);
}
