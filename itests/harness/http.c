/* SPDX-License-Identifier: MIT */
/*
 * Http: see http.h. Requests ask for the connection to be closed, so an answer
 * ends where the stream does, and the length that it tells is compared.
 */
#include "itests/harness/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/clock.h"
#include "itests/harness/until.h"

/* ---- bytes ---- */

static int connect_to(int *ret, uint16_t port)
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
	*ret = fd;
	return 0;
}

static int wait_for(int fd, short events, int64_t deadline_at_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	int r = poll(&poll_fd, 1, clock_left_ms(deadline_at_ms));

	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

static int send_all(int fd, const char *p, size_t n)
{
	int64_t deadline_at_ms = clock_now_ms() + PATIENCE_MS;
	ssize_t n_sent;
	int r;

	while (n) {
		r = wait_for(fd, POLLOUT, deadline_at_ms);
		if (r)
			return r;
		n_sent = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n_sent < 0 && errno != EAGAIN)
			return -errno;
		if (n_sent > 0) {
			p += n_sent;
			n -= (size_t)n_sent;
		}
	}
	return 0;
}

/* Appends what is there: 0, -errno, or 1 at the end of the stream. */
static int receive_some(int fd, struct buf *buf, int64_t deadline_at_ms)
{
	ssize_t n;
	int r;

	r = wait_for(fd, POLLIN, deadline_at_ms);
	if (r)
		return r;
	n = recv(fd, buf_reserve(buf, 65536), 65536, 0);
	if (n < 0)
		return -errno;
	buf->n += (size_t)n;
	return n == 0;
}

/* ---- requests ---- */

int http_send(int *ret, uint16_t port, const struct http_ask *ask)
{
	struct buf text = { 0 };
	int fd = -1, r;

	r = connect_to(&fd, port);
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
	r = send_all(fd, text.p, text.n);
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

/* "HTTP/1.1 202 ..." and the rest, each apart and with a NUL. */
static int take_apart(struct http_answer *ret, const struct buf *all)
{
	const char *end = end_of_head(all);
	size_t n_head;

	if (!end || all->n < 12 || memcmp(all->p, "HTTP/1.", 7) != 0)
		return -EPROTO;
	n_head = (size_t)(end - all->p) + 4;
	ret->status = (all->p[9] - '0') * 100 + (all->p[10] - '0') * 10 +
		      (all->p[11] - '0');
	buf_add(&ret->head, all->p, n_head);
	buf_add(&ret->head, "", 1);
	buf_add(&ret->body, all->p + n_head, all->n - n_head);
	buf_add(&ret->body, "", 1);
	ret->body.n--;
	return 0;
}

static int check_length(const struct http_answer *answer)
{
	char text[32];
	int64_t n;

	if (!http_field(answer, "Content-Length", text, sizeof(text)))
		return 0;
	if (str_to_i64(&n, text, 0, INT64_MAX) || (size_t)n != answer->body.n)
		return -EPROTO;
	return 0;
}

int http_receive(struct http_answer *ret, int fd, int64_t timeout_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	struct http_answer answer = { 0 };
	struct buf all = { 0 };
	int r;

	do {
		r = receive_some(fd, &all, deadline_at_ms);
	} while (r == 0);
	(void)close(fd);
	if (r > 0)
		r = take_apart(&answer, &all);
	if (!r)
		r = check_length(&answer);
	buf_deinit(&all);
	if (r) {
		http_answer_deinit(&answer);
		return r;
	}
	answer.json = json_loadb(answer.body.p, answer.body.n,
				 JSON_REJECT_DUPLICATES, NULL);
	*ret = answer;
	return 0;
}

void http_answer_deinit(struct http_answer *answer)
{
	buf_deinit(&answer->head);
	buf_deinit(&answer->body);
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
	const char *p = answer->head.p;

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

int events_open(struct events *ret, uint16_t port, const char *path,
		int64_t timeout_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	struct events events = { 0 };
	int r;

	r = http_send(&events.fd, port,
		      &(struct http_ask){ .method = "GET", .path = path });
	if (r)
		return r;
	while (!r && !end_of_head(&events.buf))
		r = receive_some(events.fd, &events.buf, deadline_at_ms);
	if (!r &&
	    (memcmp(events.buf.p + 8, " 200 ", 5) != 0 ||
	     !memmem(events.buf.p, events.buf.n, "text/event-stream", 17)))
		r = -EPROTO;
	if (r) {
		events_close(&events);
		return r < 0 ? r : -EPROTO;
	}
	events.n_taken = (size_t)(end_of_head(&events.buf) - events.buf.p) + 4;
	*ret = events;
	return 0;
}

void events_close(struct events *events)
{
	(void)close(events->fd);
	buf_deinit(&events->buf);
}

/* One event that is there whole: its data, or NULL when it has none. */
static json_t *take_data(const char *p, size_t n)
{
	const char *data = memmem(p, n, "data: ", 6);

	/* At the beginning of a line. */
	while (data && data != p && data[-1] != '\n')
		data = memmem(data + 1, n - (size_t)(data + 1 - p),
			      "data: ", 6);
	if (!data)
		return NULL;
	data += 6;
	return json_loadb(data, n - (size_t)(data - p), JSON_DISABLE_EOF_CHECK,
			  NULL);
}

json_t *events_next(struct events *events, int64_t timeout_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	const char *begin, *end;
	json_t *json;

	for (;;) {
		begin = events->buf.p + events->n_taken;
		end = memmem(begin, events->buf.n - events->n_taken, "\n\n", 2);
		if (!end) {
			if (receive_some(events->fd, &events->buf,
					 deadline_at_ms))
				return NULL;
			continue;
		}
		json = take_data(begin, (size_t)(end - begin));
		events->n_taken += (size_t)(end - begin) + 2;
		if (json)
			return json;
	}
}
