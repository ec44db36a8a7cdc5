/* SPDX-License-Identifier: MIT */
/* Report: lines of the log, counters, and the stock of a real server. */
#include "workers/chillybin/report.h"

#include <string.h>
#include <unistd.h>

#include "infra/lib/counters.h"
#include "infra/lib/postgres/postgres_fixture.h"
#include "workers/chillybin/sql.h"

#define ID "01000000-0000-0000-0000-000000000000"
#define TRACE_DIGITS "0af7651916cd43dd8448eb211c80319c"
#define TRACE "00-" TRACE_DIGITS "-b7ad6b7169203331-01"

static struct report report = REPORT_INIT;
static FILE *out;
static struct buf metrics;
static char text[1024 * 1024];

static struct missing missing[] = { { TEXT_INIT("bread"), 2, 1 },
				    { TEXT_INIT("ham"), 1, 0 } };
static struct order_row order = {
	.id = { { 1 } },
	.number = 1234,
	.verdict = VERDICT_PICKED,
	.missing = missing,
	.partition = 3,
	.offset = 10,
	.traceparent = TEXT_INIT(TRACE),
};
static struct input input = { .kind = INPUT_ORDER,
			      .is_new = true,
			      .row = &order };
static struct record record = { .item = &input };

static void setup(void)
{
	out = tmpfile();
	ck_assert_ptr_nonnull(out);
	log_init(&(struct log_params){ .out = out,
				       .program = "chillybin",
				       .version = "1",
				       .colour = "blue",
				       .level = LOG_INFO });
	report_register(&report);
}

static void teardown(void)
{
	(void)fclose(out);
	buf_deinit(&metrics);
	report_deinit(&report);
}

