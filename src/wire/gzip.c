#include "wire/gzip.h"
#include <isa-l/igzip_lib.h>

_Static_assert(GZIP_WORK_SIZE >= ISAL_DEF_LVL1_DEFAULT, "ISA-L wants more");

size_t
gzip_bound(size_t size)
{
    return size + size / 1000 + 5 * (size / 65535 + 1) + 64; /* stored blocks, head and tail */
}

enum status
gzip_pack(struct span in, char *work, char *out, size_t room, size_t *size, struct err *err)
{
    struct isal_zstream s;

    if (in.n > UINT32_MAX || room > UINT32_MAX)
        return err_set(err, ST_INVALID, "%zu bytes are too many for one gzip member", in.n);
    isal_deflate_stateless_init(&s);
    s.gzip_flag = IGZIP_GZIP;
    s.level = 1;
    s.level_buf = (uint8_t *)work;
    s.level_buf_size = GZIP_WORK_SIZE;
    s.end_of_stream = 1;
    s.next_in = (uint8_t *)(uintptr_t)in.p; /* ISA-L does not write to it */
    s.avail_in = (uint32_t)in.n;
    s.next_out = (uint8_t *)out;
    s.avail_out = (uint32_t)room;
    if (isal_deflate_stateless(&s) != COMP_OK || s.avail_in != 0)
        return err_set(err, ST_FULL, "%zu bytes do not fit in %zu as gzip", in.n, room);
    *size = s.total_out;
    return ST_OK;
}
