/* SPDX-License-Identifier: MIT */
/*
 * Unit: an instance of ours with its process: it is started, asked whether it
 * is ready, asked to leave, and found again as an earlier agent left it.
 */
#ifndef AGENT_UNIT_H
#define AGENT_UNIT_H

#include "infra/lib/text/str.h"
#include "infra/overlord/agent/decide.h"
#include "infra/overlord/agent/process.h"
#include "infra/overlord/agent/ready.h"

/* Where an agent's processes have their files: log/, pid/ and probe/, in each
 * a file an instance, "chillybin.blue-1". */
struct unit_place {
	const char *dir;
	struct loop *loop;
	bool bound; /* processes end with the agent */
};

struct unit {
	char name[AGENT_NAME_BYTES];
	struct instance instance;
	struct process process;
	struct ready ready;
	struct loop_source *end; /* of the process */
	int64_t ask_at_ms;
	bool give_up; /* another agent shall have it */
	bool gone;    /* it is not ours, and does not run */
	bool known;   /* its counts go on from those in Postgres */
	/* How often it changed, of that reported, and known to Postgres. */
	int64_t n_changes, n_reported, n_written;
};

/* Each layer leaves before the one below it does. */
enum { UNIT_LAYERS = 3 };
int unit_layer(const struct unit *unit);

/* Makes the folders. -errno. */
int unit_prepare(const struct unit_place *place);
struct unit *unit_new(const char *service, const char *colour, int64_t number);
/* Leaves its process as it is. */
struct unit *unit_free(struct unit *unit);

/* Finds all that run by their files, and calls @fn with each. */
int unit_adopt_all(const struct unit_place *place,
		   void (*fn)(void *arg, struct unit *unit), void *arg,
		   int64_t now_ms);

void unit_start(struct unit *unit, const struct unit_place *place,
		const struct deployment *deployment, int64_t now_ms);
void unit_drain(struct unit *unit, bool for_good, int64_t now_ms);
void unit_kill(struct unit *unit);
/* Takes note of its end, and of whether it is ready. */
void unit_look(struct unit *unit, const struct unit_place *place,
	       const struct rules *rules, int64_t now_ms);
/* When it has to be looked at again at the latest. */
int64_t unit_wake_at_ms(const struct unit *unit);
/* Its object of agent_sync()'s reports. */
void unit_report(const struct unit *unit, struct buf *out, int64_t now_ms);

#endif
