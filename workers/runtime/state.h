/* SPDX-License-Identifier: MIT */
/*
 * State: what the files of the loop share. worker.c turns it, open.c makes
 * and ends it, reading.c says where partitions are
 * read, intake.c fills the open batch, jobs.c is what the database
 * thread does, tell.c is what follows a commit, holdings.c keeps the slots.
 * Everything is the poll thread's, but for the arguments of the job in hand,
 * which are the database thread's until it is done.
 */
#ifndef RUNTIME_STATE_H
#define RUNTIME_STATE_H

#include "infra/lib/kafka_in.h"
#include "infra/lib/log.h"
#include "infra/lib/loop.h"
#include "infra/lib/probe.h"
#include "workers/runtime/batch.h"
#include "workers/runtime/heartbeat.h"
#include "workers/runtime/hold.h"
#include "workers/runtime/positions.h"
#include "workers/runtime/publish.h"
#include "workers/runtime/session.h"
#include "workers/runtime/transaction.h"
#include "workers/runtime/work.h"
#include "workers/runtime/worker.h"

enum { READ_AT_ONCE = 1024 };
enum { DEAD_LINES_A_SECOND = 10, TROUBLE_LINES_A_SECOND = 20 };
enum { HOLDER_BYTES = 64, GROUP_BYTES = 128 };

enum job {
	JOB_NONE,
	JOB_CONNECT,
	JOB_TAKE,
	JOB_BATCH,
	JOB_TASK,
	JOB_EMIT,
	JOB_LOOK,
	JOB_SURVEY,
	JOB_BEAT,
	JOB_RELEASE,
};

/* What a job works on; only the part of the job in hand is in use. */
struct job_args {
	struct session_params session;
	const struct identity *identity;
	const struct worker_ops *ops;
	void *arg;
	char error[HOLD_REASON_BYTES];
	/* TAKE, LOOK */
	struct position_key keys[SLOTS_MAX];
	size_t n_keys;
	struct positions positions;
	/* TASK, EMIT, RELEASE */
	const struct lanes *lanes;
	struct assigned_position held[SLOTS_MAX * LANES_MAX];
	size_t n_held;
	bool leaving;
	/* BEAT */
	struct heartbeat heartbeat;
	/* BATCH */
	struct transaction transaction;
};

struct worker {
	const struct worker_ops *ops;
	void *arg;
	const struct runtime_conf *conf;
	struct identity identity;
	char holder[HOLDER_BYTES];
	char group[GROUP_BYTES];
	char producer[128];
	char topic_names[WORKER_TOPICS_MAX][TOPIC_NAME_BYTES];

	struct loop *loop;
	struct loop_source *signals[2];
	struct work *work;
	struct kafka_in *in;
	struct publisher *publisher;
	struct probe *probe;

	struct slot slots[SLOTS_MAX]; /* topic * TOPIC_PARTITIONS + partition */
	struct lanes lanes;
	struct hold topic_holds[WORKER_TOPICS_MAX]; /* that cannot be read */
	bool topics_doubted; /* they are to be asked for */
	/* Partitions that the group gives and nobody declared; 0: none. */
	int32_t undeclared[WORKER_TOPICS_MAX];
	char trouble[HOLD_REASON_BYTES + TOPIC_NAME_BYTES]; /* for /readyz */
	bool joined;    /* the group has given us our partitions, if any */
	bool connected; /* a session is open */
	bool started;   /* was connected and joined once */

	struct kafka_record polled[READ_AT_ONCE];
	struct batch *open;    /* being filled */
	struct batch *running; /* at the database; empty when there is none */
	struct batch *told;    /* committed; its facts go out */
	size_t n_told;         /* of its records, that went out */
	bool committed;        /* `running` is, and is told next */
	bool retry;            /* the running batch is to be tried again */
	size_t batch_max;      /* what fits the time that a batch may take */
	size_t record_bytes;   /* what the next records may be as large as */

	enum job job;
	int64_t job_since_ms;
	bool task_turn; /* a worker's task goes before the next batch */
	bool look_now;  /* something is amiss with our rows */
	int64_t look_at_ms, mirror_at_ms, read_at_ms;
	int64_t survey_at_ms, topics_at_ms, beat_at_ms, restart_at_ms;
	int64_t n_mirrors;
	struct log_limit dead_lines, trouble_lines;
	struct job_args *args;

