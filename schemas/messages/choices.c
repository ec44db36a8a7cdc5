/* SPDX-License-Identifier: MIT */
/* Choices: the tables of names, from choices.def. */
#include "schemas/messages/choices.h"

#include "infra/lib/text/str.h"

#define NAMES(type)                                                            \
	{                                                                      \
		type##_names, sizeof(type##_names) / sizeof(struct text)       \
	}

static const struct text doneness_names[] = {
#define DONENESS(id, name, ...) [DONENESS_##id] = TEXT_INIT(name),
#include "schemas/messages/choices.def"
};

static const struct text verdict_names[] = {
#define VERDICT(id, name, ...) [VERDICT_##id] = TEXT_INIT(name),
#include "schemas/messages/choices.def"
};

static const struct text toastie_state_names[] = {
#define TOASTIE_STATE(id, name, ...) [TOASTIE_##id] = TEXT_INIT(name),
#include "schemas/messages/choices.def"
};

static const struct text stock_change_names[] = {
#define STOCK_CHANGE(id, name, ...) [STOCK_CHANGE_##id] = TEXT_INIT(name),
#include "schemas/messages/choices.def"
};

const struct choice doneness_choice = NAMES(doneness),
		    verdict_choice = NAMES(verdict),
		    toastie_state_choice = NAMES(toastie_state),
		    stock_change_choice = NAMES(stock_change);

int choice_parse(const struct choice *choice, size_t *ret, struct text name)
{
	if (name.n == 0 || text_index(ret, choice->names, choice->n, name))
		return SCHEMA_E_CONTRACT;
	return 0;
}

const char *choice_rule(const struct choice *choice,
			char out[static CHOICE_RULE_BYTES])
{
	struct str rule = { .p = out, .size = CHOICE_RULE_BYTES };
	const struct text *end = choice->names + choice->n;
	const char *before = "must be ";

	for (const struct text *name = choice->names; name < end; name++) {
		if (name->n == 0)
			continue;
		str_add_text(&rule, before);
		str_add(&rule, name->p, name->n);
		before = name + 2 < end ? ", " : " or ";
	}
	return out;
}
