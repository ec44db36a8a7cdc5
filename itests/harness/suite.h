/* SPDX-License-Identifier: MIT */
/*
 * Suite: the main() of each integration test, and how a test is written down.
 *
 * A test's name is a sentence, its body follows the macro:
 *
 *	WORLD_TEST(an_order_is_seen_done)	has a @world of its own
 *	WORLD_CASES(a_grill_hesitates, 3)	the same for each @i below 3
 *	KAFKA_TEST(a_broker_restarts)		its @world has its own Kafka
 *	PLAIN_TEST(versions_end_alike)		makes its worlds by itself
 *
 * The linker puts a pointer to each test into one table, which main() reads.
 * Without an argument all tests of the program run, each in a process of its
 * own; with names, only those.
 */
#ifndef HARNESS_SUITE_H
#define HARNESS_SUITE_H

#include <check.h>

#include "itests/harness/world.h"

struct suite_test {
	TTest check;
	int n_cases;
};

#define N_ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

#define SUITE_ROW(sentence, fn, n)                                             \
	static const struct suite_test sentence##_test = {                     \
		{ #sentence, (fn), __FILE__, __LINE__ }, (n)                   \
	};                                                                     \
	static const struct suite_test *const sentence##_row                   \
		__attribute__((section("suite_rows"), used)) =                 \
			&sentence##_test

#define SUITE_WORLD(sentence, n, open, call)                                   \
	static void sentence##_begin(int i)                                    \
	{                                                                      \
		CLEANUP(world_freep)                                           \
		struct world *world = open(#sentence, (n) > 1 ? i : -1);       \
                                                                               \
		call;                                                          \
	}                                                                      \
	SUITE_ROW(sentence, sentence##_begin, (n))

#define WORLD_TEST(sentence)                                                   \
	static void sentence(struct world *world);                             \
	SUITE_WORLD(sentence, 1, world_new, sentence(world));                  \
	static void sentence(struct world *world)

#define KAFKA_TEST(sentence)                                                   \
	static void sentence(struct world *world);                             \
	SUITE_WORLD(sentence, 1, world_new_with_kafka, sentence(world));       \
	static void sentence(struct world *world)

#define WORLD_CASES(sentence, n)                                               \
	static void sentence(struct world *world, int i);                      \
	SUITE_WORLD(sentence, (n), world_new, sentence(world, i));             \
	static void sentence(struct world *world, int i)

#define PLAIN_TEST(sentence)                                                   \
	static void sentence(int i);                                           \
	SUITE_ROW(sentence, sentence, 1);                                      \
	static void sentence(int unused __attribute__((unused)))

/* A figure for people: itests/run.sh shows it. */
void suite_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
