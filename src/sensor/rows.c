#include "sensor/rows.h"
#include "model/datetime.h"
#include <inttypes.h>
#include <stdlib.h>

const char *const table_names[TABLE_COUNT] = {"DeviceInfo", "DeviceProcessEvents",
                                              "DeviceNetworkEvents"};

enum fact_kind { FACT_STRING, FACT_HEX, FACT_NUMBER, FACT_TIME, FACT_UNIQUE };

struct fact {
    const char *column;
    enum fact_kind kind;
    size_t at; /* in struct facts */
};

#define AT(member) offsetof(struct facts, member)
/* clang-format off */
static const struct fact known[] = {
    {"Timestamp",        FACT_TIME,   AT(time)},
    {"ReportId",         FACT_NUMBER, AT(report_id)},
    {"DeviceId",         FACT_STRING, AT(device_id)},
    {"DeviceName",       FACT_STRING, AT(device_name)},
    {"ActionType",       FACT_STRING, AT(action)},
    {"AdditionalFields", FACT_STRING, AT(additional)},

    {"FileName",              FACT_STRING, AT(self.name)},
    {"FolderPath",            FACT_STRING, AT(self.path)},
    {"ProcessCommandLine",    FACT_STRING, AT(self.command_line)},
    {"SHA1",                  FACT_HEX,    AT(self.sha1)},
    {"SHA256",                FACT_HEX,    AT(self.sha256)},
    {"MD5",                   FACT_HEX,    AT(self.md5)},
    {"FileSize",              FACT_NUMBER, AT(self.size)},
    {"ProcessId",             FACT_NUMBER, AT(self.pid)},
    {"ProcessCreationTime",   FACT_TIME,   AT(self.created)},
    {"ProcessUniqueId",       FACT_UNIQUE, AT(self.unique_id)},
    {"ProcessTokenElevation", FACT_STRING, AT(self.elevation)},
    {"ProcessIntegrityLevel", FACT_STRING, AT(self.integrity)},
    {"AccountDomain",         FACT_STRING, AT(self.account_domain)},
    {"AccountName",           FACT_STRING, AT(self.account_name)},
    {"AccountSid",            FACT_STRING, AT(self.account_sid)},
    {"LogonId",               FACT_NUMBER, AT(self.logon_id)},

    {"InitiatingProcessFileName",           FACT_STRING, AT(initiating.name)},
    {"InitiatingProcessFolderPath",         FACT_STRING, AT(initiating.path)},
    {"InitiatingProcessCommandLine",        FACT_STRING, AT(initiating.command_line)},
    {"InitiatingProcessSHA1",               FACT_HEX,    AT(initiating.sha1)},
    {"InitiatingProcessSHA256",             FACT_HEX,    AT(initiating.sha256)},
    {"InitiatingProcessMD5",                FACT_HEX,    AT(initiating.md5)},
    {"InitiatingProcessFileSize",           FACT_NUMBER, AT(initiating.size)},
    {"InitiatingProcessId",                 FACT_NUMBER, AT(initiating.pid)},
    {"InitiatingProcessCreationTime",       FACT_TIME,   AT(initiating.created)},
    {"InitiatingProcessUniqueId",           FACT_UNIQUE, AT(initiating.unique_id)},
    {"InitiatingProcessTokenElevation",     FACT_STRING, AT(initiating.elevation)},
    {"InitiatingProcessIntegrityLevel",     FACT_STRING, AT(initiating.integrity)},
    {"InitiatingProcessAccountDomain",      FACT_STRING, AT(initiating.account_domain)},
    {"InitiatingProcessAccountName",        FACT_STRING, AT(initiating.account_name)},
    {"InitiatingProcessAccountSid",         FACT_STRING, AT(initiating.account_sid)},
    {"InitiatingProcessLogonId",            FACT_NUMBER, AT(initiating.logon_id)},
    {"InitiatingProcessParentId",           FACT_NUMBER, AT(parent_pid)},
    {"InitiatingProcessParentFileName",     FACT_STRING, AT(parent_name)},
    {"InitiatingProcessParentCreationTime", FACT_TIME,   AT(parent_created)},
    {"InitiatingProcessSignerType",         FACT_STRING, AT(signer_type)},
    {"InitiatingProcessSignatureStatus",    FACT_STRING, AT(signature_status)},

    {"LocalIP",      FACT_STRING, AT(local_ip)},
    {"RemoteIP",     FACT_STRING, AT(remote_ip)},
    {"LocalIPType",  FACT_STRING, AT(local_ip_type)},
    {"RemoteIPType", FACT_STRING, AT(remote_ip_type)},
    {"LocalPort",    FACT_NUMBER, AT(local_port)},
    {"RemotePort",   FACT_NUMBER, AT(remote_port)},
    {"Protocol",     FACT_STRING, AT(protocol)},

    {"ClientVersion",     FACT_STRING, AT(client_version)},
    {"OSArchitecture",    FACT_STRING, AT(os_architecture)},
    {"OSPlatform",        FACT_STRING, AT(os_platform)},
    {"OSVersion",         FACT_STRING, AT(os_version)},
    {"OSVersionInfo",     FACT_STRING, AT(os_version_info)},
    {"OSDistribution",    FACT_STRING, AT(os_distribution)},
    {"Vendor",            FACT_STRING, AT(vendor)},
    {"Model",             FACT_STRING, AT(model)},
    {"HardwareUuid",      FACT_STRING, AT(hardware_uuid)},
    {"RegistryDeviceTag", FACT_STRING, AT(tag)},
    {"LoggedOnUsers",     FACT_STRING, AT(logged_on_users)},
    {"OnboardingStatus",  FACT_STRING, AT(onboarding_status)},
    {"SensorHealthState", FACT_STRING, AT(sensor_health)},
    {"DeviceCategory",    FACT_STRING, AT(device_category)},
    {"DeviceType",        FACT_STRING, AT(device_type)},
};
/* clang-format on */

