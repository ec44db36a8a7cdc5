/* SPDX-License-Identifier: MIT */
/*
 * Server: the plates on the wire, to several Modbus TCP clients at once.
 *
 * What a request does, it does when it comes; only its answer may be late, or
 * never sent. A client has one request in work; the next waits in its buffer.
 */
#ifndef GRILLSIM_SERVER_H
#define GRILLSIM_SERVER_H

#include "infra/grillsim/net.h"
#include "infra/grillsim/plates.h"

struct server_params {
	struct loop *loop;
	struct plates *plates; /* borrowed */
	const char *address;
	int n_plates;
	int unit;
};

struct server;

/* Listens at once. A fault: cannot listen. */
int server_new(struct server **ret, const struct server_params *params);
struct server *server_free(struct server *server);
DEFINE_CLEANUP(struct server, server_free);

/* Its socket, to be cut and taken down. Borrowed. */
struct net *server_net(struct server *server);

/* Answers that are due. A fault that a request met is returned here. */
int server_turn(struct server *server, int64_t now_ms);

#endif
