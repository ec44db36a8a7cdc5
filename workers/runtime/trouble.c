/* SPDX-License-Identifier: MIT */
/*
 * Trouble: topics that are not there, partitions that nobody declared, and
 * partitions that cannot be read, in this order.
 */
#include "workers/runtime/trouble.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/counters.h"
#include "infra/lib/pg.h"
#include "workers/runtime/state.h"

#define METRIC "galore_paused_partitions"

struct trouble {
	const char *topic;
	int32_t partition; /* -1: the whole topic */
	const char *what;
};

/* Walks over all of it: @*at is 0 first, false past the last one. */
static bool next(const struct worker *worker, size_t *at, struct trouble *ret)
{
	size_t n_topics = worker->identity.n_topics;

	for (; *at < 2 * n_topics + SLOTS_MAX; (*at)++) {
		size_t topic = *at % n_topics, slot = *at - 2 * n_topics;

		*ret = (struct trouble){ .partition = -1 };
		if (*at < n_topics && worker->topic_holds[topic].on) {
			ret->what = worker->topic_holds[topic].reason;
		} else if (*at >= n_topics && *at < 2 * n_topics &&
			   worker->undeclared[topic]) {
			ret->partition = worker->undeclared[topic];
			ret->what = "it is not declared, nothing reads it";
		} else if (*at >= 2 * n_topics &&
			   slot_held(&worker->slots[slot]) &&
			   worker->slots[slot].hold.on) {
			topic = (size_t)worker->slots[slot].topic;
			ret->partition = worker->slots[slot].partition;
			ret->what = worker->slots[slot].hold.reason;
		}
		if (!ret->what)
			continue;
		ret->topic = worker->topic_names[topic];
		(*at)++;
		return true;
	}
	return false;
}

bool trouble_first(const struct worker *worker, char *ret, size_t n_bytes)
{
	struct trouble trouble;
	size_t at = 0;

	if (!next(worker, &at, &trouble))
		return false;
	if (trouble.partition < 0)
		(void)snprintf(ret, n_bytes, "topic '%s' cannot be read: %s",
			       trouble.topic, trouble.what);
	else
		(void)snprintf(ret, n_bytes,
			       "'%s' partition %" PRId32 " cannot be read: %s",
			       trouble.topic, trouble.partition, trouble.what);
	return true;
}

void trouble_json(const struct worker *worker, struct buf *out)
{
	struct trouble trouble;
	const char *comma = "";
	size_t at = 0;

	buf_text(out, "[");
	while (next(worker, &at, &trouble)) {
		buf_printf(out, "%s{\"topic\": ", comma);
		buf_json_text(out, trouble.topic, strlen(trouble.topic));
		if (trouble.partition >= 0)
			buf_printf(out, ", \"partition\": %" PRId32,
				   trouble.partition);
		buf_text(out, ", \"what\": ");
		buf_json_text(out, trouble.what, strlen(trouble.what));
		buf_text(out, "}");
		comma = ", ";
	}
	buf_text(out, "]");
}

void trouble_collect(void *arg, struct buf *out)
{
	const struct worker *worker = arg;
	struct trouble trouble;
	size_t at = 0;

	counters_head(out, METRIC,
		      "1 for a partition that cannot be read; \"all\" when it "
		      "is the topic",
		      KIND_GAUGE);
	while (next(worker, &at, &trouble)) {
		struct buf labels = { 0 };
		char number[16] = "all";

		if (trouble.partition >= 0)
			(void)snprintf(number, sizeof(number), "%" PRId32,
				       trouble.partition);
		counters_label(&labels, "topic", trouble.topic);
		counters_label(&labels, "partition", number);
		buf_add(&labels, "", 1);
		counters_line(out, METRIC, labels.p, 1);
		buf_deinit(&labels);
	}
}
