/* kusto_words.h - a Kusto command, cut into words and held against patterns. Pure; any thread. Private to this folder. */
#pragma once
#include "base/base.h"

enum { KUSTO_WORDS_MAX = 48, KUSTO_NAMES_MAX = 32 /* that a command may list */ };

struct kusto_word {
    struct span text; /* of the command; without quotes and brackets */
    bool is_name;     /* it stood in quotes or brackets: no word of the language */
};

struct kusto_words { /* zeroed */
    struct kusto_word words[KUSTO_WORDS_MAX];
    size_t count;
    size_t size;                        /* bytes up to the '|', or all */
    struct span names[KUSTO_NAMES_MAX]; /* that kusto_words_match found */
    size_t name_count;
};

/* The words of a command, up to the first '|' outside quotes. False: there are too many, or a quote is not closed. */
bool kusto_words_read(struct span text, struct kusto_words *x);
/* A pattern is words with one blank between: NAME stands for any word, LIST for ( a, b ). What may stand behind any command (details, with (...),
 * if_later_than "...") is passed over. */
bool kusto_words_match(struct kusto_words *x, const char *pattern);
