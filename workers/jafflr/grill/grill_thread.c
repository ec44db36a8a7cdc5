/* SPDX-License-Identifier: MIT */
/*
 * Grill thread: commands and answers in mailboxes, the last reading under a
 * mutex. Commands go before readings, and several requests to read may be
 * answered by one reading: of the plates that were asked for, those that stand
 * together by one request to the grill. While one plate is silent, all are
 * read, each by itself.
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
	uint64_t begun;        /* the last request that the thread knows of */
	bool asked_for[GRILL_PLATES_MAX];
	uint64_t read; /* number of the last reading */
	int read_outcome;
	struct grill_report reports[GRILL_PLATES_MAX];
	/* The thread's own. */
	struct grill_report reading[GRILL_PLATES_MAX];
	bool wanted[GRILL_PLATES_MAX];
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
	int r = thread->params.ops->read(thread->params.arg, first, n,
					 thread->reading + first);

	for (int i = first; !r && i < first + n; i++)
		thread->reading[i].reading = thread->begun;
	return r;
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
		thread->reading[i] = (struct grill_report){
			.state = GRILL_SILENT,
			.reading = thread->begun,
		};
	}
	thread->apart = n_read && n_read < thread->params.n_plates;
	return n_read ? 0 : r;
}

/* From the first wanted plate on, up to the last one that still fits: 0 when
 * there is none. */
static int next_group(const struct grill_thread *thread, int *first)
{
	int n = 0;

	while (*first < thread->params.n_plates && !thread->wanted[*first])
		(*first)++;
	for (int i = *first;
	     i < thread->params.n_plates && i - *first < GRILL_PLATES_A_READ;
	     i++)
		if (thread->wanted[i])
			n = i - *first + 1;
	return n;
}

static int read_wanted(struct grill_thread *thread)
{
	int r = 0, n;

	if (thread->apart)
		return read_apart(thread);
	for (int i = 0; !r && (n = next_group(thread, &i)); i += n)
		r = read_plates(thread, i, n);
	/* The next one finds out whether it is all of them. */
	thread->apart = r == GRILL_E_UNKNOWN && thread->params.n_plates > 1;
	return r;
}

static void do_reading(struct grill_thread *thread)
{
	int outcome = read_wanted(thread);

	memset(thread->wanted, 0, sizeof(thread->wanted));
	(void)pthread_mutex_lock(&thread->mutex);
	thread->read = thread->begun;
	thread->read_outcome = outcome < 0 ? GRILL_E_AWAY : outcome;
	for (int i = 0; !outcome && i < thread->params.n_plates; i++)
		/* Not what an earlier reading left that failed half-way. */
		if (thread->reading[i].reading == thread->begun)
			thread->reports[i] = thread->reading[i];
	(void)pthread_mutex_unlock(&thread->mutex);
	loop_wake(thread->params.loop);
}

/* Has anything been asked for that is not answered? */
static bool any_request(struct grill_thread *thread)
{
	(void)pthread_mutex_lock(&thread->mutex);
	thread->begun = thread->asked;
	for (int i = 0; i < thread->params.n_plates; i++)
		thread->wanted[i] |= thread->asked_for[i];
	memset(thread->asked_for, 0, sizeof(thread->asked_for));
	(void)pthread_mutex_unlock(&thread->mutex);
	return thread->begun != thread->read;
}

static void *run(void *arg)
{
	struct grill_thread *thread = arg;
	struct message message;

	while (!mailbox_closed(thread->messages)) {
		/* Commands that the poll thread sent before are in the mailbox.
		 */
		bool asked = any_request(thread);

		if (mailbox_get(thread->messages, &message,
				asked ? 0 : WAIT_MS)) {
			if (!message.is_wake)
				do_command(thread, &message.command);
		} else if (asked) {
			do_reading(thread);
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

static uint64_t ask(struct grill_thread *thread, int first, int n)
{
	struct message wake = { .is_wake = true };
	uint64_t number;
	bool sleeps;

	(void)pthread_mutex_lock(&thread->mutex);
	sleeps = thread->begun == thread->asked;
	number = ++thread->asked;
	for (int i = first; i < first + n; i++)
		thread->asked_for[i] = true;
	(void)pthread_mutex_unlock(&thread->mutex);
	/* A full mailbox wakes the thread as well. */
	if (sleeps)
		(void)mailbox_put(thread->messages, &wake);
	return number;
}

uint64_t grill_thread_read(struct grill_thread *thread, int plate)
{
	assert(plate >= 0 && plate < thread->params.n_plates);
	return ask(thread, plate, 1);
}

uint64_t grill_thread_read_all(struct grill_thread *thread)
{
	return ask(thread, 0, thread->params.n_plates);
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
