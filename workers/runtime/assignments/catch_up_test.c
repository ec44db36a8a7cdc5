/* SPDX-License-Identifier: MIT */
/*
 * Catch up: which of two readers each lane of a partition has, that each takes
 * what is its own and nothing else, and how they become one again. Lane 0
 * takes the rest, lane 1 and lane 2 have a stall each.
 */
#include "workers/runtime/batches/batches_fixture.h"

#define FAR (INT64_C(10000) / TOPIC_PARTITIONS)
#define HEAD (FIRST + 5 * FAR)
enum { P = 3, N_TEST_LANES = 3 };

static const char *const stalls[N_TEST_LANES] = { NULL, "one", "two" };
static struct positions *rows;

static void name_lanes(struct lanes *lanes)
{
	lanes->n_lanes = N_TEST_LANES;
	for (int i = 0; i < N_TEST_LANES; i++) {
		struct lane *lane = &lanes->lanes[i];

		*lane = (struct lane){ .mine = true };
		(void)snprintf(lane->name, sizeof(lane->name), "lane-%d", i);
		if (!stalls[i])
			continue;
		lane->kind = LANE_STALLS;
		lane->names = xcalloc(1, sizeof(*lane->names));
		lane->names[lane->n_names++] = xstrdup(stalls[i]);
	}
}

static void setup(void)
{
	fixture_setup();
	name_lanes(&assignments->lanes);
	rows = xcalloc(1, sizeof(*rows));
	name_lanes(&rows->lanes);
}

static void teardown(void)
{
	lanes_deinit(&rows->lanes);
	free(rows);
	fixture_teardown();
}

/* ---- what happens ---- */

static struct assignment *behind_at(int32_t partition)
{
	return catch_up_of(assignments, assignment_at(partition));
}

static void turn(void)
{
	assignments_turn(assignments);
}

/* Taken over anew: lane i stands at @emitted[i]; -1: it is another colour's. */
static void take_over(int32_t partition, const int64_t emitted[N_TEST_LANES])
{
	struct position_key key = { .partition = partition };

	if (assignment_is_ours(assignment_at(partition)))
		assignments_doubt(assignments, assignment_at(partition), false);
	rows->n_rows = 0;
	for (int i = 0; i < N_TEST_LANES; i++)
		if (emitted[i] >= 0)
			rows->rows[rows->n_rows++] = (struct position){
				.partition = partition,
				.lane = i,
				.next_offset = emitted[i],
				.emitted_offset = emitted[i],
				.epoch = i + 1,
			};
	assignments_acquired(assignments, &key, 1, rows);
}

/* Lane 1 of that partition is at FIRST, the others at HEAD; both are read. */
static void fall_behind(int32_t partition)
{
	take_over(partition, (const int64_t[]){ HEAD, FIRST, HEAD });
	turn();
}

/* The next comes from the second consumer. */
static void come_behind(int64_t offset, const char *stall)
{
	struct kafka_in *group = in;

	in = assignments->catch_up;
	come_of(P, offset, stall);
	in = group;
}

static void mark_behind(enum kafka_mark mark, const char *what)
{
	struct kafka_in *group = in;

	in = assignments->catch_up;
	come_mark(mark, P, 0, what);
	in = group;
	batches_read(batches);
}

static struct kafka_in_fake_partition *second_at(int32_t partition)
{
	return kafka_in_fake_partition(assignments->catch_up, 0, partition);
}

/* ---- which reader a lane has ---- */

/* m: the one of all others; c: the one that catches up; -: not ours. */
static const struct {
	int64_t emitted[N_TEST_LANES];
	const char *readers;
} lanes_at[] = {
	{ { HEAD, HEAD, HEAD }, "mmm" },
	{ { HEAD, HEAD - FAR, HEAD }, "mmm" },
	{ { HEAD, HEAD - FAR - 1, HEAD }, "mcm" },
	{ { HEAD, FIRST, FIRST + 1 }, "mcc" },
	{ { FIRST, FIRST, HEAD }, "ccm" },
	/* Nobody is held up by those that are as far behind. */
	{ { FIRST, FIRST, FIRST }, "mmm" },
	{ { -1, FIRST, -1 }, "-m-" },
	{ { FIRST, -1, HEAD }, "c-m" },
	{ { -1, -1, -1 }, "---" },
};

