/* SPDX-License-Identifier: MIT */
/*
 * Positions: against a real server with the migrations applied. Two workers
 * are two sessions here; what a third party does to the lanes is plain SQL.
 */
#include "workers/runtime/positions.h"

#include <string.h>

#include "infra/lib/postgres_fixture.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS

static const char *url;
static struct pg *pg, *other;
static struct identity me, zombie;
static struct positions *held, *theirs;
static struct pg_call args;

static const struct position_key keys[] = { { 0, 0 }, { 0, 1 }, { 1, 0 } };

static void setup(void)
{
	url = postgres_database();
	pg = postgres_connect(url, "galore");
	other = postgres_connect(url, "galore");
	me = (struct identity){
		.service = "chillybin",
		.colour = "blue",
		.holder = "me",
		.topics = { &topic_table[TOPIC_ORDERS],
			    &topic_table[TOPIC_RESTOCKS] },
		.n_topics = 2,
	};
	zombie = me;
	zombie.holder = "zombie";
	held = xcalloc(1, sizeof(*held));
	theirs = xcalloc(1, sizeof(*theirs));
}

static void teardown(void)
{
	pg_call_deinit(&args);
	lanes_deinit(&held->lanes);
	lanes_deinit(&theirs->lanes);
	free(held);
	free(theirs);
	pg = pg_free(pg);
	other = pg_free(other);
}

static void acquire(struct pg *session, const struct identity *who,
		    struct positions *ret)
{
	int r = positions_acquire(session, who, keys, 3, ret);

	ck_assert_msg(!r, "%d: %s", r, pg_message(session));
}

static const struct position *find(const struct positions *positions, int topic,
				   int32_t partition, int lane)
{
	for (size_t i = 0; i < positions->n_rows; i++)
		if (positions->rows[i].topic == topic &&
		    positions->rows[i].partition == partition &&
		    positions->rows[i].lane == lane)
			return &positions->rows[i];
	ck_abort_msg("no row of that lane was taken");
	return NULL;
}

static struct assigned_position believed(const struct positions *positions,
					 int topic, int32_t partition, int lane)
{
	const struct position *row = find(positions, topic, partition, lane);

	return (struct assigned_position){
		.topic = topic,
		.partition = partition,
		.lane = positions->lanes.lanes[lane].name,
		.epoch = row->epoch,
		.next_offset = row->next_offset,
		.to_next = row->next_offset + 10,
		.emitted = row->next_offset,
	};
}

static int move(struct pg *session, const struct identity *who,
		const struct assigned_position *rows, size_t n)
{
	int r;

	(void)pg_add(session, &pg_begin, NULL);
	positions_add_move(session, who, rows, n, &args);
	(void)pg_add(session, &pg_commit, NULL);
	r = pg_run(session, TIMEOUT_MS);
	if (r == PG_E_SQL) {
		ck_assert_str_eq(pg_sqlstate(session), POSITIONS_LOST);
		postgres_exec(session, "ROLLBACK");
	}
	return r;
}

/* Of lane stable at a partition of orders. */
static int64_t offset_of(const char *column, int32_t partition)
{
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM positions WHERE service = 'chillybin'"
		       " AND lane = 'stable' AND topic = 'orders'"
		       " AND partition = %d",
		       column, partition);
	return postgres_number(url, sql);
}

static int64_t next_of(int32_t partition)
{
	return offset_of("next_offset", partition);
}

static int64_t emitted_of(int32_t partition)
{
	return offset_of("emitted_offset", partition);
}

static int64_t n_held_by(const char *holder)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM positions WHERE holder = '%s'",
		       holder);
	return postgres_number(url, sql);
}

/* ---- taking over ---- */

START_TEST(a_take_over_gives_each_row_a_higher_epoch)
	{
		int64_t highest = 0;

		for (int round = 0; round < 3; round++) {
			int64_t before = highest;

			acquire(pg, &me, held);
			ck_assert_uint_eq(held->n_rows, 3);
			ck_assert_uint_eq(held->lanes.n_lanes, 1);
			ck_assert(held->lanes.lanes[0].mine);
			for (size_t i = 0; i < held->n_rows; i++) {
				ck_assert_int_eq(held->rows[i].lane, 0);
				ck_assert_int_gt(held->rows[i].epoch, before);
				if (held->rows[i].epoch > highest)
					highest = held->rows[i].epoch;
			}
		}
		ck_assert_int_eq(n_held_by("me"), 3);
	}
END_TEST

