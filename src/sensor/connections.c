#include "sensor/connections.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS = CONNECTIONS_MAX * 2, RECENT_MAX = 32 };

struct known {
    struct socket_key key;
    uint64_t inode;
    unsigned look; /* the last that saw it; 0: the slot is free */
    bool is_listening;
};

struct connections {
    unsigned look;
    size_t count, seen_count, new_count;
    uint64_t dropped;
    uint16_t ephemeral_first, ephemeral_last;
    int recent[RECENT_MAX]; /* pids that held new sockets lately, latest first; 0: none */
    struct connection news[CONNECTIONS_NEW_MAX];
    struct known slots[SLOTS]; /* linear probing, gaps are closed */
};

enum status
connections_make(struct connections **c, struct err *err)
{
    *c = calloc(1, sizeof **c);
    if (*c == NULL)
        return err_set(err, ST_FULL, "no memory to remember sockets");
    (*c)->look = 1;
    return ST_OK;
}

void
connections_free(struct connections *c)
{
    free(c);
}

void
connections_set_ephemeral(struct connections *c, uint16_t first, uint16_t last)
{
    c->ephemeral_first = first;
    c->ephemeral_last = last;
}

static size_t
home_of(const struct socket_key *key)
{
    uint64_t h = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < sizeof *key; i += 8) {
        uint64_t word;

        memcpy(&word, (const char *)key + i, sizeof word);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h & (SLOTS - 1);
}

static struct known *
slot_of(struct connections *c, const struct socket_key *key)
{
    size_t i = home_of(key);

    while (c->slots[i].look != 0 && memcmp(&c->slots[i].key, key, sizeof *key) != 0)
        i = (i + 1) & (SLOTS - 1);
    return &c->slots[i];
}

static void
remove_slot(struct connections *c, size_t gap)
{
    c->slots[gap] = (struct known){0};
    c->count--;
    for (size_t i = (gap + 1) & (SLOTS - 1); c->slots[i].look != 0; i = (i + 1) & (SLOTS - 1)) {
        size_t home = home_of(&c->slots[i].key);

        if (((i - home) & (SLOTS - 1)) < ((i - gap) & (SLOTS - 1)))
            continue;
        c->slots[gap] = c->slots[i];
        c->slots[i] = (struct known){0};
        gap = i;
    }
}

void
connections_begin(struct connections *c)
{
    c->new_count = 0;
    c->seen_count = 0;
    c->look = c->look == UINT32_MAX ? 1 : c->look + 1;
}

static bool
has_listener(struct connections *c, const struct socket_key *of)
{
    struct socket_key key = *of;

    if (key.is_udp)
        return false; /* a UDP socket with a peer was connected from here */
    memset(key.remote, 0, sizeof key.remote);
    key.remote_port = 0;
    if (slot_of(c, &key)->look != 0)
        return true;
    memset(key.local, 0, sizeof key.local);
    if (slot_of(c, &key)->look != 0)
        return true;
    key.is_ipv6 = true; /* [::] listens for IPv4 as well */
    return slot_of(c, &key)->look != 0;
}

static bool
is_client(const struct connections *c, const struct socket *s)
{
    return s->key.is_udp && s->key.local_port >= c->ephemeral_first &&
           s->key.local_port <= c->ephemeral_last && c->ephemeral_last != 0;
}

void
connections_see(struct connections *c, const struct socket *s)
{
    bool is_listening = socket_is_listening(s) && !is_client(c, s);
    struct known *k;

    if (s->key.local_port == 0 || (!is_listening && !socket_is_connected(s)))
        return;
    k = slot_of(c, &s->key);
    if (k->look != 0 && (s->inode == 0 || s->inode == k->inode)) {
        c->seen_count += k->look != c->look;
        k->look = c->look;
        return;
    }
    if (!s->key.is_udp && s->state == SOCKET_ESTABLISHED && s->inode == 0)
        return; /* not accepted yet */
    if (k->look == 0 && c->count < CONNECTIONS_MAX) {
        k->key = s->key;
        c->count++;
    }
    if (memcmp(&k->key, &s->key, sizeof k->key) == 0) { /* else the table is full */
        c->seen_count += k->look != c->look;
        k->inode = s->inode;
        k->is_listening = is_listening;
        k->look = c->look;
    }
    if (c->new_count == CONNECTIONS_NEW_MAX) {
        c->dropped++;
        return;
    }
    c->news[c->new_count++] = (struct connection){
        .socket = *s,
        .is_listening = is_listening,
        .is_inbound = !is_listening && has_listener(c, &s->key),
    };
}

