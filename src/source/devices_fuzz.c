/* devices_fuzz.c - devices_load on any bytes. Odd first byte: the rest is a file as it stands;
 * even: the rest is the payload of a frame that gets its right head and checksum here, so that
 * records are reached. What loads must save and load again alike. */
#include "base/crc32c.h"
#include "source/devices.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_or_abort(int fd, const void *data, size_t size)
{
    if (size > 0 && write(fd, data, size) != (ssize_t)size)
        abort();
}

static bool
see(void *app, const struct device_view *v)
{
    *(size_t *)app += strlen(v->tenant) + strlen(v->id) + strlen(v->name) + strlen(v->domain) +
                      strlen(v->os_platform) + strlen(v->tags) + strlen(v->group);
    return true;
}

static struct devices *
load(const char *path, uint64_t *position, enum status *st)
{
    struct devices *d;
    struct err err = {""};

    if (devices_make(64, &d, &err) != ST_OK)
        abort();
    *st = devices_load(d, path, position, &err);
    if (*st != ST_OK && err.text[0] == '\0')
        abort();
    return d;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], saved[] = "/dev/shm/devices_fuzz.XXXXXX";
    uint64_t position = 0, again_position = 0;
    size_t seen = 0, again_seen = 0;
    enum status st;
    int fd = memfd_create("devices", 0);

    if (fd < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (size > 1 && (data[0] & 1) == 0) {
        uint32_t head[2] = {(uint32_t)(size - 1), crc32c(data + 1, size - 1)};

        write_or_abort(fd, "PSDEV001", 8);
        write_or_abort(fd, head, sizeof head);
    }
    if (size > 1)
        write_or_abort(fd, data + 1, size - 1);
    struct devices *d = load(path, &position, &st);

    close(fd);
    if (st == ST_OK) {
        struct err err;
        int copy = mkstemp(saved);

        if (copy < 0)
            abort();
        close(copy);
        if (devices_save(d, saved, position, &err) != ST_OK)
            abort();
        struct devices *again = load(saved, &again_position, &st);

        devices_visit(d, NULL, see, &seen);
        devices_visit(again, NULL, see, &again_seen);
        if (st != ST_OK || position != again_position || seen != again_seen)
            abort();
        devices_free(again);
        unlink(saved);
    } else if (devices_count(d, NULL) != 0) {
        abort();
    }
    devices_free(d);
    return 0;
}
