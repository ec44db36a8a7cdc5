/* SPDX-License-Identifier: MIT */
/*
 * Requests ask for the connection to be closed, so an answer ends where the
 * stream does, and the length that it names is compared. The kernel keeps the
 * deadlines: a socket has a time-out.
 */
#include "itests/harness/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "infra/lib/cleanup.h"
#include "itests/harness/until.h"

#define PIECE_BYTES 65536

/* ---- bytes ---- */

static void set_timeout(int fd, int name, int64_t timeout_ms)
{
	const struct timeval timeout = { .tv_sec = timeout_ms / 1000,
					 .tv_usec = timeout_ms % 1000 * 1000 };

	(void)setsockopt(fd, SOL_SOCKET, name, &timeout, sizeof(timeout));
}

int http_connect(int *ret, uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	set_timeout(fd, SO_SNDTIMEO, PATIENCE_MS);
	set_timeout(fd, SO_RCVTIMEO, PATIENCE_MS);
	*ret = fd;
	return 0;
}

/* Appends what is there: 0, -errno, or 1 at the end of the stream. */
static int receive_some(int fd, struct buf *buf)
{
	ssize_t n = recv(fd, buf_room(buf, PIECE_BYTES), PIECE_BYTES, 0);

	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	buf->n += (size_t)n;
	return n == 0;
}

/* ---- requests ---- */

int http_send(int *ret, uint16_t port, const struct http_ask *ask)
{
	struct buf text = { 0 };
	int fd = -1, r;

	r = http_connect(&fd, port);
	if (r)
		return r;
	buf_printf(&text,
		   "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
		   "Connection: close\r\n",
		   ask->method, ask->path, port);
	if (ask->key)
		buf_printf(&text, "Idempotency-Key: %s\r\n", ask->key);
	if (ask->more)
		buf_text(&text, ask->more);
	if (ask->body)
		buf_printf(&text,
			   "Content-Type: application/json\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   strlen(ask->body), ask->body);
	else
		buf_text(&text, "\r\n");
	r = send(fd, text.p, text.n, MSG_NOSIGNAL) == (ssize_t)text.n
		    ? 0
		    : -ETIMEDOUT;
	buf_deinit(&text);
	if (r)
		(void)close(fd);
	else
		*ret = fd;
	return r;
}

static const char *end_of_head(const struct buf *buf)
{
	return buf->n ? memmem(buf->p, buf->n, "\r\n\r\n", 4) : NULL;
}

/* "HTTP/1.1 202 ...", and a body that is as long as the head says. */
static int parse_answer(struct http_answer *answer)
{
	const char *end = end_of_head(&answer->text);
	char text[32];
	int64_t n;

	buf_add(&answer->text, "", 1);
	if (!end ||
	    sscanf(answer->text.p, "HTTP/1.%*d %3d", &answer->status) != 1)
		return -EPROTO;
	answer->body = end_of_head(&answer->text) + 4;
	n = answer->text.p + answer->text.n - 1 - answer->body;
	if (http_field(answer, "Content-Length", text, sizeof(text)) &&
	    (str_to_i64(&n, text, n, n)))
		return -EPROTO;
	answer->json = json_loadb(answer->body, (size_t)n,
				  JSON_REJECT_DUPLICATES, NULL);
	return 0;
}

int http_receive(struct http_answer *ret, int fd, int64_t timeout_ms)
{
	struct http_answer answer = { 0 };
	int r;

	set_timeout(fd, SO_RCVTIMEO, timeout_ms);
	do {
		r = receive_some(fd, &answer.text);
	} while (r == 0);
	(void)close(fd);
	if (r > 0)
		r = parse_answer(&answer);
	if (r)
		http_answer_deinit(&answer);
	else
		*ret = answer;
	return r;
}

void http_answer_deinit(struct http_answer *answer)
{
	buf_deinit(&answer->text);
	json_decref(answer->json);
	answer->json = NULL;
}

int http_call(struct http_answer *ret, uint16_t port,
	      const struct http_ask *ask, int64_t timeout_ms)
{
	int fd, r;

	r = http_send(&fd, port, ask);
	return r ? r : http_receive(ret, fd, timeout_ms);
}

int http_get(struct http_answer *ret, uint16_t port, const char *path,
	     int64_t timeout_ms)
{
	return http_call(ret, port,
			 &(struct http_ask){ .method = "GET", .path = path },
			 timeout_ms);
}

bool http_field(const struct http_answer *answer, const char *name, char *ret,
		size_t size)
{
	size_t n = strlen(name);
	const char *p = answer->text.p;

	while ((p = strstr(p, "\r\n")) && p[2] != '\r') {
		p += 2;
		if (!strncasecmp(p, name, n) && p[n] == ':') {
			p += n + 1;
			p += strspn(p, " ");
			return str_n_copy(ret, size, p, strcspn(p, "\r"));
		}
	}
	return false;
}

/* ---- server-sent events ---- */

int events_open(struct events *ret, uint16_t port, const char *path)
{
	struct events events = { 0 };
	int r;

	r = http_send(&events.fd, port,
		      &(struct http_ask){ .method = "GET", .path = path });
	if (r)
		return r;
	while (!r && !end_of_head(&events.buf))
		r = receive_some(events.fd, &events.buf);
	if (!r &&
	    (memcmp(events.buf.p + 8, " 200 ", 5) != 0 ||
	     !memmem(events.buf.p, events.buf.n, "text/event-stream", 17)))
		r = -EPROTO;
	if (r) {
		events_close(&events);
		return r < 0 ? r : -EPROTO;
	}
	events.n_read = (size_t)(end_of_head(&events.buf) - events.buf.p) + 4;
	*ret = events;
	return 0;
}

void events_close(struct events *events)
{
	(void)close(events->fd);
	buf_deinit(&events->buf);
}

/* The data of one event, a line; NULL when it has none. */
static json_t *data_of(const char *p, const char *end)
{
	while (p < end && strncmp(p, "data: ", 6) != 0)
		p = (const char *)memchr(p, '\n', (size_t)(end - p) + 1) + 1;
	return p < end ? json_loadb(p + 6, (size_t)(end - p) - 6,
				    JSON_DISABLE_EOF_CHECK, NULL)
		       : NULL;
}

json_t *events_next(struct events *events)
{
	const char *begin, *end;
	json_t *json;

	for (;;) {
		begin = events->buf.p + events->n_read;
		end = memmem(begin, events->buf.n - events->n_read, "\n\n", 2);
		if (!end) {
			if (receive_some(events->fd, &events->buf))
				return NULL;
			continue;
		}
		json = data_of(begin, end);
		events->n_read += (size_t)(end - begin) + 2;
		if (json)
			return json;
	}
}
