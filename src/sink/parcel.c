#include "sink/parcel.h"
#include "wire/digest.h"
#include <stdarg.h>

static void
answer(struct parcel *p, enum sent sent, int64_t retry_after_ms)
{
    p->sent = sent;
    p->retry_after_ms = retry_after_ms;
    p->is_full = false;
    p->is_foreign = false;
}

void
parcel_done(struct parcel *p)
{
    answer(p, SENT_DONE, -1);
    p->err.text[0] = '\0';
}

void
parcel_retry(struct parcel *p, int64_t retry_after_ms, const char *format, ...)
{
    va_list args;

    answer(p, SENT_RETRY, retry_after_ms);
    va_start(args, format);
    vsnprintf(p->err.text, sizeof p->err.text, format, args);
    va_end(args);
}

void
parcel_refuse(struct parcel *p, const char *format, ...)
{
    va_list args;

    answer(p, SENT_REFUSED, -1);
    va_start(args, format);
    vsnprintf(p->err.text, sizeof p->err.text, format, args);
    va_end(args);
}

bool
parcel_identity(const struct parcel *p, char out[PARCEL_IDENTITY_SIZE])
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[17];

    if (!digest_sha256(p->body, digest))
        return false;
    digest_hex(digest, 8, hex);
    snprintf(out, PARCEL_IDENTITY_SIZE, "%.39s-%llu-%u-%s", p->lane->tenant,
             (unsigned long long)p->position, p->row, hex);
    return true;
}

bool
lane_equal(const struct lane *a, const struct lane *b)
{
    return a == b || (a->hour == b->hour && strcmp(a->category, b->category) == 0 &&
                      strcmp(a->tenant, b->tenant) == 0 && strcmp(a->table, b->table) == 0);
}

bool
parcel_held_back(struct parcel *parcels, size_t index)
{
    struct parcel *p = &parcels[index];

    for (size_t i = index; i-- > 0;) {
        if (parcels[i].sent == SENT_DONE || !lane_equal(parcels[i].lane, p->lane))
            continue;
        parcel_retry(p, parcels[i].retry_after_ms, "waits for an earlier one of %s",
                     p->lane->category);
        return true;
    }
    return false;
}
