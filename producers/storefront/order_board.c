/* SPDX-License-Identifier: MIT */
/*
 * Order board: see order_board.h. A table of chains by a hash of the id (ids
 * are chosen by clients, so the hash has a secret that they do not know), and
 * two lists: by age of the last change, and of what changed and was not taken.
 */
#include "producers/storefront/order_board.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#include "infra/lib/hash.h"
#include "infra/lib/xalloc.h"

TAILQ_HEAD(entries, board_entry);
LIST_HEAD(chain, board_entry);

struct order_board {
	struct chain *chains;
	size_t n_chains; /* a power of two */
	size_t capacity, n;
	size_t capacity_bytes, n_bytes; /* of what orders say */
	struct entries by_age;          /* newest first */
	struct entries changed;
	uint64_t last_change;
	uint8_t hash_secret[HASH_SECRET_BYTES];
};

/* On the average, of an order that is not made to be large. */
enum { ENTRY_BYTES = 1024 };

static struct chain *chain_of(const struct order_board *board,
			      const struct order_id *id)
{
	uint64_t hash =
		hash_secret(id->bytes, sizeof(id->bytes), board->hash_secret);

	return &board->chains[hash & (board->n_chains - 1)];
}

static void entry_free(struct order_board *board, struct board_entry *entry)
{
	LIST_REMOVE(entry, bucket);
	TAILQ_REMOVE(&board->by_age, entry, age);
	if (entry->is_changed)
		TAILQ_REMOVE(&board->changed, entry, changed);
	board->n_bytes -= entry->n_bytes;
	order_deinit(&entry->order);
	free(entry);
	board->n--;
}

static bool is_full(const struct order_board *board)
{
	return board->n >= board->capacity ||
	       board->n_bytes > board->capacity_bytes;
}

static void make_room(struct order_board *board)
{
	struct board_entry *entry, *newer;

	entry = TAILQ_LAST(&board->by_age, entries);
	for (; entry && is_full(board); entry = newer) {
		newer = TAILQ_PREV(entry, entries, age);
		if (entry->n_watchers == 0)
			entry_free(board, entry);
	}
}

static struct board_entry *find_or_add(struct order_board *board,
				       const struct order_id *id)
{
	struct board_entry *entry = order_board_find(board, id);

	if (entry)
		return entry;
	make_room(board);
	entry = xcalloc(1, sizeof(*entry));
	order_init(&entry->order, id);
	entry->pick_seq = -1;
	LIST_INSERT_HEAD(chain_of(board, id), entry, bucket);
	TAILQ_INSERT_HEAD(&board->by_age, entry, age);
	board->n++;
	return entry;
}

static size_t length(const char *s)
{
	return s ? strlen(s) : 0;
}

static void weigh(struct order_board *board, struct board_entry *entry)
{
	const struct order *order = &entry->order;

	board->n_bytes -= entry->n_bytes;
	entry->n_bytes = length(order->stall) + length(order->customer) +
			 length(order->items) + length(order->missing) +
			 length(order->plate);
	board->n_bytes += entry->n_bytes;
}

static void set_changed(struct order_board *board, struct board_entry *entry)
{
	weigh(board, entry);
	entry->change = ++board->last_change;
	TAILQ_REMOVE(&board->by_age, entry, age);
	TAILQ_INSERT_HEAD(&board->by_age, entry, age);
	if (entry->is_changed)
		return;
	entry->is_changed = true;
	TAILQ_INSERT_TAIL(&board->changed, entry, changed);
}

int order_board_new(struct order_board **ret, size_t capacity)
{
	struct order_board *board = xcalloc(1, sizeof(*board));

	if (getrandom(board->hash_secret, sizeof(board->hash_secret), 0) !=
	    (ssize_t)sizeof(board->hash_secret)) {
		free(board);
		return -EIO;
	}
	board->capacity = capacity;
	board->capacity_bytes = capacity * ENTRY_BYTES;
	board->n_chains = 1;
	while (board->n_chains < capacity)
		board->n_chains *= 2;
	board->chains = xcalloc(board->n_chains, sizeof(*board->chains));
	TAILQ_INIT(&board->by_age);
	TAILQ_INIT(&board->changed);
	*ret = board;
	return 0;
}

struct order_board *order_board_free(struct order_board *board)
{
	struct board_entry *entry;

	if (!board)
		return NULL;
	while ((entry = TAILQ_FIRST(&board->by_age)))
		entry_free(board, entry);
	free(board->chains);
	free(board);
	return NULL;
}

size_t order_board_n(const struct order_board *board)
{
	return board->n;
}

