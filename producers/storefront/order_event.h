/* SPDX-License-Identifier: MIT */
/*
 * Order event: an order that changed -> the bytes of a server-sent event, and
 * back from what a browser says it has heard last.
 *
 *	id: <start of this process>-<number of the change>
 *	data: <the order, as GET /orders/{id} answers it>
 *
 * So a Last-Event-ID says from where on the board's changes are new to a
 * browser, and one of an earlier process, or of another, says that all of them
 * are. Pure.
 */
#ifndef STOREFRONT_ORDER_EVENT_H
#define STOREFRONT_ORDER_EVENT_H

#include <stdint.h>

#include "infra/lib/text.h"
#include "producers/storefront/blob.h"
#include "producers/storefront/order.h"

/* @boot tells this process from others: milliseconds of the calendar. */
struct blob *order_event(const struct order *order, int64_t boot,
			 uint64_t change);

/* The change that @last_id names; 0, which is before all, if not one of ours */
uint64_t order_event_change(struct text last_id, int64_t boot);

#endif
