/* kafka.c - Azure Event Hubs by its Kafka endpoint, or any Kafka: messages {"records":[...]} of one
 * category each.
 *
 * A window is handed to the producer as a whole, and the call returns when each message was
 * answered. The idempotent producer keeps retries inside of librdkafka from doubling messages; what
 * is taken back at the end of the wait may still have arrived, so that a message sent again later
 * can be there twice (at least once).
 *
 * Too large for the broker is the only thing that is refused: the caller takes the message apart,
 * and parks a single row that is too large. All else (no topic, no right, a wrong key, a broker
 * away) is mended by a person or by time. */
#include "wire/kafka.h"
#include "base/clock.h"
#include "sink/layout.h"
#include "sink/parcel.h"
#include "wire/azure_auth.h"
#include <ctype.h>
#include <stdlib.h>

enum {
    MESSAGE_MAX = 1000000,     /* streaming-api.md section 9.3 */
    QUEUE_SIZE_MAX = 64 << 20, /* bytes of a window that librdkafka may hold */
    TOPICS_MAX = 256,          /* remembered as being there; then all are asked for again */
    TOPIC_SIZE = 250,          /* Kafka's limit is 249 */
    TOPIC_MS_MAX = 15000,      /* how long a topic may take to be found or made */
    PROPERTIES_MAX = 32,
};

struct kafka_sink {
    struct kafka_producer *producer;
    const atomic_bool *stop;
    char hub[TOPIC_SIZE]; /* "": one per category */
    bool key_is_tenant;
    size_t message_bytes;
    int partitions, replication, timeout_ms;
    size_t topic_count;
    char topics[TOPICS_MAX][TOPIC_SIZE];
    struct kafka_record *records; /* room for one window */
    char (*record_topics)[TOPIC_SIZE];
    char (*record_ids)[PARCEL_IDENTITY_SIZE];
    struct parcel **record_parcels;
    size_t room;
};

static const struct sink_setting kafka_settings[] = {
    {.name = "brokers",
     .help =
         "HOST:PORT,HOST:PORT; for Event Hubs NAMESPACE.servicebus.windows.net:9093. Not needed "
         "with connection_string.", .is_optional = true},
    {.name = "connection_string",
     .help = "Event Hubs connection string with the right to send. Its EntityPath is the hub, "
             "unless hub is set.", .is_optional = true,
     .is_secret = true},
    {.name = "hub",
     .help = "Event hub (topic) for everything; else one per category, insights-logs-<category>.",
     .is_optional = true},
    {.name = "security",
     .help =
         "plain, tls, sasl_plain or sasl_tls; by default sasl_tls with a credential, else plain.", .is_optional = true},
    {.name = "user",                                                                                            .help = "SASL PLAIN user of a Kafka.", .is_optional = true},
    {.name = "password", .help = "Its password.", .is_optional = true, .is_secret = true},
    {.name = "tenant",
     .help = "Entra tenant of the identity that sends (OAUTHBEARER); it needs 'Azure Event Hubs "
             "Data Sender'.", .is_optional = true},
    {.name = "client_id", .help = "Its application (client) id.", .is_optional = true},
    {.name = "client_secret",                                                                                            .help = "Its client secret.", .is_optional = true, .is_secret = true},
    {.name = "authority",
     .help = "Where tokens come from.",
     .default_value = "https://login.microsoftonline.com"},
    {.name = "scope",
     .help = "What the token is for; by default https://HOST/.default of the first broker.",
     .is_optional = true},
    {.name = "ca_file",
     .help = "PEM file of the authorities to trust instead of the system's.",
     .is_optional = true,
     .is_file = true},
    {.name = "insecure",
     .help = "true: do not verify the broker's certificate.",
     .default_value = "false"},
    {.name = "message_bytes",
     .help = "Bytes that a message has at most, 1000 to 1000000.",
     .default_value = "1000000"},
    {.name = "key",
     .help = "Message key: none, or tenantId (one tenant's messages stay in one partition).",
     .default_value = "none"},
    {.name = "partitions",
     .help = "Partitions of topics that are made; -1: the broker's default.",
     .default_value = "-1"},
    {.name = "replication",
     .help = "Replicas of topics that are made; -1: the broker's default.",
     .default_value = "-1"},
    {.name = "idempotent",
     .help = "false for brokers without idempotent producers: retries may then double messages.",
     .default_value = "true"},
    {.name = "timeout_ms",
     .help = "How long messages may stay unanswered before they are taken back.",
     .default_value = "30000"},
    {.name = "properties",
     .help = "Further librdkafka properties, NAME=VALUE;NAME=VALUE.",
     .is_optional = true,
     .is_secret = true},
    {0                                                           },
};

