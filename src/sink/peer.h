/* peer.h - what the tests of this folder share: a folder to write in, parcels to send, and lanes.
 * Tests only. */
#pragma once
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "sink/sink.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

/* 2026-09-14T08:00:00Z, the hour of the contract's examples */
#define PEER_HOUR (TICKS_AT_UNIX_EPOCH + INT64_C(1789372800) * TICKS_PER_SECOND)
#define PEER_TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define PEER_PATH "tenantId=" PEER_TENANT "/y=2026/m=09/d=14/h=08/m=00/"

static const struct lane peer_device = {PEER_TENANT, "AdvancedHunting-DeviceInfo", "DeviceInfo",
                                        PEER_HOUR};
static const struct lane peer_alert = {PEER_TENANT, "AdvancedHunting-AlertInfo", "AlertInfo",
                                       PEER_HOUR};

static inline struct parcel
peer_parcel(const struct lane *lane, const char *text, uint64_t position)
{
    return (struct parcel){.lane = lane,
                           .body = span_of(text),
                           .row_count = 1,
                           .position = position,
                           .sent = SENT_REFUSED};
}

static inline int
peer_remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static inline void
peer_remove(const char *folder)
{
    nftw(folder, peer_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new folder under $TMPDIR or /tmp. */
static inline void
peer_folder(char out[256])
{
    const char *top = getenv("TMPDIR");

    snprintf(out, 256, "%s/penstock-sink-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(out) == NULL) {
        perror(out);
        exit(2);
    }
}

/* The whole file as text; "" and *size 0 if there is none. malloc'd. */
static inline char *
peer_read(const char *folder, const char *name, size_t *size)
{
    char path[2048];
    char *text = NULL;
    struct err err;

    *size = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(path, 64 << 20, &text, size, &err) != ST_OK)
        text = strdup("");
    return text;
}
