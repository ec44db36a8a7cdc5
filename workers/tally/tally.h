/* SPDX-License-Identifier: MIT */
/*
 * Tally: counts the toasties that were made, per stall and hour.
 *
 * The smallest worker there is, and the example in workers/README.md: facts
 * of `toasties` in, rows of `tally` out, no facts of its own. A fact may come
 * twice, and so may a whole batch; `tallied` knows which orders were counted.
 */
#ifndef TALLY_TALLY_H
#define TALLY_TALLY_H

#include "workers/runtime/worker.h"

/* Memory of the one statement, kept from batch to batch. { 0 } is empty. */
struct tally {
	struct pg_call call;
};

void tally_deinit(struct tally *tally);

/* What a worker brings, in the shape of the runtime's contract. */
int tally_decode(void *arg, struct batch *batch, struct record *record,
		 struct schema_fault *fault);
void tally_store(void *arg, struct pg *pg, const struct batch *batch,
		 bool copied);

#endif
