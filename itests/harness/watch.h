/* SPDX-License-Identifier: MIT */
/*
 * Watch: asks a program all the time that a test works with it whether it is
 * ready.
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
#endif
