/* SPDX-License-Identifier: MIT */
/* Rows: a file of COPY, cut into batches; see rows.h. Main thread. */
#include "infra/bench/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"

/* Signature, flags, length of the header's extension. */
static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
enum { HEADER_BYTES = sizeof(header) - 1 };

/* Places of the columns that are looked into. */
enum { STALL = 2, ITEMS = 4, PARTITION = 13, OFFSET = 14 };

struct column {
	const char *p;
	size_t n;
};

static int wrong(const char *path, const char *what)
{
	(void)fprintf(stderr, "bench: file '%s': %s\n", path, what);
	return ROWS_E_FILE;
}

static int64_t number(const char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | (uint8_t)p[i];
	return (int64_t)value;
}

/* One row at @p: its columns and its length; 0 when it is no whole row. */
static size_t read_row(const char *p, size_t n_left,
		       struct column ret[N_ROWS_COLUMNS])
{
	size_t at = 2;

	if (n_left < 2 || number(p, 2) != N_ROWS_COLUMNS)
		return 0;
	for (size_t i = 0; i < N_ROWS_COLUMNS; i++) {
		int32_t n;

		if (n_left - at < 4)
			return 0;
		n = (int32_t)number(p + at, 4);
		at += 4;
		ret[i] = (struct column){ p + at, n < 0 ? 0 : (size_t)n };
		if (n_left - at < ret[i].n)
			return 0;
		at += ret[i].n;
	}
	return at;
}

static size_t key_of(struct rows *rows, const struct column *stall,
		     const char *ingredient, size_t n_ingredient)
{
	struct rows_key *key;
	size_t i;

	for (i = 0; i < rows->n_keys; i++) {
		key = &rows->keys[i];
		if (strlen(key->stall) == stall->n &&
		    !memcmp(key->stall, stall->p, stall->n) &&
		    strlen(key->ingredient) == n_ingredient &&
		    !memcmp(key->ingredient, ingredient, n_ingredient))
			return i;
	}
	if (i == ROWS_KEYS_MAX)
		return i;
	key = &rows->keys[rows->n_keys++];
	(void)str_n_copy(key->stall, sizeof(key->stall), stall->p, stall->n);
	(void)str_n_copy(key->ingredient, sizeof(key->ingredient), ingredient,
			 n_ingredient);
	return i;
}

/* The value after "name": in an object of jsonb's own text; NULL: none. */
static const char *value_of(const char *p, const char *end, const char *name)
{
	const char *found = memmem(p, (size_t)(end - p), name, strlen(name));

	return found ? found + strlen(name) : NULL;
}

/* jsonb's form: a version byte, then [{"quantity": 1, "ingredient": "x"}]. */
static int take_items(struct rows *rows, struct rows_batch *batch,
		      const struct column *columns)
{
	const char *p = columns[ITEMS].p, *end = p + columns[ITEMS].n;

	while ((p = memchr(p, '{', (size_t)(end - p)))) {
		const char *close = memchr(p, '}', (size_t)(end - p));
		const char *name, *quantity, *quote;
		size_t key;
		int64_t n = 0;

		if (!close)
			return ROWS_E_FILE;
		name = value_of(p, close, "\"ingredient\": \"");
		quantity = value_of(p, close, "\"quantity\": ");
		quote = name ? memchr(name, '"', (size_t)(close - name)) : NULL;
		if (!quote || !quantity)
			return ROWS_E_FILE;
		for (; quantity < close && *quantity >= '0' && *quantity <= '9';
		     quantity++)
			n = n * 10 + (*quantity - '0');
		key = key_of(rows, &columns[STALL], name,
			     (size_t)(quote - name));
		if (key == ROWS_KEYS_MAX)
			return ROWS_E_FILE;
		batch->taken[key] += n;
		p = close;
	}
	return 0;
}

static int add_row(struct rows *rows, struct rows_batch *batch,
		   const struct column *columns, size_t n_bytes)
{
	int64_t partition = number(columns[PARTITION].p, columns[PARTITION].n);
	int64_t offset = number(columns[OFFSET].p, columns[OFFSET].n);

	if (partition < 0 || partition >= TOPIC_PARTITIONS)
		return ROWS_E_FILE;
	if (offset + 1 > batch->ends[partition])
		batch->ends[partition] = offset + 1;
	batch->n_bytes += n_bytes;
	batch->n_rows++;
	rows->n_rows++;
	return take_items(rows, batch, columns);
}

static int cut(struct rows *rows, const char *path, size_t n_per_batch)
{
	const char *p = rows->file.p + HEADER_BYTES;
	const char *end = rows->file.p + rows->file.n;
	struct column columns[N_ROWS_COLUMNS];
	struct rows_batch *batch = NULL;

	while (end - p > 2) {
		size_t n = read_row(p, (size_t)(end - p), columns);

		if (!n)
			return wrong(path, "is no COPY of orders");
		if (!batch || batch->n_rows == n_per_batch) {
			rows->batches = xreallocarray(rows->batches,
						      rows->n_batches + 1,
						      sizeof(*batch));
			batch = &rows->batches[rows->n_batches++];
			*batch = (struct rows_batch){ .p = p };
		}
		if (add_row(rows, batch, columns, n))
			return wrong(path, "has an order that makes no sense");
		p += n;
	}
	return rows->n_rows ? 0 : wrong(path, "has no rows");
}

static int read_file(struct buf *ret, const char *path)
{
	FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		return wrong(path, strerrordesc_np(errno));
	do {
		n = fread(buf_reserve(ret, 1 << 20), 1, 1 << 20, file);
		ret->n += n;
	} while (n);
	(void)fclose(file);
	if (ret->n < HEADER_BYTES + 2 || memcmp(ret->p, header, HEADER_BYTES))
		return wrong(path, "is no binary COPY");
	return 0;
}

int rows_load(struct rows *ret, const char *path, size_t n_per_batch)
{
	int r;

	*ret = (struct rows){ 0 };
	r = read_file(&ret->file, path);
	return r ? r : cut(ret, path, n_per_batch);
}

void rows_deinit(struct rows *rows)
{
	buf_deinit(&rows->file);
	free(rows->batches);
	*rows = (struct rows){ 0 };
}
