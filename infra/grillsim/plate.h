/* SPDX-License-Identifier: MIT */
/*
 * Plate: one plate's rules. Pure: no I/O and no clock, the time is passed in.
 *
 * A plate that fences refuses a token below the highest that it has seen and
 * a job that it has run: at most one toasting rests on these two rules. A
 * plate that cannot fence does whatever it is sent, as plain hardware does.
 *
 * Instants may be any int64_t; only their differences count, so a clock that
 * wraps round does no harm.
 */
#ifndef GRILLSIM_PLATE_H
#define GRILLSIM_PLATE_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_MAX = 1024, JOB_BYTES = 16 };

/*
 * The job id that the registers carry: the 16 bytes of a UUID, to the grill a
 * number and nothing more. All zeros: no job.
 */
struct job {
	uint8_t bytes[JOB_BYTES];
};

enum plate_state { PLATE_IDLE, PLATE_HEATING, PLATE_DONE, PLATE_FAULT };

struct sim_plate {
	enum plate_state state;
	bool fences;
	bool broken;
	uint32_t token; /* the highest seen */
	uint32_t boot;
	struct job job; /* runs or ran last */
	int64_t began_at_ms;
	int64_t heats_ms;
	/* The jobs that it ran, the newest HISTORY_MAX of them. */
	struct job history[HISTORY_MAX];
	uint32_t n_jobs;
};

enum plate_outcome {
	PLATE_E_VALUE = 1, /* no command that any plate obeys */
	PLATE_E_TOKEN,     /* lower than one that it has seen */
	PLATE_E_RAN,       /* a job that it has run, or runs */
	PLATE_E_BUSY,      /* heats another one */
	PLATE_E_BROKEN,
};

/* Idle, without history. */
void plate_init(struct sim_plate *plate, uint32_t boot);

/* True if the job has just come to its end. */
bool plate_step(struct sim_plate *plate, int64_t now_ms);

/* Until the next plate_step() that matters; INT64_MAX: none will. */
int64_t plate_left_ms(const struct sim_plate *plate, int64_t now_ms);

int plate_fence(struct sim_plate *plate, uint32_t token);

/* One of PLATE_E_ and nothing has changed, or 0 and it heats. */
int plate_start(struct sim_plate *plate, uint32_t token, const struct job *job,
		int64_t heats_ms, int64_t now_ms);

/* Loss of power, the history kept. True if a job was cut short. */
bool plate_stop(struct sim_plate *plate);

/* Loss of the history as well: another boot. True as plate_stop(). */
bool plate_reset(struct sim_plate *plate);

/* It runs or ran @job, which it refuses from now on. */
void plate_remember(struct sim_plate *plate, const struct job *job);

#endif
