/* SPDX-License-Identifier: MIT */
/*
 * Canary: whatever the lanes are, the colour has afterwards what it is to have,
 * and nothing else of what is counted in buckets.
 */
#include "infra/overlord/lanes/canary.h"

#include <stdlib.h>

#include "infra/lib/check_fixture.h"

static char *pier[] = { (char[]){ "pier" } };
static char *kim[] = { (char[]){ "kim" } };

static struct lanes lanes;
static struct lane_change changes[LANES_MAX];
static size_t n_changes;

static void begin(void)
{
	lanes = (struct lanes){ .lanes = { { .name = "stable" } },
				.n_lanes = 1 };
}

static int add_lane(int parent, enum lane_kind kind, int32_t from, int32_t to,
		    bool mine)
{
	struct lane *lane = &lanes.lanes[lanes.n_lanes];

	*lane = (struct lane){ .parent = parent,
			       .kind = kind,
			       .bucket_from = from,
			       .bucket_to = to,
			       .mine = mine };
	if (kind == LANE_STALLS || kind == LANE_CUSTOMERS) {
		lane->names = kind == LANE_STALLS ? pier : kim;
		lane->n_names = 1;
	}
	return (int)lanes.n_lanes++;
}

/* Does what the changes say; those of names that kim and the pier have. */
static void apply(const struct canary *canary)
{
	n_changes = canary_changes(&lanes, canary, changes);
	for (size_t i = 0; i < n_changes; i++) {
		bool mine = changes[i].colour == canary->colour;

		if (changes[i].what == LANE_MOVES)
			lanes.lanes[changes[i].lane].mine = mine;
		else
			(void)add_lane(changes[i].lane, changes[i].kind,
				       changes[i].from, changes[i].to, mine);
	}
}

static void apply_buckets(int32_t to)
{
	apply(&(struct canary){ .colour = "green",
				.back_to = "blue",
				.kind = LANE_BUCKETS_RANGE,
				.to = to });
}

static bool is_mine(struct text customer, struct text stall, int32_t bucket)
{
	struct lane_key key = { .customer = customer, .stall = stall };

	return lanes.lanes[lanes_find_in(&lanes, &key, bucket)].mine;
}

/* Of customers and at stalls that no lane names. */
static void check_exactly(int32_t to)
{
	for (int32_t bucket = 0; bucket < LANE_BUCKETS; bucket++)
		ck_assert_msg(is_mine(TEXT(""), TEXT(""), bucket) ==
				      (bucket < to),
			      "bucket %d, to %d", bucket, to);
}

START_TEST(widening_splits_what_is_missing_and_narrowing_what_is_too_much)
	{
		begin();
		apply_buckets(205);
		ck_assert_uint_eq(n_changes, 1);
		ck_assert_int_eq(changes[0].what, LANE_IS_SPLIT);
		ck_assert_int_eq(changes[0].from, 0);
		ck_assert_int_eq(changes[0].to, 205);
		apply_buckets(410);
		ck_assert_uint_eq(n_changes, 1);
		ck_assert_int_eq(changes[0].lane, 0);
		ck_assert_int_eq(changes[0].from, 205);
		ck_assert_int_eq(changes[0].to, 410);
		check_exactly(410);
		/* The second lane is given back whole, the first is split. */
		apply_buckets(100);
		ck_assert_uint_eq(n_changes, 2);
		ck_assert_int_eq(changes[0].what, LANE_IS_SPLIT);
		ck_assert_str_eq(changes[0].colour, "blue");
		ck_assert_int_eq(changes[0].from, 100);
		ck_assert_int_eq(changes[0].to, 205);
		ck_assert_int_eq(changes[1].what, LANE_MOVES);
		check_exactly(100);
		/* What was given back is moved, no lane is made. */
		apply_buckets(410);
		ck_assert_uint_eq(n_changes, 2);
		ck_assert_int_eq(changes[0].what, LANE_MOVES);
		ck_assert_int_eq(changes[1].what, LANE_MOVES);
		check_exactly(410);
		apply_buckets(410);
		ck_assert_uint_eq(n_changes, 0);
	}
END_TEST

START_TEST(a_share_that_spans_several_lanes_is_one_split_a_lane)
	{
		int stall;

		begin();
		stall = add_lane(0, LANE_STALLS, 0, 0, false);
		(void)add_lane(0, LANE_BUCKETS_RANGE, 100, 200, false);
		apply_buckets(150);
		ck_assert_uint_eq(n_changes, 3);
		for (size_t i = 0; i < n_changes; i++)
			ck_assert_int_eq(changes[i].what, LANE_IS_SPLIT);
		ck_assert_int_eq(changes[1].lane, stall);
		ck_assert_int_eq(changes[1].to, 150);
		ck_assert_int_eq(changes[2].from, 100);
		check_exactly(150);
		ck_assert(is_mine(TEXT(""), TEXT("pier"), 149));
		ck_assert(!is_mine(TEXT(""), TEXT("pier"), 150));
	}
END_TEST

START_TEST(a_lane_that_ended_has_no_share_and_is_not_changed)
	{
		int32_t shares[LANES_MAX];
		int ended;

		begin();
		ended = add_lane(0, LANE_BUCKETS_RANGE, 0, 2048, true);
		lanes.lanes[ended].ended = true;
		lanes.lanes[ended].until = 2;
		lanes.lanes[ended].mine = false;
		lane_shares(&lanes, shares);
		ck_assert_int_eq(shares[0], LANE_BUCKETS);
		ck_assert_int_eq(shares[ended], 0);
		apply_buckets(1000);
		ck_assert_uint_eq(n_changes, 1);
		ck_assert_int_eq(changes[0].lane, 0);
		lane_shares(&lanes, shares);
		ck_assert_int_eq(shares[2], 1000);
		check_exactly(1000);
	}
