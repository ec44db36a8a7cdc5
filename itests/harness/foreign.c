/* SPDX-License-Identifier: MIT */
/* Foreign: see foreign.h. On librdkafka itself: our own client never can. */
#include "itests/harness/foreign.h"

#include <check.h>
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/kafka_admin.h"
#include "infra/lib/kafka_client.h"
#include "infra/lib/xalloc.h"
#include "schemas/topics.h"

struct foreign {
	const struct world *world;
	rd_kafka_t *rk;
};

/* ---- producing ---- */

static void take_report(rd_kafka_t *rk, const rd_kafka_message_t *message,
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

struct foreign *foreign_new(const struct world *world, ...)
{
	struct foreign *foreign = xcalloc(1, sizeof(*foreign));
	rd_kafka_conf_t *conf = kafka_conf_new(world->brokers, "foreign");
	bool transactional = false;
	const char *name;
	char error[256];
	va_list args;

	kafka_set(conf, "linger.ms", "5");
	kafka_set(conf, "message.max.bytes", "200000000");
	va_start(args, world);
	while ((name = va_arg(args, const char *))) {
		kafka_set(conf, name, va_arg(args, const char *));
		transactional =
			transactional || !strcmp(name, "transactional.id");
	}
	va_end(args);
	rd_kafka_conf_set_dr_msg_cb(conf, take_report);
	foreign->world = world;
	foreign->rk =
		rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	ck_assert_msg(foreign->rk, "%s", error);
	if (transactional)
		must(rd_kafka_init_transactions(foreign->rk, PATIENCE_MS),
		     "init_transactions");
	return foreign;
}

struct foreign *foreign_free(struct foreign *foreign)
{
	if (!foreign)
		return NULL;
	rd_kafka_destroy(foreign->rk);
	free(foreign);
	return NULL;
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

void foreign_send(struct foreign *foreign, const char *topic,
		  const struct bus_record *record, struct bus_position *ret)
{
	rd_kafka_headers_t *headers = headers_of(record);
	rd_kafka_resp_err_t err;
	char name[128];

	world_topic(foreign->world, topic, name);
	do {
		err = rd_kafka_producev(
			foreign->rk, RD_KAFKA_V_TOPIC(name),
			RD_KAFKA_V_PARTITION(record->partition),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(record->key.p, record->key.n),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.p,
					 record->value.n),
			RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(ret),
			RD_KAFKA_V_END);
		(void)rd_kafka_poll(foreign->rk, err ? 10 : 0);
	} while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	ck_assert_msg(!err, "not sent: %s", rd_kafka_err2str(err));
}

void foreign_flush(struct foreign *foreign)
{
	ck_assert_msg(!rd_kafka_flush(foreign->rk, PATIENCE_MS),
		      "the broker does not acknowledge");
}

void foreign_begin(struct foreign *foreign)
{
	must(rd_kafka_begin_transaction(foreign->rk), "begin");
}

void foreign_commit(struct foreign *foreign)
{
	must(rd_kafka_commit_transaction(foreign->rk, PATIENCE_MS), "commit");
}

void foreign_abort(struct foreign *foreign)
{
	/* On its topic first, so that there is something to abort. */
	foreign_flush(foreign);
	must(rd_kafka_abort_transaction(foreign->rk, PATIENCE_MS), "abort");
}

/* ---- administration ---- */

/* Runs what @start has put onto the queue, and gives its answer. */
struct admin {
	struct foreign *client;
	rd_kafka_queue_t *queue;
	rd_kafka_AdminOptions_t *options;
};

static struct admin admin_open(const struct world *world)
{
	struct admin admin = { .client = foreign_new(world, NULL) };
	char error[256];

	admin.queue = rd_kafka_queue_new(admin.client->rk);
	admin.options = rd_kafka_AdminOptions_new(admin.client->rk,
						  RD_KAFKA_ADMIN_OP_ANY);
	ck_assert(!rd_kafka_AdminOptions_set_request_timeout(
		admin.options, PATIENCE_MS, error, sizeof(error)));
	return admin;
}

static rd_kafka_event_t *admin_answer(const struct admin *admin,
				      const char *what)
{
	rd_kafka_event_t *event =
		rd_kafka_queue_poll(admin->queue, PATIENCE_MS);

	ck_assert_msg(event, "%s: no answer", what);
	ck_assert_msg(!rd_kafka_event_error(event), "%s: %s", what,
		      rd_kafka_event_error_string(event));
	return event;
}

static void admin_close(struct admin *admin)
{
	rd_kafka_AdminOptions_destroy(admin->options);
	rd_kafka_queue_destroy(admin->queue);
	foreign_free(admin->client);
}

int64_t foreign_delete_records(const struct world *world, const char *topic,
			       int32_t partition, int64_t offset)
{
	int32_t first = partition < 0 ? 0 : partition;
	int32_t last = partition < 0 ? TOPIC_PARTITIONS - 1 : partition;
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(TOPIC_PARTITIONS);
	struct admin admin = admin_open(world);
	rd_kafka_DeleteRecords_t *request;
	const rd_kafka_topic_partition_list_t *done;
	rd_kafka_event_t *event;
	int64_t start = -1;
	char name[128];

	world_topic(world, topic, name);
	for (int32_t i = first; i <= last; i++)
		rd_kafka_topic_partition_list_add(list, name, i)->offset =
			offset < 0 ? RD_KAFKA_OFFSET_END : offset;
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(admin.client->rk, &request, 1, admin.options,
			       admin.queue);
	event = admin_answer(&admin, "delete records");
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
	admin_close(&admin);
	return start;
}

static void expect_topic_results(const rd_kafka_topic_result_t **results,
				 size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(!rd_kafka_topic_result_error(results[i]),
			      "%s: %s", what,
			      rd_kafka_topic_result_error_string(results[i]));
}

void foreign_delete_topic(const struct world *world, const char *topic)
{
	struct admin admin = admin_open(world);
	const rd_kafka_topic_result_t **results;
	rd_kafka_DeleteTopic_t *request;
	rd_kafka_event_t *event;
	char name[128];
	size_t n;

	world_topic(world, topic, name);
	request = rd_kafka_DeleteTopic_new(name);
	rd_kafka_DeleteTopics(admin.client->rk, &request, 1, admin.options,
			      admin.queue);
	event = admin_answer(&admin, "delete topic");
	results = rd_kafka_DeleteTopics_result_topics(
		rd_kafka_event_DeleteTopics_result(event), &n);
	expect_topic_results(results, n, "delete topic");
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteTopic_destroy(request);
	admin_close(&admin);
}

void foreign_raise_partitions(const struct world *world, const char *topic,
			      int32_t n_partitions)
{
	struct admin admin = admin_open(world);
	const rd_kafka_topic_result_t **results;
	rd_kafka_NewPartitions_t *request;
	rd_kafka_event_t *event;
	char name[128], error[256];
	size_t n;

	world_topic(world, topic, name);
	request = rd_kafka_NewPartitions_new(name, (size_t)n_partitions, error,
					     sizeof(error));
	ck_assert_msg(request, "%s", error);
	rd_kafka_CreatePartitions(admin.client->rk, &request, 1, admin.options,
				  admin.queue);
	event = admin_answer(&admin, "create partitions");
	results = rd_kafka_CreatePartitions_result_topics(
		rd_kafka_event_CreatePartitions_result(event), &n);
	expect_topic_results(results, n, "create partitions");
	rd_kafka_event_destroy(event);
	rd_kafka_NewPartitions_destroy(request);
	admin_close(&admin);
}

void foreign_set(const struct world *world, const char *topic, const char *name,
		 const char *value)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	const char *const settings[] = { name, value, NULL };
	char full[128];

	world_topic(world, topic, full);
	ck_assert(
		!kafka_admin_new(&admin, world->brokers, "itest", PATIENCE_MS));
	ck_assert_msg(!kafka_admin_alter(admin, full, settings),
		      "'%s' of '%s' cannot be set: %s", name, full,
		      kafka_admin_error(admin));
}

int64_t foreign_committed(const struct world *world, const char *group,
			  const char *topic, int32_t partition)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);
	rd_kafka_conf_t *conf = kafka_conf_new(world->brokers, "foreign");
	rd_kafka_resp_err_t err;
	char name[128], error[256];
	rd_kafka_t *rk;
	int64_t offset;

	kafka_set(conf, "group.id", group);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	ck_assert_msg(rk, "%s", error);
	world_topic(world, topic, name);
	(void)rd_kafka_topic_partition_list_add(list, name, partition);
	err = rd_kafka_committed(rk, list, PATIENCE_MS);
	ck_assert_msg(!err, "committed offsets: %s", rd_kafka_err2str(err));
	offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
	return offset < 0 ? -1 : offset;
}
