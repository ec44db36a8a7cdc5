/* SPDX-License-Identifier: MIT */
/* A record that was read borrows the bytes of librdkafka's message. */
#include "itests/harness/bus.h"

#include <check.h>
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_admin.h"
#include "infra/lib/kafka/kafka_client.h"
#include "infra/lib/xalloc.h"
#include "schemas/topics.h"

#define POLL_MS 100

/* ---- reading ---- */

/* Borrows the bytes of @message, which the log owns from now on. */
static void add_record(struct bus_log *log, rd_kafka_message_t *message)
{
	rd_kafka_timestamp_type_t type;
	rd_kafka_headers_t *headers;
	struct bus_record *record;
	struct bus_header *header;

	if (log->n == log->cap) {
		log->cap = log->cap ? 2 * log->cap : 1024;
		log->records = xreallocarray(log->records, log->cap,
					     sizeof(*log->records));
	}
	record = &log->records[log->n++];
	*record = (struct bus_record){
		.partition = message->partition,
		.offset = message->offset,
		.timestamp_ms = rd_kafka_message_timestamp(message, &type),
		.key = { message->key, message->key_len },
		.value = { message->payload, message->len },
		.message = message,
	};
	if (rd_kafka_message_headers(message, &headers))
		return;
	record->headers =
		xcalloc(rd_kafka_header_cnt(headers) + 1, sizeof(*header));
	do {
		header = &record->headers[record->n_headers];
	} while (!rd_kafka_header_get_all(
		headers, record->n_headers++, &header->name,
		(const void **)&header->value.p, &header->value.n));
	record->n_headers--;
}

static int by_position(const void *a, const void *b)
{
	const struct bus_record *x = a, *y = b;

	if (x->partition != y->partition)
		return x->partition < y->partition ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* One that reads every partition from where it begins, and says when it is at
 * an end: what stands there last may be no record. */
static rd_kafka_t *reader_of(const struct world *world, const char *topic)
{
	rd_kafka_conf_t *conf = kafka_conf_new(world->brokers, "itest");
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(TOPIC_PARTITIONS);
	int64_t low, high;
	char error[256];
	rd_kafka_t *rk;

	kafka_set(conf, "group.id", "none");
	kafka_set(conf, "enable.partition.eof", "true");
	kafka_set(conf, "enable.auto.commit", "false");
	kafka_set(conf, "fetch.wait.max.ms", "10");
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	ck_assert_msg(rk, "%s", error);
	for (int i = 0; i < TOPIC_PARTITIONS; i++) {
		/* Asked for: the client itself takes half a second for it. */
		ck_assert(!rd_kafka_query_watermark_offsets(
			rk, topic, i, &low, &high, PATIENCE_MS));
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = low;
	}
	ck_assert(!rd_kafka_assign(rk, list));
	rd_kafka_topic_partition_list_destroy(list);
	return rk;
}

static struct kafka_admin *admin_of(const struct world *world)
{
	struct kafka_admin *admin;

	ck_assert(
		!kafka_admin_new(&admin, world->brokers, "itest", PATIENCE_MS));
	return admin;
}

int64_t bus_count(const struct world *world, const char *topic)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = admin_of(world);
	int64_t ends[TOPIC_PARTITIONS], n = 0;
	char name[128];

	world_topic(world, topic, name);
	ck_assert_msg(!kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends),
		      "the ends of '%s' cannot be had: %s", name,
		      kafka_admin_error(admin));
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		n += ends[i];
	return n;
}

void bus_read(const struct world *world, const char *topic, struct bus_log *ret)
{
	int64_t deadline_at_ms = clock_now_ms() + PATIENCE_MS;
	bool ended[TOPIC_PARTITIONS] = { false };
	int n_open = TOPIC_PARTITIONS;
	char name[128];

	world_topic(world, topic, name);
	*ret = (struct bus_log){ .reader = reader_of(world, name) };
	while (n_open) {
		rd_kafka_message_t *message =
			rd_kafka_consumer_poll(ret->reader, POLL_MS);

		ck_assert_msg(clock_left_ms(deadline_at_ms),
			      "%zu records, and %d partitions are not at "
			      "their end",
			      ret->n, n_open);
		if (message && !message->err) {
			add_record(ret, message);
			continue;
		}
		if (message &&
		    message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			n_open -= !ended[message->partition];
			ended[message->partition] = true;
		}
		if (message)
			rd_kafka_message_destroy(message);
	}
	/* It reads no more, and stays for the bytes of its messages. */
	ck_assert(!rd_kafka_assign(ret->reader, NULL));
	if (ret->n)
		qsort(ret->records, ret->n, sizeof(*ret->records), by_position);
}

