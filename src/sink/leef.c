#include "sink/security_text.h"

static void
escape_header(struct text *t, struct span bytes)
{
    size_t from = 0;

    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];

        if (c != '|' && c >= ' ')
            continue;
        text_put(t, (struct span){bytes.p + from, i - from});
        text_put(t, c == '|' ? SPAN_LITERAL("/") : SPAN_LITERAL(" "));
        from = i + 1;
    }
    text_put(t, (struct span){bytes.p + from, bytes.n - from});
}

static void
escape_value(struct text *t, struct span bytes)
{
    size_t from = 0;

    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];

        if (c >= ' ')
            continue;
        text_put(t, (struct span){bytes.p + from, i - from});
        text_put(t, span_of(c == '\t' ? "\\t" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : " "));
        from = i + 1;
    }
    text_put(t, (struct span){bytes.p + from, bytes.n - from});
}

static void
header_put(const struct security_record *r, const char *from, const char *fallback,
           struct text *out)
{
    if (!security_put(r, from, SECURITY_TEXT, escape_header, out))
        (void)security_put(r, fallback, SECURITY_TEXT, escape_header, out);
    text_put(out, SPAN_LITERAL("|"));
}

void
leef_write(const struct security_record *r, struct text *out)
{
    const struct security_kind *k = r->kind;
    int score = security_severity_rows[r->severity].score, family;

    text_put(out, SPAN_LITERAL("LEEF:2.0|"));
    header_put(r, k->vendor, "=penstock", out);
    header_put(r, k->product, "=penstock", out);
    header_put(r, "=" PENSTOCK_VERSION, "", out);
    header_put(r, k->event, "@table", out);
    text_put(out, SPAN_LITERAL("x09|name="));
    if (!security_put(r, k->title, SECURITY_TEXT, escape_value, out))
        (void)security_put(r, "@category", SECURITY_TEXT, escape_value, out);
    if (score > 0)
        text_format(out, "\tsev=%d", score);
    for (const struct security_field *f = k->fields; f->from != NULL; f++) {
        if (f->leef == NULL || !security_has(r, f->from, f->form, &family))
            continue;
        text_format(out, "\t%s=", f->leef);
        (void)security_put(r, f->from, f->form, escape_value, out);
    }
}
