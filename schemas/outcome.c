/* SPDX-License-Identifier: MIT */
/*
 * A fault's sentence may quote input, and goes into
 * headers, rows and logs: it is printable ASCII whatever came in.
 */
#include "schemas/outcome.h"

#include <stdarg.h>
#include <stdio.h>

const char *schema_outcome_name(int outcome)
{
	switch (outcome) {
	case SCHEMA_E_MALFORMED:
		return "malformed";
	case SCHEMA_E_UNKNOWN_TYPE:
		return "unknown-type";
	case SCHEMA_E_UNKNOWN_VERSION:
		return "unknown-version";
	case SCHEMA_E_CONTRACT:
		return "contract";
	default:
		return "";
	}
}

int schema_fail(struct schema_fault *fault, enum schema_outcome outcome,
		const char *format, ...)
{
	va_list args;

	if (!fault)
		return (int)outcome;
	va_start(args, format);
	(void)vsnprintf(fault->what, sizeof(fault->what), format, args);
	va_end(args);
	for (char *p = fault->what; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	return (int)outcome;
}
