/* SPDX-License-Identifier: MIT */
/* Decode: bytes and headers -> inputs; what is none is poison. */
#include "workers/chillybin/decode.h"

#include <string.h>

#include "infra/lib/check_fixture.h"
#include "schemas/messages/order_cancelled.h"
#include "schemas/messages/toastie.h"
#include "workers/chillybin/chillybin.h"

#define ID "018f3a1e-7c2b-7abc-8def-0123456789ab"

static struct chillybin chillybin;
static struct batch *batch;
static struct msgpack_writer writer;
static uint8_t bytes[4096];
static struct schema_fault fault;
static struct order_placed placed; /* by put_order() */

static void setup(void)
{
	chillybin.conf.pick_v2_percent = 100;
	batch = batch_new();
	writer = (struct msgpack_writer)MSGPACK_WRITER_INIT(bytes);
}

static void teardown(void)
{
	batch = batch_free(batch);
}

/* On the topic where that type belongs; an odd one on the first. */
static int topic_for(enum event_type type)
{
	for (int i = 0; i < CHILLYBIN_TOPICS; i++)
		if (chillybin_topics[i] == event_kinds[type].topic)
			return i;
	return 0;
}

static struct record *add(enum event_type type)
{
	struct kafka_record kafka = { .partition = 3,
				      .offset = 10,
				      .key = ID,
				      .n_key = sizeof(ID) - 1,
				      .value = writer.p,
				      .n_value = writer.n };
	struct record *record = batch_add(batch, NULL, &kafka);

	record->kafka.topic = topic_for(type);
	envelope_init(&batch->envelope);
	batch->envelope.type = type;
	batch->envelope.version = event_newest(type);
	batch->envelope.id = TEXT("event-1");
	batch->envelope.source = TEXT("/test");
	batch->envelope.traceparent = TEXT("trace");
	batch->envelope.tracestate = TEXT("state");
	return record;
}

static struct input *decode(struct record *record)
{
	ck_assert_msg(!chillybin_decode(&chillybin, batch, record, &fault),
		      "%s", fault.what);
	return input_of(record);
}

static void put_order(void)
{
	static const struct item items[] = { { TEXT_INIT("cheese"), 1 },
					     { TEXT_INIT("bread"), 2 } };

	placed = (struct order_placed){ .version = 2,
					.doneness = DONENESS_LIGHT,
					.grill = true,
					.stall = TEXT("pier"),
					.customer = TEXT("gita"),
					.items = items,
					.n_items = 2 };
	ck_assert_int_eq(order_id_parse(&placed.order_id, ID, 36), 0);
	ck_assert_int_eq(order_placed_encode(&placed, 2, &writer), 0);
}

START_TEST(an_order_gets_its_number_from_where_it_stands)
	{
		const struct input *input;
		char id[ORDER_ID_CHARS + 1];

		put_order();
		input = decode(add(EVENT_ORDER_PLACED));
		ck_assert_int_eq(input->kind, INPUT_ORDER);
		ck_assert_str_eq(order_id_format(&input->own.id, id), ID);
		ck_assert_int_eq(input->own.number, 10 * TOPIC_PARTITIONS + 3);
		ck_assert_int_eq(input->own.partition, 3);
		ck_assert_int_eq(input->own.offset, 10);
		ck_assert_uint_eq(input->own.n_items, 2);
		CHECK_BYTES(input->own.stall.p, input->own.stall.n, "pier");
		CHECK_BYTES(input->own.traceparent.p, input->own.traceparent.n,
			    "trace");
		CHECK_BYTES(input->own.tracestate.p, input->own.tracestate.n,
			    "state");
		ck_assert_uint_eq(input->own.content_hash,
				  order_placed_hash(&placed));
		ck_assert(!batch->needs_load);
		/* Its items outlive the call. */
		ck_assert_ptr_ne(decode(add(EVENT_ORDER_PLACED))->own.items,
				 input->own.items);
		CHECK_BYTES(input->own.items[1].ingredient.p,
			    input->own.items[1].ingredient.n, "bread");
	}
END_TEST

