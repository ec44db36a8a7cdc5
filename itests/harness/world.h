/* SPDX-License-Identifier: MIT */
/*
 * World: what one test has to itself on the servers that all share: a
 * database, topics with a suffix, a folder for logs, and the programs and
 * grills that it starts.
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

struct world {
	char name[128];
	char suffix[64];
	char dir[PROGRAM_PATH_MAX - 128];
	char brokers[256];
	char url[768];
	struct db *db;
	struct bus *bus;          /* NULL until world_bus() */
	struct program *programs; /* the last one first */
	struct grill_spy *grills; /* the same */
	bool own_kafka;
};

/* @name is the sentence of the test; @i the number of its case, or -1. */
struct world *world_new(const char *name, int i);
/* The same with a Kafka of its own in its folder. */
struct world *world_new_with_kafka(const char *name, int i);
struct world *world_free(struct world *world);
DEFINE_CLEANUP(struct world, world_free);

/* Stops and starts a Kafka of its own; its process. */
void world_kafka(struct world *world, const char *verb);
pid_t world_kafka_pid(const struct world *world);

/*
 * Starts "chillybin-2" as another chillybin; what follows are settings,
 * "NAME=value". A NULL ends them. It is not waited for.
 */
#define world_start(world, ...)                                                \
	world_start_list((world), (const char *const[]){ __VA_ARGS__, NULL })
struct program *world_start_list(struct world *world, const char *const *list);
/* The same, and waits until it is ready. */
#define world_start_ready(world, ...)                                          \
	world_await(world_start((world), __VA_ARGS__))
struct program *world_await(struct program *program);
/* The same for a command line: the first is a program of ours, or
 * a path. Not started. */
#define world_command(world, ...)                                              \
	world_command_list((world), (const char *const[]){ __VA_ARGS__, NULL })
struct program *world_command_list(struct world *world,
				   const char *const *list);
/* Runs such a command to its end; the exit status is 0, or the test fails. */
#define world_run(world, ...)                                                  \
	world_finish(world_command(world, __VA_ARGS__), PATIENCE_MS)
void world_finish(struct program *command, int64_t timeout_ms);
/* Every program that runs and serves says that it is ready. */
void world_wait_all_ready(struct world *world);

/* Waits until overlord status ends with @status and says @said. */
void world_wait_status(struct world *world, int status, const char *said);

/* "orders" with the world's suffix. */
void world_topic(const struct world *world, const char *topic, char ret[128]);
/* The consumer group of a service's colour. */
void world_group(const struct world *world, const char *service,
		 const char *colour, char ret[128]);
/* How programs name a partition of it: "'orders-t1' partition 3". */
void world_partition(const struct world *world, const char *topic,
		     int32_t partition, char ret[160]);
/* A path in the world's folder. */
void world_path(const struct world *world, const char *name,
		char ret[PROGRAM_PATH_MAX]);

/* Up to where chillybin has decided a partition of @topic. */
int64_t world_next_offset(const struct world *world, const char *topic,
			  int32_t partition);
/* Ends the sessions of programs whose names begin so; gives how many. */
int64_t world_cut_sessions(struct world *world, const char *program);

#endif
