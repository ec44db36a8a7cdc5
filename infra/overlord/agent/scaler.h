/* SPDX-License-Identifier: MIT */
/*
 * Scaler: `overlord autoscaler` beside an agent. A keeper starts it again when
 * it ends; both end with the agent.
 */
#ifndef AGENT_SCALER_H
#define AGENT_SCALER_H

/* The texts are its options; @dir is the agent's folder, which is there. */
struct scaler_params {
	const char *dir, *schema, *suffix;
};

/* -errno. */
int scaler_start(const struct scaler_params *params);

#endif
