/* SPDX-License-Identifier: MIT */
/* Canary: records of every kind are tried, and say what to change. */
#include "infra/overlord/lanes/canary.h"

#include <inttypes.h>
#include <stdlib.h>

#include "infra/lib/xalloc.h"

/* The customers, or stalls, that a rule names; the first stands for all others.
 * Borrows the texts. */
struct names {
	struct text *names;
	size_t n;
};

static void add_name(struct names *names, struct text name)
{
	for (size_t i = 0; i < names->n; i++)
		if (text_equal(names->names[i], name))
			return;
	names->names = xreallocarray(names->names, names->n + 1, sizeof(name));
	names->names[names->n++] = name;
}

static void add_names(struct names *ret, enum lane_kind kind,
		      const struct lanes *lanes, const struct canary *canary)
{
	add_name(ret, TEXT(""));
	for (size_t i = 0; i < lanes->n_lanes; i++)
		for (size_t k = 0; k < lanes->lanes[i].n_names; k++)
			if (lanes->lanes[i].kind == kind)
				add_name(ret,
					 text_of(lanes->lanes[i].names[k]));
	for (size_t k = 0; canary && k < canary->n_names; k++)
		if (canary->kind == kind)
			add_name(ret, canary->names[k]);
}

/* ---- trying records ---- */

/* What is known of a lane when all records were tried. */
struct reached {
	bool wanted, unwanted;
	uint64_t names;
	int32_t from[2], to[2]; /* buckets: of what is unwanted, and wanted */
};

struct trial {
	const struct lanes *lanes;
	const struct canary *canary;
	struct reached reached[LANES_MAX];
};

static int name_of(const struct canary *canary, struct text name)
{
	for (size_t i = 0; i < canary->n_names; i++)
		if (text_equal(canary->names[i], name))
			return (int)i;
	return -1;
}

static void try(struct trial *trial, const struct lane_key *key, int32_t bucket)
{
	const struct canary *canary = trial->canary;
	int found = lanes_find_in(trial->lanes, key, bucket), name = -1;
	struct reached *reached = &trial->reached[found];
	bool wanted = bucket < canary->to;

	if (canary->kind != LANE_BUCKETS_RANGE) {
		name = name_of(canary, canary->kind == LANE_STALLS
					       ? key->stall
					       : key->customer);
		wanted = name >= 0;
	}
	if (name >= 0)
		reached->names |= UINT64_C(1) << name;
	if (!(wanted ? reached->wanted : reached->unwanted) ||
	    bucket < reached->from[wanted])
		reached->from[wanted] = bucket;
	if (bucket >= reached->to[wanted])
		reached->to[wanted] = bucket + 1;
	if (wanted)
		reached->wanted = true;
	else
		reached->unwanted = true;
}

/* A customer that is named has one bucket, the others have all. */
static void try_all(struct trial *trial)
{
	struct names customers = { 0 }, stalls = { 0 };

	add_names(&customers, LANE_CUSTOMERS, trial->lanes, trial->canary);
	add_names(&stalls, LANE_STALLS, trial->lanes, trial->canary);
	for (size_t k = 0; k < stalls.n; k++) {
		struct lane_key key = { .stall = stalls.names[k] };

		for (int32_t bucket = 0; bucket < LANE_BUCKETS; bucket++)
			try(trial, &key, bucket);
		for (size_t i = 1; i < customers.n; i++) {
			key.customer = customers.names[i];
			try(trial, &key, lane_bucket(&key));
		}
	}
	free(customers.names);
	free(stalls.names);
}

static size_t add_change(struct lane_change *ret, const struct trial *trial,
			 int lane, bool give)
{
	const struct canary *canary = trial->canary;
	const struct reached *reached = &trial->reached[lane];
	bool some = give ? reached->wanted : reached->unwanted;
	bool rest = give ? reached->unwanted : reached->wanted;

	if (!some)
		return 0;
	*ret = (struct lane_change){
		.lane = lane,
		.what = rest ? LANE_IS_SPLIT : LANE_MOVES,
		.colour = give ? canary->colour : canary->back_to,
		.kind = canary->kind,
		.from = reached->from[give],
		.to = reached->to[give],
		.names = reached->names,
	};
	return 1;
}

