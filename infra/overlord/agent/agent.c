/* SPDX-License-Identifier: MIT */
/*
 * Agent: the loop. Each turn takes note of what ended or got ready, hears the
 * last look, does to each unit what decide.h says, and begins the next look
 * when something changed or its time has come.
 */
#include "infra/overlord/agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"
#include "infra/overlord/agent/link.h"
#include "infra/overlord/agent/unit.h"

#define LOOK_EVERY_MS 500
/* Between two looks, also when much happens. */
#define LOOK_PAUSE_MS 50
/* After so long without an answer the last look says nothing of what may be
 * stopped. */
#define STALE_MS 5000
#define PATIENCE_MS 10000
/* A slot that is given up moves to another host; one at a time. */
#define SURPLUS_EVERY_MS 10000
#define TURN_MAX_MS 500
#define LAST_LOOK_MS 5000

enum { SIGNALS = 3 };

struct agent {
	const struct agent_params *params;
	struct loop *loop;
	struct loop_source *signals[SIGNALS];
	struct unit_place place;
	struct link *link;
	struct look look;   /* the link's while looking */
	struct fleet fleet; /* what the last look gave */
	bool looking, away, leaving, over;
	int64_t look_at_ms, heard_at_ms, surplus_at_ms;
	int result;
	int lock; /* of the folder */
	struct unit **units;
	size_t n_units;
};

/* ---- units ---- */

static void add_unit(void *arg, struct unit *unit)
{
	struct agent *agent = arg;

	agent->units = xreallocarray(agent->units, agent->n_units + 1,
				     sizeof(struct unit *));
	agent->units[agent->n_units++] = unit;
}

static struct unit *unit_of(const struct agent *agent,
			    const struct deployment *deployment, int64_t number)
{
	for (size_t i = 0; i < agent->n_units; i++) {
		const struct instance *instance = &agent->units[i]->instance;

		if (instance->number == number &&
		    !strcmp(instance->service, deployment->service) &&
		    !strcmp(instance->colour, deployment->colour))
			return agent->units[i];
	}
	return NULL;
}

static bool slot_runs(const struct slot *slot)
{
	return slot->state == INSTANCE_STARTING ||
	       slot->state == INSTANCE_READY || slot->state == INSTANCE_UNREADY;
}

/* A unit for each slot that is ours. */
static void add_claimed(struct agent *agent)
{
	const struct fleet *fleet = &agent->fleet;

	for (size_t i = 0; i < fleet->n_slots; i++) {
		const struct slot *slot = &fleet->slots[i];
		const struct deployment *deployment =
			&fleet->deployments[slot->deployment];
		struct unit *unit = unit_of(agent, deployment, slot->number);

		if (!slot->mine)
			continue;
		if (!unit) {
			unit = unit_new(deployment->service, deployment->colour,
					slot->number);
			unit->n_changes++;
			/* It ended while there was no agent. */
			unit->instance.restarts += slot_runs(slot);
			add_unit(agent, unit);
		}
		if (unit->known)
			continue;
		unit->known = true;
		unit->instance.restarts += slot->restarts;
		unit->instance.crashes += slot->crashes;
	}
	/* Of the others Postgres has no counts. */
	for (size_t i = 0; i < agent->n_units; i++)
		agent->units[i]->known = true;
}

static bool layer_runs(const struct agent *agent, int above)
{
	for (size_t i = 0; i < agent->n_units; i++)
		if (unit_layer(agent->units[i]) > above &&
		    instance_runs(&agent->units[i]->instance))
			return true;
	return false;
}

static struct wanted wanted_of(const struct agent *agent,
			       const struct unit *unit, int64_t now_ms)
{
	const struct fleet *fleet = &agent->fleet;
	const struct instance *instance = &unit->instance;
	struct wanted wanted = {
		.deployment = fleet_deployment(fleet, instance->service,
					       instance->colour),
		.stale = now_ms - agent->heard_at_ms > STALE_MS ||
			 !agent->heard_at_ms,
	};
	const struct slot *slot = NULL;

	if (agent->leaving)
		return (struct wanted){ .stale = layer_runs(agent,
							    unit_layer(unit)) };
	if (wanted.deployment)
		slot = fleet_slot(fleet, wanted.deployment, instance->number);
	if (!slot || !slot->mine || unit->give_up)
		wanted.deployment = NULL;
	else
		wanted.replace =
			decide_turn(fleet, wanted.deployment, instance->number);
	return wanted;
}

static void act(struct agent *agent, struct unit *unit, int64_t now_ms)
{
	struct wanted wanted = wanted_of(agent, unit, now_ms);

	if (unit->gone)
		return;
	switch (decide_action(&unit->instance, &wanted, &agent->params->rules,
			      now_ms)) {
	case ACTION_NONE:
		return;
	case ACTION_START:
		unit_start(unit, &agent->place, wanted.deployment, now_ms);
		return;
	case ACTION_DRAIN:
		/* Else it comes back, here or with another agent. */
		unit_drain(unit,
			   !agent->leaving && !unit->give_up && !wanted.replace,
			   now_ms);
		return;
	case ACTION_KILL:
		unit_kill(unit);
		return;
	case ACTION_FORGET:
		/* Before the first look nobody knows what is wanted. */
		if (!wanted.stale) {
			unit->gone = true;
			unit->n_changes++;
		}
		return;
	}
}

