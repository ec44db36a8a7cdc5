/* SPDX-License-Identifier: MIT */
/*
 * Shop fixture: a shop with its HTTP server and a client in one thread, for
 * tests. The broker is away or librdkafka's mock, the database is never there.
 */
#ifndef STOREFRONT_SHOP_FIXTURE_H
#define STOREFRONT_SHOP_FIXTURE_H

#include <signal.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/kafka/kafka_fixture.h"
#include "producers/storefront/http/client_fixture.h"
#include "producers/storefront/live/subscriptions.h"
#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/routes.h"
#include "producers/storefront/views.h"

#define ID "01000000-0000-0000-0000-000000000000"
#define KEY "Idempotency-Key: " ID "\r\n"
#define ORDER                                                                  \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"cheese\","           \
	"\"quantity\":1}]}"

static struct conf conf = {
	.order_version = 2,
	.topic_suffix = "",
	.publish_timeout_ms = 50,
	.publish_queue_max = 8,
	.publish_queue_max_bytes = 1 << 20,
	.database_url = "host=127.0.0.1 port=1",
	.database_schema = "galore",
	.view_readers = 1,
	.view_timeout_ms = 200,
	.view_queue_max = 16,
	.subscribers_max = 8,
	.heartbeat_ms = 60000,
};
static struct shop shop = { .conf = &conf };
static struct http *http;
static uint16_t port;

static inline void turn(void)
{
	loop_wait(shop.loop, 10);
	ck_assert_int_eq(commands_serve(shop.commands), 0);
	views_serve(shop.views);
	commands_expire(shop.commands, clock_now_ms());
	subscriptions_flush(shop.subscriptions);
}

static inline void open_commands(const char *brokers)
{
	conf.brokers = brokers;
	ck_assert_int_eq(topic_names_init(&shop.topics, conf.topic_suffix), 0);
	ck_assert_int_eq(commands_new(&shop.commands, &shop, NULL), 0);
}

static inline void open_all(const char *brokers, size_t cache_max)
{
	const struct http_params params = {
		.loop = shop.loop,
		.connections_max = 64,
		.per_address_max = 64,
		.handle = routes_handle,
		.answered = routes_answered,
		.arg = &shop,
	};

	shop.accepted_lines = (struct log_limit){ .a_second = 200 };
	open_commands(brokers);
	ck_assert_int_eq(views_new(&shop.views, &shop), 0);
	shop.cache = order_cache_new(cache_max);
	shop.subscriptions = subscriptions_new(&shop);
	port = fixture_serve(&http, &params);
}

static inline void setup_with(const char *brokers)
{
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_new(&shop.loop), 0);
	open_all(brokers, 64);
}

/* The broker is away. */
static inline void setup(void)
{
	setup_with("127.0.0.1:1");
}

static inline void close_all(void)
{
	shop.views = views_free(shop.views);
	shop.commands = commands_free(shop.commands);
	http = http_free(http);
	shop.subscriptions = subscriptions_free(shop.subscriptions);
	shop.cache = order_cache_free(shop.cache);
}

static inline void teardown(void)
{
	close_all();
	shop.loop = loop_free(shop.loop);
	buf_deinit(&heard);
}

static inline void setup_with_broker(int n_partitions)
{
	mock_start("orders", n_partitions);
	ck_assert_int_eq(
		rd_kafka_mock_topic_create(mock, "restocks", n_partitions, 1),
		0);
	setup_with(mock_brokers());
	conf.publish_timeout_ms = 60000;
}

static inline void teardown_with_broker(void)
{
	teardown();
	mock_stop();
}

/* An order of one @ingredient, as if the broker had it. */
static inline void accept_order(uint8_t n, const char *stall,
				const char *customer, const char *ingredient)
{
	const struct item item = { text_of(ingredient), 1 };
	const struct order_placed placed = {
		.order_id = { { n } },
		.stall = text_of(stall),
		.customer = text_of(customer),
		.items = &item,
		.n_items = 1,
		.grill = true,
	};
	struct order order;

	order_of_placed(&order, &placed);
	order.number = n;
	order_cache_accept(shop.cache, &order, order_placed_hash(&placed));
	order_deinit(&order);
}

/* A POST of @body to @path is sent; @fields end in CR LF. */
static inline int ask(const char *path, const char *fields, const char *body)
{
	struct buf text = { 0 };
	int fd = fixture_connect(port);

	buf_printf(&text,
		   "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		   "Content-Length: %zu\r\n%s\r\n%s",
		   path, strlen(body), fields, body);
	buf_add(&text, "", 1);
	fixture_say(fd, text.p);
	buf_deinit(&text);
	return fd;
}

/* The whole answer to it. */
static inline void hear(int fd, struct buf *ret)
{
	buf_reset(ret);
	fixture_hear(fd, turn, ret, NULL);
	(void)close(fd);
}

static inline void post(const char *path, const char *fields, const char *body)
{
	hear(ask(path, fields, body), &heard);
}

#endif
