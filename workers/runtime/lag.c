/* SPDX-License-Identifier: MIT */
/*
 * Lag: from the end of the log that the last fetch has told, so that nobody
 * is asked. Seconds are the age of the record that was read last, and none
 * when nothing is left to read.
 */
#include "workers/runtime/lag.h"

#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/counters.h"
#include "workers/runtime/state.h"

struct lag {
	int64_t records;
	int64_t seconds;
};

static bool lag_of(const struct worker *worker, const struct slot *slot,
		   struct lag *ret)
{
	int64_t end, next = INT64_MAX;

	for (size_t i = 0; i < slot->n_rows; i++)
		if (slot->rows[i].next_offset < next)
			next = slot->rows[i].next_offset;
	/* While it is taken over, as far as is known: where it stood. */
	if (!slot->n_rows)
		next = slot->decided;
	if (slot->state == SLOT_FREE || slot->state == SLOT_WARM ||
	    !slot->known ||
	    !kafka_in_end(worker->in, slot->topic, slot->partition, &end))
		return false;
	ret->records = end > next ? end - next : 0;
	ret->seconds = 0;
	if (ret->records && slot->read_stamp_ms > 0)
		ret->seconds = (clock_wall_ms() - slot->read_stamp_ms) / 1000;
	return true;
}

static void line(const struct worker *worker, const struct slot *slot,
		 struct buf *out, const char *name, const char *group,
		 int64_t value)
{
	char labels[512];

	(void)snprintf(labels, sizeof(labels),
		       "%s=\"%s\",topic=\"%s\",partition=\"%" PRId32 "\"",
		       group, worker->group, worker->topic_names[slot->topic],
		       slot->partition);
	counters_line(out, name, labels, value);
}

void lag_collect(void *arg, struct buf *out)
{
	static const char records[] = "kafka_consumergroup_lag";
	static const char seconds[] = "kafka_consumergroup_group_lag_seconds";
	const struct worker *worker = arg;
	struct lag lag;

	buf_printf(out,
		   "# HELP %s records behind the end of the log\n"
		   "# TYPE %s gauge\n",
		   records, records);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (lag_of(worker, &worker->slots[i], &lag))
			line(worker, &worker->slots[i], out, records,
			     "consumergroup", lag.records);
	buf_printf(out,
		   "# HELP %s age of the record that was read last, while any "
		   "is left\n# TYPE %s gauge\n",
		   seconds, seconds);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (lag_of(worker, &worker->slots[i], &lag))
			line(worker, &worker->slots[i], out, seconds, "group",
			     lag.seconds);
}
