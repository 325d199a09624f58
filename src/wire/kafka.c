/* kafka.c - librdkafka behind kafka.h.
 *
 * Payloads are not copied: a send returns only when librdkafka has reported on each record, or
 * after what is left was purged, or, if even that leaves something, after the whole producer was
 * destroyed (its threads are then joined, so nobody reads the payloads any more) to be made anew by
 * the next send.
 *
 * librdkafka's messages about itself go to no log: the last error is kept and becomes the reason of
 * what fails meanwhile. Values of properties never stand in an error, for they may be secrets.
 * OAuth tokens are fetched by librdkafka's background thread, the only one that uses the
 * azure_oauth after open. */
#include "wire/kafka.h"
#include "base/clock.h"
#include "wire/azure_auth.h"
#include <librdkafka/rdkafka.h>
#include <stdlib.h>

enum {
    HOST_SIZE = 300,
    POLL_STEP_MS = 50,   /* between two looks at 'stop' */
    PURGE_MS_MAX = 5000, /* how long purged records may take to be reported */
    COMMIT_MS_MAX = 10000,
    LEAVE_MS_MAX = 5000,
    FETCH_SIZE = 32 << 20,
    WIRE_BYTES = 128, /* around a message */
};

struct kafka {
    rd_kafka_t *rk;
    rd_kafka_conf_t *conf; /* to make rk from, again if need be */
    struct azure_oauth *oauth;
    atomic_bool is_closing;
    char error[280]; /* the last one librdkafka told of; "" if none since the last success */
};

struct kafka_producer {
    struct kafka kafka; /* first: librdkafka's opaque */
    struct kafka_producer_options options;
    size_t left; /* records not reported yet */
    int64_t throttle_ms;
};

struct kafka_consumer {
    struct kafka kafka; /* first: librdkafka's opaque */
    rd_kafka_message_t *lent[KAFKA_POLL_MAX];
    size_t lent_count;
};

/* ---- options to properties ---- */

struct derived { /* what the options do not say outright */
    char bootstrap[HOST_SIZE + 8], scope[HOST_SIZE + 32];
    const char *protocol;
    bool is_oauth, is_plain;
};

static bool
has(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* "sb://ns.servicebus.windows.net/" to "ns.servicebus.windows.net:9093" */
static enum status
bootstrap_of(const char *connection_string, char out[HOST_SIZE + 8], struct err *err)
{
    struct span endpoint = azure_connection_value(connection_string, "Endpoint");
    struct span emulator = azure_connection_value(connection_string, "UseDevelopmentEmulator");
    size_t n;

    if (endpoint.n > 5 && memcmp(endpoint.p, "sb://", 5) == 0) {
        endpoint.p += 5;
        endpoint.n -= 5;
    }
    for (n = 0; n < endpoint.n && endpoint.p[n] != '/' && endpoint.p[n] != ':'; n++)
        ;
    if (n == 0 || n >= HOST_SIZE)
        return err_set(
            err, ST_INVALID,
            "the connection string has no Endpoint=sb://NAMESPACE.servicebus.windows.net/");
    snprintf(out, HOST_SIZE + 8, "%.*s:%d", (int)n, endpoint.p,
             span_is(emulator, "true") ? 9092 : 9093);
    return ST_OK;
}

static enum status
protocol_of(const struct kafka_options *o, struct derived *d, struct err *err)
{
    static const struct {
        const char *name, *protocol;
        bool is_sasl;
    } names[] = {
        {"plain",      "plaintext",      false},
        {"tls",        "ssl",            false},
        {"sasl_plain", "sasl_plaintext", true },
        {"sasl_tls",   "sasl_ssl",       true },
    };
    bool is_sasl = d->is_oauth || d->is_plain;
    struct span emulator =
        has(o->connection_string)
            ? azure_connection_value(o->connection_string, "UseDevelopmentEmulator")
            : (struct span){NULL, 0};

    if (!has(o->security)) {
        d->protocol = !is_sasl                    ? "plaintext"
                      : span_is(emulator, "true") ? "sasl_plaintext"
                                                  : "sasl_ssl";
        return ST_OK;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i].name, o->security) != 0)
            continue;
        if (names[i].is_sasl != is_sasl)
            return err_set(err, ST_INVALID,
                           is_sasl ? "Kafka: security %s takes no credential: use sasl_tls"
                                   : "Kafka: security %s needs a connection string, a user with a "
                                     "password, or OAuth",
                           o->security);
        d->protocol = names[i].protocol;
        return ST_OK;
    }
    return err_set(err, ST_INVALID,
                   "Kafka: security '%.40s' is none of plain, tls, sasl_plain, sasl_tls",
                   o->security);
}

