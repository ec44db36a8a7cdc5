/* SPDX-License-Identifier: MIT */
/*
 * Positions: against a real server with the migrations applied. Two workers
 * are two sessions here; what a third party does to the lanes is plain SQL.
 */
#include "workers/runtime/database/positions.h"

#include <string.h>

#include "infra/lib/postgres/postgres_fixture.h"

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
	postgres_exec(pg, "SET search_path = galore, control");
	postgres_exec(other, "SET search_path = galore, control");
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

/* Two rows of lane stable, as @from says that they are. */
static void believe_two(const struct positions *from,
			struct assigned_position rows[2])
{
	rows[0] = believed(from, 0, 0, 0);
	rows[1] = believed(from, 0, 1, 0);
}

enum { MOVE, CONFIRM, N_ADDS };

/* A transaction that moves or confirms rows; it is left open if it is not to
 * @commit. */
static int run(struct pg *session, int add, const struct held_positions *rows,
	       bool commit)
{
	(void)pg_add(session, &pg_begin, NULL);
	if (add == MOVE)
		positions_add_move(session, rows, &args);
	else
		worker_add_confirm(
			session,
			&(struct worker_assignments){ .positions = rows },
			&args);
	if (commit)
		(void)pg_add(session, &pg_commit, NULL);
	return pg_run(session, TIMEOUT_MS);
}

static void expect_lost(struct pg *session, int r)
{
	ck_assert_int_eq(r, PG_E_SQL);
	ck_assert_str_eq(pg_sqlstate(session), POSITIONS_LOST);
	postgres_exec(session, "ROLLBACK");
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
		ck_assert_int_eq(
			postgres_count(url, "positions WHERE holder = 'me'"),
			3);
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
		ck_assert_int_eq(
			postgres_count(url, "positions WHERE holder = 'me'"),
			3);
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

START_TEST(the_holder_of_an_older_epoch_moves_confirms_and_emits_nothing)
	{
		struct assigned_position old[2], fresh[2];
		struct held_positions theirs_of = { &zombie, old, 2 };
		struct held_positions ours = { &me, fresh, 2 };

		acquire(other, &zombie, theirs);
		believe_two(theirs, old);
		acquire(pg, &me, held);
		believe_two(held, fresh);
		for (int add = 0; add < N_ADDS; add++)
			expect_lost(other, run(other, add, &theirs_of, true));
		ck_assert_int_eq(next_of(0), 0);
		ck_assert_int_eq(run(pg, MOVE, &ours, true), 0);
		ck_assert_int_eq(next_of(0), 10);
		expect_lost(other, run(other, MOVE, &theirs_of, true));
		ck_assert_int_eq(next_of(0), 10);
		theirs_of.n_rows = 1;
		old[0].next_offset = old[0].to_next = old[0].emitted = 10;
		expect_lost(other, positions_emit(other, &theirs_of));
		ck_assert_int_eq(emitted_of(0), 0);
	}
END_TEST

/* A transaction in flight is committed when others wait for its rows. */
static struct {
	struct pg *session;
	int n_looks;
} in_flight;

static void end_transaction(void *arg, int backend_pid, int64_t waited_ms)
{
	(void)arg;
	(void)backend_pid;
	(void)waited_ms;
	if (++in_flight.n_looks == 3)
		postgres_exec(in_flight.session, "COMMIT");
}

static void acquire_meanwhile(struct pg *session, const struct identity *who,
			      struct positions *ret)
{
	in_flight.session = session == pg ? other : pg;
	pg_on_waiting(session, 20, end_transaction, NULL);
	acquire(session, who, ret);
	ck_assert_int_ge(in_flight.n_looks, 3);
}

START_TEST(a_take_over_waits_for_a_commit_in_flight_and_sees_it)
	{
		struct assigned_position rows[2];
		struct held_positions ours = { &me, rows, 2 };

		acquire(pg, &me, held);
		believe_two(held, rows);
		ck_assert_int_eq(run(pg, _i, &ours, false), 0);
		acquire_meanwhile(other, &zombie, theirs);
		ck_assert_int_eq(find(theirs, 0, 0, 0)->next_offset,
				 _i == MOVE ? 10 : 0);
	}
END_TEST

START_TEST(confirms_do_not_keep_each_other_waiting)
	{
		struct assigned_position rows[2];
		struct held_positions ours = { &me, rows, 2 };

		acquire(pg, &me, held);
		believe_two(held, rows);
		ck_assert_int_eq(run(pg, CONFIRM, &ours, false), 0);
		ck_assert_int_eq(run(other, CONFIRM, &ours, true), 0);
	}
END_TEST

/* ---- lanes that change meanwhile ---- */

/* Lane pier, all but its COMMIT. */
static const char split[] = "BEGIN; SELECT lane_split('chillybin', 'pier', "
			    "'stable', 'stalls', NULL,"
			    " NULL, '{pier,\"a b\"}', 'blue')";

static void split_pier(void)
{
	postgres_exec(other, split);
	postgres_exec(other, "COMMIT");
}

START_TEST(a_lane_that_is_split_off_is_taken_with_its_parent)
	{
		const struct lane *lanes = held->lanes.lanes;

		split_pier();
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->lanes.n_lanes, 2);
		ck_assert_str_eq(lanes[0].name, "stable");
		ck_assert_str_eq(lanes[1].name, "pier");
		ck_assert_int_eq(lanes[1].parent, 0);
		ck_assert_int_eq(lanes[1].kind, LANE_STALLS);
		ck_assert_uint_eq(lanes[1].n_names, 2);
		ck_assert_str_eq(lanes[1].names[1], "a b");
		ck_assert_uint_eq(held->n_rows, 6);
		(void)find(held, 1, 0, 1);
	}
