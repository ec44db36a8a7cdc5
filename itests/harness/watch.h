/* SPDX-License-Identifier: MIT */
/*
 * Watch: looks at a program all the time that a test works with it: whether
 * it says that it is ready, and how much memory it has.
 *
 * A thread of its own only looks; the test asks what it has seen.
 */
#ifndef HARNESS_WATCH_H
#define HARNESS_WATCH_H

#include "itests/harness/program.h"

struct watch;

/* @program is ready; it runs until watch_free(). */
struct watch *watch_new(const struct program *program);
struct watch *watch_free(struct watch *watch);
DEFINE_CLEANUP(struct watch, watch_free);

/* It was ready each time, or the test fails and says what was amiss. */
void watch_expect_ready(struct watch *watch);
/*
 * The most memory it has had resident, above what it had when watch_new() was
 * called, is at most that, or the test fails. Gives the kilobytes. Says
 * nothing of a build with sanitizers.
 */
int64_t watch_expect_memory(struct watch *watch, int64_t max_kbytes);

#endif
