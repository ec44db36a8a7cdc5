/* SPDX-License-Identifier: MIT */
/* Counters: what /metrics says is Prometheus' text format, line by line. */
#include "infra/lib/counters.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"

struct rows {
	struct counter good, bad, plates, grilling;
};

/* clang-format off */
static struct rows rows = {
	.good = { "orders_total", "outcome=\"good\"", "orders by outcome", KIND_COUNTER, 0, { 0 } },
	.bad = { "orders_total", "outcome=\"bad\"", "orders by outcome", KIND_COUNTER, 0, { 0 } },
	.plates = { "plates", "", "plates in use", KIND_GAUGE, 0, { 0 } },
	.grilling = { "grilling_seconds", "", "time on a plate", KIND_HISTOGRAM, 0, { 0 } },
};
/* clang-format on */

static struct buf text;

static void begin(void)
{
	counters_init("1.2.3", "blue");
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

static int n_of(const char *part)
{
	int n = 0;

	for (const char *p = text.p; (p = strstr(p, part)); p++)
		n++;
	return n;
}

#define ck_assert_line(line)                                                   \
	ck_assert_msg(strstr(all(), line "\n"), "%s", text.p)

START_TEST(rows_of_one_name_have_one_help_and_one_type)
	{
		(void)all();
		ck_assert_int_eq(
			n_of("# HELP orders_total orders by outcome\n"), 1);
		ck_assert_int_eq(n_of("# TYPE orders_total counter\n"), 1);
		ck_assert_int_eq(n_of("# TYPE plates gauge\n"), 1);
		ck_assert_int_eq(n_of("# TYPE grilling_seconds histogram\n"),
				 1);
		ck_assert_int_eq(n_of("# HELP"), n_of("# TYPE"));
	}
END_TEST

START_TEST(what_was_counted_stands_behind_its_labels)
	{
		counter_add(&rows.good, 3);
		counter_add(&rows.good, 4);
		counter_set(&rows.plates, -1);
		ck_assert_line("orders_total{outcome=\"good\"} 7");
		ck_assert_line("orders_total{outcome=\"bad\"} 0");
		ck_assert_line("plates -1");
		ck_assert_int_eq(counter_get(&rows.good), 7);
	}
END_TEST

START_TEST(the_build_is_a_row_of_its_own_and_a_label_of_no_other)
	{
		ck_assert_line("# TYPE build_info gauge");
		ck_assert_line(
			"build_info{version=\"1.2.3\",colour=\"blue\"} 1");
		ck_assert_int_eq(n_of("1.2.3"), 1);
		ck_assert_int_eq(n_of("blue"), 1);
	}
END_TEST

START_TEST(a_label_may_be_any_text)
	{
		counters_init("a\\b\"c\nd", "");
		ck_assert_line("build_info{version=\"a\\\\b\\\"c\\nd\","
			       "colour=\"\"} 1");
	}
END_TEST

/* The value of the row @name. */
static double value_of(const char *name)
{
	char line[64];
	const char *p;

	(void)snprintf(line, sizeof(line), "\n%s ", name);
	p = strstr(all(), line);
	ck_assert_msg(p, "no row '%s'", name);
	return strtod(p + strlen(line), NULL);
}

START_TEST(the_process_is_shown_under_the_usual_names)
	{
		double fds, cpu;
		int fd;

		fds = value_of("process_open_fds");
		fd = dup(STDOUT_FILENO);
		ck_assert(value_of("process_open_fds") == fds + 1);
		(void)close(fd);
		ck_assert(value_of("process_max_fds") >= fds);
		ck_assert(value_of("process_threads") == 1);
		ck_assert(value_of("process_resident_memory_bytes") > 65536);
		ck_assert(value_of("process_virtual_memory_bytes") >
			  value_of("process_resident_memory_bytes"));
		ck_assert(value_of("process_start_time_seconds") <=
			  (double)time(NULL) + 1);
		ck_assert(value_of("process_start_time_seconds") >
			  (double)time(NULL) - 600);
		cpu = value_of("process_cpu_seconds_total");
		CHECK_WITHIN(5000, value_of("process_cpu_seconds_total") > cpu,
			     {});
	}
END_TEST

START_TEST(buckets_of_a_histogram_are_cumulative)
	{
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

static void show(void *arg, struct buf *out)
{
	counters_head(out, "asked", "asked for", KIND_GAUGE);
	counters_line(out, "asked", "", *(int64_t *)arg);
	counters_line(out, "asked", "of=\"x\"", 2);
}

START_TEST(what_is_asked_for_comes_with_the_others)
	{
		int64_t value = 41;

		counters_collect(show, &value);
		ck_assert_line("# TYPE asked gauge");
		ck_assert_line("asked 41");
		ck_assert_line("asked{of=\"x\"} 2");
	}
END_TEST

START_TEST(every_line_is_a_comment_or_a_name_and_a_number)
	{
		char name[256];
		double value;

		for (const char *p = all(); *p; p = strchr(p, '\n') + 1) {
			ck_assert_ptr_nonnull(strchr(p, '\n'));
			if (!strncmp(p, "# HELP ", 7) ||
			    !strncmp(p, "# TYPE ", 7))
				continue;
			if (sscanf(p, "%255[a-z_]{%*[^}]} %lf", name, &value) !=
			    2)
				ck_assert_int_eq(sscanf(p, "%255[a-z_] %lf",
							name, &value),
						 2);
		}
	}
END_TEST

START_TEST(what_is_counted_is_json_too)
	{
		counter_set(&rows.good, 7);
		counter_observe_us(&rows.grilling, 20000, 2);
		buf_reset(&text);
		buf_text(&text, "{\"worker\":");
		counters_json(&text);
		buf_add(&text, "}", 2);
		ck_assert_str_eq(text.p,
				 "{\"worker\":{"
				 "\"orders_total{outcome=\\\"good\\\"}\":7,"
				 "\"orders_total{outcome=\\\"bad\\\"}\":0,"
				 "\"plates\":0,\"grilling_seconds\":"
				 "[0,0,2,0,0,0,0,0,0,0,0,0,0,0,0]}}");
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

	tcase_add_checked_fixture(tcase, begin, forget);
	tcase_add_test(tcase, rows_of_one_name_have_one_help_and_one_type);
	tcase_add_test(tcase, what_was_counted_stands_behind_its_labels);
	tcase_add_test(tcase,
		       the_build_is_a_row_of_its_own_and_a_label_of_no_other);
	tcase_add_test(tcase, a_label_may_be_any_text);
	tcase_add_test(tcase, the_process_is_shown_under_the_usual_names);
	tcase_add_test(tcase, buckets_of_a_histogram_are_cumulative);
	tcase_add_test(tcase, what_is_asked_for_comes_with_the_others);
	tcase_add_test(tcase, what_is_counted_is_json_too);
	tcase_add_test(tcase, every_line_is_a_comment_or_a_name_and_a_number);
	return check_run(suite);
}
