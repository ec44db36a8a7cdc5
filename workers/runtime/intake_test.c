/* SPDX-License-Identifier: MIT */
/* Intake: which records go into the open batch, and how many of them. */
#include "workers/runtime/worker_fixture.h"

#define MIB ((size_t)1 << 20)

static void setup(void)
{
	worker_setup();
	reading_turn(worker);
}

/* What is read begins anew at next_read. */
static void begin_again(int32_t partition)
{
	slot_at(partition)->state = SLOT_TAKEN;
	reading_turn(worker);
}

/* The open batch is that range of that partition, with so many records. */
static void check_batch(int64_t from, int64_t to, size_t n_records)
{
	ck_assert_uint_eq(worker->open->n_ranges, 1);
	ck_assert_int_eq(worker->open->ranges[0].from, from);
	ck_assert_int_eq(worker->open->ranges[0].to, to);
	ck_assert_uint_eq(worker->open->n_records, n_records);
}

/* ---- which record comes next ---- */

START_TEST(a_gap_between_two_records_is_passed_at_once)
	{
		come(3, FIRST);
		come(3, FIRST + 5);
		check_read(3, FIRST + 6);
		check_batch(FIRST, FIRST + 6, 2);
		reading_turn(worker);
		ck_assert_uint_eq(client_at(3)->n_resumes, 1);
	}
END_TEST

START_TEST(a_gap_before_the_first_record_is_believed_when_it_comes_again)
	{
		come(3, FIRST + 5);
		check_read(3, FIRST);
		ck_assert(batch_empty(worker->open));
		reading_turn(worker);
		ck_assert_uint_eq(client_at(3)->n_resumes, 2);
		ck_assert_int_eq(client_at(3)->resumed_at, FIRST);
		come(3, FIRST + 5);
		check_read(3, FIRST + 6);
		check_batch(FIRST, FIRST + 6, 1);
	}
END_TEST

START_TEST(a_gap_before_another_record_than_the_first_time_is_not_believed)
	{
		come(3, FIRST + 5);
		intake_read(worker);
		reading_turn(worker);
		come(3, FIRST + 3);
		check_read(3, FIRST);
		reading_turn(worker);
		come(3, FIRST + 5);
		check_read(3, FIRST);
		ck_assert(batch_empty(worker->open));
		reading_turn(worker);
		ck_assert_uint_eq(client_at(3)->n_resumes, 4);
		come(3, FIRST);
		check_read(3, FIRST + 1);
	}
END_TEST

START_TEST(records_behind_one_that_is_not_in_turn_are_not_taken)
	{
		come(3, FIRST + 5);
		come(3, FIRST + 5);
		come(3, FIRST);
		check_read(3, FIRST);
		ck_assert(batch_empty(worker->open));
	}
END_TEST

START_TEST(a_record_after_a_new_beginning_has_no_witness_either)
	{
		come(3, FIRST);
		intake_read(worker);
		begin_again(3);
		come(3, FIRST + 5);
		check_read(3, FIRST + 1);
	}
END_TEST

START_TEST(offsets_below_the_one_that_must_come_next_are_ignored)
	{
		come(3, 0);
		come(3, FIRST - 1);
		come(3, FIRST);
		come(3, FIRST);
		come_mark(KAFKA_END, 3, FIRST, NULL);
		come(3, FIRST + 1);
		check_read(3, FIRST + 2);
		check_batch(FIRST, FIRST + 2, 2);
		ck_assert_uint_eq(client_at(3)->n_resumes, 1);
	}
END_TEST

START_TEST(partitions_that_are_not_declared_or_not_ours_are_ignored)
	{
		slot_at(5)->state = SLOT_WARM;
		come(5, FIRST);
		come(TOPIC_PARTITIONS, FIRST);
		come_mark(KAFKA_END, TOPIC_PARTITIONS, FIRST, NULL);
		intake_read(worker);
		ck_assert(batch_empty(worker->open));
		ck_assert_uint_eq(worker->in->n_in_hand, 0);
	}
END_TEST

/* ---- the end of the log ---- */

START_TEST(the_end_of_the_log_passes_what_is_before_it)
	{
		come(3, FIRST);
		come_mark(KAFKA_END, 3, FIRST + 3, NULL);
		check_read(3, FIRST + 3);
		check_batch(FIRST, FIRST + 3, 1);
	}