START_TEST(a_lane_far_behind_the_others_of_its_partition_has_its_own_reader)
	{
		char said[N_TEST_LANES + 1] = "---";

		take_over(P, lanes_at[_i].emitted);
		for (int i = 0; i < N_TEST_LANES; i++) {
			if (assignment_lane(assignment_at(P), i))
				said[i] = 'm';
			if (assignment_lane(behind_at(P), i))
				said[i] = said[i] == 'm' ? '2' : 'c';
		}
		ck_assert_str_eq(said, lanes_at[_i].readers);
		ck_assert_int_eq(assignment_is_ours(behind_at(P)),
				 strchr(said, 'c') != NULL);
		ck_assert_int_eq(has_logged("CATCH-UP"),
				 strchr(said, 'c') != NULL);
	}
END_TEST

START_TEST(each_reader_begins_at_its_own_lowest_position)
	{
		take_over(P, (const int64_t[]){ HEAD, FIRST, HEAD - 2 });
		turn();
		ck_assert_int_eq(client_at(P)->resumed_at, HEAD - 2);
		ck_assert_int_eq(second_at(P)->resumed_at, FIRST);
		ck_assert(second_at(P)->assigned && !second_at(4)->assigned);
		ck_assert(!assignments->catch_up->params.group);
	}
END_TEST

START_TEST(the_second_consumer_is_opened_and_reads_when_it_is_needed)
	{
		ck_assert_ptr_null(assignments_catch_up(assignments));
		fall_behind(P);
		fall_behind(4);
		ck_assert(second_at(P)->reading && second_at(4)->reading);
		take_over(P, (const int64_t[]){ HEAD, HEAD, HEAD });
		turn();
		ck_assert(!second_at(P)->reading && second_at(4)->reading);
		/* That would disturb the other one. */
		ck_assert(second_at(P)->assigned);
		take_over(4, (const int64_t[]){ HEAD, HEAD, HEAD });
		turn();
		ck_assert(!second_at(P)->assigned && !second_at(4)->assigned);
	}
END_TEST

START_TEST(another_partition_that_falls_behind_is_read_beside_the_first)
	{
		fall_behind(P);
		come_behind(FIRST, stalls[1]);
		batches_read(batches);
		fall_behind(4);
		ck_assert(second_at(P)->assigned && second_at(4)->assigned);
		ck_assert_int_eq(second_at(P)->resumed_at, FIRST + 1);
		ck_assert_int_eq(behind_at(P)->state, ASSIGNMENT_READING);
		ck_assert_int_eq(behind_at(4)->state, ASSIGNMENT_READING);
	}
END_TEST

/* ---- each takes its own ---- */

static void read_both(void)
{
	come_behind(FIRST, NULL);
	come_behind(FIRST + 1, stalls[1]);
	come_behind(FIRST + 2, stalls[2]);
	come_of(P, HEAD, stalls[1]);
	come_of(P, HEAD + 1, stalls[2]);
	batches_read(batches);
}

START_TEST(each_reader_takes_the_records_of_its_own_lanes)
	{
		const struct batch *open = batches->open;

		fall_behind(P);
		read_both();
		ck_assert_uint_eq(open->n_records, 2);
		ck_assert_int_eq(open->records[0].kafka.offset, FIRST + 1);
		ck_assert_ptr_eq(open->records[0].assignment, behind_at(P));
		ck_assert_int_eq(open->records[1].kafka.offset, HEAD + 1);
		ck_assert_ptr_eq(open->records[1].assignment, assignment_at(P));
	}
END_TEST