static enum status
derive(const struct kafka_options *o, struct derived *d, struct err *err)
{
    enum status st = ST_OK;

    *d = (struct derived){.is_oauth = has(o->oauth_client_id),
                          .is_plain = has(o->connection_string) || has(o->user)};
    if (has(o->bootstrap)) {
        if (strlen(o->bootstrap) < sizeof d->bootstrap)
            snprintf(d->bootstrap, sizeof d->bootstrap, "%s", o->bootstrap);
    } else if (has(o->connection_string)) {
        st = bootstrap_of(o->connection_string, d->bootstrap, err);
    } else {
        return err_set(err, ST_INVALID,
                       "Kafka: set the brokers (HOST:PORT) or a connection string");
    }
    if (st != ST_OK)
        return st;
    if ((d->is_oauth && d->is_plain) || (has(o->connection_string) && has(o->user)))
        return err_set(err, ST_INVALID,
                       "Kafka: more than one credential: keep the connection string, the user, or "
                       "the OAuth client");
    if (has(o->user) != has(o->password))
        return err_set(err, ST_INVALID, "Kafka: a user needs a password, and the other way round");
    if (d->is_oauth && (!has(o->oauth_tenant) || !has(o->oauth_client_secret)))
        return err_set(err, ST_INVALID, "Kafka: the OAuth client needs a tenant and a secret");
    if (has(o->oauth_scope))
        snprintf(d->scope, sizeof d->scope, "%.*s", (int)sizeof d->scope - 1, o->oauth_scope);
    else if (d->is_oauth)
        snprintf(d->scope, sizeof d->scope, "https://%.*s/.default",
                 (int)strcspn(has(o->bootstrap) ? o->bootstrap : d->bootstrap, ":,"),
                 has(o->bootstrap) ? o->bootstrap : d->bootstrap);
    return protocol_of(o, d, err);
}

static enum status
set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return ST_OK;
    return err_set(err, ST_INVALID,
                   "Kafka: there is no property %.80s, or it does not take the value", name);
}

static enum status
set_all(rd_kafka_conf_t *conf, const struct kafka_setting *settings, size_t count, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < count && st == ST_OK; i++)
        if (settings[i].value != NULL)
            st = set(conf, settings[i].name, settings[i].value, err);
    return st;
}

/* What would load code into the process is not for a setting to give. */
static enum status
set_given(rd_kafka_conf_t *conf, const struct kafka_options *o, struct err *err)
{
    static const char *const never[] = {"plugin.library.paths", "ssl.engine.location",
                                        "ssl.providers"};

    for (size_t i = 0; i < o->setting_count; i++)
        for (size_t k = 0; k < COUNT_OF(never); k++)
            if (strcmp(o->settings[i].name, never[k]) == 0)
                return err_set(err, ST_INVALID, "Kafka: the property %s may not be set", never[k]);
    return set_all(conf, o->settings, o->setting_count, err);
}

