/* SPDX-License-Identifier: MIT */
/* Net: sockets of a server, none of which blocks. Main thread. */
#include "infra/grillsim/net.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/text/text.h"
#include "infra/lib/xalloc.h"

#define CLIENT_MAGIC 0x636c6e74u
#define CLIENTS_MAX 64
#define BACKLOG 64
#define REOPEN_MS 20
#define REOPEN_TRIES_MAX 500

struct net {
	struct loop *loop;
	net_fn fn;
	void *arg;
	char host[TEXT_HOST_BYTES];
	uint16_t port;
	char address[NET_ADDRESS_MAX];
	int fd; /* -1 while down */
	struct loop_source *source;
	int64_t up_at_ms; /* NET_NEVER: it is up */
	int n_reopened;
	struct net_client *clients[CLIENTS_MAX];
};

/* ---- clients ---- */

static struct net_client *client_free(struct net_client *client)
{
	if (!client)
		return NULL;
	(void)loop_source_free(client->source);
	(void)close(client->fd);
	client->magic = 0;
	free(client);
	return NULL;
}

static void drop(struct net_client *client)
{
	struct net *net = client->net;

	for (int i = 0; i < CLIENTS_MAX; i++)
		if (net->clients[i] == client)
			net->clients[i] = client_free(client);
}

void net_consume(struct net_client *client, size_t n)
{
	client->n_in -= n;
	memmove(client->in, client->in + n, client->n_in);
}

/* A client whose buffer is full is too far ahead of its answers. */
static void client_readable(void *arg)
{
	struct net_client *client = arg;
	struct net *net = client->net;
	ssize_t n = 0;

	assert(client->magic == CLIENT_MAGIC);
	if (client->n_in < sizeof(client->in))
		n = recv(client->fd, client->in + client->n_in,
			 sizeof(client->in) - client->n_in, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(client);
		return;
	}
	client->n_in += (size_t)n;
	if (client->resume_at_ms == NET_NEVER &&
	    !net->fn(net->arg, client, clock_now_ms()))
		drop(client);
}

static void listener_readable(void *arg)
{
	struct net *net = arg;
	struct net_client *client;
	int on = 1;
	int fd = accept4(net->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (net->clients[i])
			continue;
		client = xcalloc(1, sizeof(*client));
		client->magic = CLIENT_MAGIC;
		client->net = net;
		client->fd = fd;
		client->resume_at_ms = NET_NEVER;
		client->source =
			loop_readable(net->loop, fd, client_readable, client);
		net->clients[i] = client;
		return;
	}
	log_warn("GRILLSIM-FULL", "more than %d clients, will refuse one",
		 CLIENTS_MAX);
	(void)close(fd);
}

/* ---- life ---- */

static int bind_to(struct net *net, const struct addrinfo *to)
{
	struct sockaddr_in bound = { 0 };
	socklen_t n = sizeof(bound);
	int on = 1;

	net->fd = socket(to->ai_family,
			 to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (net->fd < 0 ||
	    setsockopt(net->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(net->fd, to->ai_addr, to->ai_addrlen) ||
	    listen(net->fd, BACKLOG) ||
	    getsockname(net->fd, (struct sockaddr *)&bound, &n))
		return -errno;
	net->port = ntohs(bound.sin_port);
	return 0;
}

static void close_listener(struct net *net)
{
	net->source = loop_source_free(net->source);
	if (net->fd >= 0)
		(void)close(net->fd);
	net->fd = -1;
}

static int open_listener(struct net *net)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE,
					.ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char port[8];
	int r;

	(void)snprintf(port, sizeof(port), "%u", net->port);
	if (getaddrinfo(net->host, port, &hints, &found))
		return -EADDRNOTAVAIL;
	r = bind_to(net, found);
	freeaddrinfo(found);
	if (r) {
		close_listener(net);
		return r;
	}
	net->source = loop_readable(net->loop, net->fd, listener_readable, net);
	net->up_at_ms = NET_NEVER;
	return 0;
}

int net_new(struct net **ret, struct loop *loop, const char *address, net_fn fn,
	    void *arg)
{
	CLEANUP(net_freep) struct net *net = xcalloc(1, sizeof(*net));
	int r;

	net->loop = loop;
	net->fn = fn;
	net->arg = arg;
	net->fd = -1;
	if (text_host_port(address, net->host, &net->port))
		return -EINVAL;
	r = open_listener(net);
	if (r)
		return r;
	(void)snprintf(net->address, sizeof(net->address), "%s:%u", net->host,
		       net->port);
	*ret = net;
	net = NULL;
	return 0;
}

struct net *net_free(struct net *net)
{
	if (!net)
		return NULL;
	net_cut(net);
	close_listener(net);
	free(net);
	return NULL;
}

const char *net_address(const struct net *net)
{
	return net->address;
}

void net_cut(struct net *net)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		net->clients[i] = client_free(net->clients[i]);
}

void net_down(struct net *net, int64_t until_ms)
{
	net_cut(net);
	close_listener(net);
	net->up_at_ms = until_ms;
	net->n_reopened = 0;
}

/* ---- time ---- */

int net_turn(struct net *net, int64_t now_ms)
{
	if (net->up_at_ms <= now_ms) {
		/* Another socket may still have the port for a moment. */
		int r = open_listener(net);

		if (r && ++net->n_reopened > REOPEN_TRIES_MAX)
			return r;
		if (r)
			net->up_at_ms = now_ms + REOPEN_MS;
	}
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (net->clients[i] &&
		    net->clients[i]->resume_at_ms <= now_ms &&
		    !net->fn(net->arg, net->clients[i], now_ms))
			drop(net->clients[i]);
	return 0;
}

int64_t net_left_ms(const struct net *net, int64_t now_ms)
{
	int64_t at_ms = net->up_at_ms;

	for (int i = 0; i < CLIENTS_MAX; i++)
		if (net->clients[i] && net->clients[i]->resume_at_ms < at_ms)
			at_ms = net->clients[i]->resume_at_ms;
	if (at_ms == NET_NEVER)
		return NET_NEVER;
	return at_ms > now_ms ? at_ms - now_ms : 0;
}
