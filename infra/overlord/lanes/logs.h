/* SPDX-License-Identifier: MIT */
/*
 * Logs: where topics begin and end, as JSON for statements that say how many
 * records wait: [{"topic": "orders", "partition": 3, "log_begin": 0,
 * "log_end": 1234}].
 */
#ifndef OVERLORD_LOGS_H
#define OVERLORD_LOGS_H

#include "infra/overlord/verb.h"

/* Adds a topic's partitions, which is called @name on the brokers, to @ret,
 * which begins with "[". */
int logs_add(struct buf *ret, struct kafka_admin *admin,
	     const struct topic *topic, const char *name);
/* Adds "]" and a NUL. */
void logs_end(struct buf *ret);

/* Of all topics that the brokers have. When they do not answer, that is said,
 * and @ret is "[]": a plan goes without them. */
int logs_read(const struct verb *verb, struct buf *ret);

#endif
