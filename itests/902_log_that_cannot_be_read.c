/* SPDX-License-Identifier: MIT */
/*
 * A partition whose log cannot be read pauses alone, where it stands, and says
 * so wherever an operator looks; when it can be read again it goes on by
 * itself. A topic that was deleted is missed at once, and one that was made
 * anew pauses.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define PARTITION 3
#define N_ORDERS 20
#define N_OTHERS (TOPIC_PARTITIONS - 1)

/* The log's first file; nothing else has written to it. */
static int open_segment(struct world *world)
{
	char name[256], path[PROGRAM_PATH_MAX];
	int fd;

	(void)snprintf(name, sizeof(name),
		       "kafka/data/orders%s-%d/00000000000000000000.log",
		       world->suffix, PARTITION);
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

/* Log, /readyz, metric, and the row that `overlord status` reads. */
static void expect_named(struct world *world, struct program *chillybin)
{
	char text[256], partition[160];

	(void)program_wait_unready(chillybin, "orders");
	program_wait_metric(chillybin, "galore_paused_partitions", 1);
	(void)snprintf(text, sizeof(text),
		       "galore_paused_partitions{topic=\"orders%s\","
		       "partition=\"%d\"",
		       world->suffix, PARTITION);
	ck_assert_int_eq(program_metric(chillybin, text), 1);
	world_partition(world, "orders", PARTITION, partition);
	ck_assert_int_gt(program_said(chillybin, partition), 0);
	db_wait(world->db, 1,
		"control.heartbeats h, jsonb_array_elements(h.troubles) "
		"t WHERE NOT h.ready AND (t->>'partition')::int = %d AND "
		"t->>'topic' LIKE 'orders%%' AND t->>'what' <> ''",
		PARTITION);
}

KAFKA_TEST(a_partition_whose_log_cannot_be_read_pauses_alone_until_it_can)
{
	struct program *chillybin = open_stocked(world);
	struct bus *bus = world_bus(world);
	off_t end;
	int fd;

	send_orders(bus, 0, N_ORDERS, PARTITION);
	wait_decided(world, N_ORDERS);
	(void)program_stop(chillybin);
	fd = open_segment(world);
	end = lseek(fd, 0, SEEK_END);
	/* A batch of one, which is spoilt, and some behind it. */
	send_orders(bus, N_ORDERS, N_ORDERS + 1, PARTITION);
	turn_byte(fd, end);
	send_orders(bus, N_ORDERS + 1, 2 * N_ORDERS, PARTITION);
	program_start(chillybin);
	send_to_each(world, 100, PARTITION);
	expect_named(world, chillybin);
	wait_decided(world, N_ORDERS + N_OTHERS);
	/* Where it stands: nothing is passed over. */
	ck_assert_int_eq(world_next_offset(world, "orders", PARTITION),
			 N_ORDERS);
	turn_byte(fd, end);
	(void)close(fd);
	wait_decided(world, 2 * N_ORDERS + N_OTHERS);
	(void)program_wait_ready(chillybin);
	program_wait_metric(chillybin, "galore_paused_partitions", 0);
	ck_assert_int_eq(check_world(world).n_picked, 2 * N_ORDERS + N_OTHERS);
}

/* The broker accepts it as it comes; no client can ever open it. */
WORLD_TEST(a_batch_that_grows_beyond_all_bounds_pauses_its_partition_alone)
{
	CLEANUP(bus_freep)
	struct bus *compressing =
		bus_new(world, "compression.type", "zstd", NULL);
	const struct hostile_poison bomb = { "bomb", PARTITION,
					     (size_t)110 << 20, 0 };
	struct program *chillybin = open_stocked(world);

	send_poison(compressing, &bomb);
	bus_flush(compressing);
	send_orders(world_bus(world), 0, 1, PARTITION);
	expect_named(world, chillybin);
	send_to_each(world, 1, PARTITION);
	wait_decided(world, N_OTHERS);
	ck_assert(program_unready_now(chillybin));
}

WORLD_TEST(a_topic_that_is_deleted_is_missed_and_the_other_topics_go_on)
{
	struct program *chillybin = open_stocked(world);

	topic_delete(world, "restocks");
	(void)program_wait_unready(chillybin, "restocks");
	send_orders(world_bus(world), 0, N_ORDERS, -1);
	wait_decided(world, N_ORDERS);
	ck_assert(program_unready_now(chillybin));
	ck_assert_int_gt(program_said(chillybin, "TOPIC-UNREADABLE"), 0);
	/* librdkafka 2.0.2 does not come to an end of its client after that; a
	 * worker gives it up after a while. */
	program_kill(chillybin);
}

/* It ends below its positions. Other topics go on, also after a session with
 * the database was lost and everything is taken over once more. */
WORLD_TEST(a_topic_made_anew_pauses_and_the_other_topics_go_on)
{
	struct bus *bus = world_bus(world);
	struct program *chillybin = open_stocked(world);

	send_orders(bus, 0, 20, -1);
	wait_decided(world, 20);
	topic_delete(world, "restocks");
	world_run(world, "overlord", "topics", "apply", "--execute");
	(void)program_wait_unready(chillybin, "");
	send_orders(bus, 20, 40, -1);
	wait_decided(world, 40);
	ck_assert_int_gt(world_cut_sessions(world, "chillybin"), 0);
	send_orders(bus, 40, 60, -1);
	wait_decided(world, 60);
	ck_assert(!program_ready_now(chillybin));
	(void)program_wait_unready(chillybin, "");
	world_wait_status(world, 1, "'restocks' ends below");
}
