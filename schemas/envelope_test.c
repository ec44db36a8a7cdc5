/* SPDX-License-Identifier: MIT */
/*
 * Envelope: every header both ways, what is mandatory, what is refused.
 */
#include "schemas/envelope.h"

#include <signal.h>

#include "schemas/fixture.h"

/* In the order of writing. */
static const struct fixture_header all[] = {
	{ "seq", "7" },
	{ "ce_id", "id-1" },
	{ "ce_type", "galore.pick" },
	{ "ce_source", "/chillybin" },
	{ "traceparent",
	  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
	{ "content-type", "application/msgpack" },
	{ "ce_specversion", "1.0" },
	{ "schema-version", "1" },
	{ "verdict", "refused" },
	{ "reason", "out of stock" },
	{ "stall", "main" },
	{ "grill", "true" },
	{ "number", "123" },
	{ "missing", "cheese=1/0" },
	{ "source-position", "orders/3@1234" },
	{ "customer", "gita" },
	{ "tracestate", "a=b" },
};

static void read_header(struct envelope *envelope, const char *name,
			const char *value)
{
	envelope_read(envelope, name, value, value ? strlen(value) : 0);
}

/* All of them, but @name with @value, or without it when that is NULL. */
static void read_with(struct envelope *envelope, const char *name,
		      const char *value)
{
	envelope_init(envelope);
	for (int i = 0; i < CHECK_N(all); i++)
		read_header(envelope, all[i].name,
			    strcmp(all[i].name, name) == 0 ? value
							   : all[i].value);
}

START_TEST(what_is_read_is_written)
	{
		const struct fixture_header *next = all;
		struct envelope envelope;

		read_with(&envelope, "", NULL);
		ck_assert_int_eq(envelope_check(&envelope, NULL), 0);
		ck_assert_int_eq(envelope.type, EVENT_PICK);
		ck_assert_int_eq(envelope.version, 1);
		ck_assert_int_eq(envelope.seq, 7);
		fixture_text_eq(envelope.source_position, "orders/3@1234");
		ck_assert_int_eq(envelope_write(&envelope,
						fixture_next_header_is, &next),
				 0);
		ck_assert_ptr_eq(next, all + CHECK_N(all));
	}
END_TEST

START_TEST(what_is_absent_is_not_written)
	{
		static const struct fixture_header least[] = {
			{ "ce_id", "1" },
			{ "ce_type", "galore.order.placed" },
			{ "ce_source", "/test" },
			{ "content-type", "application/msgpack" },
			{ "ce_specversion", "1.0" },
			{ "schema-version", "2" },
		};
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 2);
		const struct fixture_header *next = least;

		ck_assert_int_eq(envelope_write(&envelope,
						fixture_next_header_is, &next),
				 0);
		ck_assert_ptr_eq(next, least + CHECK_N(least));
	}
END_TEST

static int fail_at_source(void *arg, const char *name, const char *value,
			  size_t n)
{
	(void)value;
	(void)n;
	(*(int *)arg)++;
	return strcmp(name, "ce_source") == 0 ? -7 : 0;
}

START_TEST(a_callback_that_fails_ends_the_writing)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 2);
		int n_calls = 0;

		ck_assert_int_eq(
			envelope_write(&envelope, fail_at_source, &n_calls),
			-7);
		ck_assert_int_eq(n_calls, 3);
	}
END_TEST

START_TEST(writing_an_event_that_never_shipped_is_a_broken_invariant)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 3);
		const struct fixture_header *next = all;

		(void)envelope_write(&envelope, fixture_next_header_is, &next);
	}
END_TEST

START_TEST(the_first_of_a_name_wins_and_others_are_ignored)
	{
		struct envelope envelope;

		envelope_init(&envelope);
		read_header(&envelope, "customer", NULL);
		read_header(&envelope, "customer", "gita");
		read_header(&envelope, "customer", "gwenda");
		read_header(&envelope, "custome", "x");
		read_header(&envelope, "Customer", "x");
		read_header(&envelope, "customer-number", "x");
		read_header(&envelope, "", "x");
		read_header(&envelope, "ce_time", "\xff");
		read_header(&envelope, "a-name-that-is-longer-than-any", "x");
		fixture_text_eq(envelope.customer, "gita");
		ck_assert_ptr_null(envelope.id.p);
	}
END_TEST

