/* SPDX-License-Identifier: MIT */
/*
 * Completion: the script by which bash completes overlord's command line.
 *
 * It is made of the rows of overlord.def and options.def, so that it knows what
 * this overlord accepts. What the arguments of a verb call SERVICE or COLOUR
 * has known words; of others the script asks no server, and has none. Main
 * thread.
 */
#include <stdio.h>
#include <string.h>

#include "infra/overlord/verb.h"
#include "schemas/messages/choices.h"

static const struct {
	const char *name, *arguments;
} verbs[] = {
#define VERB(name, function, arguments, ...) { name, arguments },
#include "infra/overlord/overlord.def"
#undef VERB
};

enum { N_VERBS = sizeof(verbs) / sizeof(verbs[0]) };

/* ---- words of a kind ---- */

/* Is @name among the writers of a topic of dead letters before @n_topics? */
static bool named_before(const char *name, size_t n_topics)
{
	for (size_t i = 0; i < n_topics; i++)
		for (const char *const *writer = topic_table[i].writers;
		     topic_table[i].kind == TOPIC_COPY && *writer; writer++)
			if (!strcmp(*writer, name))
				return true;
	return false;
}

/* A service has dead letters; so those who write them are the services. */
static void put_services(void)
{
	for (size_t i = 0; i < N_TOPICS; i++)
		for (const char *const *writer = topic_table[i].writers;
		     topic_table[i].kind == TOPIC_COPY && *writer; writer++)
			if (!named_before(*writer, i))
				(void)printf(" %s", *writer);
}

static void put_topics(void)
{
	for (size_t i = 0; i < N_TOPICS; i++)
		(void)printf(" %s", topic_table[i].name);
}

/* Also those of a row that no fact has, and of a listing. */
static void put_states(void)
{
	for (size_t i = 0; i < toastie_state_choice.n; i++)
		if (toastie_state_choice.names[i].n)
			(void)printf(" %s", toastie_state_choice.names[i].p);
	(void)printf(" collecting cancelled parked all");
}

static void put_sets(void)
{
	(void)printf(" control service");
}

static void put_colours(void)
{
	(void)printf(" blue green");
}

static void put_kinds(void)
{
	static const struct {
		const char *name;
		void (*put)(void);
	} kinds[] = {
		{ "SERVICE", put_services }, { "COLOUR", put_colours },
		{ "TOPIC", put_topics },     { "STATE", put_states },
		{ "SET", put_sets },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		(void)printf("\t%s) words='", kinds[i].name);
		kinds[i].put();
		(void)printf("' ;;\n");
	}
}

/* ---- the script ---- */

/* The names of the operands; they stand before the options. */
static int n_operand_chars(const char *arguments)
{
	size_t n = 0;

	while (arguments[n] && !strchr("-[", arguments[n])) {
		n += strcspn(arguments + n, " ");
		n += strspn(arguments + n, " ");
	}
	return (int)n;
}

static void put_verbs(void)
{
	struct option_text option;

	for (size_t i = 0; i < N_VERBS; i++) {
		const char *arguments = verbs[i].arguments;
		size_t at = 0;

		(void)printf("\t'%s')\n\t\toperands='%.*s'\n\t\toptions='",
			     verbs[i].name, n_operand_chars(arguments),
			     arguments);
		while (options_next(&option, &at, arguments))
			(void)printf(" %s=%s", option.name, option.kind);
		(void)printf("'\n\t\t;;\n");
	}
}

static const char head[] =
	"# Completes overlord's command line in bash; overlord completion bash "
	"made it.\n"
	"\n"
	"# Sets operands and options of the verb $1; false when there is "
	"none.\n"
	"_overlord_verb()\n"
	"{\n"
	"\tcase $1 in\n";

static const char middle[] =
	"\t*) return 1 ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"# Sets COMPREPLY to what the word $2 may become, as it is of kind "
	"$1.\n"
	"_overlord_kind()\n"
	"{\n"
	"\tlocal words=''\n"
	"\tcase $1 in\n"
	"\tDIR) mapfile -t COMPREPLY < <(compgen -d -- \"$2\") ;;\n"
	"\tFILE) mapfile -t COMPREPLY < <(compgen -f -- \"$2\") ;;\n";

static const char verbs_begin[] =
	"\t*'|'*) words=${1//'|'/ } ;;\n"
	"\t[[:lower:]]*) words=$1 ;;\n"
	"\tesac\n"
	"\tif [[ $1 == DIR || $1 == FILE ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null || :\n"
	"\telse\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$2\")\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_overlord_verbs='";

static const char tail[] =
	"'\n"
	"\n"
	"_overlord()\n"
	"{\n"
	"\tlocal current=${COMP_WORDS[COMP_CWORD]} word option verb='' "
	"kind=''\n"
	"\tlocal operands='' options='' known='' names='' n=0\n"
	"\tCOMPREPLY=()\n"
	"\t# Bash makes three words of --name=value.\n"
	"\t[[ $current != '=' ]] || current=''\n"
	"\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	"\t\tif [[ $word == '=' ]]; then\n"
	"\t\t\tcontinue\n"
	"\t\telif [[ $kind ]]; then\n"
	"\t\t\tkind=''\n"
	"\t\telif [[ $word == -* ]]; then\n"
	"\t\t\tfor option in ${options:-'--run=DIR'}; do\n"
	"\t\t\t\t[[ ${option%%=*} != \"$word\" ]] || kind=${option#*=}\n"
	"\t\t\tdone\n"
	"\t\telif [[ $known ]]; then\n"
	"\t\t\tn=$((n + 1))\n"
	"\t\telif [[ $verb || $word != help ]]; then\n"
	"\t\t\tverb=${verb:+$verb }$word\n"
	"\t\t\t! _overlord_verb \"$verb\" || known=yes\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tif [[ $kind ]]; then\n"
	"\t\t_overlord_kind \"$kind\" \"$current\"\n"
	"\telif [[ $current == -* ]]; then\n"
	"\t\tfor option in ${options:-'--run= --help= --version='}; do\n"
	"\t\t\tnames+=\" ${option%%=*}\"\n"
	"\t\tdone\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$current\")\n"
	"\telif [[ $known ]]; then\n"
	"\t\tread -ra operands <<<\"$operands\"\n"
	"\t\t_overlord_kind \"${operands[n]-}\" \"$current\"\n"
	"\telse\n"
	"\t\twhile read -r word; do\n"
	"\t\t\t[[ -z $verb || $word == \"$verb \"* ]] || continue\n"
	"\t\t\tword=${word#\"$verb\"}\n"
	"\t\t\tread -r word _ <<<\"$word\"\n"
	"\t\t\t[[ \" $names \" == *\" $word \"* ]] || names+=\" $word\"\n"
	"\t\tdone <<<\"$_overlord_verbs\"\n"
	"\t\t[[ $verb ]] || names+=' help'\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$current\")\n"
	"\tfi\n"
	"}\n"
	"complete -F _overlord overlord\n";

int cmd_completion(struct verb *verb)
{
	if (strcmp(verb->options.operands[0], "bash") != 0)
		return verb_usage(verb, "'%.100s' is no shell that is known",
				  verb->options.operands[0]);
	(void)fputs(head, stdout);
	put_verbs();
	(void)fputs(middle, stdout);
	put_kinds();
	(void)fputs(verbs_begin, stdout);
	for (size_t i = 0; i < N_VERBS; i++)
		(void)printf("%s%s", i ? "\n" : "", verbs[i].name);
	(void)fputs(tail, stdout);
	return 0;
}
