#include "deliver/ledger.h"
#include "base/crc32c.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT_SIZE = 1 << 20, SLOTS = 4, LEDGER_VERSION = 1 };
_Static_assert(LEDGER_LANES_MAX * sizeof(struct ledger_lane) + 256 < SLOT_SIZE, "slots hold all");

static const char magic[8] = "pnstklg";

/* What stands at a slot's start; the lanes follow. 'crc' covers the head behind itself, in this and
 * every later version, so that a newer format can be told from a torn write. */
struct slot_head {
    char magic[8];
    uint32_t crc;
    uint32_t version;
    uint64_t number; /* the higher one of two counts */
    char boot[40];
    uint32_t is_synced, lane_count;
    uint64_t fingerprint, position, end_position;
    uint32_t row, end_row, is_pending, lanes_crc;
};

_Static_assert(sizeof(struct slot_head) == 112, "the head has no holes and keeps its size");

struct kept { /* one of the two entries, in memory as on disk */
    struct slot_head head;
    struct ledger_lane *lanes;
    bool is_there;
};

struct ledger {
    int fd;
    char path[4096], boot[40];
    struct kept intent, checkpoint;
    char *scratch; /* SLOT_SIZE, made when first needed */
};

void
ledger_boot(char out[40])
{
    char *text;
    size_t size;

    memset(out, 0, 40);
    if (file_read("/proc/sys/kernel/random/boot_id", 64, &text, &size, NULL) != ST_OK) {
        strcpy(out, "unknown");
        return;
    }
    memcpy(out, text, size < 36 ? size : 36);
    free(text);
}

/* Export ids hold a slash and what users typed: they are written as hex where not plainly safe. */
static enum status
ledger_path(const char *folder, const char *export_id, char out[4096], struct err *err)
{
    int n = snprintf(out, 4096, "%s/", folder);

    for (const unsigned char *p = (const unsigned char *)export_id; *p != '\0'; p++) {
        if (n < 0 || n > 4080)
            return err_set(err, ST_INVALID, "the export id %.64s... is too long", export_id);
        bool safe = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || *p == '-' || *p == '_';

        n += safe ? snprintf(out + n, 4096 - (size_t)n, "%c", *p)
                  : snprintf(out + n, 4096 - (size_t)n, "%%%02x", *p);
    }
    snprintf(out + n, 4096 - (size_t)n, ".ledger");
    return ST_OK;
}

static uint32_t
head_crc(const struct slot_head *head)
{
    size_t from = offsetof(struct slot_head, version);

    return crc32c((const char *)head + from, sizeof *head - from);
}

/* Reads one slot into *kept if it is whole and newer than what is there. */
static enum status
slot_read(struct ledger *l, int slot, struct kept *kept, struct err *err)
{
    struct slot_head head;
    struct ledger_lane *lanes = NULL;
    enum status st = pread_all(l->fd, &head, sizeof head, (off_t)slot * SLOT_SIZE, l->path, NULL);

    if (st == ST_END)
        return ST_OK;
    if (st != ST_OK)
        return err_set(err, ST_IO, "cannot read %s", l->path);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || head.crc != head_crc(&head))
        return ST_OK; /* never written, or torn: the other slot counts */
    if (head.version > LEDGER_VERSION)
        return err_set(err, ST_INVALID,
                       "%s has format %u, this program knows up to %d: use a newer one", l->path,
                       head.version, LEDGER_VERSION);
    if ((kept->is_there && kept->head.number >= head.number) || head.lane_count > LEDGER_LANES_MAX)
        return ST_OK;
    if (head.lane_count > 0) {
        lanes = malloc(head.lane_count * sizeof *lanes);
        if (lanes == NULL)
            return err_set(err, ST_FULL, "no memory to read %s", l->path);
        st = pread_all(l->fd, lanes, head.lane_count * sizeof *lanes,
                       (off_t)slot * SLOT_SIZE + (off_t)sizeof head, l->path, NULL);
    }
    if (st != ST_OK || crc32c(lanes, head.lane_count * sizeof *lanes) != head.lanes_crc) {
        free(lanes); /* torn too */
        return ST_OK;
    }
    free(kept->lanes);
    *kept = (struct kept){head, lanes, true};
    return ST_OK;
}

enum status
ledger_open(const char *folder, const char *export_id, const char *boot, struct ledger **ledger,
            struct err *err)
{
    struct ledger *l = calloc(1, sizeof *l);
    enum status st;

