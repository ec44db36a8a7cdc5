/* SPDX-License-Identifier: MIT */
/*
 * Engine: which job the database thread gets next, and what follows from its
 * end. Jobs are not run; the test says what came of them.
 *
 * One turn at a time: the client says that it cannot go on, and so
 * worker_run() returns when it has chosen once.
 */
#include "workers/runtime/batches/batches_fixture.h"
#include "workers/runtime/database/work_fake.h"
#include "workers/runtime/engine/engine.h"

static struct engine *engine;
static bool task_wanted, survey_was_shown;
static size_t facts_waiting; /* when a record's have gone out */
static size_t n_facts;       /* records whose facts have gone out */

/* ---- in place of engine_open.c ---- */

int engine_open(struct engine **ret, const struct worker_ops *ops, void *arg,
		const struct runtime_conf *conf)
{
	(void)ops;
	(void)arg;
	(void)conf;
	*ret = engine;
	return 0;
}

void engine_close(struct engine *closed)
{
	(void)closed;
}

const char *engine_not_ready(void *asked)
{
	(void)asked;
	return NULL;
}

/* ---- a worker with a task and a survey ---- */

static void task_turn(void *arg, int64_t now_ms)
{
	(void)arg;
	(void)now_ms;
}

static bool is_task_wanted(void *arg, int64_t now_ms)
{
	(void)arg;
	(void)now_ms;
	return task_wanted;
}

static void task_done(void *arg, int r, struct publisher *to)
{
	(void)arg;
	(void)r;
	(void)to;
}

