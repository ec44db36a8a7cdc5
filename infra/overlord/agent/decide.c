/* SPDX-License-Identifier: MIT */
/* Decide: the rules of decide.h, one function each. */
#include "infra/overlord/agent/decide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/text/str.h"

const char *const instance_state_names[N_INSTANCE_STATES] = {
	[INSTANCE_STOPPED] = "stopped",   [INSTANCE_BACKOFF] = "backoff",
	[INSTANCE_STARTING] = "starting", [INSTANCE_READY] = "ready",
	[INSTANCE_UNREADY] = "unready",   [INSTANCE_DRAINING] = "draining",
};

/* ---- the fleet ---- */

void fleet_deinit(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->n_deployments; i++)
		free(fleet->deployments[i].settings);
	free(fleet->deployments);
	free(fleet->slots);
	*fleet = (struct fleet){ 0 };
}

const struct deployment *fleet_deployment(const struct fleet *fleet,
					  const char *service,
					  const char *colour)
{
	for (size_t i = 0; i < fleet->n_deployments; i++)
		if (!strcmp(fleet->deployments[i].service, service) &&
		    !strcmp(fleet->deployments[i].colour, colour))
			return &fleet->deployments[i];
	return NULL;
}

static bool is_of(const struct fleet *fleet, const struct slot *slot,
		  const struct deployment *deployment)
{
	return &fleet->deployments[slot->deployment] == deployment &&
	       slot->number <= deployment->n_instances;
}

const struct slot *fleet_slot(const struct fleet *fleet,
			      const struct deployment *deployment,
			      int64_t number)
{
	for (size_t i = 0; i < fleet->n_slots; i++)
		if (is_of(fleet, &fleet->slots[i], deployment) &&
		    fleet->slots[i].number == number)
			return &fleet->slots[i];
	return NULL;
}

bool slot_is_current(const struct deployment *deployment,
		     const struct slot *slot)
{
	return !strcmp(slot->digest, deployment->digest) &&
	       slot->generation >= deployment->generation;
}

/* ---- one instance ---- */

bool instance_runs(const struct instance *instance)
{
	return instance->state != INSTANCE_STOPPED &&
	       instance->state != INSTANCE_BACKOFF;
}

static bool is_outdated(const struct instance *instance,
			const struct deployment *deployment)
{
	return strcmp(instance->digest, deployment->digest) != 0 ||
	       instance->generation < deployment->generation;
}

/* One that runs, and is not asked to leave yet. */
static enum action decide_running(const struct instance *instance,
				  const struct wanted *wanted,
				  const struct rules *rules, int64_t now_ms)
{
	if (wanted->stale)
		return ACTION_NONE;
	if (!wanted->deployment)
		return ACTION_DRAIN;
	if (wanted->replace && is_outdated(instance, wanted->deployment))
		return ACTION_DRAIN;
	if (instance->state == INSTANCE_STARTING && !instance->killed &&
	    now_ms - instance->started_ms > rules->ready_ms)
		return ACTION_KILL;
	return ACTION_NONE;
}

enum action decide_action(const struct instance *instance,
			  const struct wanted *wanted,
			  const struct rules *rules, int64_t now_ms)
{
	switch (instance->state) {
	case INSTANCE_STOPPED:
	case INSTANCE_BACKOFF:
		if (!wanted->deployment)
			return ACTION_FORGET;
		return backoff_over(&instance->backoff, now_ms) ? ACTION_START
								: ACTION_NONE;
	case INSTANCE_STARTING:
	case INSTANCE_READY:
	case INSTANCE_UNREADY:
		return decide_running(instance, wanted, rules, now_ms);
	case INSTANCE_DRAINING:
		return now_ms - instance->since_ms > rules->drain_ms &&
				       !instance->killed
			       ? ACTION_KILL
			       : ACTION_NONE;
	case N_INSTANCE_STATES:
		break;
	}
	abort();
}

