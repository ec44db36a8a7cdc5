/* SPDX-License-Identifier: MIT */
/*
 * Checks: what was looked at, whether it is as it should be, and what is seen
 * there; rows of a table, in the order in which they were added.
 */
#ifndef OVERLORD_CHECKS_H
#define OVERLORD_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "infra/overlord/out.h"

struct check {
	char *what; /* "grill" */
	char *of;   /* "left", or "" */
	bool good;
	char *detail; /* a sentence without a full stop */
};

/* { 0 } is an empty list. */
struct checks {
	struct check *rows;
	size_t n;
	size_t n_bad;
};

void checks_deinit(struct checks *checks);

/* Copies the texts. */
void checks_add(struct checks *checks, bool good, const char *what,
		const char *of, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* A new table "checks" of them. */
struct out *checks_table(const struct checks *checks, bool json);

#endif
