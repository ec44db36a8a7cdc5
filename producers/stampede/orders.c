/* SPDX-License-Identifier: MIT */
/* Orders: made from seed and index; see orders.h. Pure but for stderr. */
#include "producers/stampede/orders.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"
#include "producers/stampede/random.h"

/* Ids are in order of time, as those of pages are: 20 orders a millisecond
 * from 2026-01-01 on. */
#define FIRST_ID_MS UINT64_C(1767225600000)
#define ORDERS_PER_MS 20

const struct text ingredient_names[N_INGREDIENTS] = {
	TEXT_INIT("bread"), TEXT_INIT("cheese"), TEXT_INIT("vegemite"),
	TEXT_INIT("ham"),   TEXT_INIT("tomato"), TEXT_INIT("pineapple"),
	TEXT_INIT("onion"), TEXT_INIT("egg"),
};

static int wrong(const char *name, const char *value, const char *want)
{
	(void)fprintf(stderr, "stampede: setting '%s' is '%s', wanted is %s\n",
		      name, value, want);
	return ORDERS_E_SETTING;
}

static int name_stalls(struct orders *ret, const char *value)
{
	const char *p = value;
	int64_t n;

	ret->stalls = xcalloc(STALLS_MAX, sizeof(*ret->stalls));
	if (!str_to_i64(&n, value, 1, STALLS_MAX)) {
		ret->n_stalls = (size_t)n;
		for (size_t i = 0; i < ret->n_stalls; i++)
			(void)snprintf(ret->stalls[i], STALL_NAME_MAX,
				       n == 1 ? "main" : "stall-%zu", i + 1);
		return 0;
	}
	while (ret->n_stalls < STALLS_MAX) {
		size_t n_name = strcspn(p, ",");

		if (!n_name || !str_n_copy(ret->stalls[ret->n_stalls],
					   STALL_NAME_MAX, p, n_name))
			break;
		ret->n_stalls++;
		p += n_name;
		if (!*p)
			return 0;
		p++;
	}
	return wrong("STALLS", value,
		     "1 to 1000, or names of at most 63 bytes with commas");
}

static int read_chance(struct orders *ret, const char *p, size_t n)
{
	const char *equals = memchr(p, '=', n);
	size_t n_name = equals ? (size_t)(equals - p) : n, i;

	if (!equals || text_index(&i, ingredient_names, N_INGREDIENTS,
				  (struct text){ p, n_name }))
		return ORDERS_E_SETTING;
	if (str_n_to_i64(&ret->chances[i], equals + 1, n - n_name - 1, 0, 100))
		return ORDERS_E_SETTING;
	return 0;
}

static int read_chances(struct orders *ret, const char *value)
{
	const char *p = value;

	for (;;) {
		size_t n = strcspn(p, ",");

		if (read_chance(ret, p, n))
			return wrong("ITEMS", value,
				     "a list like bread=100,cheese=70, in "
				     "percent");
		p += n;
		if (!*p++)
			return 0;
	}
}

int orders_init(struct orders *ret, const struct conf *conf, uint64_t seed)
{
	int r;

	*ret = (struct orders){
		.seed = seed,
		.v1_percent = conf->v1_percent,
		.n_customers = conf->n_customers,
		.grill = !strcmp(conf->grill, "true"),
	};
	if (!ret->grill && strcmp(conf->grill, "false") != 0)
		return wrong("GRILL", conf->grill, "'true' or 'false'");
	r = name_stalls(ret, conf->stalls);
	return r ? r : read_chances(ret, conf->items);
}

void orders_deinit(struct orders *orders)
{
	free(orders->stalls);
	*orders = (struct orders){ 0 };
}

struct text orders_stall(const struct orders *orders, size_t i)
{
	return text_of(orders->stalls[i]);
}

/* A toastie has two slices of bread; of the rest one, at times two. */
static void make_items(const struct orders *orders, struct random *random,
		       struct made_order *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < N_INGREDIENTS; i++) {
		uint64_t drawn = random_next(random);

		if ((int64_t)(drawn % 100) >= orders->chances[i])
			continue;
		ret->items[n].ingredient = ingredient_names[i];
		ret->items[n].quantity =
			i == 0 || (drawn >> 32) % 8 == 0 ? 2 : 1;
		n++;
	}
	if (!n)
		ret->items[n++] = (struct item){ ingredient_names[0], 1 };
	ret->order.items = ret->items;
	ret->order.n_items = n;
}

static void make_id(struct random *random, uint64_t index,
		    struct made_order *ret)
{
	uint64_t high = random_next(random), low = random_next(random);
	uint8_t bytes[10];

	memcpy(bytes, &high, 8);
	memcpy(bytes + 8, &low, 2);
	/* The index within the millisecond keeps ids in order. */
	bytes[0] = (uint8_t)((index % ORDERS_PER_MS) >> 4);
	bytes[1] = (uint8_t)((index % ORDERS_PER_MS) << 4 | (bytes[1] & 15));
	ret->order.order_id = order_id_v7(
		(int64_t)(FIRST_ID_MS + index / ORDERS_PER_MS), bytes);
	(void)order_id_format(&ret->order.order_id, ret->id);
}

static struct text make_customer(const struct orders *orders,
				 struct random *random, char room[32])
{
	static const char prefix[] = "customer-";
	char digits[TEXT_I64_BYTES];
	struct text number;

	if (!orders->n_customers)
		return (struct text){ NULL, 0 };
	number = text_from_i64(
		digits,
		(int64_t)random_below(random, (uint64_t)orders->n_customers) +
			1);
	memcpy(room, prefix, sizeof(prefix) - 1);
	memcpy(room + sizeof(prefix) - 1, number.p, number.n);
	return (struct text){ room, sizeof(prefix) - 1 + number.n };
}

void orders_make(const struct orders *orders, uint64_t index,
		 struct made_order *ret)
{
	struct random random = random_at(orders->seed, index);
	struct order_placed *order = &ret->order;

	*order = (struct order_placed){ .grill = orders->grill };
	make_id(&random, index, ret);
	order->version = random_percent(&random, orders->v1_percent) ? 1 : 2;
	order->doneness = (enum doneness)random_below(&random, N_DONENESS);
	order->stall = orders_stall(
		orders, (size_t)random_below(&random, orders->n_stalls));
	order->customer = make_customer(orders, &random, ret->customer);
	make_items(orders, &random, ret);
}
