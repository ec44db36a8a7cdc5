/* SPDX-License-Identifier: MIT */
/*
 * Cooks: the toasties that are on plates, or on their way there. What the
 * grills say and what time has come for becomes an event, cook.c's table is
 * asked, and the action goes to the grill's thread, or into the next tick, or
 * is due later. Poll thread only.
 *
 * Who adds a cook, and hears of what was told and committed, is the kitchen.
 * A cook that is over, or is being parked, stays until its end is committed,
 * so that its plate is not offered.
 */
#ifndef JAFFLR_COOKS_H
#define JAFFLR_COOKS_H

#include "workers/jafflr/cook.h"
#include "workers/jafflr/grills.h"

/* One toastie on one plate. */
struct cook {
	bool used;
	uint64_t tag; /* never given twice */
	enum cook_state state;
	struct order_id order_id;
	int64_t intent_id;
	struct grill_of *grill; /* NULL: not among those that are used */
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
	bool began;         /* the plate itself has said so */
};

/* { 0 } is none. */
struct cooks {
	int64_t poll_ms, patience_ms;
	struct tick *next; /* borrowed; gets what the database has to do */
	struct cook *list;
	size_t n;
	uint64_t last_tag;
};

/* At the plate that the row names, from now on in hand. The pointer holds
 * until the next one is added. */
struct cook *cooks_add(struct cooks *cooks, const struct grills *grills,
		       const struct tick_row *row);
void cooks_drop(struct cook *cook);
void cooks_drop_all(struct cooks *cooks);
/* Parked ones whose grill is not listed (any more): true if there were any.
 * Their intents stay open, to be adopted where the grill is now. */
bool cooks_drop_stranded(struct cooks *cooks);

/* NULL: there is none. */
struct cook *cooks_find(const struct cooks *cooks, uint64_t tag);
struct cook *cooks_find_intent(const struct cooks *cooks, int64_t intent_id);

void cooks_step(struct cooks *cooks, struct cook *cook, enum cook_event event,
		int64_t now_ms);
/* Answers of the grills, and what time has come for. */
void cooks_turn(struct cooks *cooks, struct grills *grills, int64_t now_ms);
void cooks_deinit(struct cooks *cooks);

#endif
