/* stream.c - the kind "kafka": any Event Hubs or Kafka stream whose messages hold records, as
 * {"records":[...]}, as one record, as lines or as an array.
 *
 * Small messages of one partition are admitted together. If one of them is wrong the batch is
 * refused as a whole and its messages go in one by one, so that only what is wrong is parked. A
 * large message always goes alone. The batch id names topic, partition and offsets; offsets are
 * committed when all of a poll is durable. What could not be admitted is held and tried again, in
 * the same batches.
 *
 * After a crash between admission and commit the broker gives messages again. Large ones have the
 * same id as before and count once. Small ones may be batched anew, and then count twice. */
#include "source/source.h"
#include "wire/kafka.h"
#include <assert.h>
#include <stdlib.h>

enum {
    POLL_MS = 500,
    ALONE_SIZE = 64 << 10, /* a message of so many bytes has a batch of its own */
    BATCH_SIZE = 1 << 20,
    TOPICS_MAX = 100,
    PARTITIONS_MAX = 4096,    /* with offsets to be committed */
    HOLD_MS = 30 * 60 * 1000, /* the group takes partitions away after an hour without poll */
};

enum message_kind {
    MESSAGE_EMPTY,   /* a tombstone */
    MESSAGE_RECORDS, /* {"records":[inner]} */
    MESSAGE_LINES,   /* may be joined by line feeds */
    MESSAGE_ARRAY,   /* [inner] */
};

struct done { /* offsets to commit */
    char topic[250];
    int32_t partition;
    int64_t offset;
};

struct stream {
    struct source_context context; /* borrowed strings */
    struct source_counters *counters;
    const atomic_bool *stop;
    struct kafka_consumer *consumer;
    struct kafka_message messages[KAFKA_POLL_MAX]; /* lent until the next poll */
    bool is_taken[KAFKA_POLL_MAX];
    size_t count, left; /* of this poll; not taken yet */
    int64_t polled_ms;
    struct done done[PARTITIONS_MAX];
    size_t done_count;
    struct admit_result result;
};

static const struct source_setting stream_settings[] = {
    {"bootstrap",         "Brokers as host:port,host:port; not needed with a connection string.", NULL,
     true, false},
    {"topics",               "Topics or event hubs, separated by commas.", NULL, false, false},
    {"group",              "Consumer group.", "penstock", false, false},
    {"from",            "Where to begin without a committed offset: start or end.", "start", false, false},
    {"security",               "plain, tls, sasl_plain or sasl_tls; by default what the credentials need.", NULL,
     true, false},
    {"connection_string",              "Of an Event Hubs namespace, with Listen.", NULL, true, true},
    {"user",             "SASL PLAIN user.", NULL, true, false},
    {"password",         "SASL PLAIN password.", NULL, true, true},
    {"oauth_tenant",              "Entra tenant for OAUTHBEARER.", NULL, true, false},
    {"oauth_client_id",              "Application id for OAUTHBEARER.", NULL, true, false},
    {"oauth_client_secret",            "Its secret.", NULL, true, true},
    {"oauth_authority",              "Where tokens come from.", NULL, true, false},
    {"oauth_scope",          "Scope of the tokens.", NULL, true, false},
    {"ca_file",               "Certificates to trust, PEM; by default the system's.", NULL, true, false},
    {"insecure",              "true: the broker's certificate is not verified.", "false", false, false},
    {0},
};

