/* SPDX-License-Identifier: MIT */
/*
 * Order cache: a balanced tree of orders by id (clients choose ids, so a hash
 * would have to be a secret one), and two lists: by age of the last change, and
 * of what changed since it was last asked for.
 */
#include "producers/storefront/orders/order_cache.h"

#include <assert.h>
#include <search.h>

#include "infra/lib/xalloc.h"

TAILQ_HEAD(entries, cached_order);

struct order_cache {
	void *by_id; /* a tree of tsearch() */
	size_t capacity, n;
	size_t capacity_bytes, n_bytes; /* of what orders say */
	struct entries by_age;          /* newest first */
	struct entries changed;
	uint64_t last_change;
};

/* On the average, of an order that is not made to be large. */
enum { ENTRY_BYTES = 1024 };

static int compare_ids(const void *a, const void *b)
{
	const struct cached_order *one = a, *other = b;

	return order_id_compare(&one->order.id, &other->order.id);
}

static void entry_free(struct order_cache *cache, struct cached_order *entry)
{
	(void)tdelete(entry, &cache->by_id, compare_ids);
	TAILQ_REMOVE(&cache->by_age, entry, age);
	if (entry->is_changed)
		TAILQ_REMOVE(&cache->changed, entry, changed);
	cache->n_bytes -= entry->n_bytes;
	order_deinit(&entry->order);
	free(entry);
	cache->n--;
}

static bool is_full(const struct order_cache *cache)
{
	return cache->n >= cache->capacity ||
	       cache->n_bytes > cache->capacity_bytes;
}

static void forget_oldest(struct order_cache *cache)
{
	struct cached_order *entry, *newer;

	entry = TAILQ_LAST(&cache->by_age, entries);
	for (; entry && is_full(cache); entry = newer) {
		newer = TAILQ_PREV(entry, entries, age);
		if (entry->n_pins == 0)
			entry_free(cache, entry);
	}
}

static struct cached_order *find_or_add(struct order_cache *cache,
					const struct order_id *id)
{
	struct cached_order *entry = order_cache_find(cache, id);

	if (entry)
		return entry;
	forget_oldest(cache);
	entry = xcalloc(1, sizeof(*entry));
	order_init(&entry->order, id);
	entry->pick_seq = -1;
	LIST_INIT(&entry->subscribers);
	(void)xalloc_check(tsearch(entry, &cache->by_id, compare_ids));
	TAILQ_INSERT_HEAD(&cache->by_age, entry, age);
	cache->n++;
	return entry;
}

static size_t length(const char *s)
{
	return s ? strlen(s) : 0;
}

static void update_bytes(struct order_cache *cache, struct cached_order *entry)
{
	const struct order *order = &entry->order;

	cache->n_bytes -= entry->n_bytes;
	entry->n_bytes = length(order->stall) + length(order->customer) +
			 length(order->items) + length(order->missing) +
			 length(order->plate);
	cache->n_bytes += entry->n_bytes;
}

static void set_changed(struct order_cache *cache, struct cached_order *entry)
{
	update_bytes(cache, entry);
	entry->change = ++cache->last_change;
	TAILQ_REMOVE(&cache->by_age, entry, age);
	TAILQ_INSERT_HEAD(&cache->by_age, entry, age);
	if (entry->is_changed)
		return;
	entry->is_changed = true;
	TAILQ_INSERT_TAIL(&cache->changed, entry, changed);
}

struct order_cache *order_cache_new(size_t capacity)
{
	struct order_cache *cache = xcalloc(1, sizeof(*cache));

	cache->capacity = capacity;
	cache->capacity_bytes = capacity * ENTRY_BYTES;
	TAILQ_INIT(&cache->by_age);
	TAILQ_INIT(&cache->changed);
	return cache;
}

struct order_cache *order_cache_free(struct order_cache *cache)
{
	struct cached_order *entry;

	if (!cache)
		return NULL;
	while ((entry = TAILQ_FIRST(&cache->by_age)))
		entry_free(cache, entry);
	free(cache);
	return NULL;
}

size_t order_cache_n(const struct order_cache *cache)
{
	return cache->n;
}

struct cached_order *order_cache_find(const struct order_cache *cache,
				      const struct order_id *id)
{
	const struct cached_order key = { .order.id = *id };
	struct cached_order *const *found =
		tfind(&key, &cache->by_id, compare_ids);

	return found ? *found : NULL;
}

struct cached_order *order_cache_pin(struct order_cache *cache,
				     const struct order_id *id)
{
	struct cached_order *entry = find_or_add(cache, id);

	entry->n_pins++;
	return entry;
}

void order_cache_unpin(struct order_cache *cache, struct cached_order *entry)
{
	assert(entry->n_pins > 0);
	entry->n_pins--;
	/* An id that turned out to be no order leaves nothing behind. */
	if (entry->n_pins == 0 && !entry->accepted)
		entry_free(cache, entry);
}

static void copy(char **field, const char *s)
{
	order_set(field, text_of(s));
}

