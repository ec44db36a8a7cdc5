/* SPDX-License-Identifier: MIT */
/*
 * A change of lanes draws its numbers from control.epoch_seq while it has all
 * positions of the service locked, and a trigger on a position reads the same
 * sequence while it has that position locked. So the number says, exactly,
 * which lanes there were.
 */
#include "itests/harness/audit.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "itests/harness/suite.h"

/* Its records wait for so long after a change, at most. */
#define AROUND_MS "500"
#define BREACHES_SHOWN 8

/* clang-format off */
static const char *const begin_sql[] = {
	"CREATE SEQUENCE audit_seq",
	"CREATE TABLE audit_moves (id int8, at timestamptz, xid xid, app text, "
	"service text, lane text, topic text, partition int, colour text, "
	"lane_colour text, holder text, epoch int8, old_epoch int8, "
	"old_holder text, from_offset int8, to_offset int8, emits bool, "
	"seq int8)",
	"CREATE FUNCTION audit_positions() RETURNS trigger LANGUAGE plpgsql "
	"AS $$ BEGIN INSERT INTO audit_moves SELECT nextval('audit_seq'), "
	"clock_timestamp(), pg_current_xact_id()::xid, "
	"current_setting('application_name'), n.service, n.lane, n.topic, "
	"n.partition, n.colour, l.colour, n.holder, n.epoch, o.epoch, "
	"o.holder, o.next_offset, n.next_offset, "
	"n.emitted_offset > o.emitted_offset, "
	"(SELECT last_value FROM control.epoch_seq) "
	"FROM new_rows n JOIN old_rows o USING (service, lane, topic, "
	"partition) LEFT JOIN control.lanes l ON l.service = n.service AND "
	"l.lane = n.lane AND l.ended_at IS NULL "
	"WHERE n.next_offset <> o.next_offset OR n.epoch <> o.epoch OR "
	"n.emitted_offset > o.emitted_offset; RETURN NULL; END $$",
	"CREATE TRIGGER audit AFTER UPDATE ON positions REFERENCING "
	"OLD TABLE AS old_rows NEW TABLE AS new_rows "
	"FOR EACH STATEMENT EXECUTE FUNCTION audit_positions()",

	/* At the end of its transaction, when it has locked its positions. */
	"CREATE TABLE audit_intents (id int8, order_id uuid, app text, "
	"seq int8)",
	"CREATE FUNCTION audit_intent() RETURNS trigger LANGUAGE plpgsql "
	"AS $$ BEGIN INSERT INTO audit_intents SELECT nextval('audit_seq'), "
	"NEW.order_id, current_setting('application_name'), last_value "
	"FROM control.epoch_seq; RETURN NULL; END $$",
	"CREATE CONSTRAINT TRIGGER audit AFTER INSERT ON intents DEFERRABLE "
	"INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_intent()",

	"CREATE TABLE audit_changes (n int GENERATED ALWAYS AS IDENTITY, "
	"service text, verb text, began timestamptz, ended timestamptz, "
	"healthy bool, refused text)",
	/* What waits for its client for so long is ended, as overlord does. */
	"CREATE FUNCTION audit_change(statement text) RETURNS text "
	"LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1 .. 50 LOOP BEGIN "
	"PERFORM set_config('lock_timeout', '200ms', true); "
	"EXECUTE statement; RETURN NULL; "
	"EXCEPTION WHEN lock_not_available THEN "
	"PERFORM pg_stat_clear_snapshot(); "
	"PERFORM pg_terminate_backend(pid) FROM pg_stat_activity "
	"WHERE datname = current_database() AND wait_event_type = 'Client' "
	"AND backend_xid IS NOT NULL AND state_change < clock_timestamp() - "
	"interval '150 ms'; "
	"WHEN SQLSTATE 'TG004' THEN RETURN SQLERRM; END; END LOOP; "
	"RAISE EXCEPTION 'somebody has the locks for ever'; END $$",
};

