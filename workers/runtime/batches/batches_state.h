/* SPDX-License-Identifier: MIT */
/* Batches, from the inside: for batches.c and its tests. */
#ifndef RUNTIME_BATCHES_STATE_H
#define RUNTIME_BATCHES_STATE_H

#include "infra/lib/log.h"
#include "workers/runtime/batches/batches.h"

enum { READ_AT_ONCE = 1024 };

struct batches {
	struct batches_params params;
	struct kafka_record polled[READ_AT_ONCE];
	struct batch *open;       /* being filled */
	struct batch *running;    /* at the database, or waits; may be empty */
	struct batch *publishing; /* committed; its facts go out */
	size_t n_published;       /* of its records, whose facts went out */
	bool at_database;         /* `running` is the database thread's */
	bool committed;           /* `running` is, and is published next */
	bool retry;               /* `running` is to be tried again */
	int64_t behind_at_ms;     /* lanes far behind are read from then on */
	size_t batch_max;         /* records for the time of a transaction */
	size_t record_bytes;      /* what the next may be as large as */
	struct log_limit dead_lines;
};

#endif
