/* SPDX-License-Identifier: MIT */
/* Scheduler transaction: its lists, and who gets which plate, by hand and
 * against rules that must hold. */
#include "workers/jafflr/scheduler_tx.h"

#include <stdio.h>

#include "infra/lib/check_fixture.h"

enum { ROWS_MAX = 12, PLATES_MAX = 8 };

static struct scheduler_tx tx;
static char main_stall[] = "main", beach_stall[] = "beach";
static char *names[] = { beach_stall, main_stall };
static const struct stalls all = { 0 }, none = { names, 0 };
static const struct stalls both = { names, 2 }, only_main = { names + 1, 1 };

static void teardown(void)
{
	scheduler_tx_deinit(&tx);
}

/* ---- lists ---- */

START_TEST(a_list_grows_and_a_reset_empties_it_and_keeps_its_memory)
	{
		const struct tx_finish *before;

		for (int64_t i = 0; i < 1000; i++)
			TX_ADD(&tx, finish).intent_id = i;
		ck_assert_uint_eq(tx.n_finish, 1000);
		for (int64_t i = 0; i < 1000; i++)
			ck_assert_int_eq(tx.finish[i].intent_id, i);
		tx.finish[0].reason = "reason";
		tx.asks = (struct tx_asks){ .adopt = true, .look = true };
		tx.n_claimed = 3;
		before = tx.finish;
		scheduler_tx_reset(&tx);
		ck_assert_uint_eq(tx.n_finish + tx.n_claimed, 0);
		ck_assert(!tx.asks.adopt && !tx.asks.look);
		(void)TX_ADD(&tx, finish);
		ck_assert_ptr_eq(tx.finish, before);
		ck_assert_ptr_null(tx.finish[0].reason);
	}
END_TEST

/* ---- the choice ---- */

/* A row is the name of its stall. A plate is the stalls of its grill ("-" for
 * all), and a "!" behind it that an open intent has it. Expected: row:plate,
 * by their index. */
static const struct {
	const char *rows, *plates, *pairs;
	size_t n_demos;
} cases[] = {
	{ "", "", "", 0 },
	{ "main", "", "", 0 },
	{ "", "-", "", 0 },
	{ "main", "-", "0:0", 0 },
	{ "main beach west", "- -", "0:0 1:1", 0 },
	{ "main", "- -", "0:0", 0 },
	{ "main", "-! -", "0:1", 0 },
	{ "main main", "-! -!", "", 0 },
	{ "beach main", "main -", "0:1 1:0", 0 },
	{ "beach beach main", "main", "2:0", 0 },
	{ "west", "main both none", "", 0 },
	{ "main main main", "both main -", "0:0 1:1 2:2", 0 },
	{ "demo-1 main", "-", "1:0", 1 },
	{ "demo-1 demo-2", "- -", "", 2 },
};

static void add_row(const char *stall)
{
	TX_ADD(&tx, queued) = (struct toastie_row){
		.order_id = { { (uint8_t)tx.n_queued } },
		.stall = text_of(stall),
		.state = ROW_QUEUED,
	};
}

static void add_plate(const char *text)
{
	struct tx_plate *plate = &TX_ADD(&tx, plates);

	*plate = (struct tx_plate){
		.grill = "g",
		.plate = (int)tx.n_plates - 1,
		.stalls = text[0] == 'm'   ? &only_main
			  : text[0] == 'b' ? &both
			  : text[0] == 'n' ? &none
					   : &all,
	};
	if (!strchr(text, '!'))
		TX_ADD(&tx, free_plates) =
			(struct tx_free_plate){ TEXT("g"), plate->plate };
}

static void add_each(const char *list, void (*add)(const char *))
{
	static char copies[2 * (ROWS_MAX + PLATES_MAX)][16];
	static int n;
	int used;

	while (sscanf(list, "%15s%n", copies[n], &used) == 1) {
		add(copies[n]);
		n = (n + 1) % CHECK_N(copies);
		list += used;
	}
}

static int row_of(const struct tx_claim *claim)
{
	return (int)(claim->row - tx.queued);
}

START_TEST(first_come_is_first_grilled_on_the_first_plate_that_serves)
	{
		char said[128] = "";

		add_each(cases[_i].rows, add_row);
		add_each(cases[_i].plates, add_plate);
		scheduler_tx_choose(&tx);
		for (size_t i = 0, at = 0; i < tx.n_claims; i++)
			at += (size_t)snprintf(said + at, sizeof(said) - at,
					       "%s%d:%d", i ? " " : "",
					       row_of(&tx.claims[i]),
					       tx.claims[i].plate->plate);
		ck_assert_str_eq(said, cases[_i].pairs);
		ck_assert_uint_eq(tx.n_plateless, cases[_i].n_demos);
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
		ck_assert_int_eq(stall_is_demo(text_of(stalls[_i].stall)),
				 stalls[_i].is_demo);
	}
END_TEST

/* No row or plate twice, none that does not fit, and none left that would. */
static void check_choice(void)
{
	bool row_used[ROWS_MAX] = { 0 }, plate_used[PLATES_MAX] = { 0 };

	for (size_t i = 0; i < tx.n_claims; i++) {
		const struct tx_claim *claim = &tx.claims[i];
		int row = row_of(claim),
		    plate = (int)(claim->plate - tx.plates);

		ck_assert(!row_used[row] && !plate_used[plate]);
		ck_assert(
			stalls_serve(claim->plate->stalls, claim->row->stall));
		ck_assert(!stall_is_demo(claim->row->stall));
		row_used[row] = plate_used[plate] = true;
	}
	for (size_t r = 0; r < tx.n_queued; r++)
		for (size_t p = 0; p < tx.n_plates; p++)
			ck_assert(row_used[r] || plate_used[p] ||
				  stall_is_demo(tx.queued[r].stall) ||
				  !stalls_serve(tx.plates[p].stalls,
						tx.queued[r].stall));
}

static uint32_t chance(uint32_t n)
{
	static uint32_t random = 1;

	random = random * 1664525 + 1013904223;
	return (random >> 8) % n;
}

START_TEST(no_plate_stays_free_that_a_waiting_toastie_could_have)
	{
		static const char *const rows[] = { "main", "beach", "west",
						    "demo-1" };
		static const char *const plates[] = { "-", "main", "both",
						      "-!" };

		for (int round = 0; round < 5000; round++) {
			uint32_t n_rows = chance(ROWS_MAX + 1);
			uint32_t n_plates = chance(PLATES_MAX + 1);

			scheduler_tx_reset(&tx);
			for (uint32_t i = 0; i < n_rows; i++)
				add_row(rows[chance(4)]);
			for (uint32_t i = 0; i < n_plates; i++)
				add_plate(plates[chance(4)]);
			scheduler_tx_choose(&tx);
			check_choice();
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scheduler_tx");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, NULL, teardown);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ a_list_grows_and_a_reset_empties_it_and_keeps_its_memory, 1 },
		{ first_come_is_first_grilled_on_the_first_plate_that_serves, CHECK_N(cases) },
		{ a_demo_stall_is_known_by_how_its_name_begins, CHECK_N(stalls) },
		{ no_plate_stays_free_that_a_waiting_toastie_could_have, 1 },
		{ 0 },
	});
	/* clang-format on */
	return check_run(suite);
}
