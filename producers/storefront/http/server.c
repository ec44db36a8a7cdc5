/* SPDX-License-Identifier: MIT */
/*
 * Http server: the listener and its limits.
 *
 * A connection counts from its accept to http_release(). At the limit of all
 * connections nobody more is accepted: new clients wait in the kernel's queue.
 * At the limit of one address a new connection from there is cut at once.
 * Callers are counted by a hash of their address in a table of fixed size: two
 * that share a place share its limit.
 */
#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/probe.h"
#include "infra/lib/text/hash.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/conn.h"

enum {
	BACKLOG = 1024,
	NETWORK_BYTES = 8, /* of an IPv6 address: one host has all of it */
	SWEEP_EVERY_MS = 250,
};

static const struct http_timeouts default_timeouts = {
	.head_ms = 5000,
	.body_ms = 10000,
	.idle_ms = 30000,
	.write_ms = 10000,
	.linger_ms = 2000,
};

/* ---- connections: how many ---- */

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

/* Accepts below the limit of all connections only. */
static void adjust_accepting(struct http *http)
{
	bool accept = (int64_t)http->n_conns < http->params.connections_max;

	if (!http->listener || http->accepting == accept)
		return;
	http->accepting = accept;
	if (accept)
		(void)evconnlistener_enable(http->listener);
	else
		(void)evconnlistener_disable(http->listener);
}

void http_release(struct http *http, size_t caller)
{
	http->n_conns--;
	http->n_of_caller[caller]--;
	adjust_accepting(http);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
		      struct sockaddr *address, int n_address, void *arg)
{
	static const struct http_answered cut = { .tag = -1, .status = 503 };
	struct http *http = arg;
	struct http_caller caller = http_caller_of(address);
	size_t place = hash_bytes(caller.bytes, caller.n) % HTTP_CALLERS;

	(void)listener;
	(void)n_address;
	if (http->n_of_caller[place] >= http->params.per_address_max) {
		(void)evutil_closesocket(fd);
		http->params.answered(http->params.arg, &cut);
		return;
	}
	http->n_of_caller[place]++;
	http->n_conns++;
	adjust_accepting(http);
	http_conn_begin(http, fd, place);
}

/* Out of descriptors: accepts nobody until the next sweep. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct http *http = arg;

	http->accepting = false;
	(void)evconnlistener_disable(listener);
}

static void on_sweep(void *arg)
{
	struct http *http = arg;
	int64_t now_ms = clock_now_ms();
	struct http_conn *conn = LIST_FIRST(&http->conns), *next;

	for (; conn; conn = next) {
		next = LIST_NEXT(conn, link);
		if (conn->deadline_at_ms && conn->deadline_at_ms <= now_ms)
			http_conn_expire(conn);
	}
	adjust_accepting(http);
}

/* ---- the server ---- */

/* @ret_n is its size first, its length then. */
static int parse_address(const char *text, struct sockaddr_storage *ret,
			 int *ret_n)
{
	char host[64];
	uint16_t port;

	if (text_host_port(text, host, &port) ||
	    evutil_parse_sockaddr_port(host, (struct sockaddr *)ret, ret_n)) {
		errno = EINVAL;
		return HTTP_E_ADDRESS;
	}
	/* Apart from the host: libevent refuses a text with port 0. */
	if (ret->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ret)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ret)->sin_port = htons(port);
	return 0;
}

static int bind_address(struct http *http)
{
	struct sockaddr_storage address = { 0 };
	int n_address = sizeof(address);

	if (parse_address(http->params.address, &address, &n_address))
		return HTTP_E_ADDRESS;
	http->listener = evconnlistener_new_bind(
		loop_base(http->params.loop), on_accept, http,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
			LEV_OPT_REUSEABLE,
		BACKLOG, (struct sockaddr *)&address, n_address);
	if (!http->listener)
		return HTTP_E_ADDRESS;
	evconnlistener_set_error_cb(http->listener, on_accept_error);
	http->accepting = true;
	return 0;
}

static int write_port(const struct http *http)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address = { 0 };
	socklen_t n = sizeof(address);
	in_port_t port;

	if (!*http->params.port_file)
		return 0;
	if (getsockname(evconnlistener_get_fd(http->listener), &address.any,
			&n))
		return -errno;
	port = address.any.sa_family == AF_INET6 ? address.in6.sin6_port
						 : address.in.sin_port;
	return probe_write_port(http->params.port_file, ntohs(port));
}

int http_new(struct http **ret, const struct http_params *params)
{
	CLEANUP(http_freep) struct http *http = xcalloc(1, sizeof(*http));
	int r;

	http->params = *params;
	http->timeouts =
		params->timeouts ? *params->timeouts : default_timeouts;
	LIST_INIT(&http->conns);
	r = bind_address(http);
	if (!r)
		r = write_port(http);
	if (r)
		return r;
	http->sweep = loop_timer(params->loop, SWEEP_EVERY_MS, on_sweep, http);
	*ret = http;
	http = NULL;
	return 0;
}

static void stop_listening(struct http *http)
{
	if (http->listener)
		evconnlistener_free(http->listener);
	http->listener = NULL;
}

struct http *http_free(struct http *http)
{
	struct http_conn *conn;

	if (!http)
		return NULL;
	stop_listening(http);
	while ((conn = LIST_FIRST(&http->conns)))
		http_conn_free(conn);
	(void)loop_source_free(http->sweep);
	free(http);
	return NULL;
}

void http_drain(struct http *http)
{
	struct http_conn *conn = LIST_FIRST(&http->conns), *next;

	http->draining = true;
	stop_listening(http);
	for (; conn; conn = next) {
		next = LIST_NEXT(conn, link);
		conn->keep_alive = false;
		if (conn->phase == HTTP_PHASE_HEAD)
			http_conn_close(conn);
	}
}

size_t http_n_connections(const struct http *http)
{
	return http->n_conns;
}