static enum status
conf_make(const struct kafka_options *o, const struct derived *d, const struct kafka_setting *extra,
          size_t extra_count, rd_kafka_conf_t **conf, struct err *err)
{
    const char *mechanism = d->is_oauth ? "OAUTHBEARER" : d->is_plain ? "PLAIN" : NULL;
    const struct kafka_setting settings[] = {
        {"client.id",                             "penstock"                                     },
        {"bootstrap.servers",                     has(o->bootstrap) ? o->bootstrap : d->bootstrap},
        {"security.protocol",                     d->protocol                                    },
        {"sasl.mechanism",                        mechanism                                      },
        {"sasl.username",                         has(o->connection_string) ? "$ConnectionString"
                          : has(o->user)            ? o->user
                                                    : NULL              },
        {"sasl.password",                         has(o->connection_string) ? o->connection_string
                          : has(o->user)            ? o->password
                                                    : NULL              },
        {"ssl.ca.location",                       has(o->ca_file) ? o->ca_file : NULL            },
        {"enable.ssl.certificate.verification",   o->insecure ? "false" : NULL                   },
        {"ssl.endpoint.identification.algorithm", o->insecure ? "none" : "https"                 },
 /* streaming-api.md section 9.3: idle connections are cut after 240 s */
        {"socket.keepalive.enable",               "true"                                         },
        {"metadata.max.age.ms",                   "180000"                                       },
        {"connections.max.idle.ms",               "180000"                                       },
        {"request.timeout.ms",                    NULL                                           },
        {"reconnect.backoff.max.ms",              "5000"                                         },
    };
    enum status st;

    *conf = rd_kafka_conf_new();
    st = set_all(*conf, settings, COUNT_OF(settings), err);
    if (st == ST_OK)
        st = set_all(*conf, extra, extra_count, err);
    if (st == ST_OK)
        st = set_given(*conf, o, err);
    if (st == ST_OK)
        return ST_OK;
    rd_kafka_conf_destroy(*conf);
    *conf = NULL;
    return st;
}

enum status
kafka_check(const struct kafka_options *o, struct err *err)
{
    struct derived d;
    rd_kafka_conf_t *conf;
    enum status st = derive(o, &d, err);

    if (st == ST_OK)
        st = conf_make(o, &d, NULL, 0, &conf, err);
    if (st == ST_OK)
        rd_kafka_conf_destroy(conf);
    return st;
}

/* ---- what librdkafka calls ---- */

static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka *k = opaque;

    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && k->error[0] != '\0')
        return; /* why they are is already known */
    snprintf(k->error, sizeof k->error, "%s",
             reason[0] != '\0' ? reason : rd_kafka_err2str((rd_kafka_resp_err_t)code));
    for (char *c = k->error; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

static void
on_token(rd_kafka_t *rk, const char *config, void *opaque)
{
    struct kafka *k = opaque;
    int64_t now_ms = clock_monotonic_ms(), expires_ms;
    const char *token;
    char text[256];
    struct err err;

    (void)config;
    if (azure_oauth_token(k->oauth, now_ms, &token, &expires_ms, &err) != ST_OK) {
        rd_kafka_oauthbearer_set_token_failure(rk, err.text);
        return;
    }
    int64_t unix_ms = (clock_ticks() - TICKS_AT_UNIX_EPOCH) / (TICKS_PER_SECOND / 1000);

    if (rd_kafka_oauthbearer_set_token(rk, token, unix_ms + expires_ms - now_ms, "penstock", NULL,
                                       0, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        azure_oauth_forget(k->oauth);
        rd_kafka_oauthbearer_set_token_failure(rk, text);
    }
}

static void
on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_producer *p = opaque;
    struct kafka_record *record = message->_private;

    (void)rk;
    p->left--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        record->result = KAFKA_DONE;
        record->err.text[0] = '\0';
        p->kafka.error[0] = '\0';
        return;
    }
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        record->result = KAFKA_TOO_LARGE;
        break;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    /* librdkafka keeps that until it looks again */
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        record->result = KAFKA_NO_TOPIC;
        break;
    default:
        record->result = KAFKA_LATER;
    }
    bool is_purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                     message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;

    (void)err_set(&record->err, ST_IO, "topic %s: %s%s%s", record->topic,
                  is_purged ? "not answered in time" : rd_kafka_err2str(message->err),
                  p->kafka.error[0] != '\0' ? "; " : "", p->kafka.error);
}