struct connection *
connections_end(struct connections *c, bool is_whole, size_t *count)
{
    *count = c->new_count;
    if (!is_whole || c->seen_count == c->count)
        return c->news;
    for (size_t i = 0; i < SLOTS && c->count > 0; i++)
        while (c->slots[i].look != 0 && c->slots[i].look != c->look)
            remove_slot(c, i);
    return c->news;
}

uint64_t
connections_dropped(const struct connections *c)
{
    return c->dropped;
}

size_t
connections_count(const struct connections *c)
{
    return c->count;
}

/* ---- owners */

struct search {
    struct connection **wanted; /* by inode */
    size_t count, missing, links_left;
};

static int
by_inode(const void *a, const void *b)
{
    const struct connection *const *x = a, *const *y = b;

    return ((*x)->socket.inode > (*y)->socket.inode) - ((*x)->socket.inode < (*y)->socket.inode);
}

static void
found(struct search *s, uint64_t inode, int pid)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (s->wanted[middle]->socket.inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->count && s->wanted[low]->socket.inode == inode; low++)
        if (s->wanted[low]->pid == 0) {
            s->wanted[low]->pid = pid;
            s->missing--;
        }
}

static bool
search_process(struct search *s, int proc_fd, int pid)
{
    char name[32], link[64];
    size_t before = s->missing;

    snprintf(name, sizeof name, "%d/fd", pid);
    int fd = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (struct dirent *e; s->missing > 0 && s->links_left > 0 && (e = readdir(folder)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        ssize_t n = readlinkat(dirfd(folder), e->d_name, link, sizeof link - 1);

        s->links_left--;
        if (n < 10 || memcmp(link, "socket:[", 8) != 0)
            continue;
        link[n] = '\0';
        found(s, strtoull(link + 8, NULL, 10), pid);
    }
    closedir(folder);
    return s->missing < before;
}

static void
remember(struct connections *c, int pid)
{
    size_t i = 0;

    while (i < RECENT_MAX - 1 && c->recent[i] != pid && c->recent[i] != 0)
        i++;
    memmove(c->recent + 1, c->recent, i * sizeof c->recent[0]);
    c->recent[0] = pid;
}

static void
search_all(struct connections *c, struct search *s, int proc_fd)
{
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; s->missing > 0 && s->links_left > 0 && (e = readdir(folder)) != NULL;) {
        int pid = atoi(e->d_name);

        if (pid > 0 && search_process(s, proc_fd, pid))
            remember(c, pid);
    }
    closedir(folder);
}

size_t
connections_own(struct connections *c, int proc_fd, struct connection *news, size_t count,
                size_t links_max)
{
    static const size_t wanted_max = CONNECTIONS_NEW_MAX;
    struct connection *wanted[CONNECTIONS_NEW_MAX];
    struct search s = {.wanted = wanted, .links_left = links_max};
    int recent[RECENT_MAX];

    for (size_t i = 0; i < count && s.count < wanted_max; i++)
        if (news[i].socket.inode != 0)
            wanted[s.count++] = &news[i];
    s.missing = s.count;
    if (s.count == 0)
        return count;
    qsort(wanted, s.count, sizeof wanted[0], by_inode);
    memcpy(recent, c->recent, sizeof recent);
    for (size_t i = 0; i < RECENT_MAX && recent[i] != 0 && s.missing > 0; i++)
        if (search_process(&s, proc_fd, recent[i]))
            remember(c, recent[i]);
    if (s.missing > 0)
        search_all(c, &s, proc_fd);
    return s.missing + (count - s.count);
}
