/* SPDX-License-Identifier: MIT */
/*
 * Server: the plates on the wire, by two ports.
 *
 * Modbus TCP, to several clients at once: what a request does, it does when it
 * comes; only its answer may be late, or never sent. A client has one request
 * in work; the next waits in its buffer.
 *
 * The control port receives a fault command a line and answers it by a line.
 * It is for tests and demonstrations, on an address that only they can reach.
 *
 *	plate 3 slow 500	ok
 *	plate 99 slow 500	error: no such plate
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

/* The Modbus port listens at once. A fault: it cannot. */
int server_new(struct server **ret, const struct server_params *params);
struct server *server_free(struct server *server);
DEFINE_CLEANUP(struct server, server_free);

/* The control port; "": none. */
int server_open_control(struct server *server, const char *address);

/* "host:port" as bound. That of a control port that there is not: "". */
const char *server_address(const struct server *server);
const char *server_control_address(const struct server *server);

/* One fault command. @out: what it shows, or what is wrong with it (positive).
 */
int server_apply(struct server *server, const char *line, size_t n,
		 struct buf *out);

/* Until the next server_turn() that matters; INT64_MAX: none will. */
int64_t server_left_ms(const struct server *server, int64_t now_ms);

/* Answers that are due. A fault that a request met is returned here. */
int server_turn(struct server *server, int64_t now_ms);

#endif
