/* SPDX-License-Identifier: MIT */
/* Heartbeat: what others see of a worker. */
#include "workers/runtime/heartbeat.h"

#include "infra/lib/clock.h"
#include "infra/lib/postgres_fixture.h"

static const char *url;
static struct pg *pg;
static struct identity me;
static struct heartbeat heartbeat;

static void setup(void)
{
	url = postgres_database();
	pg = postgres_connect(url, "galore");
	me = (struct identity){
		.service = "chillybin",
		.colour = "blue",
		.holder = "me",
	};
	heartbeat = (struct heartbeat){
		.identity = &me,
		.version = "1",
		.schema = "galore",
		.started_at_ms = clock_wall_ms(),
	};
	buf_text(&heartbeat.troubles, "[]");
}

static void teardown(void)
{
	buf_deinit(&heartbeat.troubles);
	pg = pg_free(pg);
}

static void beat(void)
{
	int r = heartbeat_write(pg, &heartbeat);

	ck_assert_msg(!r, "%s", pg_message(pg));
}

static int64_t n_rows(const char *where)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM control.heartbeats WHERE %s",
		       where);
	return postgres_number(url, sql);
}

START_TEST(a_worker_that_is_ready_says_so_in_one_row)
	{
		beat();
		beat();
		ck_assert_int_eq(n_rows("holder = 'me' AND ready"), 1);
		ck_assert_int_eq(n_rows("reason IS NULL AND troubles = '[]'"),
				 1);
		ck_assert_int_eq(
			n_rows("at > clock_timestamp() - interval '9 s'"), 1);
	}
END_TEST

START_TEST(a_worker_that_is_not_ready_says_why_and_what_it_cannot_read)
	{
		beat();
		(void)str_copy(heartbeat.reason, sizeof(heartbeat.reason),
			       "it isn't");
		buf_reset(&heartbeat.troubles);
		buf_text(&heartbeat.troubles,
			 "[{\"topic\": \"orders\", \"partition\": 3}]");
		beat();
		ck_assert_int_eq(n_rows("NOT ready AND reason = 'it isn''t'"),
				 1);
		ck_assert_int_eq(n_rows("(troubles->0->>'partition')::int = 3"),
				 1);
	}
END_TEST

START_TEST(a_worker_that_leaves_takes_its_row_along)
	{
		beat();
		ck_assert_int_eq(heartbeat_remove(pg, &me), 0);
		ck_assert_int_eq(n_rows("true"), 0);
	}
END_TEST

START_TEST(the_row_of_a_worker_that_died_goes_after_an_hour)
	{
		beat();
		postgres_exec(pg, "UPDATE control.heartbeats SET at = at -"
				  " interval '61 min', holder = 'dead'");
		beat();
		ck_assert_int_eq(n_rows("holder = 'dead'"), 0);
		ck_assert_int_eq(n_rows("holder = 'me'"), 1);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heartbeat");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_worker_that_is_ready_says_so_in_one_row);
	tcase_add_test(
		tcase,
		a_worker_that_is_not_ready_says_why_and_what_it_cannot_read);
	tcase_add_test(tcase, a_worker_that_leaves_takes_its_row_along);
	tcase_add_test(tcase, the_row_of_a_worker_that_died_goes_after_an_hour);
	return postgres_run(suite);
}
