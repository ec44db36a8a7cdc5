/* SPDX-License-Identifier: MIT */
/*
 * Place order: what is answered when nothing can be published. Neither a
 * broker nor a database is there; with both, the integration tests do it.
 */
#include "producers/storefront/place_order.h"

#include <check.h>
#include <signal.h>

#include "infra/lib/check_fixture.h"
#include "producers/storefront/command.h"
#include "producers/storefront/fixture.h"
#include "producers/storefront/routes.h"

#define ID "01000000-0000-0000-0000-000000000000"
#define ORDER                                                                  \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"cheese\","           \
	"\"quantity\":1}]}"
#define OTHER_ORDER                                                            \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"ham\","              \
	"\"quantity\":1}]}"

static struct conf conf;
static struct shop shop;
static struct http *http;
static uint16_t port;

static void turn(void)
{
	loop_wait(shop.loop, 10);
	ck_assert_int_eq(publisher_serve(shop.publisher), 0);
	views_serve(shop.views);
	command_expire(&shop, clock_now_ms());
}

static void open_clients(void)
{
	const struct publisher_params publisher_params = {
		.loop = shop.loop,
		.brokers = "127.0.0.1:1",
		.topic_suffix = "",
		.producer = "storefront@test",
		.queue_max = 4,
	};
	const struct views_params views_params = {
		.loop = shop.loop,
		.url = "host=127.0.0.1 port=1",
		.schema = "galore",
		.n_readers = 1,
		.timeout_ms = 200,
		.queue_max = 16,
	};

	ck_assert_int_eq(publisher_new(&shop.publisher, &publisher_params), 0);
	ck_assert_int_eq(views_new(&shop.views, &views_params), 0);
	ck_assert_int_eq(order_board_new(&shop.board, 64), 0);
}

static void setup(void)
{
	struct fixture_port file;
	struct http_params params = {
		.address = "127.0.0.1:0",
		.port_file = file.path,
		.connections_max = 64,
		.per_address_max = 64,
		.handle = routes_handle,
		.answered = routes_answered,
		.arg = &shop,
	};

	(void)signal(SIGPIPE, SIG_IGN);
	conf.order_version = 2;
	conf.publish_timeout_ms = 50;
	shop.conf = &conf;
	LIST_INIT(&shop.commands);
	ck_assert_int_eq(loop_new(&shop.loop), 0);
	open_clients();
	params.loop = shop.loop;
	fixture_port_init(&file);
	ck_assert_int_eq(http_new(&http, &params), 0);
	port = fixture_port_read(&file);
}

static void teardown(void)
{
	shop.views = views_free(shop.views);
	shop.publisher = publisher_free(shop.publisher);
	ck_assert(LIST_EMPTY(&shop.commands));
	http = http_free(http);
	shop.board = order_board_free(shop.board);
	shop.loop = loop_free(shop.loop);
}

/* The whole answer to a POST of @body to @path; @fields end in CR LF. */
static void post(struct buf *ret, const char *path, const char *fields,
		 const char *body)
{
	struct buf text = { 0 };
	int fd = fixture_connect(port);

	buf_printf(&text,
		   "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		   "Content-Length: %zu\r\n%s\r\n%s",
		   path, strlen(body), fields, body);
	buf_add(&text, "", 1);
	fixture_say(fd, text.p);
	fixture_hear(fd, turn, ret, NULL);
	(void)close(fd);
	buf_deinit(&text);
}

static const struct {
	const char *path, *fields, *body, *status, *says;
} answers[] = {
	{ "/orders", "", "{}", "HTTP/1.1 400 ",
	  "{\"error\":\"is missing\",\"field\":\"stall\"}\n" },
	{ "/orders", "Idempotency-Key: \r\n", ORDER, "HTTP/1.1 400 ",
	  "\"field\":\"Idempotency-Key\"" },
	/* Nobody knows: the order's id is there to ask for. */
	{ "/orders", "Idempotency-Key: " ID "\r\n", ORDER, "HTTP/1.1 503 ",
	  "\"order_id\":\"" ID "\"" },
	{ "/orders", "", ORDER, "HTTP/1.1 503 ", "Retry-After: 1\r\n" },
	{ "/restock", "", "{}", "HTTP/1.1 400 ", "\"field\":\"stall\"" },
	{ "/restock", "", ORDER, "HTTP/1.1 503 ", "Retry-After: 1\r\n" },
	{ "/restock", "Idempotency-Key: \"\"\r\n", ORDER, "HTTP/1.1 400 ",
	  "\"field\":\"Idempotency-Key\"" },
	{ "/orders/" ID "/cancel", "", "", "HTTP/1.1 503 ",
	  "Retry-After: 1\r\n" },
	{ "/orders/x/cancel", "", "", "HTTP/1.1 404 ", "\"error\":" },
	{ "/stock", "", "", "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n" },
};

START_TEST(a_request_that_cannot_be_met_says_why)
	{
		struct buf heard = { 0 };

		post(&heard, answers[_i].path, answers[_i].fields,
		     answers[_i].body);
		ck_assert_ptr_nonnull(strstr(heard.p, answers[_i].status));
		ck_assert_ptr_nonnull(strstr(heard.p, answers[_i].says));
		buf_deinit(&heard);
	}
END_TEST

START_TEST(another_order_under_a_key_that_was_used_is_a_conflict)
	{
		static const struct item items[] = { { TEXT_INIT("cheese"),
						       1 } };
		const struct order_placed placed = {
			.order_id = { { 1 } },
			.stall = TEXT("main"),
			.items = items,
			.n_items = 1,
			.grill = true,
		};
		struct buf heard = { 0 };

		order_board_accept(shop.board, &placed, 7);
		post(&heard, "/orders", "Idempotency-Key: " ID "\r\n",
		     OTHER_ORDER);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 409 "));
		buf_reset(&heard);
		post(&heard, "/orders", "Idempotency-Key: " ID "\r\n", ORDER);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 503 "));
		buf_deinit(&heard);
	}
END_TEST

static bool is_away(void)
{
	return publisher_away(shop.publisher);
}

START_TEST(while_the_broker_is_away_nobody_waits_for_it)
	{
		struct buf heard = { 0 };
		int64_t begun_at_ms;

		conf.publish_timeout_ms = 60000;
		fixture_wait(turn, is_away);
		begun_at_ms = clock_now_ms();
		post(&heard, "/orders", "", ORDER);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 503 "));
		ck_assert_ptr_nonnull(
			strstr(heard.p, "the broker is away or busy"));
		ck_assert_int_lt(clock_now_ms() - begun_at_ms, 5000);
		buf_deinit(&heard);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("place_order");
	TCase *tcase = tcase_create("place_order");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_request_that_cannot_be_met_says_why, 0,
			    CHECK_N(answers));
	tcase_add_test(tcase,
		       another_order_under_a_key_that_was_used_is_a_conflict);
	tcase_add_test(tcase, while_the_broker_is_away_nobody_waits_for_it);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
