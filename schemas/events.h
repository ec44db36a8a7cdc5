/* SPDX-License-Identifier: MIT */
/*
 * Events: every type and every version that ever shipped, from events.def.
 */
#ifndef SCHEMAS_EVENTS_H
#define SCHEMAS_EVENTS_H

#include "infra/lib/text/text.h"
#include "schemas/topics.h"

enum event_type {
	EVENT_NONE,
#define EVENT_TYPE(id, ...) EVENT_##id,
#define EVENT_VERSION(...)
#include "schemas/events.def"
#undef EVENT_TYPE
#undef EVENT_VERSION
	N_EVENT_TYPES,
};

struct event_kind {
	enum event_type type;
	enum topic_id topic;
	struct text name; /* ce_type */
	const char *sentence;
};

enum stall_place { STALL_IN_BODY, STALL_IN_HEADER };

struct event_version {
	enum event_type type;
	int version; /* schema-version */
	enum stall_place stall;
	const char *sentence;
};

/* In the order of enum event_type; row 0 (EVENT_NONE) is empty. */
extern const struct event_kind event_kinds[N_EVENT_TYPES];

/* Sorted by type, then version. */
extern const struct event_version event_versions[];
extern const size_t n_event_versions;

/* EVENT_NONE for a name that is none. */
enum event_type event_type_find(struct text name);

/* NULL when that version of that type never shipped. */
const struct event_version *event_version_find(enum event_type type,
					       int64_t version);

/* The newest version of @type. */
int event_newest(enum event_type type);

#endif
