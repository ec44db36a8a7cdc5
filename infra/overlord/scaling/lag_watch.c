/* SPDX-License-Identifier: MIT */
/* Lag watch: the positions are read before the ends, so that a position is
 * never above its end by chance. */
#include "infra/overlord/scaling/lag_watch.h"

#include <stdlib.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"

void lag_watch_deinit(struct lag_watch *watch)
{
	free(watch->rows);
	*watch = (struct lag_watch){ 0 };
}

static const struct topic *topic_named(const char *name)
{
	for (size_t i = 0; i < N_TOPICS; i++)
		if (!strcmp(topic_table[i].name, name))
			return &topic_table[i];
	return NULL;
}

static struct lag_row *row_of(struct lag_watch *watch, const char *service,
			      const char *colour, const struct topic *topic,
			      int32_t partition)
{
	struct lag_row *row;

	for (size_t i = 0; i < watch->n_rows; i++) {
		row = &watch->rows[i];
		if (row->topic == topic && row->partition == partition &&
		    !strcmp(row->service, service) &&
		    !strcmp(row->colour, colour))
			return row;
	}
	watch->rows = xreallocarray(watch->rows, watch->n_rows + 1,
				    sizeof(*watch->rows));
	row = &watch->rows[watch->n_rows++];
	*row = (struct lag_row){ .topic = topic, .partition = partition };
	(void)str_copy(row->service, sizeof(row->service), service);
	(void)str_copy(row->colour, sizeof(row->colour), colour);
	return row;
}

static void add_sample(struct lag_row *row, const struct lag_sample *sample)
{
	if (row->n_samples == LAG_SAMPLES_MAX)
		memmove(row->samples, row->samples + 1,
			--row->n_samples * sizeof(row->samples[0]));
	row->samples[row->n_samples++] = *sample;
	row->seen_at_ms = sample->at_ms;
}

static void note_positions(struct lag_watch *watch, const struct verb *verb,
			   int i)
{
	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		const struct topic *topic =
			topic_named(verb_cell(verb, i, row, 2));
		const struct lag_sample sample = {
			.at_ms = watch->at_ms,
			.next = pg_i64(verb->pg, i, row, 4),
			.held = pg_bool(verb->pg, i, row, 5),
		};

		if (topic)
			add_sample(row_of(watch, verb_cell(verb, i, row, 0),
					  verb_cell(verb, i, row, 1), topic,
					  (int32_t)pg_i64(verb->pg, i, row, 3)),
				   &sample);
	}
}

static void forget_gone(struct lag_watch *watch)
{
	size_t n = 0;

	for (size_t i = 0; i < watch->n_rows; i++)
		if (watch->rows[i].seen_at_ms == watch->at_ms)
			watch->rows[n++] = watch->rows[i];
	watch->n_rows = n;
}

/* The ends of one topic, if anybody reads it. */
static int note_ends(struct lag_watch *watch, const struct verb *verb,
		     struct kafka_admin *admin, const struct topic *topic)
{
	int64_t ends[TOPIC_PARTITIONS];
	char name[TOPIC_NAME_BYTES];
	bool asked = false;
	int r;

	for (size_t i = 0; i < watch->n_rows; i++) {
		struct lag_row *row = &watch->rows[i];

		if (row->topic != topic || row->partition >= TOPIC_PARTITIONS)
			continue;
		r = asked ? 0 : verb_topic(verb, topic->id, name);
		if (!r && !asked) {
			r = kafka_admin_ends(admin, name, TOPIC_PARTITIONS,
					     ends);
			if (r)
				return verb_kafka_failed(verb, r, admin, name);
		}
		if (r)
			return r;
		asked = true;
		row->samples[row->n_samples - 1].end = ends[row->partition];
	}
	return 0;
}

int lag_watch_look(struct lag_watch *watch, struct verb *verb,
		   struct kafka_admin *admin)
{
	int i = verb_add(verb, &sql_lag_positions,
			 VALUES(value_text(verb->schema)));
	int r = verb_send(verb, "positions");

	if (r)
		return r;
	watch->at_ms = clock_now_ms();
	note_positions(watch, verb, i);
	forget_gone(watch);
	for (size_t t = 0; !r && t < N_TOPICS; t++)
		r = note_ends(watch, verb, admin, &topic_table[t]);
	return r;
}
