/* SPDX-License-Identifier: MIT */
/* Log: one event is one line, whatever is in it. */
#include "infra/lib/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"

static char text[1024 * 1024];
static size_t n_text;
static FILE *out;

static void open_log(void)
{
	out = tmpfile();
	ck_assert_ptr_nonnull(out);
	log_init(&(struct log_params){
		.out = out,
		.program = "tester",
		.version = "1.2.3",
		.colour = "blue",
		.level = LOG_INFO,
	});
}

static void close_log(void)
{
	log_about(NULL);
	(void)fclose(out);
}

/* All that was logged so far. */
static const char *said(void)
{
	ssize_t n = pread(fileno(out), text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	n_text = (size_t)n;
	text[n_text] = '\0';
	return text;
}

static size_t n_lines(void)
{
	size_t n = 0;

	(void)said();
	for (size_t i = 0; i < n_text; i++)
		n += text[i] == '\n';
	return n;
}

START_TEST(a_line_says_when_how_bad_who_and_what)
	{
		log_warn("STOCK-BUSY", "stock is busy, will retry in %d ms",
			 200);
		ck_assert_int_eq(strncmp(said(), "time=20", 7), 0);
		ck_assert_msg(
			strstr(text,
			       "Z level=warn id=STOCK-BUSY program=tester "
			       "version=1.2.3 colour=blue msg=\"stock is "
			       "busy, will retry in 200 ms\"\n"),
			"%s", text);
	}
END_TEST

START_TEST(a_line_below_the_level_is_not_written)
	{
		log_debug("DETAIL", "nobody wants to know");
		ck_assert_str_eq(said(), "");
	}
END_TEST

static const struct {
	const char *given, *expected;
} messages[] = {
	{ "a \"quoted\" word", "msg=\"a \\\"quoted\\\" word\"\n" },
	{ "a back\\slash", "msg=\"a back\\\\slash\"\n" },
	{ "one\nlevel=error id=FORGED", "msg=\"one level=error id=FORGED\"\n" },
	{ "one\r\ttwo\x1b[31m", "msg=\"one  two [31m\"\n" },
	{ "ends \\", "msg=\"ends \\\\\"\n" },
	{ "", "msg=\"\"\n" },
};

START_TEST(nothing_in_a_message_can_end_the_line)
	{
		log_info("SAID", "%s", messages[_i].given);
		ck_assert_uint_eq(n_lines(), 1);
		ck_assert_msg(strstr(text, messages[_i].expected), "%s", text);
	}
END_TEST

START_TEST(a_message_that_is_too_long_is_cut_and_ends_its_line)
	{
		char *long_text = malloc(100000);

		ck_assert_ptr_nonnull(long_text);
		memset(long_text, '"', 99999);
		long_text[99999] = '\0';
		log_info("LONG", "%s", long_text);
		log_info("NEXT", "the next one");
		ck_assert_uint_eq(n_lines(), 2);
		ck_assert_ptr_nonnull(strstr(text, "\ntime="));
		free(long_text);
	}
END_TEST

START_TEST(what_a_line_is_about_is_added_until_it_is_cleared)
	{
		struct log_subject subject = {
			.name = "order",
			.value = "an \"order\"",
			.topic = "orders",
			.partition = 3,
			.offset = 1234,
			.trace = "00-ab",
		};

		log_about(&subject);
		log_info("ONE", "with");
		log_about(NULL);
		log_info("TWO", "without");
		ck_assert_msg(strstr(said(),
				     "msg=\"with\" order=\"an \\\"order\\\"\" "
				     "topic=orders partition=3 offset=1234 "
				     "trace=\"00-ab\"\n"),
			      "%s", text);
		ck_assert_msg(strstr(text, "msg=\"without\"\n"), "%s", text);
	}
END_TEST

enum { N_THREADS = 4, N_EACH = 500 };

static void *talk(void *arg)
{
	struct log_subject subject = { .name = "order", .value = arg };

	log_about(&subject);
	for (int i = 0; i < N_EACH; i++)
		log_info("TALK", "%s", (const char *)arg);
	return NULL;
}

START_TEST(lines_of_several_threads_do_not_mix)
	{
		static char names[N_THREADS][100];
		pthread_t threads[N_THREADS];

		for (int i = 0; i < N_THREADS; i++) {
			memset(names[i], 'a' + i, sizeof(names[i]) - 1);
			ck_assert_int_eq(pthread_create(&threads[i], NULL, talk,
							names[i]),
					 0);
		}
		for (int i = 0; i < N_THREADS; i++)
			ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_eq(n_lines(), (size_t)N_THREADS * N_EACH);
		for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
			char said[120], about[120];
			const char *message = strstr(p, "msg=");

			ck_assert_ptr_nonnull(message);
			ck_assert_int_eq(
				sscanf(message,
				       "msg=\"%119[a-z]\" order=\"%119[a-z]",
				       said, about),
				2);
			ck_assert_str_eq(said, about);
			ck_assert_uint_eq(strlen(said), sizeof(names[0]) - 1);
		}
	}
END_TEST

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "debug", LOG_DEBUG }, { "info", LOG_INFO },    { "warn", LOG_WARN },
	{ "error", LOG_ERROR }, { "verbose", LOG_INFO }, { "", LOG_INFO },
};

START_TEST(a_level_is_known_by_its_name)
	{
		ck_assert_int_eq(log_level_of(levels[_i].name),
				 levels[_i].level);
	}
END_TEST

START_TEST(a_bounded_line_says_what_was_left_out)
	{
		struct log_limit limit = { .a_second = 2 };

		for (int second = 0; second < 2; second++) {
			limit.until_ms = 0;
			for (int i = 0; i < 5; i++) {
				if (i == 1)
					limit.until_ms = INT64_MAX;
				ck_assert_int_eq(log_limit_pass(&limit, "ends"),
						 i < 2);
				if (i < 2)
					log_info("END", "%d", i);
			}
		}
		log_info("OTHER", "line");
		ck_assert_uint_eq(n_lines(), 6);
		ck_assert_ptr_nonnull(strstr(said(), "msg=\"line\"\n"));
		ck_assert_ptr_nonnull(
			strstr(text, "id=LINES-LEFT-OUT program=tester"));
		ck_assert_ptr_nonnull(
			strstr(text, "msg=\"3 lines about ends were left "
				     "out\"\n"));
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, open_log, close_log);
	tcase_add_test(tcase, a_line_says_when_how_bad_who_and_what);
	tcase_add_test(tcase, a_line_below_the_level_is_not_written);
	tcase_add_loop_test(tcase, nothing_in_a_message_can_end_the_line, 0, CHECK_N(messages));
	tcase_add_test(tcase, a_message_that_is_too_long_is_cut_and_ends_its_line);
	tcase_add_test(tcase, what_a_line_is_about_is_added_until_it_is_cleared);
	tcase_add_test(tcase, lines_of_several_threads_do_not_mix);
	tcase_add_loop_test(tcase, a_level_is_known_by_its_name, 0, CHECK_N(levels));
	tcase_add_test(tcase, a_bounded_line_says_what_was_left_out);
	return check_run(suite);
}
