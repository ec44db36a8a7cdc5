/* SPDX-License-Identifier: MIT */
/*
 * Soak: good orders and every hostile input that is known, in an order drawn
 * from a seed, at a worker whose memory is limited. All the time it is ready
 * and stays small; after each round everything is decided and published.
 *
 * What is drawn follows from the seed alone; the time only says how much of it
 * is done. `make soak` lets it run for longer than the tests do:
 *
 *	SOAK_SECONDS=20   how long rounds are begun
 *	SOAK_SEED=1       which; empty: another one each time
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/hash.h"
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/gate.h"
#include "itests/harness/monitor.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define SECONDS_DEFAULT 20
#define SEED_DEFAULT 1
#define STEPS_A_ROUND 40
/* Large records fill a broker's disk: from some rounds on they are few. */
#define LARGE_ROUNDS 12
#define LARGE_EVERY 16
#define RESIDENT_KBYTES (64 * 1024)
#define LIMIT_KBYTES (512 * 1024)

struct soak {
	struct world *world;
	struct bus *bus;
	struct bus *compressing;
	struct bus *transactions; /* compresses too */
	int64_t seed, seconds;
	uint64_t n_drawn;
	uint32_t n_orders; /* numbers that were given to orders */
	uint32_t n_good;   /* of them so many are to be decided */
	uint32_t n_names;  /* for what needs a name of its own */
};

static uint32_t draw(struct soak *soak, uint32_t below)
{
	const uint64_t key[2] = { (uint64_t)soak->seed, soak->n_drawn++ };

	return (uint32_t)(hash_bytes(key, sizeof(key)) % below);
}

static int32_t draw_partition(struct soak *soak)
{
	return (int32_t)draw(soak, TOPIC_PARTITIONS);
}

/* One that the database refuses. */
static bool is_unlucky(uint32_t n)
{
	return n % 64 == 63;
}

/* For the checker: the number of a sample order is the end of its id. */
static bool refuses(const struct order_id *id)
{
	return is_unlucky(id->bytes[15]);
}

/* ---- steps ---- */

static uint32_t next_order(struct soak *soak)
{
	uint32_t n = soak->n_orders++;

	soak->n_good += !is_unlucky(n);
	return n;
}

static void make_order(struct soak *soak, uint32_t n, struct draft *ret)
{
	struct order_placed order = sample_order(n);

	order.grill = false;
	draft_order(ret, &order, draw(soak, 3) ? 2 : 1, NULL);
	ret->record.partition = draw_partition(soak);
}

static void send_good(struct soak *soak)
{
	struct draft draft;

	for (uint32_t left = 1 + draw(soak, 40); left; left--) {
		make_order(soak, next_order(soak), &draft);
		/* Some come twice, to one partition or two. */
		if (!draw(soak, 10))
			bus_send(soak->bus, "orders", &draft.record, NULL);
		draft_send(&draft, soak->bus);
	}
}

static void send_in_transaction(struct soak *soak)
{
	bool commit = draw(soak, 3);
	struct draft draft;

	bus_begin(soak->transactions);
	for (uint32_t left = 1 + draw(soak, 4); left; left--) {
		/* The number of one that was aborted is never used again. */
		uint32_t n = commit ? next_order(soak) : soak->n_orders++;

		make_order(soak, n, &draft);
		draft_send(&draft, soak->transactions);
	}
	bus_end(soak->transactions, commit);
}

static void send_bytes(struct soak *soak, size_t value_bytes,
		       size_t header_bytes)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "poison-%u", soak->n_names++);
	send_poison(soak->compressing,
		    &(struct hostile_poison){ name, draw_partition(soak),
					      value_bytes, header_bytes });
}

static void send_small_poison(struct soak *soak)
{
	send_bytes(soak, draw(soak, 200), draw(soak, 200));
}

static void send_compressed_value(struct soak *soak)
{
	send_bytes(soak, (1 + draw(soak, 3)) << 20, 10);
}

static void send_compressed_header(struct soak *soak)
{
	send_bytes(soak, 10, (1 + draw(soak, 3)) << 20);
}

static void send_large_order(struct soak *soak)
{
	struct hostile_order order = { .in_key = draw(soak, 2),
				       .poisoned = draw(soak, 2) };

	order.n = order.poisoned ? soak->n_orders++ : next_order(soak);
	order.partition = draw_partition(soak);
	send_large(soak->bus, &order);
}

static void send_lines(struct soak *soak)
{
	send_long_lines(soak->bus, next_order(soak), draw_partition(soak));
}

static void send_restock_of_long_names(struct soak *soak)
{
	/* Now and then one that was there. */
	send_long_restock(soak->bus, draw(soak, 2) ? 0 : soak->n_names++);
}

