/* syslog.c - a SIEM or any other receiver of syslog: messages of RFC 5424, octet-counted or a line each
 * (RFC 6587), over TCP or TLS (RFC 5425).
 *
 * Syslog has no acknowledgement. A window is done when the peer's TCP has acknowledged its last byte
 * and the connection still stands (confirm: received). What the peer's kernel had then and its
 * program had not read is lost when that program dies. With confirm: read each window ends its
 * connection, and is done when the peer ends its side in order too: its program has read all, for a
 * kernel that holds unread bytes resets the connection instead, and a killed program never says
 * TLS's close_notify. Whatever else happens the window is sent again, so a message may come twice;
 * its id tells.
 *
 * A message that is too long is refused: a receiver would cut it or drop the connection. */
#include "sink/parcel.h"
#include "sink/syslog_message.h"
#include "wire/stream_client.h"
#include <stdlib.h>
#include <unistd.h>

enum {
    ROW_MAX = 1 << 20,
    FLUSH_SIZE = 256 << 10, /* bytes that are collected before they are sent */
    HOST_SIZE = 254,
    /* Set aside for examples by RFC 5612; nobody has given us one. */
    ENTERPRISE_DEFAULT = 32473,
};

struct syslog_sink {
    char host[HOST_SIZE], port[8], hostname[SYSLOG_HOSTNAME_MAX + 1];
    char app_name[SYSLOG_APP_NAME_MAX + 1];
    struct syslog_style style;
    size_t message_max;
    bool waits_for_reading, is_tls, insecure;
    unsigned connect_ms_max, timeout_ms;
    const atomic_bool *stop;
    struct stream_client *client;
    struct text out;
    struct security_record record;
};

static const struct sink_setting syslog_settings[] = {
    {.name = "address",
     .help = "HOST:PORT of the receiver; [ADDRESS]:PORT for IPv6. Without a port 6514, without TLS "
             "601."},
    {.name = "tls",                                                                       .help = "false: plain TCP, readable on the way.", .default_value = "true"},
    {.name = "ca_file",
     .help = "PEM file of the authorities to trust instead of the system's.",
     .is_optional = true,
     .is_file = true},
    {.name = "tls_name",
     .help = "Name that the receiver's certificate must have, if it is not the host's.",
     .is_optional = true},
    {.name = "insecure",
     .help = "true: do not verify the receiver's certificate.",
     .default_value = "false"},
    {.name = "certificate",
     .help = "PEM file with our own certificate and its chain, where the receiver asks for one.",
     .is_optional = true,
     .is_file = true},
    {.name = "key",
     .help = "Its private key, PEM text: {file: PATH}.",
     .is_optional = true,
     .is_secret = true},
    {.name = "format",
     .help = "json (the row as it is), cef (ArcSight) or leef (QRadar).",
     .default_value = "json"},
    {.name = "framing",
     .help = "octets: each message's length before it (RFC 6587 3.4.1, RFC 5425); newline: a line "
             "feed behind "
             "it, for receivers that know no other.", .default_value = "octets"},
    {.name = "confirm",
     .help =
         "received: the receiver's TCP has all bytes; read: its program has read them, for which "
         "each batch has a connection of its own.", .default_value = "received"},
    {.name = "facility",
     .help = "Name (local0, authpriv, audit, ...) or number, 0 to 23.",
     .default_value = "local0"},
    {.name = "hostname",
     .help = "HOSTNAME of the messages; by default this machine's name.",
     .is_optional = true},
    {.name = "app_name",                                                                       .help = "APP-NAME of the messages.", .default_value = "penstock"},
    {.name = "enterprise",
     .help =
         "Your private enterprise number, for the name of the structured data; the default is for "
         "examples (RFC 5612).", .default_value = "32473"},
    {.name = "message_bytes",
     .help =
         "Bytes that a message has at most, 480 to 1048576; longer ones are parked. The receiver "
         "must take as much.", .default_value = "65536"},
    {.name = "connect_timeout_ms",
     .help = "How long connecting may take, TLS included.",
     .default_value = "10000"},
    {.name = "timeout_ms",
     .help = "How long the receiver may take no bytes, or leave them unconfirmed.",
     .default_value = "30000"},
    {0                                                      },
};