/* ---- looks ---- */

static void report_all(struct agent *agent, int64_t now_ms)
{
	struct buf *reports = &agent->look.reports;
	bool first = true;

	buf_reset(reports);
	buf_text(reports, "[");
	for (size_t i = 0; i < agent->n_units; i++) {
		struct unit *unit = agent->units[i];

		/* Before it is known, its counts would begin anew. */
		if (!unit->known)
			continue;
		unit->n_reported = unit->n_changes;
		if (unit->n_written == unit->n_changes)
			continue;
		if (!first)
			buf_text(reports, ",");
		first = false;
		unit_report(unit, reports, now_ms);
	}
	buf_add(reports, "]", 2);
}

/* Changes that have failed by what the last look said. */
static void find_failed(struct agent *agent)
{
	struct look *look = &agent->look;
	const struct fleet *fleet = &agent->fleet;

	look->n_failed = 0;
	for (size_t i = 0; i < fleet->n_deployments; i++) {
		const struct deployment *deployment = &fleet->deployments[i];
		struct failed_change *failed = &look->failed[look->n_failed];

		if (look->n_failed == FAILED_CHANGES_MAX ||
		    !decide_back(fleet, deployment, &agent->params->rules,
				 failed->why))
			continue;
		memcpy(failed->service, deployment->service,
		       sizeof(failed->service));
		memcpy(failed->colour, deployment->colour,
		       sizeof(failed->colour));
		memcpy(failed->digest, deployment->digest,
		       sizeof(failed->digest));
		failed->generation = deployment->generation;
		failed->done[0] = '\0';
		look->n_failed++;
	}
}

static bool anything_new(const struct agent *agent)
{
	for (size_t i = 0; i < agent->n_units; i++)
		if (agent->units[i]->n_written != agent->units[i]->n_changes)
			return true;
	return false;
}

static void begin_look(struct agent *agent, int64_t now_ms)
{
	bool due = now_ms >= agent->look_at_ms;

	if (agent->looking)
		return;
	/* What is new waits for a moment, since more may come with it. */
	if (!due &&
	    (!anything_new(agent) || agent->away ||
	     agent->look_at_ms - now_ms > LOOK_EVERY_MS - LOOK_PAUSE_MS))
		return;
	report_all(agent, now_ms);
	find_failed(agent);
	agent->looking = true;
	agent->look_at_ms = now_ms + LOOK_EVERY_MS;
	link_submit(agent->link, &agent->look);
}

static void forget_gone(struct agent *agent)
{
	size_t n = 0;

	for (size_t i = 0; i < agent->n_units; i++) {
		struct unit *unit = agent->units[i];

		unit->n_written = unit->n_reported;
		if (unit->gone && unit->n_written == unit->n_changes)
			(void)unit_free(unit);
		else
			agent->units[n++] = unit;
	}
	agent->n_units = n;
}

static void say_failed(const struct look *look)
{
	for (size_t i = 0; i < look->n_failed; i++)
		if (*look->failed[i].done)
			log_warn("TAKEN-BACK", "%s %s: %s",
				 look->failed[i].service,
				 look->failed[i].colour, look->failed[i].done);
}

static void give_up_surplus(struct agent *agent, int64_t now_ms)
{
	const struct fleet *fleet = &agent->fleet;
	const struct slot *slot;
	struct unit *unit;

	if (now_ms < agent->surplus_at_ms)
		return;
	slot = decide_surplus(fleet);
	if (!slot)
		return;
	agent->surplus_at_ms = now_ms + SURPLUS_EVERY_MS;
	unit = unit_of(agent, &fleet->deployments[slot->deployment],
		       slot->number);
	if (!unit)
		return;
	unit->give_up = true;
	log_info("GIVEN-UP", "%s goes to another agent, which has less to do",
		 unit->name);
}

static void heard(struct agent *agent, int64_t now_ms)
{
	if (agent->away)
		log_info("DATABASE-BACK", "Postgres answers again");
	agent->away = false;
	agent->heard_at_ms = now_ms;
	fleet_deinit(&agent->fleet);
	agent->fleet = agent->look.fleet;
	agent->look.fleet = (struct fleet){ 0 };
	say_failed(&agent->look);
	forget_gone(agent);
	if (agent->leaving)
		return;
	add_claimed(agent);
	give_up_surplus(agent, now_ms);
}

static void end_look(struct agent *agent, int64_t now_ms)
{
	if (!agent->looking || !link_done(agent->link, 0))
		return;
	agent->looking = false;
	switch (agent->look.r) {
	case 0:
		heard(agent, now_ms);
		return;
	case LINK_E_REPLACED:
		log_error("REPLACED",
			  "another agent has the name '%s', leaving "
			  "everything to it",
			  agent->params->name);
		agent->result = AGENT_E_REPLACED;
		agent->over = true;
		return;
	default:
		if (!agent->away)
			log_warn("DATABASE-AWAY",
				 "no answer from Postgres: %s; what runs goes "
				 "on",
				 agent->look.error);
		agent->away = true;
		return;
	}
}

