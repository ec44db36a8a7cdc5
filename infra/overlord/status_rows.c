/* SPDX-License-Identifier: MIT */
/*
 * Status rows: see status_rows.h. Postgres says how long ago a thing was, by
 * its own clock. Main thread.
 */
#include "infra/overlord/status_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/str.h"
#include "infra/overlord/toastie_sql.h"

/* clang-format off */
#define AGO(at) "date_trunc('second', now() - " at ")::text"

/* -> holder, ready, version, reason: a row a worker that lives */
static const struct pg_statement workers_live = {
	.name = "workers_live",
	.sql = "SELECT holder, ready, version, reason FROM control.heartbeats "
	       "WHERE schema = $1 AND at > now() - " STATUS_LIVE " "
	       "ORDER BY service, holder",
	.n_args = 1,
};

/* -> topic/partition, what, holder: a row a partition that it cannot read */
static const struct pg_statement troubles_live = {
	.name = "troubles_live",
	.sql = "SELECT format('%s/%s', t ->> 'topic', t ->> 'partition'), "
	       "t ->> 'what', holder FROM control.heartbeats, "
	       "jsonb_array_elements(troubles) AS t "
	       "WHERE schema = $1 AND at > now() - " STATUS_LIVE " "
	       "ORDER BY 1, 3 LIMIT 100",
	.n_args = 1,
};

/* -> stall, queued, on a plate, parked, uncertain, does a queue wait that no
 * enabled grill serves (demo stalls need none), how long the oldest has been
 * queued; those first that are not good */
static const struct pg_statement toasties_waiting = {
	.name = "toasties_waiting",
	.sql = "SELECT t.stall, count(*) FILTER (WHERE shown = 'queued'), "
	       "count(*) FILTER (WHERE shown = 'grilling'), "
	       "count(*) FILTER (WHERE shown = 'parked'), "
	       "count(*) FILTER (WHERE shown = 'uncertain'), "
	       "bool_or(shown = 'queued') "
	       "AND NOT starts_with(t.stall, 'demo-') "
	       "AND NOT EXISTS (SELECT FROM control.grills g WHERE g.enabled "
	       "AND (g.stalls IS NULL OR t.stall = ANY (g.stalls))), "
	       AGO("min(t.queued_at) FILTER (WHERE shown = 'queued')") " "
	       "FROM " TOASTIES_OPEN " t "
	       "GROUP BY t.stall ORDER BY 5 DESC, 6 DESC, t.stall LIMIT 100",
	.n_args = 0,
};

/* -> grill, enabled, for how long it has been silent, why, plates, plates out
 * of use, why, has it ever answered, for how long nothing was heard of it */
static const struct pg_statement grills_now = {
	.name = "grills_now",
	.sql = "SELECT g.grill, g.enabled, " AGO("g.silent_since") ", "
	       "g.silent_reason, count(p.plate), "
	       "count(p.plate) FILTER (WHERE p.out_since IS NOT NULL), "
	       "string_agg(p.plate || ': ' || p.out_reason, ', ' "
	       "ORDER BY p.plate) FILTER (WHERE p.out_since IS NOT NULL), "
	       "g.seen_at IS NOT NULL, "
	       "CASE WHEN g.seen_at <= now() - " STATUS_SEEN " THEN "
	       AGO("g.seen_at") " END "
	       "FROM control.grills g LEFT JOIN control.plates p USING (grill) "
	       "GROUP BY g.grill ORDER BY g.grill",
	.n_args = 0,
};

/* -> how many, how long ago the newest was */
static const struct pg_statement dead_letters_count = {
	.name = "dead_letters_count",
	.sql = "SELECT count(*), " AGO("max(at)") " FROM dead_letters",
	.n_args = 0,
};
/* clang-format on */

void status_rows_add(struct status_rows *ret, struct pg *pg,
		     const struct pg_args *schema)
{
	ret->workers = pg_add(pg, &workers_live, schema);
	ret->troubles = pg_add(pg, &troubles_live, schema);
	ret->toasties = pg_add(pg, &toasties_waiting, NULL);
	ret->grills = pg_add(pg, &grills_now, NULL);
	ret->dead_letters = pg_add(pg, &dead_letters_count, NULL);
}

/* A text of a row, for as long as the next four are not asked for. */
struct texts {
	const struct pg *pg;
	int statement, row;
	char text[4][512];
	size_t next;
};

