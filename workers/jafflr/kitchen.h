/* SPDX-License-Identifier: MIT */
/*
 * Kitchen: the scheduler. Queued toasties go to free plates, are told, started,
 * watched and told again. Intake only fills the queue, and cooks.h has what is
 * on the plates.
 *
 * All of it is the poll thread's but the tick that the database thread has in
 * hand. What is in memory here can be forgotten at any time: open intents are
 * then found in the tables, and each plate is fenced and read back before
 * anything else is done with it.
 */
#ifndef JAFFLR_KITCHEN_H
#define JAFFLR_KITCHEN_H

#include "workers/jafflr/cooks.h"
#include "workers/jafflr/ends.h"
#include "workers/jafflr/queues.h"
#include "workers/jafflr/telling.h"
#include "workers/runtime/worker.h"

struct kitchen_params {
	int64_t queue_max;
	int64_t poll_ms;
	int64_t patience_ms;
	int64_t tries_max;
	int64_t connect_ms;
	int64_t answer_ms;
};

struct kitchen {
	struct kitchen_params params;
	struct grills grills;
	struct cooks cooks;
	struct telling telling;
	struct tick *next, *running;
	bool ticking;      /* the running one is at the database */
	bool stale;        /* what comes of it is of no use any more */
	bool maybe_queued; /* rows may wait for a plate of ours */
	struct queues queues;
	struct ends ends;
	int64_t claim_at_ms, told_at_ms, look_at_ms, list_at_ms;
};

int kitchen_open(struct kitchen *kitchen, const struct kitchen_params *params,
		 struct loop *loop);
void kitchen_close(struct kitchen *kitchen);
void kitchen_turn(struct kitchen *kitchen, int64_t now_ms);
bool kitchen_wants_tick(struct kitchen *kitchen, int64_t now_ms);
/* The tick that the database thread gets: kitchen->running. */
void kitchen_begin_tick(struct kitchen *kitchen);
void kitchen_end_tick(struct kitchen *kitchen, int r,
		      struct publisher *publisher);
void kitchen_delivered(struct kitchen *kitchen, uint64_t token);
void kitchen_forget(struct kitchen *kitchen);
/*
 * Is the queue of a stall so long that no more should be read? A stall that no
 * enabled grill serves is no reason to keep the others waiting, nor is one
 * whose grills do not answer, as long as any other grill does.
 */
bool kitchen_enough(const struct kitchen *kitchen);
/* A row that intake has committed: told, and if queued, to be claimed. */
void kitchen_new_row(struct kitchen *kitchen, const struct toastie_row *row,
		     struct publisher *publisher);

#endif
