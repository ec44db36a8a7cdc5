/* SPDX-License-Identifier: MIT */
/* Survey: against a real server, and as its text. */
#include "workers/jafflr/survey.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres_fixture.h"

static const char *url;
static struct pg *pg;
static struct survey survey;
static struct buf text;

static void setup(void)
{
	url = postgres_database();
	pg = postgres_connect(url, "galore");
	postgres_exec(pg, "INSERT INTO control.grills (grill, address, stalls,"
			  " enabled) VALUES ('g1', 'h:1', '{main}', true),"
			  " ('g2', 'h:2', NULL, false)");
}

static void teardown(void)
{
	survey_deinit(&survey);
	buf_deinit(&text);
	pg = pg_free(pg);
}

/* Toasties of a stall; @open: with an open intent each. */
static void add(const char *stall, const char *state, int n, bool open)
{
	static int plate;
	char sql[1024];

	(void)snprintf(sql, sizeof(sql),
		       "WITH t AS (INSERT INTO toasties (order_id, stall,"
		       " doneness, state, lines, partition, \"offset\", bucket,"
		       " changed_at) SELECT gen_random_uuid(), '%s', 'light',"
		       " '%s', 1, 0, n, 0, now() FROM generate_series(1, %d)"
		       " AS n RETURNING order_id, \"offset\" AS n)"
		       " INSERT INTO intents (order_id, grill, plate, token,"
		       " time_ms, opened_at, closed_at) SELECT order_id, 'g1',"
		       " %d + n, 1, 1, now(), %s FROM t",
		       stall, state, n, plate, open ? "NULL" : "now()");
	plate += n;
	postgres_exec(pg, sql);
}

static void read_survey(void)
{
	int r = survey_read(&survey, pg);

	ck_assert_msg(!r, "%s", pg_message(pg));
	buf_reset(&text);
	survey_text(&survey, &text);
	buf_add(&text, "", 1);
}

static bool says(const char *labels, int n)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "\ngalore_toasties{%s} %d\n", labels,
		       n);
	return strstr(text.p, line);
}

START_TEST(toasties_are_counted_by_stall_and_what_they_wait_for)
	{
		add("main", "queued", 3, false);
		add("main", "grilling", 2, true);
		add("main", "uncertain", 1, true);
		add("main", "uncertain", 4, false);
		add("main", "done", 9, false);
		add("beach", "queued", 5, false);
		add("demo-1", "queued", 6, false);
		read_survey();
		ck_assert(says("stall=\"main\",state=\"queued\"", 3));
		ck_assert(says("stall=\"main\",state=\"grilling\"", 2));
		ck_assert(says("stall=\"main\",state=\"parked\"", 1));
		ck_assert(says("stall=\"main\",state=\"uncertain\"", 4));
		ck_assert(says("stall=\"main\",state=\"unserved\"", 0));
		ck_assert(says("stall=\"beach\",state=\"queued\"", 0));
		ck_assert(says("stall=\"beach\",state=\"unserved\"", 5));
		ck_assert(says("stall=\"demo-1\",state=\"queued\"", 6));
		ck_assert(says("stall=\"(others)\",state=\"uncertain\"", 0));
	}
END_TEST

START_TEST(many_stalls_are_summed_but_for_those_that_need_a_person)
	{
		char stall[16];

		for (int i = 0; i < SURVEY_STALLS + 10; i++) {
			(void)snprintf(stall, sizeof(stall), "s%d", i);
			add(stall, "queued", 2, false);
		}
		add("tiny", "uncertain", 1, false);
		read_survey();
		ck_assert_uint_eq(survey.n_stalls, SURVEY_STALLS + 1);
		ck_assert(says("stall=\"tiny\",state=\"uncertain\"", 1));
		ck_assert(says("stall=\"(others)\",state=\"unserved\"", 22));
	}
END_TEST

START_TEST(nothing_is_said_before_it_was_read_and_zeros_when_all_is_done)
	{
		survey_text(&survey, &text);
		ck_assert_uint_eq(text.n, 0);
		read_survey();
		ck_assert(says("stall=\"(others)\",state=\"uncertain\"", 0));
		add("ma\\\"in", "uncertain", 1, false);
		read_survey();
		ck_assert(
			says("stall=\"ma\\\\\\\"in\",state=\"uncertain\"", 1));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("survey");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       toasties_are_counted_by_stall_and_what_they_wait_for);
	tcase_add_test(tcase,
		       many_stalls_are_summed_but_for_those_that_need_a_person);
	tcase_add_test(
		tcase,
		nothing_is_said_before_it_was_read_and_zeros_when_all_is_done);
	return postgres_run(suite);
}
