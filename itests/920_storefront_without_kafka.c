/* SPDX-License-Identifier: MIT */
/*
 * A storefront without Kafka: it notices within seconds, also of a broker that
 * hangs and keeps its connections, says so in its log and at /readyz, refuses
 * orders at once, and says when it is over.
 */
#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define SLICE                                                                  \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"cheese\","           \
	"\"quantity\":1}]}"

/* Five seconds, and what a busy machine adds to them. */
enum { NOTICED_MS = 12000, AT_ONCE_MS = 2000 };

static pid_t broker_of(const struct world *world)
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
	return (pid_t)pid;
}

static bool is_not_ready(void *arg)
{
	return program_unready_now(arg);
}

struct said {
	const struct program *program;
	const char *what;
};

/* Does the log have such a line? It may not be there yet. */
static bool is_said(void *arg)
{
	const struct said *said = arg;
	FILE *file = fopen(said->program->log, "re");
	char line[4096];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, said->what);
	if (file)
		(void)fclose(file);
	return found;
}

static void wait_said(const struct program *program, const char *what)
{
	ck_assert_msg(
		until(PATIENCE_MS, is_said, &(struct said){ program, what }),
		"'%s' is not in '%s'", what, program->log);
}

static int status_of_order(const struct program *storefront)
{
	struct http_answer answer =
		shop_ask(storefront, &(struct http_ask){ .method = "POST",
							 .path = "/orders",
							 .body = SLICE });
	int status = answer.status;

	http_answer_deinit(&answer);
	return status;
}

static bool is_taken(void *arg)
{
	return status_of_order(arg) == 202;
}

START_TEST(a_kafka_that_hangs_is_noticed_refused_at_once_and_said)
	{
		CLEANUP(world_freep)
		struct world *world = world_new_with_kafka(__func__);
		struct program *storefront =
			world_start(world, "storefront", NULL);
		pid_t broker = broker_of(world);
		int64_t begun_at_ms, noticed_ms;
		struct http_answer ready;

		world_wait_all_ready(world);
		ck_assert_int_eq(status_of_order(storefront), 202);
		begun_at_ms = clock_now_ms();
		ck_assert_int_eq(kill(broker, SIGSTOP), 0);
		ck_assert(until(NOTICED_MS, is_not_ready, storefront));
		noticed_ms = since_ms(begun_at_ms);
		wait_said(storefront, "id=KAFKA-AWAY");
		ready = shop_get(storefront, "/readyz");
		ck_assert_str_eq(ready.body.p, "no broker answers");
		http_answer_deinit(&ready);
		begun_at_ms = clock_now_ms();
		ck_assert_int_eq(status_of_order(storefront), 503);
		ck_assert_int_lt(since_ms(begun_at_ms), AT_ONCE_MS);
		ck_assert_int_eq(kill(broker, SIGCONT), 0);
		(void)program_wait_ready(storefront, PATIENCE_MS);
		wait_said(storefront, "id=KAFKA-BACK");
		ck_assert(until(PATIENCE_MS, is_taken, storefront));
		suite_note("noticed after %" PRId64 " ms", noticed_ms);
	}
END_TEST

START_TEST(a_storefront_that_starts_without_kafka_says_so)
	{
		CLEANUP(world_freep)
		struct world *world = world_new_with_kafka(__func__);
		struct program *storefront;

		world_kafka(world, "stop");
		storefront = world_start(world, "storefront", NULL);
		wait_said(storefront, "id=KAFKA-AWAY");
		ck_assert(until(NOTICED_MS, is_not_ready, storefront));
		ck_assert_int_eq(status_of_order(storefront), 503);
		ck_assert_int_eq(
			program_metric(storefront, "storefront_kafka_ready"),
			0);
		world_kafka(world, "start");
		(void)program_wait_ready(storefront, PATIENCE_MS);
		wait_said(storefront, "id=KAFKA-BACK");
		ck_assert_int_eq(status_of_order(storefront), 202);
	}
END_TEST

START_TEST(a_topic_that_is_missing_is_named)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = world_start(
			world, "storefront", "TOPIC_SUFFIX=.nowhere", NULL);
		struct http_answer ready;

		wait_said(storefront, "the topic 'orders.nowhere' is missing");
		ck_assert(until(NOTICED_MS, is_not_ready, storefront));
		ready = shop_get(storefront, "/readyz");
		ck_assert_ptr_nonnull(strstr(ready.body.p, "is missing"));
		http_answer_deinit(&ready);
		ck_assert_int_eq(status_of_order(storefront), 503);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_kafka_that_hangs_is_noticed_refused_at_once_and_said,
		a_storefront_that_starts_without_kafka_says_so,
		a_topic_that_is_missing_is_named,
		NULL,
	};

	return suite_main(argc, argv, 300, tests);
}