void instance_enter(struct instance *instance, enum instance_state state,
		    int64_t now_ms)
{
	if (instance->state == state)
		return;
	instance->state = state;
	instance->since_ms = now_ms;
	instance->killed = false;
}

static void pause(struct instance *instance, const char *why, int64_t now_ms,
		  uint32_t random)
{
	(void)backoff_begin_with(&instance->backoff, why, now_ms, random);
	(void)str_copy(instance->detail, sizeof(instance->detail), why);
	instance_enter(instance, INSTANCE_BACKOFF, now_ms);
}

static bool is_steady(const struct instance *instance,
		      const struct rules *rules, int64_t now_ms)
{
	return instance->ready_at_ms &&
	       now_ms - instance->ready_at_ms >= rules->steady_ms;
}

bool instance_settled(struct instance *instance, const struct rules *rules,
		      int64_t now_ms)
{
	if (!instance->crashes || !is_steady(instance, rules, now_ms))
		return false;
	instance->crashes = 0;
	backoff_end(&instance->backoff);
	return true;
}

void instance_ended(struct instance *instance, const char *how,
		    const struct rules *rules, int64_t now_ms, uint32_t random)
{
	bool asked = instance->state == INSTANCE_DRAINING;
	bool steady = is_steady(instance, rules, now_ms);

	instance->ready_at_ms = 0;
	if (asked || steady) {
		instance->crashes = 0;
		backoff_end(&instance->backoff);
	}
	if (asked) {
		instance->detail[0] = '\0';
		instance_enter(instance, INSTANCE_STOPPED, now_ms);
		return;
	}
	instance->crashes++;
	instance->restarts++;
	pause(instance, how, now_ms, random);
	/* Customers wait: the first time it is back at once. */
	if (instance->crashes == 1)
		backoff_retry(&instance->backoff);
}

void instance_failed(struct instance *instance, const char *why, int64_t now_ms,
		     uint32_t random)
{
	pause(instance, why, now_ms, random);
}

void instance_heard(struct instance *instance, const char *reason,
		    int64_t now_ms)
{
	if (instance->state == INSTANCE_DRAINING)
		return;
	if (*reason && !instance->ready_at_ms) {
		(void)str_copy(instance->detail, sizeof(instance->detail),
			       reason);
		return;
	}
	if (!instance->ready_at_ms)
		instance->ready_at_ms = now_ms;
	(void)str_copy(instance->detail, sizeof(instance->detail), reason);
	instance_enter(instance, *reason ? INSTANCE_UNREADY : INSTANCE_READY,
		       now_ms);
}

/* ---- turns, going back, shares ---- */

/* Twice what it was before, and some more: records come in bursts. */
static bool lag_is_normal(const struct fleet *fleet,
			  const struct deployment *deployment)
{
	int64_t lag = 0;

	for (size_t i = 0; i < fleet->n_slots; i++)
		if (is_of(fleet, &fleet->slots[i], deployment))
			lag += fleet->slots[i].lag;
	return lag / 2 <= deployment->lag_before + LAG_USUAL / 2;
}

/* Programs that are no workers have no heartbeats. */
static bool has_heartbeats(const struct fleet *fleet,
			   const struct deployment *deployment)
{
	for (size_t i = 0; i < fleet->n_slots; i++)
		if (is_of(fleet, &fleet->slots[i], deployment) &&
		    fleet->slots[i].has_heartbeat)
			return true;
	return false;
}

bool decide_turn(const struct fleet *fleet, const struct deployment *deployment,
		 int64_t number)
{
	bool beats = has_heartbeats(fleet, deployment);
	int64_t n = 0;

	for (size_t i = 0; i < fleet->n_slots; i++) {
		const struct slot *slot = &fleet->slots[i];

		if (!is_of(fleet, slot, deployment))
			continue;
		n++;
		/* The one whose turn it is may be in any state. */
		if (slot->number == number)
			continue;
		if (slot->number < number && !slot_is_current(deployment, slot))
			return false;
		if (slot->state != INSTANCE_READY ||
		    (beats && !(slot->has_heartbeat && slot->heartbeat_ready)))
			return false;
	}
	return n == deployment->n_instances && lag_is_normal(fleet, deployment);
}