static void
on_throttle(rd_kafka_t *rk, const char *broker, int32_t id, int throttle_ms, void *opaque)
{
    struct kafka_producer *p = opaque;

    (void)rk, (void)broker, (void)id;
    if (throttle_ms > p->throttle_ms)
        p->throttle_ms = throttle_ms;
}

/* ---- the handle ---- */

static void
kafka_release(struct kafka *k)
{
    atomic_store(&k->is_closing, true);
    if (k->rk != NULL)
        rd_kafka_destroy_flags(k->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (k->conf != NULL)
        rd_kafka_conf_destroy(k->conf);
    azure_oauth_close(k->oauth);
}

/* Makes the client of k->conf, which stays for the next time. */
static enum status
kafka_start(struct kafka *k, rd_kafka_type_t type, struct err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(k->conf);
    char text[200];

    k->rk = rd_kafka_new(type, conf, text, sizeof text);
    if (k->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, ST_INVALID, "Kafka: %s", text);
    }
    if (k->oauth != NULL) {
        rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(k->rk);

        if (error != NULL) {
            (void)err_set(err, ST_INVALID, "Kafka: %s", rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
            rd_kafka_destroy(k->rk);
            k->rk = NULL;
            return ST_INVALID;
        }
    }
    return ST_OK;
}

static enum status
kafka_open(struct kafka *k, const struct kafka_options *o, const struct kafka_setting *extra,
           size_t extra_count, struct err *err)
{
    struct derived d;
    enum status st = derive(o, &d, err);

    if (st == ST_OK)
        st = conf_make(o, &d, extra, extra_count, &k->conf, err);
    if (st == ST_OK && d.is_oauth)
        st = azure_oauth_open(
            &(struct azure_oauth_options){
                .authority = has(o->oauth_authority) ? o->oauth_authority : NULL,
                .tenant = o->oauth_tenant,
                .client_id = o->oauth_client_id,
                .client_secret = o->oauth_client_secret,
                .scope = d.scope,
                .ca_file = has(o->ca_file) ? o->ca_file : NULL,
                .insecure = o->insecure,
                .stop = &k->is_closing,
            },
            &k->oauth, err);
    if (st != ST_OK)
        return st;
    rd_kafka_conf_set_opaque(k->conf, k);
    rd_kafka_conf_set_log_cb(k->conf, NULL);
    rd_kafka_conf_set_error_cb(k->conf, on_error);
    if (k->oauth != NULL) {
        rd_kafka_conf_enable_sasl_queue(k->conf, 1);
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(k->conf, on_token);
    }
    return ST_OK;
}

/* ---- writing ---- */

enum status
kafka_producer_open(const struct kafka_options *o, const struct kafka_producer_options *po,
                    struct kafka_producer **producer, struct err *err)
{
    char message[24], queue[24];
    /* One request at a time. On a topic made a moment ago the first request may be turned away while
     * the second is taken: a broker that knows nothing of a producer takes any first sequence
     * number, and then answers the first one's retry as a repeat, without writing it. */
    const struct kafka_setting extra[] = {
        {"acks",                                  "all"                               },
        {"enable.idempotence",                    po->is_idempotent ? "true" : "false"},
        {"max.in.flight.requests.per.connection", "1"                                 },
        {"compression.codec",                     "none"                              },
        {"message.max.bytes",                     message                             },
 /* kafka_producer_send gives up by purging */
        {"message.timeout.ms",                    "0"                                 },
        {"queue.buffering.max.kbytes",            queue                               },
        {"linger.ms",                             "1"                                 },
        {"sticky.partitioning.linger.ms",
         /* each message is a batch of its own: spread them */
         "0"                                                                          },
    };
    struct kafka_producer *p = calloc(1, sizeof *p);
    enum status st;

    if (p == NULL)
        return err_set(err, ST_FULL, "Kafka: no memory");
    /* librdkafka counts the wire's own bytes, too, and takes 1000 and more here; smaller limits are
     * ours to hold */
    snprintf(message, sizeof message, "%zu",
             (po->message_size_max < 1000 ? (size_t)1000 : po->message_size_max) + WIRE_BYTES);
    snprintf(queue, sizeof queue, "%zu", po->queue_size_max / 1024 + 1);
    p->options = *po;
    st = kafka_open(&p->kafka, o, extra, COUNT_OF(extra), err);
    if (st == ST_OK) {
        rd_kafka_conf_set_dr_msg_cb(p->kafka.conf, on_report);
        rd_kafka_conf_set_throttle_cb(p->kafka.conf, on_throttle);
        st = kafka_start(&p->kafka, RD_KAFKA_PRODUCER, err);
    }
    if (st != ST_OK) {
        kafka_producer_close(p);
        return st;
    }
    *producer = p;
    return ST_OK;
}

void
kafka_producer_close(struct kafka_producer *p)
{
    if (p == NULL)
        return;
    kafka_release(&p->kafka);
    free(p);
}

static bool
is_over(const struct kafka_producer *p, int64_t until_ms)
{
    return (p->options.stop != NULL &&
            atomic_load_explicit(p->options.stop, memory_order_relaxed)) ||
           clock_monotonic_ms() >= until_ms;
}

/* Hands one record to librdkafka; what cannot be handed over gets its result at once. */
static void
record_produce(struct kafka_producer *p, struct kafka_record *r, int64_t until_ms)
{
    rd_kafka_resp_err_t code;

    r->result = KAFKA_LATER;
    if (r->payload.n + r->key.n > p->options.message_size_max) {
        r->result = KAFKA_TOO_LARGE;
        (void)err_set(&r->err, ST_INVALID,
                      "topic %s: %zu bytes are more than the message limit of %zu", r->topic,
                      r->payload.n + r->key.n, p->options.message_size_max);
        return;
    }
    do {
        /* payload without const: librdkafka only reads what it was not told to free. Its macros
         * check their types with an extension that clang would tell of. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
        if (r->id.n > 0)
            code = rd_kafka_producev(
                p->kafka.rk, RD_KAFKA_V_TOPIC(r->topic),
                RD_KAFKA_V_VALUE((void *)(uintptr_t)r->payload.p, r->payload.n),
                RD_KAFKA_V_KEY(r->key.p, r->key.n), RD_KAFKA_V_OPAQUE(r),
                RD_KAFKA_V_HEADER(KAFKA_ID_HEADER, r->id.p, (ssize_t)r->id.n), RD_KAFKA_V_END);
        else
            code = rd_kafka_producev(
                p->kafka.rk, RD_KAFKA_V_TOPIC(r->topic),
                RD_KAFKA_V_VALUE((void *)(uintptr_t)r->payload.p, r->payload.n),
                RD_KAFKA_V_KEY(r->key.p, r->key.n), RD_KAFKA_V_OPAQUE(r), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            p->left++;
            return;
        }
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(p->kafka.rk, POLL_STEP_MS);
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !is_over(p, until_ms));
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        r->result = KAFKA_TOO_LARGE;
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
        code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        r->result = KAFKA_NO_TOPIC;
    (void)err_set(&r->err, ST_IO, "topic %s: %s%s%s", r->topic, rd_kafka_err2str(code),
                  p->kafka.error[0] != '\0' ? "; " : "", p->kafka.error);
}

/* A fatal error (of the idempotent producer's state) or records that do not come back: starts
 * over. */
static void
producer_renew(struct kafka_producer *p)
{
    rd_kafka_destroy(p->kafka.rk);
    p->kafka.rk = NULL;
    p->left = 0;
}

void
kafka_producer_send(struct kafka_producer *p, struct kafka_record *records, size_t count,
                    int wait_ms, int64_t *throttle_ms)
{
    int64_t until_ms = clock_monotonic_ms() + wait_ms;
    char text[8];
    struct err err;

    p->throttle_ms = 0;
    for (size_t i = 0; i < count; i++) {
        records[i].result = KAFKA_LATER;
        (void)err_set(&records[i].err, ST_IO, "topic %s: not answered in time%s%.200s",
                      records[i].topic, p->kafka.error[0] != '\0' ? "; " : "", p->kafka.error);
    }
    if (p->kafka.rk == NULL && kafka_start(&p->kafka, RD_KAFKA_PRODUCER, &err) != ST_OK) {
        for (size_t i = 0; i < count; i++)
            records[i].err = err;
        *throttle_ms = 0;
        return;
    }
    for (size_t i = 0; i < count && !is_over(p, until_ms); i++)
        record_produce(p, &records[i], until_ms);
    while (p->left > 0 && !is_over(p, until_ms))
        rd_kafka_poll(p->kafka.rk, POLL_STEP_MS);
    bool is_purged = p->left > 0;

    if (is_purged) {
        rd_kafka_purge(p->kafka.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        until_ms = clock_monotonic_ms() + PURGE_MS_MAX;
        while (p->left > 0 && clock_monotonic_ms() < until_ms)
            rd_kafka_poll(p->kafka.rk, POLL_STEP_MS);
    }
    /* After a purge a new producer: what was under way may still arrive, under sequence numbers that
     * this one might give to the next records, which the broker would then take for repeats: answered
     * well and never written. And no thread of the old one looks at the payloads any more. */
    if (is_purged || rd_kafka_fatal_error(p->kafka.rk, text, sizeof text) != 0)
        producer_renew(p);
    *throttle_ms = p->throttle_ms;
}

/* ---- topics ---- */

/* What librdkafka said of the connection tells more than that something failed. */
static enum status
topic_failed(struct kafka_producer *p, const char *topic, const char *why, struct err *err)
{
    return err_set(err, ST_IO, "topic %s: %s", topic,
                   p->kafka.error[0] != '\0' ? p->kafka.error : why);
}

/* ST_OK: there. ST_END: not there. ST_FULL: not ready yet. ST_IO: nobody knows. */
static enum status
topic_look(struct kafka_producer *p, const char *topic, int wait_ms, struct err *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(p->kafka.rk, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    enum status st = ST_OK;

    if (handle == NULL)
        return topic_failed(p, topic, rd_kafka_err2str(rd_kafka_last_error()), err);
    rd_kafka_resp_err_t code = rd_kafka_metadata(p->kafka.rk, 0, handle, &metadata, wait_ms);

    rd_kafka_poll(p->kafka.rk, 0); /* on_error may have more to say */
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1)
        code = metadata->topics[0].err;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        st = ST_END;
    else if (code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        st = ST_FULL;
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        st = ST_IO;
    else if (metadata->topic_cnt != 1 || metadata->topics[0].partition_cnt == 0)
        st = ST_FULL;
    if (st != ST_OK)
        (void)topic_failed(p, topic, rd_kafka_err2str(code), err);
    else
        p->kafka.error[0] = '\0';
    if (metadata != NULL)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return st;
}

static enum status
topic_make(struct kafka_producer *p, const char *topic, int partitions, int replication,
           int wait_ms, struct err *err)
{
    char text[200];
    rd_kafka_NewTopic_t *made =
        rd_kafka_NewTopic_new(topic, partitions, replication, text, sizeof text);

    if (made == NULL)
        return err_set(err, ST_INVALID, "topic %s: %s", topic, text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->kafka.rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(p->kafka.rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    enum status st = ST_IO;

    rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, text, sizeof text);
    rd_kafka_CreateTopics(p->kafka.rk, &made, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, wait_ms);

    if (event == NULL) {
        (void)topic_failed(p, topic, "the broker did not answer in time", err);
    } else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)topic_failed(p, topic, rd_kafka_event_error_string(event), err);
    } else {
        size_t count;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        rd_kafka_resp_err_t code =
            count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;

        st = ST_OK;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            st = err_set(err, ST_IO,
                         "topic %s is not there and cannot be made (%s): make it, or allow it",
                         topic, rd_kafka_err2str(code));
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(made);
    return st;
}

enum status
kafka_topic_ensure(struct kafka_producer *p, const char *topic, int partitions, int replication,
                   int wait_ms, struct err *err)
{
    int64_t until_ms = clock_monotonic_ms() + wait_ms;
    bool is_made = false;
    enum status st = ST_IO;

    if (p->kafka.rk == NULL) {
        st = kafka_start(&p->kafka, RD_KAFKA_PRODUCER, err);
        if (st != ST_OK)
            return st;
    }
    while (!is_over(p, until_ms)) {
        int left_ms = (int)(until_ms - clock_monotonic_ms());

        /* in short steps, so that 'stop' ends it */
        st = topic_look(p, topic, left_ms < 500 ? left_ms : 500, err);
        if (st == ST_OK)
            return ST_OK;
        if (st == ST_END && !is_made) {
            left_ms = (int)(until_ms - clock_monotonic_ms());
            st = topic_make(p, topic, partitions, replication, left_ms < 100 ? 100 : left_ms, err);
            if (st != ST_OK)
                return ST_IO;
            is_made = true;
        } else {
            rd_kafka_poll(p->kafka.rk, POLL_STEP_MS); /* a new topic takes a moment */
        }
    }
    if (st == ST_IO && p->kafka.error[0] == '\0' && p->options.stop != NULL &&
        atomic_load(p->options.stop))
        return err_set(err, ST_IO, "topic %s: stopping", topic);
    return st == ST_OK ? err_set(err, ST_IO, "topic %s: stopping", topic) : ST_IO;
}

/* ---- reading ---- */

enum status
kafka_consumer_open(const struct kafka_options *o, const char *group, const char *const *topics,
                    size_t topic_count, bool from_start, size_t fetch_size_max,
                    struct kafka_consumer **consumer, struct err *err)
{
    size_t size = fetch_size_max == 0 ? FETCH_SIZE : fetch_size_max;
    char queued[24], fetch[24];
    const struct kafka_setting extra[] = {
        {"group.id",                   group                             },
        {"enable.auto.commit",         "false"                           },
        {"enable.auto.offset.store",   "false"                           },
        {"auto.offset.reset",          from_start ? "earliest" : "latest"},
        {"allow.auto.create.topics",   "false"                           },
        {"max.poll.interval.ms",       "3600000"                         },
        {"queued.max.messages.kbytes", queued                            },
        {"fetch.max.bytes",            fetch                             },
    };
    struct kafka_consumer *c;
    enum status st;

    if (topic_count == 0 || !has(group))
        return err_set(err, ST_INVALID, "Kafka: reading needs a consumer group and a topic");
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ST_FULL, "Kafka: no memory");
    if (size < 2 << 20)
        size = 2 << 20; /* fetch.max.bytes may not be below message.max.bytes */
    snprintf(queued, sizeof queued, "%zu", size / 1024);
    snprintf(fetch, sizeof fetch, "%zu", size / 2 < 1 << 20 ? (size_t)1 << 20 : size / 2);
    st = kafka_open(&c->kafka, o, extra, COUNT_OF(extra), err);
    if (st == ST_OK)
        st = kafka_start(&c->kafka, RD_KAFKA_CONSUMER, err);
    if (st == ST_OK) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topic_count);

        rd_kafka_poll_set_consumer(c->kafka.rk);
        for (size_t i = 0; i < topic_count; i++)
            rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
        rd_kafka_resp_err_t code = rd_kafka_subscribe(c->kafka.rk, list);

        rd_kafka_topic_partition_list_destroy(list);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            st = err_set(err, ST_INVALID, "Kafka: cannot subscribe: %s", rd_kafka_err2str(code));
    }
    if (st != ST_OK) {
        kafka_consumer_close(c);
        return st;
    }
    *consumer = c;
    return ST_OK;
}

static void
lent_return(struct kafka_consumer *c)
{
    for (size_t i = 0; i < c->lent_count; i++)
        rd_kafka_message_destroy(c->lent[i]);
    c->lent_count = 0;
}

/* Lends from the message. */
static struct span
id_of(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;

    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, KAFKA_ID_HEADER, &value, &size) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
        return (struct span){NULL, 0};
    return (struct span){value, size};
}

enum status
kafka_consumer_poll(struct kafka_consumer *c, struct kafka_message *messages, size_t max,
                    int wait_ms, size_t *count, struct err *err)
{
    lent_return(c);
    *count = 0;
    if (max > KAFKA_POLL_MAX)
        max = KAFKA_POLL_MAX;
    while (*count < max) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->kafka.rk, *count == 0 ? wait_ms : 0);

        if (m == NULL)
            break;
        if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            const char *topic = m->rkt != NULL ? rd_kafka_topic_name(m->rkt) : "";

            (void)err_set(err, ST_IO, "Kafka %s: %.150s", topic, rd_kafka_message_errstr(m));
            rd_kafka_message_destroy(m);
            if (*count == 0)
                return ST_IO;
            break; /* what came before it is given first; a lasting error comes again */
        }
        messages[*count] = (struct kafka_message){
            .topic = rd_kafka_topic_name(m->rkt),
            .partition = m->partition,
            .offset = m->offset,
            .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
            .key = {m->key,     m->key_len},
            .payload = {m->payload, m->len    },
            .id = id_of(m),
        };
        c->lent[c->lent_count++] = m;
        (*count)++;
    }
    if (*count > 0) {
        c->kafka.error[0] = '\0';
        return ST_OK;
    }
    if (c->kafka.error[0] == '\0')
        return ST_END;
    (void)err_set(err, ST_IO, "Kafka: %s", c->kafka.error);
    c->kafka.error[0] = '\0'; /* said once; librdkafka tells it again while it lasts */
    return ST_IO;
}

