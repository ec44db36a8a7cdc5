/* SPDX-License-Identifier: MIT */
/*
 * Producers that write in transactions leave offsets at which no record
 * stands: markers, and records that were aborted. They are no lag, cost no
 * time, and may expire. Records that were not decided may not.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "itests/harness/checker.h"
#include "itests/harness/foreign.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

#define PARTITION 3
#define N_SHORT 60
#define SHORT_MS 10000
#define LEVEL_MS 10000
#define N_LOST 5

/* The n-th order to @partition, in a transaction of its own. */
static void send_alone(struct foreign *foreign, uint32_t n, int32_t partition,
		       bool commit)
{
	const struct order_placed order = order_of(n);
	struct arena arena = { 0 };
	struct bus_record record;

	bus_order_record(&arena, &order, 2, "placed", &record);
	record.partition = partition;
	foreign_begin(foreign);
	foreign_send(foreign, "orders", &record, NULL);
	if (commit)
		foreign_commit(foreign);
	else
		foreign_abort(foreign);
	arena_deinit(&arena);
}

struct marked {
	const struct world *world;
	int64_t n;
};

static bool is_marked(void *arg)
{
	const struct marked *marked = arg;

	return bus_count(marked->world, "orders") == marked->n;
}

/* The same; when it returns the marker stands behind the record. */
static void send_marked(const struct world *world, struct foreign *foreign,
			uint32_t n, int32_t partition, bool commit)
{
	struct marked marked = { world, bus_count(world, "orders") + 2 };

	send_alone(foreign, n, partition, commit);
	ck_assert_msg(until(PATIENCE_MS, is_marked, &marked),
		      "there is no marker");
}

static struct foreign *transactions_of(const struct world *world)
{
	return foreign_new(world, "transactional.id", world->suffix,
			   "linger.ms", "0", NULL);
}

static bool has_no_lag(void *arg)
{
	const struct program *chillybin = arg;

	return !program_metric(chillybin, "kafka_consumergroup_lag") &&
	       !program_metric(chillybin,
			       "kafka_consumergroup_group_lag_seconds");
}

START_TEST(behind_markers_and_aborted_records_there_is_no_lag)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(foreign_freep)
		struct foreign *foreign = transactions_of(world);
		struct program *chillybin;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		send_marked(world, foreign, 1, PARTITION, true);
		orders_wait_decided(world, 1, PATIENCE_MS);
		ck_assert_msg(until(LEVEL_MS, has_no_lag, chillybin),
			      "there is lag behind a transaction's marker");
		send_marked(world, foreign, 2, PARTITION, false);
		send_marked(world, foreign, 3, PARTITION + 1, false);
		ck_assert_msg(until(LEVEL_MS, has_no_lag, chillybin),
			      "there is lag behind records that were aborted");
		/* The positions stand at the ends, markers and all. */
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(program_said(chillybin, "level=warn"), 0);
		/* Somebody else finds them there. */
		(void)program_stop(chillybin);
		program_start(chillybin);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		send_marked(world, foreign, 4, PARTITION, true);
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(check_world(world, &(struct check_params){ 0 })
					 .n_picked,
				 2);
		ck_assert(until(LEVEL_MS, has_no_lag, chillybin));
	}
END_TEST

START_TEST(orders_of_one_transaction_each_are_decided_as_quickly_as_others)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(foreign_freep)
		struct foreign *foreign = transactions_of(world);
		struct program *chillybin;
		int64_t start_ms;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		start_ms = clock_now_ms();
		for (uint32_t n = 0; n < N_SHORT; n++)
			send_alone(foreign, n, PARTITION, true);
		suite_note("%d transactions in %" PRId64 " ms", N_SHORT,
			   since_ms(start_ms));
		orders_wait_decided(world, N_SHORT, SHORT_MS);
		suite_note("decided after %" PRId64 " ms", since_ms(start_ms));
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(program_said(chillybin, "level=warn"), 0);
		ck_assert_int_eq(check_world(world, &(struct check_params){ 0 })
					 .n_picked,
				 N_SHORT);
	}
END_TEST

START_TEST(markers_may_expire_with_the_records_that_were_decided)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(foreign_freep)
		struct foreign *foreign = transactions_of(world);
		struct program *chillybin;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		for (uint32_t n = 0; n < 2; n++) {
			send_marked(world, foreign, 2 * n, PARTITION, true);
			/* Once with an aborted record before the end. */
			if (n)
				send_marked(world, foreign, 100, PARTITION,
					    false);
			orders_wait_decided(world, 2 * n + 1, PATIENCE_MS);
			world_settle(world, PATIENCE_MS);
			(void)foreign_delete_records(world, "orders", PARTITION,
						     -1);
			orders_send(bus, 2 * n + 1, 2 * n + 2, PARTITION);
			orders_wait_decided(world, 2 * n + 2, PATIENCE_MS);
			/* And for one that comes later. */
			(void)program_stop(chillybin);
			program_start(chillybin);
			(void)program_wait_ready(chillybin, PATIENCE_MS);
		}
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(program_said(chillybin, "POSITION-GONE"), 0);
		ck_assert(program_ready_now(chillybin));
	}
END_TEST

START_TEST(a_log_that_lost_undecided_records_holds_and_says_so)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;
		char text[256], topic[128];

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		orders_send(bus, 0, 10, PARTITION);
		orders_wait_decided(world, 10, PATIENCE_MS);
		(void)program_stop(chillybin);
		orders_send(bus, 10, 10 + N_LOST, PARTITION);
		ck_assert_int_eq(
			foreign_delete_records(world, "orders", PARTITION, -1),
			10 + N_LOST);
		orders_send(bus, 20, 30, PARTITION);
		orders_send(bus, 30, 40, PARTITION + 1);
		program_start(chillybin);
		program_wait_unready(chillybin, "orders");
		orders_wait_decided(world, 20, PATIENCE_MS);
		ck_assert(program_unready_now(chillybin));
		world_topic(world, "orders", topic);
		(void)snprintf(text, sizeof(text), "'%s' partition %d", topic,
			       PARTITION);
		ck_assert_int_gt(program_said(chillybin, "POSITION-GONE"), 0);
		ck_assert_int_gt(program_said(chillybin, text), 0);
		ck_assert_int_eq(
			db_i64(world->db,
			       "SELECT next_offset FROM positions WHERE "
			       "service = 'chillybin' AND topic = 'orders' "
			       "AND partition = %d",
			       PARTITION),
			10);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		behind_markers_and_aborted_records_there_is_no_lag,
		orders_of_one_transaction_each_are_decided_as_quickly_as_others,
		markers_may_expire_with_the_records_that_were_decided,
		a_log_that_lost_undecided_records_holds_and_says_so,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
