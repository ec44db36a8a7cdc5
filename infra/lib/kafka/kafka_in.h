/* SPDX-License-Identifier: MIT */
/*
 * Kafka in: records of topics, in batches, on librdkafka.
 *
 * Either as a member of a consumer group (group set; eager assignor, static
 * member when instance_id is set), or of partitions that the caller names
 * (kafka_in_assign()). Offsets are never stored or committed by themselves,
 * and there is no reset: where reading begins is always said by a seek.
 *
 * One thread does everything: librdkafka 2.0.2 may lose or misdeliver records
 * when batches are read in parallel with seek, pause or a rebalance.
 */
#ifndef LIB_KAFKA_IN_H
#define LIB_KAFKA_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/arena.h"
#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"

enum { KAFKA_IN_TOPICS_MAX = 8 };

struct kafka_partition {
	int topic; /* index into params.topics */
	int32_t partition;
	int64_t offset; /* for seek, assign and commit */
};

/*
 * The group's coordinator gives and takes partitions; called from within
 * kafka_in_poll() and kafka_in_free(). Those given are paused until the owner
 * seeks and resumes them. Those taken are still ours until @revoked returns,
 * unless they are @lost, which means that somebody else may have them.
 */
typedef void (*kafka_assigned_fn)(void *arg,
				  const struct kafka_partition *partitions,
				  size_t n_partitions);
typedef void (*kafka_revoked_fn)(void *arg,
				 const struct kafka_partition *partitions,
				 size_t n_partitions, bool lost);
/* Trouble worth a line: broker away, unknown topic; without params.marks also
 * an offset that is not in the log. */
typedef void (*kafka_trouble_fn)(void *arg, const char *what);

struct kafka_in_params {
	const char *brokers;
	const char *client_id;
	const char *group;       /* NULL: none */
	const char *instance_id; /* NULL or "": a dynamic member */
	const char *const *topics;
	size_t n_topics;
	/*
	 * Fetched ahead, over all partitions: nothing is asked for while there
	 * are so many records, or so much in their values. What one answer
	 * brings comes on top: @fetch_bytes of each partition, or one batch.
	 */
	int64_t queue_max; /* 0: no matter */
	int64_t queue_max_kbytes;
	int64_t fetch_bytes;        /* 0: librdkafka's default, 1 MiB */
	int64_t session_timeout_ms; /* of the group; 0: librdkafka's default */
	kafka_assigned_fn assigned;
	kafka_revoked_fn revoked;
	kafka_trouble_fn trouble;
	bool marks; /* kafka_in_poll() gives what is no record, too */
	void *arg;
	struct loop *loop; /* woken when records wait; NULL: nobody is */
};

/* What stands between records; only with params.marks, and in their order. */
enum kafka_mark {
	KAFKA_RECORD = 0, /* none: it is a record */
	/* All that the log has before `offset` was handed out. */
	KAFKA_END,
	/*
	 * The partition, or the whole topic (-1), cannot be read: a batch that
	 * is damaged or too large when it is decompressed, no authorization,
	 * no such topic; `value` is the text. Records from behind a damaged
	 * batch may follow.
	 */
	KAFKA_UNREADABLE,
	/*
	 * The offset to read is not in the log, and the client reads the
	 * partition no more until kafka_in_restart(). May be news of a place
	 * that was left since: the watermarks say so.
	 */
	KAFKA_GONE,
};

struct kafka_record {
	enum kafka_mark mark;
	int topic; /* index into params.topics */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* of the record; -1: none */
	const void *key;      /* NULL: none */
	size_t n_key;
	const void *value; /* NULL: a tombstone */
	size_t n_value;
	void *handle; /* the client's memory of it, until it is released */
	const void *headers; /* of one that is kept in an arena */
};

struct kafka_in;

enum kafka_in_outcome {
	KAFKA_IN_E_AWAY = 1,   /* no answer from the brokers in time */
	KAFKA_IN_E_NOT_MEMBER, /* the group does not know us any more */
};