/* Are some still to be replaced? */
static bool goes_on(const struct fleet *fleet,
		    const struct deployment *deployment)
{
	for (size_t i = 0; i < fleet->n_slots; i++)
		if (is_of(fleet, &fleet->slots[i], deployment) &&
		    !slot_is_current(deployment, &fleet->slots[i]))
			return true;
	return false;
}

static bool crash_loop(const struct fleet *fleet,
		       const struct deployment *deployment,
		       const struct rules *rules, char ret[AGENT_DETAIL_BYTES])
{
	int64_t n = 0;

	for (size_t i = 0; i < fleet->n_slots; i++)
		if (is_of(fleet, &fleet->slots[i], deployment) &&
		    slot_is_current(deployment, &fleet->slots[i]))
			n += fleet->slots[i].crashes;
	(void)snprintf(ret, AGENT_DETAIL_BYTES,
		       "it crashed %" PRId64 " times before it was steady", n);
	return n >= rules->crashes;
}

/* One that was replaced takes too long to be as the former was. */
static bool is_late(const struct fleet *fleet,
		    const struct deployment *deployment,
		    const struct slot *slot, const struct rules *rules,
		    char ret[AGENT_DETAIL_BYTES])
{
	bool ready = slot->state == INSTANCE_READY;

	if (slot->age_ms <= rules->ready_ms ||
	    !slot_is_current(deployment, slot) ||
	    (ready && lag_is_normal(fleet, deployment)))
		return false;
	(void)snprintf(ret, AGENT_DETAIL_BYTES, "%s within %" PRId64 " s",
		       ready ? "its lag did not come back to normal"
			     : "it was not ready",
		       rules->ready_ms / 1000);
	return ready || slot->state == INSTANCE_STARTING ||
	       slot->state == INSTANCE_UNREADY;
}

bool decide_back(const struct fleet *fleet, const struct deployment *deployment,
		 const struct rules *rules, char ret[AGENT_DETAIL_BYTES])
{
	/* What is good, and is not being restarted, may wait for servers, and
	 * has nothing to go back to. */
	if (deployment->troubled ||
	    (!strcmp(deployment->good, deployment->digest) &&
	     !goes_on(fleet, deployment)))
		return false;
	if (crash_loop(fleet, deployment, rules, ret))
		return true;
	for (size_t i = 0; i < fleet->n_slots; i++)
		if (is_of(fleet, &fleet->slots[i], deployment) &&
		    is_late(fleet, deployment, &fleet->slots[i], rules, ret))
			return true;
	return false;
}

static int64_t n_of(const struct fleet *fleet, size_t deployment)
{
	int64_t n = 0;

	for (size_t i = 0; i < fleet->n_slots; i++)
		n += fleet->slots[i].mine &&
		     fleet->slots[i].deployment == deployment;
	return n;
}

const struct slot *decide_surplus(const struct fleet *fleet)
{
	const struct slot *surplus = NULL;
	int64_t n_mine = 0, n = 0, most = 0;

	for (size_t i = 0; i < fleet->n_slots; i++) {
		const struct slot *slot = &fleet->slots[i];
		const struct deployment *deployment =
			&fleet->deployments[slot->deployment];
		int64_t of_it;

		if (!is_of(fleet, slot, deployment))
			continue;
		n++;
		if (slot->state != INSTANCE_READY ||
		    !slot_is_current(deployment, slot))
			return NULL;
		if (!slot->mine)
			continue;
		n_mine++;
		of_it = n_of(fleet, slot->deployment);
		if (of_it >= most) {
			most = of_it;
			surplus = slot;
		}
	}
	return fleet->n_agents > 1 && n_mine > (n + fleet->n_agents - 1) /
						       fleet->n_agents
		       ? surplus
		       : NULL;
}
