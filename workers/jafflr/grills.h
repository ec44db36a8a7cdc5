/* SPDX-License-Identifier: MIT */
/*
 * Grills: the grills that the tables name, each with its thread, and what is
 * known of their plates. Poll thread only.
 */
#ifndef JAFFLR_GRILLS_H
#define JAFFLR_GRILLS_H

#include "workers/jafflr/grill_thread.h"
#include "workers/jafflr/tick.h"

enum { GRILLS_MAX = 64 };

struct plate {
	struct grill_report report;
	int64_t seen_at_ms; /* when it was read; 0: never */
	int64_t rest_until_ms;
	bool silent;  /* the last reading had no word from it */
	bool in_hand; /* a cook of ours stands at it */
};

struct grill_of {
	char *name;
	char *address;
	int unit;
	char **stalls; /* NULL: all */
	size_t n_stalls;
	int n_plates;
	struct plate *plates;
	struct grill_thread *thread;
	void *driver;  /* what the thread's ops work on */
	uint64_t read; /* number of the last reading that was looked at */
	uint64_t asked;
	int64_t asked_at_ms;
	bool enabled; /* still named by the tables */
};

struct grills_params {
	struct loop *loop;
	int64_t connect_ms;
	int64_t answer_ms;
};

struct grills {
	struct grills_params params;
	struct grill_of *list[GRILLS_MAX];
	size_t n;
};

/* Those of the list are opened or kept; others are not used any more. */
void grills_update(struct grills *grills, const struct tick_grill *list,
		   size_t n);
/* NULL for a name that is none. */
struct grill_of *grills_find(const struct grills *grills, struct text name);
/* A reading, if there is a new one: plates know of it. True then. */
bool grills_take_reading(struct grill_of *grill, int64_t now_ms,
			 int *ret_outcome);
/* Asks for a reading; gives its number. */
uint64_t grills_ask(struct grill_of *grill, int64_t now_ms);
/* The highest token that the plate has seen, as it said last; 0: not known. */
uint32_t grills_token_of(const struct grill_of *grill, int plate);
/* Adds the plates that may be used to a tick. */
void grills_offer(const struct grills *grills, struct tick *tick,
		  int64_t now_ms);
bool grills_any_free(const struct grills *grills, int64_t now_ms);
void grills_deinit(struct grills *grills);

#endif
