/* SPDX-License-Identifier: MIT */
/*
 * The broker goes away and comes back: the storefront says so, accepts nothing
 * that it cannot keep, and all goes on afterwards.
 */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "itests/harness/gate.h"
#include "itests/harness/orders.h"
#include "itests/harness/rush.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define SLICE                                                                  \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"cheese\","           \
	"\"quantity\":1}]}"

static void fill_shelf(struct world *world)
{
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);

	orders_restock(bus, "cheese", 10, "cheese-1");
	bus_flush(bus);
	db_wait(world->db, PATIENCE_MS, 1, "SELECT count(*) FROM stock");
}

struct retried {
	const struct program *storefront;
	const struct http_ask *ask;
};

/* What a client does that was told to come again: the same, the same key. */
static bool is_taken(void *arg)
{
	const struct retried *retried = arg;
	struct http_answer answer = shop_ask(retried->storefront, retried->ask);
	int status = answer.status;

	http_answer_deinit(&answer);
	ck_assert_msg(status == 202 || status == 503, "POST %s: %d",
		      retried->ask->path, status);
	return status == 202;
}

static bool is_not_ready(void *arg)
{
	return program_unready_now(arg);
}

START_TEST(while_the_broker_is_away_orders_are_answered_503_and_then_taken)
	{
		CLEANUP(world_freep)
		struct world *world = world_new_with_kafka(__func__);
		struct program *storefront = world_start(
			world, "storefront", "PUBLISH_TIMEOUT_MS=1500", NULL);
		struct program *chillybin =
			world_start(world, "chillybin-1", NULL);
		const struct http_ask ask = {
			.method = "POST",
			.path = "/orders",
			.body = SLICE,
			.key = "018f3a1e-7c2b-7abc-8def-0123456789ab",
		};
		struct http_answer answer;
		char text[16];

		world_wait_all_ready(world);
		fill_shelf(world);
		world_kafka(world, "stop");
		ck_assert_msg(
			until(PATIENCE_MS, is_not_ready, chillybin),
			"chillybin says that it is ready without a broker");
		answer = shop_ask(storefront, &ask);
		ck_assert_int_eq(answer.status, 503);
		ck_assert(
			http_field(&answer, "Retry-After", text, sizeof(text)));
		http_answer_deinit(&answer);
		ck_assert(!program_ended(storefront) &&
			  !program_ended(chillybin));
		world_kafka(world, "start");
		(void)program_wait_ready(chillybin, PATIENCE_MS);
		(void)program_wait_ready(storefront, PATIENCE_MS);
		ck_assert(until(PATIENCE_MS, is_taken,
				&(struct retried){ storefront, &ask }));
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(check_world(world, &(struct check_params){ 0 })
					 .n_orders,
				 1);
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 9);
	}
END_TEST

/* A process of that size takes its time to die, and has its port until then.
 */
static bool is_refused(void *arg)
{
	const struct world *world = arg;
	int64_t port;
	int fd, r;

	ck_assert(!str_to_i64(&port, strchr(world->brokers, ':') + 1, 1,
			      UINT16_MAX));
	r = http_send(&fd, (uint16_t)port,
		      &(struct http_ask){ .method = "GET", .path = "/" });
	if (!r)
		(void)close(fd);
	return r == -ECONNREFUSED;
}

/* SIGKILL to the process that the broker's folder names, to its last thread. */
static void kill_broker(struct world *world)
{
	char path[PROGRAM_PATH_MAX], line[32] = "";
	int64_t pid;
	FILE *file;

	world_path(world, "kafka/kafka.pid", path);
	file = fopen(path, "re");
	ck_assert_msg(file && fgets(line, sizeof(line), file),
		      "'%s' names no process", path);
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	ck_assert(!str_to_i64(&pid, line, 2, INT32_MAX));
	ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
	ck_assert_msg(until(PATIENCE_MS, is_refused, world),
		      "the broker does not die");
}

START_TEST(a_broker_killed_under_load_and_restarted_loses_no_order)
	{
		CLEANUP(world_freep)
		struct world *world = world_new_with_kafka(__func__);
		int64_t back_ms;
		struct rush rush;

		(void)world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "chillybin-2", NULL);
		(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = 4000,
						 .n_waves = 2,
						 .rate = 1500,
						 .restock = 5000,
						 .v1_percent = 30,
						 .duplicate_percent = 5,
						 .poison_percent = 1 },
			  true);
		world_wait_all_ready(world);
		gate_build(world, "orders");
		rush_start(&rush);
		rush_wait_decided(&rush, 1000, PATIENCE_MS);
		/* Some are being decided, and more are being sent. */
		gate_shut(world, "orders");
		rush_start(&rush);
		gate_wait(world, "orders");
		kill_broker(world);
		gate_open(world, "orders");
		world_kafka(world, "start");
		back_ms = clock_now_ms();
		rush_wait_decided(&rush, 4000, PATIENCE_MS);
		suite_note("all was decided %" PRId64 " ms after it was back",
			   since_ms(back_ms));
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_starts, 4000);
	}
END_TEST

/* A batch is committed and its facts cannot be sent: whoever leaves them says
 * so in the positions, whoever comes next sends them. */
START_TEST(a_worker_that_leaves_without_a_broker_leaves_its_facts_to_the_next)
	{
		CLEANUP(world_freep)
		struct world *world = world_new_with_kafka(__func__);
		struct program *chillybin;
		int64_t n_decided;
		struct rush rush;

		chillybin = world_start(world, "chillybin-1", "BATCH_MAX=32",
					"DRAIN_MS=2000", NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = 200,
						 .restock = 1000,
						 .grill = "false" },
			  false);
		world_wait_all_ready(world);
		gate_build(world, "orders");
		gate_shut(world, "orders");
		rush_start(&rush);
		rush_wait_sent(&rush);
		gate_wait_for(world, chillybin);
		kill_broker(world);
		gate_open(world, "orders");
		gate_wait_passed(world, chillybin->pid);
		program_signal(chillybin, SIGTERM);
		/* In time or not: there was somebody to wait for. */
		(void)program_wait(chillybin, PATIENCE_MS);
		n_decided = db_i64(world->db, "SELECT count(*) FROM orders");
		ck_assert_int_gt(n_decided, 0);
		/* Of each partition nothing is said to be told. */
		ck_assert_int_eq(db_i64(world->db,
					"SELECT count(*) FROM positions p "
					"WHERE service = 'chillybin' AND "
					"topic = 'orders' AND emitted_offset > "
					"(SELECT coalesce(min(\"offset\"), 0) "
					"FROM orders o "
					"WHERE o.partition = p.partition)"),
				 0);
		world_kafka(world, "start");
		program_start(chillybin);
		ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_orders, 200);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		while_the_broker_is_away_orders_are_answered_503_and_then_taken,
		a_broker_killed_under_load_and_restarted_loses_no_order,
		a_worker_that_leaves_without_a_broker_leaves_its_facts_to_the_next,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
