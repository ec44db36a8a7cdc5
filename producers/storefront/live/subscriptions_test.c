/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: who hears what, and that no subscriber makes another one
 * wait. The database is not there: the orders were accepted here.
 */
#include "producers/storefront/live/subscriptions.h"

#include "infra/lib/xalloc.h"
#include "producers/storefront/orders/shop_fixture.h"

#define ID_1 "01000000-0000-0000-0000-000000000000"
#define ID_2 "02000000-0000-0000-0000-000000000000"

static void accept_in(uint8_t n, const char *stall)
{
	char customer[256];

	memset(customer, 'x', 255);
	customer[255] = '\0';
	accept_order(n, stall, customer, "cheese");
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

	order_cache_toastie(shop.cache, &fact);
}

static void hear_up_to(int fd, const char *end)
{
	fixture_hear(fd, turn, &heard, end);
}

/* The connection; what came up to @end is appended to what was heard. */
static int listen_to(const char *query, const char *fields, const char *end)
{
	int fd = fixture_connect(port);
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "GET /events?%s HTTP/1.1\r\nHost: x\r\n%s\r\n", query,
		       fields);
	fixture_say(fd, text);
	hear_up_to(fd, end);
	return fd;
}

/* In what was heard. */
static int n_times(const char *what)
{
	const char *p = heard.p;
	int n = 0;

	while ((p = strstr(p, what))) {
		p++;
		n++;
	}
	return n;
}

static void restart_with(int64_t subscribers_max, int64_t heartbeat_ms,
			 size_t cache_max)
{
	close_all();
	conf.subscribers_max = subscribers_max;
	conf.heartbeat_ms = heartbeat_ms;
	open_all("127.0.0.1:1", cache_max);
}

START_TEST(a_subscriber_of_an_order_hears_its_state_now_and_each_change)
	{
		int fd;

		accept_in(1, "main");
		accept_in(2, "main");
		fd = listen_to("order=" ID_1, "", "\"state\":\"accepted\"");
		HEARD("text/event-stream");
		grill(2, TOASTIE_DONE, 3); /* of no concern */
		turn();
		grill(1, TOASTIE_GRILLING, 2);
		turn();
		grill(1, TOASTIE_DONE, 3);
		hear_up_to(fd, "\"state\":\"done\"");
		ck_assert_int_eq(n_times("data: "), 3);
		ck_assert_int_eq(n_times(ID_2), 0);
		(void)close(fd);
	}
END_TEST

START_TEST(a_subscriber_of_a_stall_hears_of_its_orders_only)
	{
		int fd = listen_to("stall=main", "", "retry: ");

		ck_assert(subscriptions_has_stall(shop.subscriptions,
						  TEXT("main")));
		ck_assert(!subscriptions_has_stall(shop.subscriptions,
						   TEXT("north")));
		accept_in(2, "north");
		accept_in(1, "main");
		hear_up_to(fd, ID_1);
		ck_assert_int_eq(n_times(ID_2), 0);
		(void)close(fd);
	}
END_TEST

static bool nobody_listens(void)
{
	return !subscriptions_has_stall(shop.subscriptions, TEXT("main"));
}

static void close_and_wait(int fd)
{
	(void)close(fd);
	fixture_wait(turn, nobody_listens);
}

START_TEST(a_stall_is_forgotten_with_its_last_subscriber)
	{
		int first = listen_to("stall=main", "", "retry: ");
		int second;

		buf_reset(&heard);
		second = listen_to("stall=main", "", "retry: ");
		(void)close(first);
		for (int i = 0; i < 10; i++)
			turn();
		ck_assert(!nobody_listens());
		close_and_wait(second);
	}
END_TEST

/* The order 1 is the change 1, the order 2 the change 2. */
static const struct {
	const char *process, *change; /* NULL: of this process */
	bool hears_1;
} ids[] = {
	{ NULL, "-1", false },
	{ NULL, "-0", true },
	{ NULL, "-9223372036854775808", true },
	{ NULL, "--1", true },
	{ NULL, "-1x", true },
	{ NULL, "-", true },
	{ NULL, "", true },
	{ "0", "-1", true }, /* of an earlier process */
	{ "", "1", true },
};

START_TEST(a_subscriber_that_comes_back_hears_what_its_last_id_does_not_cover)
	{
		char field[256], *id;
		int fd = listen_to("stall=main", "", "retry: ");

		accept_in(1, "main");
		hear_up_to(fd, ID_1);
		close_and_wait(fd);
		accept_in(2, "main");
		turn();
		id = strstr(heard.p, "id: ") + 4;
		*strchr(id, '-') = '\0';
		(void)snprintf(field, sizeof(field), "Last-Event-ID: %s%s\r\n",
			       ids[_i].process ? ids[_i].process : id,
			       ids[_i].change);
		buf_reset(&heard);
		fd = listen_to("stall=main", field, ID_2);
		ck_assert_int_eq(n_times(ID_1), ids[_i].hears_1);
		(void)close(fd);
	}
END_TEST

START_TEST(a_sign_of_life_comes_now_and_then)
	{
		int fd;

		restart_with(8, 20, 64);
		fd = listen_to("stall=main", "", "retry: ");
		hear_up_to(fd, "\n:\n\n");
		(void)close(fd);
	}
