/* SPDX-License-Identifier: MIT */
/* Http head: what is accepted, what is refused and with which status. */
#include "producers/storefront/http/head.h"

#include <check.h>
#include <stdio.h>

#include "infra/lib/check_fixture.h"

#define HOST "Host: x\r\n"

static const struct {
	const char *head;
	int status;
} refused[] = {
	{ "GET / HTTP/1.1\r\n\r\n", 400 }, /* no host */
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
	{ "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET x/ HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET ftp://x/ HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET http:/x/ HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET http:///x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET http://?x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET http://me@x/ HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET http://x/ HTTP/1.1\r\n\r\n", 400 }, /* no host all the same */
	{ "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", 400 },
	{ "GET / HTTP/1.x\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/11\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.10\r\n" HOST "\r\n", 400 },
	{ "GET / http/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/0.9\r\n" HOST "\r\n", 505 },
	{ "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "G@T / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\r\n" HOST "\r\n", 400 },
	{ "\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400 }, /* folded */
	{ "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\nc\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
	  "Content-Length: 1\r\n\r\n",
	  400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST
	  "Content-Length: 99999999999999999999\r\n\r\n",
	  400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 9999999999\r\n\r\n",
	  413 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
	  411 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
	  "Content-Length: 1\r\n\r\n",
	  400 },
	{ "POST / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 417 },
};

/* Of the last head that was parsed. */
static struct http_head head;

static int parse(const char *text)
{
	static char copy[HTTP_HEAD_MAX_BYTES];
	int n = snprintf(copy, sizeof(copy), "%s", text);

	return http_head_parse(&head, copy, (size_t)n);
}

START_TEST(a_head_that_could_be_read_in_two_ways_is_refused)
	{
		ck_assert_int_eq(parse(refused[_i].head), refused[_i].status);
	}
END_TEST

START_TEST(a_nul_inside_a_value_is_refused)
	{
		char text[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n";

		ck_assert_int_eq(http_head_parse(&head, text, sizeof(text) - 1),
				 400);
	}
END_TEST

START_TEST(more_than_64_fields_are_refused)
	{
		char text[2048];
		int n = snprintf(text, sizeof(text),
				 "GET / HTTP/1.1\r\nHost: x\r\n");

		for (int i = 0; i < HTTP_FIELDS_MAX; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n,
				      "a: b\r\n");
		n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
		ck_assert_int_eq(http_head_parse(&head, text, (size_t)n), 431);
	}
END_TEST

START_TEST(a_request_is_understood)
	{
		ck_assert_int_eq(parse("POST /orders?a=b HTTP/1.1\r\n"
				       "HOST: x\r\n"
				       "Idempotency-Key:  k 1\t\r\n"
				       "Content-Length: 12\r\n"
				       "Expect: 100-continue\r\n\r\n"),
				 0);
		ck_assert_int_eq(head.method, HTTP_METHOD_POST);
		ck_assert(text_equal(head.path, TEXT("/orders")));
		ck_assert(text_equal(head.query, TEXT("a=b")));
		ck_assert(text_equal(http_head_field(&head, "idempotency-key"),
				     TEXT("k 1")));
		ck_assert_ptr_null(http_head_field(&head, "absent").p);
		ck_assert_int_eq(head.content_length, 12);
		ck_assert(head.expects_continue);
		ck_assert(head.keep_alive);
	}
END_TEST

static const struct {
	const char *head;
	bool keep_alive;
} connections[] = {
	{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true },
	{ "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: x\r\nConnection: a, Close\r\n\r\n", false },
	{ "GET / HTTP/1.2\r\nHost: x\r\n\r\n", true },
	{ "GET / HTTP/1.9\r\nHost: x\r\nConnection: close\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: x\r\nConnection: a\r\n"
	  "Connection: close\r\n\r\n",
	  false },
	{ "GET / HTTP/1.0\r\n\r\n", false },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false },
};

START_TEST(a_connection_is_kept_as_its_version_and_client_say)
	{
		ck_assert_int_eq(parse(connections[_i].head), 0);
		ck_assert_int_eq(head.keep_alive, connections[_i].keep_alive);
	}
END_TEST

START_TEST(an_old_client_expects_no_interim_answer)
	{
		ck_assert_int_eq(parse("POST / HTTP/1.0\r\n"
				       "Content-Length: 1\r\n"
				       "Expect: 100-continue\r\n\r\n"),
				 0);
		ck_assert(!head.expects_continue);
	}
END_TEST

static const struct {
	const char *target, *path, *query; /* NULL: none */
} targets[] = {
	{ "/stock?stall=main", "/stock", "stall=main" },
	{ "http://stall.example/stock?stall=main", "/stock", "stall=main" },
	{ "HTTPS://[::1]:7000/a/b", "/a/b", NULL },
	{ "http://stall.example", "/", NULL },
	{ "http://stall.example:80?a", "/", "a" },
	{ "/http://x/", "/http://x/", NULL },
	{ "//x/y", "//x/y", NULL },
};

START_TEST(a_target_may_stand_behind_a_scheme_and_a_host)
	{
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "GET %s HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
			       targets[_i].target);
		ck_assert_int_eq(parse(text), 0);
		ck_assert(text_equal(head.path, text_of(targets[_i].path)));
		ck_assert_int_eq(head.query.p != NULL,
				 targets[_i].query != NULL);
		ck_assert(text_equal(head.query, text_of(targets[_i].query)));
	}
END_TEST

static const struct {
	const char *fields;
	bool named;
} tag_lists[] = {
	{ "If-None-Match: \"a,b\"\r\n", true },
	{ "If-None-Match: W/\"a,b\"\r\n", true },
	{ "If-None-Match: *\r\n", true },
	{ "If-None-Match: \"x\", W/\"y\" ,\"a,b\"\r\n", true },
	{ "If-None-Match: ,, \"a,b\"\r\n", true },
	{ "If-None-Match: \"x\"\r\nIf-None-Match: \"a,b\"\r\n", true },
	{ "", false },
	{ "If-None-Match:\r\n", false },
	{ "If-None-Match: \"a\"\r\n", false },
	{ "If-None-Match: a,b\r\n", false },
	{ "If-None-Match: \"\", \"a\", \"b\"\r\n", false },
	{ "If-None-Match: \"a,b\r\n", false },
	{ "If-None-Match: \"*\"\r\n", false },
};

START_TEST(a_tag_is_found_in_lists_weak_or_not_and_by_a_star)
	{
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n",
			       tag_lists[_i].fields);
		ck_assert_int_eq(parse(text), 0);
		ck_assert_int_eq(http_head_names_tag(&head, "if-none-match",
						     TEXT("\"a,b\"")),
				 tag_lists[_i].named);
	}
END_TEST

START_TEST(a_list_in_several_fields_is_one_list_in_their_order)
	{
		char buffer[HTTP_HEAD_MAX_BYTES];

		ck_assert_int_eq(parse("GET / HTTP/1.1\r\nHost: x\r\n"
				       "A: 1, 2\r\nB: x\r\nA:\r\na: 3\r\n\r\n"),
				 0);
		ck_assert_uint_eq(http_head_count(&head, "a"), 3);
		ck_assert(text_equal(http_head_list(&head, "a", buffer),
				     TEXT("1, 2,3")));
		ck_assert_ptr_null(http_head_list(&head, "c", buffer).p);
	}
END_TEST

/* The most that a head can bring, in the shortest names. */
START_TEST(a_list_of_a_whole_head_has_buffer)
	{
		static char text[HTTP_HEAD_MAX_BYTES + 1];
		char buffer[HTTP_HEAD_MAX_BYTES];
		int n = snprintf(text, sizeof(text),
				 "G / HTTP/1.1\r\nHost:\r\n");

		while (n < HTTP_HEAD_MAX_BYTES - 200)
			n += snprintf(text + n, sizeof(text) - (size_t)n,
				      "a:%0136d\r\n", 0);
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "a:%0*d\r\n\r\n", HTTP_HEAD_MAX_BYTES - n - 6, 0);
		ck_assert_int_eq(n, HTTP_HEAD_MAX_BYTES);
		ck_assert_int_eq(http_head_parse(&head, text, (size_t)n), 0);
		ck_assert_uint_gt(http_head_list(&head, "a", buffer).n, 7000);
	}
