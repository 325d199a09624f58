/* geo_test.c - databases of places that are written here, asked by queries: what is found, what is replaced, what is broken. */
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "control/geo.h"
#include "kql/rows.h"
#include <arpa/inet.h>
#include <unistd.h>

/* ---- MaxMind's format (maxmind.github.io/MaxMind-DB), version 2.0: records of 32 bits, an IPv6 tree ---- */

struct writer {
    uint32_t nodes[4096]
                  [2]; /* 0: nothing there; below 2^31 a node; else data at the other 31 bits */
    uint32_t node_count;
    char data[8192];
    size_t size;
};
enum { IS_DATA = 1U << 30 };

static void
put_control(struct writer *w, unsigned type, size_t size)
{
    if (type > 7) {
        w->data[w->size++] = (char)size;
        w->data[w->size++] = (char)(type - 7);
    } else {
        w->data[w->size++] = (char)(type << 5 | size);
    }
}

static void
put_text(struct writer *w, const char *text)
{
    put_control(w, 2, strlen(text)); /* at most 28 bytes */
    memcpy(w->data + w->size, text, strlen(text));
    w->size += strlen(text);
}

static void
put_number(struct writer *w, unsigned type, uint64_t n, size_t size)
{
    put_control(w, type, size);
    while (size-- > 0)
        w->data[w->size++] = (char)(n >> 8 * size);
}

static void
put_real(struct writer *w, double r)
{
    uint64_t bits;

    memcpy(&bits, &r, sizeof bits);
    put_number(w, 3, bits, 8);
}

/* "city": {"names": {"de": "...", "en": "..."}} */
static void
put_names(struct writer *w, const char *name)
{
    put_control(w, 7, 1);
    put_text(w, "names");
    put_control(w, 7, 2);
    put_text(w, "de");
    put_text(w, "anders");
    put_text(w, "en");
    put_text(w, name);
}

struct entry {
    const char *network;
    unsigned bits;
    const char *country, *state, *city; /* NULL: not there */
    double latitude, longitude;         /* 0: not there */
};

static uint32_t
put_entry(struct writer *w, const struct entry *e)
{
    uint32_t at = (uint32_t)w->size;

    size_t members = e->country != NULL;

    members += e->state != NULL;
    members += e->city != NULL;
    members += e->latitude > 0;
    put_control(w, 7, members);
    if (e->country != NULL) {
        put_text(w, "country");
        put_names(w, e->country);
    }
    if (e->state != NULL) {
        put_text(w, "subdivisions");
        put_control(w, 11, 2);
        put_names(w, e->state);
        put_names(w, "smaller");
    }
    if (e->city != NULL) {
        put_text(w, "city");
        put_names(w, e->city);
    }
    if (e->latitude > 0) {
        put_text(w, "location");
        put_control(w, 7, 2);
        put_text(w, "latitude");
        put_real(w, e->latitude);
        put_text(w, "longitude");
        put_real(w, e->longitude);
    }
    return at;
}

static void
add(struct writer *w, const struct entry *e)
{
    uint8_t address[16] = {0};
    unsigned bits = e->bits;
    uint32_t node = 0, at = put_entry(w, e);

    if (inet_pton(AF_INET, e->network, address + 12) == 1)
        bits += 96;
    else if (inet_pton(AF_INET6, e->network, address) != 1)
        abort();
    for (unsigned i = 0; i + 1 < bits; i++) {
        uint32_t *next = &w->nodes[node][address[i / 8] >> (7 - i % 8) & 1];

        if (*next == 0)
            *next = w->node_count++;
        node = *next;
    }
    w->nodes[node][address[(bits - 1) / 8] >> (7 - (bits - 1) % 8) & 1] = IS_DATA | at;
}

static void
put_metadata(struct writer *w)
{
    put_control(w, 7, 9);
    put_text(w, "node_count");
    put_number(w, 6, w->node_count, 4);
    put_text(w, "record_size");
    put_number(w, 5, 32, 2);
    put_text(w, "ip_version");
    put_number(w, 5, 6, 2);
    put_text(w, "database_type");
    put_text(w, "Test-City");
    put_text(w, "description");
    put_control(w, 7, 1);
    put_text(w, "en");
    put_text(w, "of a test");
    put_text(w, "languages");
    put_control(w, 11, 1);
    put_text(w, "en");
    put_text(w, "binary_format_major_version");
    put_number(w, 5, 2, 2);
    put_text(w, "binary_format_minor_version");
    put_number(w, 5, 0, 2);
    put_text(w, "build_epoch");
    put_number(w, 9, 1700000000, 8);
}

