/* conceal.c - a query's text with its obfuscated strings hidden, and what is said of it. */
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

/* Most queries have no such string: then nothing needs to be read. */
static bool
may_have_secrets(struct span text)
{
    for (size_t i = 0; i + 1 < text.n; i++)
        if ((text.p[i] == 'h' || text.p[i] == 'H') && memchr("\"'@`~", text.p[i + 1], 5) != NULL)
            return true;
    return false;
}

struct span
kql_veil(struct pool *p, struct span text)
{
    struct kql_tokens tokens;
    char *out;

    if (!may_have_secrets(text))
        return text;
    out = pool_take(p, text.n + 1);
    memcpy(out, text.p, text.n);
    tokens = kql_lex(p, text, NULL);
    for (size_t i = 0; i < tokens.count; i++) {
        uint32_t at, size;

        if (!(tokens.items[i].flags & TOKEN_OBFUSCATED))
            continue;
        kql_string_token_content(text, &tokens.items[i], &at, &size);
        for (uint32_t k = at; k < at + size; k++)
            if (out[k] != '\n' && out[k] != '\r')
                out[k] = '*';
    }
    return (struct span){out, text.n};
}

enum {
    PIECE_MIN = 4,           /* bytes of a secret that are hidden wherever they stand */
    SECRET_MAX = 16 * 1024,  /* bytes of one that are looked for */
    SECRETS_SIZE = 64 * 1024 /* of all */
};

/* As many bytes of the message as stand in the secret, too; 0: fewer than count. */
static size_t
shared_size(struct span secret, const char *message, size_t left)
{
    const char *at;
    size_t size = PIECE_MIN;

    if (secret.n < PIECE_MIN) /* short ones would be everywhere: only where they are quoted */
        return left > secret.n && memcmp(message, secret.p, secret.n) == 0 && message[-1] == '\'' &&
                       message[secret.n] == '\''
                   ? secret.n
                   : 0;
    if (left < PIECE_MIN || (at = memmem(secret.p, secret.n, message, PIECE_MIN)) == NULL)
        return 0;
    while (size < left && at + size < secret.p + secret.n && at[size] == message[size])
        size++;
    return size;
}

/* 'shown' is the message as it was: a secret that another one begins with must not hide what that is found by. */
static void
hide(struct span secret, const char *shown, char *message, size_t n)
{
    for (size_t i = 1; i < n && secret.n > 0;) {
        size_t size = shared_size(secret, shown + i, n - i);

        memset(message + i, '*', size);
        i += size > 0 ? size : 1;
    }
}

void
kql_conceal_message(struct pool *p, struct span query, char *message)
{
    struct pool_mark mark;
    struct kql_tokens tokens;
    size_t n = strlen(message), room = SECRETS_SIZE;
    const char *shown;

    if (!may_have_secrets(query))
        return;
    mark = pool_mark(p);
    shown = pool_text(p, (struct span){message, n}).p;
    tokens = kql_lex(p, query, NULL);
    for (size_t i = 0; i < tokens.count; i++) {
        const struct token *t = &tokens.items[i];
        struct span secret;
        uint32_t at, size;

        if (!(t->flags & TOKEN_OBFUSCATED))
            continue;
        if (!kql_string_token_value(p, query, t, &secret, &at, &size)) {
            kql_string_token_content(query, t, &at, &size);
            secret = (struct span){query.p + at, size};
        }
        if (secret.n > SECRET_MAX)
            secret.n = SECRET_MAX;
        if (secret.n > room) { /* so many that it is better to say nothing */
            memset(message, '*', n);
            break;
        }
        room -= secret.n;
        hide(secret, shown, message, n);
    }
    pool_return(p, mark);
}
