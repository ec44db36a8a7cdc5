/* SPDX-License-Identifier: MIT */
/*
 * Probe: what the benchmarks ask of Kafka. The brokers come from the setting
 * KAFKA_BROKERS; answers go to stdout.
 *
 *	probe ends TOPIC PARTITIONS [N]    how many records TOPIC has; with N,
 *		20 times a second a line "seconds records", until there are N
 *	probe make TOPIC PARTITIONS
 *	probe forget TOPIC...              deletes them
 *	probe latency ORDERS PICKS PARTITIONS RATE SECONDS
 *	probe echo ORDERS PICKS PARTITIONS
 *
 * Only for throw-away servers. SIGTERM ends it at once: it keeps nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "infra/bench/probe/latency.h"
#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/kafka/kafka_admin.h"
#include "infra/lib/kafka/kafka_client.h"
#include "infra/lib/log.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"

#define LOOK_EVERY_MS 50
#define ANSWER_MS 30000

struct request {
	const char *brokers;
	int n;
	char **words;
};

/* The @i-th word as a number from 1 on; 0: it is none. */
static int64_t number(const struct request *request, int i, int64_t max)
{
	int64_t value;

	if (i >= request->n || str_to_i64(&value, request->words[i], 1, max))
		return 0;
	return value;
}

static int ends(const struct request *request)
{
	int64_t n_partitions = number(request, 1, PROBE_PARTITIONS_MAX);
	int64_t until = number(request, 2, INT64_MAX);
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	int64_t of[PROBE_PARTITIONS_MAX], n;
	int r;

	if (!n_partitions)
		return PROBE_E_USAGE;
	r = kafka_admin_new(&admin, request->brokers, "probe", ANSWER_MS);
	for (;;) {
		if (!r)
			r = kafka_admin_ends(admin, request->words[0],
					     (int32_t)n_partitions, of);
		if (r)
			return err_fold(r);
		n = 0;
		for (int64_t i = 0; i < n_partitions; i++)
			n += of[i];
		if (!until)
			break;
		(void)printf("%.3f %" PRId64 "\n", (double)clock_now_us() / 1e6,
			     n);
		(void)fflush(stdout);
		if (n >= until || ferror(stdout))
			return 0;
		(void)nanosleep(&(struct timespec){ .tv_nsec = LOOK_EVERY_MS *
							       1000000 },
				NULL);
	}
	(void)printf("%" PRId64 "\n", n);
	return 0;
}

static int make(const struct request *request)
{
	int64_t n_partitions = number(request, 1, PROBE_PARTITIONS_MAX);
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	int r;

	if (!n_partitions)
		return PROBE_E_USAGE;
	r = kafka_admin_new(&admin, request->brokers, "probe", ANSWER_MS);
	if (!r)
		r = kafka_admin_create(
			admin, &(struct kafka_new_topic){
				       .name = request->words[0],
				       .n_partitions = (int32_t)n_partitions,
				       .n_replicas = 1,
				       .settings = (const char *[]){ NULL } });
	return err_fold(r);
}

/* What cannot be deleted goes with the server. */
static int forget(const struct request *request)
{
	char error[256];
	rd_kafka_t *rk = xalloc_check(rd_kafka_new(
		RD_KAFKA_PRODUCER, kafka_conf_new(request->brokers, "probe"),
		error, sizeof(error)));
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DeleteTopic_t **topics =
		xcalloc((size_t)request->n, sizeof(*topics));
	rd_kafka_event_t *event;

	for (int i = 0; i < request->n; i++)
		topics[i] = rd_kafka_DeleteTopic_new(request->words[i]);
	rd_kafka_DeleteTopics(rk, topics, (size_t)request->n, NULL, queue);
	event = rd_kafka_queue_poll(queue, ANSWER_MS);
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteTopic_destroy_array(topics, (size_t)request->n);
	free(topics);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return 0;
}

static int latency(const struct request *request)
{
	struct latency_params params = {
		.brokers = request->brokers,
		.n_partitions =
			(int32_t)number(request, 2, PROBE_PARTITIONS_MAX),
		.rate = number(request, 3, 1000000),
		.seconds = number(request, 4, 600),
	};

	if (!params.n_partitions || !params.rate || !params.seconds)
		return PROBE_E_USAGE;
	params.orders = request->words[0];
	params.picks = request->words[1];
	return latency_measure(&params);
}

static int echo(const struct request *request)
{
	struct latency_params params = {
		.brokers = request->brokers,
		.n_partitions =
			(int32_t)number(request, 2, PROBE_PARTITIONS_MAX),
	};

	if (!params.n_partitions)
		return PROBE_E_USAGE;
	params.orders = request->words[0];
	params.picks = request->words[1];
	return latency_echo(&params);
}

static const struct verb {
	const char *name;
	int n_words; /* at least */
	int (*run)(const struct request *request);
} verbs[] = {
	{ "ends", 2, ends },       { "make", 2, make }, { "forget", 1, forget },
	{ "latency", 5, latency }, { "echo", 3, echo },
};

static int run(int argc, char **argv)
{
	struct request request = { .brokers = getenv("KAFKA_BROKERS"),
				   .n = argc - 2,
				   .words = argv + 2 };

	if (!request.brokers)
		return PROBE_E_USAGE;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (argc > 1 && !strcmp(argv[1], verbs[i].name) &&
		    request.n >= verbs[i].n_words)
			return verbs[i].run(&request);
	return PROBE_E_USAGE;
}

int main(int argc, char **argv)
{
	int r;

	log_init(&(struct log_params){
		.out = stderr, .program = "probe", .level = LOG_WARN });
	r = run(argc, argv);
	if (r == PROBE_E_USAGE)
		(void)fprintf(stderr,
			      "usage: KAFKA_BROKERS=... probe ends TOPIC "
			      "PARTITIONS [N] | make TOPIC PARTITIONS | forget "
			      "TOPIC... | latency ORDERS PICKS PARTITIONS RATE "
			      "SECONDS | echo ORDERS PICKS PARTITIONS\n");
	else if (r)
		(void)fprintf(stderr, "probe: %s\n", err_text(err_fold(r)));
	return r == PROBE_E_USAGE ? 2 : r ? 1 : 0;
}
