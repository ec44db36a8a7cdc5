/* SPDX-License-Identifier: MIT */
/*
 * Command: what a verb gets, and what all verbs share.
 *
 * A verb's function says on stderr why it failed; main() only turns what it
 * returns into the exit status.
 */
#ifndef OVERLORD_COMMAND_H
#define OVERLORD_COMMAND_H

#include <stdbool.h>

#include "infra/lib/pg.h"
#include "infra/lib/text.h"
#include "infra/overlord/conf.h"
#include "infra/overlord/options.h"

enum command_outcome {
	COMMAND_E_FAILED = 1,
	COMMAND_E_USAGE = 2,
};

struct command {
	const char *words;     /* the verb, "grill set" */
	const char *arguments; /* of its row */
	struct conf conf;
	struct options options;
	const char *who;
	const char *schema;
	const char *suffix;
};

#define VERB(words, function, ...) int cmd_##function(struct command *command);
#include "infra/overlord/overlord.def"
#undef VERB

/* For a first answer: a server that is away is soon known to be. */
int64_t command_first_ms(const struct command *command);

/* COMMAND_E_FAILED: no session; it has been said. */
int command_connect(struct pg **ret, const struct command *command);
/*
 * Runs what was added to the session, for as long as a server may take. Says
 * why it failed, after @what.
 */
int command_run(const struct command *command, struct pg *pg, const char *what);
/* Says what the last pg call met; COMMAND_E_FAILED. Faults pass unchanged. */
int command_pg_failed(struct pg *pg, int r, const char *what);
/* Says it, with the verb's usage; COMMAND_E_USAGE. */
int command_usage(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Lower case letters, digits and underscores: safe in SQL without quotes. */
bool command_plain_name(const char *name);

/* What a person may call something, and a record may carry: UTF-8 of 1 to
 * @max_chars characters, without control characters. */
bool command_right_text(struct text text, size_t max_chars);

enum { COMMAND_TOPIC_MAX = 250 };

/* @topic with the suffix. COMMAND_E_USAGE: together they are too long. */
int command_topic(const struct command *command, const char *topic,
		  char ret[COMMAND_TOPIC_MAX]);

#endif
