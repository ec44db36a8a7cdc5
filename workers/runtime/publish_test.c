/* SPDX-License-Identifier: MIT */
/*
 * Publish: on librdkafka's mock cluster; what is published is read back by a
 * consumer of ours.
 */
#include "workers/runtime/publish.h"

#include <string.h>

#include "infra/lib/kafka/kafka_fixture.h"
#include "workers/runtime/batches/batch_extent.h"
#include "workers/runtime/counters.h"

#define DEADLINE_MS 15000

static struct assignment assignments[ASSIGNMENTS_MAX];
static const struct topic *const sources[] = { &topic_table[TOPIC_ORDERS] };
static struct publisher *publisher;
static struct loop *loop;
static uint64_t own_token;

static void note_own(void *arg, uint64_t token)
{
	(void)arg;
	own_token = token;
}

static void open_publisher(int64_t linger_ms)
{
	static struct topic_names names;
	struct publisher_params params = {
		.brokers = mock_brokers(),
		.client_id = "test",
		.linger_ms = linger_ms,
		.names = &names,
		.group = "chillybin.blue",
		.queue_max = 1000,
		.assignments = assignments,
		.topics = sources,
		.loop = loop,
		.delivered = note_own,
	};

	ck_assert_int_eq(topic_names_init(&names, ".x"), 0);
	ck_assert_int_eq(publisher_new(&publisher, &params), 0);
}

static void setup(void)
{
	mock_start("picks.x", TOPIC_PARTITIONS);
	ck_assert_int_eq(rd_kafka_mock_topic_create(mock, "orders.dlq.x",
						    TOPIC_PARTITIONS, 1),
			 0);
	ck_assert_int_eq(loop_new(&loop), 0);
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		assignments[i].partition = i;
	open_publisher(0);
}

static void teardown(void)
{
	publisher = publisher_free(publisher);
	loop = loop_free(loop);
	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++)
		emitted_deinit(&assignments[i].emitted);
	mock_stop();
}

static void begin_fact(struct event *event)
{
	static uint8_t body[] = { 0x80 };

	event_begin(event, EVENT_PICK, 2, body, sizeof(body));
	event->body.n = sizeof(body);
	event->key = TEXT("key");
	event->envelope.source = TEXT("/test");
	event_id_add(event, "id");
}

static void publish_n(int index, int64_t offset, int n)
{
	struct record record = { .assignment = &assignments[index] };

	record.kafka.offset = offset;
	batch_expect(&record);
	publish_begin(publisher, &record);
	for (int i = 0; i < n; i++) {
		struct event event;

		begin_fact(&event);
		publish_fact(publisher, &event);
	}
	publish_end(publisher);
}

static void deliver(void)
{
	CHECK_WITHIN(DEADLINE_MS, publisher_waiting(publisher) == 0,
		     ck_assert(publisher_poll(publisher, 50)));
}

/* So far are the facts of an assignment's records on their topics. */
static void check_emitted(int index, int64_t decided, int64_t expected)
{
	ck_assert_int_eq(emitted_offset(&assignments[index].emitted, decided),
			 expected);
}

static void wait_for_failure(void)
{
	CHECK_WITHIN(DEADLINE_MS, !publisher_poll(publisher, 50), (void)0);
	check_emitted(3, 20, 10);
}

START_TEST(a_record_is_emitted_when_all_its_facts_are_on_their_topic)
	{
		publish_n(5, 10, 0);
		check_emitted(5, 20, 20);
		publish_n(3, 10, 2);
		publish_n(40, 77, 1);
		check_emitted(3, 20, 10);
		check_emitted(40, 99, 77);
		deliver();
		check_emitted(3, 20, 20);
		check_emitted(40, 99, 99);
	}
END_TEST

START_TEST(facts_wait_for_company_until_they_are_pushed)
	{
		const int n_many = 100;

		publisher = publisher_free(publisher);
		open_publisher(600000);
		/* The first ones may come before there is a connection. */
		publish_n(3, 10, 1);
		CHECK_WITHIN(DEADLINE_MS, publisher_waiting(publisher) == 0, {
			publish_n(3, 10, 1);
			publisher_push(publisher);
			ck_assert(publisher_poll(publisher, 50));
		});
		publish_n(3, 11, n_many);
		ck_assert(publisher_poll(publisher, 50));
		ck_assert_uint_eq(publisher_waiting(publisher), n_many);
		publisher_push(publisher);
		deliver();
	}