START_TEST(a_refresh_changes_nothing)
	{
		acquire(pg, &me, held);
		ck_assert_int_eq(
			positions_refresh(other, &zombie, keys, 3, theirs), 0);
		ck_assert_uint_eq(theirs->n_rows, 3);
		for (size_t i = 0; i < 3; i++)
			ck_assert_int_eq(find(theirs, held->rows[i].topic,
					      held->rows[i].partition, 0)
						 ->epoch,
					 held->rows[i].epoch);
		ck_assert_int_eq(n_held_by("me"), 3);
	}
END_TEST

START_TEST(a_colour_without_lanes_takes_nothing)
	{
		me.colour = "green";
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->n_rows, 0);
		ck_assert_uint_eq(held->lanes.n_lanes, 1);
		ck_assert(!held->lanes.lanes[0].mine);
	}
END_TEST

START_TEST(the_holder_of_an_older_epoch_moves_nothing)
	{
		struct assigned_position old, fresh;

		acquire(other, &zombie, theirs);
		old = believed(theirs, 0, 0, 0);
		acquire(pg, &me, held);
		fresh = believed(held, 0, 0, 0);
		ck_assert_int_eq(move(other, &zombie, &old, 1), PG_E_SQL);
		ck_assert_int_eq(next_of(0), 0);
		ck_assert_int_eq(move(pg, &me, &fresh, 1), 0);
		ck_assert_int_eq(next_of(0), 10);
		ck_assert_int_eq(move(other, &zombie, &old, 1), PG_E_SQL);
		ck_assert_int_eq(next_of(0), 10);
	}
END_TEST

static void end_transaction(void *arg, int backend_pid, int64_t waited_ms)
{
	(void)backend_pid;
	(void)waited_ms;
	if (++*(int *)arg == 3)
		postgres_exec(pg, "COMMIT");
}

START_TEST(a_take_over_waits_for_a_commit_in_flight_and_sees_it)
	{
		struct assigned_position row;
		int n_looks = 0;

		acquire(pg, &me, held);
		row = believed(held, 0, 0, 0);
		(void)pg_add(pg, &pg_begin, NULL);
		positions_add_move(pg, &me, &row, 1, &args);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		pg_on_waiting(other, 20, end_transaction, &n_looks);
		acquire(other, &zombie, theirs);
		ck_assert_int_ge(n_looks, 3);
		ck_assert_int_eq(find(theirs, 0, 0, 0)->next_offset, 10);
	}
END_TEST

/* ---- lanes that change meanwhile ---- */

#define ADD_LANE                                                               \
	"INSERT INTO control.lanes (service, lane, parent, kind, bucket_from," \
	" bucket_to, names, colour) VALUES ('chillybin', "
#define RAISE_EPOCHS                                                           \
	"UPDATE positions SET epoch = nextval('control.epoch_seq')"            \
	" WHERE service = 'chillybin'"
#define COPY_POSITIONS                                                         \
	"INSERT INTO positions (service, lane, topic, partition, colour,"      \
	" next_offset, emitted_offset, epoch) SELECT service, 'pier', topic,"  \
	" partition, colour, next_offset, emitted_offset, epoch"               \
	" FROM positions WHERE service = 'chillybin'"

/* Lane pier, all but its COMMIT. */
static const char split[] = "BEGIN; " RAISE_EPOCHS "; " ADD_LANE
			    "'pier', 'stable', 'stalls', NULL, NULL, "
			    "'{pier,\"a b\"}', 'blue');" COPY_POSITIONS;
static const char half[] =
	ADD_LANE "'half', 'stable', 'buckets', 0, 2048, NULL, 'green')";
static const char half_of_pier[] =
	ADD_LANE "'half', 'pier', 'buckets', 0, 2048, NULL, 'green')";
static const char end_pier[] =
	"UPDATE control.lanes SET ended_at = now() WHERE lane = 'pier';"
	"UPDATE positions SET colour = '' WHERE lane = 'pier'";

static void split_pier(void)
{
	postgres_exec(other, split);
	postgres_exec(other, "COMMIT");
}

START_TEST(a_lane_that_is_split_off_is_taken_with_its_parent)
	{
		split_pier();
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->lanes.n_lanes, 2);
		ck_assert_str_eq(held->lanes.lanes[0].name, "stable");
		ck_assert_str_eq(held->lanes.lanes[1].name, "pier");
		ck_assert_int_eq(held->lanes.lanes[1].parent, 0);
		ck_assert_int_eq(held->lanes.lanes[1].kind, LANE_STALLS);
		ck_assert_uint_eq(held->lanes.lanes[1].n_names, 2);
		ck_assert_str_eq(held->lanes.lanes[1].names[1], "a b");
		ck_assert_uint_eq(held->n_rows, 6);
		(void)find(held, 1, 0, 1);
	}
