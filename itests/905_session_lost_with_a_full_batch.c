/* SPDX-License-Identifier: MIT */
/*
 * A session with the database is lost while a batch of large records waits,
 * full. All of them are read again, and everything goes on.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/checker.h"
#include "itests/harness/gate.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

#define N_LARGE 40
#define LARGE_BYTES ((size_t)900 << 10)
#define N_ORDERS 20
#define STILL_MS 500

static void send_large(struct bus *bus)
{
	char *letters = xmalloc(LARGE_BYTES);

	memset(letters, 'A', LARGE_BYTES);
	for (int i = 0; i < N_LARGE; i++) {
		const struct bus_record record = {
			.partition = i % 12,
			.value = { letters, LARGE_BYTES },
		};

		bus_send(bus, "orders", &record, NULL);
	}
	bus_flush(bus);
	free(letters);
}

static int64_t n_read(const struct program *chillybin)
{
	return program_metric(chillybin,
			      "messaging_client_consumed_messages_total"
			      "{messaging_destination_name=\"orders\"");
}

struct reading {
	const struct program *chillybin;
	int64_t n, since_ms;
};

/* It has begun to read, and does not go on: what it fills is full. */
static bool is_full(void *arg)
{
	struct reading *reading = arg;
	int64_t n = n_read(reading->chillybin);

	if (n != reading->n) {
		reading->n = n;
		reading->since_ms = clock_now_ms();
	}
	return n > 1 && n < N_LARGE + 1 &&
	       clock_now_ms() - reading->since_ms > STILL_MS;
}

START_TEST(a_session_lost_while_a_full_batch_waits_ends_nothing)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;
		struct reading reading = { 0 };
		struct check_result result;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		gate_build(world, "orders");
		gate_shut(world, "orders");
		orders_send(bus, 0, 1, -1);
		gate_wait_for(world, chillybin);
		/* The next batch is filled while that one waits. */
		reading.chillybin = chillybin;
		send_large(bus);
		ck_assert_msg(until(PATIENCE_MS, is_full, &reading),
			      "%d large records do not fill a batch", N_LARGE);
		suite_note("full after %d records", (int)reading.n - 1);
		(void)db_i64(world->db,
			     "SELECT count(pg_terminate_backend(pid)) FROM "
			     "pg_stat_activity WHERE datname = "
			     "current_database() AND application_name LIKE "
			     "'chillybin%%'");
		gate_open(world, "orders");
		orders_send(bus, 1, N_ORDERS, -1);
		orders_wait_decided(world, N_ORDERS, PATIENCE_MS);
		world_settle(world, PATIENCE_MS);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		result = check_world(world, &(struct check_params){ 0 });
		ck_assert_int_eq(result.n_picked, N_ORDERS);
		ck_assert_int_eq(result.n_dead_letters, N_LARGE);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_session_lost_while_a_full_batch_waits_ends_nothing,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