/* ==== messages */

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span
trim(struct span s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Takes 'text' off the front, white space before it too. */
static bool
strip_front(struct span *s, const char *text)
{
    size_t n = strlen(text);

    *s = trim(*s);
    if (s->n < n || memcmp(s->p, text, n) != 0)
        return false;
    s->p += n;
    s->n -= n;
    return true;
}

static bool
strip_back(struct span *s, char c)
{
    *s = trim(*s);
    if (s->n == 0 || s->p[s->n - 1] != c)
        return false;
    s->n--;
    return true;
}

/* What a message looks like from its ends; the scan decides whether it is so. */
static enum message_kind
kind_of(struct span payload, struct span *inner)
{
    struct span s = trim(payload);

    *inner = s;
    if (s.n == 0)
        return MESSAGE_EMPTY;
    if (s.p[0] == '[' && s.p[s.n - 1] == ']' && s.n >= 2) {
        *inner = trim((struct span){s.p + 1, s.n - 2});
        return MESSAGE_ARRAY;
    }
    if (strip_front(&s, "{") && strip_front(&s, "\"records\"") && strip_front(&s, ":") &&
        strip_front(&s, "[") && strip_back(&s, '}') && strip_back(&s, ']')) {
        *inner = trim(s);
        return MESSAGE_RECORDS;
    }
    return MESSAGE_LINES;
}

static bool
same_partition(const struct kafka_message *a, const struct kafka_message *b)
{
    return a->partition == b->partition && strcmp(a->topic, b->topic) == 0;
}

/* ==== batches */

struct batch {
    size_t index[KAFKA_POLL_MAX]; /* of messages */
    size_t count, size;
    bool is_lines; /* else inner parts of arrays */
};

/* The next messages of one partition that go together. An empty one goes with anything. */
static void
gather(struct stream *s, struct batch *b)
{
    const struct kafka_message *first = NULL;

    b->count = b->size = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct kafka_message *m = &s->messages[i];
        struct span inner;
        enum message_kind kind;

        if (s->is_taken[i] || (first != NULL && !same_partition(first, m)))
            continue;
        kind = kind_of(m->payload, &inner);
        if (b->size == 0)
            b->is_lines = kind == MESSAGE_LINES;
        if (b->size > 0 && (inner.n >= ALONE_SIZE || b->size + inner.n > BATCH_SIZE ||
                            (inner.n > 0 && b->is_lines != (kind == MESSAGE_LINES))))
            return;
        if (first == NULL)
            first = m;
        b->index[b->count++] = i;
        b->size += inner.n;
        if (b->size >= ALONE_SIZE && b->count == 1)
            return;
    }
}

/* One admission of b's messages from..to, in the shape that their kind asks for. */
static enum status
admit_some(struct stream *s, const struct batch *b, size_t from, size_t to, bool park,
           struct err *err)
{
    const struct kafka_message *first = &s->messages[b->index[from]];
    const struct kafka_message *last = &s->messages[b->index[to - 1]];
    struct admit_request request = {
        .shape = s->context.table != NULL ? ADMIT_ROWS : ADMIT_ENVELOPES,
        .tenant = s->context.tenant[0] != '\0' ? s->context.tenant : NULL,
        .table = s->context.table != NULL ? span_of(s->context.table) : (struct span){NULL, 0},
        .park = park,
    };
    struct admission *x;
    char id[512];
    bool is_first = true;
    enum status st;

    snprintf(id, sizeof id, "kafka:%s:%.250s:%d:%lld:%lld", s->context.name, first->topic,
             first->partition, (long long)first->offset, (long long)last->offset);
    request.batch_id = span_of(id);
    st = admit_begin(s->context.admitter, &request, &x, err);
    if (st != ST_OK)
        return st;
    if (!b->is_lines)
        (void)admit_data(x, SPAN_LITERAL("["));
    for (size_t i = from; i < to; i++) {
        struct span inner;

        if (kind_of(s->messages[b->index[i]].payload, &inner) == MESSAGE_EMPTY || inner.n == 0)
            continue;
        if (!is_first)
            (void)admit_data(x, b->is_lines ? SPAN_LITERAL("\n") : SPAN_LITERAL(","));
        is_first = false;
        if (admit_data(x, inner) != ST_OK)
            break;
    }
    if (!b->is_lines)
        (void)admit_data(x, SPAN_LITERAL("]"));
    admit_end(x, &s->result);
    return ST_OK;
}

