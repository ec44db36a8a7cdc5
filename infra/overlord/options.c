/* SPDX-License-Identifier: MIT */
/*
 * Options: by getopt_long(). A verb has an option when the text of its
 * arguments names it, so help and what is accepted cannot differ. Main thread,
 * at start.
 */
#include "infra/overlord/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "infra/lib/text/str.h"
#include "infra/overlord/out.h"

struct row {
	const char *name;
	enum { FLAG, TEXT_VALUE, NUMBER } kind;
	size_t at; /* in struct options */
	int64_t fallback, min, max;
	const char *sentence;
};

/* clang-format off */
#define OPTION_FLAG(field, name, sentence) \
	{ name, FLAG, offsetof(struct options, field), 0, 0, 0, sentence },
#define OPTION_TEXT(field, name, sentence) \
	{ name, TEXT_VALUE, offsetof(struct options, field), 0, 0, 0, sentence },
#define OPTION_NUMBER(field, name, fallback, min, max, sentence) \
	{ name, NUMBER, offsetof(struct options, field), fallback, min, max, \
	  sentence },
/* clang-format on */
static const struct row rows[] = {
#include "infra/overlord/options.def"
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

/* What getopt_long() gives for the first row; -h is 'h'. */
enum { FIRST_CODE = 256 };

bool options_named(const char *arguments, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = arguments; (p = strstr(p, name)); p += n)
		if (!p[n] || strchr(" ]|", p[n]))
			return true;
	return false;
}

/* The first rows, up to and with --who, belong to every verb. */
static bool named(const char *arguments, const struct row *row)
{
	if (row->at <= offsetof(struct options, who))
		return true;
	return options_named(arguments,
			     row->at == offsetof(struct options, plan)
				     ? "--execute"
				     : row->name);
}

static void to_getopt(struct option ret[N_ROWS + 1], const char *arguments)
{
	size_t n = 0;

	for (int i = 0; i < N_ROWS; i++)
		if (named(arguments, &rows[i]))
			ret[n++] = (struct option){
				.name = rows[i].name + strlen("--"),
				.has_arg = rows[i].kind == FLAG
						   ? no_argument
						   : required_argument,
				.val = FIRST_CODE + i,
			};
	ret[n] = (struct option){ 0 };
}

static bool set(struct options *ret, const struct row *row, const char *value)
{
	char *at = (char *)ret + row->at;

	if (row->kind == FLAG) {
		*(bool *)(void *)at = true;
		return true;
	}
	if (!value || !*value) {
		out_say("option '%s' wants a value", row->name);
		return false;
	}
	if (row->kind == TEXT_VALUE) {
		memcpy(at, &value, sizeof(value));
		return true;
	}
	if (!str_to_i64((int64_t *)(void *)at, value, row->min, row->max))
		return true;
	out_say("option '%s' is '%s', which is no whole number from %" PRId64
		" to %" PRId64,
		row->name, value, row->min, row->max);
	return false;
}

/* What getopt_long() made of @arg: an option's code, or what was wrong. */
static bool read_option(struct options *ret, int code, const char *arg)
{
	bool wrong = code == '?' || code == ':';
	const struct row *row;
	int n = (int)strcspn(arg, "=");

	if (wrong)
		code = optopt;
	if (code == 'h' && !strcmp(arg, "-h")) {
		ret->help = true;
		return true;
	}
	row = code >= FIRST_CODE ? &rows[code - FIRST_CODE] : NULL;
	/* getopt_long() accepts the beginning of a name, too. */
	if (!row || strlen(row->name) != (size_t)n) {
		out_say("option '%.*s' is not one of this verb's", n, arg);
		return false;
	}
	if (wrong && row->kind == FLAG) {
		out_say("option '%s' takes no value", row->name);
		return false;
	}
	return set(ret, row, wrong ? NULL : optarg);
}

/* "-5" is an operand, and so is "-". */
static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] && !strchr(".0123456789", arg[1]);
}

