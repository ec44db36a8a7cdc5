/* SPDX-License-Identifier: MIT */
/*
 * Views: what the rows of the views mean, on a real server as migrated; and
 * each request is answered once and in time, whether the database is there, is
 * not, goes, or accepts the connection and says nothing.
 */
#include "producers/storefront/views.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "infra/lib/loop.h"
#include "infra/lib/postgres/postgres_fixture.h"

#define ID "01000000-0000-0000-0000-000000000000"
#define NOWHERE "host=127.0.0.1 port=1"

enum { TIMEOUT_MS = 300, QUEUE_MAX = 4, LATE_MS = 10000 };

static struct conf conf = {
	.database_schema = "galore",
	.view_readers = 2,
	.view_timeout_ms = TIMEOUT_MS,
	.view_queue_max = QUEUE_MAX,
};
static struct loop *loop;
static struct views *views;
static struct pg *pg; /* to make what is read */
static int n_answers, n_away, n_none;
static struct buf shown; /* the last order or stock that was found, in JSON */
static int64_t shown_seq;

static void count(int r)
{
	n_answers++;
	n_away += r == VIEWS_E_AWAY;
	n_none += r == VIEWS_E_NONE;
	if (!r)
		buf_reset(&shown);
}

static void on_order(void *arg, int r, const struct order *order)
{
	(void)arg;
	count(r);
	if (r)
		return;
	order_json(order, &shown);
	shown_seq = order->facts.toastie_seq;
}

static void on_stock(void *arg, int r, const struct buf *json)
{
	(void)arg;
	count(r);
	if (!r)
		buf_add(&shown, json->p, json->n);
}

static void start(const char *url)
{
	const struct shop shop = { .conf = &conf, .loop = loop };

	conf.database_url = url;
	ck_assert_int_eq(views_new(&views, &shop), 0);
}

static void setup(void)
{
	n_answers = n_away = n_none = 0;
	ck_assert_int_eq(loop_new(&loop), 0);
}

static void teardown(void)
{
	views = views_free(views);
	pg = pg_free(pg);
	loop = loop_free(loop);
	buf_deinit(&shown);
}

static void turn(void)
{
	loop_wait(loop, 10);
	views_serve(views);
}

static const char *setup_database(void)
{
	const char *url = postgres_database();

	pg = postgres_connect(url, "galore");
	start(url);
	CHECK_WITHIN(LATE_MS, views_ready(views), turn());
	return url;
}

static void ask(int n)
{
	for (int i = 0; i < n; i++)
		views_order(views, &(struct order_id){ { 1 } }, on_order, NULL);
}

static void wait_for_answers(int n)
{
	CHECK_WITHIN(LATE_MS, n_answers == n, turn());
}

/* ---- rows ---- */

static const struct {
	const char *verdict, *missing, *cancelled_at, *returned_at; /* SQL */
	const char *toastie; /* its state, grill and plate; NULL: none */
	const char *json;
} lives[] = {
	{ "picked", "NULL", "NULL", "NULL", NULL,
	  "queued\",\"returned\":false,\"missing\":[],\"plate\":null}" },
	{ "refused", "'2/1 ham;1/? moon'", "NULL", "NULL", NULL,
	  "refused\",\"returned\":false,\"missing\":[{\"ingredient\":\"ham\","
	  "\"wanted\":2,\"left\":1},{\"ingredient\":\"moon\",\"wanted\":1,"
	  "\"left\":null}],\"plate\":null}" },
	{ "picked", "NULL", "NULL", "NULL", "'collecting', NULL, NULL",
	  "queued\",\"returned\":false,\"missing\":[],\"plate\":null}" },
	{ "picked", "NULL", "NULL", "NULL", "'queued', NULL, NULL",
	  "queued\",\"returned\":false,\"missing\":[],\"plate\":null}" },
	{ "picked", "NULL", "NULL", "NULL", "'grilling', 'g1', 3",
	  "grilling\",\"returned\":false,\"missing\":[],\"plate\":\"g1/3\"}" },
	{ "picked", "NULL", "NULL", "NULL", "'done', 'g1', 0",
	  "done\",\"returned\":false,\"missing\":[],\"plate\":\"g1/0\"}" },
	{ "picked", "NULL", "NULL", "NULL", "'failed', 'g1', 3",
	  "failed\",\"returned\":false,\"missing\":[],\"plate\":\"g1/3\"}" },
	{ "picked", "NULL", "NULL", "NULL", "'uncertain', 'g1', 3",
	  "uncertain\",\"returned\":false,\"missing\":[],\"plate\":\"g1/3\"}" },
	{ "picked", "NULL", "NULL", "NULL", "'returned', NULL, NULL",
	  "returned\",\"returned\":true,\"missing\":[],\"plate\":null}" },
	{ "picked", "NULL", "now()", "NULL", NULL,
	  "cancelled\",\"returned\":false,\"missing\":[],\"plate\":null}" },
	{ "picked", "NULL", "now()", "NULL", "'cancelled', NULL, NULL",
	  "cancelled\",\"returned\":false,\"missing\":[],\"plate\":null}" },
	{ "picked", "NULL", "now()", "now()", "'cancelled', NULL, NULL",
	  "cancelled\",\"returned\":true,\"missing\":[],\"plate\":null}" },
	{ "picked", "NULL", "now()", "now()", "'returned', NULL, NULL",
	  "cancelled\",\"returned\":true,\"missing\":[],\"plate\":null}" },
};

