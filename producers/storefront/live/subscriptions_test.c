/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: who is told what, and that nobody is waited for. The database
 * is not there: what is watched was accepted here.
 */
#include "producers/storefront/live/subscriptions.h"

#include <check.h>
#include <signal.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/client_fixture.h"
#include "producers/storefront/orders/cache_fixture.h"

#define ID_1 "01000000-0000-0000-0000-000000000000"
#define ID_2 "02000000-0000-0000-0000-000000000000"

static struct loop *loop;
static struct http *http;
static struct views *views;
static struct order_cache *cache;
static struct subscriptions *streams;
static uint16_t port;
static char *long_name;

static void handle(void *arg, struct http_request *request)
{
	(void)arg;
	subscriptions_subscribe(streams, request);
}

static void count(void *arg, const struct http_answered *answered)
{
	(void)arg;
	(void)answered;
}

static void turn(void)
{
	loop_wait(loop, 10);
	views_serve(views);
	subscriptions_flush(streams);
}

static void start_streams(int64_t subscribers_max, int64_t heartbeat_ms)
{
	const struct subscriptions_params params = {
		.loop = loop,
		.cache = cache,
		.views = views,
		.subscribers_max = subscribers_max,
		.heartbeat_ms = heartbeat_ms,
	};

	ck_assert_int_eq(subscriptions_new(&streams, &params), 0);
}

static void start_http(void)
{
	struct fixture_port file;
	struct http_params params = {
		.loop = loop,
		.address = "127.0.0.1:0",
		.port_file = file.path,
		.connections_max = 64,
		.per_address_max = 64,
		.handle = handle,
		.answered = count,
	};

	fixture_port_init(&file);
	ck_assert_int_eq(http_new(&http, &params), 0);
	port = fixture_port_read(&file);
}

static void setup(void)
{
	struct views_params params = {
		.url = "host=127.0.0.1 port=1",
		.schema = "galore",
		.n_readers = 1,
		.timeout_ms = 1000,
		.queue_max = 16,
	};

	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_new(&loop), 0);
	params.loop = loop;
	ck_assert_int_eq(views_new(&views, &params), 0);
	ck_assert_int_eq(order_cache_new(&cache, 64), 0);
	start_streams(8, 60000);
	start_http();
	long_name = xcalloc(1, 256);
	memset(long_name, 'x', 255);
}

static void teardown(void)
{
	views = views_free(views);
	http = http_free(http);
	streams = subscriptions_free(streams);
	cache = order_cache_free(cache);
	loop = loop_free(loop);
	free(long_name);
}

static void accept_order(uint8_t n, const char *stall)
{
	static const struct item items[] = { { TEXT_INIT("cheese"), 1 } };
	const struct order_placed placed = {
		.order_id = { { n } },
		.stall = text_of(stall),
		.customer = text_of(long_name),
		.items = items,
		.n_items = 1,
		.grill = true,
	};

	cache_accept(cache, &placed, n);
}

static void grill(uint8_t n, enum toastie_state state, int64_t seq)
{
	const struct toastie fact = {
		.order_id = { { n } },
		.seq = seq,
		.state = state,
		.plate = TOASTIE_PLATE_NONE,
		.stall = TEXT("main"),
	};

	order_cache_toastie(cache, &fact);
}

/* Its connection; what it heard up to @end is appended to @ret. */
static int subscribe(const char *query, struct buf *ret, const char *end)
{
	int fd = fixture_connect(port);
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "GET /events?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
	fixture_say(fd, text);
	fixture_hear(fd, turn, ret, end);
	return fd;
}

static int n_times(const struct buf *text, const char *what)
{
	const char *p = text->p;
	int n = 0;

	while ((p = strstr(p, what))) {
		p++;
		n++;
	}
	return n;
}

