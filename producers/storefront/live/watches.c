/* SPDX-License-Identifier: MIT */
/* Watches: see watches.h. */
#include "producers/storefront/live/watches.h"

#include <assert.h>

#include "infra/lib/hash.h"
#include "infra/lib/xalloc.h"

enum { N_CHAINS = 1024 };

LIST_HEAD(chain, watch);

struct watches {
	struct chain *chains;
};

static struct chain *stall_chain(const struct watches *watches,
				 struct text stall)
{
	return &watches->chains[hash_bytes(stall.p, stall.n) % N_CHAINS];
}

static struct chain *order_chain(const struct watches *watches,
				 const struct cached_order *entry)
{
	const struct order_id *id = &entry->order.id;

	return &watches->chains[hash_bytes(id->bytes, sizeof(id->bytes)) %
				N_CHAINS];
}

int watches_new(struct watches **ret)
{
	struct watches *watches = xcalloc(1, sizeof(*watches));

	watches->chains = xcalloc(N_CHAINS, sizeof(*watches->chains));
	*ret = watches;
	return 0;
}

struct watches *watches_free(struct watches *watches)
{
	if (!watches)
		return NULL;
	for (size_t i = 0; i < N_CHAINS; i++)
		assert(LIST_EMPTY(&watches->chains[i]));
	free(watches->chains);
	free(watches);
	return NULL;
}

struct watch *watches_find_stall(const struct watches *watches,
				 struct text stall)
{
	struct watch *watch;

	LIST_FOREACH(watch, stall_chain(watches, stall), link)
	{
		if (!watch->entry && text_equal(text_of(watch->stall), stall))
			return watch;
	}
	return NULL;
}

struct watch *watches_find_order(const struct watches *watches,
				 const struct cached_order *entry)
{
	struct watch *watch;

	LIST_FOREACH(watch, order_chain(watches, entry), link)
	{
		if (watch->entry == entry)
			return watch;
	}
	return NULL;
}

struct watch *watches_stall(struct watches *watches, struct text stall)
{
	struct watch *watch = watches_find_stall(watches, stall);

	if (watch)
		return watch;
	watch = xcalloc(1, sizeof(*watch));
	order_set(&watch->stall, stall);
	LIST_INSERT_HEAD(stall_chain(watches, stall), watch, link);
	return watch;
}

struct watch *watches_order(struct watches *watches, struct cached_order *entry)
{
	struct watch *watch = watches_find_order(watches, entry);

	if (watch)
		return watch;
	watch = xcalloc(1, sizeof(*watch));
	watch->entry = entry;
	LIST_INSERT_HEAD(order_chain(watches, entry), watch, link);
	return watch;
}

void watches_drop(struct watch *watch)
{
	if (!LIST_EMPTY(&watch->subscribers))
		return;
	LIST_REMOVE(watch, link);
	free(watch->stall);
	free(watch);
}
