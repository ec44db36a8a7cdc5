/* SPDX-License-Identifier: MIT */
/*
 * Plates: all plates of the grill, with their faults, their memory and the
 * physical log.
 *
 * The physical log is what really happened to the bread, whatever was said on
 * the wire; checkers read it. A line an edge:
 *
 *	START at_ms=1234 grill=grill-1 plate=3 token=17 boot=99 job=UUID
 *
 * START and DONE; STOP: cut short, by a loss of power or a restart; RESET:
 * the plate has lost its history, and boot is the new one. at_ms is the
 * machine's monotonic clock. A line stands in the log and in the journal
 * before an answer goes out. Main thread.
 */
#ifndef GRILLSIM_PLATES_H
#define GRILLSIM_PLATES_H

#include <stdbool.h>
#include <stdint.h>

#include "infra/grillsim/faults.h"
#include "infra/lib/cleanup.h"
#include "infra/lib/str.h"

struct plates_params {
	const char *name; /* the grill's, for the log */
	int n_plates;
	int64_t speed;     /* 1000: a thousand times faster */
	const char *log;   /* path; "": none */
	const char *state; /* path; "": every start is a reset */
	uint32_t boot;     /* of plates that remember nothing */
	int64_t now_ms;
};

struct plates;

/* Borrows the texts. A negative fault: a file cannot be had, or is foreign. */
int plates_new(struct plates **ret, const struct plates_params *params);
struct plates *plates_free(struct plates *plates);
DEFINE_CLEANUP(struct plates, plates_free);

int plates_n(const struct plates *plates);

/* What has come to its end by now. A negative fault: the log is not kept. */
int plates_step(struct plates *plates, int64_t now_ms);

/* Until the next plates_step() that matters; INT64_MAX: none will. */
int64_t plates_left_ms(const struct plates *plates, int64_t now_ms);

/* Any order but ORDER_DOWN. What it has to show is appended to @out. */
int plates_order(struct plates *plates, const struct order *order,
		 int64_t now_ms, struct buf *out);

/* The status registers of one plate, as they are now. */
void plates_status(struct plates *plates, int plate, int64_t now_ms,
		   uint16_t *ret);

/* What becomes of an answer that tells of @plate. */
struct fate plates_read(struct plates *plates, int plate);

/*
 * A command block of COMMAND_N registers for @plate. @ret: the fate of its
 * answer, the exception included. A negative fault: the log is not kept.
 */
int plates_write(struct plates *plates, int plate, const uint16_t *command,
		 int64_t now_ms, struct fate *ret);

#endif
