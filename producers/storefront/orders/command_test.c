/* SPDX-License-Identifier: MIT */
/*
 * Command: what is answered when nothing can be published, what when it can,
 * and what then stands on the topics: whose trace, which id, which partition.
 * The integration tests do it with a database, too.
 */
#include "producers/storefront/orders/command.h"

#include <stdio.h>

#include "infra/lib/kafka/kafka_in.h"
#include "producers/storefront/orders/shop_fixture.h"

#define OTHER_ORDER                                                            \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"ham\","              \
	"\"quantity\":1}]}"

enum { N_ASKED = 12, SLOW_MS = 300, HANGS_MS = 60000 };

static const struct {
	const char *path, *fields, *body, *status, *says;
} answers[] = {
	{ "/orders", "", "{}", "HTTP/1.1 400 ",
	  "{\"error\":\"is missing\",\"field\":\"stall\"}\n" },
	{ "/orders", "Idempotency-Key: \r\n", ORDER, "HTTP/1.1 400 ",
	  "\"field\":\"Idempotency-Key\"" },
	{ "/orders",
	  "Idempotency-Key: 00000000-0000-0000-0000-000000000000\r\n", ORDER,
	  "HTTP/1.1 400 ", "UUID of zeros" },
	{ "/orders", KEY KEY, ORDER, "HTTP/1.1 400 ",
	  "{\"error\":\"must come once\",\"field\":\"Idempotency-Key\"}\n" },
	/* Nobody knows: the order's id is there to ask for. */
	{ "/orders", KEY, ORDER, "HTTP/1.1 503 ", "\"order_id\":\"" ID "\"" },
	{ "/orders", "", ORDER, "HTTP/1.1 503 ", "Retry-After: 1\r\n" },
	{ "/restock", "", "{}", "HTTP/1.1 400 ", "\"field\":\"stall\"" },
	{ "/restock", "", ORDER, "HTTP/1.1 503 ", "Retry-After: 1\r\n" },
	{ "/restock",
	  "Idempotency-Key: 00000000-0000-0000-0000-000000000000\r\n", ORDER,
	  "HTTP/1.1 400 ", "UUID of zeros" },
	{ "/restock", "Idempotency-Key: \"\"\r\n", ORDER, "HTTP/1.1 400 ",
	  "\"field\":\"Idempotency-Key\"" },
	{ "/orders/" ID "/cancel", "", "", "HTTP/1.1 503 ",
	  "Retry-After: 1\r\n" },
	{ "/orders/x/cancel", "", "", "HTTP/1.1 404 ", "\"error\":" },
	{ "/stock", "", "", "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n" },
};

START_TEST(a_request_that_cannot_be_met_says_why)
	{
		post(answers[_i].path, answers[_i].fields, answers[_i].body);
		HEARD(answers[_i].status);
		HEARD(answers[_i].says);
	}
END_TEST

START_TEST(another_order_under_a_key_that_was_used_is_a_conflict)
	{
		accept_order(1, "main", NULL, "cheese");
		post("/orders", KEY, OTHER_ORDER);
		HEARD("HTTP/1.1 409 ");
		buf_reset(&heard);
		post("/orders", KEY, ORDER);
		HEARD("HTTP/1.1 503 ");
	}
END_TEST

static bool is_away(void)
{
	return commands_away(shop.commands) != NULL;
}

START_TEST(while_the_broker_is_away_nobody_waits_for_it)
	{
		int64_t begun_at_ms;

		conf.publish_timeout_ms = 60000;
		fixture_wait(turn, is_away);
		begun_at_ms = clock_now_ms();
		post("/orders", "", ORDER);
		HEARD("HTTP/1.1 503 ");
		HEARD("the broker is away or busy");
		ck_assert_int_lt(clock_now_ms() - begun_at_ms, 5000);
	}
END_TEST

static void setup_declared(void)
{
	setup_with_broker(TOPIC_PARTITIONS);
}

/* The number in an answer. */
static int64_t number_in(const struct buf *answer)
{
	const char *p = strstr(answer->p, "\"number\":");
	int64_t number = -1;

	ck_assert_msg(p, "no number in '%s'", answer->p);
	p += 9;
	ck_assert_int_eq(
		str_n_to_i64(&number, p, strcspn(p, ","), 0, INT64_MAX), 0);
	return number;
}

START_TEST(an_order_is_accepted_when_the_broker_has_it)
	{
		post("/orders", KEY, ORDER);
		HEARD("HTTP/1.1 202 ");
		HEARD("Location: /orders/" ID "\r\n");
		HEARD("{\"order_id\":\"" ID "\",\"number\":");
		/* What is called out, beside the whole number. */
		HEARD(",\"code\":\"E945\",");
		ck_assert_int_ge(number_in(&heard), 0);
	}
