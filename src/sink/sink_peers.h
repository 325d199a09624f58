/* sink_peers.h - the other side of each kind for sink_test.c: where it writes to, and what came there. Tests only. */
#pragma once
#include "sink/layout.h"
#include "sink/peer.h"

struct peer {
    const char *name;
    const struct sink_kind *kind;
    bool reads_by_lane;               /* 'read' gives one lane; else all, in order */
    const char *bodies[4];            /* what it is sent */
    void (*start)(struct peer *peer); /* fills in values */
    void (*starts_down)(
        struct peer *peer); /* 'start' left it unreachable: mends that; NULL: cannot be */
    char *(*read)(struct peer *peer, const struct lane *lane, size_t *size); /* malloc'd */
    void (*end)(struct peer *peer);
    struct sink_value values[12];
    size_t value_count;
    char folder[256], path[1024];
    int kept; /* file descriptor */
    void *state;
};

static inline void
folder_peer_start(struct peer *peer)
{
    peer_folder(peer->folder);
    snprintf(peer->path, sizeof peer->path, "%s/new/account", peer->folder);
    peer->values[0] = (struct sink_value){"path", peer->path};
    peer->value_count = 1;
}

static inline char *
folder_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    char *all = calloc(1, 65536);

    *size = 0;
    for (unsigned i = 0; i < 100; i++) {
        char name[LAYOUT_NAME_MAX];
        struct err err;
        size_t n = 0;
        char *text = NULL;

        if (layout_name(lane, LAYOUT_FOLDER, i, name, &err) == ST_OK)
            text = peer_read(peer->path, name, &n);
        if (n > 0 && *size + n < 65536) {
            memcpy(all + *size, text, n);
            *size += n;
        }
        free(text);
        if (n == 0)
            break;
    }
    return all;
}

static inline void
folder_peer_end(struct peer *peer)
{
    peer_remove(peer->folder);
}

static inline void
file_peer_start(struct peer *peer)
{
    peer_folder(peer->folder);
    snprintf(peer->path, sizeof peer->path, "%s/new/rows.json", peer->folder);
    peer->values[0] = (struct sink_value){"path", peer->path};
    peer->value_count = 1;
}

static inline void
file_peer_up(struct peer *peer)
{
    char folder[300];

    snprintf(folder, sizeof folder, "%s/new", peer->folder);
    CHECK(mkdir(folder, 0700) == 0, "mkdir %s", folder);
}

static inline char *
file_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    (void)lane;
    return peer_read("", peer->path, size);
}

/* Standard output becomes a file for the while; our own prints go to standard error. */
static inline void
stdout_peer_start(struct peer *peer)
{
    int fd;

    peer_folder(peer->folder);
    snprintf(peer->path, sizeof peer->path, "%s/rows.json", peer->folder);
    fd = open(peer->path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    fflush(stdout);
    peer->kept = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    peer->value_count = 0;
}

static inline void
stdout_peer_end(struct peer *peer)
{
    fflush(stdout);
    dup2(peer->kept, STDOUT_FILENO);
    close(peer->kept);
    peer_remove(peer->folder);
}

#define PEER_LINES                                                                                 \
    {                                                                                              \
        "{\"n\":1}\r\n", "{\"n\":2}\r\n", "{\"n\":3}\r\n{\"n\":33}\r\n", "{\"n\":4}\r\n"           \
    }

static struct peer peers[] = {
    {.name = "folder",
     .kind = &sink_folder,
     .reads_by_lane = true,
     .bodies = PEER_LINES,
     .start = folder_peer_start,
     .read = folder_peer_read,
     .end = folder_peer_end},
    {.name = "file",
     .kind = &sink_file,
     .bodies = PEER_LINES,
     .start = file_peer_start,
     .starts_down = file_peer_up,
     .read = file_peer_read,
     .end = folder_peer_end},
    {.name = "stdout",
     .kind = &sink_stdout,
     .bodies = PEER_LINES,
     .start = stdout_peer_start,
     .read = file_peer_read,
     .end = stdout_peer_end },
};