    if (l == NULL)
        return err_set(err, ST_FULL, "no memory for a ledger");
    l->fd = -1;
    snprintf(l->boot, sizeof l->boot, "%s", boot);
    st = ledger_path(folder, export_id, l->path, err);
    if (st != ST_OK)
        goto fail;
    l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (l->fd < 0) {
        st = err_set(err, ST_IO, "cannot open %s: %s", l->path, strerror(errno));
        goto fail;
    }
    for (int slot = 0; slot < SLOTS && st == ST_OK; slot++)
        st = slot_read(l, slot, slot < 2 ? &l->intent : &l->checkpoint, err);
    if (st != ST_OK)
        goto fail;
    *ledger = l;
    return ST_OK;

fail:
    ledger_close(l);
    return st;
}

void
ledger_close(struct ledger *l)
{
    if (l == NULL)
        return;
    if (l->fd >= 0)
        close(l->fd);
    free(l->intent.lanes);
    free(l->checkpoint.lanes);
    free(l->scratch);
    free(l);
}

static bool
kept_entry(const struct kept *kept, struct ledger_entry *entry)
{
    if (!kept->is_there)
        return false;
    *entry = (struct ledger_entry){
        .fingerprint = kept->head.fingerprint,
        .position = kept->head.position,
        .row = kept->head.row,
        .is_pending = kept->head.is_pending,
        .end_position = kept->head.end_position,
        .end_row = kept->head.end_row,
        .lane_count = kept->head.lane_count,
        .lanes = kept->lanes,
    };
    return true;
}

bool
ledger_intent(const struct ledger *l, struct ledger_entry *entry)
{
    return kept_entry(&l->intent, entry);
}

bool
ledger_checkpoint(const struct ledger *l, struct ledger_entry *entry)
{
    return kept_entry(&l->checkpoint, entry);
}

bool
ledger_intent_counts(const struct ledger *l)
{
    if (!l->intent.is_there)
        return false;
    return l->intent.head.is_synced ||
           (strcmp(l->boot, "unknown") != 0 && strcmp(l->intent.head.boot, l->boot) == 0);
}

static enum status
kept_write(struct ledger *l, struct kept *kept, int first_slot, const struct ledger_entry *entry,
           bool sync, struct err *err)
{
    struct slot_head head = {
        .version = LEDGER_VERSION,
        .number = kept->is_there ? kept->head.number + 1 : 1,
        .is_synced = sync,
        .lane_count = entry->lane_count,
        .fingerprint = entry->fingerprint,
        .position = entry->position,
        .end_position = entry->end_position,
        .row = entry->row,
        .end_row = entry->end_row,
        .is_pending = entry->is_pending,
    };
    size_t lanes_size = entry->lane_count * sizeof *entry->lanes;
    struct ledger_lane *lanes = NULL;

    if (entry->lane_count > LEDGER_LANES_MAX)
        return err_set(err, ST_INVALID, "%u lanes are more than a ledger holds (%d)",
                       entry->lane_count, LEDGER_LANES_MAX);
    memcpy(head.magic, magic, sizeof magic);
    memcpy(head.boot, l->boot, sizeof head.boot);
    head.lanes_crc = crc32c(entry->lanes, lanes_size);
    head.crc = head_crc(&head);
    if (l->scratch == NULL && (l->scratch = malloc(SLOT_SIZE)) == NULL)
        return err_set(err, ST_FULL, "no memory to write %s", l->path);
    if (lanes_size > 0 && (lanes = malloc(lanes_size)) == NULL)
        return err_set(err, ST_FULL, "no memory to write %s", l->path);
    memcpy(l->scratch, &head, sizeof head);
    if (lanes_size > 0) {
        memcpy(l->scratch + sizeof head, entry->lanes, lanes_size);
        memcpy(lanes, entry->lanes, lanes_size);
    }
    off_t at = (off_t)(first_slot + (int)(head.number & 1)) * SLOT_SIZE;
    enum status st = pwrite_all(l->fd, l->scratch, sizeof head + lanes_size, at, l->path, err);

    if (st == ST_OK && sync && fdatasync(l->fd) != 0)
        st = err_set(err, ST_IO, "cannot sync %s: %s", l->path, strerror(errno));
    if (st != ST_OK) {
        free(lanes);
        return st;
    }
    free(kept->lanes);
    *kept = (struct kept){head, lanes, true};
    return ST_OK;
}

enum status
ledger_write_intent(struct ledger *l, const struct ledger_entry *entry, bool sync, struct err *err)
{
    return kept_write(l, &l->intent, 0, entry, sync, err);
}

enum status
ledger_write_checkpoint(struct ledger *l, const struct ledger_entry *entry, struct err *err)
{
    return kept_write(l, &l->checkpoint, 2, entry, true, err);
}

void
ledger_forget(const char *folder, const char *export_id)
{
    char path[4096];

    if (ledger_path(folder, export_id, path, NULL) == ST_OK)
        unlink(path);
}
