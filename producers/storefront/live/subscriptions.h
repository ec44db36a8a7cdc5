/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: server-sent events to those who watch an order or a stall.
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
#ifndef STOREFRONT_SUBSCRIPTIONS_H
#define STOREFRONT_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"
#include "producers/storefront/http/http.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/views.h"

/* What one subscriber may leave unread. */
enum { SUBSCRIBER_MAX_BYTES = 65536 };

struct subscriptions;

struct subscriptions_params {
	struct loop *loop;
	struct order_cache *cache;
	struct views *views;
	int64_t subscribers_max;
	int64_t heartbeat_ms;
};

/* Copies @params. */
int subscriptions_new(struct subscriptions **ret,
		      const struct subscriptions_params *params);
/* Ends all streams. */
struct subscriptions *subscriptions_free(struct subscriptions *streams);
DEFINE_CLEANUP(struct subscriptions, subscriptions_free);

/* GET /events?order= or ?stall=. Takes @request. */
void subscriptions_subscribe(struct subscriptions *streams,
			     struct http_request *request);

/* Does anybody watch that stall? */
bool subscriptions_of_stall(const struct subscriptions *streams,
			    struct text stall);

/* Sends what changed on the cache since the last call. */
void subscriptions_flush(struct subscriptions *streams);

/* Ends all streams: after what was sent, nothing comes any more. */
void subscriptions_end(struct subscriptions *streams);

#endif
