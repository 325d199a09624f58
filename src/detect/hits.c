/* hits.c - which rows become alerts, and what the alerts are called; evidence.c makes their records. */
#include "detect/hits.h"
#include "detect/evidence.h"
#include "kql/value.h"
#include "wire/digest.h"
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

struct made {
    char id[ALERT_ID_SIZE];
    uint64_t events;
    json_t *envelopes; /* array */
    json_t *resource;  /* SecurityAlert, with its id */
    json_t *shown;
};

struct hits {
    struct hits_options o;
    struct made *made;
    uint8_t (*keys)[STORE_DETECTION_KEY_SIZE];
    size_t count;
    uint64_t rows, merged, dropped;
    char *envelopes, *alerts;
    json_t *shown;
};

enum status
hits_make(const struct hits_options *o, struct hits **hits, struct err *err)
{
    struct hits *h = calloc(1, sizeof *h);

    if (h == NULL)
        return err_set(err, ST_FULL, "no memory for a rule's hits");
    h->o = *o;
    h->made = calloc(o->alerts_max + 1, sizeof *h->made);
    h->keys = calloc(o->alerts_max + 1, sizeof *h->keys);
    if (h->made == NULL || h->keys == NULL) {
        hits_free(h);
        return err_set(err, ST_FULL, "no memory for a rule's hits");
    }
    *hits = h;
    return ST_OK;
}

void
hits_free(struct hits *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->count; i++) {
        json_decref(h->made[i].envelopes);
        json_decref(h->made[i].resource);
        json_decref(h->made[i].shown);
    }
    free(h->made);
    free(h->keys);
    free(h->envelopes);
    free(h->alerts);
    json_decref(h->shown);
    free(h);
}

struct span
hit_text(const struct hit_cell *cells, size_t count, struct span column)
{
    for (size_t i = 0; i < count; i++)
        if (cells[i].name.n == column.n && strncasecmp(cells[i].name.p, column.p, column.n) == 0) {
            struct span text = cells[i].text;

            while (text.n > HITS_CELL_MAX || (text.n == HITS_CELL_MAX && text.n < cells[i].text.n &&
                                              ((unsigned char)text.p[text.n] & 0xc0) == 0x80))
                text.n = text.n > HITS_CELL_MAX ? HITS_CELL_MAX : text.n - 1;
            return text;
        }
    return (struct span){NULL, 0};
}

/* Adds bytes as far as they fit; what does not is cut at a character. */
static size_t
put(char *out, size_t room, size_t at, struct span text)
{
    size_t n = text.n < room - 1 - at ? text.n : room - 1 - at;

    while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    if (n > 0)
        memcpy(out + at, text.p, n);
    return at + n;
}

/* The template with its columns filled in. */
static void
fill(const char *template, const struct hit_cell *cells, size_t count, char *out, size_t room)
{
    struct span text = span_of(template), column;
    size_t done = 0, at = 0, size, n = 0;

    while (detection_placeholder(text, &at, &size, &column)) {
        n = put(out, room, n, (struct span){text.p + done, at - done});
        n = put(out, room, n, hit_text(cells, count, column));
        at += size;
        done = at;
    }
    n = put(out, room, n, (struct span){text.p + done, text.n - done});
    out[n] = '\0';
}

/* ---- hashes ---- */

struct hashing {
    char *text;
    size_t n;
    FILE *out;
};

static bool
hash_begin(struct hashing *h)
{
    h->out = open_memstream(&h->text, &h->n);
    return h->out != NULL;
}

/* With its size, so that no two lists of texts are hashed alike. */
static void
hash_put(struct hashing *h, struct span text)
{
    fprintf(h->out, "%zu:", text.n);
    if (text.n > 0)
        fwrite(text.p, 1, text.n, h->out);
}

static bool
hash_end(struct hashing *h, uint8_t out[DIGEST_SHA256_SIZE])
{
    bool is_fine = fclose(h->out) == 0 && digest_sha256((struct span){h->text, h->n}, out);

    free(h->text);
    return is_fine;
}

