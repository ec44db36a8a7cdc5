/* SPDX-License-Identifier: MIT */
/* Any one thread. */
#include "itests/harness/commands.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "schemas/fixture.h"
#include "schemas/topics.h"

/* ---- making one ---- */

static int copy_header(void *arg, const char *name, const char *value, size_t n)
{
	struct command *command = arg;
	const char *copy = n ? arena_copy(&command->arena, value, n) : "";

	command_header(command, name, (struct text){ copy, n });
	return 0;
}

void command_header(struct command *command, const char *name,
		    struct text value)
{
	struct bus_record *record = &command->record;
	size_t i = 0;

	while (i < record->n_headers &&
	       strcmp(record->headers[i].name, name) != 0)
		i++;
	ck_assert_uint_lt(i, COMMAND_HEADERS_MAX);
	record->headers[i] = (struct bus_header){ name, value };
	if (i == record->n_headers)
		record->n_headers++;
}

void command_build(struct command *ret, const struct envelope *envelope,
		   const struct msgpack_writer *body)
{
	struct envelope written = *envelope;
	struct text key = envelope->subject;

	*ret = (struct command){
		.topic = topic_table[event_kinds[envelope->type].topic].name,
		.record.partition = -1,
	};
	ret->record.headers = ret->headers;
	ret->record.key =
		(struct text){ arena_copy(&ret->arena, key.p, key.n), key.n };
	ret->record.value = (struct text){ "", body->n };
	if (body->n)
		ret->record.value.p = arena_copy(&ret->arena, body->p, body->n);
	/* The key of two long names is longer than a header may be. */
	if (text_is_longer(key, TEXT_MAX_CHARS))
		written.subject = (struct text){ 0 };
	ck_assert(!envelope_write(&written, copy_header, ret));
}

static struct envelope envelope_of(enum event_type type, int version,
				   const char *event_id)
{
	struct envelope envelope;

	envelope_init(&envelope);
	envelope.type = type;
	envelope.version = version;
	envelope.id = text_of(event_id);
	envelope.source = TEXT("/itest");
	return envelope;
}

void command_order(struct command *ret, const struct order_placed *order,
		   int version, const char *event_id)
{
	struct envelope envelope =
		envelope_of(EVENT_ORDER_PLACED, version, event_id);
	uint8_t bytes[BODY_MAX_BYTES];
	struct msgpack_writer body = MSGPACK_WRITER_INIT(bytes);
	char id[ORDER_ID_CHARS + 1];

	envelope.subject = text_of(order_id_format(&order->order_id, id));
	envelope.customer = order->customer;
	envelope.stall = order->stall;
	if (version == 1 && !order->grill)
		envelope.grill = TEXT("false");
	ck_assert(!order_placed_encode(order, version, &body));
	command_build(ret, &envelope, &body);
}

static void command_stock(struct command *ret,
			  const struct stock_command *stock,
			  const char *event_id)
{
	struct envelope envelope =
		envelope_of(stock_command_type(stock->kind), 1, event_id);
	uint8_t bytes[4 * TEXT_MAX_BYTES];
	struct msgpack_writer body = MSGPACK_WRITER_INIT(bytes);
	char key[STOCK_KEY_BYTES];

	(void)snprintf(key, sizeof(key), "%.*s/%.*s", (int)stock->stall.n,
		       stock->stall.p, (int)stock->ingredient.n,
		       stock->ingredient.p);
	envelope.subject = text_of(key);
	envelope.stall = stock->stall;
	ck_assert(!stock_command_encode(stock, &body));
	command_build(ret, &envelope, &body);
}

void command_send(struct command *command, struct bus *bus)
{
	bus_send(bus, command->topic, &command->record, NULL);
	arena_deinit(&command->arena);
}

/* ---- good ones ---- */

struct order_id sample_order_id(uint32_t n)
{
	struct order_id id = { { 0x01, 0x8f, 0x3a, 0x1e, 0x7c, 0x2b, 0x7a, 0xbc,
				 0x8d, 0xef } };

	for (size_t i = sizeof(id.bytes); n; n >>= 8)
		id.bytes[--i] = (uint8_t)n;
	return id;
}

struct order_placed sample_order(uint32_t n)
{
	static const struct item items[] = { { TEXT_INIT("cheese"), 1 },
					     { TEXT_INIT("bread"), 2 } };

	return (struct order_placed){
		.order_id = sample_order_id(n),
		.doneness = DONENESS_LIGHT,
		.grill = true,
		.stall = TEXT("main"),
		.customer = TEXT("gita"),
		.items = items,
		.n_items = 2,
	};
}

void send_order(struct bus *bus, const struct order_placed *order, int version,
		const char *event_id)
{
	struct command command;

	command_order(&command, order, version, event_id);
	command_send(&command, bus);
}

static void command_sample(struct command *ret, uint32_t n, int version,
			   int32_t partition)
{
	const struct order_placed order = sample_order(n);
	char event_id[32];

	(void)snprintf(event_id, sizeof(event_id), "placed-%u", n);
	command_order(ret, &order, version, event_id);
	ret->record.partition = partition;
}

void send_orders(struct bus *bus, uint32_t first, uint32_t end,
		 int32_t partition)
{
	struct command command;

	for (uint32_t n = first; n < end; n++) {
		command_sample(&command, n, 2, partition);
		command_send(&command, bus);
	}
	bus_flush(bus);
}

