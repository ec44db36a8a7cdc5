/* SPDX-License-Identifier: MIT */
/*
 * Probe: /livez, /readyz, /startupz and /metrics of a program over HTTP.
 *
 * Answers 200 "ok", or 503 with what is trouble. Served from the program's own
 * loop, so that /livez answers only while the loop turns.
 */
#ifndef LIB_PROBE_H
#define LIB_PROBE_H

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"
#include "infra/lib/text/str.h"

/* NULL: all is well; else what is trouble. Borrowed until the next call. */
typedef const char *(*probe_fn)(void *arg);

struct probe_checks {
	probe_fn live;
	probe_fn ready;
	probe_fn started;
	void *arg;
};

struct probe;

enum probe_outcome { PROBE_E_ADDRESS = 1 };

/*
 * Listens on @address ("127.0.0.1:9100"; port 0: any). If @port_file is not
 * "", the port is written there, atomically. Borrows @checks for the probe's
 * life. PROBE_E_ADDRESS: cannot listen there; errno says why.
 */
int probe_new(struct probe **ret, struct loop *loop, const char *address,
	      const char *port_file, const struct probe_checks *checks);
struct probe *probe_free(struct probe *probe);
DEFINE_CLEANUP(struct probe, probe_free);

struct probe_reply {
	int status;
	const char *type; /* of the body */
	struct buf body;  /* the caller's to deinit */
};

/* Also for a program with an HTTP server of its own. False: @path is none of
 * the four, and @ret as it was. */
bool probe_reply(struct probe_reply *ret, const struct probe_checks *checks,
		 struct text path);

/* Write a line, or a port, to @path by way of a rename: a reader never sees
 * half of it. 0 or -errno. */
int probe_write_line(const char *path, const char *line);
int probe_write_port(const char *path, uint16_t port);

#endif
