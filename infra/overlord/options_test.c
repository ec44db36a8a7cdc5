/* SPDX-License-Identifier: MIT */
/* Options: what a verb takes is what its arguments name, and no more. */
#include <string.h>

#include "infra/lib/check_fixture.h"
#include "infra/overlord/options.h"

#define ARGUMENTS "NAME --to N [--topic TOPIC] [--execute] [--dry-run]"

static const struct {
	const char *argv[6];
	int outcome;
	size_t n_words;
	bool execute;
	int64_t to;
	const char *topic;
} rows[] = {
	{ { NULL }, 0, 0, false, -1, NULL },
	{ { "left" }, 0, 1, false, -1, NULL },
	{ { "--to", "3", "left" }, 0, 1, false, 3, NULL },
	{ { "left", "--to=3", "--execute" }, 0, 1, true, 3, NULL },
	{ { "--topic", "orders", "--", "--to" }, 0, 1, false, -1, "orders" },
	{ { "--to" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "--to", "many" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "--to", "-1" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "--topic=" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "--execute=yes" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "--execute", "--dry-run" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "--plates", "3" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "--t", "3" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "left", "-5", "-" }, 0, 3, false, -1, NULL },
	{ { "-x" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
	{ { "a", "b", "c", "d", "e" }, OPTIONS_E_WRONG, 0, false, 0, NULL },
};

START_TEST(arguments_are_read_as_the_verb_names_them)
	{
		struct options options = { .to = 77 };
		char *argv[6];
		int argc = 0, r;

		for (; argc < 6 && rows[_i].argv[argc]; argc++)
			argv[argc] = strdup(rows[_i].argv[argc]);
		r = options_read(&options, argc, argv, ARGUMENTS);
		ck_assert_int_eq(r, rows[_i].outcome);
		if (r) {
			ck_assert_int_eq(options.to, 77);
		} else {
			ck_assert_uint_eq(options.n_words, rows[_i].n_words);
			ck_assert_int_eq(options.execute, rows[_i].execute);
			ck_assert_int_eq(options.to, rows[_i].to);
			ck_assert_pstr_eq(options.topic, rows[_i].topic);
		}
		while (argc > 0)
			free(argv[--argc]);
	}
END_TEST

START_TEST(every_verb_takes_json_and_who)
	{
		char json[] = "--json", who[] = "--who=gita";
		char *const argv[] = { json, who };
		struct options options;

		ck_assert_int_eq(options_read(&options, 2, argv, ""), 0);
		ck_assert(options.json);
		ck_assert_str_eq(options.who, "gita");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = check_case(suite, 20);

	tcase_add_loop_test(tcase, arguments_are_read_as_the_verb_names_them, 0,
			    CHECK_N(rows));
	tcase_add_test(tcase, every_verb_takes_json_and_who);
	return check_run(suite);
}
