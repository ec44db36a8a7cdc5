/* SPDX-License-Identifier: MIT */
/*
 * Http listen: the socket that connections come from, and how many there may
 * be.
 *
 * A connection counts from its accept to http_listen_release(). At the limit
 * of all nobody more is accepted: who comes then waits in the kernel's queue.
 * At the limit of one address what comes from there is cut at once. An IPv6
 * host has a whole network of 64 bits to call from, so that counts as one
 * address.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_HTTP_LISTEN_H
#define STOREFRONT_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"

struct http_listen;

struct http_listen_params {
	struct loop *loop;
	const char *address;   /* "127.0.0.1:7000"; port 0: any */
	const char *port_file; /* where the port is written; "": nowhere */
	int64_t connections_max;
	int64_t per_address_max;
	/* Takes @fd; @caller is what http_listen_release() is given. */
	void (*accepted)(void *arg, int fd, size_t caller);
	/* One more from an address that has its share was cut. */
	void (*cut)(void *arg);
	void *arg;
};

enum http_listen_outcome { HTTP_LISTEN_E_ADDRESS = 1 };

/* Copies @params. HTTP_LISTEN_E_ADDRESS: not there; errno says why. */
int http_listen_new(struct http_listen **ret,
		    const struct http_listen_params *params);
struct http_listen *http_listen_free(struct http_listen *listen);
DEFINE_CLEANUP(struct http_listen, http_listen_free);

/* Closes the socket; what was accepted is still counted. */
void http_listen_stop(struct http_listen *listen);

/* A connection has ended. */
void http_listen_release(struct http_listen *listen, size_t caller);

/* Goes on after an accept that failed for want of descriptors. */
void http_listen_resume(struct http_listen *listen);

size_t http_listen_n(const struct http_listen *listen);

/* The bytes of an address that tell one caller from another. Pure. */
struct http_caller {
	uint8_t bytes[8];
	size_t n;
};
struct http_caller http_caller_of(const struct sockaddr *address);

#endif
