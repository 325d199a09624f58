/* external_unpack.c - a file's bytes to its text: gzip, zip, byte order marks, bytes that are no UTF-8.
 *
 * What is packed is unpacked twice: once into a small buffer, to know that it is whole and how large, then to its place. So a
 * bomb costs its time up to the limit and no memory, and a text takes what it needs and no more. */
#include "kql/external.h"
#include "kql/text_inner.h"
#include <zlib.h>

enum {
    PIECE = 64 << 10,
    RAW_WINDOW = -15,      /* of zlib: deflate with nothing around */
    GZIP_WINDOW = 15 + 16, /* gzip alone */
    END_SIZE = 22,         /* of zip's end record, without its comment (APPNOTE.TXT 4.3.16) */
    ENTRY_SIZE = 46,       /* of an entry of its directory (4.3.12) */
    LOCAL_SIZE = 30,       /* of the head before an entry's bytes (4.3.7) */
    COMMENT_MAX = 65535,
};

/* zlib's own memory is the pool's, so that leaving by its escape leaves nothing behind. */
static void *
on_take(void *pool, unsigned count, unsigned size)
{
    return pool_take(pool, (size_t)count * size);
}

static void
on_give(void *pool, void *p)
{
    (void)pool;
    (void)p;
}

static enum status
too_large(size_t size_max, struct err *err)
{
    return err_set(err, ST_FULL, "unpacked it has more than the %zu bytes that may be read",
                   size_max);
}

/* Inflates all of 'packed' (gzip: all its members) to 'out'; NULL: only counts. */
static enum status
inflate_all(struct pool *p, struct span packed, int window, char *out, size_t size_max,
            size_t *size, struct err *err)
{
    char piece[PIECE];
    z_stream z = {.zalloc = on_take,
                  .zfree = on_give,
                  .opaque = p,
                  .next_in = (Bytef *)(uintptr_t)packed.p,
                  .avail_in = (uInt)packed.n};
    int rc = inflateInit2(&z, window);

    *size = 0;
    while (rc == Z_OK) {
        size_t given;

        pool_check(p);
        z.next_out = out != NULL ? (Bytef *)out + *size : (Bytef *)piece;
        z.avail_out = out != NULL && size_max - *size < PIECE ? (uInt)(size_max - *size) : PIECE;
        given = z.avail_out;
        rc = inflate(&z, Z_NO_FLUSH);
        *size += given - z.avail_out;
        if (*size > size_max)
            return too_large(size_max, err);
        if (rc == Z_STREAM_END && z.avail_in > 0 && window == GZIP_WINDOW)
            rc = inflateReset(&z);
    }
    if (rc == Z_STREAM_END && z.avail_in == 0)
        return ST_OK;
    return err_set(err, ST_INVALID, "its compressed bytes are damaged, or cut");
}

static enum status
inflate_text(struct pool *p, struct span packed, int window, size_t size_max, struct span *out,
             struct err *err)
{
    size_t size;
    char *text;
    enum status st;

    if (packed.n > UINT32_MAX)
        return too_large(size_max, err);
    st = inflate_all(p, packed, window, NULL, size_max, &size, err);
    if (st != ST_OK)
        return st;
    text = pool_take(p, size + SCAN_PADDING);
    /* One byte of room more lets zlib come to the trailer behind the last one. */
    st = inflate_all(p, packed, window, text, size + 1, &size, err);
    *out = (struct span){text, size};
    return st;
}

/* ---- zip ---- */

static uint32_t
number(const char *p, size_t bytes)
{
    uint32_t n = 0;

    while (bytes-- > 0)
        n = n << 8 | (unsigned char)p[bytes];
    return n;
}

static bool
begins(struct span s, size_t at, size_t size, const char *mark)
{
    return at <= s.n && s.n - at >= size && memcmp(s.p + at, mark, 4) == 0;
}

/* The end record, from behind; SIZE_MAX: there is none. */
static size_t
find_end(struct span s)
{
    size_t tries = 0, at = s.n;

    while (at > 0 && tries++ <= COMMENT_MAX + END_SIZE)
        if (begins(s, --at, END_SIZE, "PK\5\6"))
            return at;
    return SIZE_MAX;
}

/* The only entry that is a file; 0: none, or several: *count says how many. */
static size_t
find_file(struct span s, size_t end, size_t *count)
{
    size_t at = number(s.p + end + 16, 4), entries = number(s.p + end + 10, 2), found = 0;

    *count = 0;
    for (size_t i = 0; i < entries && begins(s, at, ENTRY_SIZE, "PK\1\2"); i++) {
        size_t name = number(s.p + at + 28, 2);
        bool is_folder =
            name > 0 && at + ENTRY_SIZE + name <= s.n && s.p[at + ENTRY_SIZE + name - 1] == '/';

        if (!is_folder) {
            found = at;
            ++*count;
        }
        at += ENTRY_SIZE + name + number(s.p + at + 30, 2) + number(s.p + at + 32, 2);
    }
    return found;
}

