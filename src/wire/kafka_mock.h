/* kafka_mock.h - librdkafka's own mock cluster, for tests: brokers within this process that fail on
 * demand. Tests only. */
#pragma once
#include "base/base.h"
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { KAFKA_MOCK_PRODUCE = 0, KAFKA_MOCK_METADATA = 3, KAFKA_MOCK_INIT_PRODUCER = 22 };

struct kafka_mock {
    rd_kafka_t *rk; /* only what the cluster hangs on */
    rd_kafka_mock_cluster_t *cluster;
    const char *bootstrap; /* lends until the end */
};

static inline bool
kafka_mock_start(struct kafka_mock *m)
{
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_log_cb(conf, NULL);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (m->rk == NULL)
        return false;
    m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
    m->bootstrap = m->cluster != NULL ? rd_kafka_mock_cluster_bootstraps(m->cluster) : NULL;
    return m->bootstrap != NULL;
}

static inline void
kafka_mock_end(struct kafka_mock *m)
{
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
}

static inline void
kafka_mock_topic(struct kafka_mock *m, const char *topic, int partitions)
{
    rd_kafka_mock_topic_create(m->cluster, topic, partitions, 1);
}

static inline void
kafka_mock_down(struct kafka_mock *m, bool is_down)
{
    if (is_down)
        rd_kafka_mock_broker_set_down(m->cluster, 1);
    else
        rd_kafka_mock_broker_set_up(m->cluster, 1);
}

/* How long the broker takes for each answer. */
static inline void
kafka_mock_slow(struct kafka_mock *m, int ms)
{
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, ms);
}

/* The next 'count' requests of that kind answer with a protocol error code; count 0: no more. */
static inline void
kafka_mock_fail(struct kafka_mock *m, int request, int code, int count)
{
    rd_kafka_mock_clear_request_errors(m->cluster, (int16_t)request);
    for (int i = 0; i < count; i++)
        rd_kafka_mock_push_request_errors(m->cluster, (int16_t)request, (size_t)1, code);
}
