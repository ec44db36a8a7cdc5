/* SPDX-License-Identifier: MIT */
/*
 * Plates: all plates of the grill, with their faults and their edge log.
 *
 * An edge stands in the log before its answer goes out. Main thread.
 */
#ifndef GRILLSIM_PLATES_H
#define GRILLSIM_PLATES_H

#include <stdint.h>

#include "infra/grillsim/faults.h"
#include "infra/grillsim/request.h"
#include "infra/lib/cleanup.h"
#include "infra/lib/text/str.h"

struct plates_params {
	const char *name; /* the grill's, for the log */
	int n_plates;
	int64_t speed;   /* 1000: a thousand times faster */
	const char *log; /* path of the edge log; "": no memory */
	uint32_t boot;   /* of plates that the log does not name */
	int64_t now_ms;
};

struct plates;

/*
 * Borrows the texts. A plate has the history that is in the log; one that was
 * heating then was cut short. Faults as of edge_log_open().
 */
int plates_new(struct plates **ret, const struct plates_params *params);
struct plates *plates_free(struct plates *plates);
DEFINE_CLEANUP(struct plates, plates_free);

/* What has come to its end by now. A negative fault: the log is not kept. */
int plates_step(struct plates *plates, int64_t now_ms);

/* Until the next plates_step() that matters; INT64_MAX: none will. */
int64_t plates_left_ms(const struct plates *plates, int64_t now_ms);

/* Carries out any command but FAULT_DOWN, and appends its answer to @out. */
int plates_apply(struct plates *plates, const struct fault_command *command,
		 int64_t now_ms, struct buf *out);

/*
 * Does what @request asks, or refuses it. @ret: the fate of the answer, an
 * exception included. A negative fault: the log is not kept.
 */
int plates_do(struct plates *plates, const struct request *request,
	      int64_t now_ms, struct fate *ret);

/* The registers that answer a request for the status of plates. */
void plates_status(const struct plates *plates, const struct request *request,
		   int64_t now_ms, uint16_t *registers);

#endif
