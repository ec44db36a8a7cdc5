/* SPDX-License-Identifier: MIT */
/* Kafka out: what a delivery report says, and what a reset forgets. */
#include "infra/lib/kafka/kafka_out.h"

#include <string.h>

#include "infra/lib/kafka/kafka_fixture.h"
#include "infra/lib/kafka/kafka_in.h"
#include "infra/lib/text/str.h"

#define DEADLINE_MS 15000
#define N_MANY 500

static struct kafka_out *out;
static struct loop *loop;

/* What was reported, by the number that was sent as the opaque. */
static struct {
	size_t n, n_delivered;
	int64_t offsets[N_MANY + 1];
	int32_t partition;
} reports;

static void on_report(void *arg, const struct kafka_report *report)
{
	(void)arg;
	reports.n++;
	if (!report->delivered) {
		ck_assert_ptr_nonnull(report->error);
		return;
	}
	reports.n_delivered++;
	reports.partition = report->partition;
	reports.offsets[(uintptr_t)report->opaque] = report->offset;
}

static struct kafka_out *open_out(int32_t partitions_max)
{
	const struct kafka_out_params params = {
		.brokers = mock_brokers(),
		.client_id = "test",
		.queue_max = N_MANY,
		.partitions_max = partitions_max,
		.report = on_report,
		.loop = loop,
	};
	struct kafka_out *opened;

	ck_assert_int_eq(kafka_out_new(&opened, &params), 0);
	return opened;
}

static void setup(void)
{
	mock_start("facts", 4);
	ck_assert_int_eq(loop_new(&loop), 0);
	out = open_out(0);
}

static void teardown(void)
{
	out = kafka_out_free(out);
	loop = loop_free(loop);
	mock_stop();
}

static int send_one(const char *key, uintptr_t opaque)
{
	struct kafka_message *message = kafka_out_message(out, "facts");
	struct kafka_body body = {
		.key = key,
		.n_key = strlen(key),
		.value = "value",
		.n_value = 5,
	};

	(void)kafka_message_header(message, "name", "value", 5);
	(void)kafka_message_header(message, "none", NULL, 0);
	return kafka_out_send(message, &body, (void *)opaque);
}

static void send_many(const char *key, uintptr_t n)
{
	for (uintptr_t i = 0; i < n; i++)
		ck_assert_int_eq(send_one(key, i), 0);
}

static void flush(void)
{
	ck_assert(kafka_out_flush(out, DEADLINE_MS));
}

static void wait_for_report(void)
{
	CHECK_WITHIN(DEADLINE_MS, reports.n == 1,
		     (void)kafka_out_poll(out, 50));
}

/* Each message with its headers: one word each, without '=' it has no value. */
static const char *const headers_sent[] = {
	"type=pick id=1 place=10 ", /* what is kept of it serves the next */
	"type=pick id=2 place=11 ",
	"type=pick id=3 place=9 ",
	"type=pick id=4 place=9 ",
	"type=line ",
	"",
	"type=pick id=5 place=12 state=on ",
	"type=pick type=twice id=6 ",
	"type=pick id= place= ",
	"type=pick id place=12 ",
	"type=pick id=7 place=12 ",
	"type=pick at=8 place=12 ",
	"type=pick a-name-of-more-than-thirty-two-bytes=9 place=12 ",
	"type=pick a-name-of-more-than-thirty-two-bytes=1 place=13 ",
	"a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1 j=1 k=1 l=1 m=1 n=1 o=1 p=1 q=1 ",
	"a=2 b=2 ",
};
enum { N_HEADERS_SENT = sizeof(headers_sent) / sizeof(headers_sent[0]) };

static void send_headers(struct text words)
{
	struct kafka_message *message = kafka_out_message(out, "facts");

	kafka_message_partition(message, 0);
	while (words.n) {
		struct text value = text_cut(&words, ' ');
		struct text name = text_cut(&value, '=');
		char bytes[64];

		(void)snprintf(bytes, sizeof(bytes), "%.*s", (int)name.n,
			       name.p);
		if (value.p == name.p + name.n)
			value.p = NULL;
		(void)kafka_message_header(message, bytes, value.p, value.n);
	}
	ck_assert_int_eq(
		kafka_out_send(message, &(struct kafka_body){ 0 }, NULL), 0);
}

static void check_headers(const struct kafka_record *record, const char *sent)
{
	char words[256];
	struct str str = STR_INIT(words);
	const char *name;
	const void *value;
	size_t n;

	words[0] = '\0';
	for (size_t i = 0; kafka_record_header(record, i, &name, &value, &n);
	     i++) {
		str_add(&str, name, strlen(name));
		if (value) {
			str_add(&str, "=", 1);
			str_add(&str, value, n);
		}
		str_add(&str, " ", 1);
	}
	ck_assert_str_eq(words, sent);
}

