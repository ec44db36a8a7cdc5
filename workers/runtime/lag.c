/* SPDX-License-Identifier: MIT */
/*
 * Lag: from the end of the log that the last fetch has told, so that nobody
 * is asked. Seconds are the age of the record that was read last, but no more
 * than the time since nothing was left to decide; none when nothing is.
 *
 * The names come from two exporters: kafka_exporter has the records, by
 * consumergroup; kafka-lag-exporter has the seconds, by group. Both rows have
 * consumergroup, so that they can be joined; the seconds have group besides,
 * for the dashboards of the second one.
 */
#include "workers/runtime/lag.h"

#include <inttypes.h>

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
	int64_t end, next = INT64_MAX, since_ms = slot->read_stamp_ms;

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
	/* A record after ten idle hours is no lag of ten hours. */
	if (since_ms < slot->level_at_ms)
		since_ms = slot->level_at_ms;
	if (ret->records && since_ms > 0)
		ret->seconds = (clock_wall_ms() - since_ms) / 1000;
	return true;
}

void lag_note(const struct worker *worker, struct slot *slot)
{
	struct lag lag;

	if (lag_of(worker, slot, &lag) && !lag.records)
		slot->level_at_ms = clock_wall_ms();
}

static void line(const struct worker *worker, const struct slot *slot,
		 struct buf *out, const char *name, const char *alias,
		 int64_t value)
{
	struct buf labels = { 0 };

	counters_label(&labels, "consumergroup", worker->group);
	if (alias)
		counters_label(&labels, alias, worker->group);
	counters_label(&labels, "topic", worker->topic_names[slot->topic]);
	buf_printf(&labels, ",partition=\"%" PRId32 "\"", slot->partition);
	buf_add(&labels, "", 1);
	counters_line(out, name, labels.p, value);
	buf_deinit(&labels);
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
			line(worker, &worker->slots[i], out, records, NULL,
			     lag.records);
	buf_printf(out,
		   "# HELP %s age of the record that was read last, while any "
		   "is left\n# TYPE %s gauge\n",
		   seconds, seconds);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (lag_of(worker, &worker->slots[i], &lag))
			line(worker, &worker->slots[i], out, seconds, "group",
			     lag.seconds);
}
