/* SPDX-License-Identifier: MIT */
/* Order cache: facts that come twice, late, early; and what is forgotten. */
#include "producers/storefront/orders/order_cache.h"

#include <check.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"

static struct order_cache *cache;

static void setup(void)
{
	cache = order_cache_new(4);
}

static void teardown(void)
{
	cache = order_cache_free(cache);
}

static struct order_id id_of(uint8_t n)
{
	return (struct order_id){ { n } };
}

static void accept(uint8_t n)
{
	static const struct item items[] = { { TEXT_INIT("cheese"), 1 } };
	const struct order_placed placed = {
		.order_id = id_of(n),
		.stall = TEXT("main"),
		.customer = TEXT("gita"),
		.items = items,
		.n_items = 1,
		.grill = true,
	};
	struct order order;

	order_of_placed(&order, &placed);
	order.number = n;
	order_cache_accept(cache, &order, order_placed_hash(&placed));
	order_deinit(&order);
}

static void pick(uint8_t n, enum verdict verdict, int64_t seq)
{
	static const struct item items[] = { { TEXT_INIT("ham"), 2 } };
	static const struct missing missing[] = {
		{ TEXT_INIT("ham"), 2, 1 },
		{ TEXT_INIT("moon \"dust\""), 1, MISSING_UNKNOWN },
	};
	const struct pick fact = {
		.order_id = id_of(n),
		.number = 100 + n,
		.seq = seq,
		.version = 2,
		.verdict = verdict,
		.grill = true,
		.stall = TEXT("main"),
		.items = items,
		.n_items = 1,
		.missing = missing,
		.n_missing = verdict == VERDICT_REFUSED ? 2 : 0,
	};

	order_cache_pick(cache, &fact);
}

static void toastie(uint8_t n, enum toastie_state state, int64_t seq,
		    const char *reason)
{
	const struct toastie fact = {
		.order_id = id_of(n),
		.number = 100 + n,
		.seq = seq,
		.state = state,
		.plate = state == TOASTIE_QUEUED ? TOASTIE_PLATE_NONE : 3,
		.stall = TEXT("main"),
		.grill = TEXT("g1"),
		.reason = text_of(reason),
	};

	order_cache_toastie(cache, &fact);
}

static const char *state(uint8_t n)
{
	struct order_id id = id_of(n);
	const struct cached_order *entry = order_cache_find(cache, &id);

	return entry ? order_state_name(order_state_of(&entry->order.facts))
		     : "absent";
}

static int n_changed(void)
{
	int n = 0;

	while (order_cache_next_changed(cache))
		n++;
	return n;
}

/* What becomes known about the order 1, step by step. */
enum kind { END, ACCEPT, PICK, TOASTIE, TOASTIE_CANCELLED };

static const struct {
	enum kind kind;
	int what; /* the verdict, or the toastie's state */
	int64_t seq;
	const char *state;
	bool changed; /* a page shows something else */
	bool returned;
} stories[][7] = {
	/* From its acceptance to its end. */
	{ { ACCEPT, 0, 0, "accepted", true, false },
	  { PICK, VERDICT_PICKED, 1, "queued", true, false },
	  { TOASTIE, TOASTIE_QUEUED, 1, "queued", false, false },
	  { TOASTIE, TOASTIE_GRILLING, 2, "grilling", true, false },
	  { TOASTIE, TOASTIE_DONE, 3, "done", true, false } },
	/* Facts that come twice or late. */
	{ { ACCEPT, 0, 0, "accepted", true, false },
	  { PICK, VERDICT_PICKED, 1, "queued", true, false },
	  { TOASTIE, TOASTIE_DONE, 3, "done", true, false },
	  { TOASTIE, TOASTIE_DONE, 3, "done", false, false },
	  { TOASTIE, TOASTIE_GRILLING, 2, "done", false, false },
	  { PICK, VERDICT_REFUSED, 1, "done", false, false } },
	/* A cancelled order stays one when it is returned; readers see that. */
	{ { ACCEPT, 0, 0, "accepted", true, false },
	  { PICK, VERDICT_PICKED, 1, "queued", true, false },
	  { PICK, VERDICT_CANCELLED, 2, "cancelled", true, false },
	  { TOASTIE, TOASTIE_RETURNED, 2, "cancelled", true, true } },
	/* A return that arrives before its cancellation says why. */
	{ { ACCEPT, 0, 0, "accepted", true, false },
	  { PICK, VERDICT_PICKED, 1, "queued", true, false },
	  { TOASTIE_CANCELLED, TOASTIE_RETURNED, 2, "cancelled", true, true } },
	/* A toastie that was started although the order is cancelled. */
	{ { ACCEPT, 0, 0, "accepted", true, false },
	  { PICK, VERDICT_CANCELLED, 2, "cancelled", true, false },
	  { TOASTIE, TOASTIE_GRILLING, 2, "grilling", true, false },
	  { TOASTIE, TOASTIE_DONE, 3, "done", true, false } },
	/* A refused cancellation. */
	{ { ACCEPT, 0, 0, "accepted", true, false },
	  { PICK, VERDICT_PICKED, 1, "queued", true, false },
	  { PICK, VERDICT_KEPT, 2, "queued", false, false } },
};

static void apply(enum kind kind, int what, int64_t seq)
{
	if (kind == ACCEPT)
		accept(1);
	else if (kind == PICK)
		pick(1, (enum verdict)what, seq);
	else
		toastie(1, (enum toastie_state)what, seq,
			kind == TOASTIE ? "" : "cancelled");
}

