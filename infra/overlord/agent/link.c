/* SPDX-License-Identifier: MIT */
/* Link: a thread, two mailboxes, and the statements of a look. */
#include "infra/overlord/agent/link.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "infra/lib/mailbox.h"
#include "infra/lib/xalloc.h"
#include "infra/overlord/verb.h"

#define IDLE_MS 1000
#define LEAVE_S 10

struct link {
	struct link_params params;
	struct mailbox *looks, *done;
	pthread_t thread;
	bool started;
	struct pg *pg; /* the thread's own */
};

/* ---- the thread ---- */

static int away(struct link *link, struct look *look)
{
	(void)str_copy(look->error, sizeof(look->error), pg_message(link->pg));
	link->pg = pg_free(link->pg);
	return LINK_E_AWAY;
}

static int connect_again(struct link *link, struct look *look)
{
	struct pg_params params = {
		.url = link->params.url,
		.schema = link->params.schema,
		.application_name = "overlord agent",
		.timeout_ms = link->params.timeout_ms,
		.options = "SET lock_timeout = '5s'; "
			   "SET idle_in_transaction_session_timeout = '10s'",
	};
	char error[256] = "";
	int r;

	if (link->pg)
		return 0;
	r = pg_connect(&link->pg, &params, error);
	if (r)
		(void)str_copy(look->error, sizeof(look->error), error);
	return r ? LINK_E_AWAY : 0;
}

static void copy(char *ret, size_t bytes, const struct pg *pg, int statement,
		 int row, int column)
{
	size_t n;
	const char *p = pg_bytes(pg, statement, row, column, &n);

	(void)str_n_copy(ret, bytes, p, n);
}

#define COPY(field, column)                                                    \
	copy((field), sizeof(field), pg, statement, row, column)

static void read_deployment(struct deployment *ret, const struct pg *pg,
			    int statement, int row)
{
	size_t n;
	const char *settings = pg_bytes(pg, statement, row, 5, &n);

	COPY(ret->service, 0);
	COPY(ret->colour, 1);
	COPY(ret->dir, 2);
	COPY(ret->digest, 3);
	COPY(ret->version, 4);
	ret->settings = xcalloc(n + 1, 1);
	memcpy(ret->settings, settings, n);
	COPY(ret->good, 6);
	ret->n_instances = pg_i64(pg, statement, row, 7);
	ret->generation = pg_i64(pg, statement, row, 8);
	ret->lag_before = pg_i64(pg, statement, row, 9);
	ret->troubled = pg_bool(pg, statement, row, 10);
}

static enum instance_state state_of(const char *name)
{
	int state = 0;

	while (state < N_INSTANCE_STATES - 1 &&
	       strcmp(instance_state_names[state], name) != 0)
		state++;
	return (enum instance_state)state;
}

/* False: its deployment is not there. */
static bool read_slot(struct slot *ret, const struct fleet *fleet,
		      const struct pg *pg, int statement, int row)
{
	const struct deployment *deployment;
	char service[64], colour[64], state[16];

	COPY(service, 0);
	COPY(colour, 1);
	COPY(state, 4);
	deployment = fleet_deployment(fleet, service, colour);
	if (!deployment)
		return false;
	ret->deployment = (size_t)(deployment - fleet->deployments);
	ret->number = pg_i64(pg, statement, row, 2);
	ret->mine = pg_bool(pg, statement, row, 3);
	ret->state = state_of(state);
	COPY(ret->digest, 5);
	ret->generation = pg_i64(pg, statement, row, 6);
	ret->crashes = pg_i64(pg, statement, row, 7);
	ret->age_ms = pg_i64(pg, statement, row, 8);
	ret->has_heartbeat = !pg_null(pg, statement, row, 9);
	ret->heartbeat_ready =
		ret->has_heartbeat && pg_bool(pg, statement, row, 9);
	ret->lag = pg_i64(pg, statement, row, 10);
	ret->restarts = pg_i64(pg, statement, row, 11);
	return true;
}

static void read_fleet(struct fleet *fleet, const struct pg *pg,
		       int deployments, int slots)
{
	int n_deployments = pg_n_rows(pg, deployments);
	int n_slots = pg_n_rows(pg, slots);

	fleet->deployments =
		xcalloc((size_t)n_deployments + 1, sizeof(*fleet->deployments));
	fleet->slots = xcalloc((size_t)n_slots + 1, sizeof(*fleet->slots));
	for (int row = 0; row < n_deployments; row++)
		read_deployment(&fleet->deployments[fleet->n_deployments++], pg,
				deployments, row);
	for (int row = 0; row < n_slots; row++)
		fleet->n_slots += read_slot(&fleet->slots[fleet->n_slots],
					    fleet, pg, slots, row);
}

static void put_text(struct pg_args *args, const char *text)
{
	pg_put_bytes(pg_arg(args), text, strlen(text));
}