END_TEST

START_TEST(the_end_of_the_log_alone_makes_a_range_without_records)
	{
		come_mark(KAFKA_END, 3, FIRST + 3, NULL);
		check_read(3, FIRST);
		reading_turn(worker);
		ck_assert_int_eq(client_at(3)->resumed_at, FIRST);
		come_mark(KAFKA_END, 3, FIRST + 3, NULL);
		check_read(3, FIRST + 3);
		check_batch(FIRST, FIRST + 3, 0);
	}
END_TEST

START_TEST(the_end_of_the_log_where_we_are_makes_no_batch)
	{
		come_mark(KAFKA_END, 3, FIRST, NULL);
		check_read(3, FIRST);
		ck_assert(batch_empty(worker->open));
		/* But from now on the log flows. */
		come(3, FIRST + 5);
		check_read(3, FIRST + 6);
	}
END_TEST

START_TEST(a_gap_that_was_passed_moves_next_offset_with_its_batch)
	{
		const struct batch_move *move = &worker->open->moves[0];

		come_mark(KAFKA_END, 3, FIRST, NULL);
		come_mark(KAFKA_END, 3, FIRST + 3, NULL);
		intake_read(worker);
		batch_close(worker->open, 0);
		ck_assert_uint_eq(worker->open->n_moves, 1);
		ck_assert_ptr_eq(move->slot, slot_at(3));
		ck_assert_int_eq(move->from_next, FIRST);
		ck_assert_int_eq(move->to_next, FIRST + 3);
	}
END_TEST

/* ---- lanes ---- */

/* The records of the stall `north` are those of a second lane. */
static struct slot_row *add_lane(int32_t partition)
{
	static char north[] = "north";
	static char *names[] = { north };
	struct slot *slot = slot_at(partition);

	worker->lanes.lanes[1] = (struct lane){ .kind = LANE_STALLS,
						.names = names,
						.n_names = 1 };
	worker->lanes.n_lanes = 2;
	slot->rows[1] = (struct slot_row){ .lane = 1,
					   .next_offset = FIRST,
					   .emitted = FIRST };
	slot->n_rows = 2;
	return &slot->rows[1];
}

START_TEST(a_record_of_which_a_fact_is_out_already_is_skipped)
	{
		struct slot_row *north = add_lane(3);

		north->emitted = FIRST + 4;
		north->next_offset = FIRST + 6;
		for (int64_t i = FIRST; i < FIRST + 8; i++)
			come_of(3, i, i % 2 ? "north" : "south");
		check_read(3, FIRST + 8);
		check_batch(FIRST, FIRST + 8, 6);
		/* The other lane's, and what came after its facts. */
		for (size_t i = 0; i < 6; i++) {
			static const int64_t offsets[] = {
				FIRST,     FIRST + 2, FIRST + 4,
				FIRST + 5, FIRST + 6, FIRST + 7,
			};
			const struct record *record = &worker->open->records[i];

			ck_assert_int_eq(record->kafka.offset, offsets[i]);
			ck_assert_int_eq(record->lane, (int)(offsets[i] % 2));
			/* Of north's all before FIRST + 6 were decided. */
			ck_assert_int_eq(record->decided,
					 offsets[i] == FIRST + 5);
		}
		ck_assert_uint_eq(n_decoded, 6);
	}
END_TEST

START_TEST(a_record_of_a_lane_that_is_not_ours_is_skipped)
	{
		(void)add_lane(3);
		slot_at(3)->n_rows = 1;
		come_of(3, FIRST, "north");
		come_of(3, FIRST + 1, "south");
		check_read(3, FIRST + 2);
		check_batch(FIRST, FIRST + 2, 1);
		ck_assert_int_eq(worker->open->records[0].kafka.offset,
				 FIRST + 1);
	}
END_TEST

START_TEST(a_record_without_an_envelope_is_dead_and_not_decoded)
	{
		struct kafka_record record = { .partition = 3,
					       .offset = FIRST };

		kafka_in_fake_push(worker->in, &record, NULL, 0);
		check_read(3, FIRST + 1);
		ck_assert_uint_eq(worker->open->n_records, 1);
		ck_assert(worker->open->records[0].poison);
		ck_assert_ptr_nonnull(worker->open->records[0].dead_reason);
		ck_assert_uint_eq(n_decoded, 0);
	}
