/* conceal.c - a query's text with its obfuscated strings hidden. */
#include "kql/lexer_inner.h"

struct span
kql_conceal(struct pool *p, struct span text)
{
    static const char stars[] = "****";
    struct kql_tokens tokens = kql_lex(p, text, NULL);
    size_t hidden = 0, from = 0, n = 0;
    char *out;

    for (size_t i = 0; i < tokens.count; i++)
        hidden += (tokens.items[i].flags & TOKEN_OBFUSCATED) != 0;
    out = pool_take(p, text.n + hidden * (sizeof stars - 1) + 1);
    for (size_t i = 0; i < tokens.count && hidden > 0; i++) {
        const struct token *t = &tokens.items[i];
        uint32_t at, size;

        if (!(t->flags & TOKEN_OBFUSCATED))
            continue;
        kql_string_token_content(text, t, &at, &size);
        memcpy(out + n, text.p + from, at - from);
        n += at - from;
        memcpy(out + n, stars, sizeof stars - 1);
        n += sizeof stars - 1;
        from = at + size;
    }
    if (text.n > from)
        memcpy(out + n, text.p + from, text.n - from);
    n += text.n - from;
    out[n] = '\0';
    return (struct span){out, n};
}