START_TEST(an_order_goes_from_state_to_state_and_never_back)
	{
		struct order_id id = id_of(1);

		for (int i = 0; stories[_i][i].kind != END; i++) {
			const struct order *order;

			apply(stories[_i][i].kind, stories[_i][i].what,
			      stories[_i][i].seq);
			order = &order_cache_find(cache, &id)->order;
			ck_assert_str_eq(state(1), stories[_i][i].state);
			ck_assert_int_eq(n_changed(), stories[_i][i].changed);
			ck_assert_int_eq(order_facts_returned(&order->facts),
					 stories[_i][i].returned);
			ck_assert_ptr_null(order->missing);
		}
	}
END_TEST

START_TEST(changes_that_nobody_asked_for_yet_are_one_change)
	{
		accept(1);
		pick(1, VERDICT_PICKED, 1);
		toastie(1, TOASTIE_GRILLING, 2, "");
		ck_assert_int_eq(n_changed(), 1);
	}
END_TEST

START_TEST(a_plate_is_shown_from_the_grill_on)
	{
		struct order_id id = id_of(1);

		accept(1);
		toastie(1, TOASTIE_QUEUED, 1, "");
		ck_assert_ptr_null(order_cache_find(cache, &id)->order.plate);
		toastie(1, TOASTIE_GRILLING, 2, "");
		ck_assert_str_eq(order_cache_find(cache, &id)->order.plate,
				 "g1/3");
	}
END_TEST

START_TEST(what_changed_longest_ago_is_forgotten_first_unless_it_is_pinned)
	{
		struct order_id first = id_of(1);
		struct cached_order *pinned = order_cache_pin(cache, &first);

		for (uint8_t n = 1; n <= 6; n++)
			accept(n);
		ck_assert_uint_eq(order_cache_n(cache), 4);
		ck_assert_str_eq(state(1), "accepted");
		ck_assert_str_eq(state(2), "absent");
		ck_assert_str_eq(state(3), "absent");
		ck_assert_str_eq(state(6), "accepted");
		order_cache_unpin(cache, pinned);
		accept(7);
		ck_assert_str_eq(state(1), "absent");
	}
END_TEST

START_TEST(of_large_orders_fewer_are_remembered)
	{
		struct order order;

		order_init(&order, &(struct order_id){ { 1 } });
		order.items = xmalloc(4000);
		memset(order.items, 'x', 3999);
		order.items[3999] = '\0';
		for (uint8_t n = 1; n <= 4; n++) {
			order.id = id_of(n);
			order_cache_accept(cache, &order, 1);
		}
		/* One more than fits, until the next one comes. */
		ck_assert_uint_eq(order_cache_n(cache), 2);
		order_deinit(&order);
		accept(5);
		accept(6);
		ck_assert_str_eq(state(3), "absent");
		ck_assert_str_eq(state(4), "accepted");
		ck_assert_str_eq(state(5), "accepted");
	}
END_TEST

START_TEST(one_that_turns_out_to_be_no_order_leaves_nothing_behind)
	{
		struct order_id id = id_of(1);
		struct cached_order *a = order_cache_pin(cache, &id);
		struct cached_order *b = order_cache_pin(cache, &id);

		ck_assert_ptr_eq(a, b);
		order_cache_unpin(cache, a);
		ck_assert_uint_eq(order_cache_n(cache), 1);
		order_cache_unpin(cache, b);
		ck_assert_uint_eq(order_cache_n(cache), 0);
	}
END_TEST

START_TEST(the_view_is_merged_into_cached_orders_only)
	{
		struct order_id on = id_of(1), off = id_of(2);
		struct order order;

		accept(1);
		(void)n_changed();
		order_init(&order, &on);
		order.number = 77;
		order_set(&order.stall, TEXT("main"));
		order_set(&order.items, TEXT("[]"));
		order.facts.verdict = VERDICT_PICKED;
		order_cache_learn(cache, &order);
		ck_assert_int_eq(order_cache_find(cache, &on)->order.number,
				 77);
		ck_assert_str_eq(state(1), "queued");
		ck_assert_int_eq(n_changed(), 1);
		order_cache_learn(cache, &order);
		ck_assert_int_eq(n_changed(), 0);
		order.id = off;
		order_cache_learn(cache, &order);
		ck_assert_str_eq(state(2), "absent");
		order_deinit(&order);
	}
END_TEST

START_TEST(the_first_acceptance_of_an_id_counts)
	{
		struct order_id id = id_of(1);

		accept(1);
		order_cache_find(cache, &id)->order.number = 5;
		accept(1);
		ck_assert_int_eq(order_cache_find(cache, &id)->order.number, 5);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_cache");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
			    an_order_goes_from_state_to_state_and_never_back, 0,
			    CHECK_N(stories));
	tcase_add_test(tcase, changes_that_nobody_asked_for_yet_are_one_change);
	tcase_add_test(tcase, a_plate_is_shown_from_the_grill_on);
	tcase_add_test(
		tcase,
		what_changed_longest_ago_is_forgotten_first_unless_it_is_pinned);
	tcase_add_test(tcase, of_large_orders_fewer_are_remembered);
	tcase_add_test(tcase,
		       one_that_turns_out_to_be_no_order_leaves_nothing_behind);
	tcase_add_test(tcase, the_view_is_merged_into_cached_orders_only);
	tcase_add_test(tcase, the_first_acceptance_of_an_id_counts);
	return check_run(suite);
}
