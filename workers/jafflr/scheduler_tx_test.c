/* SPDX-License-Identifier: MIT */
/* Tx: lists that grow, and what an empty one is. */
#include "workers/jafflr/scheduler_tx.h"

#include "infra/lib/check_fixture.h"

static struct scheduler_tx tx;

static void teardown(void)
{
	tx_deinit(&tx);
}

START_TEST(a_list_grows_and_keeps_what_was_added)
	{
		for (int64_t i = 0; i < 1000; i++)
			TX_ADD(&tx, published).seq = i;
		ck_assert_uint_eq(tx.n_published, 1000);
		for (int64_t i = 0; i < 1000; i++)
			ck_assert_int_eq(tx.published[i].seq, i);
	}
END_TEST

START_TEST(an_element_is_empty_when_it_is_added_also_in_used_memory)
	{
		TX_ADD(&tx, finish) = (struct tx_finish){
			.intent_id = 5,
			.reason = "reason",
			.keep_plate = true,
		};
		tx_reset(&tx);
		(void)TX_ADD(&tx, finish);
		ck_assert_int_eq(tx.finish[0].intent_id, 0);
		ck_assert_ptr_null(tx.finish[0].reason);
		ck_assert(!tx.finish[0].keep_plate);
	}
END_TEST

START_TEST(a_reset_leaves_nothing_to_do_and_keeps_its_memory)
	{
		const struct tx_row *rows;

		(void)TX_ADD(&tx, finish);
		(void)TX_ADD(&tx, published);
		(void)TX_ADD(&tx, raise);
		(void)TX_ADD(&tx, plates);
		(void)TX_ADD(&tx, rows);
		(void)TX_ADD(&tx, grills);
		tx.adopt = tx.look = tx.list_grills = tx.looked = true;
		tx.n_claimed = 3;
		rows = tx.rows;
		tx_reset(&tx);
		ck_assert_uint_eq(tx.n_finish + tx.n_published + tx.n_raise +
					  tx.n_plates + tx.n_rows +
					  tx.n_grills + tx.n_claimed,
				  0);
		ck_assert(!tx.adopt && !tx.look && !tx.list_grills &&
			  !tx.looked);
		(void)TX_ADD(&tx, rows);
		ck_assert_ptr_eq(tx.rows, rows);
	}
END_TEST

START_TEST(ends_and_new_tokens_cannot_wait)
	{
		ck_assert(!tx_pending(&tx));
		(void)TX_ADD(&tx, published);
		(void)TX_ADD(&tx, plates);
		tx.look = true;
		ck_assert(!tx_pending(&tx));
		(void)TX_ADD(&tx, finish);
		ck_assert(tx_pending(&tx));
		tx_reset(&tx);
		ck_assert(!tx_pending(&tx));
		(void)TX_ADD(&tx, raise);
		ck_assert(tx_pending(&tx));
	}
END_TEST

START_TEST(it_may_be_ended_twice)
	{
		(void)TX_ADD(&tx, rows);
		(void)arena_alloc(&tx.arena, 100);
		tx_deinit(&tx);
		tx_deinit(&tx);
		ck_assert_ptr_null(tx.rows);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tx");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, a_list_grows_and_keeps_what_was_added);
	tcase_add_test(
		tcase,
		an_element_is_empty_when_it_is_added_also_in_used_memory);
	tcase_add_test(tcase,
		       a_reset_leaves_nothing_to_do_and_keeps_its_memory);
	tcase_add_test(tcase, ends_and_new_tokens_cannot_wait);
	tcase_add_test(tcase, it_may_be_ended_twice);
	return check_run(suite);
}
