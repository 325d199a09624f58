#include "sink/security_text.h"

/* Puts bytes with each of 'special' replaced by what stands beside it, and control characters that
 * no line can hold by a blank. */
static void
put_replaced(struct text *t, struct span bytes, const char *special, const char *const *with)
{
    size_t from = 0;

    for (size_t i = 0; i < bytes.n; i++) {
        char c = bytes.p[i];
        const char *at = c != '\0' ? strchr(special, c) : NULL;

        if (at == NULL && ((unsigned char)c >= ' ' || c == '\t'))
            continue;
        text_put(t, (struct span){bytes.p + from, i - from});
        text_put(t, at != NULL ? span_of(with[at - special]) : SPAN_LITERAL(" "));
        from = i + 1;
    }
    text_put(t, (struct span){bytes.p + from, bytes.n - from});
}

static void
escape_header(struct text *t, struct span bytes)
{
    static const char *const with[] = {"\\\\", "\\|", " ", " ", " "};

    put_replaced(t, bytes, "\\|\n\r\t", with);
}

static void
escape_value(struct text *t, struct span bytes)
{
    static const char *const with[] = {"\\\\", "\\=", "\\n", "\\r"};

    put_replaced(t, bytes, "\\=\n\r", with);
}

static void
header_put(const struct security_record *r, const char *from, const char *fallback,
           struct text *out)
{
    if (!security_put(r, from, SECURITY_TEXT, escape_header, out))
        (void)security_put(r, fallback, SECURITY_TEXT, escape_header, out);
    text_put(out, SPAN_LITERAL("|"));
}

/* Revision 25 has IPv6 addresses in custom fields with fixed meanings. */
static struct security_field
field_for_ipv6(const struct security_field *f)
{
    struct security_field six = *f;

    six.cef = strcmp(f->cef, "src") == 0 ? "c6a2" : "c6a3";
    six.cef_label = strcmp(f->cef, "src") == 0 ? "Source IPv6 Address" : "Destination IPv6 Address";
    return six;
}

void
cef_write(const struct security_record *r, struct text *out)
{
    const struct security_kind *k = r->kind;
    const char *before = "";

    text_put(out, SPAN_LITERAL("CEF:0|"));
    header_put(r, k->vendor, "=penstock", out);
    header_put(r, k->product, "=penstock", out);
    header_put(r, "=" PENSTOCK_VERSION, "", out);
    header_put(r, k->event, "@table", out);
    header_put(r, k->title, "@category", out);
    text_format(out, "%d|", security_severity_rows[r->severity].score);
    for (const struct security_field *f = k->fields; f->from != NULL; f++) {
        struct security_field field = *f;
        int family;

        if (f->cef == NULL || !security_has(r, f->from, f->form, &family))
            continue;
        if (family == 6)
            field = field_for_ipv6(f);
        text_format(out, "%s%s=", before, field.cef);
        (void)security_put(r, field.from, field.form, escape_value, out);
        if (field.cef_label != NULL)
            text_format(out, " %sLabel=%s", field.cef, field.cef_label);
        before = " ";
    }
}