static void
mark_done(struct stream *s, const struct kafka_message *m)
{
    struct done *d = s->done, *end = s->done + s->done_count;

    while (d < end && (d->partition != m->partition || strcmp(d->topic, m->topic) != 0))
        d++;
    if (d == end) {
        if (s->done_count == PARTITIONS_MAX)
            return; /* committed with a later poll */
        s->done_count++;
        snprintf(d->topic, sizeof d->topic, "%s", m->topic);
        d->partition = m->partition;
        d->offset = 0;
    }
    if (m->offset + 1 > d->offset)
        d->offset = m->offset + 1;
}

static void
mark_taken(struct stream *s, const struct batch *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        s->is_taken[b->index[i]] = true;
        s->left--;
        mark_done(s, &s->messages[b->index[i]]);
    }
}

static enum status
take_one_by_one(struct stream *s, const struct batch *b, struct err *err)
{
    for (size_t i = 0; i < b->count; i++) {
        enum status st = admit_some(s, b, i, i + 1, s->context.can_park, err);

        if (st == ST_OK)
            st = source_settle(&s->result, s->counters, err);
        if (st != ST_OK)
            return st;
        mark_taken(s, b, i, i + 1);
    }
    return ST_OK;
}

static enum status
take_batch(struct stream *s, struct err *err)
{
    struct batch b;
    enum status st;

    gather(s, &b);
    assert(b.count > 0);
    if (b.count == 1)
        return take_one_by_one(s, &b, err);
    st = admit_some(s, &b, 0, b.count, false, err);
    if (st != ST_OK)
        return st;
    if (s->result.outcome == ADMIT_FAULTY && s->result.faults[0].record != 0)
        return take_one_by_one(s, &b, err);
    if ((st = source_settle(&s->result, s->counters, err)) == ST_OK)
        mark_taken(s, &b, 0, b.count);
    return st;
}

/* ==== steps */

static enum status
commit(struct stream *s, struct err *err)
{
    static const size_t at_once = 100;
    size_t count = s->done_count;

    while (count > 0) {
        struct kafka_offset offsets[100];
        size_t n = count < at_once ? count : at_once;
        enum status st;

        for (size_t i = 0; i < n; i++) {
            const struct done *d = &s->done[count - n + i];

            offsets[i] = (struct kafka_offset){d->topic, d->partition, d->offset};
        }
        if ((st = kafka_consumer_commit(s->consumer, offsets, n, err)) != ST_OK)
            return st;
        count -= n;
        s->done_count = count;
    }
    return ST_OK;
}

/* Nothing could be admitted for so long that the next poll is due: what is held comes again. */
static enum status
give_back_held(struct stream *s, struct err *err)
{
    for (size_t i = s->count; i-- > 0;) {
        const struct kafka_message *m = &s->messages[i];

        if (s->is_taken[i])
            continue;
        /* From the last to the first: the smallest offset of each partition is what stays. */
        enum status st = kafka_consumer_seek(s->consumer, m->topic, m->partition, m->offset, err);

        if (st != ST_OK)
            return st;
    }
    s->count = s->left = 0;
    return ST_OK;
}

static enum status
stream_step(void *state, struct err *err)
{
    struct stream *s = state;
    int64_t now = s->context.now_ms(s->context.clock);
    enum status st;

    if (s->left > 0 && now - s->polled_ms >= HOLD_MS && (st = give_back_held(s, err)) != ST_OK)
        return st;
    if (s->left == 0) {
        if ((st = commit(s, err)) != ST_OK)
            return st;
        st = kafka_consumer_poll(s->consumer, s->messages, KAFKA_POLL_MAX, POLL_MS, &s->count, err);
        s->polled_ms = now;
        if (st != ST_OK) {
            s->count = 0;
            return st;
        }
        s->left = s->count;
        memset(s->is_taken, 0, sizeof s->is_taken);
    }
    while (s->left > 0) {
        if ((st = take_batch(s, err)) != ST_OK)
            return st;
        if (atomic_load(s->stop))
            break;
    }
    return commit(s, err);
}

/* ==== open and close */

