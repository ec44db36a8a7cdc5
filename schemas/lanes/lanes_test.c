/* SPDX-License-Identifier: MIT */
/* Lanes: every record belongs to exactly one, and falls back to its parent. */
#include "schemas/lanes/lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

/* Records of every kind that the rules distinguish. */
static struct lane_key key_of(int i)
{
	static char customers[64][16], keys[64][16];
	static const char *const stalls[] = { "main", "pier", "demo-1", "" };
	struct lane_key key;

	(void)snprintf(customers[i % 64], 16, "customer-%d", i % 37);
	(void)snprintf(keys[i % 64], 16, "key-%d", i);
	key = (struct lane_key){
		.key = text_of(keys[i % 64]),
		.customer = text_of(i % 5 ? customers[i % 64] : ""),
		.stall = text_of(stalls[i % 4]),
	};
	return key;
}

static char *pier_names[] = { (char[]){ "pier" }, (char[]){ "beach" } };
static char *gita_names[] = { (char[]){ "customer-3" } };

static const struct lanes tree = {
	.lanes = {
		{ .name = "stable", .kind = LANE_REST },
		{ .name = "pier", .parent = 0, .kind = LANE_STALLS,
		  .names = pier_names, .n_names = 2 },
		{ .name = "half", .parent = 0, .kind = LANE_BUCKETS_RANGE,
		  .bucket_from = 0, .bucket_to = LANE_BUCKETS / 2 },
		{ .name = "gita", .parent = 1, .kind = LANE_CUSTOMERS,
		  .names = gita_names, .n_names = 1 },
		{ .name = "quarter", .parent = 2, .kind = LANE_BUCKETS_RANGE,
		  .bucket_from = 0, .bucket_to = LANE_BUCKETS / 4 },
	},
	.n_lanes = 5,
};

/* A record, whether pier and gita have ended, and its lane. */
static const struct {
	const char *customer, *stall;
	bool pier_ended, gita_ended;
	int is, is_not; /* -1: any */
} places[] = {
	{ "", "pier", false, false, 1, -1 },
	{ "", "beach", false, false, 1, -1 },
	{ "", "pie", false, false, -1, 1 },
	{ "", "pier2", false, false, -1, 1 },
	/* A lane below a lane takes its share of it only. */
	{ "customer-3", "pier", false, false, 3, -1 },
	{ "customer-3", "main", false, false, -1, 3 },
	/* A lane that has ended gives its records to its parent. */
	{ "customer-3", "pier", false, true, 1, -1 },
	{ "customer-3", "pier", true, true, 0, -1 },
	{ "customer-3", "pier", true, false, 3, -1 },
};

START_TEST(a_record_belongs_to_the_lowest_living_lane_that_names_it)
	{
		struct lanes lanes = tree;
		struct lane_key key = {
			.key = TEXT("a"),
			.customer = text_of(places[_i].customer),
			.stall = text_of(places[_i].stall),
		};
		int found;

		lanes.lanes[1].ended = places[_i].pier_ended;
		lanes.lanes[3].ended = places[_i].gita_ended;
		lanes.lanes[1].until = lanes.lanes[3].until = 5;
		found = lanes_find(&lanes, &key);
		ck_assert(places[_i].is < 0 || found == places[_i].is);
		ck_assert_int_ne(found, places[_i].is_not);
	}
END_TEST

START_TEST(a_sibling_takes_over_from_an_ended_lane_only_if_it_was_made_later)
	{
		struct lanes lanes = tree;
		struct lane_key key = { .stall = TEXT("pier") };
		char name[16];
		int i = 0;

		/* Of the first quarter: all but `gita` would have it. */
		do {
			key.customer = text_of(name);
			(void)snprintf(name, sizeof(name), "c-%d", i++);
			key.customer = text_of(name);
		} while (lane_bucket(&key) >= LANE_BUCKETS / 4);
		ck_assert_int_eq(lanes_find(&lanes, &key), 1);
		/* `half` lived beside `pier`. */
		lanes.lanes[1].ended = true;
		lanes.lanes[1].until = 3;
		ck_assert_int_eq(lanes_find(&lanes, &key), 0);
		/* `half` was made when `pier` had ended. */
		lanes.lanes[1].until = 2;
		ck_assert_int_eq(lanes_find(&lanes, &key), 4);
	}