END_TEST

START_TEST(a_take_over_that_meets_a_change_of_lanes_takes_all_of_them)
	{
		postgres_exec(other, split);
		acquire_meanwhile(pg, &me, held);
		/* The first UPDATE did not see the new rows; the lanes do. */
		ck_assert_uint_eq(held->n_rows, 6);
		ck_assert_uint_eq(held->lanes.n_lanes, 2);
	}
END_TEST

START_TEST(rows_that_the_lanes_do_not_name_are_never_held)
	{
		postgres_exec(
			other,
			"INSERT INTO control.lanes (service, lane, parent,"
			" kind, names, colour) VALUES ('chillybin',"
			" 'pier', 'stable', 'stalls', '{pier}', 'blue')");
		ck_assert_int_ne(positions_acquire(pg, &me, keys, 3, held), 0);
	}
END_TEST

/* A lane of another colour that lives when lane pier ends, or none. */
static const struct {
	const char *other_lane;
	size_t n_lanes; /* that are read */
	int parent;     /* of the other one */
} endings[] = {
	{ "SELECT lane_split('chillybin', 'half', 'pier', 'buckets', 0, 2048,"
	  " NULL, 'green')",
	  3, 1 },
	{ "SELECT lane_split('chillybin', 'half', 'stable', 'buckets', 0,"
	  " 2048, NULL, 'green')",
	  3, 0 },
	{ "SELECT 1", 1, 0 },
};

START_TEST(an_ended_lane_is_read_as_long_as_another_one_may_need_it)
	{
		const struct lane *lanes = held->lanes.lanes;

		split_pier();
		postgres_exec(other, endings[_i].other_lane);
		postgres_exec(other, "SELECT lane_merge('chillybin', 'pier')");
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->lanes.n_lanes, endings[_i].n_lanes);
		/* The rows of the ended one are nobody's. */
		ck_assert_uint_eq(held->n_rows, 3);
		if (endings[_i].n_lanes == 1)
			return;
		ck_assert_str_eq(lanes[1].name, "pier");
		ck_assert(lanes[1].ended && !lanes[1].mine);
		/* All three were made before it ended. */
		ck_assert_uint_eq(lanes[1].until, 3);
		ck_assert_int_eq(lanes[2].parent, endings[_i].parent);
		ck_assert_int_eq(lanes[2].bucket_to, 2048);
		ck_assert(!lanes[2].mine);
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

