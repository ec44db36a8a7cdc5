/* SPDX-License-Identifier: MIT */
/*
 * A storefront without Kafka: it notices within seconds, also of a broker that
 * hangs and keeps its connections, says so in its log and at /readyz, refuses
 * orders at once, and says when it is over.
 */
#include <inttypes.h>
#include <signal.h>

#include "infra/lib/clock.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

/* Five seconds, and what a busy machine adds to them. */
enum { NOTICED_MS = 12000, AT_ONCE_MS = 2000 };

static int post_order(const struct program *storefront)
{
	return shop_post(storefront, "/orders", SHOP_SLICE);
}

static void expect_back(struct program *storefront)
{
	(void)program_wait_ready(storefront);
	program_wait_said(storefront, PATIENCE_MS, "id=KAFKA-BACK", "");
}

KAFKA_TEST(a_kafka_that_hangs_is_noticed_refused_at_once_and_said)
{
	struct program *storefront = world_start_ready(world, "storefront");
	pid_t broker = world_kafka_pid(world);
	int64_t start_ms, noticed_ms;

	ck_assert_int_eq(post_order(storefront), 202);
	ck_assert_int_eq(kill(broker, SIGSTOP), 0);
	noticed_ms = program_wait_unready(storefront, "no broker answers");
	ck_assert_int_lt(noticed_ms, NOTICED_MS);
	program_wait_said(storefront, PATIENCE_MS, "id=KAFKA-AWAY", "");
	start_ms = clock_now_ms();
	ck_assert_int_eq(post_order(storefront), 503);
	ck_assert_int_lt(since_ms(start_ms), AT_ONCE_MS);
	ck_assert_int_eq(kill(broker, SIGCONT), 0);
	expect_back(storefront);
	shop_insist(storefront, NULL);
	suite_note("noticed after %" PRId64 " ms", noticed_ms);
}

KAFKA_TEST(a_storefront_that_starts_without_kafka_says_so)
{
	struct program *storefront;

	world_kafka(world, "stop");
	storefront = world_start(world, "storefront");
	program_wait_said(storefront, PATIENCE_MS, "id=KAFKA-AWAY", "");
	ck_assert_int_lt(program_wait_unready(storefront, ""), NOTICED_MS);
	ck_assert_int_eq(post_order(storefront), 503);
	ck_assert_int_eq(program_metric(storefront, "storefront_kafka_ready"),
			 0);
	world_kafka(world, "start");
	expect_back(storefront);
	ck_assert_int_eq(post_order(storefront), 202);
}

WORLD_TEST(a_topic_that_is_missing_is_named)
{
	struct program *storefront =
		world_start(world, "storefront", "TOPIC_SUFFIX=.nowhere");

	program_wait_said(storefront, PATIENCE_MS,
			  "the topic 'orders.nowhere' is missing", "");
	ck_assert_int_lt(program_wait_unready(storefront, "is missing"),
			 NOTICED_MS);
	ck_assert_int_eq(post_order(storefront), 503);
}