static bool
key_of(const struct rule *rule, const char *title, const char *text, const struct hit_cell *cells,
       size_t count, uint8_t key[STORE_DETECTION_KEY_SIZE])
{
    uint8_t digest[DIGEST_SHA256_SIZE];
    struct hashing h;

    if (!hash_begin(&h))
        return false;
    hash_put(&h, span_of(rule->detector));
    hash_put(&h, span_of(title));
    hash_put(&h, span_of(text));
    for (size_t i = 0; i < rule->x.asset_count; i++)
        hash_put(&h, hit_text(cells, count, span_of(rule->x.assets[i].column)));
    for (size_t i = 0; i < rule->x.detail_count; i++)
        hash_put(&h, hit_text(cells, count, span_of(rule->x.details[i].column)));
    if (!hash_end(&h, digest))
        return false;
    memcpy(key, digest, STORE_DETECTION_KEY_SIZE);
    return true;
}

/* Two bytes that follow from the fourteen before them. */
static bool
check_of(const uint8_t bytes[14], uint8_t check[2])
{
    uint8_t text[32] = "penstock detection", digest[DIGEST_SHA256_SIZE];

    memcpy(text + 18, bytes, 14);
    if (!digest_sha256((struct span){(const char *)text, sizeof text}, digest))
        return false;
    memcpy(check, digest, 2);
    return true;
}

bool
hit_alert_is_ours(struct span alert_id)
{
    struct kql_guid guid;
    uint8_t check[2];

    return alert_id.n == ALERT_ID_SIZE - 1 && memcmp(alert_id.p, "ra", 2) == 0 &&
           kql_read_guid((struct span){alert_id.p + 2, alert_id.n - 2}, &guid) &&
           check_of(guid.bytes, check) && memcmp(check, &guid.bytes[14], 2) == 0;
}

static bool
id_of(const uint8_t key[STORE_DETECTION_KEY_SIZE], const struct hit_cell *cells, size_t count,
      struct span identity, char id[ALERT_ID_SIZE])
{
    static const char *const event[] = {"ReportId", "DeviceId", "Timestamp", "TimeGenerated"};
    uint8_t d[DIGEST_SHA256_SIZE];
    struct hashing h;
    bool has_event = hit_text(cells, count, SPAN_LITERAL("ReportId")).n > 0;

    if (!hash_begin(&h))
        return false;
    hash_put(&h, (struct span){(const char *)key, STORE_DETECTION_KEY_SIZE});
    for (size_t i = 0; i < COUNT_OF(event) && has_event; i++)
        hash_put(&h, hit_text(cells, count, span_of(event[i])));
    if (!has_event)
        hash_put(&h, identity);
    if (!hash_end(&h, d))
        return false;
    if (!check_of(d, &d[14]))
        return false;
    snprintf(id, ALERT_ID_SIZE,
             "ra%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1],
             d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14],
             d[15]);
    return true;
}

/* ---- rows ---- */

static struct made *
find(struct hits *h, const uint8_t key[STORE_DETECTION_KEY_SIZE])
{
    for (size_t i = 0; i < h->count; i++)
        if (memcmp(h->keys[i], key, STORE_DETECTION_KEY_SIZE) == 0)
            return &h->made[i];
    return NULL;
}

static enum status
was_made(struct hits *h, const uint8_t key[STORE_DETECTION_KEY_SIZE], bool *was, struct err *err)
{
    int64_t when = 0;
    enum status st = ST_OK;

    *was = false;
    if (h->o.seen == NULL || h->o.rule->x.window == 0)
        return ST_OK;
    st = h->o.seen(h->o.app, h->o.rule->id, key, &when, err);
    *was = st == ST_OK && when != 0 && h->o.now - when < h->o.rule->x.window;
    return st;
}

enum status
hits_add(struct hits *h, const struct hit_cell *cells, size_t count, struct span identity,
         struct err *err)
{
    const struct rule *rule = h->o.rule;
    char title[HITS_TITLE_MAX], text[HITS_TEXT_MAX];
    uint8_t key[STORE_DETECTION_KEY_SIZE];
    struct made *made;
    bool was = false;
    enum status st;

