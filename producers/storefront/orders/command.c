/* SPDX-License-Identifier: MIT */
/*
 * Command: from the request to the acknowledgement. The publisher keeps all
 * commands in a list, since a reset of the client drops messages without a
 * report.
 */
#include "producers/storefront/orders/command.h"

#include <errno.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_out.h"
#include "infra/lib/kafka/kafka_watch.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/http.h"

enum { STALLED_MS = 5000 };

struct publisher {
	const struct conf *conf;
	const struct kafka_watch *watch;
	struct kafka_out *out;
	LIST_HEAD(, command) commands;
	size_t n_commands;
	bool failed;         /* a report was bad: to be reset */
	int64_t moved_at_ms; /* a report came, or the first event was sent */
};

/* ---- reports ---- */

static void finish(struct command *command)
{
	struct publisher *publisher = command->shop->publisher;

	LIST_REMOVE(command, link);
	publisher->n_commands--;
	command->finished(command);
	order_deinit(&command->order);
	free(command);
}

void command_end(struct command *command)
{
	if (--command->n_waiting == 0)
		finish(command);
}

static void note_delivered(struct command *command,
			   const struct kafka_report *report)
{
	command->n_delivered++;
	command->partition = report->partition;
	command->offset = report->offset;
	if (!command->request)
		counter_add(&metrics.reports_late, 1);
}

static void on_report(void *arg, const struct kafka_report *report)
{
	struct publisher *publisher = arg;
	struct command *command = report->opaque;

	publisher->moved_at_ms = clock_now_ms();
	if (report->delivered) {
		note_delivered(command, report);
	} else if (report->refused) {
		command->n_refused++;
		log_warn("EVENT-REFUSED", "the broker refused an event: %s",
			 report->error);
	} else {
		command->n_doubtful++;
		publisher->failed = true;
		counter_add(&metrics.reports_failed, 1);
		log_warn("DELIVERY-FAILED",
			 "an event was not delivered: %s, the producer is "
			 "reset",
			 report->error);
	}
	command_end(command);
}

/* No event in flight will be reported any more. */
static void finish_all_in_doubt(struct publisher *publisher)
{
	struct command *command = LIST_FIRST(&publisher->commands), *next;

	for (; command; command = next) {
		next = LIST_NEXT(command, link);
		command->n_doubtful += command->n_waiting;
		finish(command);
	}
}

int publisher_serve(struct publisher *publisher)
{
	int r;

	(void)kafka_out_poll(publisher->out, 0);
	if (!publisher->failed && !kafka_out_fatal(publisher->out))
		return 0;
	r = kafka_out_reset(publisher->out);
	publisher->failed = false;
	finish_all_in_doubt(publisher);
	return r;
}

/* ---- the publisher ---- */

int publisher_new(struct publisher **ret, const struct shop *shop,
		  const struct kafka_watch *watch)
{
	CLEANUP(publisher_freep)
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));
	const struct kafka_out_params out_params = {
		.brokers = shop->conf->brokers,
		.client_id = "storefront",
		.linger_ms = 0,
		.queue_max = shop->conf->publish_queue_max,
		.partitions_max = TOPIC_PARTITIONS,
		.report = on_report,
		.arg = publisher,
		.loop = shop->loop,
	};
	int r;

	publisher->conf = shop->conf;
	publisher->watch = watch;
	LIST_INIT(&publisher->commands);
	r = kafka_out_new(&publisher->out, &out_params);
	if (r)
		return r;
	*ret = publisher;
	publisher = NULL;
	return 0;
}

struct publisher *publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return NULL;
	publisher->out = kafka_out_free(publisher->out);
	finish_all_in_doubt(publisher);
	free(publisher);
	return NULL;
}

size_t publisher_n_commands(const struct publisher *publisher)
{
	return publisher->n_commands;
}

const char *publisher_away(struct publisher *publisher)
{
	const struct kafka_watch *watch = publisher->watch;
	const char *away = watch ? kafka_watch_trouble(watch) : NULL;

	if (away)
		return away;
	/* The client notices at once when connections break. */
	if (kafka_out_away(publisher->out))
		return "no broker answers";
	if (kafka_out_waiting(publisher->out) > 0 &&
	    clock_now_ms() - publisher->moved_at_ms > STALLED_MS)
		return "the broker acknowledges nothing";
	return NULL;
}

/* ---- events ---- */

struct command *command_new(struct shop *shop, struct http_request *request,
			    void (*finished)(struct command *command))
{
	static const struct order_id none;
	struct command *command = xcalloc(1, sizeof(*command));

	command->shop = shop;
	command->request = request;
	command->finished = finished;
	command->begun_at_us = clock_now_us();
	command->deadline_at_ms =
		clock_now_ms() + shop->conf->publish_timeout_ms;
	command->n_waiting = 1;
	order_init(&command->order, &none);
	LIST_INSERT_HEAD(&shop->publisher->commands, command, link);
	shop->publisher->n_commands++;
	return command;
}

