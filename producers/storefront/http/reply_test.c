/* SPDX-License-Identifier: MIT */
/* Http reply: the bytes of answers. */
#include <check.h>
#include <event2/buffer.h>
#include <signal.h>

#include "infra/lib/check_fixture.h"
#include "producers/storefront/http/conn.h"

#define SECOND_MS INT64_C(1000)
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define DATE_MS (INT64_C(784111777) * SECOND_MS)
#define COMMON "Date: " DATE "\r\nX-Content-Type-Options: nosniff\r\n"

static const struct http_field fields[] = {
	{ TEXT_INIT("ETag"), TEXT_INIT("\"1\"") },
};

static const struct {
	struct http_reply reply;
	struct http_reply_style style;
	const char *wanted;
} rows[] = {
	{ { .status = 200, .type = "text/plain", .body = "hello", .n_body = 5 },
	  { .date = DATE },
	  "HTTP/1.1 200 OK\r\n" COMMON "Content-Type: text/plain\r\n"
	  "Content-Length: 5\r\n\r\nhello" },
	{ { .status = 400 },
	  { .date = DATE, .close = true },
	  "HTTP/1.1 400 Bad Request\r\n" COMMON "Connection: close\r\n"
	  "Content-Length: 0\r\n\r\n" },
	{ { .status = 200, .body = "hello", .n_body = 5 },
	  { .date = DATE, .no_body = true },
	  "HTTP/1.1 200 OK\r\n" COMMON "Content-Length: 5\r\n\r\n" },
	{ { .status = 200, .type = "text/event-stream" },
	  { .date = DATE, .no_length = true },
	  "HTTP/1.1 200 OK\r\n" COMMON
	  "Content-Type: text/event-stream\r\n\r\n" },
	/* A cache would believe that a length of 0 is the file's. */
	{ { .status = 304, .fields = fields, .n_fields = 1 },
	  { .date = DATE },
	  "HTTP/1.1 304 Not Modified\r\n" COMMON "ETag: \"1\"\r\n\r\n" },
};

START_TEST(an_answer_has_its_bytes)
	{
		struct evbuffer *out = evbuffer_new();

		http_reply_write(out, &rows[_i].reply, &rows[_i].style);
		CHECK_BYTES(evbuffer_pullup(out, -1), evbuffer_get_length(out),
			    rows[_i].wanted);
		evbuffer_free(out);
	}
END_TEST

START_TEST(a_field_that_would_end_its_line_aborts)
	{
		static const struct http_field split[] = {
			{ TEXT_INIT("Location"), TEXT_INIT("/\r\nA: b") },
		};
		const struct http_reply reply = { .status = 200,
						  .fields = split,
						  .n_fields = 1 };

		http_reply_write(evbuffer_new(), &reply,
				 &(struct http_reply_style){ .date = DATE });
	}
END_TEST

START_TEST(the_date_is_that_of_the_second)
	{
		struct http_date date = { 0 };

		ck_assert_str_eq(http_date_text(&date, DATE_MS + 999), DATE);
		ck_assert_str_eq(http_date_text(&date, DATE_MS + SECOND_MS),
				 "Sun, 06 Nov 1994 08:49:38 GMT");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_reply");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, an_answer_has_its_bytes, 0, CHECK_N(rows));
	tcase_add_test_raise_signal(
		tcase, a_field_that_would_end_its_line_aborts, SIGABRT);
	tcase_add_test(tcase, the_date_is_that_of_the_second);
	return check_run(suite);
}
