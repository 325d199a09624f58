/* external_test.c - every format of externaldata by bytes and the rows they are; what is packed; what is refused. */
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/external.h"
#include <zlib.h>

static const struct kql_column three[] = {
    {{"s", 1}, KQL_STRING },
    {{"n", 1}, KQL_LONG   },
    {{"d", 1}, KQL_DYNAMIC},
};
static const struct kql_column typed[] = {
    {{"b", 1}, KQL_BOOL    },
    {{"i", 1}, KQL_INT     },
    {{"r", 1}, KQL_REAL    },
    {{"t", 1}, KQL_DATETIME},
    {{"p", 1}, KQL_TIMESPAN},
    {{"g", 1}, KQL_GUID    },
    {{"m", 1}, KQL_DECIMAL },
};

#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

/* Rows end in a line feed, cells are separated by '|'; a null is written as ~. A text that begins with '!' is part of the
 * error behind the rows. */
static const struct {
    const char *name, *format;
    bool ignores_first, is_typed;
    struct span bytes;
    const char *rows;
} cases[] = {
    {"csv",                        "csv",       false, false, BYTES("a,1,x\nb,2,y\n"),                        "a|1|x\nb|2|y\n"               },
    {"csv: no last line end",      "csv",       false, false, BYTES("a,1,x"),                                 "a|1|x\n"                      },
    {"csv: CR LF",                 "csv",       false, false, BYTES("a,1,x\r\nb,2,y\r\n"),                    "a|1|x\nb|2|y\n"               },
    {"csv: CR",                    "csv",       false, false, BYTES("a,1,x\rb,2,y"),                          "a|1|x\nb|2|y\n"               },
    {"csv: nothing",               "csv",       false, false, BYTES(""),                                      ""                             },
    {"csv: a first record",        "csv",       true,  false, BYTES("s,n,d\na,1,x\n"),                        "a|1|x\n"                      },
    {"csv: only a first record",   "csv",       true,  false, BYTES("s,n,d\n"),                               ""                             },
    {"csv: a quoted first record", "csv",       true,  false, BYTES("\"s\n\",n,d\na,1,x\n"),                  "a|1|x\n"                      },
    {"csv: empty lines",           "csv",       false, false, BYTES("\n\na,1,x\n\r\n\nb,2,y\n\n"),
     "a|1|x\nb|2|y\n"                                                                                                                        },
    {"csv: quotes",                "csv",       false, false, BYTES("\"a, b\",\"7\",\"x\"\n"),                "a, b|7|x\n"                   },
    {"csv: doubled quotes",        "csv",       false, false, BYTES("\"a \"\"b\"\"\",1,\n"),                  "a \"b\"|1|~\n"                },
    {"csv: only quotes",           "csv",       false, false, BYTES("\"\"\"\",1\n\"\",2\n"),                  "\"|1|~\n|2|~\n"               },
    {"csv: lines in quotes",       "csv",       false, false, BYTES("\"a\r\nb\",1,\"x\ny\"\nc,2"),
     "a\r\nb|1|x\ny\nc|2|~\n"                                                                                                                },
    {"csv: text behind a quote",   "csv",       false, false, BYTES("\"a\"b,1\n\"a\"\"\" c,2\n"),
     "ab|1|~\na\" c|2|~\n"                                                                                                                   },
    {"csv: a quote inside",        "csv",       false, false, BYTES("a\"b\"c,1\n"),                           "a\"b\"c|1|~\n"                },
    {"csv: blanks stay",           "csv",       false, false, BYTES(" a , 1 ,\n"),                            " a |1|~\n"                    },
    {"csv: values beyond",         "csv",       false, false, BYTES("a,1,x,more,\"and\nmore\"\nb,2"),
     "a|1|x\nb|2|~\n"                                                                                                                        },
    {"csv: too few values",        "csv",       false, false, BYTES("a\n,\n"),                                "a|~|~\n|~|~\n"                },
    {"csv: what does not convert", "csv",       false, false, BYTES("a,x1,{\n"),                              "a|~|{\n"                      },
    {"csv: dynamic",               "csv",       false, false, BYTES("a,1,\"{\"\"k\"\":[1,2]}\"\n"),
     "a|1|{\"k\":[1,2]}\n"                                                                                                                   },
    {"csv: no quote closes",       "csv",       false, false, BYTES("a,1,x\nb,\"2\n,3\n"),
     "a|1|x\n!record 2: nothing closes the quote of value 2"                                                                                 },
    {"csv: a lone quote",          "csv",       false, false, BYTES("\""),                                    "!record 1"                    },
    {"csv: a byte order mark",     "csv",       false, false,
     BYTES("\xef\xbb\xbf"
           "a,1"),
     "a|1|~\n"                                                                                                                               },
    {"csv: no UTF-8",              "csv",       false, false,
     BYTES("a\xff"
           "b,1\n\xc3\xa9\xe2\x82,2"),
     "a\xef\xbf\xbd"
     "b|1|~\n\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd|2|~\n"                                                                                         },
    {"csv: UTF-16",                "csv",       false, false,
     BYTES("\xff\xfe"
           "a\0"),
     "!UTF-16"                                                                                                                               },
    {"csv: a zero byte",           "csv",       false, false, BYTES("\"a\0b\"c,1\n"),                         "a?bc|1|~\n"                   },
    {"csv: types",                 "csv",       false, true,
     BYTES("true,-7,1.5,2024-05-06T07:08:09Z,01:02:03,74be27de-1e4e-49d9-b579-fe0b331d3642,1.25\n"
           "1,1e3,x,06/05/2024 x,x,x,x\n"),
     "True|-7|1.5|2024-05-06T07:08:09.0000000Z|01:02:03|74be27de-1e4e-49d9-b579-fe0b331d3642|1."
     "25\nTrue|~|~|~|~|~|~\n"                                                                                                                },
    {"tsv",                        "TSV",       false, false, BYTES("a b\t1\tx,y\n\"c\td\"\t2"),              "a b|1|x,y\nc\td|2|~\n"        },
    {"psv",                        "psv",       false, false, BYTES("a,b|1|x\n"),                             "a,b|1|x\n"                    },
    {"scsv",                       "scsv",      false, false, BYTES("a,b;1;x\n"),                             "a,b|1|x\n"                    },
    {"sohsv",                      "sohsv",     false, false,
     BYTES("a,b\x01"
           "1\x01x\n"),
     "a,b|1|x\n"                                                                                                                             },
    {"txt",                        "txt",       false, false, BYTES("# a,b\n\n\"c\r\n\r\n d "),               "# a,b|~|~\n\"c|~|~\n d |~|~\n"},
    {"txt: a first record",        "txt",       true,  false, BYTES("\n# a\nb\n"),                            "b|~|~\n"                      },
    {"raw",                        "raw",       false, false, BYTES("a\nb,\"c\n"),                            "a\nb,\"c\n|~|~\n"             },
    {"json: lines",                "json",      false, false,
     BYTES("{\"n\":1,\"s\":\"a\"}\n\n{\"s\":\"b\",\"d\":{\"k\":[1]},\"x\":0}"),
     "a|1|~\nb|~|{\"k\":[1]}\n"                                                                                                              },
    {"json: an array",             "multijson", false, false, BYTES(" [ {\"n\":1},\n{\"s\":\"b\"} ]\n"),
     "|1|~\nb|~|~\n"                                                                                                                         },
    {"json: over lines",           "multijson", false, false, BYTES("{\n \"n\": 1\n}{\"n\":2}"),
     "|1|~\n!record 2"                                                                                                                       },
    {"json: over lines, apart",    "multijson", false, false, BYTES("{\n \"n\": 1\n}\n{\"n\"\n:2}"),
     "|1|~\n|2|~\n"                                                                                                                          },
    {"json: one object",           "multijson", false, false, BYTES("{\"d\":[{\"a\":1}],\"n\":\"5\"}"),
     "|5|[{\"a\":1}]\n"                                                                                                                      },
    {"json: other case",           "json",      false, false, BYTES("{\"N\":1,\"S\":\"a\"}"),                 "|~|~\n"                       },
    {"json: escapes",              "json",      false, false, BYTES("{\"\\u0073\":\"a\\n\\u00e9\"}"),
     "a\n\xc3\xa9|~|~\n"                                                                                                                     },
    {"json: other types",          "json",      false, false, BYTES("{\"s\":[1, 2],\"n\":true,\"d\":\"x\"}"),
     "[1, 2]|1|x\n"                                                                                                                          },
    {"json: null",                 "json",      false, false, BYTES("{\"s\":null,\"n\":null,\"d\":null}"),    "|~|~\n"                       },
    {"json: twice the same",       "json",      false, false, BYTES("{\"n\":1,\"n\":2}"),                     "|2|~\n"                       },
    {"json: a first record",       "json",      true,  false, BYTES("{\"n\":1}\n{\"n\":2}"),                  "|2|~\n"                       },
    {"json: nothing",              "json",      false, false, BYTES(""),                                      ""                             },
    {"json: an empty array",       "json",      false, false, BYTES("[]"),                                    ""                             },
    {"json: not objects",          "multijson", false, false, BYTES("[\"a\"]"),                               "!record 1"                    },
    {"json: cut",                  "json",      false, false, BYTES("{\"n\":1}\n{\"n\":"),                    "|1|~\n!record 2"              },
    {"json: none",                 "json",      false, false, BYTES("a,b"),                                   "!record 1, byte 1"            },
};

