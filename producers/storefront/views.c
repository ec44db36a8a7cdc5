/* SPDX-License-Identifier: MIT */
/*
 * Views: see views.h. Requests go through two queues under one lock: waiting,
 * which the readers empty, and answered, which the loop's thread empties. A
 * reader takes several at once and sends them in one message. A session that
 * was cut while nobody used it costs one more try, not an error.
 */
#include "producers/storefront/views.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/pg.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/view_sql.h"

enum {
	READERS_MAX = 8,
	AT_ONCE_MAX = 16, /* requests of one message */
	CHECK_EVERY_MS = 1000,
	READY_WITHIN_MS = 5000,
	CONNECT_TIMEOUT_MS = 1000,
	CONNECT_AGAIN_MS = 500,
};

enum kind { KIND_ORDER, KIND_STOCK };

struct request {
	STAILQ_ENTRY(request) link;
	enum kind kind;
	int64_t deadline_at_ms;
	int r;
	void *arg;
	union {
		views_order_fn order_fn;
		views_stock_fn stock_fn;
	};
	struct order order; /* its id is asked for */
	char *stall;
	struct buf json;
};

STAILQ_HEAD(requests, request);

struct reader {
	struct views *views;
	pthread_t thread;
	struct pg *pg;
	int64_t connect_at_ms; /* not before */
};

struct views {
	struct views_params params;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct requests waiting, answered;
	size_t n_waiting;
	bool stopping;
	_Atomic int64_t answered_at_ms;
	atomic_bool away; /* said in the log */
	struct reader readers[READERS_MAX];
	size_t n_readers;
};

/* ---- readers ---- */

static void note_away(struct views *views, const char *why)
{
	if (!atomic_exchange(&views->away, true))
		log_warn("VIEWS-AWAY",
			 "the database cannot be read: %s, will try again",
			 why);
}

static void note_answered(struct views *views)
{
	atomic_store(&views->answered_at_ms, clock_now_ms());
	if (atomic_exchange(&views->away, false))
		log_info("VIEWS-BACK", "the database can be read");
}

static bool connected(struct reader *reader)
{
	const struct views_params *params = &reader->views->params;
	const struct pg_params pg_params = {
		.url = params->url,
		.schema = params->schema,
		.application_name = "storefront",
		.timeout_ms = CONNECT_TIMEOUT_MS,
		.options = "SET default_transaction_read_only = on",
	};
	char error[256];

	if (reader->pg && !pg_lost(reader->pg))
		return true;
	reader->pg = pg_free(reader->pg);
	if (clock_now_ms() < reader->connect_at_ms)
		return false;
	if (pg_connect(&reader->pg, &pg_params, error)) {
		note_away(reader->views, error);
		reader->connect_at_ms = clock_now_ms() + CONNECT_AGAIN_MS;
		return false;
	}
	return true;
}

static void check(struct reader *reader)
{
	int r;

	if (!connected(reader))
		return;
	view_sql_check(reader->pg);
	r = pg_run(reader->pg, reader->views->params.timeout_ms);
	if (r)
		note_away(reader->views, pg_message(reader->pg));
	else
		note_answered(reader->views);
}

/* All of @requests in one message. 0, or what pg_run() says. */
static int ask(struct reader *reader, struct requests *requests)
{
	struct pg_args args[AT_ONCE_MAX] = { 0 };
	int64_t timeout_ms = reader->views->params.timeout_ms;
	struct request *request;
	size_t n = 0;
	int r;

	STAILQ_FOREACH(request, requests, link)
	{
		int left_ms = clock_left_ms(request->deadline_at_ms);

		if (request->kind == KIND_ORDER)
			view_sql_order(reader->pg, &args[n],
				       &request->order.id);
		else
			view_sql_stock(reader->pg, &args[n], request->stall);
		if (left_ms < timeout_ms)
			timeout_ms = left_ms;
		n++;
	}
	r = pg_run(reader->pg, timeout_ms);
	for (size_t i = 0; i < n; i++)
		pg_args_deinit(&args[i]);
	return r;
}

static void take_answers(struct reader *reader, struct requests *requests)
{
	struct request *request;
	int statement = 0;

	STAILQ_FOREACH(request, requests, link)
	{
		request->r = 0;
		if (request->kind == KIND_STOCK)
			view_sql_read_stock(reader->pg, statement,
					    &request->json);
		else if (view_sql_read_order(reader->pg, statement,
					     &request->order))
			request->r = VIEWS_E_NONE;
		statement++;
	}
}

static void serve(struct reader *reader, struct requests *requests)
{
	int r = PG_E_LOST;

	for (int tries = 0; r == PG_E_LOST && tries < 2; tries++)
		if (connected(reader))
			r = ask(reader, requests);
	if (r) {
		note_away(reader->views,
			  reader->pg ? pg_message(reader->pg) : "no session");
		return;
	}
	note_answered(reader->views);
	take_answers(reader, requests);
}

