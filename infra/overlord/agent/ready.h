/* SPDX-License-Identifier: MIT */
/*
 * Ready: asks a program on this host whether it is ready, without waiting.
 *
 * The question is GET /readyz at the port in the program's port file. One at a
 * time a struct ready; a program that does not answer in time is not ready.
 */
#ifndef AGENT_READY_H
#define AGENT_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/loop.h"

enum { READY_REASON_BYTES = 256 };

/* { 0 } asks nothing. */
struct ready {
	bool asking, answered;
	int fd;
	int64_t until_ms;
	struct loop_source *source;
	size_t n;
	char answer[1024];
};

/* The port in a port file, which may be an address; 0: none yet. */
uint16_t ready_port(const char *port_file);

/* Asks. The loop goes on when there is an answer. */
void ready_ask(struct ready *ready, struct loop *loop, uint16_t port,
	       int64_t timeout_ms);
/* Is there an answer, or has its time passed? @reason is "" when it is ready.
 * False: it is still awaited, or nothing was asked. */
bool ready_heard(struct ready *ready, char reason[static READY_REASON_BYTES]);
void ready_end(struct ready *ready);

#endif
