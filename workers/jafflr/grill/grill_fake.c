/* SPDX-License-Identifier: MIT */
/*
 * Grill fake: plates in memory, under one mutex, and grill_modbus.h on top of
 * them. Beyond STARTS_MAX starts it aborts.
 */
#include "workers/jafflr/grill/grill_fake.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/grill/grill_modbus.h"

#define GRILL_FAKE_MAGIC 0x66616b65u
#define STARTS_MAX 1024
#define N_CALLS (GRILL_FAKE_CLOSE + 1)
#define LEFT_MS 10
#define GATE_MS 10000

struct fake_start {
	int plate;
	uint32_t boot; /* the history that it stands in */
	uint8_t job[GRILL_JOB_BYTES];
};

struct grill_fake {
	uint32_t magic;
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* the gate, or who has come to it */
	bool shut;
	int n_calls[N_CALLS];
	int n_plates;
	struct grill_report plates[GRILL_PLATES_MAX];
	bool silent[GRILL_PLATES_MAX];
	bool broken;
	enum grill_fake_end ends[N_CALLS];
	int n_ends[N_CALLS]; /* 0: for ever */
	struct fake_start starts[STARTS_MAX];
	int n_starts;
};

static struct grill_fake *locked(void *arg)
{
	struct grill_fake *fake = arg;

	assert(fake->magic == GRILL_FAKE_MAGIC);
	(void)pthread_mutex_lock(&fake->mutex);
	return fake;
}

static void unlock(struct grill_fake *fake)
{
	(void)pthread_mutex_unlock(&fake->mutex);
}

static struct grill_report *plate_of(struct grill_fake *fake, int plate)
{
	assert(plate >= 0 && plate < fake->n_plates);
	return &fake->plates[plate];
}

/* ---- the rules ---- */

static bool has_run(const struct grill_fake *fake, int plate,
		    const uint8_t *job)
{
	const struct fake_start *start;

	for (int i = 0; i < fake->n_starts; i++) {
		start = &fake->starts[i];
		if (start->plate == plate &&
		    start->boot == fake->plates[plate].boot &&
		    !memcmp(start->job, job, GRILL_JOB_BYTES))
			return true;
	}
	return false;
}

static int do_fence(struct grill_report *plate, uint32_t token)
{
	if (!plate->fences)
		return 0;
	if (token < plate->token)
		return GRILL_E_REFUSED;
	plate->token = token;
	return 0;
}

static int do_start(struct grill_fake *fake, const struct grill_start *start)
{
	struct grill_report *plate = plate_of(fake, start->plate);
	struct fake_start *began;

	if (plate->fences && (start->token < plate->token ||
			      has_run(fake, start->plate, start->job)))
		return GRILL_E_REFUSED;
	if (fake->broken || plate->state == GRILL_HEATING)
		return GRILL_E_REFUSED;
	assert(fake->n_starts < STARTS_MAX);
	began = &fake->starts[fake->n_starts++];
	began->plate = start->plate;
	began->boot = plate->boot;
	memcpy(began->job, start->job, GRILL_JOB_BYTES);
	plate->token = start->token;
	memcpy(plate->job, start->job, GRILL_JOB_BYTES);
	plate->state = GRILL_HEATING;
	plate->left_ms = LEFT_MS;
	return 0;
}

/* A plate that cannot fence says nothing of its past. */
static struct grill_report do_read(struct grill_fake *fake, int plate)
{
	struct grill_report report = *plate_of(fake, plate);

	if (fake->broken)
		report.state = GRILL_FAULT;
	if (!report.fences) {
		report.token = 0;
		memset(report.job, 0, sizeof(report.job));
	}
	return report;
}

/* ---- the functions of a grill ---- */