END_TEST

/* ---- how much ---- */

/* That many bytes in its key, its value or a header that it does not know. */
enum part { KEY, VALUE, HEADER };

static void come_large(int32_t partition, int64_t offset, size_t n_bytes,
		       enum part part)
{
	static char bytes[MIB];
	struct kafka_record record = { .partition = partition,
				       .offset = offset };
	struct kafka_in_fake_header header = { "large", bytes, n_bytes };

	ck_assert_uint_le(n_bytes, sizeof(bytes));
	if (part == KEY) {
		record.key = bytes;
		record.n_key = n_bytes;
	} else if (part == VALUE) {
		record.value = bytes;
		record.n_value = n_bytes;
	}
	kafka_in_fake_push(worker->in, &record, &header, part == HEADER);
}

START_TEST(a_batch_that_is_full_takes_no_more_and_reads_it_again)
	{
		for (int64_t i = 0; i < 9; i++)
			come_large(3, FIRST + i, MIB, VALUE);
		intake_read(worker);
		check_batch(FIRST, FIRST + 4, 4);
		ck_assert_int_eq(slot_at(3)->next_read, FIRST + 4);
		ck_assert_uint_eq(worker->in->n_in_hand, 4);
		reading_turn(worker);
		ck_assert_int_eq(client_at(3)->resumed_at, FIRST + 4);
		/* What comes of it waits for the next batch. */
		come(3, FIRST + 4);
		check_read(3, FIRST + 4);
		batch_reset(worker->open);
		check_read(3, FIRST + 5);
		check_batch(FIRST + 4, FIRST + 5, 1);
	}
END_TEST

START_TEST(a_batch_of_small_records_has_more_bytes)
	{
		size_t n;

		for (int64_t i = 0; i < 5000; i++)
			come_large(3, FIRST + i, 3600, VALUE);
		intake_read(worker);
		ck_assert_uint_ge(batch_bytes(worker->open), 16 * MIB);
		ck_assert_uint_lt(batch_bytes(worker->open), 17 * MIB);
		/* So many were asked for, and none had to be read again. */
		n = worker->open->n_records;
		ck_assert_uint_lt(n, 5000);
		check_batch(FIRST, FIRST + (int64_t)n, n);
		ck_assert_int_eq(slot_at(3)->state, SLOT_READING);
	}
END_TEST

START_TEST(the_bytes_of_all_parts_of_a_record_count)
	{
		come_large(3, FIRST, MIB, (enum part)_i);
		intake_read(worker);
		ck_assert_uint_eq(worker->open->n_records, 1);
		ck_assert_uint_ge(batch_bytes(worker->open), MIB);
		ck_assert_uint_ge(worker->record_bytes, MIB);
	}
END_TEST

START_TEST(a_full_batch_is_polled_for_only_while_the_worker_is_paused)
	{
		size_t n_polls;

		for (int64_t i = 0; i < 4; i++)
			come_large(3, FIRST + i, MIB, VALUE);
		intake_read(worker);
		n_polls = worker->in->n_polls;
		intake_read(worker);
		ck_assert_uint_eq(worker->in->n_polls, n_polls);
		reading_pause(worker);
		come(4, FIRST);
		check_read(4, FIRST);
		ck_assert_uint_gt(worker->in->n_polls, n_polls);
		ck_assert_uint_eq(worker->open->n_records, 4);
	}
END_TEST

START_TEST(a_paused_worker_goes_on_when_half_of_its_batch_is_gone)
	{
		for (int32_t i = 0; i < 4; i++)
			come_large(i % 3, FIRST + i / 3, MIB, VALUE);
		intake_read(worker);
		ck_assert_uint_eq(worker->open->n_records, 4);
		ck_assert(intake_too_far(worker));
		reading_pause(worker);
		batch_drop_slot(worker->open, slot_at(2));
		/* Three of four: enough to go on with it, not to begin. */
		ck_assert(intake_too_far(worker));
		worker->paused = false;
		ck_assert(!intake_too_far(worker));
		worker->paused = true;
		batch_drop_slot(worker->open, slot_at(0));
		ck_assert(!intake_too_far(worker));
	}
END_TEST

