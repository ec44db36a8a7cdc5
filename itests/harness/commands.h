/* SPDX-License-Identifier: MIT */
/*
 * Commands: orders, cancellations and restocks made by hand, for tests that
 * put them onto topics themselves; good ones, and records that a broker
 * accepts and that are more than anybody would expect.
 *
 * The sample order number n is one cheese and two bread at `main` for `gita`,
 * doneness light. Ids differ, nothing else.
 */
#ifndef HARNESS_COMMANDS_H
#define HARNESS_COMMANDS_H

#include "infra/lib/arena.h"
#include "itests/harness/bus.h"
#include "schemas/messages/order_cancelled.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/stock_command.h"
#include "schemas/msgpack/writer.h"

/* ---- making one ---- */

enum { DRAFT_HEADERS_MAX = 32 };

/* A command that is not sent yet: a test may change everything of its record.
 * By its key to a partition. */
struct draft {
	const char *topic;
	struct bus_record record;
	struct bus_header headers[DRAFT_HEADERS_MAX];
	struct arena arena;
};

/* Copies. */
void draft_build(struct draft *ret, struct text key,
		 const struct envelope *envelope,
		 const struct msgpack_writer *body);
/* @event_id NULL: the order's own id. */
void draft_order(struct draft *ret, const struct order_placed *order,
		 int version, const char *event_id);
/* Adds a header, or changes the one of that name. Borrows. */
void draft_header(struct draft *draft, const char *name, struct text value);
/* Of no use any more after that. */
void draft_send(struct draft *draft, struct bus *bus);

/* ---- good ones ---- */

struct order_placed sample_order(uint32_t n); /* borrows static memory */
struct order_id sample_order_id(uint32_t n);

/* Sent, and not waited for; @event_id is the ce_id. */
void send_order(struct bus *bus, const struct order_placed *order, int version,
		const char *event_id);
void send_cancel(struct bus *bus, const struct order_id *id,
		 const char *customer, const char *event_id);
void send_stock(struct bus *bus, const struct stock_command *stock,
		const char *event_id);
/* So much more of it. */
void send_restock(struct bus *bus, const char *stall, const char *ingredient,
		  int32_t quantity, const char *event_id);
/* The sample orders from @first up to @end, to one partition; -1: by their
 * keys. They are on the topic when this returns. */
void send_orders(struct bus *bus, uint32_t first, uint32_t end,
		 int32_t partition);

/* The sample order @first + i to each partition i, but for one; -1: to all. */
void send_to_each(struct world *world, uint32_t first, int32_t but);

/* So much bread and cheese at `main`; waits until it is there. */
void stock_up(struct world *world, int32_t quantity);
/* A chillybin that is ready, and more of both than any test asks for. */
struct program *open_stocked(struct world *world);
/* Waits until so many orders are decided. */
void wait_decided(struct world *world, int64_t n);
/* How much of an ingredient `main` has. */
int64_t stock_of(struct world *world, const char *ingredient);

/* What the tables say, but for when and by whom: equal states, equal texts. To
 * be freed. */
char *digest_of(struct world *world);

/* ---- hostile ones ---- */

/* What one batch of a topic may have, or a little less. */
#define HOSTILE_BYTES ((size_t)900 << 10)
/* A body of an order that no reader accepts. */
#define HOSTILE_BODY "\x81\xa8order_id\x07"

/* An order of no known type: so many bytes of value and of one header. What is
 * sent with compression may be larger than any dead letter. */
struct hostile_poison {
	const char *name;
	int32_t partition;
	size_t value_bytes, header_bytes;
};
void send_poison(struct bus *bus, const struct hostile_poison *poison);

/* The sample order with HOSTILE_BYTES in its key, or in a header that nobody
 * reads; @poisoned: with HOSTILE_BODY. */
struct hostile_order {
	uint32_t n;
	int32_t partition;
	bool in_key, poisoned;
};
void send_large(struct bus *bus, const struct hostile_order *order);

/* The n-th order with as many and as long names as there may be, of what no
 * stall has; of version 1. */
void send_long_lines(struct bus *bus, uint32_t n, int32_t partition);

/* One more of an ingredient: its name, the event's id and its source are as
 * long as a name may be, and no index compresses them. They follow from @n. */
void send_long_restock(struct bus *bus, uint32_t n);

#endif
