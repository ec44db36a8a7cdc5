/* SPDX-License-Identifier: MIT */
/*
 * Stampede: load for Toasties Galore. Settings come from the environment; the
 * summary goes to stdout as JSON, progress to stderr, and the record of what
 * was sent into a file. Exit status: 0 all acknowledged, 1 not, 2 used
 * wrongly.
 *
 * Open loop: at a rate each order has its time, and how long it took counts
 * from that time on, however late it was sent. Flat out, the producer's queue
 * is kept full. First come the restocks, all acknowledged before the first
 * order; duplicates and poison come between the orders. What is sent, and in
 * which order, follows from the seed. One thread, no allocation of its own
 * between the first order and the last but for the record.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/conf.h"
#include "infra/lib/err.h"
#include "infra/lib/kafka/kafka_out.h"
#include "infra/lib/log.h"
#include "infra/lib/loop.h"
#include "producers/stampede/messages.h"
#include "schemas/topics.h"

#define PROGRESS_EVERY_MS 1000
#define LOOK_AFTER_SENDS 64 /* reports and signals, when flat out */
#define WAIT_MS 10
#define RECORD_BUFFER_BYTES (1 << 20)

enum outcome {
	LOAD_E_STOPPED = 1, /* by a signal; what was sent is accounted for */
	LOAD_E_STUCK,       /* the brokers acknowledge nothing any more */
	LOAD_E_SETTING,     /* said on stderr */
	LOAD_E_RECORD,      /* the record cannot be written; said */
};

struct load {
	const struct conf *conf;
	struct orders orders;
	struct sent_pool pool;
	struct loop *loop;
	struct loop_source *sources[3];
	struct kafka_out *out;
	struct messages messages;
	struct score score;
	FILE *record;
	struct buf line;
	bool stop;

	int64_t last_ack_ms; /* or when the first one was waited for */
	int64_t last_look_ms;
	int64_t progress_acked;
};

/* ---- what comes back ---- */

/* @offset -1: it was never acknowledged. */
static void write_line(struct load *load, const struct sent *sent,
		       int32_t partition, int64_t offset)
{
	struct arrival arrival = { .partition = partition, .offset = offset };

	if (!load->record)
		return;
	arrival.topic = messages_topic(&load->messages, sent->step.kind);
	arrival.acked_ms = clock_wall_ms();
	buf_reset(&load->line);
	sent_line(&load->orders, sent, load->conf->restock, &arrival,
		  &load->line);
	(void)fwrite(load->line.p, 1, load->line.n, load->record);
}

static void on_report(void *arg, const struct kafka_report *report)
{
	struct load *load = arg;
	struct sent *sent = report->opaque;

	/* It stays in the pool: nobody knows whether it has arrived. */
	if (!report->delivered)
		return;
	score_acked(&load->score, sent->step.kind,
		    clock_now_us() - sent->intended_us);
	load->last_ack_ms = clock_now_ms();
	write_line(load, sent, report->partition, report->offset);
	sent_release(&load->pool, sent);
}

static void print_progress(void *arg)
{
	struct load *load = arg;
	int64_t acked = score_n_acked(&load->score);

	(void)fprintf(stderr,
		      "stampede: %" PRId64 " of %" PRId64 " orders sent, "
		      "%" PRId64 " records acknowledged, %" PRId64 "/s\n",
		      load->score.n_sent[SENT_ORDER], load->conf->n_orders,
		      acked, acked - load->progress_acked);
	load->progress_acked = acked;
}

static void on_signal(void *arg)
{
	struct load *load = arg;

	load->stop = true;
}

/* Serves reports, signals and the clock; waits for at most @timeout_ms. */
static int look(struct load *load, int timeout_ms)
{
	int64_t now_ms;

	(void)kafka_out_poll(load->out, timeout_ms);
	now_ms = clock_now_ms();
	if (now_ms == load->last_look_ms)
		return 0;
	load->last_look_ms = now_ms;
	loop_wait(load->loop, 0);
	if (load->stop)
		return LOAD_E_STOPPED;
	if (!kafka_out_waiting(load->out))
		load->last_ack_ms = now_ms;
	if (kafka_out_fatal(load->out) ||
	    now_ms - load->last_ack_ms > load->conf->drain_ms)
		return LOAD_E_STUCK;
	return 0;
}

