/* lexer.c - splits a query's text into tokens, all at once: the parser looks ahead as far as it
 * likes, and a wrong token does not hide the ones behind it.
 *
 * Two things are decided here although they look like grammar, for the language decides them here:
 * the text of a typed literal (datetime(...), guid(...)) is taken as it is up to the next ')', when
 * the '(' stands right behind the word; and a word with a dash is one token when it is a keyword
 * (project-away), else a subtraction. */
#include "base/utf8.h"
#include "kql/lexer_inner.h"

enum { SHOWN_MAX = 40 }; /* bytes of the text that a complaint repeats */

/* In the order of bytes. */
const struct kql_word kql_words[] = {
    {"",                          0,                          KQL_OP_NONE             },
    {"!between",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_BETWEEN      },
    {"!contains",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_CONTAINS     },
    {"!contains_cs",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_CONTAINS_CS  },
    {"!endswith",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_ENDSWITH     },
    {"!endswith_cs",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_ENDSWITH_CS  },
    {"!has",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_HAS          },
    {"!has_cs",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_HAS_CS       },
    {"!hasprefix",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_HASPREFIX    },
    {"!hasprefix_cs",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_HASPREFIX_CS },
    {"!hassuffix",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_HASSUFFIX    },
    {"!hassuffix_cs",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_HASSUFFIX_CS },
    {"!in",                       WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_IN           },
    {"!in~",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_IN_CI        },
    {"!startswith",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_STARTSWITH   },
    {"!startswith_cs",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_STARTSWITH_CS},
    {"FALSE",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"False",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"TRUE",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"True",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__contextual_datatable",    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__crossCluster",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__crossDB",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__executeAndCache",         WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__id",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__isFuzzy",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__noWithSource",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__packedColumn",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__projectAway",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"__sourceColumnIndex",       WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"accumulate",                WORD_NO_USE,                KQL_OP_NONE             },
    {"and",                       WORD_NO_USE | WORD_NO_NAME, KQL_OP_AND              },
    {"anomalychart",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"areachart",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"as",                        WORD_NO_USE,                KQL_OP_NONE             },
    {"asc",                       WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"assert-schema",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"bagexpansion",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"barchart",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"between",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_BETWEEN          },
    {"bin_legacy",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"boolean",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"by",                        WORD_NO_USE,                KQL_OP_NONE             },
    {"byte",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"card",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"char",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"columnchart",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"contains",                  WORD_NO_USE,                KQL_OP_CONTAINS         },
    {"contains_cs",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_CONTAINS_CS      },
    {"containscs",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_CONTAINS_CS      },
    {"cycles",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"datascope",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"datatable",                 WORD_NO_USE,                KQL_OP_NONE             },
    {"date",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"datetime",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"decimal",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"decodeblocks",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"desc",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"double",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"dynamic",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"endswith",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_ENDSWITH         },
    {"endswith_cs",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_ENDSWITH_CS      },
    {"expandoutput",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"external_data",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"externaldata",              WORD_NO_USE,                KQL_OP_NONE             },
    {"false",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"find",                      WORD_NO_USE,                KQL_OP_NONE             },
    {"first",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"flags",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"float",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"granny-asc",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"granny-desc",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"graph-mark-components",     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"graph-match",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"graph-shortest-paths",      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"graph-to-table",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"graph-where-edges",         WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"graph-where-nodes",         WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"has",                       WORD_NO_USE,                KQL_OP_HAS              },
    {"has_all",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_HAS_ALL          },
    {"has_any",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_HAS_ANY          },
    {"has_cs",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_HAS_CS           },
    {"hasprefix",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_HASPREFIX        },
    {"hasprefix_cs",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_HASPREFIX_CS     },
    {"hassuffix",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_HASSUFFIX        },
    {"hassuffix_cs",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_HASSUFFIX_CS     },
    {"hotcache",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"in",                        WORD_NO_USE,                KQL_OP_IN               },
    {"int",                       WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"int16",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"int32",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"int64",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"int8",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"invoke",                    WORD_NO_USE,                KQL_OP_NONE             },
    {"in~",                       WORD_NO_USE | WORD_NO_NAME, KQL_OP_IN_CI            },
    {"isfuzzy",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"kind",                      WORD_NO_NAME,               KQL_OP_NONE             },
    {"ladderchart",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"last",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"like",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_LIKE             },
    {"likecs",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_LIKE_CS          },
    {"linechart",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"long",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"macro-expand",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"make-graph",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"make-series",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"matches",                   0,                          KQL_OP_MATCHES_REGEX    },
    {"materialize",               WORD_NO_USE,                KQL_OP_NONE             },
    {"materialized-view-combine", WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"missing",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"mv-apply",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"mv-expand",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"nooptimization",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"notcontains",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_CONTAINS     },
    {"notcontainscs",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_CONTAINS_CS  },
    {"notlike",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_LIKE         },
    {"notlikecs",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NOT_LIKE_CS      },
    {"of",                        WORD_NO_USE,                KQL_OP_NONE             },
    {"or",                        WORD_NO_USE | WORD_NO_NAME, KQL_OP_OR               },
    {"others",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"parse-kv",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"parse-where",               WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"partitioned-by",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"piechart",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"pivotchart",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"print",                     WORD_NO_USE,                KQL_OP_NONE             },
    {"project",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"project-away",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"project-by-names",          WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"project-keep",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"project-rename",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"project-reorder",           WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"project-smart",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"real",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"relaxed",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"sample",                    WORD_NO_USE,                KQL_OP_NONE             },
    {"sample-distinct",           WORD_NO_USE,                KQL_OP_NONE             },
    {"scatterchart",              WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"search",                    WORD_NO_USE,                KQL_OP_NONE             },
    {"set",                       WORD_NO_USE,                KQL_OP_NONE             },
    {"simple",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"stackedareachart",          WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"startswith",                WORD_NO_USE | WORD_NO_NAME, KQL_OP_STARTSWITH       },
    {"startswith_cs",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_STARTSWITH_CS    },
    {"string",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"time",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"timechart",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"timeline",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"timepivot",                 WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"timespan",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"title",                     WORD_NO_USE,                KQL_OP_NONE             },
    {"to",                        WORD_NO_USE,                KQL_OP_NONE             },
    {"top-hitters",               WORD_NO_USE,                KQL_OP_NONE             },
    {"top-nested",                WORD_NO_USE,                KQL_OP_NONE             },
    {"toscalar",                  WORD_NO_USE,                KQL_OP_NONE             },
    {"totable",                   WORD_NO_USE,                KQL_OP_NONE             },
    {"treemap",                   WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"true",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"uint",                      WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"uint16",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"uint32",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"uint64",                    WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"uint8",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"ulong",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"union",                     WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"uniqueid",                  WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"where",                     WORD_NO_USE,                KQL_OP_NONE             },
    {"with_itemindex",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"with_match_id",             WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"with_source",               WORD_NO_NAME,               KQL_OP_NONE             },
    {"with_step_name",            WORD_NO_USE | WORD_NO_NAME, KQL_OP_NONE             },
    {"withsource",                WORD_NO_NAME,               KQL_OP_NONE             },
};
const uint32_t kql_word_count = COUNT_OF(kql_words);

uint32_t
kql_word_find(struct span name)
{
    uint32_t low = 1, high = COUNT_OF(kql_words);

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = strncmp(kql_words[middle].name, name.p, name.n);

        if (order == 0 && kql_words[middle].name[name.n] == '\0')
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* Words that begin a literal when a '(' stands right behind. */
static const char *const typed_words[] = {"bool", "date", "datetime", "decimal",  "double",
                                          "guid", "int",  "int32",    "int64",    "long",
                                          "real", "time", "timespan", "uniqueid", "uuid"};

static const char *const timespan_units[] = {"d",           "day",         "days",
                                             "h",           "hour",        "hours",
                                             "hr",          "hrs",         "m",
                                             "micro",       "micros",      "microsecond",
                                             "microsec",    "microsecs",   "microseconds",
                                             "milli",       "millis",      "millisec",
                                             "millisecs",   "millisecond", "milliseconds",
                                             "min",         "minute",      "minutes",
                                             "ms",          "nano",        "nanos",
                                             "nanosec",     "nanosecs",    "nanosecond",
                                             "nanoseconds", "s",           "sec",
                                             "second",      "seconds",     "tick",
                                             "ticks"};

struct lexer {
    struct pool *pool;
    struct kql_diagnostics *d;
    struct span text;
    uint32_t at;
    size_t last_close; /* where the last ')' of the text is: no search goes beyond it in vain */
    struct token *tokens;
    size_t count, room;
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_word_part(char c)
{
    return is_letter(c) || is_digit(c);
}

static char
peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static struct token *
add(struct lexer *l, uint32_t kind, uint32_t size)
{
    struct token *t;

    if (l->count == l->room)
        l->tokens = pool_grow(l->pool, l->tokens, &l->room, l->count + 1, sizeof *l->tokens);
    t = &l->tokens[l->count];
    *t = (struct token){.at = l->at, .size = size, .kind = (uint8_t)kind};
    if (l->count > 0 && t[-1].at + t[-1].size == l->at)
        t->flags = TOKEN_GLUED;
    l->count++;
    l->at += size;
    return t;
}

/* Bytes of white space at the place; 0: none. The language knows Unicode's. */
static uint32_t
blank_size(const struct lexer *l)
{
    unsigned char c = (unsigned char)peek(l, 0), c1, c2;

    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return 1;
    if (c < 0x80)
        return 0;
    c1 = (unsigned char)peek(l, 1);
    c2 = (unsigned char)peek(l, 2);
    if (c == 0xc2 && (c1 == 0xa0 || c1 == 0x85))
        return 2;
    if (c == 0xe1 && ((c1 == 0x9a && c2 == 0x80) || (c1 == 0xa0 && c2 == 0x8e)))
        return 3; /* U+1680, U+180E */
    if (c == 0xe2 && c1 == 0x80 &&
        ((c2 >= 0x80 && c2 <= 0x8b) || c2 == 0xaf || c2 == 0xa8 || c2 == 0xa9))
        return 3; /* U+2000 to U+200B, U+2028, U+2029, U+202F */
    if ((c == 0xe2 && c1 == 0x81 && c2 == 0x9f) || (c == 0xe3 && c1 == 0x80 && c2 == 0x80) ||
        (c == 0xef && c1 == 0xbb && c2 == 0xbf))
        return 3; /* U+205F, U+3000, U+FEFF */
    return 0;
}

/* A line that begins with #name (#connect ...) speaks to the editor: it is passed over. */
static bool
is_directive(const struct lexer *l)
{
    uint32_t at = l->at;

    if (peek(l, 0) != '#' || (peek(l, 1) | 0x20) < 'a' || (peek(l, 1) | 0x20) > 'z')
        return false;
    while (at > 0 && (l->text.p[at - 1] == ' ' || l->text.p[at - 1] == '\t'))
        at--;
    return at == 0 || l->text.p[at - 1] == '\n' || l->text.p[at - 1] == '\r' ||
           (at == 3 && memcmp(l->text.p, "\xef\xbb\xbf", 3) == 0);
}

static void
skip_blanks(struct lexer *l)
{
    while (l->at < l->text.n) {
        uint32_t size = blank_size(l);

        if (size > 0)
            l->at += size;
        else if ((peek(l, 0) == '/' && peek(l, 1) == '/') || is_directive(l))
            while (l->at < l->text.n && peek(l, 0) != '\n' && peek(l, 0) != '\r')
                l->at++;
        else
            return;
    }
}

static bool
is_one_of(struct span name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_is(name, names[i]))
            return true;
    return false;
}

static uint32_t
run_size(const struct lexer *l, uint32_t from)
{
    uint32_t at = l->at + from;

    while (at < l->text.n && is_word_part(l->text.p[at]))
        at++;
    return at - l->at;
}

/* 8-4-4-4-12 hexadecimal digits, and no name behind them. */
static bool
is_guid_here(const struct lexer *l)
{
    static const uint8_t groups[] = {8, 4, 4, 4, 12};
    size_t at = 0;

    for (size_t g = 0; g < COUNT_OF(groups); g++) {
        if (g > 0 && peek(l, at++) != '-')
            return false;
        for (size_t i = 0; i < groups[g]; i++)
            if (!is_hex(peek(l, at++)))
                return false;
    }
    return !is_word_part(peek(l, at));
}

static void
lex_number(struct lexer *l)
{
    uint32_t digits = 0, size;
    struct span tail;

    if (is_guid_here(l)) {
        add(l, TOKEN_GUID, 36);
        return;
    }
    if (peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X') && is_hex(peek(l, 2))) {
        for (size = 2; is_hex(peek(l, size));)
            size++;
        if (!is_word_part(peek(l, size))) {
            add(l, TOKEN_INTEGER, size);
            return;
        }
    }
    while (is_digit(peek(l, digits)))
        digits++;
    bool is_real =
        peek(l, digits) == '.' && peek(l, digits + 1) != '.' && !is_letter(peek(l, digits + 1));
    if (peek(l, digits) == '.' && (peek(l, digits + 1) == 'e' || peek(l, digits + 1) == 'E') &&
        (is_digit(peek(l, digits + 2)) || peek(l, digits + 2) == '-' || peek(l, digits + 2) == '+'))
        is_real = true; /* 1.e3 */
    if (is_real)
        for (digits++; is_digit(peek(l, digits));)
            digits++;
    size = run_size(l, digits);
    tail = (struct span){l->text.p + l->at + digits, size - digits};
    if (tail.n == 0) {
        add(l, is_real ? TOKEN_REAL : TOKEN_INTEGER, digits);
        return;
    }
    if (is_one_of(tail, timespan_units, COUNT_OF(timespan_units))) {
        add(l, TOKEN_TIMESPAN, size);
        return;
    }
    if (tail.p[0] == 'e' || tail.p[0] == 'E') {
        uint32_t at = digits + 1;

        if (tail.n == 1 && (peek(l, at) == '+' || peek(l, at) == '-'))
            at++;
        if (is_digit(peek(l, at))) {
            while (is_digit(peek(l, at)))
                at++;
            if (!is_word_part(peek(l, at))) {
                add(l, TOKEN_REAL, at);
                return;
            }
        }
    }
    if (is_real)
        add(l, TOKEN_REAL, digits);
    else
        add(l, TOKEN_WORD, size); /* 3Dchart */
}

/* "project-away": the longest keyword with dashes that begins here; 0: none. */
static uint32_t
dashed_size(const struct lexer *l, uint32_t size)
{
    uint32_t best = 0;

    while (peek(l, size) == '-' && is_letter(peek(l, size + 1))) {
        size = run_size(l, size + 1);
        if (kql_word_find((struct span){l->text.p + l->at, size}) != 0)
            best = size;
    }
    return best;
}

static void
lex_word(struct lexer *l)
{
    uint32_t size = run_size(l, 1), dashed = 0;
    struct span name;
    struct token *t;

    if (size == 8 && peek(l, 8) == '-' && is_guid_here(l)) {
        add(l, TOKEN_GUID, 36);
        return;
    }
    if (peek(l, size) == '-')
        dashed = dashed_size(l, size);
    if (dashed > 0)
        size = dashed;
    name = (struct span){l->text.p + l->at, size};
    if (peek(l, size) == '(' && l->at + size < l->last_close &&
        is_one_of(name, typed_words, COUNT_OF(typed_words))) {
        const char *open = name.p + size,
                   *close = memchr(open, ')', l->last_close + 1 - (l->at + size));

        add(l, TOKEN_TYPED, size + (uint32_t)(close - open) + 1);
        return;
    }
    if (peek(l, size) == '~' && span_is(name, "in"))
        name.n = ++size;
    t = add(l, TOKEN_WORD, size);
    t->word = (uint8_t)kql_word_find(name);
}

/* !has, !in~ ... */
static void
lex_not(struct lexer *l)
{
    uint32_t size = is_letter(peek(l, 1)) ? run_size(l, 1) : 1, word;
    struct token *t;

    if (peek(l, 1) == '=') {
        add(l, TOKEN_NOT_EQUAL, 2);
        return;
    }
    if (peek(l, 1) == '~') {
        add(l, TOKEN_NOT_TILDE, 2);
        return;
    }
    if (peek(l, size) == '~' && size == 3 && memcmp(l->text.p + l->at, "!in", 3) == 0)
        size++;
    word = kql_word_find((struct span){l->text.p + l->at, size});
    if (word == 0 && l->d != NULL) {
        struct kql_nearest n = {
            .wanted = {l->text.p + l->at, size}
        };

        for (uint32_t i = 1; i < kql_word_count && kql_words[i].name[0] == '!'; i++)
            kql_nearest_offer(&n, span_of(kql_words[i].name));
        if (size == 1)
            kql_complain(l->d, KQL_E_TEXT, l->at, 1,
                         "'!' is no operator by itself; write not(...), or != ");
        else if (n.best.p != NULL)
            kql_complain(l->d, KQL_E_TEXT, l->at, size, "no operator '%.*s'; did you mean '%.*s'?",
                         (int)(size < SHOWN_MAX ? size : SHOWN_MAX), l->text.p + l->at,
                         (int)n.best.n, n.best.p);
        else
            kql_complain(l->d, KQL_E_TEXT, l->at, size,
                         "no operator '%.*s'; write not(...) around the comparison",
                         (int)(size < SHOWN_MAX ? size : SHOWN_MAX), l->text.p + l->at);
    }
    t = add(l, word == 0 ? TOKEN_BAD : TOKEN_WORD, size);
    t->word = (uint8_t)word;
}

/* ```...``` or ~~~...~~~ */
static bool
lex_long_string(struct lexer *l, uint32_t prefix, uint8_t flags)
{
    const char *quote = l->text.p + l->at + prefix, *end = l->text.p + l->text.n, *p = quote + 3;

    while (end - p >= 3) {
        p = memchr(p, quote[0], (size_t)(end - p) - 2);
        if (p == NULL)
            break;
        if (p[1] == quote[0] && p[2] == quote[0]) {
            uint32_t size = (uint32_t)(p + 3 - (l->text.p + l->at));

            add(l, TOKEN_STRING, size)->flags |= (uint8_t)(flags | TOKEN_LONG_QUOTE);
            return true;
        }
        p++;
    }
    if (l->d != NULL)
        kql_complain(l->d, KQL_E_TEXT, l->at, prefix + 3,
                     "this string is not closed: write %.3s behind it", quote);
    add(l, TOKEN_BAD, (uint32_t)(l->text.n - l->at))->flags |= (uint8_t)(flags | TOKEN_LONG_QUOTE);
    return true;
}

/* False: no string begins here. */
static bool
lex_string(struct lexer *l)
{
    uint32_t prefix = 0, size;
    uint8_t flags = 0;
    char quote;

    if (peek(l, 0) == 'h' || peek(l, 0) == 'H') {
        prefix = 1;
        flags = TOKEN_OBFUSCATED;
    }
    quote = peek(l, prefix);
    if ((quote == '`' || quote == '~') && peek(l, prefix + 1) == quote &&
        peek(l, prefix + 2) == quote)
        return lex_long_string(l, prefix, flags);
    if (quote == '@') {
        flags |= TOKEN_VERBATIM;
        quote = peek(l, ++prefix);
    }
    if (quote != '"' && quote != '\'')
        return false;
    for (size = prefix + 1; l->at + size < l->text.n; size++) {
        char c = l->text.p[l->at + size];

        if (c == '\n' || c == '\r')
            break;
        if (c == '\\' && !(flags & TOKEN_VERBATIM)) {
            flags |= TOKEN_ESCAPES;
            if (peek(l, size + 1) != '\n' && peek(l, size + 1) != '\r')
                size++;
        } else if (c == quote && (flags & TOKEN_VERBATIM) && peek(l, size + 1) == quote) {
            flags |= TOKEN_ESCAPES;
            size++;
        } else if (c == quote) {
            add(l, TOKEN_STRING, size + 1)->flags |= flags;
            return true;
        }
    }
    if (l->at + size > l->text.n)
        size = (uint32_t)(l->text.n - l->at);
    if (l->d != NULL)
        kql_complain(l->d, KQL_E_TEXT, l->at, 1,
                     "this string is not closed: write %c at its end, on the same line", quote);
    add(l, TOKEN_BAD, size)->flags |= flags;
    return true;
}

static const struct {
    char text[3];
    uint8_t kind;
} pairs[] = {
    {"==", TOKEN_EQUAL_EQUAL  },
    {"<>", TOKEN_NOT_EQUAL    },
    {"<=", TOKEN_LESS_EQUAL   },
    {">=", TOKEN_GREATER_EQUAL},
    {"=~", TOKEN_EQUAL_TILDE  },
    {"=>", TOKEN_ARROW        },
    {"..", TOKEN_DOT_DOT      }
};

static void
lex_sign(struct lexer *l)
{
    static const char signs[] = "()[]{},;:.|*/%+-<>=?@";
    char c = peek(l, 0);
    uint32_t size = 1;

    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (pairs[i].text[0] == c && pairs[i].text[1] == peek(l, 1)) {
            add(l, pairs[i].kind, 2);
            return;
        }
    if (c != '\0' && strchr(signs, c) != NULL) {
        add(l, (unsigned char)c, 1);
        return;
    }
    while (((unsigned char)peek(l, size) & 0xc0) == 0x80)
        size++; /* the rest of a character */
    if (c == '&' && peek(l, 1) == '&')
        size = 2;
    if (l->d == NULL)
        ;
    else if (c == '#')
        kql_complain(l->d, KQL_E_TEXT, l->at, 1,
                     "'#' is no sign of the language; a comment begins with //");
    else if (c == '&')
        kql_complain(l->d, KQL_E_TEXT, l->at, size, "'&' is no sign of the language; write 'and'");
    else if (size == 3 && memcmp(l->text.p + l->at, "\xe2\x80", 2) == 0 &&
             (unsigned char)peek(l, 2) >= 0x98 && (unsigned char)peek(l, 2) <= 0x9f)
        kql_complain(l->d, KQL_E_TEXT, l->at, size,
                     "'%.*s' is a typeset quote; strings stand in straight ones: \" or '",
                     (int)size, l->text.p + l->at);
    else if ((unsigned char)c >= 0x80)
        kql_complain(l->d, KQL_E_TEXT, l->at, size,
                     "'%.*s' is no sign of the language; write names that hold it as ['...']",
                     (int)size, l->text.p + l->at);
    else if (c > ' ' && c < 0x7f)
        kql_complain(l->d, KQL_E_TEXT, l->at, 1, "'%c' is no sign of the language", c);
    else
        kql_complain(l->d, KQL_E_TEXT, l->at, 1, "a control character (%d) is in the text", c);
    add(l, TOKEN_BAD, size);
}

struct kql_tokens
kql_lex(struct pool *p, struct span text, struct kql_diagnostics *d)
{
    struct lexer l = {.pool = p, .d = d, .text = text};
    const char *close = text.n == 0 ? NULL : memrchr(text.p, ')', text.n);

    l.last_close = close == NULL ? 0 : (size_t)(close - text.p);
    l.room = text.n / 4 + 16; /* most queries need no more */
    l.tokens = pool_take(p, l.room * sizeof *l.tokens);
    for (skip_blanks(&l); l.at < text.n; skip_blanks(&l)) {
        char c = peek(&l, 0);

        if (is_digit(c))
            lex_number(&l);
        else if ((c == 'h' || c == 'H' || c == '"' || c == '\'' || c == '@' || c == '`' ||
                  c == '~') &&
                 lex_string(&l))
            ;
        else if (is_letter(c) || c == '$')
            lex_word(&l);
        else if (c == '!')
            lex_not(&l);
        else
            lex_sign(&l);
    }
    add(&l, TOKEN_END, 0);
    return (struct kql_tokens){l.tokens, l.count};
}

void
kql_string_token_content(struct span text, const struct token *t, uint32_t *at, uint32_t *size)
{
    uint32_t quote = t->flags & TOKEN_LONG_QUOTE ? 3 : 1;

    *at = t->at + quote;
    if (t->flags & TOKEN_OBFUSCATED)
        ++*at;
    if (t->flags & TOKEN_VERBATIM)
        ++*at;
    *size = t->at + t->size - *at;
    if (t->kind == TOKEN_STRING)
        *size -= quote;
    (void)text;
}

/* Exactly 'count' hexadecimal digits. */
static bool
read_hex(struct span s, size_t at, size_t count, uint32_t *out)
{
    *out = 0;
    if (count > s.n - at)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = s.p[at + i];

        if (!is_hex(c))
            return false;
        *out = *out * 16 + (uint32_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

/* The escape at s[at] (behind the back-slash): its code point, and how many bytes it takes; 0: not
 * an escape. */
static size_t
read_escape(struct span s, size_t at, uint32_t *c)
{
    static const char letters[] = "'\"\\abfnrtv", values[] = "'\"\\\a\b\f\n\r\t\v";
    const char *letter;
    size_t size;

    if (at >= s.n)
        return 0;
    letter = s.p[at] == '\0' ? NULL : strchr(letters, s.p[at]);
    if (letter != NULL) {
        *c = (unsigned char)values[letter - letters];
        return 1;
    }
    if (s.p[at] == 'x')
        return read_hex(s, at + 1, 2, c) ? 3 : 0;
    if (s.p[at] == 'u') {
        uint32_t low;

        if (!read_hex(s, at + 1, 4, c))
            return 0;
        if (*c < 0xd800 || *c > 0xdfff)
            return 5;
        if (*c <= 0xdbff && at + 6 < s.n && s.p[at + 5] == '\\' && s.p[at + 6] == 'u' &&
            read_hex(s, at + 7, 4, &low) && low >= 0xdc00 && low <= 0xdfff) {
            *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
            return 11;
        }
        *c = 0xfffd; /* half of a pair */
        return 5;
    }
    if (s.p[at] == 'U') {
        if (!read_hex(s, at + 1, 8, c) || *c > 0x10ffff)
            return 0;
        if (*c >= 0xd800 && *c <= 0xdfff)
            *c = 0xfffd;
        return 9;
    }
    *c = 0;
    for (size = 0; size < 3 && at + size < s.n && s.p[at + size] >= '0' && s.p[at + size] <= '7';
         size++)
        if (size < 2 || *c < 32) /* at most \377 */
            *c = *c * 8 + (uint32_t)(s.p[at + size] - '0');
        else
            break;
    return size;
}

bool
kql_string_token_value(struct pool *p, struct span text, const struct token *t, struct span *out,
                       uint32_t *at, uint32_t *size)
{
    uint32_t begin, length;
    struct span s;
    char *copy;
    size_t n = 0;

    kql_string_token_content(text, t, &begin, &length);
    s = (struct span){text.p + begin, length};
    *out = s;
    if (!(t->flags & TOKEN_ESCAPES))
        return true;
    copy = pool_take(p, s.n + 1);
    for (size_t i = 0; i < s.n;) {
        uint32_t c;
        size_t taken;

        if (t->flags & TOKEN_VERBATIM) {
            i += s.p[i] == text.p[begin - 1] ? 1 : 0; /* a doubled quote */
            copy[n++] = s.p[i++];
            continue;
        }
        if (s.p[i] != '\\') {
            copy[n++] = s.p[i++];
            continue;
        }
        taken = read_escape(s, i + 1, &c);
        if (taken == 0) {
            *at = begin + (uint32_t)i;
            *size = s.n - i > 1 ? 2 : 1;
            return false;
        }
        n += utf8_put(c, copy + n);
        i += 1 + taken;
    }
    *out = (struct span){copy, n};
    return true;
}
