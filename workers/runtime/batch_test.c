/* SPDX-License-Identifier: MIT */
/* Batch: the ranges it covers, and the rows of positions that it moves. */
#include "workers/runtime/batches/batch_extent.h"

#include <string.h>

#include "infra/lib/check_fixture.h"

static struct batch *batch;
static struct assignment assignments[3];
static const struct lanes no_names;

static void setup(void)
{
	batch = batch_new();
	for (int32_t i = 0; i < 3; i++)
		assignments[i] =
			(struct assignment){ .partition = i,
					     .state = ASSIGNMENT_READING };
}

static void teardown(void)
{
	batch = batch_free(batch);
	for (int i = 0; i < 3; i++)
		emitted_deinit(&assignments[i].emitted);
}

static struct record *add(int partition, int64_t offset)
{
	struct kafka_record kafka = { .partition = partition,
				      .offset = offset };

	return batch_add(batch, &assignments[partition], &kafka);
}

static void row(int partition, int lane, int64_t next_offset, int64_t epoch)
{
	struct assignment *at = &assignments[partition];

	at->lanes[at->n_lanes++] = (struct lane_position){
		.lane = lane,
		.next_offset = next_offset,
		.epoch = epoch,
	};
}

static void drop(struct assignment *assignment)
{
	assignment->state = ASSIGNMENT_ACQUIRING;
	batch_drop_lost(batch);
}

static void check_range(size_t i, int partition, int64_t from, int64_t to)
{
	const struct batch_range *range = &batch->extent->ranges[i];

	ck_assert_ptr_eq(range->assignment, &assignments[partition]);
	ck_assert_int_eq(range->from, from);
	ck_assert_int_eq(range->to, to);
}

START_TEST(a_range_goes_from_the_first_to_behind_the_last)
	{
		ck_assert(batch_empty(batch));
		(void)add(0, 10);
		(void)add(1, 500);
		(void)add(0, 11);
		batch_skip(batch, &assignments[0], 12, 13);
		batch_skip(batch, &assignments[2], 7, 8);
		ck_assert_uint_eq(batch->extent->n_ranges, 3);
		check_range(0, 0, 10, 13);
		check_range(1, 1, 500, 501);
		check_range(2, 2, 7, 8);
		ck_assert_uint_eq(batch->n_records, 3);
	}
END_TEST

START_TEST(what_a_dropped_partition_made_it_keep_counts_no_more)
	{
		for (int i = 0; i < 4; i++)
			batch_count(batch, add(i % 2, i), 300);
		(void)arena_alloc(&batch->arena, 5000);
		ck_assert_uint_ge(batch_bytes(batch), 4 * 300 + 5000);
		drop(&assignments[0]);
		ck_assert_uint_eq(batch->n_bytes, 2 * 300);
		drop(&assignments[1]);
		ck_assert(batch_empty(batch));
		ck_assert_uint_eq(batch_bytes(batch), 0);
	}
END_TEST

/* A batch over [10, 20) of a partition, and where a lane's next_offset stands.
 */
static const struct {
	int64_t next_offset;
	bool moves;
} lanes[] = {
	{ 0, false }, { 9, false },  { 10, true },  { 11, true },
	{ 19, true }, { 20, false }, { 21, false },
};

START_TEST(it_moves_the_lanes_whose_next_offset_lies_in_its_range)
	{
		row(0, 3, lanes[_i].next_offset, 77);
		for (int64_t i = 10; i < 20; i++)
			(void)add(0, i);
		assignments[0].decided = 10;
		batch_close(batch, &no_names, 123);
		ck_assert_int_eq(batch->decided_at_ms, 123);
		ck_assert_uint_eq(batch->extent->n_moves, lanes[_i].moves);
		if (!lanes[_i].moves)
			return;
		ck_assert_int_eq(batch->extent->moves[0].partition, 0);
		ck_assert_int_eq(batch->extent->moves[0].lane_index, 3);
		ck_assert_int_eq(batch->extent->moves[0].epoch, 77);
		ck_assert_int_eq(batch->extent->moves[0].next_offset,
				 lanes[_i].next_offset);
		ck_assert_int_eq(batch->extent->moves[0].to_next, 20);
		ck_assert_int_eq(batch->extent->moves[0].emitted, 10);
	}
END_TEST

START_TEST(a_lane_moves_whether_or_not_the_batch_holds_a_record_of_it)
	{
		row(0, 0, 10, 1);
		row(0, 1, 15, 2);
		row(0, 2, 99, 3);
		row(1, 0, 10, 4);
		for (int64_t i = 10; i < 20; i++)
			(void)add(0, i);
		batch_close(batch, &no_names, 0);
		ck_assert_uint_eq(batch->extent->n_moves, 2);
		ck_assert_int_eq(batch->extent->moves[0].lane_index, 0);
		ck_assert_int_eq(batch->extent->moves[1].lane_index, 1);
		ck_assert_int_eq(batch->extent->moves[1].to_next, 20);
	}
