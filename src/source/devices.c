/* devices.c - the lock around the device table, and the table's file.
 *
 * The file: 8 bytes that name kind and version, then frames of {payload size, checksum} and whole
 * records. A frame's checksum goes on from the one before, so that a frame that is missing, doubled
 * or moved is noticed like one that is damaged; the end record says that nothing is missing behind.
 * Numbers are little endian, as all of this program's files. */
#include "source/devices.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "source/device_table.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    FRAME_FULL = 64 << 10, /* a frame is closed once it holds this much */
    FRAME_MAX = 96 << 10,  /* and one record more */
};
static const char file_magic[8] = {'P', 'S', 'D', 'E', 'V', '0', '0', '1'};

struct devices {
    pthread_mutex_t lock;
    struct device_table table;
};

/* ---- making and asking ---- */

enum status
devices_make(size_t devices_max, struct devices **devices, struct err *err)
{
    struct devices *d;
    uint64_t seed;

    if (devices_max == 0 || devices_max > DEVICES_MAX)
        return err_set(err, ST_INVALID, "%zu devices: 1 to %d can be known", devices_max,
                       DEVICES_MAX);
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return err_set(err, ST_IO, "device registry: no random numbers: %s", strerror(errno));
    d = malloc(sizeof *d);
    if (d == NULL)
        return err_set(err, ST_FULL, "no memory for the device registry");
    pthread_mutex_init(&d->lock, NULL);
    device_table_init(&d->table, devices_max, seed);
    *devices = d;
    return ST_OK;
}

void
devices_free(struct devices *d)
{
    if (d == NULL)
        return;
    device_table_free(&d->table);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

enum status
devices_set_groups(struct devices *d, const char *tenant, const struct device_group *groups,
                   size_t count, struct err *err)
{
    struct group_set *set;
    enum status st = group_set_make(groups, count, &set, err);

    if (st != ST_OK)
        return st;
    pthread_mutex_lock(&d->lock);
    st = device_table_set_groups(&d->table, span_of(tenant), set);
    pthread_mutex_unlock(&d->lock);
    if (st == ST_OK)
        return ST_OK;
    group_set_free(set);
    return err_set(err, st, "tenant %.40s: its device groups cannot be kept: %s", tenant,
                   st == ST_FULL ? "too many tenants" : "its name is not a GUID");
}

enum status
devices_learn(struct devices *d, const char *tenant, const struct device_facts *facts, int64_t seen)
{
    enum status st;

    pthread_mutex_lock(&d->lock);
    st = device_table_learn(&d->table, span_of(tenant), facts, seen);
    pthread_mutex_unlock(&d->lock);
    return st;
}

static void
copy_group(char group[257], struct span name)
{
    assert(name.n <= DEVICE_GROUP_NAME_MAX);
    memcpy(group, name.p, name.n);
    group[name.n] = '\0';
}

void
devices_group(struct devices *d, const char *tenant, struct span device_id, char group[257])
{
    struct span id = span_of(tenant);

    pthread_mutex_lock(&d->lock);
    copy_group(group, device_table_group(&d->table, id, device_id));
    pthread_mutex_unlock(&d->lock);
}

void
devices_alert_learn(struct devices *d, const char *tenant, struct span alert_id,
                    struct span device_id)
{
    pthread_mutex_lock(&d->lock);
    device_table_alert_learn(&d->table, span_of(tenant), alert_id, device_id);
    pthread_mutex_unlock(&d->lock);
}

bool
devices_alert_group(struct devices *d, const char *tenant, struct span alert_id, char group[257])
{
    struct span name;
    bool is_known;

    pthread_mutex_lock(&d->lock);
    is_known = device_table_alert_group(&d->table, span_of(tenant), alert_id, &name);
    if (is_known)
        copy_group(group, name);
    pthread_mutex_unlock(&d->lock);
    return is_known;
}

uint64_t
devices_version(struct devices *d)
{
    uint64_t version;

    pthread_mutex_lock(&d->lock);
    version = d->table.version;
    pthread_mutex_unlock(&d->lock);
    return version;
}

uint64_t
devices_refused(struct devices *d)
{
    uint64_t refused;

    pthread_mutex_lock(&d->lock);
    refused = d->table.refused;
    pthread_mutex_unlock(&d->lock);
    return refused;
}

size_t
devices_count(struct devices *d, const char *tenant)
{
    size_t count;

    pthread_mutex_lock(&d->lock);
    if (tenant == NULL) {
        count = d->table.count;
    } else {
        const struct device_tenant *t = device_table_tenant(&d->table, span_of(tenant));

        count = t == NULL ? 0 : t->device_count;
    }
    pthread_mutex_unlock(&d->lock);
    return count;
}

/* ---- visits ---- */

/* The view's group is lent in 'group'. */
static struct device_view
view_of(struct device_table *t, struct device_entry *e, char group[257])
{
    copy_group(group, device_table_entry_group(t, e));
    return (struct device_view){
        .tenant = t->tenants[e->tenant].id,
        .id = device_table_field(t, e, FIELD_ID).p,
        .name = device_table_field(t, e, FIELD_NAME).p,
        .domain = device_table_field(t, e, FIELD_DOMAIN).p,
        .os_platform = device_table_field(t, e, FIELD_OS).p,
        .tags = device_table_field(t, e, FIELD_TAGS).p,
        .group = group,
        .seen = e->seen,
    };
}

void
devices_visit(struct devices *d, const char *tenant,
              bool (*visit)(void *app, const struct device_view *device), void *app)
{
    struct device_table *t = &d->table;
    char group[257];

    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < t->count; i++) {
        struct device_entry *e = &t->entries[i];

        if (tenant != NULL && strcmp(tenant, t->tenants[e->tenant].id) != 0)
            continue;
        struct device_view view = view_of(t, e, group);

        if (!visit(app, &view))
            break;
    }
    pthread_mutex_unlock(&d->lock);
}

