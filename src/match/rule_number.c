#include "match/rule_number.h"
#include "kql/number_text.h"

/* Gives how many there were. */
static int64_t
drop_zeros_ahead(struct span *s)
{
    int64_t n = 0;

    for (; s->n > 0 && s->p[0] == '0'; n++) {
        s->p++;
        s->n--;
    }
    return n;
}

static void
drop_zeros_behind(struct span *s)
{
    while (s->n > 0 && s->p[s->n - 1] == '0')
        s->n--;
}

bool
rule_number_read(struct span text, struct rule_number *out)
{
    struct number_text t;

    if (!number_text_split(number_text_trim(text), &t))
        return false;
    *out = (struct rule_number){.point = t.exponent + (int64_t)t.whole.n};
    out->point -= drop_zeros_ahead(&t.whole);
    if (t.whole.n == 0)
        out->point -= drop_zeros_ahead(&t.fraction);
    drop_zeros_behind(&t.fraction);
    if (t.fraction.n == 0)
        drop_zeros_behind(&t.whole);
    out->digits[0] = t.whole;
    out->digits[1] = t.fraction;
    if (t.whole.n + t.fraction.n > 0)
        out->sign = t.is_negative ? -1 : 1;
    else
        out->point = 0;
    return true;
}

static char
digit_at(const struct rule_number *n, size_t i)
{
    return i < n->digits[0].n ? n->digits[0].p[i] : n->digits[1].p[i - n->digits[0].n];
}

static int
compare_digits(const struct rule_number *a, const struct rule_number *b)
{
    size_t x = a->digits[0].n + a->digits[1].n, y = b->digits[0].n + b->digits[1].n;

    for (size_t i = 0; i < x && i < y; i++) {
        char c = digit_at(a, i), d = digit_at(b, i);

        if (c != d)
            return c < d ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

int
rule_number_compare(const struct rule_number *a, const struct rule_number *b)
{
    int magnitude;

    if (a->sign != b->sign || a->sign == 0)
        return a->sign < b->sign ? -1 : a->sign > b->sign;
    magnitude = a->point != b->point ? (a->point < b->point ? -1 : 1) : compare_digits(a, b);
    return a->sign * magnitude;
}