/* ---- changes of lanes ---- */

#define SPLIT_HALF                                                             \
	"SELECT lane_split('chillybin', 'half', 'stable',"                     \
	" 'buckets', 0, 2048, NULL, 'green')"
#define STAND                                                                  \
	"UPDATE positions SET next_offset = 40 + partition,"                   \
	" emitted_offset = 30 WHERE service = 'chillybin'"

/* What becomes of rows that a worker held before the change. */
static const struct {
	const char *change;
	const char *then; /* rows that are so afterwards: all 36 of a lane */
} changes[] = {
	{ SPLIT_HALF, "lane = 'half' AND colour = 'green' AND next_offset ="
		      " 40 + partition AND emitted_offset = 30" },
	{ "SELECT lane_move('chillybin', 'stable', 'green')",
	  "lane = 'stable' AND colour = 'green' AND next_offset ="
	  " 40 + partition AND emitted_offset = 30" },
};

START_TEST(a_change_of_lanes_keeps_positions_and_fences_who_held_them)
	{
		struct assigned_position rows[2];
		struct held_positions ours = { &me, rows, 2 };
		char from[256];

		postgres_exec(other, STAND);
		acquire(pg, &me, held);
		believe_two(held, rows);
		postgres_exec(other, changes[_i].change);
		expect_lost(pg, run(pg, MOVE, &ours, true));
		(void)snprintf(from, sizeof(from),
			       "positions WHERE service = 'chillybin' AND %s",
			       changes[_i].then);
		ck_assert_int_eq(postgres_count(url, from), 36);
	}
END_TEST

START_TEST(a_split_copies_what_a_commit_in_flight_leaves)
	{
		struct assigned_position rows[2];
		struct held_positions ours = { &me, rows, 2 };

		acquire(pg, &me, held);
		believe_two(held, rows);
		ck_assert_int_eq(run(pg, MOVE, &ours, false), 0);
		in_flight.session = pg;
		pg_on_waiting(other, 20, end_transaction, NULL);
		postgres_exec(other, SPLIT_HALF);
		ck_assert_int_ge(in_flight.n_looks, 3);
		ck_assert_int_eq(
			postgres_count(url, "positions WHERE lane = 'half' AND"
					    " topic = 'orders' AND"
					    " next_offset = 10"),
			2);
	}
END_TEST

/* What leaves two lanes that no merge may make one. */
static const char *const unlike[] = {
	"UPDATE positions SET next_offset = 41 WHERE lane = 'half'"
	" AND topic = 'toasties' AND partition = 11",
	"SELECT lane_move('chillybin', 'half', 'green')",
	"SELECT lane_move('chillybin', 'stable', 'green')",
};

static const struct pg_statement merge_half = {
	"merge_half", "SELECT lane_merge('chillybin', 'half')", 0
};

static void split_level_half(void)
{
	postgres_exec(other, STAND);
	postgres_exec(other, SPLIT_HALF);
	postgres_exec(other, "SELECT lane_move('chillybin', 'half', 'blue')");
}

START_TEST(lanes_that_are_not_level_or_of_two_colours_do_not_merge)
	{
		split_level_half();
		postgres_exec(other, unlike[_i]);
		(void)pg_add(other, &merge_half, NULL);
		ck_assert_int_eq(pg_run(other, TIMEOUT_MS), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(other), "TG004");
		ck_assert_int_eq(postgres_count(url, "control.lanes WHERE"
						     " ended_at IS NOT NULL"),
				 0);
	}
END_TEST

START_TEST(a_merge_leaves_to_the_heir_what_either_has_not_published)
	{
		split_level_half();
		postgres_exec(other,
			      "UPDATE positions SET emitted_offset = 20"
			      " WHERE lane = 'half' AND topic = 'orders'");
		acquire(pg, &me, held);
		postgres_exec(other, "SELECT lane_merge('chillybin', 'half')");
		ck_assert_int_eq(emitted_of(0), 20);
		ck_assert_int_eq(next_of(3), 43);
		acquire(pg, &me, held);
		ck_assert_uint_eq(held->n_rows, 3);
		ck_assert_int_eq(postgres_count(url,
						"positions WHERE lane ="
						" 'half' AND colour <> ''"),
				 0);
	}
