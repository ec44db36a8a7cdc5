/* SPDX-License-Identifier: MIT */
/* Command: what the verbs share; see command.h. Main thread. */
#include "infra/overlord/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/str.h"
#include "infra/overlord/out.h"

#define FIRST_ANSWER_MS INT64_C(4000)

int64_t command_first_ms(const struct command *command)
{
	return command->conf.timeout_ms < FIRST_ANSWER_MS
		       ? command->conf.timeout_ms
		       : FIRST_ANSWER_MS;
}

int command_connect(struct pg **ret, const struct command *command)
{
	char application[64];
	char error[256] = "";
	struct pg_params params = {
		.url = command->conf.database_url,
		.schema = command->schema,
		.application_name = application,
		.timeout_ms = command_first_ms(command),
	};
	int r;

	(void)snprintf(application, sizeof(application), "overlord %.30s %.20s",
		       command->words, command->who);
	r = pg_connect(ret, &params, error);
	switch (r) {
	case 0:
		return 0;
	case PG_E_LOST:
	case PG_E_SQL:
		out_error("no session with Postgres: %s", error);
		out_hint("DATABASE_URL says where it is; --run takes it from a "
			 "make run's folder");
		return COMMAND_E_FAILED;
	default:
		return r;
	}
}

static void say_hint(const char *sqlstate)
{
	static const struct {
		const char *sqlstate, *hint;
	} hints[] = {
		{ "42P01", "overlord migrate up --execute makes the tables; if "
			   "they are there, the role of DATABASE_URL may not "
			   "see them" },
		{ "42703", "overlord migrate up --execute makes the columns" },
		{ "3F000", "overlord migrate up --execute makes the tables" },
		{ "42883",
		  "overlord migrate up --execute makes the functions" },
		{ "42501", "the role of DATABASE_URL may not do this" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (!strcmp(sqlstate, hints[i].sqlstate))
			out_hint("%s", hints[i].hint);
}

int command_pg_failed(struct pg *pg, int r, const char *what)
{
	switch (r) {
	case PG_E_LOST:
		out_error("%s: the session with Postgres was lost: %s", what,
			  pg_message(pg));
		out_hint("DATABASE_URL says where it is, OVERLORD_TIMEOUT_MS "
			 "how long it may take to answer");
		return COMMAND_E_FAILED;
	case PG_E_SQL:
		out_error("%s: %s (%s)", what, pg_message(pg), pg_sqlstate(pg));
		say_hint(pg_sqlstate(pg));
		return COMMAND_E_FAILED;
	default:
		return r;
	}
}

int command_run(const struct command *command, struct pg *pg, const char *what)
{
	int r = pg_run(pg, command->conf.timeout_ms);

	return r ? command_pg_failed(pg, r, what) : 0;
}

int command_usage(const struct command *command, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	out_error("%s", text);
	out_hint("usage: overlord %s %s", command->words, command->arguments);
	return COMMAND_E_USAGE;
}

bool command_plain_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < 64 && !strchr("0123456789", name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

bool command_right_text(struct text text, size_t max_chars)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return false;
	return text.n && text_is_clean(text) &&
	       !text_is_longer(text, max_chars);
}

int command_topic(const struct command *command, const char *topic,
		  char ret[COMMAND_TOPIC_MAX])
{
	size_t n_topic = strlen(topic), n_suffix = strlen(command->suffix);

	if (n_topic + n_suffix >= COMMAND_TOPIC_MAX)
		return command_usage(command, "suffix '%s' is too long",
				     command->suffix);
	(void)str_copy(ret, COMMAND_TOPIC_MAX, topic);
	(void)str_copy(ret + n_topic, COMMAND_TOPIC_MAX - n_topic,
		       command->suffix);
	return 0;
}