/* Of a log whose commands are not asked for again: retention deletes what is
 * decided. */
static void delete_decided(struct soak *soak)
{
	int32_t partition = draw_partition(soak);

	(void)topic_delete_records(
		soak->world, "restocks", partition,
		world_next_offset(soak->world, "restocks", partition));
}

static const struct {
	const char *name;
	void (*fn)(struct soak *soak);
	uint32_t weight;
	bool large;
} steps[] = {
	{ "good orders", send_good, 12, false },
	{ "a transaction", send_in_transaction, 6, false },
	{ "a small poison", send_small_poison, 4, false },
	{ "a value that was compressed", send_compressed_value, 1, false },
	{ "a header that was compressed", send_compressed_header, 1, false },
	{ "a large header or key", send_large_order, 6, true },
	{ "an order of long names", send_lines, 2, true },
	{ "a restock of long names", send_restock_of_long_names, 2, false },
	{ "retention", delete_decided, 1, false },
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

static void do_step(struct soak *soak, bool large)
{
	uint32_t sum = 0, drawn;
	size_t i = 0;

	for (size_t k = 0; k < N_STEPS; k++)
		sum += steps[k].weight;
	drawn = draw(soak, sum);
	while (drawn >= steps[i].weight)
		drawn -= steps[i++].weight;
	if (large || !steps[i].large)
		steps[i].fn(soak);
	else
		send_good(soak);
}

/* ---- rounds ---- */

static void do_round(struct soak *soak, int round)
{
	bool large = round < LARGE_ROUNDS || round % LARGE_EVERY == 0;

	for (int i = 0; i < STEPS_A_ROUND; i++)
		do_step(soak, large);
	bus_flush(soak->bus);
	bus_flush(soak->compressing);
	world_settle(soak->world);
}

/* What is no number is as good as nothing. */
static int64_t number_of(const char *name, int64_t fallback, int64_t if_empty)
{
	const char *text = getenv(name);
	int64_t ret;

	if (!text)
		return fallback;
	return str_to_i64(&ret, text, 1, INT32_MAX) ? if_empty : ret;
}

static void soak_open(struct soak *soak, struct world *world)
{
	soak->world = world;
	soak->seed = number_of("SOAK_SEED", SEED_DEFAULT,
			       1 + clock_wall_ms() % INT32_MAX);
	soak->seconds =
		number_of("SOAK_SECONDS", SECONDS_DEFAULT, SECONDS_DEFAULT);
	soak->bus = world_bus(world);
	soak->compressing = bus_new(world, "compression.type", "zstd", NULL);
	soak->transactions = bus_new(world, "compression.type", "lz4",
				     "transactional.id", world->suffix, NULL);
	suite_note("`make soak SEED=%" PRId64 " SECONDS=%" PRId64 "` repeats "
		   "it",
		   soak->seed, soak->seconds);
	gate_refuse(world, "orders",
		    "get_byte(uuid_send(NEW.order_id), 15) % 64 = 63", "22023");
}

WORLD_TEST(hostile_inputs_in_any_mix_leave_a_worker_ready_and_small)
{
	CLEANUP(monitor_freep) struct monitor *monitor = NULL;
	struct soak soak = { 0 };
	struct program *chillybin;
	struct check_result result;
	int64_t start_ms, idle_kbytes;
	int round = 0;

	soak_open(&soak, world);
	chillybin =
		world_start_ready(world, "chillybin-1", "PICK_V2_PERCENT=50");
	stock_up(world, 1000000);
	idle_kbytes = program_memory_kbytes(chillybin, "Rss");
	program_limit(chillybin, LIMIT_KBYTES);
	monitor = monitor_new(chillybin);
	start_ms = clock_now_ms();
	while (since_ms(start_ms) < soak.seconds * 1000) {
		do_round(&soak, round++);
		program_wait_metric(chillybin, "kafka_consumergroup_lag", 0);
	}
	monitor_expect_ready(monitor);
	suite_note(
		"%d rounds in %" PRId64 " s, %" PRId64 " KiB resident at "
		"the most",
		round, since_ms(start_ms) / 1000,
		program_expect_peak(chillybin, idle_kbytes, RESIDENT_KBYTES));
	result = check_world_with(world,
				  &(struct check_params){ .refuses = refuses });
	suite_note("%" PRId64 " orders, %" PRId64 " repeats, %" PRId64
		   " dead letters",
		   result.n_orders, result.n_repeats, result.n_dead_letters);
	ck_assert_int_eq(result.n_orders, soak.n_good);
	/* A repeat is answered again, by two lines at the most; nothing else is
	 * published twice. */
	ck_assert_int_le(result.n_fact_copies, 2 * result.n_repeats);
	bus_free(soak.compressing);
	bus_free(soak.transactions);
}
