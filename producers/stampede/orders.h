/* SPDX-License-Identifier: MIT */
/*
 * Orders: what the i-th order is, and what is sent beside it, from the
 * settings, the seed and i alone. Pure, but for what orders_init() says.
 *
 * So nothing that was sent needs to be remembered: a duplicate, and the line
 * of the record that is written when the acknowledgement comes, are made from
 * the index again.
 */
#ifndef STAMPEDE_ORDERS_H
#define STAMPEDE_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "infra/lib/conf.h"
#include "schemas/messages/order_placed.h"

struct conf {
#define CONF_DEF "producers/stampede/conf.def"
#include "infra/lib/conf_def.h"
};

extern const struct conf_table stampede_conf;

enum {
	N_INGREDIENTS = 8,
	STALLS_MAX = 1000,
	STALL_NAME_MAX = 64,
};

extern const struct text ingredient_names[N_INGREDIENTS];

struct orders {
	uint64_t seed;
	int64_t v1_percent;
	int64_t n_customers;
	bool grill;
	int64_t chances[N_INGREDIENTS]; /* of a hundred */
	char (*stalls)[STALL_NAME_MAX];
	size_t n_stalls;
};

enum orders_outcome { ORDERS_E_SETTING = 1 };

/* ORDERS_E_SETTING: STALLS, ITEMS or GRILL makes no sense; said on stderr. */
int orders_init(struct orders *ret, const struct conf *conf, uint64_t seed);
void orders_deinit(struct orders *orders);

/* An order with what its texts point into: never copied. */
struct made_order {
	struct order_placed order; /* .version is what it is sent as */
	struct item items[N_INGREDIENTS];
	char customer[32];
};

void orders_make(const struct orders *orders, uint64_t index,
		 struct made_order *ret);

/* What a restock adds. @index is stall times N_INGREDIENTS plus ingredient. */
struct restock {
	struct text stall, ingredient;
	struct order_id id;
};
void orders_restock(const struct orders *orders, uint64_t index,
		    struct restock *ret);

/* The id of a poison's event: not an order's. */
struct order_id orders_poison_id(const struct orders *orders, uint64_t index);

/* ---- what is sent for the i-th order ---- */

enum sent_kind { SENT_ORDER, SENT_DUPLICATE, SENT_POISON, SENT_RESTOCK };
enum { N_SENT_KINDS = 4, STEPS_MAX = 3 };

enum poison {
	POISON_NOT_MSGPACK,     /* bytes that are no msgpack */
	POISON_TRUNCATED,       /* the right beginning, cut off */
	POISON_CONTRACT,        /* msgpack, but not an order */
	POISON_HUGE_COUNT,      /* a container that says it is enormous */
	POISON_UNKNOWN_VERSION, /* schema-version 99 */
	POISON_UNKNOWN_TYPE,    /* galore.order.eaten */
	N_POISONS,
};

struct poison_sort {
	const char *name;
	struct text body; /* in place of the order's; p NULL: it stays */
	bool truncated;   /* half of it is left */
	struct text header, value; /* what that header says instead */
};
extern const struct poison_sort poison_sorts[N_POISONS];

struct step {
	enum sent_kind kind;
	enum poison poison; /* of a poison */
	/* Which order it is, repeats or spoils; of a restock: see above. */
	uint64_t index;
};

/* How many steps they are; the order is the first. A duplicate repeats one of
 * the last thousand orders, which may be this one. */
size_t orders_steps(const struct conf *conf, uint64_t seed, uint64_t i,
		    struct step ret[STEPS_MAX]);

#endif
