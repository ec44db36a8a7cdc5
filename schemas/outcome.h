/* SPDX-License-Identifier: MIT */
/*
 * Outcome: why input was refused, as a choice and as a sentence.
 *
 * These are answers about the input, never faults of ours: the worker makes a
 * dead letter of them.
 */
#ifndef SCHEMAS_OUTCOME_H
#define SCHEMAS_OUTCOME_H

enum schema_outcome {
	SCHEMA_E_MALFORMED = 1,   /* no msgpack, or not within the bounds */
	SCHEMA_E_UNKNOWN_TYPE,    /* ce_type is missing or none of ours */
	SCHEMA_E_UNKNOWN_VERSION, /* schema-version is none of that type's */
	SCHEMA_E_CONTRACT,        /* a key or header is missing or wrong */
};

/* What and where, in printable ASCII: "items[2].quantity must be ...". */
struct schema_fault {
	char what[160];
};

/* "malformed", "unknown-type", "unknown-version", "contract". */
const char *schema_outcome_name(int outcome);

/* Returns @outcome. @fault may be NULL; bytes not printable become '?'. */
int schema_fail(struct schema_fault *fault, enum schema_outcome outcome,
		const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