/* Which lane had a key, from which number on; and what decided each record. */
static const char *const work_sql[] = {
	"CREATE TABLE check_lanes (service text, bucket int, customer text, "
	"stall text, lane text, seq_from int8, seq_to int8)",
	"CREATE TABLE check_decided (partition int, \"offset\" int8, "
	"order_id uuid, customer text, bucket int, id int8, at timestamptz, "
	"xid xid, timestamp_ms int8)",
};

static const char decided_sql[] =
	"INSERT INTO check_decided SELECT c.partition, c.\"offset\", "
	"c.order_id, c.customer, c.bucket, m.id, m.at, m.xid, c.timestamp_ms "
	"FROM (SELECT *, generate_series(from_offset, to_offset - 1) AS "
	"\"offset\" FROM audit_moves WHERE service = 'chillybin' AND "
	"topic = 'orders' AND to_offset > from_offset) m "
	"JOIN check_commands c ON c.partition = m.partition AND "
	"c.\"offset\" = m.\"offset\" AND c.reason IS NULL "
	"JOIN check_lanes k ON k.service = m.service AND k.lane = m.lane AND "
	"k.bucket = c.bucket AND k.customer = c.customer AND "
	"k.stall = c.stall AND m.seq >= k.seq_from AND m.seq < k.seq_to";

#define MOVE "concat_ws(' ', service, lane, topic, partition, from_offset, " \
	"to_offset, 'by', app, 'under', epoch, 'at', at)"

static const struct {
	const char *breach, *sql;
} rules[] = {
	{ "a position that a stranger moved: is, its holder",
	  "SELECT " MOVE " || ' ' || coalesce(old_holder, 'nobody') "
	  "FROM audit_moves WHERE (to_offset <> from_offset OR emits) AND "
	  "old_holder IS DISTINCT FROM app" },
	{ "a position that was moved back, or under another epoch",
	  "SELECT " MOVE " FROM audit_moves WHERE to_offset < from_offset OR "
	  "(to_offset > from_offset AND epoch <> old_epoch)" },
	{ "a position that was moved for another colour than its lane's",
	  "SELECT " MOVE " || concat(' ', colour, ' ', lane_colour) "
	  "FROM audit_moves WHERE to_offset > from_offset AND "
	  "(colour IS DISTINCT FROM lane_colour OR "
	  "split_part(split_part(app, '.', 2), '/', 1) <> colour)" },
	{ "an epoch that is not higher",
	  "SELECT " MOVE " FROM audit_moves WHERE epoch < old_epoch" },
	{ "a record that was decided so many times by its lane",
	  "SELECT concat_ws(' ', c.partition, c.\"offset\", count(d.id)) "
	  "FROM check_commands c LEFT JOIN check_decided d USING (partition, "
	  "\"offset\") WHERE c.reason IS NULL GROUP BY c.partition, "
	  "c.\"offset\" HAVING count(d.id) <> 1" },
	/* What is cancelled or returned is written again. */
	{ "an order that was not committed with its lane's position",
	  "SELECT o.order_id::text FROM orders o LEFT JOIN check_decided d "
	  "USING (partition, \"offset\") WHERE o.cancelled_at IS NULL AND "
	  "o.returned_at IS NULL AND d.xid IS DISTINCT FROM o.xmin" },
	{ "a key whose records were decided in another order",
	  "SELECT concat_ws(' ', customer, partition, \"offset\") FROM "
	  "(SELECT *, lag(id) OVER (PARTITION BY customer, bucket, partition "
	  "ORDER BY \"offset\") AS before FROM check_decided) d "
	  "WHERE before > id" },
	{ "a toastie that was started by a stranger: who, the holder",
	  "SELECT concat_ws(' ', i.order_id, i.app, m.holder) "
	  "FROM audit_intents i JOIN toasties t USING (order_id) "
	  "LEFT JOIN check_lanes k ON k.service = 'jafflr' AND "
	  "k.bucket = t.bucket AND k.customer = coalesce(t.customer, '') AND "
	  "k.stall = t.stall AND i.seq >= k.seq_from AND i.seq < k.seq_to "
	  "LEFT JOIN LATERAL (SELECT holder FROM audit_moves m "
	  "WHERE m.service = 'jafflr' AND m.topic = 'picks' AND "
	  "m.partition = t.partition AND m.lane = k.lane AND m.id < i.id "
	  "ORDER BY m.id DESC LIMIT 1) m ON true "
	  "WHERE m.holder IS DISTINCT FROM i.app" },
};

