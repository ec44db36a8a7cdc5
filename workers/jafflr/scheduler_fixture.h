/* SPDX-License-Identifier: MIT */
/* Scheduler fixture: two grills of eight plates in memory, and workers whose
 * schedulers a test turns. For *_test.c only. */
#ifndef JAFFLR_SCHEDULER_FIXTURE_H
#define JAFFLR_SCHEDULER_FIXTURE_H

#include "workers/jafflr/grill/grill_fake.h"
#include "workers/jafflr/jafflr_fixture.h"
#include "workers/runtime/publish_fake.h"

enum { N_PLATES = 8, N_GRILLS = 2 };

#define TURN_MS 20 /* by the test's clock */

static int64_t now_ms = 1000000;
static struct grill_fake *fakes[N_GRILLS];
static struct test_worker me, other;

static inline int run_unanswered(struct test_worker *worker)
{
	scheduler_task.begin(&worker->jafflr);
	return scheduler_task.run(&worker->jafflr, worker->pg,
				  &worker->assignments);
}

static inline void run_tx(struct test_worker *worker)
{
	int r = run_unanswered(worker);

	if (r) {
		ck_assert_str_eq(pg_sqlstate(worker->pg), POSITIONS_LOST);
		postgres_exec(worker->pg, "ROLLBACK");
		worker->n_failed++;
	}
	scheduler_task.done(&worker->jafflr, r, worker->publisher);
}

/* The worker does not learn whether it was committed, and mostly it was. */
static inline void run_doubtful_tx(void)
{
	if (run_unanswered(&me))
		postgres_exec(me.pg, "ROLLBACK");
	scheduler_task.done(&me.jafflr, PG_E_LOST, me.publisher);
}

/* Only what the grills say, and time. */
static inline void turn_grills(struct test_worker *worker)
{
	now_ms += TURN_MS;
	scheduler_task.turn(&worker->jafflr, now_ms);
}

static inline void turn(struct test_worker *worker)
{
	turn_grills(worker);
	if (scheduler_task.wanted(&worker->jafflr, now_ms))
		run_tx(worker);
}

/* What was published is on its topic. */
static inline void acknowledge(struct test_worker *worker)
{
	const struct published *next =
		worker->heard ? worker->heard->next
			      : publish_fake_first(worker->publisher);

	for (; next; next = next->next) {
		worker->heard = next;
		ck_assert(next->own);
		scheduler_task.delivered(&worker->jafflr, next->token);
	}
}

static inline void work(struct test_worker *worker)
{
	turn(worker);
	acknowledge(worker);
}

/* The worker `me` goes on until a condition holds: with its facts
 * acknowledged, without, or with grills and time alone. */
#define WORK_UNTIL(condition) CHECK_WITHIN(DEADLINE_MS, condition, work(&me))
#define TURN_UNTIL(condition) CHECK_WITHIN(DEADLINE_MS, condition, turn(&me))
#define TURN_GRILLS_UNTIL(condition)                                           \
	CHECK_WITHIN(DEADLINE_MS, condition, turn_grills(&me))
/* The same, while all that heats comes to its end. */
#define FINISH_UNTIL(condition)                                                \
	CHECK_WITHIN(DEADLINE_MS, condition, (work(&me), end_toastings()))

/* Long enough for a grill to have been read anew, and then again. */
static inline void work_a_while(struct test_worker *worker)
{
	const struct grill_of *grill;
	uint64_t until;

	CHECK_WITHIN(DEADLINE_MS, worker->scheduler->grills.n == N_GRILLS,
		     turn(worker));
	grill = worker->scheduler->grills.list[0];
	until = grill->asked + 3;
	CHECK_WITHIN(DEADLINE_MS, grill->read >= until, turn(worker));
}

static inline void setup(void)
{
	clean_database();
	postgres_exec(db, "INSERT INTO control.grills (grill, address)"
			  " VALUES ('g0', 'fake:0'), ('g1', 'fake:1');"
			  "INSERT INTO control.plates (grill, plate)"
			  " SELECT 'g' || g, p FROM generate_series(0, 1) AS g,"
			  " generate_series(0, 7) AS p");
	for (int i = 0; i < N_GRILLS; i++) {
		fakes[i] = grill_fake_new(N_PLATES);
		grill_fake_serve(i, fakes[i]);
	}
	begin(&me, "me");
	take_over(&me, 0);
}

/* Another worker has the partitions from now on. */
static inline void take_over_by_other(void)
{
	begin(&other, "other");
	take_over(&other, 0);
}