#define X256                                                                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"     \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"     \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"     \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *name, *value;
	int outcome;
	const char *what;
} odd[] = {
	{ "ce_type", NULL, SCHEMA_E_UNKNOWN_TYPE, "header ce_type is missing" },
	{ "ce_type", "galore.pizza", SCHEMA_E_UNKNOWN_TYPE,
	  "ce_type 'galore.pizza' is no type" },
	{ "ce_type", "", SCHEMA_E_UNKNOWN_TYPE, "ce_type '' is no type" },
	{ "schema-version", "3", SCHEMA_E_UNKNOWN_VERSION,
	  "galore.pick has no version 3" },
	{ "schema-version", "0", SCHEMA_E_UNKNOWN_VERSION,
	  "schema-version '0' is no version" },
	{ "schema-version", "two", SCHEMA_E_UNKNOWN_VERSION,
	  "schema-version 'two' is no version" },
	{ "schema-version", "", SCHEMA_E_UNKNOWN_VERSION,
	  "schema-version '' is no version" },
	{ "schema-version", "4294967297", SCHEMA_E_UNKNOWN_VERSION,
	  "schema-version '4294967297' is no version" },
	{ "ce_specversion", NULL, SCHEMA_E_CONTRACT,
	  "header ce_specversion must be 1.0" },
	{ "ce_specversion", "0.3", SCHEMA_E_CONTRACT,
	  "header ce_specversion must be 1.0" },
	{ "ce_id", NULL, SCHEMA_E_CONTRACT, "header ce_id is missing" },
	{ "ce_id", "", SCHEMA_E_CONTRACT, "header ce_id is missing" },
	{ "ce_source", NULL, SCHEMA_E_CONTRACT, "header ce_source is missing" },
	{ "content-type", "application/json", SCHEMA_E_CONTRACT,
	  "header content-type must be application/msgpack" },
	{ "content-type", "application/msgpackx", SCHEMA_E_CONTRACT,
	  "header content-type must be application/msgpack" },
	{ "content-type", "", SCHEMA_E_CONTRACT,
	  "header content-type must be application/msgpack" },
	{ "content-type", "application/cloudevents+json", SCHEMA_E_CONTRACT,
	  "a structured CloudEvent is not taken" },
	{ "content-type", "Application/CloudEvents+JSON; charset=UTF-8",
	  SCHEMA_E_CONTRACT, "a structured CloudEvent is not taken" },
	{ "seq", "-1", SCHEMA_E_CONTRACT,
	  "header seq must be a number from 0" },
	{ "seq", "", SCHEMA_E_CONTRACT, "header seq must be a number from 0" },
	{ "customer", "\xff", SCHEMA_E_CONTRACT,
	  "header customer must be UTF-8 without a NUL" },
	{ "stall", X256, SCHEMA_E_CONTRACT,
	  "header stall must have at most 255 characters" },
};

START_TEST(what_breaks_the_envelope_is_named)
	{
		struct schema_fault fault = { "" };
		struct envelope envelope;

		read_with(&envelope, odd[_i].name, odd[_i].value);
		ck_assert_int_eq(envelope_check(&envelope, &fault),
				 odd[_i].outcome);
		ck_assert_str_eq(fault.what, odd[_i].what);
		fixture_text_eq(envelope.source_position, "orders/3@1234");
	}
END_TEST

START_TEST(texts_that_are_not_clean_are_absent_whatever_else_is_wrong)
	{
		struct envelope envelope;

		envelope_init(&envelope);
		envelope_read(&envelope, "customer", "a\0b", 3);
		envelope_read(&envelope, "stall", X256, 256);
		envelope_read(&envelope, "reason", "why", 3);
		ck_assert_int_eq(envelope_check(&envelope, NULL),
				 SCHEMA_E_UNKNOWN_TYPE);
		ck_assert_ptr_null(envelope.customer.p);
		ck_assert_ptr_null(envelope.stall.p);
		fixture_text_eq(envelope.reason, "why");
	}
END_TEST

START_TEST(a_text_is_measured_in_characters)
	{
		struct envelope envelope;
		char stall[512];

		for (size_t i = 0; i < sizeof(stall); i++)
			stall[i] = "\xc4\x81"[i % 2];
		for (size_t n = 510; n <= 512; n += 2) {
			read_with(&envelope, "stall", NULL);
			envelope_read(&envelope, "stall", stall, n);
			ck_assert_int_eq(envelope_check(&envelope, NULL),
					 n == 510 ? 0 : SCHEMA_E_CONTRACT);
		}
	}
END_TEST

static const struct fixture_header right[] = {
	{ "schema-version", NULL },
	{ "content-type", NULL },
	{ "content-type", "Application/MsgPack" },
	{ "content-type", "application/msgpack;charset=utf-8" },
	{ "content-type", "application/msgpack ; v=1; q=\"a,b\"" },
	{ "content-type", "application/msgpack;" },
	{ "seq", NULL },
	{ "seq", "0" },
	{ "missing", X256 }, /* a long list is no fault */
};

START_TEST(what_may_be_absent_or_written_otherwise_may_be)
	{
		struct envelope envelope;

		read_with(&envelope, right[_i].name, right[_i].value);
		ck_assert_int_eq(envelope_check(&envelope, NULL), 0);
		ck_assert_int_eq(envelope.version, 1);
		if (strcmp(right[_i].name, "seq") == 0)
			ck_assert_int_eq(envelope.seq,
					 right[_i].value ? 0 : -1);
	}
END_TEST

