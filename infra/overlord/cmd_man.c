/* SPDX-License-Identifier: MIT */
/*
 * Man: the manual page, in the macros of man(7), made of the rows of
 * overlord.def, options.def and conf.def. Main thread.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/verb.h"

static const struct {
	const char *name, *arguments, *sentence;
} verbs[] = {
#define VERB(name, function, ...) { name, __VA_ARGS__ },
#include "infra/overlord/overlord.def"
#undef VERB
};

/* Of all verbs, one behind the other. */
static const char all_arguments[] = ""
#define VERB(name, function, arguments, sentence) " " arguments
#include "infra/overlord/overlord.def"
#undef VERB
	;

static const struct {
	const char *name, *fallback, *sentence;
} settings[] = {
#define CONF_TEXT(field, name, fallback, sentence) { name, fallback, sentence },
#define CONF_NUMBER(field, name, fallback, min, max, sentence)                 \
	{ name, #fallback, sentence },
#include "infra/overlord/conf.def"
#undef CONF_TEXT
#undef CONF_NUMBER
};

/* What roff would read as its own, or print as another character. */
static void put(const char *text)
{
	static const struct {
		char c;
		const char *as;
	} escapes[] = {
		{ '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" },
		{ '"', "\\(dq" }, { '~', "\\(ti" }, { '^', "\\(ha" },
		{ '`', "\\(ga" }, { '.', "\\&." },
	};

	for (; *text; text++) {
		const char *as = NULL;

		/* An option stays in one piece. */
		if (text[0] == '-' && text[1] == '-')
			(void)fputs("\\%", stdout);
		for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]);
		     i++)
			if (escapes[i].c == *text)
				as = escapes[i].as;
		if (as)
			(void)fputs(as, stdout);
		else
			(void)putchar(*text);
	}
}

/* A paragraph under the name @name, and @more of it in plain letters. */
static void put_item(const char *name, const char *more)
{
	(void)printf(".TP\n\\fB");
	put(name);
	(void)printf("\\fR");
	if (*more)
		(void)putchar(' ');
	put(more);
	(void)putchar('\n');
}

/* With a capital and a full stop. */
static void put_sentence(const char *sentence)
{
	char first[] = { (char)toupper((unsigned char)sentence[0]), '\0' };

	put(first);
	put(sentence + 1);
}

static void put_verbs(void)
{
	(void)puts(".SH VERBS");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		put_item(verbs[i].name, verbs[i].arguments);
		put_sentence(verbs[i].sentence);
		(void)puts(".");
	}
}

static void put_options(void)
{
	struct option_text option;
	size_t at = 0;

	(void)puts(".SH OPTIONS\n"
		   "They come after the verb, each written out in full. Every "
		   "verb has the first ones, those that its arguments name, "
		   "and\n.B \\-\\-plan\nif it has\n.BR \\%\\-\\-execute .");
	while (options_next(&option, &at, all_arguments)) {
		put_item(option.name, option.kind);
		put_sentence(option.sentence);
		(void)puts(".");
	}
}

static void put_settings(void)
{
	(void)puts(".SH ENVIRONMENT");
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		put_item(settings[i].name, "");
		put_sentence(settings[i].sentence);
		if (*settings[i].fallback) {
			(void)printf(" (default: ");
			put(settings[i].fallback);
			(void)putchar(')');
		}
		(void)puts(".");
	}
}

static const char head[] =
	".SH NAME\n"
	"overlord \\- operate Toasties Galore\n"
	".SH SYNOPSIS\n"
	".B overlord\n"
	".RI [ \\fB\\-\\-run\\fR \" DIR\" ]\n"
	".I VERB\n"
	".RI [ ARGUMENT ]...\n"
	".br\n"
	".B overlord help\n"
	".RI [ VERB ]\n"
	".SH DESCRIPTION\n"
	"A verb that writes shows a plan, what is now and what will be, and "
	"changes nothing until\n"
	".BR \\%\\-\\-execute .\n"
	"Then each step is CONFIRMED, UNCHANGED (it was so already), FAILED "
	"(nothing of it stayed), UNKNOWN (nobody knows) or NOT_ATTEMPTED.\n"
	"Each leaves a row in control\\&.audit.\n"
	"With\n"
	".B \\-\\-plan\n"
	"the plan is saved, and\n"
	".B overlord apply\n"
	"does it later, unless it is stale.\n"
	".PP\n"
	"Answers go to the standard output, as a table or (\\c\n"
	".BR \\-\\-json )\n"
	"as JSON; errors, hints and remarks go to the standard error.\n";

static const char tail[] = ".SH EXIT STATUS\n"
			   ".TP\n"
			   ".B 0\n"
			   "It is done.\n"
			   ".TP\n"
			   ".B 1\n"
			   "It failed, or is not known to have worked.\n"
			   ".TP\n"
			   ".B 2\n"
			   "It was used wrongly.\n"
			   ".SH EXAMPLES\n"
			   "Show what would be done, then do it:\n"
			   ".PP\n"
			   ".nf\n"
			   ".RS\n"
			   "overlord grill disable left\n"
			   "overlord grill disable left \\-\\-execute\n"
			   ".RE\n"
			   ".fi\n"
			   ".PP\n"
			   "Let a second person do it:\n"
			   ".PP\n"
			   ".nf\n"
			   ".RS\n"
			   "overlord grill disable left \\-\\-plan plan.json\n"
			   "overlord apply plan.json \\-\\-execute\n"
			   ".RE\n"
			   ".fi\n";

int cmd_man(struct verb *verb)
{
	(void)verb;
	(void)printf(".\\\" Made by overlord man.\n"
		     ".TH OVERLORD 1 \"\" \"overlord ");
	put(version_of_build);
	(void)puts("\" \"Toasties Galore\"");
	(void)fputs(head, stdout);
	put_verbs();
	put_options();
	put_settings();
	(void)fputs(tail, stdout);
	return 0;
}
