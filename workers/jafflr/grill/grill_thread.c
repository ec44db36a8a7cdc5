/* SPDX-License-Identifier: MIT */
/*
 * Grill thread: commands and answers in mailboxes, the last reading under a
 * mutex. Commands go before readings, and several requests to read may be
 * answered by one reading.
 */
#include "workers/jafflr/grill/grill_thread.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "infra/lib/mailbox.h"
#include "infra/lib/xalloc.h"

/* A plate has one command under way; dropped jobs may leave others. */
#define BOX_MAX (GRILL_PLATES_MAX * 4)
/* Plates that are read before a grill counts as silent as a whole. */
#define SILENT_MAX 3
#define WAIT_MS 1000

struct message {
	struct grill_command command;
	bool is_wake; /* no command: there is something to read */
};

struct grill_thread {
	struct grill_thread_params params;
	pthread_t thread;
	struct mailbox *messages, *answers;
	pthread_mutex_t mutex; /* of the reading */
	uint64_t asked;        /* number of the last request to read */
	uint64_t read;         /* number of the last reading */
	int read_outcome;
	struct grill_report reports[GRILL_PLATES_MAX];
	/* The thread's own. */
	struct grill_report reading[GRILL_PLATES_MAX];
	bool apart; /* one was silent: each plate is read by itself */
};

static void answer(struct grill_thread *thread, uint64_t tag, int outcome)
{
	struct grill_answer answer = { tag, outcome }, oldest;

	/* When the poll thread does not fetch them, the oldest are of no use.
	 * It answers here too, so a place may be gone again at once. */
	while (!mailbox_put(thread->answers, &answer) &&
	       mailbox_get(thread->answers, &oldest, 0))
		continue;
}

static void do_command(struct grill_thread *thread,
		       const struct grill_command *command)
{
	const struct grill_ops *ops = thread->params.ops;
	int r;

	if (command->fence)
		r = ops->fence(thread->params.arg, command->start.plate,
			       command->start.token);
	else
		r = ops->start(thread->params.arg, &command->start);
	answer(thread, command->tag, r < 0 ? GRILL_E_REFUSED : r);
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

static void do_reading(struct grill_thread *thread, uint64_t number)
{
	int outcome = read_all(thread);

	(void)pthread_mutex_lock(&thread->mutex);
	thread->read = number;
	thread->read_outcome = outcome < 0 ? GRILL_E_AWAY : outcome;
	if (!outcome)
		memcpy(thread->reports, thread->reading,
		       (size_t)thread->params.n_plates *
			       sizeof(*thread->reports));
	(void)pthread_mutex_unlock(&thread->mutex);
	loop_wake(thread->params.loop);
}

/* The number of the last request, if it is not answered; else 0. */
static uint64_t request_of(struct grill_thread *thread)
{
	uint64_t number;

	(void)pthread_mutex_lock(&thread->mutex);
	number = thread->asked == thread->read ? 0 : thread->asked;
	(void)pthread_mutex_unlock(&thread->mutex);
	return number;
}

static void *run(void *arg)
{
	struct grill_thread *thread = arg;
	struct message message;

	while (!mailbox_closed(thread->messages)) {
		/* What was sent before this request is in the mailbox. */
		uint64_t request = request_of(thread);

		if (mailbox_get(thread->messages, &message,
				request ? 0 : WAIT_MS)) {
			if (!message.is_wake)
				do_command(thread, &message.command);
		} else if (request) {
			do_reading(thread, request);
		}
	}
	thread->params.ops->close(thread->params.arg);
	return NULL;
}

static void free_boxes(struct grill_thread *thread)
{
	(void)mailbox_free(thread->messages);
	(void)mailbox_free(thread->answers);
	(void)pthread_mutex_destroy(&thread->mutex);
	free(thread);
}

int grill_thread_new(struct grill_thread **ret,
		     const struct grill_thread_params *params)
{
	struct mailbox_params messages = {
		.message_bytes = sizeof(struct message),
		.n_max = BOX_MAX,
	};
	struct mailbox_params answers = {
		.message_bytes = sizeof(struct grill_answer),
		.n_max = BOX_MAX,
		.loop = params->loop,
	};
	struct grill_thread *thread = xcalloc(1, sizeof(*thread));
	int r;

	assert(params->n_plates <= GRILL_PLATES_MAX);
	thread->params = *params;
	(void)pthread_mutex_init(&thread->mutex, NULL);
	r = mailbox_new(&thread->messages, &messages);
	if (!r)
		r = mailbox_new(&thread->answers, &answers);
	if (!r)
		r = -pthread_create(&thread->thread, NULL, run, thread);
	if (r) {
		free_boxes(thread);
		return r;
	}
	*ret = thread;
	return 0;
}

struct grill_thread *grill_thread_free(struct grill_thread *thread)
{
	if (!thread)
		return NULL;
	mailbox_close(thread->messages);
	(void)pthread_join(thread->thread, NULL);
	free_boxes(thread);
	return NULL;
}

void grill_thread_command(struct grill_thread *thread,
			  const struct grill_command *command)
{
	struct message message = { .command = *command };

	if (!mailbox_put(thread->messages, &message))
		answer(thread, command->tag, GRILL_E_AWAY);
}

bool grill_thread_answer(struct grill_thread *thread, struct grill_answer *ret)
{
	return mailbox_get(thread->answers, ret, 0);
}

uint64_t grill_thread_read(struct grill_thread *thread)
{
	struct message wake = { .is_wake = true };
	uint64_t number;

	(void)pthread_mutex_lock(&thread->mutex);
	number = ++thread->asked;
	(void)pthread_mutex_unlock(&thread->mutex);
	/* A full mailbox wakes the thread as well. */
	(void)mailbox_put(thread->messages, &wake);
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
