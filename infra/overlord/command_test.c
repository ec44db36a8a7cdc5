/* SPDX-License-Identifier: MIT */
/*
 * Command: verbs on a real database. What is shown is not done, what is done
 * has an audit row, and every answer is JSON when it is asked for.
 */
#include <jansson.h>

#include "infra/overlord/command_fixture.h"

static void set_grill(const char *address, int64_t n_plates)
{
	command.options.words[0] = "left";
	command.options.address = address;
	command.options.plates = n_plates;
}

START_TEST(a_grill_is_planned_then_set_then_as_it_should_be)
	{
		set_grill("h:1", 2);
		ck_assert_int_eq(run(cmd_grill_set), 0);
		CHECK_SAID("NOT_ATTEMPTED");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM control.grills"),
				 0);
		command.options.execute = true;
		ck_assert_int_eq(run(cmd_grill_set), 0);
		CHECK_SAID("CONFIRMED");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM control.plates"),
				 2);
		ck_assert_int_eq(run(cmd_grill_set), 0);
		CHECK_SAID("UNCHANGED");
		CHECK_SAID("nothing to do");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM control.audit "
					"WHERE who = 'tester' AND before IS "
					"NULL AND what->>'grill' = 'left'"),
				 1);
		ck_assert_int_eq(N_AUDIT, 1);
	}
END_TEST

START_TEST(plates_are_never_taken_away)
	{
		command.options.execute = true;
		set_grill("h:1", 3);
		ck_assert_int_eq(run(cmd_grill_set), 0);
		set_grill("h:2", 2);
		ck_assert_int_eq(run(cmd_grill_set), COMMAND_E_FAILED);
		CHECK_SAID("plates are never taken away");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM control.grills "
					"WHERE address = 'h:1'"),
				 1);
		ck_assert_int_eq(N_AUDIT, 1);
	}
END_TEST

START_TEST(an_uncertain_toastie_is_resolved_once)
	{
		make_toastie("uncertain");
		command.options.words[0] = "7";
		command.options.words[1] = "done";
		ck_assert_int_eq(run(cmd_toastie_resolve), 0);
		ck_assert_int_eq(NUMBER("SELECT seq FROM toasties"), 2);
		command.options.execute = true;
		ck_assert_int_eq(run(cmd_toastie_resolve), 0);
		CHECK_SAID("CONFIRMED");
		ck_assert_int_eq(NUMBER("SELECT seq FROM toasties "
					"WHERE state = 'done'"),
				 3);
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM intents "
					"WHERE closed_at IS NULL"),
				 0);
		ck_assert_int_eq(run(cmd_toastie_resolve), COMMAND_E_FAILED);
		CHECK_SAID("is 'done', not 'uncertain'");
		ck_assert_int_eq(N_AUDIT, 1);
	}
END_TEST

START_TEST(a_toastie_on_the_grill_is_not_resolved)
	{
		make_toastie("grilling");
		command.options.words[0] = ORDER;
		command.options.words[1] = "failed";
		command.options.execute = true;
		ck_assert_int_eq(run(cmd_toastie_resolve), COMMAND_E_FAILED);
		CHECK_SAID("is 'grilling', not 'uncertain'");
		ck_assert_int_eq(N_AUDIT, 0);
	}
END_TEST

START_TEST(toasties_are_listed_by_state_and_stall)
	{
		make_toastie("uncertain");
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID(ORDER " " CALL_CODE "      7 main ");
		CHECK_SAID(" parked ");
		command.options.state = "parked";
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID(ORDER);
		command.options.state = "all";
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID(" parked ");
		command.options.state = "uncertain";
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID("there are no such toasties");
		/* Jafflr has given it up. */
		execute_sql("UPDATE intents SET closed_at = now()");
		command.options.stall = "main";
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID(ORDER);
		command.options.stall = "other";
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID("there are no such toasties");
		command.options.stall = NULL;
		command.options.state = "queued";
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID("there are no such toasties");
		command.options.state = "eaten";
		ck_assert_int_eq(run(cmd_toastie_list), COMMAND_E_USAGE);
		execute_sql("UPDATE toasties SET state = 'done'");
		command.options.state = NULL;
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID("there are no such toasties");
		command.options.state = "all";
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		CHECK_SAID(ORDER);
	}
END_TEST

START_TEST(toasties_are_listed_in_the_order_of_the_queue)
	{
		const char *first, *second;

		make_toastie("queued");
		execute_sql("INSERT INTO toasties (order_id, number, stall, "
			    "doneness, state, lines, partition, \"offset\", "
			    "bucket, changed_at) SELECT '" OTHER_ORDER "', 8, "
			    "stall, doneness, state, 1, 0, 0, 0, "
			    "changed_at - interval '1 h' FROM toasties");
		ck_assert_int_eq(run(cmd_toastie_list), 0);
		first = strstr(said, ORDER);
		second = strstr(said, OTHER_ORDER);
		ck_assert_msg(first && second && first < second, "%s", said);
	}
END_TEST

/* Rows that a plain scan of either table has read. */
static int64_t n_scanned(void)
{
	CHECK_WITHIN(COMMAND_DEADLINE_MS,
		     !NUMBER("SELECT count(*) FROM pg_stat_activity "
			     "WHERE application_name LIKE 'overlord%' "
			     "AND datname = current_database()"),
		     (void)0);
	return NUMBER("SELECT sum(seq_tup_read)::bigint "
		      "FROM pg_stat_user_tables "
		      "WHERE relname IN ('toasties', 'orders')");
}

