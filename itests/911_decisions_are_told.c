/* SPDX-License-Identifier: MIT */
/*
 * What a person can see of a decision: a line in the log, once; counters; the
 * stock. And of a program: its build, once, and what it takes.
 */
#include <check.h>
#include <stdio.h>

#include "infra/lib/str.h"
#include "itests/harness/checker.h"
#include "itests/harness/http.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

enum { LOG_MAX_BYTES = 1 << 20 };

/* How often @words stand in its log. */
static size_t n_said(const struct program *program, const char *words)
{
	static char text[LOG_MAX_BYTES];
	FILE *file = fopen(program->log, "re");
	size_t n = 0, n_read;

	ck_assert_ptr_nonnull(file);
	n_read = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n_read] = '\0';
	for (const char *p = text; (p = strstr(p, words)); p++)
		n++;
	return n;
}

static bool tells(const struct program *program, const char *line)
{
	struct http_answer answer;
	bool there;

	ck_assert(!http_get(&answer, program_port(program), "/metrics",
			    PATIENCE_MS));
	there = strstr(answer.body.p, line) != NULL;
	http_answer_deinit(&answer);
	return there;
}

static bool shows_the_stock(void *program)
{
	return tells(program, "\ngalore_stock{stall=\"main\","
			      "ingredient=\"cheese\"} 98\n");
}

/* Two orders that are picked, one too many, and one of what nobody has. */
static void send_orders(struct bus *bus)
{
	static const struct item much = { TEXT_INIT("cheese"), 1000 };
	static const struct item unknown = { TEXT_INIT("moon dust"), 1 };

	for (uint8_t n = 1; n <= 4; n++) {
		struct order_placed order = order_of(n);

		if (n > 2) {
			order.items = n == 3 ? &much : &unknown;
			order.n_items = 1;
		}
		bus_order(bus, &order, 2, "placed", NULL);
		/* The same once more is no other decision. */
		bus_order(bus, &order, 2, "placed", NULL);
	}
	bus_flush(bus);
}

static void expect_metrics(struct program *chillybin)
{
	static const char *const lines[] = {
		"\ngalore_orders_total{verdict=\"picked\"} 2\n",
		"\ngalore_refusals_total{reason=\"out-of-stock\"} 1\n",
		"\ngalore_refusals_total{reason=\"unknown-ingredient\"} 1\n",
		"\nbuild_info{version=\"of-a-test\",colour=\"blue\"} 1\n",
		"\nprocess_resident_memory_bytes ",
		"\nprocess_cpu_seconds_total ",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		ck_assert_msg(tells(chillybin, lines[i]), "%s", lines[i]);
	ck_assert(!tells(chillybin, ",version="));
	ck_assert(tells(chillybin, "kafka_consumergroup_lag{consumergroup="));
	ck_assert(tells(chillybin, "kafka_consumergroup_group_lag_seconds"
				   "{consumergroup="));
}

START_TEST(a_decision_is_logged_once_counted_by_reason_and_seen_in_the_stock)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct program *chillybin = world_start(
			world, "chillybin-1", "VERSION=of-a-test", NULL);

		orders_restock(bus, "bread", 100, "bread-1");
		orders_restock(bus, "cheese", 100, "cheese-1");
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock");
		send_orders(bus);
		world_settle(world, PATIENCE_MS);
		ck_assert_uint_eq(n_said(chillybin, "id=ORDER-DECIDED"), 4);
		ck_assert_uint_eq(n_said(chillybin, ", is picked\""), 2);
		ck_assert_uint_eq(n_said(chillybin, ", is refused, "), 2);
		expect_metrics(chillybin);
		ck_assert(until(PATIENCE_MS, shows_the_stock, chillybin));
		(void)check_world(world, &(struct check_params){ 0 });
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_decision_is_logged_once_counted_by_reason_and_seen_in_the_stock,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
