/* SPDX-License-Identifier: MIT */
/*
 * Order cancelled: the body, and what its headers say.
 */
#include "schemas/order_cancelled.h"

#include <errno.h>

#include "schemas/fixture.h"

#define ID "'order_id':'018f3a1e-7c2b-7abc-8def-0123456789ab'"

static struct fixture fixture;

static int decode(struct order_cancelled *ret, const struct envelope *envelope,
		  const char *json, struct schema_fault *fault)
{
	fixture_body(&fixture, json);
	return order_cancelled_decode(ret, envelope, fixture.bytes,
				      fixture.writer.n, fault);
}

START_TEST(stall_and_customer_come_from_the_headers)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_CANCELLED, 1);
		struct order_cancelled cancelled;

		ck_assert_int_eq(
			decode(&cancelled, &envelope, "{" ID "}", NULL), 0);
		fixture_text_eq(cancelled.stall, "main");
		ck_assert_uint_eq(cancelled.customer.n, 0);
		ck_assert_uint_eq(cancelled.reason.n, 0);
		envelope.stall = TEXT("north");
		envelope.customer = TEXT("gita");
		ck_assert_int_eq(decode(&cancelled, &envelope,
					"{" ID ",'reason':'too late','x':1}",
					NULL),
				 0);
		fixture_text_eq(cancelled.stall, "north");
		fixture_text_eq(cancelled.customer, "gita");
		fixture_text_eq(cancelled.reason, "too late");
	}
END_TEST

START_TEST(what_is_written_is_read)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_CANCELLED, 1);
		struct order_cancelled written = { .order_id = { { 9, 8 } } },
				       read;
		uint8_t bytes[80];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		written.reason = _i ? TEXT("hungry no more") : TEXT("");
		ck_assert_int_eq(order_cancelled_encode(&written, &writer), 0);
		ck_assert_int_eq(order_cancelled_decode(&read, &envelope, bytes,
							writer.n, NULL),
				 0);
		ck_assert_int_eq(
			order_id_compare(&read.order_id, &written.order_id), 0);
		ck_assert(text_equal(read.reason, written.reason));
		ck_assert_int_eq(order_cancelled_encode(&written, &writer),
				 -ENOBUFS);
	}
END_TEST

static const struct {
	const char *json, *what;
} refused[] = {
	{ "7", "the body must be a map" },
	{ "{}", "order_id must be a UUID in text" },
	{ "{" ID ",'reason':7}",
	  "reason must be a text of at most 255 characters" },
};

START_TEST(what_breaks_the_contract_is_named)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_CANCELLED, 1);
		struct order_cancelled cancelled;
		struct schema_fault fault;

		ck_assert_int_eq(
			decode(&cancelled, &envelope, refused[_i].json, &fault),
			SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		ck_assert_int_eq(order_cancelled_decode(&cancelled, &envelope,
							"", 0, &fault),
				 SCHEMA_E_MALFORMED);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_cancelled");
	TCase *tcase = tcase_create("order_cancelled");

	tcase_add_test(tcase, stall_and_customer_come_from_the_headers);
	tcase_add_loop_test(tcase, what_is_written_is_read, 0, 2);
	tcase_add_loop_test(tcase, what_breaks_the_contract_is_named, 0,
			    CHECK_N(refused));
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
