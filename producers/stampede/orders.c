/* SPDX-License-Identifier: MIT */
/* Orders: made from a stream of random numbers of their own. */
#include "producers/stampede/orders.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"

/* Ids are in order of time, as those of pages are: 20 orders a millisecond
 * from 2026-01-01 on. */
#define FIRST_ID_MS UINT64_C(1767225600000)
#define ORDERS_PER_MS 20

/* Ids that are not orders', and steps, follow from seeds of their own. */
#define POISON_SEED UINT64_C(0x706f69736f6e)
#define RESTOCK_SEED UINT64_C(0x726573746f636b)
#define STEP_SEED UINT64_C(0x73746570)
#define BACK_MAX 1000

static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct conf
#define CONF_DEF "producers/stampede/conf.def"
#include "infra/lib/conf_def.h"
};

const struct conf_table stampede_conf = {
	.program = "stampede",
	.sentence = "load: orders at a rate or flat out, with a record of "
		    "what was sent",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(conf_rows[0]),
};

const struct text ingredient_names[N_INGREDIENTS] = {
	TEXT_INIT("bread"), TEXT_INIT("cheese"), TEXT_INIT("vegemite"),
	TEXT_INIT("ham"),   TEXT_INIT("tomato"), TEXT_INIT("pineapple"),
	TEXT_INIT("onion"), TEXT_INIT("egg"),
};

const struct poison_sort poison_sorts[N_POISONS] = {
	/* c1 is the one byte that msgpack never uses. */
	[POISON_NOT_MSGPACK] = { .name = "not-msgpack",
				 .body = TEXT_INIT("\xc1 cheese, please") },
	[POISON_TRUNCATED] = { .name = "truncated", .truncated = true },
	/* { "order_id": 7 } */
	[POISON_CONTRACT] = { .name = "contract",
			      .body = TEXT_INIT("\x81\xa8order_id\x07") },
	/* An array of 268435456 values, of which none is there. */
	[POISON_HUGE_COUNT] = { .name = "huge-count",
				.body = TEXT_INIT("\xdd\x10\x00\x00\x00") },
	[POISON_UNKNOWN_VERSION] = { .name = "unknown-version",
				     .header = TEXT_INIT("schema-version"),
				     .value = TEXT_INIT("99") },
	[POISON_UNKNOWN_TYPE] = { .name = "unknown-type",
				  .header = TEXT_INIT("ce_type"),
				  .value = TEXT_INIT("galore.order.eaten") },
};

/*
 * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, OOPSLA 2014). Small, quick, and the same everywhere; nothing
 * here is a secret. random_at() begins a stream that follows from a seed and
 * an index alone, so that the i-th order is made without the ones before it.
 */
struct random {
	uint64_t state;
};

static uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t random_next(struct random *random)
{
	random->state += UINT64_C(0x9e3779b97f4a7c15);
	return random_mix(random->state);
}

static struct random random_at(uint64_t seed, uint64_t index)
{
	return (struct random){ random_mix(seed) ^ random_mix(~index) };
}

/* Below @n, which is at least 1; what is uneven about it is below n / 2^64. */
static uint64_t random_below(struct random *random, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)random_next(random) * n) >> 64);
}

static bool random_percent(struct random *random, int64_t percent)
{
	return (int64_t)random_below(random, 100) < percent;
}

/* ---- settings ---- */

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

static int read_chances(struct orders *ret, const char *value)
{
	for (const char *p = value;;) {
		size_t n = strcspn(p, ","), i;
		struct text chance = { p, n }, name = text_cut(&chance, '=');

		if (text_index(&i, ingredient_names, N_INGREDIENTS, name) ||
		    text_to_i64(&ret->chances[i], chance, 0, 100))
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

/* ---- orders ---- */

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
}

static struct text make_customer(const struct orders *orders,
				 struct random *random, char out[32])
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
	memcpy(out, prefix, sizeof(prefix) - 1);
	memcpy(out + sizeof(prefix) - 1, number.p, number.n);
	return (struct text){ out, sizeof(prefix) - 1 + number.n };
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
	order->stall = text_of(
		orders->stalls[random_below(&random, orders->n_stalls)]);
	order->customer = make_customer(orders, &random, ret->customer);
	make_items(orders, &random, ret);
}

/* ---- what is sent beside them ---- */

/* A version 4 UUID from a stream of its own. */
static struct order_id other_id(uint64_t seed, uint64_t index)
{
	struct random random = random_at(seed, index);
	uint64_t halves[2] = { random_next(&random), random_next(&random) };
	struct order_id id;

	memcpy(id.bytes, halves, sizeof(id.bytes));
	id.bytes[6] = (uint8_t)(0x40 | (id.bytes[6] & 0x0f));
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
	return id;
}

void orders_restock(const struct orders *orders, uint64_t index,
		    struct restock *ret)
{
	ret->stall = text_of(orders->stalls[index / N_INGREDIENTS]);
	ret->ingredient = ingredient_names[index % N_INGREDIENTS];
	ret->id = other_id(orders->seed ^ RESTOCK_SEED, index);
}

struct order_id orders_poison_id(const struct orders *orders, uint64_t index)
{
	return other_id(orders->seed ^ POISON_SEED, index);
}

size_t orders_steps(const struct conf *conf, uint64_t seed, uint64_t i,
		    struct step ret[STEPS_MAX])
{
	struct random random = random_at(seed ^ STEP_SEED, i);
	bool duplicate = random_percent(&random, conf->duplicate_percent);
	bool poison = random_percent(&random, conf->poison_percent);
	uint64_t back = random_below(&random, i < BACK_MAX ? i + 1 : BACK_MAX);
	size_t n = 0;

	ret[n++] = (struct step){ .kind = SENT_ORDER, .index = i };
	if (duplicate)
		ret[n++] = (struct step){ .kind = SENT_DUPLICATE,
					  .index = i - back };
	if (poison)
		ret[n++] = (struct step){
			.kind = SENT_POISON,
			.index = i,
			.poison = (enum poison)random_below(&random, N_POISONS),
		};
	return n;
}
