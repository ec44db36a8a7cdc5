/* SPDX-License-Identifier: MIT */
/*
 * Sql read: what a tx finds, whatever else is in the tables: rows of other
 * lanes, workers and stalls, and what a person may have put there.
 */
#include "workers/jafflr/sql_fixture.h"

static char main_stall[] = "main";
static char *main_names[] = { main_stall };
static const struct stalls only_main = { main_names, 1 };

/* ---- which rows are ours ---- */

/* Rows of a lane of another colour fill every LIMIT, and other partitions have
 * some, too. */
START_TEST(rows_that_are_not_ours_are_left_alone_and_hide_none_of_ours)
	{
		postgres_exec(
			db,
			"INSERT INTO control.lanes (service, lane, parent,"
			" kind, names, colour) VALUES ('jafflr', 'gita',"
			" 'stable', 'customers', '{gita}', 'green');"
			"INSERT INTO positions (service, lane, topic,"
			" partition, colour) SELECT 'jafflr', 'gita', 'picks',"
			" p, 'green' FROM generate_series(0, 11) AS p");
		insert("gen_random_uuid()",
		       (struct toast){ .n = 1000,
				       .customer = "gita",
				       .unpublished = true },
		       6000);
		take_over(&me, 0);
		add((struct toast){ .n = 2, .partition = 2 });
		add((struct toast){ .n = 3, .partition = 7 });
		add_many(1);
		postgres_exec(db, "UPDATE toasties SET seq = 2"
				  " WHERE customer IS NULL");
		for (int plate = 0; plate < N_PLATES; plate++)
			offer(&me, plate);
		me.tx.asks.look = true;
		TX_ADD(&me.tx, served) = &all_stalls;
		run(&me);
		ck_assert_uint_eq(me.tx.n_rows, 2);
		ck_assert_int_eq(me.tx.rows[0].kind, TX_UNPUBLISHED);
		ck_assert_int_eq(me.tx.rows[0].row.number, 1);
		ck_assert_int_eq(me.tx.rows[1].kind, TX_CLAIMED);
		ck_assert_int_eq(me.tx.rows[1].row.number, 1);
		ck_assert_uint_eq(me.tx.n_stalls, 1);
		ck_assert_int_eq(me.tx.stalls[0].n, 1);
	}
END_TEST

START_TEST(a_long_queue_of_one_stall_hides_no_other_and_is_counted_so_far)
	{
		for (int n = 1; n <= 40; n++)
			add((struct toast){ .n = n, .stall = "west" });
		add((struct toast){ .n = 41, .stall = "main" });
		add((struct toast){ .n = 42, .stall = "demo-1" });
		me.tx.asks.look = true;
		TX_ADD(&me.tx, served) = &all_stalls;
		me.tx.asks.queue_max = 10;
		TX_ADD(&me.tx, plates) = (struct tx_plate){
			.grill = "g1",
			.stalls = &only_main,
		};
		run(&me);
		ck_assert_int_eq(row_of(&me, 41)->kind, TX_CLAIMED);
		ck_assert_int_eq(row_of(&me, 42)->kind, TX_FINISHED);
		ck_assert_uint_eq(me.tx.n_stalls, 3);
		ck_assert(text_equal(me.tx.stalls[0].stall, TEXT("west")));
		ck_assert_int_eq(me.tx.stalls[0].n, 11);
	}
END_TEST

START_TEST(a_row_that_is_on_a_plate_already_keeps_no_plate_from_others)
	{
		add_many(2);
		(void)claim(&me, 0);
		postgres_exec(db, "UPDATE toasties SET state = 'queued'");
		ck_assert_int_eq(claim(&me, 1).row.number, 2);
	}
END_TEST

START_TEST(a_plate_that_is_not_in_the_tables_keeps_nothing_from_one_that_is)
	{
		add_many(1);
		offer(&me, 77);
		offer(&me, 3);
		run(&me);
		ck_assert_int_eq(row_of(&me, 1)->row.plate, 3);
	}
END_TEST

/* ---- what is heard of grills ---- */

static void hear(struct test_worker *worker, const char *reason, bool changed)
{
	scheduler_tx_reset(&worker->tx);
	TX_ADD(&worker->tx, health) = (struct tx_health){
		.grill = "g1",
		.reason = reason,
		.changed = changed,
	};
	/* One that is in no table is nobody's. */
	TX_ADD(&worker->tx, health) = (struct tx_health){ .grill = "g9" };
	run(worker);
}

