/* SPDX-License-Identifier: MIT */
/*
 * Link: an agent's session with Postgres, in a thread of its own, so that
 * nobody who waits for Postgres keeps a crashed process from its restart.
 *
 * One look at a time: what the agent reports goes in, and the fleet comes out.
 * A look is its owner's again when link_done() gives it back. A session that
 * is lost is opened anew by the next look.
 */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "infra/lib/loop.h"
#include "infra/lib/text/str.h"
#include "infra/overlord/agent/decide.h"

enum link_outcome {
	LINK_E_AWAY = 1, /* no answer from Postgres: nothing is known */
	LINK_E_REPLACED, /* another agent has our name */
};

/* A deployment whose change has failed. */
struct failed_change {
	char service[64], colour[64], digest[DIGEST_CHARS + 1];
	int64_t generation;
	char why[AGENT_DETAIL_BYTES];
	char done[2 * AGENT_DETAIL_BYTES]; /* out: a sentence, "": nothing */
};

enum { FAILED_CHANGES_MAX = 8 };

struct look {
	struct buf reports; /* JSON, with a NUL */
	struct failed_change failed[FAILED_CHANGES_MAX];
	size_t n_failed;
	bool leaving; /* the last look: the agent's row goes */
	/* out */
	int r;
	struct fleet fleet;
	char error[AGENT_DETAIL_BYTES];
};

struct link_params {
	const char *url, *schema, *agent;
	int64_t epoch;
	int64_t patience_ms; /* so long an agent may be silent */
	int64_t steady_ms;
	int64_t timeout_ms;
};

struct link;

/* Copies the params, borrows their texts. */
int link_new(struct link **ret, struct loop *loop,
	     const struct link_params *params);
struct link *link_free(struct link *link);

/* No look is under way. */
void link_submit(struct link *link, struct look *look);
/* Is it done? Waits for at most @timeout_ms. */
bool link_done(struct link *link, int64_t timeout_ms);

#endif
