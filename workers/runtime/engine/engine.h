/* SPDX-License-Identifier: MIT */
/*
 * Engine, from the inside: engine.c turns the loop, engine_jobs.c gives the
 * database thread its jobs, engine_open.c makes and ends the engine. All of it
 * is the poll thread's, but for the arguments of the job in hand, which are the
 * database thread's until it is done.
 */
#ifndef RUNTIME_ENGINE_H
#define RUNTIME_ENGINE_H

#include "infra/lib/log.h"
#include "infra/lib/probe.h"
#include "workers/runtime/batches/batches.h"
#include "workers/runtime/database/db_job.h"

enum { HOLDER_BYTES = 64, GROUP_BYTES = TOPIC_NAME_BYTES + 32 };
/* A turn waits so long at most; a job that releases may take so long. */
enum { TURN_MS = 50, RELEASE_JOB_MS = 5000 };

struct engine {
	const struct worker_ops *ops;
	void *arg;
	const struct runtime_conf *conf;
	struct budget budget;
	struct identity identity;
	char holder[HOLDER_BYTES];
	char group[GROUP_BYTES];
	/* Of what is read, and of what is written. */
	struct topic_names topic_names, written_names;

	struct loop *loop;
	struct loop_source *signals[2];
	struct work *work;
	struct kafka_in *in;
	struct publisher *publisher;
	struct probe *probe;
	struct assignments *assignments;
	struct batches *batches;

	enum db_job job; /* in hand */
	int64_t job_since_ms;
	struct db_job_args *args;
	bool task_turn;   /* a worker's task goes before the next batch */
	bool refresh_now; /* positions are in doubt */
	int64_t refresh_at_ms, mirror_at_ms, survey_at_ms, heartbeat_at_ms;
	int64_t busy_at_ms; /* something was in hand; 0: memory is given back */
	int64_t n_mirrors;

	struct backoff backoff;
	enum db_job backoff_of;    /* whose success ends it */
	struct backoff deliveries; /* how often in a row they have failed */
	int64_t full_since_ms;     /* too many facts wait; 0: they do not */
	struct log_limit trouble_lines;
	bool connected; /* a session is open */
	bool started;   /* was connected, and given partitions, once */
	bool draining;
	int64_t drain_until_ms;
	int result; /* of worker_run() */
	bool over;
};

/* ---- engine.c ---- */

/* SIGTERM; SIGINT, after which a static member's place in the group is free at
 * once. @engine is a struct engine. */
void engine_drain(void *engine);
void engine_leave(void *engine);
/* Callbacks of the group. */
void engine_assigned(void *engine, const struct kafka_partition *partitions,
		     size_t n);
void engine_revoked(void *engine, const struct kafka_partition *partitions,
		    size_t n, bool lost);

/* ---- engine_jobs.c ---- */

/* Gives the database thread the most urgent job, if it has none. */
void engine_start_job(struct engine *engine);
/* What follows from the end of the job in hand, with @r of db_job_fns. */
void engine_end_job(struct engine *engine, int r);
/* Waits for the job in hand, ends it; false when time ran out. */
bool engine_finish_job(struct engine *engine, int64_t timeout_ms);
/* Waits so long for acknowledgements; then emitted_offset, and no holder. */
void engine_release(struct engine *engine, int64_t wait_ms);
/* Hears delivery reports; one that failed has all taken over anew. */
void engine_poll_deliveries(struct engine *engine);
/* What rested on assignments that came into doubt is dropped. */
void engine_assignments_changed(struct engine *engine);

/* ---- engine_open.c ---- */

int engine_open(struct engine **ret, const struct worker_ops *ops, void *arg,
		const struct runtime_conf *conf);
void engine_close(struct engine *engine);
/* NULL, or why the worker is not ready. @engine is a struct engine. */
const char *engine_not_ready(void *engine);

#endif
