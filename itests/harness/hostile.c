/* SPDX-License-Identifier: MIT */
/* Hostile: see hostile.h. Any one thread. */
#include "itests/harness/hostile.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "itests/harness/orders.h"

#define HEADERS_MAX 32

static char *letters_of(size_t n)
{
	char *letters = xmalloc(n + 1);

	memset(letters, 'A', n);
	letters[n] = '\0';
	return letters;
}

void hostile_poison(struct foreign *foreign,
		    const struct hostile_poison *poison,
		    struct bus_position *ret)
{
	CLEANUP(cleanup_free) char *value = letters_of(poison->value_bytes);
	CLEANUP(cleanup_free) char *note = letters_of(poison->header_bytes);
	struct bus_header headers[] = {
		{ "ce_specversion", TEXT("1.0") },
		{ "ce_id", text_of(poison->name) },
		{ "ce_source", TEXT("/itest") },
		{ "ce_type", TEXT("galore.order.eaten") },
		{ "schema-version", TEXT("1") },
		{ "note", { note, poison->header_bytes } },
	};
	const struct bus_record record = {
		.partition = poison->partition,
		.key = text_of(poison->name),
		.value = { value, poison->value_bytes },
		.headers = headers,
		.n_headers = sizeof(headers) / sizeof(headers[0]),
	};

	foreign_send(foreign, "orders", &record, ret);
}

struct large {
	struct arena arena;
	struct bus_header headers[HEADERS_MAX];
	struct bus_record record;
	char *letters;
};

static void large_init(struct large *large, uint32_t n, int32_t partition,
		       const char *body)
{
	const struct order_placed order = order_of(n);
	struct bus_record *record = &large->record;
	char event_id[32];

	large->arena = (struct arena){ 0 };
	large->letters = letters_of(HOSTILE_BYTES);
	(void)snprintf(event_id, sizeof(event_id), "placed-%u", n);
	bus_order_record(&large->arena, &order, 2, event_id, record);
	memcpy(large->headers, record->headers,
	       record->n_headers * sizeof(*record->headers));
	record->headers = large->headers;
	record->partition = partition;
	if (body)
		record->value = text_of(body);
}

static void large_deinit(struct large *large)
{
	arena_deinit(&large->arena);
	free(large->letters);
}

void hostile_header(struct bus *bus, uint32_t n, int32_t partition,
		    const char *body)
{
	struct large large;

	large_init(&large, n, partition, body);
	large.headers[large.record.n_headers++] =
		(struct bus_header){ "note", text_of(large.letters) };
	bus_send(bus, "orders", &large.record, NULL);
	large_deinit(&large);
}

void hostile_key(struct bus *bus, uint32_t n, int32_t partition,
		 const char *body)
{
	struct large large;

	large_init(&large, n, partition, body);
	large.record.key = text_of(large.letters);
	bus_send(bus, "orders", &large.record, NULL);
	large_deinit(&large);
}

void hostile_lines(struct bus *bus, uint32_t n, int32_t partition)
{
	CLEANUP(cleanup_free)
	char(*names)[TEXT_MAX_BYTES] = xcalloc(ORDER_ITEMS_MAX, sizeof(*names));
	struct order_placed order = order_of(n);
	struct item items[ORDER_ITEMS_MAX];
	struct arena arena = { 0 };
	struct bus_record record;
	char event_id[32];

	for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
		for (size_t k = 0; k < TEXT_MAX_BYTES; k += 4)
			memcpy(names[i] + k, "\xf0\x9f\xa5\xaa", 4);
		names[i][TEXT_MAX_BYTES - 1] = (char)(0x80 + i);
		items[i] = (struct item){ { names[i], TEXT_MAX_BYTES }, 1 };
	}
	order.items = items;
	order.n_items = ORDER_ITEMS_MAX;
	(void)snprintf(event_id, sizeof(event_id), "placed-%u", n);
	bus_order_record(&arena, &order, 1, event_id, &record);
	record.partition = partition;
	bus_send(bus, "orders", &record, NULL);
	arena_deinit(&arena);
}

/* Characters of four bytes, all of them different. */
static struct text long_name(char ret[TEXT_MAX_BYTES + 1], uint32_t seed)
{
	size_t n = 0;

	for (int i = 0; i < TEXT_MAX_CHARS; i++) {
		uint32_t c;

		seed = seed * 1664525 + 1013904223;
		c = 0x10000 + (seed >> 8) % 0x80000;
		ret[n++] = (char)(0xf0 | c >> 18);
		ret[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		ret[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[n++] = (char)(0x80 | (c & 0x3f));
	}
	ret[n] = '\0';
	return (struct text){ ret, n };
}

void hostile_restock(struct bus *bus, uint32_t n)
{
	char ingredient[TEXT_MAX_BYTES + 1], event[TEXT_MAX_BYTES + 1];
	char source[TEXT_MAX_BYTES + 1];
	const struct stock_command command = {
		.kind = STOCK_COMMAND_ADDED,
		.stall = TEXT("main"),
		.ingredient = long_name(ingredient, 3 * n),
		.quantity = 1,
	};
	struct arena arena = { 0 };
	struct bus_record record;

	(void)long_name(event, 3 * n + 1);
	bus_stock_record(&arena, &command, event, &record);
	for (size_t i = 0; i < record.n_headers; i++)
		if (!strcmp(record.headers[i].name, "ce_source"))
			record.headers[i].value = long_name(source, 3 * n + 2);
	bus_send(bus, "restocks", &record, NULL);
	arena_deinit(&arena);
}
