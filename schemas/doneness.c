/* SPDX-License-Identifier: MIT */
/*
 * Doneness: see doneness.h.
 */
#include "schemas/doneness.h"

#include "schemas/outcome.h"

static const struct text names[N_DONENESS] = {
	[DONENESS_LIGHT] = TEXT_INIT("light"),
	[DONENESS_MEDIUM] = TEXT_INIT("medium"),
	[DONENESS_WELL_DONE] = TEXT_INIT("well-done"),
	[DONENESS_BURNT] = TEXT_INIT("burnt"),
};

int doneness_parse(enum doneness *ret, struct text name)
{
	size_t i;

	if (text_index(&i, names, N_DONENESS, name))
		return SCHEMA_E_CONTRACT;
	*ret = (enum doneness)i;
	return 0;
}

const char *doneness_name(enum doneness doneness)
{
	return names[doneness].p;
}
