/* SPDX-License-Identifier: MIT */
/*
 * Grill fake: a grill in memory that does at once what it is asked to do, and
 * fails as the test says, for tests of what stands above a grill.
 *
 * It has a plate's two rules (no lower token, no job twice) and no clock: a
 * toasting ends when the test says so. Calls may come from any threads; the
 * test's own calls, too.
 */
#ifndef JAFFLR_GRILL_FAKE_H
#define JAFFLR_GRILL_FAKE_H

#include "infra/lib/cleanup.h"
#include "workers/jafflr/grill/grill.h"

enum grill_fake_call {
	GRILL_FAKE_READ,
	GRILL_FAKE_FENCE,
	GRILL_FAKE_START,
	GRILL_FAKE_CLOSE,
};

/* How the next call of a kind ends. */
enum grill_fake_end {
	GRILL_FAKE_WELL,
	GRILL_FAKE_AWAY,
	GRILL_FAKE_REFUSES,
	GRILL_FAKE_LOSES,  /* unknown, and it has not happened */
	GRILL_FAKE_SILENT, /* unknown, and it has happened */
	GRILL_FAKE_FAULT,  /* the caller has made a mistake */
};

struct grill_fake;

/* Idle plates that fence, boot 1; at most GRILL_PLATES_MAX. */
struct grill_fake *grill_fake_new(int n_plates);
struct grill_fake *grill_fake_free(struct grill_fake *fake);
DEFINE_CLEANUP(struct grill_fake, grill_fake_free);

/* The next @n calls of that kind end so; @n 0: all of them. */
void grill_fake_next(struct grill_fake *fake, enum grill_fake_call call,
		     enum grill_fake_end end, int n);

int grill_fake_n_calls(struct grill_fake *fake, enum grill_fake_call call);

/* Calls wait while the gate is shut, for at most 10 s. */
void grill_fake_gate(struct grill_fake *fake, bool shut);
/* Until so many calls have come to the gate, ever; false: they have not. */
bool grill_fake_wait(struct grill_fake *fake, int n, int64_t timeout_ms);
/* Readings with this plate are not answered. */
void grill_fake_silence(struct grill_fake *fake, int plate, bool silent);

/* What happens to each plate of a grill. */
enum grill_fake_event {
	GRILL_FAKE_GOES_ON,   /* nothing */
	GRILL_FAKE_DONE,      /* the job that heats has come to its end */
	GRILL_FAKE_CUT_SHORT, /* the same, too soon; its history stays */
	GRILL_FAKE_RESET,     /* its history is lost */
	GRILL_FAKE_FORGETS,   /* the same, but the plate does not say so */
	GRILL_FAKE_UNFENCED,  /* it cannot fence any more */
	GRILL_FAKE_BREAKS,
};

void grill_fake_happens(struct grill_fake *fake, enum grill_fake_event event);
/* Each plate has seen that token. */
void grill_fake_set_tokens(struct grill_fake *fake, uint32_t token);

/* How many toastings began on all plates, and how often that job did. */
int grill_fake_n_starts(struct grill_fake *fake);
int grill_fake_n_starts_of(struct grill_fake *fake,
			   const uint8_t job[GRILL_JOB_BYTES]);

/* grill_modbus.h without a network: its functions are those of a fake, which is
 * their arg, and "fake:@n" is the address of @fake, which several may use.
 * Borrows it. For tests; linked in place of grill_modbus.c
 * (infra/dev/fakes.mk). */
void grill_fake_serve(int n, struct grill_fake *fake);

#endif
