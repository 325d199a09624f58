#include "api/arm_target.h"
#include "wire/http_server.h"
#include <strings.h>

const char *
arm_target_skip(const char *path)
{
    while (path[0] == '/' || strncasecmp(path, "%2f", 3) == 0)
        path += path[0] == '/' ? 1 : 3;
    return path;
}

/* A client that takes a scope for one segment encodes its slashes ("/%2Fsubscriptions%2F..."), others
 * put it behind a slash of their own ("//subscriptions/..."): both mean the id. */
static bool
first_segment_plain(const char *path, char out[2 * ARM_ID_SIZE])
{
    const char *from = arm_target_skip(path);
    size_t n = 0;
    bool is_first = true;

    while (*from != '\0') {
        if (n + 2 > 2 * ARM_ID_SIZE)
            return false;
        is_first = is_first && *from != '/';
        if (is_first && strncasecmp(from, "%2f", 3) == 0) {
            out[n++] = '/';
            from += 3;
        } else {
            out[n++] = *from++;
        }
    }
    out[n] = '\0';
    return true;
}

bool
arm_target_read(const char *raw, struct arm_target *p, struct err *err)
{
    char plain[2 * ARM_ID_SIZE];
    size_t used = 0;

    p->count = 0;
    if (!first_segment_plain(raw, plain))
        return err_set(err, ST_INVALID, "longer than %d bytes", ARM_ID_SIZE - 1) == ST_OK;
    for (const char *at = plain; *at != '\0';) {
        struct span segment = {at, strcspn(at, "/")};
        char *text = p->text + used;

        at += segment.n + (at[segment.n] == '/');
        if (p->count == ARM_SEGMENTS_MAX || used + 3 > sizeof p->text)
            return err_set(err, ST_INVALID, "too long") == ST_OK;
        if (segment.n == 0)
            return err_set(err, ST_INVALID, "two slashes in a row") == ST_OK;
        if (http_decode_segment(segment, text, sizeof p->text - 1 - used, err) != ST_OK)
            return false;
        if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
            return err_set(err, ST_INVALID, "'%s' is no name", text) == ST_OK;
        for (const char *c = text; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                return err_set(err, ST_INVALID, "a control character") == ST_OK;
        p->segments[p->count++] = text;
        used += strlen(text) + 1;
    }
    return true;
}

void
arm_target_join(const struct arm_target *p, size_t count, char out[ARM_ID_SIZE])
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(out + n, ARM_ID_SIZE - n, "/%s", p->segments[i]);
}

bool
arm_pattern_next(const char **pattern, struct span *segment)
{
    if (**pattern != '/')
        return false;
    *segment = (struct span){*pattern + 1, strcspn(*pattern + 1, "/")};
    *pattern = segment->p + segment->n;
    return true;
}

static size_t
pattern_count(const char *pattern)
{
    size_t n = 0;

    for (; *pattern != '\0'; pattern++)
        n += *pattern == '/';
    return n;
}

static bool
has_scope(const char *pattern_text)
{
    return strncmp(pattern_text, "/{scope}", 8) == 0;
}

bool
arm_target_scope(const char *pattern_text, const struct arm_target *p, size_t *count)
{
    size_t wanted = pattern_count(pattern_text);

    *count = 0;
    if (!has_scope(pattern_text))
        return wanted == p->count;
    if (p->count + 1 < wanted + 2) /* at least /subscriptions/GUID */
        return false;
    *count = p->count - (wanted - 1);
    return true;
}

bool
arm_target_matches(const char *pattern_text, const struct arm_target *p)
{
    const char *pattern = pattern_text;
    struct span want;
    size_t at;

    if (!arm_target_scope(pattern_text, p, &at))
        return false;
    if (at > 0)
        (void)arm_pattern_next(&pattern, &want);
    for (; arm_pattern_next(&pattern, &want); at++)
        if (want.p[0] != '{' && (strlen(p->segments[at]) != want.n ||
                                 strncasecmp(p->segments[at], want.p, want.n) != 0))
            return false;
    return true;
}
