/* SPDX-License-Identifier: MIT */
/*
 * A trace that comes with a request goes on with everything that follows from
 * it: the order, its pick, its toastie's states; and a restock begins one.
 */
#include <stdio.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define KEY "018f3a1e-7c2b-7abc-8def-0123456789ab"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define BREAD "{\"ingredient\":\"bread\",\"quantity\":2}"
#define STATE "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"

/* Each record is of that trace, with that state. What has no state is a hop
 * behind the trace, and has another id. */
static void expect_trace(const struct world *world, const char *topic,
			 const char *trace, const char *state)
{
	struct bus_log log;

	bus_read(world, topic, &log);
	ck_assert_uint_gt(log.n, 0);
	for (size_t i = 0; i < log.n; i++) {
		struct text seen = bus_header(&log.records[i], "traceparent");

		ck_assert_msg(seen.n == 55 && !memcmp(seen.p, trace, 35),
			      "a record of '%s' has the trace '%.*s'", topic,
			      (int)seen.n, seen.p ? seen.p : "");
		if (state)
			ck_assert(text_equal(
				bus_header(&log.records[i], "tracestate"),
				text_of(state)));
		else
			ck_assert_int_ne(memcmp(seen.p, trace, 55), 0);
	}
	bus_log_deinit(&log);
}

WORLD_TEST(a_trace_goes_from_the_request_to_the_toastie)
{
	static const char *const topics[] = { "orders", "picks", "toasties" };
	const struct http_ask ask = {
		.method = "POST",
		.path = "/orders",
		.key = KEY,
		.more = "traceparent: " TRACE "\r\n"
			"tracestate: " STATE "\r\n",
		.body = "{\"stall\":\"main\",\"items\":[" BREAD "]}",
	};
	struct program *storefront = shop_open(world);
	struct bus_log restocks;
	char trace[56];

	(void)grill_open(world, "grill-1", 2, 20);
	(void)world_start(world, "jafflr-1");
	/* Each ingredient of a restock is a command with a trace of its own. */
	ck_assert_int_eq(shop_post(storefront, "/restock",
				   "{\"stall\":\"main\",\"items\":[" BREAD
				   "]}"),
			 202);
	db_wait(world->db, 1, "stock");
	ck_assert_int_eq(shop_status(storefront, &ask), 202);
	json_decref(shop_wait(storefront, KEY, "done"));
	ck_assert_int_eq(check_world(world).n_done, 1);
	for (int i = 0; i < N_ROWS(topics); i++)
		expect_trace(world, topics[i], TRACE, STATE);
	/* A restock brings no trace: its command begins one. */
	bus_read(world, "restocks", &restocks);
	(void)snprintf(trace, sizeof(trace), "%.*s", 55,
		       bus_header(&restocks.records[0], "traceparent").p);
	bus_log_deinit(&restocks);
	expect_trace(world, "ledger", trace, NULL);
}