struct given {
    const struct sink_value *values;
    size_t count;
};

static const char *
given_get(const struct given *g, const char *name)
{
    const char *value = sink_value_get(&sink_syslog, g->values, g->count, name);

    return value != NULL ? value : "";
}

static enum status
read_number(const struct given *g, const char *name, unsigned long min, unsigned long max,
            unsigned long *number, struct err *err)
{
    const char *text = given_get(g, name);
    char *end;

    *number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || *number < min || *number > max)
        return err_set(err, ST_INVALID, "syslog: %s is a number from %lu to %lu", name, min, max);
    return ST_OK;
}

/* *which: the index of the value among the words. */
static enum status
read_choice(const struct given *g, const char *name, const char *const *words, int *which,
            struct err *err)
{
    const char *text = given_get(g, name);
    char known[80] = "";
    size_t n = 0;

    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *which = i;
            return ST_OK;
        }
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return err_set(err, ST_INVALID, "syslog: %s '%.40s' is none of %s", name, text, known);
}

static enum status
read_address(struct syslog_sink *s, const char *text, struct err *err)
{
    const char *host = text, *end = text + strcspn(text, ":"), *port;
    char *rest;

    if (text[0] == '[') {
        host = text + 1;
        end = host + strcspn(host, "]");
        port = *end == ']' ? end + 1 : "x"; /* nothing that a port begins with */
    } else {
        port = end;
    }
    if (end == host || (size_t)(end - host) >= sizeof s->host || (*port != ':' && *port != '\0') ||
        strpbrk(text, " /@?#") != NULL)
        return err_set(err, ST_INVALID,
                       "syslog: address '%.80s' is not HOST:PORT (IPv6: [ADDRESS]:PORT)", text);
    memcpy(s->host, host, (size_t)(end - host));
    s->host[end - host] = '\0';
    snprintf(s->port, sizeof s->port, "%s", s->is_tls ? "6514" : "601");
    if (*port == '\0')
        return ST_OK;
    unsigned long number = strtoul(port + 1, &rest, 10);

    if (port[1] < '0' || port[1] > '9' || *rest != '\0' || number < 1 || number > 65535)
        return err_set(err, ST_INVALID,
                       "syslog: address '%.80s' has no port from 1 to 65535 behind "
                       "its colon",
                       text);
    snprintf(s->port, sizeof s->port, "%lu", number);
    return ST_OK;
}

static enum status
read_word(const struct given *g, const char *name, char *out, size_t size_max, struct err *err)
{
    const char *text = given_get(g, name);

    if (text[0] != '\0' && !syslog_word_is(text, size_max))
        return err_set(err, ST_INVALID,
                       "syslog: %s is 1 to %zu printable ASCII characters without "
                       "blanks",
                       name, size_max);
    snprintf(out, size_max + 1, "%s", text);
    return ST_OK;
}

static enum status
read_style(struct syslog_sink *s, const struct given *g, struct err *err)
{
    static const char *const formats[] = {"json", "cef", "leef", NULL};
    static const char *const framings[] = {"octets", "newline", NULL};
    int format = 0, framing = 0;
    unsigned long enterprise = ENTERPRISE_DEFAULT;
    enum status st = read_choice(g, "format", formats, &format, err);

    if (st == ST_OK)
        st = read_choice(g, "framing", framings, &framing, err);
    if (st == ST_OK && !syslog_facility_read(given_get(g, "facility"), &s->style.facility))
        st = err_set(err, ST_INVALID,
                     "syslog: facility '%.40s' is neither a name (local0 to local7, user, daemon, "
                     "auth, authpriv, audit, ...) nor a number from 0 to 23",
                     given_get(g, "facility"));
    if (st == ST_OK)
        st = read_word(g, "hostname", s->hostname, SYSLOG_HOSTNAME_MAX, err);
    if (st == ST_OK)
        st = read_word(g, "app_name", s->app_name, SYSLOG_APP_NAME_MAX, err);
    if (st == ST_OK)
        st = read_number(g, "enterprise", 1, 4294967295, &enterprise, err);
    s->style.format = (enum syslog_format)format;
    s->style.ends_in_newline = framing == 1;
    s->style.enterprise = enterprise;
    s->style.hostname = s->hostname;
    s->style.app_name = s->app_name;
    return st;
}