void bus_log_deinit(struct bus_log *log)
{
	for (size_t i = 0; i < log->n; i++) {
		free(log->records[i].headers);
		rd_kafka_message_destroy(log->records[i].message);
	}
	free(log->records);
	if (log->reader) {
		(void)rd_kafka_consumer_close(log->reader);
		rd_kafka_destroy(log->reader);
	}
	*log = (struct bus_log){ 0 };
}

const struct bus_record *bus_at(const struct bus_log *log, int32_t partition,
				int64_t offset)
{
	const struct bus_record key = { .partition = partition,
					.offset = offset };

	if (!log->n)
		return NULL;
	return bsearch(&key, log->records, log->n, sizeof(*log->records),
		       by_position);
}

struct text bus_header(const struct bus_record *record, const char *name)
{
	for (size_t i = 0; i < record->n_headers; i++)
		if (!strcmp(record->headers[i].name, name))
			return record->headers[i].value;
	return (struct text){ 0 };
}

int bus_envelope(const struct bus_record *record, struct envelope *ret,
		 struct schema_fault *fault)
{
	envelope_init(ret);
	for (size_t i = 0; i < record->n_headers; i++)
		envelope_read(ret, record->headers[i].name,
			      record->headers[i].value.p,
			      record->headers[i].value.n);
	return envelope_check(ret, fault);
}

/* ---- sending ---- */

struct bus {
	const struct world *world;
	rd_kafka_t *rk;
};

static void note_report(rd_kafka_t *rk, const rd_kafka_message_t *message,
			void *arg)
{
	struct bus_position *position = message->_private;

	(void)rk;
	(void)arg;
	/* What is aborted was never there. */
	if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
	    message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		return;
	ck_assert_msg(!message->err, "not delivered: %s",
		      rd_kafka_err2str(message->err));
	if (position) {
		position->partition = message->partition;
		position->offset = message->offset;
	}
}

/* Of a call that gives an error object, NULL for none. */
static void must(rd_kafka_error_t *error, const char *what)
{
	ck_assert_msg(!error, "%s: %s", what, rd_kafka_error_string(error));
}

struct bus *bus_new(const struct world *world, ...)
{
	struct bus *bus = xcalloc(1, sizeof(*bus));
	rd_kafka_conf_t *conf = kafka_conf_new(world->brokers, "itest");
	bool transactional = false;
	const char *name;
	char error[256];
	va_list args;

	/* As the storefront sends: in order, each once, and by the key to the
	 * same partition. */
	kafka_set(conf, "partitioner", "murmur2_random");
	kafka_set(conf, "enable.idempotence", "true");
	kafka_set(conf, "sticky.partitioning.linger.ms", "0");
	kafka_set(conf, "linger.ms", "5");
	kafka_set(conf, "message.max.bytes", "200000000");
	va_start(args, world);
	while ((name = va_arg(args, const char *))) {
		kafka_set(conf, name, va_arg(args, const char *));
		transactional |= !strcmp(name, "transactional.id");
	}
	va_end(args);
	rd_kafka_conf_set_dr_msg_cb(conf, note_report);
	bus->world = world;
	bus->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	ck_assert_msg(bus->rk, "%s", error);
	if (transactional)
		must(rd_kafka_init_transactions(bus->rk, PATIENCE_MS),
		     "init_transactions");
	return bus;
}

struct bus *bus_free(struct bus *bus)
{
	if (!bus)
		return NULL;
	rd_kafka_destroy(bus->rk);
	free(bus);
	return NULL;
}

struct bus *world_bus(struct world *world)
{
	if (!world->bus)
		world->bus = bus_new(world, NULL);
	return world->bus;
}

static rd_kafka_headers_t *headers_of(const struct bus_record *record)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(record->n_headers);

	for (size_t i = 0; i < record->n_headers; i++)
		ck_assert(!rd_kafka_header_add(
			headers, record->headers[i].name, -1,
			record->headers[i].value.p,
			(ssize_t)record->headers[i].value.n));
	return headers;
}

void bus_send(struct bus *bus, const char *topic,
	      const struct bus_record *record, struct bus_position *ret)
{
	rd_kafka_headers_t *headers = headers_of(record);
	rd_kafka_resp_err_t err;
	char name[128];

	world_topic(bus->world, topic, name);
	do {
		err = rd_kafka_producev(
			bus->rk, RD_KAFKA_V_TOPIC(name),
			RD_KAFKA_V_PARTITION(record->partition),
			RD_KAFKA_V_TIMESTAMP(record->timestamp_ms),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(record->key.p, record->key.n),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.p,
					 record->value.n),
			RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(ret),
			RD_KAFKA_V_END);
		(void)rd_kafka_poll(bus->rk, err ? 10 : 0);
	} while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	ck_assert_msg(!err, "not sent: %s", rd_kafka_err2str(err));
}