static struct pool pool;

static void
put_cell(FILE *out, const struct kql_value *v, enum kql_type type)
{
    struct kql_value text;

    if (v->is_null) {
        fputc('~', out);
        return;
    }
    text = kql_to_text(&pool, type, v);
    for (uint32_t i = 0; i < text.size; i++)
        fputc(text.text[i] == '\0' ? '?' : text.text[i], out);
}

/* As the table has it; free() it. */
static char *
read_all(enum kql_external_format format, bool ignores_first, struct span bytes,
         const struct kql_schema *schema)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct kql_external_reader r;
    struct span unpacked;
    struct err err = {""};
    enum status st = kql_external_text(&pool, bytes, 1 << 20, &unpacked, &err);

    if (st == ST_OK)
        st = kql_external_begin(&r, &pool, format, ignores_first, unpacked, schema, &err);
    while (st == ST_OK) {
        struct kql_value cells[COUNT_OF(typed)];

        st = kql_external_next(&r, &pool, cells, &err);
        for (uint32_t i = 0; st == ST_OK && i < schema->count; i++) {
            fputs(i > 0 ? "|" : "", out);
            put_cell(out, &cells[i], (enum kql_type)schema->columns[i].type);
        }
        if (st == ST_OK)
            fputc('\n', out);
    }
    if (st != ST_END)
        fprintf(out, "!%s", err.text);
    fclose(out);
    return text;
}