/* Each is as long as may be; @c is its first character. */
static void put_long_order(char c)
{
	static char names[ORDER_ITEMS_MAX][255];
	static uint8_t large[BODY_MAX_BYTES];
	struct item items[ORDER_ITEMS_MAX];
	struct order_placed longest = { .stall = TEXT("main"),
					.items = items,
					.n_items = ORDER_ITEMS_MAX };

	for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
		memset(names[i], c, sizeof(names[i]));
		names[i][0] = (char)('0' + i);
		items[i] = (struct item){ { names[i], sizeof(names[i]) }, 1 };
	}
	writer = (struct msgpack_writer)MSGPACK_WRITER_INIT(large);
	ck_assert_int_eq(order_placed_encode(&longest, 2, &writer), 0);
}

START_TEST(an_order_of_long_names_counts_with_what_is_made_of_it)
	{
		put_order();
		(void)decode(add(EVENT_ORDER_PLACED));
		ck_assert_uint_lt(batch->n_bytes, 1024);
		batch_reset(batch);
		put_long_order('x');
		(void)decode(add(EVENT_ORDER_PLACED));
		ck_assert_uint_gt(batch->n_bytes, 8 * writer.n);
		ck_assert_uint_lt(batch->n_bytes, 12 * writer.n);
		batch_reset(batch);
		/* Of each such character a list makes three. */
		put_long_order(';');
		(void)decode(add(EVENT_ORDER_PLACED));
		ck_assert_uint_gt(batch->n_bytes, 8 * 2 * writer.n);
	}
END_TEST

static int pick_version(int64_t percent, struct record *record)
{
	chillybin.conf.pick_v2_percent = percent;
	ck_assert_int_eq(chillybin_decode(&chillybin, batch, record, &fault),
			 0);
	return input_of(record)->own.pick_version;
}

START_TEST(a_share_of_the_customers_gets_the_newest_pick)
	{
		int n_newest = 0;

		put_order();
		for (int i = 0; i < 1000; i++) {
			struct record *record = add(EVENT_ORDER_PLACED);
			char customer[16];
			int n = snprintf(customer, sizeof(customer), "c-%d", i);

			batch->envelope.customer =
				(struct text){ customer, (size_t)n };
			n_newest += pick_version(30, record) == 2;
			ck_assert_int_eq(pick_version(0, record), 1);
			ck_assert_int_eq(pick_version(100, record), 2);
		}
		ck_assert_int_gt(n_newest, 230);
		ck_assert_int_lt(n_newest, 370);
	}
END_TEST

START_TEST(a_cancellation_is_known_by_where_it_stands_and_reads_its_order)
	{
		struct order_cancelled cancelled = { .order_id = { { 7 } } };
		const struct input *input;

		ck_assert_int_eq(order_cancelled_encode(&cancelled, &writer),
				 0);
		input = decode(add(EVENT_ORDER_CANCELLED));
		ck_assert_int_eq(input->kind, INPUT_CANCELLATION);
		ck_assert_uint_eq(input->order_id.bytes[0], 7);
		CHECK_BYTES(input->position.p, input->position.n,
			    "orders/3@10");
		ck_assert(batch->needs_load);
		ck_assert_uint_ge(batch->n_bytes, 65536);
	}
END_TEST

START_TEST(a_count_is_read_before_it_is_decided_and_an_addition_is_not)
	{
		struct stock_command stock = {
			.kind = _i ? STOCK_COMMAND_COUNTED
				   : STOCK_COMMAND_ADDED,
			.stall = TEXT("main"),
			.ingredient = TEXT("cheese"),
			.quantity = 5
		};
		const struct input *input;

		ck_assert_int_eq(stock_command_encode(&stock, &writer), 0);
		input = decode(add(stock_command_type(stock.kind)));
		ck_assert_int_eq(input->kind, INPUT_STOCK);
		ck_assert_int_eq(input->stock.kind, stock.kind);
		CHECK_BYTES(input->source.p, input->source.n, "/test");
		CHECK_BYTES(input->event_id.p, input->event_id.n, "event-1");
		ck_assert(batch->needs_load == (_i == 1));
	}
END_TEST

