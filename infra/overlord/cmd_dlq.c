/* SPDX-License-Identifier: MIT */
/*
 * Dlq: records that could not be acted on, from the table dead_letters; their
 * bytes stand on <topic>.dlq and at their place on the topic. Main thread.
 */
#include <inttypes.h>
#include <string.h>

#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "schemas/topics.h"

#define LIMIT 100

/* -> at, service, topic, partition, offset, reason, detail, event_id */
static const struct pg_statement dead_letters_list = {
	.name = "dead_letters_list",
	.sql = "SELECT at, service, topic, partition, \"offset\", reason, "
	       "detail, event_id FROM dead_letters "
	       "WHERE $1::text IS NULL OR topic = $1 "
	       "ORDER BY at DESC, topic, partition, \"offset\" DESC LIMIT $2",
	.n_args = 2,
};

int cmd_dlq_list(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = out_new("dead_letters", command->options.json);
	CLEANUP(pg_freep) struct pg *pg = NULL;
	const char *topic = command->options.topic;
	int64_t limit =
		command->options.limit < 0 ? LIMIT : command->options.limit;
	struct pg_args args = { 0 };
	int i, r;

	if (topic && !topic_find(text_of(topic)))
		return command_usage(command, "there is no topic '%s'", topic);
	out_column(out, "at", OUT_TIME);
	out_column(out, "service", OUT_TEXT);
	out_column(out, "topic", OUT_TEXT);
	out_column(out, "partition", OUT_NUMBER);
	out_column(out, "offset", OUT_NUMBER);
	out_column(out, "reason", OUT_TEXT);
	out_column(out, "detail", OUT_TEXT);
	out_column(out, "event_id", OUT_TEXT);
	r = command_connect(&pg, command);
	if (r)
		return r;
	pg_put_text(pg_arg(&args), topic, topic ? strlen(topic) : 0);
	pg_put_i64(pg_arg(&args), limit);
	i = pg_add(pg, &dead_letters_list, &args);
	r = command_run(command, pg, "dead letters");
	pg_args_deinit(&args);
	if (r)
		return r;
	out_rows(out, pg, i);
	if (!pg_n_rows(pg, i))
		out_say("there are no dead letters");
	else if (pg_n_rows(pg, i) == limit)
		out_say("these are the newest %" PRId64 ", --limit shows more",
			limit);
	return out_print(out);
}