/* Of each healthy change: how long no order was committed around it although
 * one was there, and in as long a time before it; how long an order waited that
 * was committed then. */
static const char gaps_sql[] =
	"CREATE TABLE check_gaps AS WITH commits AS (SELECT at, "
	"to_timestamp(min(timestamp_ms) / 1000.0) AS sent FROM check_decided "
	"GROUP BY at), waiting AS (SELECT at, min(sent) OVER (ORDER BY at "
	"ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS since "
	"FROM commits), gaps AS (SELECT greatest(since, lag(at) OVER "
	"(ORDER BY at)) AS at, at AS next FROM waiting), "
	"lengths AS (SELECT at, next, round(extract(epoch FROM next - at) * "
	"1000) AS ms FROM gaps) "
	"SELECT n, verb, (SELECT max(ms) FROM lengths g WHERE g.next > c.began "
	"AND g.at < c.ended + around) AS gap_ms, "
	"(SELECT max(ms) FROM lengths g WHERE g.next > c.began - around AND "
	"g.next < c.began) AS before_ms, "
	"(SELECT round(max(extract(epoch FROM at) * 1000 - timestamp_ms)) "
	"FROM check_decided d WHERE d.at > c.began AND d.at < c.ended + "
	"around) AS wait_ms FROM audit_changes c, "
	"(SELECT interval '" AROUND_MS " ms' AS around) a "
	"WHERE service = 'chillybin' AND healthy AND refused IS NULL";

#define MIDDLE_P99_MAX(column) \
	"format('%%s ms in the middle, p99 %%s, longest %%s', " \
	"round(percentile_cont(0.5) WITHIN GROUP (ORDER BY " column ")), " \
	"percentile_disc(0.99) WITHIN GROUP (ORDER BY " column "), " \
	"max(" column "))"
/* clang-format on */

void audit_begin(const struct world *world)
{
	for (int i = 0; i < N_ROWS(begin_sql); i++)
		(void)db_query(world->db, "%s", begin_sql[i]);
}

char *audit_now(const struct world *world)
{
	return db_text(world->db, "SELECT clock_timestamp()::text");
}

void audit_execute(const struct world *world, struct audit_change *change,
		   const char *statement)
{
	CLEANUP(cleanup_free) char *refused = NULL;

	refused =
		db_text(world->db, "SELECT audit_change($s$%s$s$)", statement);
	if (*refused)
		change->refused = xstrdup(refused);
}

void audit_note(const struct world *world, struct audit_change *change)
{
	(void)db_query(world->db,
		       "INSERT INTO audit_changes (service, verb, began, "
		       "ended, healthy, refused) VALUES ('%s', '%s', '%s', "
		       "clock_timestamp(), %s, nullif($s$%s$s$, ''))",
		       change->service, change->verb, change->began,
		       change->healthy ? "true" : "false",
		       change->refused ? change->refused : "");
	free(change->began);
	free(change->refused);
}

/* ---- which lane had a key, and when ---- */

struct lane_row {
	char *name, *kind, *names; /* names: ",a,b," */
	int parent;                /* -1: none */
	int64_t bucket_from, bucket_to, made, ended;
};

struct history {
	struct lane_row *lanes;
	int n_lanes;
	int64_t *events; /* each number at which a lane is made or ends */
	int n_events;
};

