/* SPDX-License-Identifier: MIT */
/*
 * Command: from the request to the acknowledgement. All that are in flight
 * are in a list, since a reset of the client drops messages without a report.
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

struct commands {
	const struct conf *conf;
	const struct kafka_watch *watch;
	struct kafka_out *out;
	LIST_HEAD(, command) all;
	size_t n;
	bool failed;         /* a report was bad: to be reset */
	int64_t moved_at_ms; /* a report came, or the first event was sent */
};

/* ---- answers ---- */

static void answer_503(struct command *command, const char *error)
{
	char id[ORDER_ID_CHARS + 1];

	http_reply_error(command->request, 503, error, "order_id",
			 command->of_order
				 ? order_id_format(&command->order.id, id)
				 : NULL);
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

/* Not all events are on their topics: none is, or nobody knows. */
static void answer_undelivered(struct command *command)
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

void commands_expire(struct commands *commands, int64_t now_ms)
{
	struct command *command;

	LIST_FOREACH(command, &commands->all, link)
	{
		if (command->request && command->deadline_at_ms <= now_ms)
			answer_doubtful(command);
	}
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

	log_about(&about);
	log_info(id, "%s", text);
	log_about(NULL);
}

void command_answer_order(struct command *command, const char *log_id,
			  const char *what, int64_t number, const char *state)
{
	char id[ORDER_ID_CHARS + 1], name[ORDER_NAME_BYTES], path[64], line[96];
	struct http_field location = { TEXT("Location"), { path, 0 } };
	struct buf json = { 0 };

	(void)snprintf(line, sizeof(line), "%s%s, was accepted", what,
		       order_name(&command->order.id, number, name));
	if (log_limit_pass(&command->shop->accepted_lines, "accepted commands"))
		command_log(command, log_id, line);
	location.value.n =
		(size_t)snprintf(path, sizeof(path), "/orders/%s",
				 order_id_format(&command->order.id, id));
	order_name_json(&command->order.id, number, &json);
	buf_json_pair(&json, "state", text_of(state));
	buf_text(&json, "}");
	http_reply_json(command->request, 202, &json, &location);
	command->request = NULL;
	buf_deinit(&json);
}

/* ---- reports ---- */

static void finish(struct command *command)
{
	struct commands *commands = command->shop->commands;

	LIST_REMOVE(command, link);
	commands->n--;
	if (command->n_delivered == command->n_events)
		command->accepted(command);
	else
		answer_undelivered(command);
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
	if (command->topic == TOPIC_RESTOCKS)
		counter_add(&metrics.restocks_accepted, 1);
	if (!command->request)
		counter_add(&metrics.reports_late, 1);
}

static void on_report(void *arg, const struct kafka_report *report)
{
	struct commands *commands = arg;
	struct command *command = report->opaque;

	commands->moved_at_ms = clock_now_ms();
	if (report->delivered) {
		note_delivered(command, report);
	} else if (report->refused) {
		command->n_refused++;
		log_warn("EVENT-REFUSED", "the broker refused an event: %s",
			 report->error);
	} else {
		command->n_doubtful++;
		commands->failed = true;
		counter_add(&metrics.reports_failed, 1);
		log_warn("DELIVERY-FAILED",
			 "an event was not delivered: %s, the producer is "
			 "reset",
			 report->error);
	}
	command_end(command);
}

/* No event in flight will be reported any more. */
static void finish_all_in_doubt(struct commands *commands)
{
	struct command *command = LIST_FIRST(&commands->all), *next;

	for (; command; command = next) {
		next = LIST_NEXT(command, link);
		command->n_doubtful += command->n_waiting;
		finish(command);
	}
}

int commands_serve(struct commands *commands)
{
	int r;

	(void)kafka_out_poll(commands->out, 0);
	if (!commands->failed && !kafka_out_fatal(commands->out))
		return 0;
	r = kafka_out_reset(commands->out);
	commands->failed = false;
	finish_all_in_doubt(commands);
	return r;
}

/* ---- the commands in flight ---- */

int commands_new(struct commands **ret, const struct shop *shop,
		 const struct kafka_watch *watch)
{
	CLEANUP(commands_freep)
	struct commands *commands = xcalloc(1, sizeof(*commands));
	const struct kafka_out_params out_params = {
		.brokers = shop->conf->brokers,
		.client_id = "storefront",
		.linger_ms = 0,
		.queue_max = shop->conf->publish_queue_max,
		.partitions_max = TOPIC_PARTITIONS,
		.report = on_report,
		.arg = commands,
		.loop = shop->loop,
	};
	int r;

	commands->conf = shop->conf;
	commands->watch = watch;
	LIST_INIT(&commands->all);
	r = kafka_out_new(&commands->out, &out_params);
	if (r)
		return r;
	*ret = commands;
	commands = NULL;
	return 0;
}

struct commands *commands_free(struct commands *commands)
{
	if (!commands)
		return NULL;
	commands->out = kafka_out_free(commands->out);
	finish_all_in_doubt(commands);
	free(commands);
	return NULL;
}

size_t commands_n(const struct commands *commands)
{
	return commands->n;
}

const char *commands_away(struct commands *commands)
{
	const struct kafka_watch *watch = commands->watch;
	const char *away = watch ? kafka_watch_trouble(watch) : NULL;

	if (away)
		return away;
	/* The client notices at once when connections break. */
	if (kafka_out_away(commands->out))
		return "no broker answers";
	if (kafka_out_waiting(commands->out) > 0 &&
	    clock_now_ms() - commands->moved_at_ms > STALLED_MS)
		return "the broker acknowledges nothing";
	return NULL;
}

/* ---- events ---- */

struct command *command_new(struct shop *shop, struct http_request *request,
			    void (*accepted)(struct command *command))
{
	static const struct order_id none;
	struct command *command = xcalloc(1, sizeof(*command));

	command->shop = shop;
	command->request = request;
	command->accepted = accepted;
	command->begun_at_us = clock_now_us();
	command->deadline_at_ms =
		clock_now_ms() + shop->conf->publish_timeout_ms;
	command->n_waiting = 1;
	order_init(&command->order, &none);
	LIST_INSERT_HEAD(&shop->commands->all, command, link);
	shop->commands->n++;
	return command;
}

static bool may_send(struct commands *commands)
{
	return !commands_away(commands) && !commands->failed &&
	       kafka_out_waiting_bytes(commands->out) <=
		       (size_t)commands->conf->publish_queue_max_bytes;
}

/* True: its report will come. */
static bool send_event(struct commands *commands, const struct event *event,
		       struct command *command)
{
	int r;

	if (!may_send(commands))
		return false;
	if (kafka_out_waiting(commands->out) == 0)
		commands->moved_at_ms = clock_now_ms();
	r = event_send(event, commands->out,
		       command->shop->topics.of[event->topic], command);
	if (r == KAFKA_OUT_E_FATAL)
		commands->failed = true;
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
	struct commands *commands = command->shop->commands;
	char state[HTTP_HEAD_MAX_BYTES];

	event_source(event, TEXT("/storefront"), clock_wall_ms());
	set_trace(command, event, id, state);
	command->topic = event->topic;
	command->n_events++;
	if (send_event(commands, event, command))
		command->n_waiting++;
}
