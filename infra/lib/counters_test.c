/* SPDX-License-Identifier: MIT */
/* Counters: what /metrics says is Prometheus' text format, line by line. */
#include "infra/lib/counters.h"

#include <string.h>

#include "infra/lib/check_fixture.h"

struct rows {
	struct counter good, bad, plates, grilling;
};

static struct rows rows = {
	.good = { "orders_total",
		  "outcome=\"good\"",
		  "orders by outcome",
		  KIND_COUNTER,
		  0,
		  { 0 } },
	.bad = { "orders_total",
		 "outcome=\"bad\"",
		 "orders by outcome",
		 KIND_COUNTER,
		 0,
		 { 0 } },
	.plates = { "plates", "", "plates in use", KIND_GAUGE, 0, { 0 } },
	.grilling = { "grilling_seconds",
		      "",
		      "time on a plate",
		      KIND_HISTOGRAM,
		      0,
		      { 0 } },
};

static struct buf text;

static void begin(const char *labels)
{
	counters_init(labels);
	counters_register((struct counter *)&rows,
			  sizeof(rows) / sizeof(struct counter));
}

static const char *all(void)
{
	buf_reset(&text);
	counters_text(&text);
	buf_add(&text, "", 1);
	return text.p;
}

static int n_of(const char *words)
{
	int n = 0;

	for (const char *p = text.p; (p = strstr(p, words)); p++)
		n++;
	return n;
}

#define ck_assert_line(line)                                                   \
	ck_assert_msg(strstr(all(), line "\n"), "%s", text.p)

START_TEST(rows_of_one_name_have_one_help_and_one_type)
	{
		begin("");
		(void)all();
		ck_assert_int_eq(
			n_of("# HELP orders_total orders by outcome\n"), 1);
		ck_assert_int_eq(n_of("# TYPE orders_total counter\n"), 1);
		ck_assert_int_eq(n_of("# TYPE plates gauge\n"), 1);
		ck_assert_int_eq(n_of("# TYPE grilling_seconds histogram\n"),
				 1);
		ck_assert_int_eq(n_of("\n# HELP"), 2);
	}
END_TEST

START_TEST(what_was_counted_stands_behind_its_labels)
	{
		begin("");
		counter_add(&rows.good, 3);
		counter_add(&rows.good, 4);
		counter_set(&rows.plates, -1);
		ck_assert_line("orders_total{outcome=\"good\"} 7");
		ck_assert_line("orders_total{outcome=\"bad\"} 0");
		ck_assert_line("plates -1");
		ck_assert_int_eq(counter_get(&rows.good), 7);
	}
END_TEST

START_TEST(common_labels_are_on_every_row)
	{
		begin("version=\"1\",colour=\"blue\"");
		ck_assert_line("orders_total{outcome=\"good\",version=\"1\","
			       "colour=\"blue\"} 0");
		ck_assert_line("plates{version=\"1\",colour=\"blue\"} 0");
		ck_assert_line(
			"grilling_seconds_bucket{le=\"0.005\",version=\"1\","
			"colour=\"blue\"} 0");
		ck_assert_line("grilling_seconds_count{version=\"1\","
			       "colour=\"blue\"} 0");
	}
END_TEST

START_TEST(buckets_of_a_histogram_are_cumulative)
	{
		begin("");
		counter_observe_us(&rows.grilling, 5000, 1); /* on the bound */
		counter_observe_us(&rows.grilling, 5001, 2); /* above it */
		counter_observe_us(&rows.grilling, 20000000,
				   1); /* above them all */
		ck_assert_line("grilling_seconds_bucket{le=\"0.005\"} 1");
		ck_assert_line("grilling_seconds_bucket{le=\"0.01\"} 3");
		ck_assert_line("grilling_seconds_bucket{le=\"10\"} 3");
		ck_assert_line("grilling_seconds_bucket{le=\"+Inf\"} 4");
		ck_assert_line("grilling_seconds_count 4");
		ck_assert_line("grilling_seconds_sum 20.015002");
		ck_assert_int_eq(n_of("grilling_seconds_bucket"),
				 COUNTER_BUCKETS + 1);
	}
END_TEST

static void tell(void *arg, struct buf *out)
{
	counters_line(out, "asked", "", *(int64_t *)arg);
	counters_line(out, "asked", "of=\"x\"", 2);
}

START_TEST(what_is_asked_for_comes_with_the_common_labels)
	{
		int64_t value = 41;

		begin("colour=\"blue\"");
		counters_collect(tell, &value);
		ck_assert_line("asked{colour=\"blue\"} 41");
		ck_assert_line("asked{of=\"x\",colour=\"blue\"} 2");
	}
END_TEST

START_TEST(every_line_is_a_comment_or_a_name_and_a_number)
	{
		char name[256];
		double value;

		begin("version=\"1\"");
		for (const char *p = all(); *p; p = strchr(p, '\n') + 1) {
			ck_assert_ptr_nonnull(strchr(p, '\n'));
			if (!strncmp(p, "# HELP ", 7) ||
			    !strncmp(p, "# TYPE ", 7))
				continue;
			ck_assert_int_eq(sscanf(p, "%255[a-z_]{%*[^}]} %lf",
						name, &value),
					 2);
		}
	}
END_TEST

static void forget(void)
{
	buf_deinit(&text);
}

int main(void)
{
	Suite *suite = suite_create("counters");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, NULL, forget);
	tcase_add_test(tcase, rows_of_one_name_have_one_help_and_one_type);
	tcase_add_test(tcase, what_was_counted_stands_behind_its_labels);
	tcase_add_test(tcase, common_labels_are_on_every_row);
	tcase_add_test(tcase, buckets_of_a_histogram_are_cumulative);
	tcase_add_test(tcase, what_is_asked_for_comes_with_the_common_labels);
	tcase_add_test(tcase, every_line_is_a_comment_or_a_name_and_a_number);
	return check_run(suite);
}