enum status
devices_preview(struct devices *d, const char *tenant, const struct device_group *group,
                size_t *matches, bool (*visit)(void *app, const struct device_view *device),
                void *app, struct err *err)
{
    struct device_table *t = &d->table;
    struct group_set *set;
    bool is_wanted = visit != NULL;
    char name[257];
    enum status st = group_set_make(group, 1, &set, err);

    if (st != ST_OK)
        return st;
    *matches = 0;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < t->count; i++) {
        struct device_entry *e = &t->entries[i];
        struct device_facts facts = {
            device_table_field(t, e, FIELD_ID), device_table_field(t, e, FIELD_NAME),
            device_table_field(t, e, FIELD_DOMAIN), device_table_field(t, e, FIELD_OS),
            device_table_field(t, e, FIELD_TAGS)};

        if (strcmp(tenant, t->tenants[e->tenant].id) != 0 ||
            group_set_find(set, &facts) == GROUP_SET_NONE)
            continue;
        ++*matches;
        if (is_wanted) {
            struct device_view view = view_of(t, e, name);

            is_wanted = visit(app, &view);
        }
    }
    pthread_mutex_unlock(&d->lock);
    group_set_free(set);
    return ST_OK;
}

/* ---- the file's records ---- */

enum record_kind { RECORD_HEAD = 'H', RECORD_DEVICE = 'D', RECORD_ALERT = 'A', RECORD_END = 'E' };

/* One record: this head, then the texts one behind the other. A device's are tenant and fields; an
 * alert's tenant, alert, device. */
struct record {
    uint8_t kind; /* enum record_kind */
    uint8_t known;
    int64_t number; /* head: journal position; device: seen; end: records before it */
    struct span texts[1 + DEVICE_FIELDS];
};
_Static_assert(FRAME_FULL + 2 * (2 + 2 * (1 + DEVICE_FIELDS) + 8) + 40 + TEXT_PIECE_MAX <=
                   FRAME_MAX,
               "a frame that is not full takes one more record, and the end");

