/* SPDX-License-Identifier: MIT */
/*
 * Kitchen: the scheduler. Queued toasties go to free plates, are told, started,
 * watched and told again. Intake only fills the queue.
 *
 * All of it is the poll thread's but the tick that the database thread has in
 * hand. What is in memory here can be forgotten at any time: open intents are
 * then found in the tables, and each plate is fenced and read back before
 * anything else is done with it.
 */
#ifndef JAFFLR_KITCHEN_H
#define JAFFLR_KITCHEN_H

#include "workers/jafflr/cook.h"
#include "workers/jafflr/grills.h"
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

/* One toastie on one plate. */
struct cook {
	bool used;
	uint64_t tag; /* never given twice */
	enum cook_state state;
	struct order_id order_id;
	int64_t intent_id;
	struct grill_of *grill;
	int plate;
	uint32_t token;
	int64_t boot;
	int64_t time_ms;
	int64_t contact_at_ms; /* when the grill last answered */
	int64_t act_at_ms;     /* the action below is due; 0: none is */
	enum cook_action act;
	uint64_t reading;   /* the number of the reading that it waits for */
	uint32_t n_refused; /* how often the plate has said no */
	bool doubtful;      /* a start may have been taken, or may yet be */
};

struct kitchen {
	struct kitchen_params params;
	struct grills grills;
	struct cook *cooks;
	size_t n_cooks;
	uint64_t last_tag;
	struct telling telling;
	struct tick *next, *running;
	bool ticking;      /* the running one is at the database */
	bool stale;        /* what comes of it is of no use any more */
	bool maybe_queued; /* rows may wait for a plate */
	int64_t n_queued;  /* about so many */
	int64_t claim_at_ms, told_at_ms, look_at_ms, list_at_ms;
};

int kitchen_open(struct kitchen *kitchen, const struct kitchen_params *params,
		 struct loop *loop);
void kitchen_close(struct kitchen *kitchen);
/* Answers of the grills, and what time has come for. */
void kitchen_turn(struct kitchen *kitchen, int64_t now_ms);
bool kitchen_wants_tick(struct kitchen *kitchen, int64_t now_ms);
/* The tick that the database thread gets: kitchen->running. */
void kitchen_begin_tick(struct kitchen *kitchen);
void kitchen_end_tick(struct kitchen *kitchen, int r,
		      struct publisher *publisher);
void kitchen_delivered(struct kitchen *kitchen, uint64_t token);
void kitchen_forget(struct kitchen *kitchen);
/* A row that intake has committed: told, and if queued, to be claimed. */
void kitchen_new_row(struct kitchen *kitchen, const struct toastie_row *row,
		     struct publisher *publisher);

#endif