static void nothing(void *arg)
{
	(void)arg;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static int survey(void *arg, struct pg *pg)
{
	(void)arg;
	(void)pg;
	return 0;
}

static void surveyed(void *arg)
{
	(void)arg;
	survey_was_shown = true;
}

static void facts(void *arg, const struct batch *batch,
		  const struct record *record, struct publisher *to)
{
	(void)arg;
	(void)batch;
	(void)record;
	publish_fake_wait(to, facts_waiting, 0);
	n_facts++;
}

static const struct worker_task task = {
	.turn = task_turn,
	.wanted = is_task_wanted,
	.begin = nothing,
	.done = task_done,
	.changed = nothing,
	.enough = never,
};

static const struct worker_ops ops = {
	.decode = decode_any,
	.facts = facts,
	.task = &task,
	.survey = survey,
	.surveyed = surveyed,
};

static const struct runtime_conf no_conf;
static const int64_t far_ms = INT64_MAX / 2;

static void setup(void)
{
	fixture_setup_of(&ops, &usual_budget);
	engine = xcalloc(1, sizeof(*engine));
	engine->ops = &ops;
	engine->conf = &no_conf;
	engine->budget = usual_budget;
	engine->in = in;
	engine->assignments = assignments;
	engine->batches = batches;
	engine->publisher = publisher;
	engine->args = xcalloc(1, sizeof(*engine->args));
	ck_assert_int_eq(work_new(&engine->work, NULL), 0);
	engine->connected = assignments->joined = true;
	/* Nothing is due. */
	engine->refresh_at_ms = engine->heartbeat_at_ms = far_ms;
	engine->survey_at_ms = engine->mirror_at_ms = far_ms;
	assignments->topics_at_ms = far_ms;
	in->fatal = true;
	task_wanted = survey_was_shown = false;
	facts_waiting = n_facts = 0;
	assignments_turn(assignments);
}

static void teardown(void)
{
	engine->work = work_free(engine->work);
	buf_deinit(&engine->args->heartbeat.troubles);
	free(engine->args);
	free(engine);
	fixture_teardown();
}

/* One turn: the job in hand ends, and the next one is chosen. */
static enum db_job next_job(void)
{
	engine->over = false;
	(void)worker_run(engine->ops, NULL, engine->conf);
	return engine->job;
}

static void expect_next(enum db_job job)
{
	ck_assert_int_eq(next_job(), job);
}

/* What comes next when the job in hand ends like that. */
static void expect_after(int answer, enum db_job job)
{
	engine->work->answer = answer;
	(void)str_copy(engine->args->error, sizeof(engine->args->error),
		       "no can do");
	expect_next(job);
	engine->work->answer = 0;
}

static void pause_is_over(void)
{
	ck_assert(engine->backoff.on);
	backoff_retry(&engine->backoff);
}

/* What the database says of the rows: all is as we believe. */
static void rows_are_ours(void)
{
	struct positions *positions = &engine->args->positions;

	positions->n_rows = 0;
	positions->lanes.n_lanes = assignments->lanes.n_lanes;
	for (size_t i = 0; i < 2 * TOPIC_PARTITIONS; i++) {
		const struct assignment *assignment = &assignments->all[i];
		const struct lane_position *row = &assignment->lanes[0];

		positions->rows[positions->n_rows++] = (struct position){
			.topic = assignment->topic,
			.partition = assignment->partition,
			.next_offset = row->next_offset,
			.emitted_offset = FIRST,
			.epoch = row->epoch,
		};
	}
}

/* ---- what goes first ---- */

/* So long has emitted_offset of partition 3 been behind. */
static void fall_behind(int64_t ms)
{
	assignment_at(3)->decided = FIRST + 5;
	assignment_at(3)->written_at_ms = clock_now_ms() - ms;
}

/* A record of partition 4 comes and is read. */
static void read_at(int64_t offset)
{
	come(4, offset);
	batches_read(batches);
}

/* By urgency. */
enum need {
	SESSION,
	HEARTBEAT,
	DOUBT,
	PARTITION,
	REFRESH,
	EMIT_LATE,
	SURVEY_LATE,
	TASK_TURN,
	BATCH,
	TASK,
	EMIT_SOON,
	SURVEY,
	N_NEEDS
};

static const enum db_job job_for[] = {
	[SESSION] = DB_JOB_CONNECT,    [HEARTBEAT] = DB_JOB_HEARTBEAT,
	[DOUBT] = DB_JOB_REFRESH,      [PARTITION] = DB_JOB_ACQUIRE,
	[REFRESH] = DB_JOB_REFRESH,    [EMIT_LATE] = DB_JOB_EMIT,
	[SURVEY_LATE] = DB_JOB_SURVEY, [TASK_TURN] = DB_JOB_TASK,
	[BATCH] = DB_JOB_BATCH,        [TASK] = DB_JOB_TASK,
	[EMIT_SOON] = DB_JOB_EMIT,     [SURVEY] = DB_JOB_SURVEY,
};

static void need(enum need what)
{
	engine->connected = engine->connected && what != SESSION;
	engine->refresh_now = engine->refresh_now || what == DOUBT;
	task_wanted = task_wanted || what == TASK || what == TASK_TURN;
	engine->task_turn = engine->task_turn || what == TASK_TURN;
	if (what == HEARTBEAT)
		engine->heartbeat_at_ms = 0;
	if (what == PARTITION)
		assignments_doubt(assignments, assignment_at(11), false);
	if (what == REFRESH)
		engine->refresh_at_ms = 0;
	if (what == EMIT_LATE || what == EMIT_SOON)
		fall_behind(what == EMIT_LATE ? 1000 : 60);
	if (what == SURVEY_LATE || what == SURVEY)
		engine->survey_at_ms =
			clock_now_ms() - (what == SURVEY_LATE ? 6000 : 0);
	if (what == BATCH)
		read_at(FIRST);
}

START_TEST(the_most_urgent_of_all_that_is_due_goes_first)
	{
		/* Of two that set the same, the more urgent one counts. */
		for (int i = N_NEEDS; i-- > _i;)
			need((enum need)i);
		expect_next(job_for[_i]);
	}
END_TEST

START_TEST(at_most_one_job_is_in_hand_at_a_time)
	{
		expect_next(DB_JOB_NONE);
		need(DOUBT);
		expect_next(DB_JOB_REFRESH);
		need(BATCH);
		engine->work->hangs = true;
		expect_next(DB_JOB_REFRESH);
		ck_assert_uint_eq(batches->open->n_records, 1);
	}
END_TEST

START_TEST(under_load_a_task_and_what_waits_get_their_turns)
	{
		static const enum db_job jobs[] = {
			DB_JOB_BATCH, DB_JOB_TASK,  DB_JOB_BATCH, DB_JOB_EMIT,
			DB_JOB_TASK,  DB_JOB_BATCH, DB_JOB_TASK,  DB_JOB_BATCH
		};

		task_wanted = true;
		for (int i = 0; i < CHECK_N(jobs); i++) {
			if (i == 3)
				fall_behind(1000);
			read_at(FIRST + i);
			expect_next(jobs[i]);
		}
		ck_assert_int_eq(assignment_at(3)->written, FIRST + 5);
	}
END_TEST

START_TEST(a_survey_is_shown_when_it_went_well)
	{
		need(SURVEY);
		expect_next(DB_JOB_SURVEY);
		expect_after(SESSION_E_BACKOFF, DB_JOB_NONE);
		ck_assert(!survey_was_shown && !engine->backoff.on);
		need(SURVEY);
		expect_next(DB_JOB_SURVEY);
		expect_next(DB_JOB_NONE);
		ck_assert(survey_was_shown);
	}
END_TEST

/* ---- what stops it ---- */

START_TEST(a_worker_that_backs_off_does_nothing_but_say_so)
	{
		for (int i = HEARTBEAT; i < N_NEEDS; i++)
			need((enum need)i);
		(void)backoff_begin(&engine->backoff, "away", far_ms);
		expect_next(DB_JOB_HEARTBEAT);
		expect_next(DB_JOB_NONE);
		pause_is_over();
		expect_next(DB_JOB_REFRESH);
	}
END_TEST

START_TEST(nothing_is_taken_over_before_membership_is_confirmed)
	{
		assignments_doubt(assignments, assignment_at(11), true);
		in->commit_answer = KAFKA_IN_E_NOT_MEMBER;
		expect_next(DB_JOB_NONE);
		ck_assert(engine->backoff.on);
		ck_assert(!client_at(3)->reading);
		in->commit_answer = 0;
		pause_is_over();
		expect_next(DB_JOB_ACQUIRE);
		ck_assert_int_eq(client_at(11)->committed, FIRST);
		ck_assert_uint_eq(engine->args->n_keys, 1);
		ck_assert_int_eq(engine->args->keys[0].partition, 11);
	}
END_TEST

START_TEST(a_row_with_another_holder_is_taken_back_only_by_a_member)
	{
		need(REFRESH);
		expect_next(DB_JOB_REFRESH);
		rows_are_ours();
		engine->args->positions.rows[3].epoch++;
		in->commit_answer = KAFKA_IN_E_NOT_MEMBER;
		expect_next(DB_JOB_NONE);
		ck_assert_int_eq(assignment_at(3)->state, ASSIGNMENT_ACQUIRING);
		in->commit_answer = 0;
		pause_is_over();
		expect_next(DB_JOB_ACQUIRE);
		ck_assert_uint_eq(engine->args->n_keys, 1);
	}
END_TEST

START_TEST(a_partition_whose_lanes_are_level_is_taken_over_with_nothing_in_hand)
	{
		struct assignment *other =
			catch_up_of(assignments, assignment_at(4));

		*other = *assignment_at(4);
		other->catching_up = true;
		other->state = ASSIGNMENT_ACQUIRED;
		come(4, FIRST);
		come(5, FIRST);
		expect_next(DB_JOB_NONE);
		ck_assert_uint_eq(batches->open->n_records, 1);
		ck_assert_int_eq(batches->open->records[0].kafka.partition, 5);
		expect_next(DB_JOB_ACQUIRE);
		ck_assert_uint_eq(engine->args->n_keys, 1);
		ck_assert_int_eq(engine->args->keys[0].partition, 4);
	}
END_TEST

START_TEST(no_batch_is_committed_while_facts_are_above_the_bound)
	{
		size_t most = engine->budget.facts_max;

		need(BATCH);
		publish_fake_wait(publisher, most + 1, 0);
		expect_next(DB_JOB_NONE);
		publish_fake_wait(publisher, most, 0);
		facts_waiting = most;
		expect_next(DB_JOB_BATCH);
	}
END_TEST

/* How many facts wait, one after the other, and whether it reads then. */
static const struct {
	size_t n;
	bool for_long, reading;
} waits[] = {
	{ 1001, false, true }, { 1001, true, false }, { 1000, false, false },
	{ 500, false, true },  { 1001, false, true }, /* begins anew */
};

START_TEST(facts_that_wait_for_long_pause_reading_until_half_of_them_are_out)
	{
		for (int i = 0; i < CHECK_N(waits); i++) {
			publish_fake_wait(publisher, waits[i].n, 0);
			if (waits[i].for_long) {
				ck_assert_int_gt(engine->full_since_ms, 0);
				engine->full_since_ms -= 1000;
			}
			(void)next_job();
			(void)next_job();
			ck_assert_int_eq(client_at(3)->reading,
					 waits[i].reading);
		}
	}
END_TEST

START_TEST(a_second_after_the_last_batch_free_memory_is_given_back)
	{
		need(BATCH);
		expect_next(DB_JOB_BATCH);
		ck_assert_int_gt(engine->busy_at_ms, 0);
		(void)next_job();
		ck_assert_int_gt(engine->busy_at_ms, 0);
		engine->busy_at_ms -= 2000;
		(void)next_job();
		ck_assert_int_eq(engine->busy_at_ms, 0);
	}
END_TEST

START_TEST(a_committed_batch_waits_for_the_facts_of_the_one_before_it)
	{
		need(BATCH);
		read_at(FIRST + 1);
		expect_next(DB_JOB_BATCH);
		read_at(FIRST + 2);
		/* The first ends, and its second record's facts must wait. */
		facts_waiting = engine->budget.facts_max + 1;
		expect_next(DB_JOB_BATCH);
		ck_assert_uint_eq(batches->n_published, 1);
		/* The second ends, too, and other jobs go on. */
		read_at(FIRST + 3);
		expect_next(DB_JOB_NONE);
		ck_assert(batches->committed);
		ck_assert_int_eq(assignment_at(4)->lanes[0].next_offset,
				 FIRST + 3);
		ck_assert_uint_eq(batches->publishing->n_records, 2);
		engine->heartbeat_at_ms = 0;
		expect_next(DB_JOB_HEARTBEAT);
		publish_fake_wait(publisher, 0, 0);
		facts_waiting = 0;
		(void)next_job();
		ck_assert(batch_empty(batches->publishing));
		ck_assert(!batches->committed);
		expect_next(DB_JOB_BATCH);
	}
END_TEST

START_TEST(what_is_given_away_has_all_its_facts_published_first)
	{
		need(BATCH);
		read_at(FIRST + 1);
		facts_waiting = engine->budget.facts_max + 1;
		expect_next(DB_JOB_BATCH);
		read_at(FIRST + 2); /* that the next owner reads again */
		expect_next(DB_JOB_BATCH);
		ck_assert_uint_eq(n_facts, 1);
		read_at(FIRST + 3);
		engine->over = false;
		engine_revoked(engine, NULL, 0, false);
		ck_assert_uint_eq(n_facts, 3);
		ck_assert(batches_idle(batches));
	}
END_TEST

/* ---- what went wrong ---- */

START_TEST(a_batch_that_the_database_refuses_now_is_tried_again_as_it_was)
	{
		need(BATCH);
		expect_next(DB_JOB_BATCH);
		read_at(FIRST + 1);
		expect_after(SESSION_E_BACKOFF, DB_JOB_NONE);
		ck_assert_str_eq(engine->backoff.reason, "no can do");
		ck_assert(!client_at(3)->reading);
		pause_is_over();
		expect_next(DB_JOB_BATCH);
		ck_assert_uint_eq(batches->running->n_records, 1);
		ck_assert_int_eq(batches->running->records[0].kafka.offset,
				 FIRST);
		(void)next_job();
		ck_assert(!engine->backoff.on);
		ck_assert(client_at(3)->reading);
		ck_assert_int_eq(batches->running->records[0].kafka.offset,
				 FIRST + 1);
	}
END_TEST

START_TEST(a_fenced_batch_is_tried_again_without_what_is_not_ours)
	{
		need(BATCH);
		come(3, FIRST);
		come(5, FIRST);
		batches_read(batches);
		expect_next(DB_JOB_BATCH);
		/* While it is in hand nothing is taken out of it. */
		assignments_doubt(assignments, assignment_at(5), true);
		batches_drop_lost(batches);
		ck_assert_uint_eq(batches->running->n_records, 3);
		expect_after(SESSION_E_FENCED, DB_JOB_REFRESH);
		ck_assert_uint_eq(batches->running->n_records, 2);
		rows_are_ours();
		engine->args->positions.rows[3].epoch++;
		in->commit_answer = KAFKA_IN_E_NOT_MEMBER;
		expect_next(DB_JOB_NONE);
		ck_assert_int_eq(assignment_at(3)->state, ASSIGNMENT_ACQUIRING);
		ck_assert_uint_eq(batches->running->n_records, 1);
		ck_assert_ptr_eq(batches->running->records[0].assignment,
				 assignment_at(4));
	}
END_TEST

START_TEST(nothing_is_believed_of_a_session_that_was_lost)
	{
		need(BATCH);
		expect_next(DB_JOB_BATCH);
		read_at(FIRST + 1);
		expect_after(SESSION_E_LOST, DB_JOB_NONE);
		ck_assert(batch_empty(batches->running));
		ck_assert(batch_empty(batches->open));
		ck_assert_int_eq(assignment_at(3)->state, ASSIGNMENT_ACQUIRING);
		pause_is_over();
		expect_next(DB_JOB_CONNECT);
		expect_next(DB_JOB_ACQUIRE);
		ck_assert(engine->backoff.on);
		rows_are_ours();
		engine->args->positions.rows[4].emitted_offset = FIRST + 1;
		engine->refresh_at_ms = far_ms;
		expect_next(DB_JOB_NONE);
		ck_assert(!engine->backoff.on);
		ck_assert(client_at(3)->reading);
		ck_assert_int_eq(client_at(4)->resumed_at, FIRST + 1);
	}
END_TEST

START_TEST(a_delivery_that_failed_takes_everything_over_after_a_pause)
	{
		need(BATCH);
		expect_next(DB_JOB_BATCH);
		/* The batch in hand ends well, and ends no pause by that. */
		publish_fake_fail(publisher, "refused");
		expect_next(DB_JOB_NONE);
		ck_assert_str_eq(engine->backoff.reason, "refused");
		ck_assert_int_eq(assignment_at(4)->state, ASSIGNMENT_ACQUIRING);
		ck_assert(!client_at(4)->reading);
		pause_is_over();
		engine->deliveries.until_ms = clock_now_ms();
		expect_next(DB_JOB_ACQUIRE);
		rows_are_ours();
		expect_next(DB_JOB_NONE);
		ck_assert(!engine->backoff.on);
		ck_assert(client_at(4)->reading);
		/* That the take-over went well does not make the pauses short.
		 */
		publish_fake_fail(publisher, "refused");
		expect_next(DB_JOB_NONE);
		ck_assert_uint_eq(engine->deliveries.n_tries, 2);
		ck_assert_int_ge(engine->backoff.until_ms,
				 engine->deliveries.until_ms);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("engine");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, the_most_urgent_of_all_that_is_due_goes_first, 0, N_NEEDS);
	tcase_add_test(tcase, at_most_one_job_is_in_hand_at_a_time);
	tcase_add_test(tcase, under_load_a_task_and_what_waits_get_their_turns);
	tcase_add_test(tcase, a_survey_is_shown_when_it_went_well);
	tcase_add_test(tcase, a_worker_that_backs_off_does_nothing_but_say_so);
	tcase_add_test(tcase, nothing_is_taken_over_before_membership_is_confirmed);
	tcase_add_test(tcase, a_row_with_another_holder_is_taken_back_only_by_a_member);
	tcase_add_test(tcase, a_partition_whose_lanes_are_level_is_taken_over_with_nothing_in_hand);
	tcase_add_test(tcase, no_batch_is_committed_while_facts_are_above_the_bound);
	tcase_add_test(tcase, facts_that_wait_for_long_pause_reading_until_half_of_them_are_out);
	tcase_add_test(tcase, a_second_after_the_last_batch_free_memory_is_given_back);
	tcase_add_test(tcase, a_committed_batch_waits_for_the_facts_of_the_one_before_it);
	tcase_add_test(tcase, what_is_given_away_has_all_its_facts_published_first);
	tcase_add_test(tcase, a_batch_that_the_database_refuses_now_is_tried_again_as_it_was);
	tcase_add_test(tcase, a_fenced_batch_is_tried_again_without_what_is_not_ours);
	tcase_add_test(tcase, nothing_is_believed_of_a_session_that_was_lost);
	tcase_add_test(tcase, a_delivery_that_failed_takes_everything_over_after_a_pause);
	return check_run(suite);
}