static int sync_all(struct link *link, struct look *look)
{
	const struct link_params *params = &link->params;
	struct pg_args sync = { 0 }, me = { 0 }, patience = { 0 };
	int synced, deployments, slots, agents, r;

	put_text(&sync, params->agent);
	pg_put_i64(pg_arg(&sync), params->epoch);
	put_text(&sync, look->reports.p);
	pg_put_i64(pg_arg(&sync), params->patience_ms);
	pg_put_i64(pg_arg(&sync), params->steady_ms);
	put_text(&me, params->agent);
	pg_put_i64(pg_arg(&patience), params->patience_ms);
	synced = pg_add(link->pg, &sql_agent_sync, &sync);
	deployments = pg_add(link->pg, &sql_agent_deployments, NULL);
	slots = pg_add(link->pg, &sql_agent_slots, &me);
	agents = pg_add(link->pg, &sql_agents_living, &patience);
	r = pg_run(link->pg, params->timeout_ms);
	pg_args_deinit(&sync);
	pg_args_deinit(&me);
	pg_args_deinit(&patience);
	if (r)
		return away(link, look);
	if (!pg_bool(link->pg, synced, 0, 0))
		return LINK_E_REPLACED;
	fleet_deinit(&look->fleet);
	read_fleet(&look->fleet, link->pg, deployments, slots);
	look->fleet.n_agents = pg_i64(link->pg, agents, 0, 0);
	return 0;
}

static int take_back(struct link *link, struct look *look,
		     struct failed_change *failed)
{
	struct pg_args args = { 0 };
	int i, r;

	put_text(&args, failed->service);
	put_text(&args, failed->colour);
	put_text(&args, failed->digest);
	pg_put_i64(pg_arg(&args), failed->generation);
	put_text(&args, failed->why);
	i = pg_add(link->pg, &sql_agent_back, &args);
	r = pg_run(link->pg, link->params.timeout_ms);
	pg_args_deinit(&args);
	if (r == PG_E_SQL) {
		/* A lock, say: the next look tries it again. */
		(void)snprintf(failed->done, sizeof(failed->done),
			       "it is not taken back yet: %.200s",
			       pg_message(link->pg));
		return 0;
	}
	if (r)
		return away(link, look);
	copy(failed->done, sizeof(failed->done), link->pg, i, 0, 0);
	return 0;
}

static int leave(struct link *link, struct look *look)
{
	struct pg_args args = { 0 };
	int r;

	put_text(&args, link->params.agent);
	pg_put_i64(pg_arg(&args), link->params.epoch);
	(void)pg_add(link->pg, &sql_agent_leave, &args);
	r = pg_run(link->pg, link->params.timeout_ms);
	pg_args_deinit(&args);
	return r ? away(link, look) : 0;
}

static int do_look(struct link *link, struct look *look)
{
	int r = connect_again(link, look);

	for (size_t i = 0; !r && i < look->n_failed; i++)
		r = take_back(link, look, &look->failed[i]);
	if (!r)
		r = sync_all(link, look);
	if (!r && look->leaving)
		r = leave(link, look);
	return r;
}

static void *run(void *arg)
{
	struct link *link = arg;
	struct look *look;

	while (!mailbox_closed(link->looks)) {
		if (!mailbox_get(link->looks, (void *)&look, IDLE_MS))
			continue;
		look->r = do_look(link, look);
		(void)mailbox_put(link->done, (void *)&look);
	}
	link->pg = pg_free(link->pg);
	return NULL;
}

/* ---- the agent's side ---- */

int link_new(struct link **ret, struct loop *loop,
	     const struct link_params *params)
{
	struct link *link = xcalloc(1, sizeof(*link));
	struct mailbox_params box = { sizeof(struct look *), 1, NULL };
	int r;

	link->params = *params;
	r = mailbox_new(&link->looks, &box);
	box.loop = loop;
	if (!r)
		r = mailbox_new(&link->done, &box);
	if (!r)
		r = -pthread_create(&link->thread, NULL, run, link);
	link->started = !r;
	*ret = r ? link_free(link) : link;
	return r;
}

struct link *link_free(struct link *link)
{
	struct timespec deadline;

	if (!link)
		return NULL;
	if (link->started) {
		mailbox_close(link->looks);
		(void)clock_gettime(CLOCK_REALTIME, &deadline);
		deadline.tv_sec += LEAVE_S;
		/* A thread that hangs keeps what it uses. */
		if (pthread_timedjoin_np(link->thread, NULL, &deadline))
			return NULL;
	}
	(void)mailbox_free(link->looks);
	(void)mailbox_free(link->done);
	free(link);
	return NULL;
}

void link_submit(struct link *link, struct look *look)
{
	look->r = 0;
	look->error[0] = '\0';
	(void)mailbox_put(link->looks, (void *)&look);
}

bool link_done(struct link *link, int64_t timeout_ms)
{
	struct look *look;

	return mailbox_get(link->done, (void *)&look, timeout_ms);
}
