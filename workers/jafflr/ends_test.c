/* SPDX-License-Identifier: MIT */
/* Ends: what a person reads of them, in lines and in numbers. */
#include "workers/jafflr/ends.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

enum { SAID_MAX = 1 << 18 };

static const char trace[] =
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
static struct ends ends = ENDS_INIT;
static char *said;
static size_t n_said;
static FILE *out;

static void setup(void)
{
	ends = (struct ends)ENDS_INIT;
	out = open_memstream(&said, &n_said);
	log_init(&(struct log_params){ .out = out, .level = LOG_INFO });
}

static void teardown(void)
{
	(void)fclose(out);
	free(said);
}

static struct toastie_row row_of(enum row_state state)
{
	return (struct toastie_row){
		.order_id = { { 0x10, [15] = 7 } },
		.number = 42,
		.stall = TEXT("main"),
		.state = state,
		.plate = 3,
		.grill = TEXT("g1"),
		.traceparent = text_of(trace),
	};
}

static bool has(const char *text)
{
	(void)fflush(out);
	return strstr(said, text);
}

static int n_lines(void)
{
	int n = 0;

	(void)fflush(out);
	for (const char *at = said; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

static const struct {
	enum row_state state;
	const char *id, *reason;
} kinds[] = {
	{ ROW_DONE, "id=TOASTIE-DONE ", NULL },
	{ ROW_FAILED, "id=TOASTIE-FAILED ", "the plate was stopped" },
	{ ROW_UNCERTAIN, "id=TOASTIE-UNCERTAIN ", "the grill is silent" },
	{ ROW_RETURNED, "id=TOASTIE-RETURNED ", "cancelled" },
};

START_TEST(an_end_leaves_a_line_with_order_number_and_trace)
	{
		struct toastie_row row = row_of(kinds[_i].state);
		char name[ORDER_NAME_BYTES];

		row.reason = text_of(kinds[_i].reason);
		ends_note(&ends, &row, 1234);
		ck_assert(has("level=info"));
		ck_assert(has(kinds[_i].id));
		ck_assert(
			has("order=\"10000000-0000-0000-0000-000000000007\""));
		ck_assert(has(order_name(&row.order_id, 42, name)));
		ck_assert(has("trace=\"0af7651916cd43dd8448eb211c80319c\"\n"));
		ck_assert(has("plate 3 of 'g1'"));
		ck_assert(has("after 1234 ms"));
		ck_assert(!kinds[_i].reason || has(kinds[_i].reason));
		ck_assert_int_eq(n_lines(), 1);
	}
END_TEST

START_TEST(what_is_at_no_end_leaves_none)
	{
		static const enum row_state states[] = {
			ROW_COLLECTING, ROW_CANCELLED, ROW_QUEUED,
			ROW_GRILLING,   N_ROW_STATES,
		};

		for (int i = 0; i < CHECK_N(states); i++) {
			struct toastie_row row = row_of(states[i]);

			ends_note(&ends, &row, 5);
		}
		ck_assert_int_eq(n_lines(), 0);
	}
END_TEST

START_TEST(texts_of_any_length_and_what_is_not_known_fit_into_a_line)
	{
		static char long_text[5000];
		struct toastie_row row = row_of(ROW_RETURNED);

		memset(long_text, 'x', sizeof(long_text));
		row.reason = row.grill = row.stall =
			(struct text){ long_text, sizeof(long_text) };
		row.number = TOASTIE_NUMBER_NONE;
		ends_note(&ends, &row, -1);
		row = (struct toastie_row){ .state = ROW_DONE,
					    .number = TOASTIE_NUMBER_NONE,
					    .plate = TOASTIE_PLATE_NONE };
		ends_note(&ends, &row, -1);
		ck_assert_int_eq(n_lines(), 2);
		ck_assert(!has("number"));
		ck_assert(!has("after"));
	}
END_TEST

START_TEST(of_a_flood_so_many_are_written_and_the_others_counted)
	{
		struct toastie_row row = row_of(ROW_DONE);

		for (int i = 0; i < 1000; i++)
			ends_note(&ends, &row, 1);
		/* Perhaps a second has passed meanwhile. */
		ck_assert_int_ge(n_lines(), ENDS_LINES_A_SECOND);
		ck_assert_int_le(n_lines(), 2 * ENDS_LINES_A_SECOND + 1);
		ends.lines.until_ms = 0;
		ends_note(&ends, &row, 1);
		ck_assert(has("lines about ends of toasties were left out"));
	}
END_TEST

START_TEST(how_long_it_took_is_a_histogram_of_what_is_done)
	{
		static const int64_t waits_ms[] = { 400,   1000,     1001,
						    90000, 99999999, -1 };
		struct toastie_row row = row_of(ROW_DONE);
		struct toastie_row other = row_of(ROW_FAILED);
		struct buf text = { 0 };

		for (int i = 0; i < CHECK_N(waits_ms); i++)
			ends_note(&ends, &row, waits_ms[i]);
		ends_note(&ends, &other, 5);
		ends_text(&ends, &text);
		buf_add(&text, "", 1);
#define HAS(line)                                                              \
	ck_assert_msg(strstr(text.p, "galore_toastie_done_seconds" line "\n"), \
		      "no '%s' in %s", line, text.p)
		HAS("_bucket{le=\"1\"} 2");
		HAS("_bucket{le=\"2\"} 3");
		HAS("_bucket{le=\"60\"} 3");
		HAS("_bucket{le=\"120\"} 4");
		HAS("_bucket{le=\"3600\"} 4");
		HAS("_bucket{le=\"+Inf\"} 5");
		HAS("_count 5");
		HAS("_sum 100092.400");
#undef HAS
		buf_deinit(&text);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ends");
	TCase *tcase = check_case(suite, 30);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
			    an_end_leaves_a_line_with_order_number_and_trace, 0,
			    CHECK_N(kinds));
	tcase_add_test(tcase, what_is_at_no_end_leaves_none);
	tcase_add_test(
		tcase,
		texts_of_any_length_and_what_is_not_known_fit_into_a_line);
	tcase_add_test(tcase,
		       of_a_flood_so_many_are_written_and_the_others_counted);
	tcase_add_test(tcase, how_long_it_took_is_a_histogram_of_what_is_done);
	return check_run(suite);
}