END_TEST

/* The split of a lane as a transaction that the test ends when the take-over
 * waits for its rows. */
static void end_split(void *arg, int backend_pid, int64_t waited_ms)
{
	(void)backend_pid;
	(void)waited_ms;
	if ((*(int *)arg)++ == 0)
		postgres_exec(other, "COMMIT");
}

START_TEST(a_take_over_that_meets_a_change_of_lanes_takes_all_of_them)
	{
		int n_looks = 0;

		postgres_exec(other, split);
		pg_on_waiting(pg, 20, end_split, &n_looks);
		acquire(pg, &me, held);
		ck_assert_int_gt(n_looks, 0);
		/* The first UPDATE did not see the new rows; the lanes do. */
		ck_assert_uint_eq(held->n_rows, 6);
		ck_assert_uint_eq(held->lanes.n_lanes, 2);
	}
END_TEST

START_TEST(rows_that_the_lanes_do_not_name_are_never_held)
	{
		postgres_exec(other,
			      ADD_LANE "'pier', 'stable', 'stalls', NULL, NULL,"
				       " '{pier}', 'blue')");
		ck_assert_int_ne(positions_acquire(pg, &me, keys, 3, held), 0);
	}
END_TEST

START_TEST(an_ended_lane_is_read_as_long_as_a_lane_below_it_lives)
	{
		split_pier();
		postgres_exec(other, half_of_pier);
		postgres_exec(other, end_pier);
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->lanes.n_lanes, 3);
		ck_assert(held->lanes.lanes[1].ended);
		ck_assert(!held->lanes.lanes[1].mine);
		ck_assert_int_eq(held->lanes.lanes[2].parent, 1);
		ck_assert_int_eq(held->lanes.lanes[2].bucket_to, 2048);
		ck_assert(!held->lanes.lanes[2].mine);
		ck_assert_uint_eq(held->n_rows, 3);
	}
END_TEST

START_TEST(a_lane_that_ended_while_another_lived_is_read_beside_it)
	{
		split_pier();
		postgres_exec(other, half);
		postgres_exec(other, end_pier);
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->lanes.n_lanes, 3);
		ck_assert_str_eq(held->lanes.lanes[1].name, "pier");
		ck_assert(held->lanes.lanes[1].ended);
		/* Both others were made before it ended. */
		ck_assert_uint_eq(held->lanes.lanes[1].until, 3);
		/* Its rows are nobody's. */
		ck_assert_uint_eq(held->n_rows, 3);
	}
END_TEST

START_TEST(what_ended_before_only_stable_lived_is_not_read)
	{
		split_pier();
		postgres_exec(other, end_pier);
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->lanes.n_lanes, 1);
		ck_assert_uint_eq(held->n_rows, 3);
	}
END_TEST

START_TEST(more_lanes_than_a_worker_knows_are_an_answer)
	{
		postgres_exec(other, "INSERT INTO control.lanes (service, lane,"
				     " parent, kind, names, colour)"
				     " SELECT 'chillybin', 'l' || i, 'stable',"
				     " 'stalls', ARRAY[i::text], 'green'"
				     " FROM generate_series(1, 62) i");
		ck_assert_int_eq(positions_acquire(pg, &me, keys, 3, held),
				 POSITIONS_E_TOO_MANY);
		postgres_exec(other,
			      "DELETE FROM control.lanes WHERE lane = 'l1'");
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->lanes.n_lanes, LANES_MAX);
	}
END_TEST

/* ---- moving and emitting ---- */

START_TEST(a_row_that_is_not_where_it_is_believed_to_be_fails_all_of_them)
	{
		struct assigned_position rows[2];

		acquire(pg, &me, held);
		rows[0] = believed(held, 0, 0, 0);
		rows[1] = believed(held, 0, 1, 0);
		rows[1].next_offset = 5;
		ck_assert_int_eq(move(pg, &me, rows, 2), PG_E_SQL);
		ck_assert_int_eq(next_of(0), 0);
		rows[1].next_offset = 0;
		ck_assert_int_eq(move(pg, &me, rows, 2), 0);
		ck_assert_int_eq(next_of(0), 10);
		ck_assert_int_eq(next_of(1), 10);
	}
END_TEST

