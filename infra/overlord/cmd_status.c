/* SPDX-License-Identifier: MIT */
/*
 * Status: a row a service and topic: who works it, how far decisions and
 * facts are, and what waits for it. Below it the checks, each with what is as
 * it should be or not; one that is not makes the exit status 1.
 *
 * Postgres is the truth about positions, and a holder is one whose heartbeat
 * is young. The ends of the topics come from the brokers themselves, so that a
 * group that stands still is seen; when they are away the rest is shown all
 * the same. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/kafka_admin.h"
#include "infra/lib/str.h"
#include "infra/overlord/checks.h"
#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "infra/overlord/status_rows.h"
#include "schemas/topics.h"

/* clang-format off */
/* -> a row a service, lane, topic and partition, in order; the holder that
 * lives, the last one in words, and whether there ever was one */
static const struct pg_statement positions_all = {
	.name = "positions_all",
	.sql = "SELECT p.service, p.lane, p.topic, p.colour, p.partition, "
	       "p.next_offset, p.emitted_offset, "
	       "CASE WHEN h.at > now() - " STATUS_LIVE " THEN h.holder END, "
	       "quote_literal(p.holder) || coalesce(', silent for ' || "
	       "date_trunc('second', now() - h.at), ''), p.epoch > 0 "
	       "FROM positions p LEFT JOIN control.heartbeats h "
	       "ON h.holder = p.holder AND h.schema = $1 "
	       "ORDER BY p.service, p.lane, p.topic, p.colour, p.partition",
	.n_args = 1,
};
/* clang-format on */

enum {
	SERVICE,
	LANE,
	TOPIC_NAME,
	COLOUR,
	PARTITION,
	NEXT,
	EMITTED,
	HOLDER,
	LAST_HOLDER,
	WAS_HELD,
};

struct ends {
	bool known;
	int64_t begins[TOPIC_PARTITIONS];
	int64_t ends[TOPIC_PARTITIONS];
};

struct run {
	const struct command *command;
	struct pg *pg;
	int positions; /* the statement */
	struct ends ends[N_TOPICS];
	struct checks checks;
};

/* One printed row: the partitions of one service, lane, topic and colour. */
struct group {
	int first_row, n_rows, n_held;
	int last_row; /* one that nobody holds */
	bool was_held;
	int64_t next, emitted, lag;
	int n_beyond; /* positions above the end of their log */
	int n_below;  /* positions below its beginning */
	bool lag_known;
	struct buf holders;
};

static const struct topic *topic_of(const struct run *run, int row)
{
	struct text name;

	name.p = pg_bytes(run->pg, run->positions, row, TOPIC_NAME, &name.n);
	return topic_find(name);
}

