/* SPDX-License-Identifier: MIT */
/*
 * Order cache: the last that is known of each open order, and who changed.
 *
 * An order stands on the cache because it was accepted here, because a
 * subscriber watches it, or because a fact about it was heard that concerns a
 * subscriber. The truth is the database's: the cache makes it live, and knows
 * what was accepted and is not decided yet. It holds a bounded number, and of
 * large orders fewer; those that nobody watches and that changed longest ago
 * go first.
 *
 * Facts may come twice, late and in any order: one whose seq is not above
 * what the cache has for that order and topic changes nothing.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_ORDER_CACHE_H
#define STOREFRONT_ORDER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "infra/lib/cleanup.h"
#include "producers/storefront/orders/order.h"
#include "schemas/pick.h"
#include "schemas/toastie.h"

struct order_cache;

struct cached_order {
	struct order order;
	bool accepted;         /* by this storefront, or decided */
	bool asked;            /* the view is being read for it */
	uint64_t content_hash; /* of what was accepted here; 0: not known */
	uint64_t change;       /* rises with each change on the cache */

	/* The cache's own. */
	TAILQ_ENTRY(cached_order) age, changed;
	LIST_ENTRY(cached_order) bucket;
	int64_t pick_seq; /* -1: none */
	size_t n_watchers;
	size_t n_bytes;
	bool is_changed;
};

int order_cache_new(struct order_cache **ret, size_t capacity);
struct order_cache *order_cache_free(struct order_cache *cache);
DEFINE_CLEANUP(struct order_cache, order_cache_free);

size_t order_cache_n(const struct order_cache *cache);

/* NULL: not on the cache. Borrowed until another order is put on it. */
struct cached_order *order_cache_find(const struct order_cache *cache,
				      const struct order_id *id);

/* Puts it on the cache if need be; stays there until it is unwatched. */
struct cached_order *order_cache_watch(struct order_cache *cache,
				       const struct order_id *id);
void order_cache_unwatch(struct order_cache *cache, struct cached_order *entry);

/* The broker has it. Copies @order, unless one is known of that id. */
void order_cache_accept(struct order_cache *cache, const struct order *order,
			uint64_t content_hash);

/* What the view says; if @order is on the cache it learns from it. */
void order_cache_learn(struct order_cache *cache, const struct order *order);

/* A fact. Puts the order on the cache if it is not there. */
void order_cache_pick(struct order_cache *cache, const struct pick *pick);
void order_cache_toastie(struct order_cache *cache,
			 const struct toastie *toastie);

/* The next of those that changed since they were last taken; NULL: none. */
struct cached_order *order_cache_take_changed(struct order_cache *cache);

/* From the one that changed last to the one that changed first. */
struct cached_order *order_cache_newest(const struct order_cache *cache);
struct cached_order *order_cache_older(const struct cached_order *entry);

#endif
