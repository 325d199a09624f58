#include "penstock/cmd_journal.h"
#include "journal/journal.h"
#include "model/datetime.h"
#include "penstock/client.h"
#include "wire/json.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

/* as documented in penstock(1) */
enum { DONE = 0, REFUSED = 1, USAGE = 2, FAILED = 3 };

static const char usage_text[] =
    "Usage: penstock journal check [OPTIONS]\n"
    "       penstock journal cat [--rows] [OPTIONS]\n"
    "       penstock journal stats [OPTIONS]\n\n"
    "Looks at the journal's files, whether or not a daemon is at work. Changes nothing.\n\n"
    "  check         reads every block and verifies it; says what is damaged, where, and what it\n"
    "                cost. Ends with 1 if anything is\n"
    "  cat           a line for each block: position, time, bytes, streams with their rows\n"
    "  cat --rows    each row as it was received, a line each\n"
    "  stats         counts, without reading blocks\n\n"
    "  --data DIR    where the daemon keeps its data; the journal is in DIR/journal. Without it:\n"
    "                $PENSTOCK_DATA, or /var/lib/penstock if there is one, or ./penstock-data\n"
    "  --from POS    from this position on (check, cat)\n"
    "  --to POS      to before this position (check, cat)\n"
    "  --json        objects instead of text; cat: an object a line\n\n"
    "Exit: 0 fine, 1 something is damaged, 2 wrong use, 3 the journal cannot be read.\n";

enum verb { VERB_CHECK, VERB_CAT, VERB_STATS, VERB_COUNT };
static const char *const verb_names[VERB_COUNT] = {"check", "cat", "stats"};

struct options {
    enum verb verb;
    bool json, rows;
    uint64_t from, to; /* 0: from the start, to the end */
    char folder[4096];
};

static bool
read_position(const char *name, const char *text, uint64_t *position)
{
    char *end;

    errno = 0;
    *position = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0)
        return true;
    fprintf(stderr,
            "penstock journal: --%s '%s' is not a position: give a number as cat prints it\n", name,
            text);
    return false;
}

static bool
read_verb(const char *text, enum verb *verb)
{
    for (int i = 0; i < VERB_COUNT; i++)
        if (text != NULL && strcmp(text, verb_names[i]) == 0) {
            *verb = (enum verb)i;
            return true;
        }
    if (text == NULL)
        fputs("penstock journal: say what to do: check, cat or stats\n", stderr);
    else
        fprintf(stderr, "penstock journal: '%s' is not one of check, cat and stats\n", text);
    return false;
}

static void
find_folder(struct options *o, const char *data)
{
    snprintf(o->folder, sizeof o->folder, "%.4000s/journal", client_data_folder(data));
}

/* False: 'code' is what to end with. */
static bool
read_options(int argc, char **argv, struct options *o, int *code)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, 'd'},
        {"from", required_argument, NULL, 'f'},
        {"to",   required_argument, NULL, 't'},
        {"json", no_argument,       NULL, 'j'},
        {"rows", no_argument,       NULL, 'r'},
        {"help", no_argument,       NULL, 'h'},
        {NULL,   0,                 NULL, 0  },
    };
    const char *data = NULL;
    bool is_good = true;
    int option;

    optind = 0; /* glibc: start anew, whoever read options before */
    *code = USAGE;
    while (is_good && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (option) {
        case 'd':
            data = optarg;
            break;
        case 'f':
            is_good = read_position("from", optarg, &o->from);
            break;
        case 't':
            is_good = read_position("to", optarg, &o->to);
            break;
        case 'j':
            o->json = true;
            break;
        case 'r':
            o->rows = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            *code = DONE;
            return false;
        default: /* getopt has said why */
            is_good = false;
        }
    }
    is_good = is_good && read_verb(argv[optind], &o->verb);
    if (is_good && optind + 1 < argc) {
        fprintf(stderr, "penstock journal: what is '%s'?\n", argv[optind + 1]);
        is_good = false;
    }
    if (is_good && o->rows && o->verb != VERB_CAT) {
        fputs("penstock journal: --rows is for cat\n", stderr);
        is_good = false;
    }
    if (is_good && o->rows && o->json) {
        fputs("penstock journal: --rows prints the rows as they are; leave --json out\n", stderr);
        is_good = false;
    }
    if (is_good && o->verb == VERB_STATS && (o->from != 0 || o->to != 0)) {
        fputs("penstock journal: stats are of the whole journal; --from and --to are for check and "
              "cat\n",
              stderr);
        is_good = false;
    }
    if (!is_good)
        fputs("See: penstock journal --help\n", stderr);
    find_folder(o, data);
    return is_good;
}