END_TEST

START_TEST(what_was_sent_before_a_take_over_emits_nothing)
	{
		publish_n(3, 10, 1);
		emitted_forget(&assignments[3].emitted);
		(void)emitted_expect(&assignments[3].emitted, 5, 1);
		deliver();
		check_emitted(3, 20, 5);
	}
END_TEST

START_TEST(a_workers_own_fact_brings_its_token_back)
	{
		uint64_t token = (UINT64_C(1) << 63) - 1;
		struct event event;

		begin_fact(&event);
		publish_own(publisher, &event, token);
		deliver();
		ck_assert_uint_eq(own_token, token);
	}
END_TEST

START_TEST(after_a_failed_delivery_nothing_is_trusted_until_a_reset)
	{
		mock_refuse(API_PRODUCE,
			    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		publish_n(3, 10, 1);
		wait_for_failure();
		ck_assert(!publisher_poll(publisher, 0));
		ck_assert_int_eq(publisher_reset(publisher), 0);
		emitted_forget(&assignments[3].emitted);
		publish_n(3, 10, 1);
		deliver();
		check_emitted(3, 20, 20);
	}
END_TEST

/* ---- what is on the topics ---- */

static struct arena arena; /* what was read */

static void read_one(const char *topic, int32_t partition, bool any,
		     struct kafka_record *ret)
{
	const char *topics[] = { topic };
	struct kafka_in_params params = {
		.brokers = mock_brokers(),
		.client_id = "reader",
		.topics = topics,
		.n_topics = 1,
		.queue_max_kbytes = 1024,
	};
	struct kafka_partition partitions[TOPIC_PARTITIONS];
	size_t n = any ? TOPIC_PARTITIONS : 1;
	struct kafka_in *in;

	for (size_t i = 0; i < n; i++)
		partitions[i] = (struct kafka_partition){
			0, any ? (int32_t)i : partition, 0
		};
	ck_assert_int_eq(kafka_in_new(&in, &params), 0);
	ck_assert_int_eq(kafka_in_assign(in, partitions, n), 0);
	CHECK_WITHIN(DEADLINE_MS, kafka_in_poll(in, ret, 1, 50) == 1, (void)0);
	kafka_record_keep(ret, &arena);
	(void)kafka_in_free(in);
}

struct found {
	const char *name;
	int n;
	char kept[256];
};

static void keep_header(void *arg, const char *name, const void *value,
			size_t n)
{
	struct found *found = arg;

	if (strcmp(name, found->name) != 0)
		return;
	ck_assert(str_n_copy(found->kept, sizeof(found->kept), value, n));
	found->n++;
}

/* It is there once; NULL: not at all. */
static void expect_header(const struct kafka_record *record, const char *name,
			  const char *value)
{
	struct found found = { .name = name };

	kafka_record_headers(record, keep_header, &found);
	ck_assert_msg(found.n == !!value, "%d headers %s", found.n, name);
	if (value)
		ck_assert_str_eq(found.kept, value);
}

START_TEST(a_fact_is_on_its_topic_with_its_headers)
	{
		struct kafka_record record;

		publish_n(0, 1, 1);
		deliver();
		read_one("picks.x", 0, true, &record);
		CHECK_BYTES(record.key, record.n_key, "key");
		ck_assert_uint_eq(record.n_value, 1);
		expect_header(&record, "ce_type", "galore.pick");
		expect_header(&record, "ce_id", "id");
	}
END_TEST

/* Of some record: the headers of those that are given up. */
static const void *some_headers;

static void setup_dead(void)
{
	struct kafka_record record;

	setup();
	publish_n(0, 1, 1);
	deliver();
	read_one("picks.x", 0, true, &record);
	some_headers = record.headers;
}

static void teardown_dead(void)
{
	arena_deinit(&arena);
	teardown();
}

/* A record of orders/7@1234, given up; its headers are those of no record. */
static struct record dead_of(const void *value, size_t n_value)
{
	return (struct record){
		.assignment = &assignments[7],
		.kafka = { .partition = 7,
			   .offset = 1234,
			   .timestamp_ms = 1700000000000,
			   .key = "key",
			   .n_key = 3,
			   .value = value,
			   .n_value = n_value,
			   .headers = some_headers },
		.dead_detail = "nonsense",
	};
}

static void give_up(struct record *dead)
{
	batch_expect(dead);
	publish_begin(publisher, dead);
	publish_dead(publisher, dead, &topic_table[TOPIC_ORDERS]);
	publish_end(publisher);
}

/* A copy, how often the broker refuses it, and what is on the topic then; NULL:
 * nothing is. */
static const struct {
	size_t n_value;
	int n_refused;
	const char *key;
	size_t n_copied;
	const char *id, *message, *cut;
} copies[] = {
	{ 5, 0, "key", 5, "id", "nonsense", NULL },
	{ 3000000, 0, "key", 0, "id", "nonsense", "value of 3000000 bytes" },
	{ 5, 1, "", 0, NULL, NULL, "all of it: the broker refused the copy" },
	{ 5, 2, NULL, 0, NULL, NULL, NULL }, /* given up; it has a row */
};

static void check_copy(const struct kafka_record *copy, int i)
{
	ck_assert_uint_eq(copy->n_key, strlen(copies[i].key));
	if (copy->n_key)
		CHECK_BYTES(copy->key, copy->n_key, copies[i].key);
	ck_assert_uint_eq(copy->n_value, copies[i].n_copied);
	if (copy->n_value)
		ck_assert_int_eq(*(const char *)copy->value, 'v');
	if (copies[i].id)
		ck_assert_int_eq(copy->timestamp_ms, 1700000000000);
	expect_header(copy, "ce_id", copies[i].id);
	expect_header(copy, "__dlq.errors.topic", "orders");
	expect_header(copy, "__dlq.errors.partition", "7");
	expect_header(copy, "__dlq.errors.offset", "1234");
	expect_header(copy, "__dlq.errors.group", "chillybin.blue");
	expect_header(copy, "__dlq.errors.message", copies[i].message);
	expect_header(copy, "__dlq.errors.cut", copies[i].cut);
	expect_header(copy, "dead-letter-id", "orders/7@1234");
}

START_TEST(
	a_dead_letter_is_the_bytes_as_they_came_as_far_as_the_broker_takes_them)
	{
		static char large[3000000] = { 'v' };
		int64_t before = counter_get(&runtime_counters.lost_copies);
		struct record dead = dead_of(large, copies[_i].n_value);
		struct kafka_record copy;

		for (int i = 0; i < copies[_i].n_refused; i++)
			mock_refuse(API_PRODUCE,
				    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
		give_up(&dead);
		check_emitted(7, 2000, 1234);
		deliver();
		check_emitted(7, 2000, 2000);
		ck_assert_int_eq(counter_get(&runtime_counters.lost_copies),
				 before + !copies[_i].key);
		if (!copies[_i].key)
			return;
		read_one("orders.dlq.x", 7, false, &copy);
		check_copy(&copy, _i);
	}
END_TEST

START_TEST(a_fact_that_the_broker_refuses_is_never_given_up)
	{
		mock_refuse(API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
		publish_n(3, 10, 1);
		wait_for_failure();
		ck_assert_ptr_nonnull(
			strstr(publisher_trouble(publisher), "refuses a fact"));
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("publish");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_record_is_emitted_when_all_its_facts_are_on_their_topic);
	tcase_add_test(tcase, facts_wait_for_company_until_they_are_pushed);
	tcase_add_test(tcase, what_was_sent_before_a_take_over_emits_nothing);
	tcase_add_test(tcase, a_workers_own_fact_brings_its_token_back);
	tcase_add_test(tcase, after_a_failed_delivery_nothing_is_trusted_until_a_reset);
	tcase_add_test(tcase, a_fact_is_on_its_topic_with_its_headers);
	tcase_add_test(tcase, a_fact_that_the_broker_refuses_is_never_given_up);
	tcase = check_case(suite, 60);
	tcase_add_checked_fixture(tcase, setup_dead, teardown_dead);
	tcase_add_loop_test(tcase, a_dead_letter_is_the_bytes_as_they_came_as_far_as_the_broker_takes_them, 0, CHECK_N(copies));
	return check_run(suite);
}
