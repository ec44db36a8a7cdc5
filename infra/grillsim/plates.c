/* SPDX-License-Identifier: MIT */
/*
 * Plates: the grill without its wire. Each function that changes a plate
 * writes the edge to the log before it returns. Main thread.
 */
#include "infra/grillsim/plates.h"

#include <inttypes.h>
#include <modbus.h>
#include <string.h>

#include "infra/grillsim/edge_log.h"
#include "infra/lib/text/text.h"
#include "infra/lib/xalloc.h"

#define TIME_MAX_MS 3600000

struct plates {
	int n_plates;
	int64_t speed;
	struct sim_plate *plates;
	struct faults *faults;
	struct edge_log log;
};

static const char *const state_names[] = {
	[PLATE_IDLE] = "idle",
	[PLATE_HEATING] = "heating",
	[PLATE_DONE] = "done",
	[PLATE_FAULT] = "fault",
};

static const struct job no_job = { { 0 } };

static int log_edge(struct plates *plates, enum edge_kind kind, int i,
		    int64_t now_ms)
{
	return edge_log_append(&plates->log, kind, i, &plates->plates[i],
			       now_ms);
}

/* ---- life ---- */

static int stop(struct plates *plates, int i, int64_t now_ms)
{
	return plate_stop(&plates->plates[i])
		       ? log_edge(plates, EDGE_STOP, i, now_ms)
		       : 0;
}

/* No plate heats after a restart. Each has a line from now on, so that it keeps
 * its boot also when it is not used before the next one. */
static int log_restart(struct plates *plates, int i, int64_t now_ms)
{
	bool was_heating = plate_stop(&plates->plates[i]);

	return log_edge(plates, was_heating ? EDGE_STOP : EDGE_FENCE, i,
			now_ms);
}

int plates_new(struct plates **ret, const struct plates_params *params)
{
	CLEANUP(plates_freep)
	struct plates *plates = xcalloc(1, sizeof(*plates));
	int r;

	plates->log.fd = -1;
	plates->n_plates = params->n_plates;
	plates->speed = params->speed;
	plates->plates =
		xcalloc((size_t)params->n_plates, sizeof(*plates->plates));
	plates->faults =
		xcalloc((size_t)params->n_plates, sizeof(*plates->faults));
	for (int i = 0; i < params->n_plates; i++)
		plate_init(&plates->plates[i], params->boot);
	r = edge_log_open(&plates->log, params->log, params->name,
			  plates->plates, params->n_plates);
	for (int i = 0; !r && i < params->n_plates; i++)
		r = log_restart(plates, i, params->now_ms);
	if (r)
		return r;
	*ret = plates;
	plates = NULL;
	return 0;
}

struct plates *plates_free(struct plates *plates)
{
	if (!plates)
		return NULL;
	edge_log_deinit(&plates->log);
	free(plates->faults);
	free(plates->plates);
	free(plates);
	return NULL;
}

/* ---- time ---- */

int plates_step(struct plates *plates, int64_t now_ms)
{
	int r = 0;

	for (int i = 0; !r && i < plates->n_plates; i++)
		if (plate_step(&plates->plates[i], now_ms))
			r = log_edge(plates, EDGE_DONE, i, now_ms);
	return r;
}

int64_t plates_left_ms(const struct plates *plates, int64_t now_ms)
{
	int64_t least = INT64_MAX;
	int64_t left;

	for (int i = 0; i < plates->n_plates; i++) {
		left = plate_left_ms(&plates->plates[i], now_ms);
		if (left < least)
			least = left;
	}
	return least;
}

/* ---- fault commands ---- */

static int reset(struct plates *plates, int i, int64_t now_ms)
{
	int r = stop(plates, i, now_ms);

	(void)plate_reset(&plates->plates[i]);
	return r ? r : log_edge(plates, EDGE_RESET, i, now_ms);
}

static void show(const struct plates *plates, int i, int64_t now_ms,
		 struct buf *out)
{
	const struct sim_plate *plate = &plates->plates[i];
	int64_t left_ms = plate_left_ms(plate, now_ms);
	char job[UUID_CHARS + 1];

	buf_printf(out,
		   " plate=%d state=%s token=%u boot=%u job=%s jobs=%u "
		   "left_ms=%" PRId64,
		   i, state_names[plate->state], plate->token, plate->boot,
		   uuid_format(plate->job.bytes, job), plate->n_jobs,
		   left_ms == INT64_MAX ? 0 : left_ms);
}

static int apply_to(struct plates *plates, int i,
		    const struct fault_command *command, int64_t now_ms,
		    struct buf *out)
{
	struct faults *faults = &plates->faults[i];

	faults_apply(faults, command);
	plates->plates[i].fences = !faults->on[FAULT_NO_FENCE];
	plates->plates[i].broken = faults->on[FAULT_BROKEN];
	if (command->verb == FAULT_RESET)
		return reset(plates, i, now_ms);
	if (command->verb == FAULT_POWER_CUT)
		return stop(plates, i, now_ms);
	if (command->verb == FAULT_SHOW)
		show(plates, i, now_ms, out);
	return 0;
}