/* What may be fetched ahead of records of that size. */
static const struct {
	size_t record_bytes, n_queued;
	bool too_far;
} aheads[] = {
	{ MIB, 16, false },
	{ MIB, 17, true },
	{ 1024, 256 * 1024, false },
	{ 1024, 256 * 1024 + 1, true },
	{ 4 * 1024, 64 * 1024, false },
	{ 4 * 1024 + 1, 4 * 1024, true },
};

START_TEST(few_large_records_are_fetched_ahead_and_many_small_ones)
	{
		worker->record_bytes = aheads[_i].record_bytes;
		worker->in->n_queued = aheads[_i].n_queued;
		ck_assert_int_eq(intake_too_far(worker), aheads[_i].too_far);
	}
END_TEST

START_TEST(few_large_records_and_many_small_ones_are_asked_for)
	{
		come_large(3, FIRST, MIB, VALUE);
		intake_read(worker);
		batch_reset(worker->open);
		intake_read(worker);
		ck_assert_uint_ge(worker->in->n_max, 2);
		ck_assert_uint_le(worker->in->n_max, 5);
		for (int64_t i = 1; i < 1000; i++)
			come(3, FIRST + i);
		CHECK_WITHIN(5000, !worker->in->first, {
			batch_reset(worker->open);
			intake_read(worker);
		});
		batch_reset(worker->open);
		intake_read(worker);
		ck_assert_uint_eq(worker->in->n_max, READ_AT_ONCE);
	}
END_TEST

START_TEST(a_batch_has_as_many_records_as_a_transaction_may_take)
	{
		worker->batch_max = 10;
		for (int64_t i = 0; i < 15; i++)
			come(3, FIRST + i);
		intake_read(worker);
		check_batch(FIRST, FIRST + 10, 10);
		batch_reset(worker->open);
		check_read(3, FIRST + 15);
		ck_assert_uint_eq(client_at(3)->n_resumes, 1);
	}
END_TEST

/* clang-format off */
static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_gap_between_two_records_is_passed_at_once);
	tcase_add_test(tcase, a_gap_before_the_first_record_is_believed_when_it_comes_again);
	tcase_add_test(tcase, a_gap_before_another_record_than_the_first_time_is_not_believed);
	tcase_add_test(tcase, records_behind_one_that_is_not_in_turn_are_not_taken);
	tcase_add_test(tcase, a_record_after_a_new_beginning_has_no_witness_either);
	tcase_add_test(tcase, offsets_below_the_one_that_must_come_next_are_ignored);
	tcase_add_test(tcase, partitions_that_are_not_declared_or_not_ours_are_ignored);
	tcase_add_test(tcase, the_end_of_the_log_passes_what_is_before_it);
	tcase_add_test(tcase, the_end_of_the_log_alone_makes_a_range_without_records);
	tcase_add_test(tcase, the_end_of_the_log_where_we_are_makes_no_batch);
	tcase_add_test(tcase, a_gap_that_was_passed_moves_next_offset_with_its_batch);
	tcase_add_test(tcase, a_record_of_which_a_fact_is_out_already_is_skipped);
	tcase_add_test(tcase, a_record_of_a_lane_that_is_not_ours_is_skipped);
	tcase_add_test(tcase, a_record_without_an_envelope_is_dead_and_not_decoded);
	tcase_add_test(tcase, a_batch_that_is_full_takes_no_more_and_reads_it_again);
	tcase_add_test(tcase, a_batch_of_small_records_has_more_bytes);
	tcase_add_loop_test(tcase, the_bytes_of_all_parts_of_a_record_count, KEY, HEADER + 1);
	tcase_add_test(tcase, a_full_batch_is_polled_for_only_while_the_worker_is_paused);
	tcase_add_test(tcase, a_paused_worker_goes_on_when_half_of_its_batch_is_gone);
	tcase_add_loop_test(tcase, few_large_records_are_fetched_ahead_and_many_small_ones, 0, CHECK_N(aheads));
	tcase_add_test(tcase, few_large_records_and_many_small_ones_are_asked_for);
	tcase_add_test(tcase, a_batch_has_as_many_records_as_a_transaction_may_take);
}
/* clang-format on */

int main(void)
{
	Suite *suite = suite_create("intake");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, worker_teardown);
	add_tests(tcase);
	return check_run(suite);
}
