/* SPDX-License-Identifier: MIT */
/*
 * Rows: rows of the table orders as a worker wrote them, from a file that
 * COPY orders (ROWS_COLUMNS) TO ... (FORMAT binary) made. The whole file is in
 * memory, cut into batches, each with what it takes of the stock and where it
 * ends on each partition: so that writing them again is nothing but writing.
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "infra/lib/str.h"
#include "schemas/topics.h"

/* The columns that chillybin writes, in its order. */
#define ROWS_COLUMNS                                                           \
	"order_id, number, stall, customer, items, doneness, grill, "          \
	"metadata, content_hash, verdict, missing, order_version, "            \
	"pick_version, partition, \"offset\", decided_at, traceparent, "       \
	"tracestate"

enum {
	N_ROWS_COLUMNS = 18,
	ROWS_KEYS_MAX = 256, /* stalls times ingredients */
	ROWS_KEY_BYTES = 128,
};

struct rows_batch {
	const char *p; /* whole rows, as COPY wants them */
	size_t n_bytes;
	size_t n_rows;
	int64_t taken[ROWS_KEYS_MAX];   /* by key */
	int64_t ends[TOPIC_PARTITIONS]; /* offset after the last; 0: none */
};

struct rows {
	struct buf file;
	struct rows_batch *batches;
	size_t n_batches;
	size_t n_rows;
	struct rows_key {
		char stall[ROWS_KEY_BYTES];
		char ingredient[ROWS_KEY_BYTES];
	} keys[ROWS_KEYS_MAX];
	size_t n_keys;
};

enum rows_outcome { ROWS_E_FILE = 1 };

/* ROWS_E_FILE: it cannot be read, or is not such a file; said on stderr. */
int rows_load(struct rows *ret, const char *path, size_t n_per_batch);
void rows_deinit(struct rows *rows);

#endif
