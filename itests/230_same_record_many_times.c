/* SPDX-License-Identifier: MIT */
/*
 * A record may be delivered any number of times: the state is that of one
 * delivery, and so are the facts.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 6U

static void send_restocks(struct bus *bus, int n_times)
{
	const struct stock_command counted = { .kind = STOCK_COMMAND_COUNTED,
					       .stall = TEXT("main"),
					       .ingredient = TEXT("ham"),
					       .quantity = 7 };

	for (int i = 0; i < n_times; i++) {
		send_restock(bus, "main", "bread", 90, "bread-1");
		send_restock(bus, "main", "cheese", 50, "cheese-1");
		send_restock(bus, "main", "ham", 3, "ham-1");
		send_stock(bus, &counted, "ham-2");
	}
	bus_flush(bus);
}

/* Orders of both versions, the last one of what nobody has; the customer wants
 * neither the first nor the last any more. */
static void send_commands(struct bus *bus, int n_times)
{
	static const struct item nowhere = { TEXT_INIT("moon dust"), 1 };
	static const uint32_t cancelled[] = { 1, N_ORDERS };

	for (int i = 0; i < n_times; i++)
		for (uint32_t n = 1; n <= N_ORDERS; n++) {
			struct order_placed order = sample_order(n);

			if (n == N_ORDERS) {
				order.items = &nowhere;
				order.n_items = 1;
			}
			send_order(bus, &order, n % 2 ? 1 : 2, "placed");
		}
	for (int k = 0; k < N_ROWS(cancelled); k++)
		for (int i = 0; i < n_times; i++) {
			const struct order_id id =
				sample_order_id(cancelled[k]);

			send_cancel(bus, &id, "gita", "cancelled");
		}
	bus_flush(bus);
}

/* Puts the records of a topic onto it once more, as they are. */
static void repeat_topic(struct world *world, const char *topic, int n_times)
{
	struct bus *bus = world_bus(world);
	struct bus_log log;

	bus_read(world, topic, &log);
	for (int i = 0; i < n_times; i++)
		for (size_t k = 0; k < log.n; k++)
			bus_send(bus, topic, &log.records[k], NULL);
	bus_flush(bus);
	bus_log_deinit(&log);
}

/* Of what is published each fact once, as the checker has read it. A refused
 * cancellation is answered each time that it comes. */
static const char *const facts[] = { "check_changes", "check_toasties",
				     "check_picks WHERE verdict <> 'kept'" };

struct outcome {
	char *digest;
	int64_t n[N_ROWS(facts)];
};

static struct outcome deliver(struct world *world, int n_times)
{
	struct outcome outcome;

	(void)grill_open(world, "grill-1", 2, 1000);
	(void)world_start(world, "chillybin-1");
	send_restocks(world_bus(world), n_times);
	world_settle(world);
	send_commands(world_bus(world), n_times);
	world_settle(world);
	/* Cancelled before any jafflr was there to grill it. */
	(void)world_start_ready(world, "jafflr-1", QUICK_GRILL);
	world_settle(world);
	/* What the grill has given back, too. */
	repeat_topic(world, "toasties", n_times - 1);
	(void)check_world_with(world,
			       &(struct check_params){ .all_done = true });
	outcome.digest = digest_of(world);
	for (int i = 0; i < N_ROWS(facts); i++)
		outcome.n[i] = db_i64(world->db, "%s", facts[i]);
	return outcome;
}

PLAIN_TEST(a_record_delivered_five_times_leaves_the_state_of_one_delivery)
{
	static const int times[] = { 1, 2, 5 };
	struct outcome once = { 0 };

	for (int k = 0; k < N_ROWS(times); k++) {
		CLEANUP(world_freep)
		struct world *world = world_new(__func__, times[k]);
		struct outcome outcome = deliver(world, times[k]);

		if (!k)
			once = outcome;
		ck_assert_str_eq(outcome.digest, once.digest);
		for (int i = 0; i < N_ROWS(facts); i++)
			ck_assert_int_eq(outcome.n[i], once.n[i]);
		ck_assert_int_eq(stock_of(world, "ham"), 7);
		db_expect(world->db, 4,
			  "stock_changes WHERE kind IN ('added', "
			  "'counted')");
		/* The first is given back, the last was refused. */
		ck_assert_int_eq(stock_of(world, "bread"),
				 90 - 2 * (N_ORDERS - 2));
	}
}

/* The storefront's own records, put onto the topics once more as they are. */
WORLD_TEST(a_whole_topic_sent_once_more_changes_nothing)
{
	CLEANUP(cleanup_free) char *before = NULL;
	CLEANUP(cleanup_free) char *after = NULL;
	struct rush rush;

	(void)rush_workers(world, 1, NULL);
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 1000,
					 .restock = 700,
					 .plain = true,
					 .v1_percent = 50 });
	rush_start(&rush);
	(void)rush_check(&rush);
	before = digest_of(world);
	repeat_topic(world, "restocks", 1);
	repeat_topic(world, "orders", 1);
	(void)rush_check(&rush);
	after = digest_of(world);
	ck_assert_str_eq(before, after);
}
