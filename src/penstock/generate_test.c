/* generate_test.c - made-up records are valid, complete, varied and always the same. */
#include "base/test.h"
#include "model/datetime.h"
#include "penstock/cmd_generate.h"
#include "penstock/generate.h"
#include "wire/scan.h"

enum { MEMORY = 4 << 20, RECORDS = 3000 };

static const char tenant[] = "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef";
static _Alignas(16) char memory[MEMORY];

/* All text of 'records' records; the caller frees. */
static char *
make(const struct generate_options *o, size_t records, size_t *size)
{
    struct arena a = {memory, sizeof memory, 0};
    struct generator *g;
    struct err err;
    char *text = malloc((records + 1) * 8192 + GENERATE_RECORD_MAX);

    *size = 0;
    if (generator_make(o, &a, &g, &err) != ST_OK) {
        CHECK(false, "%s", err.text);
        return text;
    }
    for (size_t i = 0; i < records; i++) {
        size_t n = generate_next(g, text + *size);

        CHECK(n < 16384, "a record of %zu bytes", n);
        *size += n;
        if (*size > (records + 1) * 8192) {
            CHECK(false, "records are too long on average");
            break;
        }
    }
    return text;
}

static struct generate_options
options(const char *const *tables, size_t count, enum generate_form form, uint64_t seed)
{
    struct generate_options o = {&catalog_builtin, seed, "", tables, count, form};

    memcpy(o.tenant, tenant, sizeof tenant);
    return o;
}

/* The row's columns are the table's, in order, each once. */
static void
check_columns(const struct catalog_table *t, const char *record, const struct scan_value *v,
              size_t count, enum generate_form form)
{
    size_t at = 0;

    for (size_t i = 0; i < t->column_count; i++) {
        if (form == GENERATE_ROWS && strcmp(t->columns[i].name, "MachineGroup") == 0)
            continue;
        if (at >= count ||
            !span_is((struct span){record + v[at].key_at, v[at].key_size}, t->columns[i].name)) {
            CHECK(false, "%s lacks %s", t->name, t->columns[i].name);
            return;
        }
        at++;
    }
    if (form == GENERATE_ENVELOPES && t->machine_group == GROUP_DECORATED)
        at++;
    CHECK(at == count, "%s has %zu columns, not %zu", t->name, count, at);
}

static bool
value_is(const char *record, const struct scan_value *v, const char *key, const char *value)
{
    return span_is((struct span){record + v->key_at, v->key_size}, key) &&
           (value == NULL || span_is((struct span){record + v->value_at, v->value_size}, value));
}

static void
check_envelope(const char *r, const struct scan_record *record, int64_t *last)
{
    const struct scan_value *v = record->values, *tail = v + record->value_count - 1;
    const struct catalog_table *t;
    int64_t time;

    t = catalog_find_category(&catalog_builtin,
                              (struct span){r + v[3].value_at + 1, v[3].value_size - 2});
    if (t == NULL) {
        CHECK(false, "an unknown category");
        return;
    }
    CHECK(value_is(r, &v[0], "time", NULL) && value_is(r, &v[2], "operationName", "\"Publish\"") &&
              value_is(r, &v[3], "category", NULL) &&
              value_is(r, &v[4], "_TimeReceivedBySvc", NULL) &&
              value_is(r, &v[5], "properties", NULL) &&
              value_is(r, tail, "Tenant", "\"DefaultTenant\""),
          "the seven keys: %.*s", 300, r);
    CHECK(datetime_read((struct span){r + v[0].value_at + 1, v[0].value_size - 2}, &time) &&
              v[0].value_size == DATETIME_TEXT_SIZE + 2,
          "time");
    CHECK(time > *last - INT64_C(600000000), "time goes on");
    *last = time;
    check_columns(t, r, v + 6, record->value_count - 7, GENERATE_ENVELOPES);
}

/* Counts what makes the data realistic. */
struct traits {
    size_t nulls, blanks, escapes, high, numbers, bytes, records, values;
};

static void
count_traits(struct traits *traits, const char *r, const struct scan_record *record)
{
    traits->bytes += record->size;
    traits->values += record->value_count;
    traits->records++;
    for (uint32_t i = 0; i < record->value_count; i++) {
        const struct scan_value *v = &record->values[i];

        traits->nulls += v->kind == SCAN_NULL;
        traits->blanks += v->kind == SCAN_STRING && v->value_size == 2;
        traits->escapes += v->value_escaped;
        traits->numbers += v->kind == SCAN_NUMBER && v->value_size >= 18;
    }
    for (size_t i = 0; i < record->size; i++)
        traits->high += (unsigned char)r[i] >= 0x80;
}

static struct traits
check_text(const char *text, size_t size, const struct catalog_table *rows_of)
{
    static _Alignas(16) char room[128 * 1024];
    struct arena a = {room, sizeof room, 0};
    struct scan_limits limits = {1 << 20, 16, 512};
    struct scanner s;
    struct scan_record record;
    struct scan_fault fault;
    enum scan_result result;
    struct traits traits = {0};
    struct err err;
    int64_t last = 0;
    char *padded = malloc(size + SCAN_PADDING);

    memcpy(padded, text, size);
    CHECK(scanner_init(&s, &a, rows_of != NULL ? SCAN_ROWS : SCAN_ENVELOPES, &limits, &err) ==
              ST_OK,
          "%s", err.text);
    while ((result = scan_next(&s, padded, size, true, &record, &fault)) == SCAN_RECORD) {
        const char *r = padded + record.at;

        CHECK(r[record.size] == '\n', "a line each");
        if (rows_of != NULL)
            check_columns(rows_of, r, record.values, record.value_count, GENERATE_ROWS);
        else
            check_envelope(r, &record, &last);
        count_traits(&traits, r, &record);
    }
    CHECK(result == SCAN_END, "%s: %s: %.*s", fault.column, fault.text, 200,
          padded + fault.record_at);
    free(padded);
    return traits;
}

