/* SPDX-License-Identifier: MIT */
/*
 * The broker goes away and comes back: the storefront says so, accepts nothing
 * that it cannot keep, and all goes on afterwards.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "itests/harness/commands.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define KEY "018f3a1e-7c2b-7abc-8def-0123456789ab"

KAFKA_TEST(while_the_broker_is_away_orders_are_answered_503_and_then_accepted)
{
	struct program *storefront =
		world_start(world, "storefront", "PUBLISH_TIMEOUT_MS=1500");
	struct program *chillybin = world_start(world, "chillybin-1");
	const struct http_ask ask = { .method = "POST",
				      .path = "/orders",
				      .body = SHOP_SLICE,
				      .key = KEY };
	struct http_answer answer;
	char text[16];

	world_wait_all_ready(world);
	stock_up(world, 10);
	world_kafka(world, "stop");
	(void)program_wait_unready(chillybin, "");
	answer = shop_ask(storefront, &ask);
	ck_assert_int_eq(answer.status, 503);
	ck_assert(http_field(&answer, "Retry-After", text, sizeof(text)));
	http_answer_deinit(&answer);
	ck_assert(!program_ended(storefront) && !program_ended(chillybin));
	world_kafka(world, "start");
	world_wait_all_ready(world);
	shop_insist(storefront, KEY);
	ck_assert_int_eq(check_world(world).n_orders, 1);
	ck_assert_int_eq(shop_stock(storefront, "cheese"), 9);
}

/* SIGKILL, to its last thread: a process of that size takes its time to die,
 * and has its port until then. */
static void kill_broker(struct world *world)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);
	char host[TEXT_HOST_BYTES];
	uint16_t port;
	int fd, r;

	ck_assert_int_eq(kill(world_kafka_pid(world), SIGKILL), 0);
	ck_assert(!text_host_port(world->brokers, host, &port));
	while ((r = http_connect(&fd, port)) != -ECONNREFUSED) {
		if (!r)
			(void)close(fd);
		wait_more(deadline_at_ms, "the broker does not die");
	}
}

KAFKA_TEST(a_broker_killed_under_load_and_restarted_loses_no_order)
{
	int64_t back_at_ms;
	struct rush rush;

	(void)rush_workers(world, 1, NULL);
	(void)world_start(world, "chillybin-2");
	rush_open(&rush, world,
		  &(struct rush_params){
			  .n_orders = 4000, .n_waves = 2, .rate = 1500 });
	gate_build(world, "orders");
	gate_open(world, "orders");
	rush_start(&rush);
	rush_wait_decided(&rush, 1000);
	/* Some are being decided, and more are being sent. */
	gate_shut(world, "orders");
	rush_start(&rush);
	gate_wait(world, "orders");
	kill_broker(world);
	gate_open(world, "orders");
	world_kafka(world, "start");
	back_at_ms = clock_now_ms();
	rush_wait_decided(&rush, 4000);
	suite_note("all was decided %" PRId64 " ms after it was back",
		   since_ms(back_at_ms));
	ck_assert_int_eq(rush_check(&rush).n_starts, 4000);
}

/* A batch is committed and its facts cannot be sent: the worker that leaves
 * them notes that in the positions, and the next one sends them. */
KAFKA_TEST(a_worker_that_leaves_without_a_broker_leaves_its_facts_to_the_next)
{
	struct rush rush;
	struct program *chillybin = rush_hold(&rush, world, "DRAIN_MS=2000");

	kill_broker(world);
	gate_open(world, "orders");
	gate_wait_passed(world, chillybin->pid);
	program_signal(chillybin, SIGTERM);
	/* In time or not: there was a broker to wait for. */
	(void)program_wait(chillybin, PATIENCE_MS);
	ck_assert_int_gt(db_i64(world->db, "orders"), 0);
	/* Of no partition anything counts as published. */
	db_expect(world->db, 0,
		  "positions p WHERE service = 'chillybin' AND topic = "
		  "'orders' AND emitted_offset > (SELECT "
		  "coalesce(min(\"offset\"), 0) FROM orders o WHERE "
		  "o.partition = p.partition)");
	world_kafka(world, "start");
	program_start(chillybin);
	ck_assert_int_eq(rush_check(&rush).n_orders, RUSH_FEW);
}