struct frame {
    char bytes[FRAME_MAX];
    size_t used, at;
};

static void
put(struct frame *f, const void *data, size_t size)
{
    assert(size <= sizeof f->bytes - f->used);
    memcpy(f->bytes + f->used, data, size);
    f->used += size;
}

static void
record_put(struct frame *f, const struct record *r)
{
    uint16_t sizes[1 + DEVICE_FIELDS];

    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        sizes[i] = (uint16_t)r->texts[i].n;
    put(f, &r->kind, 1);
    put(f, &r->known, 1);
    put(f, sizes, sizeof sizes);
    put(f, &r->number, sizeof r->number);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        if (r->texts[i].n > 0)
            put(f, r->texts[i].p, r->texts[i].n);
}

static bool
get(struct frame *f, void *data, size_t size)
{
    if (size > f->used - f->at)
        return false;
    memcpy(data, f->bytes + f->at, size);
    f->at += size;
    return true;
}

/* The texts are lent from the frame. */
static bool
record_get(struct frame *f, struct record *r)
{
    uint16_t sizes[1 + DEVICE_FIELDS];

    if (!get(f, &r->kind, 1) || !get(f, &r->known, 1) || !get(f, sizes, sizeof sizes) ||
        !get(f, &r->number, sizeof r->number))
        return false;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        if (sizes[i] > f->used - f->at)
            return false;
        r->texts[i] = (struct span){f->bytes + f->at, sizes[i]};
        f->at += sizes[i];
    }
    return true;
}

/* ---- saving ---- */

struct saver {
    struct frame frame;
    const char *path; /* of the new file */
    int fd;
    off_t at;
    uint32_t crc;
    int64_t records;
};

static enum status
frame_write(struct saver *s, struct err *err)
{
    uint32_t head[2] = {(uint32_t)s->frame.used};
    enum status st;

    s->crc = crc32c_extend(s->crc, s->frame.bytes, s->frame.used);
    head[1] = s->crc;
    st = pwrite_all(s->fd, head, sizeof head, s->at, s->path, err);
    if (st == ST_OK)
        st = pwrite_all(s->fd, s->frame.bytes, s->frame.used, s->at + (off_t)sizeof head, s->path,
                        err);
    s->at += (off_t)(sizeof head + s->frame.used);
    s->frame.used = 0;
    return st;
}

/* One frame of devices from *next on; *next is moved. */
static void
devices_put(struct saver *s, const struct device_table *t, size_t *next)
{
    while (*next < t->count && s->frame.used < FRAME_FULL) {
        const struct device_entry *e = &t->entries[(*next)++];
        struct record r = {.kind = RECORD_DEVICE,
                           .known = (uint8_t)e->known,
                           .number = e->seen,
                           .texts = {span_of(t->tenants[e->tenant].id)}};

        for (unsigned i = 0; i < DEVICE_FIELDS; i++)
            r.texts[1 + i] = device_table_field(t, e, i);
        record_put(&s->frame, &r);
        s->records++;
    }
}

static void
alerts_put(struct saver *s, const struct device_table *t, uint64_t *next)
{
    if (t->alert_end - *next > DEVICE_ALERTS_MAX) /* the oldest went while we wrote */
        *next = t->alert_end - DEVICE_ALERTS_MAX;
    for (; *next < t->alert_end && s->frame.used < FRAME_FULL; ++*next) {
        struct record r = {.kind = RECORD_ALERT};

        if (!device_table_alert(t, *next, &r.texts[0], &r.texts[1], &r.texts[2]))
            continue;
        record_put(&s->frame, &r);
        s->records++;
    }
}

