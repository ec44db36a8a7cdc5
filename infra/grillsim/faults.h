/* SPDX-License-Identifier: MIT */
/*
 * Faults: the commands that make the grill misbehave, and what the faults of
 * one plate mean for a request. Pure.
 *
 * `plate 3 slow 500` and `slow 3 500` are the same; `all` in place of a plate
 * means each of them. README.md lists the commands.
 */
#ifndef GRILLSIM_FAULTS_H
#define GRILLSIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_verb {
#define FAULT(name, ...) FAULT_##name,
#include "infra/grillsim/faults.def"
#undef FAULT
	FAULT_VERBS_N,
	FAULTS_N = FAULT_BROKEN + 1, /* those that last */
};

enum { FAULT_ALL_PLATES = -1, FAULT_LINE_MAX = 256 };

struct fault_command {
	enum fault_verb verb;
	int plate;      /* or FAULT_ALL_PLATES */
	int64_t number; /* ms, times or an exception, as the verb has it */
};

enum fault_outcome {
	FAULT_E_VERB = 1,
	FAULT_E_PLATE,
	FAULT_E_NUMBER,
	FAULT_E_MORE, /* words too many */
};

/* For a grill of @n_plates. @line need not end in a NUL. */
int fault_command_parse(struct fault_command *ret, const char *line, size_t n,
			int n_plates);

/* What is wrong, for the answer. Static. */
const char *fault_complaint(int outcome);

/* The faults of one plate. { 0 }: none. */
struct faults {
	bool on[FAULTS_N];
	int64_t number[FAULTS_N]; /* 0 of a silent one: any number of times */
};

/* A command that is about no lasting fault changes nothing. */
void faults_apply(struct faults *faults, const struct fault_command *command);

/* What becomes of one request. */
struct fate {
	bool acts;
	bool answers;
	int exception; /* with answers; 0: none */
	int64_t slow_ms;
};

struct fate faults_read(struct faults *faults);
struct fate faults_write(struct faults *faults, bool is_start);

#endif
