/* SPDX-License-Identifier: MIT */
/*
 * Command: a request that publishes events and is answered when the broker
 * has acknowledged them all.
 *
 * Whoever waits has a deadline, the events have none: when it passes, the
 * request is answered 503 (the outcome is unknown, and the order's id is in
 * the answer), while the command lives on until every event was told of. It
 * keeps nothing of the request but what the answer needs, since there may be
 * as many of them as events may wait.
 */
#ifndef STOREFRONT_COMMAND_H
#define STOREFRONT_COMMAND_H

#include <stdbool.h>
#include <sys/queue.h>

#include "producers/storefront/shop.h"
#include "schemas/envelope.h"
#include "schemas/order_id.h"
#include "schemas/trace.h"

struct command {
	struct shop *shop;
	struct http_request *request; /* NULL: it has been answered */
	/* Everything was told of: answers, if there is a request, and frees. */
	void (*finished)(struct command *command);
	struct order_id order_id;
	bool of_order; /* order_id is meant */

	size_t n_events, n_delivered;
	size_t n_refused;  /* are not on their topic, the broker says so */
	size_t n_doubtful; /* were sent, and nobody knows what became of them */
	enum topic_id topic;
	int32_t partition; /* of the last one delivered */
	int64_t offset;
	char trace[TRACE_ID_CHARS + 1]; /* of the last one published */

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

/*
 * Answers 503 to the request of a command whose events are not delivered: none
 * is on its topic, or nobody knows.
 */
void command_answer_away(struct command *command);

/* Answers 202 {"order_id","number","code","state"} to one about an order. */
void command_answer_accepted(struct command *command, int64_t number,
			     const char *state);

/* What a trace is made in, until the event is published. */
struct command_trace_room {
	char parent[TRACE_BYTES];
	char state[HTTP_HEAD_MAX_BYTES];
};

/*
 * A line in the log of a command that the broker has: the order, its record and
 * its trace are added. So many a second; how many were left out is said, too.
 */
void command_log(struct command *command, const char *id, const char *text);

/* The trace that its request came with goes on, or @id begins one. */
void command_trace(struct command *command, const struct order_id *id,
		   struct envelope *envelope, struct command_trace_room *room);

/* Answers those whose deadline has passed. */
void command_expire(struct shop *shop, int64_t now_ms);

#endif
