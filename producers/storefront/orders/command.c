/* SPDX-License-Identifier: MIT */
/* Command: see command.h. */
#include "producers/storefront/orders/command.h"

#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "producers/storefront/http/answer.h"
#include "producers/storefront/metrics.h"

void command_begin(struct command *command)
{
	command->deadline_at_ms =
		clock_now_ms() + command->shop->conf->publish_timeout_ms;
	command->n_waiting = 1; /* command_end() */
	LIST_INSERT_HEAD(&command->shop->commands, command, link);
}

static void done_with_one(struct command *command)
{
	if (--command->n_waiting)
		return;
	LIST_REMOVE(command, link);
	command->finished(command);
}

static void take_report(void *arg, enum publisher_fate fate, int32_t partition,
			int64_t offset)
{
	struct command *command = arg;

	if (fate == PUBLISHER_DELIVERED) {
		command->n_delivered++;
		command->partition = partition;
		command->offset = offset;
		if (!command->request)
			counter_add(&metrics.reports_late, 1);
	} else if (fate == PUBLISHER_REFUSED) {
		command->n_refused++;
	} else {
		command->n_doubtful++;
	}
	done_with_one(command);
}

void command_publish(struct command *command, struct publisher_event *event)
{
	command->topic = event->topic;
	event->fn = take_report;
	event->arg = command;
	command->n_events++;
	if (!publisher_send(command->shop->publisher, event))
		command->n_waiting++;
}

void command_end(struct command *command)
{
	done_with_one(command);
}

bool command_delivered(const struct command *command)
{
	return command->n_delivered == command->n_events;
}

static void answer_503(struct command *command, const char *error)
{
	const struct answer_error answer = {
		.status = 503,
		.error = error,
		.order_id = command->of_order ? &command->order_id : NULL,
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

void command_answer_accepted(struct command *command, int64_t number,
			     const char *state)
{
	char id[ORDER_ID_CHARS + 1], path[64];
	struct http_field location = { TEXT("Location"), { path, 0 } };
	struct buf json = { 0 };
	int n;

	n = snprintf(path, sizeof(path), "/orders/%s",
		     order_id_format(&command->order_id, id));
	location.value.n = (size_t)n;
	order_name_json(&command->order_id, number, &json);
	buf_printf(&json, ",\"state\":\"%s\"}", state);
	answer_json(command->request, 202, &json, &location);
	command->request = NULL;
	buf_deinit(&json);
}

void command_log(struct command *command, const char *id, const char *text)
{
	char order[ORDER_ID_CHARS + 1];
	const struct log_subject about = {
		.order = command->of_order
				 ? order_id_format(&command->order_id, order)
				 : NULL,
		.topic = topic_table[command->topic].name,
		.partition = command->partition,
		.offset = command->offset,
		.trace = command->trace,
	};

	if (!log_limit_about(&command->shop->command_lines, &about,
			     "accepted commands"))
		return;
	log_info(id, "%s", text);
	log_about(NULL);
}

void command_trace(struct command *command, const struct order_id *id,
		   struct envelope *envelope, struct command_trace_room *room)
{
	const struct http_head *head = http_request_head(command->request);

	/* Two of them are none (W3C Trace Context, 3.2). */
	if (http_head_count(head, "traceparent") == 1)
		envelope->traceparent = http_head_field(head, "traceparent");
	envelope->tracestate = http_head_list(head, "tracestate", room->state);
	envelope_check_trace(envelope);
	if (!envelope->traceparent.p)
		envelope->traceparent = trace_begin(room->parent, id);
	(void)trace_id(envelope->traceparent, command->trace);
}

void command_expire(struct shop *shop, int64_t now_ms)
{
	struct command *command;

	LIST_FOREACH(command, &shop->commands, link)
	{
		if (command->request && command->deadline_at_ms <= now_ms)
			answer_doubtful(command);
	}
}
