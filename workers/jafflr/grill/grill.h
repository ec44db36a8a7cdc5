/* SPDX-License-Identifier: MIT */
/*
 * Grill: what a grill can do for us, as a struct of functions.
 *
 * A toastie cannot be rolled back, so each outcome says what is known
 * afterwards. A plate that fences refuses a lower token than it has seen and
 * a job that it has run. A start is one write: all of it arrives or nothing.
 *
 *	0		 the plate has done it
 *	GRILL_E_AWAY	 nothing was sent
 *	GRILL_E_REFUSED	 the plate said no; this call changed nothing there.
 *			 It says no to a job that it has run, too: so read
 *			 the plate before another one is tried
 *	GRILL_E_UNKNOWN	 sent, and no answer that says: it may have happened,
 *			 or may yet happen. Fence with a new token, then read
 *	negative	 a fault of the caller: nothing was sent
 *
 * A fence may be sent again with the same token, a start may not. After a
 * fence has been answered with 0 no start of a lower token can begin any
 * more, so what is read then stays true.
 *
 * Calls block, each within the deadlines that the grill was made with. One
 * thread per grill makes all of them; different grills do not meet.
 */
#ifndef JAFFLR_GRILL_H
#define JAFFLR_GRILL_H

#include <stdbool.h>
#include <stdint.h>

enum grill_outcome { GRILL_E_AWAY = 1, GRILL_E_REFUSED, GRILL_E_UNKNOWN };

enum {
	GRILL_PLATES_MAX = 256,
	GRILL_PLATES_A_READ = 7, /* that a driver reads by one request */
	GRILL_TIME_MAX_MS = 3600000,
	GRILL_JOB_BYTES = 16
};

/* Tokens below it are used; a plate that has come to it can fence no more,
 * since there is none above it. A number that SQL text can name, too. */
#define GRILL_TOKEN_LAST 4294967295

/*
 * Idle with a job: it was interrupted, by a loss of power say. Done: the job
 * is the last one that ran to its end. Fault: the plate cannot be used, or
 * says what this program does not understand. Silent: this one did not answer
 * when the others did; no driver says it, and nothing else in the report
 * counts.
 */
enum grill_plate_state {
	GRILL_IDLE,
	GRILL_HEATING,
	GRILL_DONE,
	GRILL_FAULT,
	GRILL_SILENT,
};

struct grill_report {
	enum grill_plate_state state;
	bool fences;    /* says tokens apart and keeps a history */
	uint32_t token; /* the highest that it has seen */
	uint32_t boot;  /* another one whenever it has lost its history */
	uint8_t job[GRILL_JOB_BYTES]; /* runs or ran last; zeros: none */
	int64_t left_ms;              /* while heating; 0: not known */
	uint64_t reading;             /* its number, by the grill's thread */
};

struct grill_start {
	int plate;
	uint32_t token;
	uint8_t job[GRILL_JOB_BYTES]; /* the order's UUID */
	int64_t time_ms;              /* 1 to GRILL_TIME_MAX_MS */
};

struct grill_ops {
	/* Fills @n_plates reports, or none. Changes nothing at the grill. */
	int (*read)(void *arg, int first_plate, int n_plates,
		    struct grill_report *ret);
	int (*fence)(void *arg, int plate, uint32_t token);
	int (*start)(void *arg, const struct grill_start *start);
	/* Lets the connection go; the next call makes a new one. */
	void (*close)(void *arg);
};

#endif