static void
test_mix(void)
{
    struct generate_options o = options(NULL, 0, GENERATE_ENVELOPES, 1);
    size_t size, again_size;
    char *text = make(&o, RECORDS, &size), *again = make(&o, RECORDS, &again_size), *other;
    struct traits t = check_text(text, size, NULL);

    CHECK(t.records == RECORDS, "%zu records", t.records);
    CHECK(t.bytes / t.records > 1900 && t.bytes / t.records < 2500, "%zu bytes on average",
          t.bytes / t.records);
    CHECK(t.values / t.records >= 40 + 7 && t.values / t.records < 60 + 7, "%zu values",
          t.values / t.records);
    CHECK(t.nulls > RECORDS && t.blanks > RECORDS && t.escapes > RECORDS && t.high > RECORDS &&
              t.numbers > RECORDS / 10,
          "%zu nulls, %zu blanks, %zu escapes, %zu high bytes, %zu long numbers", t.nulls, t.blanks,
          t.escapes, t.high, t.numbers);
    CHECK(size == again_size && memcmp(text, again, size) == 0, "the same again");
    o.seed = 2;
    other = make(&o, RECORDS, &again_size);
    CHECK(size != again_size || memcmp(text, other, size) != 0, "another seed");
    free(text);
    free(again);
    free(other);
}

/* Every table of the catalog can be made, as rows and, if it streams, as envelopes. */
static void
test_tables(void)
{
    for (size_t i = 0; i < catalog_builtin.table_count; i++) {
        const struct catalog_table *t = &catalog_builtin.tables[i];
        struct generate_options o = options(&t->name, 1, GENERATE_ROWS, i);
        size_t size;
        char *text;

        if (t->column_count == 0)
            continue;
        text = make(&o, 20, &size);
        CHECK(check_text(text, size, t).records == 20, "%s", t->name);
        free(text);
        if (t->category == NULL)
            continue;
        o.form = GENERATE_ENVELOPES;
        text = make(&o, 20, &size);
        CHECK(check_text(text, size, NULL).records == 20, "%s", t->name);
        free(text);
    }
}

static void
test_refusals(void)
{
    static const struct {
        const char *name, *table;
        enum generate_form form;
        size_t memory;
        enum status st;
    } cases[] = {
        {"an unknown table", "DeviceInfos",                GENERATE_ENVELOPES, MEMORY, ST_INVALID},
        {"no envelope",      "DeviceTvmSoftwareInventory", GENERATE_ENVELOPES, MEMORY, ST_INVALID},
        {"no room",          "DeviceInfo",                 GENERATE_ENVELOPES, 1000,   ST_FULL   },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a = {memory, cases[i].memory, 0};
        struct generate_options o = options(&cases[i].table, 1, cases[i].form, 1);
        struct generator *g;
        struct err err = {""};

        CHECK(generator_make(&o, &a, &g, &err) == cases[i].st && err.text[0] != '\0', "%s: %s",
              cases[i].name, err.text);
    }
}

/* Wherever room ends, it is said. */
static void
test_room(void)
{
    static const char *const table = "DeviceInfo";
    struct generate_options o = options(&table, 1, GENERATE_ENVELOPES, 1);
    enum status st = ST_FULL;
    size_t room;

    for (room = 16; room < MEMORY && st == ST_FULL; room += 16) {
        struct arena a = {memory, room, 0};
        struct generator *g;

        st = generator_make(&o, &a, &g, NULL);
    }
    CHECK(st == ST_OK && room < 1 << 20, "%d with %zu bytes", st, room);
}

static void
test_command(void)
{
    static const struct {
        const char *name;
        char arguments[200];
        int code;
    } cases[] = {
        {"to nowhere",         "generate --records 10 -o /dev/null",                                0},
        {"all options",
         "generate --records 10 --seed 7 --tenant 7B1E0C1A-5d2f-4c60-9a44-0c0ffee0beef --tables "
         "DeviceInfo,EmailEvents -o /dev/null",                                                     0},
        {"rows",               "generate --records 10 --form rows --table DeviceInfo -o /dev/null", 0},
        {"rows of no table",   "generate --form rows -o /dev/null",                                 2},
        {"rows of two tables", "generate --form rows --tables DeviceInfo,EmailEvents -o /dev/null",
         2                                                                                           },
        {"a bad number",       "generate --records ten -o /dev/null",                               2},
        {"a negative number",  "generate --records -1 -o /dev/null",                                2},
        {"a bad tenant",       "generate --tenant contoso -o /dev/null",                            2},
        {"a bad form",         "generate --form csv -o /dev/null",                                  2},
        {"an unknown table",   "generate --table Nothing -o /dev/null",                             2},
        {"an unknown option",  "generate --fast",                                                   2},
        {"one word too many",  "generate now",                                                      2},
        {"no such folder",     "generate -o /no/such/folder/x",                                     1},
        {"a full disk",        "generate --records 10 -o /dev/full",                                1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char arguments[200], *argv[16];
        int argc = 0;

        memcpy(arguments, cases[i].arguments, sizeof arguments);
        for (char *word = strtok(arguments, " "); word != NULL; word = strtok(NULL, " "))
            argv[argc++] = word;
        argv[argc] = NULL;
        CHECK(cmd_generate(argc, argv) == cases[i].code, "%s", cases[i].name);
    }
}

int
main(void)
{
    test_mix();
    test_tables();
    test_refusals();
    test_room();
    test_command();
    return test_end();
}
