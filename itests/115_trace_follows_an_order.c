/* SPDX-License-Identifier: MIT */
/*
 * A trace that comes with a request goes on with everything that follows from
 * it: the order, its pick, its toastie's states; and a restock begins one.
 */
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define KEY "018f3a1e-7c2b-7abc-8def-0123456789ab"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c"
#define STATE "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"

/* Of each record; the ids of the hops are all different. */
static void expect_trace(const struct world *world, const char *topic)
{
	struct bus_log log;

	bus_read(world, topic, &log);
	ck_assert_uint_gt(log.n, 0);
	for (size_t i = 0; i < log.n; i++) {
		struct text seen = bus_header(&log.records[i], "traceparent");

		ck_assert_msg(seen.n == 55 &&
				      !memcmp(seen.p, TRACE, strlen(TRACE)),
			      "a record of '%s' has the trace '%.*s'", topic,
			      (int)seen.n, seen.p ? seen.p : "");
		bus_expect_header(&log.records[i], "tracestate", STATE);
	}
	bus_log_deinit(&log);
}

/* A restock brings no trace: its fact has the one that its command began. */
static void expect_own_trace(const struct world *world)
{
	struct bus_log restocks, ledger;

	bus_read(world, "restocks", &restocks);
	bus_read(world, "ledger", &ledger);
	for (size_t i = 0; i < restocks.n; i++) {
		struct text trace =
			bus_header(&restocks.records[i], "traceparent");
		size_t n_same = 0;

		ck_assert_uint_eq(trace.n, 55);
		for (size_t k = 0; k < ledger.n; k++) {
			struct text fact =
				bus_header(&ledger.records[k], "traceparent");

			/* One trace, in which each hop has its own id. */
			n_same += fact.n == 55 &&
				  !memcmp(fact.p, trace.p, 35) &&
				  memcmp(fact.p, trace.p, 55) != 0;
		}
		ck_assert_uint_ge(n_same, 1);
	}
	bus_log_deinit(&restocks);
	bus_log_deinit(&ledger);
}

WORLD_TEST(a_trace_goes_from_the_request_to_the_toastie)
{
	static const char *const topics[] = { "orders", "picks", "toasties" };
	const struct http_ask ask = {
		.method = "POST",
		.path = "/orders",
		.key = KEY,
		.more = "traceparent: " TRACE "-b7ad6b7169203331-01\r\n"
			"tracestate: " STATE "\r\n",
		.body = SHOP_TOASTIE,
	};
	struct program *storefront = shop_open(world);
	struct http_answer answer;

	(void)grill_open(world, "grill-1", 2, 20);
	(void)world_start(world, "jafflr-1", NULL);
	shop_restock(storefront, 10);
	answer = shop_ask(storefront, &ask);
	ck_assert_int_eq(answer.status, 202);
	http_answer_deinit(&answer);
	json_decref(shop_wait(storefront, KEY, "done"));
	ck_assert_int_eq(check_world(world).n_done, 1);
	for (int i = 0; i < N_ROWS(topics); i++)
		expect_trace(world, topics[i]);
	expect_own_trace(world);
}
