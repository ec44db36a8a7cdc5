/* SPDX-License-Identifier: MIT */
/*
 * Topics: the declared table of every topic, from topics.def.
 *
 * It is the one place for their names, partitions, settings and access: what
 * the broker has is compared with it. At run time a program may append a suffix
 * to every name (a test, a shadow); that is its own affair.
 */
#ifndef SCHEMAS_TOPICS_H
#define SCHEMAS_TOPICS_H

#include "infra/lib/text/text.h"

#ifndef BENCH_PARTITIONS /* a build for infra/bench/scale.py has others */
#define BENCH_PARTITIONS 12
#endif
enum { TOPIC_PARTITIONS = BENCH_PARTITIONS };

enum topic_kind {
	TOPIC_COMMAND, /* may be refused */
	TOPIC_FACT,    /* what was decided */
	TOPIC_COPY,    /* dead letters: the bytes as they came */
};

enum topic_id {
#define TOPIC(id, ...) TOPIC_##id,
#include "schemas/topics.def"
#undef TOPIC
	N_TOPICS,
};

struct topic_setting {
	const char *name, *value;
};

struct topic {
	enum topic_id id;
	const char *name;
	const char *key; /* what the record's key is */
	int32_t partitions;
	enum topic_kind kind;
	const struct topic_setting *settings; /* ended by a NULL name */
	const char *const *writers;           /* programs, ended by NULL */
	const char *const *readers;
	const char *sentence;
};

/* In the order of enum topic_id. */
extern const struct topic topic_table[N_TOPICS];

/* NULL for a name that is none. */
const struct topic *topic_find(struct text name);

/* Where the dead letters of @topic go; NULL when nobody acts on it. */
const struct topic *topic_dlq(const struct topic *topic);

/* Kafka's longest name of a topic, and a NUL. */
enum { TOPIC_NAME_BYTES = 250 };

/*
 * A topic's name in this installation: with the suffix that the setting
 * TOPIC_SUFFIX adds to every name. TOPIC_E_LONG: Kafka has no such name.
 */
enum topic_outcome { TOPIC_E_LONG = 1 };
int topic_name(char ret[static TOPIC_NAME_BYTES], enum topic_id id,
	       const char *suffix);

/* The names of all topics. A program makes them once, before anything else: a
 * suffix that only one of them cannot take is refused then. */
struct topic_names {
	char of[N_TOPICS][TOPIC_NAME_BYTES];
};
int topic_names_init(struct topic_names *ret, const char *suffix);

/* "command", "fact", "copy". */
const char *topic_kind_name(enum topic_kind kind);

#endif