static int (*const open_reads[])(struct command *command) = {
	cmd_toastie_list,
	cmd_status,
	cmd_trace,
};

START_TEST(what_is_open_is_found_however_long_the_tables_are)
	{
		int64_t before;

		execute_sql("INSERT INTO toasties (order_id, number, stall, "
			    "doneness, state, lines, partition, \"offset\", "
			    "bucket, changed_at) SELECT gen_random_uuid(), n, "
			    "'main', 'light', 'done', 1, 0, n, 0, now() "
			    "FROM generate_series(1, 40000) n; "
			    "INSERT INTO orders (order_id, number, stall, "
			    "items, doneness, grill, content_hash, verdict, "
			    "order_version, pick_version, partition, "
			    "\"offset\", decided_at) SELECT order_id, number, "
			    "stall, '[]', doneness, true, 1, 'picked', 2, 2, "
			    "0, \"offset\", now() FROM toasties");
		make_toastie("queued");
		execute_sql("ANALYZE");
		command.conf.timeout_ms = 500;
		command.options.words[0] = CALL_CODE;
		before = n_scanned();
		(void)run(open_reads[_i]);
		ck_assert_int_lt(n_scanned() - before, 1000);
	}
END_TEST

START_TEST(a_call_code_lists_orders_and_asks_for_an_id)
	{
		execute_sql("INSERT INTO orders (order_id, number, stall, "
			    "items, doneness, grill, content_hash, verdict, "
			    "order_version, pick_version, partition, "
			    "\"offset\", decided_at) VALUES ('" ORDER "', 7, "
			    "'main', '[]', 'light', true, 1, 'picked', 2, 2, "
			    "0, 0, now())");
		command.options.words[0] = CALL_CODE;
		ck_assert_int_eq(run(cmd_trace), 0);
		CHECK_SAID(ORDER " " CALL_CODE "      7 main ");
		CHECK_SAID("more than one order may be called");
		command.options.words[0] = "a000";
		ck_assert_int_eq(run(cmd_trace), COMMAND_E_FAILED);
		CHECK_SAID("none of the newest 10000 orders is called 'a000'");
		command.options.words[0] = ORDER;
		ck_assert_int_eq(run(cmd_trace), 0);
		CHECK_SAID("order " ORDER ", called " CALL_CODE);
		command.options.words[0] = CALL_CODE;
		command.options.words[1] = "done";
		ck_assert_int_eq(run(cmd_toastie_resolve), COMMAND_E_FAILED);
		CHECK_SAID("is a call code, which more than one order may");
	}
END_TEST

static const struct {
	int (*verb)(struct command *command);
	const char *name;
	size_t n_rows; /* at least */
} reads[] = {
	{ cmd_trace, "trace", 3 },
	{ cmd_dlq_list, "dead_letters", 1 },
	{ cmd_grill_list, "grills", 1 },
	{ cmd_migrate_status, "migrations", 7 },
	{ cmd_toastie_list, "toasties", 1 },
	{ cmd_stock_list, "stock", 1 },
};

START_TEST(every_read_is_json_when_it_is_asked_for)
	{
		struct pg *pg = postgres_connect(url, "galore");
		const char *begin;
		json_error_t error;
		json_t *json;

		make_toastie("uncertain");
		postgres_exec(pg, "INSERT INTO stock VALUES ('s', 'i', 0)");
		postgres_exec(pg,
			      "INSERT INTO dead_letters VALUES ('chillybin',"
			      " 'orders', 0, 1, 'malformed', 'a \"b\" \\ ',"
			      " NULL, '" ORDER "', now()); "
			      "INSERT INTO control.grills (grill, address) "
			      "VALUES ('left', 'h:1')");
		(void)pg_free(pg);
		command.options.json = true;
		command.options.words[0] = "7";
		command.conf.timeout_ms = 1000;
		ck_assert_int_eq(run(reads[_i].verb), 0);
		begin = strchr(said, '{');
		ck_assert_ptr_nonnull(begin);
		json = json_loads(begin, JSON_DISABLE_EOF_CHECK, &error);
		ck_assert_msg(json, "%s: %s", error.text, said);
		ck_assert_uint_ge(
			json_array_size(json_object_get(json, reads[_i].name)),
			reads[_i].n_rows);
		json_decref(json);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_grill_is_planned_then_set_then_as_it_should_be);
	tcase_add_test(tcase, plates_are_never_taken_away);
	tcase_add_test(tcase, an_uncertain_toastie_is_resolved_once);
	tcase_add_test(tcase, a_toastie_on_the_grill_is_not_resolved);
	tcase_add_test(tcase, toasties_are_listed_by_state_and_stall);
	tcase_add_test(tcase, toasties_are_listed_in_the_order_of_the_queue);
	tcase_add_loop_test(tcase,
			    what_is_open_is_found_however_long_the_tables_are,
			    0, CHECK_N(open_reads));
	tcase_add_test(tcase, a_call_code_lists_orders_and_asks_for_an_id);
	tcase_add_loop_test(tcase, every_read_is_json_when_it_is_asked_for, 0,
			    CHECK_N(reads));
	return postgres_run(suite);
}
