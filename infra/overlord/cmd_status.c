/* SPDX-License-Identifier: MIT */
/*
 * Status: a row a service and topic: who works it, how far decisions and
 * facts are, and what waits for it.
 *
 * Postgres is the truth about positions. The ends of the topics come from the
 * brokers themselves, so that a group that stands still is seen; when they are
 * away the rest is shown all the same. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/kafka_admin.h"
#include "infra/lib/str.h"
#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "schemas/topics.h"

/* Who looks at positions does not wait long for the rest. */
#define KAFKA_TIMEOUT_MS INT64_C(5000)

/* -> a row a service, lane, topic and partition, in order */
static const struct pg_statement positions_all = {
	.name = "positions_all",
	.sql = "SELECT service, lane, topic, colour, partition, next_offset, "
	       "emitted_offset, holder FROM positions "
	       "ORDER BY service, lane, topic, colour, partition",
	.n_args = 0,
};

enum { SERVICE, LANE, TOPIC_NAME, COLOUR, PARTITION, NEXT, EMITTED, HOLDER };

struct ends {
	bool known;
	int64_t offsets[TOPIC_PARTITIONS];
};

/* One printed row: the partitions of one service, lane, topic and colour. */
struct group {
	int first_row, n_rows, n_held;
	int64_t next, emitted, lag;
	int n_beyond; /* positions above the end of their log */
	bool lag_known;
	struct buf holders;
};

static const struct topic *topic_of(struct pg *pg, int i, int row)
{
	struct text name;

	name.p = pg_bytes(pg, i, row, TOPIC_NAME, &name.n);
	return topic_find(name);
}

static bool same(struct pg *pg, int i, int a, int b)
{
	for (int column = SERVICE; column <= COLOUR; column++) {
		size_t n_a, n_b;
		const char *p_a = pg_bytes(pg, i, a, column, &n_a);
		const char *p_b = pg_bytes(pg, i, b, column, &n_b);

		if (n_a != n_b || memcmp(p_a, p_b, n_a) != 0)
			return false;
	}
	return true;
}

/* Each holder once, with a space behind it. */
static void add_holder(struct group *group, const char *p, size_t n)
{
	struct buf *all = &group->holders;
	size_t at = 0;

	group->n_held++;
	while (at < all->n) {
		const char *end = memchr(all->p + at, ' ', all->n - at);
		size_t n_known = (size_t)(end - (all->p + at));

		if (n_known == n && !memcmp(all->p + at, p, n))
			return;
		at += n_known + 1;
	}
	buf_add(all, p, n);
	buf_text(all, " ");
}

static void add_row(struct group *group, struct pg *pg, int i, int row,
		    const struct ends *ends)
{
	int64_t partition = pg_i64(pg, i, row, PARTITION);
	int64_t next = pg_i64(pg, i, row, NEXT);
	size_t n;
	const char *p = pg_bytes(pg, i, row, HOLDER, &n);

	group->n_rows++;
	group->next += next;
	group->emitted += pg_i64(pg, i, row, EMITTED);
	if (n)
		add_holder(group, p, n);
	if (!ends || !ends->known || partition < 0 ||
	    partition >= TOPIC_PARTITIONS)
		group->lag_known = false;
	else if (ends->offsets[partition] >= next)
		group->lag += ends->offsets[partition] - next;
	else
		group->n_beyond++;
}

static void put_group(struct out *out, struct pg *pg, int i,
		      const struct group *group)
{
	size_t n;
	const char *p;

	out_row(out);
	for (int column = SERVICE; column <= COLOUR; column++) {
		p = pg_bytes(pg, i, group->first_row, column, &n);
		out_cell_n(out, p, n);
	}
	out_cell(out, "%d", group->n_rows);
	out_cell(out, "%d", group->n_held);
	if (group->holders.n)
		out_cell_n(out, group->holders.p, group->holders.n - 1);
	else
		out_cell_none(out);
	out_cell(out, "%" PRId64, group->next);
	out_cell(out, "%" PRId64, group->emitted);
	if (group->lag_known)
		out_cell(out, "%" PRId64, group->lag);
	else
		out_cell_none(out);
}

static void warn_beyond(struct pg *pg, int i, const struct group *group)
{
	size_t n;
	const char *p = pg_bytes(pg, i, group->first_row, TOPIC_NAME, &n);

	if (!group->n_beyond)
		return;
	out_error("'%.*s' ends below %d of its positions: it was made anew, "
		  "or is an older copy",
		  (int)n, p, group->n_beyond);
	out_hint("workers hold these partitions; the log that the positions "
		 "tell of has to come back");
}

static void put_all(struct out *out, struct pg *pg, int i,
		    const struct ends ends[N_TOPICS])
{
	int row = 0;

	while (row < pg_n_rows(pg, i)) {
		struct group group = { .first_row = row, .lag_known = true };

		while (row < pg_n_rows(pg, i) &&
		       same(pg, i, group.first_row, row)) {
			const struct topic *topic = topic_of(pg, i, row);

			add_row(&group, pg, i, row,
				topic ? &ends[topic->id] : NULL);
			row++;
		}
		put_group(out, pg, i, &group);
		warn_beyond(pg, i, &group);
		buf_deinit(&group.holders);
	}
}

/* The ends of every topic that somebody has a position on. */
static int read_ends(const struct command *command, struct pg *pg, int i,
		     struct ends ends[N_TOPICS])
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	char name[COMMAND_TOPIC_MAX];
	int64_t timeout_ms = command->conf.timeout_ms < KAFKA_TIMEOUT_MS
				     ? command->conf.timeout_ms
				     : KAFKA_TIMEOUT_MS;
	int r = kafka_admin_new(&admin, command->conf.brokers, "overlord",
				timeout_ms);

	for (int row = 0; !r && row < pg_n_rows(pg, i); row++) {
		const struct topic *topic = topic_of(pg, i, row);

		if (!topic || ends[topic->id].known)
			continue;
		r = command_topic(command, topic->name, name);
		if (r)
			return r;
		r = kafka_admin_ends(admin, name, TOPIC_PARTITIONS,
				     ends[topic->id].offsets);
		ends[topic->id].known = !r;
	}
	if (r > 0) {
		out_error("lag is not known: Kafka at '%s': %s",
			  command->conf.brokers, kafka_admin_error(admin));
		out_hint("KAFKA_BROKERS says where it is, overlord topics "
			 "status what is there");
	}
	return r < 0 ? r : 0;
}

int cmd_status(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = out_new("status", command->options.json);
	CLEANUP(pg_freep) struct pg *pg = NULL;
	struct ends ends[N_TOPICS] = { 0 };
	int i, r;

	out_column(out, "service", OUT_TEXT);
	out_column(out, "lane", OUT_TEXT);
	out_column(out, "topic", OUT_TEXT);
	out_column(out, "colour", OUT_TEXT);
	out_column(out, "partitions", OUT_NUMBER);
	out_column(out, "held", OUT_NUMBER);
	out_column(out, "holders", OUT_TEXT);
	out_column(out, "next", OUT_NUMBER);
	out_column(out, "emitted", OUT_NUMBER);
	out_column(out, "lag", OUT_NUMBER);
	r = command_connect(&pg, command);
	if (r)
		return r;
	i = pg_add(pg, &positions_all, NULL);
	r = command_run(command, pg, "positions");
	if (r)
		return r;
	r = read_ends(command, pg, i, ends);
	if (r)
		return r;
	put_all(out, pg, i, ends);
	return out_print(out);
}
