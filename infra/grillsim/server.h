/* SPDX-License-Identifier: MIT */
/*
 * Server: the plates on the wire, to several Modbus TCP clients at once.
 *
 * Runs in the loop's thread and never blocks there: a client that is slow, or
 * sends half a request, holds up nobody but itself. A client has one request
 * in work; the next waits in its buffer.
 */
#ifndef GRILLSIM_SERVER_H
#define GRILLSIM_SERVER_H

#include <stdint.h>

#include "infra/grillsim/plates.h"
#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"

struct server;

/* Listens on @address at once. Borrows @plates. A fault: cannot listen. */
int server_new(struct server **ret, struct loop *loop, struct plates *plates,
	       const char *address, int unit);
struct server *server_free(struct server *server);
DEFINE_CLEANUP(struct server, server_free);

/* "host:port", the port that was bound. */
const char *server_address(const struct server *server);

/* Answers that are due. A fault that handlers met is told here. */
int server_turn(struct server *server, int64_t now_ms);

/* Until the next server_turn() that matters; INT64_MAX: none will. */
int64_t server_left_ms(const struct server *server, int64_t now_ms);

/* Every connection is cut. */
void server_cut(struct server *server);

/* The same, and none is accepted until @until_ms. */
void server_down(struct server *server, int64_t until_ms);

#endif
