#include "penstock/registry.h"
#include "journal/journal.h"
#include "source/decorate.h"
#include <stdlib.h>

enum { SCANNER_MEMORY = 1 << 20 };

enum status
registry_learn(struct devices *devices, struct journal *journal, uint64_t position,
               uint64_t *learned, struct err *err)
{
    static const struct scan_limits limits = {
        .record_size_max = BLOCK_BODY_MAX, .depth_max = 1024, .values_max = SCAN_VALUES_MAX};
    struct decorator *decorator = malloc(sizeof *decorator);
    struct arena arena = {aligned_alloc(64, SCANNER_MEMORY), SCANNER_MEMORY, 0};
    struct journal_buffer *buffer = NULL;
    struct scanner scanner;
    enum status st = ST_FULL;

    *learned = 0;
    if (decorator == NULL || arena.base == NULL) {
        err_set(err, st, "no memory to learn devices from the journal");
        goto done;
    }
    decorate_init(decorator, devices);
    st = scanner_init(&scanner, &arena, SCAN_ROWS, &limits, err);
    if (st == ST_OK)
        st = journal_buffer_make(&buffer, err);
    while (st == ST_OK) {
        struct block block;
        struct journal_gap gap;
        uint64_t at, next;

        st = journal_read(journal, position, buffer, &block, &at, &next, &gap, err);
        if (st == ST_INVALID && position != 0) {
            position = 0; /* the journal was replaced since: all of it is news */
            st = ST_OK;
            continue;
        }
        if (st != ST_OK)
            break;
        if (block.head->kind == BLOCK_ROWS)
            *learned += decorate_relearn(decorator, &scanner, &block);
        position = next;
    }
    if (st == ST_END)
        st = ST_OK;

done:
    journal_buffer_free(buffer);
    free(arena.base);
    free(decorator);
    return st;
}