void bus_flush(struct bus *bus)
{
	ck_assert_msg(!rd_kafka_flush(bus->rk, PATIENCE_MS),
		      "the broker does not acknowledge");
}

void bus_begin(struct bus *bus)
{
	must(rd_kafka_begin_transaction(bus->rk), "begin");
}

void bus_end(struct bus *bus, bool commit)
{
	/* On its topic first, so that there is something to abort. */
	bus_flush(bus);
	if (commit)
		must(rd_kafka_commit_transaction(bus->rk, PATIENCE_MS),
		     "commit");
	else
		must(rd_kafka_abort_transaction(bus->rk, PATIENCE_MS), "abort");
}

/* ---- administration ---- */

int64_t topic_delete_records(const struct world *world, const char *topic,
			     int32_t partition, int64_t offset)
{
	CLEANUP(bus_freep) struct bus *client = bus_new(world, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client->rk);
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(TOPIC_PARTITIONS);
	const rd_kafka_topic_partition_list_t *done;
	rd_kafka_DeleteRecords_t *request;
	rd_kafka_event_t *event;
	int64_t start = -1;
	char name[128];

	world_topic(world, topic, name);
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		if (partition < 0 || i == partition)
			rd_kafka_topic_partition_list_add(list, name, i)
				->offset =
				offset < 0 ? RD_KAFKA_OFFSET_END : offset;
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(client->rk, &request, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, PATIENCE_MS);
	ck_assert_msg(event && !rd_kafka_event_error(event),
		      "delete records: %s",
		      event ? rd_kafka_event_error_string(event) : "no answer");
	done = rd_kafka_DeleteRecords_result_offsets(
		rd_kafka_event_DeleteRecords_result(event));
	for (int i = 0; i < done->cnt; i++) {
		ck_assert_msg(!done->elems[i].err, "delete records: %s",
			      rd_kafka_err2str(done->elems[i].err));
		start = done->elems[i].offset;
	}
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
	return start;
}

/* By Kafka's own tool, as people do it. */
static void alter_topic(struct world *world, const char *topic,
			const char *verb, const char *partitions)
{
	char name[128];

	world_topic(world, topic, name);
	world_run(world, "infra/kafka/kafka.sh", "tool",
		  "org.apache.kafka.tools.TopicCommand", "--bootstrap-server",
		  world->brokers, verb, "--topic", name,
		  partitions ? "--partitions" : NULL, partitions);
}

void topic_delete(struct world *world, const char *topic)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = admin_of(world);
	int64_t deadline_at_ms = within(PATIENCE_MS);
	char name[128];
	int32_t n;

	alter_topic(world, topic, "--delete", NULL);
	world_topic(world, topic, name);
	while (kafka_admin_partitions(admin, name, &n) || n)
		wait_more(deadline_at_ms, "'%s' is not deleted", name);
}

void topic_raise_partitions(struct world *world, const char *topic,
			    const char *n_partitions)
{
	alter_topic(world, topic, "--alter", n_partitions);
}

void topic_set(const struct world *world, const char *topic, const char *name,
	       const char *value)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = admin_of(world);
	const char *const settings[] = { name, value, NULL };
	char full[128];

	world_topic(world, topic, full);
	ck_assert_msg(!kafka_admin_alter(admin, full, settings),
		      "'%s' of '%s' cannot be set: %s", name, full,
		      kafka_admin_error(admin));
}

void group_committed(const struct world *world, const char *group,
		     const char *topic, int64_t ret[TOPIC_PARTITIONS])
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(TOPIC_PARTITIONS);
	rd_kafka_conf_t *conf = kafka_conf_new(world->brokers, "itest");
	int64_t deadline_at_ms = within(PATIENCE_MS);
	rd_kafka_resp_err_t err;
	char name[128], error[256];
	rd_kafka_t *rk;

	kafka_set(conf, "group.id", group);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	ck_assert_msg(rk, "%s", error);
	world_topic(world, topic, name);
	(void)rd_kafka_topic_partition_list_add_range(list, name, 0,
						      TOPIC_PARTITIONS - 1);
	/* A group that is new has no coordinator for a moment. */
	while ((err = rd_kafka_committed(rk, list, PATIENCE_MS)))
		wait_more(deadline_at_ms, "committed offsets of '%s': %s",
			  group, rd_kafka_err2str(err));
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		ret[i] = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
}

int64_t topic_committed(const struct world *world, const char *topic,
			int32_t partition)
{
	int64_t offsets[TOPIC_PARTITIONS];
	char group[128];

	world_group(world, "chillybin", "blue", group);
	group_committed(world, group, topic, offsets);
	return offsets[partition];
}
