/* SPDX-License-Identifier: MIT */
/*
 * Status: a row a service and topic: which workers have its partitions, how far
 * decisions and facts are, and what waits for it. Below it the checks, each
 * good or not; one that is not makes the exit status 1.
 *
 * Postgres is the truth about positions, and a holder is one whose heartbeat
 * is young. The brokers themselves say where the topics end, so that a group
 * that stands still is seen; when they are away the rest is shown all the
 * same. The rows are read as they were before the brokers were asked: a
 * position may be below the end of its log, and never above it by chance. Main
 * thread.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/text/str.h"
#include "infra/overlord/lanes/logs.h"
#include "infra/overlord/verb.h"

struct run {
	struct verb *verb;
	struct buf logs; /* where the topics begin and end, JSON */
	struct out *checks;
	int n_checks, n_bad;
};

static void add_check(struct run *run, bool good, const char *what,
		      const char *of, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static void add_check(struct run *run, bool good, const char *what,
		      const char *of, const char *format, ...)
{
	char detail[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	out_row(run->checks);
	out_cell(run->checks, "%s", what);
	out_cell(run->checks, "%s", of);
	out_cell_bool(run->checks, good);
	out_cell(run->checks, "%s", detail);
	run->n_checks++;
	run->n_bad += !good;
}

/* ---- the brokers ---- */

/* Is the topic there as it is declared, and where does it begin and end? */
static int read_topic(struct run *run, struct kafka_admin *admin,
		      const struct topic *topic, const char *name)
{
	int32_t n_partitions;
	int r = kafka_admin_partitions(admin, name, &n_partitions);

	if (r)
		return r;
	if (!n_partitions)
		add_check(run, false, "topic", name, "it is not there");
	else if (n_partitions != topic->partitions)
		add_check(run, false, "topic", name,
			  "it has %" PRId32 " partitions, %" PRId32
			  " are declared%s",
			  n_partitions, topic->partitions,
			  n_partitions > topic->partitions
				  ? ": nobody reads the others"
				  : "");
	if (n_partitions < TOPIC_PARTITIONS)
		return 0;
	return logs_add(&run->logs, admin, topic, name);
}

static int read_topics(struct run *run)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	const struct verb *verb = run->verb;
	char names[N_TOPICS][TOPIC_NAME_BYTES];
	int r = 0;

	for (size_t i = 0; !r && i < N_TOPICS; i++)
		r = verb_topic(verb, topic_table[i].id, names[i]);
	if (r)
		return r;
	r = verb_kafka(verb, &admin);
	buf_text(&run->logs, "[");
	for (size_t i = 0; !r && i < N_TOPICS; i++)
		r = read_topic(run, admin, &topic_table[i], names[i]);
	logs_end(&run->logs);
	if (r < 0)
		return r;
	if (r)
		add_check(run, false, "kafka", "", "'%s': %s; lag is not known",
			  verb->conf.brokers, kafka_admin_error(admin));
	else if (!run->n_bad)
		add_check(run, true, "kafka", "",
			  "it answers and has all %d topics", N_TOPICS);
	return 0;
}

/* ---- the rows ---- */

static void add_rows(struct run *run, int i)
{
	const struct pg *pg = run->verb->pg;

	out_rows(run->checks, pg, i);
	for (int row = 0; row < pg_n_rows(pg, i); row++) {
		run->n_checks++;
		run->n_bad += !pg_bool(pg, i, row, 2);
	}
}

static int read_rows(struct run *run, struct out *positions)
{
	struct verb *verb = run->verb;
	const struct value values[] = { value_text(verb->schema),
					value_text(run->logs.p) };
	int groups = verb_add(verb, &sql_status_positions, values);
	int lanes = verb_add(verb, &sql_status_lanes, NULL);
	int checks = verb_add(verb, &sql_status_checks, values);
	int r = verb_send(verb, "status");

	if (r)
		return r;
	out_rows(positions, verb->pg, groups);
	add_rows(run, lanes);
	add_rows(run, checks);
	return 0;
}

static int print(const struct run *run, struct out *positions)
{
	const struct options *options = &run->verb->options;
	int r = options->watch && options->json
			? out_print_two_in_a_line(positions, run->checks)
			: out_print_two(positions, run->checks);

	if (r || !run->n_bad)
		return r;
	return verb_failed(NULL, "%d of %d checks are not good", run->n_bad,
			   run->n_checks);
}

static int show(struct verb *verb)
{
	static const struct out_column position_columns[] = {
		{ "service", OUT_TEXT },
		{ "lane", OUT_TEXT },
		{ "topic", OUT_TEXT },
		{ "colour", OUT_TEXT },
		{ "partitions", OUT_NUMBER },
		{ "held", OUT_NUMBER },
		{ "holders", OUT_TEXT },
		{ "next", OUT_NUMBER },
		{ "emitted", OUT_NUMBER },
		{ "lag", OUT_NUMBER },
		{ NULL, 0 },
	};
	static const struct out_column check_columns[] = {
		{ "check", OUT_TEXT }, { "of", OUT_TEXT },
		{ "good", OUT_BOOL },  { "detail", OUT_TEXT },
		{ NULL, 0 },
	};
	bool json = verb->options.json;
	CLEANUP(out_freep)
	struct out *positions = out_new("status", json, position_columns);
	CLEANUP(out_freep)
	struct out *checks = out_new("checks", json, check_columns);
	struct run run = { .verb = verb, .checks = checks };
	int r = verb_connect(verb);

	/* What the first statement sees, all those after it see. */
	if (!r)
		r = verb_exec(verb,
			      "BEGIN ISOLATION LEVEL REPEATABLE READ, "
			      "READ ONLY; SELECT",
			      "status");
	if (!r)
		r = read_topics(&run);
	if (!r)
		r = read_rows(&run, positions);
	if (!r)
		r = print(&run, positions);
	buf_deinit(&run.logs);
	return r;
}

#define WATCH_EVERY_MS 1000
#define CLEAR_SCREEN "\033[H\033[2J"

/* Until a signal, or until the answer cannot be written. Servers that are away
 * are asked again. */
static int watch(struct verb *verb)
{
	bool clear = !verb->options.json && isatty(STDOUT_FILENO);
	int r;

	for (;;) {
		if (clear)
			(void)fputs(CLEAR_SCREEN, stdout);
		r = show(verb);
		if (r < 0)
			return r;
		verb->pg = pg_free(verb->pg);
		(void)poll(NULL, 0, WATCH_EVERY_MS);
	}
}

int cmd_status(struct verb *verb)
{
	return verb->options.watch ? watch(verb) : show(verb);
}
