/* SPDX-License-Identifier: MIT */
/* Order key: ids from keys, against the published vectors. */
#include "producers/storefront/orders/order_key.h"

#include <check.h>
#include <stdio.h>

#include "infra/lib/check_fixture.h"

/* RFC 4122, appendix C. */
#define SPACE_DNS "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define SPACE_URL "6ba7b811-9dad-11d1-80b4-00c04fd430c8"

static struct order_id parsed(const char *s)
{
	struct order_id id;

	ck_assert_int_eq(order_id_parse(&id, s, strlen(s)), 0);
	return id;
}

static bool same(struct order_id a, struct order_id b)
{
	return order_id_compare(&a, &b) == 0;
}

static void assert_id(const struct order_id *id, const char *wanted)
{
	char text[ORDER_ID_CHARS + 1];

	ck_assert_str_eq(order_id_format(id, text), wanted);
}

/* The first is RFC 9562's own (A.4), the others are those that Python's
 * documentation of uuid gives. */
static const struct {
	const char *space, *name, *id;
} vectors[] = {
	{ SPACE_DNS, "www.example.com",
	  "2ed6657d-e927-568b-95e1-2665a8aea6a2" },
	{ SPACE_DNS, "python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d" },
	{ SPACE_URL, "http://python.org/",
	  "4c565f0d-3f5a-5890-b41b-20cf47701c5e" },
};

START_TEST(a_version_5_id_is_that_of_the_published_vector)
	{
		struct order_id space = parsed(vectors[_i].space);
		struct order_id id =
			order_key_v5(&space, text_of(vectors[_i].name));

		assert_id(&id, vectors[_i].id);
	}
END_TEST

/* The key of a request with these fields. */
static int read_fields(struct order_key *ret, const char *fields)
{
	struct http_head head;
	const char *why = NULL;
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields);
	int r;

	ck_assert_int_eq(http_head_parse(&head, text, (size_t)n), 0);
	r = order_key_read(ret, &head, &why);
	ck_assert_int_eq(r != 0, why != NULL);
	return r;
}

static struct order_key key_of(const char *value)
{
	struct order_key key;
	char field[1024];

	(void)snprintf(field, sizeof(field), "Idempotency-Key: %s\r\n", value);
	ck_assert_int_eq(read_fields(&key, field), 0);
	return key;
}

START_TEST(a_key_that_is_a_uuid_is_the_id_itself)
	{
		struct order_key key =
			key_of("\"6BA7B810-9dad-11d1-80b4-00c04fd430c8\"");
		struct order_id id = order_key_id(&key, TEXT("main"));

		assert_id(&id, SPACE_DNS);
	}
END_TEST

static const struct {
	const char *one, *other;
} spellings[] = {
	{ "till 4, receipt 17", "\"till 4, receipt 17\"" },
	{ SPACE_DNS, "6BA7B810-9DAD-11D1-80B4-00C04FD430C8" },
	{ SPACE_DNS, "\"6ba7B810-9dad-11d1-80b4-00c04fd430c8\"" },
	{ "a\\b\"c", "\"a\\\\b\\\"c\"" },
};

START_TEST(a_key_is_the_same_in_each_of_its_spellings)
	{
		struct order_key one = key_of(spellings[_i].one);
		struct order_key other = key_of(spellings[_i].other);
		struct text main = TEXT("main"), ham = TEXT("ham");
		struct order_id id = order_key_event(&one, main, ham);

		ck_assert(same(order_key_id(&one, main),
			       order_key_id(&other, main)));
		ck_assert(same(id, order_key_event(&other, main, ham)));
		ck_assert(!same(id,
				order_key_event(&other, main, TEXT("bread"))));
		ck_assert(
			!same(id, order_key_event(&other, TEXT("north"), ham)));
	}
END_TEST

START_TEST(another_key_gives_the_same_id_in_its_stall_only)
	{
		struct order_key key = key_of("till 4, receipt 17");
		struct order_id a = order_key_id(&key, TEXT("main")), event;

		ck_assert(!same(a, order_key_id(&key, TEXT("north"))));
		/* Fixed for ever: orders would be doubled if it changed, and
		 * so would restocks. */
		assert_id(&a, "7c99d9b0-ab5c-5bdf-b3c1-fe95c9e347df");
		event = order_key_event(&key, TEXT("main"), TEXT("ham"));
		assert_id(&event, "c505972b-67f7-5e08-94bc-e913bab3651d");
	}
END_TEST

static const char long_key[] =
	"0123456789012345678901234567890123456789012345678901234567890123"
	"0123456789012345678901234567890123456789012345678901234567890123"
	"0123456789012345678901234567890123456789012345678901234567890123"
	"0123456789012345678901234567890123456789012345678901234567890123";

static const char *const bad_keys[] = {
	"",
	"\"\"",
	"\xff\xfe",
	long_key,
	"00000000-0000-0000-0000-000000000000",
	"\"00000000-0000-0000-0000-000000000000\"",
	"a\r\nIdempotency-Key: a",
};

START_TEST(a_key_that_is_no_text_names_nothing_or_comes_twice_is_refused)
	{
		struct order_key key;
		char field[1024];

		(void)snprintf(field, sizeof(field), "Idempotency-Key: %s\r\n",
			       bad_keys[_i]);
		ck_assert_int_eq(read_fields(&key, field), ORDER_KEY_E_BAD);
	}
END_TEST

START_TEST(without_a_key_every_id_is_a_fresh_one_of_version_7)
	{
		struct order_key key;
		struct order_id a;

		ck_assert_int_eq(read_fields(&key, ""), 0);
		a = order_key_id(&key, TEXT("main"));
		ck_assert(!same(a, order_key_id(&key, TEXT("main"))));
		ck_assert(!same(
			a, order_key_event(&key, TEXT("main"), TEXT("ham"))));
		ck_assert_int_eq(a.bytes[6] >> 4, 7);
		ck_assert_int_eq(a.bytes[8] >> 6, 2);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_key");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase,
			    a_version_5_id_is_that_of_the_published_vector, 0,
			    CHECK_N(vectors));
	tcase_add_test(tcase, a_key_that_is_a_uuid_is_the_id_itself);
	tcase_add_test(tcase, another_key_gives_the_same_id_in_its_stall_only);
	tcase_add_loop_test(tcase, a_key_is_the_same_in_each_of_its_spellings,
			    0, CHECK_N(spellings));
	tcase_add_loop_test(
		tcase,
		a_key_that_is_no_text_names_nothing_or_comes_twice_is_refused,
		0, CHECK_N(bad_keys));
	tcase_add_test(tcase,
		       without_a_key_every_id_is_a_fresh_one_of_version_7);
	return check_run(suite);
}