struct read { /* the settings as the wire wants them; text lives in the values or here */
    struct kafka_options options;
    struct kafka_producer_options producer;
    struct kafka_setting properties[PROPERTIES_MAX];
    char text[4096];
};

static enum status
read_number(const struct sink_value *values, size_t count, const char *name, long min, long max,
            long *number, struct err *err)
{
    char *end;
    const char *text = sink_value_get(&sink_kafka, values, count, name);

    *number = strtol(text, &end, 10);
    if (*end != '\0' || end == text || ((*number < min || *number > max) && *number != -1) ||
        (*number == -1 && min > 1))
        return err_set(err, ST_INVALID, "kafka: %s is a number from %ld to %ld", name, min, max);
    return ST_OK;
}

static enum status
read_bool(const struct sink_value *values, size_t count, const char *name, bool *is_true,
          struct err *err)
{
    const char *text = sink_value_get(&sink_kafka, values, count, name);

    *is_true = strcmp(text, "true") == 0;
    if (!*is_true && strcmp(text, "false") != 0)
        return err_set(err, ST_INVALID, "kafka: %s is true or false", name);
    return ST_OK;
}

static enum status
read_properties(struct read *r, const char *text, struct err *err)
{
    size_t count = 0;

    if (text == NULL || text[0] == '\0')
        return ST_OK;
    if (strlen(text) >= sizeof r->text)
        return err_set(err, ST_INVALID, "kafka: properties has more than %zu bytes",
                       sizeof r->text - 1);
    snprintf(r->text, sizeof r->text, "%s", text);
    for (char *save = NULL, *one = strtok_r(r->text, ";", &save); one != NULL;
         one = strtok_r(NULL, ";", &save)) {
        char *equals = strchr(one, '=');

        if (equals == NULL || equals == one || count == PROPERTIES_MAX)
            return err_set(err, ST_INVALID,
                           "kafka: properties is NAME=VALUE;NAME=VALUE, at most %d",
                           PROPERTIES_MAX);
        *equals = '\0';
        r->properties[count++] = (struct kafka_setting){one, equals + 1};
    }
    r->options.settings = r->properties;
    r->options.setting_count = count;
    return ST_OK;
}