/* A condition on the one grill that there is. */
static bool grill_is(const char *what)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM control.grills WHERE %s", what);
	return count(sql) == 1;
}

START_TEST(what_is_heard_of_a_grill_stands_beside_its_address)
	{
		ck_assert(grill_is("seen_at IS NULL"));
		hear(&me, NULL, true);
		ck_assert(grill_is("seen_at > now() - interval '1 min'"
				   " AND silent_since IS NULL"));
		hear(&me, "away", true);
		ck_assert(grill_is("silent_since >= seen_at"
				   " AND silent_reason = 'away'"));
		postgres_exec(db, "UPDATE control.grills SET silent_since ="
				  " 'epoch', seen_at = 'epoch'");
		hear(&me, "still", false);
		ck_assert(grill_is("silent_since = 'epoch'"
				   " AND silent_reason = 'still'"));
		hear(&me, NULL, true);
		ck_assert(grill_is("seen_at > 'epoch' AND silent_since IS NULL"
				   " AND silent_reason IS NULL"));
	}
END_TEST

START_TEST(a_grill_that_another_worker_hears_answers)
	{
		hear(&other, NULL, true);
		hear(&me, "away", false);
		ck_assert(grill_is("silent_since IS NULL"));
		hear(&me, "away", true);
		ck_assert(grill_is("silent_since IS NOT NULL"));
		hear(&other, NULL, false);
		ck_assert(grill_is("silent_since IS NULL"));
	}
END_TEST

START_TEST(no_worker_waits_for_a_person_who_changes_a_grill)
	{
		int64_t began_ms = clock_now_ms();

		postgres_exec(db, "BEGIN; UPDATE control.grills SET unit = 2");
		hear(&me, "away", true);
		postgres_exec(db, "ROLLBACK");
		ck_assert_int_lt(clock_now_ms() - began_ms, 5000);
		ck_assert(grill_is("silent_since IS NULL"));
	}
END_TEST

/* ---- what a person may have put into the tables ---- */

START_TEST(a_list_of_stalls_may_be_of_any_shape_and_a_plate_of_any_number)
	{
		postgres_exec(db, "UPDATE control.grills SET stalls ="
				  " '{{main,NULL},{beach,west}}';"
				  "INSERT INTO control.plates (grill, plate)"
				  " VALUES ('g1', 2147483647)");
		run_asks(&me, (struct tx_asks){ .list_grills = true });
		ck_assert_uint_eq(me.tx.n_grills, 1);
		ck_assert_uint_eq(me.tx.grills[0].n_stalls, 3);
		ck_assert(text_equal(me.tx.grills[0].stalls[2], TEXT("west")));
		ck_assert_int_gt(me.tx.grills[0].n_plates, 1000);
	}
END_TEST

/* A reason, say, by a person with a long name. */
START_TEST(texts_are_as_long_as_a_fact_may_have_them)
	{
		static const struct {
			const char *text;
			size_t n;
		} texts[] = {
			{ "repeat('x', 8000)", 255 },
			{ "repeat(U&'\\+01F9C0', 255)", 1020 },
			{ "repeat(U&'\\+01F9C0', 256)", 1020 },
			{ "'x' || repeat(U&'\\00DF', 300)", 509 },
			{ "repeat('x', 255)", 255 },
		};
		char sql[256];

		add_many(1);
		(void)snprintf(sql, sizeof(sql),
			       "UPDATE toasties SET seq = 2, customer = %s,"
			       " reason = %s, tracestate = repeat('x', 600)",
			       texts[_i].text, texts[_i].text);
		postgres_exec(db, sql);
		me.tx.asks.look = true;
		run(&me);
		ck_assert_uint_eq(row_of(&me, 1)->row.customer.n, texts[_i].n);
		ck_assert_uint_eq(row_of(&me, 1)->row.reason.n, texts[_i].n);
		ck_assert(text_is_clean(row_of(&me, 1)->row.reason));
		ck_assert_ptr_null(row_of(&me, 1)->row.tracestate.p);
	}
END_TEST

