/* SPDX-License-Identifier: MIT */
/* Lanes: every record belongs to exactly one, and falls back to its parent. */
#include "workers/runtime/lanes.h"

#include <stdio.h>
#include <stdlib.h>

#include "infra/lib/check_fixture.h"

/* Records of every kind that the rules tell apart. */
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
		{ .name = "stable", .parent = -1, .kind = LANE_REST },
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

START_TEST(without_other_lanes_everything_is_stable)
	{
		struct lanes lanes = tree;

		lanes.n_lanes = 1;
		for (int i = 0; i < 1000; i++) {
			struct lane_key key = key_of(i);

			ck_assert_int_eq(lanes_find(&lanes, &key), 0);
		}
	}
END_TEST

START_TEST(a_stall_that_is_named_has_its_lane)
	{
		struct lane_key key = { .key = TEXT("a"),
					.stall = TEXT("pier") };

		ck_assert_int_eq(lanes_find(&tree, &key), 1);
		key.stall = TEXT("beach");
		ck_assert_int_eq(lanes_find(&tree, &key), 1);
		key.stall = TEXT("pie");
		ck_assert_int_ne(lanes_find(&tree, &key), 1);
		key.stall = TEXT("pier2");
		ck_assert_int_ne(lanes_find(&tree, &key), 1);
	}
END_TEST

START_TEST(a_lane_below_a_lane_takes_its_share_of_it_only)
	{
		struct lane_key key = { .customer = TEXT("customer-3"),
					.stall = TEXT("pier") };

		ck_assert_int_eq(lanes_find(&tree, &key), 3);
		key.stall = TEXT("main");
		ck_assert_int_ne(lanes_find(&tree, &key), 3);
	}
END_TEST

START_TEST(a_lane_that_has_ended_gives_its_records_to_its_parent)
	{
		struct lanes lanes = tree;
		struct lane_key key = { .customer = TEXT("customer-3"),
					.stall = TEXT("pier") };

		lanes.lanes[3].ended = true;
		ck_assert_int_eq(lanes_find(&lanes, &key), 1);
		lanes.lanes[1].ended = true;
		ck_assert_int_eq(lanes_find(&lanes, &key), 0);
		lanes.lanes[3].ended = false;
		ck_assert_int_eq(lanes_find(&lanes, &key), 3);
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

/* The claim that a lane lays on a record: all rules on the way to it, and no
 * earlier sibling's. */
static bool naive_claims(const struct lanes *lanes, int lane,
			 const struct lane_key *key)
{
	int parent = lanes->lanes[lane].parent;

	if (parent < 0)
		return true;
	if (!naive_meets(&lanes->lanes[lane], key))
		return false;
	for (int i = 1; i < lane; i++)
		if (lanes->lanes[i].parent == parent &&
		    naive_meets(&lanes->lanes[i], key))
			return false;
	return naive_claims(lanes, parent, key);
}

static int naive_find(const struct lanes *lanes, const struct lane_key *key)
{
	int deepest = 0;

	/* Of those that claim it, each is below the one before. */
	for (int i = 1; i < (int)lanes->n_lanes; i++)
		if (naive_claims(lanes, i, key))
			deepest = i;
	while (lanes->lanes[deepest].ended)
		deepest = lanes->lanes[deepest].parent;
	return deepest;
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
		lane->ended = rand_r(seed) % 4 == 0;
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

int main(void)
{
	Suite *suite = suite_create("lanes");
	TCase *tcase = check_case(suite, 20);

	tcase_add_test(tcase, without_other_lanes_everything_is_stable);
	tcase_add_test(tcase, a_stall_that_is_named_has_its_lane);
	tcase_add_test(tcase, a_lane_below_a_lane_takes_its_share_of_it_only);
	tcase_add_test(tcase,
		       a_lane_that_has_ended_gives_its_records_to_its_parent);
	tcase_add_test(tcase,
		       a_bucket_is_the_customers_and_without_one_the_keys);
	tcase_add_test(tcase, a_share_of_the_buckets_is_a_share_of_the_records);
	tcase_add_test(tcase, adjoining_ranges_share_no_bucket_and_miss_none);
	tcase_add_loop_test(
		tcase, every_record_belongs_to_exactly_one_living_lane, 0, 10);
	tcase_add_test(tcase, a_lane_is_found_by_its_name);
	return check_run(suite);
}
