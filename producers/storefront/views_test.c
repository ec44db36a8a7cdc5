/* SPDX-License-Identifier: MIT */
/*
 * Views: each request is answered once and in time, whether the database is
 * there, is not, goes, or takes the connection and says nothing.
 */
#include "producers/storefront/views.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "infra/lib/postgres_fixture.h"

enum { TIMEOUT_MS = 300, QUEUE_MAX = 4, LATE_MS = 10000 };

static struct loop *loop;
static struct views *views;
static int n_answers, n_away, n_none;

static void take_order(void *arg, int r, const struct order *order)
{
	(void)arg;
	(void)order;
	n_answers++;
	n_away += r == VIEWS_E_AWAY;
	n_none += r == VIEWS_E_NONE;
}

static void take_stock(void *arg, int r, const struct buf *json)
{
	struct buf *ret = arg;

	n_answers++;
	n_away += r == VIEWS_E_AWAY;
	if (!r)
		buf_add(ret, json->p, json->n);
}

static void start(const char *url)
{
	const struct views_params params = {
		.loop = loop,
		.url = url,
		.schema = "galore",
		.n_readers = 2,
		.timeout_ms = TIMEOUT_MS,
		.queue_max = QUEUE_MAX,
	};

	ck_assert_int_eq(views_new(&views, &params), 0);
}

static void setup(void)
{
	n_answers = n_away = n_none = 0;
	ck_assert_int_eq(loop_new(&loop), 0);
}

static void teardown(void)
{
	views = views_free(views);
	loop = loop_free(loop);
}

static void turn(void)
{
	loop_wait(loop, 10);
	views_serve(views);
}

static void ask(int n)
{
	for (int i = 0; i < n; i++)
		views_order(views, &(struct order_id){ { 1 } }, take_order,
			    NULL);
}

static void assert_all_away(int n)
{
	int64_t begun_at_ms = clock_now_ms();

	ask(n);
	ck_assert_int_eq(n_answers, 0); /* never from within */
	CHECK_WITHIN(LATE_MS, n_answers == n, turn());
	ck_assert_int_eq(n_away, n);
	/* Its own deadline, and that of those before it. */
	ck_assert_int_lt(clock_now_ms() - begun_at_ms, 5000);
	ck_assert(!views_ready(views));
}

START_TEST(what_is_asked_is_answered_from_the_database)
	{
		struct buf json = { 0 };

		start(postgres_database());
		CHECK_WITHIN(LATE_MS, views_ready(views), turn());
		ask(2);
		views_stock(views, TEXT("main"), take_stock, &json);
		CHECK_WITHIN(LATE_MS, n_answers == 3, turn());
		ck_assert_int_eq(n_none, 2);
		CHECK_BYTES(json.p, json.n, "{}");
		buf_deinit(&json);
	}
END_TEST

START_TEST(a_database_that_is_not_there_is_away_in_time)
	{
		start("host=127.0.0.1 port=1");
		assert_all_away(3);
	}
END_TEST

START_TEST(more_than_may_wait_are_away_at_once)
	{
		start("host=127.0.0.1 port=1");
		assert_all_away(QUEUE_MAX * 10);
	}
END_TEST

START_TEST(a_server_that_says_nothing_is_away_in_time)
	{
		struct sockaddr_in address = {
			.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};
		socklen_t n = sizeof(address);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char url[64];

		ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, n), 0);
		ck_assert_int_eq(listen(fd, 16), 0);
		ck_assert_int_eq(
			getsockname(fd, (struct sockaddr *)&address, &n), 0);
		(void)snprintf(url, sizeof(url), "host=127.0.0.1 port=%d",
			       ntohs(address.sin_port));
		start(url);
		assert_all_away(3);
		(void)close(fd);
	}
END_TEST

START_TEST(a_session_that_was_cut_costs_no_answer)
	{
		const char *url = postgres_database();

		start(url);
		CHECK_WITHIN(LATE_MS, views_ready(views), turn());
		ck_assert_int_eq(
			postgres_number(
				url, "SELECT count(pg_terminate_backend(pid)) "
				     "FROM pg_stat_activity WHERE "
				     "application_name = 'storefront' AND "
				     "datname = current_database()") > 0,
			1);
		ask(1);
		CHECK_WITHIN(LATE_MS, n_answers == 1, turn());
		ck_assert_int_eq(n_none, 1);
	}
END_TEST

START_TEST(a_table_that_is_locked_is_away_in_time_and_back_later)
	{
		const char *url = postgres_database();
		struct pg *other = postgres_connect(url, "galore");

		start(url);
		CHECK_WITHIN(LATE_MS, views_ready(views), turn());
		postgres_exec(other, "BEGIN; LOCK TABLE orders");
		assert_all_away(3);
		(void)pg_free(other);
		CHECK_WITHIN(LATE_MS, views_ready(views), turn());
		ask(1);
		CHECK_WITHIN(LATE_MS, n_answers == 4, turn());
		ck_assert_int_eq(n_none, 1);
	}
END_TEST

START_TEST(what_waits_at_the_end_is_answered_then)
	{
		start("host=127.0.0.1 port=1");
		ask(QUEUE_MAX);
		views = views_free(views);
		ck_assert_int_eq(n_away, QUEUE_MAX);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("views");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_asked_is_answered_from_the_database);
	tcase_add_test(tcase, a_database_that_is_not_there_is_away_in_time);
	tcase_add_test(tcase, more_than_may_wait_are_away_at_once);
	tcase_add_test(tcase, a_server_that_says_nothing_is_away_in_time);
	tcase_add_test(tcase, a_session_that_was_cut_costs_no_answer);
	tcase_add_test(tcase,
		       a_table_that_is_locked_is_away_in_time_and_back_later);
	tcase_add_test(tcase, what_waits_at_the_end_is_answered_then);
	return postgres_run(suite);
}
