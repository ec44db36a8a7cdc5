/* SPDX-License-Identifier: MIT */
/* Bus: see bus.h. Each struct bus in one thread. */
#include "itests/harness/bus.h"

#include <check.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/kafka_admin.h"
#include "infra/lib/kafka_client.h"
#include "infra/lib/kafka_out.h"
#include "infra/lib/xalloc.h"
#include "schemas/topics.h"

#define POLL_MS 100
#define KEY_BYTES (2 * TEXT_MAX_BYTES + 2)
#define HEADERS_MAX 24

/* ---- reading ---- */

static struct text copy(struct arena *arena, const void *p, size_t n)
{
	struct text text = { 0 };

	if (!p)
		return text;
	/* One that is empty is still there. */
	text.p = n ? arena_copy(arena, p, n) : "";
	text.n = n;
	return text;
}

static void copy_headers(struct bus_log *log, const rd_kafka_message_t *from,
			 struct bus_record *to)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t n;

	if (rd_kafka_message_headers(from, &headers))
		return;
	to->headers = arena_alloc(&log->arena, rd_kafka_header_cnt(headers) *
						       sizeof(*to->headers));
	while (!rd_kafka_header_get_all(headers, to->n_headers, &name, &value,
					&n))
		to->headers[to->n_headers++] = (struct bus_header){
			.name = arena_copy(&log->arena, name, strlen(name) + 1),
			.value = copy(&log->arena, value, n),
		};
}

static void keep(struct bus_log *log, const rd_kafka_message_t *from)
{
	struct bus_record *to;

	if (log->n == log->cap) {
		log->cap = log->cap ? 2 * log->cap : 1024;
		log->records = xreallocarray(log->records, log->cap,
					     sizeof(*log->records));
	}
	to = &log->records[log->n++];
	*to = (struct bus_record){
		.partition = from->partition,
		.offset = from->offset,
		.key = copy(&log->arena, from->key, from->key_len),
		.value = copy(&log->arena, from->payload, from->len),
	};
	copy_headers(log, from, to);
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

static void ends_of(const struct world *world, const char *topic,
		    int64_t ends[TOPIC_PARTITIONS])
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	char name[128];

	world_topic(world, topic, name);
	ck_assert(
		!kafka_admin_new(&admin, world->brokers, "itest", PATIENCE_MS));
	ck_assert_msg(!kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends),
		      "the ends of '%s' cannot be had: %s", name,
		      kafka_admin_error(admin));
}

int64_t bus_count(const struct world *world, const char *topic)
{
	int64_t ends[TOPIC_PARTITIONS], n = 0;

	ends_of(world, topic, ends);
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		n += ends[i];
	return n;
}

void bus_read(const struct world *world, const char *topic, struct bus_log *ret)
{
	int64_t deadline_at_ms = clock_now_ms() + PATIENCE_MS;
	bool ended[TOPIC_PARTITIONS] = { false };
	rd_kafka_message_t *message;
	int n_open = TOPIC_PARTITIONS;
	char name[128];
	rd_kafka_t *rk;

	*ret = (struct bus_log){ 0 };
	world_topic(world, topic, name);
	rk = reader_of(world, name);
	while (n_open) {
		ck_assert_msg(clock_left_ms(deadline_at_ms),
			      "%zu records, and %d partitions are not at "
			      "their end",
			      ret->n, n_open);
		message = rd_kafka_consumer_poll(rk, POLL_MS);
		if (message && !message->err) {
			keep(ret, message);
		} else if (message &&
			   message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			n_open -= !ended[message->partition];
			ended[message->partition] = true;
		}
		if (message)
			rd_kafka_message_destroy(message);
	}
	(void)rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	if (ret->n)
		qsort(ret->records, ret->n, sizeof(*ret->records), by_position);
}

void bus_log_deinit(struct bus_log *log)
{
	free(log->records);
	arena_deinit(&log->arena);
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
	struct kafka_out *out;
	struct arena arena; /* of the command that is being sent */
};

static void take_report(void *arg, const struct kafka_report *report)
{
	struct bus_position *position = report->opaque;

	(void)arg;
	ck_assert_msg(report->delivered, "not delivered: %s", report->error);
	if (position) {
		position->partition = report->partition;
		position->offset = report->offset;
	}
}

struct bus *bus_new(const struct world *world)
{
	struct bus *bus = xcalloc(1, sizeof(*bus));

	bus->world = world;
	ck_assert(!kafka_out_new(&bus->out, &(struct kafka_out_params){
						    .brokers = world->brokers,
						    .client_id = "itest",
						    .queue_max = 100000,
						    .report = take_report }));
	return bus;
}

struct bus *bus_free(struct bus *bus)
{
	if (!bus)
		return NULL;
	kafka_out_free(bus->out);
	arena_deinit(&bus->arena);
	free(bus);
	return NULL;
}

void bus_send(struct bus *bus, const char *topic,
	      const struct bus_record *record, struct bus_position *ret)
{
	const struct kafka_body body = { .key = record->key.p,
					 .n_key = record->key.n,
					 .value = record->value.p,
					 .n_value = record->value.n };
	struct kafka_message *message;
	char name[128];

	world_topic(bus->world, topic, name);
	message = kafka_out_message(bus->out, name);
	for (size_t i = 0; i < record->n_headers; i++)
		(void)kafka_message_header(message, record->headers[i].name,
					   record->headers[i].value.p,
					   record->headers[i].value.n);
	if (record->partition >= 0)
		kafka_message_partition(message, record->partition);
	ck_assert(!kafka_out_send(message, &body, ret));
	(void)kafka_out_poll(bus->out, 0);
}

