/* SPDX-License-Identifier: MIT */
/* Load: the run itself; see load.h. Main thread. */
#include "producers/stampede/load.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka_out.h"
#include "infra/lib/loop.h"
#include "infra/lib/xalloc.h"
#include "producers/stampede/random.h"
#include "schemas/stock_command.h"
#include "schemas/topics.h"
#include "schemas/trace.h"

#define STEP_SEED UINT64_C(0x73746570)
#define PROGRESS_EVERY_MS 1000
#define LOOK_AFTER_SENDS 64 /* reports and signals, when flat out */
#define WAIT_MS 10
#define RECORD_BUFFER_BYTES (1 << 20)

/* How long acknowledgements took, in ms; the last bucket is "or longer". */
enum { N_LATENCIES = 10001 };

struct load {
	const struct conf *conf;
	struct orders orders;
	struct sent_slots slots;
	struct loop *loop;
	struct loop_source *sources[3];
	struct kafka_out *out;
	char topics[2][256]; /* orders, restocks */
	FILE *record;
	struct buf line;
	bool stop;

	int64_t time_ms; /* what @time says */
	char time[CLOCK_RFC3339_MAX];

	int64_t n_sent[N_SENT_KINDS];
	int64_t n_acked[N_SENT_KINDS];
	int64_t n_refused;
	int64_t n_v1;
	int64_t latencies[N_LATENCIES];
	int64_t longest_us;
	int64_t started_us, ended_us;
	int64_t last_ack_ms; /* or when the first one was waited for */
	int64_t last_look_ms;
	int64_t progress_acked;
};

size_t load_steps(const struct conf *conf, uint64_t seed, uint64_t i,
		  struct step ret[STEPS_MAX])
{
	struct random random = random_at(seed ^ STEP_SEED, i);
	bool duplicate = random_percent(&random, conf->duplicate_percent);
	bool poison = random_percent(&random, conf->poison_percent);
	uint64_t back = random_below(&random, i < 1000 ? i + 1 : 1000);
	size_t n = 0;

	ret[n++] = (struct step){ .kind = SENT_ORDER, .index = i };
	if (duplicate)
		ret[n++] = (struct step){ .kind = SENT_DUPLICATE,
					  .index = i - back };
	if (poison)
		ret[n++] = (struct step){
			.kind = SENT_POISON,
			.index = i,
			.poison = (enum poison)random_below(&random, N_POISONS),
		};
	return n;
}

/* ---- what comes back ---- */

static const char *topic_of(const struct load *load, const struct sent *sent)
{
	return load->topics[sent->kind == SENT_RESTOCK];
}

static void write_line(struct load *load, const struct sent *sent,
		       const struct arrival *arrival)
{
	if (!load->record)
		return;
	buf_reset(&load->line);
	sent_line(&load->orders, sent, load->conf->restock, arrival,
		  &load->line);
	(void)fwrite(load->line.p, 1, load->line.n, load->record);
}

static void take_report(void *arg, const struct kafka_report *report)
{
	struct load *load = arg;
	struct sent *sent = report->opaque;
	struct arrival arrival = { .topic = topic_of(load, sent),
				   .partition = report->partition,
				   .offset = report->offset };
	int64_t took_us = clock_now_us() - sent->intended_us;
	int64_t took_ms = took_us / 1000;

	/* It keeps its slot: nobody can tell whether it is there. */
	if (!report->delivered)
		return;
	load->n_acked[sent->kind]++;
	load->last_ack_ms = clock_now_ms();
	if (sent->kind != SENT_RESTOCK) {
		load->latencies[took_ms < N_LATENCIES ? took_ms
						      : N_LATENCIES - 1]++;
		if (took_us > load->longest_us)
			load->longest_us = took_us;
	}
	if (load->record) {
		arrival.acked_ms = clock_wall_ms();
		write_line(load, sent, &arrival);
	}
	sent_give(&load->slots, sent);
}