    if (hit_alert_is_ours(hit_text(cells, count, SPAN_LITERAL("AlertId"))))
        return ST_OK;
    fill(rule->x.title, cells, count, title, sizeof title);
    fill(rule->x.description, cells, count, text, sizeof text);
    if (!key_of(rule, title, text, cells, count, key))
        return err_set(err, ST_FULL, "no memory for a rule's hits");
    made = find(h, key);
    st = made == NULL ? was_made(h, key, &was, err) : ST_OK;
    if (st != ST_OK)
        return st;
    h->rows++;
    if (made != NULL || was) {
        h->merged++;
        if (made != NULL)
            made->events++;
        return ST_OK;
    }
    if (h->count >= h->o.alerts_max) {
        h->dropped++;
        return ST_OK;
    }
    made = &h->made[h->count];
    *made = (struct made){.events = 1};
    memcpy(h->keys[h->count], key, sizeof key);
    if (!id_of(key, cells, count, identity, made->id))
        return err_set(err, ST_FULL, "no memory for a rule's hits");
    const struct alert_of alert = {
        .rule = rule,
        .id = made->id,
        .title = title,
        .text = text,
        .cells = cells,
        .count = count,
        .now = h->o.now,
    };

    h->count++;
    if (!alert_records(&alert, &made->envelopes, &made->resource, &made->shown))
        return err_set(err, ST_FULL, "no memory for an alert");
    return ST_OK;
}

/* ---- the end ---- */

static bool
write_envelopes(const struct hits *h, FILE *out)
{
    bool is_fine = true;

    for (size_t i = 0; i < h->count; i++)
        for (size_t k = 0; k < json_array_size(h->made[i].envelopes) && is_fine; k++) {
            is_fine = json_dumpf(json_array_get(h->made[i].envelopes, k), out, JSON_COMPACT) == 0;
            fputc('\n', out);
        }
    return is_fine;
}

static bool
write_alerts(const struct hits *h, FILE *out)
{
    bool is_fine = true;

    fputc('[', out);
    for (size_t i = 0; i < h->count && is_fine; i++) {
        struct made *m = &h->made[i];
        json_t *more =
            json_object_get(json_object_get(json_object_get(m->resource, "resource"), "properties"),
                            "extendedProperties");
        char events[24];

        snprintf(events, sizeof events, "%llu", (unsigned long long)m->events);
        is_fine = json_object_set_new(more, "Events", json_string(events)) == 0;
        json_object_set_new(m->shown, "events", json_integer((json_int_t)m->events));
        if (i > 0)
            fputc(',', out);
        is_fine = is_fine && json_dumpf(m->resource, out, JSON_COMPACT) == 0;
    }
    fputc(']', out);
    return is_fine;
}

enum status
hits_end(struct hits *h, struct hits_result *result, struct err *err)
{
    size_t envelopes_size = 0, alerts_size = 0;
    FILE *envelopes, *alerts;
    bool is_fine;

    assert(h->envelopes == NULL);
    envelopes = open_memstream(&h->envelopes, &envelopes_size);
    alerts = open_memstream(&h->alerts, &alerts_size);
    is_fine = envelopes != NULL && alerts != NULL && write_envelopes(h, envelopes) &&
              write_alerts(h, alerts);
    is_fine = (envelopes == NULL || fclose(envelopes) == 0) && is_fine;
    is_fine = (alerts == NULL || fclose(alerts) == 0) && is_fine;
    h->shown = json_array();
    for (size_t i = 0; i < h->count; i++)
        is_fine = json_array_append(h->shown, h->made[i].shown) == 0 && is_fine;
    if (!is_fine)
        return err_set(err, ST_FULL, "no memory for alerts");
    *result = (struct hits_result){
        .rows = h->rows,
        .merged = h->merged,
        .dropped = h->dropped,
        .alert_count = h->count,
        .keys = (const uint8_t(*)[STORE_DETECTION_KEY_SIZE])h->keys,
        .envelopes = {h->envelopes, envelopes_size},
        .alerts = {h->alerts,    alerts_size   },
        .shown = h->shown,
    };
    return ST_OK;
}
