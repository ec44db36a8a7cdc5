/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: server-sent events to those who listen to an order or a stall.
 *
 *	id: <start of this process>-<number of the change>
 *	data: <the order, as GET /orders/{id} answers it>
 *
 * So a Last-Event-ID says which changes in the order cache are new to a
 * browser; one of another process says that all of them are.
 *
 * An event is formatted once and shared by all who get it. No subscriber makes
 * another one wait: what one has not read is bounded. One that listens to an
 * order then skips to the latest state when it has caught up; one that listens
 * to a stall is cut, and comes back with its Last-Event-ID. A sign of life goes
 * out every HEARTBEAT_MS. Orders that somebody listens to and that may still
 * change are then read from the view again, so that a fact that was missed is
 * missed for that long only.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_SUBSCRIPTIONS_H
#define STOREFRONT_SUBSCRIPTIONS_H

#include "infra/lib/cleanup.h"
#include "infra/lib/text/text.h"
#include "producers/storefront/shop.h"

/* What one subscriber may leave unread. */
enum { SUBSCRIBER_MAX_BYTES = 65536 };

/* Borrows @shop, which then has them. */
struct subscriptions *subscriptions_new(struct shop *shop);
/* Ends all streams. */
struct subscriptions *subscriptions_free(struct subscriptions *subscriptions);
DEFINE_CLEANUP(struct subscriptions, subscriptions_free);

/* GET /events?order= or ?stall= */
handler_fn subscribe;

/* Does anybody listen to that stall? */
bool subscriptions_has_stall(const struct subscriptions *subscriptions,
			     struct text stall);

/* Sends what changed in the order cache since the last call. */
void subscriptions_flush(struct subscriptions *subscriptions);

/* Ends all streams: after what was sent, nothing comes any more. */
void subscriptions_end(struct subscriptions *subscriptions);

#endif
