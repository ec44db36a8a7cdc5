/* SPDX-License-Identifier: MIT */
/*
 * Switching: a change of a service's lanes, which is one transaction. A verb
 * says by switching_change() what each lane is to become; switching_run()
 * shows that, or commits it in one message.
 *
 * Without --execute nothing is locked and the brokers are asked how many
 * records wait. With it all that a plan says is read with the lanes locked, so
 * that it is true when it is committed; the brokers are not asked meanwhile.
 * Sessions that hang and have locks in the way are ended after 200 ms and
 * named. For one that works, five seconds are waited; then nothing is changed.
 *
 * After the commit the colour's workers take the lanes over. Until they have,
 * at most five seconds, the verb waits, and measures the pause.
 */
#ifndef OVERLORD_SWITCHING_H
#define OVERLORD_SWITCHING_H

#include "infra/overlord/lanes/canary.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/verb.h"

/* The colour of the lanes of a service that is held: no worker's, since it is
 * no plain name. */
#define HELD_COLOUR "(held)"

/* What is not in the lanes' rules. */
struct lane_state {
	char colour[LANE_NAME_BYTES]; /* "" when it has ended */
	int heir; /* that its records fall to when it ends; not of `stable` */
	/* Records between them, over all partitions. */
	int64_t behind, before;
};

struct switching {
	struct verb *verb;
	const char *service, *colour; /* whose lanes are `mine` */
	struct buf what;              /* of the audit: JSON */
	struct lanes lanes;
	struct lane_state states[LANES_MAX];
	bool held;
	char held_by[512]; /* who, why and since when, in words */
	struct canary canary;
	struct lane_change changes[LANES_MAX];
	size_t n_changes;
	/* What else is written in the transaction. */
	const struct pg_statement *also;
	const struct value *values;
	bool waits; /* until the lanes are taken over */

	/* switching.c's own. */
	struct plan plan;
	struct out *positions;
	struct buf logs, before, ended;
	struct pg *watch;
	char in_the_way[128]; /* who works and has what we wait for */
	int64_t id, locked_at_ms;
	/* Statements of the message that read all this. */
	int i_workers, i_positions, i_before, i_held;
};

/*
 * Reads the lanes of the verb's first operand; with --execute it locks them.
 * VERB_E_FAILED: it has been said; also when a person holds the service,
 * unless @held_too.
 */
int switching_begin(struct switching *switching, struct verb *verb,
		    const char *colour, bool held_too);
void switching_deinit(struct switching *switching);

/* The colour of `stable`. */
const char *switching_stable(const struct switching *switching);
bool switching_lives(const struct switching *switching, size_t lane);

/* VERB_E_FAILED, unless a worker of @colour lives and is ready, or --force. */
int switching_need_worker(const struct switching *switching,
			  const char *colour);

/* All living lanes to @colour, which outlives @switching. */
void switching_move_all(struct switching *switching, const char *colour);

/* Shows the changes or does them. */
int switching_run(struct switching *switching);

/* ---- switching_wait.c ---- */

/* Waits until the lanes that moved are taken over, says how that went and
 * writes how long it paused. */
void switching_wait(const struct switching *switching);

#endif
