/* SPDX-License-Identifier: MIT */
/*
 * Http reply: an answer -> its bytes: the first line, the fields that every
 * answer has, and the body's length. No field can contain the end of a line:
 * that would be a second answer.
 */
#include <assert.h>
#include <event2/buffer.h>
#include <string.h>
#include <time.h>

#include "producers/storefront/http/conn.h"

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 417, "Expectation Failed" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

const char *http_reply_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static void add(struct evbuffer *out, const char *s)
{
	(void)evbuffer_add(out, s, strlen(s));
}

static void add_field(struct evbuffer *out, const struct http_field *field)
{
	assert(!memchr(field->value.p, '\r', field->value.n) &&
	       !memchr(field->value.p, '\n', field->value.n));
	(void)evbuffer_add(out, field->name.p, field->name.n);
	add(out, ": ");
	(void)evbuffer_add(out, field->value.p, field->value.n);
	add(out, "\r\n");
}

void http_reply_write(struct evbuffer *out, const struct http_reply *reply,
		      const struct http_reply_style *style)
{
	/* A 304 has no body, and its length would be that of the file. */
	bool no_length = style->no_length || reply->status == 304;

	(void)evbuffer_add_printf(
		out,
		"HTTP/1.1 %d %s\r\n"
		"Date: %s\r\n"
		"X-Content-Type-Options: nosniff\r\n",
		reply->status, http_reply_reason(reply->status), style->date);
	if (reply->type)
		(void)evbuffer_add_printf(out, "Content-Type: %s\r\n",
					  reply->type);
	if (style->close)
		add(out, "Connection: close\r\n");
	for (size_t i = 0; i < reply->n_fields; i++)
		add_field(out, &reply->fields[i]);
	if (!no_length)
		(void)evbuffer_add_printf(out, "Content-Length: %zu\r\n",
					  reply->n_body);
	add(out, "\r\n");
	if (!style->no_body && reply->n_body)
		(void)evbuffer_add(out, reply->body, reply->n_body);
}

const char *http_date_text(struct http_date *date, int64_t wall_ms)
{
	time_t now = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (now != date->at_s && gmtime_r(&now, &tm)) {
		(void)strftime(date->text, sizeof(date->text),
			       "%a, %d %b %Y %H:%M:%S GMT", &tm);
		date->at_s = now;
	}
	return date->text;
}