void send_cancel(struct bus *bus, const struct order_id *id,
		 const char *customer, const char *event_id)
{
	const struct order_cancelled cancelled = { .order_id = *id,
						   .stall = TEXT("main"),
						   .customer =
							   text_of(customer) };
	struct envelope envelope =
		envelope_of(EVENT_ORDER_CANCELLED, 1, event_id);
	uint8_t bytes[2048];
	struct msgpack_writer body = MSGPACK_WRITER_INIT(bytes);
	char text[ORDER_ID_CHARS + 1];
	struct command command;

	envelope.subject = text_of(order_id_format(id, text));
	envelope.customer = cancelled.customer;
	envelope.stall = cancelled.stall;
	ck_assert(!order_cancelled_encode(&cancelled, &body));
	command_build(&command, &envelope, &body);
	command_send(&command, bus);
}

void send_stock(struct bus *bus, const struct stock_command *stock,
		const char *event_id)
{
	struct command command;

	command_stock(&command, stock, event_id);
	command_send(&command, bus);
}

void send_restock(struct bus *bus, const char *stall, const char *ingredient,
		  int32_t quantity, const char *event_id)
{
	const struct stock_command stock = { .kind = STOCK_COMMAND_ADDED,
					     .stall = text_of(stall),
					     .ingredient = text_of(ingredient),
					     .quantity = quantity };

	send_stock(bus, &stock, event_id);
}

void stock_up(struct world *world, int32_t quantity)
{
	struct bus *bus = world_bus(world);

	send_restock(bus, "main", "bread", quantity, "bread-1");
	send_restock(bus, "main", "cheese", quantity, "cheese-1");
	bus_flush(bus);
	db_wait(world->db, 2,
		"stock WHERE stall = 'main' AND "
		"ingredient IN ('bread', 'cheese')");
}

void wait_decided(struct world *world, int64_t n)
{
	db_wait(world->db, n, "orders");
}

int64_t stock_of(struct world *world, const char *ingredient)
{
	return db_i64(world->db,
		      "SELECT quantity FROM stock WHERE stall = 'main' AND "
		      "ingredient = '%s'",
		      ingredient);
}

char *digest_of(struct world *world)
{
	return db_text(
		world->db,
		"SELECT md5(coalesce(string_agg(line, E'\\n' ORDER BY line), "
		"'')) FROM (SELECT concat_ws('|', 'order', order_id, stall, "
		"customer, items, doneness, wants_grill, verdict, missing, "
		"o.cancelled, returned, t.state) FROM order_view o "
		"LEFT JOIN toasties t USING (order_id, stall, customer, "
		"doneness) "
		"UNION ALL SELECT concat_ws('|', 'stock', stall, ingredient, "
		"quantity) FROM stock "
		"UNION ALL SELECT concat_ws('|', 'change', stall, ingredient, "
		"kind, delta) FROM stock_changes "
		"UNION ALL SELECT concat_ws('|', 'dead', reason, event_id) "
		"FROM dead_letters) AS lines(line)");
}

/* ---- hostile ones ---- */

static char *letters_of(size_t n)
{
	char *letters = xmalloc(n + 1);

	memset(letters, 'A', n);
	letters[n] = '\0';
	return letters;
}

void send_poison(struct bus *bus, const struct hostile_poison *poison)
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

	bus_send(bus, "orders", &record, NULL);
}

void send_large(struct bus *bus, const struct hostile_order *order)
{
	CLEANUP(cleanup_free) char *letters = letters_of(HOSTILE_BYTES);
	struct command command;

	command_sample(&command, order->n, 2, order->partition);
	if (order->in_key)
		command.record.key = text_of(letters);
	else
		command_header(&command, "note", text_of(letters));
	if (order->poisoned)
		command.record.value = TEXT(HOSTILE_BODY);
	command_send(&command, bus);
}

void send_long_lines(struct bus *bus, uint32_t n, int32_t partition)
{
	CLEANUP(cleanup_free)
	char(*names)[TEXT_MAX_BYTES] = xcalloc(ORDER_ITEMS_MAX, sizeof(*names));
	struct order_placed order = sample_order(n);
	struct item items[ORDER_ITEMS_MAX];
	struct command command;
	char event_id[32];

	for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
		items[i].ingredient = fixture_longest(names[i], (uint64_t)i);
		items[i].quantity = 1;
	}
	order.items = items;
	order.n_items = ORDER_ITEMS_MAX;
	(void)snprintf(event_id, sizeof(event_id), "placed-%u", n);
	command_order(&command, &order, 1, event_id);
	command.record.partition = partition;
	command_send(&command, bus);
}

void send_long_restock(struct bus *bus, uint32_t n)
{
	char names[3][TEXT_MAX_BYTES + 1] = { 0 };
	struct command command;

	for (uint32_t i = 0; i < 3; i++)
		(void)fixture_longest(names[i], 3 * n + i + 1);
	command_stock(&command,
		      &(struct stock_command){ .kind = STOCK_COMMAND_ADDED,
					       .stall = TEXT("main"),
					       .ingredient = text_of(names[0]),
					       .quantity = 1 },
		      names[1]);
	command_header(&command, "ce_source", text_of(names[2]));
	command_send(&command, bus);
}
