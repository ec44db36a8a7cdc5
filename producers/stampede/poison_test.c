/* SPDX-License-Identifier: MIT */
/* Poison: no sort of it can be taken for an order, each for its reason. */
#include <check.h>

#include "infra/lib/check_fixture.h"
#include "producers/stampede/orders.h"
#include "producers/stampede/poison.h"

static const int outcomes[N_POISONS] = {
	[POISON_NOT_MSGPACK] = SCHEMA_E_MALFORMED,
	[POISON_TRUNCATED] = SCHEMA_E_MALFORMED,
	[POISON_CONTRACT] = SCHEMA_E_CONTRACT,
	[POISON_HUGE_COUNT] = SCHEMA_E_MALFORMED,
	[POISON_UNKNOWN_VERSION] = SCHEMA_E_UNKNOWN_VERSION,
	[POISON_UNKNOWN_TYPE] = SCHEMA_E_UNKNOWN_TYPE,
};

struct headers {
	enum poison poison;
	struct envelope read;
};

/* What it is given lives as long as the envelope that is written. */
static int read_back(void *arg, const char *name, const char *value, size_t n)
{
	struct headers *headers = arg;
	const char *other = poison_header(headers->poison, name);
	static char room[32][128];
	static size_t n_rooms;
	char *copy = room[n_rooms++ % 32];

	ck_assert_uint_lt(n, sizeof(room[0]));
	memcpy(copy, value, n);
	if (other)
		envelope_read(&headers->read, name, other, strlen(other));
	else
		envelope_read(&headers->read, name, copy, n);
	return 0;
}

static int read_order(const struct envelope *envelope,
		      const struct msgpack_writer *writer)
{
	struct item items[ORDER_ITEMS_MAX];
	struct schema_fault fault;
	struct order_placed read;

	return order_placed_decode(&read, items, envelope, writer->p, writer->n,
				   &fault);
}

START_TEST(each_sort_is_refused_for_its_own_reason)
	{
		struct headers headers = { .poison = (enum poison)_i };
		uint8_t bytes[4096];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
		struct envelope envelope;
		struct schema_fault fault;
		struct made_order made;
		struct orders orders;
		struct conf conf;
		int r;

		ck_assert_int_eq(conf_load(&stampede_conf, &conf), 0);
		ck_assert_int_eq(orders_init(&orders, &conf, 7), 0);
		orders_make(&orders, 1, &made);
		ck_assert_int_eq(order_placed_encode(&made.order, 2, &writer),
				 0);
		poison_body(headers.poison, &writer);
		envelope_init(&envelope);
		envelope.type = EVENT_ORDER_PLACED;
		envelope.version = 2;
		envelope.id = TEXT("an id");
		envelope.source = TEXT("/stampede");
		envelope_init(&headers.read);
		ck_assert_int_eq(envelope_write(&envelope, read_back, &headers),
				 0);
		r = envelope_check(&headers.read, &fault);
		if (!r)
			r = read_order(&headers.read, &writer);
		ck_assert_int_eq(r, outcomes[_i]);
		orders_deinit(&orders);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("poison");
	TCase *tcase = check_case(suite, 60);

	tcase_add_loop_test(tcase, each_sort_is_refused_for_its_own_reason, 0,
			    N_POISONS);
	return check_run(suite);
}
