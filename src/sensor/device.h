/* device.h - what this machine is, for DeviceInfo and for every row's DeviceId and DeviceName. Read
 * once at start, the logged-on users anew each time. One thread. */
#pragma once
#include "base/base.h"
#include "sensor/rows.h"

enum { DEVICE_TEXT_MAX = 256 };

struct device {
    char id[41];                /* 40 hex digits; the same as long as the machine's id is */
    char name[DEVICE_TEXT_MAX]; /* fully qualified where the system knows its domain */
    char host[DEVICE_TEXT_MAX]; /* its first label: domain of the accounts of this machine */
    char platform[16], distribution[64], version[64], kernel[96], architecture[16];
    char vendor[DEVICE_TEXT_MAX], model[DEVICE_TEXT_MAX], uuid[64]; /* "": unknown */
    const char *type;                                               /* NULL: unknown */
    char tag[DEVICE_TEXT_MAX];                                      /* "": none */
    char additional[320];
    char users[8192]; /* JSON text; "": unknown */
};

/* What the command line knows better. Each may be NULL; borrowed for one call. */
struct device_given {
    const char *name, *tag;
    const char *id_file; /* asked when the system itself has no machine id, as in most containers */
};

/* 'root' is "" or, in tests, a folder that holds etc, sys and run. ST_IO: there is no machine id,
 * so that the device could not be told from others. */
MUST_CHECK enum status device_read(const char *root, const struct device_given *given,
                                   struct device *d, struct err *err);
/* The people logged on now, from systemd-logind's folder; stays empty where there is none. */
void device_read_users(const char *root, struct device *d);
/* Fills in the facts of DeviceInfo, and id and name of any row. Borrows 'd'. */
void device_identify(const struct device *d, struct facts *f);
void device_describe(const struct device *d, struct facts *f);
