/* SPDX-License-Identifier: MIT */
/*
 * Switching, the wait: the lanes change hands when the workers of their colour
 * take them over. The pause is the longest gap between two orders round the
 * switch. A service that decides no orders, and one whose last order came long
 * before, has none of these: there it is the time until the next record was
 * decided, as its positions show. When none was, nobody knows. Main thread.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/overlord/lanes/switching.h"

#define WAIT_MS INT64_C(5000)
/* For a record, once the lanes are worked again. */
#define RECORD_MS INT64_C(300)
#define LOOK_EVERY_MS 20

struct progress {
	int64_t n_free, n_all, n_decided;
	int64_t held_at_ms, decided_at_ms; /* 0: not yet */
};

/* A person has pressed Ctrl-C; the plan holds the signal back. */
static bool interrupted(void)
{
	sigset_t pending;

	(void)sigpending(&pending);
	return sigismember(&pending, SIGINT) > 0 ||
	       sigismember(&pending, SIGTERM) > 0 ||
	       sigismember(&pending, SIGHUP) > 0;
}

static int look(const struct switching *switching, struct progress *ret)
{
	struct verb *verb = switching->verb;
	int i = verb_add(verb, &sql_switch_progress,
			 VALUES(value_i64(switching->id)));
	int r = verb_send(verb, switching->service);

	if (r)
		return r;
	ret->n_free = pg_i64(verb->pg, i, 0, 0);
	ret->n_all = pg_i64(verb->pg, i, 0, 1);
	ret->n_decided = pg_i64(verb->pg, i, 0, 2);
	if (!ret->n_free && !ret->held_at_ms)
		ret->held_at_ms = clock_now_ms();
	if (ret->n_decided && !ret->decided_at_ms)
		ret->decided_at_ms = clock_now_ms();
	return 0;
}

/* Until all is held and a record was decided, or the time is over. */
static int wait_for(const struct switching *switching, struct progress *ret)
{
	int64_t until_ms = clock_now_ms() + WAIT_MS;
	int r = look(switching, ret);

	while (!r && clock_now_ms() < until_ms && !interrupted()) {
		if (ret->held_at_ms &&
		    (ret->decided_at_ms ||
		     clock_now_ms() > ret->held_at_ms + RECORD_MS))
			break;
		(void)poll(NULL, 0, LOOK_EVERY_MS);
		r = look(switching, ret);
	}
	return r;
}

/* -1: nobody knows. */
static int64_t pause_of(const struct switching *switching,
			const struct progress *progress)
{
	struct verb *verb = switching->verb;
	int i;

	if (!progress->decided_at_ms)
		return -1;
	if (strcmp(switching->service, "chillybin") != 0)
		return progress->decided_at_ms - switching->locked_at_ms;
	i = verb_add(verb, &sql_switch_order_gap,
		     VALUES(value_i64(switching->id)));
	if (verb_send(verb, switching->service) || pg_null(verb->pg, i, 0, 0))
		return -1;
	return pg_i64(verb->pg, i, 0, 0);
}

static void measure(const struct switching *switching,
		    const struct progress *progress)
{
	struct verb *verb = switching->verb;
	int64_t pause_ms = pause_of(switching, progress);

	if (pause_ms < 0) {
		out_say("nothing was decided round the switch: how long it "
			"paused is not known");
		return;
	}
	(void)verb_add(verb, &sql_switch_pause_write,
		       VALUES(value_i64(switching->id), value_i64(pause_ms)));
	if (!verb_send(verb, switching->service))
		out_say("it paused for %" PRId64 " ms", pause_ms);
}

void switching_wait(const struct switching *switching)
{
	struct progress progress = { 0 };

	if (wait_for(switching, &progress))
		return;
	if (!progress.n_all)
		return;
	if (progress.n_free) {
		out_say("%" PRId64 " of %" PRId64 " positions are not taken "
			"over yet",
			progress.n_free, progress.n_all);
		out_hint("overlord lanes shows who works them; overlord "
			 "rollback goes back");
		return;
	}
	out_say("all %" PRId64 " positions are taken over after %" PRId64 " ms",
		progress.n_all, progress.held_at_ms - switching->locked_at_ms);
	measure(switching, &progress);
}
