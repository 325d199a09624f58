/* gunzip_test.c - what gzip may look like and what it may not, in all cuts of input and output. */
#include "base/test.h"
#include "wire/gunzip.h"
#include <isa-l/igzip_lib.h>

/* By Python's zlib; the header of FULL has extra field, name, comment and checksum. */
#define HELLO "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"
#define STORED "\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x05\0\xfa\xffhello\x86\xa6\x10\x36\x05\0\0\0"
#define FULL_HEAD "\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x06\0\x61\x62\x02\0xyname.json\0note\0"
#define FULL FULL_HEAD "\xb9\x0a\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"
#define EMPTY "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"
#define HEAD "\x1f\x8b\x08\0\0\0\0\0\0\x03"
#define T(text)                                                                                    \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* 'out' is what comes in all; NULL 'says': it ends well. */
static const struct {
    const char *name;
    struct span in;
    const char *out, *says;
} rows[] = {
    {"one member",                          T(HELLO),                                                    "hello",      NULL                 },
    {"stored",                              T(STORED),                                                   "hello",      NULL                 },
    {"header with everything",              T(FULL),                                                     "hello",      NULL                 },
    {"nothing in it",                       T(EMPTY),                                                    "",           NULL                 },
    {"two members",                         T(HELLO STORED),                                             "hellohello", NULL                 },
    {"four members, empty ones between",    T(HELLO EMPTY EMPTY FULL),                                   "hellohello", NULL                 },
    {"no bytes at all",                     T(""),                                                       "",           "empty"              },
    {"not gzip",                            T("{\"a\":1}\n{\"a\":1}\n"),                                 "",           "header is not gzip" },
    {"short and not gzip",                  T("{}"),                                                     "",           ""                   },
    {"zlib",                                T("\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\0\x06\x2c\x02\x15"),     "",           "header is not gzip" },
    {"unknown method",                      T("\x1f\x8b\x07\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0"), "",           "method"             },
    {"header checksum wrong",
     T(FULL_HEAD "\xb8\x0a\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"),                        "",           "checksum"           },
    {"checksum wrong",
     T("\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x87\xa6\x10\x36\x05\0\0\0"),              "hello",
     "checksum"                                                                                                                             },
    {"size wrong",
     T("\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x06\0\0\0"),              "hello",
     "size"                                                                                                                                 },
    {"checksum of the second member wrong",
     T(HELLO "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x37\x05\0\0\0"),
     "hellohello",                                                                                                     "member 2"           },
    {"bad kind of block",                   T(HEAD "\x07\0\0\0"),                                        "",           "damaged"            },
    {"stored block's size wrong",           T(HEAD "\x01\x05\0\xfb\xffhello"),                           "",           "damaged"            },
    {"refers to bytes before the start",    T(HEAD "\x4b\x04\x62\0\0\0\0\0\0\0\0\0\0\0"),                "a",          ""                   },
    {"cut in the header",                   T("\x1f\x8b\x08\0\0\0"),                                     "",           "ends before its end"},
    {"cut in the header's name",            T("\x1f\x8b\x08\x08\0\0\0\0\0\x03name"),                     "",
     "ends before its end"                                                                                                                  },
    {"cut in the data",                     T("\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd"),               NULL,         "ends before its end"},
    {"cut in the checksum",
     T("\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0"),                "hello",
     "ends before its end"                                                                                                                  },
    {"cut in the second member",            T(HELLO "\x1f"),                                             "hello",      "member 2"           },
    {"junk behind",                         T(HELLO "x"),                                                "hello",      "something else"     },
    {"zeros behind",                        T(HELLO "\0\0\0\0"),                                         "hello",      "something else"     },
    {"half a header behind",                T(HELLO "\x1f\x8c\x08\0\0\0\0\0\0\x03"),                     "hello",      "member 2"           },
};

static _Alignas(16) char memory[256 * 1024];
static struct gunzip gunzip;

/* Feeds 'in' in pieces of 'in_step', takes 'out_step' at once; false if it never ends. */
static enum status
run(struct span in, size_t in_step, size_t out_step, char *out, size_t out_max, size_t *out_size,
    struct err *err)
{
    char *room = malloc(out_step);
    enum status st = ST_OK;
    size_t at = 0, n;

    gunzip_reset(&gunzip);
    *out_size = 0;
    err->text[0] = '\0';
    while (st == ST_OK && at <= in.n) {
        size_t step = in.n - at < in_step ? in.n - at : in_step;
        bool is_last = at + step == in.n;
        char *copy = malloc(step > 0 ? step : 1); /* reads behind it are seen by the sanitizer */
        struct span piece = {memcpy(copy, in.p + at, step), step};

        do {
            st = gunzip_feed(&gunzip, &piece, is_last, room, out_step, &n, err);
            n = n < out_max - *out_size ? n : out_max - *out_size;
            memcpy(out + *out_size, room, n);
            *out_size += n;
        } while (st == ST_OK && (piece.n > 0 || n == out_step));
        at += step;
        free(copy);
        if (is_last)
            break;
    }
    free(room);
    return st;
}

