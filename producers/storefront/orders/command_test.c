/* SPDX-License-Identifier: MIT */
/*
 * Command: what stands on the topics after a request: whose trace, which id,
 * which partition.
 */
#include "producers/storefront/orders/command.h"

#include <stdio.h>

#include "infra/lib/kafka_in.h"
#include "producers/storefront/orders/shop_fixture.h"

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

	mock_start("orders", RAISED);
	ck_assert_int_eq(
		rd_kafka_mock_topic_create(mock, "restocks", RAISED, 1), 0);
	open_all(mock_brokers());
	conf.publish_timeout_ms = 60000;
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
	struct buf heard = { 0 };

	post(&heard, path, fields, body);
	ck_assert_msg(strstr(heard.p, "HTTP/1.1 202 "), "%s", heard.p);
	ck_assert_ptr_null(strstr(heard.p, "\"number\":null"));
	ck_assert_ptr_null(strstr(heard.p, "\"number\":-"));
	buf_deinit(&heard);
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

static const struct {
	const char *path, *body, *one, *other;
} keys[] = {
	{ "/orders", ORDER, "k 1", "\"k 1\"" },
	{ "/restock", RESTOCK, "k 1", "\"k 1\"" },
	{ "/orders", ORDER, "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	  "6BA7B810-9DAD-11D1-80B4-00C04FD430C8" },
	{ "/restock", RESTOCK, "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	  "\"6BA7B810-9DAD-11D1-80B4-00C04FD430C8\"" },
};

START_TEST(one_key_in_two_spellings_is_one_event)
	{
		char fields[256], one[HEADER_BYTES], other[HEADER_BYTES];

		(void)snprintf(fields, sizeof(fields),
			       "Idempotency-Key: %s\r\n", keys[_i].one);
		assert_accepted(keys[_i].path, fields, keys[_i].body);
		next_header("ce_id", one);
		(void)snprintf(fields, sizeof(fields),
			       "Idempotency-Key: %s\r\n", keys[_i].other);
		assert_accepted(keys[_i].path, fields, keys[_i].body);
		next_header("ce_id", other);
		ck_assert_str_ne(one, "");
		ck_assert_str_eq(one, other);
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

START_TEST(what_was_accepted_leaves_a_line_with_order_number_and_trace)
	{
		FILE *file = tmpfile();
		char line[4096];
		const char *found;

		ck_assert_ptr_nonnull(file);
		log_into(file);
		assert_accepted("/orders", KEY PARENT, ORDER);
		found = line_of(file, "id=ORDER-ACCEPTED", line);
		ck_assert_ptr_nonnull(strstr(found, "level=info"));
		ck_assert_ptr_nonnull(strstr(found, "order E945, number "));
		ck_assert_ptr_nonnull(strstr(found, "order=\"" ID "\""));
		ck_assert_ptr_nonnull(strstr(found, "topic=orders"));
		ck_assert_ptr_nonnull(strstr(found, "trace=\"" T "\""));
		assert_accepted("/restock", "", RESTOCK);
		found = line_of(file, "id=RESTOCK-ACCEPTED", line);
		ck_assert_ptr_nonnull(
			strstr(found, "restock of 1 ingredients"));
		log_init(&(struct log_params){ .level = LOG_INFO });
		(void)fclose(file);
	}
END_TEST

START_TEST(beyond_the_bound_there_are_no_lines)
	{
		FILE *file = tmpfile();
		char line[4096];

		ck_assert_ptr_nonnull(file);
		log_into(file);
		shop.command_lines.a_second = 0;
		assert_accepted("/orders", "", ORDER);
		ck_assert_str_eq(line_of(file, "ORDER-ACCEPTED", line), "");
		log_init(&(struct log_params){ .level = LOG_INFO });
		(void)fclose(file);
	}
END_TEST

START_TEST(an_answer_leaves_a_line_without_what_its_query_said)
	{
		FILE *file = tmpfile();
		char line[4096];
		const char *found;

		ck_assert_ptr_nonnull(file);
		log_into(file);
		assert_accepted("/orders?token=secret", KEY, ORDER);
		found = line_of(file, "id=ACCESS", line);
		ck_assert_ptr_nonnull(strstr(found, "level=debug"));
		ck_assert_ptr_nonnull(
			strstr(found, "POST /orders: 202 after "));
		ck_assert_ptr_null(strstr(found, "secret"));
		log_init(&(struct log_params){ .level = LOG_INFO });
		(void)fclose(file);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup_raised, teardown_raised);
	tcase_add_loop_test(tcase, the_trace_of_a_request_goes_on, 0,
			    CHECK_N(traces));
	tcase_add_loop_test(tcase, one_key_in_two_spellings_is_one_event, 0,
			    CHECK_N(keys));
	tcase_add_test(tcase,
		       nothing_lands_on_a_partition_that_was_not_declared);
	tcase_add_test(
		tcase,
		what_was_accepted_leaves_a_line_with_order_number_and_trace);
	tcase_add_test(tcase, beyond_the_bound_there_are_no_lines);
	tcase_add_test(tcase,
		       an_answer_leaves_a_line_without_what_its_query_said);
	return check_run(suite);
}