static char *text_at(struct db *db, int i, int row, int column)
{
	const char *p = "";
	size_t n = 0;

	if (!pg_null(db_pg(db), i, row, column))
		p = pg_bytes(db_pg(db), i, row, column, &n);
	return strndup(p, n);
}

static struct history read_history(const struct world *world,
				   const char *service)
{
	struct db *db = world->db;
	struct history history = { 0 };
	int i;

	i = db_query(db,
		     "WITH l AS (SELECT *, (row_number() OVER (ORDER BY parent "
		     "IS NOT NULL, made) - 1)::int AS i FROM control.lanes "
		     "WHERE service = '%s') SELECT l.lane, kind, "
		     "',' || array_to_string(names, ',') || ',', "
		     "coalesce((SELECT p.i FROM l p WHERE p.lane = l.parent), "
		     "-1), coalesce(bucket_from, 0)::int8, "
		     "coalesce(bucket_to, 0)::int8, made, "
		     "coalesce(ended, %" PRId64 ") FROM l ORDER BY i",
		     service, INT64_MAX);
	history.n_lanes = pg_n_rows(db_pg(db), i);
	history.lanes =
		xcalloc((size_t)history.n_lanes, sizeof(*history.lanes));
	history.events = xcalloc((size_t)history.n_lanes * 2 + 1,
				 sizeof(*history.events));
	for (int row = 0; row < history.n_lanes; row++) {
		struct pg *pg = db_pg(db);
		struct lane_row *lane = &history.lanes[row];

		lane->name = text_at(db, i, row, 0);
		lane->kind = text_at(db, i, row, 1);
		lane->names = text_at(db, i, row, 2);
		lane->parent = (int)pg_i64(pg, i, row, 3);
		lane->bucket_from = pg_i64(pg, i, row, 4);
		lane->bucket_to = pg_i64(pg, i, row, 5);
		lane->made = row ? pg_i64(pg, i, row, 6) : 0;
		lane->ended = pg_i64(pg, i, row, 7);
		history.events[history.n_events++] = lane->made;
		if (lane->ended != INT64_MAX)
			history.events[history.n_events++] = lane->ended;
	}
	return history;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* What a lane's rule looks at. */
struct lane_key {
	int64_t bucket;
	char *customer, *stall;
};

static bool is_among(const char *names, const char *name)
{
	char word[1100];

	(void)snprintf(word, sizeof(word), ",%s,", name);
	return strstr(names, word) != NULL;
}

static bool meets(const struct lane_row *lane, const struct lane_key *key)
{
	if (!strcmp(lane->kind, "buckets"))
		return key->bucket >= lane->bucket_from &&
		       key->bucket < lane->bucket_to;
	if (!strcmp(lane->kind, "stalls"))
		return is_among(lane->names, key->stall);
	return is_among(lane->names, key->customer);
}

/* Up from a lane that had ended by then. */
static int living(const struct history *history, int found, int64_t number)
{
	while (history->lanes[found].ended <= number)
		found = history->lanes[found].parent;
	return found;
}

static int lane_at(const struct history *history, const struct lane_key *key,
		   int64_t number)
{
	int found = 0;

	for (int i = 1; i < history->n_lanes; i++) {
		const struct lane_row *lane = &history->lanes[i];

		if (lane->made > number)
			break;
		found = living(history, found, lane->made);
		if (lane->parent == found && meets(lane, key))
			found = i;
	}
	return living(history, found, number);
}

static void add_interval(struct buf *sql, const char *service,
			 const struct lane_key *key, const char *lane,
			 int64_t from, int64_t to)
{
	buf_printf(sql,
		   "%s('%s', %" PRId64 ", $q$%s$q$, $q$%s$q$, '%s', %" PRId64
		   ", %" PRId64 ")",
		   sql->n ? ", " : "", service, key->bucket, key->customer,
		   key->stall, lane, from, to);
}

static void add_intervals(struct buf *sql, const char *service,
			  const struct history *history,
			  const struct lane_key *key)
{
	int64_t from = 0;
	int lane = 0, next;

	for (int i = 0; i < history->n_events; i++) {
		next = lane_at(history, key, history->events[i]);
		if (next == lane)
			continue;
		add_interval(sql, service, key, history->lanes[lane].name, from,
			     history->events[i]);
		from = history->events[i];
		lane = next;
	}
	add_interval(sql, service, key, history->lanes[lane].name, from,
		     INT64_MAX);
}

static void history_deinit(struct history *history)
{
	for (int i = 0; i < history->n_lanes; i++) {
		free(history->lanes[i].name);
		free(history->lanes[i].kind);
		free(history->lanes[i].names);
	}
	free(history->lanes);
	free(history->events);
}

/* @table has the keys. */
static void find_lanes(const struct world *world, const char *service,
		       const char *table)
{
	struct history history = read_history(world, service);
	struct buf sql = { 0 };
	int i;

	qsort(history.events, (size_t)history.n_events, sizeof(int64_t),
	      by_number);
	i = db_query(world->db,
		     "SELECT DISTINCT bucket::int8, coalesce(customer, ''), "
		     "coalesce(stall, '') FROM %s",
		     table);
	for (int row = 0; row < pg_n_rows(db_pg(world->db), i); row++) {
		struct lane_key key = {
			.bucket = pg_i64(db_pg(world->db), i, row, 0),
			.customer = text_at(world->db, i, row, 1),
			.stall = text_at(world->db, i, row, 2),
		};

		add_intervals(&sql, service, &history, &key);
		free(key.customer);
		free(key.stall);
	}
	if (sql.n)
		(void)db_query(world->db, "INSERT INTO check_lanes VALUES %.*s",
			       (int)sql.n, sql.p);
	buf_deinit(&sql);
	history_deinit(&history);
}

/* ---- the rules ---- */

static size_t note_breaches(struct db *db, int rule, struct buf *ret)
{
	int i = db_query(db, "%s LIMIT %d", rules[rule].sql, BREACHES_SHOWN);
	int n = pg_n_rows(db_pg(db), i);

	for (int row = 0; row < n; row++) {
		CLEANUP(cleanup_free) char *text = text_at(db, i, row, 0);

		buf_printf(ret, "\n\t%s: %s", rules[rule].breach, text);
	}
	return (size_t)n;
}

void audit_check(const struct world *world)
{
	struct buf breaches = { 0 };
	size_t n = 0;

	for (int i = 0; i < N_ROWS(work_sql); i++)
		(void)db_query(world->db, "%s", work_sql[i]);
	find_lanes(world, "chillybin", "check_commands WHERE reason IS NULL");
	find_lanes(world, "jafflr", "toasties");
	(void)db_query(world->db, "ANALYZE audit_moves, check_commands, "
				  "check_lanes");
	(void)db_query(world->db, "%s", decided_sql);
	(void)db_query(world->db,
		       "CREATE INDEX ON audit_moves (service, topic, "
		       "partition, lane, id)");
	(void)db_query(world->db, "ANALYZE check_decided, audit_moves");
	for (int i = 0; i < N_ROWS(rules); i++)
		n += note_breaches(world->db, i, &breaches);
	ck_assert_msg(!n, "%zu breaches:%.*s", n, (int)breaches.n, breaches.p);
	buf_deinit(&breaches);
}

void audit_note_gaps(const struct world *world)
{
	CLEANUP(cleanup_free) char *gaps = NULL;

	(void)db_query(world->db, "%s", gaps_sql);
	gaps = db_text(
		world->db,
		"SELECT format('%%s healthy switches: the longest gap in "
		"committed orders %%s; in as long a time before %%s; the "
		"longest wait of an order %%s', count(*), " MIDDLE_P99_MAX(
			"gap"
			"_m"
			"s") ", " MIDDLE_P99_MAX("before_ms") ","
							      " " MIDDLE_P99_MAX(
								      "wait_ms") ") FROM "
										 "check_"
										 "gaps");
	suite_note("%s", gaps);
}
