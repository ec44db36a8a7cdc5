/* SPDX-License-Identifier: MIT */
/*
 * Agent: keeps the processes of one host at the state that control.deployments
 * wants, until a signal ends it.
 *
 * What runs does not need it: an agent that is killed leaves its processes,
 * and the next one of its name finds them. One whose name another agent has
 * does nothing any more. Each half second, and whenever something changed, it
 * looks into Postgres (link.h); all that it does in between it knows from the
 * last look.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "infra/overlord/agent/decide.h"

struct agent_params {
	const char *name;
	int64_t epoch; /* of its row in control.agents */
	const char *dir;
	const char *url, *schema;
	int64_t timeout_ms; /* for Postgres */
	struct rules rules;
	bool bound; /* processes end with the agent */
	bool drain; /* SIGTERM: they leave before it does */
};

enum agent_outcome {
	AGENT_E_REPLACED = 1,
	AGENT_E_TAKEN, /* another agent keeps the folder */
};

/* Until SIGTERM, SIGINT or SIGHUP. Negative: it could not begin. */
int agent_run(const struct agent_params *params);

#endif
