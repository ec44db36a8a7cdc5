/* SPDX-License-Identifier: MIT */
/*
 * Body: fields by name, exact types, bounds, and the same values as msgpack-c.
 */
#include "schemas/body.h"

#include <msgpack/unpack.h>
#include <msgpack/zone.h>

#include "schemas/fixture.h"

enum { A, B, N_KEYS };

static const struct text keys[] = { TEXT_INIT("a"), TEXT_INIT("b") };

static struct fixture fixture;

/* Fields of the map that @json is. */
static int read_map(struct fields *ret, const char *json,
		    struct schema_fault *fault)
{
	struct body body;

	*ret = (struct fields){ .keys = keys,
				.n_keys = N_KEYS,
				.fault = fault };
	fixture_body(&fixture, json);
	ck_assert_int_eq(body_open(&body, BODY_MAX_BYTES, fixture.bytes,
				   fixture.writer.n, fault),
			 0);
	return fields_read(ret, &body);
}

START_TEST(fields_are_found_in_any_order_among_unknown_ones)
	{
		struct schema_fault fault;
		struct fields fields;
		struct text text = TEXT("x");
		int32_t number = 0;

		ck_assert_int_eq(read_map(&fields,
					  "{'z':[1,{'a':2,'q':[]}],'b':'bread',"
					  "'y':{'b':{}},'a':7,'':null}",
					  &fault),
				 0);
		ck_assert_int_eq(fields_i32(&fields, A, 1, 9, &number), 0);
		ck_assert_int_eq(number, 7);
		ck_assert_int_eq(fields_text(&fields, B, &text), 0);
		fixture_text_eq(text, "bread");
	}
END_TEST

static const struct {
	const char *json, *what;
} no_maps[] = {
	{ "[]", "the body must be a map" },
	{ "'a'", "the body must be a map" },
	{ "7", "the body must be a map" },
	{ "{'a':1,'a':1}", "a stands there twice" },
	{ "{'b':null,'a':1,'b':1}", "b stands there twice" },
};

