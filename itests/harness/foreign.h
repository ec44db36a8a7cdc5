/* SPDX-License-Identifier: MIT */
/*
 * Foreign: what other people's clients and tools do to our topics, and our own
 * never would: transactions, compression, records taken out of a log, topics
 * deleted, partitions added. What the brokers refuse fails the test.
 *
 * The test's first thread.
 */
#ifndef HARNESS_FOREIGN_H
#define HARNESS_FOREIGN_H

#include "itests/harness/bus.h"

struct foreign;

/*
 * A producer; what follows are settings of librdkafka, a name and a value each
 * time, up to NULL. With a "transactional.id" it writes in transactions.
 */
struct foreign *foreign_new(const struct world *world, ...)
	__attribute__((sentinel));
struct foreign *foreign_free(struct foreign *foreign);
DEFINE_CLEANUP(struct foreign, foreign_free);

/* Where it stands is in @ret, which may be NULL, after foreign_flush(). */
void foreign_send(struct foreign *foreign, const char *topic,
		  const struct bus_record *record, struct bus_position *ret);
void foreign_flush(struct foreign *foreign);

void foreign_begin(struct foreign *foreign);
void foreign_commit(struct foreign *foreign);
void foreign_abort(struct foreign *foreign);

/* ---- what an administrator does ---- */

/* Deletes what stands before @offset; -1: all. Of one partition, or of each
 * (-1). Gives where the log of the last of them begins. */
int64_t foreign_delete_records(const struct world *world, const char *topic,
			       int32_t partition, int64_t offset);
void foreign_delete_topic(const struct world *world, const char *topic);
void foreign_raise_partitions(const struct world *world, const char *topic,
			      int32_t n_partitions);
void foreign_set(const struct world *world, const char *topic, const char *name,
		 const char *value);

/* The offset that a group has committed; -1: none. */
int64_t foreign_committed(const struct world *world, const char *group,
			  const char *topic, int32_t partition);

#endif
