/* SPDX-License-Identifier: MIT */
/*
 * Suite: the main() of an integration test.
 *
 * Without an argument all tests of the file run, each in a process of its own;
 * with names, only those.
 */
#ifndef HARNESS_SUITE_H
#define HARNESS_SUITE_H

#include <check.h>

/* @tests ends in NULL. Gives the exit status. */
int suite_main(int argc, char **argv, int timeout_s, const TTest *const *tests);

/* A figure for people: itests/run.sh shows it. */
void suite_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