/* Up to where a batch moves that lane; -1: it does not. */
static int64_t moved_to(const struct batch *batch, int lane)
{
	for (size_t i = 0; i < batch->extent->n_moves; i++)
		if (batch->extent->moves[i].lane_index == lane)
			return batch->extent->moves[i].to_next;
	return -1;
}

START_TEST(a_batch_moves_each_lane_by_the_range_of_its_own_reader)
	{
		const struct batch *batch;

		fall_behind(P);
		read_both();
		batch = batches_next(batches);
		ck_assert_uint_eq(batch->extent->n_moves, N_TEST_LANES);
		ck_assert_int_eq(moved_to(batch, 0), HEAD + 2);
		ck_assert_int_eq(moved_to(batch, 1), FIRST + 3);
		ck_assert_int_eq(moved_to(batch, 2), HEAD + 2);
		batches_committed(batches);
		ck_assert_int_eq(behind_at(P)->lanes[0].next_offset, FIRST + 3);
		ck_assert_int_eq(behind_at(P)->decided, FIRST + 3);
		ck_assert_int_eq(assignment_at(P)->decided, HEAD + 2);
	}
END_TEST

START_TEST(what_is_acknowledged_counts_for_the_lanes_of_its_reader_alone)
	{
		struct assigned_position held[ASSIGNMENTS_MAX * LANES_MAX];
		struct record *records;
		size_t n;

		fall_behind(P);
		read_both();
		(void)batches_next(batches);
		records = batches->running->records;
		batches_committed(batches);
		/* The one that is far behind is on its topic. */
		emitted_acknowledge(&behind_at(P)->emitted, records[0].entry);
		n = assignments_positions(assignments, held);
		for (size_t i = 0; i < n; i++)
			if (!held[i].topic && held[i].partition == P)
				ck_assert_int_eq(held[i].emitted,
						 held[i].lane_index == 1
							 ? FIRST + 3
							 : HEAD + 1);
	}
END_TEST

START_TEST(lanes_far_behind_get_a_share_of_a_batch_and_leave_the_others_theirs)
	{
		fall_behind(P);
		for (int64_t i = 0; i < 4 * 64; i++) {
			come_behind(FIRST + i, stalls[1]);
			come(P, HEAD + i);
		}
		for (int i = 0; i < 4; i++) {
			batches->batch_max = 64;
			batches->behind_at_ms = 0;
			batches_read(batches);
			ck_assert_uint_eq(batches->open->n_behind, 48);
			ck_assert_uint_eq(batches->open->n_records, 48 + 64);
			(void)batches_next(batches);
			batches_committed(batches);
			batches_publish(batches);
		}
	}
END_TEST

/* Of a batch that held no record of them, too. */
START_TEST(behind_a_batch_of_theirs_the_others_have_the_database_for_as_long)
	{
		fall_behind(P);
		ck_assert_int_eq(batches_wake_at_ms(batches), INT64_MAX);
		come_behind(FIRST, stalls[_i]);
		batches_read(batches);
		ck_assert_uint_eq(batches->open->n_records, (size_t)_i);
		batches_next(batches)->closed_at_us -= 3600000000;
		batches_committed(batches);
		ck_assert_int_gt(batches_wake_at_ms(batches),
				 clock_now_ms() + 3000000);
		come_behind(FIRST + 1, stalls[1]);
		come(P, HEAD);
		check_read(P, HEAD + 1);
		ck_assert_int_eq(behind_at(P)->next_read, FIRST + 1);
		batches->behind_at_ms = 0;
		batches_read(batches);
		ck_assert_int_eq(behind_at(P)->next_read, FIRST + 2);
	}
END_TEST

/* ---- level ---- */