static const struct {
	bool happens;
	int outcome;
} ends[] = {
	[GRILL_FAKE_WELL] = { true, 0 },
	[GRILL_FAKE_AWAY] = { false, GRILL_E_AWAY },
	[GRILL_FAKE_REFUSES] = { false, GRILL_E_REFUSED },
	[GRILL_FAKE_LOSES] = { false, GRILL_E_UNKNOWN },
	[GRILL_FAKE_SILENT] = { true, GRILL_E_UNKNOWN },
	[GRILL_FAKE_FAULT] = { false, -EINVAL },
};

static void wait_for_change(struct grill_fake *fake, int64_t until_ms)
{
	struct timespec until = {
		.tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000,
	};

	(void)pthread_cond_timedwait(&fake->changed, &fake->mutex, &until);
}

/* A call comes to the gate, and goes on when it is open: locked then. */
static struct grill_fake *enter(void *arg, enum grill_fake_call call,
				enum grill_fake_end *ret)
{
	struct grill_fake *fake = locked(arg);
	int64_t until_ms = clock_now_ms() + GATE_MS;

	fake->n_calls[call]++;
	(void)pthread_cond_broadcast(&fake->changed);
	while (fake->shut && clock_left_ms(until_ms) > 0)
		wait_for_change(fake, until_ms);
	*ret = fake->ends[call];
	if (fake->n_ends[call] && !--fake->n_ends[call])
		fake->ends[call] = GRILL_FAKE_WELL;
	return fake;
}

/* @r: what came of it, if it happened and is answered. */
static int leave(struct grill_fake *fake, enum grill_fake_end end, int r)
{
	unlock(fake);
	return ends[end].outcome ? ends[end].outcome : r;
}

static int fake_read(void *arg, int first_plate, int n_plates,
		     struct grill_report *ret)
{
	enum grill_fake_end end;
	struct grill_fake *fake = enter(arg, GRILL_FAKE_READ, &end);
	int r = 0;

	for (int i = 0; i < n_plates; i++)
		if (fake->silent[first_plate + i])
			r = GRILL_E_UNKNOWN;
	for (int i = 0; !r && !ends[end].outcome && i < n_plates; i++)
		ret[i] = do_read(fake, first_plate + i);
	return leave(fake, end, r);
}

static int fake_fence(void *arg, int plate, uint32_t token)
{
	enum grill_fake_end end;
	struct grill_fake *fake = enter(arg, GRILL_FAKE_FENCE, &end);
	int r = 0;

	if (ends[end].happens)
		r = do_fence(plate_of(fake, plate), token);
	return leave(fake, end, r);
}

static int fake_start(void *arg, const struct grill_start *start)
{
	enum grill_fake_end end;
	struct grill_fake *fake = enter(arg, GRILL_FAKE_START, &end);
	int r = ends[end].happens ? do_start(fake, start) : 0;

	return leave(fake, end, r);
}

static void fake_close(void *arg)
{
	struct grill_fake *fake = locked(arg);

	fake->n_calls[GRILL_FAKE_CLOSE]++;
	unlock(fake);
}

/* ---- grill_modbus.h ---- */

enum { SERVED_MAX = 8 };

static struct grill_fake *served[SERVED_MAX];

void grill_fake_serve(int n, struct grill_fake *fake)
{
	served[n] = fake;
}

const struct grill_ops grill_modbus_ops = {
	.read = fake_read,
	.fence = fake_fence,
	.start = fake_start,
	.close = fake_close,
};

/* The driver of a grill is the fake itself. */
int grill_modbus_new(struct grill_modbus **ret,
		     const struct grill_modbus_params *params)
{
	int n;

	if (sscanf(params->address, "fake:%d", &n) != 1 || n < 0 ||
	    n >= SERVED_MAX || !served[n])
		return GRILL_MODBUS_E_PARAMS;
	*ret = (void *)served[n];
	return 0;
}

struct grill_modbus *grill_modbus_free(struct grill_modbus *grill)
{
	(void)grill;
	return NULL;
}

/* ---- what a test does with it ---- */

struct grill_fake *grill_fake_new(int n_plates)
{
	struct grill_fake *fake = xcalloc(1, sizeof(*fake));
	pthread_condattr_t monotonic;