START_TEST(emitted_never_goes_above_next_nor_back)
	{
		struct assigned_position row;

		acquire(pg, &me, held);
		row = believed(held, 0, 0, 0);
		row.emitted = 99;
		ck_assert_int_eq(move(pg, &me, &row, 1), 0);
		ck_assert_int_eq(emitted_of(0), 10);
		row.next_offset = row.to_next = 10;
		row.emitted = 3;
		ck_assert_int_eq(positions_emit(pg, &me, &row, 1), 0);
		ck_assert_int_eq(emitted_of(0), 10);
		row.to_next = 30;
		ck_assert_int_eq(move(pg, &me, &row, 1), 0);
		row.next_offset = row.to_next = 30;
		row.emitted = 20;
		ck_assert_int_eq(positions_emit(pg, &me, &row, 1), 0);
		ck_assert_int_eq(emitted_of(0), 20);
		ck_assert_int_eq(next_of(0), 30);
	}
END_TEST

START_TEST(a_zombie_emits_nothing)
	{
		struct assigned_position row;

		acquire(pg, &me, held);
		row = believed(held, 0, 0, 0);
		ck_assert_int_eq(move(pg, &me, &row, 1), 0);
		row.next_offset = row.to_next = 10;
		row.emitted = 10;
		acquire(other, &zombie, theirs);
		ck_assert_int_eq(positions_emit(pg, &me, &row, 1), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), POSITIONS_LOST);
		ck_assert_int_eq(emitted_of(0), 0);
	}
END_TEST

START_TEST(a_release_leaves_rows_of_another_epoch_alone)
	{
		struct assigned_position rows[2];

		acquire(pg, &me, held);
		rows[0] = believed(held, 0, 0, 0);
		rows[1] = believed(held, 0, 1, 0);
		ck_assert_int_eq(move(pg, &me, rows, 2), 0);
		ck_assert_int_eq(
			positions_acquire(other, &zombie, &keys[1], 1, theirs),
			0);
		for (int i = 0; i < 2; i++)
			rows[i].emitted = 7;
		ck_assert_int_eq(positions_release(pg, &me, rows, 2), 0);
		ck_assert_int_eq(emitted_of(0), 7);
		ck_assert_int_eq(emitted_of(1), 0);
		ck_assert_int_eq(n_held_by("zombie"), 1);
		ck_assert_int_eq(n_held_by("me"),
				 1); /* restocks, which was not released */
	}
END_TEST

/* ---- confirming beside the batches ---- */

START_TEST(a_confirm_keeps_a_take_over_waiting_until_its_commit)
	{
		struct assigned_position rows[2];
		int n_looks = 0;

		acquire(pg, &me, held);
		rows[0] = believed(held, 0, 0, 0);
		rows[1] = believed(held, 1, 0, 0);
		(void)pg_add(pg, &pg_begin, NULL);
		positions_add_confirm(pg, &me, rows, 2, &args);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		pg_on_waiting(other, 20, end_transaction, &n_looks);
		acquire(other, &zombie, theirs);
		ck_assert_int_ge(n_looks, 3);
	}
END_TEST

START_TEST(a_confirm_of_rows_that_somebody_else_has_fails)
	{
		struct assigned_position row;

		acquire(pg, &me, held);
		row = believed(held, 0, 0, 0);
		acquire(other, &zombie, theirs);
		(void)pg_add(pg, &pg_begin, NULL);
		positions_add_confirm(pg, &me, &row, 1, &args);
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), POSITIONS_LOST);
	}
END_TEST

START_TEST(confirms_do_not_keep_each_other_waiting)
	{
		struct assigned_position row;
		struct pg_call more = { 0 };

		acquire(pg, &me, held);
		row = believed(held, 0, 0, 0);
		(void)pg_add(pg, &pg_begin, NULL);
		positions_add_confirm(pg, &me, &row, 1, &args);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		(void)pg_add(other, &pg_begin, NULL);
		positions_add_confirm(other, &me, &row, 1, &more);
		(void)pg_add(other, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(other, 5000), 0);
		pg_call_deinit(&more);
	}
END_TEST

/* ---- dead letters ---- */

static struct record *add_record(struct batch *batch, int64_t offset)
{
	struct kafka_record kafka = {
		.partition = 1,
		.offset = offset,
		.key = "a\0key",
		.n_key = 5,
	};
	struct record *record = batch_add(batch, NULL, &kafka);

	record->envelope.id = TEXT("an event");
	return record;
}

static int store_dead(struct batch *batch)
{
	int r;

	positions_add_dead(pg, &me, batch, &args);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, TIMEOUT_MS);
	ck_assert_msg(!r, "%s", pg_message(pg));
	return r;
}