static const struct {
	int64_t behind, others; /* emitted_offset, in the database */
	bool level;
} levels[] = {
	{ HEAD, HEAD, true },
	{ HEAD - FAR / 4, HEAD, true },
	{ HEAD - FAR / 4 - 1, HEAD, false },
	{ HEAD, HEAD + 1000, false },
	/* They stand still, and are lower than where one of them was. */
	{ HEAD - 500, HEAD - 600, false },
	{ HEAD, HEAD - 600, true },
};

START_TEST(a_lane_is_level_when_the_database_says_so)
	{
		fall_behind(P);
		behind_at(P)->written = levels[_i].behind;
		assignment_at(P)->written = levels[_i].others;
		ck_assert_int_eq(assignments_level(assignments),
				 levels[_i].level);
		ck_assert_int_eq(has_logged("LEVEL"), levels[_i].level);
		ck_assert_int_eq(assignments_acquiring(assignments),
				 levels[_i].level);
	}
END_TEST

START_TEST(nothing_joins_while_the_worker_is_paused)
	{
		fall_behind(P);
		behind_at(P)->written = HEAD;
		assignments_pause(assignments);
		ck_assert(!second_at(P)->reading);
		ck_assert(!assignments_level(assignments));
		assignments_continue(assignments);
		ck_assert(assignments_level(assignments));
	}
END_TEST

START_TEST(while_the_worker_is_paused_what_was_fetched_ahead_goes)
	{
		fall_behind(P);
		assignments_pause(assignments);
		come_behind(FIRST, "main");
		come_behind(FIRST + 1, "main");
		batches_read(batches);
		ck_assert_uint_eq(kafka_in_queued(assignments->catch_up), 0);
		ck_assert_uint_eq(batches->open->n_records, 0);
	}
END_TEST

START_TEST(a_level_partition_is_taken_over_once_and_read_by_one_reader)
	{
		struct position_key keys[ASSIGNMENTS_MAX];

		fall_behind(P);
		read_both();
		come(5, FIRST);
		check_read(5, FIRST + 1);
		behind_at(P)->written = HEAD;
		ck_assert(assignments_level(assignments));
		batches_drop_lost(batches);
		ck_assert_uint_eq(batches->open->n_records, 1);
		ck_assert_uint_eq(batches->open->n_behind, 0);
		ck_assert_uint_eq(assignments_keys(assignments, true, keys), 1);
		ck_assert_int_eq(keys[0].partition, P);
		take_over(P, (const int64_t[]){ HEAD + 2, HEAD, HEAD + 2 });
		turn();
		ck_assert_int_eq(client_at(P)->resumed_at, HEAD);
		ck_assert_uint_eq(assignment_at(P)->n_lanes, N_TEST_LANES);
		ck_assert_int_eq(behind_at(P)->state, ASSIGNMENT_FREE);
	}
END_TEST

/* ---- doubt ---- */

START_TEST(a_refresh_knows_the_lanes_of_both_readers)
	{
		fall_behind(P);
		for (int32_t i = 0; i < 2 * TOPIC_PARTITIONS; i++)
			if (i != P)
				assignments->all[i].state = ASSIGNMENT_FREE;
		for (size_t i = 0; i < rows->n_rows; i++) {
			(void)snprintf(rows->rows[i].lane_name, LANE_NAME_BYTES,
				       "lane-%d", rows->rows[i].lane);
			rows->rows[i].mine = true;
		}
		ck_assert(assignments_refreshed(assignments, rows));
		rows->rows[1].epoch++;
		ck_assert(!assignments_refreshed(assignments, rows));
		ck_assert_int_eq(behind_at(P)->state, ASSIGNMENT_FREE);
	}
END_TEST

START_TEST(the_groups_offset_is_the_lowest_of_all_lanes)
	{
		fall_behind(P);
		assignments_mirror(assignments, false);
		ck_assert_int_eq(client_at(P)->committed, FIRST);
		behind_at(P)->written = FIRST + 7;
		assignments_mirror(assignments, false);
		ck_assert_int_eq(client_at(P)->committed, FIRST + 7);
		/* The proof of membership says nothing else. */
		client_at(P)->committed = 0;
		assignments_doubt(assignments, assignment_at(P), true);
		ck_assert_int_eq(assignments_confirm(assignments), 0);
		ck_assert_int_eq(client_at(P)->committed, FIRST + 7);
	}