static const char *text_at(struct texts *texts, int column)
{
	char *text = texts->text[texts->next++ % 4];
	size_t n;
	const char *p =
		pg_bytes(texts->pg, texts->statement, texts->row, column, &n);

	(void)str_n_copy(text, sizeof(texts->text[0]), p, n);
	return text;
}

static void check_workers(const struct pg *pg, int i, struct checks *checks)
{
	for (int row = 0; row < pg_n_rows(pg, i); row++) {
		struct texts texts = { .pg = pg, .statement = i, .row = row };
		bool ready = pg_bool(pg, i, row, 1);

		checks_add(checks, ready, "worker", text_at(&texts, 0), "%s%s",
			   ready ? "ready, version " : "not ready: ",
			   text_at(&texts, ready ? 2 : 3));
	}
}

static void check_troubles(const struct pg *pg, int i, struct checks *checks)
{
	for (int row = 0; row < pg_n_rows(pg, i); row++) {
		struct texts texts = { .pg = pg, .statement = i, .row = row };

		checks_add(checks, false, "partition", text_at(&texts, 0),
			   "'%s' cannot read it: %s", text_at(&texts, 2),
			   text_at(&texts, 1));
	}
}

static void check_toasties(const struct pg *pg, int i, struct checks *checks)
{
	for (int row = 0; row < pg_n_rows(pg, i); row++) {
		struct texts texts = { .pg = pg, .statement = i, .row = row };
		int64_t n_uncertain = pg_i64(pg, i, row, 4);
		bool unserved = pg_bool(pg, i, row, 5);
		char oldest[64] = "";

		if (!pg_null(pg, i, row, 6))
			(void)snprintf(oldest, sizeof(oldest),
				       " (the oldest for %.32s)",
				       text_at(&texts, 6));
		checks_add(checks, !n_uncertain && !unserved, "toasties",
			   text_at(&texts, 0),
			   "%" PRId64 " queued%s, %" PRId64 " on a plate, "
			   "%" PRId64 " parked, %" PRId64 " uncertain%s%s",
			   pg_i64(pg, i, row, 1), oldest, pg_i64(pg, i, row, 2),
			   pg_i64(pg, i, row, 3), n_uncertain,
			   n_uncertain ? ": a person decides" : "",
			   unserved ? "; no enabled grill serves this stall"
				    : "");
	}
	if (!pg_n_rows(pg, i))
		checks_add(checks, true, "toasties", "", "none waits");
}

static void check_grill(struct texts *texts, struct checks *checks)
{
	const struct pg *pg = texts->pg;
	int i = texts->statement, row = texts->row;
	const char *grill = text_at(texts, 0);
	int64_t n_plates = pg_i64(pg, i, row, 4);
	int64_t n_out = pg_i64(pg, i, row, 5);

	if (!pg_bool(pg, i, row, 1))
		checks_add(checks, true, "grill", grill, "disabled");
	else if (!pg_null(pg, i, row, 2))
		checks_add(checks, false, "grill", grill, "silent for %s: %s",
			   text_at(texts, 2), text_at(texts, 3));
	else if (!pg_null(pg, i, row, 8))
		checks_add(checks, false, "grill", grill,
			   "no worker has heard of it for %s",
			   text_at(texts, 8));
	else if (n_out)
		checks_add(checks, false, "grill", grill,
			   "%" PRId64 " of %" PRId64 " plates are out of use: "
			   "%s",
			   n_out, n_plates, text_at(texts, 6));
	else
		checks_add(checks, true, "grill", grill, "%" PRId64 " plates%s",
			   n_plates,
			   pg_bool(pg, i, row, 7) ? "" : ", not asked yet");
}

static void check_dead_letters(const struct pg *pg, int i,
			       struct checks *checks)
{
	struct texts texts = { .pg = pg, .statement = i };
	int64_t n = pg_i64(pg, i, 0, 0);

	/* They stay in the table, so they cannot be what is wrong now. */
	if (n)
		checks_add(checks, true, "dead letters", "",
			   "%" PRId64 ", the newest is %s old", n,
			   text_at(&texts, 1));
	else
		checks_add(checks, true, "dead letters", "", "none");
}

void status_rows_check(const struct status_rows *rows, const struct pg *pg,
		       struct checks *checks)
{
	check_workers(pg, rows->workers, checks);
	check_troubles(pg, rows->troubles, checks);
	check_toasties(pg, rows->toasties, checks);
	for (int row = 0; row < pg_n_rows(pg, rows->grills); row++)
		check_grill(&(struct texts){ .pg = pg,
					     .statement = rows->grills,
					     .row = row },
			    checks);
	check_dead_letters(pg, rows->dead_letters, checks);
}
