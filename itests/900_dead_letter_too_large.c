/* SPDX-License-Identifier: MIT */
/*
 * A record whose copy is larger than any topic takes is still only one record
 * that steps aside: its copy is cut and says so, and everything else goes on.
 */
#include <check.h>
#include <stdio.h>

#include "itests/harness/checker.h"
#include "itests/harness/hostile.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "itests/harness/watch.h"

#define PARTITION 5
#define LARGE_BYTES ((size_t)3 << 20)
#define N_ORDERS 30

/* What is sent by a producer that compresses is measured as it comes. */
static void send_large(struct foreign *foreign, size_t n_bytes,
		       struct bus_position *ret_value_at,
		       struct bus_position *ret_header_at)
{
	hostile_poison(foreign,
		       &(struct hostile_poison){ .name = "large value",
						 .partition = PARTITION,
						 .value_bytes = n_bytes },
		       ret_value_at);
	hostile_poison(foreign,
		       &(struct hostile_poison){ .name = "large header",
						 .partition = PARTITION,
						 .header_bytes = n_bytes },
		       ret_header_at);
	foreign_flush(foreign);
}

static const struct bus_record *find_copy(const struct bus_log *dlq,
					  const struct bus_position *position)
{
	char id[64];

	(void)snprintf(id, sizeof(id), "orders/%d@%lld", position->partition,
		       (long long)position->offset);
	for (size_t i = 0; i < dlq->n; i++)
		if (text_equal(bus_header(&dlq->records[i], "dead-letter-id"),
			       text_of(id)))
			return &dlq->records[i];
	ck_abort_msg("there is no copy of %s", id);
}

static void expect_text(const struct bus_record *record, const char *name,
			const char *expected)
{
	struct text text = bus_header(record, name);

	ck_assert_msg(text_equal(text, text_of(expected)),
		      "%s is '%.*s' and not '%s'", name, (int)text.n, text.p,
		      expected);
}

/* It tells where the original stands, and that it is not all of it. */
static void expect_cut_copy(const struct bus_log *dlq,
			    const struct bus_position *position)
{
	const struct bus_record *copy = find_copy(dlq, position);
	char partition[16], offset[24];

	(void)snprintf(partition, sizeof(partition), "%d", position->partition);
	(void)snprintf(offset, sizeof(offset), "%lld",
		       (long long)position->offset);
	expect_text(copy, "__dlq.errors.topic", "orders");
	expect_text(copy, "__dlq.errors.partition", partition);
	expect_text(copy, "__dlq.errors.offset", offset);
	expect_text(copy, "kafka_dlt-original-offset", offset);
	ck_assert_uint_gt(bus_header(copy, "__dlq.errors.cut").n, 0);
}

static void expect_orders_behind_it(struct world *world, struct bus *bus,
				    struct program *chillybin,
				    int64_t n_dead_letters)
{
	struct check_result result;

	orders_send(bus, 0, N_ORDERS, PARTITION);
	orders_wait_decided(world, N_ORDERS, PATIENCE_MS);
	world_settle(world, PATIENCE_MS);
	ck_assert_int_eq(
		program_metric(chillybin, "galore_deliveries_lost_total"), 0);
	result = check_world(world, &(struct check_params){ 0 });
	ck_assert_int_eq(result.n_picked, N_ORDERS);
	ck_assert_int_eq(result.n_dead_letters, n_dead_letters);
	/* Nothing was published twice. */
	ck_assert_int_eq(result.n_fact_copies, 0);
}

START_TEST(a_record_too_large_for_its_dead_letter_gets_a_copy_that_is_cut)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(foreign_freep)
		struct foreign *foreign =
			foreign_new(world, "compression.type", "zstd", NULL);
		CLEANUP(watch_freep) struct watch *watch = NULL;
		struct bus_position value_at, header_at;
		struct program *chillybin;
		struct bus_log dlq;

		chillybin = world_start(world, "chillybin-1", NULL);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		watch = watch_new(chillybin);
		orders_stock_up(world, bus);
		send_large(foreign, LARGE_BYTES, &value_at, &header_at);
		expect_orders_behind_it(world, bus, chillybin, 2);
		watch_expect_ready(watch);
		bus_read(world, "orders.dlq", &dlq);
		expect_cut_copy(&dlq, &value_at);
		expect_cut_copy(&dlq, &header_at);
		bus_log_deinit(&dlq);
	}
END_TEST

/* Somebody has made the topic of the copies narrower than its declaration. */
START_TEST(a_copy_that_the_broker_refuses_goes_out_again_cut)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(foreign_freep)
		struct foreign *foreign = foreign_new(world, NULL);
		CLEANUP(watch_freep) struct watch *watch = NULL;
		struct bus_position value_at, header_at;
		struct program *chillybin;
		struct bus_log dlq;

		foreign_set(world, "orders.dlq", "max.message.bytes", "8192");
		chillybin = world_start(world, "chillybin-1", NULL);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		watch = watch_new(chillybin);
		orders_stock_up(world, bus);
		send_large(foreign, 100000, &value_at, &header_at);
		orders_send(bus, 0, N_ORDERS, PARTITION);
		orders_wait_decided(world, N_ORDERS, PATIENCE_MS);
		world_settle(world, PATIENCE_MS);
		watch_expect_ready(watch);
		bus_read(world, "orders.dlq", &dlq);
		ck_assert_uint_eq(dlq.n, 2);
		expect_cut_copy(&dlq, &value_at);
		expect_cut_copy(&dlq, &header_at);
		bus_log_deinit(&dlq);
		ck_assert_int_eq(bus_count(world, "picks"), N_ORDERS);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_record_too_large_for_its_dead_letter_gets_a_copy_that_is_cut,
		a_copy_that_the_broker_refuses_goes_out_again_cut,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