END_TEST

START_TEST(a_bucket_is_the_customers_and_without_one_the_keys)
	{
		struct lane_key a = { .key = TEXT("1"),
				      .customer = TEXT("gita") };
		struct lane_key b = { .key = TEXT("2"),
				      .customer = TEXT("gita") };
		struct lane_key c = { .key = TEXT("gita") };

		ck_assert_int_eq(lane_bucket(&a), lane_bucket(&b));
		ck_assert_int_eq(lane_bucket(&a), lane_bucket(&c));
		for (int i = 0; i < 1000; i++) {
			struct lane_key key = key_of(i);

			ck_assert_int_ge(lane_bucket(&key), 0);
			ck_assert_int_lt(lane_bucket(&key), LANE_BUCKETS);
		}
	}
END_TEST

START_TEST(a_share_of_the_buckets_is_a_share_of_the_records)
	{
		struct lanes lanes = tree;
		int n = 0;

		lanes.lanes[1] =
			tree.lanes[2]; /* half of stable, and nothing else */
		lanes.n_lanes = 2;
		for (int i = 0; i < 10000; i++) {
			char text[16];
			struct lane_key key = { .stall = TEXT("main") };

			(void)snprintf(text, sizeof(text), "%d", i);
			key.key = text_of(text);
			n += lanes_find(&lanes, &key) == 1;
		}
		ck_assert_int_gt(n, 4700);
		ck_assert_int_lt(n, 5300);
	}
END_TEST

START_TEST(adjoining_ranges_share_no_bucket_and_miss_none)
	{
		struct lanes lanes = {
			.lanes = { tree.lanes[0] },
			.n_lanes = 1,
		};
		int32_t at = 0;

		while (lanes.n_lanes < LANES_MAX) {
			struct lane *lane = &lanes.lanes[lanes.n_lanes++];

			*lane = (struct lane){ .kind = LANE_BUCKETS_RANGE,
					       .bucket_from = at };
			at = lanes.n_lanes < LANES_MAX ? at + 130
						       : LANE_BUCKETS;
			lane->bucket_to = at;
		}
		for (int i = 0; i < 5000; i++) {
			struct lane_key key = key_of(i);
			int expected = lane_bucket(&key) / 130 + 1;

			if (expected >= LANES_MAX)
				expected = LANES_MAX - 1;
			ck_assert_int_eq(lanes_find(&lanes, &key), expected);
		}
	}
END_TEST

/* ---- random trees ---- */

static bool naive_meets(const struct lane *lane, const struct lane_key *key)
{
	int32_t bucket = lane_bucket(key);
	struct text name =
		lane->kind == LANE_STALLS ? key->stall : key->customer;

	if (lane->kind == LANE_BUCKETS_RANGE)
		return bucket >= lane->bucket_from && bucket < lane->bucket_to;
	for (size_t i = 0; i < lane->n_names; i++)
		if (text_equal(name, text_of(lane->names[i])))
			return true;
	return lane->kind == LANE_REST;
}

/* Where one record is just before lane @t is made; 0: not looked yet. */
static int8_t is_in[LANES_MAX][LANES_MAX + 1];

static bool naive_is_in(const struct lanes *lanes, int lane, int t,
			const struct lane_key *key);

static bool naive_enters(const struct lanes *lanes, int lane,
			 const struct lane_key *key)
{
	return !lane ||
	       (naive_meets(&lanes->lanes[lane], key) &&
		naive_is_in(lanes, lanes->lanes[lane].parent, lane, key));
}

static bool is_below(const struct lanes *lanes, int lane, int above)
{
	while (lane && lane != above)
		lane = lanes->lanes[lane].parent;
	return lane == above;
}