void bus_flush(struct bus *bus)
{
	ck_assert_msg(kafka_out_flush(bus->out, PATIENCE_MS),
		      "the broker does not acknowledge");
}

/* ---- commands ---- */

struct headers {
	struct arena *arena;
	struct bus_record *record;
};

static int add_header(void *arg, const char *name, const char *value, size_t n)
{
	const struct headers *headers = arg;
	struct bus_record *record = headers->record;

	ck_assert_uint_lt(record->n_headers, HEADERS_MAX);
	record->headers[record->n_headers++] = (struct bus_header){
		.name = arena_copy(headers->arena, name, strlen(name) + 1),
		.value = copy(headers->arena, value, n),
	};
	return 0;
}

/* By its key to a partition. */
static void fill_record(struct arena *arena, const struct envelope *envelope,
			const struct msgpack_writer *writer,
			struct bus_record *ret)
{
	struct headers headers = { arena, ret };
	struct envelope nameless = *envelope;

	*ret = (struct bus_record){
		.partition = -1,
		.key = copy(arena, envelope->subject.p, envelope->subject.n),
		.value = copy(arena, writer->p, writer->n),
		.headers =
			arena_alloc(arena, HEADERS_MAX * sizeof(*ret->headers)),
	};
	/* The key of two long names is longer than a header may be. */
	if (!text_is_longer(envelope->subject, TEXT_MAX_CHARS)) {
		ck_assert(!envelope_write(envelope, add_header, &headers));
		return;
	}
	nameless.subject = (struct text){ 0 };
	ck_assert(!envelope_write(&nameless, add_header, &headers));
}

static void begin_envelope(struct envelope *envelope, enum event_type type,
			   int version, const char *event_id)
{
	envelope_init(envelope);
	envelope->type = type;
	envelope->version = version;
	envelope->id = text_of(event_id);
	envelope->source = TEXT("/itest");
}

void bus_order_record(struct arena *arena, const struct order_placed *order,
		      int version, const char *event_id, struct bus_record *ret)
{
	uint8_t bytes[BODY_MAX_BYTES];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	char id[ORDER_ID_CHARS + 1];
	struct envelope envelope;

	(void)order_id_format(&order->order_id, id);
	begin_envelope(&envelope, EVENT_ORDER_PLACED, version, event_id);
	envelope.subject = (struct text){ id, ORDER_ID_CHARS };
	envelope.customer = order->customer;
	envelope.stall = order->stall;
	if (version == 1 && !order->grill)
		envelope.grill = TEXT("false");
	ck_assert(!order_placed_encode(order, version, &writer));
	fill_record(arena, &envelope, &writer, ret);
}

void bus_stock_record(struct arena *arena, const struct stock_command *command,
		      const char *event_id, struct bus_record *ret)
{
	uint8_t bytes[4 * TEXT_MAX_BYTES];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	struct envelope envelope;
	char key[KEY_BYTES];
	int n;

	n = snprintf(key, sizeof(key), "%.*s/%.*s", (int)command->stall.n,
		     command->stall.p, (int)command->ingredient.n,
		     command->ingredient.p);
	ck_assert_int_lt(n, KEY_BYTES);
	begin_envelope(&envelope, stock_command_type(command->kind), 1,
		       event_id);
	envelope.subject = (struct text){ key, (size_t)n };
	envelope.stall = command->stall;
	ck_assert(!stock_command_encode(command, &writer));
	fill_record(arena, &envelope, &writer, ret);
}

static void send_record(struct bus *bus, const char *topic,
			const struct bus_record *record,
			struct bus_position *ret)
{
	bus_send(bus, topic, record, ret);
	/* It was copied. */
	arena_reset(&bus->arena);
}

void bus_order(struct bus *bus, const struct order_placed *order, int version,
	       const char *event_id, struct bus_position *ret)
{
	struct bus_record record;

	bus_order_record(&bus->arena, order, version, event_id, &record);
	send_record(bus, "orders", &record, ret);
}

void bus_stock(struct bus *bus, const struct stock_command *command,
	       const char *event_id, struct bus_position *ret)
{
	struct bus_record record;

	bus_stock_record(&bus->arena, command, event_id, &record);
	send_record(bus, "restocks", &record, ret);
}

void bus_cancel(struct bus *bus, const struct order_cancelled *cancelled,
		const char *event_id, struct bus_position *ret)
{
	uint8_t bytes[2048];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	char id[ORDER_ID_CHARS + 1];
	struct envelope envelope;
	struct bus_record record;

	(void)order_id_format(&cancelled->order_id, id);
	begin_envelope(&envelope, EVENT_ORDER_CANCELLED, 1, event_id);
	envelope.subject = (struct text){ id, ORDER_ID_CHARS };
	envelope.customer = cancelled->customer;
	envelope.stall = cancelled->stall;
	ck_assert(!order_cancelled_encode(cancelled, &writer));
	fill_record(&bus->arena, &envelope, &writer, &record);
	send_record(bus, "orders", &record, ret);
}