int kafka_in_new(struct kafka_in **ret, const struct kafka_in_params *params);
/*
 * Leaves the group (the callbacks run) within 5 s. A static member keeps its
 * place until its session times out, so that it can be back before anything
 * changes hands; not when kafka_in_leave() was called before.
 */
struct kafka_in *kafka_in_free(struct kafka_in *in);
void kafka_in_leave(struct kafka_in *in);
DEFINE_CLEANUP(struct kafka_in, kafka_in_free);

/*
 * Up to @n_max records, waiting for the first for at most @timeout_ms. Gives
 * their number. Each must be released, in any order, before kafka_in_free().
 */
size_t kafka_in_poll(struct kafka_in *in, struct kafka_record *ret,
		     size_t n_max, int timeout_ms);
void kafka_record_release(struct kafka_record *record);

/* The @i-th header; false past the last one. Not of a record that is kept. */
bool kafka_record_header(const struct kafka_record *record, size_t i,
			 const char **ret_name, const void **ret_value,
			 size_t *ret_n);

/*
 * Copies key, value and headers into @arena and releases the record. The
 * client's memory of a record is three times as much, and is cheapest to free
 * at once.
 */
void kafka_record_keep(struct kafka_record *record, struct arena *arena);
/* Calls @fn for each header of a record that is kept. They live in the arena,
 * too; a value may be NULL. */
typedef void (*kafka_header_fn)(void *arg, const char *name, const void *value,
				size_t n);
void kafka_record_headers(const struct kafka_record *record, kafka_header_fn fn,
			  void *arg);

/* Records and marks that were fetched and not polled yet. */
size_t kafka_in_queued(const struct kafka_in *in);

/* Without a group: reads these from their offsets, and no others. */
int kafka_in_assign(struct kafka_in *in,
		    const struct kafka_partition *partitions,
		    size_t n_partitions);

int kafka_in_pause(struct kafka_in *in,
		   const struct kafka_partition *partitions, size_t n);
/* Continues each at its offset. Those that have not begun cannot be read now:
 * their fetchers are not up yet, or never will be in this assignment. */
void kafka_in_resume_at(struct kafka_in *in,
			const struct kafka_partition *partitions, size_t n,
			bool *ret_begun);

/* Takes all partitions of the group anew, paused. Those that the client had
 * given up can be read again. Nothing that was fetched before counts. */
void kafka_in_restart(struct kafka_in *in);

/* Has the client hit an error that it cannot go on from: another process is
 * the same static member, say? */
bool kafka_in_fatal(const struct kafka_in *in);

/* Commits offsets of the group (a worker: assignments_mirror()); @sync waits
 * for the coordinator's answer. */
int kafka_in_commit(struct kafka_in *in,
		    const struct kafka_partition *partitions, size_t n,
		    bool sync);

/* The end of the log as the last fetch has said it, without asking; false
 * when none has. */
bool kafka_in_end(const struct kafka_in *in, int topic, int32_t partition,
		  int64_t *ret);

/* First offset that is kept, and the one after the last. Asks, as
 * kafka_in_topics() does. */
int kafka_in_watermarks(struct kafka_in *in, int topic, int32_t partition,
			int64_t timeout_ms, int64_t *ret_low,
			int64_t *ret_high);

/*
 * Which of our topics do the brokers have, and may we read? Asks. On one
 * connection a broker answers in turn, so that this may take as long as a fetch
 * that waits for records (fetch.wait.max.ms, 50 ms): a shorter time-out may be
 * over each time.
 */
int kafka_in_topics(struct kafka_in *in, int64_t timeout_ms, bool *ret_there);
/* Has the client said, since this was asked last, that a topic or a partition
 * is not there any more? It does not say so in the order of the records. */
bool kafka_in_topics_doubted(struct kafka_in *in);

#endif