/* Headers of a message that was reported are written over. */
START_TEST(a_message_has_its_own_headers_and_none_of_an_earlier_one)
	{
		static const char *const topics[] = { "facts" };
		const struct kafka_in_params params = { .brokers =
								mock_brokers(),
							.client_id = "reader",
							.topics = topics,
							.n_topics = 1,
							.queue_max_kbytes =
								1024 };
		struct kafka_record record;
		struct kafka_in *in;

		for (size_t i = 0; i < N_HEADERS_SENT; i++) {
			send_headers(text_of(headers_sent[i]));
			if (i == 5)
				kafka_out_trim(out);
			/* Two are under way at times. */
			if (i % 4)
				flush();
		}
		flush();
		ck_assert_int_eq(kafka_in_new(&in, &params), 0);
		ck_assert_int_eq(
			kafka_in_assign(in, &(struct kafka_partition){ 0 }, 1),
			0);
		for (size_t i = 0; i < N_HEADERS_SENT; i++) {
			size_t n = 0;

			CHECK_WITHIN(DEADLINE_MS, n == 1,
				     n = kafka_in_poll(in, &record, 1, 50));
			check_headers(&record, headers_sent[i]);
			kafka_record_release(&record);
		}
		(void)kafka_in_free(in);
	}
END_TEST

START_TEST(what_waits_counts_with_its_headers)
	{
		static const char large[100000];
		struct kafka_message *message = kafka_out_message(out, "facts");
		size_t waiting;

		for (int i = 0; i < 5; i++)
			(void)kafka_message_header(message, "x", large,
						   sizeof(large));
		ck_assert_uint_gt(kafka_message_bytes(message), 500000);
		ck_assert_int_eq(kafka_out_send(message,
						&(struct kafka_body){ 0 },
						NULL),
				 0);
		waiting = kafka_out_waiting_bytes(out);
		ck_assert_uint_gt(waiting, 500000);
		ck_assert_int_eq(send_one("a", 1), 0);
		ck_assert_uint_lt(kafka_out_waiting_bytes(out),
				  waiting + 10000);
		flush();
		ck_assert_uint_eq(kafka_out_waiting_bytes(out), 0);
	}
END_TEST

START_TEST(a_message_that_is_on_its_topic_is_reported_with_its_place)
	{
		ck_assert_int_eq(send_one("a", 1), 0);
		ck_assert_uint_eq(kafka_out_waiting(out), 1);
		ck_assert_uint_ge(kafka_out_waiting_bytes(out), 1 + 5);
		CHECK_WITHIN(DEADLINE_MS, reports.n == 1, {
			loop_wait(loop, DEADLINE_MS); /* the report wakes it */
			(void)kafka_out_poll(out, 0);
		});
		ck_assert_uint_eq(reports.n_delivered, 1);
		ck_assert_int_eq(reports.offsets[1], 0);
		ck_assert_uint_eq(kafka_out_waiting(out), 0);
		ck_assert_uint_eq(kafka_out_waiting_bytes(out), 0);
		ck_assert(!kafka_out_fatal(out));
		ck_assert(!kafka_out_away(out));
	}
END_TEST

