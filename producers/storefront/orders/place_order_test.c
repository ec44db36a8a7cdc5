/* SPDX-License-Identifier: MIT */
/*
 * Place order: what is answered when nothing can be published, and what when
 * it can; with a database, too, the integration tests do it.
 */
#include "producers/storefront/orders/place_order.h"

#include "producers/storefront/orders/shop_fixture.h"

#define OTHER_ORDER                                                            \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"ham\","              \
	"\"quantity\":1}]}"

enum { N_ASKED = 12, SLOW_MS = 300, HANGS_MS = 60000 };

static const struct {
	const char *path, *fields, *body, *status, *says;
} answers[] = {
	{ "/orders", "", "{}", "HTTP/1.1 400 ",
	  "{\"error\":\"is missing\",\"field\":\"stall\"}\n" },
	{ "/orders", "Idempotency-Key: \r\n", ORDER, "HTTP/1.1 400 ",
	  "\"field\":\"Idempotency-Key\"" },
	{ "/orders",
	  "Idempotency-Key: 00000000-0000-0000-0000-000000000000\r\n", ORDER,
	  "HTTP/1.1 400 ", "UUID of zeros" },
	{ "/orders", KEY KEY, ORDER, "HTTP/1.1 400 ",
	  "{\"error\":\"must come once\",\"field\":\"Idempotency-Key\"}\n" },
	/* Nobody knows: the order's id is there to ask for. */
	{ "/orders", "Idempotency-Key: " ID "\r\n", ORDER, "HTTP/1.1 503 ",
	  "\"order_id\":\"" ID "\"" },
	{ "/orders", "", ORDER, "HTTP/1.1 503 ", "Retry-After: 1\r\n" },
	{ "/restock", "", "{}", "HTTP/1.1 400 ", "\"field\":\"stall\"" },
	{ "/restock", "", ORDER, "HTTP/1.1 503 ", "Retry-After: 1\r\n" },
	{ "/restock",
	  "Idempotency-Key: 00000000-0000-0000-0000-000000000000\r\n", ORDER,
	  "HTTP/1.1 400 ", "UUID of zeros" },
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

		cache_accept(shop.cache, &placed, 7);
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
	return publisher_amiss(shop.publisher) != NULL;
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

/* The number that an answer tells. */
static int64_t number_in(const struct buf *heard)
{
	const char *p = strstr(heard->p, "\"number\":");
	int64_t number = -1;

	ck_assert_msg(p, "no number in '%s'", heard->p);
	p += 9;
	ck_assert_int_eq(
		str_n_to_i64(&number, p, strcspn(p, ","), 0, INT64_MAX), 0);
	return number;
}

START_TEST(an_order_is_accepted_when_the_broker_has_it)
	{
		struct buf heard = { 0 };

		post(&heard, "/orders", KEY, ORDER);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 202 "));
		ck_assert_ptr_nonnull(
			strstr(heard.p, "Location: /orders/" ID "\r\n"));
		ck_assert_ptr_nonnull(strstr(heard.p, "{\"order_id\":\"" ID
						      "\",\"number\":"));
		/* What is called out, beside the whole number. */
		ck_assert_ptr_nonnull(strstr(heard.p, ",\"code\":\"E945\","));
		ck_assert_int_ge(number_in(&heard), 0);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(one_order_sent_twice_at_once_is_one_order)
	{
		struct buf first = { 0 }, second = { 0 };
		int one = ask("/orders", KEY, ORDER);
		int other = ask("/orders", KEY, ORDER);

		hear(one, &first);
		hear(other, &second);
		ck_assert_int_eq(number_in(&first), number_in(&second));
		ck_assert_uint_eq(order_cache_n(shop.cache), 1);
		buf_deinit(&first);
		buf_deinit(&second);
	}
END_TEST

START_TEST(of_two_orders_under_one_key_at_once_one_is_a_conflict)
	{
		struct buf first = { 0 }, second = { 0 };
		int one = ask("/orders", KEY, ORDER);
		int other = ask("/orders", KEY, OTHER_ORDER);
		const struct cached_order *entry;
		bool one_won;

		hear(one, &first);
		hear(other, &second);
		one_won = strstr(first.p, "HTTP/1.1 202 ");
		ck_assert_ptr_nonnull(
			strstr(one_won ? second.p : first.p, "HTTP/1.1 409 "));
		entry = order_cache_find(shop.cache,
					 &(struct order_id){ { 1 } });
		ck_assert_ptr_nonnull(
			strstr(entry->order.items, one_won ? "cheese" : "ham"));
		buf_deinit(&first);
		buf_deinit(&second);
	}
END_TEST

static bool all_are_told(void)
{
	return LIST_EMPTY(&shop.commands);
}

START_TEST(who_waits_too_long_is_told_how_to_go_on)
	{
		struct buf heard = { 0 };

		conf.publish_timeout_ms = 50;
		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		post(&heard, "/orders", KEY, ORDER);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 503 "));
		ck_assert_ptr_nonnull(strstr(heard.p, "may or may not"));
		ck_assert_ptr_nonnull(
			strstr(heard.p, "\"order_id\":\"" ID "\""));
		/* The order was taken all the same. */
		fixture_wait(turn, all_are_told);
		ck_assert_uint_eq(order_cache_n(shop.cache), 1);
		buf_deinit(&heard);
	}
END_TEST

static const struct {
	const char *path, *says;
} doubtful[] = {
	{ "/orders", "with its id as Idempotency-Key" },
	{ "/restock", "with the same Idempotency-Key" },
};

START_TEST(a_bad_report_is_not_an_invitation_to_order_twice)
	{
		struct buf heard = { 0 };

		rd_kafka_mock_push_request_errors(
			mock, API_PRODUCE, 1,
			RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		post(&heard, doubtful[_i].path, "", ORDER);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 503 "));
		ck_assert_ptr_nonnull(strstr(heard.p, doubtful[_i].says));
		buf_deinit(&heard);
	}
END_TEST

/* Another order is under way meanwhile, and is not touched. */
START_TEST(what_the_broker_refuses_is_known_not_to_be_there)
	{
		struct buf first = { 0 }, second = { 0 };
		int one, other, n_refused, n_accepted;

		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		rd_kafka_mock_push_request_errors(
			mock, API_PRODUCE, 1,
			RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
		one = ask("/orders", KEY, ORDER);
		other = ask("/orders", "Idempotency-Key: b\r\n", ORDER);
		hear(one, &first);
		hear(other, &second);
		n_refused = !!strstr(first.p, "the broker refused it") +
			    !!strstr(second.p, "the broker refused it");
		n_accepted = !!strstr(first.p, "HTTP/1.1 202 ") +
			     !!strstr(second.p, "HTTP/1.1 202 ");
		ck_assert_msg(n_refused == 1 && n_accepted == 1, "%s\n%s",
			      first.p, second.p);
		buf_deinit(&first);
		buf_deinit(&second);
	}
END_TEST

START_TEST(while_nothing_is_acknowledged_nobody_waits_for_it)
	{
		struct buf heard = { 0 };
		int fd;

		rd_kafka_mock_broker_set_rtt(mock, 1, HANGS_MS);
		fd = ask("/orders", "", ORDER);
		fixture_wait(turn, is_away);
		ck_assert_str_eq(publisher_amiss(shop.publisher),
				 "the broker acknowledges nothing");
		post(&heard, "/orders", "", ORDER);
		ck_assert_ptr_nonnull(
			strstr(heard.p, "the broker is away or busy"));
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(more_than_may_wait_is_refused_at_once)
	{
		struct buf heard = { 0 };
		int fds[N_ASKED], n_busy = 0;

		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		for (int i = 0; i < N_ASKED; i++)
			fds[i] = ask("/orders", "", ORDER);
		for (int i = 0; i < N_ASKED; i++) {
			hear(fds[i], &heard);
			n_busy += strstr(heard.p, "away or busy") != NULL;
		}
		ck_assert_int_eq(n_busy, N_ASKED - 8);
		buf_deinit(&heard);
	}
END_TEST

static bool one_waits(void)
{
	return publisher_n_waiting(shop.publisher) == 1;
}

START_TEST(more_bytes_than_may_wait_are_refused_too)
	{
		struct buf heard = { 0 };
		int first, second;

		shop.publisher = publisher_free(shop.publisher);
		open_publisher(mock_brokers(), 1);
		rd_kafka_mock_broker_set_rtt(mock, 1, SLOW_MS);
		first = ask("/orders", "", ORDER);
		fixture_wait(turn, one_waits);
		second = ask("/orders", "", ORDER);
		hear(second, &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, "away or busy"));
		hear(first, &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 202 "));
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
	tcase = tcase_create("with a broker");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup_with_broker,
				  teardown_with_broker);
	tcase_add_test(tcase, an_order_is_accepted_when_the_broker_has_it);
	tcase_add_test(tcase, one_order_sent_twice_at_once_is_one_order);
	tcase_add_test(tcase,
		       of_two_orders_under_one_key_at_once_one_is_a_conflict);
	tcase_add_test(tcase, who_waits_too_long_is_told_how_to_go_on);
	tcase_add_loop_test(tcase,
			    a_bad_report_is_not_an_invitation_to_order_twice, 0,
			    CHECK_N(doubtful));
	tcase_add_test(tcase, what_the_broker_refuses_is_known_not_to_be_there);
	tcase_add_test(tcase,
		       while_nothing_is_acknowledged_nobody_waits_for_it);
	tcase_add_test(tcase, more_than_may_wait_is_refused_at_once);
	tcase_add_test(tcase, more_bytes_than_may_wait_are_refused_too);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
