/* SPDX-License-Identifier: MIT */
/*
 * Grill thread fake: grill_thread.h without a thread. A command is done, and a
 * reading is made, when what came of it is asked for, so that a test's turns
 * are all that happens. For tests; linked in place of grill_thread.c
 * (infra/dev/fakes.mk).
 */
#include "workers/jafflr/grill/grill_thread.h"

#include <assert.h>
#include <string.h>

#include "infra/lib/xalloc.h"

enum { COMMANDS_MAX = 1024 };

struct grill_thread {
	struct grill_thread_params params;
	struct grill_command commands[COMMANDS_MAX];
	size_t n_commands;
	uint64_t asked, read;
	int outcome;
	struct grill_report reports[GRILL_PLATES_MAX];
};

int grill_thread_new(struct grill_thread **ret,
		     const struct grill_thread_params *params)
{
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->params = *params;
	return 0;
}

struct grill_thread *grill_thread_free(struct grill_thread *thread)
{
	if (thread)
		thread->params.ops->close(thread->params.arg);
	free(thread);
	return NULL;
}

void grill_thread_command(struct grill_thread *thread,
			  const struct grill_command *command)
{
	assert(thread->n_commands < COMMANDS_MAX);
	thread->commands[thread->n_commands++] = *command;
}

bool grill_thread_answer(struct grill_thread *thread, struct grill_answer *ret)
{
	const struct grill_thread_params *params = &thread->params;
	struct grill_command command = thread->commands[0];
	int r;

	if (!thread->n_commands)
		return false;
	thread->n_commands--;
	memmove(thread->commands, thread->commands + 1,
		thread->n_commands * sizeof(command));
	r = command.fence ? params->ops->fence(params->arg, command.start.plate,
					       command.start.token)
			  : params->ops->start(params->arg, &command.start);
	*ret = (struct grill_answer){ command.tag,
				      r < 0 ? GRILL_E_REFUSED : r };
	return true;
}

uint64_t grill_thread_read(struct grill_thread *thread, int plate)
{
	(void)plate;
	return grill_thread_read_all(thread);
}

uint64_t grill_thread_read_all(struct grill_thread *thread)
{
	return ++thread->asked;
}

bool grill_thread_reading(struct grill_thread *thread, uint64_t after,
			  struct grill_report *ret, uint64_t *ret_number,
			  int *ret_outcome)
{
	const struct grill_thread_params *params = &thread->params;

	if (thread->read != thread->asked) {
		thread->read = thread->asked;
		thread->outcome = params->ops->read(
			params->arg, 0, params->n_plates, thread->reports);
		for (int i = 0; i < params->n_plates; i++)
			thread->reports[i].reading = thread->read;
	}
	if (thread->read <= after)
		return false;
	*ret_number = thread->read;
	*ret_outcome = thread->outcome;
	if (!thread->outcome)
		memcpy(ret, thread->reports,
		       (size_t)params->n_plates * sizeof(*ret));
	return true;
}
