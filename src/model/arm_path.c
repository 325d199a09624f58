/* arm_path.c - one pass over the segments between slashes. 'Where we are' in the grammar is a small
 * state: each pair of segments either opens the next provider or is a type and a name. */
#include "model/arm_path.h"
#include "base/utf8.h"
#include "model/arm_id.h"
#include <strings.h>

enum { QUOTE_MAX = 80 /* longest part of an error text that quotes the input */ };

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

void
arm_path_fold(struct span text, char *out)
{
    for (size_t i = 0; i < text.n; i++)
        out[i] = lower(text.p[i]);
}

bool
arm_path_equal(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool
arm_path_is_below(struct span text, struct span scope)
{
    if (scope.n == 0)
        return true;
    if (text.n < scope.n || !arm_path_equal((struct span){text.p, scope.n}, scope))
        return false;
    return text.n == scope.n || text.p[scope.n] == '/';
}

static bool
is_word(struct span s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static enum status
segment_check(struct span s, struct err *err)
{
    if (s.n == 0)
        return err_set(err, ST_INVALID, "an id has no empty part: write one '/' between parts");
    if (s.n > ARM_PATH_SEGMENT_MAX)
        return err_set(err, ST_INVALID, "a part of the id has %zu bytes, at most %d are allowed",
                       s.n, ARM_PATH_SEGMENT_MAX);
    if (span_is(s, ".") || span_is(s, ".."))
        return err_set(err, ST_INVALID, "'%.*s' is not a name in an id", (int)s.n, s.p);
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t size = utf8_length((const unsigned char *)s.p + i, s.n - i);

        if (size == 0)
            return err_set(err, ST_INVALID, "the id is not UTF-8 (byte 0x%02x)", c);
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s.p[i + 1] < 0xa0))
            return err_set(err, ST_INVALID, "the id holds a control character");
        if (strchr("%?#\\<>\"", c) != NULL)
            return err_set(err, ST_INVALID, "the id holds '%c', which no name in an id may have",
                           c);
        i += size;
    }
    return ST_OK;
}

struct walk {
    struct span text;
    size_t at; /* of the '/' before the next segment */
};

/* The next segment; ST_END: there is none. */
static enum status
next(struct walk *w, struct span *segment, struct err *err)
{
    if (w->at >= w->text.n)
        return ST_END;
    size_t from = w->at + 1;
    const char *slash = memchr(w->text.p + from, '/', w->text.n - from);
    size_t to = slash != NULL ? (size_t)(slash - w->text.p) : w->text.n;

    *segment = (struct span){w->text.p + from, to - from};
    w->at = to;
    return segment_check(*segment, err);
}

/* The value that must follow a keyword. */
static enum status
value(struct walk *w, struct span key, struct span *out, struct err *err)
{
    enum status st = next(w, out, err);

    if (st == ST_END)
        return err_set(err, ST_INVALID, "the id ends behind '%.*s': a name must follow",
                       (int)(key.n < QUOTE_MAX ? key.n : QUOTE_MAX), key.p);
    return st;
}

/* Subscription and resource group, if the id begins with them. */
static enum status
head(struct walk *w, struct arm_path *p, struct err *err)
{
    struct walk back = *w;
    struct span key;
    enum status st = next(w, &key, err);

    if (st != ST_OK || !is_word(key, "subscriptions")) {
        *w = back;
        return st;
    }
    st = value(w, key, &p->subscription, err);
    if (st != ST_OK)
        return st;
    if (!guid_is(p->subscription))
        return err_set(err, ST_INVALID, "subscription '%.*s' is not a GUID",
                       (int)(p->subscription.n < QUOTE_MAX ? p->subscription.n : QUOTE_MAX),
                       p->subscription.p);
    p->subscription_id = (struct span){w->text.p, w->at};
    back = *w;
    st = next(w, &key, err);
    if (st != ST_OK || !is_word(key, "resourceGroups")) {
        *w = back;
        return st;
    }
    st = value(w, key, &p->resource_group, err);
    p->group_id = (struct span){w->text.p, w->at};
    return st;
}

/* Everything behind the head: providers, each with its pairs. */
static enum status
tail(struct walk *w, struct arm_path *p, struct err *err)
{
    for (;;) {
        size_t from = w->at;
        struct span key, name;
        enum status st = next(w, &key, err);

        if (st != ST_OK)
            return st;
        st = value(w, key, &name, err);
        if (st != ST_OK)
            return st;
        if (is_word(key, "providers")) {
            if (p->provider.n > 0 && p->pair_count == 0)
                return err_set(err, ST_INVALID, "provider '%.*s' has no resource behind it",
                               (int)(p->provider.n < QUOTE_MAX ? p->provider.n : QUOTE_MAX),
                               p->provider.p);
            p->scope = (struct span){w->text.p, from};
            p->provider = name;
            p->pair_count = 0;
            continue;
        }
        if (p->provider.n == 0)
            return err_set(err, ST_INVALID, "'%.*s' stands where 'providers' should",
                           (int)(key.n < QUOTE_MAX ? key.n : QUOTE_MAX), key.p);
        if (p->pair_count == ARM_PATH_PAIRS_MAX)
            return err_set(err, ST_INVALID, "the id nests more than %d types", ARM_PATH_PAIRS_MAX);
        p->pairs[p->pair_count].type = key;
        p->pairs[p->pair_count++].name = name;
    }
}

enum status
arm_path_parse(struct span text, struct arm_path *path, struct err *err)
{
    struct arm_path p = {0};
    struct walk w = {text, 0};

    if (text.n > ARM_PATH_SIZE_MAX)
        return err_set(err, ST_INVALID, "the id has %zu bytes, at most %d are allowed", text.n,
                       ARM_PATH_SIZE_MAX);
    if (text.n < 2 || text.p[0] != '/')
        return err_set(err, ST_INVALID, "an id begins with '/', such as /subscriptions/{id}/...");
    if (text.p[text.n - 1] == '/')
        w.text.n--;
    p.text = w.text;
    enum status st = head(&w, &p, err);

    if (st == ST_OK)
        st = tail(&w, &p, err);
    if (st != ST_END)
        return st;
    if (p.provider.n > 0 && p.pair_count == 0)
        return err_set(err, ST_INVALID, "provider '%.*s' has no resource behind it",
                       (int)(p.provider.n < QUOTE_MAX ? p.provider.n : QUOTE_MAX), p.provider.p);
    if (p.provider.n == 0)
        p.scope = p.text;
    *path = p;
    return ST_OK;
}

void
arm_path_type(const struct arm_path *path, char *out, size_t room)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < path->pair_count && n < room; i++)
        n += (size_t)snprintf(out + n, room - n, "%s%.*s", i > 0 ? "/" : "",
                              (int)path->pairs[i].type.n, path->pairs[i].type.p);
}
