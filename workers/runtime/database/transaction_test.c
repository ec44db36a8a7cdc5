/* SPDX-License-Identifier: MIT */
/*
 * Transaction: the ways a batch may go, with a worker that misses as often as
 * its script says. The server and the rows of positions are real.
 */
#include "workers/runtime/database/transaction.h"

#include <inttypes.h>
#include <string.h>

#include "workers/runtime/batches/batch_extent.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/database/session_fixture.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS
enum { FEW = 3, MANY = 64, TRIES_MAX = 400 };

/* How a try fails, and what was seen of each. */
static struct {
	const char *fail_with; /* the SQLSTATE of those that fail */
	int n_fail;            /* so many tries fail first */
	bool fail_in_load;
	bool end_session; /* in place of failing */
	int n_tries, n_loads, n_copies;
	enum batch_mode modes[TRIES_MAX];
	bool within_limits; /* the last load() must not take long */
} script;

static struct positions *taken;
static struct transaction *tx;
static char error[BACKOFF_REASON_BYTES];
static struct assignment assignment;
static struct assignment far_behind; /* of the same partition */

/* ---- a worker ---- */

static const struct pg_statement within_limits = {
	"within_limits",
	"SELECT current_setting('idle_in_transaction_session_timeout') ="
	" '250ms'",
	0,
};

static int load(void *arg, struct pg *pg, struct batch *batch)
{
	int i, r;

	(void)arg;
	(void)batch;
	script.n_loads++;
	if (script.fail_in_load && script.n_loads <= script.n_fail)
		return pg_exec(pg, "SELECT 1 / 0", TIMEOUT_MS);
	i = pg_add(pg, &within_limits, NULL);
	r = pg_run(pg, TIMEOUT_MS);
	if (!r)
		script.within_limits = pg_bool(pg, i, 0, 0);
	return r;
}

static void decide(void *arg, struct batch *batch)
{
	(void)arg;
	ck_assert_int_lt(script.n_tries, TRIES_MAX);
	script.modes[script.n_tries++] = batch->mode;
	for (size_t i = 0; i < batch->n_records; i++)
		ck_assert(batch->records[i].poison ||
			  !batch->records[i].dead_reason);
	if (batch->n_records && !batch->records[0].poison)
		batch_dead(batch, &batch->records[0], "conflict", "of a try");
}

static int copy(void *arg, struct pg *pg, const struct batch *batch)
{
	struct buf rows = { 0 };
	int r;

	(void)arg;
	script.n_copies++;
	for (size_t i = 0; i < batch->n_records; i++) {
		if (batch->records[i].poison)
			continue;
		pg_copy_row(&rows, 1);
		pg_put_i64(&rows, batch->records[i].kafka.offset);
	}
	r = pg_copy_put(pg, rows.p, rows.n, TIMEOUT_MS);
	buf_deinit(&rows);
	return r;
}

static const struct pg_statement miss = {
	"miss",
	"SELECT pg_temp.miss($1)",
	1,
};

static const struct pg_statement insert = {
	"insert",
	"INSERT INTO effects SELECT unnest($1::bigint[])",
	1,
};

static struct pg_args args[2];

static void store(void *arg, struct pg *pg, const struct batch *batch,
		  bool copied)
{
	struct pg_array offsets = { 0 };

	(void)arg;
	pg_args_reset(&args[0]);
	pg_args_reset(&args[1]);
	if (script.end_session && script.n_tries <= script.n_fail)
		postgres_exec(session.watch,
			      "SELECT pg_terminate_backend(pid) FROM"
			      " pg_stat_activity WHERE pid <> pg_backend_pid()"
			      " AND application_name = 'holder'");
	for (size_t i = 0; i < batch->n_records; i++)
		if (!batch->records[i].poison)
			pg_put_i64(pg_element(&offsets),
				   batch->records[i].kafka.offset);
	if (!copied) {
		pg_arg_array(&args[0], PG_INT8, &offsets);
		(void)pg_add(pg, &insert, &args[0]);
	}
	pg_array_deinit(&offsets);
	if (script.fail_with && script.n_tries <= script.n_fail) {
		pg_put_text(pg_arg(&args[1]), script.fail_with, 5);
		(void)pg_add(pg, &miss, &args[1]);
	}
}