END_TEST

START_TEST(more_subscribers_than_the_limit_are_refused)
	{
		int first, second;

		restart_with(1, 60000, 64);
		first = listen_to("stall=main", "", "retry: ");
		second = listen_to("stall=main", "", "HTTP/1.1 503 ");
		(void)close(first);
		(void)close(second);
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

START_TEST(a_subscription_to_nothing_is_refused)
	{
		int fd = listen_to(refused[_i].query, "", refused[_i].status);

		ck_assert_uint_eq(order_cache_n(shop.cache), 0);
		(void)close(fd);
	}
END_TEST

/* More changes than all the buffers between us and a reader can store. */
static void change_often(uint8_t n)
{
	for (int64_t seq = 2; seq < 20002; seq++) {
		grill(n, seq % 2 ? TOASTIE_GRILLING : TOASTIE_UNCERTAIN, seq);
		subscriptions_flush(shop.subscriptions);
		if (seq % 64 == 0)
			loop_wait(shop.loop, 0);
	}
}

START_TEST(a_slow_reader_of_an_order_skips_to_the_latest_state)
	{
		int fd;

		accept_in(1, "main");
		fd = listen_to("order=" ID_1, "", "\"state\":\"accepted\"");
		change_often(1);
		grill(1, TOASTIE_DONE, 30000);
		/* While its buffer is full. */
		subscriptions_flush(shop.subscriptions);
		hear_up_to(fd, "\"state\":\"done\"");
		ck_assert_int_lt(n_times("data: "), 20000);
		(void)close(fd);
	}
END_TEST

START_TEST(a_slow_reader_of_a_stall_is_cut)
	{
		int slow = listen_to("stall=main", "", "retry: ");

		accept_in(1, "main");
		change_often(1);
		ck_assert(nobody_listens());
		hear_up_to(slow, NULL);
		(void)close(slow);
	}
END_TEST

START_TEST(an_event_larger_than_the_limit_is_sent_all_the_same)
	{
		struct order order;
		int fd = listen_to("stall=main", "", "retry: ");

		order_init(&order, &(struct order_id){ { 1 } });
		order_set(&order.stall, TEXT("main"));
		order.items = xmalloc(SUBSCRIBER_MAX_BYTES + 2);
		memset(order.items, ' ', SUBSCRIBER_MAX_BYTES);
		memcpy(order.items + SUBSCRIBER_MAX_BYTES - 2, "[]", 3);
		hear_up_to(fd, "\n\n");
		turn();
		order_cache_accept(shop.cache, &order, 1);
		hear_up_to(fd, "\"plate\":null}\n\n");
		order_deinit(&order);
		(void)close(fd);
	}
END_TEST

START_TEST(coming_back_to_a_quiet_stall_costs_no_more_than_to_others)
	{
		struct order order;
		int fd;

		restart_with(8, 60000, 20000);
		accept_in(1, "main");
		order_init(&order, &(struct order_id){ { 2 } });
		order_set(&order.stall, TEXT("north"));
		order_set(&order.items, TEXT("[]"));
		for (uint32_t i = 0; i < 10000; i++) {
			memcpy(&order.id.bytes[4], &i, sizeof(i));
			order_cache_accept(shop.cache, &order, 1);
		}
		order_deinit(&order);
		turn();
		fd = listen_to("stall=main", "Last-Event-ID: 0-7\r\n",
			       "retry: ");
		/* Too long ago to be looked for, and still live. */
		grill(1, TOASTIE_DONE, 3);
		hear_up_to(fd, "\"state\":\"done\"");
		ck_assert_int_eq(n_times("data: "), 1);
		(void)close(fd);
	}
END_TEST

START_TEST(ending_ends_all)
	{
		int fd = listen_to("stall=main", "", "retry: ");

		subscriptions_end(shop.subscriptions);
		ck_assert(nobody_listens());
		hear_up_to(fd, NULL);
		(void)close(fd);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("subscriptions");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(
		tcase,
		a_subscriber_of_an_order_hears_its_state_now_and_each_change);
	tcase_add_test(tcase, a_subscriber_of_a_stall_hears_of_its_orders_only);
	tcase_add_test(tcase, a_stall_is_forgotten_with_its_last_subscriber);
	tcase_add_loop_test(
		tcase,
		a_subscriber_that_comes_back_hears_what_its_last_id_does_not_cover,
		0, CHECK_N(ids));
	tcase_add_test(tcase, a_sign_of_life_comes_now_and_then);
	tcase_add_test(tcase, more_subscribers_than_the_limit_are_refused);
	tcase_add_loop_test(tcase, a_subscription_to_nothing_is_refused, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase,
		       a_slow_reader_of_an_order_skips_to_the_latest_state);
	tcase_add_test(tcase, a_slow_reader_of_a_stall_is_cut);
	tcase_add_test(tcase,
		       an_event_larger_than_the_limit_is_sent_all_the_same);
	tcase_add_test(
		tcase,
		coming_back_to_a_quiet_stall_costs_no_more_than_to_others);
	tcase_add_test(tcase, ending_ends_all);
	return check_run(suite);
}