static bool same(const struct run *run, int a, int b)
{
	for (int column = SERVICE; column <= COLOUR; column++) {
		size_t n_a, n_b;
		const char *p_a =
			pg_bytes(run->pg, run->positions, a, column, &n_a);
		const char *p_b =
			pg_bytes(run->pg, run->positions, b, column, &n_b);

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

/* What is not decided: not what is gone already, or never came. */
static void add_lag(struct group *group, const struct ends *ends,
		    int64_t partition, int64_t next)
{
	int64_t begin, end;

	if (!ends || !ends->known || partition < 0 ||
	    partition >= TOPIC_PARTITIONS) {
		group->lag_known = false;
		return;
	}
	begin = ends->begins[partition];
	end = ends->ends[partition];
	group->n_beyond += end < next;
	group->n_below += begin > next;
	if (end > next)
		group->lag += end - (begin > next ? begin : next);
}

static void add_row(const struct run *run, struct group *group, int row)
{
	const struct topic *topic = topic_of(run, row);
	int64_t next = pg_i64(run->pg, run->positions, row, NEXT);
	size_t n;
	const char *p = pg_bytes(run->pg, run->positions, row, HOLDER, &n);

	group->n_rows++;
	group->next += next;
	group->emitted += pg_i64(run->pg, run->positions, row, EMITTED);
	group->was_held = group->was_held ||
			  pg_bool(run->pg, run->positions, row, WAS_HELD);
	if (n)
		add_holder(group, p, n);
	else
		group->last_row = row;
	add_lag(group, topic ? &run->ends[topic->id] : NULL,
		pg_i64(run->pg, run->positions, row, PARTITION), next);
}

static void put_group(const struct run *run, struct out *out,
		      const struct group *group)
{
	size_t n;
	const char *p;

	out_row(out);
	for (int column = SERVICE; column <= COLOUR; column++) {
		p = pg_bytes(run->pg, run->positions, group->first_row, column,
			     &n);
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

/* Does somebody work all of it, and is the log the one that the positions tell
 * of? A service that no worker ever worked may not be wanted, unless
 * something waits for it. */
static void check_group(struct run *run, const struct group *group)
{
	char of[160], last[160];
	const char *p[COLOUR + 1];
	int lengths[COLOUR + 1];
	size_t n;

	for (int column = SERVICE; column <= COLOUR; column++) {
		p[column] = pg_bytes(run->pg, run->positions, group->first_row,
				     column, &n);
		lengths[column] = (int)n;
	}
	(void)snprintf(of, sizeof(of), "%.*s/%.*s/%.*s", lengths[SERVICE],
		       p[SERVICE], lengths[LANE], p[LANE], lengths[TOPIC_NAME],
		       p[TOPIC_NAME]);
	p[COLOUR] = pg_bytes(run->pg, run->positions, group->last_row,
			     LAST_HOLDER, &n);
	(void)str_n_copy(last, sizeof(last), p[COLOUR], n);
	if (!group->was_held && group->lag)
		checks_add(
			&run->checks, false, "positions", of,
			"no worker has ever held it, and its lag is %" PRId64,
			group->lag);
	else if (!group->was_held)
		checks_add(&run->checks, true, "positions", of,
			   "no worker has ever held it");
	else if (group->n_held < group->n_rows)
		checks_add(&run->checks, false, "positions", of,
			   "%d of %d partitions have no holder with a young "
			   "heartbeat, the last was %s",
			   group->n_rows - group->n_held, group->n_rows, last);
	if (group->n_beyond)
		checks_add(
			&run->checks, false, "positions", of,
			"'%.*s' ends below %d of its positions: it was made "
			"anew, or is an older copy; workers hold these "
			"partitions until the log that the positions tell of "
			"comes back",
			lengths[TOPIC_NAME], p[TOPIC_NAME], group->n_beyond);
	if (group->n_below)
		checks_add(&run->checks, false, "positions", of,
			   "'%.*s' begins above %d of its positions: records "
			   "that were not decided may be gone",
			   lengths[TOPIC_NAME], p[TOPIC_NAME], group->n_below);
}

static void put_groups(struct run *run, struct out *out)
{
	int row = 0, n_rows = pg_n_rows(run->pg, run->positions);

	while (row < n_rows) {
		struct group group = { .first_row = row,
				       .last_row = row,
				       .lag_known = true };

		for (; row < n_rows && same(run, group.first_row, row); row++)
			add_row(run, &group, row);
		put_group(run, out, &group);
		check_group(run, &group);
		buf_deinit(&group.holders);
	}
}

/* ---- the brokers ---- */

/* Is the topic there as it is declared, and where does it end? */
static int read_topic(struct run *run, struct kafka_admin *admin,
		      const struct topic *topic, const char *name)
{
	struct ends *ends = &run->ends[topic->id];
	int32_t n_partitions;
	int r = kafka_admin_partitions(admin, name, &n_partitions);

	if (r)
		return r;
	if (!n_partitions)
		checks_add(&run->checks, false, "topic", name,
			   "it is not there");
	else if (n_partitions != topic->partitions)
		checks_add(&run->checks, false, "topic", name,
			   "it has %" PRId32 " partitions, %" PRId32
			   " are declared%s",
			   n_partitions, topic->partitions,
			   n_partitions > topic->partitions
				   ? ": nobody reads the others"
				   : "");
	if (n_partitions < TOPIC_PARTITIONS)
		return 0;
	r = kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends->ends);
	if (!r)
		r = kafka_admin_begins(admin, name, TOPIC_PARTITIONS,
				       ends->begins);
	ends->known = !r;
	return r;
}

static int read_topics(struct run *run)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	const struct command *command = run->command;
	size_t n_bad = run->checks.n_bad;
	char names[N_TOPICS][COMMAND_TOPIC_MAX];
	int r = 0;

	for (size_t i = 0; !r && i < N_TOPICS; i++)
		r = command_topic(command, topic_table[i].name, names[i]);
	if (r)
		return r;
	r = kafka_admin_new(&admin, command->conf.brokers, "overlord",
			    command_first_ms(command));

	for (size_t i = 0; !r && i < N_TOPICS; i++)
		r = read_topic(run, admin, &topic_table[i], names[i]);
	if (r < 0)
		return r;
	if (r)
		checks_add(&run->checks, false, "kafka", "",
			   "'%s': %s; lag is not known", command->conf.brokers,
			   kafka_admin_error(admin));
	else if (run->checks.n_bad == n_bad)
		checks_add(&run->checks, true, "kafka", "",
			   "it answers and has all %d topics", N_TOPICS);
	return 0;
}

/* ---- both ---- */

static int print(struct run *run, struct out *positions)
{
	CLEANUP(out_freep)
	struct out *checks =
		checks_table(&run->checks, run->command->options.json);
	int r = out_print_two(positions, checks);

	if (r || !run->checks.n_bad)
		return r;
	out_error("%zu of %zu checks are not good", run->checks.n_bad,
		  run->checks.n);
	return COMMAND_E_FAILED;
}

static struct out *positions_table(bool json)
{
	struct out *out = out_new("status", json);

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
	return out;
}

static int read_rows(struct run *run, struct status_rows *ret)
{
	struct pg_args schema = { 0 };
	int r = command_connect(&run->pg, run->command);

	if (r)
		return r;
	pg_put_text(pg_arg(&schema), run->command->schema,
		    strlen(run->command->schema));
	run->positions = pg_add(run->pg, &positions_all, &schema);
	status_rows_add(ret, run->pg, &schema);
	r = command_run(run->command, run->pg, "status");
	pg_args_deinit(&schema);
	return r;
}

int cmd_status(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = positions_table(command->options.json);
	struct run run = { .command = command };
	struct status_rows rows;
	int r = read_rows(&run, &rows);

	if (!r)
		r = read_topics(&run);
	if (!r) {
		put_groups(&run, out);
		status_rows_check(&rows, run.pg, &run.checks);
		r = print(&run, out);
	}
	checks_deinit(&run.checks);
	run.pg = pg_free(run.pg);
	return r;
}