static const struct worker_ops with_load = {
	.service = "chillybin",
	.load = load,
	.decide = decide,
	.copy_sql = "BEGIN; COPY effects FROM STDIN (FORMAT binary)",
	.copy = copy,
	.store = store,
};

static const struct worker_ops without_load = {
	.service = "chillybin",
	.decide = decide,
	.store = store,
};

/* ---- a batch of it ---- */

static void open_with_effects(void)
{
	open_session();
	postgres_exec(session.work,
		      "CREATE TABLE IF NOT EXISTS effects (o bigint);"
		      "CREATE FUNCTION pg_temp.miss(state text) RETURNS void"
		      " LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'"
		      " USING ERRCODE = state; END $$");
}

static void take_lane(struct assignment *of, const struct position *row)
{
	of->n_lanes = 1;
	of->lanes[0] = (struct lane_position){
		.lane = row->lane,
		.next_offset = row->next_offset,
		.epoch = row->epoch,
	};
}

static void take_over(void)
{
	static const struct position_key key = { 0, 0 };

	ck_assert_int_eq(
		positions_acquire(session.work, &one_topic, &key, 1, taken), 0);
	for (size_t i = 0; i < taken->n_rows; i++)
		take_lane(taken->rows[i].lane ? &far_behind : &assignment,
			  &taken->rows[i]);
}

static void setup(void)
{
	url = postgres_database();
	taken = xcalloc(1, sizeof(*taken));
	tx = xcalloc(1, sizeof(*tx));
	tx->ops = &with_load;
	tx->identity = &one_topic;
	tx->batch = batch_new();
	open_with_effects();
	take_over();
}

static void teardown(void)
{
	session_close(&session);
	lanes_deinit(&taken->lanes);
	free(taken);
	(void)batch_free(tx->batch);
	free(tx);
	pg_args_deinit(&args[0]);
	pg_args_deinit(&args[1]);
}

/* The next @n records, all as they come from decode. */
static void fill(int64_t n)
{
	int64_t from = assignment.lanes[0].next_offset;

	batch_reset(tx->batch);
	for (int64_t i = from; i < from + n; i++) {
		struct kafka_record kafka = { .offset = i };

		(void)batch_add(tx->batch, &assignment, &kafka);
	}
	batch_close(tx->batch, &taken->lanes, 1700000000000);
	memset(&script.n_tries, 0,
	       sizeof(script) - offsetof(typeof(script), n_tries));
}

static int run(int64_t n)
{
	int r;

	fill(n);
	r = transaction_run(tx, &session, error);
	if (!r)
		assignment.lanes[0].next_offset += n;
	return r;
}

static void expect_modes(const char *letters)
{
	static const char names[] = {
		[BATCH_FAST] = 'f', [BATCH_CHECKED] = 'c', [BATCH_LOCKED] = 'l'
	};
	char said[TRIES_MAX + 1] = "";

	for (int i = 0; i < script.n_tries; i++)
		said[i] = names[script.modes[i]];
	ck_assert_str_eq(said, letters);
}

static void expect_committed(int64_t n)
{
	char row[128];

	(void)snprintf(row, sizeof(row),
		       "positions WHERE service = 'chillybin' AND topic ="
		       " 'orders' AND partition = 0 AND next_offset = %" PRId64,
		       assignment.lanes[0].next_offset);
	ck_assert_int_eq(postgres_count(url, "effects"), n);
	ck_assert_int_eq(postgres_count(url, row), 1);
}

/* A batch of so many records is committed, in those modes. */
static void commit(int64_t n, const char *modes)
{
	ck_assert_int_eq(run(n), 0);
	if (modes)
		expect_modes(modes);
}

/* ---- the ways ---- */

/*
 * How one batch goes: f for a fast try, c for a checked, l for a locked one.
 * The first @n_fail tries fail.
 */
