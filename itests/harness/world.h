/* SPDX-License-Identifier: MIT */
/*
 * World: what one test has to itself on the servers that all share: a
 * database, topics with a suffix, a folder for logs, and the programs that it
 * starts.
 *
 * world_free() ends the programs in the reverse order; one that had died, or
 * that leaves with another status than 0, fails the test. The folder stays; of
 * a test that passed it has a file `passed`.
 */
#ifndef HARNESS_WORLD_H
#define HARNESS_WORLD_H

#include "infra/lib/cleanup.h"
#include "itests/harness/db.h"
#include "itests/harness/program.h"
#include "itests/harness/until.h"

/* Longer than a worker takes on a machine that is busy with other tests. */
enum { READY_MS = PATIENCE_MS };

struct world {
	char name[128];
	char suffix[64];
	char dir[PROGRAM_PATH_MAX - 128];
	char brokers[256];
	char url[768];
	struct db *db;
	struct program *programs; /* the last one first */
	bool own_kafka;
};

/* @name is __func__ of the test. */
struct world *world_new(const char *name);
/* The same with a Kafka of its own in its folder. */
struct world *world_new_with_kafka(const char *name);
struct world *world_free(struct world *world);
DEFINE_CLEANUP(struct world, world_free);

/* Stops and starts a Kafka of its own. */
void world_kafka(struct world *world, const char *verb);

/*
 * Starts "chillybin-2" as another chillybin; what follows are settings,
 * "NAME=value", up to NULL. It is not waited for.
 */
struct program *world_start(struct world *world, const char *name, ...)
	__attribute__((sentinel));
/* The same for several words of a command line, up to NULL: the first is a
 * program of ours, or a path. Not started. */
struct program *world_command(struct world *world, const char *name, ...)
	__attribute__((sentinel));
/* Runs such a command to its end; the exit status is 0, or the test fails. */
void world_run(struct world *world, int64_t timeout_ms,
	       struct program *command);
/* Adds a setting to a program that does not run. */
void program_set(struct program *program, const char *setting);
/* Every program that runs and serves says that it is ready. */
void world_wait_all_ready(struct world *world);

/* "orders" with the world's suffix. */
void world_topic(const struct world *world, const char *topic, char ret[128]);

/* A path in the world's folder. */
void world_path(const struct world *world, const char *name,
		char ret[PROGRAM_PATH_MAX]);

#endif