END_TEST

static const struct canary named[] = {
	{ .colour = "green",
	  .kind = LANE_CUSTOMERS,
	  .names = { TEXT_INIT("kim") },
	  .n_names = 1 },
	{ .colour = "green",
	  .kind = LANE_STALLS,
	  .names = { TEXT_INIT("pier") },
	  .n_names = 1 },
};

START_TEST(a_name_is_split_off_every_lane_that_may_have_its_records)
	{
		struct lane_key key = { .customer = TEXT("kim") };
		int32_t bucket = lane_bucket(&key);

		begin();
		(void)add_lane(0, LANE_BUCKETS_RANGE, bucket, bucket + 1,
			       false);
		(void)add_lane(0, LANE_BUCKETS_RANGE, bucket + 1, bucket + 2,
			       false);
		apply(&named[_i]);
		/* Kim has one bucket; at the pier anybody may be. */
		ck_assert_uint_eq(n_changes, _i == 0 ? 1 : 3);
		ck_assert_int_eq(changes[0].lane, _i == 0 ? 1 : 0);
		ck_assert_uint_eq(changes[0].names, 1);
		ck_assert(_i == 0 ? is_mine(TEXT("kim"), TEXT(""), bucket)
				  : is_mine(TEXT(""), TEXT("pier"), 7));
		check_exactly(0);
		apply(&named[_i]);
		ck_assert_uint_eq(n_changes, 0);
		/* The lane of a name is no share: it stays and goes whole. */
		apply_buckets(1);
		apply_buckets(2);
		check_exactly(2);
		ck_assert(_i == 0 ? is_mine(TEXT("kim"), TEXT(""), bucket)
				  : is_mine(TEXT(""), TEXT("pier"), 7));
	}
END_TEST

START_TEST(a_lane_of_names_that_are_all_wanted_is_moved_whole)
	{
		begin();
		(void)add_lane(0, _i == 0 ? LANE_CUSTOMERS : LANE_STALLS, 0, 0,
			       false);
		apply(&named[_i]);
		ck_assert_uint_eq(n_changes, 1);
		ck_assert_int_eq(changes[0].what, LANE_MOVES);
		ck_assert_int_eq(changes[0].lane, 1);
	}
END_TEST

START_TEST(after_any_changes_the_share_is_exact)
	{
		unsigned int seed = (unsigned int)_i;

		begin();
		for (int i = 0; i < 12 && lanes.n_lanes < LANES_MAX / 2; i++) {
			int32_t to = 1 + rand_r(&seed) % (LANE_BUCKETS - 1);

			if (rand_r(&seed) % 4 == 0)
				apply(&named[rand_r(&seed) % 2]);
			apply_buckets(to);
			check_exactly(to);
			/* An abort. */
			if (rand_r(&seed) % 5 == 0)
				for (size_t k = 0; k < lanes.n_lanes; k++)
					lanes.lanes[k].mine = false;
		}
	}
END_TEST

static const struct {
	const char *text;
	int32_t buckets; /* 0: none */
} percents[] = {
	{ "10", 410 },    { "0.1", 4 },        { "0.0245", 1 },  { "0.01", 0 },
	{ "99.9", 4092 }, { "50.0000", 2048 }, { "5.00000", 0 }, { "0", 0 },
	{ "100", 0 },     { "99.999", 0 },     { "-1", 0 },      { "5%", 0 },
	{ "", 0 },        { ".5", 0 },         { "5.", 0 },      { "5.-1", 0 },
};

START_TEST(a_percentage_is_a_number_of_buckets)
	{
		int32_t buckets = 0;
		int r = percent_to_buckets(&buckets, percents[_i].text);

		ck_assert_msg(buckets == percents[_i].buckets, "'%s' is %d",
			      percents[_i].text, buckets);
		ck_assert_int_eq(r, buckets ? 0 : TEXT_E_INVALID);
	}
END_TEST

START_TEST(a_rule_is_said_in_words)
	{
		struct buf buf = { 0 };

		begin();
		(void)add_lane(0, LANE_CUSTOMERS, 0, 0, true);
		(void)add_lane(0, LANE_BUCKETS_RANGE, 0, 410, true);
		for (int i = 0; i < 3; i++) {
			lane_rule(&buf, &lanes.lanes[i]);
			buf_text(&buf, "; ");
		}
		buf_percent(&buf, 410);
		buf_add(&buf, "", 1);
		ck_assert_str_eq(buf.p, "the rest; customers kim; buckets 0 to "
					"409; 10.01 %");
		buf_deinit(&buf);
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ widening_splits_what_is_missing_and_narrowing_what_is_too_much,
		  1 },
		{ a_share_that_spans_several_lanes_is_one_split_a_lane, 1 },
		{ a_lane_that_ended_has_no_share_and_is_not_changed, 1 },
		{ a_name_is_split_off_every_lane_that_may_have_its_records,
		  CHECK_N(named) },
		{ a_lane_of_names_that_are_all_wanted_is_moved_whole,
		  CHECK_N(named) },
		{ after_any_changes_the_share_is_exact, 10 },
		{ a_percentage_is_a_number_of_buckets, CHECK_N(percents) },
		{ a_rule_is_said_in_words, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("canary");

	check_add(check_case(suite, 20), rows);
	return check_run(suite);
}
