/* SPDX-License-Identifier: MIT */
/* Http listen: how many may connect, in all and from one address. */
#include "producers/storefront/http/listen.h"

#include <arpa/inet.h>
#include <check.h>

#include "infra/lib/check_fixture.h"
#include "producers/storefront/http/server_fixture.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

START_TEST(who_comes_at_the_limit_waits_for_a_place)
	{
		struct buf heard = { 0 };
		int first, second;

		start(1, 64, NULL);
		first = say(GET);
		hear(first, &heard, "200 OK");
		second = say(GET); /* connected by the kernel only */
		for (int i = 0; i < 10; i++)
			turn();
		ck_assert_uint_eq(http_n_connections(http), 1);
		ck_assert_int_eq(n_handled, 1);
		(void)close(first);
		buf_reset(&heard);
		hear(second, &heard, "200 OK");
		(void)close(second);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(one_address_gets_no_more_than_its_share)
	{
		struct buf heard = { 0 };
		int first, second;

		start(64, 1, NULL);
		first = fixture_connect(port);
		second = fixture_connect(port);
		hear(second, &heard, NULL); /* cut at once */
		ck_assert_uint_eq(heard.n, 0);
		ck_assert_uint_eq(http_n_connections(http), 1);
		ck_assert_int_eq(last_status, 503);
		(void)close(first);
		(void)close(second);
		wait_for(is_empty);
		second = say(GET);
		hear(second, &heard, "200 OK");
		(void)close(second);
		buf_deinit(&heard);
	}
END_TEST

static const char *const wrong[] = { "x", "127.0.0.1", "127.0.0.1:99999",
				     "192.0.2.1:0" };

START_TEST(an_address_that_is_not_ours_is_an_outcome)
	{
		const struct http_params params = {
			.loop = loop,
			.address = wrong[_i],
			.port_file = "",
			.handle = handle,
			.answered = count,
		};
		struct http *other = NULL;

		ck_assert_int_eq(http_new(&other, &params), HTTP_E_ADDRESS);
		ck_assert_ptr_null(other);
	}
END_TEST

static bool same_caller(const char *a, const char *b)
{
	struct http_caller callers[2];
	const char *const texts[2] = { a, b };

	for (int i = 0; i < 2; i++) {
		struct sockaddr_storage address = { 0 };
		void *p = &address;
		struct sockaddr_in6 *in6 = p;
		struct sockaddr_in *in = p;

		if (inet_pton(AF_INET6, texts[i], &in6->sin6_addr) == 1) {
			address.ss_family = AF_INET6;
		} else {
			memset(&address, 0, sizeof(address));
			ck_assert_int_eq(
				inet_pton(AF_INET, texts[i], &in->sin_addr), 1);
			address.ss_family = AF_INET;
		}
		callers[i] = http_caller_of(p);
	}
	return callers[0].n == callers[1].n &&
	       !memcmp(callers[0].bytes, callers[1].bytes, callers[0].n);
}

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true },
	{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
	{ "192.0.2.1", "2001:db8::1", false },
};

START_TEST(a_network_of_an_ipv6_host_is_one_caller)
	{
		ck_assert_int_eq(same_caller(pairs[_i].a, pairs[_i].b),
				 pairs[_i].same);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_listen");
	TCase *tcase = check_case(suite, 30);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, who_comes_at_the_limit_waits_for_a_place);
	tcase_add_test(tcase, one_address_gets_no_more_than_its_share);
	tcase_add_loop_test(tcase, an_address_that_is_not_ours_is_an_outcome, 0,
			    CHECK_N(wrong));
	tcase_add_loop_test(tcase, a_network_of_an_ipv6_host_is_one_caller, 0,
			    CHECK_N(pairs));
	return check_run(suite);
}
