/* SPDX-License-Identifier: MIT */
/*
 * Stock command: two types, one struct.
 */
#include "schemas/stock_command.h"

#include <errno.h>

#include "schemas/fixture.h"

static struct fixture fixture;

static int decode(struct stock_command *ret, enum stock_command_kind kind,
		  const char *json, struct schema_fault *fault)
{
	struct envelope envelope =
		fixture_envelope(stock_command_type(kind), 1);

	fixture_body(&fixture, json);
	return stock_command_decode(ret, &envelope, fixture.bytes,
				    fixture.writer.n, fault);
}

START_TEST(the_type_tells_added_from_counted)
	{
		struct stock_command written = {
			.kind = (enum stock_command_kind)_i,
			.stall = TEXT("main"),
			.ingredient = TEXT("cheese"),
			.quantity = 10
		};
		struct envelope envelope =
			fixture_envelope(stock_command_type(written.kind), 1);
		struct stock_command read;
		uint8_t bytes[60];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		ck_assert_int_eq(stock_command_encode(&written, &writer), 0);
		ck_assert_int_eq(stock_command_decode(&read, &envelope, bytes,
						      writer.n, NULL),
				 0);
		ck_assert_int_eq(read.kind, written.kind);
		ck_assert(text_equal(read.stall, written.stall));
		ck_assert(text_equal(read.ingredient, written.ingredient));
		ck_assert_int_eq(read.quantity, 10);
		ck_assert_int_eq(stock_command_encode(&written, &writer),
				 -ENOBUFS);
	}
END_TEST

START_TEST(nothing_may_be_counted_but_not_added)
	{
		static const char json[] =
			"{'stall':'main','ingredient':'cheese',"
			"'quantity':0,'by':'gordon'}";
		struct stock_command command;

		ck_assert_int_eq(
			decode(&command, STOCK_COMMAND_COUNTED, json, NULL), 0);
		ck_assert_int_eq(command.quantity, 0);
		ck_assert_int_eq(
			decode(&command, STOCK_COMMAND_ADDED, json, NULL),
			SCHEMA_E_CONTRACT);
	}
END_TEST

static const struct {
	const char *json, *what;
} refused[] = {
	{ "[]", "the body must be a map" },
	{ "{'ingredient':'a','quantity':1}",
	  "stall must be a text of 1 to 255 characters" },
	{ "{'stall':'a','quantity':1}",
	  "ingredient must be a text of 1 to 255 characters" },
	{ "{'stall':'a','ingredient':'b'}",
	  "quantity must be an integer from 1 to 2147483647" },
	{ "{'stall':'a','ingredient':'b','quantity':-1}",
	  "quantity must be an integer from 1 to 2147483647" },
	{ "{'stall':'a','ingredient':'b','quantity':2147483648}",
	  "quantity must be an integer from 1 to 2147483647" },
};

START_TEST(what_breaks_the_contract_is_named)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_STOCK_ADDED, 1);
		struct stock_command command;
		struct schema_fault fault;

		ck_assert_int_eq(decode(&command, STOCK_COMMAND_ADDED,
					refused[_i].json, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		ck_assert_int_eq(stock_command_decode(&command, &envelope, "",
						      0, &fault),
				 SCHEMA_E_MALFORMED);
	}
END_TEST

static struct text name_of(char room[static TEXT_MAX_BYTES],
			   const char *character, size_t n)
{
	size_t n_bytes = n * strlen(character);

	for (size_t i = 0; i < n_bytes; i++)
		room[i] = character[i % strlen(character)];
	return (struct text){ room, n_bytes };
}

static const struct {
	const char *character;
	size_t n_stall, n_ingredient;
	bool key_is_subject;
} names[] = {
	{ "x", 4, 6, true },
	{ "x", 127, 127, true },
	{ "x", 127, 128, false },
	{ "x", 200, 200, false },
	{ "\xf0\x9f\xa7\x80", 127, 127, true },
	{ "\xf0\x9f\xa7\x80", 255, 255, false },
};

START_TEST(a_subject_is_never_longer_than_a_text_of_an_envelope)
	{
		char stalls[TEXT_MAX_BYTES], ingredients[TEXT_MAX_BYTES];
		struct text stall =
			name_of(stalls, names[_i].character, names[_i].n_stall);
		struct text ingredient =
			name_of(ingredients, names[_i].character,
				names[_i].n_ingredient);
		char room[STOCK_KEY_BYTES];
		struct text subject,
			key = stock_key(room, stall, ingredient, &subject);

		ck_assert_uint_eq(key.n, stall.n + 1 + ingredient.n);
		ck_assert_uint_eq(strlen(room), key.n);
		ck_assert_int_eq(key.p[stall.n], '/');
		ck_assert(text_equal(
			subject, names[_i].key_is_subject ? key : ingredient));
		ck_assert_uint_le(text_n_chars(subject), TEXT_MAX_CHARS);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stock_command");
	TCase *tcase = tcase_create("stock_command");

	tcase_add_loop_test(tcase, the_type_tells_added_from_counted, 0, 2);
	tcase_add_test(tcase, nothing_may_be_counted_but_not_added);
	tcase_add_loop_test(tcase, what_breaks_the_contract_is_named, 0,
			    CHECK_N(refused));
	tcase_add_loop_test(
		tcase, a_subject_is_never_longer_than_a_text_of_an_envelope, 0,
		CHECK_N(names));
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
