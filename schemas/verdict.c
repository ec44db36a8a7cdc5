/* SPDX-License-Identifier: MIT */
/*
 * Verdict: see verdict.h.
 */
#include "schemas/verdict.h"

#include "schemas/outcome.h"

static const struct text names[N_VERDICTS] = {
	[VERDICT_NONE] = TEXT_INIT(""),
	[VERDICT_PICKED] = TEXT_INIT("picked"),
	[VERDICT_REFUSED] = TEXT_INIT("refused"),
	[VERDICT_CANCELLED] = TEXT_INIT("cancelled"),
	[VERDICT_KEPT] = TEXT_INIT("kept"),
};

int verdict_parse(enum verdict *ret, struct text name)
{
	size_t i;

	if (text_index(&i, names, N_VERDICTS, name) || i == VERDICT_NONE)
		return SCHEMA_E_CONTRACT;
	*ret = (enum verdict)i;
	return 0;
}

const char *verdict_name(enum verdict verdict)
{
	return names[verdict].p;
}