END_TEST

static struct buf other_heard;

/* Two orders at once: ORDER under KEY, whose answer is in @heard, and another
 * one. */
static void order_both(const char *fields, const char *body)
{
	int one = ask("/orders", KEY, ORDER);
	int other = ask("/orders", fields, body);

	hear(one, &heard);
	hear(other, &other_heard);
}

START_TEST(one_order_sent_twice_at_once_is_one_order)
	{
		order_both(KEY, ORDER);
		ck_assert_int_eq(number_in(&heard), number_in(&other_heard));
		ck_assert_uint_eq(order_cache_n(shop.cache), 1);
		buf_deinit(&other_heard);
	}
END_TEST

START_TEST(of_two_orders_under_one_key_at_once_one_is_a_conflict)
	{
		const struct cached_order *entry;
		bool one_won;

		order_both(KEY, OTHER_ORDER);
		one_won = strstr(heard.p, "HTTP/1.1 202 ");
		ck_assert_ptr_nonnull(strstr(one_won ? other_heard.p : heard.p,
					     "HTTP/1.1 409 "));
		entry = order_cache_find(shop.cache,
					 &(struct order_id){ { 1 } });
		ck_assert_ptr_nonnull(
			strstr(entry->order.items, one_won ? "cheese" : "ham"));
		buf_deinit(&other_heard);
	}
END_TEST

static bool all_are_finished(void)
{
	return commands_n(shop.commands) == 0;
}

START_TEST(a_request_that_waits_too_long_is_answered_how_to_go_on)
	{
		conf.publish_timeout_ms = 50;
		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		post("/orders", KEY, ORDER);
		HEARD("HTTP/1.1 503 ");
		HEARD("may or may not");
		HEARD("\"order_id\":\"" ID "\"");
		/* The order was accepted all the same. */
		fixture_wait(turn, all_are_finished);
		ck_assert_uint_eq(order_cache_n(shop.cache), 1);
	}
END_TEST

static const struct {
	const char *path, *says;
} doubtful[] = {
	{ "/orders", "with its id as Idempotency-Key" },
	{ "/restock", "with the same Idempotency-Key" },
};