END_TEST

START_TEST(a_revocation_ends_both_readers)
	{
		fall_behind(P);
		read_both();
		batches_drop_all(batches);
		assignments_revoked(assignments);
		come_behind(FIRST + 3, stalls[1]);
		batches_read(batches);
		ck_assert(batch_empty(batches->open));
		ck_assert_int_eq(behind_at(P)->state, ASSIGNMENT_FREE);
		ck_assert_uint_eq(behind_at(P)->n_lanes, 0);
		turn();
		ck_assert(!second_at(P)->assigned);
	}
END_TEST

/* Whatever the client has done with the place in the meantime. */
START_TEST(what_is_given_again_at_once_is_assigned_anew)
	{
		fall_behind(P);
		assignments_revoked(assignments);
		second_at(P)->assigned = false;
		assignment_at(P)->state = ASSIGNMENT_ACQUIRING;
		fall_behind(P);
		ck_assert(second_at(P)->assigned && second_at(P)->reading);
	}
END_TEST

START_TEST(what_was_sent_before_a_doubt_counts_for_nothing_behind_it)
	{
		fall_behind(P);
		read_both();
		(void)batches_next(batches);
		batches_committed(batches);
		ck_assert_int_eq(assignment_emitted(behind_at(P)), FIRST + 1);
		fall_behind(P);
		ck_assert_int_eq(assignment_emitted(behind_at(P)), FIRST);
		batches_publish(batches);
		ck_assert_int_eq(assignment_emitted(behind_at(P)), FIRST);
	}
END_TEST

START_TEST(a_commit_that_ends_after_a_doubt_moves_neither_reader)
	{
		fall_behind(P);
		read_both();
		(void)batches_next(batches);
		assignments_doubt(assignments, assignment_at(P), true);
		batches_drop_lost(batches);
		batches_committed(batches);
		ck_assert_int_eq(assignment_at(P)->decided, FIRST);
		take_over(P, (const int64_t[]){ HEAD, FIRST, HEAD });
		ck_assert_int_eq(behind_at(P)->decided, FIRST);
		batches_publish(batches);
		ck_assert_int_eq(assignment_emitted(behind_at(P)), FIRST);
		ck_assert_int_eq(assignment_emitted(assignment_at(P)), HEAD);
	}
END_TEST

/* ---- what the second consumer cannot read ---- */

static const struct {
	enum kafka_mark mark;
	const char *what, *shown;
} faults[] = {
	{ KAFKA_UNREADABLE, "a batch is damaged", "a batch is damaged" },
	{ KAFKA_GONE, "gone",
	  "the log has not got offset 100, it begins at 500 and ends at 9000" },
};

START_TEST(what_the_second_consumer_cannot_read_pauses_it_alone)
	{
		char text[256];

		fall_behind(P);
		second_at(P)->low = 500;
		second_at(P)->high = 9000;
		mark_behind(faults[_i].mark, faults[_i].what);
		turn();
		ck_assert(!second_at(P)->reading && client_at(P)->reading);
		ck_assert(behind_at(P)->backoff.on);
		ck_assert(!assignment_at(P)->backoff.on);
		(void)snprintf(text, sizeof(text),
			       "'orders' partition 3 cannot be read: %s",
			       faults[_i].shown);
		ck_assert_str_eq(assignments_not_ready(assignments), text);
		come(P, HEAD);
		check_read(P, HEAD + 1);
	}
END_TEST

START_TEST(a_place_that_the_log_has_restarts_the_second_consumer_alone)
	{
		fall_behind(P);
		second_at(P)->high = HEAD;
		mark_behind(KAFKA_GONE, "gone");
		turn();
		ck_assert_uint_eq(assignments->catch_up->n_restarts, 1);
		ck_assert_uint_eq(in->n_restarts, 0);
		ck_assert_int_eq(behind_at(P)->state, ASSIGNMENT_READING);
		ck_assert_uint_eq(client_at(P)->n_resumes, 2);
	}