	struct hold hold;
	enum job hold_of;       /* whose success ends it */
	struct hold deliveries; /* they have failed, and how often in a row */
	int64_t unacknowledged_ms; /* the longest that a fact waits */
	bool paused; /* partitions are, for the hold or for too much */
	int64_t full_since_ms; /* too many facts wait; 0: they do not */
	bool draining;
	int64_t drain_until_ms;
	int result; /* of worker_run() */
	bool over;
};

static inline struct slot *slot_of(struct worker *worker, int topic,
				   int32_t partition)
{
	return &worker->slots[topic * TOPIC_PARTITIONS + partition];
}

/* ---- holdings.c: slots, and what is done to them in the group ---- */

/* Rows of the slots that are held, as the compare-and-set wants them. */
size_t holdings_rows(struct worker *worker, struct assigned_position *ret);
/* Slots in that state, as keys for a take-over. */
size_t holdings_keys(struct worker *worker, enum slot_state state,
		     struct position_key *ret);
/* To be taken over anew: forgets what rests on it. */
void holdings_want(struct worker *worker, struct slot *slot, bool prove);
void holdings_want_all(struct worker *worker);
/* Are we still the group's? Positive: not now. */
int holdings_prove(struct worker *worker);
/* What a take-over gave. */
void holdings_taken(struct worker *worker, struct positions *positions);
/* What a look gave; drops what is not ours any more. True: all is ours. */
bool holdings_compare(struct worker *worker, struct positions *positions);
/* The group's offsets follow emitted_offset; @all: those that stand still
 * are told again, too. */
void holdings_mirror(struct worker *worker, bool all);
/* Callbacks of the group. */
void holdings_assigned(void *arg, const struct kafka_partition *partitions,
		       size_t n);
void holdings_revoked(void *arg, const struct kafka_partition *partitions,
		      size_t n, bool lost);

/* ---- reading.c: where slots are read, and what cannot be ---- */

/* Begins to read where slots have been taken over, and again where that has
 * failed when its pause is over. */
void reading_turn(struct worker *worker);
/* Of one that is TAKEN: it was being read, and is again in a moment. */
bool reading_goes_on(const struct slot *slot);
/* For a hold of the worker, and after it. */
void reading_pause(struct worker *worker);
void reading_continue(struct worker *worker);
/* A record, or the end of the log, came in turn. */
void reading_flows(struct worker *worker, struct slot *slot);
/* @mark says that it cannot be read; @slot is NULL for what is no slot. */
void reading_failed(struct worker *worker, struct slot *slot,
		    const struct kafka_record *mark);
/* Are topics there again that were not? */
void reading_look_at_topics(struct worker *worker);

/* ---- intake.c ---- */

/* Fills the open batch with what has arrived. */
void intake_read(struct worker *worker);
/* Is as much kept, or fetched ahead, as may be of large records? */
bool intake_too_far(const struct worker *worker);

/* ---- tell.c ---- */

/* Counts and logs what a committed batch has come to. */
void tell_outcomes(struct worker *worker, const struct batch *batch);
/* Publishes its facts, as far as they may wait for the broker. */
void tell_committed(struct worker *worker);
/* What of it was not published is left to the next take-over. */
void tell_dropped(struct worker *worker);

/* ---- jobs.c: run by the database thread ---- */

int job_connect(void *args, struct session *session);
int job_take(void *args, struct session *session);
int job_look(void *args, struct session *session);
int job_batch(void *args, struct session *session);
int job_task(void *args, struct session *session);
int job_survey(void *args, struct session *session);
int job_beat(void *args, struct session *session);
int job_emit(void *args, struct session *session);
int job_release(void *args, struct session *session);

/* ---- open.c ---- */

/* NULL, or why the worker is not ready. */
const char *worker_not_ready(struct worker *worker);

/* @drain is called for SIGTERM and SIGINT, with the worker. */
int worker_open(struct worker **ret, const struct worker_ops *ops, void *arg,
		const struct runtime_conf *conf, loop_fn drain);
void worker_close(struct worker *worker);

/* ---- worker.c ---- */

void worker_submit(struct worker *worker, enum job job);
/* Waits for the job in hand, ends it; false when time ran out. */
bool worker_finish_job(struct worker *worker, int64_t timeout_ms);
/* Does more wait for the broker than that part of what may? */
bool worker_facts_above(const struct worker *worker, size_t part);
/* Acknowledgements, emitted_offset, no holder: within that time. */
void worker_release(struct worker *worker, int64_t wait_ms);

#endif