START_TEST(a_bad_report_is_not_an_invitation_to_order_twice)
	{
		mock_refuse(API_PRODUCE,
			    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		post(doubtful[_i].path, "", ORDER);
		HEARD("HTTP/1.1 503 ");
		HEARD(doubtful[_i].says);
	}
END_TEST

static bool one_waits(void)
{
	return commands_n(shop.commands) == 1;
}

/* At the end, as after a reset of the client. */
START_TEST(what_will_not_be_reported_is_in_doubt)
	{
		int fd;

		rd_kafka_mock_broker_set_rtt(mock, 1, HANGS_MS);
		fd = ask("/orders", KEY, ORDER);
		fixture_wait(turn, one_waits);
		shop.commands = commands_free(shop.commands);
		open_commands(mock_brokers());
		hear(fd, &heard);
		HEARD("may or may not");
	}
END_TEST

/* Another order is under way meanwhile, and is not touched. */
START_TEST(what_the_broker_refuses_is_known_not_to_be_there)
	{
		static const char refused[] = "the broker refused it";
		static const char accepted[] = "HTTP/1.1 202 ";

		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		mock_refuse(API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
		order_both("Idempotency-Key: b\r\n", ORDER);
		ck_assert_msg((strstr(heard.p, refused) &&
			       strstr(other_heard.p, accepted)) ||
				      (strstr(heard.p, accepted) &&
				       strstr(other_heard.p, refused)),
			      "%s\n%s", heard.p, other_heard.p);
		buf_deinit(&other_heard);
	}
END_TEST

START_TEST(while_nothing_is_acknowledged_nobody_waits_for_it)
	{
		int fd;

		rd_kafka_mock_broker_set_rtt(mock, 1, HANGS_MS);
		fd = ask("/orders", "", ORDER);
		fixture_wait(turn, is_away);
		ck_assert_str_eq(commands_away(shop.commands),
				 "the broker acknowledges nothing");
		post("/orders", "", ORDER);
		HEARD("the broker is away or busy");
		(void)close(fd);
	}
END_TEST

START_TEST(more_than_may_wait_is_refused_at_once)
	{
		int fds[N_ASKED], n_busy = 0;

		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		for (int i = 0; i < N_ASKED; i++)
			fds[i] = ask("/orders", "", ORDER);
		for (int i = 0; i < N_ASKED; i++) {
			hear(fds[i], &heard);
			n_busy += strstr(heard.p, "away or busy") != NULL;
		}
		ck_assert_int_eq(n_busy, N_ASKED - 8);
	}
END_TEST

START_TEST(more_bytes_than_may_wait_are_refused_too)
	{
		int first, second;

		conf.publish_queue_max_bytes = 1;
		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		first = ask("/orders", "", ORDER);
		fixture_wait(turn, one_waits);
		second = ask("/orders", "", ORDER);
		hear(second, &heard);
		HEARD("away or busy");
		hear(first, &heard);
		HEARD("HTTP/1.1 202 ");
	}
END_TEST

/* ---- what stands on the topics ---- */

#define T "4bf92f3577b34da6a3ce929d0e0e4736"
#define S "00f067aa0ba902b7"
#define PARENT "traceparent: 00-" T "-" S "-01\r\n"
#define RESTOCK                                                                \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"ham\","              \
	"\"quantity\":5}]}"

enum { RAISED = 16, DEADLINE_MS = 15000, HEADER_BYTES = 1024 };

static struct kafka_in *in;

/* Somebody has raised the topics above what is declared. */
static void setup_raised(void)
{
	static const char *const topics[] = { "orders", "restocks" };
	struct kafka_partition partitions[2 * RAISED];
	struct kafka_in_params params = {
		.client_id = "test",
		.topics = topics,
		.n_topics = 2,
		.queue_max_kbytes = 1024,
	};

	setup_with_broker(RAISED);
	params.brokers = mock_brokers();
	ck_assert_int_eq(kafka_in_new(&in, &params), 0);
	for (int i = 0; i < 2 * RAISED; i++)
		partitions[i] = (struct kafka_partition){
			.topic = i / RAISED,
			.partition = i % RAISED,
		};
	ck_assert_int_eq(kafka_in_assign(in, partitions, 2 * RAISED), 0);
}

static void teardown_raised(void)
{
	in = kafka_in_free(in);
	teardown_with_broker();
}

static void assert_accepted(const char *path, const char *fields,
			    const char *body)
{
	post(path, fields, body);
	ck_assert_msg(strstr(heard.p, "HTTP/1.1 202 "), "%s", heard.p);
	ck_assert_ptr_null(strstr(heard.p, "\"number\":null"));
	ck_assert_ptr_null(strstr(heard.p, "\"number\":-"));
}

/* The next record; to be released. */
static struct kafka_record next_record(void)
{
	struct kafka_record record;
	size_t n = 0;

	CHECK_WITHIN(DEADLINE_MS, n == 1,
		     n = kafka_in_poll(in, &record, 1, 50));
	return record;
}

/* The header @name of the next record; "" when it has none. */
static void next_header(const char *name, char out[static HEADER_BYTES])
{
	struct kafka_record record = next_record();
	const char *other;
	const void *value;
	size_t n;

	out[0] = '\0';
	for (size_t i = 0; kafka_record_header(&record, i, &other, &value, &n);
	     i++)
		if (strcmp(other, name) == 0)
			(void)snprintf(out, HEADER_BYTES, "%.*s", (int)n,
				       (const char *)value);
	kafka_record_release(&record);
}

static const struct {
	const char *fields, *name, *value;
} traces[] = {
	{ PARENT, "traceparent", "00-" T "-" S "-01" },
	{ PARENT "tracestate: foo=1\r\nTraceState: bar=2\r\n", "tracestate",
	  "foo=1,bar=2" },
	{ "traceparent: cc-" T "-" S "-01-what-the-future\r\n", "traceparent",
	  "00-" T "-" S "-01" },
	/* None of these goes on: the order begins one of its own. */
	{ "traceparent: ff-" T "-" S "-01\r\n", "traceparent",
	  "00-01000000000000000000000000000000-0100000000000000-01" },
	{ PARENT PARENT, "traceparent",
	  "00-01000000000000000000000000000000-0100000000000000-01" },
	{ "tracestate: foo=1\r\n", "tracestate", "" },
};

START_TEST(the_trace_of_a_request_goes_on)
	{
		char fields[1024], value[HEADER_BYTES];

		(void)snprintf(fields, sizeof(fields), KEY "%s",
			       traces[_i].fields);
		assert_accepted("/orders", fields, ORDER);
		next_header(traces[_i].name, value);
		ck_assert_str_eq(value, traces[_i].value);
	}
END_TEST

START_TEST(nothing_lands_on_a_partition_that_was_not_declared)
	{
		bool used[RAISED] = { false };
		int n_used = 0;

		for (int i = 0; i < 48; i++)
			assert_accepted("/orders", "", ORDER);
		for (int i = 0; i < 48; i++) {
			struct kafka_record record = next_record();

			used[record.partition] = true;
			kafka_record_release(&record);
		}
		for (int i = 0; i < RAISED; i++) {
			ck_assert(i < TOPIC_PARTITIONS || !used[i]);
			n_used += used[i];
		}
		ck_assert_int_gt(n_used, TOPIC_PARTITIONS / 2);
	}
END_TEST

/* What is logged until the test is over. */
static void log_into(FILE *file)
{
	log_init(&(struct log_params){
		.out = file,
		.program = "storefront",
		.version = "test",
		.level = LOG_DEBUG,
	});
}

/* The first line with that id, "" when there is none. */
static const char *line_of(FILE *file, const char *id, char line[4096])
{
	rewind(file);
	while (fgets(line, 4096, file))
		if (strstr(line, id))
			return line;
	return "";
}

static const struct {
	const char *path, *body, *id, *says[5]; /* of one line */
} lines[] = {
	{ "/orders",
	  ORDER,
	  "id=ORDER-ACCEPTED",
	  { "level=info", "order E945, number ", "order=\"" ID "\"",
	    "topic=orders", "trace=\"" T "\"" } },
	{ "/restock",
	  RESTOCK,
	  "id=RESTOCK-ACCEPTED",
	  { "level=info", "restock of 1 ingredients", "topic=restocks" } },
	{ "/orders?token=secret",
	  ORDER,
	  "id=ACCESS",
	  { "level=debug", "POST /orders: 202 after " } },
};

START_TEST(what_was_accepted_and_answered_leaves_a_line)
	{
		FILE *file = tmpfile();
		char line[4096];
		const char *found;

		ck_assert_ptr_nonnull(file);
		log_into(file);
		assert_accepted(lines[_i].path, KEY PARENT, lines[_i].body);
		found = line_of(file, lines[_i].id, line);
		for (int i = 0; i < 5 && lines[_i].says[i]; i++)
			ck_assert_ptr_nonnull(strstr(found, lines[_i].says[i]));
		ck_assert_ptr_null(strstr(found, "secret"));
		/* Beyond the bound there are no lines. */
		shop.accepted_lines.a_second = 0;
		rewind(file);
		ck_assert_int_eq(ftruncate(fileno(file), 0), 0);
		assert_accepted("/orders", "", ORDER);
		ck_assert_str_eq(line_of(file, "ORDER-ACCEPTED", line), "");
		log_init(&(struct log_params){ .level = LOG_INFO });
		(void)fclose(file);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tcase = tcase_create("no broker");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_request_that_cannot_be_met_says_why, 0,
			    CHECK_N(answers));
	tcase_add_test(tcase,
		       another_order_under_a_key_that_was_used_is_a_conflict);
	tcase_add_test(tcase, while_the_broker_is_away_nobody_waits_for_it);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("with a broker");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup_declared, teardown_with_broker);
	tcase_add_test(tcase, an_order_is_accepted_when_the_broker_has_it);
	tcase_add_test(tcase, one_order_sent_twice_at_once_is_one_order);
	tcase_add_test(tcase,
		       of_two_orders_under_one_key_at_once_one_is_a_conflict);
	tcase_add_test(tcase,
		       a_request_that_waits_too_long_is_answered_how_to_go_on);
	tcase_add_loop_test(tcase,
			    a_bad_report_is_not_an_invitation_to_order_twice, 0,
			    CHECK_N(doubtful));
	tcase_add_test(tcase, what_will_not_be_reported_is_in_doubt);
	tcase_add_test(tcase, what_the_broker_refuses_is_known_not_to_be_there);
	tcase_add_test(tcase,
		       while_nothing_is_acknowledged_nobody_waits_for_it);
	tcase_add_test(tcase, more_than_may_wait_is_refused_at_once);
	tcase_add_test(tcase, more_bytes_than_may_wait_are_refused_too);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("topics");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup_raised, teardown_raised);
	tcase_add_loop_test(tcase, the_trace_of_a_request_goes_on, 0,
			    CHECK_N(traces));
	tcase_add_test(tcase,
		       nothing_lands_on_a_partition_that_was_not_declared);
	tcase_add_loop_test(tcase, what_was_accepted_and_answered_leaves_a_line,
			    0, CHECK_N(lines));
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