	assert(n_plates >= 1 && n_plates <= GRILL_PLATES_MAX);
	fake->magic = GRILL_FAKE_MAGIC;
	(void)pthread_mutex_init(&fake->mutex, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&fake->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	fake->n_plates = n_plates;
	for (int i = 0; i < n_plates; i++)
		fake->plates[i] =
			(struct grill_report){ .fences = true, .boot = 1 };
	return fake;
}

struct grill_fake *grill_fake_free(struct grill_fake *fake)
{
	if (!fake)
		return NULL;
	(void)pthread_cond_destroy(&fake->changed);
	(void)pthread_mutex_destroy(&fake->mutex);
	fake->magic = 0;
	free(fake);
	return NULL;
}

void grill_fake_next(struct grill_fake *fake, enum grill_fake_call call,
		     enum grill_fake_end end, int n)
{
	(void)locked(fake);
	fake->ends[call] = end;
	fake->n_ends[call] = n;
	unlock(fake);
}

int grill_fake_n_calls(struct grill_fake *fake, enum grill_fake_call call)
{
	int n = locked(fake)->n_calls[call];

	unlock(fake);
	return n;
}

void grill_fake_gate(struct grill_fake *fake, bool shut)
{
	locked(fake)->shut = shut;
	(void)pthread_cond_broadcast(&fake->changed);
	unlock(fake);
}

static bool have_come(const struct grill_fake *fake, int n)
{
	for (int i = 0; i < GRILL_FAKE_CLOSE; i++)
		n -= fake->n_calls[i];
	return n <= 0;
}

bool grill_fake_wait(struct grill_fake *fake, int n, int64_t timeout_ms)
{
	int64_t until_ms = clock_now_ms() + timeout_ms;
	bool came;

	(void)locked(fake);
	while (!have_come(fake, n) && clock_left_ms(until_ms) > 0)
		wait_for_change(fake, until_ms);
	came = have_come(fake, n);
	unlock(fake);
	return came;
}

void grill_fake_silence(struct grill_fake *fake, int plate, bool silent)
{
	locked(fake)->silent[plate] = silent;
	unlock(fake);
}

static void change(struct grill_report *plate, enum grill_fake_event event)
{
	bool heats = plate->state == GRILL_HEATING;

	if (event == GRILL_FAKE_DONE && heats)
		plate->state = GRILL_DONE;
	if (event == GRILL_FAKE_FORGETS ||
	    (event == GRILL_FAKE_CUT_SHORT && heats))
		plate->state = GRILL_IDLE;
	if (plate->state != GRILL_HEATING)
		plate->left_ms = 0;
	if (event == GRILL_FAKE_FORGETS)
		memset(plate->job, 0, sizeof(plate->job));
	if (event == GRILL_FAKE_RESET)
		*plate = (struct grill_report){ .fences = plate->fences,
						.boot = plate->boot + 1 };
	if (event == GRILL_FAKE_UNFENCED)
		plate->fences = false;
}

void grill_fake_happens(struct grill_fake *fake, enum grill_fake_event event)
{
	(void)locked(fake);
	for (int i = 0; i < fake->n_plates; i++)
		change(&fake->plates[i], event);
	fake->broken |= event == GRILL_FAKE_BREAKS;
	unlock(fake);
}

void grill_fake_set_tokens(struct grill_fake *fake, uint32_t token)
{
	(void)locked(fake);
	for (int i = 0; i < fake->n_plates; i++)
		fake->plates[i].token = token;
	unlock(fake);
}

int grill_fake_n_starts(struct grill_fake *fake)
{
	int n = locked(fake)->n_starts;

	unlock(fake);
	return n;
}

int grill_fake_n_starts_of(struct grill_fake *fake,
			   const uint8_t job[GRILL_JOB_BYTES])
{
	int n = 0;

	(void)locked(fake);
	for (int i = 0; i < fake->n_starts; i++)
		n += !memcmp(fake->starts[i].job, job, GRILL_JOB_BYTES);
	unlock(fake);
	return n;
}
