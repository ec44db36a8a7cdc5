/* SPDX-License-Identifier: MIT */
/*
 * Event stream: server-sent events to those who watch an order or a stall.
 *
 * An event's data is the order as GET /orders/{id} answers it. It is formatted
 * once and shared by all who get it. Nobody is waited for: what a subscriber
 * has not read is bounded, one that watches an order then skips to the latest
 * state when it has caught up, one that watches a stall is cut and comes back
 * with Last-Event-ID. A sign of life goes out every HEARTBEAT_MS, and orders
 * that are watched and not at their end are read from the view again then, so
 * that a fact that was missed is missed for that long only.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_EVENT_STREAM_H
#define STOREFRONT_EVENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"
#include "producers/storefront/http.h"
#include "producers/storefront/order_board.h"
#include "producers/storefront/views.h"

/* What one subscriber may leave unread. */
enum { SUBSCRIBER_MAX_BYTES = 65536 };

struct event_streams;

struct event_streams_params {
	struct loop *loop;
	struct order_board *board;
	struct views *views;
	int64_t subscribers_max;
	int64_t heartbeat_ms;
};

/* Copies @params. */
int event_streams_new(struct event_streams **ret,
		      const struct event_streams_params *params);
/* Ends all streams. */
struct event_streams *event_streams_free(struct event_streams *streams);
DEFINE_CLEANUP(struct event_streams, event_streams_free);

/* GET /events?order= or ?stall=. Takes @request. */
void event_streams_subscribe(struct event_streams *streams,
			     struct http_request *request);

/* Does anybody watch that stall? */
bool event_streams_watches(const struct event_streams *streams,
			   struct text stall);

/* Sends what changed on the board since the last call. */
void event_streams_flush(struct event_streams *streams);

/* Ends all streams: after what was sent, nothing comes any more. */
void event_streams_end(struct event_streams *streams);

#endif