static const struct {
	int n_records;
	const char *fail_with;
	int n_fail;
	const char *modes;
	int n_copies, n_loads;
	bool without_load;
	int outcome;
} ways[] = {
	/* Small: in one message. Large: by COPY. */
	{ FEW, NULL, 0, "f", 0, 0, false, 0 },
	{ MANY, NULL, 0, "f", 1, 0, false, 0 },
	/* A row that is not what was taken for granted is read. */
	{ MANY, ROWS_CHANGED, 1, "fc", 2, 1, false, 0 },
	{ MANY, ROWS_KNOWN, 1, "fc", 2, 1, false, 0 },
	{ MANY, "23505", 1, "fc", 2, 1, false, 0 },
	/* After three misses rows are locked before the decision. */
	{ FEW, ROWS_CHANGED, 3, "fccl", 0, 3, false, 0 },
	/* A worker that reads nothing can not be better informed. */
	{ FEW, ROWS_KNOWN, 1, "f", 0, 0, true, SESSION_E_BACKOFF },
	/* What the server refuses for another reason is not tried again. */
	{ MANY, "53100", 1, "f", 1, 0, false, SESSION_E_BACKOFF },
};

START_TEST(a_batch_goes_the_way_that_its_rows_demand)
	{
		size_t n = strlen(ways[_i].modes);

		if (ways[_i].without_load)
			tx->ops = &without_load;
		script.fail_with = ways[_i].fail_with;
		script.n_fail = ways[_i].n_fail;
		ck_assert_int_eq(run(ways[_i].n_records), ways[_i].outcome);
		expect_modes(ways[_i].modes);
		ck_assert_int_eq(script.n_copies, ways[_i].n_copies);
		ck_assert_int_eq(script.n_loads, ways[_i].n_loads);
		ck_assert_int_eq(script.within_limits,
				 ways[_i].modes[n - 1] == 'l');
		expect_committed(ways[_i].outcome ? 0 : ways[_i].n_records);
		ck_assert_int_eq(counter_get(&runtime_counters.batch_misses),
				 (int64_t)n - 1);
		/* What the last try found dead is stored with the rest. */
		ck_assert_int_eq(postgres_count(url, "dead_letters WHERE reason"
						     " = 'conflict'"),
				 !ways[_i].outcome);
		if (ways[_i].outcome)
			ck_assert_str_eq(error, "no");
		/* The next batch is decided, whatever came of this one. */
		script.n_fail = 0;
		tx->ops = &with_load;
		ck_assert_int_eq(run(FEW), 0);
	}
END_TEST

/* One batch falls back, and so many after it are read at once; then a fast one
 * may succeed. */
static const struct {
	int n_ahead[8];
	bool then_fast;
} fall_backs[] = {
	{ { 2, 4, 8, 16, 32, 64, 64 }, false },
	/* It makes the next fall-back cheap. */
	{ { 2, 2, 2 }, true },
};

START_TEST(after_each_fall_back_twice_as_many_batches_are_read_at_once)
	{
		script.fail_with = ROWS_KNOWN;
		for (int i = 0; fall_backs[_i].n_ahead[i]; i++) {
			script.n_fail = 1;
			commit(FEW, "fc");
			script.n_fail = 0;
			for (int k = 0; k < fall_backs[_i].n_ahead[i]; k++)
				commit(FEW, "c");
			if (fall_backs[_i].then_fast)
				commit(FEW, "f");
		}
		if (!fall_backs[_i].then_fast)
			commit(FEW, "f");
	}
END_TEST

START_TEST(a_batch_whose_decision_rests_on_rows_reads_them_at_once)
	{
		fill(FEW);
		tx->batch->needs_load = true;
		ck_assert_int_eq(transaction_run(tx, &session, error), 0);
		expect_modes("c");
		ck_assert_int_eq(script.n_loads, 1);
		/* But a worker that reads nothing is not asked to. */
		assignment.lanes[0].next_offset += FEW;
		tx->ops = &without_load;
		fill(FEW);
		tx->batch->records[1].decided = true;
		batch_close(tx->batch, &taken->lanes, 0);
		ck_assert_int_eq(transaction_run(tx, &session, error), 0);
		expect_modes("c");
		ck_assert_int_eq(script.n_loads, 0);
	}
