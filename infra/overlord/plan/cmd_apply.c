/* SPDX-License-Identifier: MIT */
/*
 * Apply: the verb of a saved plan, planned anew with the same operands and
 * options. plan_run() refuses it when the plan that comes out is another one.
 * Main thread.
 */
#include <stdlib.h>

#include "infra/overlord/plan/plan_file.h"
#include "infra/overlord/verb.h"

int cmd_apply(struct verb *verb)
{
	struct plan_file *file = verb->file;
	char **words;
	int n_words, r = plan_file_load(file, verb->options.operands[0]);

	if (r)
		return r;
	words = plan_file_words(file, &n_words);
	r = cli_apply(verb, plan_file_verb(file), n_words, words);
	for (int i = 0; i < n_words; i++)
		free(words[i]);
	free(words);
	return r;
}