static enum status
write_all(struct saver *s, struct devices *d, uint64_t position, struct err *err)
{
    struct record head = {.kind = RECORD_HEAD, .number = (int64_t)position}, end;
    enum status st = pwrite_all(s->fd, file_magic, sizeof file_magic, 0, s->path, err);
    uint64_t alert = 0;
    size_t device = 0;

    s->at = sizeof file_magic;
    record_put(&s->frame, &head);
    while (st == ST_OK) {
        pthread_mutex_lock(&d->lock);
        devices_put(s, &d->table, &device);
        alerts_put(s, &d->table, &alert);
        bool is_end = s->frame.used < FRAME_FULL;

        pthread_mutex_unlock(&d->lock);
        if (is_end)
            break;
        st = frame_write(s, err);
    }
    end = (struct record){.kind = RECORD_END, .number = s->records};
    if (st != ST_OK)
        return st;
    record_put(&s->frame, &end);
    return frame_write(s, err);
}

/* As base/file.h's file_replace does it, for content that is not in memory as a whole. */
enum status
devices_save(struct devices *d, const char *path, uint64_t position, struct err *err)
{
    char temporary[4096], folder[4096];
    const char *slash = strrchr(path, '/');
    struct saver *s;
    enum status st;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return err_set(err, ST_INVALID, "the path %.64s... is too long", path);
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    s = malloc(sizeof *s);
    if (s == NULL)
        return err_set(err, ST_FULL, "no memory to write %s", path);
    s->path = temporary;
    s->frame.used = 0;
    s->crc = 0;
    s->records = 0;
    s->fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (s->fd < 0) {
        st = err_set(err, ST_IO, "cannot open %s: %s", temporary, strerror(errno));
        free(s);
        return st;
    }
    st = write_all(s, d, position, err);
    if (st == ST_OK && fsync(s->fd) != 0)
        st = err_set(err, ST_IO, "cannot sync %s: %s", temporary, strerror(errno));
    close(s->fd);
    free(s);
    if (st == ST_OK && rename(temporary, path) != 0)
        st = err_set(err, ST_IO, "cannot rename to %s: %s", path, strerror(errno));
    if (st != ST_OK) {
        unlink(temporary);
        return st;
    }
    return folder_sync(folder, err);
}

/* ---- loading ---- */

struct loader {
    struct frame frame;
    struct devices *taker; /* NULL: only check */
    const char *path;
    int fd;
    off_t at;
    uint32_t crc;
    int64_t records;
    uint64_t position;
    bool has_head, has_end;
};

static enum status
damaged(const struct loader *l, struct err *err, const char *what)
{
    return err_set(err, ST_INVALID,
                   "%s: %s near byte %lld; move it away, and devices are learned anew", l->path,
                   what, (long long)l->at);
}

/* ST_END: the file ends here. */
static enum status
frame_read(struct loader *l, struct err *err)
{
    uint32_t head[2];
    struct err ends;
    enum status st = pread_all(l->fd, head, sizeof head, l->at, l->path, &ends);

    if (st == ST_END) /* at the right place only if not a byte of a head is there */
        return pread_all(l->fd, head, 1, l->at, l->path, &ends) == ST_END
                   ? ST_END
                   : damaged(l, err, "it is cut off");
    if (st != ST_OK)
        return err_set(err, st, "%s", ends.text);
    if (head[0] == 0 || head[0] > FRAME_MAX)
        return damaged(l, err, "a frame of impossible size");
    st = pread_all(l->fd, l->frame.bytes, head[0], l->at + (off_t)sizeof head, l->path, &ends);
    if (st == ST_END)
        return damaged(l, err, "it is cut off");
    if (st != ST_OK)
        return err_set(err, st, "%s", ends.text);
    l->frame.used = head[0];
    l->frame.at = 0;
    l->crc = crc32c_extend(l->crc, l->frame.bytes, head[0]);
    if (l->crc != head[1])
        return damaged(l, err, "a wrong checksum");
    l->at += (off_t)(sizeof head + head[0]);
    return ST_OK;
}

static bool
is_tenant(struct span tenant)
{
    return tenant.n > 0 && tenant.n < sizeof((struct device_tenant *)0)->id &&
           memchr(tenant.p, '\0', tenant.n) == NULL;
}

