/* SPDX-License-Identifier: MIT */
/*
 * Checker rules: what must be true, a sentence and a query each; see
 * checker.h. What stands on the topics is in tables by then.
 */
#ifndef HARNESS_CHECKER_RULES_H
#define HARNESS_CHECKER_RULES_H

#include <stddef.h>

enum check_when {
	CHECK_ALWAYS,
	CHECK_TOASTIES,
	CHECK_IN_ORDER,
	CHECK_STARTS,
	CHECK_ALL_DONE
};

struct check_rule {
	enum check_when when;
	const char *breach; /* what a row that the query finds is */
	const char *sql;    /* one column of text: which one it is */
};

extern const struct check_rule check_rules[];
extern const size_t n_check_rules;

/* Makes the tables, or empties those of an earlier check. Of a fact that
 * stands on its topic several times only the first is in them. */
extern const char *const check_tables[];
extern const size_t n_check_tables;

#endif
