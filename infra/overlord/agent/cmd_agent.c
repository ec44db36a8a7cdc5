/* SPDX-License-Identifier: MIT */
/*
 * Agent: the verb. It takes the name, which one agent has at a time, and runs
 * until a signal ends it. An agent of the name that lives is left in peace:
 * on this machine the process says whether it does, elsewhere its last look.
 * Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/log.h"
#include "infra/lib/text/str.h"
#include "infra/overlord/agent/agent.h"
#include "infra/overlord/agent/process.h"
#include "infra/overlord/agent/scaler.h"
#include "infra/overlord/verb.h"

enum { HOST_BYTES = 65, MACHINE_BYTES = 160 };

/* One boot of one machine and one space of process numbers: within it, a
 * number and the time of its birth name a process. */
static void read_machine(char ret[MACHINE_BYTES])
{
	char boot[64] = "", space[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);

	if (file && fgets(boot, sizeof(boot), file))
		boot[strcspn(boot, "\n")] = '\0';
	if (file)
		(void)fclose(file);
	space[n > 0 ? n : 0] = '\0';
	(void)snprintf(ret, MACHINE_BYTES, "%s %s", boot, space);
}

/* The row of an agent of our name. */
static int check_other(const struct verb *verb, int row, const char *name)
{
	const struct pg *pg = verb->pg;
	pid_t pid = (pid_t)pg_i64(pg, row, 0, 1);
	bool here = pg_bool(pg, row, 0, 3);
	bool lives = here ? process_lives(pid, pg_i64(pg, row, 0, 2))
			  : pg_bool(pg, row, 0, 4);

	if (!lives)
		return 0;
	return verb_failed("--name gives this one another name",
			   "the agent '%s' lives: process %d on '%s', which "
			   "looked %" PRId64 " s ago",
			   name, (int)pid, verb_cell(verb, row, 0, 0),
			   pg_i64(pg, row, 0, 5));
}

/* Gives the epoch, by which others know that the name is ours. */
static int take_name(struct verb *verb, const char *name, const char *host,
		     int64_t *ret_epoch)
{
	char machine[MACHINE_BYTES];
	int i, r;

	read_machine(machine);
	r = verb_lock(verb, &sql_agent_lock,
		      VALUES(value_text(name), value_text(machine)), "agent",
		      &i);
	if (!r && pg_n_rows(verb->pg, i))
		r = check_other(verb, i, name);
	if (r)
		return r;
	i = verb_add(verb, &sql_agent_write,
		     VALUES(value_text(name), value_text(host),
			    value_text(machine), value_i64(getpid()),
			    value_i64(process_born(getpid()))));
	(void)verb_add(verb, &pg_commit, NULL);
	r = verb_send(verb, "agent");
	if (!r)
		*ret_epoch = pg_i64(verb->pg, i, 0, 0);
	return r;
}

static int run(struct verb *verb, const char *name, int64_t epoch)
{
	const struct conf *conf = &verb->conf;
	int r;

	verb->pg = pg_free(verb->pg);
	r = verb->options.autoscale ? scaler_start(&(struct scaler_params){
					      .dir = conf->agent_dir,
					      .schema = verb->schema,
					      .suffix = verb->suffix })
				    : 0;
	if (r)
		return r;
	log_init(&(struct log_params){
		.out = stdout,
		.program = "agent",
		.version = version_of_build,
		.level = log_level_of(conf->agent_log_level),
	});
	r = agent_run(&(struct agent_params){
		.name = name,
		.epoch = epoch,
		.dir = conf->agent_dir,
		.url = conf->database_url,
		.schema = verb->schema,
		.timeout_ms = verb_first_ms(verb),
		.rules = { .ready_ms = conf->ready_ms,
			   .steady_ms = conf->steady_ms,
			   .drain_ms = conf->drain_ms,
			   .crashes = conf->crashes },
		.bound = verb->options.bound,
		.drain = verb->options.drain,
	});
	if (r == AGENT_E_TAKEN)
		return verb_failed("AGENT_DIR gives this one another folder",
				   "another agent keeps '%s'", conf->agent_dir);
	if (r < 0)
		return verb_failed("AGENT_DIR says where it may write",
				   "agent '%s' cannot keep anything in '%s': "
				   "%s",
				   name, conf->agent_dir, strerrordesc_np(-r));
	return r ? VERB_E_FAILED : 0;
}

int cmd_agent(struct verb *verb)
{
	char host[HOST_BYTES] = "";
	const char *name = verb->options.name;
	int64_t epoch;
	int r;

	(void)gethostname(host, sizeof(host) - 1);
	if (!name)
		name = host;
	if (!verb_right_text(text_of(name), 60))
		return verb_usage(verb, "agent '%.120s' is no name", name);
	r = take_name(verb, name, host, &epoch);
	return r ? r : run(verb, name, epoch);
}
