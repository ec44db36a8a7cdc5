/* SPDX-License-Identifier: MIT */
/* Sent: slots and lines; see sent.h. Main thread. */
#include "producers/stampede/sent.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "producers/stampede/random.h"

/* Ids that are not orders' follow from seeds of their own. */
#define POISON_SEED UINT64_C(0x706f69736f6e)
#define RESTOCK_SEED UINT64_C(0x726573746f636b)

void sent_init(struct sent_slots *slots, size_t n)
{
	*slots = (struct sent_slots){ .all = xcalloc(n, sizeof(*slots->all)),
				      .n = n };
	for (size_t i = n; i-- > 0;) {
		slots->all[i].next = slots->free;
		slots->free = &slots->all[i];
	}
}

void sent_deinit(struct sent_slots *slots)
{
	free(slots->all);
	*slots = (struct sent_slots){ 0 };
}

struct sent *sent_take(struct sent_slots *slots)
{
	struct sent *sent = slots->free;

	if (!sent)
		return NULL;
	slots->free = sent->next;
	*sent = (struct sent){ .taken = true };
	return sent;
}

void sent_give(struct sent_slots *slots, struct sent *sent)
{
	assert(sent->taken);
	sent->taken = false;
	sent->next = slots->free;
	slots->free = sent;
}

const char *sent_kind_name(enum sent_kind kind)
{
	static const char *const names[] = {
		[SENT_ORDER] = "order",
		[SENT_DUPLICATE] = "duplicate",
		[SENT_POISON] = "poison",
		[SENT_RESTOCK] = "restock",
	};

	return names[kind];
}

/* A version 4 UUID from a stream of its own. */
static void make_id(uint64_t seed, uint64_t index, char ret[ORDER_ID_CHARS + 1])
{
	struct random random = random_at(seed, index);
	uint64_t words[2] = { random_next(&random), random_next(&random) };
	struct order_id id;

	memcpy(id.bytes, words, sizeof(id.bytes));
	id.bytes[6] = (uint8_t)(0x40 | (id.bytes[6] & 0x0f));
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
	(void)order_id_format(&id, ret);
}

void sent_restock(const struct orders *orders, uint64_t index,
		  struct restock *ret)
{
	ret->stall = orders_stall(orders, index / N_INGREDIENTS);
	ret->ingredient = ingredient_names[index % N_INGREDIENTS];
	make_id(orders->seed ^ RESTOCK_SEED, index, ret->id);
}

void sent_poison_id(const struct orders *orders, uint64_t index,
		    char ret[ORDER_ID_CHARS + 1])
{
	make_id(orders->seed ^ POISON_SEED, index, ret);
}

/* A JSON string; what is no plain character is escaped. */
static void text(struct buf *ret, const char *name, struct text value)
{
	buf_printf(ret, ",\"%s\":\"", name);
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c == '"' || c == '\\')
			buf_printf(ret, "\\%c", c);
		else if (c < 0x20)
			buf_printf(ret, "\\u%04x", c);
		else
			buf_add(ret, &value.p[i], 1);
	}
	buf_text(ret, "\"");
}

static void order_line(const struct orders *orders, const struct sent *sent,
		       struct buf *ret)
{
	struct made_order made;

	orders_make(orders, sent->index, &made);
	text(ret, "id", text_of(made.id));
	text(ret, "stall", made.order.stall);
	if (made.order.customer.n)
		text(ret, "customer", made.order.customer);
	buf_text(ret, ",\"items\":{");
	for (size_t i = 0; i < made.order.n_items; i++)
		buf_printf(ret, "%s\"%s\":%" PRId32, i ? "," : "",
			   made.items[i].ingredient.p, made.items[i].quantity);
	buf_printf(ret, "},\"doneness\":\"%s\",\"grill\":%s,\"version\":%d",
		   doneness_name(made.order.doneness),
		   made.order.grill ? "true" : "false", made.order.version);
}

static void poison_line(const struct orders *orders, const struct sent *sent,
			struct buf *ret)
{
	char id[ORDER_ID_CHARS + 1];

	sent_poison_id(orders, sent->index, id);
	text(ret, "id", text_of(id));
	text(ret, "sort", text_of(poison_name(sent->poison)));
}

static void restock_line(const struct orders *orders, const struct sent *sent,
			 int64_t restock, struct buf *ret)
{
	struct restock row;

	sent_restock(orders, sent->index, &row);
	text(ret, "id", text_of(row.id));
	text(ret, "stall", row.stall);
	buf_printf(ret, ",\"items\":{\"%s\":%" PRId64 "},\"version\":1",
		   row.ingredient.p, restock);
}

void sent_line(const struct orders *orders, const struct sent *sent,
	       int64_t restock, const struct arrival *arrival, struct buf *ret)
{
	bool arrived = arrival->offset >= 0;

	buf_printf(ret, "{\"kind\":\"%s\",\"outcome\":\"%s\"",
		   sent_kind_name(sent->kind), arrived ? "ok" : "info");
	switch (sent->kind) {
	case SENT_ORDER:
	case SENT_DUPLICATE:
		order_line(orders, sent, ret);
		break;
	case SENT_POISON:
		poison_line(orders, sent, ret);
		break;
	case SENT_RESTOCK:
		restock_line(orders, sent, restock, ret);
		break;
	}
	text(ret, "topic", text_of(arrival->topic));
	if (arrived)
		buf_printf(ret,
			   ",\"partition\":%" PRId32 ",\"offset\":%" PRId64,
			   arrival->partition, arrival->offset);
	buf_printf(ret, ",\"sent_ms\":%" PRId64, sent->sent_ms);
	if (arrived)
		buf_printf(ret, ",\"acked_ms\":%" PRId64, arrival->acked_ms);
	buf_text(ret, "}\n");
}