/* ---- what goes out ---- */

/* One record, however long the queue is full. */
static int send_step(struct load *load, const struct step *step,
		     int64_t intended_us)
{
	struct sent *sent;
	int r;

	while (!(sent = sent_get(&load->pool))) {
		r = look(load, WAIT_MS);
		if (r)
			return r;
	}
	sent->step = *step;
	sent->intended_us = intended_us;
	for (;;) {
		r = messages_send(&load->messages, load->out, sent);
		if (r != KAFKA_OUT_E_FULL)
			break;
		r = look(load, WAIT_MS);
		if (r) {
			sent_release(&load->pool, sent);
			return r;
		}
	}
	if (!r) {
		load->score.n_sent[step->kind]++;
		load->score.n_v1 += sent->version == 1;
		return 0;
	}
	sent_release(&load->pool, sent);
	if (r == KAFKA_OUT_E_REFUSED) {
		load->score.n_refused++;
		return 0;
	}
	return r == KAFKA_OUT_E_FATAL ? LOAD_E_STUCK : r;
}

/* Until all that was sent is acknowledged. */
static int settle(struct load *load)
{
	int r = 0;

	load->last_ack_ms = clock_now_ms();
	while (!r && kafka_out_waiting(load->out))
		r = look(load, WAIT_MS);
	return r;
}

static int send_restocks(struct load *load)
{
	size_t n =
		load->conf->restock ? load->orders.n_stalls * N_INGREDIENTS : 0;
	int r = 0;

	for (uint64_t i = 0; !r && i < n; i++)
		r = send_step(
			load,
			&(struct step){ .kind = SENT_RESTOCK, .index = i },
			clock_now_us());
	return r ? r : settle(load);
}

/* Until the @i-th order's time has come; returns that time. */
static int wait_for_turn(struct load *load, uint64_t i, int64_t *ret_us)
{
	int64_t due_us, left_us;
	int r = 0;

	if (!load->conf->rate) {
		*ret_us = clock_now_us();
		return i % LOOK_AFTER_SENDS ? 0 : look(load, 0);
	}
	due_us = load->score.started_us +
		 (int64_t)((unsigned __int128)i * 1000000 /
			   (uint64_t)load->conf->rate);
	*ret_us = due_us;
	while (!r && (left_us = due_us - clock_now_us()) > 0)
		r = look(load, left_us < 1000 * WAIT_MS
				       ? (int)(left_us / 1000) + 1
				       : WAIT_MS);
	return r ? r : i % LOOK_AFTER_SENDS ? 0 : look(load, 0);
}

static int send_orders(struct load *load)
{
	struct step steps[STEPS_MAX];
	int64_t intended_us;
	int r = 0;

	for (uint64_t i = 0; !r && i < (uint64_t)load->conf->n_orders; i++) {
		size_t n =
			orders_steps(load->conf, load->orders.seed, i, steps);

		r = wait_for_turn(load, i, &intended_us);
		for (size_t s = 0; !r && s < n; s++)
			r = send_step(load, &steps[s], intended_us);
	}
	return r;
}

/* What was never acknowledged may be there or not: the record says so. */
static int finish_record(struct load *load)
{
	if (!load->record)
		return 0;
	for (size_t i = 0; i < load->pool.n; i++) {
		const struct sent *sent = &load->pool.all[i];

		if (sent->on_its_way)
			write_line(load, sent, 0, -1);
	}
	if (!ferror(load->record) && !fflush(load->record))
		return 0;
	(void)fprintf(stderr, "stampede: record '%s' cannot be written\n",
		      load->conf->record);
	return LOAD_E_RECORD;
}

static int load_run(struct load *load)
{
	int r, settled, recorded;

	load->last_ack_ms = clock_now_ms();
	r = send_restocks(load);
	load->score.started_us = clock_now_us();
	if (!r)
		r = send_orders(load);
	/* A first signal stops the sending; a second one the waiting. */
	load->stop = false;
	settled = r == LOAD_E_STUCK ? r : settle(load);
	load->score.ended_us = clock_now_us();
	recorded = finish_record(load);
	if (settled && (!r || r == LOAD_E_STOPPED))
		r = settled;
	return recorded ? recorded : r;
}

