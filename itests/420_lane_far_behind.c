/* SPDX-License-Identifier: MIT */
/*
 * A lane comes back from a colour that was dead, far behind all others. The
 * others' orders go on as if it was not there, until it is level and merges;
 * whatever happens to the worker in the meantime.
 *
 *	LEFT_BEHIND=20000   orders that go by while the lane's colour is dead;
 *	                    1 of 20 is of the lane
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_in.h"
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define LEFT_BEHIND_DEFAULT 20000
/* Customer 0 of so many is the lane's. */
#define N_CUSTOMERS 20
#define RATE 200
/* Its clients have found everything after that. */
#define WARM_MS 2000
#define BEFORE_MS 3000
#define N_LOAD_MAX 24000
#define PARTITION 3
#define FEW 3000
/* Of the lane's orders so many are decided when something happens. */
#define DECIDED_FIRST 50
#define CATCH_UP_MS 20000
/* Two picks each, of version 1: enough of them in each partition. */
#define N_GRILLED 6000
#define N_POLLED 256
#define TURNS_A_LOOK 20
#define CATCHING_UP "galore_lanes_catching_up"

static uint32_t left_behind(void)
{
	const char *text = getenv("LEFT_BEHIND");
	int64_t n;

	if (!text || str_to_i64(&n, text, 1, 1000000))
		return LEFT_BEHIND_DEFAULT;
	return (uint32_t)n;
}

/* ---- orders ---- */

/* Does a grill get what customer 0 orders? */
static bool grilled;

static void send_of(struct bus *bus, uint32_t n, uint32_t customer,
		    int32_t partition)
{
	struct order_placed order = sample_order(n);
	struct draft draft;
	char name[16];

	(void)snprintf(name, sizeof(name), "c%u", customer);
	order.customer = text_of(name);
	order.grill = grilled && !customer;
	draft_order(&draft, &order, 2, NULL);
	draft.record.partition = partition;
	draft_send(&draft, bus);
}

static void split(struct world *world, const char *service)
{
	db_query(world->db,
		 "SELECT lane_split('%s', 'lost', 'stable', 'customers', "
		 "NULL, NULL, '{c0}', 'green')",
		 service);
}

/* So many records of the others, over all partitions. */
static void wait_emitted(struct world *world, const char *service,
			 const char *topic, int64_t n)
{
	db_wait(world->db, n,
		"SELECT sum(emitted_offset)::int8 FROM positions WHERE service "
		"= '%s' AND lane = 'stable' AND topic = '%s'",
		service, topic);
}

/* Orders 0 to @n of all customers; those of the others are published. */
static void leave_behind(struct world *world, uint32_t n, int32_t partition)
{
	struct bus *bus = world_bus(world);

	split(world, "chillybin");
	for (uint32_t i = 0; i < n; i++)
		send_of(bus, i, i % N_CUSTOMERS, partition);
	bus_flush(bus);
	wait_emitted(world, "chillybin", "orders", n);
}

static void give_to(struct world *world, const char *colour)
{
	db_query(world->db,
		 "SELECT lane_move(service, 'lost', '%s') FROM control.lanes "
		 "WHERE lane = 'lost'",
		 colour);
}

static void merge(struct world *world, const char *service)
{
	db_insist(world->db, "SELECT lane_merge('%s', 'lost')", service);
}

/* ---- a constant load of the others ---- */

struct load {
	struct bus *bus;
	struct kafka_in *picks;
	uint32_t first, n_sent;
	int64_t start_us;
	int64_t took_us[N_LOAD_MAX]; /* from when it was due; 0: not yet */
};

