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
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/kafka_admin.h"
#include "infra/lib/str.h"
#include "infra/overlord/sql.h"
#include "infra/overlord/verb.h"

/* clang-format off */
#define AGO(at) "date_trunc('second', now() - " at ")"

/*
 * A row a service, lane, topic and colour. $2 is where the topics begin and
 * end, a row a partition; the lag, which is what is not decided and is still
 * there, is NULL unless all of them are known. Behind the columns of the table
 * come: has a worker ever held a partition, the last holder of one that nobody
 * holds, how many positions are above the end of their log, and below its
 * beginning.
 */
SQL(status_positions, 2,
    "SELECT service, lane, topic, colour, count(*), count(live), "
    "string_agg(DISTINCT live, ' '), sum(next_offset)::bigint, "
    "sum(emitted_offset)::bigint, "
    "CASE WHEN count(log_end) = count(*) THEN sum(greatest("
    "log_end - greatest(log_begin, next_offset), 0))::bigint END, "
    "bool_or(epoch > 0), (array_agg(last ORDER BY partition DESC) "
    "FILTER (WHERE live IS NULL))[1], "
    "count(*) FILTER (WHERE log_end < next_offset), "
    "count(*) FILTER (WHERE log_begin > next_offset) FROM ("
    "SELECT p.*, log_begin, log_end, "
    "CASE WHEN h.at > now() - " WORKER_LIVES_FOR " "
    "THEN h.holder END AS live, quote_literal(p.holder) || "
    "coalesce(', silent for ' || " AGO("h.at") ", '') AS last "
    "FROM positions p LEFT JOIN control.heartbeats h "
    "ON h.holder = p.holder AND h.schema = $1 "
    "LEFT JOIN jsonb_to_recordset($2) AS "
    "l (topic text, partition int, log_begin bigint, log_end bigint) "
    "USING (topic, partition)) p "
    "GROUP BY service, lane, topic, colour "
    "ORDER BY service, lane, topic, colour");

enum { N_PARTITIONS = 4, N_HELD, LAG = 9, WAS_HELD, LAST, N_ABOVE, N_BELOW };

/*
 * -> check, of, good, detail: workers that live and what they cannot read; the
 * queues, and does one wait that no enabled grill serves (demo stalls need
 * none); grills; dead letters, which stay in their table, so that they cannot
 * be what is wrong now.
 */
SQL(status_checks, 1,
    "WITH workers AS (SELECT * FROM control.heartbeats "
    "WHERE schema = $1 AND at > now() - " WORKER_LIVES_FOR "), "
    "toasties_by_stall AS (SELECT stall, "
    "count(*) FILTER (WHERE shown = 'queued') AS queued, "
    "count(*) FILTER (WHERE shown = 'grilling') AS grilling, "
    "count(*) FILTER (WHERE shown = 'parked') AS parked, "
    "count(*) FILTER (WHERE shown = 'uncertain') AS uncertain, "
    "bool_or(shown = 'queued') AND NOT starts_with(stall, 'demo-') "
    "AND NOT EXISTS (SELECT FROM control.grills g WHERE g.enabled "
    "AND (g.stalls IS NULL OR t.stall = ANY (g.stalls))) "
    "AS unserved, "
    AGO("min(queued_at) FILTER (WHERE shown = 'queued')")
    " AS oldest FROM " TOASTIES_OPEN " t GROUP BY stall "
    "ORDER BY 5 DESC, 6 DESC, stall LIMIT 100), "
    "grills AS (SELECT g.*, count(p.plate) AS plates, "
    "count(p.out_since) AS n_out, string_agg(p.plate || ': ' || "
    "p.out_reason, ', ' ORDER BY p.plate) "
    "FILTER (WHERE p.out_since IS NOT NULL) AS out_reasons, "
    "g.seen_at <= now() - " GRILL_SEEN_FOR " AS unheard "
    "FROM control.grills g LEFT JOIN control.plates p USING (grill) "
    "GROUP BY g.grill) "
    "SELECT what, of, good, detail FROM ("
    "SELECT 1 AS rank, row_number() OVER (ORDER BY service, holder), "
    "'worker' AS what, holder AS of, ready AS good, "
    "CASE WHEN ready THEN 'ready, version ' || version "
    "ELSE concat('not ready: ', reason) END AS detail FROM workers "
    "UNION ALL (SELECT 2, row_number() OVER (ORDER BY t ->> 'topic', "
    "t ->> 'partition', holder), "
    "'partition', format('%s/%s', t ->> 'topic', t ->> 'partition'), "
    "false, format('''%s'' cannot read it: %s', holder, t ->> 'what') "
    "FROM workers, jsonb_array_elements(troubles) AS t ORDER BY 2 LIMIT 100) "
    "UNION ALL SELECT 3, row_number() OVER (ORDER BY uncertain DESC, "
    "unserved DESC, stall), 'toasties', stall, "
    "uncertain = 0 AND NOT unserved, "
    "format('%s queued%s, %s on a plate, %s parked, %s uncertain%s%s', "
    "queued, ' (the oldest for ' || oldest || ')', grilling, parked, "
    "uncertain, CASE WHEN uncertain > 0 THEN ': a person decides' END, "
    "CASE WHEN unserved THEN "
    "'; no enabled grill serves this stall' END) "
    "FROM toasties_by_stall "
    "UNION ALL SELECT 4, 1, 'toasties', '', true, 'none waits' "
    "WHERE NOT EXISTS (SELECT FROM toasties_by_stall) "
    "UNION ALL SELECT 5, row_number() OVER (ORDER BY grill), 'grill', "
    "grill, NOT enabled OR silent_since IS NULL "
    "AND unheard IS NOT TRUE AND n_out = 0, "
    "CASE WHEN NOT enabled THEN 'disabled' "
    "WHEN silent_since IS NOT NULL THEN format('silent for %s: %s', "
    AGO("silent_since") ", silent_reason) "
    "WHEN unheard THEN format('no worker has heard of it for %s', "
    AGO("seen_at") ") "
    "WHEN n_out > 0 THEN format('%s of %s plates are out of use: %s', "
    "n_out, plates, out_reasons) "
    "ELSE format('%s plates%s', plates, CASE WHEN seen_at IS NULL "
    "THEN ', not asked yet' END) END FROM grills "
    "UNION ALL SELECT 6, 1, 'dead letters', '', true, "
    "CASE WHEN count(*) = 0 THEN 'none' "
    "ELSE format('%s, the newest is %s old', count(*), "
    AGO("max(at)") ") END FROM dead_letters"
    ") checks ORDER BY rank, row_number");
