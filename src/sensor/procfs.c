#include "sensor/procfs.h"
#include <string.h>

/* Reads digits of 'base' 10 or 16 at *p; moves *p behind them. False: no digit, or too large. */
static bool
take_number(const char **p, const char *end, unsigned base, uint64_t *value)
{
    const char *start = *p;
    uint64_t v = 0;

    for (; *p < end; (*p)++) {
        unsigned char c = (unsigned char)**p;
        unsigned digit = c >= '0' && c <= '9'                 ? c - '0' + 0u
                         : base == 16 && c >= 'A' && c <= 'F' ? c - 'A' + 10u
                         : base == 16 && c >= 'a' && c <= 'f' ? c - 'a' + 10u
                                                              : 99u;

        if (digit == 99)
            break;
        if (v > (UINT64_MAX - digit) / base)
            return false;
        v = v * base + digit;
    }
    *value = v;
    return *p > start;
}

static void
skip_blanks(const char **p, const char *end)
{
    while (*p < end && (**p == ' ' || **p == '\t'))
        (*p)++;
}

static bool
take_byte(const char **p, const char *end, char byte)
{
    if (*p == end || **p != byte)
        return false;
    (*p)++;
    return true;
}

/* The next blank-separated field as a number; a minus sign is skipped and *value then 0. */
static bool
take_field(const char **p, const char *end, uint64_t *value)
{
    skip_blanks(p, end);
    bool is_negative = take_byte(p, end, '-');

    if (!take_number(p, end, 10, value))
        return false;
    if (is_negative)
        *value = 0;
    return *p == end || **p == ' ' || **p == '\t' || **p == '\n';
}

bool
procfs_stat_read(struct span text, struct procfs_stat *out)
{
    const char *p = text.p, *end = text.p + text.n, *close = memrchr(text.p, ')', text.n);
    uint64_t pid, fields[20]; /* from field 4 (ppid) to 23; number 22 is the start time */

    if (close == NULL || !take_number(&p, end, 10, &pid) || pid == 0 || pid > INT32_MAX ||
        !take_byte(&p, end, ' ') || !take_byte(&p, end, '(') || p > close)
        return false;
    out->name = (struct span){p, (size_t)(close - p)};
    p = close + 1;
    if (!take_byte(&p, end, ' ') || p == end) /* then one letter of state */
        return false;
    p++;
    for (size_t i = 0; i < 19; i++)
        if (!take_field(&p, end, &fields[i]))
            return false;
    if (fields[0] > INT32_MAX || fields[2] > INT32_MAX)
        return false;
    out->pid = (int)pid;
    out->parent_pid = (int)fields[0];
    out->session = (int)fields[2];
    out->flags = (uint32_t)fields[5];
    out->start = fields[18];
    return true;
}

/* What stands behind 'name' where a line begins with it; NULL if none does. */
static const char *
line_value(struct span text, const char *name)
{
    const char *p = text.p, *end = text.p + text.n;
    size_t n = strlen(name);

    while (p < end) {
        if ((size_t)(end - p) > n && memcmp(p, name, n) == 0)
            return p + n;
        p = memchr(p, '\n', (size_t)(end - p));
        if (p == NULL)
            return NULL;
        p++;
    }
    return NULL;
}

bool
procfs_status_read(struct span text, struct procfs_status *out)
{
    const char *end = text.p + text.n;
    const char *uids = line_value(text, "Uid:"), *gids = line_value(text, "Gid:");
    uint64_t uid[2], gid[2];

    if (uids == NULL || gids == NULL || !take_field(&uids, end, &uid[0]) ||
        !take_field(&uids, end, &uid[1]) || !take_field(&gids, end, &gid[0]) ||
        !take_field(&gids, end, &gid[1]))
        return false;
    if (uid[0] > UINT32_MAX || uid[1] > UINT32_MAX || gid[1] > UINT32_MAX)
        return false;
    *out = (struct procfs_status){(uint32_t)uid[0], (uint32_t)uid[1], (uint32_t)gid[1]};
    return true;
}

/* "0100007F:1F90": 32-bit words in the machine's own order, so that a copy of the number is the
 * address in network order. */
static bool
take_address(const char **p, const char *end, bool is_ipv6, unsigned char address[16],
             uint16_t *port)
{
    uint64_t number;

    skip_blanks(p, end);
    for (size_t word = 0; word < (is_ipv6 ? 4u : 1u); word++) {
        const char *word_end = *p + 8;

        if (end - *p < 8 || !take_number(p, word_end, 16, &number) || *p != word_end)
            return false;
        uint32_t bits = (uint32_t)number;

        memcpy(address + 4 * word, &bits, 4);
    }
    if (!take_byte(p, end, ':') || !take_number(p, end, 16, &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

bool
procfs_socket_read(struct span line, bool is_ipv6, bool is_udp, struct socket *out)
{
    const char *p = line.p, *end = line.p + line.n;
    uint64_t number, state, uid, inode;

    memset(out, 0, sizeof *out);
    out->key.is_ipv6 = is_ipv6;
    out->key.is_udp = is_udp;
    skip_blanks(&p, end);
    if (!take_number(&p, end, 10, &number) || !take_byte(&p, end, ':') ||
        !take_address(&p, end, is_ipv6, out->key.local, &out->key.local_port) ||
        !take_address(&p, end, is_ipv6, out->key.remote, &out->key.remote_port))
        return false;
    skip_blanks(&p, end);
    if (!take_number(&p, end, 16, &state))
        return false;
    /* tx:rx, timer:when and retransmits are hexadecimal and of no interest */
    for (int i = 0; i < 3; i++) {
        skip_blanks(&p, end);
        while (p < end && *p != ' ')
            p++;
    }
    if (!take_field(&p, end, &uid) || !take_field(&p, end, &number) ||
        !take_field(&p, end, &inode) || uid > UINT32_MAX || state > 255)
        return false;
    out->state = (uint32_t)state;
    out->uid = (uint32_t)uid;
    out->inode = inode;
    return true;
}

size_t
procfs_command_line(struct span raw, size_t size_max, char *out)
{
    size_t n = raw.n;

    while (n > 0 && raw.p[n - 1] == '\0')
        n--;
    if (n > size_max)
        n = size_max; /* text_add_string replaces a sequence that this cuts in two */
    for (size_t i = 0; i < n; i++)
        out[i] = raw.p[i] == '\0' ? ' ' : raw.p[i];
    return n;
}

bool
procfs_number(struct span text, const char *name, uint64_t *value)
{
    const char *p = line_value(text, name);

    return p != NULL && take_field(&p, text.p + text.n, value);
}

struct span
procfs_os_release(struct span text, const char *key)
{
    const char *p = line_value(text, key), *end = text.p + text.n;

    if (p == NULL || !take_byte(&p, end, '='))
        return (struct span){"", 0};
    const char *line_end = memchr(p, '\n', (size_t)(end - p));
    struct span value = {p, (size_t)((line_end == NULL ? end : line_end) - p)};

    if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
        value.p[value.n - 1] == value.p[0])
        value = (struct span){value.p + 1, value.n - 2};
    return value;
}
