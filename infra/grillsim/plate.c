/* SPDX-License-Identifier: MIT */
/*
 * Plate: the rules of a plate, as a machine round which others do the I/O.
 *
 * The history is a ring. It may be short, since a job that comes again with
 * an old token is refused for its token; the history is there for one that
 * comes again with a new one.
 */
#include "infra/grillsim/plate.h"

#include <string.h>

/* The time that it has heated. Unsigned, so that it may wrap round. */
static uint64_t heated_ms(const struct sim_plate *plate, int64_t now_ms)
{
	return (uint64_t)now_ms - (uint64_t)plate->began_at_ms;
}

static bool has_run(const struct sim_plate *plate, const struct job *job)
{
	uint32_t n = plate->n_jobs < HISTORY_MAX ? plate->n_jobs : HISTORY_MAX;

	for (uint32_t i = 0; i < n; i++)
		if (!memcmp(&plate->history[i], job, sizeof(*job)))
			return true;
	return false;
}

void plate_remember(struct sim_plate *plate, const struct job *job)
{
	plate->job = *job;
	plate->history[plate->n_jobs++ % HISTORY_MAX] = *job;
}

void plate_init(struct sim_plate *plate, uint32_t boot)
{
	memset(plate, 0, sizeof(*plate));
	plate->fences = true;
	plate->boot = boot;
}

bool plate_step(struct sim_plate *plate, int64_t now_ms)
{
	if (plate->state != PLATE_HEATING ||
	    heated_ms(plate, now_ms) < (uint64_t)plate->heats_ms)
		return false;
	plate->state = PLATE_DONE;
	return true;
}

int64_t plate_left_ms(const struct sim_plate *plate, int64_t now_ms)
{
	uint64_t heated = heated_ms(plate, now_ms);

	if (plate->state != PLATE_HEATING)
		return INT64_MAX;
	if (heated >= (uint64_t)plate->heats_ms)
		return 0;
	return plate->heats_ms - (int64_t)heated;
}

int plate_fence(struct sim_plate *plate, uint32_t token)
{
	if (!plate->fences)
		return 0;
	if (token < plate->token)
		return PLATE_E_TOKEN;
	plate->token = token;
	return 0;
}

int plate_start(struct sim_plate *plate, uint32_t token, const struct job *job,
		int64_t heats_ms, int64_t now_ms)
{
	if (plate->fences && token < plate->token)
		return PLATE_E_TOKEN;
	if (plate->fences && has_run(plate, job))
		return PLATE_E_RAN;
	if (plate->broken)
		return PLATE_E_BROKEN;
	if (plate->state == PLATE_HEATING)
		return PLATE_E_BUSY;
	if (plate->fences)
		plate->token = token;
	plate_remember(plate, job);
	plate->state = PLATE_HEATING;
	plate->began_at_ms = now_ms;
	plate->heats_ms = heats_ms;
	return 0;
}

bool plate_stop(struct sim_plate *plate)
{
	if (plate->state != PLATE_HEATING)
		return false;
	plate->state = PLATE_IDLE;
	return true;
}

bool plate_reset(struct sim_plate *plate)
{
	bool was_heating = plate_stop(plate);
	bool fences = plate->fences;
	bool broken = plate->broken;

	plate_init(plate, plate->boot + 1);
	plate->fences = fences;
	plate->broken = broken;
	return was_heating;
}