static enum status
read_hub(struct kafka_sink *k, const char *hub, const char *connection_string, struct err *err)
{
    enum status st = ST_END;

    if (hub != NULL && hub[0] != '\0') {
        if (strlen(hub) >= sizeof k->hub)
            return err_set(err, ST_INVALID, "kafka: hub has more than %d characters",
                           TOPIC_SIZE - 1);
        snprintf(k->hub, sizeof k->hub, "%s", hub);
    } else if (connection_string != NULL) {
        st = azure_connection_copy(connection_string, "EntityPath", k->hub, sizeof k->hub, err);
        if (st == ST_END)
            k->hub[0] = '\0';
    }
    if (st == ST_INVALID)
        return st;
    for (const char *c = k->hub; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
            return err_set(err, ST_INVALID,
                           "kafka: hub '%.100s' is no hub's name: letters, digits, '.', '_', '-'",
                           k->hub);
    if (strcmp(k->hub, ".") == 0 || strcmp(k->hub, "..") == 0)
        return err_set(err, ST_INVALID, "kafka: hub '%s' is no hub's name", k->hub);
    return ST_OK;
}

/* All of the settings into *k and *r; nothing is opened. */
static enum status
kafka_read(struct kafka_sink *k, struct read *r, const struct sink_value *values, size_t count,
           struct err *err)
{
#define VALUE(name) sink_value_get(&sink_kafka, values, count, name)
    const char *key = VALUE("key");
    long bytes = 0, partitions = 0, replication = 0, timeout = 0;
    bool insecure = false, idempotent = false;
    enum status st = read_hub(k, VALUE("hub"), VALUE("connection_string"), err);

    memset(r, 0, sizeof *r);
    if (st == ST_OK)
        st = read_number(values, count, "message_bytes", 1000, MESSAGE_MAX, &bytes, err);
    if (st == ST_OK)
        st = read_number(values, count, "partitions", 1, 10000, &partitions, err);
    if (st == ST_OK)
        st = read_number(values, count, "replication", 1, 100, &replication, err);
    if (st == ST_OK)
        st = read_number(values, count, "timeout_ms", 100, 600000, &timeout, err);
    if (st == ST_OK)
        st = read_bool(values, count, "insecure", &insecure, err);
    if (st == ST_OK)
        st = read_bool(values, count, "idempotent", &idempotent, err);
    if (st == ST_OK && strcmp(key, "none") != 0 && strcmp(key, "tenantId") != 0)
        st = err_set(err, ST_INVALID, "kafka: key is none or tenantId");
    if (st == ST_OK)
        st = read_properties(r, VALUE("properties"), err);
    if (st != ST_OK)
        return st;
    k->key_is_tenant = strcmp(key, "tenantId") == 0;
    k->message_bytes = (size_t)bytes;
    k->partitions = (int)partitions;
    k->replication = (int)replication;
    k->timeout_ms = (int)timeout;
    r->options.bootstrap = VALUE("brokers");
    r->options.security = VALUE("security");
    r->options.connection_string = VALUE("connection_string");
    r->options.user = VALUE("user");
    r->options.password = VALUE("password");
    r->options.oauth_tenant = VALUE("tenant");
    r->options.oauth_client_id = VALUE("client_id");
    r->options.oauth_client_secret = VALUE("client_secret");
    r->options.oauth_authority = VALUE("authority");
    r->options.oauth_scope = VALUE("scope");
    r->options.ca_file = VALUE("ca_file");
    r->options.insecure = insecure;
    r->producer = (struct kafka_producer_options){
        .message_size_max = MESSAGE_MAX + 64, /* a key comes on top */
        .queue_size_max = QUEUE_SIZE_MAX,
        .is_idempotent = idempotent,
    };
    return kafka_check(&r->options, err);
#undef VALUE
}

static enum status
kafka_check_values(const struct sink_value *values, size_t count, struct err *err)
{
    struct kafka_sink *k = calloc(1, sizeof *k);
    struct read *r = calloc(1, sizeof *r);
    enum status st = k == NULL || r == NULL ? err_set(err, ST_FULL, "kafka: no memory")
                                            : kafka_read(k, r, values, count, err);

    if (r != NULL)
        explicit_bzero(r, sizeof *r);
    free(r);
    free(k);
    return st;
}

/* ---- topics ---- */

static bool
topic_is_known(const struct kafka_sink *k, const char *topic)
{
    for (size_t i = 0; i < k->topic_count; i++)
        if (strcmp(k->topics[i], topic) == 0)
            return true;
    return false;
}

static void
topic_forget(struct kafka_sink *k, const char *topic)
{
    for (size_t i = 0; i < k->topic_count; i++) {
        if (strcmp(k->topics[i], topic) != 0)
            continue;
        k->topic_count--;
        memmove(k->topics[i], k->topics[k->topic_count], TOPIC_SIZE);
        return;
    }
}

/* False: *p is answered. */
static bool
topic_ready(struct kafka_sink *k, struct parcel *p, char topic[TOPIC_SIZE], bool *is_down)
{
    int wait_ms = k->timeout_ms < TOPIC_MS_MAX ? k->timeout_ms : TOPIC_MS_MAX;
    int64_t until_ms = clock_monotonic_ms() + wait_ms;
    struct err err;

    if (k->hub[0] != '\0') {
        memcpy(topic, k->hub, sizeof k->hub);
    } else if (layout_container(p->lane->category, LAYOUT_FOLDER, topic, &err) != ST_OK) {
        parcel_refuse(p, "%s", err.text);
        return false;
    }
    if (topic_is_known(k, topic))
        return true;
    if (kafka_topic_ensure(k->producer, topic, k->partitions, k->replication, wait_ms, &err) !=
        ST_OK) {
        parcel_retry(p, -1, "%s", err.text);
        *is_down = clock_monotonic_ms() >= until_ms;
        return false;
    }
    if (k->topic_count == TOPICS_MAX)
        k->topic_count = 0;
    snprintf(k->topics[k->topic_count++], TOPIC_SIZE, "%s", topic);
    return true;
}

/* ---- sending ---- */

static bool
room_for(struct kafka_sink *k, size_t count)
{
    if (count <= k->room)
        return true;
    free(k->records);
    free(k->record_topics);
    free(k->record_ids);
    free(k->record_parcels);
    k->records = calloc(count, sizeof *k->records);
    k->record_topics = calloc(count, sizeof *k->record_topics);
    k->record_ids = calloc(count, sizeof *k->record_ids);
    k->record_parcels = calloc(count, sizeof *k->record_parcels);
    k->room = k->records != NULL && k->record_topics != NULL && k->record_ids != NULL &&
                      k->record_parcels != NULL
                  ? count
                  : 0;
    return k->room > 0;
}

static void
answers_take(struct kafka_sink *k, size_t count, int64_t throttle_ms)
{
    for (size_t i = 0; i < count; i++) {
        struct kafka_record *r = &k->records[i];
        struct parcel *p = k->record_parcels[i];

        switch (r->result) {
        case KAFKA_DONE:
            parcel_done(p);
            break;
        case KAFKA_TOO_LARGE:
            parcel_refuse(p, "%s", r->err.text);
            break;
        case KAFKA_NO_TOPIC:
            topic_forget(k, r->topic);
            parcel_retry(p, -1, "%s", r->err.text);
            break;
        case KAFKA_LATER:
            parcel_retry(p, throttle_ms > 0 ? throttle_ms : -1, "%s", r->err.text);
            break;
        }
    }
}

/* An event is its own message, and has an identity beside it (continuous-export.md section 7). Messages
 * of records have none: each would be that of its first record. */
static struct span
identity_of(const struct parcel *p, char out[PARCEL_IDENTITY_SIZE])
{
    static const char head[] = "{\"records\":[";

    if (p->row_count != 1 ||
        (p->body.n >= sizeof head - 1 && memcmp(p->body.p, head, sizeof head - 1) == 0) ||
        !parcel_identity(p, out))
        return (struct span){NULL, 0};
    return span_of(out);
}

static void
kafka_send(void *state, struct parcel *parcels, size_t count)
{
    struct kafka_sink *k = state;
    bool is_down = false;
    const struct parcel *failed = NULL;
    int64_t throttle_ms = 0;
    size_t n = 0;

    if (!room_for(k, count)) {
        for (size_t i = 0; i < count; i++)
            parcel_retry(&parcels[i], -1, "kafka: no memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct parcel *p = &parcels[i];

        if (k->stop != NULL && atomic_load_explicit(k->stop, memory_order_relaxed)) {
            parcel_retry(p, -1, "stopping");
            continue;
        }
        if (is_down) {
            parcel_retry(p, -1, "%s", failed->err.text);
            continue;
        }
        failed = p;
        if (!topic_ready(k, p, k->record_topics[n], &is_down))
            continue;
        k->record_parcels[n] = p;
        k->records[n] = (struct kafka_record){
            .topic = k->record_topics[n],
            .key = k->key_is_tenant ? span_of(p->lane->tenant) : (struct span){NULL, 0},
            .payload = p->body,
            .id = identity_of(p, k->record_ids[n]),
        };
        n++;
    }
    if (n > 0)
        kafka_producer_send(k->producer, k->records, n, k->timeout_ms, &throttle_ms);
    answers_take(k, n, throttle_ms);
}

static size_t
kafka_parcel_max(void *state)
{
    return ((struct kafka_sink *)state)->message_bytes;
}

/* ---- open and close ---- */

static void
kafka_close(void *state)
{
    struct kafka_sink *k = state;

    kafka_producer_close(k->producer);
    free(k->records);
    free(k->record_topics);
    free(k->record_ids);
    free(k->record_parcels);
    free(k);
}

static enum status
kafka_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
           struct err *err)
{
    enum status st = sink_check(&sink_kafka, values, count, err);
    struct kafka_sink *k;
    struct read *r;

    if (st != ST_OK)
        return st;
    k = calloc(1, sizeof *k);
    r = calloc(1, sizeof *r);
    if (k == NULL || r == NULL) {
        free(k);
        free(r);
        return err_set(err, ST_FULL, "kafka: no memory");
    }
    st = kafka_read(k, r, values, count, err);
    if (st == ST_OK) {
        k->stop = stop;
        r->producer.stop = stop;
        st = kafka_producer_open(&r->options, &r->producer, &k->producer, err);
    }
    explicit_bzero(r, sizeof *r);
    free(r);
    if (st != ST_OK) {
        kafka_close(k);
        return st;
    }
    *state = k;
    return ST_OK;
}

const struct sink_kind sink_kafka = {
    .name = "kafka",
    .help = "Azure Event Hubs (its Kafka endpoint) or any Kafka: a hub per category, or one.",
    .framing = FRAME_RECORDS,
    .is_lasting_at_once = true, /* acks=all */
    .body_max = MESSAGE_MAX,
    .batch_bytes = 4 << 20,
    .linger_ms = 1000,
    .settings = kafka_settings,
    .check = kafka_check_values,
    .open = kafka_open,
    .parcel_max = kafka_parcel_max,
    .send = kafka_send,
    .close = kafka_close,
};
