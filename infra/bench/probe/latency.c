/* SPDX-License-Identifier: MIT */
/* Latency: a thread sends, another one receives; librdkafka without linger. */
#include "infra/bench/probe/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_client.h"
#include "infra/lib/kafka/kafka_out.h"
#include "infra/lib/xalloc.h"
#include "schemas/event.h"
#include "schemas/messages/order_placed.h"

#define WARM_S 3
#define LATE_MS 10000 /* for the last facts */
#define POLL_MS 50
#define INDEX_AT 12 /* where in an order's id its index stands */

struct run {
	const struct latency_params *params;
	int64_t n;          /* orders */
	int64_t started_us; /* the first order's time */
	int64_t *took_us;   /* of each order; -1: no fact was seen */
	atomic_int_fast64_t n_seen;
	atomic_bool stop;
	rd_kafka_t *consumer;
};

static rd_kafka_t *consumer_new(const struct latency_params *params,
				const char *topic)
{
	rd_kafka_conf_t *conf = kafka_conf_new(params->brokers, "probe");
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(params->n_partitions);
	rd_kafka_t *rk;
	char error[256];

	kafka_set(conf, "group.id", "probe");
	kafka_set(conf, "enable.auto.commit", "false");
	rk = xalloc_check(
		rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error)));
	(void)rd_kafka_poll_set_consumer(rk);
	/* The topic is new, so its beginning is the end of what was. */
	for (int32_t i = 0; i < params->n_partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
	(void)rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return rk;
}

/* ---- the receiver ---- */

/* The order's index, from the text of its id; -1: it is none of ours. */
static int64_t index_of(const struct run *run, const void *key, size_t n_key)
{
	struct order_id id;
	uint32_t index;

	if (!key || order_id_parse(&id, key, n_key))
		return -1;
	memcpy(&index, id.bytes + INDEX_AT, sizeof(index));
	return index < run->n ? (int64_t)index : -1;
}

static int64_t due_us(const struct run *run, int64_t i)
{
	return run->started_us + i * 1000000 / run->params->rate;
}

static void *receive(void *arg)
{
	struct run *run = arg;

	while (!atomic_load(&run->stop)) {
		rd_kafka_message_t *message =
			rd_kafka_consumer_poll(run->consumer, POLL_MS);
		int64_t now_us = clock_now_us(), i;

		if (!message)
			continue;
		i = message->err
			    ? -1
			    : index_of(run, message->key, message->key_len);
		if (i >= 0 && run->took_us[i] < 0) {
			run->took_us[i] = now_us - due_us(run, i);
			atomic_fetch_add(&run->n_seen, 1);
		}
		rd_kafka_message_destroy(message);
	}
	return NULL;
}

/* ---- the sender ---- */

static void on_report(void *arg, const struct kafka_report *report)
{
	(void)arg;
	(void)report;
}

/* A toastie of two slices of bread and cheese, for one of 1000 customers. */
static int send_order(struct kafka_out *out, const char *topic, int64_t i)
{
	static const struct item items[] = {
		{ TEXT_INIT("bread"), 2 },
		{ TEXT_INIT("cheese"), 1 },
		{ TEXT_INIT("vegemite"), 1 },
	};
	struct order_placed order = { .version = 2,
				      .grill = true,
				      .stall = TEXT("main"),
				      .items = items,
				      .n_items = 3 };
	uint32_t index = (uint32_t)i;
	char customer[32];
	uint8_t bytes[4096], random[10] = { 0 };
	struct event event;
	int r;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	order.order_id = order_id_v7(clock_wall_ms(), random);
	memcpy(order.order_id.bytes + INDEX_AT, &index, sizeof(index));
	(void)snprintf(customer, sizeof(customer), "customer-%" PRId64,
		       i % 1000 + 1);
	order.customer = text_of(customer);
	event_begin(&event, EVENT_ORDER_PLACED, 2, bytes, sizeof(bytes));
	event_about_order(&event, &order.order_id);
	event_source(&event, TEXT("/probe"), clock_wall_ms());
	event_begin_trace(&event, &order.order_id);
	event.envelope.customer = order.customer;
	r = order_placed_encode(&order, 2, &event.body);
	return r ? r : event_send(&event, out, topic, NULL);
}

