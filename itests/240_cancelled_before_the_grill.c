/* SPDX-License-Identifier: MIT */
/*
 * A customer who changes her mind: before the toastie is started everything
 * goes back, once; after that it is finished.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "itests/harness/bus.h"
#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"
#include "schemas/messages/pick.h"

#define TOASTIE(more)                                                          \
	"{\"stall\":\"main\",\"customer\":\"gita\",\"items\":["                \
	"{\"ingredient\":\"cheese\",\"quantity\":1},"                          \
	"{\"ingredient\":\"bread\",\"quantity\":2}]" more "}"

static struct program *open_shop(struct world *world)
{
	struct program *storefront = world_start(world, "storefront", NULL);

	(void)world_start(world, "chillybin-1", NULL);
	world_wait_all_ready(world);
	shop_restock(storefront, "main", "bread", 10);
	shop_restock(storefront, "main", "cheese", 10);
	return storefront;
}

static struct http_answer ask_cancel(const struct program *storefront,
				     const char *id)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/orders/%s/cancel", id);
	return shop_ask(storefront,
			&(struct http_ask){ .method = "POST", .path = path });
}

static void cancel(const struct program *storefront, const char *id)
{
	struct http_answer answer = ask_cancel(storefront, id);

	ck_assert_msg(answer.status == 202, "cancel %s: %d %s", id,
		      answer.status, answer.body.p);
	ck_assert_uint_eq(strlen(text_at(answer.json, "code")),
			  CALL_CODE_CHARS);
	http_answer_deinit(&answer);
}

/* The customer is told that it is too late, and why. */
static void cancel_too_late(const struct program *storefront, const char *id,
			    const char *why)
{
	struct http_answer answer = ask_cancel(storefront, id);

	ck_assert_msg(answer.status == 409 &&
			      strstr(text_at(answer.json, "error"), why),
		      "cancel %s: %d %s", id, answer.status, answer.body.p);
	http_answer_deinit(&answer);
}

/* One that was under way when it became too late. */
static void cancel_all_the_same(struct world *world, const char *id,
				const char *customer)
{
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);
	struct order_cancelled cancelled = {
		.stall = TEXT("main"),
		.customer = text_of(customer),
	};
	char event_id[64];

	ck_assert(!order_id_parse(&cancelled.order_id, id, strlen(id)));
	(void)snprintf(event_id, sizeof(event_id), "%s.cancelled", id);
	bus_cancel(bus, &cancelled, event_id, NULL);
	bus_flush(bus);
}

/* How many picks on the topic tell that verdict. */
static size_t count_verdicts(const struct world *world, enum verdict verdict)
{
	struct pick_storage *room = xcalloc(1, sizeof(*room));
	struct schema_fault fault;
	struct envelope envelope;
	struct bus_log picks;
	struct pick pick;
	size_t n = 0;

	bus_read(world, "picks", &picks);
	for (size_t i = 0; i < picks.n; i++) {
		const struct bus_record *record = &picks.records[i];

		ck_assert(!bus_envelope(record, &envelope, &fault));
		ck_assert(!pick_decode(&pick, room, &envelope, record->value.p,
				       record->value.n, &fault));
		n += pick.verdict == verdict;
	}
	bus_log_deinit(&picks);
	free(room);
	return n;
}

START_TEST(an_order_cancelled_before_the_grill_gives_everything_back_once)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		struct grill_spy grill = grill_open(world, "grill-1", 1, 1000);
		char id[37];
		json_t *seen;

		shop_order(storefront, TOASTIE(""), NULL, id);
		json_decref(shop_wait(storefront, id, "queued"));
		cancel(storefront, id);
		seen = shop_wait(storefront, id, "cancelled");
		ck_assert(json_is_false(json_object_get(seen, "returned")));
		json_decref(seen);
		/* Nothing comes back before the grill has said so. */
		ck_assert_int_eq(shop_stock(storefront, "main", "bread"), 8);
		(void)world_start(world, "jafflr-1", NULL);
		db_wait(world->db, PATIENCE_MS, 1,
			"SELECT count(*) FROM orders "
			"WHERE returned_at IS NOT NULL");
		cancel(storefront, id);
		world_settle(world, PATIENCE_MS);
		/* It was her wish, and that is what she reads. */
		seen = shop_see(storefront, id);
		ck_assert_str_eq(text_at(seen, "state"), "cancelled");
		ck_assert(json_is_true(json_object_get(seen, "returned")));
		json_decref(seen);
		ck_assert_int_eq(shop_stock(storefront, "main", "bread"), 10);
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 10);
		ck_assert_int_eq(check_world(world,
					     &(struct check_params){
						     .grills = { &grill } })
					 .n_starts,
				 0);
	}
END_TEST

START_TEST(a_toastie_that_has_started_is_finished)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		struct grill_spy grill = grill_open(world, "grill-1", 1, 4);
		char id[37];

		(void)world_start(world, "jafflr-1", NULL);
		shop_order(storefront, TOASTIE(",\"doneness\":\"well-done\""),
			   NULL, id);
		grill_wait_starts(&grill, 1, PATIENCE_MS);
		/* It says nothing until jafflr has heard of both. */
		program_freeze(grill.program);
		json_decref(shop_wait(storefront, id, "grilling"));
		cancel_too_late(storefront, id, "too late: the toastie is on");
		cancel_all_the_same(world, id, "gita");
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT sum(next_offset)::int8 FROM positions "
			"WHERE service = 'jafflr'");
		program_thaw(grill.program);
		json_decref(shop_wait(storefront, id, "done"));
		world_settle(world, PATIENCE_MS);
		cancel_too_late(storefront, id, "too late: the order is done");
		ck_assert_int_eq(shop_stock(storefront, "main", "bread"), 8);
		ck_assert_int_eq(check_world(world,
					     &(struct check_params){
						     .grills = { &grill } })
					 .n_done,
				 1);
	}
END_TEST

START_TEST(a_cancellation_that_comes_too_late_leaves_the_verdict_kept)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		char refused[37], counter[37];

		shop_order(storefront,
			   "{\"stall\":\"main\",\"items\":[{\"ingredient\":"
			   "\"bread\","
			   "\"quantity\":99}]}",
			   NULL, refused);
		json_decref(shop_wait(storefront, refused, "refused"));
		shop_order(storefront, TOASTIE(",\"grill\":false"), NULL,
			   counter);
		json_decref(shop_wait(storefront, counter, "done"));
		cancel_too_late(storefront, refused, "was refused");
		cancel_too_late(storefront, counter, "is done");
		cancel_all_the_same(world, refused, NULL);
		cancel_all_the_same(world, counter, "gita");
		world_settle(world, PATIENCE_MS);
		ck_assert_uint_eq(count_verdicts(world, VERDICT_KEPT), 2);
		ck_assert_uint_eq(count_verdicts(world, VERDICT_CANCELLED), 0);
		json_decref(shop_wait(storefront, refused, "refused"));
		json_decref(shop_wait(storefront, counter, "done"));
		ck_assert_int_eq(shop_stock(storefront, "main", "bread"), 8);
		(void)check_world(world, &(struct check_params){ 0 });
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		an_order_cancelled_before_the_grill_gives_everything_back_once,
		a_toastie_that_has_started_is_finished,
		a_cancellation_that_comes_too_late_leaves_the_verdict_kept,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
