/* SPDX-License-Identifier: MIT */
/*
 * Decide: what is wanted, what is, and the time -> what an agent does next.
 *
 * Pure: no clock, no I/O. A fleet is what Postgres said at the last look: all
 * deployments, and all slots of all agents. An instance is a process of ours,
 * as we know it ourselves.
 *
 * The rules. What is wanted runs; what is not is drained. A process that ends
 * by itself is started again, at once after the first crash, then after a pause
 * that grows. Of a deployment whose instances run an older version or
 * generation one at a time is replaced, the lowest slot first, and the next
 * only when all of them are ready and the lag of the colour is back to normal.
 * A version that crashes again and again, or does not get ready, before it was
 * ever steady is taken back. When we do not hear from Postgres what runs is
 * left alone, and only what crashed is started.
 */
#ifndef AGENT_DECIDE_H
#define AGENT_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/backoff.h"
#include "infra/overlord/agent/artifact.h"

enum { AGENT_NAME_BYTES = 128, AGENT_DETAIL_BYTES = 256 };
enum { DIGEST_CHARS = ARTIFACT_DIGEST_CHARS };

enum instance_state {
	INSTANCE_STOPPED, /* and to be started when it is wanted */
	INSTANCE_BACKOFF, /* it crashed, or cannot be started now */
	INSTANCE_STARTING,
	INSTANCE_READY,
	INSTANCE_UNREADY, /* it was ready */
	INSTANCE_DRAINING,
	N_INSTANCE_STATES,
};

extern const char *const instance_state_names[N_INSTANCE_STATES];

struct deployment {
	char service[64], colour[64];
	char dir[1024], digest[DIGEST_CHARS + 1], version[AGENT_NAME_BYTES];
	char good[DIGEST_CHARS + 1]; /* digest of the last steady one, or "" */
	char *settings;              /* a JSON object; owned */
	int64_t n_instances, generation;
	int64_t lag_before;
	bool troubled; /* it was taken back already */
};

/* A slot as Postgres has it. */
struct slot {
	size_t deployment; /* its index */
	int64_t number;    /* from 1 on */
	bool mine;
	enum instance_state state;
	char digest[DIGEST_CHARS + 1];
	int64_t generation, crashes, restarts;
	int64_t age_ms; /* in its state */
	/* A worker says so itself, each second. */
	bool has_heartbeat, heartbeat_ready;
	int64_t lag; /* records of its partitions */
};

/* { 0 } is an empty one. */
struct fleet {
	struct deployment *deployments;
	size_t n_deployments;
	struct slot *slots;
	size_t n_slots;
	int64_t n_agents; /* that live */
};

void fleet_deinit(struct fleet *fleet);
/* NULL when there is none. */
const struct deployment *fleet_deployment(const struct fleet *fleet,
					  const char *service,
					  const char *colour);
const struct slot *fleet_slot(const struct fleet *fleet,
			      const struct deployment *deployment,
			      int64_t number);

struct rules {
	int64_t ready_ms;  /* a process that is started is ready within this */
	int64_t steady_ms; /* it is steady when it has been ready for so long */
	int64_t drain_ms;  /* asked to leave it leaves within this */
	int64_t crashes;   /* so many before it was steady are a loop */
};

/* A lag that is no higher than this, beyond twice what it was, is normal. */
enum { LAG_USUAL = 1000 };

/* ---- one instance ---- */

struct instance {
	char service[64], colour[64];
	int64_t number;
	enum instance_state state;
	int64_t since_ms;    /* in this state */
	int64_t started_ms;  /* the process */
	int64_t ready_at_ms; /* the first time; 0: it was not ready yet */
	bool killed;         /* its time was over */
	struct backoff backoff;
	int64_t crashes; /* since it was steady the last time */
	int64_t restarts;
	char digest[DIGEST_CHARS + 1]; /* what it runs, or ran */
	int64_t generation;
	char detail[AGENT_DETAIL_BYTES];
};

/* What the deployment wants of it. */
struct wanted {
	const struct deployment *deployment; /* NULL: nothing, it goes */
	bool replace;                        /* it is its turn, decide_turn() */
	bool stale; /* Postgres has not been heard: stop nothing */
};

enum action {
	ACTION_NONE,
	ACTION_START,
	ACTION_DRAIN,  /* SIGTERM */
	ACTION_KILL,   /* SIGKILL: its time is over */
	ACTION_FORGET, /* it does not run, and is not wanted */
};

enum action decide_action(const struct instance *instance,
			  const struct wanted *wanted,
			  const struct rules *rules, int64_t now_ms);

/* Its state from now on. */
void instance_enter(struct instance *instance, enum instance_state state,
		    int64_t now_ms);
/* The process has ended, @how it did ("exit status 1"). */
void instance_ended(struct instance *instance, const char *how,
		    const struct rules *rules, int64_t now_ms, uint32_t random);
/* It could not be started. */
void instance_failed(struct instance *instance, const char *why, int64_t now_ms,
		     uint32_t random);
/* What /readyz said; @reason "" when it is ready. */
void instance_heard(struct instance *instance, const char *reason,
		    int64_t now_ms);
/* It has been ready for so long that its crashes count no more: true once. */
bool instance_settled(struct instance *instance, const struct rules *rules,
		      int64_t now_ms);
bool instance_runs(const struct instance *instance);

/* ---- the fleet ---- */

/* Does it run what the deployment wants? */
bool slot_is_current(const struct deployment *deployment,
		     const struct slot *slot);
/* May this slot, which is not current, be replaced now? */
bool decide_turn(const struct fleet *fleet, const struct deployment *deployment,
		 int64_t number);
/* Has the change of the deployment failed, so that it is taken back? @ret says
 * why. */
bool decide_back(const struct fleet *fleet, const struct deployment *deployment,
		 const struct rules *rules, char ret[AGENT_DETAIL_BYTES]);
/* A slot of ours that another agent should have: we have more than our share,
 * and everything is calm. NULL: none. */
const struct slot *decide_surplus(const struct fleet *fleet);

#endif
