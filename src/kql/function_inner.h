/* function_inner.h - what the tables of functions for text share: arguments as text, results in
 * the pool. Not for others. */
#pragma once
#include "kql/dynamic.h"
#include "kql/function.h"

/* An argument as tostring() prints it; a string as it is. */
static inline struct span
arg_text(struct kql_call *call, const struct kql_value *args, uint32_t i)
{
    struct kql_value text;

    if (args[i].type == KQL_STRING && !args[i].is_null)
        return kql_text(&args[i]);
    text = kql_to_text(call->pool, (enum kql_type)call->types[i], &args[i]);
    return kql_text(&text);
}

/* A text as result. What is too long for one is no text: what cannot be computed is null, and a
 * string's null is empty. */
static inline void
give_text(struct kql_value *result, struct span text)
{
    if (text.n > KQL_STRING_MAX)
        text = SPAN_LITERAL("");
    *result = kql_string(text);
}

/* Text that grows in the pool, up to KQL_STRING_MAX; what comes behind that makes it too long. */
struct text_builder {
    struct pool *pool;
    char *text;
    size_t size, room;
    bool is_too_long;
};

static inline void
text_add(struct text_builder *b, struct span text)
{
    if (b->is_too_long || text.n > KQL_STRING_MAX - b->size) {
        b->is_too_long = true;
        return;
    }
    if (text.n > b->room - b->size) {
        size_t room = b->room * 2 + text.n + 32;
        char *moved = pool_take(b->pool, room);

        if (b->size > 0)
            memcpy(moved, b->text, b->size);
        b->text = moved;
        b->room = room;
    }
    if (text.n > 0)
        memcpy(b->text + b->size, text.p, text.n);
    b->size += text.n;
}

static inline void
give_built(struct kql_value *result, const struct text_builder *b)
{
    give_text(result,
              b->is_too_long || b->size == 0 ? SPAN_LITERAL("") : (struct span){b->text, b->size});
}

/* Percent signs and '+' turned back: function_encode.c. */
struct span kql_url_text(struct pool *p, struct span text);
