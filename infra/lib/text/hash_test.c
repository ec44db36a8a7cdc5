/* SPDX-License-Identifier: MIT */
/* Hash: values that are stored or agreed on stay what they are. */
#include "infra/lib/text/hash.h"

#include "infra/lib/check_fixture.h"

START_TEST(xxh3_is_the_same_for_ever)
	{
		ck_assert_uint_eq(hash_bytes("", 0),
				  UINT64_C(0x2d06800538d394c2));
	}
END_TEST

START_TEST(pieces_have_the_hash_of_the_whole)
	{
		static char bytes[1000];
		struct hash hash;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(i * 7);
		for (size_t cut = 0; cut < sizeof(bytes); cut++) {
			hash_begin(&hash);
			hash_add(&hash, bytes, cut);
			hash_add(&hash, bytes + cut, sizeof(bytes) - cut);
			ck_assert_uint_eq(hash_end(&hash),
					  hash_bytes(bytes, sizeof(bytes)));
		}
	}
END_TEST

#define N_VALUES 5000

static int values[N_VALUES];

static bool is_value(const void *key, const void *value)
{
	return *(const int *)key == *(const int *)value;
}

static uint64_t scattered(int i)
{
	return (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t neighbours(int i)
{
	return (uint64_t)i;
}

static uint64_t equal_low_bits(int i)
{
	return (uint64_t)i << 32;
}

static uint64_t few(int i)
{
	return (uint64_t)(i % 7);
}

static uint64_t (*const hashes[])(int) = { scattered, neighbours,
					   equal_low_bits, few };
static const int sizes[] = { N_VALUES, N_VALUES, 500, 500 };

START_TEST(everything_that_was_added_is_found_and_nothing_else)
	{
		struct table table = { 0 };
		int n = sizes[_i], other = -1;

		for (int i = 0; i < n; i++) {
			values[i] = i;
			table_add(&table, hashes[_i](i), &values[i]);
		}
		for (int i = 0; i < n; i++)
			ck_assert_ptr_eq(
				table_find(&table, hashes[_i](i), is_value, &i),
				&values[i]);
		ck_assert_ptr_null(
			table_find(&table, hashes[_i](3), is_value, &other));
		table_deinit(&table);
	}
END_TEST

START_TEST(a_reset_empties_and_keeps_the_memory)
	{
		struct table table = { 0 };
		size_t size;
		int key = 1;

		ck_assert_ptr_null(table_find(&table, 0, is_value, &key));
		table_reset(&table);
		for (int i = 0; i < 200; i++) {
			values[i] = i;
			table_add(&table, scattered(i), &values[i]);
		}
		size = table.size;
		table_reset(&table);
		ck_assert_ptr_null(
			table_find(&table, scattered(1), is_value, &key));
		table_add(&table, scattered(1), &values[1]);
		ck_assert_ptr_eq(
			table_find(&table, scattered(1), is_value, &key),
			&values[1]);
		ck_assert_uint_eq(table.size, size);
		table_deinit(&table);
		table_deinit(&table);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("hash");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, xxh3_is_the_same_for_ever);
	tcase_add_test(tcase, pieces_have_the_hash_of_the_whole);
	tcase_add_loop_test(tcase, everything_that_was_added_is_found_and_nothing_else, 0, CHECK_N(hashes));
	tcase_add_test(tcase, a_reset_empties_and_keeps_the_memory);
	return check_run(suite);
}
