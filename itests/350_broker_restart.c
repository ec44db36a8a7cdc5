/* SPDX-License-Identifier: MIT */
/*
 * The broker goes away and comes back: the storefront says so, accepts nothing
 * that it cannot keep, and all goes on afterwards.
 */
#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/rush.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define SETTLE_MS 60000
#define NOTICED_MS 20000
#define DECIDED_MS 40000
#define SLICE                                                                  \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"cheese\","           \
	"\"quantity\":1}]}"

static bool is_not_ready(void *arg)
{
	return !program_ready_now(arg);
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
		char text[16], id[37];

		world_wait_all_ready(world);
		shop_restock(storefront, "main", "cheese", 10);
		world_kafka(world, "stop");
		ck_assert_msg(
			until(NOTICED_MS, is_not_ready, chillybin),
			"chillybin says that it is ready without a broker");
		answer = shop_ask(storefront, &ask);
		ck_assert_int_eq(answer.status, 503);
		ck_assert(
			http_field(&answer, "Retry-After", text, sizeof(text)));
		http_answer_deinit(&answer);
		ck_assert(!program_ended(storefront) &&
			  !program_ended(chillybin));
		world_kafka(world, "start");
		(void)program_wait_ready(chillybin, NOTICED_MS);
		(void)program_wait_ready(storefront, NOTICED_MS);
		/* What a client does then: the same under the same key. */
		shop_order(storefront, ask.body, ask.key, id);
		world_settle(world, SETTLE_MS);
		ck_assert_int_eq(check_world(world, &(struct check_params){ 0 })
					 .n_orders,
				 1);
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 9);
	}
END_TEST

/* SIGKILL to the process that the broker's folder names. */
static void kill_broker(const struct world *world)
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
						 .rate = 1500,
						 .restock = 5000,
						 .v1_percent = 30,
						 .duplicate_percent = 5,
						 .poison_percent = 1 },
			  true);
		world_wait_all_ready(world);
		rush_start(&rush);
		rush_wait_decided(&rush, 1000, DECIDED_MS);
		kill_broker(world);
		world_kafka(world, "start");
		back_ms = clock_now_ms();
		rush_wait_decided(&rush, 4000, DECIDED_MS);
		suite_note("all was decided %" PRId64 " ms after it was back",
			   since_ms(back_ms));
		ck_assert_int_eq(rush_check(&rush, SETTLE_MS).n_starts, 4000);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		while_the_broker_is_away_orders_are_answered_503_and_then_taken,
		a_broker_killed_under_load_and_restarted_loses_no_order,
		NULL,
	};

	return suite_main(argc, argv, 150, tests);
}
