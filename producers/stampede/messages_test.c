/* SPDX-License-Identifier: MIT */
/* Messages: what arrives, as a worker reads it. The broker is a mock. */
#include "producers/stampede/messages.h"

#include "infra/lib/kafka/kafka_fixture.h"
#include "infra/lib/kafka/kafka_in.h"
#include "schemas/envelope.h"
#include "schemas/messages/stock_command.h"
#include "schemas/trace.h"

enum { WAIT_MS = 20000 };

static struct conf conf;
static struct orders orders;
static struct messages messages;
static struct kafka_out *out;
static struct kafka_in *in;
static struct kafka_record record;
static struct envelope envelope;
static struct item items[ORDER_ITEMS_MAX];

static void on_report(void *arg, const struct kafka_report *report)
{
	(void)arg;
	ck_assert(report->delivered);
}

static void open_clients(void)
{
	static const char *const topics[] = { "orders", "restocks" };
	static const struct kafka_partition partitions[] = { { 0, 0, 0 },
							     { 1, 0, 0 } };
	const struct kafka_out_params out_params = {
		.brokers = mock_brokers(),
		.client_id = "test",
		.queue_max = 100,
		.report = on_report,
	};
	const struct kafka_in_params in_params = {
		.brokers = mock_brokers(),
		.client_id = "test",
		.topics = topics,
		.n_topics = 2,
		.queue_max_kbytes = 1024,
	};

	ck_assert_int_eq(kafka_out_new(&out, &out_params), 0);
	ck_assert_int_eq(kafka_in_new(&in, &in_params), 0);
	ck_assert_int_eq(kafka_in_assign(in, partitions, 2), 0);
}

static void setup(void)
{
	ck_assert_int_eq(conf_load(&stampede_conf, &conf), 0);
	conf.restock = 50;
	conf.v1_percent = 50;
	ck_assert_int_eq(orders_init(&orders, &conf, 7), 0);
	ck_assert_int_eq(messages_init(&messages, &conf, &orders), 0);
	mock_start("orders", 1);
	ck_assert_int_eq(rd_kafka_mock_topic_create(mock, "restocks", 1, 1), 0);
	open_clients();
}

static void teardown(void)
{
	out = kafka_out_free(out);
	in = kafka_in_free(in);
	mock_stop();
	orders_deinit(&orders);
}

/* Sends it, and reads what has arrived into @record and @envelope. */
static void send_and_read(struct sent *sent)
{
	const char *name;
	const void *value;
	size_t n;

	ck_assert_int_eq(messages_send(&messages, out, sent), 0);
	ck_assert(kafka_out_flush(out, WAIT_MS));
	CHECK_WITHIN(WAIT_MS, kafka_in_poll(in, &record, 1, 100) == 1, );
	envelope_init(&envelope);
	for (size_t i = 0; kafka_record_header(&record, i, &name, &value, &n);
	     i++)
		envelope_read(&envelope, name, value, n);
}

static int read_order(struct order_placed *ret)
{
	struct schema_fault fault;
	int r = envelope_check(&envelope, &fault);

	return r ? r
		 : order_placed_decode(ret, items, &envelope, record.value,
				       record.n_value, &fault);
}

START_TEST(an_order_and_its_duplicate_say_the_same)
	{
		struct sent sent = { 0 };
		struct order_placed read;
		uint64_t hash;
		int n_v1 = 0;

		for (sent.step.index = 0; sent.step.index < 20;
		     sent.step.index++) {
			sent.step.kind = SENT_ORDER;
			send_and_read(&sent);
			ck_assert_int_eq(read_order(&read), 0);
			ck_assert_int_eq(envelope.version, sent.version);
			ck_assert(envelope.traceparent.n == TRACE_BYTES - 1);
			hash = order_placed_hash(&read);
			n_v1 += sent.version == 1;
			kafka_record_release(&record);
			sent.step.kind = SENT_DUPLICATE;
			send_and_read(&sent);
			ck_assert_int_eq(read_order(&read), 0);
			ck_assert_uint_eq(order_placed_hash(&read), hash);
			kafka_record_release(&record);
		}
		ck_assert_int_gt(n_v1, 0);
		ck_assert_int_lt(n_v1, 20);
	}
END_TEST

static const int outcomes[N_POISONS] = {
	[POISON_NOT_MSGPACK] = SCHEMA_E_MALFORMED,
	[POISON_TRUNCATED] = SCHEMA_E_MALFORMED,
	[POISON_CONTRACT] = SCHEMA_E_CONTRACT,
	[POISON_HUGE_COUNT] = SCHEMA_E_MALFORMED,
	[POISON_UNKNOWN_VERSION] = SCHEMA_E_UNKNOWN_VERSION,
	[POISON_UNKNOWN_TYPE] = SCHEMA_E_UNKNOWN_TYPE,
};

START_TEST(each_sort_of_poison_is_refused_for_its_own_reason)
	{
		struct sent sent = { .step = { SENT_POISON, (enum poison)_i,
					       0 },
				     .version = 1 };
		const struct order_id poison = orders_poison_id(&orders, 0);
		char id[ORDER_ID_CHARS + 1];
		struct order_placed read;

		send_and_read(&sent);
		ck_assert(text_equal(envelope.id,
				     text_of(order_id_format(&poison, id))));
		ck_assert_int_eq(read_order(&read), outcomes[_i]);
		ck_assert_int_eq(sent.version, 0);
		kafka_record_release(&record);
	}
END_TEST

START_TEST(a_restock_adds_to_its_stall)
	{
		struct sent sent = { .step = { .kind = SENT_RESTOCK,
					       .index = 1 },
				     .version = 1 };
		struct stock_command read;
		struct schema_fault fault;

		send_and_read(&sent);
		ck_assert_int_eq(record.topic, 1);
		ck_assert_int_eq(envelope_check(&envelope, &fault), 0);
		ck_assert_int_eq(stock_command_decode(&read, &envelope,
						      record.value,
						      record.n_value, &fault),
				 0);
		ck_assert(text_equal(read.stall, TEXT("main")));
		ck_assert(text_equal(read.ingredient, ingredient_names[1]));
		ck_assert_int_eq(read.quantity, 50);
		ck_assert_int_eq(sent.version, 0);
		kafka_record_release(&record);
	}
END_TEST

START_TEST(a_suffix_that_makes_a_name_too_long_is_refused)
	{
		static char suffix[250];
		struct messages made;

		memset(suffix, 'x', sizeof(suffix) - 1);
		conf.topic_suffix = suffix;
		ck_assert_int_eq(messages_init(&made, &conf, &orders),
				 MESSAGES_E_SETTING);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("messages");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_order_and_its_duplicate_say_the_same);
	tcase_add_loop_test(tcase,
			    each_sort_of_poison_is_refused_for_its_own_reason,
			    0, N_POISONS);
	tcase_add_test(tcase, a_restock_adds_to_its_stall);
	tcase_add_test(tcase, a_suffix_that_makes_a_name_too_long_is_refused);
	return check_run(suite);
}
