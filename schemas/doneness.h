/* SPDX-License-Identifier: MIT */
/*
 * Doneness: how long a toastie stays on the plate, by name.
 */
#ifndef SCHEMAS_DONENESS_H
#define SCHEMAS_DONENESS_H

#include "infra/lib/text.h"

enum doneness {
	DONENESS_LIGHT, /* what an order that says nothing gets */
	DONENESS_MEDIUM,
	DONENESS_WELL_DONE,
	DONENESS_BURNT,
	N_DONENESS,
};

/* For the fault when a name is none of them. */
#define DONENESS_RULE "must be light, medium, well-done or burnt"

/* SCHEMA_E_CONTRACT, and @ret as it was, for a name that is none. */
int doneness_parse(enum doneness *ret, struct text name);

/* "light", "medium", "well-done", "burnt". */
const char *doneness_name(enum doneness doneness);

#endif
