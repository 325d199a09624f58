/* rows_test.c - every column of the three tables is there, of its type, and null when unknown. */
#include "base/clock.h"
#include "base/test.h"
#include "model/datetime.h"
#include "sensor/rows.h"
#include "wire/json.h"

static const struct {
    const char *name, *in, *out;
} times[] = {
    {"no fraction",     "2026-09-14T08:05:55Z",         "2026-09-14T08:05:55Z"        },
    {"one digit",       "2026-09-14T08:05:55.5Z",       "2026-09-14T08:05:55.5Z"      },
    {"zeros inside",    "2026-09-14T08:05:50.0259Z",    "2026-09-14T08:05:50.0259Z"   },
    {"seven digits",    "2026-09-14T08:05:55.5105137Z", "2026-09-14T08:05:55.5105137Z"},
    {"zeros at both",   "2026-09-14T08:00:00.0100000Z", "2026-09-14T08:00:00.01Z"     },
    {"the last second", "2026-12-31T23:59:59Z",         "2026-12-31T23:59:59Z"        },
};

static json_t *
row_of(const struct rows *rows, enum table table, const struct facts *f, char *memory, size_t room)
{
    struct text t = {memory, 0, room, false};
    json_error_t why;

    rows_write(rows, table, f, &t);
    json_t *row = t.is_cut ? NULL : json_loadb(t.p, t.n, JSON_REJECT_DUPLICATES, &why);

    CHECK(row != NULL, "%s: %s", table_names[table], t.is_cut ? "cut" : why.text);
    return row;
}

static void
check_all_columns(const struct rows *rows, const struct facts *f, bool is_known, char *memory)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct catalog_table *table = catalog_find(&catalog_builtin, span_of(table_names[i]));
        json_t *row = row_of(rows, (enum table)i, f, memory, 65536);
        size_t known = 0;

        CHECK(json_object_size(row) == table->column_count, "%s: %zu of %zu columns", table->name,
              json_object_size(row), table->column_count);
        for (size_t k = 0; k < table->column_count; k++) {
            const struct catalog_column *c = &table->columns[k];
            json_t *value = json_object_get(row, c->name);
            bool fits = value != NULL &&
                        (json_is_null(value) ||
                         (c->type == COLUMN_LONG || c->type == COLUMN_INT ? json_is_integer(value)
                          : c->type == COLUMN_BOOL                        ? json_is_boolean(value)
                                                                          : json_is_string(value)));

            CHECK(fits, "%s.%s", table->name, c->name);
            known += !json_is_null(value);
        }
        CHECK(is_known ? known > 10 : known == 0, "%s: %zu known", table->name, known);
        json_decref(row);
    }
}

static void
fill(struct facts *f)
{
    static const char hash[32] = "\x00\x01\xfe\xff";
    struct process_facts *sides[2] = {&f->self, &f->initiating};

    facts_clear(f);
    f->time = TICKS_AT_UNIX_EPOCH + 12345678;
    f->report_id = INT64_MAX;
    f->device_id = span_of("id");
    f->device_name = span_of("name");
    f->additional = span_of("{\"a\":\"\\u0000\"}");
    f->local_ip = f->remote_ip = f->protocol = f->action = span_of("x");
    f->local_port = f->remote_port = 65535;
    f->client_version = f->os_platform = f->os_version = f->tag = f->vendor = f->model =
        f->os_distribution = span_of("y");
    for (size_t i = 0; i < 2; i++) {
        *sides[i] = (struct process_facts){
            .name = span_of("a\xff"),
            .path = span_of("/bin/\"a\""),
            .command_line = span_of("a\n\x01"),
            .sha1 = {hash, 20},
            .sha256 = {hash, 32},
            .md5 = {hash, 16},
            .size = INT64_C(9007199254740993),
            .pid = 4194304,
            .created = TICKS_AT_UNIX_EPOCH,
            .logon_id = 3,
            .unique_id = UINT64_MAX,
        };
    }
}

int
main(void)
{
    static char memory[65536];
    struct rows *rows = NULL;
    struct err err = {""};
    struct facts f;

    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char out[ROWS_TIME_SIZE];
        int64_t ticks = 0;

        CHECK(datetime_read(span_of(times[i].in), &ticks), "%s", times[i].name);
        size_t n = rows_time(ticks, out);

        CHECK(span_is((struct span){out, n}, times[i].out), "%s: %.*s", times[i].name, (int)n, out);
    }
    CHECK(rows_make(&catalog_builtin, &rows, &err) == ST_OK, "%s", err.text);
    facts_clear(&f);
    check_all_columns(rows, &f, false, memory);
    fill(&f);
    check_all_columns(rows, &f, true, memory);

    json_t *row = row_of(rows, TABLE_PROCESS, &f, memory, sizeof memory);
    static const struct {
        const char *column, *value;
    } strings[] = {
        {"Timestamp",                     "1970-01-01T00:00:01.2345678Z"            },
        {"FileName",                      "a\xef\xbf\xbd"                           },
        {"FolderPath",                    "/bin/\"a\""                              },
        {"ProcessCommandLine",            "a\n\x01"                                 },
        {"SHA1",                          "0001feff00000000000000000000000000000000"},
        {"MD5",                           "0001feff000000000000000000000000"        },
        {"ProcessUniqueId",               "18446744073709551615"                    },
        {"InitiatingProcessCreationTime", "1970-01-01T00:00:00Z"                    },
        {"AdditionalFields",              "{\"a\":\"\\u0000\"}"                     },
    };

    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        const char *value = json_string_value(json_object_get(row, strings[i].column));

        CHECK(value != NULL && strcmp(value, strings[i].value) == 0, "%s: %s", strings[i].column,
              value == NULL ? "(none)" : value);
    }
    CHECK(json_integer_value(json_object_get(row, "ReportId")) == INT64_MAX, "64 bits, exact");
    CHECK(json_integer_value(json_object_get(row, "FileSize")) == INT64_C(9007199254740993),
          "beyond 2^53, exact");
    json_decref(row);
    struct text whole = {memory, 0, sizeof memory, false};

    rows_write(rows, TABLE_PROCESS, &f, &whole);
    for (size_t room = 0; room < whole.n; room++) { /* half a row is never taken for one */
        struct text t = {memory, 0, room, false};

        rows_write(rows, TABLE_PROCESS, &f, &t);
        CHECK(t.is_cut && t.n <= room, "in %zu bytes", room);
    }
    rows_free(rows);

    struct catalog poor = {catalog_builtin.tables, 1, NULL, 0};

    CHECK(rows_make(&poor, &rows, &err) == ST_INVALID && strstr(err.text, "Device") != NULL, "%s",
          err.text);
    return test_end();
}