size_t canary_changes(const struct lanes *lanes, const struct canary *canary,
		      struct lane_change ret[LANES_MAX])
{
	struct trial trial = { .lanes = lanes, .canary = canary };
	size_t n = 0;

	try_all(&trial);
	for (size_t i = 0; i < lanes->n_lanes; i++) {
		const struct lane *lane = &lanes->lanes[i];
		bool keeps = canary->kind != LANE_BUCKETS_RANGE ||
			     lane->kind != LANE_BUCKETS_RANGE;

		if (!lane->mine || !keeps)
			n += add_change(&ret[n], &trial, (int)i, !lane->mine);
	}
	return n;
}

void lane_shares(const struct lanes *lanes, int32_t ret[LANES_MAX])
{
	const struct lane_key key = { .key = TEXT("") };

	for (int i = 0; i < LANES_MAX; i++)
		ret[i] = 0;
	for (int32_t bucket = 0; bucket < LANE_BUCKETS; bucket++)
		ret[lanes_find_in(lanes, &key, bucket)]++;
}

/* ---- in words ---- */

enum { DECIMALS_MAX = 4 };
/* 100 %, as a whole number with 4 decimals. */
#define WHOLE INT64_C(1000000)

int percent_to_buckets(int32_t *ret, const char *percent)
{
	struct text rest = text_of(percent), whole = text_cut(&rest, '.');
	int64_t number, decimals = 0;

	if (text_to_i64(&number, whole, 0, 99) || rest.n > DECIMALS_MAX ||
	    (whole.p[whole.n] == '.' && text_to_i64(&decimals, rest, 0, WHOLE)))
		return TEXT_E_INVALID;
	for (size_t i = rest.n; i < DECIMALS_MAX; i++)
		decimals *= 10;
	number = number * (WHOLE / 100) + decimals;
	number = (number * LANE_BUCKETS + WHOLE / 2) / WHOLE;
	if (number < 1 || number >= LANE_BUCKETS)
		return TEXT_E_INVALID;
	*ret = (int32_t)number;
	return 0;
}

void buf_percent(struct buf *buf, int32_t n_buckets)
{
	int32_t hundredths =
		(n_buckets * 10000 + LANE_BUCKETS / 2) / LANE_BUCKETS;

	buf_printf(buf, "%" PRId32 ".%02" PRId32 " %%", hundredths / 100,
		   hundredths % 100);
}

static void put_name(struct buf *buf, struct text name, bool first)
{
	buf_text(buf, first ? " " : ", ");
	buf_add(buf, name.p, name.n);
}

static void put_rule(struct buf *buf, enum lane_kind kind, int32_t from,
		     int32_t to)
{
	static const char *const kinds[] = {
		[LANE_REST] = "the rest",
		[LANE_BUCKETS_RANGE] = "buckets",
		[LANE_STALLS] = "stalls",
		[LANE_CUSTOMERS] = "customers",
	};

	buf_text(buf, kinds[kind]);
	if (kind == LANE_BUCKETS_RANGE)
		buf_printf(buf, " %" PRId32 " to %" PRId32, from, to - 1);
}

void lane_rule(struct buf *buf, const struct lane *lane)
{
	put_rule(buf, lane->kind, lane->bucket_from, lane->bucket_to);
	for (size_t i = 0; i < lane->n_names; i++)
		put_name(buf, text_of(lane->names[i]), i == 0);
}

void lane_change_rule(struct buf *buf, const struct canary *canary,
		      const struct lane_change *change)
{
	bool first = true;

	put_rule(buf, change->kind, change->from, change->to);
	for (size_t i = 0; i < canary->n_names; i++) {
		if (!(change->names >> i & 1))
			continue;
		put_name(buf, canary->names[i], first);
		first = false;
	}
}