START_TEST(a_dead_letter_is_read_again_as_it_was_stored)
	{
		struct batch *batch = batch_new();
		struct record *record;

		(void)add_record(batch, 6);
		record = add_record(batch, 7);
		batch_dead(batch, record, "conflict", "it's \"known\"");
		(void)store_dead(batch);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM "
					     "dead_letters WHERE key = "
					     "'\\x61006b6579' AND event_id = "
					     "'an event' AND \"offset\" = 7"),
			1);
		batch_reset(batch);

		for (int64_t i = 6; i < 9; i++)
			add_record(batch, i)->decided = true;
		ck_assert_int_eq(positions_recall_dead(pg, &me, batch), 0);
		ck_assert_ptr_null(batch->records[0].dead_reason);
		ck_assert_str_eq(batch->records[1].dead_reason, "conflict");
		ck_assert_str_eq(batch->records[1].dead_detail,
				 "it's \"known\"");
		ck_assert_ptr_null(batch->records[2].dead_reason);
		(void)store_dead(batch); /* decided: nothing is stored again */
		ck_assert_int_eq(
			postgres_number(url,
					"SELECT count(*) FROM dead_letters"),
			1);
		(void)batch_free(batch);
	}
END_TEST

START_TEST(what_is_no_text_is_no_event_id)
	{
		struct batch *batch = batch_new();
		struct record *record = add_record(batch, 1);

		record->envelope.id = (struct text){ "\xff\0\xfe", 3 };
		record->kafka.key = NULL;
		batch_dead(batch, record, "malformed", "nonsense");
		(void)store_dead(batch);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM "
					     "dead_letters WHERE event_id IS "
					     "NULL AND key IS NULL"),
			1);
		(void)batch_free(batch);
	}
END_TEST

START_TEST(a_key_that_is_longer_than_any_of_ours_is_not_stored)
	{
		static const char large[5000];
		struct batch *batch = batch_new();
		struct record *record = add_record(batch, 1);

		record->kafka.key = large;
		record->kafka.n_key = sizeof(large);
		batch_dead(batch, record, "malformed", "nonsense");
		(void)store_dead(batch);
		ck_assert_int_eq(postgres_number(url,
						 "SELECT count(*) FROM "
						 "dead_letters WHERE event_id ="
						 " 'an event' AND key IS NULL"),
				 1);
		(void)batch_free(batch);
	}
END_TEST

START_TEST(a_session_that_is_lost_is_an_outcome)
	{
		char sql[64];

		(void)snprintf(sql, sizeof(sql),
			       "SELECT pg_terminate_backend(%d)",
			       pg_backend_pid(pg));
		postgres_exec(other, sql);
		ck_assert_int_eq(positions_acquire(pg, &me, keys, 3, held),
				 POSITIONS_E_LOST);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("positions");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_take_over_gives_each_row_a_higher_epoch);
	tcase_add_test(tcase, a_refresh_changes_nothing);
	tcase_add_test(tcase, a_colour_without_lanes_takes_nothing);
	tcase_add_test(tcase, the_holder_of_an_older_epoch_moves_nothing);
	tcase_add_test(tcase, a_take_over_waits_for_a_commit_in_flight_and_sees_it);
	tcase_add_test(tcase, a_lane_that_is_split_off_is_taken_with_its_parent);
	tcase_add_test(tcase, a_take_over_that_meets_a_change_of_lanes_takes_all_of_them);
	tcase_add_test(tcase, rows_that_the_lanes_do_not_name_are_never_held);
	tcase_add_test(tcase, an_ended_lane_is_read_as_long_as_a_lane_below_it_lives);
	tcase_add_test(tcase, a_lane_that_ended_while_another_lived_is_read_beside_it);
	tcase_add_test(tcase, what_ended_before_only_stable_lived_is_not_read);
	tcase_add_test(tcase, more_lanes_than_a_worker_knows_are_an_answer);
	tcase_add_test(tcase, a_row_that_is_not_where_it_is_believed_to_be_fails_all_of_them);
	tcase_add_test(tcase, emitted_never_goes_above_next_nor_back);
	tcase_add_test(tcase, a_zombie_emits_nothing);
	tcase_add_test(tcase, a_release_leaves_rows_of_another_epoch_alone);
	tcase_add_test(tcase, a_confirm_keeps_a_take_over_waiting_until_its_commit);
	tcase_add_test(tcase, a_confirm_of_rows_that_somebody_else_has_fails);
	tcase_add_test(tcase, confirms_do_not_keep_each_other_waiting);
	tcase_add_test(tcase, a_dead_letter_is_read_again_as_it_was_stored);
	tcase_add_test(tcase, what_is_no_text_is_no_event_id);
	tcase_add_test(tcase, a_key_that_is_longer_than_any_of_ours_is_not_stored);
	tcase_add_test(tcase, a_session_that_is_lost_is_an_outcome);
	return postgres_run(suite);
}
