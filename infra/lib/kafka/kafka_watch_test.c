/* SPDX-License-Identifier: MIT */
/* Kafka watch: brokers that are gone, that hang, and come back. */
#include "infra/lib/kafka/kafka_watch.h"

#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_fixture.h"

enum { DEADLINE_MS = 15000, HANGS_MS = 60000 };

static struct kafka_watch *watch;
static struct loop *loop;

static void open_watch(const char *brokers, const char *second)
{
	const char *const topics[] = { "orders", second };
	const struct kafka_watch_params params = {
		.brokers = brokers,
		.client_id = "test",
		.topics = topics,
		.n_topics = second ? 2 : 1,
		.loop = loop,
	};

	ck_assert_int_eq(kafka_watch_new(&watch, &params), 0);
	ck_assert(!kafka_watch_seen(watch));
	ck_assert_ptr_null(kafka_watch_trouble(watch));
}

static void setup(void)
{
	mock_start("orders", 12);
	ck_assert_int_eq(loop_new(&loop), 0);
}

static void teardown(void)
{
	watch = kafka_watch_free(watch);
	loop = loop_free(loop);
	mock_stop();
}

static void wait_for_trouble(const char *what)
{
	const char *trouble = NULL;

	CHECK_WITHIN(DEADLINE_MS, trouble && !strcmp(trouble, what), {
		loop_wait(loop, 50);
		trouble = kafka_watch_trouble(watch);
	});
}

static void wait_until_seen(void)
{
	CHECK_WITHIN(DEADLINE_MS, kafka_watch_seen(watch), loop_wait(loop, 50));
}

START_TEST(topics_that_are_there_are_seen_and_the_loop_is_woken)
	{
		open_watch(mock_brokers(), NULL);
		CHECK_WITHIN(DEADLINE_MS, kafka_watch_seen(watch),
			     loop_wait(loop, DEADLINE_MS));
		ck_assert_ptr_null(kafka_watch_trouble(watch));
	}
END_TEST

START_TEST(a_topic_that_is_missing_is_named_until_it_is_there)
	{
		/* The mock would make it. */
		rd_kafka_mock_topic_set_error(
			mock, "picks", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
		open_watch(mock_brokers(), "picks");
		wait_for_trouble("the topic 'picks' is missing");
		ck_assert(!kafka_watch_seen(watch));
		rd_kafka_mock_topic_set_error(mock, "picks",
					      RD_KAFKA_RESP_ERR_NO_ERROR);
		wait_until_seen();
		ck_assert_ptr_null(kafka_watch_trouble(watch));
	}
END_TEST

/* Its connections stay; it only says nothing. */
START_TEST(a_broker_that_hangs_is_noticed_within_seconds_and_so_is_its_return)
	{
		int64_t begun_at_ms;

		open_watch(mock_brokers(), NULL);
		wait_until_seen();
		begun_at_ms = clock_now_ms();
		rd_kafka_mock_broker_set_rtt(mock, 1, HANGS_MS);
		wait_for_trouble("no broker answers");
		ck_assert_int_lt(clock_now_ms() - begun_at_ms,
				 KAFKA_WATCH_AWAY_MS + 4000);
		/* What it owed is lost with its connections. */
		rd_kafka_mock_broker_set_rtt(mock, 1, 0);
		rd_kafka_mock_broker_set_down(mock, 1);
		rd_kafka_mock_broker_set_up(mock, 1);
		CHECK_WITHIN(DEADLINE_MS, !kafka_watch_trouble(watch),
			     loop_wait(loop, 50));
	}
END_TEST

START_TEST(a_broker_that_was_never_there_is_noticed_too)
	{
		open_watch("127.0.0.1:1", NULL);
		wait_for_trouble("no broker answers");
		ck_assert(!kafka_watch_seen(watch));
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("kafka_watch");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, topics_that_are_there_are_seen_and_the_loop_is_woken);
	tcase_add_test(tcase, a_topic_that_is_missing_is_named_until_it_is_there);
	tcase_add_test(tcase, a_broker_that_hangs_is_noticed_within_seconds_and_so_is_its_return);
	tcase_add_test(tcase, a_broker_that_was_never_there_is_noticed_too);
	return check_run(suite);
}