/* trace_test.c has every way to be none. */
static const char *const no_traces[] = {
	"",
	"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

START_TEST(a_trace_that_is_none_is_left_out_and_costs_nothing)
	{
		struct envelope envelope;

		read_with(&envelope, "traceparent", no_traces[_i]);
		ck_assert_int_eq(envelope_check(&envelope, NULL), 0);
		ck_assert_ptr_null(envelope.traceparent.p);
		ck_assert_ptr_null(envelope.tracestate.p);
	}
END_TEST

static int keep_traceparent(void *arg, const char *name, const char *value,
			    size_t n)
{
	if (strcmp(name, "traceparent") == 0) {
		ck_assert_uint_eq(n, 55);
		memcpy(arg, value, n);
	}
	return 0;
}

START_TEST(a_trace_of_a_later_version_is_written_as_ours)
	{
		struct envelope envelope;
		char written[56] = "";

		read_with(&envelope, "traceparent",
			  "cc-4bf92f3577b34da6a3ce929d0e0e4736-"
			  "00f067aa0ba902b7-01-more");
		ck_assert_int_eq(envelope_check(&envelope, NULL), 0);
		fixture_text_eq(envelope.tracestate, "a=b");
		ck_assert_int_eq(
			envelope_write(&envelope, keep_traceparent, written),
			0);
		ck_assert_str_eq(written, "00-4bf92f3577b34da6a3ce929d0e0e4736"
					  "-00f067aa0ba902b7-01");
	}
END_TEST

START_TEST(a_trace_that_is_not_sampled_is_kept)
	{
		static const char unsampled[] =
			"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
			"00";
		struct envelope envelope;

		read_with(&envelope, "traceparent", unsampled);
		ck_assert_int_eq(envelope_check(&envelope, NULL), 0);
		fixture_text_eq(envelope.traceparent, unsampled);
		fixture_text_eq(envelope.tracestate, "a=b");
		read_with(&envelope, "tracestate", "\xff");
		ck_assert_int_eq(envelope_check(&envelope, NULL), 0);
		ck_assert_ptr_null(envelope.tracestate.p);
	}
END_TEST

START_TEST(what_a_body_does_not_say_stands_in_a_header_or_has_its_default)
	{
		struct envelope envelope;
		bool grill = true;

		envelope_init(&envelope);
		fixture_text_eq(envelope_stall(&envelope), "main");
		ck_assert_int_eq(envelope_grill(&envelope, &grill, NULL), 0);
		ck_assert(grill);
		envelope.stall = TEXT("");
		fixture_text_eq(envelope_stall(&envelope), "main");
		envelope.stall = TEXT("north");
		fixture_text_eq(envelope_stall(&envelope), "north");
		envelope.grill = TEXT("false");
		ck_assert_int_eq(envelope_grill(&envelope, &grill, NULL), 0);
		ck_assert(!grill);
		envelope.grill = TEXT("true");
		ck_assert_int_eq(envelope_grill(&envelope, &grill, NULL), 0);
		ck_assert(grill);
	}
END_TEST

static const char *const no_grills[] = { "", "False", "true ", "1" };

START_TEST(a_grill_header_is_true_or_false)
	{
		struct schema_fault fault;
		struct envelope envelope;
		bool grill = true;

		envelope_init(&envelope);
		envelope.grill = text_of(no_grills[_i]);
		ck_assert_int_eq(envelope_grill(&envelope, &grill, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what,
				 "header grill must be true or false");
		ck_assert(grill);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("envelope");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, what_is_read_is_written);
	tcase_add_test(tcase, what_is_absent_is_not_written);
	tcase_add_test(tcase, a_callback_that_fails_ends_the_writing);
	tcase_add_test_raise_signal(
		tcase,
		writing_an_event_that_never_shipped_is_a_broken_invariant,
		SIGABRT);
	tcase_add_test(tcase, the_first_of_a_name_wins_and_others_are_ignored);
	tcase_add_loop_test(tcase, what_breaks_the_envelope_is_named, 0,
			    CHECK_N(odd));
	tcase_add_test(
		tcase,
		texts_that_are_not_clean_are_absent_whatever_else_is_wrong);
	tcase_add_test(tcase, a_text_is_measured_in_characters);
	tcase_add_loop_test(tcase,
			    what_may_be_absent_or_written_otherwise_may_be, 0,
			    CHECK_N(right));
	tcase_add_loop_test(tcase,
			    a_trace_that_is_none_is_left_out_and_costs_nothing,
			    0, CHECK_N(no_traces));
	tcase_add_test(tcase, a_trace_of_a_later_version_is_written_as_ours);
	tcase_add_test(tcase, a_trace_that_is_not_sampled_is_kept);
	tcase_add_test(
		tcase,
		what_a_body_does_not_say_stands_in_a_header_or_has_its_default);
	tcase_add_loop_test(tcase, a_grill_header_is_true_or_false, 0,
			    CHECK_N(no_grills));
	return check_run(suite);
}