START_TEST(what_is_no_map_with_each_field_once_is_refused)
	{
		struct schema_fault fault;
		struct fields fields;

		ck_assert_int_eq(read_map(&fields, no_maps[_i].json, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, no_maps[_i].what);
	}
END_TEST

static const char *const nothing[] = { "{}", "{'a':null}" };

START_TEST(nil_is_the_same_as_not_there)
	{
		struct schema_fault fault;
		struct fields fields;
		struct text text = TEXT("x");
		int64_t i64 = 9;
		bool yes = true;

		ck_assert_int_eq(read_map(&fields, nothing[_i], &fault), 0);
		ck_assert(!fields_has(&fields, A));
		ck_assert_int_eq(fields_text_if_any(&fields, A, &text), 0);
		fixture_text_eq(text, "x");
		ck_assert_int_eq(fields_i64_if_any(&fields, A, 0, 1, &i64), 0);
		ck_assert_int_eq(i64, 9);
		ck_assert_int_eq(fields_bool_if_any(&fields, A, &yes), 0);
		ck_assert(yes);
		ck_assert_int_eq(fields_map_bytes(&fields, A, 10, &text), 0);
		fixture_text_eq(text, "x");
		ck_assert_int_eq(fields_text(&fields, A, &text),
				 SCHEMA_E_CONTRACT);
		ck_assert_int_eq(fields_i64(&fields, A, 0, 9, &i64),
				 SCHEMA_E_CONTRACT);
		ck_assert_int_eq(fields_bool(&fields, A, &yes),
				 SCHEMA_E_CONTRACT);
	}
END_TEST

static int want_text(const struct fields *fields)
{
	struct text text;

	return fields_text(fields, A, &text);
}

static int want_text_if_any(const struct fields *fields)
{
	struct text text;

	return fields_text_if_any(fields, A, &text);
}

static int want_number(const struct fields *fields)
{
	int32_t number;

	return fields_i32(fields, A, 1, INT32_MAX, &number);
}

static int want_any_number(const struct fields *fields)
{
	int64_t number;

	return fields_i64_if_any(fields, A, INT64_MIN, INT64_MAX, &number);
}

static int want_bool(const struct fields *fields)
{
	bool yes;

	return fields_bool_if_any(fields, A, &yes);
}

static int want_order_id(const struct fields *fields)
{
	struct order_id id;

	return fields_order_id(fields, A, &id);
}

static int want_list(const struct fields *fields)
{
	struct body list;
	size_t n;

	return fields_list(fields, A, 1, 2, &n, &list);
}

static int want_list_text(const struct fields *fields)
{
	struct text text;
	struct body list;
	size_t n;
	int r = fields_list(fields, A, 1, 9, &n, &list);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = fields_list_text(fields, A, i, &list, &text);
	return r;
}

static int want_map(const struct fields *fields)
{
	struct text text;

	return fields_map_bytes(fields, A, 8, &text);
}

#define TEXT_RULE "must be a text of 1 to 255 characters"
#define NUMBER_RULE "a must be an integer from 1 to 2147483647"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X250 X50 X50 X50 X50 X50

static const struct {
	const char *json;
	int (*want)(const struct fields *fields);
	const char *what; /* NULL: taken */
} typed[] = {
	{ "{'a':'b'}", want_text, NULL },
	{ "{'a':'" X250 "12345'}", want_text, NULL },
	{ "{'a':'" X250 "1234\xc4\x81'}", want_text, NULL },
	{ "{'a':'" X250 "123456'}", want_text, "a " TEXT_RULE },
	{ "{'a':''}", want_text, "a " TEXT_RULE },
	{ "{'a':7}", want_text, "a " TEXT_RULE },
	{ "{'a':['b']}", want_text, "a " TEXT_RULE },
	{ "{'a':''}", want_text_if_any, NULL },
	{ "{'a':"
	  "'" X250 "123456'}",
	  want_text_if_any, "a must be a text of at most 255 characters" },
	{ "{'a':false}", want_text_if_any,
	  "a must be a text of at most 255 characters" },
	{ "{'a':1}", want_number, NULL },
	{ "{'a':2147483647}", want_number, NULL },
	{ "{'a':0}", want_number, NUMBER_RULE },
	{ "{'a':-1}", want_number, NUMBER_RULE },
	{ "{'a':2147483648}", want_number, NUMBER_RULE },
	{ "{'a':4294967297}", want_number, NUMBER_RULE },
	{ "{'a':18446744073709551615}", want_number, NUMBER_RULE },
	{ "{'a':1.0}", want_number, NUMBER_RULE },
	{ "{'a':'1'}", want_number, NUMBER_RULE },
	{ "{'a':true}", want_number, NUMBER_RULE },
	{ "{}", want_number, NUMBER_RULE },
	{ "{'a':-9223372036854775808}", want_any_number, NULL },
	{ "{'a':9223372036854775807}", want_any_number, NULL },
	{ "{'a':18446744073709551615}", want_any_number,
	  "a must be an integer from -9223372036854775808 to "
	  "9223372036854775807" },
	{ "{'a':true}", want_bool, NULL },
	{ "{'a':1}", want_bool, "a must be true or false" },
	{ "{'a':'true'}", want_bool, "a must be true or false" },
	{ "{'a':'018f3a1e-7c2b-7abc-8def-0123456789ab'}", want_order_id, NULL },
	{ "{'a':'018f3a1e'}", want_order_id, "a must be a UUID in text" },
	{ "{'a':1}", want_order_id, "a must be a UUID in text" },
	{ "{}", want_order_id, "a must be a UUID in text" },
	{ "{'a':[1]}", want_list, NULL },
	{ "{'a':[1,[2]]}", want_list, NULL },
	{ "{'a':[]}", want_list, "a must be a list of 1 to 2 elements" },
	{ "{'a':[1,2,3]}", want_list, "a must be a list of 1 to 2 elements" },
	{ "{'a':{}}", want_list, "a must be a list of 1 to 2 elements" },
	{ "{'a':['x','y']}", want_list_text, NULL },
	{ "{'a':['x',1]}", want_list_text, "a[1] " TEXT_RULE },
	{ "{'a':['']}", want_list_text, "a[0] " TEXT_RULE },
	{ "{'a':['" X250 X50 "']}", want_list_text, "a[0] " TEXT_RULE },
	{ "{'a':{'x':{'y':7}},'b':1}", want_map, NULL },
	{ "{'a':{'x':'1234567'}}", want_map,
	  "a must be a map of at most 8 bytes" },
	{ "{'a':[]}", want_map, "a must be a map of at most 8 bytes" },
};

START_TEST(a_field_has_its_exact_type_and_bounds_or_is_named)
	{
		struct schema_fault fault = { "" };
		struct fields fields;
		const char *what = typed[_i].what;

		ck_assert_int_eq(read_map(&fields, typed[_i].json, &fault), 0);
		ck_assert_int_eq(typed[_i].want(&fields),
				 what ? SCHEMA_E_CONTRACT : 0);
		ck_assert_str_eq(fault.what, what ? what : "");
	}
END_TEST

START_TEST(a_field_of_an_element_is_named_with_its_index)
	{
		struct schema_fault fault;
		struct fields fields;
		int32_t number;

		ck_assert_int_eq(read_map(&fields, "{'a':0}", &fault), 0);
		fields.list = "items";
		fields.index = 2;
		ck_assert_int_gt(fields_i32(&fields, A, 1, 2, &number), 0);
		ck_assert_str_eq(fault.what,
				 "items[2].a must be an integer from 1 to 2");
	}
END_TEST

START_TEST(the_bytes_of_a_map_are_its_own_and_none_when_it_is_empty)
	{
		struct schema_fault fault;
		struct fields fields;
		struct text text = { NULL, 0 };

		ck_assert_int_eq(
			read_map(&fields, "{'a':{'x':[1]},'b':{}}", &fault), 0);
		ck_assert_int_eq(fields_map_bytes(&fields, B, 9, &text), 0);
		ck_assert_uint_eq(text.n, 0);
		ck_assert_int_eq(fields_map_bytes(&fields, A, 9, &text), 0);
		ck_assert_uint_eq(text.n, 5);
		ck_assert_mem_eq(text.p, "\x81\xa1x\x91\x01", 5);
	}
END_TEST

/* One number, by value_read() and by msgpack-c. */
static void same_number(const uint8_t *bytes, size_t n)
{
	struct value value;
	msgpack_unpacked unpacked;
	msgpack_object *object = &unpacked.data;
	size_t off = 0;

	ck_assert_ptr_eq(value_read(&value, bytes, bytes + n), bytes + n);
	msgpack_unpacked_init(&unpacked);
	ck_assert_int_eq(
		msgpack_unpack_next(&unpacked, (const char *)bytes, n, &off),
		MSGPACK_UNPACK_SUCCESS);
	if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
	    object->via.u64 <= INT64_MAX) {
		ck_assert_int_eq(value.kind, VALUE_I64);
		ck_assert_int_eq(value.i64, object->via.i64);
	} else {
		ck_assert_int_eq(value.kind, VALUE_HUGE);
	}
	msgpack_unpacked_destroy(&unpacked);
}