static bool may_send(struct publisher *publisher)
{
	return !publisher_away(publisher) && !publisher->failed &&
	       kafka_out_waiting_bytes(publisher->out) <=
		       (size_t)publisher->conf->publish_queue_max_bytes;
}

/* True: its report will come. */
static bool send_event(struct publisher *publisher, const struct event *event,
		       struct command *command)
{
	int r;

	if (!may_send(publisher))
		return false;
	if (kafka_out_waiting(publisher->out) == 0)
		publisher->moved_at_ms = clock_now_ms();
	r = event_send(event, publisher->out,
		       command->shop->topics.of[event->topic], command);
	if (r == KAFKA_OUT_E_FATAL)
		publisher->failed = true;
	return r == 0;
}

/* @state is storage for what the envelope borrows. */
static void set_trace(struct command *command, struct event *event,
		      const struct order_id *id,
		      char state[static HTTP_HEAD_MAX_BYTES])
{
	const struct http_head *head = http_request_head(command->request);
	struct envelope *envelope = &event->envelope;

	/* Two of them are none (W3C Trace Context, 3.2). */
	if (http_head_count(head, "traceparent") == 1)
		envelope->traceparent = http_head_field(head, "traceparent");
	envelope->tracestate = http_head_list(head, "tracestate", state);
	envelope_check_trace(envelope);
	if (!envelope->traceparent.p)
		event_begin_trace(event, id);
	(void)trace_id(envelope->traceparent, command->trace);
}

void command_publish(struct command *command, struct event *event,
		     const struct order_id *id)
{
	struct publisher *publisher = command->shop->publisher;
	char state[HTTP_HEAD_MAX_BYTES];

	event_source(event, TEXT("/storefront"), clock_wall_ms());
	set_trace(command, event, id, state);
	command->topic = event->topic;
	command->n_events++;
	if (send_event(publisher, event, command))
		command->n_waiting++;
}

/* ---- answers ---- */

bool command_delivered(const struct command *command)
{
	return command->n_delivered == command->n_events;
}

static void answer_503(struct command *command, const char *error)
{
	const struct answer_error answer = {
		.status = 503,
		.error = error,
		.order_id = command->of_order ? &command->order.id : NULL,
	};

	answer_error(command->request, &answer);
	command->request = NULL;
}

static void answer_doubtful(struct command *command)
{
	answer_503(
		command,
		command->of_order
			? "the broker may or may not have it: ask for it, or "
			  "send it again with its id as Idempotency-Key"
			: "the broker may or may not have all of it: send it "
			  "again with the same Idempotency-Key");
}

void command_answer_away(struct command *command)
{
	if (command->n_doubtful || command->n_delivered)
		answer_doubtful(command);
	else if (command->n_refused)
		answer_503(command,
			   "the broker refused it: it is too large, or went "
			   "out together with what is");
	else
		answer_503(command,
			   "the broker is away or busy, send it again");
}

void publisher_expire(struct publisher *publisher, int64_t now_ms)
{
	struct command *command;

	LIST_FOREACH(command, &publisher->commands, link)
	{
		if (command->request && command->deadline_at_ms <= now_ms)
			answer_doubtful(command);
	}
}

void command_answer_accepted(struct command *command, int64_t number,
			     const char *state)
{
	char id[ORDER_ID_CHARS + 1], path[64];
	struct http_field location = { TEXT("Location"), { path, 0 } };
	struct buf json = { 0 };

	location.value.n =
		(size_t)snprintf(path, sizeof(path), "/orders/%s",
				 order_id_format(&command->order.id, id));
	order_name_json(&command->order.id, number, &json);
	buf_json_pair(&json, "state", text_of(state));
	buf_text(&json, "}");
	answer_json(command->request, 202, &json, &location);
	command->request = NULL;
	buf_deinit(&json);
}

void command_log(struct command *command, const char *id, const char *text)
{
	char order[ORDER_ID_CHARS + 1];
	const struct log_subject about = {
		.name = "order",
		.value = command->of_order
				 ? order_id_format(&command->order.id, order)
				 : NULL,
		.topic = topic_table[command->topic].name,
		.partition = command->partition,
		.offset = command->offset,
		.trace = command->trace,
	};

	if (!log_limit_about(&command->shop->accepted_lines, &about,
			     "accepted commands"))
		return;
	log_info(id, "%s", text);
	log_about(NULL);
}