END_TEST

/* ---- what is not done ---- */

static int64_t n_given_up(const char *where)
{
	char from[640];

	(void)snprintf(from, sizeof(from),
		       "dead_letters WHERE reason = 'sql-error' AND detail"
		       " LIKE '23514: %%' AND %s",
		       where);
	return postgres_count(url, from);
}

static void refuse_to_load(void)
{
	script.fail_in_load = true;
	script.n_fail = 1000;
}

static void refuse_for_no_record(void)
{
	script.fail_with = "23514";
	script.n_fail = 1000;
}

static void fence(void)
{
	postgres_exec(session.watch, "UPDATE positions SET epoch = epoch + 1");
}

static void end_session(void)
{
	script.end_session = true;
	script.n_fail = 1;
}

/* Why a batch fails as a whole, and what the worker does about it. */
static const struct {
	void (*go_wrong)(void);
	int outcome;
	const char *error;
	void (*mend[2])(void);
} failures[] = {
	{ refuse_to_load, SESSION_E_BACKOFF, "division by zero", { 0 } },
	{ refuse_for_no_record, SESSION_E_BACKOFF, "no", { 0 } },
	{ fence, SESSION_E_FENCED, "", { take_over } },
	{ end_session,
	  SESSION_E_LOST,
	  "connection",
	  { open_with_effects, take_over } },
};

START_TEST(a_batch_that_fails_as_a_whole_leaves_nothing_and_gives_nobody_up)
	{
		failures[_i].go_wrong();
		fill(MANY);
		tx->batch->needs_load = script.fail_in_load;
		ck_assert_int_eq(transaction_run(tx, &session, error),
				 failures[_i].outcome);
		ck_assert_msg(strstr(error, failures[_i].error), "%s", error);
		expect_committed(0);
		ck_assert_int_eq(n_given_up("true"), 0);
		script.n_fail = 0;
		script.end_session = false;
		for (int i = 0; i < 2 && failures[_i].mend[i]; i++)
			failures[_i].mend[i]();
		commit(MANY, NULL);
		expect_committed(MANY);
	}
END_TEST

/* ---- records that the database refuses ---- */

/* What the server refuses of the offsets 0 to 63, at once or at the COMMIT, and
 * how many that are. */
static const struct {
	const char *refused;
	int64_t n;
	bool late;
} refusals[] = {
	{ "o = 17", 1, false },     { "o = 0", 1, false },
	{ "o = 63", 1, false },     { "o IN (0, 1, 30, 31, 32, 63)", 6, false },
	{ "o % 2 = 1", 32, false }, { "true", 64, false },
	{ "o = 40", 1, true },
};

#define REFUSE_AT_ONCE "ALTER TABLE effects ADD CHECK (NOT (%s))"
#define REFUSE_LATE                                                            \
	"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"      \
	" BEGIN IF (SELECT %s FROM (SELECT NEW.o) x) THEN"                     \
	" RAISE check_violation; END IF; RETURN NULL; END $$;"                 \
	"CREATE CONSTRAINT TRIGGER late AFTER INSERT ON effects"               \
	" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"                          \
	" EXECUTE FUNCTION refuse()"

START_TEST(a_record_that_the_server_refuses_is_the_only_one_given_up)
	{
		const char *refused = refusals[_i].refused;
		char sql[512];

		if (refusals[_i].late)
			(void)snprintf(sql, sizeof(sql), REFUSE_LATE, refused);
		else
			(void)snprintf(sql, sizeof(sql), REFUSE_AT_ONCE,
				       refused);
		postgres_exec(session.work, sql);
		ck_assert_int_eq(run(MANY), 0);
		expect_committed(MANY - refusals[_i].n);
		(void)snprintf(sql, sizeof(sql),
			       "(SELECT %s FROM (SELECT \"offset\" AS o) x)",
			       refused);
		ck_assert_int_eq(n_given_up(sql), refusals[_i].n);
		ck_assert_int_eq(n_given_up("true"), refusals[_i].n);
	}
END_TEST