/* ---- the loop ---- */

static int64_t turn_ms(const struct agent *agent, int64_t now_ms)
{
	int64_t at_ms = now_ms + TURN_MAX_MS;

	for (size_t i = 0; i < agent->n_units; i++)
		if (unit_wake_at_ms(agent->units[i]) < at_ms)
			at_ms = unit_wake_at_ms(agent->units[i]);
	if (!agent->looking && anything_new(agent) && !agent->away)
		at_ms = at_ms < now_ms + LOOK_PAUSE_MS ? at_ms
						       : now_ms + LOOK_PAUSE_MS;
	return at_ms > now_ms ? at_ms - now_ms : 1;
}

static void turn(struct agent *agent)
{
	int64_t now_ms = clock_now_ms();

	end_look(agent, now_ms);
	if (agent->over)
		return;
	for (size_t i = 0; i < agent->n_units; i++) {
		unit_look(agent->units[i], &agent->place, &agent->params->rules,
			  now_ms);
		act(agent, agent->units[i], now_ms);
	}
	if (agent->leaving && !layer_runs(agent, -1))
		agent->over = true;
	else
		begin_look(agent, now_ms);
}

static void leave(void *arg)
{
	struct agent *agent = arg;

	if (agent->params->drain && !agent->leaving)
		log_info("LEAVING", "everything is asked to leave");
	agent->leaving = true;
	agent->over = !agent->params->drain;
	loop_wake(agent->loop);
}

/* What has become of everything, if Postgres still hears it. */
static void last_look(struct agent *agent)
{
	if (agent->looking && !link_done(agent->link, LAST_LOOK_MS))
		return;
	for (size_t i = 0; i < agent->n_units; i++)
		act(agent, agent->units[i], clock_now_ms());
	report_all(agent, clock_now_ms());
	agent->look.n_failed = 0;
	agent->look.leaving = true;
	link_submit(agent->link, &agent->look);
	(void)link_done(agent->link, LAST_LOOK_MS);
}

/* Two agents of one folder would find each other's processes. The kernel lets
 * the lock go when we end. */
static int lock_folder(struct agent *agent)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/pid/agent.lock",
		       agent->params->dir);
	agent->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (agent->lock < 0)
		return -errno;
	if (!flock(agent->lock, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? AGENT_E_TAKEN : -errno;
}

static int open_all(struct agent *agent)
{
	static const int signals[SIGNALS] = { SIGTERM, SIGINT, SIGHUP };
	const struct agent_params *params = agent->params;
	int r = loop_new(&agent->loop);

	if (r)
		return r;
	agent->place =
		(struct unit_place){ params->dir, agent->loop, params->bound };
	for (int i = 0; i < SIGNALS; i++)
		agent->signals[i] =
			loop_signal(agent->loop, signals[i], leave, agent);
	r = unit_prepare(&agent->place);
	if (!r)
		r = lock_folder(agent);
	if (!r)
		r = unit_adopt_all(&agent->place, add_unit, agent,
				   clock_now_ms());
	if (!r)
		r = link_new(&agent->link, agent->loop,
			     &(struct link_params){
				     .url = params->url,
				     .schema = params->schema,
				     .agent = params->name,
				     .epoch = params->epoch,
				     .patience_ms = PATIENCE_MS,
				     .steady_ms = params->rules.steady_ms,
				     .timeout_ms = params->timeout_ms,
			     });
	return r;
}

static void close_all(struct agent *agent)
{
	agent->link = link_free(agent->link);
	for (size_t i = 0; i < agent->n_units; i++)
		(void)unit_free(agent->units[i]);
	free(agent->units);
	for (int i = 0; i < SIGNALS; i++)
		agent->signals[i] = loop_source_free(agent->signals[i]);
	agent->loop = loop_free(agent->loop);
	if (agent->lock >= 0)
		(void)close(agent->lock);
	buf_deinit(&agent->look.reports);
	fleet_deinit(&agent->look.fleet);
	fleet_deinit(&agent->fleet);
}

int agent_run(const struct agent_params *params)
{
	struct agent agent = { .params = params, .lock = -1 };
	int r = open_all(&agent);

	(void)signal(SIGPIPE, SIG_IGN);
	if (!r)
		log_info("START", "agent '%s' keeps '%s'", params->name,
			 params->dir);
	while (!r && !agent.over) {
		turn(&agent);
		if (!agent.over)
			loop_wait(agent.loop, turn_ms(&agent, clock_now_ms()));
	}
	if (!r && agent.leaving && params->drain)
		last_look(&agent);
	if (!r)
		log_info("STOPPED", "%s",
			 agent.result    ? "replaced"
			 : params->drain ? "everything has left"
					 : "what runs goes on");
	close_all(&agent);
	return r ? r : agent.result;
}
