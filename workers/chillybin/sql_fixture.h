/* SPDX-License-Identifier: MIT */
/*
 * Sql fixture: a worker's session, batch and statements, without the runtime.
 * For *_test.c only.
 */
#ifndef CHILLYBIN_SQL_FIXTURE_H
#define CHILLYBIN_SQL_FIXTURE_H

#include "infra/lib/postgres/postgres_fixture.h"
#include "workers/chillybin/chillybin.h"
#include "workers/chillybin/decide.h"
#include "workers/runtime/database/positions.h"

struct sql_worker {
	struct pg *pg;
	struct batch *batch;
	struct chillybin chillybin; /* of it, the SQL */
	char sqlstate[6];           /* of what it stored last; "" for none */
};

static inline void sql_worker_open(struct sql_worker *worker, const char *url)
{
	worker->pg = postgres_connect(url, "galore");
	worker->batch = batch_new();
	worker->batch->decided_at_ms = INT64_C(1700000000123);
}

static inline void sql_worker_close(struct sql_worker *worker)
{
	worker->pg = pg_free(worker->pg);
	worker->batch = batch_free(worker->batch);
	sql_deinit(&worker->chillybin.sql);
}

/* An input at the next offset; its event's id is @event. */
static inline struct input *sql_worker_add(struct sql_worker *worker,
					   enum input_kind kind,
					   enum event_type type,
					   const char *event)
{
	struct batch *batch = worker->batch;
	struct kafka_record kafka = { .offset = (int64_t)batch->n_records };
	struct record *record = batch_add(batch, NULL, &kafka);
	struct input *input = arena_alloc(&batch->arena, sizeof(*input));

	*input = (struct input){ .kind = kind };
	if (kind != INPUT_ORDER) {
		input->source = TEXT("/test");
		input->event_id = (struct text){
			arena_copy(&batch->arena, event, strlen(event)),
			strlen(event),
		};
	}
	record->type = type;
	record->item = input;
	return input;
}

/* Loads what the mode says, and decides. */
static inline void sql_worker_decide(struct sql_worker *worker,
				     enum batch_mode mode)
{
	worker->batch->mode = mode;
	if (mode == BATCH_LOCKED)
		postgres_exec(worker->pg, "BEGIN");
	if (mode != BATCH_FAST)
		ck_assert_msg(!sql_load(&worker->chillybin, worker->pg,
					worker->batch),
			      "%s", pg_message(worker->pg));
	decide(&worker->chillybin, worker->batch);
}

/* The whole transaction, by arrays; what went wrong is in ->sqlstate. */
static inline void sql_worker_store(struct sql_worker *worker)
{
	struct pg *pg = worker->pg;

	if (worker->batch->mode != BATCH_LOCKED)
		(void)pg_add(pg, &pg_begin, NULL);
	sql_store(&worker->chillybin, pg, worker->batch, false);
	(void)pg_add(pg, &pg_commit, NULL);
	worker->sqlstate[0] = '\0';
	if (!pg_run(pg, POSTGRES_TIMEOUT_MS))
		return;
	(void)str_copy(worker->sqlstate, sizeof(worker->sqlstate),
		       pg_sqlstate(pg));
	(void)pg_exec(pg, "ROLLBACK", POSTGRES_TIMEOUT_MS);
}

#endif
