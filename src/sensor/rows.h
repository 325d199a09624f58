/* rows.h - one event as one row of JSON: every column that the catalog has for its table, in the
 * catalog's order and of the catalog's type, null where nothing is known. Pure; one thread.
 *
 * What is known is laid down in struct facts; one table says which column shows which fact. */
#pragma once
#include "base/base.h"
#include "model/catalog.h"
#include "sensor/text.h"

enum table { TABLE_INFO, TABLE_PROCESS, TABLE_NETWORK, TABLE_COUNT };
extern const char *const table_names[TABLE_COUNT];

/* How absence is said: a span without bytes to point at, INT64_MIN, time 0, unique id 0, bool <
 * 0. */
#define FACT_UNKNOWN INT64_MIN

struct process_facts {
    struct span name, path, command_line;
    struct span sha1, sha256, md5; /* bytes, not hex */
    int64_t size, pid, created, logon_id;
    uint64_t unique_id;
    struct span account_domain, account_name, account_sid;
    struct span elevation, integrity;
};

struct facts {
    int64_t time, report_id; /* ticks; larger with every row */
    struct span device_id, device_name, action;
    struct span additional; /* JSON text, which the column holds as a string */

    struct process_facts self, initiating; /* initiating: who started it, or who holds the socket */
    int64_t parent_pid, parent_created;    /* of the initiating one */
    struct span parent_name;
    struct span signer_type, signature_status;

    struct span local_ip, remote_ip, local_ip_type, remote_ip_type, protocol;
    int64_t local_port, remote_port;

    struct span client_version, os_architecture, os_platform, os_version, os_version_info,
        os_distribution, vendor, model, hardware_uuid, tag, logged_on_users, onboarding_status,
        sensor_health, device_category, device_type;
};
/* All unknown. */
void facts_clear(struct facts *f);

struct rows;
/* Binds the columns of the three tables to their facts. ST_INVALID: the catalog lacks a table, or
 * has another type for a column than the fact is of. */
MUST_CHECK enum status rows_make(const struct catalog *catalog, struct rows **rows,
                                 struct err *err);
void rows_free(struct rows *rows);

/* Adds the row as one JSON object without a line end. If it does not fit, text->is_cut. */
void rows_write(const struct rows *rows, enum table table, const struct facts *f,
                struct text *text);

/* "2026-09-14T08:05:55.51Z": up to 7 fraction digits, no zeros at their end. */
enum { ROWS_TIME_SIZE = 28 };
size_t rows_time(int64_t ticks, char out[ROWS_TIME_SIZE]);
