/* lexer_inner.h - a query's text as tokens, for the parser, kql_conceal and the names of the
 * language. Pure; any thread. Not for others. */
#pragma once
#include "kql/diagnostic.h"
#include "kql/syntax.h"

/* Signs of one character stand for themselves: '(' is the kind of "(". */
enum token_kind {
    TOKEN_END = 0,
    TOKEN_WORD = 128, /* a name, a keyword (dashed ones too: mv-expand), !has and its like, in~ */
    TOKEN_INTEGER,
    TOKEN_REAL,
    TOKEN_TIMESPAN,
    TOKEN_STRING, /* of any form, prefix and quotes included */
    TOKEN_TYPED,  /* datetime(2020-01-01) and its like, up to the ')' */
    TOKEN_GUID,   /* bare, without guid() */
    TOKEN_BAD,    /* already complained about */
    TOKEN_EQUAL_EQUAL,
    TOKEN_NOT_EQUAL, /* != <> */
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER_EQUAL,
    TOKEN_EQUAL_TILDE,
    TOKEN_NOT_TILDE,
    TOKEN_ARROW,   /* => */
    TOKEN_DOT_DOT, /* .. */
};

enum {
    TOKEN_GLUED = 1,      /* nothing stands between it and the token before */
    TOKEN_OBFUSCATED = 2, /* STRING: h"..." */
    TOKEN_VERBATIM = 4,   /* STRING: @"..." */
    TOKEN_LONG_QUOTE = 8, /* STRING: three back-ticks or tildes on both sides */
    TOKEN_ESCAPES = 16,   /* STRING: its text is not its value */
};

struct token {
    uint32_t at, size;
    uint8_t kind; /* enum token_kind */
    uint8_t flags;
    uint8_t word; /* WORD: index in kql_words, or 0 */
};

/* The words that the language keeps for itself, or that are operators. */
enum {
    WORD_NO_USE = 1,  /* cannot stand bare where a value is wanted */
    WORD_NO_NAME = 2, /* nor where a name is given */
};
struct kql_word {
    const char *name;
    uint8_t flags;
    uint8_t op; /* enum kql_operator */
};
extern const struct kql_word kql_words[];
extern const uint32_t kql_word_count; /* kql_words[0] is no word */

/* 0: not among them. */
uint32_t kql_word_find(struct span name);

struct kql_tokens {
    const struct token *items; /* the last one is END */
    size_t count;              /* END included */
};

/* Splits the text; complains of what is no token ('d' may be NULL), and goes on. Linear time. */
struct kql_tokens kql_lex(struct pool *p, struct span text, struct kql_diagnostics *d);

/* The value of a STRING token. False: *at and *size say which escape is not one. */
bool kql_string_token_value(struct pool *p, struct span text, const struct token *t,
                            struct span *out, uint32_t *at, uint32_t *size);
/* Where the content of a STRING token begins and how long it is, in bytes of the query. */
void kql_string_token_content(struct span text, const struct token *t, uint32_t *at,
                              uint32_t *size);
