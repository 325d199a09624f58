#include "journal/floors.h"
#include "base/crc32c.h"
#include "base/file.h"
#include <stdlib.h>

enum { YIELDED_MAGIC = 0x444c4559 /* "YELD" */ };

static struct floor_entry *
floor_find(struct journal *j, const char *name)
{
    for (size_t i = 0; i < j->floor_count; i++)
        if (strncmp(j->floors[i].name, name, sizeof j->floors[i].name - 1) == 0)
            return &j->floors[i];
    return NULL;
}

void
journal_floor_set(struct journal *j, const char *name, uint64_t position, bool yields)
{
    struct floor_entry *f;

    pthread_mutex_lock(&j->lock);
    f = floor_find(j, name);
    if (f == NULL) {
        struct floor_entry *larger = j->floor_count < FLOORS_MAX
                                         ? realloc(j->floors, (j->floor_count + 1) * sizeof *larger)
                                         : NULL;

        if (larger == NULL) {
            j->floors_overflow =
                true; /* keeps everything: a reader's data is worth more than space */
            pthread_mutex_unlock(&j->lock);
            return;
        }
        j->floors = larger;
        f = &larger[j->floor_count++];
        snprintf(f->name, sizeof f->name, "%s", name);
    }
    f->position = position;
    f->yields = yields;
    pthread_mutex_unlock(&j->lock);
}

void
journal_floor_remove(struct journal *j, const char *name)
{
    struct floor_entry *f;

    pthread_mutex_lock(&j->lock);
    f = floor_find(j, name);
    if (f != NULL)
        *f = j->floors[--j->floor_count];
    pthread_mutex_unlock(&j->lock);
}

enum hold
floors_hold(const struct journal *j, uint64_t end, const struct floor_entry **holder)
{
    enum hold hold = HOLD_NONE;

    *holder = NULL;
    if (j->floors_overflow)
        return HOLD_FIRM;
    for (size_t i = 0; i < j->floor_count; i++) {
        const struct floor_entry *f = &j->floors[i];
        enum hold own = f->yields ? HOLD_YIELDS : HOLD_FIRM;

        if (f->position >= end || own < hold)
            continue;
        if (own > hold || *holder == NULL || f->position < (*holder)->position)
            *holder = f;
        hold = own;
    }
    return hold;
}

size_t
floors_between(const struct journal *j, uint64_t from, uint64_t end, uint64_t *positions,
               size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < j->floor_count && n < room; i++)
        if (j->floors[i].position >= from && j->floors[i].position < end)
            positions[n++] = j->floors[i].position;
    return n;
}

bool
yielded_find(const struct journal *j, uint64_t position, uint64_t *rows)
{
    for (size_t i = 0; i < j->yielded_count; i++)
        if (j->yielded[i].position == position) {
            *rows = j->yielded[i].rows;
            return true;
        }
    for (size_t i = 0; i < j->passed_count; i++)
        if (j->passed[i].position == position) {
            *rows = j->passed[i].rows;
            return true;
        }
    return false;
}

void
passed_add(struct journal *j, uint64_t position, uint64_t rows)
{
    if (j->passed == NULL && (j->passed = malloc(PASSED_MAX * sizeof *j->passed)) == NULL)
        return;
    j->passed[j->passed_next] = (struct yielded){position, rows};
    j->passed_next = (j->passed_next + 1) % PASSED_MAX;
    if (j->passed_count < PASSED_MAX)
        j->passed_count++;
}

static bool
is_needed(const struct journal *j, uint64_t position)
{
    for (size_t i = 0; i < j->floor_count; i++)
        if (j->floors[i].position == position)
            return true;
    return false;
}

static enum status
yielded_write(const struct journal *j, const struct yielded *all, size_t count, struct err *err)
{
    size_t size = 8 + count * sizeof *all;
    char path[PATH_SIZE], *text = malloc(size);
    uint32_t head[2] = {YIELDED_MAGIC, crc32c(all, count * sizeof *all)};
    enum status st;

    if (text == NULL)
        return err_set(err, ST_FULL, "no memory to write down what readers lose");
    memcpy(text, head, sizeof head);
    memcpy(text + sizeof head, all, count * sizeof *all);
    snprintf(path, sizeof path, "%s/yielded", j->folder);
    st = file_replace(path, (struct span){text, size}, 0640, err);
    free(text);
    return st;
}

enum status
yielded_add(struct journal *j, const struct yielded *more, size_t count, struct err *err)
{
    struct yielded *all, *old;
    size_t n = 0;
    enum status st;

    pthread_mutex_lock(&j->lock);
    all = malloc((j->yielded_count + count + 1) * sizeof *all);
    if (all == NULL) {
        pthread_mutex_unlock(&j->lock);
        return err_set(err, ST_FULL, "no memory to write down what readers lose");
    }
    for (size_t i = 0; i < j->yielded_count; i++)
        if (is_needed(j, j->yielded[i].position))
            all[n++] = j->yielded[i];
    pthread_mutex_unlock(&j->lock);
    memcpy(all + n, more, count * sizeof *all);
    n += count;
    st = yielded_write(j, all, n, err);
    if (st != ST_OK) {
        free(all);
        return st;
    }
    pthread_mutex_lock(&j->lock);
    old = j->yielded;
    j->yielded = all;
    j->yielded_count = n;
    pthread_mutex_unlock(&j->lock);
    free(old);
    return ST_OK;
}

void
yielded_load(struct journal *j)
{
    char path[PATH_SIZE], *text;
    uint32_t head[2];
    size_t size, count;

    snprintf(path, sizeof path, "%s/yielded", j->folder);
    if (file_read(path, 1 << 20, &text, &size, NULL) != ST_OK)
        return;
    count = size < 8 ? 0 : (size - 8) / sizeof *j->yielded;
    if (size >= 8)
        memcpy(head, text, sizeof head);
    if (count > 0 && size == 8 + count * sizeof *j->yielded && head[0] == YIELDED_MAGIC &&
        head[1] == crc32c(text + 8, size - 8) &&
        (j->yielded = malloc(count * sizeof *j->yielded)) != NULL) {
        memcpy(j->yielded, text + 8, count * sizeof *j->yielded);
        j->yielded_count = count;
    }
    free(text);
}
