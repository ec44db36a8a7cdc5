/* SPDX-License-Identifier: MIT */
/*
 * Order board: the last that is known of each open order, and who changed.
 *
 * An order stands on the board because it was accepted here, because a
 * subscriber watches it, or because a fact about it was heard that concerns a
 * subscriber. The truth is the database's: the board makes it live, and knows
 * what was accepted and is not decided yet. It holds a bounded number, and of
 * large orders fewer; those that nobody watches and that changed longest ago
 * go first.
 *
 * Facts may come twice, late and in any order: one whose seq is not above
 * what the board has for that order and topic changes nothing.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_ORDER_BOARD_H
#define STOREFRONT_ORDER_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "infra/lib/cleanup.h"
#include "producers/storefront/order.h"
#include "schemas/messages/pick.h"
#include "schemas/messages/toastie.h"

struct order_board;

struct board_entry {
	struct order order;
	bool accepted;         /* by this storefront, or decided */
	bool asked;            /* the view is being read for it */
	uint64_t content_hash; /* of what was accepted here; 0: not known */
	uint64_t change;       /* rises with each change on the board */

	/* The board's own. */
	TAILQ_ENTRY(board_entry) age, changed;
	LIST_ENTRY(board_entry) bucket;
	int64_t pick_seq; /* -1: none */
	size_t n_watchers;
	size_t n_bytes;
	bool is_changed;
};

int order_board_new(struct order_board **ret, size_t capacity);
struct order_board *order_board_free(struct order_board *board);
DEFINE_CLEANUP(struct order_board, order_board_free);

size_t order_board_n(const struct order_board *board);

/* NULL: not on the board. Borrowed until another order is put on it. */
struct board_entry *order_board_find(const struct order_board *board,
				     const struct order_id *id);

/* Puts it on the board if need be; stays there until it is unwatched. */
struct board_entry *order_board_watch(struct order_board *board,
				      const struct order_id *id);
void order_board_unwatch(struct order_board *board, struct board_entry *entry);

/* The broker has it. Copies @order, unless one is known of that id. */
void order_board_accept(struct order_board *board, const struct order *order,
			uint64_t content_hash);

/* What the view says; if @order is on the board it learns from it. */
void order_board_learn(struct order_board *board, const struct order *order);

/* A fact. Puts the order on the board if it is not there. */
void order_board_pick(struct order_board *board, const struct pick *pick);
void order_board_toastie(struct order_board *board,
			 const struct toastie *toastie);

/* The next of those that changed since they were last taken; NULL: none. */
struct board_entry *order_board_take_changed(struct order_board *board);

/* From the one that changed last to the one that changed first. */
struct board_entry *order_board_newest(const struct order_board *board);
struct board_entry *order_board_older(const struct board_entry *entry);

#endif