static bool
is_like(const char *got, const char *wanted)
{
    const char *fault = strchr(wanted, '!');
    size_t n = fault == NULL ? strlen(wanted) : (size_t)(fault - wanted);

    if (strncmp(got, wanted, n) != 0)
        return false;
    return fault == NULL ? got[n] == '\0' : got[n] == '!' && strstr(got + n, fault + 1) != NULL;
}

static void
test_rows(void)
{
    const struct kql_schema untyped = {three, COUNT_OF(three), false};
    const struct kql_schema with_types = {typed, COUNT_OF(typed), false};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum kql_external_format format;
        struct err err = {""};
        /* of its own size, so that a sanitizer sees what reads beyond */
        char *exact = memcpy(malloc(cases[i].bytes.n + 1), cases[i].bytes.p, cases[i].bytes.n);
        char *rows;

        CHECK(kql_external_format_of(span_of(cases[i].format), (struct span){"", 0}, &format,
                                     &err) == ST_OK,
              "%s: %s", cases[i].name, err.text);
        rows = read_all(format, cases[i].ignores_first, (struct span){exact, cases[i].bytes.n},
                        cases[i].is_typed ? &with_types : &untyped);
        CHECK(is_like(rows, cases[i].rows), "%s: '%s'", cases[i].name, rows);
        free(rows);
        free(exact);
        pool_reset(&pool);
    }
}

/* ---- formats ---- */