END_TEST

START_TEST(it_brings_along_what_is_emitted_by_now)
	{
		uint64_t a;

		row(0, 0, 10, 1);
		assignments[0].decided = 10;
		a = emitted_expect(&assignments[0].emitted, 8, 1);
		(void)add(0, 10);
		batch_close(batch, &no_names, 0);
		ck_assert_int_eq(batch->extent->moves[0].emitted, 8);
		emitted_acknowledge(&assignments[0].emitted, a);
		batch_close(batch, &no_names, 0);
		ck_assert_uint_eq(batch->extent->n_moves, 1);
		ck_assert_int_eq(batch->extent->moves[0].emitted, 10);
	}
END_TEST

START_TEST(what_was_decided_before_makes_it_read_its_rows)
	{
		(void)add(0, 10);
		batch_close(batch, &no_names, 0);
		ck_assert(!batch->needs_load);
		add(0, 11)->decided = true;
		batch_close(batch, &no_names, 0);
		ck_assert(batch->needs_load);
		ck_assert_uint_eq(batch->n_decided, 1);
	}
END_TEST

START_TEST(a_partition_that_is_dropped_takes_its_records_and_its_range_along)
	{
		for (int64_t i = 0; i < 10; i++) {
			(void)add(0, i);
			(void)add(1, 100 + i);
			batch_skip(batch, &assignments[2], 200 + i, 201 + i);
		}
		drop(&assignments[0]);
		ck_assert_uint_eq(batch->n_records, 10);
		ck_assert_uint_eq(batch->extent->n_ranges, 2);
		for (size_t i = 0; i < 10; i++)
			ck_assert_int_eq(batch->records[i].kafka.offset,
					 (int64_t)(100 + i));
		drop(&assignments[1]);
		drop(&assignments[2]);
		ck_assert(batch_empty(batch));
		drop(&assignments[2]);
	}
END_TEST

START_TEST(a_try_that_is_taken_back_leaves_poison_dead)
	{
		struct record *poison = add(0, 1), *conflict = add(0, 2);
		char detail[] = "detail";

		poison->poison = true;
		batch_dead(batch, poison, "malformed", detail);
		batch_dead(batch, conflict, "conflict", detail);
		memset(detail, 'x', sizeof(detail) - 1);
		ck_assert_str_eq(poison->dead_detail, "detail");
		batch_undo(batch);
		ck_assert_str_eq(poison->dead_reason, "malformed");
		ck_assert_ptr_null(conflict->dead_reason);
	}
END_TEST

START_TEST(a_reset_batch_is_as_good_as_new)
	{
		for (int round = 0; round < 3; round++) {
			ck_assert(batch_empty(batch));
			ck_assert_uint_eq(batch->n_records, 0);
			ck_assert_uint_eq(batch->extent->n_moves, 0);
			ck_assert_uint_eq(batch->n_decided, 0);
			ck_assert(!batch->needs_load);
			ck_assert_int_eq(batch->mode, BATCH_FAST);
			assignments[0].n_lanes = 0;
			row(0, 0, 0, 1);
			for (int64_t i = 0; i < 200; i++) {
				struct record *record = add(0, i);

				ck_assert(!record->decided &&
					  !record->dead_reason);
				ck_assert_ptr_null(record->item);
				record->decided = true;
				record->item = batch;
				batch_dead(batch, record, "x", "y");
			}
			batch->mode = BATCH_LOCKED;
			batch_close(batch, &no_names, 0);
			ck_assert_uint_eq(batch->extent->n_moves, 1);
			batch_reset(batch);
		}
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("batch");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_range_goes_from_the_first_to_behind_the_last);
	tcase_add_test(tcase, what_a_dropped_partition_made_it_keep_counts_no_more);
	tcase_add_loop_test(tcase, it_moves_the_lanes_whose_next_offset_lies_in_its_range, 0, CHECK_N(lanes));
	tcase_add_test(tcase, a_lane_moves_whether_or_not_the_batch_holds_a_record_of_it);
	tcase_add_test(tcase, it_brings_along_what_is_emitted_by_now);
	tcase_add_test(tcase, what_was_decided_before_makes_it_read_its_rows);
	tcase_add_test(tcase, a_partition_that_is_dropped_takes_its_records_and_its_range_along);
	tcase_add_test(tcase, a_try_that_is_taken_back_leaves_poison_dead);
	tcase_add_test(tcase, a_reset_batch_is_as_good_as_new);
	return check_run(suite);
}
