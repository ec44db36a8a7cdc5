/* SPDX-License-Identifier: MIT */
/*
 * Whatever a record makes a worker keep counts: key, value, headers, and the
 * facts that follow from it. A worker that comes to a log full of the worst
 * of them stays near the size of an idle one.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define N_LARGE 240
#define LARGE_BYTES ((size_t)900 << 10)
#define HEADERS_MAX 32
#define N_LINES 60
#define BOUND_KBYTES (64 * 1024)

/* What makes the @n-th of them large: a header that nobody reads, or the key.
 * Every other one is a poison. */
static void make_large(struct bus_record *record, struct bus_header *headers,
		       uint32_t n, struct text letters)
{
	memcpy(headers, record->headers,
	       record->n_headers * sizeof(*record->headers));
	record->headers = headers;
	record->partition = (int32_t)(n % TOPIC_PARTITIONS);
	if (n % 4 < 2)
		headers[record->n_headers++] =
			(struct bus_header){ "note", letters };
	else
		record->key = letters;
	if (n % 2)
		record->value = TEXT("\x81\xa8order_id\x07");
}

static void send_large(struct bus *bus)
{
	char *letters = xmalloc(LARGE_BYTES);
	struct arena arena = { 0 };

	memset(letters, 'A', LARGE_BYTES);
	for (uint32_t n = 0; n < N_LARGE; n++) {
		const struct order_placed order = order_of(n);
		struct bus_header headers[HEADERS_MAX];
		struct bus_record record;

		bus_order_record(&arena, &order, 2, "placed", &record);
		make_large(&record, headers, n,
			   (struct text){ letters, LARGE_BYTES });
		bus_send(bus, "orders", &record, NULL);
		arena_reset(&arena);
	}
	bus_flush(bus);
	arena_deinit(&arena);
	free(letters);
}

/* Of version 1 and refused: each line is a fact of its own, and each of them
 * names all that is missing. */
static void send_lines(struct bus *bus)
{
	char(*names)[TEXT_MAX_BYTES] = xcalloc(ORDER_ITEMS_MAX, sizeof(*names));
	struct item items[ORDER_ITEMS_MAX];

	for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
		for (size_t k = 0; k < TEXT_MAX_BYTES; k += 4)
			memcpy(names[i] + k, "\xf0\x9f\xa5\xaa", 4);
		names[i][TEXT_MAX_BYTES - 1] = (char)(0x80 + i);
		items[i] = (struct item){ { names[i], TEXT_MAX_BYTES }, 1 };
	}
	for (uint32_t n = 0; n < N_LINES; n++) {
		struct order_placed order = order_of(n);

		order.items = items;
		order.n_items = ORDER_ITEMS_MAX;
		bus_order(bus, &order, 1, "lines", NULL);
	}
	bus_flush(bus);
	free(names);
}

/* An idle one is measured; then it comes to all that @send sends. */
static void expect_bounded(const char *name, void (*send)(struct bus *),
			   int64_t n_orders)
{
	CLEANUP(world_freep) struct world *world = world_new(name);
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);
	struct program *chillybin;
	int64_t idle_kbytes;

	/* Facts of version 1 are the larger ones. */
	chillybin =
		world_start(world, "chillybin-1", "PICK_V2_PERCENT=0", NULL);
	orders_stock_up(world, bus);
	(void)program_wait_ready(chillybin, PATIENCE_MS);
	idle_kbytes = program_memory_kbytes(chillybin, "Rss");
	(void)program_stop(chillybin);
	send(bus);
	program_start(chillybin);
	orders_wait_decided(world, n_orders, PATIENCE_MS);
	world_settle(world, PATIENCE_MS);
	suite_note("%s: %" PRId64 " KiB idle, %" PRId64 " KiB at the most",
		   world->name, idle_kbytes,
		   program_expect_peak(chillybin, idle_kbytes, BOUND_KBYTES));
	ck_assert_int_eq(
		check_world(world, &(struct check_params){ 0 }).n_orders,
		n_orders);
}

START_TEST(records_with_large_headers_and_keys_do_not_fill_the_memory)
	{
		expect_bounded(__func__, send_large, N_LARGE / 2);
	}
END_TEST

START_TEST(refusals_that_name_much_do_not_fill_the_memory)
	{
		expect_bounded(__func__, send_lines, N_LINES);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		records_with_large_headers_and_keys_do_not_fill_the_memory,
		refusals_that_name_much_do_not_fill_the_memory,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
