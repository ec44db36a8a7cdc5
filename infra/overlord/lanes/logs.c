/* SPDX-License-Identifier: MIT */
/* Logs: asked of the brokers themselves. Main thread. */
#include "infra/overlord/lanes/logs.h"

#include <inttypes.h>

int logs_add(struct buf *ret, struct kafka_admin *admin,
	     const struct topic *topic, const char *name)
{
	int64_t begins[TOPIC_PARTITIONS], ends[TOPIC_PARTITIONS];
	int r = kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends);

	if (!r)
		r = kafka_admin_begins(admin, name, TOPIC_PARTITIONS, begins);
	for (int i = 0; !r && i < TOPIC_PARTITIONS; i++)
		buf_printf(ret,
			   "%s{\"topic\": \"%s\", \"partition\": %d, "
			   "\"log_begin\": %" PRId64 ", \"log_end\": %" PRId64
			   "}",
			   ret->n > 1 ? "," : "", topic->name, i, begins[i],
			   ends[i]);
	return r;
}

void logs_end(struct buf *ret)
{
	buf_add(ret, "]", 2);
}

static int read_topic(const struct verb *verb, struct kafka_admin *admin,
		      const struct topic *topic, struct buf *ret)
{
	char name[TOPIC_NAME_BYTES];
	int32_t n_partitions;
	int r = verb_topic(verb, topic->id, name);

	if (!r)
		r = kafka_admin_partitions(admin, name, &n_partitions);
	if (r || n_partitions < TOPIC_PARTITIONS)
		return r;
	return logs_add(ret, admin, topic, name);
}

int logs_read(const struct verb *verb, struct buf *ret)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	int r = verb_kafka(verb, &admin);

	buf_text(ret, "[");
	for (size_t i = 0; !r && i < N_TOPICS; i++)
		r = read_topic(verb, admin, &topic_table[i], ret);
	if (r < 0)
		return r;
	if (r) {
		out_say("how many records wait is not known: no answer from "
			"Kafka at '%s': %s",
			verb->conf.brokers, kafka_admin_error(admin));
		ret->n = 1;
	}
	logs_end(ret);
	return 0;
}