static enum status
check_tls(const struct syslog_sink *s, const struct given *g, struct err *err)
{
    static const char *const names[] = {"ca_file", "tls_name", "certificate", "key"};

    for (size_t i = 0; i < COUNT_OF(names) && !s->is_tls; i++)
        if (given_get(g, names[i])[0] != '\0')
            return err_set(err, ST_INVALID, "syslog: %s is for TLS, and tls is false", names[i]);
    if ((given_get(g, "certificate")[0] == '\0') != (given_get(g, "key")[0] == '\0'))
        return err_set(err, ST_INVALID, "syslog: certificate and key go together; set %s",
                       given_get(g, "key")[0] == '\0' ? "key" : "certificate");
    return ST_OK;
}

/* All of the settings into *s; nothing is opened. */
static enum status
syslog_read(struct syslog_sink *s, const struct given *g, struct err *err)
{
    static const char *const bools[] = {"false", "true", NULL};
    static const char *const confirms[] = {"received", "read", NULL};
    unsigned long message = 0, connecting = 0, timeout = 0;
    int tls = 0, insecure = 0, confirm = 0;
    enum status st = read_choice(g, "tls", bools, &tls, err);

    s->is_tls = tls == 1;
    if (st == ST_OK)
        st = read_address(s, given_get(g, "address"), err);
    if (st == ST_OK)
        st = read_choice(g, "insecure", bools, &insecure, err);
    if (st == ST_OK)
        st = read_choice(g, "confirm", confirms, &confirm, err);
    if (st == ST_OK)
        st = check_tls(s, g, err);
    if (st == ST_OK)
        st = read_style(s, g, err);
    if (st == ST_OK) /* RFC 5424 section 6.1: every receiver takes 480 */
        st = read_number(g, "message_bytes", 480, ROW_MAX, &message, err);
    if (st == ST_OK)
        st = read_number(g, "connect_timeout_ms", 100, 600000, &connecting, err);
    if (st == ST_OK)
        st = read_number(g, "timeout_ms", 100, 600000, &timeout, err);
    s->insecure = insecure == 1;
    s->waits_for_reading = confirm == 1;
    s->message_max = message;
    s->connect_ms_max = (unsigned)connecting;
    s->timeout_ms = (unsigned)timeout;
    return st;
}

static enum status
syslog_check(const struct sink_value *values, size_t count, struct err *err)
{
    struct syslog_sink *s = calloc(1, sizeof *s);
    const struct given g = {values, count};
    enum status st =
        s == NULL ? err_set(err, ST_FULL, "syslog: no memory") : syslog_read(s, &g, err);

    free(s);
    return st;
}

/* ---- sending ---- */

static bool
is_stopping(const struct syslog_sink *s)
{
    return s->stop != NULL && atomic_load_explicit(s->stop, memory_order_relaxed);
}

static enum status
flush(struct syslog_sink *s, struct err *err)
{
    struct span bytes = {s->out.p, s->out.n};

    s->out.n = 0;
    return bytes.n > 0 ? stream_client_send(s->client, bytes, err) : ST_OK;
}

/* Puts a parcel's message behind those that wait to be sent; done for now, unless it is refused. */
static void
parcel_put(struct syslog_sink *s, struct parcel *p)
{
    char id[PARCEL_IDENTITY_SIZE];

    if (!parcel_identity(p, id)) {
        parcel_retry(p, -1, "syslog: no memory for a digest");
        return;
    }
    security_record_read(&s->record, p->lane, p->body, id);
    if (syslog_message_put(&s->style, &s->record, s->message_max, &s->out))
        parcel_done(p);
    else
        parcel_refuse(p,
                      "syslog: the message of this row is longer than message_bytes (%zu); make it "
                      "larger here and at the receiver, then send the row again",
                      s->message_max);
}

/* All that went before a failure may have arrived or not. */
static void
all_again(struct parcel *parcels, size_t count, const struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (parcels[i].sent != SENT_REFUSED)
            parcel_retry(&parcels[i], -1, "%s", err->text);
}

