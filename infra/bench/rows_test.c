/* SPDX-License-Identifier: MIT */
/* Rows: a file of COPY is cut into batches that say what they take. */
#include <stdio.h>
#include <unistd.h>

#include "infra/bench/rows.h"
#include "infra/lib/check_fixture.h"
#include "infra/lib/pg.h"

static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
static char path[] = "/tmp/rows-test.XXXXXX";

static void setup(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

static void teardown(void)
{
	(void)unlink(path);
}

/* Only the columns that are looked into have a value. */
static void add_row(struct buf *file, const char *stall, const char *items,
		    int32_t partition, int64_t offset)
{
	pg_copy_row(file, N_ROWS_COLUMNS);
	for (int i = 0; i < N_ROWS_COLUMNS; i++) {
		if (i == 2)
			pg_put_text(file, stall, strlen(stall));
		else if (i == 4)
			pg_put_jsonb(file, items, strlen(items));
		else if (i == 13)
			pg_put_i32(file, partition);
		else if (i == 14)
			pg_put_i64(file, offset);
		else
			pg_put_null(file);
	}
}

#define CHEESE(n) "{\"quantity\": " n ", \"ingredient\": \"cheese\"}"
#define BREAD(n) "{\"quantity\": " n ", \"ingredient\": \"bread\"}"

static int load(struct rows *ret, const struct buf *file, size_t n_bytes)
{
	FILE *handle = fopen(path, "we");

	ck_assert_ptr_nonnull(handle);
	ck_assert_uint_eq(fwrite(file->p, 1, n_bytes, handle), n_bytes);
	ck_assert_int_eq(fclose(handle), 0);
	return rows_load(ret, path, 2);
}

static void end_file(struct buf *file)
{
	buf_add(file, "\377\377", 2);
}

START_TEST(a_batch_says_what_it_takes_and_where_it_ends)
	{
		struct buf file = { 0 };
		struct rows rows;

		buf_add(&file, header, sizeof(header) - 1);
		add_row(&file, "main", "[" CHEESE("2") ", " BREAD("10") "]", 3,
			7);
		add_row(&file, "main", "[" CHEESE("1") "]", 3, 5);
		add_row(&file, "west", "[" CHEESE("4") "]", 0, 0);
		end_file(&file);
		ck_assert_int_eq(load(&rows, &file, file.n), 0);
		ck_assert_uint_eq(rows.n_rows, 3);
		ck_assert_uint_eq(rows.n_batches, 2);
		ck_assert_uint_eq(rows.n_keys, 3);
		ck_assert_str_eq(rows.keys[0].ingredient, "cheese");
		ck_assert_str_eq(rows.keys[1].ingredient, "bread");
		ck_assert_str_eq(rows.keys[2].stall, "west");
		ck_assert_int_eq(rows.batches[0].taken[0], 3);
		ck_assert_int_eq(rows.batches[0].taken[1], 10);
		ck_assert_int_eq(rows.batches[0].taken[2], 0);
		ck_assert_int_eq(rows.batches[0].ends[3], 8);
		ck_assert_int_eq(rows.batches[0].ends[0], 0);
		ck_assert_int_eq(rows.batches[1].taken[2], 4);
		ck_assert_int_eq(rows.batches[1].ends[0], 1);
		/* Both together are every row, and nothing but rows. */
		ck_assert_uint_eq(rows.batches[0].n_bytes +
					  rows.batches[1].n_bytes,
				  file.n - (sizeof(header) - 1) - 2);
		rows_deinit(&rows);
		buf_deinit(&file);
	}
END_TEST

START_TEST(a_file_that_ends_in_the_middle_is_refused)
	{
		struct buf file = { 0 };
		struct rows rows;

		buf_add(&file, header, sizeof(header) - 1);
		add_row(&file, "main", "[" CHEESE("2") "]", 3, 7);
		/* All but the last bytes, which look like the end of a file. */
		for (size_t n = 0; n + 2 < file.n; n++) {
			ck_assert_int_eq(load(&rows, &file, n), ROWS_E_FILE);
			rows_deinit(&rows);
		}
		buf_deinit(&file);
	}
END_TEST

static const struct {
	const char *items;
	int32_t partition;
} wrong[] = {
	{ "[" CHEESE("1") "]", -1 },
	{ "[" CHEESE("1") "]", TOPIC_PARTITIONS },
	{ "[{\"quantity\": 1}]", 0 },
	{ "[{\"ingredient\": \"cheese\"}]", 0 },
	{ "[{\"quantity\": 1, \"ingredient\": \"cheese", 0 },
};

START_TEST(an_order_that_makes_no_sense_is_refused)
	{
		struct buf file = { 0 };
		struct rows rows;

		buf_add(&file, header, sizeof(header) - 1);
		add_row(&file, "main", wrong[_i].items, wrong[_i].partition, 0);
		end_file(&file);
		ck_assert_int_eq(load(&rows, &file, file.n), ROWS_E_FILE);
		rows_deinit(&rows);
		buf_deinit(&file);
	}
END_TEST

START_TEST(a_file_that_is_not_there_is_refused)
	{
		struct rows rows;

		ck_assert_int_eq(rows_load(&rows, "/nonexistent", 2),
				 ROWS_E_FILE);
		rows_deinit(&rows);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rows");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_batch_says_what_it_takes_and_where_it_ends);
	tcase_add_test(tcase, a_file_that_ends_in_the_middle_is_refused);
	tcase_add_loop_test(tcase, an_order_that_makes_no_sense_is_refused, 0,
			    CHECK_N(wrong));
	tcase_add_test(tcase, a_file_that_is_not_there_is_refused);
	return check_run(suite);
}
