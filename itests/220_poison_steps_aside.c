/* SPDX-License-Identifier: MIT */
/*
 * What nobody can act on steps aside: a row, a copy with its reason on the
 * .dlq topic, and the partition goes on.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

#define PARTITION 5

static const struct {
	const char *name;
	const char *type, *version; /* NULL: the header is not there */
	struct text body;
	const char *reason;
} poisons[] = {
	{ "no msgpack", "galore.order.placed", "2", TEXT_INIT("\xc1 cheese"),
	  "malformed" },
	{ "nothing at all", "galore.order.placed", "2", TEXT_INIT(""),
	  "malformed" },
	{ "gigabytes in five bytes", "galore.order.placed", "2",
	  TEXT_INIT("\xdd\x10\x00\x00\x00"), "malformed" },
	{ "a version that never shipped", "galore.order.placed", "99",
	  TEXT_INIT("\x80"), "unknown-version" },
	{ "a type that never shipped", "galore.order.eaten", "1",
	  TEXT_INIT("\x80"), "unknown-type" },
	{ "no type", NULL, "1", TEXT_INIT("\x80"), "unknown-type" },
	{ "an empty order", "galore.order.placed", "2", TEXT_INIT("\x80"),
	  "contract" },
	{ "an id that is a number", "galore.order.placed", "2",
	  TEXT_INIT("\x81\xa8order_id\x07"), "contract" },
	{ "a cancellation of nothing", "galore.order.cancelled", "1",
	  TEXT_INIT("\x80"), "contract" },
};
#define N_POISONS (sizeof(poisons) / sizeof(poisons[0]))

static void send_poison(struct bus *bus, size_t i, struct bus_position *ret)
{
	struct bus_header headers[8] = {
		{ "ce_specversion", TEXT("1.0") },
		{ "ce_id", text_of(poisons[i].name) },
		{ "ce_source", TEXT("/itest") },
		{ "content-type", TEXT("application/msgpack") },
	};
	struct bus_record record = { .partition = PARTITION,
				     .key = text_of(poisons[i].name),
				     .value = poisons[i].body,
				     .headers = headers,
				     .n_headers = 4 };

	if (poisons[i].type)
		headers[record.n_headers++] =
			(struct bus_header){ "ce_type",
					     text_of(poisons[i].type) };
	if (poisons[i].version)
		headers[record.n_headers++] =
			(struct bus_header){ "schema-version",
					     text_of(poisons[i].version) };
	bus_send(bus, "orders", &record, ret);
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

static void expect_dead(struct world *world, const struct bus_log *dlq,
			const struct bus_position *position, const char *reason)
{
	const struct bus_record *copy = find_copy(dlq, position);
	char partition[16], offset[24], group[128];
	struct buf seen = { 0 };

	(void)snprintf(partition, sizeof(partition), "%d", position->partition);
	(void)snprintf(offset, sizeof(offset), "%lld",
		       (long long)position->offset);
	(void)snprintf(group, sizeof(group), "chillybin.blue%s", world->suffix);
	db_text(world->db, &seen,
		"SELECT reason FROM dead_letters WHERE service = 'chillybin' "
		"AND topic = 'orders' AND partition = %s AND \"offset\" = %s",
		partition, offset);
	ck_assert_str_eq(seen.p, reason);
	buf_deinit(&seen);
	ck_assert_int_eq(copy->partition, position->partition);
	expect_text(copy, "__dlq.errors.topic", "orders");
	expect_text(copy, "__dlq.errors.partition", partition);
	expect_text(copy, "__dlq.errors.offset", offset);
	expect_text(copy, "__dlq.errors.group", group);
	expect_text(copy, "__dlq.errors.delivery.count", "1");
	ck_assert_uint_gt(bus_header(copy, "__dlq.errors.message").n, 0);
	expect_text(copy, "kafka_dlt-original-topic", "orders");
	expect_text(copy, "kafka_dlt-original-partition", partition);
	expect_text(copy, "kafka_dlt-original-offset", offset);
}

START_TEST(poison_of_each_sort_steps_aside_and_the_partition_goes_on)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct bus_position positions[N_POISONS];
		struct check_result result;
		struct bus_log dlq;

		(void)world_start(world, "chillybin-1", NULL);
		orders_restock(bus, "bread", 100, "bread-1");
		orders_restock(bus, "cheese", 100, "cheese-1");
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock");
		for (size_t i = 0; i < N_POISONS; i++)
			send_poison(bus, i, &positions[i]);
		/* Some partition has both; the poison came first. */
		for (uint8_t n = 0; n < 30; n++) {
			const struct order_placed order = order_of(n);

			bus_order(bus, &order, 2, "placed", NULL);
		}
		bus_flush(bus);
		world_settle(world, PATIENCE_MS);
		ck_assert_int_gt(db_i64(world->db,
					"SELECT count(*) FROM orders "
					"WHERE partition = %d",
					PARTITION),
				 0);
		bus_read(world, "orders.dlq", &dlq);
		ck_assert_uint_eq(dlq.n, N_POISONS);
		for (size_t i = 0; i < N_POISONS; i++)
			expect_dead(world, &dlq, &positions[i],
				    poisons[i].reason);
		bus_log_deinit(&dlq);
		result = check_world(world, &(struct check_params){ 0 });
		ck_assert_int_eq(result.n_picked, 30);
		ck_assert_int_eq(result.n_dead_letters, (int64_t)N_POISONS);
	}
END_TEST

START_TEST(a_known_id_with_another_content_is_a_conflict_and_no_fact)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct order_placed order = order_of(1);
		struct bus_position position;
		struct check_result result;
		struct bus_log dlq;

		(void)world_start(world, "chillybin-1", NULL);
		orders_restock(bus, "bread", 100, "bread-1");
		orders_restock(bus, "cheese", 100, "cheese-1");
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock");
		bus_order(bus, &order, 2, "first", NULL);
		/* The same as version 1 is the same order, and no conflict. */
		bus_order(bus, &order, 1, "again", NULL);
		order.doneness = DONENESS_BURNT;
		bus_order(bus, &order, 2, "other", &position);
		bus_flush(bus);
		world_settle(world, PATIENCE_MS);
		/* Alone in its batch too. */
		order.doneness = DONENESS_MEDIUM;
		bus_order(bus, &order, 2, "another", NULL);
		bus_flush(bus);
		world_settle(world, PATIENCE_MS);
		bus_read(world, "orders.dlq", &dlq);
		expect_dead(world, &dlq, &position, "conflict");
		bus_log_deinit(&dlq);
		result = check_world(world, &(struct check_params){ 0 });
		ck_assert_int_eq(result.n_orders, 1);
		ck_assert_int_eq(result.n_dead_letters, 2);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT quantity FROM stock "
					"WHERE ingredient = 'bread'"),
				 98);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		poison_of_each_sort_steps_aside_and_the_partition_goes_on,
		a_known_id_with_another_content_is_a_conflict_and_no_fact,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