static bool
device_take(struct loader *l, const struct record *r)
{
    struct span said[DEVICE_FIELDS];

    if (!is_tenant(r->texts[0]) || r->texts[1].n == 0 || r->texts[1].n > DEVICE_ID_SIZE_MAX ||
        memchr(r->texts[1].p, '\0', r->texts[1].n) != NULL)
        return false;
    l->records++;
    if (l->taker == NULL)
        return true;
    for (unsigned i = 0; i < DEVICE_FIELDS; i++)
        said[i] = (r->known & 1u << i) != 0 ? r->texts[1 + i] : (struct span){NULL, 0};
    struct device_facts facts = {r->texts[1], said[FIELD_NAME], said[FIELD_DOMAIN], said[FIELD_OS],
                                 said[FIELD_TAGS]};

    /* what has no room is counted by the table */
    (void)device_table_learn(&l->taker->table, r->texts[0], &facts, r->number);
    return true;
}

static bool
alert_take(struct loader *l, const struct record *r)
{
    if (!is_tenant(r->texts[0]) || r->texts[1].n == 0 || r->texts[1].n > DEVICE_ALERT_ID_SIZE_MAX ||
        r->texts[2].n == 0 || r->texts[2].n > DEVICE_ID_SIZE_MAX)
        return false;
    l->records++;
    if (l->taker != NULL)
        device_table_alert_learn(&l->taker->table, r->texts[0], r->texts[1], r->texts[2]);
    return true;
}

static bool
record_take(struct loader *l, const struct record *r)
{
    if (l->has_end || l->has_head == (r->kind == RECORD_HEAD))
        return false;
    switch (r->kind) {
    case RECORD_HEAD:
        l->has_head = true;
        l->position = (uint64_t)r->number;
        return true;
    case RECORD_DEVICE:
        return device_take(l, r);
    case RECORD_ALERT:
        return alert_take(l, r);
    case RECORD_END:
        l->has_end = true;
        return r->number == l->records;
    default:
        return false;
    }
}

/* All frames from the start; records go to 'taker' unless it is NULL. */
static enum status
read_all(struct loader *l, struct devices *taker, struct err *err)
{
    char magic[sizeof file_magic];
    struct record r;
    enum status st = pread_all(l->fd, magic, sizeof magic, 0, l->path, err);

    if (st == ST_IO)
        return st;
    if (st == ST_END || memcmp(magic, file_magic, sizeof magic) != 0)
        return err_set(err, ST_INVALID, "%s is not a device file of this version", l->path);
    l->taker = taker;
    l->at = sizeof file_magic;
    l->crc = 0;
    l->records = 0;
    l->has_head = l->has_end = false;
    while ((st = frame_read(l, err)) == ST_OK) {
        bool is_good = true;

        if (taker != NULL)
            pthread_mutex_lock(&taker->lock);
        while (is_good && l->frame.at < l->frame.used)
            is_good = record_get(&l->frame, &r) && record_take(l, &r);
        if (taker != NULL)
            pthread_mutex_unlock(&taker->lock);
        if (!is_good)
            return damaged(l, err, "a record that makes no sense");
    }
    if (st != ST_END)
        return st;
    return l->has_end ? ST_OK : damaged(l, err, "it is cut off");
}

enum status
devices_load(struct devices *d, const char *path, uint64_t *position, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct loader *l;
    enum status st;

    if (fd < 0) {
        if (errno == ENOENT)
            return err_set(err, ST_END, "there is no file %s", path);
        return err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno));
    }
    l = malloc(sizeof *l);
    if (l == NULL) {
        close(fd);
        return err_set(err, ST_FULL, "no memory to read %s", path);
    }
    l->fd = fd;
    l->path = path;
    st = read_all(l, NULL, err);
    if (st == ST_OK)
        st = read_all(l, d, err);
    if (st == ST_OK)
        *position = l->position;
    free(l);
    close(fd);
    return st;
}