struct visit {
    const struct options *options;
    json_t *bad; /* of check --json */
    uint64_t bad_count;
};

static void
gap_text(FILE *out, const struct journal_gap *gap)
{
    fprintf(out, "position %" PRIu64 " to %" PRIu64 ": %s", gap->from, gap->to, gap->reason);
    if (gap->is_exact)
        fprintf(out, " (%" PRIu64 " rows)", gap->rows);
    fputc('\n', out);
}

static json_t *
gap_json(const struct journal_gap *gap)
{
    return json_pack(
        "{s:I, s:I, s:o, s:s}", "from", (json_int_t)gap->from, "to", (json_int_t)gap->to, "rows",
        gap->is_exact ? json_integer((json_int_t)gap->rows) : json_null(), "reason", gap->reason);
}

static void
visit_check(void *app, uint64_t position, const struct block *block, const struct journal_gap *gap)
{
    struct visit *v = app;

    (void)position;
    (void)block;
    if (gap == NULL)
        return;
    v->bad_count++;
    if (v->options->json)
        json_array_append_new(v->bad, gap_json(gap));
    else
        gap_text(stdout, gap);
}

/* JSON text never has a line's end within a string, so blanks do as well. */
static void
print_row(const struct block *b, const struct block_row *row)
{
    const char *p = b->body.p + row->at, *end = p + row->size;

    while (p < end) {
        size_t n = 0;

        while (p + n < end && p[n] != '\n' && p[n] != '\r')
            n++;
        fwrite(p, 1, n, stdout);
        p += n;
        if (p < end) {
            fputc(' ', stdout);
            p++;
        }
    }
    fputc('\n', stdout);
}

static const char *
kind_name(const struct block *b)
{
    return b->head->kind == BLOCK_CONTROL  ? "control"
           : b->head->kind == BLOCK_EVENTS ? "events"
                                           : "rows";
}

static void
print_block(uint64_t position, const struct block *b)
{
    char time[DATETIME_TEXT_SIZE];

    datetime_write(time, b->head->admitted);
    printf("%" PRIu64 " %.*s %zu", position, DATETIME_TEXT_SIZE, time, b->body.n);
    if (b->head->kind != BLOCK_ROWS)
        printf(" %s", kind_name(b));
    for (uint32_t i = 0; i < b->head->stream_count; i++)
        printf(" %s/%s=%" PRIu32, b->streams[i].tenant, b->streams[i].table,
               b->streams[i].row_count);
    fputc('\n', stdout);
}

