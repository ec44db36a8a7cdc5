/* SPDX-License-Identifier: MIT */
/*
 * Messages: what was drawn -> the record on its topic.
 *
 * An order and its duplicate are the same bytes but for the time; a poison is
 * a right order, spoiled, under an id of its own. One thread.
 */
#ifndef STAMPEDE_MESSAGES_H
#define STAMPEDE_MESSAGES_H

#include <stdint.h>

#include "infra/lib/kafka/kafka_out.h"
#include "producers/stampede/orders.h"
#include "producers/stampede/sent.h"
#include "schemas/topics.h"

struct messages {
	const struct conf *conf;
	const struct orders *orders;
	struct topic_names topics;
};

enum messages_outcome { MESSAGES_E_SETTING = 1 };

/* Borrows both. MESSAGES_E_SETTING: a topic's name is too long; said. */
int messages_init(struct messages *ret, const struct conf *conf,
		  const struct orders *orders);

const char *messages_topic(const struct messages *messages,
			   enum sent_kind kind);

/* Completes @sent, which the report brings back. As kafka_out_send(). */
int messages_send(const struct messages *messages, struct kafka_out *out,
		  struct sent *sent);

#endif