struct bound {
    const char *column;
    const struct fact *fact; /* NULL: always null */
};

struct rows {
    struct {
        struct bound *columns;
        size_t count;
    } tables[TABLE_COUNT];
};

void
facts_clear(struct facts *f)
{
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].kind == FACT_NUMBER) {
            int64_t unknown = FACT_UNKNOWN;

            memcpy((char *)f + known[i].at, &unknown, sizeof unknown);
        }
}

static bool
is_of_type(const struct fact *f, enum column_type type)
{
    switch (f->kind) {
    case FACT_NUMBER:
        return type == COLUMN_LONG || type == COLUMN_INT;
    case FACT_TIME:
        return type == COLUMN_DATETIME;
    default:
        return type == COLUMN_STRING;
    }
}

static enum status
bind(const struct catalog_table *table, struct bound *columns, struct err *err)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct catalog_column *c = &table->columns[i];

        columns[i].column = c->name;
        for (size_t k = 0; k < COUNT_OF(known); k++)
            if (strcmp(known[k].column, c->name) == 0)
                columns[i].fact = &known[k];
        if (columns[i].fact != NULL && !is_of_type(columns[i].fact, c->type))
            return err_set(err, ST_INVALID,
                           "the catalog says %s.%s is %s; the sensor writes another type",
                           table->name, c->name, column_type_name(c->type));
    }
    return ST_OK;
}

enum status
rows_make(const struct catalog *catalog, struct rows **rows, struct err *err)
{
    struct rows *r = calloc(1, sizeof *r);
    enum status st = ST_OK;

    if (r == NULL)
        return err_set(err, ST_FULL, "no memory for the tables");
    for (size_t i = 0; i < TABLE_COUNT && st == ST_OK; i++) {
        const struct catalog_table *table = catalog_find(catalog, span_of(table_names[i]));

        if (table == NULL) {
            st = err_set(err, ST_INVALID, "the catalog has no table %s", table_names[i]);
            break;
        }
        r->tables[i].columns = calloc(table->column_count + 1, sizeof(struct bound));
        r->tables[i].count = table->column_count;
        st = r->tables[i].columns == NULL ? err_set(err, ST_FULL, "no memory for the tables")
                                          : bind(table, r->tables[i].columns, err);
    }
    if (st != ST_OK) {
        rows_free(r);
        return st;
    }
    *rows = r;
    return ST_OK;
}

void
rows_free(struct rows *rows)
{
    if (rows == NULL)
        return;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        free(rows->tables[i].columns);
    free(rows);
}

size_t
rows_time(int64_t ticks, char out[ROWS_TIME_SIZE])
{
    size_t n = DATETIME_TEXT_SIZE - 1; /* without the Z */

    datetime_write(out, ticks);
    while (out[n - 1] == '0' && n > 20) /* "2026-09-14T08:05:55." has 20 bytes */
        n--;
    if (n == 20)
        n--;
    out[n++] = 'Z';
    return n;
}

static void
add_fact(struct text *t, const struct fact *fact, const struct facts *f)
{
    const char *at = (const char *)f + fact->at;
    char time[ROWS_TIME_SIZE];
    struct span bytes;
    int64_t number;
    uint64_t unique;

    switch (fact->kind) {
    case FACT_STRING:
        memcpy(&bytes, at, sizeof bytes);
        if (bytes.p != NULL) {
            text_add_string(t, bytes);
            return;
        }
        break;
    case FACT_HEX:
        memcpy(&bytes, at, sizeof bytes);
        if (bytes.p != NULL) {
            text_add(t, SPAN_LITERAL("\""));
            for (size_t i = 0; i < bytes.n; i++)
                text_format(t, "%02x", (unsigned char)bytes.p[i]);
            text_add(t, SPAN_LITERAL("\""));
            return;
        }
        break;
    case FACT_NUMBER:
        memcpy(&number, at, sizeof number);
        if (number != FACT_UNKNOWN) {
            text_format(t, "%" PRId64, number);
            return;
        }
        break;
    case FACT_TIME:
        memcpy(&number, at, sizeof number);
        if (number != 0) {
            text_add_string(t, (struct span){time, rows_time(number, time)});
            return;
        }
        break;
    case FACT_UNIQUE:
        memcpy(&unique, at, sizeof unique);
        if (unique != 0) {
            text_format(t, "\"%" PRIu64 "\"", unique);
            return;
        }
        break;
    }
    text_add(t, SPAN_LITERAL("null"));
}

void
rows_write(const struct rows *rows, enum table table, const struct facts *f, struct text *t)
{
    for (size_t i = 0; i < rows->tables[table].count; i++) {
        const struct bound *b = &rows->tables[table].columns[i];

        text_add(t, i == 0 ? SPAN_LITERAL("{\"") : SPAN_LITERAL(",\""));
        text_add(t, span_of(b->column)); /* catalog names need no escapes */
        text_add(t, SPAN_LITERAL("\":"));
        if (b->fact == NULL)
            text_add(t, SPAN_LITERAL("null"));
        else
            add_fact(t, b->fact, f);
    }
    text_add(t, SPAN_LITERAL("}"));
}