static void
print_block_json(uint64_t position, const struct block *b)
{
    char time[DATETIME_TEXT_SIZE];
    json_t *streams = json_array(), *line;

    datetime_write(time, b->head->admitted);
    for (uint32_t i = 0; i < b->head->stream_count; i++)
        json_array_append_new(
            streams, json_pack("{s:s, s:s, s:s, s:I}", "tenant", b->streams[i].tenant, "category",
                               b->streams[i].category, "table", b->streams[i].table, "rows",
                               (json_int_t)b->streams[i].row_count));
    line =
        json_pack("{s:I, s:s%, s:s, s:I, s:I, s:o}", "position", (json_int_t)position, "time", time,
                  (size_t)DATETIME_TEXT_SIZE, "kind", kind_name(b), "bytes", (json_int_t)b->body.n,
                  "rows", (json_int_t)b->head->row_count, "streams", streams);
    if (line != NULL) /* NULL: a name that is not UTF-8, which admission does not let in */
        json_dumpf(line, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(line);
}

static void
visit_cat(void *app, uint64_t position, const struct block *block, const struct journal_gap *gap)
{
    struct visit *v = app;

    if (gap != NULL) {
        v->bad_count++;
        fputs("penstock journal: ", stderr);
        gap_text(stderr, gap);
    } else if (v->options->json) {
        print_block_json(position, block);
    } else if (!v->options->rows) {
        print_block(position, block);
    } else if (block->head->kind != BLOCK_CONTROL) {
        for (uint32_t i = 0; i < block->head->row_count; i++)
            print_row(block, &block->rows[i]);
    }
}

static json_t *
counts_json(const struct options *o, const struct journal_check *c)
{
    char oldest[DATETIME_TEXT_SIZE], newest[DATETIME_TEXT_SIZE];
    bool is_empty = c->blocks == 0;

    datetime_write(oldest, c->oldest_admitted);
    datetime_write(newest, c->newest_admitted);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I}",
                     "folder", o->folder, "first", (json_int_t)c->extent.first, "end",
                     (json_int_t)c->extent.end, "segments", (json_int_t)c->segments, "diskBytes",
                     (json_int_t)c->disk_bytes, "blocks", (json_int_t)c->blocks, "rows",
                     (json_int_t)c->rows, "bytes", (json_int_t)c->bytes, "oldest",
                     is_empty ? json_null() : json_stringn(oldest, DATETIME_TEXT_SIZE), "newest",
                     is_empty ? json_null() : json_stringn(newest, DATETIME_TEXT_SIZE), "badPieces",
                     (json_int_t)c->bad_blocks, "badBytes", (json_int_t)c->bad_bytes, "tornBytes",
                     (json_int_t)c->torn_bytes, "quarantined", (json_int_t)c->quarantined_files);
}

static void
counts_text(const struct options *o, const struct journal_check *c)
{
    char oldest[DATETIME_TEXT_SIZE], newest[DATETIME_TEXT_SIZE];

    printf("journal     %s\n", o->folder);
    printf("positions   %" PRIu64 " to %" PRIu64 "\n", c->extent.first, c->extent.end);
    printf("segments    %" PRIu64 " (%" PRIu64 " bytes on disk)\n", c->segments, c->disk_bytes);
    printf("blocks      %" PRIu64 "\n", c->blocks);
    printf("rows        %" PRIu64 "\n", c->rows);
    printf("bytes       %" PRIu64 "\n", c->bytes);
    if (c->blocks > 0) {
        datetime_write(oldest, c->oldest_admitted);
        datetime_write(newest, c->newest_admitted);
        printf("admitted    %.*s to %.*s\n", DATETIME_TEXT_SIZE, oldest, DATETIME_TEXT_SIZE,
               newest);
    }
    if (c->torn_bytes > 0)
        printf("torn        %" PRIu64 " bytes, being written or left by a crash, never "
               "acknowledged\n",
               c->torn_bytes);
    if (c->quarantined_files > 0)
        printf("quarantine  %" PRIu64 " pieces in %s/quarantine\n", c->quarantined_files,
               o->folder);
    if (c->bad_blocks > 0)
        printf("damaged     %" PRIu64 " pieces, %" PRIu64 " bytes\n", c->bad_blocks, c->bad_bytes);
}

int
cmd_journal(int argc, char **argv)
{
    struct options o = {0};
    struct visit v = {.options = &o};
    struct journal_check check;
    struct err err = {""};
    enum status st;
    int code;

    if (!read_options(argc, argv, &o, &code))
        return code;
    v.bad = json_array();
    st = journal_inspect(o.folder, o.from, o.to, o.verb == VERB_CHECK,
                         o.verb == VERB_CHECK ? visit_check
                         : o.verb == VERB_CAT ? visit_cat
                                              : NULL,
                         &v, &check, &err);
    if (st != ST_OK) {
        fprintf(stderr, "penstock journal: %s; --data names another place\n", err.text);
    } else if (o.verb != VERB_CAT && o.json) {
        json_t *counts = counts_json(&o, &check);

        if (o.verb == VERB_CHECK)
            json_object_set(counts, "bad", v.bad);
        json_dumpf(counts, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
        json_decref(counts);
    } else if (o.verb != VERB_CAT) {
        counts_text(&o, &check);
    }
    json_decref(v.bad);
    if (st == ST_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        fprintf(stderr, "penstock journal: cannot write the output: %s\n", strerror(errno));
        st = ST_IO;
    }
    if (st != ST_OK)
        return FAILED;
    return check.bad_blocks > 0 ? REFUSED : DONE;
}
