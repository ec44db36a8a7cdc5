/* SPDX-License-Identifier: MIT */
/*
 * Jafflr: makes picks into toasties. This file only wires intake and scheduler
 * to the runtime.
 */
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/counters.h"
#include "infra/lib/version.h"
#include "infra/lib/xalloc.h"
#include "schemas/pick.h"
#include "workers/jafflr/intake.h"
#include "workers/jafflr/scheduler.h"
#include "workers/jafflr/sql.h"
#include "workers/jafflr/survey.h"
#include "workers/runtime/worker.h"

#define SCHEMA_VERSION 6
#define CONTROL_VERSION 5

struct conf {
	struct runtime_conf runtime;
	/* clang-format off */
#include "infra/lib/conf_fields.h"
#include "workers/jafflr/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

struct jafflr {
	struct conf conf;
	/* The database thread's. */
	struct intake_rows rows;
	struct sql sql;
	struct survey read; /* is being read */
	/* The poll thread's. */
	struct survey shown;
	struct pick_room *room;
	struct scheduler scheduler;
};

/* clang-format off */
static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct runtime_conf
#include "infra/lib/conf_rows.h"
#include "workers/runtime/conf.def"
#include "infra/lib/conf_end.h"
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"
#include "workers/jafflr/conf.def"
#include "infra/lib/conf_end.h"
};
/* clang-format on */

_Static_assert(offsetof(struct conf, runtime) == 0,
	       "rows of the runtime count from its beginning");

static const struct conf_table conf_table = {
	.program = "jafflr",
	.sentence = "consumes picks and runs grills",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(*conf_rows),
};

/* ---- intake ---- */

static int decode(void *arg, struct batch *batch, struct record *record,
		  struct schema_fault *fault)
{
	const struct jafflr *jafflr = arg;

	return intake_decode(jafflr->room, batch, record, fault);
}

static int load(void *arg, struct pg *pg, struct batch *batch)
{
	struct jafflr *jafflr = arg;

	return sql_load(&jafflr->sql, pg, batch, &jafflr->rows);
}

static void decide(void *arg, struct batch *batch)
{
	struct jafflr *jafflr = arg;

	if (batch->mode == BATCH_FAST)
		table_reset(&jafflr->rows.table);
	intake_decide(batch, &jafflr->rows);
}

static void store(void *arg, struct pg *pg, const struct batch *batch,
		  bool copied)
{
	struct jafflr *jafflr = arg;

	(void)copied;
	sql_store(&jafflr->sql, pg, batch);
}

/* A toastie's facts come from its row and not from a record. */
static void facts(void *arg, const struct batch *batch,
		  const struct record *record, struct publisher *publisher)
{
	const struct intake *intake = intake_of(record);
	struct jafflr *jafflr = arg;

	(void)batch;
	if (!record->decided && intake->changed &&
	    intake->row->changed_by == (size_t)(record - batch->records) + 1)
		scheduler_new_row(&jafflr->scheduler, intake->row, publisher);
}

/* ---- what /metrics shows ---- */

static int survey(void *arg, struct pg *pg)
{
	struct jafflr *jafflr = arg;

	return survey_read(&jafflr->read, pg);
}

static void surveyed(void *arg)
{
	struct jafflr *jafflr = arg;
	struct survey shown = jafflr->shown;

	jafflr->shown = jafflr->read;
	jafflr->read = shown;
}

static void collect(void *arg, struct buf *out)
{
	const struct jafflr *jafflr = arg;

	survey_text(&jafflr->shown, out);
	grills_text(&jafflr->scheduler.grills, clock_now_ms(), out);
	ends_text(&jafflr->scheduler.ends, out);
}

/* ---- the scheduler ---- */

static int task_open(void *arg, struct loop *loop)
{
	struct jafflr *jafflr = arg;
	const struct conf *conf = &jafflr->conf;
	struct scheduler_params params = {
		.queue_max = conf->queue_max,
		.poll_ms = conf->poll_ms,
		.patience_ms = conf->patience_ms,
		.tries_max = conf->tries_max,
		.connect_ms = conf->connect_ms,
		.answer_ms = conf->answer_ms,
	};

	counters_collect(collect, jafflr);
	return scheduler_open(&jafflr->scheduler, &params, loop);
}

static void task_close(void *arg)
{
	struct jafflr *jafflr = arg;

	scheduler_close(&jafflr->scheduler);
}

static void task_turn(void *arg, int64_t now_ms)
{
	struct jafflr *jafflr = arg;

	scheduler_turn(&jafflr->scheduler, now_ms);
}

static bool task_wanted(void *arg, int64_t now_ms)
{
	struct jafflr *jafflr = arg;

	return scheduler_wanted(&jafflr->scheduler, now_ms);
}

static void task_begin(void *arg)
{
	struct jafflr *jafflr = arg;

	scheduler_begin(&jafflr->scheduler);
}

static int task_run(void *arg, struct pg *pg,
		    const struct worker_assignments *held)
{
	struct jafflr *jafflr = arg;

	struct scheduler_tx *tx = jafflr->scheduler.running;
	int r = sql_read(&jafflr->sql, pg, held, tx);

	if (r)
		return r;
	scheduler_tx_choose(tx);
	return sql_write(&jafflr->sql, pg, held, tx);
}

static void task_done(void *arg, int r, struct publisher *publisher)
{
	struct jafflr *jafflr = arg;

	scheduler_done(&jafflr->scheduler, r, publisher);
}

static void task_delivered(void *arg, uint64_t token)
{
	struct jafflr *jafflr = arg;

	scheduler_delivered(&jafflr->scheduler, token);
}

static void task_changed(void *arg)
{
	struct jafflr *jafflr = arg;

	scheduler_changed(&jafflr->scheduler);
}

static bool task_enough(void *arg)
{
	const struct jafflr *jafflr = arg;

	return scheduler_enough(&jafflr->scheduler);
}

static const struct worker_task task = {
	.open = task_open,
	.close = task_close,
	.turn = task_turn,
	.wanted = task_wanted,
	.begin = task_begin,
	.run = task_run,
	.done = task_done,
	.delivered = task_delivered,
	.changed = task_changed,
	.enough = task_enough,
};

static const enum topic_id topics[] = { TOPIC_PICKS };

static const struct worker_ops ops = {
	.service = "jafflr",
	.topics = topics,
	.n_topics = sizeof(topics) / sizeof(*topics),
	.schema_version = SCHEMA_VERSION,
	.control_version = CONTROL_VERSION,
	.decode = decode,
	.load = load,
	.decide = decide,
	.store = store,
	.facts = facts,
	.task = &task,
	.survey = survey,
	.surveyed = surveyed,
};

int main(int argc, char **argv)
{
	struct jafflr jafflr = { 0 };
	int r;

	if (conf_arguments(&conf_table, version_of_build, argc, argv, &r))
		return r;
	if (conf_load(&conf_table, &jafflr.conf))
		return 2;
	jafflr.room = xmalloc(sizeof(*jafflr.room));
	r = worker_run(&ops, &jafflr, &jafflr.conf.runtime);
	table_deinit(&jafflr.rows.table);
	sql_deinit(&jafflr.sql);
	survey_deinit(&jafflr.read);
	survey_deinit(&jafflr.shown);
	free(jafflr.room);
	return r ? 1 : 0;
}