START_TEST(an_event_without_an_identity_is_known_by_where_it_stands)
	{
		struct stock_command stock = { .stall = TEXT("main"),
					       .ingredient = TEXT("cheese"),
					       .quantity = 5 };
		const struct input *input;
		struct record *record;

		ck_assert_int_eq(stock_command_encode(&stock, &writer), 0);
		record = add(EVENT_STOCK_ADDED);
		batch->envelope.id = (struct text){ 0 };
		input = decode(record);
		CHECK_BYTES(input->source.p, input->source.n, "restocks");
		CHECK_BYTES(input->event_id.p, input->event_id.n,
			    "restocks/3@10");
	}
END_TEST

START_TEST(of_toasties_only_a_return_gives_something_back)
	{
		struct toastie toastie = { .order_id = { { 7 } },
					   .number = TOASTIE_NUMBER_NONE,
					   .plate = TOASTIE_PLATE_NONE,
					   .stall = TEXT("main"),
					   .state = (enum toastie_state)_i,
					   .at = TEXT("2026-01-02T03:04:05Z") };
		const struct input *input;

		ck_assert_int_eq(toastie_encode(&toastie, &writer), 0);
		input = decode(add(EVENT_TOASTIE));
		if (_i == TOASTIE_RETURNED) {
			ck_assert_int_eq(input->kind, INPUT_RETURN);
			ck_assert_uint_eq(input->order_id.bytes[0], 7);
			ck_assert(batch->needs_load);
			ck_assert_uint_gt(batch->n_bytes, 65536);
		} else {
			ck_assert_int_eq(input->kind, INPUT_NOTHING);
			ck_assert(!batch->needs_load);
			ck_assert_uint_lt(batch->n_bytes, 1024);
		}
	}
END_TEST

/* Each is an order but for this. */
static const struct {
	enum event_type type;
	int topic; /* which it stands on */
	int64_t offset;
	size_t cut; /* bytes that its end lacks */
	int outcome;
} poisons[] = {
	{ EVENT_PICK, 0, 10, 0, SCHEMA_E_UNKNOWN_TYPE },
	{ EVENT_ORDER_PLACED, 1, 10, 0, SCHEMA_E_UNKNOWN_TYPE },
	{ EVENT_ORDER_PLACED, 2, 10, 0, SCHEMA_E_UNKNOWN_TYPE },
	{ EVENT_ORDER_PLACED, 0, INT64_MAX, 0, SCHEMA_E_CONTRACT },
	{ EVENT_ORDER_PLACED, 0, 10, 1, SCHEMA_E_MALFORMED },
	{ EVENT_ORDER_PLACED, 0, 10, SIZE_MAX, SCHEMA_E_MALFORMED },
};

START_TEST(another_type_or_topic_and_nonsense_are_poison)
	{
		struct record *record;

		put_order();
		record = add(poisons[_i].type);
		record->kafka.topic = poisons[_i].topic;
		record->kafka.offset = poisons[_i].offset;
		record->kafka.n_value -= poisons[_i].cut == SIZE_MAX
						 ? record->kafka.n_value
						 : poisons[_i].cut;
		if (!record->kafka.n_value)
			record->kafka.value = NULL;
		ck_assert_int_eq(
			chillybin_decode(&chillybin, batch, record, &fault),
			poisons[_i].outcome);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decode");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_order_gets_its_number_from_where_it_stands);
	tcase_add_test(tcase,
		       an_order_of_long_names_counts_with_what_is_made_of_it);
	tcase_add_test(tcase, a_share_of_the_customers_gets_the_newest_pick);
	tcase_add_test(
		tcase,
		a_cancellation_is_known_by_where_it_stands_and_reads_its_order);
	tcase_add_loop_test(
		tcase,
		a_count_is_read_before_it_is_decided_and_an_addition_is_not, 0,
		2);
	tcase_add_test(
		tcase,
		an_event_without_an_identity_is_known_by_where_it_stands);
	tcase_add_loop_test(tcase,
			    of_toasties_only_a_return_gives_something_back, 0,
			    N_TOASTIE_STATES);
	tcase_add_loop_test(tcase,
			    another_type_or_topic_and_nonsense_are_poison, 0,
			    CHECK_N(poisons));
	return check_run(suite);
}
