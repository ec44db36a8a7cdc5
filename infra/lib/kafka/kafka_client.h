/* SPDX-License-Identifier: MIT */
/*
 * Kafka client: what producers, consumers and the admin of ours have in
 * common: settings by name, and security from the environment.
 */
#ifndef LIB_KAFKA_CLIENT_H
#define LIB_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

/* Sets what we know to be right; a wrong name or value is our mistake. */
void kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value);
void kafka_set_number(rd_kafka_conf_t *conf, const char *name, int64_t value);

/* Brokers, client id, no Nagle, short reconnects, our log. */
rd_kafka_conf_t *kafka_conf_new(const char *brokers, const char *client_id);

/* Whatever arrives in @queue makes @fd readable (eight bytes an arrival). */
void kafka_wake_by(rd_kafka_queue_t *queue, int fd);

#endif