static int64_t sum(const int64_t n[N_SENT_KINDS])
{
	int64_t all = 0;

	for (int i = 0; i < N_SENT_KINDS; i++)
		all += n[i];
	return all;
}

static void say_progress(void *arg)
{
	struct load *load = arg;
	int64_t acked = sum(load->n_acked);

	(void)fprintf(stderr,
		      "stampede: %" PRId64 " of %" PRId64 " orders sent, "
		      "%" PRId64 " records acknowledged, %" PRId64 "/s\n",
		      load->n_sent[SENT_ORDER], load->conf->n_orders, acked,
		      acked - load->progress_acked);
	load->progress_acked = acked;
}

static void take_signal(void *arg)
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

/* A message being made, and the headers that its sort of poison changes. */
struct spoiled {
	struct kafka_message *message;
	enum poison poison;
};

static int spoil_header(void *arg, const char *name, const char *value,
			size_t n)
{
	const struct spoiled *spoiled = arg;
	const char *other = poison_header(spoiled->poison, name);

	if (other)
		return kafka_message_header(spoiled->message, name, other,
					    strlen(other));
	return kafka_message_header(spoiled->message, name, value, n);
}

static void set_envelope(struct load *load, struct envelope *envelope,
			 const char *id, char traceparent[TRACE_BYTES])
{
	int64_t now_ms = clock_wall_ms();
	struct order_id trace = { { 0 } };

	if (now_ms != load->time_ms) {
		load->time_ms = now_ms;
		clock_rfc3339(now_ms, load->time);
	}
	envelope_init(envelope);
	envelope->id = (struct text){ id, ORDER_ID_CHARS };
	envelope->source = TEXT("/stampede");
	envelope->time = (struct text){ load->time, sizeof(load->time) - 1 };
	envelope->subject = envelope->id;
	(void)order_id_parse(&trace, id, ORDER_ID_CHARS);
	envelope->traceparent = trace_begin(traceparent, &trace);
	envelope->producer = TEXT("stampede@" GALORE_VERSION);
}

static int send_message(struct load *load, struct kafka_message *message,
			struct text key, const struct wire *wire,
			struct sent *sent)
{
	const struct kafka_body body = { .key = key.p,
					 .n_key = key.n,
					 .value = wire->p,
					 .n_value = wire->n };

	sent->sent_ms = load->time_ms;
	return kafka_out_send(message, &body, sent);
}

static int send_order(struct load *load, struct sent *sent)
{
	uint8_t bytes[4096] __attribute__((uninitialized));
	struct wire wire = WIRE_INIT(bytes);
	struct made_order made __attribute__((uninitialized));
	char traceparent[TRACE_BYTES], poison_id[ORDER_ID_CHARS + 1];
	struct kafka_message *message;
	struct envelope envelope;
	const char *id;
	int r;

	orders_make(&load->orders, sent->index, &made);
	id = made.id;
	if (sent->kind == SENT_POISON) {
		sent_poison_id(&load->orders, sent->index, poison_id);
		id = poison_id;
	}
	set_envelope(load, &envelope, id, traceparent);
	envelope.type = EVENT_ORDER_PLACED;
	envelope.version = made.order.version;
	envelope.stall = made.order.stall;
	envelope.customer = made.order.customer;
	if (made.order.version == 1 && !made.order.grill)
		envelope.grill = TEXT("false");
	r = order_placed_encode(&made.order, made.order.version, &wire);
	if (r)
		return r < 0 ? r : -EINVAL;
	message = kafka_out_message(load->out, load->topics[0]);
	if (sent->kind == SENT_POISON) {
		struct spoiled spoiled = { message, sent->poison };

		poison_body(sent->poison, &wire);
		r = envelope_write(&envelope, spoil_header, &spoiled);
	} else {
		r = envelope_write(&envelope, kafka_message_header, message);
	}
	assert(!r);
	r = send_message(load, message, envelope.id, &wire, sent);
	if (!r && sent->kind != SENT_POISON && made.order.version == 1)
		load->n_v1++;
	return r;
}

