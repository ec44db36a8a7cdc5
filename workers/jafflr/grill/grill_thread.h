/* SPDX-License-Identifier: MIT */
/*
 * Grill thread: one thread a grill, since a slow or silent one must not keep
 * others waiting. The poll thread sends it starts and fences, and asks for
 * readings; it fetches the answers, for which its loop is woken.
 */
#ifndef JAFFLR_GRILL_THREAD_H
#define JAFFLR_GRILL_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"
#include "workers/jafflr/grill/grill.h"

struct grill_thread;

struct grill_thread_params {
	const struct grill_ops *ops;
	void *arg; /* of @ops; used by the thread alone, once it runs */
	int n_plates;
	struct loop *loop;
};

/* Either a start, or, with no time, a fence. */
struct grill_command {
	struct grill_start start;
	bool fence;
	uint64_t tag; /* comes back with the answer */
};

struct grill_answer {
	uint64_t tag;
	int outcome; /* 0 or GRILL_E_ */
};

int grill_thread_new(struct grill_thread **ret,
		     const struct grill_thread_params *params);
/* Drops the commands that are not begun; waits for the one that is. */
struct grill_thread *grill_thread_free(struct grill_thread *thread);
DEFINE_CLEANUP(struct grill_thread, grill_thread_free);

/* At most one command a plate is under way, but for dropped ones. */
void grill_thread_command(struct grill_thread *thread,
			  const struct grill_command *command);
bool grill_thread_answer(struct grill_thread *thread, struct grill_answer *ret);

/* Asks for a reading of one plate, or of all, after the commands so far.
 * Returns its number; several requests may be answered by one reading. */
uint64_t grill_thread_read(struct grill_thread *thread, int plate);
uint64_t grill_thread_read_all(struct grill_thread *thread);

/*
 * The newest reading, if it is newer than @after: fills @ret (n_plates of
 * them), its number, and its outcome (0 or GRILL_E_; then nothing is
 * filled in). A report is of the last reading that its plate was in, whose
 * number it has.
 */
bool grill_thread_reading(struct grill_thread *thread, uint64_t after,
			  struct grill_report *ret, uint64_t *ret_number,
			  int *ret_outcome);

#endif
