/* SPDX-License-Identifier: MIT */
/*
 * A trace that comes with a request goes on with everything that follows from
 * it: the order, its pick, its toastie's states; and a restock begins one.
 */
#include <check.h>
#include <string.h>

#include "itests/harness/bus.h"
#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define STATE "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
#define TRACE_ID_AT 3

/* The trace of the only record of @topic, or of the last of several. */
static struct text trace_of(const struct bus_log *log)
{
	struct text trace;

	ck_assert_uint_gt(log->n, 0);
	trace = bus_header(&log->records[log->n - 1], "traceparent");
	ck_assert_uint_eq(trace.n, 55);
	return trace;
}

static void expect_trace(const struct world *world, const char *topic)
{
	struct bus_log log;

	bus_read(world, topic, &log);
	for (size_t i = 0; i < log.n; i++) {
		struct text trace = bus_header(&log.records[i], "traceparent");
		struct text state = bus_header(&log.records[i], "tracestate");

		ck_assert_msg(trace.n == 55 &&
				      !memcmp(trace.p + TRACE_ID_AT, TRACE_ID,
					      strlen(TRACE_ID)),
			      "a record of '%s' has the trace '%.*s'", topic,
			      (int)trace.n, trace.p ? trace.p : "");
		ck_assert_msg(text_equal(state, text_of(STATE)),
			      "a record of '%s' has the state '%.*s'", topic,
			      (int)state.n, state.p ? state.p : "");
	}
	ck_assert_uint_gt(log.n, 0);
	bus_log_deinit(&log);
}

/* Both belong to one trace, in which each hop has an id of its own. */
static void expect_one_trace(const struct world *world, const char *from,
			     const char *to)
{
	struct bus_log a, b;

	bus_read(world, from, &a);
	bus_read(world, to, &b);
	ck_assert_int_eq(memcmp(trace_of(&a).p, trace_of(&b).p, 35), 0);
	ck_assert_int_ne(memcmp(trace_of(&a).p, trace_of(&b).p, 55), 0);
	bus_log_deinit(&a);
	bus_log_deinit(&b);
}

START_TEST(a_trace_goes_from_the_request_to_the_toastie)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct grill_spy grill = grill_open(world, "grill-1", 2, 20);
		struct program *storefront =
			world_start(world, "storefront", NULL);
		char id[] = "018f3a1e-7c2b-7abc-8def-0123456789ab";
		struct http_answer answer;

		(void)program_wait_ready(storefront, PATIENCE_MS);
		(void)world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "jafflr-1", NULL);
		shop_restock(storefront, "main", "bread", 10);
		answer = shop_ask(
			storefront,
			&(struct http_ask){
				.method = "POST",
				.path = "/orders",
				.key = id,
				.more = "traceparent: 00-" TRACE_ID
					"-b7ad6b7169203331-01\r\n"
					"tracestate: " STATE "\r\n",
				.body = "{\"stall\":\"main\",\"items\":["
					"{\"ingredient\":\"bread\","
					"\"quantity\":2}]}",
			});
		ck_assert_int_eq(answer.status, 202);
		http_answer_deinit(&answer);
		json_decref(shop_wait(storefront, id, "done"));
		world_settle(world, PATIENCE_MS);
		expect_trace(world, "orders");
		expect_trace(world, "picks");
		expect_trace(world, "toasties");
		expect_one_trace(world, "restocks", "ledger");
		(void)check_world(world,
				  &(struct check_params){ .grills = { &grill },
							  .all_done = true });
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_trace_goes_from_the_request_to_the_toastie,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
