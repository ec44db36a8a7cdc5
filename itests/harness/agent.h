/* SPDX-License-Identifier: MIT */
/*
 * Agent: workers of a world that `overlord agent` keeps, in place of the test.
 */
#ifndef HARNESS_AGENT_H
#define HARNESS_AGENT_H

#include "itests/harness/world.h"

/*
 * Starts an agent, which stops its workers when it is asked to leave, and
 * whose workers end at the latest with the test's process. The settings,
 * "NAME=value" and then NULL, are the workers', too.
 */
#define agent_start(world, ...)                                                \
	agent_start_list((world), (const char *const[]){ __VA_ARGS__, NULL })
struct program *agent_start_list(struct world *world, const char *const *list);

/* `overlord deploy --wait`, not started; @from NULL: the programs under test.
 */
struct program *agent_deploy(struct world *world, const char *service,
			     const char *colour, const char *from,
			     const char *instances);
/* The folder of a worker that does something wrong, itests/broken/. */
const char *agent_broken(const char *variant);

/* The process of an instance, 0: none. */
int64_t agent_pid(struct world *world, const char *service, const char *colour,
		  int number);

#endif