/* The brokers ask to try again, or they do not. */
START_TEST(messages_of_one_key_stand_in_the_order_in_which_they_were_sent)
	{
		const int n = _i ? 20 : N_MANY;

		if (_i)
			rd_kafka_mock_push_request_errors(
				mock, API_PRODUCE, 3,
				RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
				RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
				RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
		send_many("same", (uintptr_t)n);
		flush();
		ck_assert_uint_eq(reports.n_delivered, (size_t)n);
		for (int i = 0; i < n; i++)
			ck_assert_int_eq(reports.offsets[i], i);
	}
END_TEST

START_TEST(a_partition_that_is_named_is_the_one)
	{
		const struct kafka_body body = { 0 };

		for (int32_t partition = 0; partition < 4; partition++) {
			struct kafka_message *message =
				kafka_out_message(out, "facts");

			kafka_message_partition(message, partition);
			ck_assert(!kafka_out_send(message, &body, NULL));
			flush();
			ck_assert_int_eq(reports.partition, partition);
		}
	}
END_TEST

/* Where a message of @key lands on @topic; NULL: one without a key. */
static int32_t partition_of(struct kafka_out *by, const char *topic,
			    const char *key)
{
	const struct kafka_body body = {
		.key = key,
		.n_key = key ? strlen(key) : 0,
	};

	ck_assert_int_eq(
		kafka_out_send(kafka_out_message(by, topic), &body, NULL), 0);
	ck_assert(kafka_out_flush(by, DEADLINE_MS));
	return reports.partition;
}

START_TEST(partitions_beyond_the_declared_ones_get_nothing_and_keys_stay)
	{
		struct kafka_out *bounded = open_out(4);
		bool used[4] = { false };
		char key[16];

		ck_assert_int_eq(
			rd_kafka_mock_topic_create(mock, "raised", 7, 1), 0);
		for (int i = 0; i < 64; i++) {
			int32_t partition;

			(void)snprintf(key, sizeof(key), "order-%d", i);
			partition = partition_of(bounded, "raised", key);
			/* As any client of Kafka does it with four. */
			ck_assert_int_eq(partition,
					 partition_of(out, "facts", key));
			used[partition] = true;
			ck_assert_int_lt(partition_of(bounded, "raised", NULL),
					 4);
		}
		for (int i = 0; i < 4; i++)
			ck_assert(used[i]);
		/* Kafka's own vectors: 479470107 and -973932308. */
		ck_assert_int_eq(partition_of(bounded, "raised", "abc"), 3);
		ck_assert_int_eq(partition_of(bounded, "raised", "21"), 0);
		(void)kafka_out_free(bounded);
	}
END_TEST

START_TEST(a_refusal_of_the_broker_is_reported_with_an_error)
	{
		mock_refuse(API_PRODUCE,
			    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		ck_assert_int_eq(send_one("a", 1), 0);
		wait_for_report();
		ck_assert_uint_eq(reports.n_delivered, 0);
	}
END_TEST

START_TEST(a_message_that_is_too_large_is_refused_at_once)
	{
		struct kafka_message *message = kafka_out_message(out, "facts");
		char *large = xcalloc(1, 4000000);
		struct kafka_body body = { .value = large, .n_value = 4000000 };

		ck_assert_int_eq(kafka_out_send(message, &body, NULL),
				 KAFKA_OUT_E_REFUSED);
		ck_assert_uint_eq(kafka_out_waiting(out), 0);
		free(large);
		ck_assert_int_eq(send_one("next", 1), 0);
		flush();
	}
END_TEST

START_TEST(a_full_queue_is_an_outcome_and_sends_nothing)
	{
		int r = 0;

		rd_kafka_mock_broker_set_down(mock, 1);
		for (uintptr_t i = 0; !r && i <= N_MANY; i++)
			r = send_one("a", i);
		ck_assert_int_eq(r, KAFKA_OUT_E_FULL);
		ck_assert_uint_eq(kafka_out_waiting(out), N_MANY);
		ck_assert(!kafka_out_flush(out, 20));
		rd_kafka_mock_broker_set_up(mock, 1);
		flush();
		ck_assert_uint_eq(reports.n_delivered, N_MANY);
	}
END_TEST

START_TEST(a_reset_drops_what_waits_and_never_reports_it)
	{
		rd_kafka_mock_broker_set_down(mock, 1);
		send_many("old", 10);
		ck_assert_int_eq(kafka_out_reset(out), 0);
		ck_assert_uint_eq(kafka_out_waiting(out), 0);
		rd_kafka_mock_broker_set_up(mock, 1);
		ck_assert_int_eq(send_one("new", 1), 0);
		flush();
		ck_assert_uint_eq(reports.n, 1);
		ck_assert_int_eq(reports.offsets[1], 0);
	}
END_TEST

START_TEST(brokers_that_are_gone_are_known_and_so_is_their_return)
	{
		ck_assert_int_eq(send_one("a", 1), 0);
		flush();
		rd_kafka_mock_broker_set_down(mock, 1);
		CHECK_WITHIN(DEADLINE_MS, kafka_out_away(out),
			     (void)kafka_out_poll(out, 50));
		rd_kafka_mock_broker_set_up(mock, 1);
		CHECK_WITHIN(DEADLINE_MS, !kafka_out_away(out),
			     (void)kafka_out_poll(out, 50));
		ck_assert_int_eq(send_one("b", 2), 0);
		flush();
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("kafka_out");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_message_that_is_on_its_topic_is_reported_with_its_place);
	tcase_add_loop_test(tcase, messages_of_one_key_stand_in_the_order_in_which_they_were_sent, 0, 2);
	tcase_add_test(tcase, a_partition_that_is_named_is_the_one);
	tcase_add_test(tcase, a_message_has_its_own_headers_and_none_of_an_earlier_one);
	tcase_add_test(tcase, what_waits_counts_with_its_headers);
	tcase_add_test(tcase, partitions_beyond_the_declared_ones_get_nothing_and_keys_stay);
	tcase_add_test(tcase, a_refusal_of_the_broker_is_reported_with_an_error);
	tcase_add_test(tcase, a_message_that_is_too_large_is_refused_at_once);
	tcase_add_test(tcase, a_full_queue_is_an_outcome_and_sends_nothing);
	tcase_add_test(tcase, a_reset_drops_what_waits_and_never_reports_it);
	tcase_add_test(tcase, brokers_that_are_gone_are_known_and_so_is_their_return);
	return check_run(suite);
}
