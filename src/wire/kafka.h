/* kafka.h - a Kafka broker, or Azure Event Hubs' Kafka endpoint, to write to and to read from;
 * hides librdkafka. Knows no product. A producer or consumer belongs to one thread; librdkafka's
 * own threads stay inside. */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

struct kafka_setting { /* a librdkafka property */
    const char *name, *value;
};

/* How a broker is reached: borrowed for the call of open. Secrets never stand in an error. */
struct kafka_options {
    /* "host:port,host:port"; NULL: namespace:9093 of the connection string */
    const char *bootstrap;
    /* "plain", "tls", "sasl_plain" (SASL over plain TCP) or "sasl_tls". NULL: sasl_tls with a
     * connection string or OAuth, else plain */
    const char *security;
    const char *connection_string; /* Event Hubs: SASL PLAIN as $ConnectionString; NULL: none */
    const char *user, *password;   /* SASL PLAIN otherwise */
    const char *oauth_tenant, *oauth_client_id, *oauth_client_secret; /* SASL OAUTHBEARER */
    const char *oauth_authority; /* NULL: https://login.microsoftonline.com */
    const char *oauth_scope;     /* NULL: https://HOST/.default of the first bootstrap host */
    const char *ca_file;         /* NULL: the system's */
    bool insecure;               /* do not verify the peer; only for an explicit setting */
    const struct kafka_setting *settings; /* applied last, over everything above */
    size_t setting_count;
};

/* Only whether the options fit together; touches nothing. */
MUST_CHECK enum status kafka_check(const struct kafka_options *o, struct err *err);

/* A message's own identity, beside what it holds: the same when it is sent again. */
#define KAFKA_ID_HEADER "penstock-event-id"

/* ---- reading ---- */

struct kafka_message {
    const char *topic; /* lends, as payload: until the next poll or close */
    int32_t partition;
    int64_t offset, timestamp_ms; /* timestamp -1: none */
    struct span key, payload;     /* payload may be empty (a tombstone) */
    struct span id;               /* of the header KAFKA_ID_HEADER; NULL: none */
};
struct kafka_offset { /* all before 'offset' of the partition is done with */
    const char *topic;
    int32_t partition;
    int64_t offset;
};

enum { KAFKA_POLL_MAX = 1000 }; /* messages of one poll */

struct kafka_consumer;
/* Joins 'group' and subscribes. Does not need the broker to be there. A partition without a
 * committed offset is read from its beginning if 'from_start', else from its end. Memory: at most
 * about 'fetch_size_max' bytes of fetched messages (0: 32 MiB). */
MUST_CHECK enum status kafka_consumer_open(const struct kafka_options *o, const char *group,
                                           const char *const *topics, size_t topic_count,
                                           bool from_start, size_t fetch_size_max,
                                           struct kafka_consumer **c, struct err *err);
/* Up to 'max' (at most KAFKA_POLL_MAX) messages, as many as are there after the first, which is
 * waited for at most 'wait_ms'. ST_OK: *count > 0. ST_END: nothing came. ST_IO: the broker cannot
 * be reached, refuses us, or knows no such topic; reading goes on by itself when that is mended, so
 * poll again. Within an hour the next poll must come, or the group gives the partitions to another
 * member. */
MUST_CHECK enum status kafka_consumer_poll(struct kafka_consumer *c, struct kafka_message *messages,
                                           size_t max, int wait_ms, size_t *count, struct err *err);
/* Commits, and waits for the answer (at most 10 s). ST_IO: not known to be committed; messages may
 * come again. */
MUST_CHECK enum status kafka_consumer_commit(struct kafka_consumer *c,
                                             const struct kafka_offset *offsets, size_t count,
                                             struct err *err);
/* Goes back: the next polls give the partition's messages from 'offset' on again (they were not
 * taken). */
MUST_CHECK enum status kafka_consumer_seek(struct kafka_consumer *c, const char *topic,
                                           int32_t partition, int64_t offset, struct err *err);
/* Leaves the group, for which it waits at most 5 s. Commits nothing by itself. */
void kafka_consumer_close(struct kafka_consumer *c);

/* ---- writing ---- */

enum kafka_result {
    KAFKA_DONE,  /* acknowledged by all in-sync replicas */
    KAFKA_LATER, /* not known to be there; broker away, busy, refusing us, no such topic */
    /* as KAFKA_LATER: the topic is not there, or not for us: kafka_topic_ensure it before sending
     * again */
    KAFKA_NO_TOPIC,
    KAFKA_TOO_LARGE, /* the broker will never take it */
};
struct kafka_record {
    const char *topic;
    struct span key, payload; /* key.p NULL: none. Borrowed for the call, not copied */
    struct span id;           /* sent as the header KAFKA_ID_HEADER; NULL: without */
    /* out */
    enum kafka_result result;
    struct err err; /* unless KAFKA_DONE */
};

struct kafka_producer_options {
    size_t message_size_max; /* bytes of key and payload; larger ones are KAFKA_TOO_LARGE unsent */
    size_t queue_size_max;   /* bytes librdkafka may hold; a window must fit */
    bool is_idempotent;      /* false for brokers that lack InitProducerId */
    const atomic_bool *stop; /* NULL or a flag: sending ends early once it is true */
};

struct kafka_producer;
/* Does not need the broker to be there. */
MUST_CHECK enum status kafka_producer_open(const struct kafka_options *o,
                                           const struct kafka_producer_options *po,
                                           struct kafka_producer **p, struct err *err);
/* Sends all and waits until each is answered, at most 'wait_ms'; what is not answered by then, or
 * at 'stop', is taken back (KAFKA_LATER). Nothing of the records is held after the return.
 * *throttle_ms: how long the broker asked us to wait, 0 if not. */
void kafka_producer_send(struct kafka_producer *p, struct kafka_record *records, size_t count,
                         int wait_ms, int64_t *throttle_ms);
/* ST_OK: the topic is there (was, or was made with so many partitions and replicas; -1: the
 * broker's defaults). ST_IO: it is not, or nobody knows. */
MUST_CHECK enum status kafka_topic_ensure(struct kafka_producer *p, const char *topic,
                                          int partitions, int replication, int wait_ms,
                                          struct err *err);
void kafka_producer_close(struct kafka_producer *p);
