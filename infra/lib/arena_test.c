/* SPDX-License-Identifier: MIT */
/* Arena: what was given stays as it is until all of it goes at once. */
#include "infra/lib/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

START_TEST(every_piece_is_aligned_and_none_overlaps_another)
	{
		struct arena arena = { 0 };
		uint8_t *pieces[2000];

		for (size_t i = 0; i < 2000; i++) {
			pieces[i] = arena_alloc(&arena, i % 200 + 1);
			ck_assert_uint_eq(
				(uintptr_t)pieces[i] % alignof(max_align_t), 0);
			memset(pieces[i], (int)(i & 0xff), i % 200 + 1);
		}
		for (size_t i = 0; i < 2000; i++)
			for (size_t k = 0; k < i % 200 + 1; k++)
				ck_assert_uint_eq(pieces[i][k], i & 0xff);
		arena_deinit(&arena);
	}
END_TEST

START_TEST(a_piece_larger_than_a_chunk_is_given)
	{
		struct arena arena = { 0 };
		char *small = arena_copy(&arena, "small", 6);
		char *large = arena_alloc(&arena, 1000000);

		memset(large, 'x', 1000000);
		ck_assert_str_eq(small, "small");
		ck_assert_str_eq((char *)arena_copy(&arena, "next", 5), "next");
		ck_assert_ptr_nonnull(arena_copy(&arena, NULL, 0));
		arena_deinit(&arena);
	}
END_TEST

START_TEST(a_reset_takes_all_back_and_keeps_one_chunk)
	{
		struct arena arena = { 0 };
		void *first = arena_alloc(&arena, 5000);

		for (int round = 0; round < 3; round++) {
			for (size_t i = 0; i < 100; i++)
				(void)arena_alloc(&arena, 5000);
			arena_reset(&arena);
			ck_assert_uint_eq(arena.n_bytes, 0);
			ck_assert_ptr_eq(arena_alloc(&arena, 5000), first);
		}
		arena_deinit(&arena);
		arena_deinit(&arena);
	}
END_TEST

/* From an empty arena, and from one with so many pieces. */
START_TEST(a_rewind_takes_back_what_was_given_since)
	{
		struct arena arena = { 0 }, before;
		char *piece = NULL;
		void *next;

		for (int i = 0; i < _i; i++)
			piece = arena_copy(&arena, "piece", 6);
		before = arena;
		next = arena_alloc(&arena, 100);
		for (size_t i = 0; i < 100; i++)
			(void)arena_alloc(&arena, 5000);
		arena_rewind(&arena, &before);
		ck_assert_uint_eq(arena.n_bytes, before.n_bytes);
		ck_assert_ptr_eq(arena_alloc(&arena, 100), next);
		if (piece)
			ck_assert_str_eq(piece, "piece");
		arena_deinit(&arena);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arena");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, every_piece_is_aligned_and_none_overlaps_another);
	tcase_add_test(tcase, a_piece_larger_than_a_chunk_is_given);
	tcase_add_test(tcase, a_reset_takes_all_back_and_keeps_one_chunk);
	tcase_add_loop_test(tcase, a_rewind_takes_back_what_was_given_since, 0,
			    3);
	return check_run(suite);
}
