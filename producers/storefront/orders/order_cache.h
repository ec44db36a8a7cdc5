/* SPDX-License-Identifier: MIT */
/*
 * Order cache: the last that is known of each open order, and which changed.
 *
 * An order is in the cache because it was accepted here, because a subscriber
 * listens to it, or because a fact about it concerns a subscriber. The truth is
 * in the database: the cache makes it live, and knows what was accepted and is
 * not decided yet. It remembers a bounded number of orders, and fewer large
 * ones. Those that changed longest ago are forgotten first, unless somebody has
 * pinned them.
 *
 * Facts may come twice, late and in any order: one whose seq is not above what
 * the cache has for that order and topic changes nothing.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_ORDER_CACHE_H
#define STOREFRONT_ORDER_CACHE_H

#include <sys/queue.h>

#include "infra/lib/cleanup.h"
#include "producers/storefront/orders/order.h"
#include "schemas/messages/pick.h"
#include "schemas/messages/toastie.h"

struct order_cache;

/* Who listens to something; what a subscriber is, only live/ knows. */
LIST_HEAD(subscribers, subscriber);

struct cached_order {
	struct order order;
	bool accepted;         /* by this storefront, or decided */
	bool asked;            /* the view is being read for it */
	uint64_t content_hash; /* of what was accepted here; 0: not known */
	uint64_t change;       /* rises with each change in the cache */
	struct subscribers subscribers;

	/* The cache's own. */
	TAILQ_ENTRY(cached_order) age, changed;
	int64_t pick_seq; /* -1: none */
	size_t n_pins;
	size_t n_bytes;
	bool is_changed;
};

struct order_cache *order_cache_new(size_t capacity);
struct order_cache *order_cache_free(struct order_cache *cache);
DEFINE_CLEANUP(struct order_cache, order_cache_free);

size_t order_cache_n(const struct order_cache *cache);

/* NULL: not in the cache. Borrowed until another order is added. */
struct cached_order *order_cache_find(const struct order_cache *cache,
				      const struct order_id *id);

/* Adds the order if need be; it stays until it is unpinned as often. */
struct cached_order *order_cache_pin(struct order_cache *cache,
				     const struct order_id *id);
void order_cache_unpin(struct order_cache *cache, struct cached_order *entry);

/* The broker has it. Copies @order, unless one is known of that id. */
void order_cache_accept(struct order_cache *cache, const struct order *order,
			uint64_t content_hash);

/* Merges what the view says of an order, if that is in the cache. */
void order_cache_learn(struct order_cache *cache, const struct order *order);

/* Merges a fact. Adds the order if it is not in the cache. */
void order_cache_pick(struct order_cache *cache, const struct pick *pick);
void order_cache_toastie(struct order_cache *cache,
			 const struct toastie *toastie);

/* The next order that changed since it was returned here; NULL: none. */
struct cached_order *order_cache_next_changed(struct order_cache *cache);

/* From the one that changed last to the one that changed first. */
struct cached_order *order_cache_newest(const struct order_cache *cache);
struct cached_order *order_cache_older(const struct cached_order *entry);

#endif