int plates_apply(struct plates *plates, const struct fault_command *command,
		 int64_t now_ms, struct buf *out)
{
	bool all = command->plate == FAULT_ALL_PLATES;
	int first = all ? 0 : command->plate;
	int last = all ? plates->n_plates - 1 : command->plate;
	int r = plates_step(plates, now_ms);

	for (int i = first; !r && i <= last; i++)
		r = apply_to(plates, i, command, now_ms, out);
	return r;
}

/* ---- requests ---- */

static void put_u32(uint16_t *registers, uint32_t value)
{
	registers[0] = (uint16_t)(value >> 16);
	registers[1] = (uint16_t)(value & UINT16_MAX);
}

/* A plate that cannot fence says nothing of its past. */
static void put_status(const struct sim_plate *plate, int64_t now_ms,
		       uint16_t *ret)
{
	const struct job *job = plate->fences ? &plate->job : &no_job;
	uint32_t token = plate->fences ? plate->token : 0;
	int64_t left_ms = plate_left_ms(plate, now_ms);

	if (left_ms > UINT32_MAX)
		left_ms = plate->state == PLATE_HEATING ? UINT32_MAX : 0;
	ret[STATUS_STATE] =
		(uint16_t)(plate->broken ? PLATE_FAULT : plate->state);
	ret[STATUS_FLAGS] = plate->fences ? FLAG_FENCES : 0;
	put_u32(ret + STATUS_TOKEN, token);
	put_u32(ret + STATUS_BOOT, plate->boot);
	for (int i = 0; i < JOB_BYTES / 2; i++)
		ret[STATUS_JOB + i] =
			(uint16_t)MODBUS_GET_INT16_FROM_INT8(job->bytes, 2 * i);
	put_u32(ret + STATUS_LEFT_MS, (uint32_t)left_ms);
}

void plates_status(const struct plates *plates, const struct request *request,
		   int64_t now_ms, uint16_t *registers)
{
	for (int i = request->first_plate; i <= request->last_plate; i++)
		put_status(&plates->plates[i], now_ms,
			   registers + AT_STATUS + (size_t)i * BLOCK);
}

static struct fate read_fate(struct plates *plates,
			     const struct request *request)
{
	struct fate all = { .acts = true, .answers = true };

	for (int i = request->first_plate; i <= request->last_plate; i++) {
		struct fate one = faults_read(&plates->faults[i]);

		all.answers = all.answers && one.answers;
		if (one.slow_ms > all.slow_ms)
			all.slow_ms = one.slow_ms;
	}
	return all;
}

static int exception_of(int outcome)
{
	switch (outcome) {
	case PLATE_E_VALUE:
	case PLATE_E_TOKEN:
	case PLATE_E_RAN:
		return MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE;
	case PLATE_E_BUSY:
		return MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY;
	default:
		return MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE;
	}
}

static int start(struct plates *plates, const struct request *request,
		 int64_t now_ms)
{
	int64_t heat_ms =
		(request->time_ms +
		 plates->faults[request->first_plate].number[FAULT_LONG]) /
		plates->speed;

	if (!memcmp(&request->job, &no_job, sizeof(no_job)) ||
	    request->time_ms < 1 || request->time_ms > TIME_MAX_MS)
		return PLATE_E_VALUE;
	/* At least a millisecond, so that each toasting has a length. */
	return plate_start(&plates->plates[request->first_plate],
			   request->token, &request->job,
			   heat_ms < 1 ? 1 : heat_ms, now_ms);
}

static int do_command(struct plates *plates, const struct request *request,
		      int64_t now_ms, struct fate *fate)
{
	int i = request->first_plate;
	int r;

	switch (request->verb) {
	case VERB_FENCE:
		r = plate_fence(&plates->plates[i], request->token);
		break;
	case VERB_START:
		r = start(plates, request, now_ms);
		break;
	default:
		r = PLATE_E_VALUE;
		break;
	}
	if (!r)
		return log_edge(plates,
				request->verb == VERB_START ? EDGE_START
							    : EDGE_FENCE,
				i, now_ms);
	fate->exception = exception_of(r);
	return 0;
}

int plates_do(struct plates *plates, const struct request *request,
	      int64_t now_ms, struct fate *ret)
{
	int r = plates_step(plates, now_ms);

	if (r)
		return r;
	switch (request->kind) {
	case REQUEST_STATUS:
		*ret = read_fate(plates, request);
		return 0;
	case REQUEST_COMMAND:
		*ret = faults_write(&plates->faults[request->first_plate],
				    request->verb == VERB_START);
		return ret->acts ? do_command(plates, request, now_ms, ret) : 0;
	case REQUEST_IDENTITY:
	case REQUEST_REFUSED:
		break;
	}
	*ret = (struct fate){ .answers = true,
			      .exception = request->exception };
	return 0;
}