enum status
kafka_consumer_commit(struct kafka_consumer *c, const struct kafka_offset *offsets, size_t count,
                      struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(c->kafka.rk);
    rd_kafka_event_t *event = NULL;
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition)->offset =
            offsets[i].offset;
    code = rd_kafka_commit_queue(c->kafka.rk, list, queue, NULL, NULL);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        event = rd_kafka_queue_poll(queue, COMMIT_MS_MAX);
        code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    }
    if (event != NULL && code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const rd_kafka_topic_partition_list_t *done = rd_kafka_event_topic_partition_list(event);

        for (int i = 0; done != NULL && i < done->cnt; i++)
            if (done->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
                code = done->elems[i].err;
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(err, ST_IO, "Kafka: cannot commit: %s", rd_kafka_err2str(code));
    return ST_OK;
}

enum status
kafka_consumer_seek(struct kafka_consumer *c, const char *topic, int32_t partition, int64_t offset,
                    struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_error_t *error;
    enum status st = ST_OK;

    at->offset = offset;
    error = rd_kafka_seek_partitions(c->kafka.rk, list, COMMIT_MS_MAX);
    if (error != NULL)
        st = err_set(err, ST_IO, "Kafka %s: cannot go back: %s", topic,
                     rd_kafka_error_string(error));
    else if (at->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        st = err_set(err, ST_IO, "Kafka %s: cannot go back: %s", topic, rd_kafka_err2str(at->err));
    if (error != NULL)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    return st;
}

/* Leaving waits for the group's coordinator; when that one is away the group finds out by
 * itself. */
static void
group_leave(rd_kafka_t *rk)
{
    int64_t until_ms = clock_monotonic_ms() + LEAVE_MS_MAX;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(rk, queue);

    while (error == NULL && !rd_kafka_consumer_closed(rk) && clock_monotonic_ms() < until_ms) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, POLL_STEP_MS);

        if (event != NULL)
            rd_kafka_event_destroy(event);
    }
    if (error != NULL)
        rd_kafka_error_destroy(error);
    rd_kafka_queue_destroy(queue);
}

void
kafka_consumer_close(struct kafka_consumer *c)
{
    if (c == NULL)
        return;
    lent_return(c);
    atomic_store(&c->kafka.is_closing, true);
    if (c->kafka.rk != NULL)
        group_leave(c->kafka.rk);
    kafka_release(&c->kafka);
    free(c);
}