/* clang-format on */

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

static void add_log(struct run *run, const struct topic *topic,
		    const int64_t *begins, const int64_t *ends)
{
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		buf_printf(&run->logs,
			   "%s{\"topic\": \"%s\", \"partition\": %d, "
			   "\"log_begin\": %" PRId64 ", \"log_end\": %" PRId64
			   "}",
			   run->logs.n > 1 ? "," : "", topic->name, i,
			   begins[i], ends[i]);
}

/* Is the topic there as it is declared, and where does it begin and end? */
static int read_topic(struct run *run, struct kafka_admin *admin,
		      const struct topic *topic, const char *name)
{
	int64_t begins[TOPIC_PARTITIONS], ends[TOPIC_PARTITIONS];
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
	r = kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends);
	if (!r)
		r = kafka_admin_begins(admin, name, TOPIC_PARTITIONS, begins);
	if (!r)
		add_log(run, topic, begins, ends);
	return r;
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
	r = kafka_admin_new(&admin, verb->conf.brokers, "overlord",
			    verb_first_ms(verb));
	buf_text(&run->logs, "[");
	for (size_t i = 0; !r && i < N_TOPICS; i++)
		r = read_topic(run, admin, &topic_table[i], names[i]);
	buf_add(&run->logs, "]", 2);
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

/*
 * Is all of it held, and is the log the one that the positions are of? A
 * service that no worker ever worked for may not be wanted, unless something
 * waits for it.
 */
static void check_group(struct run *run, int i, int row)
{
	const struct pg *pg = run->verb->pg;
	const char *topic = verb_cell(run->verb, i, row, 2);
	int64_t n = pg_i64(pg, i, row, N_PARTITIONS);
	int64_t n_held = pg_i64(pg, i, row, N_HELD);
	int64_t lag = pg_null(pg, i, row, LAG) ? 0 : pg_i64(pg, i, row, LAG);
	int64_t n_above = pg_i64(pg, i, row, N_ABOVE);
	int64_t n_below = pg_i64(pg, i, row, N_BELOW);
	char of[160];

	(void)snprintf(of, sizeof(of), "%s/%s/%s",
		       verb_cell(run->verb, i, row, 0),
		       verb_cell(run->verb, i, row, 1), topic);
	if (!pg_bool(pg, i, row, WAS_HELD) && lag)
		add_check(run, false, "positions", of,
			  "no worker has ever held it, and its lag is %" PRId64,
			  lag);
	else if (!pg_bool(pg, i, row, WAS_HELD))
		add_check(run, true, "positions", of,
			  "no worker has ever held it");
	else if (n_held < n)
		add_check(run, false, "positions", of,
			  "%" PRId64 " of %" PRId64 " partitions have no "
			  "holder with a young heartbeat, the last was %s",
			  n - n_held, n, verb_cell(run->verb, i, row, LAST));
	if (n_above)
		add_check(run, false, "positions", of,
			  "'%s' ends below %" PRId64
			  " of its positions: it was made anew, or is an older "
			  "copy; workers hold these partitions until the log "
			  "that the positions tell of comes back",
			  topic, n_above);
	if (n_below)
		add_check(run, false, "positions", of,
			  "'%s' begins above %" PRId64 " of its positions: "
			  "records that were not decided may be gone",
			  topic, n_below);
}

static int read_rows(struct run *run, struct out *positions)
{
	struct verb *verb = run->verb;
	struct value schema = value_text(verb->schema);
	int groups = verb_add(verb, &status_positions,
			      VALUES(schema, value_json(run->logs.p)));
	int checks = verb_add(verb, &status_checks, &schema);
	int r = verb_send(verb, "status");

	if (r)
		return r;
	out_rows(positions, verb->pg, groups);
	for (int row = 0; row < pg_n_rows(verb->pg, groups); row++)
		check_group(run, groups, row);
	out_rows(run->checks, verb->pg, checks);
	for (int row = 0; row < pg_n_rows(verb->pg, checks); row++) {
		run->n_checks++;
		run->n_bad += !pg_bool(verb->pg, checks, row, 2);
	}
	return 0;
}

static int print(const struct run *run, struct out *positions)
{
	int r = out_print_two(positions, run->checks);

	if (r || !run->n_bad)
		return r;
	return verb_failed(NULL, "%d of %d checks are not good", run->n_bad,
			   run->n_checks);
}

int cmd_status(struct verb *verb)
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
