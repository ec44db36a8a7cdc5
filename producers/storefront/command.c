/* SPDX-License-Identifier: MIT */
/* Command: see command.h. */
#include "producers/storefront/command.h"

#include "infra/lib/clock.h"
#include "producers/storefront/answer.h"
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

static void take_report(void *arg, bool delivered, int32_t partition,
			int64_t offset)
{
	struct command *command = arg;

	if (delivered) {
		command->n_delivered++;
		command->partition = partition;
		command->offset = offset;
		if (!command->request)
			counter_add(&metrics.reports_late, 1);
	}
	done_with_one(command);
}

void command_publish(struct command *command, struct publisher_event *event)
{
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

void command_answer_away(struct command *command)
{
	const struct answer_error error = {
		.status = 503,
		.error = "the broker is away or busy, send it again",
		.order_id = command->of_order ? &command->order_id : NULL,
	};

	answer_error(command->request, &error);
	command->request = NULL;
}

void command_expire(struct shop *shop, int64_t now_ms)
{
	struct command *command, *next;

	for (command = LIST_FIRST(&shop->commands); command; command = next) {
		const struct answer_error error = {
			.status = 503,
			.error = "the broker has not answered in time: it may "
				 "or may not have it, send it again with the "
				 "same Idempotency-Key",
			.order_id =
				command->of_order ? &command->order_id : NULL,
		};

		next = LIST_NEXT(command, link);
		if (!command->request || command->deadline_at_ms > now_ms)
			continue;
		answer_error(command->request, &error);
		command->request = NULL;
	}
}
