/* SPDX-License-Identifier: MIT */
/*
 * Faults: the words that make the grill misbehave, and what one plate's
 * misbehaviour means for a request. Pure.
 *
 * README.md lists the words. `plate 3 slow 500` and `slow 3 500` are the
 * same; `all` in place of a plate means each of them.
 */
#ifndef GRILLSIM_FAULTS_H
#define GRILLSIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum order_verb {
	ORDER_OK,
	ORDER_SLOW,
	ORDER_LONG,
	ORDER_EXCEPTION,
	ORDER_SILENT,
	ORDER_SILENT_BEFORE_START,
	ORDER_SILENT_AFTER_START,
	ORDER_NO_FENCE,
	ORDER_BROKEN,
	ORDER_RESET,
	ORDER_SHOW,
	ORDER_POWER_CUT,
	ORDER_DOWN,
};

enum { ORDER_ALL_PLATES = -1, ORDER_LINE_MAX = 256 };

/* What a person or a test tells the grill. */
struct order {
	enum order_verb verb;
	int plate;      /* or ORDER_ALL_PLATES */
	int64_t number; /* ms, times or an exception, as the verb has it */
};

enum faults_outcome {
	FAULTS_E_VERB = 1,
	FAULTS_E_PLATE,
	FAULTS_E_NUMBER,
	FAULTS_E_MORE, /* words that nobody asked for */
};

/* For a grill of @n_plates. @line need not end in a NUL. */
int order_parse(struct order *ret, const char *line, size_t n, int n_plates);

/* What is wrong, for the answer. Static. */
const char *order_complaint(int outcome);

/* Something that happens a number of times, or until it is told to stop. */
struct spell {
	bool on;
	int64_t left; /* 0: until told */
};

struct fault {
	int64_t slow_ms;
	int64_t long_ms;
	int exception; /* 0: none */
	struct spell silent;
	struct spell silent_before_start;
	struct spell silent_after_start;
};

/* Takes those orders that are about faults; the others change nothing. */
void fault_set(struct fault *fault, const struct order *order);

/* What becomes of one request. */
struct fate {
	bool acts;
	bool answers;
	int exception; /* with answers; 0: none */
	int64_t slow_ms;
};

struct fate fault_read(struct fault *fault);
struct fate fault_write(struct fault *fault, bool is_start);

#endif
