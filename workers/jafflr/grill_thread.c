/* SPDX-License-Identifier: MIT */
/* Grill thread: two mailboxes under one mutex. */
#include "workers/jafflr/grill_thread.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "infra/lib/xalloc.h"

/* A plate has one command under way; what was dropped may add another. */
#define BOX_MAX (GRILL_PLATES_MAX * 4)
/* Plates that are read before a grill counts as silent as a whole. */
#define SILENT_MAX 3

struct grill_thread {
	struct grill_thread_params params;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	bool leaving;
	struct grill_command commands[BOX_MAX];
	size_t n_commands;
	struct grill_answer answers[BOX_MAX];
	size_t n_answers;
	uint64_t asked; /* number of the last request to read */
	uint64_t read;  /* number of the last reading */
	int read_outcome;
	struct grill_report reports[GRILL_PLATES_MAX];
	/* The thread's own. */
	struct grill_report reading[GRILL_PLATES_MAX];
	bool apart; /* one was silent: each plate is read by itself */
};

static int perform(struct grill_thread *thread,
		   const struct grill_command *command)
{
	const struct grill_ops *ops = thread->params.ops;

	if (command->fence)
		return ops->fence(thread->params.arg, command->start.plate,
				  command->start.token);
	return ops->start(thread->params.arg, &command->start);
}

static void answer(struct grill_thread *thread, uint64_t tag, int outcome)
{
	if (thread->n_answers == BOX_MAX) {
		/* The poll thread does not fetch them: drop the oldest.  */
		memmove(thread->answers, thread->answers + 1,
			(BOX_MAX - 1) * sizeof(*thread->answers));
		thread->n_answers--;
	}
	thread->answers[thread->n_answers++] =
		(struct grill_answer){ tag, outcome };
}

/* Under the mutex, which is released while the grill is spoken to. */
static void do_command(struct grill_thread *thread)
{
	struct grill_command command = thread->commands[0];
	int outcome;

	thread->n_commands--;
	memmove(thread->commands, thread->commands + 1,
		thread->n_commands * sizeof(command));
	(void)pthread_mutex_unlock(&thread->mutex);
	outcome = perform(thread, &command);
	(void)pthread_mutex_lock(&thread->mutex);
	answer(thread, command.tag, outcome < 0 ? GRILL_E_REFUSED : outcome);
}

static int read_plates(struct grill_thread *thread, int first, int n)
{
	return thread->params.ops->read(thread->params.arg, first, n,
					thread->reading + first);
}

/* One silent plate does not hide the others; a silent grill is not read
 * further. */
static int read_apart(struct grill_thread *thread)
{
	int n_read = 0, n_silent = 0, r = 0;

	for (int i = 0; i < thread->params.n_plates; i++) {
		r = read_plates(thread, i, 1);
		if (!r) {
			n_read++;
			continue;
		}
		if (!n_read && ++n_silent == SILENT_MAX)
			break;
		thread->reading[i] =
			(struct grill_report){ .state = GRILL_SILENT };
	}
	thread->apart = n_read && n_read < thread->params.n_plates;
	return n_read ? 0 : r;
}

static int read_all(struct grill_thread *thread)
{
	int n = thread->params.n_plates, r;

	if (thread->apart)
		return read_apart(thread);
	r = read_plates(thread, 0, n);
	/* The next one finds out whether it is all of them. */
	thread->apart = r == GRILL_E_UNKNOWN && n > 1;
	return r;
}

static void do_reading(struct grill_thread *thread)
{
	uint64_t number = thread->asked;
	int outcome;

	(void)pthread_mutex_unlock(&thread->mutex);
	outcome = read_all(thread);
	(void)pthread_mutex_lock(&thread->mutex);
	thread->read = number;
	thread->read_outcome = outcome < 0 ? GRILL_E_AWAY : outcome;
	if (!outcome)
		memcpy(thread->reports, thread->reading,
		       (size_t)thread->params.n_plates *
			       sizeof(*thread->reports));
}

static void *run(void *arg)
{
	struct grill_thread *thread = arg;

	(void)pthread_mutex_lock(&thread->mutex);
	while (!thread->leaving) {
		if (thread->n_commands)
			do_command(thread);
		else if (thread->asked != thread->read)
			do_reading(thread);
		else {
			(void)pthread_cond_wait(&thread->work, &thread->mutex);
			continue;
		}
		loop_wake(thread->params.loop);
	}
	(void)pthread_mutex_unlock(&thread->mutex);
	thread->params.ops->close(thread->params.arg);
	return NULL;
}

int grill_thread_new(struct grill_thread **ret,
		     const struct grill_thread_params *params)
{
	struct grill_thread *thread = xcalloc(1, sizeof(*thread));
	int r;

	assert(params->n_plates <= GRILL_PLATES_MAX);
	thread->params = *params;
	(void)pthread_mutex_init(&thread->mutex, NULL);
	(void)pthread_cond_init(&thread->work, NULL);
	r = pthread_create(&thread->thread, NULL, run, thread);
	if (r) {
		free(thread);
		return -r;
	}
	*ret = thread;
	return 0;
}

struct grill_thread *grill_thread_free(struct grill_thread *thread)
{
	if (!thread)
		return NULL;
	(void)pthread_mutex_lock(&thread->mutex);
	thread->leaving = true;
	(void)pthread_cond_signal(&thread->work);
	(void)pthread_mutex_unlock(&thread->mutex);
	(void)pthread_join(thread->thread, NULL);
	(void)pthread_cond_destroy(&thread->work);
	(void)pthread_mutex_destroy(&thread->mutex);
	free(thread);
	return NULL;
}

void grill_thread_command(struct grill_thread *thread,
			  const struct grill_command *command)
{
	(void)pthread_mutex_lock(&thread->mutex);
	if (thread->n_commands < BOX_MAX)
		thread->commands[thread->n_commands++] = *command;
	else
		answer(thread, command->tag, GRILL_E_AWAY);
	(void)pthread_cond_signal(&thread->work);
	(void)pthread_mutex_unlock(&thread->mutex);
}

bool grill_thread_answer(struct grill_thread *thread, struct grill_answer *ret)
{
	bool any;

	(void)pthread_mutex_lock(&thread->mutex);
	any = thread->n_answers > 0;
	if (any) {
		*ret = thread->answers[0];
		thread->n_answers--;
		memmove(thread->answers, thread->answers + 1,
			thread->n_answers * sizeof(*thread->answers));
	}
	(void)pthread_mutex_unlock(&thread->mutex);
	return any;
}

uint64_t grill_thread_read(struct grill_thread *thread)
{
	uint64_t number;

	(void)pthread_mutex_lock(&thread->mutex);
	number = ++thread->asked;
	(void)pthread_cond_signal(&thread->work);
	(void)pthread_mutex_unlock(&thread->mutex);
	return number;
}

bool grill_thread_reading(struct grill_thread *thread, uint64_t after,
			  struct grill_report *ret, uint64_t *ret_number,
			  int *ret_outcome)
{
	bool newer;

	(void)pthread_mutex_lock(&thread->mutex);
	newer = thread->read > after;
	if (newer) {
		*ret_number = thread->read;
		*ret_outcome = thread->read_outcome;
	}
	if (newer && !thread->read_outcome)
		memcpy(ret, thread->reports,
		       (size_t)thread->params.n_plates * sizeof(*ret));
	(void)pthread_mutex_unlock(&thread->mutex);
	return newer;
}