/* ---- the program ---- */

static int open_record(struct load *load)
{
	if (!*load->conf->record)
		return 0;
	load->record = fopen(load->conf->record, "we");
	if (!load->record) {
		(void)fprintf(stderr,
			      "stampede: record '%s' cannot be written: %s\n",
			      load->conf->record, strerrordesc_np(errno));
		return LOAD_E_RECORD;
	}
	(void)setvbuf(load->record, NULL, _IOFBF, RECORD_BUFFER_BYTES);
	return 0;
}

static int open_loop(struct load *load)
{
	int r = loop_new(&load->loop);

	if (r)
		return r;
	load->sources[0] = loop_signal(load->loop, SIGTERM, on_signal, load);
	load->sources[1] = loop_signal(load->loop, SIGINT, on_signal, load);
	load->sources[2] =
		loop_timer(load->loop, PROGRESS_EVERY_MS, print_progress, load);
	return 0;
}

static int load_open(struct load *load, const struct conf *conf, uint64_t seed)
{
	int r;

	load->conf = conf;
	if (orders_init(&load->orders, conf, seed))
		return LOAD_E_SETTING;
	sent_init(&load->pool, (size_t)conf->queue_max);
	if (messages_init(&load->messages, conf, &load->orders))
		return LOAD_E_SETTING;
	r = open_record(load);
	if (!r)
		r = open_loop(load);
	if (!r)
		r = kafka_out_new(&load->out,
				  &(struct kafka_out_params){
					  .brokers = conf->brokers,
					  .client_id = "stampede",
					  .linger_ms = conf->linger_ms,
					  .queue_max = conf->queue_max,
					  .partitions_max = TOPIC_PARTITIONS,
					  .report = on_report,
					  .arg = load,
				  });
	return r;
}

static void load_close(struct load *load)
{
	load->out = kafka_out_free(load->out);
	for (size_t i = 0; i < 3; i++)
		load->sources[i] = loop_source_free(load->sources[i]);
	load->loop = loop_free(load->loop);
	if (load->record)
		(void)fclose(load->record);
	buf_deinit(&load->line);
	sent_deinit(&load->pool);
	orders_deinit(&load->orders);
}

static int choose_seed(const struct conf *conf, uint64_t *ret)
{
	*ret = (uint64_t)conf->seed;
	if (*ret)
		return 0;
	if (getrandom(ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
		return -EIO;
	/* So that SEED can be set to it. */
	*ret = (*ret >> 1) | 1;
	return 0;
}

static int status_of(int r, const struct conf *conf)
{
	switch (r) {
	case 0:
	case LOAD_E_STOPPED:
		return 0;
	case LOAD_E_SETTING:
		return 2;
	case LOAD_E_RECORD:
		return 1;
	case LOAD_E_STUCK:
		(void)fprintf(stderr,
			      "stampede: Kafka at '%s' acknowledges nothing "
			      "any more\n"
			      "HINT: KAFKA_BROKERS says where it is; overlord "
			      "topics status whether the topics are there\n",
			      conf->brokers);
		return 1;
	default:
		(void)fprintf(stderr, "stampede: %s\n", err_text(err_fold(r)));
		return 1;
	}
}

/* One object of JSON on stdout: what was sent, acknowledged, how quickly. */
static void print_summary(const struct load *load)
{
	struct buf line = { 0 };

	score_summary(&load->score, load->orders.seed, &line);
	(void)fwrite(line.p, 1, line.n, stdout);
	buf_deinit(&line);
}

int main(int argc, char **argv)
{
	struct load load = { 0 };
	struct conf conf;
	uint64_t seed;
	int r, status;

	if (conf_arguments(&stampede_conf, argc, argv, &status))
		return status;
	if (conf_load(&stampede_conf, &conf))
		return 2;
	log_init(&(struct log_params){ .out = stderr,
				       .program = "stampede",
				       .version = version_of_build,
				       .level = LOG_WARN });
	r = choose_seed(&conf, &seed);
	if (!r)
		r = load_open(&load, &conf, seed);
	if (!r) {
		r = load_run(&load);
		print_summary(&load);
	}
	load_close(&load);
	return status_of(r, &conf);
}