static void wait_until(struct kafka_out *out, int64_t at_us)
{
	int64_t left_us;

	while ((left_us = at_us - clock_now_us()) > 0) {
		(void)kafka_out_poll(out, 0);
		(void)nanosleep(&(struct timespec){ .tv_sec = left_us / 1000000,
						    .tv_nsec = left_us %
							       1000000 * 1000 },
				NULL);
	}
}

static int send_orders(struct run *run, struct kafka_out *out)
{
	int r = 0;

	/* Time for both clients to find the brokers. */
	run->started_us = clock_now_us() + 1000000;
	for (int64_t i = 0; !r && i < run->n; i++) {
		wait_until(out, due_us(run, i));
		r = send_order(out, run->params->orders, i);
	}
	(void)kafka_out_flush(out, LATE_MS);
	for (int64_t end_ms = clock_now_ms() + LATE_MS;
	     !r && atomic_load(&run->n_seen) < run->n &&
	     clock_left_ms(end_ms) > 0;)
		wait_until(out, clock_now_us() + 10000);
	return r;
}

/* ---- the answer ---- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double ms_at(const int64_t *took_us, int64_t i)
{
	return (double)took_us[i] / 1e3;
}

static int print_percentiles(struct run *run)
{
	int64_t warm = WARM_S * run->params->rate, n = run->n - warm;
	int64_t *took_us = run->took_us + warm, missing = 0;

	qsort(took_us, (size_t)n, sizeof(*took_us), compare);
	while (missing < n && took_us[missing] < 0)
		missing++;
	took_us += missing;
	n -= missing;
	if (!n)
		return PROBE_E_SILENT;
	(void)printf("{\"orders\":%" PRId64 ",\"missing\":%" PRId64
		     ",\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,"
		     "\"p999_ms\":%.3f,\"max_ms\":%.3f}\n",
		     n, missing, ms_at(took_us, n / 2),
		     ms_at(took_us, n * 9 / 10), ms_at(took_us, n * 99 / 100),
		     ms_at(took_us, n * 999 / 1000), ms_at(took_us, n - 1));
	return 0;
}

int latency_measure(const struct latency_params *params)
{
	struct run run = { .params = params };
	CLEANUP(kafka_out_freep) struct kafka_out *out = NULL;
	pthread_t receiver;
	int r;

	run.n = (WARM_S + params->seconds) * params->rate;
	run.took_us = xcalloc((size_t)run.n, sizeof(*run.took_us));
	memset(run.took_us, 0xff, (size_t)run.n * sizeof(*run.took_us));
	r = kafka_out_new(
		&out, &(struct kafka_out_params){ .brokers = params->brokers,
						  .client_id = "probe",
						  .queue_max = 1000000,
						  .report = on_report });
	if (r)
		return r;
	run.consumer = consumer_new(params, params->picks);
	if (pthread_create(&receiver, NULL, receive, &run))
		abort();
	r = send_orders(&run, out);
	atomic_store(&run.stop, true);
	(void)pthread_join(receiver, NULL);
	if (!r)
		r = print_percentiles(&run);
	(void)rd_kafka_consumer_close(run.consumer);
	rd_kafka_destroy(run.consumer);
	free(run.took_us);
	return r;
}

/* ---- the floor ---- */

int latency_echo(const struct latency_params *params)
{
	rd_kafka_conf_t *conf = kafka_conf_new(params->brokers, "echo");
	rd_kafka_t *consumer = consumer_new(params, params->orders), *producer;
	char error[256];

	kafka_set(conf, "enable.idempotence", "true");
	kafka_set(conf, "linger.ms", "0");
	producer = xalloc_check(
		rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error)));
	(void)printf("ready\n");
	(void)fflush(stdout);
	for (;;) {
		rd_kafka_message_t *message =
			rd_kafka_consumer_poll(consumer, POLL_MS);

		(void)rd_kafka_poll(producer, 0);
		if (!message)
			continue;
		if (!message->err)
			(void)rd_kafka_producev(
				producer, RD_KAFKA_V_TOPIC(params->picks),
				RD_KAFKA_V_KEY(message->key, message->key_len),
				RD_KAFKA_V_VALUE(message->payload,
						 message->len),
				RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				RD_KAFKA_V_END);
		rd_kafka_message_destroy(message);
	}
}