static struct kafka_options
options_of(const struct source_value *values, size_t count)
{
#define GET(name) source_value_get(&source_kafka, values, count, name)
    return (struct kafka_options){
        .bootstrap = GET("bootstrap"),
        .security = GET("security"),
        .connection_string = GET("connection_string"),
        .user = GET("user"),
        .password = GET("password"),
        .oauth_tenant = GET("oauth_tenant"),
        .oauth_client_id = GET("oauth_client_id"),
        .oauth_client_secret = GET("oauth_client_secret"),
        .oauth_authority = GET("oauth_authority"),
        .oauth_scope = GET("oauth_scope"),
        .ca_file = GET("ca_file"),
        .insecure = strcmp(GET("insecure"), "true") == 0,
    };
#undef GET
}

/* Splits at commas, in place. */
static enum status
split_topics(char *text, const char *topics[TOPICS_MAX], size_t *count, struct err *err)
{
    char *rest = text, *topic;

    *count = 0;
    while ((topic = strsep(&rest, ",")) != NULL) {
        topic += strspn(topic, " ");
        if (*topic == '\0' || strlen(topic) > 249)
            return err_set(err, ST_INVALID,
                           "topics: expected names of 1 to 249 bytes, separated by commas");
        if (*count == TOPICS_MAX)
            return err_set(err, ST_INVALID, "topics: more than %d", TOPICS_MAX);
        topics[(*count)++] = topic;
    }
    return ST_OK;
}

static enum status
stream_check(const struct source_value *values, size_t count, struct err *err)
{
    const char *from = source_value_get(&source_kafka, values, count, "from");
    const char *insecure = source_value_get(&source_kafka, values, count, "insecure");
    const char *topics[TOPICS_MAX];
    struct kafka_options o = options_of(values, count);
    char *text = strdup(source_value_get(&source_kafka, values, count, "topics"));
    size_t topic_count;
    enum status st = text != NULL ? split_topics(text, topics, &topic_count, err)
                                  : err_set(err, ST_FULL, "no memory");

    free(text);
    if (st != ST_OK)
        return st;
    if (strcmp(from, "start") != 0 && strcmp(from, "end") != 0)
        return err_set(err, ST_INVALID, "from is '%.40s': expected start or end", from);
    if (strcmp(insecure, "true") != 0 && strcmp(insecure, "false") != 0)
        return err_set(err, ST_INVALID, "insecure is '%.40s': expected true or false", insecure);
    return kafka_check(&o, err);
}

static enum status
stream_open(const struct source_context *context, const struct source_value *values, size_t count,
            struct source_counters *counters, const atomic_bool *stop, void **state,
            struct err *err)
{
    struct stream *s = calloc(1, sizeof *s);
    char *text = strdup(source_value_get(&source_kafka, values, count, "topics"));
    struct kafka_options o = options_of(values, count);
    const char *topics[TOPICS_MAX];
    size_t topic_count;
    enum status st = ST_FULL;

    if (s == NULL || text == NULL) {
        err_set(err, ST_FULL, "no memory for a source");
        goto fail;
    }
    s->context = *context;
    s->counters = counters;
    s->stop = stop;
    if ((st = split_topics(text, topics, &topic_count, err)) != ST_OK)
        goto fail;
    st = kafka_consumer_open(
        &o, source_value_get(&source_kafka, values, count, "group"), topics, topic_count,
        strcmp(source_value_get(&source_kafka, values, count, "from"), "start") == 0, 0,
        &s->consumer, err);
    if (st != ST_OK)
        goto fail;
    free(text);
    *state = s;
    return ST_OK;

fail:
    free(text);
    free(s);
    return st;
}

static void
stream_close(void *state)
{
    struct stream *s = state;
    struct err ignored;

    (void)commit(s, &ignored); /* what fails to be committed comes again */
    kafka_consumer_close(s->consumer);
    free(s);
}

const struct source_kind source_kafka = {
    .name = "kafka",
    .help = "Messages of an event hub or of Kafka topics: records, one record, lines or an array.",
    .settings = stream_settings,
    .check = stream_check,
    .open = stream_open,
    .step = stream_step,
    .close = stream_close,
};