struct board_entry *order_board_find(const struct order_board *board,
				     const struct order_id *id)
{
	struct board_entry *entry;

	LIST_FOREACH(entry, chain_of(board, id), bucket)
	{
		if (order_id_compare(&entry->order.id, id) == 0)
			return entry;
	}
	return NULL;
}

struct board_entry *order_board_watch(struct order_board *board,
				      const struct order_id *id)
{
	struct board_entry *entry = find_or_add(board, id);

	entry->n_watchers++;
	return entry;
}

void order_board_unwatch(struct order_board *board, struct board_entry *entry)
{
	assert(entry->n_watchers > 0);
	entry->n_watchers--;
	/* One that turned out to be no order leaves nothing behind. */
	if (entry->n_watchers == 0 && !entry->accepted)
		entry_free(board, entry);
}

static void copy(char **field, const char *s)
{
	order_set(field, text_of(s));
}

/* What does not change once the order is placed. */
static void copy_words(struct order *known, const struct order *order)
{
	known->doneness = order->doneness;
	copy(&known->stall, order->stall);
	copy(&known->customer, order->customer);
	copy(&known->items, order->items);
}

void order_board_accept(struct order_board *board, const struct order *order,
			uint64_t content_hash)
{
	struct board_entry *entry = find_or_add(board, &order->id);
	struct order *known = &entry->order;

	if (entry->accepted && known->items)
		return; /* the first one counts */
	entry->accepted = true;
	entry->content_hash = content_hash;
	if (known->number == ORDER_NUMBER_NONE)
		known->number = order->number;
	copy_words(known, order);
	if (known->facts.verdict == VERDICT_NONE)
		known->facts.grill = order->facts.grill;
	set_changed(board, entry);
}

void order_board_learn(struct order_board *board, const struct order *order)
{
	struct board_entry *entry = order_board_find(board, &order->id);
	struct order *known;
	bool changed;

	if (!entry)
		return;
	known = &entry->order;
	changed = !known->items || known->number != order->number;
	entry->accepted = true;
	known->number = order->number;
	copy_words(known, order);
	copy(&known->missing, order->missing);
	weigh(board, entry);
	if (order->facts.toastie_seq > known->facts.toastie_seq)
		copy(&known->plate, order->plate);
	changed |= order_facts_merge(&known->facts, &order->facts);
	if (changed)
		set_changed(board, entry);
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

void order_board_pick(struct order_board *board, const struct pick *pick)
{
	struct board_entry *entry = find_or_add(board, &pick->order_id);
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
		set_changed(board, entry);
}

static enum order_toastie toastie_of(enum toastie_state state)
{
	static const enum order_toastie toasties[N_TOASTIE_STATES] = {
		[TOASTIE_QUEUED] = ORDER_TOASTIE_QUEUED,
		[TOASTIE_GRILLING] = ORDER_TOASTIE_GRILLING,
		[TOASTIE_DONE] = ORDER_TOASTIE_DONE,
		[TOASTIE_FAILED] = ORDER_TOASTIE_FAILED,
		[TOASTIE_UNCERTAIN] = ORDER_TOASTIE_UNCERTAIN,
		[TOASTIE_RETURNED] = ORDER_TOASTIE_RETURNED,
	};

	return toasties[state];
}

/* Would a reader of the order see something else? */
static bool shows_other(const struct order_facts *a,
			const struct order_facts *b)
{
	return order_state_of(a) != order_state_of(b) ||
	       order_facts_returned(a) != order_facts_returned(b);
}

void order_board_toastie(struct order_board *board,
			 const struct toastie *toastie)
{
	struct board_entry *entry = find_or_add(board, &toastie->order_id);
	struct order *order = &entry->order;
	struct order_facts news = {
		.grill = true,
		.toastie = toastie_of(toastie->state),
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
	/* It may be heard before the verdict on the cancellation is. */
	news.cancelled = toastie->state == TOASTIE_RETURNED &&
			 text_equal(toastie->reason, TEXT("cancelled"));
	(void)order_facts_merge(&order->facts, &news);
	/* The first fact of an order that nothing else is known of counts. */
	if (shows_other(&before, &order->facts) || !order->items)
		set_changed(board, entry);
}

struct board_entry *order_board_take_changed(struct order_board *board)
{
	struct board_entry *entry = TAILQ_FIRST(&board->changed);

	if (entry) {
		TAILQ_REMOVE(&board->changed, entry, changed);
		entry->is_changed = false;
	}
	return entry;
}

struct board_entry *order_board_newest(const struct order_board *board)
{
	return TAILQ_FIRST(&board->by_age);
}

struct board_entry *order_board_older(const struct board_entry *entry)
{
	return TAILQ_NEXT(entry, age);
}