START_TEST(a_number_of_any_form_is_the_one_that_msgpack_c_reads)
	{
		static const uint8_t fill[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };
		uint8_t bytes[9];

		for (unsigned int head = 0; head < 256; head++) {
			bytes[0] = (uint8_t)head;
			if (head < 0x80 || head >= 0xe0) {
				same_number(bytes, 1);
				continue;
			}
			if (head < 0xcc || head > 0xd3)
				continue;
			for (size_t i = 0; i < sizeof(fill); i++) {
				for (size_t k = 0; k < sizeof(fill); k++) {
					memset(bytes + 1, fill[i], 8);
					bytes[1] = fill[k];
					same_number(bytes,
						    1 + (1u << (head & 3)));
				}
			}
		}
	}
END_TEST

static Suite *body_suite(void)
{
	Suite *suite = suite_create("body");
	TCase *tcase = tcase_create("body");

	tcase_add_test(tcase, fields_are_found_in_any_order_among_unknown_ones);
	tcase_add_loop_test(tcase,
			    what_is_no_map_with_each_field_once_is_refused, 0,
			    CHECK_N(no_maps));
	tcase_add_loop_test(tcase, nil_is_the_same_as_not_there, 0,
			    CHECK_N(nothing));
	tcase_add_loop_test(tcase,
			    a_field_has_its_exact_type_and_bounds_or_is_named,
			    0, CHECK_N(typed));
	tcase_add_test(tcase, a_field_of_an_element_is_named_with_its_index);
	tcase_add_test(
		tcase,
		the_bytes_of_a_map_are_its_own_and_none_when_it_is_empty);
	tcase_add_test(tcase,
		       a_number_of_any_form_is_the_one_that_msgpack_c_reads);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return check_run(body_suite());
}
