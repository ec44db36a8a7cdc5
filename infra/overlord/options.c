/* SPDX-License-Identifier: MIT */
/*
 * Options: a verb takes an option when the text of its arguments names it, so
 * help and what is accepted cannot differ. Main thread, at start.
 */
#include "infra/overlord/options.h"

#include <inttypes.h>
#include <string.h>

#include "infra/lib/str.h"
#include "infra/overlord/out.h"

enum option_kind { OPTION_IS_FLAG, OPTION_IS_TEXT, OPTION_IS_NUMBER };

struct option {
	const char *name;
	enum option_kind kind;
	size_t at;
	int64_t min, max;
	const char *sentence;
};

/* clang-format off */
#define FIELD(field) offsetof(struct options, field)
#define OPTION_FLAG(field, name, sentence) \
	{ name, OPTION_IS_FLAG, FIELD(field), 0, 0, sentence },
#define OPTION_TEXT(field, name, sentence) \
	{ name, OPTION_IS_TEXT, FIELD(field), 0, 0, sentence },
#define OPTION_NUMBER(field, name, min, max, sentence) \
	{ name, OPTION_IS_NUMBER, FIELD(field), min, max, sentence },
/* clang-format on */
static const struct option rows[] = {
#include "infra/overlord/options.def"
};
#undef OPTION_FLAG
#undef OPTION_TEXT
#undef OPTION_NUMBER

enum { N_OPTIONS = sizeof(rows) / sizeof(rows[0]) };

/* The first rows, up to and with --who, belong to every verb. */
static bool common(const struct option *option)
{
	return option->at <= offsetof(struct options, who);
}

static bool named(const char *arguments, const struct option *option)
{
	size_t n = strlen(option->name);

	if (!arguments || common(option))
		return true;
	for (const char *p = arguments; (p = strstr(p, option->name)); p += n)
		if (!p[n] || strchr(" ]", p[n]))
			return true;
	return false;
}

static const struct option *find(const char *name, size_t n,
				 const char *arguments)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strlen(rows[i].name) == n &&
		    !memcmp(rows[i].name, name, n) &&
		    named(arguments, &rows[i]))
			return &rows[i];
	return NULL;
}

static int set(struct options *ret, const struct option *option,
	       const char *value)
{
	char *at = (char *)ret + option->at;
	bool flag = true;
	int64_t number;

	switch (option->kind) {
	case OPTION_IS_FLAG:
		memcpy(at, &flag, sizeof(flag));
		return 0;
	case OPTION_IS_TEXT:
		memcpy(at, &value, sizeof(value));
		return 0;
	case OPTION_IS_NUMBER:
		if (str_to_i64(&number, value, option->min, option->max)) {
			out_error("option '%s' is '%s', which is no whole "
				  "number from %" PRId64 " to %" PRId64,
				  option->name, value, option->min,
				  option->max);
			return OPTIONS_E_WRONG;
		}
		memcpy(at, &number, sizeof(number));
		return 0;
	}
	abort();
}

/* One option at @argv[*i], and its value, which may be the next. */
static int read_option(struct options *ret, int argc, char *const *argv, int *i,
		       const char *arguments)
{
	const char *arg = strcmp(argv[*i], "-h") ? argv[*i] : "--help";
	const char *value = strchr(arg, '=');
	size_t n = value ? (size_t)(value - arg) : strlen(arg);
	const struct option *option = find(arg, n, arguments);

	if (!option) {
		out_error("option '%.*s' is not one of this verb's", (int)n,
			  arg);
		return OPTIONS_E_WRONG;
	}
	if (option->kind == OPTION_IS_FLAG && value) {
		out_error("option '%s' takes no value", option->name);
		return OPTIONS_E_WRONG;
	}
	if (value)
		value++;
	else if (option->kind != OPTION_IS_FLAG)
		value = *i + 1 < argc ? argv[++*i] : NULL;
	if (option->kind != OPTION_IS_FLAG && (!value || !*value)) {
		out_error("option '%s' wants a value", option->name);
		return OPTIONS_E_WRONG;
	}
	return set(ret, option, value);
}

static void init(struct options *ret)
{
	int64_t none = -1;

	*ret = (struct options){ 0 };
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (rows[i].kind == OPTION_IS_NUMBER)
			memcpy((char *)ret + rows[i].at, &none, sizeof(none));
}

/* "-5" is a word, and so is "-". */
static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] && !strchr(".0123456789", arg[1]);
}

int options_read(struct options *ret, int argc, char *const *argv,
		 const char *arguments)
{
	struct options options;
	bool plain = false; /* after "--" */
	int r;

	init(&options);
	for (int i = 0; i < argc; i++) {
		if (!plain && !strcmp(argv[i], "--")) {
			plain = true;
		} else if (!plain && is_option(argv[i])) {
			r = read_option(&options, argc, argv, &i, arguments);
			if (r)
				return r;
		} else if (options.n_words < OPTION_WORDS_MAX) {
			options.words[options.n_words++] = argv[i];
		} else {
			out_error("argument '%s' is one too many", argv[i]);
			return OPTIONS_E_WRONG;
		}
	}
	if (options.execute && options.dry_run) {
		out_error("'--execute' and '--dry-run' exclude each other");
		return OPTIONS_E_WRONG;
	}
	*ret = options;
	return 0;
}

void options_help(const char *arguments, FILE *out)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (named(arguments, &rows[i]))
			(void)fprintf(out, "  %-16s %s\n", rows[i].name,
				      rows[i].sentence);
}
