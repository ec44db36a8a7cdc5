/* SPDX-License-Identifier: MIT */
/* Rush: see rush.h. The first thread of the test's process. */
#include "itests/harness/rush.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/hash.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

#define N_PLATES 32
#define SPEED 5000
#define N_INGREDIENTS 8
#define N_STALLS 2

static void set_number(struct program *program, const char *name, int64_t value)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s=%" PRId64, name, value);
	program_set(program, text);
}

static struct program *stampede_of(struct rush *rush, const char *name,
				   const char *record)
{
	struct program *program = world_command(rush->world, name, NULL);
	char text[PROGRAM_PATH_MAX + 16];

	program_set(program, "STALLS=2");
	/* However long the broker is away. */
	program_set(program, "DRAIN_MS=600000");
	(void)snprintf(text, sizeof(text), "RECORD=%s", record);
	program_set(program, text);
	return program;
}

static void fill_shelves(struct rush *rush, int64_t restock)
{
	struct program *program;

	world_path(rush->world, "stock.jsonl", rush->stock_record);
	program = stampede_of(rush, "stampede-stock", rush->stock_record);
	program_set(program, "ORDERS=0");
	set_number(program, "RESTOCK", restock);
	world_run(rush->world, PATIENCE_MS, program);
	db_wait(rush->world->db, PATIENCE_MS, N_STALLS * N_INGREDIENTS,
		"SELECT count(*) FROM stock");
}

/* Ids are drawn from it, so each wave has another one. */
static int64_t seed_of(const struct rush *rush,
		       const struct rush_params *params, int wave)
{
	const char *name = rush->world->name;

	if (params->seed)
		return params->seed + wave;
	return (int64_t)(hash_bytes(name, strlen(name)) >> 8) + 1 + wave;
}

static void make_wave(struct rush *rush, const struct rush_params *params,
		      int wave)
{
	struct program *program;
	char name[32];

	(void)snprintf(name, sizeof(name), "orders-%d.jsonl", wave + 1);
	world_path(rush->world, name, rush->records[wave]);
	(void)snprintf(name, sizeof(name), "stampede-orders-%d", wave + 1);
	program = stampede_of(rush, name, rush->records[wave]);
	set_number(program, "ORDERS", params->n_orders / rush->n_waves);
	set_number(program, "RATE", params->rate);
	set_number(program, "SEED", seed_of(rush, params, wave));
	set_number(program, "V1_PERCENT", params->v1_percent);
	set_number(program, "DUPLICATE_PERCENT", params->duplicate_percent);
	set_number(program, "POISON_PERCENT", params->poison_percent);
	program_set(program, "CUSTOMERS=200");
	if (params->grill && !strcmp(params->grill, "false"))
		program_set(program, "GRILL=false");
	rush->waves[wave] = program;
}

void rush_open(struct rush *rush, struct world *world,
	       const struct rush_params *params, bool with_grills)
{
	*rush = (struct rush){ .world = world };
	if (with_grills) {
		rush->grills[0] = grill_open(world, "grill-1", N_PLATES, SPEED);
		rush->grills[1] = grill_open(world, "grill-2", N_PLATES, SPEED);
	}
	fill_shelves(rush, params->restock);
	rush->n_waves = params->n_waves ? params->n_waves : 1;
	ck_assert_int_le(rush->n_waves, RUSH_WAVES_MAX);
	for (int wave = 0; wave < rush->n_waves; wave++)
		make_wave(rush, params, wave);
}

void rush_start(struct rush *rush)
{
	ck_assert_int_lt(rush->n_started, rush->n_waves);
	program_start(rush->waves[rush->n_started++]);
}

void rush_wait_sent(struct rush *rush)
{
	struct program *stampede;
	int status;

	for (int wave = 0; wave < rush->n_started; wave++) {
		stampede = rush->waves[wave];
		if (!stampede->pid)
			continue;
		status = program_wait(stampede, PATIENCE_MS);
		ck_assert_msg(status == 0,
			      "stampede ended with %d, its log is '%s'", status,
			      stampede->log);
	}
}

struct awaited_orders {
	const struct rush *rush;
	int64_t n, seen;
};

static bool are_decided(void *arg)
{
	struct awaited_orders *awaited = arg;

	awaited->seen =
		db_i64(awaited->rush->world->db, "SELECT count(*) FROM orders");
	return awaited->seen >= awaited->n;
}

void rush_wait_decided(const struct rush *rush, int64_t n, int64_t timeout_ms)
{
	struct awaited_orders awaited = { .rush = rush, .n = n };

	ck_assert_msg(until(timeout_ms, are_decided, &awaited),
		      "%" PRId64 " of %" PRId64 " orders are decided after "
		      "%" PRId64 " ms",
		      awaited.seen, n, timeout_ms);
}

struct check_result rush_check(struct rush *rush, int64_t timeout_ms)
{
	struct check_params params = {
		.records = { rush->stock_record },
		.all_done = true,
	};
	struct check_result result;

	if (rush->grills[0].program) {
		params.grills[0] = &rush->grills[0];
		params.grills[1] = &rush->grills[1];
	}
	while (rush->n_started < rush->n_waves)
		rush_start(rush);
	for (int wave = 0; wave < rush->n_waves; wave++)
		params.records[1 + wave] = rush->records[wave];
	rush_wait_sent(rush);
	world_settle(rush->world, timeout_ms);
	result = check_world(rush->world, &params);
	suite_note("%s: %" PRId64 " orders, %" PRId64 " picked, %" PRId64
		   " refused, %" PRId64 " repeats, %" PRId64 " dead letters, "
		   "%" PRId64 " toasties done, %" PRId64 " starts, %" PRId64
		   " copies of facts",
		   rush->world->name, result.n_orders, result.n_picked,
		   result.n_refused, result.n_repeats, result.n_dead_letters,
		   result.n_done, result.n_starts, result.n_fact_copies);
	return result;
}