/* To a file of its own, then renamed to 'path'. */
static void
write_database(const char *path, const struct entry *entries, size_t count)
{
    static struct writer w;
    static char text[65536];
    struct err err = {""};
    size_t n = 0, data_size;

    w = (struct writer){.node_count = 1};
    for (size_t i = 0; i < count; i++)
        add(&w, &entries[i]);
    for (uint32_t i = 0; i < w.node_count * 2; i++) {
        uint32_t v = w.nodes[i / 2][i % 2];

        v = (v & IS_DATA) != 0 ? w.node_count + 16 + (v & ~(uint32_t)IS_DATA)
            : v == 0           ? w.node_count
                               : v;
        for (int b = 3; b >= 0; b--)
            text[n++] = (char)(v >> 8 * b);
    }
    n += 16; /* zeros */
    data_size = w.size;
    put_metadata(&w);
    memcpy(text + n, w.data, data_size);
    n += data_size;
    memcpy(text + n, "\xab\xcd\xefMaxMind.com", 14);
    n += 14;
    memcpy(text + n, w.data + data_size, w.size - data_size);
    n += w.size - data_size;
    CHECK(file_replace(path, (struct span){text, n}, 0600, &err) == ST_OK, "%s", err.text);
}

/* ---- queries ---- */

static struct pool pool;

static const char *
asked(const char *expression)
{
    static char text[600];
    static struct kql_diagnostics d;
    const struct kql_environment environment = {.now = clock_ticks(), .defers_not_built = true};
    struct kql_answers answers;
    struct err err = {""};
    jmp_buf here;

    snprintf(text, sizeof text, "print tostring(%s)", expression);
    pool_reset(&pool);
    if (!kql_rows_query(&pool, span_of(text), &environment, NULL, &kql_rows_limits_default, &d,
                        &answers, &err)) {
        snprintf(text, sizeof text, "!%s%s", err.text, d.error_count > 0 ? d.items[0].text : "");
        return text;
    }
    pool.escape = &here;
    if (setjmp(here) != 0)
        return "!no memory";
    snprintf(text, sizeof text, "%.*s", (int)answers.items[0].rows[0][0].size,
             answers.items[0].rows[0][0].text);
    return text;
}

static const struct entry first[] = {
    {"20.53.0.0",   16, "Australia",     "New South Wales", "Sydney",     33.5,  151.25},
    {"8.8.8.0",     24, "United States", NULL,              NULL,         37.75, 97.5  },
    {"9.9.9.9",     32, "Nowhere",       NULL,              NULL,         0,     0     },
    {"2a03:2880::", 32, "United States", "Florida",         "Boca Raton", 26.5,  80.0  },
    {"7.7.0.0",     16, NULL,            NULL,              NULL,         0,     0     },
};
static const struct entry second[] = {
    {"8.8.8.0", 24, "Elsewhere", NULL, NULL, 0, 0},
};

static const struct {
    const char *expression, *answer;
} cases[] = {
    {"geo_info_from_ip_address('20.53.203.50')",
     "{\"country\":\"Australia\",\"state\":\"New South "
     "Wales\",\"city\":\"Sydney\",\"latitude\":33.5,\"longitude\":151.25}"                         },
    {"geo_info_from_ip_address('2a03:2880:f12c::25de')",
     "{\"country\":\"United States\",\"state\":\"Florida\",\"city\":\"Boca "
     "Raton\",\"latitude\":26.5,\"longitude\":80.0}"                                               },
    {"geo_info_from_ip_address('8.8.8.8')",
     "{\"country\":\"United States\",\"latitude\":37.75,\"longitude\":97.5}"                       },
    {"geo_info_from_ip_address('::ffff:8.8.8.8')",
     "{\"country\":\"United States\",\"latitude\":37.75,\"longitude\":97.5}"                       },
    {"geo_info_from_ip_address('9.9.9.9')",                             "{\"country\":\"Nowhere\"}"},
    {"geo_info_from_ip_address('9.9.9.8')",                             ""                         },
    {"geo_info_from_ip_address('7.7.7.7')",                             ""                         },
    {"geo_info_from_ip_address('10.0.0.1')",                            ""                         },
    {"geo_info_from_ip_address('::1')",                                 ""                         },
    {"geo_info_from_ip_address('')",                                    ""                         },
    {"geo_info_from_ip_address('8.8.8.8x')",                            ""                         },
    {"geo_info_from_ip_address('8.8.8.0/24')",                          ""                         },
    {"geo_info_from_ip_address('fe80::1%eth0')",                        ""                         },
    {"geo_info_from_ip_address(strcat('8.8.8.', tostring(8))).country", "United States"            },
    {"geo_info_from_ip_address(tostring(dynamic(null)))",               ""                         },
};