static void
syslog_send(void *state, struct parcel *parcels, size_t count)
{
    struct syslog_sink *s = state;
    struct err err = {""};
    bool is_new, any = false;
    enum status st = stream_client_ready(s->client, &is_new, &err);
    size_t i = 0;

    s->out.n = 0;
    for (i = 0; i < count && st == ST_OK; i++) {
        parcel_put(s, &parcels[i]);
        any |= parcels[i].sent == SENT_DONE;
        if (parcels[i].sent == SENT_RETRY)
            err = parcels[i].err, st = ST_FULL;
        else if (is_stopping(s))
            st = err_set(&err, ST_IO, "stopping");
        else if (s->out.n >= FLUSH_SIZE)
            st = flush(s, &err);
    }
    for (; i < count; i++)
        parcel_retry(&parcels[i], -1, "%s", err.text); /* not looked at */
    if (st == ST_OK)
        st = flush(s, &err);
    if (st == ST_OK && any)
        st = s->waits_for_reading ? stream_client_finish(s->client, &err)
                                  : stream_client_settle(s->client, &err);
    if (st != ST_OK)
        all_again(parcels, count, &err);
}

/* ---- open and close ---- */

static void
syslog_close(void *state)
{
    struct syslog_sink *s = state;

    stream_client_close(s->client);
    free(s->out.p);
    free(s);
}

static enum status
client_open(struct syslog_sink *s, const struct given *g, struct err *err)
{
    const char *ca_file = given_get(g, "ca_file"), *name = given_get(g, "tls_name");
    const char *certificate = given_get(g, "certificate"), *key = given_get(g, "key");
    struct stream_options o = {
        .host = s->host,
        .port = s->port,
        .is_tls = s->is_tls,
        .name = name[0] != '\0' ? name : NULL,
        .ca_file = ca_file[0] != '\0' ? ca_file : NULL,
        .certificate_file = certificate[0] != '\0' ? certificate : NULL,
        .key = key[0] != '\0' ? span_of(key) : (struct span){NULL, 0},
        .insecure = s->insecure,
        .connect_ms_max = s->connect_ms_max,
        .stall_ms_max = s->timeout_ms,
        .stop = s->stop,
    };

    return stream_client_open(&o, &s->client, err);
}

static enum status
syslog_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
            struct err *err)
{
    const struct given g = {values, count};
    enum status st = sink_check(&sink_syslog, values, count, err);
    struct syslog_sink *s;

    if (st != ST_OK)
        return st;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ST_FULL, "syslog: no memory");
    s->stop = stop;
    st = syslog_read(s, &g, err);
    if (st == ST_OK && s->hostname[0] == '\0' &&
        (gethostname(s->hostname, sizeof s->hostname - 1) != 0 ||
         !syslog_word_is(s->hostname, SYSLOG_HOSTNAME_MAX)))
        s->hostname[0] = '\0'; /* nameless: '-' */
    if (st == ST_OK) {
        s->out.room = FLUSH_SIZE + SYSLOG_FRAME_SIZE_MAX + s->message_max;
        s->out.p = malloc(s->out.room);
        st =
            s->out.p == NULL ? err_set(err, ST_FULL, "syslog: no memory") : client_open(s, &g, err);
    }
    if (st != ST_OK) {
        syslog_close(s);
        return st;
    }
    *state = s;
    return ST_OK;
}

const struct sink_kind sink_syslog = {
    .name = "syslog",
    .help = "A SIEM or other receiver of syslog (RFC 5424), over TLS or TCP, as JSON, CEF or LEEF.",
    .guarantee =
        "at least once as far as `confirm` reaches: into the memory of the receiver's machine, or "
        "with `read` of its program; syslog has no acknowledgement",
    .framing = FRAME_ROW,
    .is_lasting_at_once = true, /* it promises what 'confirm' says */
    .body_max = ROW_MAX,
    .batch_bytes = 1 << 20,
    .batch_rows = 4096,
    .linger_ms = 1000,
    .settings = syslog_settings,
    .check = syslog_check,
    .open = syslog_open,
    .send = syslog_send,
    .close = syslog_close,
};
