/* SPDX-License-Identifier: MIT */
/*
 * Http reply: an answer -> its bytes: the first line, the fields that every
 * answer has, and the body's length. No field can contain the end of a line:
 * that would be a second answer. And the one shape of all answers in JSON.
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

static void add_field(struct evbuffer *out, const struct http_field *field)
{
	struct text value = field->value;

	assert(!memchr(value.p, '\r', value.n) &&
	       !memchr(value.p, '\n', value.n));
	(void)evbuffer_add_printf(out, "%.*s: %.*s\r\n", (int)field->name.n,
				  field->name.p, (int)value.n, value.p);
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
		(void)evbuffer_add_printf(out, "Connection: close\r\n");
	for (size_t i = 0; i < reply->n_fields; i++)
		add_field(out, &reply->fields[i]);
	if (!no_length)
		(void)evbuffer_add_printf(out, "Content-Length: %zu\r\n",
					  reply->n_body);
	(void)evbuffer_add(out, "\r\n", 2);
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

/* ---- JSON ---- */

void http_reply_json(struct http_request *request, int status,
		     const struct buf *json, const struct http_field *more)
{
	struct http_field fields[2] = {
		{ TEXT("Cache-Control"), TEXT("no-store") },
	};
	struct http_reply reply = {
		.status = status,
		.type = "application/json",
		.fields = fields,
		.n_fields = 1,
	};
	struct buf body = { 0 };

	if (!request)
		return;
	if (more)
		fields[reply.n_fields++] = *more;
	buf_add(&body, json->p, json->n);
	buf_text(&body, "\n");
	reply.body = body.p;
	reply.n_body = body.n;
	http_reply(request, &reply);
	buf_deinit(&body);
}

void http_reply_error(struct http_request *request, int status,
		      const char *error, const char *key, const char *value)
{
	const struct http_field again = { TEXT("Retry-After"), TEXT("1") };
	struct buf json = { 0 };

	buf_text(&json, "{");
	buf_json_pair(&json, "error", text_of(error));
	if (value && *value)
		buf_json_pair(&json, key, text_of(value));
	buf_text(&json, "}");
	http_reply_json(request, status, &json, status == 503 ? &again : NULL);
	buf_deinit(&json);
}
