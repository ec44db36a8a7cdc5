/* SPDX-License-Identifier: MIT */
/* Lag state: what each window of samples is judged to be. */
#include "infra/overlord/scaling/lag_state.h"

#include "infra/lib/check_fixture.h"

enum { N_SAMPLES_MAX = 8 };

/* Samples a second apart; a row of -1 ends them. */
static const struct {
	const char *what;
	struct {
		int64_t next, end;
	} samples[N_SAMPLES_MAX + 1];
	bool unheld;
	enum lag_state state;
	int64_t waited_s;
} rows[] = {
	{ "nothing waits",
	  { { 5, 5 }, { 9, 9 }, { 9, 9 }, { -1, 0 } },
	  false,
	  LAG_OK,
	  0 },
	{ "as little as is allowed",
	  { { 5, 7 }, { 5, 7 }, { 5, 7 }, { 5, 7 }, { -1, 0 } },
	  false,
	  LAG_OK,
	  3 },
	{ "it falls again and again",
	  { { 0, 90 }, { 10, 99 }, { 50, 120 }, { 60, 140 }, { -1, 0 } },
	  false,
	  LAG_OK,
	  3 },
	{ "it never falls",
	  { { 0, 50 }, { 10, 70 }, { 20, 90 }, { 30, 110 }, { -1, 0 } },
	  false,
	  LAG_WARN,
	  3 },
	{ "a holder that does nothing",
	  { { 10, 10 }, { 10, 20 }, { 10, 30 }, { 10, 40 }, { -1, 0 } },
	  false,
	  LAG_STALL,
	  2 },
	{ "nobody holds it",
	  { { 10, 10 }, { 10, 20 }, { 10, 30 }, { 10, 40 }, { -1, 0 } },
	  true,
	  LAG_STOP,
	  2 },
	{ "one moment without lag hides no stop",
	  { { 0, 20 },
	    { 30, 30 },
	    { 30, 50 },
	    { 30, 51 },
	    { 30, 52 },
	    { -1, 0 } },
	  true,
	  LAG_STOP,
	  2 },
	{ "nobody holds it for a moment",
	  { { 10, 10 }, { 10, 20 }, { 10, 30 }, { -1, 0 } },
	  true,
	  LAG_OK,
	  1 },
	{ "back, and not where it was",
	  { { 40, 50 }, { 10, 50 }, { 20, 50 }, { -1, 0 } },
	  false,
	  LAG_REWIND,
	  2 },
	{ "back, and beyond where it was",
	  { { 40, 90 }, { 10, 90 }, { 50, 90 }, { 60, 90 }, { -1, 0 } },
	  false,
	  LAG_OK,
	  3 },
};

static size_t read_row(int i, struct lag_sample ret[N_SAMPLES_MAX])
{
	size_t n = 0;

	for (; rows[i].samples[n].next >= 0; n++)
		ret[n] = (struct lag_sample){
			.at_ms = (int64_t)n * 1000,
			.next = rows[i].samples[n].next,
			.end = rows[i].samples[n].end,
			.held = !rows[i].unheld,
		};
	return n;
}

START_TEST(a_window_is_judged_by_its_tail)
	{
		struct lag_sample samples[N_SAMPLES_MAX];
		size_t n = read_row(_i, samples);
		enum lag_state state = lag_judge(samples, n, 2);

		ck_assert_msg(state == rows[_i].state, "%s: %s", rows[_i].what,
			      lag_state_name(state));
	}
END_TEST

START_TEST(a_record_has_waited_since_the_log_grew_beyond_the_position)
	{
		struct lag_sample samples[N_SAMPLES_MAX];
		size_t n = read_row(_i, samples);

		ck_assert_int_eq(lag_waited_s(samples, n), rows[_i].waited_s);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lag_state");
	TCase *tcase = check_case(suite, 20);

	tcase_add_loop_test(tcase, a_window_is_judged_by_its_tail, 0,
			    CHECK_N(rows));
	tcase_add_loop_test(
		tcase,
		a_record_has_waited_since_the_log_grew_beyond_the_position, 0,
		CHECK_N(rows));
	return check_run(suite);
}