END_TEST

static const struct {
	const char *query, *name, *value; /* NULL: none */
} queries[] = {
	{ "order=1&stall=b+c%20d", "stall", "b c d" },
	{ "order=1&stall=b", "order", "1" },
	{ "stall=%c3%A4", "stall", "\xc3\xa4" },
	{ "stall", "stall", "" },
	{ "stall=a&stall=b", "stall", "a" },
	{ "stall=%4", "stall", NULL },
	{ "stall=%zz", "stall", NULL },
	{ "stall=123456789", "stall", NULL }, /* does not fit */
	{ "install=a", "stall", NULL },
	{ "", "stall", NULL },
};

START_TEST(a_value_of_the_query_is_decoded_once)
	{
		char out[8];
		struct text value;
		bool found;

		head.query = text_of(queries[_i].query);
		found = http_head_query(&head, queries[_i].name, out,
					sizeof(out), &value);

		ck_assert_int_eq(found, queries[_i].value != NULL);
		if (found)
			ck_assert(
				text_equal(value, text_of(queries[_i].value)));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_head");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase,
			    a_head_that_could_be_read_in_two_ways_is_refused, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase, a_nul_inside_a_value_is_refused);
	tcase_add_test(tcase, more_than_64_fields_are_refused);
	tcase_add_test(tcase, a_request_is_understood);
	tcase_add_loop_test(tcase,
			    a_connection_is_kept_as_its_version_and_client_say,
			    0, CHECK_N(connections));
	tcase_add_test(tcase, an_old_client_expects_no_interim_answer);
	tcase_add_loop_test(tcase,
			    a_target_may_stand_behind_a_scheme_and_a_host, 0,
			    CHECK_N(targets));
	tcase_add_loop_test(tcase,
			    a_tag_is_found_in_lists_weak_or_not_and_by_a_star,
			    0, CHECK_N(tag_lists));
	tcase_add_test(tcase,
		       a_list_in_several_fields_is_one_list_in_their_order);
	tcase_add_test(tcase, a_list_of_a_whole_head_has_buffer);
	tcase_add_loop_test(tcase, a_value_of_the_query_is_decoded_once, 0,
			    CHECK_N(queries));
	return check_run(suite);
}
