/* privileges.h - gives up what the sensor does not need, before any other thread is started: other
 * users, all capabilities but three, and the way back (no new privileges, empty bounding set). */
#pragma once
#include "base/base.h"

enum privilege {
    PRIVILEGE_EVENTS,  /* CAP_NET_ADMIN: process events */
    PRIVILEGE_INSPECT, /* CAP_SYS_PTRACE: what other users' processes are and hold */
    PRIVILEGE_READ,    /* CAP_DAC_READ_SEARCH: programs that only their owner may read */
    PRIVILEGE_COUNT,
};
extern const char *const privilege_names[PRIVILEGE_COUNT];

/* 'user': a name to become, or NULL to stay. 'folder' (or NULL) is made theirs first. What we have
 * not is not an error: *has says what is left. ST_INVALID: no such user, or not permitted to become
 * them. */
MUST_CHECK enum status privileges_drop(const char *user, const char *folder,
                                       bool has[PRIVILEGE_COUNT], struct err *err);
