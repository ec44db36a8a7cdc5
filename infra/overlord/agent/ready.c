/* SPDX-License-Identifier: MIT */
/* Ready: one request over a socket that does not block; see ready.h. */
#include "infra/overlord/agent/ready.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"

/* One whose queue of connections is full does not answer. */
#define CONNECT_MS 20

static const char question[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n"
			       "Connection: close\r\n\r\n";

uint16_t ready_port(const char *port_file)
{
	char line[128] = "";
	FILE *file = fopen(port_file, "re");
	const char *colon;
	int64_t port;

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file))
		line[strcspn(line, "\n")] = '\0';
	(void)fclose(file);
	colon = strrchr(line, ':');
	return str_to_i64(&port, colon ? colon + 1 : line, 1, 65535)
		       ? 0
		       : (uint16_t)port;
}

void ready_end(struct ready *ready)
{
	if (!ready->asking)
		return;
	ready->source = loop_source_free(ready->source);
	(void)close(ready->fd);
	ready->asking = ready->answered = false;
}

static void readable(void *arg)
{
	struct ready *ready = arg;
	ssize_t n = recv(ready->fd, ready->answer + ready->n,
			 sizeof(ready->answer) - 1 - ready->n, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		ready->n += (size_t)n;
	/* The end of it, or as much as we want to know. */
	if (n > 0 && ready->n < sizeof(ready->answer) - 1)
		return;
	ready->answered = true;
	ready->source = loop_source_free(ready->source);
}

void ready_ask(struct ready *ready, struct loop *loop, uint16_t port,
	       int64_t timeout_ms)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct pollfd connected;

	ready_end(ready);
	ready->fd =
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ready->fd < 0)
		return;
	ready->asking = true;
	ready->n = 0;
	ready->until_ms = clock_now_ms() + timeout_ms;
	/* On this host a connection is made, or refused, at once. */
	(void)connect(ready->fd, (struct sockaddr *)&to, sizeof(to));
	connected = (struct pollfd){ .fd = ready->fd, .events = POLLOUT };
	(void)poll(&connected, 1, CONNECT_MS);
	if (send(ready->fd, question, strlen(question), MSG_NOSIGNAL) < 0)
		ready->answered = true;
	else
		ready->source = loop_readable(loop, ready->fd, readable, ready);
}

/* "HTTP/1.1 503 ...", and the first line of its body. */
static void read_answer(struct ready *ready, char *reason)
{
	const char *body;

	ready->answer[ready->n] = '\0';
	body = strstr(ready->answer, "\r\n\r\n");
	if (ready->n < 12 || strncmp(ready->answer, "HTTP/1.", 7) != 0)
		(void)str_copy(reason, READY_REASON_BYTES,
			       "it does not answer at /readyz");
	else if (strncmp(ready->answer + 9, "200", 3) != 0)
		(void)str_n_copy(
			reason, READY_REASON_BYTES,
			body ? body + 4 : "not ready",
			strcspn(body ? body + 4 : "not ready", "\r\n"));
}

bool ready_heard(struct ready *ready, char reason[static READY_REASON_BYTES])
{
	if (!ready->asking ||
	    (!ready->answered && clock_left_ms(ready->until_ms) > 0))
		return false;
	reason[0] = '\0';
	read_answer(ready, reason);
	ready_end(ready);
	return true;
}
