/* SPDX-License-Identifier: MIT */
/* Bus: see bus.h. Each struct bus in one thread. */
#include "itests/harness/bus.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/kafka_admin.h"
#include "infra/lib/kafka_in.h"
#include "infra/lib/kafka_out.h"
#include "infra/lib/xalloc.h"
#include "schemas/topics.h"

#define POLL_RECORDS 1000
#define KEY_BYTES 600

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

static void copy_headers(struct bus_log *log, const struct kafka_record *from,
			 struct bus_record *to)
{
	const char *name;
	const void *value;
	size_t n;

	while (kafka_record_header(from, to->n_headers, &name, &value, &n))
		to->n_headers++;
	to->headers = arena_alloc(&log->arena,
				  to->n_headers * sizeof(*to->headers) + 1);
	for (size_t i = 0; i < to->n_headers; i++) {
		(void)kafka_record_header(from, i, &name, &value, &n);
		to->headers[i].name =
			arena_copy(&log->arena, name, strlen(name) + 1);
		to->headers[i].value = copy(&log->arena, value, n);
	}
}

static void keep(struct bus_log *log, const struct kafka_record *from)
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
		.key = copy(&log->arena, from->key, from->n_key),
		.value = copy(&log->arena, from->value, from->n_value),
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

/* Polls until each partition's last record has come. */
static void read_all(struct kafka_in *in, const int64_t *ends,
		     struct bus_log *ret)
{
	int64_t deadline_at_ms = clock_now_ms() + PATIENCE_MS;
	struct kafka_record records[POLL_RECORDS];
	int n_open = 0;
	size_t n;

	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		n_open += ends[i] > 0;
	while (n_open) {
		ck_assert_msg(clock_left_ms(deadline_at_ms),
			      "%zu records, and %d partitions are not at "
			      "their end",
			      ret->n, n_open);
		n = kafka_in_poll(in, records, POLL_RECORDS, 100);
		for (size_t i = 0; i < n; i++) {
			int64_t end = ends[records[i].partition];

			if (records[i].offset < end)
				keep(ret, &records[i]);
			n_open -= records[i].offset == end - 1;
			kafka_record_release(&records[i]);
		}
	}
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
	CLEANUP(kafka_in_freep) struct kafka_in *in = NULL;
	struct kafka_partition partitions[TOPIC_PARTITIONS] = { 0 };
	int64_t ends[TOPIC_PARTITIONS];
	const char *topics[1];
	char name[128];

	*ret = (struct bus_log){ 0 };
	ends_of(world, topic, ends);
	world_topic(world, topic, name);
	topics[0] = name;
	ck_assert(!kafka_in_new(
		&in, &(struct kafka_in_params){ .brokers = world->brokers,
						.client_id = "itest",
						.topics = topics,
						.n_topics = 1,
						.queue_max_kbytes = 65536 }));
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		partitions[i].partition = i;
	ck_assert(!kafka_in_assign(in, partitions, TOPIC_PARTITIONS));
	read_all(in, ends, ret);
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

struct outgoing {
	const char *topic;
	struct text key;
	const struct wire *wire;
};

static void send_enveloped(struct bus *bus, const struct outgoing *outgoing,
			   const struct envelope *envelope,
			   struct bus_position *ret)
{
	const struct kafka_body body = { .key = outgoing->key.p,
					 .n_key = outgoing->key.n,
					 .value = outgoing->wire->p,
					 .n_value = outgoing->wire->n };
	struct kafka_message *message;
	char name[128];

	world_topic(bus->world, outgoing->topic, name);
	message = kafka_out_message(bus->out, name);
	ck_assert(!envelope_write(envelope, kafka_message_header, message));
	ck_assert(!kafka_out_send(message, &body, ret));
	(void)kafka_out_poll(bus->out, 0);
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

void bus_order(struct bus *bus, const struct order_placed *order, int version,
	       const char *event_id, struct bus_position *ret)
{
	uint8_t bytes[BODY_MAX_BYTES];
	struct wire wire = WIRE_INIT(bytes);
	char id[ORDER_ID_CHARS + 1];
	struct outgoing outgoing = { "orders", { id, ORDER_ID_CHARS }, &wire };
	struct envelope envelope;

	(void)order_id_format(&order->order_id, id);
	begin_envelope(&envelope, EVENT_ORDER_PLACED, version, event_id);
	envelope.subject = outgoing.key;
	envelope.customer = order->customer;
	envelope.stall = order->stall;
	if (version == 1 && !order->grill)
		envelope.grill = TEXT("false");
	ck_assert(!order_placed_encode(order, version, &wire));
	send_enveloped(bus, &outgoing, &envelope, ret);
}

void bus_cancel(struct bus *bus, const struct order_cancelled *cancelled,
		const char *event_id, struct bus_position *ret)
{
	uint8_t bytes[2048];
	struct wire wire = WIRE_INIT(bytes);
	char id[ORDER_ID_CHARS + 1];
	struct outgoing outgoing = { "orders", { id, ORDER_ID_CHARS }, &wire };
	struct envelope envelope;

	(void)order_id_format(&cancelled->order_id, id);
	begin_envelope(&envelope, EVENT_ORDER_CANCELLED, 1, event_id);
	envelope.subject = outgoing.key;
	envelope.customer = cancelled->customer;
	envelope.stall = cancelled->stall;
	ck_assert(!order_cancelled_encode(cancelled, &wire));
	send_enveloped(bus, &outgoing, &envelope, ret);
}

void bus_stock(struct bus *bus, const struct stock_command *command,
	       const char *event_id, struct bus_position *ret)
{
	uint8_t bytes[2048];
	struct wire wire = WIRE_INIT(bytes);
	char key[KEY_BYTES];
	struct outgoing outgoing = { "restocks", { key, 0 }, &wire };
	struct envelope envelope;
	int n;

	n = snprintf(key, sizeof(key), "%.*s/%.*s", (int)command->stall.n,
		     command->stall.p, (int)command->ingredient.n,
		     command->ingredient.p);
	outgoing.key.n = (size_t)n;
	begin_envelope(&envelope, stock_command_type(command->kind), 1,
		       event_id);
	envelope.subject = outgoing.key;
	envelope.stall = command->stall;
	ck_assert(!stock_command_encode(command, &wire));
	send_enveloped(bus, &outgoing, &envelope, ret);
}
