/* webhook.c - any HTTP receiver: one POST an event, with the row's JSON or what a template makes of
 * it; or many rows a POST. It is what a Logic App's trigger, a SOAR, a chat or a ticket system gets.
 *
 * A receiver can tell a repeated event by its Idempotency-Key, and who sent it by the signature:
 * HMAC-SHA256 over "<unix seconds>.<body>", so that neither the body nor its time can be changed. It
 * checks the time's age itself.
 *
 * Rows go in order, one request after the other. After one that was not taken, the rest of the
 * window waits: there is but one URL. A request of many rows that is refused is sent again in
 * halves, until the rows to blame are found. */
#include "base/clock.h"
#include "base/file.h"
#include "sink/receiver.h"
#include "sink/template.h"
#include "wire/digest.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum {
    ROW_MAX = 4 << 20,
    RESPONSE_MAX = 4 << 10, /* nobody looks at it */
    VALUES_MAX = 32,
};

enum batching { BATCH_ROW, BATCH_LINES, BATCH_ARRAY };

struct webhook {
    struct receiver r;
    struct template *template; /* NULL: the row itself */
    struct template_work work;
    enum batching batching;
    size_t rows_max, bytes_max; /* of a request */
    char *sign_secret;          /* NULL: not signed */
    struct buffer body;
    uint32_t *order; /* parcels by lane, for requests of many */
    size_t room;
};

static const struct sink_setting webhook_settings[] = {
    {.name = "url",
     .help = "Where events are posted, https://HOST/PATH?QUERY. All of it counts as secret: such "
             "addresses often carry their own key.", .is_secret = true},
    {.name = "batch",
     .help = "row: a request for each event, its body the event's JSON. lines: many, one a line "
             "(application/x-ndjson). array: many as a JSON array.", .default_value = "row"},
    {.name = "request_rows",
     .help = "With lines or array: events that a request has at most, 1 to 10000.",
     .default_value = "500"},
    {.name = "request_bytes",
     .help = "With lines or array: bytes that a request has at most (but one row is always sent), "
             "1000 to 8388608.", .default_value = "1000000"},
    {.name = "token",
     .help = "Sent as 'Authorization: Bearer TOKEN'.",
     .is_optional = true,
     .is_secret = true},
    {.name = "user",      .help = "User of basic authentication.", .is_optional = true},
    {.name = "password",
     .help = "Its password or API token.",
     .is_optional = true,
     .is_secret = true},
    {.name = "sign_secret",
     .help = "Key of the header penstock-signature: t=UNIX_SECONDS,v1=HEX, the HMAC-SHA256 of "
             "'UNIX_SECONDS.BODY'.", .is_optional = true,
     .is_secret = true},
    {.name = "template",
     .help = "What is posted in place of the event: slack, teams, servicenow, jira, pagerduty, or "
             "the absolute path of a file of your own.", .is_optional = true},
    {.name = "template_values",
     .help = "Values that the template names as {{@name}}: 'name: value' a line, at most 32.",
     .is_optional = true,
     .is_secret = true},
    RECEIVER_SETTINGS,
    {0                          },
};

/* ---- settings ---- */

static const char *
given(const struct sink_value *values, size_t count, const char *name)
{
    return receiver_value(&sink_webhook, values, count, name);
}

struct template_values {
    struct template_value list[VALUES_MAX];
    size_t count;
    char *text; /* what they lie in */
};

