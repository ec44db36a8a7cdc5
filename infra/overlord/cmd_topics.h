/* SPDX-License-Identifier: MIT */
/* Topics: what is declared against how it is, for cmd_topics.c's test. Pure. */
#ifndef OVERLORD_CMD_TOPICS_H
#define OVERLORD_CMD_TOPICS_H

#include <stdbool.h>

#include "infra/lib/kafka/kafka_admin.h"
#include "infra/lib/text/str.h"
#include "schemas/topics.h"

enum { SETTINGS_MAX = 16 };

struct topic_drift {
	bool missing;
	/* Nobody mends this: keys would move. */
	bool partitions;
	/* name, declared value, ..., NULL: what to set */
	const char *settings[2 * SETTINGS_MAX + 1];
	/* "12 partitions, retention.ms=-1" with what differs, for a person. */
	struct buf now, then;
};

/* Borrows the texts of @declared. */
void topic_drift(const struct topic *declared, const struct kafka_topic *is,
		 struct topic_drift *ret);
void topic_drift_deinit(struct topic_drift *drift);

#endif