END_TEST

START_TEST(the_records_of_a_merged_lane_fall_to_the_nearest_that_lives)
	{
		postgres_exec(other, SPLIT_HALF);
		postgres_exec(other, "SELECT lane_split('chillybin', 'pier',"
				     " 'half', 'stalls', NULL, NULL, '{pier}',"
				     " 'green')");
		postgres_exec(other,
			      "SELECT lane_move('chillybin', 'half', 'blue')");
		postgres_exec(other, "SELECT lane_merge('chillybin', 'half')");
		postgres_exec(other,
			      "SELECT lane_move('chillybin', 'pier', 'blue')");
		postgres_exec(other, "SELECT lane_merge('chillybin', 'pier')");
		ck_assert_int_eq(postgres_count(url, "control.lanes WHERE"
						     " ended_at IS NOT NULL"),
				 2);
	}
END_TEST

/* ---- moving and emitting ---- */

START_TEST(a_row_that_is_not_where_it_is_believed_to_be_fails_all_of_them)
	{
		struct assigned_position rows[2];
		struct held_positions ours = { &me, rows, 2 };

		acquire(pg, &me, held);
		believe_two(held, rows);
		rows[1].next_offset = 5;
		expect_lost(pg, run(pg, MOVE, &ours, true));
		ck_assert_int_eq(next_of(0), 0);
		rows[1].next_offset = 0;
		ck_assert_int_eq(run(pg, MOVE, &ours, true), 0);
		ck_assert_int_eq(next_of(0), 10);
		ck_assert_int_eq(next_of(1), 10);
	}
END_TEST

START_TEST(emitted_never_goes_above_next_nor_back)
	{
		struct assigned_position row;
		struct held_positions ours = { &me, &row, 1 };

		acquire(pg, &me, held);
		row = believed(held, 0, 0, 0);
		row.emitted = 99;
		ck_assert_int_eq(run(pg, MOVE, &ours, true), 0);
		ck_assert_int_eq(emitted_of(0), 10);
		row.next_offset = row.to_next = 10;
		row.emitted = 3;
		ck_assert_int_eq(positions_emit(pg, &ours), 0);
		ck_assert_int_eq(emitted_of(0), 10);
		row.to_next = 30;
		ck_assert_int_eq(run(pg, MOVE, &ours, true), 0);
		row.next_offset = row.to_next = 30;
		row.emitted = 20;
		ck_assert_int_eq(positions_emit(pg, &ours), 0);
		ck_assert_int_eq(emitted_of(0), 20);
		ck_assert_int_eq(next_of(0), 30);
	}
END_TEST

START_TEST(a_release_leaves_rows_of_another_epoch_alone)
	{
		struct assigned_position rows[2];
		struct held_positions ours = { &me, rows, 2 };

		acquire(pg, &me, held);
		believe_two(held, rows);
		ck_assert_int_eq(run(pg, MOVE, &ours, true), 0);
		ck_assert_int_eq(
			positions_acquire(other, &zombie, &keys[1], 1, theirs),
			0);
		for (int i = 0; i < 2; i++)
			rows[i].emitted = 7;
		ck_assert_int_eq(positions_release(pg, &ours), 0);
		ck_assert_int_eq(emitted_of(0), 7);
		ck_assert_int_eq(emitted_of(1), 0);
		ck_assert_int_eq(
			postgres_count(url,
				       "positions WHERE holder = 'zombie'"),
			1);
		ck_assert_int_eq(
			postgres_count(url, "positions WHERE holder = 'me'"),
			1); /* restocks, which was not released */
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

	record->event_id = TEXT("an event");
	return record;
}