START_TEST(who_watches_an_order_hears_its_state_now_and_then_each_change)
	{
		struct buf heard = { 0 };
		int fd;

		accept_order(1, "main");
		accept_order(2, "main");
		fd = subscribe("order=" ID_1, &heard, "\"state\":\"accepted\"");
		ck_assert_ptr_nonnull(strstr(heard.p, "text/event-stream"));
		grill(2, TOASTIE_DONE, 3); /* of no concern */
		turn();
		grill(1, TOASTIE_GRILLING, 2);
		turn();
		grill(1, TOASTIE_DONE, 3);
		fixture_hear(fd, turn, &heard, "\"state\":\"done\"");
		ck_assert_int_eq(n_times(&heard, "data: "), 3);
		ck_assert_int_eq(n_times(&heard, ID_2), 0);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(who_watches_a_stall_hears_of_its_orders_only)
	{
		struct buf heard = { 0 };
		int fd = subscribe("stall=main", &heard, "retry: ");

		ck_assert(subscriptions_of_stall(streams, TEXT("main")));
		ck_assert(!subscriptions_of_stall(streams, TEXT("north")));
		accept_order(2, "north");
		accept_order(1, "main");
		fixture_hear(fd, turn, &heard, ID_1);
		ck_assert_int_eq(n_times(&heard, ID_2), 0);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

static bool nobody_watches(void)
{
	return !subscriptions_of_stall(streams, TEXT("main"));
}

START_TEST(a_watch_goes_with_its_last_subscriber)
	{
		struct buf heard = { 0 };
		int fd = subscribe("stall=main", &heard, "retry: ");

		(void)close(fd);
		fixture_wait(turn, nobody_watches);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(who_comes_back_hears_what_changed_meanwhile)
	{
		struct buf heard = { 0 };
		char query[256], *id, *end;
		int fd = subscribe("stall=main", &heard, "retry: ");

		accept_order(1, "main");
		fixture_hear(fd, turn, &heard, ID_1);
		(void)close(fd);
		fixture_wait(turn, nobody_watches);
		id = strstr(heard.p, "id: ") + 4;
		end = strchr(id, '\n');
		(void)snprintf(
			query, sizeof(query),
			"stall=main HTTP/1.1\r\nLast-Event-ID: %.*s\r\nA: ",
			(int)(end - id), id);
		accept_order(2, "main");
		turn();
		buf_reset(&heard);
		fd = subscribe(query, &heard, ID_2);
		ck_assert_int_eq(n_times(&heard, ID_1), 0);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(an_id_of_an_earlier_process_means_that_all_is_news)
	{
		struct buf heard = { 0 };
		int fd;

		accept_order(1, "main");
		turn();
		fd = subscribe(
			"stall=main HTTP/1.1\r\nLast-Event-ID: 0-7\r\nA: ",
			&heard, ID_1);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_sign_of_life_comes_now_and_then)
	{
		struct buf heard = { 0 };
		int fd;

		http = http_free(http);
		streams = subscriptions_free(streams);
		start_streams(8, 20);
		start_http();
		fd = subscribe("stall=main", &heard, "retry: ");
		fixture_hear(fd, turn, &heard, "\n:\n\n");
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(more_subscribers_than_the_limit_are_refused)
	{
		struct buf heard = { 0 };
		int first, second;

		http = http_free(http);
		streams = subscriptions_free(streams);
		start_streams(1, 60000);
		start_http();
		first = subscribe("stall=main", &heard, "retry: ");
		second = subscribe("stall=main", &heard, "HTTP/1.1 503 ");
		(void)close(first);
		(void)close(second);
		buf_deinit(&heard);
	}
END_TEST

static const struct {
	const char *query, *status;
} refused[] = {
	{ "order=x", "HTTP/1.1 400 " },
	{ "stall=", "HTTP/1.1 400 " },
	{ "stall=%ff", "HTTP/1.1 400 " },
	{ "", "HTTP/1.1 400 " },
	/* Not known here, and the database cannot be asked. */
	{ "order=" ID_1, "HTTP/1.1 503 " },
};

START_TEST(what_cannot_be_watched_is_refused)
	{
		struct buf heard = { 0 };
		int fd = subscribe(refused[_i].query, &heard,
				   refused[_i].status);

		ck_assert_uint_eq(order_cache_n(cache), 0);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

/* More changes than all the buffers between us and a reader can hold. */
static void change_often(uint8_t n)
{
	for (int64_t seq = 2; seq < 20002; seq++) {
		grill(n, seq % 2 ? TOASTIE_GRILLING : TOASTIE_UNCERTAIN, seq);
		subscriptions_flush(streams);
		if (seq % 64 == 0)
			loop_wait(loop, 0);
	}
}

START_TEST(a_slow_reader_of_an_order_skips_to_the_latest_state)
	{
		struct buf heard = { 0 };
		int fd;

		accept_order(1, "main");
		fd = subscribe("order=" ID_1, &heard, "\"state\":\"accepted\"");
		change_often(1);
		grill(1, TOASTIE_DONE, 30000);
		subscriptions_flush(
			streams); /* while there is no room for it */
		fixture_hear(fd, turn, &heard, "\"state\":\"done\"");
		ck_assert_int_lt(n_times(&heard, "data: "), 20000);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_slow_reader_of_a_stall_is_cut)
	{
		struct buf heard = { 0 };
		int slow = subscribe("stall=main", &heard, "retry: ");

		accept_order(1, "main");
		change_often(1);
		ck_assert(!subscriptions_of_stall(streams, TEXT("main")));
		fixture_hear(slow, turn, &heard, NULL);
		(void)close(slow);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(an_event_larger_than_the_limit_is_told_all_the_same)
	{
		struct buf heard = { 0 };
		struct order order;
		int fd = subscribe("stall=main", &heard, "retry: ");

		order_init(&order, &(struct order_id){ { 1 } });
		order_set(&order.stall, TEXT("main"));
		order.items = xmalloc(SUBSCRIBER_MAX_BYTES + 2);
		memset(order.items, ' ', SUBSCRIBER_MAX_BYTES);
		memcpy(order.items + SUBSCRIBER_MAX_BYTES - 2, "[]", 3);
		fixture_hear(fd, turn, &heard, "\n\n");
		turn();
		order_cache_accept(cache, &order, 1);
		fixture_hear(fd, turn, &heard, "\"plate\":null}\n\n");
		order_deinit(&order);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(who_comes_back_to_a_quiet_stall_costs_no_more_than_others)
	{
		struct buf heard = { 0 };
		struct order order;
		int fd;

		cache = order_cache_free(cache);
		ck_assert_int_eq(order_cache_new(&cache, 20000), 0);
		http = http_free(http);
		streams = subscriptions_free(streams);
		start_streams(8, 60000);
		start_http();
		accept_order(1, "main");
		order_init(&order, &(struct order_id){ { 2 } });
		order_set(&order.stall, TEXT("north"));
		order_set(&order.items, TEXT("[]"));
		for (uint32_t i = 0; i < 10000; i++) {
			memcpy(&order.id.bytes[4], &i, sizeof(i));
			order_cache_accept(cache, &order, 1);
		}
		order_deinit(&order);
		turn();
		fd = subscribe(
			"stall=main HTTP/1.1\r\nLast-Event-ID: 0-7\r\nA: ",
			&heard, "retry: ");
		/* Too long ago to be looked for, and still live. */
		grill(1, TOASTIE_DONE, 3);
		fixture_hear(fd, turn, &heard, "\"state\":\"done\"");
		ck_assert_int_eq(n_times(&heard, "data: "), 1);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(ending_ends_all)
	{
		struct buf heard = { 0 };
		int fd = subscribe("stall=main", &heard, "retry: ");

		subscriptions_end(streams);
		ck_assert(!subscriptions_of_stall(streams, TEXT("main")));
		fixture_hear(fd, turn, &heard, NULL);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("subscriptions");
	TCase *tcase = tcase_create("subscriptions");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(
		tcase,
		who_watches_an_order_hears_its_state_now_and_then_each_change);
	tcase_add_test(tcase, who_watches_a_stall_hears_of_its_orders_only);
	tcase_add_test(tcase, a_watch_goes_with_its_last_subscriber);
	tcase_add_test(tcase, who_comes_back_hears_what_changed_meanwhile);
	tcase_add_test(tcase,
		       an_id_of_an_earlier_process_means_that_all_is_news);
	tcase_add_test(tcase, a_sign_of_life_comes_now_and_then);
	tcase_add_test(tcase, more_subscribers_than_the_limit_are_refused);
	tcase_add_loop_test(tcase, what_cannot_be_watched_is_refused, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase,
		       a_slow_reader_of_an_order_skips_to_the_latest_state);
	tcase_add_test(tcase, a_slow_reader_of_a_stall_is_cut);
	tcase_add_test(tcase,
		       an_event_larger_than_the_limit_is_told_all_the_same);
	tcase_add_test(
		tcase,
		who_comes_back_to_a_quiet_stall_costs_no_more_than_others);
	tcase_add_test(tcase, ending_ends_all);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
