/* SPDX-License-Identifier: MIT */
/* Watch: see watch.h. What the thread has seen is under a lock. */
#include "itests/harness/watch.h"

#include <check.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>

#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/http.h"

#define LOOK_EVERY_MS 20
#define ANSWER_MS 5000

struct watch {
	const struct program *program;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	bool over;
	int64_t n_looks, n_unready;
	char reason[256]; /* the first one */
};

/* @answer NULL: none came in time. */
static void take_answer(struct watch *watch, const struct http_answer *answer)
{
	const char *said = answer ? answer->body.p : "no answer";

	watch->n_looks++;
	if (answer && answer->status == 200)
		return;
	if (!watch->n_unready++)
		(void)str_n_copy(watch->reason, sizeof(watch->reason), said,
				 strcspn(said, "\r\n"));
}

static void *look(void *arg)
{
	struct watch *watch = arg;
	struct http_answer answer;
	bool over = false;

	while (!over) {
		int r = http_get(&answer, watch->port, "/readyz", ANSWER_MS);

		(void)pthread_mutex_lock(&watch->lock);
		take_answer(watch, r ? NULL : &answer);
		(void)pthread_mutex_unlock(&watch->lock);
		if (!r)
			http_answer_deinit(&answer);
		(void)poll(NULL, 0, LOOK_EVERY_MS);
		(void)pthread_mutex_lock(&watch->lock);
		over = watch->over;
		(void)pthread_mutex_unlock(&watch->lock);
	}
	return NULL;
}

struct watch *watch_new(const struct program *program)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));

	watch->program = program;
	watch->port = program_port(program);
	ck_assert(watch->port);
	ck_assert(!pthread_mutex_init(&watch->lock, NULL));
	ck_assert(!pthread_create(&watch->thread, NULL, look, watch));
	return watch;
}

struct watch *watch_free(struct watch *watch)
{
	if (!watch)
		return NULL;
	(void)pthread_mutex_lock(&watch->lock);
	watch->over = true;
	(void)pthread_mutex_unlock(&watch->lock);
	(void)pthread_join(watch->thread, NULL);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
	return NULL;
}

void watch_expect_ready(struct watch *watch)
{
	int64_t n_looks, n_unready;
	char reason[256];

	(void)pthread_mutex_lock(&watch->lock);
	n_looks = watch->n_looks;
	n_unready = watch->n_unready;
	memcpy(reason, watch->reason, sizeof(reason));
	(void)pthread_mutex_unlock(&watch->lock);
	ck_assert_int_gt(n_looks, 0);
	ck_assert_msg(!n_unready,
		      "%s was not ready %" PRId64 " of %" PRId64
		      " times, first: '%s', its log is '%s'",
		      watch->program->name, n_unready, n_looks, reason,
		      watch->program->log);
}
