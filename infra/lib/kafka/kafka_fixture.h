/* SPDX-License-Identifier: MIT */
/*
 * Kafka fixture: librdkafka's mock cluster, in this process and in memory.
 * For *_test.c only; what depends on a broker's own ways is an integration
 * test's, on a real one.
 */
#ifndef LIB_KAFKA_FIXTURE_H
#define LIB_KAFKA_FIXTURE_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"

/* Of Kafka's protocol, for errors that a test pushes. */
enum { API_PRODUCE = 0, API_FETCH = 1, API_OFFSET_COMMIT = 8 };

static rd_kafka_t *mock_client;
static rd_kafka_mock_cluster_t *mock;

static inline void mock_start(const char *topic, int n_partitions)
{
	rd_kafka_conf_t *conf = xalloc_check(rd_kafka_conf_new());
	char error[256];

	/* It says that it knows no brokers, which is as it should be. */
	ck_assert_int_eq(
		rd_kafka_conf_set(conf, "log_level", "2", error, sizeof(error)),
		RD_KAFKA_CONF_OK);
	mock_client = xalloc_check(
		rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error)));
	mock = xalloc_check(rd_kafka_mock_cluster_new(mock_client, 1));
	ck_assert_int_eq(
		rd_kafka_mock_topic_create(mock, topic, n_partitions, 1), 0);
}

static inline void mock_stop(void)
{
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(mock_client);
}

/* The next request of that kind is refused. */
static inline void mock_refuse(int16_t api, rd_kafka_resp_err_t error)
{
	rd_kafka_mock_push_request_errors(mock, api, 1, error);
}

static inline const char *mock_brokers(void)
{
	return rd_kafka_mock_cluster_bootstraps(mock);
}

#endif
