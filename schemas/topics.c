/* SPDX-License-Identifier: MIT */
#include "schemas/topics.h"

#include <stdio.h>
#include <string.h>

#define ANY_TIME "9223372036854775807"
#define KEPT_WITH(max_message_bytes)                                           \
	((const struct topic_setting[]){                                       \
		{ "cleanup.policy", "delete" },                                \
		{ "retention.ms", "-1" },                                      \
		{ "retention.bytes", "-1" },                                   \
		{ "message.timestamp.type", "CreateTime" },                    \
		{ "message.timestamp.before.max.ms", ANY_TIME },               \
		{ "message.timestamp.after.max.ms", ANY_TIME },                \
		{ "max.message.bytes", max_message_bytes },                    \
		{ NULL, NULL },                                                \
	})
#define KEPT KEPT_WITH("1048588")
#define KEPT_COPY KEPT_WITH("2097152")
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define TOPIC(id_, name_, key_, partitions_, kind_, settings_, writers_,       \
	      readers_, sentence_)                                             \
	[TOPIC_##id_] = {                                                      \
		.id = TOPIC_##id_,                                             \
		.name = (name_),                                               \
		.key = (key_),                                                 \
		.partitions = (partitions_),                                   \
		.kind = TOPIC_##kind_,                                         \
		.settings = (settings_),                                       \
		.writers = (writers_),                                         \
		.readers = (readers_),                                         \
		.sentence = (sentence_),                                       \
	},
const struct topic topic_table[N_TOPICS] = {
#include "schemas/topics.def"
};
#undef TOPIC

const struct topic *topic_find(struct text name)
{
	for (size_t i = 0; i < N_TOPICS; i++)
		if (text_equal(text_of(topic_table[i].name), name))
			return &topic_table[i];
	return NULL;
}

const struct topic *topic_dlq(const struct topic *topic)
{
	size_t n = strlen(topic->name);

	for (size_t i = 0; i < N_TOPICS; i++) {
		const char *name = topic_table[i].name;

		if (!strncmp(name, topic->name, n) && !strcmp(name + n, ".dlq"))
			return &topic_table[i];
	}
	return NULL;
}

int topic_name(char ret[static TOPIC_NAME_BYTES], enum topic_id id,
	       const char *suffix)
{
	int n = snprintf(ret, TOPIC_NAME_BYTES, "%s%s", topic_table[id].name,
			 suffix);

	return n < TOPIC_NAME_BYTES ? 0 : TOPIC_E_LONG;
}

int topic_names_init(struct topic_names *ret, const char *suffix)
{
	int r = 0;

	for (int i = 0; !r && i < N_TOPICS; i++)
		r = topic_name(ret->of[i], (enum topic_id)i, suffix);
	return r;
}

const char *topic_kind_name(enum topic_kind kind)
{
	static const char *const names[] = {
		[TOPIC_COMMAND] = "command",
		[TOPIC_FACT] = "fact",
		[TOPIC_COPY] = "copy",
	};

	return names[kind];
}