END_TEST

START_TEST(a_place_that_was_gone_is_assigned_anew_after_a_take_over)
	{
		fall_behind(P);
		mark_behind(KAFKA_GONE, "gone");
		second_at(P)->assigned = false;
		fall_behind(P);
		ck_assert(second_at(P)->assigned && second_at(P)->reading);
	}
END_TEST

START_TEST(without_a_second_consumer_the_others_go_on_and_it_is_tried_again)
	{
		fall_behind(P);
		assignments->catch_up->refuses = true;
		fall_behind(4);
		ck_assert(has_logged("CATCH-UP-FAILED"));
		ck_assert_ptr_nonnull(assignments_not_ready(assignments));
		come(P, HEAD);
		check_read(P, HEAD + 1);
		assignments->catch_up->refuses = false;
		turn();
		ck_assert(!second_at(P)->assigned);
		assignments->catch_up_at_ms = 0;
		backoff_retry(&behind_at(P)->backoff);
		turn();
		ck_assert(second_at(P)->assigned && second_at(4)->assigned);
		ck_assert(second_at(P)->reading);
		come_behind(FIRST, stalls[1]);
		batches_read(batches);
		ck_assert_uint_eq(batches->open->n_behind, 1);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("catch up");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_lane_far_behind_the_others_of_its_partition_has_its_own_reader, 0, CHECK_N(lanes_at));
	tcase_add_test(tcase, each_reader_begins_at_its_own_lowest_position);
	tcase_add_test(tcase, the_second_consumer_is_opened_and_reads_when_it_is_needed);
	tcase_add_test(tcase, another_partition_that_falls_behind_is_read_beside_the_first);
	tcase_add_test(tcase, each_reader_takes_the_records_of_its_own_lanes);
	tcase_add_test(tcase, a_batch_moves_each_lane_by_the_range_of_its_own_reader);
	tcase_add_test(tcase, what_is_acknowledged_counts_for_the_lanes_of_its_reader_alone);
	tcase_add_test(tcase, lanes_far_behind_get_a_share_of_a_batch_and_leave_the_others_theirs);
	tcase_add_loop_test(tcase, behind_a_batch_of_theirs_the_others_have_the_database_for_as_long, 0, 2);
	tcase_add_loop_test(tcase, a_lane_is_level_when_the_database_says_so, 0, CHECK_N(levels));
	tcase_add_test(tcase, nothing_joins_while_the_worker_is_paused);
	tcase_add_test(tcase, while_the_worker_is_paused_what_was_fetched_ahead_goes);
	tcase_add_test(tcase, a_level_partition_is_taken_over_once_and_read_by_one_reader);
	tcase_add_test(tcase, a_refresh_knows_the_lanes_of_both_readers);
	tcase_add_test(tcase, the_groups_offset_is_the_lowest_of_all_lanes);
	tcase_add_test(tcase, a_revocation_ends_both_readers);
	tcase_add_test(tcase, what_is_given_again_at_once_is_assigned_anew);
	tcase_add_test(tcase, what_was_sent_before_a_doubt_counts_for_nothing_behind_it);
	tcase_add_test(tcase, a_commit_that_ends_after_a_doubt_moves_neither_reader);
	tcase_add_loop_test(tcase, what_the_second_consumer_cannot_read_pauses_it_alone, 0, CHECK_N(faults));
	tcase_add_test(tcase, a_place_that_the_log_has_restarts_the_second_consumer_alone);
	tcase_add_test(tcase, a_place_that_was_gone_is_assigned_anew_after_a_take_over);
	tcase_add_test(tcase, without_a_second_consumer_the_others_go_on_and_it_is_tried_again);
	return check_run(suite);
}