static int send_restock(struct load *load, struct sent *sent)
{
	uint8_t bytes[1024];
	struct wire wire = WIRE_INIT(bytes);
	char traceparent[TRACE_BYTES], key[STALL_NAME_MAX + 16];
	struct kafka_message *message;
	struct envelope envelope;
	struct restock row;
	int r;

	sent_restock(&load->orders, sent->index, &row);
	(void)snprintf(key, sizeof(key), "%s/%s", row.stall.p,
		       row.ingredient.p);
	set_envelope(load, &envelope, row.id, traceparent);
	envelope.type = EVENT_STOCK_ADDED;
	envelope.version = 1;
	envelope.subject = text_of(key);
	envelope.stall = row.stall;
	r = stock_command_encode(
		&(struct stock_command){ .kind = STOCK_COMMAND_ADDED,
					 .stall = row.stall,
					 .ingredient = row.ingredient,
					 .quantity =
						 (int32_t)load->conf->restock },
		&wire);
	if (r)
		return r;
	message = kafka_out_message(load->out, load->topics[1]);
	r = envelope_write(&envelope, kafka_message_header, message);
	assert(!r);
	return send_message(load, message, text_of(key), &wire, sent);
}

/* One record, however long the queue is full. */
static int send_step(struct load *load, const struct step *step,
		     int64_t intended_us)
{
	struct sent *sent;
	int r;

	while (!(sent = sent_take(&load->slots))) {
		r = look(load, WAIT_MS);
		if (r)
			return r;
	}
	sent->kind = step->kind;
	sent->index = step->index;
	sent->poison = step->poison;
	sent->intended_us = intended_us;
	for (;;) {
		r = step->kind == SENT_RESTOCK ? send_restock(load, sent)
					       : send_order(load, sent);
		if (r != KAFKA_OUT_E_FULL)
			break;
		r = look(load, WAIT_MS);
		if (r)
			break;
	}
	switch (r) {
	case 0:
		load->n_sent[step->kind]++;
		return 0;
	case KAFKA_OUT_E_FATAL:
		r = LOAD_E_STUCK;
		break;
	case KAFKA_OUT_E_REFUSED:
		load->n_refused++;
		r = 0;
		break;
	default:
		break;
	}
	sent_give(&load->slots, sent);
	return r;
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

/* Until the @i-th order's time has come; gives that time. */
static int wait_for_turn(struct load *load, uint64_t i, int64_t *ret_us)
{
	int64_t due_us, left_us;
	int r = 0;

	if (!load->conf->rate) {
		*ret_us = clock_now_us();
		return i % LOOK_AFTER_SENDS ? 0 : look(load, 0);
	}
	due_us = load->started_us + (int64_t)((unsigned __int128)i * 1000000 /
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
		size_t n = load_steps(load->conf, load->orders.seed, i, steps);

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
	for (size_t i = 0; i < load->slots.n; i++) {
		const struct sent *sent = &load->slots.all[i];

		if (sent->taken)
			write_line(load, sent,
				   &(struct arrival){
					   .topic = topic_of(load, sent),
					   .offset = -1 });
	}
	if (!ferror(load->record) && !fflush(load->record))
		return 0;
	(void)fprintf(stderr, "stampede: record '%s' cannot be written\n",
		      load->conf->record);
	return LOAD_E_RECORD;
}

int load_run(struct load *load)
{
	int r, settled, recorded;

	load->last_ack_ms = clock_now_ms();
	r = send_restocks(load);
	load->started_us = clock_now_us();
	if (!r)
		r = send_orders(load);
	/* A first signal stops the sending; a second one the waiting. */
	load->stop = false;
	settled = r == LOAD_E_STUCK ? r : settle(load);
	load->ended_us = clock_now_us();
	recorded = finish_record(load);
	if (settled && (!r || r == LOAD_E_STOPPED))
		r = settled;
	return recorded ? recorded : r;
}

/* ---- a life ---- */

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
	load->sources[0] = loop_signal(load->loop, SIGTERM, take_signal, load);
	load->sources[1] = loop_signal(load->loop, SIGINT, take_signal, load);
	load->sources[2] =
		loop_timer(load->loop, PROGRESS_EVERY_MS, say_progress, load);
	return 0;
}

static int name_topics(struct load *load)
{
	static const enum topic_id ids[2] = { TOPIC_ORDERS, TOPIC_RESTOCKS };

	for (int i = 0; i < 2; i++)
		if (snprintf(load->topics[i], sizeof(load->topics[i]), "%s%s",
			     topic_table[ids[i]].name,
			     load->conf->topic_suffix) > 249) {
			(void)fprintf(stderr, "stampede: setting "
					      "'TOPIC_SUFFIX' is too long\n");
			return LOAD_E_SETTING;
		}
	return 0;
}

int load_new(struct load **ret, const struct conf *conf, uint64_t seed)
{
	CLEANUP(load_freep) struct load *load = xcalloc(1, sizeof(*load));
	int r;

	load->conf = conf;
	if (orders_init(&load->orders, conf, seed))
		return LOAD_E_SETTING;
	sent_init(&load->slots, (size_t)conf->queue_max);
	r = name_topics(load);
	if (!r)
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
					  .report = take_report,
					  .arg = load,
				  });
	if (r)
		return r;
	*ret = load;
	load = NULL;
	return 0;
}

