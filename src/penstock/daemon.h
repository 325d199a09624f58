/* daemon.h - the parts of the running daemon, made in order and ended in reverse. One thread makes,
 * tends and ends it. */
#pragma once
#include "base/base.h"

struct daemon;

struct daemon_options {
    const char *config_path; /* NULL: built-in defaults */
    const char *data;        /* NULL: what the configuration says */
    const char *listen;      /* "ADDRESS:PORT" over the configuration's; NULL */
};

/* Checks the configuration first, touches the journal last. On failure all is undone and nothing of
 * the data is changed that a second try needs. */
MUST_CHECK enum status daemon_start(const struct daemon_options *o, struct daemon **d,
                                    struct err *err);
/* What must be done now and then: called about every second. */
void daemon_tend(struct daemon *d);
/* Reads the configuration again; on failure the old one stays in force. */
MUST_CHECK enum status daemon_reload(struct daemon *d, struct err *err);
/* Takes no more requests, lets what is under way end, makes lasting where everything stands. */
void daemon_stop(struct daemon *d);
/* For the person at the terminal: where it listens, what it exports and where to look; malloc'd. */
char *daemon_banner(struct daemon *d);
/* {"url":"http://127.0.0.1:7780","pid":1234,"tenant":"..."} for scripts that start it; the tenant is the first active
 * one. */
MUST_CHECK enum status daemon_write_ready(struct daemon *d, const char *path, struct err *err);
