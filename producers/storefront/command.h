/* SPDX-License-Identifier: MIT */
/*
 * Command: a request that publishes events and is answered when the broker
 * has acknowledged them all.
 *
 * Whoever waits has a deadline, the events have none: when it passes, the
 * request is answered 503 (the outcome is unknown, and the order's id is in
 * the answer), while the command lives on until every event was told of.
 */
#ifndef STOREFRONT_COMMAND_H
#define STOREFRONT_COMMAND_H

#include <stdbool.h>
#include <sys/queue.h>

#include "producers/storefront/shop.h"
#include "schemas/order_id.h"

struct command {
	struct shop *shop;
	struct http_request *request; /* NULL: it has been answered */
	/* Everything was told of: answers, if there is a request, and frees. */
	void (*finished)(struct command *command);
	struct order_id order_id;
	bool of_order; /* order_id is meant */

	size_t n_events, n_delivered;
	int32_t partition; /* of the last one delivered */
	int64_t offset;

	/* Its own. */
	LIST_ENTRY(command) link;
	int64_t deadline_at_ms;
	size_t n_waiting;
};

/* The first four members are set. */
void command_begin(struct command *command);
/* One event more; one that cannot be sent counts as not delivered. */
void command_publish(struct command *command, struct publisher_event *event);
/* That was the last: finished() may be called from within, or later. */
void command_end(struct command *command);

bool command_delivered(const struct command *command);

/* Answers 503 to the request of a command whose events are not delivered. */
void command_answer_away(struct command *command);

/* Answers those whose deadline has passed. */
void command_expire(struct shop *shop, int64_t now_ms);

#endif
