/* SPDX-License-Identifier: MIT */
/*
 * Watches: who listens to what.
 *
 * A watch is an order on the board or the name of a stall, and has its
 * subscribers. It is found by a hash of what it watches, made by the first
 * subscriber and goes with the last. What a subscriber is, only the event
 * stream knows.
 *
 *	watches -> chains[hash] -> watch -> subscribers
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_WATCHES_H
#define STOREFRONT_WATCHES_H

#include <sys/queue.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/text.h"
#include "producers/storefront/order_board.h"

struct subscriber;
struct watches;

LIST_HEAD(subscribers, subscriber);

struct watch {
	struct board_entry *entry; /* of an order; NULL: of a stall */
	char *stall;
	struct subscribers subscribers;
	LIST_ENTRY(watch) link;
};

int watches_new(struct watches **ret);
/* No watch is left. */
struct watches *watches_free(struct watches *watches);
DEFINE_CLEANUP(struct watches, watches_free);

/* NULL: nobody watches that. */
struct watch *watches_find_stall(const struct watches *watches,
				 struct text stall);
struct watch *watches_find_order(const struct watches *watches,
				 const struct board_entry *entry);

/* Found, or made; without a subscriber it is the caller's to drop. */
struct watch *watches_stall(struct watches *watches, struct text stall);
struct watch *watches_order(struct watches *watches, struct board_entry *entry);

/* Frees it, unless it has subscribers. */
void watches_drop(struct watch *watch);

#endif