static void load_open(struct load *load, struct world *world, uint32_t first)
{
	struct kafka_partition partitions[TOPIC_PARTITIONS] = { 0 };
	static char name[128];
	static const char *names[] = { name };
	struct kafka_in_params params = { .brokers = world->brokers,
					  .client_id = "load",
					  .topics = names,
					  .n_topics = 1,
					  .queue_max_kbytes = 16384 };

	world_topic(world, "picks", name);
	load->bus = bus_new(world, "linger.ms", "0", NULL);
	load->first = first;
	ck_assert_int_eq(kafka_in_new(&load->picks, &params), 0);
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++) {
		int64_t low;

		partitions[i].partition = i;
		ck_assert_int_eq(kafka_in_watermarks(load->picks, 0, i,
						     PATIENCE_MS, &low,
						     &partitions[i].offset),
				 0);
	}
	ck_assert_int_eq(
		kafka_in_assign(load->picks, partitions, TOPIC_PARTITIONS), 0);
	load->start_us = clock_now_us();
}

static int64_t due_us(const struct load *load, uint32_t i)
{
	return load->start_us + (int64_t)i * 1000000 / RATE;
}

static void arrived(struct load *load, const struct kafka_record *pick)
{
	struct order_id id;
	uint32_t n = 0;

	ck_assert_int_eq(order_id_parse(&id, pick->key, pick->n_key), 0);
	for (size_t i = sizeof(id.bytes) - 4; i < sizeof(id.bytes); i++)
		n = n << 8 | id.bytes[i];
	if (n >= load->first && n - load->first < load->n_sent &&
	    !load->took_us[n - load->first])
		load->took_us[n - load->first] =
			clock_now_us() - due_us(load, n - load->first);
}

/* Sends what is due, and looks for picks for a moment. */
static void load_turn(struct load *load)
{
	static struct kafka_record polled[N_POLLED];
	size_t n;

	while (load->n_sent < N_LOAD_MAX &&
	       due_us(load, load->n_sent) <= clock_now_us()) {
		send_of(load->bus, load->first + load->n_sent,
			1 + load->n_sent % (N_CUSTOMERS - 1), -1);
		load->n_sent++;
	}
	n = kafka_in_poll(load->picks, polled, N_POLLED, 1);
	for (size_t i = 0; i < n; i++) {
		arrived(load, &polled[i]);
		kafka_record_release(&polled[i]);
	}
}

static void load_for(struct load *load, int64_t ms)
{
	int64_t until_ms = clock_now_ms() + ms;

	while (clock_now_ms() < until_ms)
		load_turn(load);
}

/* Of the orders from @from up to @to, all have their picks. */
static void load_wait(struct load *load, uint32_t from, uint32_t to)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);

	for (uint32_t i = from; i < to; i++)
		while (!load->took_us[i]) {
			ck_assert_msg(clock_left_ms(deadline_at_ms) > 0,
				      "order %u of the load has no pick", i);
			load_turn(load);
		}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Says how long they took, in order. */
static void load_note(struct load *load, const char *when, uint32_t from,
		      uint32_t to)
{
	int64_t *took_us = &load->took_us[from];
	uint32_t n = to - from;

	load_wait(load, from, to);
	qsort(took_us, n, sizeof(*took_us), compare);
	suite_note("%s: %u orders of the others, p50 %" PRId64 " us, p99 "
		   "%" PRId64 " us, at most %" PRId64 " us",
		   when, n, took_us[n / 2], took_us[n - 1 - n / 100],
		   took_us[n - 1]);
}

static void load_close(struct load *load)
{
	bus_flush(load->bus);
	load->picks = kafka_in_free(load->picks);
	load->bus = bus_free(load->bus);
}

/* Partitions where one of the orders from number @first on was decided before
 * one below @end, which all stand before it. */
static int64_t count_overtaken(struct world *world, uint32_t end,
			       uint32_t first)
{
	char below[ORDER_ID_CHARS + 1], from[ORDER_ID_CHARS + 1];
	struct order_id id = sample_order_id(end);

	(void)order_id_format(&id, below);
	id = sample_order_id(first);
	return db_i64(
		world->db,
		"(SELECT partition, max(decided_at) AS at FROM orders WHERE "
		"order_id < '%s' GROUP BY partition) a JOIN (SELECT partition, "
		"min(decided_at) AS at FROM orders WHERE order_id >= '%s' "
		"GROUP BY partition) b USING (partition) WHERE b.at < a.at",
		below, order_id_format(&id, from));
}