/* All that was logged so far. */
static const char *logged(void)
{
	ssize_t n = pread(fileno(out), text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

/* What /metrics shows now. */
static const char *shown(void)
{
	buf_reset(&metrics);
	counters_text(&metrics);
	buf_add(&metrics, "", 1);
	return metrics.p;
}

static size_t count(const char *in, const char *part)
{
	size_t n = 0;

	while ((in = strstr(in, part))) {
		in++;
		n++;
	}
	return n;
}

#define ck_assert_shown(line)                                                  \
	ck_assert_msg(strstr(shown(), "\n" line "\n"), "%s", metrics.p)

static void refuse(int64_t left)
{
	order.verdict = VERDICT_REFUSED;
	order.n_missing = 2;
	missing[1].left = left;
}

/* ---- orders ---- */

START_TEST(a_decided_order_leaves_a_line_with_all_that_names_it)
	{
		char code[CALL_CODE_CHARS + 1], line[512];

		report_decided(&report, &record);
		(void)snprintf(line, sizeof(line),
			       "level=info id=ORDER-DECIDED program=chillybin"
			       " version=1 colour=blue msg=\"order %s, number"
			       " 1234, is picked\" order=\"" ID
			       "\" topic=orders partition=3"
			       " offset=10 trace=\"" TRACE_DIGITS "\"\n",
			       order_call_code(&order.id, code));
		ck_assert_msg(strstr(logged(), line), "%s is not %s", text,
			      line);
		order.traceparent = (struct text){ 0 };
		report_decided(&report, &record);
		ck_assert_uint_eq(count(logged(), "trace="), 1);
		ck_assert_uint_eq(count(logged(), "\n"), 2);
	}
END_TEST

START_TEST(a_refusal_says_why_and_is_counted_by_reason)
	{
		refuse(0);
		report_decided(&report, &record);
		ck_assert_uint_eq(count(logged(), "is refused, out of stock\""),
				  1);
		refuse(MISSING_UNKNOWN);
		report_decided(&report, &record);
		ck_assert_uint_eq(count(logged(),
					"is refused, an ingredient is unknown"
					"\""),
				  1);
		ck_assert_shown("galore_orders_total{verdict=\"refused\"} 2");
		ck_assert_shown("galore_orders_total{verdict=\"picked\"} 0");
		ck_assert_shown("galore_refusals_total"
				"{reason=\"out-of-stock\"} 1");
		ck_assert_shown("galore_refusals_total"
				"{reason=\"unknown-ingredient\"} 1");
	}
END_TEST

START_TEST(a_repeat_is_neither_logged_nor_counted)
	{
		input.is_new = false;
		report_decided(&report, &record);
		input.kind = INPUT_RETURN;
		report_decided(&report, &record);
		input.kind = INPUT_CANCELLATION;
		input.cancel_verdict = VERDICT_CANCELLED;
		report_decided(&report, &record);
		ck_assert_str_eq(logged(), "");
		ck_assert_shown("galore_orders_total{verdict=\"picked\"} 0");
		ck_assert_shown("galore_returns_total 0");
		ck_assert_shown("galore_cancellations_total"
				"{verdict=\"cancelled\"} 0");
		input.cancel_verdict = VERDICT_KEPT;
		report_decided(&report, &record);
		ck_assert_shown("galore_cancellations_total"
				"{verdict=\"kept\"} 1");
	}
END_TEST

START_TEST(a_flood_of_orders_leaves_some_lines_and_how_many_were_left_out)
	{
		size_t n = 0, n_lines;
		char line[64];

		for (; n < 10 * ORDERS_A_SECOND; n++)
			report_decided(&report, &record);
		n_lines = count(logged(), "id=ORDER-DECIDED");
		ck_assert_uint_ge(n_lines, ORDERS_A_SECOND);
		ck_assert_uint_lt(n_lines, n / 2);
		CHECK_WITHIN(5000,
			     count(logged(), "lines about decided orders") > 0,
			     {
				     n++;
				     report_decided(&report, &record);
			     });
		ck_assert_uint_eq(count(logged(), "id=LINES-LEFT-OUT"), 1);
		(void)snprintf(line, sizeof(line), "msg=\"%zu lines about",
			       n - count(logged(), "id=ORDER-DECIDED"));
		ck_assert_uint_eq(count(logged(), line), 1);
	}
END_TEST

/* ---- stock ---- */

START_TEST(the_first_of_the_stock_is_shown_when_it_has_been_read)
	{
		const char *url = postgres_database();
		struct pg *pg = postgres_connect(url, "galore");

		postgres_exec(pg, "INSERT INTO stock VALUES"
				  " ('main', E'a \"b\" \\\\ c\\nd', 7),"
				  " ('main', repeat('x', 2000), 1);"
				  "INSERT INTO stock SELECT 'pier', 'i' || n, n"
				  " FROM generate_series(1, 200) AS n");
		ck_assert_int_eq(report_read_stock(&report, pg), 0);
		ck_assert_uint_eq(count(shown(), "galore_stock{"), 0);
		ck_assert_shown("# TYPE galore_stock gauge");
		report_show_stock(&report);
		ck_assert_shown("galore_stock{stall=\"main\",ingredient="
				"\"a \\\"b\\\" \\\\ c\\nd\"} 7");
		ck_assert_shown("galore_stock{stall=\"pier\","
				"ingredient=\"i1\"} 1");
		/* One has a name that no message can have. */
		ck_assert_uint_eq(count(shown(), "galore_stock{"),
				  STOCK_SHOWN_MAX - 1);
		postgres_exec(pg, "DELETE FROM stock WHERE stall = 'pier'");
		ck_assert_int_eq(report_read_stock(&report, pg), 0);
		report_show_stock(&report);
		ck_assert_uint_eq(count(shown(), "galore_stock{"), 1);
		(void)pg_free(pg);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       a_decided_order_leaves_a_line_with_all_that_names_it);
	tcase_add_test(tcase, a_refusal_says_why_and_is_counted_by_reason);
	tcase_add_test(tcase, a_repeat_is_neither_logged_nor_counted);
	tcase_add_test(
		tcase,
		a_flood_of_orders_leaves_some_lines_and_how_many_were_left_out);
	tcase_add_test(tcase,
		       the_first_of_the_stock_is_shown_when_it_has_been_read);
	return postgres_run(suite);
}
