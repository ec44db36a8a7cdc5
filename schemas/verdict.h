/* SPDX-License-Identifier: MIT */
/*
 * Verdict: what was decided about an order, or about its cancellation.
 */
#ifndef SCHEMAS_VERDICT_H
#define SCHEMAS_VERDICT_H

#include "infra/lib/text.h"

enum verdict {
	VERDICT_NONE,      /* not decided; never on the writer */
	VERDICT_PICKED,    /* all ingredients taken */
	VERDICT_REFUSED,   /* something was missing, nothing taken */
	VERDICT_CANCELLED, /* a cancellation that was taken */
	VERDICT_KEPT,      /* a cancellation that was refused */
	N_VERDICTS,
};

/* For the fault when a name is none of them. */
#define VERDICT_RULE "must be picked, refused, cancelled or kept"

/* SCHEMA_E_CONTRACT, and @ret as it was, for a name that is none. */
int verdict_parse(enum verdict *ret, struct text name);

/* "picked", "refused", "cancelled", "kept"; "" for VERDICT_NONE. */
const char *verdict_name(enum verdict verdict);

#endif
