/* SPDX-License-Identifier: MIT */
/*
 * Command: a request that publishes events, and is answered when the broker
 * has acknowledged them all.
 *
 *	command_new() -> command_publish() ... -> command_end()
 *
 * Each event that was sent carries its command, so Kafka's report of it reaches
 * the command directly. When all events are reported, the request is answered,
 * by accepted() if all were delivered, and the command is freed.
 *
 * A request has a deadline, its events have none: when the deadline passes, the
 * request is answered 503 (nobody knows the outcome, and the answer has the
 * order's id), while the command stays until every event is reported. It keeps
 * nothing of the request but what the answer needs, since there may be as many
 * commands as events may wait.
 *
 * struct commands is all that are in flight, and owns the connection to Kafka.
 *After a report that leaves an event in doubt it resets its client, so that
 *nothing old goes out late, and everything in flight is in doubt, too. An event
 *that the broker refuses is not on its topic, and no other event is touched by
 *that.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_COMMAND_H
#define STOREFRONT_COMMAND_H

#include <sys/queue.h>

#include "infra/lib/cleanup.h"
#include "producers/storefront/orders/order.h"
#include "producers/storefront/shop.h"
#include "schemas/event.h"

struct kafka_watch;

/* Borrows all. @watch NULL: what the client itself notices must do. */
int commands_new(struct commands **ret, const struct shop *shop,
		 const struct kafka_watch *watch);
/* Commands with events in flight are finished in doubt. */
struct commands *commands_free(struct commands *commands);
DEFINE_CLEANUP(struct commands, commands_free);

/*
 * Reads Kafka's reports, and resets the client when it must be. Negative: it
 * cannot be opened again, and nothing can be published any more.
 */
int commands_serve(struct commands *commands);
/* Answers the requests whose deadline has passed. */
void commands_expire(struct commands *commands, int64_t now_ms);

/* Commands that are not finished. */
size_t commands_n(const struct commands *commands);

/*
 * Why nothing would be sent now; NULL: it would. Kafka is away, lacks a topic,
 * or has acknowledged nothing of what is in flight for five seconds.
 */
const char *commands_away(struct commands *commands);

struct command {
	struct shop *shop;
	struct http_request *request; /* NULL: it has been answered */
	/* All events are on their topics: answers @request, which may be NULL.
	 */
	void (*accepted)(struct command *command);

	/* For accepted(); the handler sets them. */
	struct order order;
	bool of_order; /* the command is about @order */
	uint64_t content_hash;
	int64_t begun_at_us;

	size_t n_events, n_delivered;
	size_t n_refused;  /* the broker says that they are not on the topic */
	size_t n_doubtful; /* were sent, and nobody knows the outcome */
	enum topic_id topic;
	int32_t partition; /* of the last one delivered */
	int64_t offset;
	char trace[TRACE_ID_CHARS + 1]; /* of the last one published */

	/* Its own. */
	LIST_ENTRY(command) link;
	int64_t deadline_at_ms;
	size_t n_waiting; /* events in flight, and one until command_end() */
};

/* Takes @request. */
struct command *command_new(struct shop *shop, struct http_request *request,
			    void (*accepted)(struct command *command));

/*
 * Sends one more event; one that cannot be sent counts as not delivered.
 * Copies @event, which lacks only what is the same for all: source, time and
 * trace. The request's trace goes on, or @id begins one.
 */
void command_publish(struct command *command, struct event *event,
		     const struct order_id *id);

/* That was the last event: accepted() may be called from within, or later. */
void command_end(struct command *command);

/*
 * For accepted() of a command about an order: logs "@what order K042, number 6,
 * was accepted", and answers 202 {"order_id","number","code","state"}.
 */
void command_answer_order(struct command *command, const char *log_id,
			  const char *what, int64_t number, const char *state);

/*
 * Writes a line about an accepted command, with order, record and trace: at
 * most so many a second; how many were left out is said, too.
 */
void command_log(struct command *command, const char *id, const char *text);

#endif
