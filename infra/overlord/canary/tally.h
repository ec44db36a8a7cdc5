/* SPDX-License-Identifier: MIT */
/*
 * Tally: what the workers of two colours have counted since the first look,
 * from the counters in their heartbeats. A worker that starts anew counts from
 * 0 again and is another one; what it had counted before stays in the sum.
 */
#ifndef CANARY_TALLY_H
#define CANARY_TALLY_H

#include "infra/overlord/canary/compare.h"

enum { TALLY_WORKERS_MAX = 256, TALLY_BUCKETS = 15, TALLY_NAME_BYTES = 128 };

struct tally_counts {
	int64_t orders, refused;
	int64_t records, dead;
	int64_t errors;
	int64_t ended, failed;
	int64_t buckets[TALLY_BUCKETS]; /* of the time that a record took */
};

struct tally_worker {
	char name[TALLY_NAME_BYTES];
	bool candidate;
	struct tally_counts first, last;
};

/* { 0 } is an empty one. */
struct tally {
	struct tally_worker workers[TALLY_WORKERS_MAX];
	size_t n_workers;
	bool begun; /* the first look is over */
};

/*
 * A worker in a look: @name is its own and of this start alone, @counters what
 * counters_json() has written. What is missing there is 0. False: the text is
 * not such, or there are too many workers; nothing changed.
 */
bool tally_note(struct tally *tally, const char *name, bool candidate,
		const char *counters);
/* The first look is over: who comes later has counted from 0. */
void tally_begin(struct tally *tally);

/* How long records took counts from now on only: those that waited for a
 * take-over say nothing of a version. */
void tally_forget_times(struct tally *tally);

/* Gives the number of records that the candidate has decided. */
int64_t tally_sum(const struct tally *tally, struct outcomes *ret_candidate,
		  struct outcomes *ret_other);

#endif
