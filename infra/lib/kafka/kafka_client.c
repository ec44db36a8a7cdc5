/* SPDX-License-Identifier: MIT */
/* Kafka client: settings that every client of ours has. */
#include "infra/lib/kafka/kafka_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"

void kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) ==
	    RD_KAFKA_CONF_OK)
		return;
	log_error("KAFKA-SETTING", "%s", error);
	abort();
}

void kafka_set_number(rd_kafka_conf_t *conf, const char *name, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	kafka_set(conf, name, text);
}

/* librdkafka's lines are for debugging. What matters also comes as an error
 * event or a failed report, and the code that handles it logs it. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility,
		   const char *text)
{
	(void)rk;
	log_debug("KAFKA-CLIENT", "%s: %s (level %d)", facility, text, level);
}

rd_kafka_conf_t *kafka_conf_new(const char *brokers, const char *client_id)
{
	rd_kafka_conf_t *conf = xalloc_check(rd_kafka_conf_new());

	kafka_set(conf, "bootstrap.servers", brokers);
	kafka_set(conf, "client.id", client_id);
	kafka_set(conf, "socket.nagle.disable", "true");
	kafka_set(conf, "reconnect.backoff.ms", "50");
	kafka_set(conf, "reconnect.backoff.max.ms", "1000");
	kafka_set(conf, "allow.auto.create.topics", "false");
	kafka_set(conf, "log.connection.close", "false");
	rd_kafka_conf_set_log_cb(conf, on_log);
	return conf;
}

void kafka_wake_by(rd_kafka_queue_t *queue, int fd)
{
	static const uint64_t one = 1;

	rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof(one));
}
