/* base.h - the few words every file shares. Includes nothing of ours. Any thread. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index)                                                     \
    __attribute__((format(printf, format_index, first_index)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What the caller does next. Every result but ST_OK (and ST_END) comes with its reason in a struct
 * err. */
enum status {
    ST_OK,
    ST_END,     /* nothing (more) there now: not an error */
    ST_FULL,    /* a limit is reached: try later */
    ST_INVALID, /* the input is wrong: never try again unchanged */
    ST_IO,      /* disk, network or peer failed: try later */
};

struct err { /* for a person; code never looks inside */
    char text[320];
};

/* Writes the reason and gives 'st' back, so that a failing path reads: return err_set(...). A text
 * that does not fit is cut. 'err' may be NULL. */
PRINTF_LIKE(3, 4)
static inline enum status
err_set(struct err *err, enum status st, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return st;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return st;
}

struct span { /* bytes that somebody else owns; not NUL-terminated */
    const char *p;
    size_t n;
};
#define SPAN_LITERAL(text) ((struct span){(text), sizeof(text) - 1})

static inline struct span
span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static inline bool
span_equal(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
span_is(struct span a, const char *text)
{
    return span_equal(a, span_of(text));
}

struct arena {  /* memory that dies all at once; one thread */
    char *base; /* 16-byte aligned, 'size' bytes */
    size_t size, used;
};

/* Zeroed, 16-byte aligned; NULL when spent: arenas are sized from limits, so it means "later". */
static inline void *
arena_take(struct arena *a, size_t size)
{
    size_t at = (a->used + 15) & ~(size_t)15;

    if (at > a->size || size > a->size - at)
        return NULL;
    a->used = at + size;
    return memset(a->base + at, 0, size);
}
