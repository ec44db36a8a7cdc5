/* SPDX-License-Identifier: MIT */
#include "schemas/events.h"

const struct event_kind event_kinds[N_EVENT_TYPES] = {
#define EVENT_TYPE(id_, name_, topic_, sentence_)                              \
	[EVENT_##id_] = {                                                      \
		.type = EVENT_##id_,                                           \
		.name = TEXT_INIT(name_),                                      \
		.topic = TOPIC_##topic_,                                       \
		.sentence = (sentence_),                                       \
	},
#define EVENT_VERSION(...)
#include "schemas/events.def"
#undef EVENT_TYPE
#undef EVENT_VERSION
};

const struct event_version event_versions[] = {
#define EVENT_TYPE(...)
#define EVENT_VERSION(id_, name_, version_, stall_, sentence_)                 \
	{                                                                      \
		.type = EVENT_##id_,                                           \
		.version = (version_),                                         \
		.stall = STALL_IN_##stall_,                                    \
		.sentence = (sentence_),                                       \
	},
#include "schemas/events.def"
#undef EVENT_TYPE
#undef EVENT_VERSION
};

const size_t n_event_versions =
	sizeof(event_versions) / sizeof(event_versions[0]);

enum event_type event_type_find(struct text name)
{
	for (size_t i = EVENT_NONE + 1; i < N_EVENT_TYPES; i++)
		if (text_equal(event_kinds[i].name, name))
			return event_kinds[i].type;
	return EVENT_NONE;
}

const struct event_version *event_version_find(enum event_type type,
					       int64_t version)
{
	for (size_t i = 0; i < n_event_versions; i++)
		if (event_versions[i].type == type &&
		    event_versions[i].version == version)
			return &event_versions[i];
	return NULL;
}

int event_newest(enum event_type type)
{
	int newest = 0;

	for (size_t i = 0; i < n_event_versions; i++)
		if (event_versions[i].type == type)
			newest = event_versions[i].version;
	return newest;
}