static inline void teardown(void)
{
	end(&me);
	end(&other);
	for (int i = 0; i < N_GRILLS; i++)
		fakes[i] = grill_fake_free(fakes[i]);
	db = pg_free(db);
}

/* ---- toasties ---- */

/* Queued, and not published. */
static inline void queue(int n, const char *stall)
{
	add((struct toast){ .n = n, .stall = stall, .unpublished = true });
}

static inline void queue_many(int first, int last)
{
	for (int n = first; n <= last; n++)
		queue(n, "main");
}

static inline int64_t highest_token(void)
{
	return count("SELECT max(token) FROM control.plates");
}

static inline int n_starts(void)
{
	return grill_fake_n_starts(fakes[0]) + grill_fake_n_starts(fakes[1]);
}

static inline int n_starts_of(int n)
{
	struct order_id id = id_of(n);

	return grill_fake_n_starts_of(fakes[0], id.bytes) +
	       grill_fake_n_starts_of(fakes[1], id.bytes);
}

/* Which grill it is on. */
static inline struct grill_fake *fake_of(int n)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT substr(grill, 2)::int FROM toasties"
		       " WHERE number = %d",
		       n);
	return fakes[count(sql)];
}

static inline void happens(enum grill_fake_event event)
{
	for (int i = 0; i < N_GRILLS; i++)
		grill_fake_happens(fakes[i], event);
}

static inline void end_toastings(void)
{
	happens(GRILL_FAKE_DONE);
}

/* All calls of a grill end so from now on. */
static inline void end_calls(struct grill_fake *fake, enum grill_fake_end how)
{
	for (int call = GRILL_FAKE_READ; call <= GRILL_FAKE_START; call++)
		grill_fake_next(fake, (enum grill_fake_call)call, how, 0);
}

static inline void next_start(enum grill_fake_end how, int n)
{
	for (int i = 0; i < N_GRILLS; i++)
		grill_fake_next(fakes[i], GRILL_FAKE_START, how, n);
}

static inline void decode(const struct published *published,
			  struct toastie *ret)
{
	struct envelope envelope;
	struct schema_fault fault;
	int r;

	envelope_init(&envelope);
	for (size_t i = 0; i < published->n_headers; i++)
		envelope_read(&envelope, published->headers[i].name,
			      published->headers[i].value.p,
			      published->headers[i].value.n);
	r = envelope_check(&envelope, &fault);
	if (!r)
		r = toastie_decode(ret, &envelope, published->body.p,
				   published->body.n, &fault);
	ck_assert_msg(!r, "%s", fault.what);
}

/* What a reader makes of the facts: those above what it has. */
static inline const char *story_of(const struct test_worker *worker, int n)
{
	static char story[TEXT_BYTES];
	struct order_id id = id_of(n);
	int64_t seq = 0;
	size_t at = 0;

	story[0] = '\0';
	for (const struct published *published =
		     publish_fake_first(worker->publisher);
	     published; published = published->next) {
		struct toastie toastie = { 0 };

		decode(published, &toastie);
		if (order_id_compare(&toastie.order_id, &id) ||
		    toastie.seq <= seq)
			continue;
		seq = toastie.seq;
		at += (size_t)snprintf(story + at, sizeof(story) - at, "%s%s",
				       at ? " " : "",
				       toastie_state_name(toastie.state));
	}
	return story;
}

/* Of what there is after one more turn. */
static inline void check_story(struct test_worker *worker, const char *expected)
{
	work(worker);
	ck_assert_str_eq(story_of(worker, 1), expected);
}

/* Toastie 1 has a plate, and its fact is not acknowledged. */
static inline void claim_one(void)
{
	queue(1, "main");
	TURN_UNTIL(is_in(1, ROW_GRILLING));
}

static inline void start_one(int n)
{
	queue(n, "main");
	WORK_UNTIL(n_starts_of(n) == 1);
}

/* Toastie 1 runs, or was lost on its way, and then nothing more is heard. */
static inline struct grill_fake *park(bool begins)
{
	struct grill_fake *fake;

	me.scheduler->jobs.patience_ms = 200;
	claim_one();
	fake = fake_of(1);
	if (begins)
		WORK_UNTIL(me.scheduler->jobs.list[0].state == JOB_GRILLING);
	end_calls(fake, GRILL_FAKE_LOSES);
	WORK_UNTIL(is_in(1, ROW_UNCERTAIN));
	ck_assert_int_eq(n_starts(), begins);
	return fake;
}

#endif
