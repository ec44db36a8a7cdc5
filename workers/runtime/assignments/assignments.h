/* SPDX-License-Identifier: MIT */
/*
 * Assignments: the partitions that the group has given us, the positions that
 * we hold of them, where each is read, and the mirror of positions in the
 * group's offsets.
 *
 * It calls nothing above it. Its owner (engine.c) hears from the group, runs
 * the statements of positions.h in the database thread and hands the results
 * in. What rested on an assignment that is in doubt is the owner's to drop.
 * Poll thread only.
 */
#ifndef RUNTIME_ASSIGNMENTS_H
#define RUNTIME_ASSIGNMENTS_H

#include "infra/lib/kafka/kafka_in.h"
#include "workers/runtime/batches/batch_extent.h"

struct assignments;

/* Borrows all of it; @catch_up is for the consumer without a group, which
 * reads lanes that are far behind. */
struct assignments *assignments_new(struct kafka_in *in,
				    const struct identity *identity,
				    const struct kafka_in_params *catch_up);
struct assignments *assignments_free(struct assignments *given);
/* Before the loop goes: that consumer. */
void assignments_close(struct assignments *given);

/* READERS_MAX of them: topic * TOPIC_PARTITIONS + partition, and then those
 * that catch up in the same order. */
struct assignment *assignments_all(struct assignments *given);
const struct lanes *assignments_lanes(const struct assignments *given);

/* ---- what the group says (assignments.c) ---- */

void assignments_given(struct assignments *given,
		       const struct kafka_partition *partitions, size_t n);
/* The group has taken all of them back. */
void assignments_revoked(struct assignments *given);
/* Has the group given us our partitions, if any? */
bool assignments_joined(const struct assignments *given);

/* ---- positions: acquire, confirm, refresh (assignments.c) ---- */

bool assignments_acquiring(const struct assignments *given);
/* Is there one of which our colour has no lane? */
bool assignments_warm(const struct assignments *given);
/* Keys of those that wait for a take-over (@acquiring), or of those that have
 * had one and are to be refreshed. Gives their number. */
size_t assignments_keys(const struct assignments *given, bool acquiring,
			struct position_key ret[static ASSIGNMENTS_MAX]);
/* Are we still a member, where that must be known before a take-over? Commits
 * offsets of the group to know. 0, or that we do not know. */
int assignments_confirm(struct assignments *given);
/* The result of a take-over of @keys. */
void assignments_acquired(struct assignments *given,
			  const struct position_key *keys, size_t n_keys,
			  struct positions *positions);
/* The result of a refresh: those that are not ours any more are to be acquired
 * anew. True: all of them are ours. */
bool assignments_refreshed(struct assignments *given,
			   const struct positions *positions);
/* Nothing may be believed: all are to be acquired anew. */
void assignments_doubt_all(struct assignments *given);
/* One is: it may not be ours, if @confirm. */
void assignments_doubt(struct assignments *given, struct assignment *assignment,
		       bool confirm);

/* ---- what was written (assignments.c) ---- */

/* All positions that we hold, as the compare-and-set wants them. */
size_t assignments_positions(struct assignments *given,
			     struct assigned_position *ret);
/* emitted_offset of these is in the database. */
void assignments_written(const struct assigned_position *positions, size_t n);
/* A batch over this is committed. */
void assignments_committed(const struct batch_extent *extent);
/* For how long has emitted_offset of some partition been behind, in the
 * database? */
int64_t assignments_unwritten_ms(struct assignments *given, int64_t now_ms);
/* The group's offsets follow emitted_offset; where our colour has no lane, that
 * of those who have them, as the last refresh found it. Now and then those that
 * have not moved are committed, too: they may not have arrived. */
void assignments_mirror(struct assignments *given, bool all);

/* ---- reading (reading.c) ---- */

/* Begins to read where partitions have been acquired, and again where that
 * has failed when its pause is over. Asks for topics that were not there. */
void assignments_turn(struct assignments *given);
/* All partitions are paused, and are read again from where they were. */
void assignments_pause(struct assignments *given);
void assignments_continue(struct assignments *given);
bool assignments_paused(const struct assignments *given);
/* The consumer of lanes that are far behind; NULL: none was yet. */
struct kafka_in *assignments_catch_up(const struct assignments *given);
/*
 * The client has handed @kafka out; @catching_up: that consumer has. NULL: it
 * is not in turn. Else the record, or the end of the log, is the next of this
 * assignment, and the offsets [@ret_from, its own) hold no record.
 */
struct assignment *assignments_receive(struct assignments *given,
				       const struct kafka_record *kafka,
				       bool catching_up, int64_t *ret_from);

/* ---- lanes that are far behind (catch_up.c) ---- */

/* Those that have caught up are to be acquired anew, with the others of their
 * partition. True: there are such. */
bool assignments_level(struct assignments *given);

/* ---- what others are shown (lag.c) ---- */

/* A sentence, until the next call; NULL: all partitions are read. */
const char *assignments_not_ready(struct assignments *given);
/* [{"topic": "orders", "partition": 3, "what": "..."}], appended: what cannot
 * be read. Without a partition it is the whole topic. */
void assignments_troubles(struct assignments *given, struct buf *out);
/* How many partitions are ours, and the sum of their lags as far as they are
 * known. */
int64_t assignments_load(struct assignments *given, int64_t *ret_lag);
/* A counters_collect_fn; @given is a struct assignments. */
void assignments_collect(void *given, struct buf *out);

#endif
