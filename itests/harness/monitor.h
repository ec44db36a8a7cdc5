/* SPDX-License-Identifier: MIT */
/*
 * Monitor: asks a program whether it is ready, all the time that a test works
 * with it, in a thread of its own.
 */
#ifndef HARNESS_MONITOR_H
#define HARNESS_MONITOR_H

#include "itests/harness/program.h"

struct monitor;

/* @program is ready, and runs until the monitor ends. */
struct monitor *monitor_new(const struct program *program);
struct monitor *monitor_free(struct monitor *monitor);
DEFINE_CLEANUP(struct monitor, monitor_free);

/* Ends the thread. The program was ready each time, or the test fails and says
 * why it was not. */
void monitor_expect_ready(struct monitor *monitor);

#endif
