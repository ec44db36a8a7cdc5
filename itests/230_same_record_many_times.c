/* SPDX-License-Identifier: MIT */
/*
 * A record may be delivered any number of times: the state is that of one
 * delivery, and so are the facts.
 */
#include <check.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS ((uint8_t)6)

static void send_commands(struct bus *bus, int n_times)
{
	const struct stock_command counted = { .kind = STOCK_COMMAND_COUNTED,
					       .stall = TEXT("main"),
					       .ingredient = TEXT("ham"),
					       .quantity = 7 };

	for (int i = 0; i < n_times; i++) {
		orders_restock(bus, "bread", 90, "bread-1");
		orders_restock(bus, "cheese", 50, "cheese-1");
		orders_restock(bus, "ham", 3, "ham-1");
		bus_stock(bus, &counted, "ham-2", NULL);
	}
	bus_flush(bus);
}

/* Orders of both versions, the last one of what nobody has; of the first and
 * of the last the customer wants no more. */
static void send_orders(struct bus *bus, int n_times)
{
	static const struct item nowhere = { TEXT_INIT("moon dust"), 1 };
	struct order_cancelled cancelled = { .stall = TEXT("main"),
					     .customer = TEXT("gita") };

	for (int i = 0; i < n_times; i++)
		for (uint8_t n = 1; n <= N_ORDERS; n++) {
			struct order_placed order = order_of(n);

			if (n == N_ORDERS) {
				order.items = &nowhere;
				order.n_items = 1;
			}
			bus_order(bus, &order, n % 2 ? 1 : 2, "placed", NULL);
		}
	cancelled.order_id = order_id_of(1);
	for (int i = 0; i < n_times; i++)
		bus_cancel(bus, &cancelled, "cancelled-1", NULL);
	cancelled.order_id = order_id_of(N_ORDERS);
	for (int i = 0; i < n_times; i++)
		bus_cancel(bus, &cancelled, "cancelled-6", NULL);
	bus_flush(bus);
}

static int by_text(const void *a, const void *b)
{
	return text_compare(*(const struct text *)a, *(const struct text *)b);
}

/* Identities of the facts of a topic, each once. A refused cancellation is
 * answered each time that it comes. */
static size_t count_facts(const struct world *world, const char *topic)
{
	struct bus_log log;
	struct text *ids;
	size_t n = 0;

	bus_read(world, topic, &log);
	ids = xcalloc(log.n, sizeof(*ids));
	for (size_t i = 0; i < log.n; i++)
		ids[i] = bus_header(&log.records[i], "ce_id");
	if (log.n)
		qsort(ids, log.n, sizeof(*ids), by_text);
	for (size_t i = 0; i < log.n; i++)
		n += (!i || !text_equal(ids[i], ids[i - 1])) &&
		     !memmem(ids[i].p, ids[i].n, ".kept.", 6);
	free(ids);
	bus_log_deinit(&log);
	return n;
}

/* What the grill has given back, too. */
static void send_toasties(const struct world *world, struct bus *bus,
			  int n_times)
{
	struct bus_log toasties;

	bus_read(world, "toasties", &toasties);
	for (int i = 1; i < n_times; i++)
		for (size_t k = 0; k < toasties.n; k++)
			bus_send(bus, "toasties", &toasties.records[k], NULL);
	bus_flush(bus);
	bus_log_deinit(&toasties);
}

struct outcome {
	struct buf digest;
	size_t n_ledger, n_picks, n_toasties;
};

static void deliver(struct world *world, int n_times, struct outcome *ret)
{
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);
	struct grill_spy grill = grill_open(world, "grill-1", 2, 1000);
	struct program *jafflr;

	(void)world_start(world, "chillybin-1", NULL);
	send_commands(bus, n_times);
	world_settle(world, PATIENCE_MS);
	send_orders(bus, n_times);
	world_settle(world, PATIENCE_MS);
	/* Cancelled before there was anybody to grill it. */
	jafflr = world_start(world, "jafflr-1", QUICK_GRILL, NULL);
	(void)program_wait_ready(jafflr, PATIENCE_MS);
	world_settle(world, PATIENCE_MS);
	send_toasties(world, bus, n_times);
	world_settle(world, PATIENCE_MS);
	(void)check_world(world, &(struct check_params){ .grills = { &grill },
							 .all_done = true });
	orders_digest(world, &ret->digest);
	ret->n_ledger = count_facts(world, "ledger");
	ret->n_picks = count_facts(world, "picks");
	ret->n_toasties = count_facts(world, "toasties");
}

START_TEST(a_record_delivered_five_times_leaves_the_state_of_one_delivery)
	{
		static const int times[] = { 1, 2, 5 };
		struct outcome outcomes[3] = { 0 };

		for (int i = 0; i < 3; i++) {
			CLEANUP(world_freep)
			struct world *world = world_new(__func__);

			deliver(world, times[i], &outcomes[i]);
			ck_assert_str_eq(outcomes[i].digest.p,
					 outcomes[0].digest.p);
			ck_assert_uint_eq(outcomes[i].n_ledger,
					  outcomes[0].n_ledger);
			ck_assert_uint_eq(outcomes[i].n_picks,
					  outcomes[0].n_picks);
			ck_assert_uint_eq(outcomes[i].n_toasties,
					  outcomes[0].n_toasties);
			ck_assert_int_eq(db_i64(world->db,
						"SELECT quantity FROM stock "
						"WHERE ingredient = 'ham'"),
					 7);
			ck_assert_int_eq(
				db_i64(world->db,
				       "SELECT count(*) FROM stock_changes "
				       "WHERE kind IN ('added', 'counted')"),
				4);
			/* The first is given back, the others are taken. */
			ck_assert_int_eq(db_i64(world->db,
						"SELECT quantity FROM stock "
						"WHERE ingredient = 'bread'"),
					 90 - 2 * (N_ORDERS - 2));
		}
		for (int i = 0; i < 3; i++)
			buf_deinit(&outcomes[i].digest);
	}
END_TEST

/* The storefront's own records, put onto the topics once more as they are. */
START_TEST(a_whole_topic_sent_once_more_changes_nothing)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct buf before = { 0 }, after = { 0 };
		struct bus_log orders, restocks;
		struct rush rush;

		(void)world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = 1000,
						 .restock = 700,
						 .v1_percent = 50,
						 .duplicate_percent = 5 },
			  true);
		world_wait_all_ready(world);
		rush_start(&rush);
		(void)rush_check(&rush, PATIENCE_MS);
		orders_digest(world, &before);
		bus_read(world, "orders", &orders);
		bus_read(world, "restocks", &restocks);
		for (size_t i = 0; i < restocks.n; i++)
			bus_send(bus, "restocks", &restocks.records[i], NULL);
		for (size_t i = 0; i < orders.n; i++)
			bus_send(bus, "orders", &orders.records[i], NULL);
		bus_flush(bus);
		(void)rush_check(&rush, PATIENCE_MS);
		orders_digest(world, &after);
		ck_assert_str_eq(before.p, after.p);
		bus_log_deinit(&orders);
		bus_log_deinit(&restocks);
		buf_deinit(&before);
		buf_deinit(&after);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_record_delivered_five_times_leaves_the_state_of_one_delivery,
		a_whole_topic_sent_once_more_changes_nothing,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
