#include "sensor/privileges.h"
#include "base/file.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const privilege_names[PRIVILEGE_COUNT] = {"CAP_NET_ADMIN", "CAP_SYS_PTRACE",
                                                      "CAP_DAC_READ_SEARCH"};
static const unsigned numbers[PRIVILEGE_COUNT] = {CAP_NET_ADMIN, CAP_SYS_PTRACE,
                                                  CAP_DAC_READ_SEARCH};

typedef struct __user_cap_data_struct capability_words[2];

/* libcap would be one more library for two system calls. */
static bool
get_capabilities(capability_words words)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capget, &head, words) == 0;
}

static bool
set_capabilities(const capability_words words)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capset, &head, words) == 0;
}

static enum status
find_user(const char *name, struct passwd *user, char *buffer, size_t room, struct err *err)
{
    struct passwd *found = NULL;

    if (getpwnam_r(name, user, buffer, room, &found) != 0 || found == NULL)
        return err_set(err, ST_INVALID,
                       "there is no user '%.60s' (--user); make one: "
                       "useradd --system --shell /usr/sbin/nologin %.60s",
                       name, name);
    return ST_OK;
}

static enum status
become(const char *name, const char *folder, struct err *err)
{
    struct passwd user;
    char buffer[8192];
    enum status st = find_user(name, &user, buffer, sizeof buffer, err);

    if (st != ST_OK)
        return st;
    if (geteuid() == user.pw_uid)
        return ST_OK;
    if (folder != NULL) {
        st = folder_make(folder, err);
        if (st != ST_OK)
            return st;
        if (chown(folder, user.pw_uid, user.pw_gid) != 0)
            return err_set(err, ST_IO, "cannot give %s to %s: %s", folder, name, strerror(errno));
    }
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
        setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0)
        return err_set(err, ST_INVALID, "cannot become %s (--user): %s", name, strerror(errno));
    return ST_OK;
}

enum status
privileges_drop(const char *user, const char *folder, bool has[PRIVILEGE_COUNT], struct err *err)
{
    capability_words now, kept = {{0}, {0}};
    enum status st = ST_OK;

    /* needs CAP_SETPCAP, which goes with the user; without it the set bounds nothing that we could
     * use, as no new privileges come by exec */
    for (unsigned i = 0; i < 64; i++)
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    if (user != NULL)
        st = become(user, folder, err);
    if (st != ST_OK)
        return st;
    if (!get_capabilities(now))
        return err_set(err, ST_IO, "cannot ask for capabilities: %s", strerror(errno));
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (size_t i = 0; i < PRIVILEGE_COUNT; i++) {
        unsigned word = numbers[i] / 32, bit = 1u << numbers[i] % 32;

        has[i] = (now[word].permitted & bit) != 0;
        if (has[i]) {
            kept[word].permitted |= bit;
            kept[word].effective |= bit;
        }
    }
    if (!set_capabilities(kept))
        return err_set(err, ST_IO, "cannot give capabilities up: %s", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(err, ST_IO, "cannot forbid new privileges: %s", strerror(errno));
    return ST_OK;
}