struct load *load_free(struct load *load)
{
	if (!load)
		return NULL;
	load->out = kafka_out_free(load->out);
	for (size_t i = 0; i < 3; i++)
		load->sources[i] = loop_source_free(load->sources[i]);
	load->loop = loop_free(load->loop);
	if (load->record)
		(void)fclose(load->record);
	buf_deinit(&load->line);
	sent_deinit(&load->slots);
	orders_deinit(&load->orders);
	free(load);
	return NULL;
}

/* The latency that @percent of the acknowledgements were within. */
static int64_t percentile(const struct load *load, int64_t n, int percent)
{
	int64_t seen = 0, ms = 0;

	while (ms < N_LATENCIES - 1) {
		seen += load->latencies[ms];
		if (seen * 100 >= n * percent)
			break;
		ms++;
	}
	return ms;
}

void load_summary(const struct load *load)
{
	int64_t sent = sum(load->n_sent), acked = sum(load->n_acked);
	int64_t n = acked - load->n_acked[SENT_RESTOCK];
	int64_t took_us = load->ended_us - load->started_us;

	(void)printf("{\"seed\":%" PRIu64, load->orders.seed);
	for (int kind = 0; kind < N_SENT_KINDS; kind++)
		(void)printf(",\"%s%s\":%" PRId64,
			     sent_kind_name((enum sent_kind)kind),
			     kind == SENT_POISON ? "" : "s",
			     load->n_sent[kind]);
	(void)printf(",\"v1\":%" PRId64 ",\"acked\":%" PRId64
		     ",\"unacked\":%" PRId64 ",\"refused\":%" PRId64,
		     load->n_v1, acked, sent - acked, load->n_refused);
	(void)printf(",\"seconds\":%.3f,\"per_second\":%.0f",
		     (double)took_us / 1e6,
		     took_us > 0 ? (double)n * 1e6 / (double)took_us : 0.0);
	(void)printf(",\"ack_ms\":{\"p50\":%" PRId64 ",\"p99\":%" PRId64
		     ",\"max\":%" PRId64 "}}\n",
		     percentile(load, n, 50), percentile(load, n, 99),
		     load->longest_us / 1000);
}