/* What does not change once the order is placed. */
static void copy_content(struct order *known, const struct order *order)
{
	known->doneness = order->doneness;
	copy(&known->stall, order->stall);
	copy(&known->customer, order->customer);
	copy(&known->items, order->items);
}

void order_cache_accept(struct order_cache *cache, const struct order *order,
			uint64_t content_hash)
{
	struct cached_order *entry = find_or_add(cache, &order->id);
	struct order *known = &entry->order;

	if (entry->accepted && known->items)
		return; /* the first acceptance counts */
	entry->accepted = true;
	entry->content_hash = content_hash;
	if (known->number == ORDER_NUMBER_NONE)
		known->number = order->number;
	copy_content(known, order);
	if (known->facts.verdict == VERDICT_NONE)
		known->facts.grill = order->facts.grill;
	set_changed(cache, entry);
}

void order_cache_learn(struct order_cache *cache, const struct order *order)
{
	struct cached_order *entry = order_cache_find(cache, &order->id);
	struct order *known;
	bool changed;

	if (!entry)
		return;
	known = &entry->order;
	changed = !known->items || known->number != order->number;
	entry->accepted = true;
	known->number = order->number;
	copy_content(known, order);
	copy(&known->missing, order->missing);
	update_bytes(cache, entry);
	if (order->facts.toastie_seq > known->facts.toastie_seq)
		copy(&known->plate, order->plate);
	changed |= order_facts_merge(&known->facts, &order->facts);
	if (changed)
		set_changed(cache, entry);
}

/* A v1 pick has one of the items only: they are left to the view. */
static void learn_from_pick(struct order *order, const struct pick *pick)
{
	if (pick->number != PICK_NUMBER_NONE)
		order->number = pick->number;
	order_set(&order->stall, pick->stall);
	order_set(&order->customer, pick->customer);
	order->doneness = pick->doneness;
	if (pick->n_missing)
		order_set_missing(order, pick->missing, pick->n_missing);
	if (pick->version > 1 && pick->n_items)
		order_set_items(order, pick->items, pick->n_items);
}

void order_cache_pick(struct order_cache *cache, const struct pick *pick)
{
	struct cached_order *entry = find_or_add(cache, &pick->order_id);
	struct order_facts news = { .grill = pick->grill, .toastie_seq = -1 };
	int64_t seq = pick->seq < 0 ? 0 : pick->seq;

	if (seq <= entry->pick_seq)
		return;
	entry->pick_seq = seq;
	entry->accepted = true;
	switch (pick->verdict) {
	case VERDICT_PICKED:
	case VERDICT_REFUSED:
		news.verdict = pick->verdict;
		break;
	case VERDICT_CANCELLED:
		news.verdict = VERDICT_PICKED;
		news.cancelled = true;
		break;
	case VERDICT_NONE:
	case VERDICT_KEPT:
	case N_VERDICTS:
		return; /* a refused cancellation changes nothing */
	}
	learn_from_pick(&entry->order, pick);
	if (order_facts_merge(&entry->order.facts, &news))
		set_changed(cache, entry);
}

/* Does a page show something else for @b than for @a? */
static bool shows_other(const struct order_facts *a,
			const struct order_facts *b)
{
	return order_state_of(a) != order_state_of(b) ||
	       order_facts_returned(a) != order_facts_returned(b);
}

void order_cache_toastie(struct order_cache *cache,
			 const struct toastie *toastie)
{
	struct cached_order *entry = find_or_add(cache, &toastie->order_id);
	struct order *order = &entry->order;
	struct order_facts news = {
		.grill = true,
		.toastie = toastie->state,
		.toastie_seq = toastie->seq < 0 ? 0 : toastie->seq,
	};
	struct order_facts before = order->facts;

	if (news.toastie_seq <= order->facts.toastie_seq)
		return;
	entry->accepted = true;
	if (!order->stall)
		order_set(&order->stall, toastie->stall);
	if (order->number == ORDER_NUMBER_NONE &&
	    toastie->number != TOASTIE_NUMBER_NONE)
		order->number = toastie->number;
	if (toastie->plate != TOASTIE_PLATE_NONE)
		order_set_plate(order, toastie->grill, toastie->plate);
	/* It may arrive before the verdict on the cancellation. */
	news.cancelled = toastie->state == TOASTIE_RETURNED &&
			 text_equal(toastie->reason, TEXT("cancelled"));
	(void)order_facts_merge(&order->facts, &news);
	/* So is the first fact about an order of which nothing else is known:
	 * somebody then reads its view. */
	if (shows_other(&before, &order->facts) || !order->items)
		set_changed(cache, entry);
}

struct cached_order *order_cache_next_changed(struct order_cache *cache)
{
	struct cached_order *entry = TAILQ_FIRST(&cache->changed);

	if (entry) {
		TAILQ_REMOVE(&cache->changed, entry, changed);
		entry->is_changed = false;
	}
	return entry;
}

struct cached_order *order_cache_newest(const struct order_cache *cache)
{
	return TAILQ_FIRST(&cache->by_age);
}

struct cached_order *order_cache_older(const struct cached_order *entry)
{
	return TAILQ_NEXT(entry, age);
}
