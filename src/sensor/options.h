/* options.h - the sensor's command line. One table says what there is; parsing, checks and --help
 * are made from it, and the manual is held to it by a test. One thread, at start. */
#pragma once
#include "base/base.h"

enum { MODE_AUTO, MODE_CONNECTOR, MODE_POLL, MODE_OFF }; /* of processes */
enum { NETWORK_AUTO, NETWORK_PROC, NETWORK_OFF };        /* of the network */

struct options {
    const char *url, *tenant, *token_file, *ca_file, *spool, *user, *device_name, *machine_id_file,
        *tag; /* or NULL */
    bool insecure, once, to_stdout, self_test, help, version;
    int64_t queue_max, spool_max, batch_max, hash_max, command_line_max; /* bytes */
    int64_t linger_ms, poll_ms, info_s, stop_ms;
    int64_t processes, network, log_level; /* index of a choice */
};

/* 'argv' and 'environment' values are borrowed for good. ST_INVALID: err says which option, why,
 * and what it takes. */
MUST_CHECK enum status options_parse(int argc, char **argv, struct options *o, struct err *err);
/* What cannot stand together, and what is missing. */
MUST_CHECK enum status options_check(const struct options *o, struct err *err);
void options_help(FILE *out);