static const struct {
    const char *name, *url;
    int format; /* -1: refused */
    const char *fault;
} formats[] = {
    {"csv",        "https://h/x.json",             KQL_EXTERNAL_CSV,  NULL        },
    {"MultiJson",  "https://h/x",                  KQL_EXTERNAL_JSON, NULL        },
    {"",           "https://h/x",                  KQL_EXTERNAL_CSV,  NULL        },
    {"",           "https://h/x.csv",              KQL_EXTERNAL_CSV,  NULL        },
    {"",           "https://h/x.TSV",              KQL_EXTERNAL_TSV,  NULL        },
    {"",           "https://h/x.psv",              KQL_EXTERNAL_PSV,  NULL        },
    {"",           "https://h/x.txt.gz",           KQL_EXTERNAL_TXT,  NULL        },
    {"",           "https://h/x.json.zip?s=a.csv", KQL_EXTERNAL_JSON, NULL        },
    {"",           "https://h/x.raw#.csv",         KQL_EXTERNAL_RAW,  NULL        },
    {"",           "https://h/x.json/y",           KQL_EXTERNAL_CSV,  NULL        },
    {"",           "https://h.json/y",             KQL_EXTERNAL_CSV,  NULL        },
    {"",           "https://h/x.data",             KQL_EXTERNAL_CSV,  NULL        },
    {"",           "https://h/x.gz",               KQL_EXTERNAL_CSV,  NULL        },
    {"",           "",                             KQL_EXTERNAL_CSV,  NULL        },
    {"",           "https://h/x.parquet",          -1,                "parquet"   },
    {"parquet",    "https://h/x.csv",              -1,                "parquet"   },
    {"avro",       "",                             -1,                "avro"      },
    {"apacheavro", "",                             -1,                "apacheavro"},
    {"orc",        "",                             -1,                "orc"       },
    {"sstream",    "",                             -1,                "sstream"   },
    {"tsve",       "",                             -1,                "tsve"      },
    {"W3CLOGFILE", "",                             -1,                "w3clogfile"},
    {"xlsx",       "",                             -1,                "'xlsx'"    },
};

static void
test_formats(void)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        enum kql_external_format format = KQL_EXTERNAL_CSV;
        struct err err = {""};
        enum status st = kql_external_format_of(span_of(formats[i].name), span_of(formats[i].url),
                                                &format, &err);

        if (formats[i].format < 0)
            CHECK(st == ST_INVALID && strstr(err.text, formats[i].fault) != NULL, "'%s' '%s': %s",
                  formats[i].name, formats[i].url, err.text);
        else
            CHECK(st == ST_OK && (int)format == formats[i].format, "'%s' '%s': %d %s",
                  formats[i].name, formats[i].url, (int)format, err.text);
    }
}

/* ---- what is packed ---- */

static size_t
pack(struct span text, int window, char *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p,
                  .avail_in = (uInt)text.n,
                  .next_out = (Bytef *)out,
                  .avail_out = (uInt)room};

    if (deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    deflateEnd(&z);
    return z.total_out;
}

static size_t
put_number(char *out, uint32_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(n >> 8 * i);
    return size;
}

/* An archive of files with the same text. */
static size_t
zip(struct span text, int method, const char *const *names, size_t count, char *out)
{
    static char packed[1 << 17];
    size_t size = method == 8 ? pack(text, -15, packed, sizeof packed) : text.n, n = 0, at[4], end;
    uint32_t check = (uint32_t)crc32(0, (const Bytef *)text.p, (uInt)text.n);

    if (method != 8)
        memcpy(packed, text.p, text.n);
    for (size_t i = 0; i < count; i++) {
        at[i] = n;
        memcpy(out + n, "PK\3\4\24\0\0\0", 8);
        n += 8;
        n += put_number(out + n, (uint32_t)method, 2);
        n += put_number(out + n, 0, 4);
        n += put_number(out + n, check, 4);
        n += put_number(out + n, (uint32_t)size, 4);
        n += put_number(out + n, (uint32_t)text.n, 4);
        n += put_number(out + n, (uint32_t)strlen(names[i]), 4);
        memcpy(out + n, names[i], strlen(names[i]));
        n += strlen(names[i]);
        memcpy(out + n, packed, size);
        n += size;
    }
    end = n;
    for (size_t i = 0; i < count; i++) {
        memcpy(out + n, "PK\1\2\24\0\24\0\0\0", 10);
        n += 10;
        n += put_number(out + n, (uint32_t)method, 2);
        n += put_number(out + n, 0, 4);
        n += put_number(out + n, check, 4);
        n += put_number(out + n, (uint32_t)size, 4);
        n += put_number(out + n, (uint32_t)text.n, 4);
        n += put_number(out + n, (uint32_t)strlen(names[i]), 4);
        memset(out + n, 0, 10);
        n += 10;
        n += put_number(out + n, (uint32_t)at[i], 4);
        memcpy(out + n, names[i], strlen(names[i]));
        n += strlen(names[i]);
    }
    memcpy(out + n, "PK\5\6\0\0\0\0", 8);
    n += 8;
    n += put_number(out + n, (uint32_t)(count | count << 16), 4);
    n += put_number(out + n, (uint32_t)(n - end), 4);
    n += put_number(out + n, (uint32_t)end, 4);
    return n + put_number(out + n, 0, 2);
}

