/* SPDX-License-Identifier: MIT */
/*
 * Trace: which traceparent goes on and as what; what is begun here is valid.
 */
#include "schemas/trace.h"

#include "schemas/fixture.h"

#define T "4bf92f3577b34da6a3ce929d0e0e4736"
#define S "00f067aa0ba902b7"

START_TEST(a_trace_begins_with_the_digits_of_its_id)
	{
		char out[TRACE_BYTES];
		struct order_id id;
		struct text trace;

		ck_assert_int_eq(
			order_id_parse(&id,
				       "01a1fd85-7555-7aa0-9737-a40f1fcc4939",
				       36),
			0);
		trace = trace_begin(out, &id);
		ck_assert_str_eq(out, "00-01a1fd8575557aa09737a40f1fcc4939-"
				      "9737a40f1fcc4939-01");
		ck_assert_uint_eq(trace.n, TRACE_BYTES - 1);
	}
END_TEST

/* Whose digits W3C would throw away. */
static const struct {
	const char *id, *traceparent;
} zeros[] = {
	{ "01a1fd85-7555-7aa0-0000-000000000000",
	  "00-01a1fd8575557aa00000000000000000-01a1fd8575557aa0-01" },
	{ "00000000-0000-0000-9737-a40f1fcc4939",
	  "00-00000000000000009737a40f1fcc4939-9737a40f1fcc4939-01" },
	{ "00000000-0000-0000-0000-000000000000",
	  "00-00000000000000000000000000000001-0000000000000001-01" },
};

START_TEST(a_trace_never_begins_with_an_id_of_zeros)
	{
		char out[TRACE_BYTES];
		struct order_id id;

		ck_assert_int_eq(order_id_parse(&id, zeros[_i].id, 36), 0);
		(void)trace_begin(out, &id);
		ck_assert_str_eq(out, zeros[_i].traceparent);
		ck_assert_ptr_nonnull(trace_parent(text_of(out)).p);
	}
END_TEST

static const struct {
	const char *came, *goes; /* NULL: it is none */
} parents[] = {
	{ "00-" T "-" S "-01", "00-" T "-" S "-01" },
	{ "00-" T "-" S "-00", "00-" T "-" S "-00" },
	{ "00-" T "-" S "-03", "00-" T "-" S "-03" },
	{ "01-" T "-" S "-01", "00-" T "-" S "-01" },
	{ "cc-" T "-" S "-ff-what-the-future", "00-" T "-" S "-01" },
	{ "fe-" T "-" S "-02-", "00-" T "-" S "-00" },
	{ "ff-" T "-" S "-01", NULL },
	{ "00-" T "-" S "-01-x", NULL },
	{ "00-" T "-" S "-01-", NULL },
	{ "cc-" T "-" S "-01.x", NULL },
	{ "cc-" T "-" S "-01x", NULL },
	{ "0-" T "-" S "-01", NULL },
	{ "CC-" T "-" S "-01", NULL },
	{ "00-" T "-" S "-0", NULL },
	{ "00-" T "-" S "-0x", NULL },
	{ "00-" T "x" S "-01", NULL },
	{ "00-" T "-" S "x01", NULL },
	{ "00x" T "-" S "-01", NULL },
	{ "00-4BF92F3577B34DA6A3CE929D0E0E4736-" S "-01", NULL },
	{ "00-00000000000000000000000000000000-" S "-01", NULL },
	{ "01-" T "-0000000000000000-01", NULL },
	{ "", NULL },
};

START_TEST(a_later_version_goes_on_as_the_one_that_is_understood)
	{
		char out[TRACE_BYTES];
		uint8_t bytes[TRACE_PACKED_BYTES];
		struct text parent = trace_parent(text_of(parents[_i].came));
		struct text packed = { (const char *)bytes, sizeof(bytes) };

		ck_assert_int_eq(parent.p != NULL, parents[_i].goes != NULL);
		ck_assert_int_eq(!trace_pack(bytes, parent), parent.p != NULL);
		if (!parent.p)
			return;
		fixture_text_eq(trace_parent_00(out, parent), parents[_i].goes);
		/* So it does by way of a table. */
		fixture_text_eq(trace_unpack(out, packed), parents[_i].goes);
		packed.n--;
		ck_assert_ptr_null(trace_unpack(out, packed).p);
	}
END_TEST

START_TEST(a_trace_is_named_by_its_digits)
	{
		char id[TRACE_ID_CHARS + 1];

		ck_assert_str_eq(trace_id(TEXT("00-" T "-" S "-01"), id), T);
		ck_assert_ptr_null(trace_id(TEXT("00-" T "-" S), id));
		ck_assert_ptr_null(trace_id((struct text){ 0 }, id));
	}
END_TEST

/* @n members of @size bytes, commas between; owned by the caller. */
static char *members(size_t n, size_t size)
{
	char *list = calloc(n, size + 1);

	ck_assert_ptr_nonnull(list);
	memset(list, 'a', n * (size + 1) - 1);
	for (size_t i = 1; i < n; i++)
		list[i * (size + 1) - 1] = ',';
	return list;
}

static const struct {
	size_t n, size, kept; /* members, their bytes, bytes that go on */
} states[] = {
	{ 1, 3, 3 },     { 32, 3, 127 },  { 33, 3, 127 },
	{ 1, 512, 512 }, { 1, 513, 0 },   { 2, 255, 511 },
	{ 2, 256, 256 }, { 3, 170, 512 }, { 900, 8, 287 },
};

START_TEST(of_a_long_state_whole_members_go_on)
	{
		char *list = members(states[_i].n, states[_i].size);

		ck_assert_uint_eq(trace_state(text_of(list)).n,
				  states[_i].kept);
		free(list);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("trace");

	tcase_add_test(tcase, a_trace_begins_with_the_digits_of_its_id);
	tcase_add_loop_test(tcase, a_trace_never_begins_with_an_id_of_zeros, 0,
			    CHECK_N(zeros));
	tcase_add_loop_test(
		tcase, a_later_version_goes_on_as_the_one_that_is_understood, 0,
		CHECK_N(parents));
	tcase_add_test(tcase, a_trace_is_named_by_its_digits);
	tcase_add_loop_test(tcase, of_a_long_state_whole_members_go_on, 0,
			    CHECK_N(states));
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
