/* SPDX-License-Identifier: MIT */
/* Kafka leave: two requests, of which the second goes to the coordinator. */
#include "infra/lib/kafka/kafka_leave.h"

#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"

enum { FIND_COORDINATOR = 10, LEAVE_GROUP = 13 };
enum { ANSWER_MAX_BYTES = 4096, HOST_BYTES = 256, PORT_BYTES = 8 };

/* ---- a request ---- */

static void put_i16(struct buf *buf, int16_t value)
{
	uint16_t wire = htobe16((uint16_t)value);

	buf_add(buf, &wire, sizeof(wire));
}

static void put_i32(struct buf *buf, int32_t value)
{
	uint32_t wire = htobe32((uint32_t)value);

	buf_add(buf, &wire, sizeof(wire));
}

static void put_text(struct buf *buf, const char *text)
{
	put_i16(buf, (int16_t)strlen(text));
	buf_text(buf, text);
}

static void begin(struct buf *buf, int16_t api, int16_t version)
{
	put_i32(buf, 0); /* its length; send_all() knows it */
	put_i16(buf, api);
	put_i16(buf, version);
	put_i32(buf, 1); /* correlation id */
	put_text(buf, "overlord");
}

/* ---- an answer; reading beyond its end gives 0 ---- */

struct answer {
	char bytes[ANSWER_MAX_BYTES];
	size_t n, at;
};

static bool get(struct answer *answer, void *ret, size_t n)
{
	memset(ret, 0, n);
	if (answer->n - answer->at < n) {
		answer->at = answer->n;
		return false;
	}
	memcpy(ret, answer->bytes + answer->at, n);
	answer->at += n;
	return true;
}

static int16_t get_i16(struct answer *answer)
{
	uint16_t wire;

	(void)get(answer, &wire, sizeof(wire));
	return (int16_t)be16toh(wire);
}

static int32_t get_i32(struct answer *answer)
{
	uint32_t wire;

	(void)get(answer, &wire, sizeof(wire));
	return (int32_t)be32toh(wire);
}

static bool get_text(struct answer *answer, char *ret, size_t bytes)
{
	int16_t n = get_i16(answer);

	ret[0] = '\0';
	if (n < 0)
		return true; /* NULL */
	if ((size_t)n >= bytes || !get(answer, ret, (size_t)n))
		return false;
	ret[n] = '\0';
	return true;
}

/* ---- a conversation ---- */

static bool wait_for(int fd, short events, int64_t until_ms)
{
	struct pollfd one = { .fd = fd, .events = events };

	return poll(&one, 1, clock_left_ms(until_ms)) == 1;
}

static int connect_to(const struct addrinfo *to, int64_t until_ms)
{
	int fd = socket(to->ai_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -1;
	if (!connect(fd, to->ai_addr, to->ai_addrlen) ||
	    (errno == EINPROGRESS && wait_for(fd, POLLOUT, until_ms) &&
	     !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) && !error))
		return fd;
	(void)close(fd);
	return -1;
}

static int open_broker(const char *host, const char *port, int64_t until_ms)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (const struct addrinfo *to = list; to && fd < 0; to = to->ai_next)
		fd = connect_to(to, until_ms);
	freeaddrinfo(list);
	return fd;
}

static bool send_all(int fd, struct buf *request, int64_t until_ms)
{
	uint32_t length = htobe32((uint32_t)(request->n - sizeof(length)));
	size_t at = 0;

	memcpy(request->p, &length, sizeof(length));
	while (at < request->n && wait_for(fd, POLLOUT, until_ms)) {
		ssize_t n = send(fd, request->p + at, request->n - at,
				 MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return at == request->n;
}

static bool receive(int fd, char *ret, size_t n, int64_t until_ms)
{
	size_t at = 0;

	while (at < n && wait_for(fd, POLLIN, until_ms)) {
		ssize_t got = recv(fd, ret + at, n - at, 0);

		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return at == n;
}

/* Sends the request, frees it, and reads what comes: behind the id. */
static bool converse(int fd, struct buf *request, struct answer *ret,
		     int64_t until_ms)
{
	uint32_t length = 0;
	bool good = send_all(fd, request, until_ms) &&
		    receive(fd, (char *)&length, sizeof(length), until_ms);

	buf_deinit(request);
	ret->n = be32toh(length);
	ret->at = 0;
	good = good && ret->n <= sizeof(ret->bytes) &&
	       receive(fd, ret->bytes, ret->n, until_ms);
	(void)get_i32(ret);
	return good;
}

/* ---- finding the coordinator, leaving ---- */

static int find(int fd, const struct kafka_leave *leave, char host[HOST_BYTES],
		char port[PORT_BYTES], int64_t until_ms)
{
	struct buf request = { 0 };
	struct answer answer;
	int16_t error;

	begin(&request, FIND_COORDINATOR, 0);
	put_text(&request, leave->group);
	if (!converse(fd, &request, &answer, until_ms))
		return KAFKA_LEAVE_E_AWAY;
	error = get_i16(&answer);
	(void)get_i32(&answer); /* its number */
	if (error || !get_text(&answer, host, HOST_BYTES) || !*host)
		return KAFKA_LEAVE_E_REFUSED;
	(void)snprintf(port, PORT_BYTES, "%d", (int)get_i32(&answer) & 0xffff);
	return 0;
}

/* The first broker that answers. */
static int find_anywhere(const struct kafka_leave *leave, char host[HOST_BYTES],
			 char port[PORT_BYTES], int64_t until_ms)
{
	struct text rest = text_of(leave->brokers);
	int r = KAFKA_LEAVE_E_AWAY;

	while (r && rest.n) {
		struct text broker = text_cut(&rest, ','), name;
		int fd;

		name = text_cut(&broker, ':');
		if (!str_n_copy(host, HOST_BYTES, name.p, name.n) ||
		    !str_n_copy(port, PORT_BYTES, broker.p, broker.n))
			continue;
		fd = open_broker(host, port, until_ms);
		if (fd < 0)
			continue;
		r = find(fd, leave, host, port, until_ms);
		(void)close(fd);
	}
	return r;
}

static int leave_at(int fd, const struct kafka_leave *leave, int64_t until_ms)
{
	struct buf request = { 0 };
	struct answer answer;
	char skipped[HOST_BYTES];
	int16_t error;

	begin(&request, LEAVE_GROUP, 3);
	put_text(&request, leave->group);
	put_i32(&request, 1); /* one member */
	put_text(&request, "");
	put_text(&request, leave->instance_id);
	if (!converse(fd, &request, &answer, until_ms))
		return KAFKA_LEAVE_E_AWAY;
	(void)get_i32(&answer); /* for how long it was throttled */
	error = get_i16(&answer);
	if (error || get_i32(&answer) != 1 ||
	    !get_text(&answer, skipped, sizeof(skipped)) ||
	    !get_text(&answer, skipped, sizeof(skipped)))
		return KAFKA_LEAVE_E_REFUSED;
	return get_i16(&answer) ? KAFKA_LEAVE_E_REFUSED : 0;
}

int kafka_leave(const struct kafka_leave *leave)
{
	int64_t until_ms = clock_now_ms() + leave->timeout_ms;
	char host[HOST_BYTES], port[PORT_BYTES];
	int fd, r = find_anywhere(leave, host, port, until_ms);

	if (r)
		return r;
	fd = open_broker(host, port, until_ms);
	if (fd < 0)
		return KAFKA_LEAVE_E_AWAY;
	r = leave_at(fd, leave, until_ms);
	(void)close(fd);
	return r;
}
