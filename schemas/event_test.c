/* SPDX-License-Identifier: MIT */
/* Event: what the headers of a fact and of a command say. */
#include "schemas/event.h"

#include "schemas/fixture.h"

#define ORDER "01000000-0000-0000-0000-0000000000ff"
#define TRACE "0af7651916cd43dd8448eb211c80319c"

static struct event event;
static uint8_t body[64];

START_TEST(a_fact_about_an_order_says_where_it_came_from)
	{
		const struct order_id id = { { [0] = 1, [15] = 0xff } };
		static const struct fixture_header headers[] = {
			{ "ce_id", ORDER ".kept.3" },
			{ "ce_type", "galore.pick" },
			{ "ce_source", "/chillybin" },
			{ "traceparent", "00-" TRACE "-d5d0b91c838ba2fa-01" },
			{ "content-type", "application/msgpack" },
			{ "ce_specversion", "1.0" },
			{ "schema-version", "1" },
			{ "number", "12" },
			{ "source-position", "orders/3@1234" },
			{ "tracestate", "a=b" },
		};
		const struct fixture_header *next = headers;

		event_begin(&event, EVENT_PICK, 1, body, sizeof(body));
		event_source(&event, TEXT("/chillybin"),
			     INT64_C(1000000000000));
		event_about_order(&event, &id);
		event_id_add(&event, ".kept.");
		event_id_add_i64(&event, 3);
		event_follow(&event, TEXT("00-" TRACE "-b7ad6b7169203331-01"),
			     TEXT("a=b"));
		event_position(&event, TEXT("orders"), 3, 1234);
		event_number(&event, 12);
		ck_assert_int_eq(event.topic, TOPIC_PICKS);
		ck_assert_int_eq(event.wall_ms, INT64_C(1000000000000));
		fixture_text_eq(event.key, ORDER);
		ck_assert_int_eq(envelope_write(&event.envelope,
						fixture_next_header_is, &next),
				 0);
		ck_assert_ptr_eq(next, headers + CHECK_N(headers));
	}
END_TEST

START_TEST(a_command_about_stock_begins_a_trace)
	{
		const struct order_id id = { { [0] = 1, [15] = 0xff } };

		event_begin(&event, EVENT_STOCK_ADDED, 1, body, sizeof(body));
		event_about_stock(&event, TEXT("main"), TEXT("cheese"));
		event_id_add(&event, "x");
		event_begin_trace(&event, &id);
		ck_assert_int_eq(event.topic, TOPIC_RESTOCKS);
		fixture_text_eq(event.key, "main/cheese");
		ck_assert_ptr_null(
			event.envelope.stall.p); /* the body has it */
		fixture_text_eq(event.envelope.id, "x");
		fixture_text_eq(event.envelope.traceparent,
				"00-010000000000000000000000000000ff-"
				"00000000000000ff-01");
	}
END_TEST

START_TEST(what_came_without_a_trace_goes_on_without_one)
	{
		event_begin(&event, EVENT_PICK, 2, body, sizeof(body));
		event_follow(&event, (struct text){ NULL, 0 },
			     (struct text){ NULL, 0 });
		ck_assert_ptr_null(event.envelope.traceparent.p);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, a_fact_about_an_order_says_where_it_came_from);
	tcase_add_test(tcase, a_command_about_stock_begins_a_trace);
	tcase_add_test(tcase, what_came_without_a_trace_goes_on_without_one);
	return check_run(suite);
}
