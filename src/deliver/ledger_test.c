/* ledger_test.c - what a ledger still knows after it was closed, torn at every byte, or carried
 * over a reboot. */
#include "base/crc32c.h"
#include "base/test.h"
#include "deliver/ledger.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct ledger_lane lanes[3];

static struct ledger_entry
entry_at(uint64_t position, uint32_t lane_count)
{
    return (struct ledger_entry){.fingerprint = 7,
                                 .position = position,
                                 .row = 3,
                                 .is_pending = 1,
                                 .end_position = position + 10,
                                 .lane_count = lane_count,
                                 .lanes = lanes};
}

int
main(void)
{
    char folder[] = "/tmp/ledger_test.XXXXXX", path[256];
    struct ledger *l;
    struct ledger_entry e;
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    for (int i = 0; i < 3; i++) {
        snprintf(lanes[i].table, sizeof lanes[i].table, "T%d", i);
        snprintf(lanes[i].name, sizeof lanes[i].name, "object %d", i);
        lanes[i].length = (uint64_t)i * 1000;
    }
    CHECK(ledger_open(folder, "tenant/../x", "boot-1", &l, &err) == ST_OK, "%s", err.text);
    CHECK(!ledger_intent(l, &e) && !ledger_checkpoint(l, &e), "a new ledger knows something");
    for (uint64_t p = 1; p <= 5; p++) {
        struct ledger_entry w = entry_at(p * 100, (uint32_t)p % 4);

        CHECK(ledger_write_intent(l, &w, false, &err) == ST_OK, "%s", err.text);
    }
    struct ledger_entry w = entry_at(50, 3);

    CHECK(ledger_write_checkpoint(l, &w, &err) == ST_OK, "%s", err.text);
    ledger_close(l);

    CHECK(ledger_open(folder, "tenant/../x", "boot-1", &l, &err) == ST_OK, "%s", err.text);
    CHECK(ledger_intent(l, &e) && e.position == 500 && e.lane_count == 1 && e.row == 3 &&
              e.end_position == 510 && strcmp(e.lanes[0].name, "object 0") == 0,
          "intent at %llu", (unsigned long long)e.position);
    CHECK(ledger_intent_counts(l), "the same boot");
    CHECK(ledger_checkpoint(l, &e) && e.position == 50 && e.lane_count == 3 &&
              e.lanes[2].length == 2000,
          "checkpoint at %llu", (unsigned long long)e.position);
    ledger_close(l);

    CHECK(ledger_open(folder, "tenant/../x", "boot-2", &l, &err) == ST_OK, "%s", err.text);
    CHECK(!ledger_intent_counts(l), "an unsynced intent outlived the boot");
    w = entry_at(600, 2);
    CHECK(ledger_write_intent(l, &w, true, &err) == ST_OK, "%s", err.text);
    ledger_close(l);
    CHECK(ledger_open(folder, "tenant/../x", "boot-3", &l, &err) == ST_OK, "%s", err.text);
    CHECK(ledger_intent_counts(l) && ledger_intent(l, &e) && e.position == 600, "a synced one");
    ledger_close(l);

    /* The last intent went to one of two slots; torn at any byte, the one before it counts. */
    snprintf(path, sizeof path, "%s/tenant%%2f%%2e%%2e%%2fx.ledger", folder);
    int fd = open(path, O_RDWR);

    CHECK(fd >= 0, "%s is not there", path);
    enum { SPAN = 1700 };
    char kept[2][SPAN];
    int newest = -1;

    for (int slot = 0; slot < 2; slot++)
        CHECK(pread(fd, kept[slot], SPAN, slot << 20) == SPAN, "slot %d", slot);
    for (int slot = 0; slot < 2; slot++) {
        uint64_t numbers[2];

        memcpy(&numbers[0], kept[0] + 16, 8);
        memcpy(&numbers[1], kept[1] + 16, 8);
        newest = numbers[1] > numbers[0];
    }
    unsigned older = 0, same = 0;

    for (int at = 0; at < SPAN; at += 7) {
        char flipped = (char)(kept[newest][at] ^ 0x41);

        CHECK(pwrite(fd, &flipped, 1, ((off_t)newest << 20) + at) == 1, "write");
        CHECK(ledger_open(folder, "tenant/../x", "boot-3", &l, &err) == ST_OK, "%s", err.text);
        CHECK(ledger_intent(l, &e) && (e.position == 600 || e.position == 500), "byte %d: %llu", at,
              (unsigned long long)e.position);
        older += e.position == 500;
        same += e.position == 600;
        ledger_close(l);
        CHECK(pwrite(fd, &kept[newest][at], 1, ((off_t)newest << 20) + at) == 1, "write");
    }
    CHECK(older > 200 && same < 40, "%u torn, %u not noticed (padding behind the lanes)", older,
          same);
    /* A newer program's slot: another version under a good checksum of the head (112 bytes). */
    uint32_t version = 99, crc;

    memcpy(kept[newest] + 12, &version, 4);
    crc = crc32c(kept[newest] + 12, 112 - 12);
    memcpy(kept[newest] + 8, &crc, 4);
    CHECK(pwrite(fd, kept[newest], SPAN, (off_t)newest << 20) == SPAN, "write");
    CHECK(ledger_open(folder, "tenant/../x", "boot-3", &l, &err) == ST_INVALID, "a newer format");
    close(fd);
    ledger_forget(folder, "tenant/../x");
    CHECK(access(path, F_OK) != 0, "still there");
    CHECK(rmdir(folder) == 0, "left something behind");
    return test_end();
}
