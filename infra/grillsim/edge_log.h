/* SPDX-License-Identifier: MIT */
/*
 * Edge log: what really happened to the bread, a line an edge, and so also
 * the memory of the plates.
 *
 *	START at_ms=81020 grill=grill-1 plate=3 token=17 boot=99 job=0190...
 *
 * START and DONE; STOP: the job was cut short; RESET: the plate has lost its
 * history, and boot is the new one; FENCE: it has seen a token. README.md says
 * more. Each line is one write that is made before its answer goes out, so
 * that a killed simulator finds whole lines and all that it has answered for.
 * Nothing is synced: a loss of the machine's power is not simulated. A regular
 * file is locked while it is open, since a second simulator would cut off the
 * line that this one is writing.
 */
#ifndef GRILLSIM_EDGE_LOG_H
#define GRILLSIM_EDGE_LOG_H

#include "infra/grillsim/plate.h"

enum edge_kind {
	EDGE_START,
	EDGE_DONE,
	EDGE_STOP,
	EDGE_RESET,
	EDGE_FENCE,
	EDGE_KINDS_N,
};

struct edge_log {
	int fd; /* -1: nothing is kept */
	const char *grill;
};

/*
 * Opens @path to append to it; "": nothing is kept. The lines of @grill in a
 * regular file are replayed into @plates; a plate that was heating still is,
 * and the caller stops it. Borrows @grill. -EBADMSG: not an edge log;
 * -EBUSY: another simulator has it open.
 */
int edge_log_open(struct edge_log *ret, const char *path, const char *grill,
		  struct sim_plate *plates, int n_plates);
void edge_log_deinit(struct edge_log *log);

/* @plate: as it is after the edge; @i: its number. */
int edge_log_append(struct edge_log *log, enum edge_kind kind, int i,
		    const struct sim_plate *plate, int64_t now_ms);

#endif