static void insert_life(int i)
{
	struct buf sql = { 0 };

	buf_printf(&sql,
		   "INSERT INTO orders (order_id, stall, customer, items,"
		   " doneness, grill, verdict, missing, cancelled_at,"
		   " returned_at, content_hash, order_version, pick_version,"
		   " partition, \"offset\", decided_at) VALUES ('" ID "',"
		   " 'main', 'gita', '2147483647 cr\xc3\xa8me \"x\"', 'w',"
		   " true, '%.1s', %s, %s, %s, 1, 2, 2, 5, 6, now());",
		   lives[i].verdict, lives[i].missing, lives[i].cancelled_at,
		   lives[i].returned_at);
	if (lives[i].toastie)
		buf_printf(&sql,
			   "INSERT INTO toasties (order_id, stall, doneness,"
			   " seq, lines, partition, \"offset\", bucket,"
			   " changed_at, state, grill, plate) SELECT '" ID "',"
			   " 'main', 'light', 4, 1, 3, 9, 0, now(), %s",
			   lives[i].toastie);
	buf_add(&sql, "", 1);
	postgres_exec(pg, sql.p);
	buf_deinit(&sql);
}

START_TEST(the_life_of_an_order_is_read_from_all_its_rows)
	{
		struct buf wanted = { 0 };

		(void)setup_database();
		insert_life(_i);
		ask(1);
		wait_for_answers(1);
		buf_printf(&wanted,
			   "{\"order_id\":\"" ID "\",\"number\":77,"
			   "\"code\":\"E945\",\"stall\":\"main\","
			   "\"customer\":\"gita\",\"items\":[{\"ingredient\":"
			   "\"cr\xc3\xa8me \\\"x\\\"\",\"quantity\":2147483647}"
			   "],\"doneness\":\"well-done\",\"state\":\"%s",
			   lives[_i].json);
		buf_add(&wanted, "", 1);
		CHECK_BYTES(shown.p, shown.n, wanted.p);
		ck_assert_int_eq(shown_seq, lives[_i].toastie ? 4 : -1);
		buf_deinit(&wanted);
	}
END_TEST

static const struct {
	const char *stall, *json;
} stocks[] = {
	{ "main", "{\"Brie\":9000000000,\"a \\\"b\\\"\":0,\"ham\":3}" },
	{ "north", "{\"x\":1}" },
	{ "main'; DROP TABLE stock; --", "{}" },
};

START_TEST(a_stock_is_read_with_its_names_sorted)
	{
		(void)setup_database();
		postgres_exec(pg, "INSERT INTO stock VALUES ('main', 'ham', 3),"
				  " ('main', 'Brie', 9000000000),"
				  " ('main', 'a \"b\"', 0), ('north', 'x', 1)");
		ask(2); /* in the same message */
		views_stock(views, text_of(stocks[_i].stall), on_stock, NULL);
		wait_for_answers(3);
		ck_assert_int_eq(n_none, 2);
		CHECK_BYTES(shown.p, shown.n, stocks[_i].json);
	}
END_TEST

START_TEST(a_view_that_cannot_be_read_is_noticed)
	{
		(void)setup_database();
		postgres_exec(pg, "DROP VIEW positions_view");
		CHECK_WITHIN(LATE_MS, !views_ready(views), turn());
	}
END_TEST

/* ---- in time ---- */

static void assert_all_away(int n)
{
	int64_t begun_at_ms = clock_now_ms();

	ask(n);
	ck_assert_int_eq(n_answers, 0); /* never from within */
	wait_for_answers(n);
	ck_assert_int_eq(n_away, n);
	/* Its own deadline, and that of those before it. */
	ck_assert_int_lt(clock_now_ms() - begun_at_ms, 5000);
	ck_assert(!views_ready(views));
}

static const int n_asked[] = { 3, QUEUE_MAX * 10 };

START_TEST(a_database_that_is_not_there_is_away_in_time)
	{
		start(NOWHERE);
		assert_all_away(n_asked[_i]);
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
		static char url[64];

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
		const char *url = setup_database();

		ck_assert_int_eq(
			postgres_number(
				url, "SELECT count(pg_terminate_backend(pid)) "
				     "FROM pg_stat_activity WHERE "
				     "application_name = 'storefront' AND "
				     "datname = current_database()") > 0,
			1);
		ask(1);
		wait_for_answers(1);
		ck_assert_int_eq(n_none, 1);
	}
END_TEST

START_TEST(a_table_that_is_locked_is_away_in_time_and_back_later)
	{
		(void)setup_database();
		postgres_exec(pg, "BEGIN; LOCK TABLE orders");
		assert_all_away(3);
		pg = pg_free(pg);
		CHECK_WITHIN(LATE_MS, views_ready(views), turn());
		ask(1);
		wait_for_answers(4);
		ck_assert_int_eq(n_none, 1);
	}
END_TEST

START_TEST(what_waits_at_the_end_is_answered_then)
	{
		start(NOWHERE);
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
	tcase_add_loop_test(tcase,
			    the_life_of_an_order_is_read_from_all_its_rows, 0,
			    CHECK_N(lives));
	tcase_add_loop_test(tcase, a_stock_is_read_with_its_names_sorted, 0,
			    CHECK_N(stocks));
	tcase_add_test(tcase, a_view_that_cannot_be_read_is_noticed);
	tcase_add_loop_test(tcase, a_database_that_is_not_there_is_away_in_time,
			    0, CHECK_N(n_asked));
	tcase_add_test(tcase, a_server_that_says_nothing_is_away_in_time);
	tcase_add_test(tcase, a_session_that_was_cut_costs_no_answer);
	tcase_add_test(tcase,
		       a_table_that_is_locked_is_away_in_time_and_back_later);
	tcase_add_test(tcase, what_waits_at_the_end_is_answered_then);
	return postgres_run(suite);
}
