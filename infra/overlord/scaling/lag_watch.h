/* SPDX-License-Identifier: MIT */
/*
 * Lag watch: samples of every partition of every service and colour, one a
 * look: the position from Postgres, the end of the log from the brokers. The
 * position of a colour is the lowest of its lanes.
 */
#ifndef SCALING_LAG_WATCH_H
#define SCALING_LAG_WATCH_H

#include "infra/overlord/scaling/lag_state.h"
#include "infra/overlord/verb.h"

enum { LAG_SAMPLES_MAX = 120, LAG_NAME_BYTES = 64 };

struct lag_row {
	char service[LAG_NAME_BYTES], colour[LAG_NAME_BYTES];
	const struct topic *topic;
	int32_t partition;
	struct lag_sample samples[LAG_SAMPLES_MAX]; /* the oldest first */
	size_t n_samples;
	int64_t seen_at_ms; /* in the last look that had it */
};

struct lag_watch {
	struct lag_row *rows;
	size_t n_rows;
	int64_t at_ms; /* of the last look */
};

void lag_watch_deinit(struct lag_watch *watch);

/* One look, with the verb's session. Says why it failed. Rows that are not
 * there any more, because a colour lost its lanes, are forgotten. */
int lag_watch_look(struct lag_watch *watch, struct verb *verb,
		   struct kafka_admin *admin);

static inline const struct lag_sample *lag_row_last(const struct lag_row *row)
{
	return &row->samples[row->n_samples - 1];
}

#endif