static enum status
template_values_read(const char *text, struct template_values *v, struct err *err)
{
    v->count = 0;
    v->text = strdup(text);
    if (v->text == NULL)
        return err_set(err, ST_FULL, "webhook: no memory");
    for (char *save = NULL, *line = strtok_r(v->text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *name = line + strspn(line, " \t\r"), *colon = strchr(name, ':'), *end;

        if (*name == '\0')
            continue;
        for (const char *c = name; colon != NULL && c < colon; c++)
            if (!isalnum((unsigned char)*c) && *c != '_')
                colon = NULL;
        if (colon == NULL || colon == name || v->count == VALUES_MAX)
            return err_set(err, ST_INVALID,
                           "webhook: template_values: 'name: value' is wanted on each line, at "
                           "most %d; names are letters, digits and '_'",
                           VALUES_MAX);
        *colon++ = '\0';
        colon += strspn(colon, " \t");
        for (end = colon + strlen(colon); end > colon && isspace((unsigned char)end[-1]);)
            *--end = '\0';
        v->list[v->count++] = (struct template_value){name, colon};
    }
    return ST_OK;
}

static enum status
template_open(struct webhook *w, const char *name, const char *values_text, struct err *err)
{
    const struct template_builtin *b = template_builtin_find(name);
    struct template_values values = {.count = 0};
    struct err why;
    char *text = NULL;
    size_t size = 0;
    enum status st;

    if (name[0] == '\0')
        return values_text[0] == '\0'
                   ? ST_OK
                   : err_set(err, ST_INVALID, "webhook: template_values are for a template");
    if (b == NULL && name[0] != '/')
        return err_set(err, ST_INVALID,
                       "webhook: there is no template '%.60s': slack, teams, servicenow, jira, "
                       "pagerduty, or an absolute path",
                       name);
    if (b == NULL && file_read(name, TEMPLATE_SIZE_MAX, &text, &size, &why) != ST_OK)
        return err_set(err, ST_INVALID, "webhook: template: %.240s", why.text);
    st = template_values_read(values_text, &values, err);
    if (st == ST_OK)
        st = template_read(b != NULL ? span_of(b->json) : (struct span){text, size}, name,
                           values.list, values.count, &w->template, err);
    if (values.text != NULL)
        explicit_bzero(values.text, strlen(values_text));
    free(values.text);
    free(text);
    return st;
}

static enum status
credentials_read(struct webhook *w, const struct sink_value *values, size_t count, struct err *err)
{
    const char *token = given(values, count, "token"), *user = given(values, count, "user");
    const char *password = given(values, count, "password");
    const char *secret = given(values, count, "sign_secret");

    if (token[0] != '\0' && user[0] != '\0')
        return err_set(err, ST_INVALID, "webhook: more than one credential: keep token or user");
    if ((user[0] != '\0') != (password[0] != '\0'))
        return err_set(err, ST_INVALID, "webhook: user and password belong together");
    if (secret[0] != '\0' && (w->sign_secret = strdup(secret)) == NULL)
        return err_set(err, ST_FULL, "webhook: no memory");
    if (token[0] != '\0')
        return receiver_header(&w->r, err, "Authorization: Bearer %s", token);
    return user[0] != '\0' ? receiver_basic(&w->r, user, password, err) : ST_OK;
}

static enum status
webhook_read(struct webhook *w, const struct sink_value *values, size_t count, struct err *err)
{
    static const char *const names[] = {"row", "lines", "array"};
    const char *batch = given(values, count, "batch");
    long rows = 0, bytes = 0;
    enum status st = receiver_read(&w->r, &sink_webhook, values, count, false, err);

    while (st == ST_OK && strcmp(batch, names[w->batching]) != 0)
        if (++w->batching > BATCH_ARRAY)
            return err_set(err, ST_INVALID, "webhook: batch is row, lines or array");
    if (st == ST_OK)
        st = receiver_number(&sink_webhook, values, count, "request_rows", 1, RECEIVER_BATCH_MAX,
                             &rows, err);
    if (st == ST_OK)
        st = receiver_number(&sink_webhook, values, count, "request_bytes", 1000, RECEIVER_BODY_MAX,
                             &bytes, err);
    if (st == ST_OK)
        st = credentials_read(w, values, count, err);
    if (st == ST_OK)
        st = template_open(w, given(values, count, "template"),
                           given(values, count, "template_values"), err);
    w->rows_max = w->batching == BATCH_ROW ? 1 : (size_t)rows;
    w->bytes_max = (size_t)bytes;
    return st;
}

/* ---- one request ---- */

/* The row, or what the template makes of it, behind what the body has. False: *p is answered. */
static bool
row_add(struct webhook *w, struct parcel *p)
{
    char identity[PARCEL_IDENTITY_SIZE];
    struct template_event event = {p->body, identity, p->lane->category, p->lane->tenant};
    struct err err = {"webhook: no memory"};
    enum status st = ST_FULL;
    bool is_first = w->body.n == 0;
    size_t before = w->body.n;

    if (w->batching == BATCH_ARRAY &&
        !buffer_add(&w->body, is_first ? SPAN_LITERAL("[") : SPAN_LITERAL(",")))
        goto fail;
    if (w->template != NULL) {
        if (!parcel_identity(p, identity))
            goto fail;
        st = template_render(w->template, &event, &w->work, &w->body, &err);
        if (st != ST_OK)
            goto fail;
    } else if (!buffer_one_line(&w->body, p->body)) {
        goto fail;
    }
    if (w->batching == BATCH_LINES && !buffer_add(&w->body, SPAN_LITERAL("\n")))
        goto fail;
    return true;

fail:
    w->body.n = before;
    if (st == ST_INVALID)
        parcel_refuse(p, "%s", err.text);
    else
        parcel_retry(p, -1, "%s", err.text);
    return false;
}

static bool
sign(const struct webhook *w, int64_t unix_seconds, struct span body, char out[160])
{
    unsigned char mac[DIGEST_SHA256_SIZE];
    char seconds[32], hex[2 * DIGEST_SHA256_SIZE + 1];
    const struct span pieces[] = {
        {seconds, (size_t)snprintf(seconds, sizeof seconds, "%lld.", (long long)unix_seconds)},
        body
    };

    if (!digest_hmac_sha256(span_of(w->sign_secret), pieces, COUNT_OF(pieces), mac))
        return false;
    digest_hex(mac, sizeof mac, hex);
    snprintf(out, 160, "penstock-signature: t=%lld,v1=%s", (long long)unix_seconds, hex);
    return true;
}

/* Sends 'body' for 'count' rows, of which 'first' is the first. */
static void
body_post(struct webhook *w, const struct parcel *first, size_t count, struct span body,
          struct receiver_answer *answer)
{
    char identity[PARCEL_IDENTITY_SIZE], source[sizeof first->lane->category];
    char headers[3][200], signature[160];
    const char *extra[RECEIVER_EXTRA_MAX] = {w->batching == BATCH_LINES
                                                 ? "Content-Type: application/x-ndjson"
                                                 : "Content-Type: application/json; charset=utf-8",
                                             headers[0], headers[1]};
    int64_t now = (clock_ticks() - TICKS_AT_UNIX_EPOCH) / TICKS_PER_SECOND;
    struct http_exchange x;

    *answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"webhook: OpenSSL has no SHA-256"}};
    if (!parcel_identity(first, identity) ||
        (w->sign_secret != NULL && !sign(w, now, body, signature)))
        return;
    receiver_clean(span_of(first->lane->category), source, sizeof source);
    snprintf(headers[1], sizeof headers[1], "penstock-event-source: %s", source);
    if (w->batching == BATCH_ROW) {
        snprintf(headers[0], sizeof headers[0], "Idempotency-Key: %s", identity);
        snprintf(headers[2], sizeof headers[2], "penstock-event-id: %s", identity);
        extra[3] = headers[2];
    } else {
        snprintf(headers[0], sizeof headers[0], "Idempotency-Key: %s-%zu", identity, count);
    }
    if (w->sign_secret != NULL)
        extra[w->batching == BATCH_ROW ? 4 : 3] = signature;
    receiver_post(&w->r, w->r.url, extra, &body, 1, &x, answer);
}

