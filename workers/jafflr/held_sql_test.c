/* SPDX-License-Identifier: MIT */
/*
 * Held sql: the server finds the rows that lanes_find() says are ours, for
 * lanes of every kind, some of which have ended.
 */
#include "workers/jafflr/held_sql.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres_fixture.h"

enum { N_ROWS = 300, N_ROUNDS = 150, N_NAMES = 6, MANY_LANES = 14 };

static const char *url;
static struct pg *db;
static struct lanes lanes;
static struct held_position positions[LANES_MAX * TOPIC_PARTITIONS];
static struct worker_held held = { .lanes = &lanes, .positions = positions };
static uint32_t state = 5;

struct sample {
	struct order_id id;
	int stall, customer; /* of names; customer -1: none */
	int32_t partition;
};

static struct sample samples[N_ROWS];
static char names[N_NAMES][8];

static const struct pg_statement ours = {
	"ours",
	"SELECT t.number, $2::boolean FROM toasties t WHERE" HELD_ROWS
	" ORDER BY t.number",
	HELD_ARGS,
};

static uint32_t chance(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

/* A stall and a customer may have the same name. */
static void add_row(int n)
{
	struct sample *sample = &samples[n];
	char id[ORDER_ID_CHARS + 1], customer[64] = "NULL", sql[512];
	struct lane_key key;

	*sample = (struct sample){
		.id = { { 0x30, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n } },
		.stall = (int)chance(N_NAMES),
		.customer = (int)chance(N_NAMES + 1) - 1,
		.partition = (int32_t)chance(TOPIC_PARTITIONS),
	};
	key = (struct lane_key){
		.key = { order_id_format(&sample->id, id), ORDER_ID_CHARS },
	};
	if (sample->customer >= 0) {
		key.customer = text_of(names[sample->customer]);
		(void)snprintf(customer, sizeof(customer), "'%s'",
			       names[sample->customer]);
	}
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO toasties (order_id, number, stall,"
		       " customer, doneness, state, lines, partition,"
		       " \"offset\", bucket, changed_at) VALUES ('%s', %d,"
		       " '%s', %s, 'light', 'queued', 1, %d, 1, %d, now())",
		       id, n, names[sample->stall], customer, sample->partition,
		       lane_bucket(&key));
	postgres_exec(db, sql);
}

static void setup(void)
{
	url = postgres_database();
	db = postgres_connect(url, "galore");
	for (int i = 0; i < N_NAMES; i++)
		(void)snprintf(names[i], sizeof(names[i]), "n%d", i);
	for (int i = 0; i < N_ROWS; i++)
		add_row(i);
}

static void teardown(void)
{
	lanes_deinit(&lanes);
	db = pg_free(db);
}

/* ---- trees ---- */

static void name_lane(struct lane *lane)
{
	lane->n_names = 1 + chance(3);
	lane->names = xcalloc(lane->n_names, sizeof(*lane->names));
	for (size_t i = 0; i < lane->n_names; i++)
		lane->names[i] = xstrdup(names[chance(N_NAMES)]);
}

static void make_lane(int i)
{
	struct lane *lane = &lanes.lanes[i];

	*lane = (struct lane){ .parent = i ? (int)chance((uint32_t)i) : 0 };
	(void)snprintf(lane->name, sizeof(lane->name), "lane-%d", i);
	if (!i)
		return;
	lane->ended = chance(2);
	lane->until =
		(size_t)i + 1 + chance((uint32_t)((int)lanes.n_lanes - i));
	lane->kind = (enum lane_kind)(1 + chance(3));
	if (lane->kind != LANE_BUCKETS_RANGE) {
		name_lane(lane);
		return;
	}
	lane->bucket_from = (int32_t)chance(LANE_BUCKETS);
	lane->bucket_to =
		lane->bucket_from + 1 +
		(int32_t)chance((uint32_t)(LANE_BUCKETS - lane->bucket_from));
}

/* In the order in which they were made, and only some of all that could be
 * held. */
static void make_tree(int n)
{
	lanes_deinit(&lanes);
	lanes.n_lanes = (size_t)n;
	held.n_positions = 0;
	for (int i = 0; i < n; i++)
		make_lane(i);
	for (int i = 0; i < n; i++)
		for (int32_t p = 0; p < TOPIC_PARTITIONS; p++)
			if (chance(2))
				positions[held.n_positions++] =
					(struct held_position){
						.partition = p,
						.lane = lanes.lanes[i].name,
					};
}

static bool is_ours(const struct sample *sample)
{
	struct toastie_row row = {
		.order_id = sample->id,
		.stall = text_of(names[sample->stall]),
		.partition = sample->partition,
	};

	if (sample->customer >= 0)
		row.customer = text_of(names[sample->customer]);
	return held_sql_is_ours(&held, &row);
}

/* How many rows are ours; @ret_by_lane: the server was told of lanes. */
static int compare(bool *ret_by_lane)
{
	struct pg_call call = { 0 };
	int i, n = 0, n_ours = 0, r;

	held_sql_put(&call, &held);
	i = pg_add(db, &ours, &call.args);
	r = pg_run(db, POSTGRES_TIMEOUT_MS);
	ck_assert_msg(!r, "%s", pg_message(db));
	*ret_by_lane = pg_n_rows(db, i) && !pg_bool(db, i, 0, 1);
	for (int k = 0; k < N_ROWS; k++) {
		bool found = n < pg_n_rows(db, i) && pg_i64(db, i, n, 0) == k;
		bool mine = is_ours(&samples[k]);

		n += found;
		n_ours += mine;
		ck_assert_msg(found || !mine, "row %d of %zu lanes", k,
			      lanes.n_lanes);
		ck_assert_msg(mine || !found || !*ret_by_lane,
			      "row %d of %zu lanes is not ours", k,
			      lanes.n_lanes);
	}
	ck_assert_int_eq(n, pg_n_rows(db, i));
	pg_call_deinit(&call);
	return n_ours;
}

START_TEST(the_server_finds_the_rows_of_the_lanes_that_are_held)
	{
		int n = 0, n_by_lane = 0;
		bool by_lane;

		for (int round = 0; round < N_ROUNDS; round++) {
			make_tree(2 + (int)chance(MANY_LANES));
			n += compare(&by_lane);
			n_by_lane += by_lane;
		}
		ck_assert_int_gt(n, N_ROUNDS * N_ROWS / 10);
		ck_assert_int_gt(n_by_lane, N_ROUNDS * 9 / 10);
	}
END_TEST

/* One lane after the other has come and gone, as canaries do. */
START_TEST(lanes_that_came_and_went_make_no_difference)
	{
		bool by_lane;

		lanes.n_lanes = LANES_MAX;
		make_tree(LANES_MAX);
		for (int i = 1; i < LANES_MAX; i++) {
			lanes.lanes[i].parent = 0;
			lanes.lanes[i].ended = i < LANES_MAX - 1;
			lanes.lanes[i].until = (size_t)i + 1;
		}
		ck_assert_int_gt(compare(&by_lane), 0);
		ck_assert(by_lane);
	}
END_TEST

START_TEST(as_many_living_lanes_as_there_may_be_are_put)
	{
		bool by_lane;

		make_tree(LANES_MAX);
		for (int i = 1; i < LANES_MAX; i++)
			lanes.lanes[i].ended = false;
		(void)compare(&by_lane);
		ck_assert(by_lane);
	}
END_TEST

/* Each lane lived beside the next one, and not beside those after that. */
START_TEST(a_history_of_too_many_ways_is_left_to_the_worker)
	{
		bool by_lane;

		make_tree(LANES_MAX);
		for (int i = 1; i < LANES_MAX; i++) {
			lanes.lanes[i].parent = 0;
			lanes.lanes[i].ended = true;
			lanes.lanes[i].until = (size_t)i + 2 > LANES_MAX
						       ? LANES_MAX
						       : (size_t)i + 2;
		}
		lanes.lanes[LANES_MAX - 1].ended = false;
		ck_assert_int_gt(compare(&by_lane), 0);
		ck_assert(!by_lane);
		/* They are given up also where they end at nothing of ours. */
		held.n_positions = 0;
		(void)compare(&by_lane);
	}
END_TEST

START_TEST(with_one_lane_only_the_partition_counts)
	{
		bool by_lane;

		make_tree(1);
		ck_assert_int_gt(compare(&by_lane), 0);
		held.n_positions = 0;
		ck_assert_int_eq(compare(&by_lane), 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("held_sql");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       the_server_finds_the_rows_of_the_lanes_that_are_held);
	tcase_add_test(tcase, lanes_that_came_and_went_make_no_difference);
	tcase_add_test(tcase, as_many_living_lanes_as_there_may_be_are_put);
	tcase_add_test(tcase, a_history_of_too_many_ways_is_left_to_the_worker);
	tcase_add_test(tcase, with_one_lane_only_the_partition_counts);
	return postgres_run(suite);
}