static bool add_operand(struct options *ret, const char *operand)
{
	if (ret->n_operands < OPERANDS_MAX) {
		ret->operands[ret->n_operands++] = operand;
		return true;
	}
	out_say("argument '%s' is one too many", operand);
	return false;
}

static void init(struct options *ret)
{
	*ret = (struct options){ 0 };
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].kind == NUMBER)
			*(int64_t *)(void *)((char *)ret + rows[i].at) =
				rows[i].fallback;
}

bool options_read(struct options *ret, int argc, char *const *argv,
		  const char *arguments)
{
	struct option named_rows[N_ROWS + 1];
	bool plain = false; /* after "--" */
	bool good = true;

	init(ret);
	to_getopt(named_rows, arguments);
	opterr = 0;
	optind = 0; /* in glibc it begins anew then */
	(void)getopt_long(1, argv, "+:h", named_rows, NULL);
	for (int at = 1; good && at < argc; at = optind) {
		int code;

		optind = at + 1;
		if (plain || !is_option(argv[at])) {
			good = add_operand(ret, argv[at]);
			continue;
		}
		optind = at;
		code = getopt_long(argc, argv, "+:h", named_rows, NULL);
		if (code == -1)
			plain = true;
		else
			good = read_option(ret, code, argv[at]);
	}
	if (good && ret->execute && (ret->dry_run || ret->plan)) {
		out_say("'--execute' and '%s' exclude each other",
			ret->dry_run ? "--dry-run" : "--plan");
		return false;
	}
	return good;
}

void options_given(const struct options *options, option_fn fn, void *arg)
{
	char number[TEXT_I64_BYTES];

	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *row = &rows[i];
		const void *at = (const char *)options + row->at;

		if (row->at <= offsetof(struct options, plan))
			continue;
		if (row->kind == FLAG && *(const bool *)at)
			fn(arg, row->name, NULL);
		if (row->kind == TEXT_VALUE && *(const char *const *)at)
			fn(arg, row->name, *(const char *const *)at);
		if (row->kind == NUMBER &&
		    *(const int64_t *)at != row->fallback) {
			(void)snprintf(number, sizeof(number), "%" PRId64,
				       *(const int64_t *)at);
			fn(arg, row->name, number);
		}
	}
}

/* Of the value that stands behind "--name" in @arguments: "N" in "[--to N]" and
 * in "--to N|--set SET", "on|off" in "--set on|off". */
static bool read_kind(char ret[32], const char *arguments, const char *name)
{
	size_t n = strlen(name), n_kind;
	const char *other;

	for (const char *p = arguments; (p = strstr(p, name)); p += n) {
		if (p[n] != ' ')
			continue;
		p += n + 1;
		n_kind = strcspn(p, " ]");
		other = strstr(p, "|--");
		if (other && other < p + n_kind)
			n_kind = (size_t)(other - p);
		return str_n_copy(ret, 32, p, n_kind);
	}
	return false;
}

bool options_next(struct option_text *ret, size_t *at, const char *arguments)
{
	static const char every[] = "--run DIR --who NAME --plan FILE";

	while (*at < N_ROWS && !named(arguments, &rows[*at]))
		++*at;
	if (*at >= N_ROWS)
		return false;
	ret->name = rows[*at].name;
	ret->sentence = rows[*at].sentence;
	ret->kind[0] = '\0';
	if (rows[*at].kind != FLAG && !read_kind(ret->kind, every, ret->name) &&
	    !read_kind(ret->kind, arguments, ret->name))
		(void)str_copy(ret->kind, sizeof(ret->kind), "VALUE");
	++*at;
	return true;
}

void options_help(const char *arguments, FILE *out)
{
	struct option_text option;
	size_t at = 0;

	while (options_next(&option, &at, arguments))
		(void)fprintf(out, "  %-16s %s\n", option.name,
			      option.sentence);
}