/* One row, its own request. */
static void
row_send(struct webhook *w, struct parcel *p, struct receiver_answer *answer)
{
    struct span body = p->body;

    *answer = (struct receiver_answer){.meaning = RECEIVER_DONE};
    if (w->template != NULL) {
        w->body.n = 0;
        if (!row_add(w, p)) {
            if (p->sent == SENT_RETRY)
                *answer = (struct receiver_answer){RECEIVER_BUSY, -1, p->err};
            return;
        }
        body = (struct span){w->body.p, w->body.n};
    }
    body_post(w, p, 1, body, answer);
    receiver_tell(answer, p);
}

/* Rows of one lane, in one request; in halves when they are refused together. */
static void
rows_send(struct webhook *w, struct parcel *parcels, uint32_t *order, size_t count,
          struct receiver_answer *answer)
{
    size_t n = 0; /* that are left: the others are answered */

    w->body.n = 0;
    for (size_t i = 0; i < count; i++) {
        if (row_add(w, &parcels[order[i]]))
            order[n++] = order[i];
        else if (parcels[order[i]].sent == SENT_RETRY)
            *answer = (struct receiver_answer){RECEIVER_BUSY, -1, parcels[order[i]].err};
    }
    if (n == 0 || answer->meaning == RECEIVER_BUSY)
        return;
    if (w->batching == BATCH_ARRAY && !buffer_add(&w->body, SPAN_LITERAL("]"))) {
        *answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"webhook: no memory"}};
        return;
    }
    body_post(w, &parcels[order[0]], n, (struct span){w->body.p, w->body.n}, answer);
    if (answer->meaning == RECEIVER_REFUSED && n > 1) {
        struct receiver_answer halves = {.meaning = RECEIVER_DONE};

        rows_send(w, parcels, order, n / 2, &halves);
        if (halves.meaning == RECEIVER_DONE || halves.meaning == RECEIVER_REFUSED)
            rows_send(w, parcels, order + n / 2, n - n / 2, &halves);
        *answer = halves;
        return;
    }
    for (size_t i = 0; i < n; i++)
        receiver_tell(answer, &parcels[order[i]]);
}

/* ---- a window ---- */