static void
test_missing(void)
{
    const char *said = asked("geo_info_from_ip_address('8.8.8.8')");

    CHECK(said[0] == '!' && strstr(said, "hunting.geoDatabase") != NULL, "without one: '%s'", said);
}

static void
check_use(struct geo *g, const char *path, enum status wanted, bool is_new, const char *what)
{
    struct err err = {""};
    bool got_new;
    enum status st = geo_use(g, path, &got_new, &err);

    CHECK(st == wanted && got_new == is_new && (st == ST_OK || strstr(err.text, path) != NULL),
          "%s: %d, new %d: %s", what, st, got_new, err.text);
}

static void
test_lookups(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *got = asked(cases[i].expression);

        CHECK(strcmp(got, cases[i].answer) == 0, "%s: '%s'", cases[i].expression, got);
    }
}

static void
test_life(struct geo *g, const char *path, const char *other)
{
    const char *country = "geo_info_from_ip_address('8.8.8.8').country";
    struct err err = {""};

    check_use(g, path, ST_OK, false, "the same again");
    write_database(path, second, COUNT_OF(second));
    check_use(g, path, ST_OK, true, "another one in its place");
    CHECK(strcmp(asked(country), "Elsewhere") == 0, "it is asked: %s", asked(country));
    CHECK(file_replace(path, SPAN_LITERAL("nothing of the kind"), 0600, &err) == ST_OK, "%s",
          err.text);
    check_use(g, path, ST_INVALID, false, "a broken one in its place");
    check_use(g, path, ST_OK, false, "which is told once");
    CHECK(strcmp(asked(country), "Elsewhere") == 0, "the old one goes on: %s", asked(country));
    unlink(path);
    check_use(g, path, ST_IO, false, "none in its place");
    check_use(g, path, ST_OK, false, "which is told once");
    CHECK(strcmp(asked(country), "Elsewhere") == 0, "the old one goes on: %s", asked(country));
    write_database(path, first, COUNT_OF(first));
    check_use(g, path, ST_OK, true, "it is back");
    CHECK(strcmp(asked(country), "United States") == 0, "it is asked: %s", asked(country));
    check_use(g, other, ST_IO, false, "another path, where nothing is");
    test_missing();
    write_database(other, second, COUNT_OF(second));
    check_use(g, other, ST_OK, true, "which comes later");
    CHECK(strcmp(asked(country), "Elsewhere") == 0, "it is asked: %s", asked(country));
    check_use(g, NULL, ST_OK, false, "none is wanted any more");
    test_missing();
}

int
main(void)
{
    char folder[] = "/tmp/geo_test.XXXXXX", path[60], other[60];
    struct geo g = {.path = NULL};

    pool_init(&pool, (size_t)64 << 20);
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/a.mmdb", folder);
    snprintf(other, sizeof other, "%s/b.mmdb", folder);
    test_missing();
    write_database(path, first, COUNT_OF(first));
#ifdef PENSTOCK_HAS_MAXMINDDB
    check_use(&g, path, ST_OK, true, "a database");
    test_lookups();
    test_life(&g, path, other);
#else
    check_use(&g, path, ST_INVALID, false, "a build without libmaxminddb");
    test_missing();
    printf("skipped: lookups (a build without libmaxminddb)\n");
    (void)test_lookups;
    (void)test_life;
#endif
    geo_end(&g);
    unlink(path);
    unlink(other);
    rmdir(folder);
    pool_free(&pool);
    return test_end();
}
