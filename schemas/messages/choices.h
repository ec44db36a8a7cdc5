/* SPDX-License-Identifier: MIT */
/*
 * Choices: what a message chooses from a few names (choices.def): how done a
 * toastie shall be, a verdict, where a toastie is, why stock changed.
 *
 * For each: x_name() gives the name; x_parse() finds it, or gives
 * SCHEMA_E_CONTRACT and leaves @ret as it was.
 */
#ifndef SCHEMAS_MESSAGES_CHOICES_H
#define SCHEMAS_MESSAGES_CHOICES_H

#include "infra/lib/text/text.h"
#include "schemas/outcome.h"

enum doneness {
#define DONENESS(id, ...) DONENESS_##id,
#include "schemas/messages/choices.def"
	N_DONENESS,
};

enum verdict {
#define VERDICT(id, ...) VERDICT_##id,
#include "schemas/messages/choices.def"
	N_VERDICTS,
};

enum toastie_state {
#define TOASTIE_STATE(id, ...) TOASTIE_##id,
#include "schemas/messages/choices.def"
	N_TOASTIE_STATES,
};

enum stock_change {
#define STOCK_CHANGE(id, ...) STOCK_CHANGE_##id,
#include "schemas/messages/choices.def"
	N_STOCK_CHANGES,
};

/* The names by value; an empty one is no name. */
struct choice {
	const struct text *names;
	size_t n;
};

extern const struct choice doneness_choice, verdict_choice,
	toastie_state_choice, stock_change_choice;

/* Which value has that name; SCHEMA_E_CONTRACT for none. */
int choice_parse(const struct choice *choice, size_t *ret, struct text name);

/* "must be light, medium, well-done or burnt", in @out, which is returned. */
enum { CHOICE_RULE_BYTES = 96 };
const char *choice_rule(const struct choice *choice,
			char out[static CHOICE_RULE_BYTES]);

#define CHOICE_FUNCTIONS(type)                                                 \
	static inline const char *type##_name(enum type value)                 \
	{                                                                      \
		return type##_choice.names[value].p;                           \
	}                                                                      \
	static inline int type##_parse(enum type *ret, struct text name)       \
	{                                                                      \
		size_t value;                                                  \
		int r = choice_parse(&type##_choice, &value, name);            \
                                                                               \
		if (!r)                                                        \
			*ret = (enum type)value;                               \
		return r;                                                      \
	}                                                                      \
	struct choice_needs_a_semicolon_##type

CHOICE_FUNCTIONS(doneness);
CHOICE_FUNCTIONS(verdict);
CHOICE_FUNCTIONS(toastie_state);
CHOICE_FUNCTIONS(stock_change);

#endif