/* The parcels as they are; for requests of many, whose rows are of one lane, lane by lane. */
static bool
order_make(struct webhook *w, const struct parcel *parcels, size_t count)
{
    size_t n = 0;

    if (count > w->room) {
        free(w->order);
        w->order = malloc(2 * count * sizeof *w->order);
        w->room = w->order == NULL ? 0 : count;
        if (w->order == NULL)
            return false;
    }
    uint32_t *rest = w->order + count, left = 0;

    for (size_t i = 0; i < count; i++)
        rest[left++] = (uint32_t)i;
    if (w->batching == BATCH_ROW) {
        memcpy(w->order, rest, count * sizeof *rest);
        return true;
    }
    while (left > 0) { /* once a lane */
        const struct lane *lane = parcels[rest[0]].lane;
        uint32_t kept = 0;

        for (uint32_t i = 0; i < left; i++) {
            if (lane_equal(parcels[rest[i]].lane, lane))
                w->order[n++] = rest[i];
            else
                rest[kept++] = rest[i];
        }
        left = kept;
    }
    return true;
}

/* How many of the order's next parcels a request takes. */
static size_t
group_size(const struct webhook *w, const struct parcel *parcels, const uint32_t *order,
           size_t count)
{
    size_t n = 1, bytes = parcels[order[0]].body.n + 2;

    while (n < count && n < w->rows_max &&
           lane_equal(parcels[order[n]].lane, parcels[order[0]].lane) &&
           bytes + parcels[order[n]].body.n + 2 <= w->bytes_max)
        bytes += parcels[order[n++]].body.n + 2;
    return n;
}

static void
webhook_send(void *state, struct parcel *parcels, size_t count)
{
    struct webhook *w = state;
    struct receiver_answer answer = {.meaning = RECEIVER_DONE};
    int64_t until_ms = clock_monotonic_ms() + RECEIVER_SEND_MS_MAX;
    size_t next = 0;

    if (!order_make(w, parcels, count)) {
        for (size_t i = 0; i < count; i++)
            parcel_retry(&parcels[i], -1, "webhook: no memory");
        return;
    }
    for (size_t i = 0; i < count; i++) /* what is answered below is no longer so */
        parcel_retry(&parcels[i], -1, "%s", "");
    while (next < count) {
        if (receiver_is_stopping(&w->r))
            answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"stopping"}};
        if (answer.meaning == RECEIVER_BUSY || answer.meaning == RECEIVER_PERSON)
            break;
        if (next > 0 && clock_monotonic_ms() >= until_ms)
            return;
        size_t n = group_size(w, parcels, w->order + next, count - next);

        answer.meaning = RECEIVER_DONE;
        if (w->batching == BATCH_ROW)
            row_send(w, &parcels[w->order[next]], &answer);
        else
            rows_send(w, parcels, w->order + next, n, &answer);
        next += n;
    }
    for (size_t i = 0; i < count; i++)
        if (parcels[i].sent == SENT_RETRY && parcels[i].err.text[0] == '\0')
            parcel_retry(&parcels[i], answer.retry_after_ms, "%s", answer.err.text);
}

/* ---- open and close ---- */

static void
webhook_close(void *state)
{
    struct webhook *w = state;

    receiver_close(&w->r);
    template_free(w->template);
    template_work_free(&w->work);
    buffer_wipe(&w->body);
    if (w->sign_secret != NULL)
        explicit_bzero(w->sign_secret, strlen(w->sign_secret));
    free(w->sign_secret);
    free(w->order);
    free(w);
}

static enum status
webhook_make(const struct sink_value *values, size_t count, struct webhook **out, struct err *err)
{
    struct webhook *w = calloc(1, sizeof *w);
    enum status st = w == NULL ? err_set(err, ST_FULL, "webhook: no memory")
                               : webhook_read(w, values, count, err);

    if (st != ST_OK && w != NULL)
        webhook_close(w);
    *out = w;
    return st;
}

static enum status
webhook_check(const struct sink_value *values, size_t count, struct err *err)
{
    struct webhook *w;
    enum status st = webhook_make(values, count, &w, err);

    if (st == ST_OK)
        webhook_close(w);
    return st;
}

static enum status
webhook_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
             struct err *err)
{
    enum status st = sink_check(&sink_webhook, values, count, err);
    struct webhook *w;

    if (st == ST_OK)
        st = webhook_make(values, count, &w, err);
    if (st != ST_OK)
        return st;
    st = receiver_open(&w->r, RESPONSE_MAX, true, stop, err);
    if (st != ST_OK) {
        webhook_close(w);
        return st;
    }
    *state = w;
    return ST_OK;
}

const struct sink_kind sink_webhook = {
    .name = "webhook",
    .help = "Any HTTP receiver: a POST for each event, or for many; plain, or by a template for "
            "Slack, Teams, ServiceNow, Jira, PagerDuty.",
    .framing = FRAME_ROW,
    .is_lasting_at_once = true,
    .body_max = ROW_MAX,
    .batch_bytes = ROW_MAX,
    .batch_rows = 1000,
    .linger_ms = 100,
    .settings = webhook_settings,
    .check = webhook_check,
    .open = webhook_open,
    .send = webhook_send,
    .close = webhook_close,
};