/* Under the lock. Those that are too old stay VIEWS_E_AWAY, unasked. */
static void take_waiting(struct views *views, struct requests *ret)
{
	int64_t now_ms = clock_now_ms();
	struct request *request;
	size_t n = 0;

	while (n < AT_ONCE_MAX && (request = STAILQ_FIRST(&views->waiting))) {
		STAILQ_REMOVE_HEAD(&views->waiting, link);
		views->n_waiting--;
		if (request->deadline_at_ms <= now_ms) {
			STAILQ_INSERT_TAIL(&views->answered, request, link);
			continue;
		}
		STAILQ_INSERT_TAIL(ret, request, link);
		n++;
	}
}

/* Under the lock. True when there is work, false when it is time to check. */
static bool wait_for_work(struct views *views)
{
	struct timespec until;
	int r = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CHECK_EVERY_MS / 1000;
	while (!r && !views->stopping && STAILQ_EMPTY(&views->waiting))
		r = pthread_cond_timedwait(&views->work, &views->lock, &until);
	return !STAILQ_EMPTY(&views->waiting);
}

static void *read_views(void *arg)
{
	struct reader *reader = arg;
	struct views *views = reader->views;

	check(reader);
	(void)pthread_mutex_lock(&views->lock);
	while (!views->stopping) {
		struct requests requests = STAILQ_HEAD_INITIALIZER(requests);
		bool work = wait_for_work(views);

		take_waiting(views, &requests);
		(void)pthread_mutex_unlock(&views->lock);
		if (!STAILQ_EMPTY(&requests))
			serve(reader, &requests);
		else if (!work)
			check(reader);
		(void)pthread_mutex_lock(&views->lock);
		STAILQ_CONCAT(&views->answered, &requests);
		loop_wake(views->params.loop);
	}
	(void)pthread_mutex_unlock(&views->lock);
	reader->pg = pg_free(reader->pg);
	return NULL;
}

/* ---- the loop's side ---- */

int views_new(struct views **ret, const struct views_params *params)
{
	CLEANUP(views_freep) struct views *views = xcalloc(1, sizeof(*views));
	pthread_condattr_t monotonic;
	size_t n = (size_t)params->n_readers;
	int r;

	views->params = *params;
	STAILQ_INIT(&views->waiting);
	STAILQ_INIT(&views->answered);
	(void)pthread_mutex_init(&views->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&views->work, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	for (size_t i = 0; i < n && i < READERS_MAX; i++) {
		struct reader *reader = &views->readers[i];

		reader->views = views;
		r = pthread_create(&reader->thread, NULL, read_views, reader);
		if (r)
			return -r;
		views->n_readers++;
	}
	*ret = views;
	views = NULL;
	return 0;
}

struct views *views_free(struct views *views)
{
	if (!views)
		return NULL;
	(void)pthread_mutex_lock(&views->lock);
	views->stopping = true;
	(void)pthread_cond_broadcast(&views->work);
	(void)pthread_mutex_unlock(&views->lock);
	for (size_t i = 0; i < views->n_readers; i++)
		(void)pthread_join(views->readers[i].thread, NULL);
	STAILQ_CONCAT(&views->answered, &views->waiting);
	views_serve(views);
	(void)pthread_cond_destroy(&views->work);
	(void)pthread_mutex_destroy(&views->lock);
	free(views);
	return NULL;
}

static void enqueue(struct views *views, struct request *request)
{
	request->r = VIEWS_E_AWAY;
	request->deadline_at_ms = clock_now_ms() + views->params.timeout_ms;
	(void)pthread_mutex_lock(&views->lock);
	if ((int64_t)views->n_waiting < views->params.queue_max) {
		STAILQ_INSERT_TAIL(&views->waiting, request, link);
		views->n_waiting++;
		(void)pthread_cond_signal(&views->work);
	} else {
		STAILQ_INSERT_TAIL(&views->answered, request, link);
		loop_wake(views->params.loop);
	}
	(void)pthread_mutex_unlock(&views->lock);
}

void views_order(struct views *views, const struct order_id *id,
		 views_order_fn fn, void *arg)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->kind = KIND_ORDER;
	request->order_fn = fn;
	request->arg = arg;
	order_init(&request->order, id);
	enqueue(views, request);
}

void views_stock(struct views *views, struct text stall, views_stock_fn fn,
		 void *arg)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->kind = KIND_STOCK;
	request->stock_fn = fn;
	request->arg = arg;
	order_set(&request->stall, stall);
	enqueue(views, request);
}

static void hand_over(struct request *request)
{
	if (request->kind == KIND_ORDER)
		request->order_fn(request->arg, request->r,
				  request->r ? NULL : &request->order);
	else
		request->stock_fn(request->arg, request->r, &request->json);
	order_deinit(&request->order);
	free(request->stall);
	buf_deinit(&request->json);
	free(request);
}

void views_serve(struct views *views)
{
	struct requests answered = STAILQ_HEAD_INITIALIZER(answered);
	struct request *request;

	(void)pthread_mutex_lock(&views->lock);
	STAILQ_CONCAT(&answered, &views->answered);
	(void)pthread_mutex_unlock(&views->lock);
	while ((request = STAILQ_FIRST(&answered))) {
		STAILQ_REMOVE_HEAD(&answered, link);
		hand_over(request);
	}
}

bool views_ready(const struct views *views)
{
	int64_t at_ms = atomic_load(&views->answered_at_ms);

	return at_ms && clock_now_ms() - at_ms < READY_WITHIN_MS &&
	       !atomic_load(&views->away);
}
