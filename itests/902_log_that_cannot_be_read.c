/* SPDX-License-Identifier: MIT */
/*
 * A partition whose log cannot be read pauses alone, where it stands, and says
 * so wherever an operator looks; when it can be read again it goes on by
 * itself. A topic that was deleted is missed at once.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "itests/harness/checker.h"
#include "itests/harness/hostile.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define PARTITION 3
#define N_ORDERS 20
#define N_OTHERS (TOPIC_PARTITIONS - 1)
#define BOMB_BYTES ((size_t)110 << 20)

/* The log's first file; nothing else has written to it. */
static int open_segment(struct world *world)
{
	char topic[128], name[256], path[PROGRAM_PATH_MAX];
	int fd;

	world_topic(world, "orders", topic);
	(void)snprintf(name, sizeof(name),
		       "kafka/data/%s-%d/00000000000000000000.log", topic,
		       PARTITION);
	world_path(world, name, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "there is no '%s'", path);
	return fd;
}

/* Turns a byte of the batch that begins at @at into another, and back. */
static void turn_byte(int fd, off_t at)
{
	/* Behind the head of a batch, which has 61 bytes: it is of a record. */
	const off_t where = at + 61 + 20;
	unsigned char byte;

	ck_assert_int_eq(pread(fd, &byte, 1, where), 1);
	byte ^= 0x55;
	ck_assert_int_eq(pwrite(fd, &byte, 1, where), 1);
}

static void send_to_others(struct bus *bus, uint32_t first)
{
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		if (i != PARTITION)
			orders_send(bus, first + (uint32_t)i,
				    first + (uint32_t)i + 1, i);
}

static bool is_paused(void *arg)
{
	const struct program *chillybin = arg;

	return program_metric_if_any(chillybin, "galore_paused_partitions") ==
	       1;
}

static bool is_not_paused(void *arg)
{
	const struct program *chillybin = arg;

	return program_metric_if_any(chillybin, "galore_paused_partitions") ==
	       0;
}

/* Log, /readyz, metric, and the row that `overlord status` reads. */
static void expect_named(struct world *world, struct program *chillybin)
{
	char topic[128], text[256];

	world_topic(world, "orders", topic);
	program_wait_unready(chillybin, "orders");
	ck_assert(until(PATIENCE_MS, is_paused, chillybin));
	(void)snprintf(text, sizeof(text),
		       "galore_paused_partitions{topic=\"%s\",partition=\"%d\"",
		       topic, PARTITION);
	ck_assert_int_eq(program_metric(chillybin, text), 1);
	(void)snprintf(text, sizeof(text), "'%s' partition %d", topic,
		       PARTITION);
	ck_assert_int_gt(program_said(chillybin, text), 0);
	db_wait(world->db, PATIENCE_MS, 1,
		"SELECT count(*) FROM control.heartbeats h, "
		"jsonb_array_elements(h.troubles) t WHERE NOT h.ready AND "
		"(t->>'partition')::int = 3 AND t->>'topic' LIKE 'orders%' "
		"AND t->>'what' <> ''");
}

START_TEST(a_partition_whose_log_cannot_be_read_pauses_alone_until_it_can)
	{
		CLEANUP(world_freep)
		struct world *world = world_new_with_kafka(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;
		off_t end;
		int fd;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		orders_send(bus, 0, N_ORDERS, PARTITION);
		orders_wait_decided(world, N_ORDERS, PATIENCE_MS);
		(void)program_stop(chillybin);
		fd = open_segment(world);
		end = lseek(fd, 0, SEEK_END);
		/* A batch of one, which is spoilt, and some behind it. */
		orders_send(bus, N_ORDERS, N_ORDERS + 1, PARTITION);
		turn_byte(fd, end);
		orders_send(bus, N_ORDERS + 1, 2 * N_ORDERS, PARTITION);
		program_start(chillybin);
		send_to_others(bus, 100);
		expect_named(world, chillybin);
		orders_wait_decided(world, N_ORDERS + N_OTHERS, PATIENCE_MS);
		/* Where it stands: nothing is passed over. */
		ck_assert_int_eq(
			db_i64(world->db,
			       "SELECT next_offset FROM positions WHERE "
			       "service = 'chillybin' AND topic = 'orders' "
			       "AND partition = %d",
			       PARTITION),
			N_ORDERS);
		turn_byte(fd, end);
		(void)close(fd);
		orders_wait_decided(world, 2 * N_ORDERS + N_OTHERS,
				    PATIENCE_MS);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		ck_assert(until(PATIENCE_MS, is_not_paused, chillybin));
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(check_world(world, &(struct check_params){ 0 })
					 .n_picked,
				 2 * N_ORDERS + N_OTHERS);
	}
END_TEST

/* The broker takes it as it comes; no client can open it, today or tomorrow. */
START_TEST(a_batch_that_grows_beyond_all_bounds_pauses_its_partition_alone)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		CLEANUP(foreign_freep)
		struct foreign *foreign =
			foreign_new(world, "compression.type", "zstd", NULL);
		struct program *chillybin;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		hostile_poison(
			foreign,
			&(struct hostile_poison){ .name = "bomb",
						  .partition = PARTITION,
						  .value_bytes = BOMB_BYTES },
			NULL);
		foreign_flush(foreign);
		orders_send(bus, 0, 1, PARTITION);
		expect_named(world, chillybin);
		send_to_others(bus, 1);
		orders_wait_decided(world, N_OTHERS, PATIENCE_MS);
		ck_assert(program_unready_now(chillybin));
	}
END_TEST

START_TEST(a_topic_that_is_deleted_is_missed_and_the_other_topics_go_on)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin;

		chillybin = world_start(world, "chillybin-1", NULL);
		orders_stock_up(world, bus);
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		foreign_delete_topic(world, "restocks");
		program_wait_unready(chillybin, "restocks");
		orders_send(bus, 0, N_ORDERS, -1);
		orders_wait_decided(world, N_ORDERS, PATIENCE_MS);
		ck_assert(program_unready_now(chillybin));
		ck_assert_int_gt(program_said(chillybin, "TOPIC-UNREADABLE"),
				 0);
		/* librdkafka 2.0.2 does not come to an end of its client after
		 * that; a worker gives it up after a while. */
		program_kill(chillybin);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_partition_whose_log_cannot_be_read_pauses_alone_until_it_can,
		a_batch_that_grows_beyond_all_bounds_pauses_its_partition_alone,
		a_topic_that_is_deleted_is_missed_and_the_other_topics_go_on,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