START_TEST(rows_that_are_not_published_are_found_where_they_are_held)
	{
		for (int n = 1; n <= 4; n++)
			add((struct toast){ .n = n, .partition = n / 3 * 2 });
		postgres_exec(db,
			      "UPDATE toasties SET seq = 2 WHERE number <> 1");
		run(&me);
		ck_assert_uint_eq(me.tx.n_rows, 0);
		run_asks(&me, (struct tx_asks){ .look = true });
		ck_assert_uint_eq(me.tx.n_rows, 1);
		ck_assert_int_eq(me.tx.rows[0].kind, TX_UNPUBLISHED);
		ck_assert_int_eq(me.tx.rows[0].row.number, 2);
		ck_assert_int_eq(me.tx.rows[0].row.seq, 2);
		ck_assert_uint_eq(me.tx.n_stalls, 1);
		ck_assert(text_equal(me.tx.stalls[0].stall, TEXT("main")));
		ck_assert_int_eq(me.tx.stalls[0].n, 2);
		run_asks(&other, (struct tx_asks){ .look = true });
		ck_assert_uint_eq(other.tx.n_rows, 2);
	}
END_TEST

/* ---- which grills there are ---- */

static const struct {
	const char *grill, *address;
	int32_t unit;
	int n_plates;
	const char *stalls; /* NULL: all */
} listed[] = {
	{ "g0", "h:1", 7, 2, "main beach " },
	{ "g1", "127.0.0.1:502", 1, N_PLATES, NULL },
	{ "g4", "h:4", 1, 6, "" },
};

START_TEST(grills_that_are_enabled_and_have_plates_are_listed)
	{
		const struct tx_grill *grill;
		char stalls[64] = "";

		postgres_exec(
			db, "INSERT INTO control.grills (grill, address, unit,"
			    " stalls, enabled) VALUES"
			    " ('g0', 'h:1', 7, '{main,beach}', true),"
			    " ('g2', 'h:2', 1, NULL, false),"
			    " ('g3', 'h:3', 1, NULL, true),"
			    " ('g4', 'h:4', 1, '{}', true);"
			    "INSERT INTO control.plates (grill, plate) VALUES"
			    " ('g0', 0), ('g0', 1), ('g2', 0), ('g4', 5)");
		run_asks(&me, (struct tx_asks){ .list_grills = true });
		ck_assert_uint_eq(me.tx.n_grills, CHECK_N(listed));
		grill = &me.tx.grills[_i];
		ck_assert(text_equal(grill->grill, text_of(listed[_i].grill)));
		ck_assert(text_equal(grill->address,
				     text_of(listed[_i].address)));
		ck_assert_int_eq(grill->unit, listed[_i].unit);
		ck_assert_int_eq(grill->n_plates, listed[_i].n_plates);
		ck_assert(grill->enabled);
		ck_assert(!grill->stalls == !listed[_i].stalls);
		if (!grill->stalls)
			return;
		for (size_t i = 0, at = 0; i < grill->n_stalls; i++)
			at += (size_t)snprintf(stalls + at, sizeof(stalls) - at,
					       "%.*s ", (int)grill->stalls[i].n,
					       grill->stalls[i].p);
		ck_assert_str_eq(stalls, listed[_i].stalls);
	}
END_TEST

int main(void)
{
	/* clang-format off */
	return run_tests("sql_read", setup, teardown, (const struct check_row[]){
		{ rows_that_are_not_ours_are_left_alone_and_hide_none_of_ours, 1 },
		{ a_long_queue_of_one_stall_hides_no_other_and_is_counted_so_far, 1 },
		{ a_plate_that_is_not_in_the_tables_keeps_nothing_from_one_that_is, 1 },
		{ what_is_heard_of_a_grill_stands_beside_its_address, 1 },
		{ a_grill_that_another_worker_hears_answers, 1 },
		{ no_worker_waits_for_a_person_who_changes_a_grill, 1 },
		{ a_list_of_stalls_may_be_of_any_shape_and_a_plate_of_any_number, 1 },
		{ texts_are_as_long_as_a_fact_may_have_them, 5 },
		{ rows_that_are_not_published_are_found_where_they_are_held, 1 },
		{ grills_that_are_enabled_and_have_plates_are_listed, CHECK_N(listed) },
		{ a_row_that_is_on_a_plate_already_keeps_no_plate_from_others, 1 },
		{ 0 },
	});
	/* clang-format on */
}
