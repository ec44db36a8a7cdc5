/* SPDX-License-Identifier: MIT */
/* Toastie metrics: the survey against a real server, and what a person reads of
 * ends, in lines and in numbers. */
#include "workers/jafflr/toastie_metrics.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/counters.h"
#include "workers/jafflr/jafflr_fixture.h"

/* ---- survey ---- */

static struct jafflr jafflr = { .magic = JAFFLR_MAGIC };
static struct buf shown;

static void setup_survey(void)
{
	clean_database();
	postgres_exec(db, "INSERT INTO control.grills (grill, address, stalls,"
			  " enabled) VALUES ('g1', 'h:1', '{main}', true),"
			  " ('g2', 'h:2', NULL, false)");
}

static void teardown_survey(void)
{
	jafflr_deinit(&jafflr);
	buf_deinit(&shown);
	db = pg_free(db);
}

/* Toasties of a stall; @open: with an open intent each. */
static void add_toasties(const char *stall, const char *state, int n, bool open)
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
	postgres_exec(db, sql);
}

static void read_survey(void)
{
	int r = sql_survey(&jafflr, db);

	ck_assert_msg(!r, "%s", pg_message(db));
	buf_reset(&shown);
	survey_text(&jafflr.read, &shown);
	buf_add(&shown, "", 1);
}

static bool says(const char *labels, int n)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "\ngalore_toasties{%s} %d\n", labels,
		       n);
	return strstr(shown.p, line);
}

START_TEST(toasties_are_counted_by_stall_and_what_they_wait_for)
	{
		add_toasties("main", "queued", 3, false);
		add_toasties("main", "grilling", 2, true);
		add_toasties("main", "uncertain", 1, true);
		add_toasties("main", "uncertain", 4, false);
		add_toasties("main", "done", 9, false);
		add_toasties("beach", "queued", 5, false);
		add_toasties("demo-1", "queued", 6, false);
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
			add_toasties(stall, "queued", 2, false);
		}
		add_toasties("tiny", "uncertain", 1, false);
		read_survey();
		ck_assert_uint_eq(jafflr.read.n_stalls, SURVEY_STALLS + 1);
		ck_assert(says("stall=\"tiny\",state=\"uncertain\"", 1));
		ck_assert(says("stall=\"(others)\",state=\"unserved\"", 22));
	}
END_TEST

START_TEST(nothing_is_said_before_it_was_read_and_zeros_when_all_is_done)
	{
		survey_text(&jafflr.read, &shown);
		ck_assert_uint_eq(shown.n, 0);
		read_survey();
		ck_assert(says("stall=\"(others)\",state=\"uncertain\"", 0));
		add_toasties("ma\\\"in", "uncertain", 1, false);
		read_survey();
		ck_assert(
			says("stall=\"ma\\\\\\\"in\",state=\"uncertain\"", 1));
	}
END_TEST

/* ---- ends ---- */

static const char trace[] =
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
static struct ends ends = ENDS_INIT;
static char *said;
static size_t n_said;
static FILE *out;

static void setup_ends(void)
{
	ends = (struct ends)ENDS_INIT;
	out = open_memstream(&said, &n_said);
	log_init(&(struct log_params){ .out = out, .level = LOG_INFO });
}

static void teardown_ends(void)
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
	/* These are no ends. */
	{ ROW_COLLECTING, NULL, NULL },
	{ ROW_CANCELLED, NULL, NULL },
	{ ROW_QUEUED, NULL, NULL },
	{ ROW_GRILLING, NULL, NULL },
	{ N_ROW_STATES, NULL, NULL },
};

START_TEST(an_end_leaves_a_line_with_order_number_and_trace)
	{
		struct toastie_row row = row_of(kinds[_i].state);
		char name[ORDER_NAME_BYTES];

		row.reason = text_of(kinds[_i].reason);
		ends_note(&ends, &row, 1234);
		ck_assert_int_eq(n_lines(), kinds[_i].id ? 1 : 0);
		if (!kinds[_i].id)
			return;
		ck_assert(has("level=info"));
		ck_assert(has(kinds[_i].id));
		ck_assert(
			has("order=\"10000000-0000-0000-0000-000000000007\""));
		ck_assert(has(order_name(&row.order_id, 42, name)));
		ck_assert(has("trace=\"0af7651916cd43dd8448eb211c80319c\"\n"));
		ck_assert(has("plate 3 of 'g1'"));
		ck_assert(has("after 1234 ms"));
		ck_assert(!kinds[_i].reason || has(kinds[_i].reason));
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

START_TEST(each_end_is_counted_by_its_state)
	{
		static const enum row_state states[] = {
			ROW_DONE,   ROW_FAILED,    ROW_FAILED,
			ROW_QUEUED, ROW_UNCERTAIN, ROW_RETURNED,
		};
		struct buf text = { 0 };

		ends_register();
		for (int i = 0; i < CHECK_N(states); i++) {
			struct toastie_row row = row_of(states[i]);

			ends_note(&ends, &row, 1);
		}
		counters_text(&text);
		buf_add(&text, "", 1);
#define ENDED(state, n)                                                        \
	ck_assert_msg(                                                         \
		strstr(text.p, "_ended_total{state=\"" state "\"} " n "\n"),   \
		"not " n " '" state "' in %s", text.p)
		ENDED("done", "1");
		ENDED("failed", "2");
		ENDED("uncertain", "1");
		ENDED("returned", "1");
#undef ENDED
		buf_deinit(&text);
	}
END_TEST

static void add_ends(Suite *suite)
{
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup_ends, teardown_ends);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ an_end_leaves_a_line_with_order_number_and_trace, CHECK_N(kinds) },
		{ texts_of_any_length_and_what_is_not_known_fit_into_a_line, 1 },
		{ of_a_flood_so_many_are_written_and_the_others_counted, 1 },
		{ how_long_it_took_is_a_histogram_of_what_is_done, 1 },
		{ each_end_is_counted_by_its_state, 1 },
		{ 0 },
	});
	/* clang-format on */
}

int main(void)
{
	Suite *suite = suite_create("toastie_metrics");
	TCase *tcase = check_case(suite, 60);

	tcase_add_unchecked_fixture(tcase, make_database, NULL);
	tcase_add_checked_fixture(tcase, setup_survey, teardown_survey);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ toasties_are_counted_by_stall_and_what_they_wait_for, 1 },
		{ many_stalls_are_summed_but_for_those_that_need_a_person, 1 },
		{ nothing_is_said_before_it_was_read_and_zeros_when_all_is_done, 1 },
		{ 0 },
	});
	/* clang-format on */
	add_ends(suite);
	return postgres_run(suite);
}
