/* SPDX-License-Identifier: MIT */
/*
 * Sql, our rows: the server finds the rows that lanes_find() says are ours, for
 * lanes of every kind, some of which have ended.
 */
#include "workers/jafflr/sql.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres/postgres_fixture.h"
#include "schemas/order_id.h"

enum { N_ROWS = 300, N_ROUNDS = 150, N_NAMES = 6 };

static const char *url;
static struct pg *db;
static struct lanes lanes;
static struct worker_assignments assignments = { .lanes = &lanes };
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
	"SELECT t.number FROM toasties t WHERE" OUR_ROWS " ORDER BY t.number",
	OUR_ARGS,
};

static uint32_t chance(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

static struct lane_key key_of(const struct sample *sample,
			      char id[ORDER_ID_CHARS + 1])
{
	return (struct lane_key){
		.key = { order_id_format(&sample->id, id), ORDER_ID_CHARS },
		.stall = text_of(names[sample->stall]),
		.customer = text_of(
			sample->customer < 0 ? NULL : names[sample->customer]),
	};
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
	key = key_of(sample, id);
	if (key.customer.p)
		(void)snprintf(customer, sizeof(customer), "'%s'",
			       key.customer.p);
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
 * assignments. */
static void make_tree(int n)
{
	lanes_deinit(&lanes);
	lanes.n_lanes = (size_t)n;
	for (int i = 0; i < n; i++)
		make_lane(i);
	for (int i = 0; i < n; i++)
		assignments.partitions[0][i] = chance(1 << TOPIC_PARTITIONS);
}

static bool is_ours(const struct sample *sample)
{
	char id[ORDER_ID_CHARS + 1];
	struct lane_key key = key_of(sample, id);

	return assignments.partitions[0][lanes_find(&lanes, &key)] >>
		       sample->partition &
	       1;
}

static int compare(void)
{
	struct pg_call call = { 0 };
	int i, n = 0, r;

	sql_our_rows(&call, &assignments);
	i = pg_add(db, &ours, &call.args);
	r = pg_run(db, POSTGRES_TIMEOUT_MS);
	ck_assert_msg(!r, "%s", pg_message(db));
	for (int k = 0; k < N_ROWS; k++) {
		bool found = n < pg_n_rows(db, i) && pg_i64(db, i, n, 0) == k;

		ck_assert_msg(found == is_ours(&samples[k]),
			      "row %d of %zu lanes", k, lanes.n_lanes);
		n += found;
	}
	ck_assert_int_eq(n, pg_n_rows(db, i));
	pg_call_deinit(&call);
	return n;
}

START_TEST(the_server_finds_the_rows_of_the_lanes_that_are_held)
	{
		int n = 0;

		for (int round = 0; round < N_ROUNDS; round++) {
			make_tree(1 + (int)chance(LANES_MAX));
			n += compare();
		}
		ck_assert_int_gt(n, N_ROUNDS * N_ROWS / 10);
	}
END_TEST

START_TEST(with_one_lane_only_the_partition_counts)
	{
		make_tree(1);
		ck_assert_int_gt(compare(), 0);
		assignments.partitions[0][0] = 0;
		ck_assert_int_eq(compare(), 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sql_our_rows");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       the_server_finds_the_rows_of_the_lanes_that_are_held);
	tcase_add_test(tcase, with_one_lane_only_the_partition_counts);
	return postgres_run(suite);
}
