/* SPDX-License-Identifier: MIT */
/*
 * Floor: how quickly one connection can have the effect of a drain.
 *
 * The same rows, in the same order, by COPY BINARY; then in one message the
 * summed stock, the compare-and-set of the positions and the commit. Nothing
 * is read, decoded, decided or published, and one batch follows the other
 * without waiting for anything but Postgres. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "infra/bench/bench.h"
#include "infra/bench/rows.h"
#include "infra/lib/clock.h"

#define TIMEOUT_MS 60000

/* -> the epoch of each partition's position */
static const struct pg_statement take_over = {
	.name = "floor_take_over",
	.sql = "SELECT partition, epoch FROM take_over('chillybin', 'blue', "
	       "'floor', array_fill('orders'::text, ARRAY[$1::int]), "
	       "(SELECT array_agg(p) FROM generate_series(0, $1::int - 1) AS "
	       "p))",
	.n_args = 1,
};

static const struct pg_statement take_stock = {
	.name = "floor_take_stock",
	.sql = "SELECT take_stock($1, $2, $3, $4)",
	.n_args = 4,
};

static const struct pg_statement move_positions = {
	.name = "floor_move_positions",
	.sql = "SELECT move_positions('chillybin', $1, $2, $3, $4, $5, $6, $7)",
	.n_args = 7,
};

struct floor {
	struct pg *pg;
	struct rows rows;
	int64_t epochs[TOPIC_PARTITIONS];
	int64_t next[TOPIC_PARTITIONS];
	struct pg_args stock, positions;
	struct pg_array arrays[7];
};

static int raise_epochs(struct floor *floor)
{
	struct pg_args args = { 0 };
	int i, r;

	pg_put_i32(pg_arg(&args), TOPIC_PARTITIONS);
	i = pg_add(floor->pg, &take_over, &args);
	r = pg_run(floor->pg, TIMEOUT_MS);
	for (int row = 0; !r && row < pg_n_rows(floor->pg, i); row++)
		floor->epochs[pg_i64(floor->pg, i, row, 0)] =
			pg_i64(floor->pg, i, row, 1);
	pg_args_deinit(&args);
	return r;
}

static void reset_arrays(struct floor *floor)
{
	for (size_t i = 0; i < 7; i++)
		pg_array_reset(&floor->arrays[i]);
}

static void put_word(struct pg_array *array, const char *word)
{
	pg_put_text(pg_element(array), word, strlen(word));
}

static void add_stock(struct floor *floor, const struct rows_batch *batch)
{
	struct pg_array *arrays = floor->arrays;

	reset_arrays(floor);
	pg_args_reset(&floor->stock);
	for (size_t i = 0; i < floor->rows.n_keys; i++) {
		if (!batch->taken[i])
			continue;
		put_word(&arrays[0], floor->rows.keys[i].stall);
		put_word(&arrays[1], floor->rows.keys[i].ingredient);
		pg_put_i64(pg_element(&arrays[2]), -batch->taken[i]);
		pg_put_null(pg_element(&arrays[3]));
	}
	pg_arg_array(&floor->stock, PG_TEXT, &arrays[0]);
	pg_arg_array(&floor->stock, PG_TEXT, &arrays[1]);
	pg_arg_array(&floor->stock, PG_INT8, &arrays[2]);
	pg_arg_array(&floor->stock, PG_INT8, &arrays[3]);
	(void)pg_add(floor->pg, &take_stock, &floor->stock);
}

static void add_positions(struct floor *floor, const struct rows_batch *batch)
{
	static const enum pg_type types[7] = { PG_TEXT, PG_TEXT, PG_INT4,
					       PG_INT8, PG_INT8, PG_INT8,
					       PG_INT8 };
	struct pg_array *arrays = floor->arrays;
	int64_t end;

	reset_arrays(floor);
	pg_args_reset(&floor->positions);
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++) {
		if (!batch->ends[i])
			continue;
		put_word(&arrays[0], "stable");
		put_word(&arrays[1], "orders");
		pg_put_i32(pg_element(&arrays[2]), i);
		pg_put_i64(pg_element(&arrays[3]), floor->epochs[i]);
		pg_put_i64(pg_element(&arrays[4]), floor->next[i]);
		/* Rows need not stand in the file as they stood on the topic.
		 */
		end = batch->ends[i] > floor->next[i] ? batch->ends[i]
						      : floor->next[i];
		pg_put_i64(pg_element(&arrays[5]), end);
		pg_put_i64(pg_element(&arrays[6]), floor->next[i]);
		floor->next[i] = end;
	}
	for (size_t i = 0; i < 7; i++)
		pg_arg_array(&floor->positions, types[i], &arrays[i]);
	(void)pg_add(floor->pg, &move_positions, &floor->positions);
}

static int write_batch(struct floor *floor, const struct rows_batch *batch)
{
	struct pg *pg = floor->pg;
	int r = pg_copy_begin(pg,
			      "BEGIN; COPY orders (" ROWS_COLUMNS
			      ") FROM STDIN (FORMAT binary)",
			      TIMEOUT_MS);

	if (!r)
		r = pg_copy_put(pg, batch->p, batch->n_bytes, TIMEOUT_MS);
	if (!r)
		r = pg_copy_end(pg, TIMEOUT_MS);
	if (r)
		return r;
	add_stock(floor, batch);
	add_positions(floor, batch);
	(void)pg_add(pg, &pg_commit, NULL);
	return pg_run(pg, TIMEOUT_MS);
}

static int64_t cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int write_all(struct floor *floor)
{
	const struct rows *rows = &floor->rows;
	size_t from = rows->n_batches / 10, to = rows->n_batches * 9 / 10;
	int64_t from_us = 0, to_us = 0, cpu = cpu_us();
	size_t n_middle = 0;
	int r = 0;

	for (size_t i = 0; !r && i < rows->n_batches; i++) {
		if (i == from)
			from_us = clock_now_us();
		r = write_batch(floor, &rows->batches[i]);
		if (i >= from && i < to)
			n_middle += rows->batches[i].n_rows;
		if (i + 1 == to)
			to_us = clock_now_us();
	}
	if (r)
		return r;
	cpu = cpu_us() - cpu;
	(void)printf("{\"orders\":%zu,\"batches\":%zu,\"per_second\":%.0f,"
		     "\"cpu_us\":%.3f}\n",
		     rows->n_rows, rows->n_batches,
		     to_us > from_us ? (double)n_middle * 1e6 /
					       (double)(to_us - from_us)
				     : 0.0,
		     (double)cpu / (double)rows->n_rows);
	return 0;
}

int bench_floor(const struct conf *conf)
{
	struct floor floor = { 0 };
	int r = bench_connect(&floor.pg, conf);

	if (!r)
		r = rows_load(&floor.rows, conf->rows, (size_t)conf->batch);
	if (r)
		r = r > 0 ? BENCH_E_FAILED : r;
	else if ((r = raise_epochs(&floor)) || (r = write_all(&floor)))
		r = bench_pg_failed(floor.pg, r);
	for (size_t i = 0; i < 7; i++)
		pg_array_deinit(&floor.arrays[i]);
	pg_args_deinit(&floor.stock);
	pg_args_deinit(&floor.positions);
	rows_deinit(&floor.rows);
	floor.pg = pg_free(floor.pg);
	return r;
}
