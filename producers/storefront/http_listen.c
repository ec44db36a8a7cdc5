/* SPDX-License-Identifier: MIT */
/*
 * Http listen: see http_listen.h. Callers are counted by a hash of their
 * address in a table of fixed size: two that share a place share its limit.
 */
#include "producers/storefront/http_listen.h"

#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <string.h>

#include "infra/lib/hash.h"
#include "infra/lib/probe.h"
#include "infra/lib/text.h"
#include "infra/lib/xalloc.h"

enum {
	BACKLOG = 1024,
	N_CALLERS = 4096,
	NETWORK_BYTES = 8, /* of an IPv6 address */
};

struct http_listen {
	struct http_listen_params params;
	struct evconnlistener *listener; /* NULL: stopped */
	bool accepting;
	size_t n;
	uint32_t n_of[N_CALLERS];
};

struct http_caller http_caller_of(const struct sockaddr *address)
{
	struct http_caller caller = { .n = 0 };
	const void *p = address;

	if (address->sa_family == AF_INET) {
		caller.n = sizeof(struct in_addr);
		memcpy(caller.bytes, &((const struct sockaddr_in *)p)->sin_addr,
		       caller.n);
	} else if (address->sa_family == AF_INET6) {
		caller.n = NETWORK_BYTES;
		memcpy(caller.bytes,
		       &((const struct sockaddr_in6 *)p)->sin6_addr, caller.n);
	}
	return caller;
}

/* Accepts while there is room. */
static void adjust(struct http_listen *listen)
{
	bool room = (int64_t)listen->n < listen->params.connections_max;

	if (!listen->listener || listen->accepting == room)
		return;
	listen->accepting = room;
	if (room)
		(void)evconnlistener_enable(listen->listener);
	else
		(void)evconnlistener_disable(listen->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
		      struct sockaddr *address, int n_address, void *arg)
{
	struct http_listen *listen = arg;
	struct http_caller caller = http_caller_of(address);
	size_t place = hash_bytes(caller.bytes, caller.n) % N_CALLERS;

	(void)listener;
	(void)n_address;
	if (listen->n_of[place] >= listen->params.per_address_max) {
		(void)evutil_closesocket(fd);
		listen->params.cut(listen->params.arg);
		return;
	}
	listen->n_of[place]++;
	listen->n++;
	adjust(listen);
	listen->params.accepted(listen->params.arg, fd, place);
}

/* Out of descriptors: nobody until http_listen_resume(). */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct http_listen *listen = arg;

	listen->accepting = false;
	(void)evconnlistener_disable(listener);
}

/* @ret_n is its size first, its length then. */
static int parse_address(const char *text, struct sockaddr_storage *ret,
			 int *ret_n)
{
	char host[64];
	uint16_t port;

	if (text_host_port(text, host, &port) ||
	    evutil_parse_sockaddr_port(host, (struct sockaddr *)ret, ret_n)) {
		errno = EINVAL;
		return HTTP_LISTEN_E_ADDRESS;
	}
	/* Apart from the host: a text with port 0 is not taken there. */
	if (ret->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ret)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ret)->sin_port = htons(port);
	return 0;
}

static int bind_address(struct http_listen *listen)
{
	struct sockaddr_storage address = { 0 };
	int n_address = sizeof(address);

	if (parse_address(listen->params.address, &address, &n_address))
		return HTTP_LISTEN_E_ADDRESS;
	listen->listener = evconnlistener_new_bind(
		loop_base(listen->params.loop), on_accept, listen,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
			LEV_OPT_REUSEABLE,
		BACKLOG, (struct sockaddr *)&address, n_address);
	if (!listen->listener)
		return HTTP_LISTEN_E_ADDRESS;
	evconnlistener_set_error_cb(listen->listener, on_accept_error);
	listen->accepting = true;
	return 0;
}

static int write_port(const struct http_listen *listen)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address = { 0 };
	socklen_t n = sizeof(address);
	in_port_t port;

	if (!*listen->params.port_file)
		return 0;
	if (getsockname(evconnlistener_get_fd(listen->listener), &address.any,
			&n))
		return -errno;
	port = address.any.sa_family == AF_INET6 ? address.in6.sin6_port
						 : address.in.sin_port;
	return probe_write_port(listen->params.port_file, ntohs(port));
}

int http_listen_new(struct http_listen **ret,
		    const struct http_listen_params *params)
{
	CLEANUP(http_listen_freep)
	struct http_listen *listen = xcalloc(1, sizeof(*listen));
	int r;

	listen->params = *params;
	r = bind_address(listen);
	if (!r)
		r = write_port(listen);
	if (r)
		return r;
	*ret = listen;
	listen = NULL;
	return 0;
}

struct http_listen *http_listen_free(struct http_listen *listen)
{
	if (!listen)
		return NULL;
	http_listen_stop(listen);
	free(listen);
	return NULL;
}

void http_listen_stop(struct http_listen *listen)
{
	if (listen->listener)
		evconnlistener_free(listen->listener);
	listen->listener = NULL;
}

void http_listen_release(struct http_listen *listen, size_t caller)
{
	listen->n--;
	listen->n_of[caller]--;
	adjust(listen);
}

void http_listen_resume(struct http_listen *listen)
{
	adjust(listen);
}

size_t http_listen_n(const struct http_listen *listen)
{
	return listen->n;
}
