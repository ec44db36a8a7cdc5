/* SPDX-License-Identifier: MIT */
/*
 * Lag state: is a partition worked as it should be? Judged over a window of
 * samples, as Burrow does (github.com/linkedin/Burrow), with two differences:
 * the position is the one in Postgres and the end of the log is asked for, so
 * that lag grows while a worker stands still; and only the tail counts, which
 * is what came after the last sample without lag, so that one moment without
 * lag does not hide what came after it. Pure.
 */
#ifndef SCALING_LAG_STATE_H
#define SCALING_LAG_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lag_state {
	LAG_OK,
	LAG_WARN,   /* it never fell in the tail */
	LAG_STALL,  /* somebody who lives holds it, and it does not move */
	LAG_STOP,   /* nobody who lives holds it */
	LAG_REWIND, /* the position went back, and is below where it was */
};

struct lag_sample {
	int64_t at_ms;
	int64_t next; /* offset that is decided next */
	int64_t end;  /* of the log */
	bool held;    /* by a worker whose heartbeat is young */
};

/* A tail of so few samples says nothing yet. */
enum { LAG_TAIL_MIN = 3 };

/* @samples are a second apart or so, the oldest first; lag of up to @allowed
 * records is none. */
enum lag_state lag_judge(const struct lag_sample *samples, size_t n,
			 int64_t allowed);

/*
 * Seconds that the record at the position has waited: since the log grew
 * beyond it. 0: nothing waits. What was there before the first sample has
 * waited since then at least.
 */
int64_t lag_waited_s(const struct lag_sample *samples, size_t n);

const char *lag_state_name(enum lag_state state);

#endif
