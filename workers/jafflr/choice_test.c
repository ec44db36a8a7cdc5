/* SPDX-License-Identifier: MIT */
/* Schedule: who gets which plate, by hand and against rules that must hold. */
#include "workers/jafflr/choice.h"

#include <stdio.h>

#include "infra/lib/check_fixture.h"

enum { ROWS_MAX = 12, PLATES_MAX = 8 };

static char main_stall[] = "main", beach_stall[] = "beach";
static char *only_main[] = { main_stall };
static char *both[] = { beach_stall, main_stall };

static struct toastie_row row_of(const char *stall)
{
	return (struct toastie_row){ .stall = text_of(stall),
				     .state = ROW_QUEUED };
}

/* Rows and plates as words: a plate's word is the stalls of its grill, "-"
 * for all. What is expected: row:plate, by their index. */
static const struct {
	const char *rows, *plates, *pairs;
} cases[] = {
	{ "", "", "" },
	{ "main", "", "" },
	{ "", "-", "" },
	{ "main", "-", "0:0" },
	{ "main beach west", "- -", "0:0 1:1" },
	{ "main", "- -", "0:0" },
	{ "beach main", "main -", "0:1 1:0" },
	{ "beach beach main", "main", "2:0" },
	{ "west", "main both", "" },
	{ "main main main", "both main -", "0:0 1:1 2:2" },
	{ "demo-1 main", "-", "1:0" },
	{ "demo-1 demo-2", "- -", "" },
};

static size_t read_rows(const char *words, struct toastie_row *ret)
{
	static char copy[ROWS_MAX][32];
	size_t n = 0;
	int used;

	while (n < ROWS_MAX && sscanf(words, "%31s%n", copy[n], &used) == 1) {
		ret[n] = row_of(copy[n]);
		words += used;
		n++;
	}
	return n;
}

static size_t read_plates(const char *words, struct tx_plate *ret)
{
	char word[32];
	size_t n = 0;
	int used;

	while (n < PLATES_MAX && sscanf(words, "%31s%n", word, &used) == 1) {
		ret[n] = (struct tx_plate){ .grill = "g", .plate = (int)n };
		if (!strcmp(word, "main")) {
			ret[n].stalls = only_main;
			ret[n].n_stalls = 1;
		} else if (!strcmp(word, "both")) {
			ret[n].stalls = both;
			ret[n].n_stalls = 2;
		}
		words += used;
		n++;
	}
	return n;
}

START_TEST(first_come_is_first_grilled_on_the_first_plate_that_serves)
	{
		struct toastie_row rows[ROWS_MAX];
		struct tx_plate plates[PLATES_MAX];
		struct choice_pair pairs[PLATES_MAX];
		size_t n_rows = read_rows(cases[_i].rows, rows);
		size_t n_plates = read_plates(cases[_i].plates, plates);
		size_t n = choose_pairs(rows, n_rows, plates, n_plates, pairs);
		char said[128] = "";

		for (size_t i = 0, at = 0; i < n; i++)
			at += (size_t)snprintf(said + at, sizeof(said) - at,
					       "%s%zu:%zu", i ? " " : "",
					       pairs[i].row, pairs[i].plate);
		ck_assert_str_eq(said, cases[_i].pairs);
	}
END_TEST

START_TEST(a_grill_of_no_stalls_serves_nobody)
	{
		char *nobody[] = { NULL };
		struct toastie_row row = row_of("main");
		struct tx_plate plate = { .grill = "g", .stalls = nobody };
		struct choice_pair pair;

		ck_assert_uint_eq(choose_pairs(&row, 1, &plate, 1, &pair), 0);
	}
END_TEST

static const struct {
	const char *stall;
	bool is_demo;
} stalls[] = {
	{ "demo-", true },   { "demo-gita", true }, { "demo", false },
	{ "Demo-1", false }, { "main", false },     { "a-demo-1", false },
	{ "", false },
};

START_TEST(a_demo_stall_is_known_by_how_its_name_begins)
	{
		ck_assert_int_eq(choice_is_demo(text_of(stalls[_i].stall)),
				 stalls[_i].is_demo);
	}
END_TEST

static bool serves(const struct tx_plate *plate, struct text stall)
{
	for (size_t i = 0; i < plate->n_stalls; i++)
		if (text_equal(text_of(plate->stalls[i]), stall))
			return true;
	return !plate->stalls;
}

/* No row or plate twice, none that does not fit, and none left that would. */
static void check(const struct toastie_row *rows, size_t n_rows,
		  const struct tx_plate *plates, size_t n_plates,
		  const struct choice_pair *pairs, size_t n_pairs)
{
	bool row_used[ROWS_MAX] = { 0 }, plate_used[PLATES_MAX] = { 0 };

	for (size_t i = 0; i < n_pairs; i++) {
		struct choice_pair pair = pairs[i];

		ck_assert_uint_lt(pair.row, n_rows);
		ck_assert_uint_lt(pair.plate, n_plates);
		ck_assert(!row_used[pair.row] && !plate_used[pair.plate]);
		ck_assert(serves(&plates[pair.plate], rows[pair.row].stall));
		ck_assert(!choice_is_demo(rows[pair.row].stall));
		row_used[pair.row] = plate_used[pair.plate] = true;
	}
	for (size_t r = 0; r < n_rows; r++)
		for (size_t p = 0; p < n_plates; p++)
			ck_assert(row_used[r] || plate_used[p] ||
				  choice_is_demo(rows[r].stall) ||
				  !serves(&plates[p], rows[r].stall));
}

START_TEST(no_plate_stays_free_that_a_waiting_toastie_could_have)
	{
		static const char *const row_words[] = { "main", "beach",
							 "west", "demo-1" };
		static const char *const plate_words[] = { "-", "main",
							   "both" };
		uint32_t random = 1;

		for (int round = 0; round < 5000; round++) {
			struct toastie_row rows[ROWS_MAX];
			struct tx_plate plates[PLATES_MAX];
			struct choice_pair pairs[PLATES_MAX];
			size_t n_rows, n_plates, n;

			random = random * 1664525 + 1013904223;
			n_rows = (random >> 16) % (ROWS_MAX + 1);
			n_plates = (random >> 8) % (PLATES_MAX + 1);
			for (size_t i = 0; i < n_rows; i++) {
				random = random * 1664525 + 1013904223;
				rows[i] = row_of(row_words[random >> 30]);
			}
			for (size_t i = 0; i < n_plates; i++) {
				random = random * 1664525 + 1013904223;
				(void)read_plates(
					plate_words[(random >> 16) % 3],
					&plates[i]);
			}
			n = choose_pairs(rows, n_rows, plates, n_plates, pairs);
			check(rows, n_rows, plates, n_plates, pairs, n);
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schedule");
	TCase *tcase = check_case(suite, 60);

	tcase_add_loop_test(
		tcase,
		first_come_is_first_grilled_on_the_first_plate_that_serves, 0,
		CHECK_N(cases));
	tcase_add_test(tcase, a_grill_of_no_stalls_serves_nobody);
	tcase_add_loop_test(tcase, a_demo_stall_is_known_by_how_its_name_begins,
			    0, CHECK_N(stalls));
	tcase_add_test(tcase,
		       no_plate_stays_free_that_a_waiting_toastie_could_have);
	return check_run(suite);
}
