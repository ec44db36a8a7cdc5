/* SPDX-License-Identifier: MIT */
/* Sent: the pool, the lines of the record, and the summary. */
#include <signal.h>

#include "infra/lib/check_fixture.h"
#include "producers/stampede/sent.h"

static struct conf conf;
static struct orders orders;
static struct buf line;

static void setup(void)
{
	ck_assert_int_eq(conf_load(&stampede_conf, &conf), 0);
	conf.items = "bread=100";
	conf.stalls = "the \"best\"";
	ck_assert_int_eq(orders_init(&orders, &conf, 7), 0);
}

static void teardown(void)
{
	orders_deinit(&orders);
	buf_deinit(&line);
}

static const struct arrival arrived = { "orders", 3, 9, 1001 };
static const struct arrival unknown = { .topic = "orders", .offset = -1 };

static const struct {
	struct sent sent;
	const struct arrival *arrival;
	const char *says[3], *does_not_say;
} lines[] = {
	{ { .sent_ms = 1000 },
	  &arrived,
	  { "{\"kind\":\"order\",\"outcome\":\"ok\",\"id\":\"",
	    "\"stall\":\"the \\\"best\\\"\",\"customer\":\"customer-",
	    "\"version\":2,\"topic\":\"orders\",\"partition\":3,"
	    "\"offset\":9,\"sent_ms\":1000,\"acked_ms\":1001}\n" },
	  "sort" },
	{ { .sent_ms = 1000 },
	  &arrived,
	  { "\"items\":{\"bread\":2}" },
	  "sort" },
	{ { .step.kind = SENT_DUPLICATE },
	  &unknown,
	  { "\"kind\":\"duplicate\",\"outcome\":\"info\"" },
	  "offset" },
	{ { .step.kind = SENT_DUPLICATE }, &unknown, { "{" }, "acked_ms" },
	{ { .step = { SENT_POISON, POISON_TRUNCATED, 0 } },
	  &arrived,
	  { "\"sort\":\"truncated\"" },
	  "stall" },
	{ { .step = { .kind = SENT_RESTOCK, .index = 1 } },
	  &arrived,
	  { "\"items\":{\"cheese\":50}" },
	  "sort" },
};

START_TEST(a_line_says_what_was_sent_and_where_it_arrived)
	{
		sent_line(&orders, &lines[_i].sent, 50, lines[_i].arrival,
			  &line);
		buf_add(&line, "", 1);
		for (int i = 0; i < 3 && lines[_i].says[i]; i++)
			ck_assert_ptr_nonnull(
				strstr(line.p, lines[_i].says[i]));
		ck_assert_ptr_null(strstr(line.p, lines[_i].does_not_say));
	}
END_TEST

START_TEST(entries_run_out_and_come_back)
	{
		struct sent_pool pool;
		struct sent *first;

		sent_init(&pool, 2);
		first = sent_get(&pool);
		ck_assert_ptr_nonnull(first);
		ck_assert_ptr_nonnull(sent_get(&pool));
		ck_assert_ptr_null(sent_get(&pool));
		sent_release(&pool, first);
		ck_assert_ptr_eq(sent_get(&pool), first);
		sent_deinit(&pool);
	}
END_TEST

START_TEST(an_entry_that_comes_back_twice_aborts)
	{
		struct sent_pool pool;
		struct sent *sent;

		sent_init(&pool, 1);
		sent = sent_get(&pool);
		sent_release(&pool, sent);
		sent_release(&pool, sent);
	}
END_TEST

/* ---- the summary ---- */

static struct score score;

START_TEST(a_percentile_is_what_so_many_were_within)
	{
		for (int ms = 1; ms <= 100; ms++)
			score_acked(&score, SENT_ORDER, ms * 1000);
		score_acked(&score, SENT_RESTOCK, 9000000); /* not timed */
		ck_assert_int_eq(score_percentile_ms(&score, 50), 50);
		ck_assert_int_eq(score_percentile_ms(&score, 99), 99);
		ck_assert_int_eq(score_percentile_ms(&score, 100), 100);
		ck_assert_int_eq(score.longest_us, 100000);
	}
END_TEST

START_TEST(what_took_longer_than_is_counted_is_the_last_of_the_counts)
	{
		score_acked(&score, SENT_ORDER, INT64_C(3600000000));
		ck_assert_int_eq(score_percentile_ms(&score, 50), 10000);
		ck_assert_int_eq(score.longest_us, INT64_C(3600000000));
	}
END_TEST

START_TEST(the_summary_has_all_of_it)
	{
		score.n_sent[SENT_ORDER] = 3;
		score.n_sent[SENT_RESTOCK] = 1;
		score.n_sent[SENT_POISON] = 1;
		score.n_v1 = 2;
		score.n_refused = 1;
		score.started_us = 1000000;
		score.ended_us = 1500000;
		score_acked(&score, SENT_ORDER, 2000);
		score_acked(&score, SENT_ORDER, 4000);
		score_acked(&score, SENT_RESTOCK, 1);
		score_summary(&score, 7, &line);
		CHECK_BYTES(line.p, line.n,
			    "{\"seed\":7,\"orders\":3,\"duplicates\":0,"
			    "\"poison\":1,\"restocks\":1,\"v1\":2,"
			    "\"acked\":3,\"unacked\":2,\"refused\":1,"
			    "\"seconds\":0.500,\"per_second\":4,"
			    "\"ack_ms\":{\"p50\":2,\"p99\":4,\"max\":4}}\n");
	}
END_TEST

START_TEST(a_run_that_sent_nothing_has_a_summary_too)
	{
		score_summary(&score, 1, &line);
		buf_add(&line, "", 1);
		ck_assert_ptr_nonnull(strstr(line.p, "\"per_second\":0,"));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sent");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
			    a_line_says_what_was_sent_and_where_it_arrived, 0,
			    CHECK_N(lines));
	tcase_add_test(tcase, entries_run_out_and_come_back);
	tcase_add_test_raise_signal(
		tcase, an_entry_that_comes_back_twice_aborts, SIGABRT);
	tcase_add_test(tcase, a_percentile_is_what_so_many_were_within);
	tcase_add_test(
		tcase,
		what_took_longer_than_is_counted_is_the_last_of_the_counts);
	tcase_add_test(tcase, the_summary_has_all_of_it);
	tcase_add_test(tcase, a_run_that_sent_nothing_has_a_summary_too);
	return check_run(suite);
}
