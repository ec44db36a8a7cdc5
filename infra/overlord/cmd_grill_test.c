/* SPDX-License-Identifier: MIT */
/* Grill: whether it is used and seen, and forgetting one, on a real database */
#include "infra/overlord/command_fixture.h"

static void begin(void)
{
	setup();
	execute_sql("INSERT INTO control.grills (grill, address, unit) "
		    "VALUES ('left', 'h:1', 1); "
		    "INSERT INTO control.plates (grill, plate) "
		    "VALUES ('left', 0), ('left', 1)");
	command.options.words[0] = "left";
	command.options.execute = true;
}

#define N_PLATES NUMBER("SELECT count(*) FROM control.plates")

START_TEST(a_grill_is_disabled_enabled_and_removed_with_a_row_each)
	{
		command.options.execute = false;
		ck_assert_int_eq(run(cmd_grill_remove), 0);
		CHECK_SAID("not there NOT_ATTEMPTED");
		ck_assert_int_eq(N_PLATES, 2);
		command.options.execute = true;
		ck_assert_int_eq(run(cmd_grill_disable), 0);
		CHECK_SAID("CONFIRMED");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM control.grills "
					"WHERE NOT enabled"),
				 1);
		ck_assert_int_eq(run(cmd_grill_disable), 0);
		CHECK_SAID("UNCHANGED");
		ck_assert_int_eq(run(cmd_grill_enable), 0);
		ck_assert_int_eq(run(cmd_grill_remove), 0);
		ck_assert_int_eq(N_PLATES, 0);
		ck_assert_int_eq(run(cmd_grill_remove), COMMAND_E_FAILED);
		CHECK_SAID("there is no grill 'left'");
		ck_assert_int_eq(N_AUDIT, 3);
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM control.audit "
					"WHERE before->>'address' = 'h:1' "
					"AND after = '\"not there\"'"),
				 1);
	}
END_TEST

START_TEST(a_grill_with_a_toastie_on_it_is_not_removed)
	{
		make_toastie("uncertain");
		ck_assert_int_eq(run(cmd_grill_remove), COMMAND_E_FAILED);
		CHECK_SAID("has 1 toasties on it, 1 of them uncertain");
		ck_assert_int_eq(run(cmd_grill_disable), 0);
		CHECK_SAID("1 toasties are on it and are ended first");
		ck_assert_int_eq(N_PLATES, 2);
		execute_sql("UPDATE intents SET closed_at = now()");
		ck_assert_int_eq(run(cmd_grill_remove), 0);
		ck_assert_int_eq(N_PLATES, 0);
	}
END_TEST

/* As jafflr does it: the plate is locked, then its intent is opened. */
START_TEST(a_toastie_that_comes_onto_it_meanwhile_keeps_the_grill)
	{
		struct pg *jafflr = postgres_connect(url, "galore");

		make_toastie("queued");
		execute_sql("DELETE FROM intents");
		postgres_exec(jafflr,
			      "BEGIN; SELECT FROM control.plates "
			      "WHERE plate = 1 FOR UPDATE; "
			      "INSERT INTO intents (order_id, grill, plate, "
			      "token, time_ms, opened_at) SELECT order_id, "
			      "'left', 1, 1, 1000, now() FROM toasties");
		ck_assert_int_eq(run_behind(jafflr, cmd_grill_remove),
				 COMMAND_E_FAILED);
		ck_assert_int_eq(N_PLATES, 2);
		(void)pg_free(jafflr);
	}
END_TEST

/* The line of @grill has @text. */
static void check_row(const char *grill, const char *text)
{
	char line[512];
	const char *at;

	(void)snprintf(line, sizeof(line), "\n%s ", grill);
	at = strstr(said, line);
	ck_assert_msg(at, "%s", said);
	(void)str_n_copy(line, sizeof(line), at + 1, strcspn(at + 1, "\n"));
	ck_assert_msg(strstr(line, text), "'%s' is not in '%s'", text, line);
}

START_TEST(whether_a_grill_answers_is_listed)
	{
		execute_sql("INSERT INTO control.grills (grill, address) "
			    "VALUES ('new', 'h:2'), ('right', 'h:3'), "
			    "('unasked', 'h:4'), ('off', 'h:5'); "
			    "UPDATE control.grills SET seen_at = now() "
			    "WHERE grill IN ('left', 'off'); "
			    "UPDATE control.grills SET enabled = false "
			    "WHERE grill = 'off'; "
			    "UPDATE control.grills "
			    "SET seen_at = '2026-01-31 12:00:00Z' "
			    "WHERE grill IN ('right', 'unasked'); "
			    "UPDATE control.grills SET silent_since = now(), "
			    "silent_reason = 'connection refused' "
			    "WHERE grill = 'right'");
		ck_assert_int_eq(run(cmd_grill_list), 0);
		check_row("left", " yes       20");
		check_row("right",
			  " no        2026-01-31T12:00:00.000Z connection ref");
		/* By its last time, of which nobody knows what came since. */
		check_row("unasked", "           2026-01-31T12:00:00.000Z");
		check_row("off", " no                20");
		command.options.json = true;
		ck_assert_int_eq(run(cmd_grill_list), 0);
		CHECK_SAID("\"reachable\": null");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_grill");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, begin, NULL);
	tcase_add_test(tcase,
		       a_grill_is_disabled_enabled_and_removed_with_a_row_each);
	tcase_add_test(tcase, a_grill_with_a_toastie_on_it_is_not_removed);
	tcase_add_test(tcase,
		       a_toastie_that_comes_onto_it_meanwhile_keeps_the_grill);
	tcase_add_test(tcase, whether_a_grill_answers_is_listed);
	return postgres_run(suite);
}