/* The load goes on until @what says 0, a whole SELECT. */
static void load_until(struct load *load, struct world *world, const char *what)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);

	while (db_i64(world->db, "%s", what)) {
		ck_assert_msg(clock_left_ms(deadline_at_ms) > 0,
			      "'%s' is not 0", what);
		for (int i = 0; i < TURNS_A_LOOK; i++)
			load_turn(load);
	}
}

/* Rows of the lane that nobody has taken over. */
static const char not_held[] =
	"SELECT count(*) FROM positions WHERE service = 'chillybin' AND lane = "
	"'lost' AND holder IS NULL";

/* Records that the lane is behind the others, over all partitions. */
static const char behind[] =
	"SELECT sum(o.next_offset - l.next_offset)::int8 FROM positions o "
	"JOIN positions l USING (service, topic, partition) WHERE service = "
	"'chillybin' AND topic = 'orders' AND o.lane = 'stable' AND l.lane = "
	"'lost'";

WORLD_TEST(a_lane_that_comes_back_from_a_dead_colour_holds_nobody_up)
{
	static struct load load;
	struct program *chillybin = open_stocked(world);
	uint32_t n_left = left_behind(), before, taken, level;
	int64_t start_ms;

	leave_behind(world, n_left, -1);
	load_open(&load, world, n_left);
	load_for(&load, WARM_MS);
	before = load.n_sent;
	load_for(&load, BEFORE_MS);
	load_note(&load, "before", before, load.n_sent);
	before = load.n_sent;
	start_ms = clock_now_ms();
	give_to(world, "blue");
	load_until(&load, world, not_held);
	taken = load.n_sent;
	load_until(&load, world, behind);
	level = load.n_sent;
	suite_note("%u records behind, %u of them the lane's: level after "
		   "%" PRId64 " ms",
		   n_left, n_left / N_CUSTOMERS, since_ms(start_ms));
	load_note(&load, "while it catches up", before, level);
	load_close(&load);
	world_settle(world);
	program_wait_metric(chillybin, CATCHING_UP, 0);
	ck_assert_int_gt(program_said(chillybin, "CATCH-UP"), 0);
	ck_assert_int_eq(program_said(chillybin, "CATCH-UP"),
			 program_said(chillybin, "LEVEL"));
	/* What came when it was taken over did not wait for it. */
	ck_assert_int_gt(count_overtaken(world, n_left, n_left + taken), 0);
	merge(world, "chillybin");
	ck_assert_int_eq(check_world(world).n_orders, n_left + load.n_sent);
}

/* ---- accidents ---- */

static void kill_it(struct world *world, struct program *chillybin)
{
	program_kill(chillybin);
	gate_open(world, "orders");
	program_start(chillybin);
}

static void stop_it(struct world *world, struct program *chillybin)
{
	program_signal(chillybin, SIGTERM);
	gate_open(world, "orders");
	ck_assert_int_eq(program_wait(chillybin, PATIENCE_MS), 0);
	program_start(chillybin);
}

static void cut_its_session(struct world *world, struct program *chillybin)
{
	ck_assert_int_gt(world_cut_sessions(world, "chillybin"), 0);
	gate_open(world, "orders");
	(void)chillybin;
}

static void share_with_another(struct world *world, struct program *chillybin)
{
	(void)world_start(world, "chillybin-2");
	gate_open(world, "orders");
	(void)chillybin;
}

static void take_it_away_and_give_it_back(struct world *world,
					  struct program *chillybin)
{
	give_to(world, "green");
	gate_open(world, "orders");
	program_wait_metric(chillybin, CATCHING_UP, 0);
	give_to(world, "blue");
}

static void (*const accidents[])(struct world *world,
				 struct program *chillybin) = {
	kill_it,
	stop_it,
	cut_its_session,
	share_with_another,
	take_it_away_and_give_it_back,
};

