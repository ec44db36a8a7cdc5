/* SPDX-License-Identifier: MIT */
/* The first thread of the test's process. */
#include "itests/harness/rush.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/text/hash.h"
#include "itests/harness/gate.h"
#include "itests/harness/suite.h"

#define N_PLATES 32
#define SPEED 5000
#define N_INGREDIENTS 8
#define N_STALLS 2

/* Writes its record to a file of that name. */
static struct program *stampede_of(struct world *world, const char *name,
				   char record[PROGRAM_PATH_MAX])
{
	struct program *program = world_command(world, name);
	char file[64];

	(void)snprintf(file, sizeof(file), "%s.jsonl", name);
	world_path(world, file, record);
	program_set(program, "RECORD=%s", record);
	program_set(program, "STALLS=%d", N_STALLS);
	/* However long the broker is away. */
	program_set(program, "DRAIN_MS=600000");
	return program;
}

static void make_wave(struct rush *rush, int wave)
{
	const struct rush_params *params = &rush->params;
	const char *test = rush->world->name;
	int64_t seed = params->seed;
	struct program *program;
	char name[32];

	if (!seed)
		seed = (int64_t)(hash_bytes(test, strlen(test)) >> 8) + 1;
	(void)snprintf(name, sizeof(name), "stampede-orders-%d", wave + 1);
	program = stampede_of(rush->world, name, rush->records[wave]);
	program_set(program, "ORDERS=%" PRId64,
		    params->n_orders / params->n_waves);
	program_set(program, "RATE=%" PRId64, params->rate);
	/* Ids are drawn from it, so each wave has another one. */
	program_set(program, "SEED=%" PRId64, seed + wave);
	program_set(program, "V1_PERCENT=%" PRId64,
		    params->plain ? params->v1_percent : 30);
	program_set(program, "DUPLICATE_PERCENT=%d", params->plain ? 0 : 5);
	program_set(program, "POISON_PERCENT=%d", params->plain ? 0 : 1);
	program_set(program, "CUSTOMERS=200");
	if (params->no_grills)
		program_set(program, "GRILL=false");
	rush->waves[wave] = program;
}

void rush_open(struct rush *rush, struct world *world,
	       const struct rush_params *params)
{
	struct program *stock;

	*rush = (struct rush){ .world = world, .params = *params };
	if (!params->n_waves)
		rush->params.n_waves = 1;
	ck_assert_int_le(params->n_waves, RUSH_WAVES_MAX);
	if (!params->no_grills) {
		(void)grill_open(world, "grill-1", N_PLATES, SPEED);
		(void)grill_open(world, "grill-2", N_PLATES, SPEED);
	}
	stock = stampede_of(world, "stampede-stock", rush->stock_record);
	program_set(stock, "ORDERS=0");
	program_set(stock, "RESTOCK=%" PRId64,
		    params->restock ? params->restock : 2 * params->n_orders);
	world_finish(stock, PATIENCE_MS);
	db_wait(world->db, N_STALLS * N_INGREDIENTS, "stock");
	for (int wave = 0; wave < rush->params.n_waves; wave++)
		make_wave(rush, wave);
	world_wait_all_ready(world);
}

void rush_start(struct rush *rush)
{
	ck_assert_int_lt(rush->n_started, rush->params.n_waves);
	program_start(rush->waves[rush->n_started++]);
}

void rush_wait_sent(struct rush *rush)
{
	for (int wave = 0; wave < rush->n_started; wave++)
		if (rush->waves[wave]->pid)
			world_finish(rush->waves[wave], PATIENCE_MS);
}

void rush_wait_decided(const struct rush *rush, int64_t n)
{
	db_wait(rush->world->db, 1,
		"SELECT (count(*) >= %" PRId64 ")::int FROM orders", n);
}

struct check_result rush_check(struct rush *rush)
{
	struct check_params params = {
		.records = { rush->stock_record },
		.all_done = true,
		.late_facts = rush->params.late_facts,
	};
	struct check_result result;

	while (rush->n_started < rush->params.n_waves)
		rush_start(rush);
	for (int wave = 0; wave < rush->params.n_waves; wave++)
		params.records[1 + wave] = rush->records[wave];
	rush_wait_sent(rush);
	result = check_world_with(rush->world, &params);
	suite_note("%s: %" PRId64 " orders, %" PRId64 " picked, %" PRId64
		   " refused, %" PRId64 " repeats, %" PRId64 " dead letters, "
		   "%" PRId64 " toasties done, %" PRId64 " starts, %" PRId64
		   " copies of facts",
		   rush->world->name, result.n_orders, result.n_picked,
		   result.n_refused, result.n_repeats, result.n_dead_letters,
		   result.n_done, result.n_starts, result.n_fact_copies);
	return result;
}

struct rush_workers rush_workers(struct world *world, int n,
				 const char *setting)
{
	struct rush_workers workers = {
		world_start(world, "chillybin-1", setting),
		world_start(world, "jafflr-1", QUICK_GRILL, setting),
	};

	if (n > 1) {
		(void)world_start(world, "chillybin-2", setting);
		(void)world_start(world, "jafflr-2", QUICK_GRILL, setting);
	}
	return workers;
}

struct program *rush_hold(struct rush *rush, struct world *world,
			  const char *setting)
{
	struct program *chillybin =
		world_start(world, "chillybin-1", "BATCH_MAX=32", setting);

	rush_open(rush, world,
		  &(struct rush_params){ .n_orders = RUSH_FEW,
					 .plain = true,
					 .v1_percent = 30,
					 .no_grills = true });
	gate_build(world, "orders");
	rush_start(rush);
	rush_wait_sent(rush);
	gate_wait_for(world, chillybin);
	ck_assert_int_eq(bus_count(world, "picks"), 0);
	return chillybin;
}
