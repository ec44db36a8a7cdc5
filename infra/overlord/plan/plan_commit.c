/* SPDX-License-Identifier: MIT */
/*
 * Plan commit: what became of a change whose answer never came; see plan.h.
 *
 * A session that was lost may still be at work on the server, with the COMMIT
 * in its socket: what the tables show now may change yet. So the
 * old session is ended first. Its pid alone is not it: after a restart another
 * session may have that; with the time when it began it is no other's. Once it
 * has gone, what it committed is visible to everybody, and the token of the
 * audit row, which commits with the change, is there or will never be.
 * Main thread.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/overlord/plan/plan.h"

/* For how long it is tried: a server that restarts is back by then. */
#define READ_BACK_MS INT64_C(10000)
#define TRY_EVERY_MS 100

struct value plan_token(struct verb *verb)
{
	uint8_t random[10];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort();
	uuid_v7(verb->token, clock_wall_ms(), random);
	verb->has_token = true;
	return value_uuid(verb->token);
}

/* Positive: nobody knows yet. */
static int look(struct verb *verb, const struct verb_session *lost,
		int64_t until_ms, enum plan_result *ret)
{
	int r = verb_reconnect(verb, clock_left_ms(until_ms));
	int ended, found;

	if (r)
		return r;
	ended = verb_add(verb, &sql_session_end,
			 VALUES(value_i64(lost->pid), value_text(lost->began)));
	found = verb_add(verb, &sql_audit_find,
			 VALUES(value_uuid(verb->token)));
	r = verb_try(verb, clock_left_ms(until_ms));
	if (r)
		return r;
	if (!pg_bool(verb->pg, ended, 0, 0))
		return PG_E_LOST;
	*ret = pg_bool(verb->pg, found, 0, 0) ? PLAN_CONFIRMED : PLAN_FAILED;
	return 0;
}

static enum plan_result read_back(struct verb *verb, int64_t within_ms)
{
	int64_t until_ms = clock_now_ms() + within_ms;
	enum plan_result result = PLAN_UNKNOWN;
	struct verb_session lost = verb->session;

	while (look(verb, &lost, until_ms, &result) && clock_left_ms(until_ms))
		(void)poll(NULL, 0, TRY_EVERY_MS);
	return result;
}

static int report(const struct verb *verb, const char *what,
		  enum plan_result result)
{
	char token[UUID_CHARS + 1];

	switch (result) {
	case PLAN_CONFIRMED:
		out_say("%s: it was committed before that: its audit row is "
			"there",
			what);
		return 0;
	case PLAN_FAILED:
		return verb_failed(NULL,
				   "%s: it was not committed, and will not "
				   "be: nothing was changed",
				   what);
	default:
		(void)verb_failed(NULL,
				  "%s: nobody knows whether it was committed",
				  what);
		if (verb->has_token)
			out_hint("once Postgres answers: psql \"$DATABASE_URL\""
				 " -c \"SELECT * FROM control.audit WHERE "
				 "token = '%s'\" shows a row if it was, and "
				 "none if it was not",
				 uuid_format(verb->token, token));
		return VERB_E_FAILED;
	}
}

static int after_loss(struct verb *verb, const char *what,
		      enum plan_result *ret)
{
	int64_t within_ms = verb->conf.timeout_ms < READ_BACK_MS
				    ? verb->conf.timeout_ms
				    : READ_BACK_MS;

	out_say("%s: the session with Postgres was lost at the commit: %s",
		what, pg_message(verb->pg));
	*ret = PLAN_UNKNOWN;
	if (verb->has_token && verb->session.pid) {
		out_say("%s: looks for at most %" PRId64 " ms what became of "
			"it",
			what, within_ms);
		*ret = read_back(verb, within_ms);
	}
	return report(verb, what, *ret);
}

int plan_commit(struct verb *verb, const char *what, enum plan_result *ret)
{
	int r;

	(void)verb_add(verb, &pg_commit, NULL);
	r = verb_try(verb, verb->conf.timeout_ms);
	*ret = r ? PLAN_FAILED : PLAN_CONFIRMED;
	if (r == PG_E_LOST)
		r = after_loss(verb, what, ret);
	else if (r)
		r = verb_pg_failed(verb, r, what);
	verb->has_token = false;
	return r;
}