WORLD_CASES(whatever_happens_in_the_middle_each_order_is_decided_once,
	    N_ROWS(accidents))
{
	struct program *chillybin = open_stocked(world);

	leave_behind(world, FEW, PARTITION);
	gate_build(world, "orders");
	gate_let(world, "orders", DECIDED_FIRST);
	give_to(world, "blue");
	program_wait_said(chillybin, CATCH_UP_MS, "CATCH-UP", "lost");
	gate_wait_for(world, chillybin);
	accidents[i](world, chillybin);
	for (uint32_t n = FEW; n < FEW + N_CUSTOMERS; n++)
		send_of(world_bus(world), n, n % N_CUSTOMERS, PARTITION);
	bus_flush(world_bus(world));
	wait_decided(world, FEW + N_CUSTOMERS);
	world_settle(world);
	merge(world, "chillybin");
	ck_assert_int_eq(check_world(world).n_picked, FEW + N_CUSTOMERS);
}

/* Retention has deleted what the lane had left undecided. */
WORLD_TEST(a_lane_whose_records_are_gone_pauses_alone_and_is_named)
{
	struct program *chillybin = open_stocked(world);
	struct bus *bus = world_bus(world);
	char text[160];

	leave_behind(world, FEW, PARTITION);
	(void)topic_delete_records(world, "orders", PARTITION, FEW / 2);
	give_to(world, "blue");
	(void)program_wait_unready(chillybin, "orders");
	for (uint32_t n = FEW; n < FEW + N_CUSTOMERS; n++)
		send_of(bus, n, 1, PARTITION);
	bus_flush(bus);
	wait_decided(world, FEW - FEW / N_CUSTOMERS + N_CUSTOMERS);
	ck_assert(program_unready_now(chillybin));
	world_partition(world, "orders", PARTITION, text);
	program_wait_said(chillybin, CATCH_UP_MS, "POSITION-GONE", text);
	/* Where nobody needs them, nobody misses them. */
	give_to(world, "green");
	(void)program_wait_ready(chillybin);
}

WORLD_TEST(a_grill_gets_what_a_lane_had_left_behind_once)
{
	struct program *jafflr;

	(void)world_start_ready(world, "chillybin-1", "PICK_V2_PERCENT=0");
	jafflr = world_start_ready(world, "jafflr-1", QUICK_GRILL);
	(void)grill_open(world, "grill-1", 8, 5000);
	stock_up(world, 1000000);
	grilled = true;
	split(world, "jafflr");
	for (uint32_t n = 0; n < N_GRILLED; n++)
		send_of(world_bus(world), n, n % N_CUSTOMERS, -1);
	bus_flush(world_bus(world));
	wait_decided(world, N_GRILLED);
	wait_emitted(world, "jafflr", "picks", 2 * N_GRILLED);
	ck_assert_int_eq(db_i64(world->db, "toasties"), 0);
	give_to(world, "blue");
	program_wait_said(jafflr, CATCH_UP_MS, "CATCH-UP", "lost");
	db_wait(world->db, N_GRILLED / N_CUSTOMERS,
		"toasties WHERE state = 'done'");
	world_settle(world);
	program_wait_metric(jafflr, CATCHING_UP, 0);
	merge(world, "jafflr");
	ck_assert_int_eq(
		check_world_with(world,
				 &(struct check_params){ .all_done = true })
			.n_starts,
		N_GRILLED / N_CUSTOMERS);
}

/* The client of the second consumer would hang when it is closed. */
WORLD_TEST(of_a_topic_deleted_in_the_middle_a_worker_says_so_and_goes_on)
{
	struct program *chillybin = open_stocked(world);

	leave_behind(world, FEW, PARTITION);
	gate_build(world, "orders");
	gate_let(world, "orders", DECIDED_FIRST);
	give_to(world, "blue");
	program_wait_said(chillybin, CATCH_UP_MS, "CATCH-UP", "lost");
	gate_wait_for(world, chillybin);
	topic_delete(world, "orders");
	gate_open(world, "orders");
	(void)program_wait_unready(chillybin, "orders");
	program_wait_metric(chillybin, CATCHING_UP, 0);
	send_restock(world_bus(world), "main", "rye", 5, "rye-1");
	db_wait(world->db, 1, "stock WHERE ingredient = 'rye'");
	/* It does not leave in good time after that. */
	program_kill(chillybin);
}
