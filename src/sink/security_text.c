#include "sink/security_text.h"
#include "model/datetime.h"
#include "wire/json_walk.h"
#include <arpa/inet.h>

void
text_put(struct text *t, struct span bytes)
{
    if (t->is_cut || bytes.n > t->room - t->n) {
        t->is_cut = true;
        return;
    }
    if (bytes.n > 0)
        memcpy(t->p + t->n, bytes.p, bytes.n);
    t->n += bytes.n;
}

void
text_format(struct text *t, const char *format, ...)
{
    char room[256];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(room, sizeof room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof room)
        t->is_cut = true;
    else
        text_put(t, (struct span){room, (size_t)n});
}

/* A fact about the record, or a text of ours; false: 'from' is a path. *text: n 0 if it is empty. */
static bool
fact(const struct security_record *r, const char *from, struct span *text)
{
    const struct {
        const char *name;
        struct span text;
    } facts[] = {
        {"@id",       span_of(r->id)            },
        {"@tenant",   span_of(r->lane->tenant)  },
        {"@category", span_of(r->lane->category)},
        {"@table",    span_of(r->lane->table)   },
        {"@time",     r->time                   },
        {"@record",   r->record                 },
    };

    if (from[0] == '=') {
        *text = span_of(from + 1);
        return true;
    }
    if (from[0] != '@')
        return false;
    *text = (struct span){NULL, 0};
    for (size_t i = 0; i < COUNT_OF(facts); i++)
        if (strcmp(facts[i].name, from) == 0)
            *text = facts[i].text;
    return true;
}

/* The field's text; *is_json: with JSON's escapes in it. False: there is none. */
static bool
source(const struct security_record *r, const char *from, struct span *text, bool *is_json)
{
    *is_json = false;
    if (!fact(r, from, text)) {
        struct span value = security_record_find(r, from);

        *is_json = json_walk_is_text(value, text);
        if (!*is_json)
            *text = value;
    }
    return text->n > 0;
}

static int
family_of(struct span text)
{
    char name[64];
    unsigned char binary[16];

    if (text.n >= sizeof name)
        return 0;
    memcpy(name, text.p, text.n);
    name[text.n] = '\0';
    if (inet_pton(AF_INET, name, binary) == 1)
        return 4;
    return inet_pton(AF_INET6, name, binary) == 1 ? 6 : 0;
}

bool
security_has(const struct security_record *r, const char *from, enum security_form form,
             int *family)
{
    struct span text;
    bool is_json;
    int64_t ticks;

    *family = 0;
    if (!source(r, from, &text, &is_json))
        return false;
    if (form == SECURITY_TIME)
        return datetime_read(text, &ticks);
    if (form == SECURITY_ADDRESS)
        *family = family_of(text);
    return form != SECURITY_ADDRESS || *family != 0;
}

/* A control character that a line cannot hold stays the escape that it is in JSON. */
static bool
is_unwritable(struct span piece)
{
    unsigned char c = (unsigned char)piece.p[0];

    return piece.n == 1 && ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f);
}

static void
put_unescaped(struct span text, text_escape_fn escape, struct text *out)
{
    struct span rest = text, piece;
    const char *before = rest.p;
    char room[4];
    bool is_raw;

    for (; json_walk_piece(&rest, &piece, room, &is_raw); before = rest.p) {
        if (piece.p == room && is_unwritable(piece))
            piece = (struct span){before, (size_t)(rest.p - before)};
        escape(out, piece);
    }
}

bool
security_put(const struct security_record *r, const char *from, enum security_form form,
             text_escape_fn escape, struct text *out)
{
    struct span text;
    bool is_json;
    int64_t ticks;

    if (!source(r, from, &text, &is_json))
        return false;
    if (form == SECURITY_TIME) {
        if (!datetime_read(text, &ticks))
            return false;
        text_format(out, "%lld",
                    (long long)((ticks - TICKS_AT_UNIX_EPOCH) / (TICKS_PER_SECOND / 1000)));
    } else if (is_json) {
        put_unescaped(text, escape, out);
    } else {
        escape(out, text);
    }
    return true;
}