/* Each of the two readers has 32 records in the batch, by turns. */
static void fill_of_both(void)
{
	batch_reset(tx->batch);
	for (int64_t i = 0; i < MANY / 2; i++) {
		struct kafka_record near = { .offset = 1000 + i };
		struct kafka_record behind = { .offset = i };

		(void)batch_add(tx->batch, &far_behind, &behind);
		(void)batch_add(tx->batch, &assignment, &near);
	}
	batch_close(tx->batch, &taken->lanes, 1700000000000);
}

START_TEST(of_a_batch_in_parts_each_lane_moves_by_the_records_of_its_reader)
	{
		postgres_exec(
			session.work,
			"ALTER TABLE effects ADD CHECK (o NOT IN (17, 1020));"
			"SELECT lane_split('chillybin', 'lost', 'stable',"
			" 'customers', NULL, NULL, '{c0}', 'blue');"
			"UPDATE positions SET next_offset = 1000,"
			" emitted_offset = 1000 WHERE lane = 'stable'");
		take_over();
		fill_of_both();
		ck_assert_int_eq(transaction_run(tx, &session, error), 0);
		ck_assert_int_eq(postgres_count(url, "effects"), MANY - 2);
		ck_assert_int_eq(n_given_up("\"offset\" IN (17, 1020)"), 2);
		ck_assert_int_eq(
			postgres_count(url, "positions WHERE topic = 'orders'"
					    " AND partition = 0 AND next_offset"
					    " = CASE lane WHEN 'lost' THEN 32"
					    " ELSE 1032 END"),
			2);
	}
END_TEST

/* The row of a dead letter is refused, too. */
START_TEST(a_record_that_cannot_be_given_up_takes_no_other_along)
	{
		postgres_exec(session.work,
			      "ALTER TABLE effects ADD CHECK (o <> 17);"
			      "ALTER TABLE dead_letters ADD CHECK"
			      " (\"offset\" <> 17)");
		ck_assert_int_eq(run(MANY), SESSION_E_FENCED);
		take_over();
		expect_committed(17);
		ck_assert_int_eq(run(MANY), SESSION_E_BACKOFF);
		expect_committed(17);
		ck_assert_int_eq(n_given_up("true"), 0);
	}
END_TEST

/* The first half was decided before, so that it moves nothing. */
START_TEST(a_part_that_moves_nothing_does_not_hide_a_refusal)
	{
		postgres_exec(session.work,
			      "ALTER TABLE effects ADD CHECK (o <> 40);"
			      "ALTER TABLE dead_letters ADD CHECK"
			      " (\"offset\" <> 40)");
		ck_assert_int_eq(run(32), 0);
		fill(32);
		for (size_t i = 0; i < 8; i++)
			tx->batch->records[i].decided = true;
		tx->batch->extent->moves[0].next_offset = 40;
		postgres_exec(session.watch,
			      "UPDATE positions SET next_offset = 40");
		ck_assert_int_eq(transaction_run(tx, &session, error),
				 SESSION_E_BACKOFF);
		ck_assert_ptr_nonnull(strstr(error, "check constraint"));
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("transaction");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_batch_goes_the_way_that_its_rows_demand, 0, CHECK_N(ways));
	tcase_add_loop_test(tcase, after_each_fall_back_twice_as_many_batches_are_read_at_once, 0, CHECK_N(fall_backs));
	tcase_add_test(tcase, a_batch_whose_decision_rests_on_rows_reads_them_at_once);
	tcase_add_loop_test(tcase, a_batch_that_fails_as_a_whole_leaves_nothing_and_gives_nobody_up, 0, CHECK_N(failures));
	tcase_add_loop_test(tcase, a_record_that_the_server_refuses_is_the_only_one_given_up, 0, CHECK_N(refusals));
	tcase_add_test(tcase, of_a_batch_in_parts_each_lane_moves_by_the_records_of_its_reader);
	tcase_add_test(tcase, a_record_that_cannot_be_given_up_takes_no_other_along);
	tcase_add_test(tcase, a_part_that_moves_nothing_does_not_hide_a_refusal);
	return postgres_run(suite);
}
