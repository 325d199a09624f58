/* cmd_generate.c - penstock generate. */
#include "penstock/cmd_generate.h"
#include "penstock/generate.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "Usage: penstock generate [OPTIONS]\n\n"
    "Writes made-up Advanced Hunting records, one a line. The same options give the same bytes.\n\n"
    "  --records N        how many (10000)\n"
    "  --seed S           another number gives other records (1)\n"
    "  --tenant GUID      tenant of the envelopes\n"
    "  --tables A,B,...   only these tables\n"
    "  --form FORM        envelopes, or rows: bare ones, which do not say which table they are "
    "of,\n"
    "                     so that they take one --table\n"
    "  --table T          only this table\n"
    "  -o FILE            instead of standard output\n";

enum { OUT_SIZE = 1 << 20, ARENA_SIZE = 4 << 20 };

struct request {
    struct generate_options options;
    uint64_t records;
    const char *path; /* NULL: standard output */
    const char *names[GENERATE_TABLES_MAX];
};

static bool
read_number(const char *text, uint64_t *n)
{
    char *end;

    errno = 0;
    *n = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text != '-';
}

static bool
read_guid(const char *text, char out[37])
{
    if (strlen(text) != 36)
        return false;
    for (int i = 0; i < 37; i++) {
        char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20) : text[i];

        if (i == 8 || i == 13 || i == 18 || i == 23 ? c != '-'
            : i < 36                                ? strchr("0123456789abcdef", c) == NULL
                                                    : false)
            return false;
        out[i] = c;
    }
    return true;
}

/* Cuts 'text' at its commas. */
static bool
read_tables(struct request *r, char *text)
{
    for (char *name = strtok(text, ","); name != NULL; name = strtok(NULL, ",")) {
        if (r->options.table_count == GENERATE_TABLES_MAX)
            return false;
        r->names[r->options.table_count++] = name;
    }
    return r->options.table_count > 0;
}

static bool
read_option(struct request *r, int option, char *value)
{
    switch (option) {
    case 'n':
        return read_number(value, &r->records);
    case 's':
        return read_number(value, &r->options.seed);
    case 't':
        return read_guid(value, r->options.tenant);
    case 'T':
        return read_tables(r, value);
    case 'f':
        r->options.form = strcmp(value, "rows") == 0 ? GENERATE_ROWS : GENERATE_ENVELOPES;
        return strcmp(value, "rows") == 0 || strcmp(value, "envelopes") == 0;
    default:
        r->path = value;
        return true;
    }
}

static bool
read_request(struct request *r, int argc, char **argv)
{
    static const struct option options[] = {
        {"records",          required_argument, NULL, 'n'},
        {"seed",              required_argument, NULL, 's'},
        {"tenant",                  required_argument, NULL, 't'},
        {"tables",required_argument, NULL, 'T'},
        {"table",               required_argument, NULL, 'T'},
        {"form",           required_argument, NULL, 'f'},
        {"output",              required_argument, NULL, 'o'},
        {0                 }
    };
    int option, index;

    optind = 1;
    while (index = -1, (option = getopt_long(argc, argv, "o:", options, &index)) != -1) {
        if (option == '?') {
            fputs(usage, stderr);
            return false;
        }
        if (!read_option(r, option, optarg)) {
            fprintf(stderr, "penstock generate: --%s cannot be '%s'\n%s",
                    index >= 0 ? options[index].name : "output", optarg, usage);
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "penstock generate: what is %s?\n%s", argv[optind], usage);
        return false;
    }
    if (r->options.form == GENERATE_ROWS && r->options.table_count != 1) {
        fprintf(stderr,
                "penstock generate: --form rows takes one --table, since bare rows do not say "
                "which table they are of\n");
        return false;
    }
    r->options.tables = r->names;
    return true;
}

static bool
write_all(int fd, const char *p, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, p, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static bool
write_records(struct generator *g, uint64_t count, int fd, char *out)
{
    size_t size = 0;

    for (uint64_t i = 0; i < count; i++) {
        size += generate_next(g, out + size);
        if (size > OUT_SIZE - GENERATE_RECORD_MAX) {
            if (!write_all(fd, out, size))
                return false;
            size = 0;
        }
    }
    return write_all(fd, out, size);
}

int
cmd_generate(int argc, char **argv)
{
    struct request r = {
        .options = {.catalog = &catalog_builtin,
                    .seed = 1,
                    .tenant = "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"},
        .records = 10000
    };
    char *memory = NULL, *out = NULL;
    struct generator *g;
    struct err err;
    int fd = STDOUT_FILENO, code = 2;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (!read_request(&r, argc, argv))
        return 2;
    memory = malloc(ARENA_SIZE);
    out = malloc(OUT_SIZE);
    if (memory == NULL || out == NULL) {
        fprintf(stderr, "penstock generate: no memory\n");
        goto fail;
    }
    struct arena a = {memory, ARENA_SIZE, 0};
    if (generator_make(&r.options, &a, &g, &err) != ST_OK) {
        fprintf(stderr, "penstock generate: %s\n", err.text);
        goto fail;
    }
    code = 1;
    if (r.path != NULL && strcmp(r.path, "-") != 0 &&
        (fd = open(r.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)) < 0) {
        fprintf(stderr, "penstock generate: cannot open %s: %s\n", r.path, strerror(errno));
        goto fail;
    }
    if (!write_records(g, r.records, fd, out) || (fd != STDOUT_FILENO && close(fd) != 0)) {
        fprintf(stderr, "penstock generate: cannot write %s: %s\n",
                r.path != NULL ? r.path : "standard output", strerror(errno));
        goto fail;
    }
    code = 0;

fail:
    free(memory);
    free(out);
    return code;
}