static void store_dead(struct batch *batch)
{
	int r;

	positions_add_dead(pg, &me, batch, &args);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, TIMEOUT_MS);
	ck_assert_msg(!r, "%s", pg_message(pg));
}

START_TEST(a_dead_letter_is_read_again_as_it_was_stored)
	{
		struct batch *batch = batch_new();
		struct record *record;

		(void)add_record(batch, 6);
		record = add_record(batch, 7);
		batch_dead(batch, record, "conflict", "it's \"known\"");
		store_dead(batch);
		ck_assert_int_eq(
			postgres_count(
				url,
				"dead_letters WHERE key = '\\x61006b6579' AND"
				" event_id = 'an event' AND \"offset\" = 7"),
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
		store_dead(batch); /* decided: nothing is stored again */
		ck_assert_int_eq(postgres_count(url, "dead_letters"), 1);
		(void)batch_free(batch);
	}
END_TEST

static const char large[5000];

/* What of a record that is given up has no column: an event's id that is no
 * text, a key that it has not got or that is longer than any of ours. */
static const struct {
	struct text id, key;
	const char *row;
} bare[] = {
	{ TEXT_INIT("\xff\0\xfe"),
	  { NULL, 0 },
	  "dead_letters WHERE event_id IS NULL AND key IS NULL" },
	{ TEXT_INIT("an event"),
	  { large, sizeof(large) },
	  "dead_letters WHERE event_id = 'an event' AND key IS NULL" },
};

START_TEST(what_is_no_text_and_what_is_too_long_is_not_stored)
	{
		struct batch *batch = batch_new();
		struct record *record = add_record(batch, 1);

		record->event_id = bare[_i].id;
		record->kafka.key = bare[_i].key.p;
		record->kafka.n_key = bare[_i].key.n;
		batch_dead(batch, record, "malformed", "nonsense");
		store_dead(batch);
		ck_assert_int_eq(postgres_count(url, bare[_i].row), 1);
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
				 PG_E_LOST);
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
	tcase_add_test(tcase, the_holder_of_an_older_epoch_moves_confirms_and_emits_nothing);
	tcase_add_loop_test(tcase, a_take_over_waits_for_a_commit_in_flight_and_sees_it, 0, N_ADDS);
	tcase_add_test(tcase, a_lane_that_is_split_off_is_taken_with_its_parent);
	tcase_add_test(tcase, a_take_over_that_meets_a_change_of_lanes_takes_all_of_them);
	tcase_add_test(tcase, rows_that_the_lanes_do_not_name_are_never_held);
	tcase_add_loop_test(tcase, an_ended_lane_is_read_as_long_as_another_one_may_need_it, 0, CHECK_N(endings));
	tcase_add_test(tcase, more_lanes_than_a_worker_knows_are_an_answer);
	tcase_add_loop_test(tcase, a_change_of_lanes_keeps_positions_and_fences_who_held_them, 0, CHECK_N(changes));
	tcase_add_test(tcase, a_split_copies_what_a_commit_in_flight_leaves);
	tcase_add_loop_test(tcase, lanes_that_are_not_level_or_of_two_colours_do_not_merge, 0, CHECK_N(unlike));
	tcase_add_test(tcase, a_merge_leaves_to_the_heir_what_either_has_not_published);
	tcase_add_test(tcase, the_records_of_a_merged_lane_fall_to_the_nearest_that_lives);
	tcase_add_test(tcase, a_row_that_is_not_where_it_is_believed_to_be_fails_all_of_them);
	tcase_add_test(tcase, emitted_never_goes_above_next_nor_back);
	tcase_add_test(tcase, a_release_leaves_rows_of_another_epoch_alone);
	tcase_add_test(tcase, confirms_do_not_keep_each_other_waiting);
	tcase_add_test(tcase, a_dead_letter_is_read_again_as_it_was_stored);
	tcase_add_loop_test(tcase, what_is_no_text_and_what_is_too_long_is_not_stored, 0, CHECK_N(bare));
	tcase_add_test(tcase, a_session_that_is_lost_is_an_outcome);
	return postgres_run(suite);
}
