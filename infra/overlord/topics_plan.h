/* SPDX-License-Identifier: MIT */
/*
 * Topics plan: what is declared against how it is. Pure.
 */
#ifndef OVERLORD_TOPICS_PLAN_H
#define OVERLORD_TOPICS_PLAN_H

#include <stdbool.h>

#include "infra/lib/kafka_admin.h"
#include "infra/lib/str.h"
#include "schemas/topics.h"

enum { SETTINGS_MAX = 16 };

struct topic_drift {
	bool missing;
	/* Nobody mends this: keys would move. */
	bool partitions;
	/* name, declared value, ..., NULL: what to set */
	const char *settings[2 * SETTINGS_MAX + 1];
	size_t n_settings;
	/* "12 partitions, retention.ms=-1" with what differs, for a person. */
	struct buf now, then;
};

/* Borrows the texts of @declared. */
void topic_drift(const struct topic *declared, const struct kafka_topic *is,
		 struct topic_drift *ret);
void topic_drift_deinit(struct topic_drift *drift);

/* All declared settings as name, value, ..., NULL. */
void topic_settings(const struct topic *declared,
		    const char *ret[2 * SETTINGS_MAX + 1]);

#endif