static enum status
unzip_entry(struct pool *p, struct span s, size_t entry, size_t size_max, struct span *out,
            struct err *err)
{
    unsigned flags = number(s.p + entry + 8, 2), method = number(s.p + entry + 10, 2);
    size_t packed = number(s.p + entry + 20, 4), size = number(s.p + entry + 24, 4);
    size_t at = number(s.p + entry + 42, 4), room;
    enum status st = ST_OK;
    char *text;

    if ((flags & 1) != 0)
        return err_set(err, ST_INVALID, "the zip archive is encrypted");
    if (!begins(s, at, LOCAL_SIZE, "PK\3\4"))
        return err_set(err, ST_INVALID, "the zip archive is damaged, or larger than 4 GiB");
    at += LOCAL_SIZE + number(s.p + at + 26, 2) + number(s.p + at + 28, 2);
    room = at <= s.n ? s.n - at : 0;
    if (packed > room || (method == 0 && size != packed))
        return err_set(err, ST_INVALID, "the zip archive is cut");
    if (size > size_max)
        return too_large(size_max, err);
    if (method == 0) {
        text = pool_take(p, size + SCAN_PADDING);
        memcpy(text, s.p + at, size);
        *out = (struct span){text, size};
    } else if (method == 8) {
        st = inflate_text(p, (struct span){s.p + at, packed}, RAW_WINDOW, size_max, out, err);
    } else {
        return err_set(err, ST_INVALID,
                       "the zip archive is packed by method %u: store and deflate "
                       "are known",
                       method);
    }
    if (st == ST_OK && (out->n != size ||
                        crc32_z(0, (const Bytef *)out->p, out->n) != number(s.p + entry + 16, 4)))
        st = err_set(err, ST_INVALID, "the zip archive is damaged");
    return st;
}

static enum status
unzip(struct pool *p, struct span s, size_t size_max, struct span *out, struct err *err)
{
    size_t end = find_end(s), count = 0, entry;

    if (end == SIZE_MAX)
        return err_set(err, ST_INVALID, "the zip archive is cut");
    entry = find_file(s, end, &count);
    if (count != 1)
        return err_set(err, ST_INVALID, "the zip archive holds %zu files: one is read", count);
    return unzip_entry(p, s, entry, size_max, out, err);
}

/* ---- text ---- */

/* Bytes of the character at 'at'; 0: it is no UTF-8. */
static size_t
character(struct span s, size_t at)
{
    size_t most = s.n - at < 4 ? s.n - at : 4;

    for (size_t n = 1; n <= most; n++)
        if (text_is_utf8((struct span){s.p + at, n}))
            return n;
    return 0;
}

static size_t
mend(struct span s, char *out)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t size = 0;

    for (size_t at = 0; at < s.n;) {
        size_t n = character(s, at);
        struct span from = n > 0 ? (struct span){s.p + at, n} : (struct span){replacement, 3};

        if (out != NULL)
            memcpy(out + size, from.p, from.n);
        size += from.n;
        at += n > 0 ? n : 1;
    }
    return size;
}

static enum status
make_utf8(struct pool *p, struct span *text, struct err *err)
{
    char *mended;

    if (text->n >= 2 &&
        (memcmp(text->p, "\xff\xfe", 2) == 0 || memcmp(text->p, "\xfe\xff", 2) == 0))
        return err_set(err, ST_INVALID, "its text is UTF-16: UTF-8 is read");
    if (text->n >= 3 && memcmp(text->p, "\xef\xbb\xbf", 3) == 0) {
        text->p += 3;
        text->n -= 3;
    }
    if (text_is_utf8(*text))
        return ST_OK;
    mended = pool_take(p, mend(*text, NULL) + SCAN_PADDING);
    text->n = mend(*text, mended);
    text->p = mended;
    return ST_OK;
}

enum status
kql_external_text(struct pool *p, struct span bytes, size_t size_max, struct span *out,
                  struct err *err)
{
    enum status st = ST_OK;

    if (bytes.n > size_max) {
        st = err_set(err, ST_FULL, "it has more than the %zu bytes that may be read", size_max);
    } else if (bytes.n >= 2 && memcmp(bytes.p, "\x1f\x8b", 2) == 0) {
        st = inflate_text(p, bytes, GZIP_WINDOW, size_max, out, err);
    } else if (bytes.n >= 4 &&
               (memcmp(bytes.p, "PK\3\4", 4) == 0 || memcmp(bytes.p, "PK\5\6", 4) == 0)) {
        st = unzip(p, bytes, size_max, out, err);
    } else {
        char *text = pool_take(p, bytes.n + SCAN_PADDING);

        if (bytes.n > 0)
            memcpy(text, bytes.p, bytes.n);
        *out = (struct span){text, bytes.n};
    }
    if (st != ST_OK)
        return st;
    memset((char *)(uintptr_t)out->p + out->n, 0, SCAN_PADDING);
    st = make_utf8(p, out, err);
    if (st == ST_OK)
        memset((char *)(uintptr_t)out->p + out->n, 0, SCAN_PADDING);
    return st;
}
