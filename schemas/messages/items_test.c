/* SPDX-License-Identifier: MIT */
/*
 * Items: the header `missing`, both ways.
 */
#include "schemas/messages/items.h"

#include <errno.h>

#include "schemas/fixture.h"

static struct missing list[ORDER_ITEMS_MAX];
/* One byte behind the names, which must stay as it is. */
static char names[MISSING_NAMES_BYTES + 1];
static uint8_t bytes[MISSING_HEADER_BYTES];

/* Of the header that stands in @bytes. */
static int decode_written(size_t *ret_n, const struct msgpack_writer *writer)
{
	return missing_decode(list, ret_n, names,
			      (struct text){ (const char *)bytes, writer->n },
			      NULL);
}

START_TEST(what_is_written_is_read)
	{
		static const struct missing written[] = {
			{ TEXT_INIT("cheese"), 2, 1 },
			{ TEXT_INIT("a=b/c;d e%"), QUANTITY_MAX, INT64_MAX },
			{ TEXT_INIT("p\xc4\x81ua-._~9"), 1, 0 },
			{ TEXT_INIT("gold"), 1, MISSING_UNKNOWN },
		};
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
		size_t n;

		ck_assert_int_eq(missing_encode(written, 4, &writer), 0);
		fixture_text_eq(
			(struct text){ (const char *)bytes, writer.n },
			"cheese=2/1;"
			"a%3Db%2Fc%3Bd%20e%25=2147483647/9223372036854775807;"
			"p%C4%81ua-._~9=1/0;gold=1/unknown");
		ck_assert_int_eq(decode_written(&n, &writer), 0);
		ck_assert_uint_eq(n, 4);
		for (size_t i = 0; i < n; i++) {
			ck_assert(text_equal(list[i].ingredient,
					     written[i].ingredient));
			ck_assert_int_eq(list[i].wanted, written[i].wanted);
			ck_assert_int_eq(list[i].left, written[i].left);
		}
	}
END_TEST

/* As many names as there may be, each as long as it may be. */
static void fill(struct missing longest[static ORDER_ITEMS_MAX])
{
	static char name[TEXT_MAX_BYTES];

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = "\xf0\x9f\xa7\x80"[i % 4];
	for (size_t i = 0; i < ORDER_ITEMS_MAX; i++)
		longest[i] = (struct missing){ { name, sizeof(name) },
					       QUANTITY_MAX,
					       INT64_MAX };
}

START_TEST(the_longest_list_fits_both_ways)
	{
		struct missing longest[ORDER_ITEMS_MAX];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
		size_t n;

		fill(longest);
		ck_assert_int_eq(
			missing_encode(longest, ORDER_ITEMS_MAX, &writer), 0);
		ck_assert_int_eq(decode_written(&n, &writer), 0);
		ck_assert_uint_eq(n, ORDER_ITEMS_MAX);
		ck_assert(text_equal(list[n - 1].ingredient,
				     longest[0].ingredient));
		writer.n = writer.cap - 10;
		ck_assert_int_eq(missing_encode(longest, 1, &writer), -ENOBUFS);
	}
END_TEST

START_TEST(no_header_is_no_list)
	{
		size_t n = 9;

		ck_assert_int_eq(
			missing_decode(list, &n, names, text_of(NULL), NULL),
			0);
		ck_assert_uint_eq(n, 0);
	}
END_TEST

#define TEN "a=1/0;a=1/0;a=1/0;a=1/0;a=1/0;a=1/0;a=1/0;a=1/0;a=1/0;a=1/0;"

static const struct {
	const char *header, *what;
} refused[] = {
	{ "cheese", "header missing[0] must be name=wanted/left" },
	{ "cheese=1", "header missing[0] must be name=wanted/left" },
	{ "a=1/0;cheese=1/", "header missing[1] must be name=wanted/left" },
	{ "=1/0", "header missing[0] must be name=wanted/left" },
	{ ";a=1/0", "header missing[0] must be name=wanted/left" },
	{ "a=0/0", "header missing[0] must be name=wanted/left" },
	{ "a=2147483648/0", "header missing[0] must be name=wanted/left" },
	{ "a=1/-1", "header missing[0] must be name=wanted/left" },
	{ "a=1/Unknown", "header missing[0] must be name=wanted/left" },
	{ "a=1/0/0", "header missing[0] must be name=wanted/left" },
	{ "a b=1/0", "header missing[0] must be name=wanted/left" },
	{ "a%2=1/0", "header missing[0] must be name=wanted/left" },
	{ "a%=1/0", "header missing[0] must be name=wanted/left" },
	{ "a%zz=1/0", "header missing[0] must be name=wanted/left" },
	{ "a%00=1/0", "header missing[0] must be name=wanted/left" },
	{ "a%ff=1/0", "header missing[0] must be name=wanted/left" },
	{ TEN TEN TEN "a=1/0;a=1/0;a=1/0",
	  "header missing must have at most 32 entries" },
};

START_TEST(what_is_no_list_is_named)
	{
		struct schema_fault fault;
		size_t n = 9;

		ck_assert_int_eq(missing_decode(list, &n, names,
						text_of(refused[_i].header),
						&fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		ck_assert_uint_eq(n, 9);
	}
END_TEST

static const size_t too_long[] = { 256, TEXT_MAX_BYTES + 1 };

START_TEST(a_name_of_more_than_255_characters_is_too_long)
	{
		static char header[TEXT_MAX_BYTES + 10];
		size_t n = 9;

		memset(header, 'x', too_long[_i]);
		(void)snprintf(header + too_long[_i], 5, "=1/0");
		ck_assert_int_gt(
			missing_decode(list, &n, names, text_of(header), NULL),
			0);
		ck_assert_int_eq(
			missing_decode(list, &n, names,
				       text_of(header + too_long[_i] - 255),
				       NULL),
			0);
	}
END_TEST

START_TEST(names_stay_in_their_room)
	{
		static char longer[TEXT_MAX_BYTES + 1];
		struct missing longest[ORDER_ITEMS_MAX];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
		size_t n;

		memset(longer, 'x', sizeof(longer));
		fill(longest);
		longest[ORDER_ITEMS_MAX - 1].ingredient =
			(struct text){ longer, sizeof(longer) };
		ck_assert_int_eq(
			missing_encode(longest, ORDER_ITEMS_MAX, &writer), 0);
		names[MISSING_NAMES_BYTES] = '!';
		ck_assert_int_eq(decode_written(&n, &writer),
				 SCHEMA_E_CONTRACT);
		ck_assert_int_eq(names[MISSING_NAMES_BYTES], '!');
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("items");
	TCase *tcase = tcase_create("items");

	tcase_add_test(tcase, what_is_written_is_read);
	tcase_add_test(tcase, the_longest_list_fits_both_ways);
	tcase_add_test(tcase, no_header_is_no_list);
	tcase_add_loop_test(tcase, what_is_no_list_is_named, 0,
			    CHECK_N(refused));
	tcase_add_loop_test(tcase,
			    a_name_of_more_than_255_characters_is_too_long, 0,
			    CHECK_N(too_long));
	tcase_add_test(tcase, names_stay_in_their_room);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
