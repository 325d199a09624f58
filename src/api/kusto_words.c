#include "api/kusto_words.h"
#include <ctype.h>
#include <strings.h>

static bool
is_word_byte(char b)
{
    return isalnum((unsigned char)b) || (b != '\0' && strchr("_.-", b) != NULL);
}

/* Quoted, or in brackets and quoted: ["a b"], 'a'. Gives the bytes it takes; 0: it is not closed. */
static size_t
name_read(struct span text, struct span *name)
{
    size_t at = text.p[0] == '[', i;
    char quote = at < text.n ? text.p[at] : '\0';

    if (quote != '"' && quote != '\'')
        return 0;
    for (i = at + 1; i < text.n && text.p[i] != quote; i++)
        ;
    if (i >= text.n)
        return 0;
    *name = (struct span){text.p + at + 1, i - at - 1};
    i++;
    if (at == 1 && (i >= text.n || text.p[i] != ']'))
        return 0;
    return i + at;
}

bool
kusto_words_read(struct span text, struct kusto_words *x)
{
    size_t at = 0;

    while (at < text.n && text.p[at] != '|') {
        struct kusto_word *w = &x->words[x->count];
        size_t n = 1;

        if (isspace((unsigned char)text.p[at]) || text.p[at] == ';') {
            at++;
            continue;
        }
        if (x->count == KUSTO_WORDS_MAX)
            return false;
        w->is_name = strchr("[\"'", text.p[at]) != NULL;
        w->text = (struct span){text.p + at, 1};
        if (w->is_name) {
            n = name_read((struct span){text.p + at, text.n - at}, &w->text);
            if (n == 0)
                return false;
        } else if (is_word_byte(text.p[at])) {
            while (at + n < text.n && is_word_byte(text.p[at + n]))
                n++;
            w->text.n = n;
        }
        x->count++;
        at += n;
    }
    x->size = at;
    return true;
}

static bool
word_is(const struct kusto_word *w, struct span text)
{
    return !w->is_name && w->text.n == text.n && strncasecmp(w->text.p, text.p, text.n) == 0;
}

/* ( a , b ): gives the words it takes; 0: it is none. */
static size_t
list_read(struct kusto_words *x, size_t at)
{
    size_t i = at;

    if (i >= x->count || !word_is(&x->words[i++], span_of("(")))
        return 0;
    while (i < x->count && x->name_count < KUSTO_NAMES_MAX) {
        x->names[x->name_count++] = x->words[i++].text;
        if (i < x->count && word_is(&x->words[i], span_of(")")))
            return i + 1 - at;
        if (i >= x->count || !word_is(&x->words[i++], span_of(",")))
            return 0;
    }
    return 0;
}

/* What may stand at the end and changes nothing here: with (...), details, if_later_than "v1.1". */
static bool
is_tail(const struct kusto_words *x, size_t at)
{
    while (at < x->count) {
        const struct kusto_word *w = &x->words[at];

        if (word_is(w, span_of("details")) || word_is(w, span_of("identity"))) {
            at++;
        } else if (word_is(w, span_of("if_later_than")) && at + 1 < x->count) {
            at += 2;
        } else if (word_is(w, span_of("with"))) {
            while (at < x->count && !word_is(&x->words[at], span_of(")")))
                at++;
            at++;
        } else {
            return false;
        }
    }
    return true;
}

bool
kusto_words_match(struct kusto_words *x, const char *pattern)
{
    size_t at = 0;

    x->name_count = 0;
    while (*pattern != '\0') {
        struct span want = {pattern, strcspn(pattern, " ")};

        if (span_is(want, "LIST")) {
            size_t n = list_read(x, at);

            if (n == 0)
                return false;
            at += n;
        } else if (at >= x->count) {
            return false;
        } else if (span_is(want, "NAME")) {
            x->names[x->name_count++] = x->words[at++].text;
        } else if (!word_is(&x->words[at++], want)) {
            return false;
        }
        pattern += want.n;
        pattern += *pattern == ' ';
    }
    return is_tail(x, at);
}
