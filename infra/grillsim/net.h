/* SPDX-License-Identifier: MIT */
/*
 * Net: a listening socket and its clients, each with a buffer of its own.
 *
 * Runs in the loop's thread and never blocks there: a client that is slow, or
 * sends half a request, delays nobody but itself.
 */
#ifndef GRILLSIM_NET_H
#define GRILLSIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"

enum { NET_IN_MAX = 260, NET_ADDRESS_MAX = 80 };

#define NET_NEVER INT64_MAX

struct net;

struct net_client {
	uint32_t magic;
	struct net *net;
	int fd;
	struct loop_source *source;
	uint8_t in[NET_IN_MAX];
	size_t n_in;
	/* The receiver may set these two: it is called again at that time. */
	int64_t resume_at_ms; /* NET_NEVER */
	int exception;
};

/*
 * Called when bytes have come or the time to resume has; @client's first bytes
 * may be removed with net_consume(). False: the client has to go.
 */
typedef bool (*net_fn)(void *arg, struct net_client *client, int64_t now_ms);

/* Listens on "host:port" at once; port 0: any. A fault: it cannot. */
int net_new(struct net **ret, struct loop *loop, const char *address, net_fn fn,
	    void *arg);
struct net *net_free(struct net *net);
DEFINE_CLEANUP(struct net, net_free);

/* "host:port", the port that was bound. */
const char *net_address(const struct net *net);

void net_consume(struct net_client *client, size_t n);

/* Clients whose time to resume has come. A fault: it cannot listen again. */
int net_turn(struct net *net, int64_t now_ms);

/* Until the next net_turn() that matters; INT64_MAX: none will. */
int64_t net_left_ms(const struct net *net, int64_t now_ms);

/* Every connection is cut. */
void net_cut(struct net *net);

/* The same, and none is accepted until @until_ms. */
void net_down(struct net *net, int64_t until_ms);

#endif
