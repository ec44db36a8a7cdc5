/* SPDX-License-Identifier: MIT */
/* Agent: started and asked by overlord's own verbs. */
#include "itests/harness/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "itests/harness/suite.h"

static const char *bin(void)
{
	const char *value = getenv("BIN");

	return value && *value ? value : "build/rel/bin";
}

/* What an agent leaves when it is killed ends with the test at the latest. */
static void end_with_us(const char *dir)
{
	char line[1024];

	(void)snprintf(line, sizeof(line),
		       "setsid sh -c 'while kill -0 %d; do sleep 0.3; done; "
		       "for f in \"%s\"/pid/*; do read -r pid rest <\"$f\" && "
		       "kill -9 $pid; done' </dev/null >/dev/null 2>&1 &",
		       (int)getpid(), dir);
	ck_assert_int_eq(system(line), 0); /* NOLINT: paths of ours */
}

struct program *agent_start_list(struct world *world, const char *const *list)
{
	struct program *agent = world_command(world, "overlord-agent", "agent",
					      "--name", "one", "--drain");
	char dir[PROGRAM_PATH_MAX];

	world_path(world, "agent", dir);
	end_with_us(dir);
	program_set(agent, "AGENT_DIR=%s", dir);
	program_set(agent, "AGENT_STEADY_MS=500");
	program_set(agent, "AGENT_READY_MS=%d", PATIENCE_MS);
	for (; *list; list++)
		program_set(agent, "%s", *list);
	program_start(agent);
	return agent;
}

struct program *agent_deploy(struct world *world, const char *service,
			     const char *colour, const char *from,
			     const char *instances)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "overlord-deploy-%s-%s", service,
		       colour);
	return world_command(world, name, "deploy", service, colour, "--from",
			     from ? from : bin(), "--instances", instances,
			     "--force", "--wait", "--execute");
}

const char *agent_broken(const char *variant)
{
	static char path[PROGRAM_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/../broken/%s", bin(), variant);
	return path;
}

int64_t agent_pid(struct world *world, const char *service, const char *colour,
		  int number)
{
	return db_i64(world->db,
		      "SELECT coalesce(max(pid), 0)::bigint FROM "
		      "control.instances WHERE service = '%s' AND colour = "
		      "'%s' AND slot = %d",
		      service, colour, number);
}