static void
test_rows(void)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t in_step = 1; in_step <= rows[i].in.n + 1; in_step++)
            for (size_t out_step = 1; out_step < 8; out_step++) {
                char out[64];
                size_t size;
                struct err err;
                enum status st = run(rows[i].in, in_step, out_step, out, sizeof out, &size, &err);

                CHECK(st == (rows[i].says == NULL ? ST_END : ST_INVALID), "%s: %d, %s (%zu, %zu)",
                      rows[i].name, st, err.text, in_step, out_step);
                CHECK(rows[i].out == NULL || span_is((struct span){out, size}, rows[i].out),
                      "%s: gave '%.*s' (%zu, %zu)", rows[i].name, (int)size, out, in_step,
                      out_step);
                CHECK(rows[i].says == NULL || strstr(err.text, rows[i].says) != NULL,
                      "%s: says '%s', not '%s' (%zu, %zu)", rows[i].name, err.text, rows[i].says,
                      in_step, out_step);
            }
}

/* A fault stays. */
static void
test_broken(void)
{
    struct span junk = SPAN_LITERAL("not gzip at all"), good = SPAN_LITERAL(HELLO);
    char out[8];
    size_t n;
    struct err err;

    gunzip_reset(&gunzip);
    CHECK(gunzip_feed(&gunzip, &junk, true, out, sizeof out, &n, &err) == ST_INVALID, "junk");
    CHECK(gunzip_feed(&gunzip, &good, true, out, sizeof out, &n, &err) == ST_INVALID, "still");
    CHECK(n == 0, "gave %zu", n);
    gunzip_reset(&gunzip);
    CHECK(gunzip_feed(&gunzip, &good, true, out, sizeof out, &n, &err) == ST_END, "%s", err.text);
    CHECK(n == 5 && gunzip.in_size == sizeof HELLO - 1 && gunzip.out_size == 5, "counts");
}

/* What ISA-L compresses comes back, whatever the cuts; and any damage is seen. */
static void
test_round(void)
{
    enum { SIZE = 300000, ROOM = 400000 };
    char *text = malloc(SIZE), *packed = malloc(ROOM), *out = malloc(SIZE);
    struct isal_zstream stream;
    static const size_t cuts[][2] = {
        {ROOM,  SIZE   },
        {1,     1 << 16},
        {977,   4096   },
        {65536, 1      },
        {4096,  300    }
    };
    size_t size, packed_size;
    struct err err;
    uint64_t random = 7;

    for (size_t i = 0; i < SIZE; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        text[i] = i > 40000 && i % 50 != 0 ? text[i - 40 * (i / 5000 % 700) % i]
                                           : (char)(random >> 40 & 0x7f);
    }
    isal_deflate_init(&stream);
    stream.gzip_flag = IGZIP_GZIP;
    stream.end_of_stream = 1;
    stream.next_in = (uint8_t *)text;
    stream.avail_in = SIZE;
    stream.next_out = (uint8_t *)packed;
    stream.avail_out = ROOM;
    CHECK(isal_deflate(&stream) == COMP_OK && stream.avail_in == 0, "deflate");
    packed_size = stream.total_out;
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        enum status st =
            run((struct span){packed, packed_size}, cuts[i][0], cuts[i][1], out, SIZE, &size, &err);

        CHECK(st == ST_END && size == SIZE && memcmp(out, text, SIZE) == 0, "cut %zu: %d, %s", i,
              st, err.text);
    }
    for (size_t i = 10; i < packed_size; i += packed_size / 97) {
        packed[i] ^= 0x10;
        CHECK(run((struct span){packed, packed_size}, ROOM, 4096, out, SIZE, &size, &err) ==
                  ST_INVALID,
              "damage at %zu", i);
        packed[i] ^= 0x10;
    }
    for (size_t i = 0; i < packed_size; i += packed_size / 97)
        CHECK(run((struct span){packed, i}, ROOM, 4096, out, SIZE, &size, &err) == ST_INVALID,
              "cut at %zu", i);
    free(text);
    free(packed);
    free(out);
}

/* A gigabyte of zeros costs its caller one buffer, and he may stop. */
static void
test_bomb(void)
{
    static uint8_t zeros[1 << 16], packed[1 << 16];
    struct isal_zstream stream;
    struct span in;
    char out[4096];
    size_t n;
    struct err err;

    isal_deflate_init(&stream);
    stream.gzip_flag = IGZIP_GZIP;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    for (int i = 0; i < 64; i++) {
        stream.next_in = zeros;
        stream.avail_in = sizeof zeros;
        stream.end_of_stream = i == 63;
        CHECK(isal_deflate(&stream) == COMP_OK && stream.avail_in == 0, "deflate");
    }
    in = (struct span){(char *)packed, stream.total_out};
    gunzip_reset(&gunzip);
    for (int i = 0; i < 100; i++) {
        CHECK(gunzip_feed(&gunzip, &in, true, out, sizeof out, &n, &err) == ST_OK, "%s", err.text);
        CHECK(n == sizeof out, "%zu", n);
    }
    CHECK(gunzip.out_size == 100 * sizeof out, "counts what it gave");
}

int
main(void)
{
    struct arena a = {memory, sizeof memory, 0}, none = {memory, 100, 0};
    struct err err;

    CHECK(gunzip_init(&gunzip, &none, &err) == ST_FULL, "no room");
    CHECK(gunzip_init(&gunzip, &a, &err) == ST_OK, "%s", err.text);
    test_rows();
    test_broken();
    test_round();
    test_bomb();
    return test_end();
}
