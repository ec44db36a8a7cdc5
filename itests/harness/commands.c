/* SPDX-License-Identifier: MIT */
/* Any one thread. */
#include "itests/harness/commands.h"

#include <check.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "schemas/fixture.h"
#include "schemas/topics.h"

/* ---- making one ---- */

static int copy_header(void *arg, const char *name, const char *value, size_t n)
{
	struct draft *draft = arg;
	const char *copy = n ? arena_copy(&draft->arena, value, n) : "";

	draft_header(draft, name, (struct text){ copy, n });
	return 0;
}

void draft_header(struct draft *draft, const char *name, struct text value)
{
	struct bus_record *record = &draft->record;
	size_t i = 0;

	while (i < record->n_headers &&
	       strcmp(record->headers[i].name, name) != 0)
		i++;
	ck_assert_uint_lt(i, DRAFT_HEADERS_MAX);
	record->headers[i] = (struct bus_header){ name, value };
	if (i == record->n_headers)
		record->n_headers++;
}

void draft_build(struct draft *ret, struct text key,
		 const struct envelope *envelope,
		 const struct msgpack_writer *body)
{
	*ret = (struct draft){
		.topic = topic_table[event_kinds[envelope->type].topic].name,
		.record.partition = -1,
	};
	ret->record.headers = ret->headers;
	ret->record.key =
		(struct text){ arena_copy(&ret->arena, key.p, key.n), key.n };
	ret->record.value = (struct text){ "", body->n };
	if (body->n)
		ret->record.value.p = arena_copy(&ret->arena, body->p, body->n);
	ck_assert(!envelope_write(envelope, copy_header, ret));
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

void draft_order(struct draft *ret, const struct order_placed *order,
		 int version, const char *event_id)
{
	struct envelope envelope =
		envelope_of(EVENT_ORDER_PLACED, version, event_id);
	uint8_t bytes[BODY_MAX_BYTES];
	struct msgpack_writer body = MSGPACK_WRITER_INIT(bytes);
	char id[ORDER_ID_CHARS + 1];

	(void)order_id_format(&order->order_id, id);
	if (!event_id)
		envelope.id = text_of(id);
	envelope.customer = order->customer;
	if (version == 1)
		order_placed_headers_v1(order, &envelope);
	ck_assert(!order_placed_encode(order, version, &body));
	draft_build(ret, text_of(id), &envelope, &body);
}

static void draft_stock(struct draft *ret, const struct stock_command *stock,
			const char *event_id)
{
	struct envelope envelope =
		envelope_of(stock_command_type(stock->kind), 1, event_id);
	uint8_t bytes[4 * TEXT_MAX_BYTES];
	struct msgpack_writer body = MSGPACK_WRITER_INIT(bytes);
	char key[STOCK_KEY_BYTES];

	ck_assert(!stock_command_encode(stock, &body));
	draft_build(ret, stock_key(key, stock->stall, stock->ingredient),
		    &envelope, &body);
}

void draft_send(struct draft *draft, struct bus *bus)
{
	bus_send(bus, draft->topic, &draft->record, NULL);
	arena_deinit(&draft->arena);
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
	struct draft draft;

	draft_order(&draft, order, version, event_id);
	draft_send(&draft, bus);
}

static void draft_sample(struct draft *ret, uint32_t n, int32_t partition)
{
	const struct order_placed order = sample_order(n);

	draft_order(ret, &order, 2, NULL);
	ret->record.partition = partition;
}

void send_orders(struct bus *bus, uint32_t first, uint32_t end,
		 int32_t partition)
{
	struct draft draft;

	for (uint32_t n = first; n < end; n++) {
		draft_sample(&draft, n, partition);
		draft_send(&draft, bus);
	}
	bus_flush(bus);
}

void send_to_each(struct world *world, uint32_t first, int32_t but)
{
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		if (i != but)
			send_orders(world_bus(world), first + (uint32_t)i,
				    first + (uint32_t)i + 1, i);
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
	struct draft draft;

	envelope.customer = cancelled.customer;
	envelope.stall = cancelled.stall;
	ck_assert(!order_cancelled_encode(&cancelled, &body));
	draft_build(&draft, text_of(order_id_format(id, text)), &envelope,
		    &body);
	draft_send(&draft, bus);
}

void send_stock(struct bus *bus, const struct stock_command *stock,
		const char *event_id)
{
	struct draft draft;

	draft_stock(&draft, stock, event_id);
	draft_send(&draft, bus);
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

struct program *open_stocked(struct world *world)
{
	struct program *chillybin = world_start_ready(world, "chillybin-1");

	stock_up(world, 1000000);
	return chillybin;
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
	struct draft draft;

	draft_sample(&draft, order->n, order->partition);
	if (order->in_key)
		draft.record.key = text_of(letters);
	else
		draft_header(&draft, "note", text_of(letters));
	if (order->poisoned)
		draft.record.value = TEXT(HOSTILE_BODY);
	draft_send(&draft, bus);
}

void send_long_lines(struct bus *bus, uint32_t n, int32_t partition)
{
	CLEANUP(cleanup_free)
	char(*names)[TEXT_MAX_BYTES] = xcalloc(ORDER_ITEMS_MAX, sizeof(*names));
	struct order_placed order = sample_order(n);
	struct item items[ORDER_ITEMS_MAX];
	struct draft draft;

	for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
		items[i].ingredient = fixture_longest(names[i], (uint64_t)i);
		items[i].quantity = 1;
	}
	order.items = items;
	order.n_items = ORDER_ITEMS_MAX;
	draft_order(&draft, &order, 1, NULL);
	draft.record.partition = partition;
	draft_send(&draft, bus);
}

void send_long_restock(struct bus *bus, uint32_t n)
{
	char names[3][TEXT_MAX_BYTES + 1] = { 0 };
	struct draft draft;

	for (uint32_t i = 0; i < 3; i++)
		(void)fixture_longest(names[i], 3 * n + i + 1);
	draft_stock(&draft,
		    &(struct stock_command){ .kind = STOCK_COMMAND_ADDED,
					     .stall = TEXT("main"),
					     .ingredient = text_of(names[0]),
					     .quantity = 1 },
		    names[1]);
	draft_header(&draft, "ce_source", text_of(names[2]));
	draft_send(&draft, bus);
}