/* It was given to the lane, which lives, and no lane below has it now. */
static bool naive_is_in(const struct lanes *lanes, int lane, int t,
			const struct lane_key *key)
{
	const struct lane *at = &lanes->lanes[lane];
	bool found;

	if (is_in[lane][t])
		return is_in[lane][t] > 0;
	found = lane < t && !(at->ended && (int)at->until <= t) &&
		naive_enters(lanes, lane, key);
	for (int i = lane + 1; found && i < t; i++)
		if (is_below(lanes, i, lane) && naive_is_in(lanes, i, t, key))
			found = false;
	is_in[lane][t] = found ? 1 : -1;
	return found;
}

static int naive_find(const struct lanes *lanes, const struct lane_key *key)
{
	int found = -1;

	memset(is_in, 0, sizeof(is_in));
	for (int i = 0; i < (int)lanes->n_lanes; i++) {
		if (!naive_is_in(lanes, i, (int)lanes->n_lanes, key))
			continue;
		ck_assert_int_eq(found, -1);
		found = i;
	}
	return found;
}

static void grow_tree(struct lanes *lanes, unsigned int *seed)
{
	static char main_name[] = "main", pier_name[] = "pier";
	static char *stalls[] = { main_name, pier_name };

	lanes->n_lanes = 1 + (size_t)(rand_r(seed) % (LANES_MAX - 1));
	lanes->lanes[0] = tree.lanes[0];
	for (size_t i = 1; i < lanes->n_lanes; i++) {
		struct lane *lane = &lanes->lanes[i];
		int32_t a = rand_r(seed) % LANE_BUCKETS;
		int32_t b = rand_r(seed) % LANE_BUCKETS;

		*lane = (struct lane){ .parent = rand_r(seed) % (int)i };
		lane->ended = rand_r(seed) % 2 == 0;
		lane->until =
			i + 1 + (size_t)rand_r(seed) % (lanes->n_lanes - i);
		lane->kind = (enum lane_kind)(1 + rand_r(seed) % 3);
		lane->bucket_from = a < b ? a : b;
		lane->bucket_to = a < b ? b : a;
		lane->names = lane->kind == LANE_STALLS ? stalls : gita_names;
		lane->n_names =
			lane->kind == LANE_STALLS && rand_r(seed) % 2 ? 2 : 1;
	}
}

START_TEST(every_record_belongs_to_exactly_one_living_lane)
	{
		unsigned int seed = (unsigned int)_i + 1;
		struct lanes lanes;

		for (int round = 0; round < 200; round++) {
			grow_tree(&lanes, &seed);
			for (int i = 0; i < 60; i++) {
				struct lane_key key =
					key_of(rand_r(&seed) % 10000);
				int lane = lanes_find(&lanes, &key);

				ck_assert_int_eq(lane,
						 naive_find(&lanes, &key));
				ck_assert(!lanes.lanes[lane].ended);
			}
		}
	}
END_TEST

START_TEST(a_lane_is_found_by_its_name)
	{
		ck_assert_int_eq(lanes_by_name(&tree, TEXT("stable")), 0);
		ck_assert_int_eq(lanes_by_name(&tree, TEXT("quarter")), 4);
		ck_assert_int_eq(lanes_by_name(&tree, TEXT("quarte")), -1);
		ck_assert_int_eq(lanes_by_name(&tree, TEXT("")), -1);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("lanes");
	TCase *tcase = check_case(suite, 20);

	tcase_add_loop_test(tcase, a_record_belongs_to_the_lowest_living_lane_that_names_it, 0, CHECK_N(places));
	tcase_add_test(tcase, a_sibling_takes_over_from_an_ended_lane_only_if_it_was_made_later);
	tcase_add_test(tcase, a_bucket_is_the_customers_and_without_one_the_keys);
	tcase_add_test(tcase, a_share_of_the_buckets_is_a_share_of_the_records);
	tcase_add_test(tcase, adjoining_ranges_share_no_bucket_and_miss_none);
	tcase_add_loop_test(tcase, every_record_belongs_to_exactly_one_living_lane, 0, 10);
	tcase_add_test(tcase, a_lane_is_found_by_its_name);
	return check_run(suite);
}
