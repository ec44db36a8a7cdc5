/* SPDX-License-Identifier: MIT */
/*
 * Dlq: records that could not be acted on, from the table dead_letters; their
 * bytes stand on <topic>.dlq and at their place on the topic. Main thread.
 */
#include "infra/overlord/verb.h"

#define LIMIT 100

int cmd_dlq_list(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "at", OUT_TIME },
		{ "service", OUT_TEXT },
		{ "topic", OUT_TEXT },
		{ "partition", OUT_NUMBER },
		{ "offset", OUT_NUMBER },
		{ "reason", OUT_TEXT },
		{ "detail", OUT_TEXT },
		{ "event_id", OUT_TEXT },
		{ NULL, 0 },
	};
	const struct options *options = &verb->options;
	struct listing listing = {
		.name = "dead_letters",
		.statement = &sql_dead_letters_list,
		.columns = columns,
		.none = "there are no dead letters",
		.which = "newest",
		.limit = options->limit < 0 ? LIMIT : options->limit,
	};

	if (options->topic && !topic_find(text_of(options->topic)))
		return verb_usage(verb, "there is no topic '%s'",
				  options->topic);
	return verb_list(
		verb, &listing,
		VALUES(value_text(options->topic), value_i64(listing.limit)));
}