static void
check_text(const char *name, struct span bytes, size_t size_max, enum status wanted,
           struct span text)
{
    struct span got = {"", 0};
    struct err err = {""};
    char *exact = memcpy(malloc(bytes.n + 1), bytes.p, bytes.n);
    enum status st = kql_external_text(&pool, (struct span){exact, bytes.n}, size_max, &got, &err);

    CHECK(st == wanted, "%s: %d %s", name, st, err.text);
    if (st == ST_OK && wanted == ST_OK)
        CHECK(span_equal(got, text), "%s: '%.*s'", name, (int)got.n, got.p);
    pool_reset(&pool);
    free(exact);
}

static void
test_packed(void)
{
    static const char *const names[] = {"folder/", "folder/x.csv", "y.csv"};
    static char text[100000], twice[sizeof text + 4], bytes[1 << 18];
    const struct span a = {text, sizeof text}, small = SPAN_LITERAL("a,1\n");
    size_t n, m;

    memset(text, 'a', sizeof text);
    n = pack(a, 31, bytes, sizeof bytes);
    check_text("gzip", (struct span){bytes, n}, sizeof text, ST_OK, a);
    check_text("gzip beyond the limit", (struct span){bytes, n}, sizeof text - 1, ST_FULL, a);
    check_text("gzip that is cut", (struct span){bytes, n - 1}, sizeof text, ST_INVALID, a);
    bytes[n - 5] ^= 1;
    check_text("gzip with a wrong checksum", (struct span){bytes, n}, sizeof text, ST_INVALID, a);
    n = pack(a, 31, bytes, sizeof bytes);
    m = pack(small, 31, bytes + n, sizeof bytes - n);
    memcpy(twice, text, sizeof text);
    memcpy(twice + sizeof text, small.p, small.n);
    check_text("gzip of two members", (struct span){bytes, n + m}, sizeof twice, ST_OK,
               (struct span){twice, sizeof twice});
    check_text("two members beyond the limit", (struct span){bytes, n + m}, sizeof twice - 1,
               ST_FULL, small);
    check_text("only the mark of gzip", (struct span){bytes, 2}, 100, ST_INVALID, small);
    for (int method = 0; method <= 8; method += 8) {
        n = zip(a, method, names + 1, 1, bytes);
        check_text("zip", (struct span){bytes, n}, sizeof text + 1000, ST_OK, a);
        check_text("zip that is cut", (struct span){bytes, n - 1}, sizeof text + 1000, ST_INVALID,
                   a);
    }
    check_text("zip beyond the limit", (struct span){bytes, n}, sizeof text - 1, ST_FULL, a);
    bytes[60] ^= 1;
    check_text("zip with a wrong byte", (struct span){bytes, n}, sizeof text, ST_INVALID, a);
    n = zip(small, 0, names, 2, bytes);
    check_text("zip with a folder", (struct span){bytes, n}, 1000, ST_OK, small);
    n = zip(small, 0, names + 1, 2, bytes);
    check_text("zip of two files", (struct span){bytes, n}, 1000, ST_INVALID, small);
    n = zip(small, 0, names, 0, bytes);
    check_text("zip of none", (struct span){bytes, n}, 1000, ST_INVALID, small);
    n = zip(small, 9, names + 1, 1, bytes);
    check_text("zip by another method", (struct span){bytes, n}, 1000, ST_INVALID, small);
    n = zip(small, 0, names + 1, 1, bytes);
    bytes[n - 22 - (46 + 12) + 8] = 1; /* the flag of its entry */
    check_text("zip that is encrypted", (struct span){bytes, n}, 1000, ST_INVALID, small);
    check_text("plain beyond the limit", small, 3, ST_FULL, small);
    check_text("plain", small, 4, ST_OK, small);
}

int
main(void)
{
    jmp_buf here;

    pool_init(&pool, (size_t)64 << 20);
    pool.escape = &here;
    if (setjmp(here) != 0) {
        CHECK(false, "left by the pool's escape: %s", pool.reason.text);
        return test_end();
    }
    test_rows();
    test_formats();
    test_packed();
    pool_free(&pool);
    return test_end();
}
